//! Answers that the server gives by itself, and with which the connection ends: refusals, errors, and the 503 of a
//! connection that was read no word of. Where the application has something
//! [around](crate::handler::Router::around) its answers, it is shown them before they are sent, with as much of the
//! request as is known.
//!
//! Called by `answer.rs`.

use super::access::told;
use super::answer::{Queued, queue_unusual};
use super::engine::Engine;
use super::exchanges::Terms;
use super::key::ConnectionKey;
use crate::handler::{Body, PlacedParts, Response};
use crate::http1::exchange::After;
use http::Version;
use ringgate_runtime::Core;

impl Engine {
    /// Queues an answer that the server gives by itself: the one that `make` makes, or what the application makes of
    /// that. `reason` goes to the access log.
    #[cold]
    pub(super) fn write_own(
        &mut self,
        core: &Core,
        key: ConnectionKey,
        to_head: bool,
        reason: &'static str,
        make: &dyn Fn() -> Response,
    ) {
        self.keep_date(core);
        let (mut response, id) = match self.app.sees_refusals() {
            true => self.shown(core, key, make),
            false => (make(), None),
        };
        self.count_own_answer(key, response.status);
        let Some(connection) = self.table.get(key) else {
            return;
        };
        let terms = Terms {
            to_head,
            version: Version::HTTP_11,
            keep_alive: false,
            began: core.now(),
        };
        let told = told(to_head, &response);
        let queued = queue_unusual(
            connection,
            &terms,
            &mut response,
            After::Close,
            self.date.current(),
            &mut self.buffers,
        );
        debug_assert!(matches!(queued, Queued::All(_)), "it is no stream");
        self.note_own_answer(core, key, told, reason, id);
    }

    /// The answer that the application makes of one that the server gives by itself, and the id of the request if
    /// the access log is to have it. The request is the one that is kept, or the one that could not be, or blank.
    fn shown(
        &mut self,
        core: &Core,
        key: ConnectionKey,
        make: &dyn Fn() -> Response,
    ) -> (Response, Option<Vec<u8>>) {
        let kept = self
            .exchange_of(key)
            .and_then(|exchange| exchange.seen.take());
        let mut parts = self.seen.take().or(kept).unwrap_or_else(PlacedParts::blank);
        if let Some((_, sockets)) = self.table.get_with_sockets(key) {
            parts.come_from(self.index, key, sockets);
        }
        if self.settings.logs {
            self.app.name(&mut parts);
        }
        let id = parts.id().map(<[u8]>::to_vec);
        (self.app.refuse(core, parts, make).whole(make), id)
    }
}

/// Fields that say something of the content that they go with (RFC 9110 section 8, RFC 9530, RFC 6266), and so nothing
/// of another one.
const OF_CONTENT: [&str; 14] = [
    "accept-ranges",
    "content-digest",
    "content-disposition",
    "content-encoding",
    "content-language",
    "content-length",
    "content-location",
    "content-range",
    "content-type",
    "digest",
    "etag",
    "last-modified",
    "repr-digest",
    "trailer",
];

impl Response {
    /// The answer that an application made of one of the server's own, with a body that is there. One that streams
    /// would have to be waited for: the server's own answer goes out in its place, with those fields of the
    /// application's that do not speak of the body that is gone.
    pub(super) fn whole(mut self, make: &dyn Fn() -> Response) -> Response {
        if matches!(self.body, Body::Empty | Body::Chunk(_)) {
            return self;
        }
        let own = make();
        self.body.let_go();
        self.fields
            .retain(|(name, _)| !OF_CONTENT.contains(&name.as_str()));
        Response {
            fields: self.fields,
            close: self.close,
            ..own
        }
    }
}
