//! The first step of a task. A task that ends in its first step is never seated: no seat changes,
//! nothing is queued, its value goes straight to the caller that started it. Nearly every handler
//! ends so (docs/seeds.md, T6). Called by [`Core::start_with`](crate::Core::start_with).

use super::arena::Place;
use super::join::Panic;
use super::{TaskId, Tasks};
use std::cell::RefCell;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind as catch};
use std::pin::Pin;
use std::task::{Context, Poll};

/// A future, and who is told of its end.
struct Work<F, C> {
    future: F,
    then: Option<C>,
}

impl<F, C> Work<F, C> {
    #[inline]
    fn future(self: Pin<&mut Self>) -> Pin<&mut F> {
        // SAFETY: structural pinning of one field, which is never moved out; there is no Drop impl.
        // Guarded by `a_task_that_ends_at_once_takes_no_seat`.
        unsafe { self.map_unchecked_mut(|work| &mut work.future) }
    }

    fn set_then(self: Pin<&mut Self>, then: C) {
        // SAFETY: as in `take_then`.
        unsafe { self.get_unchecked_mut() }.then = Some(then);
    }

    fn take_then(self: Pin<&mut Self>) -> Option<C> {
        // SAFETY: this field is never pinned, and nothing else is moved. Guarded by
        // `a_task_that_waits_tells_of_its_end_once`.
        unsafe { self.get_unchecked_mut() }.then.take()
    }
}

impl<F: Future, C: FnOnce(Result<F::Output, Panic>)> Future for Work<F, C> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let future = self.as_mut().future();
        let result = match catch(AssertUnwindSafe(|| future.poll(cx))) {
            Ok(Poll::Pending) => return Poll::Pending,
            Ok(Poll::Ready(value)) => Ok(value),
            Err(payload) => Err(Panic::new(payload)),
        };
        if let Some(then) = self.take_then() {
            then(result);
        }
        Poll::Ready(())
    }
}

/// Makes a future and polls it once. If it is ready, `at_once` gets its value; if it waits, it
/// becomes a task, which ends with what `prepare` makes then.
#[inline]
pub(crate) fn start<M, F, A, P, C>(
    tasks: &RefCell<Tasks>,
    make: M,
    at_once: A,
    prepare: P,
) -> Result<Option<TaskId>, Panic>
where
    M: FnOnce() -> F,
    F: Future + 'static,
    A: FnOnce(F::Output),
    P: FnOnce() -> C,
    C: FnOnce(Result<F::Output, Panic>) + 'static,
{
    let (mut seat, arena) = tasks.borrow_mut().reserve();
    let mut waits = None;
    // One that is ready is dropped in here too: a panic of that is the task's as well.
    let first = catch(AssertUnwindSafe(|| {
        let work = || Work {
            future: make(),
            then: None,
        };
        let mut place = None;
        let placed = place.insert(Place::new(arena, seat.take_room(), work));
        let mut cx = Context::from_waker(seat.waker());
        match placed.as_mut().future().poll(&mut cx) {
            Poll::Ready(value) => {
                at_once(value);
                seat.set_room(Place::vacate(&mut place));
            }
            Poll::Pending => waits = place,
        }
    }));
    if let Some(mut place) = waits {
        place.as_mut().set_then(prepare());
        return Ok(Some(tasks.borrow_mut().occupy(seat, place.erase())));
    }
    tasks.borrow_mut().give_up(seat);
    first.map(|()| None).map_err(Panic::new)
}
