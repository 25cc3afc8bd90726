//! The driver over the kernel's io_uring: encodes operations, enters, takes completions.

use super::operation::{Completion, Operation};
use super::setup::{self, RingFlag, RingFlags};
use super::token::Token;
use crate::buffer::ring::BufferRing;
use crate::errno::Errno;
use crate::probe::Unavailable;
use crate::sys::fork::NotInChildren;
use crate::sys::thread::monotonic_nanos;
use crate::time::Moment;
use io_uring::{IoUring, opcode, squeue, types};
use std::collections::VecDeque;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::time::Duration;

const ENTER_GETEVENTS: u32 = 1 << 0;
const ENTER_EXT_ARG: u32 = 1 << 3;
const ENTER_NO_IOWAIT: u32 = 1 << 7;

/// How long an enter waits at most that is to wait, and of which the kernel takes nothing for want of memory
/// (EAGAIN) or of room for completions (EBUSY): nobody tells when there is some.
const REFUSED_PAUSE: Duration = Duration::from_millis(1);

/// Group number of the core's buffers; there is one group a ring.
pub(crate) const BUFFER_GROUP: u16 = 0;

/// One ring of the kernel, used only by the thread that made it.
pub struct KernelDriver {
    /// Goes before the ring is closed.
    _own: NotInChildren,
    ring: IoUring,
    /// Entries that found the queue full.
    backlog: VecDeque<squeue::Entry>,
    flags: RingFlags,
    enter_flags: u32,
    enters: u64,
    random: u64,
}

impl KernelDriver {
    /// Sets a ring up on the calling thread.
    ///
    /// # Errors
    /// [`Unavailable`]: one line that names the cure.
    pub fn new(
        entries: u32,
        wanted: RingFlags,
        no_iowait: bool,
    ) -> Result<KernelDriver, Unavailable> {
        let setup::Made { ring, flags } = setup::set_up(entries, wanted)?;
        let random = monotonic_nanos() ^ (&raw const ring as u64).rotate_left(32);
        // SAFETY: the ring owns its descriptor and outlives this borrow. Guarded by
        // `a_child_that_executes_nothing_keeps_no_ring_of_a_dead_process`.
        let own = NotInChildren::new(unsafe { BorrowedFd::borrow_raw(ring.as_raw_fd()) });
        let mut driver = KernelDriver {
            _own: own,
            ring,
            backlog: VecDeque::new(),
            flags,
            enter_flags: ENTER_EXT_ARG,
            enters: 0,
            random,
        };
        if no_iowait {
            // A core that waits for clients is idle, not waiting for a disk: the flag keeps it out
            // of the time counted as iowait. A kernel that does not know it answers EINVAL.
            driver.enter_flags |= ENTER_NO_IOWAIT;
            if driver.enter(false, None).is_err() {
                driver.enter_flags &= !ENTER_NO_IOWAIT;
            }
        }
        Ok(driver)
    }

    /// The set-up flags the ring has.
    pub fn flags(&self) -> RingFlags {
        self.flags
    }

    /// Times io_uring_enter(2) was called.
    pub fn enters(&self) -> u64 {
        self.enters
    }

    /// Nanoseconds of CLOCK_MONOTONIC.
    #[inline]
    pub fn now(&self) -> Moment {
        Moment::from_nanos(monotonic_nanos())
    }

