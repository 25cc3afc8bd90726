//! The header of a proxy before everything else of a connection: it is read, it is believed if its sender is one of
//! `trusted_proxies`, and the connection goes on with the client that it names. A connection without one is
//! closed, and whoever wrote it is told in the log what to do about that.
//!
//! Called for received bytes as long as the transport is [`Layer::Header`](super::transport::Layer), and when the time
//! for them is over. [`crate::client::proxy_header`] decides what a header says; no byte behind it is lost, and none of
//! it is answered.

use super::engine::Engine;
use super::key::ConnectionKey;
use super::table::{Connection, Unread};
use super::transport::Transport;
use crate::client::belief::Peer;
use crate::client::proxy_header::{self, Header, HeaderFault};
use crate::config::Scheme;
use crate::http1::exchange::{Event, State};
use ringgate_runtime::{Core, Lease};
use std::rc::Rc;
use std::sync::Arc;

impl Engine {
    /// Received bytes of a connection whose header is not whole.
    pub(super) fn on_header_bytes(&mut self, core: &Rc<Core>, key: ConnectionKey, lease: Lease) {
        let Some(connection) = self.table.get(key) else {
            return;
        };
        if connection.wire.state() != State::Closed {
            connection.unread.add(lease);
            self.read_header(core, key);
        }
    }

    /// Reads the header from what is there of it.
    pub(super) fn read_header(&mut self, core: &Rc<Core>, key: ConnectionKey) {
        let Some((connection, sockets)) = self.table.get_with_sockets(key) else {
            return;
        };
        match sockets.socket_peer(key) {
            // It has gone already, as those that only see whether somebody listens do.
            Peer::Unknown => {
                self.on(core, key, Event::Gone);
                return;
            }
            peer if !sockets.trusts(peer) => {
                return self.header_failed(core, key, HeaderFault::Untrusted);
            }
            Peer::Inet(_) | Peer::Unix => {}
        }
        match proxy_header::read(connection.unread.as_slice()) {
            Ok(None) => connection.unread.copy_rest(),
            Ok(Some(header)) => self.header_is_read(core, key, header),
            Err(fault) => self.header_failed(core, key, fault),
        }
    }

    /// The connection has moved in; the front of its header may have come along.
    pub(super) fn read_header_moved(&mut self, core: &Rc<Core>, key: ConnectionKey) {
        let has_front = |connection: &mut Connection| !connection.unread.is_empty();
        if self.table.get(key).is_some_and(has_front) {
            self.read_header(core, key);
        }
    }

    /// The header is whole: what comes behind it is the client's.
    fn header_is_read(&mut self, core: &Rc<Core>, key: ConnectionKey, header: Header) {
        self.stats.proxy_headers.add(1);
        let Some((connection, sockets)) = self.table.get_with_sockets(key) else {
            return;
        };
        let Some(scheme) = connection.transport.awaited() else {
            return;
        };
        connection.unread.skip(header.len);
        connection.transport = Transport::new(scheme.into());
        // The connection is idle from now on, not from its accept.
        connection.idle_since = core.now();
        connection.deadline_of = None;
        if let Some(announced) = header.announced {
            sockets.announce(key, Arc::new(announced));
        }
        match scheme {
            Scheme::Http => {
                self.advance(core, key);
            }
            Scheme::Https => {
                let rest = std::mem::replace(&mut connection.unread, Unread::None);
                if !rest.is_empty() {
                    self.on_handshake_bytes(core, key, rest.as_slice());
                }
            }
        }
    }

    /// The connection is not one that a trusted proxy has begun as it should.
    fn header_failed(&mut self, core: &Rc<Core>, key: ConnectionKey, fault: HeaderFault) {
        self.stats.proxy_headers_failed[fault as usize].add(1);
        let peer = self.peer_of(key);
        crate::observe::log::limited!(
            self.log,
            core.now().as_nanos(),
            warn,
            "proxy-header",
            peer = peer.as_deref().unwrap_or("unknown"),
            cause = fault.name(),
            cure = fault.cure(),
            "a connection is closed, since it does not begin with a PROXY header of a trusted proxy"
        );
        self.on(core, key, Event::Gone);
    }

    /// The header did not come in time.
    #[cold]
    pub(super) fn header_timed_out(&mut self, core: &Rc<Core>, key: ConnectionKey) {
        let sockets = self.table.sockets();
        let fault = match sockets.trusts(sockets.socket_peer(key)) {
            true => HeaderFault::TimedOut,
            false => HeaderFault::Untrusted,
        };
        self.header_failed(core, key, fault);
    }
}
