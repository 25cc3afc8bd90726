//! Clients that take too long, in virtual time over the simulated ring: each is given the whole of its
//! limit and hardly more. One limit is in reach in each test, and the others are far away.

use ringgate::config::{Config, Timeouts};
use ringgate::runtime::driver::simulated::{Action, Client, Ending, World};
use ringgate::runtime::sleep;
use ringgate::runtime::timer::GRANULARITY_NANOS;
use ringgate::simulation::Simulation;
use ringgate::{Body, Request, Response, Router};
use std::cell::RefCell;
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(2);
const HOUR: Duration = Duration::from_secs(3600);
/// A timer is never early, and at most two ticks of its wheel late.
const LATE: Duration = Duration::from_nanos(2 * GRANULARITY_NANOS);

const HELLO: &[u8] = b"GET /hello HTTP/1.1\r\nHost: t\r\n\r\n";
const LATER: &[u8] = b"GET /later HTTP/1.1\r\nHost: t\r\n\r\n";
const LARGE: &[u8] = b"GET /large HTTP/1.1\r\nHost: t\r\n\r\n";
/// Refused, and its client may still be sending: a close at once would take the answer from it.
const TOO_LARGE: &[u8] = b"POST /echo HTTP/1.1\r\nHost: t\r\nContent-Length: 1000000000\r\n\r\n";
/// Bytes of the large answer, many sends.
const LARGE_LEN: usize = 4 << 20;
/// Bytes of a body, more than wait for a handler that does not read.
const UPLOAD_LEN: usize = 1 << 20;

thread_local! {
    /// The world of a handler that holds its core.
    static WORLD: RefCell<Option<World>> = const { RefCell::new(None) };
}

fn router() -> Router<()> {
    let pieces = |_: Request| async {
        let body = Body::writer(|mut out| async move {
            for _ in 0..3 {
                sleep(3 * LIMIT).await;
                out.write("piece ").await;
            }
            Ok(())
        });
        Response::text("").with_body(body)
    };
    Router::new()
        .get("/hello", |_: Request| async { "hello" })
        .get("/holds", |_: Request| async {
            WORLD.with_borrow(|world| world.as_ref().expect("a world").advance(3 * LIMIT));
            "held"
        })
        .get("/later", |_: Request| async {
            sleep(3 * LIMIT).await;
            "later"
        })
        .get("/large", |_: Request| async { "x".repeat(LARGE_LEN) })
        .get("/some", |_: Request| async { "x".repeat(30_000) })
        .get("/pieces", pieces)
        .post("/echo", |request: Request| async move {
            Response::text(request.into_body().bytes().await.unwrap_or_default())
        })
        .post("/late", |request: Request| async move {
            sleep(3 * LIMIT).await;
            length(request).await
        })
        .post("/slowly", |mut request: Request| async move {
            let mut len = 0;
            while let Some(Ok(piece)) = request.body().chunk().await {
                len += piece.len();
                sleep(LIMIT / 10).await;
            }
            Response::text(len.to_string())
        })
        .post("/answering", |request: Request| async move {
            let body = Body::writer(|mut out| async move {
                out.write("then ").await;
                sleep(3 * LIMIT).await;
                out.write(length(request).await).await;
                Ok(())
            });
            Response::text("").with_body(body)
        })
        .post("/never", |request: Request| async move {
            sleep(HOUR).await;
            length(request).await
        })
}

async fn length(request: Request) -> String {
    let whole = request.into_body().bytes().await;
    whole.map_or("cut".to_owned(), |whole| whole.len().to_string())
}

/// The head of an upload whose handler is slow.
fn upload(path: &str, len: usize, fields: &str) -> Vec<u8> {
    format!("POST {path} HTTP/1.1\r\nHost: t\r\nContent-Length: {len}\r\n{fields}\r\n").into_bytes()
}

/// Sends such a body as a network does: what has been sent is received before the next piece comes.
fn send_in_pieces(client: &Client) {
    for n in 1..=16 {
        let piece = vec![b'x'; UPLOAD_LEN / 16];
        client.after(LIMIT / 100 * n, Action::Send(piece));
    }
}

