//! One thread's loop. A turn: run the ready tasks up to a bound, expire timers, one
//! `io_uring_enter` that submits everything and waits, take completions up to a bound, hear the
//! other threads. Every loop in a turn has a named bound.
//!
//! There are two ways to use it. Futures ([`Core::spawn`], [`crate::net`], [`crate::fs`]) wait for
//! operations like anywhere else. The owner of *events* ([`Sink`]) keeps plain data instead: it
//! submits operations under a key of its own and is told of each completion. A server that holds a
//! hundred thousand idle connections wants the second, and its handlers want the first.

mod end;
mod event;
mod failure;
mod in_place;
mod line;
mod look;
mod operations;
mod turn;

pub use event::{CoreCounts, Event, Received, Sink};
pub use failure::RingFailed;
pub use look::Look;
pub use operations::UNIX_SEND_MAX_BYTES;

use crate::buffer::{Pool, PoolOptions};
use crate::driver::{Completion, Driver, KernelDriver, RingFlags};
use crate::mailbox::{Remote, Shared};
use crate::op::{OpId, OpTable};
use crate::probe::{Unavailable, explain_setup_error};
use crate::sys::conduit::Conduit;
use crate::task::{
    Ended, JoinHandle, LongPoll, Nested, Panic, Ready, TaskBox, TaskId, TaskOptions, Tasks,
    Urgency, WakeCell, catch_panic, first, joinable,
};
use crate::time::Moment;
use crate::timer::Wheel;
use line::Line;
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::future::Future;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Waker;
use std::time::Duration;

/// Tasks polled in one turn at most, unless [`CoreOptions::tasks_per_turn`] says otherwise.
pub const TASKS_PER_TURN: u32 = 1024;
/// Timers expired in one turn at most.
pub const TIMERS_PER_TURN_MAX: usize = 4096;
/// Completions taken in one turn at most.
pub const COMPLETIONS_PER_TURN_MAX: usize = 4096;
/// A core that looks at a timer so much later than it was due, or at its ring so long after the last time, was held up.
const HELD_UP: Duration = Duration::from_millis(50);
/// Messages of other threads heard in one turn at most.
const NOTES_PER_TURN_MAX: usize = 4096;

/// How a core is set up.
///
/// ```
/// use ringgate_runtime::{Core, CoreOptions};
/// use std::time::Duration;
///
/// let options = CoreOptions { entries: 64, long_poll: Duration::from_millis(10), ..CoreOptions::default() };
/// assert_eq!(Core::new(options)?.block_on(async { 7 }), 7);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy)]
pub struct CoreOptions {
    /// Entries of the submission queue, a power of two; the completion queue has four times as
    /// many.
    pub entries: u32,
    /// Set-up flags to ask for.
    pub flags: RingFlags,
    /// Whether waiting for clients should not count as iowait, where the kernel knows how.
    pub no_iowait: bool,
    /// Whether accepts go on until cancelled, or are made one by one.
    pub multishot_accept: bool,
    /// Whether receives go on until cancelled, or are made one by one.
    pub multishot_receive: bool,
    /// The core's buffers.
    pub buffers: PoolOptions,
    /// How long to look for work before sleeping in the kernel; zero: not at all (docs/seeds.md, T11).
    pub spin: Duration,
    /// Tasks polled in one turn at most; 0 counts as 1. Fewer let the kernel be heard more often.
    pub tasks_per_turn: u32,
    /// How long a step of a task may hold the core before the owner of events is told
    /// ([`Sink::on_long_poll`]); zero: for ever.
    pub long_poll: Duration,
}

impl Default for CoreOptions {
    fn default() -> CoreOptions {
        CoreOptions {
            entries: 1024,
            flags: RingFlags::all(),
            no_iowait: true,
            multishot_accept: true,
            multishot_receive: true,
            buffers: PoolOptions::default(),
            spin: Duration::ZERO,
            tasks_per_turn: TASKS_PER_TURN,
            long_poll: Duration::from_millis(100),
        }
    }
}

