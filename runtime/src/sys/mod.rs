//! Safe faces for the process, descriptor, credential and signal calls that the layers above need.
//!
//! Decides how a Linux call is spelled and what its failure is called; decides no policy. Called by
//! the ring layer of this crate, and by `server`, which forbids `unsafe`. Calls that the standard
//! library offers safely (files, sleeping, process ids) are deliberately not repeated here.
//!
//! Every failure is an [`std::io::Error`] whose text names the call and the thing it was made on;
//! [`errno`] reads the number back.

mod error;

pub mod address;
pub mod cgroup;
pub mod child;
pub(crate) mod conduit;
pub mod cpu;
pub mod event;
pub mod fork;
pub mod identity;
pub mod limits;
pub mod listener;
pub mod pidfd;
pub mod process;
pub mod registry;
pub mod rights;
pub mod scm;
pub mod signals;
pub mod socket;
pub mod stack;
pub mod tcp_info;
pub mod thread;
pub mod unix_listener;

pub use error::{CallError, errno};