fn simulate(shorten: impl FnOnce(&mut Timeouts)) -> Simulation {
    let mut config = Config::default();
    config.timeouts.head = HOUR;
    config.timeouts.body = HOUR;
    config.timeouts.write = HOUR;
    config.timeouts.idle = HOUR;
    config.timeouts.linger = HOUR;
    config.timeouts.linger_time = HOUR;
    shorten(&mut config.timeouts);
    Simulation::new(&config, router(), 1)
}

/// Turns until something is so, and for how long.
fn until(simulation: &mut Simulation, done: impl FnMut(&Simulation) -> bool) -> Duration {
    let began = simulation.world().now();
    simulation.run_until(done);
    simulation.world().now() - began
}

/// Turns until the server has ended a connection, and for how long.
fn until_closed(simulation: &mut Simulation, client: &Client) -> Duration {
    until(simulation, |_| client.is_closed())
}

fn pass(simulation: &mut Simulation, time: Duration) {
    let end = simulation.world().now() + time;
    simulation.run_until(|simulation| simulation.world().now() >= end);
}

#[track_caller]
fn assert_in_time(took: Duration, limit: Duration) {
    assert!(took >= limit, "{took:?} is before {limit:?}");
    assert!(took <= limit + LATE, "{took:?} is too late for {limit:?}");
}

fn text(client: &Client) -> String {
    String::from_utf8(client.received()).expect("ASCII")
}

#[test]
fn a_head_that_is_not_whole_in_time_is_answered_408_whatever_comes_in_between() {
    // The first head of a connection, and one behind an answer.
    for used in [false, true] {
        let mut simulation = simulate(|timeouts| timeouts.head = LIMIT);
        let client = simulation.connect();
        if used {
            client.send(HELLO);
            simulation.run_until(|_| client.received().ends_with(b"hello"));
            client.take_received();
        }
        pass(&mut simulation, 3 * LIMIT);
        client.send(b"GET /hello HT");
        client.after(LIMIT / 2, Action::Send(b"TP/1.1\r\n".to_vec()));
        client.after(LIMIT * 9 / 10, Action::Send(b"X: y\r\n".to_vec()));
        let took = until(&mut simulation, |_| client.received_len() > 0);
        assert_in_time(took, LIMIT);
        let answer = text(&client);
        assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
        assert!(answer.contains("\r\nConnection: close\r\n"), "{answer}");
        client.shutdown_write();
        simulation.run_until(|simulation| simulation.world().open_descriptors() == 0);
        assert_eq!(simulation.ledgers(0).0.aborted, 1);
    }
}

#[test]
fn a_connection_that_is_quiet_too_long_is_closed_without_a_word() {
    // Before its first request, and after an answer that was given at once or took its time.
    for request in [b"", HELLO, LATER] {
        let mut simulation = simulate(|timeouts| timeouts.idle = LIMIT);
        let client = simulation.connect();
        client.send(request);
        let answered = u64::from(!request.is_empty());
        simulation.run_until(|simulation| {
            let (connections, requests) = simulation.ledgers(0);
            connections.accepted == 1 && requests.answered == answered
        });
        client.take_received();
        assert_in_time(until_closed(&mut simulation, &client), LIMIT);
        assert_eq!(client.received_len(), 0);
        assert_eq!(simulation.ledgers(0).0.finished, 1);
    }
}

#[test]
fn each_request_begins_the_idle_time_anew() {
    for request in [HELLO, LATER] {
        let mut simulation = simulate(|timeouts| timeouts.idle = LIMIT);
        let client = simulation.connect();
        for number in 1..=5 {
            client.send(request);
            simulation.run_until(|simulation| simulation.ledgers(0).1.answered == number);
            if number < 5 {
                pass(&mut simulation, LIMIT * 9 / 10);
            }
        }
        assert_in_time(until_closed(&mut simulation, &client), LIMIT);
    }
}

