//! Descriptors that a child made by fork(2) must not keep, also where it executes no other program.
//!
//! Close-on-exec ends a copy only when a program is executed. A child that goes on in its parent's
//! program would hold the parent's rings and listeners open beyond the parent's death: an accept that is
//! armed in such a ring takes the wake-up of a connection that nobody then accepts, and connections queue
//! at a listener that nobody serves. So what is entered here is closed in every child, before fork(2)
//! returns there. Called by the driver for its ring, and by whoever owns listeners. A memory mapping of a
//! ring is left out of children by [`setup`](crate::driver::setup).
//!
//! Children made by vfork(2), posix_spawn(3) or a bare clone(2) are not reached; they execute a program.

use std::os::fd::{AsRawFd, BorrowedFd, RawFd};
use std::sync::atomic::{AtomicI32, Ordering};
use std::sync::{Once, OnceLock};

const FREE: RawFd = -1;
const PLACES: usize = 64;

/// Places for descriptor numbers, and where the list goes on. Never freed: a child may be made at any
/// time.
struct Places {
    numbers: [AtomicI32; PLACES],
    next: OnceLock<Box<Places>>,
}

impl Places {
    const fn new() -> Places {
        Places {
            numbers: [const { AtomicI32::new(FREE) }; PLACES],
            next: OnceLock::new(),
        }
    }

    /// Writes `number` into a free place.
    fn enter(&'static self, number: RawFd) -> &'static AtomicI32 {
        let free = self.numbers.iter().find(|place| {
            let entered = place.compare_exchange(FREE, number, Ordering::AcqRel, Ordering::Relaxed);
            entered.is_ok()
        });
        free.unwrap_or_else(|| {
            let next = self.next.get_or_init(|| Box::new(Places::new()));
            next.enter(number)
        })
    }
}

static ALL: Places = Places::new();

/// Keeps a descriptor out of forked children until dropped, which comes before the descriptor is closed:
/// declare it above the descriptor.
#[derive(Debug)]
pub struct NotInChildren {
    place: &'static AtomicI32,
}

impl NotInChildren {
    /// From now on `fd` is closed in every forked child.
    pub fn new(fd: BorrowedFd<'_>) -> NotInChildren {
        static HANDLER: Once = Once::new();
        HANDLER.call_once(|| {
            // SAFETY: pthread_atfork(3) takes functions that live as long as the program; `in_child`
            // calls only what a child of a threaded process may call (signal-safety(7)). Should it be
            // refused (ENOMEM), children keep what they are given. Guarded by
            // `a_child_that_executes_nothing_keeps_no_ring_of_a_dead_process`.
            unsafe { libc::pthread_atfork(None, None, Some(in_child)) };
        });
        NotInChildren {
            place: ALL.enter(fd.as_raw_fd()),
        }
    }
}

impl Drop for NotInChildren {
    fn drop(&mut self) {
        self.place.store(FREE, Ordering::Release);
    }
}

/// Runs in a child of fork(2), on its only thread.
extern "C" fn in_child() {
    let mut places = Some(&ALL);
    while let Some(part) = places {
        for place in &part.numbers {
            let number = place.swap(FREE, Ordering::Acquire);
            if number != FREE {
                // SAFETY: close(2) on the child's copy. A number stands here only while its owner in
                // the parent has it open, and in the child nobody uses it: the owner's thread is not
                // there. Guarded by
                // `a_child_that_executes_nothing_keeps_no_ring_of_a_dead_process`.
                unsafe { libc::close(number) };
            }
        }
        places = part.next.get().map(|next| &**next);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::fd::AsFd;

    #[test]
    fn a_place_is_free_again_when_its_owner_lets_go_and_the_list_grows() {
        static SOME: Places = Places::new();
        let file = std::fs::File::open("/dev/null").expect("open");
        let number = file.as_fd().as_raw_fd();
        let places: Vec<_> = (0..=PLACES).map(|_| SOME.enter(number)).collect();
        assert!(SOME.next.get().is_some());
        let first = NotInChildren { place: places[0] };
        drop(first);
        assert!(std::ptr::eq(SOME.enter(number), places[0]));
    }
}
