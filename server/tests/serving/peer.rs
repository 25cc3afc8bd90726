//! Who a request comes from, and which address it came to.

use crate::common::{config, start_with};
use ringgate::config::ListenAddr;
use ringgate::{Request, Router};
use std::io::{Read, Write};
use std::net::SocketAddr;
use std::os::unix::net::UnixStream;
use std::time::Duration;

fn router() -> Router<()> {
    Router::new()
        .get("/local", async |request: Request| {
            format!("{:?}", request.local())
        })
        .get("/", async |request: Request| {
            format!("{:?}", request.peer())
        })
        .post("/", async |mut request: Request| {
            let before = request.peer();
            while let Some(Ok(_)) = request.body().chunk().await {}
            assert_eq!(before, request.peer());
            format!("{before:?}")
        })
}

#[test]
fn a_request_knows_the_address_of_its_client_and_the_one_it_came_to() {
    for ip in ["127.0.0.1", "::1"] {
        let mut config = config();
        let address = SocketAddr::new(ip.parse().unwrap(), 0);
        config.listen = vec![address.into()];
        let server = start_with(config, router(), |_| ());
        let mut clients: Vec<_> = (0..3).map(|_| server.connect()).collect();
        // Seats are used again: a new client is not taken for the one before.
        for _ in 0..3 {
            for client in &mut clients {
                let own = client.stream().local_addr().unwrap();
                let reached = client.stream().peer_addr().unwrap();
                assert_eq!(client.get("/").text(), format!("{:?}", Some(own)));
                assert_eq!(client.get("/local").text(), format!("{:?}", Some(reached)));
                let answer = client.request("POST", "/", "", b"some body");
                assert_eq!(answer.text(), format!("{:?}", Some(own)));
            }
            clients[1] = server.connect();
        }
    }
}

#[test]
fn a_client_of_a_unix_socket_has_no_address() {
    let path = std::env::temp_dir().join(format!("ringgate-peer-{}.sock", std::process::id()));
    let _ = std::fs::remove_file(&path);
    let mut config = config();
    config.listen.push(ListenAddr::unix(&path).into());
    let _server = start_with(config, router(), |_| ());
    let mut stream = UnixStream::connect(&path).unwrap();
    stream
        .set_read_timeout(Some(Duration::from_secs(20)))
        .unwrap();
    let get = b"GET / HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n";
    stream.write_all(get).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.ends_with("\r\n\r\nNone"), "{answer}");
    drop(stream);
}
