//! Where the conversation on a connection stands. The state is private to this file: it changes by [`Wire::on`] alone,
//! and what a change demands comes back as an effect, which [`super::step`] performs.
//!
//! States and events are explained in [`crate::http1::exchange`]; whatever else is spoken on a connection is one state
//! more of it ([`super::upgraded`]).

use crate::http1::exchange::{Effect, Event, State};
use crate::http1::upgraded::Phase;
use crate::visited::{self, Cell};

/// The conversation of one connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Wire {
    state: State,
}

impl Wire {
    /// A connection between two requests; `in_head`: the front of the next head is there.
    pub(crate) const fn between_requests(in_head: bool) -> Wire {
        let state = match in_head {
            true => State::Head,
            false => State::Idle,
        };
        Wire { state }
    }

    /// A connection on which another protocol is spoken.
    pub(crate) const fn upgraded(phase: Phase) -> Wire {
        let state = State::Upgraded(phase);
        Wire { state }
    }

    /// Where the conversation stands.
    #[inline]
    pub(crate) const fn state(self) -> State {
        self.state
    }

    /// Tells the conversation what happened; the effect is what its caller has to have performed.
    #[inline(always)]
    pub(crate) fn on(&mut self, event: Event) -> Effect {
        visited::note(Cell::Exchange(self.state, event));
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
