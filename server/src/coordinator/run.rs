//! The coordinator's loop: hears events, changes the pool, performs the plan.

mod allotment;
mod ancestors;
mod asking;
mod balance;
mod certificates;
mod elastic;
mod ending;
mod finishing;
#[cfg(test)]
mod generations;
mod heart;
mod inheriting;
mod inquiry;
mod key;
mod limits;
mod link;
mod operators;
mod orders;
mod outside;
mod parked;
mod poll;
mod recycle;
pub(super) mod reload;
mod resizing;
mod shown;
mod sizing;
mod stale_rings;
mod succeeding;

use super::core_info::CoreInfo;
use super::event::{Command, CoreEnd, CoreUp, Event};
use super::events::{Events, OnEvent, ServerEvent};
use super::handle::{Ended, ServerHandle};
use super::listeners::Listeners;
use super::plan::{Action, Baton, CoreState, Pool};
use super::post::{PostOffice, Postman, SUCCESSOR};
use super::rules::wear;
use super::thread::{CoreThread, MakeApp};
use super::upgrade::Legacy;
use super::upgrade::hand_over::Luggage;
use super::upgrade::inheritance::{self, Inheritance};
use super::upgrade::succession::{self, Succession};
use crate::admission::gate::Gate;
use crate::admission::ledger::{CoreStats, Ledgers};
use crate::certificates::{Expiry, Loaded};
use crate::config::{Config, CorePlan, OnTerm};
use crate::connection::{ListenerId, Message};
use crate::process::pid_file::PidFile;
use crate::process::program::Program;
use crate::process::reaper;
use crate::process::service_manager::ServiceManager;
use ending::Phase;
use inquiry::{Asked, Inquiries};
use key::Key;
use outside::Outside;
use poll::Poll;
use ringgate_runtime::buffer::PoolOptions;
use ringgate_runtime::sys::registry::SocketRegistry;
use ringgate_runtime::sys::signals::{Signal, SignalFd};
use ringgate_runtime::sys::thread::{join_within, try_join};
use ringgate_runtime::timer::TimerId;
use ringgate_runtime::{Core, CoreOptions, Event as Completion, Moment, Remote, Sink};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::mpsc::SyncSender;
use std::thread::JoinHandle;
use std::time::Duration;
use succeeding::Processes;

pub(crate) use operators::Operators;
pub(crate) use reload::ReadConfig;

/// Places for threads beyond the listener slots: for the replacements of cores that are stuck, or
/// that leave only when their replacement runs.
pub(super) const SPARE_PLACES: u32 = 16;
/// How long the thread of a core that has told of its end is waited for.
const THREAD_PATIENCE: Duration = Duration::from_millis(100);
/// poll(2) POLLIN, on every architecture.
const POLL_IN: u32 = 1;

/// All a coordinator starts with.
pub(crate) struct Start {
    pub(crate) config: Config,
    pub(crate) plan: CorePlan,
    pub(crate) cpus: Vec<u32>,
    /// Whether threads can be pinned to them.
    pub(crate) pins: bool,
    pub(crate) listeners: Listeners,
    pub(crate) tls: Option<Loaded>,
    pub(crate) operators: Operators,
    pub(crate) make_app: Arc<MakeApp>,
    pub(crate) post: Arc<PostOffice>,
    pub(crate) handle: ServerHandle,
    pub(crate) signals: &'static [Signal],
    pub(crate) on_event: Vec<OnEvent>,
    pub(crate) read_config: Option<ReadConfig>,
    pub(crate) program: Option<Program>,
    pub(crate) legacy: Option<Legacy>,
    pub(crate) manager: Option<ServiceManager>,
    pub(crate) pid_file: Option<PidFile>,
    pub(crate) started: SyncSender<Result<(), String>>,
}

