//! A ringgate server whose pool of cores is changed all the while under load: every request must end
//! with the answer it asked for.
//!
//! Starts a server of its own, loads it in four ways at once (kept connections and one for each
//! request, GET and POST with verified echoes; over HTTP/2 also kept connections that mostly idle), and meanwhile resizes the pool at random, or lets its
//! cores block, spin and panic. At the end the server drains, and its ledgers must balance. Called by
//! the command line; the load itself and its bookkeeping are [`crate::load`]'s.

use std::collections::BTreeMap;
use std::fmt;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::num::NonZeroU64;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use clap::{Args, ValueEnum};
use serde::Serialize;
use serde_json::Value;

use crate::load::{self, Http2Options, Method, Mode, TlsOptions, Verify, parse_duration};
use crate::server::{Control, ends_with_us, free_port};
use crate::target::{Endpoint, Target};

/// How long the server may take to start, and to end.
const PATIENCE: Duration = Duration::from_secs(60);
/// Pause between two looks.
const GLANCE: Duration = Duration::from_millis(5);
/// Pause between two fresh connections that are timed.
const PROBE_PAUSE: Duration = Duration::from_millis(10);
/// Until a request that blocks a core is sure to do so. Connections that the core has accepted by then
/// wait with it, and are not timed.
const TAKES_HOLD: Duration = Duration::from_millis(50);
/// The longest that a fresh connection may wait for its answer while a core is in trouble.
const PROBE_MAX: Duration = Duration::from_millis(500);
/// Bytes of a request body.
const BODY_BYTES: usize = 300;
/// Connections of HTTP/2 that mostly idle, and how many requests a second they share.
const QUIET_CONNECTIONS: usize = 64;
const QUIET_RATE: NonZeroU64 = NonZeroU64::new(200).expect("above zero");
/// Of the requests of each way, this part is asked on those, but no fewer than two for each.
const QUIET_SHARE: u64 = 50;

/// The wishes for a storm.
#[derive(Debug, Clone, Args)]
pub struct Options {
    /// Requests in all, a quarter in each of the four ways
    #[arg(long, short = 'n', default_value_t = 1_000_000, value_name = "N")]
    pub requests: u64,
    /// Connections in each of the four ways
    #[arg(long, short = 'c', default_value_t = 16, value_name = "N")]
    pub connections: usize,
    /// Time between two resizes
    #[arg(long, value_parser = parse_duration, default_value = "50ms", value_name = "TIME")]
    pub every: Duration,
    /// Fewest cores of a resize
    #[arg(long, default_value_t = 0, value_name = "N")]
    pub fewest: u32,
    /// Most cores of a resize
    #[arg(long, default_value_t = 8, value_name = "N")]
    pub most: u32,
    /// Changes of the pool meanwhile
    #[arg(long, value_enum, default_value_t = Weather::Resize)]
    pub weather: Weather,
    /// Each core is replaced after this many connections; 0 is never
    #[arg(long, default_value_t = 0, value_name = "N")]
    pub accepts: u32,
    /// Seed of the random sizes
    #[arg(long, default_value_t = 1, value_name = "N")]
    pub seed: u64,
    /// All of it over TLS
    #[arg(long)]
    pub tls: bool,
    /// Over TLS: keys are replaced before about one request in N
    #[arg(long, default_value_t = 100, value_name = "N", requires = "tls", value_parser = clap::value_parser!(u32).range(1..))]
    pub tls_key_updates: u32,
    /// How HTTP/2 is spoken
    #[command(flatten)]
    pub http2: Http2Options,
    /// The server [default: ringgate beside this program]
    #[arg(long, value_name = "FILE")]
    pub ringgate_binary: Option<PathBuf>,
    /// A request without an answer after this long has failed
    #[arg(long, value_parser = parse_duration, default_value = "20s", value_name = "TIME")]
    pub timeout: Duration,
}

/// The disturbance of the pool.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Weather {
    /// The pool is resized at random.
    Resize,
    /// The pool stays as it is (with `--accepts` its cores are replaced).
    Calm,
    /// One core blocks for ten minutes; fresh connections are timed.
    Block,
    /// A core panics again and again; fresh connections are timed.
    Panic,
    /// One core spins; fresh connections are timed.
    Spin,
}

impl Weather {
    /// Whether this status shows a core in the trouble that was asked for; in weather without trouble none does.
    fn is_told_by(self, status: &Value) -> bool {
        let count = |value: &Value| value.as_u64().unwrap_or_default();
        let pool = &status["pool"];
        match self {
            Self::Resize | Self::Calm => false,
            Self::Block | Self::Spin => count(&pool["stuck"]) + count(&pool["quarantined"]) > 0,
            // The connection on which the panic was asked for ends with its core.
            Self::Panic => count(&status["totals"]["connections"]["aborted"]) > 0,
        }
    }
}

