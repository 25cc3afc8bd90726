//! WebSockets over the simulated ring, in virtual time: what clients may do, how long they may take, and what an
//! application is told. The protocol itself is held by `tests/websocket`.

mod frames;

use frames::{close_frame, frame, handshake, text};
use ringgate::config::Config;
use ringgate::handler::websocket::{CloseCode, Compression, Ended, Message, OnMessage, Socket};
use ringgate::runtime::driver::simulated::{Action, Client, Ending, Faults};
use ringgate::runtime::sleep;
use ringgate::runtime::timer::GRANULARITY_NANOS;
use ringgate::simulation::Simulation;
use ringgate::{Request, Response, Router, WebSocket};
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex};
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(2);
const HOUR: Duration = Duration::from_secs(3600);
/// A timer is never early, and at most two ticks of its wheel late.
const LATE: Duration = Duration::from_nanos(2 * GRANULARITY_NANOS);
/// The frame of an empty Ping of the server's.
const PING: &[u8] = b"\x89\x00";

/// The ends that the application was told of: code, and whether the client broke a rule.
type Ends = Arc<Mutex<Vec<(u16, bool)>>>;

/// Sends every message back; `close`, `panic` and `many` do what they say. After `sour` its end and its drop panic,
/// as those of a poisoned lock do, and `bitter` panics at once as well.
struct Echo(Ends, bool);

impl Drop for Echo {
    fn drop(&mut self) {
        assert!(!self.1, "provoked by a drop");
    }
}

impl OnMessage for Echo {
    fn message(&mut self, socket: &mut Socket<'_>, message: Message<'_>) {
        match message {
            Message::Text("close") => socket.close(CloseCode::NORMAL, "as you wish"),
            Message::Text("panic") => panic!("as you wish"),
            Message::Text("sour") => self.1 = true,
            Message::Text("bitter") => {
                self.1 = true;
                panic!("as you wish");
            }
            Message::Text("many") => {
                let large = vec![b'x'; 1 << 20];
                while socket.backlog() < 8 << 20 {
                    socket.send(Message::Binary(&large)).expect("it is open");
                }
            }
            other => {
                let _ = socket.send(other);
            }
        }
    }

    fn closed(&mut self, ended: &Ended<'_>) {
        assert!(!self.1, "provoked by an end");
        self.0
            .lock()
            .unwrap()
            .push((ended.code, ended.fault.is_some()));
    }
}

struct World {
    simulation: Simulation,
    ends: Ends,
}

fn simulate(change: impl FnOnce(&mut Config)) -> World {
    let mut config = Config::default();
    // One receive may fill all 64 buffers before it is heard of and taken back; bounds here are for small ones.
    config.rings.buffer_size = 4 << 10;
    config.timeouts.write = HOUR;
    config.timeouts.idle = HOUR;
    config.timeouts.linger = HOUR;
    config.timeouts.linger_time = HOUR;
    config.websocket.ping = HOUR;
    config.websocket.pong_timeout = HOUR;
    config.websocket.message_timeout = HOUR;
    config.websocket.close_timeout = HOUR;
    change(&mut config);
    let ends = Ends::default();
    let told = ends.clone();
    let sockets = WebSocket::new().compressed();
    let at_once = move |request: &Request| sockets.accept(request, Echo(told.clone(), false));
    let later = at_once.clone();
    let router = Router::new()
        .get("/ws", move |request: Request| {
            let answer = at_once(&request);
            async { answer }
        })
        .get("/later", move |request: Request| {
            let answer = later(&request);
            async {
                sleep(LIMIT).await;
                answer
            }
        })
        .get("/bare", |_: Request| async {
            Response::new(ringgate::http::StatusCode::SWITCHING_PROTOCOLS)
        })
        .get("/hello", |_: Request| async { "hello" });
    World {
        simulation: Simulation::new(&config, router, 1),
        ends,
    }
}

impl World {
    /// A client whose WebSocket is open, and who has been answered once.
    fn open(&mut self) -> Client {
        let client = self.simulation.connect();
        client.send(&handshake("/ws"));
        client.send(&text("first"));
        self.simulation
            .run_until(|_| client.received().ends_with(b"\x81\x05first"));
        assert!(client.received().starts_with(b"HTTP/1.1 101 "));
        client.take_received();
        client
    }

