//! One thread's loop. A turn: run the ready tasks up to a bound, expire timers, one
//! `io_uring_enter` that submits everything and waits, take completions up to a bound, hear the
//! other threads. Every loop in a turn has a named bound.
//!
//! There are two ways to use it. Futures ([`Core::spawn`], [`crate::net`], [`crate::fs`]) wait for
//! operations like anywhere else. The owner of *events* ([`Sink`]) keeps plain data instead: it
//! submits operations under a key of its own and is told of each completion. A server that holds a
//! hundred thousand idle connections wants the second, and its handlers want the first.

use crate::buffer::{Lease, Pool, PoolOptions};
use crate::descriptor::Descriptor;
use crate::driver::{Completion, Driver, KernelDriver, Operation, RingFlags, Token, Untracked};
use crate::errno::Errno;
use crate::mailbox::{Remote, Shared};
use crate::op::{
    Cancel, Finished, Kind, Memory, OpFuture, OpId, OpTable, SendBuffer, Stage, dispose,
};
use crate::probe::{Unavailable, explain_setup_error};
use crate::sys::socket::Direction;
use crate::task::{Ended, JoinHandle, TaskId, Tasks, joinable};
use crate::time::Moment;
use crate::timer::{Owner, TimerId, Wheel};
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::future::Future;
use std::ops::Range;
use std::os::fd::AsRawFd;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Waker;
use std::time::Duration;

/// Tasks polled in one turn at most.
pub const TASKS_PER_TURN_MAX: usize = 1024;
/// Timers expired in one turn at most.
pub const TIMERS_PER_TURN_MAX: usize = 4096;
/// Completions taken in one turn at most.
pub const COMPLETIONS_PER_TURN_MAX: usize = 4096;
/// Messages of other threads heard in one turn at most.
const WAKES_PER_TURN_MAX: usize = 4096;

/// How long a core that is dropped without teardown waits for its operations to end.
const DROP_PATIENCE: Duration = Duration::from_secs(2);

/// How a core is set up.
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
    /// How long to look for work before sleeping in the kernel; zero: not at all (row T11).
    pub spin: Duration,
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
        }
    }
}

/// What a leased receive brought.
#[derive(Debug)]
pub enum Received {
    /// Bytes; at least one.
    Bytes(Lease),
    /// The peer ended its side.
    Eof,
    /// An error; [`Errno::CANCELLED`] after [`Core::cancel`].
    Failed(Errno),
}

/// A completion, told to the owner of its key.
#[derive(Debug)]
pub enum Event {
    /// A connection, or why there is none.
    Accepted {
        /// The key of the accept.
        key: u64,
        /// The connection.
        result: Result<Descriptor, Errno>,
        /// Whether further events of this accept follow.
        more: bool,
    },
    /// Bytes.
    Received {
        /// The key of the receive.
        key: u64,
        /// What came.
        received: Received,
        /// Whether further events of this receive follow.
        more: bool,
    },
    /// A send is over.
    Sent {
        /// The key of the send.
        key: u64,
        /// Bytes sent; fewer than asked only if the socket broke off.
        result: Result<u32, Errno>,
        /// The buffer, back.
        buffer: SendBuffer,
    },
    /// A descriptor is ready, or the poll over.
    Polled {
        /// The key of the poll.
        key: u64,
        /// poll(2) events.
        result: Result<u32, Errno>,
        /// Whether further events of this poll follow.
        more: bool,
    },
    /// A timer fired.
    Timer {
        /// The key of the timer.
        key: u64,
    },
}

/// The owner of events.
pub trait Sink {
    /// A completion of an operation with a key, or a timer.
    fn on_event(&mut self, core: &Rc<Core>, event: Event);
    /// Another thread rang ([`Remote::notify`]).
    fn on_notified(&mut self, _core: &Rc<Core>) {}
    /// The ready tasks of this turn ran; what they left behind is to be submitted now.
    fn before_wait(&mut self, _core: &Rc<Core>) {}
    /// Whether there is work that does not wait for an event: the core must not sleep.
    fn is_busy(&self) -> bool {
        false
    }
}

/// For cores that run only tasks.
impl Sink for () {
    fn on_event(&mut self, _: &Rc<Core>, _: Event) {}
}

