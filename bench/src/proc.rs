//! What /proc tells of another process: CPU time and memory (proc(5)).
//!
//! Called by the races and the memory probe. Reads only; never signals.

use std::fs;
use std::io;
use std::ops::Sub;

use serde::Serialize;

/// CPU time a process has used since it started.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CpuTime {
    /// Nanoseconds on a CPU, user and system, over all threads that still live.
    pub total_ns: u64,
    /// Nanoseconds in user mode, in steps of a clock tick (10 ms as a rule).
    pub user_ns: u64,
}

impl CpuTime {
    /// Reads `/proc/PID/task/*/schedstat` and `/proc/PID/stat`.
    ///
    /// # Errors
    /// `NotFound` when the process is gone, `InvalidData` when the kernel lacks schedstat.
    pub fn of(pid: u32) -> io::Result<Self> {
        let mut total_ns = 0;
        for task in fs::read_dir(format!("/proc/{pid}/task"))? {
            let text = fs::read_to_string(task?.path().join("schedstat"))?;
            total_ns += field(&text, 0, "schedstat")?;
        }
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
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
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
    fn work_done_by_a_thread_shows_in_the_cpu_time() {
        let before = CpuTime::of(std::process::id()).unwrap();
        let start = std::time::Instant::now();
        while start.elapsed().as_millis() < 50 {
            std::hint::spin_loop();
        }
        // How much depends on who else runs; that it grows does not.
        let used = CpuTime::of(std::process::id()).unwrap() - before;
        assert!(used.total_ns > 0, "{used:?}");
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
        assert!(Memory::of(std::process::id()).unwrap().private > 0);
    }
}
