//! The behaviour of a server with a limit when far more is asked of it than it can do: how much it
//! still gets done, how long those wait whom it serves, whether anybody is reset, and how soon it is
//! itself again.
//!
//! Closed loop first, with one connection (over HTTP/2 one stream) a slot: the peak. Then open loop at multiples of the
//! peak, then closed loop again, a second later. The server is somebody else's: it is named by its address and process
//! id. The run judges nothing; the bounds stand in docs/benchmarking.md.

use std::fmt;
use std::io;
use std::num::NonZeroU64;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use clap::Args;
use serde::{Deserialize, Serialize};

use crate::kept::{self, Keeper, Placed};
use crate::load::{self, Http2Options, LoadError, Mode, Report, parse_duration};
use crate::proc::Memory;
use crate::target::Target;

/// How long the server gets to be itself again.
const RECOVERY: Duration = Duration::from_secs(1);
/// The name of the only load.
const SCENARIO: &str = "overload";

/// The wishes for an overload.
#[derive(Debug, Clone, Args)]
pub struct Options {
    /// A path that takes a slot for a known time, such as http://127.0.0.1:8080/sleep?ms=2
    #[arg(long = "url", value_name = "URL")]
    pub target: Target,
    /// The server's process id
    #[arg(long, value_name = "PID")]
    pub pid: u32,
    /// The server's max_threads: so many connections find its peak
    #[arg(long, default_value_t = 64, value_name = "N")]
    pub slots: usize,
    /// Multiples of the peak to offer
    #[arg(
        long,
        value_delimiter = ',',
        default_value = "3,10",
        value_name = "N,N"
    )]
    pub factors: Vec<u32>,
    /// Connections that offer the overload
    #[arg(long, default_value_t = 1024, value_name = "N")]
    pub connections: usize,
    /// Client threads
    #[arg(long, default_value_t = 1, value_name = "N")]
    pub threads: usize,
    /// How HTTP/2 is spoken
    #[command(flatten)]
    pub http2: Http2Options,
    /// Connect from this many loopback addresses, 127.0.0.2 upwards
    #[arg(long, default_value_t = 8, value_name = "N")]
    pub source_addresses: u16,
    /// How long each part takes
    #[arg(long, value_parser = parse_duration, default_value = "10s", value_name = "TIME")]
    pub duration: Duration,
    /// Pin client thread k to CPU N + k
    #[arg(long, value_name = "N")]
    pub cpu: Option<usize>,
    /// Add the run to those that this file keeps
    #[arg(long, value_name = "FILE")]
    pub keep: Option<PathBuf>,
}

/// One part: what was offered, and what became of it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Part {
    /// Multiple of the peak that was to be offered; `null` in closed loop.
    pub factor: Option<u32>,
    /// Requests a second that were offered: fewer than wished if this machine could not.
    pub offered_per_second: f64,
    /// Requests a second that were served.
    pub served_per_second: f64,
    /// `served_per_second` by that of the peak.
    pub goodput: f64,
    /// Requests answered 503.
    pub refused: u64,
    /// Requests that ended in a reset (of the connection, or of a stream of HTTP/2), a cut, a refused connection, without an
    /// answer in time, or with one that is neither 2xx nor 503.
    pub broken: u64,
    /// Requests that were due and for which no connection was free in time: the client's own limit.
    pub unsent: u64,
    /// 99th percentile of the latency of those that were served, in microseconds, from when a
    /// connection took them up.
    pub served_p99_us: f64,
    /// The server's resident memory afterwards, in bytes.
    pub rss: u64,
}

/// All parts.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct OverloadReport {
    /// Closed loop.
    pub peak: Part,
    /// In the order of the factors.
    pub overloads: Vec<Part>,
    /// Closed loop again, a second after the last overload.
    pub recovered: Part,
}

/// A run as it is kept.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Cell {
    /// Counted from 0.
    pub round: u32,
    /// Always the same.
    pub scenario: String,
    /// The command line of the server, its program without the folder.
    pub peer: String,
    /// The findings of the run.
    pub report: OverloadReport,
}

impl Placed for Cell {
    fn place(&self) -> (u32, &str, &str) {
        (self.round, &self.scenario, &self.peer)
    }
}

