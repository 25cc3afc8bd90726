//! A future of whatever type inside another, in a place of the core's arena: what a box would be, without
//! an allocation once a future of its size class has ended there.
//!
//! Made by [`Core::nest`](crate::Core::nest). A nested task is polled and dropped by the future that holds it.

use super::arena::{Arena, Place, TaskBox};
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

/// A future whose type is forgotten, and which stays on the core that it was made on.
///
/// ```
/// use ringgate_runtime::task::Nested;
/// use ringgate_runtime::{Core, CoreOptions, driver::{Driver, simulated::{Faults, World}}};
///
/// let driver = Driver::Simulated(Box::new(World::new(1, Faults::none()).driver()));
/// let core = Core::with_driver(driver, CoreOptions::default()).expect("a simulated ring");
/// let futures: [Nested<u32>; 2] = [core.nest(|| async { 1 }), core.nest(|| std::future::ready(2))];
/// # drop(futures);
/// ```
#[must_use = "futures do nothing unless polled"]
pub struct Nested<T: 'static>(TaskBox<T>);

impl<T: 'static> Nested<T> {
    pub(crate) fn new<F: Future<Output = T> + 'static>(
        arena: Rc<Arena>,
        make: impl FnOnce() -> F,
    ) -> Nested<T> {
        Nested(Place::new(arena, None, make).erase())
    }
}

// The future itself never moves: the place holds it by a pointer.
impl<T: 'static> Unpin for Nested<T> {}

impl<T: 'static> Future for Nested<T> {
    type Output = T;

    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<T> {
        self.0.as_mut().poll(cx)
    }
}

impl<T: 'static> fmt::Debug for Nested<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a nested future")
    }
}
