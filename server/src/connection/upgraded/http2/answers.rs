//! The answers of handlers on streams. A whole answer goes out at once where its client has room, and else waits in the
//! session; one that comes piece by piece is asked for more as room comes.

use super::seconds;
use crate::connection::BODY_SHARED_MIN_BYTES;
use crate::connection::core_field::tell_core;
use crate::connection::engine::Engine;
use crate::connection::exchanges::Streaming;
use crate::connection::key::{ConnectionKey, ExchangeKey};
use crate::connection::output::{LongMemory, Output};
use crate::connection::step::Outcome;
use crate::handler::{Body, BodyStream, Chunk, Response};
use crate::http1::date::Date;
use crate::http1::exchange::After;
use crate::http1::response::{BodyLength, Fields, Framing};
use crate::http2::session::Output as Sink;
use crate::http2::{Answer, ErrorCode, Gone, Payload, Session, StreamId};
use bytes::Bytes;
use http::{StatusCode, Version};
use ringgate_runtime::Core;
use std::rc::Rc;

/// Bodies up to this size are written into frames from where they lie, if their client has room for all of it.
const BODY_FRAMED_AT_ONCE_MAX_BYTES: usize = 16 << 10;

/// How much of an answer is with the session.
pub(super) enum Begun {
    /// All, and all of it is in the output.
    Whole,
    /// All, and some of it waits for room.
    Waiting,
    /// The head. The body follows, of this length if that is known.
    Head(BodyStream, Option<u64>),
}

/// Writes an answer: its head, and its body unless that is a stream.
///
/// # Errors
/// The stream is over, or answered.
pub(super) fn write_answer(
    session: &mut Session,
    stream: StreamId,
    to_head: bool,
    response: &mut Response,
    date: &Date,
    seconds: u32,
    out: &mut Vec<u8>,
) -> Result<Begun, Gone> {
    if response.status.is_informational() {
        // The client would wait for another answer: nobody here would give it.
        let unfit = std::mem::replace(response, Response::failed());
        unfit.body.let_go();
    }
    let (status, len) = (response.status, response.body.len());
    // Its Connection field and its chunks are HTTP/1.1's, which says the rest of the same.
    let framing = Framing::new(to_head, Version::HTTP_11, status, len, After::KeepAlive);
    let length = match framing.body {
        BodyLength::Known(length) => Some(length),
        BodyLength::None | BodyLength::Chunked | BodyLength::UntilClose => None,
    };
    let payload = match &mut response.body {
        _ if !framing.sends_body => Payload::None,
        Body::Empty | Body::Switch(_) => Payload::None,
        Body::Chunk(chunk) if chunk.len() <= BODY_FRAMED_AT_ONCE_MAX_BYTES => Payload::Slice(chunk),
        Body::Chunk(chunk) => {
            let chunk = std::mem::replace(chunk, Chunk::Static(&[]));
            Payload::Bytes(chunk.into_bytes())
        }
        Body::Stream { .. } => Payload::Later,
    };
    let answer = Answer {
        status,
        date,
        content_type: response.content_type,
        fields: Fields::List(&response.fields),
        length,
    };
    session.answer(stream, &answer, payload, seconds, out)?;
    if framing.sends_body && matches!(response.body, Body::Stream { .. }) {
        let body = std::mem::replace(&mut response.body, Body::Empty);
        if let Body::Stream { stream, len } = body {
            return Ok(Begun::Head(stream, len));
        }
    }
    Ok(match session.is_sending(stream) {
        true => Begun::Waiting,
        false => Begun::Whole,
    })
}

/// The output of a connection, and the streams that found room in it.
struct Outgoing<'o> {
    output: &'o mut Output,
    /// Bytes before those gathered in its tail.
    before: usize,
    heard: &'o mut Vec<StreamId>,
    long: &'o mut LongMemory,
    buffers: &'o mut Vec<Vec<u8>>,
}

impl Sink for Outgoing<'_> {
    fn size(&self) -> usize {
        self.before + self.output.tail.len()
    }

    #[inline]
    fn reserve(&mut self, bytes: usize) {
        self.output.reserve(bytes, self.long, self.buffers);
    }

    fn tail(&mut self) -> &mut Vec<u8> {
        &mut self.output.tail
    }

    #[inline]
    fn shares(&self, bytes: usize) -> bool {
        bytes >= BODY_SHARED_MIN_BYTES
    }

    fn piece(&mut self, bytes: Bytes) {
        match self.shares(bytes.len()) {
            true => {
                self.before += bytes.len();
                self.output.add_large(bytes.into());
            }
            false => self.output.tail.extend_from_slice(&bytes),
        }
    }

    fn has_room(&mut self, stream: StreamId) {
        self.heard.push(stream);
    }
}

