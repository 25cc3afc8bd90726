//! The duties of the first process of a container (pid 1): orphans become its children, and it collects
//! the dead. After an upgrade that process has handed everything over and must stay, for the kernel ends the
//! container with it; it passes signals on then.
//!
//! Called by the program: [`collect_orphans`] when its server starts, [`stay`] when that has ended.

use crate::coordinator::{COORDINATOR, OBEYED};
use ringgate_runtime::sys::child::{Reaped, reap};
use ringgate_runtime::sys::process::started;
use ringgate_runtime::sys::signals::{Signal, SignalFd, send_signal};
use ringgate_runtime::sys::socket::poll_readable;
use rustix::process::{Pid, WaitId, WaitIdOptions, waitid};
use std::collections::BTreeSet;
use std::io;
use std::os::fd::AsFd;
use std::process::Child;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// A thread of the program that did not block CHLD may swallow it: so often it is looked anyway.
const GLANCE: Duration = Duration::from_secs(1);
/// How long a server may take from its start until it has a coordinator, by which it is known.
const SHOWS_WITHIN: Duration = Duration::from_secs(2);

/// Whether this process is the first of its container, and others are left.
///
/// ```
/// assert_eq!(ringgate::process::reaper::is_needed(), std::process::id() == 1);
/// ```
pub fn is_needed() -> bool {
    std::process::id() == 1
}

/// The children that this process has started and waits for itself. None once the first process stays
/// and waits for all.
static OWN: Mutex<Option<BTreeSet<u32>>> = Mutex::new(Some(BTreeSet::new()));

fn own() -> MutexGuard<'static, Option<BTreeSet<u32>>> {
    OWN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Starts a child that the server waits for itself, so that nobody takes it for an orphan.
pub(crate) fn start_own(start: impl FnOnce() -> io::Result<Child>) -> io::Result<Child> {
    let mut own = own();
    let child = start()?;
    if let Some(own) = &mut *own {
        own.insert(child.id());
    }
    Ok(child)
}

/// Waits for the end of such a child: its number may be another's afterwards.
pub(crate) fn wait_for_own(mut child: Child) {
    // Whoever cannot be waited for is gone.
    let _ = child.wait();
    if let Some(own) = &mut *own() {
        own.remove(&child.id());
    }
}

/// Collects orphans that have ended, on a thread of its own, until this process ends or [`stay`]s.
/// Orphans are all children but the one that an upgrade starts: a program that starts others and waits
/// for them itself would find them collected.
///
/// ```
/// use ringgate::process::reaper;
///
/// if reaper::is_needed() {
///     reaper::collect_orphans()?;
/// }
/// # Ok::<(), std::io::Error>(())
/// ```
///
/// # Errors
/// There is no descriptor or no thread for it.
pub fn collect_orphans() -> io::Result<()> {
    let signals = SignalFd::new(&[Signal::Chld])?;
    let thread = std::thread::Builder::new().name("rg-orphans".to_owned());
    let collect = move || {
        while collect_once() {
            // A failure is no reason to look more often than once a glance.
            if poll_readable(signals.as_fd(), Some(GLANCE)).is_err() {
                std::thread::sleep(GLANCE);
            }
            while let Ok(Some(_)) = signals.read() {}
        }
    };
    thread.spawn(collect).map(drop)
}

/// Collects the orphans that have ended. Returns false when this process is not to collect any more.
fn collect_once() -> bool {
    let orphans: Vec<u32> = match &*own() {
        Some(own) => {
            let children = children(std::process::id()).into_iter();
            children.filter(|pid| !own.contains(pid)).collect()
        }
        None => return false,
    };
    for pid in orphans {
        // None but this thread collects one that has ended, so its number stays its own.
        let has_ended = started(pid).is_none();
        if let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw)
            && has_ended
        {
            let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG;
            // It may be a child that this process has just collected itself.
            let _ = waitid(WaitId::Pid(pid), options);
        }
    }
    true
}

