//! How much clients that do nothing but full handshakes take from those whose connections stand, with the
//! server's bound on handshakes a turn and without it.
//!
//! Each round starts a server of its own for each bound, on one CPU; a timetable of requests runs on
//! connections that are kept, first alone and then beside the storm. The storm's threads give way to
//! the timetable's, so that what is late is late in the server. Called by the command line.

use std::fmt;
use std::io;
use std::num::NonZeroU64;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use serde::Serialize;

use crate::load::{self, Arrivals, Report, Verify, parse_duration};
use crate::proc::give_way;
use crate::race::Median;
use crate::server::{Answer, Binaries, Cpus, Job, Peer, Server, pin_this_thread};
use crate::target::{Endpoint, Target};

/// The wishes for a storm of handshakes.
#[derive(Debug, Clone, Args)]
pub struct Options {
    /// Clients that do nothing but full handshakes, one after the other
    #[arg(long, default_value_t = 64, value_name = "N")]
    pub clients: usize,
    /// Connections that stand
    #[arg(long, default_value_t = 32, value_name = "N")]
    pub established: usize,
    /// Requests a second on these, at random instants
    #[arg(long, default_value = "1000", value_name = "R")]
    pub rate: NonZeroU64,
    /// Values of the server's handshakes_per_turn
    #[arg(
        long,
        value_delimiter = ',',
        default_value = "4,1024",
        value_name = "N,N"
    )]
    pub bounds: Vec<u32>,
    /// Rounds; each visits every bound
    #[arg(long, default_value_t = 5, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub rounds: u32,
    /// How long each part takes
    #[arg(long, value_parser = parse_duration, default_value = "5s", value_name = "TIME")]
    pub duration: Duration,
    /// The ringgate program [default: `ringgate` beside this program]
    #[arg(long, value_name = "PATH")]
    pub ringgate_binary: Option<PathBuf>,
    /// Where it runs
    #[command(flatten)]
    pub cpus: Cpus,
}

/// Medians over the rounds of one bound, alone or beside the storm.
#[derive(Debug, Clone, Serialize)]
pub struct Row {
    /// The server's handshakes_per_turn.
    pub handshakes_per_turn: u32,
    /// Whether the storm went on.
    pub storm: bool,
    /// Median latency on the connections that stand, in microseconds from the timetable.
    pub p50_us: Median,
    /// 99th percentile of the same.
    pub p99_us: Median,
    /// Longest of the same.
    pub max_us: Median,
    /// Full handshakes a second, each with one request.
    pub handshakes_per_second: Median,
}

/// The outcome.
#[derive(Debug, Clone, Serialize)]
pub struct StormReport {
    /// In the order of the bounds, each alone and beside the storm.
    pub rows: Vec<Row>,
    /// Loads in which a request did not end well.
    pub failures: Vec<String>,
}

/// One part of one round.
struct Part {
    bound: u32,
    storm: bool,
    established: Report,
    handshakes_per_second: f64,
}

/// Runs all rounds.
///
/// # Errors
/// A missing binary, a CPU that is not allowed, or a server that does not start. Requests that end
/// badly are no error: they are in [`StormReport::failures`].
pub fn run(options: &Options) -> io::Result<StormReport> {
    options.cpus.require_two()?;
    load::raise_nofile(1024)?;
    let job = Job {
        tls: true,
        ..Job::PLAIN
    };
    let binary = options.ringgate_binary.as_deref();
    let binaries = Binaries::prepare(&[Peer::Ringgate], &[job], binary, None)?;
    let (mut parts, mut failures) = (Vec::new(), Vec::new());
    for round in 0..options.rounds {
        let mut bounds = options.bounds.clone();
        if round % 2 == 1 {
            bounds.reverse();
        }
        for bound in bounds {
            let extra = ["--handshakes-per-turn".to_owned(), bound.to_string()];
            let server =
                Server::start_with(&binaries, Peer::Ringgate, options.cpus.server, job, &extra)?;
            for storm in [false, true] {
                parts.push(part(options, &server, (bound, storm), &mut failures)?);
            }
        }
    }
    Ok(StormReport {
        rows: rows(options, &parts),
        failures,
    })
}

fn part(
    options: &Options,
    server: &Server,
    (bound, storm): (u32, bool),
    failures: &mut Vec<String>,
) -> io::Result<Part> {
    pin_this_thread(options.cpus.load)?;
    let target = Target {
        endpoint: Endpoint::Tcp(server.address),
        tls: true,
        websocket: false,
        path: Peer::Ringgate.path(Answer::Plaintext).to_owned(),
    };
    let common = load::Options {
        requests: None,
        duration: Some(options.duration),
        verify: Verify::Plaintext,
        ..load::Options::to(target)
    };
    let established = load::Options {
        connections: options.established,
        rate: Some(options.rate),
        arrivals: Arrivals::Random,
        // The handshakes of these connections themselves.
        warm_up: options.duration / 10,
        ..common.clone()
    };
    let mut handshakes = load::Options {
        connections: options.clients,
        ..common
    };
    handshakes.tls.full_handshakes = true;
    let (established, handshakes) = std::thread::scope(|scope| {
        let storming = storm.then(|| {
            scope.spawn(|| {
                give_way()?;
                load::run(&handshakes).map_err(io::Error::other)
            })
        });
        let established = load::run(&established).map_err(io::Error::other);
        let handshakes = storming.map(|storming| {
            let ended = storming.join();
            ended.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        });
        (established, handshakes.transpose())
    });
    let (established, handshakes) = (established?, handshakes?);
    for report in [Some(&established), handshakes.as_ref()]
        .into_iter()
        .flatten()
    {
        let failed = report.failures();
        if !failed.is_empty() {
            let name = format!("{:?} with {bound} a turn, storm {storm}", report.mode);
            failures.push(format!("{name}: {failed}"));
        }
    }
    Ok(Part {
        bound,
        storm,
        established,
        handshakes_per_second: handshakes.map_or(0.0, |report| report.requests_per_second),
    })
}

fn rows(options: &Options, parts: &[Part]) -> Vec<Row> {
    let mut rows = Vec::new();
    for bound in &options.bounds {
        for storm in [false, true] {
            let of = |value: fn(&Part) -> f64| {
                let here = parts
                    .iter()
                    .filter(|part| (part.bound, part.storm) == (*bound, storm));
                Median::of(&here.map(value).collect::<Vec<_>>())
            };
            let row = || {
                Some(Row {
                    handshakes_per_turn: *bound,
                    storm,
                    p50_us: of(|part| part.established.latency_us.p50)?,
                    p99_us: of(|part| part.established.latency_us.p99)?,
                    max_us: of(|part| part.established.latency_us.max)?,
                    handshakes_per_second: of(|part| part.handshakes_per_second)?,
                })
            };
            rows.extend(row());
        }
    }
    rows
}

impl fmt::Display for StormReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{:>20} {:>8} {:>10} {:>10} {:>10} {:>14}",
            "handshakes per turn", "beside", "p50 us", "p99 us", "max us", "handshakes/s"
        )?;
        for row in &self.rows {
            writeln!(
                f,
                "{:>20} {:>8} {:>10.0} {:>10.0} {:>10.0} {:>14.0}",
                row.handshakes_per_turn,
                if row.storm { "a storm" } else { "nobody" },
                row.p50_us.median,
                row.p99_us.median,
                row.max_us.median,
                row.handshakes_per_second.median
            )?;
        }
        match self.failures.as_slice() {
            [] => write!(f, "no request failed"),
            failures => write!(f, "FAILED: {}", failures.join("; ")),
        }
    }
}
