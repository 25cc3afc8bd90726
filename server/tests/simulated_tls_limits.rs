//! Clients of TLS that are slow, many at once, send on behind the end, or leave in the middle, over the simulated ring and
//! in virtual time.

#[path = "program/any_server.rs"]
mod any_server;
#[path = "tls/simulated.rs"]
mod simulated;

use ringgate::config::{CertificateSource, Config, Endpoint, ListenAddr, Scheme};
use ringgate::runtime::driver::simulated::{Ending, Faults};
use ringgate::simulation::Simulation;
use ringgate::{Request, RequestBody, Response, Router};
use rustls::crypto::aws_lc_rs::{default_provider, kx_group};
use simulated::{TlsClient, anybody_with};
use std::cell::RefCell;
use std::io::Write;
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);

thread_local! {
    /// A body that is kept behind its answer, and not read.
    static HELD: RefCell<Option<RequestBody>> = const { RefCell::new(None) };
}

fn config() -> Config {
    let mut config = Config::default();
    let address: ListenAddr = "127.0.0.1:0".parse().expect("an address");
    config.listen = vec![Endpoint {
        scheme: Scheme::Https,
        address,
    }];
    config.tls.certificates = vec![CertificateSource::SelfSigned];
    config
}

fn router() -> Router<()> {
    Router::new()
        .get("/hello", |_: Request| async { "hello" })
        .post("/accepted", |request: Request| async {
            HELD.set(Some(request.into_body()));
            Response::text("").with_status(http::StatusCode::ACCEPTED)
        })
        .post("/echo", async |request: Request| {
            match request.into_body().bytes().await {
                Ok(bytes) => Response::text("").with_body(bytes),
                Err(error) => Response::error(http::StatusCode::BAD_REQUEST, &error.to_string()),
            }
        })
}

fn one_core(config: &Config) -> Simulation {
    Simulation::new(config, router(), 1)
}

/// Turns for so long.
fn pass(simulation: &mut Simulation, time: Duration) {
    let end = simulation.world().now() + time;
    simulation.run_until(|simulation| simulation.world().now() >= end);
}

/// The records of this plaintext, which are not on their way yet.
fn sealed(client: &mut TlsClient, plain: &[u8]) -> Vec<u8> {
    client.tls.writer().write_all(plain).expect("room");
    let mut records = Vec::new();
    while client.tls.wants_write() {
        client.tls.write_tls(&mut records).expect("into memory");
    }
    records
}

/// What becomes of a body of so many bytes whose records come in pieces of `piece` bytes, one each second: what its client
/// hears, and after which time.
fn body_in_pieces(length: usize, piece: usize) -> (String, Duration) {
    let mut config = config();
    config.timeouts.body_rate_min = Some(1024);
    let mut simulation = one_core(&config);
    let mut client = TlsClient::new(simulation.connect(), 0);
    let head = format!("POST /echo HTTP/1.1\r\nHost: test\r\nContent-Length: {length}\r\n\r\n");
    client.say(head.as_bytes());
    client.until(&mut simulation, |client| !client.tls.is_handshaking());
    simulation.run_until(|simulation| simulation.ledgers(0).1.begun == 1);
    let records = sealed(&mut client, &vec![b'b'; length]);
    let began = simulation.world().now();
    client.socket.send_in_pieces(&records, piece, SECOND);
    client.until(&mut simulation, |client| {
        client.heard.windows(4).any(|at| at == b"\r\n\r\n")
    });
    let heard = String::from_utf8(client.heard).expect("ASCII");
    (heard, simulation.world().now() - began)
}

#[test]
fn a_body_that_comes_too_slowly_is_refused_in_the_middle_of_a_record_too() {
    let (heard, took) = body_in_pieces(16 << 10, 100);
    assert!(heard.starts_with("HTTP/1.1 408 "), "{heard}");
    assert!(took >= 10 * SECOND && took <= 13 * SECOND, "{took:?}");
}

