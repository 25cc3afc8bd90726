//! Races: CPU time per request of every peer, as a ratio to that of a reference (the raw io_uring floor,
//! if no other is named) in the same round.
//!
//! Every cell (round, scenario, peer) starts a fresh server on its own CPU, warms it up, and reads
//! its CPU time before and after a load from another CPU. Rounds are interleaved and rotated, so
//! that a machine that slows down for a while slows all peers down. System calls are counted
//! elsewhere ([`crate::syscalls`]), since tracing disturbs.

mod body;
mod contestant;
mod h2load;
mod report;
mod scenario;
pub(crate) mod statistics;
mod wrk;

use std::io;
use std::ops::Range;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use clap::{Args, ValueEnum};

pub use contestant::Variant;
pub use report::{Cell, RaceReport, Row};
pub use scenario::Scenario;
pub use statistics::Median;

use contestant::Contestant;
pub(crate) use contestant::order;

use crate::kept::{self, Keeper};
use crate::load::{self, LoadError, Report};
use crate::proc::CpuTime;
use crate::server::{Answer, Binaries, Cpus, Job, Peer, Programs, Server, pin_this_thread_to};
use crate::target::Endpoint;

/// Load before the measured one: connections and their handshakes, first faults, caches.
const WARM_UP: Duration = Duration::from_millis(300);
/// Of the handshakes of a load that resumes sessions, this part may be full ones: those that came first.
const FULL_HANDSHAKES_MAX: f64 = 0.05;

/// The wishes for a race.
#[derive(Debug, Clone, Args)]
pub struct Options {
    /// Servers to race, by name
    #[arg(long, value_delimiter = ',', default_values_t = Peer::USUAL, value_name = "NAMES")]
    pub peers: Vec<Peer>,
    /// Rounds; each visits every peer in every scenario
    #[arg(long, default_value_t = 12, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub rounds: u32,
    /// Seconds of measured load in each cell
    #[arg(long, default_value_t = 2, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=600))]
    pub seconds: u64,
    /// The loads, by name: plain-cN, pipeline16-cN, close-cN, 64k-cN, file-64k-cN, file-1m-cN, tls-cN, tls-64k-cN,
    /// tls-file-1m-cN, tls-handshake-cN, tls-resume-cN, h2-cNsM, h2-64k-cNsM, h2s-cNsM, h2s-64k-cNsM, ws-cN,
    /// ws-p16-cN, wss-cN, wss-p16-cN, and those of a contest: sum-cN, items-cN, items-gzip-cN, delay-cN, tls-items-cN,
    /// h2-sum-cNsM, h2s-sum-cNsM, h2-items-cNsM; with @K behind it for servers of K cores
    #[arg(
        long,
        value_delimiter = ',',
        value_name = "NAMES",
        default_value = "plain-c32,plain-c256,pipeline16-c32,pipeline16-c256,close-c32,close-c256"
    )]
    pub scenarios: Vec<Scenario>,
    /// To whom everybody is compared, round by round
    #[arg(long, default_value = "uring", value_name = "NAME")]
    pub reference: String,
    /// Ringgate with further arguments, as one more who runs: 'one=--cores 1'; may be repeated
    #[arg(long = "variant", value_name = "NAME=ARGUMENTS")]
    pub variants: Vec<Variant>,
    /// Where cells are kept
    #[command(flatten)]
    pub pieces: kept::Options,
    /// Programs of the servers
    #[command(flatten)]
    pub programs: Programs,
    /// Generator of the load
    #[arg(long, value_enum, default_value_t = Generator::Own)]
    pub load: Generator,
    /// Threads of the load, from the load's CPU on: as many as servers of several cores need
    #[arg(long, default_value_t = 1, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=512))]
    pub load_threads: u16,
    /// Where it runs
    #[command(flatten)]
    pub cpus: Cpus,
}

impl Options {
    fn load_cpus(&self) -> Range<usize> {
        self.cpus.load..self.cpus.load + usize::from(self.load_threads)
    }

