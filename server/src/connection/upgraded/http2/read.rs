//! Frames become requests, bodies and ends of them. A request without a body that finds a slot at once and whose
//! handler answers at once is answered here, in the manner of [`straight`](crate::connection::straight): nothing is
//! left of it but bytes of the output. At the first thing that is otherwise the loop is left ([`Left`]).

use super::answers::{Begun, write_answer};
use super::{Inflow, Multiplexed, seconds};
use crate::admission::door::Ticket;
use crate::connection::OUTPUT_HIGH_BYTES;
use crate::connection::callers;
use crate::connection::engine::Engine;
use crate::connection::exchanges::{Exchange, Exchanges, Terms};
use crate::connection::key::{ConnectionKey, ExchangeKey};
use crate::connection::rate::Rate;
use crate::connection::step::{Outcome, Reading};
use crate::connection::table::{Connection, Unread};
use crate::handler::{
    Body, Called, Chunk, HeadBytes, PlacedParts, ReplyTo, RequestBody, Response, Routed,
};
use crate::http1::date::Date;
use crate::http1::exchange::State;
use crate::http1::refusal::Refusal;
use crate::http2::frame::{self, Flags, HEADER_SIZE_BYTES, Kind};
use crate::http2::{
    Arrival, Budget, Desk, End, ErrorCode, Fault, Gone, Limits, Received, Room, StreamId,
};
use crate::observe::metrics::Tally;
use http::{Method, StatusCode};
use ringgate_runtime::{Core, Moment};
use std::num::NonZeroU32;
use std::ops::Range;
use std::rc::Rc;

/// Bytes of fields that take as long as a small frame.
const BYTES_A_UNIT: usize = 128;
/// Trailers are fields of a map.
const UNITS_OF_TRAILERS: u32 = 4;
/// An answer that is made for what is no request.
const UNITS_OF_REFUSAL: u32 = 16;
/// The end of a request that was begun for nothing, with its handler.
const UNITS_OF_END: u32 = 16;

/// A request that is kept, since its body is still to come, its handler waits, or its answer has no room.
const UNITS_OF_KEPT: u32 = 4;

/// Where the loop was left.
enum Left {
    /// Nothing more can be read now.
    Done,
    /// More is there, and is to be read in a later turn.
    Spent,
    /// The next head may follow, and a handler was timed from then on.
    Timed(Moment),
    /// The request is to be kept: its body follows, it asks something of the core, or it does not find a slot at
    /// once.
    Turned {
        stream: StreamId,
        end: bool,
        parts: PlacedParts,
        routed: Routed,
    },
    /// The handler of the request waits, panicked, or answers piece by piece.
    Unanswered(Box<Unanswered>),
    /// The answer waits for room at the client; the handler may have been timed from then on.
    Unsent(Unsent, Option<Moment>),
    /// The head is no request that is served; it may exceed a budget.
    Refused(StreamId, Refusal, Option<Budget>),
    /// The body is larger than it may be.
    TooLarge(ExchangeKey),
    /// The body comes more slowly than it has to.
    TooSlow(ExchangeKey),
    /// Bytes of another protocol came.
    Heard(ExchangeKey),
    /// The client gave the request up that is kept, or its stream was ended or refused for a fault of its.
    Ended(Option<ExchangeKey>, Option<Fault>),
    /// The client broke a rule or a budget of the connection.
    Failed(Fault),
}

/// A request whose handler began and has not given the whole answer.
struct Unanswered {
    unsent: Unsent,
    called: Called,
    answer: Option<Response>,
    timed: Option<Moment>,
}

/// A request that is to be kept after its handler ran.
struct Unsent {
    stream: StreamId,
    request: ExchangeKey,
    terms: Terms,
    ticket: Ticket,
}

