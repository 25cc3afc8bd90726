//! The meaning of a client's frames (RFC 9113 section 6). Called by the connection code with the bytes it has;
//! payload is dealt with in `data`.

use super::super::budgets::{Budget, Limits};
use super::super::code::{Breach, ErrorCode, Fault};
use super::super::flow::{ReceiveWindow, SendWindow};
use super::super::frame::{self, Flags, Frame, HEADER_SIZE_BYTES, Header, Kind, PREFACE, StreamId};
use super::super::head::{Beside, Builder, Trailers, Unfit};
use super::super::hpack::{Decoder, decoder::Nobody};
use super::super::life::{Event, Phase};
use super::super::priority::Priority;
use super::super::settings;
use super::super::stream::{self, Effect};
use super::streams::Stream;
use super::{Arrival, DRAIN_PING, Desk, End, HalfBlock, OF_CLIENT, Received, Session, told};
use crate::http1::head::Head;

/// Frames about priorities, and updates of windows, that come with each request.
const FRAMES_A_REQUEST: u16 = 2;
/// How many times larger than a field section may be are the bytes that are decoded at most.
const BLOCK_TIMES: usize = 2;

const NO_PREFACE: Fault = Fault::protocol("The connection does not begin with the preface.");
const NO_SETTINGS: Fault = Fault::protocol("The preface is not followed by SETTINGS.");
const IN_BLOCK: Fault = Fault::protocol("A field section is interrupted by another frame.");
const NO_BLOCK: Fault = Fault::protocol("CONTINUATION continues nothing.");
const NOT_CLIENTS: Fault = Fault::protocol("A client opened a stream with an even number.");
const OWN_CHILD: Fault = Fault::protocol("A stream depends on itself.");
const LENGTH: Fault = Fault::protocol("The body has not the length that Content-Length gives.");
/// Section 8.5.
const IN_TUNNEL: Fault = Fault::protocol("Fields stand on a stream that is a tunnel.");
const REFUSED: Fault = Fault {
    code: ErrorCode::REFUSED_STREAM,
    why: Budget::Streams.complaint(),
    budget: Some(Budget::Streams),
};

/// A whole field section.
struct Block<'b> {
    stream: StreamId,
    bytes: &'b [u8],
    end: bool,
    is_own_child: bool,
}

