//! Answers of a handle without a question to the coordinator, which sets them: where it listens, whether
//! every core serves, and what bounds cores and connections.

use super::ServerHandle;
use crate::coordinator::degraded::Degraded;
use std::sync::PoisonError;

impl ServerHandle {
    /// The addresses it listens on, as bound; those with TLS begin with `https://`. A reload may
    /// change which ones do.
    pub fn addresses(&self) -> Vec<String> {
        let addresses = self.0.addresses.lock();
        addresses.unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(in crate::coordinator) fn set_addresses(&self, addresses: Vec<String>) {
        let old = self.0.addresses.lock();
        *old.unwrap_or_else(PoisonError::into_inner) = addresses;
    }

    /// Whether fewer cores serve than are wanted, since the others cannot be started: they are tried
    /// again and again. Why, the status says.
    pub fn degraded(&self) -> Option<Degraded> {
        self.0.degraded.get()
    }

    /// How many cores and connections there may be and what bounds them, as lines for the log of whoever
    /// starts the server.
    pub fn bounds(&self) -> Vec<String> {
        let bounds = self.0.bounds.lock();
        bounds.unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(in crate::coordinator) fn add_bound(&self, line: String) {
        let bounds = self.0.bounds.lock();
        bounds.unwrap_or_else(PoisonError::into_inner).push(line);
    }

    /// Puts down how many cores serve. Returns whether that is news.
    pub(in crate::coordinator) fn set_degraded(&self, degraded: Option<Degraded>) -> bool {
        self.0.degraded.set(degraded)
    }
}
