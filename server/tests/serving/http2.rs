//! HTTP/2 over real sockets: another implementation's client, the h2 crate, against the whole server.

use crate::common::{PATIENCE, config, start_app, start_with};
use bytes::Bytes;
use h2::client::SendRequest;
use http::{HeaderMap, Method, Request as Asked, StatusCode, Version};
use ringgate::config::CoreSpec;
use ringgate::{Body, BodyFrame, Request, Response, Router, tower};
use std::fs;
use std::future::Future;
use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

/// An answer as it came.
struct Answer {
    status: StatusCode,
    fields: HeaderMap,
    body: Vec<u8>,
    trailers: Option<HeaderMap>,
}

/// Does something as a client of HTTP/2 on one connection.
#[track_caller]
fn as_client<F: Future>(
    address: SocketAddr,
    act: impl FnOnce(SendRequest<Bytes>) -> F,
) -> F::Output {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        let stream = tokio::net::TcpStream::connect(address)
            .await
            .expect("connected");
        let (client, connection) = h2::client::handshake(stream).await.expect("a handshake");
        let connection = tokio::spawn(connection);
        let done = tokio::time::timeout(PATIENCE, act(client)).await;
        connection.abort();
        done.expect("done in time")
    })
}

/// Sends a request with its body and trailers while the answer comes.
async fn ask(
    client: &SendRequest<Bytes>,
    request: Asked<()>,
    body: Bytes,
    trailers: Option<HeaderMap>,
) -> Answer {
    let mut client = client.clone().ready().await.expect("room for a stream");
    let is_alone = body.is_empty() && trailers.is_none();
    let (answer, mut stream) = client.send_request(request, is_alone).expect("sent");
    let sent = async {
        let mut rest = body;
        while !rest.is_empty() {
            stream.reserve_capacity(rest.len());
            let room = std::future::poll_fn(|context| stream.poll_capacity(context)).await;
            let Some(Ok(room)) = room else {
                return;
            };
            let part = rest.split_to(room.min(rest.len()));
            let end = rest.is_empty() && trailers.is_none();
            stream.send_data(part, end).expect("sent");
        }
        if let Some(trailers) = trailers {
            stream.send_trailers(trailers).expect("sent");
        }
    };
    let received = async {
        let (parts, mut payload) = answer.await.expect("an answer").into_parts();
        let mut body = Vec::new();
        while let Some(part) = payload.data().await {
            let part = part.expect("payload");
            payload
                .flow_control()
                .release_capacity(part.len())
                .expect("room");
            body.extend(part);
        }
        Answer {
            status: parts.status,
            fields: parts.headers,
            body,
            trailers: payload.trailers().await.expect("an end"),
        }
    };
    let ((), answer) = tokio::join!(sent, received);
    answer
}

fn request(method: Method, path: &str, fields: &[(&str, &str)]) -> Asked<()> {
    let mut request = Asked::builder()
        .method(method)
        .version(Version::HTTP_2)
        .uri(format!("http://example.org{path}"));
    for (name, value) in fields {
        request = request.header(*name, *value);
    }
    request.body(()).expect("a request")
}

async fn get(client: &SendRequest<Bytes>, path: &str, fields: &[(&str, &str)]) -> Answer {
    ask(
        client,
        request(Method::GET, path, fields),
        Bytes::new(),
        None,
    )
    .await
}

/// A body with trailers behind it.
struct WithTrailers(Option<Bytes>, Option<HeaderMap>);

impl futures_core::Stream for WithTrailers {
    type Item = Result<BodyFrame, std::io::Error>;

    fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if let Some(bytes) = self.0.take() {
            return Poll::Ready(Some(Ok(BodyFrame::Data(bytes.into()))));
        }
        let trailers = self.1.take();
        Poll::Ready(trailers.map(|trailers| Ok(BodyFrame::Trailers(Box::new(trailers)))))
    }
}

