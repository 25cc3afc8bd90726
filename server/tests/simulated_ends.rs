//! How connections end on which a client is slow, sends on, or says no more: in virtual time, over the
//! simulated ring.

mod bombs;
mod seeds;

use bombs::{Bomb, bombed};
use ringgate::config::{AdmissionLimits, Config, HalfClose, MaxAccepts};
use ringgate::runtime::driver::simulated::{Ending, Faults};
use ringgate::runtime::sleep;
use ringgate::simulation::Simulation;
use ringgate::{Body, Request, Response, RouteOptions, Router, WebSocket};
use std::num::NonZeroU32;
use std::time::Duration;

const MILLISECOND: Duration = Duration::from_millis(1);
const SECOND: Duration = Duration::from_secs(1);

fn router() -> Router<()> {
    let pieces = |_: Request| async {
        let body = Body::writer(|mut out| async move {
            for _ in 0..10 {
                out.write("piece ").await;
                sleep(100 * MILLISECOND).await;
            }
            Ok(())
        });
        Response::text("").with_body(body)
    };
    let one_piece = |_: Request| async {
        let body = Body::writer(|mut out| async move {
            out.write("piece ").await;
            std::future::pending().await
        });
        Response::text("").with_body(body)
    };
    let slowly = |_: Request| async {
        let body = Body::sized_writer(2, |mut out| async move {
            out.write("a").await;
            sleep(SECOND).await;
            out.write("b").await;
            Ok(())
        });
        Response::text("").with_body(body)
    };
    let copy = |request: Request| async move {
        let mut body = request.into_body();
        let len = body.announced_len().expect("a length");
        let body = Body::sized_writer(len, move |mut out| async move {
            while let Some(piece) = body.chunk().await {
                out.write(piece?).await;
            }
            Ok(())
        });
        Response::text("").with_body(body)
    };
    Router::new()
        .post("/copy", copy)
        .get("/slowly", slowly)
        .get("/hello", |_: Request| async { "hello" })
        .get("/soon", |_: Request| async {
            sleep(100 * MILLISECOND).await;
            "soon"
        })
        .get("/later", |_: Request| async {
            sleep(SECOND).await;
            "later"
        })
        .get("/never", |_: Request| std::future::pending::<Response>())
        .get("/pieces", pieces)
        .get("/one-piece", one_piece)
}

fn get(path: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nHost: test\r\n\r\n").into_bytes()
}

/// Turns for so long.
fn pass(simulation: &mut Simulation, time: Duration) {
    let until = simulation.world().now() + time;
    simulation.run_until(|simulation| simulation.world().now() >= until);
}

#[test]
fn a_head_request_that_comes_too_slowly_is_answered_without_a_body() {
    for sent in [
        "HEAD / HTT",
        "HEAD /never HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n",
    ] {
        let mut simulation = Simulation::new(&Config::default(), router(), 1);
        let client = simulation.connect();
        client.send(sent.as_bytes());
        simulation.run_until(|_| client.received_len() > 0);
        let answer = String::from_utf8(client.received()).expect("ASCII");
        assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
        assert!(answer.ends_with("\r\n\r\n"), "{answer}");
    }
}

/// What a client of a seed gets for three requests at once, two of them for large bodies.
fn large_bodies(seed: u64, faults: Faults) -> Vec<u8> {
    let large = |_: Request| async { (0..300_000).map(|at| at as u8).collect::<Vec<_>>() };
    let router = router().get("/large", large);
    let config = Config::default();
    let mut simulation = Simulation::with_cores(&config, router, 1, seed, faults);
    let client = simulation.connect();
    let last = b"GET /large HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n";
    client.send(&[&get("/large")[..], &get("/hello"), last].concat());
    simulation.run_until(|_| client.is_closed());
    client.received()
}

#[test]
fn large_bodies_arrive_whole_and_in_order_wherever_sends_end() {
    let expected = large_bodies(0, Faults::none());
    assert!(expected.len() > 600_000);
    seeds::play_each(50, |seed| {
        let faults = Faults {
            accept_error: 0.0,
            short_send: 0.7,
            ..Faults::drawn(seed)
        };
        assert!(large_bodies(seed, faults) == expected, "seed {seed}");
    });
}

/// Few slots, and what is said of clients that end their side.
fn slots(count: u32, half_close: HalfClose) -> Config {
    let admission =
        AdmissionLimits::new(NonZeroU32::new(count), MaxAccepts::None).expect("consistent");
    let mut config = Config {
        admission,
        ..Config::default()
    };
    config.queue.half_close = half_close;
    config
}

/// What a client gets that sends this and ends its side at once.
fn answered(half_close: HalfClose, sent: &[u8]) -> String {
    let mut simulation = Simulation::new(&slots(3, half_close), router(), 1);
    let client = simulation.connect();
    client.send(sent);
    client.shutdown_write();
    simulation.run_until(|simulation| {
        let (connections, _) = simulation.ledgers(0);
        connections.accepted == 1 && connections.open == 0
    });
    assert_eq!(simulation.gate(), (0, 0));
    String::from_utf8(client.received()).expect("ASCII")
}

