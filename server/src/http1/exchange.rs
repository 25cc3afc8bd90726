//! The next step of a connection: the life of one request after another as a total function of state
//! and event. The connection code holds a [`State`], tells it what happened, and performs the
//! [`Effect`]; it decides nothing itself. Deliberately not here: bytes, buffers, clocks, and moving
//! a connection to another core, which leaves this state as it is.
//!
//! ```text
//!            bytes          head               answer         flushed, batched
//!   Idle ----------> Head --------> Running ----------> Writing ---------> Idle
//!    ^                 |  with body     ^ body read        ^ body read       (or Closing)
//!    |                 +---------> Receiving ------> WritingUnread
//!    |  rest of the body discarded          answer         | flushed
//!    +------------------ Discarding <----------------------+
//!                            | too much                    | close
//!                            +--------> Lingering <--------+
//!                                           | EOF, deadline, too much
//!                                           v             flushed
//!                                        Closing ----------------> Closed
//! ```
//!
//! From Discarding to Lingering the way leads through WritingUnread, where the transport says its last word.
//!
//! Streaming and StreamingReceiving are Running and Receiving once the head of the answer is out:
//! from then on a failure cannot become an error answer, only a cut.
//!
//! From Running a connection may change its protocol, and from Idle or Head it may turn out to be one of HTTP/2: it is
//! Upgraded then ([`super::upgraded`]), and comes back only to end as any other does.
//!
//! Every end but a cut goes through Closing, where what is queued still has its time to go out. In
//! Closed nothing is left but operations whose last completion is awaited. From every state but
//! Closed some time limit leads there, except while a handler thinks and its client owes nothing
//! ([`State::deadline`]).

use super::upgraded::{Phase, upgraded};
use ::http::StatusCode;
use std::num::NonZeroU32;

/// The fate of the connection after an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum After {
    /// The next request is read.
    KeepAlive,
    /// The connection is closed.
    Close,
}

/// The unread rest of a request's body when its answer begins or ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum UnreadBody {
    /// Nothing.
    None,
    /// Little enough to be read and thrown away
    /// ([`rest_is_within`](super::body::BodyDecoder::rest_is_within)), or the handler is still
    /// reading it.
    Discardable,
    /// More than that, or nobody knows how much.
    TooMuch,
    /// The client waits for `100 Continue`, which nobody has sent: it may send the body or not, so
    /// nothing says where the next request begins.
    ContinueUnsent,
}

/// All that bears on whether a connection persists after an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Circumstances {
    /// The client's wish: [`Head::keep_alive`](super::head::Head::keep_alive).
    pub request_keep_alive: bool,
    /// Whether the handler wants the connection closed.
    pub handler_closes: bool,
    /// Whether the connection is announced an end whatever its client wants (a drain, or a core that leaves).
    pub is_ending: bool,
    /// Requests of this connection, with the one being answered.
    pub served: u32,
    /// Most requests a connection may carry; None for no bound.
    pub served_max: Option<NonZeroU32>,
    /// The unread rest of the request's body.
    pub unread: UnreadBody,
}

/// Whether the connection persists (RFC 9112 section 9.3): asked when the answer's head is
/// encoded, which announces it, and again at its end, when only [`UnreadBody`] may have changed.
#[inline]
#[must_use]
pub fn after_answer(circumstances: &Circumstances) -> After {
    let Circumstances {
        request_keep_alive,
        handler_closes,
        is_ending,
        served,
        served_max,
        unread,
    } = *circumstances;
    let exhausted = served_max.is_some_and(|most| served >= most.get());
    let readable = match unread {
        UnreadBody::None | UnreadBody::Discardable => true,
        UnreadBody::TooMuch | UnreadBody::ContinueUnsent => false,
    };
    match request_keep_alive && !handler_closes && !is_ending && !exhausted && readable {
        true => After::KeepAlive,
        false => After::Close,
    }
}

