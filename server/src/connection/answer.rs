//! Where an answer meets its wire: what a handler gave, and what the server itself answers (refusals,
//! errors, the 503 of the gate), becomes bytes of the connection's output.
//!
//! Called by `admit.rs`, by [`super::step`] for what the conversation demands, and by
//! [`super::straight`]. How answers look is decided in [`crate::http1::response`]; when they are sent,
//! in `write.rs`.

use super::BODY_COPIED_MAX_BYTES;
use super::core_field::tell_core;
use super::deadlines::Patience;
use super::engine::{Course, Engine};
use super::exchanges::{Terms, Upload};
use super::key::{ConnectionKey, ExchangeKey};
use super::output::Output;
use super::stream::Start;
use super::table::Connection;
use super::wait::turned_away;
use crate::handler::{Body, BodyStream, Response};
use crate::http1::date::Date;
use crate::http1::exchange::{After, Circumstances, Event, State, UnreadBody, after_answer};
use crate::http1::head;
use crate::http1::response::{self, BodyLength, Fields, Framing, ResponseHead};
use crate::observe::metrics::{NO_ROUTE, Tally};
use http::{StatusCode, Version};
use ringgate_runtime::Core;
use ringgate_runtime::task::Panic;
use std::num::NonZeroU32;
use std::rc::Rc;

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
            Err(panic) => {
                self.count_panic(core, panic.message());
                self.note_reason(request, "panic");
                Response::failed()
            }
        };
        self.keep_date(core);
        self.give_answer(core, request, &mut response);
        response.body.let_go();
    }

    /// Queues an answer, and takes as much of its body as is sent.
    pub(super) fn give_answer(
        &mut self,
        core: &Rc<Core>,
        request: ExchangeKey,
        response: &mut Response,
    ) {
        if response.status.is_informational() && !matches!(response.body, Body::Switch(_)) {
            // Here already, so that what is counted is what its client gets.
            let unfit = std::mem::replace(response, Response::failed());
            unfit.body.let_go();
        }
        let context = self.answering();
        let Some(exchange) = self.exchanges.get(request) else {
            return;
        };
        if exchange.on.is_some() {
            return self.give_stream_answer(core, request, response);
        }
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
            tell_core(response, self.index);
        }
        if let Body::Switch(_) = response.body {
            return self.on_switch(core, request, response);
        }
        let tally = exchange.tally(response.status);
        if let Some(upload) = &mut exchange.upload
            && upload.awaits_continue
            && !upload.cell.is_abandoned()
            && state == State::Receiving
        {
            // The answer's body is made from the request's: the client has to send it.
            upload.awaits_continue = false;
            connection
                .output
                .write_with(&mut self.buffers, response::encode_continue);
        }
        let unread = unread_body(exchange.upload.as_ref());
        let before = connection.output.queued;
        if let Some(noted) = &mut exchange.noted {
            noted.answered_by(&exchange.terms, response, core.now());
        }
        let queued = queue(
            connection,
            &exchange.terms,
            unread,
            response,
            self.date.current(),
            context,
            &mut self.buffers,
        );
        if let Some(noted) = &mut exchange.noted
            && let Some(access) = &mut self.access
        {
            noted.ends_at(access.end_of_output(key, connection.output.queued));
        }
        match queued {
            Queued::All(after) => {
                self.stats.answer(&self.routes, tally);
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
                    tally,
                    after,
                };
                self.stream(core, request, start);
            }
        }
    }

    #[inline]
    pub(super) fn answering(&self) -> Answering {
        Answering {
            ends: match &self.course {
                Course::Serving => Ends::Nobody,
                Course::Leaving(_) if self.leaves_process() => Ends::WhatCannotLeaveProcess {
                    keys_go: self.settings.tls_handover,
                },
                Course::Leaving(_) => Ends::WhatCannotMove,
                Course::Draining | Course::Forced => Ends::Everybody,
            },
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

    /// A handler panicked.
    pub(super) fn count_panic(&mut self, core: &Core, message: &str) {
        self.stats.handler_panics.add(1);
        crate::observe::log::limited!(
            self.log,
            core.now().as_nanos(),
            error,
            "panic",
            panic = message,
            "a handler panicked; its request is answered with 500"
        );
    }

    pub(super) fn write_continue(&mut self, key: ConnectionKey) {
        let Some(connection) = self.table.get(key) else {
            return;
        };
        connection
            .output
            .write_with(&mut self.buffers, response::encode_continue);
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
    pub(super) fn write_refusal(&mut self, core: &Rc<Core>, key: ConnectionKey) {
        let Some(refusal) = self.refusal.take() else {
            debug_assert!(false, "a refusal has a reason");
            return;
        };
        let exchange = self.exchange_of(key);
        let to_head = refusal.to_head || exchange.is_some_and(|exchange| exchange.terms.to_head);
        self.drop_handler(core, key);
        self.stats.refused(refusal.status.as_u16());
        self.dismiss(key, Patience::UntilSent);
        if let Some(connection) = self.table.get(key) {
            connection.discarded = 0;
        }
        let make = || Response::error(refusal.status, refusal.reason);
        self.write_own(core, key, to_head, refusal.reason, &make);
    }

    /// Queues an error answer in place of the handler's.
    pub(super) fn write_error(&mut self, core: &Rc<Core>, key: ConnectionKey, status: StatusCode) {
        if status.is_client_error() {
            self.dismiss(key, Patience::UntilSent);
        }
        let asks_core = self
            .exchange_of(key)
            .is_some_and(|exchange| exchange.asks_core);
        let to_head = self.is_asked_by_head(key);
        self.drop_handler(core, key);
        let index = self.index;
        let make = || {
            let text = format!("{}\n", response::status_text(status));
            let mut answer = Response::text(text).with_status(status);
            if asks_core {
                tell_core(&mut answer, index);
            }
            answer
        };
        self.write_own(core, key, to_head, reason_of(status), &make);
    }

    /// Counts an answer that the server gives by itself, for the route of the request that is kept.
    pub(super) fn count_own_answer(&mut self, key: ConnectionKey, status: StatusCode) {
        let exchange = self.exchange_of(key);
        let tally = Tally {
            route: exchange.map_or(NO_ROUTE, |exchange| exchange.counted_for),
            status: status.as_u16(),
        };
        self.stats.answer(&self.routes, tally);
    }

    /// Queues the 503 of a connection that was read no word of.
    pub(super) fn write_turned_away(&mut self, core: &Core, key: ConnectionKey) {
        let Some(reason) = self.table.get(key).and_then(|c| c.rejected) else {
            return;
        };
        let named = self.settings.reason_header;
        self.write_own(core, key, false, reason.name(), &|| {
            turned_away(reason, named)
        });
    }
}

/// The engine's knowledge that decides how an answer is framed.
#[derive(Clone, Copy)]
pub(super) struct Answering {
    ends: Ends,
    served_max: Option<NonZeroU32>,
}

/// Which connections are announced an end by their next answer.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Ends {
    Nobody,
    WhatCannotMove,
    /// The same, where connections go to another process.
    WhatCannotLeaveProcess {
        /// Whether keys of TLS go along.
        keys_go: bool,
    },
    Everybody,
}

impl Ends {
    #[inline(always)]
    fn is_announced_to(self, connection: &Connection) -> bool {
        match self {
            Ends::Nobody => false,
            Ends::WhatCannotMove => !connection.may_move(),
            Ends::WhatCannotLeaveProcess { keys_go } => {
                !connection.may_leave_process(keys_go, true)
            }
            Ends::Everybody => true,
        }
    }
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

/// Queues an answer: its head, and its body unless that is a stream. The part of the body that is
/// queued is taken out of `response`.
#[inline(always)]
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
        is_ending: context.ends.is_announced_to(connection) || connection.transport.is_worn(),
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
        && !response.offers_upgrade()
    {
        connection.output.write_with(buffers, |tail| {
            response::encode_usual(response.content_type, &response.fields, chunk, date, tail);
        });
        return Queued::All(after);
    }
    queue_unusual(connection, terms, response, after, date, buffers)
}

/// As [`queue`], for whatever is not the most common kind of answer.
#[inline(never)]
pub(super) fn queue_unusual(
    connection: &mut Connection,
    terms: &Terms,
    response: &mut Response,
    after: After,
    date: &Date,
    buffers: &mut Vec<Vec<u8>>,
) -> Queued {
    if response.status.is_informational() {
        // The client would wait for another answer, or speak another protocol: nobody here would.
        let unfit = std::mem::replace(response, Response::failed());
        unfit.body.let_go();
    }
    let framing = Framing::new(
        terms.to_head,
        terms.version,
        response.status,
        response.body.len(),
        after,
    );
    let output = &mut connection.output;
    output.write_with(buffers, |tail| {
        let head = ResponseHead {
            status: response.status,
            content_type: response.content_type,
            fields: Fields::List(&response.fields),
            body: framing.body,
            connection: framing.connection.naming_upgrade(response.offers_upgrade()),
        };
        head.encode(date, tail);
    });
    match framing.sends_body {
        true => queue_body(output, framing, &mut response.body, buffers),
        false => Queued::All(framing.after),
    }
}

fn queue_body(
    output: &mut Output,
    framing: Framing,
    body: &mut Body,
    buffers: &mut Vec<Vec<u8>>,
) -> Queued {
    match body {
        Body::Empty => {}
        Body::Chunk(chunk) if chunk.len() <= BODY_COPIED_MAX_BYTES => {
            output.write(buffers, chunk);
        }
        body => match std::mem::replace(body, Body::Empty) {
            Body::Empty => {}
            Body::Chunk(chunk) => output.add_large(chunk),
            Body::Switch(_) => debug_assert!(false, "it went another way"),
            Body::Stream { stream, len } => {
                return Queued::Head {
                    stream,
                    len,
                    chunked: framing.body == BodyLength::Chunked,
                    after: framing.after,
                };
            }
        },
    }
    Queued::All(framing.after)
}

/// The reason for an error that the server answers by itself, for the access log, where no time limit is the cause.
fn reason_of(status: StatusCode) -> &'static str {
    match status {
        StatusCode::BAD_REQUEST => "cut-body",
        _ => "failed-answer",
    }
}

/// The unread rest of the request's body.
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
