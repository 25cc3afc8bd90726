//! Bodies of services in both directions: never faster than the slower side, with trailers, and read where
//! they belong.

use crate::common::{PATIENCE, TestServer, config, start_with, wait_for};
use crate::support::{BoxError, Frames, answer, boxed, service, text};
use bytes::Bytes;
use http::header::TRAILER;
use http::{HeaderMap, HeaderValue};
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt;
use ringgate::config::Config;
use ringgate::simulation::Simulation;
use ringgate::tower::{self, BodyHandle};
use ringgate::{BodyError, RouteOptions, Router};
use std::io::{ErrorKind, Write};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::sync::{Mutex, mpsc};
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::Duration;
use tokio::sync::Notify;

/// What may be under way between a side that writes and one that does not read: the buffers of two sockets
/// (tcp(7): 4 MiB for sending, 6 MiB for receiving at most by default) and the server's.
const UNDER_WAY_BYTES_MAX: u64 = 16 << 20;
/// Longest time without progress that cannot be chance: a receiver that reads takes microseconds.
const STALL: Duration = Duration::from_secs(1);
const LONG_BYTES: usize = 48 << 20;

fn serve<V: tower::Service>(service: V) -> TestServer {
    let any = RouteOptions {
        body_size: Some(None),
        ..RouteOptions::default()
    };
    let router = Router::new().fallback(any, tower::handler(service));
    start_with(config(), router, |_| ())
}

fn echo() -> TestServer {
    serve(service(|request: http::Request<BodyHandle>| async move {
        answer(boxed(request.into_body()))
    }))
}

#[test]
fn a_body_is_echoed_with_its_length_or_in_chunks_as_it_came() {
    let server = echo();
    let mut client = server.connect();
    let body: Vec<u8> = (0..300_000u32).map(|at| (at % 249) as u8).collect();
    for size in [0, 1, 5_000, 300_000] {
        let echoed = client.request("POST", "/", "", &body[..size]);
        assert!(echoed.body == body[..size], "{size} bytes");
        let length = size.to_string();
        assert_eq!(echoed.header("content-length"), Some(length.as_str()));
    }
    client.send("POST / HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n");
    assert!(client.head().contains("Transfer-Encoding: chunked"));
    // What is not sent yet cannot hold back what is.
    assert_eq!(client.chunk(), b"hello");
    client.send("0\r\n\r\n");
    assert_eq!(client.chunk(), b"");
}

/// The end of a body with one trailer field.
const END: &[u8] = b"0\r\nx-sum: 42\r\n\r\n";

#[test]
fn trailers_go_in_and_come_out_behind_chunks() {
    let server = echo();
    let mut client = server.connect();
    for _ in 0..2 {
        client.send(
            "POST / HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n\
             2\r\nab\r\n0\r\nX-Sum: 42\r\nHost: evil\r\n\r\n",
        );
        client.head();
        assert_eq!(client.take(7), b"2\r\nab\r\n");
        assert_eq!(
            client.take(END.len()),
            END,
            "and the field that may not stand there is not"
        );
    }
}

