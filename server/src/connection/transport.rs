//! The layer between the socket and the wire: received bytes are opened before anything reads them, and what
//! is queued is sealed just before it is sent, when nothing of it will be taken back any more.
//!
//! Asked by `read.rs` for each received piece and by `write.rs` for each send. Plain bytes pass as they
//! are; those of TLS take the way through [`super::tls`], and before either there may be a header of a proxy
//! ([`super::proxied`]).

use super::tls::Tls;
use crate::config::{Opening, Scheme};
use crate::http1::exchange::Deadline;

/// How bytes travel on a connection. As large as a pointer: every connection has one.
pub(crate) enum Transport {
    /// As they are.
    Plain,
    /// Not as they are.
    Layered(Box<Layer>),
    /// As they are, with a state that cannot leave its core.
    #[cfg(test)]
    Tied,
}

/// A layer that bytes go through.
#[expect(
    clippy::large_enum_variant,
    reason = "a header is there within moments, and TLS for as long as its connection"
)]
pub(crate) enum Layer {
    /// A header of the PROXY protocol, which is not whole yet; then they travel as the scheme says.
    Header(Scheme),
    /// Records of TLS.
    Tls(Tls),
}

/// A connection of TLS that idles costs this beside its seat.
const _: () = assert!(size_of::<Layer>() <= 240);

impl Transport {
    /// The transport of a connection that was accepted just now.
    pub(super) fn new(opening: Opening) -> Transport {
        match (opening.proxied, opening.scheme) {
            (true, scheme) => Transport::Layered(Box::new(Layer::Header(scheme))),
            (false, Scheme::Http) => Transport::Plain,
            (false, Scheme::Https) => Transport::of_tls(Tls::default()),
        }
    }

    pub(super) fn of_tls(tls: Tls) -> Transport {
        Transport::Layered(Box::new(Layer::Tls(tls)))
    }

    /// Whether bytes pass as they are.
    #[inline(always)]
    pub(super) const fn is_plain(&self) -> bool {
        !matches!(self, Transport::Layered(_))
    }

    #[inline(always)]
    fn layer(&self) -> Option<&Layer> {
        match self {
            Transport::Layered(layer) => Some(layer),
            _ => None,
        }
    }

    /// The state of TLS; None without it, and as long as the header of a proxy is to come.
    #[inline]
    pub(super) fn tls(&self) -> Option<&Tls> {
        match self.layer()? {
            Layer::Tls(tls) => Some(tls),
            Layer::Header(_) => None,
        }
    }

    /// See [`Transport::tls`].
    #[inline]
    pub(super) fn tls_mut(&mut self) -> Option<&mut Tls> {
        match self {
            Transport::Layered(layer) => match &mut **layer {
                Layer::Tls(tls) => Some(tls),
                Layer::Header(_) => None,
            },
            _ => None,
        }
    }

    /// The scheme that follows the header of a proxy, if that is still to come.
    pub(super) fn awaited(&self) -> Option<Scheme> {
        match self.layer()? {
            Layer::Header(scheme) => Some(*scheme),
            Layer::Tls(_) => None,
        }
    }

    /// The time limit in force in the place of all others, as long as the connection is not established.
    #[inline]
    pub(super) fn limit(&self) -> Option<Deadline> {
        match self.layer()? {
            Layer::Header(_) => Some(Deadline::ProxyHeader),
            Layer::Tls(tls) => tls.is_shaking_hands().then_some(Deadline::Handshake),
        }
    }

    /// Whether TLS is not established yet: its client has not finished the handshake. A connection that waits
    /// for the header before it has its place among the handshakes.
    #[inline]
    pub(super) fn is_shaking_hands(&self) -> bool {
        match self.layer() {
            Some(Layer::Tls(tls)) => tls.is_shaking_hands(),
            Some(Layer::Header(scheme)) => *scheme == Scheme::Https,
            None => false,
        }
    }

    /// Whether a handshake is under way whose client has been heard.
    #[inline]
    pub(super) fn is_in_handshake(&self) -> bool {
        self.tls().is_some_and(Tls::is_in_handshake)
    }

    /// Whether bytes came that are not opened: the front of a record, which may be one of a further request.
    #[inline]
    pub(super) fn has_received(&self) -> bool {
        self.tls().is_some_and(Tls::has_received)
    }

    /// Whether what is being sent ends where something that was queued as a whole ends: a plain send has all that waited when
    /// it began, and records may have a part of it.
    #[inline]
    pub(super) fn sends_whole(&self) -> bool {
        !self.tls().is_some_and(Tls::has_cut)
    }

    /// Whether the connection is to be announced an end, since its key may soon seal no more.
    #[inline]
    pub(super) fn is_worn(&self) -> bool {
        self.tls().is_some_and(Tls::is_worn)
    }

    /// Whether all that it will know of its connection is plain data, which can go to another core.
    #[inline]
    pub(super) const fn may_move(&self) -> bool {
        match self {
            Transport::Plain | Transport::Layered(_) => true,
            #[cfg(test)]
            Transport::Tied => false,
        }
    }

    /// Whether all that it knows of its connection is plain data now.
    #[inline]
    pub(super) fn is_plain_data(&self) -> bool {
        match self {
            Transport::Plain => true,
            Transport::Layered(layer) => match &**layer {
                Layer::Header(_) => true,
                Layer::Tls(tls) => tls.is_plain_data(),
            },
            #[cfg(test)]
            Transport::Tied => false,
        }
    }

    /// Whether records wait to be sent, or, if `ends`, the peer is still to be told that nothing more comes.
    #[inline]
    pub(super) fn owes(&self, ends: bool) -> bool {
        self.tls().is_some_and(|tls| tls.owes(ends))
    }
}
