//! Rings that outlive their process: the kernel clears those of a dead process of this server in a
//! thread of its own, later than the end of the process is seen, and on a busy machine much later. An
//! accept that is still in one of them swallows wake-ups, and a connection would wait here in the queue
//! for the next to come. So for a while a core helps at each listener that the other one may have armed,
//! although its owner here is well.
//!
//! Called by both sides of an upgrade. Nobody can see when the rings are clear, so it takes a time
//! that is long for the kernel; help costs a wake-up for each connection meanwhile.

use super::Coordinator;
use super::key::Key;
use crate::coordinator::plan::Seat;
use ringgate_runtime::Core;
use ringgate_runtime::timer::TimerId;
use std::rc::Rc;
use std::time::Duration;

/// How long the rings of a dead process may be there.
const STALE_FOR: Duration = Duration::from_secs(10);

/// When the help ends, if there is some.
#[derive(Default)]
pub(super) struct StaleRings(Option<TimerId>);

impl Coordinator {
    /// The process that may have armed these listeners is dead.
    pub(super) fn rings_are_stale(&mut self, core: &Rc<Core>, armed: impl Fn(&Seat) -> bool) {
        let mut some = false;
        for seat in self.pool.seats.iter_mut().filter(|seat| armed(seat)) {
            seat.stale_rings = true;
            some = true;
        }
        if !some {
            return;
        }
        let timer = core.set_timer(core.now() + STALE_FOR, Key::StaleRings.to_key());
        if let Some(before) = self.stale_rings.0.replace(timer) {
            core.cancel_timer(before);
        }
    }

    /// The rings of the dead are clear.
    pub(super) fn rings_are_clear(&mut self) {
        self.stale_rings.0 = None;
        for seat in &mut self.pool.seats {
            seat.stale_rings = false;
        }
    }
}
