//! The line of receives that found no buffer.

use crate::op::OpId;
use std::collections::VecDeque;

/// Receives that wait for a buffer: first those that have had none since they were armed, then the others, each longest
/// first. A multishot receive takes buffers as long as its client has bytes (Linux 6.1: without an end), so a few clients
/// that always have more would have all of them in every turn if they came first.
#[derive(Default)]
pub(super) struct Line {
    unserved: VecDeque<OpId>,
    served: VecDeque<OpId>,
}

impl Line {
    /// A receive joins the line; `served` says whether it has had a buffer since it was armed.
    pub(super) fn join(&mut self, id: OpId, served: bool) {
        match served {
            true => self.served.push_back(id),
            false => self.unserved.push_back(id),
        }
    }

    pub(super) fn next(&mut self) -> Option<OpId> {
        self.unserved
            .pop_front()
            .or_else(|| self.served.pop_front())
    }

    pub(super) fn len(&self) -> usize {
        self.unserved.len() + self.served.len()
    }
}
