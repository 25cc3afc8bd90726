//! The further values of a header of version 2, each with its kind and length (sections 2.2.1 to 2.2.8 of the
//! protocol): what the client agreed on with the proxy about TLS, a name of the connection, padding.
//!
//! Kinds that are not known here are passed over, and are there for whoever asks for them by number.

/// The protocol that was agreed on by ALPN.
pub(crate) const ALPN: u8 = 0x01;
/// The name that the client asked for.
pub(crate) const AUTHORITY: u8 = 0x02;
/// A checksum over the whole header.
pub(crate) const CHECKSUM: u8 = 0x03;
/// A name of the connection.
pub(crate) const UNIQUE_ID: u8 = 0x05;
/// The client's TLS: a byte of flags, four of the verification, further values.
pub(crate) const SSL: u8 = 0x20;
/// Inside of [`SSL`]: the version, in US-ASCII.
pub(crate) const SSL_VERSION: u8 = 0x21;
/// Inside of [`SSL`]: the common name in the client's certificate, in UTF-8.
pub(crate) const SSL_COMMON_NAME: u8 = 0x22;
/// Inside of [`SSL`]: the cipher, in US-ASCII.
pub(crate) const SSL_CIPHER: u8 = 0x23;

/// In the flags of [`SSL`]: the client came through TLS.
pub(crate) const CLIENT_SSL: u8 = 1;
/// In the flags of [`SSL`]: the client showed a certificate on this connection.
pub(crate) const CLIENT_CERT_CONN: u8 = 2;
/// In the flags of [`SSL`]: the client showed a certificate on this connection.
pub(crate) const CLIENT_CERT_SESS: u8 = 4;

/// A walk over values. Ends at the first one that does not fit.
#[derive(Debug, Clone)]
pub(crate) struct Values<'a> {
    rest: &'a [u8],
}

impl<'a> Values<'a> {
    pub(crate) fn new(values: &'a [u8]) -> Values<'a> {
        Values { rest: values }
    }

    /// Whether all of the bytes were values.
    pub(super) fn is_at_end(&self) -> bool {
        self.rest.is_empty()
    }
}

impl<'a> Iterator for Values<'a> {
    type Item = (u8, &'a [u8]);

    fn next(&mut self) -> Option<(u8, &'a [u8])> {
        let ([kind, high, low], rest) = self.rest.split_first_chunk()?;
        let len = usize::from(u16::from_be_bytes([*high, *low]));
        let (value, rest) = rest.split_at_checked(len)?;
        self.rest = rest;
        Some((*kind, value))
    }
}

/// The TLS of a client, as far as the proxy tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Ssl<'a> {
    pub(crate) flags: u8,
    /// 0 if the client's certificate was verified.
    pub(crate) verify: u32,
    values: &'a [u8],
}

impl<'a> Ssl<'a> {
    /// Reads a value of the kind [`SSL`]; None if it is too short to be one.
    pub(crate) fn read(value: &'a [u8]) -> Option<Ssl<'a>> {
        let (flags, rest) = value.split_first()?;
        let (verify, values) = rest.split_first_chunk()?;
        Some(Ssl {
            flags: *flags,
            verify: u32::from_be_bytes(*verify),
            values,
        })
    }

    /// The first further value of a kind.
    pub(crate) fn value(&self, kind: u8) -> Option<&'a [u8]> {
        let mut values = Values::new(self.values);
        values.find_map(|(found, value)| (found == kind).then_some(value))
    }
}
