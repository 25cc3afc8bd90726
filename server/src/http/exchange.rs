//! What a connection does next: the life of one request after another as a total function of state
//! and event. The connection code holds a [`State`], tells it what happened, and performs the
//! [`Effect`]; it decides nothing itself. Deliberately not here: bytes, buffers, clocks, and moving
//! a connection to another core, which leaves this state as it is.
//!
//! ```text
//!            bytes          head               answer         flushed, batched
//!   Idle ----------> Head --------> Running ----------> Writing ---------> Idle
//!    ^                 |  with body     ^ body read        ^ body read       (or Closed)
//!    |                 +---------> Receiving ------> WritingUnread
//!    |  rest of the body discarded          answer         | flushed
//!    +------------------ Draining <------------------------+
//!                            | too much                    | close
//!                            +--------> Lingering <--------+
//!                                           | EOF, deadline, too much
//!                                           v
//!                                         Closed
//! ```
//!
//! Streaming and StreamingReceiving are Running and Receiving once the head of the answer is out:
//! from then on a failure cannot become an error answer, only a cut.

use ::http::StatusCode;
use std::num::NonZeroU32;

/// What happens to the connection after an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum After {
    /// The next request is read.
    KeepAlive,
    /// The connection is closed.
    Close,
}

/// What is left of a request's body when its answer begins or ends.
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
    /// What the client wants: [`Head::keep_alive`](super::head::Head::keep_alive).
    pub request_keep_alive: bool,
    /// Whether the handler wants the connection closed.
    pub handler_closes: bool,
    /// Whether this server is draining.
    pub draining: bool,
    /// Requests of this connection, with the one being answered.
    pub served: u32,
    /// Most requests a connection may carry; None for no bound.
    pub served_max: Option<NonZeroU32>,
    /// What is left of the request's body.
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
        draining,
        served,
        served_max,
        unread,
    } = *circumstances;
    let exhausted = served_max.is_some_and(|most| served >= most.get());
    let readable = match unread {
        UnreadBody::None | UnreadBody::Discardable => true,
        UnreadBody::TooMuch | UnreadBody::ContinueUnsent => false,
    };
    match request_keep_alive && !handler_closes && !draining && !exhausted && readable {
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
    Draining,
    /// Nothing is sent any more; what arrives is thrown away, so that the kernel does not reset
    /// the connection before the client has read the answer (RFC 9112 section 9.6).
    Lingering,
    /// Over.
    Closed,
}

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Event {
    /// There are unread bytes.
    BytesArrived,
    /// The head parser found a whole head.
    HeadComplete {
        /// Whether a part of the body is still to come.
        body_pending: bool,
    },
    /// The head parser or the body decoder refused the bytes.
    Refused,
    /// The body decoder saw the end of the body.
    BodyComplete,
    /// The head of an answer is queued, and more of the answer will follow.
    AnswerStarted,
    /// The last byte of the answer is queued.
    AnswerEnded(After),
    /// The handler panicked or gave up. What would follow an error answer: see [`after_answer`].
    HandlerFailed(After),
    /// A further request is there already: the complete answer stays queued, so that all answers
    /// of a pipelined batch leave in one send. Instead of Flushed, which comes after the batch.
    Batched,
    /// Everything queued is with the kernel.
    Flushed {
        /// Whether unread bytes are there.
        unread: bool,
    },
    /// The client ended its side of the connection.
    PeerEof,
    /// The connection broke.
    Reset,
    /// The deadline in force passed ([`State::deadline`]), and it was not [`Deadline::Write`].
    DeadlinePassed,
    /// [`Deadline::Write`] passed.
    WriteStalled,
    /// As many bytes were thrown away as the caller's cap allows.
    DiscardedEnough,
    /// The server drains. An idle connection is told once its grace is over: it closes.
    Drain,
    /// The server stops now.
    Force,
}

