//! The listeners of control and metrics, which the coordinator serves itself, and how they change
//! hands in an upgrade: a new process makes its control socket aside and moves it over the old one, or
//! makes it elsewhere, and then the owner of the old one removes it; the socket for metrics is passed on.

use crate::ServerHandle;
use crate::control::socket::{SocketFile, aside};
use crate::control::{scrape, server, socket};
use crate::coordinator::taken::is_of_the_living;
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
    /// Whether the process before this one left that listener.
    pub(crate) has_inherited_metrics: bool,
    pub(crate) log: Option<LogHandle>,
    pub(crate) access_log: Option<AccessLog>,
    metrics_task: Option<TaskId>,
    control_task: Option<TaskId>,
    /// The log says already that there is no control socket.
    complained: bool,
    /// Where the control socket was before it was given up.
    given_up: Option<PathBuf>,
    /// Where it has to be made again, which has failed so far.
    lacks: Option<PathBuf>,
}

impl Operators {
    pub(crate) fn new(log: Option<LogHandle>) -> Operators {
        Operators {
            log,
            ..Operators::default()
        }
    }

    /// Starts to answer, in tasks on `core`; on the listener for metrics only if this process `serves`, since until then the
    /// one before this one is asked there, and a scraper would hear now one process and now the other.
    pub(super) fn serve(&mut self, core: &Rc<Core>, handle: &ServerHandle, serves: bool) {
        if let Some(listener) = self.control.take() {
            self.serve_control(core, listener, handle);
        }
        let listener = self.metrics_listener.as_ref();
        // Ours is kept, to be passed on.
        self.metrics_own = listener.map(|(_, _, socket)| NotInChildren::new(socket.as_fd()));
        if serves {
            self.serve_metrics(core, handle);
        }
    }

    /// Answers on the given socket, and on no other. Commands that are being answered are answered to their end.
    fn serve_control(&mut self, core: &Rc<Core>, listener: OwnedFd, handle: &ServerHandle) {
        let _entered = core.enter();
        let task = core.start(server::run(listener, handle.clone()));
        if let Some(former) = self.control_task.replace(task) {
            core.cancel_task(former);
        }
    }