    fn pass(&mut self, time: Duration) {
        let end = self.simulation.world().now() + time;
        self.simulation
            .run_until(|simulation| simulation.world().now() >= end);
    }

    fn until(&mut self, mut done: impl FnMut() -> bool) -> Duration {
        let began = self.simulation.world().now();
        self.simulation.run_until(|_| done());
        self.simulation.world().now() - began
    }

    fn ends(&self) -> Vec<(u16, bool)> {
        self.ends.lock().unwrap().clone()
    }

    fn assert_all_gone(&mut self) {
        self.simulation
            .run_until(|simulation| simulation.world().open_descriptors() == 0);
        let (connections, requests) = self.simulation.ledgers(0);
        assert_eq!((connections.open, requests.running), (0, 0));
    }
}

/// Sends that the server handed to the ring.
fn sends(simulation: &Simulation) -> usize {
    let log = simulation.world().log();
    log.iter().filter(|line| line.contains(" Send {")).count()
}

#[track_caller]
fn assert_in_time(took: Duration, limit: Duration) {
    assert!(took >= limit, "{took:?} is before {limit:?}");
    assert!(took <= limit + LATE, "{took:?} is too late for {limit:?}");
}

#[test]
fn messages_behind_the_handshake_in_the_same_bytes_are_answered() {
    for path in ["/ws", "/later"] {
        let mut world = simulate(|_| {});
        let client = world.simulation.connect();
        client.send(&[handshake(path), text("one"), text("two")].concat());
        world.until(|| client.received().ends_with(b"\x81\x03one\x81\x03two"));
        let (_, requests) = world.simulation.ledgers(0);
        assert_eq!((requests.answered, requests.running), (1, 0));
    }
}

#[test]
fn the_answers_to_messages_that_came_together_leave_in_one_send() {
    let mut world = simulate(|_| {});
    let client = world.open();
    let before = sends(&world.simulation);
    client.send(&text("a").repeat(50));
    world.until(|| client.received_len() == 3 * 50);
    assert_eq!(sends(&world.simulation) - before, 1);
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
    let mut world = simulate(|_| {});
    for cut in 1..bytes.len() {
        let client = world.open();
        client.send(&bytes[..cut]);
        world.pass(Duration::from_millis(1));
        client.send(&bytes[cut..]);
        let expected = b"\x81\x03one\x8a\x01?\x82\x03two";
        world.until(|| client.received_len() >= expected.len());
        assert_eq!(client.received(), expected, "{cut}");
    }
}

#[test]
fn a_client_that_says_nothing_is_asked_and_given_up_when_it_says_nothing_to_that() {
    let mut world = simulate(|config| {
        config.websocket.ping = LIMIT;
        config.websocket.pong_timeout = LIMIT * 2;
    });
    let client = world.open();
    let asked = world.until(|| client.received() == PING);
    assert_in_time(asked, LIMIT);
    let given_up = world.until(|| client.is_closed());
    assert_in_time(given_up, LIMIT * 2);
    assert_eq!(world.ends(), [(1006, false)]);
    world.assert_all_gone();
}

#[test]
fn a_client_that_answers_is_asked_again_and_stays() {
    let mut world = simulate(|config| {
        config.websocket.ping = LIMIT;
        config.websocket.pong_timeout = LIMIT;
    });
    let client = world.open();
    for _ in 0..5 {
        let asked = world.until(|| client.received() == PING);
        assert_in_time(asked, LIMIT);
        client.take_received();
        client.send(&frame(0x8a, b""));
        // The Pong is taken in at once, and the silence begins.
        world.until(|| client.unreceived() == 0);
    }
    assert!(!client.is_closed());
}

#[test]
fn a_message_that_is_not_whole_in_time_is_closed_1008_whatever_comes_in_between() {
    let mut world = simulate(|config| config.websocket.message_timeout = LIMIT);
    let client = world.open();
    let large = frame(0x82, &[0; 1000]);
    client.send(&large[..10]);
    client.after(LIMIT / 2, Action::Send(large[10..20].to_vec()));
    client.after(LIMIT * 9 / 10, Action::Send(large[20..30].to_vec()));
    let took = world.until(|| client.received_len() > 0);
    assert_in_time(took, LIMIT);
    assert_eq!(
        client.received()[..4],
        [0x88, client.received()[1], 0x03, 0xf0]
    );
    client.shutdown_write();
    world.assert_all_gone();
    assert_eq!(world.ends(), [(1008, true)]);
}

