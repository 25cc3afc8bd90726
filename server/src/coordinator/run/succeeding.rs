//! The hands of the old side of an upgrade: starts the new process, says and hears what
//! [`Succession`](crate::coordinator::upgrade::succession::Succession) decides, and performs its acts.
//!
//! Called by the loop of [`super`]. Decides nothing about who may say what when.

use super::ancestors::Ancestors;
use super::ending;
use super::key::Key;
use super::link::Link;
use super::poll::Poll;
use super::{Coordinator, Phase};
use crate::config::{LimitsChange, Switch};
use crate::connection::Message;
use crate::coordinator::events::{ServerEvent, UpgradeStep};
use crate::coordinator::plan::CoreState;
use crate::coordinator::post::SUCCESSOR;
use crate::coordinator::upgrade::Generation;
use crate::coordinator::upgrade::channel::{Channel, HearError, Sent};
use crate::coordinator::upgrade::error::UpgradeError;
use crate::coordinator::upgrade::hand_over::Luggage;
use crate::coordinator::upgrade::legacy::VARIABLE;
use crate::coordinator::upgrade::secret_word::SecretWord;
use crate::coordinator::upgrade::succession::{Act, Event, Upgraded, View, Waiter};
use crate::coordinator::upgrade::word::{VERSION, Word};
use crate::process::program::Program;
use crate::process::reaper;
use crate::tls::tickets::TicketSecret;
use ringgate_runtime::sys::child::{message_pair, spawn_with};
use ringgate_runtime::sys::pidfd::PidFd;
use ringgate_runtime::timer::TimerId;
use ringgate_runtime::{Core, Moment};
use rustix::process::{WaitId, WaitIdOptions, waitid};
use std::ffi::OsString;
use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::{Child, ExitStatus};
use std::rc::Rc;
use std::time::{Duration, Instant};

/// How often a process that finishes what it has says how it stands.
const TICK: Duration = Duration::from_millis(100);
/// How long a process may take to die by itself once it has closed its end of the socket. A busy machine may hold it
/// up, and one that is killed does not tell why it ended.
const LAST_BREATH: Duration = Duration::from_millis(500);
/// How often a process is looked at that cannot be watched.
const GLANCE: Duration = Duration::from_millis(5);
/// How long a process may take to die once it is killed.
const DEATH_PATIENCE: Duration = Duration::from_secs(2);

/// The new process: what is to be waited for and closed.
struct Newer {
    link: Link,
    child: Child,
    since: Moment,
    /// None once it serves.
    late: Option<TimerId>,
}

/// The processes before and after this one, as far as they are sockets, timers and children.
pub(super) struct Processes {
    program: Option<Program>,
    newer: Option<Newer>,
    pub(super) older: Option<Link>,
    pub(super) ancestors: Ancestors,
    /// Connections of the older process that it has not been told of yet: the kernel was short.
    pub(super) taken: Vec<Luggage>,
    ticking: bool,
    /// Whether listeners that the newer process did not want were emptied since the last tick.
    emptied: bool,
    /// Whether those listeners are deaf.
    deaf: bool,
    /// Whether no cores were wanted when a newer process began to serve.
    without_cores: bool,
    /// The end of the time for a generation that has handed over, and the last call before it.
    last_calls: Vec<TimerId>,
}

impl Processes {
    pub(super) fn new(program: Option<Program>) -> Processes {
        Processes {
            program,
            newer: None,
            older: None,
            ancestors: Ancestors::default(),
            taken: Vec::new(),
            ticking: false,
            emptied: false,
            deaf: false,
            without_cores: false,
            last_calls: Vec::new(),
        }
    }

    /// The polls of both processes.
    pub(super) fn polls(&mut self) -> impl Iterator<Item = &mut Poll> {
        let newer = self.newer.iter_mut().map(|newer| &mut newer.link);
        self.older.iter_mut().chain(newer).flat_map(Link::polls)
    }
}

impl Coordinator {
    pub(super) fn upgrade(
        &mut self,
        core: &Rc<Core>,
        binary: Option<PathBuf>,
        waiter: Option<Waiter>,
    ) {
        match self.start_newer(core, binary) {
            Ok(newer) => {
                let pid = newer.link.pid();
                tracing::info!(pid, "upgrade: a new process starts");
                self.processes.newer = Some(newer);
                self.succeed(core, Event::Started { pid, waiter });
                self.handover_tick(core);
            }
            Err(error) => {
                tracing::error!(%error, "no upgrade");
                if let Some(waiter) = waiter {
                    waiter.send(Err(error));
                }
            }
        }
    }