struct Slot {
    stats: Arc<CoreStats>,
    epoch: u32,
    thread: Option<JoinHandle<()>>,
    remote: Option<Remote>,
    /// Open sockets of the core.
    sockets: Arc<SocketRegistry>,
    /// The figures that its core told last.
    told: Ledgers,
    heart: heart::Heart,
    work: elastic::Work,
    /// When its thread was started.
    since: Moment,
    /// Drawn then, for how many connections it accepts.
    draw: u64,
    /// When patience with a core that leaves is over.
    leave_by: Option<Moment>,
    /// Whether it is to end at once instead of leaving.
    kill: bool,
}

/// The state of the loop. Decisions that need no system call are made by the machines that it holds.
pub(crate) struct Coordinator {
    config: Arc<Config>,
    cpus: Vec<u32>,
    pins: bool,
    listeners: Listeners,
    /// The certificates in force, if a listener speaks TLS.
    tls: Option<Loaded>,
    expiry: Expiry,
    operators: Operators,
    make_app: Arc<MakeApp>,
    post: Arc<PostOffice>,
    handle: ServerHandle,
    gate: Arc<Gate>,
    started: Option<SyncSender<Result<(), String>>>,
    signals: Option<(SignalFd, Poll)>,
    pool: Pool,
    slots: Vec<Slot>,
    /// Threads of cores that have ended, which still drop what handlers keep by thread.
    lingering: Vec<JoinHandle<()>>,
    ending: ending::Ending,
    allotment: allotment::Allotment,
    sizing: sizing::Sizing,
    parked: parked::Parked,
    balancing: bool,
    stale_rings: stale_rings::StaleRings,
    inquiries: Inquiries,
    /// The timer of the next look at who has not answered an inquiry.
    next_look: Option<(TimerId, Moment)>,
    began: Moment,
    events: Events,
    read_config: Option<ReadConfig>,
    succession: Succession,
    inheritance: Inheritance,
    processes: Processes,
    manager: Option<ServiceManager>,
    pid_file: Option<PidFile>,
    /// The timers of what is done for the world outside again and again.
    outside: Outside,
}

impl Coordinator {
    /// The whole life of the coordinator's thread.
    pub(crate) fn run(start: Start) -> Ended {
        let started = start.started.clone();
        match Coordinator::new(start) {
            Ok((core, mut coordinator)) => {
                // Also past the loop: what is still owed on the control socket is said in turns of
                // the end, and tasks set timers.
                let _entered = core.enter();
                let handle = coordinator.handle.clone();
                let serves = !coordinator.inheritance.is_coming();
                coordinator.operators.serve(&core, &handle, serves);
                coordinator.replan(&core);
                let ran = core.run(&mut coordinator, |coordinator| {
                    coordinator.phase() == Phase::Stopped
                });
                if let Err(error) = ran {
                    // Nobody would be heard any more: the process ends for its supervisor to start it anew.
                    let why = format!("the coordinator: {error}");
                    coordinator.end_by(&core, ending::Event::Fails(why));
                }
                coordinator.finish(&core)
            }
            Err(error) => {
                // The one who started is waiting for it.
                let _ = started.send(Err(error.clone()));
                Ended {
                    failed: Some(error),
                    ..Ended::default()
                }
            }
        }
    }

