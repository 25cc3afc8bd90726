//! A connection as plain data, and the table of a core's connections.

use super::deadlines::Patience;
use super::key::{ConnectionKey, ExchangeKey, GENERATION_MASK};
use super::listener::{Fresh, ListenerId};
use super::output::Output;
use super::sockets::Sockets;
use super::tls::Tls;
use super::transport::Transport;
use super::wire::Wire;
use crate::admission::door::Ticket;
use crate::admission::ledger::Reason;
use crate::client::proxy_header::SharedAnnounced;
use crate::handler::HeadBytes;
use crate::http1::exchange::{Deadline, State};
use crate::http1::upgraded::Phase;
use crate::tls::handshake::Facts;
use bytes::{Bytes, BytesMut};
use ringgate_runtime::timer::TimerId;
use ringgate_runtime::{Descriptor, Lease, Moment, OpId, large_table};
use std::num::NonZeroU32;
use std::rc::Rc;
use std::sync::Arc;

/// Received bytes that nobody has read yet.
#[derive(Default)]
pub(crate) enum Unread {
    #[default]
    None,
    /// Where the kernel put them; only while they are being worked on.
    Leased(Lease),
    /// Gathered, since more has to come or their turn has not come.
    Gathered(BytesMut),
}

impl Unread {
    #[inline]
    pub(crate) fn as_slice(&self) -> &[u8] {
        match self {
            Unread::None => &[],
            Unread::Leased(lease) => lease,
            Unread::Gathered(bytes) => bytes,
        }
    }

    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.as_slice().is_empty()
    }

    /// The bytes, to be worked on where they lie; None if there are none.
    #[inline]
    pub(crate) fn as_mut_slice(&mut self) -> Option<&mut [u8]> {
        if let Unread::Leased(lease) = self
            && lease.get_mut().is_none()
        {
            // Somebody else keeps some of these bytes.
            self.copy_rest();
        }
        match self {
            Unread::None => None,
            Unread::Leased(lease) => lease.get_mut(),
            Unread::Gathered(bytes) => Some(bytes),
        }
    }

    /// Adds bytes behind what is there that have memory of their own.
    pub(crate) fn add_gathered(&mut self, more: BytesMut) {
        match self {
            Unread::None => *self = Unread::Gathered(more),
            Unread::Gathered(bytes) => bytes.unsplit(more),
            Unread::Leased(front) => {
                let mut bytes = BytesMut::with_capacity(front.len() + more.len());
                bytes.extend_from_slice(front);
                bytes.extend_from_slice(&more);
                *self = Unread::Gathered(bytes);
            }
        }
    }

    /// Adds received bytes behind what is there.
    #[inline]
    pub(crate) fn add(&mut self, lease: Lease) {
        match self {
            Unread::None => *self = Unread::Leased(lease),
            Unread::Gathered(bytes) => bytes.extend_from_slice(&lease),
            Unread::Leased(front) => {
                let mut bytes = BytesMut::with_capacity(front.len() + lease.len());
                bytes.extend_from_slice(front);
                bytes.extend_from_slice(&lease);
                *self = Unread::Gathered(bytes);
            }
        }
    }

    /// Takes a head of `count` bytes out: without copying it, if it may be kept where it lies.
    #[inline]
    pub(crate) fn split_head(&mut self, count: usize, may_keep: bool) -> HeadBytes {
        if let Unread::Leased(lease) = self
            && may_keep
            && count < lease.len()
        {
            return HeadBytes::Leased(lease.split_to(count));
        }
        match self.split(count) {
            Piece::Leased(lease) if may_keep => HeadBytes::Leased(lease),
            Piece::Leased(lease) => HeadBytes::Gathered(Bytes::copy_from_slice(&lease)),
            Piece::Gathered(bytes) => HeadBytes::Gathered(bytes),
        }
    }

    /// Takes the first `count` bytes out, without copying them; no more than there are.
    #[inline(always)] // Its callers know what they take it for.
    pub(crate) fn split(&mut self, count: usize) -> Piece {
        match self {
            Unread::None => Piece::Gathered(Bytes::new()),
            Unread::Leased(lease) if count < lease.len() => Piece::Leased(lease.split_to(count)),
            Unread::Leased(_) => match std::mem::replace(self, Unread::None) {
                Unread::Leased(lease) => Piece::Leased(lease),
                Unread::None | Unread::Gathered(_) => unreachable!("it was a lease just now"),
            },
            Unread::Gathered(bytes) => {
                let piece = bytes.split_to(count).freeze();
                if bytes.is_empty() {
                    *self = Unread::None;
                }
                Piece::Gathered(piece)
            }
        }
    }

    /// Drops the first `count` bytes.
    #[inline]
    pub(crate) fn skip(&mut self, count: usize) {
        match self {
            Unread::None => {}
            Unread::Leased(lease) => lease.advance(count),
            Unread::Gathered(bytes) => bytes::Buf::advance(bytes, count),
        }
        if self.is_empty() {
            *self = Unread::None;
        }
    }

    /// Work on the bytes stops here: a rest gives its lease back and waits as a copy.
    #[inline]
    pub(crate) fn copy_rest(&mut self) {
        if let Unread::Leased(lease) = self {
            let rest = BytesMut::from(&lease[..]);
            *self = if rest.is_empty() {
                Unread::None
            } else {
                Unread::Gathered(rest)
            };
        }
    }
}

