//! Hubs that WebSockets follow, over the simulated ring: each event reaches each of them once and in order, on
//! whatever core it is and wherever it moves, and one that takes too little is told so.

mod frames;

use frames::{frame, handshake, text};
use ringgate::config::Config;
use ringgate::events::Hub;
use ringgate::handler::websocket::{Message, OnMessage, Socket};
use ringgate::runtime::driver::simulated::{Client, Faults};
use ringgate::simulation::Simulation;
use ringgate::{Request, Router, WebSocket};
use std::time::Duration;

const HOUR: Duration = Duration::from_secs(3600);
/// The Close of the server's for one that was too slow.
const TOO_SLOW: &[u8] = b"\x88\x1f\x03\xf5too slow: events were dropped";

/// Publishes what its client says; `leave` and `again` do what they say.
struct Guest {
    hub: Hub,
    after: Option<u64>,
}

impl OnMessage for Guest {
    fn arrived(&mut self, socket: &mut Socket<'_>) {
        socket.follow(&self.hub, self.after);
    }

    fn message(&mut self, socket: &mut Socket<'_>, message: Message<'_>) {
        match message {
            Message::Text("leave") => socket.unfollow(),
            Message::Text("again") => socket.follow(&self.hub, None),
            other => drop(self.hub.publish(other.bytes().to_vec())),
        }
    }
}

struct World {
    simulation: Simulation,
    hub: Hub,
}

/// A server on so many cores whose hub keeps so many events.
fn simulate(cores: u32, keep: usize, seed: u64, faults: Faults) -> World {
    let mut config = Config::default();
    config.timeouts.write = HOUR;
    config.timeouts.idle = HOUR;
    config.websocket.ping = HOUR;
    config.websocket.close_timeout = HOUR;
    let hub = Hub::new(keep);
    let (sockets, hears) = (WebSocket::new().compressed(), hub.clone());
    let router = Router::new().get("/ws", move |request: Request| {
        let after = request.query().and_then(|query| query.parse().ok());
        let hub = hears.clone();
        let answer = sockets.accept(&request, Guest { hub, after });
        async { answer }
    });
    World {
        simulation: Simulation::with_cores(&config, router, cores, seed, faults),
        hub,
    }
}

impl World {
    /// A client whose WebSocket is open.
    fn open(&mut self, core: usize, path: &str) -> Client {
        let client = self.simulation.connect_to(core);
        client.send(&handshake(path));
        let is_open = |client: &Client| client.received().windows(4).any(|end| end == b"\r\n\r\n");
        self.simulation.run_until(|_| is_open(&client));
        client
    }
}

/// The frame of the server's for a short text.
fn said(text: &str) -> Vec<u8> {
    [&[0x81, text.len() as u8], text.as_bytes()].concat()
}

/// The bytes that a client received behind the head of the answer.
fn heard(client: &Client) -> Vec<u8> {
    let received = client.received();
    let head = received.windows(4).position(|end| end == b"\r\n\r\n");
    received[head.expect("a head") + 4..].to_vec()
}

/// Turns until each of them has heard this and nothing else.
#[track_caller]
fn all_hear(world: &mut World, clients: &[Client], texts: &[String]) {
    let expected: Vec<u8> = texts.iter().flat_map(|text| said(text)).collect();
    let is_done = |client: &Client| heard(client).len() >= expected.len();
    world.simulation.run_until(|_| clients.iter().all(is_done));
    for client in clients {
        assert_eq!(heard(client), expected);
    }
}

#[test]
fn each_event_reaches_each_websocket_of_all_cores_once_and_in_order() {
    let mut world = simulate(3, 100, 1, Faults::none());
    let clients: Vec<_> = (0..30).map(|nth| world.open(nth % 3, "/ws")).collect();
    let mut texts = Vec::new();
    for nth in 0..10 {
        texts.push(format!("event {nth}"));
        match nth % 2 {
            0 => drop(world.hub.publish(texts[nth].clone())),
            // Its own words come back to who said them, too.
            _ => {
                all_hear(&mut world, &clients, &texts[..nth]);
                clients[nth].send(&text(&texts[nth]));
                let before: usize = texts[..nth].iter().map(|text| said(text).len()).sum();
                world
                    .simulation
                    .run_until(|_| heard(&clients[nth]).len() > before);
            }
        }
    }
    all_hear(&mut world, &clients, &texts);
}

#[test]
fn more_websockets_than_a_turn_has_deliveries_all_hear() {
    let mut world = simulate(1, 100, 1, Faults::none());
    let clients: Vec<_> = (0..1200).map(|_| world.simulation.connect()).collect();
    for client in &clients {
        client.send(&handshake("/ws"));
    }
    let is_open = |client: &Client| client.received().ends_with(b"\r\n\r\n");
    world.simulation.run_until(|_| clients.iter().all(is_open));
    let texts: Vec<_> = (0..3).map(|nth| format!("event {nth}")).collect();
    world.hub.publish(texts[0].clone());
    world.simulation.turn();
    // In the middle of a round.
    world.hub.publish(texts[1].clone());
    world.simulation.turn();
    world.hub.publish(texts[2].clone());
    all_hear(&mut world, &clients, &texts);
}

