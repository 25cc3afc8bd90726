//! The old side of an upgrade: starts the new process, passes it the batons one by one, hands it the
//! idle connections, and takes everything back if it fails.
//!
//! Called by the loop of [`super`]. The words and their order are in [`crate::coordinator::upgrade`].
//! Until the new process owns the control socket nothing is given away that cannot be had back; after
//! that too, as long as this process still has connections to finish.

use super::key::Key;
use super::{Coordinator, Phase};
use crate::connection::{Message, Parcel};
use crate::coordinator::events::{ServerEvent, UpgradeStep};
use crate::coordinator::plan::{Baton, CoreState};
use crate::coordinator::post::SUCCESSOR;
use crate::coordinator::reply::Reply;
use crate::coordinator::upgrade::Generation;
use crate::coordinator::upgrade::channel::{Channel, Heard};
use crate::coordinator::upgrade::inheritance::VARIABLE;
use crate::coordinator::upgrade::word::{VERSION, Word};
use crate::process::program::Program;
use ringgate_runtime::sys::child::{message_pair, spawn_with};
use ringgate_runtime::sys::pidfd::PidFd;
use ringgate_runtime::timer::TimerId;
use ringgate_runtime::{Core, Descriptor, Moment, OpId};
use rustix::process::{WaitId, WaitIdOptions, waitid};
use std::collections::{BTreeMap, VecDeque};
use std::ffi::OsString;
use std::io;
use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::{Child, ExitStatus};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

/// How often a process that finishes what it has says how it stands.
const TICK: Duration = Duration::from_millis(100);
/// Connections that are on their way to the new process at a time.
const IN_FLIGHT_MAX: usize = 64;
/// How long a process may take to die once it is killed.
const DEATH_PATIENCE: Duration = Duration::from_secs(2);

/// What goes to the new process.
pub(super) enum Luggage {
    Parcel(Box<Parcel>),
    Fresh(Descriptor),
}

impl From<Luggage> for Message {
    fn from(luggage: Luggage) -> Message {
        match luggage {
            Luggage::Parcel(parcel) => Message::Parcel(parcel),
            Luggage::Fresh(socket) => Message::Adopt(socket),
        }
    }
}

/// How far the new process is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// It sets up.
    Starting,
    /// The baton of the unit at this place of its wishes is on its way; whether it was sent.
    Passing(usize, bool),
    /// It has all of them, and takes the control socket.
    Settling,
    /// It serves.
    Serving,
}

/// The new process.
pub(super) struct Newer {
    /// Until it is reaped.
    child: Option<Child>,
    pid: u32,
    channel: Channel,
    poll: OpId,
    /// Its end, seen at once: that of its socket comes only when the kernel has cleared its rings,
    /// which hold the socket too.
    end: Option<(PidFd, OpId)>,
    late: TimerId,
    stage: Stage,
    wanted: Vec<u32>,
    /// Units that it helps at: a stuck core has their baton.
    stuck: Vec<u32>,
    reply: Option<Reply<Result<u32, String>>>,
    refused: Option<String>,
    /// It is handing over itself: if it ends, the listeners are not ours.
    succeeded: bool,
    in_flight: BTreeMap<u64, Luggage>,
    waiting: VecDeque<Luggage>,
    next_id: u64,
}

/// What this process has to do with others of its kind.
pub(super) struct Succession {
    pub(super) program: Option<Program>,
    pub(super) newer: Option<Newer>,
    pub(super) older: Option<super::inheriting::Older>,
    /// A newer process serves; this one finishes what it has.
    pub(super) handed_over: bool,
    /// Listeners that the newer process did not want were emptied.
    emptied: bool,
    /// Connections that came from an older process, and went to a newer one.
    pub(super) inherited: u64,
    pub(super) passed_on: u64,
    ticking: bool,
}

impl Succession {
    pub(super) fn new(program: Option<Program>) -> Succession {
        Succession {
            program,
            newer: None,
            older: None,
            handed_over: false,
            emptied: false,
            inherited: 0,
            passed_on: 0,
            ticking: false,
        }
    }
}

impl Coordinator {
    pub(super) fn upgrade(
        &mut self,
        core: &Rc<Core>,
        binary: Option<PathBuf>,
        reply: Option<Reply<Result<u32, String>>>,
    ) {
        match self.start_newer(core, binary) {
            Ok(mut newer) => {
                tracing::info!(pid = newer.pid, "upgrade: a new process starts");
                newer.reply = reply;
                self.succession.newer = Some(newer);
                self.tell_upgrade(UpgradeStep::Started, None);
                // From here on the one before must not take batons back when this one ends.
                self.tell_older(&Word::Succeeded { by: true });
                self.handover_tick(core);
            }
            Err(error) => {
                tracing::error!(error, "no upgrade");
                if let Some(reply) = reply {
                    reply.send(Err(error));
                }
            }
        }
    }

