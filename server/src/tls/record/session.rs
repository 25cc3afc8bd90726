//! The state of one established connection: plain data of a fixed size. Made at the end of a handshake or
//! from the bytes of another process ([`super::carry`]); [`super::open`] and [`super::seal`] are its
//! verbs.

use super::alert::{Ended, Reason};
use super::keys::KeyPlace;
use super::sizes::{RecordSizes, Tick};
use super::suite::{Aead, Version};
use super::way::Way;
use std::fmt;

/// Records without data that a peer may send in a row.
pub(super) const FRUITLESS_RECORDS_MAX: u8 = 32;

/// An established connection of TLS, without socket and without buffers.
///
/// Dropping it zeroes its keys. A session cannot be cloned: its owner must not use it any more once it is handed on.
pub struct Session {
    pub(super) receiving: Way,
    pub(super) sending: Way,
    pub(super) place: KeyPlace,
    pub(super) version: Version,
    pub(super) aead: Aead,
    /// The peer asked for a KeyUpdate of ours, which goes out before the next data.
    pub(super) update_due: bool,
    /// Records in a row that held no data.
    pub(super) fruitless: u8,
    /// Bytes seen of a KeyUpdate that comes in several records. The bytes need not be kept: there is
    /// only one way for a KeyUpdate to begin.
    pub(super) partial: u8,
    pub(super) sizes: RecordSizes,
    /// When data was sealed last, as the caller counts.
    pub(super) sealed_at: Tick,
}

const _: () = assert!(
    size_of::<Session>() == 224,
    "idle connections are many: a field more must be worth its bytes"
);

/// The keys of one direction as a handshake gives them. The secret is empty in TLS 1.2.
pub struct Traffic<'a> {
    /// Number of records so far.
    pub seq: u64,
    /// The key, of the AEAD's length.
    pub key: &'a [u8],
    /// Twelve bytes; in TLS 1.2 with AES-GCM the salt, then the start of the explicit part.
    pub iv: &'a [u8],
    /// The traffic secret of TLS 1.3.
    pub secret: &'a [u8],
}

impl Session {
    /// A connection whose handshake is over.
    ///
    /// None when a length is wrong, when TLS 1.3 comes without secrets or TLS 1.2 with them, or when a
    /// secret does not give the key and the IV that it came with: that would be found out at the first
    /// KeyUpdate only.
    pub fn new(
        version: Version,
        aead: Aead,
        receiving: &Traffic<'_>,
        sending: &Traffic<'_>,
    ) -> Option<Session> {
        let way = |of: &Traffic<'_>| {
            let way = Way::new(aead, of.seq, of.key, of.iv, of.secret)?;
            let sound = match version {
                Version::Tls12 => of.secret.is_empty(),
                Version::Tls13 => {
                    let proof = Way::from_secret(aead, of.secret)?;
                    proof.key(aead) == of.key && proof.iv[..] == *of.iv
                }
            };
            sound.then_some(way)
        };
        let (receiving, sending) = (way(receiving)?, way(sending)?);
        Some(Session::of_ways(version, aead, receiving, sending))
    }

    /// A connection of TLS 1.3 at its first records, from its two traffic secrets. None when a length is
    /// wrong.
    pub fn from_secrets(aead: Aead, receiving: &[u8], sending: &[u8]) -> Option<Session> {
        let receiving = Way::from_secret(aead, receiving)?;
        let sending = Way::from_secret(aead, sending)?;
        Some(Session::of_ways(Version::Tls13, aead, receiving, sending))
    }

    pub(super) fn of_ways(version: Version, aead: Aead, receiving: Way, sending: Way) -> Session {
        Session {
            receiving,
            sending,
            place: KeyPlace::default(),
            version,
            aead,
            update_due: false,
            fruitless: 0,
            partial: 0,
            sizes: RecordSizes::default(),
            sealed_at: Tick::default(),
        }
    }

    /// The version that was agreed on.
    pub fn version(&self) -> Version {
        self.version
    }

    /// The AEAD that was agreed on.
    pub fn aead(&self) -> Aead {
        self.aead
    }

    /// Number of records received and sent with the keys in force.
    pub fn records(&self) -> (u64, u64) {
        (self.receiving.seq, self.sending.seq)
    }

    /// Whether the peer waits for a KeyUpdate, which the next [`Session::seal`] brings.
    pub fn is_update_due(&self) -> bool {
        self.update_due
    }

    /// Whether the connection should be announced an end, since its key may soon seal no more and cannot
    /// be changed. TLS 1.3 changes its key by itself.
    pub fn is_worn(&self) -> bool {
        self.version == Version::Tls12 && self.sending.seq >= self.aead.worn_at()
    }

    /// Data is about to be sealed at this time. After a rest the answer begins with small records again.
    pub fn begin_at(&mut self, now: Tick) {
        if now.is_rested_since(self.sealed_at) {
            self.sizes = RecordSizes::default();
        }
        self.sealed_at = now;
    }

    /// Counts a record without data.
    pub(super) fn count_fruitless(&mut self) -> Result<(), Ended> {
        if self.fruitless >= FRUITLESS_RECORDS_MAX {
            return Err(Reason::Fruitless.into());
        }
        self.fruitless += 1;
        Ok(())
    }
}

/// Says everything but the secrets.
impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session")
            .field("version", &self.version)
            .field("aead", &self.aead)
            .field("received", &self.receiving.seq)
            .field("sent", &self.sending.seq)
            .field("update_due", &self.update_due)
            .field("fruitless", &self.fruitless)
            .field("partial", &self.partial)
            .finish_non_exhaustive()
    }
}

/// Says lengths, no secrets.
impl fmt::Debug for Traffic<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Traffic")
            .field("seq", &self.seq)
            .field("secret_len", &self.secret.len())
            .finish_non_exhaustive()
    }
}
