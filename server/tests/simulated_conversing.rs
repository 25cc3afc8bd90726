//! WebSockets that a task of their own speaks on, over the simulated ring: what waits between two messages loses
//! none, and every time limit is the same as without a task.

mod frames;

use frames::{close_frame, frame, handshake, text};
use ringgate::config::Config;
use ringgate::handler::websocket::{CloseCode, Conversing, Message};
use ringgate::runtime::driver::simulated::{Action, Client};
use ringgate::runtime::time::timeout;
use ringgate::runtime::{sleep, timer::GRANULARITY_NANOS};
use ringgate::simulation::Simulation;
use ringgate::{Request, Response, Router, WebSocket};
use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(2);
const HOUR: Duration = Duration::from_secs(3600);
/// A timer is never early, and at most two ticks of its wheel late.
const LATE: Duration = Duration::from_nanos(2 * GRANULARITY_NANOS);
const PING: &[u8] = b"\x89\x00";

thread_local! {
    /// The ends that were told: code, and whether the client broke a rule.
    static ENDS: Rc<RefCell<Vec<(u16, bool)>>> = Rc::default();
}

fn ends() -> Vec<(u16, bool)> {
    ENDS.with(|ends| ends.borrow().clone())
}

async fn echo(mut socket: Conversing) {
    while let Some(message) = socket.next().await {
        if socket.send(message.as_message()).await.is_err() {
            break;
        }
    }
    if let Some(ended) = socket.ended() {
        let end = (ended.code, ended.fault.is_some());
        ENDS.with(|ends| ends.borrow_mut().push(end));
    }
}

/// Says something of its own whenever the client says nothing for a while.
async fn talkative(mut socket: Conversing) {
    loop {
        match timeout(LIMIT / 4, socket.next()).await {
            Ok(Some(message)) => {
                let _ = socket.send(message.as_message()).await;
            }
            Ok(None) => return,
            Err(_) => {
                let _ = socket.send(Message::Text("and?")).await;
            }
        }
    }
}

/// Looks for a message again and again, and sends back what it finds: much for `much`.
async fn hasty(mut socket: Conversing) {
    loop {
        if let Ok(found) = timeout(LIMIT / 8, socket.next()).await {
            let Some(message) = found else { return };
            let _ = match message.as_message() {
                Message::Text("much") => socket.send(Message::Binary(&[0; 70_000])).await,
                other => socket.send(other).await,
            };
        }
    }
}

/// Loses patience with a message, does something else, and comes back for it.
async fn absent(mut socket: Conversing) {
    if timeout(LIMIT / 4, socket.next()).await.is_ok() {
        return;
    }
    sleep(LIMIT * 2).await;
    while let Some(message) = socket.next().await {
        let count = message.as_message().bytes().len();
        let _ = socket.send(Message::Text(&count.to_string())).await;
    }
    if let Some(ended) = socket.ended() {
        let end = (ended.code, ended.fault.is_some());
        ENDS.with(|ends| ends.borrow_mut().push(end));
    }
}

fn route<T: Future<Output = ()> + 'static>(
    converse: fn(Conversing) -> T,
) -> impl Fn(Request) -> std::future::Ready<Response> + Send + Sync + 'static {
    let sockets = WebSocket::new().compressed();
    move |request| std::future::ready(sockets.stream(&request, converse))
}

fn simulate(change: impl FnOnce(&mut Config)) -> Simulation {
    let mut config = Config::default();
    config.timeouts.write = HOUR;
    config.timeouts.linger = HOUR;
    config.timeouts.linger_time = HOUR;
    config.websocket.ping = HOUR;
    config.websocket.pong_timeout = HOUR;
    config.websocket.message_timeout = HOUR;
    config.websocket.close_timeout = HOUR;
    change(&mut config);
    let router = Router::new()
        .get("/echo", route(echo))
        .get("/talkative", route(talkative))
        .get("/hasty", route(hasty))
        .get("/absent", route(absent))
        .get(
            "/brief",
            route(|mut socket: Conversing| async move {
                let _ = socket.next().await;
            }),
        )
        .get(
            "/closing",
            route(|mut socket: Conversing| async move {
                let _ = socket.next().await;
                socket.close(CloseCode::NORMAL, "that was it").await;
                let code = socket.ended().map_or(0, |ended| ended.code);
                ENDS.with(|ends| ends.borrow_mut().push((code, false)));
            }),
        )
        .get(
            "/late",
            route(|mut socket: Conversing| async move {
                sleep(LIMIT).await;
                let mut sum = 0;
                while let Some(message) = socket.next().await {
                    sum += message.as_message().bytes().len();
                    let _ = socket.send(Message::Text(&sum.to_string())).await;
                }
            }),
        );
    Simulation::new(&config, router, 1)
}

