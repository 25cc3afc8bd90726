//! The body of a request on a stream: payload goes to the handler where the kernel put it, and as the handler takes
//! it the client is given room for more, so that a body that nobody reads fills its window and no more memory.

use crate::connection::deadlines::cause;
use crate::connection::engine::Engine;
use crate::connection::key::ExchangeKey;
use crate::connection::rate::Pace;
use crate::handler::{BodyCell, BodyError, BodyState, Chunk, PlacedParts, RequestBody, Routed};
use crate::http1::body::{BodyDecoder, too_large};
use crate::http1::exchange::Deadline;
use crate::http1::refusal::Refusal;
use crate::http1::response::Fields;
use crate::http2::ErrorCode;
use http::{HeaderMap, StatusCode};
use ringgate_runtime::Core;
use std::rc::Rc;

/// The body of a request, as far as it came.
pub(in crate::connection) struct Inflow {
    /// The cell that the handler reads the body from.
    cell: Rc<BodyCell>,
    limit: u64,
    delivered: u64,
    /// How many of these bytes the handler has taken, as far as the client was told.
    given_back: u64,
    /// How many came while the request waited at the gate. The connection got its room for them back when they came.
    passed_over: u64,
    /// The client waits for `100 Continue`, which nobody has sent.
    awaits_continue: bool,
    pub(super) pace: Pace,
}

impl Inflow {
    /// Adds a piece; false if the body is larger than it may be.
    pub(super) fn deliver(&mut self, piece: Chunk) -> bool {
        self.delivered += piece.len() as u64;
        self.pace.add(piece.len() as u64);
        let fits = self.delivered <= self.limit;
        self.awaits_continue = false;
        if fits {
            self.cell.push(piece);
        }
        fits
    }

    /// Whether a client that waits for `100 Continue` has to send the body for an answer that has begun.
    pub(super) fn is_awaited(&self) -> bool {
        self.awaits_continue && !self.cell.is_abandoned()
    }

    /// Whether the handler may still read of it.
    pub(super) fn is_wanted(&self) -> bool {
        !self.cell.is_abandoned()
    }

    pub(super) fn complete(&self, trailers: Option<HeaderMap>) {
        self.cell.finish(BodyState::Complete, trailers);
    }

    /// Nothing more comes.
    pub(in crate::connection) fn cut(&self) {
        self.cell.fail_if_arriving(BodyError::Cut);
    }

    /// All that came so far came while the request waited at the gate: the window of the connection is not to be used up by
    /// those that wait. The window of the stream is, and bounds what is kept.
    pub(super) fn pass_over(&mut self) -> u32 {
        let before = std::mem::replace(&mut self.passed_over, self.delivered);
        (self.delivered - before) as u32
    }

    /// Bytes that were taken since the last call: all of them, and those for which the connection got no room yet.
    fn taken(&mut self) -> (u32, u32) {
        let taken = self.delivered - self.cell.queued() as u64;
        let before = std::mem::replace(&mut self.given_back, taken);
        let of_connection = taken.max(self.passed_over) - before.max(self.passed_over);
        ((taken - before) as u32, of_connection as u32)
    }

    /// All bytes for which the connection got no room yet, at the end.
    pub(super) fn rest(&self) -> u32 {
        (self.delivered - self.given_back.max(self.passed_over)) as u32
    }
}

impl Engine {
    /// Makes ready for the body of a request.
    ///
    /// # Errors
    /// 413 if the client has announced more than may come.
    pub(super) fn expect_on_stream(
        &self,
        request: ExchangeKey,
        parts: &mut PlacedParts,
        routed: &Routed,
    ) -> Result<Inflow, Refusal> {
        let limit = self.body_limit(routed);
        BodyDecoder::new(parts.head.framing, limit)?;
        let cell = BodyCell::on_stream(self.attention.clone(), request, parts.head.framing);
        parts.has_more = true;
        parts.body = RequestBody::arriving(cell.clone());
        Ok(Inflow {
            cell,
            limit: limit.unwrap_or(u64::MAX),
            delivered: 0,
            given_back: 0,
            passed_over: 0,
            awaits_continue: parts.head.expect_continue,
            pace: Pace::default(),
        })
    }

    /// The handler asked for the body, read from it, or let go of it.
    pub(super) fn look_after_body(&mut self, core: &Core, request: ExchangeKey) {
        let Some(exchange) = self.exchanges.get(request) else {
            return;
        };
        let key = exchange.of;
        let runs = exchange.task.is_some();
        let Some(on) = &mut exchange.on else {
            return;
        };
        let Some(inflow) = &mut on.inflow else {
            return;
        };
        let stream = on.id;
        let asks = runs && inflow.awaits_continue && inflow.cell.is_asked_for();
        inflow.awaits_continue &= !asks;
        let wanted = !inflow.cell.is_abandoned();
        let (taken, of_connection) = inflow.taken();
        self.with_session(core, key, |session, desk| {
            if asks {
                let fields = Fields::List(&[]);
                // A stream that is over wants no more.
                let _ =
                    session.interim(stream, StatusCode::CONTINUE, fields, desk.seconds, desk.out);
            }
            session.passed_over(of_connection, desk.seconds, desk.out);
            if wanted {
                session.took_from_stream(stream, taken, desk.seconds, desk.out);
            }
        });
    }

    /// The body of a request comes more slowly than it has to.
    #[cold]
    pub(super) fn end_slow_body(&mut self, core: &Rc<Core>, request: ExchangeKey) {
        let Some(exchange) = self.exchanges.get(request) else {
            return;
        };
        let key = exchange.of;
        if let Some(reason) = cause(Deadline::Body) {
            self.note_reason(request, reason);
        }
        self.reset_kept(core, key, request, ErrorCode::CANCEL);
    }

    /// The body of a request is larger than it may be. The client need not send the rest.
    #[cold]
    pub(super) fn refuse_body(&mut self, core: &Rc<Core>, request: ExchangeKey) {
        let refusal = too_large();
        let Some(exchange) = self.exchanges.get(request) else {
            return;
        };
        let (key, seen) = (exchange.of, exchange.seen.take());
        let has_begun = exchange.stream.is_some();
        if let Some(on) = &exchange.on
            && let Some(inflow) = &on.inflow
        {
            let error = BodyError::Refused(refusal.status, refusal.reason);
            inflow.cell.finish(BodyState::Failed(error), None);
        }
        self.note_reason(request, refusal.reason);
        if has_begun {
            // A head is out, and an answer made of this body will not be whole.
            return self.reset_kept(core, key, request, ErrorCode::CANCEL);
        }
        self.drop_handler_of(core, request);
        self.stats.refused(refusal.status.as_u16());
        let parts = seen.unwrap_or_else(PlacedParts::blank);
        let response = self.seen_refusal(core, key, parts, &refusal);
        self.on_answer(core, request, Ok(response));
    }
}
