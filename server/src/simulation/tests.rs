//! Counts of connections, and sessions of theirs, that no test outside of the crate can see or make.

use super::*;
use crate::config::{CertificateSource, Endpoint, Scheme};
use crate::handler::websocket::{Message, Received, Socket};
use crate::tls::handshake::failure::FailReason;
use crate::tls::record::{Aead, KeyCache, Opened, Reason, Records, Session, Traffic, Version};
use crate::{Request, Response};
use ringgate_runtime::driver::simulated::Action;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

const GET: &[u8] = b"GET /hello HTTP/1.1\r\nHost: t\r\n\r\n";

#[test]
fn a_connection_that_cannot_move_is_announced_an_end_when_its_core_leaves() {
    let mut config = Config::default();
    config.drain.keepalive_grace = Duration::from_secs(5);
    let router = Router::new().get("/hello", |_: Request| async { "hello" });
    let mut simulation = Simulation::with_cores(&config, router, 2, 1, Faults::none());
    let clients: Vec<Client> = (0..2).map(|_| simulation.connect_to(0)).collect();
    for client in &clients {
        client.send(GET);
    }
    simulation.run_until(|_| clients.iter().all(|c| c.received().ends_with(b"hello")));
    simulation.cores[0].engine.tie_connections();
    simulation.leave(0, 1);
    (0..10).for_each(|_| simulation.turn());
    clients[0].take_received();
    clients[0].send(GET);
    simulation.run_until(|_| clients[0].is_closed());
    let answer = String::from_utf8(clients[0].received()).expect("text");
    assert!(answer.contains("Connection: close") && answer.ends_with("hello"));
    // The other one has said nothing for as long as it may.
    let began = simulation.world().now();
    simulation.run_until(|_| clients[1].is_closed());
    assert!(simulation.world().now() - began <= config.drain.keepalive_grace);
    let (connections, requests) = simulation.ledgers(0);
    assert_eq!((connections.finished, connections.handed_out), (2, 0));
    assert_eq!(requests.answered, 3);
}

#[test]
fn a_core_that_finds_room_while_others_take_it_still_accepts_when_there_is_some_again() {
    let mut simulation = Simulation::new(&Config::default(), Router::new(), 1);
    let headroom = simulation.headroom.clone();
    // Of two places one is taken and given back by another core all the time.
    headroom.set(Some(2));
    let over = Arc::new(AtomicBool::new(false));
    let times = Arc::new(AtomicU64::new(0));
    let other = std::thread::spawn({
        let (over, times) = (over.clone(), times.clone());
        move || {
            while !over.load(Ordering::Relaxed) {
                headroom.enter();
                headroom.leave(1);
                times.fetch_add(1, Ordering::Relaxed);
            }
        }
    });
    // So often that it falls between any two looks of the core at the room.
    let mut connects = (1..).take_while(|_| times.load(Ordering::Relaxed) < 50_000_000);
    let deaf = connects.find(|nth| {
        let client = simulation.connect();
        let looks = (0..1000).find(|_| {
            simulation.pass(Duration::from_millis(50));
            simulation.ledgers(0).0.accepted == *nth
        });
        client.reset();
        looks.is_none()
    });
    over.store(true, Ordering::Relaxed);
    other.join().expect("no panic");
    assert_eq!(deaf, None, "this one is never accepted");
}

/// The first frames of a client of HTTP/2, and a GET of `/hello` on stream 1 with more behind its pseudo-fields.
fn on_a_stream(end: bool, more: &[u8]) -> Vec<u8> {
    let head = [&b"\x82\x86\x04\x06/hello\x01\x01t"[..], more].concat();
    let mut bytes = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
    bytes.extend(b"\0\0\0\x04\0\0\0\0\0\0\0");
    bytes.extend([head.len() as u8, 1, 4 | u8::from(end), 0, 0, 0, 1]);
    bytes.extend(head);
    bytes
}

#[test]
fn malformed_requests_of_http_2_are_counted_as_those_of_http_1_are() {
    let router = || Router::new().get("/hello", |_: Request| async { "hello" });
    let length = b"\0\x0econtent-length\x015";
    let short = [
        &on_a_stream(false, length)[..],
        b"\0\0\x01\0\x01\0\0\0\x01x",
    ]
    .concat();
    for bytes in [
        on_a_stream(true, b"\0\x0aconnection\x05close"),
        short,
        b"GET  HTTP/1.1\r\n\r\n".to_vec(),
    ] {
        let mut simulation = Simulation::new(&Config::default(), router(), 1);
        simulation.connect().send(&bytes);
        (0..10).for_each(|_| simulation.turn());
        let stats = &simulation.cores[0].stats;
        assert_eq!(stats.refusals[0].get(), 1, "{bytes:?}");
    }
    let mut simulation = Simulation::new(&Config::default(), router(), 1);
    simulation.connect().send(&on_a_stream(true, b""));
    (0..10).for_each(|_| simulation.turn());
    let stats = &simulation.cores[0].stats;
    assert_eq!((stats.refusals[0].get(), stats.answered.get()), (0, 1));
}

