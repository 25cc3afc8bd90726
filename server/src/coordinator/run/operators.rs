//! The listeners of control and metrics, which the coordinator serves itself, and how they change
//! hands in an upgrade: a new process makes its control socket aside and moves it over the old one, or
//! makes it elsewhere, and then the owner of the old one removes it; the socket for metrics is passed on.

use crate::ServerHandle;
use crate::control::socket::{SocketFile, aside};
use crate::control::{scrape, server, socket};
use crate::observe::access::AccessLog;
use crate::observe::log::LogHandle;
use ringgate_runtime::Core;
use ringgate_runtime::sys::fork::NotInChildren;
use ringgate_runtime::task::TaskId;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;

/// The listeners of operators, their files, and the logs.
#[derive(Default)]
pub(crate) struct Operators {
    /// Socket files; dropped before the sockets.
    pub(crate) files: Vec<SocketFile>,
    /// Where the files of Unix sockets are, but for that of the control socket.
    pub(crate) paths: Vec<PathBuf>,
    pub(crate) control: Option<OwnedFd>,
    /// The file of the control socket.
    pub(crate) control_file: Option<SocketFile>,
    /// Where that file goes once the older process has given everything up.
    pub(crate) control_goal: Option<PathBuf>,
    /// Keeps the listener for metrics out of forked children.
    metrics_own: Option<NotInChildren>,
    /// The listener for metrics: as configured, as bound.
    pub(crate) metrics_listener: Option<(String, String, Arc<OwnedFd>)>,
    pub(crate) log: Option<LogHandle>,
    pub(crate) access_log: Option<AccessLog>,
    metrics_task: Option<TaskId>,
    control_task: Option<TaskId>,
    /// The log says already that there is no control socket.
    complained: bool,
    /// Where the control socket was before it was given up.
    given_up: Option<PathBuf>,
}

impl Operators {
    pub(crate) fn new(log: Option<LogHandle>) -> Operators {
        Operators {
            log,
            ..Operators::default()
        }
    }

    /// Starts to answer, in tasks on `core`.
    pub(super) fn serve(&mut self, core: &Rc<Core>, handle: &ServerHandle) {
        if let Some(listener) = self.control.take() {
            self.serve_control(core, listener, handle);
        }
        self.serve_metrics(core, handle);
    }

    /// Answers on the given socket, and on no other. Commands that are being answered are answered to their end.
    fn serve_control(&mut self, core: &Rc<Core>, listener: OwnedFd, handle: &ServerHandle) {
        let _entered = core.enter();
        let task = core.start(server::run(listener, handle.clone()));
        if let Some(former) = self.control_task.replace(task) {
            core.cancel_task(former);
        }
    }

    fn serve_metrics(&mut self, core: &Rc<Core>, handle: &ServerHandle) {
        let listener = self.metrics_listener.as_ref();
        // Ours is kept, to be passed on.
        self.metrics_own = listener.map(|(_, _, socket)| NotInChildren::new(socket.as_fd()));
        let copy = listener.and_then(|(_, _, socket)| socket.try_clone().ok());
        if let Some(copy) = copy {
            let task = scrape::run(copy, handle.clone(), self.log.clone());
            let _entered = core.enter();
            self.metrics_task = Some(core.start(task));
        }
    }

    /// Where the control socket is, if this process has one.
    pub(super) fn control_path(&self) -> Option<PathBuf> {
        self.control_file
            .as_ref()
            .map(|file| file.path().to_owned())
    }

    /// Another process serves: what it asks for is answered by that one.
    pub(super) fn give_up(&mut self, core: &Core) {
        if let Some(task) = self.metrics_task.take() {
            core.cancel_task(task);
        }
        self.given_up = self.control_path();
        // Removed, unless that one has put its own in this place.
        self.control_file = None;
        self.files.drain(..).for_each(SocketFile::disown);
    }

    /// The files but that of the control socket are removed by this process from now on.
    pub(super) fn own_files(&mut self) {
        socket::own_files(&mut self.files, &self.paths);
    }

    /// Takes the place of the control socket of the process before.
    pub(super) fn claim(&mut self) -> io::Result<()> {
        match (&mut self.control_file, self.control_goal.take()) {
            (Some(file), Some(goal)) => file.move_to(&goal),
            _ => Ok(()),
        }
    }

    /// The process that had taken over is dead: makes a new control socket in its place.
    pub(super) fn reclaim(&mut self, core: &Rc<Core>, handle: &ServerHandle) {
        self.serve_metrics(core, handle);
        self.own_files();
        if let Some(path) = self.given_up.take() {
            self.open_again(core, handle, &path);
        }
    }

    /// A process that was to take over is dead. If it got as far as to take the place of the control socket, a new
    /// one is made there.
    pub(super) fn restore(&mut self, core: &Rc<Core>, handle: &ServerHandle) {
        if let Some(file) = self.control_file.take_if(|file| !file.is_in_place()) {
            let path = file.path().to_owned();
            file.disown();
            self.open_again(core, handle, &path);
        }
    }

    /// Makes the control socket again if its file is missing, and says so: who cleans up a directory for temporary
    /// files takes an old socket for one. A file that another process has put there is left alone.
    pub(super) fn look_after(&mut self, core: &Rc<Core>, handle: &ServerHandle) {
        let missing = self.control_file.as_ref().filter(|file| file.is_missing());
        let Some(path) = missing.map(|file| file.path().to_owned()) else {
            return;
        };
        if self.open_again(core, handle, &path) {
            let path = path.display();
            tracing::warn!(%path, "the control socket was missing and is made again");
        }
    }

    fn open_again(&mut self, core: &Rc<Core>, handle: &ServerHandle, path: &Path) -> bool {
        match socket::make_again(path) {
            Ok((listener, file)) => {
                self.serve_control(core, listener, handle);
                if let Some(former) = self.control_file.replace(file) {
                    former.disown();
                }
                self.complained = false;
                true
            }
            Err(error) => {
                if !std::mem::replace(&mut self.complained, true) {
                    tracing::error!(%error, "no control socket; ctl cannot reach this server");
                }
                false
            }
        }
    }

    /// Removes the socket that a dead process left beside ours.
    pub(super) fn remove_aside(&self, pid: u32) {
        if let Some(path) = self.control_path().or_else(|| self.given_up.clone()) {
            // It is there only if the process got so far.
            let _ = std::fs::remove_file(aside(&path, pid));
        }
    }
}
