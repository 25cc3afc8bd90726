//! One WebSocket: what received bytes mean, and what is answered to them. Called by the connection code with
//! the bytes that it has, one frame a call; messages come back as [`Arrival`]s, and Pongs and Closes go
//! straight into the output. Left to others: sending, timers, and what a message means.

use super::code::{CloseCode, Fault};
use super::deflate::{Deflater, Inflater, Terms};
use super::frame::{self, Header, Opcode, Side};
use super::life::{Deadline, Effect, Event, State, Waiting};
use super::limits::{CONTROL_WINDOW_SECONDS, Limits};
use super::mask;
use super::message::{self, HalfMessage, Kind, Part};
use super::writer::{self, Broadcast, Message};
use crate::visited::{self, Cell};
use bytes::Bytes;
use std::borrow::Cow;
use std::fmt;
use std::str::from_utf8;

/// The state that one connection keeps.
#[derive(Default)]
pub struct Conversation {
    half: Option<Box<HalfMessage>>,
    /// The second in which counting of control frames began.
    window: u32,
    controls: u16,
    pub(super) state: State,
    /// Whether a Ping was sent and nothing came since.
    pub(super) asked: bool,
    /// Bytes that were looked at and left unread, because more is needed: a frame header, or a control frame.
    left: u8,
    /// Whether a message of this side is half sent.
    half_sent: bool,
    pub(super) terms: Option<Terms>,
}

const _: () = assert!(
    size_of::<Conversation>() <= 24,
    "a conversation is kept in every idle connection"
);

/// The things that the connection code lends while bytes are read.
pub struct Desk<'d> {
    /// Bounds on what the client sends.
    pub limits: &'d Limits,
    /// The time, in seconds since any moment.
    pub seconds: u32,
    /// The output.
    pub out: &'d mut Vec<u8>,
}

/// The meaning of the front of a slice.
#[derive(Debug, PartialEq, Eq)]
pub struct Received<'a> {
    /// Bytes of the slice that are done with.
    pub used: usize,
    /// The meaning of these bytes.
    pub arrival: Arrival<'a>,
}

/// The meaning of received bytes.
#[derive(Debug, PartialEq, Eq)]
pub enum Arrival<'a> {
    /// Nothing can be said, and nothing was changed, before the slice is this long.
    Needs(usize),
    /// Nothing that anybody has to hear of.
    Nothing,
    /// A text message: borrowed where it was received, or gathered.
    Text(Cow<'a, str>),
    /// A binary message.
    Binary(Cow<'a, [u8]>),
    /// A part of a message ([`super::limits::Delivery::Parts`]).
    Part(Part<'a>),
    /// A Ping, which is answered.
    Ping(&'a [u8]),
    /// A Pong.
    Pong(&'a [u8]),
    /// The other side's Close, which is answered: its code and reason. No code is 1005 to applications.
    Close(Option<CloseCode>, &'a str),
}

/// Why a message is not sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SendError {
    /// The conversation is over, or about to be.
    Closed,
    /// Another message is half sent.
    HalfSent,
    /// Too much waits for the client already.
    Full,
}

impl fmt::Display for SendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            SendError::Closed => "the WebSocket is closed",
            SendError::HalfSent => "another message is half sent; end it first",
            SendError::Full => "too much waits for the client already; send again later",
        })
    }
}

impl std::error::Error for SendError {}

impl<'a> Received<'a> {
    const fn of(used: usize, arrival: Arrival<'a>) -> Self {
        Received { used, arrival }
    }
}

impl Conversation {
    /// A conversation whose handshake was accepted on these terms.
    pub fn new(terms: Option<Terms>) -> Conversation {
        Conversation {
            terms,
            ..Conversation::default()
        }
    }

    /// Where the conversation stands.
    pub fn state(&self) -> State {
        self.state
    }

    /// The compression that was agreed on.
    pub fn terms(&self) -> Option<Terms> {
        self.terms
    }

    /// Whether messages may be sent.
    pub fn may_send(&self) -> bool {
        self.state == State::Open
    }

    /// Whether the conversation is nothing but what [`Conversation::encode`](super::carry) can carry: open,
    /// with no message half received or half sent, and no context kept.
    pub fn is_idle(&self) -> bool {
        let keeps_context = self.terms.is_some_and(|terms| terms.keeps_context());
        let is_in_message = self.half_sent || self.half.is_some();
        self.state == State::Open && !is_in_message && !keeps_context
    }

    /// Whether a message is half received.
    pub(crate) fn is_in_message(&self) -> bool {
        self.half.is_some()
    }

    /// Whether some of `bytes`, all that is unread, were not looked at before.
    pub(crate) fn is_news(&self, bytes: &[u8]) -> bool {
        bytes.len() > usize::from(self.left)
    }

    /// Memory that a message half received takes, in bytes: at most twice what came of it.
    pub fn held(&self) -> usize {
        self.half.as_ref().map_or(0, |half| half.held())
    }

