//! The one seam between the runtime and the world: ring, clock and randomness.
//!
//! Everything above asks a [`Driver`] and nobody else, so the same production code runs over a ring
//! of the kernel and over a simulation that can be replayed. An enum and not a trait: there are two,
//! the choice is made once a core, and no type above has to carry it.

// Not for use by applications.
#[doc(hidden)]
pub mod kernel;
#[doc(hidden)]
pub mod operation;
pub mod setup;
pub mod simulated;
#[doc(hidden)]
pub mod token;

#[doc(hidden)]
pub use kernel::KernelDriver;
#[doc(hidden)]
pub use operation::{Completion, Operation};
pub use setup::{RingFlag, RingFlags};
pub use simulated::SimulatedDriver;
#[doc(hidden)]
pub use token::{Token, Untracked};

use crate::buffer::ring::BufferRing;
use crate::descriptor::Descriptor;
use crate::errno::Errno;
use crate::time::Moment;
use std::time::Duration;

/// Entries of the completion queue for each of the submission queue.
pub const COMPLETIONS_PER_SUBMISSION: u32 = 4;

/// A ring of the kernel or a simulated one.
#[expect(
    clippy::large_enum_variant,
    reason = "there is one a core, and a box would put every operation a pointer away"
)]
pub enum Driver {
    /// The kernel's io_uring.
    Kernel(KernelDriver),
    /// A world made up by a test.
    Simulated(Box<SimulatedDriver>),
}

impl Driver {
    /// See [`KernelDriver::push`].
    ///
    /// # Safety
    /// As of [`KernelDriver::push`]: the operation's memory stays valid until its last completion.
    #[inline]
    pub unsafe fn push(&mut self, operation: Operation, token: Token) -> Result<(), Errno> {
        match self {
            // SAFETY: passed on to the caller.
            Driver::Kernel(driver) => unsafe { driver.push(operation, token) },
            // SAFETY: passed on to the caller.
            Driver::Simulated(driver) => unsafe { driver.push(operation, token) },
        }
    }

    /// See [`KernelDriver::enter`].
    #[inline]
    pub fn enter(&mut self, wait: bool, timeout: Option<Duration>) -> Result<(), Errno> {
        match self {
            Driver::Kernel(driver) => driver.enter(wait, timeout),
            Driver::Simulated(driver) => driver.enter(wait, timeout),
        }
    }

    /// Lets some time pass, in which the ring does nothing.
    #[cold]
    pub fn rest(&mut self, span: Duration) {
        match self {
            Driver::Kernel(_) => std::thread::sleep(span),
            Driver::Simulated(driver) => driver.rest(span),
        }
    }

    /// See [`KernelDriver::completions`].
    #[inline]
    pub fn completions(&mut self, most: usize, into: &mut Vec<Completion>) {
        match self {
            Driver::Kernel(driver) => driver.completions(most, into),
            Driver::Simulated(driver) => driver.completions(most, into),
        }
    }

    /// Closes a descriptor at once, and not through the ring.
    #[cold]
    pub(crate) fn close(&mut self, descriptor: Descriptor) {
        match self {
            Driver::Kernel(_) => drop(descriptor),
            Driver::Simulated(driver) => driver.close(descriptor),
        }
    }

    /// The time now.
    #[inline]
    pub fn now(&self) -> Moment {
        match self {
            Driver::Kernel(driver) => driver.now(),
            Driver::Simulated(driver) => driver.now(),
        }
    }

    /// The next random number.
    pub fn random(&mut self) -> u64 {
        match self {
            Driver::Kernel(driver) => driver.random(),
            Driver::Simulated(driver) => driver.random(),
        }
    }

    /// Whether completions overflowed their queue.
    pub fn overflowed(&mut self) -> bool {
        match self {
            Driver::Kernel(driver) => driver.overflowed(),
            Driver::Simulated(_) => false,
        }
    }

    /// Times the driver was entered.
    pub fn enters(&self) -> u64 {
        match self {
            Driver::Kernel(driver) => driver.enters(),
            Driver::Simulated(driver) => driver.enters(),
        }
    }

    /// Gives the driver the ring of buffers that leased receives fill.
    pub(crate) fn register_buffers(&mut self, buffers: &BufferRing) -> Result<(), Errno> {
        match self {
            Driver::Kernel(driver) => driver.register_buffers(buffers),
            Driver::Simulated(driver) => {
                driver.register_buffers(buffers);
                Ok(())
            }
        }
    }
}
