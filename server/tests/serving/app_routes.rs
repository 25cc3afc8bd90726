//! The contract of every route of the built-in application.

use crate::common::{Answer, config, start, start_app, wait_for};
use ringgate::config::{AdmissionLimits, MaxAccepts};
use std::num::NonZeroU32;
use std::time::{Duration, Instant};

const TROUBLE: [&str; 9] = [
    "/spin?ms=0",
    "/block?ms=0",
    "/panic",
    "/sleep?ms=0",
    "/stream?n=1&ms=0",
    "/bytes/1",
    "/upload",
    "/chat",
    "/status.json",
];

#[track_caller]
fn assert_refused(answer: &Answer, name: &str, range: &str) {
    assert_eq!(answer.status, 400);
    assert!(answer.text().contains(name), "{}", answer.text());
    assert!(answer.text().contains(range), "{}", answer.text());
}

#[test]
fn plaintext_is_thirteen_bytes_of_plain_text() {
    let server = start();
    let answer = server.get("/plaintext");
    assert_eq!((answer.status, answer.text()), (200, "Hello, World!"));
    assert_eq!(answer.header("content-type"), Some("text/plain"));
    assert_eq!(answer.header("content-length"), Some("13"));
    assert!(
        answer
            .header("date")
            .is_some_and(|date| date.ends_with(" GMT"))
    );
}

#[test]
fn json_is_one_message() {
    let server = start();
    let answer = server.get("/json");
    assert_eq!(
        (answer.status, answer.text()),
        (200, r#"{"message":"Hello, World!"}"#)
    );
    assert_eq!(answer.header("content-type"), Some("application/json"));
}

#[test]
fn bytes_are_as_many_as_asked_for_and_in_order() {
    let server = start();
    let mut client = server.connect();
    for count in [0, 1, 250, 251, 252, 65_535, 65_536, 65_537, 1_000_003] {
        let answer = client.get(&format!("/bytes/{count}"));
        assert_eq!(answer.status, 200);
        assert_eq!(
            answer.header("content-length"),
            Some(count.to_string().as_str())
        );
        let right = |(at, byte): (usize, &u8)| *byte == (at % 251) as u8;
        assert!(answer.body.iter().enumerate().all(right), "{count} bytes");
    }
}

#[test]
fn bytes_beyond_two_gibibytes_or_malformed_are_refused() {
    let server = start();
    let mut client = server.connect();
    for count in ["2147483649", "-1", "1.5", "many", "99999999999999999999999"] {
        assert_refused(
            &client.get(&format!("/bytes/{count}")),
            "n must",
            "2147483648",
        );
    }
    let answer = client.request("HEAD", "/bytes/2147483648", "", b"");
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("content-length"), Some("2147483648"));
}

#[test]
fn echo_answers_the_same_bytes_and_type() {
    let server = start();
    let mut client = server.connect();
    let fields = "Content-Type: application/x-thing; a=b\r\n";
    let answer = client.request("POST", "/echo", fields, b"\0some\r\n\r\nbytes\xff");
    assert_eq!(
        (answer.status, &answer.body[..]),
        (200, &b"\0some\r\n\r\nbytes\xff"[..])
    );
    assert_eq!(
        answer.header("content-type"),
        Some("application/x-thing; a=b")
    );
    assert_eq!(answer.header("content-length"), Some("15"));
    let answer = client.request("POST", "/echo", "Content-Length: 0\r\n", b"");
    assert_eq!((answer.status, answer.body.len()), (200, 0));
}

