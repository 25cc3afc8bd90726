//! Protocols that a handler speaks itself, and tunnels, over the simulated ring.

mod frames;

use frames::{close_frame, handshake};
use ringgate::config::Config;
use ringgate::handler::websocket::{Message, OnMessage, Socket};
use ringgate::http::StatusCode;
use ringgate::runtime::driver::simulated::{Action, Client, Ending, Faults};
use ringgate::runtime::sleep;
use ringgate::runtime::timer::GRANULARITY_NANOS;
use ringgate::simulation::Simulation;
use ringgate::{Request, Response, RouteOptions, Router, Server, WebSocket};
use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(2);
/// A timer is never early, and at most two ticks of its wheel late.
const LATE: Duration = Duration::from_nanos(2 * GRANULARITY_NANOS);

const ECHO: &[u8] =
    b"GET /echo HTTP/1.1\r\nHost: t\r\nUpgrade: foo, Echo\r\nConnection: keep-alive, Upgrade\r\n\r\n";
const CONNECT: &[u8] = b"CONNECT db:5432 HTTP/1.1\r\nHost: db:5432\r\n\r\n";

thread_local! {
    /// Handlers that were dropped, whether they had ended or not.
    static DROPPED: Rc<Cell<u32>> = Rc::default();
}

struct Counted(Rc<Cell<u32>>);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.set(self.0.get() + 1);
    }
}

fn counted() -> Counted {
    Counted(DROPPED.with(Rc::clone))
}

fn dropped() -> u32 {
    DROPPED.with(|dropped| dropped.get())
}

/// Sends everything back, and `bye` when the client ends its side or the server is about to end.
fn echo(request: &Request) -> Response {
    Response::upgrade(request, "echo", |mut bytes| async move {
        let _counted = counted();
        while let Ok(Some(chunk)) = bytes.read().await {
            if bytes.write(chunk).await.is_err() {
                return;
            }
        }
        let _ = bytes.write("bye").await;
    })
}

/// Hands over so many bytes.
struct Keeping(usize);

impl OnMessage for Keeping {
    fn message(&mut self, _: &mut Socket<'_>, _: Message<'_>) {}

    fn hand_over(&self) -> Option<Vec<u8>> {
        Some(vec![7; self.0])
    }
}

fn simulate(change: impl FnOnce(&mut Config)) -> Simulation {
    simulate_cores(1, change)
}

fn simulate_cores(cores: u32, change: impl FnOnce(&mut Config)) -> Simulation {
    let mut config = Config::default();
    // One receive may fill all 64 buffers before it is heard of and taken back; bounds here are for small ones.
    config.rings.buffer_size = 4 << 10;
    change(&mut config);
    let (keeping, conversing) = (WebSocket::new().named("keeping"), WebSocket::new());
    let router = Router::new()
        .get("/keeping/{size}", move |request: Request| {
            let size = request.param("size").and_then(|size| size.parse().ok());
            let answer = keeping.accept(&request, Keeping(size.expect("a size")));
            async { answer }
        })
        .get("/conversing-later", move |request: Request| {
            let answer = conversing.stream(&request, |mut socket| async move {
                while socket.next().await.is_some() {}
            });
            async {
                sleep(LIMIT).await;
                answer
            }
        })
        .get("/leaving-later", |request: Request| {
            let answer = Response::upgrade(&request, "echo", |mut bytes| async move {
                bytes.draining().await;
                let _ = bytes.write("I have to go").await;
            });
            async {
                sleep(LIMIT).await;
                answer
            }
        })
        .get("/echo", |request: Request| {
            let answer = echo(&request);
            async { answer }
        })
        .post("/echo", |request: Request| {
            let answer = echo(&request);
            async { answer }
        })
        .get("/late", |request: Request| {
            let answer = Response::upgrade(&request, "echo", |mut bytes| async move {
                let _counted = counted();
                sleep(LIMIT).await;
                let mut count = 0;
                while let Ok(Some(chunk)) = bytes.read().await {
                    count += chunk.len();
                }
                let _ = bytes.write(format!("{count}")).await;
            });
            async { answer }
        })
        .get("/leaving", |request: Request| {
            let answer = Response::upgrade(&request, "echo", |mut bytes| async move {
                bytes.draining().await;
                let _ = bytes.write("I have to go").await;
            });
            async { answer }
        })
        .get("/panics", |request: Request| {
            let answer = Response::upgrade(&request, "echo", |mut bytes| async move {
                let _ = bytes.read().await;
                panic!("as you wish");
            });
            async { answer }
        })
        .get("/wrong", |request: Request| {
            let answer = Response::tunnel(&request, |_| async {});
            async { answer }
        })
        .connect(RouteOptions::new(), |request: Request| {
            let answer = Response::tunnel(&request, |mut bytes| async move {
                while let Ok(Some(chunk)) = bytes.read().await {
                    if bytes.write(chunk).await.is_err() {
                        return;
                    }
                }
            });
            async { answer }
        });
    Simulation::with_cores(&config, router, cores, 1, Faults::none())
}