/// Stays until no server is left among the children, and answers the exit code of the last one: of `first`, or of one
/// that came to us when its parent ended.
///
/// ```
/// use ringgate::Ended;
/// use ringgate::process::reaper;
///
/// /// The end of a `main` that may be the first process of a container.
/// fn end(ended: &Ended) {
///     if let Some(successor) = ended.successor.filter(|_| reaper::is_needed()) {
///         let _ = reaper::stay(successor);
///     }
/// }
/// ```
///
/// # Errors
/// Whatever signalfd(2), poll(2) and waitpid(2) answer.
pub fn stay(first: u32) -> io::Result<u8> {
    // From here on all children are collected here.
    own().take();
    let mut signals = OBEYED.to_vec();
    signals.push(Signal::Chld);
    let signals = SignalFd::new(&signals)?;
    let mut code = 0;
    let mut servers = BTreeSet::from([first]);
    // Until then a server may show among the children, if none is there.
    let mut give_up = Instant::now();
    let mut to_pass_on = Vec::new();
    loop {
        servers.extend(children_with_servers());
        // First, for a signal must not go to a server that has just ended in favour of another.
        loop {
            match reap()? {
                Reaped::Child { pid, exit_code } if servers.remove(&pid) => {
                    code = exit_code;
                    give_up = Instant::now() + SHOWS_WITHIN;
                }
                Reaped::Child { .. } => {}
                Reaped::NoneYet => break,
                Reaped::NoChildren => return Ok(code),
            }
        }
        // The generation after one that has ended is ours now.
        servers.extend(children_with_servers());
        if servers.is_empty() && Instant::now() >= give_up {
            return Ok(code);
        }
        to_pass_on.drain(..).for_each(pass_on);
        poll_readable(signals.as_fd(), Some(GLANCE))?;
        while let Some(signal) = signals.read()? {
            if signal != Signal::Chld {
                to_pass_on.push(signal);
            }
        }
    }
}

/// Sends a signal to those after this process whom it is for: words to end, and those about files, to every server, others to
/// the newest. If only the newest heard that it is to end, one before it that still serves would take that for a failed
/// upgrade and go on.
pub(crate) fn pass_on(signal: Signal) {
    let mut servers = BTreeSet::new();
    // The children of one that ends meanwhile move up, and are found by another walk.
    loop {
        let before = servers.len();
        let found = children(std::process::id()).into_iter();
        let found = found.flat_map(servers_among);
        // Each is started by the one before it.
        servers.extend(found.map(|pid| (started(pid), pid)));
        if servers.len() == before {
            break;
        }
    }
    let heard_by = match signal {
        Signal::Int | Signal::Term | Signal::Quit | Signal::Usr1 => servers.len(),
        Signal::Ttin | Signal::Ttou | Signal::Hup | Signal::Usr2 | Signal::Chld => 1,
    };
    let others = servers.len().saturating_sub(heard_by);
    for (_, pid) in servers.into_iter().skip(others) {
        // It may have ended this instant.
        let _ = send_signal(pid, signal);
    }
}

/// The children of this process that are servers or have one below them: a handler may have started other programs.
fn children_with_servers() -> impl Iterator<Item = u32> {
    let children = children(std::process::id()).into_iter();
    children.filter(|pid| !servers_among(*pid).is_empty())
}

/// The servers among a process and all below it: what an upgrade starts may be a script that starts the server and waits for
/// it.
fn servers_among(pid: u32) -> Vec<u32> {
    let mut found = Vec::new();
    let mut left = vec![pid];
    while let Some(pid) = left.pop() {
        if is_server(pid) {
            found.push(pid);
        }
        left.extend(children(pid));
    }
    found
}

/// Whether a process has a coordinator. A program that a server starts has its environment and another image, so the
/// names of the threads tell.
fn is_server(pid: u32) -> bool {
    let tasks = std::fs::read_dir(format!("/proc/{pid}/task"));
    tasks.into_iter().flatten().flatten().any(|task| {
        let name = std::fs::read_to_string(task.path().join("comm"));
        name.is_ok_and(|name| name.trim_end() == COORDINATOR)
    })
}

/// The children of all threads of a process (`/proc/PID/task/TID/children`, proc(5)).
fn children(pid: u32) -> Vec<u32> {
    let tasks = std::fs::read_dir(format!("/proc/{pid}/task"));
    let mut found: Vec<u32> = Vec::new();
    for task in tasks.into_iter().flatten().flatten() {
        let text = std::fs::read_to_string(task.path().join("children"));
        let text = text.unwrap_or_default();
        found.extend(
            text.split_whitespace()
                .filter_map(|pid| pid.parse::<u32>().ok()),
        );
    }
    found
}