#[test]
fn an_informational_answer_of_a_handler_is_counted_as_the_500_that_its_client_gets() {
    for (bytes, later) in [
        (GET.to_vec(), false),
        (GET.to_vec(), true),
        (on_a_stream(true, b""), false),
        (on_a_stream(true, b""), true),
    ] {
        let router = Router::new().get("/hello", move |_: Request| async move {
            if later {
                ringgate_runtime::sleep(Duration::from_millis(1)).await;
            }
            crate::Response::new(http::StatusCode::EARLY_HINTS)
        });
        let mut simulation = Simulation::new(&Config::default(), router, 1);
        let client = simulation.connect();
        client.send(&bytes);
        simulation.run_until(|simulation| simulation.ledgers(0).1.answered == 1);
        let stats = &simulation.cores[0].stats;
        let routes = stats.routes.get().expect("a table").read();
        let counts: Vec<_> = routes.map(|(_, status, count)| (status, count)).collect();
        assert_eq!(counts, [(Some(500), 1)], "{later}");
        assert_eq!(stats.responses[1].get(), 0);
    }
}

/// The same over TLS.
fn over_tls() -> Config {
    let mut config = Config::default();
    let address: ListenAddr = "127.0.0.1:0".parse().expect("an address");
    config.listen = vec![Endpoint {
        scheme: Scheme::Https,
        address,
    }];
    config.tls.certificates = vec![CertificateSource::SelfSigned];
    config
}

/// A ClientHello of TLS 1.2, for a certificate with Ed25519.
fn client_hello() -> Vec<u8> {
    let extensions = [
        &[0, 10, 0, 4, 0, 2, 0, 29][..],
        &[0, 11, 0, 2, 1, 0],
        &[0, 13, 0, 4, 0, 2, 8, 7],
    ]
    .concat();
    let random = [7; 32];
    let suite_without_compression = [0, 2, 0xc0, 0x2b, 1, 0];
    let length = [0, extensions.len() as u8];
    let body = [
        &[3, 3][..],
        &random,
        &[0],
        &suite_without_compression,
        &length,
        &extensions,
    ]
    .concat();
    let length = body.len() as u8;
    [&[22, 3, 1, 0, length + 4, 1, 0, 0, length], &body[..]].concat()
}

#[test]
fn a_client_that_leaves_in_the_middle_of_its_handshake_is_counted_and_one_that_said_nothing_is_not()
{
    let hello = client_hello();
    for (said, leaves, counted) in [
        (&hello[..], Some(Action::Reset), [1, 0]),
        (&hello, Some(Action::Close), [1, 0]),
        (&hello[..40], Some(Action::ShutdownWrite), [1, 0]),
        (&[], Some(Action::Close), [0, 0]),
        (&[], Some(Action::Reset), [0, 0]),
        (&hello, None, [0, 1]),
        (&[], None, [0, 1]),
    ] {
        let mut simulation = Simulation::new(&over_tls(), Router::new(), 1);
        let client = simulation.connect();
        client.send(said);
        simulation.pass(Duration::from_secs(1));
        let is_answered = client.received_len() > 0;
        assert_eq!(is_answered, said.len() == hello.len());
        if let Some(leaves) = &leaves {
            client.act(leaves.clone());
        }
        simulation.run_until(|simulation| simulation.ledgers(0).0.open == 0);
        let stats = &simulation.cores[0].stats;
        let failed = [FailReason::ClientClosed, FailReason::TimedOut]
            .map(|reason| stats.handshakes_failed[reason as usize].get());
        assert_eq!(failed, counted, "{} bytes, {leaves:?}", said.len());
        let all = stats.handshakes_failed.iter().map(|count| count.get());
        let as_these: u64 = failed.iter().sum();
        assert_eq!(all.sum::<u64>(), as_these, "and as nothing else");
    }
}

