//! The gate under simulated cores: random limits, requests, endings, faults below, cores that are
//! held up. A seed replays its run; `RINGGATE_TEST_SIZE` multiplies their number.

mod seeds;

use ringgate::config::{
    AdmissionLimits, Admit, CertificateSource, Config, Endpoint, HalfClose, ListenAddr, MaxAccepts,
    ProxyProtocol, RequestRates, Scheme, Shed, TrustedProxy,
};
use ringgate::runtime::driver::simulated::{Action, Client, Faults};
use ringgate::simulation::Simulation;
use ringgate::{Request, Router};
use seeds::Dice;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

/// Handlers that run, and the most that ever did.
#[derive(Default)]
struct Stage {
    running: AtomicU32,
    most: AtomicU32,
}

struct OnStage(Arc<Stage>);

impl OnStage {
    fn enter(stage: &Arc<Stage>) -> OnStage {
        let running = stage.running.fetch_add(1, Ordering::SeqCst) + 1;
        stage.most.fetch_max(running, Ordering::SeqCst);
        OnStage(stage.clone())
    }
}

impl Drop for OnStage {
    fn drop(&mut self) {
        self.0.running.fetch_sub(1, Ordering::SeqCst);
    }
}

fn router(stage: &Arc<Stage>) -> Router<()> {
    let stage = stage.clone();
    Router::new().get("/sleep/{ms}", move |request: Request| {
        let stage = stage.clone();
        async move {
            let _on_stage = OnStage::enter(&stage);
            let ms: u64 = request.param("ms").unwrap_or("0").parse().unwrap_or(0);
            if ms > 0 {
                ringgate::runtime::sleep(Duration::from_millis(ms)).await;
            }
            "slept"
        }
    })
}

fn limits(dice: &mut Dice) -> AdmissionLimits {
    let slots = 1 + dice.roll(4);
    let accepts = match dice.roll(4) {
        0 => MaxAccepts::None,
        1 => MaxAccepts::Unbounded,
        more => MaxAccepts::AtMost(NonZeroU32::new(slots + more).expect("above zero")),
    };
    AdmissionLimits::new(NonZeroU32::new(slots), accepts).expect("consistent")
}

fn slots(limits: AdmissionLimits) -> u32 {
    limits.max_threads().map_or(u32::MAX, NonZeroU32::get)
}

