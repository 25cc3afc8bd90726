//! The requests of a core as the access log is told of them: each at its real end, which is when the last byte of its
//! answer is with the kernel, or when it is clear that it never will be.
//!
//! Called by the files of the steps, and by [`super::upgraded`] for streams of HTTP/2, each under `settings.logs`: with
//! the access log off nothing of this is touched. Notes lie aside, by the seat of the connection, so that a connection
//! is no larger for them. [`crate::observe::access`] decides how lines look and where they go.
//!
//! | a request that | is told of |
//! |---|---|
//! | is answered | when its answer is with the kernel ([`Engine::settle_answers`], [`Engine::finish_exchange`]) |
//! | is aborted | when nothing of its connection is in flight any more, since only then it is known what was sent |
//! | is refused before it is one | as one that is answered, with its first line as it came |
//! | changed the protocol | at the end of the connection |

mod noted;
mod place;
mod streams;

pub(super) use self::noted::Noted;
pub(super) use self::place::Place;

use self::noted::Surroundings;
use super::engine::Engine;
use super::exchanges::Terms;
use super::key::{ConnectionKey, ExchangeKey, Subject};
use super::sockets::Sockets;
use super::step::Outcome;
use crate::config::AccessField;
use crate::handler::{Application, Body, RequestParts, Response, Routed};
use crate::http1::response::sends_body;
use crate::observe::access::{Outlet, Rules, Stamp};
use crate::tls::record::Version as TlsVersion;
use http::StatusCode;
use ringgate_runtime::{Core, Moment};
use std::time::Duration;

/// How long a line stays with the core at most, before it goes to the writer.
const HAND_OVER_EVERY: Duration = Duration::from_millis(50);

/// Notes that are kept to be used again.
const SPARE_NOTES_MAX: usize = 1024;

/// The parts of a line that cost something beyond it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wants {
    host: bool,
    id: bool,
    tls: bool,
    route: bool,
}

/// The access log on one core.
pub(super) struct Access {
    outlet: Outlet,
    rules: Rules,
    wants: Wants,
    places: Vec<Place>,
    #[expect(clippy::vec_box, reason = "the boxes are what is moved and used again")]
    spare: Vec<Box<Noted>>,
    /// The note on the request at hand, from its head to where it is kept or answered.
    current: Option<Box<Noted>>,
    /// Whether the request at hand, which is refused, is to have no line.
    is_quiet: bool,
    /// Why the connection at hand is given up, if it is not that its client went away.
    cause: Option<&'static str>,
    clock: Clock,
    /// Names of routes, as far as they were asked for.
    routes: Vec<Option<Box<str>>>,
    /// Requests that ended well since the last one of them that got a line.
    passed: u32,
    /// Whether a timer will hand the lines over.
    is_timed: bool,
    /// The number of the last connection, which no other core gives to one.
    connections: u64,
}

/// The time of day, looked at once a second.
struct Clock {
    since: Moment,
    until: Moment,
    /// Of that second, which had passed when it was looked at.
    passed: Duration,
    stamp: Stamp,
}

impl Clock {
    fn look(&mut self, core: &Core) {
        let now = core.now();
        if now < self.until {
            return;
        }
        let wall = core.wall_clock();
        self.passed = Duration::from_nanos(wall.subsec_nanos().into());
        self.since = now;
        self.until = now + (Duration::from_secs(1) - self.passed);
        self.stamp = Stamp::new(wall.as_secs());
    }

    fn millis(&self, now: Moment) -> u16 {
        let passed = self.passed + (now - self.since);
        (passed.as_millis() as u16).min(999)
    }
}

impl Access {
    pub(super) fn new(outlet: Outlet, rules: &Rules, connections: u64) -> Access {
        Access {
            outlet,
            rules: rules.clone(),
            wants: Wants::of(rules),
            places: Vec::new(),
            spare: Vec::new(),
            current: None,
            is_quiet: false,
            cause: None,
            clock: Clock {
                since: Moment::default(),
                until: Moment::default(),
                passed: Duration::ZERO,
                stamp: Stamp::new(0),
            },
            routes: Vec::new(),
            passed: 0,
            is_timed: false,
            connections,
        }
    }

    /// Goes on with these.
    pub(super) fn follow(&mut self, rules: &Rules) {
        self.rules = rules.clone();
        self.wants = Wants::of(rules);
    }

    /// The place of a connection, which is made if it has none.
    fn place(&mut self, key: ConnectionKey) -> &mut Place {
        place::at(&mut self.places, key)
    }

    /// Bytes of a connection that the kernel took, and those that wait for it.
    pub(super) fn end_of_output(&mut self, key: ConnectionKey, queued: usize) -> u64 {
        self.place(key).sent + queued as u64
    }