impl Engine {
    /// A handler gave its answer to a request that came on a stream.
    pub(in crate::connection) fn give_stream_answer(
        &mut self,
        core: &Rc<Core>,
        request: ExchangeKey,
        response: &mut Response,
    ) {
        let Some(exchange) = self.exchanges.get(request) else {
            return;
        };
        let (key, terms) = (exchange.of, exchange.terms);
        let Some(on) = &exchange.on else {
            return;
        };
        let stream = on.id;
        let closes = response.close && exchange.rejected.is_none();
        exchange.task = None;
        if exchange.asks_core {
            tell_core(response, self.index);
        }
        if let Body::Switch(_) = response.body {
            return self.switch_stream(core, request, response);
        }
        if let Some(noted) = &mut exchange.noted {
            noted.answered_by(&terms, response, core.now());
        }
        let tally = exchange.tally(response.status);
        // The answer's body is made from the request's: the client has to send it.
        let inflow = on.inflow.as_ref();
        let wants_more = inflow.is_some_and(|inflow| inflow.is_awaited());
        let date = *self.date.current();
        let begun = self.with_session(core, key, |session, desk| {
            let out = &mut *desk.out;
            if wants_more {
                let fields = Fields::List(&[]);
                // If the stream is over, the answer below says so.
                let _ = session.interim(stream, StatusCode::CONTINUE, fields, desk.seconds, out);
            }
            let to_head = terms.to_head;
            write_answer(session, stream, to_head, response, &date, desk.seconds, out)
        });
        match begun {
            None => return,
            Some(Err(Gone)) => self.reset_kept(core, key, request, ErrorCode::CANCEL),
            Some(Ok(Begun::Whole | Begun::Waiting)) => {
                // What the client asked for is not spoken.
                self.end_spoken(core, key, request);
                self.stats.answer(&self.routes, tally);
                self.has_answered(key, request);
            }
            Some(Ok(Begun::Head(body, left))) => {
                self.end_spoken(core, key, request);
                let (outlet, task) = self.begin_pump(core, request, body, left);
                if let Some(exchange) = self.exchanges.get(request) {
                    exchange.stream = Some(Streaming {
                        outlet,
                        task,
                        left,
                        chunked: false,
                        queued: 0,
                        tally,
                        after: After::KeepAlive,
                    });
                }
                self.take_pieces_of_stream(core, key, request);
            }
        }
        if closes {
            self.drain_http2(core, key);
        } else {
            self.settle_http2(core, key);
        }
    }

    /// The whole answer of a request is with the session.
    pub(super) fn has_answered(&mut self, key: ConnectionKey, request: ExchangeKey) {
        let exchange = self.exchanges.get(request);
        if let Some(on) = exchange.and_then(|exchange| exchange.on.as_mut())
            && let Some(http2) = self.upgrades.http2(key)
        {
            on.is_answered = true;
            http2.answered += 1;
        }
    }

    /// Everything that was queued is with the kernel: payload that waits follows.
    pub(in crate::connection::upgraded) fn feed_http2(
        &mut self,
        core: &Rc<Core>,
        key: ConnectionKey,
    ) {
        if let Some(http2) = self.upgrades.http2(key) {
            http2.session.flushed();
            if http2.held.is_some() {
                // Payload would fill the output again.
                self.read_http2(core, key);
            }
        }
        self.settle_http2(core, key);
    }

    /// A send is with the kernel, and more is queued.
    pub(in crate::connection) fn on_sent_further(&mut self, key: ConnectionKey) {
        if let Some(connection) = self.table.get(key)
            && let Some(http2) = self.upgrades.http2(key)
        {
            // Records take a part of what is queued, the kernel all of it.
            let all = connection.transport.is_plain() || connection.output.between.is_empty();
            http2.session.partly_flushed(all);
        }
    }