fn router() -> Router<()> {
    Router::new()
        .get("/", |request: Request| async move {
            format!("{:?} {}", request.version(), request.host())
        })
        .get("/events", |_: Request| async {
            let events = Body::writer(|mut out| async move {
                for n in 0..5 {
                    out.write(format!("data: {n}\n\n")).await;
                    ringgate::runtime::sleep(Duration::from_millis(5)).await;
                }
                Ok(())
            });
            Response::new(StatusCode::OK)
                .with_content_type("text/event-stream")
                .with_body(events)
        })
        .get("/nothing", |_: Request| async {
            Response::new(StatusCode::NO_CONTENT)
        })
        .get("/unchanged", |_: Request| async {
            Response::new(StatusCode::NOT_MODIFIED).with_header(http::header::ETAG, "\"a\"")
        })
        .post("/flow", |mut request: Request| async move {
            let mut body = request.take_body();
            Response::text("").with_body(Body::writer(|mut out| async move {
                while let Some(piece) = body.chunk().await {
                    out.write(piece?).await;
                }
                Ok(())
            }))
        })
        .post("/trailers", |request: Request| async move {
            let mut body = request.into_body();
            let mut all = Vec::new();
            while let Some(Ok(piece)) = body.chunk().await {
                all.extend_from_slice(&piece);
            }
            let trailers = body.trailers();
            Response::text("").with_body(Body::framed_stream(WithTrailers(
                Some(all.into()),
                trailers,
            )))
        })
        .post("/echo", |request: Request| async move {
            Response::text(request.into_body().bytes().await.unwrap_or_default())
        })
}

#[test]
fn a_request_says_its_version_and_host() {
    let server = start_with(config(), router(), |_| ());
    as_client(server.address(), async |client| {
        let answer = get(&client, "/", &[]).await;
        assert_eq!(answer.body, b"HTTP/2.0 example.org");
        assert!(answer.fields.contains_key("date"));
        assert!(!answer.fields.contains_key("connection"));
    });
}

#[test]
fn five_megabytes_go_both_ways_at_once() {
    let mut config = config();
    config.limits.body_size = None;
    let server = start_with(config, router(), |_| ());
    let body: Vec<u8> = (0..5_000_000u32).map(|n| (n % 251) as u8).collect();
    as_client(server.address(), async |client| {
        let flows = [0, 1, 2].map(|_| {
            let request = request(Method::POST, "/flow", &[]);
            ask(&client, request, Bytes::from(body.clone()), None)
        });
        let [one, two, three] = flows;
        let (one, two, three) = tokio::join!(one, two, three);
        assert!([one, two, three].iter().all(|answer| answer.body == body));
    });
}

#[test]
fn trailers_go_both_ways() {
    let server = start_with(config(), router(), |_| ());
    as_client(server.address(), async |client| {
        let mut trailers = HeaderMap::new();
        trailers.insert("grpc-status", "0".parse().expect("a value"));
        let request = request(Method::POST, "/trailers", &[]);
        let answer = ask(
            &client,
            request,
            Bytes::from_static(b"body"),
            Some(trailers.clone()),
        )
        .await;
        assert_eq!(answer.body, b"body");
        assert_eq!(answer.trailers, Some(trailers));
    });
}

#[test]
fn an_app_of_tower_is_told_the_version_and_gives_trailers() {
    async fn call(request: axum::extract::Request) -> axum::response::Response {
        let line = format!("{:?} {}", request.version(), request.uri());
        let (_, body) = request.into_parts();
        let collected = http_body_util::BodyExt::collect(body)
            .await
            .expect("a body");
        let mut trailers = collected.trailers().cloned().unwrap_or_default();
        let bytes = [line.as_bytes(), b" ", &collected.to_bytes()].concat();
        trailers.insert("grpc-status", "0".parse().expect("a value"));
        let body = http_body_util::Full::new(Bytes::from(bytes));
        let body = http_body_util::BodyExt::with_trailers(body, async { Some(Ok(trailers)) });
        axum::response::Response::new(axum::body::Body::new(body))
    }
    let app = axum::Router::new().route("/rpc", axum::routing::post(call));
    let server = start_with(config(), tower::router(app), |_| ());
    as_client(server.address(), async |client| {
        let mut trailers = HeaderMap::new();
        trailers.insert("checksum", "1".parse().expect("a value"));
        let request = request(Method::POST, "/rpc", &[("te", "trailers")]);
        let answer = ask(
            &client,
            request,
            Bytes::from_static(b"call"),
            Some(trailers),
        )
        .await;
        let text = String::from_utf8(answer.body).expect("text");
        assert!(text.starts_with("HTTP/2.0 "), "{text}");
        assert!(text.ends_with("/rpc call"), "{text}");
        let trailers = answer.trailers.expect("trailers");
        assert_eq!(
            (&trailers["grpc-status"], &trailers["checksum"]),
            (
                &"0".parse().expect("a value"),
                &"1".parse().expect("a value")
            )
        );
    });
}

