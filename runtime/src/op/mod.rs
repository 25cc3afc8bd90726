//! Operations in flight. The operation owns its memory until its last completion; whoever asked
//! for it only waits. Dropping the one who waits turns the entry into an orphan and cancels the
//! operation; the entry and its memory are freed at the last completion.
//!
//! Called by [`Core`](crate::Core), which submits what is entered here and tells the owners. The
//! owner, or [`crate::net`] and [`crate::fs`], decide what a result means.

mod future;
mod memory;
mod pieces;
mod single;
mod table;

pub(crate) use future::OpFuture;
pub use memory::SendBuffer;
pub(crate) use memory::{Handle, Memory, Message, PathBeneath, Stash, Stat};
pub use pieces::{Between, SendPieces};
pub(crate) use pieces::{InPlace, Place};
// Not for use by applications.
#[doc(hidden)]
pub use single::{kernel_timeout, nop, poll_once};
pub(crate) use table::{Cancel, Finished, Kind, OpTable, Whom, dispose};

use crate::driver::Token;

/// Names an operation in flight. After its last completion it names nothing, and cancelling it
/// does nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct OpId(pub(crate) Token);
