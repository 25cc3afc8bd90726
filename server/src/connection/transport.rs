//! The layer between the socket and the wire. Received bytes are opened before anything reads them, and
//! what is queued is sealed just before it is sent, when nothing of it will be taken back any more.
//!
//! Called by `read.rs` for each received piece and by `write.rs` for each that is sent. Plain today:
//! the bytes of the socket are those of the wire.

use crate::handler::Chunk;
use ringgate_runtime::Lease;

/// How bytes travel on a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Transport {
    /// As they are.
    Plain,
    /// As they are, with a state that cannot leave its core.
    #[cfg(test)]
    Tied,
}

impl Transport {
    /// Opens received bytes where they lie.
    #[inline(always)]
    pub(super) fn open(&mut self, _received: &mut Lease) {
        match self {
            Transport::Plain => {}
            #[cfg(test)]
            Transport::Tied => {}
        }
    }

    /// Seals bytes that are about to be sent.
    #[inline(always)]
    pub(super) fn seal(&mut self, _queued: &mut Chunk) {
        match self {
            Transport::Plain => {}
            #[cfg(test)]
            Transport::Tied => {}
        }
    }

    /// Whether all that it knows of its connection is plain data, which can go to another core.
    #[inline]
    pub(super) const fn is_plain_data(self) -> bool {
        match self {
            Transport::Plain => true,
            #[cfg(test)]
            Transport::Tied => false,
        }
    }
}
