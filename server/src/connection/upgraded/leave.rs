//! WebSockets when their core leaves, the server drains, or another process takes over: those that can go along
//! move as any connection does, and the others are told Close, spread over `drain_time`, so that their clients do not
//! all connect again at the same instant.

use super::carry::{Carried, Ready};
use super::socket::Talking;
use super::{Upgrade, Upgrades};
use crate::connection::engine::{Course, Engine};
use crate::connection::key::{ConnectionKey, Speaker, Subject};
use crate::http1::exchange::{Event, State};
use crate::websocket::{CloseCode, life};
use ringgate_runtime::{Core, Moment};
use std::collections::{HashSet, VecDeque};
use std::rc::Rc;
use std::time::Duration;

/// From one share of those that are told Close to the next.
const TICK: Duration = Duration::from_millis(50);

/// The connections that are to be told Close.
#[derive(Default)]
pub(super) struct Farewells {
    /// In the order in which they are told.
    waiting: VecDeque<ConnectionKey>,
    /// The same, to be found among many: one that speaks on until its turn comes is looked for with every message.
    known: HashSet<ConnectionKey>,
    /// When the last of them is to be told, if one waits.
    until: Moment,
    /// Whether the next share has its time. That is so for one tick behind the last of them as well: of those that come
    /// one by one, each would be told at once otherwise.
    ticks: bool,
}

impl Farewells {
    /// Puts a connection behind the others, unless it waits already. The `until` of one that comes while none waits holds
    /// for those behind it as well. Returns whether the ticks begin with it.
    fn add(&mut self, key: ConnectionKey, until: Moment) -> bool {
        if !self.known.insert(key) {
            return false;
        }
        if self.waiting.is_empty() {
            self.until = until;
        }
        self.waiting.push_back(key);
        !std::mem::replace(&mut self.ticks, true)
    }

    /// The one whose turn it is. From here on it does not wait.
    fn next(&mut self) -> Option<ConnectionKey> {
        let key = self.waiting.pop_front()?;
        self.known.remove(&key);
        Some(key)
    }

    /// How many are told now, so that as many are at each tick.
    fn share(&self, now: Moment) -> usize {
        let left = self.until - now;
        let ticks = left.as_nanos().div_ceil(TICK.as_nanos()) as usize + 1;
        self.waiting.len().div_ceil(ticks)
    }
}

impl Upgrades {
    /// Whether a connection can go to another core, or to another process: one that speaks HTTP always can.
    pub(in crate::connection) fn may_move(&self, key: ConnectionKey, leaves_process: bool) -> bool {
        match self.look(key) {
            None => true,
            // Its handler is a task of this core.
            Some(Upgrade::Tunnel(_)) => false,
            Some(Upgrade::WebSocket(talking)) => talking.may_move(leaves_process),
            Some(Upgrade::Http2(_)) => true,
        }
    }
}

impl Engine {
    /// Whether a connection is between two messages, so that it can go now.
    pub(in crate::connection) fn is_between_messages(
        &mut self,
        key: ConnectionKey,
        leaves_process: bool,
    ) -> bool {
        match self.upgrades.look(key) {
            None => true,
            Some(Upgrade::Tunnel(_)) => false,
            Some(Upgrade::WebSocket(talking)) => talking.is_idle(),
            Some(Upgrade::Http2(_)) => self.http2_rests(key, leaves_process),
        }
    }

    /// Takes what a connection has of another protocol, to move it. `is_counted`: whether it stays among those that
    /// `max_websockets` bounds.
    pub(in crate::connection) fn take_upgrade(
        &mut self,
        key: ConnectionKey,
        is_counted: bool,
    ) -> Option<Box<Carried>> {
        if let Some(Upgrade::Tunnel(_)) | None = self.upgrades.look(key) {
            return None;
        }
        Some(Box::new(match self.upgrades.take(key)? {
            Upgrade::WebSocket(talking) => {
                self.stats.websockets.fall();
                match is_counted {
                    true => self.places.goes_along(),
                    false => self.places.leave(),
                }
                Carried::WebSocket(talking.into_carried())
            }
            Upgrade::Http2(http2) => {
                self.stats.http2_connections.fall();
                let (session, kept) = http2.into_parts();
                let taken = kept.into_iter();
                let streams =
                    taken.filter_map(|(_, request)| self.take_spoken(request, is_counted));
                Carried::Http2(session, streams.collect())
            }
            Upgrade::Tunnel(_) => return None,
        }))
    }

    /// The place of a connection that moved in: it came along, or there was one where the connection comes from.
    pub(in crate::connection::upgraded) fn take_place(&mut self, is_counted: bool) {
        match is_counted {
            true => self.places.came_along(),
            false => _ = self.places.enter(None),
        }
    }

