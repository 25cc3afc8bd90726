//! `/healthz`, `/readyz` and `/status.json`: what load balancers and people ask a server about
//! itself. None passes the gate: they are wanted most when it is full.

use crate::handler::{Request, Response, RouteOptions, Router};
use http::header::CACHE_CONTROL;
use http::{HeaderValue, Method, StatusCode};

const UNGATED: RouteOptions = RouteOptions::new().ungated();

/// `/healthz` and `/readyz`, for any state. The first says that the process turns; the second whether new work
/// should be sent here: 503 from the beginning of a drain on.
///
/// ```
/// use ringgate::{Router, app, testing};
///
/// let client = testing::client(Router::new().merge(app::health()), ());
/// assert_eq!(client.get("/readyz").send().text(), "ok\n");
/// ```
pub fn health<S: 'static>() -> Router<S> {
    Router::new()
        .route_with(UNGATED, Method::GET, "/healthz", healthz)
        .route_with(UNGATED, Method::GET, "/readyz", readyz)
}

/// `/status.json`: how the server stands, as docs/status.md has it.
pub(super) fn status<S: 'static>() -> Router<S> {
    Router::new().route_with(UNGATED, Method::GET, "/status.json", status_json)
}

/// The process turns: that is all it says.
async fn healthz<S>(_: Request<S>) -> Response {
    Response::text("ok\n")
}

/// Whether new work should be sent here. A server with fewer cores than it is to have still wants work.
async fn readyz<S>(request: Request<S>) -> Response {
    let server = request.server();
    match (server.is_ready(), server.degraded()) {
        (true, None) => Response::text("ok\n"),
        (true, Some(degraded)) => Response::text(format!("{degraded}\n")),
        (false, _) => Response::text("draining\n").with_status(StatusCode::SERVICE_UNAVAILABLE),
    }
}

async fn status_json<S>(request: Request<S>) -> Response {
    let status = request.server().status().await;
    match serde_json::to_vec(&status) {
        Ok(json) => {
            Response::json(json).with_header(CACHE_CONTROL, HeaderValue::from_static("no-store"))
        }
        Err(error) => Response::error(StatusCode::INTERNAL_SERVER_ERROR, &error.to_string()),
    }
}