fn open(simulation: &mut Simulation, path: &str) -> Client {
    let client = simulation.connect();
    client.send(&handshake(path));
    simulation.run_until(|_| client.received().ends_with(b"\r\n\r\n"));
    client.take_received();
    client
}

fn until(simulation: &mut Simulation, mut done: impl FnMut() -> bool) -> Duration {
    let began = simulation.world().now();
    simulation.run_until(|_| done());
    simulation.world().now() - began
}

fn assert_all_gone(simulation: &mut Simulation) {
    simulation.run_until(|simulation| simulation.world().open_descriptors() == 0);
}

#[track_caller]
fn assert_in_time(took: Duration, limit: Duration) {
    let early = Duration::from_millis(1);
    assert!(took + early >= limit, "{took:?} is before {limit:?}");
    assert!(
        took <= limit + 2 * LATE,
        "{took:?} is too late for {limit:?}"
    );
}

#[test]
fn a_message_means_the_same_wherever_it_is_cut() {
    let bytes = [
        text("one"),
        frame(0x02, b"t"),
        frame(0x89, b"?"),
        frame(0x80, b"wo"),
    ]
    .concat();
    for cut in 1..bytes.len() {
        let mut simulation = simulate(|_| {});
        let client = open(&mut simulation, "/echo");
        client.send(&bytes[..cut]);
        client.after(LIMIT, Action::Send(bytes[cut..].to_vec()));
        let expected = b"\x81\x03one\x8a\x01?\x82\x03two";
        until(&mut simulation, || client.received_len() >= expected.len());
        assert_eq!(client.received(), expected, "{cut}");
    }
}

#[test]
fn a_future_of_the_next_message_that_is_dropped_loses_none() {
    let mut simulation = simulate(|_| {});
    let client = open(&mut simulation, "/talkative");
    let large = frame(0x82, &[7; 60_000]);
    for (step, piece) in (1..).zip(large.chunks(1000)) {
        client.after(LIMIT / 5 * step, Action::Send(piece.to_vec()));
    }
    until(&mut simulation, || client.received_len() > 60_000);
    let received = client.received();
    assert!(received.windows(6).any(|bytes| bytes == b"\x81\x04and?"));
    assert_eq!(received.iter().filter(|byte| **byte == 7).count(), 60_000);
}

#[test]
fn a_message_that_was_read_while_there_was_no_room_for_a_pong_is_kept_if_the_future_is_dropped() {
    let mut simulation = simulate(|_| {});
    let client = open(&mut simulation, "/hasty");
    client.window(1000);
    // The first goes to the kernel, which keeps it, and the second takes all the room.
    for bytes in [
        text("much"),
        text("much"),
        [frame(0x89, b"?"), text("kept")].concat(),
    ] {
        client.send(&bytes);
        let later = simulation.world().now() + LIMIT;
        simulation.run_until(|simulation| simulation.world().now() >= later);
    }
    client.window(u64::MAX);
    until(&mut simulation, || {
        client.received().ends_with(b"\x8a\x01?\x81\x04kept")
    });
}

#[test]
fn a_client_that_says_nothing_is_asked_and_then_given_up() {
    let mut simulation = simulate(|config| {
        config.websocket.ping = LIMIT;
        config.websocket.pong_timeout = LIMIT * 2;
    });
    let client = open(&mut simulation, "/echo");
    // A part of a header is no answer, however often it is looked at.
    client.send(&text("message")[..1]);
    let asked = until(&mut simulation, || client.received() == PING);
    assert_in_time(asked, LIMIT);
    let given_up = until(&mut simulation, || client.is_closed());
    assert_in_time(given_up, LIMIT * 2);
    assert_eq!(ends(), [(1006, false)]);
    client.shutdown_write();
    assert_all_gone(&mut simulation);
}

#[test]
fn a_message_that_is_not_whole_in_time_is_closed_1008_whatever_comes_in_between() {
    let mut simulation = simulate(|config| config.websocket.message_timeout = LIMIT);
    let client = open(&mut simulation, "/echo");
    let large = frame(0x82, &[0; 1000]);
    client.send(&large[..10]);
    client.after(LIMIT / 2, Action::Send(large[10..20].to_vec()));
    client.after(LIMIT * 9 / 10, Action::Send(large[20..30].to_vec()));
    let took = until(&mut simulation, || client.received_len() > 0);
    assert_in_time(took, LIMIT);
    assert_eq!(client.received(), b"\x88\x02\x03\xf0");
    assert_eq!(ends(), [(1008, true)]);
}

