//! Three threads at the gate, in every interleaving that loom finds (`scripts/loom.sh`): the limit is
//! never exceeded, nobody is denied while a slot is free (the gate asserts that at each denial), and
//! no slot lies idle while somebody waits for it.

use super::codel::Delay;
use super::door::{Door, Entry, TakenUp, Ticket};
use super::gate::{Gate, Occupancy, Post, Rules, Verdict};
use super::queue::NORMAL;
use crate::config::{AdmissionLimits, DrainPending, MaxAccepts, Shed};
use crate::connection::{Candidate, ExchangeKey};
use loom::sync::Mutex;
use loom::sync::atomic::{AtomicU32, Ordering};
use loom::thread;
use ringgate_runtime::Moment;
use std::num::NonZeroU32;
use std::rc::Rc;
use std::sync::Arc;

#[derive(Clone)]
struct Wire(Arc<Mutex<Vec<(u32, Verdict)>>>);

impl Post for Wire {
    fn post(&self, core: u32, verdict: Verdict) {
        self.0.lock().unwrap().push((core, verdict));
    }
}

/// The gate, its mail, and what its requests did.
#[derive(Clone)]
struct Scene {
    gate: Arc<Gate>,
    wire: Wire,
    running: Arc<AtomicU32>,
    ran: Arc<AtomicU32>,
    denied: Arc<AtomicU32>,
    limit: u32,
}

impl Scene {
    fn new(limits: AdmissionLimits) -> Scene {
        let wire = Wire(Arc::new(Mutex::new(Vec::new())));
        let rules = Rules {
            shed: Shed::Oldest,
            drain_pending: DrainPending::Serve,
            delay: Delay::default(),
            per_address: None,
        };
        Scene {
            gate: Gate::new(limits, rules, Box::new(wire.clone())),
            wire,
            running: Arc::new(AtomicU32::new(0)),
            ran: Arc::new(AtomicU32::new(0)),
            denied: Arc::new(AtomicU32::new(0)),
            limit: limits.max_threads().map_or(u32::MAX, NonZeroU32::get),
        }
    }

    fn run(&self, ticket: Ticket) {
        let running = self.running.fetch_add(1, Ordering::SeqCst) + 1;
        assert!(running <= self.limit, "above the limit");
        self.ran.fetch_add(1, Ordering::SeqCst);
        self.running.fetch_sub(1, Ordering::SeqCst);
        drop(ticket);
    }

    /// One request of a core, up to where it runs, waits or is denied.
    fn request(&self, door: &Rc<Door>, request: u32) {
        match door.enter(Candidate::Request(ExchangeKey::new(request, 0)), || NORMAL) {
            Entry::Run(ticket) => self.run(ticket),
            Entry::Wait(_) => {}
            Entry::Refused(_) => {
                self.denied.fetch_add(1, Ordering::SeqCst);
            }
        }
    }

    /// Hears what lies in every mailbox, until nothing comes any more.
    fn hear(&self) {
        loop {
            let mail = self.wire.0.lock().unwrap().pop();
            match mail {
                None => return,
                Some((_, Verdict::Refused(..))) => {
                    self.denied.fetch_add(1, Ordering::SeqCst);
                }
                Some((core, Verdict::Granted(_, place, offer))) => {
                    match Door::new(self.gate.clone(), core).take_up(offer, place) {
                        TakenUp::Run(ticket) => self.run(ticket),
                        TakenUp::Gone => {}
                        other => panic!("an offer heard in time is good: {other:?}"),
                    }
                }
            }
        }
    }

    fn assert_empty(&self) {
        assert_eq!(self.gate.occupancy(), Occupancy::default());
        assert!(self.wire.0.lock().unwrap().is_empty());
    }

    /// One request on each of two other cores while `act` happens on this thread; then all is heard.
    fn race(&self, act: impl FnOnce(&Scene)) {
        let threads: Vec<_> = (1..3)
            .map(|core| spawn(self, core, move |scene, door| scene.request(door, core)))
            .collect();
        act(self);
        threads
            .into_iter()
            .for_each(|thread| thread.join().unwrap());
        self.hear();
    }

    fn count(&self) -> (u32, u32) {
        (
            self.ran.load(Ordering::SeqCst),
            self.denied.load(Ordering::SeqCst),
        )
    }
}

fn limits(slots: u32, accepts: MaxAccepts) -> AdmissionLimits {
    AdmissionLimits::new(NonZeroU32::new(slots), accepts).unwrap()
}