    fn start_newer(
        &mut self,
        core: &Rc<Core>,
        binary: Option<PathBuf>,
    ) -> Result<Newer, UpgradeError> {
        if self.phase() != Phase::Running {
            return Err(UpgradeError::NotRunning(self.phase().name()));
        }
        if self.succession.is_on() {
            return Err(UpgradeError::UnderWay);
        }
        if self.inheritance.is_coming() {
            return Err(UpgradeError::NotYetOurs);
        }
        let Some(program) = &self.processes.program else {
            return Err(UpgradeError::NotPrepared);
        };
        let path = binary.as_ref().unwrap_or(&program.path);
        let (ours, theirs) =
            message_pair().map_err(|error| UpgradeError::NoSocket(error.to_string()))?;
        let number = OsString::from(theirs.as_raw_fd().to_string());
        let start = || spawn_with(path, &program.args, (VARIABLE, &number), &[theirs.as_fd()]);
        let child = reaper::start_own(start)
            .map_err(|error| UpgradeError::NoProgram(path.clone(), error.to_string()))?;
        drop(theirs);
        let pid = child.id();
        let mut channel = Channel::new(ours);
        self.introduce(&mut channel);
        let since = core.now();
        let late = since + self.config.drain.upgrade_timeout;
        Ok(Newer {
            link: Link::new(core, pid, channel, Key::Newer(pid), Key::NewerEnd(pid)),
            child,
            since,
            late: Some(core.set_timer(late, Key::Late.to_key())),
        })
    }

    /// The secret of session tickets, if secrets may leave this process.
    fn secret_to_pass_on(&self) -> Option<&TicketSecret> {
        let may_leave = self.config.tls.handover == Switch::On;
        self.tls.as_ref().filter(|_| may_leave)?.own_secret()
    }

    /// Says who we are, and sends copies of all listeners.
    fn introduce(&self, channel: &mut Channel) {
        channel.say(&Word::Hello {
            version: VERSION,
            pid: std::process::id(),
            units: self.listeners.units.len() as u32,
            control: self.operators.control_path(),
            ticket_secret: self.secret_to_pass_on().map(SecretWord::from),
        });
        if let Some((configured, bound, socket)) = &self.operators.metrics_listener {
            let (configured, bound) = (configured.clone(), bound.clone());
            let word = Word::Metrics { configured, bound };
            channel.say_with(&word, Some(socket.clone()));
        }
        for (number, unit) in (0..).zip(&self.listeners.units) {
            let word = Word::Listener {
                unit: number,
                configured: unit.configured.clone(),
                bound: unit.bound.clone(),
                slot: unit.slot,
                shared: unit.shared,
            };
            channel.say_with(&word, Some(unit.socket.clone()));
        }
        // Behind them, and before anything else can happen to this process: a core of one before it may have one of these.
        let list = self.generations();
        channel.say(&Word::Generations { list });
    }

    /// Lets the succession hear what happened, and does what it says.
    pub(super) fn succeed(&mut self, core: &Rc<Core>, event: Event) {
        let units: Vec<u32> = self
            .listeners
            .all
            .iter()
            .map(|listener| listener.unit)
            .collect();
        let view = View {
            now: core.now(),
            pool: &self.pool,
            units: &units,
            open: self.slots.iter().map(|slot| slot.stats.open.get()).sum(),
        };
        for act in self.succession.on(&view, event) {
            self.perform_succession(core, act);
        }
    }

