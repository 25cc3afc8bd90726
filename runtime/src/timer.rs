//! One wheel of deadlines a core, in user space; the ring sees only the nearest, as the timeout of
//! its enter. Pure: time comes as an argument.
//!
//! A hierarchical wheel: level n has 64 slots of 64^n ticks, a tick is [`GRANULARITY_NANOS`]. An
//! entry lies in the level of the highest digit in which its tick differs from the wheel's, and
//! moves down when the wheel gets there. Setting and cancelling are constant time. Nothing fires
//! early; an entry fires at the first [`Wheel::expire`] at or after its tick, which is its deadline
//! rounded up.

use crate::large_table::large_table;
use crate::time::Moment;
use slab::Slab;
use std::cell::Cell;
use std::num::NonZeroU32;
use std::task::Waker;

/// Length of a tick in nanoseconds: about a millisecond.
pub const GRANULARITY_NANOS: u64 = 1 << 20;

const LEVELS: usize = 7;
const SLOT_BITS: u32 = 6;
const SLOTS: usize = 1 << SLOT_BITS;
const NONE: u32 = u32::MAX;

// Seven levels of six bits: deadlines up to 2^42 ticks ahead, which is 146 years.
const _: () = assert!(LEVELS as u32 * SLOT_BITS >= 42);

/// Whom an expired timer tells.
#[derive(Debug)]
pub enum Owner {
    /// A future: woken.
    Waker(Waker),
    /// The owner of events: told this key.
    Event(u64),
    /// The pool of receive buffers, which looks at its spare memory.
    Pool,
}

/// Names a timer. A timer that fired or was cancelled is named by nobody any more: an old id is
/// recognised and does nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TimerId {
    index: u32,
    /// Never zero, so that an optional id is no larger than an id.
    generation: NonZeroU32,
}

const _: () = assert!(size_of::<Option<TimerId>>() == size_of::<TimerId>());

/// An [`Owner`] without its words, or none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Tells {
    Nobody,
    /// The waker at this place among those of the wheel.
    Waker,
    Event,
    Pool,
}

/// A timer. Every idle connection has one.
#[derive(Debug)]
struct Entry {
    tick: u64,
    /// The word of whom it tells.
    word: u64,
    generation: NonZeroU32,
    previous: u32,
    next: u32,
    place: u16,
    tells: Tells,
}

const _: () = assert!(size_of::<Entry>() <= 32);

/// The wheel.
#[derive(Debug)]
pub struct Wheel {
    tick: u64,
    heads: [u32; LEVELS * SLOTS],
    occupied: [u64; LEVELS],
    entries: Vec<Entry>,
    /// The wakers of timers that futures have set.
    wakers: Slab<Waker>,
    free: u32,
    armed: usize,
    /// The answer of [`Wheel::next_expiry`], until a timer is set, taken back or due: a turn asks twice, and most
    /// turns change no timer.
    next: Cell<Option<Option<Moment>>>,
}

const fn tick_of(now: Moment) -> u64 {
    now.as_nanos() / GRANULARITY_NANOS
}

impl Wheel {
    /// An empty wheel that stands at `now`.
    pub fn new(now: Moment) -> Wheel {
        Wheel {
            tick: tick_of(now),
            heads: [NONE; LEVELS * SLOTS],
            occupied: [0; LEVELS],
            entries: large_table(),
            wakers: Slab::new(),
            free: NONE,
            armed: 0,
            next: Cell::new(None),
        }
    }

    /// Timers that have neither fired nor been cancelled.
    pub fn len(&self) -> usize {
        self.armed
    }

    /// Whether no timer is set.
    pub fn is_empty(&self) -> bool {
        self.armed == 0
    }