impl Engine {
    /// Reads the frames that are there, as long as their answers find room.
    pub(in crate::connection::upgraded) fn read_http2(
        &mut self,
        core: &Rc<Core>,
        key: ConnectionKey,
    ) -> Reading {
        let Some(units) = self.units(core, key) else {
            return Reading::Done;
        };
        self.keep_date(core);
        if self.upgrades.http2(key).is_some_and(|h| h.held.is_some()) {
            self.read_further(key);
        }
        let mut left = units;
        loop {
            match self.read_frames(core, key, &mut left) {
                Left::Done => break,
                Left::Spent => {
                    self.leave_rest(key);
                    break;
                }
                Left::Timed(began) => self.first_step_ended(core, began),
                Left::Turned {
                    stream,
                    end,
                    parts,
                    routed,
                } => {
                    left = left.saturating_sub(UNITS_OF_KEPT);
                    self.keep_head(core, key, stream, end, parts, routed);
                }
                Left::Unanswered(begun) => {
                    let Unanswered {
                        unsent,
                        called,
                        answer,
                        timed,
                    } = *begun;
                    if let Some(began) = timed {
                        self.first_step_ended(core, began);
                    }
                    let request = unsent.request;
                    left = left.saturating_sub(UNITS_OF_KEPT);
                    self.keep_begun(key, unsent, false);
                    self.go_on(core, request, called, answer);
                }
                Left::Unsent(unsent, timed) => {
                    if let Some(began) = timed {
                        self.first_step_ended(core, began);
                    }
                    left = left.saturating_sub(UNITS_OF_KEPT);
                    self.keep_begun(key, unsent, true);
                }
                Left::Refused(stream, refusal, exceeded) => {
                    if let Some(budget) = exceeded {
                        self.stats.http2_faults[Fault::calm(budget).reason()].add(1);
                    }
                    self.stats.http2_streams.add(1);
                    self.refuse_stream(core, key, stream, &refusal, PlacedParts::blank());
                }
                Left::TooLarge(request) => self.refuse_body(core, request),
                Left::TooSlow(request) => self.end_slow_body(core, request),
                Left::Heard(request) => self.hear_stream(core, request),
                Left::Ended(request, fault) => {
                    match fault {
                        Some(fault) if fault.budget.is_some() => {
                            self.stats.http2_faults[fault.reason()].add(1);
                        }
                        // Malformed (RFC 9113 section 8.1.1): in HTTP/1.1 it would have been told so by a status.
                        Some(fault) if fault.code == ErrorCode::PROTOCOL_ERROR => {
                            self.stats.refused(StatusCode::BAD_REQUEST.as_u16());
                        }
                        Some(_) | None => {}
                    }
                    if let Some(request) = request {
                        self.end_kept(core, key, request, Outcome::Aborted);
                    }
                }
                Left::Failed(fault) => self.end_faulty(core, key, fault),
            }
        }
        self.spend_units(units - left);
        self.hold(core, key);
        if self.is_to_end(key) {
            self.drain_http2(core, key);
        } else {
            self.settle_http2(core, key);
        }
        match self.state_of(key) {
            Some(State::Upgraded(_)) | None => Reading::Done,
            Some(_) => Reading::Again,
        }
    }

    /// Whether the client is to open another connection for what it asks next: this one carried as many requests
    /// as it may, its keys are worn out, or the server drains. A core that leaves takes it along.
    fn is_to_end(&mut self, key: ConnectionKey) -> bool {
        let most = self.settings.served_max.map_or(u32::MAX, NonZeroU32::get);
        let is_draining = self.is_draining();
        self.table.get(key).is_some_and(|connection| {
            is_draining || connection.served >= most || connection.transport.is_worn()
        })
    }

    fn keep_begun(&mut self, key: ConnectionKey, unsent: Unsent, is_answered: bool) {
        let mut exchange = Exchange::on_stream(key, unsent.terms, unsent.stream);
        exchange.ticket = unsent.ticket;
        exchange.counted_for = self.watch.last();
        exchange.noted = self.take_noted();
        if is_answered && let Some(on) = &mut exchange.on {
            on.is_answered = true;
        }
        self.keep_on_stream(unsent.request, exchange);
    }

    fn read_frames(&mut self, core: &Rc<Core>, key: ConnectionKey, units: &mut u32) -> Left {
        let Some(connection) = self.table.get(key) else {
            return Left::Done;
        };
        let is_flushed = connection.is_flushed();
        let output = &mut connection.output;
        output.gather(&mut self.buffers);
        let before = output.tail.len();
        if is_flushed && let Some(http2) = self.upgrades.http2(key) {
            http2.session.flushed();
        }
        let left = self.go_straight_on_streams(core, key, units);
        if let Some(connection) = self.table.get(key) {
            let output = &mut connection.output;
            output.queued += output.tail.len() - before;
            output.give_back_unused(&mut self.buffers);
        }
        left
    }

