//! The gate with a post that the test reads: order, victims, offers, limits that change. No threads;
//! those are in `loom.rs` and `live.rs`.

use super::super::door::{Door, Entry, TakenUp, Ticket};
use super::super::queue::{HIGH, LOW, NORMAL};
use super::*;
use crate::config::{MaxAccepts, RequestRates};
use crate::connection::ExchangeKey;
use std::net::{IpAddr, Ipv4Addr};
use std::num::NonZeroU32;
use std::rc::Rc;
use std::sync::mpsc::{Receiver, Sender, channel};

struct Wire(std::sync::Mutex<Sender<(u32, Verdict)>>);

impl Post for Wire {
    fn post(&self, core: u32, verdict: Verdict) {
        let sender = self.0.lock().expect("unpoisoned");
        sender.send((core, verdict)).expect("the test listens");
    }
}

const RULES: Rules = Rules {
    shed: Shed::Oldest,
    drain_pending: DrainPending::Serve,
    delay: Delay {
        target: Duration::ZERO,
        interval: Duration::ZERO,
    },
    per_address: None,
};

fn limits(slots: u32, accepts: u32) -> AdmissionLimits {
    let accepts = NonZeroU32::new(accepts).map_or(MaxAccepts::None, MaxAccepts::AtMost);
    AdmissionLimits::new(NonZeroU32::new(slots), accepts).expect("consistent")
}

fn gate(limits: AdmissionLimits) -> (Arc<Gate>, Receiver<(u32, Verdict)>) {
    gate_by(limits, RULES, None)
}

fn gate_by(
    limits: AdmissionLimits,
    rules: Rules,
    rates: Option<Rates>,
) -> (Arc<Gate>, Receiver<(u32, Verdict)>) {
    let (sender, receiver) = channel();
    let post = Box::new(Wire(std::sync::Mutex::new(sender)));
    (Gate::with(limits, rules, rates, post), receiver)
}

fn key(slot: u32) -> Candidate {
    Candidate::Request(ExchangeKey::new(slot, 0))
}

fn occupied(running: u32, pending: u32) -> Occupancy {
    Occupancy { running, pending }
}

fn run(door: &Rc<Door>, slot: u32) -> Ticket {
    match door.enter(key(slot), || NORMAL) {
        Entry::Run(ticket) => ticket,
        other => panic!("no slot: {other:?}"),
    }
}

fn wait(door: &Rc<Door>, slot: u32) -> Place {
    match door.enter(key(slot), || NORMAL) {
        Entry::Wait(place) => place,
        other => panic!("does not wait: {other:?}"),
    }
}

#[track_caller]
fn granted(verdicts: &Receiver<(u32, Verdict)>) -> (u32, Candidate, Place, OfferId) {
    match verdicts.try_recv() {
        Ok((core, Verdict::Granted(key, place, offer))) => (core, key, place, offer),
        other => panic!("no grant: {other:?}"),
    }
}

/// The gate's moments in these tests: no core runs, so doors live at the origin of time.
const LATE: Moment = Moment::from_nanos(1_000_000);

#[test]
fn h7_the_oldest_pending_is_denied_on_whatever_core_it_waits() {
    let (gate, verdicts) = gate(limits(1, 2));
    let doors = [0, 1, 2].map(|core| Door::new(gate.clone(), core));
    let ticket = run(&doors[0], 1);
    wait(&doors[1], 2);
    wait(&doors[2], 3);
    let refused = Verdict::Refused(key(2), Reason::Full);
    assert_eq!(verdicts.try_recv(), Ok((1, refused)));
    drop(ticket);
    let (core, whom, place, offer) = granted(&verdicts);
    assert_eq!((core, whom), (2, key(3)));
    let TakenUp::Run(ticket) = doors[2].take_up(offer, place) else {
        panic!("in time")
    };
    assert_eq!(gate.occupancy(), occupied(1, 0));
    drop(ticket);
    assert_eq!(gate.occupancy(), occupied(0, 0));
}

#[test]
fn h9_both_counts_fall_once_when_a_waiter_leaves_or_a_grant_comes_too_late_for_it() {
    let (gate, verdicts) = gate(limits(1, 9));
    let door = Door::new(gate.clone(), 0);
    let ticket = run(&door, 1);
    let (second, third) = (wait(&door, 2), wait(&door, 3));
    assert_eq!(door.leave(second), Left::Waiting);
    assert_eq!(door.leave(second), Left::Nowhere);
    assert_eq!(gate.occupancy(), occupied(1, 1));
    drop(ticket);
    assert_eq!(gate.occupancy(), occupied(1, 0), "the slot is on its way");
    assert_eq!(door.leave(third), Left::Offered);
    assert_eq!(gate.occupancy(), occupied(0, 0));
    let (_, _, place, offer) = granted(&verdicts);
    assert!(matches!(door.take_up(offer, place), TakenUp::Gone));
    assert_eq!(gate.occupancy(), occupied(0, 0));
}

