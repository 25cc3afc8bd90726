//! Each kind of misbehaviour lands in its own bucket, and nothing is lost or counted twice.

mod common;

use std::io::Write;
use std::net::{Shutdown, TcpListener};
use std::process::Command;
use std::time::Duration;

use common::{HELLO, answering, load, server};
use ringgate_bench::load::{Method, Mode, Verify};

#[test]
fn good_answers_are_ok_on_few_connections() {
    let report = load(answering(HELLO), 1000, |o| {
        (o.connections, o.verify) = (4, Verify::Plaintext)
    });
    assert_eq!(
        (report.ok, report.connects, report.reconnects),
        (1000, 4, 0),
        "{report}"
    );
    assert_eq!(report.distinct_local_ports, 4);
    assert_eq!(report.bytes_received, 1000 * HELLO.len() as u64);
    assert!(report.latency_us.p50 > 0.0 && report.latency_us.p50 <= report.latency_us.max);
}

#[test]
fn two_threads_share_the_requests_and_the_connections() {
    let report = load(answering(HELLO), 501, |o| {
        (o.connections, o.threads) = (5, 2)
    });
    assert_eq!((report.ok, report.connects), (501, 5), "{report}");
}

#[test]
fn close_mode_uses_one_connection_for_each_request() {
    let address = server(|mut client| {
        client.request();
        client.say(HELLO);
    });
    let report = load(address, 100, |o| (o.mode, o.connections) = (Mode::Close, 4));
    assert_eq!(
        (report.ok, report.connects, report.reconnects),
        (100, 100, 0),
        "{report}"
    );
    assert_eq!(report.distinct_local_ports, 100);
}

#[test]
fn a_server_that_does_not_close_although_asked_is_reported() {
    let report = load(answering(HELLO), 3, |o| {
        (o.mode, o.timeout) = (Mode::Close, Duration::from_secs(1));
    });
    // The third is not waited for: the run is over.
    assert_eq!((report.ok, report.unclosed), (3, 2), "{report}");
}

#[test]
fn a_pipelined_batch_gets_one_answer_each() {
    let report = load(answering(HELLO), 160, |o| {
        (o.pipeline, o.verify) = (16, Verify::Plaintext)
    });
    assert_eq!((report.ok, report.connects), (160, 1), "{report}");
}

#[test]
fn an_answer_that_stops_in_the_middle_is_cut() {
    let address = server(|mut client| {
        client.request();
        client.say(&HELLO[..HELLO.len() - 1]);
    });
    assert_eq!(load(address, 5, |_| {}).cut, 5);
}

#[test]
fn a_connection_closed_without_an_answer_is_cut_and_not_tried_again() {
    let address = server(|mut client| {
        client.request();
    });
    let report = load(address, 5, |_| {});
    assert_eq!((report.cut, report.connects), (5, 5), "{report}");
}

#[test]
fn a_reset_before_the_answer_is_complete_is_reset() {
    let address = server(|mut client| {
        client.request();
        client.reset();
    });
    assert_eq!(load(address, 5, |_| {}).reset, 5);
}

#[test]
fn a_port_without_a_listener_is_refused() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    assert_eq!(load(address, 5, |o| o.connections = 2).refused, 5);
}

