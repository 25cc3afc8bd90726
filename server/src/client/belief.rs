//! The address of the client of a request: that of the peer of its connection, and, if the peer is a proxy that
//! is trusted, the one that the fields of the request name.
//!
//! Pure. The one place where this is told: called by `connection/sockets.rs`, which knows the peers, for
//! handlers, `per_address` and logs. The fields of a peer that is not trusted are not looked at.

use super::forwarded::{Nodes, of_forwarded, of_x_forwarded_for};
use crate::config::{Forwarded, Proxies, TrustedProxy};
use smallvec::SmallVec;
use std::net::SocketAddr;

/// The peer of a connection: the other end of its socket, or whom a PROXY header announced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Peer {
    /// A host.
    Inet(SocketAddr),
    /// The other end of a Unix socket of this machine, or of a simulated one.
    Unix,
    /// Nobody knows: the connection is gone, or a proxy announced a client without an address.
    Unknown,
}

impl Peer {
    /// The address, IPv4 also where IPv6 carries it.
    pub(crate) fn address(self) -> Option<SocketAddr> {
        match self {
            Peer::Inet(address) => {
                Some(SocketAddr::new(address.ip().to_canonical(), address.port()))
            }
            Peer::Unix | Peer::Unknown => None,
        }
    }
}

/// Whom the server believes, and what.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Belief {
    trusted: Vec<TrustedProxy>,
    forwarded: Forwarded,
}

impl Belief {
    pub(crate) fn new(proxies: &Proxies) -> Belief {
        Belief {
            trusted: proxies.trusted.clone(),
            forwarded: proxies.forwarded,
        }
    }

    /// Whether this peer is a proxy that is believed.
    pub(crate) fn trusts(&self, peer: Peer) -> bool {
        match peer {
            Peer::Inet(address) => self
                .trusted
                .iter()
                .any(|trusted| trusted.contains(address.ip())),
            Peer::Unix => self.trusted.contains(&TrustedProxy::Unix),
            Peer::Unknown => false,
        }
    }