    /// Sets a timer. A deadline that has passed fires at the next [`Wheel::expire`].
    pub fn set(&mut self, deadline: Moment, owner: Owner) -> TimerId {
        let tick = deadline
            .as_nanos()
            .div_ceil(GRANULARITY_NANOS)
            .max(self.tick + 1);
        let (tells, word) = match owner {
            Owner::Waker(waker) => (Tells::Waker, self.wakers.insert(waker) as u64),
            Owner::Event(key) => (Tells::Event, key),
            Owner::Pool => (Tells::Pool, 0),
        };
        let index = match self.free {
            NONE => {
                self.entries.push(Entry {
                    tick,
                    word,
                    generation: NonZeroU32::MIN,
                    previous: NONE,
                    next: NONE,
                    place: 0,
                    tells,
                });
                (self.entries.len() - 1) as u32
            }
            free => {
                let entry = &mut self.entries[free as usize];
                self.free = entry.next;
                entry.tick = tick;
                entry.word = word;
                entry.tells = tells;
                free
            }
        };
        self.armed += 1;
        self.next.set(None);
        self.link(index);
        TimerId {
            index,
            generation: self.entries[index as usize].generation,
        }
    }

    /// Takes a timer back; answers whether it was still set.
    pub fn cancel(&mut self, id: TimerId) -> bool {
        let Some(entry) = self.entries.get(id.index as usize) else {
            return false;
        };
        if entry.generation != id.generation || entry.tells == Tells::Nobody {
            return false;
        }
        self.next.set(None);
        self.unlink(id.index);
        drop(self.release(id.index));
        true
    }

    /// Exchanges the waker of a set timer if it would wake another task; answers whether the
    /// timer was still set.
    pub fn rearm(&mut self, id: TimerId, waker: &Waker) -> bool {
        let Some(entry) = self.entries.get(id.index as usize) else {
            return false;
        };
        if entry.generation != id.generation || entry.tells != Tells::Waker {
            return false;
        }
        self.wakers[entry.word as usize].clone_from(waker);
        true
    }

    /// When [`Wheel::expire`] has to be called next: never later than the nearest deadline's tick,
    /// perhaps earlier (an entry of a higher level has to come down first). None without timers.
    #[inline]
    pub fn next_expiry(&self) -> Option<Moment> {
        match self.next.get() {
            Some(known) => known,
            None => self.find_next(),
        }
    }

    #[inline(never)]
    fn find_next(&self) -> Option<Moment> {
        let next = self.nearest();
        self.next.set(Some(next));
        next
    }

    fn nearest(&self) -> Option<Moment> {
        let mut nearest: Option<u64> = None;
        for level in 0..LEVELS {
            if self.occupied[level] == 0 {
                continue;
            }
            let shift = SLOT_BITS * level as u32;
            let here = (self.tick >> shift) & (SLOTS as u64 - 1);
            // Slots are ahead of the wheel within their level; what is behind lies a round ahead.
            let ahead = self.occupied[level].rotate_right(here as u32);
            let distance = u64::from(ahead.trailing_zeros());
            let distance = if distance == 0 {
                SLOTS as u64
            } else {
                distance
            };
            let tick = ((self.tick >> shift) + distance) << shift;
            nearest = Some(nearest.map_or(tick, |n| n.min(tick)));
        }
        nearest.map(|tick| Moment::from_nanos(tick.saturating_mul(GRANULARITY_NANOS)))
    }

    /// Advances to `now` and takes every owner whose deadline has passed, at most `most` of them;
    /// the rest follow at the next call.
    pub fn expire(&mut self, now: Moment, most: usize, mut fired: impl FnMut(Owner)) -> usize {
        let target = tick_of(now);
        self.next.set(None);
        let mut count = 0;
        while self.tick < target {
            if self.armed == 0 {
                self.tick = target;
                break;
            }
            let next = match self.nearest() {
                Some(next) => tick_of(next),
                None => target,
            };
            if next > target {
                self.tick = target;
                break;
            }
            // Stay one tick behind while this tick's slot is not empty, so that a call that stops
            // at `most` goes on here.
            self.tick = next;
            self.bring_down();
            while let Some(index) = self.first_due() {
                if count == most {
                    self.tick = next - 1;
                    self.relink_due();
                    return count;
                }
                self.unlink(index);
                let owner = self.release(index);
                count += 1;
                if let Some(owner) = owner {
                    fired(owner);
                }
            }
        }
        count
    }

