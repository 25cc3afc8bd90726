//! A value that stays on its core inside a handle that may go anywhere: for code that asks for `Send`
//! of what it only ever uses where it was made.
//!
//! Whether a thread may touch the value is looked up at each use. A handle that is dropped elsewhere
//! sends its value home, and the core drops it in its next turn ([`Core`](crate::Core) hears of it as of
//! a wake-up). A value whose core has ended can be dropped nowhere: its memory is kept for ever, and
//! counted ([`values_lost`]).

use crate::core::home_of_running;
use crate::mailbox::Shared;
use std::any::Any;
use std::fmt;
use std::mem::ManuallyDrop;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

static THREADS: AtomicU64 = AtomicU64::new(0);
static LOST: AtomicU64 = AtomicU64::new(0);

thread_local! {
    /// A number that no other thread of the process has or had. Not `std::thread::current().id()`, which
    /// cannot be asked while the locals of a thread are destroyed; this needs no destruction.
    static THREAD: u64 = THREADS.fetch_add(1, Ordering::Relaxed);
}

/// The number of the running thread.
#[inline]
pub(crate) fn thread_number() -> u64 {
    THREAD.with(|number| *number)
}

/// Values whose core had ended when they were let go on another thread, since the process began. Such
/// values are never dropped: their own core's thread was the only one that could.
///
/// ```
/// let lost = ringgate_runtime::task::values_lost();
/// assert_eq!(lost, 0, "no value was let go elsewhere after the end of its core");
/// ```
pub fn values_lost() -> u64 {
    LOST.load(Ordering::Relaxed)
}

/// A value was asked for on another thread than that of its core.
///
/// ```
/// use ringgate_runtime::{Core, CoreOptions};
/// use ringgate_runtime::task::Bound;
/// use std::thread;
///
/// Core::new(CoreOptions::default())?.block_on(async {
///     let bound = Bound::new(7);
///     let seen = thread::spawn(move || bound.get().err().map(|error| error.to_string()));
///     assert!(seen.join().expect("no panic").is_some());
/// });
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Elsewhere {
    home: Box<str>,
    here: Box<str>,
}

impl Elsewhere {
    #[cold]
    fn than(home: &Shared) -> Elsewhere {
        let here = std::thread::current();
        Elsewhere {
            home: home.thread_name().into(),
            here: here.name().unwrap_or("without a name").into(),
        }
    }

    /// The thread that the value stays on.
    pub fn home(&self) -> &str {
        &self.home
    }

    /// The thread that asked for it.
    pub fn here(&self) -> &str {
        &self.here
    }
}

impl fmt::Display for Elsewhere {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Elsewhere { home, here } = self;
        write!(
            f,
            "a value that stays on the thread {home} was used on the thread {here}"
        )
    }
}

impl std::error::Error for Elsewhere {}

/// A value that is used on its core alone, in a handle that is `Send` and `Sync`.
///
/// The handle answers [`Elsewhere`] on any other thread, and does not panic there: what goes wrong is
/// the request that the value belongs to, not the thread, which serves others.
///
/// ```
/// use ringgate_runtime::{Core, CoreOptions};
/// use ringgate_runtime::task::Bound;
/// use std::cell::Cell;
/// use std::rc::Rc;
/// use std::thread;
///
/// Core::new(CoreOptions::default())?.block_on(async {
///     let count = Rc::new(Cell::new(1)); // not `Send`
///     let mut bound = Bound::new(count.clone());
///     bound = thread::spawn(move || {
///         assert!(bound.get().is_err(), "no other thread sees it");
///         bound
///     })
///     .join()
///     .expect("no panic");
///     bound.get_mut().expect("at home").set(2);
///     assert_eq!(count.get(), 2);
/// });
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Bound<T: 'static> {
    /// Touched on the thread of `home` alone; elsewhere its bytes are moved at most.
    value: ManuallyDrop<T>,
    home: Arc<Shared>,
}

// SAFETY: what `Send` promises is that T may be used and dropped on the thread that the handle comes to,
// and no T is: each use asks `is_home` first (`get`, `get_mut`, `into_inner`, `drop`), and thread numbers
// are never used again, so no later thread passes for the first. Elsewhere the bytes of T are moved,
// which is no use of it. Guarded by `a_value_is_refused_elsewhere_and_dropped_at_home`.
unsafe impl<T: 'static> Send for Bound<T> {}
// SAFETY: a shared handle gives `&T` on the thread of its core alone, so no two threads have one.
// Guarded by `a_value_is_refused_elsewhere_and_dropped_at_home`.
unsafe impl<T: 'static> Sync for Bound<T> {}

