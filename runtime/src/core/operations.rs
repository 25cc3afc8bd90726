//! The operations of a core, for the owner of events and for futures, and how they
//! are submitted. Each is entered in the table, which owns its memory, before the driver has it.

use super::Core;
use crate::descriptor::Descriptor;
use crate::driver::{Completion, Driver, Operation, Token, Untracked};
use crate::op::{Cancel, Kind, Memory, OpFuture, OpId, SendBuffer, SendPieces, Whom};
use crate::sys::socket::{Direction, is_unix, set_linger0, shutdown};
use crate::time::Moment;
use crate::timer::{Owner, TimerId};
use std::ops::Range;
use std::os::fd::AsRawFd;
use std::rc::Rc;
use std::task::Waker;
use std::time::Duration;

/// Returns the length that one send takes of more than [`UNIX_SEND_MAX_BYTES`].
#[cold]
fn long(socket: &Descriptor, len: usize) -> u32 {
    match socket.real().is_some_and(is_unix) {
        true => UNIX_SEND_MAX_BYTES as u32,
        false => u32::try_from(len).unwrap_or(u32::MAX),
    }
}

/// Bytes that one [`Core::send`] on a Unix socket takes at most.
pub const UNIX_SEND_MAX_BYTES: usize = 32 << 10;

impl Core {
    // ---- Operations of the owner of events -----------------------------------------------------

    /// Accepts connections under `key` until cancelled; or one by one, if multishot accepts are
    /// switched off, each ended by an event without `more`.
    pub fn accept(&self, listener: &impl AsRawFd, key: u64) -> OpId {
        let operation = Operation::Accept {
            listener: listener.as_raw_fd(),
            multishot: self.options.multishot_accept,
        };
        self.submit_bare(Kind::Accept, key, operation)
    }

    /// Accepts one connection under `key`.
    pub fn accept_one(&self, listener: &impl AsRawFd, key: u64) -> OpId {
        let operation = Operation::Accept {
            listener: listener.as_raw_fd(),
            multishot: false,
        };
        self.submit_bare(Kind::Accept, key, operation)
    }

    /// Receives under `key` into buffers of the core, until EOF, an error or a cancel; or one by
    /// one, if multishot receives are switched off. While no buffer is free the receive waits in
    /// line, and its owner hears nothing of it.
    #[inline]
    pub fn receive(&self, socket: &Descriptor, key: u64) -> OpId {
        self.receive_leased(socket, self.options.multishot_receive, key)
    }

    /// As [`Core::receive`], but only once: one buffer, EOF or an error.
    pub fn receive_once(&self, socket: &Descriptor, key: u64) -> OpId {
        self.receive_leased(socket, false, key)
    }

    #[inline]
    fn receive_leased(&self, socket: &Descriptor, multishot: bool, key: u64) -> OpId {
        let socket = socket.as_raw_fd();
        let kind = Kind::ReceiveLeased { socket, multishot };
        self.submit_bare(kind, key, Operation::ReceiveLeased { socket, multishot })
    }

