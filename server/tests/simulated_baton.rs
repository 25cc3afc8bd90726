//! Listeners that change their owner, in the simulation: the world counts a second armed accept beside
//! a multishot one as a misuse, so an owner that passes a listener on too early is found out.

mod seeds;

use ringgate::Router;
use ringgate::config::Config;
use ringgate::simulation::Simulation;
use ringgate_runtime::driver::simulated::{Client, Faults};
use seeds::Dice;

const GET: &[u8] = b"GET / HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n";

fn two_cores(seed: u64, faults: Faults) -> Simulation {
    let router = Router::new().get("/", |_| async { "hello" });
    Simulation::with_cores(&Config::default(), router, 2, seed, faults)
}

fn ask(simulation: &Simulation, listener: usize) -> Client {
    let client = simulation.connect_to(listener);
    client.send(GET);
    client
}

fn accepted(simulation: &Simulation) -> [u64; 2] {
    [0, 1].map(|core| simulation.ledgers(core).0.accepted)
}

#[test]
fn a_listener_is_armed_by_its_next_owner_once_nothing_of_it_is_in_flight_at_the_one_before() {
    let mut simulation = two_cores(1, Faults::none());
    simulation.move_listener(0, 1);
    // The owner hears of it, and then does not turn for a while.
    simulation.turn_without(1);
    for _ in 0..10 {
        simulation.turn_without(0);
    }
    let client = ask(&simulation, 0);
    simulation.run_until(|_| client.is_closed());
    assert!(client.received().ends_with(b"hello"));
    let before = accepted(&simulation);
    let client = ask(&simulation, 0);
    simulation.run_until(|_| client.is_closed());
    assert!(client.received().ends_with(b"hello"));
    let by_the_next = [before[0], before[1] + 1];
    assert_eq!(accepted(&simulation), by_the_next);
    assert_eq!(simulation.world().misuses(), 0);
}

#[test]
fn listeners_that_move_at_random_have_one_armed_accept_and_lose_nobody() {
    seeds::play_each(200, |seed| {
        let faults = Faults {
            accept_error: 0.0,
            ..Faults::drawn(seed)
        };
        let mut simulation = two_cores(seed, faults);
        let mut dice = Dice::new(seed);
        let mut clients = Vec::new();
        for _ in 0..60 {
            match dice.roll(4) {
                0 => clients.push(ask(&simulation, dice.roll(2) as usize)),
                1 => simulation.turn_without(dice.roll(2) as usize),
                2 => simulation.move_listener(dice.roll(2), dice.roll(2)),
                _ => simulation.turn(),
            }
        }
        simulation.run_until(|_| clients.iter().all(Client::is_closed));
        let served = clients.iter().filter(|c| c.received().ends_with(b"hello"));
        assert_eq!(served.count(), clients.len(), "seed {seed}");
        assert_eq!(
            accepted(&simulation).iter().sum::<u64>(),
            clients.len() as u64,
            "seed {seed}"
        );
        assert_eq!(simulation.world().misuses(), 0, "seed {seed}");
    });
}
