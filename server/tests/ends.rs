//! Every connection comes to its end, and the short ways lead where the long ones do: random scripts
//! of clients over the simulated ring, with virtual time.
//!
//! What a client may do here: send whole and broken requests in pieces, stop in the middle, take no
//! answers, end its side, close, reset, or fall silent.

use http::StatusCode;
use proptest::prelude::*;
use ringgate::config::{
    AccessField, AccessFormat, AccessTarget, AdmissionLimits, Admit, Config, HalfClose, MaxAccepts,
};
use ringgate::http1::exchange::State;
use ringgate::runtime::driver::simulated::{Client, Faults};
use ringgate::runtime::fs::Freezing;
use ringgate::simulation::Simulation;
use ringgate::{Body, Request, Response, Router};
use std::num::NonZeroU32;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

const HOUR: Duration = Duration::from_secs(3600);

fn router() -> Router<()> {
    Router::new()
        .get("/hello", |_: Request| async { "hello" })
        .get("/large", |_: Request| async { "x".repeat(40_000) })
        .get("/kept", |_: Request| async { frozen(40_000) })
        .get("/later", |_: Request| async {
            ringgate::runtime::sleep(Duration::from_secs(5)).await;
            "later"
        })
        .get("/panic", |_: Request| async {
            if true {
                panic!("a handler may");
            }
            "never"
        })
        .post("/echo", |request: Request| async move {
            Response::text(request.into_body().bytes().await.unwrap_or_default())
        })
        .post("/unread", |_: Request| async { "unread" })
}

/// A body whose pages a socket is given.
fn frozen(count: usize) -> Body {
    let mut bytes = Freezing::with_capacity(count).expect("memory");
    bytes.put(&b"k".repeat(count));
    bytes.freeze(()).into()
}