    /// The client of a request that came from this peer with these fields: the nearest node on its way that is
    /// no trusted proxy. If all of them are, the first; if one does not tell the next, that one. The port is
    /// 0 where no proxy tells it. None where even the peer has no address.
    pub(crate) fn client<'a>(
        &self,
        peer: Peer,
        fields: impl Iterator<Item = (&'a [u8], &'a [u8])>,
    ) -> Option<SocketAddr> {
        self.named(peer, fields).or_else(|| peer.address())
    }

    /// The client as the fields of a request name it; None if it is the peer.
    pub(crate) fn named<'a>(
        &self,
        peer: Peer,
        fields: impl Iterator<Item = (&'a [u8], &'a [u8])>,
    ) -> Option<SocketAddr> {
        let name = match self.forwarded {
            Forwarded::Off => return None,
            Forwarded::XForwardedFor => &b"x-forwarded-for"[..],
            Forwarded::Forwarded => b"forwarded",
        };
        if self.trusted.is_empty() || !self.trusts(peer) {
            return None;
        }
        let mut client = None;
        let lines: SmallVec<[&[u8]; 4]> = fields
            .filter(|(found, _)| found.len() == name.len() && found.eq_ignore_ascii_case(name))
            .map(|(_, value)| value)
            .collect();
        // Several lines are one list (RFC 9110 section 5.3).
        for line in lines.iter().rev() {
            let Some(nodes) = self.nodes(line) else {
                return client;
            };
            for node in nodes {
                let Some(node) = node else {
                    return client;
                };
                client = Some(node);
                if !self.trusts(Peer::Inet(node)) {
                    return client;
                }
            }
        }
        client
    }

    fn nodes(&self, line: &[u8]) -> Option<Nodes> {
        match self.forwarded {
            Forwarded::Forwarded => of_forwarded(line),
            Forwarded::XForwardedFor | Forwarded::Off => Some(of_x_forwarded_for(line)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn belief(trusted: &[&str], forwarded: Forwarded) -> Belief {
        Belief {
            trusted: trusted.iter().map(|text| text.parse().unwrap()).collect(),
            forwarded,
        }
    }

    fn inet(text: &str) -> Peer {
        Peer::Inet(text.parse().unwrap())
    }

    #[track_caller]
    fn check(belief: &Belief, peer: Peer, fields: &[(&str, &str)], expected: Option<&str>) {
        let fields = fields
            .iter()
            .map(|(name, value)| (name.as_bytes(), value.as_bytes()));
        let client = belief.client(peer, fields);
        assert_eq!(client, expected.map(|text| text.parse().unwrap()));
    }

    #[test]
    fn the_client_is_the_nearest_node_that_is_no_trusted_proxy() {
        let b = belief(&["10.0.0.0/8", "2001:db8:1::/48"], Forwarded::XForwardedFor);
        let list = [("X-Forwarded-For", "6.6.6.6, 203.0.113.7, 10.1.1.1")];
        check(&b, inet("10.0.0.1:5"), &list, Some("203.0.113.7:0"));
        check(&b, inet("[2001:db8:1::7]:5"), &list, Some("203.0.113.7:0"));
        check(
            &b,
            inet("[::ffff:10.0.0.1]:5"),
            &list,
            Some("203.0.113.7:0"),
        );
        let lines = [
            ("x-forwarded-for", "6.6.6.6"),
            ("Accept", "1.1.1.1"),
            ("X-FORWARDED-FOR", "203.0.113.7"),
        ];
        check(&b, inet("10.0.0.1:5"), &lines, Some("203.0.113.7:0"));
    }

    #[test]
    fn the_fields_of_a_peer_that_is_not_trusted_are_ignored() {
        let list = [
            ("X-Forwarded-For", "127.0.0.1"),
            ("Forwarded", "for=127.0.0.1"),
        ];
        for forwarded in [Forwarded::XForwardedFor, Forwarded::Forwarded] {
            let b = belief(&["10.0.0.0/8"], forwarded);
            check(&b, inet("192.0.2.1:5"), &list, Some("192.0.2.1:5"));
            check(&b, Peer::Unix, &list, None);
            check(&b, Peer::Unknown, &list, None);
            let nobody = belief(&[], forwarded);
            check(&nobody, inet("10.0.0.1:5"), &list, Some("10.0.0.1:5"));
        }
    }

    #[test]
    fn one_field_is_believed_and_the_other_is_not() {
        let list = [
            ("X-Forwarded-For", "203.0.113.1"),
            ("Forwarded", "for=203.0.113.2"),
        ];
        let client = |forwarded| {
            belief(&["unix"], forwarded).client(
                Peer::Unix,
                list.iter()
                    .map(|(name, value)| (name.as_bytes(), value.as_bytes())),
            )
        };
        let ip = |text: &str| Some(SocketAddr::new(text.parse().unwrap(), 0));
        assert_eq!(client(Forwarded::XForwardedFor), ip("203.0.113.1"));
        assert_eq!(client(Forwarded::Forwarded), ip("203.0.113.2"));
        assert_eq!(client(Forwarded::Off), None);
    }

    #[test]
    fn where_all_nodes_are_trusted_the_first_is_the_client() {
        let b = belief(&["10.0.0.0/8"], Forwarded::XForwardedFor);
        let list = [("X-Forwarded-For", "10.0.0.3, 10.0.0.2")];
        check(&b, inet("10.0.0.1:5"), &list, Some("10.0.0.3:0"));
    }

    #[test]
    fn a_node_that_is_not_told_leaves_the_one_that_does_not_tell_it() {
        let b = belief(&["10.0.0.0/8"], Forwarded::XForwardedFor);
        let list = [("X-Forwarded-For", "203.0.113.7, unknown, 10.0.0.2")];
        check(&b, inet("10.0.0.1:5"), &list, Some("10.0.0.2:0"));
        let none = [("X-Forwarded-For", "unknown")];
        check(&b, inet("10.0.0.1:5"), &none, Some("10.0.0.1:5"));
        check(&b, inet("10.0.0.1:5"), &[], Some("10.0.0.1:5"));
        let b = belief(&["10.0.0.0/8"], Forwarded::Forwarded);
        let broken = [("Forwarded", "for=203.0.113.7"), ("Forwarded", "for=\"")];
        check(&b, inet("10.0.0.1:5"), &broken, Some("10.0.0.1:5"));
    }

    proptest! {
        /// Whatever a client writes in front, the proxy's own word decides.
        #[test]
        fn a_client_cannot_choose_its_address(front in "[ -~]{0,60}") {
            let peer = inet("10.0.0.1:5");
            for (forwarded, name, added) in [
                (Forwarded::XForwardedFor, "x-forwarded-for", "203.0.113.7"),
                (Forwarded::Forwarded, "forwarded", "for=203.0.113.7"),
            ] {
                let b = belief(&["10.0.0.0/8"], forwarded);
                let one = format!("{front}, {added}");
                let client = b.client(peer, [(name.as_bytes(), one.as_bytes())].into_iter());
                let real = "203.0.113.7:0".parse().unwrap();
                prop_assert!(client == Some(real) || client == peer.address(), "{:?}", client);
                let two = [&front[..], added].map(|value| (name.as_bytes(), value.as_bytes()));
                prop_assert_eq!(b.client(peer, two.into_iter()), Some(real));
            }
        }
    }
}