/// What the connection code has to do.
#[must_use]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Effect {
    /// Nothing; wait for the next event.
    Nothing,
    /// Parse the unread bytes as a head.
    ReadHead,
    /// Decode the unread bytes as body, for the handler.
    ReadBody,
    /// Decode the unread bytes as body, and throw the payload away.
    DiscardBody,
    /// Throw the unread bytes away.
    Discard,
    /// Leave the bytes unread: they belong to a later request, or to none.
    Hold,
    /// Give the request to its handler.
    RunHandler,
    /// Drop the handler if one runs; queue an answer that says why the bytes were refused.
    AnswerRefusal,
    /// Drop the handler if one runs; queue an error answer of this status.
    AnswerError(StatusCode),
    /// Begin with the next request: deliver `BytesArrived` if bytes are unread, else `PeerEof` if
    /// it was remembered.
    NextRequest,
    /// Remember that the client will send nothing more, and finish what it asked for.
    RememberEof,
    /// Shut down the sending side, and throw away what arrives.
    Linger,
    /// Close, once what is queued is sent.
    Close,
    /// Drop the handler and the unsent bytes, and close.
    Abort,
    /// This cannot happen in this state: a mistake of the caller, worth a debug assertion.
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
    /// From the shutdown of the sending side to the close.
    Linger,
}

const TIMED_OUT: Effect = Effect::AnswerError(StatusCode::REQUEST_TIMEOUT);
const FAILED: Effect = Effect::AnswerError(StatusCode::INTERNAL_SERVER_ERROR);
const CUT: Effect = Effect::AnswerError(StatusCode::BAD_REQUEST);

impl State {
    /// What `event` leads to.
    #[inline]
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
            State::Draining => draining(event),
            State::Lingering => lingering(event),
            State::Closed => (State::Closed, Effect::Nothing),
        }
    }

    /// The time limit in force. `sending`: whether bytes wait for the client to take them; then
    /// its slowness is what is measured, whatever else the state waits for.
    #[inline]
    #[must_use]
    pub const fn deadline(self, sending: bool) -> Option<Deadline> {
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
            // How long a handler may think is its own business.
            State::Running | State::Streaming => None,
            State::WritingUnread(_) | State::Writing(_) => Some(Deadline::Write),
            State::Draining => Some(Deadline::Body),
            State::Lingering => Some(Deadline::Linger),
            State::Closed => None,
        }
    }
}

use Effect::Impossible;
use Event as E;
use State as S;

const fn idle(event: Event) -> (State, Effect) {
    match event {
        E::BytesArrived => (S::Head, Effect::ReadHead),
        // RFC 9112 section 9.5: an idle connection may be closed at any time.
        E::PeerEof | E::DeadlinePassed | E::Drain => (S::Closed, Effect::Close),
        // The last answers of a batch are out.
        E::Flushed { .. } => (S::Idle, Effect::Nothing),
        E::WriteStalled | E::Reset | E::Force => (S::Closed, Effect::Abort),
        E::HeadComplete { .. } | E::Refused | E::BodyComplete | E::AnswerStarted => {
            (S::Idle, Impossible)
        }
        E::AnswerEnded(_) | E::HandlerFailed(_) | E::Batched | E::DiscardedEnough => {
            (S::Idle, Impossible)
        }
    }
}

const fn head(event: Event) -> (State, Effect) {
    match event {
        E::BytesArrived => (S::Head, Effect::ReadHead),
        E::HeadComplete { body_pending: true } => (S::Receiving, Effect::RunHandler),
        E::HeadComplete {
            body_pending: false,
        } => (S::Running, Effect::RunHandler),
        E::Refused => (S::WritingUnread(After::Close), Effect::AnswerRefusal),
        // RFC 9110 section 15.5.9.
        E::DeadlinePassed => (S::WritingUnread(After::Close), TIMED_OUT),
        // Half a head asks for nothing.
        E::PeerEof => (S::Closed, Effect::Close),
        // The answer will announce the close; the answers of a batch are out.
        E::Drain | E::Flushed { .. } => (S::Head, Effect::Nothing),
        E::WriteStalled | E::Reset | E::Force => (S::Closed, Effect::Abort),
        E::BodyComplete | E::AnswerStarted | E::AnswerEnded(_) | E::HandlerFailed(_) => {
            (S::Head, Impossible)
        }
        E::Batched | E::DiscardedEnough => (S::Head, Impossible),
    }
}

