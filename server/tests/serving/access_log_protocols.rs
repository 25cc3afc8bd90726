//! The access log of whatever is spoken on a connection: HTTP/2, TLS, WebSockets; and of connections that are told
//! to go before they said anything.

use crate::access_log::{Log, router, untimed};
use crate::common::{PATIENCE, curl, start_app, start_with, wait_for};
use bytes::Bytes;
use h2::client::SendRequest;
use http::Request as Asked;
use ringgate::app::{self, AppOptions, AppState};
use ringgate::config::{
    AccessFormat, AdmissionLimits, Admit, CertificateSource, Config, Endpoint, ListenAddr,
};
use ringgate::{Body, Request, Response, Router, tower};
use serde_json::Value;
use std::future::Future;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::num::NonZeroU32;
use tungstenite::protocol::Role;
use tungstenite::{Message, WebSocket};

fn as_client<F: Future>(address: SocketAddr, act: impl FnOnce(SendRequest<Bytes>) -> F) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    runtime.expect("a runtime").block_on(async {
        let stream = tokio::net::TcpStream::connect(address)
            .await
            .expect("connected");
        let (client, connection) = h2::client::handshake(stream).await.expect("a handshake");
        let connection = tokio::spawn(connection);
        let done = tokio::time::timeout(PATIENCE, act(client)).await;
        connection.abort();
        drop(done.expect("done in time"));
    });
}

fn asked(method: &str, path: &str) -> Asked<()> {
    let asked = Asked::builder()
        .method(method)
        .uri(format!("http://example.org{path}"));
    let asked = asked
        .header("user-agent", "test/2")
        .header("referer", "http://from.example/");
    asked.body(()).expect("a request")
}

/// Asks without a body, and reads the whole answer.
async fn get(client: &SendRequest<Bytes>, path: &str) {
    let mut client = client.clone().ready().await.expect("room for a stream");
    let (answer, _) = client.send_request(asked("GET", path), true).expect("sent");
    read(answer.await.expect("an answer")).await;
}

async fn read(answer: http::Response<h2::RecvStream>) {
    let mut body = answer.into_body();
    while let Some(part) = body.data().await {
        let part = part.expect("payload");
        body.flow_control()
            .release_capacity(part.len())
            .expect("room");
    }
}

fn of<'l>(lines: &'l [Value], target: &str) -> &'l Value {
    let found = lines.iter().find(|line| line["target"] == target);
    found.unwrap_or_else(|| panic!("no line of {target}: {lines:?}"))
}

#[test]
fn each_stream_of_http2_has_a_line_as_every_other_request() {
    let log = Log::new();
    let server = log.start(AccessFormat::Json);
    as_client(server.address(), async |client| {
        for path in [
            "/?a=1", "/later", "/pieces", "/large", "/none", "/missing", "/panic",
        ] {
            get(&client, path).await;
        }
        let mut client = client.clone().ready().await.expect("room");
        let (answer, mut body) = client
            .send_request(asked("POST", "/echo"), false)
            .expect("sent");
        body.send_data(Bytes::from_static(b"four"), true)
            .expect("sent");
        read(answer.await.expect("an answer")).await;
    });
    let lines = log.objects(8);
    let told = |target| {
        let line = of(&lines, target);
        assert_eq!(line["protocol"], "HTTP/2.0");
        assert_eq!(
            (&line["host"], &line["user_agent"]),
            (&"example.org".into(), &"test/2".into())
        );
        assert_eq!(
            (&line["referer"], &line["aborted"]),
            (&"http://from.example/".into(), &false.into())
        );
        assert_eq!(line["connection"], lines[0]["connection"]);
        let number = |name: &str| line[name].as_u64().expect("a number");
        (
            number("status"),
            number("bytes"),
            number("stream"),
            number("connection_requests"),
        )
    };
    assert_eq!(told("/?a=1"), (200, 6, 1, 1));
    assert_eq!(told("/later"), (200, 6, 3, 2));
    assert_eq!(told("/pieces"), (200, 18, 5, 3));
    assert_eq!(told("/large"), (200, 40 << 20, 7, 4));
    assert_eq!(told("/none"), (204, 0, 9, 5));
    assert_eq!(told("/missing").0, 404);
    assert_eq!(told("/panic").0, 500);
    assert_eq!(told("/echo"), (200, 4, 15, 8));
    assert_eq!(of(&lines, "/panic")["reason"], "panic");
    assert_eq!(of(&lines, "/later")["route"], "GET /later");
}