    fn go_straight_on_streams(
        &mut self,
        core: &Rc<Core>,
        key: ConnectionKey,
        units: &mut u32,
    ) -> Left {
        let settings = &self.settings;
        let stats = &*self.stats;
        let date = self.date.current();
        let Some((connection, sockets)) = self.table.get_with_sockets(key) else {
            return Left::Done;
        };
        let Some((http2, room)) = self.upgrades.http2_and_room(key) else {
            return Left::Done;
        };
        let mut reader = Reader {
            core,
            before: connection.output.queued - connection.output.tail.len(),
            connection,
            http2,
            exchanges: &mut self.exchanges,
            limits: &settings.http2,
            least: settings.body_rate_min,
            room,
            seconds: seconds(core),
            units,
        };
        loop {
            let mut parts = PlacedParts::open();
            let (stream, mut end) = match reader.next_head(&mut parts) {
                Ok(head) => head,
                Err(left) => return left,
            };
            stats.http2_streams.add(1);
            parts.come_from(self.index, key, sockets);
            let mut routed = self.app.route(&mut parts);
            if settings.keeps_rates
                && let Routed::Found { route, gated: true } = routed
                && let Some(rates) = self.door.rates()
                && let Err(seconds) = callers::hear(rates, &parts, sockets, core.now())
            {
                routed = Routed::TooSoon { route, seconds };
            }
            if !end
                && settings.goes_straight
                && let Routed::Found { route, .. } = routed
            {
                let limit = self.app.options(route).body_size;
                match reader.take_body(stream, limit.unwrap_or(settings.body_size), &mut parts) {
                    Ok(is_taken) => end = is_taken,
                    Err(Some(left)) => return left,
                    Err(None) => continue,
                }
            }
            let goes_straight = settings.goes_straight && end && !parts.head.asks_core;
            let ticket = match routed {
                Routed::Found { gated, .. } if goes_straight => match gated {
                    true => self.door.enter_at_once(),
                    false => Some(Ticket::free()),
                },
                Routed::Found { .. } | Routed::TooSoon { .. } | Routed::Answer(_) => None,
            };
            let (Some(ticket), Routed::Found { route, .. }) = (ticket, &routed) else {
                return Left::Turned {
                    stream,
                    end,
                    parts,
                    routed,
                };
            };
            let route = *route;
            let request = reader.exchanges.name_next();
            reader.connection.begin(stats, &mut parts, request);
            let terms = Terms::of(&parts.head, core.now());
            if settings.logs
                && let Some(access) = &mut self.access
            {
                let to = (route, Some(stream.0));
                let served = reader.connection.served;
                access.note_straight(core, &*self.app, &mut parts, sockets, served, to);
            }
            let timed = self.watch.begin(core, route);
            let reply = ReplyTo {
                finished: &self.finished,
                request,
            };
            let mut answer = None;
            let called = self.app.call(core, route, parts, &reply, &mut answer);
            let unsent = Unsent {
                stream,
                request,
                terms,
                ticket,
            };
            let Some(response) = answer.as_mut().filter(|response| {
                matches!(response.body, Body::Empty | Body::Chunk(_)) && !response.close
            }) else {
                return Left::Unanswered(Box::new(Unanswered {
                    unsent,
                    called,
                    answer,
                    timed,
                }));
            };
            if settings.logs
                && let Some(access) = &mut self.access
            {
                access.answer_current(&terms, response, core.now());
            }
            let begun = reader.answer(stream, terms.to_head, response, date);
            let status = response.status.as_u16();
            stats.answer(&self.routes, Tally { route, status });
            if response.owns_nothing() {
                // Spares the look at each of its parts.
                std::mem::forget(answer);
            } else {
                Response::let_go(answer);
            }
            debug_assert!(begun.is_ok(), "the request came just now");
            if matches!(begun, Ok(Begun::Waiting)) {
                return Left::Unsent(unsent, timed);
            }
            if settings.logs
                && let Some(access) = &mut self.access
            {
                access.set_current_aside(key, reader.queued());
            }
            let Unsent { terms, ticket, .. } = unsent;
            reader.connection.answered_at_once(terms.began, ticket);
            if let Some(began) = timed {
                return Left::Timed(began);
            }
        }
    }
}

/// A connection while its frames are read, and what it needs for that.
struct Reader<'r> {
    core: &'r Core,
    connection: &'r mut Connection,
    http2: &'r mut Multiplexed,
    exchanges: &'r mut Exchanges,
    limits: &'r Limits,
    /// The least rate of a body.
    least: Option<Rate>,
    room: &'r mut Room,
    seconds: u32,
    /// Units of the connection's part of this turn that are left.
    units: &'r mut u32,
    /// Bytes of the output before those gathered in its tail.
    before: usize,
}

