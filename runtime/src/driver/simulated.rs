//! A made-up world under the production code.

use super::operation::{Completion, Operation};
use super::token::Token;
use crate::buffer::ring::BufferRing;
use crate::errno::Errno;
use crate::time::Moment;
use std::time::Duration;

/// A simulated ring.
pub struct SimulatedDriver {}

impl SimulatedDriver {
    /// # Safety
    /// As [`super::KernelDriver::push`].
    pub unsafe fn push(&mut self, _: Operation, _: Token) -> Result<(), Errno> {
        Ok(())
    }
    /// See [`super::KernelDriver::enter`].
    pub fn enter(&mut self, _: bool, _: Option<Duration>) -> Result<(), Errno> {
        Ok(())
    }
    /// See [`super::KernelDriver::completions`].
    pub fn completions(&mut self, _: usize, _: &mut Vec<Completion>) {}
    /// Virtual time.
    pub fn now(&self) -> Moment {
        Moment::default()
    }
    /// The next number of the seed.
    pub fn random(&mut self) -> u64 {
        0
    }
    /// Times entered.
    pub fn enters(&self) -> u64 {
        0
    }
    pub(crate) fn register_buffers(&mut self, _: &BufferRing) {}
}
