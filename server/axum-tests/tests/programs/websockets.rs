//! WebSockets of axum (`axum::extract::ws`): extractor, subprotocols, codes, a socket in two halves, large messages, and
//! how a socket ends with its client and with the server.

use crate::client;
use axum::Extension;
use axum::Router;
use axum::extract::ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade};
use axum::extract::{ConnectInfo, State};
use axum::response::Response;
use axum::routing::any;
use futures_util::{SinkExt, StreamExt};
use ringgate::{RouteOptions, ServerHandle, tower};
use ringgate_axum_tests::{Served, over_axum, over_ringgate, serve};
use std::future::Future;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::{Notify, broadcast, mpsc};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::handshake::client::Response as Handshake;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::{self, Message as Said};

type Client = WebSocketStream<TcpStream>;

/// Connects to `path`, with a field of subprotocols unless that is empty.
async fn open_with(server: &Served, path: &str, protocols: &str) -> (Client, Handshake) {
    let stream = TcpStream::connect(server.address())
        .await
        .expect("it listens");
    open_on(stream, server, path, protocols).await
}

async fn open_on(
    stream: TcpStream,
    server: &Served,
    path: &str,
    protocols: &str,
) -> (Client, Handshake) {
    let url = format!("ws://{}{path}", server.address());
    let mut request = url.into_client_request().expect("a request");
    if !protocols.is_empty() {
        let value = protocols.parse().expect("a value");
        request
            .headers_mut()
            .insert("sec-websocket-protocol", value);
    }
    let opened = tokio_tungstenite::client_async(request, stream).await;
    opened.expect("a handshake")
}

async fn open(server: &Served, path: &str) -> Client {
    open_with(server, path, "").await.0
}

async fn next(client: &mut Client) -> Said {
    client.next().await.expect("more").expect("a message")
}

/// Sends each message back.
async fn echo(upgrade: WebSocketUpgrade) -> Response {
    upgrade.on_upgrade(|mut socket| async move {
        while let Some(Ok(message)) = socket.recv().await {
            let is_said = matches!(message, Message::Text(_) | Message::Binary(_));
            if is_said && socket.send(message).await.is_err() {
                return;
            }
        }
    })
}

/// Does the same on both servers.
fn on_both<F: Future<Output = ()>>(app: impl Fn() -> Router, work: impl Fn(Served) -> F) {
    for serve in [over_axum, over_ringgate] {
        client(work(serve(app())));
    }
}

#[test]
fn an_echo_sends_back_texts_and_bytes_and_answers_pings_and_the_close() {
    let app = || Router::new().route("/ws", any(echo));
    on_both(app, async |server| {
        let mut client = open(&server, "/ws").await;
        for text in ["", "hello", &"long ".repeat(1000)] {
            client.send(Said::text(text)).await.expect("sent");
            assert_eq!(next(&mut client).await, Said::text(text));
        }
        let bytes = Said::binary(vec![0, 255, 7]);
        client.send(bytes.clone()).await.expect("sent");
        assert_eq!(next(&mut client).await, bytes);
        client
            .send(Said::Ping("there?".into()))
            .await
            .expect("sent");
        assert_eq!(next(&mut client).await, Said::Pong("there?".into()));
        client.close(None).await.expect("sent");
        assert_eq!(next(&mut client).await, Said::Close(None));
        assert!(client.next().await.is_none());
    });
}

#[test]
fn the_extractor_is_told_what_it_needs_and_refuses_the_rest() {
    let app = || Router::new().route("/ws", any(echo));
    on_both(app, async |server| {
        let plain = reqwest::get(server.url("/ws")).await.expect("an answer");
        assert_eq!(plain.status(), 400);
        let mut client = ringgate_axum_tests::Client::new(server.address());
        client.send(
            b"GET /ws HTTP/1.1\r\nHost: t\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\
            Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n",
        );
        let (status, fields) = client.head().expect("a head");
        assert_eq!(status, 101);
        let accept = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=".to_owned();
        assert!(fields.contains(&("sec-websocket-accept".to_owned(), accept)));
    });
}

async fn named(mut upgrade: WebSocketUpgrade) -> Response {
    let first = upgrade.requested_protocols().next().cloned();
    if let Some(first) = first.filter(|first| first == "anything") {
        upgrade.set_selected_protocol(first);
    } else {
        upgrade = upgrade.protocols(["chat.v2", "chat.v1"]);
    }
    upgrade.on_upgrade(|mut socket: WebSocket| async move {
        let protocol = socket
            .protocol()
            .map(|name| name.to_str().expect("a token"));
        let text = protocol.unwrap_or("none").to_owned();
        let _ = socket.send(Message::text(text)).await;
    })
}

