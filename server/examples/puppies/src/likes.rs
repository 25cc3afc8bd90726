//! `/puppies/{name}?ms=N`: what a puppy likes, from a query that takes N milliseconds.

use crate::State;
use crate::database::QueryError;
use http::header::RETRY_AFTER;
use http::{HeaderName, HeaderValue, StatusCode};
use ringgate::lane::LaneError;
use ringgate::{Request, Response, Router};
use std::time::Duration;

/// The longest a query may be told to take, in milliseconds.
const QUERY_MS_MAX: u64 = 60_000;
const REASON: HeaderName = HeaderName::from_static("x-ringgate-reason");

pub(super) fn routes(router: Router<State>) -> Router<State> {
    router.get("/puppies/{name}", likes)
}

async fn likes(request: Request<State>) -> Result<Response, LaneError> {
    let Some(name) = request.param_decoded("name") else {
        return Ok(Response::error(
            StatusCode::BAD_REQUEST,
            "the name is not UTF-8",
        ));
    };
    let milliseconds = match request.query_value("ms").map(|ms| ms.parse()) {
        None => 0,
        Some(Ok(milliseconds)) if milliseconds <= QUERY_MS_MAX => milliseconds,
        Some(_) => {
            let reason = format!("ms must be a number up to {QUERY_MS_MAX}");
            return Ok(Response::error(StatusCode::BAD_REQUEST, &reason));
        }
    };
    let took = Duration::from_millis(milliseconds);
    let wanted = name.clone().into_owned();
    // The core goes on with others; this handler resumes here.
    let lane = &request.state().database;
    let likes = lane.run(move |database| database.likes(&wanted, took));
    Ok(match likes.await? {
        Ok(Some(likes)) => Response::text(format!("{name} likes {likes}.")),
        Ok(None) => Response::error(StatusCode::NOT_FOUND, "no puppy is called that"),
        Err(error) => failed(&error),
    })
}

/// The query failed in the database, or the connection to it did: the details are for the log.
fn failed(error: &QueryError) -> Response {
    tracing::warn!(%error, "a query failed");
    let reason = "the database did not answer; try again soon";
    Response::error(StatusCode::SERVICE_UNAVAILABLE, reason)
        .with_header(RETRY_AFTER, HeaderValue::from_static("1"))
        .with_header(REASON, HeaderValue::from_static("database-failed"))
}
