//! The death of a generation at a step of the hand-over, and what it had at that instant.
//!
//! A process is stopped before it is killed: nothing of it moves while its sockets are read from /proc, so that
//! every connection that dies with it is known by its client's address.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use clap::ValueEnum;
use ringgate_runtime::sys::pidfd::PidFd;
use rustix::process::{Pid, Signal, kill_process};
use serde::{Deserialize, Serialize};

use crate::load::now_ms;

/// How long a process may take until all of its threads are stopped, or it is dead.
const PATIENCE: Duration = Duration::from_secs(20);
/// Pause between two looks.
const GLANCE: Duration = Duration::from_millis(1);
/// How often the table of connections is read: the kernel may leave an entry out while others come and go.
const TABLE_READS: usize = 4;

/// Which of the two processes of an upgrade is killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Victim {
    /// The process that takes over.
    New,
    /// The process that hands over.
    Old,
}

/// A step of the hand-over, by the word at which it is reached. What the new process is told does not reach it when it is
/// killed there; what it says has reached the old one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Step {
    /// The new process was started and has heard nothing.
    Start,
    /// It has the listeners.
    Listeners,
    /// Its cores are up, and it says so.
    Ready,
    /// The first baton is on its way.
    Baton,
    /// It accepts on the first listener.
    Armed,
    /// It accepts on every listener.
    LastArmed,
    /// It is told that these were all.
    AllBatons,
    /// It has the control socket, and serves.
    Owner,
    /// The first connection of the old process is on its way.
    Connection,
    /// It has the first connection of the old process.
    Taken,
    /// It has some connections of the old process.
    MoreTaken,
    /// It serves, and no connection has come for a while.
    Served,
}

/// A generation that was killed.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Death {
    /// Which of the two.
    pub victim: Victim,
    /// Where in the hand-over.
    pub step: Step,
    /// Its process id.
    pub pid: u32,
    /// When it was stopped, in milliseconds since 1970.
    pub at_ms: u64,
    /// The clients' addresses of the connections that were its own.
    pub connections: Vec<SocketAddr>,
}

impl Step {
    /// As the command line has it.
    pub(crate) fn name(self) -> String {
        let value = self.to_possible_value();
        value.map_or_else(String::new, |value| value.get_name().to_owned())
    }
}

/// Stops all threads of a process. Returns when that was asked for.
///
/// # Errors
/// It is gone, another user's, or does not stop.
pub(super) fn stop(pid: u32) -> io::Result<u64> {
    let at_ms = now_ms();
    signal(pid, Signal::STOP)?;
    let until = Instant::now() + PATIENCE;
    while !is_stopped(pid)? {
        if Instant::now() >= until {
            return Err(io::Error::other(format!("process {pid} does not stop")));
        }
        std::thread::sleep(GLANCE);
    }
    Ok(at_ms)
}

fn is_stopped(pid: u32) -> io::Result<bool> {
    for thread in fs::read_dir(format!("/proc/{pid}/task"))? {
        // A thread may end between two looks.
        let stat = fs::read_to_string(thread?.path().join("stat")).unwrap_or_default();
        let state = stat
            .rsplit_once(") ")
            .and_then(|(_, rest)| rest.chars().next());
        if state.is_some_and(|state| !matches!(state, 'T' | 't' | 'Z' | 'X')) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Kills a process and waits for its end.
///
/// # Errors
/// It is another user's, or does not end.
pub(super) fn kill(pid: u32) -> io::Result<()> {
    let process = PidFd::open(pid)?;
    signal(pid, Signal::KILL)?;
    match process.wait_exit(Some(PATIENCE))? {
        true => Ok(()),
        false => Err(io::Error::other(format!("process {pid} does not die"))),
    }
}

fn signal(pid: u32, signal: Signal) -> io::Result<()> {
    let target = i32::try_from(pid).ok().and_then(Pid::from_raw);
    let target = target.ok_or_else(|| io::Error::other(format!("{pid} is no process id")))?;
    Ok(kill_process(target, signal)?)
}

/// The sockets that a process has, by inode.
///
/// # Errors
/// What /proc answers.
pub(super) fn sockets(pid: u32) -> io::Result<BTreeSet<u64>> {
    let mut found = BTreeSet::new();
    for entry in fs::read_dir(format!("/proc/{pid}/fd"))? {
        found.extend(inode(&entry?.path()));
    }
    Ok(found)
}

/// The inode of the socket at this path of /proc.
pub(super) fn inode(path: &std::path::Path) -> Option<u64> {
    let link = fs::read_link(path).ok()?;
    let text = link.to_str()?;
    let number = text.strip_prefix("socket:[")?.strip_suffix(']')?;
    number.parse().ok()
}

/// The other end's address of each of these sockets that is a connection of TCP over IPv4.
///
/// # Errors
/// What /proc answers.
pub(super) fn clients(pid: u32, sockets: &BTreeSet<u64>) -> io::Result<Vec<SocketAddr>> {
    let mut found = BTreeMap::new();
    for _ in 0..TABLE_READS {
        let table = fs::read_to_string(format!("/proc/{pid}/net/tcp"))?;
        let rows = table.lines().skip(1).filter_map(row);
        found.extend(rows.filter(|(inode, client)| sockets.contains(inode) && client.port() != 0));
    }
    Ok(found.into_values().collect())
}

/// The inode and the remote address of a row of /proc/net/tcp.
fn row(line: &str) -> Option<(u64, SocketAddr)> {
    let mut words = line.split_ascii_whitespace();
    let remote = words.nth(2)?;
    let inode = words.nth(6)?.parse().ok()?;
    let (address, port) = remote.split_once(':')?;
    // The address is printed as a number of the machine's own order; the bytes are those of the network.
    let address = u32::from_str_radix(address, 16).ok()?.to_ne_bytes();
    let port = u16::from_str_radix(port, 16).ok()?;
    Some((inode, SocketAddr::from((Ipv4Addr::from(address), port))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{TcpListener, TcpStream};

    #[test]
    fn the_clients_of_this_process_are_found_by_their_addresses() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let client = TcpStream::connect(listener.local_addr().expect("bound")).expect("connected");
        let (_accepted, _) = listener.accept().expect("accepted");
        let pid = std::process::id();
        let found = clients(pid, &sockets(pid).expect("/proc")).expect("/proc");
        assert!(found.contains(&client.local_addr().expect("connected")));
        assert!(found.iter().all(|address| address.port() != 0), "{found:?}");
    }

    #[test]
    fn a_process_is_stopped_and_then_killed() {
        let mut child = std::process::Command::new("sleep")
            .arg("600")
            .spawn()
            .expect("sleep(1)");
        let pid = child.id();
        assert!(!is_stopped(pid).expect("it runs"));
        stop(pid).expect("our child");
        assert!(is_stopped(pid).expect("it is there"));
        kill(pid).expect("our child");
        assert!(!child.wait().expect("our child").success());
    }
}
