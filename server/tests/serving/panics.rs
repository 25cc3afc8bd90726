//! A panic costs its request and nothing else.

use crate::common::start;

#[test]
fn a_panic_is_a_500_and_the_connection_lives_on() {
    let server = start();
    let mut client = server.connect();
    for _ in 0..20 {
        assert_eq!(client.get("/panic").status, 500);
        assert_eq!(client.get("/plaintext").text(), "Hello, World!");
    }
    assert_eq!(server.total("connections/accepted"), 1);
}

#[test]
fn others_on_the_core_do_not_notice() {
    let server = start();
    let mut suspended = server.connect();
    suspended.send("GET /sleep?ms=200 HTTP/1.1\r\nHost: t\r\n\r\n");
    let mut client = server.connect();
    client.send("GET /panic HTTP/1.1\r\nHost: t\r\n\r\nGET /json HTTP/1.1\r\nHost: t\r\n\r\n");
    assert_eq!(client.answer().status, 500);
    assert_eq!(client.answer().status, 200);
    assert_eq!(suspended.answer().text(), "slept 200 ms\n");
}

#[test]
fn a_panic_in_a_stream_cuts_the_answer_short() {
    use ringgate::{Body, Request, Response, Router};
    let router = Router::new().get("/half", async |_: Request| {
        Response::text("").with_body(Body::sized_writer(10, async |mut out: ringgate::Writer| {
            out.write("half").await;
            ringgate::runtime::sleep(std::time::Duration::from_millis(1)).await;
            panic!("in the middle");
        }))
    });
    let server = crate::common::start_with(crate::common::config(), router, |_| ());
    for _ in 0..3 {
        let mut client = server.connect();
        client.send("GET /half HTTP/1.1\r\nHost: t\r\n\r\n");
        client.head();
        assert_eq!(client.rest(), b"half");
    }
}
