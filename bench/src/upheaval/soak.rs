//! A soak: the storm over everything for so many minutes, and what the server has when it rests afterwards.
//!
//! The first part upgrades the server again and again. Then one process stays, and whatever happens to it (every death of a
//! process that was to take over among it) may leave nothing behind: what it has at rest is written down when it has been
//! through everything once, and again and again until the end.

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::io;
use std::path::Path;
use std::time::{Duration, Instant};

use clap::Args;
use serde::Serialize;

use crate::load::parse_duration;
use crate::proc::Memory;
use crate::upheaval::subject::Subject;
use crate::upheaval::{Cause, Common, Spell, Until, spell};

/// The part of the time in which the server is upgraded: one in so many.
const UPGRADES_PART: u32 = 4;
/// How often the server rests in the other part.
const RESTS: u32 = 4;
/// A rest: longer than anything that goes on by itself without clients, such as the help at a listener that a dead
/// process may have armed (10 s).
const REST: Duration = Duration::from_secs(15);
/// How long the server may take until it has nothing to do.
const PATIENCE: Duration = Duration::from_secs(60);
/// Pause between two looks.
const GLANCE: Duration = Duration::from_millis(20);
/// How long its descriptors are looked at.
const LOOKS: Duration = Duration::from_secs(1);
/// Cores at rest.
const CORES: u32 = 2;
/// By how much resident and own memory may have grown: the C library gives back what it likes, so a part of what there
/// was, and some bytes.
const GROWTH_PERCENT: u64 = 15;
const GROWTH_BYTES: u64 = 4 << 20;

/// The wishes for a soak.
#[derive(Debug, Clone, Args)]
pub struct Options {
    /// How long it takes, at least
    #[arg(long, short = 'd', value_parser = parse_duration, default_value = "30m", value_name = "TIME")]
    pub duration: Duration,
    /// Options that a storm has as well
    #[command(flatten)]
    pub common: Common,
}

/// The memory, descriptors, threads and operations of a process at rest.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Figures {
    /// Seconds since the soak began.
    pub at_seconds: u64,
    /// The id of the process.
    pub pid: u32,
    /// Resident memory, in bytes.
    pub resident: u64,
    /// Of it: that no other process shares.
    pub own: u64,
    /// Open descriptors.
    pub descriptors: u64,
    /// Of them: rings.
    pub rings: u64,
    /// Threads.
    pub threads: u64,
    /// Operations of connections that the kernel has not completed.
    pub operations: u64,
    /// Open connections.
    pub open: u64,
}

/// The outcome of a soak.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// How long it took.
    pub seconds: f64,
    /// Requests and messages that were issued.
    pub issued: u64,
    /// Of these: answered.
    pub answered: u64,
    /// Upgrades that came about.
    pub upgrades: u64,
    /// Resizes that the server accepted.
    pub resizes: u64,
    /// The causes of what was lost.
    pub causes: BTreeMap<String, Cause>,
    /// The figures of the process that stayed, each time that it rested.
    pub rests: Vec<Figures>,
    /// Events that should not have happened.
    pub faults: Vec<String>,
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "at {} s: resident {} KiB, own {} KiB, {} descriptors ({} rings), {} threads, {} operations, {} connections",
            self.at_seconds,
            self.resident >> 10,
            self.own >> 10,
            self.descriptors,
            self.rings,
            self.threads,
            self.operations,
            self.open
        )
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{} requests in {:.0} s, {} answered, {} upgrades, {} resizes",
            self.issued, self.seconds, self.answered, self.upgrades, self.resizes
        )?;
        for (name, cause) in &self.causes {
            writeln!(
                f,
                "{name}: {} times, {} requests lost",
                cause.times, cause.requests
            )?;
        }
        for rest in &self.rests {
            writeln!(f, "{rest}")?;
        }
        match self.faults.as_slice() {
            [] => write!(f, "it has at the end what it had at the start"),
            faults => write!(f, "FAULTS: {}", faults.join("; ")),
        }
    }
}

impl Report {
    fn add(&mut self, mut spell: Spell) {
        let account = spell.account(&mut self.faults);
        for (name, cause) in account.causes {
            let sum = self.causes.entry(name).or_default();
            sum.times += cause.times;
            sum.connections += cause.connections;
            sum.missed += cause.missed;
            sum.requests += cause.requests;
        }
        self.issued += spell.sums.iter().map(|sum| sum.issued).sum::<u64>();
        self.answered += spell.sums.iter().map(|sum| sum.answered).sum::<u64>();
        self.upgrades += spell.seen.upgrades;
        self.resizes += spell.resizes;
    }
}

