//! A page, a name in the path, and a query.

use crate::{client, text};
use axum::extract::{Path, Query};
use axum::response::Html;
use axum::{Router, routing::get};
use ringgate_axum_tests::over_ringgate;
use serde::Deserialize;

#[derive(Deserialize)]
struct Times {
    times: Option<usize>,
}

async fn greet(Path(name): Path<String>, Query(times): Query<Times>) -> String {
    format!("hello, {name}\n").repeat(times.times.unwrap_or(1))
}

#[test]
fn a_page_and_a_greeting() {
    let app = Router::new()
        .route("/", get(async || Html("<h1>Hello, World!</h1>")))
        .route("/greet/{name}", get(greet));
    let server = over_ringgate(app);
    client(async {
        assert_eq!(text(server.url("/")).await, "<h1>Hello, World!</h1>");
        let greeted = text(server.url("/greet/J%C3%BCrgen?times=2")).await;
        assert_eq!(greeted, "hello, J\u{fc}rgen\nhello, J\u{fc}rgen\n");
    });
}
