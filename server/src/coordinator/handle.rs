//! The server as a program sees it: built, started, asked, waited for.

mod launch;
mod running;
mod simulated;
mod standing;
mod start_error;

use super::closing::Closing;
use super::core_info::CoreInfo;
use super::degraded::DegradedCell;
use super::event::{Command, Event};
use super::events::{OnEvent, ServerEvent, Subscription};
use super::listeners::Listeners;
use super::post::PostOffice;
use super::reply::{Reply, reply};
use super::run::{Coordinator, ReadConfig, SPARE_PLACES, Start};
use super::status::Status;
use super::thread::MakeApp;
use super::upgrade::{Legacy, UpgradeError, Upgraded};
use crate::config::{Config, CoreOrder, CorePlan, LimitsChange, PoolSize};
use crate::events::Hub;
use crate::handler::{Router, application, with_ids};
use crate::lane::{LaneOptions, Lanes, NoLane, Planned};
use crate::observe::log::LogHandle;
use crate::observe::metrics::Snapshot;
use crate::process::pid_file::PidFile;
use crate::process::privileges::Identity;
use crate::process::program::Program;
use crate::process::service_manager::ServiceManager;
use crate::process::starting::Ears;
pub(super) use launch::cpus_of;
pub use launch::refuse_inheritance;
use launch::{
    certificates_of, examine, hand_over_signals, hold_passed, operators, warn_of_lost_keys,
};
use ringgate_runtime::lane::{InCoreLane, Lane};
use ringgate_runtime::sys::cpu::cpu_mask;
use ringgate_runtime::sys::signals::{Signal, block_signals};
pub use running::{Ended, Running};
pub(crate) use simulated::Simulated;
pub use start_error::StartError;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::mpsc::sync_channel;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// How long a thread waits for the coordinator's answer; it is always awake to give one.
const ANSWER_PATIENCE: Duration = Duration::from_secs(10);

/// A server that has not started.
pub struct Server<S = ()> {
    config: Config,
    make_router: Box<dyn FnOnce(bool) -> Router<S>>,
    init: Box<dyn Fn(&CoreInfo) -> S + Send + Sync>,
    signals: bool,
    control: bool,
    log: Option<LogHandle>,
    lanes: Planned,
    hubs: Vec<Hub>,
    on_event: Vec<OnEvent>,
    read_config: Option<ReadConfig>,
    upgrades: bool,
    manager: Option<ServiceManager>,
    ears: Option<Ears>,
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
    ///
    /// ```no_run
    /// use ringgate::{Request, Router, Server, config::Config};
    ///
    /// async fn core(request: Request<u32>) -> String {
    ///     format!("core {}\n", request.state())
    /// }
    ///
    /// let server = Server::with_state(Config::default(), Router::new().get("/", core), |core| core.index());
    /// let ended = server.start()?.join();
    /// # Ok::<(), ringgate::StartError>(())
    /// ```
    pub fn with_state(
        config: Config,
        router: Router<S>,
        init: impl Fn(&CoreInfo) -> S + Send + Sync + 'static,
    ) -> Server<S> {
        Server::with_router(config, |_| router, init)
    }

    /// As [`Server::with_state`], for routes that depend on who can reach the server:
    /// `make_router` runs once when the addresses are bound, and is told whether all of them are
    /// loopback or Unix sockets ([`ServerHandle::is_local`]).
    pub fn with_router(
        config: Config,
        make_router: impl FnOnce(bool) -> Router<S> + 'static,
        init: impl Fn(&CoreInfo) -> S + Send + Sync + 'static,
    ) -> Server<S> {
        Server {
            config,
            make_router: Box::new(make_router),
            init: Box::new(init),
            signals: false,
            control: false,
            log: None,
            lanes: Planned::default(),
            hubs: Vec::new(),
            on_event: Vec::new(),
            read_config: None,
            upgrades: false,
            manager: None,
            ears: None,
        }
    }