/// Where a connection stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum State {
    /// Open, and no byte of a next request is there.
    Idle,
    /// The front of a head is there.
    Head,
    /// The handler runs, and its request's body is still arriving.
    Receiving,
    /// The handler runs, and its request is there as a whole.
    Running,
    /// Like Receiving, with the head of the answer on its way.
    StreamingReceiving,
    /// Like Running, with the head of the answer on its way.
    Streaming,
    /// The answer is complete and being sent; a part of the request's body is unread.
    WritingUnread(After),
    /// The answer is complete and being sent.
    Writing(After),
    /// The answer is out; the rest of the request's body is read and thrown away.
    Discarding,
    /// Another protocol is spoken from here on.
    Upgraded(Phase),
    /// Nothing is sent any more; what arrives is thrown away, so that the kernel does not reset
    /// the connection before the client has read the answer (RFC 9112 section 9.6).
    Lingering,
    /// No further request is served; what is queued goes out, then the connection is closed.
    Closing,
    /// Over: nothing is queued, and nothing is read any more.
    Closed,
}

/// An event of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Event {
    /// There are unread bytes.
    BytesArrived,
    /// The gate has no slot for the connection, of which nothing was read yet.
    TurnedAway,
    /// A whole head is there, and its request is kept until it is answered.
    HeadComplete {
        /// Whether a part of the body is still to come.
        body_pending: bool,
    },
    /// A whole head without a body is there, and its handler has begun already.
    Begun,
    /// A whole head without a body is there, its handler answered at once, and the answer is queued.
    AnsweredAtOnce {
        /// The fate of the connection after the answer.
        after: After,
        /// Whether bytes of a next request are there and may be read now, so that the answers of a
        /// pipelined batch leave in one send.
        next: bool,
    },
    /// The head parser or the body decoder refused the bytes.
    Refused,
    /// The body decoder saw the end of the body.
    BodyComplete,
    /// The head of an answer is queued, and more of the answer will follow.
    AnswerStarted,
    /// The last byte of the answer is queued.
    AnswerEnded(After),
    /// Another protocol begins like this: the answer that ends HTTP/1.1 on the connection is queued, or HTTP/2 is
    /// spoken from its first byte.
    Switched(Phase),
    /// The other protocol stands like this now.
    Upgraded(Phase),
    /// The other protocol sends nothing more, and nothing that still comes matters to it.
    UpgradeOver,
    /// The body of the answer failed while it was sent piece by piece.
    AnswerFailed {
        /// Whether all of the answer could be taken back, so that another can stand in its place.
        taken_back: bool,
    },
    /// A further request is there already: the complete answer stays queued, so that all answers
    /// of a pipelined batch leave in one send. Instead of Flushed, which comes after the batch.
    Batched,
    /// Everything queued is with the kernel.
    Flushed {
        /// Whether unread bytes are there.
        unread: bool,
    },
    /// Everything queued is with the kernel, and nothing else is to be looked at: no request is kept,
    /// no byte is unread, the client has not ended its side, and the core is on no other course than
    /// to serve.
    Rested,
    /// The client ended its side of the connection, and every byte before that has been looked at.
    PeerEof,
    /// The connection broke, or its client is held to be gone.
    Gone,
    /// The deadline in force passed ([`State::deadline`]), and it was not [`Deadline::Write`].
    DeadlinePassed,
    /// [`Deadline::Write`] passed.
    WriteStalled,
    /// As many bytes were thrown away as the caller's cap allows.
    DiscardedEnough,
    /// The bytes that come mean nothing any more, and what is sent could not be read: TLS failed.
    Broken,
    /// The server drains. An idle connection is told once its grace is over: it closes.
    Drain,
    /// The server stops now.
    Force {
        /// Whether the last answer of the connection is with the kernel as a whole, whose queue it
        /// leaves before the end does.
        sent: bool,
    },
}