    /// Notes the head of the request at hand. `to` is the route, if it goes to a handler, and the stream of HTTP/2.
    pub(super) fn note(
        &mut self,
        app: &dyn Application,
        parts: &mut RequestParts,
        sockets: &Sockets,
        request: u32,
        now: Moment,
        to: (Option<u32>, Option<u32>),
    ) {
        let key = parts.connection;
        let place = place::at(&mut self.places, key);
        if place.remote.is_none() {
            self.connections += 1;
            place.comes_from(sockets, key, self.connections);
        }
        let mut noted = self.spare.pop().unwrap_or_else(Noted::blank);
        noted.head(&parts.head, &parts.bytes, self.wants, (request, now));
        noted.goes_to(to.0, to.1);
        if self.wants.id {
            app.name(parts);
            noted.is_named(parts.id());
        }
        if let Some(remote) = &place.remote {
            let fields = parts.head.named_values(&parts.bytes);
            let of = (key, remote.peer);
            noted.client = sockets.named(of, fields, &parts.is_client_counted);
        }
        self.current = Some(noted);
    }

    /// Notes the head of a request that may be answered at once, unless its route wants no line. `to` is the route,
    /// and the stream of HTTP/2.
    pub(super) fn note_straight(
        &mut self,
        core: &Core,
        app: &dyn Application,
        parts: &mut RequestParts,
        sockets: &Sockets,
        request: u32,
        to: (u32, Option<u32>),
    ) {
        let (route, stream) = to;
        match app.options(route).unlogged {
            true => self.current = None,
            false => {
                let to = (Some(route), stream);
                self.note(app, parts, sockets, request, core.now(), to);
            }
        }
    }

    /// The note on the request at hand, for who keeps that.
    pub(super) fn take_current(&mut self) -> Option<Box<Noted>> {
        self.current.take()
    }

    /// The request at hand is answered with this.
    pub(super) fn answer_current(&mut self, terms: &Terms, response: &Response, now: Moment) {
        if let Some(noted) = &mut self.current {
            noted.answered_by(terms, response, now);
        }
    }

    /// The answer of the request at hand is queued, and `queued` bytes of its connection in all.
    pub(super) fn set_current_aside(&mut self, key: ConnectionKey, queued: usize) {
        if let Some(noted) = self.current.take() {
            self.set_aside(key, queued, noted);
        }
    }

    /// The answer of a request is queued, and `queued` bytes of its connection in all.
    pub(super) fn set_aside(&mut self, key: ConnectionKey, queued: usize, mut noted: Box<Noted>) {
        let place = self.place(key);
        noted.end = place.sent + queued as u64;
        place.waiting.push(noted);
    }

    /// Writes the line of a request, unless it is one that is left out.
    fn write(&mut self, noted: Box<Noted>, around: &Lent<'_>) {
        if self.is_told(&noted, around.core.now()) {
            let is_kept = self.write_line(&noted, around);
            if !self.is_timed {
                self.is_timed = true;
                let at = around.core.now() + HAND_OVER_EVERY;
                around.core.set_timer(at, Subject::AccessLog.to_key());
            }
            if !is_kept {
                crate::observe::log::limited!(
                    around.log,
                    around.core.now().as_nanos(),
                    warn,
                    "access-log",
                    "lines of the access log are dropped: its output does not take them as fast as they come"
                );
            }
        }
        if self.spare.len() < SPARE_NOTES_MAX {
            self.spare.push(noted);
        }
    }

    fn is_told(&mut self, noted: &Noted, now: Moment) -> bool {
        if !noted.is_well() {
            return true;
        }
        if noted.took(now) < self.rules.slow {
            return false;
        }
        self.passed += 1;
        let is_told = self.passed >= self.rules.sample;
        if is_told {
            self.passed = 0;
        }
        is_told
    }

    fn write_line(&mut self, noted: &Noted, around: &Lent<'_>) -> bool {
        self.clock.look(around.core);
        let now = around.core.now();
        let route = noted.route.filter(|_| self.wants.route);
        if let Some(route) = route {
            let index = route as usize;
            if index >= self.routes.len() {
                self.routes.resize_with(index + 1, || None);
            }
            self.routes[index].get_or_insert_with(|| (around.route_name)(route).into());
        }
        let route = route.and_then(|route| self.routes[route as usize].as_deref());
        let facts = match self.wants.tls {
            true => around.sockets.facts(around.key),
            false => None,
        };
        let tls = facts.as_ref().map(|facts| {
            let version = match facts.version {
                TlsVersion::Tls12 => "TLSv1.2",
                TlsVersion::Tls13 => "TLSv1.3",
            };
            (version, facts.cipher)
        });
        let place = place::at(&mut self.places, around.key);
        let remote = place.remote.as_ref();
        let peer = remote.map_or((place::UNKNOWN, 0), |remote| (&*remote.text, remote.port));
        let named = noted
            .client
            .map(|client| (client.ip().to_string(), client.port()));
        let (remote, port) = named.as_ref().map_or(peer, |(text, port)| (text, *port));
        let record = noted.record(&Surroundings {
            time: &self.clock.stamp,
            millis: self.clock.millis(now),
            now,
            remote,
            port,
            core: around.index,
            connection: place.number,
            tls,
            route,
            sent: place.sent,
        });
        let rules = &self.rules;
        self.outlet.line(|out| rules.write(&record, out))
    }
}

