//! Measurements that are made in pieces: the file in which cells are kept, on which machine they were measured and
//! by which commands.
//!
//! Called before a measurement, which leaves out the cells that are there, and after each group of cells. Reports
//! are made from the file, so pieces add up to the measurement that they are parts of.

use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use clap::Args;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::load;
use crate::machine::{self, Machine};

/// A run of the program that added cells.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run {
    /// The commit of the sources, as far as there is one.
    pub commit: String,
    /// The command line, without what names files of one machine.
    pub command: String,
}

/// A cell in which some request did not end well.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Invalid {
    /// Counted from 0.
    pub round: u32,
    /// The scenario's name.
    pub scenario: String,
    /// The peer that failed.
    pub peer: String,
    /// The buckets that should have been empty.
    pub failures: String,
}

/// The content of the file.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Kept<C> {
    /// Where the cells were measured.
    pub machine: Machine,
    /// Runs that measured them; one after the other, each only once.
    pub runs: Vec<Run>,
    /// Seconds of load in each cell.
    pub seconds: u64,
    /// Every valid measurement.
    pub cells: Vec<C>,
    /// The cells that are no measurement, and why.
    pub invalid: Vec<Invalid>,
}

/// The result of a measurement whose cells speak for themselves.
#[derive(Debug, Clone, Serialize)]
pub struct Report<C> {
    /// Every valid measurement.
    pub cells: Vec<C>,
    /// The cells that are no measurement, and why.
    pub invalid: Vec<Invalid>,
    /// Cells that are still to be measured, with `--for`.
    pub left: usize,
}

/// A cell that has a place in the table.
pub trait Placed {
    /// Round, scenario and peer.
    fn place(&self) -> (u32, &str, &str);
}

/// The wishes for a measurement in pieces.
#[derive(Debug, Clone, Default, Args)]
#[group(skip)]
pub struct Options {
    /// Keep the cells in this file; those that it has are not measured again
    #[arg(long, value_name = "FILE")]
    pub keep: Option<PathBuf>,
    /// End before this time is over, between two groups of cells; with --keep the next run goes on
    #[arg(long, value_parser = load::parse_duration, value_name = "TIME", requires = "keep")]
    pub r#for: Option<Duration>,
}

impl<C: DeserializeOwned> Kept<C> {
    /// Reads such a file.
    ///
    /// # Errors
    /// Errors of the file system, and `InvalidData` for a file that is no such record.
    pub fn read(path: &Path) -> io::Result<Self> {
        let text = fs::read_to_string(path).map_err(|error| named(path, &error))?;
        serde_json::from_str(&text).map_err(|error| named(path, &error.into()))
    }
}

/// The cells of a measurement as they become known.
#[derive(Debug)]
pub(crate) struct Keeper<C> {
    path: Option<PathBuf>,
    ends: Option<Instant>,
    /// How long the longest group took so far.
    longest: Duration,
    pub(crate) kept: Kept<C>,
    /// Cells for which there was no time.
    pub(crate) left: usize,
}

impl<C: Placed + Serialize + DeserializeOwned> Keeper<C> {
    /// Begins with what the file of `--keep` holds, or with nothing.
    ///
    /// # Errors
    /// A file of another machine, of cells of another length, or in a folder that takes no file.
    pub(crate) fn begin(options: &Options, seconds: u64) -> io::Result<Self> {
        let machine = Machine::here()?;
        let found = match &options.keep {
            Some(path) if path.exists() => Some(Kept::read(path)?),
            _ => None,
        };
        let mut kept = found.unwrap_or_else(|| Kept {
            machine: machine.clone(),
            runs: Vec::new(),
            seconds,
            cells: Vec::new(),
            invalid: Vec::new(),
        });
        let of_another = |what: &str| {
            let path = options.keep.as_deref().unwrap_or(Path::new("")).display();
            io::Error::other(format!(
                "{path} has cells {what}, with which these cannot be compared; name another file with --keep"
            ))
        };
        if kept.machine != machine {
            return Err(of_another("of another machine or kernel"));
        }
        if kept.seconds != seconds {
            return Err(of_another(&format!("of {} s", kept.seconds)));
        }
        let run = Run {
            commit: machine::commit(),
            command: machine::command_line(std::env::args().skip(1)),
        };
        if !kept.runs.contains(&run) {
            kept.runs.push(run);
        }
        if let Some(path) = &options.keep {
            takes_cells(path)?;
        }
        Ok(Self {
            path: options.keep.clone(),
            ends: options.r#for.map(|time| Instant::now() + time),
            longest: Duration::ZERO,
            kept,
            left: 0,
        })
    }

    /// Whether the cell has been measured, well or badly.
    pub(crate) fn has(&self, round: u32, scenario: &str, peer: &str) -> bool {
        let place = (round, scenario, peer);
        let mut invalid = self.kept.invalid.iter();
        self.kept.cells.iter().any(|cell| cell.place() == place)
            || invalid.any(|cell| (cell.round, &*cell.scenario, &*cell.peer) == place)
    }

    /// Drops the cells of a group that is measured anew, because somebody was missing.
    pub(crate) fn forget(&mut self, round: u32, scenario: &str) {
        let cells = &mut self.kept.cells;
        cells.retain(|cell| (cell.place().0, cell.place().1) != (round, scenario));
        let invalid = &mut self.kept.invalid;
        invalid.retain(|cell| (cell.round, &*cell.scenario) != (round, scenario));
    }

    /// Whether a group of so many cells fits into the time that this run may take; if not, they are left.
    pub(crate) fn has_time(&mut self, cells: usize) -> bool {
        let fits = (self.ends).is_none_or(|ends| Instant::now() + self.longest < ends);
        if !fits {
            self.left += cells;
        }
        fits
    }

    /// Tells how to measure what there was no time for.
    pub(crate) fn tell_left(&self, progress: &mut impl FnMut(&str)) {
        if self.left > 0 {
            progress(&format!(
                "{} cells are left; run the same command again",
                self.left
            ));
        }
    }

    /// All that was kept.
    pub(crate) fn report(self) -> Report<C> {
        Report {
            cells: self.kept.cells,
            invalid: self.kept.invalid,
            left: self.left,
        }
    }

    /// A group is over: its cells are in the file when this returns.
    pub(crate) fn keep(&mut self, began: Instant) -> io::Result<()> {
        self.longest = self.longest.max(began.elapsed());
        let Some(path) = &self.path else {
            return Ok(());
        };
        let new = beside(path);
        let text = serde_json::to_string(&self.kept)?;
        // A cell a line, so that changes can be read.
        let text = text.replace("{\"round\"", "\n{\"round\"");
        fs::write(&new, text + "\n")
            .and_then(|()| fs::rename(&new, path))
            .map_err(|error| named(path, &error))
    }
}

impl<C: fmt::Display> fmt::Display for Report<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for cell in &self.cells {
            writeln!(f, "{cell}")?;
        }
        for Invalid {
            peer,
            round,
            failures,
            ..
        } in &self.invalid
        {
            writeln!(f, "INVALID: {peer}, round {}: {failures}", round + 1)?;
        }
        write!(f, "{} cells are left", self.left)
    }
}

/// Where the cells are written, until all of them are there.
fn beside(path: &Path) -> PathBuf {
    path.with_extension("new")
}

/// Finds before a measurement whether its cells can be kept.
fn takes_cells(path: &Path) -> io::Result<()> {
    let new = beside(path);
    fs::write(&new, "")
        .and_then(|()| fs::remove_file(&new))
        .map_err(|error| named(path, &error))
}

fn named(path: &Path, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}
