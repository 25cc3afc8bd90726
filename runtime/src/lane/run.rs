//! The future that waits for a piece of work: from the submission at its first poll to the value,
//! or to its drop at any point in between. Made by [`Lane::run`]; the lane decides when the work
//! begins.

use super::job::{Job, Work};
use super::queue::Ticket;
use super::{Lane, LaneError};
use crate::class::Priority;
use crate::core::try_current;
use crate::task::Bound;
use crate::time::{Sleep, sleep};
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

/// Time that a worker has to come which waited when work that may not wait was taken in.
const ROUSING_MOST: Duration = Duration::from_secs(1);

/// The future of [`Lane::run`]. `Send` if the work and its value are, so that it fits into handlers of axum; it may be
/// polled on a core or on any other thread, and on another one than before.
///
/// ```
/// use ringgate_runtime::{Core, CoreOptions};
/// use ringgate_runtime::lane::Lane;
///
/// let lane = Lane::workers(1..=2).stateless().open("work")?;
/// Core::new(CoreOptions::default())?.block_on(async move {
///     let first = lane.run(|_| 3); // begins now, whoever waits for it
///     let second = lane.run(|_| 4);
///     assert_eq!(first.await.ok().zip(second.await.ok()), Some((3, 4)));
/// });
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use = "nothing runs before it is awaited"]
pub struct Run<C: 'static, F, T> {
    lane: Lane<C>,
    priority: Priority,
    stage: Stage<F, T>,
}

enum Stage<F, T> {
    Unsubmitted(F),
    Submitted {
        job: Arc<Job<F, T>>,
        ticket: Ticket,
        limit: Option<Limit>,
    },
    Over,
}

/// How long work may wait.
struct Limit {
    until: Instant,
    /// The timer of the core that polls, if it is one.
    timer: Option<Bound<Pin<Box<Sleep>>>>,
}

impl Limit {
    /// None for one that no clock reaches.
    fn of(most: Duration) -> Option<Limit> {
        let until = Instant::now().checked_add(most)?;
        let timer = Limit::timer(most);
        Some(Limit { until, timer })
    }

    fn timer(most: Duration) -> Option<Bound<Pin<Box<Sleep>>>> {
        try_current().map(|_| Bound::new(Box::pin(sleep(most))))
    }

    fn is_over(&mut self, cx: &mut Context<'_>) -> bool {
        let is_home = self.timer.as_ref().is_some_and(Bound::is_home);
        if !is_home {
            // A timer of another core ends there.
            self.timer = Limit::timer(self.until.saturating_duration_since(Instant::now()));
        }
        let timer = self.timer.as_mut().and_then(|timer| timer.get_mut().ok());
        timer.is_some_and(|timer| timer.as_mut().poll(cx).is_ready())
    }
}

const _: () = {
    const fn goes_anywhere<T: Send + Unpin>() {}
    const fn goes_with_its_work<C: 'static, F: Send, T: Send>() {
        goes_anywhere::<Run<C, F, T>>();
    }
    goes_with_its_work::<std::rc::Rc<()>, (), ()>();
};

// Nothing in it is pinned in place.
impl<C: 'static, F, T> Unpin for Run<C, F, T> {}

impl<C: 'static, F, T> Run<C, F, T> {
    pub(super) fn new(lane: Lane<C>, priority: Priority, work: F) -> Run<C, F, T> {
        Run {
            lane,
            priority,
            stage: Stage::Unsubmitted(work),
        }
    }
}

impl<C, F, T> Run<C, F, T>
where
    C: 'static,
    F: FnOnce(&mut C) -> T + Send + 'static,
    T: Send + 'static,
{
    fn submit(&mut self, work: F, cx: &mut Context<'_>) -> Result<(), LaneError> {
        let shared = self.lane.shared();
        let most = shared.limits().queue_timeout;
        // One that no clock reaches is none.
        let deadline = most.and_then(|most| Instant::now().checked_add(most));
        let job = Job::new(work, deadline, cx.waker().clone());
        let queued: Arc<dyn Work<C>> = job.clone();
        let (ticket, expected) = shared.submit(self.priority, queued)?;
        let limit = most.and_then(|most| {
            Limit::of(match expected {
                true if most.is_zero() => ROUSING_MOST,
                _ => most,
            })
        });
        self.stage = Stage::Submitted { job, ticket, limit };
        Ok(())
    }
}

impl<C, F, T> Future for Run<C, F, T>
where
    C: 'static,
    F: FnOnce(&mut C) -> T + Send + 'static,
    T: Send + 'static,
{
    type Output = Result<T, LaneError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        if let Stage::Unsubmitted(_) = &this.stage
            && let Stage::Unsubmitted(work) = std::mem::replace(&mut this.stage, Stage::Over)
        {
            if let Err(error) = this.submit(work, cx) {
                return Poll::Ready(Err(error));
            }
            // No look at the value: its waker is the one of this poll.
            if let Stage::Submitted { limit: None, .. } = &this.stage {
                return Poll::Pending;
            }
        }
        let Stage::Submitted { job, ticket, limit } = &mut this.stage else {
            panic!("polled after its value was taken");
        };
        if let Poll::Ready(result) = job.poll(cx) {
            this.stage = Stage::Over;
            return Poll::Ready(result);
        }
        let is_late = limit.as_mut().is_some_and(|limit| limit.is_over(cx));
        if is_late {
            // Work that has begun is waited for.
            *limit = None;
            if this.lane.shared().give_up(*ticket) {
                this.stage = Stage::Over;
                return Poll::Ready(Err(LaneError::TimedOut));
            }
        }
        Poll::Pending
    }
}

impl<C: 'static, F, T> Drop for Run<C, F, T> {
    fn drop(&mut self) {
        if let Stage::Submitted { job, ticket, .. } = &self.stage {
            self.lane.shared().withdraw(*ticket);
            job.abandon();
        }
    }
}
