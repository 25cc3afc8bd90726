//! News of the process for the world outside: whoever started it, the service manager, the PID
//! file.

use super::Coordinator;
use super::key::Key;
use crate::process::pid_file::PidFile;
use ringgate_runtime::Core;
use std::rc::Rc;
use std::time::Duration;

/// How often the PID file is looked after.
const PID_FILE_EVERY: Duration = Duration::from_secs(1);

impl Coordinator {
    /// The server serves: whoever started it need not wait any longer.
    pub(super) fn say_started(&mut self, core: &Rc<Core>) {
        if let Some(started) = self.started.take() {
            let _ = started.send(Ok(()));
        }
        if let Some(manager) = &self.manager {
            manager.ready();
            if let degraded @ Some(_) = self.handle.degraded() {
                manager.serving(degraded);
            }
        }
        self.on_watchdog(core);
        self.on_pid_file(core);
    }

    /// The server begins to end. One whose successor serves says nothing: the service goes on.
    pub(super) fn say_stopping(&self) {
        if let Some(manager) = &self.manager
            && !self.succession.has_handed_over()
        {
            manager.stopping();
        }
    }

    pub(super) fn on_watchdog(&mut self, core: &Rc<Core>) {
        if let Some(manager) = &self.manager
            && let Some(interval) = manager.watchdog_interval()
            // The next generation does it, once there is one.
            && !self.succession.has_handed_over()
        {
            manager.watchdog();
            core.set_timer(core.now() + interval, Key::Watchdog.to_key());
        }
    }

    pub(super) fn on_pid_file(&mut self, core: &Rc<Core>) {
        if let Some(file) = &mut self.pid_file
            && !self.succession.has_handed_over()
        {
            file.look_after();
            core.set_timer(core.now() + PID_FILE_EVERY, Key::PidFile.to_key());
        }
    }

    /// The PID file of process `older` names this one from now on.
    pub(super) fn claim_pid_file(&mut self, older: u32) -> Result<(), String> {
        if let Some(path) = &self.config.pid_file {
            self.pid_file = Some(PidFile::create(path, Some(older), None)?);
        }
        Ok(())
    }

    /// The process that had taken over is dead: this one is the one to watch again.
    pub(super) fn step_forward(&mut self, core: &Rc<Core>) {
        if let Some(file) = &mut self.pid_file {
            file.reclaim();
        }
        if let Some(manager) = &self.manager {
            manager.main_pid(std::process::id());
        }
        self.on_watchdog(core);
        self.on_pid_file(core);
    }
}