#[test]
fn a_stream_that_its_client_resets_is_told_of_as_aborted_while_others_go_on() {
    let log = Log::new();
    let server = log.start(AccessFormat::Json);
    as_client(server.address(), async |client| {
        let mut asking = client.clone().ready().await.expect("room");
        let (answer, mut stream) = asking
            .send_request(asked("GET", "/never"), true)
            .expect("sent");
        get(&client, "/").await;
        stream.send_reset(h2::Reason::CANCEL);
        drop(answer);
        get(&client, "/later").await;
    });
    let lines = log.objects(3);
    let never = of(&lines, "/never");
    assert_eq!(
        (&never["status"], &never["aborted"]),
        (&499.into(), &true.into())
    );
    assert_eq!(never["reason"], "client-gone");
    assert_eq!(of(&lines, "/later")["status"], 200);
}

#[test]
fn streams_that_are_refused_have_their_reason() {
    let log = Log::new();
    let mut config = log.config(AccessFormat::Json);
    config.admission = AdmissionLimits::new(NonZeroU32::new(1), "none".parse().unwrap()).unwrap();
    config.limits.body_size = Some(3);
    let server = start_with(config, router(), |_| ());
    as_client(server.address(), async |client| {
        let mut asking = client.clone().ready().await.expect("room");
        let (answer, mut stream) = asking
            .send_request(asked("GET", "/never"), true)
            .expect("sent");
        get(&client, "/").await;
        let mut asking = client.clone().ready().await.expect("room");
        let mut long = asked("POST", "/echo");
        long.headers_mut()
            .insert("content-length", "9".parse().unwrap());
        let (refused, _body) = asking.send_request(long, false).expect("sent");
        assert_eq!(refused.await.expect("an answer").status(), 413);
        stream.send_reset(h2::Reason::CANCEL);
        drop(answer);
    });
    let lines = log.objects(3);
    let full = of(&lines, "/");
    assert_eq!(
        (&full["status"], &full["reason"]),
        (&503.into(), &"full".into())
    );
    let large = of(&lines, "/echo");
    assert_eq!(large["status"], 413);
    assert!(
        large["reason"]
            .as_str()
            .is_some_and(|reason| !reason.is_empty())
    );
}

#[test]
fn a_head_that_is_refused_on_a_stream_has_sent_no_bytes_of_a_body() {
    let log = Log::new();
    let mut config = log.config(AccessFormat::Json);
    config.limits.body_size = Some(3);
    let server = start_with(config, router(), |_| ());
    as_client(server.address(), async |client| {
        let mut client = client.clone().ready().await.expect("room");
        let mut long = asked("HEAD", "/");
        long.headers_mut()
            .insert("content-length", "9".parse().unwrap());
        let (refused, _body) = client.send_request(long, false).expect("sent");
        assert_eq!(refused.await.expect("an answer").status(), 413);
    });
    let line = &log.objects(1)[0];
    assert_eq!(
        (&line["status"], &line["bytes"]),
        (&413.into(), &0.into()),
        "{line}"
    );
}

#[test]
fn an_answer_that_began_is_told_of_as_aborted_when_its_body_turns_out_too_large() {
    let log = Log::new();
    let mut config = log.config(AccessFormat::Json);
    config.limits.body_size = Some(10);
    let flowing = |mut request: Request<()>| async move {
        let mut body = request.take_body();
        Response::text("").with_body(Body::writer(|mut out| async move {
            while let Some(piece) = body.chunk().await {
                out.write(piece?).await;
            }
            Ok(())
        }))
    };
    let server = start_with(config, router().post("/flow", flowing), |_| ());
    as_client(server.address(), async |client| {
        let mut client = client.clone().ready().await.expect("room");
        let (answer, mut sending) = client
            .send_request(asked("POST", "/flow"), false)
            .expect("sent");
        sending
            .send_data(Bytes::from_static(b"four"), false)
            .expect("sent");
        let mut body = answer.await.expect("an answer").into_body();
        assert_eq!(body.data().await.expect("payload").expect("whole"), "four");
        sending
            .send_data(Bytes::from_static(b"many more"), true)
            .expect("sent");
        let end = body.data().await.expect("an end").expect_err("a reset");
        assert_eq!(end.reason(), Some(h2::Reason::CANCEL));
    });
    let lines = log.objects(1);
    assert_eq!(
        (&lines[0]["status"], &lines[0]["aborted"]),
        (&200.into(), &true.into())
    );
    assert_eq!(lines[0]["bytes"], 4);
    assert!(lines[0]["reason"].is_string(), "{lines:?}");
}