fn begin(simulation: &mut Simulation, head: &[u8]) -> Client {
    let client = simulation.connect_to(0);
    client.send(head);
    simulation.run_until(|_| client.received().ends_with(b"\r\n\r\n"));
    client
}

fn at(path: &str) -> Vec<u8> {
    let head = String::from_utf8_lossy(ECHO).replace("/echo", path);
    head.into_bytes()
}

fn assert_all_gone(simulation: &mut Simulation) {
    simulation.run_until(|simulation| simulation.world().open_descriptors() == 0);
    let (connections, requests) = simulation.ledgers(0);
    assert_eq!((connections.open, requests.running), (0, 0));
}

#[test]
fn bytes_go_both_ways_from_the_first_one_behind_the_head() {
    let mut simulation = simulate(|_| {});
    let client = simulation.connect();
    client.send(&[ECHO, b"early"].concat());
    simulation.run_until(|_| client.received().ends_with(b"early"));
    let answer = String::from_utf8(client.take_received()).unwrap();
    assert!(answer.starts_with("HTTP/1.1 101 "), "{answer}");
    assert!(
        answer.contains("\r\nConnection: upgrade\r\nupgrade: echo\r\n"),
        "{answer}"
    );
    client.send(b"later");
    simulation.run_until(|_| client.received() == b"later");
    client.shutdown_write();
    simulation.run_until(|_| client.received() == b"laterbye");
    simulation.run_until(|_| client.is_closed());
    assert_eq!(client.ending(), Ending::Eof);
    assert_all_gone(&mut simulation);
    assert_eq!(dropped(), 1);
}

#[test]
fn a_tunnel_is_opened_by_connect_alone_and_its_head_says_nothing_of_a_body() {
    let mut simulation = simulate(|_| {});
    let client = begin(&mut simulation, CONNECT);
    let answer = String::from_utf8(client.take_received()).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    for field in ["Content-Length", "Transfer-Encoding", "Connection"] {
        assert!(!answer.contains(field), "{answer}");
    }
    client.send(b"SELECT 1");
    simulation.run_until(|_| client.received() == b"SELECT 1");
    let other = simulation.connect();
    other.send(&at("/wrong"));
    simulation.run_until(|_| other.received_len() > 0);
    assert!(other.received().starts_with(b"HTTP/1.1 405 "));
}

#[test]
fn a_client_that_did_not_ask_is_told_how_to() {
    let asked = String::from_utf8_lossy(ECHO).into_owned();
    for head in [
        asked.replace("foo, Echo", "foo"),
        asked.replace("keep-alive, Upgrade", "keep-alive"),
        asked.replace("HTTP/1.1\r\n", "HTTP/1.0\r\n"),
    ] {
        let mut simulation = simulate(|_| {});
        let client = simulation.connect();
        client.send(head.as_bytes());
        simulation.run_until(|_| client.received_len() > 0);
        assert!(client.received().starts_with(b"HTTP/1.1 426 "), "{head}");
    }
}

