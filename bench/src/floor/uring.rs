//! The io_uring floor: one thread, one ring, multishot accept and receive, one send in flight.
//!
//! Called by `ringgate-bench floor uring`. A descriptor is closed only when neither its receive nor
//! its send is in flight, so its number can stand in `user_data` without a generation.

use std::convert::Infallible;
use std::io;
use std::net::TcpListener;
use std::os::fd::{AsRawFd, RawFd};

use io_uring::types::Fd;
use io_uring::{IoUring, cqueue, opcode, squeue};

use crate::floor::buffer_ring::{BUFFER_BYTES, BufferRing};
use crate::floor::{After, Answers, Debt, EmptyLines};

/// Entries of the submission queue; the completion queue has four times as many.
const SUBMISSIONS: u32 = 1024;
/// The buffer group of all receives.
const GROUP: u16 = 0;

/// The operation that a completion is about: the upper half of `user_data`; the lower half is the
/// descriptor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Accept = 1,
    Receive,
    Send,
    Shutdown,
    Close,
}

impl Kind {
    fn on(self, fd: RawFd) -> u64 {
        (self as u64) << 32 | fd as u64
    }

    fn of(user_data: u64) -> (Self, RawFd) {
        let kind = match user_data >> 32 {
            1 => Self::Accept,
            2 => Self::Receive,
            3 => Self::Send,
            4 => Self::Shutdown,
            5 => Self::Close,
            other => unreachable!("no operation of kind {other} is ever submitted"),
        };
        (kind, user_data as u32 as RawFd)
    }
}

#[derive(Debug, Default)]
struct Connection {
    lines: EmptyLines,
    debt: Debt,
    receiving: bool,
    sending: bool,
    ending: bool,
}

/// Serves `listener` until something fails that a floor cannot live with.
pub fn serve(listener: &TcpListener, after: After) -> io::Error {
    let outcome = set_up().and_then(|ring| {
        let buffers = BufferRing::register(&ring, GROUP)?;
        let mut floor = Floor {
            ring,
            answers: Answers::new(after),
            buffers,
            after,
            connections: Vec::new(),
            unarmed: Vec::new(),
        };
        floor.run(listener)
    });
    match outcome {
        Ok(never) => match never {},
        Err(error) => error,
    }
}

/// Builds the ring with as many of the flags as this kernel takes, best first.
fn set_up() -> io::Result<IoUring> {
    let mut last = None;
    for level in 0..4 {
        let mut builder = IoUring::builder();
        builder.setup_cqsize(SUBMISSIONS * 4).setup_clamp();
        if level < 3 {
            builder.setup_single_issuer().setup_coop_taskrun();
        }
        if level < 2 {
            builder.setup_defer_taskrun();
        }
        if level < 1 {
            builder.setup_no_sqarray();
        }
        match builder.build(SUBMISSIONS) {
            Ok(ring) => {
                if level > 0 {
                    eprintln!("floor uring: this kernel refused {level} of the ring's flags");
                }
                return Ok(ring);
            }
            Err(error) if error.raw_os_error() == Some(libc::EINVAL) => last = Some(error),
            Err(error) if error.raw_os_error() == Some(libc::EPERM) => {
                return Err(io::Error::new(
                    error.kind(),
                    "io_uring is forbidden here: set kernel.io_uring_disabled=0 or use a seccomp \
                     profile that allows io_uring_setup",
                ));
            }
            Err(error) => return Err(error),
        }
    }
    Err(last.expect("four levels were tried"))
}

/// Fields drop in this order: the ring before the memory that its operations use.
struct Floor {
    ring: IoUring,
    answers: Answers,
    buffers: BufferRing,
    after: After,
    connections: Vec<Option<Connection>>,
    /// Receives that ended, to be armed again when this turn's buffers are back.
    unarmed: Vec<RawFd>,
}

impl Floor {
    fn run(&mut self, listener: &TcpListener) -> io::Result<Infallible> {
        let listener = listener.as_raw_fd();
        self.arm_accept(listener)?;
        let mut completions: Vec<cqueue::Entry> = Vec::with_capacity(4 * SUBMISSIONS as usize);
        loop {
            match self.ring.submit_and_wait(1) {
                Ok(_) => {}
                Err(error) if matches!(error.raw_os_error(), Some(libc::EINTR | libc::EBUSY)) => {}
                Err(error) => return Err(error),
            }
            completions.extend(self.ring.completion());
            for completion in completions.drain(..) {
                self.complete(listener, &completion)?;
            }
            // All buffers of this turn are back in the ring: arming cannot starve at once.
            for fd in std::mem::take(&mut self.unarmed) {
                self.arm_receive(fd)?;
            }
        }
    }

    fn complete(&mut self, listener: RawFd, completion: &cqueue::Entry) -> io::Result<()> {
        let (kind, fd) = Kind::of(completion.user_data());
        let (result, more) = (completion.result(), cqueue::more(completion.flags()));
        match kind {
            Kind::Accept => {
                if result >= 0 {
                    self.admit(result)?;
                } else if matches!(-result, libc::EMFILE | libc::ENFILE) {
                    return Err(io::Error::other("no descriptors left: raise RLIMIT_NOFILE"));
                }
                if more {
                    Ok(())
                } else {
                    self.arm_accept(listener)
                }
            }
            Kind::Receive => {
                let buffer = cqueue::buffer_select(completion.flags());
                self.received(fd, result, buffer, more)
            }
            Kind::Send => self.sent(fd, result),
            Kind::Shutdown | Kind::Close => Ok(()),
        }
    }

