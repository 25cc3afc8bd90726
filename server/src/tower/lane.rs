//! The answer of a service to a client for whom a lane gave no value.

use crate::handler::{Body, IntoResponse};
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue};
use ringgate_runtime::lane::LaneError;

/// The answer that a handler of this library gives by `lane.run(...).await?`, for services: 500 after a panic in the
/// lane, else 503 with `Retry-After` and the reason.
///
/// ```
/// use axum::extract::State;
/// use axum::routing::get;
/// use ringgate::lane::Lane;
/// use ringgate::{http, testing, tower};
///
/// async fn sum(State(lane): State<Lane>) -> Result<String, http::Response<String>> {
///     let sum = lane.run(|_| (1..=100).sum::<u32>()).await;
///     Ok(sum.map_err(tower::lane_error)?.to_string())
/// }
///
/// let lane = Lane::workers(1..=4).stateless().open("sums")?;
/// let app = axum::Router::new().route("/sum", get(sum)).with_state(lane);
/// let server = ringgate::Server::new(ringgate::config::Config::default(), tower::router(app));
/// # Ok::<(), ringgate::lane::LaneSetupError>(())
/// ```
pub fn lane_error(error: LaneError) -> http::Response<String> {
    let answer = error.into_response();
    let text = match answer.body() {
        Body::Chunk(bytes) => String::from_utf8_lossy(bytes.as_slice()).into_owned(),
        Body::Empty | Body::Stream { .. } | Body::Switch(_) => String::new(),
    };
    let mut fields: HeaderMap = answer.headers().iter().cloned().collect();
    if let Some(content_type) = answer.content_type() {
        fields.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    }
    let mut made = http::Response::new(text);
    *made.status_mut() = answer.status();
    *made.headers_mut() = fields;
    made
}
