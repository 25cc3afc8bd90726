//! Step three: a complete head stands at the gate. It runs, waits, or is refused.

use super::engine::Engine;
use super::key::ConnectionKey;
use super::table::{Exchange, Terms, Upload, Waiting};
use crate::admission::gate::{Entry, Ticket, Verdict, Waiter};
use crate::admission::ledger::Reason;
use crate::handler::{BodyCell, PlacedParts, RequestBody, Response, Routed};
use crate::http::body::BodyDecoder;
use crate::http::exchange::Event;
use crate::http::fields::BodyFraming;
use crate::http::refusal::Refusal;
use http::header::RETRY_AFTER;
use http::{HeaderName, HeaderValue, Method, StatusCode};
use ringgate_runtime::Core;
use std::rc::Rc;

/// Seconds after which a refused client may try again.
const RETRY_AFTER_SECONDS: HeaderValue = HeaderValue::from_static("1");
/// Says why the gate refused.
const REASON_FIELD: HeaderName = HeaderName::from_static("x-ringgate-reason");

impl Engine {
    /// A head is complete: it finds its route and stands at the gate.
    #[inline]
    pub(super) fn on_head(&mut self, core: &Rc<Core>, key: ConnectionKey, mut parts: PlacedParts) {
        let routed = self.app.route(&mut parts);
        let head = &parts.head;
        let terms = Terms {
            to_head: head.method == Method::HEAD,
            version: head.version,
            keep_alive: head.keep_alive,
            began: core.now(),
        };
        let body_pending = head.framing != BodyFraming::None;
        let mut upload = None;
        if body_pending {
            match self.expect_body(key, &mut parts, &routed) {
                Ok(expected) => upload = Some(expected),
                Err(refusal) => return self.refuse(core, key, &refusal),
            }
        }
        let Some(connection) = self.table.get(key) else {
            return;
        };
        let (state, _run) = connection.state.on(Event::HeadComplete { body_pending });
        connection.state = state;
        connection.served += 1;
        connection.discarded = 0;
        self.stats.begun.add(1);
        self.stats.running.rise();
        match routed {
            Routed::Answer(response) => {
                // Nobody reads the body: it is discarded as after any answer.
                drop(parts);
                self.keep(key, Exchange::new(terms, upload));
                self.on_answer(core, key, Ok(*response));
            }
            Routed::Found { route, options } => {
                self.admit(core, key, route, options.gated, parts, terms, upload);
            }
        }
    }

    #[inline(never)]
    fn expect_body(
        &self,
        key: ConnectionKey,
        parts: &mut PlacedParts,
        routed: &Routed,
    ) -> Result<Upload, Refusal> {
        let limit = match routed {
            Routed::Found { options, .. } => options.body_size,
            Routed::Answer(_) => None,
        };
        let limit = limit.unwrap_or(self.settings.body_size);
        let decoder = Box::new(BodyDecoder::new(parts.head.framing, limit)?);
        let cell = BodyCell::new(self.attention.clone(), key);
        parts.body = RequestBody(Some(cell.clone()));
        Ok(Upload {
            decoder,
            cell,
            awaits_continue: parts.head.expect_continue,
        })
    }

    /// The exchange goes on beyond this event: it gets a place.
    pub(super) fn keep(&mut self, key: ConnectionKey, exchange: Exchange) {
        let Some(connection) = self.table.get(key) else {
            return;
        };
        connection.exchange = Some(self.exchanges.insert(exchange) as u32);
    }

    #[inline]
    #[expect(clippy::too_many_arguments, reason = "a struct of them would be moved")]
    fn admit(
        &mut self,
        core: &Rc<Core>,
        key: ConnectionKey,
        route: u32,
        gated: bool,
        parts: PlacedParts,
        terms: Terms,
        upload: Option<Upload>,
    ) {
        let entry = match gated {
            true => self.gate.enter(Waiter {
                core: self.index,
                key,
            }),
            false => Entry::Run(Ticket::free()),
        };
        match entry {
            Entry::Run(ticket) => self.run(core, key, route, parts, terms, upload, ticket),
            Entry::Refused => {
                drop(parts);
                self.keep(key, Exchange::new(terms, upload));
                self.reject(core, key, Reason::Full);
            }
            Entry::Wait => {
                self.stats.running.fall();
                self.stats.pending.rise();
                let mut exchange = Exchange::new(terms, upload);
                exchange.waiting = Some(Box::new(Waiting {
                    route,
                    parts,
                    since: core.now(),
                }));
                self.keep(key, exchange);
            }
        }
    }

    /// The gate's word on a request that waited. One that is gone meanwhile drops the ticket,
    /// which gives the slot to the next.
    pub(super) fn on_verdict(&mut self, core: &Rc<Core>, verdict: Verdict) {
        let key = match &verdict {
            Verdict::Granted(key, _) | Verdict::Refused(key) => *key,
        };
        let Some(waiting) = self
            .exchange_of(key)
            .and_then(|exchange| exchange.waiting.take())
        else {
            return;
        };
        self.stats.pending.fall();
        self.stats.running.rise();
        match verdict {
            Verdict::Granted(_, ticket) => {
                self.stats
                    .queue_time
                    .record((core.now() - waiting.since).as_nanos() as u64);
                self.run_granted(core, key, *waiting, ticket);
            }
            Verdict::Refused(_) => {
                let reason = if self.is_draining() {
                    Reason::Draining
                } else {
                    Reason::Full
                };
                drop(waiting);
                self.reject(core, key, reason);
            }
        }
        self.settle(core, key);
    }

    /// Row H10: a short 503 that the client gets whole.
    fn reject(&mut self, core: &Rc<Core>, key: ConnectionKey, reason: Reason) {
        if let Some(connection) = self.table.get(key) {
            connection.rejected = Some(reason);
        }
        crate::limited!(
            self.log,
            core.now().as_nanos(),
            warn,
            reason.name(),
            reason = reason.name(),
            "a request was refused by the gate"
        );
        let response = Response::error(
            StatusCode::SERVICE_UNAVAILABLE,
            "the server is busy; try again soon",
        )
        .with_header(RETRY_AFTER, RETRY_AFTER_SECONDS)
        .with_header(REASON_FIELD, HeaderValue::from_static(reason.name()))
        .closing();
        self.on_answer(core, key, Ok(response));
    }

    #[inline]
    pub(super) fn exchange_of(&mut self, key: ConnectionKey) -> Option<&mut Exchange> {
        let exchange = self.table.get(key)?.exchange?;
        self.exchanges.get_mut(exchange as usize)
    }
}
