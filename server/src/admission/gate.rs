//! The gate all cores share: slots taken, and one queue of those that wait, so that order and
//! victim are the same whatever core a request is on (row H7).
//!
//! A request that finds no limit in force takes a ticket that nobody counts. Otherwise one lock is
//! held for a few instructions; whoever is chosen on another core hears it through that core's
//! mailbox, after the lock is released.

use super::decide::{Counts, Decision, Phase, decide};
use crate::config::{AdmissionLimits, DrainPending, Shed};
use crate::connection::ConnectionKey;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Who waits: a connection of a core.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Waiter {
    pub(crate) core: u32,
    pub(crate) key: ConnectionKey,
}

/// What a core is told of one of its requests.
#[derive(Debug)]
pub(crate) enum Verdict {
    /// It may run, with this ticket.
    Granted(ConnectionKey, Ticket),
    /// It is refused.
    Refused(ConnectionKey),
}

/// How verdicts reach other cores.
pub(crate) trait Post: Send + Sync {
    fn post(&self, core: u32, verdict: Verdict);
}

/// What the gate says to a newcomer.
#[derive(Debug)]
pub(crate) enum Entry {
    /// Run now.
    Run(Ticket),
    /// Wait for a verdict.
    Wait,
    /// Refused.
    Refused,
}

struct Inner {
    phase: Phase,
    limits: AdmissionLimits,
    running: u32,
    queue: VecDeque<Waiter>,
}

/// The gate of a server.
pub(crate) struct Gate {
    /// Whether a limit is in force or a drain on: read without the lock.
    guarded: AtomicBool,
    inner: Mutex<Inner>,
    shed: Shed,
    drain_pending: DrainPending,
    post: Box<dyn Post>,
}

/// A slot, until dropped (row H9): at whatever end of the request.
#[must_use]
pub(crate) struct Ticket(Option<Arc<Gate>>);

impl std::fmt::Debug for Ticket {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(if self.0.is_some() {
            "a slot"
        } else {
            "a slot without a limit"
        })
    }
}

impl Drop for Ticket {
    #[inline]
    fn drop(&mut self) {
        if let Some(gate) = self.0.take() {
            gate.give_back();
        }
    }
}

impl Ticket {
    /// Whether nobody counts it.
    #[inline]
    pub(crate) fn is_free(&self) -> bool {
        self.0.is_none()
    }

    /// For requests that do not pass the gate.
    pub(crate) fn free() -> Ticket {
        Ticket(None)
    }
}