#[test]
fn events_come_one_by_one_and_end() {
    let server = start_with(config(), router(), |_| ());
    as_client(server.address(), async |client| {
        let answer = get(&client, "/events", &[]).await;
        assert_eq!(answer.fields["content-type"], "text/event-stream");
        assert_eq!(
            String::from_utf8_lossy(&answer.body)
                .matches("data: ")
                .count(),
            5
        );
    });
}

#[test]
fn answers_without_a_body_have_none() {
    let server = start_with(config(), router(), |_| ());
    as_client(server.address(), async |client| {
        for (path, status) in [("/nothing", 204), ("/unchanged", 304)] {
            let answer = get(&client, path, &[]).await;
            assert_eq!((answer.status.as_u16(), answer.body.len()), (status, 0));
        }
        let head = ask(&client, request(Method::HEAD, "/", &[]), Bytes::new(), None).await;
        assert_eq!((head.status.as_u16(), head.body.len()), (200, 0));
        assert_eq!(head.fields["content-length"], "20");
    });
}

#[test]
fn a_client_that_waits_for_100_is_told_to_go_on() {
    let server = start_with(config(), router(), |_| ());
    as_client(server.address(), async |client| {
        let expecting = [("expect", "100-continue")];
        let request = request(Method::POST, "/echo", &expecting);
        let mut client = client.ready().await.expect("room");
        let (mut answer, mut stream) = client.send_request(request, false).expect("sent");
        let interim = std::future::poll_fn(|context| answer.poll_informational(context)).await;
        let interim = interim.expect("one").expect("no fault");
        assert_eq!(interim.status(), StatusCode::CONTINUE);
        stream
            .send_data(Bytes::from_static(b"now"), true)
            .expect("sent");
        let mut body = answer.await.expect("an answer").into_body();
        assert_eq!(
            body.data().await.expect("payload").expect("no fault"),
            "now"
        );
    });
}

#[test]
fn a_file_of_some_megabytes_is_sent_whole_and_in_part() {
    let root = std::env::temp_dir().join(format!("ringgate-{}-http2", std::process::id()));
    fs::create_dir_all(&root).expect("a directory");
    let content: Vec<u8> = (0..4_000_000u32).map(|n| (n % 249) as u8).collect();
    fs::write(root.join("large.bin"), &content).expect("written");
    let mut config = config();
    config.root = Some(root.clone());
    let server = start_app(config, true);
    as_client(server.address(), async |client| {
        let whole = get(&client, "/files/large.bin", &[]).await;
        assert!(whole.body == content);
        let range = [("range", "bytes=1000000-2999999")];
        let part = get(&client, "/files/large.bin", &range).await;
        assert_eq!(part.status, StatusCode::PARTIAL_CONTENT);
        assert!(part.body == content[1_000_000..3_000_000]);
        let tag = whole.fields["etag"].to_str().expect("text");
        let known = get(&client, "/files/large.bin", &[("if-none-match", tag)]).await;
        assert_eq!((known.status.as_u16(), known.body.len()), (304, 0));
        let bytes = get(&client, "/bytes/1000003", &[]).await;
        assert_eq!(bytes.body.len(), 1_000_003);
    });
    fs::remove_dir_all(&root).expect("removed");
}

#[test]
fn a_middleware_sees_what_the_server_refuses_on_a_stream() {
    let around = router().around(async |request: Request, next: ringgate::Next| {
        let response = next.run(request).await;
        response.with_header("x-seen", "yes")
    });
    let mut config = config();
    config.limits.body_size = Some(10);
    let server = start_with(config, around, |_| ());
    as_client(server.address(), async |client| {
        assert_eq!(get(&client, "/", &[]).await.fields["x-seen"], "yes");
        let missing = get(&client, "/missing", &[]).await;
        assert_eq!(
            (missing.status.as_u16(), &missing.fields["x-seen"]),
            (404, &"yes".parse().expect("a value"))
        );
        let large = request(Method::POST, "/echo", &[("content-length", "11")]);
        let refused = ask(&client, large, Bytes::from_static(b"0123456789a"), None).await;
        assert_eq!(
            (refused.status.as_u16(), &refused.fields["x-seen"]),
            (413, &"yes".parse().expect("a value"))
        );
        let long = get(&client, &format!("/{}", "x".repeat(9000)), &[]).await;
        assert_eq!(
            (long.status.as_u16(), &long.fields["x-seen"]),
            (414, &"yes".parse().expect("a value"))
        );
    });
}

