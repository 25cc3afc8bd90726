//! Resource limits of the process and the kernel's limits on listening.
//!
//! Called at start (descriptors are raised to the hard limit) and by `doctor`. Deliberately does not
//! judge whether a limit is enough: that depends on the configuration.

use std::fmt;
use std::io;

use rustix::process::{Resource, Rlimit, setrlimit};

use super::error::{called, check, proc_number};

/// A soft and a hard resource limit (getrlimit(2)); `None` means unlimited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit {
    /// The limit that the kernel enforces now.
    pub soft: Option<u64>,
    /// Up to where the process may raise it without privilege.
    pub hard: Option<u64>,
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = |value: Option<u64>| value.map_or("unlimited".to_string(), |v| v.to_string());
        write!(f, "{} (hard {})", text(self.soft), text(self.hard))
    }
}

/// How many descriptors the process may have open (RLIMIT_NOFILE).
///
/// # Errors
/// Whatever getrlimit(2) answers.
pub fn nofile() -> io::Result<Limit> {
    get(libc::RLIMIT_NOFILE, "RLIMIT_NOFILE")
}

/// Raises the soft limit on descriptors to the hard one, and answers what then holds.
///
/// # Errors
/// Whatever getrlimit(2) and setrlimit(2) answer.
pub fn raise_nofile() -> io::Result<Limit> {
    let limit = nofile()?;
    if limit.soft == limit.hard {
        return Ok(limit);
    }
    let raised = Rlimit {
        current: limit.hard,
        maximum: limit.hard,
    };
    called(
        setrlimit(Resource::Nofile, raised),
        "setrlimit",
        "RLIMIT_NOFILE",
    )?;
    nofile()
}

/// How many bytes the process may lock in memory (RLIMIT_MEMLOCK). Whether the kernel charges rings
/// to it differs: those before 5.12, 6.16 and 6.18 do, 6.1, 6.12 and 7.3 do not; per user, and not
/// with CAP_IPC_LOCK.
///
/// # Errors
/// Whatever getrlimit(2) answers.
pub fn memlock() -> io::Result<Limit> {
    get(libc::RLIMIT_MEMLOCK, "RLIMIT_MEMLOCK")
}

/// The kernel's cap on the backlog of any listener (net.core.somaxconn), in connections.
///
/// # Errors
/// If `/proc` is not mounted.
pub fn somaxconn() -> io::Result<u64> {
    proc_number("/proc/sys/net/core/somaxconn")
}

/// How many handshakes a listener may have in progress (net.ipv4.tcp_max_syn_backlog).
///
/// # Errors
/// If `/proc` is not mounted.
pub fn tcp_max_syn_backlog() -> io::Result<u64> {
    proc_number("/proc/sys/net/ipv4/tcp_max_syn_backlog")
}

/// By libc: rustix panics where a sandbox forbids the call.
fn get(resource: libc::__rlimit_resource_t, name: &'static str) -> io::Result<Limit> {
    let mut limit = libc::rlimit {
        rlim_cur: 0,
        rlim_max: 0,
    };
    // SAFETY: getrlimit(2) writes one rlimit, which lives on this stack. Guarded by
    // `descriptors_are_raised_to_the_hard_limit`.
    let result = unsafe { libc::getrlimit(resource, &mut limit) };
    check(result, "getrlimit", name)?;
    let finite = |value: libc::rlim_t| (value != libc::RLIM_INFINITY).then_some(value);
    Ok(Limit {
        soft: finite(limit.rlim_cur),
        hard: finite(limit.rlim_max),
    })
}
