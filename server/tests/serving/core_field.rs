//! `X-Ringgate-Core`: who asks is told which core answers, whatever the answer is, and it changes on
//! the same socket when the connection moves.

use super::common::stage::limits;
use super::common::{Client, block_on, start, start_app, wait_for};
use super::pool::cores;

/// Sends a request that asks for the core.
fn ask(client: &mut Client, line: &str) {
    client.send(format!(
        "{line} HTTP/1.1\r\nHost: a\r\nX-Ringgate-Core: ?\r\n\r\n"
    ));
}

#[test]
fn a_request_that_asks_is_told_the_core_and_others_are_not() {
    let server = start();
    let mut client = server.connect();
    for (line, status) in [
        ("GET /plaintext", 200),
        ("GET /sleep?ms=1", 200),
        ("GET /nowhere", 404),
        ("GET /panic", 500),
        ("PUT /plaintext", 405),
        ("GET /core", 200),
    ] {
        ask(&mut client, line);
        let answer = client.answer();
        assert_eq!(answer.status, status, "{line}");
        assert_eq!(answer.header("x-ringgate-core"), Some("0"), "{line}");
    }
    for value in ["", "0", "anything at all"] {
        client.send(format!(
            "GET /plaintext HTTP/1.1\r\nHost: a\r\nx-ringgate-CORE:{value}\r\n\r\n"
        ));
        assert_eq!(client.answer().header("X-Ringgate-Core"), Some("0"));
    }
    // A name of the same length, and the next request of one that asked.
    client.send("GET /plaintext HTTP/1.1\r\nHost: a\r\nX-Ringgate-Cord: ?\r\n\r\n");
    assert_eq!(client.answer().header("x-ringgate-core"), None);
    assert_eq!(client.get("/plaintext").header("x-ringgate-core"), None);
}

#[test]
fn a_request_that_the_gate_refuses_is_told_the_core_too() {
    let mut config = cores(1);
    config.admission = limits(1, 0);
    let server = start_app(config, true);
    let mut slow = server.connect();
    slow.send("POST /upload HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\n");
    wait_for("it runs", || server.total("requests/running") == 1);
    let mut client = server.connect();
    ask(&mut client, "GET /sleep?ms=1");
    let answer = client.answer();
    assert_eq!(answer.status, 503);
    assert_eq!(answer.header("x-ringgate-core"), Some("0"));
    slow.send("x");
    assert_eq!(slow.answer().status, 200);
}

#[test]
fn m6_any_request_can_show_that_its_connection_has_moved_and_lost_nothing() {
    let server = start_app(cores(2), true);
    let core_of = |client: &mut Client| {
        ask(client, "GET /plaintext");
        let answer = client.answer();
        assert_eq!(answer.text(), "Hello, World!");
        answer
            .header("x-ringgate-core")
            .expect("the field")
            .to_owned()
    };
    let mut clients: Vec<Client> = (0..32).map(|_| server.connect()).collect();
    let before: Vec<String> = clients.iter_mut().map(core_of).collect();
    assert!(before.iter().any(|core| core == "1"), "{before:?}");
    let places: Vec<_> = clients
        .iter()
        .map(|client| client.stream().local_addr().expect("bound"))
        .collect();
    // Half a request is on its way when they move.
    for client in &mut clients {
        client.send("GET /plaintext HTTP/1.1\r\nHost: a\r\nX-Ring");
    }
    block_on(server.running().handle().resize_and_wait(1)).expect("resized");
    for (client, place) in clients.iter_mut().zip(places) {
        client.send("gate-Core: ?\r\n\r\n");
        let answer = client.answer();
        assert_eq!(answer.text(), "Hello, World!");
        assert_eq!(answer.header("x-ringgate-core"), Some("0"));
        assert_eq!(core_of(client), "0");
        assert_eq!(client.stream().local_addr().expect("bound"), place);
    }
    assert_eq!(server.total("connections/aborted"), 0);
}
