//! How an answer is written (RFC 9113 section 8): its head at once, its payload at once as well if there is room
//! and nobody waits, else in turn ([`Session::poll_output`]). Called by the connection code. Left to others:
//! whether an answer has a body at all, which depends on the method and the status.

use super::super::budgets::Budget;
use super::super::code::ErrorCode;
use super::super::frame::{self, Flags, HEADER_SIZE_BYTES, Kind, PAYLOAD_SIZE_BYTES_MAX, StreamId};
use super::super::hpack::fixed;
use super::super::stream::{Effect, Event, State};
use super::streams::Pending;
use super::{Gone, Session, told};
use crate::http1::date::Date;
use crate::http1::response::Fields;
use crate::http1::trailers;
use ::http::StatusCode;
use ::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use bytes::Bytes;

/// The head of an answer. Fields about the connection are left out, as are Date and Content-Length among the
/// handler's fields: the encoder writes its own.
#[derive(Clone, Copy, Debug)]
pub struct Answer<'a> {
    /// Status code.
    pub status: StatusCode,
    /// The Date.
    pub date: &'a Date,
    /// The Content-Type, for a caller that has it as a constant; else it is among the fields.
    pub content_type: Option<&'static str>,
    /// The handler's fields.
    pub fields: Fields<'a>,
    /// Content-Length, if it is said.
    pub length: Option<u64>,
}

/// The payload of an answer, as far as it is there.
#[derive(Clone, Debug)]
pub enum Payload<'a> {
    /// None: the answer ends with its head.
    None,
    /// All of it; copied.
    Slice(&'a [u8]),
    /// All of it; shared if it has to wait.
    Bytes(Bytes),
    /// Any, which comes with [`Session::body`] and [`Session::finish`].
    Later,
}

impl Payload<'_> {
    fn bytes(&self) -> &[u8] {
        match self {
            Payload::Slice(bytes) => bytes,
            Payload::Bytes(bytes) => bytes,
            Payload::None | Payload::Later => &[],
        }
    }
}

impl Session {
    /// Writes an answer, or its front.
    ///
    /// # Errors
    /// The stream takes no answer any more; nothing is written.
    #[inline]
    pub fn answer(
        &mut self,
        stream: StreamId,
        answer: &Answer<'_>,
        payload: Payload<'_>,
        seconds: u32,
        out: &mut Vec<u8>,
    ) -> Result<(), Gone> {
        let found = self.streams.get_mut(stream).ok_or(Gone)?;
        if !found.state.is_sending() || found.is_answered {
            return Err(Gone);
        }
        found.is_answered = true;
        let room = found.send.room().min(self.send.room()) as usize;
        let bytes = payload.bytes();
        let ends_here = bytes.is_empty() && !matches!(payload, Payload::Later);
        let flags = match ends_here {
            true => Flags::END_HEADERS.and(Flags::END_STREAM),
            false => Flags::END_HEADERS,
        };
        let is_now = bytes.len() <= room.min(PAYLOAD_SIZE_BYTES_MAX) && self.queue.is_empty();
        let at = out.len();
        // Payload that waits goes out in turns, however much it is.
        out.reserve(128 + if is_now { bytes.len() } else { 0 });
        frame::write_header(0, Kind::Headers, flags, stream, out);
        self.write_head(answer, out);
        self.close_block(at, out);
        if ends_here {
            self.answered(stream, seconds, out);
            return Ok(());
        }
        match payload {
            Payload::None | Payload::Later => Ok(()),
            Payload::Slice(_) | Payload::Bytes(_) if is_now => {
                let count = bytes.len();
                frame::write_header(count, Kind::Data, Flags::END_STREAM, stream, out);
                out.extend_from_slice(bytes);
                self.sent(stream, count as u32, seconds);
                self.answered(stream, seconds, out);
                Ok(())
            }
            Payload::Slice(bytes) => {
                self.wait(stream, Bytes::copy_from_slice(bytes), true, seconds)
            }
            Payload::Bytes(bytes) => self.wait(stream, bytes, true, seconds),
        }
    }

    /// Writes an interim answer, of a status of 1xx (section 8.1). The client's time for a body that waits for this begins.
    ///
    /// # Errors
    /// As [`Session::answer`].
    pub fn interim(
        &mut self,
        stream: StreamId,
        status: StatusCode,
        fields: Fields<'_>,
        seconds: u32,
        out: &mut Vec<u8>,
    ) -> Result<(), Gone> {
        let found = self.streams.get_mut(stream).ok_or(Gone)?;
        if !found.state.is_sending() || found.is_answered {
            return Err(Gone);
        }
        if status == StatusCode::CONTINUE && std::mem::take(&mut found.awaits_continue) {
            found.body_since = seconds;
        }
        let at = out.len();
        frame::write_header(0, Kind::Headers, Flags::END_HEADERS, stream, out);
        self.encoder.begin(out);
        self.encoder.status(status.as_u16(), out);
        self.write_fields(fields, out);
        self.close_block(at, out);
        Ok(())
    }

