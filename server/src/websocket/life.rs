//! The life of a WebSocket from the end of its handshake to the close of its socket, as a total function of
//! state and event (RFC 6455 section 7). `conversation` holds the [`State`], tells it what happened, and
//! writes what an [`Effect`] wants written; the connection code performs the rest. Deliberately not here:
//! bytes, clocks, and what a message means.
//!
//! ```text
//!             close wanted, drain            their Close
//!   Open ----------------------> Closing -------------------+
//!    | their Close, a fault         | a fault               |
//!    +------------------------------+----------------> Leaving ----------> Lingering
//!    | their end without a Close    |                       |  flushed        | EOF, deadline
//!    +------------------------------+----> Ended <----------+ EOF             |
//!    |                                       | flushed                        v
//!    +---------------------------------------+----------------------------> Closed
//!      gone, forced, no answer to a Ping
//! ```
//!
//! In Open and Closing what arrives is read; messages that were on their way when this side said Close are
//! still delivered, and can no longer be answered. From Leaving on it is thrown away. From every state but
//! Closed some time limit leads there ([`State::deadline`]).

use super::code::{CloseCode, Fault};

/// Where a conversation stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub enum State {
    /// Both sides may send.
    #[default]
    Open,
    /// This side has said Close and sends nothing more; the other's Close is awaited.
    Closing,
    /// This side has said Close, and nothing that arrives matters any more: the other side has said it too,
    /// or has broken the protocol. Queued bytes go out.
    Leaving,
    /// The other side has ended the connection; what is queued goes out.
    Ended,
    /// Nothing is sent any more. Bytes that arrive are thrown away, so that the kernel does not
    /// reset the connection before the client has read the Close (RFC 6455 section 7.1.1).
    Lingering,
    /// Over: nothing is queued, and nothing is read any more.
    Closed,
}

/// An event of a conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Event {
    /// There are unread bytes.
    BytesArrived,
    /// The other side said Close.
    CloseReceived,
    /// The application wants the conversation to end.
    CloseWanted(CloseCode),
    /// The other side broke the protocol or a limit.
    Failed(Fault),
    /// Everything queued is with the kernel.
    Flushed,
    /// The other side ended its side of the connection.
    PeerEof,
    /// The connection broke.
    Gone,
    /// The deadline in force passed.
    DeadlinePassed(Deadline),
    /// The server drains, or starts anew ([`CloseCode::GOING_AWAY`], [`CloseCode::RESTART`]), and the
    /// conversation is not handed over.
    Drain(CloseCode),
    /// The server stops now.
    Force,
}

/// An act that follows from an event.
#[must_use]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Effect {
    /// Nothing; wait for the next event.
    Nothing,
    /// Read the unread bytes as frames.
    Read,
    /// Throw the unread bytes away.
    Discard,
    /// A Close frame with this code is queued. The handler of messages is told that none of its own is
    /// sent any more.
    Close(CloseCode),
    /// The other side's Close is answered with the same code.
    Reply,
    /// A Ping is queued.
    Ping,
    /// Shut down the sending side, and throw away what arrives.
    Linger,
    /// Take back every operation in flight, and close the descriptor.
    Release,
    /// Drop the unsent bytes, and release the connection.
    Abort,
    /// The event cannot happen in this state: a mistake of the caller, worth a debug assertion.
    Impossible,
}

/// A time limit that may be in force.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Deadline {
    /// Without a byte taken by the client.
    Write,
    /// Without a byte from the client, before it is asked with a Ping.
    Quiet,
    /// Without a byte from the client, since it was asked.
    Pong,
    /// From the first byte of a message to its end, or, in parts, without a byte of it.
    Message,
    /// From this side's Close to the other's.
    Close,
    /// Without the end of the connection, after both have said Close.
    Linger,
}

/// The facts that bear on the time limit beside the state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Waiting {
    /// Whether bytes wait for the client to take them.
    pub sending: bool,
    /// Whether a Ping was sent and nothing came since.
    pub asked: bool,
    /// Whether a message is half received.
    pub in_message: bool,
}

impl State {
    /// The next state and the effect of `event`.
    #[inline]
    pub const fn on(self, event: Event) -> (State, Effect) {
        match self {
            State::Open => open(event),
            State::Closing => closing(event),
            State::Leaving => leaving(event),
            State::Ended => ended(event),
            State::Lingering => lingering(event),
            State::Closed => (State::Closed, Effect::Nothing),
        }
    }

