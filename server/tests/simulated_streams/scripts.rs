//! Random scripts: several clients on two cores with valid frames in random cuts, resets, windows that open late,
//! goodbyes and broken rules, while cores leave, connections are spread and the server drains. Whatever a stream got is
//! what its application says, and the books balance at each moment. A seed replays its run; `RINGGATE_TEST_SIZE`
//! multiplies their number.

use crate::forge::{data, forged, headers, reset, settings, window_update};
use crate::peer::{Ended, Peer, request};
use crate::seeds::Dice;
use crate::{HOUR, LARGE, a_day_passes, assert_nothing_is_left, limits, router};
use ringgate::config::{Admit, Config, TrustedProxy};
use ringgate::http2::ErrorCode;
use ringgate::runtime::driver::simulated::Faults;
use ringgate::simulation::Simulation;
use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::time::Duration;

/// What a stream was sent.
struct Asked {
    path: &'static str,
    /// The body as far as it was sent.
    body: Vec<u8>,
    /// Whether the request is whole.
    is_whole: bool,
    /// Whether the client gave it up.
    is_reset: bool,
}

/// A client that plays a script.
struct Player {
    peer: Peer,
    /// Frames that are not sent yet.
    waiting: Vec<u8>,
    asked: BTreeMap<u32, Asked>,
    next: u32,
    /// Whose requests these are, as a proxy says it.
    fields: Vec<(&'static str, &'static str)>,
    /// Bytes of bodies that it may send on its connection.
    room: i64,
    is_over: bool,
}

const GETS: [&str; 13] = [
    "/hello",
    "/hello",
    "/large",
    "/later",
    "/large-later",
    "/panic",
    "/panic-later",
    "/failing",
    "/short",
    "/fits",
    "/trailers",
    "/nowhere",
    "/detached",
];
const POSTS: [&str; 6] = [
    "/echo",
    "/echo",
    "/flow",
    "/unread",
    "/unread-later",
    "/unread-large",
];

impl Player {
    fn connect(simulation: &Simulation, dice: &mut Dice) -> Player {
        let window = dice.one(&[0, 1, 1000, 65_535, 1 << 20]);
        let client = simulation.connect_to(dice.roll(2) as usize);
        if dice.roll(4) == 0 {
            client.window(u64::from(dice.roll(100_000)));
        }
        Player {
            peer: Peer::with(client, &[(4, window)]),
            waiting: Vec::new(),
            asked: BTreeMap::new(),
            next: 1,
            fields: Vec::new(),
            room: 65_535,
            is_over: false,
        }
    }

    /// A stream whose request is not whole.
    fn unfinished(&self, dice: &mut Dice) -> Option<u32> {
        let open = self.asked.iter();
        let open = open.filter(|(_, asked)| !asked.is_whole && !asked.is_reset);
        let open: Vec<u32> = open.map(|(id, _)| *id).collect();
        (!open.is_empty()).then(|| dice.one(&open))
    }

    fn ask(&mut self, path: &'static str, is_whole: bool) {
        let id = self.next;
        self.next += 2 * (1 + u32::from(id.is_multiple_of(7)));
        let method = if is_whole { "GET" } else { "POST" };
        let fields = self.fields.as_slice();
        self.waiting
            .extend(request(id, is_whole, method, path, fields));
        let asked = Asked {
            path,
            body: Vec::new(),
            is_whole,
            is_reset: false,
        };
        self.asked.insert(id, asked);
    }

