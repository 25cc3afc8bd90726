//! The made-up world: virtual time, sockets, the clients' schedule, and a log of all that happened.
//!
//! Shared by the test, its clients and any number of simulated rings, all on one thread. Time moves
//! only when a ring waits, when the test says so, and by [`ENTER_COST`] at each enter.
//! [`super::ring`] decides what a ring does with the sockets.

use super::SimulatedDriver;
use super::client::{Action, Client};
use super::describe::Brief;
use super::faults::{Faults, Random};
use super::socket::{Ending, Listener, Stream};
use crate::descriptor::{Descriptor, SIMULATED};
use crate::driver::operation::Operation;
use crate::errno::Errno;
use crate::time::Moment;
use std::cell::{RefCell, RefMut};
use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::ops::Range;
use std::os::fd::{AsRawFd, RawFd};
use std::rc::Rc;
use std::time::Duration;

/// The cost of one enter in virtual time, so that loops that look at the clock come to an end.
pub const ENTER_COST: Duration = Duration::from_micros(1);
/// Lines of the log that are kept, the newest; the hash is over all.
pub const LOG_LINES_MAX: usize = 100_000;
/// Waits in a row that nothing could ever end, after which the simulation panics.
pub const DEADLOCKS_IN_A_ROW_MAX: u64 = 100;
/// Waits in a row that only timeouts ended, after which the simulation panics.
pub const IDLE_WAITS_IN_A_ROW_MAX: u64 = 1_000_000;
/// Where virtual time begins.
const BEGINNING: Moment = Moment::from_nanos(1_000_000_000);

/// The object behind a descriptor number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Handle {
    Listener(usize),
    Stream(usize),
}

#[derive(Debug)]
enum Scheduled {
    Connect(usize),
    Act(Action),
}

/// All of the world; see [`World`].
pub(super) struct State {
    pub(super) now: Moment,
    pub(super) faults: Faults,
    pub(super) random: Random,
    seed: u64,
    pub(super) streams: Vec<Stream>,
    pub(super) listeners: Vec<Listener>,
    descriptors: BTreeMap<RawFd, Handle>,
    next_number: RawFd,
    /// By moment, then in the order in which it was asked for.
    schedule: BTreeMap<(Moment, u64), (usize, Scheduled)>,
    scheduled: u64,
    /// Acts of clients once they have received so many bytes: by stream, total and order.
    answers: BTreeMap<(usize, u64, u64), Action>,
    accepted_open: usize,
    rings: u64,
    deadlocks: u64,
    deadlocks_in_a_row: u64,
    idle_in_a_row: u64,
    pub(super) misuses: u64,
    /// The error of enters that fail, and which of those from now on do.
    failing: Option<(Errno, Range<u64>)>,
    log: VecDeque<String>,
    log_hash: u64,
}

/// A handle to a simulated world. Cloning it makes another handle to the same world.
///
/// The same seed, faults and calls give the same events and the same log.
///
/// ```
/// use ringgate_runtime::driver::Driver;
/// use ringgate_runtime::driver::simulated::{Faults, World};
/// use ringgate_runtime::{Core, CoreOptions, sleep};
/// use std::time::Duration;
///
/// let world = World::new(7, Faults::none()); // one seed, one run
/// let core = Core::with_driver(Driver::Simulated(Box::new(world.driver())), CoreOptions::default())?;
/// core.block_on(sleep(Duration::from_secs(3600))); // virtual time: at once
/// assert!(world.now().as_nanos() >= 3_600_000_000_000);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct World {
    state: Rc<RefCell<State>>,
}

impl World {
    /// A world without sockets.
    pub fn new(seed: u64, faults: Faults) -> World {
        World {
            state: Rc::new(RefCell::new(State {
                now: BEGINNING,
                faults,
                random: Random::new(seed),
                seed,
                streams: Vec::new(),
                listeners: Vec::new(),
                descriptors: BTreeMap::new(),
                next_number: SIMULATED,
                schedule: BTreeMap::new(),
                scheduled: 0,
                answers: BTreeMap::new(),
                accepted_open: 0,
                rings: 0,
                deadlocks: 0,
                deadlocks_in_a_row: 0,
                idle_in_a_row: 0,
                misuses: 0,
                failing: None,
                log: VecDeque::new(),
                log_hash: HASH_OF_NOTHING,
            })),
        }
    }

