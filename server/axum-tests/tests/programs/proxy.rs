//! A proxy in front of another server, with reqwest: bodies pass in both directions as they come.

use crate::{client, text};
use axum::Router;
use axum::body::Body;
use axum::extract::{Path, Request, State};
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::{any, get, post};
use futures_util::StreamExt;
use reqwest::Client;
use ringgate_axum_tests::{over_axum, over_ringgate};
use std::time::Duration;

#[derive(Clone)]
struct Upstream {
    client: Client,
    base: String,
}

/// Passes a request on. Its body is read by the client's own task, on a thread of tokio's.
async fn pass(
    State(upstream): State<Upstream>,
    Path(rest): Path<String>,
    request: Request,
) -> Result<Response, StatusCode> {
    let (parts, body) = request.into_parts();
    let body = reqwest::Body::wrap_stream(body.into_data_stream());
    let url = format!("{}/{rest}", upstream.base);
    let sent = upstream.client.request(parts.method, url).body(body).send();
    let answer = sent.await.map_err(|_| StatusCode::BAD_GATEWAY)?;
    let mut response = Response::builder().status(answer.status());
    if let Some(kind) = answer.headers().get("content-type") {
        response = response.header("content-type", kind);
    }
    let body = Body::from_stream(answer.bytes_stream());
    response.body(body).map_err(|_| StatusCode::BAD_GATEWAY)
}

async fn ticks() -> Body {
    let ticks = futures_util::stream::iter(0..5).then(async |at| {
        tokio::time::sleep(Duration::from_millis(2)).await;
        Ok::<_, std::io::Error>(format!("tick {at}\n"))
    });
    Body::from_stream(ticks)
}

fn behind() -> Router {
    Router::new()
        .route("/echo", post(async |body: Body| body))
        .route("/ticks", get(ticks))
}

#[test]
fn a_proxy_passes_bodies_through_and_tells_when_nobody_is_behind() {
    let behind = over_axum(behind());
    let upstream = |base: String| {
        let client = Client::new();
        let state = Upstream { client, base };
        over_ringgate(Router::new().route("/{*rest}", any(pass)).with_state(state))
    };
    let proxy = upstream(behind.url(""));
    let broken = upstream("http://127.0.0.1:1".to_owned());
    client(async {
        let body: Vec<u8> = (0..3_000_000u32).map(|at| (at % 241) as u8).collect();
        let echo = Client::new()
            .post(proxy.url("/echo"))
            .body(body.clone())
            .send();
        let echoed = echo.await.expect("an answer").bytes().await.expect("whole");
        assert!(echoed == body);
        assert_eq!(
            text(proxy.url("/ticks")).await,
            "tick 0\ntick 1\ntick 2\ntick 3\ntick 4\n"
        );
        let nobody = reqwest::get(broken.url("/ticks")).await.expect("an answer");
        assert_eq!(nobody.status(), 502);
    });
}