    /// The time limit in force. `sending`: whether bytes wait for the client to take them.
    pub fn deadline(&self, sending: bool) -> Option<Deadline> {
        self.state.deadline(Waiting {
            sending,
            asked: self.asked,
            in_message: self.half.is_some(),
        })
    }

    /// Reads the front of `bytes`, where payloads are unmasked in place. The caller comes again with what is
    /// left until nothing is, or more is needed.
    ///
    /// `inflater` is the core's, or the connection's own if the client keeps its context.
    ///
    /// # Errors
    /// The client broke the protocol or a limit: a Close that says so is in the output, unless one was
    /// there, and whatever else comes is thrown away.
    pub fn receive<'a>(
        &mut self,
        bytes: &'a mut [u8],
        inflater: &'a mut Inflater,
        desk: &mut Desk<'_>,
    ) -> Result<Received<'a>, Fault> {
        visited::note(Cell::Conversation(self.state, Event::BytesArrived));
        let (_, effect) = self.state.on(Event::BytesArrived);
        if effect != Effect::Read {
            debug_assert!(effect != Effect::Impossible, "{:?}", self.state);
            return Ok(Received::of(bytes.len(), Arrival::Nothing));
        }
        self.asked &= !self.is_news(bytes);
        let length = bytes.len();
        let received = self.read(bytes, inflater, desk);
        let needs_more = matches!(&received, Ok(it) if matches!(it.arrival, Arrival::Needs(_)));
        self.left = if needs_more {
            u8::try_from(length).unwrap_or(u8::MAX)
        } else {
            0
        };
        if let Err(fault) = received {
            let _: Effect = self.step(Event::Failed(fault), None, "", desk.out);
        }
        received
    }

    fn read<'a>(
        &mut self,
        bytes: &'a mut [u8],
        inflater: &'a mut Inflater,
        desk: &mut Desk<'_>,
    ) -> Result<Received<'a>, Fault> {
        if self
            .half
            .as_ref()
            .is_some_and(|half| !half.frame_is_whole())
        {
            return self.go_on(bytes, 0, inflater, desk.limits);
        }
        let needs = bytes.len() + 1;
        let Some((header, size)) = frame::read(bytes, Side::Client, self.terms.is_some())? else {
            return Ok(Received::of(0, Arrival::Needs(needs)));
        };
        if header.opcode.is_control() {
            return self.control(&header, size, bytes, desk);
        }
        let limits = desk.limits;
        match (&mut self.half, message::kind_of(&header, self.terms)) {
            (None, None) => return Err(Fault::NothingToContinue),
            (Some(_), Some(_)) => return Err(Fault::MessageInMessage),
            (Some(half), None) => half.continue_with(&header, limits)?,
            (None, Some((kind, terms))) => {
                let is_gathered = message::is_gathered(terms, limits);
                let length = message::admit(&header, is_gathered, 0, 0, limits)?;
                let end = size + length;
                if header.fin && bytes.len() >= end {
                    let payload = unmasked(&header, &mut bytes[size..end]);
                    let arrival = message::whole(kind, terms, payload, inflater, limits)?;
                    return Ok(Received::of(end, arrival));
                }
                let half = HalfMessage::begin(kind, terms, &header, length, limits);
                self.half = Some(Box::new(half));
            }
        }
        self.go_on(bytes, size, inflater, limits)
    }

    /// Takes what there is of the frame at hand, behind `size` bytes of header.
    fn go_on<'a>(
        &mut self,
        bytes: &'a mut [u8],
        size: usize,
        inflater: &'a mut Inflater,
        limits: &Limits,
    ) -> Result<Received<'a>, Fault> {
        let Some(half) = &mut self.half else {
            return Ok(Received::of(size, Arrival::Nothing));
        };
        let (used, part) = half.take(&mut bytes[size..])?;
        let mut arrival = part.map_or(Arrival::Nothing, Arrival::Part);
        if half.is_whole()
            && let Some(whole) = self.half.take()
        {
            let finished = whole.finish(inflater, limits)?;
            if finished != Arrival::Nothing {
                arrival = finished;
            }
        }
        Ok(Received::of(size + used, arrival))
    }

    fn control<'a>(
        &mut self,
        header: &Header,
        size: usize,
        bytes: &'a mut [u8],
        desk: &mut Desk<'_>,
    ) -> Result<Received<'a>, Fault> {
        let end = size + header.length as usize;
        if bytes.len() < end {
            return Ok(Received::of(0, Arrival::Needs(end)));
        }
        self.count_control(desk)?;
        let payload = unmasked(header, &mut bytes[size..end]);
        let arrival = match header.opcode {
            Opcode::Ping => {
                // RFC 6455 section 5.5.2: with a Pong, unless this side has said Close.
                if self.state == State::Open {
                    writer::control(Opcode::Pong, payload, desk.out);
                }
                Arrival::Ping(payload)
            }
            Opcode::Close => {
                let (code, reason) = read_close(payload)?;
                let _: Effect = self.step(Event::CloseReceived, code, "", desk.out);
                Arrival::Close(code, reason)
            }
            Opcode::Pong => Arrival::Pong(payload),
            Opcode::Continuation | Opcode::Text | Opcode::Binary => Arrival::Nothing,
        };
        Ok(Received::of(end, arrival))
    }

    fn count_control(&mut self, desk: &Desk<'_>) -> Result<(), Fault> {
        if desk.seconds.wrapping_sub(self.window) >= CONTROL_WINDOW_SECONDS {
            self.window = desk.seconds;
            self.controls = 0;
        }
        if self.controls >= desk.limits.controls {
            return Err(Fault::ControlFlood);
        }
        self.controls += 1;
        Ok(())
    }

    /// Tells what happened, and appends what it wants written to `out`; `reason` goes into a Close frame. The
    /// rest of the effect is the caller's to perform.
    pub fn on(&mut self, event: Event, reason: &str, out: &mut Vec<u8>) -> Effect {
        self.step(event, None, reason, out)
    }

    /// The one place where the state changes. `theirs`: the code of the other side's Close.
    fn step(
        &mut self,
        event: Event,
        theirs: Option<CloseCode>,
        reason: &str,
        out: &mut Vec<u8>,
    ) -> Effect {
        visited::note(Cell::Conversation(self.state, event));
        let (state, effect) = self.state.on(event);
        debug_assert!(
            effect != Effect::Impossible,
            "{event:?} in {:?}",
            self.state
        );
        self.state = state;
        match state {
            // What is half received is still awaited.
            State::Open | State::Closing => {}
            State::Leaving | State::Ended | State::Lingering | State::Closed => self.half = None,
        }
        match effect {
            Effect::Close(code) => writer::close(Some(code), reason, out),
            Effect::Reply => writer::close(theirs, reason, out),
            Effect::Ping => {
                self.asked = true;
                writer::control(Opcode::Ping, &[], out);
            }
            Effect::Nothing | Effect::Read | Effect::Discard | Effect::Linger => {}
            Effect::Release | Effect::Abort | Effect::Impossible => {}
        }
        effect
    }

    /// Appends a message, compressed if that was agreed on, there is a deflater, and it is worth it. The
    /// deflater is the core's, or the connection's own if the server keeps its context.
    ///
    /// # Errors
    /// The conversation is closed, or another message is half sent.
    pub fn send(
        &mut self,
        message: Message<'_>,
        deflater: Option<&mut Deflater>,
        out: &mut Vec<u8>,
    ) -> Result<(), SendError> {
        self.check_whole()?;
        match (self.terms, deflater) {
            (Some(terms), Some(deflater)) => writer::compressed(message, terms, deflater, out),
            _ => writer::plain(message, out),
        }
        Ok(())
    }

    /// Appends a part of a message, as a fragment of its own. The kind is that of the first part. The parts
    /// of a text must be UTF-8 together.
    ///
    /// # Errors
    /// The conversation is closed.
    pub fn send_part(
        &mut self,
        kind: Kind,
        bytes: &[u8],
        last: bool,
        out: &mut Vec<u8>,
    ) -> Result<(), SendError> {
        if !self.may_send() {
            return Err(SendError::Closed);
        }
        writer::fragment((!self.half_sent).then_some(kind), last, bytes, out);
        self.half_sent = !last;
        Ok(())
    }

    /// The frame of a broadcast for this receiver, to be sent as it is.
    ///
    /// # Errors
    /// The conversation is closed, or a message is half sent.
    pub fn send_broadcast<'b>(&self, broadcast: &'b Broadcast) -> Result<&'b Bytes, SendError> {
        self.check_whole()?;
        Ok(broadcast.frame(self.terms))
    }

    fn check_whole(&self) -> Result<(), SendError> {
        match (self.may_send(), self.half_sent) {
            (false, _) => Err(SendError::Closed),
            (true, true) => Err(SendError::HalfSent),
            (true, false) => Ok(()),
        }
    }
}

/// The payload, where it lies.
#[inline]
fn unmasked<'a>(header: &Header, payload: &'a mut [u8]) -> &'a [u8] {
    mask::apply(header.mask.unwrap_or_default(), 0, payload);
    payload
}

/// Code and reason of a Close frame (RFC 6455 section 5.5.1).
fn read_close(payload: &[u8]) -> Result<(Option<CloseCode>, &str), Fault> {
    let Some((code, reason)) = payload.split_first_chunk::<2>() else {
        return match payload.is_empty() {
            true => Ok((None, "")),
            false => Err(Fault::CloseMalformed),
        };
    };
    let code = CloseCode::new(u16::from_be_bytes(*code)).ok_or(Fault::CloseCodeInvalid)?;
    let reason = from_utf8(reason).map_err(|_| Fault::NotUtf8)?;
    Ok((Some(code), reason))
}
