//! The gate on a running server: rows of the first founding text.

use super::common::config;
use super::common::stage::{Stage, hold, limits, number};
use ringgate::config::{AdmissionLimits, CoreSpec};

/// Sends requests that end when all are there, each when the one before is at the gate; answers their statuses.
fn storm(cores: u32, limits: AdmissionLimits, requests: u64) -> Vec<u16> {
    let stage = Stage::default();
    let mut config = config();
    config.cores = CoreSpec::Exactly(number(cores));
    config.admission = limits;
    let server = stage.start(config);
    let mut clients: Vec<_> = (0..requests).map(|id| hold(&server, id)).collect();
    stage.release_all();
    clients
        .iter_mut()
        .map(|client| client.answer().status)
        .collect()
}

#[test]
fn h5_without_accepts_the_one_too_many_is_denied_at_once() {
    let statuses = storm(2, limits(2, 0), 4);
    assert_eq!(statuses, [200, 200, 503, 503]);
}

#[test]
fn h6_so_many_are_in_and_the_rest_of_them_wait() {
    let statuses = storm(2, limits(2, 4), 4);
    assert_eq!(statuses, [200, 200, 200, 200]);
}

#[test]
fn h7_over_four_cores_the_oldest_pending_is_denied() {
    let statuses = storm(4, limits(2, 4), 5);
    assert_eq!(statuses, [200, 200, 503, 200, 200]);
}

#[test]
fn h10_a_denied_client_gets_its_503_whole() {
    let stage = Stage::default();
    let mut config = config();
    config.admission = limits(1, 0);
    let server = stage.start(config);
    let mut first = hold(&server, 0);
    // A client that is still sending its body: it must read the answer all the same.
    let mut denied = server.connect();
    denied.send(b"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 400000\r\n\r\n");
    denied.send(vec![7; 400_000]);
    let answer = denied.answer();
    assert_eq!(answer.status, 503);
    assert_eq!(answer.header("retry-after"), Some("1"));
    assert_eq!(answer.header("connection"), Some("close"));
    assert_eq!(answer.header("x-ringgate-reason"), Some("full"));
    stage.release_all();
    assert_eq!(first.answer().status, 200);
}
