//! System calls per request, counted by strace in a run of its own.
//!
//! strace slows the server many times over, so this run measures nothing else, and no race runs
//! under it. The server is started by [`Server`], strace is attached to it, and both are ended here.

use std::collections::BTreeMap;
use std::fmt;
use std::io::{self, BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};

use clap::Args;
use rustix::process::{Pid, Signal, kill_process};
use serde::Serialize;

use crate::load;
use crate::race::Scenario;
use crate::server::{Binaries, Cpus, Peer, Programs, Server, pin_this_thread};
use crate::target::Endpoint;

/// The wishes for a count.
#[derive(Debug, Clone, Args)]
pub struct Options {
    /// Servers to count, by name
    #[arg(
        long,
        value_delimiter = ',',
        default_value = "uring,epoll,ringgate",
        value_name = "NAMES"
    )]
    pub peers: Vec<Peer>,
    /// The load, by name: plain-cN, pipeline16-cN, close-cN
    #[arg(long, default_value = "plain-c32", value_name = "NAME")]
    pub scenario: Scenario,
    /// Requests under strace
    #[arg(long, default_value_t = 20_000, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=100_000_000))]
    pub requests: u64,
    /// Programs of the servers
    #[command(flatten)]
    pub programs: Programs,
    /// Where it runs
    #[command(flatten)]
    pub cpus: Cpus,
}

/// System calls of one peer.
#[derive(Debug, Clone, Serialize)]
pub struct Count {
    /// The peer whose calls were counted.
    pub peer: Peer,
    /// The scenario's name.
    pub scenario: String,
    /// Requests answered well while strace was attached.
    pub requests: u64,
    /// The failures of the other requests as text; empty if there were none.
    pub failures: String,
    /// All system calls per request.
    pub per_request: f64,
    /// Calls by name.
    pub calls: BTreeMap<String, u64>,
}

/// Counts each peer in turn.
///
/// # Errors
/// strace is missing or may not attach, or a server does not start.
pub fn run(options: &Options) -> io::Result<Vec<Count>> {
    let binaries = options
        .programs
        .prepare(&options.peers, &[options.scenario.job()])?;
    options
        .peers
        .iter()
        .map(|peer| count(options, &binaries, *peer))
        .collect()
}

fn count(options: &Options, binaries: &Binaries, peer: Peer) -> io::Result<Count> {
    let server = Server::start(binaries, peer, options.cpus.server, options.scenario.job())?;
    pin_this_thread(options.cpus.load)?;
    let mut load = (options.scenario).options(peer, Endpoint::Tcp(server.address));
    load.requests = Some(options.requests);
    let strace = Strace::attach(server.pid())?;
    let report = load::run(&load).map_err(io::Error::other)?;
    let calls = strace.detach()?;
    let total: u64 = calls.values().sum();
    Ok(Count {
        peer,
        scenario: options.scenario.to_string(),
        requests: report.ok,
        failures: report.failures(),
        per_request: total as f64 / report.ok.max(1) as f64,
        calls,
    })
}

/// An attached strace; dropping it ends it.
struct Strace {
    child: Child,
    stderr: BufReader<std::process::ChildStderr>,
}

impl Strace {
    fn attach(pid: u32) -> io::Result<Self> {
        let mut child = Command::new("strace")
            .args(["-c", "-f", "-U", "calls,name", "-p", &pid.to_string()])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|error| {
                io::Error::new(
                    error.kind(),
                    format!("strace is needed (package `strace`): {error}"),
                )
            })?;
        let stderr = child
            .stderr
            .take()
            .ok_or_else(|| io::Error::other("strace has no stderr"))?;
        let mut strace = Self {
            child,
            stderr: BufReader::new(stderr),
        };
        let mut line = String::new();
        strace.stderr.read_line(&mut line)?;
        if !line.contains("attached") {
            return Err(io::Error::other(format!(
                "strace could not attach: {}; run as root or set kernel.yama.ptrace_scope=0",
                line.trim()
            )));
        }
        Ok(strace)
    }

    /// Interrupts strace, which detaches and prints its table (strace(1)).
    fn detach(mut self) -> io::Result<BTreeMap<String, u64>> {
        let pid = Pid::from_child(&self.child);
        kill_process(pid, Signal::INT)?;
        let mut calls = BTreeMap::new();
        for line in self.stderr.by_ref().lines() {
            calls.extend(parse(&line?));
        }
        Ok(calls)
    }
}

impl Drop for Strace {
    fn drop(&mut self) {
        // After `detach` it has ended by itself and is only reaped.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A row of the table: calls, name.
fn parse(line: &str) -> Option<(String, u64)> {
    let mut words = line.split_ascii_whitespace();
    let calls = words.next()?.parse().ok()?;
    let name = words.next().filter(|name| *name != "total")?;
    words.next().is_none().then(|| (name.to_owned(), calls))
}

impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:<12} {:<16} {:.3} system calls a request:",
            self.peer, self.scenario, self.per_request
        )?;
        for (name, calls) in &self.calls {
            write!(
                f,
                " {name} {:.3}",
                *calls as f64 / self.requests.max(1) as f64
            )?;
        }
        if !self.failures.is_empty() {
            write!(f, "  INVALID: {}", self.failures)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_of_the_table_are_read_and_everything_else_is_not() {
        assert_eq!(
            parse("     1234 io_uring_enter"),
            Some(("io_uring_enter".into(), 1234))
        );
        for other in [
            "--------- ------",
            "    calls syscall",
            "     1240 total",
            "strace: Process 1 detached",
            "",
        ] {
            assert_eq!(parse(other), None, "{other}");
        }
    }
}
