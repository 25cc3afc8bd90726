//! Why io_uring cannot be used here, in one line that names the cure.
//!
//! Called by the probe and by the ring set-up with the errno of a refused io_uring_setup(2). Decides
//! who refused (kernel, sysctl, seccomp profile, security module, a limit). Deliberately never tries
//! again: what is forbidden stays forbidden until somebody outside allows it.

use std::fmt;
use std::io;

use super::{Feature, Finding, Need};
use crate::sys::{limits, process};

/// The person or thing that keeps this process from io_uring.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// The kernel was built without io_uring, or is older than 5.1.
    NotInKernel,
    /// kernel.io_uring_disabled is 1: only a group and privileged processes may.
    DisabledForUnprivileged,
    /// kernel.io_uring_disabled is 2: nobody may.
    Disabled,
    /// A seccomp profile (container runtime, systemd).
    Seccomp,
    /// Refused with EPERM or EACCES, and neither sysctl nor seccomp explains it.
    SecurityModule,
    /// Memory: RLIMIT_MEMLOCK on kernels that charge rings to it, else the machine's or the
    /// cgroup's.
    Memory,
    /// RLIMIT_NOFILE or the machine's limit on open files.
    Descriptors,
    /// The kernel has io_uring, but not what Ringgate needs of it.
    TooOld,
    /// An error that set-up does not document.
    Unknown,
}

/// io_uring cannot be used: why, and what to do, as one line of text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unavailable {
    /// The cause of the refusal.
    pub cause: Cause,
    /// The evidence that was found.
    pub reason: String,
    /// The cure.
    pub cure: String,
}

impl fmt::Display for Unavailable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "io_uring cannot be used: {}; cure: {}",
            self.reason, self.cure
        )
    }
}

impl std::error::Error for Unavailable {}

/// The surroundings of a refusal, which tell who refused; a plain value so that the decision can be tested.
#[derive(Clone, Debug)]
struct Circumstances {
    kernel: String,
    /// kernel.io_uring_disabled; `None` before Linux 6.6 and without io_uring.
    disabled: Option<u64>,
    /// kernel.io_uring_group; -1 is no group.
    group: Option<i64>,
    /// Whether this thread runs under a seccomp filter.
    seccomp: bool,
    memlock: String,
    nofile: String,
}

/// Explains the errno (positive) with which io_uring_setup(2) refused, or io_uring_enter(2) and
/// io_uring_register(2) on the first ring.
pub fn explain_setup_error(errno: i32) -> Unavailable {
    let sysctl = |name: &str| {
        std::fs::read_to_string(format!("/proc/sys/kernel/{name}"))
            .ok()?
            .trim()
            .parse::<i64>()
            .ok()
    };
    let text = |limit: io::Result<limits::Limit>| {
        limit.map_or("unknown".to_string(), |limit| limit.to_string())
    };
    explain(
        errno,
        &Circumstances {
            kernel: kernel(),
            disabled: sysctl("io_uring_disabled").map(i64::unsigned_abs),
            group: sysctl("io_uring_group"),
            seccomp: process::seccomp_filtered().unwrap_or(false),
            memlock: text(limits::memlock()),
            nofile: text(limits::nofile()),
        },
    )
}

const ALLOW_IN_SECCOMP: &str = "allow io_uring_setup, io_uring_enter and io_uring_register in the \
     profile (containers: --security-opt seccomp=PROFILE, such as scripts/seccomp-ringgate.json; \
     systemd: add the three to SystemCallFilter=)";