    fn perform_succession(&mut self, core: &Rc<Core>, act: Act) {
        match act {
            Act::Say(word) => self.tell_newer(&word),
            Act::SayStanding { settling } => self.say_standing(settling),
            Act::TellOlder(word) => self.tell_older(&word),
            Act::Step(pid, step) => {
                let error = None;
                self.events.emit(&ServerEvent::Upgrade { pid, step, error });
            }
            Act::Failed(pid, error) => self.say_failed(pid, &error),
            Act::Answer(waiter, result) => waiter.send(result),
            Act::Dismiss(cause) => self.dismiss_newer(core, cause),
            Act::GiveAway(unit) => {
                let seats = self.pool.seats.iter_mut().zip(&self.listeners.all);
                for (seat, _) in seats.filter(|(_, listener)| listener.unit == unit) {
                    seat.away = true;
                }
            }
            Act::TakeBack => self
                .pool
                .seats
                .iter_mut()
                .for_each(|seat| seat.away = false),
            Act::StaleRings => self.rings_are_stale(core, |_| true),
            Act::Commit(upgraded) => self.commit(core, upgraded),
            Act::Reclaim => {
                let handle = self.handle.clone();
                self.operators.restore(core, &handle);
                if let Some(file) = &mut self.pid_file {
                    file.restore();
                }
            }
            Act::Resume => self.resume(core),
            Act::FinishAlone => self.finish_alone(core),
            Act::Send => drop(self.send_luggage()),
            Act::Deliver(luggage) => self.deliver_here(core.now(), luggage),
            Act::ServeOn => self.serve_on(),
            Act::Offer(count) => self.offer(count),
            Act::Drain => self.tell_cores(|| Message::Drain),
            Act::SayStaying { pid, open } => tracing::warn!(
                pid,
                open,
                "upgrade: the new process has no descriptors left for connections; what it does not \
                 take stays here until it ends, at the latest after graceful_timeout; raise the limit \
                 of open files (LimitNOFILE= in the unit)"
            ),
            Act::SayBroken { pid, why } => tracing::error!(
                pid,
                why,
                "upgrade: the new process serves, and nothing more can be handed to it"
            ),
        }
    }

    /// The new process has said something, or is gone.
    pub(super) fn hear_newer(&mut self, core: &Rc<Core>, pid: u32) {
        while let Some(newer) = &mut self.processes.newer
            && newer.link.pid() == pid
            && newer.link.is_heard()
            && let Some(heard) = newer.link.hear()
        {
            let event = match heard {
                Ok(heard) => Event::Said(heard.word),
                Err(HearError::Ended) => {
                    newer.link.stop_hearing(core);
                    let lives = newer.link.lives();
                    Event::HungUp { lives }
                }
                Err(error @ (HearError::NotUnderstood(_) | HearError::Failed(_))) => {
                    Event::Garbled(error.to_string())
                }
            };
            self.succeed(core, event);
        }
    }

    /// The new process has ended; what it said before comes first.
    pub(super) fn newer_has_ended(&mut self, core: &Rc<Core>, pid: u32) {
        self.hear_newer(core, pid);
        if matches!(&self.processes.newer, Some(newer) if newer.link.pid() == pid) {
            self.dismiss_newer(core, None);
        }
    }

    /// The time of the new process is over. It may have said just now that it serves.
    pub(super) fn newer_is_late(&mut self, core: &Rc<Core>) {
        if let Some(newer) = &self.processes.newer {
            self.hear_newer(core, newer.link.pid());
        }
        let most = self.config.drain.upgrade_timeout;
        self.succeed(core, Event::Late(most));
    }

    /// Another `upgrade_timeout` is in force, for a new process that was started before as well.
    pub(super) fn limit_newer_anew(&mut self, core: &Core) {
        if let Some(newer) = &mut self.processes.newer
            && let Some(before) = newer.late
        {
            core.cancel_timer(before);
            let late = newer.since + self.config.drain.upgrade_timeout;
            newer.late = Some(core.set_timer(late, Key::Late.to_key()));
        }
    }

    /// Makes sure that the new process is dead.
    fn dismiss_newer(&mut self, core: &Rc<Core>, cause: Option<UpgradeError>) {
        if let Some(newer) = self.processes.newer.take() {
            let process = newer.link.close(core);
            if let Some(late) = newer.late {
                core.cancel_timer(late);
            }
            let status = end(newer.child, process.as_ref(), cause.is_some());
            self.succeed(core, Event::Over { cause, status });
        }
    }

    fn say_failed(&mut self, pid: u32, error: &UpgradeError) {
        let why = error.to_string();
        tracing::error!(pid, why, "upgrade failed; this process goes on");
        self.operators.remove_aside(pid);
        self.events.emit(&ServerEvent::Upgrade {
            pid,
            step: UpgradeStep::Failed,
            error: Some(why),
        });
    }

    fn tell_newer(&mut self, word: &Word) {
        if let Some(newer) = &mut self.processes.newer {
            newer.link.channel.say(word);
        }
    }

