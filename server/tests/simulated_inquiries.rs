//! Ledgers of several cores at one moment while connections move between them, in the simulation: no
//! connection arrives in a sum that it has not left.

mod seeds;

use ringgate::Router;
use ringgate::admission::ledger::Connections;
use ringgate::config::Config;
use ringgate::simulation::Simulation;
use ringgate_runtime::driver::simulated::Faults;
use seeds::Dice;

const CORES: u32 = 3;

fn cores(seed: u64) -> Simulation {
    let router = Router::new().get("/", |_| async { "hello" });
    Simulation::with_cores(&Config::default(), router, CORES, seed, Faults::none())
}

#[test]
fn a_core_that_gets_a_connection_from_one_that_has_told_tells_before_it_counts_it() {
    let mut simulation = cores(1);
    let _client = simulation.connect_to(0);
    simulation.run_until(|simulation| simulation.ledgers(0).0.open == 1);
    simulation.ask(0, 1);
    simulation.run_until(|simulation| simulation.told(0, 1).is_some());
    simulation.spread(0, 1, 1);
    simulation.run_until(|simulation| simulation.ledgers(1).0.open == 1);
    // The word that asks the second core comes after the connection.
    simulation.ask(1, 1);
    simulation.turn();
    let (first, _) = simulation.told(0, 1).expect("told");
    let (second, _) = simulation.told(1, 1).expect("told");
    assert_eq!((first.open, first.handed_out), (1, 0));
    assert_eq!((second.open, second.handed_in), (0, 0));
    // The next inquiry sees the move.
    simulation.ask(1, 2);
    simulation.run_until(|simulation| simulation.told(1, 2).is_some());
    let (second, _) = simulation.told(1, 2).expect("told");
    assert_eq!((second.open, second.handed_in), (1, 1));
}

#[test]
fn a_connection_that_left_before_its_core_told_is_in_transit_or_has_arrived() {
    let mut simulation = cores(1);
    let _client = simulation.connect_to(0);
    simulation.run_until(|simulation| simulation.ledgers(0).0.open == 1);
    simulation.spread(0, 1, 1);
    simulation.run_until(|simulation| simulation.ledgers(1).0.open == 1);
    simulation.ask(1, 1);
    simulation.ask(0, 1);
    simulation.turn();
    let (first, _) = simulation.told(0, 1).expect("told");
    let (second, _) = simulation.told(1, 1).expect("told");
    assert_eq!((first.open, first.handed_out), (0, 1));
    assert_eq!((second.open, second.handed_in), (1, 1));
}

#[test]
fn no_connection_that_moves_at_random_arrives_in_a_sum_that_it_has_not_left() {
    let mut arrived = 0;
    seeds::play_each(100, |seed| {
        let mut simulation = cores(seed);
        let mut dice = Dice::new(seed);
        let clients: Vec<_> = (0..CORES)
            .map(|core| simulation.connect_to(core as usize))
            .collect();
        let mut inquiry = 0;
        // The cores that have yet to be asked for it, as if the coordinator were slow.
        let mut unasked: Vec<u32> = Vec::new();
        for _ in 0..300 {
            let core = dice.roll(CORES);
            match dice.roll(4) {
                0 => simulation.turn_without(core as usize),
                1 => simulation.spread(core, (core + 1) % CORES, 1),
                2 => simulation.turn(),
                _ => {
                    if unasked.is_empty() {
                        inquiry += 1;
                        unasked = (0..CORES).collect();
                    }
                    let next = dice.roll(unasked.len() as u32);
                    simulation.ask(unasked.swap_remove(next as usize), inquiry);
                }
            }
        }
        unasked
            .drain(..)
            .for_each(|core| simulation.ask(core, inquiry));
        let told = |simulation: &Simulation, inquiry| {
            let told = (0..CORES).map(|core| simulation.told(core, inquiry));
            told.collect::<Option<Vec<_>>>()
        };
        simulation.run_until(|simulation| told(simulation, inquiry).is_some());
        for inquiry in 1..=inquiry {
            let mut sum = Connections::default();
            let told = told(&simulation, inquiry).expect("each core tells for each inquiry");
            told.iter()
                .for_each(|(connections, _)| sum.add(connections));
            assert!(sum.handed_in <= sum.handed_out, "seed {seed}: {sum:?}");
            let there = sum.open + sum.in_transit();
            assert_eq!(there, sum.accepted, "seed {seed}: {sum:?}");
            assert!(there <= clients.len() as u64, "seed {seed}: {sum:?}");
            arrived += sum.handed_in;
        }
    });
    assert!(arrived > 0, "nothing moved");
}
