//! An upgrade: a new process takes over from this one, and no connection is lost.
//!
//! ```text
//!   old                                        new
//!    | hello, listeners (SCM_RIGHTS) ---------->|  sets up cores; accepts nothing
//!    |<---------------------------------- ready |
//!    | recalls the cores' accepts of unit i     |
//!    | baton i -------------------------------->|  arms it; one owner at any instant
//!    |<-------------------------------- armed i |      (for each unit)
//!    | that is all ---------------------------->|  renames its control socket over ours
//!    |<---------------------------------- owner |
//!    | idle connections (SCM_RIGHTS) ---------->|
//!    |<---------------------------------- taken |  until the last one; then the old one ends
//!    |<----------------------------------- full |  or: no descriptor for it; it stays
//! ```
//!
//! A reload, or logs to be opened again, of which the old process is told after it has started the new one, it passes on
//! (`again`), as soon as the new one has said that it knows the word.
//!
//! A stuck core cannot give its baton up. For such a unit the old process says `stuck i`: the new one
//! helps at that listener without arming it, and gets `baton i` when the core has come to its senses; or
//! the old process ends, and its core with it.
//!
//! The old process keeps every listener open to its end, and every connection until it is taken. If
//! the new one is gone (the socket ends) or late, the old one takes the batons back and goes on; if
//! the old one is gone, the new one takes what is left.
//!
//! - [`word`]: what is said, and how it is written; [`secret_word`]: what no log may say. Pure.
//! - [`channel`]: the socket it is said over.
//! - [`legacy`]: what a new process finds left to it at its start.
//! - [`succession`], [`hand_over`]: the old side, and the connections it hands over. Pure.
//! - [`inheritance`]: the new side. Pure but for log lines.
//! - [`error`]: why an upgrade does not come about.
//!
//! `run/succeeding.rs` and `run/inheriting.rs` perform what the two sides decide.

pub(super) mod channel;
pub(super) mod error;
pub(super) mod hand_over;
pub(super) mod inheritance;
pub(super) mod legacy;
pub(super) mod secret_word;
pub(super) mod succession;
pub(super) mod word;

pub use error::UpgradeError;
pub(crate) use legacy::Legacy;
pub use succession::Upgraded;
pub use word::Generation;