const fn receiving(event: Event) -> (State, Effect) {
    match event {
        E::BytesArrived => (S::Receiving, Effect::ReadBody),
        E::BodyComplete => (S::Running, Effect::Nothing),
        E::Refused => (S::WritingUnread(After::Close), Effect::AnswerRefusal),
        E::AnswerStarted => (S::StreamingReceiving, Effect::Nothing),
        E::AnswerEnded(after) => (S::WritingUnread(after), Effect::Nothing),
        E::HandlerFailed(_) => (S::WritingUnread(After::Close), FAILED),
        // `100 Continue` is out, or the answers of a batch.
        E::Flushed { .. } => (S::Receiving, Effect::Nothing),
        // RFC 9112 section 8: the request is incomplete, and an error answer may say so.
        E::PeerEof => (S::Writing(After::Close), CUT),
        E::DeadlinePassed => (S::WritingUnread(After::Close), TIMED_OUT),
        E::Drain => (S::Receiving, Effect::Nothing),
        E::WriteStalled | E::Reset | E::Force => (S::Closed, Effect::Abort),
        E::HeadComplete { .. } | E::Batched | E::DiscardedEnough => (S::Receiving, Impossible),
    }
}

const fn running(event: Event) -> (State, Effect) {
    match event {
        // RFC 9112 section 9.3.2: pipelined requests wait for their turn.
        E::BytesArrived => (S::Running, Effect::Hold),
        E::AnswerStarted => (S::Streaming, Effect::Nothing),
        E::AnswerEnded(after) => (S::Writing(after), Effect::Nothing),
        E::HandlerFailed(after) => (S::Writing(after), FAILED),
        E::Flushed { .. } | E::Drain => (S::Running, Effect::Nothing),
        // A client may end its side and still read (RFC 9112 section 9.6 asks no more of it).
        E::PeerEof => (S::Running, Effect::RememberEof),
        E::WriteStalled | E::Reset | E::Force => (S::Closed, Effect::Abort),
        E::HeadComplete { .. } | E::Refused | E::BodyComplete | E::DiscardedEnough => {
            (S::Running, Impossible)
        }
        // How long a handler may think is its own business.
        E::Batched | E::DeadlinePassed => (S::Running, Impossible),
    }
}

const fn streaming_receiving(event: Event) -> (State, Effect) {
    match event {
        E::BytesArrived => (S::StreamingReceiving, Effect::ReadBody),
        E::BodyComplete => (S::Streaming, Effect::Nothing),
        E::AnswerEnded(after) => (S::WritingUnread(after), Effect::Nothing),
        E::Flushed { .. } | E::Drain => (S::StreamingReceiving, Effect::Nothing),
        // The answer has begun: only a cut tells the client that it is not whole.
        E::Refused | E::HandlerFailed(_) | E::PeerEof | E::DeadlinePassed => {
            (S::Closed, Effect::Abort)
        }
        E::WriteStalled | E::Reset | E::Force => (S::Closed, Effect::Abort),
        E::HeadComplete { .. } | E::AnswerStarted | E::Batched | E::DiscardedEnough => {
            (S::StreamingReceiving, Impossible)
        }
    }
}

const fn streaming(event: Event) -> (State, Effect) {
    match event {
        E::BytesArrived => (S::Streaming, Effect::Hold),
        E::AnswerEnded(after) => (S::Writing(after), Effect::Nothing),
        E::Flushed { .. } | E::Drain => (S::Streaming, Effect::Nothing),
        E::PeerEof => (S::Streaming, Effect::RememberEof),
        E::HandlerFailed(_) | E::WriteStalled | E::Reset | E::Force => (S::Closed, Effect::Abort),
        E::HeadComplete { .. } | E::Refused | E::BodyComplete => (S::Streaming, Impossible),
        E::AnswerStarted | E::Batched | E::DeadlinePassed | E::DiscardedEnough => {
            (S::Streaming, Impossible)
        }
    }
}

const fn writing_unread_then_keep(event: Event) -> (State, Effect) {
    const SAME: State = S::WritingUnread(After::KeepAlive);
    match event {
        E::BytesArrived => (SAME, Effect::DiscardBody),
        E::BodyComplete => (S::Writing(After::KeepAlive), Effect::Nothing),
        // Nothing says any more where a next request begins.
        E::Refused | E::DiscardedEnough => (S::WritingUnread(After::Close), Effect::Nothing),
        E::Flushed { unread: true } => (S::Draining, Effect::DiscardBody),
        E::Flushed { unread: false } => (S::Draining, Effect::Nothing),
        E::PeerEof => (S::Writing(After::Close), Effect::Nothing),
        E::Drain => (SAME, Effect::Nothing),
        E::WriteStalled | E::Reset | E::Force => (S::Closed, Effect::Abort),
        E::HeadComplete { .. } | E::AnswerStarted | E::AnswerEnded(_) | E::HandlerFailed(_) => {
            (SAME, Impossible)
        }
        E::Batched | E::DeadlinePassed => (SAME, Impossible),
    }
}

