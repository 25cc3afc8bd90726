//! HTTP/2 on a connection: its session ([`crate::http2`]) beside the seat, and the requests of its streams that are
//! kept. From the gate on a stream is a request like any other.
//!
//! | file | does |
//! |---|---|
//! | [`read`] | makes requests and bodies of received frames; most requests are answered there |
//! | [`requests`] | keeps the others, takes them to the gate, and ends them |
//! | [`body`] | gives the bodies of requests to their handlers, and room for more to their clients |
//! | [`spoken`] | speaks other protocols on streams that were asked for them |
//! | [`moving`] | takes these along where their connection goes |
//! | [`answers`] | writes what handlers answer, piece by piece where it comes so |
//! | [`time`] | ends what a client leaves unfinished, and says goodbye |
//!
//! Called by [`super`]. The session stands in for the client: it says what may be sent, and everything it wants
//! written goes into the connection's output, all of a turn in one send.

mod answers;
mod body;
mod moving;
mod read;
mod requests;
mod spoken;
mod time;

pub(in crate::connection) use self::body::Inflow;
pub(in crate::connection) use self::spoken::Spoken;
use super::{Upgrade, Upgrades};
use crate::connection::deadlines::Patience;
use crate::connection::engine::{Course, Engine};
use crate::connection::key::{ConnectionKey, ExchangeKey};
use crate::connection::step::Outcome;
use crate::http1::exchange::{Event, State};
use crate::http1::upgraded::Phase;
use crate::http2::frame::go_away_size;
use crate::http2::life::Phase as Stands;
use crate::http2::{Desk, Fault, Room, Session, StreamId};
use ringgate_runtime::{Core, Moment};
use std::rc::Rc;

/// A session and the requests that its connection keeps.
pub(in crate::connection) struct Multiplexed {
    session: Session,
    /// In the order of their streams.
    kept: Vec<(StreamId, ExchangeKey)>,
    /// How many of them are answered, and wait for room at their client.
    answered: u32,
    /// How many of them are to speak another protocol, or do.
    spoken: u32,
    /// The second in which the limits of its streams were looked at last; None while nothing is under way.
    looked: Option<u32>,
    /// Whether that look was left out, since the core had been held up.
    passed_over: bool,
    /// How often that was while its core wanted to be rid of it.
    stays: u32,
    /// Whether those who speak another protocol on its streams are to end.
    parts: bool,
    /// Whether its client broke a rule or a budget, so that no answer that waits is sent.
    has_failed: bool,
    /// Frames that came, and are not read before its client takes more of what is sent.
    held: Option<Held>,
}

/// Frames that are not read since the output is full.
struct Held {
    /// The second since which there were some at any time.
    since: u32,
    /// Whether nothing was received meanwhile, so that more of them may have come than are there.
    is_cut: bool,
}

impl Multiplexed {
    fn new(session: Session) -> Multiplexed {
        Multiplexed {
            session,
            kept: Vec::new(),
            answered: 0,
            spoken: 0,
            looked: None,
            passed_over: false,
            stays: 0,
            parts: false,
            has_failed: false,
            held: None,
        }
    }

    /// Whether nothing is under way, so that the connection is plain data.
    pub(super) fn is_idle(&self) -> bool {
        self.kept.is_empty() && self.session.is_idle()
    }

    /// The session, which rests, on its way elsewhere, and the requests that came on its streams.
    pub(super) fn into_parts(self: Box<Self>) -> (Box<Session>, Vec<(StreamId, ExchangeKey)>) {
        debug_assert!(self.session.rests());
        (Box::new(self.session), self.kept)
    }

    /// Where it stands; None once nothing more is sent and nothing that comes matters.
    fn stands(&self) -> Option<Phase> {
        match self.session.phase() {
            Stands::Over => None,
            _ if self.is_idle() => Some(Phase::Rest),
            _ => Some(Phase::Streams),
        }
    }

    /// Whether the limits of its streams are to be looked at now: once a second, as far as anything happens to it.
    fn is_due(&mut self, core: &Core) -> bool {
        if self.is_idle() {
            self.looked = None;
            return false;
        }
        let now = seconds(core);
        let missed = match self.looked.replace(now) {
            None => 0,
            Some(before) => now.wrapping_sub(before),
        };
        if missed > 0 {
            // If looks are missing because the core was held up, frames that came in time may wait unheard behind these:
            // until the next look, however often that happens. Others are missing where a client takes long for each send.
            let held = now.wrapping_sub(seconds_at(core.held_up_last()));
            self.passed_over = missed > 1 && held < missed && !self.passed_over;
        }
        missed > 0 && !self.passed_over
    }

    fn place(&self, stream: StreamId) -> Option<usize> {
        self.kept.binary_search_by_key(&stream, |(id, _)| *id).ok()
    }

    /// The request of a stream, if it is kept.
    #[inline]
    fn request_of(&self, stream: StreamId) -> Option<ExchangeKey> {
        self.place(stream).map(|place| self.kept[place].1)
    }

    fn keep(&mut self, stream: StreamId, request: ExchangeKey) {
        debug_assert!(self.kept.last().is_none_or(|(last, _)| *last < stream));
        self.kept.push((stream, request));
    }

    fn forget(&mut self, stream: StreamId) {
        if let Some(place) = self.place(stream) {
            self.kept.remove(place);
        }
        if self.kept.is_empty() {
            self.kept = Vec::new();
        }
    }
}