    fn new(start: Start) -> Result<(Rc<Core>, Coordinator), String> {
        let options = CoreOptions {
            entries: 64,
            buffers: PoolOptions {
                buffers: 16,
                buffer_size: 4096,
                leases_kept: 64,
            },
            ..super::thread::core_options(&start.config)
        };
        let core = Core::new(options).map_err(|error| error.to_string())?;
        let signals = match start.signals {
            [] => None,
            signals => {
                let signals = SignalFd::new(signals).map_err(|error| error.to_string())?;
                let poll = Poll::new(&core, &signals, Key::Signals);
                Some((signals, poll))
            }
        };
        start.post.attach_coordinator(Some(core.remote()));
        let config = Arc::new(start.config);
        let gate = Gate::of(&config, Box::new(Postman(start.post.clone())));
        let places = start.plan.slots.get() + SPARE_PLACES;
        let pool = Pool {
            target: start.plan.min.get(),
            // From the first core on the others would only have to take their batons back.
            accepting: false,
            spawning: true,
            cores: vec![CoreState::Absent; places as usize],
            stuck: vec![false; places as usize],
            seats: start
                .listeners
                .all
                .iter()
                .map(|listener| listener.seat)
                .collect(),
        };
        let began = core.now();
        let allotment = allotment::Allotment::new(&start.plan, &start.listeners, &start.handle);
        let mut coordinator = Coordinator {
            config,
            cpus: start.cpus,
            pins: start.pins,
            listeners: start.listeners,
            tls: start.tls,
            expiry: Expiry::default(),
            operators: start.operators,
            make_app: start.make_app,
            post: start.post,
            handle: start.handle,
            gate,
            started: Some(start.started),
            signals,
            pool,
            slots: (0..places)
                .map(|_| Slot {
                    stats: Arc::default(),
                    epoch: 0,
                    thread: None,
                    remote: None,
                    sockets: Arc::default(),
                    told: Ledgers::default(),
                    heart: heart::Heart::of(began),
                    work: elastic::Work::default(),
                    since: began,
                    draw: 0,
                    leave_by: None,
                    kill: false,
                })
                .collect(),
            lingering: Vec::new(),
            ending: ending::Ending::default(),
            allotment,
            sizing: sizing::Sizing::new(&start.plan, began),
            parked: parked::Parked::default(),
            balancing: false,
            stale_rings: stale_rings::StaleRings::default(),
            inquiries: Inquiries::default(),
            next_look: None,
            began,
            events: Events::new(start.on_event),
            read_config: start.read_config,
            succession: Succession::default(),
            inheritance: Inheritance::default(),
            processes: Processes::new(start.program),
            manager: start.manager,
            pid_file: start.pid_file,
            outside: Outside::default(),
        };
        if let Some(legacy) = start.legacy {
            coordinator.begin_to_inherit(&core, legacy);
        }
        core.set_timer(began + coordinator.tick(), Key::Tick.to_key());
        coordinator.tell_certificates();
        Ok((core, coordinator))
    }

    /// A timer has fired, or there is something to read.
    fn on_key(&mut self, core: &Rc<Core>, key: Key) {
        match key {
            Key::Signals => {
                while let Some((signals, _)) = &self.signals
                    && let Ok(Some(signal)) = signals.read()
                {
                    self.hear(core, Event::Signal(signal));
                }
            }
            Key::Older => self.hear_older(core),
            Key::OlderEnd => self.older_has_ended(core),
            Key::Newer(pid) => self.hear_newer(core, pid),
            Key::NewerEnd(pid) => self.newer_has_ended(core, pid),
            Key::Tick => {
                core.set_timer(core.now() + self.tick(), Key::Tick.to_key());
                self.arm_polls(core);
                self.hear(core, Event::Tick);
            }
            Key::Figures => {
                self.next_look = None;
                self.look_at_inquiries(core);
            }
            Key::Sweep => self.sweep_gate(core),
            Key::Rested(index) => self.hear(core, Event::Rested(index)),
            Key::CloseGates => self.hear(core, Event::DrainGraceOver),
            Key::GraceOver => self.hear(core, Event::GraceOver),
            // Every event is followed by a look at the end.
            Key::Patience => {}
            Key::Watchdog => self.on_watchdog(core),
            Key::Files => self.on_files(core),
            Key::StaleRings => self.rings_are_clear(),
            Key::Late => self.newer_is_late(core),
            Key::LastCall => self.succeed(core, succession::Event::LastCall),
            Key::HandOver => self.on_handover_tick(core),
        }
    }

