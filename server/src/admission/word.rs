//! The one word that all cores share: how many slots are free, and how many requests wait.
//!
//! Both numbers are in one word, so whoever sees "nobody waits, a slot is free" and takes the slot
//! has seen both at the same instant. With two words a slot could be given back between the two
//! looks, and a request be denied or left waiting while a slot is free.
//!
//! Called by the gate alone. While somebody waits, or everything is to be looked at, only the holder
//! of the gate's lock changes the word; otherwise anyone does, each change one compare-and-swap.

use super::sync::AtomicU64;
use std::sync::atomic::Ordering;

/// Free slots, a signed number: after the limit was lowered more may run than it allows.
const FREE: u64 = u32::MAX as u64;
const WAITING_SHIFT: u32 = 32;
/// Requests that wait, at most 2^30 - 1.
const WAITING: u64 = ((1 << 30) - 1) << WAITING_SHIFT;
/// No limit is in force: nobody counts.
const OPEN: u64 = 1 << 62;
/// Every request is to be looked at under the lock, whatever the numbers.
const HELD: u64 = 1 << 63;

/// The word's value at one instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Reading(u64);

impl Reading {
    pub(super) fn new(free: i32, open: bool) -> Reading {
        Reading(0).with_free(free).with_open(open)
    }

    #[inline]
    pub(super) const fn free(self) -> i32 {
        self.0 as u32 as i32
    }

    #[inline]
    pub(super) const fn waiting(self) -> u32 {
        ((self.0 & WAITING) >> WAITING_SHIFT) as u32
    }

    pub(super) const fn with_free(self, free: i32) -> Reading {
        Reading(self.0 & !FREE | free as u32 as u64)
    }

    /// So many more, or fewer, slots are free.
    pub(super) const fn freed(self, change: i64) -> Reading {
        self.with_free((self.free() as i64 + change) as i32)
    }

    /// So many more, or fewer, wait.
    pub(super) const fn joined(self, change: i64) -> Reading {
        let waiting = (self.waiting() as i64 + change) as u64;
        Reading(self.0 & !WAITING | (waiting << WAITING_SHIFT & WAITING))
    }

    pub(super) const fn with_open(self, open: bool) -> Reading {
        Reading(self.0 & !OPEN | if open { OPEN } else { 0 })
    }

    pub(super) const fn with_held(self, held: bool) -> Reading {
        Reading(self.0 & !HELD | if held { HELD } else { 0 })
    }
}

/// The state that a new request finds without the lock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Found {
    /// No limit is in force.
    Open,
    /// A slot, which is taken now.
    Slot,
    /// Neither: the lock decides.
    Ask,
}

/// The word, on cache lines of its own (two, since processors fetch pairs).
#[repr(align(128))]
pub(super) struct Word(AtomicU64);

impl Word {
    pub(super) fn new(reading: Reading) -> Word {
        Word(AtomicU64::new(reading.0))
    }

    #[inline]
    pub(super) fn read(&self) -> Reading {
        Reading(self.0.load(Ordering::Acquire))
    }

    /// Takes a free slot if nobody waits for one.
    #[inline(always)]
    pub(super) fn take(&self) -> Found {
        let mut seen = self.0.load(Ordering::Acquire);
        loop {
            if seen & !FREE == OPEN {
                return Found::Open;
            }
            // From 1 to the most that are free: nobody waits, and nothing else is set.
            if seen.wrapping_sub(1) >= i32::MAX as u64 {
                return Found::Ask;
            }
            match self
                .0
                .compare_exchange_weak(seen, seen - 1, Ordering::AcqRel, Ordering::Acquire)
            {
                Ok(_) => return Found::Slot,
                Err(now) => seen = now,
            }
        }
    }

    /// Gives a slot back if nobody waits for it. Answers false, and does nothing, if the lock has to
    /// decide who gets it.
    #[inline(always)]
    #[must_use]
    pub(super) fn give(&self) -> bool {
        let mut seen = self.0.load(Ordering::Acquire);
        loop {
            if seen & !(FREE | OPEN) != 0 {
                return false;
            }
            let more = seen & !FREE | u64::from((seen as u32).wrapping_add(1));
            match self
                .0
                .compare_exchange_weak(seen, more, Ordering::AcqRel, Ordering::Acquire)
            {
                Ok(_) => return true,
                Err(now) => seen = now,
            }
        }
    }

    /// Changes the word as `change` says; only for the holder of the gate's lock. Answers what it
    /// said at that instant.
    pub(super) fn update(&self, change: impl Fn(Reading) -> Reading) -> Reading {
        let mut seen = self.0.load(Ordering::Acquire);
        loop {
            let next = change(Reading(seen)).0;
            match self
                .0
                .compare_exchange_weak(seen, next, Ordering::AcqRel, Ordering::Acquire)
            {
                Ok(_) => return Reading(seen),
                Err(now) => seen = now,
            }
        }
    }
}

#[cfg(all(test, not(model_checked)))]
mod tests {
    use super::*;

    #[test]
    fn the_numbers_do_not_touch_each_other() {
        for free in [i32::MIN, -1, 0, 1, i32::MAX] {
            for waiting in [0, 1, (1 << 30) - 1] {
                let reading = Reading::new(free, false).joined(waiting);
                assert_eq!(
                    (reading.free(), i64::from(reading.waiting())),
                    (free, waiting)
                );
                let all = reading.with_open(true).with_held(true);
                assert_eq!((all.free(), i64::from(all.waiting())), (free, waiting));
                assert_ne!(all, reading);
                assert_eq!(all.with_open(false).with_held(false), reading);
            }
        }
    }

    #[test]
    fn a_slot_is_taken_without_the_lock_only_if_one_is_free_and_nobody_waits() {
        let word = |reading| Word::new(reading).take();
        assert_eq!(word(Reading::new(1, false)), Found::Slot);
        assert_eq!(word(Reading::new(0, false)), Found::Ask);
        assert_eq!(word(Reading::new(-1, false)), Found::Ask);
        assert_eq!(word(Reading::new(1, false).joined(1)), Found::Ask);
        assert_eq!(word(Reading::new(1, false).with_held(true)), Found::Ask);
        assert_eq!(word(Reading::new(-3, true)), Found::Open);
        assert_eq!(word(Reading::new(0, true).with_held(true)), Found::Ask);
    }

    #[test]
    fn a_slot_is_given_back_without_the_lock_only_if_nobody_waits() {
        let given = |reading| {
            let word = Word::new(reading);
            word.give().then(|| word.read().free())
        };
        assert_eq!(given(Reading::new(-1, false)), Some(0));
        assert_eq!(given(Reading::new(-1, true)), Some(0));
        assert_eq!(given(Reading::new(0, false).joined(1)), None);
        assert_eq!(given(Reading::new(0, false).with_held(true)), None);
    }
}
