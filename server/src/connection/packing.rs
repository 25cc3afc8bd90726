//! A connection between two requests, or between two messages of a WebSocket, as bytes, for another process of the
//! same machine.
//!
//! Called by upgrades. The clock of the deadlines is CLOCK_MONOTONIC, the same for both
//! (clock_gettime(2)). The descriptor goes beside the bytes. A change of the form needs another
//! `VERSION` of the words around it.

use super::arrival::Underway;
use super::listener::{Fresh, ListenerId};
use super::tls::{pack_tls, unpack_tls};
use super::transfer::Parcel;
use super::transport::Transport;
use super::upgraded::Carried;
use super::wire::Wire;
use crate::client::proxy_header::Announced;
use crate::config::{Opening, Scheme};
use crate::http1::exchange::{Deadline, State};
use bytes::BytesMut;
use ringgate_runtime::{Descriptor, Moment};
use std::sync::Arc;
use zeroize::Zeroizing;

/// Unread bytes of a connection that goes to another process; one with more stays where it is.
pub(crate) const PACKED_BYTES_MAX: usize = 128 << 10;

/// Before the unread bytes: state, kind of deadline, served, idle since, deadline.
const HEAD_BYTES: usize = 1 + 1 + 4 + 8 + 8;

/// Room for all but the unread bytes and what a client's certificates need.
const PACKED_SIZE_BYTES: usize = 512;

/// In the first byte, beside the state: the parts of TLS come before the unread bytes.
const IN_TLS: u8 = 2;
/// In the first byte, beside the state: another protocol is spoken, and its state comes before the unread bytes,
/// behind the parts of TLS.
const UPGRADED: u8 = 4;
/// Beside UPGRADED: that protocol is HTTP/2.
const HTTP2: u8 = 8;
/// In the first byte, beside the state: the header of a proxy is still to come, and the front of it is the unread
/// bytes. IN_TLS says what follows it.
const AWAITS_HEADER: u8 = 16;
/// In the first byte, beside the state: the connection waits for a slot at the gate, since the moment that stands for the
/// one from which it was idle. A process that does not know that gives it a slot.
const WAITS: u8 = 32;
/// The state of HTTP/1.1 in the first byte.
const STATE: u8 = 1;

const DEADLINES: [Deadline; 14] = [
    Deadline::Head,
    Deadline::Body,
    Deadline::Write,
    Deadline::Idle,
    Deadline::Linger,
    Deadline::Gone,
    Deadline::Handshake,
    Deadline::Quiet,
    Deadline::Pong,
    Deadline::Message,
    Deadline::CloseFrame,
    Deadline::Tunnel,
    Deadline::Streams,
    Deadline::ProxyHeader,
];

impl Parcel {
    /// All but the descriptor and the listener, whose number is the process's own. The bytes hold the keys of
    /// a connection of TLS, and are zeroed when they are dropped.
    pub(crate) fn pack(&self) -> Zeroizing<Vec<u8>> {
        let mut bytes = Zeroizing::new(Vec::with_capacity(PACKED_SIZE_BYTES + self.unread.len()));
        let in_head = u8::from(self.wire.state() == State::Head);
        let transport = match (self.transport.awaited(), self.transport.tls()) {
            (Some(Scheme::Http), _) => AWAITS_HEADER,
            (Some(Scheme::Https), _) => AWAITS_HEADER | IN_TLS,
            (None, Some(_)) => IN_TLS,
            (None, None) => 0,
        };
        let upgraded = match self.upgrade.as_deref() {
            None => 0,
            Some(Carried::WebSocket(_)) => UPGRADED,
            Some(Carried::Http2(..)) => UPGRADED | HTTP2,
        };
        let (waits, since) = match self.waits {
            Some(waits) => (WAITS, waits.since),
            None => (0, self.idle_since),
        };
        bytes.push(in_head | transport | upgraded | waits);
        let kind = self.deadline_of.map(|kind| kind as u8 + 1);
        bytes.push(kind.unwrap_or(0));
        bytes.extend_from_slice(&self.served.to_le_bytes());
        bytes.extend_from_slice(&since.as_nanos().to_le_bytes());
        bytes.extend_from_slice(&self.deadline.as_nanos().to_le_bytes());
        if let Some(tls) = self.transport.tls() {
            pack_tls(tls, self.facts.as_deref(), &mut bytes);
        }
        if let Some(carried) = &self.upgrade {
            carried.pack(&mut bytes);
        }
        bytes.extend_from_slice(&self.unread);
        bytes
    }