/// Bytes taken out of [`Unread`].
pub(crate) enum Piece {
    Leased(Lease),
    Gathered(Bytes),
}

/// The receiving side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Receive {
    /// No receive in flight.
    Off,
    /// Armed.
    On(OpId),
    /// Being cancelled; its last completion is still to come.
    Ending(OpId),
}

/// The core for which a connection leaves, or who stands in place of one. One more than the number is kept, so that the
/// option of it is no larger; nobody has the largest number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Heir(NonZeroU32);

impl Heir {
    pub(crate) const fn core(index: u32) -> Heir {
        debug_assert!(index < u32::MAX, "nobody has this number");
        Heir(NonZeroU32::MIN.saturating_add(index))
    }

    pub(crate) const fn index(self) -> u32 {
        self.0.get() - 1
    }
}

/// How much is received at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Intake {
    /// Nothing has been received yet, nor asked for: the first buffer alone, where the bytes are plain.
    New,
    /// All that comes.
    Ample,
    /// One buffer: the last one had a rest.
    Slowed,
}

/// One connection.
pub(crate) struct Connection {
    /// The generation of its key. The number is here and not beside each seat because here it costs no room.
    generation: u32,
    pub(crate) socket: Descriptor,
    /// The listener that it came in by.
    pub(crate) listener: ListenerId,
    pub(crate) transport: Transport,
    pub(crate) wire: Wire,
    pub(crate) receive: Receive,
    /// The poll that watches the peer while nothing is received.
    pub(crate) watch: Receive,
    /// The peer ended its side.
    pub(crate) eof: bool,
    /// The peer ended its side behind bytes that are not received yet.
    pub(crate) ends: bool,
    /// The core for which the connection leaves once its receive has ended.
    pub(crate) moving_to: Option<Heir>,
    /// Why the gate refused the last request of the connection, if it did.
    pub(crate) rejected: Option<Reason>,
    /// Whether the connection ends by reset, error, timeout or force.
    pub(crate) aborted: bool,
    /// Whether the connection is to be looked at ([`super::look`]).
    pub(crate) is_due: bool,
    /// Whether its unread bytes wait for a later turn ([`super::share`]).
    pub(crate) has_rest: bool,
    /// Whether its client has sent a request before it had the answer to the last one.
    pub(crate) pipelines: bool,
    /// How much is received at a time.
    pub(crate) intake: Intake,
    /// How long its client may take for what is sent.
    pub(crate) patience: Patience,
    /// Which deadline is in force.
    pub(crate) deadline_of: Option<Deadline>,
    pub(crate) served: u32,
    /// Requests answered at once whose answers are not all with the kernel yet.
    pub(crate) unflushed: u32,
    /// When the first of these requests began. On a WebSocket, where there are none, the moment from which its client's
    /// time counts: of its last bytes, of the first of half a message, or of the Ping that it was asked with.
    pub(crate) since: Moment,
    /// Bytes of a partial head that were looked at already.
    pub(crate) seen: u32,
    /// Bytes thrown away in this state.
    pub(crate) discarded: u64,
    pub(crate) deadline: Moment,
    pub(crate) timer: Option<(TimerId, Moment)>,
    pub(crate) unread: Unread,
    pub(crate) output: Output,
    /// The request that is kept.
    pub(crate) exchange: Option<ExchangeKey>,
    /// The slot of requests whose answers are queued, until these are with the kernel.
    pub(crate) ticket: Ticket,
    /// The last byte of an answer was taken by the kernel then, or the connection was accepted.
    pub(crate) idle_since: Moment,
}

