//! Ringgate on the kernel that runs: the doctor, the tests of features, a server that is loaded,
//! resized, upgraded and drained, and the same without any feature that can be given up.
//!
//! Called by the command line, on any machine, and by `scripts/kernel-matrix` as the first process of a
//! virtual one (`machine.rs`). Decides what is tried and whether each check held; which kernel is expected to
//! serve and which to be refused is the script's to say. One check that fails keeps no other from being made.

mod machine;
mod programs;
mod serving;

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use clap::Args;
use serde::Serialize;
use serde_json::{Value, json};

use crate::load::parse_duration;

/// Prefix of the line with the report, on the serial line of a virtual machine.
const MARK: &str = "@@kernel-report ";

/// The wishes for an examination of the kernel.
#[derive(Debug, Clone, Args)]
pub struct Options {
    /// A folder of test programs, each of which is run
    #[arg(long, value_name = "DIR")]
    pub tests: Option<PathBuf>,
    /// The most that one test program may take
    #[arg(long, value_parser = parse_duration, default_value = "240s", value_name = "TIME")]
    pub test_time: Duration,
    /// How long the load lasts during which the server is upgraded
    #[arg(long, value_parser = parse_duration, default_value = "10s", value_name = "TIME")]
    pub upgrading: Duration,
    /// The server [default: ringgate beside this program]
    #[arg(long, value_name = "FILE")]
    pub ringgate_binary: Option<PathBuf>,
    /// Be the first process of a virtual machine: mount, bring up lo, report on this device, and end the machine
    #[arg(long, value_name = "DEVICE")]
    pub machine: Option<PathBuf>,
}

/// The outcome of an examination.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// Grows when a field changes its meaning or goes.
    pub version: u32,
    /// The kernel's release.
    pub kernel: String,
    /// Whether the doctor says that Ringgate runs here.
    pub serves: bool,
    /// The findings of the doctor, its own document.
    pub doctor: Value,
    /// Everything that was tried, in order.
    pub checks: Vec<Check>,
    /// Faults of checks; none if all held.
    #[serde(skip)]
    pub faults: Vec<String>,
}

/// One thing that was tried.
#[derive(Debug, Clone, Serialize)]
pub struct Check {
    /// Name of the check; stable.
    pub name: String,
    /// Why it did not hold; `null` if it did.
    pub fault: Option<String>,
    /// Milliseconds that it took.
    pub took_ms: u64,
    /// The evidence.
    pub found: Value,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "kernel {}", self.kernel)?;
        for check in &self.checks {
            let seconds = check.took_ms as f64 / 1e3;
            match &check.fault {
                None => write!(f, "\n  held    {:<28} {seconds:7.1} s", check.name)?,
                Some(fault) => {
                    write!(f, "\n  FAILED  {:<28} {seconds:7.1} s  {fault}", check.name)?
                }
            }
        }
        Ok(())
    }
}

/// Findings of a check, or why it did not hold.
type Found = Result<Value, String>;

impl Report {
    fn check(&mut self, name: &str, check: impl FnOnce() -> Found) {
        let began = Instant::now();
        let outcome = check();
        let took_ms = began.elapsed().as_millis() as u64;
        let (fault, found) = match outcome {
            Ok(found) => (None, found),
            Err(fault) => {
                self.faults.push(format!("{name}: {fault}"));
                (Some(fault), Value::Null)
            }
        };
        let name = name.to_owned();
        self.checks.push(Check {
            name,
            fault,
            took_ms,
            found,
        });
    }
}

/// Examines the kernel. As the first process of a virtual machine this does not return.
///
/// # Errors
/// The examination could not begin; checks that did not hold are in [`Report::faults`].
pub fn run(options: &Options) -> io::Result<Report> {
    let Some(device) = &options.machine else {
        return examine(options);
    };
    // Whoever waits for the machine hears why, whatever happens.
    let said = machine::begin()
        .and_then(|()| examine(options))
        .and_then(|report| serde_json::to_string(&report).map_err(io::Error::other))
        .unwrap_or_else(|error| json!({ "error": error.to_string() }).to_string());
    machine::end(device, &format!("{MARK}{said}"))
}

fn examine(options: &Options) -> io::Result<Report> {
    let bench = std::env::current_exe()?;
    let beside = bench.parent().unwrap_or(Path::new(".")).join("ringgate");
    let binary = options.ringgate_binary.clone().unwrap_or(beside);
    let (serves, doctor) = programs::doctor(&binary)?;
    let mut report = Report {
        version: 1,
        kernel: doctor["kernel"].as_str().unwrap_or_default().to_owned(),
        serves,
        doctor,
        checks: Vec::new(),
        faults: Vec::new(),
    };
    if !serves {
        report.check("refusal", || programs::refusal(&binary));
        return Ok(report);
    }
    for test in programs::tests(options.tests.as_deref())? {
        let name = test.file_name().unwrap_or_default().to_string_lossy();
        report.check(&format!("test {name}"), || {
            programs::test(&test, options.test_time)
        });
    }
    serving::every_feature(&binary, options.upgrading, &mut report);
    serving::no_optional_feature(&binary, &mut report);
    Ok(report)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_check_that_fails_is_told_and_keeps_no_other_from_being_made() {
        let mut report = Report {
            version: 1,
            kernel: "6.1".to_owned(),
            serves: true,
            doctor: Value::Null,
            checks: Vec::new(),
            faults: Vec::new(),
        };
        report.check("drain", || Err("ended with 3".to_owned()));
        report.check("load", || Ok(json!(5)));
        assert_eq!(report.faults, ["drain: ended with 3"]);
        assert_eq!(report.checks.len(), 2);
        let text = report.to_string();
        assert!(text.contains("FAILED  drain"), "{text}");
        assert!(text.contains("held    load"), "{text}");
    }
}