#[test]
fn h9_a_request_that_runs_gives_its_slot_back_when_its_client_has_ended_its_side() {
    for path in ["/never", "/one-piece"] {
        let mut simulation = Simulation::new(&slots(1, HalfClose::Gone), router(), 1);
        let client = simulation.connect();
        client.send(&get(path));
        simulation.run_until(|simulation| simulation.gate() == (1, 0));
        pass(&mut simulation, 10 * SECOND);
        assert_eq!(simulation.gate(), (1, 0), "{path}: its client is there");
        client.shutdown_write();
        pass(&mut simulation, SECOND / 2);
        assert_eq!(simulation.gate(), (0, 0), "{path}");
        let (connections, requests) = simulation.ledgers(0);
        assert_eq!((requests.aborted, connections.aborted), (1, 1));
        assert_eq!(connections.open, 0);
    }
}

#[test]
fn h9_a_client_that_ends_its_side_behind_many_requests_gives_its_slot_back_too() {
    let mut simulation = Simulation::new(&slots(1, HalfClose::Gone), router(), 1);
    let client = simulation.connect();
    client.send(&get("/never"));
    // More than is read ahead: the end is behind bytes that nobody receives.
    client.send(&get("/hello").repeat(10_000));
    client.shutdown_write();
    simulation.run_until(|simulation| simulation.ledgers(0).1.begun == 1);
    pass(&mut simulation, SECOND);
    assert_eq!(
        (simulation.gate(), simulation.ledgers(0).0.open),
        ((0, 0), 0)
    );
}

#[test]
fn h9_a_client_that_goes_behind_many_requests_is_noticed_though_its_receive_has_ended_by_itself() {
    for half_close in [HalfClose::Gone, HalfClose::Serve] {
        for ends_its_side in [false, true] {
            let faults = Faults {
                ended_multishot: 1.0,
                ..Faults::none()
            };
            let config = slots(1, half_close);
            let mut simulation = Simulation::with_cores(&config, router(), 1, 1, faults);
            let client = simulation.connect();
            client.send(&get("/never"));
            client.send(&get("/hello").repeat(10_000));
            simulation.run_until(|simulation| simulation.ledgers(0).1.begun == 1);
            pass(&mut simulation, SECOND);
            assert_eq!(simulation.gate(), (1, 0), "its client is there");
            if ends_its_side {
                client.shutdown_write();
                pass(&mut simulation, SECOND / 10);
            }
            client.reset();
            pass(&mut simulation, SECOND);
            let left = (simulation.gate(), simulation.ledgers(0).0.open);
            assert_eq!(left, ((0, 0), 0), "{half_close:?} {ends_its_side}");
        }
    }
}

#[test]
fn who_ends_its_side_behind_a_request_is_answered_if_that_is_done_soon() {
    for gone in [HalfClose::Gone, HalfClose::Serve] {
        assert!(answered(gone, &get("/hello")).ends_with("\r\n\r\nhello"));
        assert!(answered(gone, &get("/soon")).ends_with("\r\n\r\nsoon"));
        let three = [get("/hello"), get("/soon"), get("/hello")].concat();
        let answers = answered(gone, &three);
        assert_eq!(answers.matches("HTTP/1.1 200 OK").count(), 3, "{answers}");
        // A stream that flows is sent to its end, and an answer of known length whether it flows or not.
        let slowly = answered(gone, &get("/slowly"));
        assert!(slowly.ends_with("\r\n\r\nab"), "{slowly}");
        let pieces = answered(gone, &get("/pieces"));
        assert_eq!(pieces.matches("piece ").count(), 10, "{pieces}");
    }
}

#[test]
fn what_is_answered_already_reaches_a_client_whose_next_request_is_given_up() {
    let both = [get("/hello"), get("/later")].concat();
    let answers = answered(HalfClose::Gone, &both);
    assert!(answers.ends_with("\r\n\r\nhello"), "{answers}");
    let answers = answered(HalfClose::Serve, &both);
    assert!(answers.ends_with("\r\n\r\nlater"), "{answers}");
}

fn count(log: &[String], name: &str) -> usize {
    log.iter().filter(|line| line.contains(name)).count()
}

#[test]
fn a_body_of_many_bytes_comes_in_one_piece_and_goes_back_in_one_send() {
    const BODY_BYTES: usize = 16 << 10;
    let mut simulation = Simulation::new(&Config::default(), router(), 1);
    let client = simulation.connect();
    let head = format!("POST /copy HTTP/1.1\r\nHost: test\r\nContent-Length: {BODY_BYTES}\r\n\r\n");
    client.send(&[head.as_bytes(), &[b'x'; BODY_BYTES]].concat());
    simulation.run_until(|_| client.received_len() > BODY_BYTES);
    assert!(client.received().ends_with(&[b'x'; BODY_BYTES]));
    let log = simulation.world().log();
    let text = log.join("\n");
    // The first of a connection is armed for one buffer.
    assert_eq!(count(&log, "ReceiveLeased {"), 2, "{text}");
    assert_eq!(
        count(&log, "Send {") + count(&log, "SendPieces {"),
        1,
        "{text}"
    );
}