#[test]
fn a_body_of_announced_length_is_not_at_its_end_while_trailers_may_come() {
    let server = serve(service(|request: http::Request<BodyHandle>| async move {
        let mut body = request.into_body();
        let mut told = String::new();
        // As one who passes a body on does it: he asks behind each frame whether another follows.
        while !body.is_end_stream() {
            match body.frame().await {
                Some(frame) => match frame?.into_trailers() {
                    Ok(fields) => told.push_str(&format!("{:?}", fields["x-sum"])),
                    Err(data) => told.push_str(&format!("{:?} ", data.into_data().ok())),
                },
                None => told.push_str("the end"),
            }
        }
        text(told)
    }));
    let mut client = server.connect();
    let answer = client.request("POST", "/", "", b"hello");
    assert_eq!(answer.text(), "Some(b\"hello\") ", "no trailers can follow");
    assert_eq!(client.request("POST", "/", "", b"").text(), "");
    let address = server.address();
    let asked = async |sent: &'static str| {
        let stream = tokio::net::TcpStream::connect(address).await?;
        let (client, connection) = h2::client::handshake(stream).await?;
        let connection = tokio::spawn(connection);
        let asked = http::Request::post("http://t/").header("content-length", sent.len());
        let mut client = client.ready().await?;
        let (answer, mut body) = client.send_request(asked.body(())?, false)?;
        if !sent.is_empty() {
            body.send_data(Bytes::from(sent), false)?;
        }
        let mut trailers = HeaderMap::new();
        trailers.insert("x-sum", HeaderValue::from_static("42"));
        body.send_trailers(trailers)?;
        let mut answer = answer.await?.into_body();
        let mut told = Vec::new();
        while let Some(part) = answer.data().await {
            told.extend_from_slice(&part?);
        }
        connection.abort();
        Ok::<_, BoxError>(String::from_utf8(told)?)
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    runtime.expect("a runtime").block_on(async {
        for (sent, expected) in [("hello", "Some(b\"hello\") \"42\""), ("", "\"42\"")] {
            let told = tokio::time::timeout(PATIENCE, asked(sent)).await;
            assert_eq!(told.expect("in time").expect("an answer"), expected);
        }
    });
}

/// A body that knows that it has two bytes.
struct OfTwoBytes<B>(B);

impl<B: Body<Data = Bytes, Error = BoxError> + Unpin> Body for OfTwoBytes<B> {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        Pin::new(&mut self.0).poll_frame(cx)
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(2)
    }
}

fn summed() -> impl Iterator<Item = Result<Frame<Bytes>, BoxError>> {
    let mut trailers = HeaderMap::new();
    trailers.insert("x-sum", HeaderValue::from_static("42"));
    trailers.insert("content-length", HeaderValue::from_static("1"));
    let frames = [Frame::data(Bytes::from("ab")), Frame::trailers(trailers)];
    frames.map(Ok).into_iter()
}

#[test]
fn trailers_of_a_body_of_known_length_go_out_if_they_are_announced() {
    let server = serve(service(|request: http::Request<BodyHandle>| async move {
        let mut answer = http::Response::new(boxed(OfTwoBytes(Frames(summed()))));
        if request.uri().path() == "/announced" {
            let names = HeaderValue::from_static("x-sum");
            answer.headers_mut().insert(TRAILER, names);
        }
        Ok(answer)
    }));
    let mut client = server.connect();
    client.send("GET /announced HTTP/1.1\r\nHost: t\r\n\r\n");
    let head = client.head();
    assert!(head.contains("Transfer-Encoding: chunked") && head.contains("trailer: x-sum"));
    assert_eq!(client.take(7), b"2\r\nab\r\n");
    assert_eq!(client.take(END.len()), END);
    let answer = client.get("/");
    assert_eq!(
        (answer.text(), answer.header("content-length")),
        ("ab", Some("2"))
    );
    // Nor has HTTP/1.0 a place for them.
    client.send("GET /announced HTTP/1.0\r\n\r\n");
    assert!(client.head().contains("Connection: close"));
    assert_eq!(client.rest(), b"ab");
}

#[test]
fn a_body_that_fails_is_500_before_its_head_is_sent_and_a_cut_after() {
    let server = serve(service(|request: http::Request<BodyHandle>| async move {
        let bad: Result<Frame<Bytes>, BoxError> = Err("no such record".into());
        if request.uri().path() == "/at-once" {
            return answer(boxed(Frames([bad].into_iter())));
        }
        let frames = [Ok(Frame::data(Bytes::from("good"))), bad];
        let body = Frames(frames.into_iter());
        answer(boxed(Slow {
            body,
            waited: false,
        }))
    }));
    let mut client = server.connect();
    let failed = client.get("/at-once");
    assert_eq!((failed.status, failed.closes()), (500, true));
    let mut client = server.connect();
    client.send("GET /later HTTP/1.1\r\nHost: t\r\n\r\n");
    assert!(client.head().starts_with("HTTP/1.1 200 "));
    assert_eq!(
        client.rest(),
        b"4\r\ngood\r\n",
        "not even the end of the chunks"
    );
    wait_for("the end of it", || server.total("requests/aborted") == 1);
}

