//! One connection of HTTP/2: what received bytes mean, and what is sent. Called by the connection code: bytes go
//! in with [`Session::receive`], a frame or a part of one a call, and come back as [`Arrival`]s; answers are
//! pushed with [`Session::answer`] and what follows it; payload that has to wait for room is taken out with
//! [`Session::poll_output`], all of it into one buffer. Left to others: sockets, timers, and what is answered.
//!
//! A session without streams is plain data of some hundred bytes: it can be parked, handed to another core, or
//! encoded for another process ([`carry`](super::carry)).
//!
//! | module | decides |
//! |---|---|
//! | `streams` | which streams there are |
//! | `receive` | what frames mean |
//! | `data` | what becomes of payload that comes |
//! | `answer` | how an answer is written |
//! | `output` | which payload goes out, and when |
//! | `time` | since when something is waited for, and what happens then |

mod answer;

mod data;

mod output;

mod receive;

pub(super) mod streams;

mod time;

pub use answer::{Answer, Payload};
pub use output::Output;
pub use time::Deadline;
pub(crate) use time::put_off;

use self::data::HalfData;
use self::streams::{Stream, Streams};
use super::budgets::{Budget, Counters, Limits};
use super::code::{ErrorCode, Fault};
use super::flow::{ReceiveWindow, SendWindow};
use super::frame::{self, Flags, NUMBER_MAX, StreamId};
use super::hpack::{Decoder, Encoder};
use super::life::{Effect, Event, Phase};
use super::queue::Queue;
use super::settings::{self, Settings, WINDOW_BYTES_INITIAL};
use super::stream::{self, State};
use crate::http1::head::{HEAD_SIZE_BYTES_MAX, Span};
use crate::http1::refusal::Refusal;
use crate::visited::{self, Cell};
use ::http::HeaderMap;
use bytes::{Bytes, BytesMut};
use std::fmt;

/// The payload of the PING that goes with the first GOAWAY.
const DRAIN_PING: [u8; 8] = *b"ringgate";
/// Resets that are remembered at least. Of a client that may have more streams at a time, as many are: it may not have heard
/// of any of them yet.
const RESETS_KEPT_MIN: u32 = 64;
/// The mark of a reset of the client.
const OF_CLIENT: u32 = 1 << 31;
/// Bytes of the buffer that heads are cut from.
const HEADS_BYTES: usize = 8 << 10;

const _: () = assert!(HEADS_BYTES <= HEAD_SIZE_BYTES_MAX);

/// The next state of a stream, and the effect of `event`.
#[inline(always)]
fn told(state: State, event: stream::Event) -> (State, stream::Effect) {
    visited::note(Cell::Stream(state, event));
    state.on(event)
}

/// The state that one connection keeps.
#[derive(Debug)]
pub struct Session {
    pub(super) decoder: Decoder,
    pub(super) encoder: Encoder,
    /// The client's.
    pub(super) settings: Settings,
    pub(super) own: Own,
    pub(super) send: SendWindow,
    pub(super) receive: ReceiveWindow,
    pub(super) streams: Streams,
    queue: Queue,
    /// A field section that has not ended.
    block: Option<Box<HalfBlock>>,
    /// A DATA frame that has not ended.
    data: Option<HalfData>,
    /// Streams that were reset before the client had ended its side, oldest first; with a mark, if the client did it.
    pub(super) resets: Vec<StreamId>,
    /// The most streams at a time that the client was allowed, and no less than [`RESETS_KEPT_MIN`].
    resets_kept: u32,
    counters: Counters,
    pub(super) phase: Phase,
    /// The greatest stream that the client has used.
    pub(super) highest: StreamId,
    /// The last stream that may be served.
    last: StreamId,
    /// The second since which there is no stream, or, without a preface, the connection.
    pub(super) since: u32,
    /// The second in which payload went out last.
    moved: u32,
    /// The second in which the client used up the connection's window last.
    used_up: u32,
    /// The second of the first GOAWAY.
    announced: u32,
    /// Frames in answer to the client's that wait until it takes them.
    controls: u16,
    /// How many of them are in the send that is under way, as far as that is known.
    controls_sending: u16,
}

const _: () = assert!(
    size_of::<Session>() <= 384,
    "a session is kept for each idle connection"
);

