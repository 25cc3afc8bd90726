//! A way for pages into a socket without a copy: a pipe that takes them from memory (vmsplice(2)) and gives them away
//! (splice(2)). Called by the core, at once and not through its ring, which would give a splice to a worker thread.
//!
//! A socket that has no room is not waited for: the caller polls. Deliberately not here: which bytes go this
//! way, and what follows from an error.

use crate::fs::FrozenPart;
use rustix::fs::{OFlags, fcntl_setfl};
use rustix::io::Errno;
use rustix::net::{SendFlags, send};
use rustix::pipe::{
    IoSliceRaw, PipeFlags, SpliceFlags, fcntl_setpipe_size, pipe_with, splice, vmsplice,
};
use std::os::fd::{BorrowedFd, OwnedFd};

/// Bytes that the pipe takes at a time, with a place for each page: as many as one send asks for.
const PIPE_BYTES: usize = 512 << 10;

/// The pipe of a thread; empty between two sends.
#[derive(Default)]
pub(crate) struct Conduit {
    pipe: Option<Pipe>,
    /// The system has no pipe for it: it is not asked again.
    is_refused: bool,
}

struct Pipe {
    out: OwnedFd,
    into: OwnedFd,
}

impl Pipe {
    fn new() -> Result<Pipe, Errno> {
        let (out, into) = pipe_with(PipeFlags::CLOEXEC)?;
        // A user may have no more pages in pipes (pipe(7)); then fewer go at a time.
        let _ = fcntl_setpipe_size(&into, PIPE_BYTES);
        Ok(Pipe { out, into })
    }
}

impl Conduit {
    /// Gives a socket frozen bytes: their pages, or a copy where the system has no pipe for it. Answers how many it took.
    /// `more`: further bytes follow at once.
    ///
    /// # Errors
    /// EAGAIN if it takes none now; whatever else splice(2) and send(2) answer.
    pub(crate) fn send(
        &mut self,
        socket: BorrowedFd<'_>,
        bytes: FrozenPart<'_>,
        more: bool,
    ) -> Result<usize, Errno> {
        if self.is_refused {
            return copy(socket, bytes.as_slice(), more);
        }
        match self.give_pages(socket, bytes.as_slice(), more) {
            Err(Errno::PERM | Errno::ACCESS | Errno::NOSYS | Errno::INVAL) => {
                self.is_refused = true;
                copy(socket, bytes.as_slice(), more)
            }
            // Short of descriptors or memory.
            Err(Errno::MFILE | Errno::NFILE | Errno::NOMEM) => copy(socket, bytes.as_slice(), more),
            given => given,
        }
    }

    fn give_pages(
        &mut self,
        socket: BorrowedFd<'_>,
        bytes: &[u8],
        more: bool,
    ) -> Result<usize, Errno> {
        // Taken out: what a socket leaves in the pipe is thrown away with it.
        let pipe = self.pipe.take().map_or_else(Pipe::new, Ok)?;
        let places = [IoSliceRaw::from_slice(bytes)];
        // SAFETY: vmsplice(2) puts references to the pages of `bytes` into the pipe. They are read until the peer of the
        // socket has them, long after this call. They are those of a `FrozenPart`: written before and never again, and
        // unmapped, not used anew, in the end. Guarded by `pages_in_a_socket_outlive_their_memory`.
        let filled = unsafe { vmsplice(&pipe.into, &places, SpliceFlags::NONBLOCK) }?;
        let flags = match more || filled < bytes.len() {
            true => SpliceFlags::NONBLOCK | SpliceFlags::MORE,
            false => SpliceFlags::NONBLOCK,
        };
        // SPLICE_F_NONBLOCK is for the pipe alone; whether the socket is waited for, only its own flag says. The ring looks
        // at that flag when it begins an operation, and none begins here in between.
        fcntl_setfl(socket, OFlags::NONBLOCK)?;
        let sent = splice(&pipe.out, None, socket, None, filled, flags);
        fcntl_setfl(socket, OFlags::empty())?;
        if sent == Ok(filled) {
            self.pipe = Some(pipe);
        }
        sent
    }
}

