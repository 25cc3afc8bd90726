//! A connection of TLS on its core: what it keeps beside the plain connection, and the four verbs that make
//! its bytes those of the wire.
//!
//! | file | does |
//! |---|---|
//! | [`shake`] | takes the handshake from the first byte to the session |
//! | [`bounds`] | says how many handshakes a core has in progress and begins in a turn |
//! | [`open`] | makes records the bytes that the wire reads |
//! | [`seal`] | makes what is queued records, as they are sent |
//! | [`packing`] | makes the state bytes, for another process |
//!
//! The meaning of the bytes is decided in [`crate::tls`], which knows no core; nothing here parses.

mod bounds;
mod open;
mod packing;
mod seal;
mod shake;

pub(super) use bounds::Handshakes;
pub(super) use packing::{pack_tls, unpack_tls};
pub(super) use seal::Sealing;

use crate::tls::handshake::Handshake;
use crate::tls::record::{Alert, Ended, KeyCache, Records, Session};
use bytes::BytesMut;

/// The state of TLS on one connection.
#[derive(Default)]
pub(crate) struct Tls {
    phase: Phase,
    /// The bytes that are neither the session's nor the wire's. None where there are none: a connection
    /// that idles.
    rest: Option<Box<Rest>>,
    /// Whether the bytes that were sealed last were not all that waited.
    has_cut: bool,
    /// Whether the agreement of the handshake is too long to go to another process.
    is_bound: bool,
}

#[derive(Default)]
#[expect(
    clippy::large_enum_variant,
    reason = "nearly every connection is established, and idles so"
)]
enum Phase {
    /// No byte of the client's was looked at.
    #[default]
    Expected,
    /// The handshake is under way.
    Shaking(Box<Handshake>),
    /// Established: plain data.
    Open(Session),
    /// Nothing is opened or sealed any more: TLS failed, or the end was announced (close_notify).
    Over,
}

/// Bytes between the socket and the session.
#[derive(Default)]
struct Rest {
    /// Received: a part of the handshake, or the front of a record.
    received: BytesMut,
    /// Records that were made and not handed to the kernel.
    made: Vec<u8>,
    /// Whether the costly step of the handshake is behind: the client has been answered, and not by a demand to begin anew.
    is_answered: bool,
    /// Whether the handshake waits for its turn.
    is_waiting: bool,
}

/// An idle connection of TLS costs this beside the seat of any connection.
const _: () = assert!(size_of::<Tls>() <= 240);

impl Tls {
    pub(super) fn is_shaking_hands(&self) -> bool {
        matches!(self.phase, Phase::Expected | Phase::Shaking(_))
    }

    /// Whether the client has been heard, and its handshake is not over.
    pub(super) fn is_in_handshake(&self) -> bool {
        match self.phase {
            Phase::Expected => self.has_received(),
            Phase::Shaking(_) => true,
            Phase::Open(_) | Phase::Over => false,
        }
    }

    /// Whether nothing of it belongs to this core. A handshake whose first bytes wait for their turn does: it
    /// is this core that takes it up.
    pub(super) fn is_plain_data(&self) -> bool {
        match self.phase {
            Phase::Expected => !self.has_received(),
            Phase::Open(_) => !self.has_made(),
            Phase::Shaking(_) | Phase::Over => false,
        }
    }

    pub(super) fn has_received(&self) -> bool {
        let rest = self.rest.as_ref();
        rest.is_some_and(|rest| !rest.received.is_empty())
    }

    fn has_made(&self) -> bool {
        self.rest.as_ref().is_some_and(|rest| !rest.made.is_empty())
    }

    pub(super) fn is_worn(&self) -> bool {
        matches!(&self.phase, Phase::Open(session) if session.is_worn())
    }

    /// Whether the bytes that were sealed last were not all that waited: what waits now may begin anywhere in an answer.
    pub(super) fn has_cut(&self) -> bool {
        self.has_cut
    }

    pub(super) fn owes(&self, ends: bool) -> bool {
        self.has_made() || ends && matches!(self.phase, Phase::Open(_))
    }

    fn rest(&mut self) -> &mut Rest {
        self.rest.get_or_insert_default()
    }

    #[cfg(test)]
    pub(super) fn establish(&mut self, session: Session) {
        self.phase = Phase::Open(session);
    }

    /// Takes the received bytes out that are not opened yet.
    fn take_received(&mut self) -> BytesMut {
        let rest = self.rest.as_mut();
        rest.map(|rest| std::mem::take(&mut rest.received))
            .unwrap_or_default()
    }

    /// Takes the records out that wait to be sent.
    fn take_made(&mut self) -> Vec<u8> {
        let rest = self.rest.as_mut();
        rest.map(|rest| std::mem::take(&mut rest.made))
            .unwrap_or_default()
    }

    /// Keeps received bytes for later.
    fn keep_received(&mut self, bytes: BytesMut) {
        if !bytes.is_empty() {
            self.rest().received = bytes;
        }
        self.tidy();
    }

    /// Gives the memory of the rest back once nothing is in it and nothing of the handshake needs it.
    fn tidy(&mut self) {
        let is_empty = |rest: &Rest| rest.received.is_empty() && rest.made.is_empty();
        if !self.is_shaking_hands() && self.rest.as_deref().is_some_and(is_empty) {
            self.rest = None;
        }
    }

    /// The session, if the connection is established.
    fn session_mut(&mut self) -> Option<&mut Session> {
        match &mut self.phase {
            Phase::Open(session) => Some(session),
            Phase::Expected | Phase::Shaking(_) | Phase::Over => None,
        }
    }

    /// The keys of the connection are needed no more on this core: it is over, or leaves.
    pub(super) fn forget_keys(&mut self, keys: &mut KeyCache) {
        if let Some(session) = self.session_mut() {
            keys.forget(session);
        }
    }

    /// TLS failed: its last word is the alert that tells the peer, if it is not the peer's own.
    fn end(&mut self, keys: &mut KeyCache, ended: Ended) {
        if let Ended::ByUs(fault) = ended {
            self.seal_last(keys, fault.alert);
        }
        self.forget_keys(keys);
        self.phase = Phase::Over;
        self.tidy();
    }

    /// Seals an alert behind the records that wait to be sent.
    fn seal_last(&mut self, keys: &mut KeyCache, alert: Alert) {
        let mut made = Records::behind(self.take_made());
        if let Phase::Open(session) = &mut self.phase {
            session.seal_alert(keys, alert, &mut made);
        }
        self.rest().made = made.into_vec();
    }
}
