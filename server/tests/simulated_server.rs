//! The server that a program would start, in a simulation: its state, its lanes, its hubs.

use ringgate::config::{Config, Endpoint, ListenAddr};
use ringgate::events::Hub;
use ringgate::lane::{InCoreLane, Lane, LaneError};
use ringgate::runtime::driver::simulated::{Client, Faults};
use ringgate::runtime::sleep;
use ringgate::simulation::Simulation;
use ringgate::{CoreInfo, Request, Router, Server, ServerHandle};
use std::cell::Cell;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

fn get(client: &Client, path: &str) {
    client.send(format!("GET {path} HTTP/1.1\r\nHost: test\r\n\r\n").as_bytes());
}

fn body(client: &Client) -> String {
    let answer = String::from_utf8(client.received()).expect("text");
    let (_, body) = answer.split_once("\r\n\r\n").unwrap_or_default();
    body.to_owned()
}

#[test]
fn each_core_makes_its_state_once_and_keeps_it() {
    struct Greeter {
        core: u32,
        greeted: Cell<u32>,
    }
    let made = Arc::new(AtomicU32::new(0));
    let counter = made.clone();
    let init = move |core: &CoreInfo| {
        counter.fetch_add(1, Ordering::Relaxed);
        let core = core.index();
        Greeter {
            core,
            greeted: Cell::new(0),
        }
    };
    let hello = async |request: Request<Greeter>| {
        let greeter = request.state();
        greeter.greeted.set(greeter.greeted.get() + 1);
        format!("core {}, greeting {}", greeter.core, greeter.greeted.get())
    };
    let server = Server::with_state(Config::default(), Router::new().get("/hello", hello), init);
    let mut simulation = Simulation::of_cores(server, 2, 7, Faults::none());
    assert_eq!(made.load(Ordering::Relaxed), 2);
    for (core, nth) in [(0, 1), (0, 2), (1, 1), (0, 3)] {
        let client = simulation.connect_to(core);
        get(&client, "/hello");
        let expected = format!("core {core}, greeting {nth}");
        simulation.run_until(|_| body(&client) == expected);
    }
}

#[test]
fn a_lane_in_the_core_bounds_its_work_in_virtual_time() {
    async fn work(request: Request<InCoreLane>) -> Result<&'static str, LaneError> {
        let lane = request.state();
        lane.run(async { sleep(Duration::from_secs(20)).await })
            .await?;
        Ok("done")
    }
    let init = |core: &CoreInfo| core.in_core_lane("outside").expect("the lane below");
    let router = Router::new().get("/work", work);
    let lane = Lane::in_core(1).queue_limit(1);
    let server = Server::with_state(Config::default(), router, init).lane("outside", lane);
    let mut simulation = Simulation::of_cores(server, 2, 7, Faults::none());
    let began = simulation.world().now();
    let clients = [0, 1, 0].map(|core| {
        let client = simulation.connect_to(core);
        get(&client, "/work");
        (0..100).for_each(|_| simulation.turn());
        client
    });
    simulation.run_until(|_| clients[2].received().starts_with(b"HTTP/1.1 503 "));
    simulation.run_until(|_| clients[..2].iter().all(|client| body(client) == "done"));
    let took = simulation.world().now() - began;
    let expected = Duration::from_secs(40)..Duration::from_secs(41);
    assert!(expected.contains(&took), "{took:?}");
}

#[test]
fn the_workers_of_a_lane_take_no_virtual_time_and_work_in_order() {
    /// The requests that the worker has seen.
    type Seen = Vec<String>;
    async fn work(request: Request<Lane<Seen>>) -> Result<String, LaneError> {
        let number = request.query().unwrap_or_default().to_owned();
        let work = move |seen: &mut Seen| {
            // Longer in real time than many turns take.
            std::thread::sleep(Duration::from_millis(5));
            seen.push(number);
            seen.join(" ")
        };
        request.state().run(work).await
    }
    let run = || {
        let init = |core: &CoreInfo| core.lane("database").expect("the lane below");
        let router = Router::new().get("/work", work);
        let lane = Lane::workers(2..=4).init(|| Ok::<_, std::io::Error>(Seen::new()));
        let server = Server::with_state(Config::default(), router, init).lane("database", lane);
        let mut simulation = Simulation::of_cores(server, 2, 7, Faults::none());
        let began = simulation.world().now();
        let clients: Vec<_> = (0..8)
            .map(|number| {
                let client = simulation.connect_to(number % 2);
                get(&client, &format!("/work?{number}"));
                client
            })
            .collect();
        simulation.run_until(|_| clients.iter().all(|client| !body(client).is_empty()));
        let took = simulation.world().now() - began;
        assert!(took < Duration::from_millis(100), "{took:?}");
        clients.iter().map(body).collect::<Vec<_>>()
    };
    let answers = run();
    let last = answers.iter().max_by_key(|answer| answer.len());
    assert_eq!(last.map(String::len), Some("0 1 2 3 4 5 6 7".len()));
    assert_eq!(run(), answers);
}

