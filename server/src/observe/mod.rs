//! The server's account of itself: log lines and metrics.
//!
//! [`log`] turns `tracing` events into lines and writes them from a thread of its own, so that a
//! stalled reader never stops a core. [`metrics`] renders a snapshot of counters as Prometheus
//! text. The access log is a log of its own, in the same manner.
//! [`counter`] and [`metrics::Histogram`] are what the cores count with. Nothing here
//! gathers the snapshot or answers a request: the coordinator and the metrics listener do.

pub(crate) mod access;
// Not for use by applications.
#[doc(hidden)]
pub mod counter;
pub mod log;
pub mod metrics;

#[doc(hidden)]
pub use counter::Counter;
pub use log::Secret;