#[test]
fn a_stream_has_one_id_in_its_answer_and_its_line_also_where_it_is_refused() {
    let log = Log::new();
    let mut config = log.config(AccessFormat::Json);
    config.proxies.request_id = Some("X-Request-Id".into());
    config.limits.body_size = Some(3);
    let (tell, told) = std::sync::mpsc::channel();
    let router = Router::new()
        .get(
            "/",
            async |_: Request<std::sync::mpsc::Sender<String>>| "hello\n",
        )
        .post(
            "/",
            async |request: Request<std::sync::mpsc::Sender<String>>| {
                let id = request.id().expect("an id").to_owned();
                request.state().send(id).expect("somebody listens");
                request.into_body().bytes().await
            },
        );
    let server = start_with(config, router, move |_| tell.clone());
    let mut ids = Vec::new();
    as_client(server.address(), async |client| {
        for (asked, sent) in [
            (asked("GET", "/"), None),
            (asked("GET", "/nowhere"), None),
            (asked("POST", "/"), Some("1234")),
        ] {
            let mut asking = client.clone().ready().await.expect("room");
            let (answer, mut body) = asking.send_request(asked, sent.is_none()).expect("sent");
            if let Some(sent) = sent {
                let of_handler = loop {
                    match told.try_recv() {
                        Ok(id) => break id,
                        Err(_) => tokio::task::yield_now().await,
                    }
                };
                body.send_data(Bytes::from(sent), true).expect("sent");
                ids.push(of_handler);
            }
            let answer = answer.await.expect("an answer");
            let id = answer.headers()["x-request-id"]
                .to_str()
                .expect("text")
                .to_owned();
            match sent {
                None => ids.push(id),
                Some(_) => assert_eq!((answer.status().as_u16(), ids.last()), (413, Some(&id))),
            }
        }
    });
    let mut lines: Vec<String> = log
        .objects(3)
        .iter()
        .map(|line| line["request_id"].as_str().expect("an id").to_owned())
        .collect();
    lines.sort();
    ids.sort();
    assert_eq!(lines, ids);
}

#[test]
fn a_line_says_which_tls_was_spoken() {
    let log = Log::new();
    let mut config = log.config(AccessFormat::Json);
    let address = SocketAddr::from(([127, 0, 0, 1], 0));
    config.listen = vec![Endpoint::https(ListenAddr::Tcp(address))];
    config.tls.certificates = vec![CertificateSource::SelfSigned];
    let server = start_with(config, router(), |_| ());
    let url = format!("https://{}/", server.address());
    for protocol in ["--http1.1", "--http2"] {
        assert_eq!(curl(&["-sk", protocol, &url]), "hello\n");
    }
    let lines = log.objects(2);
    for (line, protocol) in lines.iter().zip(["HTTP/1.1", "HTTP/2.0"]) {
        assert_eq!(
            (&line["tls"], &line["protocol"]),
            (&"TLSv1.3".into(), &protocol.into())
        );
        assert!(
            line["cipher"]
                .as_str()
                .is_some_and(|cipher| cipher.starts_with("TLS13_"))
        );
        assert_eq!(
            (&line["bytes"], &line["aborted"]),
            (&6.into(), &false.into())
        );
    }
}

fn open_websocket(address: SocketAddr) -> WebSocket<TcpStream> {
    let mut stream = TcpStream::connect(address).expect("the server listens");
    stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    let handshake = "GET /ws HTTP/1.1\r\nHost: test\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
        Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";
    stream.write_all(handshake.as_bytes()).expect("sent");
    let mut answer = Vec::new();
    while !answer.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).expect("an answer");
        answer.push(byte[0]);
    }
    WebSocket::from_raw_socket(stream, Role::Client, None)
}

