//! Whole applications of axum: what of a request reaches them, and that every request does.

use crate::common::{config, start_with};
use crate::support::Frames;
use axum::extract::{ConnectInfo, OriginalUri, Path};
use axum::routing::{any, get};
use bytes::Bytes;
use http::{Method, StatusCode, Uri, Version};
use http_body::Frame;
use ringgate::{Server, tower};
use std::convert::Infallible;
use std::future::{Ready, ready};
use std::net::SocketAddr;
use std::process::ExitCode;
use std::task::{Context, Poll};

type Said = (StatusCode, String);

async fn say(method: Method, version: Version, uri: Uri) -> Said {
    let line = format!(
        "{method} {version:?} {:?} {:?} {:?} {:?}",
        uri.scheme_str(),
        uri.authority().map(|authority| authority.as_str()),
        uri.path(),
        uri.query()
    );
    (StatusCode::BAD_GATEWAY, line)
}

#[test]
fn an_app_is_told_targets_and_versions_as_they_came() {
    let app = axum::Router::new().fallback(any(say));
    let server = start_with(config(), tower::router(app), |_| ());
    let cases = [
        (
            "GET /a%20b?c=d HTTP/1.1",
            "GET HTTP/1.1 None None \"/a%20b\" Some(\"c=d\")",
        ),
        ("GET / HTTP/1.0", "GET HTTP/1.0 None None \"/\" None"),
        (
            "GET http://t/x?y HTTP/1.1",
            "GET HTTP/1.1 Some(\"http\") Some(\"t\") \"/x\" Some(\"y\")",
        ),
        (
            "CONNECT t:443 HTTP/1.1",
            "CONNECT HTTP/1.1 None Some(\"t:443\") \"\" None",
        ),
        (
            "OPTIONS /x HTTP/1.1",
            "OPTIONS HTTP/1.1 None None \"/x\" None",
        ),
    ];
    for (line, told) in cases {
        let mut client = server.connect();
        let host = match line.starts_with("CONNECT") {
            true => "t:443",
            false => "t",
        };
        client.send(format!("{line}\r\nHost: {host}\r\n\r\n"));
        let answer = client.answer();
        assert_eq!((answer.status, answer.text()), (502, told), "{line}");
    }
}

#[test]
fn an_app_answers_unknown_paths_and_other_methods_itself() {
    let app = axum::Router::new().route("/here", get(async || "here"));
    let server = start_with(config(), tower::router(app), |_| ());
    let mut client = server.connect();
    let other = client.request("POST", "/here", "", b"");
    assert_eq!((other.status, other.text()), (405, ""));
    assert_eq!(other.header("allow"), Some("GET,HEAD"));
    let unknown = client.get("/there");
    assert_eq!((unknown.status, unknown.text()), (404, ""));
}

async fn who(ConnectInfo(client): ConnectInfo<SocketAddr>, Path(name): Path<String>) -> String {
    format!("{name} at {client}")
}

#[test]
fn an_app_that_asks_for_it_knows_the_address_of_each_client() {
    let app = axum::Router::new().route("/{name}", get(who));
    let make = app.into_make_service_with_connect_info::<SocketAddr>();
    let server = start_with(config(), tower::router(make), |_| ());
    for _ in 0..2 {
        let mut client = server.connect();
        let own = client.stream().local_addr().expect("bound");
        for name in ["ada", "bob"] {
            let answer = client.get(&format!("/{name}"));
            assert_eq!(answer.text(), format!("{name} at {own}"));
        }
    }
}

async fn original(OriginalUri(uri): OriginalUri) -> String {
    uri.to_string()
}

#[test]
fn a_make_service_without_an_address_is_an_app_as_well() {
    let inner = axum::Router::new().route("/inner", get(original));
    let app = axum::Router::new().nest("/outer", inner);
    let server = start_with(config(), tower::router(app.into_make_service()), |_| ());
    assert_eq!(server.get("/outer/inner?q").text(), "/outer/inner?q");
}

#[test]
fn a_head_claims_the_length_that_get_has_or_none() {
    let streamed = || {
        let frames = [Ok(Frame::data(Bytes::from("piece")))];
        axum::body::Body::new(Frames(frames.into_iter()))
    };
    let app = axum::Router::new()
        .route("/whole", get(async || "12345"))
        .route("/streamed", get(async move || streamed()));
    let server = start_with(config(), tower::router(app), |_| ());
    let mut client = server.connect();
    for (path, length) in [("/whole", Some("5")), ("/streamed", None)] {
        client.send(format!("HEAD {path} HTTP/1.1\r\nHost: t\r\n\r\n"));
        let answer = client.answer_to("HEAD");
        assert_eq!(
            (answer.status, answer.header("content-length")),
            (200, length)
        );
        assert_eq!(answer.header("transfer-encoding"), None);
    }
    assert_eq!(client.get("/streamed").text(), "piece");
}

#[tokio::test]
async fn within_a_runtime_an_app_is_not_served() {
    let code = tower::serve(axum::Router::new());
    assert_eq!(format!("{code:?}"), format!("{:?}", ExitCode::FAILURE));
    let code = Server::<()>::run_main("program", |_, _| panic!("it makes no server"));
    assert_eq!(format!("{code:?}"), format!("{:?}", ExitCode::FAILURE));
}

/// A service that takes requests with a body of axum and no other.
#[derive(Clone)]
struct Particular;

impl tower_service::Service<http::Request<axum::body::Body>> for Particular {
    type Response = http::Response<axum::body::Body>;
    type Error = Infallible;
    type Future = Ready<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<axum::body::Body>) -> Self::Future {
        ready(Ok(http::Response::new(request.into_body())))
    }
}

#[test]
fn a_service_that_asks_for_bodies_of_axum_is_the_fallback_of_a_router_of_axum() {
    let app = axum::Router::new().fallback_service(Particular);
    let server = start_with(config(), tower::router(app), |_| ());
    let answer = server
        .connect()
        .request("POST", "/x", "", b"there and back");
    assert_eq!((answer.status, answer.text()), (200, "there and back"));
}
