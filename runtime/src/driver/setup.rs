//! Setting a ring up: every flag that helps, stepping down one flag at a time where the kernel does
//! not know one, and saying what was lost.
//!
//! Called by [`super::kernel`]. EPERM is never retried: it means that io_uring is forbidden here,
//! and [`explain_setup_error`] says by whom and what the cure is.

use crate::probe::{Unavailable, explain_setup_error};
use io_uring::IoUring;
use std::fmt;

/// A set-up flag the runtime asks for. Each can be given up (`--without NAME`).
///
/// ```
/// use ringgate_runtime::driver::RingFlag;
///
/// assert!(RingFlag::ALL.iter().any(|flag| flag.name() == "defer_taskrun"));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RingFlag {
    /// IORING_SETUP_SINGLE_ISSUER: only the owning thread submits. From 6.0.
    SingleIssuer,
    /// IORING_SETUP_DEFER_TASKRUN: completions are made inside enter, not by interrupting. 6.1.
    DeferTaskrun,
    /// IORING_SETUP_COOP_TASKRUN: no inter-processor interrupt for completions. 5.19.
    CoopTaskrun,
    /// IORING_SETUP_TASKRUN_FLAG: the ring says that completions wait to be made. 5.19.
    TaskrunFlag,
    /// IORING_SETUP_SUBMIT_ALL: one bad entry does not end the batch. 5.18.
    SubmitAll,
    /// IORING_SETUP_NO_SQARRAY: one indirection less. 6.6.
    NoSqarray,
}

impl RingFlag {
    /// All, in the order in which they are given up when the kernel refuses the set.
    pub const ALL: [RingFlag; 6] = [
        RingFlag::NoSqarray,
        RingFlag::TaskrunFlag,
        RingFlag::DeferTaskrun,
        RingFlag::SingleIssuer,
        RingFlag::CoopTaskrun,
        RingFlag::SubmitAll,
    ];

    /// The name of the option value and of the log.
    pub const fn name(self) -> &'static str {
        match self {
            RingFlag::SingleIssuer => "single_issuer",
            RingFlag::DeferTaskrun => "defer_taskrun",
            RingFlag::CoopTaskrun => "coop_taskrun",
            RingFlag::TaskrunFlag => "taskrun_flag",
            RingFlag::SubmitAll => "submit_all",
            RingFlag::NoSqarray => "no_sqarray",
        }
    }
}

/// A set of [`RingFlag`]s.
///
/// ```
/// use ringgate_runtime::driver::{RingFlag, RingFlags};
/// use ringgate_runtime::{Core, CoreOptions};
///
/// let flags = RingFlags::all().without(RingFlag::DeferTaskrun);
/// assert!(!flags.has(RingFlag::DeferTaskrun));
/// let core = Core::new(CoreOptions { flags, ..CoreOptions::default() })?;
/// # drop(core);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RingFlags(u8);

impl RingFlags {
    /// Every flag.
    pub fn all() -> RingFlags {
        RingFlag::ALL
            .iter()
            .fold(RingFlags(0), |set, flag| set.with(*flag))
    }

    /// With `flag`.
    #[must_use]
    pub const fn with(self, flag: RingFlag) -> RingFlags {
        RingFlags(self.0 | 1 << flag as u8)
    }

    /// Without `flag`.
    #[must_use]
    pub const fn without(self, flag: RingFlag) -> RingFlags {
        RingFlags(self.0 & !(1 << flag as u8))
    }

    /// Whether `flag` is in the set.
    pub const fn has(self, flag: RingFlag) -> bool {
        self.0 & 1 << flag as u8 != 0
    }

    /// DEFER_TASKRUN needs SINGLE_ISSUER, TASKRUN_FLAG needs one of the two TASKRUN modes
    /// (io_uring_setup(2)).
    fn consistent(self) -> RingFlags {
        let mut set = self;
        if !set.has(RingFlag::SingleIssuer) {
            set = set.without(RingFlag::DeferTaskrun);
        }
        if !set.has(RingFlag::DeferTaskrun) && !set.has(RingFlag::CoopTaskrun) {
            set = set.without(RingFlag::TaskrunFlag);
        }
        set
    }
}

impl fmt::Display for RingFlags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut separator = "";
        for flag in RingFlag::ALL {
            if self.has(flag) {
                write!(f, "{separator}{}", flag.name())?;
                separator = " ";
            }
        }
        Ok(())
    }
}

/// A ring, and what it was set up with.
pub(super) struct Made {
    pub(super) ring: IoUring,
    pub(super) flags: RingFlags,
}

/// Sets a ring up with as many of `wanted` as the kernel knows.
///
/// # Errors
/// [`Unavailable`] if io_uring cannot be used at all; its text names the cure.
pub(super) fn set_up(entries: u32, wanted: RingFlags) -> Result<Made, Unavailable> {
    let mut flags = wanted.consistent();
    let mut given_up = RingFlag::ALL.iter();
    loop {
        match build(entries, flags) {
            Ok(ring) => return Ok(Made { ring, flags }),
            Err(error) => {
                let errno = error.raw_os_error().unwrap_or(libc::EIO);
                if errno != libc::EINVAL {
                    return Err(explain_setup_error(errno));
                }
                match given_up.find(|flag| flags.has(**flag)) {
                    Some(flag) => flags = flags.without(*flag).consistent(),
                    None => return Err(explain_setup_error(errno)),
                }
            }
        }
    }
}

fn build(entries: u32, flags: RingFlags) -> std::io::Result<IoUring> {
    let mut builder = IoUring::builder();
    builder.setup_clamp();
    builder.setup_cqsize(entries.saturating_mul(super::COMPLETIONS_PER_SUBMISSION));
    builder.dontfork();
    for flag in RingFlag::ALL {
        if flags.has(flag) {
            match flag {
                RingFlag::SingleIssuer => builder.setup_single_issuer(),
                RingFlag::DeferTaskrun => builder.setup_defer_taskrun(),
                RingFlag::CoopTaskrun => builder.setup_coop_taskrun(),
                RingFlag::TaskrunFlag => builder.setup_taskrun_flag(),
                RingFlag::SubmitAll => builder.setup_submit_all(),
                RingFlag::NoSqarray => builder.setup_no_sqarray(),
            };
        }
    }
    builder.build(entries)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_that_need_another_go_with_it() {
        let set = RingFlags::all()
            .without(RingFlag::SingleIssuer)
            .consistent();
        assert!(!set.has(RingFlag::DeferTaskrun));
        assert!(set.has(RingFlag::TaskrunFlag));
        let set = set.without(RingFlag::CoopTaskrun).consistent();
        assert!(!set.has(RingFlag::TaskrunFlag));
    }

    #[cfg_attr(miri, ignore = "asks the kernel what Miri does not play")]
    #[test]
    fn a_ring_is_set_up_without_each_flag() {
        for flag in RingFlag::ALL {
            let made = set_up(8, RingFlags::all().without(flag)).expect("a ring");
            assert!(!made.flags.has(flag), "{} was asked away", flag.name());
        }
    }
}
