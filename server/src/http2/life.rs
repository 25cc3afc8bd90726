//! The life of a connection from its preface to its end, as a total function of phase and event (RFC 9113
//! sections 3.4, 5.4.1 and 6.8). `session` holds the [`Phase`], tells it what happened, and writes what an
//! [`Effect`] wants written; the connection code closes. Deliberately not here: streams, bytes, clocks.
//!
//! ```text
//!   Preface ----> Open ----> Announced ----> Leaving ----> Over
//!      |    read    |  drain      |  heard of    ^   the last  ^
//!      |            | or idle     |              |   stream    |
//!      |            +---- the client leaves ---->+             |
//!      |            |             |              |             |
//!      +------------+-------------+--------------+-------------+
//!                            a fault
//! ```
//!
//! A drain says GOAWAY twice: first for no stream in particular, so that requests on their way are still
//! served; and with the last stream once the client has heard of it, which the answer to a PING tells, or after
//! a time. So does the end of an idle connection, whose client may ask for something just then.

/// Where a connection stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub enum Phase {
    /// The client's preface has not come.
    #[default]
    Preface,
    /// Requests are begun.
    Open,
    /// The client was told that this side will leave; requests are still begun.
    Announced,
    /// No request is begun any more; those that were are answered.
    Leaving,
    /// Nothing is read any more. Queued bytes go out.
    Over,
}

/// An event of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Event {
    /// The client's preface and the header of its first frame came.
    PrefaceRead,
    /// The server drains.
    Drain,
    /// The client has heard of the first GOAWAY, or had long enough.
    Heard,
    /// There was no stream for too long.
    Idle,
    /// The client sent GOAWAY.
    PeerLeaves,
    /// There is no stream any more.
    LastStreamEnded,
    /// The client broke the protocol or a budget, or was silent where it must not be.
    Failed,
}

/// An act that follows from an event.
#[must_use]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Effect {
    /// Nothing.
    Nothing,
    /// GOAWAY with the greatest stream there is, and PING.
    Announce,
    /// GOAWAY with the last stream that was begun.
    Leave,
    /// GOAWAY with the fault.
    Accuse,
    /// The event cannot happen in this phase: a mistake of the caller, worth a debug assertion.
    Impossible,
}

impl Phase {
    /// Whether a request may begin.
    #[inline]
    pub const fn may_begin(self) -> bool {
        match self {
            Phase::Open | Phase::Announced => true,
            Phase::Preface | Phase::Leaving | Phase::Over => false,
        }
    }

    /// The next phase and the effect of `event`.
    pub const fn on(self, event: Event) -> (Phase, Effect) {
        match self {
            Phase::Preface => preface(event),
            Phase::Open => open(event),
            Phase::Announced => announced(event),
            Phase::Leaving => leaving(event),
            Phase::Over => (Phase::Over, Effect::Nothing),
        }
    }
}

use Event as E;
use Phase as P;

const ACCUSED: (Phase, Effect) = (P::Over, Effect::Accuse);

const fn preface(event: Event) -> (Phase, Effect) {
    match event {
        E::PrefaceRead => (P::Open, Effect::Nothing),
        // No request was made: there is nothing to wait for.
        E::Drain => (P::Over, Effect::Leave),
        E::Failed => ACCUSED,
        E::Idle | E::Heard | E::PeerLeaves | E::LastStreamEnded => (P::Preface, Effect::Impossible),
    }
}

const fn open(event: Event) -> (Phase, Effect) {
    match event {
        E::Drain | E::Idle => (P::Announced, Effect::Announce),
        // A client that leaves begins nothing more.
        E::PeerLeaves => (P::Leaving, Effect::Leave),
        E::LastStreamEnded => (P::Open, Effect::Nothing),
        E::Failed => ACCUSED,
        E::PrefaceRead | E::Heard => (P::Open, Effect::Impossible),
    }
}

const fn announced(event: Event) -> (Phase, Effect) {
    match event {
        E::Heard | E::PeerLeaves => (P::Leaving, Effect::Leave),
        E::Drain | E::LastStreamEnded => (P::Announced, Effect::Nothing),
        E::Failed => ACCUSED,
        E::PrefaceRead | E::Idle => (P::Announced, Effect::Impossible),
    }
}

const fn leaving(event: Event) -> (Phase, Effect) {
    match event {
        E::LastStreamEnded => (P::Over, Effect::Nothing),
        E::Drain | E::Heard | E::PeerLeaves => (P::Leaving, Effect::Nothing),
        E::Failed => ACCUSED,
        E::PrefaceRead | E::Idle => (P::Leaving, Effect::Impossible),
    }
}
