//! A listener as the cores know it: its name, its socket, and the connections that come in by it.
//!
//! Made by the coordinator, which says which core accepts on which listener; used by `accept.rs`, and
//! by connections, which keep the name of their listener wherever they go.

use super::key::Subject;
use crate::config::Opening;
use ringgate_runtime::Descriptor;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::sync::Arc;

/// Names a listener of the process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct ListenerId(pub(crate) u32);

impl ListenerId {
    /// No listener of this process: that of an older process which this one does not listen on.
    pub(crate) const ELSEWHERE: ListenerId = ListenerId(u32::MAX);

    /// The listener whose accept has this key.
    pub(crate) fn of_accept(key: u64) -> ListenerId {
        match Subject::from_key(key) {
            Some(Subject::Accept(listener)) => ListenerId(listener),
            _ => ListenerId::ELSEWHERE,
        }
    }
}

/// A connection that was accepted and not read from, and the listener that it came in by.
#[derive(Debug)]
pub(crate) struct Fresh {
    pub(crate) socket: Descriptor,
    pub(crate) listener: ListenerId,
    /// The beginning of the listener's connections when this one was accepted.
    pub(crate) opening: Opening,
}

/// A listener as its owner gets it. The process keeps it open to the end.
#[derive(Debug, Clone)]
pub(crate) struct ListenerSeat {
    pub(crate) id: ListenerId,
    pub(crate) socket: Socket,
    /// Several cores accept on it (a Unix socket, an inherited descriptor): one by one, since the
    /// first multishot accept would take all.
    pub(crate) shared: bool,
    /// The beginning of the connections that it brings.
    pub(crate) opening: Opening,
}

/// The socket of a listener.
#[derive(Debug, Clone)]
pub(crate) enum Socket {
    /// The process's.
    Real(Arc<OwnedFd>),
    /// One of a simulated world.
    Simulated(RawFd),
}

impl AsRawFd for Socket {
    fn as_raw_fd(&self) -> RawFd {
        match self {
            Socket::Real(socket) => socket.as_raw_fd(),
            Socket::Simulated(number) => *number,
        }
    }
}

impl ListenerSeat {
    pub(crate) fn simulated(
        id: ListenerId,
        listener: &Descriptor,
        shared: bool,
        opening: Opening,
    ) -> ListenerSeat {
        ListenerSeat {
            id,
            socket: Socket::Simulated(listener.as_raw_fd()),
            shared,
            opening,
        }
    }
}
