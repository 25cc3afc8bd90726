//! HTTP/2 through everything that a server goes through: another implementation's client keeps its one connection, its
//! tables and its windows, and misses no answer.

use crate::common::{Directory, eventually};
use crate::upgrade::Lineage;
use bytes::Bytes;
use h2::client::SendRequest;
use http::Request;
use std::time::Duration;

const KIND: &str = "application/x-thing-that-only-tables-know; a=b";

/// Gets a body back with its type, both of which went through the tables of the connection.
async fn echo(client: &SendRequest<Bytes>, body: String) {
    let mut client = client.clone().ready().await.expect("room for a stream");
    let request = Request::post("http://example.org/echo")
        .header("content-type", KIND)
        .header("x-known-to-the-table", "the same each time")
        .body(())
        .expect("a request");
    let (answer, mut stream) = client.send_request(request, false).expect("sent");
    let sent = Bytes::from(body);
    stream.send_data(sent.clone(), true).expect("sent");
    let answer = answer.await.expect("an answer");
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.headers()["content-type"], KIND);
    let mut payload = answer.into_body();
    let mut back = Vec::new();
    while let Some(part) = payload.data().await {
        let part = part.expect("payload");
        payload
            .flow_control()
            .release_capacity(part.len())
            .expect("room");
        back.extend(part);
    }
    assert!(back == sent);
}

#[test]
fn a_connection_of_http2_goes_through_resizes_a_parking_and_upgrades_with_its_tables_and_windows() {
    let server = Lineage::start(&["--cores", "2", "--graceful-timeout", "60s"]);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .expect("a runtime");
    let address = server.address.clone();
    let (client, connection) = runtime.block_on(async {
        let stream = tokio::net::TcpStream::connect(&address)
            .await
            .expect("connected");
        let (client, connection) = h2::client::handshake(stream).await.expect("a handshake");
        (client, tokio::spawn(connection))
    });
    let round = |name: &str| {
        runtime.block_on(async {
            let all = async {
                for n in 0..10 {
                    echo(&client, format!("{name} {n} ").repeat(3000)).await;
                }
            };
            let done = tokio::time::timeout(Duration::from_secs(20), all).await;
            done.expect("answers in time");
        });
    };
    round("first");
    for cores in ["1", "2"] {
        assert!(server.ctl(&["resize", cores]).status.success());
        round(cores);
    }
    server.upgrade(&[]);
    round("after an upgrade");
    assert!(server.ctl(&["resize", "0"]).status.success());
    let while_parked = {
        let client = client.clone();
        runtime.spawn(async move { echo(&client, "while parked".to_owned()).await })
    };
    server.upgrade(&[]);
    assert!(server.ctl(&["resize", "2"]).status.success());
    runtime.block_on(async {
        let done = tokio::time::timeout(Duration::from_secs(20), while_parked).await;
        done.expect("an answer in time").expect("an answer");
    });
    round("after two upgrades");
    assert!(!connection.is_finished(), "it is one connection throughout");
}

/// As many bytes as these.
async fn hear(body: &mut h2::RecvStream, expected: &[u8]) {
    let mut heard = Vec::new();
    while heard.len() < expected.len() {
        let part = body.data().await.expect("more").expect("no reset");
        body.flow_control()
            .release_capacity(part.len())
            .expect("room");
        heard.extend(part);
    }
    assert_eq!(heard, expected);
}

#[test]
fn websockets_on_streams_of_one_connection_go_through_resizes_a_parking_and_upgrades() {
    let folder = Directory::new();
    let log = folder.path("access.log");
    let args = ["--cores", "2", "--graceful-timeout", "60s", "--access-log"];
    let server = Lineage::start(&[&args[..], &[log.to_str().expect("text")]].concat());
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .expect("a runtime");
    let address = server.address.clone();
    let (connection, mut sockets) = runtime.block_on(async {
        let stream = tokio::net::TcpStream::connect(&address)
            .await
            .expect("connected");
        let (client, connection) = h2::client::handshake(stream).await.expect("a handshake");
        let connection = tokio::spawn(connection);
        let mut sockets = Vec::new();
        for _ in 0..5 {
            let mut client = client.clone().ready().await.expect("room for a stream");
            while !client.is_extended_connect_protocol_enabled() {
                // The server's settings are on their way.
                tokio::task::yield_now().await;
            }
            let mut request = Request::connect("http://example.org/ws")
                .header("sec-websocket-version", "13")
                .body(())
                .expect("a request");
            let protocol = h2::ext::Protocol::from_static("websocket");
            request.extensions_mut().insert(protocol);
            let (answer, sending) = client.send_request(request, false).expect("sent");
            let answer = answer.await.expect("an answer");
            assert_eq!(answer.status(), 200);
            sockets.push((sending, answer.into_body()));
        }
        (connection, sockets)
    });
    let mut round = |name: &str| {
        runtime.block_on(async {
            let all = async {
                for (sending, _) in &mut sockets {
                    let sent = [
                        &[0x82, 0x80 | name.len() as u8, 0, 0, 0, 0],
                        name.as_bytes(),
                    ];
                    let sent = Bytes::from(sent.concat());
                    sending.send_data(sent, false).expect("sent");
                }
                for (_, body) in &mut sockets {
                    let back = [&[0x82, name.len() as u8], name.as_bytes()].concat();
                    hear(body, &back).await;
                }
            };
            let done = tokio::time::timeout(Duration::from_secs(20), all).await;
            done.expect("messages in time");
        });
    };
    round("first");
    for cores in ["1", "2", "1"] {
        assert!(server.ctl(&["resize", cores]).status.success());
        round(cores);
    }
    let lines = || std::fs::read_to_string(&log).unwrap_or_default();
    assert_eq!(lines(), "", "none of them is over");
    server.upgrade(&[]);
    round("after an upgrade");
    // The process that they left has told of them, with what it sent on each: four messages, each behind two bytes.
    eventually("their lines", || {
        (lines().lines().count() == 5).then_some(())
    });
    for line in lines().lines() {
        assert!(line.contains("\"CONNECT /ws HTTP/2.0\" 200 16 "), "{line}");
    }
    assert!(server.ctl(&["resize", "0"]).status.success());
    server.upgrade(&[]);
    assert!(server.ctl(&["resize", "2"]).status.success());
    round("after two upgrades");
    assert!(!connection.is_finished(), "it is one connection throughout");
}