    /// Moves the entries of the higher levels' current slots to where they belong now.
    fn bring_down(&mut self) {
        for level in (1..LEVELS).rev() {
            let shift = SLOT_BITS * level as u32;
            if self.tick & ((1 << shift) - 1) != 0 {
                continue;
            }
            let place = level * SLOTS + ((self.tick >> shift) as usize & (SLOTS - 1));
            self.take_slot(place);
        }
    }

    fn take_slot(&mut self, place: usize) {
        let mut index = self.heads[place];
        self.heads[place] = NONE;
        self.occupied[place / SLOTS] &= !(1 << (place % SLOTS));
        while index != NONE {
            let next = self.entries[index as usize].next;
            self.link(index);
            index = next;
        }
    }

    /// After stepping back by a tick: entries due at the next tick are found ahead again.
    fn relink_due(&mut self) {
        let place = (self.tick + 1) as usize & (SLOTS - 1);
        self.take_slot(place);
    }

    fn first_due(&self) -> Option<u32> {
        let head = self.heads[self.tick as usize & (SLOTS - 1)];
        (head != NONE && self.entries[head as usize].tick <= self.tick).then_some(head)
    }

    fn link(&mut self, index: u32) {
        let tick = self.entries[index as usize].tick;
        let differs = (tick ^ self.tick) | 1;
        let level = ((63 - differs.leading_zeros()) / SLOT_BITS).min(LEVELS as u32 - 1);
        let slot = (tick >> (SLOT_BITS * level)) as usize & (SLOTS - 1);
        let place = level as usize * SLOTS + slot;
        let head = self.heads[place];
        if head != NONE {
            self.entries[head as usize].previous = index;
        }
        let entry = &mut self.entries[index as usize];
        entry.place = place as u16;
        entry.previous = NONE;
        entry.next = head;
        self.heads[place] = index;
        self.occupied[level as usize] |= 1 << slot;
    }

    fn unlink(&mut self, index: u32) {
        let (previous, next, place) = {
            let entry = &self.entries[index as usize];
            (entry.previous, entry.next, entry.place as usize)
        };
        match previous {
            NONE => self.heads[place] = next,
            previous => self.entries[previous as usize].next = next,
        }
        if next != NONE {
            self.entries[next as usize].previous = previous;
        }
        if self.heads[place] == NONE {
            self.occupied[place / SLOTS] &= !(1 << (place % SLOTS));
        }
    }