fn play(seed: u64) {
    let mut dice = Dice::new(seed);
    let stage = Arc::<Stage>::default();
    let mut in_force = limits(&mut dice);
    let mut most = slots(in_force);
    let mut config = Config {
        admission: in_force,
        ..Config::default()
    };
    if dice.roll(2) == 0 {
        config.queue.shed = Shed::Newest;
    }
    if dice.roll(4) == 0 {
        config.queue.timeout = Duration::from_millis(5);
    }
    if dice.roll(4) == 0 {
        config.queue.half_close = HalfClose::Serve;
    }
    if dice.roll(4) == 0 {
        // All of them count as one client.
        config.rates = RequestRates {
            rate: Some("1000/s".parse().expect("a rate")),
            burst: NonZeroU32::new(1 + dice.roll(9)),
            field: Some("Host".to_owned()),
        };
    }
    let faults = match dice.roll(2) {
        0 => Faults::none(),
        _ => Faults {
            accept_error: 0.0,
            ..Faults::drawn(seed)
        },
    };
    let cores = 1 + dice.roll(4);
    let mut simulation = Simulation::with_cores(&config, router(&stage), cores, seed, faults);
    let clients: Vec<_> = (0..12)
        .map(|_| {
            let client = simulation.connect_to(dice.roll(cores) as usize);
            let (ms, requests) = (dice.roll(8), 1 + dice.roll(3));
            let head = format!("GET /sleep/{ms} HTTP/1.1\r\nHost: a\r\n\r\n");
            let at = |dice: &mut Dice| Duration::from_micros(dice.roll(20_000).into());
            let when = at(&mut dice);
            client.after(
                when,
                Action::Send(head.repeat(requests as usize).into_bytes()),
            );
            let end = match dice.roll(4) {
                0 => Action::Reset,
                1 => Action::ShutdownWrite,
                _ => Action::Close,
            };
            let patience = match dice.roll(2) {
                0 => at(&mut dice),
                _ => Duration::from_millis(200),
            };
            client.after(when + patience, end);
            client
        })
        .collect();
    let mut held_up: Option<(usize, u32)> = None;
    let mut idle_turns = 0;
    let over = simulation.world().now() + Duration::from_millis(400);
    for turn in 0.. {
        match &mut held_up {
            Some((core, turns)) => {
                simulation.turn_without(*core);
                *turns -= 1;
                if *turns == 0 {
                    held_up = None;
                }
            }
            None => simulation.turn(),
        }
        match dice.roll(200) {
            0 => {
                in_force = limits(&mut dice);
                most = most.max(slots(in_force));
                simulation.set_limits(in_force);
            }
            1 if cores > 1 => held_up = Some((dice.roll(cores) as usize, 1 + dice.roll(20))),
            _ => {}
        }
        let (taken, waiting) = simulation.gate();
        let running = stage.running.load(Ordering::SeqCst);
        assert!(
            running <= most,
            "seed {seed}, turn {turn}: {running} of {most} run"
        );
        assert!(
            running <= taken,
            "seed {seed}, turn {turn}: {running} run, {taken} are taken"
        );
        // A slot is idle while somebody waits only if who waits is on a core that is held up, or is told just now.
        idle_turns = match waiting == 0 || taken >= slots(in_force) || held_up.is_some() {
            true => 0,
            false => idle_turns + 1,
        };
        assert!(
            idle_turns <= if cores > 1 { 4 } else { 0 },
            "seed {seed}, turn {turn}: {waiting} wait, {taken} of {in_force:?} are taken"
        );
        let open: u64 = (0..cores as usize)
            .map(|core| simulation.ledgers(core).0.open)
            .sum();
        if simulation.world().now() > over && open == 0 {
            break;
        }
        assert!(
            turn < 100_000,
            "seed {seed}: never over; {:?}",
            simulation.gate()
        );
        if turn % 64 == 63 {
            simulation.world().advance(Duration::from_micros(200));
        }
    }
    drop(clients);
    assert_eq!(simulation.gate(), (0, 0), "seed {seed}");
    assert_eq!(stage.running.load(Ordering::SeqCst), 0, "seed {seed}");
    for core in 0..cores as usize {
        let (connections, requests) = simulation.ledgers(core);
        assert!(connections.balances() && requests.balances(), "seed {seed}");
        assert_eq!((requests.running, requests.pending), (0, 0), "seed {seed}");
    }
    assert_eq!(simulation.world().misuses(), 0, "seed {seed}");
}

#[test]
fn whatever_happens_the_limit_holds_and_every_slot_comes_back() {
    seeds::play_each(200, play);
}

#[test]
fn a_standing_queue_is_shed_and_says_codel() {
    let mut config = Config {
        admission: AdmissionLimits::new(NonZeroU32::new(1), MaxAccepts::Unbounded)
            .expect("consistent"),
        ..Config::default()
    };
    config.queue.target = Duration::from_millis(1);
    config.queue.interval = Duration::from_millis(20);
    let router = router(&Arc::default());
    let mut simulation = Simulation::with_cores(&config, router, 1, 7, Faults::none());
    // Each handler takes longer than the target, and two of them longer than the interval.
    let clients: Vec<_> = (0..10)
        .map(|_| {
            let client = simulation.connect_to(0);
            client.send(b"GET /sleep/15 HTTP/1.1\r\nHost: a\r\n\r\n");
            client
        })
        .collect();
    let answer = |client: &Client| String::from_utf8(client.received()).expect("text");
    simulation.run_until(|_| clients.iter().all(|client| !client.received().is_empty()));
    let (served, refused): (Vec<_>, Vec<_>) = clients
        .iter()
        .map(answer)
        .partition(|answer| answer.starts_with("HTTP/1.1 200 "));
    assert!(served.len() > 1 && !refused.is_empty(), "{}", served.len());
    for answer in &refused {
        assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
        assert!(answer.contains("x-ringgate-reason: codel\r\n"), "{answer}");
    }
    let last = answer(&clients[9]);
    assert!(
        last.starts_with("HTTP/1.1 200 "),
        "the last in line is not refused: {last}"
    );
}