/// The outcome of a storm.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// The disturbance of the pool.
    pub weather: Weather,
    /// Resizes that the server accepted.
    pub resizes: u64,
    /// How often each number of running cores was seen.
    pub cores_seen: BTreeMap<u64, u64>,
    /// Threads of cores that were ever started, as far as they were seen: highest core number.
    pub highest_core: u64,
    /// Fresh connections that were timed.
    pub probes: u64,
    /// The longest of these, in milliseconds from connect to answer.
    pub slowest_probe_ms: f64,
    /// The four loads; over HTTP/2 a fifth, whose connections mostly idle.
    pub loads: Vec<load::Report>,
    /// The last line of the server's ledgers: connections, then requests.
    pub ledgers: Vec<String>,
    /// Events that should not have happened.
    pub faults: Vec<String>,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for load in &self.loads {
            writeln!(
                f,
                "{:?} {:?}: issued {} ok {} status {:?} refused {} reset {} cut {} timeout {} stream_reset {} \
                 tls_failed {} wrong {} doubled {}, reconnects {}, {:.0} requests/s, p99 {:.1} ms, max {:.1} ms",
                load.mode,
                load.method,
                load.issued,
                load.ok,
                load.status,
                load.refused,
                load.reset,
                load.cut,
                load.timeout,
                load.stream_reset,
                load.tls_failed,
                load.wrong,
                load.doubled,
                load.reconnects,
                load.requests_per_second,
                load.latency_us.p99 / 1000.0,
                load.latency_us.max / 1000.0,
            )?;
            if let Some(tls) = &load.tls {
                writeln!(
                    f,
                    "  TLS: handshakes {} full, {} resumed, key updates {}, without close_notify {}{}",
                    tls.handshakes_full,
                    tls.handshakes_resumed,
                    tls.key_updates,
                    tls.without_close_notify,
                    tls.first_error.as_deref().unwrap_or_default()
                )?;
            }
            if let Some(http2) = &load.http2 {
                writeln!(f, "  {http2}")?;
            }
        }
        writeln!(
            f,
            "resizes {}, cores seen {:?}, highest core {}, probes {} (slowest {:.1} ms)",
            self.resizes, self.cores_seen, self.highest_core, self.probes, self.slowest_probe_ms
        )?;
        for line in &self.ledgers {
            writeln!(f, "{line}")?;
        }
        match self.faults.as_slice() {
            [] => write!(f, "no fault"),
            faults => write!(f, "FAULTS: {}", faults.join("; ")),
        }
    }
}

/// The server under the storm; dropping it ends it.
struct Subject {
    child: Child,
    address: SocketAddr,
    control: Control,
}

impl Subject {
    fn start(binary: &Path, options: &Options) -> io::Result<Subject> {
        let address = free_port()?;
        let control = Control::new("storm")?;
        let log = std::fs::File::create(control.folder().join("log"))?;
        let mut command = ends_with_us(binary);
        let most = options.most.max(1).to_string();
        let listen = match options.tls {
            true => format!("https://{address}"),
            false => address.to_string(),
        };
        command
            .args(["serve", "--listen", &listen, "--cores", &most])
            .args(["--core-slots", &most, "--demo", "on"])
            .args(["--accepts", &options.accepts.to_string()])
            .args(control.arguments())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log);
        if options.tls {
            command.args(["--certificate", "self"]);
        }
        let mut subject = Subject {
            child: command.spawn()?,
            address,
            control,
        };
        let until = Instant::now() + PATIENCE;
        let runs = |subject: &Subject| {
            let status = subject.control.ask("status");
            status.is_ok_and(|status| status["phase"] == "running")
        };
        while !runs(&subject) {
            if subject.child.try_wait()?.is_some() || Instant::now() >= until {
                return Err(io::Error::other(format!(
                    "the server does not start: {}",
                    subject.log().join(" | ")
                )));
            }
            std::thread::sleep(GLANCE);
        }
        Ok(subject)
    }

    fn log(&self) -> Vec<String> {
        let log = std::fs::read_to_string(self.control.folder().join("log")).unwrap_or_default();
        log.lines().map(str::to_owned).collect()
    }

    /// Sends one request and forgets it, or waits for its answer.
    fn get(&self, path: &str, wait: bool) -> io::Result<Option<TcpStream>> {
        let mut stream = TcpStream::connect(self.address)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        write!(stream, "GET {path} HTTP/1.1\r\nHost: storm\r\n\r\n")?;
        if !wait {
            return Ok(Some(stream));
        }
        let mut answer = [0; 12];
        stream.read_exact(&mut answer)?;
        match &answer {
            b"HTTP/1.1 200" => Ok(None),
            other => Err(io::Error::other(
                String::from_utf8_lossy(other).into_owned(),
            )),
        }
    }

    /// Drains it and waits for its end.
    fn drain(&mut self) -> io::Result<Option<i32>> {
        self.control.ask("drain")?;
        let until = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait()? {
                return Ok(status.code());
            }
            if Instant::now() >= until {
                return Err(io::Error::other(
                    "the server does not end when it is drained",
                ));
            }
            std::thread::sleep(GLANCE);
        }
    }
}