#[test]
fn a_client_that_does_not_answer_close_is_waited_for_as_long_as_it_may_take() {
    let mut world = simulate(|config| config.websocket.close_timeout = LIMIT);
    let client = world.open();
    client.send(&text("close"));
    world.until(|| {
        client
            .received()
            .starts_with(b"\x88\x0d\x03\xe8as you wish")
    });
    let took = world.until(|| client.is_closed());
    assert!(took <= LIMIT + LATE, "{took:?}");
    assert_eq!(world.ends(), [(1006, false)]);
    world.assert_all_gone();
}

#[test]
fn a_client_that_is_told_close_has_one_time_for_it_however_much_it_takes_now_and_then() {
    // The application closes; the client breaks a rule; the client closes.
    let unmasked = b"\x81\x05hello";
    let limit = Duration::from_secs(5);
    for last in [&text("close")[..], unmasked, &close_frame(1000)] {
        for step in [0, 1, 500] {
            let mut world = simulate(|config| config.websocket.close_timeout = LIMIT);
            let client = world.open();
            client.window(1);
            client.send(&[&text(&"x".repeat(30_000))[..], last].concat());
            for n in 1..100 {
                client.after(LIMIT / 10 * n, Action::Read(step));
            }
            let began = world.simulation.world().now();
            world
                .simulation
                .run_until(|simulation| simulation.ledgers(0).0.open == 0);
            let took = world.simulation.world().now() - began;
            let is_closing = last == &text("close")[..];
            let due = if is_closing { LIMIT + limit } else { limit };
            assert!(
                took >= due && took <= due + LIMIT / 10,
                "{step}: {took:?} and not {due:?}"
            );
            world.assert_all_gone();
            assert_eq!(client.ending(), Ending::Reset);
        }
    }
}

#[test]
fn a_close_is_answered_and_the_application_is_told_its_code() {
    let mut world = simulate(|_| {});
    let client = world.open();
    client.send(&close_frame(4321));
    world.until(|| client.received() == b"\x88\x02\x10\xe1");
    client.shutdown_write();
    world.until(|| client.is_closed());
    assert_eq!(client.ending(), Ending::Eof);
    assert_eq!(world.ends(), [(4321, false)]);
    world.assert_all_gone();
}

#[test]
fn what_came_before_the_end_of_a_connection_is_read_to_its_last_message_however_long_its_answers_are()
 {
    let mut world = simulate(|_| {});
    let client = world.open();
    client.send(&[text("many"), text("last"), close_frame(4321)].concat());
    client.shutdown_write();
    world.until(|| client.is_closed());
    let last = b"\x81\x04last\x88\x02\x10\xe1";
    assert!(client.received().ends_with(last));
    assert_eq!(world.ends(), [(4321, false)]);
    world.assert_all_gone();
}

#[test]
fn a_client_that_goes_without_a_word_is_told_of_as_1006() {
    for reset in [false, true] {
        let mut world = simulate(|_| {});
        let client = world.open();
        match reset {
            true => client.reset(),
            false => client.shutdown_write(),
        }
        world.assert_all_gone();
        assert_eq!(world.ends(), [(1006, false)], "reset: {reset}");
    }
}

#[test]
fn a_broken_rule_is_closed_with_its_code_and_nothing_more_is_read() {
    let mut world = simulate(|_| {});
    let client = world.open();
    // Not masked (RFC 6455 section 5.1).
    client.send(b"\x81\x01a");
    client.send(&text("late"));
    world.until(|| client.received() == b"\x88\x02\x03\xea");
    client.shutdown_write();
    world.assert_all_gone();
    assert_eq!(world.ends(), [(1002, true)]);
    assert_eq!(client.received(), b"\x88\x02\x03\xea");
}

