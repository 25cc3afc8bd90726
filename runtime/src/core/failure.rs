//! The meaning of a failed io_uring_enter(2) for a core: a shortage that passes, or the end of its ring.
//!
//! Asked by the turn for what the driver does not swallow (EINTR and ETIME, after which the next turn
//! simply goes on, and EBUSY and EAGAIN, after which the driver itself gives the kernel a moment). Nothing
//! was submitted in either case. The owner of a core decides what to do when its ring has failed.

use crate::errno::Errno;
use std::fmt;
use std::time::Duration;

/// How long a core rests that has nothing else to do while the kernel lacks memory or descriptors.
pub(super) const SHORTAGE_PAUSE: Duration = Duration::from_millis(1);

/// The ring of a core has failed: nothing can be submitted any more, or completions were lost, so that
/// what is in flight may never end. The core is of no more use. When it is dropped its ring is closed,
/// which ends everything that was in flight, and the memory of that is leaked.
///
/// ```
/// use ringgate_runtime::{Core, CoreOptions, RingFailed};
///
/// /// Runs a core for ever, as far as it is up to the kernel.
/// fn run(core: &std::rc::Rc<Core>) -> RingFailed {
///     match core.run(&mut (), |()| false) {
///         Err(failed) => failed,
///         Ok(()) => unreachable!("nobody stops it"),
///     }
/// }
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RingFailed {
    /// The error of io_uring_enter(2).
    pub errno: Errno,
}

impl fmt::Display for RingFailed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the ring failed: io_uring_enter: {}", self.errno)
    }
}

impl std::error::Error for RingFailed {}

/// Returns the meaning of an error of io_uring_enter(2); None if the next turn may try again.
///
/// Memory, descriptors and buffers come back. All others stay as they are, whatever is tried: EBADF,
/// EBADFD, EOPNOTSUPP and ENXIO (this is no ring, it is disabled, or it is being torn down), EEXIST
/// (it is another thread's), EFAULT and EINVAL (the call is not understood), EOWNERDEAD, and EPERM or
/// EACCES of a filter that came later. EBADR says that completions were dropped, and not which.
pub(super) fn failure(errno: Errno) -> Option<RingFailed> {
    (!errno.is_exhaustion()).then_some(RingFailed { errno })
}
