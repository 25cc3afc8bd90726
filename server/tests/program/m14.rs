//! Row M14 (docs/seeds.md): addresses of IPv6, and TLS on them. WebSockets are in `websockets.rs`, long polls in
//! `tests/serving/m14.rs`.

use crate::common::{Directory, Program, get, ringgate};
use crate::tls_client::Client;

#[test]
fn m14_ipv6_is_listened_on_beside_ipv4() {
    let mut program = Program::start(&["--listen", "127.0.0.1:0", "--listen", "[::1]:0"]);
    let line = program.wait_line("http://[::1]:");
    let address = line.split_once("http://").expect("an address").1;
    let address = address.split_whitespace().next().expect("an address");
    for address in [address, &program.address] {
        assert!(
            get(address, "/plaintext").ends_with("Hello, World!"),
            "{address}"
        );
    }
}

#[test]
fn m14_tls_is_spoken_on_ipv6() {
    let args = ["--listen", "https://[::1]:0", "--certificate", "self"];
    let mut program = Program::spawn(ringgate(), Directory::new(), &args, true);
    let line = program.wait_line("https://[::1]:");
    let address = line.split_once("https://").expect("an address").1;
    let address = address.split_whitespace().next().expect("an address");
    let client = Client::new();
    let mut connection = client.connect(address, "localhost").expect("a handshake");
    connection.ask().expect("an answer");
}
