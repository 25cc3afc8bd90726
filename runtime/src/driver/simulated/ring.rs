//! The simulated ring: takes submissions, lets operations make progress inside enter, and keeps
//! their completions. The counterpart of a DEFER_TASKRUN ring (io_uring_setup(2)).
//!
//! An operation is tried when it is issued and again whenever its socket was woken since, like a
//! request that the kernel armed a poll for ([`super::attempt`]). [`super::socket`] decides what a
//! socket answers; [`super::files`] passes files on.

use super::describe::{Brief, Name};
use super::faults::Random;
use super::files;
use super::socket::Wakes;
use super::world::{ENTER_COST, Handle, State, World};
use crate::buffer::ring::BufferRing;
use crate::descriptor::{Descriptor, SIMULATED};
use crate::driver::operation::{Completion, Operation};
use crate::driver::token::Token;
use crate::errno::Errno;
use crate::time::Moment;
use std::collections::VecDeque;
use std::os::fd::RawFd;
use std::time::Duration;

/// How late a late completion is at most, in nanoseconds: two ticks of the timer wheel, so that
/// deadlines pass in between.
const LATE_NANOS_MAX: u64 = 2 << 20;

/// A simulated ring; made by [`World::driver`].
pub struct SimulatedDriver {
    world: World,
    ring: u64,
    random: Random,
    enters: u64,
    submitted: Vec<(Operation, Token)>,
    pending: Vec<Pending>,
    completions: VecDeque<Completion>,
    late: Vec<(Moment, Completion)>,
    pub(super) buffers: Option<Buffers>,
}

/// The ring of provided buffers.
pub(super) struct Buffers {
    base: u64,
    entries: u16,
    head: u16,
}

impl Buffers {
    pub(super) fn is_empty(&self) -> bool {
        let mut head = self.head;
        BufferRing::consume(self.base, self.entries, &mut head).is_none()
    }

    pub(super) fn take(&mut self) -> Option<(u16, *mut u8, u32)> {
        BufferRing::consume(self.base, self.entries, &mut self.head)
    }
}

/// An operation that waits.
pub(super) struct Pending {
    pub(super) token: Token,
    pub(super) operation: Operation,
    pub(super) on: On,
    /// The wakes of its socket when it was last tried.
    pub(super) seen: Wakes,
    /// Bytes sent so far.
    pub(super) done: u32,
    /// The operation hears nothing more, but for a cancel ([`Faults::untold_resets`](super::Faults)).
    pub(super) deaf: bool,
}

#[derive(Clone, Copy)]
pub(super) enum On {
    Socket(Handle),
    Time(Moment),
}

/// How a try went.
pub(super) enum Tried {
    /// The operation is over; its last completion was made.
    Over,
    Waits,
}

impl SimulatedDriver {
    pub(super) fn new(world: World, ring: u64, random: Random) -> SimulatedDriver {
        SimulatedDriver {
            world,
            ring,
            random,
            enters: 0,
            submitted: Vec::new(),
            pending: Vec::new(),
            completions: VecDeque::new(),
            late: Vec::new(),
            buffers: None,
        }
    }

    pub(super) fn world(&self) -> World {
        self.world.clone()
    }

    /// Queues one operation; nothing of it happens before the next [`SimulatedDriver::enter`].
    ///
    /// # Safety
    /// As [`KernelDriver::push`](crate::driver::KernelDriver::push).
    ///
    /// # Errors
    /// None: the queue is never full.
    pub unsafe fn push(&mut self, operation: Operation, token: Token) -> Result<(), Errno> {
        self.submitted.push((operation, token));
        Ok(())
    }

