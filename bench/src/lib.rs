//! Load, raw floors and races: how Ringgate is measured, and against what.
//!
//! A library so that tests can call [`load::run`] and read its [`load::Report`]; the program
//! `ringgate-bench` is a thin command line over it. Unsafe code is confined to [`floor`].
#![deny(unsafe_code)]

pub mod cli;
pub mod contest;
pub mod floods;
pub mod floor;
pub mod footprint;
pub mod handshake_storm;
pub mod idle_memory;
pub mod kept;
pub mod kernel;
pub mod lanes;
pub mod load;
pub mod machine;
pub mod overload;
pub mod proc;
pub mod race;
pub mod replay;
pub mod results;
pub mod server;
pub mod storm;
pub mod syscalls;
pub mod tails;
pub mod target;
pub mod upheaval;
