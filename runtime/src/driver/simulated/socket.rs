//! Simulated sockets: what a stream and a listener know, and how they answer. No operations and no
//! time here; who waits for a socket is told by its wake counters.
//!
//! The rules are TCP's as Linux shows them to a program (tcp(7), recv(2), send(2), shutdown(2)):
//! an error is reported once, bytes that came before a reset can still be read, and closing a
//! socket with unread bytes resets the connection. Bytes go straight from a send into the client's
//! window; there is no send buffer between, so a completed send is a received one. It is acknowledged
//! only some time later, as over a network.

use crate::time::Moment;
use std::collections::VecDeque;
use std::time::Duration;

/// How long an acknowledgement takes, unless a client is said to take longer.
const LAG: Duration = Duration::from_millis(1);

/// How a client sees the connection end.
///
/// ```
/// use ringgate_runtime::driver::simulated::{Ending, Faults, World};
///
/// let world = World::new(7, Faults::none());
/// let client = world.connect(&world.listen());
/// assert_eq!(client.ending(), Ending::Open);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// The connection has not ended.
    Open,
    /// The server shut its sending side or closed: end of file after all bytes.
    Eof,
    /// The server reset it, closed it with bytes unread, or was sent bytes after it had closed.
    Reset,
}

/// Counts what a waiting operation would be woken for (the wait queue of a socket).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Wakes {
    pub(super) reading: u64,
    pub(super) writing: u64,
}

/// The operations in flight that have to be alone on their socket, and those that go with others of
/// their kind.
#[derive(Debug, Default)]
pub(super) struct Armed {
    alone: u32,
    others: u32,
}

impl Armed {
    /// One more is in flight. Returns whether it should not be.
    pub(super) fn begin(&mut self, alone: bool) -> bool {
        let beside = self.alone + self.others;
        match alone {
            true => self.alone += 1,
            false => self.others += 1,
        }
        beside > 0 && self.alone > 0
    }

    /// One is over.
    pub(super) fn end(&mut self, alone: bool) {
        match alone {
            true => self.alone -= 1,
            false => self.others -= 1,
        }
    }
}

/// One connection: the server's socket and the scripted client at its other end.
#[derive(Debug)]
pub(super) struct Stream {
    /// Bytes that the server has not received yet.
    pub(super) inbound: VecDeque<u8>,
    /// The client ended its side.
    peer_shut: bool,
    /// Reported to the next operation that asks, once.
    error: Option<i32>,
    broken: bool,
    shut_read: bool,
    shut_write: bool,
    released: bool,
    /// The close is a reset (SO_LINGER 0).
    pub(super) resets: bool,
    client_closed: bool,
    /// Bytes that the client received and the test has not taken.
    pub(super) received: Vec<u8>,
    /// Bytes that the client received in its life.
    pub(super) received_ever: u64,
    /// When bytes went to the client for the last time.
    pub(super) sent_at: Moment,
    /// How long after that its acknowledgement is here.
    pub(super) lag: Duration,
    /// Bytes that the client still takes.
    pub(super) window: u64,
    pub(super) ending: Ending,
    /// The connection was reset before anybody had accepted it.
    pub(super) refused: bool,
    pub(super) wakes: Wakes,
    /// Receives in flight.
    pub(super) armed: Armed,
    /// The descriptor and every operation in flight.
    pub(super) references: u32,
}

/// The result of a read.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Readable {
    Bytes,
    /// The result of the receive: 0 at the end, or a negative error number.
    Over(i32),
    Nothing,
}

impl Stream {
    pub(super) fn new() -> Stream {
        Stream {
            inbound: VecDeque::new(),
            peer_shut: false,
            error: None,
            broken: false,
            shut_read: false,
            shut_write: false,
            released: false,
            resets: false,
            client_closed: false,
            received: Vec::new(),
            received_ever: 0,
            sent_at: Moment::from_nanos(0),
            lag: LAG,
            window: u64::MAX,
            ending: Ending::Open,
            refused: false,
            wakes: Wakes::default(),
            armed: Armed::default(),
            references: 0,
        }
    }

    fn wake(&mut self) {
        self.wakes.reading += 1;
        self.wakes.writing += 1;
    }

    // ---- The client's side -------------------------------------------------------------------

    pub(super) fn client_send(&mut self, bytes: &[u8]) {
        if self.released {
            // Nobody is there any more: the answer is a reset.
            self.ending = Ending::Reset;
        } else if !self.broken && !self.peer_shut && !bytes.is_empty() {
            self.inbound.extend(bytes);
            self.wakes.reading += 1;
        }
    }

    pub(super) fn client_shutdown_write(&mut self) {
        if !self.broken && !self.peer_shut {
            self.peer_shut = true;
            self.wake();
        }
    }