/// An act that the connection code has to perform.
#[must_use]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Effect {
    /// Nothing; wait for the next event. Unread bytes stay where they are.
    Nothing,
    /// Parse the unread bytes as a head.
    ReadHead,
    /// Decode the unread bytes as body, for the handler.
    ReadBody,
    /// Decode the unread bytes as body, and throw the payload away.
    DiscardBody,
    /// Throw the unread bytes away.
    Discard,
    /// Take the request that is kept to the gate, and from there to its handler.
    Admit,
    /// Drop the handler if one runs; queue an answer that says why the bytes were refused.
    AnswerRefusal,
    /// Drop the handler if one runs; queue an error answer of this status.
    AnswerError(StatusCode),
    /// Queue the answer of the gate to a connection that it does not let in.
    TurnAway,
    /// Drop the handler if one runs, and what is queued; the transport has its own last word.
    DropAnswers,
    /// The requests of the connection are over: begin the other protocol.
    Upgrade,
    /// Give the unread bytes to the other protocol.
    ReadUpgraded,
    /// The client takes what is sent: the other protocol may go on sending.
    FeedUpgraded,
    /// Ask the client whether it is still there.
    AskUpgraded,
    /// Tell the client that it took too long; end the other protocol.
    FailUpgraded,
    /// The client sends nothing more: tell the other protocol.
    EndInput,
    /// The server drains: tell the other protocol.
    DrainUpgraded,
    /// End the other protocol.
    EndUpgraded,
    /// The request is answered, and ends when its answer is out; the next one of the batch begins
    /// before that.
    SetAside,
    /// The request is over. Begin with the next one: deliver `BytesArrived` if bytes are unread, else
    /// `PeerEof` if the client has ended its side.
    NextRequest,
    /// Shut down the sending side, and throw away what arrives.
    Linger,
    /// Deliver `Flushed` as soon as everything queued is with the kernel, at once if it is.
    Close,
    /// Take back every operation in flight, and close the descriptor.
    Release,
    /// Drop the handler and the unsent bytes, and release the connection.
    Abort,
    /// The event cannot happen in this state: a mistake of the caller, worth a debug assertion.
    Impossible,
}

/// A time limit that may be in force.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Deadline {
    /// From the first byte of a head to its end.
    Head,
    /// Without a byte of body.
    Body,
    /// Without a byte taken by the client.
    Write,
    /// Between requests.
    Idle,
    /// Without a byte from a client that sends on after its last answer.
    Linger,
    /// Without a byte for a client that has ended its side and is held to be gone.
    Gone,
    /// From the accept to the end of the handshake of TLS; in the place of all others.
    Handshake,
    /// Without a byte from the client of a WebSocket, before it is asked.
    Quiet,
    /// Without a byte from the client of a WebSocket, since it was asked.
    Pong,
    /// From the first byte of a WebSocket's message to its end.
    Message,
    /// From this side's Close of a WebSocket to the client's.
    CloseFrame,
    /// Without a byte in either direction of a tunnel.
    Tunnel,
    /// From one look at the streams of HTTP/2, each of which has limits of its own, to the next.
    Streams,
    /// From the accept to the end of the header of a proxy; in the place of all others.
    ProxyHeader,
    /// From the decision to end a client to the last byte that it takes; in the place of others.
    Dismissal,
}

impl Deadline {
    /// Whether the client is given up because nothing was heard of it. The others ask the kernel, or have ended.
    pub const fn is_heard(self) -> bool {
        match self {
            Deadline::Head | Deadline::Body | Deadline::Idle | Deadline::Linger => true,
            Deadline::Handshake | Deadline::ProxyHeader | Deadline::Streams => true,
            Deadline::Quiet | Deadline::Pong | Deadline::Message | Deadline::CloseFrame => true,
            Deadline::Tunnel | Deadline::Dismissal => true,
            Deadline::Write | Deadline::Gone => false,
        }
    }
}

