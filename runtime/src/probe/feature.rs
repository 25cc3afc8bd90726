//! The features of the kernel that Ringgate uses, and what each is for: one table.
//!
//! Called by the probe and by whoever explains its findings. Deliberately holds no code that tries
//! anything; `trials` does.

/// A feature of the kernel that Ringgate uses: of io_uring, but for [`Feature::Pin`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(
    missing_docs,
    reason = "the table below says of each what it is and what it is for"
)]
pub enum Feature {
    Enter,
    Pin,
    Clamp,
    SubmitAll,
    CoopTaskrun,
    TaskrunFlag,
    SingleIssuer,
    DeferTaskrun,
    NoSqarray,
    NoDrop,
    ExtArg,
    NoIowait,
    MultishotAccept,
    BufferRing,
    MultishotRecv,
    MultishotPoll,
    AsyncCancel,
    SendWaitall,
    Openat,
    Openat2,
    Statx,
    Read,
    Write,
    Splice,
    Connect,
    Shutdown,
    Close,
}

/// Whether Ringgate runs without a feature.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// Without the feature the server refuses to start.
    Required,
    /// Without the feature the server runs, degraded as the table says.
    Optional,
}

/// The facts that are known of a feature beforehand.
#[derive(Clone, Copy, Debug)]
pub struct Facts {
    /// Name of the feature in output and in configuration; stable.
    pub name: &'static str,
    /// The first mainline kernel that has it.
    pub since: &'static str,
    /// Whether Ringgate runs without it.
    pub need: Need,
    /// The use that Ringgate makes of the feature.
    pub used_for: &'static str,
    /// The loss without the feature.
    pub without_it: &'static str,
    /// How to get it.
    pub cure: &'static str,
}

const CANNOT_RUN: &str = "ringgate does not start";
const LINUX_6_1: &str = "run Linux 6.1 or newer";
const LINUX_6_6: &str = "run Linux 6.6 or newer";
const LINUX_6_15: &str = "run Linux 6.15 or newer";

impl Feature {
    /// Every feature, in the order of the probe: what all else needs, set-up flags, feature bits,
    /// operations.
    pub const ALL: [Feature; 27] = [
        Feature::Enter,
        Feature::Pin,
        Feature::Clamp,
        Feature::SubmitAll,
        Feature::CoopTaskrun,
        Feature::TaskrunFlag,
        Feature::SingleIssuer,
        Feature::DeferTaskrun,
        Feature::NoSqarray,
        Feature::NoDrop,
        Feature::ExtArg,
        Feature::NoIowait,
        Feature::MultishotAccept,
        Feature::BufferRing,
        Feature::MultishotRecv,
        Feature::MultishotPoll,
        Feature::AsyncCancel,
        Feature::SendWaitall,
        Feature::Openat,
        Feature::Openat2,
        Feature::Statx,
        Feature::Read,
        Feature::Write,
        Feature::Splice,
        Feature::Connect,
        Feature::Shutdown,
        Feature::Close,
    ];

