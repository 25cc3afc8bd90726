//! The dispatcher of the first founding text as an executable model: one loop, one event at a time,
//! a list of those that wait. Random events go through it and through the gate, which must admit the
//! same requests, keep the same queue, and refuse the same victims.
//!
//! The text knows arrival, end and shutdown; that a waiting client leaves, and that limits change
//! while it runs, are ours, with the meaning of rows H9 and H14.

use super::codel::Delay;
use super::door::{Door, Entry, TakenUp, Ticket};
use super::gate::{Gate, Occupancy, Post, Rules, Verdict};
use super::queue::{NORMAL, Place};
use crate::config::{AdmissionLimits, DrainPending, MaxAccepts, Shed};
use crate::connection::{Candidate, ExchangeKey};
use proptest::prelude::*;
use ringgate_runtime::Moment;
use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::rc::Rc;
use std::sync::{Arc, Mutex};

/// The outcome of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    Runs(u32),
    Denied(u32),
}

/// The text's loop.
struct Dispatcher {
    max_threads: Option<u32>,
    max_accepts: MaxAccepts,
    pending: Vec<u32>,
    running: Vec<u32>,
}

impl Dispatcher {
    /// Accepted: running and waiting.
    fn accept_count(&self) -> usize {
        self.running.len() + self.pending.len()
    }

    fn has_thread(&self) -> bool {
        match self.max_threads {
            None => true,
            Some(most) => self.running.len() < most as usize,
        }
    }

    fn is_over(&self) -> bool {
        match self.max_accepts {
            MaxAccepts::AtMost(most) => self.accept_count() > most.get() as usize,
            MaxAccepts::None => !self.has_thread(),
            MaxAccepts::Unbounded => false,
        }
    }

    /// Does, while possible, the work that the text orders after each message.
    fn work(&mut self) -> Vec<Outcome> {
        let mut outcomes = Vec::new();
        while !self.pending.is_empty() {
            if self.has_thread() {
                let request = self.pending.remove(0);
                self.running.push(request);
                outcomes.push(Outcome::Runs(request));
            } else if self.is_over() {
                outcomes.push(Outcome::Denied(self.pending.remove(0)));
            } else {
                break;
            }
        }
        outcomes
    }
}

#[derive(Debug, Clone)]
enum Event {
    Arrives {
        core: u8,
    },
    /// The end of one that runs, chosen by its index.
    Ends(u8),
    /// A request that waits leaves.
    Leaves(u8),
    Limits(AdmissionLimits),
}

fn limits() -> impl Strategy<Value = AdmissionLimits> {
    let bounded = (1..5u32, 0..4u32).prop_map(|(threads, more)| {
        let accepts = match more {
            0 => MaxAccepts::None,
            3 => MaxAccepts::Unbounded,
            more => MaxAccepts::AtMost(NonZeroU32::new(threads + more).expect("above zero")),
        };
        AdmissionLimits::new(NonZeroU32::new(threads), accepts).expect("consistent")
    });
    prop_oneof![6 => bounded, 1 => Just(AdmissionLimits::default())]
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        6 => (0..4u8).prop_map(|core| Event::Arrives { core }),
        4 => any::<u8>().prop_map(Event::Ends),
        2 => any::<u8>().prop_map(Event::Leaves),
        1 => limits().prop_map(Event::Limits),
    ]
}

#[derive(Clone, Default)]
struct Wire(Arc<Mutex<Vec<(u32, Verdict)>>>);

impl Post for Wire {
    fn post(&self, core: u32, verdict: Verdict) {
        self.0.lock().expect("unpoisoned").push((core, verdict));
    }
}

/// The gate, with what its cores would keep of their requests.
struct Cores {
    gate: Arc<Gate>,
    doors: Vec<Rc<Door>>,
    wire: Wire,
    waiting: BTreeMap<u32, (u32, Place)>,
    running: BTreeMap<u32, Ticket>,
}

impl Cores {
    fn new(limits: AdmissionLimits) -> Cores {
        let wire = Wire::default();
        let rules = Rules {
            shed: Shed::Oldest,
            drain_pending: DrainPending::Serve,
            delay: Delay::default(),
            per_address: None,
        };
        let gate = Gate::new(limits, rules, Box::new(wire.clone()));
        let doors = (0..4).map(|core| Door::new(gate.clone(), core)).collect();
        Cores {
            gate,
            doors,
            wire,
            waiting: BTreeMap::new(),
            running: BTreeMap::new(),
        }
    }