#[test]
fn a_body_that_stalls_is_answered_408_and_each_byte_begins_its_time_anew() {
    let mut simulation = simulate(|timeouts| timeouts.body = LIMIT);
    let client = simulation.connect();
    client.send(b"POST /echo HTTP/1.1\r\nHost: t\r\nContent-Length: 10\r\n\r\n");
    for _ in 0..5 {
        pass(&mut simulation, LIMIT * 9 / 10);
        assert_eq!(client.received_len(), 0);
        client.send(b"x");
    }
    let took = until(&mut simulation, |_| client.received_len() > 0);
    assert_in_time(took, LIMIT);
    let answer = text(&client);
    assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
    assert!(answer.contains("\r\nConnection: close\r\n"), "{answer}");
}

#[test]
fn a_slow_handler_is_no_client_that_is_slow() {
    for (path, end) in [("/later", "later"), ("/pieces", "0\r\n\r\n")] {
        let mut simulation = simulate(|timeouts| {
            timeouts.head = LIMIT;
            timeouts.body = LIMIT;
            timeouts.write = LIMIT;
            timeouts.idle = LIMIT;
        });
        let client = simulation.connect();
        client.send(format!("GET {path} HTTP/1.1\r\nHost: t\r\n\r\n").as_bytes());
        let took = until(&mut simulation, |simulation| {
            client.is_closed() || simulation.ledgers(0).1.answered == 1
        });
        assert!(took >= 3 * LIMIT);
        assert!(text(&client).ends_with(end), "{path}");
    }
}

#[test]
fn a_client_is_not_late_with_a_body_that_the_server_does_not_read() {
    for (path, end) in [
        ("/late", "\r\n\r\n1048576"),
        ("/slowly", "\r\n\r\n1048576"),
        ("/answering", "1048576\r\n0\r\n\r\n"),
    ] {
        let mut simulation = simulate(|timeouts| timeouts.body = LIMIT);
        let client = simulation.connect();
        client.send(&upload(path, UPLOAD_LEN, ""));
        send_in_pieces(&client);
        let took = until(&mut simulation, |simulation| {
            client.is_closed() || simulation.ledgers(0).1.answered == 1
        });
        assert!(took >= 3 * LIMIT, "{path}: {took:?}");
        assert!(text(&client).ends_with(end), "{path}: {}", text(&client));
    }
}

#[test]
fn a_client_is_not_late_with_a_body_that_nobody_has_asked_it_for() {
    const EXPECTS: &str = "Expect: 100-continue\r\n";
    for sends in [true, false] {
        let mut simulation = simulate(|timeouts| timeouts.body = LIMIT);
        let client = simulation.connect();
        client.send(&upload("/late", 5, EXPECTS));
        let took = until(&mut simulation, |_| client.received_len() > 0);
        assert_in_time(took, 3 * LIMIT);
        assert_eq!(text(&client), "HTTP/1.1 100 Continue\r\n\r\n");
        client.take_received();
        if sends {
            pass(&mut simulation, LIMIT * 9 / 10);
            client.send(b"hello");
            simulation.run_until(|_| client.received_len() > 0);
            assert!(text(&client).ends_with("\r\n\r\n5"));
        } else {
            let took = until(&mut simulation, |_| client.received_len() > 0);
            assert_in_time(took, LIMIT);
            assert!(text(&client).starts_with("HTTP/1.1 408 "));
        }
    }
}

#[test]
fn a_client_whose_body_is_read_again_has_the_whole_of_its_time() {
    for (path, head) in [("/late", "HTTP/1.1 408 "), ("/answering", "HTTP/1.1 200 ")] {
        let mut simulation = simulate(|timeouts| timeouts.body = LIMIT);
        let client = simulation.connect();
        client.send(&upload(path, UPLOAD_LEN, ""));
        client.send(&[b'x'; UPLOAD_LEN / 2]);
        let took = until(&mut simulation, |_| {
            client.unreceived() == 0 && client.is_closed()
        });
        assert_in_time(took, 4 * LIMIT);
        assert!(text(&client).starts_with(head), "{}", text(&client));
    }
}

