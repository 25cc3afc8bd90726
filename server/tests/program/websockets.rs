//! WebSockets of the built-in application through everything that a server goes through: an independent client
//! speaks to them, keeps its one connection, and misses no message.

use crate::common::{connect, eventually};
use crate::upgrade::Lineage;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;
use tungstenite::protocol::Role;
use tungstenite::{Message, WebSocket};

const HANDSHAKE: &[u8] =
    b"GET /ws HTTP/1.1\r\nHost: test\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";

type Client = WebSocket<TcpStream>;

fn open(server: &Lineage) -> Client {
    let mut stream = connect(&server.address);
    stream
        .set_read_timeout(Some(Duration::from_secs(20)))
        .expect("a timeout");
    stream.write_all(HANDSHAKE).expect("the handshake is sent");
    let mut answer = Vec::new();
    while !answer.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).expect("an answer");
        answer.push(byte[0]);
    }
    let answer = String::from_utf8(answer).expect("ASCII");
    assert!(answer.starts_with("HTTP/1.1 101 "), "{answer}");
    WebSocket::from_raw_socket(stream, Role::Client, None)
}

/// Every client sends a message that nobody else sends, and gets it back next.
#[track_caller]
fn all_echo(clients: &mut [Client], round: &str) {
    for (number, client) in clients.iter_mut().enumerate() {
        let text = format!("{round} {number}");
        client.send(Message::text(text)).expect("sent");
    }
    for (number, client) in clients.iter_mut().enumerate() {
        let text = format!("{round} {number}");
        assert_eq!(client.read().expect("an echo"), Message::text(text));
    }
}

fn open_connections(server: &Lineage) -> u64 {
    let status = server.status();
    status["totals"]["connections"]["open"]
        .as_u64()
        .expect("a count")
}

#[test]
fn m14_websockets_live_through_resizes_a_parking_and_upgrades_on_the_sockets_they_have() {
    let server = Lineage::start(&["--cores", "2", "--graceful-timeout", "60s"]);
    let mut clients: Vec<Client> = (0..30).map(|_| open(&server)).collect();
    all_echo(&mut clients, "first");
    for cores in ["1", "2"] {
        assert!(server.ctl(&["resize", cores]).status.success());
        all_echo(&mut clients, cores);
    }
    assert!(server.ctl(&["resize", "0"]).status.success());
    for client in &mut clients {
        client.send(Message::text("while parked")).expect("sent");
    }
    server.upgrade(&[]);
    assert!(server.ctl(&["resize", "2"]).status.success());
    for client in &mut clients {
        let echo = client.read().expect("an echo");
        assert_eq!(echo, Message::text("while parked"));
    }
    server.upgrade(&[]);
    all_echo(&mut clients, "after two upgrades");
    eventually("the new process has all of them", || {
        (open_connections(&server) == 30).then_some(())
    });
    for client in &mut clients {
        client.close(None).expect("a Close");
        while client.read().is_ok() {}
    }
    eventually("all are closed", || {
        (open_connections(&server) == 0).then_some(())
    });
}

#[test]
fn a_drain_tells_websockets_1001_and_ends() {
    let mut server = Lineage::start(&["--drain-time", "200ms"]);
    let mut clients: Vec<Client> = (0..10).map(|_| open(&server)).collect();
    all_echo(&mut clients, "before");
    assert!(server.ctl(&["drain"]).status.success());
    for client in &mut clients {
        let told = client.read().expect("a Close");
        let Message::Close(Some(frame)) = told else {
            panic!("{told:?}");
        };
        assert_eq!(u16::from(frame.code), 1001);
        while client.read().is_ok() {}
    }
    assert_eq!(server.exit_code(), Some(0));
}
