//! The sockets of one core, for another thread to shut down.
//!
//! A core that is stuck cannot end its connections; somebody else has to, or their clients wait for
//! ever. Decides that a number is in the list exactly while its socket is open: the owner takes it
//! out before it closes, so nobody shuts down a number that the kernel has given to another socket.
//! The owner pays one uncontended lock at the beginning and at the end of a connection, and nothing
//! for a request. Deliberately does not close: the owner still has operations on the descriptor.

use crate::descriptor::Descriptor;
use std::os::fd::{AsRawFd, RawFd};
use std::sync::{Mutex, MutexGuard, PoisonError};

const NONE: RawFd = -1;

/// The open sockets of one core, each under a number that the owner chooses, such as the seat of a
/// connection in its table.
#[derive(Debug, Default)]
pub struct SocketRegistry {
    sockets: Mutex<Vec<RawFd>>,
}

impl SocketRegistry {
    fn lock(&self) -> MutexGuard<'_, Vec<RawFd>> {
        self.sockets.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts a socket in. Simulated ones stay out.
    pub fn enter(&self, seat: u32, socket: &Descriptor) {
        if socket.is_simulated() {
            return;
        }
        let mut sockets = self.lock();
        let seat = seat as usize;
        if sockets.len() <= seat {
            sockets.resize(seat + 1, NONE);
        }
        sockets[seat] = socket.as_raw_fd();
    }

    /// Takes a socket out; before it is closed or given away.
    pub fn leave(&self, seat: u32) {
        if let Some(place) = self.lock().get_mut(seat as usize) {
            *place = NONE;
        }
    }

    /// Ends both directions of every socket that is in (shutdown(2)), and answers how many there
    /// were. Bytes that a peer has not received yet are lost to it; the operations on the sockets
    /// complete.
    pub fn shut_down_all(&self) -> usize {
        let sockets = self.lock();
        let mut open = 0;
        for socket in sockets.iter().filter(|socket| **socket != NONE) {
            // SAFETY: shutdown(2) takes no pointer. The number is in the list, and the lock keeps
            // its owner from closing it meanwhile. Guarded by
            // `a_socket_that_has_left_is_not_shut_down`.
            unsafe { libc::shutdown(*socket, libc::SHUT_RDWR) };
            open += 1;
        }
        open
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read, Write};
    use std::os::fd::OwnedFd;
    use std::os::unix::net::UnixStream;

    #[cfg_attr(miri, ignore = "asks the kernel what Miri does not play")]
    #[test]
    fn a_socket_that_has_left_is_not_shut_down() {
        let registry = SocketRegistry::default();
        let pair = || {
            let (ours, theirs) = UnixStream::pair().expect("a pair");
            (Descriptor::from(OwnedFd::from(ours)), theirs)
        };
        let (stays, mut of_stays) = pair();
        let (leaves, mut of_leaves) = pair();
        registry.enter(0, &stays);
        registry.enter(7, &leaves);
        registry.leave(7);
        registry.leave(9);
        assert_eq!(registry.shut_down_all(), 1);
        assert_eq!(of_stays.read(&mut [0; 1]).expect("an end"), 0);
        of_leaves.write_all(b"x").expect("it is open");
        drop((stays, leaves));
    }
}
