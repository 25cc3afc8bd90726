//! Connections on which another protocol than HTTP/1.1 is spoken: what each has beside its seat in the table, and
//! what the effects of [`crate::http1::upgraded`] come to.
//!
//! | file | does |
//! |---|---|
//! | [`socket`] | gives received bytes to a WebSocket, and messages to its application |
//! | [`tunnel`] | gives received bytes to a handler that speaks a protocol of its own, and sends what it writes |
//! | [`http2`] | serves the streams of HTTP/2, each of them a request
//! | [`leave`] | moves it, or says Close where it cannot go along |
//! | [`feeds`] | gives it what is published on the hub that it follows |
//! | [`lines`] | gives it what is sent to it from outside of its calls |
//! | [`carry`] | makes of it what can go to another core or process |
//!
//! Called by [`super::step`]. A connection that speaks HTTP/1.1 pays nothing for this: what another protocol needs lies
//! aside, in a table as long as the last seat that has something in it.

mod carry;
mod feeds;
mod http2;
mod leave;
mod lines;
mod socket;
mod tunnel;

pub(super) use self::carry::{Carried, CarriedStream};
pub(crate) use self::feeds::Feed;
use self::feeds::Feeds;
pub(super) use self::http2::{Inflow, Multiplexed, Spoken};
use self::leave::Farewells;
use self::lines::Lines;
use self::socket::{Lent, Talking};
pub(crate) use self::tunnel::Calls;
use self::tunnel::Tunnel;
use super::OUTPUT_HIGH_BYTES;
use super::deadlines::Patience;
use super::engine::{Course, Engine};
use super::key::{ConnectionKey, ExchangeKey, Speaker};
use super::step::{Outcome, Reading};
use super::table::Connection;
use super::wait::turned_away;
use crate::admission::ledger::Reason;
use crate::handler::{Body, Ended, Response, Switching};
use crate::http1::exchange::{Event, State};
use crate::http1::response::{BodyLength, ConnectionHeader, Fields, ResponseHead};
use crate::http1::upgraded::Phase;
use crate::http2::Room;
use crate::websocket::deflate::{Deflater, Inflater};
use crate::websocket::life;
use crate::websocket::{CloseCode, Fault};
use ringgate_runtime::Core;
use ringgate_runtime::task::Panic;
use std::cell::Cell;
use std::rc::Rc;

/// The state of another protocol.
pub(super) enum Upgrade {
    WebSocket(Box<Talking>),
    Tunnel(Tunnel),
    Http2(Box<Multiplexed>),
}

/// The upgraded connections of a core, by seat, and what they share.
#[derive(Default)]
pub(super) struct Upgrades {
    seats: Vec<Option<Upgrade>>,
    tools: Tools,
    /// Where the heads of HTTP/2 are put together.
    room: Room,
    farewells: Farewells,
    calls: Rc<Calls>,
    feeds: Feeds,
    lines: Lines,
    /// Set when events or messages came from outside, until all have been looked after.
    outside: Rc<Cell<bool>>,
}

/// The compressor and decompressor of all WebSockets that keep no context. Neither holds memory before it is used.
#[derive(Default)]
struct Tools {
    inflater: Inflater,
    deflater: Deflater,
}

impl Upgrades {
    fn enter(&mut self, key: ConnectionKey, upgrade: Upgrade) {
        let slot = key.slot() as usize;
        if slot >= self.seats.len() {
            self.seats.resize_with(slot + 1, || None);
        }
        self.seats[slot] = Some(upgrade);
    }

    #[inline]
    fn at(&mut self, key: ConnectionKey) -> Option<(&mut Upgrade, &mut Tools)> {
        let upgrade = self.seats.get_mut(key.slot() as usize)?.as_mut()?;
        Some((upgrade, &mut self.tools))
    }

    /// Whether handlers have called, events wait for those that follow a hub, or messages for a WebSocket.
    #[inline]
    pub(super) fn has_calls(&self) -> bool {
        !self.calls.is_empty() || self.outside.get()
    }

    fn look(&self, key: ConnectionKey) -> Option<&Upgrade> {
        self.seats.get(key.slot() as usize)?.as_ref()
    }

