//! Tails: how long the slowest requests wait when a server is asked for a part of what it can do, at random instants.
//!
//! For each peer a closed loop finds what it answers at most; then requests come by a timetable at parts of that, and
//! their latency counts from the instant at which they were due. On a machine with two CPUs the load has one of
//! them, so what can be found is what both can do together.

use std::fmt;
use std::io;
use std::num::NonZeroU64;
use std::time::{Duration, Instant};

use clap::Args;
use serde::{Deserialize, Serialize};

use crate::kept::{self, Invalid, Keeper, Placed, Report};
use crate::load::{self, Arrivals, Verify};
use crate::race::order;
use crate::server::{Answer, Binaries, Cpus, Job, Peer, Programs, Server, pin_this_thread};
use crate::target::{Endpoint, Target};

/// How long the closed loop takes.
const CAPACITY: Duration = Duration::from_millis(700);
/// Load before the timetable is counted.
const WARM_UP: Duration = Duration::from_millis(200);
/// The name of the only load.
const SCENARIO: &str = "open-loop";

/// The wishes for tails.
#[derive(Debug, Clone, Args)]
pub struct Options {
    /// Servers to measure, by name
    #[arg(long, value_delimiter = ',', default_values_t = Peer::USUAL, value_name = "NAMES")]
    pub peers: Vec<Peer>,
    /// Rounds; each visits every peer
    #[arg(long, default_value_t = 3, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub rounds: u32,
    /// Seconds at each part of the capacity
    #[arg(long, default_value_t = 2, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=600))]
    pub seconds: u64,
    /// Parts of the capacity, in per cent
    #[arg(
        long,
        value_delimiter = ',',
        default_value = "50,80",
        value_name = "N,N"
    )]
    pub percent: Vec<u32>,
    /// Connections that carry the requests
    #[arg(short, long, default_value_t = 64, value_name = "N")]
    pub connections: usize,
    /// Where cells are kept
    #[command(flatten)]
    pub pieces: kept::Options,
    /// Programs of the servers
    #[command(flatten)]
    pub programs: Programs,
    /// Where it runs
    #[command(flatten)]
    pub cpus: Cpus,
}

/// Latencies at one part of the capacity, in microseconds.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Part {
    /// Of the capacity.
    pub percent: u32,
    /// Requests a second that were due.
    pub rate: u64,
    /// Median.
    pub p50: f64,
    /// 90th percentile.
    pub p90: f64,
    /// 99th percentile.
    pub p99: f64,
    /// 99.9th percentile.
    pub p99_9: f64,
    /// Longest.
    pub max: f64,
}

/// One peer in one round.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Cell {
    /// Counted from 0.
    pub round: u32,
    /// Always the same.
    pub scenario: String,
    /// Name of the server.
    pub peer: String,
    /// Requests a second in closed loop.
    pub capacity: f64,
    /// As asked, one after the other.
    pub parts: Vec<Part>,
}

impl Placed for Cell {
    fn place(&self) -> (u32, &str, &str) {
        (self.round, &self.scenario, &self.peer)
    }
}

/// Runs all rounds.
///
/// # Errors
/// A missing binary, a CPU that is not allowed, or a server that does not start.
pub fn run(options: &Options, mut progress: impl FnMut(&str)) -> io::Result<Report<Cell>> {
    options.cpus.require_two()?;
    load::raise_nofile(options.connections as u64 + 1024)?;
    let binaries = options.programs.prepare(&options.peers, &[Job::PLAIN])?;
    let mut keeper = Keeper::begin(&options.pieces, options.seconds)?;
    for round in 0..options.rounds {
        for peer in order(&options.peers, round) {
            let is_done = keeper.has(round, SCENARIO, peer.name()) || !peer.can(Job::PLAIN);
            if is_done || !keeper.has_time(1) {
                continue;
            }
            let began = Instant::now();
            match cell(options, &binaries, peer, round)? {
                Ok(cell) => {
                    progress(&format!("round {} {cell}", round + 1));
                    keeper.kept.cells.push(cell);
                }
                Err(failures) => keeper.kept.invalid.push(Invalid {
                    round,
                    scenario: SCENARIO.to_owned(),
                    peer: peer.name().to_owned(),
                    failures,
                }),
            }
            keeper.keep(began)?;
        }
    }
    keeper.tell_left(&mut progress);
    Ok(keeper.report())
}

/// The inner error is a request that ended otherwise than it had to.
fn cell(
    options: &Options,
    binaries: &Binaries,
    peer: Peer,
    round: u32,
) -> io::Result<Result<Cell, String>> {
    let server = Server::start(binaries, peer, options.cpus.server, Job::PLAIN)?;
    pin_this_thread(options.cpus.load)?;
    let closed = load::Options {
        requests: None,
        duration: Some(CAPACITY),
        connections: options.connections,
        verify: Verify::Plaintext,
        cpu: Some(options.cpus.load),
        ..load::Options::to(Target {
            endpoint: Endpoint::Tcp(server.address),
            tls: false,
            websocket: false,
            path: peer.path(Answer::Plaintext).to_owned(),
        })
    };
    let report = load::run(&closed).map_err(io::Error::other)?;
    if !report.failures().is_empty() {
        return Ok(Err(report.failures()));
    }
    let capacity = report.requests_per_second;
    let mut parts = Vec::new();
    for percent in &options.percent {
        let rate = (capacity * f64::from(*percent) / 100.0) as u64;
        let open = load::Options {
            rate: NonZeroU64::new(rate),
            arrivals: Arrivals::Random,
            warm_up: WARM_UP,
            duration: Some(WARM_UP + Duration::from_secs(options.seconds)),
            ..closed.clone()
        };
        let report = load::run(&open).map_err(io::Error::other)?;
        if !report.failures().is_empty() {
            return Ok(Err(report.failures()));
        }
        let latency = report.ok_latency_us;
        parts.push(Part {
            percent: *percent,
            rate,
            p50: latency.p50,
            p90: latency.p90,
            p99: latency.p99,
            p99_9: latency.p99_9,
            max: latency.max,
        });
    }
    Ok(Ok(Cell {
        round,
        scenario: SCENARIO.to_owned(),
        peer: peer.name().to_owned(),
        capacity,
        parts,
    }))
}

impl fmt::Display for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:<12} {:>8.0}/s", self.peer, self.capacity)?;
        for part in &self.parts {
            write!(
                f,
                "  {} %: p50 {:.0} p99 {:.0} p99.9 {:.0} us",
                part.percent, part.p50, part.p99, part.p99_9
            )?;
        }
        Ok(())
    }
}