#[test]
fn the_subprotocol_is_agreed_on() {
    let app = || Router::new().route("/ws", any(named));
    on_both(app, async |server| {
        for (offered, agreed) in [
            ("", None),
            ("chat.v1", Some("chat.v1")),
            ("chat.v1, chat.v2", Some("chat.v2")),
            ("anything", Some("anything")),
        ] {
            let (mut client, answer) = open_with(&server, "/ws", offered).await;
            let field = answer.headers().get("sec-websocket-protocol");
            assert_eq!(field.map(|name| name.to_str().expect("a token")), agreed);
            let text = agreed.unwrap_or("none");
            assert_eq!(next(&mut client).await, Said::text(text));
        }
    });
}

async fn closing(upgrade: WebSocketUpgrade) -> Response {
    upgrade.on_upgrade(|mut socket| async move {
        while let Some(Ok(message)) = socket.recv().await {
            // Answers a Close with the text of it, and any other message with a Close.
            let frame = match message {
                Message::Close(Some(frame)) => {
                    assert_eq!((frame.code, frame.reason.as_str()), (4001, "enough"));
                    continue;
                }
                message => CloseFrame {
                    code: 4002,
                    reason: message.into_text().expect("text"),
                },
            };
            let _ = socket.send(Message::Close(Some(frame))).await;
        }
    })
}

#[test]
fn close_codes_go_both_ways() {
    let app = || Router::new().route("/ws", any(closing));
    on_both(app, async |server| {
        let frame = |code, reason: &'static str| tungstenite::protocol::CloseFrame {
            code: CloseCode::from(code),
            reason: reason.into(),
        };
        let mut client = open(&server, "/ws").await;
        let enough = frame(4001, "enough");
        client.close(Some(enough.clone())).await.expect("sent");
        assert_eq!(next(&mut client).await, Said::Close(Some(enough)));
        let mut client = open(&server, "/ws").await;
        client.send(Said::text("why not")).await.expect("sent");
        let said = Said::Close(Some(frame(4002, "why not")));
        assert_eq!(next(&mut client).await, said);
    });
}

async fn who(ConnectInfo(peer): ConnectInfo<SocketAddr>, upgrade: WebSocketUpgrade) -> Response {
    upgrade.on_upgrade(move |mut socket| async move {
        let _ = socket.send(Message::text(peer.to_string())).await;
    })
}

#[test]
fn the_address_of_the_client_is_known_beside_the_socket() {
    let app = || Router::new().route("/ws", any(who));
    on_both(app, async |server| {
        let mut client = open(&server, "/ws").await;
        let own = client.get_ref().local_addr().expect("bound").to_string();
        assert_eq!(next(&mut client).await, Said::text(own));
    });
}

#[test]
fn a_large_message_goes_both_ways_in_pieces_however_slow_its_client_is() {
    let app = || Router::new().route("/ws", any(echo));
    on_both(app, async |server| {
        let socket = TcpSocket::new_v4().expect("a socket");
        socket.set_recv_buffer_size(4096).expect("a size");
        let stream = socket.connect(server.address()).await.expect("it listens");
        let (mut client, _) = open_on(stream, &server, "/ws", "").await;
        let large: Vec<u8> = (0..1 << 20).map(|at: u32| (at / 7) as u8).collect();
        for _ in 0..3 {
            let message = Said::binary(large.clone());
            // All is sent before anything is read.
            client.send(message.clone()).await.expect("sent");
            tokio::task::yield_now().await;
            assert!(next(&mut client).await == message);
        }
    });
}

/// A chat whose sockets are in two halves: what one says, all hear.
async fn chat(
    upgrade: WebSocketUpgrade,
    State(room): State<broadcast::Sender<String>>,
) -> Response {
    upgrade.on_upgrade(|socket| async move {
        let (mut sink, mut stream) = socket.split();
        let mut heard = room.subscribe();
        let Some(Ok(Message::Text(name))) = stream.next().await else {
            return;
        };
        let _ = room.send(format!("{name} joined"));
        let mut hears = tokio::spawn(async move {
            while let Ok(text) = heard.recv().await {
                if sink.send(Message::text(text)).await.is_err() {
                    break;
                }
            }
        });
        let room_of_speaker = room.clone();
        let speaker = name.clone();
        let mut speaks = tokio::spawn(async move {
            while let Some(Ok(Message::Text(text))) = stream.next().await {
                let _ = room_of_speaker.send(format!("{speaker}: {text}"));
            }
        });
        tokio::select! {
            _ = &mut hears => speaks.abort(),
            _ = &mut speaks => hears.abort(),
        }
        let _ = room.send(format!("{name} left"));
    })
}