    /// Answers scrapes, unless it does already.
    pub(super) fn serve_metrics(&mut self, core: &Rc<Core>, handle: &ServerHandle) {
        if self.metrics_task.is_some() {
            return;
        }
        let listener = self.metrics_listener.as_ref();
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

    /// Another process serves: what is asked is answered by that one, also on the listener for metrics if it has that
    /// (`metrics_go`). Otherwise this one goes on there to its end: whoever connects would wait in vain.
    pub(super) fn give_up(&mut self, core: &Core, metrics_go: bool) {
        if metrics_go && let Some(task) = self.metrics_task.take() {
            core.cancel_task(task);
        }
        self.given_up = self.control_path().or(self.lacks.take());
        // Removed, unless that one has put its own in this place.
        self.control_file = None;
        if metrics_go {
            self.files.drain(..).for_each(SocketFile::disown);
        }
    }

    /// The files but that of the control socket are removed by this process from now on.
    pub(super) fn own_files(&mut self) {
        socket::own_files(&mut self.files, &self.paths);
    }

    /// Takes the place of the control socket of the process before. If its own is gone from beside it, a new one is made.
    pub(super) fn claim(&mut self, core: &Rc<Core>, handle: &ServerHandle) -> io::Result<()> {
        match (&mut self.control_file, self.control_goal.take()) {
            (Some(file), Some(goal)) if file.is_missing() => self.try_again(core, handle, &goal),
            (Some(file), Some(goal)) => file.move_to(&goal),
            _ => Ok(()),
        }
    }

    /// Whether there is to be a control socket, or one to be looked after.
    pub(super) fn wants_control(&self) -> bool {
        self.control_file.is_some() || self.lacks.is_some()
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
        // Another server may have come there meanwhile.
        if let Some(path) = self.lacks.take_if(|path| !is_of_the_living(path)) {
            self.open_again(core, handle, &path);
            return;
        }
        let missing = self.control_file.as_ref().filter(|file| file.is_missing());
        let Some(path) = missing.map(|file| file.path().to_owned()) else {
            return;
        };
        if self.open_again(core, handle, &path) {
            let path = path.display();
            tracing::warn!(%path, "the control socket was missing and is made again");
        }
    }

    /// Makes the control socket again, now or at one of the next looks.
    fn open_again(&mut self, core: &Rc<Core>, handle: &ServerHandle, path: &Path) -> bool {
        match self.try_again(core, handle, path) {
            Ok(()) => {
                if std::mem::take(&mut self.complained) {
                    tracing::info!(path = %path.display(), "the control socket is there again");
                }
                true
            }
            Err(error) => {
                self.lacks = Some(path.to_owned());
                if !std::mem::replace(&mut self.complained, true) {
                    tracing::error!(%error, "no control socket; ctl cannot reach this server");
                }
                false
            }
        }
    }

    fn try_again(&mut self, core: &Rc<Core>, handle: &ServerHandle, path: &Path) -> io::Result<()> {
        let (listener, file) = socket::make_again(path)?;
        self.serve_control(core, listener, handle);
        if let Some(former) = self.control_file.replace(file) {
            former.disown();
        }
        Ok(())
    }

    /// Removes the socket that a dead process left beside ours.
    pub(super) fn remove_aside(&self, pid: u32) {
        if let Some(path) = self.control_path().or_else(|| self.given_up.clone()) {
            // It is there only if the process got so far.
            let _ = std::fs::remove_file(aside(&path, pid));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{alone, taking_over};
    use crate::coordinator::upgrade::inheritance;
    use std::fs::{self, File};
    use std::io::{self, Read, Write};
    use std::net::{TcpListener, TcpStream};
    use std::os::fd::OwnedFd;
    use std::os::unix::net::{UnixListener, UnixStream};
    use std::path::PathBuf;
    use std::sync::Arc;
    use std::time::{Duration, Instant};

    /// A directory for a control socket.
    fn directory(name: &str) -> PathBuf {
        let name = format!("ringgate-operators-{}-{name}", std::process::id());
        let path = std::env::temp_dir().join(name);
        fs::create_dir(&path).expect("a directory");
        path
    }

    #[test]
    fn a_control_socket_that_cannot_be_had_back_at_once_is_made_when_it_is_looked_after() {
        let directory = directory("later");
        let path = directory.join("s");
        let (core, mut coordinator) = alone(None);
        let handle = coordinator.handle.clone();
        let operators = &mut coordinator.operators;
        operators.given_up = Some(path.clone());
        let held = File::open(&directory).expect("a directory");
        held.lock().expect("nobody has it");
        operators.reclaim(&core, &handle);
        operators.look_after(&core, &handle);
        assert!(operators.wants_control() && !path.exists(), "it is locked");
        drop(held);
        operators.look_after(&core, &handle);
        UnixStream::connect(&path).expect("it listens");
        // Another process takes its place and dies while the directory is locked.
        fs::remove_file(&path).expect("it is there");
        drop(UnixListener::bind(&path).expect("a socket"));
        let held = File::open(&directory).expect("a directory");
        held.lock().expect("nobody has it");
        operators.restore(&core, &handle);
        drop(held);
        operators.look_after(&core, &handle);
        UnixStream::connect(&path).expect("it listens");
        operators.control_file = None;
        fs::remove_dir_all(directory).expect("ours");
    }

    #[test]
    fn a_scrape_during_an_upgrade_waits_for_the_process_that_serves() {
        let (core, mut coordinator, _theirs) = taking_over();
        let handle = coordinator.handle.clone();
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("bound");
        let socket = Arc::new(OwnedFd::from(listener));
        let name = address.to_string();
        coordinator.operators.metrics_listener = Some((name.clone(), name, socket));
        let serves = !coordinator.inheritance.is_coming();
        coordinator.operators.serve(&core, &handle, serves);
        let mut scraper = TcpStream::connect(address).expect("it listens");
        let request = "GET /other HTTP/1.1\r\nHost: t\r\n\r\n";
        scraper.write_all(request.as_bytes()).expect("sent");
        scraper.set_nonblocking(true).expect("set");
        let turn = Some(Duration::from_millis(5));
        // As many turns as an answer takes, and more.
        (0..20).for_each(|_| core.turn(&mut coordinator, turn));
        let error = scraper.read(&mut [0; 1]).expect_err("no answer");
        assert_eq!(error.kind(), io::ErrorKind::WouldBlock);
        coordinator.inherit(&core, inheritance::Event::Owned(Ok(None)));
        let until = Instant::now() + Duration::from_secs(30);
        while scraper.read(&mut [0; 1]).is_err() {
            assert!(Instant::now() < until, "no answer");
            core.turn(&mut coordinator, turn);
        }
        // Its tasks end on it.
        let _ = core.teardown(&mut (), Duration::from_secs(1));
    }

    #[test]
    fn a_new_process_whose_control_socket_is_gone_from_beside_the_old_one_makes_another() {
        let directory = directory("gone");
        let goal = directory.join("s");
        let old = UnixListener::bind(&goal).expect("a socket");
        let (core, mut coordinator) = alone(None);
        let handle = coordinator.handle.clone();
        let operators = &mut coordinator.operators;
        let (_listener, file) = super::socket::make_aside(&goal, None).expect("a socket");
        fs::remove_file(file.path()).expect("it is there");
        operators.control_file = Some(file);
        operators.control_goal = Some(goal.clone());
        operators.claim(&core, &handle).expect("another one");
        drop(old);
        UnixStream::connect(&goal).expect("it listens");
        assert_eq!(operators.control_path(), Some(goal));
        operators.control_file = None;
        fs::remove_dir_all(directory).expect("ours");
    }
}
