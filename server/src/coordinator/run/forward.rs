//! Mail for cores that have no thread any more: no connection is lost between two of them.

use super::Coordinator;
use super::succession::Luggage;
use crate::connection::Message;
use crate::coordinator::plan::CoreState;

impl Coordinator {
    /// Empties the mailbox of a core that has no thread: connections go to a running core, words
    /// that were meant for the thread are void.
    pub(super) fn forward(&mut self, index: u32) {
        if self.pool.cores[index as usize] != CoreState::Absent {
            return;
        }
        let heirs = self.pool.running();
        let mut next = 0;
        let mut kept = Vec::new();
        while let Some(message) = self.post.next_message(index) {
            if !matches!(message, Message::Parcel(_) | Message::Adopt(_)) {
                continue;
            }
            if self.succession.handed_over && heirs.is_empty() {
                match message {
                    Message::Parcel(parcel) => self.hand_on(Luggage::Parcel(parcel)),
                    Message::Adopt(socket) => self.hand_on(Luggage::Fresh(socket)),
                    _ => {}
                }
                continue;
            }
            if heirs.is_empty() && self.pool.spawning {
                // The thread that takes its place will hear it.
                kept.push(message);
            } else if let Some(heir) = heirs.get(next % heirs.len().max(1)) {
                self.post.to_core(*heir, message);
                next += 1;
            } else if let Message::Parcel(_) = message {
                // The server ends and nobody is left to serve it: it closes here. The core that
                // would have counted it is gone, so this is the only writer.
                let stats = &self.slots[index as usize].stats;
                stats.handed_in.add(1);
                stats.aborted.add(1);
            }
        }
        for message in kept {
            self.post.keep(index, message);
        }
    }
}
