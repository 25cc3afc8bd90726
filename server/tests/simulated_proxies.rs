//! Proxies in front of the server, over the simulated ring and in virtual time: headers of the PROXY protocol in
//! pieces, late, wrong or from the wrong side, and the client's address wherever its connection goes. The peers of
//! a simulated world are those of a Unix socket.

use ringgate::config::{
    AdmissionLimits, Admit, Config, Forwarded, MaxAccepts, ProxyProtocol, TrustedProxy,
};
use ringgate::http2::frame::PREFACE;
use ringgate::runtime::driver::simulated::{Action, Client, Faults};
use ringgate::runtime::sleep;
use ringgate::simulation::Simulation;
use ringgate::{Request, Router};
use std::num::NonZeroU32;
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);
const LINE: &[u8] = b"PROXY TCP4 203.0.113.7 198.51.100.1 4711 443\r\n";
const GET: &[u8] = b"GET / HTTP/1.1\r\nHost: t\r\n\r\n";
const ANSWER: &str = "Some(203.0.113.7:4711) Some(198.51.100.1:443) None";

/// The same as `LINE`, in version 2, with a value behind the addresses.
fn binary() -> Vec<u8> {
    let addresses = [203, 0, 113, 7, 198, 51, 100, 1, 0x12, 0x67, 0x01, 0xbb];
    let value = b"\x02\x00\x09a.example";
    [
        &b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x18"[..],
        &addresses,
        value,
    ]
    .concat()
}

fn router() -> Router<()> {
    Router::new()
        .get("/", async |request: Request| {
            format!(
                "{:?} {:?} {:?}",
                request.peer(),
                request.local(),
                request.socket_peer()
            )
        })
        .get("/name", async |request: Request| {
            let header = request.proxy_header().expect("there is one");
            format!("{:?}", header.server_name())
        })
        .get("/later", async |request: Request| {
            let before = request.peer();
            sleep(SECOND).await;
            assert_eq!(request.peer(), before);
            format!("{before:?}")
        })
}

fn config() -> Config {
    let mut config = Config::default();
    config.proxies.trusted = vec![TrustedProxy::Unix];
    config.proxies.protocol = ProxyProtocol::On;
    config.proxies.header_timeout = 3 * SECOND;
    config
}

fn simulate(config: &Config) -> Simulation {
    Simulation::with_cores(config, router(), 2, 7, Faults::none())
}

fn text(client: &Client) -> String {
    String::from_utf8(client.received()).expect("ASCII")
}

/// Turns until there is an answer, and what its body is.
#[track_caller]
fn answer(simulation: &mut Simulation, client: &Client) -> String {
    simulation.run_until(|_| client.received_len() > 0 || client.is_closed());
    let text = text(client);
    assert!(text.starts_with("HTTP/1.1 200 "), "{text}");
    client.take_received();
    let (_, body) = text.split_once("\r\n\r\n").expect("a whole head");
    body.to_owned()
}

fn pass(simulation: &mut Simulation, time: Duration) {
    let end = simulation.world().now() + time;
    simulation.run_until(|simulation| simulation.world().now() >= end);
}

#[test]
fn the_header_and_the_request_may_come_in_one_piece_or_byte_by_byte() {
    for header in [LINE.to_vec(), binary()] {
        let whole = [&header[..], GET].concat();
        for piece in [
            1,
            3,
            header.len() - 1,
            header.len(),
            header.len() + 1,
            whole.len(),
        ] {
            let mut simulation = simulate(&config());
            let client = simulation.connect_to(0);
            for (at, bytes) in (0..).zip(whole.chunks(piece)) {
                client.after(Duration::from_millis(3 * at), Action::Send(bytes.to_vec()));
            }
            assert_eq!(
                answer(&mut simulation, &client),
                ANSWER,
                "pieces of {piece}"
            );
            client.send(&[GET, GET].concat());
            simulation.run_until(|_| text(&client).matches(ANSWER).count() == 2);
        }
    }
}

#[test]
fn a_header_is_no_more_than_its_connection_needs_to_begin() {
    let mut simulation = simulate(&config());
    let client = simulation.connect_to(0);
    client.send(&binary());
    client.send(b"GET /name HTTP/1.1\r\nHost: t\r\n\r\n");
    assert_eq!(answer(&mut simulation, &client), "Some(\"a.example\")");
    // A second header is a request that nobody understands.
    client.send(LINE);
    simulation.run_until(|_| client.received_len() > 0);
    assert!(text(&client).starts_with("HTTP/1.1 400 "));
}

#[test]
fn a_proxy_that_speaks_for_itself_is_the_client() {
    for header in [
        &b"\r\n\r\n\0\r\nQUIT\n\x20\x00\0\0"[..],
        b"PROXY UNKNOWN\r\n",
        b"\r\n\r\n\0\r\nQUIT\n\x21\x00\0\0",
    ] {
        let mut simulation = simulate(&config());
        let client = simulation.connect_to(0);
        client.send(&[header, GET].concat());
        assert_eq!(answer(&mut simulation, &client), "None None None");
    }
}