    /// How this process stands; one that is about to hand over says also what was set by hand.
    fn say_standing(&mut self, settling: bool) {
        let mut list = self.generations();
        if settling {
            list[0].phase = Phase::Draining.name().to_owned();
            let words = |limits: crate::config::AdmissionLimits| {
                let change = LimitsChange {
                    max_threads: Some(limits.max_threads()),
                    max_accepts: Some(limits.max_accepts()),
                };
                change.to_string()
            };
            let configured = words(self.config.admission);
            let live = words(self.gate.limits());
            self.tell_newer(&Word::Limits { configured, live });
            let cores = (!self.sizing.is_auto()).then_some(self.pool.target);
            self.tell_newer(&Word::Size { cores });
        }
        self.tell_newer(&Word::Generations { list });
    }

    /// The new process serves and owns the control socket: this one finishes what it has.
    fn commit(&mut self, core: &Rc<Core>, upgraded: Upgraded) {
        let Upgraded { pid, staying } = upgraded;
        let newer = self.processes.newer.as_mut();
        if let Some(late) = newer.and_then(|newer| newer.late.take()) {
            core.cancel_timer(late);
        }
        tracing::info!(
            pid,
            staying,
            "upgrade: the new process serves; this one finishes what it has"
        );
        if let Some(manager) = &mut self.manager {
            manager.main_pid(pid);
        }
        self.processes.emptied = false;
        self.processes.without_cores = self.pool.target == 0;
        self.end_by(core, ending::Event::HandedOver);
        self.pool.spawning = false;
        for seat in &mut self.pool.seats {
            seat.away = true;
        }
        let metrics_go = self.succession.takes_metrics();
        self.operators.give_up(core, metrics_go);
        self.listeners.disown_files(self.succession.wanted());
        let drain = self.config.drain;
        let grace = drain.graceful_timeout;
        let over = core.set_timer(core.now() + grace, Key::GraceOver.to_key());
        let last_call = grace - drain.keepalive_grace.min(grace / 2);
        let last_call = core.set_timer(core.now() + last_call, Key::LastCall.to_key());
        self.processes.last_calls = vec![over, last_call];
    }

    /// Does what is left to do once a new process serves. Returns whether all of it is done.
    pub(super) fn finish_generation(&mut self, core: &Rc<Core>) -> bool {
        // Who is stuck gives nothing back.
        let seats = self.pool.seats.iter();
        let mut holders = seats.filter_map(|seat| seat.baton.holder());
        if holders.any(|holder| !self.pool.is_stuck(holder)) {
            return false;
        }
        // They listen to the end, since this process may have to serve again.
        if !std::mem::replace(&mut self.processes.emptied, true) {
            self.empty_unwanted(core);
        }
        let now = core.now();
        if !self.succession.keeps_connections() || !self.has_connections() {
            self.pool.spawning = false;
            for index in self.pool.serving() {
                self.pool.cores[index as usize] = CoreState::Leaving;
                self.leave(now, index, vec![SUCCESSOR]);
            }
        }
        self.handle.closing().say();
        if self.succession.takes_connections() {
            self.hand_on_parked(now);
        }
        // What may not go there is served here.
        if self.lacks_a_core() && !self.ending.has_failed() {
            self.keep_a_core(core);
        }
        let waits = self.parked.len() > 0 && !self.ending.has_failed();
        self.handover_tick(core);
        let mut cores = (0..).zip(&self.pool.cores);
        let gone = cores.all(|(index, state)| !state.has_thread() || self.is_given_up(index));
        // As long as an older one has connections to hand on, this one passes them on; and it tells the newer one
        // when the last one is gone that may have a listener.
        let before = self.inheritance.is_over() && self.processes.ancestors.are_gone();
        let lingers = !self.lingering.is_empty();
        let over = self.succession.has_delivered() && gone && !lingers && !waits && before;
        if over && !std::mem::replace(&mut self.processes.deaf, true) {
            // Whoever came between the last look and the end would be reset.
            if let Some(wanted) = self.succession.wanted() {
                self.listeners.deafen_but(wanted);
            }
            return !self.empty_unwanted(core);
        }
        // The last one who came could not go on and is served here: so are all others until that is over. Those of the newer
        // process are its own to let hear.
        if !over && !gone && std::mem::take(&mut self.processes.deaf) {
            let wanted = self.succession.wanted().unwrap_or_default();
            self.listeners.undeafen_but(wanted);
        }
        over
    }

