//! All of a lane under one lock: pool, queue, sleeping workers, totals.
//!
//! Called by those who submit ([`run`](super::run)) and by the workers ([`worker`](super::worker)).
//! The lock is held for a few instructions; work, wakers, `init` and drops of an application's values
//! run outside of it.

use super::counts::{LaneKind, LaneStatus, LaneTotals};
use super::job::{Ran, Work};
use super::options::{Check, Init, LaneEvent, Observe, thread_name};
use super::pool::{Bounds, Pool, Replacement, Standing, Step};
use super::queue::{Queue, Ticket};
use super::{Ending, LaneError, worker};
use crate::class::Priority;
use crate::sys::thread::{JOIN_PAUSE, try_join};
use crate::task::catch_panic;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{JoinHandle, Thread};
use std::time::{Duration, Instant};

/// Limits of a lane of workers, beside its bounds.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    pub(super) queue: Option<u32>,
    pub(super) queue_timeout: Option<Duration>,
    pub(super) auto_trim: Option<Duration>,
    pub(super) retry_first: Duration,
    pub(super) retry_most: Duration,
    pub(super) spin: Duration,
}

/// Occupation of a worker until it asks for its next step. The pool counts a worker that looks as
/// one that waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// The worker made its state.
    Starting,
    /// The worker was asleep, or about to be.
    Asleep,
    /// The worker looked for work.
    Looking,
    /// The worker worked.
    Busy,
}

impl Place {
    fn standing(self) -> Standing {
        match self {
            Place::Starting => Standing::Starting,
            Place::Asleep | Place::Looking => Standing::Waiting,
            Place::Busy => Standing::Busy,
        }
    }
}

/// A worker's thread.
struct Seat {
    thread: Option<JoinHandle<()>>,
    /// To rouse it with.
    handle: Option<Thread>,
}

#[repr(C)]
struct Inner<C: 'static> {
    // What each piece of work changes stands together: every line of it goes from CPU to CPU.
    pool: Pool,
    /// Workers that look for work, each for a bounded time: no sleeper needs to be roused for the
    /// work that they will find.
    looking: u32,
    /// The CPU that work was taken in on last, if workers look for more.
    source: usize,
    /// Workers that have their state.
    ready: u32,
    queue: Queue<Arc<dyn Work<C>>>,
    /// Workers that sleep and were not roused yet. The last to fall asleep is the first to be
    /// roused, for its memory is the warmest.
    asleep: Vec<u32>,
    /// Why the last attempt to make a state failed, while no worker has one.
    trouble: Option<Arc<str>>,
    totals: LaneTotals,
    /// By index of worker. A worker that left has an empty seat, which the next one takes.
    seats: Vec<Option<Seat>>,
    /// Threads that have left and were not joined yet: they may still drop their states, and what
    /// the application keeps by thread.
    left: Vec<JoinHandle<()>>,
    /// Attempts that are over, of whatever outcome.
    attempts: u32,
    trimmed: Instant,
}

/// In cache lines of its own, two by two as they are fetched.
#[repr(align(128))]
struct Apart<T>(T);

/// State of a lane that its handles and its workers share.
pub(super) struct Shared<C: 'static> {
    name: String,
    limits: Limits,
    init: Init<C>,
    check: Option<Check<C>>,
    observe: Option<Observe>,
    inner: Apart<Mutex<Inner<C>>>,
    /// Told when a state is made or could not be, and when a worker leaves.
    changed: Condvar,
    /// Whether work was taken in since somebody began to look. A hint: the lock decides.
    come: Apart<AtomicBool>,
}

/// Next act of a worker.
pub(super) enum Next<C> {
    Work(Arc<dyn Work<C>>),
    Leave,
    /// Look for work for so long at most, then ask again.
    Look(Duration),
    /// Wait to be roused; for so long at most.
    Wait(Option<Duration>),
}