impl Session {
    /// Reads the front of `bytes`. The caller comes again with what is left until nothing is, or more is
    /// needed. The head of a request goes into `head`, which is good for nothing else then.
    ///
    /// # Errors
    /// The client broke the protocol or a budget: GOAWAY is in the output, all streams are over, and whatever
    /// else comes is thrown away.
    pub fn receive<'a>(
        &mut self,
        bytes: &'a [u8],
        head: &mut Head,
        desk: &mut Desk<'_>,
    ) -> Result<Received<'a>, Fault> {
        let received = self.read(bytes, head, desk);
        if let Err(fault) = received {
            self.fail(fault, desk);
        }
        received
    }

    #[inline]
    fn read<'a>(
        &mut self,
        bytes: &'a [u8],
        head: &mut Head,
        desk: &mut Desk<'_>,
    ) -> Result<Received<'a>, Fault> {
        match self.phase {
            Phase::Open | Phase::Announced | Phase::Leaving => {}
            Phase::Preface => return self.read_preface(bytes, desk),
            Phase::Over => return Ok(Received::nothing(bytes.len())),
        }
        if let Some(half) = self.data.take() {
            return self.go_on(half, bytes, 0, desk);
        }
        let Some(header) = frame::read_header(bytes)? else {
            return Ok(Received::needs(HEADER_SIZE_BYTES));
        };
        if let Some(block) = &self.block
            && (header.kind != Kind::Continuation || header.stream != block.stream)
        {
            return Err(IN_BLOCK);
        }
        if header.kind == Kind::Data {
            return self.begin_data(&header, bytes, desk);
        }
        let used = HEADER_SIZE_BYTES + header.length as usize;
        let Some(payload) = bytes.get(HEADER_SIZE_BYTES..used) else {
            return Ok(Received::needs(used));
        };
        let arrival = match frame::parse(&header, payload) {
            Ok(Frame::Headers(block)) => self.on_headers(&header, payload, block, head, desk)?,
            Ok(frame) => self.on_other(&header, frame, head, desk)?,
            Err(Breach::Connection(fault)) => return Err(fault),
            Err(Breach::Stream(fault)) => self.break_stream(header.stream, fault, desk)?,
        };
        Ok(Received { used, arrival })
    }

    /// Section 3.4: a fixed string, and SETTINGS.
    #[cold]
    fn read_preface(
        &mut self,
        bytes: &[u8],
        desk: &mut Desk<'_>,
    ) -> Result<Received<'static>, Fault> {
        let front = bytes.len().min(PREFACE.len());
        if bytes[..front] != PREFACE[..front] {
            return Err(NO_PREFACE);
        }
        let first = frame::read_header(&bytes[front..])?;
        let Some(first) = first else {
            return Ok(Received::needs(PREFACE.len() + HEADER_SIZE_BYTES));
        };
        if first.kind != Kind::Settings || first.flags.has(Flags::ACK) {
            return Err(NO_SETTINGS);
        }
        self.introduce(desk);
        self.since = desk.seconds;
        self.step(Event::PrefaceRead, desk.out);
        Ok(Received::nothing(PREFACE.len()))
    }

    #[inline]
    fn on_headers(
        &mut self,
        header: &Header,
        payload: &[u8],
        block: &[u8],
        head: &mut Head,
        desk: &mut Desk<'_>,
    ) -> Result<Arrival<'static>, Fault> {
        if block.len() > block_size_max(desk.limits) {
            return Err(Fault::calm(Budget::HeaderListSize));
        }
        let end = header.flags.has(Flags::END_STREAM);
        let is_own_child = frame::depends_on_itself(header, payload);
        if !header.flags.has(Flags::END_HEADERS) {
            self.block = Some(Box::new(HalfBlock {
                stream: header.stream,
                bytes: block.to_vec(),
                end,
                is_own_child,
                continuations: 0,
                since: desk.seconds,
            }));
            return Ok(Arrival::Nothing);
        }
        let block = Block {
            stream: header.stream,
            bytes: block,
            end,
            is_own_child,
        };
        self.on_block(&block, head, desk)
    }

    #[cold]
    fn on_continuation(
        &mut self,
        header: &Header,
        more: &[u8],
        head: &mut Head,
        desk: &mut Desk<'_>,
    ) -> Result<Arrival<'static>, Fault> {
        let half = self.block.as_mut().ok_or(NO_BLOCK)?;
        if half.continuations >= desk.limits.continuations {
            return Err(Fault::calm(Budget::Continuations));
        }
        half.continuations += 1;
        if half.bytes.len() + more.len() > block_size_max(desk.limits) {
            return Err(Fault::calm(Budget::HeaderListSize));
        }
        half.bytes.reserve_exact(more.len());
        half.bytes.extend_from_slice(more);
        if !header.flags.has(Flags::END_HEADERS) {
            return Ok(Arrival::Nothing);
        }
        let half = self.block.take().ok_or(NO_BLOCK)?;
        let block = Block {
            stream: half.stream,
            bytes: &half.bytes,
            end: half.end,
            is_own_child: half.is_own_child,
        };
        self.on_block(&block, head, desk)
    }

    #[inline]
    fn on_block(
        &mut self,
        block: &Block<'_>,
        head: &mut Head,
        desk: &mut Desk<'_>,
    ) -> Result<Arrival<'static>, Fault> {
        // Section 5.1.1.
        if !block.stream.is_clients() {
            return Err(NOT_CLIENTS);
        }
        match block.stream > self.highest {
            true => self.open(block, head, desk),
            false => self.on_more_fields(block, desk),
        }
    }

    /// A block that opens a stream. Whatever becomes of the stream, the block is decoded: the tables of both
    /// sides must agree.
    #[inline]
    fn open(
        &mut self,
        block: &Block<'_>,
        head: &mut Head,
        desk: &mut Desk<'_>,
    ) -> Result<Arrival<'static>, Fault> {
        let stream = block.stream;
        self.highest = stream;
        self.resets_kept = self.resets_kept.max(desk.limits.streams);
        if !self.phase.may_begin() {
            // Section 6.8: what comes behind the last stream is ignored.
            discard(&mut self.decoder, block.bytes, desk)?;
            return Ok(Arrival::Nothing);
        }
        if self.streams.len() >= desk.limits.streams as usize {
            discard(&mut self.decoder, block.bytes, desk)?;
            return self.refuse(stream, REFUSED, desk);
        }
        let takes_protocol = self.own.extended_connect;
        let mut builder = Builder::new(head, &mut desk.room.text, desk.limits, takes_protocol);
        self.decoder
            .decode(block.bytes, &mut desk.room.scratch, &mut builder)?;
        let beside = match builder.finish(block.end) {
            _ if block.is_own_child => return self.refuse(stream, OWN_CHILD, desk),
            Err(Unfit::Malformed(fault)) => return self.refuse(stream, fault, desk),
            Err(Unfit::Refused(refusal, exceeded)) => {
                // What is too large costs as much as what is wrong.
                if exceeded.is_some() {
                    self.spend(Budget::ResetsMade, desk)?;
                }
                self.begin(block, &Beside::default(), false, desk);
                return Ok(Arrival::Refused {
                    stream,
                    refusal,
                    exceeded,
                });
            }
            Ok(beside) => beside,
        };
        self.counters.refund(Budget::Priorities, FRAMES_A_REQUEST);
        self.counters
            .refund(Budget::WindowUpdates, FRAMES_A_REQUEST);
        self.begin(block, &beside, head.expect_continue, desk);
        Ok(Arrival::Head {
            stream,
            bytes: desk.room.cut(),
            end: block.end,
            protocol: beside.protocol,
        })
    }

    #[inline]
    fn begin(
        &mut self,
        block: &Block<'_>,
        beside: &Beside,
        awaits_continue: bool,
        desk: &Desk<'_>,
    ) {
        let (state, effect) = told(
            stream::State::Idle,
            stream::Event::Fields { end: block.end },
        );
        debug_assert_eq!(effect, Effect::Begin);
        self.streams.push(Stream {
            id: block.stream,
            send: SendWindow::new(self.settings.initial_window_size),
            receive: ReceiveWindow::new(self.own.stream_window),
            body_since: desk.seconds,
            room_since: desk.seconds,
            left: beside.length,
            pending: None,
            state,
            priority: beside.priority,
            is_tunnel: beside.is_tunnel,
            awaits_continue,
            is_answered: false,
        });
    }

    /// A stream that is not begun.
    #[cold]
    fn refuse(
        &mut self,
        stream: StreamId,
        fault: Fault,
        desk: &mut Desk<'_>,
    ) -> Result<Arrival<'static>, Fault> {
        let (_, effect) = told(stream::State::Idle, stream::Event::FieldsRefused);
        debug_assert_eq!(effect, Effect::Reset);
        self.break_stream(stream, fault, desk)
    }

    /// A block of a stream that was opened before: trailers, or too late.
    #[cold]
    fn on_more_fields(
        &mut self,
        block: &Block<'_>,
        desk: &mut Desk<'_>,
    ) -> Result<Arrival<'static>, Fault> {
        let stream = block.stream;
        let state = self.state_of(stream);
        let (next, effect) = told(state, stream::Event::Fields { end: block.end });
        if effect != Effect::Trailers {
            discard(&mut self.decoder, block.bytes, desk)?;
        }
        match effect {
            Effect::Trailers => {
                let mut sink = Trailers::new(desk.limits);
                self.decoder
                    .decode(block.bytes, &mut desk.room.scratch, &mut sink)?;
                let fields = match sink.finish() {
                    Ok(fields) => fields,
                    Err(fault) => return self.break_stream(stream, fault, desk),
                };
                let Some(found) = self.streams.get_mut(stream) else {
                    return Ok(Arrival::Nothing);
                };
                if found.is_tunnel {
                    return self.break_stream(stream, IN_TUNNEL, desk);
                }
                if found.left.is_some_and(|left| left > 0) {
                    return self.break_stream(stream, LENGTH, desk);
                }
                found.state = next;
                Ok(Arrival::Trailers { stream, fields })
            }
            Effect::Forget => {
                self.forget(stream, desk.seconds, desk.out);
                Ok(Arrival::Nothing)
            }
            // Behind a reset of the client it costs what DATA there costs.
            Effect::Break(Breach::Connection(fault)) if self.was_cancelled(stream) => {
                self.break_stream(stream, fault, desk)
            }
            Effect::Break(Breach::Connection(fault)) => Err(fault),
            Effect::Break(Breach::Stream(fault)) => self.break_stream(stream, fault, desk),
            _ => {
                debug_assert_eq!(effect, Effect::Discard, "{state:?}");
                self.spend(Budget::ResetsMade, desk)?;
                Ok(Arrival::Nothing)
            }
        }
    }

    #[inline(never)]
    fn on_other(
        &mut self,
        header: &Header,
        frame: Frame<'_>,
        head: &mut Head,
        desk: &mut Desk<'_>,
    ) -> Result<Arrival<'static>, Fault> {
        match frame {
            Frame::WindowUpdate(more) => return self.on_window_update(header.stream, more, desk),
            Frame::ResetStream(code) => return self.on_reset(header.stream, code, desk),
            Frame::Continuation(more) => return self.on_continuation(header, more, head, desk),
            Frame::Settings(payload) => self.on_settings(payload, desk)?,
            Frame::SettingsAck => {
                self.spend(Budget::Settings, desk)?;
                self.decoder.settled(self.own.header_table_size);
            }
            Frame::Ping(payload) => {
                self.spend(Budget::Pings, desk)?;
                self.count_control(desk.limits)?;
                frame::write_ping(payload, Flags::ACK, desk.out);
            }
            Frame::PingAck(payload) => {
                self.spend(Budget::Pings, desk)?;
                if self.phase == Phase::Announced && payload == DRAIN_PING {
                    self.step(Event::Heard, desk.out);
                }
            }
            Frame::GoAway(_) => {
                self.spend(Budget::Settings, desk)?;
                self.step(Event::PeerLeaves, desk.out);
            }
            Frame::Priority | Frame::Unknown => self.spend(Budget::Priorities, desk)?,
            Frame::PriorityUpdate(stream, value) => {
                self.spend(Budget::Priorities, desk)?;
                self.on_priority(stream, value)?;
            }
            // Those have their own ways.
            Frame::Data(_) | Frame::Headers(_) => {}
        }
        Ok(Arrival::Nothing)
    }

    /// Section 6.5, and 6.9.2 for what a new window means for streams that are open.
    fn on_settings(&mut self, payload: &[u8], desk: &mut Desk<'_>) -> Result<(), Fault> {
        self.spend(Budget::Settings, desk)?;
        self.count_control(desk.limits)?;
        let before = i64::from(self.settings.initial_window_size);
        let encoder = &mut self.encoder;
        self.settings.apply(payload, |size| encoder.offer(size))?;
        let by = i64::from(self.settings.initial_window_size) - before;
        if by != 0 {
            for stream in self.streams.iter_mut() {
                stream.send.shift(by)?;
            }
        }
        settings::write_ack(desk.out);
        Ok(())
    }

    fn on_window_update(
        &mut self,
        stream: StreamId,
        more: u32,
        desk: &mut Desk<'_>,
    ) -> Result<Arrival<'static>, Fault> {
        self.spend(Budget::WindowUpdates, desk)?;
        if stream == StreamId::CONNECTION {
            self.send.grow(more)?;
            return Ok(Arrival::Nothing);
        }
        let (_, effect) = told(self.state_of(stream), stream::Event::WindowUpdate);
        match (effect, self.streams.get_mut(stream)) {
            (Effect::Grow, Some(found)) => match found.send.grow(more) {
                Ok(()) => Ok(Arrival::Nothing),
                Err(fault) => self.break_stream(stream, fault, desk),
            },
            (Effect::Break(breach), _) => Err(breach.fault()),
            _ => Ok(Arrival::Nothing),
        }
    }

    fn on_reset(
        &mut self,
        stream: StreamId,
        code: ErrorCode,
        desk: &mut Desk<'_>,
    ) -> Result<Arrival<'static>, Fault> {
        self.spend(Budget::Resets, desk)?;
        let state = self.state_of(stream);
        let (_, effect) = told(state, stream::Event::ResetReceived);
        if state.is_receiving() {
            self.remember(StreamId(stream.0 | OF_CLIENT));
        }
        match effect {
            Effect::Break(breach) => return Err(breach.fault()),
            Effect::Cancel | Effect::Forget => self.forget(stream, desk.seconds, desk.out),
            _ => debug_assert_eq!(effect, Effect::Nothing),
        }
        let why = End::Cancelled(code);
        match effect {
            Effect::Cancel => Ok(Arrival::Ended { stream, why }),
            _ => Ok(Arrival::Nothing),
        }
    }

    /// RFC 9218 section 7.1. A priority that comes before its stream is not kept: the stream's own field says
    /// the same as a rule.
    fn on_priority(&mut self, stream: StreamId, value: &[u8]) -> Result<(), Fault> {
        if stream == StreamId::CONNECTION {
            return Err(Fault::protocol("PRIORITY_UPDATE is about stream 0."));
        }
        if !stream.is_clients() {
            return Err(Fault::protocol(
                "PRIORITY_UPDATE is about a stream that was never pushed.",
            ));
        }
        let priority = Priority::parse(value);
        if let Some(found) = self.streams.get_mut(stream) {
            found.priority = priority;
            self.queue.change(stream, priority);
        }
        Ok(())
    }
}

/// The most bytes of a field section as they are sent. One that is too large is decoded all the same and answered
/// with 431, since a proxy sends the requests of many on one connection; only one beyond this ends it.
const fn block_size_max(limits: &Limits) -> usize {
    limits.header_list_size as usize * BLOCK_TIMES
}

fn discard(decoder: &mut Decoder, block: &[u8], desk: &mut Desk<'_>) -> Result<(), Fault> {
    decoder.decode(block, &mut desk.room.scratch, &mut Nobody)
}

impl<'a> Received<'a> {
    pub(super) const fn nothing(used: usize) -> Received<'a> {
        Received {
            used,
            arrival: Arrival::Nothing,
        }
    }

    pub(super) const fn needs(bytes: usize) -> Received<'a> {
        Received {
            used: 0,
            arrival: Arrival::Needs(bytes),
        }
    }
}
