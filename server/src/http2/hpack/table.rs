//! A dynamic table (RFC 7541 section 2.3.2): the fields last used, newest first, within a bound on their size.
//! Held by the decoder and by the encoder, each with a mark of its own for a field.
//!
//! Names and values lie in one buffer in the order in which they came, a field's name right before its value.
//! Evicted fields are dead space in front, closed up when there is no room behind. An empty table has no
//! memory, and a full one at most a quarter more than its fields.

use std::collections::VecDeque;

/// Size of a field beside its name and value (section 4.1).
pub const OVERHEAD_BYTES: u32 = 32;
/// Largest table there can be here, in bytes: the lengths of a field that fits into it have 16 bits.
pub const SIZE_BYTES_MAX: u32 = 1 << 16;

const _: () = assert!(SIZE_BYTES_MAX - OVERHEAD_BYTES <= u16::MAX as u32);

#[derive(Clone, Copy, Debug)]
struct Entry<M> {
    /// Where the name begins, counted from the first byte that was ever kept.
    at: u32,
    name: u16,
    value: u16,
    mark: M,
}

/// A dynamic table.
#[derive(Clone, Debug)]
pub struct Table<M> {
    /// Oldest first.
    entries: VecDeque<Entry<M>>,
    bytes: Vec<u8>,
    /// The count that the first byte of `bytes` has.
    base: u32,
    size: u32,
    max: u32,
}

/// A field of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kept<'a, M> {
    /// Name and value, one behind the other.
    pub both: &'a [u8],
    /// Bytes of the name.
    pub name: usize,
    /// The mark it was kept with.
    pub mark: M,
}

impl<'a, M> Kept<'a, M> {
    /// The name.
    pub fn name(&self) -> &'a [u8] {
        &self.both[..self.name]
    }

    /// The value.
    pub fn value(&self) -> &'a [u8] {
        &self.both[self.name..]
    }
}

impl<M: Copy> Table<M> {
    /// An empty table of at most so many bytes.
    pub fn new(max: u32) -> Table<M> {
        Table {
            entries: VecDeque::new(),
            bytes: Vec::new(),
            base: 0,
            size: 0,
            max: max.min(SIZE_BYTES_MAX),
        }
    }

    /// Fields in the table.
    #[inline]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The size of all fields, in bytes (section 4.1).
    pub fn size(&self) -> u32 {
        self.size
    }

    /// The bound on it.
    #[inline]
    pub fn max(&self) -> u32 {
        self.max
    }

    /// Memory beside the table itself, in bytes.
    pub fn memory(&self) -> usize {
        self.bytes.capacity() + self.entries.capacity() * size_of::<Entry<M>>()
    }

    /// The field at `index`, where 0 is the newest.
    #[inline]
    pub fn get(&self, index: usize) -> Option<Kept<'_, M>> {
        let place = self.entries.len().checked_sub(index + 1)?;
        let entry = self.entries.get(place)?;
        let at = entry.at.wrapping_sub(self.base) as usize;
        let (name, value) = (usize::from(entry.name), usize::from(entry.value));
        Some(Kept {
            both: self.bytes.get(at..at + name + value)?,
            name,
            mark: entry.mark,
        })
    }

    /// The newest field for which `is_wanted`: its index.
    #[inline]
    pub fn find(&self, mut is_wanted: impl FnMut(&Kept<'_, M>) -> bool) -> Option<usize> {
        (0..self.entries.len()).find(|index| self.get(*index).is_some_and(|kept| is_wanted(&kept)))
    }

    /// Keeps a field, and evicts what there is no room for then. A field that is larger than the table leaves it
    /// empty (section 4.4); gives whether it was kept.
    pub fn insert(&mut self, name: &[u8], value: &[u8], mark: M) -> bool {
        let size = name.len() + value.len() + OVERHEAD_BYTES as usize;
        if size > self.max as usize {
            self.clear();
            return false;
        }
        self.evict_to(self.max - size as u32);
        self.make_room(name.len() + value.len());
        let at = self.base.wrapping_add(self.bytes.len() as u32);
        self.bytes.extend_from_slice(name);
        self.bytes.extend_from_slice(value);
        self.entries.push_back(Entry {
            at,
            name: name.len() as u16,
            value: value.len() as u16,
            mark,
        });
        self.size += size as u32;
        true
    }

    /// Sets the bound, and evicts what is beyond it (section 4.3).
    pub fn resize(&mut self, max: u32) {
        self.max = max.min(SIZE_BYTES_MAX);
        match self.max {
            0 => self.clear(),
            max => self.evict_to(max),
        }
    }

    fn clear(&mut self) {
        self.entries = VecDeque::new();
        self.bytes = Vec::new();
        self.size = 0;
    }

    fn evict_to(&mut self, size: u32) {
        while self.size > size
            && let Some(oldest) = self.entries.pop_front()
        {
            self.size -= u32::from(oldest.name) + u32::from(oldest.value) + OVERHEAD_BYTES;
        }
    }

    #[inline]
    fn make_room(&mut self, more: usize) {
        if self.bytes.capacity() - self.bytes.len() < more {
            self.close_up(more);
        }
    }

    #[cold]
    fn close_up(&mut self, more: usize) {
        let end = self.base.wrapping_add(self.bytes.len() as u32);
        let first = self.entries.front().map_or(end, |oldest| oldest.at);
        let dead = first.wrapping_sub(self.base) as usize;
        self.bytes.drain(..dead);
        self.base = first;
        let live = self.bytes.len();
        if self.bytes.capacity() - live < more + live / 8 {
            self.bytes.reserve_exact(more + live / 4);
        }
    }
}