    /// Issues everything queued and lets every operation make progress. With `wait` and nothing
    /// completed, virtual time jumps from one scheduled thing to the next until something
    /// completes or `timeout` passed; with neither it returns at once and counts a deadlock.
    ///
    /// # Errors
    /// The error that [`World::fail_enters`] names.
    ///
    /// # Panics
    /// After many waits in a row that brought nothing, so that no test hangs.
    pub fn enter(&mut self, wait: bool, timeout: Option<Duration>) -> Result<(), Errno> {
        self.enters += 1;
        let world = self.world.clone();
        let state = &mut *world.state();
        let start = state.now + ENTER_COST;
        state.advance_to(start);
        if let Some(errno) = state.next_failure() {
            return Err(errno);
        }
        let mut submitted = std::mem::take(&mut self.submitted);
        for (operation, token) in submitted.drain(..) {
            self.issue(state, operation, token);
        }
        // The queue keeps its memory, as a ring does.
        self.submitted = submitted;
        self.progress(state);
        if wait && self.completions.is_empty() {
            self.wait(state, timeout.map(|timeout| start + timeout));
        }
        if !self.completions.is_empty() {
            state.progressed();
        }
        self.reorder(state);
        Ok(())
    }

    fn wait(&mut self, state: &mut State, deadline: Option<Moment>) {
        while self.completions.is_empty() {
            let due = self.pending.iter().filter_map(|pending| match pending.on {
                On::Time(moment) => Some(moment),
                On::Socket(_) => None,
            });
            let late = self.late.iter().map(|(moment, _)| *moment);
            let Some(next) = due
                .chain(late)
                .chain(state.next_scheduled())
                .chain(deadline)
                .min()
            else {
                return state.deadlocked();
            };
            state.advance_to(next);
            self.progress(state);
            if deadline.is_some_and(|deadline| state.now >= deadline) {
                break;
            }
        }
        if self.completions.is_empty() {
            state.timed_out();
        }
    }

    /// Takes up to `most` completions.
    pub fn completions(&mut self, most: usize, into: &mut Vec<Completion>) {
        let most = most.min(self.completions.len());
        into.extend(self.completions.drain(..most));
    }

    /// Closes a descriptor at once.
    pub(crate) fn close(&mut self, descriptor: Descriptor) {
        if !descriptor.is_simulated() {
            return drop(descriptor);
        }
        let mut state = self.world.state();
        let result = state.close(descriptor.release());
        state.misuses += u64::from(result < 0);
    }

    /// Lets virtual time pass.
    pub(crate) fn rest(&mut self, span: Duration) {
        self.world.advance(span);
    }

    /// Virtual time.
    pub fn now(&self) -> Moment {
        self.world.now()
    }

    /// The next number of the seed.
    pub fn random(&mut self) -> u64 {
        self.random.next()
    }

    /// Times entered.
    pub fn enters(&self) -> u64 {
        self.enters
    }

    /// Returns the events that poll(2) without a wait tells of a socket, now and not at the next enter. A
    /// number that is not open is a misuse.
    pub(crate) fn events(&self, fd: RawFd) -> u32 {
        let mut state = self.world.state();
        match state.handle(fd) {
            Some(handle) => state.events(handle),
            None => {
                state.misuses += 1;
                libc::POLLNVAL as u32
            }
        }
    }

    /// The bytes that the client of a connection has received in its life.
    pub(crate) fn taken(&self, fd: RawFd) -> Option<u64> {
        let state = self.world.state();
        match state.handle(fd)? {
            Handle::Stream(index) => Some(state.streams[index].received_ever),
            Handle::Listener(_) => None,
        }
    }

    /// Whether a receive would bring bytes of a connection, without taking them. A number that is not open is a
    /// misuse.
    pub(crate) fn has_unread(&self, fd: RawFd) -> bool {
        let mut state = self.world.state();
        match state.handle(fd) {
            Some(Handle::Stream(index)) => !state.streams[index].inbound.is_empty(),
            Some(Handle::Listener(_)) => false,
            None => {
                state.misuses += 1;
                false
            }
        }
    }

    /// Whether a client has yet to acknowledge what was sent to it, and is there.
    pub(crate) fn is_taking(&self, fd: RawFd) -> bool {
        let state = self.world.state();
        match state.handle(fd) {
            Some(Handle::Stream(index)) => state.streams[index].is_taking(state.now),
            Some(Handle::Listener(_)) | None => false,
        }
    }

    /// The last close of a connection resets it.
    pub(crate) fn reset_at_close(&self, fd: RawFd) {
        let mut state = self.world.state();
        if let Some(Handle::Stream(index)) = state.handle(fd) {
            state.streams[index].resets = true;
        }
    }