impl Upgrades {
    /// The requests of a connection's streams that are kept.
    pub(super) fn spoken_on(&mut self, key: ConnectionKey) -> Vec<ExchangeKey> {
        let http2 = self.http2(key).filter(|http2| http2.spoken > 0);
        let kept = http2.map_or(&[][..], |http2| &http2.kept[..]);
        kept.iter().map(|(_, request)| *request).collect()
    }

    #[inline]
    fn http2(&mut self, key: ConnectionKey) -> Option<&mut Multiplexed> {
        Some(self.http2_and_room(key)?.0)
    }

    #[inline]
    fn http2_and_room(&mut self, key: ConnectionKey) -> Option<(&mut Multiplexed, &mut Room)> {
        match self.seats.get_mut(key.slot() as usize)?.as_mut()? {
            Upgrade::Http2(http2) => Some((http2, &mut self.room)),
            Upgrade::WebSocket(_) | Upgrade::Tunnel(_) => None,
        }
    }
}

/// The time in seconds, as sessions count it: the same on all cores, and in another process of the machine.
#[inline]
fn seconds(core: &Core) -> u32 {
    seconds_at(core.now())
}

#[inline]
fn seconds_at(moment: Moment) -> u32 {
    (moment.as_nanos() / 1_000_000_000) as u32
}

impl Engine {
    /// HTTP/2 is spoken on this connection, from the first byte that is unread.
    pub(in crate::connection) fn begin_http2(&mut self, core: &Rc<Core>, key: ConnectionKey) {
        self.on(core, key, Event::Switched(Phase::Streams));
    }

    /// Sets the session up. The connection goes on holding its slot, if connections do.
    pub(super) fn enter_http2(&mut self, core: &Rc<Core>, key: ConnectionKey) {
        self.stats.http2_began();
        let session = Session::new(&self.settings.http2, seconds(core));
        let upgrade = Upgrade::Http2(Box::new(Multiplexed::new(session)));
        self.upgrades.enter(key, upgrade);
    }

    /// A session came from elsewhere.
    pub(super) fn take_in_http2(&mut self, key: ConnectionKey, session: Box<Session>) {
        self.stats.http2_connections.rise();
        let upgrade = Upgrade::Http2(Box::new(Multiplexed::new(*session)));
        self.upgrades.enter(key, upgrade);
    }

    /// Does something with a session, and queues what the session writes.
    fn with_session<R>(
        &mut self,
        core: &Core,
        key: ConnectionKey,
        act: impl FnOnce(&mut Session, &mut Desk<'_>) -> R,
    ) -> Option<R> {
        let output = &mut self.table.get(key)?.output;
        let (http2, room) = self.upgrades.http2_and_room(key)?;
        output.gather(&mut self.buffers);
        let before = output.tail.len();
        let mut desk = Desk {
            limits: &self.settings.http2,
            seconds: seconds(core),
            room,
            out: &mut output.tail,
        };
        let done = act(&mut http2.session, &mut desk);
        output.queued += output.tail.len() - before;
        output.give_back_unused(&mut self.buffers);
        Some(done)
    }

    /// After anything that happened to the session: what may be sent is queued, and the connection is told where
    /// the session stands.
    pub(super) fn settle_http2(&mut self, core: &Rc<Core>, key: ConnectionKey) {
        // What is sent puts the connection's own timer off: a busy one is looked at here, once all that came is read.
        if let Some(http2) = self.upgrades.http2(key)
            && http2.held.is_none()
            && http2.is_due(core)
        {
            self.end_overdue(core, key);
        }
        self.send_further(core, key);
        self.end_answered(core, key);
        let Some(State::Upgraded(known)) = self.state_of(key) else {
            return;
        };
        match self.upgrades.http2(key).map(|http2| http2.stands()) {
            None => {}
            Some(Some(stands)) if stands == known => self.go_with_streams(core, key),
            Some(Some(stands)) => {
                self.on(core, key, Event::Upgraded(stands));
                if stands == Phase::Rest && self.course != Course::Serving {
                    self.follow_course(core, key);
                }
            }
            Some(None) => {
                self.on(core, key, Event::UpgradeOver);
            }
        }
    }

    /// The session is over: so is all that was begun for it.
    pub(super) fn end_http2(&mut self, core: &Rc<Core>, key: ConnectionKey, http2: Multiplexed) {
        self.stats.http2_connections.fall();
        for (_, request) in http2.kept {
            self.end_kept(core, key, request, Outcome::Aborted);
        }
    }

    /// The client broke a rule or a budget, and GOAWAY is queued for it: it has a bounded time for that in all. If it
    /// does not take what was sent before, nothing of what waits behind that comes before the GOAWAY.
    #[cold]
    fn end_faulty(&mut self, core: &Core, key: ConnectionKey, fault: Fault) {
        self.dismiss(key, Patience::InAll);
        // What it sends on is thrown away in its part of each turn.
        self.leave_rest(key);
        if let Some(http2) = self.upgrades.http2(key) {
            http2.has_failed = true;
        }
        if let Some(connection) = self.table.get(key)
            && connection.output.in_flight.is_some()
            // What waits begins with a frame.
            && connection.transport.sends_whole()
        {
            connection.output.keep_last(go_away_size(fault.why));
            self.settle_answers(core, key, Outcome::Aborted);
        }
        self.stats.http2_faults[fault.reason()].add(1);
        let peer = self.peer_of(key);
        crate::observe::log::limited!(
            self.log,
            core.now().as_nanos(),
            info,
            "http2",
            peer = peer.as_deref().unwrap_or("unknown"),
            cause = fault.why,
            code = fault.code.name(),
            option = fault.budget.map_or("none", |budget| budget.option()),
            "a connection of HTTP/2 is ended: its client broke a rule or a budget"
        );
    }
}
