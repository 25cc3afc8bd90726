//! Moments on the monotonic clock, and futures that wait for one.
//!
//! A [`Moment`] counts nanoseconds of CLOCK_MONOTONIC (clock_gettime(2)), which is the same for
//! all processes of the machine: deadlines keep their meaning when a connection moves between
//! threads or processes. A simulated driver counts its own time.

use crate::core::{Core, current};
use crate::timer::TimerId;
use std::future::Future;
use std::ops::{Add, Sub};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

/// A point in time: nanoseconds since the clock's origin.
///
/// ```
/// use ringgate_runtime::Moment;
/// use std::time::Duration;
///
/// let began = Moment::from_nanos(1_000);
/// let ended = began + Duration::from_nanos(500);
/// assert_eq!(ended.since(began), Duration::from_nanos(500));
/// assert_eq!(ended.as_nanos(), 1_500);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Moment(u64);

impl Moment {
    /// Later than every deadline.
    pub const NEVER: Moment = Moment(u64::MAX);

    /// The moment `nanos` nanoseconds after the clock's origin.
    #[inline]
    pub const fn from_nanos(nanos: u64) -> Moment {
        Moment(nanos)
    }

    /// Nanoseconds since the clock's origin.
    #[inline]
    pub const fn as_nanos(self) -> u64 {
        self.0
    }

    /// The time from `earlier` to here; zero if `earlier` is later.
    #[inline]
    pub const fn since(self, earlier: Moment) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }
}

impl Add<Duration> for Moment {
    type Output = Moment;

    /// Saturates at [`Moment::NEVER`].
    #[inline]
    fn add(self, duration: Duration) -> Moment {
        let nanos = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        Moment(self.0.saturating_add(nanos))
    }
}

impl Sub<Moment> for Moment {
    type Output = Duration;

    #[inline]
    fn sub(self, earlier: Moment) -> Duration {
        self.since(earlier)
    }
}

/// Waits for `duration` on the current core; at least that long, and late by the wheel's
/// granularity ([`crate::timer::GRANULARITY_NANOS`]) at most if the core is not held up. Of sleeps that end
/// within the same granule any may wake first.
///
/// ```
/// use ringgate_runtime::{Core, CoreOptions, sleep};
/// use std::time::{Duration, Instant};
///
/// Core::new(CoreOptions::default())?.block_on(async {
///     let began = Instant::now();
///     sleep(Duration::from_millis(5)).await;
///     assert!(began.elapsed() >= Duration::from_millis(5));
/// });
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Panics
/// If polled outside a [`Core`].
pub fn sleep(duration: Duration) -> Sleep {
    Sleep {
        wait: Wait::For(duration),
        timer: None,
    }
}

/// Waits until `deadline` on the current core. Panics like [`sleep`].
///
/// ```
/// use ringgate_runtime::{Core, CoreOptions, current, sleep_until};
/// use std::time::Duration;
///
/// Core::new(CoreOptions::default())?.block_on(async {
///     let mut next = current().now();
///     for _ in 0..3 {
///         next = next + Duration::from_millis(2); // however long the work between takes
///         sleep_until(next).await;
///     }
/// });
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn sleep_until(deadline: Moment) -> Sleep {
    Sleep {
        wait: Wait::Until(deadline),
        timer: None,
    }
}

#[derive(Debug, Clone, Copy)]
enum Wait {
    For(Duration),
    Until(Moment),
}

/// The future of [`sleep`]. Dropped early it takes its timer out of the wheel.
///
/// ```
/// use ringgate_runtime::{Core, CoreOptions, current, sleep};
/// use std::time::Duration;
///
/// Core::new(CoreOptions::default())?.block_on(async {
///     let pause = sleep(Duration::from_secs(60));
///     drop(pause); // its timer is gone with it
/// });
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Sleep {
    wait: Wait,
    timer: Option<(Rc<Core>, TimerId)>,
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let core = match &self.timer {
            Some((core, _)) => core.clone(),
            None => current(),
        };
        let deadline = match self.wait {
            Wait::Until(deadline) => deadline,
            // Not from the beginning of the turn, of which other tasks may have taken any part.
            Wait::For(duration) => core.clock() + duration,
        };
        self.wait = Wait::Until(deadline);
        if deadline <= core.now() {
            return Poll::Ready(());
        }
        match &self.timer {
            Some((core, id)) if core.rearm_waker(*id, cx.waker()) => {}
            _ => {
                let id = core.set_waker_timer(deadline, cx.waker().clone());
                self.timer = Some((core, id));
            }
        }
        Poll::Pending
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        if let Some((core, id)) = self.timer.take() {
            core.cancel_timer(id);
        }
    }
}

/// The time of a [`timeout`] passed first.
///
/// ```
/// use ringgate_runtime::time::Elapsed;
///
/// assert_eq!(Elapsed.to_string(), "the time limit passed first");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Elapsed;

impl std::fmt::Display for Elapsed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the time limit passed first")
    }
}

impl std::error::Error for Elapsed {}

/// Runs `future` for at most `duration`; then drops it.
///
/// ```
/// use ringgate_runtime::{Core, CoreOptions, timeout};
/// use std::future::pending;
/// use std::time::Duration;
///
/// Core::new(CoreOptions::default())?.block_on(async {
///     let limit = Duration::from_millis(5);
///     assert_eq!(timeout(limit, async { 7 }).await, Ok(7));
///     assert!(timeout(limit, pending::<()>()).await.is_err());
/// });
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// [`Elapsed`] if the time passed first.
pub async fn timeout<F: Future>(duration: Duration, future: F) -> Result<F::Output, Elapsed> {
    let mut future = pin!(future);
    let mut limit = pin!(sleep(duration));
    std::future::poll_fn(|cx| {
        if let Poll::Ready(output) = future.as_mut().poll(cx) {
            return Poll::Ready(Ok(output));
        }
        limit.as_mut().poll(cx).map(|()| Err(Elapsed))
    })
    .await
}