impl<C: 'static> Shared<C> {
    /// Makes a lane and starts its fewest workers (docs/seeds.md, P2).
    pub(super) fn start(
        name: &str,
        bounds: Bounds,
        limits: Limits,
        init: Init<C>,
        check: Option<Check<C>>,
        observe: Option<Observe>,
    ) -> Arc<Shared<C>> {
        let shared = Arc::new(Shared {
            name: name.to_owned(),
            limits,
            init,
            check,
            observe,
            inner: Apart(Mutex::new(Inner {
                pool: Pool::new(bounds),
                queue: Queue::new(),
                seats: Vec::new(),
                left: Vec::new(),
                asleep: Vec::new(),
                looking: 0,
                source: 0,
                ready: 0,
                trouble: None,
                attempts: 0,
                totals: LaneTotals::default(),
                trimmed: Instant::now(),
            })),
            changed: Condvar::new(),
            come: Apart(AtomicBool::new(false)),
        });
        for _ in 0..bounds.min() {
            shared.spawn(shared.lock());
        }
        shared
    }

    fn lock(&self) -> MutexGuard<'_, Inner<C>> {
        // Nothing of the application's runs under the lock; a poisoned one is still consistent.
        self.inner.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn limits(&self) -> &Limits {
        &self.limits
    }

    pub(super) fn init(&self) -> Result<C, String> {
        (self.init)()
    }

    pub(super) fn is_good(&self, state: &mut C) -> bool {
        self.check.as_ref().is_none_or(|check| check(state))
    }

    fn tell(&self, event: LaneEvent<'_>) {
        if let Some(observe) = &self.observe {
            // An observer that panics must not end a worker.
            let _ = catch_panic(|| observe(event));
        }
    }

    /// Starts the thread of a worker that the pool has counted.
    fn spawn(self: &Arc<Self>, mut inner: MutexGuard<'_, Inner<C>>) {
        let free = inner.seats.iter().position(Option::is_none);
        let index = free.unwrap_or(inner.seats.len());
        let shared = self.clone();
        let thread = std::thread::Builder::new()
            .name(thread_name(&self.name, index as u32))
            .spawn(move || worker::run(&shared, index as u32));
        match thread {
            Ok(thread) => {
                let handle = Some(thread.thread().clone());
                let seat = Some(Seat {
                    thread: Some(thread),
                    handle,
                });
                match free {
                    Some(_) => inner.seats[index] = seat,
                    None => inner.seats.push(seat),
                }
            }
            Err(error) => {
                inner.pool.not_spawned();
                inner.attempts += 1;
                inner.totals.failed_starts += 1;
                let why = format!(
                    "cannot start a thread: {error}; raise the limit of tasks (TasksMax= in the \
                     unit)"
                );
                self.note_trouble(inner, &why);
            }
        }
    }

    /// Work that may wait.
    fn most_queued(&self) -> u32 {
        self.limits.queue.unwrap_or(u32::MAX)
    }

    /// Whether it is worth asking for work, for those that look.
    pub(super) fn has_come(&self) -> bool {
        self.come.0.load(Ordering::Relaxed)
    }

    /// Takes work in, or refuses it (docs/seeds.md, P3 and P9). Returns whether a worker waits for it, too.
    #[inline]
    pub(super) fn submit(
        self: &Arc<Self>,
        priority: Priority,
        work: Arc<dyn Work<C>>,
    ) -> Result<(Ticket, bool), LaneError> {
        let mut inner = self.lock();
        let closed = inner.pool.is_closed();
        let expected = inner.pool.waiting > inner.pool.queued;
        if let Some(why) = &inner.trouble
            && !closed
            && inner.pool.spawned > 0
        {
            let why = why.clone();
            inner.totals.refused_unavailable += 1;
            return Err(LaneError::Unavailable(why));
        }
        // Unless a worker is free for it, or is started for it.
        let waits = !expected && !inner.pool.may_grow();
        if inner.pool.queued >= self.most_queued() && waits && !closed {
            inner.totals.refused_full += 1;
            return Err(LaneError::Full);
        }
        let Ok(submitted) = inner.pool.submit() else {
            inner.totals.refused_closed += 1;
            return Err(LaneError::Closed);
        };
        let ticket = inner.queue.push(priority, work);
        inner.totals.submitted += 1;
        if !self.limits.spin.is_zero() {
            inner.source = here();
        }
        let queued = inner.pool.queued;
        let sleeper = self.rouse_for(&mut inner, queued);
        match submitted.spawn {
            true => self.spawn(inner),
            false => drop(inner),
        }
        if let Some(thread) = sleeper {
            thread.unpark();
        }
        Ok((ticket, expected))
    }

    /// Takes a sleeping worker, to be unparked by the caller, if the workers that look for work are
    /// fewer than the `things` to do. Workers that look need no call: before one of them sleeps, it
    /// asks.
    #[inline]
    fn rouse_for(&self, inner: &mut Inner<C>, things: u32) -> Option<Thread> {
        if inner.looking > 0 {
            self.come.0.store(true, Ordering::Relaxed);
        }
        match things > inner.looking {
            true => inner.rouse_one(),
            false => None,
        }
    }

    fn rouse_for_trims(&self, inner: &mut Inner<C>) -> Option<Thread> {
        let trims = inner.pool.trim_requested;
        self.rouse_for(inner, trims)
    }

    /// The future of this work is gone.
    pub(super) fn withdraw(&self, ticket: Ticket) {
        let mut inner = self.lock();
        let Some(work) = inner.queue.remove(ticket) else {
            return;
        };
        inner.pool.withdraw();
        inner.totals.cancelled += 1;
        drop(inner);
        drop(work);
    }

    /// The work has waited too long. Answers false if it has begun.
    pub(super) fn give_up(&self, ticket: Ticket) -> bool {
        let mut inner = self.lock();
        let Some(work) = inner.queue.remove(ticket) else {
            return false;
        };
        inner.pool.withdraw();
        inner.totals.timed_out += 1;
        drop(inner);
        drop(work);
        true
    }

    /// A worker asks what to do next; `ran` is what it did before (docs/seeds.md, P4). Before it is told to sleep
    /// it may be told to look for work, for the time `look`.
    pub(super) fn next(
        &self,
        index: u32,
        from: Place,
        ran: Option<Ran>,
        look: Option<Duration>,
    ) -> Next<C> {
        let mut inner = self.lock();
        match ran {
            Some(Ran::Finished) => inner.totals.finished += 1,
            Some(Ran::Skipped) => inner.totals.cancelled += 1,
            Some(Ran::Panicked) | None => {}
        }
        match from {
            // It may have woken by itself.
            Place::Asleep => inner.asleep.retain(|sleeper| *sleeper != index),
            Place::Looking => inner.looking -= 1,
            Place::Starting | Place::Busy => {}
        }
        let patience = self.auto_trim(&mut inner);
        let mut step = inner.pool.step(from.standing());
        // What a worker finds that had nothing to do has not waited for it, but for its thread to wake; and so has what
        // another one finds that is quicker.
        let waited = from.standing() != Standing::Waiting && inner.pool.waiting == 0;
        let mut late = Vec::new();
        while step == Step::Work {
            let work = inner.queue.pop().expect("the pool counts what is queued");
            // Without a limit the work is not touched under the lock: it lies with the core's CPU.
            let limit = self.limits.queue_timeout.filter(|_| waited);
            let deadline = limit.and_then(|_| work.deadline());
            if deadline.is_none_or(|deadline| Instant::now() < deadline) {
                drop(inner);
                refuse_late(late);
                return Next::Work(work);
            }
            inner.totals.timed_out += 1;
            late.push(work);
            step = inner.pool.step(Standing::Busy);
        }
        let next = match step {
            Step::Leave => {
                inner.leave(index);
                inner.ready -= 1;
                Next::Leave
            }
            // On the CPU that work comes from, to look for it would keep it from coming.
            Step::Wait | Step::Work => match look.filter(|_| inner.source != here()) {
                Some(most) => {
                    inner.looking += 1;
                    self.come.0.store(false, Ordering::Relaxed);
                    Next::Look(most)
                }
                None => {
                    inner.asleep.push(index);
                    Next::Wait(patience)
                }
            },
        };
        drop(inner);
        if matches!(next, Next::Leave) {
            self.changed.notify_all();
        }
        refuse_late(late);
        next
    }

    /// Asks one worker to leave if the time has come (docs/seeds.md, P7). Returns the time until
    /// the next request; None if no worker can be asked.
    fn auto_trim(&self, inner: &mut Inner<C>) -> Option<Duration> {
        let every = self.limits.auto_trim?;
        if !inner.pool.may_trim() {
            return None;
        }
        let now = Instant::now();
        let since = now.saturating_duration_since(inner.trimmed);
        if since < every {
            return Some(every - since);
        }
        inner.trimmed = now;
        let sleeper = match inner.pool.trim(false) {
            true => self.rouse_for_trims(inner),
            false => None,
        };
        if let Some(thread) = sleeper {
            thread.unpark();
        }
        Some(every)
    }

    pub(super) fn trim(&self, force: bool) -> bool {
        let mut inner = self.lock();
        let trims = inner.pool.trim(force);
        let sleeper = match trims {
            true => self.rouse_for_trims(&mut inner),
            false => None,
        };
        drop(inner);
        if let Some(thread) = sleeper {
            thread.unpark();
        }
        trims
    }

    /// A worker has made its state.
    pub(super) fn ready(&self) {
        let mut inner = self.lock();
        inner.ready += 1;
        inner.attempts += 1;
        inner.totals.starts += 1;
        let recovered = inner.trouble.take().is_some();
        drop(inner);
        self.changed.notify_all();
        if recovered {
            self.tell(LaneEvent::Recovered);
        }
    }

    /// A worker could not make its state. Returns whether the worker tries again or leaves.
    pub(super) fn failed_to_start(&self, index: u32, why: String) -> Replacement {
        let mut inner = self.lock();
        inner.attempts += 1;
        inner.totals.failed_starts += 1;
        let replacement = inner.pool.failed_to_start();
        if replacement == Replacement::None {
            inner.leave(index);
        }
        self.note_trouble(inner, &why);
        replacement
    }

    /// An attempt to start a worker is over, in vain. If no worker has its state, what waits cannot be done, and the
    /// first such attempt is told of. Otherwise what was taken in for that worker, beyond the limit, is refused.
    fn note_trouble(&self, mut inner: MutexGuard<'_, Inner<C>>, why: &str) {
        let is_news = inner.ready == 0 && inner.trouble.is_none();
        let refused = inner.note_trouble(why.into());
        let beyond = inner.take_beyond(self.most_queued());
        drop(inner);
        self.changed.notify_all();
        refuse_all(refused);
        for work in beyond {
            work.refuse(LaneError::Full);
        }
        if is_news {
            self.tell(LaneEvent::Unavailable(why));
        }
    }

    /// A worker lost its state (docs/seeds.md, P9): by a panic, or because it was found to be bad.
    pub(super) fn died(&self, index: u32, from: Standing, ran: Ran) -> Replacement {
        let mut inner = self.lock();
        match ran {
            Ran::Finished => inner.totals.finished += 1,
            Ran::Panicked => inner.totals.panicked += 1,
            Ran::Skipped => inner.totals.cancelled += 1,
        }
        inner.ready -= 1;
        inner.totals.replaced += 1;
        let replacement = inner.pool.died(from);
        if replacement == Replacement::None {
            inner.leave(index);
        }
        drop(inner);
        self.changed.notify_all();
        if replacement == Replacement::Starting {
            self.tell(LaneEvent::Replaced { worker: index });
        }
        replacement
    }

    pub(super) fn is_closed(&self) -> bool {
        self.lock().pool.is_closed()
    }

    pub(super) fn close(&self, ending: Ending) {
        let mut inner = self.lock();
        inner.pool.close();
        let refused = match ending {
            Ending::Finish => Vec::new(),
            Ending::Cancel => inner.turn_away(),
        };
        inner.asleep.clear();
        self.come.0.store(true, Ordering::Relaxed);
        let seats = inner.seats.iter().flatten();
        let threads: Vec<_> = seats.filter_map(|seat| seat.handle.clone()).collect();
        drop(inner);
        for thread in threads {
            thread.unpark();
        }
        self.changed.notify_all();
        for work in refused {
            work.refuse(LaneError::Cancelled);
        }
    }

    pub(super) fn join(&self, most: Duration) -> Result<(), u32> {
        let began = Instant::now();
        loop {
            let left = most.saturating_sub(began.elapsed());
            let (mut inner, _) = self
                .changed
                .wait_timeout_while(self.lock(), left, |inner| inner.pool.spawned > 0)
                .unwrap_or_else(PoisonError::into_inner);
            let stay = inner.pool.spawned + inner.leaving();
            drop(inner);
            match stay {
                0 => return Ok(()),
                _ if left.is_zero() => return Err(stay),
                // A thread at its very end, where the application's values are dropped, tells nobody that it is gone.
                _ => std::thread::sleep(left.min(JOIN_PAUSE)),
            }
        }
    }

    pub(super) fn wait_ready(&self, most: Duration) -> bool {
        let inner = self.lock();
        let min = inner.pool.bounds().min();
        let (inner, _) = self
            .changed
            .wait_timeout_while(inner, most, |inner| {
                inner.attempts < min && !inner.pool.is_closed()
            })
            .unwrap_or_else(PoisonError::into_inner);
        inner.trouble.is_none() && (inner.ready > 0 || min == 0)
    }

    pub(super) fn status(&self) -> LaneStatus {
        let inner = self.lock();
        let pool = &inner.pool;
        LaneStatus {
            name: self.name.clone(),
            kind: LaneKind::Workers,
            min: pool.bounds().min(),
            max: pool.bounds().max(),
            spawned: pool.spawned,
            waiting: pool.waiting,
            queued: pool.queued,
            trim_requested: pool.trim_requested,
            busy: pool.busy,
            queue_limit: self.limits.queue,
            unavailable: inner.trouble.as_deref().map(str::to_owned),
            totals: inner.totals,
        }
    }
}