impl Connection {
    pub(crate) fn new(fresh: Fresh, now: Moment) -> Connection {
        Connection {
            generation: 0,
            socket: fresh.socket,
            listener: fresh.listener,
            transport: Transport::new(fresh.opening),
            wire: Wire::between_requests(false),
            receive: Receive::Off,
            watch: Receive::Off,
            eof: false,
            ends: false,
            moving_to: None,
            rejected: None,
            aborted: false,
            is_due: false,
            pipelines: false,
            has_rest: false,
            intake: Intake::New,
            patience: Patience::default(),
            deadline_of: None,
            served: 0,
            unflushed: 0,
            since: now,
            seen: 0,
            discarded: 0,
            deadline: Moment::NEVER,
            timer: None,
            unread: Unread::None,
            output: Output::default(),
            exchange: None,
            ticket: Ticket::free(),
            idle_since: now,
        }
    }

    /// Holds a slot from here on, if it is one that somebody counts.
    #[inline]
    pub(crate) fn hold(&mut self, ticket: Ticket) {
        if !ticket.is_free() {
            self.ticket = ticket;
        }
    }

    /// Whether the connection can ever be moved: all that its transport knows is plain data.
    #[inline]
    pub(crate) fn may_move(&self) -> bool {
        self.transport.may_move()
    }

    /// Whether the connection can ever go to another process as it stands. `keys_go`: whether keys of TLS may.
    /// `handshakes_go`: whether it may before its client has been shown a certificate.
    pub(super) fn may_leave_process(&self, keys_go: bool, handshakes_go: bool) -> bool {
        let goes = |tls: &Tls| keys_go && tls.may_be_packed();
        self.may_move()
            && (handshakes_go || !self.transport.is_shaking_hands())
            && self.transport.tls().is_none_or(goes)
    }

    /// Whether the unsent bytes are dropped; a send in flight is not followed by another. A connection that closes in
    /// order has no such bytes.
    #[inline]
    pub(crate) fn is_dropped(&self) -> bool {
        self.wire.state() == State::Closed
    }

    /// Whether the peer has ended its side, as far as is known.
    #[inline]
    pub(crate) fn has_ended(&self) -> bool {
        self.eof || self.ends
    }

    /// Whether it is between requests with nothing owed in either direction: it can be moved now, if
    /// [another protocol](super::upgraded) on it allows that as well.
    pub(crate) fn is_movable(&self) -> bool {
        self.may_move()
            && self.transport.is_plain_data()
            && matches!(
                self.wire.state(),
                State::Idle
                    | State::Head
                    | State::Upgraded(Phase::Open | Phase::Asked | Phase::Rest | Phase::Streams)
            )
            && self.exchange.is_none()
            && self.is_flushed()
            && self.watch == Receive::Off
            && !self.eof
    }
}

#[expect(
    clippy::large_enum_variant,
    reason = "a box would put every event a pointer away"
)]
enum Seat {
    Taken(Connection),
    /// The generation of the next tenant, and the next free seat.
    Free {
        generation: u32,
        next: u32,
    },
}

/// An idle connection costs this seat, an entry among the sockets, an operation, and a timer: a field more is paid for by
/// every connection.
#[cfg(not(test))] // Tests have one transport more.
const _: () = assert!(size_of::<Seat>() <= 224);

/// The connections of one core.
pub(crate) struct Table {
    seats: Vec<Seat>,
    free: u32,
    len: usize,
    first: u32,
    sockets: Rc<Sockets>,
}

const NONE: u32 = u32::MAX;

