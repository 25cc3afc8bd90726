//! Several requests at once on one connection: answered all, in order, once.

use crate::common::{PATIENCE, block_on, config, start, start_app, start_with, wait_for};
use ringgate::config::HalfClose;
use ringgate::{Request, Router};
use std::sync::Mutex;
use std::sync::mpsc::channel;

fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: test\r\n\r\n")
}

#[test]
fn sixteen_requests_in_one_write_are_answered_in_order() {
    let server = start();
    let mut client = server.connect();
    for _ in 0..3 {
        client.send(
            (1..=16)
                .map(|n| get(&format!("/bytes/{n}")))
                .collect::<String>(),
        );
        for n in 1..=16 {
            assert_eq!(client.answer().body.len(), n);
        }
    }
    assert_eq!(server.total("requests/answered"), 48);
}

#[test]
fn a_batch_of_plain_answers_is_answered_in_order() {
    let server = start();
    let mut client = server.connect();
    let paths = ["/plaintext", "/json", "/nothing", "/healthz"];
    let batch: String = paths
        .iter()
        .cycle()
        .take(16)
        .map(|path| get(path))
        .collect();
    client.send(batch);
    for path in paths.iter().cycle().take(16) {
        let answer = client.answer();
        let expected = match *path {
            "/plaintext" => (200, "Hello, World!"),
            "/json" => (200, "{\"message\":\"Hello, World!\"}"),
            "/healthz" => (200, "ok\n"),
            _ => (404, answer.text()),
        };
        assert_eq!((answer.status, answer.text()), expected);
    }
}

#[test]
fn large_answers_among_small_ones_of_a_batch_keep_their_place() {
    let numbered = async |request: Request| {
        let number = request.param("size").unwrap_or_default().parse();
        "x".repeat(number.unwrap_or_default())
    };
    let server = start_with(config(), Router::new().get("/{size}", numbered), |_| ());
    let mut client = server.connect();
    let sizes = [1, 100_000, 2, 20_000, 3, 4, 50_000, 300_000, 5];
    client.send(sizes.map(|size| get(&format!("/{size}"))).concat());
    for size in sizes {
        assert_eq!(client.answer().body.len(), size);
    }
}

#[test]
fn a_handler_that_waits_holds_back_the_answers_behind_it_only() {
    let server = start();
    let mut client = server.connect();
    let batch = [
        "/plaintext",
        "/sleep?ms=100",
        "/json",
        "/stream?n=2&ms=50",
        "/bytes/70000",
        "/plaintext",
    ];
    client.send(batch.map(get).concat());
    assert_eq!(client.answer().text(), "Hello, World!");
    assert_eq!(server.get("/plaintext").status, 200);
    assert_eq!(client.answer().text(), "slept 100 ms\n");
    assert_eq!(client.answer().text(), "{\"message\":\"Hello, World!\"}");
    assert_eq!(client.answer().text(), "1 of 2\n2 of 2\n");
    assert_eq!(client.answer().body.len(), 70_000);
    assert_eq!(client.answer().text(), "Hello, World!");
}

#[test]
fn requests_behind_a_body_are_found_where_it_ends() {
    let server = start();
    let mut client = server.connect();
    let length = "POST /echo HTTP/1.1\r\nHost: t\r\nContent-Length: 27\r\n\r\nGET /panic HTTP/1.1\r\n\r\nxxxx";
    let chunks =
        "POST /echo HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n";
    let unread = "POST /nothing HTTP/1.1\r\nHost: t\r\nContent-Length: 5\r\n\r\nGET /";
    client.send([length, chunks, &get("/plaintext"), unread, &get("/json")].concat());
    assert_eq!(client.answer().text(), "GET /panic HTTP/1.1\r\n\r\nxxxx");
    assert_eq!(client.answer().text(), "abc");
    assert_eq!(client.answer().text(), "Hello, World!");
    assert_eq!(client.answer().status, 404);
    assert_eq!(client.answer().text(), "{\"message\":\"Hello, World!\"}");
}