fn explain(errno: i32, around: &Circumstances) -> Unavailable {
    let kernel = &around.kernel;
    let of = |cause, reason: String, cure: String| Unavailable {
        cause,
        reason,
        cure,
    };
    match (errno, around.disabled) {
        (libc::EPERM, Some(2..)) => of(
            Cause::Disabled,
            "kernel.io_uring_disabled is 2, which forbids it to everybody".to_string(),
            "sysctl -w kernel.io_uring_disabled=0 (and in /etc/sysctl.d to keep it)".to_string(),
        ),
        (libc::EPERM, Some(1)) => {
            let (who, join) = match around.group {
                Some(group @ 0..) => (
                    format!("outside group {group} (kernel.io_uring_group)"),
                    format!("run ringgate in group {group} (SupplementaryGroups={group})"),
                ),
                _ => (
                    "without CAP_SYS_ADMIN (kernel.io_uring_group names no group)".to_string(),
                    "sysctl -w kernel.io_uring_group=GID with a group of the server's".to_string(),
                ),
            };
            of(
                Cause::DisabledForUnprivileged,
                format!("kernel.io_uring_disabled is 1, which forbids it to processes {who}"),
                format!("{join}, or sysctl -w kernel.io_uring_disabled=0"),
            )
        }
        (libc::EPERM | libc::EACCES, _) if around.seccomp => of(
            Cause::Seccomp,
            "a seccomp profile forbids it to this process".to_string(),
            ALLOW_IN_SECCOMP.to_string(),
        ),
        (libc::EPERM | libc::EACCES, _) => of(
            Cause::SecurityModule,
            format!(
                "refused ({}) by neither kernel.io_uring_disabled nor seccomp, so by a security \
                 module (SELinux, AppArmor)",
                io::Error::from_raw_os_error(errno)
            ),
            "allow io_uring to this program in the module's policy (the audit log names the rule)"
                .to_string(),
        ),
        // Only kernels with io_uring have the sysctl (6.6), so the kernel has what the call denies.
        (libc::ENOSYS, Some(_)) => of(
            Cause::Seccomp,
            format!(
                "kernel {kernel} has it, but this process is told that it does not (a seccomp \
                 profile that answers ENOSYS)"
            ),
            ALLOW_IN_SECCOMP.to_string(),
        ),
        (libc::ENOSYS, None) if around.seccomp => of(
            Cause::Seccomp,
            format!(
                "there is none: a seccomp profile answers ENOSYS, or kernel {kernel} was built \
                 without it"
            ),
            format!("{ALLOW_IN_SECCOMP}, or run Linux 6.1 or newer with CONFIG_IO_URING=y"),
        ),
        (libc::ENOSYS, None) => of(
            Cause::NotInKernel,
            format!("kernel {kernel} does not have it"),
            "run Linux 6.1 or newer with CONFIG_IO_URING=y".to_string(),
        ),
        (libc::ENOMEM, _) => of(
            Cause::Memory,
            format!(
                "no memory for a ring (RLIMIT_MEMLOCK is {} bytes for all of this user's \
                 rings; kernels before 5.12 and some of 6.x charge them to it)",
                around.memlock
            ),
            "raise LimitMEMLOCK= (or ulimit -l) and the cgroup's MemoryMax=, or configure smaller \
             rings"
                .to_string(),
        ),
        (libc::EMFILE | libc::ENFILE, _) => of(
            Cause::Descriptors,
            format!(
                "no descriptor left for a ring (RLIMIT_NOFILE is {})",
                around.nofile
            ),
            "raise LimitNOFILE= (or ulimit -n), or fs.file-max".to_string(),
        ),
        (libc::EINVAL, _) => of(
            Cause::TooOld,
            format!("kernel {kernel} refuses the set-up flags (EINVAL)"),
            "run Linux 6.1 or newer".to_string(),
        ),
        _ => of(
            Cause::Unknown,
            format!("set-up failed with {}", io::Error::from_raw_os_error(errno)),
            format!("report this, with the kernel's release ({kernel})"),
        ),
    }
}

/// Whether Ringgate can run with what was found.
pub(super) fn judge(kernel: &str, findings: &[Finding]) -> Option<Unavailable> {
    let required = |finding: &&Finding| finding.feature.facts().need == Need::Required;
    let mut missing = findings
        .iter()
        .filter(required)
        .filter(|finding| !finding.present());
    // What is forbidden is not what is missing: enter and register have filters of their own.
    let forbidden = missing
        .clone()
        .filter_map(|finding| finding.failure.as_ref())
        .find(|failure| {
            failure.call.starts_with("io_uring_")
                && matches!(failure.errno, libc::EPERM | libc::EACCES)
        });
    if let Some(failure) = forbidden {
        return Some(explain_setup_error(failure.errno));
    }
    let first = name_of(missing.next()?.feature);
    let names = missing.fold(first.to_string(), |all, finding| {
        format!("{all}, {}", name_of(finding.feature))
    });
    Some(Unavailable {
        cause: Cause::TooOld,
        reason: format!("kernel {kernel} lacks {names}"),
        cure: "run Linux 6.1 or newer".to_string(),
    })
}