#[test]
fn upload_counts_and_hashes() {
    let server = start();
    let mut client = server.connect();
    let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    let answer = client.request("POST", "/upload", "Content-Length: 0\r\n", b"");
    assert_eq!(
        answer.text(),
        format!(r#"{{"bytes":0,"sha256":"{empty}"}}"#)
    );
    let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    let answer = client.request("POST", "/upload", "", b"abc");
    assert_eq!(answer.text(), format!(r#"{{"bytes":3,"sha256":"{abc}"}}"#));
    assert_eq!(answer.header("content-type"), Some("application/json"));
}

#[test]
fn sleep_spin_and_block_take_their_time() {
    let server = start();
    let mut client = server.connect();
    for path in ["/sleep", "/spin", "/block"] {
        let began = Instant::now();
        assert_eq!(client.get(&format!("{path}?ms=120")).status, 200);
        assert!(began.elapsed() >= Duration::from_millis(120), "{path}");
    }
}

#[test]
fn stream_sends_its_pieces_apart() {
    let server = start();
    let mut client = server.connect();
    let began = Instant::now();
    client.send("GET /stream?n=3&ms=100 HTTP/1.1\r\nHost: test\r\n\r\n");
    let head = client.head().to_lowercase();
    assert!(head.contains("transfer-encoding: chunked"), "{head}");
    assert_eq!(client.chunk(), b"1 of 3\n");
    assert_eq!(client.chunk(), b"2 of 3\n");
    assert!(began.elapsed() >= Duration::from_millis(100));
    assert_eq!(client.chunk(), b"3 of 3\n");
    assert!(began.elapsed() >= Duration::from_millis(200));
    assert_eq!(client.chunk(), b"");
    assert_eq!(client.get("/stream?n=0&ms=0").body, b"");
    assert_eq!(
        client.get("/stream?n=1000&ms=0").text().lines().count(),
        1000
    );
}

#[test]
fn parameters_that_are_wrong_are_named_with_their_range() {
    let server = start();
    let mut client = server.connect();
    for path in ["/sleep", "/spin", "/block", "/stream?n=1"] {
        let and = if path.contains('?') { '&' } else { '?' };
        for ms in ["", "600001", "-1", "x"] {
            let answer = client.get(&format!("{path}{and}ms={ms}"));
            assert_refused(&answer, "ms must", "0 to 600000");
        }
        assert_refused(&client.get(path), "ms must", "0 to 600000");
    }
    assert_refused(
        &client.get("/stream?n=1000001&ms=0"),
        "n must",
        "0 to 1000000",
    );
}

#[test]
fn the_page_needs_nothing_from_outside_and_its_policy_says_so() {
    let server = start();
    let answer = server.get("/");
    assert_eq!(answer.status, 200);
    assert_eq!(
        answer.header("content-type"),
        Some("text/html; charset=utf-8")
    );
    assert!(answer.text().contains("/status.json"));
    let policy = answer.header("content-security-policy").expect("a policy");
    for permitted in [
        "script-src 'unsafe-inline'",
        "style-src 'unsafe-inline'",
        "connect-src 'self'",
    ] {
        assert!(policy.contains(permitted), "{policy}");
    }
    assert!(policy.contains("default-src 'none'"), "{policy}");
}

#[test]
fn the_status_tells_cores_listeners_and_both_ledgers() {
    let server = start();
    let answer = server.get("/status.json");
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    let status: serde_json::Value = serde_json::from_slice(&answer.body).expect("JSON");
    for pointer in [
        "/phase",
        "/pid",
        "/limits",
        "/totals/connections/accepted",
        "/totals/connections/in_transit",
        "/totals/requests/pending",
        "/cores/0/index",
        "/cores/0/state",
        "/cores/0/operations_in_flight",
        "/cores/0/heartbeat_age_ms",
        "/cores/0/connections/handed_in",
        "/cores/0/requests/begun",
        "/listeners/0/address",
        "/listeners/0/slot",
        "/listeners/0/owner_core",
        "/listeners/0/queue",
        "/listeners/0/queue_limit",
    ] {
        assert!(
            status.pointer(pointer).is_some(),
            "no {pointer} in {status:#}"
        );
    }
    assert_eq!(status["pid"], std::process::id());
    assert_eq!(status["totals"]["connections"]["open"], 1);
}

#[test]
fn an_unknown_path_is_not_found() {
    let server = start();
    let mut client = server.connect();
    for path in [
        "/nothing",
        "/plaintext/",
        "/plaintext/x",
        "/Plaintext",
        "/files/",
        "/files/x",
    ] {
        assert_eq!(client.get(path).status, 404, "{path}");
    }
}

#[test]
fn a_wrong_method_is_told_the_right_ones() {
    let server = start();
    let mut client = server.connect();
    for (method, path, allow) in [
        ("POST", "/plaintext", "GET, HEAD"),
        ("DELETE", "/", "GET, HEAD"),
        ("GET", "/echo", "POST"),
        ("HEAD", "/upload", "POST"),
        ("PUT", "/bytes/1", "GET, HEAD"),
        ("BREW", "/healthz", "GET, HEAD"),
    ] {
        let answer = client.request(method, path, "", b"");
        assert_eq!(answer.status, 405, "{method} {path}");
        assert_eq!(answer.header("allow"), Some(allow), "{method} {path}");
    }
}

#[test]
fn head_answers_what_get_would_without_the_body() {
    let server = start();
    let mut client = server.connect();
    for path in [
        "/plaintext",
        "/json",
        "/",
        "/bytes/70000",
        "/healthz",
        "/nothing",
    ] {
        let head = client.request("HEAD", path, "", b"");
        let get = client.get(path);
        assert_eq!(head.status, get.status, "{path}");
        for field in ["content-length", "content-type"] {
            assert_eq!(head.header(field), get.header(field), "{path}");
        }
    }
}

#[test]
fn trouble_does_not_exist_without_being_asked_for() {
    let server = start_app(config(), false);
    let mut client = server.connect();
    for path in TROUBLE {
        for method in ["GET", "POST"] {
            assert_eq!(client.request(method, path, "", b"").status, 404, "{path}");
        }
    }
    for path in ["/plaintext", "/json", "/", "/healthz", "/readyz"] {
        assert_eq!(client.get(path).status, 200, "{path}");
    }
    assert_eq!(client.request("POST", "/echo", "", b"x").body, b"x");
}

#[test]
fn a_full_gate_refuses_work_but_tells_health_and_status() {
    let mut config = config();
    let one = NonZeroU32::new(1);
    config.admission = AdmissionLimits::new(one, MaxAccepts::None).expect("limits that agree");
    let server = start_app(config, true);
    let mut busy = server.connect();
    busy.send("GET /sleep?ms=600000 HTTP/1.1\r\nHost: t\r\n\r\n");
    wait_for("busy", || server.total("requests/running") == 1);
    let refused = server.get("/plaintext");
    assert_eq!((refused.status, refused.closes()), (503, true));
    assert_eq!(refused.header("x-ringgate-reason"), Some("full"));
    assert!(refused.header("retry-after").is_some());
    for path in ["/healthz", "/readyz", "/status.json"] {
        assert_eq!(server.get(path).status, 200, "{path}");
    }
    assert_eq!(server.total("requests/rejected"), 1);
    busy.reset_when_dropped();
    drop(busy);
    wait_for("the slot is free again", || {
        server.get("/plaintext").status == 200
    });
}

#[test]
fn readiness_ends_when_draining_begins_and_health_does_not() {
    let server = start();
    let mut asks_ready = server.connect();
    let mut asks_health = server.connect();
    let mut busy = server.connect();
    assert_eq!(asks_ready.get("/readyz").status, 200);
    assert_eq!(asks_health.get("/healthz").status, 200);
    busy.send("POST /echo HTTP/1.1\r\nHost: t\r\nContent-Length: 4\r\n\r\nha");
    wait_for("busy", || server.total("requests/running") == 1);
    let handle = server.running().handle().clone();
    handle.drain();
    wait_for("draining", || !handle.is_ready());
    // Kept alive long enough for one more answer each, which announces the end as soon as the core
    // has heard of it.
    while !{
        let ready = asks_ready.get("/readyz");
        assert_eq!(ready.status, 503);
        ready.closes()
    } {}
    let health = asks_health.get("/healthz");
    assert_eq!((health.text(), health.closes()), ("ok\n", true));
    busy.send("lf");
    assert_eq!(busy.answer().text(), "half");
    busy.expect_closed();
    assert_eq!(server.join().cut, 0);
}
