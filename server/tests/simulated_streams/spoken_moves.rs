//! Connections with WebSockets on their streams go to other cores with all that these keep, or tell them that they end.

use crate::forge::data;
use crate::frames::{close_frame, frame, text};
use crate::peer::{Peer, get, request};
use crate::spoken::{ask, is_about};
use crate::{SECOND, a_day_passes, assert_nothing_is_left, pass};
use ringgate::config::Config;
use ringgate::events::Hub;
use ringgate::handler::websocket::{Compression, Message, OnMessage, Sender, Socket};
use ringgate::runtime::driver::simulated::Faults;
use ringgate::simulation::Simulation;
use ringgate::{Request, Router, WebSocket};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// Counts messages, and names the cores that it was on; hears what is published.
struct Counting {
    count: u64,
    cores: Vec<u32>,
    hub: Hub,
    senders: Arc<Mutex<Vec<Sender>>>,
}

impl OnMessage for Counting {
    fn arrived(&mut self, socket: &mut Socket<'_>) {
        self.cores.push(socket.core());
        socket.follow(&self.hub, None);
        self.senders.lock().unwrap().push(socket.sender());
    }

    fn message(&mut self, socket: &mut Socket<'_>, _: Message<'_>) {
        self.count += 1;
        let text = format!("{} {:?}", self.count, self.cores);
        let _ = socket.send(Message::Text(&text));
    }
}

/// Two cores; `/count` counts, `/tied` keeps contexts and so cannot move, `/unread` is a tunnel.
struct Cores {
    simulation: Simulation,
    peer: Peer,
    hub: Hub,
    senders: Arc<Mutex<Vec<Sender>>>,
}

fn two_cores() -> Cores {
    two_cores_of(|_| ())
}

fn two_cores_of(change: impl FnOnce(&mut Config)) -> Cores {
    let hub = Hub::new(16);
    let senders = Arc::<Mutex<Vec<Sender>>>::default();
    let counting = WebSocket::new();
    let keeping = WebSocket::new().compression(Compression {
        keeps_context: true,
        ..Compression::default()
    });
    let count = {
        let (hub, senders) = (hub.clone(), senders.clone());
        move |sockets: &WebSocket, request: &Request| {
            let end = Counting {
                count: 0,
                cores: Vec::new(),
                hub: hub.clone(),
                senders: senders.clone(),
            };
            sockets.accept(request, end)
        }
    };
    let tied = count.clone();
    let router = Router::new()
        .get("/hello", |_: Request| async { "hello" })
        .get("/count", move |request: Request| {
            let answer = count(&counting, &request);
            async { answer }
        })
        .get("/tied", move |request: Request| {
            let answer = tied(&keeping, &request);
            async { answer }
        });
    let mut config = Config::default();
    change(&mut config);
    let simulation = Simulation::with_cores(&config, router, 2, 1, Faults::none());
    let mut peer = Peer::with(simulation.connect_to(0), &[]);
    peer.gives_room = true;
    Cores {
        simulation,
        peer,
        hub,
        senders,
    }
}

impl Cores {
    #[track_caller]
    fn hears(&mut self, stream: u32, message: &str) {
        let expected = [&[0x81, message.len() as u8], message.as_bytes()].concat();
        self.peer.until(&mut self.simulation, |peer| {
            let answer = peer.answers.get(&stream);
            answer.is_some_and(|answer| answer.body.len() >= expected.len())
        });
        let answer = self.peer.answers.get_mut(&stream).expect("it is there");
        assert_eq!(answer.body, expected, "{stream}");
        answer.body.clear();
    }

    #[track_caller]
    fn asks(&mut self, stream: u32, answer: &str) {
        self.peer.send(&[data(stream, false, &text("x"))]);
        self.hears(stream, answer);
    }
}

