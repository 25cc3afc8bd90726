//! Load over WebSocket: every delivery that was due came once, or is found lost, doubled, late or wrong.

mod common;

use std::io::Write;
use std::net::{SocketAddr, TcpStream};
use std::process::Command;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use common::websocket::{Opcode, Peer};
use rcgen::{CertifiedKey, generate_simple_self_signed};
use ringgate::websocket::frame::Header;
use ringgate_bench::load::websocket::{Pattern, Report, run};
use ringgate_bench::load::{LoadError, Options};
use rustls::pki_types::PrivateKeyDer;
use rustls::{ServerConfig, ServerConnection, StreamOwned};

/// A server whose every WebSocket is served by `serve`, after its handshake.
fn server(serve: impl Fn(&mut Peer) + Send + Sync + 'static) -> SocketAddr {
    common::server(move |client| {
        let mut peer = Peer::new(client.stream);
        if peer.shake_hands().is_some() {
            serve(&mut peer);
        }
    })
}

/// A server that says what `answer` makes of each message and its number on the connection.
fn answering(answer: impl Fn(&mut Peer, usize, Vec<u8>) + Send + Sync + 'static) -> SocketAddr {
    server(move |peer| {
        let mut nth = 0;
        while let Some(message) = peer.message() {
            answer(peer, nth, message);
            nth += 1;
        }
    })
}

fn echo() -> SocketAddr {
    answering(|peer, _, message| peer.send(Opcode::Text, &message))
}

/// How long a message is waited for that never comes: longer than a busy machine takes for one that does.
const SHORT: Duration = Duration::from_secs(1);

fn load(address: SocketAddr, messages: u64, change: impl FnOnce(&mut Options)) -> Report {
    let mut options = Options::to(format!("ws://{address}/ws").parse().expect("loopback"));
    options.requests = Some(messages);
    options.timeout = 3 * SHORT;
    change(&mut options);
    let report = run(&options).expect("the load generator works here");
    assert_eq!(report.expected, report.received + report.lost, "{report}");
    report
}

/// Lost, doubled, out of order, wrong.
fn faults(report: &Report) -> (u64, u64, u64, u64) {
    let Report {
        lost,
        doubled,
        out_of_order,
        wrong,
        ..
    } = *report;
    (lost, doubled, out_of_order, wrong)
}

#[test]
fn every_echo_of_a_good_server_comes_once_and_in_order() {
    for (messages, connections, threads, pipeline, payload) in [
        (1000, 1, 1, 1, 28),
        (1001, 5, 2, 16, 64),
        (1000, 3, 1, 4, 126),
        (20, 2, 1, 2, 100_000),
    ] {
        let report = load(echo(), messages, |options| {
            (options.connections, options.threads) = (connections, threads);
            (options.pipeline, options.websocket.payload) = (pipeline, payload);
        });
        assert_eq!((report.sent, report.received), (messages, messages));
        assert_eq!(report.failures(), "", "{report}");
        assert!(report.latency_us.p50 > 0.0 && report.latency_us.p50 <= report.latency_us.max);
        assert!(report.bytes_received >= messages * payload as u64);
    }
}

#[test]
fn binary_messages_are_answered_as_such() {
    let address = answering(|peer, _, message| peer.send(Opcode::Binary, &message));
    let report = load(address, 10, |options| options.websocket.binary = true);
    assert_eq!(report.failures(), "");
    let report = load(echo(), 10, |options| options.websocket.binary = true);
    assert_eq!(report.wrong, 1, "a text for a binary message: {report}");
}

#[test]
fn a_message_that_is_swallowed_is_lost_and_those_behind_it_are_not() {
    let address = answering(|peer, nth, message| {
        if nth != 3 {
            peer.send(Opcode::Text, &message);
        }
    });
    let report = load(address, 16, |options| {
        (options.pipeline, options.timeout) = (16, SHORT);
    });
    assert_eq!(faults(&report), (1, 0, 0, 0), "{report}");
    assert_eq!(report.received, 15);
    assert_eq!(report.ended["timeout"], 1, "{report}");
}

#[test]
fn a_message_that_comes_twice_is_doubled_even_after_the_last_one() {
    let address = answering(|peer, nth, message| {
        peer.send(Opcode::Text, &message);
        if nth == 2 || nth == 9 {
            peer.send(Opcode::Text, &message);
        }
    });
    let report = load(address, 10, |_| {});
    assert_eq!(faults(&report), (0, 2, 0, 0), "{report}");
    assert_eq!(report.received, 10);
}

