//! Limits that change while the server runs (row H14): checked like those at start, put in force at
//! once or not at all.

use super::Coordinator;
use super::key::Key;
use crate::admission::gate::OFFER_PATIENCE;
use crate::config::LimitsChange;
use ringgate_runtime::Core;
use std::rc::Rc;

impl Coordinator {
    pub(super) fn set_limits(
        &mut self,
        core: &Rc<Core>,
        change: LimitsChange,
    ) -> Result<(), String> {
        let limits = change
            .apply(self.gate.limits())
            .map_err(|error| error.to_string())?;
        self.gate.set_limits(limits, core.now());
        tracing::info!(%change, "limits");
        core.set_timer(core.now() + OFFER_PATIENCE, Key::Sweep.to_key());
        Ok(())
    }

    /// Slots that the coordinator's own changes put on offer and no core took up go to the next.
    pub(super) fn sweep_gate(&mut self, core: &Rc<Core>) {
        if let Some(at) = self.gate.sweep(None, core.now()) {
            core.set_timer(at, Key::Sweep.to_key());
        }
    }
}
