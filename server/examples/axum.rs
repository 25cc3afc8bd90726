//! An axum router on Ringgate. But for the last line of `main` it is what it would be on `axum::serve`.

use axum::extract::Path;
use axum::routing::{get, post};
use axum::{Json, Router, body::Bytes};
use std::process::ExitCode;

/// What `/json` answers with.
#[derive(serde::Serialize)]
struct Message {
    message: &'static str,
}

async fn plaintext() -> &'static str {
    "Hello, World!"
}

async fn json() -> Json<Message> {
    Json(Message {
        message: "Hello, World!",
    })
}

async fn hello(Path(name): Path<String>) -> String {
    format!("Hello, {name}!\n")
}

async fn echo(body: Bytes) -> Bytes {
    body
}

fn main() -> ExitCode {
    let app = Router::new()
        .route("/plaintext", get(plaintext))
        .route("/json", get(json))
        .route("/hello/{name}", get(hello))
        .route("/echo", post(echo));
    ringgate::tower::serve(app)
}
