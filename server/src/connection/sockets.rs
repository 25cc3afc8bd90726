//! Which socket belongs to which connection of a core, for those who only have a connection's name:
//! a request that is asked for the addresses of its connection, or of its client. The table of connections keeps it up to date and lends it to
//! the core's requests; nothing is sent, received or closed through it.

use super::key::ConnectionKey;
use crate::admission::ledger::CoreStats;
use crate::client::belief::{Belief, Peer, Source, Word};
use crate::client::proxy_header::SharedAnnounced;
use crate::tls::handshake::Facts;
use ringgate_runtime::sys::address::Address;
use ringgate_runtime::sys::socket::{local_addr_of, peer_addr_of};
use ringgate_runtime::{Descriptor, large_table};
use std::cell::{Cell, OnceCell, RefCell};
use std::net::SocketAddr;
use std::os::fd::{AsRawFd, RawFd};
use std::sync::Arc;

/// No connection.
const NONE: (u32, RawFd) = (0, -1);
/// A socket that is none of the kernel's.
const SIMULATED: RawFd = -2;

/// Of each seat of the table: the generation of its tenant and the number of its socket.
pub(crate) struct Sockets {
    seats: RefCell<Vec<(u32, RawFd)>>,
    /// Of each seat: the agreement of its tenant's handshake. As long as the last seat that has one.
    facts: RefCell<Vec<Option<Arc<Facts>>>>,
    /// Of each seat: what a proxy has announced of its tenant. As long as the last seat of which one has.
    announced: RefCell<Vec<Option<SharedAnnounced>>>,
    /// Of each seat: the other end of its tenant's socket, once somebody asked for it. Asking the kernel costs a system
    /// call, and the answer stays the same for as long as the connection does. As long as the last seat of which
    /// somebody did.
    peers: RefCell<Vec<Option<Peer>>>,
    /// Which proxies are believed, and what.
    belief: RefCell<Arc<Belief>>,
    /// The counts of the core, once they are known.
    stats: OnceCell<Arc<CoreStats>>,
}

impl Default for Sockets {
    fn default() -> Sockets {
        Sockets {
            seats: RefCell::new(large_table()),
            facts: RefCell::default(),
            announced: RefCell::default(),
            peers: RefCell::default(),
            belief: RefCell::default(),
            stats: OnceCell::new(),
        }
    }
}

impl Sockets {
    pub(super) fn enter(&self, key: ConnectionKey, socket: &Descriptor) {
        let mut seats = self.seats.borrow_mut();
        let slot = key.slot() as usize;
        if slot >= seats.len() {
            seats.resize(slot + 1, NONE);
        }
        seats[slot] = match socket.is_simulated() {
            true => (key.generation(), SIMULATED),
            false => (key.generation(), socket.as_raw_fd()),
        };
    }

    /// The handshake of a connection is over.
    pub(super) fn agree(&self, key: ConnectionKey, agreed: Arc<Facts>) {
        let mut facts = self.facts.borrow_mut();
        let slot = key.slot() as usize;
        if slot >= facts.len() {
            facts.resize(slot + 1, None);
        }
        facts[slot] = Some(agreed);
    }

    /// The agreement of client and server about TLS; None where the connection is plain, and once it is gone:
    /// its seat may be another client's then.
    pub(crate) fn facts(&self, key: ConnectionKey) -> Option<Arc<Facts>> {
        let slot = key.slot() as usize;
        let (generation, _) = *self.seats.borrow().get(slot)?;
        let facts = self.facts.borrow().get(slot)?.clone();
        facts.filter(|_| generation == key.generation())
    }

    /// The socket is about to be closed or to move: its number may soon be another's.
    pub(super) fn leave(&self, key: ConnectionKey) {
        if let Some(seat) = self.seats.borrow_mut().get_mut(key.slot() as usize) {
            *seat = NONE;
        }
        if let Some(facts) = self.facts.borrow_mut().get_mut(key.slot() as usize) {
            *facts = None;
        }
        if let Some(announced) = self.announced.borrow_mut().get_mut(key.slot() as usize) {
            *announced = None;
        }
        if let Some(peer) = self.peers.borrow_mut().get_mut(key.slot() as usize) {
            *peer = None;
        }
    }