    /// More of an answer's payload; goes out with the next [`Session::poll_output`].
    ///
    /// # Errors
    /// The stream takes nothing any more.
    pub fn body(&mut self, stream: StreamId, bytes: Bytes, seconds: u32) -> Result<(), Gone> {
        self.check_open(stream)?;
        match bytes.is_empty() {
            true => Ok(()),
            false => self.wait(stream, bytes, false, seconds),
        }
    }

    /// The end of an answer, with trailers or without.
    ///
    /// # Errors
    /// The stream takes nothing any more.
    pub fn finish(
        &mut self,
        stream: StreamId,
        trailers: Option<HeaderMap>,
        seconds: u32,
    ) -> Result<(), Gone> {
        self.check_open(stream)?;
        self.wait(stream, Bytes::new(), true, seconds)?;
        let trailers = trailers.and_then(permitted).map(Box::new);
        if let Some(found) = self.streams.get_mut(stream)
            && let Some(pending) = &mut found.pending
        {
            pending.trailers = trailers;
        }
        Ok(())
    }

    /// Gives a stream up: the handler failed, or the request is not begun (REFUSED_STREAM).
    ///
    /// # Errors
    /// The stream is over.
    pub fn reset(
        &mut self,
        stream: StreamId,
        code: ErrorCode,
        seconds: u32,
        out: &mut Vec<u8>,
    ) -> Result<(), Gone> {
        let found = self.streams.get(stream).ok_or(Gone)?;
        let (_, effect) = told(found.state, Event::GivenUp);
        debug_assert_eq!(effect, Effect::Reset);
        self.reset_with(stream, code, seconds, out);
        Ok(())
    }

    /// Bytes of payload that a stream would take now, so that no more waits than there should. 0 if it takes
    /// nothing any more.
    pub fn room(&self, stream: StreamId, pending_size: u32) -> usize {
        let Some(found) = self
            .streams
            .get(stream)
            .filter(|found| found.state.is_sending())
        else {
            return 0;
        };
        let waiting = found.pending.as_ref().map_or(0, |pending| pending.size);
        (pending_size as usize).saturating_sub(waiting)
    }

    /// Whether payload or the end of an answer waits for room at the client.
    pub fn is_sending(&self, stream: StreamId) -> bool {
        let found = self.streams.get(stream);
        found.is_some_and(|found| found.pending.is_some())
    }

    fn check_open(&self, stream: StreamId) -> Result<(), Gone> {
        let found = self.streams.get(stream).ok_or(Gone)?;
        let has_ended = found.pending.as_ref().is_some_and(|pending| pending.end);
        match found.is_answered && found.state.is_sending() && !has_ended {
            true => Ok(()),
            false => Err(Gone),
        }
    }

    fn wait(
        &mut self,
        stream: StreamId,
        bytes: Bytes,
        end: bool,
        seconds: u32,
    ) -> Result<(), Gone> {
        let found = self.streams.get_mut(stream).ok_or(Gone)?;
        let pending = match &mut found.pending {
            Some(pending) => pending,
            empty => {
                // From now on somebody waits for the client.
                found.room_since = seconds;
                self.queue.push(stream, found.priority);
                empty.insert(Box::new(Pending::default()))
            }
        };
        pending.size += bytes.len();
        pending.end = end;
        if !bytes.is_empty() {
            pending.chunks.push_back(bytes);
        }
        Ok(())
    }

    /// Payload went out.
    #[inline]
    pub(super) fn sent(&mut self, stream: StreamId, bytes: u32, seconds: u32) {
        self.send.take(bytes);
        self.moved = seconds;
        self.counters.refund(Budget::WindowUpdates, 2);
        // Clients measure the way with a PING for each piece that they receive.
        self.counters.refund(Budget::Pings, 1);
        if let Some(found) = self.streams.get_mut(stream) {
            found.send.take(bytes);
            found.room_since = seconds;
        }
    }