#[test]
fn a_connection_whose_streams_are_websockets_moves_with_all_that_they_keep() {
    let mut cores = two_cores();
    for stream in [1, 3, 5] {
        cores.peer.send(&[ask(stream, "/count")]);
        cores.asks(stream, "1 [0]");
    }
    cores.simulation.leave(0, 1);
    cores
        .simulation
        .run_until(|simulation| simulation.ledgers(1).0.handed_in == 1);
    for stream in [5, 1, 3] {
        cores.asks(stream, "2 [0, 1]");
    }
    cores.hub.publish("news");
    for stream in [1, 3, 5] {
        cores.hears(stream, "news");
    }
    let senders = cores.senders.lock().unwrap().clone();
    // The handle of before leads to where the WebSocket is now.
    senders[1].send(Message::Text("you")).expect("it is open");
    cores.hears(3, "you");
    cores.peer.send(&[get(7, "/hello")]);
    assert_eq!(cores.peer.answer(&mut cores.simulation, 7).body, b"hello");
    cores.peer.send(&[data(1, true, &close_frame(1000))]);
    let answer = cores.peer.answer(&mut cores.simulation, 1);
    assert_eq!(answer.body, [0x88, 2, 3, 0xe8]);
    cores.asks(5, "3 [0, 1]");
    assert_eq!(cores.simulation.ledgers(0).0.open, 0);
    assert!(cores.peer.farewells.is_empty());
    cores.peer.client.close();
    a_day_passes(&mut cores.simulation);
    assert_nothing_is_left(&cores.simulation, 2, &"moved");
}

#[test]
fn the_time_of_a_silent_client_goes_on_wherever_its_connection_moves() {
    let mut cores = two_cores_of(|config| {
        config.websocket.ping = 20 * SECOND;
        config.websocket.pong_timeout = 20 * SECOND;
    });
    cores.peer.send(&[ask(1, "/count")]);
    cores.asks(1, "1 [0]");
    let began = cores.simulation.world().now();
    let mut moves = 0;
    let mut asked = None;
    while !cores.peer.has_ended(1) {
        let (from, to) = (moves % 2, (moves + 1) % 2);
        cores.simulation.stay(to);
        cores.simulation.leave(from, to);
        moves += 1;
        pass(&mut cores.simulation, 5 * SECOND);
        cores.peer.hear();
        let passed = cores.simulation.world().now() - began;
        assert!(passed < 60 * SECOND, "it stays; asked at {asked:?}");
        let heard = &cores.peer.answers[&1].body;
        if asked.is_none() && heard.ends_with(b"\x89\x00") {
            asked = Some(passed);
        }
    }
    let took = cores.simulation.world().now() - began;
    assert!(moves > 6 && cores.simulation.ledgers(1).0.handed_in > 2);
    let (asked, five) = (asked.expect("it is asked"), 5 * SECOND);
    assert!(is_about(asked, 20 * SECOND + five), "{asked:?}");
    assert!(is_about(took, 40 * SECOND + five), "{took:?}");
}

#[test]
fn balance_takes_connections_along_whose_streams_are_websockets() {
    let mut cores = two_cores();
    cores.peer.send(&[ask(1, "/count")]);
    cores.asks(1, "1 [0]");
    cores.simulation.spread(0, 1, 1);
    cores
        .simulation
        .run_until(|simulation| simulation.ledgers(1).0.handed_in == 1);
    cores.asks(1, "2 [0, 1]");
}

#[test]
fn a_websocket_with_half_a_message_or_a_request_beside_it_keeps_its_connection_until_that_is_whole()
{
    let message = [frame(0x01, b"ha"), frame(0x80, b"lf")].concat();
    for cut in 1..message.len() {
        let mut cores = two_cores();
        cores.peer.send(&[ask(1, "/count"), ask(3, "/count")]);
        cores.asks(1, "1 [0]");
        cores.asks(3, "1 [0]");
        cores.peer.send(&[data(1, false, &message[..cut])]);
        cores
            .simulation
            .run_until(|_| cores.peer.client.unreceived() == 0);
        cores.simulation.leave(0, 1);
        pass(&mut cores.simulation, SECOND / 100);
        assert_eq!(cores.simulation.ledgers(1).0.handed_in, 0, "{cut}");
        cores.peer.send(&[data(1, false, &message[cut..])]);
        cores.hears(1, "2 [0]");
        cores
            .simulation
            .run_until(|simulation| simulation.ledgers(1).0.handed_in == 1);
        cores.asks(1, "3 [0, 1]");
        cores.asks(3, "2 [0, 1]");
    }
}