    /// The time limit in force.
    pub const fn deadline(self, waiting: Waiting) -> Option<Deadline> {
        match self {
            State::Open if waiting.sending => Some(Deadline::Write),
            State::Open if waiting.asked => Some(Deadline::Pong),
            State::Open if waiting.in_message => Some(Deadline::Message),
            State::Open => Some(Deadline::Quiet),
            State::Closing => Some(Deadline::Close),
            State::Leaving | State::Ended => Some(Deadline::Write),
            State::Lingering => Some(Deadline::Linger),
            State::Closed => None,
        }
    }
}

use Deadline as D;
use Event as E;
use State as S;

const ABORT: (State, Effect) = (S::Closed, Effect::Abort);

const fn open(event: Event) -> (State, Effect) {
    match event {
        E::BytesArrived => (S::Open, Effect::Read),
        E::CloseWanted(code) | E::Drain(code) => (S::Closing, Effect::Close(code)),
        E::CloseReceived => (S::Leaving, Effect::Reply),
        E::Failed(fault) => (S::Leaving, Effect::Close(fault.code())),
        E::DeadlinePassed(D::Quiet) => (S::Open, Effect::Ping),
        E::DeadlinePassed(D::Message) => (S::Leaving, Effect::Close(Fault::MessageStalled.code())),
        // Nobody is there to be told.
        E::DeadlinePassed(D::Pong | D::Write) | E::Gone | E::Force => ABORT,
        // Section 7.1.5 calls this 1006: it stands in no frame.
        E::PeerEof => (S::Ended, Effect::Nothing),
        E::Flushed => (S::Open, Effect::Nothing),
        E::DeadlinePassed(D::Close | D::Linger) => (S::Open, Effect::Impossible),
    }
}

const fn closing(event: Event) -> (State, Effect) {
    match event {
        E::BytesArrived => (S::Closing, Effect::Read),
        // Section 5.5.1: nothing is sent after a Close frame, not even another.
        E::CloseReceived | E::Failed(_) => (S::Leaving, Effect::Nothing),
        E::CloseWanted(_) | E::Drain(_) | E::Flushed => (S::Closing, Effect::Nothing),
        E::PeerEof => (S::Ended, Effect::Nothing),
        E::DeadlinePassed(D::Close | D::Write) | E::Gone | E::Force => ABORT,
        E::DeadlinePassed(D::Quiet | D::Pong | D::Message | D::Linger) => {
            (S::Closing, Effect::Impossible)
        }
    }
}

const fn leaving(event: Event) -> (State, Effect) {
    match event {
        E::BytesArrived => (S::Leaving, Effect::Discard),
        E::Flushed => (S::Lingering, Effect::Linger),
        E::PeerEof => (S::Ended, Effect::Nothing),
        E::CloseWanted(_) | E::Drain(_) => (S::Leaving, Effect::Nothing),
        E::DeadlinePassed(D::Write) | E::Gone | E::Force => ABORT,
        E::CloseReceived | E::Failed(_) => (S::Leaving, Effect::Impossible),
        E::DeadlinePassed(D::Quiet | D::Pong | D::Message | D::Close | D::Linger) => {
            (S::Leaving, Effect::Impossible)
        }
    }
}

const fn ended(event: Event) -> (State, Effect) {
    match event {
        E::Flushed => (S::Closed, Effect::Release),
        E::CloseWanted(_) | E::Drain(_) => (S::Ended, Effect::Nothing),
        E::DeadlinePassed(D::Write) | E::Gone | E::Force => ABORT,
        E::BytesArrived | E::CloseReceived | E::Failed(_) | E::PeerEof => {
            (S::Ended, Effect::Impossible)
        }
        E::DeadlinePassed(D::Quiet | D::Pong | D::Message | D::Close | D::Linger) => {
            (S::Ended, Effect::Impossible)
        }
    }
}

const fn lingering(event: Event) -> (State, Effect) {
    match event {
        E::BytesArrived => (S::Lingering, Effect::Discard),
        E::CloseWanted(_) | E::Drain(_) => (S::Lingering, Effect::Nothing),
        E::PeerEof | E::Gone | E::Force | E::DeadlinePassed(D::Linger) => {
            (S::Closed, Effect::Release)
        }
        E::CloseReceived | E::Failed(_) | E::Flushed => (S::Lingering, Effect::Impossible),
        E::DeadlinePassed(D::Write | D::Quiet | D::Pong | D::Message | D::Close) => {
            (S::Lingering, Effect::Impossible)
        }
    }
}

const _: () = assert!(
    size_of::<State>() == 1,
    "a state is kept in every idle conversation"
);