impl Reader<'_> {
    /// Bytes of the output that wait for the kernel.
    fn queued(&self) -> usize {
        self.before + self.connection.output.tail.len()
    }

    /// Reads up to the end of the next head. Frames before it go to the streams that they belong to.
    #[inline]
    fn next_head(&mut self, parts: &mut PlacedParts) -> Result<(StreamId, bool), Left> {
        loop {
            let connection = &mut *self.connection;
            let bytes = connection.unread.as_slice();
            let is_full = self.before + connection.output.tail.len() >= OUTPUT_HIGH_BYTES;
            if bytes.is_empty() || is_full {
                return Err(Left::Done);
            }
            if *self.units == 0 {
                return Err(Left::Spent);
            }
            let mut desk = Desk {
                limits: self.limits,
                seconds: self.seconds,
                room: self.room,
                out: &mut connection.output.tail,
            };
            let session = &mut self.http2.session;
            let received = match session.receive(bytes, &mut parts.head, &mut desk) {
                Ok(received) => received,
                Err(fault) => {
                    connection.unread = Unread::None;
                    return Err(Left::Failed(fault));
                }
            };
            let used = received.used;
            *self.units = self.units.saturating_sub(units_of(&received));
            match received.arrival {
                Arrival::Needs(_) => return Err(Left::Done),
                Arrival::Nothing => connection.unread.skip(used),
                Arrival::Head {
                    stream,
                    bytes,
                    end,
                    protocol,
                } => {
                    parts.bytes = HeadBytes::Gathered(bytes);
                    if protocol.is_some() {
                        parts.protocol = protocol;
                        parts.has_more = true;
                    }
                    connection.unread.skip(used);
                    return Ok((stream, end));
                }
                Arrival::Data { stream, bytes, end } => {
                    let place = place_in(bytes, connection.unread.as_slice());
                    self.on_data(stream, place, used, end)?;
                }
                Arrival::Trailers { stream, fields } => {
                    connection.unread.skip(used);
                    if let Some((inflow, ..)) = self.inflow_of(stream) {
                        inflow.complete(Some(*fields));
                    }
                }
                Arrival::Refused {
                    stream,
                    refusal,
                    exceeded,
                } => {
                    connection.unread.skip(used);
                    return Err(Left::Refused(stream, refusal, exceeded));
                }
                Arrival::Ended { stream, why } => {
                    connection.unread.skip(used);
                    let request = self.http2.request_of(stream);
                    let fault = match why {
                        End::Broken(fault) => Some(fault),
                        End::Cancelled(_) => None,
                    };
                    if request.is_some() || fault.is_some() {
                        return Err(Left::Ended(request, fault));
                    }
                }
            }
        }
    }

    /// The body of a request that is kept, as far as it came, if its handler may still read of it; and whether the
    /// request waits at the gate.
    fn inflow_of(&mut self, stream: StreamId) -> Option<(&mut Inflow, ExchangeKey, bool)> {
        let request = self.http2.request_of(stream)?;
        let exchange = self.exchanges.get(request)?;
        let waits = exchange.waiting.is_some();
        let on = exchange.on.as_mut()?;
        let inflow = on.inflow.as_mut().filter(|_| !on.is_answered)?;
        inflow.is_wanted().then_some((inflow, request, waits))
    }

    /// Payload is there, in this place of the next `used` bytes.
    fn on_data(
        &mut self,
        stream: StreamId,
        place: Range<usize>,
        used: usize,
        end: bool,
    ) -> Result<(), Left> {
        if self.http2.spoken > 0
            && let Some(request) = self.http2.request_of(stream)
            && let Some(exchange) = self.exchanges.get(request)
            && let waits = exchange.waiting.is_some()
            && let Some(spoken) = exchange.spoken()
        {
            let unread = &mut self.connection.unread;
            unread.skip(place.start);
            spoken.receive(unread.split(place.len()), end, self.seconds);
            unread.skip(used - place.end);
            if waits {
                let passed_over = spoken.pass_over();
                let out = &mut self.connection.output.tail;
                self.http2
                    .session
                    .passed_over(passed_over, self.seconds, out);
            }
            return Err(Left::Heard(request));
        }
        let piece = self.cut(place, used);
        let len = piece.len() as u32;
        let judged = self.least.map(|least| {
            let may_go_on = self.http2.session.may_be_sent(stream);
            (least, self.core.now(), may_go_on)
        });
        let Some((inflow, request, waits)) = self.inflow_of(stream) else {
            // Nobody reads it: its client is given no room for more on that stream.
            let out = &mut self.connection.output.tail;
            self.http2.session.passed_over(len, self.seconds, out);
            return Ok(());
        };
        let is_slow = judged.is_some_and(|(least, now, _)| inflow.pace.is_slower_than(least, now));
        if len > 0 && !inflow.deliver(piece) {
            return Err(Left::TooLarge(request));
        }
        if is_slow {
            return Err(Left::TooSlow(request));
        }
        if let Some((_, _, false)) = judged {
            inflow.pace.pause();
        }
        if end {
            inflow.complete(None);
        }
        if waits {
            let passed_over = inflow.pass_over();
            let out = &mut self.connection.output.tail;
            self.http2
                .session
                .passed_over(passed_over, self.seconds, out);
        }
        Ok(())
    }

    /// Takes payload out of the next `used` bytes.
    fn cut(&mut self, place: Range<usize>, used: usize) -> Chunk {
        let unread = &mut self.connection.unread;
        if place.is_empty() {
            unread.skip(used);
            return Chunk::Static(&[]);
        }
        unread.skip(place.start);
        let piece = unread.split(place.len()).for_handler(self.core);
        unread.skip(used - place.end);
        piece
    }

    /// Takes the body of a request along with its head, if that is the one frame that comes next and no larger than
    /// it may be: nobody waits for it then. False if the request is to be kept.
    ///
    /// # Errors
    /// The loop is left, or without a reason, the stream is over.
    fn take_body(
        &mut self,
        stream: StreamId,
        limit: Option<u64>,
        parts: &mut PlacedParts,
    ) -> Result<bool, Option<Left>> {
        let unread = self.connection.unread.as_slice();
        let is_tunnel = parts.head.method == Method::CONNECT;
        if !ends_with(unread, stream, limit) || parts.head.expect_continue || is_tunnel {
            return Ok(false);
        }
        let mut desk = Desk {
            limits: self.limits,
            seconds: self.seconds,
            room: self.room,
            out: &mut self.connection.output.tail,
        };
        let session = &mut self.http2.session;
        let received = match session.receive(unread, &mut parts.head, &mut desk) {
            Ok(received) => received,
            Err(fault) => {
                self.connection.unread = Unread::None;
                return Err(Some(Left::Failed(fault)));
            }
        };
        let used = received.used;
        let bytes = match received.arrival {
            Arrival::Data { bytes, .. } => bytes,
            arrival => {
                // It is not as long as was announced.
                let fault = match arrival {
                    Arrival::Ended { why, .. } => Some(why),
                    _ => None,
                };
                self.connection.unread.skip(used);
                return Err(match fault {
                    Some(End::Broken(fault)) => Some(Left::Ended(None, Some(fault))),
                    _ => None,
                });
            }
        };
        let place = place_in(bytes, unread);
        let piece = self.cut(place, used);
        let out = &mut self.connection.output.tail;
        self.http2
            .session
            .took(stream, piece.len() as u32, self.seconds, out);
        parts.has_more = true;
        parts.body = RequestBody::whole(piece);
        Ok(true)
    }

    fn answer(
        &mut self,
        stream: StreamId,
        to_head: bool,
        response: &mut Response,
        date: &Date,
    ) -> Result<Begun, Gone> {
        let session = &mut self.http2.session;
        let out = &mut self.connection.output.tail;
        write_answer(session, stream, to_head, response, date, self.seconds, out)
    }
}

