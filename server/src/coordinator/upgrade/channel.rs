//! The socket between two generations: messages out, messages in, never waiting.
//!
//! Called by both sides of an upgrade. A message that the kernel does not take at once waits here in
//! order, with its descriptor, and is tried again at every [`Channel::flush`]. Tells the end of the
//! other process from everything else that may go wrong with a message; decides nothing about the
//! words.

use super::word::{WORD_BYTES_MAX, Word};
use ringgate_runtime::sys::errno;
use ringgate_runtime::sys::scm::{recv_with_fds, send_with_fds};
use rustix::io::Errno;
use std::collections::VecDeque;
use std::fmt;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::sync::Arc;
use zeroize::{Zeroize, Zeroizing};

/// How much of a message that makes no sense a log line shows.
const SHOWN_BYTES: usize = 60;

/// A message that came.
#[derive(Debug)]
pub(crate) struct Heard {
    pub(crate) word: Word,
    /// A connection, which may have keys.
    pub(crate) bytes: Zeroizing<Vec<u8>>,
    pub(crate) attached: Attached,
}

/// A descriptor that came beside a word, or did not.
#[derive(Debug)]
pub(crate) enum Attached {
    Nothing,
    Socket(OwnedFd),
    /// A descriptor was sent, and this process had no number left for it. The sender has its own.
    Lost,
}

/// Why there is no message.
#[derive(Debug)]
pub(crate) enum HearError {
    /// The other process has closed its end: as a rule it is dead.
    Ended,
    /// A message came that is no word of this version. The next may be one.
    NotUnderstood(String),
    /// The kernel failed to hand a message out, which is still there.
    Failed(io::Error),
}

impl fmt::Display for HearError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            HearError::Ended => f.write_str("it has closed its socket"),
            HearError::NotUnderstood(message) => write!(
                f,
                "it said {message:?}, which is no word of this version; install one version, or \
                 restart instead of upgrading"
            ),
            HearError::Failed(error) => write!(f, "cannot hear it: {error}"),
        }
    }
}

/// The fate of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sent {
    /// The kernel has it.
    Done,
    /// The kernel takes it later: its queue is full, or too many descriptors are on their way.
    Later,
    /// The kernel never takes a message of this size.
    TooLong,
    /// The other process is gone, which is heard when reading.
    Gone,
}

/// One end.
pub(crate) struct Channel {
    socket: OwnedFd,
    waiting: VecDeque<(Vec<u8>, Option<Arc<OwnedFd>>)>,
    room: Vec<u8>,
    /// An error was logged, and nothing was sent since.
    complained: bool,
}

impl Channel {
    /// `socket` is non-blocking and keeps messages apart.
    pub(crate) fn new(socket: OwnedFd) -> Channel {
        Channel {
            socket,
            waiting: VecDeque::new(),
            room: vec![0; WORD_BYTES_MAX],
            complained: false,
        }
    }

    /// Says a word. The end of the other process is heard when reading.
    pub(crate) fn say(&mut self, word: &Word) {
        self.say_with(word, None);
    }

    /// Says a word with a socket. The socket is sent as a copy; ours is kept until then.
    pub(crate) fn say_with(&mut self, word: &Word, socket: Option<Arc<OwnedFd>>) {
        self.waiting.push_back((word.encode(&[]), socket));
        self.flush();
    }

    /// Says a word with bytes and a socket now or, unless [`Sent::Done`] is returned, not at all.
    pub(crate) fn offer(&mut self, word: &Word, bytes: &[u8], socket: BorrowedFd<'_>) -> Sent {
        match self.flush() {
            Sent::Done => self.send(&Zeroizing::new(word.encode(bytes)), Some(socket)),
            other => other,
        }
    }

