//! Random talks: several clients on two cores with WebSockets on streams, whose messages come in random cuts, while cores
//! leave, connections are spread, streams are reset and the server drains. Each message comes back once and in order, and
//! the books balance. A seed replays its run; `RINGGATE_TEST_SIZE` multiplies their number.

use crate::forge::{data, forged, reset, settings};
use crate::frames;
use crate::peer::{Ended, Peer, get, request};
use crate::scripts::balances;
use crate::seeds::Dice;
use crate::{a_day_passes, assert_nothing_is_left, limits};
use ringgate::config::{Admit, Config};
use ringgate::handler::websocket::{Message, Received, Socket};
use ringgate::runtime::driver::simulated::Faults;
use ringgate::simulation::Simulation;
use ringgate::{Request, Router, WebSocket};
use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::time::Duration;

fn router() -> Router<()> {
    let sockets = WebSocket::new().named("echo");
    let tasks = sockets.clone();
    Router::new()
        .get("/hello", |_: Request| async { "hello" })
        .get("/ws", move |request: Request| {
            let echo = |socket: &mut Socket<'_>, message: Message<'_>| {
                let _ = socket.send(message);
            };
            let answer = sockets.accept(&request, echo);
            async { answer }
        })
        .get("/task", move |request: Request| {
            let answer = tasks.stream(&request, |mut socket| async move {
                while let Some(Received::Text(text)) = socket.next().await {
                    if socket.send(Message::Text(&text)).await.is_err() {
                        break;
                    }
                }
            });
            async { answer }
        })
}

/// What was said on a stream.
#[derive(Default)]
struct Said {
    /// Messages that were begun, in order.
    messages: Vec<String>,
    /// Bytes that are not sent yet.
    rest: Vec<u8>,
    /// Whether the client gave it up.
    is_over: bool,
}

struct Talker {
    peer: Peer,
    said: BTreeMap<u32, Said>,
    next: u32,
    /// Frames that are not sent yet.
    waiting: Vec<u8>,
}

impl Talker {
    fn act(&mut self, dice: &mut Dice) {
        let ids: Vec<u32> = self.said.keys().copied().collect();
        if ids.is_empty() || dice.roll(12) == 0 {
            let id = self.next;
            self.next += 2;
            let more = [(":protocol", "websocket"), ("sec-websocket-version", "13")];
            let path = dice.one(&["/ws", "/ws", "/ws", "/task"]);
            self.waiting
                .extend(request(id, false, "CONNECT", path, &more));
            self.said.insert(id, Said::default());
            return;
        }
        let id = dice.one(&ids);
        let Some(said) = self.said.get_mut(&id).filter(|said| !said.is_over) else {
            return;
        };
        match dice.roll(20) {
            0 => {
                self.waiting.extend(reset(id));
                said.is_over = true;
            }
            1 => {
                self.waiting.extend(data(id, true, &[]));
                said.is_over = true;
            }
            2 => self.waiting.extend(forged(6, 0, 0, &[7; 8])),
            3 => {
                let window = dice.one(&[1000, 65_535, 1 << 20]);
                self.waiting.extend(settings(&[(4, window)]));
            }
            4..8 => {
                let next = self.next;
                self.next += 2;
                self.waiting.extend(get(next, "/hello"));
            }
            _ => {
                if said.rest.is_empty() {
                    let number = said.messages.len();
                    let text = format!("{id} {number} ").repeat(dice.one(&[1, 3, 200]));
                    said.rest = frames::text(&text);
                    said.messages.push(text);
                }
                let count = dice.one(&[1, 2, 7, 1 << 20]).min(said.rest.len());
                let piece: Vec<u8> = said.rest.drain(..count).collect();
                self.waiting.extend(data(id, false, &piece));
            }
        }
    }

    /// Hears what came, and gives room for more behind what waits: frames are not cut into.
    fn hear(&mut self) {
        self.peer.hear();
        let owed = self.peer.owes();
        self.waiting.extend(owed);
    }

    fn send(&mut self, dice: &mut Dice) {
        let most = dice.one(&[1, 9, 40, 500, 1 << 20]);
        let front: Vec<u8> = self.waiting.drain(..self.waiting.len().min(most)).collect();
        self.peer.client.send(&front);
    }

    /// The rest of all that was begun.
    fn finish(&mut self) {
        for (id, said) in &mut self.said {
            if !said.is_over && !said.rest.is_empty() {
                let rest = std::mem::take(&mut said.rest);
                self.waiting.extend(data(*id, false, &rest));
            }
        }
        let all = std::mem::take(&mut self.waiting);
        self.peer.client.send(&all);
    }