    /// Adds frames to what is to be sent.
    fn act(&mut self, dice: &mut Dice) {
        match dice.roll(24) {
            0..6 => self.ask(dice.one(&GETS), true),
            6..9 => self.ask(dice.one(&POSTS), false),
            9..13 => {
                let Some(id) = self.unfinished(dice) else {
                    return;
                };
                let size = dice.one(&[0, 1, 100, 3000, 16_000]);
                let (size, end) = match i64::from(size) > self.room {
                    true => (0, true),
                    false => (size, dice.roll(3) == 0),
                };
                self.room -= i64::from(size);
                let piece = vec![id as u8; size as usize];
                let Some(asked) = self.asked.get_mut(&id) else {
                    return;
                };
                if dice.roll(6) == 0 {
                    self.waiting.extend(data(id, false, &piece));
                    self.waiting.extend(headers(id, true, &[("checksum", "1")]));
                    asked.is_whole = true;
                } else {
                    self.waiting.extend(data(id, end, &piece));
                    asked.is_whole = end;
                }
                asked.body.extend(piece);
            }
            13 => {
                let ids: Vec<u32> = self.asked.keys().copied().collect();
                if ids.is_empty() {
                    return;
                }
                let id = dice.one(&ids);
                self.waiting.extend(reset(id));
                if let Some(asked) = self.asked.get_mut(&id) {
                    asked.is_reset = true;
                }
            }
            14..18 => {
                let owed = self.peer.owes();
                self.waiting.extend(owed);
            }
            18 => self.waiting.extend(window_update(0, 1 + dice.roll(50_000))),
            19 => {
                let window = dice.one(&[0, 1, 1000, 65_535, 1 << 20]);
                self.waiting.extend(settings(&[(4, window)]));
            }
            20 => self.waiting.extend(forged(6, 0, 0, &[7; 8])),
            21 => self.waiting.extend(forged(99, 0, 0, b"anything")),
            22 => {
                if let Some(payload) = self.peer.pings.pop() {
                    self.waiting.extend(forged(6, 1, 0, &payload));
                }
            }
            _ => {
                if let Some(id) = self.asked.keys().last() {
                    self.waiting.extend(forged(2, 0, *id, &[0, 0, 0, 0, 9]));
                }
            }
        }
    }

    /// Sends some of what waits.
    fn send(&mut self, dice: &mut Dice) {
        let most = dice.one(&[1, 9, 40, 500, 1 << 20]);
        let count = self.waiting.len().min(most);
        if count > 0 && !self.is_over {
            let front: Vec<u8> = self.waiting.drain(..count).collect();
            self.peer.client.send(&front);
        }
    }

    fn end(&mut self, dice: &mut Dice) {
        self.is_over = true;
        let client = &self.peer.client;
        match dice.roll(5) {
            0 => client.reset(),
            1 => client.close(),
            2 => client.shutdown_write(),
            3 => client.send(&[&self.waiting[..], &forged(7, 0, 0, &[0; 8])].concat()),
            _ => client.send(&[&self.waiting[..], &data(0, false, b"?")].concat()),
        }
    }

    fn has_flows(&self) -> bool {
        self.asked.values().any(|asked| asked.path == "/flow")
    }

    /// Holds what came against what was asked for.
    fn check(&self, seed: u64) {
        for (id, answer) in &self.peer.answers {
            let asked = self.asked.get(id).unwrap_or_else(|| {
                panic!("seed {seed}: an answer to nothing, on stream {id}");
            });
            let what = (seed, id, asked.path, answer.status, answer.ended);
            if let Some(Ended::Reset(code)) = answer.ended
                && matches!(asked.path, "/hello" | "/echo" | "/flow" | "/later")
            {
                // Nobody but the drain, a client that gives up, and limits reset what the server can serve.
                assert_ne!(code, ErrorCode::INTERNAL_ERROR, "{what:?}");
            }
            if answer.status == 503 || answer.status == 0 {
                continue;
            }
            let whole = answer.ended == Some(Ended::Whole);
            let (status, body): (u16, Vec<u8>) = match asked.path {
                "/hello" => (200, b"hello".to_vec()),
                "/later" => (200, b"later".to_vec()),
                "/detached" => (200, b"detached".to_vec()),
                "/large" | "/large-later" | "/unread-large" => (200, vec![b'x'; LARGE]),
                "/fits" => (200, b"xxxxx".to_vec()),
                "/trailers" => (200, b"body".to_vec()),
                "/unread" | "/unread-later" => (200, b"unread".to_vec()),
                "/echo" | "/flow" => (200, asked.body.clone()),
                "/panic" | "/panic-later" => {
                    assert_eq!(answer.status, 500, "{what:?}");
                    continue;
                }
                "/failing" | "/short" => {
                    assert!(!whole, "{what:?}");
                    continue;
                }
                _ => {
                    assert_eq!(answer.status, 404, "{what:?}");
                    continue;
                }
            };
            assert_eq!(answer.status, status, "{what:?}");
            assert!(body.starts_with(&answer.body), "{what:?}");
            assert!(!whole || answer.body.len() == body.len(), "{what:?}");
            if asked.path == "/trailers" && whole {
                assert_eq!(answer.trailers.len(), 1, "{what:?}");
            }
        }
    }
}

