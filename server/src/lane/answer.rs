//! The answer to a client whose handler got no value from a lane.

use crate::handler::{IntoResponse, Response};
use http::header::RETRY_AFTER;
use http::{HeaderName, HeaderValue, StatusCode};
use ringgate_runtime::lane::LaneError;

/// Says why, as for a refusal by the gate.
const REASON: HeaderName = HeaderName::from_static("x-ringgate-reason");
/// Seconds after which the client may try again.
const RETRY_AFTER_SECONDS: HeaderValue = HeaderValue::from_static("1");

/// So that a handler can write `lane.run(...).await?`: 500 after a panic, else 503 with a reason and
/// `Retry-After`. The connection stays: the server is well, only this lane is not. The log says what
/// exactly is wrong with it; the client is not told.
impl IntoResponse for LaneError {
    fn into_response(self) -> Response {
        if let LaneError::Panicked(panic) = &self {
            tracing::error!(panic = panic.message(), "work in a lane panicked");
            let reason = "the server has made a mistake";
            return Response::error(StatusCode::INTERNAL_SERVER_ERROR, reason);
        }
        let text = match &self {
            LaneError::Full | LaneError::TimedOut => "too much is waiting for this; try again soon",
            LaneError::Unavailable(_) => "something this needs is not there; try again soon",
            _ => "the server is about to end",
        };
        Response::error(StatusCode::SERVICE_UNAVAILABLE, text)
            .with_header(RETRY_AFTER, RETRY_AFTER_SECONDS)
            .with_header(REASON, HeaderValue::from_static(self.reason()))
    }
}
