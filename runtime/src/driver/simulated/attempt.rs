//! The effect of an operation on a simulated socket when it is tried: the counterpart of the kernel's
//! issue handlers. Called by [`super::ring`] when an operation is issued, and again after its
//! socket was woken. Faults of a socket's operations are drawn here.

use super::message::Message;
use super::ring::{Buffers, On, Pending, SimulatedDriver, Tried};
use super::socket::{Readable, Wakes};
use super::world::{Handle, State, fingerprint};
use crate::driver::operation::Operation;
use crate::driver::token::Token;
use crate::errno::Errno;
use std::os::fd::RawFd;

/// Errors of an accept when the process or the machine is out of something (accept(2)).
const EXHAUSTED: [i32; 4] = [libc::EMFILE, libc::ENFILE, libc::ENOBUFS, libc::ENOMEM];

impl SimulatedDriver {
    pub(super) fn attempt(&mut self, state: &mut State, pending: &mut Pending) -> Tried {
        let token = pending.token;
        let handle = match pending.on {
            On::Socket(_) if pending.deaf => return Tried::Waits,
            On::Time(moment) if moment > state.now => return Tried::Waits,
            On::Time(_) => return self.finish(state, token, -libc::ETIME, None),
            On::Socket(handle) => handle,
        };
        // Wakes begin at 1 for whoever was never tried (see `now_seen`).
        let wakes = now_seen(state, handle);
        let seen = std::mem::replace(&mut pending.seen, wakes);
        let reading = wakes.reading != seen.reading;
        let writing = wakes.writing != seen.writing;
        match (pending.operation, handle) {
            (Operation::Accept { multishot, .. }, Handle::Listener(index)) if reading => {
                self.accept(state, token, index, multishot)
            }
            (Operation::ReceiveLeased { multishot, .. }, Handle::Stream(index)) if reading => {
                self.receive_leased(state, pending, index, multishot)
            }
            (Operation::Receive { into, len, .. }, Handle::Stream(index)) if reading => {
                self.receive(state, token, index, into, len)
            }
            (Operation::Send { from, len, .. }, Handle::Stream(index)) if writing => {
                // SAFETY: the submitter keeps `len` readable bytes until the last completion
                // (io_uring_prep_send(3)). Guarded by `faults_lose_no_byte_and_leak_nothing`.
                let bytes = unsafe { std::slice::from_raw_parts(from, len as usize) };
                self.send(state, pending, index, &Message::from(bytes))
            }
            (Operation::SendPieces { message, .. }, Handle::Stream(index)) if writing => {
                // SAFETY: the submitter keeps the header and all it points at until the last completion
                // (io_uring_prep_sendmsg(3)). Guarded by `faults_lose_no_byte_and_leak_nothing`.
                let message = unsafe { Message::of(message) };
                self.send(state, pending, index, &message)
            }
            (
                Operation::Poll {
                    events, multishot, ..
                },
                _,
            ) => {
                let reads = events & (libc::POLLIN | libc::POLLRDHUP) as u32 != 0;
                let writes = events & libc::POLLOUT as u32 != 0;
                // Whatever a poll asks for, it is told of these (poll(2)).
                let broken = state.events(handle) & (libc::POLLERR | libc::POLLHUP) as u32 != 0;
                if (reads || broken) && reading || (writes || broken) && writing {
                    self.poll(state, token, handle, events, multishot)
                } else {
                    Tried::Waits
                }
            }
            _ => Tried::Waits,
        }
    }

