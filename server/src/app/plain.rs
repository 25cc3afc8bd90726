//! `/plaintext` and `/json`: the smallest useful handlers, for measuring what the server itself
//! costs.

use super::AppState;
use crate::handler::{Request, Response, Router};
use http::StatusCode;
use serde::Serialize;

const HELLO: &str = "Hello, World!";

#[derive(Serialize)]
struct Message {
    message: &'static str,
}

pub(super) fn routes(router: Router<AppState>) -> Router<AppState> {
    router.get("/plaintext", plaintext).get("/json", json)
}

async fn plaintext(_: Request<AppState>) -> Response {
    Response::new(StatusCode::OK)
        .with_content_type("text/plain")
        .with_body(HELLO)
}

/// Serialises anew for every request, as an application would.
async fn json(_: Request<AppState>) -> Response {
    match serde_json::to_vec(&Message { message: HELLO }) {
        Ok(json) => Response::json(json),
        Err(error) => Response::error(StatusCode::INTERNAL_SERVER_ERROR, &error.to_string()),
    }
}
