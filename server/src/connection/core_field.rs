//! `X-Ringgate-Core`: a request that carries this field, with any value, is told in a field of the same
//! name which core answers it. Asked again on the same socket it shows that a connection has moved.
//!
//! The parsers notice the field ([`crate::http::fields`]). A request with it takes a way of its own
//! through the gate, so that those without it carry nothing along; [`super::write`] calls here for the
//! field. Deliberately not here: refusals of a message that is no request; nobody knows what it asked.

use super::engine::Engine;
use super::key::ConnectionKey;
use super::table::Exchange;
use crate::admission::door::{Entry, Ticket};
use crate::handler::{PlacedParts, Response};
use http::{HeaderName, HeaderValue};
use ringgate_runtime::Core;
use std::rc::Rc;

const CORE_FIELD: HeaderName = HeaderName::from_static("x-ringgate-core");

/// The field for answers of core `index`.
#[cold]
pub(super) fn core_field(index: u32) -> (HeaderName, HeaderValue) {
    (CORE_FIELD, HeaderValue::from(index))
}

/// Adds the field to an answer. One that the handler has set gives way: nothing is said twice.
#[cold]
#[inline(never)]
pub(super) fn tell_core(response: &mut Response, index: u32) {
    response.fields.retain(|(name, _)| *name != CORE_FIELD);
    response.fields.push(core_field(index));
}

impl Engine {
    /// As `admit`, for a request that asks for the core.
    #[cold]
    #[inline(never)]
    pub(super) fn admit_asking(
        &mut self,
        core: &Rc<Core>,
        key: ConnectionKey,
        route: u32,
        gated: bool,
        parts: PlacedParts,
        mut exchange: Exchange,
    ) {
        exchange.asks_core = true;
        let entry = match gated {
            true => self.enter(key, &parts),
            false => Entry::Run(Ticket::free()),
        };
        match entry {
            Entry::Run(ticket) => {
                self.keep(key, exchange);
                self.run_kept(core, key, route, parts, ticket);
            }
            Entry::Refused(reason) => {
                drop(parts);
                self.keep(key, exchange);
                self.reject(core, key, reason);
            }
            Entry::Wait(place) => self.wait(core, key, place, route, parts, exchange),
        }
    }
}
