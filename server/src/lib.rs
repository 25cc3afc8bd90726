//! An HTTP server runtime for Linux: one pinned thread and one io_uring per core.
#![forbid(unsafe_code)]

pub mod config;
pub mod doctor;
pub mod http;
pub mod observe;