    /// A number nobody has to be unable to guess (xorshift64*).
    pub fn random(&mut self) -> u64 {
        let mut x = self.random | 1;
        x ^= x >> 12;
        x ^= x << 25;
        x ^= x >> 27;
        self.random = x;
        x.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    /// Queues one operation; it is submitted at the next [`KernelDriver::enter`], or at once when
    /// the queue is full.
    ///
    /// # Safety
    /// The memory behind the operation's pointers stays valid and in place until the operation's
    /// last completion was taken.
    #[inline]
    pub unsafe fn push(&mut self, operation: Operation, token: Token) -> Result<(), Errno> {
        let entry = encode(operation).user_data(token.to_user_data());
        if self.backlog.is_empty() && self.try_push(&entry) {
            return Ok(());
        }
        self.push_late(entry);
        Ok(())
    }

    #[inline]
    fn try_push(&mut self, entry: &squeue::Entry) -> bool {
        // SAFETY: whoever called `push` keeps the entry's memory as io_uring_enter(2) asks. Guarded
        // by the dropped-in-flight tests of `tests/dropped_in_flight.rs`.
        unsafe { self.ring.submission().push(entry) }.is_ok()
    }

    /// The queue is full: it is submitted. Should the kernel take nothing just now (EAGAIN, EBUSY),
    /// the entry waits its turn here instead of in a loop.
    #[cold]
    fn push_late(&mut self, entry: squeue::Entry) {
        self.backlog.push_back(entry);
        // A failure is met again, and reported, at the next turn's enter.
        let _ = self.enter(false, None);
        self.refill();
    }

    fn refill(&mut self) {
        while let Some(entry) = self.backlog.pop_front() {
            if !self.try_push(&entry) {
                return self.backlog.push_front(entry);
            }
        }
    }

    /// Submits everything queued and lets the kernel make completions; with `wait` sleeps until
    /// there is one or `timeout` passed. A DEFER ring makes completions only here, so this is
    /// called once a turn also when there is nothing to wait for.
    ///
    /// # Errors
    /// The answers of io_uring_enter(2), except EINTR and ETIME, after which the next turn simply goes on, and EBUSY
    /// and EAGAIN, with which the kernel takes nothing just now: what is done already is had all the same, and with
    /// `wait` the kernel is given a moment.
    pub fn enter(&mut self, wait: bool, timeout: Option<Duration>) -> Result<(), Errno> {
        self.enters += 1;
        if !self.backlog.is_empty() {
            self.refill();
        }
        let (to_submit, overflow) = {
            let queue = self.ring.submission();
            (queue.len() as u32, queue.cq_overflow())
        };
        let may_rest = wait && !overflow && self.ring.completion().is_empty();
        let wait = may_rest && self.backlog.is_empty();
        match self.enter_once(to_submit, wait, timeout) {
            // The kernel came back at once, without a look at what is done.
            Err(Errno(libc::EBUSY | libc::EAGAIN)) => {
                let moment = timeout.map_or(REFUSED_PAUSE, |most| most.min(REFUSED_PAUSE));
                match self.enter_once(0, may_rest, Some(moment)) {
                    Err(Errno(libc::EBUSY | libc::EAGAIN)) => Ok(()),
                    had => had,
                }
            }
            entered => entered,
        }
    }

    /// One call of io_uring_enter(2). An interrupted one, and one whose time is over, is a good one.
    fn enter_once(
        &mut self,
        to_submit: u32,
        wait: bool,
        timeout: Option<Duration>,
    ) -> Result<(), Errno> {
        let spec = timeout.map(|t| {
            types::Timespec::new()
                .sec(t.as_secs())
                .nsec(t.subsec_nanos())
        });
        let mut args = types::SubmitArgs::new();
        if wait && let Some(spec) = &spec {
            args = args.timespec(spec);
        }
        let flags = self.enter_flags | ENTER_GETEVENTS;
        // SAFETY: io_uring_enter(2) reads `args` (and the time span it names) during the call
        // only, and EXT_ARG says that it is of that form. Guarded by
        // `an_enter_without_completions_returns_at_its_timeout`.
        let entered = unsafe {
            self.ring
                .submitter()
                .enter(to_submit, u32::from(wait), flags, Some(&args))
        };
        match entered {
            Ok(_) => Ok(()),
            Err(error) => match error.raw_os_error().unwrap_or(libc::EIO) {
                libc::EINTR | libc::ETIME => Ok(()),
                errno => Err(Errno(errno)),
            },
        }
    }

    /// Takes up to `most` completions.
    #[inline]
    pub fn completions(&mut self, most: usize, into: &mut Vec<Completion>) {
        for entry in self.ring.completion().take(most) {
            into.push(Completion {
                token: Token::from_user_data(entry.user_data()),
                result: entry.result(),
                flags: entry.flags(),
            });
        }
    }

    /// Whether completions overflowed the queue and wait in the kernel (none is lost: NODROP).
    pub fn overflowed(&mut self) -> bool {
        self.ring.submission().cq_overflow()
    }

    /// Registers the core's buffers.
    ///
    /// # Errors
    /// The answers of io_uring_register(2): ENOMEM under a small memlock limit, EINVAL on a kernel
    /// without provided-buffer rings.
    pub(crate) fn register_buffers(&mut self, buffers: &BufferRing) -> Result<(), Errno> {
        // SAFETY: the ring memory is mapped, page aligned, of the stated number of entries, and is
        // unmapped only after this ring is closed (`Core` drops its driver first). Guarded by
        // `leases_come_from_the_ring_and_go_back`.
        let registered = unsafe {
            self.ring.submitter().register_buf_ring_with_flags(
                buffers.address(),
                buffers.entries(),
                BUFFER_GROUP,
                0,
            )
        };
        registered.map_err(|error: io::Error| Errno(error.raw_os_error().unwrap_or(libc::EIO)))
    }

    /// Whether completions are made only inside [`KernelDriver::enter`].
    pub fn is_deferred(&self) -> bool {
        self.flags.has(RingFlag::DeferTaskrun)
    }
}

#[inline(always)]
fn encode(operation: Operation) -> squeue::Entry {
    match operation {
        Operation::Nop => opcode::Nop::new().build(),
        Operation::Accept {
            listener,
            multishot: true,
        } => opcode::AcceptMulti::new(types::Fd(listener))
            .flags(libc::SOCK_CLOEXEC)
            .build(),
        Operation::Accept {
            listener,
            multishot: false,
        } => opcode::Accept::new(
            types::Fd(listener),
            std::ptr::null_mut(),
            std::ptr::null_mut(),
        )
        .flags(libc::SOCK_CLOEXEC)
        .build(),
        Operation::ReceiveLeased {
            socket,
            multishot: true,
        } => opcode::RecvMulti::new(types::Fd(socket), BUFFER_GROUP).build(),
        Operation::ReceiveLeased {
            socket,
            multishot: false,
        } => opcode::Recv::new(types::Fd(socket), std::ptr::null_mut(), 0)
            .buf_group(BUFFER_GROUP)
            .build()
            .flags(squeue::Flags::BUFFER_SELECT),
        Operation::Receive { socket, into, len } => {
            opcode::Recv::new(types::Fd(socket), into, len).build()
        }
        Operation::Send {
            socket,
            from,
            len,
            more,
        } => {
            let more = if more { libc::MSG_MORE } else { 0 };
            opcode::Send::new(types::Fd(socket), from, len)
                .flags(libc::MSG_NOSIGNAL | libc::MSG_WAITALL | more)
                .build()
        }
        Operation::SendPieces {
            socket,
            message,
            more,
        } => {
            let more = if more { libc::MSG_MORE } else { 0 };
            opcode::SendMsg::new(types::Fd(socket), message)
                .flags((libc::MSG_NOSIGNAL | libc::MSG_WAITALL | more) as u32)
                .build()
        }
        Operation::ReceiveMessage { socket, message } => {
            opcode::RecvMsg::new(types::Fd(socket), message).build()
        }
        Operation::SendMessage { socket, message } => {
            opcode::SendMsg::new(types::Fd(socket), message)
                .flags(libc::MSG_NOSIGNAL as u32)
                .build()
        }
        Operation::Connect {
            socket,
            address,
            len,
        } => opcode::Connect::new(types::Fd(socket), address, len).build(),
        Operation::Shutdown { socket, how } => {
            opcode::Shutdown::new(types::Fd(socket), how).build()
        }
        Operation::Close { fd } => opcode::Close::new(types::Fd(fd)).build(),
        Operation::Cancel { target } => opcode::AsyncCancel::new(target.to_user_data()).build(),
        Operation::Poll {
            fd,
            events,
            multishot,
        } => opcode::PollAdd::new(types::Fd(fd), events)
            .multi(multishot)
            .build(),
        Operation::Timeout { after } => opcode::Timeout::new(after).build(),
        Operation::Read {
            fd,
            into,
            len,
            offset,
        } => opcode::Read::new(types::Fd(fd), into, len)
            .offset(offset)
            .build(),
        Operation::Write {
            fd,
            from,
            len,
            offset,
        } => opcode::Write::new(types::Fd(fd), from, len)
            .offset(offset)
            .build(),
        Operation::Open {
            directory,
            path,
            flags,
            mode,
        } => opcode::OpenAt::new(types::Fd(directory), path)
            .flags(flags)
            .mode(mode)
            .build(),
        Operation::OpenBeneath {
            directory,
            path,
            how,
        } => opcode::OpenAt2::new(types::Fd(directory), path, how).build(),
        Operation::Statx {
            directory,
            path,
            flags,
            mask,
            into,
        } => opcode::Statx::new(types::Fd(directory), path, into.cast())
            .flags(flags)
            .mask(mask)
            .build(),
        Operation::Splice {
            from,
            from_offset,
            to,
            to_offset,
            len,
        } => {
            opcode::Splice::new(types::Fd(from), from_offset, types::Fd(to), to_offset, len).build()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;
    use std::os::unix::net::UnixStream;

    /// From here on io_uring_enter(2) answers `errno` to this thread where it is to submit something.
    fn refuse_submissions(errno: i32) {
        let statement = |code: u32, jt, jf, k| libc::sock_filter {
            code: code as u16,
            jt,
            jf,
            k,
        };
        let load = libc::BPF_LD | libc::BPF_W | libc::BPF_ABS;
        let is = libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K;
        let answer = libc::BPF_RET | libc::BPF_K;
        // The number of the call, and the low half of its second argument in seccomp_data.
        let (call, to_submit) = (0, 16 + 8);
        let mut program = [
            statement(load, 0, 0, call),
            statement(is, 0, 3, libc::SYS_io_uring_enter as u32),
            statement(load, 0, 0, to_submit),
            statement(is, 1, 0, 0),
            statement(answer, 0, 0, libc::SECCOMP_RET_ERRNO | errno as u32),
            statement(answer, 0, 0, libc::SECCOMP_RET_ALLOW),
        ];
        let filter = libc::sock_fprog {
            len: program.len() as u16,
            filter: program.as_mut_ptr(),
        };
        // SAFETY: prctl(2) PR_SET_NO_NEW_PRIVS takes numbers; PR_SET_SECCOMP reads the program, which lives until
        // after the call.
        unsafe {
            assert_eq!(libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
            let mode = libc::SECCOMP_MODE_FILTER;
            assert_eq!(
                libc::prctl(libc::PR_SET_SECCOMP, mode, &raw const filter),
                0
            );
        }
    }

    /// The enters of a core whose kernel has no memory for its next operation, on a thread that ends with its filter.
    fn refused(errno: i32) {
        const ENTERS: u64 = 20;
        let mut driver = KernelDriver::new(8, RingFlags::all(), true).expect("a ring");
        let (ours, mut theirs) = UnixStream::pair().expect("a pair of sockets");
        let token = |slot| Token {
            slot,
            generation: 1,
        };
        let poll = Operation::Poll {
            fd: ours.as_raw_fd(),
            events: libc::POLLIN as u32,
            multishot: false,
        };
        // SAFETY: neither operation has memory of ours.
        unsafe { driver.push(poll, token(0)) }.expect("pushed");
        driver.enter(false, None).expect("enter");
        refuse_submissions(errno);
        // SAFETY: as above.
        unsafe { driver.push(Operation::Nop, token(1)) }.expect("pushed");
        theirs.write_all(b"!").expect("written");
        driver.enter(true, None).expect("enter");
        let mut taken = Vec::new();
        driver.completions(8, &mut taken);
        assert_eq!(taken.len(), 1, "what is done is had all the same");
        // More than the queue has room for wait in the same way.
        for _ in 0..16 {
            // SAFETY: as above.
            unsafe { driver.push(Operation::Nop, token(1)) }.expect("pushed");
            let before = driver.now();
            for _ in 0..ENTERS {
                driver.enter(true, None).expect("enter");
            }
            assert!(driver.now() - before >= REFUSED_PAUSE * (ENTERS as u32) / 2);
        }
    }

    #[cfg_attr(miri, ignore = "asks the kernel what Miri does not play")]
    #[test]
    fn a_kernel_that_takes_nothing_just_now_is_given_a_moment_and_has_what_is_done_taken() {
        for errno in [libc::EAGAIN, libc::EBUSY] {
            let refused = std::thread::spawn(move || refused(errno));
            refused.join().expect("no panic");
        }
    }

    #[cfg_attr(miri, ignore = "asks the kernel what Miri does not play")]
    #[test]
    fn an_enter_without_completions_returns_at_its_timeout() {
        let mut driver = KernelDriver::new(8, RingFlags::all(), true).expect("a ring");
        let before = driver.now();
        driver
            .enter(true, Some(Duration::from_millis(20)))
            .expect("enter");
        assert!(driver.now() - before >= Duration::from_millis(19));
    }
}