    fn start_newer(&mut self, core: &Rc<Core>, binary: Option<PathBuf>) -> Result<Newer, String> {
        if self.phase != Phase::Running {
            return Err(format!("the server is {}", self.phase.name()));
        }
        if self.succession.newer.is_some() {
            return Err("an upgrade is under way".to_owned());
        }
        if self.is_inheriting() {
            return Err("this process has not taken over itself yet".to_owned());
        }
        let Some(program) = &self.succession.program else {
            return Err("this program cannot be upgraded in place".to_owned());
        };
        let path = binary.as_ref().unwrap_or(&program.path);
        let (ours, theirs) = message_pair().map_err(|error| error.to_string())?;
        let number = OsString::from(theirs.as_raw_fd().to_string());
        let child = spawn_with(path, &program.args, (VARIABLE, &number), &[theirs.as_fd()]);
        let child = child.map_err(|error| format!("cannot start {}: {error}", path.display()))?;
        drop(theirs);
        let pid = child.id();
        let mut channel = Channel::new(ours);
        self.introduce(&mut channel);
        let late = core.now() + self.config.drain.upgrade_timeout;
        let process = PidFd::open(pid).ok();
        let end = process.map(|process| {
            let poll = core.poll(&process, super::POLL_IN, Key::NewerEnd(pid).to_key());
            (process, poll)
        });
        Ok(Newer {
            end,
            pid,
            poll: core.poll(&channel, super::POLL_IN, Key::Newer(pid).to_key()),
            late: core.set_timer(late, Key::Late.to_key()),
            channel,
            child: Some(child),
            stage: Stage::Starting,
            wanted: Vec::new(),
            stuck: Vec::new(),
            reply: None,
            refused: None,
            succeeded: false,
            in_flight: BTreeMap::new(),
            waiting: VecDeque::new(),
            next_id: 0,
        })
    }

    /// Says who we are, and sends copies of all listeners.
    fn introduce(&self, channel: &mut Channel) {
        channel.say(&Word::Hello {
            version: VERSION,
            pid: std::process::id(),
            units: self.listeners.units.len() as u32,
            control: self.operators.control_path(),
        });
        if let Some((configured, bound, socket)) = &self.operators.metrics_listener {
            let (configured, bound) = (configured.clone(), bound.clone());
            let word = Word::Metrics { configured, bound };
            channel.say_with(&word, &[], Some(socket.clone()));
        }
        for (number, unit) in (0..).zip(&self.listeners.units) {
            let word = Word::Listener {
                unit: number,
                configured: unit.configured.clone(),
                bound: unit.bound.clone(),
                slot: unit.slot,
                shared: unit.shared,
            };
            channel.say_with(&word, &[], Some(unit.socket.clone()));
        }
    }

    /// The new process has said something, or is gone.
    pub(super) fn hear_newer(&mut self, core: &Rc<Core>, pid: u32) {
        loop {
            let Some(newer) = &mut self.succession.newer else {
                return;
            };
            if newer.pid != pid {
                return;
            }
            match newer.channel.hear() {
                Ok(Some(heard)) => self.on_newer_word(core, heard),
                Ok(None) => return,
                Err(error) => return self.newer_is_gone(core, &error),
            }
        }
    }

    /// The new process has ended; what it said before comes first.
    pub(super) fn newer_has_ended(&mut self, core: &Rc<Core>, pid: u32) {
        self.hear_newer(core, pid);
        if matches!(&self.succession.newer, Some(newer) if newer.pid == pid) {
            self.newer_is_gone(core, &io::ErrorKind::UnexpectedEof.into());
        }
    }

    fn on_newer_word(&mut self, core: &Rc<Core>, heard: Heard) {
        let Some(newer) = &mut self.succession.newer else {
            return;
        };
        match (heard.word, newer.stage) {
            (Word::Refused { error }, _) => newer.refused = Some(error),
            (Word::Succeeded { by }, Stage::Serving) => newer.succeeded = by,
            (Word::Ready { wanted }, Stage::Starting) => {
                newer.wanted = wanted;
                newer.stage = Stage::Passing(0, false);
                self.tell_upgrade(UpgradeStep::Ready, None);
            }
            (Word::Armed { unit }, Stage::Passing(place, true))
                if newer.wanted.get(place) == Some(&unit) =>
            {
                newer.stage = Stage::Passing(place + 1, false);
            }
            (Word::Owner, Stage::Settling) => self.commit(core),
            (Word::Taken { id }, Stage::Serving) => {
                if let Some(Luggage::Parcel(_)) = newer.in_flight.remove(&id) {
                    self.succession.passed_on += 1;
                }
                self.send_luggage();
            }
            (word, stage) => {
                let text = format!("it said {word:?} while {stage:?}");
                self.newer_is_gone(core, &io::Error::other(text));
            }
        }
    }

