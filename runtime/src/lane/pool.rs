//! Growth and shrinking of a lane's pool of workers by Puma's rules (docs/seeds.md, P1 to P7 and
//! P9), as a pure state machine.
//!
//! Called by the lane under its lock, at each submission and at each step of a worker. The pool
//! only counts; threads, queue and clock belong to the caller, who does what the pool returns.

use std::fmt;
use std::num::NonZeroU32;
use std::ops::RangeInclusive;

/// Fewest and most workers of a lane (docs/seeds.md, P1).
///
/// ```
/// use ringgate_runtime::lane::Bounds;
///
/// let bounds = Bounds::new(1, 4).expect("good numbers");
/// assert_eq!((bounds.min(), bounds.max()), (1, 4));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    min: u32,
    max: NonZeroU32,
}

/// Numbers of workers that no pool can have.
///
/// ```
/// use ringgate_runtime::lane::{Bounds, BoundsError};
///
/// assert_eq!(Bounds::new(4, 1), Err(BoundsError::MinAboveMax(4, 1)));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BoundsError {
    /// The maximum is 0.
    NoWorkers,
    /// The minimum is above the maximum.
    MinAboveMax(u32, u32),
}

impl fmt::Display for BoundsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BoundsError::NoWorkers => {
                f.write_str("at most 0 workers could never work; allow one at least")
            }
            BoundsError::MinAboveMax(min, max) => write!(
                f,
                "at least {min} workers and at most {max} cannot both hold; raise the maximum or \
                 lower the minimum"
            ),
        }
    }
}

impl std::error::Error for BoundsError {}

impl Bounds {
    /// At least `min` and at most `max` workers.
    ///
    /// # Errors
    /// [`BoundsError`] if `max` is 0 or below `min`.
    pub const fn new(min: u32, max: u32) -> Result<Bounds, BoundsError> {
        match NonZeroU32::new(max) {
            None => Err(BoundsError::NoWorkers),
            Some(_) if min > max => Err(BoundsError::MinAboveMax(min, max)),
            Some(max) => Ok(Bounds { min, max }),
        }
    }

    /// The fewest workers.
    pub const fn min(self) -> u32 {
        self.min
    }

    /// The most workers.
    pub const fn max(self) -> u32 {
        self.max.get()
    }
}

impl TryFrom<RangeInclusive<u32>> for Bounds {
    type Error = BoundsError;

    fn try_from(range: RangeInclusive<u32>) -> Result<Bounds, BoundsError> {
        Bounds::new(*range.start(), *range.end())
    }
}

/// One number sets both.
impl TryFrom<u32> for Bounds {
    type Error = BoundsError;

    fn try_from(count: u32) -> Result<Bounds, BoundsError> {
        Bounds::new(count, count)
    }
}

/// State of a worker when it asks for its next step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    /// The worker has just made its state, for the first time or again.
    Starting,
    /// The worker waited for work.
    Waiting,
    /// The worker worked.
    Busy,
}

/// Next step of a worker (docs/seeds.md, P4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub(crate) enum Step {
    /// Take the head of the queue.
    Work,
    /// Go: it is no longer counted.
    Leave,
    /// Wait to be signalled.
    Wait,
}

/// Demand of a submission (docs/seeds.md, P3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub(crate) struct Submitted {
    /// Start one worker; it is counted already.
    pub(crate) spawn: bool,
}

/// The lane was shut down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Closed;

/// The declared state of a pool (docs/seeds.md, P8). `spawned` counts the waiting, the busy and those that
/// make their state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Pool {
    bounds: Bounds,
    pub(crate) spawned: u32,
    pub(crate) waiting: u32,
    pub(crate) queued: u32,
    pub(crate) trim_requested: u32,
    pub(crate) busy: u32,
    closed: bool,
}