/// Finds the peak, overloads, looks whether the server recovers, and keeps the run if it is to be kept.
///
/// # Errors
/// [`LoadError`] as for any load, if there is no such process or its memory cannot be read, and if the file of runs cannot
/// be read or written.
pub fn run(options: &Options) -> Result<OverloadReport, LoadError> {
    let local = |source: io::Error| LoadError::Local {
        doing: "keeping the run",
        source,
    };
    let pieces = kept::Options {
        keep: options.keep.clone(),
        r#for: None,
    };
    // A file that takes no run is found before the server is troubled.
    let mut keeper = Keeper::begin(&pieces, options.duration.as_secs()).map_err(local)?;
    let began = Instant::now();
    let peer = command_of(options.pid).map_err(|source| LoadError::Local {
        doing: "reading the command line of the process that --pid names",
        source,
    })?;
    let report = measure(options)?;
    let runs = &mut keeper.kept.cells;
    runs.push(Cell {
        round: runs.len() as u32,
        scenario: SCENARIO.to_owned(),
        peer,
        report: report.clone(),
    });
    keeper.keep(began).map_err(local)?;
    Ok(report)
}

/// The command line of a process, its program without the folder.
fn command_of(pid: u32) -> io::Result<String> {
    let text = std::fs::read(format!("/proc/{pid}/cmdline"))?;
    let text = String::from_utf8_lossy(&text);
    let mut words = text.split_terminator('\0');
    let program = Path::new(words.next().unwrap_or_default()).file_name();
    let program = program.unwrap_or_default().to_string_lossy().into_owned();
    Ok(words.fold(program, |line, word| line + " " + word))
}

fn measure(options: &Options) -> Result<OverloadReport, LoadError> {
    let closed = || -> Result<Part, LoadError> {
        let report = load::run(&load::Options {
            connections: options.slots.div_ceil(options.http2.streams),
            ..common(options)
        })?;
        part(options, None, &report, None)
    };
    let mut peak = closed()?;
    peak.goodput = 1.0;
    let best = peak.served_per_second;
    let mut overloads = Vec::new();
    for factor in &options.factors {
        let rate = NonZeroU64::new((best * f64::from(*factor)) as u64);
        let report = load::run(&load::Options {
            connections: options.connections,
            rate,
            ..common(options)
        })?;
        overloads.push(part(options, Some(*factor), &report, Some(best))?);
    }
    std::thread::sleep(RECOVERY);
    let mut recovered = closed()?;
    recovered.goodput = recovered.served_per_second / best;
    Ok(OverloadReport {
        peak,
        overloads,
        recovered,
    })
}

fn common(options: &Options) -> load::Options {
    load::Options {
        threads: options.threads,
        requests: None,
        duration: Some(options.duration),
        mode: Mode::Keepalive,
        http2: options.http2.clone(),
        source_addresses: options.source_addresses,
        cpu: options.cpu,
        ..load::Options::to(options.target.clone())
    }
}

fn part(
    options: &Options,
    factor: Option<u32>,
    report: &Report,
    best: Option<f64>,
) -> Result<Part, LoadError> {
    let memory = Memory::of(options.pid).map_err(|source: io::Error| LoadError::Local {
        doing: "reading the server's memory",
        source,
    })?;
    let seconds = report.elapsed_seconds.max(f64::MIN_POSITIVE);
    let refused = report.status.get(&503).copied().unwrap_or(0);
    Ok(Part {
        factor,
        offered_per_second: report.issued as f64 / seconds,
        served_per_second: report.requests_per_second,
        goodput: best.map_or(0.0, |best| report.requests_per_second / best),
        refused,
        broken: report.issued - report.ok - refused - report.unsent,
        unsent: report.unsent,
        served_p99_us: report.ok_taken_us.p99,
        rss: memory.rss,
    })
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match self.factor {
            None => "closed loop".to_owned(),
            Some(factor) => format!("{factor} x peak"),
        };
        write!(
            f,
            "{name:<12} offered {:>9.0}/s  served {:>8.0}/s ({:>5.1} %)  refused {:>8}  broken {}  \
             unsent {}  served p99 {:>7.0} us  rss {:.1} MiB",
            self.offered_per_second,
            self.served_per_second,
            self.goodput * 100.0,
            self.refused,
            self.broken,
            self.unsent,
            self.served_p99_us,
            self.rss as f64 / (1024.0 * 1024.0)
        )
    }
}

impl fmt::Display for OverloadReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.peak)?;
        for overload in &self.overloads {
            writeln!(f, "{overload}")?;
        }
        write!(f, "{}", self.recovered)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_told_by_its_command_line_without_the_folder_of_its_program() {
        let told = command_of(std::process::id()).expect("this process has one");
        let words: Vec<_> = std::env::args().collect();
        let program = words[0].rsplit('/').next().expect("it has a name");
        let line: Vec<_> = std::iter::once(program)
            .chain(words[1..].iter().map(String::as_str))
            .collect();
        assert_eq!(told, line.join(" "));
    }
}