#[test]
fn a_body_whose_records_are_whole_only_now_and_then_is_fast_enough_by_what_comes_of_them() {
    let (heard, took) = body_in_pieces(48 << 10, 1200);
    assert!(heard.starts_with("HTTP/1.1 200 "), "{heard}");
    assert!(took >= 40 * SECOND, "{took:?}");
}

#[test]
fn handshakes_that_begin_anew_for_their_key_share_wait_for_their_turn_as_others_do() {
    const CROWD: usize = 20;
    // Longer than a HelloRetryRequest, and shorter than a ServerHello with a certificate behind it.
    const ANSWER_SIZE_BYTES: usize = 300;
    let mut config = config();
    config.tls.handshakes_per_turn = 1;
    let mut simulation = one_core(&config);
    let mut provider = default_provider();
    // The first is the one that a client sends a share of, and no server here takes it.
    provider.kx_groups = vec![kx_group::MLKEM768, kx_group::SECP256R1];
    let terms = anybody_with(provider).with_no_client_auth();
    let mut clients: Vec<TlsClient> = (0..CROWD)
        .map(|_| TlsClient::of(simulation.connect(), 0, terms.clone()))
        .collect();
    simulation.run_until(|_| {
        clients
            .iter()
            .all(|client| client.socket.received_len() > 0)
    });
    for client in &mut clients {
        assert!(client.socket.received_len() < ANSWER_SIZE_BYTES);
        client.hear();
    }
    let answered = |clients: &[TlsClient]| {
        let long = |client: &&TlsClient| client.socket.received_len() > ANSWER_SIZE_BYTES;
        clients.iter().filter(long).count()
    };
    for turns in 1..100 * CROWD {
        simulation.turn();
        // A turn here may see the end of one turn of the core, and the beginning of the next.
        let answered = answered(&clients);
        assert!(answered <= turns + 1, "{answered} in {turns} turns");
    }
    assert_eq!(answered(&clients), CROWD);
    for client in &mut clients {
        client.get("/hello");
        client.until_body(&mut simulation, "hello");
        let kind = client.tls.handshake_kind();
        assert_eq!(kind, Some(rustls::HandshakeKind::FullWithHelloRetryRequest));
    }
}

/// RFC 8446 section 6.1.
#[test]
fn a_client_whose_unwanted_body_is_too_long_is_told_the_end_before_it_comes() {
    let mut config = config();
    config.limits.body_size = None;
    let mut simulation = one_core(&config);
    let mut client = TlsClient::new(simulation.connect(), 0);
    client.say(b"POST /accepted HTTP/1.1\r\nHost: test\r\nContent-Length: 8000000\r\n\r\n");
    client.until(&mut simulation, |client| {
        client.heard.ends_with(b"\r\n\r\n")
    });
    assert!(client.heard.starts_with(b"HTTP/1.1 202 "));
    client.say(&vec![b'b'; 2 << 20]);
    client.until(&mut simulation, |client| {
        client.told_end || client.socket.is_closed()
    });
    assert!(client.told_end && client.failed.is_none());
    client.socket.close();
    simulation.run_until(|simulation| simulation.ledgers(0).0.open == 0);
    assert_eq!(simulation.ledgers(0).0.finished, 1);
    HELD.set(None);
}