    fn take(&mut self, key: ConnectionKey) -> Option<Upgrade> {
        self.seats.get_mut(key.slot() as usize)?.take()
    }
}

impl Engine {
    /// The answer is queued that ends HTTP on this connection: its requests are over, and the other protocol
    /// begins.
    pub(super) fn upgrade(&mut self, core: &Rc<Core>, key: ConnectionKey) {
        if self.state_of(key) == Some(State::Upgraded(Phase::Streams)) {
            return self.enter_http2(core, key);
        }
        let Some(switching) = self.switching.take() else {
            debug_assert!(false, "a change of protocol has been asked for");
            return;
        };
        self.note_upgrade(key);
        self.finish_exchange(core, key, Outcome::Answered);
        self.settle_answers(core, key, Outcome::Answered);
        // From here on `max_websockets` is the bound.
        drop(self.take_slot(key));
        self.begin_silence(core, key);
        match switching {
            Switching::WebSocket(begun) => {
                let upgrade = Upgrade::WebSocket(Box::new(Talking::new(begun)));
                self.upgrades.enter(key, upgrade);
                self.stats.websockets.rise();
                self.arrive_upgraded(core, key);
            }
            Switching::Tunnel(speaking) => {
                let tunnel = self.begin_tunnel(core, Speaker::Connection(key), speaking);
                self.upgrades.enter(key, Upgrade::Tunnel(tunnel));
            }
        }
        let has_early_bytes = |c: &mut Connection| !c.unread.is_empty();
        if self.table.get(key).is_some_and(has_early_bytes) {
            self.advance(core, key);
        }
        self.regulate(core, key);
        if self.course != Course::Serving {
            // It was asked for before the core was to leave, and is told only now that it is there.
            self.follow_course(core, key);
        }
    }

    /// The other protocol is on this core now.
    pub(super) fn arrive_upgraded(&mut self, core: &Rc<Core>, key: ConnectionKey) {
        let of = Speaker::Connection(key);
        self.with_talking(core, of, |talking, lent| talking.arrive(lent));
    }

    /// Gives unread bytes to the other protocol.
    pub(super) fn read_upgraded(&mut self, core: &Rc<Core>, key: ConnectionKey) -> Reading {
        match self.upgrades.look(key) {
            Some(Upgrade::Http2(_)) => return self.read_http2(core, key),
            Some(Upgrade::Tunnel(_)) => {
                self.fill_tunnel(core, key);
                return Reading::Done;
            }
            Some(Upgrade::WebSocket(_)) | None => {}
        }
        let of = Speaker::Connection(key);
        self.with_talking(core, of, |talking, lent| talking.read(lent));
        let state = self.state_of(key);
        if self.course != Course::Serving
            && let Some(State::Upgraded(Phase::Open | Phase::Asked)) = state
        {
            // The rest of a message kept it here.
            self.follow_course(core, key);
        }
        match state {
            Some(State::Upgraded(_)) | None => Reading::Done,
            Some(_) => Reading::Again,
        }
    }

    /// The client has ended its side: a WebSocket reads first what came before that. Whether some of it waits until the
    /// client has taken what is sent.
    pub(super) fn reads_later(&mut self, core: &Rc<Core>, key: ConnectionKey) -> bool {
        let has_unread = |c: &mut Connection| !c.unread.is_empty();
        let is_held = |c: &mut Connection| has_unread(c) && c.output.queued >= OUTPUT_HIGH_BYTES;
        if !matches!(self.upgrades.look(key), Some(Upgrade::WebSocket(_)))
            || !self.table.get(key).is_some_and(has_unread)
        {
            return false;
        }
        let of = Speaker::Connection(key);
        self.with_talking(core, of, |talking, lent| talking.read(lent));
        matches!(self.state_of(key), Some(State::Upgraded(_)))
            && self.table.get(key).is_some_and(is_held)
    }

