//! The gate all cores share: slots taken, and one queue of those that wait, so that order and
//! victim are the same whatever core a request is on (row H7, docs/seeds.md).
//!
//! A request that finds a free slot while nobody waits takes it with one compare-and-swap
//! (`word.rs`), and gives it back likewise. Everything else happens under one short lock: waiting,
//! refusing, granting, new limits. A request that is chosen there hears it through the mailbox of
//! its core, after the lock is released.
//!
//! A slot that is granted is *offered*: a core that is held up by a handler and does not take it up
//! within [`OFFER_PATIENCE`] loses it to the next, is *deaf* from then on, and gets no offers; what
//! waits there keeps its place, and runs as soon as the core is heard of again.
//!
//! Called by the cores through their door (`door.rs`), and by the coordinator for limits and phase.
//! Time is an argument.

use super::address::Addresses;
use super::codel::{CoDel, Delay};
use super::decide::{Counts, Decision, Phase, decide};
use super::ledger::Reason;
use super::queue::{Place, Queue, Waiter};
use super::rates::Rates;
use super::sync::{Mutex, MutexGuard};
use super::word::{Reading, Word};
use crate::config::{AdmissionLimits, Config, DrainPending, Shed};
use crate::connection::Candidate;
use ringgate_runtime::Moment;
use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError};
use std::time::Duration;

/// How long a core may leave a granted slot lying before the next that waits gets it (row P10,
/// docs/seeds.md).
pub(crate) const OFFER_PATIENCE: Duration = Duration::from_millis(1);

/// The gate's decision on a request, as its core is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// The request may run, if the core takes the offer up in time.
    Granted(Candidate, Place, OfferId),
    /// The request is refused.
    Refused(Candidate, Reason),
}

/// Names an offer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct OfferId(u64);

/// How verdicts reach other cores.
pub(crate) trait Post: Send + Sync {
    fn post(&self, core: u32, verdict: Verdict);
}

/// The gate's word under its lock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Said {
    /// Run: the slot is taken.
    Run,
    /// Wait for a verdict.
    Wait(Place),
    /// Refused.
    Refused(Reason),
    /// Nobody waits there any more; a refusal may be on its way.
    Gone,
}

/// Where one that gives up waiting was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Left {
    /// In the queue; it is out of it now.
    Waiting,
    /// A slot was on its way to it; the next one has it now.
    Offered,
    /// Nowhere: its refusal is on its way.
    Nowhere,
}

/// How the gate decides where the limits leave a choice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Rules {
    pub(crate) shed: Shed,
    pub(crate) drain_pending: DrainPending,
    pub(crate) delay: Delay,
    /// Most requests that one client address has in; fixed when the gate is made.
    pub(crate) per_address: Option<NonZeroU32>,
}

impl Rules {
    pub(crate) fn new(config: &Config) -> Rules {
        Rules {
            shed: config.queue.shed,
            drain_pending: config.drain.pending,
            delay: Delay {
                target: config.queue.target,
                interval: config.queue.interval,
            },
            per_address: config.queue.per_address,
        }
    }
}

/// Slots and waiting requests, as read at one instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Occupancy {
    /// Slots taken.
    pub(crate) running: u32,
    /// Requests that wait.
    pub(crate) pending: u32,
}

struct Offer {
    place: Place,
    waiter: Waiter,
    until: Moment,
}

struct Inner {
    phase: Phase,
    limits: AdmissionLimits,
    rules: Rules,
    queue: Queue,
    /// The requests on cores that left an offer lying.
    deaf: Queue,
    deaf_cores: Vec<u32>,
    offers: BTreeMap<OfferId, Offer>,
    codel: CoDel,
    next: u64,
}

/// The gate of a server.
pub(crate) struct Gate {
    pub(super) word: Word,
    inner: Mutex<Inner>,
    /// Whether something is on offer: a hint for those who watch.
    lying: AtomicBool,
    pub(super) addresses: Option<Addresses>,
    pub(super) rates: Option<Rates>,
    post: Box<dyn Post>,
}

/// The verdicts to be told once the lock is released.
#[derive(Default)]
struct Concluded {
    verdicts: Vec<(u32, Verdict)>,
    /// The outcome for the request that asks.
    own: Option<Said>,
}

/// Slots as the word counts them: a limit beyond 2^31 - 1 is as good as that.
fn slots(limits: &AdmissionLimits) -> Option<i32> {
    let most = limits.max_threads()?.get();
    Some(i32::try_from(most).unwrap_or(i32::MAX))
}

impl Gate {
    /// The gate of a server with this configuration.
    pub(crate) fn of(config: &Config, post: Box<dyn Post>) -> Arc<Gate> {
        let rates = Rates::new(&config.rates);
        Gate::with(config.admission, Rules::new(config), rates, post)
    }

