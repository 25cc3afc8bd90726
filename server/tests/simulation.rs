//! The whole way of a connection, accept > parse > handle > write > close, over the simulated ring:
//! the production code, virtual time, and everything that can go wrong under it.

mod seeds;

use ringgate::config::{AdmissionLimits, Config, MaxAccepts};
use ringgate::runtime::driver::simulated::{Action, Client, Faults};
use ringgate::simulation::Simulation;
use ringgate::{Request, Response, Router};
use std::num::NonZeroU32;
use std::time::Duration;

const GET: &[u8] = b"GET /hello HTTP/1.1\r\nHost: test\r\n\r\n";
const BYE: &[u8] = b"GET /hello HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n";

fn router() -> Router<()> {
    Router::new()
        .get("/hello", |_: Request| async { "hello" })
        .get("/core", |request: Request| async move {
            Response::text(request.core().to_string())
        })
        .get("/later", |_: Request| async {
            ringgate::runtime::sleep(Duration::from_secs(5)).await;
            "later"
        })
        .post("/echo", |request: Request| async move {
            Response::text(request.into_body().bytes().await.unwrap_or_default())
        })
}

fn answers(bytes: &[u8], body: &[u8]) -> usize {
    bytes
        .windows(body.len())
        .filter(|window| *window == body)
        .count()
}

#[test]
fn a_connection_is_accepted_parsed_handled_answered_and_closed() {
    let mut simulation = Simulation::new(&Config::default(), router(), 1);
    let client = simulation.connect();
    client.send(GET);
    simulation.run_until(|_| client.received().ends_with(b"hello"));
    client.send(BYE);
    simulation.run_until(|_| client.is_closed());
    assert_eq!(answers(&client.received(), b"\r\n\r\nhello"), 2);
    simulation.run_until(|simulation| simulation.world().open_descriptors() == 0);
    let (connections, requests) = simulation.ledgers(0);
    assert_eq!(
        (connections.accepted, connections.finished, connections.open),
        (1, 1, 0)
    );
    assert_eq!((requests.begun, requests.answered), (2, 2));
    assert_eq!(simulation.world().misuses(), 0);
}

#[test]
fn a_handler_that_waits_five_seconds_takes_no_time_here() {
    let mut simulation = Simulation::new(&Config::default(), router(), 1);
    let client = simulation.connect();
    let began = simulation.world().now();
    client.send(b"GET /later HTTP/1.1\r\nHost: test\r\n\r\n");
    simulation.run_until(|_| client.received().ends_with(b"later"));
    assert!(simulation.world().now() - began >= Duration::from_secs(5));
}

#[test]
fn each_answer_bears_the_date_of_its_second() {
    let mut config = Config::default();
    config.timeouts.idle = Duration::from_secs(100);
    let mut simulation = Simulation::new(&config, router(), 1);
    let client = simulation.connect();
    let mut dates = Vec::new();
    for _ in 0..2 {
        client.send(GET);
        simulation.run_until(|_| client.received().ends_with(b"hello"));
        let text = String::from_utf8(client.take_received()).expect("ASCII");
        let date = text
            .split("\r\n")
            .find_map(|line| line.strip_prefix("Date: "));
        dates.push(httpdate::parse_http_date(date.expect("a date")).expect("a legal one"));
        simulation.world().advance(Duration::from_secs(60));
    }
    let between = dates[1].duration_since(dates[0]).expect("time goes on");
    assert!(between.as_secs().abs_diff(60) <= 1, "{between:?}");
}

#[test]
fn the_grace_of_an_idle_connection_begins_when_its_last_answer_is_out() {
    let mut config = Config::default();
    config.timeouts.idle = Duration::from_secs(100);
    config.drain.keepalive_grace = Duration::from_secs(30);
    // One that answers at once, and one that waits.
    for path in ["/hello", "/later"] {
        let mut simulation = Simulation::new(&config, router(), 1);
        let client = simulation.connect();
        simulation.run_until(|simulation| simulation.ledgers(0).0.open == 1);
        simulation.world().advance(Duration::from_secs(60));
        client.send(format!("GET {path} HTTP/1.1\r\nHost: test\r\n\r\n").as_bytes());
        simulation.run_until(|simulation| simulation.ledgers(0).1.answered == 1);
        simulation.drain(0);
        simulation.turn();
        client.send(GET);
        simulation.run_until(|_| client.is_closed());
        let answered = answers(&client.received(), b"HTTP/1.1 200 OK\r\n");
        assert_eq!(answered, 2, "after {path}");
    }
}