    fn arrives(&mut self, core: u8, request: u32) -> Vec<Outcome> {
        let key = Candidate::Request(ExchangeKey::new(request, 0));
        // What the gate says of others belongs to the same event, before or after.
        let mut outcomes = Vec::new();
        match self.doors[usize::from(core)].enter(key, || NORMAL) {
            Entry::Run(ticket) => {
                self.running.insert(request, ticket);
                outcomes.push(Outcome::Runs(request));
            }
            Entry::Wait(place) => {
                self.waiting.insert(request, (core.into(), place));
            }
            Entry::Refused(_) => outcomes.push(Outcome::Denied(request)),
        }
        outcomes.extend(self.hear());
        outcomes
    }

    /// Every core hears its mail.
    fn hear(&mut self) -> Vec<Outcome> {
        let mail = std::mem::take(&mut *self.wire.0.lock().expect("unpoisoned"));
        mail.into_iter()
            .map(|(core, verdict)| match verdict {
                Verdict::Granted(who, place, offer) => {
                    let slot = request_of(who);
                    match self.doors[core as usize].take_up(offer, place) {
                        TakenUp::Run(ticket) => {
                            self.waiting.remove(&slot).expect("it waited");
                            self.running.insert(slot, ticket);
                            Outcome::Runs(slot)
                        }
                        other => panic!("an offer heard at once is good: {other:?}"),
                    }
                }
                Verdict::Refused(who, _) => {
                    let slot = request_of(who);
                    self.waiting.remove(&slot).expect("it waited");
                    Outcome::Denied(slot)
                }
            })
            .collect()
    }
}

/// The number that a request of this model has.
fn request_of(who: Candidate) -> u32 {
    match who {
        Candidate::Request(request) => request.slot(),
        Candidate::Connection(_) => panic!("no connection waits here"),
    }
}

fn pick<T: Copy>(from: impl ExactSizeIterator<Item = T>, index: u8) -> Option<T> {
    let mut from = from;
    match from.len() {
        0 => None,
        len => from.nth(usize::from(index) % len),
    }
}

/// The order of outcomes within one event is the loop's; a newcomer's own is told first by the gate.
fn sorted(mut outcomes: Vec<Outcome>) -> Vec<Outcome> {
    outcomes.sort_by_key(|outcome| match outcome {
        Outcome::Runs(request) | Outcome::Denied(request) => *request,
    });
    outcomes
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(super::test_size(256)))]

    #[test]
    fn the_gate_admits_queues_and_denies_as_the_text_does(
        first in limits(),
        events in prop::collection::vec(event(), 1..120),
    ) {
        let mut text = Dispatcher {
            max_threads: first.max_threads().map(NonZeroU32::get),
            max_accepts: first.max_accepts(),
            pending: Vec::new(),
            running: Vec::new(),
        };
        let mut cores = Cores::new(first);
        // A ticket of a time without a limit is not counted later: those are left out of both.
        let mut uncounted: Vec<Ticket> = Vec::new();
        for (request, event) in (0..).zip(events) {
            let (expected, got) = match event {
                Event::Arrives { core } => {
                    text.pending.push(request);
                    (text.work(), cores.arrives(core, request))
                }
                Event::Ends(index) => {
                    let Some(ended) = pick(text.running.iter().copied(), index) else { continue };
                    text.running.retain(|have| *have != ended);
                    let ticket = cores.running.remove(&ended).expect("it runs there too");
                    drop(ticket);
                    (text.work(), cores.hear())
                }
                Event::Leaves(index) => {
                    let Some(gone) = pick(text.pending.iter().copied(), index) else { continue };
                    text.pending.retain(|have| *have != gone);
                    let (core, place) = cores.waiting.remove(&gone).expect("it waits there too");
                    cores.doors[core as usize].leave(place);
                    (text.work(), cores.hear())
                }
                Event::Limits(limits) => {
                    text.max_threads = limits.max_threads().map(NonZeroU32::get);
                    text.max_accepts = limits.max_accepts();
                    let free = cores.running.extract_if(.., |_, ticket| ticket.is_free());
                    for (request, ticket) in free {
                        text.running.retain(|have| *have != request);
                        uncounted.push(ticket);
                    }
                    cores.gate.set_limits(limits, Moment::default());
                    (text.work(), cores.hear())
                }
            };
            prop_assert_eq!(sorted(got), sorted(expected));
            prop_assert!(cores.waiting.keys().eq(text.pending.iter()), "the same queue");
            let counted = cores.running.values().filter(|ticket| !ticket.is_free()).count();
            let here = Occupancy {
                running: counted as u32,
                pending: text.pending.len() as u32,
            };
            prop_assert_eq!(cores.gate.occupancy(), here);
        }
        drop(uncounted);
        cores.running.clear();
        cores.hear();
    }
}