#[test]
fn a_drain_is_told_to_handlers_that_wait_for_it_and_ends_the_streams_of_hubs() {
    struct State {
        server: ServerHandle,
        hub: Hub,
    }
    async fn waits(request: Request<State>) -> &'static str {
        request.state().server.draining().await;
        "the end is near"
    }
    async fn listens(request: Request<State>) -> &'static str {
        let mut events = request.state().hub.subscribe(None);
        while events.next().await.is_some() {}
        "no more events"
    }
    let hub = Hub::new(1);
    let shared = hub.clone();
    let init = move |core: &CoreInfo| State {
        server: core.server().clone(),
        hub: shared.clone(),
    };
    let router = Router::new().get("/waits", waits).get("/listens", listens);
    let server = Server::with_state(Config::default(), router, init).hub(&hub);
    let mut simulation = Simulation::of(server, 7);
    let (waits, listens) = (simulation.connect(), simulation.connect());
    get(&waits, "/waits");
    get(&listens, "/listens");
    simulation.run_until(|simulation| simulation.ledgers(0).1.running == 2);
    simulation.drain(0);
    simulation.run_until(|_| body(&waits) == "the end is near");
    simulation.run_until(|_| body(&listens) == "no more events");
}

#[test]
fn a_handler_that_asks_how_the_server_stands_is_answered() {
    async fn status(request: Request<ServerHandle>) -> String {
        let server = request.state();
        let resized = server.resize(2).await;
        format!("{} {resized:?}", server.status().await.is_none())
    }
    let init = |core: &CoreInfo| core.server().clone();
    let router = Router::new().get("/status", status);
    let mut simulation = Simulation::of(Server::with_state(Config::default(), router, init), 7);
    let client = simulation.connect();
    get(&client, "/status");
    simulation.run_until(|_| body(&client) == "true Err(\"the server has ended\")");
}

#[test]
fn a_reload_bounds_connections_that_linger_by_the_new_time() {
    let seconds = Duration::from_secs;
    let mut config = Config::default();
    config.timeouts.linger = seconds(300);
    config.timeouts.linger_time = seconds(600);
    let refuse = async |_: Request| "no";
    let router = Router::new().post("/upload", refuse);
    let mut simulation = Simulation::new(&config, router, 7);
    let client = simulation.connect();
    client.send(b"POST /upload HTTP/1.1\r\nHost: test\r\nContent-Length: 1000000\r\n\r\nabc");
    simulation.run_until(|_| body(&client) == "no");
    let answered = simulation.world().now();
    config.timeouts.linger_time = seconds(20);
    simulation.reload(&config);
    simulation.run_until(|simulation| simulation.ledgers(0).0.open == 0);
    let lingered = simulation.world().now() - answered;
    assert!(lingered < seconds(21), "{lingered:?}");
    assert!(lingered > seconds(19), "{lingered:?}");
}

#[test]
fn m10_listeners_of_a_core_share_the_places_below_max_connections() {
    let listen = |address: &str| {
        let address: ListenAddr = address.parse().expect("an address");
        Endpoint::from(address)
    };
    for (max, seed) in (1..4).flat_map(|max| (0..8).map(move |seed| (max, seed))) {
        let listen = ["127.0.0.1:0", "[::1]:0", "127.0.0.2:0"].map(listen);
        let mut config = Config {
            listen: listen.to_vec(),
            ..Config::default()
        };
        config.rings.max_connections = NonZeroU32::new(max);
        let router = Router::new().get("/hello", |_: Request| async { "hello" });
        let mut simulation = Simulation::with_cores(&config, router, 1, seed, Faults::none());
        // They come at once, by all listeners, and ask.
        let clients: Vec<_> = (0..12)
            .map(|nth| simulation.connect_by(nth % 3, 0))
            .collect();
        clients.iter().for_each(|client| get(client, "/hello"));
        let mut left: Vec<&Client> = clients.iter().collect();
        while !left.is_empty() {
            let most = (max as usize).min(left.len());
            simulation.run_until(|simulation| {
                let open = simulation.ledgers(0).0.open;
                assert!(open <= u64::from(max), "{open} of {max} are open");
                left.iter().filter(|client| body(client) == "hello").count() == most
            });
            // One place becomes free, and is taken again, whatever listener its next client came by.
            let place = left.iter().position(|client| body(client) == "hello");
            left.remove(place.expect("one was served")).close();
        }
        simulation.run_until(|simulation| simulation.ledgers(0).0.open == 0);
        assert_eq!(simulation.ledgers(0).0.accepted, 12);
    }
}
