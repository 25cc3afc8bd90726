//! The client that a proxy has announced, over an upgrade of the program.

use crate::common::{Directory, Program, connect, eventually, read_some, ringgate};
use crate::tls_client::Client;
use crate::upgrade::Lineage;
use std::fs;
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

/// Clients of TLS behind a proxy, of which some have said their header and none its hello, before an upgrade to what
/// `after` says; then all shake hands.
fn shake_hands_behind_an_upgrade(after: &str) {
    let directory = Directory::new();
    let file = directory.path("ringgate.toml");
    let control = directory.path("control.sock");
    let rest = "certificate = \"self\"\nproxy_protocol = \"on\"\ntrusted_proxies = [\"127.0.0.1\"]\ndemo = \"on\"\n";
    let before = format!("listen = [\"https://127.0.0.1:0\", \"127.0.0.2:0\"]\n{rest}");
    fs::write(&file, before).expect("a file");
    let mut command = ringgate();
    let times = ["--keepalive-grace", "50s", "--graceful-timeout", "60s"];
    command.arg("--config").arg(&file).args(["--cores", "2"]);
    command.args(times).arg("--control").arg(&control);
    let mut program = Program::spawn_as_is(command, directory, true);
    let line = program.wait_line("listening on https://");
    let address = line.split_once("https://").expect("an address").1;
    let address = address
        .split_whitespace()
        .next()
        .expect("an address")
        .to_owned();
    let server = Lineage::of(program);
    let fronts = [0, 20, LINE.len()];
    let clients: Vec<_> = fronts
        .map(|front| {
            let mut stream = connect(&address);
            stream.write_all(&LINE[..front]).expect("sent");
            (stream, front)
        })
        .into();
    eventually("all are accepted", || {
        (server.status()["totals"]["connections"]["open"] == 3).then_some(())
    });
    fs::write(&file, after).expect("a file");
    server.upgrade(&[]);
    for (mut stream, front) in clients {
        stream.write_all(&LINE[front..]).expect("sent");
        let mut client = Client::new().over(stream, "localhost").expect("served");
        assert_eq!(
            client.peer().expect("served"),
            "203.0.113.7:4711",
            "{front}"
        );
    }
}

#[test]
fn clients_of_tls_behind_a_proxy_shake_hands_behind_an_upgrade_wherever_they_stand() {
    shake_hands_behind_an_upgrade(
        "listen = [\"https://127.0.0.1:0\", \"127.0.0.2:0\"]\ncertificate = \"self\"\nproxy_protocol = \"on\"\n\
         trusted_proxies = [\"127.0.0.1\"]\ndemo = \"on\"\n",
    );
}

#[test]
fn clients_of_tls_behind_a_proxy_shake_hands_with_the_old_process_where_the_new_one_has_no_https_address()
 {
    shake_hands_behind_an_upgrade("listen = \"127.0.0.2:0\"\ndemo = \"on\"\n");
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
