//! Connections of TLS over the simulated ring, in virtual time: the client is rustls's, in memory.

#[path = "program/any_server.rs"]
mod any_server;
#[path = "http2/forge.rs"]
#[allow(dead_code, reason = "no test uses all of it")]
mod forge;
#[path = "tls/simulated.rs"]
mod simulated;

use forge::{Sent, Wire, forged, headers, settings};
use ringgate::config::{
    AdmissionLimits, Admit, CertificateSource, Config, Endpoint, HalfClose, ListenAddr, MaxAccepts,
    Scheme, Switch,
};
use ringgate::http2::frame::PREFACE;
use ringgate::http2::{ErrorCode, Limits};
use ringgate::runtime::driver::simulated::{Client, Faults};
use ringgate::runtime::sleep;
use ringgate::simulation::Simulation;
use ringgate::{Request, Response, Router};
use simulated::TlsClient;
use std::num::NonZeroU32;
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);

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
        .get("/large", |_: Request| async {
            Response::text("").with_body(vec![b'Z'; 300_000])
        })
        .get("/later", |_: Request| async {
            sleep(SECOND).await;
            "later"
        })
        .post("/echo", async |request: Request| {
            match request.into_body().bytes().await {
                Ok(bytes) => Response::text("").with_body(bytes),
                Err(error) => Response::error(http::StatusCode::BAD_REQUEST, &error.to_string()),
            }
        })
        .get("/tls", async |request: Request| match request.tls() {
            Some(tls) => format!("{} {:?}", tls.version(), tls.server_name()),
            None => "none".to_owned(),
        })
}

fn one_core(config: &Config) -> Simulation {
    Simulation::new(config, router(), 1)
}

#[test]
fn a_request_over_tls_is_answered_and_knows_its_connection() {
    let mut simulation = one_core(&config());
    let mut client = TlsClient::new(simulation.connect(), 0);
    client.get("/tls");
    client.until_body(&mut simulation, "TLSv1.3 Some(\"localhost\")");
    client.get("/later");
    client.until_body(&mut simulation, "later");
    assert_eq!(simulation.ledgers(0).0.open, 1, "kept alive");
}