impl Table {
    /// An empty table. `epoch` differs for each thread that takes a core's place, so that a word
    /// meant for a connection of the one before reaches nobody.
    pub(crate) fn new(epoch: u32) -> Table {
        Table {
            seats: large_table(),
            free: NONE,
            len: 0,
            first: (epoch << 12) & GENERATION_MASK,
            sockets: Rc::default(),
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.len
    }

    pub(crate) fn insert(&mut self, connection: Connection) -> ConnectionKey {
        let key = self.next_key();
        self.sockets.enter(key, &connection.socket);
        self.seat(key, connection);
        key
    }

    fn next_key(&self) -> ConnectionKey {
        match self.seats.get(self.free as usize) {
            Some(Seat::Free { generation, .. }) => ConnectionKey::new(self.free, *generation),
            Some(Seat::Taken(_)) | None => ConnectionKey::new(self.seats.len() as u32, self.first),
        }
    }

    fn seat(&mut self, key: ConnectionKey, mut connection: Connection) {
        self.len += 1;
        connection.generation = key.generation();
        let taken = Seat::Taken(connection);
        match self.seats.get_mut(key.slot() as usize) {
            None => self.seats.push(taken),
            Some(seat) => {
                if let Seat::Free { next, .. } = seat {
                    self.free = *next;
                }
                *seat = taken;
            }
        }
    }

    #[inline]
    pub(crate) fn get(&mut self, key: ConnectionKey) -> Option<&mut Connection> {
        match self.seats.get_mut(key.slot() as usize) {
            Some(Seat::Taken(it)) if it.generation == key.generation() => Some(it),
            _ => None,
        }
    }

    /// The socket of a connection.
    pub(crate) fn socket(&self, key: ConnectionKey) -> Option<&Descriptor> {
        match self.seats.get(key.slot() as usize) {
            Some(Seat::Taken(it)) if it.generation == key.generation() => Some(&it.socket),
            _ => None,
        }
    }

    /// A connection, and the sockets of all of them.
    #[inline]
    pub(crate) fn get_with_sockets(
        &mut self,
        key: ConnectionKey,
    ) -> Option<(&mut Connection, &Rc<Sockets>)> {
        match self.seats.get_mut(key.slot() as usize) {
            Some(Seat::Taken(it)) if it.generation == key.generation() => Some((it, &self.sockets)),
            _ => None,
        }
    }

    /// The sockets of all connections.
    pub(crate) fn sockets(&self) -> &Sockets {
        &self.sockets
    }

    /// The agreement of a connection's handshake.
    pub(crate) fn facts(&mut self, key: ConnectionKey) -> Option<Arc<Facts>> {
        self.get(key)?;
        self.sockets.facts(key)
    }

    /// Notes the agreement of a handshake that was had elsewhere.
    pub(crate) fn agree(&mut self, key: ConnectionKey, facts: Option<Arc<Facts>>) {
        if let (Some(_), Some(facts)) = (self.get(key), facts) {
            self.sockets.agree(key, facts);
        }
    }

    /// The announcement of a proxy on a connection.
    pub(crate) fn announced(&mut self, key: ConnectionKey) -> Option<SharedAnnounced> {
        self.get(key)?;
        self.sockets.announced(key)
    }

    /// Notes an announcement that was made elsewhere.
    pub(crate) fn announce(&mut self, key: ConnectionKey, announced: Option<SharedAnnounced>) {
        if let (Some(_), Some(announced)) = (self.get(key), announced) {
            self.sockets.announce(key, announced);
        }
    }

    pub(crate) fn remove(&mut self, key: ConnectionKey) -> Option<Connection> {
        self.get(key)?;
        self.sockets.leave(key);
        self.len -= 1;
        let free = Seat::Free {
            generation: (key.generation() + 1) & GENERATION_MASK,
            next: self.free,
        };
        match std::mem::replace(&mut self.seats[key.slot() as usize], free) {
            Seat::Taken(connection) => {
                self.free = key.slot();
                Some(connection)
            }
            Seat::Free { .. } => None,
        }
    }

    pub(crate) fn keys(&self) -> Vec<ConnectionKey> {
        let taken = self.seats.iter().enumerate();
        taken
            .filter_map(|(slot, seat)| match seat {
                Seat::Taken(it) => Some(ConnectionKey::new(slot as u32, it.generation)),
                Seat::Free { .. } => None,
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::fd::OwnedFd;

    fn connection() -> Connection {
        let file = std::fs::File::open("/dev/null").expect("open");
        let fresh = Fresh {
            socket: Descriptor::from(OwnedFd::from(file)),
            listener: ListenerId(0),
            opening: crate::config::Opening::default(),
        };
        Connection::new(fresh, Moment::default())
    }

    #[test]
    fn an_heir_is_the_one_that_it_was_made_of() {
        use super::super::transfer::COORDINATOR;
        use crate::coordinator::SUCCESSOR;

        let all = [0, 1, 4095, COORDINATOR, SUCCESSOR];
        assert_eq!(all.map(|index| Heir::core(index).index()), all);
        assert_ne!(COORDINATOR, SUCCESSOR);
    }

    #[test]
    fn the_key_of_a_connection_that_has_gone_finds_nobody_in_its_seat() {
        let mut table = Table::new(0);
        let gone = table.insert(connection());
        assert!(table.remove(gone).is_some());
        let next = table.insert(connection());
        assert_eq!(gone.slot(), next.slot(), "the seat is taken again");
        assert!(table.get(gone).is_none());
        assert!(table.get_with_sockets(gone).is_none());
        assert!(table.remove(gone).is_none());
        assert!(table.get(next).is_some());
        assert_eq!((table.len(), table.keys()), (1, vec![next]));
    }

    #[test]
    fn the_key_of_a_connection_of_the_thread_before_finds_nobody() {
        let mut before = Table::new(1);
        let mut after = Table::new(2);
        let gone = before.insert(connection());
        let next = after.insert(connection());
        assert_eq!(gone.slot(), next.slot());
        assert!(after.get(gone).is_none());
    }
}