    /// Puts down what a connection that moved in has of another protocol.
    pub(in crate::connection) fn put_upgrade(
        &mut self,
        core: &Rc<Core>,
        key: ConnectionKey,
        carried: Carried,
        is_counted: bool,
    ) {
        let socket = match carried {
            Carried::WebSocket(socket) => socket,
            Carried::Http2(session, streams) => {
                self.take_in_http2(key, session);
                for stream in streams {
                    self.put_spoken(core, key, stream, is_counted);
                }
                return self.settle_http2(core, key);
            }
        };
        let (conversation, ready) = socket.unpack(&*self.app);
        let is_known = ready.is_some();
        let talking = Talking::of(conversation, ready.unwrap_or_else(Ready::unknown));
        self.upgrades
            .enter(key, Upgrade::WebSocket(Box::new(talking)));
        self.stats.websockets.rise();
        self.take_place(is_counted);
        self.arrive_as(core, Speaker::Connection(key), is_known);
    }

    /// A WebSocket that came from elsewhere is on this core now. One that nobody here knows is told Close.
    pub(super) fn arrive_as(&mut self, core: &Rc<Core>, of: Speaker, is_known: bool) {
        match is_known {
            true => self.with_talking(core, of, |talking, lent| talking.arrive(lent)),
            false => self.tell_talking(core, of, life::Event::Drain(CloseCode::RESTART)),
        }
    }

    /// The connection cannot go along: it is told Close when its turn comes.
    pub(in crate::connection) fn part_later(&mut self, core: &Rc<Core>, key: ConnectionKey) {
        let until = core.now() + self.settings.drain_time;
        if self.upgrades.farewells.add(key, until) {
            core.set_timer(core.now(), Subject::Farewells.to_key());
        }
    }

    /// Tells Close to as many as are due.
    pub(in crate::connection) fn part(&mut self, core: &Rc<Core>) {
        if self.course == Course::Serving {
            self.upgrades.farewells = Farewells::default();
            return;
        }
        let share = self.upgrades.farewells.share(core.now());
        for _ in 0..share {
            let Some(key) = self.upgrades.farewells.next() else {
                break;
            };
            if let Some(State::Upgraded(_)) = self.state_of(key) {
                if let Some(Upgrade::Http2(_)) = self.upgrades.look(key) {
                    // GOAWAY was said before, which ends nothing on its streams.
                    self.part_from_streams(core, key);
                    self.settle_http2(core, key);
                } else {
                    self.on(core, key, Event::Drain);
                }
                self.settle(core, key);
            }
        }
        self.upgrades.farewells.ticks = share > 0;
        if share > 0 {
            core.set_timer(core.now() + TICK, Subject::Farewells.to_key());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(slot: u32) -> ConnectionKey {
        ConnectionKey::new(slot, 0)
    }

    fn farewells(count: u32, until: Moment) -> Farewells {
        let mut farewells = Farewells::default();
        for slot in 0..count {
            assert_eq!(farewells.add(key(slot), until), slot == 0);
        }
        farewells
    }

    #[test]
    fn those_that_are_told_close_are_spread_evenly_and_none_is_left() {
        let mut farewells = farewells(1000, Moment::default() + 20 * TICK);
        let mut now = Moment::default();
        let mut shares = Vec::new();
        while !farewells.waiting.is_empty() {
            let share = farewells.share(now);
            for _ in 0..share {
                farewells.next().expect("as many wait");
            }
            shares.push(share);
            now = now + TICK;
        }
        assert_eq!(shares.len(), 21);
        let even = 1000_usize.div_ceil(21);
        assert!(
            shares.iter().all(|share| share.abs_diff(even) <= 1),
            "{shares:?}"
        );
    }

    #[test]
    fn without_time_all_are_told_at_once() {
        let farewells = farewells(7, Moment::default());
        assert_eq!(farewells.share(Moment::default()), 7);
    }

    #[test]
    fn who_waits_keeps_its_place_however_often_it_comes_again_and_has_one_turn() {
        let mut farewells = farewells(3, Moment::default());
        let until = Moment::default();
        for slot in (0..3).rev() {
            farewells.add(key(slot), until);
        }
        assert_eq!(farewells.next(), Some(key(0)));
        // Its turn was, so that it may wait for another.
        farewells.add(key(0), until);
        let turns: Vec<_> = std::iter::from_fn(|| farewells.next()).collect();
        assert_eq!(turns, [key(1), key(2), key(0)]);
        assert!(farewells.known.is_empty());
    }
}
