//! What the method of a request decides before any handler: no answer to HEAD has a body, `OPTIONS *`
//! asks for no path, and CONNECT is refused with all that follows it.

use crate::common::stage::{Stage, hold, limits};
use crate::common::{TestServer, config, start, start_with, wait_for};
use http::{Method, StatusCode};
use ringgate::{Request, Response, RouteOptions, Router};

/// Sends bytes that end the connection and gives all that comes back.
#[track_caller]
fn all_of(server: &TestServer, sent: &str) -> String {
    let mut client = server.connect();
    client.send(sent);
    String::from_utf8(client.rest()).expect("a text")
}

/// The status of an answer that is a head and nothing else, and announces the close.
#[track_caller]
fn bare_status(answer: &str) -> &str {
    assert!(answer.ends_with("\r\n\r\n"), "a body: {answer:?}");
    assert_eq!(answer.matches("\r\n\r\n").count(), 1, "{answer:?}");
    assert!(answer.contains("\r\nConnection: close\r\n"), "{answer:?}");
    assert!(!answer.contains("\r\nContent-Length: 0\r\n"), "{answer:?}");
    answer.get(9..12).expect("a status line")
}

#[test]
fn a_refused_head_is_answered_without_a_body() {
    let server = start();
    let target = "a".repeat(9 << 10);
    let fields = "X: y\r\n".repeat(101);
    for (status, sent) in [
        ("400", "HEAD / HTTP/1.1\r\n\r\n".to_owned()),
        (
            "400",
            "\r\nHEAD / HTTP/1.1\r\nHost: t\r\nX y\r\n\r\n".to_owned(),
        ),
        (
            "413",
            "HEAD / HTTP/1.1\r\nHost: t\r\nContent-Length: 9999999\r\n\r\n".to_owned(),
        ),
        ("414", format!("HEAD /{target} HTTP/1.1\r\nHost: t\r\n\r\n")),
        (
            "417",
            "HEAD / HTTP/1.1\r\nHost: t\r\nExpect: more\r\n\r\n".to_owned(),
        ),
        ("431", format!("HEAD / HTTP/1.1\r\nHost: t\r\n{fields}\r\n")),
        ("505", "HEAD / HTTP/2.0\r\nHost: t\r\n\r\n".to_owned()),
    ] {
        assert_eq!(bare_status(&all_of(&server, &sent)), status, "{sent}");
        // In a pipeline, too, and the answer before it has its body.
        let behind = format!("GET /plaintext HTTP/1.1\r\nHost: t\r\n\r\n{sent}");
        let answers = all_of(&server, &behind);
        let (first, second) = answers.split_once("Hello, World!").expect("an answer");
        assert!(first.starts_with("HTTP/1.1 200 "), "{first}");
        assert_eq!(bare_status(second), status, "{sent}");
    }
}

#[test]
fn a_head_whose_body_is_refused_or_ends_early_is_answered_without_a_body() {
    let wait = |_: Request| std::future::pending::<Response>();
    let server = start_with(config(), Router::new().get("/wait", wait), |_| ());
    let head = "HEAD /wait HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n";
    let answer = all_of(&server, &format!("{head}no size\r\n"));
    assert_eq!(bare_status(&answer), "400");
    let mut client = server.connect();
    client.send(head);
    wait_for("it runs", || server.total("requests/running") == 1);
    client.finish_sending();
    let answer = String::from_utf8(client.rest()).expect("a text");
    assert_eq!(bare_status(&answer), "400");
}

#[test]
fn a_head_that_the_gate_refuses_is_answered_without_a_body() {
    let stage = Stage::default();
    let mut config = config();
    config.admission = limits(1, 0);
    let server = stage.start(config);
    let mut held = hold(&server, 1);
    let answer = all_of(&server, "HEAD /core HTTP/1.1\r\nHost: t\r\n\r\n");
    assert_eq!(bare_status(&answer), "503");
    stage.release_all();
    assert_eq!(held.answer().status, 200);
}

#[test]
fn options_of_the_server_as_a_whole_names_all_methods() {
    let fallback = |_: Request| async { "the fallback" };
    let router = Router::new()
        .get("/a", |_: Request| async { "a" })
        .route(Method::DELETE, "/b", |_: Request| async { "b" })
        .fallback(RouteOptions::default(), fallback);
    let server = start_with(config(), router, |_| ());
    let mut client = server.connect();
    for target in ["*", "http://test"] {
        let answer = client.request("OPTIONS", target, "", b"");
        assert_eq!(
            (answer.status, answer.header("allow")),
            (204, Some("DELETE, GET, HEAD, OPTIONS"))
        );
        assert_eq!(answer.header("content-length"), None);
    }
    assert_eq!(
        client.request("OPTIONS", "/c", "", b"").text(),
        "the fallback"
    );
    // One that brings a body leaves nothing of it behind.
    assert_eq!(client.request("OPTIONS", "*", "", b"body").status, 204);
    assert_eq!(client.get("/a").text(), "a");
}

/// What a client of a tunnel sends through it.
const TUNNELLED: &str = "GET /json HTTP/1.1\r\nHost: t\r\n\r\n";

#[test]
fn a_connect_is_not_implemented_and_nothing_behind_it_is_a_request() {
    let fallback = |_: Request| async { "the fallback" };
    let router = Router::new().fallback(RouteOptions::default(), fallback);
    let server = start_with(config(), router, |_| ());
    for fields in ["", "Connection: keep-alive\r\n", "Content-Length: 3\r\n"] {
        let connect = format!("CONNECT h:443 HTTP/1.1\r\nHost: h:443\r\n{fields}\r\n");
        let mut client = server.connect();
        client.send(format!("{connect}{TUNNELLED}{TUNNELLED}"));
        let answer = client.answer();
        assert_eq!(answer.status, 501, "{fields}: {}", answer.text());
        assert!(answer.closes());
        client.expect_closed();
    }
    assert_eq!(server.total("requests/begun"), 3);
}

#[test]
fn a_connect_can_be_given_to_a_handler_which_promises_no_tunnel() {
    let refuse = |request: Request| async move {
        let status = match request.host() {
            "here:1" => StatusCode::OK,
            _ => StatusCode::FORBIDDEN,
        };
        Response::error(status, &format!("no way to {}", request.host()))
    };
    let router = Router::new().connect(RouteOptions::default(), refuse);
    let server = start_with(config(), router, |_| ());
    for (target, status) in [("there:1", 403), ("here:1", 501)] {
        let mut client = server.connect();
        client.send(format!(
            "CONNECT {target} HTTP/1.1\r\nHost: t\r\n\r\n{TUNNELLED}"
        ));
        let answer = client.answer();
        assert_eq!(answer.status, status, "{}", answer.text());
        assert_eq!(answer.text().contains("no way to there:1"), status == 403);
        assert!(answer.closes());
        client.expect_closed();
    }
}

#[test]
fn a_client_of_a_higher_minor_version_is_served_as_one_of_1_1() {
    let server = start();
    let mut client = server.connect();
    client.send("GET /plaintext HTTP/1.2\r\nHost: t\r\n\r\n");
    let answer = client.answer();
    assert!(answer.head.starts_with("HTTP/1.1 200 "), "{}", answer.head);
    client.send("POST /echo HTTP/1.9\r\nHost: t\r\nContent-Length: 2\r\n\r\nab");
    assert_eq!(client.answer().text(), "ab", "the connection goes on");
}