    /// Everything is with the kernel: who waits for room may send.
    pub(super) fn feed_upgraded(&mut self, core: &Rc<Core>, key: ConnectionKey) {
        let connection = self.table.get(key);
        let is_worn = connection.is_some_and(|connection| connection.transport.is_worn());
        match self.upgrades.look(key) {
            Some(Upgrade::Http2(_)) => self.feed_http2(core, key),
            Some(Upgrade::Tunnel(_)) => self.empty_tunnel(core, key),
            // Its key may soon seal no more: the client has to connect again, which it may at once.
            Some(Upgrade::WebSocket(_)) if is_worn => {
                self.part_from(core, Speaker::Connection(key));
            }
            Some(Upgrade::WebSocket(_)) => {
                self.feed_further(core, Speaker::Connection(key));
                self.speak_further(core, Speaker::Connection(key));
            }
            None => {}
        }
    }

    /// Asks the client of a WebSocket whether it is still there; ends what the client of HTTP/2 has left
    /// unfinished for too long.
    pub(super) fn ask_upgraded(&mut self, core: &Rc<Core>, key: ConnectionKey) {
        if let Some(Upgrade::Http2(_)) = self.upgrades.look(key) {
            return self.look_at_streams(core, key);
        }
        let event = life::Event::DeadlinePassed(life::Deadline::Quiet);
        self.tell_talking(core, Speaker::Connection(key), event);
    }

    /// The client took too long, and is told so.
    pub(super) fn fail_upgraded(&mut self, core: &Rc<Core>, key: ConnectionKey) {
        let event = life::Event::DeadlinePassed(life::Deadline::Message);
        self.tell_talking(core, Speaker::Connection(key), event);
        self.dismiss(key, Patience::UntilSent);
        self.end_upgraded(core, key);
    }

    /// The server drains, or connections go to another process and this one cannot.
    pub(super) fn drain_upgraded(&mut self, core: &Rc<Core>, key: ConnectionKey) {
        match self.upgrades.look(key) {
            Some(Upgrade::Tunnel(tunnel)) => return tunnel.drain(),
            Some(Upgrade::Http2(_)) => return self.drain_http2(core, key),
            Some(Upgrade::WebSocket(_)) | None => {}
        }
        self.part_from(core, Speaker::Connection(key));
    }

    /// Tells the client of a WebSocket Close: nobody here will speak with it any more.
    fn part_from(&mut self, core: &Rc<Core>, of: Speaker) {
        let code = match self.is_draining() {
            true => CloseCode::GOING_AWAY,
            // Another core or process serves on: the client may connect again at once.
            false => CloseCode::RESTART,
        };
        self.tell_talking(core, of, life::Event::Drain(code));
    }

    /// The client sends nothing more.
    pub(super) fn end_input(&mut self, key: ConnectionKey) {
        let has_unread = |c: &mut Connection| !c.unread.is_empty();
        // The handler reads what came before the end first.
        if let Some(Upgrade::Tunnel(tunnel)) = self.upgrades.look(key)
            && !self.table.get(key).is_some_and(has_unread)
        {
            tunnel.end_input();
        }
    }

    /// The other protocol is over in one way or another; its application is told unless it knows.
    pub(super) fn end_upgraded(&mut self, core: &Rc<Core>, key: ConnectionKey) {
        match self.upgrades.take(key) {
            None => {}
            Some(Upgrade::Http2(http2)) => self.end_http2(core, key, *http2),
            Some(Upgrade::Tunnel(tunnel)) => {
                self.note_end_of_upgrade(key);
                self.end_tunnel(core, tunnel);
            }
            Some(Upgrade::WebSocket(talking)) => {
                self.note_end_of_upgrade(key);
                self.end_talking(core, *talking);
            }
        }
    }

    fn end_tunnel(&mut self, core: &Core, tunnel: Tunnel) {
        self.places.leave();
        tunnel.cancel(core);
    }

    fn end_talking(&mut self, core: &Core, mut talking: Talking) {
        self.stats.websockets.fall();
        self.places.leave();
        if let Err(panic) = talking.closed(&Ended::ABNORMAL) {
            self.count_socket_panic(core, &panic);
        }
    }

    fn tell_talking(&mut self, core: &Rc<Core>, of: Speaker, event: life::Event) {
        self.with_talking(core, of, |talking, lent| talking.tell(event, "", lent));
    }

