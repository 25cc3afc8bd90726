//! The whole world at once: clients of every protocol by several listeners, over TLS and without, that ask for anything,
//! break rules, fall silent and go, on cores that leave, drain, stop and are held up, with faults below. What a client
//! hears of its requests comes once and in order; the books balance after every step; and when a day has passed nothing
//! is left. A seed replays its run.

#[path = "../program/any_server.rs"]
mod any_server;
#[path = "../http2/forge.rs"]
#[allow(dead_code, reason = "no test uses all of it")]
mod forge;
#[path = "../frames/mod.rs"]
mod frames;
#[path = "../seeds/mod.rs"]
mod seeds;

mod client;
mod requests;
mod routes;

use client::Guest;
use ringgate::config::{
    AdmissionLimits, Admit, CertificateSource, Config, HalfClose, MaxAccepts, ProxyProtocol, Shed,
    TrustedProxy,
};
use ringgate::http1::exchange::State;
use ringgate::http1::upgraded::Phase;
use ringgate::runtime::driver::simulated::{Faults, World};
use ringgate::simulation::Simulation;
use seeds::Dice;
use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::time::Duration;

const MILLISECOND: Duration = Duration::from_millis(1);
const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(3600);

/// The listeners: at a port, at a Unix socket that all cores share, at one behind a proxy, and over TLS.
const LISTEN: [&str; 3] = ["127.0.0.1:80", "unix:/all", "unix:/behind-a-proxy"];
const BEHIND_A_PROXY: usize = 2;
const TLS: usize = 3;

fn limits(dice: &mut Dice) -> AdmissionLimits {
    let slots = NonZeroU32::new(1 + dice.roll(5));
    let accepts = match dice.roll(3) {
        0 => MaxAccepts::None,
        1 => MaxAccepts::AtMost(slots.map_or(NonZeroU32::MAX, |slots| slots.saturating_add(2))),
        _ => MaxAccepts::Unbounded,
    };
    AdmissionLimits::new(slots, accepts).expect("limits that fit together")
}

fn config(dice: &mut Dice) -> Config {
    let mut config = Config::default();
    let listen = LISTEN.iter().map(|address| address.parse());
    config.listen = listen.collect::<Result<_, _>>().expect("addresses");
    config.proxies.trusted = vec![TrustedProxy::Unix];
    let behind = LISTEN[BEHIND_A_PROXY].parse().expect("an address");
    config.proxies.protocol = ProxyProtocol::At(vec![behind]);
    config.proxies.header_timeout = SECOND;
    if dice.roll(6) == 0 {
        config
            .listen
            .push("https://127.0.0.1:443".parse().expect("an address"));
        config.tls.certificates = vec![CertificateSource::SelfSigned];
    }
    if dice.roll(2) == 0 {
        config.admission = limits(dice);
    }
    if dice.roll(4) == 0 {
        config.queue.admit = Admit::Connection;
    }
    if dice.roll(4) == 0 {
        config.queue.shed = Shed::Newest;
    }
    if dice.roll(4) == 0 {
        config.queue.half_close = HalfClose::Serve;
    }
    if dice.roll(4) == 0 {
        config.queue.timeout = 20 * MILLISECOND;
    }
    if dice.roll(6) == 0 {
        config.queue.per_address = NonZeroU32::new(1 + dice.roll(3));
    }
    if dice.roll(6) == 0 {
        config.timeouts.requests_per_connection = 1 + dice.roll(4);
    }
    if dice.roll(4) == 0 {
        config.timeouts.linger_size = Some(5_000);
    }
    let limit = |dice: &mut Dice| SECOND * (1 + dice.roll(4));
    config.timeouts.head = limit(dice);
    config.timeouts.body = limit(dice);
    config.timeouts.write = limit(dice);
    config.timeouts.idle = limit(dice);
    config.timeouts.linger = limit(dice);
    config.websocket.ping = limit(dice);
    config.websocket.pong_timeout = limit(dice);
    config.websocket.message_timeout = limit(dice);
    config.websocket.close_timeout = limit(dice);
    config.websocket.tunnel_timeout = 10 * limit(dice);
    config.drain.keepalive_grace = limit(dice);
    config.limits.body_size = Some(100_000);
    config
}

