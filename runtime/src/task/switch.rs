//! The acts of a task on its own turn: to let others go first, and to change how urgent it is.

use super::ready::Urgency;
use crate::core::{current, try_current};
use std::task::Poll;

/// Lets every other ready task, and what came from the kernel meanwhile, have its turn first.
///
/// ```
/// use ringgate_runtime::{Core, CoreOptions};
/// use ringgate_runtime::task::yield_now;
///
/// Core::new(CoreOptions::default())?.block_on(async {
///     let mut sum = 0u64;
///     for number in 0..10_000 {
///         sum += number;
///         if number % 1_000 == 0 {
///             yield_now().await; // others are served meanwhile
///         }
///     }
/// });
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub async fn yield_now() {
    let mut yielded = false;
    std::future::poll_fn(|cx| {
        if yielded {
            return Poll::Ready(());
        }
        yielded = true;
        match try_current() {
            Some(core) => core.wake_later(cx.waker().clone()),
            None => cx.waker().wake_by_ref(),
        }
        Poll::Pending
    })
    .await;
}

/// Goes on as urgently as told, when that turn comes: a handler that has become long and unimportant
/// says `set_urgency(Priority::Background.into()).await`. The urgency holds until the task ends. The
/// first step of a task runs when it is started, before it can say anything.
///
/// ```
/// use ringgate_runtime::{Core, CoreOptions, Priority};
/// use ringgate_runtime::task::set_urgency;
///
/// Core::new(CoreOptions::default())?.block_on(async {
///     set_urgency(Priority::Background.into()).await;
///     // From here on behind whoever is more urgent.
/// });
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Panics
/// Outside a task of a [`Core`](crate::Core).
pub async fn set_urgency(urgency: Urgency) {
    let mut step = 0;
    std::future::poll_fn(|cx| {
        step += 1;
        match step {
            // Only from its second step on a task has a seat to say it of.
            1 => {}
            2 => current().set_urgency_of_polled(urgency),
            _ => return Poll::Ready(()),
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}
