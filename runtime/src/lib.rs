//! A thread-per-core io_uring runtime for Linux. Knows nothing of HTTP.
//!
//! The rooms, in the order in which they are best read:
//!
//! - [`driver`]: the one seam. A ring of the kernel, or a simulated one, under the same code above.
//! - [`op`]: operations in flight. An operation owns its memory until its last completion.
//! - [`buffer`]: memory that the kernel fills when data is there, lent out as leases.
//! - `timer`: one wheel of deadlines.
//! - [`task`]: futures that stay on their core, and the wakers that reach them from any thread.
//! - [`lane`]: named places for what would block a core; [`class`]: who is served first.
//! - [`core`](mod@core): one thread's loop over all of these, a turn at a time.
//! - [`net`], [`fs`]: sockets and files as ordinary asynchronous types.
//! - [`probe`], `sys`: what this kernel can do; safe faces for system calls.

mod bell;
pub mod buffer;
pub mod class;
pub mod core;
pub mod descriptor;
pub mod driver;
pub mod errno;
pub mod fs;
pub mod lane;
mod large_table;
pub mod mailbox;
mod mapping;
#[cfg(all(test, model_checked))]
mod models;
pub mod net;
pub mod op;
pub mod probe;
mod sync;
// Not for use by applications: what the server is built on.
#[doc(hidden)]
pub mod sys;
pub mod task;
pub mod time;
// Likewise.
#[doc(hidden)]
pub mod timer;

pub use crate::core::{
    Core, CoreOptions, Event, Look, Received, RingFailed, Sink, current, try_current,
};
pub use buffer::Lease;
pub use class::Priority;
pub use descriptor::Descriptor;
pub use errno::Errno;
pub use lane::{Lane, LaneError};
// Not for use by applications.
#[doc(hidden)]
pub use large_table::large_table;
pub use mailbox::Remote;
pub use op::{OpId, SendBuffer, SendPieces};
pub use task::{JoinHandle, Panic};
pub use time::{Moment, sleep, sleep_until, timeout};
