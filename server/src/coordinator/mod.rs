//! The coordinator: one thread with a ring of its own that starts cores, passes the batons of the
//! listeners, resizes, drains and stops. No connection is lost by any of it.
//!
//! - [`plan`]: what to do next, as a pure function of the pool; tested without threads.
//! - [`rules`]: when it grows, shrinks, heals and balances, likewise pure.
//! - [`event`]: everything that can happen to it, in one closed enum.
//! - [`events`]: what it tells of all this, and to whom.
//! - [`listeners`]: the process's listeners, one per core slot and address.
//! - [`taken`]: how long an address is waited for that somebody else still has.
//! - [`post`]: mailboxes that outlive the threads behind them.
//! - [`thread`]: a core's thread from its first line to its last.
//! - [`run`]: the loop that hears events and performs the plan.
//! - [`upgrade`]: how a new process takes over.
//! - [`closing`]: who is told that the server is about to end.
//! - [`degraded`]: that fewer cores serve than are wanted.
//! - [`handle`], [`core_info`], [`status`], [`figures`]: what others may ask.

mod closing;
mod core_info;
mod degraded;
mod event;
mod events;
mod figures;
mod handle;
mod listeners;
mod plan;
mod post;
mod rehearsal;
mod reply;
mod rules;
mod run;
mod status;
pub(crate) mod taken;
mod thread;
mod upgrade;

pub use core_info::CoreInfo;
pub use degraded::Degraded;
pub(crate) use event::Event;
#[cfg(test)]
pub(crate) use events::Events;
pub(crate) use events::Subscription;
pub use events::{ServerEvent, UpgradeStep};
pub(crate) use handle::{COORDINATOR, OBEYED, Simulated};
pub use handle::{
    Ended, Running, Server, ServerHandle, StartError, block_obeyed_signals, refuse_inheritance,
};
pub(crate) use post::{PostOffice, Postman, SUCCESSOR};
pub(crate) use run::reload::cannot_change;
pub use status::{
    AccessLogStatus, CertificateStatus, CoreStatus, Http2Status, LatencyStatus, ListenerStatus,
    Status, TlsStatus, WebSocketStatus,
};
pub(crate) use thread::core_options;
pub(crate) use upgrade::legacy::VARIABLE as INHERIT_VARIABLE;
pub use upgrade::{Generation, UpgradeError, Upgraded};
