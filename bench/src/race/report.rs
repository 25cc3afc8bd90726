//! The report of a race: every cell, and per scenario and peer the medians over the rounds.
//!
//! Pure arithmetic on what was measured. An invalid cell takes part in no figure and is listed.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::kept::{Invalid, Kept, Placed};
use crate::proc::CpuTime;
use crate::race::contestant::Contestant;
use crate::race::statistics::Median;
use crate::race::{Generator, Measured, Options};

/// The raw measurement of one peer in one scenario of one round.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Cell {
    /// Counted from 0.
    pub round: u32,
    /// The scenario's name.
    pub scenario: String,
    /// The peer or the variant that was measured.
    pub peer: String,
    /// Requests answered.
    pub requests: u64,
    /// Microseconds of server CPU per request, user and system.
    pub cpu_us_per_request: f64,
    /// Microseconds of them in user mode (from clock ticks: coarse).
    pub user_us_per_request: f64,
    /// As the load generator saw it.
    pub requests_per_second: f64,
    /// Bytes received for each answer, its head included; null if the load generator does not tell.
    pub bytes_per_answer: Option<f64>,
    /// The load generator.
    pub load: String,
    /// Whether it ran on the CPUs of the server.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub shares_cpus: bool,
}

/// Medians of one peer in one scenario.
#[derive(Debug, Clone, Serialize)]
pub struct Row {
    /// The scenario's name.
    pub scenario: String,
    /// The peer or the variant that was measured.
    pub peer: String,
    /// Valid cells.
    pub cells: usize,
    /// Microseconds of server CPU per request.
    pub cpu_us_per_request: Median,
    /// Microseconds in user mode per request.
    pub user_us_per_request: Median,
    /// CPU per request divided by the reference's of the same round; null without it.
    pub ratio: Option<Median>,
    /// CPU per request divided by the peer's own in the same load without TLS, of the same round; null
    /// without that.
    pub ratio_to_plain: Option<Median>,
    /// Requests a second, as the load generator saw them.
    pub requests_per_second: Median,
}

/// The outcome of a race.
#[derive(Debug, Clone, Serialize)]
pub struct RaceReport {
    /// Rounds asked for.
    pub rounds: u32,
    /// Seconds of load in each cell.
    pub seconds: u64,
    /// The load generator.
    pub load: Generator,
    /// To whom `ratio` compares.
    pub reference: String,
    /// Cells that are still to be measured, with `--for`.
    pub left: usize,
    /// The medians, scenario by scenario.
    pub rows: Vec<Row>,
    /// The cells that are missing from the medians, and why.
    pub invalid: Vec<Invalid>,
    /// Every valid measurement.
    pub cells: Vec<Cell>,
}

type At = (u32, String, String);

impl Cell {
    /// `None` if any request ended badly or none was answered.
    pub(crate) fn new(
        (round, scenario, peer): At,
        used: CpuTime,
        measured: &Measured,
    ) -> Option<Self> {
        if !measured.failures.is_empty() || measured.answered == 0 {
            return None;
        }
        let per_request = |nanoseconds: u64| nanoseconds as f64 / 1000.0 / measured.answered as f64;
        Some(Self {
            round,
            scenario,
            peer,
            requests: measured.answered,
            cpu_us_per_request: per_request(used.total_ns),
            user_us_per_request: per_request(used.user_ns),
            requests_per_second: measured.requests_per_second,
            bytes_per_answer: measured.bytes_per_answer,
            load: String::new(),
            shares_cpus: false,
        })
    }

    /// Says who made the load, and whether on the CPUs of the server.
    pub(super) fn by(self, load: Generator, shares_cpus: bool) -> Self {
        let name = serde_json::to_value(load).ok();
        let load = (name.as_ref().and_then(|name| name.as_str())).unwrap_or_default();
        let load = load.to_owned();
        Self {
            load,
            shares_cpus,
            ..self
        }
    }
}

impl Placed for Cell {
    fn place(&self) -> (u32, &str, &str) {
        (self.round, &self.scenario, &self.peer)
    }
}

pub(super) fn no_measurement((round, scenario, peer): At, failures: String) -> Invalid {
    let failures = if failures.is_empty() {
        "no request was answered".to_owned()
    } else {
        failures
    };
    Invalid {
        round,
        scenario,
        peer,
        failures,
    }
}

impl RaceReport {
    pub(super) fn new(
        options: &Options,
        contestants: &[Contestant],
        kept: Kept<Cell>,
        left: usize,
    ) -> Self {
        let mut rows = Vec::new();
        for scenario in &options.scenarios {
            for one in contestants {
                let without_tls = scenario.without_tls().map(|plain| plain.to_string());
                rows.extend(row(
                    (&scenario.to_string(), without_tls.as_deref()),
                    (&one.name, &options.reference),
                    &kept.cells,
                ));
            }
        }
        Self {
            rounds: options.rounds,
            seconds: options.seconds,
            load: options.load,
            reference: options.reference.clone(),
            left,
            rows,
            invalid: kept.invalid,
            cells: kept.cells,
        }
    }
}

