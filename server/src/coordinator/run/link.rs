//! Another process of this server as the coordinator sees it: the socket to it, and its end.
//!
//! Made and asked by both sides of an upgrade. Decides nothing about what is heard.

use super::key::Key;
use super::poll::Poll;
use crate::coordinator::upgrade::channel::{Channel, HearError, Heard};
use ringgate_runtime::Core;
use ringgate_runtime::sys::pidfd::PidFd;
use std::rc::Rc;
use std::time::Duration;

/// How long after the end of its socket a process may take to be seen dead.
const DYING: Duration = Duration::from_millis(50);

/// The socket to another process of this server, and what tells of the end of that process.
pub(super) struct Link {
    pid: u32,
    pub(super) channel: Channel,
    /// None once the other one has closed its end.
    words: Option<Poll>,
    /// The end of the process, seen at once: that of its socket comes only when the kernel has cleared
    /// its rings, which hold the socket too. None if it cannot be watched from here: it is in another
    /// pid namespace.
    end: Option<(PidFd, Poll)>,
    /// A failure to hear it was logged, and nothing was heard since.
    complained: bool,
}

impl Link {
    /// `said` and `ended` are what the polls are for.
    pub(super) fn new(core: &Rc<Core>, pid: u32, channel: Channel, said: Key, ended: Key) -> Link {
        let end = PidFd::open(pid).ok().map(|process| {
            let poll = Poll::new(core, &process, ended);
            (process, poll)
        });
        Link {
            pid,
            words: Some(Poll::new(core, &channel, said)),
            channel,
            end,
            complained: false,
        }
    }

    pub(super) fn pid(&self) -> u32 {
        self.pid
    }

    /// Takes the next word of the other one, if there is one. A failure of the kernel is for the next look.
    pub(super) fn hear(&mut self) -> Option<Result<Heard, HearError>> {
        match self.channel.hear() {
            Ok(heard) => {
                self.complained = false;
                heard.map(Ok)
            }
            Err(HearError::Failed(error)) => {
                if !std::mem::replace(&mut self.complained, true) {
                    tracing::warn!(%error, pid = self.pid, "upgrade: cannot hear; trying again");
                }
                None
            }
            Err(error) => Some(Err(error)),
        }
    }

    /// Whether the process can be seen to live on after the end of its socket.
    pub(super) fn lives(&self) -> bool {
        let end = self.end.as_ref();
        end.is_some_and(|(process, _)| matches!(process.wait_exit(Some(DYING)), Ok(false)))
    }

    /// Nothing more is to be heard of the other one but its end.
    pub(super) fn stop_hearing(&mut self, core: &Core) {
        if let Some(poll) = self.words.take() {
            poll.cancel(core);
        }
    }

    /// Whether words of the other one are awaited.
    pub(super) fn is_heard(&self) -> bool {
        self.words.is_some()
    }

    /// The polls of this link.
    pub(super) fn polls(&mut self) -> impl Iterator<Item = &mut Poll> {
        let end = self.end.iter_mut().map(|(_, poll)| poll);
        self.words.iter_mut().chain(end)
    }

    /// Closes the socket. Returns the process, if it could be watched.
    pub(super) fn close(mut self, core: &Core) -> Option<PidFd> {
        self.stop_hearing(core);
        let (process, poll) = self.end?;
        poll.cancel(core);
        Some(process)
    }
}