/// The settings of this side that the client was told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Own {
    pub(super) stream_window: u32,
    pub(super) connection_window: u32,
    pub(super) header_table_size: u32,
    /// Whether a CONNECT may ask for a protocol. A client that was told so may go on (RFC 8441 section 3).
    pub(super) extended_connect: bool,
}

impl Own {
    fn of(limits: &Limits) -> Own {
        Own {
            stream_window: limits.stream_window.min(NUMBER_MAX),
            connection_window: limits
                .connection_window
                .clamp(WINDOW_BYTES_INITIAL, NUMBER_MAX),
            header_table_size: limits.header_table_size,
            extended_connect: limits.extended_connect,
        }
    }
}

/// A field section in several frames (RFC 9113 section 4.3).
#[derive(Debug)]
struct HalfBlock {
    stream: StreamId,
    bytes: Vec<u8>,
    /// Whether it ends its stream.
    end: bool,
    is_own_child: bool,
    continuations: u16,
    since: u32,
}

/// The things that the connection code lends while bytes are read or answers written.
pub struct Desk<'d> {
    /// Bounds on what the client sends.
    pub limits: &'d Limits,
    /// The time, in seconds since any moment.
    pub seconds: u32,
    /// Memory of the core.
    pub room: &'d mut Room,
    /// The output.
    pub out: &'d mut Vec<u8>,
}

/// Memory for what blocks say, one for all connections of a core.
#[derive(Debug, Default)]
pub struct Room {
    text: Vec<u8>,
    scratch: Vec<u8>,
    heads: BytesMut,
}

impl Room {
    /// The text of a head, in a piece of its own.
    #[inline]
    fn cut(&mut self) -> Bytes {
        if self.heads.capacity() < self.text.len() {
            self.heads.reserve(self.text.len().max(HEADS_BYTES));
        }
        self.heads.extend_from_slice(&self.text);
        self.heads.split().freeze()
    }
}

/// The meaning of the front of a slice.
#[derive(Debug, PartialEq)]
pub struct Received<'a> {
    /// Bytes of the slice that are done with.
    pub used: usize,
    /// The meaning of these bytes.
    pub arrival: Arrival<'a>,
}

/// The meaning of received bytes.
#[derive(Debug, PartialEq)]
pub enum Arrival<'a> {
    /// Nothing can be said, and nothing was changed, before the slice is this long.
    Needs(usize),
    /// Nothing that anybody has to hear of. There may be something to send.
    Nothing,
    /// A request, whose head is where the caller wanted it.
    Head {
        /// The stream.
        stream: StreamId,
        /// The bytes that the head has its spans in.
        bytes: Bytes,
        /// Whether the request ends with it.
        end: bool,
        /// `:protocol` of an extended CONNECT.
        protocol: Option<Span>,
    },
    /// A request that is to be answered with this, and not to be begun.
    Refused {
        /// The stream.
        stream: StreamId,
        /// The answer.
        refusal: Refusal,
        /// The budget that the head exceeds, if that is why.
        exceeded: Option<Budget>,
    },
    /// Payload of a request; to be given back with [`Session::took`].
    Data {
        /// The stream.
        stream: StreamId,
        /// The payload, where it was received; may be empty at the end.
        bytes: &'a [u8],
        /// Whether the request ends with it.
        end: bool,
    },
    /// The end of a request, with trailers.
    Trailers {
        /// The stream.
        stream: StreamId,
        /// The fields.
        fields: Box<HeaderMap>,
    },
    /// A stream is over before its time: nothing more comes, and nothing can be sent. The caller may not have
    /// heard of it before.
    Ended {
        /// The stream.
        stream: StreamId,
        /// Why.
        why: End,
    },
}

const _: () = assert!(
    size_of::<Arrival<'_>>() <= 56,
    "an arrival is moved from function to function"
);

/// Why a stream ended before its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The client reset it.
    Cancelled(ErrorCode),
    /// The client broke the protocol, or was too slow, and was told.
    Broken(Fault),
}

/// Nothing can be sent on a stream: it is over, or its answer is complete.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gone;

impl fmt::Display for Gone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the stream takes no answer any more")
    }
}

impl std::error::Error for Gone {}

