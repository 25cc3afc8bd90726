//! A request as plain data, and the table of the requests that a core keeps: those that are not answered
//! at once. A request has a name of its own, whatever connection it came on, and answers, attention and
//! the gate's verdicts are addressed to that name.
//!
//! Filled by `admit.rs` and `straight.rs`, emptied by `step.rs`.

use super::access::Noted;
use super::key::{ConnectionKey, ExchangeKey};
use super::rate::Pace;
use super::upgraded::{Inflow, Spoken};
use crate::admission::door::{AddressPlace, Ticket};
use crate::admission::ledger::Reason;
use crate::admission::queue::Place;
use crate::handler::{BodyCell, PlacedParts, Routed};
use crate::http1::body::BodyDecoder;
use crate::http1::head::Head;
use crate::http2::StreamId;
use crate::observe::metrics::{NO_ROUTE, Tally};
use http::{Method, StatusCode, Version};
use ringgate_runtime::Moment;
use ringgate_runtime::task::TaskId;
use ringgate_runtime::timer::TimerId;
use std::rc::Rc;

/// The terms that a request's head sets for its answer.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Terms {
    /// Whether it is the answer to a HEAD.
    pub(crate) to_head: bool,
    pub(crate) version: Version,
    pub(crate) keep_alive: bool,
    pub(crate) began: Moment,
}

impl Terms {
    #[inline]
    pub(crate) fn of(head: &Head, began: Moment) -> Terms {
        Terms {
            to_head: head.method == Method::HEAD,
            version: head.version,
            keep_alive: head.keep_alive,
            began,
        }
    }

    /// The terms of a request that was answered elsewhere, with another protocol behind the answer.
    pub(crate) fn switched(began: Moment) -> Terms {
        Terms {
            to_head: false,
            version: Version::HTTP_2,
            keep_alive: true,
            began,
        }
    }
}

/// The body of a request, while it arrives.
pub(crate) struct Upload {
    pub(crate) decoder: Box<BodyDecoder>,
    /// The cell that the handler reads the body from.
    pub(crate) cell: Rc<BodyCell>,
    /// The client waits for `100 Continue`, which nobody has sent.
    pub(crate) awaits_continue: bool,
    pub(crate) pace: Pace,
}

/// The place of a request on a connection of HTTP/2.
pub(crate) struct OnStream {
    pub(crate) id: StreamId,
    /// The body of the request, unless its head was all of it.
    pub(crate) inflow: Option<Inflow>,
    /// The protocol that the client asked for by CONNECT: before the answer, bytes of it that came early.
    pub(crate) spoken: Option<Box<Spoken>>,
    /// Whether that has begun, so that the request is counted as answered.
    pub(crate) is_switched: bool,
    /// Whether the whole answer is with the session.
    pub(crate) is_answered: bool,
}

/// One request, from its head to the end of its answer. A request that is answered at once needs none.
pub(crate) struct Exchange {
    /// The connection that it came on.
    pub(crate) of: ConnectionKey,
    /// The stream of that, where a connection has several requests at a time.
    pub(crate) on: Option<OnStream>,
    pub(crate) terms: Terms,
    /// The request, until it goes to the gate.
    pub(crate) asked: Option<Asked>,
    /// None if its head was all of it.
    pub(crate) upload: Option<Upload>,
    /// The route whose handler runs.
    pub(crate) route: u32,
    /// The route that the answer is counted for, a handler of it or not; `NO_ROUTE` without one.
    pub(crate) counted_for: u32,
    pub(crate) task: Option<TaskId>,
    /// The slot that it holds at the gate.
    pub(crate) ticket: Ticket,
    /// Place of the request among those of its client's address, if these are limited.
    pub(crate) address: Option<AddressPlace>,
    /// Why the gate refused the request, if it did and the connection goes on.
    pub(crate) rejected: Option<Reason>,
    /// Whether its handler gave the slot back and goes on.
    pub(crate) detached: bool,
    /// The part of the request that waits at the gate.
    pub(crate) waiting: Option<Box<Waiting>>,
    /// The body of the answer, while it streams.
    pub(crate) stream: Option<Streaming>,
    /// The client asks which core answers.
    pub(crate) asks_core: bool,
    /// The request once more, for what the application has around a refusal of its body.
    pub(crate) seen: Option<PlacedParts>,
    /// The note on it for the access log.
    pub(super) noted: Option<Box<Noted>>,
}

impl Exchange {
    pub(crate) fn new(of: ConnectionKey, terms: Terms, upload: Option<Upload>) -> Exchange {
        Exchange {
            of,
            on: None,
            terms,
            asked: None,
            upload,
            route: 0,
            counted_for: NO_ROUTE,
            task: None,
            ticket: Ticket::free(),
            address: None,
            rejected: None,
            detached: false,
            waiting: None,
            stream: None,
            asks_core: false,
            seen: None,
            noted: None,
        }
    }

    /// The same on a stream of HTTP/2.
    pub(crate) fn on_stream(of: ConnectionKey, terms: Terms, id: StreamId) -> Exchange {
        let mut exchange = Exchange::new(of, terms, None);
        exchange.on = Some(OnStream {
            id,
            inflow: None,
            spoken: None,
            is_switched: false,
            is_answered: false,
        });
        exchange
    }

    /// The count that an answer of this status belongs to.
    pub(crate) fn tally(&self, status: StatusCode) -> Tally {
        Tally {
            route: self.counted_for,
            status: status.as_u16(),
        }
    }