#[test]
fn p10_what_a_blocked_core_does_not_take_up_goes_to_the_next() {
    let (gate, verdicts) = gate(limits(1, 9));
    let doors = [0, 1, 2].map(|core| Door::new(gate.clone(), core));
    let ticket = run(&doors[0], 1);
    let [deaf, next] = [wait(&doors[1], 2), wait(&doors[2], 3)];
    wait(&doors[1], 4);
    drop(ticket);
    let (core, _, place, first_offer) = granted(&verdicts);
    assert_eq!((core, place), (1, deaf));
    assert_eq!(gate.sweep(Some(0), Moment::default()), Some(LATE));
    assert!(verdicts.try_recv().is_err(), "it still has time");
    gate.sweep(Some(0), LATE);
    // The other one of the blocked core is passed over too, at no further delay.
    let (core, _, place, offer) = granted(&verdicts);
    assert_eq!((core, place), (2, next));
    let TakenUp::Run(ticket) = doors[2].take_up(offer, place) else {
        panic!("in time")
    };
    assert_eq!(gate.occupancy(), occupied(1, 2), "the late one waits again");
    // The blocked core wakes up and hears of the offer that is void.
    assert!(matches!(doors[1].take_up(first_offer, deaf), TakenUp::Wait));
    drop(ticket);
    let (core, whom, place, offer) = granted(&verdicts);
    assert_eq!((core, whom), (1, key(2)), "it has kept its place");
    let TakenUp::Run(ticket) = doors[1].take_up(offer, place) else {
        panic!("in time")
    };
    drop(ticket);
    assert_eq!(granted(&verdicts).1, key(4));
}

#[test]
fn a_slot_says_whether_anybody_counts_it() {
    let (gate, _verdicts) = gate(limits(1, 2));
    let ticket = run(&Door::new(gate, 0), 1);
    assert_eq!(format!("{ticket:?}"), "a slot");
    let free = Ticket::free();
    assert_eq!(format!("{free:?}"), "a slot without a limit");
}

#[test]
fn a_core_watches_the_offers_that_it_has_caused_and_no_others() {
    let (gate, verdicts) = gate(limits(1, 9));
    let doors = [0, 1].map(|core| Door::new(gate.clone(), core));
    let ticket = run(&doors[0], 1);
    let place = wait(&doors[1], 2);
    let watched = || doors.each_ref().map(|door| door.watch());
    assert_eq!(watched(), [None, None], "nothing is on offer");
    drop(ticket);
    let (.., offer) = granted(&verdicts);
    assert_eq!(watched(), [Some(LATE), None]);
    // It is on its way to be swept; another one is not watched beside it.
    let other = wait(&doors[0], 3);
    assert_eq!(watched(), [None, None]);
    assert_eq!(doors[0].sweep(), Some(LATE), "it lies there still");
    assert!(matches!(doors[1].take_up(offer, place), TakenUp::Run(_)));
    let (core, _, place, offer) = granted(&verdicts);
    assert_eq!((core, place), (0, other));
    // That is the sweeper's own, which needs no other core to be watched.
    assert_eq!(doors[0].sweep(), None);
    let TakenUp::Run(ticket) = doors[0].take_up(offer, place) else {
        panic!("in time")
    };
    wait(&doors[1], 4);
    watched();
    drop(ticket);
    assert_eq!(watched(), [Some(LATE), None], "it watches again");
}

#[test]
fn p10_a_slot_that_only_a_blocked_core_waits_for_is_the_newcomers() {
    let (gate, verdicts) = gate(limits(1, 9));
    let doors = [0, 1].map(|core| Door::new(gate.clone(), core));
    let ticket = run(&doors[0], 1);
    let place = wait(&doors[1], 2);
    drop(ticket);
    let (_, _, _, offer) = granted(&verdicts);
    gate.sweep(Some(0), LATE);
    let ticket = run(&doors[0], 3);
    assert_eq!(gate.occupancy(), occupied(1, 1));
    drop(ticket);
    match doors[1].take_up(offer, place) {
        TakenUp::Run(_) => {}
        other => panic!("a slot is free: {other:?}"),
    }
    assert_eq!(gate.occupancy(), occupied(0, 0));
}

