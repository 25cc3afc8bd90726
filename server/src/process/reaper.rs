//! The duties of the first process of a container (pid 1): orphans become its children, and it collects
//! the dead. After an upgrade that process has handed everything over and must stay, for the kernel ends the
//! container with it; it passes signals on then.
//!
//! Called by the program: [`collect_orphans`] when its server starts, [`stay`] when that has ended.

use crate::coordinator::OBEYED;
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
use std::time::Duration;

/// A thread of the program that did not block CHLD may swallow it: so often it is looked anyway.
const GLANCE: Duration = Duration::from_secs(1);

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

/// Stays until no child is left, and answers the exit code of the last one that was a server:
/// `first`, or one that came to us when its parent ended.
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
    let mut serving = first;
    let mut to_pass_on = Vec::new();
    loop {
        // First, for a signal must not go to a server that has just ended in favour of another.
        loop {
            match reap()? {
                Reaped::Child { pid, exit_code } if pid == serving => {
                    code = exit_code;
                    // The generation after it is ours now.
                    serving = newest_child().unwrap_or(0);
                }
                Reaped::Child { .. } => {}
                Reaped::NoneYet => break,
                Reaped::NoChildren => return Ok(code),
            }
        }
        for signal in to_pass_on.drain(..) {
            if serving != 0 {
                // It may have ended this instant.
                let _ = send_signal(newest_of(serving), signal);
            }
        }
        poll_readable(signals.as_fd(), Some(GLANCE))?;
        while let Some(signal) = signals.read()? {
            if signal != Signal::Chld {
                to_pass_on.push(signal);
            }
        }
    }
}

/// The generation that serves: the last of the line from `pid` on.
fn newest_of(pid: u32) -> u32 {
    let mut newest = pid;
    while let Some(child) = children(newest).pop() {
        newest = child;
    }
    newest
}

fn newest_child() -> Option<u32> {
    children(std::process::id()).pop()
}

/// The children of all threads of a process, by number (`/proc/PID/task/TID/children`, proc(5)).
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
    found.sort_unstable();
    found
}
