//! Files kept in the memory of a core, and when they are looked at again on the disk.
//!
//! Decides which files are kept, for how long one is taken as it was seen, and which one leaves when there is no more
//! room. [`disk`](super::disk) asks it before it asks the kernel, and tells it what the kernel said.
//!
//! A core keeps its own, so nothing is locked. The invariant: an answer is made of a version that was on the disk when
//! the request came, or not longer before than the time that a look holds for. Times of the file tell versions apart,
//! so a file is kept only once its last change is past for longer than the clocks of file systems are coarse.

use super::version::{Traits, Validators};
use crate::handler::Chunk;
use crate::runtime::Moment;
use crate::runtime::fs::{Freezing, Frozen};
use bytes::Bytes;
use std::cell::RefCell;
use std::collections::{HashMap, VecDeque};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, SystemTime};

/// The largest file that is kept when it is asked for the first time: it costs little more to read than to send.
const SMALL_BYTES_MAX: u64 = 128 << 10;
/// The largest file that is kept at all, if it is asked for again while that it was is remembered: a client that walks
/// through a tree once makes a core read none twice, and drives out nothing.
const FILE_BYTES_MAX: u64 = 1 << 20;
/// A file of the cache's own size would drive out all others; it may have this part of it.
const PART_OF_CACHE: u64 = 8;
/// Bytes that an entry costs beside its path and its content, its validators among them.
const ENTRY_BYTES: usize = 512;
/// Bytes of a page of memory, as good as always.
const PAGE_BYTES: usize = 4 << 10;
/// Time after the last change of a file before which it is not kept: within one tick of its file system's clock a file
/// may change again and look the same. The coarsest in use count in two seconds.
const SETTLE_TIME: Duration = Duration::from_secs(3);

/// The contents of a file that is kept.
#[derive(Debug, Clone)]
pub(super) struct Kept {
    pub(super) traits: Traits,
    pub(super) validators: Rc<Validators>,
    pub(super) contents: Contents,
}

/// The largest contents that are copied when they are sent; of larger ones the pages are given away.
const COPIED_BYTES_MAX: usize = 16 << 10;

/// Bytes in memory. A socket is given the pages of larger ones and no copy; small ones are answered as any
/// bytes are, and need no pages of their own.
#[derive(Debug, Clone)]
pub(super) enum Contents {
    Small(Bytes),
    Frozen(Frozen),
}

impl Contents {
    /// All that was gathered, and the claim that ends with it.
    pub(super) fn new(bytes: Freezing, claim: Option<Claim>) -> Contents {
        let frozen = bytes.freeze(claim);
        match frozen.as_ref().len() <= COPIED_BYTES_MAX {
            true => Contents::Small(Bytes::copy_from_slice(frozen.as_ref())),
            false => Contents::Frozen(frozen),
        }
    }

    /// The bytes from `from` up to `to`.
    pub(super) fn part(&self, from: u64, to: u64) -> Chunk {
        // They are no larger than memory.
        let range = from as usize..to as usize;
        match self {
            Contents::Small(bytes) => bytes.slice(range).into(),
            Contents::Frozen(frozen) => frozen.part(range).into(),
        }
    }

    /// The memory that they take.
    fn cost(&self) -> usize {
        match self {
            Contents::Small(bytes) => bytes.len(),
            Contents::Frozen(frozen) => frozen.as_ref().len().next_multiple_of(PAGE_BYTES),
        }
    }
}

/// The thing that was seen at a path.
#[derive(Debug, Clone)]
pub(super) enum Seen {
    File(Kept),
    Nothing,
    /// A file that is too large to be kept before somebody asks for it again.
    Large,
}

/// Whether a file is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    Keep,
    /// The request is remembered.
    Remember,
    Leave,
}

/// Bytes of large files that are in memory, also of those that are kept no longer and that a slow client still reads:
/// all of a core's are no more than its cache.
pub(super) struct Claim {
    claimed: Arc<AtomicUsize>,
    bytes: usize,
}