    /// Reads back the bytes that [`Parcel::pack`] made; None if they are something else.
    pub(crate) fn unpack(fresh: Fresh, bytes: &[u8]) -> Option<Parcel> {
        let (head, mut unread) = bytes.split_at_checked(HEAD_BYTES)?;
        let number = |from: usize| {
            let bytes = head[from..from + 8].try_into().ok()?;
            Some(Moment::from_nanos(u64::from_le_bytes(bytes)))
        };
        let (transport, facts) = match head[0] & (IN_TLS | AWAITS_HEADER) {
            0 => (Transport::Plain, None),
            awaits if awaits & AWAITS_HEADER != 0 => {
                let scheme = match awaits & IN_TLS {
                    0 => Scheme::Http,
                    _ => Scheme::Https,
                };
                let proxied = true;
                (Transport::new(Opening { scheme, proxied }), None)
            }
            _ => {
                let (tls, facts) = unpack_tls(&mut unread)?;
                (Transport::of_tls(tls), facts.map(Arc::new))
            }
        };
        let idle_since = number(6)?;
        let upgrade = match head[0] & (UPGRADED | HTTP2) {
            0 => None,
            UPGRADED => Some(Carried::read_socket(&mut unread)?),
            HTTP2 => return None,
            // A session without streams counts from the second in which the last one ended.
            _ => {
                let seconds = idle_since.as_nanos() / 1_000_000_000;
                Some(Carried::read_http2(&mut unread, seconds as u32)?)
            }
        };
        let upgrade = upgrade.map(Box::new);
        Some(Parcel {
            socket: fresh.socket,
            listener: fresh.listener,
            transport,
            facts,
            announced: None,
            wire: match (head[0] & STATE, &upgrade) {
                (0, Some(carried)) => Wire::upgraded(carried.phase()),
                (0, None) => Wire::between_requests(false),
                (1, None) => Wire::between_requests(true),
                (_, _) => return None,
            },
            upgrade,
            is_counted: false,
            place: None,
            deadline_of: match head[1] {
                0 => None,
                kind => Some(*DEADLINES.get(usize::from(kind) - 1)?),
            },
            served: u32::from_le_bytes(head[2..6].try_into().ok()?),
            idle_since,
            deadline: number(14)?,
            // A slot is one of the process: here it is taken again.
            credit: None,
            waits: (head[0] & WAITS != 0).then_some(Underway {
                place: None,
                since: idle_since,
            }),
            inquiry: 0,
            from_outside: true,
            unread: BytesMut::from(unread),
        })
    }

    /// The announcement of a proxy, as text that goes beside the bytes: a process of an older version serves the
    /// connection without it.
    pub(crate) fn announced(&self) -> Option<String> {
        self.announced.as_ref().map(|announced| announced.to_text())
    }

    /// Reads back what [`Parcel::announced`] gave; None if it is something else.
    pub(crate) fn with_announced(self, text: Option<&str>) -> Option<Parcel> {
        let announced = match text {
            None => None,
            Some(text) => Some(Arc::new(Announced::from_text(text)?)),
        };
        Some(Parcel { announced, ..self })
    }

    /// The seconds from which the times of WebSockets on streams count, which go beside the bytes likewise.
    pub(crate) fn silences(&self) -> Vec<u32> {
        let carried = self.upgrade.as_ref();
        carried.map_or_else(Vec::new, |carried| carried.silences())
    }

    /// The same with what [`Parcel::silences`] gave.
    pub(crate) fn with_silences(mut self, silences: &[u32]) -> Parcel {
        if let Some(carried) = &mut self.upgrade {
            carried.set_silences(silences);
        }
        self
    }

    /// Whether the keys of TLS go along.
    pub(crate) fn has_keys(&self) -> bool {
        let tls = self.transport.tls();
        tls.is_some_and(|tls| !tls.is_shaking_hands())
    }

    /// Whether the client speaks TLS, and is still to be shown a certificate, be it behind the header of a proxy.
    pub(crate) fn awaits_handshake(&self) -> bool {
        self.transport.is_shaking_hands()
    }

    /// Whether another process could make a connection of it: one with another protocol may have a state that no
    /// bytes can be made of, and what was agreed on over TLS may be too long.
    pub(crate) fn may_be_packed(&self) -> bool {
        let carried = self.upgrade.as_ref();
        let tls = self.transport.tls();
        carried.is_none_or(|carried| carried.may_be_packed())
            && tls.is_none_or(|tls| tls.may_be_packed())
    }

    /// The descriptor, to send a copy of it.
    pub(crate) fn socket(&self) -> &Descriptor {
        &self.socket
    }

    /// The listener that the connection came in by.
    pub(crate) fn listener(&self) -> ListenerId {
        self.listener
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::fs::File;
    use std::os::fd::OwnedFd;

    fn fresh() -> Fresh {
        Fresh {
            socket: OwnedFd::from(File::open("/dev/null").unwrap()).into(),
            listener: ListenerId(3),
            opening: Opening::default(),
        }
    }

    proptest! {
        #[test]
        fn a_connection_that_is_packed_is_the_same_on_the_other_side(
            (in_head, waits) in any::<(bool, bool)>(),
            kind in proptest::option::of(0usize..14),
            (served, idle_since, deadline) in any::<(u32, u64, u64)>(),
            unread in any::<Vec<u8>>(),
        ) {
            let parcel = Parcel {
                socket: fresh().socket,
                listener: ListenerId(3),
                transport: Transport::Plain,
                facts: None,
                announced: None,
                wire: Wire::between_requests(in_head),
                upgrade: None,
                is_counted: true,
                place: None,
                unread: BytesMut::from(&unread[..]),
                served,
                idle_since: Moment::from_nanos(idle_since),
                deadline_of: kind.map(|kind| DEADLINES[kind]),
                deadline: Moment::from_nanos(deadline),
                credit: None,
                waits: waits.then_some(Underway { place: None, since: Moment::from_nanos(idle_since) }),
                inquiry: 0,
                from_outside: false,
            };
            let there = Parcel::unpack(fresh(), &parcel.pack()).unwrap();
            prop_assert_eq!(there.wire, parcel.wire);
            prop_assert_eq!(there.waits, parcel.waits);
            prop_assert_eq!(there.served, served);
            prop_assert_eq!(there.idle_since, parcel.idle_since);
            prop_assert_eq!(there.deadline_of, parcel.deadline_of);
            prop_assert_eq!(there.deadline, parcel.deadline);
            prop_assert_eq!(there.unread, parcel.unread);
        }

        #[test]
        fn unpacking_never_panics(bytes in any::<Vec<u8>>()) {
            let _ = Parcel::unpack(fresh(), &bytes);
        }
    }

    #[test]
    fn every_deadline_keeps_its_number() {
        for (number, kind) in DEADLINES.iter().enumerate() {
            assert_eq!(*kind as usize, number);
        }
    }
}
