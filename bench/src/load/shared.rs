//! The state that all slots of a worker share, and what is kept of a request until it has its outcome.

use std::time::Instant;

use mio::Registry;

use crate::load::http2::Blocks;
use crate::load::options::Options;
use crate::load::request::Template;
use crate::load::tally::{Outcome, Tally};
use crate::load::tls::Terms;

/// A request without an outcome.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pending {
    pub(crate) number: u64,
    pub(crate) since: Instant,
    /// When this connection took it up.
    pub(crate) taken: Instant,
}

/// The state that all slots of a worker share.
pub(crate) struct Shared<'a> {
    pub(crate) options: &'a Options,
    /// With these TLS is spoken.
    pub(crate) terms: Option<&'a Terms>,
    pub(crate) template: Template,
    /// The same requests for HTTP/2.
    pub(crate) blocks: Blocks,
    pub(crate) tally: Tally,
    /// Requests on slots without an outcome.
    pub(crate) in_flight: u64,
    pub(crate) registry: Registry,
    pub(crate) scratch: Vec<u8>,
    /// Bytes that TLS wants to send, on their way to a slot.
    pub(crate) said: Vec<u8>,
    /// State of the generator (xorshift64) that says when keys are replaced.
    random: u64,
    /// Slots that have not had a complete answer yet.
    pub(crate) unproven: usize,
    pub(crate) connects_begun: u64,
    pub(crate) next_number: u64,
}

impl<'a> Shared<'a> {
    pub(crate) fn new(
        options: &'a Options,
        terms: Option<&'a Terms>,
        thread: usize,
        registry: Registry,
        start: Instant,
    ) -> Self {
        let mut tally = Tally::new(start);
        tally.measured_from = start + options.warm_up;
        Self {
            options,
            terms,
            template: Template::new(options),
            blocks: Blocks::new(options),
            tally,
            in_flight: 0,
            registry,
            scratch: vec![0; 64 * 1024],
            said: Vec::new(),
            random: 0x9e37_79b9_7f4a_7c15 ^ thread as u64,
            unproven: 0,
            // Threads begin at different source addresses and number their requests apart.
            connects_begun: thread as u64,
            next_number: (thread as u64) << 48,
        }
    }

    /// Whether it is this batch before which keys are replaced.
    pub(crate) fn is_time_for_new_keys(&mut self) -> bool {
        let Some(one_in) = self.options.tls.key_updates else {
            return false;
        };
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        self.random.is_multiple_of(u64::from(one_in))
    }

    /// Takes up a request that counts from `since`.
    pub(crate) fn take_up(&mut self, since: Instant) -> Pending {
        let number = self.next_number;
        self.next_number += 1;
        self.in_flight += 1;
        Pending {
            number,
            since,
            taken: Instant::now(),
        }
    }

    /// The request has its outcome.
    pub(crate) fn end(&mut self, pending: Pending, outcome: Outcome, now: Instant) {
        self.in_flight -= 1;
        self.tally.end(outcome, pending.since, now);
        self.tally.end_of_taken(outcome, pending.taken, now);
    }
}