    /// The last frame of an answer is written.
    #[inline]
    pub(super) fn answered(&mut self, stream: StreamId, seconds: u32, out: &mut Vec<u8>) {
        self.counters.refund(Budget::Resets, 1);
        let Some(found) = self.streams.get_mut(stream) else {
            return;
        };
        let (next, effect) = told(found.state, Event::Answered);
        match effect {
            Effect::Forget => self.forget(stream, seconds, out),
            _ => {
                debug_assert_eq!(next, State::HalfClosedLocal);
                found.state = next;
                found.body_since = seconds;
                if found.receive.left() <= 0 {
                    self.reset_with(stream, ErrorCode::NO_ERROR, seconds, out);
                }
            }
        }
    }

    /// Appends trailers, the last frame of an answer.
    pub(super) fn write_trailers(
        &mut self,
        stream: StreamId,
        trailers: &HeaderMap,
        out: &mut Vec<u8>,
    ) {
        let at = out.len();
        let flags = Flags::END_HEADERS.and(Flags::END_STREAM);
        frame::write_header(0, Kind::Headers, flags, stream, out);
        self.encoder.begin(out);
        self.write_fields(Fields::Map(trailers), out);
        self.close_block(at, out);
    }

    #[inline]
    fn write_head(&mut self, answer: &Answer<'_>, out: &mut Vec<u8>) {
        let encoder = &mut self.encoder;
        encoder.begin(out);
        encoder.status(answer.status.as_u16(), out);
        encoder.lasting(fixed::DATE, answer.date.value(), out);
        if let Some(content_type) = answer.content_type {
            encoder.lasting(fixed::CONTENT_TYPE, content_type.as_bytes(), out);
        }
        if let Some(length) = answer.length {
            encoder.content_length(length, out);
        }
        self.write_fields(answer.fields, out);
    }

    #[inline]
    fn write_fields(&mut self, fields: Fields<'_>, out: &mut Vec<u8>) {
        let encoder = &mut self.encoder;
        let mut write = |name: &HeaderName, value: &HeaderValue| {
            if !is_left_out(name) {
                encoder.field(name, value, out);
            }
        };
        match fields {
            Fields::List(list) => list.iter().for_each(|(name, value)| write(name, value)),
            Fields::Map(map) => map.iter().for_each(|(name, value)| write(name, value)),
        }
    }

    /// Sets the length of the block that began at `at`; one that is larger than the client's frames becomes
    /// several (section 6.10).
    #[inline]
    fn close_block(&mut self, at: usize, out: &mut Vec<u8>) {
        let size = out.len() - at - HEADER_SIZE_BYTES;
        match size > self.settings.max_frame_size as usize {
            true => self.split_block(at, out),
            false => frame::close(at, out),
        }
    }

    #[cold]
    fn split_block(&mut self, at: usize, out: &mut Vec<u8>) {
        let block = out.split_off(at + HEADER_SIZE_BYTES);
        let largest = self.settings.max_frame_size as usize;
        let (first, rest) = block.split_at(largest);
        let stream = frame::read_header(&out[at..]).ok().flatten();
        let stream = stream.map_or(StreamId::CONNECTION, |header| header.stream);
        // END_HEADERS is the last frame's.
        out[at + 4] &= !Flags::END_HEADERS.0;
        out.extend_from_slice(first);
        frame::close(at, out);
        let mut rest = rest.chunks(largest).peekable();
        while let Some(more) = rest.next() {
            let flags = match rest.peek() {
                None => Flags::END_HEADERS,
                Some(_) => Flags::NONE,
            };
            frame::write_header(more.len(), Kind::Continuation, flags, stream, out);
            out.extend_from_slice(more);
        }
    }
}

/// The fields of a handler's trailers that may stand there (RFC 9110 section 6.5.1), if there are any.
#[cold]
fn permitted(trailers: HeaderMap) -> Option<HeaderMap> {
    let mut permitted = HeaderMap::with_capacity(trailers.len());
    for (name, value) in &trailers {
        if trailers::is_permitted(name) {
            permitted.append(name, value.clone());
        }
    }
    (!permitted.is_empty()).then_some(permitted)
}

/// Whether a field of a handler is not sent: it is about a connection (section 8.2.2), or written by the
/// encoder.
#[inline]
fn is_left_out(name: &HeaderName) -> bool {
    match name.as_str().len() {
        4 => *name == header::DATE,
        7 => *name == header::UPGRADE,
        10 => *name == header::CONNECTION || name.as_str() == "keep-alive",
        14 => *name == header::CONTENT_LENGTH,
        16 => name.as_str() == "proxy-connection",
        17 => *name == header::TRANSFER_ENCODING,
        _ => false,
    }
}