    /// Queues payload that waits, as far as there is room, and asks those for more whose turn it was.
    pub(super) fn send_further(&mut self, core: &Rc<Core>, key: ConnectionKey) {
        let mut heard = Vec::new();
        loop {
            let Some(connection) = self.table.get(key) else {
                return;
            };
            let Some(http2) = self.upgrades.http2(key) else {
                return;
            };
            // What is in flight is taken first: so all is out at times, and whose turn is next is chosen late.
            if connection.output.in_flight.is_some() || !http2.session.has_output() {
                return;
            }
            let output = &mut connection.output;
            output.gather(&mut self.buffers);
            let mut outgoing = Outgoing {
                before: output.queued - output.tail.len(),
                output,
                heard: &mut heard,
                long: &mut self.long,
                buffers: &mut self.buffers,
            };
            let limits = &self.settings.http2;
            http2
                .session
                .poll_output(limits, seconds(core), &mut outgoing);
            let before = outgoing.before;
            output.queued = before + output.tail.len();
            output.give_back_unused(&mut self.buffers);
            if heard.is_empty() {
                return;
            }
            for stream in std::mem::take(&mut heard) {
                let http2 = self.upgrades.http2(key);
                if let Some(request) = http2.and_then(|http2| http2.request_of(stream)) {
                    self.take_pieces_of_stream(core, key, request);
                }
            }
        }
    }

    /// Gives the session the pieces that a stream has ready, as far as it keeps any.
    pub(super) fn take_pieces_of_stream(
        &mut self,
        core: &Rc<Core>,
        key: ConnectionKey,
        request: ExchangeKey,
    ) {
        let pending_size = self.settings.http2.pending_size;
        let ended = loop {
            let Some(exchange) = self.exchanges.get(request) else {
                return;
            };
            if exchange.spoken().is_some() {
                return self.speak_on_stream(core, request);
            }
            let noted = &mut exchange.noted;
            let (Some(streaming), Some(on)) = (&mut exchange.stream, &exchange.on) else {
                return;
            };
            let Some(http2) = self.upgrades.http2(key) else {
                return;
            };
            let room = http2.session.room(on.id, pending_size);
            let piece = match room {
                0 => None,
                _ => streaming.outlet.pop(),
            };
            let Some(piece) = piece else {
                streaming.outlet.tell_unsent(pending_size as usize - room);
                match streaming
                    .outlet
                    .ended()
                    .filter(|_| streaming.outlet.is_empty())
                {
                    None => return,
                    Some(end) => break end,
                }
            };
            if let Some(left) = &mut streaming.left {
                let Some(rest) = left.checked_sub(piece.len() as u64) else {
                    break Err("it is longer than its Content-Length".to_owned());
                };
                *left = rest;
            }
            if let Some(noted) = noted {
                noted.add(piece.len());
            }
            let given = http2.session.body(on.id, piece.into_bytes(), seconds(core));
            if given.is_err() {
                return self.end_kept(core, key, request, Outcome::Aborted);
            }
        };
        self.end_pieces(core, key, request, ended);
    }

    /// The stream of an answer has ended.
    fn end_pieces(
        &mut self,
        core: &Rc<Core>,
        key: ConnectionKey,
        request: ExchangeKey,
        ended: Result<(), String>,
    ) {
        let Some(exchange) = self.exchanges.get(request) else {
            return;
        };
        let (Some(streaming), Some(on)) = (exchange.stream.take(), &exchange.on) else {
            return;
        };
        let stream = on.id;
        self.stats.answer(&self.routes, streaming.tally);
        let ended = match streaming.left {
            Some(left) if left > 0 && ended.is_ok() => Err(format!(
                "it is {left} bytes shorter than its Content-Length"
            )),
            _ => ended,
        };
        let Err(reason) = ended else {
            let trailers = streaming.outlet.take_trailers().map(|trailers| *trailers);
            let finished = self.with_session(core, key, |session, desk| {
                session.finish(stream, trailers, desk.seconds)
            });
            return match finished {
                Some(Ok(())) => self.has_answered(key, request),
                Some(Err(Gone)) | None => self.end_kept(core, key, request, Outcome::Aborted),
            };
        };
        core.cancel_task(streaming.task);
        crate::observe::log::limited!(
            self.log,
            core.now().as_nanos(),
            warn,
            "stream",
            error = reason,
            consequence = "its stream is reset",
            "the body of an answer failed"
        );
        self.reset_kept(core, key, request, ErrorCode::INTERNAL_ERROR);
    }
}
