//! Which socket belongs to which connection of a core, for those who only have a connection's name:
//! a request that is asked for the addresses of its connection. The table of connections keeps it up to date and lends it to
//! the core's requests; nothing is sent, received or closed through it.

use super::key::ConnectionKey;
use crate::tls::handshake::Facts;
use ringgate_runtime::Descriptor;
use ringgate_runtime::sys::address::Address;
use ringgate_runtime::sys::socket::{local_addr_of, peer_addr_of};
use std::cell::RefCell;
use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsRawFd, RawFd};
use std::sync::Arc;

/// No socket of the kernel's.
const NONE: (u32, RawFd) = (0, -1);

/// Of each seat of the table: the generation of its tenant and the number of its socket.
#[derive(Default)]
pub(crate) struct Sockets {
    seats: RefCell<Vec<(u32, RawFd)>>,
    /// Of each seat: the agreement of its tenant's handshake. As long as the last seat that has one.
    facts: RefCell<Vec<Option<Arc<Facts>>>>,
}

impl Sockets {
    pub(super) fn enter(&self, key: ConnectionKey, socket: &Descriptor) {
        let mut seats = self.seats.borrow_mut();
        let slot = key.slot() as usize;
        if slot >= seats.len() {
            seats.resize(slot + 1, NONE);
        }
        seats[slot] = match socket.is_simulated() {
            true => (key.generation(), NONE.1),
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
    }

    /// The address of the other end; None without such a connection, of a Unix socket, or after a reset.
    pub(crate) fn peer(&self, key: ConnectionKey) -> Option<SocketAddr> {
        inet(peer_addr_of(self.number_of(key)?))
    }

    /// The address of this end; None without such a connection, and of a Unix socket.
    pub(crate) fn local(&self, key: ConnectionKey) -> Option<SocketAddr> {
        inet(local_addr_of(self.number_of(key)?))
    }

    fn number_of(&self, key: ConnectionKey) -> Option<RawFd> {
        let seats = self.seats.borrow();
        let (generation, number) = *seats.get(key.slot() as usize)?;
        (generation == key.generation() && number >= 0).then_some(number)
    }
}

fn inet(address: io::Result<Address>) -> Option<SocketAddr> {
    match address {
        Ok(Address::Inet(address)) => Some(address),
        Ok(_) | Err(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tls::record::Version;
    use std::os::fd::OwnedFd;

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
