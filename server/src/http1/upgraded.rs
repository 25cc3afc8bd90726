//! The life of a connection on which another protocol than HTTP/1.1 is spoken, as the connection sees it: whether
//! bytes are read, what is waited for, and how the end comes. Called by [`super::exchange`], of whose table this
//! is a part. The meaning of the protocol's own bytes is decided elsewhere, for a WebSocket in
//! [`crate::websocket`], which says where it stands by [`Event::Upgraded`] and [`Event::UpgradeOver`].
//!
//! ```text
//!   Running -----101------> Open, Bytes --over--> WritingUnread(Close) -> Lingering -> Closing -> Closed
//!   Idle, Head --preface--> Streams, Rest --over--^                                       ^
//!                             | the client has ended its side, or waits too long          |
//!                             +-----------------------------------------------------------+
//! ```
//!
//! HTTP/2 begins in the place of the first request: its preface is read by [`crate::http2`], as all that follows.

use super::exchange::Effect::Impossible;
use super::exchange::{ABORT, After, BROKEN, CLOSE, Deadline, Effect, Event, State};

/// Where another protocol stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Phase {
    /// A WebSocket that owes nothing and is owed nothing.
    Open,
    /// A WebSocket that has something to send as soon as the client takes what was sent before.
    Owing,
    /// A WebSocket whose client was asked and has not said anything since.
    Asked,
    /// A WebSocket with a message half received.
    InMessage,
    /// A WebSocket that has said Close; the client's Close is awaited.
    Closing,
    /// A tunnel: bytes in both directions.
    Bytes,
    /// HTTP/2 without a stream: plain data.
    Rest,
    /// HTTP/2 in all that is not rest: before its preface, with streams, or on its way to an end.
    Streams,
}

impl Phase {
    /// The time limit in force; there always is one. `sending`: whether bytes wait for the client to take them.
    #[inline]
    pub(crate) const fn deadline(self, sending: bool) -> Deadline {
        match self {
            // It has said its last word, and each byte of that would be a reason to wait on.
            Phase::Closing => Deadline::CloseFrame,
            _ if sending => Deadline::Write,
            Phase::Open | Phase::Owing => Deadline::Quiet,
            Phase::Asked => Deadline::Pong,
            Phase::InMessage => Deadline::Message,
            Phase::Bytes => Deadline::Tunnel,
            Phase::Rest => Deadline::Idle,
            Phase::Streams => Deadline::Streams,
        }
    }
}

use Event as E;

#[inline(always)]
pub(super) const fn upgraded(phase: Phase, event: Event) -> (State, Effect) {
    let same = State::Upgraded(phase);
    match event {
        E::BytesArrived => (same, Effect::ReadUpgraded),
        E::Rested => (same, Effect::Nothing),
        E::Flushed { .. } => (same, Effect::FeedUpgraded),
        E::Upgraded(phase) => (State::Upgraded(phase), Effect::Nothing),
        E::UpgradeOver => (State::WritingUnread(After::Close), Effect::EndUpgraded),
        E::DeadlinePassed => deadline_passed(phase),
        E::PeerEof => match phase {
            // Each direction of a tunnel ends by itself (RFC 9110 section 9.3.6).
            Phase::Bytes => (same, Effect::EndInput),
            // RFC 6455 section 7.1.5 calls this 1006: the end without a Close. In HTTP/2 nobody could acknowledge
            // what is sent, nor give it room.
            _ => CLOSE,
        },
        E::Drain => (same, Effect::DrainUpgraded),
        E::Broken => BROKEN,
        E::WriteStalled | E::Gone | E::Force { .. } => ABORT,
        E::TurnedAway | E::HeadComplete { .. } | E::Begun | E::AnsweredAtOnce { .. } => {
            (same, Impossible)
        }
        E::Refused | E::BodyComplete | E::AnswerStarted | E::AnswerEnded(_) => (same, Impossible),
        E::AnswerFailed { .. } | E::Batched | E::DiscardedEnough | E::Switched(_) => {
            (same, Impossible)
        }
    }
}

const fn deadline_passed(phase: Phase) -> (State, Effect) {
    match phase {
        Phase::Open | Phase::Owing => (State::Upgraded(Phase::Asked), Effect::AskUpgraded),
        // Which of its own limits has passed, the session knows.
        Phase::Rest | Phase::Streams => (State::Upgraded(Phase::Streams), Effect::AskUpgraded),
        // Nobody is there to be told.
        Phase::Asked => ABORT,
        Phase::InMessage => (State::WritingUnread(After::Close), Effect::FailUpgraded),
        Phase::Closing | Phase::Bytes => CLOSE,
    }
}
