//! Which connections of a core have their keys expanded. An expanded key is 600 bytes and takes 0.14 us
//! to make; so the busy connections keep theirs here, in a table of fixed size, and the idle ones are
//! plain data. [`super::open`] and [`super::seal`] take keys from it; losing one costs its next use an
//! expansion and nothing else.
//!
//! A `KeyPlace` holds a name that is given once in the life of a process. So a place that was given to
//! another connection since, or that belongs to the table of another core, is noticed and never used.

use super::session::Session;
use aws_lc_rs::aead::LessSafeKey;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

/// Pairs of keys that a core keeps: 0.3 MB when all are in use.
pub const KEY_PAIRS_MAX: usize = 256;
const _: () = assert!(KEY_PAIRS_MAX - 1 == u8::MAX as usize, "a place is a u8");

/// Names that a table takes at once, so that tables share nothing but the taking.
const NAMES_AT_ONCE: u64 = 1 << 32;
/// The first name of the next table. Zero is the name of nobody.
static NEXT_NAMES: AtomicU64 = AtomicU64::new(1);

/// Where a connection's keys were when it last used them: a name, and in the lowest byte the index of an
/// entry. Zero is nowhere.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct KeyPlace(u64);

impl KeyPlace {
    fn new(name: u64, index: usize) -> KeyPlace {
        let index = u8::try_from(index).expect("at most 256 places");
        KeyPlace(name << u8::BITS | u64::from(index))
    }

    fn name(self) -> u64 {
        self.0 >> u8::BITS
    }

    fn index(self) -> usize {
        usize::from(self.0.to_le_bytes()[0])
    }
}

/// The expanded keys of one connection, each made at its first use.
#[derive(Default)]
pub(super) struct KeyPair {
    pub(super) receiving: Option<LessSafeKey>,
    pub(super) sending: Option<LessSafeKey>,
}

struct Entry {
    name: u64,
    /// Used since the hand last came by.
    is_used: bool,
    pair: KeyPair,
}

/// The expanded keys of a core.
pub struct KeyCache {
    entries: Vec<Entry>,
    capacity: usize,
    /// The hand of the clock: the entry that is looked at next when one must go.
    hand: usize,
    next_name: u64,
    names_end: u64,
}

impl Default for KeyCache {
    fn default() -> KeyCache {
        KeyCache::new(KEY_PAIRS_MAX)
    }
}

impl KeyCache {
    /// A table of at most `pairs` connections, between one and [`KEY_PAIRS_MAX`]. Memory is taken as
    /// connections come.
    pub fn new(pairs: usize) -> KeyCache {
        KeyCache {
            entries: Vec::new(),
            capacity: pairs.clamp(1, KEY_PAIRS_MAX),
            hand: 0,
            next_name: 0,
            names_end: 0,
        }
    }

    /// Number of connections whose keys are here.
    pub fn len(&self) -> usize {
        self.entries.iter().filter(|entry| entry.name != 0).count()
    }

    /// Whether no connection's keys are here.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether the keys of this connection are here.
    pub fn holds(&self, session: &Session) -> bool {
        self.has(session.place)
    }

    fn has(&self, place: KeyPlace) -> bool {
        let entry = self.entries.get(place.index());
        place != KeyPlace::default() && entry.is_some_and(|entry| entry.name == place.name())
    }

    /// Throws the keys of a connection out, which is over or leaves this core.
    pub fn forget(&mut self, session: &Session) {
        if self.holds(session) {
            let entry = &mut self.entries[session.place.index()];
            entry.name = 0;
            entry.is_used = false;
            entry.pair = KeyPair::default();
        }
    }

    /// The keys of the connection with this place, which is put right; both are absent after a loss.
    pub(super) fn pair(&mut self, place: &mut KeyPlace) -> &mut KeyPair {
        let index = match self.has(*place) {
            true => place.index(),
            false => self.give_place(place),
        };
        let entry = &mut self.entries[index];
        entry.is_used = true;
        &mut entry.pair
    }

    #[cold]
    fn give_place(&mut self, place: &mut KeyPlace) -> usize {
        let name = self.take_name();
        let entry = Entry {
            name,
            is_used: false,
            pair: KeyPair::default(),
        };
        let index = if self.entries.len() < self.capacity {
            self.entries.push(entry);
            self.entries.len() - 1
        } else {
            let index = self.least_used();
            self.entries[index] = entry;
            index
        };
        *place = KeyPlace::new(name, index);
        index
    }

    /// The first entry under the hand that was not used since the hand last came by.
    fn least_used(&mut self) -> usize {
        loop {
            let index = self.hand;
            self.hand = (index + 1) % self.entries.len();
            let entry = &mut self.entries[index];
            if !std::mem::take(&mut entry.is_used) {
                return index;
            }
        }
    }

    fn take_name(&mut self) -> u64 {
        if self.next_name == self.names_end {
            self.next_name = NEXT_NAMES.fetch_add(NAMES_AT_ONCE, Ordering::Relaxed);
            self.names_end = self.next_name + NAMES_AT_ONCE;
        }
        let name = self.next_name;
        self.next_name += 1;
        name
    }
}

/// Says how many, never which.
impl fmt::Debug for KeyCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyCache")
            .field("len", &self.len())
            .field("capacity", &self.capacity)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_one_that_was_not_used_goes_first() {
        let mut cache = KeyCache::new(3);
        let mut places = [KeyPlace::default(); 4];
        for place in &mut places[..3] {
            cache.pair(place);
        }
        let before = places;
        // All are marked; the hand takes the marks off and the first entry out.
        cache.pair(&mut places[3]);
        cache.pair(&mut places[1]);
        cache.pair(&mut places[0]);
        assert_eq!(
            places[1].name(),
            before[1].name(),
            "used again, and so kept"
        );
        assert_ne!(
            places[0].name(),
            before[0].name(),
            "thrown out, and so given a new name"
        );
        assert_eq!(
            places[0].index(),
            before[2].index(),
            "the place of the one not used since"
        );
    }

    #[test]
    fn a_place_of_another_table_is_never_used() {
        let (mut one, mut other) = (KeyCache::new(2), KeyCache::new(2));
        let (mut place, mut theirs) = (KeyPlace::default(), KeyPlace::default());
        one.pair(&mut place);
        other.pair(&mut theirs);
        let moved = place;
        other.pair(&mut place);
        assert_ne!(place.name(), moved.name());
        assert_ne!(
            place.index(),
            theirs.index(),
            "the entry of the other stays as it is"
        );
    }

    #[test]
    fn a_table_takes_memory_only_as_it_fills() {
        let mut cache = KeyCache::default();
        assert!(cache.is_empty() && cache.entries.capacity() == 0);
        let mut places = vec![KeyPlace::default(); 1000];
        for place in &mut places {
            cache.pair(place);
        }
        assert_eq!(cache.len(), KEY_PAIRS_MAX);
        assert!(!cache.is_empty());
    }
}