    /// Whether the load runs on the CPUs of the servers: it may where all of them are given to both, so that
    /// each core has as much of the load beside it, however many cores there are.
    ///
    /// # Errors
    /// Server and load have a part of their CPUs in common.
    fn shares_cpus(&self) -> io::Result<bool> {
        let most = self.scenarios.iter().map(|one| one.job().cores).max();
        let server = self.cpus.server..self.cpus.server + most.unwrap_or(1);
        let load = self.load_cpus();
        if server.end <= load.start || load.end <= server.start {
            return Ok(false);
        }
        if server == load && self.scenarios.iter().all(|one| one.cores.is_some()) {
            return Ok(true);
        }
        if most == Some(1) {
            self.cpus.require_two()?;
        }
        Err(io::Error::other(format!(
            "server and load would share a part of CPUs {}-{} and {}-{}; give them CPUs of their own, or in scenarios with @K \
             the very same ones, with --server-cpu, --load-cpu and --load-threads",
            server.start,
            server.end - 1,
            load.start,
            load.end - 1
        )))
    }
}

/// The load generator of a race.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Generator {
    /// `ringgate-bench load`, in this process.
    Own,
    /// wrk.
    Wrk,
    /// h2load.
    H2load,
}

/// The figures of a load generator for one cell.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Measured {
    /// Requests that were answered well.
    pub(crate) answered: u64,
    pub(crate) requests_per_second: f64,
    /// Bytes received for each answer, where the generator tells.
    pub(crate) bytes_per_answer: Option<f64>,
    /// The failures of the cell as text; empty if there were none.
    pub(crate) failures: String,
}

impl Measured {
    /// Nothing was measured.
    fn failed(failures: String) -> Measured {
        Measured {
            answered: 0,
            requests_per_second: 0.0,
            bytes_per_answer: None,
            failures,
        }
    }
}

/// Runs the race and tells each cell to `progress` as it is done.
///
/// # Errors
/// A missing binary, a CPU that is not allowed, or a server that does not start. A server that
/// answers badly is no error: its cell is invalid, and reported as such.
pub fn run(options: &Options, mut progress: impl FnMut(&str)) -> io::Result<RaceReport> {
    let shares_cpus = options.shares_cpus()?;
    if options.load != Generator::Own && options.load_threads > 1 {
        return Err(io::Error::other(
            "--load-threads is for the load of this program; leave --load out",
        ));
    }
    let jobs: Vec<_> = options.scenarios.iter().map(|one| one.job()).collect();
    let is_for_wrk = |job: &Job| !job.tls && !job.http2 && job.answer == Answer::Plaintext;
    if options.load == Generator::Wrk && !jobs.iter().all(is_for_wrk) {
        return Err(io::Error::other(
            "--load wrk knows plain-cN, pipeline16-cN and close-cN only",
        ));
    }
    if options.load == Generator::H2load && !jobs.iter().all(|job| job.http2) {
        return Err(io::Error::other(
            "--load h2load knows the scenarios of HTTP/2 only",
        ));
    }
    // Programs of this machine want as many descriptors as connections that they may have.
    load::raise_nofile(1024)?;
    let contestants = Contestant::all(&options.peers, &options.variants, &options.reference)?;
    let peers: Vec<_> = contestants.iter().map(|one| one.peer).collect();
    let binaries = options.programs.prepare(&peers, &jobs)?;
    let mut keeper = Keeper::begin(&options.pieces, options.seconds)?;
    for round in 0..options.rounds {
        for scenario in &options.scenarios {
            let name = scenario.to_string();
            let mut group = order(&contestants, round);
            group.retain(|one| one.can(scenario.job()));
            let is_there = |one: &Contestant| keeper.has(round, &name, &one.name);
            if group.iter().all(is_there) || !keeper.has_time(group.len()) {
                continue;
            }
            // Ratios compare what was measured one after the other.
            keeper.forget(round, &name);
            let began = Instant::now();
            for one in &group {
                let (used, measured) = cell(options, &binaries, one, *scenario)?;
                progress(&format!(
                    "round {}/{} {name:<16} {:<12} {:>9.0} requests/s {}",
                    round + 1,
                    options.rounds,
                    one.name,
                    measured.requests_per_second,
                    measured.failures
                ));
                let at = (round, name.clone(), one.name.clone());
                match Cell::new(at.clone(), used, &measured) {
                    Some(cell) => {
                        (keeper.kept.cells).push(cell.by(options.load, shares_cpus));
                    }
                    None => {
                        (keeper.kept.invalid).push(report::no_measurement(at, measured.failures))
                    }
                }
            }
            keeper.keep(began)?;
        }
    }
    keeper.tell_left(&mut progress);
    Ok(RaceReport::new(
        options,
        &contestants,
        keeper.kept,
        keeper.left,
    ))
}