impl Gate {
    pub(crate) fn new(
        limits: AdmissionLimits,
        shed: Shed,
        drain_pending: DrainPending,
        post: Box<dyn Post>,
    ) -> Arc<Gate> {
        Arc::new(Gate {
            guarded: AtomicBool::new(limits.max_threads().is_some()),
            inner: Mutex::new(Inner {
                phase: Phase::Running,
                limits,
                running: 0,
                queue: VecDeque::new(),
            }),
            shed,
            drain_pending,
            post,
        })
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // No code that can panic runs under the lock; a poisoned one is still consistent.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A request arrives at the gate.
    #[inline]
    pub(crate) fn enter(self: &Arc<Self>, waiter: Waiter) -> Entry {
        if !self.guarded.load(Ordering::Acquire) {
            return Entry::Run(Ticket(None));
        }
        self.enter_guarded(waiter)
    }

    fn enter_guarded(self: &Arc<Self>, waiter: Waiter) -> Entry {
        let mut inner = self.lock();
        inner.queue.push_back(waiter);
        let mut verdicts = self.settle(&mut inner);
        drop(inner);
        let own = verdicts.iter().position(|(who, _)| *who == waiter);
        let own = own.map(|index| verdicts.remove(index).1);
        self.tell(verdicts);
        match own {
            Some(Verdict::Granted(_, ticket)) => Entry::Run(ticket),
            Some(Verdict::Refused(_)) => Entry::Refused,
            None => Entry::Wait,
        }
    }

    /// One that waits is gone. Answers false if a verdict is on its way to it.
    pub(crate) fn leave(&self, waiter: Waiter) -> bool {
        let mut inner = self.lock();
        let place = inner.queue.iter().position(|have| *have == waiter);
        if let Some(place) = place {
            inner.queue.remove(place);
        }
        place.is_some()
    }

    fn give_back(self: &Arc<Self>) {
        let mut inner = self.lock();
        inner.running -= 1;
        let verdicts = self.settle(&mut inner);
        drop(inner);
        self.tell(verdicts);
    }

    /// The limits in force.
    pub(crate) fn limits(&self) -> AdmissionLimits {
        self.lock().limits
    }

    /// Moves to another phase.
    pub(crate) fn set_phase(self: &Arc<Self>, phase: Phase) {
        let mut inner = self.lock();
        inner.phase = phase;
        let verdicts = self.settle(&mut inner);
        drop(inner);
        self.tell(verdicts);
    }

    fn settle(self: &Arc<Self>, inner: &mut Inner) -> Vec<(Waiter, Verdict)> {
        let mut verdicts = Vec::new();
        loop {
            let counts = Counts {
                running: inner.running,
                pending: inner.queue.len() as u32,
            };
            let decision = decide(
                inner.phase,
                counts,
                &inner.limits,
                self.shed,
                self.drain_pending,
            );
            let next = match decision {
                Decision::Wait => return verdicts,
                Decision::RunOldest | Decision::RefuseOldest => inner.queue.pop_front(),
                Decision::RefuseNewest => inner.queue.pop_back(),
            };
            let Some(waiter) = next else { return verdicts };
            verdicts.push(match decision {
                Decision::RunOldest => {
                    inner.running += 1;
                    (
                        waiter,
                        Verdict::Granted(waiter.key, Ticket(Some(self.clone()))),
                    )
                }
                Decision::Wait | Decision::RefuseOldest | Decision::RefuseNewest => {
                    (waiter, Verdict::Refused(waiter.key))
                }
            });
        }
    }

    fn tell(&self, verdicts: Vec<(Waiter, Verdict)>) {
        for (waiter, verdict) in verdicts {
            self.post.post(waiter.core, verdict);
        }
    }

    /// Slots taken and requests waiting.
    #[cfg(test)]
    pub(crate) fn counts(&self) -> (u32, usize) {
        let inner = self.lock();
        (inner.running, inner.queue.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::MaxAccepts;
    use std::num::NonZeroU32;
    use std::sync::mpsc::{Receiver, Sender, channel};

    struct Wire(Mutex<Sender<(u32, Verdict)>>);

    impl Post for Wire {
        fn post(&self, core: u32, verdict: Verdict) {
            let sender = self.0.lock().expect("unpoisoned");
            sender.send((core, verdict)).expect("the test listens");
        }
    }

    fn gate(slots: u32, accepts: u32) -> (Arc<Gate>, Receiver<(u32, Verdict)>) {
        let (sender, receiver) = channel();
        let accepts = NonZeroU32::new(accepts).map_or(MaxAccepts::None, MaxAccepts::AtMost);
        let limits = AdmissionLimits::new(NonZeroU32::new(slots), accepts).expect("consistent");
        let post = Box::new(Wire(Mutex::new(sender)));
        (
            Gate::new(limits, Shed::Oldest, DrainPending::Serve, post),
            receiver,
        )
    }

    fn waiter(core: u32, slot: u32) -> Waiter {
        Waiter {
            core,
            key: ConnectionKey::new(slot, 0),
        }
    }

    #[test]
    fn h7_the_oldest_pending_is_denied_on_whatever_core_it_waits() {
        let (gate, verdicts) = gate(1, 2);
        let Entry::Run(ticket) = gate.enter(waiter(0, 1)) else {
            panic!("a slot is free")
        };
        assert!(matches!(gate.enter(waiter(1, 2)), Entry::Wait));
        assert!(matches!(gate.enter(waiter(2, 3)), Entry::Wait));
        let (core, verdict) = verdicts.try_recv().expect("a victim");
        assert_eq!(core, 1);
        assert!(matches!(verdict, Verdict::Refused(key) if key == waiter(1, 2).key));
        drop(ticket);
        let (core, verdict) = verdicts.try_recv().expect("the slot moves on");
        assert_eq!(core, 2);
        assert!(matches!(verdict, Verdict::Granted(..)));
        drop(verdict);
        assert_eq!(gate.counts(), (0, 0));
    }

    #[test]
    fn h9_both_counts_fall_once_when_a_waiter_leaves_or_a_verdict_is_dropped() {
        let (gate, verdicts) = gate(1, 9);
        let Entry::Run(ticket) = gate.enter(waiter(0, 1)) else {
            panic!("a slot is free")
        };
        assert!(matches!(gate.enter(waiter(0, 2)), Entry::Wait));
        assert!(matches!(gate.enter(waiter(0, 3)), Entry::Wait));
        assert!(gate.leave(waiter(0, 2)));
        assert!(!gate.leave(waiter(0, 2)));
        assert_eq!(gate.counts(), (1, 1));
        drop(ticket);
        assert_eq!(gate.counts(), (1, 0), "the slot is on its way to the last");
        assert!(!gate.leave(waiter(0, 3)));
        drop(verdicts.try_recv());
        assert_eq!(gate.counts(), (0, 0));
    }
}