    /// Returns the facts that are known of the feature beforehand.
    pub const fn facts(self) -> Facts {
        match self {
            Feature::Enter => required(
                "enter",
                "5.1",
                "submitting operations and waiting for their completions",
            ),
            Feature::Pin => optional(
                "pin",
                "2.6",
                "each core stays on one CPU, whose caches keep what it works on",
                "cores move between CPUs as the scheduler likes, and share one while another idles",
                "allow sched_setaffinity in the seccomp profile (systemd: add it to \
                 SystemCallFilter=)",
            ),
            Feature::Clamp => optional(
                "clamp",
                "5.6",
                "a ring as large as the kernel allows when the configured size is larger",
                "a ring size above the kernel's limit is an error",
                LINUX_6_1,
            ),
            Feature::SubmitAll => optional(
                "submit-all",
                "5.18",
                "one enter submits the whole batch even if an entry fails",
                "a failed entry ends the batch and costs another enter",
                LINUX_6_1,
            ),
            Feature::CoopTaskrun => optional(
                "coop-taskrun",
                "5.19",
                "completions do not interrupt the core while it runs handlers",
                "an interrupt for completions that arrive during a handler",
                LINUX_6_1,
            ),
            Feature::TaskrunFlag => optional(
                "taskrun-flag",
                "5.19",
                "seeing in memory that completions wait, without a system call",
                "an enter to find out whether completions wait",
                LINUX_6_1,
            ),
            Feature::SingleIssuer => optional(
                "single-issuer",
                "6.0",
                "the kernel relies on one thread per ring and locks less",
                "more locking in the kernel for each submission",
                LINUX_6_1,
            ),
            Feature::DeferTaskrun => optional(
                "defer-taskrun",
                "6.1",
                "completions are processed when the core asks for them, in batches",
                "completions are processed one by one, whenever the core enters the kernel",
                LINUX_6_1,
            ),
            Feature::NoSqarray => optional(
                "no-sqarray",
                "6.6",
                "submission without an index array: a cache line less for each entry",
                "one more cache line for each submission",
                LINUX_6_6,
            ),
            Feature::NoDrop => required(
                "no-drop",
                "5.5",
                "completions are kept when the completion queue is full",
            ),
            Feature::ExtArg => required(
                "ext-arg",
                "5.11",
                "the wait for completions ends at the next timer without a timeout operation",
            ),
            Feature::NoIowait => optional(
                "no-iowait",
                "6.15",
                "a core that waits for requests counts as idle and not as waiting for a disk",
                "an idle server shows as iowait in top, and the CPU may clock higher than needed",
                LINUX_6_15,
            ),
            Feature::MultishotAccept => required(
                "multishot-accept",
                "5.19",
                "one submission accepts connections for as long as it is armed",
            ),
            Feature::BufferRing => required(
                "buffer-ring",
                "5.19",
                "idle connections hold no receive buffer",
            ),
            Feature::MultishotRecv => required(
                "multishot-recv",
                "6.0",
                "one submission receives for the life of a connection",
            ),
            Feature::MultishotPoll => required(
                "multishot-poll",
                "5.13",
                "hearing signals, and connections that wait at a listener",
            ),
            Feature::AsyncCancel => required(
                "async-cancel",
                "5.5",
                "taking back operations: timeouts, drain, connections that move between cores",
            ),
            Feature::SendWaitall => required(
                "send-waitall",
                "5.19",
                "the kernel sends the whole answer, however often the socket is full meanwhile",
            ),
            Feature::Openat => required("openat", "5.6", "opening files off the core's thread"),
            Feature::Openat2 => required(
                "openat2",
                "5.6",
                "opening files under one directory and nothing above it",
            ),
            Feature::Statx => required("statx", "5.6", "sizes and dates of files"),
            Feature::Read => required("read", "5.6", "reading files and pipes"),
            Feature::Write => required("write", "5.6", "writing files and pipes"),
            Feature::Splice => optional(
                "splice",
                "5.7",
                "the runtime's splice: bytes between descriptors that no program touches",
                "nothing in the server, which reads files into buffers; splice itself fails",
                LINUX_6_1,
            ),
            Feature::Connect => required("connect", "5.5", "connections that handlers open"),
            Feature::Shutdown => required("shutdown", "5.11", "closing one direction in order"),
            Feature::Close => required("close", "5.6", "closing descriptors with the batch"),
        }
    }
}

const fn optional(
    name: &'static str,
    since: &'static str,
    used_for: &'static str,
    without_it: &'static str,
    cure: &'static str,
) -> Facts {
    Facts {
        name,
        since,
        need: Need::Optional,
        used_for,
        without_it,
        cure,
    }
}

const fn required(name: &'static str, since: &'static str, used_for: &'static str) -> Facts {
    let (need, without_it, cure) = (Need::Required, CANNOT_RUN, LINUX_6_1);
    Facts {
        name,
        since,
        need,
        used_for,
        without_it,
        cure,
    }
}
