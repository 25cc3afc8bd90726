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
use std::collections::VecDeque;
use std::rc::Rc;
use std::time::Duration;

/// From one share of those that are told Close to the next.
const TICK: Duration = Duration::from_millis(50);

/// The connections that are to be told Close.
#[derive(Default)]
pub(super) struct Farewells {
    waiting: VecDeque<ConnectionKey>,
    /// When the last of them is to be told; None while none waits.
    until: Option<Moment>,
}

impl Farewells {
    /// How many are told now, so that as many are at each tick.
    fn share(&self, now: Moment) -> usize {
        let left = self.until.map_or(Duration::ZERO, |until| until - now);
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
        let farewells = &mut self.upgrades.farewells;
        if farewells.waiting.contains(&key) {
            return;
        }
        farewells.waiting.push_back(key);
        if farewells.until.is_none() {
            farewells.until = Some(core.now() + self.settings.drain_time);
            core.set_timer(core.now(), Subject::Farewells.to_key());
        }
    }

    /// Tells Close to as many as are due.
    pub(in crate::connection) fn part(&mut self, core: &Rc<Core>) {
        if self.course == Course::Serving {
            self.upgrades.farewells = Farewells::default();
            return;
        }
        for _ in 0..self.upgrades.farewells.share(core.now()) {
            let Some(key) = self.upgrades.farewells.waiting.pop_front() else {
                break;
            };
            if let Some(State::Upgraded(_)) = self.state_of(key) {
                self.on(core, key, Event::Drain);
                self.settle(core, key);
            }
        }
        let farewells = &mut self.upgrades.farewells;
        if farewells.waiting.is_empty() {
            farewells.until = None;
        } else {
            core.set_timer(core.now() + TICK, Subject::Farewells.to_key());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn those_that_are_told_close_are_spread_evenly_and_none_is_left() {
        let key = |slot| ConnectionKey::new(slot, 0);
        let mut farewells = Farewells {
            waiting: (0..1000).map(key).collect(),
            until: Some(Moment::default() + 20 * TICK),
        };
        let mut now = Moment::default();
        let mut shares = Vec::new();
        while !farewells.waiting.is_empty() {
            let share = farewells.share(now);
            farewells.waiting.drain(..share);
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
        let farewells = Farewells {
            waiting: (0..7).map(|slot| ConnectionKey::new(slot, 0)).collect(),
            until: Some(Moment::default()),
        };
        assert_eq!(farewells.share(Moment::default()), 7);
    }
}