    pub(super) fn state(&self) -> RefMut<'_, State> {
        self.state.borrow_mut()
    }

    /// A ring in this world, for one [`Core`](crate::Core). Several cores may share a world; they
    /// take turns on one thread.
    pub fn driver(&self) -> SimulatedDriver {
        let mut state = self.state();
        let ring = state.rings;
        state.rings += 1;
        let numbers = Random::new(state.seed ^ (ring + 1).rotate_left(48));
        drop(state);
        SimulatedDriver::new(self.clone(), ring, numbers)
    }

    /// A listening socket.
    pub fn listen(&self) -> Descriptor {
        let mut state = self.state();
        state.listeners.push(Listener::default());
        let handle = Handle::Listener(state.listeners.len() - 1);
        Descriptor::simulated(state.open(handle))
    }

    /// A client that connects now.
    ///
    /// # Panics
    /// If `listener` is not a listener of this world.
    pub fn connect(&self, listener: &impl AsRawFd) -> Client {
        let mut state = self.state();
        let (stream, listener) = state.client_of(listener.as_raw_fd());
        state.connect(listener, stream);
        drop(state);
        Client {
            world: self.clone(),
            stream,
        }
    }

    /// A client that connects after a time span from now. Orders that it gets before are carried
    /// out once it is accepted.
    ///
    /// # Panics
    /// As [`World::connect`].
    pub fn connect_after(&self, listener: &impl AsRawFd, span: Duration) -> Client {
        let mut state = self.state();
        let (stream, listener) = state.client_of(listener.as_raw_fd());
        let moment = state.now + span;
        state.enqueue(moment, stream, Scheduled::Connect(listener));
        drop(state);
        Client {
            world: self.clone(),
            stream,
        }
    }

    /// Virtual time.
    pub fn now(&self) -> Moment {
        self.state().now
    }

    /// Moves time on. Events that were scheduled meanwhile happen, each at its moment.
    pub fn advance(&self, span: Duration) {
        let mut state = self.state();
        let end = state.now + span;
        state.advance_to(end);
    }

    /// When the next thing happens that a client is to do; None if there is none.
    pub fn next_event(&self) -> Option<Moment> {
        self.state().next_scheduled()
    }

    /// Returns the seed that the world was made with.
    pub fn seed(&self) -> u64 {
        self.state().seed
    }

    /// From now on other things go wrong.
    pub fn set_faults(&self, faults: Faults) {
        self.state().faults = faults;
    }

    /// Lets enters of the rings of this world fail, as io_uring_enter(2) does for want of memory or on a
    /// ring that is broken: those whose number is in `which`, 0 being the next one. Nothing is submitted
    /// in them, and nothing completes.
    pub fn fail_enters(&self, errno: Errno, which: Range<u64>) {
        self.state().failing = Some((errno, which));
    }

    /// Waits that nothing could have ended: no timeout, and nothing scheduled. (Where several cores
    /// share the world, one may wait for what another will do: turn them with a timeout.)
    pub fn deadlocks(&self) -> u64 {
        self.state().deadlocks
    }

    /// Operations that nobody may submit; each is a bug of who submitted it. They are those on
    /// descriptor numbers that were closed, or were never open (numbers are not used twice, so none is
    /// missed), a receive on a connection on which another is in flight, and an accept beside a
    /// multishot accept on the same listener, whichever of the world's rings has it.
    pub fn misuses(&self) -> u64 {
        self.state().misuses
    }

    /// Connections that were accepted and not closed through a ring. Dropping a simulated
    /// [`Descriptor`] closes nothing, so a leak shows here.
    pub fn open_descriptors(&self) -> usize {
        self.state().accepted_open
    }

    /// The newest [`LOG_LINES_MAX`] lines of what happened.
    pub fn log(&self) -> Vec<String> {
        self.state().log.iter().cloned().collect()
    }

    /// A hash (FNV-1a) over every line of the log since the beginning.
    pub fn log_hash(&self) -> u64 {
        self.state().log_hash
    }
}

impl fmt::Debug for World {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "simulated world of seed {}", self.seed())
    }
}

impl State {
    /// Returns the error of the enter that begins now, if it fails.
    pub(super) fn next_failure(&mut self) -> Option<Errno> {
        let (errno, which) = self.failing.as_mut()?;
        let fails = which.contains(&0);
        *which = which.start.saturating_sub(1)..which.end.saturating_sub(1);
        fails.then_some(*errno)
    }

    // ---- Descriptors -----------------------------------------------------------------------------

    pub(super) fn open(&mut self, handle: Handle) -> RawFd {
        let number = self.next_number;
        self.next_number += 1;
        self.descriptors.insert(number, handle);
        self.retain(handle);
        if let Handle::Stream(_) = handle {
            self.accepted_open += 1;
        }
        number
    }