#[test]
fn a_close_of_either_side_is_answered_and_told() {
    let mut simulation = simulate(|_| {});
    let client = open(&mut simulation, "/echo");
    client.send(&close_frame(4321));
    until(&mut simulation, || client.received() == b"\x88\x02\x10\xe1");
    let other = open(&mut simulation, "/closing");
    other.send(&text("now"));
    until(&mut simulation, || {
        other.received() == b"\x88\x0d\x03\xe8that was it"
    });
    other.send(&text("too late"));
    other.send(&close_frame(1000));
    until(&mut simulation, || other.is_closed());
    assert_eq!(ends(), [(4321, false), (1000, false)]);
    client.shutdown_write();
    other.shutdown_write();
    assert_all_gone(&mut simulation);
}

#[test]
fn a_socket_that_is_dropped_open_is_told_1000() {
    let mut simulation = simulate(|_| {});
    let client = open(&mut simulation, "/brief");
    client.send(&text("x"));
    until(&mut simulation, || client.received() == b"\x88\x02\x03\xe8");
    until(&mut simulation, || client.is_closed());
}

#[test]
fn a_broken_rule_is_closed_with_its_code() {
    let mut simulation = simulate(|_| {});
    let client = open(&mut simulation, "/echo");
    client.send(b"\x81\x01a");
    until(&mut simulation, || client.received() == b"\x88\x02\x03\xea");
    assert_eq!(ends(), [(1002, true)]);
}

#[test]
fn a_drain_is_told_1001() {
    let mut simulation = simulate(|config| config.drain.time = Duration::ZERO);
    let client = open(&mut simulation, "/echo");
    simulation.drain(0);
    until(&mut simulation, || client.received() == b"\x88\x02\x03\xe9");
    client.send(&close_frame(1001));
    client.shutdown_write();
    assert_all_gone(&mut simulation);
    assert_eq!(ends(), [(1001, false)]);
}

#[test]
fn a_reader_that_is_late_holds_its_client_back_and_misses_nothing() {
    // One receive may fill all 64 buffers before it is heard of and taken back.
    let mut simulation = simulate(|config| config.rings.buffer_size = 4 << 10);
    let client = open(&mut simulation, "/late");
    let sent = frame(0x82, &[1; 10_000]).repeat(300);
    client.send(&sent);
    let later = simulation.world().now() + LIMIT / 2;
    simulation.run_until(|simulation| simulation.world().now() >= later);
    let taken = sent.len() - client.unreceived();
    assert!(taken < 1 << 20, "{taken} bytes were taken in");
    until(&mut simulation, || {
        client.received().ends_with(b"\x81\x073000000")
    });
}

#[test]
fn messages_of_which_each_begins_in_the_bytes_that_end_the_last_have_each_its_own_time() {
    let mut simulation = simulate(|config| config.websocket.message_timeout = LIMIT);
    let client = open(&mut simulation, "/echo");
    let message = text("message");
    let (front, rest) = message.split_at(9);
    client.send(front);
    for nth in 1..=12 {
        client.after(LIMIT / 4 * nth, Action::Send([rest, front].concat()));
    }
    client.after(LIMIT / 4 * 13, Action::Send(rest.to_vec()));
    let echo = b"\x81\x07message";
    until(&mut simulation, || {
        client.received_len() >= 13 * echo.len() || !ends().is_empty()
    });
    assert_eq!(client.received(), echo.repeat(13));
    assert_eq!(ends(), []);
}

#[test]
fn time_in_which_the_application_reads_nothing_is_not_the_clients() {
    let mut simulation = simulate(|config| {
        config.rings.buffer_size = 4 << 10;
        config.websocket.message_timeout = LIMIT;
    });
    let client = open(&mut simulation, "/absent");
    let message = frame(0x82, &[1; 200_000]);
    let (front, rest) = message.split_at(10_000);
    client.send(front);
    client.after(LIMIT / 2, Action::Send(rest.to_vec()));
    until(&mut simulation, || client.received_len() > 0);
    assert_eq!(client.received(), b"\x81\x06200000");
    // One that is not whole in time is late, also for those who were away.
    let late = open(&mut simulation, "/absent");
    late.send(front);
    let took = until(&mut simulation, || late.received_len() > 0);
    assert_eq!(late.received(), b"\x88\x02\x03\xf0");
    assert_in_time(took, LIMIT * 9 / 4);
}
