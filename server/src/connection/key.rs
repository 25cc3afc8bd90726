//! Names for connections and requests, and the keys under which their operations' events come back.

use std::num::NonZeroU32;

/// Names a connection of a core: a seat of its table, and which tenant of that seat, so that a
/// late word for one that is gone reaches nobody.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct ConnectionKey {
    slot: u32,
    generation: u32,
}

/// Generations are 24 bits, so that a key fits beside its role.
pub(crate) const GENERATION_MASK: u32 = (1 << 24) - 1;

impl ConnectionKey {
    #[inline]
    pub(crate) const fn new(slot: u32, generation: u32) -> ConnectionKey {
        ConnectionKey {
            slot,
            generation: generation & GENERATION_MASK,
        }
    }

    #[inline]
    pub(crate) const fn slot(self) -> u32 {
        self.slot
    }

    #[inline]
    pub(crate) const fn generation(self) -> u32 {
        self.generation
    }
}

/// Names a request of a core that is not answered at once, whatever connection it came on: a place among
/// the core's requests, and which tenant of that place, so that a late word for one that is over reaches
/// nobody.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct ExchangeKey {
    slot: u32,
    /// The generation with a bit above it that is always set, so that an optional name takes no more
    /// room than a name: each idle connection has one.
    tag: NonZeroU32,
}

const TAGGED: NonZeroU32 = NonZeroU32::new(GENERATION_MASK + 1).unwrap();
const _: () = assert!(size_of::<Option<ExchangeKey>>() == size_of::<ExchangeKey>());

impl ExchangeKey {
    #[inline]
    pub(crate) const fn new(slot: u32, generation: u32) -> ExchangeKey {
        let tag = match NonZeroU32::new(TAGGED.get() | generation & GENERATION_MASK) {
            Some(tag) => tag,
            None => TAGGED,
        };
        ExchangeKey { slot, tag }
    }

    #[inline]
    pub(crate) const fn slot(self) -> u32 {
        self.slot
    }
}

/// The owner of a place at the gate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Candidate {
    /// A request.
    Request(ExchangeKey),
    /// A connection, where connections hold the slots.
    Connection(ConnectionKey),
}

/// Where another protocol than HTTP is spoken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Speaker {
    /// On a connection.
    Connection(ConnectionKey),
    /// On a stream of HTTP/2, which came with this request.
    Stream(ExchangeKey),
}

/// The subject of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Subject {
    /// The accept of a listener, by its number.
    Accept(u32),
    /// The receive of a connection.
    Receive(ConnectionKey),
    /// The send of a connection.
    Send(ConnectionKey),
    /// The deadline of a connection.
    Deadline(ConnectionKey),
    /// The poll that watches a connection's peer.
    Watch(ConnectionKey),
    /// The longest time that somebody waits at the gate.
    QueueTimeout(Candidate),
    /// Time to look for slots that were offered and not taken up.
    GateSweep,
    /// Time to try a paused listener again.
    ResumeAccept,
    /// Time to look at connections whose clients may have gone unnoticed.
    Look,
    /// Time to tell further WebSockets Close.
    Farewells,
    /// Time to hand lines of the access log over.
    AccessLog,
    /// The core's own tick.
    Tick,
    /// The poll of a listener that is helped, by its number.
    Help(u32),
}

const ACCEPT: u64 = 1;
const RECEIVE: u64 = 2;
const SEND: u64 = 3;
const DEADLINE: u64 = 4;
const RESUME_ACCEPT: u64 = 5;
const TICK: u64 = 6;
const HELP: u64 = 7;
const WATCH: u64 = 8;
const QUEUE_TIMEOUT: u64 = 9;
const GATE_SWEEP: u64 = 10;
const LOOK: u64 = 11;
const ARRIVAL_TIMEOUT: u64 = 12;
const FAREWELLS: u64 = 13;
const ACCESS_LOG: u64 = 14;

impl Subject {
    /// The number that travels with the operation.
    #[inline]
    pub(crate) const fn to_key(self) -> u64 {
        let (role, slot, generation) = match self {
            Subject::Accept(listener) => (ACCEPT, listener, 0),
            Subject::Receive(key) => (RECEIVE, key.slot, key.generation),
            Subject::Send(key) => (SEND, key.slot, key.generation),
            Subject::Deadline(key) => (DEADLINE, key.slot, key.generation),
            Subject::Watch(key) => (WATCH, key.slot, key.generation),
            Subject::QueueTimeout(Candidate::Request(key)) => {
                (QUEUE_TIMEOUT, key.slot, key.tag.get() & GENERATION_MASK)
            }
            Subject::QueueTimeout(Candidate::Connection(key)) => {
                (ARRIVAL_TIMEOUT, key.slot, key.generation)
            }
            Subject::GateSweep => (GATE_SWEEP, 0, 0),
            Subject::ResumeAccept => (RESUME_ACCEPT, 0, 0),
            Subject::Look => (LOOK, 0, 0),
            Subject::Farewells => (FAREWELLS, 0, 0),
            Subject::AccessLog => (ACCESS_LOG, 0, 0),
            Subject::Tick => (TICK, 0, 0),
            Subject::Help(listener) => (HELP, listener, 0),
        };
        role << 56 | (generation as u64) << 32 | slot as u64
    }

    /// Reads back what [`Subject::to_key`] made; None for anything else.
    #[inline]
    pub(crate) const fn from_key(key: u64) -> Option<Subject> {
        let slot = key as u32;
        let connection = ConnectionKey::new(slot, (key >> 32) as u32);
        Some(match key >> 56 {
            ACCEPT => Subject::Accept(slot),
            RECEIVE => Subject::Receive(connection),
            SEND => Subject::Send(connection),
            DEADLINE => Subject::Deadline(connection),
            WATCH => Subject::Watch(connection),
            QUEUE_TIMEOUT => {
                let request = ExchangeKey::new(slot, (key >> 32) as u32);
                Subject::QueueTimeout(Candidate::Request(request))
            }
            ARRIVAL_TIMEOUT => Subject::QueueTimeout(Candidate::Connection(connection)),
            GATE_SWEEP => Subject::GateSweep,
            RESUME_ACCEPT => Subject::ResumeAccept,
            LOOK => Subject::Look,
            FAREWELLS => Subject::Farewells,
            ACCESS_LOG => Subject::AccessLog,
            TICK => Subject::Tick,
            HELP => Subject::Help(slot),
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_subject_survives_its_key() {
        let key = ConnectionKey::new(u32::MAX, u32::MAX);
        let subjects = [
            Subject::Accept(7),
            Subject::Receive(key),
            Subject::Send(key),
            Subject::Deadline(ConnectionKey::new(0, 1)),
            Subject::Watch(key),
            Subject::QueueTimeout(Candidate::Connection(ConnectionKey::new(7, 9))),
            Subject::QueueTimeout(Candidate::Request(ExchangeKey::new(7, 9))),
            Subject::GateSweep,
            Subject::ResumeAccept,
            Subject::Look,
            Subject::Farewells,
            Subject::AccessLog,
            Subject::Tick,
            Subject::Help(3),
        ];
        for subject in subjects {
            assert_eq!(Subject::from_key(subject.to_key()), Some(subject));
        }
        assert_eq!(Subject::from_key(0), None);
    }
}