    pub(super) fn client_close(&mut self) {
        self.client_shutdown_write();
        self.client_closed = true;
        self.wake();
    }

    pub(super) fn client_reset(&mut self) {
        if self.broken {
            return;
        }
        self.broken = true;
        // A reset after the peer's FIN breaks the pipe, else it resets the connection.
        self.error = Some(if self.peer_shut {
            libc::EPIPE
        } else {
            libc::ECONNRESET
        });
        self.wake();
    }

    pub(super) fn client_window(&mut self, window: u64) {
        self.window = window;
        self.wakes.writing += 1;
    }

    // ---- The server's side -------------------------------------------------------------------

    pub(super) fn readable(&mut self) -> Readable {
        if !self.inbound.is_empty() {
            Readable::Bytes
        } else if self.peer_shut {
            Readable::Over(0)
        } else if let Some(errno) = self.error.take() {
            Readable::Over(-errno)
        } else if self.broken || self.shut_read {
            Readable::Over(0)
        } else {
            Readable::Nothing
        }
    }

    /// Whether a reset has come that nobody was told of, and no FIN before it.
    pub(super) fn is_reset(&self) -> bool {
        self.error.is_some() && !self.peer_shut
    }

    /// Bytes the client takes of `len` now.
    ///
    /// # Errors
    /// The error number of the send.
    pub(super) fn room(&mut self, len: usize) -> Result<usize, i32> {
        if let Some(errno) = self.error.take() {
            return Err(errno);
        }
        if self.shut_write || self.broken {
            return Err(libc::EPIPE);
        }
        if self.client_closed {
            return Ok(len);
        }
        Ok(len.min(usize::try_from(self.window).unwrap_or(usize::MAX)))
    }

    /// Whether bytes are on their way to a client that is there.
    pub(super) fn is_taking(&self, now: Moment) -> bool {
        let is_there = !self.broken && !self.client_closed;
        is_there && self.received_ever > 0 && now < self.sent_at + self.lag
    }

    /// Gives the client bytes, no more than [`Stream::room`] allows.
    pub(super) fn write(&mut self, bytes: &[u8], now: Moment) {
        if bytes.is_empty() {
            return;
        }
        if self.client_closed {
            // They are lost, and the answer of the client's system is a reset.
            self.client_reset();
            return;
        }
        self.received.extend_from_slice(bytes);
        self.received_ever += bytes.len() as u64;
        self.sent_at = now;
        if self.window != u64::MAX {
            self.window -= bytes.len() as u64;
        }
    }

    pub(super) fn shutdown(&mut self, how: i32) -> i32 {
        if self.broken {
            return -libc::ENOTCONN;
        }
        let (read, write) = match how {
            libc::SHUT_RD => (true, false),
            libc::SHUT_WR => (false, true),
            libc::SHUT_RDWR => (true, true),
            _ => return -libc::EINVAL,
        };
        self.shut_read |= read;
        self.shut_write |= write;
        if write && self.ending == Ending::Open {
            self.ending = Ending::Eof;
        }
        self.wake();
        0
    }

    /// The last reference is gone.
    pub(super) fn release(&mut self) {
        self.released = true;
        if self.broken || self.client_closed {
            return;
        }
        if self.resets || !self.inbound.is_empty() {
            self.ending = Ending::Reset;
        } else if self.ending == Ending::Open {
            self.ending = Ending::Eof;
        }
    }

    /// poll(2) events that are there.
    pub(super) fn events(&self) -> u32 {
        let ended = self.peer_shut || self.shut_read || self.broken;
        let writable = self.window > 0 || self.shut_write || self.broken || self.client_closed;
        let over = self.broken || (self.shut_write && (self.peer_shut || self.shut_read));
        let mut events = 0;
        for (there, event) in [
            (ended || !self.inbound.is_empty(), libc::POLLIN),
            (writable, libc::POLLOUT),
            (ended, libc::POLLRDHUP),
            (over, libc::POLLHUP),
            (self.error.is_some(), libc::POLLERR),
        ] {
            if there {
                events |= event as u32;
            }
        }
        events
    }
}

/// A listener and the connections that nobody has accepted yet.
#[derive(Debug, Default)]
pub(super) struct Listener {
    /// Indexes of streams, in the order in which the clients connected.
    pub(super) queue: VecDeque<usize>,
    pub(super) closed: bool,
    pub(super) shut: bool,
    pub(super) wakes: Wakes,
    /// Accepts in flight.
    pub(super) armed: Armed,
    pub(super) references: u32,
}

impl Listener {
    pub(super) fn events(&self) -> u32 {
        let mut events = 0;
        if !self.queue.is_empty() || self.shut {
            events |= libc::POLLIN as u32;
        }
        if self.shut {
            events |= (libc::POLLHUP | libc::POLLRDHUP) as u32;
        }
        events
    }
}