    /// Gives the server a lane (docs/lanes.md): it is opened before the cores start, handlers find
    /// it by [`CoreInfo::lane`] or [`ServerHandle::lane`], and it ends after the last core.
    ///
    /// ```no_run
    /// # use ringgate::{Request, Router, Server, lane::{Lane, LaneError}, config::Config};
    /// # struct Connection;
    /// # impl Connection { fn count(&mut self) -> u64 { 0 } }
    /// # fn open_connection() -> Result<Connection, std::io::Error> { Ok(Connection) }
    /// async fn count(request: Request<Lane<Connection>>) -> Result<String, LaneError> {
    ///     let count = request.state().run(|connection| connection.count()).await?;
    ///     Ok(format!("{count}\n"))
    /// }
    ///
    /// let server = Server::with_state(Config::default(), Router::new().get("/count", count), |core| {
    ///     core.lane("database").expect("the server has it")
    /// })
    /// .lane("database", Lane::workers(1..=4).init(open_connection));
    /// ```
    #[must_use]
    pub fn lane(mut self, name: &str, lane: impl LaneOptions) -> Server<S> {
        self.lanes.add(name, lane);
        self
    }

    /// Closes this hub when the server is about to end, so that streams of its events end by themselves
    /// and hold up no drain ([`ServerHandle::draining`]).
    #[must_use]
    pub fn hub(mut self, hub: &Hub) -> Server<S> {
        self.hubs.push(hub.clone());
        self
    }

    /// Makes the control socket that the configuration names, so that `ringgate ctl` finds the
    /// server (docs/control.md). If a live server owns its path, or the default path cannot be
    /// had, a warning is logged and the server goes on without.
    #[must_use]
    pub fn with_control(mut self) -> Server<S> {
        self.control = true;
        self
    }

    /// Tells how many log lines were written and dropped in the metrics.
    #[must_use]
    pub fn with_log(mut self, log: LogHandle) -> Server<S> {
        self.log = Some(log);
        self
    }

    /// Calls `callback` for every event from the start on (row M12); may be used more than once.
    /// The callback runs on the coordinator's thread and must not block: nothing is resized,
    /// drained or answered meanwhile. A panic in it is logged and goes no further.
    #[must_use]
    pub fn on_event(mut self, callback: impl Fn(&ServerEvent) + Send + 'static) -> Server<S> {
        self.on_event.push(Box::new(callback));
        self
    }

    /// Reads the configuration again with `read` when asked to (HUP, `ctl reload`,
    /// [`ServerHandle::reload`]). The configuration that `read` returns comes into force as a whole
    /// or not at all. A panic in `read` is logged and refuses the reload.
    #[must_use]
    pub fn with_reload(
        mut self,
        read: impl Fn() -> Result<Config, String> + Send + 'static,
    ) -> Server<S> {
        self.read_config = Some(Box::new(read));
        self
    }

    /// As [`Server::with_reload`], for a server that nobody has told how.
    pub(crate) fn with_reload_unless_it_has(
        mut self,
        read: impl Fn() -> Result<Config, String> + Send + 'static,
    ) -> Server<S> {
        self.read_config.get_or_insert_with(|| Box::new(read));
        self
    }

    /// Can be upgraded in place (USR2, `ctl upgrade`, [`ServerHandle::upgrade`]): the program that
    /// this process was started by is started anew, with the same arguments and environment, and
    /// must call this as well. It then takes over, instead of binding, what this one listens on.
    #[must_use]
    pub fn with_upgrade(mut self) -> Server<S> {
        self.upgrades = true;
        self
    }

    /// Tells a service manager such as systemd when the server is ready, reloads, ends, hands over
    /// to a new process, and that it is alive.
    #[must_use]
    pub fn with_service_manager(mut self, manager: ServiceManager) -> Server<S> {
        self.manager = Some(manager);
        self
    }