    /// The next step of passing batons: called whenever something may have changed.
    pub(super) fn pass_batons(&mut self) {
        let Some(newer) = &mut self.succession.newer else {
            return;
        };
        // What a core that was stuck has given back since, or its process by its end.
        let seats = || self.pool.seats.iter().zip(&self.listeners.all);
        newer.stuck.retain(|unit| {
            let free = seats()
                .filter(|(_, listener)| listener.unit == *unit)
                .all(|(seat, _)| seat.baton == Baton::Free && !seat.stuck_elsewhere);
            if free {
                newer.channel.say(&Word::Baton { unit: *unit });
            }
            !free
        });
        let Stage::Passing(place, false) = newer.stage else {
            return;
        };
        let Some(unit) = newer.wanted.get(place).copied() else {
            newer.stage = Stage::Settling;
            return self.say_all_batons();
        };
        let held_fast: Vec<bool> = seats()
            .map(|(seat, _)| self.pool.is_held_fast(seat))
            .collect();
        let (mut ready, mut stuck) = (true, false);
        let seats = self.pool.seats.iter_mut().zip(held_fast);
        for ((seat, held_fast), listener) in seats.zip(&self.listeners.all) {
            if listener.unit == unit {
                seat.away = true;
                ready &= seat.baton == Baton::Free || held_fast;
                stuck |= held_fast;
            }
        }
        if !ready {
            return;
        }
        newer.stage = Stage::Passing(place, true);
        if stuck {
            newer.stuck.push(unit);
            newer.channel.say(&Word::Stuck { unit });
        } else {
            newer.channel.say(&Word::Baton { unit });
        }
    }

    /// The last of the batons is there. How this process stands goes before, so that the first status
    /// of the new one tells of it.
    fn say_all_batons(&mut self) {
        let mut list = self.generations();
        list[0].phase = Phase::Draining.name().to_owned();
        if let Some(newer) = &mut self.succession.newer {
            newer.channel.say(&Word::Generations { list });
            newer.channel.say(&Word::AllBatons);
        }
    }

    /// The new process serves and owns the control socket: this one finishes what it has.
    fn commit(&mut self, core: &Rc<Core>) {
        let Some(newer) = &mut self.succession.newer else {
            return;
        };
        newer.stage = Stage::Serving;
        core.cancel_timer(newer.late);
        let pid = newer.pid;
        if let Some(reply) = newer.reply.take() {
            reply.send(Ok(pid));
        }
        tracing::info!(
            pid,
            "upgrade: the new process serves; this one finishes what it has"
        );
        self.tell_upgrade(UpgradeStep::Done, None);
        if let Some(manager) = &self.manager {
            manager.main_pid(pid);
        }
        self.succession.handed_over = true;
        self.succession.emptied = false;
        self.phase = Phase::Draining;
        self.ended.drained = true;
        self.pool.spawning = false;
        for seat in &mut self.pool.seats {
            seat.away = true;
        }
        self.operators.give_up(core);
        self.listeners.disown_files();
        let grace = core.now() + self.config.drain.graceful_timeout;
        core.set_timer(grace, Key::GraceOver.to_key());
    }

    /// What is left to do once a new process serves. Answers whether all of it is done.
    pub(super) fn finish_generation(&mut self, core: &Rc<Core>) -> bool {
        // Who is stuck gives nothing back.
        let mut holders = self
            .pool
            .seats
            .iter()
            .filter_map(|seat| seat.baton.holder());
        if holders.any(|holder| !self.pool.is_stuck(holder)) {
            return false;
        }
        if !self.succession.emptied {
            self.succession.emptied = true;
            self.empty_unwanted(core);
        }
        let now = core.now();
        for index in self.pool.serving() {
            self.pool.cores[index as usize] = CoreState::Leaving;
            self.leave(now, index, vec![SUCCESSOR]);
        }
        self.handle.closing().say();
        self.hand_on_parked(now);
        self.handover_tick(core);
        let newer = &self.succession.newer;
        let delivered = newer
            .as_ref()
            .is_none_or(|newer| newer.in_flight.is_empty() && newer.waiting.is_empty());
        let mut cores = (0..).zip(&self.pool.cores);
        let gone = cores.all(|(index, state)| !state.has_thread() || self.is_given_up(index));
        // As long as an older one has connections to hand on, this one passes them on.
        delivered && gone && self.succession.older.is_none()
    }