#[test]
fn a_client_whose_next_request_is_half_there_as_the_last_answer_goes_is_not_reset() {
    let request = b"GET /hello HTTP/1.1\r\nHost: test\r\n\r\n";
    // Whether the half comes while the client has yet to take the answer, or right behind its first request.
    for is_late in [false, true] {
        let mut config = config();
        config.timeouts.requests_per_connection = 1;
        let mut simulation = one_core(&config);
        let mut client = TlsClient::new(simulation.connect(), 0);
        client.until(&mut simulation, |client| !client.tls.is_handshaking());
        pass(&mut simulation, SECOND / 100);
        client.hear();
        let first = sealed(&mut client, request);
        let second = sealed(&mut client, request);
        let (half, rest) = second.split_at(30);
        if is_late {
            client.socket.window(10);
            client.socket.send(&first);
            simulation.run_until(|_| client.socket.received_len() == 10);
            client.socket.send(half);
            pass(&mut simulation, SECOND / 100);
            client.socket.window(u64::MAX);
        } else {
            client.socket.send(&[&first, half].concat());
        }
        client.until(&mut simulation, |client| client.told_end);
        assert!(client.heard.ends_with(b"hello"), "{is_late}");
        // Sent before the answer was read, and on its way since.
        client.socket.send(rest);
        pass(&mut simulation, SECOND / 100);
        assert_eq!(client.socket.ending(), Ending::Eof, "{is_late}");
        client.socket.shutdown_write();
        simulation.run_until(|simulation| simulation.ledgers(0).0.open == 0);
        assert_eq!(client.socket.ending(), Ending::Eof, "{is_late}");
        assert_eq!(simulation.ledgers(0).0.finished, 1);
    }
}

/// The front of a hello, whose rest never comes.
const FRONT: &[u8] = b"\x16\x03\x01\x40\x00\x01";

fn in_a_drain() -> Config {
    let mut config = config();
    config.tls.handshake_timeout = 4 * SECOND;
    config.drain.keepalive_grace = 2 * SECOND;
    config.drain.graceful_timeout = 60 * SECOND;
    config
}

#[test]
fn a_handshake_has_its_time_from_its_own_beginning_in_a_drain_and_on_another_core() {
    for moves in [false, true] {
        let cores = if moves { 2 } else { 1 };
        let mut simulation =
            Simulation::with_cores(&in_a_drain(), router(), cores, 1, Faults::none());
        let began = simulation.world().now();
        let [begun, late] = [0, 0].map(|core| simulation.connect_to(core));
        begun.send(FRONT);
        pass(&mut simulation, SECOND);
        if moves {
            simulation.leave(0, 1);
            simulation.run_until(|simulation| simulation.ledgers(1).0.open == 1);
        } else {
            simulation.drain(0);
        }
        pass(&mut simulation, SECOND / 2);
        late.send(FRONT);
        for client in [begun, late] {
            simulation.run_until(|_| client.is_closed());
            let took = simulation.world().now() - began;
            assert!(
                took >= 4 * SECOND && took < 4 * SECOND + SECOND / 10,
                "moves: {moves}, {took:?}"
            );
        }
    }
}

#[test]
fn a_client_in_its_handshake_when_a_drain_begins_is_served_one_request_and_told_the_end() {
    let mut simulation = one_core(&in_a_drain());
    let mut client = TlsClient::new(simulation.connect_to(0), 0);
    pass(&mut simulation, SECOND);
    simulation.drain(0);
    // The grace of an idle connection is over before the client finishes its handshake.
    pass(&mut simulation, 2 * SECOND);
    client.get("/hello");
    client.until(&mut simulation, |client| client.told_end);
    let heard = String::from_utf8_lossy(&client.heard).to_ascii_lowercase();
    assert!(heard.contains("connection: close"), "{heard}");
    assert!(heard.ends_with("hello"), "{heard}");
    assert_eq!(simulation.ledgers(0).0.aborted, 0);
}

#[test]
fn a_client_that_waits_for_room_among_the_handshakes_when_a_drain_begins_has_its_time() {
    let mut config = in_a_drain();
    config.tls.max_handshakes = std::num::NonZeroU32::new(1);
    let mut simulation = one_core(&config);
    let first = simulation.connect_to(0);
    first.send(FRONT);
    pass(&mut simulation, SECOND);
    let mut second = TlsClient::new(simulation.connect_to(0), 0);
    second.get("/hello");
    pass(&mut simulation, SECOND / 10);
    simulation.drain(0);
    simulation.run_until(|_| first.is_closed());
    second.until(&mut simulation, |client| client.told_end);
    assert!(second.heard.ends_with(b"hello"));
}