/// A client of TLS 1.2 that knows the keys of its connection without a handshake.
struct Keyed {
    client: Client,
    session: Session,
    keys: KeyCache,
    received: Vec<u8>,
    /// The plaintext that it has opened.
    heard: Vec<u8>,
    told_end: bool,
}

impl Keyed {
    /// A client at a server whose key seals so many records more.
    fn connect(simulation: &mut Simulation, left: u64) -> Keyed {
        let client = simulation.connect();
        simulation.run_until(|simulation| simulation.ledgers(0).0.open == 1);
        let aead = Aead::Aes128Gcm;
        let traffic = |seq, key| Traffic {
            seq,
            key,
            iv: &[3; 12],
            secret: &[],
        };
        let to_server = traffic(0, &[1; 16]);
        let to_client = traffic(aead.records_max() - left, &[2; 16]);
        let session = |from, to| Session::new(Version::Tls12, aead, from, to);
        simulation.cores[0]
            .engine
            .establish(|| session(&to_server, &to_client));
        Keyed {
            client,
            session: session(&to_client, &to_server).expect("sound"),
            keys: KeyCache::default(),
            received: Vec::new(),
            heard: Vec::new(),
            told_end: false,
        }
    }

    fn say(&mut self, plain: &[u8]) {
        let mut records = Records::default();
        let sealed = self.session.seal(&mut self.keys, &[plain], &mut records);
        sealed.expect("its own key is new");
        self.client.send(&records);
    }

    /// Turns until this client has heard so much.
    fn until(&mut self, simulation: &mut Simulation, done: impl Fn(&Keyed) -> bool) {
        simulation.run_until(|_| {
            self.hear();
            done(self)
        });
    }

    fn hear(&mut self) {
        self.received.extend(self.client.take_received());
        while !self.received.is_empty() {
            let opened = self.session.open(&mut self.keys, &mut self.received);
            let used = match opened.expect("sound records") {
                Opened::Data { plain, used } => {
                    self.heard.extend_from_slice(&self.received[plain]);
                    used
                }
                Opened::Closed { used } => {
                    self.told_end = true;
                    used
                }
                Opened::Needs(_) => return,
                other => panic!("{other:?}"),
            };
            self.received.drain(..used);
        }
    }
}

/// How many records before the last a key counts as worn.
const MARGIN: u64 = 1 << 16;

fn worn_out(simulation: &Simulation) -> u64 {
    simulation.cores[0].stats.tls_failed[Reason::KeyWornOut as usize].get()
}

#[test]
fn a_client_of_a_key_that_seals_no_more_hears_the_end_and_is_counted() {
    let large = |_: Request| async { vec![b'x'; 300_000] };
    let router = Router::new().get("/large", large);
    let mut simulation = Simulation::new(&over_tls(), router, 1);
    let mut keyed = Keyed::connect(&mut simulation, 2);
    keyed.say(b"GET /large HTTP/1.1\r\nHost: t\r\n\r\n");
    keyed.until(&mut simulation, |keyed| {
        keyed.told_end || keyed.client.is_closed()
    });
    assert!(keyed.told_end);
    assert!(keyed.heard.starts_with(b"HTTP/1.1 200 OK") && keyed.heard.len() < 300_000);
    assert_eq!(worn_out(&simulation), 1);
    keyed.client.close();
    simulation.run_until(|simulation| simulation.ledgers(0).0.open == 0);
    let (connections, requests) = simulation.ledgers(0);
    assert_eq!((connections.aborted, requests.aborted), (1, 1));
}

#[test]
fn a_websocket_whose_key_is_nearly_worn_out_is_told_close_in_time() {
    let router = Router::new().get("/ws", |request: Request| {
        let echo = |socket: &mut Socket<'_>, message: Message<'_>| {
            // A client that has been told Close gets no answer.
            let _ = socket.send(message);
        };
        let answer = crate::WebSocket::new().accept(&request, echo);
        async { answer }
    });
    let mut simulation = Simulation::new(&over_tls(), router, 1);
    let mut keyed = Keyed::connect(&mut simulation, MARGIN + 3);
    keyed.say(
        b"GET /ws HTTP/1.1\r\nHost: t\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
          Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
    );
    keyed.until(&mut simulation, |keyed| keyed.heard.ends_with(b"\r\n\r\n"));
    for _ in 0..2 {
        keyed.heard.clear();
        keyed.say(b"\x81\x82\0\0\0\0hi");
        keyed.until(&mut simulation, |keyed| {
            keyed.heard.starts_with(b"\x81\x02hi")
        });
    }
    // The third record was that of the second message.
    keyed.until(&mut simulation, |keyed| keyed.heard.len() >= 8);
    assert_eq!(&keyed.heard[4..5], b"\x88");
    assert_eq!(
        keyed.heard[6..8],
        1012_u16.to_be_bytes(),
        "the service restarts"
    );
    // The same code back.
    keyed.say(b"\x88\x82\0\0\0\0\x03\xf4");
    keyed.until(&mut simulation, |keyed| keyed.told_end);
    keyed.client.close();
    simulation.run_until(|simulation| simulation.ledgers(0).0.open == 0);
    assert_eq!(simulation.ledgers(0).0.finished, 1);
    assert_eq!(worn_out(&simulation), 0);
}

