//! A span for each request, told of its beginning, its answer, the end of its body and its failure.

use crate::{client, text};
use axum::Router;
use axum::body::{Body, Bytes, HttpBody};
use axum::http::{HeaderMap, Request, Response, StatusCode};
use axum::routing::get;
use ringgate_axum_tests::over_ringgate;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tower_http::classify::ServerErrorsFailureClass;
use tower_http::trace::TraceLayer;
use tracing::Span;

#[test]
fn the_callbacks_of_a_trace_come_in_their_order() {
    let told = Arc::new(Mutex::new(Vec::new()));
    let note = |what: &'static str| {
        let told = told.clone();
        move || told.lock().expect("no panic").push(what)
    };
    let (request, response, chunk) = (note("request"), note("response"), note("chunk"));
    let (end, failure) = (note("end"), note("failure"));
    let layer = TraceLayer::new_for_http()
        .on_request(move |_: &Request<Body>, _: &Span| request())
        .on_response(move |_: &Response<Body>, _: Duration, _: &Span| response())
        .on_body_chunk(move |_: &Bytes, _: Duration, _: &Span| chunk())
        .on_eos(move |_: Option<&HeaderMap>, _: Duration, _: &Span| end())
        .on_failure(move |_: ServerErrorsFailureClass, _: Duration, _: &Span| failure());
    let streamed = || {
        let pieces = ["one", "two"].map(Ok::<_, std::io::Error>);
        let body = Body::from_stream(futures_util::stream::iter(pieces));
        assert!(body.size_hint().exact().is_none());
        body
    };
    let app = Router::new()
        .route("/streamed", get(async move || streamed()))
        .route("/failed", get(async || StatusCode::BAD_GATEWAY))
        .layer(layer);
    let server = over_ringgate(app);
    client(async {
        assert_eq!(text(server.url("/streamed")).await, "onetwo");
        assert_eq!(text(server.url("/failed")).await, "");
    });
    drop(server);
    let told = told.lock().expect("no panic");
    assert_eq!(
        told[..],
        [
            "request", "response", "chunk", "chunk", "end", "request", "response", "failure"
        ]
    );
}
