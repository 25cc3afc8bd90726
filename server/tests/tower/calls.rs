//! How a service is called, what of its answer arrives, and what ends it early.

use crate::common::{config, start_with, wait_for};
use crate::support::{Answer, boxed, service, text};
use bytes::Bytes;
use http::header::{CONNECTION, CONTENT_LENGTH, SET_COOKIE};
use http::{HeaderValue, StatusCode};
use http_body_util::{Empty, Full};
use ringgate::tower::{self, BodyHandle};
use ringgate::{Request, RouteOptions, Router};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::SeqCst};

fn fallback<V: tower::Service>(service: V) -> Router<()> {
    Router::new().fallback(RouteOptions::default(), tower::handler(service))
}

#[test]
fn a_service_gets_what_no_route_is_for_and_its_answer_arrives_as_it_is() {
    let echo = service(|request: http::Request<BodyHandle>| async move {
        let said = request.headers().get("x-said").cloned();
        let line = format!("{} {} {:?}", request.method(), request.uri(), said);
        let mut answer = text(line)?;
        *answer.status_mut() = StatusCode::IM_A_TEAPOT;
        for cookie in ["a=1", "b=2"] {
            let cookie = HeaderValue::from_static(cookie);
            answer.headers_mut().append(SET_COOKIE, cookie);
        }
        Ok(answer)
    });
    let router = fallback(echo).get("/native", async |_: Request| "native");
    let server = start_with(config(), router, |_| ());
    let mut client = server.connect();
    assert_eq!(client.get("/native").text(), "native");
    let answer = client.request("BREW", "/a/b?c=d", "X-Said: hello\r\n", b"");
    assert_eq!(answer.status, 418);
    assert_eq!(answer.text(), "BREW /a/b?c=d Some(\"hello\")");
    assert_eq!(answer.header("content-length"), Some("27"));
    let cookies = answer
        .head
        .lines()
        .filter(|line| line.starts_with("set-cookie: "));
    assert_eq!(
        cookies.collect::<Vec<_>>(),
        ["set-cookie: a=1", "set-cookie: b=2"]
    );
    assert_eq!(server.total("connections/accepted"), 1);
}

#[test]
fn a_service_that_does_not_wait_answers_within_the_call_of_its_handler() {
    #[derive(Clone)]
    struct CalledIn(u64);
    let turn = || ringgate::runtime::current().turn_number();
    let at_once = service(move |request: http::Request<BodyHandle>| async move {
        let called = request.extensions().get::<CalledIn>().expect("extended").0;
        text(format!("{}", turn() - called))
    });
    let handler = tower::handler_with(at_once, move |_, extensions| {
        extensions.insert(CalledIn(turn()));
    });
    let router = Router::new().get("/", handler);
    let server = start_with(config(), router, |_| ());
    assert_eq!(server.get("/").text(), "0");
}

#[test]
fn extensions_are_made_of_the_request_as_it_came() {
    #[derive(Clone)]
    struct Peer(SocketAddr);
    let named = service(|request: http::Request<BodyHandle>| async move {
        let Peer(peer) = request.extensions().get().expect("extended");
        text(peer.to_string())
    });
    let handler = tower::handler_with(named, |request: &Request, extensions| {
        extensions.insert(Peer(request.peer().expect("TCP")));
    });
    let router = Router::new().fallback(RouteOptions::default(), handler);
    let server = start_with(config(), router, |_| ());
    let mut client = server.connect();
    let own = client.stream().local_addr().expect("bound").to_string();
    assert_eq!(client.get("/").text(), own);
}

#[test]
fn an_error_and_a_panic_of_a_service_are_500_and_the_next_call_is_none() {
    let failing = service(|request: http::Request<BodyHandle>| async move {
        match request.uri().path() {
            "/error" => Err("no such record".into()),
            "/panic" => panic!("at once"),
            _ => text("well"),
        }
    });
    let server = start_with(config(), fallback(failing), |_| ());
    let mut client = server.connect();
    for path in ["/error", "/panic"] {
        let answer = client.get(path);
        assert_eq!((answer.status, answer.closes()), (500, false), "{path}");
        assert!(!answer.text().contains("record"), "{}", answer.text());
        assert_eq!(client.get("/").text(), "well");
    }
}

#[test]
fn a_client_that_goes_away_drops_the_future_of_the_service() {
    struct Guard(Arc<AtomicU32>);
    impl Drop for Guard {
        fn drop(&mut self) {
            self.0.fetch_add(1, SeqCst);
        }
    }
    let (begun, dropped) = (Arc::new(AtomicU32::new(0)), Arc::new(AtomicU32::new(0)));
    let (begins, drops) = (begun.clone(), dropped.clone());
    let endless = service(move |request: http::Request<BodyHandle>| {
        let guard = Guard(drops.clone());
        begins.fetch_add(1, SeqCst);
        async move {
            let _held = (guard, request);
            std::future::pending::<Answer>().await
        }
    });
    let server = start_with(config(), fallback(endless), |_| ());
    let mut client = server.connect();
    client.send("GET /for-ever HTTP/1.1\r\nHost: t\r\n\r\n");
    wait_for("the service is called", || begun.load(SeqCst) == 1);
    assert_eq!(dropped.load(SeqCst), 0);
    client.reset_when_dropped();
    drop(client);
    wait_for("its future is dropped", || dropped.load(SeqCst) == 1);
    wait_for("its request is over", || {
        server.total("requests/aborted") == 1
    });
}

#[test]
fn a_service_may_end_the_connection_and_say_the_length_that_a_head_asks_for() {
    let service = service(|request: http::Request<BodyHandle>| async move {
        let mut answer = match *request.method() == http::Method::HEAD {
            true => http::Response::new(boxed(Empty::new())),
            false => http::Response::new(boxed(Full::new(Bytes::from("12345")))),
        };
        let fields = answer.headers_mut();
        fields.insert(CONTENT_LENGTH, HeaderValue::from_static("5"));
        if request.uri().path() == "/last" {
            fields.insert(CONNECTION, HeaderValue::from_static("x, Close"));
        }
        Ok(answer)
    });
    let server = start_with(config(), fallback(service), |_| ());
    let mut client = server.connect();
    client.send("HEAD / HTTP/1.1\r\nHost: t\r\n\r\n");
    let head = client.answer_to("HEAD");
    assert_eq!(head.header("content-length"), Some("5"));
    let answer = client.get("/");
    assert_eq!((answer.text(), answer.closes()), ("12345", false));
    let answer = client.get("/last");
    assert_eq!((answer.text(), answer.closes()), ("12345", true));
    client.expect_closed();
}
