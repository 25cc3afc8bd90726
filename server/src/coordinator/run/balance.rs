//! Evens out the open connections of the cores, once a second: the counts are read where the cores
//! keep them, and the cores are told how many to give to whom. A core moves a few a turn.

use super::Coordinator;
use crate::config::Switch;
use crate::connection::Message;
use crate::coordinator::rules::balance::{Holder, balance};

impl Coordinator {
    pub(super) fn balance(&mut self) {
        if self.config.pool.balance == Switch::Off {
            return;
        }
        let holder = |core| Holder {
            core,
            open: self.slots[core as usize].stats.open.get(),
            coming: self.post.unheard(core),
        };
        let holders: Vec<Holder> = self.pool.heirs().into_iter().map(holder).collect();
        let transfers = balance(&holders, self.balancing);
        self.balancing = !transfers.is_empty();
        for Holder { core: from, .. } in holders {
            let mine = transfers.iter().filter(|transfer| transfer.from == from);
            let shares: Vec<(u32, u64)> = mine.map(|t| (t.to, t.count)).collect();
            if !shares.is_empty() {
                tracing::debug!(core = from, ?shares, "connections move for balance");
                self.post.to_core(from, Message::Spread(shares));
            }
        }
    }
}
