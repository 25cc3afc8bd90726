//! The first process of a container (pid 1) after an upgrade: it has handed everything over and must
//! stay, for the kernel ends the container with it. It passes signals on and collects the dead.
//!
//! Called by the program when its server has ended.

use crate::coordinator::OBEYED;
use ringgate_runtime::sys::child::{Reaped, reap};
use ringgate_runtime::sys::signals::{Signal, SignalFd, send_signal};
use ringgate_runtime::sys::socket::poll_readable;
use std::io;
use std::os::fd::AsFd;
use std::time::Duration;

/// A thread of the program that did not block CHLD may swallow it: so often it is looked anyway.
const GLANCE: Duration = Duration::from_secs(1);

/// Whether this process is the first of its container, and others are left.
pub fn is_needed() -> bool {
    std::process::id() == 1
}

/// Stays until no child is left, and answers the exit code of the last one that was a server:
/// `first`, or one that came to us when its parent ended.
///
/// # Errors
/// Whatever signalfd(2), poll(2) and waitpid(2) answer.
pub fn stay(first: u32) -> io::Result<u8> {
    let mut signals = OBEYED.to_vec();
    signals.push(Signal::Chld);
    let signals = SignalFd::new(&signals)?;
    let mut code = 0;
    let mut serving = first;
    loop {
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
        poll_readable(signals.as_fd(), Some(GLANCE))?;
        while let Some(signal) = signals.read()? {
            if signal != Signal::Chld && serving != 0 {
                // It may have ended this instant.
                let _ = send_signal(newest_of(serving), signal);
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