#[test]
fn h14_raised_limits_start_what_waits_in_order_and_lowered_ones_shed_only_that() {
    let (gate, verdicts) = gate(limits(1, 6));
    let door = Door::new(gate.clone(), 0);
    let tickets = vec![run(&door, 0)];
    for slot in 1..=5 {
        wait(&door, slot);
    }
    gate.set_limits(limits(3, 6), Moment::default());
    assert_eq!(granted(&verdicts).1, key(1));
    assert_eq!(granted(&verdicts).1, key(2));
    assert!(verdicts.try_recv().is_err());
    assert_eq!(gate.occupancy(), occupied(3, 3));
    gate.set_limits(limits(1, 4), Moment::default());
    for slot in [3, 4] {
        let refused = Verdict::Refused(key(slot), Reason::Full);
        assert_eq!(verdicts.try_recv(), Ok((0, refused)), "the oldest go");
    }
    assert!(verdicts.try_recv().is_err());
    assert_eq!(gate.occupancy(), occupied(3, 1), "what runs goes on");
    drop(tickets);
    assert_eq!(gate.occupancy(), occupied(2, 1), "still above the limit");
    gate.set_limits(AdmissionLimits::default(), Moment::default());
    assert_eq!(granted(&verdicts).1, key(5));
    assert!(run(&door, 9).is_free(), "nobody counts now");
}

#[test]
fn h14_the_count_of_those_that_run_survives_a_time_without_a_limit() {
    let (gate, _verdicts) = gate(limits(2, 0));
    let door = Door::new(gate.clone(), 0);
    let tickets = [run(&door, 0), run(&door, 1)];
    gate.set_limits(AdmissionLimits::default(), Moment::default());
    gate.set_limits(limits(2, 0), Moment::default());
    assert!(matches!(
        door.enter(key(2), || NORMAL),
        Entry::Refused(Reason::Full)
    ));
    drop(tickets);
    assert_eq!(gate.occupancy(), occupied(0, 0));
    let _two = [run(&door, 3), run(&door, 4)];
    assert!(matches!(door.enter(key(5), || NORMAL), Entry::Refused(_)));
}

#[test]
fn h16_pending_ones_are_refused_in_order_and_so_is_who_comes_then() {
    let (gate, verdicts) = gate(limits(1, 9));
    let door = Door::new(gate.clone(), 0);
    let ticket = run(&door, 0);
    for slot in 1..=3 {
        wait(&door, slot);
    }
    gate.set_phase(Phase::Draining, Moment::default());
    assert_eq!(gate.occupancy(), occupied(1, 3), "they are served");
    let refuse = Rules {
        drain_pending: DrainPending::Refuse,
        ..RULES
    };
    gate.set_rules(refuse, Moment::default());
    for slot in 1..=3 {
        let refused = Verdict::Refused(key(slot), Reason::Draining);
        assert_eq!(verdicts.try_recv(), Ok((0, refused)));
    }
    drop(ticket);
    assert!(matches!(
        door.enter(key(4), || NORMAL),
        Entry::Refused(Reason::Draining)
    ));
    assert_eq!(gate.occupancy(), occupied(0, 0));
}

#[test]
fn the_lowest_class_is_refused_first_also_where_a_core_is_blocked() {
    let (gate, verdicts) = gate(limits(1, 9));
    let doors = [0, 1, 2].map(|core| Door::new(gate.clone(), core));
    let ticket = run(&doors[0], 0);
    let waits = |core: usize, slot, class| {
        let entry = doors[core].enter(key(slot), || class);
        assert!(matches!(entry, Entry::Wait(_)), "{entry:?}");
    };
    waits(1, 1, HIGH);
    waits(1, 2, LOW);
    waits(2, 3, NORMAL);
    waits(2, 4, LOW);
    waits(2, 5, HIGH);
    drop(ticket);
    assert_eq!(granted(&verdicts).0, 1);
    gate.sweep(Some(0), LATE);
    let (core, _, place, offer) = granted(&verdicts);
    assert_eq!(core, 2, "the other one is blocked");
    let TakenUp::Run(_ticket) = doors[2].take_up(offer, place) else {
        panic!("in time")
    };
    let refuse = Rules {
        drain_pending: DrainPending::Refuse,
        ..RULES
    };
    gate.set_phase(Phase::Draining, Moment::default());
    gate.set_rules(refuse, Moment::default());
    let refused: Vec<_> = verdicts.try_iter().collect();
    let expected = [(1, 2), (2, 4), (2, 3), (1, 1)]
        .map(|(core, slot)| (core, Verdict::Refused(key(slot), Reason::Draining)));
    assert_eq!(refused, expected);
}