    pub(super) fn handle(&self, number: RawFd) -> Option<Handle> {
        self.descriptors.get(&number).copied()
    }

    /// Closes a number. The socket lives on while an operation holds it, as in the kernel.
    pub(super) fn close(&mut self, number: RawFd) -> i32 {
        let Some(handle) = self.descriptors.remove(&number) else {
            return -libc::EBADF;
        };
        if let Handle::Stream(_) = handle {
            self.accepted_open -= 1;
        }
        self.release(handle);
        0
    }

    pub(super) fn retain(&mut self, handle: Handle) {
        match handle {
            Handle::Listener(index) => self.listeners[index].references += 1,
            Handle::Stream(index) => self.streams[index].references += 1,
        }
    }

    pub(super) fn release(&mut self, handle: Handle) {
        match handle {
            Handle::Listener(index) => {
                let listener = &mut self.listeners[index];
                listener.references -= 1;
                if listener.references == 0 {
                    listener.closed = true;
                    for stream in std::mem::take(&mut listener.queue) {
                        self.refuse(stream);
                    }
                }
            }
            Handle::Stream(index) => {
                let stream = &mut self.streams[index];
                stream.references -= 1;
                if stream.references == 0 {
                    stream.release();
                    let ending = stream.ending;
                    self.note(format_args!("client {index}: {ending:?}"));
                }
            }
        }
    }

    // ---- Operations in flight --------------------------------------------------------------------

    /// An operation on a socket is in flight. Its owner may have one receive on a connection, whose
    /// bytes would have no order otherwise, and a listener may have one multishot accept and no other
    /// beside it: the baton.
    pub(super) fn begin(&mut self, handle: Handle, operation: &Operation) {
        self.retain(handle);
        let too_many = match (handle, operation) {
            (Handle::Listener(index), Operation::Accept { multishot, .. }) => {
                self.listeners[index].armed.begin(*multishot)
            }
            (
                Handle::Stream(index),
                Operation::ReceiveLeased { .. } | Operation::Receive { .. },
            ) => self.streams[index].armed.begin(true),
            _ => false,
        };
        if too_many {
            self.misuses += 1;
            self.note(format_args!(
                "misuse: a second one beside {}",
                Brief(operation)
            ));
        }
    }

    /// An operation of [`State::begin`] is over.
    pub(super) fn end(&mut self, handle: Handle, operation: &Operation) {
        match (handle, operation) {
            (Handle::Listener(index), Operation::Accept { multishot, .. }) => {
                self.listeners[index].armed.end(*multishot);
            }
            (
                Handle::Stream(index),
                Operation::ReceiveLeased { .. } | Operation::Receive { .. },
            ) => self.streams[index].armed.end(true),
            _ => {}
        }
        self.release(handle);
    }

    /// poll(2) events that are there.
    pub(super) fn events(&self, handle: Handle) -> u32 {
        match handle {
            Handle::Listener(index) => self.listeners[index].events(),
            Handle::Stream(index) => self.streams[index].events(),
        }
    }

    // ---- Clients ---------------------------------------------------------------------------------

    fn client_of(&mut self, listener: RawFd) -> (usize, usize) {
        let Some(Handle::Listener(listener)) = self.handle(listener) else {
            panic!("descriptor {listener} is not a listener of this simulated world");
        };
        self.streams.push(Stream::new());
        (self.streams.len() - 1, listener)
    }

    fn connect(&mut self, listener: usize, stream: usize) {
        self.note(format_args!("client {stream}: connects"));
        let queue = &mut self.listeners[listener];
        if queue.closed || queue.shut {
            self.refuse(stream);
            return;
        }
        queue.queue.push_back(stream);
        queue.wakes.reading += 1;
        self.progressed();
    }

    /// The connection ends before anybody had it.
    pub(super) fn refuse(&mut self, stream: usize) {
        self.streams[stream].release();
        self.streams[stream].ending = Ending::Reset;
        self.streams[stream].refused = true;
        self.note(format_args!("client {stream}: refused"));
    }

    pub(super) fn act(&mut self, stream: usize, action: Action) {
        match &action {
            Action::Send(bytes) => {
                let (len, hash) = (bytes.len(), fingerprint(bytes));
                self.note(format_args!(
                    "client {stream}: sends {len} bytes {hash:016x}"
                ));
            }
            other => self.note(format_args!("client {stream}: {other:?}")),
        }
        self.progressed();
        let end = &mut self.streams[stream];
        match action {
            Action::Send(bytes) => end.client_send(&bytes),
            Action::ShutdownWrite => end.client_shutdown_write(),
            Action::Close => end.client_close(),
            Action::Reset => end.client_reset(),
            Action::Window(bytes) => end.client_window(bytes),
            Action::Read(bytes) => end.client_window(end.window.saturating_add(bytes)),
        }
    }