    /// A gate that lets clients ask as often as they like.
    #[cfg(test)]
    pub(crate) fn new(limits: AdmissionLimits, rules: Rules, post: Box<dyn Post>) -> Arc<Gate> {
        Gate::with(limits, rules, None, post)
    }

    fn with(
        limits: AdmissionLimits,
        rules: Rules,
        rates: Option<Rates>,
        post: Box<dyn Post>,
    ) -> Arc<Gate> {
        let slots = slots(&limits);
        Arc::new(Gate {
            word: Word::new(Reading::new(slots.unwrap_or(0), slots.is_none())),
            inner: Mutex::new(Inner {
                phase: Phase::Running,
                limits,
                rules,
                queue: Queue::default(),
                deaf: Queue::default(),
                deaf_cores: Vec::new(),
                offers: BTreeMap::new(),
                codel: CoDel::default(),
                next: 0,
            }),
            lying: AtomicBool::new(false),
            addresses: rules.per_address.map(Addresses::new),
            rates,
            post,
        })
    }

    /// Clients that were forgotten for want of room, so that they might ask more often than they may.
    pub(crate) fn forgotten(&self) -> u64 {
        self.rates.as_ref().map_or(0, Rates::forgotten)
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // No code that can panic runs under the lock; a poisoned one is still consistent.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A request that found no slot at the door.
    #[cold]
    pub(super) fn enter(&self, core: u32, who: Candidate, class: u8, now: Moment) -> Said {
        let mut inner = self.lock();
        inner.heard_of(core);
        let place = Place {
            class,
            number: inner.number(),
        };
        let since = now;
        inner.queue.insert(place, Waiter { core, who, since });
        self.word.update(|word| word.joined(1));
        let concluded = self.conclude(&mut inner, now, Some(place), Some(core));
        drop(inner);
        self.tell(concluded).unwrap_or(Said::Wait(place))
    }

    /// A connection that has waited on another core comes to this one, and takes the place in the queue that it had there.
    #[cold]
    pub(super) fn enter_again(&self, place: Place, waiter: Waiter, now: Moment) -> Said {
        let core = waiter.core;
        let mut inner = self.lock();
        inner.heard_of(core);
        inner.queue.insert(place, waiter);
        self.word.update(|word| word.joined(1));
        let concluded = self.conclude(&mut inner, now, Some(place), Some(core));
        drop(inner);
        self.tell(concluded).unwrap_or(Said::Wait(place))
    }

    /// A slot comes back while somebody waits.
    #[cold]
    pub(super) fn give_back(&self, core: Option<u32>, now: Moment) {
        let mut inner = self.lock();
        if let Some(core) = core {
            inner.heard_of(core);
        }
        self.word.update(|word| word.freed(1));
        let concluded = self.conclude(&mut inner, now, None, core);
        drop(inner);
        self.tell(concluded);
    }

    /// A core heard of an offer. One that comes too late finds its request back in the queue, and
    /// asks again at once.
    pub(super) fn take_up(&self, core: u32, offer: OfferId, place: Place, now: Moment) -> Said {
        let mut inner = self.lock();
        inner.heard_of(core);
        let in_time = inner.offers.remove(&offer).is_some();
        let concluded = self.conclude(&mut inner, now, Some(place), Some(core));
        let waits = inner.queue.contains(place);
        drop(inner);
        let own = self.tell(concluded);
        match (in_time, own) {
            (true, _) => Said::Run,
            (false, Some(said)) => said,
            (false, None) if waits => Said::Wait(place),
            (false, None) => Said::Gone,
        }
    }

    /// Takes a request that waits out of the queue: its client is gone. If it waits on another core meanwhile, it stays.
    pub(super) fn leave(&self, core: u32, place: Place, now: Moment) -> Left {
        let mut inner = self.lock();
        inner.heard_of(core);
        let left = if inner.queue.remove_of(core, place).is_some() {
            self.word.update(|word| word.joined(-1));
            Left::Waiting
        } else if let Some(offer) = inner.offer_to(core, place) {
            inner.offers.remove(&offer);
            self.word.update(|word| word.freed(1));
            Left::Offered
        } else {
            Left::Nowhere
        };
        let concluded = self.conclude(&mut inner, now, None, Some(core));
        drop(inner);
        self.tell(concluded);
        left
    }

    /// Gives up a request that has waited too long, unless a slot is on its way to it. Returns whether it
    /// did.
    pub(super) fn give_up(&self, core: u32, place: Place) -> bool {
        let mut inner = self.lock();
        inner.heard_of(core);
        let waited = inner.queue.remove(place).is_some();
        if waited {
            self.word.update(|word| word.joined(-1));
        }
        waited
    }

    /// Takes a slot unasked. Answers false if nobody counts.
    pub(super) fn retake(&self) -> bool {
        let inner = self.lock();
        let counts = inner.limits.max_threads().is_some();
        if counts {
            self.word.update(|word| word.freed(-1));
        }
        counts
    }

    /// All that waits on a core is gone: its thread ends.
    pub(super) fn forget(&self, core: u32, now: Moment) {
        let mut inner = self.lock();
        inner.heard_of(core);
        let gone = inner.queue.remove_core(core).len() as i64;
        let offers = inner.offers.len();
        inner.offers.retain(|_, offer| offer.waiter.core != core);
        let back = (offers - inner.offers.len()) as i64;
        self.word.update(|word| word.joined(-gone).freed(back));
        let concluded = self.conclude(&mut inner, now, None, Some(core));
        drop(inner);
        self.tell(concluded);
    }

    /// Passes on what was offered to other cores than `core` and left lying. Answers when to look
    /// again, if anything is still on offer.
    pub(crate) fn sweep(&self, core: Option<u32>, now: Moment) -> Option<Moment> {
        let mut inner = self.lock();
        let concluded = self.conclude(&mut inner, now, None, core);
        let others = |offer: &&Offer| Some(offer.waiter.core) != core;
        let next = inner.offers.values().find(others).map(|offer| offer.until);
        drop(inner);
        self.tell(concluded);
        next
    }

    /// The limits in force.
    pub(crate) fn limits(&self) -> AdmissionLimits {
        self.lock().limits
    }

    /// Puts other limits in force (row H14, docs/seeds.md). Requests that wait start
    /// in order, as far as there are slots now; nothing that runs is touched; a request that waits beyond
    /// the new bound is refused. A request that
    /// began while there was no limit is not counted to its end.
    pub(crate) fn set_limits(&self, limits: AdmissionLimits, now: Moment) {
        let mut inner = self.lock();
        let (before, after) = (slots(&inner.limits), slots(&limits));
        inner.limits = limits;
        let change = i64::from(after.unwrap_or(0)) - i64::from(before.unwrap_or(0));
        self.word
            .update(|word| word.freed(change).with_open(after.is_none()));
        let concluded = self.conclude(&mut inner, now, None, None);
        drop(inner);
        self.tell(concluded);
    }

    /// Decides by other rules from now on.
    pub(crate) fn set_rules(&self, rules: Rules, now: Moment) {
        let mut inner = self.lock();
        inner.rules = rules;
        self.hold(&inner);
        let concluded = self.conclude(&mut inner, now, None, None);
        drop(inner);
        self.tell(concluded);
    }

    /// Moves to another phase.
    pub(crate) fn set_phase(&self, phase: Phase, now: Moment) {
        let mut inner = self.lock();
        inner.phase = phase;
        self.hold(&inner);
        let concluded = self.conclude(&mut inner, now, None, None);
        drop(inner);
        self.tell(concluded);
    }

    /// A phase that refuses looks at every request, also where there is no limit.
    fn hold(&self, inner: &Inner) {
        let held = match inner.phase {
            Phase::Running => false,
            Phase::Draining => inner.rules.drain_pending == DrainPending::Refuse,
            Phase::Stopped => true,
        };
        self.word.update(|word| word.with_held(held));
    }

    /// Slots taken and requests waiting.
    pub(crate) fn occupancy(&self) -> Occupancy {
        let inner = self.lock();
        self.counts(&inner)
    }

    fn counts(&self, inner: &Inner) -> Occupancy {
        let word = self.word.read();
        let running = i64::from(slots(&inner.limits).unwrap_or(0)) - i64::from(word.free());
        Occupancy {
            running: u32::try_from(running).unwrap_or(0),
            pending: word.waiting(),
        }
    }

    /// Does what `decide` says until it says to wait. Offers that lie at `core`, which asks, stay: it
    /// is about to take them up.
    fn conclude(
        &self,
        inner: &mut Inner,
        now: Moment,
        own: Option<Place>,
        core: Option<u32>,
    ) -> Concluded {
        self.revoke(inner, now, core);
        let concluded = self.decide_all(inner, now, own);
        self.lying
            .store(!inner.offers.is_empty(), Ordering::Relaxed);
        concluded
    }

    fn decide_all(&self, inner: &mut Inner, now: Moment, own: Option<Place>) -> Concluded {
        let mut concluded = Concluded::default();
        loop {
            let counts = self.counts(inner);
            let counts = Counts {
                running: counts.running,
                pending: counts.pending,
            };
            let Rules {
                shed,
                drain_pending,
                delay,
                per_address: _,
            } = inner.rules;
            let (place, granted, reason) =
                match decide(inner.phase, counts, &inner.limits, shed, drain_pending) {
                    Decision::Wait => return concluded,
                    Decision::RunOldest => (inner.queue.next_to_run(), true, Reason::CoDel),
                    Decision::RefuseOldest => (inner.oldest(), false, inner.reason()),
                    Decision::RefuseNewest => (inner.newest(), false, inner.reason()),
                };
            // Slots are free, and only deaf cores have use for them.
            let Some(place) = place else { return concluded };
            let Some(waiter) = inner.remove(place) else {
                return concluded;
            };
            let left = inner.queue.len();
            let runs = granted
                && !inner
                    .codel
                    .refuses(delay, now, now.since(waiter.since), left);
            let before = self
                .word
                .update(|word| word.joined(-1).freed(if runs { -1 } else { 0 }));
            let said = match runs {
                true => Said::Run,
                false => Said::Refused(reason),
            };
            debug_assert!(
                said != Said::Refused(Reason::Full) || before.free() <= 0,
                "a request was denied while a slot was free"
            );
            if own == Some(place) {
                concluded.own = Some(said);
                continue;
            }
            let verdict = match runs {
                true => Verdict::Granted(waiter.who, place, inner.offer(place, waiter, now)),
                false => Verdict::Refused(waiter.who, reason),
            };
            concluded.verdicts.push((waiter.core, verdict));
        }
    }

    /// Takes back what was left lying too long: the slot is free again, its request waits where it
    /// had waited, and its core is deaf.
    fn revoke(&self, inner: &mut Inner, now: Moment, except: Option<u32>) {
        let late = |offer: &Offer| offer.until <= now && Some(offer.waiter.core) != except;
        if !inner.offers.values().any(late) {
            return;
        }
        let revoked: Vec<Offer> = inner
            .offers
            .extract_if(.., |_, offer| late(offer))
            .map(|(_, offer)| offer)
            .collect();
        for offer in revoked {
            inner.deafen(offer.waiter.core);
            inner.deaf.insert(offer.place, offer.waiter);
            self.word.update(|word| word.freed(1).joined(1));
        }
    }

    /// Tells the others; answers what became of the one who asks.
    fn tell(&self, concluded: Concluded) -> Option<Said> {
        for (core, verdict) in concluded.verdicts {
            self.post.post(core, verdict);
        }
        concluded.own
    }

    /// Whether something was on offer when the lock was last released.
    pub(super) fn offers(&self) -> bool {
        self.lying.load(Ordering::Relaxed)
    }
}

impl Inner {
    fn number(&mut self) -> u64 {
        self.next += 1;
        self.next
    }

