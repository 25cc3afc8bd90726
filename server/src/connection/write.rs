//! Step five: answers go out. One send is in flight a connection; heads and small bodies are
//! gathered meanwhile, so that all answers of a pipelined batch leave in one send.

use super::close::Ending;
use super::core_field::{core_field, tell_core};
use super::engine::{Course, Engine};
use super::exchanges::{Terms, Upload};
use super::key::{ConnectionKey, ExchangeKey, Subject};
use super::stream::Start;
use super::table::{Connection, Output, Receive};
use super::{BODY_COPIED_MAX_BYTES, SEND_MAX_BYTES};
use crate::admission::door::Ticket;
use crate::handler::{Body, BodyStream, Chunk, Response};
use crate::http::date::Date;
use crate::http::exchange::{
    After, Circumstances, Deadline, Event, State, UnreadBody, after_answer,
};
use crate::http::head;
use crate::http::refusal::Refusal;
use crate::http::response::{self, BodyLength, ConnectionHeader, Fields, Framing, ResponseHead};
use http::{StatusCode, Version};
use ringgate_runtime::task::Panic;
use ringgate_runtime::{Core, Errno};
use std::num::NonZeroU32;
use std::rc::Rc;

/// Empty buffers kept a core for heads and small bodies, and the largest one worth keeping: pieces of
/// streams are larger, and their memory goes back.
const BUFFERS_KEPT: usize = 256;
const BUFFER_KEPT_MAX_BYTES: usize = BODY_COPIED_MAX_BYTES + (4 << 10);

impl Output {
    /// The buffer that heads and small bodies are gathered in.
    #[inline]
    pub(super) fn gather(&mut self, buffers: &mut Vec<Vec<u8>>) -> &mut Vec<u8> {
        if self.tail.capacity() == 0 {
            self.tail = buffers.pop().unwrap_or_else(|| Vec::with_capacity(512));
        }
        &mut self.tail
    }

    pub(super) fn write(&mut self, buffers: &mut Vec<Vec<u8>>, bytes: &[u8]) {
        self.gather(buffers).extend_from_slice(bytes);
        self.queued += bytes.len();
    }

    /// Adds bytes of a body: small ones behind what is gathered, large ones as they are.
    pub(super) fn add(&mut self, buffers: &mut Vec<Vec<u8>>, chunk: Chunk) {
        if chunk.len() <= BODY_COPIED_MAX_BYTES {
            return self.write(buffers, &chunk);
        }
        self.add_large(chunk);
    }

    fn add_large(&mut self, chunk: Chunk) {
        if !self.tail.is_empty() {
            self.pieces
                .push_back(Chunk::Vec(std::mem::take(&mut self.tail)));
        }
        self.queued += chunk.len();
        self.pieces.push_back(chunk);
    }
}

impl Engine {
    /// A handler gave its answer, or panicked.
    pub(super) fn on_answer(
        &mut self,
        core: &Rc<Core>,
        request: ExchangeKey,
        answer: Result<Response, Panic>,
    ) {
        let mut response = match answer {
            Ok(response) => response,
            Err(panic) => self.on_panic(core, panic.message()),
        };
        self.keep_date(core);
        let context = self.answering();
        let Some(exchange) = self.exchanges.get(request) else {
            return;
        };
        let key = exchange.of;
        let Some(connection) = self.table.get(key) else {
            return;
        };
        let state = connection.wire.state();
        if !matches!(state, State::Receiving | State::Running) {
            return;
        }
        exchange.task = None;
        if exchange.asks_core {
            tell_core(&mut response, self.index);
        }
        let class = class_of(&response);
        if let Some(upload) = &mut exchange.upload
            && upload.awaits_continue
            && !upload.cell.is_abandoned()
            && state == State::Receiving
        {
            // The answer's body is made from the request's: the client has to send it.
            upload.awaits_continue = false;
            let tail = connection.output.gather(&mut self.buffers);
            let start = tail.len();
            response::encode_continue(tail);
            connection.output.queued += connection.output.tail.len() - start;
        }
        let unread = unread_body(exchange.upload.as_ref());
        let before = connection.output.queued;
        match queue(
            connection,
            &exchange.terms,
            unread,
            &mut response,
            self.date.current(),
            context,
            &mut self.buffers,
        ) {
            Queued::All(after) => {
                self.stats.responses[class].add(1);
                self.answer_ended(core, request, after);
            }
            Queued::Head {
                stream,
                len,
                chunked,
                after,
            } => {
                let start = Start {
                    stream,
                    left: len,
                    chunked,
                    queued: connection.output.queued - before,
                    class,
                    after,
                };
                self.stream(core, request, start);
            }
        }
    }

