//! A storm over everything: twelve ways of load at once, on one server whose cores come, go, block, spin and panic, which is
//! upgraded, and whose generations are killed at each step of the hand-over. Each request that is lost is looked
//! up: its connection was one of a process or a core that died, or the loss is a fault.
//!
//! [`run`] is the storm, [`soak`](soak::run) the same for a time, with what the server has when it rests.
//! Reading order: `ways` (the load), `troubles` (what happens to the server), `between` (the go-between that kills), `deaths`
//! (what the dead had), `account` (which loss has which cause).

mod account;
pub mod between;
mod deaths;
pub mod soak;
mod subject;
mod troubles;
mod ways;

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use clap::Args;
use serde::Serialize;

pub use account::{Account, Cause, Panic};
pub use deaths::{Death, Step, Victim};
pub use ways::Sum;

use crate::load::{Broken, parse_duration};
use crate::upheaval::subject::Subject;
use crate::upheaval::troubles::{Scene, Seen};
use crate::upheaval::ways::{Calm, End};

/// Rounds of a way that has its share of requests in them.
const ROUNDS: u64 = 100;
/// The fewest requests of a round.
const ROUND_MIN: u64 = 500;
/// Losses without an explanation that are named one by one.
const NAMED_MAX: usize = 20;

/// The wishes for a storm over everything.
#[derive(Debug, Clone, Args)]
pub struct Options {
    /// Requests in each of the twelve ways, at least: the load goes on until all troubles are over
    #[arg(long, short = 'n', default_value_t = 1_000_000, value_name = "N")]
    pub requests: u64,
    /// Options that a soak has as well
    #[command(flatten)]
    pub common: Common,
}

/// The wishes that a storm and a soak have in common.
#[derive(Debug, Clone, Args)]
pub struct Common {
    /// Connections in each way
    #[arg(long, short = 'c', default_value_t = 8, value_name = "N")]
    pub connections: usize,
    /// Most cores
    #[arg(long, default_value_t = 4, value_name = "N", value_parser = clap::value_parser!(u32).range(2..))]
    pub most: u32,
    /// Seed of the numbers of cores
    #[arg(long, default_value_t = 1, value_name = "N")]
    pub seed: u64,
    /// Troubles of a turn: one in so many, others in the next turn and with the next seed
    #[arg(long, default_value_t = 1, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub one_in: u32,
    /// The server [default: ringgate beside this program]
    #[arg(long, value_name = "FILE")]
    pub ringgate_binary: Option<PathBuf>,
    /// A request without an answer after this long has failed
    #[arg(long, value_parser = parse_duration, default_value = "30s", value_name = "TIME")]
    pub timeout: Duration,
}

/// The outcome of a storm.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// How long it took.
    pub seconds: f64,
    /// The twelve ways.
    pub ways: Vec<Sum>,
    /// Times that all troubles were had.
    pub turns: u64,
    /// Upgrades that came about.
    pub upgrades: u64,
    /// Resizes that the server accepted.
    pub resizes: u64,
    /// Cores that were stuck for a while.
    pub stuck: u64,
    /// The losses by their causes.
    pub account: Account,
    /// Ledgers that balance, two of each generation that came to its end.
    pub ledgers: u64,
    /// Events that should not have happened.
    pub faults: Vec<String>,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for sum in &self.ways {
            writeln!(
                f,
                "{}: issued {} answered {} lost {:?}, {} connections, {} made anew, slowest {:.0} ms",
                sum.name,
                sum.issued,
                sum.answered,
                sum.lost,
                sum.connects,
                sum.reconnects,
                sum.slowest_ms
            )?;
        }
        for (name, cause) in &self.account.causes {
            writeln!(
                f,
                "{name}: {} times, {} connections ended with it, {} were missed, {} requests lost",
                cause.times, cause.connections, cause.missed, cause.requests
            )?;
        }
        writeln!(
            f,
            "{} upgrades, {} resizes, {} stuck cores in {} turns and {:.0} s; {} ledgers balance",
            self.upgrades, self.resizes, self.stuck, self.turns, self.seconds, self.ledgers
        )?;
        let issued: u64 = self.ways.iter().map(|sum| sum.issued).sum();
        match self.faults.as_slice() {
            [] => write!(f, "{issued} requests: every loss is explained, no fault"),
            faults => write!(f, "FAULTS: {}", faults.join("; ")),
        }
    }
}

/// The load and the troubles of one time.
struct Spell {
    sums: Vec<Sum>,
    seen: Seen,
    resizes: u64,
    turns: u64,
}

