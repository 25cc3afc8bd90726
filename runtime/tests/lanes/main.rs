//! Lanes on real threads and real cores: what callers see, what the counters say, who is alive.
//! The rules by which a pool grows and shrinks are tested where they are written; here is what they
//! come to.

#[path = "../common/mod.rs"]
mod common;

mod both;
mod pool;
mod support;
mod work;
