//! Clients that misuse what HTTP/2 allows, budget by budget, beside others that behave: whether each is ended and told,
//! what the server counts, how much memory that takes, and what the others notice.
//!
//! Each way of misuse has a server of its own on one CPU. A timetable of requests runs there, alone and beside the
//! offenders by turns; the offenders' thread gives way to the timetable's, so that what is late is late in the
//! server. Called by the command line.

mod crowd;
mod offence;

use std::fmt;
use std::io;
use std::num::NonZeroU64;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};
use serde::Serialize;

pub use self::offence::Offence;

use self::crowd::Fates;
use self::offence::Ending;
use crate::load::{self, Arrivals, Http2Options, Report, Verify, parse_duration};
use crate::proc::{Memory, give_way, peak};
use crate::race::Median;
use crate::server::{Answer, Binaries, Control, Job, Peer, Server, pin_this_thread};
use crate::target::{Endpoint, Target};

/// How long an offender may be there after the last one began.
const PATIENCE: Duration = Duration::from_secs(30);
/// Streams at a time on each connection that behaves.
const STREAMS: usize = 4;

/// The wishes for floods.
#[derive(Debug, Clone, Args)]
pub struct Options {
    /// Clients that misuse each budget
    #[arg(long, default_value_t = 20, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub offenders: u32,
    /// Ways of misuse [default: all]
    #[arg(long, value_enum, value_delimiter = ',', value_name = "NAME,NAME")]
    pub offences: Vec<Offence>,
    /// Rounds for each: alone, then beside the offenders
    #[arg(long, default_value_t = 3, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub rounds: u32,
    /// How long the timetable takes each time
    #[arg(long, value_parser = parse_duration, default_value = "3s", value_name = "TIME")]
    pub duration: Duration,
    /// The time in which the offenders begin, one after the other; 0s is all at once
    #[arg(long, value_parser = parse_duration, default_value = "2s", value_name = "TIME")]
    pub over: Duration,
    /// Connections that behave
    #[arg(long, default_value_t = 32, value_name = "N")]
    pub established: usize,
    /// Requests a second on these, at random instants
    #[arg(long, default_value = "1000", value_name = "R")]
    pub rate: NonZeroU64,
    /// The ringgate program [default: `ringgate` beside this program]
    #[arg(long, value_name = "PATH")]
    pub ringgate_binary: Option<PathBuf>,
    /// The server's CPU
    #[arg(long, default_value_t = 0, value_name = "CPU")]
    pub server_cpu: usize,
    /// The CPU of all clients
    #[arg(long, default_value_t = 1, value_name = "CPU")]
    pub load_cpu: usize,
}

/// The outcome of one way of misuse, over all rounds.
#[derive(Debug, Clone, Serialize)]
pub struct Row {
    /// The way.
    pub offence: Offence,
    /// The option that ends it, under whose name the server counts.
    pub option: &'static str,
    /// Clients that misused it.
    pub offenders: u64,
    /// Of these: were told ENHANCE_YOUR_CALM.
    pub told: u64,
    /// Saw their connection end without a reason.
    pub cut: u64,
    /// Were told something else.
    pub otherwise: u64,
    /// Were not ended.
    pub left: u64,
    /// How often the server has counted.
    pub counted: u64,
    /// The same under other names.
    pub counted_elsewhere: u64,
    /// Most resident memory of the server beyond what it had before the first offender, in bytes.
    pub memory: u64,
    /// 99th percentile of the latency of those that behave, alone, in microseconds from the timetable.
    pub calm_p99_us: Median,
    /// The same beside the offenders.
    pub beside_p99_us: Median,
    /// The second by the first, round by round.
    pub ratio: Median,
    /// Median from the first offender's beginning to the last one's end, in seconds.
    pub took_seconds: Median,
}

/// The outcome.
#[derive(Debug, Clone, Serialize)]
pub struct FloodReport {
    /// In the order of the ways.
    pub rows: Vec<Row>,
    /// Events that should not have happened: an offender that was not ended or not counted, a request that behaved
    /// and failed.
    pub faults: Vec<String>,
}

/// Runs all rounds.
///
/// # Errors
/// A missing binary, a CPU that is not allowed, or a server that does not start. What the server does wrong is no
/// error: it is in [`FloodReport::faults`].
pub fn run(options: &Options) -> io::Result<FloodReport> {
    load::raise_nofile(u64::from(options.offenders) + 1024)?;
    let job = Job::PLAIN;
    let binary = options.ringgate_binary.as_deref();
    let binaries = Binaries::prepare(&[Peer::Ringgate], &[job], binary, None)?;
    let offences = match options.offences.as_slice() {
        [] => Offence::value_variants(),
        some => some,
    };
    let mut report = FloodReport {
        rows: Vec::new(),
        faults: Vec::new(),
    };
    for offence in offences {
        let row = flood(options, &binaries, *offence, &mut report.faults)?;
        report.rows.push(row);
    }
    Ok(report)
}

