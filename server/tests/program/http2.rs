//! HTTP/2 as the program shows it: in its status, its metrics and on its page.

use crate::common::{Program, eventually, get};
use ringgate::http2::frame::PREFACE;
use std::io::{Read, Write};
use std::process::Command;

/// A whole frame of HTTP/2.
fn frame(kind: u8, payload: &[u8]) -> Vec<u8> {
    let head = [0, 0, payload.len() as u8, kind, 0, 0, 0, 0, 0];
    [&head, payload].concat()
}

const SETTINGS: u8 = 4;
const PING: u8 = 6;
/// RFC 9113 section 5.1.1: only a server may send it.
const PUSH_PROMISE: u8 = 5;

#[test]
fn status_and_metrics_count_connections_streams_and_faults_of_http2() {
    let args = ["--requests-per-connection", "1", "--http2-pings", "3"];
    let mut program = Program::start(&[&args[..], &["--metrics", "127.0.0.1:0"]].concat());
    let url = format!("http://{}/plaintext", program.address);
    for _ in 0..2 {
        let mut curl = Command::new("curl");
        let curl = curl.args(["-q", "-sS", "--noproxy", "*", "--max-time", "20"]);
        let output = curl.args(["--http2-prior-knowledge", &url]).output();
        assert_eq!(output.expect("curl runs").stdout, b"Hello, World!");
    }
    let begin = |more: &[u8]| {
        let mut stream = program.connect();
        let bytes = [PREFACE, &frame(SETTINGS, &[])[..], more].concat();
        stream.write_all(&bytes).expect("sent");
        stream
    };
    for more in [frame(PUSH_PROMISE, &[0; 4]), frame(PING, &[0; 8]).repeat(4)] {
        // The end comes after GOAWAY.
        begin(&more).read_to_end(&mut Vec::new()).expect("an end");
    }
    let kept = begin(&[]);
    let status = eventually("one connection is left", || {
        let status = program.status();
        (status["http2"]["begun"] == 5 && status["http2"]["open"] == 1).then_some(status)
    });
    let http2 = &status["http2"];
    assert_eq!(
        (&http2["streams"], &http2["drained"]),
        (&2.into(), &2.into())
    );
    let faults = http2["faults"].as_object().expect("by reason");
    for (reason, count) in faults {
        let expected = u64::from(["protocol", "http2_pings"].contains(&&**reason));
        assert_eq!(count.as_u64(), Some(expected), "{reason}");
    }
    let shown = program.ctl(&["status"]);
    let shown = String::from_utf8_lossy(&shown.stdout);
    let line = "http2        open 1  begun 5  streams 2  drained 2  faults 2 (";
    assert!(shown.contains(line), "{shown}");
    let line = program.wait_line("metrics on http://");
    let (_, address) = line.split_once("http://").expect("an address");
    let metrics = get(address.trim(), "/metrics");
    let sum = |name: &str| -> u64 {
        let lines = metrics.lines().filter(|line| line.starts_with(name));
        let values = lines.filter_map(|line| line.rsplit_once(' '));
        values
            .filter_map(|(_, value)| value.parse::<u64>().ok())
            .sum()
    };
    assert_eq!(sum("ringgate_http2_connections{"), 1);
    assert_eq!(sum("ringgate_http2_connections_total{"), 5);
    assert_eq!(sum("ringgate_http2_streams_total{"), 2);
    assert_eq!(sum("ringgate_http2_drains_total{"), 2);
    assert_eq!(sum("ringgate_http2_faults_total{"), 2);
    drop(kept);
    eventually("nobody is left", || {
        (program.status()["http2"]["open"] == 0).then_some(())
    });
}

#[test]
fn what_costs_a_client_one_stream_is_counted_under_its_option_too() {
    let program = Program::start(&[
        "--http2-streams",
        "1",
        "--http2-header-list-size",
        "4KiB",
        "--demo",
        "on",
    ]);
    let get = |stream: u8, path: &str, more: &[u8]| {
        // GET, http, an authority of one byte, and the path (RFC 7541 appendix A).
        let front = [0x82, 0x86, 0x01, 1, b't', 0x04, path.len() as u8];
        let block = [&front, path.as_bytes(), more].concat();
        let mut frame = frame(1, &block);
        // END_STREAM and END_HEADERS.
        (frame[4], frame[8]) = (0x5, stream);
        frame
    };
    // By reference: `age`, of 35 bytes, and `accept-encoding: gzip, deflate`, of 60.
    let (many, large) = ([0x95; 100], [0x90; 80]);
    let mut stream = program.connect();
    let bytes = [
        PREFACE,
        &frame(SETTINGS, &[])[..],
        &get(1, "/", &many),
        &get(3, "/", &large),
        &get(5, "/sleep?ms=60000", &[]),
        &get(7, "/", &[]),
    ];
    stream.write_all(&bytes.concat()).expect("sent");
    let status = eventually("all is read", || {
        let status = program.status();
        (status["http2"]["faults"]["http2_streams"] == 1).then_some(status)
    });
    let http2 = &status["http2"];
    assert_eq!((&http2["open"], &http2["streams"]), (&1.into(), &3.into()));
    let faults = http2["faults"].as_object().expect("by reason");
    let one = [
        "http2_header_count",
        "http2_header_list_size",
        "http2_streams",
    ];
    for (reason, count) in faults {
        let expected = u64::from(one.contains(&&**reason));
        assert_eq!(count.as_u64(), Some(expected), "{reason}");
    }
}
