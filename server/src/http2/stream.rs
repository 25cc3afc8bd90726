//! The life of a stream as a server sees it, as a total function of state and event (RFC 9113 section 5.1).
//! `session` holds the [`State`] of each open stream, tells it what came and what was sent, and performs the
//! [`Effect`]. Deliberately not here: windows, fields, and which streams there are.
//!
//! ```text
//!                                 Idle
//!                                  |
//!              HEADERS             |      HEADERS with END_STREAM
//!        +-------------------------+---------------------+
//!        v                                               v
//!      Open -------- END_STREAM, trailers ------> HalfClosedRemote
//!        |                                               |
//!        | answered                                      | answered
//!        v                                               v
//!  HalfClosedLocal --- END_STREAM, trailers ----------> Ended
//!
//!  from every state but Idle and Ended: a reset of the client -> Ended, one of the server -> Reset
//! ```
//!
//! HalfClosedLocal exists because an answer may be complete before its request: what still comes is thrown
//! away until the client has used up the stream's window, and then the stream is reset with NO_ERROR (section
//! 8.1), since many clients take a reset right behind an answer for a failure of that answer.
//!
//! Reserved states are absent: nothing is pushed. The two ends differ in what may still come. After an end
//! that the client knows of nothing may (Ended); after a reset of the server what was on its way may (Reset).

use super::code::{Breach, Fault};

/// Where a stream stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum State {
    /// Not used yet.
    Idle,
    /// The request is not complete, and neither is its answer.
    Open,
    /// The request is complete, and its answer is not.
    HalfClosedRemote,
    /// The answer is complete, and the request is not.
    HalfClosedLocal,
    /// Over, and the client knows.
    Ended,
    /// Over by a reset of this side, of which the client may not know yet.
    Reset,
}

/// An event of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Event {
    /// A whole field section. `end`: with END_STREAM.
    Fields {
        /// Whether it ends the request.
        end: bool,
    },
    /// A field section of a request that is not begun: there are too many streams, or it cannot be served.
    FieldsRefused,
    /// A DATA frame, or its last part.
    Data {
        /// Whether it ends the request.
        end: bool,
    },
    /// RST_STREAM.
    ResetReceived,
    /// WINDOW_UPDATE.
    WindowUpdate,
    /// The last frame of the answer is written.
    Answered,
    /// This side gives the stream up.
    GivenUp,
    /// The client has used up the window of a stream that nobody reads.
    WindowUsedUp,
    /// The client had too long, to send or to give room.
    Overdue,
}

/// An act that follows from an event.
#[must_use]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Nothing.
    Nothing,
    /// The request begins.
    Begin,
    /// The field section is that of the trailers.
    Trailers,
    /// The payload is the application's.
    Deliver,
    /// The payload or the trailers are nobody's.
    Discard,
    /// There is more room for the answer.
    Grow,
    /// The client wants no answer any more; the application is told.
    Cancel,
    /// The stream is forgotten.
    Forget,
    /// RST_STREAM with NO_ERROR; the stream is forgotten.
    ResetQuietly,
    /// RST_STREAM with the code of whoever gives up; the stream is forgotten.
    Reset,
    /// The client broke the protocol: RST_STREAM or GOAWAY. The application is told.
    Break(Breach),
    /// The event cannot happen in this state: a mistake of the caller, worth a debug assertion.
    Impossible,
}

impl State {
    /// Whether the stream counts against the number of streams at a time (section 5.1.2).
    pub const fn is_active(self) -> bool {
        match self {
            State::Open | State::HalfClosedRemote | State::HalfClosedLocal => true,
            State::Idle | State::Ended | State::Reset => false,
        }
    }

    /// Whether the request is not complete.
    pub const fn is_receiving(self) -> bool {
        match self {
            State::Open | State::HalfClosedLocal => true,
            State::Idle | State::HalfClosedRemote | State::Ended | State::Reset => false,
        }
    }

    /// Whether the answer is not complete.
    pub const fn is_sending(self) -> bool {
        match self {
            State::Open | State::HalfClosedRemote => true,
            State::Idle | State::HalfClosedLocal | State::Ended | State::Reset => false,
        }
    }

    /// The next state and the effect of `event`.
    #[inline]
    pub const fn on(self, event: Event) -> (State, Effect) {
        match self {
            State::Idle => idle(event),
            State::Open => open(event),
            State::HalfClosedRemote => half_closed_remote(event),
            State::HalfClosedLocal => half_closed_local(event),
            State::Ended => ended(event),
            State::Reset => reset(event),
        }
    }
}

use Event as E;
use State as S;