/// A client that has sent this, has taken one byte of an answer given at once, and takes no more.
fn taking_one_byte(simulation: &mut Simulation, sent: &[u8]) -> Client {
    let client = simulation.connect_to(0);
    client.window(1);
    client.send(sent);
    simulation.run_until(|_| client.received_len() == 1);
    client
}

#[test]
fn answers_that_wait_for_their_client_together_took_as_long_as_the_first() {
    let mut simulation = Simulation::new(&Config::default(), router(), 1);
    let client = taking_one_byte(&mut simulation, &[GET, &GET[..20]].concat());
    simulation.world().advance(Duration::from_secs(5));
    client.send(&GET[20..]);
    simulation.run_until(|simulation| simulation.ledgers(0).1.begun == 2);
    client.read(10_000);
    simulation.run_until(|simulation| simulation.ledgers(0).1.answered == 2);
    let took = simulation.service_time(0);
    assert_eq!(took.count(), 2);
    assert!(took.sum_nanos() >= 10_000_000_000, "{took:?}");
}

#[test]
fn an_answer_given_at_once_that_its_client_never_takes_counts_as_aborted() {
    let mut simulation = Simulation::new(&Config::default(), router(), 1);
    // Also if the connection was to be closed behind the answer anyway.
    for ends_in_a_head in [false, true] {
        let behind = if ends_in_a_head { &GET[..20] } else { b"" };
        let client = taking_one_byte(&mut simulation, &[GET, behind].concat());
        if ends_in_a_head {
            client.shutdown_write();
            (0..20).for_each(|_| simulation.turn());
        }
        client.reset();
        simulation.run_until(|simulation| simulation.ledgers(0).0.open == 0);
    }
    let (connections, requests) = simulation.ledgers(0);
    assert_eq!(connections.aborted, 2);
    assert_eq!(
        (requests.begun, requests.answered, requests.aborted),
        (2, 0, 2)
    );
}

#[test]
fn a_client_that_takes_a_byte_now_and_then_is_not_cut_off_and_one_that_stops_is() {
    let config = Config::default();
    let mut simulation = Simulation::new(&config, router(), 1);
    let client = taking_one_byte(&mut simulation, GET);
    let began = simulation.world().now();
    let pause = config.timeouts.write * 2 / 3;
    for number in 1..=20 {
        client.after(pause * number, Action::Read(1));
    }
    simulation.run_until(|_| client.received_len() == 21);
    assert!(simulation.world().now() - began > config.timeouts.write * 10);
    let stopped = simulation.world().now();
    simulation.run_until(|_| client.is_closed());
    let waited = simulation.world().now() - stopped;
    let latest = config.timeouts.write * 5 / 4;
    assert!(
        waited >= config.timeouts.write && waited <= latest,
        "{waited:?}"
    );
    let (_, requests) = simulation.ledgers(0);
    assert_eq!((requests.answered, requests.aborted), (0, 1));
}

#[test]
fn the_slot_of_an_answer_given_at_once_is_held_until_its_client_has_taken_it() {
    let mut config = Config::default();
    let one = NonZeroU32::new(1);
    config.admission = AdmissionLimits::new(one, MaxAccepts::None).expect("consistent");
    let mut simulation = Simulation::new(&config, router(), 1);
    let client = taking_one_byte(&mut simulation, GET);
    assert_eq!(simulation.gate(), (1, 0));
    client.read(10_000);
    simulation.run_until(|simulation| simulation.gate() == (0, 0));
    assert!(client.received().ends_with(b"hello"));
}