#[test]
fn a_message_above_the_limit_is_closed_1009_before_it_is_all_there() {
    let mut world = simulate(|config| config.websocket.message_size = 1000);
    let client = world.open();
    client.send(&frame(0x82, &[0; 1001])[..20]);
    world.until(|| client.received() == b"\x88\x02\x03\xf1");
}

#[test]
fn a_message_in_more_fragments_than_may_be_and_a_flood_of_pings_are_closed_1008() {
    let fragments = [frame(0x01, b"x"), frame(0x00, b"x").repeat(17_000)].concat();
    for flood in [fragments, frame(0x89, b"").repeat(1100)] {
        let mut world = simulate(|_| {});
        let client = world.open();
        client.send(&flood);
        world.until(|| client.received().ends_with(b"\x88\x02\x03\xf0"));
        assert_eq!(world.ends(), [(1008, true)]);
    }
}

#[test]
fn a_panic_is_told_1011_and_its_socket_alone_ends() {
    let mut world = simulate(|_| {});
    let other = world.open();
    let sour = world.open();
    sour.send(&text("sour"));
    sour.reset();
    for panics in ["panic", "bitter"] {
        let one = world.open();
        one.send(&text(panics));
        world.until(|| {
            one.received()
                .starts_with(b"\x88\x13\x03\xf3the server failed")
        });
        one.send(&close_frame(1011));
        world.until(|| one.is_closed());
    }
    other.send(&text("still here"));
    world.until(|| other.received().ends_with(b"still here"));
}

#[test]
fn an_end_that_panics_as_it_is_told_and_again_as_it_is_dropped_ends_its_socket_alone() {
    let mut world = simulate(|config| config.websocket.message_timeout = LIMIT);
    let other = world.open();
    let half = frame(0x82, &[0; 1000])[..10].to_vec();
    for (last, code) in [
        (close_frame(1000), 1000_u16),
        (frame(0x83, b""), 1002),
        (half, 1008),
    ] {
        let sour = world.open();
        sour.send(&[text("sour"), last].concat());
        world.until(|| sour.received_len() >= 4);
        assert_eq!(sour.received()[2..4], code.to_be_bytes());
        sour.shutdown_write();
        world.until(|| sour.is_closed());
    }
    other.send(&text("still here"));
    world.until(|| other.received().ends_with(b"still here"));
}

/// The client asks and takes nothing: its bytes must not pile up as answers.
#[test]
fn a_client_that_sends_and_takes_nothing_is_read_no_further_than_its_answers_have_room() {
    let mut world = simulate(|config| config.timeouts.write = LIMIT);
    let client = world.open();
    client.window(0);
    let pings = frame(0x89, &[b'p'; 125]).repeat(900);
    let echoes = frame(0x82, &[b'e'; 60_000]).repeat(200);
    client.send(&pings);
    client.send(&echoes);
    world.pass(LIMIT / 2);
    let taken = pings.len() + echoes.len() - client.unreceived();
    assert!(taken < 1 << 20, "{taken} bytes were taken in");
    world.until(|| client.is_closed());
    world.assert_all_gone();
    assert_eq!(world.ends(), [(1006, false)]);
}

#[test]
fn a_slow_reader_gets_everything_that_was_sent_in_order() {
    let mut world = simulate(|_| {});
    let client = world.open();
    client.window(100_000);
    for step in 1..100 {
        client.after(step * Duration::from_millis(10), Action::Read(100_000));
    }
    client.send(&text("many"));
    client.send(&text("last"));
    world.until(|| client.received().ends_with(b"\x81\x04last"));
    assert!(client.received_len() > 8 << 20);
}

#[test]
fn as_many_are_open_as_max_websockets_allows_and_a_place_is_given_back() {
    let mut world = simulate(|config| config.websocket.max = NonZeroU32::new(2));
    let (one, _two) = (world.open(), world.open());
    let third = world.simulation.connect();
    third.send(&handshake("/ws"));
    world.until(|| third.received_len() > 0);
    let answer = String::from_utf8(third.received()).unwrap();
    assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
    assert!(
        answer.contains("\r\nx-ringgate-reason: websockets\r\n"),
        "{answer}"
    );
    assert!(answer.contains("\r\nretry-after: 1\r\n"), "{answer}");
    one.send(&close_frame(1000));
    one.shutdown_write();
    world.until(|| one.is_closed());
    let _fourth = world.open();
}