    fn offer(&mut self, place: Place, waiter: Waiter, now: Moment) -> OfferId {
        let id = OfferId(self.number());
        let until = now + OFFER_PATIENCE;
        self.offers.insert(
            id,
            Offer {
                place,
                waiter,
                until,
            },
        );
        id
    }

    fn offer_to(&self, core: u32, place: Place) -> Option<OfferId> {
        let mut offers = self.offers.iter();
        offers
            .find(|(_, offer)| offer.place == place && offer.waiter.core == core)
            .map(|(id, _)| *id)
    }

    /// Why somebody is refused for want of a slot.
    fn reason(&self) -> Reason {
        match self.phase {
            Phase::Running => Reason::Full,
            Phase::Draining | Phase::Stopped => Reason::Draining,
        }
    }

    fn remove(&mut self, place: Place) -> Option<Waiter> {
        self.queue.remove(place).or_else(|| self.deaf.remove(place))
    }

    fn oldest(&self) -> Option<Place> {
        let places = [self.queue.oldest(), self.deaf.oldest()];
        let order = |place: &Place| (Reverse(place.class), place.number);
        places.into_iter().flatten().min_by_key(order)
    }

    fn newest(&self) -> Option<Place> {
        let places = [self.queue.newest(), self.deaf.newest()];
        let order = |place: &Place| (place.class, place.number);
        places.into_iter().flatten().max_by_key(order)
    }

    fn deafen(&mut self, core: u32) {
        if self.deaf_cores.contains(&core) {
            return;
        }
        self.deaf_cores.push(core);
        for (place, waiter) in self.queue.remove_core(core) {
            self.deaf.insert(place, waiter);
        }
    }

    /// A core that was deaf is there again, and so are its requests, each in its old place.
    fn heard_of(&mut self, core: u32) {
        let Some(index) = self.deaf_cores.iter().position(|deaf| *deaf == core) else {
            return;
        };
        self.deaf_cores.swap_remove(index);
        for (place, waiter) in self.deaf.remove_core(core) {
            self.queue.insert(place, waiter);
        }
    }
}

#[cfg(all(test, not(model_checked)))]
#[path = "gate_tests.rs"]
mod tests;
