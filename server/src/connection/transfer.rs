//! Moving a connection to another core, in six steps: (1) it is marked as moving; (2) its receive
//! is cancelled; (3) completions are taken until the last, which may still bring bytes; (4) leases
//! are copied and given back; (5) descriptor, bytes, state and deadlines go; (6) the receiver feeds
//! the bytes first, then arms its receive. A request that turns up in step 3 is served where it is.

use super::access::Place;
use super::arrival::Underway;
use super::engine::{Engine, Message, Report};
use super::key::ConnectionKey;
use super::listener::{Fresh, ListenerId};
use super::packing::PACKED_BYTES_MAX;
use super::table::{Connection, Heir, Receive, Unread};
use super::transport::Transport;
use super::upgraded::Carried;
use super::wire::Wire;
use crate::admission::door::{Credit, Ticket};
use crate::client::proxy_header::SharedAnnounced;
use crate::config::{Admit, Opening};
use crate::coordinator::SUCCESSOR;
use crate::http1::exchange::{Deadline, State};
use crate::tls::handshake::Facts;
use bytes::BytesMut;
use ringgate_runtime::{Core, Descriptor, Moment};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

/// Where connections go that have no core to go to: the coordinator keeps them.
pub(super) const COORDINATOR: u32 = SUCCESSOR - 1;

/// A connection between two cores: plain data.
pub(crate) struct Parcel {
    pub(super) socket: Descriptor,
    pub(super) listener: ListenerId,
    pub(super) transport: Transport,
    /// The agreement of the handshake.
    pub(super) facts: Option<Arc<Facts>>,
    /// The announcement of a proxy.
    pub(super) announced: Option<SharedAnnounced>,
    pub(super) wire: Wire,
    /// The state of another protocol than HTTP/1.1.
    pub(super) upgrade: Option<Box<Carried>>,
    pub(super) unread: BytesMut,
    pub(super) served: u32,
    pub(super) idle_since: Moment,
    pub(super) deadline_of: Option<Deadline>,
    pub(super) deadline: Moment,
    /// The slot that the connection holds, if connections do.
    pub(super) credit: Option<Credit>,
    /// The connection has no slot, and waits for one.
    pub(super) waits: Option<Underway>,
    /// The last inquiry that the core had answered when the connection left it.
    pub(super) inquiry: u64,
    /// Whether it comes from another process, where its slot stayed.
    pub(super) from_outside: bool,
    /// Whether it is among those that `max_websockets` bounds: not while it belongs to no core.
    pub(super) is_counted: bool,
    /// The connection as the access log knows it.
    pub(super) place: Option<Box<Place>>,
}

/// Whether this is the number of a core, and not of the coordinator or of another process.
fn is_core(to: u32) -> bool {
    to != COORDINATOR && to != SUCCESSOR
}

impl Parcel {
    /// Takes a wait that lasts until now out of the connection's time. A client that sent a request
    /// meanwhile has used the connection now, so that a drain does not take it for idle.
    pub(crate) fn has_waited(&mut self, now: Moment, time: Duration) {
        self.idle_since = now;
        self.deadline = self.deadline + time;
        if let Some(carried) = &mut self.upgrade {
            carried.has_waited(time.as_secs() as u32);
        }
    }
}

impl Engine {
    /// Steps 1 and 2, for the next heir if this core is leaving.
    pub(super) fn move_out_if_movable(&mut self, core: &Rc<Core>, key: ConnectionKey) {
        if let Some(heir) = self.next_heir() {
            self.move_out(core, key, heir);
        }
    }

    /// Steps 1 and 2.
    pub(super) fn move_out(&mut self, core: &Rc<Core>, key: ConnectionKey, to: u32) {
        if self.arrivals.contains_key(&key) {
            if to != SUCCESSOR || self.may_be_packed(key) {
                self.move_arrival_out(core, key, to);
            }
            return;
        }
        if !self.can_move_out(key, to) {
            return;
        }
        let Some(connection) = self.table.get(key) else {
            return;
        };
        if connection.moving_to.is_some() {
            return;
        }
        connection.moving_to = Some(Heir::core(to));
        match connection.receive {
            Receive::Off => self.move_out_when_quiet(core, key),
            Receive::On(_) => self.stop_listening(core, key),
            Receive::Ending(_) => {}
        }
    }

    /// Whether a connection can go there now: asked by whoever chooses those that are to go, before its receive is
    /// cancelled, and again when that is over.
    pub(super) fn can_move_out(&mut self, key: ConnectionKey, to: u32) -> bool {
        let leaves_process = to == SUCCESSOR;
        let connection = self.table.get(key);
        connection.is_some_and(|connection| connection.is_movable())
            && (!leaves_process || self.may_be_packed(key))
            && self.upgrades.may_move(key, leaves_process)
            && self.is_between_messages(key, leaves_process)
    }