#[test]
fn every_cut_of_what_the_client_sends_comes_to_the_same() {
    for piece in [1, 2, 5, 7, 100, 1000, 5000] {
        let mut simulation = one_core(&config());
        let mut client = TlsClient::new(simulation.connect(), piece);
        let body = "body ".repeat(if piece < 100 { 100 } else { 20_000 });
        let head = format!(
            "POST /echo HTTP/1.1\r\nHost: test\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        client.say(head.as_bytes());
        client.say(body.as_bytes());
        client.get("/hello");
        client.until_body(&mut simulation, "hello");
    }
}

#[test]
fn a_batch_of_requests_in_one_record_and_in_many_is_answered_in_order() {
    let mut simulation = one_core(&config());
    let mut client = TlsClient::new(simulation.connect(), 0);
    client.say(&b"GET /hello HTTP/1.1\r\nHost: test\r\n\r\n".repeat(100));
    client.until(&mut simulation, |client| {
        count(&client.heard, b"hello") == 100
    });
    client.heard.clear();
    for _ in 0..100 {
        client.get("/hello");
    }
    client.until(&mut simulation, |client| {
        count(&client.heard, b"hello") == 100
    });
}

fn count(bytes: &[u8], part: &[u8]) -> usize {
    bytes.windows(part.len()).filter(|at| *at == part).count()
}

#[test]
fn a_long_answer_comes_whole_and_its_end_is_announced() {
    let mut simulation = one_core(&config());
    let mut client = TlsClient::new(simulation.connect(), 0);
    client.say(b"GET /large HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n");
    client.until(&mut simulation, |client| client.told_end);
    assert_eq!(count(&client.heard, b"Z"), 300_000);
    simulation.run_until(|simulation| simulation.ledgers(0).0.open == 0);
    assert_eq!(simulation.ledgers(0).0.finished, 1);
}

#[test]
fn an_idle_connection_is_told_its_end_before_it_closes() {
    let mut simulation = one_core(&config());
    let mut client = TlsClient::new(simulation.connect(), 0);
    client.get("/hello");
    client.until_body(&mut simulation, "hello");
    simulation.run_until(|simulation| simulation.ledgers(0).0.open == 0);
    client.hear();
    assert!(
        client.told_end && client.failed.is_none(),
        "{:?}",
        client.failed
    );
}

#[test]
fn a_client_that_says_nothing_or_half_a_hello_is_closed_at_the_handshake_timeout() {
    for sent in [&b""[..], b"\x16\x03\x01\x02\x00\x01"] {
        let mut config = config();
        config.tls.handshake_timeout = 3 * SECOND;
        let mut simulation = one_core(&config);
        let client = simulation.connect();
        client.send(sent);
        let began = simulation.world().now();
        simulation.run_until(|simulation| simulation.ledgers(0).0.aborted == 1);
        let took = simulation.world().now() - began;
        assert!(took >= 3 * SECOND && took < 4 * SECOND, "{took:?}");
        assert_eq!(simulation.ledgers(0).0.open, 0);
    }
}

#[test]
fn a_request_without_tls_gets_a_400_that_it_can_read() {
    let mut simulation = one_core(&config());
    let client = simulation.connect();
    client.send(b"GET / HTTP/1.1\r\nHost: test\r\n\r\n");
    simulation.run_until(|_| client.received_len() > 0);
    let answer = String::from_utf8(client.received()).expect("text");
    assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
    assert!(answer.contains("this port speaks HTTPS"), "{answer}");
    client.close();
    simulation.run_until(|simulation| simulation.ledgers(0).0.open == 0);
}

#[test]
fn a_record_that_does_not_open_is_answered_by_the_alert_and_the_end() {
    let mut simulation = one_core(&config());
    let mut client = TlsClient::new(simulation.connect(), 0);
    client.get("/hello");
    client.until_body(&mut simulation, "hello");
    client
        .socket
        .send(b"\x17\x03\x03\x00\x20 a record that nobody has sealed ");
    client.until(&mut simulation, |client| client.failed.is_some());
    assert_eq!(
        client.failed,
        Some(rustls::Error::AlertReceived(
            rustls::AlertDescription::BadRecordMac
        ))
    );
    client.socket.close();
    simulation.run_until(|simulation| simulation.ledgers(0).0.open == 0);
    assert_eq!(simulation.ledgers(0).0.aborted, 1);
}

#[test]
fn a_client_that_says_its_end_gets_the_answer_it_waits_for_and_the_end_behind_it() {
    for (path, takes) in [("/hello", Duration::ZERO), ("/later", SECOND)] {
        let mut config = config();
        config.queue.half_close = HalfClose::Serve;
        let mut simulation = one_core(&config);
        let mut client = TlsClient::new(simulation.connect(), 0);
        client.get("/hello");
        client.until_body(&mut simulation, "hello");
        let asked = simulation.world().now();
        client.get(path);
        client.tls.send_close_notify();
        client.flush();
        client.until(&mut simulation, |client| client.told_end);
        assert!(client.heard.ends_with(&path.as_bytes()[1..]));
        simulation.run_until(|simulation| simulation.ledgers(0).0.open == 0);
        let took = simulation.world().now() - asked;
        assert!(took < takes + SECOND, "{path}: {took:?}");
    }
}

#[test]
fn connections_move_between_cores_between_any_two_requests() {
    for seed in 0..20 {
        let faults = Faults::none();
        let mut simulation = Simulation::with_cores(&config(), router(), 2, seed, faults);
        let mut clients: Vec<TlsClient> = (0..4)
            .map(|_| TlsClient::new(simulation.connect_to(0), 0))
            .collect();
        for round in 0..6 {
            for client in &mut clients {
                client.get("/hello");
                client.until_body(&mut simulation, "hello");
            }
            let (from, to) = if round % 2 == 0 { (0, 1) } else { (1, 0) };
            simulation.spread(from, to, 4);
            for client in &mut clients {
                if round % 3 == 2 {
                    client.tls.refresh_traffic_keys().expect("TLS 1.3");
                }
                client.get("/tls");
                client.until_body(&mut simulation, "TLSv1.3 Some(\"localhost\")");
            }
        }
        let moved = simulation.ledgers(0).0.handed_out;
        assert!(moved > 0, "seed {seed}");
    }
}

#[test]
fn a_run_with_the_same_seed_is_the_same_run_though_its_keys_differ() {
    let faults = Faults {
        short_send: 0.2,
        split_receive: 0.2,
        late_completion: 0.2,
        reorder: 0.2,
        ..Faults::none()
    };
    let run = |seed| {
        let mut simulation = Simulation::with_cores(&config(), router(), 2, seed, faults);
        for round in 0..2 {
            let mut client = TlsClient::new(simulation.connect_to(0), 100 * round);
            client.get("/hello");
            client.until_body(&mut simulation, "hello");
            client.tls.refresh_traffic_keys().expect("TLS 1.3");
            simulation.spread(0, 1, 4);
            client.get("/tls");
            client.until_body(&mut simulation, "TLSv1.3 Some(\"localhost\")");
        }
        // What clients and server said is told by its length, and by a hash of bytes that are sealed.
        let log = simulation.world().log();
        log.iter()
            .map(|line| match line.split_once(" bytes ") {
                Some((told, _hash)) => told.to_owned(),
                None => line.clone(),
            })
            .collect::<Vec<String>>()
    };
    for seed in 0..10 {
        let (one, other) = (run(seed), run(seed));
        assert_eq!(one, other, "seed {seed}");
        assert!(one.iter().any(|line| line.contains("sends")), "{one:#?}");
    }
}

#[test]
fn handshakes_survive_that_their_core_leaves() {
    let mut simulation = Simulation::with_cores(&config(), router(), 2, 3, Faults::none());
    let mut clients: Vec<TlsClient> = (0..8)
        .map(|_| TlsClient::new(simulation.connect_to(0), 300))
        .collect();
    for _ in 0..3 {
        simulation.turn();
    }
    simulation.leave(0, 1);
    for client in &mut clients {
        client.get("/hello");
        client.until_body(&mut simulation, "hello");
    }
    simulation.run_until(|simulation| simulation.ledgers(1).0.open == 8);
    assert_eq!(simulation.ledgers(0).0.aborted, 0);
}

#[test]
fn handshakes_that_wait_for_their_turn_survive_that_their_core_leaves() {
    for turns in 0..12 {
        let mut config = config();
        config.tls.handshakes_per_turn = 1;
        let mut simulation = Simulation::with_cores(&config, router(), 2, 3, Faults::none());
        let mut clients: Vec<TlsClient> = (0..8)
            .map(|_| TlsClient::new(simulation.connect_to(0), 0))
            .collect();
        (0..turns).for_each(|_| simulation.turn());
        simulation.leave(0, 1);
        for client in &mut clients {
            client.get("/hello");
            client.until_body(&mut simulation, "hello");
        }
        simulation.run_until(|simulation| simulation.ledgers(1).0.open == 8);
        assert_eq!(simulation.ledgers(0).0.aborted, 0, "after {turns} turns");
    }
}

#[test]
fn handshakes_beyond_the_bound_wait_and_all_are_served() {
    let mut config = config();
    config.tls.max_handshakes = std::num::NonZeroU32::new(2);
    let mut simulation = one_core(&config);
    let silent: Vec<Client> = (0..2).map(|_| simulation.connect()).collect();
    (0..20).for_each(|_| simulation.turn());
    let mut clients: Vec<TlsClient> = (0..5)
        .map(|_| TlsClient::new(simulation.connect(), 0))
        .collect();
    (0..200).for_each(|_| simulation.turn());
    assert!(
        clients
            .iter()
            .all(|client| client.socket.received_len() == 0)
    );
    silent.iter().for_each(Client::close);
    for client in &mut clients {
        client.get("/hello");
        client.until_body(&mut simulation, "hello");
    }
}

#[test]
fn a_lower_bound_of_handshakes_holds_for_those_that_wait_as_soon_as_it_is_in_force() {
    let mut config = config();
    config.tls.max_handshakes = NonZeroU32::new(3);
    let mut simulation = one_core(&config);
    let silent: Vec<Client> = (0..3).map(|_| simulation.connect()).collect();
    (0..20).for_each(|_| simulation.turn());
    let mut clients: Vec<TlsClient> = (0..3)
        .map(|_| TlsClient::new(simulation.connect(), 0))
        .collect();
    (0..20).for_each(|_| simulation.turn());
    config.tls.max_handshakes = NonZeroU32::new(1);
    simulation.reload(&config);
    (0..20).for_each(|_| simulation.turn());
    silent[..2].iter().for_each(Client::close);
    (0..200).for_each(|_| simulation.turn());
    assert!(
        clients
            .iter()
            .all(|client| client.socket.received_len() == 0)
    );
    silent[2].close();
    for client in &mut clients {
        client.get("/hello");
        client.until_body(&mut simulation, "hello");
    }
}

#[test]
fn handshakes_of_connections_that_waited_at_the_gate_are_bounded_too() {
    let mut config = config();
    let plain: ListenAddr = "127.0.0.1:8080".parse().expect("an address");
    config.listen.push(plain.into());
    config.queue.admit = Admit::Connection;
    config.admission =
        AdmissionLimits::new(NonZeroU32::new(2), MaxAccepts::Unbounded).expect("limits that fit");
    config.tls.max_handshakes = NonZeroU32::new(1);
    let mut simulation = one_core(&config);
    let holders = [0, 1].map(|_| simulation.connect_by(1, 0));
    simulation.run_until(|simulation| simulation.gate().0 == 2);
    let silent = simulation.connect();
    simulation.run_until(|simulation| simulation.gate().1 == 1);
    let mut client = TlsClient::new(simulation.connect(), 0);
    simulation.run_until(|simulation| simulation.gate().1 == 2);
    holders.iter().for_each(Client::close);
    simulation.run_until(|simulation| simulation.gate() == (2, 0));
    (0..200).for_each(|_| simulation.turn());
    assert_eq!(client.socket.received_len(), 0);
    silent.close();
    client.get("/hello");
    client.until_body(&mut simulation, "hello");
}

#[test]
fn a_handshake_that_waits_for_its_turn_takes_no_more_bytes_than_one_that_goes_on() {
    const CROWD: usize = 300;
    const PIECE: usize = 16 << 10;
    let mut config = config();
    config.tls.handshakes_per_turn = 1;
    let mut simulation = one_core(&config);
    let front: &[u8] = b"\x16\x03\x01\x40\x00\x01";
    let crowd: Vec<Client> = (0..CROWD).map(|_| simulation.connect()).collect();
    let [short, long] = [5, 6].map(|pieces| {
        let client = simulation.connect();
        client.send(front);
        (client, pieces * PIECE)
    });
    crowd.iter().for_each(|client| client.send(front));
    for (client, all) in [&short, &long] {
        client.send(&vec![0; *all]);
    }
    let turns = (0..CROWD).take_while(|_| {
        simulation.turn();
        !long.0.is_closed()
    });
    assert!(turns.count() < CROWD / 2, "it is not their turn yet");
    assert!(!short.0.is_closed());
}

/// A client that was told to speak HTTP/2, with its preface on the way; and the reader of what it hears.
fn http2_client(socket: Client, piece: usize) -> (TlsClient, Wire) {
    let mut client = TlsClient::offering(socket, piece, &["h2", "http/1.1"]);
    client.say(&[PREFACE, &settings(&[])[..], &forged(4, 1, 0, &[])].concat());
    (client, Wire::silent(Limits::default()))
}

/// Asks on a stream, and gives status and body of the answer.
fn answer_of(
    simulation: &mut Simulation,
    (client, wire): &mut (TlsClient, Wire),
    stream: u32,
    path: &'static str,
) -> (String, String) {
    let mut fields = forge::GET;
    fields[2].1 = path;
    client.say(&headers(stream, true, &fields));
    let (mut status, mut body) = (String::new(), Vec::new());
    loop {
        client.until(simulation, |client| !client.heard.is_empty());
        wire.out.append(&mut client.heard);
        for sent in wire.says() {
            let end = match sent {
                Sent::Headers { fields, end, .. } => {
                    status.clone_from(&fields[0].1);
                    end
                }
                Sent::Data(_, bytes, end) => {
                    body.extend(bytes);
                    end
                }
                _ => continue,
            };
            if end {
                return (status, String::from_utf8(body).expect("text"));
            }
        }
    }
}

#[test]
fn http2_is_preferred_and_a_handler_can_see_it_and_http1_clients_go_on() {
    let mut simulation = one_core(&config());
    let mut both = http2_client(simulation.connect(), 0);
    let shown = "TLSv1.3 Some(\"localhost\")";
    let answer = answer_of(&mut simulation, &mut both, 1, "/tls");
    assert_eq!(answer, ("200".to_owned(), shown.to_owned()));
    assert_eq!(both.0.tls.alpn_protocol(), Some(&b"h2"[..]));
    let answer = answer_of(&mut simulation, &mut both, 3, "/later");
    assert_eq!(answer, ("200".to_owned(), "later".to_owned()));
    for protocols in [&["http/1.1"][..], &[]] {
        let mut old = TlsClient::offering(simulation.connect(), 0, protocols);
        old.get("/hello");
        old.until_body(&mut simulation, "hello");
        assert_ne!(old.tls.alpn_protocol(), Some(&b"h2"[..]));
    }
    assert_eq!(simulation.ledgers(0).0.open, 3, "all are kept alive");
}

#[test]
fn a_client_of_http2_that_the_gate_turns_away_with_its_connection_hears_a_503_and_the_end() {
    let mut config = config();
    config.queue.admit = Admit::Connection;
    config.admission =
        AdmissionLimits::new(NonZeroU32::new(1), MaxAccepts::None).expect("limits that fit");
    let mut simulation = one_core(&config);
    let mut first = http2_client(simulation.connect(), 0);
    answer_of(&mut simulation, &mut first, 1, "/hello");
    let mut second = TlsClient::offering(simulation.connect(), 0, &["h2", "http/1.1"]);
    second.until(&mut simulation, |client| client.told_end);
    assert_eq!(second.tls.alpn_protocol(), Some(&b"h2"[..]));
    assert!(second.heard.starts_with(b"HTTP/1.1 503 "));
    answer_of(&mut simulation, &mut first, 3, "/hello");
}

#[test]
fn every_cut_of_a_preface_and_its_records_comes_to_the_same() {
    for piece in [1, 3, 7, 100] {
        let mut simulation = one_core(&config());
        let mut client = http2_client(simulation.connect(), piece);
        let answer = answer_of(&mut simulation, &mut client, 1, "/hello");
        assert_eq!(answer, ("200".to_owned(), "hello".to_owned()));
    }
}

#[test]
fn a_client_that_agreed_on_http2_and_speaks_http1_is_told_so_and_closed() {
    let mut simulation = one_core(&config());
    let mut client = TlsClient::offering(simulation.connect(), 0, &["h2"]);
    client.get("/hello");
    client.until(&mut simulation, |client| client.told_end);
    let mut wire = Wire::silent(Limits::default());
    wire.out.append(&mut client.heard);
    let said = wire.says();
    assert!(
        matches!(
            said.last(),
            Some(Sent::GoAway(0, ErrorCode::PROTOCOL_ERROR, _))
        ),
        "{said:?}"
    );
    client.socket.close();
    simulation.run_until(|simulation| simulation.ledgers(0).0.open == 0);
}

#[test]
fn a_client_whose_preface_a_drain_overtakes_hears_settings_and_then_goodbye() {
    let mut simulation = one_core(&config());
    let mut client = TlsClient::offering(simulation.connect(), 0, &["h2"]);
    client.until(&mut simulation, |client| !client.tls.is_handshaking());
    (0..5).for_each(|_| simulation.turn());
    simulation.drain(0);
    client.until(&mut simulation, |client| client.told_end);
    let mut wire = Wire::silent(Limits::default());
    wire.out.append(&mut client.heard);
    let said = wire.says();
    assert_eq!(said.first(), Some(&Sent::Settings));
    assert_eq!(
        said.last(),
        Some(&Sent::GoAway(0, ErrorCode::NO_ERROR, String::new()))
    );
    client.socket.close();
    simulation.run_until(|simulation| simulation.ledgers(0).0.open == 0);
}

/// What a client hears that takes nothing, has too many of its PINGs unanswered, and takes everything then: the bytes of
/// the answers under way, the answers to its PINGs, and the code that it was told. `windows`: for each of its requests for
/// `/large`, how much it has room for.
fn heard_by_a_deaf_offender(windows: u32, requests: u32) -> (usize, usize, ErrorCode) {
    let mut simulation = one_core(&config());
    let mut client = TlsClient::offering(simulation.connect(), 0, &["h2"]);
    let room = [settings(&[(4, windows)]), forge::window_update(0, 1 << 20)].concat();
    client.say(&[&PREFACE[..], &room, &forged(4, 1, 0, &[])].concat());
    let mut wire = Wire::silent(Limits::default());
    client.until(&mut simulation, |client| !client.heard.is_empty());
    client.socket.window(1);
    let mut fields = forge::GET;
    fields[2].1 = "/large";
    let asks = (0..requests).flat_map(|nth| headers(1 + 2 * nth, true, &fields));
    client.say(&asks.collect::<Vec<_>>());
    simulation.run_until(|simulation| simulation.ledgers(0).1.begun == u64::from(requests));
    client.say(&forged(6, 0, 0, &[0; 8]).repeat(1100));
    let end = simulation.world().now() + SECOND;
    simulation.run_until(|simulation| simulation.world().now() >= end);
    client.socket.window(u64::MAX);
    client.until(&mut simulation, |client| client.told_end);
    wire.out.append(&mut client.heard);
    let (mut bytes, mut pongs) = (0, 0);
    for sent in wire.says() {
        match sent {
            Sent::Data(_, data, _) => bytes += data.len(),
            Sent::Ping(_, true) => pongs += 1,
            Sent::GoAway(_, code, _) => return (bytes, pongs, code),
            _ => {}
        }
    }
    panic!("no GOAWAY");
}

#[test]
fn over_tls_a_client_that_broke_a_budget_hears_so_before_what_is_not_sealed_yet_where_a_frame_ends()
{
    let (bytes, pongs, code) = heard_by_a_deaf_offender(30_000, 1);
    assert_eq!(
        (bytes, pongs, code),
        (30_000, 0, ErrorCode::ENHANCE_YOUR_CALM)
    );
    // More than is sealed ahead: what is left of the last frame has to come first, and so does what is behind it.
    let (bytes, pongs, code) = heard_by_a_deaf_offender(15_000, 5);
    assert_eq!((bytes, code), (75_000, ErrorCode::ENHANCE_YOUR_CALM));
    assert!(pongs > 0);
}

#[test]
fn a_client_that_agreed_on_http2_and_says_nothing_is_closed_at_the_head_timeout() {
    let mut config = config();
    config.timeouts.head = 3 * SECOND;
    let mut simulation = one_core(&config);
    let mut client = TlsClient::offering(simulation.connect(), 0, &["h2"]);
    client.until(&mut simulation, |client| !client.tls.is_handshaking());
    let began = simulation.world().now();
    client.until(&mut simulation, |client| client.told_end);
    let took = simulation.world().now() - began;
    assert!(took >= 2 * SECOND && took <= 5 * SECOND, "{took:?}");
}

#[test]
fn without_http2_no_client_is_told_to_speak_it() {
    let mut config = config();
    config.http2.serve = Switch::Off;
    let mut simulation = one_core(&config);
    let mut both = TlsClient::offering(simulation.connect(), 0, &["h2", "http/1.1"]);
    both.get("/hello");
    both.until_body(&mut simulation, "hello");
    assert_eq!(both.tls.alpn_protocol(), Some(&b"http/1.1"[..]));
    let mut only = TlsClient::offering(simulation.connect(), 0, &["h2"]);
    only.until(&mut simulation, |client| client.failed.is_some());
    let refused = rustls::AlertDescription::NoApplicationProtocol;
    assert_eq!(only.failed, Some(rustls::Error::AlertReceived(refused)));
}

#[test]
fn http2_over_tls_moves_between_cores_between_any_two_requests() {
    for seed in 0..10 {
        let faults = Faults::none();
        let mut simulation = Simulation::with_cores(&config(), router(), 2, seed, faults);
        let mut clients: Vec<_> = (0..4)
            .map(|_| http2_client(simulation.connect_to(0), 0))
            .collect();
        for round in 0..6 {
            for client in &mut clients {
                let answer = answer_of(&mut simulation, client, 1 + 4 * round, "/hello");
                assert_eq!(answer.1, "hello");
            }
            let (from, to) = if round % 2 == 0 { (0, 1) } else { (1, 0) };
            simulation.spread(from, to, 4);
            for client in &mut clients {
                let answer = answer_of(&mut simulation, client, 3 + 4 * round, "/tls");
                assert_eq!(answer.1, "TLSv1.3 Some(\"localhost\")");
            }
        }
        let moved = simulation.ledgers(0).0.handed_out;
        assert!(moved > 0, "seed {seed}");
    }
}
