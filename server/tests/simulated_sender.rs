//! Messages to one WebSocket from outside of its calls, over the simulated ring: each that was taken comes once and in
//! order, on whatever core the WebSocket is and wherever it moves, and whoever sends learns of its end.

mod frames;

mod seeds;

use frames::{close_frame, handshake, text};
use ringgate::config::Config;
use ringgate::handler::websocket::{CloseCode, Message, OnMessage, SendError, Sender, Socket};
use ringgate::runtime::driver::simulated::{Client, Faults};
use ringgate::simulation::Simulation;
use ringgate::{Request, Router, WebSocket};
use std::sync::{Arc, Mutex};
use std::time::Duration;

const HOUR: Duration = Duration::from_secs(3600);

type Senders = Arc<Mutex<Vec<Sender>>>;

/// Keeps the sender of its first arrival, and sends its client's words back.
struct Guest(Option<Senders>);

impl OnMessage for Guest {
    fn arrived(&mut self, socket: &mut Socket<'_>) {
        if let Some(senders) = self.0.take() {
            senders.lock().unwrap().push(socket.sender());
        }
    }

    fn message(&mut self, socket: &mut Socket<'_>, message: Message<'_>) {
        let _ = socket.send(message);
    }

    fn hand_over(&self) -> Option<Vec<u8>> {
        Some(Vec::new())
    }
}

struct World {
    simulation: Simulation,
    senders: Senders,
}

fn simulate(cores: u32, seed: u64, faults: Faults) -> World {
    let mut config = Config::default();
    config.timeouts.write = HOUR;
    config.timeouts.idle = HOUR;
    config.websocket.ping = HOUR;
    config.websocket.close_timeout = HOUR;
    let senders = Senders::default();
    let (sockets, kept) = (
        WebSocket::new().compressed().named("guest"),
        senders.clone(),
    );
    let router = Router::new().get("/ws", move |request: Request| {
        let answer = sockets.accept(&request, Guest(Some(kept.clone())));
        async { answer }
    });
    World {
        simulation: Simulation::with_cores(&config, router, cores, seed, faults),
        senders,
    }
}

impl World {
    /// A client whose WebSocket is open, and a handle on it.
    fn open(&mut self, core: usize) -> (Client, Sender) {
        let client = self.simulation.connect_to(core);
        client.send(&handshake("/ws"));
        let is_open = |client: &Client| client.received().windows(4).any(|end| end == b"\r\n\r\n");
        self.simulation.run_until(|_| is_open(&client));
        let sender = self.senders.lock().unwrap().pop().expect("it has arrived");
        (client, sender)
    }

    /// Turns until the client has heard these bytes and nothing else.
    #[track_caller]
    fn hears(&mut self, client: &Client, expected: &[u8]) {
        let is_done = || heard(client).len() >= expected.len();
        self.simulation.run_until(|_| is_done());
        assert_eq!(heard(client), expected);
    }
}

/// The bytes that a client received behind the head of the answer.
fn heard(client: &Client) -> Vec<u8> {
    let received = client.received();
    let head = received.windows(4).position(|end| end == b"\r\n\r\n");
    received[head.expect("a head") + 4..].to_vec()
}

/// The frame of the server's for a short text.
fn said(text: &str) -> Vec<u8> {
    [&[0x81, text.len() as u8], text.as_bytes()].concat()
}

fn send(sender: &Sender, text: &str) {
    assert_eq!(sender.send(Message::Text(text)), Ok(()));
}

#[test]
fn what_is_sent_from_anywhere_comes_in_order_to_this_one_and_to_nobody_else() {
    let mut world = simulate(3, 1, Faults::none());
    let guests: Vec<_> = (0..9).map(|nth| world.open(nth % 3)).collect();
    for round in 0..5 {
        for (nth, (_, sender)) in guests.iter().enumerate() {
            send(sender, &format!("{nth}: {round}"));
        }
        world.simulation.turn();
    }
    for (nth, (client, sender)) in guests.iter().enumerate() {
        let mut expected: Vec<u8> = (0..5)
            .flat_map(|round| said(&format!("{nth}: {round}")))
            .collect();
        world.hears(client, &expected);
        assert_eq!(sender.send(Message::Binary(b"\xff")), Ok(()));
        expected.extend_from_slice(b"\x82\x01\xff");
        world.hears(client, &expected);
        // Both ways are open to the same client.
        client.send(&text("mine"));
        expected.extend_from_slice(&said("mine"));
        world.hears(client, &expected);
    }
}

#[test]
fn another_thread_sends_and_the_core_hears_of_it_while_it_sleeps() {
    let mut world = simulate(1, 1, Faults::none());
    let (client, sender) = world.open(0);
    let other = sender.clone();
    let sent = std::thread::spawn(move || send(&other, "from afar"));
    sent.join().expect("sent");
    drop(sender);
    world.hears(&client, &said("from afar"));
}