#[test]
fn a_thousand_requests_on_one_connection_go_on_through_resizes() {
    let mut config = config();
    config.cores = CoreSpec::Exactly(NonZeroU32::new(2).expect("not zero"));
    let server = start_with(config, router(), |_| ());
    as_client(server.address(), async |client| {
        for round in 0..10 {
            let count = 1 + round % 2;
            server
                .running()
                .handle()
                .wait_resize(count)
                .expect("resized");
            for _ in 0..100 {
                assert_eq!(get(&client, "/", &[]).await.status, StatusCode::OK);
            }
        }
    });
}

/// A stream that was asked for with CONNECT, open to both sides once it is accepted.
async fn open(
    client: &SendRequest<Bytes>,
    path: &str,
    protocol: &'static str,
) -> (http::Response<h2::RecvStream>, h2::SendStream<Bytes>) {
    let mut client = client.clone().ready().await.expect("room for a stream");
    while !client.is_extended_connect_protocol_enabled() {
        // The server's settings are on their way.
        tokio::task::yield_now().await;
    }
    let mut asked = request(Method::CONNECT, path, &[("sec-websocket-version", "13")]);
    let extensions = asked.extensions_mut();
    extensions.insert(h2::ext::Protocol::from_static(protocol));
    let (answer, sending) = client.send_request(asked, false).expect("sent");
    (answer.await.expect("an answer"), sending)
}

/// As many bytes as these.
async fn hear(body: &mut h2::RecvStream, expected: &[u8]) {
    let mut heard = Vec::new();
    while heard.len() < expected.len() {
        let piece = body.data().await.expect("more").expect("no reset");
        body.flow_control()
            .release_capacity(piece.len())
            .expect("room");
        heard.extend_from_slice(&piece);
    }
    assert_eq!(heard, expected);
}

#[test]
fn another_client_opens_a_websocket_and_a_protocol_of_an_app_on_streams() {
    let app = axum::Router::new().route(
        "/shout",
        axum::routing::get(async |mut request: axum::extract::Request| {
            assert_eq!(request.version(), Version::HTTP_11);
            assert_eq!(request.headers()["upgrade"], "shout");
            let upgrade = hyper::upgrade::on(&mut request);
            tokio::spawn(async move {
                use tokio::io::{AsyncReadExt, AsyncWriteExt};
                let upgraded = upgrade.await.expect("upgraded");
                let mut io = hyper_util::rt::TokioIo::new(upgraded);
                let mut buffer = [0; 1000];
                while let Ok(count @ 1..) = io.read(&mut buffer).await {
                    buffer.make_ascii_uppercase();
                    io.write_all(&buffer[..count]).await.expect("written");
                }
            });
            (
                StatusCode::SWITCHING_PROTOCOLS,
                [("upgrade", "shout"), ("connection", "upgrade")],
            )
        }),
    );
    let sockets = ringgate::WebSocket::new();
    let router = tower::router(app).get("/ws", move |request: Request| {
        use ringgate::handler::websocket::{Message, Socket};
        let echo = |socket: &mut Socket<'_>, message: Message<'_>| {
            let _ = socket.send(message);
        };
        let answer = sockets.accept(&request, echo);
        async { answer }
    });
    let server = start_with(config(), router, |_| ());
    as_client(server.address(), async |client| {
        for (path, protocol, says, hears) in [
            (
                "/ws",
                "websocket",
                &b"\x81\x83\0\0\0\0abc"[..],
                &b"\x81\x03abc"[..],
            ),
            ("/shout", "shout", &b"abc"[..], &b"ABC"[..]),
        ] {
            let (answer, mut sending) = open(&client, path, protocol).await;
            assert_eq!(answer.status(), StatusCode::OK, "{path}");
            for name in ["upgrade", "connection", "sec-websocket-accept"] {
                assert!(!answer.headers().contains_key(name), "{path}");
            }
            let mut body = answer.into_body();
            for _ in 0..3 {
                sending
                    .send_data(Bytes::from_static(says), false)
                    .expect("sent");
                hear(&mut body, hears).await;
            }
            sending.send_data(Bytes::new(), true).expect("sent");
            while let Some(rest) = body.data().await {
                assert!(rest.expect("no reset").is_empty(), "{path}");
            }
        }
    });
}