const fn writing_unread_then_close(event: Event) -> (State, Effect) {
    const SAME: State = S::WritingUnread(After::Close);
    match event {
        // A client that reads only when it has sent everything must get that far.
        E::BytesArrived => (SAME, Effect::Discard),
        E::DiscardedEnough => (SAME, Effect::Hold),
        E::Flushed { .. } => (S::Lingering, Effect::Linger),
        E::PeerEof => (S::Writing(After::Close), Effect::Nothing),
        E::Drain => (SAME, Effect::Nothing),
        E::WriteStalled | E::Reset | E::Force => (S::Closed, Effect::Abort),
        E::HeadComplete { .. } | E::Refused | E::BodyComplete | E::AnswerStarted => {
            (SAME, Impossible)
        }
        E::AnswerEnded(_) | E::HandlerFailed(_) | E::Batched | E::DeadlinePassed => {
            (SAME, Impossible)
        }
    }
}

const fn writing_then_keep(event: Event) -> (State, Effect) {
    const SAME: State = S::Writing(After::KeepAlive);
    match event {
        E::BytesArrived => (SAME, Effect::Hold),
        E::Batched | E::Flushed { .. } => (S::Idle, Effect::NextRequest),
        E::PeerEof => (SAME, Effect::RememberEof),
        E::Drain => (SAME, Effect::Nothing),
        E::WriteStalled | E::Reset | E::Force => (S::Closed, Effect::Abort),
        E::HeadComplete { .. } | E::Refused | E::BodyComplete | E::AnswerStarted => {
            (SAME, Impossible)
        }
        E::DeadlinePassed => (SAME, Impossible),
        E::AnswerEnded(_) | E::HandlerFailed(_) | E::DiscardedEnough => (SAME, Impossible),
    }
}

const fn writing_then_close(event: Event) -> (State, Effect) {
    const SAME: State = S::Writing(After::Close);
    match event {
        E::BytesArrived => (SAME, Effect::Hold),
        // RFC 9112 section 9.6: bytes that nobody read would turn the close into a reset.
        E::Flushed { unread: true } => (S::Lingering, Effect::Linger),
        E::Flushed { unread: false } => (S::Closed, Effect::Close),
        E::PeerEof => (SAME, Effect::RememberEof),
        E::Drain => (SAME, Effect::Nothing),
        E::WriteStalled | E::Reset | E::Force => (S::Closed, Effect::Abort),
        E::HeadComplete { .. } | E::Refused | E::BodyComplete | E::AnswerStarted => {
            (SAME, Impossible)
        }
        E::Batched | E::DeadlinePassed => (SAME, Impossible),
        E::AnswerEnded(_) | E::HandlerFailed(_) | E::DiscardedEnough => (SAME, Impossible),
    }
}

const fn draining(event: Event) -> (State, Effect) {
    match event {
        E::BytesArrived => (S::Draining, Effect::DiscardBody),
        E::BodyComplete => (S::Idle, Effect::NextRequest),
        E::Refused | E::DiscardedEnough => (S::Lingering, Effect::Linger),
        E::Drain => (S::Draining, Effect::Nothing),
        E::PeerEof | E::Reset | E::DeadlinePassed | E::Force => (S::Closed, Effect::Close),
        E::HeadComplete { .. } | E::AnswerStarted | E::AnswerEnded(_) | E::HandlerFailed(_) => {
            (S::Draining, Impossible)
        }
        E::Batched | E::Flushed { .. } | E::WriteStalled => (S::Draining, Impossible),
    }
}

const fn lingering(event: Event) -> (State, Effect) {
    match event {
        E::BytesArrived => (S::Lingering, Effect::Discard),
        E::Drain => (S::Lingering, Effect::Nothing),
        E::PeerEof | E::Reset | E::DeadlinePassed | E::DiscardedEnough | E::Force => {
            (S::Closed, Effect::Close)
        }
        E::HeadComplete { .. } | E::Refused | E::BodyComplete | E::AnswerStarted => {
            (S::Lingering, Impossible)
        }
        E::WriteStalled => (S::Lingering, Impossible),
        E::AnswerEnded(_) | E::HandlerFailed(_) | E::Batched | E::Flushed { .. } => {
            (S::Lingering, Impossible)
        }
    }
}

const _: () = assert!(
    size_of::<State>() <= 2,
    "a state is kept in every idle connection"
);