/// Runs the soak. `tell` hears of each rest.
///
/// # Errors
/// The soak could not be run. Wrongs of the server are in [`Report::faults`].
pub fn run(options: &Options, tell: impl Fn(&str)) -> io::Result<Report> {
    let began = Instant::now();
    let quiet = |_: &str| {};
    let at = |part: u32| Until::Instant(began + options.duration * part / (UPGRADES_PART * RESTS));
    let mut report = Report {
        seconds: 0.0,
        issued: 0,
        answered: 0,
        upgrades: 0,
        resizes: 0,
        causes: BTreeMap::new(),
        rests: Vec::new(),
        faults: Vec::new(),
    };
    let mut subject = Subject::start(&options.common)?;
    report.add(spell(&subject, &options.common, true, at(RESTS), quiet));
    // Once for what is made when it is first needed and kept: that is no leak.
    report.add(spell(&subject, &options.common, false, at(RESTS), quiet));
    for rest in 0..=RESTS {
        if !report.faults.is_empty() {
            break;
        }
        if rest > 0 {
            let part = RESTS + rest * (UPGRADES_PART - 1);
            report.add(spell(&subject, &options.common, false, at(part), quiet));
        }
        let figures = at_rest(&subject, began)?;
        tell(&figures.to_string());
        report.rests.push(figures);
    }
    if let [first, .., last] = report.rests.as_slice() {
        report.faults.extend(grown(first, last));
        if first.pid != last.pid {
            report
                .faults
                .push("another process serves at the end than at the start".to_owned());
        }
    }
    subject.end(report.upgrades, &mut report.faults);
    report.seconds = began.elapsed().as_secs_f64();
    Ok(report)
}

/// The figures of the process that serves, once it has nothing to do.
fn at_rest(subject: &Subject, began: Instant) -> io::Result<Figures> {
    subject.control.ask(&format!("resize {CORES} wait"))?;
    std::thread::sleep(REST);
    let until = Instant::now() + PATIENCE;
    loop {
        let status = subject.control.ask("status")?;
        let open = &status["totals"]["connections"]["open"];
        let is_alone = status["generations"]
            .as_array()
            .is_some_and(|list| list.len() == 1);
        if open == 0 && is_alone || Instant::now() >= until {
            let pid = status["pid"].as_u64().unwrap_or_default() as u32;
            let cores = status["cores"].as_array().into_iter().flatten();
            let operations = cores
                .filter_map(|core| core["operations_in_flight"].as_u64())
                .sum();
            let memory = Memory::of(pid)?;
            let folder = format!("/proc/{pid}");
            let (descriptors, rings) = fewest(&Path::new(&folder).join("fd"))?;
            return Ok(Figures {
                at_seconds: began.elapsed().as_secs(),
                pid,
                resident: memory.rss,
                own: memory.private,
                descriptors,
                rings,
                threads: fs::read_dir(Path::new(&folder).join("task"))?.count() as u64,
                operations,
                open: open.as_u64().unwrap_or_default(),
            });
        }
        std::thread::sleep(GLANCE);
    }
}

/// The fewest of a second: the server closes the connection to the control socket that asked for its status a moment after
/// its answer.
fn fewest(folder: &Path) -> io::Result<(u64, u64)> {
    let until = Instant::now() + LOOKS;
    let mut fewest = descriptors(folder)?;
    while Instant::now() < until {
        std::thread::sleep(GLANCE);
        fewest = fewest.min(descriptors(folder)?);
    }
    Ok(fewest)
}

/// How many there are, and how many of them are rings.
fn descriptors(folder: &Path) -> io::Result<(u64, u64)> {
    let (mut all, mut rings) = (0, 0);
    for entry in fs::read_dir(folder)? {
        // One may be closed between two looks.
        let link = fs::read_link(entry?.path()).unwrap_or_default();
        all += 1;
        rings += u64::from(link.to_string_lossy().contains("io_uring"));
    }
    Ok((all, rings))
}

/// Sentences on the figures that have grown.
fn grown(first: &Figures, last: &Figures) -> Vec<String> {
    let most = |bytes: u64| bytes + bytes * GROWTH_PERCENT / 100 + GROWTH_BYTES;
    [
        (
            "resident bytes",
            first.resident,
            last.resident,
            most(first.resident),
        ),
        ("own bytes", first.own, last.own, most(first.own)),
        (
            "descriptors",
            first.descriptors,
            last.descriptors,
            first.descriptors,
        ),
        ("rings", first.rings, last.rings, first.rings),
        ("threads", first.threads, last.threads, first.threads),
        (
            "operations",
            first.operations,
            last.operations,
            first.operations,
        ),
        ("connections", 0, last.open, 0),
    ]
    .into_iter()
    .filter(|(_, _, last, most)| last > most)
    .map(|(name, first, last, _)| format!("{name}: {first} at the start and {last} at the end"))
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_grown_is_named_and_what_the_c_library_keeps_is_not() {
        let first = Figures {
            at_seconds: 1,
            pid: 7,
            resident: 20 << 20,
            own: 10 << 20,
            descriptors: 30,
            rings: 3,
            threads: 5,
            operations: 4,
            open: 0,
        };
        assert_eq!(grown(&first, &first), [""; 0]);
        let mut last = first;
        last.resident += 4 << 20;
        last.descriptors -= 1;
        assert_eq!(grown(&first, &last), [""; 0]);
        (last.own, last.descriptors, last.open) = (20 << 20, 31, 1);
        let names = grown(&first, &last);
        assert_eq!(names.len(), 3, "{names:?}");
    }
}
