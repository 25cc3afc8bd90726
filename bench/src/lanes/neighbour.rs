//! The cost of a slow route's clients to a quick route's on the same core: windows of load on
//! the quick route, in pairs, one alone and one beside the slow clients.

use std::fmt;
use std::time::Duration;

use clap::Args;
use serde::Serialize;

use super::{Ratio, mean};
use crate::load::{self, LoadError, Report as Load, parse_duration};
use crate::target::Target;

/// The wishes for one measurement.
#[derive(Debug, Clone, Args)]
pub struct Options {
    /// The quick route: `http://IP:PORT/plaintext`
    #[arg(long, value_name = "URL")]
    pub quick: Target,
    /// The slow route: `http://IP:PORT/puppies/Bouncer?ms=50`
    #[arg(long, value_name = "URL")]
    pub slow: Target,
    /// Clients of the quick route
    #[arg(long, default_value_t = 32, value_name = "N")]
    pub quick_clients: usize,
    /// Clients of the slow route
    #[arg(long, default_value_t = 64, value_name = "N")]
    pub slow_clients: usize,
    /// Pairs of windows
    #[arg(long, default_value_t = 12, value_name = "N")]
    pub pairs: usize,
    /// Length of a window
    #[arg(long, value_parser = parse_duration, default_value = "2s", value_name = "TIME")]
    pub window: Duration,
    /// Pin the clients of both to this CPU
    #[arg(long, value_name = "N")]
    pub cpu: Option<usize>,
}

/// The quick route alone and beside the slow one.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// Pairs of windows.
    pub pairs: usize,
    /// Mean requests a second of the quick route alone.
    pub alone_per_second: f64,
    /// And beside the slow clients.
    pub beside_per_second: f64,
    /// Mean p99 of the quick route alone, in microseconds.
    pub alone_p99_us: f64,
    /// And beside the slow clients.
    pub beside_p99_us: f64,
    /// Answers of the slow route a second.
    pub slow_per_second: f64,
    /// Mean p50 of the slow route, in microseconds.
    pub slow_p50_us: f64,
    /// Outcomes that are no 2xx, of either route.
    pub failed: u64,
    /// Median of the pairs' ratios of throughput, beside to alone.
    pub throughput_ratio: Ratio,
    /// Median of the pairs' ratios of p99, beside to alone.
    pub p99_ratio: Ratio,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} pairs of windows", self.pairs)?;
        writeln!(
            f,
            "alone   {:>9.0} requests/s  p99 {:>7.0} us",
            self.alone_per_second, self.alone_p99_us
        )?;
        writeln!(
            f,
            "beside  {:>9.0} requests/s  p99 {:>7.0} us  (slow: {:.0}/s, p50 {:.0} us)",
            self.beside_per_second, self.beside_p99_us, self.slow_per_second, self.slow_p50_us
        )?;
        writeln!(f, "failed  {}", self.failed)?;
        write!(
            f,
            "beside to alone: throughput {}, p99 {}",
            self.throughput_ratio, self.p99_ratio
        )
    }
}

fn load_of(target: &Target, clients: usize, options: &Options) -> load::Options {
    let mut load = load::Options::to(target.clone());
    load.connections = clients;
    load.requests = None;
    load.duration = Some(options.window);
    load.cpu = options.cpu;
    load
}

/// Measures.
///
/// # Errors
/// As [`load::run`].
pub fn run(options: &Options) -> Result<Report, LoadError> {
    let quick = load_of(&options.quick, options.quick_clients, options);
    let slow = load_of(&options.slow, options.slow_clients, options);
    let (mut alone, mut beside, mut slowly) = (Vec::new(), Vec::new(), Vec::new());
    for pair in 0..options.pairs.max(1) {
        // Which is first changes with the pair.
        for turn in 0..2 {
            if (pair + turn) % 2 == 0 {
                alone.push(load::run(&quick)?);
                continue;
            }
            let (ours, theirs) = std::thread::scope(|scope| {
                let theirs = scope.spawn(|| load::run(&slow));
                let ours = load::run(&quick);
                let theirs = theirs.join();
                let theirs = theirs.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
                (ours, theirs)
            });
            beside.push(ours?);
            slowly.push(theirs?);
        }
    }
    let per_second = |loads: &[Load]| -> Vec<f64> {
        loads.iter().map(|load| load.requests_per_second).collect()
    };
    let p99 =
        |loads: &[Load]| -> Vec<f64> { loads.iter().map(|load| load.latency_us.p99).collect() };
    let ratio = |of: &dyn Fn(&[Load]) -> Vec<f64>| {
        let ratios: Vec<f64> = of(&beside)
            .iter()
            .zip(of(&alone))
            .map(|(beside, alone)| beside / alone)
            .collect();
        Ratio::of(&ratios).expect("at least one pair")
    };
    let everything = alone.iter().chain(&beside).chain(&slowly);
    let slow_p50: Vec<f64> = slowly.iter().map(|load| load.latency_us.p50).collect();
    Ok(Report {
        pairs: alone.len(),
        alone_per_second: mean(&per_second(&alone)),
        beside_per_second: mean(&per_second(&beside)),
        alone_p99_us: mean(&p99(&alone)),
        beside_p99_us: mean(&p99(&beside)),
        slow_per_second: mean(&per_second(&slowly)),
        slow_p50_us: mean(&slow_p50),
        failed: everything.map(|load| load.issued - load.ok).sum(),
        throughput_ratio: ratio(&per_second),
        p99_ratio: ratio(&p99),
    })
}