#[test]
fn what_is_sent_while_a_websocket_moves_comes_once_and_in_order() {
    let faults = Faults {
        accept_error: 0.0,
        ..Faults::some()
    };
    let mut moved = 0;
    for seed in 0..10 {
        let mut world = simulate(2, seed, faults);
        let guests: Vec<_> = (0..10).map(|_| world.open(0)).collect();
        let mut expected = Vec::new();
        for nth in 0..100u32 {
            if nth.is_multiple_of(7) {
                let (from, to) = ((nth / 7) % 2, (nth / 7 + 1) % 2);
                world.simulation.spread(from, to, 10);
            }
            let words = format!("word {nth}");
            expected.extend_from_slice(&said(&words));
            for (_, sender) in &guests {
                send(sender, &words);
            }
            for _ in 0..nth % 3 {
                world.simulation.turn();
            }
        }
        let (there, _) = world.simulation.ledgers(1);
        for (client, _) in &guests {
            world.hears(client, &expected);
        }
        moved += there.handed_in;
    }
    assert!(moved > 10, "{moved} moved");
}

#[test]
fn what_was_taken_comes_before_a_websocket_goes_to_another_process_and_nothing_is_taken_after() {
    let faults = Faults {
        accept_error: 0.0,
        ..Faults::some()
    };
    seeds::play_each(100, |seed| {
        let mut world = simulate(1, seed, faults);
        let (client, sender) = world.open(0);
        let mut expected = Vec::new();
        world.simulation.hand_over(0);
        for nth in 0..10_000u64 {
            let words = format!("word {nth}");
            if sender.send(Message::Text(&words)).is_ok() {
                expected.extend_from_slice(&said(&words));
            }
            // It never finds a moment to go while words come in each turn.
            for _ in 0..(seed + nth) % 4 {
                world.simulation.turn();
            }
            if !sender.is_open() {
                break;
            }
        }
        let has_gone = |simulation: &Simulation| simulation.ledgers(0).0.handed_out == 1;
        world.simulation.run_until(has_gone);
        assert_eq!(heard(&client), expected, "seed {seed}");
        assert_eq!(sender.send(Message::Text("late")), Err(SendError::Closed));
    });
}

#[test]
fn who_sends_to_a_client_that_takes_nothing_is_told_and_what_was_taken_comes_when_it_takes_again() {
    let mut world = simulate(1, 1, Faults::none());
    let (client, sender) = world.open(0);
    client.window(0);
    let words = "x".repeat(1000);
    let mut taken = 0;
    let mut refused = 0;
    while refused < 100 {
        match sender.send(Message::Text(&words)) {
            Ok(()) => (taken, refused) = (taken + 1, 0),
            Err(error) => {
                assert_eq!(error, SendError::Full);
                refused += 1;
            }
        }
        world.simulation.turn();
    }
    // Its line, the output, and what the kernel keeps.
    assert!(taken < 1000, "{taken}");
    assert!(sender.is_open());
    client.window(u64::MAX);
    let all = taken * (4 + words.len());
    world.simulation.run_until(|_| heard(&client).len() >= all);
    assert_eq!(heard(&client).len(), all);
    send(&sender, "again");
    world
        .simulation
        .run_until(|_| heard(&client).ends_with(&said("again")));
}

#[test]
fn who_sends_is_told_when_the_websocket_is_over() {
    let closed = Err(SendError::Closed);
    let mut world = simulate(1, 1, Faults::none());
    let (client, sender) = world.open(0);
    client.send(&close_frame(1000));
    world.simulation.run_until(|_| !sender.is_open());
    assert_eq!(sender.send(Message::Text("late")), closed);
    let (client, sender) = world.open(0);
    client.reset();
    world.simulation.run_until(|_| !sender.is_open());
    assert_eq!(sender.send(Message::Text("late")), closed);
    // A close of it is nothing to nobody.
    sender.close(CloseCode::NORMAL, "late");
}

#[test]
fn a_close_from_outside_goes_behind_what_was_sent_before_and_nothing_after_it() {
    let mut world = simulate(1, 1, Faults::none());
    let (client, sender) = world.open(0);
    send(&sender, "last");
    sender.close(CloseCode::POLICY, "out");
    assert_eq!(
        sender.send(Message::Text("more")),
        Err(SendError::Closed),
        "behind a Close"
    );
    let expected = [&said("last")[..], b"\x88\x05\x03\xf0out"].concat();
    world.hears(&client, &expected);
    client.send(&close_frame(1008));
    world.simulation.run_until(|_| client.is_closed());
    assert_eq!(heard(&client), expected);
}

#[test]
fn more_websockets_than_a_turn_looks_after_are_all_sent_to() {
    let mut world = simulate(1, 1, Faults::none());
    let clients: Vec<_> = (0..1200).map(|_| world.simulation.connect()).collect();
    for client in &clients {
        client.send(&handshake("/ws"));
    }
    let is_open = |client: &Client| client.received().ends_with(b"\r\n\r\n");
    world.simulation.run_until(|_| clients.iter().all(is_open));
    for sender in world.senders.lock().unwrap().iter() {
        send(sender, "all");
    }
    for client in &clients {
        world.hears(client, &said("all"));
    }
}