pub(crate) fn balances(simulation: &Simulation, seed: u64) {
    for core in 0..2 {
        let (connections, requests) = simulation.ledgers(core);
        assert!(
            connections.balances() && requests.balances(),
            "seed {seed}: {connections:?} {requests:?}"
        );
    }
}

fn play(seed: u64) {
    let mut dice = Dice::new(seed);
    let mut config = Config::default();
    if dice.roll(2) == 0 {
        config.admission = limits(1 + dice.roll(6));
        config.queue.timeout = Duration::from_millis(300);
    }
    if dice.roll(4) == 0 {
        config.queue.admit = Admit::Connection;
    }
    if dice.roll(4) == 0 {
        config.queue.per_address = NonZeroU32::new(1 + dice.roll(20));
        config.proxies.trusted = vec![TrustedProxy::Unix];
    }
    if dice.roll(4) == 0 {
        config.timeouts.requests_per_connection = 1 + dice.roll(20);
    }
    let drawn = match dice.roll(2) {
        0 => Faults::none(),
        _ => Faults {
            accept_error: 0.0,
            ..Faults::drawn(seed)
        },
    };
    let untold_resets = if seed.is_multiple_of(3) { 0.3 } else { 0.0 };
    let faults = Faults {
        untold_resets,
        ..drawn
    };
    let mut simulation = Simulation::with_cores(&config, router(), 2, seed, faults);
    if dice.roll(4) == 0 {
        simulation.take_long_ways();
    }
    let count = 1 + dice.roll(4);
    let mut players: Vec<_> = (0..count)
        .map(|_| Player::connect(&simulation, &mut dice))
        .collect();
    if config.queue.per_address.is_some() {
        for player in &mut players {
            // Some of them are one client on two connections.
            let address = dice.one(&["203.0.113.1", "203.0.113.2"]);
            player.fields.push(("x-forwarded-for", address));
        }
    }
    for _ in 0..150 {
        let who = dice.roll(count) as usize;
        let player = &mut players[who];
        if !player.is_over {
            player.act(&mut dice);
            player.send(&mut dice);
            if dice.roll(200) == 0 {
                player.end(&mut dice);
            }
        }
        match dice.roll(60) {
            0 => simulation.leave(0, 1),
            1 => simulation.leave(1, 0),
            2 => simulation.spread(0, 1, 1 + u64::from(dice.roll(3))),
            3 => simulation.pass(Duration::from_millis(700)),
            4 if dice.roll(4) == 0 => simulation.drain(dice.roll(2)),
            _ => {}
        }
        (0..dice.roll(4)).for_each(|_| simulation.turn());
        balances(&simulation, seed);
        players.iter_mut().for_each(|player| player.peer.hear());
    }
    for player in &mut players {
        if !player.is_over && dice.roll(2) == 0 {
            let rest = std::mem::take(&mut player.waiting);
            player.peer.client.send(&rest);
            let owed = player.peer.owes();
            player.peer.client.send(&owed);
        }
        player.peer.client.window(u64::MAX);
    }
    for _ in 0..40 {
        simulation.pass(Duration::from_millis(100));
        (0..4).for_each(|_| simulation.turn());
        balances(&simulation, seed);
        for player in &mut players {
            player.peer.hear();
            let owed = player.peer.owes();
            if !player.is_over && player.waiting.is_empty() {
                player.peer.client.send(&owed);
            }
        }
    }
    players.iter().for_each(|player| player.check(seed));
    // Flows that have begun may last; whoever gives up ends them. They are looked at each second, so that a day is long.
    simulation.pass(HOUR / 6);
    let flows = players.iter().filter(|player| player.has_flows()).count();
    let open = (0..2).map(|core| simulation.ledgers(core).0.open);
    let open = open.sum::<u64>();
    assert!(open <= flows as u64, "seed {seed}: {open} with {flows}");
    for player in &players {
        player.peer.client.reset();
    }
    a_day_passes(&mut simulation);
    assert_nothing_is_left(&simulation, 2, &seed);
}

#[test]
fn whatever_clients_do_streams_get_what_their_application_says_and_the_books_balance() {
    crate::seeds::play_each(150, play);
}