    /// Obeys the process's signals: INT and TERM stop, QUIT drains, TTIN and TTOU add and remove a
    /// core, HUP reads the configuration again, USR1 opens the log file again,
    /// USR2 lets a new process take over. Call [`Server::start`] before other threads are made: they inherit the blocked
    /// signals.
    #[must_use]
    pub fn with_signals(mut self) -> Server<S> {
        self.signals = true;
        self
    }

    /// Binds the addresses and starts the cores. Returns when all of them accept, or those that could
    /// be started: the others are tried again ([`ServerHandle::degraded`]). A server that is told to end
    /// meanwhile has served nobody and did not fail: it is returned when it has ended.
    ///
    /// # Errors
    /// [`StartError`]: one line that names the cure. Nothing is left behind.
    pub fn start(self) -> Result<Running, StartError> {
        let mut inheritance = None;
        if self.upgrades {
            inheritance = Legacy::from_environment()
                .map_err(|error| StartError::Setup(format!("cannot take over: {error}")))?;
        }
        let result = self.launch(&mut inheritance);
        if let (Err(error), Some(inheritance)) = (&result, inheritance) {
            inheritance.refuse(&error.to_string());
        }
        result
    }

    /// Takes the inheritance only when nothing but a core can fail any more; the coordinator
    /// speaks for it from then on.
    fn launch(self, inheritance: &mut Option<Legacy>) -> Result<Running, StartError> {
        let Server {
            config,
            make_router,
            init,
            signals,
            control,
            log,
            lanes,
            hubs,
            on_event,
            read_config,
            upgrades,
            manager,
            ears,
        } = self;
        config.check().map_err(StartError::Config)?;
        hold_passed(&config, inheritance.as_ref())?;
        // Before user and group change: keys may be root's alone.
        let tls = certificates_of(&config, inheritance.as_mut())?;
        let pins = examine(&config)?;
        let cpus = cpu_mask().map_err(|error| StartError::Setup(error.to_string()))?;
        let machine = cpus_of(cpus.len());
        let plan = CorePlan::new(config.cores, config.core_slots, &machine);
        let obeyed: &[Signal] = if signals { &OBEYED } else { &[] };
        block_signals(obeyed).map_err(|error| StartError::Setup(error.to_string()))?;
        let identity = Identity::wished(&config).map_err(StartError::Config)?;
        // That of the older process, if there is one, is replaced when it has given everything up.
        let pid_file = match (&config.pid_file, &inheritance) {
            (Some(path), None) => {
                Some(PidFile::create(path, None, identity.as_ref()).map_err(StartError::Setup)?)
            }
            _ => None,
        };
        let left = inheritance.as_mut();
        let left = left.map(|left| std::mem::take(&mut left.listeners));
        let places = plan.slots.get() + SPARE_PLACES;
        let left = left.unwrap_or_default();
        let mut listeners =
            Listeners::bind(&config, plan.slots.get(), places, left, identity.as_ref())
                .map_err(StartError::Listen)?;
        if inheritance.is_some() {
            listeners.all_away();
        }
        let (operators, control_path, metrics_address) = operators(
            &config,
            control,
            log,
            inheritance,
            identity.as_ref(),
            plan.slots.get(),
        )?;
        if let Some(identity) = identity {
            identity.assume().map_err(StartError::Setup)?;
            warn_of_lost_keys(&config);
        }
        let program = upgrades.then(Program::current).transpose();
        let program = program.map_err(|error| {
            StartError::Setup(format!("cannot tell which program this is: {error}"))
        })?;
        let lanes = lanes.open().map_err(StartError::Lane)?;
        let post = PostOffice::new(places);
        let shared = Arc::new(HandleShared {
            addresses: Mutex::new(listeners.addresses()),
            local: listeners.local,
            control_path,
            metrics_address,
            ready: AtomicBool::new(false),
            degraded: DegradedCell::default(),
            bounds: Mutex::default(),
            lanes,
            closing: Closing::new(hubs),
            owed: AtomicU32::new(0),
            post: post.clone(),
        });
        let handle = ServerHandle(shared);
        handle.add_bound(machine.explain(config.cores, &plan));
        let router = make_router(listeners.local);
        let router = with_ids(router, config.proxies.request_id.as_deref());
        let router = Arc::new(router.sealed());
        let make_app: Arc<MakeApp> =
            Arc::new(move |info: &CoreInfo| application(&router, init(info), info.server()));
        hand_over_signals(ears)?;
        let (started, wait) = sync_channel(1);
        let start = Start {
            config,
            plan,
            cpus: cpus.iter().map(|cpu| *cpu as u32).collect(),
            pins,
            listeners,
            tls,
            operators,
            make_app,
            post,
            handle: handle.clone(),
            signals: obeyed,
            on_event,
            read_config,
            program,
            legacy: inheritance.take(),
            manager,
            pid_file,
            started,
        };
        let thread = std::thread::Builder::new()
            .name(COORDINATOR.to_owned())
            .spawn(move || Coordinator::run(start))
            .map_err(|error| StartError::Setup(format!("cannot start a thread: {error}")))?;
        match wait.recv() {
            Ok(Ok(())) => Ok(Running::new(handle, thread)),
            Ok(Err(error)) => {
                // It has told its error, and has nothing else to tell.
                let _ = thread.join();
                Err(StartError::Setup(error))
            }
            Err(_) => {
                // The panic hook has told of its panic.
                let _ = thread.join();
                Err(StartError::Setup(
                    "the coordinator ended while starting".to_owned(),
                ))
            }
        }
    }
}