impl<T: 'static> Bound<T> {
    /// Binds a value to the core of the running thread.
    ///
    /// # Panics
    /// Outside a core's thread ([`Core::enter`](crate::Core::enter), [`Core::run`](crate::Core::run)).
    #[inline]
    pub fn new(value: T) -> Bound<T> {
        Bound {
            home: home_of_running(),
            value: ManuallyDrop::new(value),
        }
    }

    /// Whether this is the thread that the value stays on.
    #[inline]
    pub fn is_home(&self) -> bool {
        self.home.thread() == thread_number()
    }

    /// The value.
    ///
    /// # Errors
    /// On any other thread than that of its core.
    #[inline]
    pub fn get(&self) -> Result<&T, Elsewhere> {
        match self.is_home() {
            true => Ok(&self.value),
            false => Err(Elsewhere::than(&self.home)),
        }
    }

    /// The value, to be changed.
    ///
    /// # Errors
    /// As [`Bound::get`].
    #[inline]
    pub fn get_mut(&mut self) -> Result<&mut T, Elsewhere> {
        match self.is_home() {
            true => Ok(&mut self.value),
            false => Err(Elsewhere::than(&self.home)),
        }
    }

    /// Lets go of the handle, along with something that is dropped once the value has been, or in its stead if
    /// its core has ended: for those who wait for what the value does when it comes home.
    pub fn send_home_with(self, beside: impl Send + 'static) {
        let this = ManuallyDrop::new(self);
        // SAFETY: `this` is never used or dropped again, so its fields have one owner each. Guarded by
        // `what_goes_home_with_a_value_is_dropped_after_it`.
        let (value, home) = unsafe { (std::ptr::read(&*this.value), std::ptr::read(&this.home)) };
        home.send_home(Stray::new(value, home.thread()).with(beside));
    }

    /// The value, without its handle.
    ///
    /// # Errors
    /// The handle, on any other thread than that of its core.
    pub fn into_inner(self) -> Result<T, Bound<T>> {
        if !self.is_home() {
            return Err(self);
        }
        let mut this = ManuallyDrop::new(self);
        // SAFETY: `this` is never used or dropped again, so its fields have one owner each: the caller
        // the value, and the share of the mailbox is dropped here, once. Guarded by
        // `a_value_taken_out_of_its_handle_is_dropped_once`.
        unsafe {
            std::ptr::drop_in_place(&raw mut this.home);
            Ok(ManuallyDrop::take(&mut this.value))
        }
    }
}

impl<T: 'static> Drop for Bound<T> {
    #[inline]
    fn drop(&mut self) {
        // SAFETY: the handle ends here, and its value is taken out of it once; `into_inner` forgets the
        // handle. Guarded by `a_value_is_refused_elsewhere_and_dropped_at_home`.
        let value = unsafe { ManuallyDrop::take(&mut self.value) };
        match self.is_home() {
            true => drop(value),
            false => self.home.send_home(Stray::new(value, self.home.thread())),
        }
    }
}

impl<T: 'static> fmt::Debug for Bound<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a value of the thread {}", self.home.thread_name())
    }
}

/// A value on its way home. Dropped there it is dropped; dropped on any other thread, by the last who
/// knows the mailbox of a core that has ended, it is lost.
pub(crate) struct Stray {
    value: ManuallyDrop<Box<dyn Any>>,
    thread: u64,
    /// Dropped after the value, or if that is lost.
    beside: Option<Box<dyn Any + Send>>,
}

// SAFETY: the value is dropped on its own thread alone, and not touched before (`drop`). Guarded by
// `a_value_whose_core_has_ended_is_lost_and_counted`.
unsafe impl Send for Stray {}

impl Stray {
    #[cold]
    fn new<T: 'static>(value: T, thread: u64) -> Stray {
        Stray {
            value: ManuallyDrop::new(Box::new(value)),
            thread,
            beside: None,
        }
    }

    fn with(mut self, beside: impl Send + 'static) -> Stray {
        self.beside = Some(Box::new(beside));
        self
    }
}

impl Drop for Stray {
    fn drop(&mut self) {
        if self.thread == thread_number() {
            // SAFETY: taken out once, here, on the thread that it stays on. Guarded by
            // `a_value_is_refused_elsewhere_and_dropped_at_home`.
            drop(unsafe { ManuallyDrop::take(&mut self.value) });
        } else {
            LOST.fetch_add(1, Ordering::Relaxed);
        }
    }
}