#[test]
fn an_answer_of_whatever_status_that_offers_a_protocol_names_it_among_the_options_of_its_connection()
 {
    async fn offered(request: Request) -> ringgate::Result<Response> {
        let status: u16 = request.param_as("status")?;
        let status = StatusCode::from_u16(status).expect("a status");
        let answer = Response::text("served\n").with_header("upgrade", "echo");
        Ok(answer.with_status(status))
    }
    let router = Router::new().get("/{status}", offered);
    let mut simulation = Simulation::of(Server::new(Config::default(), router), 1);
    for (status, version, wish, connection) in [
        (200, "1.1", "", "Connection: upgrade"),
        (426, "1.1", "", "Connection: upgrade"),
        (
            200,
            "1.1",
            "Connection: close\r\n",
            "Connection: close, upgrade",
        ),
        (200, "1.0", "", "Connection: close, upgrade"),
        // A client of HTTP/1.0 changes no protocol, and is told that its wish is granted.
        (
            200,
            "1.0",
            "Connection: keep-alive\r\n",
            "Connection: keep-alive",
        ),
    ] {
        let client = simulation.connect();
        let head = format!("GET /{status} HTTP/{version}\r\nHost: t\r\n{wish}\r\n");
        client.send(head.as_bytes());
        simulation.run_until(|_| client.received_len() > 0);
        let answer = String::from_utf8(client.take_received()).expect("text");
        let (fields, body) = answer.split_once("\r\n\r\n").expect("a whole head");
        assert_eq!(body, "served\n", "{head}");
        assert_eq!(fields.matches("Connection: ").count(), 1, "{head}{fields}");
        assert!(
            fields.contains(&format!("\r\n{connection}\r\n")),
            "{head}{fields}"
        );
        assert!(fields.contains("upgrade: echo"), "{head}{fields}");
    }
}

#[test]
fn a_request_with_a_body_changes_no_protocol() {
    let mut simulation = simulate(|_| {});
    let client = simulation.connect();
    let head = String::from_utf8_lossy(ECHO)
        .replace("GET", "POST")
        .replace("Host: t\r\n", "Host: t\r\nContent-Length: 3\r\n");
    client.send(head.as_bytes());
    client.send(b"abc");
    simulation.run_until(|_| client.received_len() > 0);
    assert!(client.received().starts_with(b"HTTP/1.1 400 "));
}

#[test]
fn a_handler_that_reads_late_is_a_socket_that_is_not_read_from_and_misses_nothing() {
    let mut simulation = simulate(|_| {});
    let client = begin(&mut simulation, &at("/late"));
    client.take_received();
    const SENT: usize = 3 << 20;
    client.send(&vec![b'x'; SENT]);
    client.shutdown_write();
    let later = simulation.world().now() + LIMIT / 2;
    simulation.run_until(|simulation| simulation.world().now() >= later);
    let taken = SENT - client.unreceived();
    assert!(taken < 512 << 10, "{taken} bytes were taken in");
    simulation.run_until(|_| client.is_closed());
    assert_eq!(client.received(), SENT.to_string().as_bytes());
}

#[test]
fn a_client_that_takes_nothing_holds_the_handler_back_and_is_given_up() {
    let mut simulation = simulate(|config| config.timeouts.write = LIMIT);
    let client = begin(&mut simulation, ECHO);
    client.window(0);
    client.send(&vec![b'x'; 4 << 20]);
    let began = simulation.world().now();
    let later = began + LIMIT / 2;
    simulation.run_until(|simulation| simulation.world().now() >= later);
    let taken = (4 << 20) - client.unreceived();
    assert!(taken < 1 << 20, "{taken} bytes were taken in");
    simulation.run_until(|_| client.is_closed());
    let took = simulation.world().now() - began;
    assert!(took >= LIMIT && took < LIMIT * 2, "{took:?}");
    assert_all_gone(&mut simulation);
    assert_eq!(dropped(), 1);
}

#[test]
fn a_client_that_is_gone_drops_the_handler() {
    let mut simulation = simulate(|_| {});
    let client = begin(&mut simulation, ECHO);
    client.reset();
    assert_all_gone(&mut simulation);
    assert_eq!(dropped(), 1);
}