    pub(crate) fn register_buffers(&mut self, buffers: &BufferRing) {
        self.buffers = Some(Buffers {
            base: buffers.address(),
            entries: buffers.entries(),
            head: 0,
        });
    }

    // ---- Issue -----------------------------------------------------------------------------------

    fn issue(&mut self, state: &mut State, operation: Operation, token: Token) {
        let ring = self.ring;
        let name = Name(token);
        state.note(format_args!("ring {ring}: {name} {}", Brief(&operation)));
        let result = match operation {
            Operation::Nop => 0,
            Operation::Accept { listener: fd, .. }
            | Operation::ReceiveLeased { socket: fd, .. }
            | Operation::Receive { socket: fd, .. }
            | Operation::Send { socket: fd, .. }
            | Operation::SendPieces { socket: fd, .. }
            | Operation::Poll { fd, .. } => match on_socket(state, &operation, fd) {
                Ok(handle) => return self.start(state, operation, token, handle),
                Err(errno) => -errno,
            },
            Operation::Shutdown { socket, how } => shutdown(state, socket, how),
            Operation::Close { fd } if fd < SIMULATED => files::close(fd),
            Operation::Close { fd } => {
                let result = state.close(fd);
                state.misuses += u64::from(result < 0);
                result
            }
            Operation::Cancel { target } => self.cancel(state, target),
            Operation::Timeout { after } => {
                // SAFETY: the submitter keeps the time span in place until the last completion
                // (io_uring_prep_timeout(3)); it is the kernel's pair of 64-bit numbers. Guarded
                // by `a_timeout_completes_at_its_time`.
                let [seconds, nanos] = unsafe { after.cast::<[u64; 2]>().read() };
                let span = Duration::from_secs(seconds) + Duration::from_nanos(nanos);
                self.pending.push(Pending {
                    token,
                    operation,
                    on: On::Time(state.now + span),
                    seen: Wakes::default(),
                    done: 0,
                    deaf: false,
                });
                return;
            }
            Operation::Read { .. }
            | Operation::Write { .. }
            | Operation::Open { .. }
            | Operation::OpenBeneath { .. }
            | Operation::Statx { .. } => files::perform(&operation),
            Operation::Connect { .. }
            | Operation::SendMessage { .. }
            | Operation::ReceiveMessage { .. }
            | Operation::Splice { .. } => -libc::EOPNOTSUPP,
        };
        self.post(state, token, result, false, None);
    }

    fn start(&mut self, state: &mut State, operation: Operation, token: Token, handle: Handle) {
        state.begin(handle, &operation);
        let mut pending = Pending {
            token,
            operation,
            on: On::Socket(handle),
            seen: Wakes::default(),
            done: 0,
            deaf: false,
        };
        match self.attempt(state, &mut pending) {
            Tried::Over => state.end(handle, &operation),
            Tried::Waits => self.pending.push(pending),
        }
    }

    fn cancel(&mut self, state: &mut State, target: Token) -> i32 {
        let find = |ring: &Self| ring.pending.iter().rposition(|p| p.token == target);
        if find(self).is_some() && state.random.chance(state.faults.cancel_loses) {
            self.progress(state);
        }
        let Some(index) = find(self) else {
            return -libc::ENOENT;
        };
        let pending = self.pending.remove(index);
        // A send that is cancelled half way answers what it sent.
        let result = match pending.done {
            0 => -libc::ECANCELED,
            sent => sent as i32,
        };
        self.post(state, target, result, false, None);
        if let On::Socket(handle) = pending.on {
            state.end(handle, &pending.operation);
        }
        0
    }

    // ---- Progress --------------------------------------------------------------------------------

    /// Tries every operation whose socket was woken or whose time has come.
    fn progress(&mut self, state: &mut State) {
        let mut waiting = std::mem::take(&mut self.pending);
        waiting.retain_mut(|pending| match self.attempt(state, pending) {
            Tried::Waits => true,
            Tried::Over => {
                if let On::Socket(handle) = pending.on {
                    state.end(handle, &pending.operation);
                }
                false
            }
        });
        self.pending = waiting;
        self.release_late(state);
    }