    /// The protocol that is spoken, or is to be, on its stream.
    pub(crate) fn spoken(&mut self) -> Option<&mut Spoken> {
        self.on.as_mut()?.spoken.as_deref_mut()
    }
}

/// A request with its place in the application.
pub(crate) struct Asked {
    pub(crate) parts: PlacedParts,
    pub(crate) routed: Routed,
}

/// A request that waits at the gate.
pub(crate) struct Waiting {
    pub(crate) place: Place,
    /// When it stops waiting.
    pub(crate) timer: Option<TimerId>,
    pub(crate) route: u32,
    pub(crate) parts: PlacedParts,
    pub(crate) since: Moment,
}

/// An answer on its way piece by piece.
pub(crate) struct Streaming {
    pub(crate) outlet: Rc<super::stream::Outlet>,
    pub(crate) task: TaskId,
    /// Bytes still to come of a body with Content-Length.
    pub(crate) left: Option<u64>,
    pub(crate) chunked: bool,
    /// Bytes of the answer that were queued so far, its head among them.
    pub(crate) queued: usize,
    /// The count it belongs to when the stream ends: until then it may become a 500.
    pub(crate) tally: Tally,
    pub(crate) after: crate::http1::exchange::After,
}

#[expect(
    clippy::large_enum_variant,
    reason = "the seats are used again, and a box would be one allocation a request"
)]
enum Seat {
    Taken(ExchangeKey, Exchange),
    Free(u32),
}

/// The requests that a core keeps.
pub(super) struct Exchanges {
    seats: Vec<Seat>,
    /// The seat that the next request gets: one that is free, or one behind the last.
    free: u32,
    /// The number of the last request of this core.
    serial: u32,
}

impl Exchanges {
    pub(super) const fn new() -> Exchanges {
        Exchanges {
            seats: Vec::new(),
            free: 0,
            serial: 0,
        }
    }

    /// Names the next request of the core, which may be kept under that name as long as no other was
    /// kept meanwhile. No two requests have one name, kept or not, within 2^24 of them.
    #[inline]
    pub(super) fn name_next(&mut self) -> ExchangeKey {
        self.serial = self.serial.wrapping_add(1);
        ExchangeKey::new(self.free, self.serial)
    }

    /// Keeps a request under the name that it was given just now.
    ///
    /// # Panics
    /// If another request was kept since.
    pub(super) fn insert(&mut self, key: ExchangeKey, exchange: Exchange) {
        let seat = Seat::Taken(key, exchange);
        let slot = key.slot() as usize;
        match self.seats.get_mut(slot) {
            None => {
                assert_eq!(slot, self.seats.len(), "a request is kept when it is named");
                self.seats.push(seat);
                self.free = self.seats.len() as u32;
            }
            Some(place) => match std::mem::replace(place, seat) {
                Seat::Free(next) => self.free = next,
                Seat::Taken(..) => unreachable!("a request is kept when it is named"),
            },
        }
    }

    #[inline]
    pub(super) fn get(&mut self, key: ExchangeKey) -> Option<&mut Exchange> {
        match self.seats.get_mut(key.slot() as usize) {
            Some(Seat::Taken(tenant, exchange)) if *tenant == key => Some(exchange),
            _ => None,
        }
    }

    pub(super) fn remove(&mut self, key: ExchangeKey) -> Option<Exchange> {
        self.get(key)?;
        let free = std::mem::replace(&mut self.free, key.slot());
        match std::mem::replace(&mut self.seats[key.slot() as usize], Seat::Free(free)) {
            Seat::Taken(_, exchange) => Some(exchange),
            Seat::Free(_) => None,
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Exchange> {
        self.seats.iter().filter_map(|seat| match seat {
            Seat::Taken(_, exchange) => Some(exchange),
            Seat::Free(_) => None,
        })
    }

    /// The requests that wait at the gate.
    pub(super) fn waiting(&self) -> impl Iterator<Item = ExchangeKey> {
        self.seats.iter().filter_map(|seat| match seat {
            Seat::Taken(key, exchange) if exchange.waiting.is_some() => Some(*key),
            Seat::Taken(..) | Seat::Free(_) => None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exchange() -> Exchange {
        let terms = Terms {
            to_head: false,
            version: Version::HTTP_11,
            keep_alive: true,
            began: Moment::default(),
        };
        Exchange::new(ConnectionKey::new(0, 0), terms, None)
    }

    #[test]
    fn the_name_of_a_request_that_is_over_means_no_other_in_its_place() {
        let mut exchanges = Exchanges::new();
        let first = exchanges.name_next();
        exchanges.insert(first, exchange());
        assert!(exchanges.remove(first).is_some());
        let second = exchanges.name_next();
        exchanges.insert(second, exchange());
        assert_eq!(first.slot(), second.slot());
        assert!(exchanges.get(first).is_none() && exchanges.remove(first).is_none());
        assert!(exchanges.get(second).is_some());
    }

    #[test]
    fn a_request_that_was_named_and_not_kept_shares_its_name_with_none() {
        let mut exchanges = Exchanges::new();
        let answered_at_once = exchanges.name_next();
        let kept = exchanges.name_next();
        exchanges.insert(kept, exchange());
        assert_ne!(answered_at_once, kept);
        assert!(exchanges.get(answered_at_once).is_none());
    }
}