    fn hear(&mut self, core: &Rc<Core>, event: Event) {
        match event {
            Event::CoreUp(up) => self.core_up(core, up),
            Event::CoreFailed(index, error) => self.core_failed(core, index, &error),
            Event::CoreEnded(end) => self.core_ended(core, end),
            Event::Disarmed(index, listener) => self.disarmed(index, listener),
            Event::Undelivered(index) => self.forward(core.now(), index),
            Event::Parked(parcel) => self.deliver(core.now(), Luggage::Parcel(parcel)),
            Event::Worn(index) => self.expire(index, "it has accepted as many as it was to"),
            Event::Rested(index) => self.size(core, sizing::Event::Rested { core: index }),
            Event::Tick => self.on_tick(core),
            Event::Signal(signal) => self.obey(core, signal),
            Event::Published(index, inquiry, ledgers) => {
                self.published(core, index, inquiry, *ledgers);
            }
            Event::Command(Command::Status(reply)) => self.inquire(core, Asked::Status(reply)),
            Event::Command(Command::Metrics(reply)) => self.inquire(core, Asked::Metrics(reply)),
            Event::Command(Command::Resize { size, wait, reply }) => {
                let reply = Some(reply);
                self.size(core, sizing::Event::Ordered { size, wait, reply });
            }
            Event::Command(Command::Trim(reply)) => {
                let trim = sizing::Event::Trim(self.demand(), reply);
                self.size(core, trim);
            }
            Event::Command(Command::Core {
                core: index,
                order,
                reply,
            }) => self.on_order(core, index, order, reply),
            Event::Command(Command::PanicCore(index)) => self.panic_core(index),
            Event::Command(Command::Events(reply)) => reply.send(self.events.subscribe()),
            Event::Command(Command::Reload(reply)) => reply.send(self.reload(core)),
            Event::Command(Command::Upgrade { binary, reply }) => {
                self.upgrade(core, binary, Some(reply));
            }
            Event::HandOver(parcel) => self.hand_on(core.now(), Luggage::Parcel(parcel)),
            Event::Command(Command::Limits(change, reply)) => {
                reply.send(self.set_limits(core, change));
            }
            Event::Command(Command::Drain) => self.drain(core),
            Event::Command(Command::Stop) => self.stop(core),
            Event::DrainGraceOver => self.end_by(core, ending::Event::GatesClose),
            Event::GraceOver => self.end_by(core, ending::Event::GraceOver),
        }
    }

    fn core_up(&mut self, core: &Rc<Core>, up: CoreUp) {
        let index = up.core as usize;
        if self.pool.cores[index] == CoreState::Starting {
            self.pool.cores[index] = CoreState::Running;
        }
        self.size(core, sizing::Event::CoreUp);
        let slot = &mut self.slots[index];
        slot.remote = Some(up.remote);
        slot.heart = heart::Heart::of(core.now());
        slot.work = elastic::Work::of(up.thread, up.ran);
        tracing::debug!(core = up.core, "core serves");
    }

    fn disarmed(&mut self, index: u32, listener: ListenerId) {
        // The seats are gone once the listeners are closed.
        let Some(seat) = self.pool.seats.get_mut(listener.0 as usize) else {
            return;
        };
        // Another core may have it by now, if this one's end was heard first.
        if matches!(seat.baton, Baton::Held(holder) | Baton::Recalled(holder) if holder == index) {
            seat.baton = Baton::Free;
            let (listener, core) = (listener.0, index);
            self.events.emit(&ServerEvent::Disarm { listener, core });
        }
    }

    fn core_failed(&mut self, core: &Rc<Core>, index: u32, error: &str) {
        self.pool.core_is_gone(index, CoreState::Absent);
        self.join(index);
        self.events.emit(&ServerEvent::Reap {
            core: index,
            failed: true,
            cut: 0,
        });
        // First, so that it is known who waits for a core.
        self.forward(core.now(), index);
        let error = error.to_owned();
        self.size(core, sizing::Event::StartFailed { core: index, error });
    }