#[test]
fn messages_that_change_places_are_out_of_order_and_not_lost() {
    let held = Mutex::new(None);
    let address = answering(move |peer, nth, message| {
        let mut held = held.lock().expect("nobody panics with it");
        match nth {
            4 => *held = Some(message),
            _ => {
                peer.send(Opcode::Text, &message);
                if let Some(message) = held.take() {
                    peer.send(Opcode::Text, &message);
                }
            }
        }
    });
    let report = load(address, 16, |options| options.pipeline = 16);
    assert_eq!(faults(&report), (0, 0, 1, 0), "{report}");
    assert_eq!(report.received, 16);
}

#[test]
fn the_message_of_another_connection_is_wrong() {
    let first = OnceLock::new();
    let address = answering(move |peer, nth, message| {
        let first = first.get_or_init(|| message.clone());
        // From the second on: the first of all, whoever said it.
        peer.send(Opcode::Text, if nth == 0 { &message } else { first });
    });
    let report = load(address, 40, |options| options.connections = 4);
    assert_eq!((report.wrong, report.doubled), (3, 1), "{report}");
    assert_eq!(report.ended["wrong"], 3, "{report}");
}

#[test]
fn fragments_with_pings_between_them_are_one_message() {
    let address = answering(|peer, _, message| {
        let (front, back) = message.split_at(20);
        let piece = |opcode, fin, payload: &[u8]| {
            let mut frame = Vec::new();
            let whole = Header::of_server(opcode, payload.len());
            Header { fin, ..whole }.write(&mut frame);
            frame.extend_from_slice(payload);
            frame
        };
        peer.say(&piece(Opcode::Text, false, front));
        peer.say(&piece(Opcode::Ping, true, b"there?"));
        peer.say(&piece(Opcode::Continuation, true, back));
        let (opcode, payload) = peer.hear().expect("a pong");
        assert_eq!((opcode, payload.as_slice()), (Opcode::Pong, &b"there?"[..]));
    });
    let report = load(address, 10, |_| {});
    assert_eq!(
        (report.failures().as_str(), report.pings),
        ("", 10),
        "{report}"
    );
}

#[test]
fn a_connection_that_ends_is_counted_by_its_reason_and_never_made_anew() {
    let ends = |serve: fn(&mut Peer), reason: &str| {
        let address = answering(move |peer, nth, message| match nth {
            0 => peer.send(Opcode::Text, &message),
            _ => serve(peer),
        });
        let report = load(address, 10, |options| options.connections = 2);
        assert_eq!(report.ended[reason], 2, "{reason}: {report}");
        assert_eq!((report.received, report.lost), (2, 2), "{reason}: {report}");
        report
    };
    let cut = |peer: &mut Peer| drop(peer.stream.shutdown(std::net::Shutdown::Write));
    ends(cut, "cut");
    let restart = |peer: &mut Peer| peer.send(Opcode::Close, b"\x03\xf4new version");
    let report = ends(restart, "close 1012");
    assert_eq!(report.first_error.as_deref(), Some("new version"));
    ends(|peer| peer.send(Opcode::Close, b""), "close 1005");
    let masked = |peer: &mut Peer| peer.say(b"\x81\x80\x01\x02\x03\x04");
    let report = ends(masked, "protocol");
    assert!(
        report
            .first_error
            .is_some_and(|error| error.contains("masked"))
    );
}

#[test]
fn a_close_that_is_not_answered_is_reported() {
    let address = server(|peer| {
        while let Some((opcode, message)) = peer.hear() {
            if opcode == Opcode::Text {
                peer.send(Opcode::Text, &message);
            }
        }
    });
    let report = load(address, 3, |options| options.timeout = SHORT);
    assert_eq!((report.received, report.unclosed), (3, 1), "{report}");
}

#[test]
fn a_handshake_that_is_refused_ends_the_run_with_its_reason() {
    let address = common::answering(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n");
    let options = Options::to(format!("ws://{address}/nothing").parse().expect("loopback"));
    match run(&options) {
        Err(LoadError::Handshake(text)) => {
            assert!(
                text.contains("404 Not Found") && text.contains("/nothing"),
                "{text}"
            );
        }
        other => panic!("{other:?}"),
    }
    let output = Command::new(env!("CARGO_BIN_EXE_ringgate-bench"))
        .args([
            "load",
            "--websocket",
            "--url",
            &format!("http://{address}/nothing"),
        ])
        .output()
        .expect("the program");
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("404 Not Found"));
}