impl Session {
    /// A session whose client has sent nothing yet. The session writes its first frames when the preface was read, or it
    /// ends before that.
    pub fn new(limits: &Limits, seconds: u32) -> Session {
        Session::of(Own::of(limits), seconds)
    }

    pub(super) fn of(own: Own, seconds: u32) -> Session {
        Session {
            decoder: Decoder::new(own.header_table_size),
            encoder: Encoder::default(),
            settings: Settings::default(),
            own,
            send: SendWindow::new(WINDOW_BYTES_INITIAL),
            receive: ReceiveWindow::new(own.connection_window),
            streams: Streams::default(),
            queue: Queue::default(),
            block: None,
            data: None,
            resets: Vec::new(),
            resets_kept: RESETS_KEPT_MIN,
            counters: Counters::default(),
            phase: Phase::Preface,
            highest: StreamId::CONNECTION,
            last: StreamId::MAX,
            since: seconds,
            moved: seconds,
            used_up: seconds,
            announced: 0,
            controls: 0,
            controls_sending: 0,
        }
    }

    /// Where the connection stands.
    pub fn phase(&self) -> Phase {
        self.phase
    }

    /// Streams at present, in whatever state.
    pub fn streams(&self) -> usize {
        self.streams.len()
    }

    /// Whether nothing is under way: the session is open, without streams, with no frame half received, and no
    /// payload that is still to be given back.
    pub fn is_idle(&self) -> bool {
        self.streams.is_empty() && self.rests()
    }

    /// Whether the session is nothing but what [`Session::encode`](super::carry) can carry: as
    /// [`Session::is_idle`], but for streams that are open tunnels with nothing to send.
    pub fn rests(&self) -> bool {
        let is_between_frames = self.block.is_none() && self.data.is_none();
        let given_back = i64::from(self.receive.left()) + i64::from(self.receive.taken());
        self.phase == Phase::Open
            && self.streams.iter().all(Stream::rests)
            && is_between_frames
            && given_back == i64::from(self.own.connection_window)
    }

    /// The streams at present, in the order of their numbers.
    pub fn open_streams(&self) -> impl Iterator<Item = StreamId> {
        self.streams.iter().map(|stream| stream.id)
    }

    /// Memory beside the session itself, in bytes.
    pub fn memory(&self) -> usize {
        let block = self.block.as_ref();
        let block = block.map_or(0, |half| size_of::<HalfBlock>() + half.bytes.capacity());
        self.decoder.table().memory()
            + self.encoder.table().memory()
            + self.streams.memory()
            + self.queue.memory()
            + self.resets.capacity() * size_of::<StreamId>()
            + block
    }

    /// The client has taken everything that was queued.
    #[inline]
    pub fn flushed(&mut self) {
        self.controls = 0;
        self.controls_sending = 0;
    }

    /// The client has taken what was sent, and more is queued. `all`: the next send has all of that.
    pub fn partly_flushed(&mut self, all: bool) {
        self.controls -= self.controls_sending;
        self.controls_sending = if all { self.controls } else { 0 };
    }

    /// The first frames of this side, which nothing may precede (section 3.4). The limits may have changed since the
    /// session began: what is told here is what counts.
    #[cold]
    fn introduce(&mut self, desk: &mut Desk<'_>) {
        self.own = Own::of(desk.limits);
        self.receive = ReceiveWindow::new(self.own.connection_window);
        self.decoder = Decoder::new(self.own.header_table_size);
        settings::write_first(desk.limits, desk.out);
    }

    /// The server drains: the client is told, and what it has begun is served.
    pub fn drain(&mut self, desk: &mut Desk<'_>) {
        if self.phase == Phase::Preface {
            self.introduce(desk);
        }
        self.announce(Event::Drain, desk.seconds, desk.out);
    }

    /// The connection ends as soon as the client has heard of it: the server drains, or there was no stream for too long.
    fn announce(&mut self, event: Event, seconds: u32, out: &mut Vec<u8>) {
        self.announced = seconds;
        self.step(event, out);
    }