const IDLE: Effect = Effect::Break(Breach::Connection(Fault::protocol(
    "A frame came for a stream that was never opened.",
)));
const AFTER_END: Fault = Fault::closed("A frame came for a stream behind its end.");
const NO_END: Effect = Effect::Break(Breach::Stream(Fault::protocol(
    "Trailers do not end their stream.",
)));

const fn idle(event: Event) -> (State, Effect) {
    match event {
        E::Fields { end: false } => (S::Open, Effect::Begin),
        E::Fields { end: true } => (S::HalfClosedRemote, Effect::Begin),
        E::FieldsRefused => (S::Reset, Effect::Reset),
        // Section 5.1: nothing else may come for an idle stream, PRIORITY aside.
        E::Data { .. } | E::ResetReceived | E::WindowUpdate => (S::Idle, IDLE),
        E::Answered | E::GivenUp | E::WindowUsedUp | E::Overdue => (S::Idle, Effect::Impossible),
    }
}

const fn open(event: Event) -> (State, Effect) {
    match event {
        E::Fields { end: true } => (S::HalfClosedRemote, Effect::Trailers),
        // Section 8.1: a field section behind the first one is that of the trailers, and ends the stream.
        E::Fields { end: false } => (S::Reset, NO_END),
        E::Data { end: false } => (S::Open, Effect::Deliver),
        E::Data { end: true } => (S::HalfClosedRemote, Effect::Deliver),
        E::ResetReceived => (S::Ended, Effect::Cancel),
        E::WindowUpdate => (S::Open, Effect::Grow),
        E::Answered => (S::HalfClosedLocal, Effect::Nothing),
        E::GivenUp | E::Overdue => (S::Reset, Effect::Reset),
        E::FieldsRefused | E::WindowUsedUp => (S::Open, Effect::Impossible),
    }
}

const fn half_closed_remote(event: Event) -> (State, Effect) {
    match event {
        // Section 5.1: a stream error of type STREAM_CLOSED.
        E::Fields { .. } | E::Data { .. } => (S::Reset, Effect::Break(Breach::Stream(AFTER_END))),
        E::ResetReceived => (S::Ended, Effect::Cancel),
        E::WindowUpdate => (S::HalfClosedRemote, Effect::Grow),
        E::Answered => (S::Ended, Effect::Forget),
        E::GivenUp | E::Overdue => (S::Reset, Effect::Reset),
        E::FieldsRefused | E::WindowUsedUp => (S::HalfClosedRemote, Effect::Impossible),
    }
}

const fn half_closed_local(event: Event) -> (State, Effect) {
    match event {
        E::Fields { end: true } => (S::Ended, Effect::Forget),
        E::Fields { end: false } => (S::Reset, NO_END),
        E::Data { end: false } => (S::HalfClosedLocal, Effect::Discard),
        E::Data { end: true } => (S::Ended, Effect::Forget),
        E::ResetReceived => (S::Ended, Effect::Forget),
        E::WindowUpdate => (S::HalfClosedLocal, Effect::Nothing),
        E::WindowUsedUp | E::Overdue => (S::Reset, Effect::ResetQuietly),
        E::GivenUp => (S::Reset, Effect::Reset),
        E::FieldsRefused | E::Answered => (S::HalfClosedLocal, Effect::Impossible),
    }
}

const fn ended(event: Event) -> (State, Effect) {
    match event {
        // Section 5.1: a connection error of type STREAM_CLOSED. DATA alone may also be on its way to a
        // stream whose reset is too long ago to be remembered, so it costs no more than a reset.
        E::Fields { .. } => (S::Ended, Effect::Break(Breach::Connection(AFTER_END))),
        E::Data { .. } => (S::Ended, Effect::Break(Breach::Stream(AFTER_END))),
        // Those may come for a short time after the end.
        E::ResetReceived | E::WindowUpdate => (S::Ended, Effect::Nothing),
        E::FieldsRefused | E::Answered | E::GivenUp => (S::Ended, Effect::Impossible),
        E::WindowUsedUp | E::Overdue => (S::Ended, Effect::Impossible),
    }
}

const fn reset(event: Event) -> (State, Effect) {
    match event {
        // Section 5.1: what was on its way is ignored.
        E::Fields { .. } | E::Data { .. } => (S::Reset, Effect::Discard),
        E::ResetReceived | E::WindowUpdate => (S::Reset, Effect::Nothing),
        E::FieldsRefused | E::Answered | E::GivenUp => (S::Reset, Effect::Impossible),
        E::WindowUsedUp | E::Overdue => (S::Reset, Effect::Impossible),
    }
}

const _: () = assert!(
    size_of::<State>() == 1,
    "a state is kept for each open stream"
);