    fn release(&mut self, index: u32) -> Option<Owner> {
        let entry = &mut self.entries[index as usize];
        entry.generation = entry.generation.checked_add(1).unwrap_or(NonZeroU32::MIN);
        entry.next = self.free;
        self.free = index;
        self.armed -= 1;
        match std::mem::replace(&mut entry.tells, Tells::Nobody) {
            Tells::Nobody => None,
            Tells::Waker => Some(Owner::Waker(self.wakers.remove(entry.word as usize))),
            Tells::Event => Some(Owner::Event(entry.word)),
            Tells::Pool => Some(Owner::Pool),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(tick: u64) -> Moment {
        Moment::from_nanos(tick * GRANULARITY_NANOS)
    }

    fn fired(wheel: &mut Wheel, now: u64, most: usize) -> Vec<u64> {
        let mut keys = Vec::new();
        wheel.expire(at(now), most, |owner| match owner {
            Owner::Event(key) => keys.push(key),
            Owner::Waker(_) | Owner::Pool => unreachable!("only events are set here"),
        });
        keys
    }

    #[test]
    fn a_timer_fires_at_its_tick_and_never_before() {
        let mut wheel = Wheel::new(at(1000));
        wheel.set(at(1005), Owner::Event(5));
        wheel.set(at(1000 + 64 * 64 * 3 + 7), Owner::Event(6));
        assert_eq!(fired(&mut wheel, 1004, 9), []);
        assert_eq!(fired(&mut wheel, 1005, 9), [5]);
        assert_eq!(fired(&mut wheel, 1000 + 64 * 64 * 3 + 6, 9), []);
        assert_eq!(fired(&mut wheel, 1000 + 64 * 64 * 3 + 7, 9), [6]);
        assert!(wheel.is_empty());
    }

    #[test]
    fn a_cancelled_timer_never_fires_and_its_id_is_dead() {
        let mut wheel = Wheel::new(at(0));
        let id = wheel.set(at(3), Owner::Event(1));
        assert!(wheel.cancel(id));
        assert!(!wheel.cancel(id));
        let other = wheel.set(at(3), Owner::Event(2));
        assert!(!wheel.cancel(id), "the slot has another tenant");
        assert_eq!(fired(&mut wheel, 10, 9), [2]);
        assert!(!wheel.cancel(other));
    }

    #[test]
    fn the_next_expiry_is_that_of_the_timers_set_now_whenever_it_is_asked() {
        let mut wheel = Wheel::new(at(0));
        assert_eq!(wheel.next_expiry(), None);
        let late = wheel.set(at(50), Owner::Event(1));
        assert_eq!(wheel.next_expiry(), Some(at(50)));
        let soon = wheel.set(at(3), Owner::Event(2));
        assert_eq!(wheel.next_expiry(), Some(at(3)));
        assert!(wheel.cancel(soon));
        assert_eq!(wheel.next_expiry(), Some(at(50)));
        wheel.set(at(7), Owner::Event(3));
        assert_eq!(wheel.next_expiry(), Some(at(7)));
        assert_eq!(fired(&mut wheel, 7, 9), [3]);
        assert_eq!(wheel.next_expiry(), Some(at(50)));
        assert!(wheel.cancel(late));
        assert_eq!(wheel.next_expiry(), None);
    }

    #[test]
    fn a_bounded_call_leaves_the_rest_for_the_next() {
        let mut wheel = Wheel::new(at(0));
        for key in 0..10 {
            wheel.set(at(2), Owner::Event(key));
        }
        assert_eq!(fired(&mut wheel, 5, 4).len(), 4);
        assert!(wheel.next_expiry().is_some_and(|next| next <= at(2)));
        assert_eq!(fired(&mut wheel, 5, 100).len(), 6);
    }

    proptest! {
        #[test]
        fn every_timer_fires_once_in_its_tick(
            start in 0u64..1 << 40,
            deadlines in proptest::collection::vec(0u64..300_000, 1..60),
            steps in proptest::collection::vec(1u64..20_000, 1..60),
            most in 1usize..5,
        ) {
            let mut wheel = Wheel::new(at(start));
            for (key, deadline) in deadlines.iter().enumerate() {
                wheel.set(at(start + deadline), Owner::Event(key as u64));
            }
            let mut seen = vec![false; deadlines.len()];
            let mut now = start;
            let mut steps = steps.into_iter().cycle();
            while !wheel.is_empty() {
                let next = wheel.next_expiry().expect("timers are set");
                let nearest = deadlines.iter().zip(&seen).filter(|(_, seen)| !**seen)
                    .map(|(deadline, _)| start + deadline).min().expect("one is left");
                prop_assert!(next <= at(nearest.max(now + 1)));
                now += steps.next().expect("endless");
                loop {
                    let keys = fired(&mut wheel, now, most);
                    for key in &keys {
                        let key = *key as usize;
                        prop_assert!(!seen[key], "fired twice");
                        prop_assert!(start + deadlines[key] <= now, "fired early");
                        seen[key] = true;
                    }
                    if keys.len() < most { break; }
                }
                for (key, deadline) in deadlines.iter().enumerate() {
                    prop_assert!(seen[key] || start + deadline > now || (*deadline == 0 && now <= start), "fired late");
                }
            }
            prop_assert!(seen.iter().all(|seen| *seen));
        }
    }
}
