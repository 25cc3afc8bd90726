//! Who this process is and how much memory it holds.
//!
//! Called by the status report and `doctor`. Deliberately does not repeat [`std::process::id`], and
//! does not change identity.

use std::io;

use super::error::{last, proc_text};

/// The real user id.
pub fn user_id() -> u32 {
    // SAFETY: getuid(2) takes no pointer and cannot fail. Guarded by
    // `the_peer_of_a_unix_socket_is_this_process`.
    unsafe { libc::getuid() }
}

/// The real group id.
pub fn group_id() -> u32 {
    // SAFETY: getgid(2) takes no pointer and cannot fail. Guarded by
    // `the_peer_of_a_unix_socket_is_this_process`.
    unsafe { libc::getgid() }
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
/// Whatever sysconf(3) answers; never on Linux.
pub fn page_bytes() -> io::Result<u64> {
    // SAFETY: sysconf(3) takes no pointer. Guarded by `resident_memory_grows_when_memory_is_touched`.
    let size = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
    u64::try_from(size).map_err(|_| last("sysconf", "_SC_PAGESIZE"))
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
