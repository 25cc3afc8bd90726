//! The report of a race: every cell, and per scenario and peer the medians over the rounds.
//!
//! Pure arithmetic on what was measured. An invalid cell takes part in no figure and is listed.

use std::fmt;

use serde::Serialize;

use crate::proc::CpuTime;
use crate::race::statistics::Median;
use crate::race::{Generator, Measured, Options};
use crate::server::Peer;

/// The raw measurement of one peer in one scenario of one round.
#[derive(Debug, Clone, Serialize)]
pub struct Cell {
    /// Counted from 0.
    pub round: u32,
    /// The scenario's name.
    pub scenario: String,
    /// The peer that was measured.
    pub peer: Peer,
    /// Requests answered.
    pub requests: u64,
    /// Microseconds of server CPU per request, user and system.
    pub cpu_us_per_request: f64,
    /// Microseconds of them in user mode (from clock ticks: coarse).
    pub user_us_per_request: f64,
    /// As the load generator saw it.
    pub requests_per_second: f64,
}

/// A cell in which some request did not end well.
#[derive(Debug, Clone, Serialize)]
pub struct Invalid {
    /// Counted from 0.
    pub round: u32,
    /// The scenario's name.
    pub scenario: String,
    /// The peer that failed.
    pub peer: Peer,
    /// The buckets that should have been empty.
    pub failures: String,
}

/// Medians of one peer in one scenario.
#[derive(Debug, Clone, Serialize)]
pub struct Row {
    /// The scenario's name.
    pub scenario: String,
    /// The peer that was measured.
    pub peer: Peer,
    /// Valid cells.
    pub cells: usize,
    /// Microseconds of server CPU per request.
    pub cpu_us_per_request: Median,
    /// Microseconds in user mode per request.
    pub user_us_per_request: Median,
    /// CPU per request divided by the io_uring floor's of the same round; null without a floor.
    pub ratio_to_floor: Option<Median>,
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
    /// The medians, scenario by scenario.
    pub rows: Vec<Row>,
    /// The cells that are missing from the medians, and why.
    pub invalid: Vec<Invalid>,
    /// Every valid measurement.
    pub cells: Vec<Cell>,
}

type At = (u32, String, Peer);

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
        })
    }
}

impl Invalid {
    pub(crate) fn new((round, scenario, peer): At, failures: String) -> Self {
        let failures = if failures.is_empty() {
            "no request was answered".to_owned()
        } else {
            failures
        };
        Self {
            round,
            scenario,
            peer,
            failures,
        }
    }
}

impl RaceReport {
    pub(crate) fn new(options: &Options, cells: Vec<Cell>, invalid: Vec<Invalid>) -> Self {
        let mut rows = Vec::new();
        for scenario in &options.scenarios {
            for peer in &options.peers {
                rows.extend(row(&scenario.to_string(), *peer, &cells));
            }
        }
        let Options {
            rounds,
            seconds,
            load,
            ..
        } = options;
        Self {
            rounds: *rounds,
            seconds: *seconds,
            load: *load,
            rows,
            invalid,
            cells,
        }
    }
}

/// `None` without a valid cell.
fn row(scenario: &str, peer: Peer, cells: &[Cell]) -> Option<Row> {
    let here = |of: Peer| {
        cells
            .iter()
            .filter(move |c| c.peer == of && c.scenario == scenario)
    };
    let median = |value: fn(&Cell) -> f64| Median::of(&here(peer).map(value).collect::<Vec<_>>());
    let ratios: Vec<f64> = here(peer)
        .filter_map(|cell| {
            let floor = here(Peer::Uring).find(|floor| floor.round == cell.round)?;
            Some(cell.cpu_us_per_request / floor.cpu_us_per_request)
        })
        .collect();
    Some(Row {
        scenario: scenario.to_owned(),
        peer,
        cells: here(peer).count(),
        cpu_us_per_request: median(|cell| cell.cpu_us_per_request)?,
        user_us_per_request: median(|cell| cell.user_us_per_request)?,
        ratio_to_floor: Median::of(&ratios),
        requests_per_second: median(|cell| cell.requests_per_second)?,
    })
}

impl fmt::Display for RaceReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut scenario = "";
        for row in &self.rows {
            if row.scenario != scenario {
                scenario = &row.scenario;
                writeln!(
                    f,
                    "\n{scenario}\n  {:<12} {:>6} {:>12} {:>12}  {:<22} {:>12}",
                    "peer",
                    "cells",
                    "CPU us/req",
                    "user us/req",
                    "ratio to floor [95 %]",
                    "requests/s"
                )?;
            }
            let ratio = match &row.ratio_to_floor {
                None => "-".to_owned(),
                Some(Median { median, ci95: None }) => format!("{median:.2} [-]"),
                Some(Median {
                    median,
                    ci95: Some([low, high]),
                }) => {
                    format!("{median:.2} [{low:.2}, {high:.2}]")
                }
            };
            writeln!(
                f,
                "  {:<12} {:>6} {:>12.2} {:>12.2}  {ratio:<22} {:>12.0}",
                row.peer,
                row.cells,
                row.cpu_us_per_request.median,
                row.user_us_per_request.median,
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

    fn cell(round: u32, peer: Peer, cpu_us_per_request: f64) -> Cell {
        let scenario = "plain-c32".to_owned();
        let (requests, user_us_per_request, requests_per_second) = (1, 0.0, 1.0);
        Cell {
            round,
            scenario,
            peer,
            requests,
            cpu_us_per_request,
            user_us_per_request,
            requests_per_second,
        }
    }

    #[test]
    fn ratios_are_taken_within_a_round_and_rounds_without_a_floor_have_none() {
        let cells = [
            cell(0, Peer::Uring, 4.0),
            cell(0, Peer::Hyper, 8.0),
            cell(1, Peer::Uring, 10.0),
            cell(1, Peer::Hyper, 20.0),
            cell(2, Peer::Hyper, 99.0),
        ];
        let row = row("plain-c32", Peer::Hyper, &cells).unwrap();
        assert_eq!((row.cells, row.ratio_to_floor.unwrap().median), (3, 2.0));
    }

    #[test]
    fn one_bad_request_makes_a_cell_invalid() {
        let at = || (0, "plain-c32".to_owned(), Peer::Hyper);
        let mut measured = Measured {
            answered: 10,
            requests_per_second: 1.0,
            failures: String::new(),
        };
        assert!(Cell::new(at(), CpuTime::default(), &measured).is_some());
        measured.failures = "cut 1".to_owned();
        assert!(Cell::new(at(), CpuTime::default(), &measured).is_none());
    }
}