#[test]
fn a_client_that_goes_while_its_body_is_not_read_is_not_waited_for() {
    // A reset is heard at once; behind an end the rest of the body may lie, which is waited for as ever.
    for (goes, limit, answered) in [
        (Action::Reset, Duration::ZERO, 0),
        (Action::Close, LIMIT, 1),
    ] {
        let mut simulation = simulate(|timeouts| timeouts.body = LIMIT);
        let client = simulation.connect();
        client.send(&upload("/never", UPLOAD_LEN, ""));
        send_in_pieces(&client);
        pass(&mut simulation, 10 * LIMIT);
        assert_eq!(simulation.ledgers(0).0.open, 1);
        assert_eq!(client.received_len(), 0);
        client.after(Duration::ZERO, goes);
        let took = until(&mut simulation, |simulation| {
            simulation.ledgers(0).0.open == 0
        });
        assert_in_time(took, limit);
        let requests = simulation.ledgers(0).1;
        assert_eq!(
            (requests.answered, requests.aborted),
            (answered, 1 - answered)
        );
    }
}

#[test]
fn a_client_that_takes_nothing_is_cut_off() {
    // Nothing of an answer of one send or of many; and nothing more after some sends.
    for (request, taken) in [(HELLO, 1), (LARGE, 1), (LARGE, 1 << 20)] {
        let mut simulation = simulate(|timeouts| timeouts.write = LIMIT);
        let client = simulation.connect();
        client.window(taken);
        client.send(request);
        simulation.run_until(|_| client.received_len() as u64 == taken);
        let took = until_closed(&mut simulation, &client);
        let latest = LIMIT + LIMIT / 4 + LATE;
        assert!(took >= LIMIT && took <= latest, "{took:?}");
        assert_eq!(client.received_len() as u64, taken);
        let (connections, requests) = simulation.ledgers(0);
        assert_eq!((connections.aborted, requests.aborted), (1, 1));
    }
}

#[test]
fn a_client_that_takes_slowly_is_not_cut_off() {
    // Less than a send in each limit, and more.
    for step in [1 << 10, 300 << 10] {
        let mut simulation = simulate(|timeouts| timeouts.write = LIMIT);
        let client = simulation.connect();
        client.window(1);
        client.send(LARGE);
        for _ in 0..10 {
            pass(&mut simulation, LIMIT * 7 / 10);
            assert!(!client.is_closed(), "{step} bytes at a time");
            client.read(step);
        }
        client.read(u64::MAX / 2);
        simulation.run_until(|simulation| simulation.ledgers(0).1.answered == 1);
        assert!(client.received_len() > LARGE_LEN);
    }
}

#[test]
fn a_refused_client_sees_the_end_of_its_answer_at_once_and_may_send_on() {
    let mut simulation = simulate(|timeouts| timeouts.linger = LIMIT);
    let client = simulation.connect();
    client.send(TOO_LARGE);
    simulation.run_until(|_| client.received_len() > 0);
    let took = until(&mut simulation, |_| client.is_closed());
    assert!(took <= LATE, "{took:?}");
    assert_eq!(client.ending(), Ending::Eof);
    client.send(b"more");
    pass(&mut simulation, LIMIT / 2);
    assert_eq!(client.ending(), Ending::Eof);
    assert_eq!(client.unreceived(), 0);
    client.shutdown_write();
    simulation.run_until(|simulation| simulation.world().open_descriptors() == 0);
    assert_eq!(client.ending(), Ending::Eof);
}

#[test]
fn a_client_that_does_not_end_its_side_is_waited_for_until_it_has_paused_for_the_time_to_linger() {
    let mut simulation = simulate(|timeouts| timeouts.linger = LIMIT);
    let client = simulation.connect();
    client.send(TOO_LARGE);
    simulation.run_until(|_| client.received_len() > 0);
    for _ in 0..5 {
        pass(&mut simulation, LIMIT * 9 / 10);
        assert_eq!(simulation.ledgers(0).0.open, 1);
        client.send(b"more");
    }
    let took = until(&mut simulation, |simulation| {
        simulation.ledgers(0).0.open == 0
    });
    assert_in_time(took, LIMIT);
    assert_eq!(simulation.ledgers(0).0.finished, 1);
}

