//! A session as bytes, for another process of the same server, and back. The bytes hold keys: they leave
//! the process only to a peer that may have them, and are zeroed here when they are dropped. Left to the
//! caller: who may have them, and that the session is not used any more once its bytes have left.

use super::post::PARTIAL_SIZE_BYTES_MAX;
use super::session::{FRUITLESS_RECORDS_MAX, Session};
use super::suite::{Aead, Version};
use super::way::{IV_SIZE_BYTES, SECRET_SIZE_BYTES_MAX, Way};
use std::fmt;
use zeroize::Zeroizing;

/// The layout below. A process that does not know it refuses the session.
const FORMAT: u8 = 1;
/// Format, version, AEAD, whether an update is due, fruitless records, bytes of a partial KeyUpdate.
const HEAD_SIZE_BYTES: usize = 6;
/// Longest session: AES-256-GCM in TLS 1.3.
pub const CARRIED_SIZE_BYTES_MAX: usize =
    HEAD_SIZE_BYTES + 2 * (8 + IV_SIZE_BYTES + 32 + SECRET_SIZE_BYTES_MAX);

/// The bytes of a session, zeroed when they are dropped.
pub struct Carried {
    bytes: Zeroizing<[u8; CARRIED_SIZE_BYTES_MAX]>,
    len: usize,
}

impl Carried {
    fn push(&mut self, bytes: &[u8]) {
        self.bytes[self.len..][..bytes.len()].copy_from_slice(bytes);
        self.len += bytes.len();
    }
}

impl AsRef<[u8]> for Carried {
    fn as_ref(&self) -> &[u8] {
        &self.bytes[..self.len]
    }
}

/// Says the length, no secrets.
impl fmt::Debug for Carried {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Carried({} bytes)", self.len)
    }
}

/// Why bytes are no session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CarryError {
    /// A layout that this version of the program does not know.
    Format(u8),
    /// More bytes or fewer than the session that they begin has.
    Length {
        /// The length that the first bytes promise.
        expected: usize,
        /// The length of the bytes there are.
        found: usize,
    },
    /// A field with a value that no session has.
    Field(&'static str),
}

impl fmt::Display for CarryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CarryError::Format(found) => write!(
                f,
                "a TLS session in layout {found}, of which this program knows {FORMAT}; \
                 hand over between versions that share a layout, or drain"
            ),
            CarryError::Length { expected, found } => {
                write!(f, "a TLS session of {found} bytes instead of {expected}")
            }
            CarryError::Field(field) => write!(f, "a TLS session with a senseless {field}"),
        }
    }
}

impl std::error::Error for CarryError {}

/// Length of a session of this kind.
const fn carried_len(version: Version, aead: Aead) -> usize {
    let secret = match version {
        Version::Tls12 => 0,
        Version::Tls13 => aead.secret_len(),
    };
    HEAD_SIZE_BYTES + 2 * (8 + IV_SIZE_BYTES + aead.key_len() + secret)
}

impl Session {
    /// The session as bytes. The sender drops the session: two owners would use a nonce twice.
    pub fn encode(&self) -> Carried {
        let mut carried = Carried {
            bytes: Zeroizing::new([0; CARRIED_SIZE_BYTES_MAX]),
            len: 0,
        };
        carried.push(&[
            FORMAT,
            self.version as u8,
            self.aead as u8,
            u8::from(self.update_due),
            self.fruitless,
            self.partial,
        ]);
        for way in [&self.receiving, &self.sending] {
            carried.push(&way.seq.to_be_bytes());
            carried.push(&way.iv[..]);
            carried.push(way.key(self.aead));
            if self.version == Version::Tls13 {
                carried.push(way.secret(self.aead));
            }
        }
        carried
    }

    /// A session from the bytes that [`Session::encode`] gave.
    ///
    /// # Errors
    ///
    /// The bytes are no session of this layout. A key that was altered on its way is not noticed here but
    /// at the next record.
    pub fn decode(bytes: &[u8]) -> Result<Session, CarryError> {
        let format = bytes.first().copied();
        if let Some(other) = format.filter(|format| *format != FORMAT) {
            return Err(CarryError::Format(other));
        }
        let Some((&[_, version, aead, update_due, fruitless, partial], mut rest)) =
            bytes.split_first_chunk::<HEAD_SIZE_BYTES>()
        else {
            return Err(CarryError::Length {
                expected: HEAD_SIZE_BYTES,
                found: bytes.len(),
            });
        };
        let version = match version {
            2 => Version::Tls12,
            3 => Version::Tls13,
            _ => return Err(CarryError::Field("version")),
        };
        let aead = match aead {
            1 => Aead::Aes128Gcm,
            2 => Aead::Aes256Gcm,
            3 => Aead::ChaCha20Poly1305,
            _ => return Err(CarryError::Field("AEAD")),
        };
        let expected = carried_len(version, aead);
        if bytes.len() != expected {
            return Err(CarryError::Length {
                expected,
                found: bytes.len(),
            });
        }
        let is_tls13 = version == Version::Tls13;
        if update_due > u8::from(is_tls13) {
            return Err(CarryError::Field("KeyUpdate"));
        }
        if fruitless > FRUITLESS_RECORDS_MAX {
            return Err(CarryError::Field("count of records without data"));
        }
        if partial > PARTIAL_SIZE_BYTES_MAX * u8::from(is_tls13) {
            return Err(CarryError::Field("part of a KeyUpdate"));
        }
        let receiving = take_way(&mut rest, version, aead)?;
        let sending = take_way(&mut rest, version, aead)?;
        let mut session = Session::of_ways(version, aead, receiving, sending);
        session.update_due = update_due == 1;
        session.fruitless = fruitless;
        session.partial = partial;
        Ok(session)
    }
}

/// The next direction of `rest`, which is known to be long enough.
fn take_way(rest: &mut &[u8], version: Version, aead: Aead) -> Result<Way, CarryError> {
    let mut take = |length: usize| {
        let (taken, behind) = rest.split_at(length);
        *rest = behind;
        taken
    };
    let seq = take(8).try_into().map(u64::from_be_bytes);
    let seq = seq.expect("eight bytes");
    let (iv, key) = (take(IV_SIZE_BYTES), take(aead.key_len()));
    let secret = match version {
        Version::Tls12 => &[][..],
        Version::Tls13 => take(aead.secret_len()),
    };
    let is_zero = |bytes: &[u8]| bytes.iter().all(|byte| *byte == 0);
    if seq == u64::MAX {
        return Err(CarryError::Field("sequence number"));
    }
    if is_zero(key) || (!secret.is_empty() && is_zero(secret)) {
        return Err(CarryError::Field("key"));
    }
    Way::new(aead, seq, key, iv, secret).ok_or(CarryError::Field("key"))
}
