//! The protocol spoken on a connection, and where the conversation stands. A state is private to this file: it
//! changes by [`Wire::on`] alone, and what a change demands comes back as an effect, which
//! [`super::step`] performs.
//!
//! The states and events of HTTP/1.1 are explained in [`crate::http1::exchange`]; a protocol that a request changes
//! to is one state more of it ([`super::upgraded`]). One that begins otherwise is another variant, which every
//! `match` has to answer for.

use crate::http1::exchange::{Effect, Event, State};
use crate::http1::upgraded::Phase;

/// The conversation of one connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wire {
    /// HTTP/1.0 and HTTP/1.1: one request after the other.
    Http1(Http1),
}

/// The conversation in HTTP/1.1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Http1 {
    state: State,
}

impl Http1 {
    #[inline(always)]
    fn on(&mut self, event: Event) -> Effect {
        let (state, effect) = self.state.on(event);
        debug_assert!(
            effect != Effect::Impossible,
            "{event:?} in {:?}",
            self.state
        );
        self.state = state;
        effect
    }
}

impl Wire {
    /// A connection between two requests; `in_head`: the front of the next head is there.
    pub(crate) const fn between_requests(in_head: bool) -> Wire {
        let state = match in_head {
            true => State::Head,
            false => State::Idle,
        };
        Wire::Http1(Http1 { state })
    }

    /// A connection on which another protocol is spoken.
    pub(crate) const fn upgraded(phase: Phase) -> Wire {
        Wire::Http1(Http1 {
            state: State::Upgraded(phase),
        })
    }

    /// Where the conversation stands.
    #[inline]
    pub(crate) const fn state(self) -> State {
        match self {
            Wire::Http1(http1) => http1.state,
        }
    }

    /// Tells the conversation what happened; the effect is what its caller has to have performed.
    #[inline(always)]
    pub(crate) fn on(&mut self, event: Event) -> Effect {
        match self {
            Wire::Http1(http1) => http1.on(event),
        }
    }

    /// Whether all that it knows of its connection is plain data, which can go to another core between
    /// two requests.
    #[inline]
    pub(crate) const fn is_plain_data(self) -> bool {
        match self {
            Wire::Http1(_) => true,
        }
    }
}
