//! Requests on streams of HTTP/2, and those that change the protocol, as the access log is told of them.
//!
//! Called by [`super::super::upgraded`]. A stream that is reset is told of at once: its connection goes on.

use super::noted::Noted;
use crate::admission::ledger::Reason;
use crate::connection::engine::Engine;
use crate::connection::key::{ConnectionKey, ExchangeKey};
use crate::connection::step::Outcome;
use crate::handler::RequestParts;
use http::StatusCode;
use ringgate_runtime::Core;

impl Engine {
    /// The note on a request of a stream that is refused before it begins.
    #[cold]
    pub(in crate::connection) fn note_of_refused(
        &mut self,
        core: &Core,
        key: ConnectionKey,
        parts: &mut RequestParts,
        stream: u32,
    ) -> Option<Box<Noted>> {
        if parts.head.len > 0 {
            return self.note_head(core, parts, None, Some(stream));
        }
        let access = self.access.as_mut()?;
        let (connection, sockets) = self.table.get_with_sockets(key)?;
        let mut noted = access.raw(connection.served, b"", sockets, key, core.now());
        noted.goes_to(None, Some(stream));
        self.app.name(parts);
        noted.is_named(parts.id());
        Some(noted)
    }

    /// Tells of a request of a stream that was refused before it began, by an answer of this status and so many bytes.
    #[cold]
    pub(in crate::connection) fn tell_of_refusal(
        &mut self,
        core: &Core,
        key: ConnectionKey,
        mut noted: Box<Noted>,
        (status, bytes): (u16, u64),
        reason: &'static str,
    ) {
        noted.answer(status, bytes, core.now());
        noted.refused(reason);
        self.tell(core, key, noted);
    }

    /// The whole answer of a stream is queued.
    pub(in crate::connection) fn set_noted_aside(
        &mut self,
        key: ConnectionKey,
        queued: usize,
        noted: Option<Box<Noted>>,
    ) {
        if let Some(noted) = noted {
            self.with_access(|access| access.set_aside(key, queued, noted));
        }
    }

    /// A request of a stream is over.
    pub(in crate::connection) fn tell_of_stream(
        &mut self,
        core: &Core,
        key: ConnectionKey,
        mut noted: Box<Noted>,
        outcome: Outcome,
        rejected: Option<Reason>,
    ) {
        if let Some(reason) = rejected {
            noted.refused(reason.name());
        }
        if outcome == Outcome::Aborted {
            let cause = self.access.as_ref().and_then(|access| access.cause);
            noted.abort(core.now(), cause);
        }
        self.tell(core, key, noted);
    }

    /// The answer to a request is queued that ends HTTP on its connection.
    pub(in crate::connection) fn note_switch(
        &mut self,
        core: &Core,
        request: ExchangeKey,
        status: StatusCode,
    ) {
        let exchange = self.exchanges.get(request);
        if let Some(noted) = exchange.and_then(|exchange| exchange.noted.as_mut()) {
            noted.answer(status.as_u16(), 0, core.now());
        }
    }

    /// Another protocol begins: its request is told of at its end, with what was sent until then.
    pub(in crate::connection) fn note_upgrade(&mut self, key: ConnectionKey) {
        let exchange = self.exchange_of(key);
        let Some(mut noted) = exchange.and_then(|exchange| exchange.noted.take()) else {
            return;
        };
        let queued = self.table.get(key).map_or(0, |c| c.output.queued);
        self.with_access(|access| {
            noted.ends_at(access.end_of_output(key, queued));
            noted.counts_on = true;
            access.place(key).upgraded = Some(noted);
        });
    }

    /// The connection goes to another process, which knows nothing of the requests that go on there: they are told of
    /// now, with what was sent until then.
    pub(in crate::connection) fn tell_at_hand_over(&mut self, core: &Core, key: ConnectionKey) {
        self.note_end_of_upgrade(key);
        if !self.settings.logs {
            return;
        }
        for request in self.kept_on_streams(key) {
            let exchange = self.exchanges.get(request);
            if let Some(noted) = exchange.and_then(|exchange| exchange.noted.take()) {
                self.tell(core, key, noted);
            }
        }
    }

    /// The other protocol is over; what is queued still goes out.
    pub(in crate::connection) fn note_end_of_upgrade(&mut self, key: ConnectionKey) {
        if !self.settings.logs {
            return;
        }
        self.with_access(|access| {
            let place = access.place(key);
            let upgraded = place.upgraded.take();
            place.waiting.extend(upgraded);
        });
    }
}
