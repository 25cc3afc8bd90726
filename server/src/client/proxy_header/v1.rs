//! Version 1: one line of text, such as `PROXY TCP4 192.0.2.1 198.51.100.1 56324 443` (section 2.1 of the
//! protocol). The address of the client comes first.

use super::{Announced, Header, HeaderFault, canonical};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

pub(super) const SIGNATURE: &[u8] = b"PROXY ";

/// The longest line, with its CRLF: two IPv6 addresses written in full, or `UNKNOWN` with as much.
const LINE_BYTES_MAX: usize = 107;

/// Reads the line; the bytes begin as [`SIGNATURE`] does.
pub(super) fn read(bytes: &[u8]) -> Result<Option<Header>, HeaderFault> {
    let window = &bytes[..bytes.len().min(LINE_BYTES_MAX)];
    let Some(end) = window.windows(2).position(|pair| pair == b"\r\n") else {
        // A line without its end in the first 107 bytes is invalid.
        return match bytes.len() < LINE_BYTES_MAX {
            true => Ok(None),
            false => Err(HeaderFault::TooLong),
        };
    };
    let len = end + 2;
    let words = bytes.get(SIGNATURE.len()..end);
    let words = words.ok_or(HeaderFault::Malformed)?;
    // Whatever stands behind UNKNOWN is to be ignored.
    if words == b"UNKNOWN" || words.starts_with(b"UNKNOWN ") {
        return Ok(Some(Header {
            len,
            announced: None,
        }));
    }
    let line = std::str::from_utf8(words).map_err(|_| HeaderFault::Malformed)?;
    let announced = addresses(line, &bytes[..len]).ok_or(HeaderFault::Malformed)?;
    Ok(Some(Header {
        len,
        announced: Some(announced),
    }))
}

fn addresses(line: &str, bytes: &[u8]) -> Option<Announced> {
    let mut words = line.split(' ');
    let family = words.next()?;
    let (source, destination) = match family {
        "TCP4" => (v4(words.next()?)?, v4(words.next()?)?),
        "TCP6" => (v6(words.next()?)?, v6(words.next()?)?),
        _ => return None,
    };
    let (from, to) = (port(words.next()?)?, port(words.next()?)?);
    if words.next().is_some() {
        return None;
    }
    Some(Announced {
        source: Some(canonical(source, from)),
        destination: Some(canonical(destination, to)),
        bytes: bytes.into(),
        values_at: bytes.len(),
    })
}

fn v4(word: &str) -> Option<IpAddr> {
    Ipv4Addr::from_str(word).ok().map(IpAddr::V4)
}

fn v6(word: &str) -> Option<IpAddr> {
    Ipv6Addr::from_str(word).ok().map(IpAddr::V6)
}

/// A port in decimal digits, without leading zeros.
fn port(word: &str) -> Option<u16> {
    let is_plain = word.bytes().all(|byte| byte.is_ascii_digit());
    let is_padded = word.len() > 1 && word.starts_with('0');
    match is_plain && !is_padded {
        true => word.parse().ok(),
        false => None,
    }
}
