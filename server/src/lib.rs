//! An HTTP server runtime for Linux: one pinned thread and one io_uring per core.
#![forbid(unsafe_code)]

pub mod admission;
pub mod config;
mod connection;
pub mod doctor;
pub mod handler;
pub mod http;
pub mod observe;