const TIMED_OUT: Effect = Effect::AnswerError(StatusCode::REQUEST_TIMEOUT);
const FAILED: Effect = Effect::AnswerError(StatusCode::INTERNAL_SERVER_ERROR);
const CUT: Effect = Effect::AnswerError(StatusCode::BAD_REQUEST);

impl State {
    /// The next state and the effect of `event`. Inlined where the event is known, so that only the state is
    /// looked at.
    #[inline(always)]
    pub const fn on(self, event: Event) -> (State, Effect) {
        match self {
            State::Idle => idle(event),
            State::Head => head(event),
            State::Receiving => receiving(event),
            State::Running => running(event),
            State::StreamingReceiving => streaming_receiving(event),
            State::Streaming => streaming(event),
            State::WritingUnread(After::KeepAlive) => writing_unread_then_keep(event),
            State::WritingUnread(After::Close) => writing_unread_then_close(event),
            State::Writing(After::KeepAlive) => writing_then_keep(event),
            State::Writing(After::Close) => writing_then_close(event),
            State::Discarding => discarding(event),
            State::Upgraded(phase) => upgraded(phase, event),
            State::Lingering => lingering(event),
            State::Closing => closing(event),
            State::Closed => (State::Closed, Effect::Nothing),
        }
    }

    /// The time limit in force. `sending`: whether bytes wait for the client to take them; then
    /// its slowness is what is measured, whatever else the state waits for. `gone`: whether the client
    /// has ended its side and is held to be gone unless something is sent to it.
    #[inline]
    #[must_use]
    pub const fn deadline(self, sending: bool, gone: bool) -> Option<Deadline> {
        match self {
            State::Idle
            | State::Head
            | State::Receiving
            | State::StreamingReceiving
            | State::Running
            | State::Streaming
                if sending =>
            {
                Some(Deadline::Write)
            }
            State::Idle => Some(Deadline::Idle),
            State::Head => Some(Deadline::Head),
            State::Receiving | State::StreamingReceiving => Some(Deadline::Body),
            State::Running | State::Streaming if gone => Some(Deadline::Gone),
            // How long a handler may think is its own business.
            State::Running | State::Streaming => None,
            State::WritingUnread(_) | State::Writing(_) | State::Closing => Some(Deadline::Write),
            State::Discarding => Some(Deadline::Body),
            State::Upgraded(phase) => Some(phase.deadline(sending)),
            State::Lingering => Some(Deadline::Linger),
            State::Closed => None,
        }
    }
}

use Effect::Impossible;
use Event as E;
use State as S;

/// The end without a cut.
pub(super) const CLOSE: (State, Effect) = (S::Closing, Effect::Close);
/// The end of a connection whose transport failed: its peer is told so, and given time to read it.
pub(super) const BROKEN: (State, Effect) = (S::WritingUnread(After::Close), Effect::DropAnswers);
/// The end of a connection that broke, or whose client or server has no more patience.
pub(super) const ABORT: (State, Effect) = (S::Closed, Effect::Abort);

#[inline(always)]
const fn idle(event: Event) -> (State, Effect) {
    match event {
        E::Broken => BROKEN,
        E::BytesArrived => (S::Head, Effect::ReadHead),
        E::TurnedAway => (S::WritingUnread(After::Close), Effect::TurnAway),
        // RFC 9112 section 9.5: an idle connection may be closed at any time.
        E::PeerEof | E::DeadlinePassed | E::Drain => CLOSE,
        // The last answers of a batch are out.
        E::Flushed { .. } => (S::Idle, Effect::NextRequest),
        E::WriteStalled | E::Gone | E::Force { .. } => ABORT,
        E::HeadComplete { .. } | E::Begun | E::AnsweredAtOnce { .. } | E::Refused => {
            (S::Idle, Impossible)
        }
        E::BodyComplete | E::AnswerStarted | E::AnswerEnded(_) | E::AnswerFailed { .. } => {
            (S::Idle, Impossible)
        }
        E::Batched | E::Rested | E::DiscardedEnough => (S::Idle, Impossible),
        E::Switched(phase) => (S::Upgraded(phase), Effect::Upgrade),
        E::Upgraded(_) | E::UpgradeOver => (S::Idle, Impossible),
    }
}