    fn core_ended(&mut self, core: &Rc<Core>, end: CoreEnd) {
        self.join(end.core);
        let quarantined = self.pool.cores[end.core as usize] == CoreState::Quarantined;
        self.pool.core_is_gone(end.core, CoreState::Absent);
        let cut = ending::Event::CutOff {
            core: Some(end.core),
            cut: end.cut,
        };
        self.end_by(core, cut);
        self.events.emit(&ServerEvent::Reap {
            core: end.core,
            failed: end.bad.is_some(),
            cut: end.cut,
        });
        for mut fresh in end.accepted {
            fresh.opening = self.listeners.opening_of(fresh.listener);
            self.deliver(core.now(), Luggage::Fresh(fresh));
        }
        self.forward(core.now(), end.core);
        if quarantined {
            tracing::info!(core = end.core, "a stuck core came to its senses and ended");
        } else if let Some(bad) = end.bad {
            self.size(
                core,
                sizing::Event::EndedBadly {
                    core: end.core,
                    bad,
                },
            );
        }
    }

    fn join(&mut self, index: u32) {
        let slot = &mut self.slots[index as usize];
        slot.remote = None;
        slot.leave_by = None;
        slot.kill = false;
        if let Some(thread) = slot.thread.take() {
            // It has told of its end, panics included. What is left is what the application keeps by thread.
            if let Some(thread) = join_within(thread, THREAD_PATIENCE) {
                tracing::warn!(
                    core = index,
                    "what handlers keep by thread takes long to drop; the thread of a core is left behind"
                );
                self.lingering.push(thread);
            }
        }
        self.join_lingering();
    }

    fn join_lingering(&mut self) {
        let lingering = std::mem::take(&mut self.lingering);
        self.lingering = lingering.into_iter().filter_map(try_join).collect();
    }

    fn obey(&mut self, core: &Rc<Core>, signal: Signal) {
        tracing::info!(?signal, "signal");
        let passes_on = self.succession.has_handed_over() && reaper::is_needed();
        if passes_on {
            reaper::pass_on(signal);
        }
        match signal {
            Signal::Int => self.stop(core),
            Signal::Term if self.config.drain.on_term == OnTerm::Stop => self.stop(core),
            // A second word is meant: a drain that was asked for becomes a stop (row M1).
            Signal::Term if self.ending.is_drain_asked() => self.stop(core),
            Signal::Term | Signal::Quit => self.drain(core),
            Signal::Usr1 => self.reopen_logs(core),
            // The rest is for the one that serves.
            _ if passes_on => {}
            Signal::Ttin => self.size(core, sizing::Event::By(1)),
            Signal::Ttou => self.size(core, sizing::Event::By(-1)),
            // The log says what came of it.
            Signal::Hup => drop(self.reload(core)),
            Signal::Usr2 => self.upgrade(core, None, None),
            Signal::Chld => {}
        }
    }

    /// Performs the plan, and the steps of an end.
    fn replan(&mut self, core: &Rc<Core>) {
        self.succeed(core, succession::Event::Looked);
        loop {
            let actions = self.pool.plan();
            if actions.is_empty() {
                break;
            }
            for action in actions {
                self.pool.perform(&action);
                self.perform(core, action);
            }
        }
        self.unpark(core.now());
        self.size(core, sizing::Event::Looked);
        match self.phase() {
            Phase::Starting => self.start_is_over(core),
            Phase::Running => {}
            Phase::Draining | Phase::Stopping => self.end(core),
            Phase::Stopped => {}
        }
    }

    /// The first cores are up, or as many of them as could be started: at least one.
    fn start_is_over(&mut self, core: &Rc<Core>) {
        if !self.sizing.is_start_decided(&self.pool) {
            return;
        }
        if self.pool.running().is_empty() && self.pool.target > 0 {
            let why = self.sizing.why().unwrap_or_default().to_owned();
            self.end_by(core, ending::Event::Fails(why));
            return self.replan(core);
        }
        self.end_by(core, ending::Event::CoresServe);
        self.replan(core);
        if self.inheritance.is_coming() {
            let wanted = self.listeners.wanted();
            let up = inheritance::Event::CoresUp {
                wanted,
                tls: self.tls.is_some(),
                metrics: self.operators.has_inherited_metrics,
            };
            return self.inherit(core, up);
        }
        self.handle.set_ready(true);
        self.say_started(core);
    }