fn faults(dice: &mut Dice, seed: u64) -> Faults {
    let drawn = match dice.roll(3) {
        0 => Faults::none(),
        1 => Faults {
            accept_error: 0.0,
            ..Faults::drawn(seed)
        },
        // Descriptors and memory run out, too.
        _ => Faults::drawn(seed),
    };
    let untold_resets = if seed.is_multiple_of(3) { 0.3 } else { 0.0 };
    Faults {
        untold_resets,
        ..drawn
    }
}

/// Shows a run that fails, if that is wanted: `RINGGATE_TEST_LOG`.
struct Shown(World, Config);

impl Drop for Shown {
    fn drop(&mut self) {
        if std::thread::panicking() && std::env::var_os("RINGGATE_TEST_LOG").is_some() {
            println!("{:#?}\n{}", self.1, self.0.log().join("\n"));
        }
    }
}

/// Holds that the books balance and nothing was done that the kernel would refuse.
fn check(simulation: &Simulation, cores: u32, most: u32) {
    for core in 0..cores as usize {
        let (connections, requests) = simulation.ledgers(core);
        assert!(connections.balances(), "{connections:?}");
        assert!(requests.balances(), "{requests:?}");
    }
    // Limits that were lowered kill nothing.
    assert!(simulation.gate().0 <= most, "{:?}", simulation.gate());
    assert_eq!(simulation.world().misuses(), 0);
}

/// The core to which each core leaves, if it does. No coordinator has cores leave to each other, not by way of others
/// either: between them a connection would go for ever.
#[derive(Default)]
struct Leaving(BTreeMap<u32, u32>);

impl Leaving {
    /// Has a core leave to another one, unless what it has would come back.
    fn leave(&mut self, simulation: &mut Simulation, core: u32, to: u32) {
        let mut way = std::iter::successors(Some(to), |at| self.0.get(at).copied());
        if way.all(|at| at != core) {
            self.0.insert(core, to);
            simulation.leave(core, to);
        }
    }

    fn stay(&mut self, simulation: &mut Simulation, core: u32) {
        self.0.remove(&core);
        simulation.stay(core);
    }
}

/// Something happens to the server.
fn disturb(
    simulation: &mut Simulation,
    dice: &mut Dice,
    cores: u32,
    most: &mut u32,
    leaving: &mut Leaving,
) {
    let core = dice.roll(cores);
    let other = dice.roll(cores);
    match dice.roll(24) {
        0 => leaving.leave(simulation, core, other),
        1 => leaving.stay(simulation, core),
        2 => simulation.spread(core, other, u64::from(1 + dice.roll(3))),
        3 => simulation.move_listener(dice.roll(cores), other),
        4 => {
            let limits = limits(dice);
            *most = (*most).max(limits.max_threads().map_or(u32::MAX, NonZeroU32::get));
            simulation.set_limits(limits);
        }
        5 => match dice.roll(12) {
            0 | 1 => simulation.drain(core),
            2 => simulation.force(core),
            _ => {}
        },
        6..8 => simulation
            .world()
            .advance(MILLISECOND * (1 + dice.roll(1000))),
        8 => simulation.world().advance(SECOND * dice.roll(4)),
        9..12 => simulation.turn_without(core as usize),
        _ => {}
    }
}

fn a_day_passes(simulation: &mut Simulation, cores: u32, most: u32) {
    for _ in 0..24 {
        simulation.world().advance(HOUR);
        for _ in 0..8 {
            simulation.turn();
            check(simulation, cores, most);
        }
    }
}