/// Gives a socket a copy of bytes, and does not wait for it.
///
/// # Errors
/// EAGAIN if it takes none now; whatever else send(2) answers.
pub(crate) fn copy(socket: BorrowedFd<'_>, bytes: &[u8], more: bool) -> Result<usize, Errno> {
    let flags = SendFlags::NOSIGNAL | SendFlags::DONTWAIT;
    let flags = match more {
        true => flags | SendFlags::MORE,
        false => flags,
    };
    send(socket, bytes, flags)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fs::Freezing;
    use std::io::Read;
    use std::net::{TcpListener, TcpStream};
    use std::os::fd::AsFd;

    fn pair() -> (TcpStream, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").expect("bind");
        let theirs = TcpStream::connect(listener.local_addr().expect("bound")).expect("connect");
        (listener.accept().expect("accept").0, theirs)
    }

    fn letters(letter: u8, count: usize) -> crate::fs::Frozen {
        let mut bytes = Freezing::with_capacity(count).expect("memory");
        bytes.put(&vec![letter; count]);
        bytes.freeze(())
    }

    #[cfg_attr(miri, ignore = "asks the kernel what Miri does not play")]
    #[test]
    fn pages_in_a_socket_outlive_their_memory() {
        let (ours, mut theirs) = pair();
        let mut conduit = Conduit::default();
        for letter in [b'a', b'b', b'c'] {
            let bytes = letters(letter, 5000);
            let sent = conduit.send(ours.as_fd(), bytes.lent(), false);
            assert_eq!(sent, Ok(5000));
            assert!(conduit.pipe.is_some(), "it serves again");
            // The next ones may get its place.
            drop(bytes);
        }
        drop(ours);
        let mut received = Vec::new();
        theirs.read_to_end(&mut received).expect("read");
        let expected = [b'a', b'b', b'c'].map(|letter| vec![letter; 5000]).concat();
        assert!(received == expected, "each as it was given");
    }

    #[cfg_attr(miri, ignore = "asks the kernel what Miri does not play")]
    #[test]
    fn a_system_without_a_way_for_pages_gets_a_copy() {
        let (ours, mut theirs) = pair();
        let mut conduit = Conduit {
            is_refused: true,
            ..Conduit::default()
        };
        let sent = conduit.send(ours.as_fd(), letters(b'x', 5000).lent(), false);
        assert!(sent == Ok(5000) && conduit.pipe.is_none());
        drop(ours);
        let mut received = Vec::new();
        theirs.read_to_end(&mut received).expect("read");
        assert_eq!(received, [b'x'; 5000]);
    }

    #[cfg_attr(miri, ignore = "asks the kernel what Miri does not play")]
    #[test]
    fn a_socket_that_is_full_is_not_waited_for_and_what_it_left_is_not_sent() {
        let (ours, mut theirs) = pair();
        let mut conduit = Conduit::default();
        let bytes = letters(b'x', PIPE_BYTES + 1);
        let mut sent = 0;
        let end = loop {
            match conduit.send(ours.as_fd(), bytes.lent(), false) {
                Ok(count) => sent += count,
                Err(errno) => break errno,
            }
        };
        assert_eq!(end, Errno::AGAIN);
        let flags = rustix::fs::fcntl_getfl(&ours).expect("flags");
        assert!(!flags.contains(OFlags::NONBLOCK), "waited for by others");
        drop(ours);
        let mut received = Vec::new();
        theirs.read_to_end(&mut received).expect("read");
        assert_eq!(received.len(), sent);
        let (ours, theirs) = pair();
        drop(theirs);
        let gone = loop {
            match conduit.send(ours.as_fd(), bytes.lent(), false) {
                Ok(_) | Err(Errno::AGAIN) => {}
                Err(errno) => break errno,
            }
        };
        assert!(matches!(gone, Errno::PIPE | Errno::CONNRESET), "{gone}");
    }
}