#[test]
fn a_core_that_leaves_tells_1012_to_those_that_cannot_go_along() {
    let mut cores = two_cores();
    let more = [
        (":protocol", "websocket"),
        ("sec-websocket-version", "13"),
        ("sec-websocket-extensions", "permessage-deflate"),
    ];
    let tied = request(1, false, "CONNECT", "/tied", &more);
    cores.peer.send(&[tied, ask(3, "/count")]);
    cores.asks(1, "1 [0]");
    cores.asks(3, "1 [0]");
    cores.simulation.leave(0, 1);
    let began = cores.simulation.world().now();
    let peer = &mut cores.peer;
    let close = [0x88, 2, 3, 0xf4];
    peer.until(&mut cores.simulation, |peer| {
        [1, 3]
            .iter()
            .all(|stream| peer.answers[stream].body == close)
    });
    assert!(is_about(cores.simulation.world().now() - began, 6 * SECOND));
    assert!(!peer.farewells.is_empty());
    for stream in [1, 3] {
        peer.send(&[data(stream, true, &close_frame(1012))]);
        peer.until(&mut cores.simulation, |peer| peer.has_ended(stream));
    }
}

/// Clients of their own with a WebSocket each, on the first core.
fn clients(simulation: &mut Simulation, count: usize, request: &[u8]) -> Vec<Peer> {
    let mut clients: Vec<Peer> = (0..count)
        .map(|_| Peer::with(simulation.connect_to(0), &[]))
        .collect();
    for client in &mut clients {
        client.send(&[request.to_vec()]);
        client.until(simulation, |peer| peer.answers.contains_key(&1));
    }
    clients
}

/// Runs until so many of the clients were told this Close, and gives the time that it took.
fn until_told(
    simulation: &mut Simulation,
    clients: &mut [Peer],
    count: usize,
    close: &[u8],
) -> Duration {
    let began = simulation.world().now();
    simulation.run_until(|_| {
        clients.iter_mut().for_each(Peer::hear);
        let told = clients.iter().filter(|peer| peer.answers[&1].body == close);
        told.count() >= count
    });
    simulation.world().now() - began
}

#[test]
fn a_drain_says_that_a_connection_ends_at_once_and_close_to_its_websockets_spread_over_drain_time()
{
    let Cores { mut simulation, .. } = two_cores();
    let limit = Config::default().drain.time;
    let mut clients = clients(&mut simulation, 80, &ask(1, "/count"));
    let began = simulation.world().now();
    simulation.drain(0);
    let close = [0x88, 2, 3, 0xe9];
    pass(&mut simulation, limit / 20);
    clients.iter_mut().for_each(Peer::hear);
    assert!(clients.iter().all(|peer| !peer.farewells.is_empty()));
    until_told(&mut simulation, &mut clients, 40, &close);
    let half = simulation.world().now() - began;
    assert!(half > limit / 4 && half < limit, "{half:?}");
    // Those that speak on meanwhile are not put back, and nobody is told twice.
    for client in &clients {
        client.send(&[data(1, false, &text("x"))]);
    }
    simulation.run_until(|_| {
        clients.iter_mut().for_each(Peer::hear);
        let mut bodies = clients.iter().map(|peer| &peer.answers[&1].body);
        bodies.all(|body| body.ends_with(&close))
    });
    let took = simulation.world().now() - began;
    assert!(took <= limit + SECOND / 5, "{took:?}");
    for client in &mut clients {
        client.send(&[data(1, true, &close_frame(1001))]);
        client.pong();
        client.until_closed(&mut simulation);
    }
}

#[test]
fn what_cannot_go_along_on_streams_is_told_1012_spread_over_drain_time() {
    let Cores { mut simulation, .. } = two_cores();
    let limit = Config::default().drain.time;
    let more = [
        (":protocol", "websocket"),
        ("sec-websocket-version", "13"),
        ("sec-websocket-extensions", "permessage-deflate"),
    ];
    let tied = request(1, false, "CONNECT", "/tied", &more);
    let mut clients = clients(&mut simulation, 80, &tied);
    simulation.leave(0, 1);
    let close = [0x88, 2, 3, 0xf4];
    until_told(&mut simulation, &mut clients, 1, &close);
    let half = until_told(&mut simulation, &mut clients, 40, &close);
    assert!(half > limit / 4 && half < limit, "{half:?}");
    let rest = until_told(&mut simulation, &mut clients, 80, &close);
    assert!(half + rest <= limit + 2 * SECOND, "{rest:?}");
}
