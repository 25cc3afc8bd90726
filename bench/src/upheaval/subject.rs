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

    /// Drains it, and holds the ledgers of all generations that came to their end to account. Returns how many
    /// these are.
    pub(super) fn end(&mut self, faults: &mut Vec<String>) -> u64 {
        if let Err(error) = self.drain() {
            faults.push(format!("no end in order: {error}"));
        }
        let log = self.log();
        let is_ledger = |line: &&String| {
            line.contains("connections accepted=") || line.contains("requests begun=")
        };
        let ledgers: Vec<&String> = log.iter().filter(is_ledger).collect();
        faults.extend(ledgers.iter().filter_map(|line| imbalance(line)));
        if ledgers.is_empty() {
            faults.push("no ledgers at the end".to_owned());
        }
        if !faults.is_empty() {
            let from = log.len().saturating_sub(LINES_SHOWN);
            eprintln!("the server's log ends:\n{}", log[from..].join("\n"));
        }
        ledgers.len() as u64
    }

    fn drain(&self) -> io::Result<()> {
        let last = PidFd::open(self.pid()?)?;
        self.control.ask("drain")?;
        match last.wait_exit(Some(PATIENCE))? {
            true => Ok(()),
            false => Err(io::Error::other("it does not end when it is drained")),
        }
    }
}

impl Drop for Subject {
    fn drop(&mut self) {
        // Nobody may be there any more; the first generation may have ended by itself.
        let _ = self.control.ask("stop");
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