#[test]
fn a_chat_in_two_halves_tells_everything_to_everybody() {
    let app = || {
        let room = broadcast::channel(100).0;
        Router::new().route("/chat", any(chat)).with_state(room)
    };
    on_both(app, async |server| {
        let mut ada = open(&server, "/chat").await;
        ada.send(Said::text("Ada")).await.expect("sent");
        assert_eq!(next(&mut ada).await, Said::text("Ada joined"));
        let mut bob = open(&server, "/chat").await;
        bob.send(Said::text("Bob")).await.expect("sent");
        for client in [&mut ada, &mut bob] {
            assert_eq!(next(client).await, Said::text("Bob joined"));
        }
        for round in 0..50 {
            bob.send(Said::text(round.to_string())).await.expect("sent");
        }
        for client in [&mut ada, &mut bob] {
            for round in 0..50 {
                assert_eq!(next(client).await, Said::text(format!("Bob: {round}")));
            }
        }
        drop(bob);
        assert_eq!(next(&mut ada).await, Said::text("Bob left"));
    });
}

/// Tells that a socket has ended: whether in an error, as without a Close.
async fn told(upgrade: WebSocketUpgrade, State(tell): State<mpsc::Sender<bool>>) -> Response {
    upgrade.on_upgrade(move |mut socket| async move {
        let mut in_error = false;
        while let Some(message) = socket.recv().await {
            in_error |= message.is_err();
        }
        let _ = tell.send(in_error).await;
    })
}

#[test]
fn a_client_that_is_gone_ends_its_socket() {
    for serve in [over_axum, over_ringgate] {
        let (tell, mut ends) = mpsc::channel(1);
        let server = serve(Router::new().route("/ws", any(told)).with_state(tell));
        client(async {
            drop(open(&server, "/ws").await);
            assert_eq!(ends.recv().await, Some(true), "without a Close");
            let reset = open(&server, "/ws").await;
            reset.get_ref().set_zero_linger().expect("an option");
            drop(reset);
            assert_eq!(ends.recv().await, Some(true), "by a reset");
            let mut polite = open(&server, "/ws").await;
            polite.close(None).await.expect("sent");
            assert_eq!(ends.recv().await, Some(false), "by a Close");
        });
    }
}

#[test]
fn an_upgrade_that_a_layer_refuses_fails() {
    async fn refused(upgrade: WebSocketUpgrade, State(failed): State<Arc<Notify>>) -> Response {
        let upgrade = upgrade.on_failed_upgrade(move |_| failed.notify_one());
        upgrade.on_upgrade(async |_| panic!("nothing begins"))
    }
    let forbid = axum::middleware::map_response(async |mut answer: Response| {
        *answer.status_mut() = axum::http::StatusCode::FORBIDDEN;
        answer
    });
    let failed = Arc::new(Notify::new());
    let app = Router::new().route("/ws", any(refused)).layer(forbid);
    let server = over_ringgate(app.with_state(failed.clone()));
    client(async {
        let stream = TcpStream::connect(server.address()).await;
        let url = format!("ws://{}/ws", server.address());
        let opened = tokio_tungstenite::client_async(url, stream.expect("it listens")).await;
        match opened.expect_err("refused") {
            tungstenite::Error::Http(answer) => assert_eq!(answer.status(), 403),
            other => panic!("{other}"),
        }
        failed.notified().await;
    });
}

/// An echo that says goodbye when the server is about to end.
async fn until_told(upgrade: WebSocketUpgrade, server: Extension<ServerHandle>) -> Response {
    upgrade.on_upgrade(move |mut socket| async move {
        let mut draining = pin!(server.draining());
        loop {
            tokio::select! {
                message = socket.recv() => match message {
                    Some(Ok(message)) => socket.send(message).await.expect("sent"),
                    _ => return,
                },
                () = &mut draining => break,
            }
        }
        let reason = "the server ends".into();
        let frame = CloseFrame { code: 1001, reason };
        let _ = socket.send(Message::Close(Some(frame))).await;
        // The Close of the client.
        while let Some(Ok(_)) = socket.recv().await {}
    })
}

#[test]
fn a_program_that_asks_for_the_drain_says_goodbye() {
    let app = Router::new().route("/ws", any(until_told));
    let handler = tower::handler_with(app, |request: &ringgate::Request, extensions| {
        extensions.insert(request.server().clone());
    });
    let server = serve(ringgate::Router::new().fallback(RouteOptions::default(), handler));
    client(async {
        let mut client = open(&server, "/ws").await;
        client.send(Said::text("before")).await.expect("sent");
        assert_eq!(next(&mut client).await, Said::text("before"));
        server.running().handle().drain();
        let Said::Close(Some(frame)) = next(&mut client).await else {
            panic!("no Close");
        };
        assert_eq!(frame.code, CloseCode::Away);
        assert!(client.next().await.is_none());
    });
}

#[test]
fn a_program_that_does_not_ask_goes_on_speaking_in_a_drain() {
    let server = over_ringgate(Router::new().route("/ws", any(echo)));
    client(async {
        let mut client = open(&server, "/ws").await;
        let handle = server.running().handle();
        handle.drain();
        handle.draining().await;
        for _ in 0..10 {
            client.send(Said::text("still")).await.expect("sent");
            assert_eq!(next(&mut client).await, Said::text("still"));
        }
        client.close(None).await.expect("sent");
    });
}