#[test]
fn a_batch_cut_anywhere_is_answered_the_same() {
    let server = start();
    let batch = [get("/plaintext"), get("/sleep?ms=0"), get("/json")].concat();
    for cut in 1..batch.len() {
        let mut client = server.connect();
        client.send(&batch[..cut]);
        // An answer in between gives the server time to take up the first part alone.
        assert_eq!(server.get("/healthz").status, 200);
        client.send(&batch[cut..]);
        assert_eq!(client.answer().text(), "Hello, World!", "cut at {cut}");
        assert_eq!(client.answer().text(), "slept 0 ms\n", "cut at {cut}");
        assert_eq!(
            client.answer().header("content-type"),
            Some("application/json")
        );
    }
}

#[test]
fn more_than_a_receive_holds_is_answered_to_the_last() {
    let server = start();
    let mut client = server.connect();
    let count = 5_000;
    let mut sender = client.stream().try_clone().expect("a second handle");
    let writer = std::thread::spawn(move || {
        use std::io::Write;
        sender.write_all(get("/plaintext").repeat(count).as_bytes())
    });
    for n in 0..count {
        assert_eq!(client.answer().text(), "Hello, World!", "answer {n}");
    }
    writer.join().expect("no panic").expect("sent");
}

#[test]
fn the_last_requests_before_the_client_stops_sending_are_answered() {
    let mut config = config();
    config.queue.half_close = HalfClose::Serve;
    let serving_half_closes = start_app(config, true);
    for (server, first, text) in [
        (serving_half_closes, "/sleep?ms=50", "slept 50 ms\n"),
        (start(), "/json", "{\"message\":\"Hello, World!\"}"),
    ] {
        let mut client = server.connect();
        client.send([get(first), get("/plaintext")].concat());
        client.finish_sending();
        assert_eq!(client.answer().text(), text);
        assert_eq!(client.answer().text(), "Hello, World!");
        client.expect_closed();
    }
}

#[test]
fn nothing_is_answered_behind_a_request_that_closes() {
    let server = start();
    let mut client = server.connect();
    let last = "GET /json HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n";
    client.send([&get("/plaintext"), last, &get("/plaintext")].concat());
    assert!(!client.answer().closes());
    assert!(client.answer().closes());
    client.expect_closed();
}

#[test]
fn answers_of_a_batch_go_out_before_the_next_handler_once_they_are_many_bytes() {
    let (go_on, wait) = channel();
    let wait = Mutex::new(wait);
    let router = Router::new()
        .get("/big", async |_: Request| "x".repeat(16 << 10))
        .get("/last", move |_: Request| {
            // Holds the core, so that nothing is sent that was not sent before.
            let told = wait.lock().expect("unpoisoned").recv_timeout(PATIENCE);
            async move { told.map_or("nothing was sent", |()| "the first was sent") }
        });
    let server = start_with(config(), router, |_| ());
    let mut client = server.connect();
    client.send(get("/big").repeat(20) + &get("/last"));
    assert_eq!(client.answer().status, 200);
    go_on.send(()).expect("the handler is there");
    (1..20).for_each(|_| assert_eq!(client.answer().status, 200));
    assert_eq!(client.answer().text(), "the first was sent");
}

#[test]
fn half_a_head_holds_no_buffer() {
    let server = start_with(config(), Router::<()>::new(), |_| ());
    let mut client = server.connect();
    client.send(get("/nothing") + "GET /not");
    assert_eq!(client.answer().status, 404);
    let mut later = server.connect();
    later.send("GET ");
    let metrics = || block_on(server.running().handle().metrics()).expect("it runs");
    let sent = get("/nothing").len() + "GET /not".len() + "GET ".len();
    wait_for("all that was sent is there", || {
        metrics().cores[0].bytes_received == sent as u64
    });
    assert_eq!(metrics().cores[0].buffers_in_use, 0);
}
