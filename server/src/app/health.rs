//! `/healthz`, `/readyz` and `/status.json`: what load balancers and people ask a server about
//! itself. None passes the gate: they are wanted most when it is full.

use super::AppState;
use crate::handler::{Request, Response, RouteOptions, Router};
use http::header::CACHE_CONTROL;
use http::{HeaderValue, Method, StatusCode};

const UNGATED: RouteOptions = RouteOptions::new().ungated();

pub(super) fn routes(router: Router<AppState>) -> Router<AppState> {
    router
        .route_with(UNGATED, Method::GET, "/healthz", healthz)
        .route_with(UNGATED, Method::GET, "/readyz", readyz)
}

pub(super) fn status_routes(router: Router<AppState>) -> Router<AppState> {
    router.route_with(UNGATED, Method::GET, "/status.json", status)
}

/// The process turns: that is all it says.
async fn healthz(_: Request<AppState>) -> Response {
    Response::text("ok\n")
}

/// Whether new work should be sent here. A server with fewer cores than it is to have still wants work.
async fn readyz(request: Request<AppState>) -> Response {
    let server = &request.state().server;
    match (server.is_ready(), server.degraded()) {
        (true, None) => Response::text("ok\n"),
        (true, Some(degraded)) => Response::text(format!("{degraded}\n")),
        (false, _) => Response::text("draining\n").with_status(StatusCode::SERVICE_UNAVAILABLE),
    }
}

async fn status(request: Request<AppState>) -> Response {
    let status = request.state().server.status().await;
    match serde_json::to_vec(&status) {
        Ok(json) => {
            Response::json(json).with_header(CACHE_CONTROL, HeaderValue::from_static("no-store"))
        }
        Err(error) => Response::error(StatusCode::INTERNAL_SERVER_ERROR, &error.to_string()),
    }
}