    fn check(&self, seed: u64, calm: bool) {
        for (id, said) in &self.said {
            let Some(answer) = self.peer.answers.get(id).filter(|a| a.status == 200) else {
                continue;
            };
            let (texts, is_closed) = heard(&answer.body);
            let front = &said.messages[..texts.len().min(said.messages.len())];
            assert_eq!(texts, front, "seed {seed}, stream {id}");
            if calm && !said.is_over && !is_closed && answer.ended.is_none() {
                let count = (texts.len(), said.messages.len());
                assert_eq!(count.0, count.1, "seed {seed}, stream {id}");
            }
            if is_closed || said.is_over {
                continue;
            }
            assert_ne!(answer.ended, Some(Ended::Whole), "seed {seed}, stream {id}");
        }
    }
}

/// The whole texts in a server's frames, and whether a Close came.
fn heard(mut bytes: &[u8]) -> (Vec<String>, bool) {
    let mut texts = Vec::new();
    let mut is_closed = false;
    while bytes.len() >= 2 {
        let (size, from) = match bytes[1] {
            126 if bytes.len() >= 4 => (usize::from(u16::from_be_bytes([bytes[2], bytes[3]])), 4),
            short @ 0..126 => (usize::from(short), 2),
            _ => break,
        };
        let Some(payload) = bytes.get(from..from + size) else {
            break;
        };
        match bytes[0] {
            0x81 => texts.push(String::from_utf8(payload.to_vec()).expect("text")),
            0x88 => is_closed = true,
            0x89 | 0x8a => {}
            other => panic!("a frame that begins with {other:#x}"),
        }
        bytes = &bytes[from + size..];
    }
    (texts, is_closed)
}

fn play(seed: u64) {
    let mut dice = Dice::new(seed);
    let mut config = Config::default();
    if dice.roll(3) == 0 {
        config.admission = limits(1 + dice.roll(4));
    }
    if dice.roll(4) == 0 {
        config.queue.admit = Admit::Connection;
    }
    if dice.roll(4) == 0 {
        config.websocket.max = NonZeroU32::new(1 + dice.roll(6));
    }
    let faults = match dice.roll(2) {
        0 => Faults::none(),
        _ => Faults {
            accept_error: 0.0,
            ..Faults::drawn(seed)
        },
    };
    let mut simulation = Simulation::with_cores(&config, router(), 2, seed, faults);
    let count = 1 + dice.roll(3);
    let connect = |dice: &mut Dice| Talker {
        peer: Peer::with(simulation.connect_to(dice.roll(2) as usize), &[]),
        said: BTreeMap::new(),
        next: 1,
        waiting: Vec::new(),
    };
    let mut talkers: Vec<_> = (0..count).map(|_| connect(&mut dice)).collect();
    let mut drains = false;
    for _ in 0..200 {
        let talker = &mut talkers[dice.roll(count) as usize];
        talker.act(&mut dice);
        talker.send(&mut dice);
        match dice.roll(50) {
            0 => simulation.leave(0, 1),
            1 => simulation.spread(dice.roll(2), dice.roll(2), 1 + u64::from(dice.roll(3))),
            2 => simulation.pass(Duration::from_millis(700)),
            3 if dice.roll(10) == 0 => {
                drains = true;
                simulation.drain(dice.roll(2));
            }
            _ => {}
        }
        (0..dice.roll(4)).for_each(|_| simulation.turn());
        balances(&simulation, seed);
        talkers.iter_mut().for_each(Talker::hear);
    }
    for _ in 0..100 {
        simulation.world().advance(Duration::from_millis(10));
        (0..8).for_each(|_| simulation.turn());
        balances(&simulation, seed);
        talkers.iter_mut().for_each(Talker::hear);
        talkers.iter_mut().for_each(Talker::finish);
    }
    for talker in &talkers {
        let is_open = talker.peer.farewells.is_empty() && !talker.peer.client.is_closed();
        talker.check(seed, is_open && !drains);
        talker.peer.client.reset();
    }
    a_day_passes(&mut simulation);
    assert_nothing_is_left(&simulation, 2, &seed);
}

#[test]
fn whatever_happens_to_connections_each_message_on_a_stream_comes_back_once_and_in_order() {
    crate::seeds::play_each(150, play);
}
