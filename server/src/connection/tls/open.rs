//! Received records become the bytes that the wire reads. A record that comes whole is opened where the
//! kernel put it, and its plaintext is read there; one that comes in pieces is gathered once.
//!
//! Called by `read.rs` for every received piece of a connection of TLS. After each record the wire goes on
//! with what it held ([`Engine::advance`]), so that the requests of a batch are answered in one send,
//! however the client put them into records.

use super::Phase;
use crate::connection::engine::Engine;
use crate::connection::key::ConnectionKey;
use crate::http1::exchange::{After, Event, State};
use crate::tls::record::{Ended, KeyCache, Opened, Reason as TlsFault, Session};
use bytes::{Buf, BytesMut};
use ringgate_runtime::{Core, Lease};
use std::rc::Rc;

/// Where the opening of records stops.
enum Next {
    /// The plaintext of one record is unread now.
    Read,
    /// A record that held nothing for the wire was taken.
    Again,
    /// More has to come.
    Needs(usize),
    /// The client says that nothing more comes.
    Closed,
    /// The connection is over.
    Ended(Ended),
    /// Nothing is opened any more; what is left is no one's.
    Shut,
}

impl Engine {
    /// Received bytes of a connection of TLS, or of one whose header of a proxy is not whole.
    #[inline(never)]
    pub(in crate::connection) fn on_sealed(
        &mut self,
        core: &Rc<Core>,
        key: ConnectionKey,
        mut lease: Lease,
    ) {
        let Some(connection) = self.table.get(key) else {
            return;
        };
        let Some(tls) = connection.transport.tls_mut() else {
            return self.on_header_bytes(core, key, lease);
        };
        match tls.phase {
            Phase::Expected | Phase::Shaking(_) => self.on_handshake_bytes(core, key, &lease),
            Phase::Open(_) if !connection.eof => {
                let received = tls.take_received();
                if let State::Receiving | State::StreamingReceiving = connection.wire.state() {
                    self.pace_sealed_body(core, key, lease.len());
                }
                if received.is_empty() {
                    self.open_in_place(core, key, &mut lease);
                } else {
                    self.open_after(core, key, received, lease);
                }
            }
            Phase::Open(_) | Phase::Over => self.discard_sealed(core, key, lease.len()),
        }
    }

    /// Opens the records of a lease where they lie, each parted from the next: a handler may keep one while
    /// the next is opened.
    fn open_in_place(&mut self, core: &Rc<Core>, key: ConnectionKey, lease: &mut Lease) {
        while !lease.is_empty() {
            let Some(bytes) = lease.get_mut() else {
                // Somebody else reads them.
                let received = BytesMut::from(&lease[..]);
                return self.open_gathered(core, key, received);
            };
            let next = match self.session(key) {
                None => Next::Shut,
                Some((session, keys)) => match session.open(keys, bytes) {
                    Ok(Opened::Data { plain, used }) => {
                        let mut piece = lease.split_to(used);
                        piece.truncate(plain.end);
                        piece.advance(plain.start);
                        if let Some(connection) = self.table.get(key) {
                            connection.unread.add(piece);
                        }
                        Next::Read
                    }
                    Ok(Opened::KeyUpdated { used } | Opened::Ignored { used }) => {
                        lease.advance(used);
                        Next::Again
                    }
                    Ok(Opened::Closed { .. }) => Next::Closed,
                    Ok(Opened::Needs(size)) => Next::Needs(size),
                    Err(ended) => Next::Ended(ended),
                },
            };
            if let Next::Needs(size) = next {
                let mut received = BytesMut::with_capacity(size);
                received.extend_from_slice(lease);
                return self.keep_received(key, received);
            }
            if !self.go_on_after(core, key, next, lease.len()) {
                return;
            }
        }
    }

    /// The front of a record was there already: it is completed with what came, and the records behind it
    /// are opened where they lie.
    fn open_after(
        &mut self,
        core: &Rc<Core>,
        key: ConnectionKey,
        mut received: BytesMut,
        mut lease: Lease,
    ) {
        loop {
            let next = self.open_first(key, &mut received);
            if let Next::Needs(size) = next {
                let missing = size.saturating_sub(received.len());
                if lease.is_empty() {
                    received.reserve(missing);
                    return self.keep_received(key, received);
                }
                let count = missing.min(lease.len());
                received.extend_from_slice(&lease[..count]);
                lease.advance(count);
                continue;
            }
            if !self.go_on_after(core, key, next, received.len() + lease.len()) {
                return;
            }
            if received.is_empty() {
                return self.open_in_place(core, key, &mut lease);
            }
        }
    }