fn cell(
    options: &Options,
    binaries: &Binaries,
    one: &Contestant,
    scenario: Scenario,
) -> io::Result<(CpuTime, Measured)> {
    let (peer, cpu, job) = (one.peer, options.cpus.server, scenario.job());
    let server = Server::start_with(binaries, peer, cpu, job, &one.arguments)
        .map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", one.name)))?;
    pin_this_thread_to(options.load_cpus())?;
    let time = Duration::from_secs(options.seconds);
    let is_shown = job.answer.is_file() || job.answer.is_of_contest();
    if is_shown && !job.tls && !job.http2 {
        let failures = body::proof(server.address, peer.path(job.answer), job.answer)?;
        if !failures.is_empty() {
            return Ok((CpuTime::default(), Measured::failed(failures)));
        }
    }
    match options.load {
        Generator::Own => own_load(options, scenario, peer, &server, time),
        Generator::Wrk => {
            own_load(options, scenario, peer, &server, WARM_UP)?;
            let before = CpuTime::of(server.pid())?;
            let measured = wrk::run(scenario, server.address, time)?;
            Ok((CpuTime::of(server.pid())? - before, measured))
        }
        Generator::H2load => {
            own_load(options, scenario, peer, &server, WARM_UP)?;
            let before = CpuTime::of(server.pid())?;
            let measured = h2load::run(scenario, peer, server.address, time)?;
            Ok((CpuTime::of(server.pid())? - before, measured))
        }
    }
}

/// Loads for `time` after the warm-up. The CPU time is that of the same window: making connections is
/// in it only where each request does so, or where the load has several threads.
fn own_load(
    options: &Options,
    scenario: Scenario,
    peer: Peer,
    server: &Server,
    time: Duration,
) -> io::Result<(CpuTime, Measured)> {
    let mut load = scenario.options(peer, Endpoint::Tcp(server.address));
    load.cpu = Some(options.cpus.load);
    load.threads = usize::from(options.load_threads);
    if load.threads > 1 {
        return load_of_threads(load, scenario, server.pid(), time);
    }
    load.warm_up = WARM_UP;
    load.duration = Some(WARM_UP + time);
    let (pid, looks) = (server.pid(), Arc::new(Mutex::new(Vec::new())));
    let kept = looks.clone();
    load.window = Some(load::Window(Arc::new(move || {
        kept.lock()
            .expect("nobody panics with it")
            .push(CpuTime::of(pid));
    })));
    let mut measured = measured(&load, scenario, time)?;
    let looks = std::mem::take(&mut *looks.lock().expect("nobody panics with it"));
    let looks = looks.into_iter().collect::<io::Result<Vec<_>>>()?;
    let used = match looks[..] {
        [before, after] => after - before,
        _ => {
            measured.failures += " some connection never had an answer";
            CpuTime::default()
        }
    };
    Ok((used, measured))
}

/// The same with a load of several threads, none of which knows when the others are warm: the warm-up is a load of its
/// own, and the connections of the other one are made in the time that is measured.
fn load_of_threads(
    mut load: load::Options,
    scenario: Scenario,
    pid: u32,
    time: Duration,
) -> io::Result<(CpuTime, Measured)> {
    load.duration = Some(WARM_UP);
    let warm = measured(&load, scenario, WARM_UP)?;
    if !warm.failures.is_empty() {
        return Ok((CpuTime::default(), warm));
    }
    load.duration = Some(time);
    let before = CpuTime::of(pid)?;
    let measured = measured(&load, scenario, time)?;
    Ok((CpuTime::of(pid)? - before, measured))
}

