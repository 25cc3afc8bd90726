//! The primitives that cores and other threads meet by, so that loom can put its own in their place and try every order
//! (`scripts/loom.sh`). Nothing is decided here.

#[cfg(all(test, model_checked))]
pub(crate) use loom::sync::atomic::{AtomicBool, Ordering, fence};
#[cfg(not(all(test, model_checked)))]
pub(crate) use std::sync::atomic::{AtomicBool, Ordering, fence};