impl Wants {
    fn of(rules: &Rules) -> Wants {
        Wants {
            host: rules.says(AccessField::Host),
            id: rules.says(AccessField::RequestId),
            tls: rules.says(AccessField::Tls) || rules.says(AccessField::Cipher),
            route: rules.says(AccessField::Route),
        }
    }
}

/// The rest of the engine, as far as a line needs it.
struct Lent<'e> {
    core: &'e Core,
    index: u32,
    key: ConnectionKey,
    sockets: &'e Sockets,
    route_name: &'e dyn Fn(u32) -> String,
    log: &'e crate::observe::log::RateLimit,
}

/// Status and bytes of the body, as this answer has them on the wire; `to_head` if it is one to HEAD.
pub(super) fn told(to_head: bool, response: &Response) -> (u16, u64) {
    let status = match response.status.is_informational() {
        // Nobody would give the other answer: a 500 is sent in its stead.
        true => StatusCode::INTERNAL_SERVER_ERROR,
        false => response.status,
    };
    let bytes = match &response.body {
        Body::Chunk(chunk) if sends_body(to_head, status) => chunk.len() as u64,
        Body::Empty | Body::Chunk(_) | Body::Stream { .. } | Body::Switch(_) => 0,
    };
    (status.as_u16(), bytes)
}

impl Noted {
    /// The head of this answer to a request on these terms is about to be queued.
    pub(super) fn answered_by(&mut self, terms: &Terms, response: &Response, now: Moment) {
        let (status, bytes) = told(terms.to_head, response);
        self.answer(status, bytes, now);
    }
}

impl Engine {
    /// Does something with the access log; nothing if there is none.
    #[inline]
    pub(super) fn with_access(&mut self, act: impl FnOnce(&mut Access)) {
        if let Some(access) = &mut self.access {
            act(access);
        }
    }

    /// Notes the head of a request that is going to be kept.
    pub(super) fn note_head(
        &mut self,
        core: &Core,
        parts: &mut RequestParts,
        route: Option<u32>,
        stream: Option<u32>,
    ) -> Option<Box<Noted>> {
        let access = self.access.as_mut().filter(|_| self.settings.logs)?;
        if route.is_some_and(|route| self.app.options(route).unlogged) {
            return None;
        }
        let (connection, sockets) = self.table.get_with_sockets(parts.connection)?;
        let request = connection.served;
        let to = (route, stream);
        access.note(&*self.app, parts, sockets, request, core.now(), to);
        access.take_current()
    }

    /// Notes the head of a request that is refused before it begins.
    #[cold]
    pub(super) fn note_refused(&mut self, core: &Core, parts: &mut RequestParts, routed: &Routed) {
        let noted = self.note_head(core, parts, routed.route(), None);
        self.with_access(|access| {
            access.is_quiet = noted.is_none();
            access.current = noted;
        });
    }

    /// The note on the request that was not answered at once, if it had one.
    pub(super) fn take_noted(&mut self) -> Option<Box<Noted>> {
        self.access.as_mut()?.take_current()
    }

    /// Says why a request that is kept is not answered as its handler would.
    #[cold]
    pub(super) fn note_reason(&mut self, request: ExchangeKey, reason: &'static str) {
        let exchange = self.exchanges.get(request);
        if let Some(noted) = exchange.and_then(|exchange| exchange.noted.as_mut()) {
            noted.reason = Some(reason);
        }
    }

    /// Why a connection is given up by the event that comes next, if it is not that its client went away.
    pub(super) fn because(&mut self, cause: Option<&'static str>) {
        self.with_access(|access| access.cause = cause);
    }

    /// The kernel took bytes of a connection.
    pub(super) fn note_sent(&mut self, key: ConnectionKey, sent: usize) {
        self.with_access(|access| access.place(key).sent += sent as u64);
    }