/// Runs the load, which answers for `time` after its warm-up.
fn measured(load: &load::Options, scenario: Scenario, time: Duration) -> io::Result<Measured> {
    let (answered, bytes_per_answer, failures) = match scenario.job().answer {
        Answer::Message => {
            let failures = proof(load)?;
            if !failures.is_empty() {
                return Ok(Measured::failed(failures));
            }
            let report = load::websocket::run(load).map_err(io::Error::other)?;
            (report.received_measured, None, report.failures())
        }
        _ => {
            let report = load::run(load).map_err(io::Error::other)?;
            let bytes = report.bytes_received as f64 / report.ok.max(1) as f64;
            (report.ok_measured, Some(bytes), failures(scenario, &report))
        }
    };
    Ok(Measured {
        answered,
        requests_per_second: answered as f64 / time.as_secs_f64(),
        bytes_per_answer,
        failures,
    })
}

/// Whether the server sends back what it has to: messages of both kinds, of sizes whose headers differ. Returns
/// what it does otherwise, empty if nothing.
fn proof(load: &load::Options) -> io::Result<String> {
    for size in [28, 125, 126, 65_535, 65_536] {
        for binary in [false, true] {
            let mut options = load.clone();
            (options.connections, options.requests, options.duration) = (1, Some(3), None);
            (options.websocket.payload, options.websocket.binary) = (size, binary);
            (options.warm_up, options.window) = (Duration::ZERO, None);
            let report = match load::websocket::run(&options) {
                Err(LoadError::Handshake(refusal)) => return Ok(refusal),
                report => report.map_err(io::Error::other)?,
            };
            let failures = report.failures();
            if !failures.is_empty() {
                return Ok(format!("messages of {size} bytes: {failures}"));
            }
        }
    }
    Ok(String::new())
}

/// Why the cell is not what its scenario's name says; empty if it is.
fn failures(scenario: Scenario, report: &Report) -> String {
    let mut failures = report.failures();
    let mut add = |text: String| {
        failures.push_str(if failures.is_empty() { "" } else { ", " });
        failures.push_str(&text);
    };
    let least = report
        .ok
        .saturating_mul(scenario.job().answer.bytes() as u64);
    if report.bytes_received < least {
        add(format!(
            "{} bytes received where bodies alone have {least}",
            report.bytes_received
        ));
    }
    if let Some(tls) = &report.tls {
        let all = tls.handshakes_full + tls.handshakes_resumed;
        if scenario.resumes() && tls.handshakes_full as f64 > all as f64 * FULL_HANDSHAKES_MAX {
            add(format!("only {} of {all} resumed", tls.handshakes_resumed));
        }
    }
    failures
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        options: Options,
    }

    fn shares_cpus(line: &str) -> io::Result<bool> {
        let words = ["race"].into_iter().chain(line.split_whitespace());
        Line::parse_from(words).options.shares_cpus()
    }

    #[test]
    fn a_load_shares_all_cpus_of_the_servers_or_none() {
        for (line, expected) in [
            ("--scenarios plain-c8", false),
            (
                "--scenarios plain-c8@1,plain-c8@4 --load-cpu 4 --load-threads 8",
                false,
            ),
            ("--scenarios plain-c8@2 --server-cpu 1 --load-cpu 0", false),
            (
                "--scenarios plain-c8@1,plain-c8@2 --load-cpu 0 --load-threads 2",
                true,
            ),
        ] {
            assert_eq!(shares_cpus(line).expect(line), expected, "{line}");
        }
        for line in [
            // The load beside one core would not be that beside the other.
            "--scenarios plain-c8@1,plain-c8@2",
            "--scenarios plain-c8@1,plain-c8@2 --load-cpu 0",
            "--scenarios plain-c8@2 --load-cpu 0 --load-threads 3",
            // Who does not speak of cores means two CPUs.
            "--scenarios plain-c8 --load-cpu 0",
            "--scenarios plain-c8,plain-c8@2 --load-cpu 0 --load-threads 2",
        ] {
            let refused = shares_cpus(line).expect_err(line).to_string();
            assert!(refused.contains("--server-cpu"), "{line}: {refused}");
        }
    }
}
