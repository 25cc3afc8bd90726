//! Middleware that is a function: around each answer, and over the bytes of bodies.

use crate::client;
use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Extension, Request};
use axum::http::{HeaderValue, StatusCode};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use http_body_util::BodyExt;
use ringgate_axum_tests::over_ringgate;
use std::time::Instant;

#[derive(Clone)]
struct User(String);

async fn know(mut request: Request, next: Next) -> Result<Response, StatusCode> {
    let name = request
        .headers()
        .get("x-user")
        .ok_or(StatusCode::UNAUTHORIZED)?;
    let name = name
        .to_str()
        .map_err(|_| StatusCode::BAD_REQUEST)?
        .to_owned();
    request.extensions_mut().insert(User(name));
    Ok(next.run(request).await)
}

async fn timed(request: Request, next: Next) -> Response {
    let began = Instant::now();
    let mut response = next.run(request).await;
    let took = began.elapsed().as_micros().to_string();
    let value = HeaderValue::from_str(&took).expect("digits");
    response.headers_mut().insert("x-took", value);
    response
}

/// Both bodies in capitals.
async fn loud(request: Request, next: Next) -> Result<Response, Response> {
    let (parts, body) = request.into_parts();
    let request = Request::from_parts(parts, in_capitals(body).await?);
    let (parts, body) = next.run(request).await.into_parts();
    Ok(Response::from_parts(parts, in_capitals(body).await?))
}

async fn in_capitals(body: Body) -> Result<Body, Response> {
    let failed = |error: axum::Error| (StatusCode::BAD_REQUEST, error.to_string()).into_response();
    let bytes: Bytes = body.collect().await.map_err(failed)?.to_bytes();
    Ok(bytes.to_ascii_uppercase().into())
}

#[test]
fn layers_see_each_request_and_each_answer() {
    let app = Router::new()
        .route(
            "/me",
            get(async |Extension(User(name)): Extension<User>| name),
        )
        .layer(middleware::from_fn(know))
        .merge(
            Router::new()
                .route(
                    "/loud",
                    post(async |text: String| format!("{text}, you say")),
                )
                .layer(middleware::from_fn(loud)),
        )
        .layer(middleware::from_fn(timed));
    let server = over_ringgate(app);
    client(async {
        let client = reqwest::Client::new();
        let stranger = client
            .get(server.url("/me"))
            .send()
            .await
            .expect("an answer");
        assert_eq!(stranger.status(), 401);
        assert!(stranger.headers().contains_key("x-took"));
        let known = client.get(server.url("/me")).header("x-user", "ada").send();
        let known = known.await.expect("an answer").text().await;
        assert_eq!(known.expect("a text"), "ada");
        let loud = client.post(server.url("/loud")).body("quiet").send();
        let loud = loud.await.expect("an answer").text().await;
        assert_eq!(loud.expect("a text"), "QUIET, YOU SAY");
    });
}