    #[inline]
    pub(super) fn answering(&self) -> Answering {
        Answering {
            draining: self.is_draining(),
            served_max: self.settings.served_max,
        }
    }

    /// The last byte of an answer is queued.
    pub(super) fn answer_ended(&mut self, core: &Rc<Core>, request: ExchangeKey, after: After) {
        let Some(exchange) = self.exchanges.get(request) else {
            return;
        };
        let key = exchange.of;
        let after = match unread_body(exchange.upload.as_ref()) {
            UnreadBody::None | UnreadBody::Discardable => after,
            UnreadBody::TooMuch | UnreadBody::ContinueUnsent => After::Close,
        };
        self.on(core, key, Event::AnswerEnded(after));
    }

    fn on_panic(&mut self, core: &Rc<Core>, message: &str) -> Response {
        self.stats.handler_panics.add(1);
        crate::observe::log::limited!(
            self.log,
            core.now().as_nanos(),
            error,
            "panic",
            panic = message,
            "a handler panicked; its request is answered with 500"
        );
        Response::error(
            StatusCode::INTERNAL_SERVER_ERROR,
            "the handler of this path failed",
        )
    }

    pub(super) fn write_continue(&mut self, key: ConnectionKey) {
        let Some(connection) = self.table.get(key) else {
            return;
        };
        let tail = connection.output.gather(&mut self.buffers);
        let before = tail.len();
        response::encode_continue(tail);
        connection.output.queued += connection.output.tail.len() - before;
    }

    /// Whether what is answered now is a HEAD: the request at hand, or, as long as that is not whole,
    /// the front of one that is unread.
    pub(super) fn is_asked_by_head(&mut self, key: ConnectionKey) -> bool {
        if let Some(exchange) = self.exchange_of(key) {
            return exchange.terms.to_head;
        }
        let connection = self.table.get(key);
        connection.is_some_and(|connection| head::is_of_head(connection.unread.as_slice()))
    }

    /// Queues the answer to a message that is refused; what ran for it is dropped.
    pub(super) fn write_refusal(&mut self, core: &Rc<Core>, key: ConnectionKey, refusal: &Refusal) {
        self.keep_date(core);
        let exchange = self.exchange_of(key);
        let to_head = refusal.to_head || exchange.is_some_and(|exchange| exchange.terms.to_head);
        self.drop_handler(core, key);
        self.stats.refused(refusal.status.as_u16());
        self.stats.responses[(refusal.status.as_u16() / 100).min(5) as usize].add(1);
        let Some(connection) = self.table.get(key) else {
            return;
        };
        connection.discarded = 0;
        let tail = connection.output.gather(&mut self.buffers);
        let before = tail.len();
        response::encode_refusal(refusal, to_head, self.date.current(), tail);
        connection.output.queued += connection.output.tail.len() - before;
    }

    /// Queues an error answer in place of the handler's.
    pub(super) fn write_error(&mut self, core: &Rc<Core>, key: ConnectionKey, status: StatusCode) {
        self.keep_date(core);
        let asked = self
            .exchange_of(key)
            .is_some_and(|exchange| exchange.asks_core);
        let fields = asked.then(|| core_field(self.index));
        let to_head = self.is_asked_by_head(key);
        self.drop_handler(core, key);
        self.stats.responses[(status.as_u16() / 100).min(5) as usize].add(1);
        let Some(connection) = self.table.get(key) else {
            return;
        };
        let body = format!("{}\n", response::status_text(status));
        let head = ResponseHead {
            status,
            content_type: Some("text/plain"),
            fields: Fields::List(fields.as_slice()),
            body: BodyLength::Known(body.len() as u64),
            connection: ConnectionHeader::Close,
        };
        let tail = connection.output.gather(&mut self.buffers);
        let before = tail.len();
        head.encode(self.date.current(), tail);
        connection.output.queued += connection.output.tail.len() - before;
        if !to_head {
            connection.output.write(&mut self.buffers, body.as_bytes());
        }
    }

