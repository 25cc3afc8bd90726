//! A made-up world under the production code: sockets in memory, virtual time, and a seed that
//! decides all that is left to chance. The same seed replays the same run.
//!
//! A test makes a [`World`], gives its [`World::driver`] to a [`Core`](crate::Core), and moves
//! [`Client`]s. The simulated ring follows the rules of io_uring and of Linux's TCP as far as an
//! owner of sockets can see them, and where the kernel has a choice, [`Faults`] chooses badly on
//! purpose. A script that runs on this driver and on the kernel's (`tests/simulated.rs`) keeps the
//! simulation honest.
//!
//! ```
//! use ringgate_runtime::driver::Driver;
//! use ringgate_runtime::driver::simulated::{Ending, Faults, World};
//! use ringgate_runtime::{Core, CoreOptions, Event, Sink};
//! use std::{rc::Rc, time::Duration};
//!
//! /// Closes every connection as soon as it is there.
//! struct Doorkeeper;
//!
//! impl Sink for Doorkeeper {
//!     fn on_event(&mut self, core: &Rc<Core>, event: Event) {
//!         if let Event::Accepted { result: Ok(socket), .. } = event {
//!             core.close(socket);
//!         }
//!     }
//! }
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let world = World::new(42, Faults::some());
//! let driver = Driver::Simulated(Box::new(world.driver()));
//! let core = Core::with_driver(driver, CoreOptions::default())?;
//! let listener = world.listen();
//! core.accept_one(&listener, 0);
//! let client = world.connect_after(&listener, Duration::from_secs(3600));
//! core.run(&mut Doorkeeper, |_| client.is_closed())?; // takes no hour
//! assert!(client.ending() == Ending::Eof || client.was_refused());
//! assert_eq!(core.teardown(&mut Doorkeeper, Duration::from_secs(1)), Ok(()));
//! assert_eq!(world.open_descriptors(), 0);
//! # Ok(())
//! # }
//! ```
//!
//! Deliberately not here: addresses, a network with delays or loss (a stream has neither), a send
//! buffer (a completed send is a received one), overflow of the completion queue, and other
//! threads. connect, datagrams and splice answer EOPNOTSUPP; file operations go to the
//! kernel at once.

mod attempt;
mod choices;
mod client;
mod describe;
mod faults;
mod files;
mod message;
mod ring;
mod socket;
mod world;

pub use choices::{Tape, choose};
pub use client::{Action, Client};
pub use faults::Faults;
pub use ring::SimulatedDriver;
pub use socket::Ending;
pub use world::{
    DEADLOCKS_IN_A_ROW_MAX, ENTER_COST, IDLE_WAITS_IN_A_ROW_MAX, LOG_LINES_MAX, World,
};

#[cfg(test)]
mod tests;
