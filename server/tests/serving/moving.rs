//! Between requests a connection is plain data: it changes its core while a client is in the
//! middle of a keep-alive session, and the client sees nothing.

use super::common::{config, start_with, wait_for};
use ringgate::config::CoreSpec;
use ringgate::handler::{Request, Response, Router};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

const CLIENTS: usize = 32;

fn router() -> Router<()> {
    Router::new()
        .get("/core", |request: Request| async move {
            Response::text(request.core().to_string())
        })
        .post("/core", |request: Request| async move {
            let core = request.core();
            match request.into_body().bytes().await {
                Ok(body) if body.as_ref() == b"body" => Response::text(core.to_string()),
                _ => Response::text("the body is not what was sent"),
            }
        })
}

/// Reads one answer of the shape that `/core` gives; answers which core gave it.
fn read_core(stream: &mut TcpStream) -> u32 {
    let mut answer = Vec::new();
    let mut byte = [0];
    while !answer.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte).expect("an answer");
        answer.push(byte[0]);
    }
    stream.read_exact(&mut byte).expect("a body of one digit");
    std::str::from_utf8(&byte)
        .expect("a digit")
        .parse()
        .expect("a digit")
}

fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).expect("connect");
    stream
        .set_read_timeout(Some(Duration::from_secs(20)))
        .expect("a time limit");
    stream
}

#[test]
fn a_session_with_half_a_head_unread_moves_to_another_core() {
    let mut config = config();
    config.cores = CoreSpec::Exactly(NonZeroU32::new(4).expect("not zero"));
    let server = start_with(config, router(), |_| ());
    let mut clients: Vec<TcpStream> = (0..CLIENTS).map(|_| connect(server.address())).collect();
    let mut before = Vec::new();
    for client in &mut clients {
        client
            .write_all(b"GET /core HTTP/1.1\r\nHost: a\r\n\r\n")
            .expect("send");
        before.push(read_core(client));
        client
            .write_all(b"GET /core HTTP/1.1\r\nHo")
            .expect("send half a head");
    }
    let ports: Vec<_> = clients
        .iter()
        .map(|client| client.local_addr().expect("bound"))
        .collect();
    server.running().handle().wait_resize(1).expect("resized");
    wait_for("one core", || {
        let status = server.status();
        status["cores"]
            .as_array()
            .is_some_and(|cores| cores.len() == 1)
    });
    for (client, port) in clients.iter_mut().zip(ports) {
        client
            .write_all(b"st: a\r\n\r\n")
            .expect("send the other half");
        assert_eq!(read_core(client), 0, "only core 0 is left");
        assert_eq!(client.local_addr().expect("bound"), port);
    }
    let moved = before.iter().filter(|core| **core != 0).count() as u64;
    assert!(
        moved > 0,
        "the kernel spreads {CLIENTS} connections over four listeners"
    );
    let status = server.status();
    let accepted = status["totals"]["connections"]["accepted"].as_u64();
    assert_eq!(accepted, Some(CLIENTS as u64), "nobody connected again");
    let handed_in = status["cores"][0]["connections"]["handed_in"].as_u64();
    assert_eq!(handed_in, Some(moved));
}

#[test]
fn resizing_at_random_loses_no_request() {
    let size: u64 = std::env::var("RINGGATE_TEST_SIZE")
        .ok()
        .and_then(|s| s.parse().ok())
        .unwrap_or(1);
    let mut config = config();
    config.cores = CoreSpec::Exactly(NonZeroU32::new(4).expect("not zero"));
    let server = start_with(config, router(), |_| ());
    let address = server.address();
    let over = Arc::new(AtomicBool::new(false));
    let answered = Arc::new(AtomicU64::new(0));
    let threads: Vec<_> = (0..6)
        .map(|index| {
            let (over, answered) = (over.clone(), answered.clone());
            std::thread::spawn(move || {
                let mut stream = connect(address);
                let get: &[u8] = b"GET /core HTTP/1.1\r\nHost: a\r\n\r\n";
                let post: &[u8] =
                    b"POST /core HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nbody";
                while !over.load(Ordering::Relaxed) {
                    if index % 2 == 0 {
                        stream.write_all(get).expect("send");
                        read_core(&mut stream);
                        stream.write_all(post).expect("send");
                        read_core(&mut stream);
                    } else {
                        let mut stream = connect(address);
                        let head = b"GET /core HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
                        stream.write_all(head).expect("send");
                        let mut answer = Vec::new();
                        stream
                            .read_to_end(&mut answer)
                            .expect("an answer and an orderly end");
                        assert!(answer.starts_with(b"HTTP/1.1 200"), "an answer");
                    }
                    answered.fetch_add(1, Ordering::Relaxed);
                }
            })
        })
        .collect();
    let mut seen = [false; 5];
    let mut cores = 7u32;
    for _ in 0..40 * size {
        cores = cores.wrapping_mul(1_103_515_245).wrapping_add(12_345);
        // The second comes while connections of the first are on their way, or parked.
        for size in [(cores >> 16) % 5, 1 + (cores >> 20) % 4] {
            let resized = server.running().handle().wait_resize(size);
            resized.expect("resized");
        }
        let before = answered.load(Ordering::Relaxed);
        wait_for("requests go on", || {
            answered.load(Ordering::Relaxed) > before + 20
        });
        let count = server.status()["cores"].as_array().map_or(0, Vec::len);
        seen[count.min(4)] = true;
    }
    over.store(true, Ordering::Relaxed);
    for thread in threads {
        thread.join().expect("no client saw an error");
    }
    assert!(
        seen.iter().filter(|seen| **seen).count() > 1,
        "the number of cores changed"
    );
}
