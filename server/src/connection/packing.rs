//! A connection between two requests as bytes, for another process of the same machine.
//!
//! Called by upgrades. The clock of the deadlines is CLOCK_MONOTONIC, the same for both
//! (clock_gettime(2)). The descriptor goes beside the bytes. A change of the form needs another
//! `VERSION` of the words around it.

use super::listener::{Fresh, ListenerId};
use super::transfer::Parcel;
use super::wire::Wire;
use crate::http::exchange::{Deadline, State};
use bytes::BytesMut;
use ringgate_runtime::{Descriptor, Moment};

/// Unread bytes of a connection that goes to another process; one with more stays where it is.
pub(crate) const PACKED_BYTES_MAX: usize = 128 << 10;

/// Before the unread bytes: state, kind of deadline, served, idle since, deadline.
const HEAD_BYTES: usize = 1 + 1 + 4 + 8 + 8;

const DEADLINES: [Deadline; 5] = [
    Deadline::Head,
    Deadline::Body,
    Deadline::Write,
    Deadline::Idle,
    Deadline::Linger,
];

impl Parcel {
    /// All but the descriptor and the listener, whose number is the process's own.
    pub(crate) fn pack(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(HEAD_BYTES + self.unread.len());
        bytes.push((self.wire.state() == State::Head).into());
        let kind = self.deadline_of.map(|kind| kind as u8 + 1);
        bytes.push(kind.unwrap_or(0));
        bytes.extend_from_slice(&self.served.to_le_bytes());
        bytes.extend_from_slice(&self.idle_since.as_nanos().to_le_bytes());
        bytes.extend_from_slice(&self.deadline.as_nanos().to_le_bytes());
        bytes.extend_from_slice(&self.unread);
        bytes
    }

    /// Reads back the bytes that [`Parcel::pack`] made; None if they are something else.
    pub(crate) fn unpack(fresh: Fresh, bytes: &[u8]) -> Option<Parcel> {
        let (head, unread) = bytes.split_at_checked(HEAD_BYTES)?;
        let number = |from: usize| {
            let bytes = head[from..from + 8].try_into().ok()?;
            Some(Moment::from_nanos(u64::from_le_bytes(bytes)))
        };
        Some(Parcel {
            socket: fresh.socket,
            listener: fresh.listener,
            wire: match head[0] {
                0 => Wire::between_requests(false),
                1 => Wire::between_requests(true),
                _ => return None,
            },
            deadline_of: match head[1] {
                0 => None,
                kind => Some(*DEADLINES.get(usize::from(kind) - 1)?),
            },
            served: u32::from_le_bytes(head[2..6].try_into().ok()?),
            idle_since: number(6)?,
            deadline: number(14)?,
            // A slot is one of the process: here it is taken again.
            credit: None,
            inquiry: 0,
            from_outside: true,
            unread: BytesMut::from(unread),
        })
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
        }
    }

    proptest! {
        #[test]
        fn a_connection_that_is_packed_is_the_same_on_the_other_side(
            in_head in any::<bool>(),
            kind in proptest::option::of(0usize..5),
            (served, idle_since, deadline) in any::<(u32, u64, u64)>(),
            unread in any::<Vec<u8>>(),
        ) {
            let parcel = Parcel {
                socket: fresh().socket,
                listener: ListenerId(3),
                wire: Wire::between_requests(in_head),
                unread: BytesMut::from(&unread[..]),
                served,
                idle_since: Moment::from_nanos(idle_since),
                deadline_of: kind.map(|kind| DEADLINES[kind]),
                deadline: Moment::from_nanos(deadline),
                credit: None,
                inquiry: 0,
                from_outside: false,
            };
            let there = Parcel::unpack(fresh(), &parcel.pack()).unwrap();
            prop_assert_eq!(there.wire, parcel.wire);
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