#[test]
fn the_slot_of_the_gate_is_given_back_with_the_handshake() {
    for admit in [
        ringgate::config::Admit::Request,
        ringgate::config::Admit::Connection,
    ] {
        let mut world = simulate(|config| {
            config.queue.admit = admit;
            config.admission = ringgate::config::AdmissionLimits::new(
                NonZeroU32::new(1),
                ringgate::config::MaxAccepts::None,
            )
            .expect("a good pair");
        });
        let _sockets = [world.open(), world.open(), world.open()];
        let client = world.simulation.connect();
        client.send(b"GET /hello HTTP/1.1\r\nHost: t\r\n\r\n");
        world.until(|| client.received().ends_with(b"hello"));
    }
}

#[test]
fn a_drain_closes_with_1001_and_refuses_new_ones() {
    let mut world = simulate(|_| {});
    let open = world.open();
    let late = world.simulation.connect();
    late.send(&handshake("/later"));
    world.pass(Duration::from_millis(10));
    world.simulation.drain(0);
    world.until(|| open.received() == b"\x88\x02\x03\xe9");
    open.send(&close_frame(1001));
    open.shutdown_write();
    world.until(|| late.received_len() > 0);
    assert!(late.received().starts_with(b"HTTP/1.1 503 "));
    late.shutdown_write();
    world.assert_all_gone();
}

#[test]
fn a_101_of_a_handler_without_another_protocol_behind_it_becomes_a_500() {
    let mut world = simulate(|_| {});
    let client = world.simulation.connect();
    client.send(&handshake("/bare"));
    world.until(|| client.received_len() > 0);
    assert!(client.received().starts_with(b"HTTP/1.1 500 "));
}

#[test]
fn a_request_that_is_no_handshake_is_told_what_would_be_one() {
    let mut world = simulate(|_| {});
    let client = world.simulation.connect();
    client.send(b"GET /ws HTTP/1.1\r\nHost: t\r\n\r\n");
    world.until(|| client.received_len() > 0);
    let answer = String::from_utf8(client.received()).unwrap();
    assert!(answer.starts_with("HTTP/1.1 426 "), "{answer}");
    assert!(answer.contains("\r\nConnection: upgrade\r\n"), "{answer}");
    assert!(answer.contains("\r\nupgrade: websocket\r\n"), "{answer}");
}

/// Says how many messages came, and on which cores.
struct Counting {
    count: u32,
    cores: Vec<u32>,
}

impl OnMessage for Counting {
    fn arrived(&mut self, socket: &mut Socket<'_>) {
        self.cores.push(socket.core());
    }

    fn message(&mut self, socket: &mut Socket<'_>, _: Message<'_>) {
        self.count += 1;
        let text = format!("{} {:?}", self.count, self.cores);
        let _ = socket.send(Message::Text(&text));
    }
}

/// Two cores; `/count` counts, `/tied` keeps contexts and so cannot move.
fn two_cores(change: impl FnOnce(&mut Config)) -> Simulation {
    let mut config = Config::default();
    config.websocket.ping = HOUR;
    change(&mut config);
    let counting = WebSocket::new().compressed();
    let keeping = WebSocket::new().compression(Compression {
        keeps_context: true,
        ..Compression::default()
    });
    let count = move |sockets: &WebSocket, request: &Request| {
        let cores = Vec::new();
        sockets.accept(request, Counting { count: 0, cores })
    };
    let router = Router::new()
        .get("/count", move |request: Request| {
            let answer = count(&counting, &request);
            async { answer }
        })
        .get("/tied", move |request: Request| {
            let answer = count(&keeping, &request);
            async { answer }
        });
    Simulation::with_cores(&config, router, 2, 1, Faults::none())
}

fn opened(simulation: &mut Simulation, handshake: &[u8]) -> Client {
    let client = simulation.connect_to(0);
    client.send(handshake);
    client.send(&text("x"));
    simulation.run_until(|_| client.received().ends_with(b"1 [0]"));
    client.take_received();
    client
}