    /// The WebSocket that is spoken there.
    #[inline]
    fn talking(&mut self, of: Speaker) -> Option<&mut Talking> {
        match of {
            Speaker::Connection(key) => match self.upgrades.at(key)?.0 {
                Upgrade::WebSocket(talking) => Some(talking),
                Upgrade::Tunnel(_) | Upgrade::Http2(_) => None,
            },
            Speaker::Stream(request) => self.exchanges.get(request)?.spoken()?.talking(),
        }
    }

    /// Whether that is of this core, and not over.
    fn is_here(&mut self, of: Speaker) -> bool {
        match of {
            Speaker::Connection(key) => self.table.get(key).is_some(),
            Speaker::Stream(request) => self.exchanges.get(request).is_some(),
        }
    }

    /// Every event of what is spoken somewhere ends here.
    fn settle_speaker(&mut self, core: &Rc<Core>, of: Speaker) {
        match of {
            Speaker::Connection(key) => self.settle(core, key),
            Speaker::Stream(request) => {
                if let Some(key) = self.exchanges.get(request).map(|exchange| exchange.of) {
                    self.settle_http2(core, key);
                    self.settle(core, key);
                }
            }
        }
    }

    /// Does something with a WebSocket, and tells its connection or its stream where it stands after that.
    #[inline]
    fn with_talking(
        &mut self,
        core: &Rc<Core>,
        of: Speaker,
        act: impl FnOnce(&mut Talking, &mut Lent<'_>) -> Result<(), Panic>,
    ) {
        let (talking, unread, output, tools) = match of {
            Speaker::Connection(key) => {
                let Some(connection) = self.table.get(key) else {
                    return;
                };
                let Some((Upgrade::WebSocket(talking), tools)) = self.upgrades.at(key) else {
                    return;
                };
                let Connection { unread, output, .. } = connection;
                (&mut **talking, unread, output, tools)
            }
            Speaker::Stream(request) => {
                let exchange = self.exchanges.get(request);
                let spoken = exchange.and_then(|exchange| exchange.spoken());
                let Some((talking, unread, output)) = spoken.and_then(Spoken::websocket) else {
                    return;
                };
                (talking, unread, output, &mut self.upgrades.tools)
            }
        };
        let mut lent = Lent {
            unread,
            output,
            buffers: &mut self.buffers,
            tools,
            limits: &self.settings.websocket,
            seconds: (core.now().as_nanos() / 1_000_000_000) as u32,
            core: self.index,
            received: 0,
            sent: 0,
            fault: None,
            anew: false,
        };
        let done = act(talking, &mut lent);
        let enlists = talking.feed.as_ref().is_some_and(|feed| feed.is_new());
        let line = talking.line.as_ref();
        let leads_elsewhere = line.is_some_and(|line| line.is_nowhere());
        let (received, sent, fault) = (lent.received, lent.sent, lent.fault);
        let anew = lent.anew;
        self.stats.websocket_messages_received.add(received);
        self.stats.websocket_messages_sent.add(sent);
        let stands = talking.stands();
        if let Some(fault) = fault {
            self.count_fault(core, of, fault);
        }
        if let Err(panic) = done {
            self.count_socket_panic(core, &panic);
        }
        match of {
            Speaker::Connection(key) => self.stand(core, key, stands, anew),
            Speaker::Stream(request) => self.stand_on_stream(core, request, stands, anew),
        }
        if enlists {
            self.enlist(core, of);
        }
        if leads_elsewhere {
            self.lead_line_here(core, of);
        }
    }

    /// The time of a WebSocket's client begins anew: it has just said something, or is to.
    #[inline]
    fn begin_silence(&mut self, core: &Core, key: ConnectionKey) {
        if let Some(connection) = self.table.get(key) {
            connection.since = core.now();
        }
    }

    /// The WebSocket of a connection stands there now. `anew`: whether the time of its client begins anew.
    #[inline]
    fn stand(&mut self, core: &Rc<Core>, key: ConnectionKey, stands: Option<Phase>, anew: bool) {
        if anew {
            self.begin_silence(core, key);
        }
        match (stands, self.state_of(key)) {
            (Some(stands), Some(State::Upgraded(known))) if stands == known => {}
            (Some(stands), Some(State::Upgraded(_))) => {
                self.on(core, key, Event::Upgraded(stands));
            }
            (None, Some(State::Upgraded(_))) => {
                // Close was said.
                self.dismiss(key, Patience::UntilSent);
                self.on(core, key, Event::UpgradeOver);
            }
            // Its end is under way.
            (_, _) => {}
        }
    }

    /// The client of a WebSocket broke a rule or a limit.
    #[cold]
    fn count_fault(&mut self, core: &Core, of: Speaker, fault: Fault) {
        self.stats.websocket_faults[fault as usize].add(1);
        let key = match of {
            Speaker::Connection(key) => Some(key),
            Speaker::Stream(request) => self.exchanges.get(request).map(|exchange| exchange.of),
        };
        let peer = key.and_then(|key| self.peer_of(key));
        crate::observe::log::limited!(
            self.log,
            core.now().as_nanos(),
            info,
            "websocket",
            peer = peer.as_deref().unwrap_or("unknown"),
            cause = fault.name(),
            code = fault.code().number(),
            "a WebSocket is closed: its client broke a rule or a limit"
        );
    }

    #[cold]
    fn count_socket_panic(&mut self, core: &Core, panic: &Panic) {
        self.stats.handler_panics.add(1);
        crate::observe::log::limited!(
            self.log,
            core.now().as_nanos(),
            error,
            "panic",
            panic = panic.message(),
            "the handler of a WebSocket panicked; its client is told 1011"
        );
    }

    /// A handler wants the connection to change its protocol.
    pub(super) fn on_switch(
        &mut self,
        core: &Rc<Core>,
        request: ExchangeKey,
        response: &mut Response,
    ) {
        let Some(key) = self.exchanges.get(request).map(|exchange| exchange.of) else {
            return;
        };
        let Body::Switch(switch) = &response.body else {
            return;
        };
        let (phase, status, connection_field) = match switch.get() {
            Switching::WebSocket(_) => (Phase::Open, 101, ConnectionHeader::Upgrade),
            Switching::Tunnel(tunnel) if tunnel.is_connect => {
                // RFC 9110 section 9.3.6: the tunnel begins behind the head.
                (Phase::Bytes, 200, ConnectionHeader::Implicit)
            }
            Switching::Tunnel(_) => (Phase::Bytes, 101, ConnectionHeader::Upgrade),
        };
        if response.status().as_u16() != status {
            // Something around the handler answers otherwise.
            std::mem::replace(&mut response.body, Body::Empty).let_go();
            return self.give_answer(core, request, response);
        }
        if self.state_of(key) != Some(State::Running) {
            debug_assert!(false, "a handshake with a body is refused");
            return self.on_answer(core, request, Ok(Response::failed()));
        }
        if self.is_draining() {
            self.count_refusal(core, key, Reason::Draining);
            let refusal = turned_away(Reason::Draining, self.settings.reason_header);
            return self.on_answer(core, request, Ok(refusal));
        }
        let most = self
            .settings
            .websockets_max
            .map(|most| u64::from(most.get()));
        if !self.places.enter(most) {
            self.count_refusal(core, key, Reason::WebSockets);
            let refusal = turned_away(Reason::WebSockets, self.settings.reason_header);
            return self.on_answer(core, request, Ok(refusal));
        }
        let Some(connection) = self.table.get(key) else {
            return;
        };
        let head = ResponseHead {
            status: response.status,
            content_type: None,
            fields: Fields::List(&response.fields),
            body: BodyLength::None,
            connection: connection_field,
        };
        connection.output.write_with(&mut self.buffers, |tail| {
            head.encode(self.date.current(), tail);
        });
        self.count_own_answer(key, response.status);
        self.note_switch(core, request, response.status);
        let body = std::mem::replace(&mut response.body, Body::Empty);
        if let Body::Switch(switch) = body {
            self.switching = Some(switch.into_inner());
        }
        self.on(core, key, Event::Switched(phase));
    }
}
