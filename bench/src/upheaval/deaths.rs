//! The death of a generation at a step of the hand-over, and what it had at that instant.
//!
//! A process is stopped before it is killed: nothing of it moves while its sockets are looked at, so that
//! every connection that dies with it is known by its client's address.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::fd::{OwnedFd, RawFd};
use std::time::{Duration, Instant};

use clap::ValueEnum;
use ringgate_runtime::sys::pidfd::PidFd;
use rustix::io::Errno;
use rustix::net::getpeername;
use rustix::process::{Pid, PidfdGetfdFlags, Signal, kill_process, pidfd_getfd};
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

/// A step of the hand-over, by the word at which it is reached. A word to the new process does not reach one that is killed
/// there; a word of the new process has reached the old one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Step {
    /// The new process was started and has heard nothing.
    Start,
    /// The new process has the listeners.
    Listeners,
    /// The cores of the new process are up, and it says so.
    Ready,
    /// The first baton is on its way.
    Baton,
    /// The new process accepts on the first listener.
    Armed,
    /// The new process accepts on every listener.
    LastArmed,
    /// The new process is told that these were all.
    AllBatons,
    /// The new process has the control socket, and serves.
    Owner,
    /// The first connection of the old process is on its way.
    Connection,
    /// The new process has the first connection of the old one.
    Taken,
    /// The new process has some connections of the old one.
    MoreTaken,
    /// The new process serves, and no connection has come for a while.
    Served,
}

/// A generation that was killed.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Death {
    /// Which of the two.
    pub victim: Victim,
    /// Where in the hand-over.
    pub step: Step,
    /// The id of the process.
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
/// The process is gone, another user's, or does not stop.
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
/// The process is another user's, or does not end.
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

/// The sockets that a process has: the inode, and the number of the descriptor.
///
/// # Errors
/// Whatever /proc answers.
pub(super) fn sockets(pid: u32) -> io::Result<BTreeMap<u64, RawFd>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(format!("/proc/{pid}/fd"))? {
        let path = entry?.path();
        let name = path.file_name().and_then(|name| name.to_str());
        let number = name.and_then(|name| name.parse().ok());
        found.extend(inode(&path).zip(number));
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
/// Whatever the kernel answers.
pub(super) fn clients(pid: u32, sockets: &BTreeMap<u64, RawFd>) -> io::Result<Vec<SocketAddr>> {
    let process = PidFd::open(pid)?;
    let mut found = Vec::new();
    for number in sockets.values() {
        match pidfd_getfd(&process, *number, PidfdGetfdFlags::empty()) {
            Ok(socket) => found.extend(client(&socket)),
            // Closed since; a process that is stopped closes none.
            Err(Errno::BADF) => {}
            // Whoever is not root may look only into processes below its own (Yama's ptrace_scope).
            Err(Errno::PERM) => return clients_by_table(pid, sockets),
            Err(error) => return Err(error.into()),
        }
    }
    Ok(found)
}

fn client(socket: &OwnedFd) -> Option<SocketAddr> {
    // One that has been reset has no other end any more.
    let address = SocketAddr::try_from(getpeername(socket).ok()??).ok()?;
    address.is_ipv4().then_some(address)
}

/// The same by the table of all connections of the machine, which is long when very many were closed within
/// a minute.
fn clients_by_table(pid: u32, sockets: &BTreeMap<u64, RawFd>) -> io::Result<Vec<SocketAddr>> {
    let mut found = BTreeMap::new();
    for _ in 0..TABLE_READS {
        let table = fs::read_to_string(format!("/proc/{pid}/net/tcp"))?;
        let rows = table.lines().skip(1).filter_map(row);
        found.extend(
            rows.filter(|(inode, client)| sockets.contains_key(inode) && client.port() != 0),
        );
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
        let ours = client.local_addr().expect("connected");
        let sockets = sockets(pid).expect("/proc");
        for found in [clients(pid, &sockets), clients_by_table(pid, &sockets)] {
            let found = found.expect("/proc");
            assert!(found.contains(&ours), "{found:?}");
            assert!(found.iter().all(|address| address.port() != 0), "{found:?}");
        }
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
