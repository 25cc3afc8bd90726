//! How much locked memory the rings of a core take, measured on one, and for how many cores the limit is
//! enough on kernels that charge rings to it.
//!
//! Asked by the doctor. Whether this kernel charges them it does not know: that differs by release, and
//! CAP_IPC_LOCK lifts it.

use crate::config::Config;
use crate::coordinator::core_options;
use ringgate_runtime::{Core, CoreOptions};
use serde::Serialize;
use std::fs;

/// The capability that lifts RLIMIT_MEMLOCK (capabilities(7)).
const CAP_IPC_LOCK: u32 = 14;
/// An entry of a ring of provided buffers (io_uring_register_buf_ring(3)): memory of ours, locked too.
const BUFFER_ENTRY_BYTES: u64 = 16;
const PAGE_BYTES: u64 = 4096;
/// The coordinator's ring and its buffers.
const COORDINATOR_BYTES: u64 = 16 << 10;

/// The locked memory that the rings take, and the cores that RLIMIT_MEMLOCK has room for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(super) struct RingMemory {
    bytes_per_core: u64,
    /// None: memlock is unlimited.
    cores: Option<u64>,
    /// While the rings of two generations are there.
    cores_to_upgrade: Option<u64>,
    exempt: Option<bool>,
}

impl RingMemory {
    /// Makes a core's ring with the default options and looks at what the kernel has mapped for it. None
    /// where no ring can be had.
    pub(super) fn measure(memlock: Option<u64>) -> Option<RingMemory> {
        let options = core_options(&Config::default());
        let before = mapped(&fs::read_to_string("/proc/self/maps").ok()?);
        let buffers = u64::from(options.buffers.buffers) * BUFFER_ENTRY_BYTES;
        let _core = Core::new(CoreOptions { ..options }).ok()?;
        let after = mapped(&fs::read_to_string("/proc/self/maps").ok()?);
        let rings = after.checked_sub(before).filter(|bytes| *bytes > 0)?;
        let status = fs::read_to_string("/proc/self/status").ok();
        let exempt = status.and_then(|status| may_lock_any(&status));
        Some(RingMemory::of(
            rings + whole_pages(buffers),
            memlock,
            exempt,
        ))
    }

    fn of(bytes_per_core: u64, memlock: Option<u64>, exempt: Option<bool>) -> RingMemory {
        let cores = |generations: u64| {
            let left = memlock?.saturating_sub(COORDINATOR_BYTES * generations);
            Some(left / (bytes_per_core * generations).max(1))
        };
        RingMemory {
            bytes_per_core,
            cores: cores(1),
            cores_to_upgrade: cores(2),
            exempt,
        }
    }

    /// For people.
    pub(super) fn text(&self) -> String {
        let bytes = self.bytes_per_core;
        match (self.exempt, self.cores, self.cores_to_upgrade) {
            (Some(true), ..) => format!("{bytes} a core; not charged: CAP_IPC_LOCK"),
            (_, Some(cores), Some(upgrade)) => format!(
                "{bytes} a core; where the kernel charges it, memlock is enough for {cores} cores, for \
                 {upgrade} with room for an upgrade"
            ),
            _ => format!("{bytes} a core; memlock is unlimited"),
        }
    }
}

const fn whole_pages(bytes: u64) -> u64 {
    bytes.div_ceil(PAGE_BYTES) * PAGE_BYTES
}

/// Bytes that rings take of the address space, by the text of `/proc/self/maps` (proc_pid_maps(5)).
fn mapped(maps: &str) -> u64 {
    let rings = maps.lines().filter(|line| line.ends_with("[io_uring]"));
    let size = |line: &str| {
        let (from, to) = line.split_whitespace().next()?.split_once('-')?;
        let number = |hex| u64::from_str_radix(hex, 16).ok();
        number(to)?.checked_sub(number(from)?)
    };
    rings.filter_map(size).sum()
}

/// Whether the process has CAP_IPC_LOCK, by the text of `/proc/self/status`.
fn may_lock_any(status: &str) -> Option<bool> {
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("CapEff:"))?;
    let set = u64::from_str_radix(line.trim(), 16).ok()?;
    Some(set >> CAP_IPC_LOCK & 1 == 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    const KIB: u64 = 1 << 10;

    #[test]
    fn eight_mebibytes_are_enough_for_fifty_five_cores_and_for_twenty_seven_that_are_upgraded() {
        let memory = RingMemory::of(148 * KIB, Some(8 << 20), Some(false));
        assert_eq!(
            (memory.cores, memory.cores_to_upgrade),
            (Some(55), Some(27))
        );
        let text = memory.text();
        assert!(
            text.contains("55 cores, for 27 with room for an upgrade"),
            "{text}"
        );
        let little = RingMemory::of(148 * KIB, Some(64 * KIB), None);
        assert_eq!((little.cores, little.cores_to_upgrade), (Some(0), Some(0)));
    }

    #[test]
    fn who_is_exempt_or_has_no_limit_is_told_so() {
        let exempt = RingMemory::of(148 * KIB, Some(8 << 20), Some(true));
        assert!(exempt.text().ends_with("not charged: CAP_IPC_LOCK"));
        let unlimited = RingMemory::of(148 * KIB, None, None);
        assert!(unlimited.text().ends_with("memlock is unlimited"));
    }

    #[test]
    fn the_mappings_of_rings_are_added_up_and_others_are_not() {
        let maps = "7f00-7f10 rw-s 00000000 00:10 7   anon_inode:[io_uring]\n\
            8000-a000 rw-p 00000000 00:00 0   [heap]\n\
            b000-b001 rw-s 10000000 00:10 7   anon_inode:[io_uring]\n";
        assert_eq!(mapped(maps), 0x11);
        assert_eq!(mapped(""), 0);
    }

    #[test]
    fn the_capability_is_the_fourteenth_bit() {
        assert_eq!(may_lock_any("CapEff:\t0000000000004000\n"), Some(true));
        assert_eq!(may_lock_any("CapEff:\tffffffffffffbfff\n"), Some(false));
        assert_eq!(may_lock_any("Name:\tx\n"), None);
    }
}