    // ---- Completions -----------------------------------------------------------------------------

    pub(super) fn finish(
        &mut self,
        state: &mut State,
        token: Token,
        result: i32,
        buffer: Option<u16>,
    ) -> Tried {
        self.post(state, token, result, false, buffer);
        Tried::Over
    }

    pub(super) fn post(
        &mut self,
        state: &mut State,
        token: Token,
        result: i32,
        more: bool,
        buffer: Option<u16>,
    ) {
        let (ring, name) = (self.ring, Name(token));
        let mark = if more { " and goes on" } else { "" };
        state.note(format_args!("ring {ring}: {name} answers {result}{mark}"));
        let completion = Completion::new(token, result, more, buffer);
        // Completions of one operation keep their order, so one that is late holds up the next.
        let behind = self.late.iter().rev().find(|(_, c)| c.token == token);
        let behind = behind.map(|(moment, _)| *moment);
        if behind.is_none() && !state.random.chance(state.faults.late_completion) {
            self.completions.push_back(completion);
            return;
        }
        let later = Duration::from_nanos(state.random.up_to(LATE_NANOS_MAX));
        let moment = (state.now + later).max(behind.unwrap_or_default());
        self.late.push((moment, completion));
    }

    fn release_late(&mut self, state: &State) {
        if self.late.iter().all(|(moment, _)| *moment > state.now) {
            return;
        }
        // Stable: what is late until the same moment comes in the order in which it was made.
        self.late.sort_by_key(|(moment, _)| *moment);
        let due = self
            .late
            .partition_point(|(moment, _)| *moment <= state.now);
        self.completions
            .extend(self.late.drain(..due).map(|(_, completion)| completion));
    }

    fn reorder(&mut self, state: &mut State) {
        for index in 1..self.completions.len() {
            let strangers = self.completions[index - 1].token != self.completions[index].token;
            if strangers && state.random.chance(state.faults.reorder) {
                self.completions.swap(index - 1, index);
            }
        }
    }
}

impl Drop for SimulatedDriver {
    /// Closing a ring cancels what is left on it.
    fn drop(&mut self) {
        let world = self.world.clone();
        let mut state = world.state();
        for pending in self.pending.drain(..) {
            if let On::Socket(handle) = pending.on {
                state.end(handle, &pending.operation);
            }
        }
    }
}

/// The socket an operation is for, if the operation fits it.
fn on_socket(state: &mut State, operation: &Operation, fd: RawFd) -> Result<Handle, i32> {
    if fd < SIMULATED {
        // A descriptor of the kernel: this ring cannot wait for it.
        return Err(libc::EOPNOTSUPP);
    }
    let Some(handle) = state.handle(fd) else {
        state.misuses += 1;
        return Err(libc::EBADF);
    };
    match (operation, handle) {
        (Operation::Poll { .. }, _)
        | (Operation::Accept { .. }, Handle::Listener(_))
        | (
            Operation::ReceiveLeased { .. }
            | Operation::Receive { .. }
            | Operation::Send { .. }
            | Operation::SendPieces { .. },
            Handle::Stream(_),
        ) => Ok(handle),
        (Operation::Accept { .. }, Handle::Stream(_)) => Err(libc::EINVAL),
        (Operation::Send { .. } | Operation::SendPieces { .. }, Handle::Listener(_)) => {
            Err(libc::EPIPE)
        }
        _ => Err(libc::ENOTCONN),
    }
}

fn shutdown(state: &mut State, socket: RawFd, how: i32) -> i32 {
    match state.handle(socket) {
        Some(Handle::Stream(index)) => state.streams[index].shutdown(how),
        Some(Handle::Listener(index)) => {
            let listener = &mut state.listeners[index];
            listener.shut = true;
            listener.wakes.reading += 1;
            for stream in std::mem::take(&mut listener.queue) {
                state.refuse(stream);
            }
            0
        }
        None => {
            state.misuses += 1;
            -libc::EBADF
        }
    }
}
