//! The table of operations in flight: who waits for each, and what it owns.

use super::OpId;
use super::memory::Memory;
use crate::descriptor::Descriptor;
use crate::driver::{Completion, Token};
use crate::large_table::large_table;
use slab::Slab;
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
pub(crate) enum Whom {
    /// The owner of events, told with this key.
    Owner(u64),
    /// A future.
    Future(Waker),
}

/// The one for whom an entry stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stands {
    /// An operation whose completions go to the owner of events.
    Owner,
    /// An operation that a future waits for, or has yet to look at.
    Future,
    /// An operation for which nobody waits any more.
    Orphan,
    /// No operation.
    Free,
}

/// An operation. Every idle connection has one, its receive: what most operations do without lies [aside](Aside).
struct Entry {
    /// The key for the owner of events; of a free entry the next one.
    key: u64,
    kind: Kind,
    generation: u32,
    /// Where its memory and its future lie, if it has either.
    aside: u32,
    stands: Stands,
    cancelled: bool,
    starved: bool,
    /// Whether a completion with more to follow came since it was armed, if it is a receive.
    served: bool,
}

const _: () = assert!(size_of::<Entry>() <= 32);

/// The memory of an operation, and the future that waits for it.
struct Aside {
    memory: Memory,
    future: Future,
}

enum Future {
    /// None: the completion is told to the owner of events.
    None,
    /// Woken.
    Waiting(Waker),
    /// A future that has not looked yet; the result is the last completion.
    Done(Completion),
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
    aside: Slab<Aside>,
    free: u32,
    in_flight: usize,
    stale: u64,
}

