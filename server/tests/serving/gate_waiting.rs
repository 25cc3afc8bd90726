//! Requests that wait at the gate: how their wait ends, and what their clients hear.

use super::common::stage::{Stage, hold, limits};
use super::common::{config, wait_for};
use ringgate::config::{HalfClose, ListenAddr, Switch};
use std::io::Write;
use std::os::unix::net::UnixStream;
use std::time::Duration;

const GET_HOLD: &[u8] = b"GET /hold/9 HTTP/1.1\r\nHost: a\r\n\r\n";

#[test]
fn who_waits_too_long_is_told_so_and_the_slot_is_not_lost() {
    let stage = Stage::default();
    let mut config = config();
    config.admission = limits(1, 9);
    config.queue.timeout = Duration::from_millis(200);
    let server = stage.start(config);
    let mut first = hold(&server, 1);
    let mut second = hold(&server, 2);
    let answer = second.answer();
    assert_eq!(answer.status, 503);
    assert_eq!(answer.header("x-ringgate-reason"), Some("queue-timeout"));
    assert_eq!(server.total("requests/rejected/queue-timeout"), 1);
    stage.release_all();
    assert_eq!(first.answer().status, 200);
    assert_eq!(server.get("/hold/3").status, 200);
    assert_eq!(stage.began(), [1, 3]);
}

#[test]
fn a_client_that_ends_its_side_while_it_waits_is_gone_at_once() {
    let stage = Stage::default();
    let mut config = config();
    config.admission = limits(1, 9);
    let server = stage.start(config);
    let mut first = hold(&server, 1);
    let mut second = hold(&server, 2);
    second.finish_sending();
    wait_for("it is given up", || server.total("requests/aborted") == 1);
    assert_eq!(server.total("requests/pending"), 0);
    second.expect_closed();
    stage.release_all();
    assert_eq!(first.answer().status, 200);
    assert_eq!(stage.began(), [1]);
}

#[test]
fn with_half_close_serve_it_keeps_its_place_and_is_answered() {
    let stage = Stage::default();
    let mut config = config();
    config.admission = limits(1, 9);
    config.queue.half_close = HalfClose::Serve;
    let server = stage.start(config);
    let mut first = hold(&server, 1);
    let mut second = hold(&server, 2);
    second.finish_sending();
    stage.release_all();
    assert_eq!(first.answer().status, 200);
    assert_eq!(second.answer().text(), "held 2");
    second.expect_closed();
}

/// More than the server keeps unread, so that it stops receiving: only the poll sees the end.
#[test]
fn the_end_of_a_client_is_seen_behind_bytes_that_nobody_reads() {
    for reset in [false, true] {
        let stage = Stage::default();
        let mut config = config();
        config.admission = limits(1, 9);
        let server = stage.start(config);
        let mut first = hold(&server, 1);
        let mut second = hold(&server, 2);
        let waits = server.status()["cores"][0]["operations_in_flight"].clone();
        second.send(GET_HOLD.repeat(4000));
        wait_for("receiving pauses, a poll watches", || {
            server.total("requests/pending") == 1
                && server.status()["cores"][0]["operations_in_flight"] == waits
        });
        match reset {
            true => {
                second.reset_when_dropped();
                drop(second);
            }
            false => second.finish_sending(),
        }
        wait_for("it is given up", || server.total("requests/aborted") == 1);
        stage.release_all();
        assert_eq!(first.answer().status, 200);
        assert_eq!(stage.began(), [1]);
    }
}

#[test]
fn a_request_that_runs_ends_with_its_clients_side_unless_half_close_is_served() {
    for (half_close, ends_early) in [(HalfClose::Gone, true), (HalfClose::Serve, false)] {
        let stage = Stage::default();
        let mut config = config();
        config.admission = limits(2, 0);
        config.queue.half_close = half_close;
        let server = stage.start(config);
        let mut ends = hold(&server, 1);
        let resets = hold(&server, 2);
        resets.reset_when_dropped();
        drop(resets);
        wait_for("the reset one is cut", || stage.ended() == [2]);
        ends.finish_sending();
        if ends_early {
            wait_for("its slot is free", || server.total("requests/running") == 0);
            assert_eq!(stage.ended(), [2, 1]);
            ends.expect_closed();
        } else {
            assert_eq!(server.total("requests/running"), 1);
            stage.release_all();
            assert_eq!(ends.answer().text(), "held 1");
        }
    }
}

#[test]
fn a_client_of_a_unix_socket_that_closes_is_gone_also_where_half_close_is_served() {
    let path = std::env::temp_dir().join(format!("ringgate-gone-{}.sock", std::process::id()));
    let _ = std::fs::remove_file(&path);
    let stage = Stage::default();
    let mut config = config();
    config.queue.half_close = HalfClose::Serve;
    config.listen.push(ListenAddr::unix(&path).into());
    let server = stage.start(config);
    let mut client = UnixStream::connect(&path).expect("a listener");
    client
        .write_all(b"GET /hold/1 HTTP/1.1\r\nHost: t\r\n\r\n")
        .expect("sent");
    wait_for("it runs", || stage.began() == [1]);
    drop(client);
    wait_for("it is gone", || server.total("requests/aborted") == 1);
}

#[test]
fn the_reason_can_be_kept_back() {
    let stage = Stage::default();
    let mut config = config();
    config.admission = limits(1, 0);
    config.queue.reason_header = Switch::Off;
    let server = stage.start(config);
    let mut first = hold(&server, 1);
    let answer = server.get("/hold/2");
    assert_eq!(answer.status, 503);
    assert_eq!(answer.header("x-ringgate-reason"), None);
    assert_eq!(answer.header("retry-after"), Some("1"));
    stage.release_all();
    assert_eq!(first.answer().status, 200);
}