    /// Opens records that were gathered.
    pub(super) fn open_gathered(
        &mut self,
        core: &Rc<Core>,
        key: ConnectionKey,
        mut received: BytesMut,
    ) {
        while !received.is_empty() {
            let next = self.open_first(key, &mut received);
            if let Next::Needs(_) = next {
                return self.keep_received(key, received);
            }
            if !self.go_on_after(core, key, next, received.len()) {
                return;
            }
        }
    }

    /// Opens the first record that was gathered; its plaintext goes on in the same memory.
    fn open_first(&mut self, key: ConnectionKey, received: &mut BytesMut) -> Next {
        let Some((session, keys)) = self.session(key) else {
            return Next::Shut;
        };
        match session.open(keys, received) {
            Ok(Opened::Data { plain, used }) => {
                let mut record = received.split_to(used);
                record.truncate(plain.end);
                record.advance(plain.start);
                if let Some(connection) = self.table.get(key) {
                    connection.unread.add_gathered(record);
                }
                Next::Read
            }
            Ok(Opened::KeyUpdated { used } | Opened::Ignored { used }) => {
                received.advance(used);
                Next::Again
            }
            Ok(Opened::Closed { .. }) => Next::Closed,
            Ok(Opened::Needs(size)) => Next::Needs(size),
            Err(ended) => Next::Ended(ended),
        }
    }

    /// Does what a record asks for; whether the next one is to be opened. `left`: received bytes behind it.
    fn go_on_after(
        &mut self,
        core: &Rc<Core>,
        key: ConnectionKey,
        next: Next,
        left: usize,
    ) -> bool {
        match next {
            Next::Read => {
                self.advance(core, key);
                true
            }
            Next::Again => true,
            Next::Needs(_) => false,
            Next::Closed => {
                if let Some(connection) = self.table.get(key) {
                    connection.eof = true;
                    if !connection.has_rest {
                        self.on_peer_ended(core, key);
                    }
                }
                false
            }
            Next::Ended(ended) => {
                self.tls_ended(core, key, ended);
                false
            }
            Next::Shut => {
                self.discard_sealed(core, key, left);
                false
            }
        }
    }

    /// TLS failed on an established connection: its peer is told by an alert, and it is over.
    #[cold]
    pub(in crate::connection) fn tls_ended(
        &mut self,
        core: &Rc<Core>,
        key: ConnectionKey,
        ended: Ended,
    ) {
        let place = match ended {
            Ended::ByUs(fault) => fault.reason as usize,
            Ended::ByPeer(_) => TlsFault::ALL.len(),
        };
        self.stats.tls_failed[place].add(1);
        let peer = self.peer_of(key);
        crate::observe::log::limited!(
            self.log,
            core.now().as_nanos(),
            info,
            "tls",
            peer = peer.as_deref().unwrap_or("unknown"),
            cause = %ended,
            "TLS failed on an established connection"
        );
        if let Some(connection) = self.table.get(key)
            && let Some(tls) = connection.transport.tls_mut()
        {
            tls.end(&mut self.sealing.keys, ended);
        }
        self.on(core, key, Event::Broken);
    }

    /// Throws bytes away that nobody can open any more.
    fn discard_sealed(&mut self, core: &Rc<Core>, key: ConnectionKey, count: usize) {
        let Some(connection) = self.table.get(key) else {
            return;
        };
        connection.discarded += count as u64;
        // What comes behind the last request, and could be one, is a reason to linger, as plain bytes are.
        connection.pipelines |= connection.ends_here();
        let is_bounded = matches!(
            connection.wire.state(),
            State::Lingering | State::Closing | State::WritingUnread(After::Close)
        );
        if is_bounded && connection.has_discarded_enough(&self.settings) {
            self.discarded_enough(core, key);
        }
    }

    fn keep_received(&mut self, key: ConnectionKey, received: BytesMut) {
        if let Some(connection) = self.table.get(key)
            && let Some(tls) = connection.transport.tls_mut()
        {
            tls.keep_received(received);
        }
    }

    /// The session of a connection whose records are still to be opened, and the keys of the core.
    fn session(&mut self, key: ConnectionKey) -> Option<(&mut Session, &mut KeyCache)> {
        let connection = self.table.get(key)?;
        let state = connection.wire.state();
        if connection.eof || matches!(state, State::Lingering | State::Closing | State::Closed) {
            return None;
        }
        let session = connection.transport.tls_mut()?.session_mut()?;
        Some((session, &mut self.sealing.keys))
    }
}
