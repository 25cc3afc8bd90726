//! Describes a lane of workers (limits, state of a worker, checks, observer) and opens it. Used by
//! applications; the lane itself is in `shared`.

use super::pool::{Bounds, BoundsError};
use super::shared::{Limits, Shared};
use super::{Alive, Lane, LaneSetupError};
use crate::sys::thread::THREAD_NAME_BYTES_MAX;
use std::fmt::Display;
use std::sync::Arc;
use std::time::Duration;

/// Row P7: how often a worker that nobody needs is asked to leave.
const AUTO_TRIM: Duration = Duration::from_secs(30);
/// Pause of a worker after its first failure to make its state; twice as long after each further
/// one.
const RETRY_FIRST: Duration = Duration::from_millis(100);
/// Longest pause between two attempts of a worker to make its state.
const RETRY_MOST: Duration = Duration::from_secs(5);

/// The limits of a lane of workers; [`WorkerOptions::init`] says what each worker makes for itself.
///
/// ```
/// use ringgate_runtime::lane::Lane;
/// use std::time::Duration;
///
/// let options = Lane::workers(1..=4).queue_limit(100).queue_timeout(Duration::from_secs(2));
/// let lane = options.init(|| Ok::<_, std::io::Error>(Vec::<u8>::new())).open("buffers")?;
/// assert_eq!(lane.name(), "buffers");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct WorkerOptions {
    bounds: Result<Bounds, BoundsError>,
    limits: Limits,
}

impl WorkerOptions {
    pub(super) fn new(bounds: Result<Bounds, BoundsError>) -> WorkerOptions {
        WorkerOptions {
            bounds,
            limits: Limits {
                queue: None,
                queue_timeout: None,
                auto_trim: Some(AUTO_TRIM),
                retry_first: RETRY_FIRST,
                retry_most: RETRY_MOST,
                spin: Duration::ZERO,
            },
        }
    }

    /// Sets how much work may wait for a worker; one more is refused with
    /// [`LaneError::Full`](super::LaneError::Full). Work for which a worker is free, or is started,
    /// does not wait. Default: any amount.
    #[must_use]
    pub fn queue_limit(mut self, most: u32) -> WorkerOptions {
        self.limits.queue = Some(most);
        self
    }

    /// Sets how long work may wait for a worker; then it is given up with
    /// [`LaneError::TimedOut`](super::LaneError::TimedOut). Default: any time. With zero only work for
    /// which a worker is free is done. A future that is not polled by a core learns of it only when a
    /// worker comes to its work.
    #[must_use]
    pub fn queue_timeout(mut self, most: Duration) -> WorkerOptions {
        self.limits.queue_timeout = Some(most);
        self
    }

    /// Sets how often one worker that nobody needs is asked to leave; None: never (docs/seeds.md,
    /// P7). Default: 30 seconds.
    #[must_use]
    pub fn auto_trim(mut self, every: Option<Duration>) -> WorkerOptions {
        self.limits.auto_trim = every;
        self
    }

    /// Sets how long a worker that could not make its state waits before it tries again: `first`,
    /// then twice as long each time, `most` at most. Default: 100 milliseconds to 5 seconds.
    #[must_use]
    pub fn retry(mut self, first: Duration, most: Duration) -> WorkerOptions {
        self.limits.retry_first = first;
        self.limits.retry_most = most;
        self
    }

    /// Sets how long a worker looks for more after a piece of work before it sleeps (docs/seeds.md,
    /// T11). Default: not at all. A worker that looks burns its CPU for that time; 10 microseconds
    /// are about what sleeping and being roused cost. A worker that finds nothing looks ever less
    /// often, down to one time in 64. A worker looks neither after a long run of work nor on the
    /// CPU that work came from last.
    #[must_use]
    pub fn spin(mut self, most: Duration) -> WorkerOptions {
        self.limits.spin = most;
        self
    }

    /// Sets how each worker makes its state, on its own thread and before it takes work
    /// (docs/seeds.md, H13). The state is dropped on that thread when the worker goes. While no
    /// worker has a state and the last attempt failed, the lane answers
    /// [`LaneError::Unavailable`](super::LaneError::Unavailable) at once and tries again by itself.
    pub fn init<C, E>(
        self,
        init: impl Fn() -> Result<C, E> + Send + Sync + 'static,
    ) -> WorkerLane<C>
    where
        C: 'static,
        E: Display,
    {
        WorkerLane {
            options: self,
            init: Box::new(move || init().map_err(|error| error.to_string())),
            check: None,
            observe: None,
        }
    }