    pub(super) fn schedule(&mut self, stream: usize, moment: Moment, action: Action) {
        self.enqueue(moment, stream, Scheduled::Act(action));
    }

    pub(super) fn answer(&mut self, stream: usize, total: u64, action: Action) {
        self.answers.insert((stream, total, self.scheduled), action);
        self.scheduled += 1;
        self.received(stream);
    }

    /// A client may have received bytes: what it was to do then is scheduled for now.
    pub(super) fn received(&mut self, stream: usize) {
        let ever = self.streams[stream].received_ever;
        let due = (stream, 0, 0)..=(stream, ever, u64::MAX);
        while let Some((key, _)) = self.answers.range(due.clone()).next() {
            let key = *key;
            if let Some(action) = self.answers.remove(&key) {
                self.schedule(stream, self.now, action);
            }
        }
    }

    fn enqueue(&mut self, moment: Moment, stream: usize, what: Scheduled) {
        let key = (moment, self.scheduled);
        self.scheduled += 1;
        self.schedule.insert(key, (stream, what));
    }

    // ---- Time ------------------------------------------------------------------------------------

    /// When the next scheduled thing happens.
    pub(super) fn next_scheduled(&self) -> Option<Moment> {
        self.schedule.keys().next().map(|(moment, _)| *moment)
    }

    /// Moves time to `end` (never back), letting happen what is due until then.
    pub(super) fn advance_to(&mut self, end: Moment) {
        while let Some(entry) = self.schedule.first_entry() {
            let moment = entry.key().0;
            if moment > end {
                break;
            }
            let (stream, what) = entry.remove();
            self.now = self.now.max(moment);
            match what {
                Scheduled::Connect(listener) => self.connect(listener, stream),
                Scheduled::Act(action) => self.act(stream, action),
            }
        }
        self.now = self.now.max(end);
    }

    /// A wait that nothing can end.
    pub(super) fn deadlocked(&mut self) {
        self.deadlocks += 1;
        self.deadlocks_in_a_row += 1;
        self.note(format_args!("nothing can end this wait"));
        assert!(
            self.deadlocks_in_a_row <= DEADLOCKS_IN_A_ROW_MAX,
            "simulation (seed {}): {DEADLOCKS_IN_A_ROW_MAX} waits in a row without a timeout, with \
             no client action scheduled and nothing to complete: whoever runs the core waits for \
             something that never comes. The end of the log:\n{}",
            self.seed,
            self.tail(20),
        );
    }

    /// A wait that only its timeout ended.
    pub(super) fn timed_out(&mut self) {
        self.idle_in_a_row += 1;
        assert!(
            self.idle_in_a_row <= IDLE_WAITS_IN_A_ROW_MAX,
            "simulation (seed {}): {IDLE_WAITS_IN_A_ROW_MAX} waits in a row ended by their timeout \
             only. The end of the log:\n{}",
            self.seed,
            self.tail(20),
        );
    }

    /// Something happened that an operation may have waited for.
    pub(super) fn progressed(&mut self) {
        self.deadlocks_in_a_row = 0;
        self.idle_in_a_row = 0;
    }

    // ---- The log ---------------------------------------------------------------------------------

    pub(super) fn note(&mut self, what: fmt::Arguments<'_>) {
        let line = format!("{} {what}", self.now.as_nanos());
        self.log_hash = hash(self.log_hash, line.as_bytes());
        if self.log.len() == LOG_LINES_MAX {
            self.log.pop_front();
        }
        self.log.push_back(line);
    }

    fn tail(&self, lines: usize) -> String {
        let skipped = self.log.len().saturating_sub(lines);
        let lines: Vec<&str> = self.log.iter().skip(skipped).map(String::as_str).collect();
        lines.join("\n")
    }
}

const HASH_OF_NOTHING: u64 = 0xcbf2_9ce4_8422_2325;

/// Bytes in the log: of long ones only the ends, so that big bodies cost little.
pub(super) fn fingerprint(bytes: &[u8]) -> u64 {
    const END: usize = 4096;
    let (first, last) = match bytes.len() {
        0..=END => (bytes, &[][..]),
        len => (&bytes[..END], &bytes[len - END.min(len - END)..]),
    };
    hash(hash(HASH_OF_NOTHING, first), last)
}

/// FNV-1a, continued.
fn hash(start: u64, bytes: &[u8]) -> u64 {
    bytes.iter().fold(start, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}
