//! News of the puppies: `POST /events` publishes, `GET /events` streams (server-sent events), `GET
//! /poll` waits for the next. Published on one core, heard on all.
//!
//! Handlers that wait give their slot back first: a thousand of them hold up nobody.

use crate::State;
use http::header::CACHE_CONTROL;
use http::{HeaderValue, Method, StatusCode};
use ringgate::events::{Event, Subscription};
use ringgate::{BodyError, Request, Response, RouteOptions, Router};
use serde_json::json;
use std::time::Duration;

/// The largest event, in bytes.
const EVENT_BYTES_MAX: u64 = 64 << 10;
/// How long `/poll` waits if it is not told.
const POLL_MS: u64 = 30_000;
/// The longest it may be told to wait.
const POLL_MS_MAX: u64 = 600_000;
const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");

pub(super) fn routes(router: Router<State>) -> Router<State> {
    let small = RouteOptions::new().body_size(EVENT_BYTES_MAX);
    router
        .route_with(small, Method::POST, "/events", publish)
        .get("/events", stream)
        .get("/poll", poll)
}

/// Answers the id of the new event.
async fn publish(request: Request<State>) -> Result<Response, BodyError> {
    let hub = request.state().hub.clone();
    let data = request.into_body().bytes().await?;
    Ok(json_answer(&json!({ "id": hub.publish(data) })))
}

/// Events from now on; or, for a client that comes back, those after the last it saw.
async fn stream(request: Request<State>) -> Response {
    request.state().hub.answer(&request)
}

/// The events after `after` as soon as there is one, or 204 when there is none in time.
async fn poll(request: Request<State>) -> Response {
    request.detach();
    let number = |name: &str| {
        let value = request.query_value(name)?;
        Some(value.parse::<u64>().map_err(|_| name.to_owned()))
    };
    let (after, wait) = match (
        number("after").transpose(),
        number("timeout_ms").transpose(),
    ) {
        (Ok(after), Ok(wait)) => (after, wait.unwrap_or(POLL_MS).min(POLL_MS_MAX)),
        (Err(name), _) | (_, Err(name)) => {
            let reason = format!("{name} must be a number");
            return Response::error(StatusCode::BAD_REQUEST, &reason);
        }
    };
    let mut events = request.state().hub.subscribe(after);
    let wait = Duration::from_millis(wait);
    match ringgate::runtime::timeout(wait, events.next()).await {
        Ok(Some(first)) => all_there_are(first, &mut events),
        Ok(None) | Err(_) => {
            Response::new(StatusCode::NO_CONTENT).with_header(CACHE_CONTROL, NO_STORE)
        }
    }
}

fn all_there_are(first: Event, events: &mut Subscription) -> Response {
    let rest = std::iter::from_fn(|| events.take());
    let events: Vec<_> = std::iter::once(first).chain(rest).collect();
    let last = events.last().map(|event| event.id);
    let shown: Vec<_> = events
        .iter()
        .map(|event| json!({"id": event.id, "data": String::from_utf8_lossy(&event.data)}))
        .collect();
    json_answer(&json!({"last": last, "events": shown}))
}

fn json_answer(value: &serde_json::Value) -> Response {
    Response::json(value.to_string().into_bytes()).with_header(CACHE_CONTROL, NO_STORE)
}
