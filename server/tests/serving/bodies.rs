//! Bodies in both directions: streamed, in chunks, with trailers, and never faster than the slower
//! side.

use crate::common::{TestServer, config, start, start_with, wait_for};
use ringgate::{Body, Request, Response, RouteOptions, Router, Writer};
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::time::Duration;

/// What may be under way between a side that writes and one that does not read: the buffers of two
/// sockets (tcp(7): 4 MiB for sending, 6 MiB for receiving at most by default) and the server's.
const UNDER_WAY_BYTES_MAX: u64 = 16 << 20;
/// Longest time without progress that cannot be chance: a receiver that reads takes microseconds.
const STALL: Duration = Duration::from_secs(1);

#[test]
fn chunks_go_in_and_come_out_with_extensions_ignored() {
    let server = start();
    let mut client = server.connect();
    client.send("POST /echo HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n");
    client.send("5;name=\"va;lue\"\r\nhello\r\n");
    assert!(
        client
            .head()
            .to_lowercase()
            .contains("transfer-encoding: chunked")
    );
    assert_eq!(client.chunk(), b"hello");
    // What is not sent yet cannot hold back what is.
    client.send("A\r\n, chunked!\r\n");
    let mut rest = client.chunk();
    while rest.len() < 10 {
        rest.extend(client.chunk());
    }
    assert_eq!(rest, b", chunked!");
    client.send("0\r\n\r\n");
    assert_eq!(client.chunk(), b"");
    assert_eq!(client.get("/plaintext").status, 200);
}

