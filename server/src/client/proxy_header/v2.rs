//! Version 2: twelve bytes of signature, four of what follows, the addresses, and further values (section 2.2 of
//! the protocol).

use super::tlv::{CHECKSUM, Values};
use super::{Announced, HEADER_BYTES_MAX, Header, HeaderFault, canonical, crc32c};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

pub(super) const SIGNATURE: &[u8; 12] = b"\r\n\r\n\0\r\nQUIT\n";

/// Signature, version and command, family and protocol, length.
const HEAD_BYTES: usize = SIGNATURE.len() + 4;

const LOCAL: u8 = 0x20;
const PROXY: u8 = 0x21;

const TCP4: u8 = 0x11;
const TCP6: u8 = 0x21;
const UNIX_STREAM: u8 = 0x31;

/// A path in the address of a Unix socket.
const UNIX_PATH_BYTES: usize = 108;

/// Reads the header; the bytes begin as [`SIGNATURE`] does.
pub(super) fn read(bytes: &[u8]) -> Result<Option<Header>, HeaderFault> {
    let Some((head, _)) = bytes.split_at_checked(HEAD_BYTES) else {
        return match bytes.get(SIGNATURE.len()) {
            // What can be refused already is not waited for.
            Some(command) if !matches!(*command, LOCAL | PROXY) => Err(HeaderFault::Malformed),
            _ => Ok(None),
        };
    };
    let [.., command, family, high, low] = head else {
        return Ok(None);
    };
    // Other versions and commands have to be dropped.
    if !matches!(*command, LOCAL | PROXY) {
        return Err(HeaderFault::Malformed);
    }
    let len = HEAD_BYTES + usize::from(u16::from_be_bytes([*high, *low]));
    if len > HEADER_BYTES_MAX {
        return Err(HeaderFault::TooLong);
    }
    let Some(header) = bytes.get(..len) else {
        return Ok(None);
    };
    let announced = match *command {
        // The proxy speaks for itself: whatever the block says, its family included, is to be ignored.
        LOCAL => None,
        _ => announced(*family, header)?,
    };
    Ok(Some(Header { len, announced }))
}

fn announced(family: u8, header: &[u8]) -> Result<Option<Announced>, HeaderFault> {
    if family >> 4 > 3 || family & 0xf > 2 {
        // Families and protocols without a meaning have to be refused.
        return Err(HeaderFault::Malformed);
    }
    let body = &header[HEAD_BYTES..];
    let (source, destination, used) = match family {
        TCP4 => {
            let (source, destination) = pair::<4>(body).ok_or(HeaderFault::Malformed)?;
            (Some(source), Some(destination), 12)
        }
        TCP6 => {
            let (source, destination) = pair::<16>(body).ok_or(HeaderFault::Malformed)?;
            (Some(source), Some(destination), 36)
        }
        UNIX_STREAM => (None, None, 2 * UNIX_PATH_BYTES),
        // Unspecified, or datagrams: nothing that this connection can be.
        _ => return Ok(None),
    };
    let values = body.get(used..).ok_or(HeaderFault::Malformed)?;
    check_values(values, header)?;
    Ok(Some(Announced {
        source,
        destination,
        bytes: header.into(),
        values_at: HEAD_BYTES + used,
    }))
}

/// Both addresses, then both ports.
fn pair<const N: usize>(body: &[u8]) -> Option<(SocketAddr, SocketAddr)>
where
    [u8; N]: IntoIp,
{
    let (source, rest) = body.split_first_chunk::<N>()?;
    let (destination, rest) = rest.split_first_chunk::<N>()?;
    let (ports, _) = rest.split_first_chunk::<4>()?;
    let [a, b, c, d] = *ports;
    let source = canonical(source.into_ip(), u16::from_be_bytes([a, b]));
    let destination = canonical(destination.into_ip(), u16::from_be_bytes([c, d]));
    Some((source, destination))
}

trait IntoIp {
    fn into_ip(self) -> IpAddr;
}

impl IntoIp for [u8; 4] {
    fn into_ip(self) -> IpAddr {
        IpAddr::V4(Ipv4Addr::from(self))
    }
}

impl IntoIp for [u8; 16] {
    fn into_ip(self) -> IpAddr {
        IpAddr::V6(Ipv6Addr::from(self))
    }
}

/// Refuses values that do not fill their room exactly, and a checksum that is not that of the header.
fn check_values(values: &[u8], header: &[u8]) -> Result<(), HeaderFault> {
    let mut walk = Values::new(values);
    let mut given = None;
    for (kind, value) in walk.by_ref() {
        if kind == CHECKSUM {
            let value = <[u8; 4]>::try_from(value).map_err(|_| HeaderFault::Malformed)?;
            // Of two, one would be covered by the other.
            if given.replace(value).is_some() {
                return Err(HeaderFault::Malformed);
            }
        }
    }
    if !walk.is_at_end() {
        return Err(HeaderFault::Malformed);
    }
    let Some(given) = given else {
        return Ok(());
    };
    // It is that of the header with zeros in its own place.
    let mut zeroed = header.to_vec();
    let at = header.len() - values.len() + checksum_at(values).ok_or(HeaderFault::Malformed)?;
    zeroed[at..at + 4].fill(0);
    match crc32c::of(&zeroed) == u32::from_be_bytes(given) {
        true => Ok(()),
        false => Err(HeaderFault::Checksum),
    }
}

/// Where the value of the checksum begins among the values.
fn checksum_at(values: &[u8]) -> Option<usize> {
    let mut at = 0;
    for (kind, value) in Values::new(values) {
        if kind == CHECKSUM {
            return Some(at + 3);
        }
        at += 3 + value.len();
    }
    None
}
