//! The cost of lanes: their round trip against tokio's `spawn_blocking`, and what a slow query next
//! door takes from requests that do not ask for it.
//!
//! Called by the command line. Both compare two things in one run, in turns, so that a change of the
//! machine's mood is in both.

pub mod neighbour;
pub mod trips;

use serde::Serialize;
use std::fmt;

use crate::race::statistics::Median;

/// A median with its interval.
#[derive(Debug, Clone, Copy, Serialize)]
#[serde(transparent)]
pub struct Ratio(pub Median);

impl Ratio {
    fn of(values: &[f64]) -> Option<Self> {
        Median::of(values).map(Self)
    }
}

impl fmt::Display for Ratio {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.3}", self.0.median)?;
        match self.0.ci95 {
            Some([low, high]) => write!(f, " [{low:.3} {high:.3}]"),
            None => f.write_str(" [fewer than six rounds: no interval]"),
        }
    }
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len().max(1) as f64
}
