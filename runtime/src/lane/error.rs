//! Why a lane gave no value, and why a lane could not be made.

use super::pool::BoundsError;
use crate::sys::thread::THREAD_NAME_BYTES_MAX;
use crate::task::Panic;
use std::fmt;
use std::sync::Arc;

/// Why a piece of work has no value.
///
/// ```
/// use ringgate_runtime::{Core, CoreOptions, LaneError};
/// use ringgate_runtime::lane::{Ending, Lane};
///
/// let lane = Lane::workers(1).stateless().open("work")?;
/// Core::new(CoreOptions::default())?.block_on(async move {
///     lane.close(Ending::Finish);
///     let refused = lane.run(|_| 7).await.unwrap_err();
///     assert!(matches!(refused, LaneError::Closed));
///     assert_eq!(refused.reason(), "lane-closed");
/// });
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub enum LaneError {
    /// The work panicked. The worker made its state anew.
    Panicked(Panic),
    /// The work still waited when the lane was shut down by force; it never began.
    Cancelled,
    /// The queue was full.
    Full,
    /// The work waited longer than `queue_timeout` and never began.
    TimedOut,
    /// No worker has its state: what `init` answered last.
    Unavailable(Arc<str>),
    /// The lane was shut down before (docs/seeds.md, P9).
    Closed,
}

impl LaneError {
    /// The reason in log lines and in the `X-Ringgate-Reason` field.
    pub const fn reason(&self) -> &'static str {
        match self {
            LaneError::Panicked(_) => "lane-panicked",
            LaneError::Cancelled => "lane-cancelled",
            LaneError::Full => "lane-full",
            LaneError::TimedOut => "lane-timed-out",
            LaneError::Unavailable(_) => "lane-unavailable",
            LaneError::Closed => "lane-closed",
        }
    }
}

impl fmt::Display for LaneError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            LaneError::Panicked(panic) => write!(f, "the work panicked: {}", panic.message()),
            LaneError::Cancelled => f.write_str("the lane ended before the work began"),
            LaneError::Full => f.write_str("the lane's queue is full"),
            LaneError::TimedOut => f.write_str("the work waited too long for a worker"),
            LaneError::Unavailable(why) => write!(f, "no worker of the lane could start: {why}"),
            LaneError::Closed => f.write_str("the lane is shut down"),
        }
    }
}

impl std::error::Error for LaneError {}

/// Why a lane cannot be made: a mistake of the program, but for the last.
///
/// ```
/// use ringgate_runtime::lane::Lane;
///
/// let error = Lane::workers(0..=0).stateless().open("work").unwrap_err();
/// assert!(error.to_string().contains("allow one at least"), "{error}");
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub enum LaneSetupError {
    /// The numbers of workers contradict each other.
    Bounds(String, BoundsError),
    /// The name is empty or cannot be part of a thread's name.
    Name(String),
    /// The name leaves no room in a thread's name.
    NameTooLong(String, usize),
    /// A lane of this name exists already.
    NameTaken(String),
}

impl fmt::Display for LaneSetupError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            LaneSetupError::Bounds(name, error) => write!(f, "lane {name}: {error}"),
            LaneSetupError::Name(name) => write!(
                f,
                "a lane cannot be called {name:?}; use letters, digits, `-` and `_`"
            ),
            LaneSetupError::NameTooLong(name, most) => write!(
                f,
                "the lane name {name:?} has {} bytes; its threads are named after it, and the \
                 kernel keeps {THREAD_NAME_BYTES_MAX} of a thread's name: at most {most} are left",
                name.len()
            ),
            LaneSetupError::NameTaken(name) => {
                write!(f, "there are two lanes called {name:?}; rename one")
            }
        }
    }
}

impl std::error::Error for LaneSetupError {}
