//! A thread-per-core io_uring runtime for Linux. Knows nothing of HTTP.

pub mod probe;
pub mod sys;