#[test]
fn silence_in_both_directions_ends_a_tunnel_and_a_byte_in_either_does_not() {
    let mut simulation = simulate(|config| config.websocket.tunnel_timeout = LIMIT);
    let client = begin(&mut simulation, ECHO);
    let began = simulation.world().now();
    client.after(LIMIT / 2, Action::Send(b"x".to_vec()));
    simulation.run_until(|_| client.is_closed());
    let took = simulation.world().now() - began;
    assert!(
        took >= LIMIT * 3 / 2 && took <= LIMIT * 3 / 2 + 2 * LATE,
        "{took:?}"
    );
    assert_all_gone(&mut simulation);
    assert_eq!(dropped(), 1);
}

#[test]
fn a_handler_hears_that_the_server_is_about_to_end_and_has_the_last_word() {
    let mut simulation = simulate(|config| config.drain.time = Duration::ZERO);
    let client = begin(&mut simulation, &at("/leaving"));
    client.take_received();
    simulation.drain(0);
    simulation.run_until(|_| client.is_closed());
    assert_eq!(client.received(), b"I have to go");
    client.shutdown_write();
    assert_all_gone(&mut simulation);
}

#[test]
fn a_handler_that_panics_ends_its_own_connection_and_no_other() {
    let mut simulation = simulate(|_| {});
    let (one, other) = (
        begin(&mut simulation, &at("/panics")),
        begin(&mut simulation, ECHO),
    );
    one.send(b"now");
    simulation.run_until(|_| one.is_closed());
    other.take_received();
    other.send(b"still here");
    simulation.run_until(|_| other.received() == b"still here");
}

#[test]
fn what_begins_on_a_core_that_leaves_already_is_told_so() {
    let telling = [
        (at("/leaving-later"), &b"I have to go"[..]),
        (handshake("/conversing-later"), b"\x88\x02\x03\xe9"),
    ];
    for (head, told) in telling {
        let mut simulation = simulate_cores(2, |config| config.drain.time = Duration::ZERO);
        let client = simulation.connect_to(0);
        client.send(&head);
        simulation.run_until(|simulation| simulation.ledgers(0).1.running == 1);
        simulation.leave(0, 1);
        simulation.run_until(|_| client.received_len() > 0);
        let began = simulation.world().now();
        simulation.run_until(|simulation| {
            let took = simulation.world().now() - began;
            client.received().ends_with(told) || took > LIMIT
        });
        assert!(client.received().ends_with(told), "nothing was told");
        client.send(&close_frame(1001));
        client.shutdown_write();
        simulation.run_until(|simulation| simulation.ledgers(0).0.open == 0);
    }
}

#[test]
fn a_websocket_with_more_to_hand_over_than_may_be_stays_and_is_told_1012_at_a_hand_over() {
    for (size, goes) in [(64 << 10, true), ((64 << 10) + 1, false)] {
        let mut simulation = simulate(|config| config.drain.time = LIMIT);
        let client = begin(&mut simulation, &handshake(&format!("/keeping/{size}")));
        client.take_received();
        simulation.hand_over(0);
        simulation.run_until(|simulation| {
            client.received_len() > 0 || simulation.ledgers(0).0.handed_out > 0
        });
        assert_eq!(simulation.ledgers(0).0.handed_out, u64::from(goes));
        if !goes {
            assert_eq!(client.received(), b"\x88\x02\x03\xf4");
        }
    }
}

#[test]
fn a_process_with_little_room_is_offered_connections_that_can_go_and_not_the_one_that_has_to_stay()
{
    let mut simulation = simulate(|_| {});
    let stays = format!("/keeping/{}", (64 << 10) + 1);
    // The one that was idle longest is the first to be chosen.
    let _stays = begin(&mut simulation, &handshake(&stays));
    simulation.pass(LIMIT);
    let _goes = begin(&mut simulation, &handshake("/keeping/1"));
    simulation.pass(LIMIT);
    for _ in 0..3 {
        simulation.offer(0, 1);
        (0..10).for_each(|_| simulation.turn());
    }
    let connections = simulation.ledgers(0).0;
    assert_eq!((connections.handed_out, connections.open), (1, 1));
}
