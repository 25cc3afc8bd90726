//! The server in a storm over everything: its start, its end, and the ledgers of its generations.

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use ringgate_runtime::sys::pidfd::PidFd;

use crate::server::{Control, ends_with_us, free_port};
use crate::storm::imbalance;
use crate::upheaval::Common;

/// How long the server may take to start, and to end.
const PATIENCE: Duration = Duration::from_secs(60);
/// Pause between two looks.
const GLANCE: Duration = Duration::from_millis(5);
/// Lines of the log that are shown when something went wrong.
const LINES_SHOWN: usize = 30;

/// The server; dropping it ends it, whichever generation serves.
pub(super) struct Subject {
    child: Child,
    pub(super) binary: PathBuf,
    /// Without TLS, and with.
    pub(super) addresses: (SocketAddr, SocketAddr),
    pub(super) control: Control,
}

impl Subject {
    pub(super) fn start(options: &Common) -> io::Result<Subject> {
        let bench = std::env::current_exe()?;
        let beside = bench.parent().unwrap_or(Path::new(".")).join("ringgate");
        let binary = std::path::absolute(options.ringgate_binary.clone().unwrap_or(beside))?;
        let addresses = (free_port()?, free_port()?);
        let control = Control::new("upheaval")?;
        let log = std::fs::File::create(control.folder().join("log"))?;
        let (clear, tls) = (addresses.0.to_string(), format!("https://{}", addresses.1));
        let slots = options.most.to_string();
        let mut command = ends_with_us(&binary);
        command
            .args([
                "serve",
                "--listen",
                &clear,
                "--listen",
                &tls,
                "--certificate",
                "self",
            ])
            .args(["--cores", "2", "--core-slots", &slots, "--demo", "on"])
            .args(["--graceful-timeout", "60s", "--idle-timeout", "10m"])
            .args(control.arguments())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log);
        let mut subject = Subject {
            child: command.spawn()?,
            binary,
            addresses,
            control,
        };
        let until = Instant::now() + PATIENCE;
        while !subject
            .control
            .ask("status")
            .is_ok_and(|status| status["phase"] == "running")
        {
            if subject.child.try_wait()?.is_some() || Instant::now() >= until {
                let log = subject.log().join(" | ");
                return Err(io::Error::other(format!(
                    "the server does not start: {log}"
                )));
            }
            std::thread::sleep(GLANCE);
        }
        Ok(subject)
    }

    /// The process that serves.
    pub(super) fn pid(&self) -> io::Result<u32> {
        let status = self.control.ask("status")?;
        Ok(status["pid"].as_u64().unwrap_or_default() as u32)
    }

    fn log(&self) -> Vec<String> {
        let log = std::fs::read_to_string(self.control.folder().join("log")).unwrap_or_default();
        log.lines().map(str::to_owned).collect()
    }

    /// Drains it, and holds the ledgers of all generations that came to their end to account: of the first, and of one
    /// for each upgrade. A process that was killed leaves none, but one that serves in the stead of an old one that was
    /// killed does. Returns how many ledgers there are.
    pub(super) fn end(&mut self, upgrades: u64, faults: &mut Vec<String>) -> u64 {
        if let Err(error) = self.drain() {
            faults.push(format!("no end in order: {error}"));
        }
        let log = self.log();
        let (ledgers, mut wrongs) = judge(&log, 1 + upgrades);
        faults.append(&mut wrongs);
        if !faults.is_empty() {
            let from = log.len().saturating_sub(LINES_SHOWN);
            eprintln!("the server's log ends:\n{}", log[from..].join("\n"));
        }
        ledgers
    }

    /// Waits until one process is left, has it drain, and waits for its end.
    fn drain(&self) -> io::Result<()> {
        let until = Instant::now() + PATIENCE;
        while !self.is_alone() && Instant::now() < until {
            std::thread::sleep(GLANCE);
        }
        let last = PidFd::open(self.pid()?)?;
        self.control.ask("drain")?;
        match last.wait_exit(Some(PATIENCE))? {
            true => Ok(()),
            false => Err(io::Error::other("it does not end when it is drained")),
        }
    }

    /// Whether the process that serves is the only one. Nobody may answer for a moment.
    fn is_alone(&self) -> bool {
        let status = self.control.ask("status").unwrap_or_default();
        let generations = status["generations"].as_array();
        generations.is_some_and(|list| list.len() == 1)
    }
}

/// The number of ledgers in the log of so many generations that ended in order, and what is wrong with them.
fn judge(log: &[String], generations: u64) -> (u64, Vec<String>) {
    let of = |name: &'static str| log.iter().filter(move |line| line.contains(name));
    let all = || of("connections accepted=").chain(of("requests begun="));
    let mut wrongs: Vec<String> = all().filter_map(|line| imbalance(line)).collect();
    for name in ["connections accepted=", "requests begun="] {
        let count = of(name).count() as u64;
        if count != generations {
            wrongs.push(format!(
                "{count} ledgers of \"{name}\" from {generations} generations"
            ));
        }
    }
    let words = log.iter().rev().find_map(|line| line.split_once(' '));
    if !words.is_some_and(|(_, words)| words.contains("stopped")) {
        wrongs.push("the last process did not say that it stopped".to_owned());
    }
    (all().count() as u64, wrongs)
}

impl Drop for Subject {
    fn drop(&mut self) {
        // Nobody may be there any more; the first generation may have ended by itself.
        let _ = self.control.ask("stop");
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_generation_without_a_ledger_or_a_last_one_without_an_end_in_order_is_a_fault() {
        let connections = "INFO connections accepted=2 finished=2";
        let requests = "INFO requests begun=3 answered=3";
        let stopped = "INFO stopped";
        let wrongs = |lines: &[&str]| {
            let log: Vec<String> = lines.iter().map(|line| (*line).to_owned()).collect();
            judge(&log, 2).1.len()
        };
        let both = [connections, requests, connections, requests];
        assert_eq!(wrongs(&[&both[..], &[stopped]].concat()), 0);
        assert_eq!(wrongs(&both), 1);
        assert_eq!(wrongs(&[&both[1..], &[stopped]].concat()), 1);
        assert_eq!(wrongs(&[connections, requests, stopped]), 2);
        let untrue = "INFO requests begun=3 answered=2";
        assert_eq!(wrongs(&[&both[..3], &[untrue, stopped]].concat()), 1);
        assert_eq!(wrongs(&[]), 3);
    }
}