/// A client whose key counts as worn after so many records, which it asks to change the protocol.
fn upgraded(simulation: &mut Simulation, path: &str, records: u64) -> Keyed {
    let mut keyed = Keyed::connect(simulation, MARGIN + records);
    keyed.say(
        format!(
            "GET {path} HTTP/1.1\r\nHost: t\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        )
        .as_bytes(),
    );
    keyed.until(simulation, |keyed| {
        let mut parts = keyed.heard.windows(4);
        parts.any(|part| part == b"\r\n\r\n")
    });
    keyed
}

#[test]
fn a_websocket_of_a_task_whose_key_is_nearly_worn_out_is_told_close_in_time() {
    let sockets = crate::WebSocket::new();
    let router = Router::new().get("/ws", move |request: Request| {
        let answer = sockets.stream(&request, |mut socket| async move {
            while let Some(Received::Text(text)) = socket.next().await {
                if socket.send(Message::Text(&text)).await.is_err() {
                    break;
                }
            }
        });
        async { answer }
    });
    let mut simulation = Simulation::new(&over_tls(), router, 1);
    let mut keyed = upgraded(&mut simulation, "/ws", 3);
    for _ in 0..3 {
        keyed.heard.clear();
        keyed.say(b"\x81\x82\0\0\0\0hi");
        keyed.until(&mut simulation, |keyed| !keyed.heard.is_empty());
        if keyed.heard.contains(&0x88) {
            break;
        }
        assert!(keyed.heard.starts_with(b"\x81\x02hi"));
    }
    keyed.until(&mut simulation, |keyed| keyed.heard.contains(&0x88));
    let close = keyed.heard.iter().position(|byte| *byte == 0x88);
    let code = &keyed.heard[close.expect("Close") + 2..][..2];
    assert_eq!(code, 1001_u16.to_be_bytes(), "it goes away");
    keyed.say(b"\x88\x82\0\0\0\0\x03\xe9");
    keyed.until(&mut simulation, |keyed| keyed.told_end);
    keyed.client.close();
    simulation.run_until(|simulation| simulation.ledgers(0).0.open == 0);
    assert_eq!(worn_out(&simulation), 0);
}

#[test]
fn a_tunnel_whose_key_is_nearly_worn_out_hears_of_it_and_one_that_speaks_on_is_told_the_end() {
    let router = Router::new()
        .get("/heeds", |request: Request| {
            let answer = Response::upgrade(&request, "websocket", |mut bytes| async move {
                bytes.draining().await;
                // The client may be gone.
                let _ = bytes.write(&b"goodbye"[..]).await;
            });
            async { answer }
        })
        .get("/speaks", |request: Request| {
            let answer = Response::upgrade(&request, "websocket", |mut bytes| async move {
                while bytes.write(vec![b'x'; 30_000]).await.is_ok() {}
            });
            async { answer }
        });
    let mut simulation = Simulation::new(&over_tls(), router, 1);
    let mut heeds = upgraded(&mut simulation, "/heeds", 0);
    heeds.until(&mut simulation, |keyed| keyed.told_end);
    assert!(heeds.heard.ends_with(b"goodbye"));
    assert_eq!(worn_out(&simulation), 0);
    heeds.client.close();
    simulation.run_until(|simulation| simulation.ledgers(0).0.open == 0);
    let mut speaks = Keyed::connect(&mut simulation, 100);
    speaks.say(
        b"GET /speaks HTTP/1.1\r\nHost: t\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
    );
    speaks.until(&mut simulation, |keyed| {
        keyed.told_end || keyed.client.is_closed()
    });
    assert!(speaks.told_end);
    assert_eq!(worn_out(&simulation), 1);
    speaks.client.close();
    simulation.run_until(|simulation| simulation.ledgers(0).0.open == 0);
}