#[test]
fn a_websocket_that_moves_hears_each_event_once() {
    let faults = Faults {
        accept_error: 0.0,
        ..Faults::some()
    };
    let mut moved = 0;
    for seed in 0..10 {
        let mut world = simulate(2, 1000, seed, faults);
        let clients: Vec<_> = (0..10).map(|_| world.open(0, "/ws")).collect();
        let mut texts = Vec::new();
        for nth in 0..100u32 {
            if nth.is_multiple_of(7) {
                let (from, to) = ((nth / 7) % 2, (nth / 7 + 1) % 2);
                world.simulation.spread(from, to, 10);
            }
            texts.push(format!("event {nth}"));
            world.hub.publish(texts[nth as usize].clone());
            world.simulation.turn();
        }
        let (there, _) = world.simulation.ledgers(1);
        all_hear(&mut world, &clients, &texts);
        moved += there.handed_in;
    }
    assert!(moved > 10, "{moved} moved");
}

#[test]
fn one_that_comes_back_hears_what_it_missed_as_far_as_it_is_kept() {
    let mut world = simulate(1, 3, 1, Faults::none());
    for word in ["one", "two", "three", "four", "five"] {
        world.hub.publish(word);
    }
    let since = |world: &mut World, path: &str, words: &[&str]| {
        let client = world.open(0, path);
        let words: Vec<_> = words.iter().map(|word| (*word).to_owned()).collect();
        all_hear(world, std::slice::from_ref(&client), &words);
        client
    };
    since(&mut world, "/ws?4", &["five"]);
    since(&mut world, "/ws?0", &["three", "four", "five"]);
    // Of another hub: it has seen nothing of this one.
    since(&mut world, "/ws?99", &["three", "four", "five"]);
    let client = since(&mut world, "/ws", &[]);
    world.hub.publish("six");
    all_hear(&mut world, &[client], &["six".to_owned()]);
}

#[test]
fn one_that_takes_too_little_is_told_so_and_the_others_hear_all() {
    let mut world = simulate(1, 20, 1, Faults::none());
    let slow = world.open(0, "/ws");
    slow.window(0);
    let quick = world.open(0, "/ws");
    let large = "x".repeat(10_000);
    for _ in 0..200 {
        world.hub.publish(large.clone());
        let before = quick.received_len();
        world
            .simulation
            .run_until(|_| quick.received_len() >= before + large.len());
    }
    slow.window(u64::MAX);
    world
        .simulation
        .run_until(|_| slow.received().ends_with(TOO_SLOW));
    // A little is on its way, the rest was never queued.
    assert!(slow.received_len() < 100 * large.len());
    assert!(heard(&quick).len() >= 200 * large.len());
    slow.send(&frame(0x88, &[0x03, 0xf5]));
    world.simulation.run_until(|_| slow.is_closed());
}

#[test]
fn one_that_stalls_for_a_while_hears_all_that_is_still_kept() {
    let mut world = simulate(1, 100, 1, Faults::none());
    let client = world.open(0, "/ws");
    client.window(0);
    let large = "x".repeat(10_000);
    for _ in 0..50 {
        world.hub.publish(large.clone());
        world.simulation.turn();
    }
    client.window(u64::MAX);
    let all = 50 * (4 + large.len());
    world.simulation.run_until(|_| heard(&client).len() >= all);
    assert_eq!(heard(&client).len(), all);
}

#[test]
fn one_that_follows_no_more_hears_nothing_until_it_follows_again() {
    let mut world = simulate(1, 100, 1, Faults::none());
    let (here, away) = (world.open(0, "/ws"), world.open(0, "/ws"));
    away.send(&text("leave"));
    // Its next words are read after these.
    away.send(&text("gone"));
    all_hear(
        &mut world,
        std::slice::from_ref(&here),
        &["gone".to_owned()],
    );
    away.send(&text("again"));
    away.send(&text("back"));
    all_hear(&mut world, &[away], &["back".to_owned()]);
    let both = ["gone".to_owned(), "back".to_owned()];
    all_hear(&mut world, &[here], &both);
}

#[test]
fn bytes_that_are_no_text_go_out_as_a_binary_message() {
    let mut world = simulate(1, 100, 1, Faults::none());
    let client = world.open(0, "/ws");
    world.hub.publish(&b"\xff\x00"[..]);
    world.simulation.run_until(|_| !heard(&client).is_empty());
    assert_eq!(heard(&client), b"\x82\x02\xff\x00");
}
