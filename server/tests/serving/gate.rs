//! The gate on a running server: rows of the first founding text.

use super::common::{config, start_app};
use ringgate::config::{AdmissionLimits, CoreSpec, MaxAccepts};
use std::num::NonZeroU32;
use std::time::{Duration, Instant};

fn number(value: u32) -> NonZeroU32 {
    NonZeroU32::new(value).expect("not zero")
}

fn limits(slots: u32, accepts: MaxAccepts) -> AdmissionLimits {
    AdmissionLimits::new(Some(number(slots)), accepts).expect("consistent")
}

/// Sends slow requests, each when the one before is at the gate; answers their statuses.
fn storm(cores: u32, limits: AdmissionLimits, requests: usize) -> Vec<u16> {
    let mut config = config();
    config.cores = CoreSpec::Exactly(number(cores));
    config.admission = limits;
    let server = start_app(config, true);
    let mut clients = Vec::new();
    for index in 0..requests {
        let mut client = server.connect();
        client.send(b"GET /sleep?ms=1500 HTTP/1.1\r\nHost: a\r\n\r\n");
        let until = Instant::now() + Duration::from_secs(20);
        while server.total("requests/begun") <= index as u64 {
            assert!(Instant::now() < until, "the request is begun");
        }
        clients.push(client);
    }
    clients
        .iter_mut()
        .map(|client| client.answer().status)
        .collect()
}

#[test]
fn h5_without_accepts_the_one_too_many_is_denied_at_once() {
    let statuses = storm(2, limits(2, MaxAccepts::None), 4);
    assert_eq!(statuses, [200, 200, 503, 503]);
}

#[test]
fn h6_so_many_are_in_and_the_rest_of_them_wait() {
    let statuses = storm(2, limits(2, MaxAccepts::AtMost(number(4))), 4);
    assert_eq!(statuses, [200, 200, 200, 200]);
}

#[test]
fn h7_over_four_cores_the_oldest_pending_is_denied() {
    let statuses = storm(4, limits(2, MaxAccepts::AtMost(number(4))), 5);
    assert_eq!(statuses, [200, 200, 503, 200, 200]);
}

#[test]
fn h10_a_denied_client_gets_its_503_whole() {
    let mut config = config();
    config.admission = limits(1, MaxAccepts::None);
    let server = start_app(config, true);
    let mut slow = server.connect();
    slow.send(b"GET /sleep?ms=1000 HTTP/1.1\r\nHost: a\r\n\r\n");
    let until = Instant::now() + Duration::from_secs(20);
    while server.total("requests/running") == 0 {
        assert!(Instant::now() < until, "the request runs");
    }
    // A client that is still sending its body: it must read the answer all the same.
    let mut denied = server.connect();
    denied.send(b"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 400000\r\n\r\n");
    denied.send(vec![7; 400_000]);
    let answer = denied.answer();
    assert_eq!(answer.status, 503);
    assert_eq!(answer.header("retry-after"), Some("1"));
    assert_eq!(answer.header("connection"), Some("close"));
    assert_eq!(answer.header("x-ringgate-reason"), Some("full"));
    assert_eq!(slow.answer().status, 200);
}