    #[inline]
    pub(super) fn on_sent(
        &mut self,
        core: &Rc<Core>,
        key: ConnectionKey,
        result: Result<u32, Errno>,
        buffer: Chunk,
    ) {
        let Some(connection) = self.table.get(key) else {
            return;
        };
        let before = connection.output.in_flight.take().unwrap_or(0);
        let sent = match result {
            Ok(sent) => sent as usize,
            Err(_) => {
                self.on(core, key, Event::Gone);
                return self.settle(core, key);
            }
        };
        self.stats.bytes_sent.add(sent as u64);
        if connection.dropped {
            return self.settle(core, key);
        }
        if connection.deadline_of == Some(Deadline::Write) {
            // The client took something: its time begins anew, also if more is sent at once.
            connection.deadline_of = None;
        }
        let done = before + sent;
        if done < buffer.len() {
            send(core, connection, key, buffer, done);
            return connection.set_deadline(core, key, &self.settings);
        }
        if let Chunk::Vec(mut bytes) = buffer
            && bytes.capacity() <= BUFFER_KEPT_MAX_BYTES
            && self.buffers.len() < BUFFERS_KEPT
        {
            bytes.clear();
            self.buffers.push(bytes);
        }
        if self.settings.goes_straight && self.course == Course::Serving && connection.rests() {
            // Straight to the end, as nearly always: what `on_flushed` and `settle` come to.
            connection.idle_since = core.now();
            connection.ticket = Ticket::free();
            connection.settle_answers(&self.stats, core.now(), Ending::Answered);
            let effect = connection.wire.on(Event::Rested);
            connection.set_deadline(core, key, &self.settings);
            self.perform(core, key, effect);
            return;
        }
        self.sent_all(core, key);
    }

    /// All that was handed to the kernel is sent: more follows, or the answers are out.
    #[inline(never)]
    fn sent_all(&mut self, core: &Rc<Core>, key: ConnectionKey) {
        if let Some(connection) = self.table.get(key)
            && connection.output.is_flushed()
        {
            self.on_flushed(core, key);
        }
        self.settle(core, key);
    }

    /// Answers given at once that are with the kernel now, or will never be.
    pub(super) fn settle_answers(&mut self, core: &Core, key: ConnectionKey, ending: Ending) {
        let Some(connection) = self.table.get(key) else {
            return;
        };
        connection.settle_answers(&self.stats, core.now(), ending);
        connection.ticket = Ticket::free();
    }
}

impl Connection {
    /// Sends what is queued unless a send is in flight.
    #[inline]
    pub(super) fn flush(&mut self, core: &Core, key: ConnectionKey) {
        if self.output.in_flight.is_some() || self.output.queued == 0 {
            return;
        }
        let output = &mut self.output;
        let buffer = match output.pieces.pop_front() {
            Some(piece) => piece,
            None => Chunk::Vec(std::mem::take(&mut output.tail)),
        };
        output.queued -= buffer.len();
        send(core, self, key, buffer, 0);
    }

    /// Whether the connection has nothing to do but to wait for the next request, now that its answers
    /// are out. Not if nobody listens for that, as at the end of what the client sends.
    #[inline]
    fn rests(&self) -> bool {
        self.wire.state() == State::Writing(After::KeepAlive)
            && self.exchange.is_none()
            && self.output.queued == 0
            && self.unread.is_empty()
            && self.receive != Receive::Off
    }
}

/// What the engine knows that decides how an answer is framed.
#[derive(Clone, Copy)]
pub(super) struct Answering {
    draining: bool,
    served_max: Option<NonZeroU32>,
}

/// How much of an answer is queued.
pub(super) enum Queued {
    All(After),
    /// The body follows.
    Head {
        stream: BodyStream,
        len: Option<u64>,
        chunked: bool,
        after: After,
    },
}