    fn accept(
        &mut self,
        state: &mut State,
        token: Token,
        listener: usize,
        multishot: bool,
    ) -> Tried {
        if state.listeners[listener].shut {
            return self.finish(state, token, -libc::EINVAL, None);
        }
        while let Some(stream) = state.listeners[listener].queue.pop_front() {
            if state.random.chance(state.faults.accept_error) {
                if state.random.chance(0.5) {
                    state.refuse(stream);
                    return self.finish(state, token, -libc::ECONNABORTED, None);
                }
                state.listeners[listener].queue.push_front(stream);
                let short = EXHAUSTED[state.random.up_to(4) as usize - 1];
                return self.finish(state, token, -short, None);
            }
            if state.random.chance(state.faults.accept_again) {
                state.listeners[listener].queue.push_front(stream);
                return self.finish(state, token, -libc::EAGAIN, None);
            }
            let number = state.open(Handle::Stream(stream));
            state.note(format_args!("client {stream}: is descriptor {number:#x}"));
            if !multishot || state.random.chance(state.faults.ended_multishot) {
                return self.finish(state, token, number, None);
            }
            self.post(state, token, number, true, None);
        }
        Tried::Waits
    }

    fn receive_leased(
        &mut self,
        state: &mut State,
        pending: &mut Pending,
        stream: usize,
        multishot: bool,
    ) -> Tried {
        let token = pending.token;
        loop {
            // The kernel takes its buffer before it looks for bytes: arming without one fails.
            let none = self.buffers.as_ref().is_none_or(Buffers::is_empty);
            if none {
                return self.finish(state, token, -libc::ENOBUFS, None);
            }
            match state.streams[stream].readable() {
                Readable::Nothing => return Tried::Waits,
                Readable::Over(result) => return self.finish(state, token, result, None),
                Readable::Bytes => {}
            }
            if state.random.chance(state.faults.no_buffers) {
                return self.finish(state, token, -libc::ENOBUFS, None);
            }
            let Some((id, into, len)) = self.buffers.as_mut().and_then(Buffers::take) else {
                return self.finish(state, token, -libc::ENOBUFS, None);
            };
            let taken = amount(state, stream, len);
            // SAFETY: a provided buffer has `len` writable bytes that nobody else touches until
            // its completion (io_uring_register_buf_ring(3)), and `taken` is no more. Guarded by
            // `faults_lose_no_byte_and_leak_nothing`.
            unsafe { deliver(state, stream, into, taken) };
            if !multishot || state.random.chance(state.faults.ended_multishot) {
                return self.finish(state, token, taken as i32, Some(id));
            }
            self.post(state, token, taken as i32, true, Some(id));
            let end = &state.streams[stream];
            if end.inbound.is_empty()
                && end.is_reset()
                && state.random.chance(state.faults.untold_resets)
            {
                state.note(format_args!("client {stream}: its reset is never told"));
                pending.deaf = true;
                return Tried::Waits;
            }
            let end = &state.streams[stream];
            if end.inbound.is_empty() && end.events() & libc::POLLRDHUP as u32 == 0 {
                return Tried::Waits;
            }
        }
    }

    fn receive(
        &mut self,
        state: &mut State,
        token: Token,
        stream: usize,
        into: *mut u8,
        len: u32,
    ) -> Tried {
        match state.streams[stream].readable() {
            Readable::Nothing => Tried::Waits,
            Readable::Over(result) => self.finish(state, token, result, None),
            Readable::Bytes => {
                let taken = amount(state, stream, len);
                // SAFETY: the submitter keeps `len` writable bytes until the last completion
                // (io_uring_prep_recv(3)). Guarded by
                // `a_receive_into_memory_of_the_operation_is_filled`.
                unsafe { deliver(state, stream, into, taken) };
                self.finish(state, token, taken as i32, None)
            }
        }
    }

    fn send(
        &mut self,
        state: &mut State,
        pending: &mut Pending,
        stream: usize,
        message: &Message<'_>,
    ) -> Tried {
        let token = pending.token;
        let (done, len) = (pending.done as usize, message.len());
        let left = len - done;
        let room = match state.streams[stream].room(left) {
            Ok(room) => room,
            Err(_) if pending.done > 0 => {
                return self.finish(state, token, pending.done as i32, None);
            }
            Err(errno) => return self.finish(state, token, -errno, None),
        };
        let short = room > 1 && state.random.chance(state.faults.short_send);
        let count = if short {
            message.short_end(done, room, &mut state.random) - done
        } else {
            room
        };
        take(state, stream, &message.bytes(done, count));
        pending.done += count as u32;
        if short || pending.done as usize == len {
            return self.finish(state, token, pending.done as i32, None);
        }
        Tried::Waits
    }

