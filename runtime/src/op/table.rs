//! The table of operations in flight: who waits for each, and what it owns.

use super::OpId;
use super::memory::Memory;
use crate::descriptor::Descriptor;
use crate::driver::{Completion, Token};
use std::os::fd::RawFd;
use std::task::Waker;

const NONE: u32 = u32::MAX;

/// The kind of an operation's result, as far as the table must know to leak nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A descriptor on success: a connection.
    Accept,
    /// A filled buffer of the core's ring. The socket is kept to arm again when buffers ran out.
    ReceiveLeased { socket: RawFd, multishot: bool },
    /// Bytes sent.
    Send,
    /// Bytes of several places sent.
    SendPieces,
    /// Readiness of a socket that is given such bytes in place.
    SendInPlace,
    /// A descriptor on success: a file.
    Open,
    /// Readiness, with events.
    Poll,
    /// A number.
    Other,
    /// The core's own wake-up.
    Wake,
}

/// The one whom an operation's completions are for.
pub(crate) enum Stage {
    /// The owner of events, told with this key.
    Event(u64),
    /// A future, woken.
    Waiting(Waker),
    /// A future that has not looked yet; the result is the last completion.
    Done(Completion),
    /// Nobody.
    Orphan,
    /// No operation; the next free entry.
    Free(u32),
}

struct Entry {
    generation: u32,
    kind: Kind,
    cancelled: bool,
    starved: bool,
    /// Whether a completion with more to follow came since it was armed, if it is a receive.
    served: bool,
    stage: Stage,
    memory: Memory,
}

/// The meaning of a completion.
pub(crate) enum Finished {
    /// Tell the owner of events; the memory comes with the last completion.
    Event {
        key: u64,
        kind: Kind,
        memory: Memory,
    },
    /// Wake the future.
    Woken(Waker),
    /// Nobody waits; what the operation brought or owned is to be disposed of.
    Orphaned { kind: Kind, memory: Memory },
    /// No buffer was there for a receive; it is armed again when some are.
    Starved {
        /// Whether it has had any since it was armed.
        served: bool,
    },
    /// A socket that is given bytes in place has room, or has ended: the send goes on.
    Room,
    /// The operation is not known any more.
    Stale,
}

/// Operations in flight of one core.
pub(crate) struct OpTable {
    entries: Vec<Entry>,
    free: u32,
    in_flight: usize,
    stale: u64,
}

impl OpTable {
    pub(crate) fn new() -> OpTable {
        OpTable {
            entries: Vec::new(),
            free: NONE,
            in_flight: 0,
            stale: 0,
        }
    }

    /// Operations that owe a completion.
    pub(crate) fn in_flight(&self) -> usize {
        self.in_flight
    }

    /// Completions that came for operations nobody knows.
    pub(crate) fn stale(&self) -> u64 {
        self.stale
    }

    /// Enters an operation.
    #[inline]
    pub(crate) fn insert(&mut self, kind: Kind, stage: Stage, memory: Memory) -> OpId {
        self.in_flight += 1;
        let slot = self.free;
        if slot == NONE {
            let slot = self.entries.len() as u32;
            let entry = Entry {
                generation: 0,
                kind,
                cancelled: false,
                starved: false,
                served: false,
                stage,
                memory,
            };
            self.entries.push(entry);
            return OpId(Token {
                slot,
                generation: 0,
            });
        }
        let entry = &mut self.entries[slot as usize];
        if let Stage::Free(next) = entry.stage {
            self.free = next;
        }
        entry.kind = kind;
        entry.cancelled = false;
        entry.starved = false;
        entry.served = false;
        let free = std::mem::replace(&mut entry.stage, stage);
        let owned = std::mem::replace(&mut entry.memory, memory);
        debug_assert!(matches!((&free, &owned), (Stage::Free(_), Memory::None)));
        // A free entry owns nothing; dropping that would be a look at every kind of thing it might own.
        std::mem::forget((free, owned));
        OpId(Token {
            slot,
            generation: entry.generation,
        })
    }

    /// The memory of an operation, at the place where it stays.
    #[inline]
    pub(crate) fn memory(&mut self, id: OpId) -> &mut Memory {
        &mut self.entries[id.0.slot as usize].memory
    }

    #[inline]
    fn get(&mut self, id: OpId) -> Option<&mut Entry> {
        let entry = self.entries.get_mut(id.0.slot as usize)?;
        let known = entry.generation == id.0.generation && !matches!(entry.stage, Stage::Free(_));
        known.then_some(entry)
    }

    /// Frees an entry whose last completion came.
    fn release(&mut self, slot: u32) -> (Stage, Memory) {
        let entry = &mut self.entries[slot as usize];
        entry.generation = (entry.generation + 1) & (u32::MAX >> 1);
        let stage = std::mem::replace(&mut entry.stage, Stage::Free(self.free));
        let memory = std::mem::replace(&mut entry.memory, Memory::None);
        self.free = slot;
        (stage, memory)
    }

