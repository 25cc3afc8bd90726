//! Everything that can happen to the coordinator.

use super::events::Subscription;
use super::reply::Reply;
use super::status::Status;
use super::upgrade::succession::Waiter;
use crate::admission::ledger::Ledgers;
use crate::config::{CoreOrder, LimitsChange, PoolSize};
use crate::connection::{Fresh, ListenerId, Parcel, Report};
use crate::observe::metrics::Snapshot;
use ringgate_runtime::sys::signals::Signal;
use ringgate_runtime::{Remote, RingFailed};
use std::path::PathBuf;
use std::time::Duration;

/// An event. Closed on purpose: a new one does not compile until every place answers it.
pub(crate) enum Event {
    /// A core's ring is set up; it waits for messages.
    CoreUp(CoreUp),
    /// A core could not be set up, and why.
    CoreFailed(u32, String),
    /// A core's thread is over.
    CoreEnded(CoreEnd),
    /// Something lies in the mailbox of a core that may have no thread.
    Undelivered(u32),
    /// A connection is to go to the process that has taken over.
    HandOver(Box<Parcel>),
    /// Nobody owns this listener now.
    Disarmed(u32, ListenerId),
    /// Ledgers of a core, for the inquiry of this number.
    Published(u32, u64, Box<Ledgers>),
    /// A connection for which there is no core.
    Parked(Box<Parcel>),
    /// A core has accepted as many connections as it was to.
    Worn(u32),
    /// The pause after a core's bad end or failed start is over.
    Rested(u32),
    /// Time to look after the cores.
    Tick,
    /// A signal of the process.
    Signal(Signal),
    /// Somebody asks for something.
    Command(Command),
    /// The time in which a drain still accepts is over.
    DrainGraceOver,
    /// The time for a graceful end is over.
    GraceOver,
}

impl From<Report> for Event {
    fn from(report: Report) -> Event {
        match report {
            Report::Disarmed(core, listener) => Event::Disarmed(core, listener),
            Report::Published(core, inquiry, ledgers) => Event::Published(core, inquiry, ledgers),
            Report::Parked(parcel) => Event::Parked(parcel),
            Report::Worn(core) => Event::Worn(core),
        }
    }
}

/// The first word of a core's thread.
pub(crate) struct CoreUp {
    pub(crate) core: u32,
    /// Bell and heartbeat of the core.
    pub(crate) remote: Remote,
    /// The kernel's number of the thread.
    pub(crate) thread: u32,
    /// How long the thread has been on a CPU.
    pub(crate) ran: Duration,
}

/// How a core's thread ended.
pub(crate) struct CoreEnd {
    pub(crate) core: u32,
    /// Why it ended without being asked to, if it did.
    pub(crate) bad: Option<BadEnd>,
    /// Connections it had to cut off.
    pub(crate) cut: u64,
    /// Connections it had accepted and could not serve any more.
    pub(crate) accepted: Vec<Fresh>,
}

/// Why a core ended that was not to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BadEnd {
    /// A panic outside of every handler.
    Panicked,
    /// The kernel takes nothing from its ring any more.
    RingFailed(RingFailed),
}

/// A request to the coordinator.
pub(crate) enum Command {
    /// How it stands.
    Status(Reply<Status>),
    /// The figures that metrics are rendered from.
    Metrics(Reply<Snapshot>),
    /// So many cores. With `wait` the answer comes when the last of them is there or gone.
    Resize {
        size: PoolSize,
        wait: bool,
        reply: Reply<Result<(), String>>,
    },
    /// To hear of all events from now on.
    Events(Reply<Result<Subscription, String>>),
    /// Read the configuration again.
    Reload(Reply<Result<(), String>>),
    /// Let a new process take over: this program, or the one it was started by.
    Upgrade {
        binary: Option<PathBuf>,
        reply: Waiter,
    },
    /// One core less, if the automatic rules allow it.
    Trim(Reply<Result<(), String>>),
    /// An order for one core; answered with a text for people.
    Core {
        core: u32,
        order: CoreOrder,
        reply: Reply<Result<String, String>>,
    },
    /// Let this core panic, to see that it is replaced.
    PanicCore(u32),
    /// Other limits of admission.
    Limits(LimitsChange, Reply<Result<(), String>>),
    /// End gracefully.
    Drain,
    /// End at once.
    Stop,
}