/// Figures of a core, each since it was made.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CoreCounts {
    /// Turns of the loop.
    pub turns: u64,
    /// Calls of io_uring_enter(2).
    pub enters: u64,
    /// Operations that owe a completion now.
    pub operations_in_flight: u64,
    /// Completions of operations that nobody knew.
    pub stale_completions: u64,
    /// Closes that failed.
    pub failed_closes: u64,
    /// Times the completion queue was found overflowed.
    pub completion_overflows: u64,
    /// Times a receive found no buffer.
    pub starved_receives: u64,
    /// Tasks that have not ended.
    pub tasks: u64,
    /// Tasks that panicked.
    pub task_panics: u64,
}

/// One thread's ring, operations, buffers, timers and tasks.
pub struct Core {
    // The driver is dropped first: after that the kernel touches none of the memory below.
    driver: RefCell<Driver>,
    ops: RefCell<OpTable>,
    pool: Rc<Pool>,
    wheel: RefCell<Wheel>,
    tasks: RefCell<Tasks>,
    ready: RefCell<VecDeque<u32>>,
    /// Completions that no driver makes: of operations it refused, or never had.
    own: RefCell<VecDeque<Completion>>,
    /// Receives that wait for a buffer, longest first.
    starved: RefCell<VecDeque<OpId>>,
    taken: RefCell<Vec<Completion>>,
    /// Which of them is the next to be told.
    taken_next: Cell<usize>,
    shared: Arc<Shared>,
    options: CoreOptions,
    now: Cell<Moment>,
    waking: Cell<Option<OpId>>,
    counts: Cell<CoreCounts>,
}

thread_local! {
    static CURRENT: RefCell<Option<Rc<Core>>> = const { RefCell::new(None) };
}

/// The core of the running thread.
///
/// # Panics
/// Outside a core's thread ([`Core::enter`], [`Core::run`]).
pub fn current() -> Rc<Core> {
    try_current()
        .expect("this future runs only on a core: call it inside Core::run or Core::block_on")
}

/// The core of the running thread, if it is one's.
pub fn try_current() -> Option<Rc<Core>> {
    CURRENT.with(|current| current.borrow().clone())
}

/// Queues a task if its core is the one of this thread.
#[inline]
pub(crate) fn wake_locally(shared: &Arc<Shared>, slot: u32) -> bool {
    CURRENT.with(
        |current| match current.try_borrow().ok().as_ref().and_then(|c| c.as_ref()) {
            Some(core) if Arc::ptr_eq(&core.shared, shared) => {
                core.ready.borrow_mut().push_back(slot);
                true
            }
            _ => false,
        },
    )
}

