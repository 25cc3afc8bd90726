//! The process around the server: which program it is.
//!
//! - [`program`]: what an upgrade starts.

pub(crate) mod program;