impl Drop for Subject {
    fn drop(&mut self) {
        // It may have ended by itself: then there is nothing to end, only to reap.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The observations that are gathered while the load runs.
#[derive(Default)]
struct Seen {
    resizes: u64,
    cores: BTreeMap<u64, u64>,
    highest_core: u64,
    probes: u64,
    slowest: Duration,
    /// Whether the status has told of the trouble that was asked for.
    is_troubled: bool,
    faults: Vec<String>,
}

impl Seen {
    fn look(&mut self, subject: &Subject, weather: Weather) {
        let status = match subject.control.ask("status") {
            Ok(status) => status,
            Err(error) => return self.faults.push(format!("no status: {error}")),
        };
        let running = status["pool"]["running"].as_u64().unwrap_or_default();
        *self.cores.entry(running).or_default() += 1;
        let cores = status["cores"].as_array().into_iter().flatten();
        let highest = cores.filter_map(|core| core["index"].as_u64()).max();
        self.highest_core = self.highest_core.max(highest.unwrap_or_default());
        self.is_troubled |= weather.is_told_by(&status);
    }

    fn resize(&mut self, subject: &Subject, random: &mut u64, options: &Options) {
        // xorshift64: any sequence will do, the same for the same seed.
        *random ^= *random << 13;
        *random ^= *random >> 7;
        *random ^= *random << 17;
        let range = u64::from(options.most.saturating_sub(options.fewest)) + 1;
        let cores = u64::from(options.fewest) + *random % range;
        match subject.control.ask(&format!("resize {cores}")) {
            Ok(answer) if answer["ok"] == true => self.resizes += 1,
            Ok(answer) => self.faults.push(format!("resize {cores}: {answer}")),
            Err(error) => self.faults.push(format!("resize {cores}: {error}")),
        }
    }

    fn probe(&mut self, subject: &Subject) {
        let began = Instant::now();
        let answer = subject.get("/plaintext", true);
        let took = began.elapsed();
        self.probes += 1;
        self.slowest = self.slowest.max(took);
        if let Err(error) = answer {
            self.faults.push(format!("a fresh connection: {error}"));
        } else if took > PROBE_MAX {
            self.faults
                .push(format!("a fresh connection took {took:?}"));
        }
    }

    /// Disturbs the pool as the weather says until the load is over.
    fn weather(&mut self, subject: &Subject, options: &Options, over: &AtomicBool) {
        let mut random = options.seed.max(1);
        let trouble = match options.weather {
            Weather::Resize | Weather::Calm => None,
            Weather::Block => Some("/block?ms=600000"),
            Weather::Panic => Some("/panic?core=1"),
            Weather::Spin => Some("/spin?ms=600000"),
        };
        let mut held = Vec::new();
        let until = Instant::now() + PATIENCE;
        // A short load may be over before a core is in trouble, and would then prove nothing.
        let has_failed_to_come = |seen: &Self| trouble.is_some() && !seen.is_troubled;
        while !over.load(Ordering::Relaxed)
            || (has_failed_to_come(self) && self.faults.is_empty() && Instant::now() < until)
        {
            let began = Instant::now();
            match (options.weather, trouble) {
                (Weather::Resize, _) => self.resize(subject, &mut random, options),
                (Weather::Panic, Some(path)) if self.probes.is_multiple_of(200) => {
                    self.ask_for(subject, path, &mut held);
                }
                (_, Some(path)) if held.is_empty() => {
                    self.ask_for(subject, path, &mut held);
                    std::thread::sleep(TAKES_HOLD);
                }
                _ => {}
            }
            if trouble.is_some() {
                self.probe(subject);
                std::thread::sleep(PROBE_PAUSE);
                if !self.probes.is_multiple_of(20) {
                    continue;
                }
            }
            self.look(subject, options.weather);
            if trouble.is_none() {
                std::thread::sleep(options.every.saturating_sub(began.elapsed()));
            }
        }
        if has_failed_to_come(self) {
            (self.faults).push("no core was seen in trouble: the storm proves nothing".to_owned());
        }
    }

    /// Asks for trouble on a connection of its own, which is kept.
    fn ask_for(&mut self, subject: &Subject, path: &str, held: &mut Vec<Option<TcpStream>>) {
        match subject.get(path, false) {
            Ok(stream) => held.push(stream),
            Err(error) => self.faults.push(format!("{path}: {error}")),
        }
    }
}

fn loads(address: SocketAddr, options: &Options) -> Vec<load::Options> {
    let ways = [
        (Mode::Keepalive, Method::Get),
        (Mode::Close, Method::Get),
        (Mode::Keepalive, Method::Post),
        (Mode::Close, Method::Post),
    ];
    let share = (options.requests / ways.len() as u64).max(1);
    let mut loads: Vec<_> = (ways.into_iter())
        .map(|(mode, method)| {
            let (path, body, verify) = match method {
                Method::Get => ("/plaintext", 0, Verify::Plaintext),
                Method::Post => ("/echo", BODY_BYTES, Verify::Echo),
            };
            let target = Target {
                endpoint: Endpoint::Tcp(address),
                tls: options.tls,
                websocket: false,
                path: path.to_owned(),
            };
            let tls = TlsOptions {
                full_handshakes: options.tls && (mode, method) == (Mode::Close, Method::Get),
                resume: options.tls && (mode, method) == (Mode::Close, Method::Post),
                key_updates: options.tls.then_some(options.tls_key_updates),
                ..TlsOptions::default()
            };
            load::Options {
                // More handshakes at a time than a core begins in a turn: some wait while cores come and go.
                connections: match options.tls && mode == Mode::Close {
                    true => options.connections * 2,
                    false => options.connections,
                },
                tls,
                http2: options.http2.clone(),
                requests: Some(share),
                mode,
                method,
                body,
                verify,
                timeout: options.timeout,
                // Each connection leaves a port behind for a minute.
                source_addresses: 50,
                ..load::Options::to(target)
            }
        })
        .collect();
    if options.http2.wanted {
        loads.push(load::Options {
            connections: QUIET_CONNECTIONS,
            requests: Some((share / QUIET_SHARE).max(2 * QUIET_CONNECTIONS as u64)),
            rate: Some(QUIET_RATE),
            ..loads[0].clone()
        });
    }
    loads
}

/// Runs the storm.
///
/// # Errors
/// The storm could not run. Faults of the server are in [`Report::faults`].
pub fn run(options: &Options) -> io::Result<Report> {
    if options.tls && !matches!(options.weather, Weather::Resize | Weather::Calm) {
        return Err(io::Error::other(
            "--tls goes with --weather resize and calm: the connections that are timed speak plain HTTP",
        ));
    }
    let bench = std::env::current_exe()?;
    let beside = bench.parent().unwrap_or(Path::new(".")).join("ringgate");
    let binary = options.ringgate_binary.clone().unwrap_or(beside);
    let mut subject = Subject::start(&binary, options)?;
    let over = AtomicBool::new(false);
    let mut seen = Seen::default();
    let wishes = loads(subject.address, options);
    let reports = std::thread::scope(|scope| {
        let runs: Vec<_> = wishes
            .iter()
            .map(|wish| scope.spawn(|| load::run(wish)))
            .collect();
        let weather = scope.spawn(|| seen.weather(&subject, options, &over));
        let reports: Vec<_> = runs.into_iter().map(|run| run.join()).collect();
        over.store(true, Ordering::Relaxed);
        if let Err(panic) = weather.join() {
            std::panic::resume_unwind(panic);
        }
        reports
    });
    let mut report = Report {
        weather: options.weather,
        resizes: seen.resizes,
        cores_seen: seen.cores,
        highest_core: seen.highest_core,
        probes: seen.probes,
        slowest_probe_ms: seen.slowest.as_secs_f64() * 1e3,
        loads: Vec::new(),
        ledgers: Vec::new(),
        faults: seen.faults,
    };
    for load in reports {
        match load {
            Ok(Ok(load)) => report.judge(load, options),
            Ok(Err(error)) => report.faults.push(error.to_string()),
            Err(_) => report.faults.push("the load generator panicked".to_owned()),
        }
    }
    if options.weather == Weather::Resize && report.cores_seen.len() < 2 {
        report
            .faults
            .push("the number of cores never changed".to_owned());
    }
    report.end(&mut subject, options)?;
    Ok(report)
}

impl Report {
    fn judge(&mut self, load: load::Report, options: &Options) {
        // A core in trouble takes its own connections with it; nobody else may suffer.
        let is_troubled = !matches!(options.weather, Weather::Resize | Weather::Calm);
        let bad = load.refused + load.wrong + load.doubled + load.tls_failed;
        let lost = load.reset + load.cut + load.timeout + load.stream_reset + load.local;
        let other: u64 = load.status.values().sum();
        let is_vain = load.ok == 0;
        if is_vain || bad + other > 0 || (lost > 0 && !is_troubled) || load.ok + lost != load.issued
        {
            let text = format!(
                "{:?} {:?}: not every request was answered",
                load.mode, load.method
            );
            self.faults.push(text);
        }
        if load.reconnects > 0 && !is_troubled {
            let text = format!(
                "{:?}: {} connections that are kept were made anew",
                load.method, load.reconnects
            );
            self.faults.push(text);
        }
        self.loads.push(load);
    }

    fn end(&mut self, subject: &mut Subject, options: &Options) -> io::Result<()> {
        let stuck = matches!(options.weather, Weather::Block | Weather::Spin);
        // What is stuck for ten minutes is not waited for.
        let code = match stuck {
            true => {
                subject.control.ask("stop")?;
                subject.child.wait()?.code()
            }
            false => subject.drain()?,
        };
        if code != Some(0) && !stuck {
            self.faults.push(format!("the server ended with {code:?}"));
        }
        let log = subject.log();
        let ledgers = log.iter().filter(|line| {
            line.contains("connections accepted=") || line.contains("requests begun=")
        });
        self.ledgers = ledgers.cloned().collect();
        if self.ledgers.len() != 2 {
            let last = log.iter().rev().take(3).rev();
            let last: Vec<&str> = last.map(String::as_str).collect();
            self.faults
                .push(format!("no ledgers at the end: {}", last.join(" | ")));
        }
        for line in &self.ledgers {
            if let Some(fault) = imbalance(line) {
                self.faults.push(fault);
            }
        }
        Ok(())
    }
}

/// Returns the fault if the figures do not add up in a line of the form `accepted=3 finished=2 ...`.
pub(crate) fn imbalance(line: &str) -> Option<String> {
    let figures: BTreeMap<&str, u64> = line
        .split_ascii_whitespace()
        .filter_map(|word| word.split_once('='))
        .filter_map(|(name, value)| Some((name, value.parse().ok()?)))
        .collect();
    let figure = |name: &str| figures.get(name).copied().unwrap_or_default();
    let came = figure("accepted") + figure("inherited") + figure("begun");
    let went: u64 = figures
        .iter()
        .filter(|(name, _)| !["accepted", "inherited", "begun"].contains(name))
        .map(|(_, count)| count)
        .sum();
    let left = figure("open") + figure("in_transit") + figure("running") + figure("pending");
    (came != went || left > 0).then(|| format!("the ledger does not balance: {line}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weather_is_told_by_a_core_that_is_stuck_or_by_what_was_lost_with_it() {
        let status = |stuck: u32, quarantined: u32, aborted: u32| {
            serde_json::json!({
                "pool": { "stuck": stuck, "quarantined": quarantined },
                "totals": { "connections": { "aborted": aborted } },
            })
        };
        for (weather, told) in [
            (Weather::Resize, [false; 4]),
            (Weather::Calm, [false; 4]),
            (Weather::Block, [false, true, true, false]),
            (Weather::Spin, [false, true, true, false]),
            (Weather::Panic, [false, false, false, true]),
        ] {
            let seen = [(0, 0, 0), (1, 0, 0), (0, 1, 0), (0, 0, 1)]
                .map(|(stuck, quarantined, aborted)| status(stuck, quarantined, aborted))
                .map(|status| weather.is_told_by(&status));
            assert_eq!(seen, told, "{weather:?}");
        }
    }

    #[test]
    fn a_ledger_that_does_not_add_up_is_found() {
        let good = "connections accepted=5 finished=3 rejected=1 aborted=1 open=0 in_transit=0";
        assert_eq!(imbalance(good), None);
        let handed_over = "connections accepted=5 inherited=2 finished=3 open=0 passed_on=4";
        assert_eq!(imbalance(handed_over), None);
        assert!(imbalance("connections accepted=5 finished=3 rejected=1 aborted=0").is_some());
        assert!(imbalance("requests begun=5 answered=4 running=1").is_some());
    }
}