    /// Whether a connection is here, or on its way to a core.
    fn has_connections(&self) -> bool {
        let mut cores = (0..).zip(&self.slots);
        self.parked.len() > 0
            || self.pool.cores.contains(&CoreState::Starting)
            || cores.any(|(index, slot)| {
                let open = slot.stats.open.get() > 0 || self.post.unheard(index) > 0;
                open && !self.is_given_up(index)
            })
    }

    /// Takes what the kernel has queued on listeners that nobody wants any more. Returns whether there was something.
    fn empty_unwanted(&mut self, core: &Rc<Core>) -> bool {
        let wanted = self.succession.wanted();
        let taken = wanted.map(|wanted| self.listeners.take_queued_but(wanted));
        let taken = taken.unwrap_or_default();
        let some = !taken.is_empty();
        for fresh in taken {
            self.deliver(core.now(), Luggage::Fresh(fresh));
        }
        some
    }

    /// Sends a connection to the new process, or serves it here if that takes none or it has to stay.
    pub(super) fn hand_on(&mut self, now: Moment, luggage: Luggage) {
        let keys_stay = luggage.has_keys() && self.config.tls.handover == Switch::Off;
        let stays = luggage.awaits_handshake() && !self.succession.takes_handshakes();
        if keys_stay || stays || !luggage.may_be_packed() {
            return self.deliver_here(now, luggage);
        }
        match self.succession.bring(luggage) {
            None => drop(self.send_luggage()),
            Some(luggage) => self.deliver_here(now, luggage),
        }
    }

    /// Sends what waits, until the kernel takes no more.
    fn send_luggage(&mut self) -> Sent {
        while let Some(newer) = &mut self.processes.newer
            && let Some((id, luggage)) = self.succession.next()
            && let Some(socket) = luggage.socket().real()
        {
            let unit = self.listeners.unit_of(luggage.listener());
            let (word, bytes) = luggage.message(id, unit);
            let sent = newer.link.channel.offer(&word, &bytes, socket);
            match sent {
                Sent::Done => self.succession.sent(),
                // The next tick tries again; the end is heard.
                Sent::Later | Sent::TooLong | Sent::Gone => return sent,
            }
        }
        Sent::Done
    }

    /// The one that had taken over is dead: this process serves again.
    fn resume(&mut self, core: &Rc<Core>) {
        for timer in self.processes.last_calls.drain(..) {
            core.cancel_timer(timer);
        }
        if self.processes.without_cores {
            // One may have been started for what stayed here.
            self.pool.target = 0;
        }
        self.end_by(core, ending::Event::Resumed);
    }

    /// Makes this process again the one that serves.
    pub(super) fn serve_again(&mut self, core: &Rc<Core>) {
        self.call_cores_back();
        if std::mem::take(&mut self.processes.deaf) {
            self.listeners.undeafen_but(&[]);
        }
        self.listeners.own_files();
        let handle = self.handle.clone();
        self.operators.reclaim(core, &handle);
        self.step_forward(core);
    }

    /// The new process lacks room: what is here is served here.
    fn serve_on(&mut self) {
        if self.phase() == Phase::Draining {
            self.pool.target = self.pool.target.max(1);
            self.call_cores_back();
        }
    }

    /// Cores that were told to leave stay. One that is over already is heard of as such, and started
    /// again.
    fn call_cores_back(&mut self) {
        self.pool.spawning = true;
        for (index, state) in (0..).zip(&mut self.pool.cores) {
            if matches!(state, CoreState::Leaving | CoreState::Running) {
                *state = CoreState::Running;
                self.slots[index as usize].leave_by = None;
                self.post.to_core(index, Message::Stay);
            }
        }
    }

    /// Has the core that has most of them move so many idle connections to the new process.
    fn offer(&mut self, count: u32) {
        let open = |core: &u32| self.slots[*core as usize].stats.open.get();
        let fullest = self.pool.heirs().into_iter().max_by_key(open);
        if let Some(core) = fullest {
            let share = vec![(SUCCESSOR, u64::from(count))];
            self.post.to_core(core, Message::Spread(share));
        }
    }