/// The log of a client that asks once, and gets this behind its request.
fn log_of_one_request(connection: &str) -> Vec<String> {
    let mut simulation = Simulation::new(&Config::default(), router(), 1);
    let client = simulation.connect();
    let request = format!("GET /hello HTTP/1.1\r\nHost: test\r\nConnection: {connection}\r\n\r\n");
    client.send(request.as_bytes());
    simulation.run_until(|_| client.received_len() > 0);
    pass(&mut simulation, MILLISECOND);
    assert_eq!(client.is_closed(), connection == "close");
    simulation.world().log()
}

#[test]
fn a_connection_for_one_request_takes_no_receive_back() {
    for (connection, receives) in [("close", 1), ("keep-alive", 2)] {
        let log = log_of_one_request(connection);
        let text = log.join("\n");
        assert_eq!(count(&log, "ReceiveLeased {"), receives, "{text}");
        assert_eq!(count(&log, "Cancel {"), 0, "{text}");
    }
}

#[test]
fn a_client_that_sends_on_behind_its_last_request_is_not_reset_while_it_reads_the_answer() {
    seeds::play_each(50, |seed| {
        let large = |_: Request| async { vec![b'x'; 300_000] };
        let router = router().get("/large", large);
        let faults = Faults {
            accept_error: 0.0,
            ..Faults::drawn(seed)
        };
        let mut simulation = Simulation::with_cores(&Config::default(), router, 1, seed, faults);
        for path in ["/hello", "/large", "/soon", "/pieces"] {
            let client = simulation.connect();
            client.window(10);
            let last = format!("GET {path} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n");
            client.send(last.as_bytes());
            simulation.run_until(|_| client.received_len() == 10);
            client.send(&get("/hello"));
            pass(&mut simulation, MILLISECOND);
            client.read(1_000_000);
            let ended = |simulation: &Simulation| simulation.ledgers(0).0.open == 0;
            simulation.run_until(|_| client.is_closed());
            assert_eq!(client.ending(), Ending::Eof, "seed {seed}: {path}");
            client.shutdown_write();
            simulation.run_until(ended);
            assert_eq!(client.ending(), Ending::Eof, "seed {seed}: {path}");
            let answer = String::from_utf8(client.received()).expect("ASCII");
            assert_eq!(answer.matches("HTTP/1.1 200 OK").count(), 1, "{path}");
        }
    });
}

#[test]
fn a_body_that_is_not_sent_and_panics_as_it_is_dropped_ends_no_other_connection() {
    let detached = RouteOptions::new().detached();
    let router = router()
        .get("/bomb", |_: Request| async { bombed(200) })
        .get("/none", |_: Request| async { bombed(204) })
        .get("/hints", |_: Request| async { bombed(103) })
        .get("/ws", |request: Request| {
            let answer = WebSocket::new().accept(&request, Bomb);
            let status = 403.try_into().expect("a status");
            async move { answer.with_status(status) }
        })
        .route_with(
            detached,
            ringgate::http::Method::GET,
            "/detached",
            |_: Request| async {
                sleep(SECOND).await;
                bombed(200)
            },
        );
    let mut simulation = Simulation::new(&Config::default(), router, 1);
    let other = simulation.connect();
    let handshake = "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\
                     Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    for (line, fields, status) in [
        ("HEAD /bomb", "", "200"),
        ("GET /none", "", "204"),
        ("GET /hints", "", "500"),
        ("GET /ws", handshake, "403"),
        ("GET /detached", "", ""),
    ] {
        let client = simulation.connect();
        client.send(format!("{line} HTTP/1.1\r\nHost: test\r\n{fields}\r\n").as_bytes());
        if status.is_empty() {
            pass(&mut simulation, SECOND / 2);
            client.reset();
            pass(&mut simulation, SECOND);
        } else {
            simulation.run_until(|_| client.received_len() > 0);
            let answer = String::from_utf8(client.received()).expect("ASCII");
            assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{line}");
        }
        other.send(&get("/hello"));
        simulation.run_until(|_| other.received().ends_with(b"hello"));
        other.take_received();
    }
}

#[test]
fn a_client_that_has_pipelined_and_sends_on_as_the_last_answer_goes_is_not_reset() {
    for path in ["/hello", "/soon"] {
        let mut config = Config::default();
        config.timeouts.requests_per_connection = 2;
        let mut simulation = Simulation::new(&config, router(), 1);
        let client = simulation.connect();
        client.send(&get(path).repeat(2));
        simulation.run_until(|_| client.is_closed());
        // Sent before the answers were read, and on its way since.
        client.send(&get("/hello").repeat(2));
        pass(&mut simulation, MILLISECOND);
        assert_eq!(client.ending(), Ending::Eof, "{path}");
        let answers = String::from_utf8(client.received()).expect("ASCII");
        assert_eq!(answers.matches("HTTP/1.1 200 OK").count(), 2, "{path}");
        client.shutdown_write();
        simulation.run_until(|simulation| simulation.world().open_descriptors() == 0);
        assert_eq!(client.ending(), Ending::Eof, "{path}");
        assert_eq!(simulation.ledgers(0).0.finished, 1);
    }
}