    /// Takes one completion.
    #[inline(always)] // It has one caller, and what it gives is not to go through memory twice.
    pub(crate) fn complete(&mut self, completion: &Completion) -> Finished {
        let id = OpId(completion.token);
        let Some(entry) = self.get(id) else {
            self.stale += 1;
            return Finished::Stale;
        };
        let kind = entry.kind;
        let more = completion.more();
        if completion.result == -libc::ENOBUFS
            && !more
            && !entry.cancelled
            && matches!(kind, Kind::ReceiveLeased { .. })
        {
            entry.starved = true;
            let served = std::mem::take(&mut entry.served);
            return Finished::Starved { served };
        }
        if kind == Kind::SendInPlace && completion.result >= 0 && !entry.cancelled {
            return Finished::Room;
        }
        if more {
            entry.served = true;
            return match &entry.stage {
                Stage::Event(key) => Finished::Event {
                    key: *key,
                    kind,
                    memory: Memory::None,
                },
                Stage::Waiting(waker) => Finished::Woken(waker.clone()),
                Stage::Orphan | Stage::Done(_) => Finished::Orphaned {
                    kind,
                    memory: Memory::None,
                },
                Stage::Free(_) => Finished::Stale,
            };
        }
        if matches!(entry.stage, Stage::Waiting(_)) {
            let stage = std::mem::replace(&mut entry.stage, Stage::Done(*completion));
            self.in_flight -= 1;
            return match stage {
                Stage::Waiting(waker) => Finished::Woken(waker),
                _ => Finished::Stale,
            };
        }
        self.in_flight -= 1;
        match self.release(id.0.slot) {
            (Stage::Event(key), memory) => Finished::Event { key, kind, memory },
            (_, memory) => Finished::Orphaned { kind, memory },
        }
    }

    /// Returns the result if the operation is done; else its future waits with `waker`.
    pub(crate) fn take(&mut self, id: OpId, waker: &Waker) -> Option<(Completion, Memory)> {
        let entry = self.get(id)?;
        match &mut entry.stage {
            Stage::Done(completion) => {
                let completion = *completion;
                let (_, memory) = self.release(id.0.slot);
                Some((completion, memory))
            }
            Stage::Waiting(old) => {
                old.clone_from(waker);
                None
            }
            Stage::Event(_) | Stage::Orphan | Stage::Free(_) => None,
        }
    }

    /// Puts what a done operation received in place of the memory it owned, which is answered.
    pub(crate) fn deliver(&mut self, id: OpId, received: Memory) -> Memory {
        match self.get(id) {
            Some(entry) => std::mem::replace(&mut entry.memory, received),
            None => received,
        }
    }

    /// The one who waited is gone. Answers the completion that came unseen, if it did.
    pub(crate) fn orphan(&mut self, id: OpId) -> Option<(Completion, Kind, Memory)> {
        let entry = self.get(id)?;
        if let Stage::Done(completion) = &entry.stage {
            let (completion, kind) = (*completion, entry.kind);
            let (_, memory) = self.release(id.0.slot);
            return Some((completion, kind, memory));
        }
        entry.stage = Stage::Orphan;
        None
    }

    /// Marks the operation as being cancelled; answers what is left to do.
    pub(crate) fn cancel(&mut self, id: OpId) -> Cancel {
        let Some(entry) = self.get(id) else {
            return Cancel::Nothing;
        };
        if entry.cancelled || matches!(entry.stage, Stage::Done(_)) {
            return Cancel::Nothing;
        }
        entry.cancelled = true;
        if entry.starved {
            entry.starved = false;
            return Cancel::Complete;
        }
        Cancel::Submit
    }

    /// A send in place is over, but for its completion.
    pub(crate) fn is_all_in_place(&mut self, id: OpId) {
        if let Some(entry) = self.get(id) {
            entry.kind = Kind::SendPieces;
        }
    }

    /// Takes a starved receive back into flight; None if it was cancelled meanwhile.
    pub(crate) fn unstarve(&mut self, id: OpId) -> Option<(RawFd, bool)> {
        let entry = self.get(id)?;
        match entry.kind {
            Kind::ReceiveLeased { socket, multishot } if entry.starved => {
                entry.starved = false;
                Some((socket, multishot))
            }
            _ => None,
        }
    }

    /// Every operation that owes a completion.
    pub(crate) fn all(&self) -> Vec<OpId> {
        let entries = self.entries.iter().enumerate();
        entries
            .filter(|(_, entry)| !matches!(entry.stage, Stage::Free(_) | Stage::Done(_)))
            .map(|(slot, entry)| {
                OpId(Token {
                    slot: slot as u32,
                    generation: entry.generation,
                })
            })
            .collect()
    }
}

/// The step that cancelling takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cancel {
    /// Nothing: it is over or being cancelled.
    Nothing,
    /// Submit a cancel.
    Submit,
    /// The kernel does not have it: complete it as cancelled.
    Complete,
}

/// Disposes of what an orphaned completion brought: closes the descriptor it opened, or keeps the
/// connection for the next accept.
pub(crate) fn dispose(kind: Kind, memory: &Memory, result: i32) {
    if result < 0 || !matches!(kind, Kind::Accept | Kind::Open) {
        return;
    }
    // SAFETY: the completion of an accept or open brings a descriptor that nobody else owns
    // (io_uring_enter(2)). Guarded by `a_dropped_accept_loses_no_connection` and
    // `a_dropped_open_leaks_no_descriptor`.
    let descriptor = unsafe { Descriptor::from_completion(result) };
    if let Memory::Accept(stash, _) = memory {
        stash.put(descriptor);
    }
}