impl OpTable {
    pub(crate) fn new() -> OpTable {
        OpTable {
            entries: large_table(),
            aside: Slab::new(),
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

    /// Enters an operation that owns no memory, for the owner of events.
    #[inline]
    pub(crate) fn insert_bare(&mut self, kind: Kind, key: u64) -> OpId {
        self.enter(Entry {
            key,
            kind,
            generation: 0,
            aside: NONE,
            stands: Stands::Owner,
            cancelled: false,
            starved: false,
            served: false,
        })
    }

    /// Enters an operation with the memory that it owns.
    #[inline]
    pub(crate) fn insert(&mut self, kind: Kind, whom: Whom, memory: Memory) -> OpId {
        let (key, stands, future) = match whom {
            Whom::Owner(key) => (key, Stands::Owner, Future::None),
            Whom::Future(waker) => (0, Stands::Future, Future::Waiting(waker)),
        };
        let aside = self.aside.insert(Aside { memory, future }) as u32;
        self.enter(Entry {
            key,
            kind,
            generation: 0,
            aside,
            stands,
            cancelled: false,
            starved: false,
            served: false,
        })
    }

    /// Enters it where an entry is free, under the generation of that.
    #[inline(always)]
    fn enter(&mut self, new: Entry) -> OpId {
        self.in_flight += 1;
        let slot = self.free;
        let Some(entry) = self.entries.get_mut(slot as usize) else {
            let slot = self.entries.len() as u32;
            let generation = new.generation;
            self.entries.push(new);
            return OpId(Token { slot, generation });
        };
        debug_assert_eq!((entry.stands, entry.aside), (Stands::Free, NONE));
        self.free = entry.key as u32;
        let generation = entry.generation;
        *entry = Entry { generation, ..new };
        OpId(Token { slot, generation })
    }

    /// The memory of an operation, at the place where it stays; None if it owns none.
    #[inline]
    pub(crate) fn memory(&mut self, id: OpId) -> Option<&mut Memory> {
        let entry = self.entries.get(id.0.slot as usize)?;
        let aside = self.aside.get_mut(entry.aside as usize)?;
        Some(&mut aside.memory)
    }

    #[inline]
    fn get(&mut self, id: OpId) -> Option<&mut Entry> {
        let entry = self.entries.get_mut(id.0.slot as usize)?;
        let known = entry.generation == id.0.generation && entry.stands != Stands::Free;
        known.then_some(entry)
    }

    #[inline]
    fn future(&mut self, aside: u32) -> Option<&mut Future> {
        self.aside.get_mut(aside as usize).map(|it| &mut it.future)
    }

    /// Frees an entry whose last completion came; answers what it owned.
    #[inline]
    fn release(&mut self, slot: u32) -> Memory {
        let entry = &mut self.entries[slot as usize];
        entry.generation = (entry.generation + 1) & (u32::MAX >> 1);
        entry.stands = Stands::Free;
        entry.key = u64::from(self.free);
        self.free = slot;
        match std::mem::replace(&mut entry.aside, NONE) {
            NONE => Memory::None,
            aside => self.aside.remove(aside as usize).memory,
        }
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
        entry.served |= more;
        let (key, stands, aside) = (entry.key, entry.stands, entry.aside);
        if stands == Stands::Future {
            return self.complete_future(aside, completion);
        }
        let memory = match more {
            true => Memory::None,
            false => {
                self.in_flight -= 1;
                self.release(id.0.slot)
            }
        };
        match stands {
            Stands::Owner => Finished::Event { key, kind, memory },
            Stands::Orphan | Stands::Future | Stands::Free => Finished::Orphaned { kind, memory },
        }
    }

    #[inline(never)]
    fn complete_future(&mut self, aside: u32, completion: &Completion) -> Finished {
        let Some(future) = self.future(aside) else {
            return Finished::Stale;
        };
        match future {
            Future::Waiting(waker) if completion.more() => Finished::Woken(waker.clone()),
            Future::Waiting(_) => {
                let waiting = std::mem::replace(future, Future::Done(*completion));
                self.in_flight -= 1;
                match waiting {
                    Future::Waiting(waker) => Finished::Woken(waker),
                    Future::Done(_) | Future::None => Finished::Stale,
                }
            }
            Future::Done(_) | Future::None => {
                debug_assert!(false, "a completion behind the last one");
                self.stale += 1;
                Finished::Stale
            }
        }
    }

    /// Returns the result if the operation is done; else its future waits with `waker`.
    pub(crate) fn take(&mut self, id: OpId, waker: &Waker) -> Option<(Completion, Memory)> {
        let aside = self.get(id)?.aside;
        match self.future(aside)? {
            Future::Done(completion) => {
                let completion = *completion;
                Some((completion, self.release(id.0.slot)))
            }
            Future::Waiting(old) => {
                old.clone_from(waker);
                None
            }
            Future::None => None,
        }
    }

    /// Puts what a done operation received in place of the memory it owned, which is answered.
    pub(crate) fn deliver(&mut self, id: OpId, received: Memory) -> Memory {
        let known = self.get(id).is_some();
        match self.memory(id).filter(|_| known) {
            Some(memory) => std::mem::replace(memory, received),
            None => received,
        }
    }

    /// The one who waited is gone. Answers the completion that came unseen, if it did.
    pub(crate) fn orphan(&mut self, id: OpId) -> Option<(Completion, Kind, Memory)> {
        let entry = self.get(id)?;
        let (kind, aside) = (entry.kind, entry.aside);
        if let Some(Future::Done(completion)) = self.future(aside) {
            let completion = *completion;
            return Some((completion, kind, self.release(id.0.slot)));
        }
        if let Some(future) = self.future(aside) {
            *future = Future::None;
        }
        self.get(id)?.stands = Stands::Orphan;
        None
    }

    /// Whether the last completion of an operation came, and its future has not looked.
    fn is_done(&self, entry: &Entry) -> bool {
        let aside = self.aside.get(entry.aside as usize);
        aside.is_some_and(|aside| matches!(aside.future, Future::Done(_)))
    }

    /// Marks the operation as being cancelled; answers what is left to do.
    pub(crate) fn cancel(&mut self, id: OpId) -> Cancel {
        let here = self.entries.get(id.0.slot as usize);
        if here.is_some_and(|entry| self.is_done(entry)) {
            return Cancel::Nothing;
        }
        let Some(entry) = self.get(id).filter(|entry| !entry.cancelled) else {
            return Cancel::Nothing;
        };
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

    /// Leaves to the kernel for ever what operations own that may not have ended; see [`Memory::leak`].
    pub(crate) fn leak(&mut self) {
        for aside in self.aside.drain() {
            aside.memory.leak();
        }
    }

    /// Every operation that owes a completion.
    pub(crate) fn all(&self) -> Vec<OpId> {
        let entries = self.entries.iter().enumerate();
        entries
            .filter(|(_, entry)| entry.stands != Stands::Free && !self.is_done(entry))
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

/// Disposes of what an orphaned completion brought: answers the descriptor that it opened, which is to be closed, or
/// keeps the connection for the next accept.
#[must_use]
pub(crate) fn dispose(kind: Kind, memory: &Memory, result: i32) -> Option<Descriptor> {
    if result < 0 || !matches!(kind, Kind::Accept | Kind::Open) {
        return None;
    }
    // SAFETY: the completion of an accept or open brings a descriptor that nobody else owns
    // (io_uring_enter(2)). Guarded by `a_dropped_accept_loses_no_connection` and
    // `a_dropped_open_leaks_no_descriptor`.
    let descriptor = unsafe { Descriptor::from_completion(result) };
    match memory {
        Memory::Accept(stash, _) => stash.put(descriptor),
        _ => return Some(descriptor),
    }
    None
}
