//! Which stream sends next (RFC 9218 section 10): the most urgent, and among those that are equally urgent one
//! after the other if they asked for that, else a frame each in turn. Asked by `session` for each DATA frame.
//! Deliberately not here: windows, which say who can send at all.

use super::frame::StreamId;
use super::priority::Priority;
use std::collections::VecDeque;

/// The streams that have something to send, in the order in which they get their turn.
#[derive(Clone, Debug, Default)]
pub struct Queue {
    waiting: VecDeque<(StreamId, Priority)>,
}

impl Queue {
    /// Streams that wait.
    #[inline]
    pub fn len(&self) -> usize {
        self.waiting.len()
    }

    /// Whether none does.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Memory beside the queue itself, in bytes.
    pub fn memory(&self) -> usize {
        self.waiting.capacity() * size_of::<(StreamId, Priority)>()
    }

    /// Lets go of memory, if nobody waits.
    pub fn give_up_excess(&mut self) {
        if self.waiting.is_empty() {
            self.waiting = VecDeque::new();
        }
    }

    /// A stream waits from now on. Among those that go one after the other the lower number is first (RFC 9218
    /// section 10).
    pub fn push(&mut self, stream: StreamId, priority: Priority) {
        let is_later = |(other, of): &(StreamId, Priority)| !of.incremental && *other > stream;
        match self.waiting.iter().position(is_later) {
            Some(before) if !priority.incremental => {
                self.waiting.insert(before, (stream, priority));
            }
            _ => self.waiting.push_back((stream, priority)),
        }
    }

    /// A stream waits no more.
    pub fn remove(&mut self, stream: StreamId) {
        if let Some(place) = self.waiting.iter().position(|(id, _)| *id == stream) {
            self.waiting.remove(place);
        }
    }

    /// The client has changed its mind.
    pub fn change(&mut self, stream: StreamId, priority: Priority) {
        if let Some(waiting) = self.waiting.iter_mut().find(|(id, _)| *id == stream) {
            waiting.1 = priority;
        }
    }

    /// The stream that sends next, of those for which `may_send`.
    #[inline]
    pub fn next(&self, mut may_send: impl FnMut(StreamId) -> bool) -> Option<StreamId> {
        let mut best: Option<(StreamId, u8)> = None;
        for (stream, priority) in &self.waiting {
            let is_better = best.is_none_or(|(_, urgency)| priority.urgency < urgency);
            if is_better && may_send(*stream) {
                best = Some((*stream, priority.urgency));
            }
        }
        best.map(|(stream, _)| stream)
    }

    /// A stream has sent a frame, and has more: one that shares goes behind the others.
    pub fn sent(&mut self, stream: StreamId) {
        let Some(place) = self.waiting.iter().position(|(id, _)| *id == stream) else {
            return;
        };
        if self.waiting[place].1.incremental
            && let Some(waiting) = self.waiting.remove(place)
        {
            self.waiting.push_back(waiting);
        }
    }
}