#[test]
fn a_client_that_sends_on_is_lingered_for_no_longer_than_in_all() {
    // Pauses that each end before the time of one; and one that would last longer.
    for pause in [LIMIT / 4, 8 * LIMIT] {
        let mut simulation = simulate(|timeouts| {
            timeouts.linger = pause * 2;
            timeouts.linger_time = 3 * LIMIT;
        });
        let client = simulation.connect();
        client.send(TOO_LARGE);
        simulation.run_until(|_| client.received_len() > 0);
        for number in 1..50 {
            client.after(pause * number, Action::Send(b"more".to_vec()));
        }
        let took = until(&mut simulation, |simulation| {
            simulation.ledgers(0).0.open == 0
        });
        assert_in_time(took, 3 * LIMIT);
    }
}

#[test]
fn a_refused_client_has_five_seconds_in_all_for_what_is_in_front_of_its_refusal() {
    let some = b"GET /some HTTP/1.1\r\nHost: t\r\n\r\n";
    let no_head = b"GET /some HTTP/1.1\r\nHost\r\n\r\n";
    for (refused, status) in [
        (&no_head[..], "400"),
        (&[b'G'; 20_000], "414"),
        (TOO_LARGE, "413"),
    ] {
        for step in [0, 1, 500] {
            let mut simulation = simulate(|_| {});
            let client = simulation.connect();
            client.window(1);
            client.send(&[&some[..], refused].concat());
            for n in 1..100 {
                client.after(LIMIT / 10 * n, Action::Read(step));
            }
            let took = until(&mut simulation, |simulation| {
                let connections = simulation.ledgers(0).0;
                connections.accepted == 1 && connections.open == 0
            });
            let limit = Duration::from_secs(5);
            let latest = limit + Duration::from_millis(100);
            assert!(took >= limit && took <= latest, "{status}: {took:?}");
            simulation.run_until(|simulation| simulation.world().open_descriptors() == 0);
            assert_eq!(client.ending(), Ending::Reset, "{status}");
            assert_eq!(simulation.ledgers(0).0.aborted, 1);
        }
    }
}

#[test]
fn a_client_is_not_late_because_the_core_was_held_up() {
    const BODY: &[u8] = b"POST /echo HTTP/1.1\r\nHost: t\r\nContent-Length: 5\r\n\r\nhe";
    for (first, then, whole) in [
        (HELLO, HELLO, 2),
        (&HELLO[..9], &HELLO[9..], 1),
        (BODY, b"llo", 1),
    ] {
        let mut simulation = simulate(|timeouts| {
            timeouts.head = LIMIT;
            timeouts.body = LIMIT;
            timeouts.idle = LIMIT;
        });
        let client = simulation.connect();
        client.send(first);
        pass(&mut simulation, LIMIT / 4);
        client.after(LIMIT / 4, Action::Send(then.to_vec()));
        simulation.world().advance(3 * LIMIT);
        let held = simulation.world().now();
        simulation.run_until(|_| client.is_closed());
        assert_in_time(simulation.world().now() - held, LIMIT);
        let answers = text(&client);
        assert_eq!(answers.matches("200 OK").count(), whole, "{answers}");
        assert_eq!(answers.matches("hello").count(), whole, "{answers}");
        assert_eq!(simulation.ledgers(0).0.aborted, 0);
    }
}

#[test]
fn the_time_of_a_client_begins_behind_an_answer_that_held_its_core() {
    let mut simulation = simulate(|timeouts| timeouts.idle = LIMIT);
    WORLD.set(Some(simulation.world().clone()));
    let (client, other) = (simulation.connect(), simulation.connect());
    other.send(HELLO);
    simulation.run_until(|_| other.received().ends_with(b"hello"));
    client.send(b"GET /holds HTTP/1.1\r\nHost: t\r\n\r\n");
    simulation.run_until(|_| client.received().ends_with(b"held"));
    pass(&mut simulation, LIMIT / 2);
    for client in [&client, &other] {
        client.take_received();
        client.send(HELLO);
        simulation.run_until(|_| client.received().ends_with(b"hello"));
    }
}