/// One way of misuse against a server of its own.
fn flood(
    options: &Options,
    binaries: &Binaries,
    offence: Offence,
    faults: &mut Vec<String>,
) -> io::Result<Row> {
    let control = Control::new("floods")?;
    let mut extra = vec!["--demo".to_owned(), "on".to_owned()];
    extra.extend(control.arguments());
    let own = offence.server_options().iter();
    extra.extend(own.map(|option| (*option).to_owned()));
    let cpu = options.server_cpu;
    let server = Server::start_with(binaries, Peer::Ringgate, cpu, Job::PLAIN, &extra)?;
    pin_this_thread(options.load_cpu)?;
    // The first connections take memory that stays.
    timetable(options, &server)?;
    let before = Memory::of(server.pid())?.rss;
    let (mut calm, mut beside, mut ratios, mut took) = (vec![], vec![], vec![], vec![]);
    let mut fates = Fates::default();
    for _ in 0..options.rounds {
        let alone = timetable(options, &server)?;
        let (others, ended) = beside_offenders(options, &server, offence)?;
        for report in [&alone, &others] {
            let failed = report.failures();
            if !failed.is_empty() {
                faults.push(format!("{}: those that behave: {failed}", offence.name()));
            }
        }
        calm.push(alone.latency_us.p99);
        beside.push(others.latency_us.p99);
        ratios.push(others.latency_us.p99 / alone.latency_us.p99.max(1.0));
        took.push(ended.took.as_secs_f64());
        fates.add(ended);
    }
    let median = |values: &[f64]| Median::of(values).ok_or_else(|| io::Error::other("no round"));
    let counts = control.ask("status")?;
    let counts = counts["http2"]["faults"].as_object();
    let counts = counts.ok_or_else(|| io::Error::other("the status has no http2.faults"))?;
    let all: u64 = counts.values().filter_map(serde_json::Value::as_u64).sum();
    let counted = counts[offence.option()].as_u64().unwrap_or(0);
    let row = Row {
        offence,
        option: offence.option(),
        offenders: u64::from(options.offenders) * u64::from(options.rounds),
        told: fates.told,
        cut: fates.cut,
        otherwise: fates.otherwise,
        left: fates.left,
        counted,
        counted_elsewhere: all - counted,
        memory: peak(server.pid())?.saturating_sub(before),
        calm_p99_us: median(&calm)?,
        beside_p99_us: median(&beside)?,
        ratio: median(&ratios)?,
        took_seconds: median(&took)?,
    };
    faults.extend(row.faults());
    Ok(row)
}

/// Those that behave, as the timetable says.
fn timetable(options: &Options, server: &Server) -> io::Result<Report> {
    let target = Target {
        endpoint: Endpoint::Tcp(server.address),
        tls: false,
        websocket: false,
        path: Peer::Ringgate.path(Answer::Plaintext).to_owned(),
    };
    let load = load::Options {
        requests: None,
        duration: Some(options.duration),
        connections: options.established,
        rate: Some(options.rate),
        arrivals: Arrivals::Random,
        warm_up: options.duration / 10,
        verify: Verify::Plaintext,
        http2: Http2Options {
            wanted: true,
            streams: STREAMS,
            ..Http2Options::default()
        },
        ..load::Options::to(target)
    };
    load::run(&load).map_err(io::Error::other)
}

/// The same beside those that do not.
fn beside_offenders(
    options: &Options,
    server: &Server,
    offence: Offence,
) -> io::Result<(Report, Fates)> {
    std::thread::scope(|scope| {
        let crowd = scope.spawn(|| {
            give_way()?;
            let count = options.offenders as usize;
            crowd::run(server.address, offence, count, options.over, PATIENCE)
        });
        let others = timetable(options, server)?;
        let ended = crowd.join();
        let ended = ended.unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
        Ok((others, ended))
    })
}

impl Offence {
    fn name(self) -> String {
        let value = self.to_possible_value();
        value.map_or_else(String::new, |value| value.get_name().to_owned())
    }
}

impl Fates {
    fn add(&mut self, more: Fates) {
        self.told += more.told;
        self.cut += more.cut;
        self.otherwise += more.otherwise;
        self.left += more.left;
    }
}

impl Row {
    /// What the server did wrong.
    fn faults(&self) -> impl Iterator<Item = String> {
        let name = self.offence.name();
        let due = match self.offence.ending() {
            Ending::Connection => self.offenders,
            Ending::Streams(count) => self.offenders * u64::from(count),
        };
        let unended = self.otherwise + self.left;
        let unended = (unended > 0).then(|| {
            format!(
                "{name}: {} were not ended, {} were told something else",
                self.left, self.otherwise
            )
        });
        let uncounted = (self.counted < due)
            .then(|| format!("{name}: {} counted {} of {due}", self.option, self.counted));
        unended.into_iter().chain(uncounted)
    }
}

impl fmt::Display for FloodReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{:<16} {:>9} {:>7} {:>5} {:>8} {:>9} {:>10} {:>12} {:>14} {:>6}  option",
            "offence",
            "offenders",
            "told",
            "cut",
            "counted",
            "memory MiB",
            "calm p99 us",
            "beside p99 us",
            "ratio",
            "took s"
        )?;
        for row in &self.rows {
            writeln!(
                f,
                "{:<16} {:>9} {:>7} {:>5} {:>8} {:>10.1} {:>11.0} {:>13.0} {:>9.2} {:>6.1}  {}",
                row.offence.name(),
                row.offenders,
                row.told,
                row.cut,
                row.counted,
                row.memory as f64 / (1024.0 * 1024.0),
                row.calm_p99_us.median,
                row.beside_p99_us.median,
                row.ratio.median,
                row.took_seconds.median,
                row.option
            )?;
        }
        match self.faults.as_slice() {
            [] => write!(f, "no fault"),
            faults => write!(f, "FAULTS: {}", faults.join("; ")),
        }
    }
}
