//! The page of results: what the kept records of measurements say, as Markdown with charts.
//!
//! Called by hand after measurements. The page is made from the records alone, so a test can hold it to them. Words
//! about who is ahead are made from the intervals too, whoever that is.

mod bootstrap;
mod cores;
mod curves;
mod footprint;
mod matrix;
mod overload;
mod race;
mod svg;
mod tails;

use std::fmt::{self, Write};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use clap::Args;
use serde::Serialize;

use crate::kept::{Kept, Run};
use crate::machine::Machine;

/// The top of the page.
const HEAD: &str = "\
# Results

Made by `ringgate-bench results` from the records in [results](results); not edited by hand. How each figure is
measured, and how to repeat it: [docs/benchmarking.md](../docs/benchmarking.md).

";

/// The wishes for a page of results.
#[derive(Debug, Clone, Args)]
pub struct Options {
    /// The folder with the records: race.json and further ones; the charts are written beside them
    #[arg(long, default_value = "bench/results", value_name = "FOLDER")]
    pub from: PathBuf,
    /// The page
    #[arg(long, default_value = "bench/RESULTS.md", value_name = "FILE")]
    pub report: PathBuf,
}

/// The files that were written.
#[derive(Debug, Clone, Serialize)]
pub struct Written {
    /// Paths of the files.
    pub files: Vec<PathBuf>,
}

impl fmt::Display for Written {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for file in &self.files {
            writeln!(f, "{}", file.display())?;
        }
        Ok(())
    }
}

/// A page and its charts, by the names of their files.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Page {
    /// Markdown.
    pub text: String,
    /// Names and SVG.
    pub charts: Vec<(&'static str, String)>,
}

/// Makes the page and writes it with its charts.
///
/// # Errors
/// A record that is missing or cannot be read, and what the file system answers.
pub fn run(options: &Options) -> io::Result<Written> {
    let page = page(&options.from)?;
    let mut files = vec![options.report.clone()];
    fs::write(&options.report, page.text)?;
    for (name, svg) in page.charts {
        let path = options.from.join(name);
        fs::write(&path, svg)?;
        files.push(path);
    }
    Ok(Written { files })
}

/// Makes the page from the records in a folder: `race.json`, and as far as they are there `tails.json`,
/// `footprint.json`, `overload.json`, `switches.json`, `connections.json`, `floor.json` and `cores.json`.
///
/// # Errors
/// A record that is missing or cannot be read.
pub fn page(folder: &Path) -> io::Result<Page> {
    let mut page = Page {
        text: HEAD.to_owned(),
        charts: Vec::new(),
    };
    race::write(&mut page, &Kept::read(&folder.join("race.json"))?);
    let tails = folder.join("tails.json");
    if tails.exists() {
        tails::write(&mut page, &Kept::read(&tails)?);
    }
    let footprint = folder.join("footprint.json");
    if footprint.exists() {
        footprint::write(&mut page, &Kept::read(&footprint)?);
    }
    let overload = folder.join("overload.json");
    if overload.exists() {
        overload::write(&mut page, &Kept::read(&overload)?);
    }
    for part in &matrix::PARTS {
        let file = folder.join(part.file);
        if file.exists() {
            matrix::write(&mut page, &Kept::read(&file)?, part);
        }
    }
    let cores = folder.join("cores.json");
    if cores.exists() {
        cores::write(&mut page, &Kept::read(&cores)?);
    }
    // One line break at the end.
    page.text.truncate(page.text.trim_end().len());
    page.text.push('\n');
    Ok(page)
}

/// A heading, the machine, and the commands.
fn circumstances<C>(text: &mut String, heading: &str, kept: &Kept<C>, seconds: &str) {
    let Machine {
        processor,
        processors,
        is_virtual,
        kernel,
        congestion_control,
    } = &kept.machine;
    let kind = if *is_virtual {
        "virtual machine"
    } else {
        "machine"
    };
    let seconds = match seconds {
        "" => String::new(),
        seconds => format!("; {} {seconds}", kept.seconds),
    };
    let _ = writeln!(
        text,
        "## {heading}\n\nA {kind} with {processors} CPUs ({processor}), kernel {kernel}, loopback, congestion control \
         {congestion_control}{seconds}. Commands, and the commit of the sources:\n\n```sh"
    );
    for Run { commit, command } in &kept.runs {
        let _ = writeln!(text, "{command} # {commit}");
    }
    *text += "```\n\n";
}

/// Lists the cells that are no valid measurement.
fn of_invalid<C>(text: &mut String, kept: &Kept<C>) {
    if kept.invalid.is_empty() {
        return;
    }
    *text += "### Cells that are no measurement\n\nA request ended otherwise than it had to, so the cell takes part in no \
              figure.\n\n| scenario | server | round | what happened |\n|---|---|---|---|\n";
    for cell in &kept.invalid {
        let failures = cell.failures.replace(['|', '\n'], " ");
        let _ = writeln!(
            text,
            "| {} | {} | {} | {failures} |",
            cell.scenario,
            cell.peer,
            cell.round + 1
        );
    }
    text.push('\n');
}

/// Chooses the `names` that a chart of curves shows, the product first: more than eight cannot be told apart.
fn of_chart<'a>(names: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    const SHOWN: [&str; 8] = [
        "ringgate", "uring", "hyper", "nginx", "h2o", "actix", "ntex", "axum",
    ];
    let names: Vec<_> = names.collect();
    let is_there = |name: &&str| names.contains(name);
    SHOWN.into_iter().filter(is_there).collect()
}
