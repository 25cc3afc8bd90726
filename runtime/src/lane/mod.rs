//! Lanes: named places for operations that would block a core, or that need something of which there
//! is little, such as connections to a database.
//!
//! A handler writes `lane.run(|db| db.query(...)).await` and suspends; its core goes on with others,
//! and the handler resumes where it was with the value (docs/seeds.md, T7 and T9). The closure runs on one of
//! the lane's own threads, with the state that this worker made for itself before it took work (row
//! H13). How many workers there are follows Puma's rules.
//!
//! Rooms in reading order: [`options`](WorkerOptions) (how a lane is described), `pool` (how it grows
//! and shrinks; pure), `queue` (who is next; pure), `look` (whether a worker looks for more before it
//! sleeps; pure), `job` (one piece of work), `shared` (all of it under one lock), `worker` (a thread,
//! from its first line to its last), `run` (what a caller waits on), [`in_core`](InCoreLane) (a lane
//! without threads), `counts` and `error`.

mod counts;
mod error;
mod in_core;
mod job;
mod look;
mod options;
mod pool;
mod queue;
mod run;
mod shared;
mod worker;

pub use counts::{LaneKind, LaneStatus, LaneTotals};
pub use error::{LaneError, LaneSetupError};
pub use in_core::{InCoreLane, InCoreOptions};
pub use options::{LaneEvent, WorkerLane, WorkerOptions};
pub use pool::{Bounds, BoundsError};
pub use run::Run;

use crate::class::Priority;
use shared::Shared;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// A lane whose workers each have a `C`. Clones are handles on the same lane, for any thread; when
/// the last is dropped the lane takes no more work, finishes what it has, and ends.
///
/// ```
/// use ringgate_runtime::{Core, CoreOptions};
/// use ringgate_runtime::lane::{Ending, Lane};
///
/// let init = || Ok::<_, std::io::Error>("hello".to_owned());
/// let lane = Lane::workers(1..=2).init(init).open("words")?;
/// Core::new(CoreOptions::default())?.block_on(async move {
///     let text = lane.run(|word: &mut String| word.to_uppercase()).await;
///     assert_eq!(text.ok().as_deref(), Some("HELLO"));
///     lane.close(Ending::Finish);
/// });
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Lane<C: 'static = ()>(Arc<Alive<C>>);

/// Closes the lane with the last handle; the workers hold only what is in it.
struct Alive<C: 'static>(Arc<Shared<C>>);

impl<C: 'static> Drop for Alive<C> {
    fn drop(&mut self) {
        self.0.close(Ending::Finish);
    }
}

impl<C: 'static> Clone for Lane<C> {
    fn clone(&self) -> Lane<C> {
        Lane(self.0.clone())
    }
}

impl<C: 'static> fmt::Debug for Lane<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "lane {}", self.shared().name())
    }
}

/// Fate of the waiting work when a lane is shut down. Work that runs is finished in either case.
///
/// ```
/// use ringgate_runtime::lane::{Ending, Lane};
/// use std::time::Duration;
///
/// let lane = Lane::workers(1).stateless().open("work")?;
/// lane.close(Ending::Finish);
/// assert_eq!(lane.join(Duration::from_secs(10)), Ok(()));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// Waiting work is done first.
    Finish,
    /// Waiting work ends with [`LaneError::Cancelled`].
    Cancel,
}

impl Lane {
    /// Describes a lane with threads of its own: at least so many and at most so many, as a range or
    /// as one number. See [`WorkerOptions`].
    pub fn workers<B>(bounds: B) -> WorkerOptions
    where
        B: TryInto<Bounds, Error = BoundsError>,
    {
        WorkerOptions::new(bounds.try_into())
    }

    /// Describes a lane without threads: its operations are futures on the core that asks (row
    /// T14), at most `at_once` of them at a time over all cores. See [`InCoreOptions`].
    pub fn in_core(at_once: u32) -> InCoreOptions {
        InCoreOptions::new(at_once)
    }
}

impl<C: 'static> Lane<C> {
    fn shared(&self) -> &Arc<Shared<C>> {
        &self.0.0
    }

    /// Runs `work` on a worker, with the worker's state. Nothing happens before the future is
    /// polled; dropped before the work has begun, it takes the work out of the queue, and dropped
    /// later it lets the work end without anybody to hear of it.
    ///
    /// # Errors
    /// The future answers [`LaneError`].
    #[inline]
    pub fn run<F, T>(&self, work: F) -> Run<C, F, T>
    where
        F: FnOnce(&mut C) -> T + Send + 'static,
        T: Send + 'static,
    {
        Run::new(self.clone(), Priority::Normal, work)
    }

    /// As [`Lane::run`], in another line than the normal one.
    #[inline]
    pub fn run_as<F, T>(&self, priority: Priority, work: F) -> Run<C, F, T>
    where
        F: FnOnce(&mut C) -> T + Send + 'static,
        T: Send + 'static,
    {
        Run::new(self.clone(), priority, work)
    }

    /// The lane's name.
    pub fn name(&self) -> &str {
        self.shared().name()
    }

    /// Returns the state of the lane at this moment.
    pub fn status(&self) -> LaneStatus {
        self.shared().status()
    }

    /// Asks one worker to leave when it finds no work; with `force` also if none waits now (rows P5
    /// and P6). Returns whether a worker was asked.
    pub fn trim(&self, force: bool) -> bool {
        self.shared().trim(force)
    }

    /// Waits in this thread until each of the fewest workers has made its state, or failed to, or
    /// `most` has passed. Returns whether the lane can work.
    pub fn wait_ready(&self, most: Duration) -> bool {
        self.shared().wait_ready(most)
    }

    /// Takes no more work (docs/seeds.md, P9). Workers leave when nothing waits any more.
    pub fn close(&self, ending: Ending) {
        self.shared().close(ending);
    }

    /// Waits in this thread until every worker is gone, after [`Lane::close`]; for `most` at most.
    ///
    /// # Errors
    /// The number of workers that have not left: their threads go on until their work ends and
    /// their states are dropped.
    pub fn join(&self, most: Duration) -> Result<(), u32> {
        self.shared().join(most)
    }
}