    /// Takes what the kernel has queued on listeners that nobody wants any more.
    fn empty_unwanted(&mut self, core: &Rc<Core>) {
        let wanted = match &self.succession.newer {
            Some(newer) => newer.wanted.clone(),
            None => return,
        };
        for socket in self.listeners.take_queued_but(&wanted) {
            self.hand_on(core.now(), Luggage::Fresh(socket));
        }
    }

    /// Whether a newer process takes connections.
    pub(super) fn has_successor(&self) -> bool {
        let newer = self.succession.newer.as_ref();
        newer.is_some_and(|newer| newer.stage == Stage::Serving)
    }

    /// Sends something to the new process, or keeps it here if there is none.
    pub(super) fn hand_on(&mut self, now: Moment, luggage: Luggage) {
        match &mut self.succession.newer {
            Some(newer) if newer.stage == Stage::Serving => {
                newer.waiting.push_back(luggage);
                self.send_luggage();
            }
            _ => self.deliver(now, luggage.into()),
        }
    }

    /// The same with a message that was meant for a core.
    pub(super) fn hand_on_message(&mut self, now: Moment, message: Message) {
        match message {
            Message::Parcel(parcel) => self.hand_on(now, Luggage::Parcel(parcel)),
            Message::Adopt(socket) => self.hand_on(now, Luggage::Fresh(socket)),
            // Words for a thread that is no more.
            _ => {}
        }
    }

    fn send_luggage(&mut self) {
        let Some(newer) = &mut self.succession.newer else {
            return;
        };
        while newer.in_flight.len() < IN_FLIGHT_MAX
            && let Some(luggage) = newer.waiting.pop_front()
        {
            let id = newer.next_id;
            let (word, bytes, socket) = match &luggage {
                Luggage::Parcel(parcel) => (Word::Parcel { id }, parcel.pack(), parcel.socket()),
                Luggage::Fresh(socket) => (Word::Fresh { id }, Vec::new(), socket),
            };
            let copy = socket.real().map(|socket| socket.try_clone_to_owned());
            let Some(Ok(copy)) = copy else {
                // Out of descriptors: the next tick tries again.
                newer.waiting.push_front(luggage);
                return;
            };
            newer.next_id += 1;
            newer.channel.say_with(&word, &bytes, Some(Arc::new(copy)));
            newer.in_flight.insert(id, luggage);
        }
    }

    /// The new process is late.
    pub(super) fn newer_is_late(&mut self, core: &Rc<Core>) {
        if let Some(newer) = &self.succession.newer
            && newer.stage != Stage::Serving
        {
            let text = format!(
                "it has not taken over within upgrade_timeout ({:?})",
                self.config.drain.upgrade_timeout
            );
            self.newer_is_gone(core, &io::Error::other(text));
        }
    }

    /// This server ends while a new process has not taken over: that one ends too.
    pub(super) fn abandon_upgrade(&mut self, core: &Rc<Core>) {
        if let Some(newer) = &self.succession.newer
            && newer.stage != Stage::Serving
        {
            self.newer_is_gone(core, &io::Error::other("the server ends"));
        }
    }

    /// The new process has failed: everything that it does not have for certain is ours again.
    fn newer_is_gone(&mut self, core: &Rc<Core>, error: &io::Error) {
        let Some(mut newer) = self.succession.newer.take() else {
            return;
        };
        core.cancel(newer.poll);
        if let Some((_, poll)) = &newer.end {
            core.cancel(*poll);
        }
        core.cancel_timer(newer.late);
        let why = match (newer.refused.take(), newer.child.take().and_then(end)) {
            (Some(refusal), _) => format!("the new process refuses: {refusal}"),
            (None, Some(status)) if error.kind() == io::ErrorKind::UnexpectedEof => {
                match newer.stage {
                    Stage::Serving => format!("the new process ended when it served: {status}"),
                    _ => format!("the new process ended before it served: {status}"),
                }
            }
            (None, _) => format!("the new process failed: {error}"),
        };
        tracing::error!(pid = newer.pid, why, "upgrade failed; this process goes on");
        self.operators.remove_aside(newer.pid);
        self.events.emit(&ServerEvent::Upgrade {
            pid: newer.pid,
            step: UpgradeStep::Failed,
            error: Some(why.clone()),
        });
        if let Some(reply) = newer.reply.take() {
            reply.send(Err(why));
        }
        if self.succession.handed_over && newer.succeeded {
            return self.finish_alone(core, newer);
        }
        for seat in &mut self.pool.seats {
            seat.away = false;
        }
        if newer.stage != Stage::Starting {
            self.rings_linger(core, |_| true);
        }
        if self.succession.handed_over {
            self.resume(core, newer);
        }
        self.tell_older(&Word::Succeeded { by: false });
    }

