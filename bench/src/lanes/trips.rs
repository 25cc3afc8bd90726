//! The round trip of a piece of work that does nothing: `lane.run` on a core of the runtime, and
//! `tokio::task::spawn_blocking` on each runtime that somebody may have who calls it, side by side in one
//! process. Each has one thread for its tasks, one for the work, and what else it has by default; no
//! thread is pinned, on either side (a blocking thread of tokio would share the CPU that its runtime is
//! pinned to; a worker of a lane undoes it).
//!
//! The lane is compared with the runtime that is fastest for this work in this very run. Beside the
//! current-thread and the multi-thread one with all drivers on, as servers have them, there is one
//! without drivers: it hears no socket and no timer, as a core does, but sleeps on a futex.

use std::fmt;
use std::hint::black_box;
use std::io;
use std::time::{Duration, Instant};

use clap::Args;
use nix::time::ClockId;
use ringgate_runtime::{Core, CoreOptions, Lane};
use serde::Serialize;
use tokio::runtime::{Builder, Runtime};

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
    /// Microseconds that the lane's worker looks for more work before it sleeps
    #[arg(long, default_value_t = 0, value_name = "MICROSECONDS")]
    pub spin: u64,
}

/// The runtimes whose `spawn_blocking` is measured.
const RUNTIMES: [&str; 3] = [
    "current_thread",
    "multi_thread",
    "current_thread, no drivers",
];

fn runtime(name: &str) -> io::Result<Runtime> {
    let mut builder = match name {
        "multi_thread" => Builder::new_multi_thread(),
        _ => Builder::new_current_thread(),
    };
    if name != "current_thread, no drivers" {
        builder.enable_all();
    }
    builder.worker_threads(1).max_blocking_threads(1).build()
}

/// One side.
#[derive(Debug, Clone, Serialize)]
pub struct Side {
    /// `lane.run`, or the runtime whose `spawn_blocking` it is.
    pub name: &'static str,
    /// Mean time of a round trip, divided by those in flight, in nanoseconds.
    pub wall_ns: f64,
    /// Mean CPU time of a round trip, of all threads, in nanoseconds.
    pub cpu_ns: f64,
}

/// All sides.
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
    /// `spawn_blocking`, on each runtime.
    pub spawn_blocking: Vec<Side>,
    /// The runtime with the least mean time; the ratios are to it.
    pub fastest: &'static str,
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
        let line = |f: &mut fmt::Formatter<'_>, call: &str, side: &Side| {
            writeln!(
                f,
                "{call:<44} {:>8.0} ns a trip  {:>8.0} ns of CPU",
                side.wall_ns, side.cpu_ns
            )
        };
        line(f, self.lane.name, &self.lane)?;
        for side in &self.spawn_blocking {
            line(f, &format!("spawn_blocking ({})", side.name), side)?;
        }
        writeln!(
            f,
            "lane to spawn_blocking ({}), mean: time {:.3}, CPU {:.3}",
            self.fastest, self.wall_ratio_of_means, self.cpu_ratio_of_means
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
    let rounds = options.rounds.max(1);
    let each = (options.trips / rounds / in_flight).max(1);
    let core = Core::new(CoreOptions::default()).map_err(io::Error::other)?;
    let lane = Lane::workers(1).spin(Duration::from_micros(options.spin));
    let lane = lane.stateless().open("trips").map_err(io::Error::other)?;
    let runtimes = RUNTIMES.map(runtime);
    let runtimes = runtimes.into_iter().collect::<io::Result<Vec<_>>>()?;
    let sides = 1 + runtimes.len();
    // Of each side, of each round.
    let mut wall = vec![Vec::new(); sides];
    let mut cpu = wall.clone();
    // The first round warms all up and does not count.
    for round in 0..=rounds {
        // Who is first changes with the round.
        for turn in 0..sides as u64 {
            let side = (round + turn) as usize % sides;
            let began = (Instant::now(), cpu_time()?);
            match side {
                0 => on_lane(&core, &lane, in_flight, each),
                _ => on_tokio(&runtimes[side - 1], in_flight, each),
            }
            let trips = (in_flight * each) as f64;
            if round > 0 {
                wall[side].push(began.0.elapsed().as_nanos() as f64 / trips);
                cpu[side].push((cpu_time()? - began.1).as_nanos() as f64 / trips);
            }
        }
    }
    let side = |index: usize| Side {
        name: ["lane.run"]
            .into_iter()
            .chain(RUNTIMES)
            .nth(index)
            .unwrap_or(""),
        wall_ns: mean(&wall[index]),
        cpu_ns: mean(&cpu[index]),
    };
    let lane = side(0);
    let spawn_blocking: Vec<Side> = (1..sides).map(side).collect();
    let fastest = (1..sides)
        .min_by(|a, b| mean(&wall[*a]).total_cmp(&mean(&wall[*b])))
        .expect("there are runtimes");
    let ratio = |of: &[Vec<f64>]| {
        let pairs = of[0].iter().zip(&of[fastest]);
        let ratios: Vec<f64> = pairs.map(|(lane, other)| lane / other).collect();
        Ratio::of(&ratios).expect("there are rounds")
    };
    let other = &spawn_blocking[fastest - 1];
    Ok(Report {
        trips: in_flight * each * rounds,
        rounds,
        in_flight,
        fastest: other.name,
        wall_ratio_of_means: lane.wall_ns / other.wall_ns,
        cpu_ratio_of_means: lane.cpu_ns / other.cpu_ns,
        wall_ratio: ratio(&wall),
        cpu_ratio: ratio(&cpu),
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

fn on_tokio(runtime: &Runtime, in_flight: u64, each: u64) {
    // The tasks are spawned by one, for a multi-thread runtime has no other way onto its thread.
    let all = runtime.spawn(async move {
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
    runtime.block_on(all).expect("no panic");
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
        let least = report.spawn_blocking.iter().map(|side| side.wall_ns);
        let least = least.fold(f64::INFINITY, f64::min);
        assert!(report.lane.wall_ns > 0.0 && least > 0.0);
        assert_eq!(report.wall_ratio_of_means, report.lane.wall_ns / least);
        let text = report.to_string();
        assert!(
            text.contains("lane.run") && text.contains("spawn_blocking"),
            "{text}"
        );
    }
}
