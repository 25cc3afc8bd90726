//! Clients that misuse what HTTP/2 allows, budget by budget, beside others that behave: whether each is ended and told,
//! what the server counts, how much memory that takes, and what the others notice.
//!
//! Each way of misuse has a server of its own on one CPU. A timetable of requests runs there, alone and beside the
//! offenders by turns; the offenders' thread gives way to the timetable's, so that what is late is late in the
//! server. Called by the command line.

mod crowd;
mod observer;
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
use self::observer::Seen;
use self::offence::Ending;
use crate::load::{self, Arrivals, parse_duration};
use crate::proc::{Memory, cores_waited, give_way, peak};
use crate::race::Median;
use crate::server::{Answer, Binaries, Control, Cpus, Job, Peer, Server, pin_this_thread};
use crate::target::{Endpoint, Target};

/// How long an offender may be there after the last one began.
const PATIENCE: Duration = Duration::from_secs(30);

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
    /// Connections that behave, with one request at a time on each
    #[arg(long, default_value_t = 32, value_name = "N")]
    pub established: usize,
    /// Requests a second on these, at random instants
    #[arg(long, default_value = "1000", value_name = "R")]
    pub rate: NonZeroU64,
    /// The ringgate program [default: `ringgate` beside this program]
    #[arg(long, value_name = "PATH")]
    pub ringgate_binary: Option<PathBuf>,
    /// Where it runs
    #[command(flatten)]
    pub cpus: Cpus,
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
    /// Saw their connection reset before they came to that.
    pub reset: u64,
    /// Saw the end of the connection, and no reason.
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
    /// The latency of those that behave, alone, in microseconds from the timetable.
    pub calm_us: Quantiles,
    /// The same beside the offenders.
    pub beside_us: Quantiles,
    /// The second by the first, round by round.
    pub ratio: Quantiles,
    /// The part of their latency that is the server's and the kernel's on its CPU, alone: from the call that sends a request to
    /// the answer at the client's socket.
    pub served_calm_us: Quantiles,
    /// The same beside the offenders.
    pub served_beside_us: Quantiles,
    /// The second by the first, round by round.
    pub served_ratio: Quantiles,
    /// Median time in which the server's core was ready beside the offenders and had no CPU, in milliseconds: the kernel's own threads
    /// had it, or others.
    pub waited_ms: Median,
    /// Median from the first offender's beginning to the last one's end, in seconds.
    pub took_seconds: Median,
}

/// Three quantiles, each as the median over the rounds.
#[derive(Debug, Clone, Serialize)]
pub struct Quantiles {
    /// Half are below.
    pub p50: Median,
    /// Nine of ten are below.
    pub p90: Median,
    /// 99 of 100 are below.
    pub p99: Median,
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
/// A missing binary, a CPU that is not allowed, or a server that does not start. A fault of the server is no
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
    let is_asked = |offence: &&Offence| !options.offences.is_empty() || offence.is_one();
    let mut report = FloodReport {
        rows: Vec::new(),
        faults: Vec::new(),
    };
    for offence in offences.iter().filter(is_asked) {
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
    let cpu = options.cpus.server;
    let server = Server::start_with(binaries, Peer::Ringgate, cpu, Job::PLAIN, &extra)?;
    pin_this_thread(options.cpus.load)?;
    // The first connections take memory that stays.
    timetable(options, &server)?;
    let before = Memory::of(server.pid())?.rss;
    let (mut late, mut served) = (Compared::default(), Compared::default());
    let (mut took, mut waited) = (vec![], vec![]);
    let mut fates = Fates::default();
    for _ in 0..options.rounds {
        let alone = timetable(options, &server)?;
        let had_waited = cores_waited(server.pid())?;
        let (others, ended) = beside_offenders(options, &server, offence)?;
        let more = cores_waited(server.pid())?.saturating_sub(had_waited);
        waited.push(more.as_secs_f64() * 1000.0);
        for failure in [&alone, &others].into_iter().filter_map(Seen::failure) {
            faults.push(format!("{}: those that behave: {failure}", offence.name()));
        }
        late.add(&alone.late_us, &others.late_us);
        served.add(&alone.served_us, &others.served_us);
        took.push(ended.took.as_secs_f64());
        fates.add(ended);
    }
    let counts = control.ask("status")?;
    let counts = counts["http2"]["faults"].as_object();
    let counts = counts.ok_or_else(|| io::Error::other("the status has no http2.faults"))?;
    let all: u64 = counts.values().filter_map(serde_json::Value::as_u64).sum();
    let counted = counts.get(offence.option());
    let counted = counted.and_then(serde_json::Value::as_u64).unwrap_or(0);
    let row = Row {
        offence,
        option: offence.option(),
        offenders: u64::from(options.offenders) * u64::from(options.rounds),
        told: fates.told,
        reset: fates.reset,
        cut: fates.cut,
        otherwise: fates.otherwise,
        left: fates.left,
        counted,
        counted_elsewhere: all - counted,
        memory: peak(server.pid())?.saturating_sub(before),
        calm_us: Quantiles::of(&late.calm)?,
        beside_us: Quantiles::of(&late.beside)?,
        ratio: Quantiles::of(&late.ratio)?,
        served_calm_us: Quantiles::of(&served.calm)?,
        served_beside_us: Quantiles::of(&served.beside)?,
        served_ratio: Quantiles::of(&served.ratio)?,
        waited_ms: median(&waited)?,
        took_seconds: median(&took)?,
    };
    faults.extend(row.faults());
    Ok(row)
}

/// The quantiles of all rounds.
#[derive(Default)]
struct Compared {
    calm: Vec<[f64; 3]>,
    beside: Vec<[f64; 3]>,
    ratio: Vec<[f64; 3]>,
}

impl Compared {
    fn add(&mut self, alone: &[f64], others: &[f64]) {
        let (alone, others) = (three(alone), three(others));
        self.calm.push(alone);
        self.beside.push(others);
        let ratio = |at: usize| others[at] / alone[at].max(1.0);
        self.ratio.push([0, 1, 2].map(ratio));
    }
}

/// The quantiles of a run that are compared, of sorted values; NaN without any.
fn three(sorted: &[f64]) -> [f64; 3] {
    [0.5, 0.9, 0.99].map(|part: f64| {
        let rank = (part * sorted.len() as f64).ceil() as usize;
        sorted.get(rank.max(1) - 1).copied().unwrap_or(f64::NAN)
    })
}

fn median(values: &[f64]) -> io::Result<Median> {
    Median::of(values).ok_or_else(|| io::Error::other("no round"))
}

impl Quantiles {
    fn of(rounds: &[[f64; 3]]) -> io::Result<Quantiles> {
        let one = |at: usize| {
            let values: Vec<f64> = rounds.iter().map(|round| round[at]).collect();
            median(&values)
        };
        Ok(Quantiles {
            p50: one(0)?,
            p90: one(1)?,
            p99: one(2)?,
        })
    }
}

impl fmt::Display for Quantiles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (p50, p90, p99) = (self.p50.median, self.p90.median, self.p99.median);
        f.pad(&format!("{p50:.0} / {p90:.0} / {p99:.0}"))
    }
}