/// Frames of which each comes a while after the one before.
struct Slow<B> {
    body: B,
    waited: bool,
}

impl<B: Body<Data = Bytes, Error = BoxError> + Unpin> Body for Slow<B> {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        self.waited = !self.waited;
        if !self.waited {
            return Pin::new(&mut self.body).poll_frame(cx);
        }
        let waker = cx.waker().clone();
        thread::spawn(move || {
            thread::sleep(Duration::from_millis(20)); // a frame that comes late
            waker.wake();
        });
        Poll::Pending
    }
}

#[test]
fn a_body_that_is_too_large_is_413_whatever_the_service_says() {
    let small = RouteOptions {
        body_size: Some(Some(10)),
        ..RouteOptions::default()
    };
    let told = Arc::new(Mutex::new(None));
    let tell = told.clone();
    let reader = service(move |request: http::Request<BodyHandle>| {
        let tell = tell.clone();
        async move {
            let error = request.into_body().collect().await.err();
            *tell.lock().expect("no panic") = error;
            text("well")
        }
    });
    let router = Router::new().fallback(small, tower::handler(reader));
    let server = start_with(config(), router, |_| ());
    let mut client = server.connect();
    client.send("POST / HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n");
    client.send("B\r\nhello world\r\n0\r\n\r\n");
    assert_eq!(client.answer().status, 413);
    drop(client);
    // The service may be dropped before it hears of it.
    if let Some(error) = told.lock().expect("no panic").take() {
        assert!(matches!(error, BodyError::Refused(status, _) if status == 413));
    }
}

