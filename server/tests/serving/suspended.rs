//! Handlers that wait are woken. What thousands of them cost is shown on the program, which has a
//! limit of descriptors of its own (`tests/program/suspended.rs`).

use crate::common::{Client, start};

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
