//! Orders of an operator for one core (row M15).

use super::{Coordinator, Phase};
use crate::config::CoreOrder;
use crate::connection::Message;
use crate::coordinator::plan::CoreState;
use crate::coordinator::reply::Reply;
use ringgate_runtime::Core;
use std::rc::Rc;
use std::time::Duration;

impl Coordinator {
    pub(super) fn on_order(
        &mut self,
        core: &Rc<Core>,
        index: u32,
        order: CoreOrder,
        reply: Reply<Result<String, String>>,
    ) {
        let done = self.order(core, index, order);
        match order {
            CoreOrder::Dump if done.is_ok() => {
                self.dump(index).name(|text| reply.send(Ok(text)));
            }
            CoreOrder::Dump | CoreOrder::Stop | CoreOrder::Kill => {
                reply.send(done.map(|()| String::new()));
            }
        }
    }

    fn order(&mut self, core: &Rc<Core>, index: u32, order: CoreOrder) -> Result<(), String> {
        let state = self.pool.cores.get(index as usize).copied();
        let Some(state) = state.filter(|state| state.has_thread()) else {
            return Err(format!(
                "there is no core {index}; status shows which there are"
            ));
        };
        if order == CoreOrder::Dump {
            return Ok(());
        }
        if self.phase() != Phase::Running {
            return Err(format!("the server is {}", self.phase().name()));
        }
        tracing::info!(core = index, order = order.word(), "order");
        match order {
            CoreOrder::Stop if state == CoreState::Running => {
                self.expire(index, "an operator wants it");
            }
            CoreOrder::Stop => {}
            // It hears nothing: its sockets are shut down from here.
            CoreOrder::Kill if self.pool.is_stuck(index) => {
                self.quarantine(core, index, Duration::ZERO);
                self.shut_sockets(index);
            }
            CoreOrder::Kill => self.kill(index, state),
            CoreOrder::Dump => {}
        }
        Ok(())
    }

    fn kill(&mut self, index: u32, state: CoreState) {
        match state {
            // Its listeners go first, so that nobody is lost who comes meanwhile.
            CoreState::Running | CoreState::Expiring => {
                self.slots[index as usize].kill = true;
                self.pool.cores[index as usize] = CoreState::Retiring;
            }
            CoreState::Retiring => self.slots[index as usize].kill = true,
            CoreState::Leaving => self.post.to_core(index, Message::Force),
            CoreState::Starting
            | CoreState::Quarantined
            | CoreState::Absent
            | CoreState::Resting => {}
        }
    }

    pub(super) fn panic_core(&mut self, index: u32) {
        let known = self.pool.cores.get(index as usize);
        if known.is_some_and(|state| state.has_thread()) {
            self.post.to_core(index, Message::Panic);
        }
    }
}