#[test]
fn what_waits_on_a_thread_that_ends_is_forgotten_and_its_slots_go_on() {
    let (gate, verdicts) = gate(limits(1, 9));
    let doors = [0, 1].map(|core| Door::new(gate.clone(), core));
    let ticket = run(&doors[0], 0);
    wait(&doors[1], 1);
    wait(&doors[1], 2);
    wait(&doors[0], 3);
    drop(ticket);
    assert_eq!(granted(&verdicts).0, 1);
    doors[1].close();
    assert_eq!(granted(&verdicts).1, key(3));
    assert_eq!(gate.occupancy(), occupied(1, 0));
}

#[test]
fn one_that_gives_up_waiting_keeps_a_slot_that_is_on_its_way() {
    let (gate, verdicts) = gate(limits(1, 9));
    let door = Door::new(gate.clone(), 0);
    let ticket = run(&door, 0);
    let [first, second] = [wait(&door, 1), wait(&door, 2)];
    drop(ticket);
    assert!(!door.give_up(first));
    assert!(door.give_up(second));
    let (_, _, place, offer) = granted(&verdicts);
    assert!(matches!(door.take_up(offer, place), TakenUp::Run(_)));
    assert_eq!(gate.occupancy(), occupied(0, 0));
}

#[test]
fn a_limit_beyond_what_the_word_counts_is_as_good_as_the_most_it_counts() {
    let (gate, _verdicts) = gate(limits(u32::MAX, 0));
    let door = Door::new(gate.clone(), 0);
    let ticket = run(&door, 0);
    assert_eq!(gate.occupancy(), occupied(1, 0));
    gate.set_limits(limits(1, 0), Moment::default());
    assert!(matches!(door.enter(key(1), || NORMAL), Entry::Refused(_)));
    drop(ticket);
    assert_eq!(gate.occupancy(), occupied(0, 0));
}

#[test]
fn the_limits_in_force_are_those_that_were_set_last() {
    let (gate, _verdicts) = gate(limits(1, 2));
    assert_eq!(gate.limits(), limits(1, 2));
    gate.set_limits(limits(3, 4), Moment::default());
    assert_eq!(gate.limits(), limits(3, 4));
}

#[test]
fn a_connection_that_held_a_slot_in_another_process_holds_one_here_also_beyond_the_limit() {
    let (gate, verdicts) = gate(limits(1, 9));
    let door = Door::new(gate.clone(), 0);
    let ticket = run(&door, 0);
    let retaken = door.retake();
    assert!(!retaken.is_free());
    assert_eq!(gate.occupancy(), occupied(2, 0));
    wait(&door, 1);
    drop(ticket);
    assert!(verdicts.try_recv().is_err(), "one runs, as many as may");
    assert_eq!(gate.occupancy(), occupied(1, 1));
    drop(retaken);
    assert_eq!(granted(&verdicts).1, key(1));
    gate.set_limits(AdmissionLimits::default(), Moment::default());
    assert!(door.retake().is_free(), "nobody counts now");
}

#[test]
fn a_slot_travels_with_its_connection_and_comes_back_if_it_does_not_arrive() {
    let (gate, verdicts) = gate(limits(1, 9));
    let doors = [0, 1].map(|core| Door::new(gate.clone(), core));
    let credit = run(&doors[0], 0).into_credit();
    assert!(credit.is_some());
    assert_eq!(gate.occupancy(), occupied(1, 0), "on its way");
    let ticket = doors[1].adopt(credit);
    assert!(!ticket.is_free());
    assert_eq!(gate.occupancy(), occupied(1, 0), "arrived");
    // Lost on its way, it goes to the one that waits.
    wait(&doors[0], 1);
    drop(ticket.into_credit());
    let (core, whom, place, offer) = granted(&verdicts);
    assert_eq!((core, whom), (0, key(1)));
    let TakenUp::Run(ticket) = doors[0].take_up(offer, place) else {
        panic!("in time")
    };
    drop(ticket.into_credit());
    assert_eq!(gate.occupancy(), occupied(0, 0));
    assert!(Ticket::free().into_credit().is_none());
    assert!(doors[0].adopt(None).is_free());
}