/// Writes until nothing has gone through for [`STALL`] or all has; returns how many bytes did.
fn write_until_stalled(mut stream: &std::net::TcpStream, bytes: &[u8]) -> usize {
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

#[test]
fn an_upload_stops_while_the_service_does_not_read_and_loses_nothing() {
    let gate: Arc<Mutex<(bool, Option<Waker>)>> = Arc::default();
    let opened = gate.clone();
    let server = serve(service(move |request: http::Request<BodyHandle>| {
        let gate = gate.clone();
        async move {
            std::future::poll_fn(|cx| {
                let mut gate = gate.lock().expect("no panic");
                gate.1 = Some(cx.waker().clone());
                match gate.0 {
                    true => Poll::Ready(()),
                    false => Poll::Pending,
                }
            })
            .await;
            let mut body = request.into_body();
            let hint = body.size_hint().exact();
            let mut count = 0;
            while let Some(frame) = body.frame().await {
                count += frame?.into_data().map_or(0, |data| data.len());
            }
            text(format!("{count} of {hint:?}"))
        }
    }));
    let mut client = server.connect();
    client.send(format!(
        "POST / HTTP/1.1\r\nHost: t\r\nContent-Length: {LONG_BYTES}\r\n\r\n"
    ));
    let body = vec![b'x'; LONG_BYTES];
    let sent = write_until_stalled(client.stream(), &body);
    assert!(sent < UNDER_WAY_BYTES_MAX as usize, "{sent} bytes");
    let mut gate = opened.lock().expect("no panic");
    gate.0 = true;
    gate.1.take().expect("it waits").wake();
    drop(gate);
    let rest = &body[sent..];
    assert_eq!(write_until_stalled(client.stream(), rest), rest.len());
    assert_eq!(
        client.answer().text(),
        format!("{LONG_BYTES} of Some({LONG_BYTES})")
    );
}

#[test]
fn a_download_stops_while_its_client_does_not_read_and_loses_nothing() {
    static PIECE: [u8; 64 << 10] = [b'x'; 64 << 10];
    let poured = Arc::new(AtomicU64::new(0));
    let counted = poured.clone();
    let server = serve(service(move |_: http::Request<BodyHandle>| {
        let counted = counted.clone();
        let pieces = (0..LONG_BYTES / PIECE.len()).map(move |_| {
            counted.fetch_add(PIECE.len() as u64, SeqCst);
            Ok(Frame::data(Bytes::from_static(&PIECE)))
        });
        async move { answer(boxed(Frames(pieces))) }
    }));
    let mut client = server.connect();
    client.send("GET / HTTP/1.0\r\n\r\n");
    client.head();
    let mut before = u64::MAX;
    wait_for("the body stalls", || {
        thread::sleep(STALL);
        std::mem::replace(&mut before, poured.load(SeqCst)) == before
    });
    assert!(before < UNDER_WAY_BYTES_MAX, "{before} bytes");
    assert_eq!(client.rest().len(), LONG_BYTES);
}

/// Reads the first frame of a body where it belongs and the rest in a task of tokio's, if `go` says so.
fn read_elsewhere(go: Arc<Notify>) -> TestServer {
    serve(service(move |request: http::Request<BodyHandle>| {
        let go = go.clone();
        async move {
            let mut body = request.into_body();
            let first = match body.frame().await {
                Some(frame) => frame?.into_data().map_or(0, |data| data.len()),
                None => 0,
            };
            let rest = tokio::spawn(async move {
                go.notified().await;
                let rest = body.collect().await?;
                let sum = rest.trailers().map(|fields| fields["x-sum"].clone());
                Ok::<_, BodyError>((rest.to_bytes().len(), sum))
            });
            match rest.await? {
                Ok((rest, sum)) => text(format!("{} {sum:?}", first + rest)),
                Err(error) => text(error.to_string()),
            }
        }
    }))
}

#[test]
fn a_body_read_on_another_thread_is_carried_there_whole_with_its_trailers() {
    let go = Arc::new(Notify::new());
    let server = read_elsewhere(go.clone());
    let mut client = server.connect();
    for _ in 0..3 {
        client.send("POST / HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n");
        client.send("5\r\nfirst\r\n");
        go.notify_one();
        for _ in 0..100 {
            client.send("6\r\nsecond\r\n");
        }
        client.send("0\r\nX-Sum: 42\r\n\r\n");
        assert_eq!(client.answer().text(), "605 Some(\"42\")");
    }
    go.notify_one();
    assert_eq!(client.request("POST", "/", "", b"").text(), "0 None");
}

#[test]
fn an_upload_stops_while_nobody_reads_on_the_other_thread_and_loses_nothing() {
    let go = Arc::new(Notify::new());
    let server = read_elsewhere(go.clone());
    let mut client = server.connect();
    client.send(format!(
        "POST / HTTP/1.1\r\nHost: t\r\nContent-Length: {LONG_BYTES}\r\n\r\n"
    ));
    let body = vec![b'x'; LONG_BYTES];
    let sent = write_until_stalled(client.stream(), &body);
    assert!(sent < UNDER_WAY_BYTES_MAX as usize, "{sent} bytes");
    go.notify_one();
    let rest = &body[sent..];
    assert_eq!(write_until_stalled(client.stream(), rest), rest.len());
    assert_eq!(client.answer().text(), format!("{LONG_BYTES} None"));
}

#[test]
fn a_body_that_is_cut_off_is_an_error_on_the_other_thread() {
    let told = Arc::new(Mutex::new(None));
    let tell = told.clone();
    let server = serve(service(move |request: http::Request<BodyHandle>| {
        let tell = tell.clone();
        tokio::spawn(async move {
            let error = request.into_body().collect().await.err();
            *tell.lock().expect("no panic") = error;
        });
        std::future::pending()
    }));
    let mut client = server.connect();
    client.send("POST / HTTP/1.1\r\nHost: t\r\nContent-Length: 10\r\n\r\nhello");
    client.reset_when_dropped();
    drop(client);
    let is_told = || *told.lock().expect("no panic") == Some(BodyError::Cut);
    wait_for("the error", is_told);
}

#[test]
fn a_body_dropped_on_another_thread_is_let_go_at_home() {
    let (sender, receiver) = mpsc::channel::<BodyHandle>();
    let (told, dropped) = mpsc::channel();
    let thread = thread::spawn(move || {
        for body in receiver {
            drop(body);
            told.send(()).expect("the test listens");
        }
    });
    let server = serve(service(move |request: http::Request<BodyHandle>| {
        let sender = sender.clone();
        async move {
            sender.send(request.into_body())?;
            text("gone")
        }
    }));
    let mut client = server.connect();
    // Half of it: the rest is thrown away, and the connection goes on.
    client.send("POST / HTTP/1.1\r\nHost: t\r\nContent-Length: 10\r\n\r\nhello");
    assert_eq!(client.answer().text(), "gone");
    client.send("world");
    assert_eq!(client.request("POST", "/", "", b"again").text(), "gone");
    // A core that has ended could let go of nothing.
    for _ in 0..2 {
        dropped.recv().expect("the thread runs");
    }
    drop(client);
    drop(server);
    thread.join().expect("the service is gone, and its sender");
    assert_eq!(ringgate::runtime::task::values_lost(), 0);
}

/// Says whether the first frame of a body is there when its service is called, and whether that is all.
fn first_look() -> Router<()> {
    Router::new().fallback(
        RouteOptions::default(),
        tower::handler(service(|request: http::Request<BodyHandle>| {
            let mut body = request.into_body();
            let first = Pin::new(&mut body).poll_frame(&mut Context::from_waker(Waker::noop()));
            let said = format!("there: {}, all: {}", first.is_ready(), body.is_end_stream());
            async move {
                let rest = body.collect().await?.to_bytes();
                text(format!("{said}, rest: {}.", rest.len()))
            }
        })),
    )
}

#[test]
fn a_body_that_came_with_its_head_is_there_in_one_piece_when_its_service_is_called() {
    let mut simulation = Simulation::new(&Config::default(), first_look(), 7);
    let client = simulation.connect();
    let post = |len: usize| {
        let head = format!("POST / HTTP/1.1\r\nHost: t\r\nContent-Length: {len}\r\n\r\n");
        (head + &"x".repeat(len)).into_bytes()
    };
    client.send(&[post(1), post(3_000), post(0)].concat());
    let count = |got: &[u8], text: &str| {
        got.windows(text.len())
            .filter(|w| *w == text.as_bytes())
            .count()
    };
    let whole = "there: true, all: true, rest: 0.";
    simulation.run_until(|_| count(&client.received(), whole) == 3);
    client.take_received();
    client.send_in_pieces(&post(5_000), 4_000, Duration::from_millis(1));
    simulation.run_until(|_| count(&client.received(), "rest:") == 1);
    let got = client.take_received();
    assert_eq!(count(&got, "there: false, all: false, rest: 5000."), 1);
}

#[test]
fn a_reader_elsewhere_is_told_when_the_core_of_its_body_has_ended() {
    let go = Arc::new(Notify::new());
    let told = Arc::new(Mutex::new(None));
    let (waits, tell) = (go.clone(), told.clone());
    let server = serve(service(move |request: http::Request<BodyHandle>| {
        let (go, tell) = (waits.clone(), tell.clone());
        tokio::spawn(async move {
            let body = request.into_body();
            go.notified().await;
            let error = body.collect().await.err();
            *tell.lock().expect("no panic") = error;
        });
        async { text("kept elsewhere") }
    }));
    let mut client = server.connect();
    client.send("POST / HTTP/1.1\r\nHost: t\r\nContent-Length: 10\r\n\r\nhello");
    assert_eq!(client.answer().text(), "kept elsewhere");
    drop(client);
    drop(server);
    go.notify_one();
    let is_told = || *told.lock().expect("no panic") == Some(BodyError::Cut);
    wait_for("the error", is_told);
}
