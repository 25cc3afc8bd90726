//! One direction of a connection: key, IV, sequence number, and in TLS 1.3 the traffic secret that the
//! next key comes from. Used by `session`, `open` and `seal`; who may change a key, and when, they
//! decide.

use super::suite::Aead;
use aws_lc_rs::{aead, hkdf};
use zeroize::Zeroizing;

/// Longest key of any AEAD here, in bytes.
const KEY_SIZE_BYTES_MAX: usize = 32;
/// Longest traffic secret, in bytes.
pub(super) const SECRET_SIZE_BYTES_MAX: usize = 48;
/// Length of an IV and of a nonce, in bytes.
pub(super) const IV_SIZE_BYTES: usize = 12;

/// The plain data of one direction. Zeroed when it is dropped; never copied, since two owners of one
/// sending direction would use a nonce twice.
pub(super) struct Way {
    /// Number of records so far, and so the number of the next.
    pub(super) seq: u64,
    pub(super) iv: Zeroizing<[u8; IV_SIZE_BYTES]>,
    /// Behind the key's length: zeros.
    key: Zeroizing<[u8; KEY_SIZE_BYTES_MAX]>,
    /// Behind the secret's length, and in TLS 1.2: zeros.
    secret: Zeroizing<[u8; SECRET_SIZE_BYTES_MAX]>,
}

impl Way {
    fn zeroed(seq: u64) -> Way {
        Way {
            seq,
            iv: Zeroizing::new([0; IV_SIZE_BYTES]),
            key: Zeroizing::new([0; KEY_SIZE_BYTES_MAX]),
            secret: Zeroizing::new([0; SECRET_SIZE_BYTES_MAX]),
        }
    }

    /// A direction with these keys; `secret` is empty in TLS 1.2. None when a length is wrong.
    pub(super) fn new(aead: Aead, seq: u64, key: &[u8], iv: &[u8], secret: &[u8]) -> Option<Way> {
        let secret_fits = secret.is_empty() || secret.len() == aead.secret_len();
        if key.len() != aead.key_len() || iv.len() != IV_SIZE_BYTES || !secret_fits {
            return None;
        }
        let mut way = Way::zeroed(seq);
        way.key[..key.len()].copy_from_slice(key);
        way.iv.copy_from_slice(iv);
        way.secret[..secret.len()].copy_from_slice(secret);
        Some(way)
    }

    /// A direction at its first record, with the key of a traffic secret (RFC 8446 section 7.3). None
    /// when the secret's length is wrong.
    pub(super) fn from_secret(aead: Aead, secret: &[u8]) -> Option<Way> {
        if secret.len() != aead.secret_len() {
            return None;
        }
        let mut way = Way::zeroed(0);
        way.secret[..secret.len()].copy_from_slice(secret);
        way.derive_key(aead);
        Some(way)
    }

    /// The key alone.
    pub(super) fn key(&self, aead: Aead) -> &[u8] {
        &self.key[..aead.key_len()]
    }

    /// The traffic secret alone; zeros in TLS 1.2.
    pub(super) fn secret(&self, aead: Aead) -> &[u8] {
        &self.secret[..aead.secret_len()]
    }

    /// The key, made ready for use.
    pub(super) fn expand(&self, aead: Aead) -> aead::LessSafeKey {
        aead.expand(self.key(aead))
    }

    /// The IV, xored with the sequence number (RFC 8446 section 5.3; RFC 7905 section 2 has the same,
    /// and for AES-GCM in TLS 1.2 the explicit part may be anything that does not repeat).
    pub(super) fn nonce(&self) -> [u8; IV_SIZE_BYTES] {
        let mut nonce = *self.iv;
        for (byte, of_seq) in nonce[4..].iter_mut().zip(self.seq.to_be_bytes()) {
            *byte ^= of_seq;
        }
        nonce
    }

    /// Goes on to the next generation: new secret, key and IV, and the count begins again
    /// (RFC 8446 section 7.2).
    pub(super) fn advance(&mut self, aead: Aead) {
        let prk = hkdf::Prk::new_less_safe(aead.hash(), self.secret(aead));
        expand_label(&prk, b"traffic upd", &mut self.secret[..aead.secret_len()]);
        self.derive_key(aead);
        self.seq = 0;
    }

    fn derive_key(&mut self, aead: Aead) {
        let prk = hkdf::Prk::new_less_safe(aead.hash(), self.secret(aead));
        expand_label(&prk, b"key", &mut self.key[..aead.key_len()]);
        expand_label(&prk, b"iv", &mut self.iv[..]);
    }
}

/// A length that HKDF is asked for.
struct Wanted(usize);

impl hkdf::KeyType for Wanted {
    fn len(&self) -> usize {
        self.0
    }
}

/// HKDF-Expand-Label with an empty context (RFC 8446 section 7.1).
fn expand_label(prk: &hkdf::Prk, label: &[u8], out: &mut [u8]) {
    const PREFIX: &[u8] = b"tls13 ";
    let length = u16::try_from(out.len()).expect("a key, an IV or a secret");
    let label_length = u8::try_from(PREFIX.len() + label.len()).expect("a short label");
    let info = [
        &length.to_be_bytes()[..],
        &[label_length],
        PREFIX,
        label,
        &[0],
    ];
    let wanted = Wanted(out.len());
    let made = prk.expand(&info, wanted).and_then(|okm| okm.fill(out));
    made.expect("less than 255 hashes are asked for");
}