    /// A request is answered or refused by the server itself, with a status and so many bytes of body, which are
    /// queued. Kept or not, its line is written when the answer is out. `id` is that of what is no request, which it
    /// got with the answer.
    #[cold]
    pub(super) fn note_own_answer(
        &mut self,
        core: &Core,
        key: ConnectionKey,
        (status, bytes): (u16, u64),
        reason: &'static str,
        id: Option<Vec<u8>>,
    ) {
        if !self.settings.logs {
            return;
        }
        let cause = self.access.as_ref().and_then(|access| access.cause);
        let reason = cause.unwrap_or(reason);
        if let Some(exchange) = self.exchange_of(key) {
            if let Some(noted) = &mut exchange.noted {
                noted.answer(status, bytes, core.now());
                noted.reason = Some(reason);
            }
            return;
        }
        let Some((connection, sockets)) = self.table.get_with_sockets(key) else {
            return;
        };
        let Some(access) = &mut self.access else {
            return;
        };
        if std::mem::take(&mut access.is_quiet) {
            return;
        }
        let mut noted = match access.current.take() {
            Some(noted) => noted,
            None => {
                let bytes = connection.unread.as_slice();
                access.raw(connection.served + 1, bytes, sockets, key, core.now())
            }
        };
        noted.answer(status, bytes, core.now());
        noted.reason = Some(reason);
        if !noted.has_id() {
            noted.is_named(id.as_deref());
        }
        access.set_aside(key, connection.output.queued, noted);
    }

    /// The answers that were set aside are with the kernel, or will never be.
    pub(super) fn tell_of_answers(&mut self, core: &Core, key: ConnectionKey, outcome: Outcome) {
        let Some(access) = &mut self.access else {
            return;
        };
        match outcome {
            Outcome::Answered => self.tell_of_waiting(core, key),
            Outcome::Aborted => {
                let cause = access.cause;
                for noted in &mut access.place(key).waiting {
                    noted.abort(core.now(), cause);
                }
            }
        }
    }

    /// Writes the lines of all requests of a connection that wait for that.
    pub(super) fn tell_of_waiting(&mut self, core: &Core, key: ConnectionKey) {
        let Some(access) = &mut self.access else {
            return;
        };
        let waiting = std::mem::take(&mut access.place(key).waiting);
        if waiting.is_empty() {
            return;
        }
        let mut waiting = waiting;
        for noted in waiting.drain(..) {
            self.tell(core, key, noted);
        }
        // Its memory is used again.
        self.with_access(|access| access.place(key).waiting = waiting);
    }

    /// A request that was kept is over.
    pub(super) fn tell_of(
        &mut self,
        core: &Core,
        key: ConnectionKey,
        mut noted: Box<Noted>,
        outcome: Outcome,
    ) {
        match outcome {
            Outcome::Answered => self.tell(core, key, noted),
            Outcome::Aborted => self.with_access(|access| {
                noted.abort(core.now(), access.cause);
                access.place(key).waiting.push(noted);
            }),
        }
    }

    fn tell(&mut self, core: &Core, key: ConnectionKey, noted: Box<Noted>) {
        let Some(access) = &mut self.access else {
            return;
        };
        let lent = Lent {
            core,
            index: self.index,
            key,
            sockets: self.table.sockets(),
            route_name: &|route| self.app.route_name(route),
            log: &self.log,
        };
        access.write(noted, &lent);
    }

    /// A connection leaves this core or is closed: what waits is told of, and its seat is free.
    pub(super) fn leave_access(&mut self, core: &Core, key: ConnectionKey) -> Option<Place> {
        if !self.settings.logs {
            return None;
        }
        self.tell_of_waiting(core, key);
        let access = self.access.as_mut()?;
        place::take(&mut access.places, key)
    }

    /// A connection came from another core.
    pub(super) fn arrive_in_access(&mut self, key: ConnectionKey, place: Option<Box<Place>>) {
        if let Some(place) = place {
            self.with_access(|access| access.place(key).take_on(*place));
        }
    }

    /// The lines of this core have waited long enough.
    pub(super) fn hand_lines_over(&mut self, core: &Core) {
        let Some(access) = &mut self.access else {
            return;
        };
        access.is_timed = false;
        if !access.outlet.hand_over() {
            access.is_timed = true;
            let at = core.now() + HAND_OVER_EVERY;
            core.set_timer(at, Subject::AccessLog.to_key());
        }
    }
}

impl Access {
    /// Notes that bytes came which are no request, or none at all.
    fn raw(
        &mut self,
        request: u32,
        bytes: &[u8],
        sockets: &Sockets,
        key: ConnectionKey,
        now: Moment,
    ) -> Box<Noted> {
        if self.place(key).remote.is_none() {
            self.connections += 1;
            let number = self.connections;
            self.place(key).comes_from(sockets, key, number);
        }
        let mut noted = self.spare.pop().unwrap_or_else(Noted::blank);
        noted.raw(bytes, (request, now));
        noted
    }
}