/// With `half_close = "serve"` a client that waits may end its side. The poll that tells ends with it where the
/// completion queue overflows.
#[test]
fn a_connection_that_waits_is_not_read_before_it_has_its_slot_though_its_client_ends_its_side() {
    let mut config = Config {
        admission: AdmissionLimits::new(NonZeroU32::new(1), MaxAccepts::Unbounded)
            .expect("consistent"),
        ..Config::default()
    };
    config.queue.admit = Admit::Connection;
    config.queue.half_close = HalfClose::Serve;
    config.queue.timeout = Duration::from_secs(3);
    let faults = Faults {
        ended_multishot: 1.0,
        ..Faults::none()
    };
    let mut simulation = Simulation::with_cores(&config, router(&Arc::default()), 1, 7, faults);
    let ask = |simulation: &Simulation| {
        let client = simulation.connect();
        client.send(b"GET /sleep/0 HTTP/1.1\r\nHost: a\r\n\r\n");
        client
    };
    let first = ask(&simulation);
    simulation.run_until(|_| first.received().ends_with(b"slept"));
    let [second, third] = [(); 2].map(|()| {
        let waiting = ask(&simulation);
        waiting.shutdown_write();
        waiting
    });
    simulation.run_until(|simulation| simulation.gate() == (1, 2));
    simulation.pass(Duration::from_secs(1));
    assert!(second.received().is_empty(), "the first has the only slot");
    assert_eq!(simulation.gate(), (1, 2));
    first.reset();
    simulation.run_until(|_| second.is_closed() && third.is_closed());
    for waited in [second, third] {
        assert!(waited.received().ends_with(b"slept"));
    }
    let last = ask(&simulation);
    simulation.run_until(|_| last.received().ends_with(b"slept"));
    let refused = ask(&simulation);
    refused.shutdown_write();
    simulation.run_until(|_| refused.is_closed());
    assert!(refused.received().starts_with(b"HTTP/1.1 503 "));
}

#[test]
fn a_connection_that_waited_long_and_is_refused_has_its_time_for_a_handshake_or_a_header() {
    const LIMIT: Duration = Duration::from_secs(2);
    let address = |text: &str| text.parse::<ListenAddr>().expect("an address");
    for (scheme, ends) in [
        (Scheme::Https, false),
        (Scheme::Https, true),
        (Scheme::Http, false),
        (Scheme::Http, true),
    ] {
        let mut config = Config {
            admission: AdmissionLimits::new(NonZeroU32::new(1), MaxAccepts::Unbounded)
                .expect("consistent"),
            ..Config::default()
        };
        config.queue.admit = Admit::Connection;
        config.queue.half_close = HalfClose::Serve;
        config.queue.timeout = 3 * LIMIT;
        config.tls.handshake_timeout = LIMIT;
        let open = address("127.0.0.1:8080");
        let awaiting = address("127.0.0.1:8443");
        config.listen = vec![
            open.into(),
            Endpoint {
                scheme,
                address: awaiting.clone(),
            },
        ];
        if scheme == Scheme::Https {
            config.tls.certificates = vec![CertificateSource::SelfSigned];
        } else {
            config.proxies.trusted = vec![TrustedProxy::Unix];
            config.proxies.protocol = ProxyProtocol::At(vec![awaiting]);
            config.proxies.header_timeout = LIMIT;
        }
        let mut simulation =
            Simulation::with_cores(&config, router(&Arc::default()), 1, 7, Faults::none());
        let first = simulation.connect_by(0, 0);
        first.send(b"GET /sleep/0 HTTP/1.1\r\nHost: a\r\n\r\n");
        simulation.run_until(|_| first.received().ends_with(b"slept"));
        let began = simulation.world().now();
        let second = simulation.connect_by(1, 0);
        if ends {
            second.shutdown_write();
        }
        simulation.run_until(|_| second.is_closed());
        let took = simulation.world().now() - began;
        assert!(
            took >= 4 * LIMIT && took < 4 * LIMIT + LIMIT / 4,
            "{took:?}"
        );
        assert_eq!(simulation.ledgers(0).0.open, 1, "the one that has the slot");
    }
}

