//! Frames become requests, bodies and ends of them. A request without a body that finds a slot at once and whose
//! handler answers at once is answered here, in the manner of [`straight`](crate::connection::straight): nothing is
//! left of it but bytes of the output. At the first thing that is otherwise the loop is left ([`Left`]).

use super::answers::{Begun, write_answer};
use super::seconds;
use crate::admission::door::Ticket;
use crate::connection::OUTPUT_HIGH_BYTES;
use crate::connection::answer::status_class;
use crate::connection::engine::Engine;
use crate::connection::exchanges::{Exchange, Terms};
use crate::connection::key::{ConnectionKey, ExchangeKey};
use crate::connection::step::{Outcome, Reading};
use crate::connection::table::Unread;
use crate::handler::{Body, Called, HeadBytes, PlacedParts, ReplyTo, Response, Routed};
use crate::http1::exchange::State;
use crate::http1::refusal::Refusal;
use crate::http2::{Arrival, Desk, Fault, StreamId};
use ringgate_runtime::{Core, Moment};
use std::num::NonZeroU32;
use std::rc::Rc;

/// Where the loop was left.
enum Left {
    /// Nothing more can be read now.
    Done,
    /// The same, and a handler was timed from then on.
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
    /// The answer waits for room at the client.
    Unsent(Unsent),
    /// The head is no request that is served.
    Refused(StreamId, Refusal),
    /// The body is larger than it may be.
    TooLarge(ExchangeKey),
    /// The client gave the request up, or broke a rule on its stream.
    Ended(ExchangeKey),
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
        self.keep_date(core);
        loop {
            match self.read_frames(core, key) {
                Left::Done => break,
                Left::Timed(began) => self.first_step_ended(core, began),
                Left::Turned {
                    stream,
                    end,
                    parts,
                    routed,
                } => self.keep_head(core, key, stream, end, parts, routed),
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
                    self.keep_begun(key, unsent, false);
                    self.go_on(core, request, called, answer);
                }
                Left::Unsent(unsent) => self.keep_begun(key, unsent, true),
                Left::Refused(stream, refusal) => {
                    self.refuse_stream(core, key, stream, &refusal, PlacedParts::blank());
                }
                Left::TooLarge(request) => self.refuse_body(core, request),
                Left::Ended(request) => self.end_kept(core, key, request, Outcome::Aborted),
                Left::Failed(fault) => self.count_http2_fault(core, key, fault),
            }
        }
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
        if is_answered && let Some(on) = &mut exchange.on {
            on.is_answered = true;
        }
        self.keep_on_stream(unsent.request, exchange);
    }

    fn read_frames(&mut self, core: &Rc<Core>, key: ConnectionKey) -> Left {
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
        let left = self.go_straight_on_streams(core, key);
        if let Some(connection) = self.table.get(key) {
            let output = &mut connection.output;
            output.queued += output.tail.len() - before;
            output.give_back_unused(&mut self.buffers);
        }
        left
    }

    fn go_straight_on_streams(&mut self, core: &Rc<Core>, key: ConnectionKey) -> Left {
        let settings = &self.settings;
        let stats = &*self.stats;
        let date = self.date.current();
        let seconds = seconds(core);
        let Some((connection, sockets)) = self.table.get_with_sockets(key) else {
            return Left::Done;
        };
        let Some((http2, room)) = self.upgrades.http2_and_room(key) else {
            return Left::Done;
        };
        let queued = connection.output.queued - connection.output.tail.len();
        let mut parts = PlacedParts::open();
        loop {
            if queued + connection.output.tail.len() >= OUTPUT_HIGH_BYTES {
                return Left::Done;
            }
            let bytes = connection.unread.as_slice();
            if bytes.is_empty() {
                return Left::Done;
            }
            let mut desk = Desk {
                limits: &settings.http2,
                seconds,
                room,
                out: &mut connection.output.tail,
            };
            let received = match http2.session.receive(bytes, &mut parts.head, &mut desk) {
                Ok(received) => received,
                Err(fault) => {
                    connection.unread = Unread::None;
                    return Left::Failed(fault);
                }
            };
            let used = received.used;
            let (stream, end) = match received.arrival {
                Arrival::Needs(_) => return Left::Done,
                Arrival::Nothing => {
                    connection.unread.skip(used);
                    continue;
                }
                Arrival::Head {
                    stream, bytes, end, ..
                } => {
                    parts.bytes = HeadBytes::Gathered(bytes);
                    connection.unread.skip(used);
                    (stream, end)
                }
                Arrival::Data { stream, bytes, end } => {
                    let (len, at) = (bytes.len(), place_in(connection.unread.as_slice(), bytes));
                    let request = http2.request_of(stream);
                    let exchange = request.and_then(|request| self.exchanges.get(request));
                    let inflow = exchange
                        .and_then(|exchange| exchange.on.as_mut())
                        .and_then(|on| on.inflow.as_mut());
                    let Some((inflow, request)) = inflow.zip(request) else {
                        http2
                            .session
                            .took(stream, len as u32, &mut connection.output.tail);
                        connection.unread.skip(used);
                        continue;
                    };
                    if len > 0 {
                        connection.unread.skip(at);
                        let piece = connection.unread.split(len).for_handler(core);
                        connection.unread.skip(used - at - len);
                        if !inflow.deliver(piece) {
                            return Left::TooLarge(request);
                        }
                    } else {
                        connection.unread.skip(used);
                    }
                    if end {
                        inflow.complete(None);
                    }
                    continue;
                }
                Arrival::Trailers { stream, fields } => {
                    connection.unread.skip(used);
                    let request = http2.request_of(stream);
                    let exchange = request.and_then(|request| self.exchanges.get(request));
                    if let Some(on) = exchange.and_then(|exchange| exchange.on.as_mut())
                        && let Some(inflow) = &mut on.inflow
                    {
                        inflow.complete(Some(*fields));
                    }
                    continue;
                }
                Arrival::Refused { stream, refusal } => {
                    connection.unread.skip(used);
                    return Left::Refused(stream, refusal);
                }
                Arrival::Ended { stream, .. } => {
                    connection.unread.skip(used);
                    match http2.request_of(stream) {
                        Some(request) => return Left::Ended(request),
                        None => continue,
                    }
                }
            };
            parts.come_from(self.index, key, sockets);
            let routed = self.app.route(&mut parts);
            let goes_straight = settings.goes_straight && end && !parts.head.asks_core;
            let ticket = match routed {
                Routed::Found { gated, .. } if goes_straight => match gated {
                    true => self.door.enter_at_once(),
                    false => Some(Ticket::free()),
                },
                Routed::Found { .. } | Routed::Answer(_) => None,
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
            let request = self.exchanges.name_next();
            connection.begin(stats, &mut parts, request);
            let terms = Terms::of(&parts.head, core.now());
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
            let out = &mut connection.output.tail;
            let begun = write_answer(
                &mut http2.session,
                stream,
                terms.to_head,
                response,
                date,
                seconds,
                out,
            );
            stats.responses[status_class(response)].add(1);
            if response.owns_nothing() {
                // Spares the look at each of its parts.
                std::mem::forget(answer);
            } else {
                Response::let_go(answer);
            }
            debug_assert!(begun.is_ok(), "the request came just now");
            if matches!(begun, Ok(Begun::Waiting)) {
                return Left::Unsent(unsent);
            }
            connection.answered_at_once(terms.began, unsent.ticket);
            if let Some(began) = timed {
                return Left::Timed(began);
            }
            parts = PlacedParts::open();
        }
    }
}

/// Where a part of a slice begins in it.
fn place_in(whole: &[u8], part: &[u8]) -> usize {
    match part.is_empty() {
        true => 0,
        false => part.as_ptr() as usize - whole.as_ptr() as usize,
    }
}