/// One thread's ring, operations, buffers, timers and tasks.
///
/// ```
/// use ringgate_runtime::{Core, CoreOptions, current, sleep};
/// use std::time::Duration;
///
/// let core = Core::new(CoreOptions::default())?;
/// let done: std::io::Result<()> = core.block_on(async {
///     let child = current().spawn(async {
///         sleep(Duration::from_millis(1)).await;
///         7
///     });
///     assert_eq!(child.await.ok(), Some(7));
///     Ok(())
/// });
/// done?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Core {
    // The driver is dropped first: after that the kernel touches none of the memory below.
    driver: RefCell<Driver>,
    ops: RefCell<OpTable>,
    pub(crate) pool: Rc<Pool>,
    wheel: RefCell<Wheel>,
    tasks: RefCell<Tasks>,
    ready: RefCell<Ready>,
    /// Tasks that let others go first.
    yielded: RefCell<Vec<Waker>>,
    /// The slot of the task that is being polled.
    polled: Cell<Option<u32>>,
    /// When this turn's completions began to be handled.
    resumed: Cell<Moment>,
    /// When the core was found held up last.
    held: Cell<Moment>,
    /// When timers were looked at last, and the time before.
    looked: Cell<Moment>,
    looked_before: Cell<Moment>,
    /// Whether the look was left out in the turn before.
    put_off: Cell<bool>,
    /// Completions that no driver makes: of operations it refused, or never had.
    own: RefCell<VecDeque<Completion>>,
    /// The way of pages into sockets.
    conduit: RefCell<Conduit>,
    /// Receives that wait for a buffer.
    starved: RefCell<Line>,
    taken: RefCell<Vec<Completion>>,
    /// Which of them is the next to be told.
    taken_next: Cell<usize>,
    shared: Arc<Shared>,
    options: CoreOptions,
    now: Cell<Moment>,
    waking: Cell<Option<OpId>>,
    /// The ring is of no more use.
    failed: Cell<Option<RingFailed>>,
    counts: Cell<CoreCounts>,
    /// Apart from the other counts, since it changes all the time.
    turns: Cell<u64>,
}

thread_local! {
    static CURRENT: RefCell<Option<Rc<Core>>> = const { RefCell::new(None) };
}

/// The core of the running thread.
///
/// ```
/// use ringgate_runtime::{Core, CoreOptions, current};
///
/// let turns = Core::new(CoreOptions::default())?.block_on(async { current().counts().turns });
/// assert!(turns < 10);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Panics
/// Outside a core's thread ([`Core::enter`], [`Core::run`]).
pub fn current() -> Rc<Core> {
    try_current()
        .expect("this future runs only on a core: call it inside Core::run or Core::block_on")
}

/// The core of the running thread, if it is one's.
///
/// ```
/// assert!(ringgate_runtime::try_current().is_none(), "no core runs on this thread");
/// ```
pub fn try_current() -> Option<Rc<Core>> {
    // A thread that ends has none any more.
    let current = CURRENT.try_with(|current| current.borrow().clone());
    current.ok().flatten()
}

/// The mailbox of the running thread's core.
///
/// # Panics
/// As [`current`].
#[inline]
pub(crate) fn home_of_running() -> Arc<Shared> {
    CURRENT.with_borrow(|current| match current {
        Some(core) => core.shared.clone(),
        None => panic!("a value is bound to a core: do so inside Core::run or Core::block_on"),
    })
}

/// Queues a task, unless it is queued, if its core is the one of this thread.
#[inline]
pub(crate) fn wake_locally(shared: &Arc<Shared>, slot: u32, cell: &WakeCell) -> bool {
    // What a thread kept may wake as it is dropped, when the thread has no core any more.
    let woken = CURRENT.try_with(|current| {
        match current.try_borrow().ok().as_ref().and_then(|c| c.as_ref()) {
            Some(core) if Arc::ptr_eq(&core.shared, shared) => {
                if cell.standing().queue() {
                    core.ready.borrow_mut().push(slot, cell.urgency());
                }
                true
            }
            _ => false,
        }
    });
    woken.unwrap_or(false)
}

