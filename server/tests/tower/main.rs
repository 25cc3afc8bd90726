//! Services of the `tower-service` crate as handlers of a server (feature `tower`).

#[path = "../serving/common/mod.rs"]
#[allow(
    dead_code,
    unused_imports,
    reason = "shared with the tests of serving, which use the rest"
)]
mod common;

mod app;
mod as_guests;
mod bodies;
mod calls;
mod lanes;
mod program;
mod readiness;
mod support;
mod upgrades;
