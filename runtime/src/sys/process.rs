//! The identity and memory of this process, whether another one is there, and what a program that it starts
//! is not to inherit.
//!
//! Called by the status report and `doctor`, and by handlers that start programs. Deliberately does not repeat
//! [`std::process::id`], and does not change identity.

use rustix::io::Errno;
use rustix::param::{clock_ticks_per_second, page_size};
use rustix::process::{Pid, test_kill_process};
use std::io;
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::time::Duration;

use super::error::proc_text;
use super::signals::{Signal, set_of};

/// The real user id.
pub fn user_id() -> u32 {
    rustix::process::getuid().as_raw()
}

/// The real group id.
pub fn group_id() -> u32 {
    rustix::process::getgid().as_raw()
}

/// Resident memory of the process, in bytes (`/proc/self/statm`, second field; proc(5)).
///
/// # Errors
/// If `/proc` is not mounted.
pub fn rss_bytes() -> io::Result<u64> {
    let text = proc_text("/proc/self/statm")?;
    let pages: u64 = text
        .split_whitespace()
        .nth(1)
        .and_then(|field| field.parse().ok())
        .ok_or_else(|| {
            io::Error::new(
                io::ErrorKind::InvalidData,
                format!("/proc/self/statm: {text:?}"),
            )
        })?;
    Ok(pages * page_bytes()?)
}

/// The kernel's release as `uname -r` prints it.
///
/// # Errors
/// If `/proc` is not mounted.
pub fn kernel_release() -> io::Result<String> {
    Ok(proc_text("/proc/sys/kernel/osrelease")?.trim().to_string())
}

/// The size of a page of memory, in bytes.
///
/// # Errors
/// Never: the kernel tells it to every process (getauxval(3), AT_PAGESZ).
pub fn page_bytes() -> io::Result<u64> {
    Ok(page_size() as u64)
}

/// Whether the calling thread runs under a seccomp filter (`Seccomp: 2` in proc(5)).
///
/// # Errors
/// If `/proc` is not mounted.
pub fn seccomp_filtered() -> io::Result<bool> {
    let status = proc_text("/proc/thread-self/status")?;
    let mode = status
        .lines()
        .find_map(|line| line.strip_prefix("Seccomp:"));
    Ok(mode.is_some_and(|mode| mode.trim() == "2"))
}

/// Lets a program be met by signals that its starter blocks. A server's threads block those that it obeys, and a program
/// inherits the mask of the thread that starts it: without this it ends at KILL alone.
///
/// ```
/// use ringgate_runtime::sys::process::unblock_signals;
/// use std::process::Command;
///
/// let mut command = Command::new("true");
/// assert!(unblock_signals(&mut command).status()?.success());
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn unblock_signals(command: &mut Command) -> &mut Command {
    let all = set_of(&Signal::ALL);
    let unblock = move || {
        // SAFETY: pthread_sigmask(3) reads one set, which the closure owns. Guarded by
        // `a_program_that_is_started_by_a_thread_without_signals_hears_them`.
        match unsafe { libc::pthread_sigmask(libc::SIG_UNBLOCK, &all, std::ptr::null_mut()) } {
            0 => Ok(()),
            errno => Err(io::Error::from_raw_os_error(errno)),
        }
    };
    // SAFETY: the closure runs in the child between fork(2) and execve(2) and calls only pthread_sigmask(3), which is
    // async-signal-safe (signal-safety(7)); it allocates nothing and takes no lock. Guarded by
    // `a_program_that_is_started_by_a_thread_without_signals_hears_them`.
    unsafe { command.pre_exec(unblock) }
}

/// How long the machine has been up (`/proc/uptime`, proc(5)).
///
/// # Errors
/// If `/proc` is not mounted.
pub fn uptime() -> io::Result<Duration> {
    let text = proc_text("/proc/uptime")?;
    let seconds = text.split_ascii_whitespace().next();
    let seconds = seconds.and_then(|field| field.parse().ok());
    Ok(Duration::from_secs_f64(seconds.unwrap_or(0.0)))
}

/// The [`uptime`] when process `pid` was started, to a hundredth of a second. None if there is no process
/// of this number: it is nobody's, that of a thread of a process with another number, or that of a
/// process that has ended and was not collected yet. Zero if there is one and this user may not look at
/// it.
pub fn started(pid: u32) -> Option<Duration> {
    let read = |name: &str| proc_text(&format!("/proc/{pid}/{name}"));
    let (Ok(status), Ok(stat)) = (read("status"), read("stat")) else {
        let number = i32::try_from(pid).ok().and_then(Pid::from_raw)?;
        let there = matches!(test_kill_process(number), Ok(()) | Err(Errno::PERM));
        return there.then_some(Duration::ZERO);
    };
    let field = |name: &str| {
        let mut lines = status.lines();
        let value = lines.find_map(|line| line.strip_prefix(name));
        value.unwrap_or_default().trim()
    };
    if field("State:").starts_with(['Z', 'X']) || field("Tgid:").parse() != Ok(pid) {
        return None;
    }
    // Behind the name, which may hold anything, `starttime` is the twentieth field (proc(5)).
    let behind_name = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    let ticks = behind_name.split_ascii_whitespace().nth(19);
    let ticks: u64 = ticks.and_then(|field| field.parse().ok()).unwrap_or(0);
    Some(Duration::from_millis(
        ticks.saturating_mul(1000) / clock_ticks_per_second(),
    ))
}