/// Keeps a core current until dropped.
///
/// ```
/// use ringgate_runtime::{Core, CoreOptions, try_current};
///
/// let core = Core::new(CoreOptions::default())?;
/// let entered = core.enter();
/// assert!(try_current().is_some());
/// drop(entered);
/// assert!(try_current().is_none());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Entered {
    previous: Option<Rc<Core>>,
}

impl Drop for Entered {
    fn drop(&mut self) {
        let previous = self.previous.take();
        CURRENT.with(|current| current.replace(previous));
    }
}

impl Core {
    /// Makes a core over a ring of the kernel, for the calling thread.
    ///
    /// # Errors
    /// [`Unavailable`]: one line that names the cure.
    pub fn new(options: CoreOptions) -> Result<Rc<Core>, Unavailable> {
        let driver = KernelDriver::new(options.entries, options.flags, options.no_iowait)?;
        Core::with_driver(Driver::Kernel(driver), options)
    }

    /// Makes a core over any driver.
    ///
    /// # Errors
    /// As [`Core::new`].
    pub fn with_driver(mut driver: Driver, options: CoreOptions) -> Result<Rc<Core>, Unavailable> {
        let explain = |error: std::io::Error| {
            explain_setup_error(crate::sys::errno(&error).unwrap_or(libc::ENOMEM))
        };
        let pool = Pool::new(options.buffers).map_err(explain)?;
        driver
            .register_buffers(pool.ring())
            .map_err(|errno| explain_setup_error(errno.0))?;
        let shared = Shared::new().map_err(explain)?;
        let now = driver.now();
        let wakes_by_event = matches!(driver, Driver::Kernel(_));
        let core = Rc::new(Core {
            driver: RefCell::new(driver),
            ops: RefCell::new(OpTable::new()),
            pool,
            wheel: RefCell::new(Wheel::new(now)),
            tasks: RefCell::new(Tasks::new(shared.clone())),
            ready: RefCell::default(),
            yielded: RefCell::default(),
            polled: Cell::new(None),
            resumed: Cell::new(now),
            held: Cell::new(now),
            looked: Cell::new(now),
            looked_before: Cell::new(now),
            put_off: Cell::new(false),
            own: RefCell::default(),
            conduit: RefCell::default(),
            starved: RefCell::default(),
            taken: RefCell::new(Vec::with_capacity(256)),
            taken_next: Cell::new(0),
            shared,
            options,
            now: Cell::new(now),
            waking: Cell::new(None),
            failed: Cell::new(None),
            counts: Cell::default(),
            turns: Cell::new(0),
        });
        if wakes_by_event {
            core.arm_wake();
        }
        Ok(core)
    }

    /// Makes this core the current one of its thread until the guard is dropped.
    #[must_use]
    pub fn enter(self: &Rc<Self>) -> Entered {
        Entered {
            previous: CURRENT.with(|current| current.replace(Some(self.clone()))),
        }
    }

    /// A handle for other threads.
    pub fn remote(&self) -> Remote {
        Remote(self.shared.clone())
    }

    /// The time at the beginning of this turn.
    #[inline]
    pub fn now(&self) -> Moment {
        self.now.get()
    }

    /// Time since 1970 by the wall clock; simulated time starts in 2001.
    pub fn wall_clock(&self) -> Duration {
        match &*self.driver.borrow() {
            Driver::Kernel(_) => std::time::SystemTime::now()
                .duration_since(std::time::UNIX_EPOCH)
                .unwrap_or_default(),
            Driver::Simulated(driver) => {
                Duration::from_secs(1_000_000_000) + Duration::from_nanos(driver.now().as_nanos())
            }
        }
    }

    /// A random number, not a secret one.
    pub fn random(&self) -> u64 {
        self.driver.borrow_mut().random()
    }

    /// The core's buffers.
    pub fn buffers(&self) -> &Pool {
        &self.pool
    }

    /// Returns the options that the core was set up with.
    pub fn options(&self) -> &CoreOptions {
        &self.options
    }

    /// The set-up flags the ring really has; None if it is simulated.
    pub fn ring_flags(&self) -> Option<RingFlags> {
        match &*self.driver.borrow() {
            Driver::Kernel(driver) => Some(driver.flags()),
            Driver::Simulated(_) => None,
        }
    }

