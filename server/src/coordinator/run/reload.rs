//! Reading the configuration again under a running server: all of it comes into force, or nothing.
//!
//! Called for HUP and `ctl reload`. The table of options says which can be changed live; one that
//! cannot is refused by name. Values that were set by hand meanwhile (a resize, limits) stay, unless
//! the configuration itself says something new about it.

use super::Operators;
use super::key::Key;
use super::{Coordinator, sizing};
use crate::admission::gate::{OFFER_PATIENCE, Rules};
use crate::config::{Config, CorePlan, CoreSpec};
use crate::connection::{Message, Settings};
use crate::coordinator::events::ServerEvent;
use crate::coordinator::handle::cpus_of;
use crate::coordinator::rules::wear::accepts_bound;
use crate::coordinator::upgrade::succession;
use ringgate_runtime::Core;
use ringgate_runtime::task::catch_panic;
use std::rc::Rc;
use std::sync::Arc;

/// Reads the layers of a configuration again and checks them.
pub(crate) type ReadConfig = Box<dyn Fn() -> Result<Config, String> + Send>;

/// The refusal of a reload that has other values for these options.
pub(crate) fn cannot_change(keys: &[&'static str]) -> String {
    format!(
        "{} cannot change while the server runs; this needs an upgrade or restart, and nothing was \
         changed",
        keys.join(", ")
    )
}

impl Coordinator {
    pub(super) fn reload(&mut self, core: &Rc<Core>) -> Result<(), String> {
        let (reload, reopen) = (true, false);
        self.succeed(core, succession::Event::Again { reload, reopen });
        // The end of a reload is READY=1 as well: no word for one that does not serve yet, nor for one whose successor
        // says it.
        let says = self.started.is_none() && !self.succession.is_reloaded_elsewhere();
        if let Some(manager) = self.manager.as_mut().filter(|_| says) {
            manager.reloading(core.now().as_nanos() / 1000);
        }
        let result = self.try_reload(core);
        match &result {
            Ok(()) => tracing::info!("the configuration was read again and is in force"),
            Err(error) => tracing::error!(error, "the configuration stays as it was"),
        }
        let error = result.as_ref().err().cloned();
        if let Some(manager) = self.manager.as_mut().filter(|_| says) {
            manager.reloaded(&result);
            if let degraded @ Some(_) = self.handle.degraded() {
                manager.serving(degraded);
            }
        }
        self.events.emit(&ServerEvent::Reload { error });
        result
    }

    fn try_reload(&mut self, core: &Rc<Core>) -> Result<(), String> {
        let Some(read) = &self.read_config else {
            return Err("this program has no configuration to read again".to_owned());
        };
        // The program's own code, on the thread that all cores depend on.
        let new = catch_panic(read).unwrap_or_else(|panic| {
            let why = panic.message();
            Err(format!("what reads the configuration panicked: {why}"))
        })?;
        new.check().map_err(|error| error.to_string())?;
        let fixed = self.config.needs_restart(&new);
        if !fixed.is_empty() {
            return Err(cannot_change(&fixed));
        }
        let plan = self.new_plan(&new)?;
        let tls = self.load_certificates(&new)?;
        // Before a place gets its scheme: whoever accepts there needs them.
        self.take_certificates(tls);
        self.apply(core, new, plan);
        Ok(())
    }

    /// The new numbers of cores, if the configuration or the machine changes them.
    fn new_plan(&self, new: &Config) -> Result<Option<CorePlan>, String> {
        // The CPU quota of the control group may have changed meanwhile.
        if new.cores == self.config.cores && new.cores != CoreSpec::Auto {
            return Ok(None);
        }
        let cpus = cpus_of(self.cpus.len());
        let plan = CorePlan::new(new.cores, new.core_slots, &cpus);
        let slots = self.sizing.slots();
        if plan.max.get() > slots {
            return Err(format!(
                "cores = {} asks for more than the {slots} slots; this needs an upgrade or \
                 restart, and nothing was changed",
                new.cores
            ));
        }
        Ok(Some(plan))
    }

    /// From here on nothing can fail.
    fn apply(&mut self, core: &Rc<Core>, new: Config, plan: Option<CorePlan>) {
        let old = std::mem::replace(&mut self.config, Arc::new(new));
        let new = self.config.clone();
        if let Some(plan) = plan {
            let (min, max) = (plan.min.get(), plan.max.get());
            self.size(core, sizing::Event::Bounds { min, max });
        }
        if new.admission != old.admission {
            self.gate.set_limits(new.admission, core.now());
        }
        self.gate.set_rules(Rules::new(&new), core.now());
        tracing::info!("{}", self.allotment.measure());
        // What both put on offer and no core takes up goes to the next.
        core.set_timer(core.now() + OFFER_PATIENCE, Key::Sweep.to_key());
        if new.log.level != old.log.level
            && let Some(log) = &self.operators.log
        {
            log.set_level(new.log.level.into());
        }
        self.listeners.set_unsent_size(new.timeouts.unsent_size);
        if new.drain.upgrade_timeout != old.drain.upgrade_timeout {
            self.limit_newer_anew(core);
        }
        self.change_openings(&new);
        for (index, state) in (0..).zip(&self.pool.cores) {
            if state.has_thread() {
                let draw = self.slots[index as usize].draw;
                let accepts = accepts_bound(new.pool.accepts, draw);
                let settings = Box::new(Settings::new(&new).worn_after(accepts));
                self.post.to_core(index, Message::Settings(settings));
            }
        }
    }

    /// Tells whoever accepts at a listener that its connections begin with something else now.
    fn change_openings(&mut self, new: &Config) {
        for index in self.listeners.set_openings(new) {
            let seat = &self.pool.seats[index];
            for core in seat.baton.holder().into_iter().chain(seat.helper) {
                let seat = self.listeners.seat(index);
                self.post.to_core(core, Message::Reseat(seat));
            }
        }
        self.handle.set_addresses(self.listeners.addresses());
    }

    /// Opens the files of the logs again under their names, for whoever renamed them; a new process that has opened
    /// them before is told to do the same.
    pub(super) fn reopen_logs(&mut self, core: &Rc<Core>) {
        let (reload, reopen) = (false, true);
        self.succeed(core, succession::Event::Again { reload, reopen });
        let Operators {
            log, access_log, ..
        } = &self.operators;
        if log.is_none() && access_log.is_none() {
            tracing::warn!("this program has no log of ours to open again");
        }
        if let Some(log) = log {
            log.reopen();
        }
        if let Some(access_log) = access_log {
            access_log.reopen();
        }
    }
}
