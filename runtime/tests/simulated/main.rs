//! The simulated driver under the production core, and the proof that it does not lie: scripts that
//! run on it and on the kernel's ring are seen alike.
//!
//! `RINGGATE_TEST_SIZE=n` runs n times as many seeds, `RINGGATE_TEST_SEED=s` only seed s.

mod both;
mod echo;
mod echo_tests;
mod failing;
mod held;
mod replay;
mod stage;
mod starved;
