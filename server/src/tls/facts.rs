//! The agreement of a client and the server in their handshake, for handlers and logs. Made at the end of
//! the handshake; it goes with its connection to other cores, and as bytes to another process. Nothing here
//! is secret.

use super::record::Version;
use rustls::pki_types::CertificateDer;

/// The agreement of client and server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facts {
    /// The version.
    pub version: Version,
    /// The cipher suite, by its IANA name less the prefix of TLS 1.3's, such as
    /// `TLS13_AES_128_GCM_SHA256`.
    pub cipher: &'static str,
    /// The name that the client asked for (SNI), in lower case.
    pub server_name: Option<Box<str>>,
    /// The protocol that was chosen (ALPN).
    pub protocol: Option<Box<[u8]>>,
    /// The certificates that the client showed, its own first; checked against the roots of the listener.
    /// In a resumed session those of the first handshake.
    pub client_chain: Vec<CertificateDer<'static>>,
    /// Whether a ticket spared the signature.
    pub is_resumed: bool,
}

/// The suites that are spoken, by the number under which they travel. New ones go to the end.
const CIPHERS: [&str; 9] = [
    "TLS13_AES_128_GCM_SHA256",
    "TLS13_AES_256_GCM_SHA384",
    "TLS13_CHACHA20_POLY1305_SHA256",
    "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
    "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
    "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256",
    "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
    "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
    "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256",
];

/// Longest agreement that goes to another process; a connection with a longer one stays where it is, and is told
/// its end.
pub const FACTS_SIZE_BYTES_MAX: usize = 16 << 10;

impl Facts {
    /// The agreement as bytes; None if it is longer than [`FACTS_SIZE_BYTES_MAX`] or has a suite that is
    /// unknown here.
    pub fn encode(&self) -> Option<Vec<u8>> {
        let cipher = CIPHERS.iter().position(|name| *name == self.cipher)?;
        let mut bytes = vec![
            match self.version {
                Version::Tls12 => 0,
                Version::Tls13 => 1,
            },
            u8::try_from(cipher).ok()?,
            u8::from(self.is_resumed),
        ];
        let name = self.server_name.as_deref().map(str::as_bytes);
        let chain = self.client_chain.iter().map(|der| Some(&**der));
        let parts = [name, self.protocol.as_deref()];
        for part in parts.into_iter().chain(chain) {
            // A part that is there is one byte longer than it is.
            let length = part.map_or(0, |part| part.len() + 1);
            bytes.extend_from_slice(&u32::try_from(length).ok()?.to_be_bytes());
            bytes.extend_from_slice(part.unwrap_or_default());
        }
        (bytes.len() <= FACTS_SIZE_BYTES_MAX).then_some(bytes)
    }

    /// Reads back what [`Facts::encode`] wrote; None if it is something else.
    pub fn decode(bytes: &[u8]) -> Option<Facts> {
        let (&[version, cipher, is_resumed], mut rest) = bytes.split_first_chunk::<3>()?;
        let mut next = || -> Option<Option<Box<[u8]>>> {
            let (length, behind) = rest.split_first_chunk::<4>()?;
            let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
            let Some(length) = length.checked_sub(1) else {
                rest = behind;
                return Some(None);
            };
            let (part, behind) = behind.split_at_checked(length)?;
            rest = behind;
            Some(Some(part.into()))
        };
        let name = next()?;
        let protocol = next()?;
        let mut client_chain = Vec::new();
        loop {
            match next() {
                Some(Some(der)) => client_chain.push(CertificateDer::from(der.into_vec())),
                Some(None) => return None,
                None => break,
            }
        }
        let server_name = match name {
            Some(name) => Some(String::from_utf8(name.into_vec()).ok()?.into()),
            None => None,
        };
        rest.is_empty().then_some(Facts {
            version: match version {
                0 => Version::Tls12,
                1 => Version::Tls13,
                _ => return None,
            },
            cipher: CIPHERS.get(usize::from(cipher))?,
            server_name,
            protocol,
            client_chain,
            is_resumed: match is_resumed {
                0 => false,
                1 => true,
                _ => return None,
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn an_agreement_is_the_same_on_the_other_side(
            (cipher, is_resumed) in (0..CIPHERS.len(), any::<bool>()),
            name in proptest::option::of("[a-z.]{0,20}"),
            protocol in proptest::option::of(any::<Vec<u8>>()),
            chain in proptest::collection::vec(any::<Vec<u8>>(), 0..3),
        ) {
            let facts = Facts {
                version: if cipher < 3 { Version::Tls13 } else { Version::Tls12 },
                cipher: CIPHERS[cipher],
                server_name: name.map(String::into_boxed_str),
                protocol: protocol.map(Vec::into_boxed_slice),
                client_chain: chain.into_iter().map(CertificateDer::from).collect(),
                is_resumed,
            };
            let bytes = facts.encode().expect("short");
            prop_assert_eq!(Facts::decode(&bytes), Some(facts));
            prop_assert_eq!(Facts::decode(&bytes[..bytes.len() - 1]), None);
        }

        #[test]
        fn decoding_never_panics(bytes in any::<Vec<u8>>()) {
            let _ = Facts::decode(&bytes);
        }
    }

    #[test]
    fn every_suite_that_the_library_offers_has_a_number() {
        let suites = rustls::crypto::aws_lc_rs::DEFAULT_CIPHER_SUITES;
        for suite in suites {
            let name = suite.suite().as_str().expect("a name");
            assert!(CIPHERS.contains(&name), "{name}");
        }
    }

    #[test]
    fn a_chain_that_is_too_long_stays() {
        let facts = Facts {
            version: Version::Tls13,
            cipher: CIPHERS[0],
            server_name: None,
            protocol: None,
            client_chain: vec![CertificateDer::from(vec![0; FACTS_SIZE_BYTES_MAX])],
            is_resumed: false,
        };
        assert_eq!(facts.encode(), None);
    }
}