#[test]
fn a_reload_of_queue_timeout_holds_for_those_that_wait_from_the_beginning_of_their_wait() {
    let seconds = Duration::from_secs;
    for admit in [Admit::Request, Admit::Connection] {
        let mut config = Config {
            admission: AdmissionLimits::new(NonZeroU32::new(1), MaxAccepts::Unbounded)
                .expect("consistent"),
            ..Config::default()
        };
        config.queue.admit = admit;
        config.queue.timeout = Duration::ZERO;
        let mut simulation =
            Simulation::with_cores(&config, router(&Arc::default()), 1, 7, Faults::none());
        let ask = |simulation: &Simulation| {
            let client = simulation.connect();
            client.send(b"GET /sleep/3600000 HTTP/1.1\r\nHost: a\r\n\r\n");
            client
        };
        let first = ask(&simulation);
        simulation.run_until(|simulation| simulation.gate() == (1, 0));
        let second = ask(&simulation);
        simulation.run_until(|simulation| simulation.gate() == (1, 1));
        simulation.pass(seconds(3));
        let third = ask(&simulation);
        simulation.run_until(|simulation| simulation.gate() == (1, 2));
        let mut reload = |simulation: &mut Simulation, timeout| {
            config.queue.timeout = timeout;
            simulation.reload(&config);
        };
        reload(&mut simulation, seconds(2));
        simulation.pass(seconds(1));
        let told = String::from_utf8_lossy(&second.received()).into_owned();
        assert!(
            told.contains("x-ringgate-reason: queue-timeout\r\n"),
            "{told}"
        );
        assert!(third.received().is_empty(), "it has waited for a second");
        reload(&mut simulation, Duration::ZERO);
        simulation.pass(seconds(5));
        assert!(third.received().is_empty(), "it may wait for ever");
        reload(&mut simulation, seconds(10));
        simulation.pass(seconds(3));
        assert!(third.received().is_empty(), "it has waited for nine");
        simulation.pass(seconds(2));
        let told = String::from_utf8_lossy(&third.received()).into_owned();
        assert!(told.starts_with("HTTP/1.1 503 "), "{told}");
        assert!(first.received().is_empty(), "it has the slot");
        assert_eq!(simulation.gate(), (1, 0));
    }
}

/// One slot, held by the first connection of core 0 for as long as that is open.
fn held_by_one(seed: u64) -> (Simulation, Client) {
    let one = AdmissionLimits::new(NonZeroU32::new(1), MaxAccepts::Unbounded);
    let mut config = Config {
        admission: one.expect("consistent"),
        ..Config::default()
    };
    config.queue.admit = Admit::Connection;
    let faults = Faults::none();
    let mut simulation = Simulation::with_cores(&config, router(&Arc::default()), 3, seed, faults);
    let holder = ask_on(&mut simulation, 0);
    simulation.run_until(|_| holder.received().ends_with(b"slept"));
    (simulation, holder)
}

/// A client of this core that asks, and is at the gate as the last one.
fn ask_on(simulation: &mut Simulation, core: usize) -> Client {
    let before: u64 = (0..3).map(|core| simulation.ledgers(core).0.open).sum();
    let client = simulation.connect_to(core);
    client.send(b"GET /sleep/0 HTTP/1.1\r\nHost: a\r\n\r\n");
    simulation.run_until(|simulation| {
        (0..3)
            .map(|core| simulation.ledgers(core).0.open)
            .sum::<u64>()
            > before
    });
    client
}

#[test]
fn connections_that_wait_leave_with_their_core_and_keep_their_places() {
    for seed in 0..20 {
        let (mut simulation, holder) = held_by_one(seed);
        let waiting: Vec<_> = [0, 1, 0, 2, 0, 1, 0]
            .into_iter()
            .map(|core| ask_on(&mut simulation, core))
            .collect();
        assert_eq!(simulation.gate(), (1, 7));
        simulation.leave(0, 1);
        // Whoever holds the slot may still hold it when the core is long gone.
        simulation.run_until(|simulation| simulation.ledgers(0).0.open == 0);
        simulation.run_until(|simulation| simulation.gate() == (1, 7));
        assert!(waiting.iter().all(|client| client.received().is_empty()));
        holder.close();
        for (nth, client) in waiting.iter().enumerate() {
            simulation.run_until(|_| client.received().ends_with(b"slept"));
            let behind = &waiting[nth + 1..];
            assert!(
                behind.iter().all(|client| client.received().is_empty()),
                "{nth}"
            );
            simulation.run_until(|simulation| simulation.gate() == (1, 6 - nth as u32));
            client.close();
        }
        simulation.run_until(|simulation| simulation.gate() == (0, 0));
        assert_eq!(simulation.world().misuses(), 0);
    }
}