impl<C: 'static> Inner<C> {
    /// Takes somebody who sleeps, to be unparked by the caller.
    #[inline]
    fn rouse_one(&mut self) -> Option<Thread> {
        let index = self.asleep.pop()?;
        self.seats[index as usize].as_ref()?.handle.clone()
    }

    /// A worker's thread ends.
    fn leave(&mut self, index: u32) {
        if let Some(seat) = &mut self.seats[index as usize] {
            self.left.extend(seat.thread.take());
        }
        self.seats[index as usize] = None;
        // Those that have ended by now need not wait for the end of the lane.
        self.join_ended();
    }

    fn join_ended(&mut self) {
        let left = std::mem::take(&mut self.left);
        self.left = left.into_iter().filter_map(try_join).collect();
    }

    /// Threads that no longer count as workers and have not ended.
    fn leaving(&mut self) -> u32 {
        self.join_ended();
        // A worker may hold the last handle of its lane, and does not wait for itself.
        let this = std::thread::current().id();
        let others = self.left.iter().filter(|left| left.thread().id() != this);
        others.count() as u32
    }

    /// No worker has its state: what waits cannot be done.
    #[must_use]
    fn note_trouble(&mut self, why: Arc<str>) -> Vec<(Arc<dyn Work<C>>, Arc<str>)> {
        if self.ready > 0 {
            return Vec::new();
        }
        self.trouble = Some(why.clone());
        let refused = self.turn_away();
        refused
            .into_iter()
            .map(|work| (work, why.clone()))
            .collect()
    }

    /// Takes out what is neither within the limit nor for a worker that is free or on its way: the newest.
    #[must_use]
    fn take_beyond(&mut self, most: u32) -> Vec<Arc<dyn Work<C>>> {
        // Those that wait, and those that make their state.
        let takers = self.pool.spawned - self.pool.busy;
        let beyond = self.pool.queued.saturating_sub(most.saturating_add(takers));
        let newest = (0..beyond).map_while(|_| self.queue.pop_newest());
        let refused: Vec<_> = newest.collect();
        for _ in &refused {
            self.pool.withdraw();
        }
        self.totals.turned_away += refused.len() as u64;
        refused
    }

    fn turn_away(&mut self) -> Vec<Arc<dyn Work<C>>> {
        let refused = self.queue.clear();
        for _ in &refused {
            self.pool.withdraw();
        }
        self.totals.turned_away += refused.len() as u64;
        refused
    }
}

/// The CPU of the calling thread.
fn here() -> usize {
    crate::sys::cpu::current_cpu()
}

fn refuse_all<C>(refused: Vec<(Arc<dyn Work<C>>, Arc<str>)>) {
    for (work, why) in refused {
        work.refuse(LaneError::Unavailable(why));
    }
}

fn refuse_late<C>(late: Vec<Arc<dyn Work<C>>>) {
    for work in late {
        work.refuse(LaneError::TimedOut);
    }
}

#[cfg(test)]
#[path = "shared_tests.rs"]
mod tests;