    /// Workers that need no state.
    pub fn stateless(self) -> WorkerLane<()> {
        self.init(|| Ok::<(), std::convert::Infallible>(()))
    }
}

/// Makes the state of a worker, or says why it cannot be had.
pub(super) type Init<C> = Box<dyn Fn() -> Result<C, String> + Send + Sync>;
/// Whether a state is still good.
pub(super) type Check<C> = Box<dyn Fn(&mut C) -> bool + Send + Sync>;

/// Hears what happens to a lane.
pub(super) type Observe = Box<dyn Fn(LaneEvent<'_>) + Send + Sync>;

/// Event of a lane that operators want to hear of.
///
/// ```
/// use ringgate_runtime::lane::{Lane, LaneEvent};
///
/// let lane = Lane::workers(1).stateless().observe(|event| {
///     if let LaneEvent::Unavailable(error) = event {
///         eprintln!("a worker does not start: {error}");
///     }
/// });
/// # drop(lane);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum LaneEvent<'a> {
    /// No worker has its state, and the last attempt failed: what `init` answered. Told once, not
    /// for each attempt.
    Unavailable(&'a str),
    /// A worker has its state again.
    Recovered,
    /// A worker lost its state, by a panic or because it was found to be bad, and makes it anew.
    Replaced {
        /// Index of the worker.
        worker: u32,
    },
}

/// A lane of workers with all that is needed to open it.
///
/// ```
/// use ringgate_runtime::lane::{Lane, WorkerLane};
///
/// /// Workers with a list each, made anew when it has grown too long.
/// let lane: WorkerLane<Vec<u8>> = Lane::workers(2)
///     .init(|| Ok::<_, std::io::Error>(Vec::new()))
///     .check(|list| list.len() < 1_000_000);
/// # drop(lane);
/// ```
pub struct WorkerLane<C: 'static> {
    options: WorkerOptions,
    init: Init<C>,
    check: Option<Check<C>>,
    observe: Option<Observe>,
}

impl<C: 'static> std::fmt::Debug for WorkerLane<C> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.options.fmt(f)
    }
}

impl<C: 'static> WorkerLane<C> {
    /// Asks after each piece of work whether the worker's state is still good, for example a
    /// connection still open. If it is not, the state is dropped and made anew, and the work that
    /// broke it has had its answer.
    #[must_use]
    pub fn check(mut self, check: impl Fn(&mut C) -> bool + Send + Sync + 'static) -> Self {
        self.check = Some(Box::new(check));
        self
    }

    /// Tells `observe` what happens to the lane, on the thread that it happens on.
    #[must_use]
    pub fn observe(mut self, observe: impl Fn(LaneEvent<'_>) + Send + Sync + 'static) -> Self {
        self.observe = Some(Box::new(observe));
        self
    }

    /// Keeps to one worker, whatever the bounds say: work is then done in the order in which it comes, as tests
    /// want it.
    #[must_use]
    pub fn with_one_worker(mut self) -> Self {
        self.options.bounds = self.options.bounds.and_then(|_| Bounds::try_from(1));
        self.options.limits.auto_trim = None;
        self
    }

    /// Opens the lane: its fewest workers start, as threads `rg-NAME-0`, `rg-NAME-1` and so on. The
    /// call does not wait for the workers ([`Lane::wait_ready`]).
    ///
    /// # Errors
    /// [`LaneSetupError`]: a mistake of the program.
    pub fn open(self, name: &str) -> Result<Lane<C>, LaneSetupError> {
        let WorkerLane {
            options: WorkerOptions { bounds, limits },
            init,
            check,
            observe,
        } = self;
        let bounds = bounds.map_err(|error| LaneSetupError::Bounds(name.to_owned(), error))?;
        check_name(name, Some(bounds.max()))?;
        let shared = Shared::start(name, bounds, limits, init, check, observe);
        Ok(Lane(Arc::new(Alive(shared))))
    }
}

/// Returns an error if no thread can be named after this lane (docs/seeds.md, H17).
pub(super) fn check_name(name: &str, threads: Option<u32>) -> Result<(), LaneSetupError> {
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    if name.is_empty() || !name.bytes().all(legal) {
        return Err(LaneSetupError::Name(name.to_owned()));
    }
    let Some(threads) = threads else {
        return Ok(());
    };
    let most = THREAD_NAME_BYTES_MAX - thread_name("", threads - 1).len();
    if name.len() > most {
        return Err(LaneSetupError::NameTooLong(name.to_owned(), most));
    }
    Ok(())
}

/// The name of a worker's thread.
pub(super) fn thread_name(lane: &str, index: u32) -> String {
    format!("rg-{lane}-{index}")
}
