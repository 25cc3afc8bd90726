//! Memory that the kernel fills when data is there: an idle connection holds none.
//!
//! One [`Pool`] a core, over one provided-buffer ring (io_uring_register_buf_ring(3)). A completed
//! receive lends its buffer out as a [`Lease`]; dropping the last share of the lease gives the
//! memory back to the ring. A lease that is kept past the turn is *replaced*: its memory leaves the
//! ring for good as far as the ring is concerned, and the buffer's number is provided again with
//! fresh memory, up to a cap a core. So handlers that keep their request while they wait do not
//! starve the receives; at the cap ([`Pool::is_at_cap`]) the owner copies what it wants to keep.

mod lease;
mod pool;
pub(crate) mod ring;
mod spare;

pub use lease::Lease;
pub use pool::{Pool, PoolOptions};