/// The name of the coordinator's thread, by which a process is known for a server.
pub(crate) const COORDINATOR: &str = "rg-coord";

/// Signals that a server obeys.
pub(crate) const OBEYED: [Signal; 8] = [
    Signal::Int,
    Signal::Term,
    Signal::Quit,
    Signal::Ttin,
    Signal::Ttou,
    Signal::Hup,
    Signal::Usr1,
    Signal::Usr2,
];

/// Blocks the signals that [`Server::with_signals`] obeys, for this thread and those it starts. For
/// a program that makes threads before it starts the server: call it first. CHLD is blocked too, for
/// [`crate::process::reaper`].
///
/// ```no_run
/// fn main() -> Result<(), Box<dyn std::error::Error>> {
///     ringgate::block_obeyed_signals()?;
///     let worker = std::thread::spawn(|| { /* no signal ends up here */ });
///     let server = ringgate::Server::new(ringgate::config::Config::default(), ringgate::Router::new());
///     server.with_signals().start()?.join();
///     worker.join().map_err(|_| "the worker panicked".into())
/// }
/// ```
///
/// # Errors
/// Whatever pthread_sigmask(3) answers.
pub fn block_obeyed_signals() -> std::io::Result<()> {
    block_signals(&OBEYED)?;
    block_signals(&[Signal::Chld])
}

struct HandleShared {
    addresses: Mutex<Vec<String>>,
    local: bool,
    control_path: Option<PathBuf>,
    metrics_address: Option<String>,
    ready: AtomicBool,
    degraded: DegradedCell,
    /// Lines that say what bounds cores and connections.
    bounds: Mutex<Vec<String>>,
    lanes: Lanes,
    closing: Closing,
    /// Answers that the control socket has not sent yet.
    owed: AtomicU32,
    post: Arc<PostOffice>,
}

/// A handle on a running server, for any thread and any task.
///
/// ```
/// use ringgate::config::Config;
/// use ringgate::{Router, Server};
///
/// let config = Config {
///     listen: vec!["127.0.0.1:0".parse()?],
///     ..Config::default()
/// };
/// let running = Server::new(config, Router::new().get("/", |_| async { "hello" })).start()?;
/// let server = running.handle().clone(); // for any thread
/// assert!(server.is_ready() && server.is_local());
/// assert!(server.addresses()[0].contains("127.0.0.1:"));
/// server.drain();
/// assert!(running.join().failed.is_none());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct ServerHandle(Arc<HandleShared>);

