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

/// The word of the fields of a request on its client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Word {
    /// Nothing that is to be heard: the client is the peer.
    None,
    /// The client is another one.
    Client(SocketAddr),
    /// The peer that sent the field is no trusted proxy, and is the client.
    Untrusted,
    /// The field of a trusted proxy has no address where its peer has to stand; the proxy counts as the client.
    NoAddress,
}

impl Word {
    /// The client, if it is not the peer.
    pub(crate) fn client(self) -> Option<SocketAddr> {
        match self {
            Word::Client(client) => Some(client),
            Word::None | Word::Untrusted | Word::NoAddress => None,
        }
    }

    /// Why a field that is there was not taken: its place in [`REFUSED`].
    pub(crate) fn refused(self) -> Option<usize> {
        match self {
            Word::Untrusted => Some(0),
            Word::NoAddress => Some(1),
            Word::None | Word::Client(_) => None,
        }
    }
}

/// Reasons why the field of a request is not taken.
pub(crate) const REFUSED: [&str; 2] = ["untrusted", "no-address"];

/// Where the address of a client is from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Source {
    /// The peer of the connection.
    Socket,
    /// A header of the PROXY protocol.
    ProxyHeader,
    /// A field of the request.
    Field,
}

impl Source {
    /// Names, in the order of the sources.
    pub(crate) const NAMES: [&str; 3] = ["socket", "proxy-header", "field"];
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

    /// The word of these fields on the client of their request, which came from this peer. The client is the nearest node on its
    /// way that is no trusted proxy. If all of them are, the first; if one does not tell the next, that one. The port is
    /// 0 where no proxy tells it.
    pub(crate) fn word<'a>(
        &self,
        peer: Peer,
        fields: impl Iterator<Item = (&'a [u8], &'a [u8])>,
    ) -> Word {
        let name = match self.forwarded {
            Forwarded::Off => return Word::None,
            Forwarded::XForwardedFor => &b"x-forwarded-for"[..],
            Forwarded::Forwarded => b"forwarded",
        };
        if self.trusted.is_empty() {
            return Word::None;
        }
        let mut lines = fields
            .filter(|(found, _)| found.len() == name.len() && found.eq_ignore_ascii_case(name))
            .map(|(_, value)| value);
        if !self.trusts(peer) {
            return match lines.next() {
                Some(_) => Word::Untrusted,
                None => Word::None,
            };
        }
        let lines: SmallVec<[&[u8]; 4]> = lines.collect();
        match self.nearest(&lines) {
            Some(client) => Word::Client(client),
            None if lines.is_empty() => Word::None,
            None => Word::NoAddress,
        }
    }

    /// The nearest node in these lines that is no trusted proxy, or the last before one that is not told.
    fn nearest(&self, lines: &[&[u8]]) -> Option<SocketAddr> {
        let mut client = None;
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

    /// The client of a request.
    fn client_of<'a>(
        belief: &Belief,
        peer: Peer,
        fields: impl Iterator<Item = (&'a [u8], &'a [u8])>,
    ) -> Option<SocketAddr> {
        let word = belief.word(peer, fields);
        word.client().or_else(|| peer.address())
    }

    #[track_caller]
    fn check(belief: &Belief, peer: Peer, fields: &[(&str, &str)], expected: Option<&str>) {
        let fields = fields
            .iter()
            .map(|(name, value)| (name.as_bytes(), value.as_bytes()));
        let client = client_of(belief, peer, fields);
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
            let fields = list.iter();
            let fields = fields.map(|(name, value)| (name.as_bytes(), value.as_bytes()));
            client_of(&belief(&["unix"], forwarded), Peer::Unix, fields)
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

    #[test]
    fn a_field_that_is_not_taken_says_why() {
        let b = belief(&["10.0.0.0/8"], Forwarded::Forwarded);
        let word = |b: &Belief, peer, name: &str, value: &str| {
            b.word(peer, [(name.as_bytes(), value.as_bytes())].into_iter())
        };
        let of_proxy = |value| word(&b, inet("10.0.0.1:5"), "Forwarded", value);
        let client = "203.0.113.7:0".parse().unwrap();
        assert_eq!(of_proxy("for=203.0.113.7"), Word::Client(client));
        for value in [
            "for=unknown",
            "for=_hidden",
            "for=203.0.113.7, for=",
            "",
            "by=_edge",
        ] {
            assert_eq!(of_proxy(value), Word::NoAddress, "{value}");
        }
        let stranger = inet("192.0.2.1:5");
        for peer in [stranger, Peer::Unix, Peer::Unknown] {
            let named = word(&b, peer, "forwarded", "for=203.0.113.7");
            assert_eq!(named, Word::Untrusted);
            let other = word(&b, peer, "x-forwarded-for", "203.0.113.7");
            assert_eq!(other, Word::None, "another field than the one that is read");
        }
        let nobody = belief(&[], Forwarded::Forwarded);
        let off = belief(&["10.0.0.0/8"], Forwarded::Off);
        for b in [nobody, off] {
            assert_eq!(
                word(&b, stranger, "forwarded", "for=203.0.113.7"),
                Word::None
            );
        }
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
                let client = client_of(&b, peer, [(name.as_bytes(), one.as_bytes())].into_iter());
                let real = "203.0.113.7:0".parse().unwrap();
                prop_assert!(client == Some(real) || client == peer.address(), "{:?}", client);
                let two = [&front[..], added].map(|value| (name.as_bytes(), value.as_bytes()));
                prop_assert_eq!(client_of(&b, peer, two.into_iter()), Some(real));
            }
        }
    }
}
