//! The AEADs that records are protected with: lengths, algorithms and limits. Asked by all of
//! [`super`]; which one a connection has, the handshake decided.

use aws_lc_rs::{aead, hkdf};

/// The two versions that are spoken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Version {
    /// TLS 1.2 (RFC 5246).
    Tls12 = 2,
    /// TLS 1.3 (RFC 8446).
    Tls13 = 3,
}

/// The part of a cipher suite that is left after the handshake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Aead {
    /// AES-128-GCM; with SHA-256 in TLS 1.3.
    Aes128Gcm = 1,
    /// AES-256-GCM; with SHA-384 in TLS 1.3.
    Aes256Gcm = 2,
    /// ChaCha20-Poly1305; with SHA-256 in TLS 1.3.
    ChaCha20Poly1305 = 3,
}

/// Records that one key of AES-GCM may seal. RFC 8446 section 5.5 allows 2^24.5 full ones; the margin
/// below 2^24 leaves room for the KeyUpdate or the alerts that follow.
const AES_GCM_RECORDS_MAX: u64 = (1 << 24) - 64;
/// So many records before the limit a connection that cannot change its key should be announced an end.
const WORN_MARGIN_RECORDS: u64 = 1 << 16;

impl Aead {
    /// Length of a key, in bytes.
    pub const fn key_len(self) -> usize {
        match self {
            Aead::Aes128Gcm => 16,
            Aead::Aes256Gcm | Aead::ChaCha20Poly1305 => 32,
        }
    }

    /// Length of a traffic secret of TLS 1.3, in bytes: that of the suite's hash.
    pub const fn secret_len(self) -> usize {
        match self {
            Aead::Aes128Gcm | Aead::ChaCha20Poly1305 => 32,
            Aead::Aes256Gcm => 48,
        }
    }

    /// Records that one key may seal. ChaCha20-Poly1305 has no limit but the sequence number
    /// (RFC 8446 section 5.5), which may not wrap (section 5.3).
    pub const fn records_max(self) -> u64 {
        match self {
            Aead::Aes128Gcm | Aead::Aes256Gcm => AES_GCM_RECORDS_MAX,
            Aead::ChaCha20Poly1305 => u64::MAX - 64,
        }
    }

    /// Number of records from which a key counts as worn.
    pub(super) const fn worn_at(self) -> u64 {
        self.records_max() - WORN_MARGIN_RECORDS
    }

    /// Length of the part of a nonce that a record carries: TLS 1.2 with AES-GCM only
    /// (RFC 5288 section 3).
    pub(super) const fn explicit_nonce_len(self, version: Version) -> usize {
        match (version, self) {
            (Version::Tls12, Aead::Aes128Gcm | Aead::Aes256Gcm) => 8,
            (Version::Tls12, Aead::ChaCha20Poly1305) | (Version::Tls13, _) => 0,
        }
    }

    pub(super) fn hash(self) -> hkdf::Algorithm {
        match self {
            Aead::Aes128Gcm | Aead::ChaCha20Poly1305 => hkdf::HKDF_SHA256,
            Aead::Aes256Gcm => hkdf::HKDF_SHA384,
        }
    }

    /// Prepares a key for use: about 600 bytes on the heap, zeroed when they are freed.
    ///
    /// # Panics
    ///
    /// When the key does not have the length of this AEAD.
    pub(super) fn expand(self, key: &[u8]) -> aead::LessSafeKey {
        let algorithm = match self {
            Aead::Aes128Gcm => &aead::AES_128_GCM,
            Aead::Aes256Gcm => &aead::AES_256_GCM,
            Aead::ChaCha20Poly1305 => &aead::CHACHA20_POLY1305,
        };
        let key = aead::UnboundKey::new(algorithm, key).expect("a key of the AEAD's length");
        aead::LessSafeKey::new(key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A row: an AEAD, the lengths of its key and secret, of the explicit part of its nonces in either version, and how many
    /// records a key may seal.
    type Row = (Aead, usize, usize, [usize; 2], u64);

    #[test]
    fn each_aead_has_the_lengths_and_the_limit_of_its_rfc() {
        let rows: [Row; 3] = [
            (Aead::Aes128Gcm, 16, 32, [8, 0], (1 << 24) - 64),
            (Aead::Aes256Gcm, 32, 48, [8, 0], (1 << 24) - 64),
            (Aead::ChaCha20Poly1305, 32, 32, [0, 0], u64::MAX - 64),
        ];
        for (aead, key, secret, explicit, records) in rows {
            assert_eq!((aead.key_len(), aead.secret_len()), (key, secret));
            let versions = [Version::Tls12, Version::Tls13];
            let lengths = versions.map(|version| aead.explicit_nonce_len(version));
            assert_eq!(lengths, explicit, "{aead:?}");
            assert_eq!(aead.records_max(), records, "{aead:?}");
            assert_eq!(aead.worn_at(), records - 65_536, "{aead:?}");
        }
    }
}
