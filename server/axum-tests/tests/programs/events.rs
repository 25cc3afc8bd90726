//! Server-sent events with comments that keep the connection alive, and their end when the client goes.

use crate::client;
use axum::Router;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::routing::get;
use futures_util::stream::{Stream, StreamExt};
use ringgate_axum_tests::over_ringgate;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Notify;

struct TellEnd(Arc<Notify>);

impl Drop for TellEnd {
    fn drop(&mut self) {
        self.0.notify_one();
    }
}

fn events(ended: Arc<Notify>) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    let end = TellEnd(ended);
    let first = futures_util::stream::iter([Ok(Event::default().data("first"))]);
    let silence = futures_util::stream::pending();
    let events = first.chain(silence).map(move |event| {
        let _held = &end;
        event
    });
    let alive = KeepAlive::new().interval(Duration::from_millis(20));
    Sse::new(events).keep_alive(alive.text("still here"))
}

#[test]
fn a_silent_stream_is_kept_alive_and_ends_when_its_client_goes() {
    let ended = Arc::new(Notify::new());
    let notify = ended.clone();
    let app = Router::new().route("/events", get(async move || events(notify)));
    let server = over_ringgate(app);
    client(async {
        let answer = reqwest::get(server.url("/events"))
            .await
            .expect("an answer");
        assert_eq!(answer.headers()["content-type"], "text/event-stream");
        let mut pieces = answer.bytes_stream();
        let mut seen = String::new();
        while seen.matches(": still here").count() < 3 {
            let piece = pieces.next().await.expect("more").expect("a piece");
            seen += std::str::from_utf8(&piece).expect("text");
        }
        assert!(seen.starts_with("data: first\n\n"), "{seen}");
        drop(pieces);
        ended.notified().await;
    });
}