    fn perform(&mut self, core: &Rc<Core>, action: Action) {
        match action {
            Action::Spawn(index) => self.spawn(core, index),
            Action::Forget(_) | Action::Retire(_) => {}
            Action::Leave(index, heirs) => {
                let heirs = match self.succession.has_handed_over() {
                    true => vec![SUCCESSOR],
                    false => heirs,
                };
                self.leave(core.now(), index, heirs);
            }
            Action::Help { seat, place } => {
                let seat = self.listeners.seat(seat);
                self.post.to_core(place, Message::Help(seat));
            }
            Action::Unhelp { seat, place } => {
                let listener = self.listeners.seat(seat).id;
                self.post.to_core(place, Message::Unhelp(listener));
            }
            Action::Arm { seat, place } => {
                let listener = seat as u32;
                self.events.emit(&ServerEvent::Arm {
                    listener,
                    core: place,
                });
                self.post
                    .to_core(place, Message::Arm(self.listeners.seat(seat)));
            }
            Action::Recall { seat, place } => {
                self.post
                    .to_core(place, Message::Disarm(self.listeners.seat(seat).id));
            }
        }
    }

    /// Where the server is in its life.
    fn phase(&self) -> Phase {
        self.ending.phase()
    }

    fn cpu_of(&self, index: u32) -> Option<u32> {
        // More cores than CPUs share them in turn.
        let cpus = self.cpus.len() as u32;
        (self.pins && cpus > 0).then(|| self.cpus[(index % cpus) as usize])
    }

    fn spawn(&mut self, core: &Rc<Core>, index: u32) {
        let cpu = self.cpu_of(index);
        let slot = &mut self.slots[index as usize];
        slot.epoch += 1;
        slot.draw = core.random();
        let accepts = wear::accepts_bound(self.config.pool.accepts, slot.draw);
        slot.since = core.now();
        // A new one, so that it is nobody's but the new thread's.
        slot.sockets = Arc::default();
        let thread = CoreThread {
            info: CoreInfo {
                index,
                cpu,
                server: self.handle.clone(),
            },
            epoch: slot.epoch,
            config: self.config.clone(),
            make_app: self.make_app.clone(),
            gate: self.gate.clone(),
            stats: slot.stats.clone(),
            post: self.post.clone(),
            accepts,
            sockets: slot.sockets.clone(),
            headroom: self.allotment.headroom(),
            acceptor: self.tls.as_ref().map(|tls| tls.acceptor.clone()),
            access_log: self.operators.access_log.clone(),
        };
        let spawned = std::thread::Builder::new()
            .name(format!("rg-core-{index}"))
            .spawn(move || thread.run());
        match spawned {
            Ok(thread) => {
                slot.thread = Some(thread);
                self.events.emit(&ServerEvent::Spawn { core: index });
            }
            Err(error) => {
                let error = format!(
                    "cannot start a thread: {error}; raise the limit of tasks (TasksMax= in the unit)"
                );
                self.post.tell(Event::CoreFailed(index, error));
            }
        }
    }
}

impl Sink for Coordinator {
    fn on_event(&mut self, core: &Rc<Core>, event: Completion) {
        match event {
            Completion::Timer { key } => {
                if let Some(key) = Key::from_key(key) {
                    self.on_key(core, key);
                }
            }
            Completion::Polled { key, result, more } => {
                if let Some(key) = Key::from_key(key) {
                    // A poll that failed says nothing of its descriptor.
                    if result.is_ok() {
                        self.on_key(core, key);
                    }
                    if !more {
                        self.poll_ended(core, key, result);
                    }
                }
            }
            // The coordinator's own sockets are served by tasks, which take these themselves.
            Completion::Accepted { .. }
            | Completion::Received { .. }
            | Completion::Sent { .. }
            | Completion::SentPieces { .. } => {}
        }
        self.replan(core);
    }

    fn on_notified(&mut self, core: &Rc<Core>) {
        while let Some(event) = self.post.next_event() {
            self.hear(core, event);
        }
        self.replan(core);
    }
}

#[cfg(test)]
mod tests;
