//! The layer between the socket and the wire: received bytes are opened before anything reads them, and what
//! is queued is sealed just before it is sent, when nothing of it will be taken back any more.
//!
//! Asked by `read.rs` for each received piece and by `write.rs` for each send. Plain bytes pass as they
//! are; those of TLS take the way through [`super::tls`].

use super::tls::Tls;
use crate::config::Scheme;

/// How bytes travel on a connection.
pub(crate) enum Transport {
    /// As they are.
    Plain,
    /// In records of TLS.
    Tls(Box<Tls>),
    /// As they are, with a state that cannot leave its core.
    #[cfg(test)]
    Tied,
}

impl Transport {
    /// The transport of a connection that was accepted just now.
    pub(super) fn new(scheme: Scheme) -> Transport {
        match scheme {
            Scheme::Http => Transport::Plain,
            Scheme::Https => Transport::Tls(Box::default()),
        }
    }

    /// Whether bytes pass as they are.
    #[inline(always)]
    pub(super) const fn is_plain(&self) -> bool {
        !matches!(self, Transport::Tls(_))
    }

    /// Whether the connection is not established yet: its client has not finished the handshake.
    #[inline]
    pub(super) fn is_shaking_hands(&self) -> bool {
        match self {
            Transport::Tls(tls) => tls.is_shaking_hands(),
            _ => false,
        }
    }

    /// Whether a handshake is under way whose client has been heard.
    #[inline]
    pub(super) fn is_in_handshake(&self) -> bool {
        match self {
            Transport::Tls(tls) => tls.is_in_handshake(),
            _ => false,
        }
    }

    /// Whether the connection is to be announced an end, since its key may soon seal no more.
    #[inline]
    pub(super) fn is_worn(&self) -> bool {
        match self {
            Transport::Tls(tls) => tls.is_worn(),
            _ => false,
        }
    }

    /// Whether all that it will know of its connection is plain data, which can go to another core.
    #[inline]
    pub(super) const fn may_move(&self) -> bool {
        match self {
            Transport::Plain | Transport::Tls(_) => true,
            #[cfg(test)]
            Transport::Tied => false,
        }
    }

    /// Whether all that it knows of its connection is plain data now.
    #[inline]
    pub(super) fn is_plain_data(&self) -> bool {
        match self {
            Transport::Plain => true,
            Transport::Tls(tls) => tls.is_plain_data(),
            #[cfg(test)]
            Transport::Tied => false,
        }
    }

    /// Whether records wait to be sent, or, if `ends`, the peer is still to be told that nothing more comes.
    #[inline]
    pub(super) fn owes(&self, ends: bool) -> bool {
        match self {
            Transport::Tls(tls) => tls.owes(ends),
            _ => false,
        }
    }
}
