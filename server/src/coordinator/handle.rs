//! What a program does with a server: build it, start it, ask it, wait for its end.

use super::event::{Command, Event};
use super::listeners::{ListenError, Listeners};
use super::post::PostOffice;
use super::reply::{Reply, reply};
use super::run::{Coordinator, Start};
use super::status::Status;
use super::thread::MakeApp;
use crate::admission::ledger::{Connections, Requests};
use crate::config::{self, Config, CorePlan};
use crate::handler::{PerCore, Router};
use ringgate_runtime::sys::cpu::cpu_mask;
use ringgate_runtime::sys::signals::{Signal, block_signals};
use std::fmt;
use std::num::NonZeroU32;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::sync_channel;
use std::thread::JoinHandle;
use std::time::Duration;

/// How long a thread waits for the coordinator's answer; it is always awake to give one.
const ANSWER_PATIENCE: Duration = Duration::from_secs(10);

/// A server that has not started.
pub struct Server<S = ()> {
    config: Config,
    router: Router<S>,
    init: Box<dyn Fn(&CoreInfo) -> S + Send + Sync>,
    signals: bool,
}

impl Server<()> {
    /// A server whose handlers share no state.
    pub fn new(config: Config, router: Router<()>) -> Server<()> {
        Server::with_state(config, router, |_| ())
    }
}

impl<S: 'static> Server<S> {
    /// A server with state per core: `init` runs once on each core before it takes work (row H13),
    /// and the state is dropped when the core ends.
    pub fn with_state(
        config: Config,
        router: Router<S>,
        init: impl Fn(&CoreInfo) -> S + Send + Sync + 'static,
    ) -> Server<S> {
        Server {
            config,
            router,
            init: Box::new(init),
            signals: false,
        }
    }

    /// Obeys the process's signals: INT and TERM stop, QUIT drains, TTIN and TTOU add and remove a
    /// core. Call [`Server::start`] before other threads are made: they inherit the blocked
    /// signals.
    #[must_use]
    pub fn with_signals(mut self) -> Server<S> {
        self.signals = true;
        self
    }

    /// Binds the addresses and starts the cores. Returns when all of them accept.
    ///
    /// # Errors
    /// [`StartError`]: one line that names the cure. Nothing is left behind.
    pub fn start(self) -> Result<Running, StartError> {
        let Server {
            config,
            router,
            init,
            signals,
        } = self;
        config.check().map_err(StartError::Config)?;
        let cpus = cpu_mask().map_err(|error| StartError::Setup(error.to_string()))?;
        let count = u32::try_from(cpus.len()).ok().and_then(NonZeroU32::new);
        let count = count.unwrap_or(NonZeroU32::MIN);
        let plan = CorePlan::new(config.cores, config.core_slots, count);
        let obeyed: &[Signal] = if signals { &OBEYED } else { &[] };
        block_signals(obeyed).map_err(|error| StartError::Setup(error.to_string()))?;
        let listeners =
            Listeners::bind(&config.listen, plan.slots.get()).map_err(StartError::Listen)?;
        let post = PostOffice::new(plan.slots.get());
        let shared = Arc::new(HandleShared {
            addresses: listeners.addresses(),
            local: listeners.local,
            ready: AtomicBool::new(false),
            post: post.clone(),
        });
        let handle = ServerHandle(shared);
        let router = Arc::new(router);
        let make_app: Arc<MakeApp> = Arc::new(move |info: &CoreInfo| {
            Rc::new(PerCore {
                router: router.clone(),
                state: Rc::new(init(info)),
            })
        });
        let (started, wait) = sync_channel(1);
        let start = Start {
            config,
            plan,
            cpus: cpus.iter().map(|cpu| *cpu as u32).collect(),
            listeners,
            make_app,
            post,
            handle: handle.clone(),
            signals: obeyed,
            started,
        };
        let thread = std::thread::Builder::new()
            .name("rg-coord".to_owned())
            .spawn(move || Coordinator::run(start))
            .map_err(|error| StartError::Setup(format!("cannot start a thread: {error}")))?;
        match wait.recv() {
            Ok(Ok(())) => Ok(Running { handle, thread }),
            Ok(Err(error)) => {
                let _ = thread.join();
                Err(StartError::Setup(error))
            }
            Err(_) => {
                let _ = thread.join();
                Err(StartError::Setup(
                    "the coordinator ended while starting".to_owned(),
                ))
            }
        }
    }
}

/// Signals that a server obeys.
const OBEYED: [Signal; 5] = [
    Signal::Int,
    Signal::Term,
    Signal::Quit,
    Signal::Ttin,
    Signal::Ttou,
];