/// The units of work ([`share`](crate::connection::share)) that a frame takes, by and large: what it means, and its bytes
/// where they are looked at. A request that is answered at once is served for nothing.
#[inline]
fn units_of(received: &Received<'_>) -> u32 {
    let bytes = (received.used / BYTES_A_UNIT) as u32;
    match received.arrival {
        Arrival::Head { .. } => bytes,
        Arrival::Data { .. } => 1,
        Arrival::Nothing => 1 + bytes,
        Arrival::Needs(_) => 0,
        Arrival::Trailers { .. } => UNITS_OF_TRAILERS + bytes,
        Arrival::Refused { .. } => UNITS_OF_REFUSAL + bytes,
        Arrival::Ended { .. } => UNITS_OF_END + bytes,
    }
}

/// Whether a request whose head was read ends with the one frame that comes next, which is there as a whole and no
/// larger than a body may be.
fn ends_with(unread: &[u8], stream: StreamId, limit: Option<u64>) -> bool {
    let Ok(Some(next)) = frame::read_header(unread) else {
        return false;
    };
    let size = next.length as usize;
    next.kind == Kind::Data
        && next.stream == stream
        && next.flags.has(Flags::END_STREAM)
        && HEADER_SIZE_BYTES + size <= unread.len()
        && limit.is_none_or(|limit| size as u64 <= limit)
}

/// Where a part of a slice lies in it.
fn place_in(part: &[u8], whole: &[u8]) -> Range<usize> {
    let from = match part.is_empty() {
        true => 0,
        false => part.as_ptr() as usize - whole.as_ptr() as usize,
    };
    from..from + part.len()
}