/// A handler may think, with a body that it does not read, and a client that has its answer be silent, as long as they
/// like; without `queue_timeout` one may wait at the gate as long as those keep its slots. Whatever else a connection
/// does has ended by now.
fn only_what_has_no_limit_is_left(simulation: &mut Simulation, config: &Config, cores: u32) {
    let waits_for_ever = config.queue.timeout.is_zero();
    let mut waiting = if waits_for_ever {
        simulation.gate().1
    } else {
        0
    };
    for core in 0..cores as usize {
        let requests = simulation.ledgers(core).1;
        let states = simulation.states(core);
        let thinks = |state: &&State| {
            matches!(
                state,
                State::Running
                    | State::Streaming
                    | State::Receiving
                    | State::StreamingReceiving
                    | State::Upgraded(Phase::Streams)
            )
        };
        let (think, others): (Vec<&State>, Vec<&State>) = states.iter().partition(thinks);
        let said = format!("{waiting} wait; {requests:?}; {states:?}");
        assert!(
            think.len() as u64 <= requests.running + requests.pending,
            "{said}"
        );
        // One that has not been let in yet has nothing to be limited in.
        assert!(others.iter().all(|state| **state == State::Idle), "{said}");
        assert!(others.len() as u32 <= waiting, "{said}");
        waiting -= others.len() as u32;
    }
}

fn play(seed: u64) {
    let mut dice = Dice::new(seed);
    let config = config(&mut dice);
    let faults = faults(&mut dice, seed);
    let cores = 1 + dice.roll(3);
    let mut most = config
        .admission
        .max_threads()
        .map_or(u32::MAX, NonZeroU32::get);
    let mut simulation = Simulation::with_cores(&config, routes::router(), cores, seed, faults);
    if dice.roll(4) == 0 {
        simulation.take_long_ways();
    }
    let _shown = Shown(simulation.world().clone(), config.clone());
    let mut guests = Vec::new();
    let mut leaving = Leaving::default();
    for _ in 0..150 {
        if guests.is_empty() || guests.len() < 12 && dice.roll(12) == 0 {
            let listen = dice.roll(config.listen.len() as u32) as usize;
            let socket = simulation.connect_by(listen, dice.roll(cores) as usize);
            guests.push(Guest::new(socket, listen, &mut dice));
        }
        let guest = dice.roll(guests.len() as u32) as usize;
        guests[guest].act(&mut dice);
        if dice.roll(3) == 0 {
            disturb(&mut simulation, &mut dice, cores, &mut most, &mut leaving);
            check(&simulation, cores, most);
        }
        for _ in 0..dice.roll(3) {
            simulation.turn();
            check(&simulation, cores, most);
        }
        guests.iter_mut().for_each(|guest| guest.hear());
    }
    if dice.roll(4) == 0 {
        let core = dice.roll(cores);
        match dice.roll(2) {
            0 => simulation.force(core),
            _ => simulation.drain(core),
        }
    }
    // Whoever is in the middle of something goes on for a while, or says nothing more.
    for _ in 0..40 {
        simulation.pass(SECOND / 4);
        for _ in 0..4 {
            simulation.turn();
            check(&simulation, cores, most);
        }
        guests.iter_mut().for_each(|guest| guest.hear());
    }
    guests.iter().for_each(|guest| guest.check());
    // Longer than all limits, one behind the other. Its cores sleep meanwhile: one that is held up gives clients their
    // time anew.
    simulation.pass(2 * HOUR);
    (0..8).for_each(|_| simulation.turn());
    only_what_has_no_limit_is_left(&mut simulation, &config, cores);
    guests.iter().for_each(|guest| guest.socket.reset());
    a_day_passes(&mut simulation, cores, most);
    for core in 0..cores as usize {
        let (connections, requests) = simulation.ledgers(core);
        let states = simulation.states(core);
        assert_eq!(
            connections.open, 0,
            "{states:?} {connections:?} {requests:?}"
        );
        assert_eq!((requests.running, requests.pending), (0, 0));
    }
    assert_eq!(simulation.gate(), (0, 0));
    // What a core gives to the coordinator is gone: there is none.
    let moves = (0..cores as usize).map(|core| simulation.ledgers(core).0);
    let (out, back) = moves.fold((0, 0), |(out, back), core| {
        (out + core.handed_out, back + core.handed_in)
    });
    let open = simulation.world().open_descriptors() as u64;
    assert_eq!(open, out - back, "{out} left, {back} came");
}

#[test]
fn whatever_happens_to_everybody_answers_come_once_and_in_order_and_nothing_is_left() {
    seeds::play_each(100, play);
}