    /// Sends at once what the client takes, and waits for nothing: the counterpart of a send(2) with MSG_DONTWAIT.
    ///
    /// # Errors
    /// EAGAIN if it takes none now, and the errors of a send.
    pub(crate) fn send_now(&mut self, socket: RawFd, bytes: &[u8]) -> Result<usize, Errno> {
        let world = self.world();
        let state = &mut *world.state();
        let Some(Handle::Stream(stream)) = state.handle(socket) else {
            state.misuses += 1;
            return Err(Errno(libc::EBADF));
        };
        let room = state.streams[stream].room(bytes.len()).map_err(Errno)?;
        if room == 0 || state.random.chance(state.faults.send_again) {
            return Err(Errno(libc::EAGAIN));
        }
        let count = match room > 1 && state.random.chance(state.faults.short_send) {
            true => state.random.up_to(room as u64 - 1) as usize,
            false => room,
        };
        take(state, stream, &bytes[..count]);
        Ok(count)
    }

    fn poll(
        &mut self,
        state: &mut State,
        token: Token,
        handle: Handle,
        events: u32,
        multishot: bool,
    ) -> Tried {
        let there = state.events(handle);
        let always = (libc::POLLERR | libc::POLLHUP) as u32;
        let there = there & (events | always);
        if there == 0 {
            return Tried::Waits;
        }
        if !multishot || state.random.chance(state.faults.ended_multishot) {
            return self.finish(state, token, there as i32, None);
        }
        self.post(state, token, there as i32, true, None);
        Tried::Waits
    }
}

/// A client receives bytes that it has room for.
fn take(state: &mut State, stream: usize, bytes: &[u8]) {
    if !bytes.is_empty() {
        let (count, hash) = (bytes.len(), fingerprint(bytes));
        state.note(format_args!(
            "client {stream}: receives {count} bytes {hash:016x}"
        ));
    }
    state.streams[stream].write(bytes, state.now);
    state.received(stream);
}

/// The wakes of a socket, one more than happened: 0 means never looked.
fn now_seen(state: &State, handle: Handle) -> Wakes {
    let wakes = match handle {
        Handle::Listener(index) => state.listeners[index].wakes,
        Handle::Stream(index) => state.streams[index].wakes,
    };
    Wakes {
        reading: wakes.reading + 1,
        writing: wakes.writing + 1,
    }
}

/// Bytes that a receive with room for `len` brings; there is at least one.
fn amount(state: &mut State, stream: usize, len: u32) -> usize {
    let there = state.streams[stream].inbound.len().min(len as usize);
    if state.random.chance(state.faults.split_receive) {
        state.random.up_to(there as u64) as usize
    } else {
        there
    }
}

/// Moves received bytes to where the receive wants them.
///
/// # Safety
/// `into` has `count` writable bytes that nobody else uses, and the stream has as many.
unsafe fn deliver(state: &mut State, stream: usize, into: *mut u8, count: usize) {
    let inbound = &mut state.streams[stream].inbound;
    let (front, back) = inbound.as_slices();
    let first = front.len().min(count);
    let second = count - first;
    debug_assert!(second <= back.len(), "no more than is there");
    // SAFETY: both copies stay inside the `count` bytes of the caller and inside their slices; the
    // memory of a receive is none of the simulation's own. Guarded by
    // `faults_lose_no_byte_and_leak_nothing`.
    unsafe {
        std::ptr::copy_nonoverlapping(front.as_ptr(), into, first);
        std::ptr::copy_nonoverlapping(back.as_ptr(), into.add(first), second);
    }
    inbound.drain(..count);
}
