//! The meaning of an accept that failed (accept(2), ERRORS): whose fault it is, and whether waiting helps.
//!
//! Asked by [`super::accept`] and by the control socket's and the metrics address's loop, which act on it.

use ringgate_runtime::Errno;
use rustix::io::Errno as E;

/// The cause of an accept that failed, as far as it decides what to do next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AcceptError {
    /// The accept was cancelled by its owner.
    Cancelled,
    /// One connection came to nothing before it was accepted, and the next may be well. Linux hands
    /// errors of the network that wait at the new socket to accept.
    Connection,
    /// Somebody who shares the listener made it non-blocking: a ring does not wait for it then.
    NonBlocking,
    /// The process or the machine is out of descriptors or memory (row H8, docs/seeds.md).
    Exhausted,
    /// Anything else, which may last: a security module that forbids it, or a mistake.
    Other,
}

impl AcceptError {
    pub(crate) fn of(error: Errno) -> AcceptError {
        if error.is_cancelled() {
            return AcceptError::Cancelled;
        }
        match E::from_raw_os_error(error.0) {
            E::CONNABORTED | E::CONNRESET | E::TIMEDOUT | E::PIPE | E::NOTCONN | E::INTR => {
                AcceptError::Connection
            }
            E::PROTO | E::NOPROTOOPT | E::OPNOTSUPP => AcceptError::Connection,
            E::NETDOWN | E::NETUNREACH | E::HOSTDOWN | E::HOSTUNREACH | E::NONET => {
                AcceptError::Connection
            }
            E::AGAIN => AcceptError::NonBlocking,
            E::MFILE | E::NFILE | E::NOBUFS | E::NOMEM => AcceptError::Exhausted,
            _ => AcceptError::Other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_short_is_taken_for_a_shortage() {
        let of = |error: E| AcceptError::of(Errno(error.raw_os_error()));
        for short in [E::MFILE, E::NFILE, E::NOBUFS, E::NOMEM] {
            assert_eq!(of(short), AcceptError::Exhausted, "{short:?}");
        }
        let gone = [
            E::CONNABORTED,
            E::CONNRESET,
            E::PROTO,
            E::NETDOWN,
            E::HOSTUNREACH,
            E::INTR,
        ];
        for gone in gone {
            assert_eq!(of(gone), AcceptError::Connection, "{gone:?}");
        }
        assert_eq!(of(E::AGAIN), AcceptError::NonBlocking);
        assert_eq!(AcceptError::of(Errno::CANCELLED), AcceptError::Cancelled);
        for lasting in [E::PERM, E::ACCESS, E::INVAL, E::NOTSOCK] {
            assert_eq!(of(lasting), AcceptError::Other, "{lasting:?}");
        }
    }
}
