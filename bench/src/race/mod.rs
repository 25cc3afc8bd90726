//! Races: CPU time per request of every peer, as a ratio to the raw io_uring floor of the same round.
//!
//! Every cell (round, scenario, peer) starts a fresh server on its own CPU, warms it up, and reads
//! its CPU time before and after a load from another CPU. Rounds are interleaved and rotated, so
//! that a machine that slows down for a while slows all peers down. It does not count system calls:
//! tracing disturbs (see [`crate::syscalls`]).

mod report;
mod scenario;
pub(crate) mod statistics;
mod wrk;

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};

pub use report::{Cell, Invalid, RaceReport, Row};
pub use scenario::Scenario;
pub use statistics::Median;

use crate::load;
use crate::proc::CpuTime;
use crate::server::{Binaries, Peer, Server, pin_this_thread};
use crate::target::{Endpoint, Target};

/// Load before the measured one: first faults, caches and the parser's tables.
const WARM_UP: Duration = Duration::from_millis(200);

/// The wishes for a race.
#[derive(Debug, Clone, Args)]
pub struct Options {
    /// Who runs, by name
    #[arg(long, value_delimiter = ',', default_values_t = Peer::ALL, value_name = "NAMES")]
    pub peers: Vec<Peer>,
    /// Rounds; each visits every peer in every scenario
    #[arg(long, default_value_t = 12, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub rounds: u32,
    /// Seconds of measured load in each cell
    #[arg(long, default_value_t = 2, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=600))]
    pub seconds: u64,
    /// The loads, by name: plain-cN, pipeline16-cN, close-cN
    #[arg(
        long,
        value_delimiter = ',',
        value_name = "NAMES",
        default_value = "plain-c32,plain-c256,pipeline16-c32,pipeline16-c256,close-c32,close-c256"
    )]
    pub scenarios: Vec<Scenario>,
    /// The ringgate program [default: `ringgate` beside this program]
    #[arg(long, value_name = "PATH")]
    pub ringgate_binary: Option<PathBuf>,
    /// The peers' program [default: built from bench/peers]
    #[arg(long, value_name = "PATH")]
    pub peers_binary: Option<PathBuf>,
    /// Who makes the load
    #[arg(long, value_enum, default_value_t = Generator::Own)]
    pub load: Generator,
    /// The server's CPU
    #[arg(long, default_value_t = 0, value_name = "CPU")]
    pub server_cpu: usize,
    /// The load's CPU
    #[arg(long, default_value_t = 1, value_name = "CPU")]
    pub load_cpu: usize,
}

/// The load generator of a race.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Generator {
    /// `ringgate-bench load`, in this process.
    Own,
    /// wrk.
    Wrk,
}

/// The figures of a load generator for one cell.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Measured {
    /// Requests that were answered well.
    pub(crate) answered: u64,
    pub(crate) requests_per_second: f64,
    /// The failures of the cell as text; empty if there were none.
    pub(crate) failures: String,
}

/// Runs the race and tells each cell to `progress` as it is done.
///
/// # Errors
/// A missing binary, a CPU that is not allowed, or a server that does not start. A server that
/// answers badly is no error: its cell is invalid, and reported as such.
pub fn run(options: &Options, mut progress: impl FnMut(&str)) -> io::Result<RaceReport> {
    if options.server_cpu == options.load_cpu {
        return Err(io::Error::other(
            "server and load would share a CPU; give them two with --server-cpu and --load-cpu",
        ));
    }
    load::raise_nofile(1024)?;
    let binaries = Binaries::prepare(
        &options.peers,
        options.ringgate_binary.as_deref(),
        options.peers_binary.as_deref(),
    )?;
    let (mut cells, mut invalid) = (Vec::new(), Vec::new());
    for round in 0..options.rounds {
        for scenario in &options.scenarios {
            for peer in order(&options.peers, round) {
                let (used, measured) = cell(options, &binaries, peer, *scenario)?;
                progress(&format!(
                    "round {}/{} {scenario:<16} {peer:<12} {:>9.0} requests/s {}",
                    round + 1,
                    options.rounds,
                    measured.requests_per_second,
                    measured.failures
                ));
                let at = (round, scenario.to_string(), peer);
                match Cell::new(at.clone(), used, &measured) {
                    Some(cell) => cells.push(cell),
                    None => invalid.push(Invalid::new(at, measured.failures)),
                }
            }
        }
    }
    Ok(RaceReport::new(options, cells, invalid))
}

/// The order of a round: rotated by one every second round, and backwards in between, so that
/// nobody always follows the same neighbour.
fn order(peers: &[Peer], round: u32) -> Vec<Peer> {
    let mut order = peers.to_vec();
    if !order.is_empty() {
        order.rotate_left(round as usize / 2 % peers.len());
    }
    if round % 2 == 1 {
        order.reverse();
    }
    order
}

fn cell(
    options: &Options,
    binaries: &Binaries,
    peer: Peer,
    scenario: Scenario,
) -> io::Result<(CpuTime, Measured)> {
    let server = Server::start(binaries, peer, options.server_cpu, scenario.after())?;
    pin_this_thread(options.load_cpu)?;
    own_load(options, scenario, &server, WARM_UP)?;
    let before = CpuTime::of(server.pid())?;
    let time = Duration::from_secs(options.seconds);
    let measured = match options.load {
        Generator::Own => own_load(options, scenario, &server, time)?,
        Generator::Wrk => wrk::run(scenario, server.address, time)?,
    };
    Ok((CpuTime::of(server.pid())? - before, measured))
}

fn own_load(
    options: &Options,
    scenario: Scenario,
    server: &Server,
    time: Duration,
) -> io::Result<Measured> {
    let target = Target {
        endpoint: Endpoint::Tcp(server.address),
        tls: false,
        path: "/plaintext".to_owned(),
    };
    let mut load = scenario.options(target);
    load.duration = Some(time);
    load.cpu = Some(options.load_cpu);
    let report = load::run(&load).map_err(io::Error::other)?;
    Ok(Measured {
        answered: report.ok,
        requests_per_second: report.requests_per_second,
        failures: report.failures(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everybody_runs_once_a_round_and_begins_some_round() {
        let mut first = Vec::new();
        for round in 0..12 {
            let mut order = order(&Peer::ALL, round);
            first.push(order[0]);
            order.sort();
            assert_eq!(order, Peer::ALL);
        }
        assert!(
            Peer::ALL.iter().all(|peer| first.contains(peer)),
            "{first:?}"
        );
    }
}
