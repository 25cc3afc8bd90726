//! The round trip of a piece of work that does nothing: `lane.run` on a core of the runtime, and
//! `tokio::task::spawn_blocking` on a runtime of one thread, each with one thread for the work.

use std::fmt;
use std::hint::black_box;
use std::io;
use std::time::{Duration, Instant};

use clap::Args;
use nix::time::ClockId;
use ringgate_runtime::{Core, CoreOptions, Lane};
use serde::Serialize;

use super::{Ratio, mean};

/// The wishes for one comparison.
#[derive(Debug, Clone, Args)]
pub struct Options {
    /// Round trips in all, of each side
    #[arg(long, short = 'n', default_value_t = 1_000_000, value_name = "N")]
    pub trips: u64,
    /// Rounds they are shared out over; in each both sides take their turn
    #[arg(long, default_value_t = 20, value_name = "N")]
    pub rounds: u64,
    /// Tasks that each wait for their own trip
    #[arg(long, default_value_t = 1, value_name = "N")]
    pub in_flight: u64,
    /// Microseconds that the lane's worker looks for work before it sleeps
    #[arg(long, default_value_t = 0, value_name = "MICROSECONDS")]
    pub spin: u64,
}

/// One side.
#[derive(Debug, Clone, Serialize)]
pub struct Side {
    /// Mean time of a round trip, divided by those in flight, in nanoseconds.
    pub wall_ns: f64,
    /// Mean CPU time of a round trip, of all threads, in nanoseconds.
    pub cpu_ns: f64,
}

/// Both sides.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// Round trips of each side.
    pub trips: u64,
    /// Rounds.
    pub rounds: u64,
    /// In flight at a time.
    pub in_flight: u64,
    /// `lane.run`.
    pub lane: Side,
    /// `spawn_blocking`.
    pub spawn_blocking: Side,
    /// Of the mean times, lane to spawn_blocking.
    pub wall_ratio_of_means: f64,
    /// Of the mean CPU times.
    pub cpu_ratio_of_means: f64,
    /// Median of the rounds' ratios of time.
    pub wall_ratio: Ratio,
    /// Median of the rounds' ratios of CPU time.
    pub cpu_ratio: Ratio,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{} round trips in {} rounds, {} in flight",
            self.trips, self.rounds, self.in_flight
        )?;
        for (name, side) in [
            ("lane.run", &self.lane),
            ("spawn_blocking", &self.spawn_blocking),
        ] {
            writeln!(
                f,
                "{name:<15} {:>8.0} ns a trip  {:>8.0} ns of CPU",
                side.wall_ns, side.cpu_ns
            )?;
        }
        writeln!(
            f,
            "lane to spawn_blocking, mean: time {:.3}, CPU {:.3}",
            self.wall_ratio_of_means, self.cpu_ratio_of_means
        )?;
        write!(
            f,
            "median of rounds: time {}, CPU {}",
            self.wall_ratio, self.cpu_ratio
        )
    }
}

/// Compares them.
///
/// # Errors
/// If a ring, a thread or a clock cannot be had.
pub fn run(options: &Options) -> io::Result<Report> {
    let in_flight = options.in_flight.max(1);
    let each = (options.trips / options.rounds.max(1) / in_flight).max(1);
    let core = Core::new(CoreOptions::default()).map_err(io::Error::other)?;
    let lane = Lane::workers(1)
        .spin(Duration::from_micros(options.spin))
        .stateless()
        .open("trips")
        .map_err(io::Error::other)?;
    let tokio = tokio::runtime::Builder::new_current_thread()
        .max_blocking_threads(1)
        .build()?;
    let mut wall = [Vec::new(), Vec::new()];
    let mut cpu = [Vec::new(), Vec::new()];
    // The first round warms both up and does not count.
    for round in 0..=options.rounds.max(1) {
        // Who is first changes with the round.
        for turn in 0..2 {
            let side = ((round + turn) % 2) as usize;
            let began = (Instant::now(), cpu_time()?);
            match side {
                0 => on_lane(&core, &lane, in_flight, each),
                _ => on_tokio(&tokio, in_flight, each),
            }
            let trips = (in_flight * each) as f64;
            if round > 0 {
                wall[side].push(began.0.elapsed().as_nanos() as f64 / trips);
                cpu[side].push((cpu_time()? - began.1).as_nanos() as f64 / trips);
            }
        }
    }
    let side = |index: usize| Side {
        wall_ns: mean(&wall[index]),
        cpu_ns: mean(&cpu[index]),
    };
    let ratios = |of: &[Vec<f64>; 2]| -> Vec<f64> {
        let pairs = of[0].iter().zip(&of[1]);
        pairs.map(|(lane, other)| lane / other).collect()
    };
    let none = || io::Error::other("no rounds");
    let (lane, spawn_blocking) = (side(0), side(1));
    Ok(Report {
        trips: in_flight * each * options.rounds.max(1),
        rounds: options.rounds.max(1),
        in_flight,
        wall_ratio_of_means: lane.wall_ns / spawn_blocking.wall_ns,
        cpu_ratio_of_means: lane.cpu_ns / spawn_blocking.cpu_ns,
        wall_ratio: Ratio::of(&ratios(&wall)).ok_or_else(none)?,
        cpu_ratio: Ratio::of(&ratios(&cpu)).ok_or_else(none)?,
        lane,
        spawn_blocking,
    })
}

fn cpu_time() -> io::Result<Duration> {
    let now = ClockId::CLOCK_PROCESS_CPUTIME_ID.now()?;
    Ok(Duration::from(now))
}

fn on_lane(core: &std::rc::Rc<Core>, lane: &Lane, in_flight: u64, each: u64) {
    let lane = lane.clone();
    core.block_on(async move {
        let tasks: Vec<_> = (0..in_flight)
            .map(|_| {
                let lane = lane.clone();
                ringgate_runtime::current().spawn(async move {
                    for trip in 0..each {
                        let value = lane.run(move |()| black_box(trip)).await;
                        assert_eq!(value.expect("the work ran"), trip);
                    }
                })
            })
            .collect();
        for task in tasks {
            task.await.expect("no panic");
        }
    });
}

fn on_tokio(tokio: &tokio::runtime::Runtime, in_flight: u64, each: u64) {
    tokio.block_on(async move {
        let tasks: Vec<_> = (0..in_flight)
            .map(|_| {
                tokio::spawn(async move {
                    for trip in 0..each {
                        let value = tokio::task::spawn_blocking(move || black_box(trip)).await;
                        assert_eq!(value.expect("the work ran"), trip);
                    }
                })
            })
            .collect();
        for task in tasks {
            task.await.expect("no panic");
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_sides_make_as_many_trips_as_asked() {
        let report = run(&Options {
            trips: 2000,
            rounds: 2,
            in_flight: 10,
            spin: 0,
        })
        .expect("it runs");
        assert_eq!(report.trips, 2000);
        assert!(report.lane.wall_ns > 0.0 && report.spawn_blocking.wall_ns > 0.0);
        let text = report.to_string();
        assert!(
            text.contains("lane.run") && text.contains("spawn_blocking"),
            "{text}"
        );
    }
}