/// Keeps a core current until dropped.
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
            own: RefCell::default(),
            starved: RefCell::default(),
            taken: RefCell::new(Vec::with_capacity(256)),
            taken_next: Cell::new(0),
            shared,
            options,
            now: Cell::new(now),
            waking: Cell::new(None),
            counts: Cell::default(),
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

    /// What the core was set up with.
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
        let (task, handle) = joinable(self, future);
        let id = self.tasks.borrow_mut().insert(task);
        let slot = self.tasks.borrow().slot(id);
        self.ready.borrow_mut().push_back(slot);
        handle.of(id)
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

    /// Drops a task's future, at once or, if it is running, when it returns.
    pub fn cancel_task(&self, task: TaskId) {
        let dropped = self.tasks.borrow_mut().cancel(task);
        drop(dropped);
    }

    #[inline]
    fn poll_task(&self, slot: u32) {
        let Some(mut turn) = self.tasks.borrow_mut().begin(slot) else {
            return;
        };
        let ended: Ended = turn.poll();
        let dropped = self.tasks.borrow_mut().end(turn, ended);
        drop(dropped);
    }

    fn run_ready(&self) {
        for _ in 0..TASKS_PER_TURN_MAX {
            let Some(slot) = self.ready.borrow_mut().pop_front() else {
                break;
            };
            self.poll_task(slot);
        }
    }

    // ---- Operations of the owner of events -----------------------------------------------------

    /// Accepts connections under `key` until cancelled; or one by one, if multishot accepts are
    /// switched off, each ended by an event without `more`.
    pub fn accept(&self, listener: &impl AsRawFd, key: u64) -> OpId {
        let operation = Operation::Accept {
            listener: listener.as_raw_fd(),
            multishot: self.options.multishot_accept,
        };
        self.submit(Kind::Accept, Stage::Event(key), Memory::None, |_| operation)
    }

    /// Accepts one connection under `key`.
    pub fn accept_one(&self, listener: &impl AsRawFd, key: u64) -> OpId {
        let operation = Operation::Accept {
            listener: listener.as_raw_fd(),
            multishot: false,
        };
        self.submit(Kind::Accept, Stage::Event(key), Memory::None, |_| operation)
    }

    /// Receives under `key` into buffers of the core, until EOF, an error or a cancel; or one by
    /// one, if multishot receives are switched off. While no buffer is free the receive waits in
    /// line, and its owner hears nothing of it.
    #[inline]
    pub fn receive(&self, socket: &Descriptor, key: u64) -> OpId {
        let multishot = self.options.multishot_receive;
        let socket = socket.as_raw_fd();
        let kind = Kind::ReceiveLeased { socket, multishot };
        self.submit(kind, Stage::Event(key), Memory::None, |_| {
            Operation::ReceiveLeased { socket, multishot }
        })
    }

    /// Sends the bytes in `range` of `buffer` under `key`. One send a socket at a time keeps the
    /// order. `more`: further bytes follow at once, a partial packet may wait for them (MSG_MORE,
    /// send(2)).
    ///
    /// # Panics
    /// If the range leaves the buffer.
    #[inline]
    pub fn send(
        &self,
        socket: &Descriptor,
        buffer: SendBuffer,
        range: Range<usize>,
        more: bool,
        key: u64,
    ) -> OpId {
        let socket = socket.as_raw_fd();
        self.submit(
            Kind::Send,
            Stage::Event(key),
            Memory::Send(buffer),
            |memory| {
                let bytes = match memory {
                    Memory::Send(buffer) => &buffer.as_slice()[range],
                    _ => &[],
                };
                let len = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
                Operation::Send {
                    socket,
                    from: bytes.as_ptr(),
                    len,
                    more,
                }
            },
        )
    }

    /// Polls a descriptor for poll(2) `events` under `key` until cancelled.
    pub fn poll(&self, fd: &impl AsRawFd, events: u32, key: u64) -> OpId {
        let fd = fd.as_raw_fd();
        self.submit(Kind::Poll, Stage::Event(key), Memory::None, |_| {
            Operation::Poll {
                fd,
                events,
                multishot: true,
            }
        })
    }

    /// Asks for the end of an operation. Its last completion comes all the same, and may still
    /// bring a connection or bytes.
    pub fn cancel(&self, id: OpId) {
        let cancel = self.ops.borrow_mut().cancel(id);
        match cancel {
            Cancel::Nothing => {}
            Cancel::Submit => {
                self.push_untracked(Operation::Cancel { target: id.0 }, Untracked::Cancel);
            }
            Cancel::Complete => {
                let completion = Completion::new(id.0, -libc::ECANCELED, false, None);
                self.own.borrow_mut().push_back(completion);
            }
        }
    }

    /// Closes a descriptor through the ring. Operations on it must be over: closing cancels none
    /// (io_uring_prep_close(3)).
    #[inline]
    pub fn close(&self, descriptor: Descriptor) {
        self.push_untracked(
            Operation::Close {
                fd: descriptor.release(),
            },
            Untracked::Close,
        );
    }

    /// Shuts one or both sides of a socket down through the ring (shutdown(2)).
    pub fn shutdown(&self, socket: &Descriptor, direction: Direction) {
        let operation = Operation::Shutdown {
            socket: socket.as_raw_fd(),
            how: match direction {
                Direction::Read => libc::SHUT_RD,
                Direction::Write => libc::SHUT_WR,
                Direction::Both => libc::SHUT_RDWR,
            },
        };
        self.push_untracked(operation, Untracked::Cancel);
    }

    /// Tells [`Sink::on_event`] of `key` at `deadline`.
    pub fn set_timer(&self, deadline: Moment, key: u64) -> TimerId {
        self.wheel.borrow_mut().set(deadline, Owner::Event(key))
    }

    /// Takes a timer back; answers whether it was still set.
    pub fn cancel_timer(&self, timer: TimerId) -> bool {
        self.wheel.borrow_mut().cancel(timer)
    }

    pub(crate) fn set_waker_timer(&self, deadline: Moment, waker: Waker) -> TimerId {
        self.wheel.borrow_mut().set(deadline, Owner::Waker(waker))
    }

    pub(crate) fn rearm_waker(&self, timer: TimerId, waker: &Waker) -> bool {
        self.wheel.borrow_mut().rearm(timer, waker)
    }

    // ---- Operations of futures -------------------------------------------------------------------

    /// Submits an operation for a future.
    pub(crate) fn operate(
        self: &Rc<Self>,
        kind: Kind,
        memory: Memory,
        build: impl FnOnce(&mut Memory) -> Operation,
    ) -> OpFuture {
        let id = self.submit(kind, Stage::Waiting(Waker::noop().clone()), memory, build);
        OpFuture::new(self.clone(), id)
    }

    pub(crate) fn take(&self, id: OpId, waker: &Waker) -> Option<(Completion, Memory)> {
        self.ops.borrow_mut().take(id, waker)
    }

    /// The future of an operation is gone: cancels it, or disposes of what it brought unseen.
    pub(crate) fn abandon(&self, id: OpId) {
        self.cancel(id);
        let unseen = self.ops.borrow_mut().orphan(id);
        if let Some((completion, kind, memory)) = unseen {
            self.dispose(kind, memory, &completion);
        }
    }

    // ---- Submission --------------------------------------------------------------------------------

    #[inline]
    fn submit(
        &self,
        kind: Kind,
        stage: Stage,
        memory: Memory,
        build: impl FnOnce(&mut Memory) -> Operation,
    ) -> OpId {
        let (id, operation) = {
            let mut ops = self.ops.borrow_mut();
            let id = ops.insert(kind, stage, memory);
            (id, build(ops.memory(id)))
        };
        self.push(id, operation);
        id
    }

    #[inline]
    fn push(&self, id: OpId, operation: Operation) {
        // SAFETY: the pointers in `operation` lead into the entry's memory, whose contents stay in
        // place behind a box, vector or static until the last completion frees the entry.
        // Guarded by `tests/dropped_in_flight.rs`.
        let pushed = unsafe { self.driver.borrow_mut().push(operation, id.0) };
        if let Err(errno) = pushed {
            self.own
                .borrow_mut()
                .push_back(Completion::new(id.0, -errno.0, false, None));
        }
    }

    fn push_untracked(&self, operation: Operation, what: Untracked) {
        // SAFETY: cancels and closes point to no memory.
        let pushed = unsafe {
            self.driver
                .borrow_mut()
                .push(operation, Token::untracked(what))
        };
        if pushed.is_err() {
            self.count(|counts| counts.failed_closes += 1);
        }
    }

    fn arm_wake(&self) {
        let fd = self.shared.event();
        let memory = Memory::Bytes(vec![0; 8]);
        let id = self.submit(Kind::Wake, Stage::Event(0), memory, |memory| match memory {
            Memory::Bytes(value) => Operation::Read {
                fd,
                into: value.as_mut_ptr(),
                len: 8,
                offset: u64::MAX,
            },
            _ => Operation::Nop,
        });
        self.waking.set(Some(id));
    }

    // ---- The turn ------------------------------------------------------------------------------------

    /// Runs turns until `stop` says so after one.
    pub fn run<S: Sink>(self: &Rc<Self>, sink: &mut S, mut stop: impl FnMut(&mut S) -> bool) {
        let _entered = self.enter();
        while !stop(sink) {
            self.turn(sink, None);
        }
    }

    /// Runs turns until `future` is ready.
    pub fn block_on<F: Future + 'static>(self: &Rc<Self>, future: F) -> F::Output {
        /// Keeps the core from sleeping in the very turn in which the future became ready.
        struct Awaited<T>(JoinHandle<T>);
        impl<T> Sink for Awaited<T> {
            fn on_event(&mut self, _: &Rc<Core>, _: Event) {}
            fn is_busy(&self) -> bool {
                self.0.is_finished()
            }
        }
        let _entered = self.enter();
        let mut awaited = Awaited(self.spawn(future));
        while !awaited.0.is_finished() {
            self.turn(&mut awaited, None);
        }
        let handle = awaited.0;
        // What the future left behind, such as a close, waits for no later turn.
        let _ = self.driver.borrow_mut().enter(false, None);
        let mut handle = std::pin::pin!(handle);
        let mut cx = std::task::Context::from_waker(Waker::noop());
        match handle.as_mut().poll(&mut cx) {
            std::task::Poll::Ready(Ok(output)) => output,
            std::task::Poll::Ready(Err(panic)) => std::panic::resume_unwind(panic.into_inner()),
            std::task::Poll::Pending => unreachable!("the handle is finished"),
        }
    }

    /// One turn. Sleeps at most `most` (None: until something happens).
    pub fn turn<S: Sink>(self: &Rc<Self>, sink: &mut S, most: Option<Duration>) {
        self.now.set(self.driver.borrow().now());
        self.run_ready();
        self.expire_timers(sink);
        sink.before_wait(self);
        // Before the wait: a task of this turn may have given back what a receive waits for.
        self.feed_starved();
        self.enter_driver(sink, most);
        self.now.set(self.driver.borrow().now());
        self.take_completions(sink);
        self.hear_other_threads(sink);
        sink.before_wait(self);
        self.pool.end_of_turn();
        self.count(|counts| counts.turns += 1);
        self.shared.beat(self.counts.get().turns);
    }

    fn expire_timers<S: Sink>(self: &Rc<Self>, sink: &mut S) {
        let due = match self.wheel.borrow().next_expiry() {
            Some(next) => next <= self.now(),
            None => false,
        };
        if !due {
            return;
        }
        let mut fired = Vec::new();
        self.wheel
            .borrow_mut()
            .expire(self.now(), TIMERS_PER_TURN_MAX, |owner| fired.push(owner));
        for owner in fired {
            match owner {
                Owner::Waker(waker) => waker.wake(),
                Owner::Event(key) => sink.on_event(self, Event::Timer { key }),
            }
        }
    }

    fn enter_driver<S: Sink>(&self, sink: &mut S, most: Option<Duration>) {
        let idle =
            self.ready.borrow().is_empty() && self.own.borrow().is_empty() && !sink.is_busy();
        let next = self.wheel.borrow().next_expiry();
        let until = next.map(|next| next.since(self.now()));
        let timeout = match (until, most) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        };
        let wait = idle
            && timeout != Some(Duration::ZERO)
            && !self.spun(timeout)
            && self.shared.may_sleep();
        // The spin took its share of the time.
        let timeout = timeout.map(|left| left.saturating_sub(self.options.spin));
        let mut driver = self.driver.borrow_mut();
        if let Err(errno) = driver.enter(wait, timeout) {
            // Nothing was submitted; the next turn tries again. EBADR says that the kernel could
            // not keep an overflowed completion: what is lost then is not known.
            debug_assert!(errno.is_exhaustion(), "io_uring_enter: {errno}");
        }
        if wait {
            self.shared.woke();
        }
        if driver.overflowed() {
            drop(driver);
            self.count(|counts| counts.completion_overflows += 1);
        }
    }

    /// Looks for completions for the bounded time of `spin`, but not past `timeout`; answers whether
    /// there were any.
    fn spun(&self, timeout: Option<Duration>) -> bool {
        if self.options.spin.is_zero() {
            return false;
        }
        let mut driver = self.driver.borrow_mut();
        let spin = timeout.map_or(self.options.spin, |most| most.min(self.options.spin));
        let end = driver.now() + spin;
        let mut taken = self.taken.borrow_mut();
        loop {
            let _ = driver.enter(false, None);
            driver.completions(COMPLETIONS_PER_TURN_MAX, &mut taken);
            if !taken.is_empty() {
                return true;
            }
            if driver.now() >= end {
                return false;
            }
            std::hint::spin_loop();
        }
    }

    fn take_completions<S: Sink>(self: &Rc<Self>, sink: &mut S) {
        self.driver
            .borrow_mut()
            .completions(COMPLETIONS_PER_TURN_MAX, &mut self.taken.borrow_mut());
        // One by one and not drained: if the sink panics, the rest is still there for teardown.
        loop {
            let next = self.taken_next.get();
            let Some(completion) = self.taken.borrow().get(next).copied() else {
                break;
            };
            self.taken_next.set(next + 1);
            self.complete(&completion, sink);
        }
        self.taken.borrow_mut().clear();
        self.taken_next.set(0);
        let own = self.own.borrow().len();
        for _ in 0..own {
            let completion = self.own.borrow_mut().pop_front();
            if let Some(completion) = completion {
                self.complete(&completion, sink);
            }
        }
    }

    #[inline]
    fn complete<S: Sink>(self: &Rc<Self>, completion: &Completion, sink: &mut S) {
        if completion.token.generation == Token::UNTRACKED_GENERATION {
            if completion.token.slot == Untracked::Close as u32 && completion.result < 0 {
                self.count(|counts| counts.failed_closes += 1);
            }
            return;
        }
        let finished = self.ops.borrow_mut().complete(completion);
        match finished {
            Finished::Event { key, kind, memory } => self.tell(sink, key, kind, memory, completion),
            Finished::Woken(waker) => {
                // Lent at once and not when the future looks: a buffer that the kernel has filled
                // must not count as one that a starved receive could have.
                if let Some(buffer) = completion.buffer() {
                    let len = Errno::check(completion.result).unwrap_or(0);
                    let lease = Memory::Leased(self.pool.lend(buffer, len));
                    let id = OpId(completion.token);
                    let replaced = self.ops.borrow_mut().deliver(id, lease);
                    drop(replaced);
                }
                waker.wake();
            }
            Finished::Orphaned { kind, memory } => self.dispose(kind, memory, completion),
            Finished::Starved => {
                self.starved.borrow_mut().push_back(OpId(completion.token));
                self.count(|counts| counts.starved_receives += 1);
            }
            Finished::Stale => {
                if let Some(id) = completion.buffer() {
                    drop(self.pool.lend(id, 0));
                }
            }
        }
    }

    #[inline]
    fn tell<S: Sink>(
        self: &Rc<Self>,
        sink: &mut S,
        key: u64,
        kind: Kind,
        memory: Memory,
        completion: &Completion,
    ) {
        let result = Errno::check(completion.result);
        let more = completion.more();
        let event = match kind {
            Kind::ReceiveLeased { .. } => {
                let lease = completion
                    .buffer()
                    .map(|id| self.pool.lend(id, result.unwrap_or(0)));
                let received = match (result, lease) {
                    (Err(errno), _) => Received::Failed(errno),
                    (Ok(0), _) | (Ok(_), None) => Received::Eof,
                    (Ok(_), Some(lease)) => Received::Bytes(lease),
                };
                Event::Received {
                    key,
                    received,
                    more,
                }
            }
            Kind::Send => {
                let buffer = match memory {
                    Memory::Send(buffer) => buffer,
                    _ => SendBuffer::Static(b""),
                };
                Event::Sent {
                    key,
                    result,
                    buffer,
                }
            }
            Kind::Accept | Kind::Open => {
                // SAFETY: a successful accept or open brings a descriptor that nobody else owns
                // (io_uring_enter(2)). Guarded by `a_dropped_accept_loses_no_connection`.
                let result = result.map(|fd| unsafe { Descriptor::from_completion(fd as i32) });
                Event::Accepted { key, result, more }
            }
            Kind::Poll | Kind::Other => Event::Polled { key, result, more },
            Kind::Wake => {
                self.waking.set(None);
                if result != Err(Errno::CANCELLED) {
                    self.arm_wake();
                }
                return;
            }
        };
        sink.on_event(self, event);
    }

    fn dispose(&self, kind: Kind, memory: Memory, completion: &Completion) {
        match completion.buffer() {
            Some(id) if !matches!(memory, Memory::Leased(_)) => drop(self.pool.lend(id, 0)),
            _ => {}
        }
        dispose(kind, &memory, completion.result);
    }

    fn hear_other_threads<S: Sink>(self: &Rc<Self>, sink: &mut S) {
        for _ in 0..WAKES_PER_TURN_MAX {
            let Some(slot) = self.shared.next_wake() else {
                break;
            };
            self.ready.borrow_mut().push_back(slot);
        }
        if self.shared.take_notified() {
            sink.on_notified(self);
        }
    }

    /// Arms starved receives again, one for each buffer that is there. Never at once: on an empty
    /// ring a receive fails at once even if no byte is there. Called as the last thing before the
    /// core may sleep, so that a buffer given back anywhere in a turn reaches the next in line.
    fn feed_starved(&self) {
        if self.starved.borrow().is_empty() {
            return;
        }
        let mut buffers = self.pool.available();
        while buffers > 0 {
            let Some(id) = self.starved.borrow_mut().pop_front() else {
                break;
            };
            // One that was cancelled in line uses no buffer up.
            let again = self.ops.borrow_mut().unstarve(id);
            if let Some((socket, multishot)) = again {
                self.push(id, Operation::ReceiveLeased { socket, multishot });
                buffers -= 1;
            }
        }
    }

    // ---- The end -----------------------------------------------------------------------------------------

    /// Ends everything on this core, also after a panic of its owner: drops the tasks, cancels
    /// every operation and takes every completion, so that the kernel owes nothing and touches no
    /// memory any more. Connections accepted meanwhile are told to `sink`.
    ///
    /// # Errors
    /// The number of operations that did not end within `patience`. Their memory must outlive
    /// them: the caller leaks the core.
    pub fn teardown<S: Sink>(
        self: &Rc<Self>,
        sink: &mut S,
        patience: Duration,
    ) -> Result<(), usize> {
        let _entered = self.enter();
        let deadline = self.driver.borrow().now() + patience;
        loop {
            let tasks = self.tasks.borrow_mut().clear();
            drop(tasks);
            let all = self.ops.borrow().all();
            if all.is_empty() {
                // What closes are queued still has to be submitted.
                let _ = self.driver.borrow_mut().enter(false, None);
                return Ok(());
            }
            for id in all {
                self.cancel(id);
            }
            if self.driver.borrow().now() >= deadline {
                return Err(self.ops.borrow().in_flight());
            }
            self.turn(sink, Some(Duration::from_millis(10)));
        }
    }
}

