//! A lane without threads (docs/seeds.md, T14): its operations are futures that run as tasks on the core that
//! asks, with the same limits and counters as a lane of workers.
//!
//! The limit holds over all cores together. This file decides which operation may begin; the core
//! runs it, and dropping the future that waits for it drops the operation too.

use super::counts::{LaneKind, LaneStatus, LaneTotals};
use super::options::check_name;
use super::queue::{Queue, Ticket};
use super::{BoundsError, Ending, LaneError, LaneSetupError};
use crate::class::Priority;
use crate::core::current;
use crate::task::{JoinHandle, Panic, catch_unwind};
use crate::time::timeout;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

/// The limits of a lane in the core.
///
/// ```
/// use ringgate_runtime::{Core, CoreOptions};
/// use ringgate_runtime::lane::Lane;
///
/// let lane = Lane::in_core(10).queue_limit(100).open("backend")?;
/// Core::new(CoreOptions::default())?.block_on(async move {
///     assert_eq!(lane.run(async { 7 }).await.ok(), Some(7));
/// });
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy)]
pub struct InCoreOptions {
    at_once: u32,
    queue: Option<u32>,
    queue_timeout: Option<Duration>,
}

impl InCoreOptions {
    pub(super) fn new(at_once: u32) -> InCoreOptions {
        InCoreOptions {
            at_once,
            queue: None,
            queue_timeout: None,
        }
    }

    /// Sets how many operations may wait to begin; one more is refused with [`LaneError::Full`].
    /// Default: any number.
    #[must_use]
    pub fn queue_limit(mut self, most: u32) -> InCoreOptions {
        self.queue = Some(most);
        self
    }

    /// Sets how long an operation may wait to begin; then it is given up with
    /// [`LaneError::TimedOut`]. Default: any time.
    #[must_use]
    pub fn queue_timeout(mut self, most: Duration) -> InCoreOptions {
        self.queue_timeout = Some(most);
        self
    }

    /// Opens the lane.
    ///
    /// # Errors
    /// [`LaneSetupError`]: a mistake of the program.
    pub fn open(self, name: &str) -> Result<InCoreLane, LaneSetupError> {
        check_name(name, None)?;
        if self.at_once == 0 {
            let error = BoundsError::NoWorkers;
            return Err(LaneSetupError::Bounds(name.to_owned(), error));
        }
        Ok(InCoreLane(Arc::new(Shared {
            name: name.to_owned(),
            options: self,
            inner: Mutex::new(Inner {
                running: 0,
                queued: 0,
                queue: Queue::new(),
                closed: false,
                totals: LaneTotals::default(),
            }),
        })))
    }
}

struct Inner {
    running: u32,
    queued: u32,
    queue: Queue<Arc<Waiter>>,
    closed: bool,
    totals: LaneTotals,
}

struct Shared {
    name: String,
    options: InCoreOptions,
    inner: Mutex<Inner>,
}

/// An operation that may not begin yet.
struct Waiter {
    word: Mutex<(Word, Option<Waker>)>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Word {
    Wait,
    Begin,
    Cancelled,
}

impl Waiter {
    /// Said under the lock of the lane, so that one who leaves the line knows; the waker is for
    /// the caller to wake outside of it.
    fn tell(&self, word: Word) -> Option<Waker> {
        let mut place = self.word.lock().unwrap_or_else(PoisonError::into_inner);
        place.0 = word;
        place.1.take()
    }

    fn word(&self, waker: Option<&Waker>) -> Word {
        let mut place = self.word.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(waker) = waker {
            place.1 = Some(waker.clone());
        }
        place.0
    }
}

/// A lane in the core. Clones are handles on the same lane, for any core.
///
/// ```
/// use ringgate_runtime::{Core, CoreOptions};
/// use ringgate_runtime::lane::{InCoreLane, Lane};
/// use std::time::Duration;
///
/// /// Asks another server, as one of ten at most.
/// async fn ask(lane: &InCoreLane) -> &'static str {
///     let asked = lane.run(async {
///         ringgate_runtime::sleep(Duration::from_millis(1)).await;
///         "an answer"
///     });
///     asked.await.unwrap_or("too busy")
/// }
///
/// let lane = Lane::in_core(10).open("backend")?;
/// Core::new(CoreOptions::default())?.block_on(async move {
///     assert_eq!(ask(&lane).await, "an answer");
/// });
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct InCoreLane(Arc<Shared>);

impl fmt::Debug for InCoreLane {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "lane {} in the core", self.0.name)
    }
}

