//! A connection as plain data, and the table of a core's connections.

use super::key::{ConnectionKey, GENERATION_MASK};
use super::sockets::Sockets;
use super::wire::Wire;
use crate::admission::door::Ticket;
use crate::admission::ledger::Reason;
use crate::admission::queue::Place;
use crate::handler::{BodyCell, Chunk, HeadBytes, PlacedParts, Routed};
use crate::http::body::BodyDecoder;
use crate::http::exchange::{Deadline, State};
use crate::http::head::Head;
use bytes::{Bytes, BytesMut};
use http::{Method, Version};
use ringgate_runtime::task::TaskId;
use ringgate_runtime::timer::TimerId;
use ringgate_runtime::{Descriptor, Lease, Moment, OpId};
use std::collections::VecDeque;
use std::rc::Rc;

/// Received bytes that nobody has read yet.
pub(crate) enum Unread {
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
            Unread::Leased(lease) if count < lease.len() => {
                let piece = lease.slice(0..count);
                lease.advance(count);
                Piece::Leased(piece)
            }
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
    pub(crate) fn settle(&mut self) {
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

/// The sending side: what waits to be sent, in order, and what is being sent.
#[derive(Default)]
pub(crate) struct Output {
    /// Complete pieces, before `tail`.
    pub(crate) pieces: VecDeque<Chunk>,
    /// Heads and small bodies, gathered.
    pub(crate) tail: Vec<u8>,
    /// Bytes in `pieces` and `tail`.
    pub(crate) queued: usize,
    /// Whether a send is in flight, and how many bytes of its buffer were sent before it.
    pub(crate) in_flight: Option<usize>,
}

impl Output {
    /// Whether all of it is with the kernel.
    #[inline]
    pub(crate) fn is_flushed(&self) -> bool {
        self.queued == 0 && self.in_flight.is_none()
    }
}

/// What a request's head says of its answer.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Terms {
    /// It is the answer to a HEAD.
    pub(crate) to_head: bool,
    pub(crate) version: Version,
    pub(crate) keep_alive: bool,
    pub(crate) began: Moment,
}

impl Terms {
    #[inline]
    pub(crate) fn of(head: &Head, began: Moment) -> Terms {
        Terms {
            to_head: head.method == Method::HEAD,
            version: head.version,
            keep_alive: head.keep_alive,
            began,
        }
    }
}

/// The body of a request, while it arrives.
pub(crate) struct Upload {
    pub(crate) decoder: Box<BodyDecoder>,
    /// What the handler reads from.
    pub(crate) cell: Rc<BodyCell>,
    /// The client waits for `100 Continue`, which nobody has sent.
    pub(crate) awaits_continue: bool,
}

/// One request, from its head to the end of its answer. Those that are answered at once need none.
pub(crate) struct Exchange {
    pub(crate) terms: Terms,
    /// What is asked, until it goes to the gate.
    pub(crate) asked: Option<Asked>,
    /// None if its head was all of it.
    pub(crate) upload: Option<Upload>,
    /// Whose handler it is.
    pub(crate) route: u32,
    pub(crate) task: Option<TaskId>,
    pub(crate) ticket: Option<Ticket>,
    /// Whether its handler gave the slot back and goes on.
    pub(crate) detached: bool,
    /// What waits at the gate.
    pub(crate) waiting: Option<Box<Waiting>>,
    /// The body of the answer, while it streams.
    pub(crate) stream: Option<Streaming>,
    /// The client asks which core answers.
    pub(crate) asks_core: bool,
}

impl Exchange {
    pub(crate) fn new(terms: Terms, upload: Option<Upload>) -> Exchange {
        Exchange {
            terms,
            asked: None,
            upload,
            route: 0,
            task: None,
            ticket: None,
            detached: false,
            waiting: None,
            stream: None,
            asks_core: false,
        }
    }
}

/// A request with its place in the application.
pub(crate) struct Asked {
    pub(crate) parts: PlacedParts,
    pub(crate) routed: Routed,
}

/// A request that waits at the gate.
pub(crate) struct Waiting {
    pub(crate) place: Place,
    /// When it stops waiting.
    pub(crate) timer: Option<TimerId>,
    pub(crate) route: u32,
    pub(crate) parts: PlacedParts,
    pub(crate) since: Moment,
}

/// An answer on its way piece by piece.
pub(crate) struct Streaming {
    pub(crate) outlet: Rc<super::stream::Outlet>,
    pub(crate) task: TaskId,
    /// Bytes still to come of a body with Content-Length.
    pub(crate) left: Option<u64>,
    pub(crate) chunked: bool,
    /// Bytes of the answer that were queued so far, its head among them.
    pub(crate) queued: usize,
    /// Class of its status, counted when the stream ends: until then it may become a 500.
    pub(crate) class: usize,
    pub(crate) after: crate::http::exchange::After,
}

/// One connection.
pub(crate) struct Connection {
    pub(crate) socket: Descriptor,
    pub(crate) wire: Wire,
    pub(crate) receive: Receive,
    /// The poll that watches the peer while nothing is received.
    pub(crate) watch: Receive,
    /// The peer ended its side.
    pub(crate) eof: bool,
    /// It leaves for another core once its receive has ended.
    pub(crate) moving_to: Option<u32>,
    /// Its last exchange was refused by the gate.
    pub(crate) rejected: Option<Reason>,
    /// It ends by reset, error, timeout or force.
    pub(crate) aborted: bool,
    /// It is to be looked at ([`super::look`]).
    pub(crate) is_due: bool,
    /// What it had to send is dropped; a send in flight is not followed by another.
    pub(crate) dropped: bool,
    /// Which deadline is in force.
    pub(crate) deadline_of: Option<Deadline>,
    pub(crate) served: u32,
    /// Requests answered at once whose answers are not all with the kernel yet, and when the first
    /// of them began.
    pub(crate) unflushed: u32,
    pub(crate) answering_since: Moment,
    /// Bytes of a partial head that were looked at already.
    pub(crate) seen: u32,
    /// Bytes thrown away in this state.
    pub(crate) discarded: u64,
    pub(crate) deadline: Moment,
    pub(crate) timer: Option<(TimerId, Moment)>,
    pub(crate) unread: Unread,
    pub(crate) output: Output,
    /// Index into the core's exchanges.
    pub(crate) exchange: Option<u32>,
    /// The slot of a request that was answered at once, until its answer is with the kernel; with
    /// `admit = "connection"` the slot of the connection.
    pub(crate) ticket: Ticket,
    /// The last byte of an answer was taken by the kernel then, or the connection was accepted.
    pub(crate) idle_since: Moment,
}

impl Connection {
    pub(crate) fn new(socket: Descriptor, now: Moment) -> Connection {
        Connection {
            socket,
            wire: Wire::between_requests(false),
            receive: Receive::Off,
            watch: Receive::Off,
            eof: false,
            moving_to: None,
            rejected: None,
            aborted: false,
            is_due: false,
            dropped: false,
            deadline_of: None,
            served: 0,
            unflushed: 0,
            answering_since: now,
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

    /// Whether it is between requests with nothing owed in either direction: it can be moved.
    pub(crate) fn is_movable(&self) -> bool {
        matches!(self.wire.state(), State::Idle | State::Head)
            && self.exchange.is_none()
            && self.output.is_flushed()
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
    Free(u32),
}

/// The connections of one core.
pub(crate) struct Table {
    seats: Vec<(u32, Seat)>,
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
            seats: Vec::new(),
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
            Some((generation, _)) => ConnectionKey::new(self.free, *generation),
            None => ConnectionKey::new(self.seats.len() as u32, self.first),
        }
    }

    fn seat(&mut self, key: ConnectionKey, connection: Connection) {
        self.len += 1;
        if self.free == NONE {
            self.seats.push((self.first, Seat::Taken(connection)));
            return;
        }
        let (_, seat) = &mut self.seats[key.slot() as usize];
        if let Seat::Free(next) = seat {
            self.free = *next;
        }
        *seat = Seat::Taken(connection);
    }

    #[inline]
    pub(crate) fn get(&mut self, key: ConnectionKey) -> Option<&mut Connection> {
        match self.seats.get_mut(key.slot() as usize) {
            Some((generation, Seat::Taken(connection))) if *generation == key.generation() => {
                Some(connection)
            }
            _ => None,
        }
    }

    /// The socket of a connection.
    pub(crate) fn socket(&self, key: ConnectionKey) -> Option<&Descriptor> {
        match self.seats.get(key.slot() as usize) {
            Some((generation, Seat::Taken(connection))) if *generation == key.generation() => {
                Some(&connection.socket)
            }
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
            Some((generation, Seat::Taken(connection))) if *generation == key.generation() => {
                Some((connection, &self.sockets))
            }
            _ => None,
        }
    }

    pub(crate) fn remove(&mut self, key: ConnectionKey) -> Option<Connection> {
        self.get(key)?;
        self.sockets.leave(key);
        let (generation, seat) = &mut self.seats[key.slot() as usize];
        *generation = (*generation + 1) & GENERATION_MASK;
        self.len -= 1;
        match std::mem::replace(seat, Seat::Free(self.free)) {
            Seat::Taken(connection) => {
                self.free = key.slot();
                Some(connection)
            }
            Seat::Free(_) => None,
        }
    }

    pub(crate) fn keys(&self) -> Vec<ConnectionKey> {
        let taken = self.seats.iter().enumerate();
        taken
            .filter(|(_, (_, seat))| matches!(seat, Seat::Taken(_)))
            .map(|(slot, (generation, _))| ConnectionKey::new(slot as u32, *generation))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::fd::OwnedFd;

    fn connection() -> Connection {
        let file = std::fs::File::open("/dev/null").expect("open");
        Connection::new(Descriptor::from(OwnedFd::from(file)), Moment::default())
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