    /// Whether the ring has failed; then no turn submits or waits for anything any more.
    pub fn failed(&self) -> Option<RingFailed> {
        self.failed.get()
    }

    /// Turns that are over.
    #[inline]
    pub fn turn_number(&self) -> u64 {
        self.turns.get()
    }

    /// Figures of this core.
    pub fn counts(&self) -> CoreCounts {
        let tasks = self.tasks.borrow();
        let ops = self.ops.borrow();
        CoreCounts {
            enters: self.driver.borrow().enters(),
            operations_in_flight: (ops.in_flight() - self.waking.get().iter().len()) as u64,
            stale_completions: ops.stale(),
            tasks: tasks.len() as u64,
            task_panics: tasks.panics(),
            turns: self.turns.get(),
            ..self.counts.get()
        }
    }

    fn count(&self, change: impl FnOnce(&mut CoreCounts)) {
        let mut counts = self.counts.get();
        change(&mut counts);
        self.counts.set(counts);
    }

    // ---- Tasks -------------------------------------------------------------------------------

    /// Runs a future on this core from its next turn on.
    pub fn spawn<F: Future + 'static>(self: &Rc<Self>, future: F) -> JoinHandle<F::Output> {
        self.spawn_with(TaskOptions::default(), future)
    }

    /// As [`Core::spawn`], for a task that is more or less urgent than others, or has a name.
    pub fn spawn_with<F: Future + 'static>(
        self: &Rc<Self>,
        options: TaskOptions,
        future: F,
    ) -> JoinHandle<F::Output> {
        let (task, handle) = joinable(self, future);
        let mut tasks = self.tasks.borrow_mut();
        let id = tasks.insert(task);
        let slot = tasks.slot(id);
        tasks.set_urgency(slot, options.urgency);
        tasks.set_name(slot, options.name);
        drop(tasks);
        self.ready.borrow_mut().push(slot, options.urgency);
        handle.of(id)
    }

    /// Changes how urgent a task is, from the next time on that it is woken. Nothing happens if it
    /// has ended.
    pub fn set_task_urgency(&self, task: TaskId, urgency: Urgency) {
        let tasks = self.tasks.borrow();
        if tasks.is_there(task) {
            tasks.set_urgency(tasks.slot(task), urgency);
        }
    }

    /// Changes how urgent the task is that is being polled.
    pub(crate) fn set_urgency_of_polled(&self, urgency: Urgency) {
        if let Some(slot) = self.polled.get() {
            self.tasks.borrow().set_urgency(slot, urgency);
        }
    }

    /// Wakes a task when the other ready ones, and the kernel, had their turn.
    pub(crate) fn wake_later(&self, waker: Waker) {
        self.yielded.borrow_mut().push(waker);
    }

    fn wake_yielded(&self) {
        if !self.yielded.borrow().is_empty() {
            let wakers = self.yielded.take();
            wakers.into_iter().for_each(Waker::wake);
        }
    }

    /// Whether the core, between two looks at its timers, was held up past `deadline`, whose timer fires now: by a
    /// step that took long, or because the machine gave its thread no time. Completions of before the deadline
    /// may not be told yet.
    pub fn was_held_past(&self, deadline: Moment) -> bool {
        deadline > self.looked_before.get() && self.looked.get() - deadline >= HELD_UP
    }

    /// When the core was held up last, as far as it knows by now: completions of before may not be told yet.
    pub fn held_up_last(&self) -> Moment {
        match self.is_held_up() {
            true => self.now(),
            false => self.held.get(),
        }
    }

    /// Whether more than a moment has passed since the core heard of its completions.
    fn is_held_up(&self) -> bool {
        self.now() - self.resumed.get() >= HELD_UP
    }

    /// When the core has to look at its timers next: when the nearest is due, or before. None without timers.
    pub fn next_timer(&self) -> Option<Moment> {
        self.wheel.borrow().next_expiry()
    }

    /// Whether there is work that does not wait for an event: the next turn does not sleep. For a simulation, in which one
    /// sleeps for many.
    pub fn is_busy<S: Sink>(&self, sink: &S) -> bool {
        !self.ready.borrow().is_empty() || !self.own.borrow().is_empty() || sink.is_busy()
    }

    /// The time now, read anew: what [`Core::now`] says is as old as the turn.
    pub fn clock(&self) -> Moment {
        self.driver.borrow().now()
    }

    /// Runs a future on this core at once, up to where it first waits. Nothing is told of its end:
    /// the future does that itself.
    #[inline]
    pub fn start<F: Future<Output = ()> + 'static>(&self, future: F) -> TaskId {
        let id = self.tasks.borrow_mut().insert(future);
        let slot = self.tasks.borrow().slot(id);
        self.poll_task(slot);
        id
    }

    /// Makes a future and runs it on this core at once, up to where it first waits. One that does
    /// not wait was never a task (docs/seeds.md, T6): `at_once` gets its value, and None is returned. One that
    /// does becomes the task that is returned, and what `prepare` makes for it gets its value.
    ///
    /// # Errors
    /// The panic of `make`, of the future's first step, or of `at_once`.
    #[inline]
    pub fn start_with<M, F, A, P, C>(
        &self,
        make: M,
        at_once: A,
        prepare: P,
    ) -> Result<Option<TaskId>, Panic>
    where
        M: FnOnce() -> F,
        F: Future + 'static,
        A: FnOnce(F::Output),
        P: FnOnce() -> C,
        C: FnOnce(Result<F::Output, Panic>) + 'static,
    {
        first::start(&self.tasks, make, at_once, prepare)
    }

    /// Makes a future that another one of this core holds, its type forgotten, in a place of the core's: no
    /// allocation, once one of its size class has ended.
    #[inline]
    pub fn nest<F>(&self, make: impl FnOnce() -> F) -> Nested<F::Output>
    where
        F: Future<Output: 'static> + 'static,
    {
        let arena = self.tasks.borrow().arena();
        Nested::new(arena, make)
    }

    /// Drops a task's future, at once or, if it is running, when it returns.
    pub fn cancel_task(&self, task: TaskId) {
        let dropped = self.tasks.borrow_mut().cancel(task);
        if let Some(task) = dropped {
            self.drop_task(task);
        }
    }

    /// Drops a future that is no task any more. A panic of that is the task's own, and ends nothing else; the panic
    /// hook tells of it.
    fn drop_task(&self, task: TaskBox) {
        if catch_panic(|| drop(task)).is_err() {
            self.tasks.borrow_mut().count_panic();
        }
    }

    /// Drops the futures of all tasks but the running one, whose own is dropped when it returns.
    fn drop_tasks(&self) {
        let tasks = self.tasks.borrow_mut().clear();
        for task in tasks {
            self.drop_task(task);
        }
    }

    #[inline]
    fn poll_task(&self, slot: u32) -> Option<LongPoll> {
        let mut turn = self.tasks.borrow_mut().begin(slot)?;
        let told = turn.long_poll();
        let outer = self.polled.replace(Some(turn.slot()));
        let ended: Ended = turn.poll();
        self.polled.set(outer);
        let dropped = self.tasks.borrow_mut().end(turn, ended);
        if let Some(task) = dropped {
            self.drop_task(task);
        }
        Some(told)
    }

    /// Polls ready tasks, the most urgent first, up to a bound. A task that yields is polled again
    /// only after the kernel was heard. The bound on starvation is that of [`crate::class`].
    ///
    /// Answers when the last of them had ended, if any was polled; the time of the turn if long polls are not told of.
    fn run_ready<S: Sink>(self: &Rc<Self>, sink: &mut S) -> Option<Moment> {
        let limit = self.options.long_poll;
        let mut began = self.now();
        let mut last = None;
        for _ in 0..self.options.tasks_per_turn.max(1) {
            let Some(slot) = self.ready.borrow_mut().pop() else {
                break;
            };
            let polled = self.poll_task(slot);
            if limit.is_zero() {
                last = Some(began);
                continue;
            }
            let ended = self.clock();
            if let Some(told) = polled
                && ended - began >= limit
            {
                let took = ended - began;
                sink.on_long_poll(self, LongPoll { took, ..told });
            }
            began = ended;
            last = Some(ended);
        }
        last
    }
}