#[inline(always)]
const fn head(event: Event) -> (State, Effect) {
    match event {
        E::Broken => BROKEN,
        E::BytesArrived => (S::Head, Effect::ReadHead),
        E::HeadComplete { body_pending: true } => (S::Receiving, Effect::Admit),
        E::HeadComplete {
            body_pending: false,
        } => (S::Running, Effect::Admit),
        E::Begun => (S::Running, Effect::Nothing),
        E::AnsweredAtOnce {
            after: After::KeepAlive,
            next: true,
        } => (S::Head, Effect::ReadHead),
        E::AnsweredAtOnce { after, .. } => (S::Writing(after), Effect::Nothing),
        E::Refused => (S::WritingUnread(After::Close), Effect::AnswerRefusal),
        // RFC 9110 section 15.5.9.
        E::DeadlinePassed => (S::WritingUnread(After::Close), TIMED_OUT),
        // Half a head asks for nothing.
        E::PeerEof => CLOSE,
        // The answer will announce the close; the answers of a batch are out.
        E::Drain | E::Flushed { .. } => (S::Head, Effect::Nothing),
        E::WriteStalled | E::Gone | E::Force { .. } => ABORT,
        E::BodyComplete | E::AnswerStarted | E::AnswerEnded(_) | E::AnswerFailed { .. } => {
            (S::Head, Impossible)
        }
        E::TurnedAway | E::Batched | E::Rested | E::DiscardedEnough => (S::Head, Impossible),
        E::Switched(phase) => (S::Upgraded(phase), Effect::Upgrade),
        E::Upgraded(_) | E::UpgradeOver => (S::Head, Impossible),
    }
}

#[inline(always)]
const fn receiving(event: Event) -> (State, Effect) {
    match event {
        E::Broken => BROKEN,
        E::BytesArrived => (S::Receiving, Effect::ReadBody),
        E::BodyComplete => (S::Running, Effect::Nothing),
        E::Refused => (S::WritingUnread(After::Close), Effect::AnswerRefusal),
        E::AnswerStarted => (S::StreamingReceiving, Effect::Nothing),
        E::AnswerEnded(after) => (S::WritingUnread(after), Effect::Nothing),
        // `100 Continue` is out, or the answers of a batch.
        E::Flushed { .. } => (S::Receiving, Effect::Nothing),
        // RFC 9112 section 8: the request is incomplete, and an error answer may say so.
        E::PeerEof => (S::Writing(After::Close), CUT),
        E::DeadlinePassed => (S::WritingUnread(After::Close), TIMED_OUT),
        E::Drain => (S::Receiving, Effect::Nothing),
        E::WriteStalled | E::Gone | E::Force { .. } => ABORT,
        E::TurnedAway | E::HeadComplete { .. } | E::Begun | E::AnsweredAtOnce { .. } => {
            (S::Receiving, Impossible)
        }
        E::AnswerFailed { .. } | E::Batched | E::Rested | E::DiscardedEnough => {
            (S::Receiving, Impossible)
        }
        E::Switched(_) | E::Upgraded(_) | E::UpgradeOver => (S::Receiving, Impossible),
    }
}

