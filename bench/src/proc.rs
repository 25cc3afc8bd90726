//! The kernel's figures for another process: CPU time and memory.
//!
//! Called by the races and the memory probe. Reads only; never signals.

use std::fs;
use std::io;
use std::ops::Sub;
use std::process::{Command, Stdio};
use std::time::Duration;

use nix::time::ClockId;
use nix::unistd::Pid;
use serde::{Deserialize, Serialize};

/// The least nice of all.
const NICE_LAST: i32 = 19;

/// Lets the calling thread give way to all others of this program: it runs when nobody else would (SCHED_IDLE of
/// sched(7), set by chrt(1)), so that one that wakes up takes its place at once. A nice thread, which it becomes where
/// there is no chrt, keeps its CPU for milliseconds all the same.
///
/// Under a real-time policy of the whole program the others would wait for it: Linux keeps a twentieth of each second
/// for threads that are not real-time.
///
/// # Errors
/// As of nice(2).
pub(crate) fn give_way() -> io::Result<()> {
    let thread = rustix::thread::gettid().as_raw_nonzero().to_string();
    let _ = Command::new("chrt")
        .args(["--idle", "--pid", "0", &thread])
        .stderr(Stdio::null())
        .status();
    rustix::process::nice(NICE_LAST)?;
    Ok(())
}

/// CPU time a process has used since it started.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CpuTime {
    /// Nanoseconds on a CPU, user and system, over all threads, those that ended included.
    pub total_ns: u64,
    /// Nanoseconds in user mode, in steps of a clock tick (10 ms as a rule).
    pub user_ns: u64,
}

impl CpuTime {
    /// Reads the process's CPU clock (clock_getcpuclockid(3)) and `/proc/PID/stat`. The sum of
    /// the threads' schedstat would lose what ended threads have used.
    ///
    /// # Errors
    /// `NotFound` or `ESRCH` when the process is gone.
    pub fn of(pid: u32) -> io::Result<Self> {
        let id = i32::try_from(pid).map_err(io::Error::other)?;
        let used = ClockId::pid_cpu_clock_id(Pid::from_raw(id))?.now()?;
        let total_ns = Duration::from(used).as_nanos() as u64;
        let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
        // The command name, in brackets, may hold anything; the fields after it are plain.
        // utime is field 14 of the line, the 12th behind the name.
        let rest = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
        let ticks = field(rest, 11, "stat")?;
        let user_ns = ticks * (1_000_000_000 / rustix::param::clock_ticks_per_second());
        Ok(Self { total_ns, user_ns })
    }
}

impl Sub for CpuTime {
    type Output = Self;

    fn sub(self, earlier: Self) -> Self {
        Self {
            total_ns: self.total_ns.saturating_sub(earlier.total_ns),
            user_ns: self.user_ns.saturating_sub(earlier.user_ns),
        }
    }
}

/// Memory of a process, in bytes (`/proc/PID/smaps_rollup`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Memory {
    /// Resident pages, shared ones included.
    pub rss: u64,
    /// Resident pages, shared ones by their share.
    pub pss: u64,
    /// Resident pages that are this process's alone.
    pub private: u64,
}

impl Memory {
    /// Reads `/proc/PID/smaps_rollup`.
    ///
    /// # Errors
    /// `NotFound` when the process is gone, `PermissionDenied` when it is another user's.
    pub fn of(pid: u32) -> io::Result<Self> {
        Self::parse(&fs::read_to_string(format!("/proc/{pid}/smaps_rollup"))?)
    }

    fn parse(text: &str) -> io::Result<Self> {
        let row = |name: &str| -> io::Result<u64> {
            let line = text.lines().find_map(|line| line.strip_prefix(name));
            Ok(1024 * field(line.unwrap_or(""), 0, name)?)
        };
        Ok(Self {
            rss: row("Rss:")?,
            pss: row("Pss:")?,
            private: row("Private_Clean:")? + row("Private_Dirty:")?,
        })
    }
}

/// How long the cores of a server of ours were ready and had no CPU since they began (`/proc/PID/task/TID/schedstat`, proc(5)).
///
/// # Errors
/// `NotFound` when the process is gone.
pub(crate) fn cores_waited(pid: u32) -> io::Result<Duration> {
    let mut waited = 0;
    for task in fs::read_dir(format!("/proc/{pid}/task"))? {
        let task = task?.path();
        let name = fs::read_to_string(task.join("comm"))?;
        if name.starts_with("rg-core") {
            waited += field(&fs::read_to_string(task.join("schedstat"))?, 1, "schedstat")?;
        }
    }
    Ok(Duration::from_nanos(waited))
}

/// The most resident memory that a process has had, in bytes (`VmHWM` of `/proc/PID/status`).
///
/// # Errors
/// `NotFound` when the process is gone.
pub fn peak(pid: u32) -> io::Result<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    Ok(1024 * field(line.unwrap_or(""), 0, "VmHWM")?)
}

fn field(text: &str, index: usize, of: &str) -> io::Result<u64> {
    text.split_ascii_whitespace()
        .nth(index)
        .and_then(|word| word.parse().ok())
        .ok_or_else(|| {
            io::Error::new(
                io::ErrorKind::InvalidData,
                format!("/proc has no number for `{of}` here"),
            )
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_ended_thread_has_used_stays_in_the_cpu_time() {
        const WORK: Duration = Duration::from_millis(20);
        let before = CpuTime::of(std::process::id()).unwrap();
        let work = || {
            while Duration::from(ClockId::CLOCK_THREAD_CPUTIME_ID.now().unwrap()) < WORK {
                std::hint::spin_loop();
            }
        };
        std::thread::spawn(work).join().unwrap();
        let used = CpuTime::of(std::process::id()).unwrap() - before;
        assert!(u128::from(used.total_ns) >= WORK.as_nanos(), "{used:?}");
    }

    #[test]
    fn a_process_that_is_gone_is_an_error() {
        // Above the largest process id that Linux allows (proc(5), pid_max).
        assert!(CpuTime::of(1 << 30).is_err());
    }

    #[test]
    fn memory_rows_are_read_in_bytes() {
        let text = "55-7f ---p [rollup]\nRss:  10 kB\nPss: 9 kB\nPss_Dirty: 1 kB\n\
                    Private_Clean: 2 kB\nPrivate_Dirty:  3 kB\n";
        let expected = Memory {
            rss: 10 << 10,
            pss: 9 << 10,
            private: 5 << 10,
        };
        assert_eq!(Memory::parse(text).unwrap(), expected);
        assert!(Memory::parse("Rss: 1 kB").is_err());
        let own = Memory::of(std::process::id()).unwrap();
        assert!(own.private > 0 && peak(std::process::id()).unwrap() >= own.private);
    }
}