    /// A proxy has announced whose connection this is.
    pub(super) fn announce(&self, key: ConnectionKey, by_proxy: SharedAnnounced) {
        let mut announced = self.announced.borrow_mut();
        let slot = key.slot() as usize;
        if slot >= announced.len() {
            announced.resize(slot + 1, None);
        }
        announced[slot] = Some(by_proxy);
    }

    /// The announcement of a proxy on a connection; None of one without, and once it is gone.
    pub(crate) fn announced(&self, key: ConnectionKey) -> Option<SharedAnnounced> {
        let slot = key.slot() as usize;
        let (generation, _) = *self.seats.borrow().get(slot)?;
        let announced = self.announced.borrow().get(slot)?.clone();
        announced.filter(|_| generation == key.generation())
    }

    /// Believes this from now on.
    pub(super) fn believe(&self, belief: Arc<Belief>) {
        self.belief.replace(belief);
    }

    /// Counts here. Called once, when the engine is made.
    pub(super) fn count_in(&self, stats: Arc<CoreStats>) {
        // A second call would find the same counts.
        let _ = self.stats.set(stats);
    }

    /// Whether this peer is a proxy that is trusted.
    pub(crate) fn trusts(&self, peer: Peer) -> bool {
        self.belief.borrow().trusts(peer)
    }

