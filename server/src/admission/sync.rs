//! The two primitives the gate is built on, so that loom can put its own in their place and run every
//! interleaving (`scripts/loom.sh`). Nothing is decided here.

#[cfg(model_checked)]
pub(super) use loom::sync::{Mutex, MutexGuard, atomic::AtomicU64};
#[cfg(not(model_checked))]
pub(super) use std::sync::{Mutex, MutexGuard, atomic::AtomicU64};
