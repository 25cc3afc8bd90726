//! Common parts of the tests of axum programs: one application served by `axum::serve` and by Ringgate,
//! and a client that reads answers to the last byte.

mod client;
mod servers;

pub use client::{Answer, Client};
pub use servers::{Served, over_axum, over_ringgate, serve};