#[inline(always)]
const fn running(event: Event) -> (State, Effect) {
    match event {
        E::Broken => BROKEN,
        // RFC 9112 section 9.3.2: pipelined requests wait for their turn.
        E::BytesArrived => (S::Running, Effect::Nothing),
        E::AnswerStarted => (S::Streaming, Effect::Nothing),
        E::AnswerEnded(after) => (S::Writing(after), Effect::Nothing),
        E::Flushed { .. } | E::Drain => (S::Running, Effect::Nothing),
        // A client may end its side and still read (RFC 9112 section 9.6 asks no more of it).
        E::PeerEof => (S::Running, Effect::Nothing),
        E::WriteStalled | E::Gone | E::Force { .. } => ABORT,
        E::TurnedAway | E::HeadComplete { .. } | E::Begun | E::AnsweredAtOnce { .. } => {
            (S::Running, Impossible)
        }
        E::Refused | E::BodyComplete | E::AnswerFailed { .. } | E::DiscardedEnough => {
            (S::Running, Impossible)
        }
        // How long a handler may think is its own business.
        E::Batched | E::Rested | E::DeadlinePassed => (S::Running, Impossible),
        E::Switched(phase) => (S::Upgraded(phase), Effect::Upgrade),
        E::Upgraded(_) | E::UpgradeOver => (S::Running, Impossible),
    }
}

#[inline(always)]
const fn streaming_receiving(event: Event) -> (State, Effect) {
    match event {
        E::Broken => BROKEN,
        E::BytesArrived => (S::StreamingReceiving, Effect::ReadBody),
        E::BodyComplete => (S::Streaming, Effect::Nothing),
        E::AnswerEnded(after) => (S::WritingUnread(after), Effect::Nothing),
        E::AnswerFailed { taken_back: true } => (S::WritingUnread(After::Close), FAILED),
        E::Flushed { .. } | E::Drain => (S::StreamingReceiving, Effect::Nothing),
        // The answer has begun: only a cut tells the client that it is not whole.
        E::AnswerFailed { taken_back: false } => ABORT,
        E::Refused | E::PeerEof | E::DeadlinePassed => ABORT,
        E::WriteStalled | E::Gone | E::Force { .. } => ABORT,
        E::TurnedAway | E::HeadComplete { .. } | E::Begun | E::AnsweredAtOnce { .. } => {
            (S::StreamingReceiving, Impossible)
        }
        E::AnswerStarted | E::Batched | E::Rested | E::DiscardedEnough => {
            (S::StreamingReceiving, Impossible)
        }
        E::Switched(_) | E::Upgraded(_) | E::UpgradeOver => (S::StreamingReceiving, Impossible),
    }
}

#[inline(always)]
const fn streaming(event: Event) -> (State, Effect) {
    match event {
        E::Broken => BROKEN,
        E::BytesArrived => (S::Streaming, Effect::Nothing),
        E::AnswerEnded(after) => (S::Writing(after), Effect::Nothing),
        E::AnswerFailed { taken_back: true } => (S::Writing(After::Close), FAILED),
        E::AnswerFailed { taken_back: false } => ABORT,
        E::Flushed { .. } | E::Drain | E::PeerEof => (S::Streaming, Effect::Nothing),
        E::WriteStalled | E::Gone | E::Force { .. } => ABORT,
        E::TurnedAway | E::HeadComplete { .. } | E::Begun | E::AnsweredAtOnce { .. } => {
            (S::Streaming, Impossible)
        }
        E::Refused | E::BodyComplete | E::AnswerStarted => (S::Streaming, Impossible),
        E::Batched | E::Rested | E::DeadlinePassed | E::DiscardedEnough => {
            (S::Streaming, Impossible)
        }
        E::Switched(_) | E::Upgraded(_) | E::UpgradeOver => (S::Streaming, Impossible),
    }
}

#[inline(always)]
const fn writing_unread_then_keep(event: Event) -> (State, Effect) {
    const SAME: State = S::WritingUnread(After::KeepAlive);
    match event {
        E::Broken => BROKEN,
        E::BytesArrived => (SAME, Effect::DiscardBody),
        E::BodyComplete => (S::Writing(After::KeepAlive), Effect::Nothing),
        // Nothing says any more where a next request begins.
        E::Refused | E::DiscardedEnough => (S::WritingUnread(After::Close), Effect::Nothing),
        E::Flushed { .. } => (S::Discarding, Effect::Nothing),
        E::PeerEof => (S::Writing(After::Close), Effect::Nothing),
        E::Drain => (SAME, Effect::Nothing),
        E::WriteStalled | E::Gone | E::Force { .. } => ABORT,
        E::TurnedAway | E::HeadComplete { .. } | E::Begun | E::AnsweredAtOnce { .. } => {
            (SAME, Impossible)
        }
        E::AnswerStarted | E::AnswerEnded(_) | E::AnswerFailed { .. } => (SAME, Impossible),
        E::Batched | E::Rested | E::DeadlinePassed => (SAME, Impossible),
        E::Switched(_) | E::Upgraded(_) | E::UpgradeOver => (SAME, Impossible),
    }
}