    pub(super) fn tell_cores(&self, message: impl Fn() -> Message) {
        for (index, state) in (0..).zip(&self.pool.cores) {
            if state.has_thread() {
                self.post.to_core(index, message());
            }
        }
    }

    /// The one that had taken over is dead, and one after it serves: there is nobody to hand on to.
    fn finish_alone(&mut self, core: &Rc<Core>) {
        self.listeners.close();
        self.pool.seats.clear();
        self.end_by(core, ending::Event::LeftAlone);
    }

    /// The processes that still have connections: this one and those before it.
    pub(super) fn generations(&self) -> Vec<Generation> {
        let open: u64 = self.slots.iter().map(|slot| slot.stats.open.get()).sum();
        let own = Generation {
            pid: std::process::id(),
            phase: self.phase().name().to_owned(),
            open,
            staying: if self.succession.keeps_connections() {
                open
            } else {
                0
            },
        };
        let older = self.inheritance.generations();
        let older = older.chain(self.processes.ancestors.generations()).cloned();
        [own].into_iter().chain(older).collect()
    }

    pub(super) fn handover_tick(&mut self, core: &Rc<Core>) {
        let others = self.processes.newer.is_some() || self.processes.older.is_some();
        if others && !self.processes.ticking {
            self.processes.ticking = true;
            core.set_timer(core.now() + TICK, Key::HandOver.to_key());
        }
    }

    pub(super) fn on_handover_tick(&mut self, core: &Rc<Core>) {
        self.processes.ticking = false;
        self.processes.emptied = false;
        if let Some(older) = &mut self.processes.older {
            // The end of the older process is heard below.
            let _ = older.channel.flush();
            self.deliver_taken(core);
            self.hear_older(core);
        }
        if let Some(newer) = &mut self.processes.newer {
            // The end of the newer process is heard below.
            let _ = newer.link.channel.flush();
            let pid = newer.link.pid();
            self.hear_newer(core, pid);
            if self.send_luggage() == Sent::TooLong {
                self.succeed(core, Event::TooLong);
            }
            self.succeed(core, Event::Tick);
        }
        self.handover_tick(core);
    }
}

/// Makes sure that a process is dead, and answers how it ended. The process is reaped on a thread
/// aside: the kernel drops what /proc knows of a process in the thread that reaps it, and on a busy
/// machine that was seen to take seconds.
///
/// A process that is given up has not closed its socket, hears nothing of all this, and serves as long as it lives.
fn end(mut child: Child, process: Option<&PidFd>, is_given_up: bool) -> Option<ExitStatus> {
    // Its end of the socket is closed: it is dying, unless it has lost its mind.
    if is_given_up || !has_ended(&mut child, process, LAST_BREATH) {
        if let Err(error) = child.kill() {
            tracing::error!(%error, pid = child.id(), "upgrade: the new process cannot be killed");
        }
        has_ended(&mut child, process, DEATH_PATIENCE);
    }
    let seen = process.and_then(ended_with);
    let status = seen.or_else(|| child.try_wait().ok().flatten());
    let thread = std::thread::Builder::new().name("rg-reaper".to_owned());
    // Without a thread for it, it stays a zombie until this process ends.
    let _ = thread.spawn(move || reaper::wait_for_own(child));
    status
}

/// Waits until a child has ended, at most `most`, and answers whether it has. One that cannot be watched is looked at
/// again and again, which reaps it.
fn has_ended(child: &mut Child, process: Option<&PidFd>, most: Duration) -> bool {
    if let Some(Ok(ended)) = process.map(|process| process.wait_exit(Some(most))) {
        return ended;
    }
    let give_up = Instant::now() + most;
    while matches!(child.try_wait(), Ok(None)) {
        if Instant::now() >= give_up {
            return false;
        }
        std::thread::sleep(GLANCE);
    }
    true
}

/// How a process ended that nobody has reaped yet.
fn ended_with(process: &PidFd) -> Option<ExitStatus> {
    let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
    let status = waitid(WaitId::PidFd(process.as_fd()), options).ok()??;
    let raw = match (status.exit_status(), status.terminating_signal()) {
        (Some(code), _) => code << 8,
        (None, signal) => signal?,
    };
    Some(ExitStatus::from_raw(raw))
}

#[cfg(test)]
#[path = "succeeding_tests.rs"]
mod tests;