#[test]
fn an_idle_websocket_moves_to_another_core_with_what_its_application_keeps() {
    let mut simulation = two_cores(|_| {});
    let client = opened(&mut simulation, &handshake("/count"));
    simulation.leave(0, 1);
    simulation.run_until(|simulation| simulation.ledgers(1).0.handed_in == 1);
    client.send(&text("x"));
    simulation.run_until(|_| client.received_len() > 0);
    assert_eq!(client.received(), b"\x81\x082 [0, 1]");
    assert_eq!(simulation.ledgers(0).0.open, 0);
}

#[test]
fn balance_takes_idle_websockets_along() {
    let mut simulation = two_cores(|_| {});
    let clients: Vec<Client> = (0..10)
        .map(|_| opened(&mut simulation, &handshake("/count")))
        .collect();
    simulation.spread(0, 1, 5);
    simulation.run_until(|simulation| simulation.ledgers(1).0.handed_in == 5);
    for client in &clients {
        client.send(&text("x"));
    }
    simulation.run_until(|_| clients.iter().all(|client| client.received_len() > 0));
    let moved = clients
        .iter()
        .filter(|client| client.received().ends_with(b"2 [0, 1]"));
    assert_eq!(moved.count(), 5);
}

#[test]
fn a_websocket_with_half_a_message_moves_when_it_is_whole() {
    let message = [frame(0x01, b"ha"), frame(0x80, b"lf")].concat();
    for cut in 1..message.len() {
        let mut simulation = two_cores(|_| {});
        let client = opened(&mut simulation, &handshake("/count"));
        client.send(&message[..cut]);
        simulation.run_until(|_| client.unreceived() == 0);
        simulation.leave(0, 1);
        let later = simulation.world().now() + Duration::from_millis(10);
        simulation.run_until(|simulation| simulation.world().now() >= later);
        client.send(&message[cut..]);
        simulation.run_until(|_| client.received().starts_with(b"\x81"));
        let told = String::from_utf8_lossy(&client.take_received()).into_owned();
        assert!(
            told.ends_with("2 [0]") || told.ends_with("2 [0, 1]"),
            "{cut}: {told}"
        );
        simulation.run_until(|simulation| simulation.ledgers(1).0.handed_in == 1);
        client.send(&text("x"));
        simulation.run_until(|_| client.received().ends_with(b"3 [0, 1]"));
    }
}

#[test]
fn a_ping_without_its_answer_moves_along_and_so_does_its_limit() {
    let mut simulation = two_cores(|config| {
        config.websocket.ping = LIMIT;
        config.websocket.pong_timeout = LIMIT;
    });
    let client = opened(&mut simulation, &handshake("/count"));
    simulation.run_until(|_| client.received() == PING);
    let asked = simulation.world().now();
    simulation.leave(0, 1);
    simulation.run_until(|simulation| simulation.ledgers(1).0.handed_in == 1);
    simulation.run_until(|_| client.is_closed());
    let took = simulation.world().now() - asked;
    assert!(took > LIMIT - LATE && took <= LIMIT + LATE, "{took:?}");
}

#[test]
fn what_cannot_move_is_told_1012_when_its_core_leaves_spread_over_drain_time() {
    let offering = String::from_utf8(handshake("/tied")).unwrap().replace(
        "\r\n\r\n",
        "\r\nSec-WebSocket-Extensions: permessage-deflate\r\n\r\n",
    );
    let mut simulation = two_cores(|config| config.drain.time = LIMIT);
    let clients: Vec<Client> = (0..80)
        .map(|_| opened(&mut simulation, offering.as_bytes()))
        .collect();
    let began = simulation.world().now();
    simulation.leave(0, 1);
    let told = |client: &&Client| client.received() == b"\x88\x02\x03\xf4";
    simulation.run_until(|_| clients.iter().filter(told).count() >= 40);
    let half = simulation.world().now() - began;
    assert!(half > LIMIT / 4 && half < LIMIT, "{half:?}");
    simulation.run_until(|_| clients.iter().all(|client| told(&client)));
    assert!(simulation.world().now() - began <= LIMIT + Duration::from_millis(100));
    for client in &clients {
        client.send(&close_frame(1012));
        client.shutdown_write();
    }
    simulation.run_until(|simulation| simulation.world().open_descriptors() <= 2);
}
