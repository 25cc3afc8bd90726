//! Whose silence the limits of a WebSocket bound, over the simulated ring and in virtual time: the client's, whatever the
//! server sends meanwhile, and each message has its own time.

mod frames;

use frames::{frame, handshake, text};
use ringgate::config::Config;
use ringgate::events::Hub;
use ringgate::handler::websocket::{Message, OnMessage, Socket};
use ringgate::runtime::driver::simulated::{Action, Client, Faults};
use ringgate::runtime::timer::GRANULARITY_NANOS;
use ringgate::simulation::Simulation;
use ringgate::{Request, Router, WebSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(2);
const HOUR: Duration = Duration::from_secs(3600);
/// A timer is never early, and at most two ticks of its wheel late.
const LATE: Duration = Duration::from_nanos(2 * GRANULARITY_NANOS);
/// The frame of an empty Ping of the server's.
const PING: &[u8] = b"\x89\x00";

/// Counts messages and bytes of them, and says nothing of its own; hears what is published.
struct Silent {
    hub: Hub,
    messages: Arc<AtomicUsize>,
    bytes: Arc<AtomicUsize>,
}

impl OnMessage for Silent {
    fn arrived(&mut self, socket: &mut Socket<'_>) {
        socket.follow(&self.hub, None);
    }

    fn message(&mut self, _: &mut Socket<'_>, message: Message<'_>) {
        self.messages.fetch_add(1, Ordering::Relaxed);
        self.bytes
            .fetch_add(message.bytes().len(), Ordering::Relaxed);
    }
}

struct World {
    simulation: Simulation,
    hub: Hub,
    messages: Arc<AtomicUsize>,
    bytes: Arc<AtomicUsize>,
}

fn simulate(change: impl FnOnce(&mut Config)) -> World {
    let mut config = Config::default();
    // One receive may fill all 64 buffers before it is heard of and taken back; bounds here are for small ones.
    config.rings.buffer_size = 4 << 10;
    config.timeouts.write = HOUR;
    config.websocket.ping = HOUR;
    config.websocket.pong_timeout = HOUR;
    config.websocket.message_timeout = HOUR;
    config.websocket.close_timeout = HOUR;
    change(&mut config);
    let hub = Hub::new(16);
    let (messages, bytes) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let sockets = WebSocket::new();
    let silent = (hub.clone(), messages.clone(), bytes.clone());
    let router = Router::new().get("/ws", move |request: Request| {
        let (hub, messages, bytes) = silent.clone();
        let end = Silent {
            hub,
            messages,
            bytes,
        };
        let answer = sockets.accept(&request, end);
        async { answer }
    });
    World {
        simulation: Simulation::with_cores(&config, router, 2, 1, Faults::none()),
        hub,
        messages,
        bytes,
    }
}

impl World {
    /// A client whose WebSocket is open.
    fn open(&mut self) -> Client {
        let client = self.simulation.connect_to(0);
        client.send(&handshake("/ws"));
        self.simulation
            .run_until(|_| client.received().ends_with(b"\r\n\r\n"));
        client.take_received();
        client
    }

    fn pass(&mut self, time: Duration) {
        let end = self.simulation.world().now() + time;
        self.simulation
            .run_until(|simulation| simulation.world().now() >= end);
    }

    fn messages(&self) -> usize {
        self.messages.load(Ordering::Relaxed)
    }
}

/// Whether a Close with 1008 came.
fn is_told_1008(client: &Client) -> bool {
    let received = client.received();
    let mut frames = received.windows(4);
    frames.any(|bytes| bytes[0] == 0x88 && bytes[2..] == 1008_u16.to_be_bytes())
}

#[test]
fn messages_of_which_each_begins_in_the_bytes_that_end_the_last_have_each_its_own_time() {
    let mut world = simulate(|config| config.websocket.message_timeout = LIMIT);
    let client = world.open();
    let message = text("message");
    let (front, rest) = message.split_at(9);
    client.send(front);
    for nth in 1..=12 {
        client.after(LIMIT / 4 * nth, Action::Send([rest, front].concat()));
    }
    client.after(LIMIT / 4 * 13, Action::Send(rest.to_vec()));
    let messages = world.messages.clone();
    world
        .simulation
        .run_until(|_| client.received_len() > 0 || messages.load(Ordering::Relaxed) == 13);
    assert_eq!((world.messages(), client.received_len()), (13, 0));
    // The time of the last one has not been forgotten.
    client.send(&[&message[..], front].concat());
    let began = world.simulation.world().now();
    world.simulation.run_until(|_| is_told_1008(&client));
    let took = world.simulation.world().now() - began;
    assert!(took >= LIMIT && took <= LIMIT + LATE, "{took:?}");
}

#[test]
fn half_a_message_has_one_time_whatever_is_asked_and_answered_meanwhile() {
    let mut world = simulate(|config| config.websocket.message_timeout = LIMIT);
    let client = world.open();
    client.send(&frame(0x01, b"ha"));
    let began = world.simulation.world().now();
    for nth in 1..12 {
        let ask = Action::Send(frame(0x89, b"?"));
        client.after(LIMIT / 2 * nth - LIMIT / 10, ask);
    }
    for _ in 0..12 {
        world.pass(LIMIT / 4);
        world.hub.publish("news");
        if is_told_1008(&client) {
            break;
        }
    }
    let took = world.simulation.world().now() - began;
    assert!(is_told_1008(&client), "half a message stays");
    assert!(took >= LIMIT && took <= LIMIT * 5 / 4 + LATE, "{took:?}");
    assert_eq!(world.messages(), 0);
}

#[test]
fn a_client_that_says_nothing_is_asked_and_given_up_however_much_is_published_to_it() {
    let mut world = simulate(|config| {
        config.websocket.ping = LIMIT;
        config.websocket.pong_timeout = LIMIT;
    });
    let (silent, answers) = (world.open(), world.open());
    // A part of a header is no answer, however often it is looked at.
    silent.send(&text("message")[..1]);
    let began = world.simulation.world().now();
    let mut asked = None;
    while !silent.is_closed() {
        world.hub.publish("news");
        world.pass(LIMIT / 4);
        let passed = world.simulation.world().now() - began;
        assert!(passed < LIMIT * 4, "it stays; asked at {asked:?}");
        if asked.is_none() && silent.received().windows(2).any(|bytes| bytes == PING) {
            asked = Some(passed);
        }
        let heard = answers.take_received();
        if heard.windows(2).any(|bytes| bytes == PING) {
            answers.send(&frame(0x8a, b""));
        }
    }
    let took = world.simulation.world().now() - began;
    let asked = asked.expect("it is asked");
    let step = LIMIT / 2;
    assert!(asked >= LIMIT && asked <= LIMIT + step, "{asked:?}");
    assert!(took >= LIMIT * 2 && took <= LIMIT * 2 + step, "{took:?}");
    for _ in 0..20 {
        world.pass(LIMIT / 4);
        if answers.take_received() == PING {
            answers.send(&frame(0x8a, b""));
        }
    }
    assert!(!answers.is_closed());
}

#[test]
fn the_time_that_a_silent_client_has_left_moves_along_however_much_is_published_to_it() {
    let mut world = simulate(|config| config.websocket.ping = LIMIT);
    let client = world.open();
    let began = world.simulation.world().now();
    world.pass(LIMIT / 2);
    world.simulation.leave(0, 1);
    world
        .simulation
        .run_until(|simulation| simulation.ledgers(1).0.handed_in == 1);
    while !client.received().windows(2).any(|bytes| bytes == PING) {
        world.hub.publish("news");
        world.pass(LIMIT / 20);
        let passed = world.simulation.world().now() - began;
        assert!(passed < LIMIT * 5 / 4, "it is not asked");
    }
    assert!(world.simulation.world().now() - began >= LIMIT);
}

/// A Ping is answered, and what the client does not take of the answers holds back what it sends.
#[test]
fn time_in_which_the_server_reads_nothing_is_not_the_clients() {
    let mut world = simulate(|config| config.websocket.message_timeout = LIMIT);
    let client = world.open();
    client.window(0);
    let parts = frame(0x00, &[b'x'; 60_000]).repeat(10);
    client.send(&frame(0x01, b"ha"));
    client.send(&frame(0x89, &[b'?'; 125]).repeat(900));
    client.send(&parts);
    world.pass(LIMIT * 2);
    assert!(client.unreceived() > 0, "all was taken in");
    client.window(u64::MAX);
    client.after(LIMIT / 2, Action::Send(frame(0x80, b"lf")));
    let messages = world.messages.clone();
    world
        .simulation
        .run_until(|_| is_told_1008(&client) || messages.load(Ordering::Relaxed) == 1);
    assert_eq!(world.bytes.load(Ordering::Relaxed), 600_004);
}