impl Core {
    /// Cancels and takes everything without telling anybody; answers whether nothing is left.
    fn reap(&mut self, patience: Duration) -> bool {
        let deadline = self.driver.borrow().now() + patience;
        let mut taken = self.taken.take().split_off(self.taken_next.take());
        loop {
            for completion in taken.drain(..).chain(self.own.take()) {
                if completion.token.generation == Token::UNTRACKED_GENERATION {
                    continue;
                }
                let finished = self.ops.borrow_mut().complete(&completion);
                if let Finished::Event { kind, memory, .. } | Finished::Orphaned { kind, memory } =
                    finished
                {
                    dispose(kind, &memory, completion.result);
                }
            }
            let all = self.ops.borrow().all();
            for id in &all {
                self.cancel(*id);
            }
            let mut driver = self.driver.borrow_mut();
            let waits = !all.is_empty() && self.own.borrow().is_empty();
            let _ = driver.enter(waits, Some(Duration::from_millis(10)));
            if all.is_empty() {
                return true;
            }
            if driver.now() >= deadline {
                return false;
            }
            driver.completions(COMPLETIONS_PER_TURN_MAX, &mut taken);
        }
    }
}

impl Drop for Core {
    fn drop(&mut self) {
        // Tasks hold operations and timers of this very core through `Rc`s, so a core that still
        // has any is kept alive by them and never gets here; `teardown` is the way out.
        debug_assert_eq!(self.tasks.borrow().len(), 0);
        // Closing a ring cancels asynchronously, so what is in flight (the wake-up always is, if
        // nobody called `teardown`) ends first. What does not end keeps its memory for ever.
        let is_kernels = matches!(&*self.driver.borrow(), Driver::Kernel(_));
        if is_kernels && !self.reap(DROP_PATIENCE) {
            std::mem::forget(self.ops.replace(OpTable::new()));
            std::mem::forget(self.pool.clone());
        }
    }
}