#[inline(always)]
const fn writing_unread_then_close(event: Event) -> (State, Effect) {
    const SAME: State = S::WritingUnread(After::Close);
    match event {
        E::Broken => BROKEN,
        // A client that reads only when it has sent everything must get that far.
        E::BytesArrived => (SAME, Effect::Discard),
        E::DiscardedEnough => (SAME, Effect::Nothing),
        E::Flushed { .. } => (S::Lingering, Effect::Linger),
        E::PeerEof => (S::Writing(After::Close), Effect::Nothing),
        E::Drain => (SAME, Effect::Nothing),
        E::Force { sent: true } => CLOSE,
        E::WriteStalled | E::Gone | E::Force { sent: false } => ABORT,
        E::TurnedAway | E::HeadComplete { .. } | E::Begun | E::AnsweredAtOnce { .. } => {
            (SAME, Impossible)
        }
        E::Refused | E::BodyComplete | E::AnswerStarted | E::AnswerEnded(_) => (SAME, Impossible),
        E::AnswerFailed { .. } | E::Batched | E::Rested | E::DeadlinePassed => (SAME, Impossible),
        E::Switched(_) | E::Upgraded(_) | E::UpgradeOver => (SAME, Impossible),
    }
}

#[inline(always)]
const fn writing_then_keep(event: Event) -> (State, Effect) {
    const SAME: State = S::Writing(After::KeepAlive);
    match event {
        E::Broken => BROKEN,
        E::BytesArrived | E::PeerEof | E::Drain => (SAME, Effect::Nothing),
        E::Batched => (S::Idle, Effect::SetAside),
        E::Flushed { .. } => (S::Idle, Effect::NextRequest),
        E::Rested => (S::Idle, Effect::Nothing),
        E::WriteStalled | E::Gone | E::Force { .. } => ABORT,
        E::TurnedAway | E::HeadComplete { .. } | E::Begun | E::AnsweredAtOnce { .. } => {
            (SAME, Impossible)
        }
        E::Refused | E::BodyComplete | E::AnswerStarted => (SAME, Impossible),
        E::AnswerEnded(_) | E::AnswerFailed { .. } => (SAME, Impossible),
        E::DeadlinePassed | E::DiscardedEnough => (SAME, Impossible),
        E::Switched(_) | E::Upgraded(_) | E::UpgradeOver => (SAME, Impossible),
    }
}

#[inline(always)]
const fn writing_then_close(event: Event) -> (State, Effect) {
    const SAME: State = S::Writing(After::Close);
    match event {
        E::Broken => BROKEN,
        E::BytesArrived | E::PeerEof | E::Drain => (SAME, Effect::Nothing),
        // RFC 9112 section 9.6: bytes that nobody read would turn the close into a reset.
        E::Flushed { unread: true } => (S::Lingering, Effect::Linger),
        E::Flushed { unread: false } | E::Force { sent: true } => CLOSE,
        E::WriteStalled | E::Gone | E::Force { sent: false } => ABORT,
        E::TurnedAway | E::HeadComplete { .. } | E::Begun | E::AnsweredAtOnce { .. } => {
            (SAME, Impossible)
        }
        E::Refused | E::BodyComplete | E::AnswerStarted => (SAME, Impossible),
        E::AnswerEnded(_) | E::AnswerFailed { .. } => (SAME, Impossible),
        E::Batched | E::Rested | E::DeadlinePassed | E::DiscardedEnough => (SAME, Impossible),
        E::Switched(_) | E::Upgraded(_) | E::UpgradeOver => (SAME, Impossible),
    }
}