    /// Sends the bytes in `range` of `buffer` under `key`. One send a socket at a time keeps the
    /// order. `more`: further bytes follow at once, a partial packet may wait for them (MSG_MORE,
    /// send(2)). On a Unix socket one send takes [`UNIX_SEND_MAX_BYTES`] at most and completes short:
    /// the kernel counts what the other end has taken there by whole sends ([`Core::taken`]).
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
        let descriptor = socket;
        let socket = socket.as_raw_fd();
        self.submit(
            Kind::Send,
            Whom::Owner(key),
            Memory::Send(buffer),
            |memory| {
                let bytes = match memory {
                    Memory::Send(buffer) => &buffer.as_slice()[range],
                    _ => &[],
                };
                let len = match bytes.len() {
                    len @ 0..=UNIX_SEND_MAX_BYTES => len as u32,
                    len => long(descriptor, len),
                };
                Operation::Send {
                    socket,
                    from: bytes.as_ptr(),
                    len,
                    more,
                }
            },
        )
    }

    /// Sends the next of the bytes in `pieces` under `key`: `most` at most, from as many places as one send takes. Of
    /// frozen bytes a TCP socket is given the pages, at once and without a copy. Otherwise as [`Core::send`]. Before
    /// the next send the caller tells the pieces how many bytes were sent ([`SendPieces::advance`]).
    pub fn send_pieces(
        &self,
        socket: &Descriptor,
        pieces: Box<SendPieces>,
        most: usize,
        more: bool,
        key: u64,
    ) -> OpId {
        // (On a Unix socket sends are counted, and go through the ring.)
        if pieces.has_frozen() && !socket.real().is_some_and(is_unix) {
            return self.send_in_place(socket, pieces, most, more, key);
        }
        let most = match most.min(pieces.len()) {
            most @ 0..=UNIX_SEND_MAX_BYTES => most,
            most => long(socket, most) as usize,
        };
        let socket = socket.as_raw_fd();
        let memory = Memory::SendPieces(pieces);
        self.submit(Kind::SendPieces, Whom::Owner(key), memory, |memory| {
            let Memory::SendPieces(pieces) = memory else {
                return Operation::Nop;
            };
            let all = pieces.len();
            let (message, count) = pieces.point(most);
            Operation::SendPieces {
                socket,
                message,
                more: more || count < all,
            }
        })
    }

    /// Polls a descriptor for poll(2) `events` under `key` until cancelled.
    pub fn poll(&self, fd: &impl AsRawFd, events: u32, key: u64) -> OpId {
        let poll = Operation::Poll {
            fd: fd.as_raw_fd(),
            events,
            multishot: true,
        };
        self.submit_bare(Kind::Poll, key, poll)
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
        // Such a ring may submit nothing any more.
        if self.failed().is_some() {
            return self.driver.borrow_mut().close(descriptor);
        }
        self.push_untracked(
            Operation::Close {
                fd: descriptor.release(),
            },
            Untracked::Close,
        );
    }

    /// Shuts one or both sides of a socket down (shutdown(2)): at once, not through the ring. The kernel
    /// hands the ring's shutdown to a worker thread, and Linux 6.18 looks the descriptor up only
    /// there: if the socket is closed meanwhile, whoever got its number next is shut down.
    pub fn shutdown(&self, socket: &Descriptor, direction: Direction) {
        if let Some(socket) = socket.real() {
            if direction == Direction::Both {
                // Sends that are only queued come before the end. The next turn meets a failure of the ring again.
                let _ = self.driver.borrow_mut().enter(false, None);
            }
            // A connection that has ended by itself is shut down (ENOTCONN).
            let _ = shutdown(socket, direction);
            return;
        }
        let operation = Operation::Shutdown {
            socket: socket.as_raw_fd(),
            how: direction.number(),
        };
        self.push_untracked(operation, Untracked::Cancel);
    }

    /// Makes the coming close of a TCP socket a reset that throws away what its other end has not taken (socket(7),
    /// SO_LINGER 0). The kernel would go on sending that for as long as a byte is taken now and then.
    pub fn reset_at_close(&self, socket: &Descriptor) {
        match socket.real() {
            // What is no TCP is closed as ever.
            Some(real) => drop(set_linger0(real)),
            None => {
                if let Driver::Simulated(driver) = &*self.driver.borrow() {
                    driver.reset_at_close(socket.as_raw_fd());
                }
            }
        }
    }

    /// Tells [`Sink::on_event`](super::Sink::on_event) of `key` at `deadline`.
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

    /// Has the pool of receive buffers look at its spare memory after this time.
    pub(crate) fn look_at_pool_in(&self, time: Duration) {
        let deadline = self.now() + time;
        self.wheel.borrow_mut().set(deadline, Owner::Pool);
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
        let id = self.submit(kind, Whom::Future(Waker::noop().clone()), memory, build);
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
    pub(super) fn submit(
        &self,
        kind: Kind,
        whom: Whom,
        memory: Memory,
        build: impl FnOnce(&mut Memory) -> Operation,
    ) -> OpId {
        let (id, operation) = {
            let mut ops = self.ops.borrow_mut();
            let id = ops.insert(kind, whom, memory);
            let operation = ops.memory(id).map_or(Operation::Nop, build);
            (id, operation)
        };
        self.push(id, operation);
        id
    }

    /// Submits an operation that owns no memory, for the owner of events.
    #[inline]
    fn submit_bare(&self, kind: Kind, key: u64, operation: Operation) -> OpId {
        let id = self.ops.borrow_mut().insert_bare(kind, key);
        self.push(id, operation);
        id
    }

    #[inline]
    pub(super) fn push(&self, id: OpId, operation: Operation) {
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

    pub(super) fn push_untracked(&self, operation: Operation, what: Untracked) {
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

    /// Arms what hears the mailbox's bell: one poll that goes on, so that a wake-up costs the ring a
    /// completion and neither a submission nor memory. The counter is never read: each write wakes the
    /// poll (io_uring_prep_poll_multishot(3)), and it holds 2^64 - 2 of them.
    pub(super) fn arm_wake(&self) {
        let poll = Operation::Poll {
            fd: self.shared.event(),
            events: libc::POLLIN as u32,
            multishot: true,
        };
        let id = self.submit_bare(Kind::Wake, 0, poll);
        self.waking.set(Some(id));
    }
}
