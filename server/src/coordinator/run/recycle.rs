//! Cores that have served long enough, and how a core leaves (rows M6 and M7): the replacement
//! starts first, the old one gives its listeners back, hands over what can move, finishes the rest.

use super::Coordinator;
use crate::connection::Message;
use crate::coordinator::plan::CoreState;
use crate::coordinator::post::SUCCESSOR;
use crate::coordinator::rules::wear::is_old;
use ringgate_runtime::Moment;

impl Coordinator {
    /// A core is to leave once another runs in its stead.
    pub(super) fn expire(&mut self, index: u32, why: &'static str) {
        let state = &mut self.pool.cores[index as usize];
        if *state == CoreState::Running && self.pool.spawning {
            *state = CoreState::Expiring;
            tracing::debug!(core = index, why, "a core is replaced");
        }
    }

    pub(super) fn recycle_by_age(&mut self, now: Moment) {
        let most = self.config.pool.core_age;
        if most.is_zero() {
            return;
        }
        for index in 0..self.slots.len() as u32 {
            if is_old(now.since(self.slots[index as usize].since), most) {
                self.expire(index, "it has run for long enough");
            }
        }
    }

    /// A core without batons is told to leave, or to end at once.
    pub(super) fn leave(&mut self, now: Moment, index: u32, heirs: Vec<u32>) {
        let slot = &mut self.slots[index as usize];
        if slot.kill {
            self.post.to_core(index, Message::Force);
        } else {
            slot.leave_by = Some(now + self.config.drain.graceful_timeout);
            if heirs.first() == Some(&SUCCESSOR) && !self.succession.takes_handshakes() {
                self.post.to_core(index, Message::KeepHandshakes);
            }
            self.post.to_core(index, Message::Leave(heirs));
        }
    }
}