/// Runs the clients that behave, by the timetable.
fn timetable(options: &Options, server: &Server) -> io::Result<Seen> {
    let path = Peer::Ringgate.path(Answer::Plaintext);
    let target = Target {
        endpoint: Endpoint::Tcp(server.address),
        tls: false,
        websocket: false,
        path: path.to_owned(),
    };
    let load = load::Options {
        requests: None,
        duration: Some(options.duration),
        connections: options.established,
        rate: Some(options.rate),
        arrivals: Arrivals::Random,
        warm_up: options.duration / 10,
        ..load::Options::to(target)
    };
    observer::run(server.address, path, &load)
}

/// The same beside those that do not.
fn beside_offenders(
    options: &Options,
    server: &Server,
    offence: Offence,
) -> io::Result<(Seen, Fates)> {
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
        self.reset += more.reset;
        self.cut += more.cut;
        self.otherwise += more.otherwise;
        self.left += more.left;
    }
}

impl Row {
    /// Faults of the server, one sentence each.
    fn faults(&self) -> impl Iterator<Item = String> {
        let name = self.offence.name();
        let due = match self.offence.ending() {
            Ending::Connection => self.offenders,
            Ending::Streams(count) => self.offenders * u64::from(count),
            Ending::Itself => 0,
        };
        let unended = self.otherwise + self.left + self.cut;
        let unended = (unended > 0).then(|| {
            format!(
                "{name}: {} were not ended, {} were told something else, {} were told nothing",
                self.left, self.otherwise, self.cut
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
            "{:<16} {:>9} {:>6} {:>6} {:>8} {:>7} {:>20} {:>22} {:>6} {:>20} {:>22} {:>6} {:>9} {:>6}  option",
            "offence",
            "offenders",
            "told",
            "reset",
            "counted",
            "MiB",
            "calm p50/90/99 us",
            "beside",
            "p99 x",
            "served, calm",
            "beside",
            "p99 x",
            "waited ms",
            "took s"
        )?;
        for row in &self.rows {
            writeln!(
                f,
                "{:<16} {:>9} {:>6} {:>6} {:>8} {:>7.1} {:>20} {:>22} {:>6.2} {:>20} {:>22} {:>6.2} {:>9.0} {:>6.1}  {}",
                row.offence.name(),
                row.offenders,
                row.told,
                row.reset,
                row.counted,
                row.memory as f64 / (1024.0 * 1024.0),
                row.calm_us,
                row.beside_us,
                row.ratio.p99.median,
                row.served_calm_us,
                row.served_beside_us,
                row.served_ratio.p99.median,
                row.waited_ms.median,
                row.took_seconds.median,
                row.option
            )?;
        }
        let sum = |of: fn(&Row) -> u64| self.rows.iter().map(of).sum::<u64>();
        let ended = self.rows.iter().filter(|row| row.faults().next().is_none());
        writeln!(
            f,
            "{} of {} ways ended and counted: {} clients were told, {} only reset",
            ended.count(),
            self.rows.len(),
            sum(|row| row.told),
            sum(|row| row.reset)
        )?;
        match self.faults.as_slice() {
            [] => write!(f, "no fault"),
            faults => write!(f, "FAULTS: {}", faults.join("; ")),
        }
    }
}