fn spawn(
    scene: &Scene,
    core: u32,
    act: impl FnOnce(&Scene, &Rc<Door>) + 'static,
) -> thread::JoinHandle<()> {
    let scene = scene.clone();
    thread::spawn(move || act(&scene, &Door::new(scene.gate.clone(), core)))
}

#[test]
fn whoever_finds_no_slot_is_denied_and_nobody_else() {
    loom::model(|| {
        let scene = Scene::new(limits(1, MaxAccepts::None));
        scene.race(|scene| scene.request(&Door::new(scene.gate.clone(), 0), 0));
        let (ran, denied) = scene.count();
        assert!(ran >= 1 && ran + denied == 3, "{ran} {denied}");
        scene.assert_empty();
    });
}

#[test]
fn whoever_waits_runs_in_the_end() {
    loom::model(|| {
        let scene = Scene::new(limits(1, MaxAccepts::Unbounded));
        scene.race(|scene| scene.request(&Door::new(scene.gate.clone(), 0), 0));
        assert_eq!(scene.count(), (3, 0));
        scene.assert_empty();
    });
}

#[test]
fn one_that_leaves_as_its_slot_comes_passes_it_on() {
    loom::model(|| {
        let scene = Scene::new(limits(1, MaxAccepts::Unbounded));
        let door = Door::new(scene.gate.clone(), 0);
        let Entry::Run(ticket) = door.enter(Candidate::Request(ExchangeKey::new(0, 0)), || NORMAL)
        else {
            panic!("it is free")
        };
        let leaves = spawn(&scene, 1, |scene, door| {
            match door.enter(Candidate::Request(ExchangeKey::new(1, 0)), || NORMAL) {
                Entry::Run(ticket) => scene.run(ticket),
                Entry::Wait(place) => drop(door.leave(place)),
                Entry::Refused(_) => panic!("nobody is refused"),
            }
        });
        let stays = spawn(&scene, 2, |scene, door| scene.request(door, 2));
        drop(ticket);
        leaves.join().unwrap();
        stays.join().unwrap();
        scene.hear();
        assert!(scene.count().0 >= 1, "who stayed ran");
        scene.assert_empty();
    });
}

#[test]
fn limits_that_change_meanwhile_lose_no_slot_and_make_none() {
    loom::model(|| {
        let mut scene = Scene::new(limits(1, MaxAccepts::Unbounded));
        scene.limit = 2;
        scene.race(|scene| {
            let two = limits(2, MaxAccepts::Unbounded);
            scene.gate.set_limits(two, Moment::default());
        });
        assert_eq!(scene.count(), (2, 0));
        scene.assert_empty();
        let door = Door::new(scene.gate.clone(), 0);
        let enter =
            |request| door.enter(Candidate::Request(ExchangeKey::new(request, 0)), || NORMAL);
        let two = [enter(7), enter(8)];
        assert!(matches!(two, [Entry::Run(_), Entry::Run(_)]));
        assert!(matches!(enter(9), Entry::Wait(_)));
    });
}

#[test]
fn an_offer_revoked_while_it_is_taken_up_runs_one_request_once() {
    loom::model(|| {
        let scene = Scene::new(limits(1, MaxAccepts::Unbounded));
        let door = Door::new(scene.gate.clone(), 0);
        let Entry::Run(ticket) = door.enter(Candidate::Request(ExchangeKey::new(0, 0)), || NORMAL)
        else {
            panic!("it is free")
        };
        let Entry::Wait(place) = door.enter(Candidate::Request(ExchangeKey::new(1, 0)), || NORMAL)
        else {
            panic!("it is taken")
        };
        drop(ticket);
        let mail = scene.wire.0.lock().unwrap().pop();
        let Some((_, Verdict::Granted(_, _, offer))) = mail else {
            panic!("it is offered")
        };
        let sweeps = spawn(&scene, 1, |scene, _| {
            scene.gate.sweep(Some(1), Moment::NEVER);
        });
        let other = spawn(&scene, 2, |scene, door| scene.request(door, 2));
        let taken = door.take_up(offer, place);
        match taken {
            TakenUp::Run(ticket) => scene.run(ticket),
            TakenUp::Wait => {}
            other => panic!("{other:?}"),
        }
        sweeps.join().unwrap();
        other.join().unwrap();
        scene.hear();
        assert_eq!(scene.count(), (2, 0));
        scene.assert_empty();
    });
}
