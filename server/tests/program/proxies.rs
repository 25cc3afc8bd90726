//! The client that a proxy has announced, over an upgrade of the program.

use crate::common::{eventually, read_some};
use crate::upgrade::Lineage;
use std::io::Write;
use std::net::TcpStream;

const LINE: &[u8] = b"PROXY TCP4 203.0.113.7 198.51.100.1 4711 443\r\n";

/// Whom the server takes for the client.
#[track_caller]
fn client_of(stream: &mut TcpStream) -> String {
    let request = b"GET /peer HTTP/1.1\r\nHost: t\r\n\r\n";
    stream.write_all(request).expect("sent");
    let (mut answer, mut buffer) = (String::new(), [0; 1024]);
    while !answer.contains("\nlocal ") || !answer.ends_with('\n') {
        let count = read_some(stream, &mut buffer);
        assert_ne!(count, 0, "it ends with {answer:?}");
        answer.push_str(std::str::from_utf8(&buffer[..count]).expect("text"));
    }
    let (_, rest) = answer.split_once("\r\n\r\nclient ").expect("a body");
    rest.lines().next().unwrap_or_default().to_owned()
}

#[test]
fn an_announced_client_is_the_same_in_the_next_process_and_in_the_one_after_it() {
    let mut server = Lineage::start(&["--proxy-protocol=on", "--trusted-proxies=127.0.0.1"]);
    let mut announced = server.connect();
    announced.write_all(LINE).expect("sent");
    assert_eq!(client_of(&mut announced), "203.0.113.7:4711");
    // One with the front of its header, one with a byte of it to come, one that has said nothing.
    let fronts = [0, 20, LINE.len() - 1];
    let mut begun: Vec<(TcpStream, usize)> = fronts.map(|front| (server.connect(), front)).into();
    for (stream, front) in &mut begun {
        stream.write_all(&LINE[..*front]).expect("sent");
    }
    eventually("all connections", || {
        (server.status()["totals"]["connections"]["open"] == 4).then_some(())
    });
    server.upgrade(&[]);
    assert_eq!(server.exit_code(), Some(0), "the old one has nothing left");
    assert_eq!(client_of(&mut announced), "203.0.113.7:4711");
    for (stream, front) in &mut begun {
        stream.write_all(&LINE[*front..]).expect("sent");
        assert_eq!(client_of(stream), "203.0.113.7:4711");
    }
    server.upgrade(&[]);
    for (stream, _) in &mut begun {
        assert_eq!(client_of(stream), "203.0.113.7:4711");
    }
    assert_eq!(client_of(&mut announced), "203.0.113.7:4711");
}

#[test]
fn a_header_that_is_missing_is_told_in_the_log_with_its_cure() {
    let mut server = Lineage::start(&["--proxy-protocol=on", "--trusted-proxies=127.0.0.1"]);
    let mut stream = server.connect();
    stream
        .write_all(b"GET / HTTP/1.1\r\nHost: t\r\n\r\n")
        .expect("sent");
    let line = server.wait_line("PROXY header");
    for part in ["WARN", "cause=missing", "send-proxy-v2", "peer=127.0.0.1:"] {
        assert!(line.contains(part), "{part}: {line}");
    }
}