impl ServerHandle {
    /// Whether only this machine can connect: every address is loopback or a Unix socket.
    pub fn is_local(&self) -> bool {
        self.0.local
    }

    /// Where the control socket is, if there is one.
    pub fn control_path(&self) -> Option<&Path> {
        self.0.control_path.as_deref()
    }

    /// Where metrics are served, as bound, if they are.
    pub fn metrics_address(&self) -> Option<&str> {
        self.0.metrics_address.as_deref()
    }

    /// Whether new work is welcome: started and not ending.
    pub fn is_ready(&self) -> bool {
        self.0.ready.load(Ordering::Acquire)
    }

    pub(crate) fn lanes(&self) -> &Lanes {
        &self.0.lanes
    }

    pub(super) fn closing(&self) -> &Closing {
        &self.0.closing
    }

    /// The lane of this name whose workers each have a `C`.
    ///
    /// # Errors
    /// [`NoLane`], a mistake of the program: there is no such lane, or its `init` makes another
    /// type.
    pub fn lane<C: 'static>(&self, name: &str) -> Result<Lane<C>, NoLane> {
        self.0.lanes.workers(name)
    }

    /// The lane of this name that lives in the cores.
    ///
    /// # Errors
    /// [`NoLane`], a mistake of the program: there is no such lane, or it has workers.
    pub fn in_core_lane(&self, name: &str) -> Result<InCoreLane, NoLane> {
        self.0.lanes.in_core(name)
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

    /// The figures that metrics are rendered from; None once the server has ended. The counts of the log
    /// are the log's ([`LogHandle::written`]) and not filled in.
    pub async fn metrics(&self) -> Option<Snapshot> {
        self.ask(Command::Metrics).await
    }

    /// Sets the number of cores; 0 stops all of them: listeners stay open, connections wait, until
    /// a later resize brings a core. The automatic rules rest until [`ServerHandle::resize_auto`].
    ///
    /// # Errors
    /// A line that says why not: more than there are slots.
    pub async fn resize(&self, cores: u32) -> Result<(), String> {
        self.set_size(PoolSize::Cores(cores), false).await
    }

    /// As [`ServerHandle::resize`], and returns when the last core is there or gone. A core that
    /// leaves finishes what runs on it first.
    ///
    /// # Errors
    /// Likewise; also when another resize or the end of the server came between, and after 5 s if
    /// cores cannot be started: the number stays, and they are tried again.
    pub async fn resize_and_wait(&self, cores: u32) -> Result<(), String> {
        self.set_size(PoolSize::Cores(cores), true).await
    }

    /// Lets the automatic rules set the number of cores again, within the configured bounds.
    ///
    /// # Errors
    /// A line that says why not.
    pub async fn resize_auto(&self) -> Result<(), String> {
        self.set_size(PoolSize::Auto, false).await
    }

    pub(crate) async fn set_size(&self, size: PoolSize, wait: bool) -> Result<(), String> {
        let answer = self.ask(|reply| Command::Resize { size, wait, reply });
        answer.await.unwrap_or_else(has_ended)
    }

    /// As [`ServerHandle::resize`], waiting in this thread.
    ///
    /// # Errors
    /// Likewise.
    pub fn wait_resize(&self, cores: u32) -> Result<(), String> {
        let size = PoolSize::Cores(cores);
        let wait = false;
        let answer = self
            .ask(|reply| Command::Resize { size, wait, reply })
            .wait(ANSWER_PATIENCE);
        answer.unwrap_or_else(has_ended)
    }

    /// Asks for one core less, now instead of at the next trim: never below the minimum, never one
    /// that is busy, and not while work is queued (row P6).
    ///
    /// # Errors
    /// A line that says why none leaves.
    pub async fn trim(&self) -> Result<(), String> {
        self.ask(Command::Trim).await.unwrap_or_else(has_ended)
    }

    /// Gives an order to one core (row M15). A dump is answered with the state of the core and the
    /// stack of its thread.
    ///
    /// # Errors
    /// A line that says why not: there is no such core, or the server is ending.
    pub async fn order_core(&self, core: u32, order: CoreOrder) -> Result<String, String> {
        let answer = self.ask(|reply| Command::Core { core, order, reply });
        answer.await.unwrap_or_else(has_ended)
    }

    /// Lets a core panic outside of every handler, to show that it is replaced.
    pub fn panic_core(&self, core: u32) {
        self.command(Command::PanicCore(core));
    }

    /// Reads the configuration again: all that [`Server::with_reload`]'s closure answers comes into
    /// force, or nothing. Connections live on; timeouts hold for waits that have begun as well.
    ///
    /// # Errors
    /// A line that names what is wrong and where; or the options that cannot change under a running
    /// server.
    pub async fn reload(&self) -> Result<(), String> {
        let answer = self.ask(Command::Reload).await;
        answer.unwrap_or_else(|| Err("the server has ended".to_owned()))
    }

    /// Starts the program anew and hands everything over to it, listeners and idle connections, so
    /// that no connection is lost. `binary` runs instead of the program that this server was
    /// started by. Returns when the new process serves and owns the control socket; this one then
    /// finishes what it has.
    ///
    /// # Errors
    /// [`UpgradeError`]: why the new process does not serve. The process that was to be replaced goes on as before.
    pub async fn upgrade(&self, binary: Option<PathBuf>) -> Result<Upgraded, UpgradeError> {
        let answer = self.ask(|reply| Command::Upgrade { binary, reply });
        answer
            .await
            .unwrap_or(Err(UpgradeError::NotRunning("stopped")))
    }

    /// All events from now on, for the control socket.
    pub(crate) async fn events(&self) -> Result<Subscription, String> {
        let answer = self.ask(Command::Events).await;
        answer.unwrap_or_else(|| Err("the server has ended".to_owned()))
    }

    /// An answer is owed on the control socket until the result is dropped: the end of the server
    /// waits for it a little.
    pub(crate) fn owe_answer(&self) -> OwedAnswer {
        self.0.owed.fetch_add(1, Ordering::AcqRel);
        OwedAnswer(self.clone())
    }

    pub(crate) fn owes_answers(&self) -> bool {
        self.0.owed.load(Ordering::Acquire) > 0
    }

    /// Puts other limits of admission in force (row H14). Waiting requests start in order as far as
    /// there are slots now, running ones are not touched, and requests that wait beyond the new
    /// bound are refused.
    ///
    /// # Errors
    /// A line that says why not; the old limits stay.
    pub async fn set_limits(&self, change: LimitsChange) -> Result<(), String> {
        let answer = self.ask(|reply| Command::Limits(change, reply)).await;
        answer.unwrap_or_else(|| Err("the server has ended".to_owned()))
    }

    /// As [`ServerHandle::set_limits`], waiting in this thread.
    ///
    /// # Errors
    /// Likewise.
    pub fn wait_set_limits(&self, change: LimitsChange) -> Result<(), String> {
        let answer = self.ask(|reply| Command::Limits(change, reply));
        let answer = answer.wait(ANSWER_PATIENCE);
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

/// See [`ServerHandle::owe_answer`].
pub(crate) struct OwedAnswer(ServerHandle);

impl Drop for OwedAnswer {
    fn drop(&mut self) {
        self.0.0.owed.fetch_sub(1, Ordering::AcqRel);
    }
}

fn has_ended<T>() -> Result<T, String> {
    Err("the server has ended".to_owned())
}

impl fmt::Debug for ServerHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "server on {}", self.addresses().join(", "))
    }
}
