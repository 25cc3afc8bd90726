//! The header that a proxy writes before the first byte of a connection, to say whose connection it is: the
//! PROXY protocol, versions 1 and 2 (`doc/proxy-protocol.txt` of HAProxy).
//!
//! Pure, over the bytes received so far. Called by `connection/proxied.rs`, and again for a header that another
//! process has read. Which peers may send a header, how long it may take and what happens to a connection
//! without one is decided there.
//!
//! | file | does |
//! |---|---|
//! | [`v1`] | reads the line of text |
//! | [`v2`] | reads the binary form |
//! | [`tlv`] | walks over the further values of the binary form |

mod crc32c;
pub(crate) mod tlv;
mod v1;
mod v2;

#[cfg(test)]
mod tests;

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

/// The longest header that is read. The binary form could have 64 KiB; what proxies send is some hundred bytes,
/// and a certificate of the client a few thousand.
pub(crate) const HEADER_BYTES_MAX: usize = 4096;

/// The word of a header on its connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Announced {
    /// The client's address; None for a client on a Unix socket of the proxy's machine.
    pub(crate) source: Option<SocketAddr>,
    /// The address that the client connected to; None as above.
    pub(crate) destination: Option<SocketAddr>,
    /// The whole header, as it was received.
    bytes: Box<[u8]>,
    /// Where the further values begin in it.
    values_at: usize,
}

impl Announced {
    /// The further values, each with its kind; none of version 1.
    pub(crate) fn values(&self) -> tlv::Values<'_> {
        tlv::Values::new(&self.bytes[self.values_at..])
    }

    /// The header in hexadecimal, for another process.
    pub(crate) fn to_text(&self) -> String {
        let digit = |nibble: u8| char::from_digit(u32::from(nibble), 16).unwrap_or_default();
        let bytes = self.bytes.iter();
        bytes
            .flat_map(|byte| [digit(byte >> 4), digit(byte & 15)])
            .collect()
    }

    /// Reads back what [`Announced::to_text`] gave; None if it is something else.
    pub(crate) fn from_text(text: &str) -> Option<Announced> {
        let (pairs, []) = text.as_bytes().as_chunks::<2>() else {
            return None;
        };
        let digit = |digit: u8| Some(char::from(digit).to_digit(16)? as u8);
        let byte = |pair: &[u8; 2]| Some(digit(pair[0])? << 4 | digit(pair[1])?);
        let bytes: Vec<u8> = pairs.iter().map(byte).collect::<Option<_>>()?;
        let header = read(&bytes).ok()??;
        header.announced.filter(|_| header.len == bytes.len())
    }
}

/// A whole header.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Header {
    /// The length in bytes; the client's own bytes come behind.
    pub(crate) len: usize,
    /// The word of the header; None where the addresses of the socket are to be kept: the proxy connected for itself, or
    /// does not know whose connection it is, or speaks of another protocol than TCP and Unix sockets.
    pub(crate) announced: Option<Announced>,
}

/// The reason why a connection that is to begin with a header is closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum HeaderFault {
    /// The bytes are no header.
    Missing,
    /// The header breaks a rule of the protocol.
    Malformed,
    /// The header is longer than is read.
    TooLong,
    /// The checksum is wrong.
    Checksum,
    /// The peer is none of `trusted_proxies`.
    Untrusted,
    /// The header did not come within `proxy_header_timeout`.
    TimedOut,
}

impl HeaderFault {
    /// Every fault, in the order of its counters.
    pub(crate) const ALL: [HeaderFault; 6] = [
        HeaderFault::Missing,
        HeaderFault::Malformed,
        HeaderFault::TooLong,
        HeaderFault::Checksum,
        HeaderFault::Untrusted,
        HeaderFault::TimedOut,
    ];

    /// The name in metrics and log lines.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            HeaderFault::Missing => "missing",
            HeaderFault::Malformed => "malformed",
            HeaderFault::TooLong => "too-long",
            HeaderFault::Checksum => "checksum",
            HeaderFault::Untrusted => "untrusted",
            HeaderFault::TimedOut => "timed-out",
        }
    }

    /// The advice for an operator.
    pub(crate) const fn cure(self) -> &'static str {
        match self {
            HeaderFault::Missing => {
                "let the proxy send it (send-proxy-v2 in HAProxy, proxy_protocol on in nginx's stream), or \
                 leave this listener out of proxy_protocol"
            }
            HeaderFault::Malformed | HeaderFault::Checksum => {
                "look at what the proxy, or something between, writes before the first byte"
            }
            HeaderFault::TooLong => "let the proxy send fewer values along; 4096 bytes are read",
            HeaderFault::Untrusted => {
                "name the proxy's address in trusted_proxies, or keep others away from this listener"
            }
            HeaderFault::TimedOut => {
                "let the proxy send it (send-proxy-v2 in HAProxy, proxy_protocol on in nginx's stream), or \
                 raise proxy_header_timeout"
            }
        }
    }
}

impl fmt::Display for HeaderFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Reads a header from the front of what was received; None if more has to come.
///
/// # Errors
///
/// The bytes are not the front of a header that the protocol allows.
pub(crate) fn read(bytes: &[u8]) -> Result<Option<Header>, HeaderFault> {
    if is_front(bytes, v2::SIGNATURE) {
        v2::read(bytes)
    } else if is_front(bytes, v1::SIGNATURE) {
        v1::read(bytes)
    } else {
        Err(HeaderFault::Missing)
    }
}

/// Whether the bytes begin as the signature does, as far as they go.
fn is_front(bytes: &[u8], signature: &[u8]) -> bool {
    let common = bytes.len().min(signature.len());
    bytes[..common] == signature[..common]
}

/// An address in the form in which all are compared: IPv4, also where IPv6 carries it.
fn canonical(ip: IpAddr, port: u16) -> SocketAddr {
    SocketAddr::new(ip.to_canonical(), port)
}

/// An announcement, shared by the connection and its requests.
pub(crate) type SharedAnnounced = Arc<Announced>;
