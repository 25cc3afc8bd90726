//! Bodies of answers that fail: a 500 while nothing of the answer is sent, else a cut.

use crate::common::{config, start_with, wait_for};
use ringgate::{Body, Request, Response, Router, Writer};
use std::time::Duration;

/// Fails before it waits for anything, so before its head is sent.
fn at_once(pieces: usize) -> Response {
    Response::text("").with_body(Body::writer(async move |mut out: Writer| {
        for _ in 0..pieces {
            out.write(vec![b'x'; 20_000]).await;
        }
        Err("no such record".into())
    }))
}

fn later() -> Response {
    Response::text("").with_body(Body::writer(async |_: Writer| {
        ringgate::runtime::sleep(Duration::from_millis(1)).await;
        Err("no such record".into())
    }))
}

#[test]
fn a_stream_that_fails_before_anything_is_sent_is_a_500() {
    let router = Router::new()
        .get("/ok", async |_: Request| "ok")
        .get("/none", async |_: Request| at_once(0))
        .get("/some", async |_: Request| at_once(2))
        .get("/panic", async |_: Request| {
            Response::text("").with_body(Body::writer(async |_: Writer| panic!("at once")))
        })
        .get("/later", async |_: Request| later());
    let server = start_with(config(), router, |_| ());
    for path in ["/none", "/some", "/panic"] {
        let mut client = server.connect();
        // What was answered before stays as it is.
        let get = |path| format!("GET {path} HTTP/1.1\r\nHost: t\r\n\r\n");
        client.send([get("/ok"), get(path)].concat());
        assert_eq!(client.answer().text(), "ok", "{path}");
        let answer = client.answer();
        assert_eq!((answer.status, answer.closes()), (500, true), "{path}");
        assert_eq!(answer.text(), "500 Internal Server Error\n", "{path}");
        client.finish_sending();
        client.expect_closed();
    }
    let mut client = server.connect();
    client.send("GET /later HTTP/1.1\r\nHost: t\r\n\r\n");
    assert!(client.head().starts_with("HTTP/1.1 200 "));
    assert_eq!(client.rest(), b"", "not even the end of the chunks");
    wait_for("the end of all", || server.total("connections/open") == 0);
    assert_eq!(server.total("requests/answered"), 6);
    assert_eq!(server.total("requests/aborted"), 1);
}
