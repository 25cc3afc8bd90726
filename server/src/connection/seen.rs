//! Answers that the server gives by itself where the application has something [around](crate::handler::Router::around)
//! its answers: they are shown to it before they are sent, with as much of the request as is known.
//!
//! Called by `answer.rs` in place of its own short way. Such an answer is whole when it is written, and the
//! connection ends with it.

use super::engine::Engine;
use super::key::ConnectionKey;
use crate::handler::{Body, PlacedParts, Response};
use crate::http1::refusal::Refusal;
use crate::http1::response::{self, BodyLength, ConnectionHeader, Fields, ResponseHead};
use http::{HeaderName, HeaderValue, StatusCode};
use ringgate_runtime::Core;

impl Engine {
    /// Queues the answer that the application makes of one that the server gives by itself. The request is the
    /// one that is kept, or the one that could not be, or blank.
    #[cold]
    pub(super) fn write_seen(
        &mut self,
        core: &Core,
        key: ConnectionKey,
        to_head: bool,
        make: &dyn Fn() -> Response,
    ) {
        let kept = self
            .exchange_of(key)
            .and_then(|exchange| exchange.seen.take());
        let mut parts = self.seen.take().or(kept).unwrap_or_else(PlacedParts::blank);
        let Some((_, sockets)) = self.table.get_with_sockets(key) else {
            return;
        };
        parts.come_from(self.index, key, sockets);
        if self.settings.logs {
            self.note_id(key, &mut parts);
        }
        let mut response = self.app.refuse(core, parts, make);
        if matches!(response.body, Body::Stream { .. } | Body::Switch(_)) {
            response.body = make().body;
        }
        self.count_own_answer(key, response.status);
        let Some(connection) = self.table.get(key) else {
            return;
        };
        let head = ResponseHead {
            status: response.status,
            content_type: response.content_type,
            fields: Fields::List(&response.fields),
            body: BodyLength::Known(response.body.len().unwrap_or(0)),
            connection: ConnectionHeader::Close,
        };
        connection.output.write_with(&mut self.buffers, |tail| {
            head.encode(self.date.current(), tail)
        });
        match response.body {
            Body::Chunk(chunk) if !to_head => connection.output.add_large(chunk),
            Body::Empty | Body::Chunk(_) | Body::Stream { .. } | Body::Switch(_) => {}
        }
    }
}

impl Response {
    /// The answer to a message that is refused.
    pub(super) fn refused(refusal: &Refusal) -> Response {
        Response::text(response::refusal_body(refusal)).with_status(refusal.status)
    }

    /// The answer that says a status and nothing else.
    pub(super) fn of_status(
        status: StatusCode,
        fields: &Option<(HeaderName, HeaderValue)>,
    ) -> Response {
        let mut response = Response::new(status)
            .with_content_type("text/plain")
            .with_body(format!("{}\n", response::status_text(status)));
        response.fields.extend(fields.clone());
        response
    }
}
