//! Handlers that wait cost their core nothing but memory.

use crate::common::{Client, start, wait_for};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Handlers suspended at once: `RINGGATE_TEST_SIZE`, or as many as twice that many descriptors
/// leave room for in most places.
fn size() -> u64 {
    let limit = getrlimit(Resource::Nofile);
    let limit = Rlimit {
        current: limit.maximum,
        ..limit
    };
    setrlimit(Resource::Nofile, limit).expect("the soft limit may be raised to the hard one");
    match std::env::var("RINGGATE_TEST_SIZE") {
        Ok(size) => size.parse().expect("RINGGATE_TEST_SIZE is a number"),
        Err(_) => limit.maximum.map_or(4_000, |most| 4_000.min(most / 4)),
    }
}

#[test]
fn thousands_of_suspended_handlers_do_not_keep_a_core_from_receiving() {
    let server = start();
    let size = size();
    let sleep = "GET /sleep?ms=600000 HTTP/1.1\r\nHost: t\r\n\r\n";
    let mut suspended: Vec<Client> = Vec::new();
    for _ in 0..size {
        let mut client = server.connect();
        client.send(sleep);
        suspended.push(client);
    }
    wait_for("all handlers run", || {
        server.total("requests/running") == size
    });
    let mut client = server.connect();
    for _ in 0..100 {
        assert_eq!(client.get("/plaintext").text(), "Hello, World!");
    }
    let body = vec![b'x'; 1 << 20];
    assert_eq!(
        client.request("POST", "/echo", "", &body).body.len(),
        body.len()
    );
    assert_eq!(server.total("requests/running"), size);
    for client in &suspended {
        client.reset_when_dropped();
    }
    drop(suspended);
    wait_for("all handlers are dropped", || {
        server.total("requests/running") == 0
    });
    assert_eq!(server.total("requests/aborted"), size);
}

#[test]
fn handlers_wake_each_in_its_time() {
    let server = start();
    let mut clients: Vec<(u64, Client)> = (0..200).rev().map(|n| (n, server.connect())).collect();
    for (n, client) in &mut clients {
        client.send(format!("GET /sleep?ms={n} HTTP/1.1\r\nHost: t\r\n\r\n"));
    }
    for (n, client) in &mut clients {
        assert_eq!(client.answer().text(), format!("slept {n} ms\n"));
    }
}