    fn admit(&mut self, fd: RawFd) -> io::Result<()> {
        let index = fd as usize;
        if self.connections.len() <= index {
            self.connections.resize_with(index + 1, || None);
        }
        self.connections[index] = Some(Connection::default());
        self.arm_receive(fd)
    }

    fn received(
        &mut self,
        fd: RawFd,
        result: i32,
        buffer: Option<u16>,
        more: bool,
    ) -> io::Result<()> {
        let Some(connection) = &mut self.connections[fd as usize] else {
            return Ok(());
        };
        connection.receiving = more;
        if let Some(id) = buffer {
            if result > 0 {
                let found = connection
                    .lines
                    .count(self.buffers.bytes(id, result as usize));
                connection.debt.add(&self.answers, found);
            }
            self.buffers.give_back(id);
        }
        if result > 0 || result == -libc::ENOBUFS {
            let answered = self.after == After::Close && connection.debt.bytes > 0;
            if !more && !connection.ending && !answered {
                self.unarmed.push(fd);
            }
        } else {
            connection.ending = true;
        }
        self.go_on(fd)
    }

    fn sent(&mut self, fd: RawFd, result: i32) -> io::Result<()> {
        let Some(connection) = &mut self.connections[fd as usize] else {
            return Ok(());
        };
        connection.sending = false;
        if result < 0 {
            connection.debt = Debt::default();
            return self.end(fd);
        }
        connection.debt.pay(&self.answers, result as usize);
        if connection.debt.bytes == 0 && self.after == After::Close {
            return self.end(fd);
        }
        self.go_on(fd)
    }

    /// Sends what is owed, or closes what has ended.
    fn go_on(&mut self, fd: RawFd) -> io::Result<()> {
        let Some(connection) = &mut self.connections[fd as usize] else {
            return Ok(());
        };
        if connection.sending {
            return Ok(());
        }
        if connection.debt.bytes > 0 {
            let piece = self.answers.next(&connection.debt);
            let flags = libc::MSG_NOSIGNAL | libc::MSG_WAITALL;
            let send = opcode::Send::new(Fd(fd), piece.as_ptr(), piece.len() as u32).flags(flags);
            connection.sending = true;
            return self.push(send.build().user_data(Kind::Send.on(fd)));
        }
        if connection.ending && !connection.receiving {
            self.connections[fd as usize] = None;
            self.unarmed.retain(|unarmed| *unarmed != fd);
            return self.push(
                opcode::Close::new(Fd(fd))
                    .build()
                    .user_data(Kind::Close.on(fd)),
            );
        }
        Ok(())
    }

    /// Ends a connection from this side: the shutdown also ends its receive, and then comes the close.
    fn end(&mut self, fd: RawFd) -> io::Result<()> {
        let Some(connection) = &mut self.connections[fd as usize] else {
            return Ok(());
        };
        connection.ending = true;
        if connection.receiving {
            let shutdown = opcode::Shutdown::new(Fd(fd), libc::SHUT_RDWR).build();
            return self.push(shutdown.user_data(Kind::Shutdown.on(fd)));
        }
        self.go_on(fd)
    }

    fn arm_accept(&mut self, listener: RawFd) -> io::Result<()> {
        let accept = opcode::AcceptMulti::new(Fd(listener)).flags(libc::SOCK_CLOEXEC);
        self.push(accept.build().user_data(Kind::Accept.on(listener)))
    }

    /// Multishot where the connection goes on. Where it ends after its answer a single receive
    /// leaves nothing to cancel before the close.
    fn arm_receive(&mut self, fd: RawFd) -> io::Result<()> {
        let Some(connection) = &mut self.connections[fd as usize] else {
            return Ok(());
        };
        connection.receiving = true;
        let receive = match self.after {
            After::Keep => opcode::RecvMulti::new(Fd(fd), GROUP).build(),
            After::Close => {
                let length = BUFFER_BYTES as u32;
                let receive = opcode::Recv::new(Fd(fd), std::ptr::null_mut(), length);
                receive
                    .buf_group(GROUP)
                    .build()
                    .flags(squeue::Flags::BUFFER_SELECT)
            }
        };
        self.push(receive.user_data(Kind::Receive.on(fd)))
    }

    fn push(&mut self, entry: squeue::Entry) -> io::Result<()> {
        loop {
            // SAFETY: io_uring_enter(2) wants the memory of an operation to stay valid until its
            // completion. Sends point into `answers`, which never changes and is dropped after the
            // ring; receives use the registered buffers, dropped after the ring too; the other
            // operations carry no pointer. Descriptors are closed only by this floor, and not while
            // in use. Guarded by `floors_answer_a_batch_larger_than_all_their_buffers`.
            let pushed = unsafe { self.ring.submission().push(&entry) };
            if pushed.is_ok() {
                return Ok(());
            }
            self.ring.submit()?;
        }
    }
}
