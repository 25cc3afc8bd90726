//! Records of any kind and content, made without the code under test: key schedule and AEAD written a
//! second time from the RFCs.

use aws_lc_rs::{aead, hkdf};
use ringgate::tls::record::{Aead, Session, Traffic, Version};

pub(crate) const CHANGE_CIPHER_SPEC: u8 = 20;
pub(crate) const ALERT: u8 = 21;
pub(crate) const HANDSHAKE: u8 = 22;
pub(crate) const DATA: u8 = 23;

/// All pairs of version and AEAD.
pub(crate) const KINDS: [(Version, Aead); 6] = [
    (Version::Tls13, Aead::Aes128Gcm),
    (Version::Tls13, Aead::Aes256Gcm),
    (Version::Tls13, Aead::ChaCha20Poly1305),
    (Version::Tls12, Aead::Aes128Gcm),
    (Version::Tls12, Aead::Aes256Gcm),
    (Version::Tls12, Aead::ChaCha20Poly1305),
];

/// The sending side of a peer that says whatever a test wants.
pub(crate) struct Forge {
    version: Version,
    aead: Aead,
    secret: Vec<u8>,
    key: Vec<u8>,
    iv: [u8; 12],
    pub(crate) seq: u64,
}

struct Size(usize);

impl hkdf::KeyType for Size {
    fn len(&self) -> usize {
        self.0
    }
}

fn expand(aead: Aead, secret: &[u8], label: &str, size: usize) -> Vec<u8> {
    let hash = match aead {
        Aead::Aes256Gcm => hkdf::HKDF_SHA384,
        _ => hkdf::HKDF_SHA256,
    };
    let mut info = (size as u16).to_be_bytes().to_vec();
    info.push(6 + label.len() as u8);
    info.extend(b"tls13 ");
    info.extend(label.as_bytes());
    info.push(0);
    let mut out = vec![0; size];
    let info = [&info[..]];
    let prk = hkdf::Prk::new_less_safe(hash, secret);
    let okm = prk.expand(&info, Size(size)).expect("short");
    okm.fill(&mut out).expect("the same length");
    out
}

impl Forge {
    pub(crate) fn new(version: Version, aead: Aead, fill: u8) -> Forge {
        let mut forge = Forge {
            version,
            aead,
            secret: Vec::new(),
            key: vec![fill; aead.key_len()],
            iv: [fill; 12],
            seq: 0,
        };
        if version == Version::Tls13 {
            forge.secret = vec![fill; aead.secret_len()];
            forge.derive();
        }
        forge
    }

    /// This direction in the layout of a carried session.
    pub(crate) fn carried(&self) -> Vec<u8> {
        let seq = self.seq.to_be_bytes();
        [&seq[..], &self.iv, &self.key, &self.secret].concat()
    }

    /// The sender of TLS 1.3 that has this traffic secret.
    pub(crate) fn of_secret(aead: Aead, secret: Vec<u8>) -> Forge {
        let mut forge = Forge::new(Version::Tls13, aead, 0);
        forge.secret = secret;
        forge.derive();
        forge
    }

    fn derive(&mut self) {
        self.key = expand(self.aead, &self.secret, "key", self.aead.key_len());
        let iv = expand(self.aead, &self.secret, "iv", 12);
        self.iv = iv.try_into().expect("twelve bytes");
    }

    /// Changes to the next key, as after a KeyUpdate.
    pub(crate) fn advance(&mut self) {
        let size = self.aead.secret_len();
        self.secret = expand(self.aead, &self.secret, "traffic upd", size);
        self.derive();
        self.seq = 0;
    }

    fn traffic(&self, seq: u64) -> Traffic<'_> {
        Traffic {
            seq,
            key: &self.key,
            iv: &self.iv,
            secret: &self.secret,
        }
    }

    fn key(&self) -> aead::LessSafeKey {
        let algorithm = match self.aead {
            Aead::Aes128Gcm => &aead::AES_128_GCM,
            Aead::Aes256Gcm => &aead::AES_256_GCM,
            Aead::ChaCha20Poly1305 => &aead::CHACHA20_POLY1305,
        };
        aead::LessSafeKey::new(aead::UnboundKey::new(algorithm, &self.key).expect("its length"))
    }

    fn nonce(&self) -> [u8; 12] {
        let seq = u128::from(self.seq).to_be_bytes();
        std::array::from_fn(|at| self.iv[at] ^ seq[at + 4])
    }

    /// One record of this kind.
    pub(crate) fn record(&mut self, kind: u8, plain: &[u8]) -> Vec<u8> {
        match self.version {
            Version::Tls12 => self.record_of_tls12(kind, plain),
            Version::Tls13 => self.inner(&[plain, &[kind]].concat()),
        }
    }

    /// One record of TLS 1.3 whose inner plaintext, kind and padding included, is this.
    pub(crate) fn inner(&mut self, inner: &[u8]) -> Vec<u8> {
        let mut record = vec![DATA, 3, 3];
        record.extend(((inner.len() + 16) as u16).to_be_bytes());
        let header = record.clone();
        record.extend(inner);
        let nonce = aead::Nonce::assume_unique_for_key(self.nonce());
        let aad = aead::Aad::from(header);
        let tag = self
            .key()
            .seal_in_place_separate_tag(nonce, aad, &mut record[5..]);
        record.extend(tag.expect("sealed").as_ref());
        self.seq += 1;
        record
    }

    fn record_of_tls12(&mut self, kind: u8, plain: &[u8]) -> Vec<u8> {
        let nonce = self.nonce();
        let explicit = match self.aead {
            Aead::ChaCha20Poly1305 => &[][..],
            _ => &nonce[4..],
        };
        let mut record = vec![kind, 3, 3];
        record.extend(((explicit.len() + plain.len() + 16) as u16).to_be_bytes());
        record.extend(explicit);
        let start = record.len();
        record.extend(plain);
        let mut aad = self.seq.to_be_bytes().to_vec();
        aad.extend([kind, 3, 3]);
        aad.extend((plain.len() as u16).to_be_bytes());
        let nonce = aead::Nonce::assume_unique_for_key(nonce);
        let aad = aead::Aad::from(aad);
        let tag = self
            .key()
            .seal_in_place_separate_tag(nonce, aad, &mut record[start..]);
        record.extend(tag.expect("sealed").as_ref());
        self.seq += 1;
        record
    }
}

/// A session, what its peer says, and a session in the peer's place.
pub(crate) struct Ends {
    pub(crate) session: Session,
    pub(crate) peer: Forge,
    pub(crate) peer_session: Session,
}

/// Both ends of a connection at these sequence numbers: received, sent.
pub(crate) fn ends_at(version: Version, aead: Aead, received: u64, sent: u64) -> Ends {
    let mut peer = Forge::new(version, aead, 0xa1);
    peer.seq = received;
    let own = Forge::new(version, aead, 0xb2);
    let session = |receiving, sending| {
        Session::new(version, aead, receiving, sending).expect("keys of the right lengths")
    };
    Ends {
        session: session(&peer.traffic(received), &own.traffic(sent)),
        peer_session: session(&own.traffic(sent), &peer.traffic(received)),
        peer,
    }
}

/// Both ends of a fresh connection.
pub(crate) fn ends(version: Version, aead: Aead) -> Ends {
    ends_at(version, aead, 0, 0)
}