#[inline(always)]
const fn discarding(event: Event) -> (State, Effect) {
    match event {
        E::Broken => BROKEN,
        E::BytesArrived => (S::Discarding, Effect::DiscardBody),
        E::BodyComplete => (S::Idle, Effect::NextRequest),
        // The transport has its last word before the sending side is shut down.
        E::Refused | E::DiscardedEnough => (S::WritingUnread(After::Close), Effect::Nothing),
        E::Drain => (S::Discarding, Effect::Nothing),
        E::PeerEof | E::Gone | E::DeadlinePassed | E::Force { .. } => CLOSE,
        E::TurnedAway | E::HeadComplete { .. } | E::Begun | E::AnsweredAtOnce { .. } => {
            (S::Discarding, Impossible)
        }
        E::AnswerStarted | E::AnswerEnded(_) | E::AnswerFailed { .. } => {
            (S::Discarding, Impossible)
        }
        E::Batched | E::Flushed { .. } | E::Rested | E::WriteStalled => (S::Discarding, Impossible),
        E::Switched(_) | E::Upgraded(_) | E::UpgradeOver => (S::Discarding, Impossible),
    }
}

#[inline(always)]
const fn lingering(event: Event) -> (State, Effect) {
    match event {
        // Nothing is opened any more.
        E::Broken => (S::Lingering, Impossible),
        E::BytesArrived => (S::Lingering, Effect::Discard),
        E::Drain => (S::Lingering, Effect::Nothing),
        E::PeerEof | E::Gone | E::DeadlinePassed | E::DiscardedEnough | E::Force { .. } => CLOSE,
        E::TurnedAway | E::HeadComplete { .. } | E::Begun | E::AnsweredAtOnce { .. } => {
            (S::Lingering, Impossible)
        }
        E::Refused | E::BodyComplete | E::AnswerStarted => (S::Lingering, Impossible),
        E::AnswerEnded(_) | E::AnswerFailed { .. } => (S::Lingering, Impossible),
        E::Batched | E::Flushed { .. } | E::Rested | E::WriteStalled => (S::Lingering, Impossible),
        E::Switched(_) | E::Upgraded(_) | E::UpgradeOver => (S::Lingering, Impossible),
    }
}

#[inline(always)]
const fn closing(event: Event) -> (State, Effect) {
    match event {
        // What is queued cannot be sealed.
        E::Broken => (S::Closing, Effect::DropAnswers),
        E::Flushed { .. } => (S::Closed, Effect::Release),
        E::BytesArrived => (S::Closing, Effect::Discard),
        E::DiscardedEnough | E::PeerEof | E::Drain => (S::Closing, Effect::Nothing),
        E::Force { sent: true } => (S::Closing, Effect::Nothing),
        E::WriteStalled | E::Gone | E::Force { sent: false } => ABORT,
        E::TurnedAway | E::HeadComplete { .. } | E::Begun | E::AnsweredAtOnce { .. } => {
            (S::Closing, Impossible)
        }
        E::Refused | E::BodyComplete | E::AnswerStarted => (S::Closing, Impossible),
        E::AnswerEnded(_) | E::AnswerFailed { .. } => (S::Closing, Impossible),
        E::Batched | E::Rested | E::DeadlinePassed => (S::Closing, Impossible),
        E::Switched(_) | E::Upgraded(_) | E::UpgradeOver => (S::Closing, Impossible),
    }
}

const _: () = assert!(
    size_of::<State>() <= 2,
    "a state is kept in every idle connection"
);
const _: () = assert!(
    size_of::<Event>() <= 4 && size_of::<Effect>() <= 4,
    "events and effects travel in registers"
);
