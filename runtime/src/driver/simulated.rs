//! A made-up world under the production code: sockets in memory, virtual time, and a seed that
//! decides all that is left to chance. The same seed replays the same run.
//!
//! A test makes a [`World`], gives its [`World::driver`] to a [`Core`](crate::Core), and moves
//! [`Client`]s. It follows the rules of io_uring and of Linux's TCP as far as an owner of sockets
//! can see them, and where the kernel has a choice, [`Faults`] chooses badly on purpose. A script
//! that runs on this driver and on the kernel's (`tests/simulated.rs`) keeps it honest.
//!
//! Deliberately not here: addresses, a network with delays or loss (a stream has neither), a send
//! buffer (a completed send is a received one), overflow of the completion queue, and other
//! threads. connect, sendmsg, recvmsg and splice answer EOPNOTSUPP; file operations go to the
//! kernel at once.

mod attempt;
mod client;
mod describe;
mod faults;
mod files;
mod ring;
mod socket;
mod world;

pub use client::{Action, Client};
pub use faults::Faults;
pub use ring::SimulatedDriver;
pub use socket::Ending;
pub use world::{
    DEADLOCKS_IN_A_ROW_MAX, ENTER_COST, IDLE_WAITS_IN_A_ROW_MAX, LOG_LINES_MAX, World,
};

#[cfg(test)]
mod tests;