/// A server that passes each message on to everybody but its sender, `times(nth)` times.
fn hub(times: impl Fn(usize) -> usize + Send + Sync + 'static) -> SocketAddr {
    let everybody: Mutex<Vec<TcpStream>> = Mutex::default();
    common::server(move |client| {
        // Before the handshake is answered: who has its 101 hears everything.
        let clone = client.stream.try_clone().expect("a descriptor");
        everybody.lock().expect("no panic").push(clone);
        let mut peer = Peer::new(client.stream);
        peer.shake_hands();
        let mut nth = 0;
        while let Some(message) = peer.message() {
            let mut frame = Vec::new();
            Header::of_server(Opcode::Text, message.len()).write(&mut frame);
            frame.extend_from_slice(&message);
            let ours = peer.stream.peer_addr().ok();
            for mut other in everybody.lock().expect("no panic").iter() {
                if other.peer_addr().ok() != ours {
                    for _ in 0..times(nth) {
                        let _ = other.write_all(&frame);
                    }
                }
            }
            nth += 1;
        }
        // The other handle of this socket keeps it open.
        let _ = peer.stream.shutdown(std::net::Shutdown::Both);
    })
}

#[test]
fn in_a_fan_out_every_other_connection_hears_each_message() {
    let fan_out = |options: &mut Options| {
        options.connections = 11;
        options.websocket.pattern = Some(Pattern::FanOut);
    };
    let report = load(hub(|_| 1), 50, fan_out);
    assert_eq!((report.sent, report.expected), (50, 500), "{report}");
    assert_eq!(
        (report.received, report.failures().as_str()),
        (500, ""),
        "{report}"
    );
    let report = load(hub(|nth| if nth == 7 { 2 } else { 1 }), 50, fan_out);
    assert_eq!(faults(&report), (0, 10, 0, 0), "{report}");
    let report = load(hub(|nth| usize::from(nth != 7)), 8, fan_out);
    assert_eq!(faults(&report), (10, 0, 0, 0), "{report}");
}

#[test]
fn a_timetable_sends_on_one_connection_after_the_other_and_loses_nothing() {
    let report = load(echo(), 200, |options| {
        options.connections = 10;
        options.rate = std::num::NonZeroU64::new(1000);
    });
    assert_eq!(
        (report.received, report.failures().as_str()),
        (200, ""),
        "{report}"
    );
    assert!(report.elapsed_seconds >= 0.19, "{report}");
}

#[test]
fn over_tls_messages_are_accounted_for_and_handshakes_counted() {
    let CertifiedKey { cert, signing_key } =
        generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
    let key = PrivateKeyDer::try_from(signing_key.serialize_der()).expect("a key");
    let config = ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(vec![cert.der().clone()], key)
        .expect("a key that fits");
    let config = Arc::new(config);
    let address = common::server(move |client| {
        let connection = ServerConnection::new(config.clone()).expect("a good configuration");
        let mut peer = Peer::new(StreamOwned::new(connection, client.stream));
        if peer.shake_hands().is_some() {
            while let Some(message) = peer.message() {
                peer.send(Opcode::Text, &message);
            }
            peer.stream.conn.send_close_notify();
            let _ = peer.stream.flush();
        }
    });
    let report = load(address, 100, |options| {
        options.target = format!("wss://{address}/ws").parse().expect("loopback");
        (options.connections, options.pipeline) = (3, 4);
        options.websocket.payload = 20_000;
        options.tls.key_updates = Some(4);
    });
    assert_eq!(
        (report.received, report.failures().as_str()),
        (100, ""),
        "{report}"
    );
    let tls = report.tls.expect("TLS");
    assert_eq!((tls.handshakes_full, tls.without_close_notify), (3, 0));
    assert!(tls.key_updates > 0);
}

#[test]
fn the_report_as_json_has_the_fields_of_the_document() {
    let report = load(echo(), 5, |_| {});
    let json = serde_json::to_value(&report).expect("JSON");
    let document = include_str!("../../docs/benchmarking.md");
    for (field, _) in json.as_object().expect("an object") {
        assert!(
            document.contains(&format!("`{field}`")),
            "{field} is not documented"
        );
    }
    assert_eq!(json["pattern"], "echo");
}