/// How long a spell goes on.
#[derive(Clone, Copy)]
enum Until {
    /// Until each way has so many requests, and all troubles were had.
    Requests(u64),
    /// Until this instant, and all troubles were had.
    Instant(Instant),
}

/// Loads the server in all ways, and has the troubles again and again meanwhile. `tell` hears of each turn.
fn spell(
    subject: &Subject,
    options: &Common,
    upgrades: bool,
    until: Until,
    tell: impl Fn(&str),
) -> Spell {
    let began = Instant::now();
    let requests = match until {
        Until::Requests(requests) => requests,
        Until::Instant(_) => 0,
    };
    let calm = Arc::new(Calm::default());
    let round = (requests / ROUNDS).max(ROUND_MIN);
    let all = ways::all(subject.addresses, options, round);
    let scene = Scene {
        control: &subject.control,
        address: subject.addresses.0,
        binary: subject.binary.clone(),
        calm: calm.clone(),
        most: options.most,
        sizes: Mutex::default(),
        resizes: AtomicU64::new(0),
    };
    let mut seen = Seen::default();
    let mut turns = 0;
    let quiet = AtomicBool::new(false);
    let end = End::default();
    let sums = std::thread::scope(|scope| {
        let (calm, end) = (&calm, &end);
        let runs: Vec<_> = (all.iter())
            .map(|way| scope.spawn(move || way.run(requests, calm, end)))
            .collect();
        let resizes = scope.spawn(|| scene.resize(options.seed, &quiet));
        while seen.faults.is_empty() && !runs.iter().any(|run| run.is_finished()) {
            let part = (options.seed.wrapping_add(turns), options.one_in);
            scene.trouble(&mut seen, upgrades, part);
            turns += 1;
            tell(&format!(
                "after {:.0} s and {turns} turns: {} requests, {} of {} ways have theirs",
                began.elapsed().as_secs_f64(),
                end.requests(),
                end.done(),
                all.len()
            ));
            let is_over = match until {
                Until::Requests(_) => end.done() == all.len(),
                Until::Instant(until) => Instant::now() >= until,
            };
            if is_over {
                break;
            }
        }
        end.comes();
        let sums = runs.into_iter().map(|run| run.join());
        let sums = sums.map(|sum| sum.unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
        let sums = sums.collect();
        quiet.store(true, Ordering::Relaxed);
        if let Err(panic) = resizes.join() {
            std::panic::resume_unwind(panic);
        }
        sums
    });
    Spell {
        sums,
        resizes: scene.resizes.load(Ordering::Relaxed),
        seen,
        turns,
    }
}

impl Spell {
    /// The causes of the losses. Events that should not have happened are added to `faults`.
    fn account(&mut self, faults: &mut Vec<String>) -> Account {
        let account = Account::of(&self.sums, &self.seen.deaths, &self.seen.panics);
        faults.append(&mut self.seen.faults);
        faults.extend(account.faults.iter().cloned());
        faults.extend(
            self.sums
                .iter_mut()
                .flat_map(|sum| std::mem::take(&mut sum.faults)),
        );
        faults.extend(unexplained(&account.unexplained));
        if self.resizes == 0 && self.turns > 0 {
            faults.push("the number of cores never changed".to_owned());
        }
        account
    }
}

/// Runs the storm. `tell` hears how far it has come.
///
/// # Errors
/// The storm could not be run. Wrongs of the server are in [`Report::faults`].
pub fn run(options: &Options, tell: impl Fn(&str)) -> io::Result<Report> {
    let began = Instant::now();
    let mut subject = Subject::start(&options.common)?;
    let mut spell = spell(
        &subject,
        &options.common,
        true,
        Until::Requests(options.requests),
        tell,
    );
    let mut faults = Vec::new();
    let account = spell.account(&mut faults);
    let ledgers = subject.end(spell.seen.upgrades, &mut faults);
    Ok(Report {
        seconds: began.elapsed().as_secs_f64(),
        ways: spell.sums,
        turns: spell.turns,
        upgrades: spell.seen.upgrades,
        resizes: spell.resizes,
        stuck: spell.seen.stuck,
        account,
        ledgers,
        faults,
    })
}

/// Sentences on the losses that nothing explains.
fn unexplained(list: &[(String, Broken)]) -> Vec<String> {
    let named = list.iter().take(NAMED_MAX);
    let mut texts: Vec<String> = named
        .map(|(way, broken)| format!("{way}: unexplained {broken:?}"))
        .collect();
    if list.len() > NAMED_MAX {
        texts.push(format!(
            "and {} more without an explanation",
            list.len() - NAMED_MAX
        ));
    }
    texts
}
