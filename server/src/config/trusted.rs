//! A proxy that is trusted: an address, all addresses with a prefix, or whoever comes by a Unix socket.
//!
//! Decides how it is written and read back, and which addresses it stands for. `crate::client` decides what is
//! believed of such a proxy.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use super::error::Malformed;

/// Proxies that are trusted to say who their clients are.
///
/// IPv4 addresses count as such also where IPv6 carries them (`::ffff:192.0.2.1`).
///
/// ```
/// use ringgate::config::TrustedProxy;
///
/// let ours: TrustedProxy = "10.0.0.0/8".parse().unwrap();
/// assert!(ours.contains("10.1.2.3".parse().unwrap()));
/// assert!(ours.contains("::ffff:10.1.2.3".parse().unwrap()));
/// assert!(!ours.contains("192.0.2.1".parse().unwrap()));
/// assert_eq!("::1".parse::<TrustedProxy>().unwrap().to_string(), "::1");
/// assert!("10.0.0.1/8".parse::<TrustedProxy>().is_err());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TrustedProxy {
    /// Every peer on a Unix socket. Written `unix`.
    Unix,
    /// Every address whose first bits are these. Written with a slash, or as one address.
    Prefix(Prefix),
}

/// The first bits of addresses.
///
/// ```
/// use ringgate::config::{Prefix, TrustedProxy};
///
/// let prefix = Prefix::new([10, 0, 0, 0].into(), 8).expect("no bit behind the eighth");
/// assert_eq!("10.0.0.0/8".parse(), Ok(TrustedProxy::Prefix(prefix)));
/// assert_eq!(Prefix::new([10, 0, 0, 1].into(), 8), None);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Prefix {
    ip: IpAddr,
    bits: u8,
}

const UNIX: &str = "unix";

impl TrustedProxy {
    /// Whether a host with this address is one of them.
    pub fn contains(&self, ip: IpAddr) -> bool {
        match self {
            TrustedProxy::Unix => false,
            TrustedProxy::Prefix(prefix) => prefix.contains(ip),
        }
    }
}

impl Prefix {
    /// The addresses whose first `bits` bits are those of `ip`; None if there are not as many, or if `ip` has
    /// bits set behind them.
    pub fn new(ip: IpAddr, bits: u8) -> Option<Prefix> {
        let (ip, bits) = match (ip, ip.to_canonical()) {
            (IpAddr::V6(_), canonical @ IpAddr::V4(_)) => (canonical, bits.checked_sub(96)?),
            (_, ip) => (ip, bits),
        };
        let prefix = Prefix { ip, bits };
        let fits = bits <= width(ip) && number(ip) & !prefix.mask() == 0;
        fits.then_some(prefix)
    }

    fn contains(&self, ip: IpAddr) -> bool {
        let ip = ip.to_canonical();
        ip.is_ipv4() == self.ip.is_ipv4() && number(ip) & self.mask() == number(self.ip)
    }

    fn mask(&self) -> u128 {
        let behind = u32::from(width(self.ip).saturating_sub(self.bits));
        u128::MAX.checked_shl(behind).unwrap_or(0)
    }
}

fn width(ip: IpAddr) -> u8 {
    match ip {
        IpAddr::V4(_) => 32,
        IpAddr::V6(_) => 128,
    }
}

fn number(ip: IpAddr) -> u128 {
    match ip {
        IpAddr::V4(ip) => u128::from(u32::from(ip)),
        IpAddr::V6(ip) => u128::from(ip),
    }
}

impl fmt::Display for TrustedProxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TrustedProxy::Unix => f.write_str(UNIX),
            TrustedProxy::Prefix(Prefix { ip, bits }) if *bits == width(*ip) => write!(f, "{ip}"),
            TrustedProxy::Prefix(Prefix { ip, bits }) => write!(f, "{ip}/{bits}"),
        }
    }
}

impl FromStr for TrustedProxy {
    type Err = Malformed;