#[test]
fn another_status_is_counted_by_its_code() {
    let address = answering(b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n");
    let report = load(address, 5, |o| o.verify = Verify::Plaintext);
    assert_eq!(report.status.into_iter().collect::<Vec<_>>(), [(503, 5)]);
}

#[test]
fn a_wrong_body_and_a_broken_framing_are_wrong() {
    let other = answering(b"HTTP/1.1 200 OK\r\nContent-Length: 13\r\n\r\nHello, Word!!");
    assert_eq!(load(other, 5, |o| o.verify = Verify::Plaintext).wrong, 5);
    let short = answering(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nHello");
    assert_eq!(load(short, 5, |o| o.verify = Verify::Plaintext).wrong, 5);
    let garbage = answering(b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n");
    assert_eq!(load(garbage, 5, |_| {}).wrong, 5);
}

#[test]
fn an_answer_nobody_asked_for_is_doubled() {
    let twice: &[u8] = [HELLO, HELLO].concat().leak();
    let report = load(answering(twice), 5, |_| {});
    assert_eq!((report.doubled, report.ok), (5, 0), "{report}");
    assert_eq!(report.unasked_bytes, 5 * HELLO.len() as u64);
}

#[test]
fn an_answer_nobody_asked_for_is_found_even_after_the_last_request() {
    let address = server(|mut client| {
        while client.request().is_some() {
            client.say(HELLO);
        }
        client.say(HELLO);
    });
    let report = load(address, 5, |_| {});
    assert_eq!((report.doubled, report.ok), (1, 4), "{report}");
}

#[test]
fn a_server_that_keeps_silent_is_a_timeout() {
    let address = server(|mut client| while client.request().is_some() {});
    let report = load(address, 4, |o| {
        (o.connections, o.timeout) = (2, Duration::from_millis(100));
    });
    assert_eq!(report.timeout, 4, "{report}");
    assert!(
        report.elapsed_seconds >= 0.2,
        "two after the other on each connection"
    );
}

#[test]
fn an_announced_close_only_means_a_new_connection() {
    let address = server(|mut client| {
        client.request();
        client.say(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 1\r\n\r\nx");
    });
    let report = load(address, 10, |_| {});
    assert_eq!(
        (report.ok, report.connects, report.reconnects),
        (10, 10, 9),
        "{report}"
    );
    assert_eq!(report.idle_closed, 0);
}

#[test]
fn requests_sent_behind_an_announced_close_are_cut() {
    let address = server(|mut client| {
        for _ in 0..4 {
            client.request();
        }
        client.say(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 1\r\n\r\nx");
    });
    let report = load(address, 8, |o| o.pipeline = 4);
    assert_eq!((report.ok, report.cut), (2, 6), "{report}");
}

#[test]
fn a_close_between_requests_is_reported_and_costs_no_request() {
    let address = server(|mut client| {
        client.request();
        client.say(HELLO);
        client.stream.shutdown(Shutdown::Both).unwrap();
    });
    // A request every second: the end of the stream arrives while none is outstanding.
    let report = load(address, 4, |o| o.rate = std::num::NonZeroU64::new(1));
    assert_eq!((report.ok, report.connects), (4, 4), "{report}");
    assert!(report.idle_closed >= 3, "{report}");
}

#[test]
fn every_echoed_byte_is_compared() {
    let echo = server(|mut client| {
        while let Some(body) = client.request() {
            client.say(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
            for piece in body.chunks(10_000) {
                client.say(format!("{:x}\r\n", piece.len()).as_bytes());
                client.say(piece);
                client.say(b"\r\n");
            }
            client.say(b"0\r\n\r\n");
        }
    });
    let report = load(echo, 8, |o| {
        (o.method, o.body, o.verify, o.connections) = (Method::Post, 1 << 20, Verify::Echo, 2);
    });
    assert_eq!(report.ok, 8, "{report}");
    let liar = server(|mut client| {
        let first = client.request().unwrap_or_default();
        let mut body = first.clone();
        while !body.is_empty() {
            // From the second request on this is the body of the first: an answer mixed up.
            client.say(
                format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", first.len()).as_bytes(),
            );
            client.say(&first);
            body = client.request().unwrap_or_default();
        }
    });
    let report = load(liar, 5, |o| {
        (o.method, o.body, o.verify) = (Method::Post, 100, Verify::Echo);
    });
    assert_eq!((report.ok, report.wrong), (1, 4), "{report}");
}

#[test]
fn open_loop_latency_counts_the_wait_that_closed_loop_hides() {
    const STALL: Duration = Duration::from_millis(400);
    let stalls_once = || {
        server(|mut client| {
            let mut answered = 0;
            while client.request().is_some() {
                if answered == 20 {
                    std::thread::sleep(STALL); // the misbehaviour under test
                }
                answered += 1;
                client.say(HELLO);
            }
        })
    };
    // 200 requests at 200/s: the stall delays 80 of them, the first by all of it.
    let open = load(stalls_once(), 200, |o| {
        o.rate = std::num::NonZeroU64::new(200)
    });
    let closed = load(stalls_once(), 200, |_| {});
    assert_eq!((open.ok, closed.ok), (200, 200));
    let half = STALL.as_micros() as f64 / 2.0;
    assert!(
        open.latency_us.p90 >= half,
        "open loop p90 {} us",
        open.latency_us.p90
    );
    assert!(
        closed.latency_us.p90 < half,
        "closed loop p90 {} us",
        closed.latency_us.p90
    );
    assert!(closed.latency_us.max >= half * 2.0);
}

#[test]
fn open_loop_issues_exactly_what_its_timetable_holds() {
    let report = load(answering(HELLO), 1, |o| {
        (o.requests, o.duration) = (None, Some(Duration::from_millis(500)));
        (o.rate, o.connections, o.threads) = (std::num::NonZeroU64::new(1000), 4, 2);
    });
    assert_eq!((report.issued, report.ok), (500, 500), "{report}");
}

#[test]
fn a_run_by_time_ends_and_accounts_for_all() {
    let report = load(answering(HELLO), 1, |o| {
        (o.requests, o.duration, o.connections) = (None, Some(Duration::from_secs(1)), 3);
    });
    assert!(report.ok > 0 && report.not_ok() == 0, "{report}");
}

#[test]
fn a_tracked_header_tells_who_answered() {
    let address = server(|mut client| {
        let core = client.nth;
        while client.request().is_some() {
            client.say(
                format!("HTTP/1.1 200 OK\r\nX-Core: {core}\r\nContent-Length: 0\r\n\r\n")
                    .as_bytes(),
            );
        }
    });
    let report = load(address, 10, |o| {
        (o.connections, o.track_header) = (2, Some("x-core".to_owned()));
    });
    let values = report.tracked_header.expect("asked for").values;
    assert_eq!(values.keys().collect::<Vec<_>>(), ["0", "1"]);
    assert_eq!(values.values().sum::<u64>(), 10);
}

#[test]
fn idle_connections_are_kept_and_those_the_server_ends_are_missed() {
    let keeps = load(answering(HELLO), 10, |o| o.idle = 7)
        .idle
        .expect("asked for");
    assert_eq!((keeps.asked, keeps.opened, keeps.open_at_end), (7, 7, 7));
    let (ended, all_ended) = std::sync::mpsc::sync_channel(7);
    let all_ended = std::sync::Mutex::new(all_ended);
    let ends = server(move |mut client| {
        if client.nth < 7 {
            drop(client);
            ended.send(()).unwrap();
        } else if client.request().is_some() {
            // Answered only when all idle connections have been ended.
            (0..7).for_each(|_| all_ended.lock().unwrap().recv().unwrap());
            client.say(HELLO);
        }
    });
    let idle = load(ends, 1, |o| o.idle = 7).idle.expect("asked for");
    assert_eq!((idle.opened, idle.open_at_end), (7, 0));
}

#[test]
fn source_addresses_are_spread() {
    let seen = std::sync::Arc::new(std::sync::Mutex::new(std::collections::BTreeSet::new()));
    let record = seen.clone();
    let address = server(move |mut client| {
        record
            .lock()
            .unwrap()
            .insert(client.stream.peer_addr().unwrap().ip().to_string());
        while client.request().is_some() {
            client.say(HELLO);
        }
    });
    let report = load(address, 40, |o| {
        (o.connections, o.source_addresses) = (4, 2)
    });
    assert_eq!(report.ok, 40, "{report}");
    assert_eq!(
        seen.lock().unwrap().iter().collect::<Vec<_>>(),
        ["127.0.0.2", "127.0.0.3"]
    );
}

#[test]
fn a_unix_socket_is_loaded_like_a_port() {
    let path = std::env::temp_dir().join(format!("ringgate-bench-{}.sock", std::process::id()));
    let listener = std::os::unix::net::UnixListener::bind(&path).unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            std::thread::spawn(move || {
                let mut buffer = [0; 4096];
                while std::io::Read::read(&mut stream, &mut buffer).is_ok_and(|n| n > 0) {
                    let _ = stream.write_all(HELLO);
                }
            });
        }
    });
    let target = format!("unix:{}:/plaintext", path.display());
    let report = load(([127, 0, 0, 1], 1).into(), 100, |o| {
        (o.target, o.connections) = (target.parse().unwrap(), 3);
    });
    std::fs::remove_file(&path).unwrap();
    assert_eq!((report.ok, report.connects), (100, 3), "{report}");
}

#[test]
fn the_program_refuses_other_machines_and_contradictions_as_usage_errors() {
    let stderr_of = |args: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_ringgate-bench"))
            .arg("load")
            .args(args)
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(2), "{args:?}");
        assert!(output.stdout.is_empty(), "stdout carries results only");
        String::from_utf8(output.stderr).unwrap()
    };
    assert!(stderr_of(&["--url", "http://192.0.2.1:80/"]).contains("not a loopback address"));
    assert!(stderr_of(&["--url", "http://127.0.0.1:1/", "--body", "5"]).contains("--method post"));
}

#[test]
fn the_json_report_is_one_object_with_every_documented_field() {
    let address = answering(HELLO);
    let output = Command::new(env!("CARGO_BIN_EXE_ringgate-bench"))
        .args([
            "load",
            "--json",
            "-n",
            "10",
            "--url",
            &format!("http://{address}/"),
        ])
        .output()
        .unwrap();
    assert!(output.status.success());
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["ok"], 10);
    let document = include_str!("../../docs/benchmarking.md");
    for field in report.as_object().unwrap().keys() {
        assert!(
            document.contains(&format!("`{field}`")),
            "docs/benchmarking.md misses `{field}`"
        );
    }
}