#[test]
fn a_body_byte_by_byte_is_the_same_body() {
    let server = start();
    let mut client = server.connect();
    let request = "POST /upload HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n\
        2\r\nab\r\n1\r\nc\r\n0\r\nTrailer-Field: x\r\n\r\n";
    for byte in request.as_bytes() {
        client.send([*byte]);
    }
    let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    assert_eq!(
        client.answer().text(),
        format!(r#"{{"bytes":3,"sha256":"{abc}"}}"#)
    );
    assert_eq!(client.get("/plaintext").status, 200);
}

#[test]
fn trailers_are_there_when_the_body_is_read() {
    let router = Router::new().post("/trailer", async |mut request: Request| {
        let early = request.body().trailers().is_some();
        while let Some(piece) = request.body().chunk().await {
            if let Err(error) = piece {
                return error.to_string();
            }
        }
        let trailers = request.body().trailers().unwrap_or_default();
        format!(
            "{early} {:?} {:?}",
            trailers.get("x-sum"),
            trailers.get("host")
        )
    });
    let server = start_with(config(), router, |_| ());
    let mut client = server.connect();
    client.send(
        "POST /trailer HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n\
         2\r\nab\r\n0\r\nX-Sum: 42\r\nHost: evil\r\n\r\n",
    );
    assert_eq!(client.answer().text(), "false Some(\"42\") None");
}

#[test]
fn a_long_body_is_echoed_whole() {
    let server = start();
    let mut client = server.connect();
    let body: Vec<u8> = (0..8_000_003u32).map(|at| (at % 249) as u8).collect();
    let mut sender = client.stream().try_clone().expect("a second handle");
    let sent = body.clone();
    let writer = std::thread::spawn(move || {
        let head = format!(
            "POST /echo HTTP/1.1\r\nHost: t\r\nContent-Length: {}\r\n\r\n",
            sent.len()
        );
        sender.write_all(&[head.as_bytes(), &sent].concat())
    });
    assert!(client.answer().body == body);
    writer.join().expect("no panic").expect("sent");
    assert_eq!(client.get("/plaintext").status, 200);
}

#[test]
fn a_stream_as_long_as_asked_for_is_held_to_its_length() {
    let router = Router::new()
        .get("/short", async |_: Request| sized(10, 4))
        .get("/long", async |_: Request| sized(4, 10));
    let server = start_with(config(), router, |_| ());
    for (path, body) in [("/short", 4), ("/long", 4)] {
        let mut client = server.connect();
        client.send(format!("GET {path} HTTP/1.1\r\nHost: t\r\n\r\n"));
        client.head();
        assert_eq!(
            client.rest().len(),
            body,
            "{path}: cut off, and no byte too many"
        );
    }
}

fn sized(promised: u64, written: u64) -> Response {
    Response::text("").with_body(Body::sized_writer(
        promised,
        async move |mut out: Writer| {
            for at in 0..written {
                if at == 4 {
                    // What went well is sent before the rest goes wrong.
                    ringgate::runtime::sleep(Duration::from_millis(20)).await;
                }
                out.write("x").await;
            }
            ringgate::runtime::sleep(Duration::from_millis(20)).await;
            Ok(())
        },
    ))
}

#[test]
fn a_stream_that_ends_later_than_its_last_byte_does_not_cost_the_connection() {
    let late = async |_: Request| {
        Response::text("").with_body(Body::sized_writer(4, async |mut out: Writer| {
            out.write("late").await;
            ringgate::runtime::sleep(Duration::from_millis(50)).await;
            Ok(())
        }))
    };
    let router = Router::new()
        .get("/late", late)
        .get("/quick", async |_: Request| "quick");
    let server = start_with(config(), router, |_| ());
    let mut client = server.connect();
    for _ in 0..3 {
        assert_eq!(client.get("/late").text(), "late");
    }
    // Nor the answer behind it.
    let batch = ["/late", "/quick"].map(|path| format!("GET {path} HTTP/1.1\r\nHost: t\r\n\r\n"));
    client.send(batch.concat());
    assert_eq!(client.answer().text(), "late");
    assert_eq!(client.answer().text(), "quick");
    assert_eq!(server.total("connections/accepted"), 1);
}

#[test]
fn a_stream_that_ends_later_than_its_last_byte_closes_before_the_rest_of_a_body_comes() {
    let late = async |_: Request| {
        Response::text("").with_body(Body::sized_writer(4, async |mut out: Writer| {
            out.write("late").await;
            ringgate::runtime::sleep(Duration::from_millis(50)).await;
            Ok(())
        }))
    };
    let server = start_with(config(), Router::new().post("/late", late), |_| ());
    let mut client = server.connect();
    client.send("POST /late HTTP/1.1\r\nHost: t\r\nConnection: close\r\n");
    client.send("Content-Length: 10\r\n\r\nhalf");
    assert_eq!(client.answer().text(), "late");
    client.expect_closed();
}

#[test]
fn what_was_thrown_away_of_one_body_does_not_count_against_the_next() {
    let mut config = config();
    config.timeouts.linger_size = Some(8_000);
    let server = start_with(config, Router::<()>::new(), |_| ());
    let mut client = server.connect();
    for _ in 0..3 {
        client.send("POST /nothing HTTP/1.1\r\nHost: t\r\nContent-Length: 6000\r\n\r\n");
        client.send([b'x'; 5_000]);
        assert_eq!(client.answer().status, 404);
        client.send([b'x'; 1_000]);
    }
    assert_eq!(server.total("connections/accepted"), 1);
}

#[test]
fn a_body_that_no_handler_reads_does_not_cost_the_connection() {
    let server = start();
    let mut client = server.connect();
    for size in [1, 5_000, 60_000] {
        let answer = client.request("POST", "/nothing", "", &vec![b'x'; size]);
        assert_eq!(
            (answer.status, answer.closes()),
            (404, false),
            "{size} bytes"
        );
    }
    assert_eq!(client.get("/plaintext").status, 200);
}

#[test]
fn a_client_that_sends_too_much_still_reads_its_answer() {
    let server = start();
    let mut client = server.connect();
    let head = "POST /plaintext HTTP/1.1\r\nHost: t\r\nContent-Length: 900000\r\n\r\n";
    client.send([head.as_bytes(), &vec![b'x'; 900_000]].concat());
    let answer = client.answer();
    assert_eq!(answer.status, 405);
    assert!(answer.closes());
    client.finish_sending();
    client.expect_closed();
}

/// Writes until nothing has gone through for [`STALL`] or all has; answers how many bytes did.
fn write_until_stalled(mut stream: &TcpStream, bytes: &[u8]) -> usize {
    stream.set_write_timeout(Some(STALL)).expect("a timeout");
    let mut sent = 0;
    while sent < bytes.len() {
        match stream.write(&bytes[sent..bytes.len().min(sent + (64 << 10))]) {
            Ok(count) => sent += count,
            Err(error) if error.kind() == ErrorKind::WouldBlock => break,
            Err(error) => panic!("after {sent} bytes: {error}"),
        }
    }
    sent
}

/// `/hold` reads nothing of its body until it is let go, and then counts it.
fn holding(go: &Arc<AtomicBool>) -> TestServer {
    let any = RouteOptions {
        body_size: Some(None),
        ..RouteOptions::default()
    };
    let go = go.clone();
    let router = Router::new()
        .get("/plaintext", async |_: Request| "Hello, World!")
        .route_with(
            any,
            http::Method::POST,
            "/hold",
            move |mut request: Request| {
                let go = go.clone();
                async move {
                    while !go.load(SeqCst) {
                        ringgate::runtime::sleep(Duration::from_millis(5)).await;
                    }
                    let mut count = 0;
                    while let Some(Ok(piece)) = request.body().chunk().await {
                        count += piece.len();
                    }
                    count.to_string()
                }
            },
        );
    // So few buffers that one body could hold them all.
    let mut config = config();
    config.rings.buffers = 64;
    config.rings.leases_kept = 64;
    start_with(config, router, |_| ())
}

#[test]
fn an_upload_stops_while_its_handler_does_not_read_and_loses_nothing() {
    let go = Arc::new(AtomicBool::new(false));
    let server = holding(&go);
    let mut client = server.connect();
    let body = vec![b'x'; 64 << 20];
    let len = body.len();
    client.send(format!(
        "POST /hold HTTP/1.1\r\nHost: t\r\nContent-Length: {len}\r\n\r\n"
    ));
    let sent = write_until_stalled(client.stream(), &body);
    assert!(
        sent < UNDER_WAY_BYTES_MAX as usize,
        "{sent} bytes went to a handler that reads none"
    );
    let mut second = server.connect();
    second.send(format!(
        "POST /hold HTTP/1.1\r\nHost: t\r\nContent-Length: {len}\r\n\r\n"
    ));
    write_until_stalled(second.stream(), &body);
    second.reset_when_dropped();
    assert_eq!(server.get("/plaintext").status, 200);
    go.store(true, SeqCst);
    let rest = &body[sent..];
    assert_eq!(write_until_stalled(client.stream(), rest), rest.len());
    assert_eq!(client.answer().text(), len.to_string());
}

#[test]
fn pipelined_requests_stop_while_the_first_is_not_answered_and_none_is_lost() {
    let go = Arc::new(AtomicBool::new(false));
    let server = holding(&go);
    let mut client = server.connect();
    client.send("POST /hold HTTP/1.1\r\nHost: t\r\nContent-Length: 0\r\n\r\n");
    let request = b"GET /plaintext HTTP/1.1\r\nHost: t\r\n\r\n";
    let flood = request.repeat(600_000);
    let sent = write_until_stalled(client.stream(), &flood);
    assert!(
        sent < UNDER_WAY_BYTES_MAX as usize,
        "{sent} bytes of requests went to a connection that answers none"
    );
    assert_eq!(server.get("/plaintext").status, 200);
    go.store(true, SeqCst);
    assert_eq!(client.answer().text(), "0");
    for n in 0..sent / request.len() {
        assert_eq!(client.answer().text(), "Hello, World!", "answer {n}");
    }
    client.reset_when_dropped();
}

/// `/pour` writes as fast as it is let, and counts.
fn pouring(poured: &Arc<AtomicU64>, len: u64) -> TestServer {
    static PIECE: [u8; 64 << 10] = [b'x'; 64 << 10];
    let poured = poured.clone();
    let router = Router::new().get("/pour", move |_: Request| {
        let poured = poured.clone();
        async move {
            Response::text("").with_body(Body::sized_writer(len, async move |mut out: Writer| {
                for _ in 0..len / PIECE.len() as u64 {
                    out.write(&PIECE[..]).await;
                    poured.fetch_add(PIECE.len() as u64, SeqCst);
                }
                Ok(())
            }))
        }
    });
    start_with(config(), router, |_| ())
}

#[test]
fn a_download_stops_while_its_client_does_not_read_and_loses_nothing() {
    let poured = Arc::new(AtomicU64::new(0));
    let len: u64 = 64 << 20;
    let server = pouring(&poured, len);
    let mut client = server.connect();
    client.send("GET /pour HTTP/1.1\r\nHost: t\r\n\r\n");
    client.head();
    let mut before = u64::MAX;
    wait_for("the handler stalls", || {
        std::thread::sleep(STALL);
        std::mem::replace(&mut before, poured.load(SeqCst)) == before
    });
    assert!(
        before < UNDER_WAY_BYTES_MAX,
        "{before} bytes written for a client that reads none"
    );
    assert_eq!(client.take(len as usize).len() as u64, len);
    assert_eq!(poured.load(SeqCst), len);
}

#[test]
fn a_client_that_goes_away_ends_its_handler() {
    let server = start();
    let mut upload = server.connect();
    upload.send("POST /upload HTTP/1.1\r\nHost: t\r\nContent-Length: 100\r\n\r\nabc");
    let mut download = server.connect();
    download.send("GET /bytes/1000000000 HTTP/1.1\r\nHost: t\r\n\r\n");
    let mut some = [0; 1000];
    download.stream().read_exact(&mut some).expect("a front");
    drop((upload, download));
    wait_for("both have ended", || server.total("requests/running") == 0);
    // A client may end its side and still read, so the half request was answered, with an error.
    assert_eq!(server.total("requests/answered"), 1);
    assert_eq!(server.total("requests/aborted"), 1);
}