#[test]
fn a_connection_that_waits_moves_or_is_granted_its_slot_and_never_loses_both() {
    for seed in 0..60 {
        let mut dice = Dice::new(seed);
        let (mut simulation, holder) = held_by_one(seed);
        let mut clients = vec![holder];
        for _ in 0..6 {
            let core = dice.roll(3) as usize;
            clients.push(ask_on(&mut simulation, core));
        }
        let mut away = None;
        // Slots come free while cores leave, stay, and leave again.
        for client in &clients {
            for _ in 0..dice.roll(6) {
                match (dice.roll(4), away) {
                    (0, None) => {
                        let from = dice.roll(3);
                        simulation.leave(from, (from + 1) % 3);
                        away = Some(from);
                    }
                    (1, Some(from)) => {
                        simulation.stay(from);
                        away = None;
                    }
                    (_, _) => simulation.turn(),
                }
                let (running, _) = simulation.gate();
                assert!(running <= 1, "seed {seed}: {running} slots");
            }
            simulation.run_until(|_| client.received().ends_with(b"slept"));
            client.close();
        }
        simulation.run_until(|simulation| simulation.gate() == (0, 0));
        for core in 0..3 {
            simulation.run_until(|simulation| simulation.ledgers(core).0.open == 0);
        }
        assert_eq!(simulation.world().misuses(), 0);
    }
}

#[test]
fn connections_that_wait_leave_the_queue_at_once_for_another_process_and_stand_in_it_again_if_they_stay()
 {
    let (mut simulation, holder) = held_by_one(5);
    let waiting: Vec<_> = [0, 1, 0].map(|core| ask_on(&mut simulation, core)).to_vec();
    simulation.hand_over(0);
    simulation.stay(0);
    simulation.run_until(|simulation| simulation.gate() == (1, 3));
    // No slot of one that went is granted to one that goes as well.
    simulation.hand_over(0);
    let mut least = u32::MAX;
    simulation.run_until(|simulation| {
        least = least.min(simulation.gate().1);
        simulation.ledgers(0).0.open == 0
    });
    assert!(least <= 1, "{least} waited");
    simulation.run_until(|_| waiting[1].received().ends_with(b"slept"));
    assert!(waiting[0].received().is_empty() && waiting[2].received().is_empty());
    assert_eq!(simulation.gate(), (1, 0));
    drop(holder);
}

#[test]
fn a_connection_that_waits_and_moves_is_refused_after_its_time_from_the_beginning_of_its_wait() {
    let (mut simulation, _holder) = held_by_one(3);
    let mut config = Config::default();
    config.queue.timeout = Duration::from_secs(4);
    config.queue.admit = Admit::Connection;
    simulation.reload(&config);
    simulation.turn();
    let waiting = ask_on(&mut simulation, 0);
    let began = simulation.world().now();
    simulation.pass(Duration::from_secs(3));
    simulation.leave(0, 1);
    simulation.run_until(|_| waiting.received().starts_with(b"HTTP/1.1 503 "));
    let waited = simulation.world().now() - began;
    assert!(waited < Duration::from_secs(5), "{waited:?}");
}

#[test]
fn a_request_that_is_refused_over_http_1_is_not_told_to_send_its_body() {
    let none = AdmissionLimits::new(NonZeroU32::new(1), MaxAccepts::None);
    let config = Config {
        admission: none.expect("consistent"),
        ..Config::default()
    };
    let router = router(&Arc::default()).post("/echo", |request: Request| async move {
        request
            .into_body()
            .bytes()
            .await
            .unwrap_or_default()
            .len()
            .to_string()
    });
    let mut simulation = Simulation::new(&config, router, 1);
    let busy = simulation.connect();
    busy.send(b"GET /sleep/1000 HTTP/1.1\r\nHost: a\r\n\r\n");
    simulation.run_until(|simulation| simulation.gate() == (1, 0));
    let client = simulation.connect();
    client.send(
        b"POST /echo HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n",
    );
    simulation.run_until(|_| client.is_closed());
    let answer = String::from_utf8(client.received()).expect("text");
    assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
}