fn name_of(feature: Feature) -> &'static str {
    feature.facts().name
}

/// `uname -r`, or nothing where `/proc` is missing: it only ever decorates a message.
pub(super) fn kernel() -> String {
    process::kernel_release().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::super::Failure;
    use super::*;

    fn around(disabled: Option<u64>, group: Option<i64>, seccomp: bool) -> Circumstances {
        let kernel = "6.9.1".to_string();
        let (memlock, nofile) = ("65536 (hard 65536)".to_string(), "64 (hard 64)".to_string());
        Circumstances {
            kernel,
            disabled,
            group,
            seccomp,
            memlock,
            nofile,
        }
    }

    #[test]
    fn each_refusal_names_who_refuses_and_the_cure() {
        let table = [
            (
                libc::EPERM,
                around(Some(2), Some(-1), true),
                Cause::Disabled,
                "io_uring_disabled=0",
            ),
            (
                libc::EPERM,
                around(Some(1), Some(44), false),
                Cause::DisabledForUnprivileged,
                "SupplementaryGroups=44",
            ),
            (
                libc::EPERM,
                around(Some(1), Some(-1), false),
                Cause::DisabledForUnprivileged,
                "io_uring_group=GID",
            ),
            (
                libc::EPERM,
                around(Some(0), Some(-1), true),
                Cause::Seccomp,
                "SystemCallFilter=",
            ),
            (
                libc::EPERM,
                around(Some(0), None, false),
                Cause::SecurityModule,
                "audit log",
            ),
            (
                libc::EACCES,
                around(None, None, false),
                Cause::SecurityModule,
                "AppArmor",
            ),
            (
                libc::ENOSYS,
                around(None, None, false),
                Cause::NotInKernel,
                "CONFIG_IO_URING=y",
            ),
            (
                libc::ENOSYS,
                around(None, None, true),
                Cause::Seccomp,
                "CONFIG_IO_URING=y",
            ),
            (
                libc::ENOSYS,
                around(Some(0), None, false),
                Cause::Seccomp,
                "kernel 6.9.1 has it",
            ),
            (
                libc::ENOMEM,
                around(Some(0), None, false),
                Cause::Memory,
                "LimitMEMLOCK=",
            ),
            (
                libc::EMFILE,
                around(Some(0), None, false),
                Cause::Descriptors,
                "LimitNOFILE=",
            ),
            (
                libc::EINVAL,
                around(None, None, false),
                Cause::TooOld,
                "Linux 6.1",
            ),
            (
                libc::EIO,
                around(None, None, false),
                Cause::Unknown,
                "6.9.1",
            ),
        ];
        for (errno, around, cause, says) in table {
            let unavailable = explain(errno, &around);
            let text = unavailable.to_string();
            assert_eq!(unavailable.cause, cause, "{text}");
            assert!(text.contains(says), "{says:?} is not in {text:?}");
            assert_eq!(text.lines().count(), 1);
            assert!(!text.contains("  "), "{text}");
        }
    }

    #[test]
    fn a_kernel_without_what_is_needed_is_too_old_and_says_for_what() {
        let find = |feature, errno| Finding {
            feature,
            failure: Some(Failure {
                call: "io_uring_setup",
                errno,
            }),
        };
        let optional = [find(Feature::NoSqarray, libc::EINVAL)];
        assert_eq!(judge("6.1.0", &optional), None);
        let needed = [
            find(Feature::NoSqarray, libc::EINVAL),
            find(Feature::BufferRing, libc::EINVAL),
            find(Feature::MultishotRecv, libc::EINVAL),
        ];
        assert_eq!(
            judge("5.10.0", &needed).unwrap().to_string(),
            "io_uring cannot be used: kernel 5.10.0 lacks buffer-ring, multishot-recv; \
             cure: run Linux 6.1 or newer"
        );
    }
}