#[test]
fn a_connection_without_its_whole_header_is_closed_at_the_header_timeout_and_no_other() {
    for sent in [&b""[..], &LINE[..20], &binary()[..15]] {
        let mut simulation = simulate(&config());
        let client = simulation.connect_to(0);
        client.send(sent);
        // Bytes do not put the end off.
        for second in 1..3 {
            let byte = LINE.get(19 + second..20 + second).expect("it is longer");
            if sent.first() == Some(&b'P') {
                client.after(SECOND * second as u32, Action::Send(byte.to_vec()));
            }
        }
        let began = simulation.world().now();
        simulation.run_until(|_| client.is_closed());
        let took = simulation.world().now() - began;
        assert!(
            took >= 3 * SECOND && took < 3 * SECOND + SECOND / 10,
            "{took:?}"
        );
        assert_eq!(client.received_len(), 0);
        let connections = simulation.ledgers(0).0;
        assert_eq!((connections.aborted, connections.open), (1, 0));
    }
}

#[test]
fn the_time_of_the_first_request_begins_behind_the_header() {
    let mut config = config();
    config.timeouts.idle = 4 * SECOND;
    let mut simulation = simulate(&config);
    let client = simulation.connect_to(0);
    pass(&mut simulation, 2 * SECOND);
    client.send(LINE);
    pass(&mut simulation, 3 * SECOND);
    client.send(GET);
    assert_eq!(answer(&mut simulation, &client), ANSWER);
}

#[test]
fn what_is_no_header_closes_the_connection_without_an_answer() {
    for sent in [
        GET,
        PREFACE,
        b"PROXY TCP5 ",
        b"PROXY TCP4 1.2.3.4 1.2.3.4 1\r\n",
    ] {
        let mut simulation = simulate(&config());
        let client = simulation.connect_to(0);
        client.send(sent);
        if sent == b"PROXY TCP5 " {
            client.send(b"\r\n");
        }
        let began = simulation.world().now();
        simulation.run_until(|_| client.is_closed());
        assert!(simulation.world().now() - began < SECOND);
        assert_eq!(client.received_len(), 0);
        assert_eq!(simulation.ledgers(0).1.begun, 0);
    }
}

#[test]
fn a_header_of_a_peer_that_is_not_trusted_is_not_believed() {
    let mut config = config();
    config.proxies.trusted = vec!["10.0.0.0/8".parse().expect("a prefix")];
    let mut simulation = simulate(&config);
    let client = simulation.connect_to(0);
    client.send(&[LINE, GET].concat());
    simulation.run_until(|_| client.is_closed());
    assert_eq!(client.received_len(), 0);
    assert_eq!(simulation.ledgers(0).1.begun, 0);
}

#[test]
fn a_client_that_leaves_before_its_header_is_whole_leaves_nothing_behind() {
    for sent in [&b""[..], &LINE[..20]] {
        for resets in [false, true] {
            let mut simulation = simulate(&config());
            let client = simulation.connect_to(0);
            client.send(sent);
            pass(&mut simulation, SECOND / 10);
            match resets {
                true => client.reset(),
                false => client.close(),
            }
            simulation.run_until(|simulation| simulation.world().open_descriptors() == 0);
        }
    }
}

#[test]
fn a_connection_keeps_its_client_wherever_it_moves() {
    let mut simulation = simulate(&config());
    let client = simulation.connect_to(0);
    client.send(&[LINE, GET].concat());
    assert_eq!(answer(&mut simulation, &client), ANSWER);
    let stranger = simulation.connect_to(1);
    stranger.send(b"PROXY UNKNOWN\r\n");
    stranger.send(GET);
    assert_eq!(answer(&mut simulation, &stranger), "None None None");
    for (from, to) in [(0, 1), (1, 0), (0, 1)] {
        simulation.spread(from, to, 9);
        simulation.run_until(|simulation| simulation.ledgers(to as usize).0.open == 2);
        for (client, expected) in [(&client, ANSWER), (&stranger, "None None None")] {
            client.send(GET);
            assert_eq!(answer(&mut simulation, client), expected);
        }
    }
    // A seat is used again: who sits there next is not taken for the one before.
    client.close();
    simulation.run_until(|simulation| simulation.ledgers(1).0.open == 1);
    let next = simulation.connect_to(1);
    next.send(b"PROXY UNKNOWN\r\n");
    next.send(GET);
    assert_eq!(answer(&mut simulation, &next), "None None None");
}

