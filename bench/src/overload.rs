//! The behaviour of a server with a limit when far more is asked of it than it can do: how much it
//! still gets done, how long those wait whom it serves, whether anybody is reset, and how soon it is
//! itself again.
//!
//! Closed loop first, with one connection (over HTTP/2 one stream) a slot: the peak. Then open loop at multiples of the peak,
//! then closed loop again, a second later. The server is somebody else's: it is named by its address
//! and process id. It judges nothing; the bounds stand in docs/benchmarking.md.

use std::fmt;
use std::io;
use std::num::NonZeroU64;
use std::time::Duration;

use clap::Args;
use serde::Serialize;

use crate::load::{self, Http2Options, LoadError, Mode, Report, parse_duration};
use crate::proc::Memory;
use crate::target::Target;

/// How long the server gets to be itself again.
const RECOVERY: Duration = Duration::from_secs(1);

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
}

/// One part: what was offered, and what became of it.
#[derive(Debug, Clone, Serialize)]
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
    /// Requests that ended in a reset (of the connection, or of a stream of HTTP/2), a cut, a refused connection or without an answer in time.
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
#[derive(Debug, Clone, Serialize)]
pub struct OverloadReport {
    /// Closed loop.
    pub peak: Part,
    /// In the order of the factors.
    pub overloads: Vec<Part>,
    /// Closed loop again, a second after the last overload.
    pub recovered: Part,
}

/// Finds the peak, overloads, and looks whether the server recovers.
///
/// # Errors
/// [`LoadError`] as for any load, and if the server's memory cannot be read.
pub fn run(options: &Options) -> Result<OverloadReport, LoadError> {
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
        broken: report.issued - report.ok - report.status.values().sum::<u64>() - report.unsent,
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