#[inline]
pub(super) fn class_of(response: &Response) -> usize {
    usize::from(response.status.as_u16() / 100).min(5)
}

/// Queues an answer: its head, and its body unless that is a stream. What is queued of the body is
/// taken out of `response`.
#[inline]
pub(super) fn queue(
    connection: &mut Connection,
    terms: &Terms,
    unread: UnreadBody,
    response: &mut Response,
    date: &Date,
    context: Answering,
    buffers: &mut Vec<Vec<u8>>,
) -> Queued {
    let after = after_answer(&Circumstances {
        request_keep_alive: terms.keep_alive,
        handler_closes: response.close,
        draining: context.draining,
        served: connection.served,
        served_max: context.served_max,
        unread,
    });
    if let Body::Chunk(chunk) = &response.body
        && chunk.len() <= BODY_COPIED_MAX_BYTES
        && response.status == StatusCode::OK
        && after == After::KeepAlive
        && terms.version == Version::HTTP_11
        && !terms.to_head
    {
        let output = &mut connection.output;
        let tail = output.gather(buffers);
        let before = tail.len();
        response::encode_usual(response.content_type, &response.fields, chunk, date, tail);
        output.queued += output.tail.len() - before;
        return Queued::All(after);
    }
    queue_unusual(connection, terms, response, after, date, buffers)
}

/// As [`queue`], for whatever is not the most common kind of answer.
#[inline(never)]
fn queue_unusual(
    connection: &mut Connection,
    terms: &Terms,
    response: &mut Response,
    after: After,
    date: &Date,
    buffers: &mut Vec<Vec<u8>>,
) -> Queued {
    let framing = Framing::new(
        terms.to_head,
        terms.version,
        response.status,
        response.body.len(),
        after,
    );
    let output = &mut connection.output;
    let tail = output.gather(buffers);
    let before = tail.len();
    let head = ResponseHead {
        status: response.status,
        content_type: response.content_type,
        fields: Fields::List(&response.fields),
        body: framing.body,
        connection: framing.connection,
    };
    head.encode(date, tail);
    if framing.sends_body {
        match &mut response.body {
            Body::Empty => {}
            Body::Chunk(chunk) if chunk.len() <= BODY_COPIED_MAX_BYTES => {
                tail.extend_from_slice(chunk);
            }
            body => {
                output.queued += output.tail.len() - before;
                return queue_body(output, framing, std::mem::replace(body, Body::Empty));
            }
        }
    }
    output.queued += output.tail.len() - before;
    Queued::All(framing.after)
}

#[inline(never)]
fn queue_body(output: &mut Output, framing: Framing, body: Body) -> Queued {
    match body {
        Body::Empty => {}
        Body::Chunk(chunk) => output.add_large(chunk),
        Body::Stream { stream, len } => {
            return Queued::Head {
                stream,
                len,
                chunked: framing.body == BodyLength::Chunked,
                after: framing.after,
            };
        }
    }
    Queued::All(framing.after)
}

#[inline]
fn send(core: &Core, connection: &mut Connection, key: ConnectionKey, buffer: Chunk, from: usize) {
    let to = buffer.len().min(from + SEND_MAX_BYTES);
    let output = &connection.output;
    let more = to < buffer.len() || !output.pieces.is_empty();
    connection.output.in_flight = Some(from);
    core.send(
        &connection.socket,
        buffer,
        from..to,
        more,
        Subject::Send(key).to_key(),
    );
}

/// What is left of the request's body.
#[inline]
fn unread_body(upload: Option<&Upload>) -> UnreadBody {
    let Some(upload) = upload else {
        return UnreadBody::None;
    };
    if upload.decoder.is_finished() {
        return UnreadBody::None;
    }
    if upload.awaits_continue {
        return UnreadBody::ContinueUnsent;
    }
    let is_read = !upload.cell.is_abandoned();
    if is_read || upload.decoder.rest_is_within(super::DISCARD_MAX_BYTES) {
        return UnreadBody::Discardable;
    }
    UnreadBody::TooMuch
}