#[test]
fn a_connection_moves_with_the_front_of_its_header_and_its_time_goes_on() {
    for front in [0, 1, 20, LINE.len() - 1] {
        let mut simulation = simulate(&config());
        let clients = [simulation.connect_to(0), simulation.connect_to(0)];
        for client in &clients {
            client.send(&LINE[..front]);
        }
        let began = simulation.world().now();
        pass(&mut simulation, SECOND);
        simulation.leave(0, 1);
        simulation.run_until(|simulation| simulation.ledgers(1).0.open == 2);
        clients[0].send(&LINE[front..]);
        clients[0].send(GET);
        assert_eq!(answer(&mut simulation, &clients[0]), ANSWER);
        simulation.run_until(|_| clients[1].is_closed());
        let took = simulation.world().now() - began;
        assert!(
            took >= 3 * SECOND && took < 3 * SECOND + SECOND / 10,
            "{took:?}"
        );
    }
}

#[test]
fn a_refusal_of_the_gate_waits_for_the_header() {
    let mut config = config();
    config.queue.admit = Admit::Connection;
    let one = NonZeroU32::new(1);
    config.admission = AdmissionLimits::new(one, MaxAccepts::None).expect("a pair");
    let mut simulation = simulate(&config);
    let first = simulation.connect_to(0);
    first.send(&[LINE, GET].concat());
    assert_eq!(answer(&mut simulation, &first), ANSWER);
    let second = simulation.connect_to(0);
    pass(&mut simulation, SECOND);
    assert_eq!(second.received_len(), 0);
    second.send(&[LINE, GET].concat());
    simulation.run_until(|_| second.received_len() > 0);
    assert!(text(&second).starts_with("HTTP/1.1 503 "));
    let third = simulation.connect_to(0);
    let began = simulation.world().now();
    simulation.run_until(|_| third.is_closed());
    assert!(simulation.world().now() - began < 4 * SECOND);
}

#[test]
fn a_drain_closes_who_has_not_begun_and_serves_who_has() {
    let mut config = config();
    config.drain.keepalive_grace = SECOND;
    let mut simulation = simulate(&config);
    let (silent, begun) = (simulation.connect_to(0), simulation.connect_to(0));
    begun.send(&LINE[..30]);
    pass(&mut simulation, SECOND / 10);
    simulation.drain(0);
    begun.send(&LINE[30..]);
    begun.send(GET);
    assert_eq!(answer(&mut simulation, &begun), ANSWER);
    simulation.run_until(|_| silent.is_closed() && begun.is_closed());
}

#[test]
fn a_listener_without_the_option_takes_a_header_for_a_request() {
    let mut config = config();
    config.proxies.protocol = ProxyProtocol::Off;
    let mut simulation = simulate(&config);
    let client = simulation.connect_to(0);
    client.send(&[LINE, GET].concat());
    simulation.run_until(|_| client.received_len() > 0);
    assert!(text(&client).starts_with("HTTP/1.1 400 "));
}

#[test]
fn each_request_of_a_trusted_proxy_has_a_client_of_its_own() {
    let mut config = config();
    config.proxies.protocol = ProxyProtocol::Off;
    let mut simulation = simulate(&config);
    let client = simulation.connect_to(0);
    for address in ["203.0.113.7", "[2001:db8::7]:80", "203.0.113.8:9"] {
        let head = format!("GET / HTTP/1.1\r\nHost: t\r\nX-Forwarded-For: {address}\r\n\r\n");
        client.send(head.as_bytes());
        let shown = match address.contains("3.7") {
            true => format!("{address}:0"),
            false => address.to_owned(),
        };
        let expected = format!("Some({shown}) None None");
        assert_eq!(answer(&mut simulation, &client), expected);
    }
    client.send(GET);
    assert_eq!(answer(&mut simulation, &client), "None None None");
    client.send(b"GET /later HTTP/1.1\r\nHost: t\r\nX-Forwarded-For: 203.0.113.7\r\n\r\n");
    assert_eq!(answer(&mut simulation, &client), "Some(203.0.113.7:0)");
    // What is believed can change under a connection.
    config.proxies.forwarded = Forwarded::Forwarded;
    simulation.reload(&config);
    pass(&mut simulation, SECOND / 10);
    client.send(b"GET / HTTP/1.1\r\nHost: t\r\nX-Forwarded-For: 203.0.113.7\r\nForwarded: for=203.0.113.9\r\n\r\n");
    assert_eq!(
        answer(&mut simulation, &client),
        "Some(203.0.113.9:0) None None"
    );
}

#[test]
fn the_fields_of_a_client_that_a_header_names_are_believed_if_it_is_trusted() {
    let mut config = config();
    config
        .proxies
        .trusted
        .push("203.0.113.7".parse().expect("an address"));
    let mut simulation = simulate(&config);
    let forwarded = b"GET / HTTP/1.1\r\nHost: t\r\nX-Forwarded-For: 192.0.2.1\r\n\r\n";
    for (header, client) in [
        (LINE, "192.0.2.1:0"),
        (
            b"PROXY TCP4 203.0.113.8 198.51.100.1 4711 443\r\n",
            "203.0.113.8:4711",
        ),
    ] {
        let proxy = simulation.connect_to(0);
        proxy.send(&[header, forwarded].concat());
        let expected = format!("Some({client}) Some(198.51.100.1:443) None");
        assert_eq!(answer(&mut simulation, &proxy), expected);
    }
}