    /// The one place where the phase changes.
    fn step(&mut self, event: Event, out: &mut Vec<u8>) {
        visited::note(Cell::Session(self.phase, event));
        let (phase, effect) = self.phase.on(event);
        debug_assert!(
            effect != Effect::Impossible,
            "{event:?} in {:?}",
            self.phase
        );
        self.phase = phase;
        match effect {
            Effect::Announce => {
                frame::write_go_away(StreamId::MAX, ErrorCode::NO_ERROR, "", out);
                frame::write_ping(DRAIN_PING, Flags::NONE, out);
            }
            Effect::Leave => {
                self.last = self.highest;
                frame::write_go_away(self.last, ErrorCode::NO_ERROR, "", out);
                if self.streams.is_empty() {
                    self.step(Event::LastStreamEnded, out);
                }
            }
            // `fail` has written it: the fault is there.
            Effect::Accuse | Effect::Nothing | Effect::Impossible => {}
        }
    }

    /// The connection ends with a fault of the client.
    fn fail(&mut self, fault: Fault, desk: &mut Desk<'_>) {
        if self.phase == Phase::Preface {
            self.introduce(desk);
        }
        if self.phase != Phase::Over {
            let last = self.highest.min(self.last);
            frame::write_go_away(last, fault.code, fault.why, desk.out);
        }
        self.step(Event::Failed, desk.out);
        self.streams = Streams::default();
        self.queue = Queue::default();
        self.block = None;
        self.data = None;
    }

    /// Where a stream stands, whether it is remembered or not.
    fn state_of(&self, stream: StreamId) -> State {
        if let Some(found) = self.streams.get(stream) {
            return found.state;
        }
        if stream > self.highest || !stream.is_clients() {
            return State::Idle;
        }
        match stream > self.last || self.resets.contains(&stream) {
            true => State::Reset,
            false => State::Ended,
        }
    }

    /// A stream is over. A holder of its payload gives that back as before.
    fn forget(&mut self, stream: StreamId, seconds: u32, out: &mut Vec<u8>) {
        let Some(over) = self.streams.remove(stream) else {
            return;
        };
        if over.pending.is_some() {
            self.queue.remove(stream);
        }
        if self.streams.is_empty() {
            self.since = seconds;
            self.queue.give_up_excess();
            self.step(Event::LastStreamEnded, out);
        }
    }

    /// Writes a reset, and forgets the stream.
    fn reset_with(&mut self, stream: StreamId, code: ErrorCode, seconds: u32, out: &mut Vec<u8>) {
        frame::write_reset(stream, code, out);
        let is_awaited = match self.streams.get(stream) {
            Some(found) => found.state.is_receiving(),
            None => true,
        };
        if is_awaited {
            self.remember(stream);
        }
        self.forget(stream, seconds, out);
    }

    /// Remembers a reset: frames that come behind it are no fault of the connection.
    fn remember(&mut self, reset: StreamId) {
        if self.resets.len() >= self.resets_kept as usize {
            self.resets.remove(0);
        }
        self.resets.push(reset);
    }

    /// Whether the client is known to have reset this stream.
    fn was_cancelled(&self, stream: StreamId) -> bool {
        self.resets.contains(&StreamId(stream.0 | OF_CLIENT))
    }

    /// A stream ends by a fault of the client, which the client pays for.
    ///
    /// # Errors
    /// Too many did, or the stream was never opened: the connection ends.
    fn break_stream(
        &mut self,
        stream: StreamId,
        fault: Fault,
        desk: &mut Desk<'_>,
    ) -> Result<Arrival<'static>, Fault> {
        // Section 6.4: a stream that was never opened, by an even number as well, cannot be reset.
        if self.state_of(stream) == State::Idle {
            return Err(fault);
        }
        self.spend(Budget::ResetsMade, desk)?;
        self.count_control(desk.limits)?;
        self.reset_with(stream, fault.code, desk.seconds, desk.out);
        let why = End::Broken(fault);
        Ok(Arrival::Ended { stream, why })
    }

    #[inline]
    fn spend(&mut self, budget: Budget, desk: &Desk<'_>) -> Result<(), Fault> {
        match self.counters.spend(budget, desk.seconds, desk.limits) {
            true => Ok(()),
            false => Err(Fault::calm(budget)),
        }
    }

    /// One more frame goes out because of one that came.
    fn count_control(&mut self, limits: &Limits) -> Result<(), Fault> {
        if self.controls >= limits.queued_controls {
            return Err(Fault::calm(Budget::QueuedControls));
        }
        self.controls += 1;
        Ok(())
    }
}
