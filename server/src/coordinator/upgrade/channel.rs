//! The socket between two generations: messages out, messages in, never waiting.
//!
//! What the kernel does not take at once waits here in order, with its descriptor, and is tried again
//! at every [`Channel::flush`]. Decides nothing about the words.

use super::word::{WORD_BYTES_MAX, Word};
use ringgate_runtime::sys::scm::{recv_with_fds, send_with_fds};
use std::collections::VecDeque;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::sync::Arc;

/// A message that came.
pub(crate) struct Heard {
    pub(crate) word: Word,
    pub(crate) bytes: Vec<u8>,
    pub(crate) socket: Option<OwnedFd>,
}

/// One end.
pub(crate) struct Channel {
    socket: OwnedFd,
    waiting: VecDeque<(Vec<u8>, Option<Arc<OwnedFd>>)>,
    room: Vec<u8>,
}

impl Channel {
    /// `socket` is non-blocking and keeps messages apart.
    pub(crate) fn new(socket: OwnedFd) -> Channel {
        Channel {
            socket,
            waiting: VecDeque::new(),
            room: vec![0; WORD_BYTES_MAX],
        }
    }

    /// Says a word. That the other one is gone is heard when reading.
    pub(crate) fn say(&mut self, word: &Word) {
        self.say_with(word, &[], None);
    }

    /// Says a word with bytes and a socket. The socket is sent as a copy; ours is kept until then.
    pub(crate) fn say_with(&mut self, word: &Word, bytes: &[u8], socket: Option<Arc<OwnedFd>>) {
        self.waiting.push_back((word.encode(bytes), socket));
        self.flush();
    }

    /// Sends what waits. Answers whether something still does.
    pub(crate) fn flush(&mut self) -> bool {
        while let Some((message, socket)) = self.waiting.front() {
            let fds: Vec<BorrowedFd<'_>> = socket.iter().map(|socket| socket.as_fd()).collect();
            match send_with_fds(self.socket.as_fd(), message, &fds) {
                Ok(_) => drop(self.waiting.pop_front()),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return true,
                // The other one is gone: its end is read, and acted upon there.
                Err(_) => self.waiting.clear(),
            }
        }
        false
    }

    /// The next message, if one is there; an error if the other one is gone or makes no sense.
    pub(crate) fn hear(&mut self) -> io::Result<Option<Heard>> {
        let (count, mut fds) = match recv_with_fds(self.socket.as_fd(), &mut self.room, 1) {
            Ok((0, _)) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(received) => received,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(None),
            // It ended with words of ours unread.
            Err(error) if error.kind() == io::ErrorKind::ConnectionReset => {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            Err(error) => return Err(error),
        };
        let Some((word, bytes)) = Word::decode(&self.room[..count]) else {
            let text = "the other generation speaks another language";
            return Err(io::Error::new(io::ErrorKind::InvalidData, text));
        };
        Ok(Some(Heard {
            word,
            bytes: bytes.to_vec(),
            socket: fds.pop(),
        }))
    }
}

impl AsRawFd for Channel {
    fn as_raw_fd(&self) -> RawFd {
        self.socket.as_raw_fd()
    }
}

impl AsFd for Channel {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ringgate_runtime::sys::child::message_pair;

    #[test]
    fn what_the_kernel_does_not_take_at_once_arrives_later_in_order() {
        let (one, other) = message_pair().unwrap();
        let (mut one, mut other) = (Channel::new(one), Channel::new(other));
        let bytes = vec![7; 64 << 10];
        for id in 0..50 {
            one.say_with(&Word::Parcel { id }, &bytes, None);
        }
        assert!(one.flush(), "so much does not fit");
        for id in 0..50 {
            let heard = loop {
                match other.hear().unwrap() {
                    Some(heard) => break heard,
                    None => drop(one.flush()),
                }
            };
            assert_eq!(
                (heard.word, heard.bytes.len()),
                (Word::Parcel { id }, bytes.len())
            );
        }
        drop(one);
        assert!(other.hear().is_err(), "its end is heard");
    }
}