/// Why a server did not start.
#[derive(Debug)]
#[non_exhaustive]
pub enum StartError {
    /// The configuration contradicts itself.
    Config(config::Error),
    /// An address cannot be listened on.
    Listen(ListenError),
    /// A ring, a thread or a pin could not be had.
    Setup(String),
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StartError::Config(error) => error.fmt(f),
            StartError::Listen(error) => error.fmt(f),
            StartError::Setup(error) => f.write_str(error),
        }
    }
}

impl std::error::Error for StartError {}

/// Who a core is, for `init`.
#[derive(Debug, Clone)]
pub struct CoreInfo {
    pub(crate) index: u32,
    pub(crate) cpu: Option<u32>,
    pub(crate) server: ServerHandle,
}

impl CoreInfo {
    /// The core's number, from 0.
    pub fn index(&self) -> u32 {
        self.index
    }

    /// The CPU its thread is pinned to.
    pub fn cpu(&self) -> Option<u32> {
        self.cpu
    }

    /// The server.
    pub fn server(&self) -> &ServerHandle {
        &self.server
    }
}

struct HandleShared {
    addresses: Vec<String>,
    local: bool,
    ready: AtomicBool,
    post: Arc<PostOffice>,
}

/// A handle on a running server, for any thread and any task.
#[derive(Clone)]
pub struct ServerHandle(Arc<HandleShared>);

impl ServerHandle {
    /// The addresses it listens on, as bound.
    pub fn addresses(&self) -> Vec<String> {
        self.0.addresses.clone()
    }

    /// Whether only this machine can connect: every address is loopback or a Unix socket.
    pub fn is_local(&self) -> bool {
        self.0.local
    }

    /// Whether new work is welcome: started and not ending.
    pub fn is_ready(&self) -> bool {
        self.0.ready.load(Ordering::Acquire)
    }

    pub(crate) fn set_ready(&self, ready: bool) {
        self.0.ready.store(ready, Ordering::Release);
    }

    fn command(&self, command: Command) {
        self.0.post.tell(Event::Command(command));
    }

    fn ask<T>(&self, make: impl FnOnce(Reply<T>) -> Command) -> super::reply::Answer<T> {
        let (reply, answer) = reply();
        self.command(make(reply));
        answer
    }

    /// How the server stands; None once it has ended.
    pub async fn status(&self) -> Option<Status> {
        self.ask(Command::Status).await
    }

    /// As [`ServerHandle::status`], waiting in this thread. Not for a core's own thread, which the
    /// coordinator asks for its figures.
    pub fn wait_status(&self) -> Option<Status> {
        self.ask(Command::Status).wait(ANSWER_PATIENCE)
    }

    /// Sets the number of cores.
    ///
    /// # Errors
    /// A line that says why not: more than there are slots, or none.
    pub async fn resize(&self, cores: u32) -> Result<(), String> {
        let answer = self.ask(|reply| Command::Resize(cores, reply)).await;
        answer.unwrap_or_else(|| Err("the server has ended".to_owned()))
    }

    /// As [`ServerHandle::resize`], waiting in this thread.
    ///
    /// # Errors
    /// Likewise.
    pub fn wait_resize(&self, cores: u32) -> Result<(), String> {
        let answer = self
            .ask(|reply| Command::Resize(cores, reply))
            .wait(ANSWER_PATIENCE);
        answer.unwrap_or_else(|| Err("the server has ended".to_owned()))
    }

    /// Ends gracefully: what was begun is finished. A second call changes nothing.
    pub fn drain(&self) {
        self.command(Command::Drain);
    }

    /// Ends at once. Stopping what has ended is nothing (row H15).
    pub fn stop(&self) {
        self.command(Command::Stop);
    }
}

impl fmt::Debug for ServerHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "server on {}", self.0.addresses.join(", "))
    }
}

/// A server that runs.
#[derive(Debug)]
pub struct Running {
    handle: ServerHandle,
    thread: JoinHandle<Ended>,
}

impl Running {
    /// The handle.
    pub fn handle(&self) -> &ServerHandle {
        &self.handle
    }

    /// Waits for its end.
    pub fn join(self) -> Ended {
        let failed = || Ended {
            failed: Some("the coordinator panicked".to_owned()),
            ..Ended::default()
        };
        self.thread.join().unwrap_or_else(|_| failed())
    }
}

/// How a server ended.
#[derive(Debug, Clone, Default)]
pub struct Ended {
    /// Requests that a graceful end had to cut off.
    pub cut: u64,
    /// Why it ended by itself, if it did.
    pub failed: Option<String>,
    /// The ledger of connections over all cores, from start to end.
    pub connections: Connections,
    /// The ledger of requests over all cores, from start to end.
    pub requests: Requests,
}