impl Drop for Claim {
    fn drop(&mut self) {
        self.claimed.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

/// The knowledge of a path.
#[derive(Debug)]
pub(super) enum Known {
    /// Seen so short a time ago that it holds.
    Fresh(Seen),
    /// Seen longer ago.
    Stale(Seen),
    Unknown,
}

/// The files that one site keeps on each core.
pub(super) struct Cache {
    site: u64,
    bytes_max: usize,
    valid: Duration,
}

thread_local! {
    /// The shelves of this thread, by the number of their site.
    static SHELVES: RefCell<HashMap<u64, Shelf>> = RefCell::default();
}

impl Cache {
    /// Room for so many bytes on each core, in which a look at the disk holds for `valid`.
    pub(super) fn new(bytes_max: usize, valid: Duration) -> Cache {
        static SITES: AtomicU64 = AtomicU64::new(0);
        Cache {
            site: SITES.fetch_add(1, Ordering::Relaxed),
            bytes_max,
            valid,
        }
    }

    fn with<T>(&self, with: impl FnOnce(&mut Shelf) -> T) -> T {
        SHELVES.with_borrow_mut(|shelves| with(shelves.entry(self.site).or_default()))
    }

    /// The knowledge of `path` at the moment `now`.
    pub(super) fn known(&self, path: &Path, now: Moment) -> Known {
        self.with(|shelf| shelf.known(path.as_os_str().as_bytes(), now, self.valid))
    }

    /// Whether a file with these traits is kept, at this time of day. `was_asked`: it was asked for before.
    pub(super) fn judge(&self, traits: &Traits, today: SystemTime, was_asked: bool) -> Verdict {
        let most = FILE_BYTES_MAX.min(self.bytes_max as u64 / PART_OF_CACHE);
        let age = today.duration_since(traits.changed);
        let fits = traits.size <= most && age.is_ok_and(|age| age >= SETTLE_TIME);
        match fits {
            true if was_asked || traits.size <= SMALL_BYTES_MAX => Verdict::Keep,
            true => Verdict::Remember,
            false => Verdict::Leave,
        }
    }

    /// Room in memory for a file of so many bytes. None: slow clients and files that are kept have it all.
    pub(super) fn claim(&self, bytes: usize) -> Option<Option<Claim>> {
        if bytes as u64 <= SMALL_BYTES_MAX {
            return Some(None);
        }
        let claimed = self.with(|shelf| shelf.claimed.clone());
        if claimed.load(Ordering::Relaxed) + bytes > self.bytes_max {
            return None;
        }
        claimed.fetch_add(bytes, Ordering::Relaxed);
        Some(Some(Claim { claimed, bytes }))
    }

    /// Keeps what was seen at `path` by a look that began at the moment `at`.
    pub(super) fn keep(&self, path: &Path, seen: Seen, at: Moment) {
        self.with(|shelf| shelf.keep(path.as_os_str().as_bytes(), seen, at, self.bytes_max));
    }

    /// Another look that began at the moment `at` saw the same at `path`.
    pub(super) fn renew(&self, path: &Path, at: Moment) {
        self.with(|shelf| shelf.renew(path.as_os_str().as_bytes(), at));
    }

    /// Forgets what was seen at `path`.
    pub(super) fn forget(&self, path: &Path) {
        self.with(|shelf| shelf.forget(path.as_os_str().as_bytes()));
    }
}

impl Drop for Cache {
    fn drop(&mut self) {
        // Of other threads the shelf goes with its thread.
        let _ = SHELVES.try_with(|shelves| shelves.borrow_mut().remove(&self.site));
    }
}

/// The files that one site keeps on one core. Pure: moments come in as arguments.
#[derive(Default)]
struct Shelf {
    entries: HashMap<Rc<[u8]>, Entry>,
    /// Paths in the order in which they may leave; one of an entry that left by itself is passed over.
    order: VecDeque<(Rc<[u8]>, u64)>,
    bytes: usize,
    /// Number of the next entry.
    number: u64,
    /// Bytes of large files in memory.
    claimed: Arc<AtomicUsize>,
}

struct Entry {
    seen: Seen,
    at: Moment,
    /// Whether it was asked for since it last might have left.
    is_used: bool,
    cost: usize,
    number: u64,
}

impl Shelf {
    fn known(&mut self, path: &[u8], now: Moment, valid: Duration) -> Known {
        let Some(entry) = self.entries.get_mut(path) else {
            return Known::Unknown;
        };
        entry.is_used = true;
        let seen = entry.seen.clone();
        match now.since(entry.at) < valid {
            true => Known::Fresh(seen),
            false => Known::Stale(seen),
        }
    }

    fn keep(&mut self, path: &[u8], seen: Seen, at: Moment, bytes_max: usize) {
        self.forget(path);
        let content = match &seen {
            Seen::File(kept) => kept.contents.cost(),
            Seen::Nothing | Seen::Large => 0,
        };
        let cost = ENTRY_BYTES + path.len() + content;
        if cost > bytes_max {
            return;
        }
        while self.bytes + cost > bytes_max {
            self.let_one_go();
        }
        let (path, number): (Rc<[u8]>, _) = (path.into(), self.number);
        self.number += 1;
        self.bytes += cost;
        self.order.push_back((path.clone(), number));
        let entry = Entry {
            seen,
            at,
            is_used: false,
            cost,
            number,
        };
        self.entries.insert(path, entry);
    }

    fn renew(&mut self, path: &[u8], at: Moment) {
        if let Some(entry) = self.entries.get_mut(path) {
            entry.at = at;
        }
    }

    fn forget(&mut self, path: &[u8]) {
        if let Some(entry) = self.entries.remove(path) {
            self.bytes -= entry.cost;
        }
        // Places of entries that are gone do not pile up.
        if self.order.len() > 2 * self.entries.len() + 8 {
            let entries = &self.entries;
            let number_of = |path: &Rc<[u8]>| entries.get(path).map(|entry| entry.number);
            self.order
                .retain(|(path, number)| number_of(path) == Some(*number));
        }
    }

    /// The entry that came first goes, unless somebody asked for it since; then it goes to the end.
    fn let_one_go(&mut self) {
        while let Some((path, number)) = self.order.pop_front() {
            let Some(entry) = self.entries.get_mut(&path) else {
                continue;
            };
            if entry.number != number {
                continue;
            }
            if entry.is_used {
                entry.is_used = false;
                self.order.push_back((path, number));
                continue;
            }
            self.bytes -= entry.cost;
            self.entries.remove(&path);
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::version::tests::{TRAITS, at};
    use super::*;
    use proptest::prelude::*;

    const VALID: Duration = Duration::from_secs(1);

    fn moment(milliseconds: u64) -> Moment {
        Moment::from_nanos(milliseconds * 1_000_000)
    }

    fn file(size: usize) -> Seen {
        let contents = Contents::Small(vec![b'x'; size].into());
        Seen::File(Kept {
            traits: TRAITS,
            validators: Rc::default(),
            contents,
        })
    }

    #[test]
    fn a_look_holds_for_its_time_from_its_beginning_on() {
        let mut shelf = Shelf::default();
        assert!(matches!(
            shelf.known(b"a", moment(0), VALID),
            Known::Unknown
        ));
        shelf.keep(b"a", file(10), moment(500), 10_000);
        assert!(matches!(
            shelf.known(b"a", moment(1499), VALID),
            Known::Fresh(Seen::File(_))
        ));
        assert!(matches!(
            shelf.known(b"a", moment(1500), VALID),
            Known::Stale(Seen::File(_))
        ));
        shelf.renew(b"a", moment(1500));
        assert!(matches!(
            shelf.known(b"a", moment(2499), VALID),
            Known::Fresh(_)
        ));
        shelf.keep(b"a", Seen::Nothing, moment(2600), 10_000);
        assert!(matches!(
            shelf.known(b"a", moment(2600), VALID),
            Known::Fresh(Seen::Nothing)
        ));
        assert!(matches!(
            shelf.known(b"a", moment(2600), Duration::ZERO),
            Known::Stale(_)
        ));
        shelf.forget(b"a");
        assert!(matches!(
            shelf.known(b"a", moment(2600), VALID),
            Known::Unknown
        ));
        assert_eq!(shelf.bytes, 0);
    }

    #[test]
    fn the_file_that_nobody_asks_for_leaves_first() {
        let mut shelf = Shelf::default();
        let room = 3 * (ENTRY_BYTES + 1 + 1000);
        for name in [b"a", b"b", b"c"] {
            shelf.keep(name, file(1000), moment(0), room);
        }
        for name in [b"a", b"c"] {
            assert!(matches!(
                shelf.known(name, moment(0), VALID),
                Known::Fresh(_)
            ));
        }
        shelf.keep(b"d", file(1000), moment(0), room);
        let there = |shelf: &Shelf, name: &[u8]| shelf.entries.contains_key(name);
        assert!(!there(&shelf, b"b") && there(&shelf, b"a") && there(&shelf, b"c"));
        // Nothing asks for them any more.
        shelf.keep(b"e", file(2000), moment(0), room);
        assert!(there(&shelf, b"e") && shelf.bytes <= room);
        shelf.keep(b"f", file(room), moment(0), room);
        assert!(!there(&shelf, b"f"), "what does not fit is not kept");
    }

    #[test]
    fn a_file_that_is_large_or_changed_just_now_is_not_kept() {
        let cache = Cache::new(80_000, VALID);
        let traits = |size, changed| Traits {
            size,
            changed,
            ..TRAITS
        };
        let today = at(10_000);
        let judge = |cache: &Cache, size, changed, was_asked| {
            cache.judge(&traits(size, changed), today, was_asked)
        };
        assert_eq!(judge(&cache, 10_000, at(7_000), false), Verdict::Keep);
        for (size, changed) in [(10_001, at(7_000)), (10, at(7_001)), (10, at(12_000))] {
            // The last is of a clock that is ahead.
            assert_eq!(judge(&cache, size, changed, true), Verdict::Leave);
        }
        let large = Cache::new(1 << 30, VALID);
        let of = |size, was_asked| judge(&large, size, at(0), was_asked);
        assert_eq!(of(128 << 10, false), Verdict::Keep);
        assert_eq!(of((128 << 10) + 1, false), Verdict::Remember);
        assert_eq!(of(1 << 20, true), Verdict::Keep);
        assert_eq!(of((1 << 20) + 1, true), Verdict::Leave);
    }

    #[test]
    fn large_files_that_are_still_read_take_room_from_those_to_come() {
        let cache = Cache::new(1 << 20, VALID);
        let half = || cache.claim(512 << 10);
        let (first, second) = (half(), half());
        assert!(matches!((&first, &second), (Some(Some(_)), Some(Some(_)))));
        assert!(half().is_none(), "both halves are taken");
        assert!(matches!(cache.claim(128 << 10), Some(None)), "a small one");
        let elsewhere = std::thread::spawn(move || drop(first));
        elsewhere.join().expect("no panic");
        assert!(matches!(half(), Some(Some(_))), "its reader has ended");
    }

    proptest! {
        #[test]
        fn whatever_is_kept_and_forgotten_the_bytes_are_those_of_the_entries_and_bounded(
            steps in proptest::collection::vec((0..12_u8, 0..3000_usize, 0..4_u8), 0..200),
        ) {
            let (mut shelf, room) = (Shelf::default(), 9000);
            for (name, size, what) in steps {
                let name = [name];
                match what {
                    0 => shelf.forget(&name),
                    1 => drop(shelf.known(&name, moment(0), VALID)),
                    _ => shelf.keep(&name, file(size), moment(0), room),
                }
                let costs: usize = shelf.entries.values().map(|entry| entry.cost).sum();
                prop_assert_eq!(shelf.bytes, costs);
                prop_assert!(shelf.bytes <= room);
                prop_assert!(shelf.order.len() <= 2 * shelf.entries.len() + 9);
                let in_order = |path, number| shelf.order.contains(&(path, number));
                let mut entries = shelf.entries.iter();
                let all = entries.all(|(path, entry)| in_order(path.clone(), entry.number));
                prop_assert!(all, "each entry has its turn");
            }
        }
    }
}