    /// The address of the client of a request: that of the connection's peer, or the one that trusted proxies
    /// say. None of a Unix socket, in a simulation, and once the connection is reset or gone, unless they say one.
    /// `is_counted`: whether the request was counted by where its client has its address from; it is now.
    pub(crate) fn client<'a>(
        &self,
        key: ConnectionKey,
        fields: impl Iterator<Item = (&'a [u8], &'a [u8])>,
        is_counted: &Cell<bool>,
    ) -> Option<SocketAddr> {
        let peer = self.peer(key);
        let named = self.named((key, peer), fields, is_counted);
        named.or_else(|| peer.address())
    }

    /// The client of a request as its fields name it; None if it is the peer of its connection. `is_counted` as above.
    pub(super) fn named<'a>(
        &self,
        (key, peer): (ConnectionKey, Peer),
        fields: impl Iterator<Item = (&'a [u8], &'a [u8])>,
        is_counted: &Cell<bool>,
    ) -> Option<SocketAddr> {
        let word = self.belief.borrow().word(peer, fields);
        if !is_counted.replace(true) {
            self.count(key, word);
        }
        word.client()
    }

    fn count(&self, key: ConnectionKey, word: Word) {
        let Some(stats) = self.stats.get() else {
            return;
        };
        let source = match word {
            Word::Client(_) => Source::Field,
            _ if self.is_announced(key) => Source::ProxyHeader,
            _ => Source::Socket,
        };
        stats.clients[source as usize].add(1);
        if let Some(reason) = word.refused() {
            stats.forwarded_refused[reason].add(1);
        }
    }

    fn is_announced(&self, key: ConnectionKey) -> bool {
        let announced = self.announced.borrow();
        let has_one = announced
            .get(key.slot() as usize)
            .is_some_and(Option::is_some);
        has_one && self.number_of(key).is_some()
    }

    /// The peer of a connection: the client that a PROXY header names, or the other end of the socket.
    pub(crate) fn peer(&self, key: ConnectionKey) -> Peer {
        match self.announced(key) {
            Some(announced) => announced.source.map_or(Peer::Unknown, Peer::Inet),
            None => self.socket_peer(key),
        }
    }

    /// The other end of the socket. The kernel is asked once a connection.
    pub(crate) fn socket_peer(&self, key: ConnectionKey) -> Peer {
        let Some(number) = self.number_of(key) else {
            return Peer::Unknown;
        };
        let slot = key.slot() as usize;
        let mut peers = self.peers.borrow_mut();
        if slot >= peers.len() {
            peers.resize(slot + 1, None);
        }
        *peers[slot].get_or_insert_with(|| match number {
            SIMULATED => Peer::Unix,
            number => match peer_addr_of(number) {
                Ok(Address::Inet(address)) => Peer::Inet(address),
                Ok(_) => Peer::Unix,
                Err(_) => Peer::Unknown,
            },
        })
    }

    /// The address that the client connected to: as a PROXY header says, or that of this end. None without such a
    /// connection, and of a Unix socket.
    pub(crate) fn local(&self, key: ConnectionKey) -> Option<SocketAddr> {
        if let Some(announced) = self.announced(key) {
            return announced.destination;
        }
        let number = self.number_of(key)?;
        match (number != SIMULATED).then(|| local_addr_of(number))? {
            Ok(Address::Inet(address)) => Some(address),
            Ok(_) | Err(_) => None,
        }
    }

    /// The number of the socket of a connection that is there.
    fn number_of(&self, key: ConnectionKey) -> Option<RawFd> {
        let seats = self.seats.borrow();
        let (generation, number) = *seats.get(key.slot() as usize)?;
        (generation == key.generation() && number != NONE.1).then_some(number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tls::record::Version;
    use std::net::{Shutdown, TcpListener, TcpStream};
    use std::os::fd::OwnedFd;
    use std::time::{Duration, Instant};

    fn of_kernel(stream: TcpStream) -> Descriptor {
        Descriptor::from(OwnedFd::from(stream))
    }

    #[test]
    fn the_kernel_is_asked_once_a_connection_who_its_peer_is() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let connect = || {
            let client = TcpStream::connect(address).unwrap();
            let peer = Peer::Inet(client.local_addr().unwrap());
            (client, listener.accept().unwrap().0, peer)
        };
        let sockets = Sockets::default();
        let (first, second) = (ConnectionKey::new(4, 1), ConnectionKey::new(4, 2));
        let (client, socket, peer) = connect();
        let same = socket.try_clone().unwrap();
        let socket = of_kernel(socket);
        sockets.enter(first, &socket);
        assert_eq!(sockets.peer(first), peer);
        // getpeername(2) tells nothing once both directions have ended.
        same.shutdown(Shutdown::Both).unwrap();
        drop(client);
        let deadline = Instant::now() + Duration::from_secs(10);
        while same.peer_addr().is_ok() {
            assert!(Instant::now() < deadline, "the kernel still tells");
            std::thread::yield_now();
        }
        assert_eq!(sockets.peer(first), peer, "asked again");
        sockets.leave(first);
        assert_eq!(sockets.peer(first), Peer::Unknown, "it is gone");
        let (_client, socket, other) = connect();
        let socket = of_kernel(socket);
        sockets.enter(second, &socket);
        assert_eq!(sockets.peer(second), other, "the seat has a new tenant");
        assert_eq!(sockets.peer(first), Peer::Unknown);
    }

    #[test]
    fn a_request_that_outlives_its_connection_never_learns_of_another_client() {
        let socket = Descriptor::from(OwnedFd::from(std::fs::File::open("/dev/null").unwrap()));
        let sockets = Sockets::default();
        let facts = Arc::new(Facts {
            version: Version::Tls13,
            cipher: "TLS13_AES_128_GCM_SHA256",
            server_name: Some("a.example".into()),
            protocol: None,
            client_chain: Vec::new(),
            is_resumed: false,
        });
        let (gone, next) = (ConnectionKey::new(4, 1), ConnectionKey::new(4, 2));
        sockets.enter(gone, &socket);
        sockets.agree(gone, facts.clone());
        assert!(sockets.facts(gone).is_some());
        sockets.leave(gone);
        assert!(sockets.facts(gone).is_none());
        sockets.enter(next, &socket);
        sockets.agree(next, facts);
        assert!(sockets.facts(next).is_some());
        assert!(
            sockets.facts(gone).is_none(),
            "the seat is another client's"
        );
    }
}
