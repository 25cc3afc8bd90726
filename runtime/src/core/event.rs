//! The events that a core tells their owner, and the figures that it keeps. Plain values.

use super::Core;
use crate::buffer::Lease;
use crate::descriptor::Descriptor;
use crate::errno::Errno;
use crate::op::{SendBuffer, SendPieces};
use crate::task::LongPoll;
use crate::time::Moment;
use std::rc::Rc;
use std::time::Duration;

/// The result of a leased receive.
#[derive(Debug)]
pub enum Received {
    /// Bytes; at least one.
    Bytes(Lease),
    /// The peer ended its side.
    Eof,
    /// An error; [`Errno::CANCELLED`] after [`Core::cancel`](super::Core::cancel).
    Failed(Errno),
}

/// A completion, told to the owner of its key.
#[derive(Debug)]
pub enum Event {
    /// A connection, or why there is none.
    Accepted {
        /// The key of the accept.
        key: u64,
        /// The connection.
        result: Result<Descriptor, Errno>,
        /// Whether further events of this accept follow.
        more: bool,
    },
    /// Bytes.
    Received {
        /// The key of the receive.
        key: u64,
        /// The bytes, the end, or the error.
        received: Received,
        /// Whether further events of this receive follow.
        more: bool,
    },
    /// A send is over.
    Sent {
        /// The key of the send.
        key: u64,
        /// Bytes sent; fewer than asked only if the socket broke off.
        result: Result<u32, Errno>,
        /// The buffer, back.
        buffer: SendBuffer,
    },
    /// A send of bytes in several places is over.
    SentPieces {
        /// The key of the send.
        key: u64,
        /// Bytes sent, which may be fewer than there are.
        result: Result<u32, Errno>,
        /// The bytes, back, as they were: what was sent is among them.
        pieces: Box<SendPieces>,
    },
    /// A descriptor is ready, or the poll over.
    Polled {
        /// The key of the poll.
        key: u64,
        /// poll(2) events.
        result: Result<u32, Errno>,
        /// Whether further events of this poll follow.
        more: bool,
    },
    /// A timer fired.
    Timer {
        /// The key of the timer.
        key: u64,
    },
}

/// The owner of events.
///
/// ```
/// use ringgate_runtime::{Core, CoreOptions, Event, Moment, Sink};
/// use std::rc::Rc;
/// use std::time::Duration;
///
/// /// Counts timers.
/// #[derive(Default)]
/// struct Count(u32);
///
/// impl Sink for Count {
///     fn on_event(&mut self, _: &Rc<Core>, event: Event) {
///         if let Event::Timer { key: 7 } = event {
///             self.0 += 1;
///         }
///     }
///
///     fn is_busy(&self) -> bool {
///         self.0 > 0 // no sleep: somebody waits for that
///     }
/// }
///
/// let core = Core::new(CoreOptions::default())?;
/// core.set_timer(core.now() + Duration::from_millis(1), 7);
/// let mut count = Count::default();
/// core.run(&mut count, |count| count.0 == 1)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub trait Sink {
    /// A completion of an operation with a key, or a timer.
    fn on_event(&mut self, core: &Rc<Core>, event: Event);
    /// Another thread rang ([`Remote::notify`](crate::Remote::notify)).
    fn on_notified(&mut self, _core: &Rc<Core>) {}
    /// The ready tasks of this turn ran; what they left behind is to be submitted now.
    fn before_wait(&mut self, _core: &Rc<Core>) {}
    /// A step of a task held the core for longer than
    /// [`CoreOptions::long_poll`](crate::CoreOptions::long_poll).
    fn on_long_poll(&mut self, _core: &Rc<Core>, _poll: LongPoll) {}
    /// Handling the events of a turn, first steps of tasks among them, took longer than that.
    fn on_long_turn(&mut self, _core: &Rc<Core>, _began: Moment, _took: Duration) {}
    /// Whether there is work that does not wait for an event: the core must not sleep.
    fn is_busy(&self) -> bool {
        false
    }
}

/// For cores that run only tasks.
impl Sink for () {
    fn on_event(&mut self, _: &Rc<Core>, _: Event) {}
}

/// Figures of a core, each since it was made.
///
/// ```
/// use ringgate_runtime::{Core, CoreOptions};
///
/// let core = Core::new(CoreOptions::default())?;
/// core.block_on(async {});
/// assert_eq!(core.counts().failed_closes, 0);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CoreCounts {
    /// Turns of the loop.
    pub turns: u64,
    /// Calls of io_uring_enter(2).
    pub enters: u64,
    /// Operations that owe a completion now.
    pub operations_in_flight: u64,
    /// Completions of operations that nobody knew.
    pub stale_completions: u64,
    /// Closes that failed.
    pub failed_closes: u64,
    /// Times the completion queue was found overflowed.
    pub completion_overflows: u64,
    /// Times a receive found no buffer.
    pub starved_receives: u64,
    /// Tasks that have not ended.
    pub tasks: u64,
    /// Tasks that panicked.
    pub task_panics: u64,
}
