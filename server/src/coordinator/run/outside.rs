//! News of the process for the world outside: whoever started it, the service manager, the PID
//! file.

use super::Coordinator;
use super::key::Key;
use crate::process::pid_file::PidFile;
use ringgate_runtime::Core;
use ringgate_runtime::timer::TimerId;
use std::rc::Rc;
use std::time::Duration;

/// How often the PID file and the control socket are looked after.
const FILES_EVERY: Duration = Duration::from_secs(1);

/// The timers of what is done again and again. There is one of each: a process that serves again may
/// still have the one from before.
#[derive(Default)]
pub(super) struct Outside {
    watchdog: Option<TimerId>,
    files: Option<TimerId>,
}

/// Sets a timer in the place of the one before.
fn set_again(core: &Rc<Core>, timer: &mut Option<TimerId>, after: Duration, key: Key) {
    let timer_now = core.set_timer(core.now() + after, key.to_key());
    if let Some(before) = timer.replace(timer_now) {
        core.cancel_timer(before);
    }
}

impl Coordinator {
    /// The server serves: whoever started it need not wait any longer.
    pub(super) fn say_started(&mut self, core: &Rc<Core>) {
        if let Some(started) = self.started.take() {
            // Nobody waits any more: nothing is lost.
            let _ = started.send(Ok(()));
        }
        if let Some(manager) = &mut self.manager {
            manager.ready();
            if let degraded @ Some(_) = self.handle.degraded() {
                manager.serving(degraded);
            }
        }
        self.on_watchdog(core);
        self.on_files(core);
    }

    /// The server begins to end. One whose successor serves says nothing: the service goes on.
    pub(super) fn say_stopping(&mut self) {
        if let Some(manager) = &mut self.manager
            && !self.succession.has_handed_over()
        {
            manager.stopping();
        }
    }

    pub(super) fn on_watchdog(&mut self, core: &Rc<Core>) {
        if let Some(manager) = &mut self.manager
            && let Some(interval) = manager.watchdog_interval()
            // The next generation does it, once there is one.
            && !self.succession.has_handed_over()
        {
            manager.watchdog();
            let timer = &mut self.outside.watchdog;
            set_again(core, timer, interval, Key::Watchdog);
        }
    }

    /// Looks after the files by which this process is found, until another one takes over.
    pub(super) fn on_files(&mut self, core: &Rc<Core>) {
        let has_files = self.pid_file.is_some() || self.operators.wants_control();
        if self.succession.has_handed_over() || !has_files {
            return;
        }
        if let Some(file) = &mut self.pid_file {
            file.look_after();
        }
        let handle = self.handle.clone();
        self.operators.look_after(core, &handle);
        set_again(core, &mut self.outside.files, FILES_EVERY, Key::Files);
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
        if let Some(manager) = &mut self.manager {
            manager.main_pid(std::process::id());
        }
        self.on_watchdog(core);
        self.on_files(core);
    }
}