impl InCoreLane {
    /// Runs `operation` as a task of the current core, once there is room for it. Dropped, the
    /// operation is dropped too.
    ///
    /// # Errors
    /// [`LaneError`], as for a lane of workers; never `Unavailable`.
    ///
    /// # Panics
    /// If polled outside a [`Core`](crate::Core).
    pub async fn run<F: Future + 'static>(&self, operation: F) -> Result<F::Output, LaneError> {
        self.run_as(Priority::Normal, operation).await
    }

    /// As [`InCoreLane::run`], in another line than the normal one.
    ///
    /// # Errors
    /// Likewise. Panics likewise.
    pub async fn run_as<F: Future + 'static>(
        &self,
        priority: Priority,
        operation: F,
    ) -> Result<F::Output, LaneError> {
        let place = self.place(priority)?;
        let permit = match self.0.options.queue_timeout {
            None => place.await?,
            Some(most) => match timeout(most, place).await {
                Ok(permit) => permit?,
                Err(_) => return Err(LaneError::TimedOut),
            },
        };
        // The task gives its place free before anybody can see its value.
        let task = current().spawn(async move {
            let mut permit = permit;
            let result = catch_unwind(operation).await;
            permit.end = match &result {
                Ok(_) => End::Finished,
                Err(_) => End::Panicked,
            };
            result
        });
        match AbortOnDrop(task).await {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(panic)) | Err(panic) => Err(LaneError::Panicked(panic)),
        }
    }

    /// The lane's name.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// Returns the state of the lane at this moment.
    pub fn status(&self) -> LaneStatus {
        let inner = self.0.lock();
        LaneStatus {
            name: self.0.name.clone(),
            kind: LaneKind::InCore,
            min: 0,
            max: self.0.options.at_once,
            spawned: 0,
            waiting: 0,
            queued: inner.queued,
            trim_requested: 0,
            busy: inner.running,
            queue_limit: self.0.options.queue,
            unavailable: None,
            totals: inner.totals,
        }
    }

    /// Takes no more operations. Operations that run go on.
    pub fn close(&self, ending: Ending) {
        let mut inner = self.0.lock();
        inner.closed = true;
        if ending == Ending::Finish {
            return;
        }
        let waiting = inner.queue.clear();
        inner.queued -= waiting.len() as u32;
        inner.totals.turned_away += waiting.len() as u64;
        let wakers: Vec<_> = waiting
            .iter()
            .filter_map(|waiter| waiter.tell(Word::Cancelled))
            .collect();
        drop(inner);
        wakers.into_iter().for_each(Waker::wake);
    }

    /// A place among those that run, or in the line.
    fn place(&self, priority: Priority) -> Result<Place, LaneError> {
        // Before anything is counted: outside of a core this panics.
        let since = current().now();
        let mut inner = self.0.lock();
        if inner.closed {
            inner.totals.refused_closed += 1;
            return Err(LaneError::Closed);
        }
        let at_once = inner.running < self.0.options.at_once && inner.queued == 0;
        if !at_once && inner.queued >= self.0.options.queue.unwrap_or(u32::MAX) {
            inner.totals.refused_full += 1;
            return Err(LaneError::Full);
        }
        inner.totals.submitted += 1;
        if at_once {
            inner.running += 1;
            return Ok(Place::Begun(Some(Permit {
                shared: self.0.clone(),
                end: End::Cancelled,
            })));
        }
        inner.queued += 1;
        let waiter = Arc::new(Waiter {
            word: Mutex::new((Word::Wait, None)),
        });
        let ticket = inner.queue.push(priority, waiter.clone());
        Ok(Place::Waiting {
            shared: self.0.clone(),
            waiter,
            ticket: Some(ticket),
            // A timeout is what drops a place that waits, if it has one.
            limited: self.0.options.queue_timeout,
            since,
        })
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// An operation is over: the next one begins.
    fn end(&self, end: End) {
        let mut inner = self.lock();
        inner.running -= 1;
        match end {
            End::Finished => inner.totals.finished += 1,
            End::Panicked => inner.totals.panicked += 1,
            End::Cancelled => inner.totals.cancelled += 1,
        }
        let next = inner.queue.pop();
        let waker = next.and_then(|waiter| {
            inner.queued -= 1;
            inner.running += 1;
            waiter.tell(Word::Begin)
        });
        drop(inner);
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

#[derive(Clone, Copy)]
enum End {
    Finished,
    Panicked,
    Cancelled,
}

/// The right to run, until dropped.
struct Permit {
    shared: Arc<Shared>,
    end: End,
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.shared.end(self.end);
    }
}

/// Waits for a permit.
enum Place {
    Begun(Option<Permit>),
    Waiting {
        shared: Arc<Shared>,
        waiter: Arc<Waiter>,
        /// The place in the line. None once the operation may begin or was cancelled: then nothing
        /// is left to give up.
        ticket: Option<Ticket>,
        limited: Option<Duration>,
        since: crate::Moment,
    },
}

impl Future for Place {
    type Output = Result<Permit, LaneError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let (shared, ticket, word) = match &mut *self {
            Place::Begun(permit) => {
                let permit = permit.take().expect("polled after it was ready");
                return Poll::Ready(Ok(permit));
            }
            Place::Waiting {
                shared,
                waiter,
                ticket,
                ..
            } => (shared, ticket, waiter.word(Some(cx.waker()))),
        };
        match word {
            Word::Wait => return Poll::Pending,
            Word::Begin | Word::Cancelled => *ticket = None,
        }
        Poll::Ready(match word {
            Word::Begin => Ok(Permit {
                shared: shared.clone(),
                end: End::Cancelled,
            }),
            Word::Wait | Word::Cancelled => Err(LaneError::Cancelled),
        })
    }
}

impl Place {
    /// Leaves the line, or gives back what was granted meanwhile.
    fn leave(&mut self) {
        let Place::Waiting {
            shared,
            waiter,
            ticket,
            limited,
            since,
        } = self
        else {
            return;
        };
        let Some(ticket) = ticket.take() else {
            return;
        };
        let mut inner = shared.lock();
        if inner.queue.remove(ticket).is_some() {
            inner.queued -= 1;
            let late = crate::core::try_current()
                .is_some_and(|core| limited.is_some_and(|most| core.now() - *since >= most));
            match late {
                true => inner.totals.timed_out += 1,
                false => inner.totals.cancelled += 1,
            }
            return;
        }
        drop(inner);
        if waiter.word(None) == Word::Begin {
            shared.end(End::Cancelled);
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.leave();
    }
}

/// A task that ends with what waits for it.
struct AbortOnDrop<T>(JoinHandle<T>);

impl<T> Future for AbortOnDrop<T> {
    type Output = Result<T, Panic>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.0).poll(cx)
    }
}

impl<T> Drop for AbortOnDrop<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}