/// What a client sends, one thing after the other.
#[derive(Debug, Clone)]
enum Piece {
    Get(&'static str),
    Last(&'static str),
    Old(&'static str),
    Post {
        path: &'static str,
        announced: usize,
        sent: usize,
    },
    Chunked(usize),
    Expecting(usize),
    Front(usize),
    Garbage,
}

impl Piece {
    fn bytes(&self) -> Vec<u8> {
        match self {
            Piece::Get(path) => format!("GET {path} HTTP/1.1\r\nHost: t\r\n\r\n").into_bytes(),
            Piece::Last(path) => {
                format!("GET {path} HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n").into_bytes()
            }
            Piece::Old(path) => format!("GET {path} HTTP/1.0\r\n\r\n").into_bytes(),
            Piece::Post {
                path,
                announced,
                sent,
            } => {
                let head = format!(
                    "POST {path} HTTP/1.1\r\nHost: t\r\nContent-Length: {announced}\r\n\r\n"
                );
                [head.as_bytes(), &b"y".repeat((*sent).min(*announced))].concat()
            }
            Piece::Chunked(size) => {
                let head = "POST /echo HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n";
                let body = "z".repeat(*size);
                format!("{head}{size:x}\r\n{body}\r\n0\r\n\r\n").into_bytes()
            }
            Piece::Expecting(size) => {
                let head = "POST /echo HTTP/1.1\r\nHost: t\r\nExpect: 100-continue\r\n";
                let body = "e".repeat(*size);
                format!("{head}Content-Length: {size}\r\n\r\n{body}").into_bytes()
            }
            Piece::Front(count) => {
                b"GET /hello HTTP/1.1\r\nHost: t\r\nX-Field: long\r\n"[..*count].to_vec()
            }
            Piece::Garbage => b"\x01 not HTTP\r\n\r\n".to_vec(),
        }
    }
}

fn path() -> impl Strategy<Value = &'static str> {
    prop_oneof![
        6 => Just("/hello"),
        2 => Just("/large"),
        2 => Just("/kept"),
        2 => Just("/later"),
        1 => Just("/panic"),
        1 => Just("/none"),
    ]
}

fn piece() -> impl Strategy<Value = Piece> {
    prop_oneof![
        8 => path().prop_map(Piece::Get),
        1 => path().prop_map(Piece::Last),
        1 => path().prop_map(Piece::Old),
        3 => (prop_oneof![Just("/echo"), Just("/unread"), Just("/none")], 0usize..3000, 0usize..4000)
            .prop_map(|(path, announced, sent)| Piece::Post { path, announced, sent }),
        1 => (1usize..2000).prop_map(Piece::Chunked),
        1 => (0usize..500).prop_map(Piece::Expecting),
        2 => (1usize..40).prop_map(Piece::Front),
        1 => Just(Piece::Garbage),
    ]
}

/// How a client leaves, if it does.
#[derive(Debug, Clone, Copy)]
enum Leaving {
    Never,
    EndsItsSide,
    Closes,
    Resets,
}

#[derive(Debug, Clone)]
struct Script {
    pieces: Vec<Piece>,
    /// Bytes of one segment.
    segment: usize,
    /// Bytes that the client takes before it stalls; None: everything.
    window: Option<u64>,
    leaving: Leaving,
    /// When it leaves, after its first byte.
    after: Duration,
}

fn script() -> impl Strategy<Value = Script> {
    (
        proptest::collection::vec(piece(), 1..6),
        prop_oneof![Just(1usize << 20), 20usize..400],
        proptest::option::of(0u64..60_000),
        prop_oneof![
            Just(Leaving::Never),
            Just(Leaving::EndsItsSide),
            Just(Leaving::Closes),
            Just(Leaving::Resets)
        ],
        0u64..20_000_000,
    )
        .prop_map(|(pieces, segment, window, leaving, after)| Script {
            pieces,
            segment,
            window,
            leaving,
            after: Duration::from_micros(after / 2),
        })
}

impl Script {
    fn play(&self, client: &Client) {
        if let Some(window) = self.window {
            client.window(window);
        }
        let bytes: Vec<u8> = self.pieces.iter().flat_map(Piece::bytes).collect();
        client.send_in_pieces(&bytes, self.segment, Duration::from_micros(50));
        use ringgate::runtime::driver::simulated::Action;
        match self.leaving {
            Leaving::Never => {}
            Leaving::EndsItsSide => client.after(self.after, Action::ShutdownWrite),
            Leaving::Closes => client.after(self.after, Action::Close),
            Leaving::Resets => client.after(self.after, Action::Reset),
        }
    }
}

fn limits(max_threads: u32) -> AdmissionLimits {
    AdmissionLimits::new(NonZeroU32::new(max_threads), MaxAccepts::Unbounded)
        .expect("limits that fit together")
}

/// Lets so much time pass as ends every wait, in steps: a timer that was put off looks again.
fn a_day_passes(simulation: &mut Simulation) {
    simulation.pass(24 * HOUR);
    (0..8).for_each(|_| simulation.turn());
}

fn assert_nothing_is_left(simulation: &Simulation, what: &dyn std::fmt::Debug) {
    let (connections, requests) = simulation.ledgers(0);
    assert_eq!(connections.open, 0, "{connections:?} {requests:?} {what:?}");
    assert_eq!((requests.running, requests.pending), (0, 0), "{what:?}");
    assert!(connections.balances() && requests.balances(), "{what:?}");
    assert_eq!(simulation.gate(), (0, 0), "{what:?}");
    assert_eq!(simulation.world().open_descriptors(), 0, "{what:?}");
    assert_eq!(simulation.world().misuses(), 0, "{what:?}");
}

fn cases() -> u32 {
    let size = std::env::var("RINGGATE_TEST_SIZE").ok();
    size.and_then(|size| size.parse().ok()).unwrap_or(1) * 128
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(), ..ProptestConfig::default() })]

    #[test]
    fn after_a_day_nothing_is_open_whatever_clients_did(
        scripts in proptest::collection::vec(script(), 1..5),
        seed in any::<u64>(),
        by_connection in any::<bool>(),
    ) {
        let mut config = Config { admission: limits(2), ..Config::default() };
        if by_connection {
            config.queue.admit = Admit::Connection;
        }
        let faults = Faults { accept_error: 0.0, ..Faults::drawn(seed) };
        let mut simulation = Simulation::with_cores(&config, router(), 1, seed, faults);
        let clients: Vec<Client> = scripts.iter().map(|_| simulation.connect()).collect();
        for (script, client) in scripts.iter().zip(&clients) {
            script.play(client);
        }
        (0..200).for_each(|_| simulation.turn());
        a_day_passes(&mut simulation);
        assert_nothing_is_left(&simulation, &scripts);
    }

    #[test]
    fn each_request_has_one_line_in_the_access_log_that_says_how_it_ended(
        scripts in proptest::collection::vec(script(), 1..5),
        seed in any::<u64>(),
        by_connection in any::<bool>(),
    ) {
        let log = std::env::temp_dir().join(format!("ringgate-ends-{}", std::process::id()));
        let _ = std::fs::remove_file(&log);
        let mut config = Config { admission: limits(2), ..Config::default() };
        if by_connection {
            config.queue.admit = Admit::Connection;
        }
        config.access_log.target = AccessTarget::File(log.clone());
        config.access_log.format = AccessFormat::Json;
        config.access_log.fields = vec![AccessField::Method, AccessField::Aborted];
        let faults = Faults { accept_error: 0.0, ..Faults::drawn(seed) };
        let mut simulation = Simulation::with_cores(&config, router(), 1, seed, faults);
        let clients: Vec<Client> = scripts.iter().map(|_| simulation.connect()).collect();
        for (script, client) in scripts.iter().zip(&clients) {
            script.play(client);
        }
        (0..200).for_each(|_| simulation.turn());
        a_day_passes(&mut simulation);
        let (_, requests) = simulation.ledgers(0);
        drop((clients, simulation));
        let text = std::fs::read_to_string(&log).unwrap_or_default();
        let ended = |how: &str| {
            let lines = text.lines().filter(|line| !line.contains(r#""method":null"#));
            lines.filter(|line| line.contains(how)).count() as u64
        };
        prop_assert_eq!(ended(""), requests.begun, "{}", text);
        prop_assert_eq!(ended(r#""aborted":true"#), requests.aborted, "{}", text);
    }

    #[test]
    fn the_short_ways_lead_where_the_long_ones_do(script in script(), seed in any::<u64>()) {
        prop_assert_eq!(outcome(&script, seed, false), outcome(&script, seed, true));
    }
}

/// What a client saw of its script and what the ledgers say of it, over the short ways or the long ones.
fn outcome(script: &Script, seed: u64, long: bool) -> impl PartialEq + std::fmt::Debug {
    let config = Config {
        admission: limits(2),
        ..Config::default()
    };
    let mut simulation = Simulation::new(&config, router(), seed);
    if long {
        simulation.take_long_ways();
    }
    let client = simulation.connect();
    script.play(&client);
    for _ in 0..50 {
        (0..10).for_each(|_| simulation.turn());
        simulation.world().advance(Duration::from_millis(400));
    }
    let states: Vec<State> = simulation.states(0);
    let soon = (states, simulation.ledgers(0));
    a_day_passes(&mut simulation);
    assert_nothing_is_left(&simulation, script);
    let text = String::from_utf8_lossy(&client.received()).into_owned();
    // The second of an answer is its own affair.
    let dated = |line: &&str| !line.starts_with("Date: ");
    let text: Vec<String> = text
        .split("\r\n")
        .filter(dated)
        .map(str::to_owned)
        .collect();
    (text, client.ending(), soon, simulation.ledgers(0))
}

#[test]
fn who_has_pipelined_is_waited_for_behind_the_last_answer_over_either_way() {
    // At once, and so that the second request has begun before the first is answered.
    for segment in [1 << 20, 20] {
        for last in ["/hello", "/later"] {
            let script = Script {
                pieces: vec![Piece::Get("/hello"), Piece::Last(last)],
                segment,
                window: None,
                leaving: Leaving::Never,
                after: Duration::ZERO,
            };
            assert_eq!(outcome(&script, 0, false), outcome(&script, 0, true));
        }
    }
}

#[test]
fn an_answer_behind_one_whose_body_came_with_its_head_goes_the_same_way() {
    let small = Piece::Post {
        path: "/echo",
        announced: 1,
        sent: 1,
    };
    for window in [None, Some(0), Some(1), Some(200)] {
        let script = Script {
            pieces: vec![small.clone(), Piece::Get("/large")],
            segment: 1 << 20,
            window,
            leaving: Leaving::Never,
            after: Duration::ZERO,
        };
        assert_eq!(outcome(&script, 0, false), outcome(&script, 0, true));
    }
}

#[test]
fn a_client_that_takes_nothing_and_ends_its_side_behind_half_a_head_is_given_up() {
    let config = Config {
        admission: limits(1),
        ..Config::default()
    };
    for behind in [0, 20] {
        let mut simulation = Simulation::new(&config, router(), 1);
        let client = simulation.connect();
        client.window(1);
        let get = Piece::Get("/large").bytes();
        client.send(&[&get[..], &get[..behind]].concat());
        simulation.run_until(|_| client.received_len() == 1);
        client.shutdown_write();
        (0..100).for_each(|_| simulation.turn());
        let write = config.timeouts.write;
        (0..20).for_each(|_| {
            simulation.world().advance(write / 8);
            (0..5).for_each(|_| simulation.turn());
        });
        assert_nothing_is_left(&simulation, &behind);
        let (connections, requests) = simulation.ledgers(0);
        assert_eq!((connections.aborted, requests.aborted), (1, 1), "{behind}");
    }
}

#[test]
fn a_client_that_went_leaves_its_slot_when_its_answer_is_out_though_half_a_request_is_unread() {
    let config = Config {
        admission: limits(1),
        ..Config::default()
    };
    let fronts: [&[u8]; 3] = [
        &Piece::Get("/hello").bytes()[..20],
        b"POST /echo HTTP/1.1\r\nHost: t\r\nContent-Length: 9\r\n\r\nfour",
        b"POST /echo HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab",
    ];
    for front in fronts {
        let mut simulation = Simulation::new(&config, router(), 1);
        let client = simulation.connect();
        client.send(&[&Piece::Get("/later").bytes()[..], front].concat());
        simulation.run_until(|simulation| simulation.gate() == (1, 0));
        client.shutdown_write();
        let began = simulation.world().now();
        simulation.run_until(|simulation| simulation.world().open_descriptors() == 0);
        let took = simulation.world().now() - began;
        assert!(took < Duration::from_secs(6), "{took:?}");
        assert_nothing_is_left(&simulation, &front);
    }
}

/// A request of a batch that went the long way, since it asks for its core. Half a head behind it lets the batch
/// go on.
const BATCHED: &[u8] =
    b"GET /hello HTTP/1.1\r\nHost: t\r\nX-Ringgate-Core: ?\r\n\r\nGET /hello HTTP/1.1\r\nHost";

#[test]
fn an_answer_of_a_batch_holds_its_slot_until_it_is_out_whichever_way_it_went() {
    let config = Config {
        admission: limits(1),
        ..Config::default()
    };
    let mut simulation = Simulation::new(&config, router(), 1);
    let client = simulation.connect();
    client.window(1);
    client.send(BATCHED);
    simulation.run_until(|_| client.received_len() == 1);
    (0..100).for_each(|_| simulation.turn());
    assert_eq!(simulation.gate(), (1, 0), "one byte of the answer is out");
    client.window(u64::MAX);
    simulation.run_until(|simulation| simulation.gate() == (0, 0));
    drop(client);
    a_day_passes(&mut simulation);
}

/// A body of which no piece ever comes.
struct Never;

impl futures_core::Stream for Never {
    type Item = Result<Vec<u8>, std::io::Error>;

    fn poll_next(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        Poll::Pending
    }
}

/// What a client asked for, or half of it, before it was reset in the same breath.
const ASKED: [&[u8]; 5] = [
    b"GET /later HTTP/1.1\r\nHost: t\r\n\r\n",
    b"GET /hello HTTP/1.1\r\nHost",
    b"POST /echo HTTP/1.1\r\nHost: t\r\nContent-Length: 9\r\n\r\nfour",
    b"POST /echo HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab",
    b"GET /feed HTTP/1.1\r\nHost: t\r\n\r\n",
];

#[test]
fn a_reset_that_is_never_told_is_found_whatever_its_client_had_asked_for() {
    let router = || {
        router().get("/feed", |_: Request| async {
            Response::new(StatusCode::OK).with_body(Body::stream(Never))
        })
    };
    let faults = Faults {
        untold_resets: 1.0,
        ..Faults::none()
    };
    let config = Config {
        admission: limits(1),
        ..Config::default()
    };
    for asked in ASKED {
        for waits in [false, true] {
            let mut simulation = Simulation::with_cores(&config, router(), 1, 1, faults);
            // Behind its first request: the receive of that one ends with its bytes, and the next is told of a reset.
            let client = simulation.connect();
            client.send(b"GET /hello HTTP/1.1\r\nHost: t\r\n\r\n");
            simulation.run_until(|_| client.received_len() > 0);
            simulation.turn();
            let first = waits.then(|| {
                let first = simulation.connect();
                first.send(ASKED[0]);
                simulation.run_until(|simulation| simulation.gate() == (1, 0));
                first
            });
            let others = u64::from(waits);
            client.send(asked);
            client.reset();
            let began = simulation.world().now();
            simulation.run_until(|simulation| simulation.ledgers(0).0.open == others);
            let took = simulation.world().now() - began;
            // Two looks, each 100 ms after what made it due: one alone may come before the word of the
            // receive. A feed that runs hears of the reset by its send.
            let is_sent = asked == ASKED[4] && !waits;
            let least = Duration::from_millis(if is_sent { 0 } else { 200 });
            assert!((least..Duration::from_secs(1)).contains(&took), "{took:?}");
            let requests = simulation.ledgers(0).1;
            assert_eq!(requests.pending, 0);
            drop(first);
            a_day_passes(&mut simulation);
        }
    }
}

/// How long a client was served that does `act` once a second.
fn served_for(config: &Config, first: &[u8], mut act: impl FnMut(&Client)) -> (Duration, Vec<u8>) {
    let mut simulation = Simulation::new(config, router(), 1);
    let client = simulation.connect();
    client.window(1);
    client.send(first);
    let began = simulation.world().now();
    for _ in 0..600 {
        if simulation.ledgers(0).0.accepted == 1 && simulation.ledgers(0).0.open == 0 {
            break;
        }
        act(&client);
        simulation.world().advance(Duration::from_secs(1));
        (0..5).for_each(|_| simulation.turn());
    }
    (simulation.world().now() - began, client.received())
}

#[test]
fn a_client_that_sends_or_takes_a_byte_a_second_is_ended_by_a_least_rate_and_by_nothing_else() {
    let body = b"POST /echo HTTP/1.1\r\nHost: t\r\nContent-Length: 5000\r\n\r\n";
    let answer = b"GET /large HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n";
    let drips = |client: &Client| {
        client.read(1000);
        client.send(b"x");
    };
    let takes = |client: &Client| client.read(1);
    for (least, at_least, at_most) in [(None, 500, 700), (Some(100), 10, 50)] {
        let mut config = Config::default();
        config.timeouts.body_rate_min = least;
        config.timeouts.write_rate_min = least;
        let within = Duration::from_secs(at_least)..=Duration::from_secs(at_most);
        let (served, received) = served_for(&config, body, drips);
        assert!(within.contains(&served), "{least:?}: {served:?}");
        let refused = received.starts_with(b"HTTP/1.1 408 ");
        assert_eq!(refused, least.is_some());
        let (served, _) = served_for(&config, answer, takes);
        assert!(within.contains(&served), "{least:?}: {served:?}");
    }
}

/// A body of some pieces of 1,000 bytes, a second apart.
struct Slow {
    left: u32,
    pause: Pin<Box<dyn Future<Output = ()>>>,
}

fn slow(pieces: u32) -> Slow {
    Slow {
        left: pieces,
        pause: Box::pin(ringgate::runtime::sleep(Duration::from_secs(1))),
    }
}

impl futures_core::Stream for Slow {
    type Item = Result<Vec<u8>, std::io::Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.left == 0 {
            return Poll::Ready(None);
        }
        std::task::ready!(self.pause.as_mut().poll(cx));
        *self = slow(self.left - 1);
        Poll::Ready(Some(Ok(vec![b's'; 1000])))
    }
}

#[test]
fn a_client_that_ends_its_side_is_gone_unless_its_answer_is_there_or_of_known_length() {
    let router = || {
        router()
            .get("/feed", |_: Request| async {
                Response::new(StatusCode::OK).with_body(Body::stream(slow(3)))
            })
            .get("/file", |_: Request| async {
                Response::new(StatusCode::OK).with_body(Body::sized_stream(3000, slow(3)))
            })
    };
    // What is asked, what comes of it if the client ends its side at once, and if it is served.
    for (path, gone, served) in [
        ("/hello", 5, 5),
        ("/later", 0, 5),
        ("/feed", 0, 3000),
        ("/file", 3000, 3000),
    ] {
        for (half_close, bytes) in [(HalfClose::Gone, gone), (HalfClose::Serve, served)] {
            let mut config = Config {
                admission: limits(1),
                ..Config::default()
            };
            config.queue.half_close = half_close;
            let mut simulation = Simulation::new(&config, router(), 1);
            let client = simulation.connect();
            client.send(&Piece::Get(path).bytes());
            simulation.run_until(|simulation| simulation.ledgers(0).1.begun == 1);
            let began = simulation.world().now();
            client.shutdown_write();
            simulation.run_until(|simulation| simulation.world().open_descriptors() == 0);
            let took = simulation.world().now() - began;
            assert_nothing_is_left(&simulation, &path);
            let text = String::from_utf8(client.received()).expect("text");
            let body = text
                .split_once("\r\n\r\n")
                .map_or(0, |(_, body)| body.len());
            // The frames of chunks come on top.
            assert!(
                (bytes..bytes + 40).contains(&body),
                "{path} {half_close:?}: {body}"
            );
            let waited = bytes > 5 || (bytes == 5 && path == "/later");
            assert_eq!(
                took >= Duration::from_secs(1),
                waited,
                "{path} {half_close:?}"
            );
        }
    }
}

#[test]
fn what_a_refused_client_sends_is_thrown_away_until_it_pauses_or_for_a_time_whatever_its_size() {
    let config = Config::default();
    let head = b"POST /hello HTTP/1.1\r\nHost: t\r\nContent-Length: 1000000000\r\n\r\n";
    for (pause, at_least, at_most) in [(1, 30, 32), (6, 5, 7)] {
        let mut simulation = Simulation::new(&config, router(), 1);
        let client = simulation.connect();
        client.send(head);
        simulation.run_until(|_| client.received_len() > 0);
        let began = simulation.world().now();
        while simulation.ledgers(0).0.open == 1 {
            client.send(&[b'x'; 300_000]);
            simulation.pass(Duration::from_secs(pause));
        }
        let took = (simulation.world().now() - began).as_secs();
        assert!((at_least..=at_most + pause).contains(&took), "{took} s");
        assert!(client.received().starts_with(b"HTTP/1.1 413 "));
    }
}

#[test]
fn requests_sent_at_once_share_the_slot_that_their_client_holds() {
    let config = Config {
        admission: AdmissionLimits::new(NonZeroU32::new(1), MaxAccepts::None).expect("limits"),
        ..Config::default()
    };
    for long in [false, true] {
        for paths in [
            ["/hello", "/hello"],
            ["/later", "/hello"],
            ["/hello", "/later"],
        ] {
            let mut simulation = Simulation::new(&config, router(), 1);
            if long {
                simulation.take_long_ways();
            }
            let client = simulation.connect();
            let batch: Vec<u8> = paths
                .iter()
                .flat_map(|path| Piece::Get(path).bytes())
                .collect();
            client.send(&batch);
            simulation.run_until(|simulation| simulation.ledgers(0).1.answered == 2);
            assert_eq!(simulation.gate(), (0, 0), "{paths:?}");
            let text = String::from_utf8(client.received()).expect("text");
            assert_eq!(
                text.matches("HTTP/1.1 200 OK").count(),
                2,
                "{paths:?} {text}"
            );
        }
    }
}

/// Panics as it is dropped, as a value of an application may.
struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        panic!("provoked by a drop");
    }
}

#[test]
fn what_panics_as_it_is_dropped_behind_a_client_that_went_ends_no_other_connection() {
    let router = router().get("/bomb", |_: Request| async {
        let _bomb = Bomb;
        std::future::pending::<&str>().await
    });
    let mut simulation = Simulation::new(&Config::default(), router, 1);
    let other = simulation.connect();
    let client = simulation.connect();
    client.send(&Piece::Get("/bomb").bytes());
    (0..10).for_each(|_| simulation.turn());
    client.reset();
    simulation.run_until(|simulation| simulation.ledgers(0).1.aborted == 1);
    other.send(&Piece::Last("/hello").bytes());
    simulation.run_until(|_| other.received().ends_with(b"hello"));
    a_day_passes(&mut simulation);
    assert_nothing_is_left(&simulation, &"a bomb");
}
