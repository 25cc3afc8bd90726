//! The gate: which requests run, wait or are refused (rows H1 to H19).
//!
//! - [`decide`](mod@decide): the decision as a pure, total function.
//! - `gate`: the one queue of those that wait, shared by all cores, and the tickets.
//! - [`ledger`]: what each core counts; both ledgers balance.
//!
//! Without limits the gate is one comparison a request and no shared memory is touched. With limits
//! it is one short lock. Called by `crate::connection`; knows nothing of sockets.

pub mod decide;
pub(crate) mod gate;
pub mod ledger;