    fn from_str(text: &str) -> Result<Self, Malformed> {
        if text == UNIX {
            return Ok(TrustedProxy::Unix);
        }
        let (address, bits) = match text.split_once('/') {
            Some((address, bits)) => (address, Some(bits)),
            None => (text, None),
        };
        let ip: IpAddr = address
            .parse()
            .map_err(|_| Malformed::new("names are not looked up, and ports do not matter"))?;
        let bits = match bits {
            None => width(ip),
            Some(bits) if !bits.is_empty() && bits.bytes().all(|byte| byte.is_ascii_digit()) => {
                bits.parse()
                    .map_err(|_| Malformed::new("an address has not so many bits"))?
            }
            Some(_) => return Err(Malformed::new("behind the / stands a number of bits")),
        };
        match Prefix::new(ip, bits) {
            Some(prefix) => Ok(TrustedProxy::Prefix(prefix)),
            None if bits > width(ip) => Err(Malformed::new("an address has not so many bits")),
            None => Err(Malformed::new(
                "bits behind the prefix are set; write the first address of the range",
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_prefix_written_is_read_back_the_same(ip in any::<IpAddr>(), bits in 0u8..=128) {
            let ip = ip.to_canonical();
            let bits = bits.min(width(ip));
            let mask = Prefix { ip, bits }.mask();
            let first = match ip {
                IpAddr::V4(ip) => IpAddr::from((u32::from(ip) & mask as u32).to_be_bytes()),
                IpAddr::V6(ip) => IpAddr::from((u128::from(ip) & mask).to_be_bytes()),
            };
            if let Some(prefix) = Prefix::new(first, bits) {
                let trusted = TrustedProxy::Prefix(prefix);
                prop_assert_eq!(trusted.to_string().parse(), Ok(trusted));
                prop_assert!(trusted.contains(first));
                prop_assert!(trusted.contains(ip) || first.to_canonical() != first);
            }
        }

        #[test]
        fn reading_never_panics(text in "[0-9a-f:./unix]{0,30}") {
            let _ = text.parse::<TrustedProxy>();
        }
    }

    #[test]
    fn a_prefix_holds_the_addresses_that_begin_as_it_does_and_no_others() {
        for (prefix, inside, outside) in [
            ("10.0.0.0/8", "10.255.255.255", "11.0.0.0"),
            ("192.0.2.4/30", "192.0.2.7", "192.0.2.8"),
            ("192.0.2.1", "192.0.2.1", "192.0.2.2"),
            ("0.0.0.0/0", "255.255.255.255", "::1"),
            ("2001:db8::/32", "2001:db8:ffff::1", "2001:db9::"),
            ("::/0", "fe80::1", "192.0.2.1"),
            ("::1", "::1", "::2"),
            ("::ffff:10.0.0.0/104", "10.1.2.3", "11.0.0.0"),
            ("10.0.0.0/8", "::ffff:10.1.2.3", "::10.1.2.3"),
        ] {
            let trusted: TrustedProxy = prefix.parse().expect(prefix);
            assert!(trusted.contains(inside.parse().unwrap()), "{prefix}");
            assert!(!trusted.contains(outside.parse().unwrap()), "{prefix}");
        }
        assert!(!TrustedProxy::Unix.contains("127.0.0.1".parse().unwrap()));
    }

    #[test]
    fn a_refused_prefix_says_what_is_wrong() {
        for (text, because) in [
            ("10.0.0.1/8", "bits behind the prefix"),
            ("10.0.0.0/33", "not so many bits"),
            ("::/129", "not so many bits"),
            ("::/999", "not so many bits"),
            ("::ffff:10.0.0.0/8", "bits behind the prefix"),
            ("10.0.0.0/", "a number of bits"),
            ("10.0.0.0/+8", "a number of bits"),
            ("proxy.example", "names are not looked up"),
            ("10.0.0.1:80", "ports do not matter"),
            ("", "names are not looked up"),
        ] {
            let refusal = text.parse::<TrustedProxy>().expect_err(text).to_string();
            assert!(refusal.contains(because), "{text}: {refusal}");
        }
    }
}
