//! A connection as the access log knows it: its client, what was sent, and the requests whose lines are to come.

use super::noted::Noted;
use crate::client::belief::Peer;
use crate::connection::key::ConnectionKey;
use crate::connection::sockets::Sockets;
use ringgate_runtime::Moment;

/// The client of a Unix socket is on this machine. Programs that read access logs want an address there, and stop at
/// anything else.
const OF_THIS_MACHINE: &str = "127.0.0.1";
/// A client whose connection was reset before its address was asked for, or that a proxy announced without one.
pub(super) const UNKNOWN: &str = "0.0.0.0";

/// The peer of a connection, and its address as lines have it.
#[derive(Debug)]
pub(super) struct Remote {
    pub(super) peer: Peer,
    pub(super) text: Box<str>,
    pub(super) port: u16,
}

/// One connection.
#[derive(Debug, Default)]
pub(in crate::connection) struct Place {
    /// The tenant of the seat, once there was one.
    generation: Option<u32>,
    pub(super) remote: Option<Remote>,
    /// The number of the connection in the process.
    pub(super) number: u64,
    /// Bytes that the kernel took.
    pub(super) sent: u64,
    /// Requests whose answers are queued, or that were aborted while something was in flight.
    #[expect(clippy::vec_box, reason = "the boxes are what is moved and used again")]
    pub(super) waiting: Vec<Box<Noted>>,
    /// The request that changed the protocol.
    pub(super) upgraded: Option<Box<Noted>>,
}

impl Place {
    /// Goes on as this one, of another core.
    pub(super) fn take_on(&mut self, place: Place) {
        let generation = self.generation;
        *self = Place {
            generation,
            ..place
        };
    }

    /// Notes whose connection it is.
    pub(super) fn comes_from(&mut self, sockets: &Sockets, key: ConnectionKey, number: u64) {
        let peer = sockets.peer(key);
        let (text, port) = match (peer.address(), peer) {
            (Some(address), _) => (address.ip().to_string().into(), address.port()),
            (None, Peer::Unix) => (OF_THIS_MACHINE.into(), 0),
            (None, _) => (UNKNOWN.into(), 0),
        };
        self.remote = Some(Remote { peer, text, port });
        self.number = number;
    }
}

/// The place of a connection, which is made if it has none.
pub(super) fn at(places: &mut Vec<Place>, key: ConnectionKey) -> &mut Place {
    let slot = key.slot() as usize;
    if slot >= places.len() {
        places.resize_with(slot + 1, Place::default);
    }
    let place = &mut places[slot];
    if place.generation != Some(key.generation()) {
        debug_assert!(place.waiting.is_empty(), "a request was not told of");
        place.generation = Some(key.generation());
        place.remote = None;
        place.sent = 0;
        place.upgraded = None;
    }
    place
}

/// Frees the place of a connection.
pub(super) fn take(places: &mut [Place], key: ConnectionKey) -> Option<Place> {
    let place = places.get_mut(key.slot() as usize)?;
    let is_its = place.generation == Some(key.generation());
    is_its.then(|| std::mem::take(place))
}

impl Noted {
    /// The request ended without a whole answer. Of two reasons the first one counts.
    pub(super) fn abort(&mut self, now: Moment, cause: Option<&'static str>) {
        if self.aborted.is_none() {
            self.aborted = Some(now);
            self.reason.get_or_insert(cause.unwrap_or(CLIENT_GONE));
        }
    }
}

/// The cause that nobody named.
const CLIENT_GONE: &str = "client-gone";