/// `None` without a valid cell.
fn row(
    (scenario, without_tls): (&str, Option<&str>),
    (peer, reference): (&str, &str),
    cells: &[Cell],
) -> Option<Row> {
    let here = || {
        cells
            .iter()
            .filter(move |cell| cell.peer == peer && cell.scenario == scenario)
    };
    let median = |value: fn(&Cell) -> f64| Median::of(&here().map(value).collect::<Vec<_>>());
    // Both of a pair are of the same round.
    let ratio = |to_peer: &str, to_scenario: &str| {
        let is_other = |other: &&Cell| other.peer == to_peer && other.scenario == to_scenario;
        let ratios = here().filter_map(|cell| {
            let mut others = cells.iter().filter(is_other);
            let other = others.find(|other| other.round == cell.round)?;
            Some(cell.cpu_us_per_request / other.cpu_us_per_request)
        });
        Median::of(&ratios.collect::<Vec<_>>())
    };
    Some(Row {
        scenario: scenario.to_owned(),
        peer: peer.to_owned(),
        cells: here().count(),
        cpu_us_per_request: median(|cell| cell.cpu_us_per_request)?,
        user_us_per_request: median(|cell| cell.user_us_per_request)?,
        ratio: ratio(reference, scenario),
        ratio_to_plain: without_tls.and_then(|plain| ratio(peer, plain)),
        requests_per_second: median(|cell| cell.requests_per_second)?,
    })
}

/// A ratio as `1.05 [0.94, 1.12]`.
fn text_of(ratio: Option<&Median>) -> String {
    match ratio {
        None => "-".to_owned(),
        Some(Median { median, ci95: None }) => format!("{median:.2} [-]"),
        Some(Median {
            median,
            ci95: Some([low, high]),
        }) => format!("{median:.2} [{low:.2}, {high:.2}]"),
    }
}

impl fmt::Display for RaceReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut scenario = "";
        for row in &self.rows {
            if row.scenario != scenario {
                scenario = &row.scenario;
                writeln!(
                    f,
                    "\n{scenario}\n  {:<12} {:>6} {:>12} {:>12}  {:<22} {:<22} {:>12}",
                    "peer",
                    "cells",
                    "CPU us/req",
                    "user us/req",
                    format!("ratio to {} [95 %]", self.reference),
                    "to its own without TLS",
                    "requests/s"
                )?;
            }
            writeln!(
                f,
                "  {:<12} {:>6} {:>12.2} {:>12.2}  {:<22} {:<22} {:>12.0}",
                row.peer,
                row.cells,
                row.cpu_us_per_request.median,
                row.user_us_per_request.median,
                text_of(row.ratio.as_ref()),
                text_of(row.ratio_to_plain.as_ref()),
                row.requests_per_second.median
            )?;
        }
        for invalid in &self.invalid {
            writeln!(
                f,
                "INVALID: {} in {}, round {}: {}",
                invalid.peer,
                invalid.scenario,
                invalid.round + 1,
                invalid.failures
            )?;
        }
        write!(
            f,
            "\n{} rounds of {} s. Ratios are paired: each is taken within one round. An interval needs \
             6 valid cells.",
            self.rounds, self.seconds
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cell(round: u32, peer: &str, cpu_us_per_request: f64) -> Cell {
        let scenario = "plain-c32".to_owned();
        let (requests, user_us_per_request, requests_per_second) = (1, 0.0, 1.0);
        Cell {
            round,
            scenario,
            peer: peer.to_owned(),
            requests,
            cpu_us_per_request,
            user_us_per_request,
            requests_per_second,
            bytes_per_answer: None,
            load: "own".to_owned(),
            shares_cpus: false,
        }
    }

    #[test]
    fn ratios_are_taken_within_a_round_and_rounds_without_a_reference_have_none() {
        let cells = [
            cell(0, "uring", 4.0),
            cell(0, "hyper", 8.0),
            cell(1, "uring", 10.0),
            cell(1, "hyper", 20.0),
            cell(2, "hyper", 99.0),
        ];
        let row = row(("plain-c32", None), ("hyper", "uring"), &cells).unwrap();
        assert_eq!((row.cells, row.ratio.unwrap().median), (3, 2.0));
        assert!(row.ratio_to_plain.is_none());
    }

    #[test]
    fn a_peer_over_tls_is_compared_with_itself_without() {
        let over_tls = |round, peer, cpu| Cell {
            scenario: "tls-c32".to_owned(),
            ..cell(round, peer, cpu)
        };
        let cells = [
            cell(0, "hyper", 4.0),
            over_tls(0, "hyper", 6.0),
            over_tls(0, "ringgate", 3.0),
            over_tls(1, "hyper", 99.0),
        ];
        let scenarios = ("tls-c32", Some("plain-c32"));
        let row = row(scenarios, ("hyper", "ringgate"), &cells).unwrap();
        assert_eq!(row.ratio_to_plain.unwrap().median, 1.5);
        assert_eq!(row.ratio.unwrap().median, 2.0);
    }

    #[test]
    fn one_bad_request_makes_a_cell_invalid() {
        let at = || (0, "plain-c32".to_owned(), "hyper".to_owned());
        let mut measured = Measured {
            answered: 10,
            requests_per_second: 1.0,
            bytes_per_answer: None,
            failures: String::new(),
        };
        assert!(Cell::new(at(), CpuTime::default(), &measured).is_some());
        measured.failures = "cut 1".to_owned();
        assert!(Cell::new(at(), CpuTime::default(), &measured).is_none());
    }
}