#[test]
fn an_address_has_as_many_requests_in_as_it_may_and_a_place_comes_back_when_its_request_ends() {
    let addresses: [IpAddr; 2] = [[127, 0, 0, 1].into(), [127, 0, 0, 2].into()];
    let rules = Rules {
        per_address: NonZeroU32::new(2),
        ..RULES
    };
    let (counting, _verdicts) = gate_by(limits(1, 9), rules, None);
    let doors = [0, 1].map(|core| Door::new(counting.clone(), core));
    let first = doors[0].enter_address(addresses[0]);
    let second = doors[1].enter_address(addresses[0]);
    assert!(first.is_some() && second.is_some());
    assert!(doors[0].enter_address(addresses[0]).is_none());
    assert!(doors[0].enter_address(addresses[1]).is_some());
    drop(first);
    let third = doors[1].enter_address(addresses[0]);
    assert!(third.is_some());
    assert!(doors[1].enter_address(addresses[0]).is_none());
    // Without the option an address has as many in as it likes.
    let (any, _verdicts) = gate(limits(1, 9));
    let door = Door::new(any, 0);
    let places = [(); 9].map(|()| door.enter_address(addresses[0]));
    assert!(places.iter().all(Option::is_some));
}

#[test]
fn rates_are_asked_at_the_door_and_clients_that_were_forgotten_are_counted() {
    let (without, _verdicts) = gate(limits(1, 9));
    assert!(Door::new(without.clone(), 0).rates().is_none());
    assert_eq!(without.forgotten(), 0);
    let rates = Rates::new(&RequestRates {
        rate: Some("1/h".parse().expect("a rate")),
        burst: None,
        field: None,
    });
    let (gate, _verdicts) = gate_by(limits(1, 9), RULES, rates);
    let door = Door::new(gate.clone(), 0);
    let rates = door.rates().expect("there is a rate");
    // More than the table has room for.
    for client in 0..120_000 {
        let client = Rates::of_address(Ipv4Addr::from_bits(client).into());
        assert_eq!(rates.take(client, Moment::default()), Ok(()));
    }
    assert!(gate.forgotten() > 1);
    assert_eq!(gate.forgotten(), rates.forgotten());
}

#[test]
fn the_offers_of_other_cores_stay_when_a_thread_ends() {
    let (gate, verdicts) = gate(limits(2, 9));
    let doors = [0, 1, 2].map(|core| Door::new(gate.clone(), core));
    let tickets = [run(&doors[0], 0), run(&doors[0], 1)];
    wait(&doors[1], 2);
    wait(&doors[2], 3);
    wait(&doors[0], 4);
    drop(tickets);
    assert_eq!(granted(&verdicts).0, 1);
    let (core, _, place, offer) = granted(&verdicts);
    assert_eq!(core, 2);
    doors[1].close();
    assert_eq!(granted(&verdicts).1, key(4));
    assert_eq!(gate.occupancy(), occupied(2, 0));
    assert!(matches!(doors[2].take_up(offer, place), TakenUp::Run(_)));
    assert_eq!(gate.occupancy(), occupied(1, 0));
}

#[test]
fn the_newest_of_the_last_class_is_refused_where_it_is_configured_so() {
    let rules = Rules {
        shed: Shed::Newest,
        ..RULES
    };
    let (gate, verdicts) = gate_by(limits(1, 9), rules, None);
    let doors = [0, 1, 2].map(|core| Door::new(gate.clone(), core));
    let ticket = run(&doors[0], 0);
    wait(&doors[1], 1);
    wait(&doors[1], 2);
    wait(&doors[2], 3);
    drop(ticket);
    assert_eq!(granted(&verdicts).0, 1);
    // The first core is blocked, and the newest waits there.
    gate.sweep(Some(0), LATE);
    let (core, _, place, offer) = granted(&verdicts);
    assert_eq!(core, 2);
    let TakenUp::Run(_ticket) = doors[2].take_up(offer, place) else {
        panic!("in time")
    };
    let high = doors[2].enter(key(4), || HIGH);
    assert!(matches!(high, Entry::Wait(_)), "{high:?}");
    gate.set_limits(limits(1, 3), Moment::default());
    let refused = Verdict::Refused(key(2), Reason::Full);
    assert_eq!(verdicts.try_recv(), Ok((1, refused)));
    assert!(verdicts.try_recv().is_err());
    let newest = doors[2].enter(key(5), || NORMAL);
    assert!(matches!(newest, Entry::Refused(Reason::Full)), "{newest:?}");
    assert_eq!(gate.occupancy(), occupied(1, 2));
}