fn echoes(client: &mut WebSocket<TcpStream>, text: &str) {
    client.send(Message::text(text)).expect("sent");
    assert_eq!(client.read().expect("an echo"), Message::text(text));
}

#[test]
fn a_websocket_has_one_line_at_its_end_with_what_was_sent_on_it() {
    let log = Log::new();
    let mut config = log.config(AccessFormat::Json);
    config.cores = "2".parse().unwrap();
    let server = start_app(config, true);
    let mut clients = [
        open_websocket(server.address()),
        open_websocket(server.address()),
    ];
    for client in &mut clients {
        echoes(client, "1234567890");
    }
    // One of them moves to another core.
    server.running().handle().wait_resize(1).expect("resized");
    for client in &mut clients {
        echoes(client, "1234567890");
    }
    let [mut closing, leaving] = clients;
    closing.close(None).expect("sent");
    while closing.read().is_ok() {}
    let line = &log.objects(1)[0];
    // Two texts with their headers of two bytes, and a Close that is nothing but one.
    assert_eq!(
        (&line["status"], &line["bytes"]),
        (&101.into(), &26.into()),
        "{line}"
    );
    assert_eq!(
        (&line["target"], &line["aborted"]),
        (&"/ws".into(), &false.into())
    );
    assert!(line["duration"].as_f64() > line["first_byte"].as_f64());

    let stream = leaving.get_ref();
    rustix::net::sockopt::set_socket_linger(stream, Some(std::time::Duration::ZERO)).unwrap();
    drop(leaving);
    let line = &log.objects(2)[1];
    assert_eq!(
        (&line["status"], &line["bytes"]),
        (&101.into(), &24.into()),
        "{line}"
    );
    assert_eq!(
        (&line["aborted"], &line["reason"]),
        (&true.into(), &"client-gone".into())
    );
}

#[test]
fn a_connection_that_is_turned_away_unread_has_a_line_without_a_request() {
    let log = Log::new();
    let mut config: Config = log.config(AccessFormat::Combined);
    config.queue.admit = Admit::Connection;
    config.admission = AdmissionLimits::new(NonZeroU32::new(1), "none".parse().unwrap()).unwrap();
    let server = start_with(config, router(), |_| ());
    let mut first = server.connect();
    first.get("/");
    let mut second = server.connect();
    assert_eq!(second.answer().status, 503);
    wait_for("both lines", || log.lines(2).len() == 2);
    let mut lines: Vec<_> = log.lines(2).iter().map(|line| untimed(line)).collect();
    lines.sort();
    assert!(
        lines[0].starts_with(r#"127.0.0.1 - - "-" 503 "#),
        "{lines:?}"
    );
    assert!(lines[1].contains(r#""GET / HTTP/1.1" 200 6 "#), "{lines:?}");
}

#[test]
fn what_is_around_the_answers_and_services_of_other_crates_are_logged_without_a_change() {
    let log = Log::new();
    let router = app::router(AppOptions {
        status: true,
        trouble: true,
        ..AppOptions::default()
    })
    .around(|request, next| async move { next.run(request).await.with_header("x-a", "b") });
    let server = start_with(log.config(AccessFormat::Combined), router, AppState::new);
    server.get("/plaintext");
    assert_eq!(server.connect().request("GET", "/a b", "", b"").status, 400);
    let lines = log.lines(2);
    assert!(
        lines[0].contains(r#""GET /plaintext HTTP/1.1" 200 13 "#),
        "{lines:?}"
    );
    assert!(
        lines[1].contains(r#""GET /a b HTTP/1.1" 400 "#),
        "{lines:?}"
    );

    let log = Log::new();
    let app = axum::Router::new().route("/from/axum", axum::routing::get(async || "hello\n"));
    let router = tower::router(app);
    let server = start_with(log.config(AccessFormat::Combined), router, |_| ());
    server.get("/from/axum?x");
    let lines = log.lines(1);
    assert!(
        lines[0].contains(r#""GET /from/axum?x HTTP/1.1" 200 6 "#),
        "{lines:?}"
    );
}
