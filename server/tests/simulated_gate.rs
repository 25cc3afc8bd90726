//! The gate under simulated cores: random limits, requests, endings, faults below, cores that are
//! held up. A seed replays its run; `RINGGATE_TEST_SIZE` multiplies their number.

mod seeds;

use ringgate::config::{AdmissionLimits, Config, HalfClose, MaxAccepts, RequestRates, Shed};
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
        // A slot is idle while somebody waits only if who waits is on a core that is held up.
        assert!(
            waiting == 0 || taken >= slots(in_force) || cores > 1,
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