#[test]
fn what_is_sent_behind_a_request_that_runs_stays_with_its_client_but_for_a_little() {
    let mut config = Config::default();
    // The little is what one receive may take before it is heard of and taken back: all 64 buffers.
    config.rings.buffer_size = 4 << 10;
    let mut simulation = Simulation::new(&config, router(), 1);
    let client = simulation.connect();
    client.send(b"GET /later HTTP/1.1\r\nHost: test\r\n\r\n");
    let count = 40_000;
    client.send(&GET.repeat(count));
    simulation.run_until(|simulation| simulation.ledgers(0).1.begun == 1);
    (0..1000).for_each(|_| simulation.turn());
    assert!(client.unreceived() > GET.len() * count / 2);
    simulation.run_until(|simulation| simulation.ledgers(0).1.answered == 1 + count as u64);
    assert_eq!(client.unreceived(), 0);
}

#[test]
fn a_client_of_http_1_0_is_told_that_it_may_go_on() {
    let mut simulation = Simulation::new(&Config::default(), router(), 1);
    let client = simulation.connect();
    for _ in 0..2 {
        client.send(b"GET /hello HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
        simulation.run_until(|_| client.received().ends_with(b"hello"));
        let answer = client.take_received();
        assert_eq!(answers(&answer, b"\r\nConnection: keep-alive\r\n"), 1);
    }
}

#[test]
fn a_connection_whose_answer_was_on_its_way_leaves_with_its_core() {
    let mut simulation = Simulation::with_cores(&Config::default(), router(), 2, 1, Faults::none());
    let client = taking_one_byte(&mut simulation, GET);
    simulation.leave(0, 1);
    simulation.turn();
    client.read(10_000);
    simulation.run_until(|simulation| simulation.ledgers(1).0.handed_in == 1);
    assert!(client.received().ends_with(b"hello"));
}

#[test]
fn a_connection_whose_answer_was_on_its_way_when_a_drain_began_is_closed_when_that_is_out() {
    let config = Config::default();
    let mut simulation = Simulation::new(&config, router(), 1);
    let client = taking_one_byte(&mut simulation, GET);
    simulation.drain(0);
    simulation.turn();
    let began = simulation.world().now();
    client.read(10_000);
    simulation.run_until(|_| client.is_closed());
    assert!(client.received().ends_with(b"hello"));
    assert!(simulation.world().now() - began < config.timeouts.idle);
}

#[test]
fn half_a_head_moves_to_another_core_and_is_completed_there() {
    let mut simulation = Simulation::with_cores(&Config::default(), router(), 2, 1, Faults::none());
    let client = simulation.connect_to(0);
    client.send(GET);
    simulation.run_until(|_| client.received().ends_with(b"hello"));
    client.send(&GET[..20]);
    simulation.leave(0, 1);
    simulation.run_until(|simulation| simulation.ledgers(1).0.handed_in == 1);
    client.send(&GET[20..]);
    simulation.run_until(|_| answers(&client.received(), b"\r\n\r\nhello") == 2);
    let (left, _) = simulation.ledgers(0);
    let (came, requests) = simulation.ledgers(1);
    assert_eq!((left.handed_out, left.open), (1, 0));
    assert_eq!((came.handed_in, came.open), (1, 1));
    assert_eq!(requests.answered, 1);
}

#[test]
fn whatever_goes_wrong_below_answers_are_whole_in_order_and_accounted_for() {
    seeds::play_each(300, |seed| {
        let faults = Faults {
            accept_error: 0.0,
            ..Faults::drawn(seed)
        };
        let mut simulation = Simulation::with_cores(&Config::default(), router(), 1, seed, faults);
        let clients: Vec<_> = (0..3).map(|_| simulation.connect()).collect();
        let body = vec![b'x'; 3000];
        let mut script = GET.repeat(3);
        script.extend_from_slice(
            b"POST /echo HTTP/1.1\r\nHost: test\r\nContent-Length: 3000\r\n\r\n",
        );
        script.extend_from_slice(&body);
        script.extend_from_slice(BYE);
        for (index, client) in clients.iter().enumerate() {
            client.send_in_pieces(&script, 97 + index * 400, Duration::from_micros(50));
        }
        simulation.run_until(|_| clients.iter().all(|client| client.is_closed()));
        for client in &clients {
            let got = client.received();
            assert_eq!(answers(&got, b"\r\n\r\nhello"), 4, "seed {seed}");
            assert_eq!(answers(&got, b"HTTP/1.1 200 OK"), 5, "seed {seed}");
            assert_eq!(answers(&got, &body), 1, "seed {seed}");
        }
        simulation.run_until(|simulation| simulation.world().open_descriptors() == 0);
        let (connections, requests) = simulation.ledgers(0);
        assert!(connections.balances() && requests.balances(), "seed {seed}");
        assert_eq!((requests.begun, requests.answered), (15, 15), "seed {seed}");
        assert_eq!(simulation.world().misuses(), 0, "seed {seed}");
    });
}

/// Row H8: what accept(2) says when the process or the machine is out of something: EMFILE, ENFILE,
/// ENOBUFS, ENOMEM.
const EXHAUSTED: [i32; 4] = [-24, -23, -105, -12];

/// When accepting failed for want of something, and with what.
fn failures(simulation: &Simulation) -> Vec<(u64, i32)> {
    let log = simulation.world().log();
    let failure = |line: &String| {
        let time = line.split(' ').next()?.parse().ok()?;
        let (_, answer) = line.split_once("answers ")?;
        let errno = answer.split(' ').next()?.parse().ok()?;
        EXHAUSTED.contains(&errno).then_some((time, errno))
    };
    log.iter().filter_map(failure).collect()
}

/// Nanoseconds at which a line with this text was logged.
fn logged(simulation: &Simulation, text: &str) -> Vec<u64> {
    let log = simulation.world().log();
    let lines = log.iter().filter(|line| line.contains(text));
    let time = |line: &String| line.split(' ').next()?.parse().ok();
    lines.filter_map(time).collect()
}

fn without_descriptors(seed: u64, accept_error: f64) -> Simulation {
    let faults = Faults {
        accept_error,
        ..Faults::none()
    };
    Simulation::with_cores(&Config::default(), router(), 1, seed, faults)
}

#[test]
fn h8_accepting_that_fails_again_and_again_is_tried_ever_more_rarely() {
    let mut simulation = without_descriptors(1, 1.0);
    let _clients: Vec<_> = (0..100).map(|_| simulation.connect()).collect();
    simulation.run_until(|simulation| failures(simulation).len() == 10);
    let failures = failures(&simulation);
    let pauses = failures
        .windows(2)
        .map(|two| (two[1].0 - two[0].0) / 1_000_000);
    for (pause, least) in pauses.zip([20, 40, 80, 160, 320, 640, 1000, 1000, 1000]) {
        assert!(pause >= least && pause < least * 2, "{pause} for {least}");
    }
}

#[test]
fn h8_whatever_is_short_accepting_pauses_and_everybody_is_served_in_the_end() {
    let mut seen = std::collections::BTreeSet::new();
    seeds::play_each(40, |seed| {
        let mut simulation = without_descriptors(seed, 0.6);
        let clients: Vec<_> = (0..8).map(|_| simulation.connect()).collect();
        clients.iter().for_each(|client| client.send(BYE));
        simulation.run_until(|_| {
            let over = |c: &Client| c.was_refused() || c.is_closed();
            clients.iter().all(over)
        });
        for client in clients.iter().filter(|client| !client.was_refused()) {
            assert!(client.received().ends_with(b"hello"), "seed {seed}");
        }
        // It failed and was not tried again before a pause, but where a connection closed.
        seen.extend(failures(&simulation).iter().map(|(_, errno)| *errno));
        let (connections, _) = simulation.ledgers(0);
        let refused = clients.iter().filter(|client| client.was_refused()).count();
        assert_eq!(connections.finished as usize, 8 - refused, "seed {seed}");
    });
    assert_eq!(seen, EXHAUSTED.into());
}

#[test]
fn an_accept_that_is_to_be_tried_again_is_no_shortage_and_pauses_nothing() {
    seeds::play_each(20, |seed| {
        let faults = Faults {
            accept_again: 0.8,
            ..Faults::none()
        };
        let config = Config::default();
        let mut simulation = Simulation::with_cores(&config, router(), 1, seed, faults);
        let clients: Vec<_> = (0..20).map(|_| simulation.connect()).collect();
        clients.iter().for_each(|client| client.send(BYE));
        let began = simulation.world().now();
        simulation.run_until(|_| clients.iter().all(Client::is_closed));
        assert!(clients.iter().all(|c| c.received().ends_with(b"hello")));
        let took = simulation.world().now() - began;
        assert!(took < Duration::from_millis(20), "seed {seed}: {took:?}");
    });
}

#[test]
fn a_unix_socket_is_accepted_from_by_all_cores_and_each_client_is_served_once() {
    let mut config = Config::default();
    let listen = ["127.0.0.1:80", "unix:/all"].map(|address| address.parse());
    config.listen = Vec::from_iter(listen.into_iter().map(|address| address.expect("one")));
    let mut simulation = Simulation::with_cores(&config, router(), 2, 1, Faults::none());
    let clients: Vec<_> = (0..20).map(|at| simulation.connect_by(1, at % 2)).collect();
    clients.iter().for_each(|client| client.send(BYE));
    simulation.run_until(|_| clients.iter().all(Client::is_closed));
    assert!(
        clients
            .iter()
            .all(|client| answers(&client.received(), b"hello") == 1)
    );
    let accepted = [0, 1].map(|core| simulation.ledgers(core).0.accepted);
    assert!(accepted[0] > 0 && accepted[1] > 0, "{accepted:?}");
    assert_eq!(accepted.iter().sum::<u64>(), 20);
    assert_eq!(simulation.world().misuses(), 0);
}

#[test]
fn m9_a_turn_takes_in_as_many_connections_as_it_may_and_none_is_lost() {
    const MOST: u64 = 3;
    let mut config = Config::default();
    config.rings.accepts_per_turn = std::num::NonZeroU32::new(MOST as u32);
    let faults = Faults::none();
    let mut simulation = Simulation::with_cores(&config, router(), 1, 1, faults);
    let clients: Vec<_> = (0..50).map(|_| simulation.connect()).collect();
    clients.iter().for_each(|client| client.send(BYE));
    let mut before = 0;
    let mut fullest = 0;
    for turn in 0.. {
        if clients.iter().all(Client::is_closed) {
            break;
        }
        assert!(turn < 10_000, "some are never served");
        simulation.turn();
        let accepted = simulation.ledgers(0).0.accepted;
        fullest = fullest.max(accepted - before);
        before = accepted;
    }
    assert_eq!(fullest, MOST);
    assert!(clients.iter().all(|c| c.received().ends_with(b"hello")));
    assert_eq!(before, 50);
}

#[test]
fn m9_what_waits_to_be_taken_in_is_not_left_behind_by_a_core_that_leaves() {
    let mut config = Config::default();
    config.rings.accepts_per_turn = std::num::NonZeroU32::new(1);
    let mut simulation = Simulation::with_cores(&config, router(), 2, 1, Faults::none());
    let clients: Vec<_> = (0..20).map(|_| simulation.connect_to(0)).collect();
    clients.iter().for_each(|client| client.send(BYE));
    simulation.turn();
    simulation.turn();
    assert!(simulation.ledgers(0).0.accepted < 20);
    simulation.leave(0, 1);
    (0..1000).for_each(|_| simulation.turn());
    assert!(clients.iter().all(|c| c.received().ends_with(b"hello")));
}

#[test]
fn h8_a_connection_that_closes_ends_the_pause_of_accepting() {
    const LONG_NANOS: u64 = 160_000_000;
    const OTHERS: u64 = 30;
    let mut seen = 0;
    for seed in 1..=100 {
        let mut simulation = without_descriptors(seed, 0.9);
        let first = simulation.connect();
        first.send(GET);
        simulation.run_until(|_| first.is_closed() || first.received().ends_with(b"hello"));
        let others: Vec<_> = (0..OTHERS).map(|_| simulation.connect()).collect();
        let long_pause = |simulation: &Simulation| {
            let failures = failures(simulation);
            matches!(failures[..], [.., one, two] if two.0 - one.0 >= LONG_NANOS)
        };
        let in_vain = |simulation: &Simulation| {
            let refused = others.iter().filter(|other| other.was_refused()).count() as u64;
            simulation.ledgers(0).0.accepted + refused > OTHERS
        };
        simulation.run_until(|simulation| long_pause(simulation) || in_vain(simulation));
        if first.was_refused() || in_vain(&simulation) {
            continue;
        }
        // The pause that has begun now is twice as long.
        seen += 1;
        let tried = |simulation: &Simulation| logged(simulation, "Accept {");
        let before = tried(&simulation).len();
        let closed = simulation.world().now();
        first.close();
        simulation.run_until(|simulation| tried(simulation).len() > before);
        let waited = simulation.world().now() - closed;
        assert!(
            waited < Duration::from_nanos(LONG_NANOS / 10),
            "seed {seed}: {waited:?}"
        );
    }
    assert!(seen >= 10, "only {seen} runs came to a long pause");
}

/// Moves that a turn begins at most, and as many connections it takes in.
const MOVES_MAX: u64 = 16;
/// Moves that a turn ends at most: some may have begun in the turn before.
const LEFT_MAX: u64 = 2 * MOVES_MAX;

/// So many clients of core 0, of two, each of which has had an answer.
fn clients_of_core_0(count: usize) -> (Simulation, Vec<Client>) {
    let config = Config::default();
    let mut simulation = Simulation::with_cores(&config, router(), 2, 1, Faults::none());
    let clients: Vec<_> = (0..count).map(|_| simulation.connect_to(0)).collect();
    clients.iter().for_each(|client| client.send(GET));
    simulation.run_until(|_| clients.iter().all(|c| c.received().ends_with(b"hello")));
    (simulation, clients)
}

/// Which core answers this client.
fn core_of(simulation: &mut Simulation, client: &Client) -> u8 {
    let before = client.received().len();
    client.send(b"GET /core HTTP/1.1\r\nHost: test\r\n\r\n");
    simulation.run_until(|_| client.received()[before..].contains(&b'\n'));
    client.received().last().copied().expect("an answer") - b'0'
}

/// Turns without the core `held` until `count` says `all`; answers what it grew by at most in a turn.
fn most_a_turn(
    simulation: &mut Simulation,
    held: usize,
    all: u64,
    count: impl Fn(&Simulation) -> u64,
) -> u64 {
    let (mut before, mut most) = (0, 0);
    for turn in 0.. {
        assert!(turn < 10_000, "some never move");
        simulation.turn_without(held);
        let now = count(simulation);
        most = most.max(now - before);
        before = now;
        if now == all {
            break;
        }
    }
    most
}

#[test]
fn t1_a_turn_moves_a_bounded_number_of_connections_however_many_are_to_go() {
    let (mut simulation, clients) = clients_of_core_0(500);
    simulation.spread(0, 1, 300);
    // The other core is held up: what it is given waits.
    let most_out = most_a_turn(&mut simulation, 1, 300, |simulation| {
        simulation.ledgers(0).0.handed_out
    });
    let began = simulation.world().now();
    let most_taken = most_a_turn(&mut simulation, 0, 300, |simulation| {
        simulation.ledgers(1).0.handed_in
    });
    let passed = simulation.world().now() - began;
    // A turn that may sleep takes 1 ms here: the one at whose end it first hears of them.
    assert!(
        passed < Duration::from_millis(2),
        "slept beside mail for {passed:?}"
    );
    assert!(most_out <= LEFT_MAX, "{most_out} left in a turn");
    assert_eq!(most_taken, MOVES_MAX);
    let moved = clients
        .iter()
        .filter(|client| core_of(&mut simulation, client) == 1);
    assert_eq!(moved.count(), 300);
    assert_eq!(simulation.ledgers(0).0.open, 200);
}

#[test]
fn m10_a_connection_that_moves_makes_room_as_one_that_closes() {
    let mut config = Config::default();
    config.rings.max_connections = NonZeroU32::new(2);
    let mut simulation = Simulation::with_cores(&config, router(), 2, 1, Faults::none());
    let clients: Vec<_> = (0..3).map(|_| simulation.connect_to(0)).collect();
    clients.iter().for_each(|client| client.send(GET));
    let answered = |count| {
        let clients = clients.clone();
        move |_: &Simulation| {
            let done = clients.iter().filter(|c| c.received().ends_with(b"hello"));
            done.count() == count
        }
    };
    simulation.run_until(answered(2));
    (0..100).for_each(|_| simulation.turn());
    assert_eq!(simulation.ledgers(0).0.accepted, 2);
    simulation.spread(0, 1, 1);
    (0..1000).for_each(|_| simulation.turn());
    assert_eq!(simulation.ledgers(1).0.open, 1);
    assert!(answered(3)(&simulation), "nobody accepts");
    assert_eq!(simulation.ledgers(0).0.open, 2);
}

#[test]
fn t1_a_core_that_leaves_moves_its_connections_a_few_a_turn_too() {
    let (mut simulation, clients) = clients_of_core_0(300);
    simulation.leave(0, 1);
    let mut before = 0;
    for turn in 0.. {
        assert!(turn < 10_000, "some never leave");
        simulation.turn();
        let out = simulation.ledgers(0).0.handed_out;
        assert!(out - before <= LEFT_MAX, "{} in a turn", out - before);
        before = out;
        if out == 300 {
            break;
        }
    }
    for client in &clients {
        assert_eq!(core_of(&mut simulation, client), 1);
    }
}

/// Turns until all clients of core 0 are closed; returns the most that ended in a turn.
fn most_closed_a_turn(simulation: &mut Simulation, all: u64) -> u64 {
    let (mut before, mut most) = (simulation.ledgers(0).0.finished, 0);
    for turn in 0.. {
        assert!(turn < 100_000, "some never close");
        simulation.turn();
        let connections = simulation.ledgers(0).0;
        let now = connections.finished;
        most = most.max(now - before);
        before = now;
        if connections.open == 0 {
            break;
        }
    }
    assert_eq!(before, all, "nobody was cut off");
    most
}

/// Closes that a turn ends at most: some may have begun in the turn before.
const CLOSED_MAX: u64 = 2 * 16;

#[test]
fn a_drain_closes_a_bounded_number_of_idle_connections_a_turn() {
    let (mut simulation, clients) = clients_of_core_0(500);
    let grace = Config::default().drain.keepalive_grace;
    let began = simulation.world().now();
    simulation.run_until(|simulation| simulation.world().now() - began > grace);
    simulation.drain(0);
    // One that is used before its turn has come gets its answer, which announces the close.
    simulation.turn();
    simulation.turn();
    let last = clients.iter().rev().find(|client| !client.is_closed());
    let last = last.expect("it takes many turns");
    let before = last.received().len();
    last.send(GET);
    let most = most_closed_a_turn(&mut simulation, 500);
    assert!(most <= CLOSED_MAX, "{most} in a turn");
    let answer = last.received();
    let answer = String::from_utf8_lossy(&answer[before..]).to_lowercase();
    assert!(answer.ends_with("hello"), "{answer}");
    assert!(answer.contains("connection: close"), "{answer}");
}

#[test]
fn those_whose_grace_ends_at_the_same_instant_are_closed_a_few_a_turn_too() {
    let (mut simulation, _clients) = clients_of_core_0(500);
    let grace = Config::default().drain.keepalive_grace;
    let began = simulation.world().now();
    simulation.drain(0);
    let most = most_closed_a_turn(&mut simulation, 500);
    assert!(most <= CLOSED_MAX, "{most} in a turn");
    let took = simulation.world().now() - began;
    assert!(took >= grace, "it was kept: {took:?}");
    assert!(took < grace + Duration::from_secs(1), "{took:?}");
}

#[test]
fn t1_who_was_active_lately_stays_as_long_as_others_can_go() {
    let (mut simulation, clients) = clients_of_core_0(200);
    let began = simulation.world().now();
    simulation.run_until(|simulation| simulation.world().now() - began > Duration::from_millis(50));
    // Every second one is used again.
    for client in clients.iter().step_by(2) {
        assert_eq!(core_of(&mut simulation, client), 0);
    }
    simulation.spread(0, 1, 100);
    simulation.run_until(|simulation| simulation.ledgers(1).0.handed_in == 100);
    for (place, client) in clients.iter().enumerate() {
        assert_eq!(core_of(&mut simulation, client), (place % 2) as u8);
    }
}

#[test]
fn t1_told_twice_a_core_gives_what_the_last_word_says() {
    let (mut simulation, _clients) = clients_of_core_0(500);
    simulation.spread(0, 1, 300);
    simulation.turn();
    simulation.turn();
    let going = 300 - simulation.ledgers(0).0.handed_out;
    assert!(going > 0, "the first word takes several turns");
    simulation.spread(0, 1, going);
    (0..100).for_each(|_| simulation.turn());
    assert_eq!(simulation.ledgers(1).0.handed_in, 300);
}
