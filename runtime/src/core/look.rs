//! A look at a socket, asked of the kernel at once and without taking anything away, neither bytes nor
//! the socket's error: whether its other end has gone, and whether it takes what is sent.
//!
//! Called by owners of events whose send is in flight for long, or whose armed receive may never tell: when data and a
//! reset reach a socket nearly at once, Linux can deliver the data to a multishot receive and then complete nothing
//! more (met on 6.12 to 7.3). The caller decides what follows from an end.

use super::Core;
use crate::descriptor::Descriptor;
use crate::driver::Driver;
use crate::sys::socket::{is_unix, poll_now, poll_now_each, unread, unsent};
use crate::sys::tcp_info::{bytes_acked, is_over};
use std::os::fd::AsRawFd;

/// The result of a look at a socket.
///
/// ```
/// use ringgate_runtime::{Core, Descriptor, Look};
///
/// /// Whether nobody waits for an answer on this socket any more.
/// fn is_gone(core: &Core, socket: &Descriptor) -> bool {
///     let Look { ended, reset } = core.look(socket);
///     ended || reset
/// }
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Look {
    /// The other end sends nothing more (FIN), or has gone; bytes from before may still be unread.
    pub ended: bool,
    /// Nothing goes either way any more: the other end reset the connection, has closed a Unix
    /// socket, or each end has shut its own side.
    pub reset: bool,
}

impl Look {
    /// Reads poll(2) events.
    pub(crate) const fn from_events(events: u32) -> Look {
        let reset = events & (libc::POLLHUP | libc::POLLERR) as u32 != 0;
        Look {
            ended: reset || events & libc::POLLRDHUP as u32 != 0,
            reset,
        }
    }
}

impl Core {
    /// Looks at one socket: one system call (poll(2) without a wait). A look that the kernel refuses
    /// for want of memory finds nothing.
    pub fn look(&self, socket: &Descriptor) -> Look {
        match socket.real() {
            Some(real) => poll_now(real).map_or(Look::default(), Look::from_events),
            None => self.look_simulated(socket),
        }
    }

    /// Looks at many sockets in one system call, and returns what was found in their order. A look
    /// that the kernel refuses finds nothing: for want of memory, or since there are more sockets
    /// than the process may have open (RLIMIT_NOFILE).
    pub fn look_at<'a>(&self, sockets: impl IntoIterator<Item = &'a Descriptor>) -> Vec<Look> {
        let sockets: Vec<&Descriptor> = sockets.into_iter().collect();
        let real = sockets.iter().filter_map(|socket| socket.real());
        let mut events = poll_now_each(real).unwrap_or_default().into_iter();
        let look = |socket: &&Descriptor| match socket.is_simulated() {
            true => self.look_simulated(socket),
            false => events.next().map_or(Look::default(), Look::from_events),
        };
        sockets.iter().map(look).collect()
    }

    /// How far the other end is in taking what was sent: a number that changes when it has taken
    /// something, and means nothing by itself. On TCP the bytes it has acknowledged count (a peer whose
    /// buffer is full acknowledges again when a part of it is free), on a Unix socket the sends of which
    /// it has taken the last byte, unless a new one has made up for that: count completed sends, too.
    /// None if the kernel does not say.
    pub fn taken(&self, socket: &Descriptor) -> Option<u64> {
        let Some(real) = socket.real() else {
            return match &*self.driver.borrow() {
                Driver::Simulated(driver) => driver.taken(socket.as_raw_fd()),
                Driver::Kernel(_) => None,
            };
        };
        match is_unix(real) {
            true => unsent(real).ok().map(|unsent| u64::MAX - u64::from(unsent)),
            false => bytes_acked(real).ok()?,
        }
    }

    /// Whether bytes of a socket have come that no receive has taken. To close it then would reset the connection (RFC
    /// 9112 section 9.6): who closes one on which no receive is armed asks first. A kernel that does not say it has none.
    pub fn has_unread(&self, socket: &Descriptor) -> bool {
        match socket.real() {
            Some(real) => unread(real).is_ok_and(|bytes| bytes > 0),
            None => match &*self.driver.borrow() {
                Driver::Simulated(driver) => driver.has_unread(socket.as_raw_fd()),
                Driver::Kernel(_) => false,
            },
        }
    }

    /// Whether the other end of a TCP connection has taken all that was sent: acknowledged it (SIOCOUTQ, tcp(7)). One byte may
    /// be missing, which is the place of the end of this side in the sequence. True where nobody knows otherwise.
    pub fn has_taken_all(&self, socket: &Descriptor) -> bool {
        let Some(real) = socket.real() else {
            return !self.is_taking(socket);
        };
        is_unix(real) || unsent(real).is_ok_and(|count| count <= 1)
    }

    /// Whether the other end of a TCP connection may still take some of what was sent: it has not taken all, and is not
    /// gone. One that is gone (it has reset the connection) never acknowledges what is left.
    pub fn is_taking(&self, socket: &Descriptor) -> bool {
        match socket.real() {
            Some(real) => !self.has_taken_all(socket) && is_over(real).is_ok_and(|over| !over),
            None => match &*self.driver.borrow() {
                Driver::Simulated(driver) => driver.is_taking(socket.as_raw_fd()),
                Driver::Kernel(_) => false,
            },
        }
    }

    fn look_simulated(&self, socket: &Descriptor) -> Look {
        match &*self.driver.borrow() {
            Driver::Simulated(driver) => Look::from_events(driver.events(socket.as_raw_fd())),
            Driver::Kernel(_) => Look::default(),
        }
    }
}
