//! What the server tells of itself: log lines and metrics.
//!
//! [`log`] turns `tracing` events into lines and writes them from a thread of its own, so that a
//! stalled reader never stops a core. [`counter`] is what the cores count with.

pub mod counter;
pub mod log;

pub use counter::Counter;
pub use log::Secret;