    /// Whether a connection can become bytes for another process.
    pub(super) fn may_be_packed(&mut self, key: ConnectionKey) -> bool {
        let keys_go = self.settings.tls_handover;
        let handshakes_go = !self.handshakes_stay;
        self.table.get(key).is_some_and(|connection| {
            let is_short = connection.unread.as_slice().len() <= PACKED_BYTES_MAX;
            // What the application hands over needs room as well.
            let is_short = match connection.wire.state() {
                State::Upgraded(_) => connection.unread.as_slice().len() <= PACKED_BYTES_MAX / 2,
                _ => is_short,
            };
            is_short && connection.may_leave_process(keys_go, handshakes_go)
        })
    }

    /// Steps 4 and 5, after the last completion of the receive.
    pub(super) fn move_out_when_quiet(&mut self, core: &Rc<Core>, key: ConnectionKey) {
        let Some(connection) = self.table.get(key) else {
            return;
        };
        let Some(to) = connection.moving_to.take().map(Heir::index) else {
            return;
        };
        if !self.can_move_out(key, to) {
            // It was used, or ended, meanwhile: it stays for this time.
            return self.regulate(core, key);
        }
        if to == SUCCESSOR && !self.closes_lines(key) {
            // It goes when what was sent to it is sent.
            return self.regulate(core, key);
        }
        let Ok(waits) = self.leave_queue(core, key) else {
            return self.regulate(core, key);
        };
        if to == SUCCESSOR {
            self.tell_at_hand_over(core, key);
        }
        let place = self.leave_access(core, key);
        self.leave_transport(core, key);
        self.sockets.leave(key.slot());
        let facts = self.table.facts(key);
        let announced = self.table.announced(key);
        let upgrade = self.take_upgrade(key, is_core(to));
        let Some(mut connection) = self.table.remove(key) else {
            return;
        };
        if let Some((timer, _)) = connection.timer {
            core.cancel_timer(timer);
        }
        self.stalls.forget(key);
        // While it is still counted in the process: what comes in its place is one more there.
        self.accept_for_one_moved(core);
        connection.unread.copy_rest();
        let unread = match connection.unread {
            Unread::Gathered(bytes) => bytes,
            Unread::None | Unread::Leased(_) => BytesMut::new(),
        };
        let parcel = Parcel {
            socket: connection.socket,
            listener: connection.listener,
            transport: connection.transport,
            facts,
            announced,
            wire: connection.wire,
            upgrade,
            unread,
            served: connection.served,
            idle_since: connection.idle_since,
            deadline_of: connection.deadline_of,
            deadline: connection.deadline,
            credit: self.take_slot(key).and_then(Ticket::into_credit),
            waits,
            inquiry: self.published,
            from_outside: false,
            is_counted: is_core(to),
            place: place.map(Box::new),
        };
        // Counted where nothing can come between: a core that panicked has it, or it is on its way.
        self.stats.open.fall();
        self.headroom.leave(1);
        self.stats.handed_out.add(1);
        match to {
            COORDINATOR => self.post.to_coordinator(Report::Parked(Box::new(parcel))),
            core => self.post.to_core(core, Message::Parcel(Box::new(parcel))),
        }
    }

    /// Step 6.
    pub(super) fn move_in(&mut self, core: &Rc<Core>, parcel: Parcel) {
        self.publish_for(core, parcel.inquiry);
        // Before anything that could panic: from here on the connection is one of this core, whatever becomes of it.
        self.stats.handed_in.add(1);
        let fresh = Fresh {
            socket: parcel.socket,
            listener: parcel.listener,
            opening: Opening::default(),
        };
        let mut connection = Connection::new(fresh, core.now());
        connection.transport = parcel.transport;
        connection.wire = parcel.wire;
        connection.served = parcel.served;
        connection.idle_since = parcel.idle_since;
        let of_connections = self.settings.admit == Admit::Connection;
        let waits = parcel.waits.filter(|_| of_connections);
        let ticket = match parcel.from_outside && of_connections && waits.is_none() {
            true => self.door.retake(),
            false => self.door.adopt(parcel.credit),
        };
        if !parcel.unread.is_empty() {
            connection.unread = Unread::Gathered(parcel.unread);
        }
        let key = self.seat(connection);
        self.accept_no_more_than_fit(core);
        self.hold_for(key, ticket);
        self.table.agree(key, parcel.facts);
        self.arrive_in_access(key, parcel.place);
        self.table.announce(key, parcel.announced);
        if let Some(carried) = parcel.upgrade {
            self.put_upgrade(core, key, *carried, parcel.is_counted);
        }
        if let Some(waits) = waits {
            self.arrive_again(core, key, waits);
            return self.follow_course(core, key);
        }
        match self.awaits_header(key) {
            true => self.read_header_moved(core, key),
            false => {
                self.advance(core, key);
            }
        }
        self.begin_to_listen(core, key);
        self.settle(core, key);
        if let Some(connection) = self.table.get(key)
            && connection.deadline_of == parcel.deadline_of
            && parcel.deadline < connection.deadline
        {
            // The same wait goes on; it does not start again.
            connection.wait_on(core, key, parcel.deadline);
        }
        self.follow_course(core, key);
    }
}