    /// Whether something that was said waits for the kernel to take it.
    pub(crate) fn is_waiting(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// Sends what waits. [`Sent::Later`] if something still does.
    pub(crate) fn flush(&mut self) -> Sent {
        while let Some((mut message, socket)) = self.waiting.pop_front() {
            let fd = socket.as_ref().map(|socket| socket.as_fd());
            match self.send(&message, fd) {
                // It may hold a secret.
                Sent::Done => message.zeroize(),
                Sent::Later => {
                    self.waiting.push_front((message, socket));
                    return Sent::Later;
                }
                Sent::TooLong => {
                    let bytes = message.len();
                    tracing::error!(
                        bytes,
                        "upgrade: a word is longer than net.core.wmem_default allows"
                    );
                }
                Sent::Gone => {
                    self.waiting.clear();
                    return Sent::Gone;
                }
            }
        }
        Sent::Done
    }

    fn send(&mut self, message: &[u8], socket: Option<BorrowedFd<'_>>) -> Sent {
        let fds: Vec<BorrowedFd<'_>> = socket.into_iter().collect();
        let error = match send_with_fds(self.socket.as_fd(), message, &fds) {
            Ok(_) => {
                self.complained = false;
                return Sent::Done;
            }
            Err(error) => error,
        };
        match errno(&error).map(Errno::from_raw_os_error) {
            Some(Errno::AGAIN) => Sent::Later,
            Some(Errno::PIPE | Errno::CONNRESET | Errno::NOTCONN) => Sent::Gone,
            Some(Errno::MSGSIZE) => Sent::TooLong,
            // ETOOMANYREFS: as many descriptors are on their way as the user may have open (unix(7)).
            // ENOBUFS, ENOMEM: memory is short. All of them pass.
            _ => {
                if !self.complained {
                    self.complained = true;
                    tracing::warn!(%error, "upgrade: a word waits; it is tried again");
                }
                Sent::Later
            }
        }
    }

    /// The next message, if one is there.
    pub(crate) fn hear(&mut self) -> Result<Option<Heard>, HearError> {
        let received = loop {
            match recv_with_fds(self.socket.as_fd(), &mut self.room, 1) {
                Ok(received) if received.bytes == 0 => return Err(HearError::Ended),
                Ok(received) => break received,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(None),
                // It ended with words of ours unread. The kernel says so once, before its last words.
                Err(error) if error.kind() == io::ErrorKind::ConnectionReset => {}
                Err(error) => return Err(HearError::Failed(error)),
            }
        };
        let message = &mut self.room[..received.bytes];
        let Some((word, bytes)) = Word::decode(message) else {
            // Behind the line there may be keys.
            let line = message.split(|byte| *byte == b'\n').next();
            let line = line.unwrap_or_default();
            let shown = &line[..line.len().min(SHOWN_BYTES)];
            let shown = String::from_utf8_lossy(shown).into_owned();
            return Err(HearError::NotUnderstood(shown));
        };
        let bytes = Zeroizing::new(bytes.to_vec());
        // It may have held a secret.
        message.zeroize();
        let mut fds = received.fds;
        Ok(Some(Heard {
            word,
            bytes,
            attached: match (received.lost, fds.pop()) {
                (true, _) => Attached::Lost,
                (false, Some(socket)) => Attached::Socket(socket),
                (false, None) => Attached::Nothing,
            },
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
    use std::fs::File;

    fn pair() -> (Channel, Channel) {
        let (one, other) = message_pair().expect("two ends");
        (Channel::new(one), Channel::new(other))
    }

    fn parcel(id: u64) -> Word {
        Word::Parcel {
            id,
            unit: None,
            announced: None,
            silences: Vec::new(),
        }
    }

    #[test]
    fn what_the_kernel_does_not_take_at_once_arrives_later_in_order() {
        let (mut one, mut other) = pair();
        let word = |number: u32| Word::Refused {
            error: format!("{number} {}", "x".repeat(64 << 10)),
        };
        for number in 0..50 {
            one.say(&word(number));
        }
        assert_eq!(one.flush(), Sent::Later, "so much does not fit");
        assert!(one.is_waiting());
        for number in 0..50 {
            let heard = loop {
                match other.hear().unwrap() {
                    Some(heard) => break heard,
                    None => drop(one.flush()),
                }
            };
            assert_eq!(heard.word, word(number));
        }
        assert!(!one.is_waiting());
        drop(one);
        assert!(matches!(other.hear(), Err(HearError::Ended)));
        other.say(&word(0));
        assert_eq!(other.flush(), Sent::Done, "nothing waits for the dead");
    }

    #[test]
    fn a_connection_goes_now_or_not_at_all() {
        let (mut one, mut other) = pair();
        let file = File::open("/dev/null").unwrap();
        let bytes = vec![7; 64 << 10];
        let mut sent = 0;
        while one.offer(&parcel(sent), &bytes, file.as_fd()) == Sent::Done {
            sent += 1;
        }
        for id in 0..sent {
            let heard = other.hear().unwrap().expect("as many as were sent");
            assert_eq!((heard.word, heard.bytes.len()), (parcel(id), bytes.len()));
            assert!(matches!(heard.attached, Attached::Socket(_)));
        }
        assert!(other.hear().unwrap().is_none(), "and no more");
    }

    #[test]
    fn a_message_that_the_kernel_never_takes_is_given_back() {
        let (mut one, _other) = pair();
        let file = File::open("/dev/null").unwrap();
        let bytes = vec![7; 8 << 20];
        let sent = one.offer(&parcel(1), &bytes, file.as_fd());
        assert_eq!(sent, Sent::TooLong);
        assert_eq!(one.offer(&parcel(2), &[], file.as_fd()), Sent::Done);
    }

    #[test]
    fn a_descriptor_that_was_lost_on_the_way_takes_no_word_with_it() {
        let (one, mut other) = pair();
        let file = File::open("/dev/null").unwrap();
        // The kernel cuts what does not fit, as it does if no descriptor number is left.
        let fds = vec![file.as_fd(); 8];
        let message = parcel(3).encode(b"unread");
        send_with_fds(one.as_fd(), &message, &fds).unwrap();
        let heard = other.hear().unwrap().expect("a word");
        assert_eq!(heard.word, parcel(3));
        assert_eq!(heard.bytes[..], b"unread"[..]);
        assert!(matches!(heard.attached, Attached::Lost));
    }

    #[test]
    fn the_last_words_of_one_that_heard_not_all_are_heard() {
        let (mut one, mut other) = pair();
        one.say(&Word::AllBatons);
        let word = Word::Refused {
            error: "no descriptor is left".to_owned(),
        };
        other.say(&word);
        drop(other);
        let heard = one.hear().unwrap().expect("its last word");
        assert_eq!(heard.word, word);
        assert!(matches!(one.hear(), Err(HearError::Ended)));
    }

    #[test]
    fn a_word_of_another_version_is_no_end() {
        let (mut one, mut other) = pair();
        send_with_fds(one.as_fd(), b"{\"word\":\"telepathy\"}\n", &[]).unwrap();
        one.say(&Word::AllBatons);
        let error = other.hear().expect_err("no word of ours");
        assert!(matches!(error, HearError::NotUnderstood(_)));
        assert!(error.to_string().contains("telepathy"), "{error}");
        let heard = other.hear().unwrap().expect("the next one");
        assert_eq!(heard.word, Word::AllBatons);
    }
}