    /// The one that had taken over is dead: this process serves again.
    fn resume(&mut self, core: &Rc<Core>, newer: Newer) {
        self.succession.handed_over = false;
        if self.phase == Phase::Draining {
            self.phase = Phase::Running;
            self.ended.drained = false;
            self.pool.spawning = true;
            for (index, state) in (0..).zip(&mut self.pool.cores) {
                if *state == CoreState::Leaving {
                    // One that is over already is heard of as such, and started again.
                    *state = CoreState::Running;
                    self.slots[index as usize].leave_by = None;
                    self.post.to_core(index, Message::Stay);
                }
            }
            self.listeners.own_files();
            let handle = self.handle.clone();
            self.operators.reclaim(core, &handle);
            self.step_forward(core);
        }
        let now = core.now();
        for luggage in newer.in_flight.into_values().chain(newer.waiting) {
            self.deliver(now, luggage.into());
        }
    }

    /// The one that had taken over is dead, and one after it serves: there is nobody to hand on to.
    fn finish_alone(&mut self, core: &Rc<Core>, newer: Newer) {
        self.succession.handed_over = false;
        self.listeners.close();
        self.pool.seats.clear();
        self.told = true;
        for (index, state) in (0..).zip(&self.pool.cores) {
            if state.has_thread() {
                self.post.to_core(index, Message::Drain);
            }
        }
        let now = core.now();
        for luggage in newer.in_flight.into_values().chain(newer.waiting) {
            self.deliver(now, luggage.into());
        }
    }

    fn tell_upgrade(&mut self, step: UpgradeStep, error: Option<String>) {
        if let Some(newer) = &self.succession.newer {
            let pid = newer.pid;
            self.events.emit(&ServerEvent::Upgrade { pid, step, error });
        }
    }

    /// The process that serves in place of this one.
    pub(super) fn successor(&self) -> Option<u32> {
        let newer = self.succession.newer.as_ref();
        newer
            .filter(|_| self.succession.handed_over)
            .map(|newer| newer.pid)
    }

    /// This process and those before it that still have connections.
    pub(super) fn generations(&self) -> Vec<Generation> {
        let open: u64 = self.slots.iter().map(|slot| slot.stats.open.get()).sum();
        let own = Generation {
            pid: std::process::id(),
            phase: self.phase.name().to_owned(),
            open,
        };
        let older = self.succession.older.iter();
        let older = older.flat_map(|older| older.generations.iter().cloned());
        [own].into_iter().chain(older).collect()
    }

    fn handover_tick(&mut self, core: &Rc<Core>) {
        if !self.succession.ticking && self.succession.newer.is_some() {
            self.succession.ticking = true;
            core.set_timer(core.now() + TICK, Key::HandOver.to_key());
        }
    }

    pub(super) fn on_handover_tick(&mut self, core: &Rc<Core>) {
        self.succession.ticking = false;
        let list = self.generations();
        self.send_luggage();
        if let Some(newer) = &mut self.succession.newer {
            newer.channel.flush();
            if newer.stage == Stage::Serving {
                newer.channel.say(&Word::Generations { list });
            }
        }
        self.handover_tick(core);
    }
}

/// Makes sure that a process is dead, and answers how it ended. It is reaped aside: the kernel drops
/// what /proc knows of a process in the thread that reaps it, and on a busy machine that was seen to
/// take seconds.
fn end(mut child: Child) -> Option<ExitStatus> {
    let process = PidFd::open(child.id()).ok()?;
    // Its end of the socket is closed: it is dying, unless it has lost its mind.
    if !process.wait_exit(Some(Duration::from_millis(50))).ok()? {
        child.kill().ok()?;
        process.wait_exit(Some(DEATH_PATIENCE)).ok()?;
    }
    let status = ended_with(&process);
    let reaper = std::thread::Builder::new().name("rg-reaper".to_owned());
    // Without a thread for it, it stays a zombie until this process ends.
    let _ = reaper.spawn(move || child.wait());
    status
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
