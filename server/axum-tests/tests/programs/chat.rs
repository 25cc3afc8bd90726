//! A chat: what one says in a POST, everybody hears in a stream of events, on whatever core they are.

use crate::client;
use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::sse::{Event, Sse};
use axum::routing::{get, post};
use futures_util::stream::{Stream, StreamExt};
use ringgate_axum_tests::over_ringgate;
use std::convert::Infallible;
use tokio::sync::broadcast::{Sender, channel};
use tokio_stream::wrappers::BroadcastStream;

async fn hear(
    State(room): State<Sender<String>>,
) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    let said = BroadcastStream::new(room.subscribe());
    let heard = said.filter_map(async |said| said.ok());
    Sse::new(heard.map(|text| Ok(Event::default().data(text))))
}

async fn say(State(room): State<Sender<String>>, text: String) -> StatusCode {
    match room.send(text) {
        Ok(_) => StatusCode::NO_CONTENT,
        Err(_) => StatusCode::GONE,
    }
}

#[test]
fn what_is_said_is_heard_by_all() {
    let (room, _) = channel(16);
    let app = Router::new()
        .route("/hear", get(hear))
        .route("/say", post(say))
        .with_state(room.clone());
    let server = over_ringgate(app);
    client(async {
        let mut listeners = Vec::new();
        for _ in 0..6 {
            let answer = reqwest::get(server.url("/hear")).await.expect("a stream");
            listeners.push(answer.bytes_stream());
        }
        assert_eq!(room.receiver_count(), 6);
        let saying = reqwest::Client::new().post(server.url("/say"));
        let said = saying.body("good morning").send().await.expect("said");
        assert_eq!(said.status(), 204);
        for listener in &mut listeners {
            let heard = listener.next().await.expect("more").expect("a piece");
            assert_eq!(heard, "data: good morning\n\n");
        }
    });
}
