//! An error number of the kernel, decoded once where an operation completes.
//!
//! Above the operation only meanings are used; the number stays for the log.

use std::fmt;
use std::io;

/// The error of a system call or completion; always positive.
///
/// ```
/// use ringgate_runtime::Errno;
///
/// assert_eq!(Errno::check(7), Ok(7)); // the result of a completion
/// assert!(Errno::check(-32).unwrap_err().is_peer_gone()); // EPIPE
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Errno(pub i32);

impl Errno {
    /// The operation was cancelled: ECANCELED.
    pub const CANCELLED: Errno = Errno(libc::ECANCELED);

    /// Reads a completion's result: a count, or the negative error number.
    #[inline]
    pub const fn check(result: i32) -> Result<u32, Errno> {
        if result >= 0 {
            Ok(result as u32)
        } else {
            Err(Errno(-result))
        }
    }

    /// The process or the system is out of something that comes back: descriptors, memory or
    /// buffers (accept(2)). The caller slows down and tries again.
    #[inline]
    pub const fn is_exhaustion(self) -> bool {
        matches!(
            self.0,
            libc::EMFILE | libc::ENFILE | libc::ENOBUFS | libc::ENOMEM
        )
    }

    /// The operation was cancelled before it did anything.
    #[inline]
    pub const fn is_cancelled(self) -> bool {
        self.0 == libc::ECANCELED
    }

    /// The peer is gone: the connection was reset, broken or timed out.
    #[inline]
    pub const fn is_peer_gone(self) -> bool {
        matches!(
            self.0,
            libc::ECONNRESET | libc::EPIPE | libc::ETIMEDOUT | libc::ECONNABORTED | libc::ENOTCONN
        )
    }
}

impl From<Errno> for io::Error {
    fn from(errno: Errno) -> io::Error {
        io::Error::from_raw_os_error(errno.0)
    }
}

impl fmt::Display for Errno {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        io::Error::from_raw_os_error(self.0).fmt(f)
    }
}

impl std::error::Error for Errno {}