impl Pool {
    /// A pool with its fewest workers counted (docs/seeds.md, P2): the caller starts `spawned` of them.
    pub(crate) fn new(bounds: Bounds) -> Pool {
        Pool {
            bounds,
            spawned: bounds.min,
            waiting: 0,
            queued: 0,
            trim_requested: 0,
            busy: 0,
            closed: false,
        }
    }

    pub(crate) fn bounds(&self) -> Bounds {
        self.bounds
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.closed
    }

    /// Whether a piece of work for which no worker is free starts one.
    #[inline]
    pub(crate) fn may_grow(&self) -> bool {
        self.spawned < self.bounds.max()
    }

    /// A piece of work is put into the queue (docs/seeds.md, P3 and P9).
    #[inline]
    pub(crate) fn submit(&mut self) -> Result<Submitted, Closed> {
        if self.closed {
            return Err(Closed);
        }
        self.queued += 1;
        let spawn = self.waiting < self.queued && self.may_grow();
        self.spawned += u32::from(spawn);
        Ok(Submitted { spawn })
    }

    /// A piece of work left the queue without a worker.
    pub(crate) fn withdraw(&mut self) {
        self.queued -= 1;
    }

    /// A worker asks what to do next (docs/seeds.md, P4): work first, then a trim, else it waits.
    #[inline]
    pub(crate) fn step(&mut self, from: Standing) -> Step {
        self.rise(from);
        if self.queued > 0 {
            self.queued -= 1;
            self.busy += 1;
            return Step::Work;
        }
        if self.closed {
            self.spawned -= 1;
            return Step::Leave;
        }
        if self.trim_requested > 0 {
            self.trim_requested -= 1;
            self.spawned -= 1;
            return Step::Leave;
        }
        self.waiting += 1;
        Step::Wait
    }

    fn rise(&mut self, from: Standing) {
        match from {
            Standing::Starting => {}
            Standing::Waiting => self.waiting -= 1,
            Standing::Busy => self.busy -= 1,
        }
    }

    /// Asks one more worker to leave when it finds no work (docs/seeds.md, P5). Returns whether a
    /// worker was asked.
    pub(crate) fn trim(&mut self, force: bool) -> bool {
        let left = self.spawned.saturating_sub(self.trim_requested);
        let trims = (force || self.waiting > 0) && left > self.bounds.min;
        self.trim_requested += u32::from(trims);
        trims
    }

    /// Whether trimming by itself can ever ask anybody: not with as few as there may be, nor when
    /// minimum and maximum are equal (docs/seeds.md, P7).
    #[inline]
    pub(crate) fn may_trim(&self) -> bool {
        self.spawned.saturating_sub(self.trim_requested) > self.bounds.min
    }

    /// A worker lost its state (docs/seeds.md, P9). With `Starting` it is replaced and counts on; with
    /// `Leave` it goes for good.
    pub(crate) fn died(&mut self, from: Standing) -> Replacement {
        self.rise(from);
        if self.closed && self.queued == 0 {
            self.spawned -= 1;
            return Replacement::None;
        }
        Replacement::Starting
    }

    /// A worker could not make its state. The worker stays and tries again, unless there are enough
    /// others or the lane is closed.
    pub(crate) fn failed_to_start(&mut self) -> Replacement {
        let enough = self.spawned > self.bounds.min.max(1);
        if enough || self.closed {
            self.trim_requested = self.trim_requested.saturating_sub(u32::from(enough));
            self.spawned -= 1;
            return Replacement::None;
        }
        Replacement::Starting
    }

    /// The thread of a worker that is counted could not be made.
    pub(crate) fn not_spawned(&mut self) {
        self.spawned -= 1;
    }

    /// No work is taken any more; workers leave when the queue is empty.
    pub(crate) fn close(&mut self) {
        self.closed = true;
    }
}

/// Replacement of a worker that lost its state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub(crate) enum Replacement {
    /// A worker in its place makes a state anew.
    Starting,
    /// The worker leaves and nobody takes its place.
    None,
}

#[cfg(test)]
#[path = "pool_tests.rs"]
mod tests;
