//! A poll that lasts: a descriptor to which the coordinator listens until it says otherwise.
//!
//! The kernel may end a multishot poll by itself (io_uring_prep_poll_multishot(3): a completion without
//! IORING_CQE_F_MORE is the last), and then nothing more is heard of the descriptor: no signal, no word
//! of another process, not its end. So every end that nobody asked for leads to a new poll: at once if
//! the last completion was a good one, at the next tick if the kernel refused, so that a refusal that
//! lasts costs a look a tick.
//!
//! Made for the signals in [`super`] and for other processes in [`link`](super::link). Decides nothing
//! about what a completion means.

use super::key::Key;
use super::{Coordinator, POLL_IN};
use ringgate_runtime::{Core, Errno, OpId};
use std::os::fd::{AsRawFd, RawFd};

/// A poll for something to read, and the operation that is in flight for it.
pub(super) struct Poll {
    /// Of a descriptor that is closed only after [`Poll::cancel`], or with the ring.
    fd: RawFd,
    key: Key,
    /// None between an end that the kernel made and the next poll.
    armed: Option<OpId>,
    /// Whether the log has said that the kernel refuses.
    complained: bool,
}

impl Poll {
    pub(super) fn new(core: &Core, fd: &impl AsRawFd, key: Key) -> Poll {
        let mut poll = Poll {
            fd: fd.as_raw_fd(),
            key,
            armed: None,
            complained: false,
        };
        poll.arm(core);
        poll
    }

    /// Makes sure that there is an operation in flight.
    fn arm(&mut self, core: &Core) {
        if self.armed.is_none() {
            self.armed = Some(core.poll(&self.fd, POLL_IN, self.key.to_key()));
        }
    }

    /// Nothing more is to be heard.
    pub(super) fn cancel(self, core: &Core) {
        if let Some(poll) = self.armed {
            core.cancel(poll);
        }
    }

    /// The kernel has ended the operation.
    fn ended(&mut self, core: &Core, result: Result<u32, Errno>) {
        self.armed = None;
        match result {
            Ok(_) => {
                self.complained = false;
                self.arm(core);
            }
            Err(errno) if !std::mem::replace(&mut self.complained, true) => {
                let key = self.key;
                tracing::warn!(?key, %errno, "a poll ended; it is tried again at every tick");
            }
            Err(_) => {}
        }
    }
}

impl Coordinator {
    /// Every poll that is wanted.
    fn polls(&mut self) -> impl Iterator<Item = &mut Poll> {
        let signals = self.signals.iter_mut().map(|(_, poll)| poll);
        signals.chain(self.processes.polls())
    }

    /// The kernel has ended the poll of this key. One that was cancelled here is not wanted any more.
    pub(super) fn poll_ended(&mut self, core: &Core, key: Key, result: Result<u32, Errno>) {
        if let Some(poll) = self.polls().find(|poll| poll.key == key) {
            poll.ended(core, result);
        }
    }

    /// Tries again what the kernel refused.
    pub(super) fn arm_polls(&mut self, core: &Core) {
        self.polls().for_each(|poll| poll.arm(core));
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::alone;
    use super::*;
    use crate::coordinator::upgrade::channel::Channel;
    use crate::coordinator::upgrade::word::Word;
    use crate::coordinator::upgrade::{Generation, Legacy};
    use ringgate_runtime::sys::child::message_pair;
    use ringgate_runtime::{Event, Sink};
    use std::process::{Child, Command};
    use std::rc::Rc;
    use std::time::{Duration, Instant};

    const TURN: Option<Duration> = Some(Duration::from_millis(5));
    const PATIENCE: Duration = Duration::from_secs(30);

    /// A coordinator that was started by another process, and that process.
    struct Heir {
        core: Rc<Core>,
        coordinator: Coordinator,
        older: Child,
        channel: Channel,
    }

    impl Heir {
        fn new() -> Heir {
            let older = Command::new("sleep").arg("600").spawn();
            let older = older.expect("sleep(1)");
            let (ours, theirs) = message_pair().expect("a pair of sockets");
            let legacy = Legacy {
                channel: Channel::new(ours),
                pid: older.id(),
                control: None,
                ticket_secret: None,
                listeners: Vec::new(),
                metrics: None,
            };
            let (core, coordinator) = alone(Some(legacy));
            Heir {
                core,
                coordinator,
                older,
                channel: Channel::new(theirs),
            }
        }

        fn poll(&mut self, key: Key) -> &mut Poll {
            let mut polls = self.coordinator.polls();
            polls.find(|poll| poll.key == key).expect("a poll")
        }

        /// Ends an operation as the kernel does that is out of memory.
        fn end(&mut self, key: Key) {
            let armed = self.poll(key).armed.expect("in flight");
            self.core.cancel(armed);
        }

        fn turn_until(&mut self, what: &str, mut done: impl FnMut(&mut Heir) -> bool) {
            let deadline = Instant::now() + PATIENCE;
            while !done(self) {
                assert!(Instant::now() < deadline, "not in time: {what}");
                self.core.turn(&mut self.coordinator, TURN);
            }
        }
    }

    impl Drop for Heir {
        fn drop(&mut self) {
            self.older.kill().expect("a child");
            self.older.wait().expect("a child");
            let _ = self.core.teardown(&mut (), Duration::from_secs(1));
        }
    }

    /// Keeps what it hears from a coordinator, up to the look that is taken without a poll.
    struct Deaf(bool);

    impl Sink for Deaf {
        fn on_event(&mut self, _: &Rc<Core>, event: Event) {
            let look = Key::HandOver.to_key();
            self.0 |= matches!(event, Event::Timer { key } if key == look);
        }
    }

    #[test]
    fn a_process_is_heard_after_the_kernel_has_ended_the_poll_of_its_socket() {
        let mut heir = Heir::new();
        heir.end(Key::Older);
        let mut deaf = Deaf(false);
        let deadline = Instant::now() + PATIENCE;
        while !deaf.0 {
            assert!(Instant::now() < deadline, "no look");
            heir.core.turn(&mut deaf, TURN);
        }
        let last = Event::Polled {
            key: Key::Older.to_key(),
            result: Ok(POLL_IN),
            more: false,
        };
        let core = heir.core.clone();
        heir.coordinator.on_event(&core, last);
        let list = vec![Generation {
            pid: heir.older.id(),
            phase: "draining".to_owned(),
            open: 1,
            staying: 0,
        }];
        heir.channel.say(&Word::Generations { list });
        heir.turn_until("a word", |heir| {
            heir.coordinator.inheritance.generations().count() > 0
        });
    }

    #[test]
    fn a_process_whose_poll_fails_is_not_taken_for_dead_and_its_end_is_heard_all_the_same() {
        let mut heir = Heir::new();
        let before = heir.poll(Key::OlderEnd).armed;
        heir.end(Key::OlderEnd);
        heir.turn_until("another poll", |heir| {
            let now = heir.poll(Key::OlderEnd).armed;
            now.is_some() && now != before
        });
        heir.older.kill().expect("a child");
        heir.turn_until("the end", |heir| heir.coordinator.processes.older.is_none());
    }
}
