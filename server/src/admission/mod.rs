//! The gate: which requests run, wait or are refused (rows H1 to H19).
//!
//! - [`decide`](mod@decide): the decision as a pure, total function.
//! - `word`: free slots and waiting requests in one word, which is all an uncontended request sees.
//! - `queue`: those that wait, in order.
//! - `gate`: the lock over both, offers, limits.
//! - `door`: a core's way to the gate, and its tickets.
//! - `address`: how many requests one client address has in.
//! - `rates`: how often each client asks.
//! - `codel`: whether a request that has waited is still worth serving.
//! - [`ledger`]: what each core counts; both ledgers balance.
//!
//! Without limits the gate is one load a request and no shared memory is written. With limits a
//! request that finds a slot costs two compare-and-swaps of one shared word, and the lock is taken
//! only while somebody waits or is refused. Called by `crate::connection`; knows nothing of sockets.

mod address;
mod codel;
// Not for use by applications.
#[doc(hidden)]
pub mod decide;
pub(crate) mod door;
pub(crate) mod gate;
pub mod ledger;
#[cfg(all(test, model_checked))]
mod loom;
#[cfg(all(test, not(model_checked)))]
mod model;
pub(crate) mod queue;
pub(crate) mod rates;
mod sync;
mod word;

/// How much of something a test tries: a small number, times `RINGGATE_TEST_SIZE`.
#[cfg(all(test, not(model_checked)))]
fn test_size(small: u32) -> u32 {
    let size = std::env::var("RINGGATE_TEST_SIZE");
    let size: u32 = size.ok().and_then(|size| size.parse().ok()).unwrap_or(1);
    small.saturating_mul(size)
}
