//! Bytes that nobody changes any more, in pages of their own: the contents of files that are kept. A socket can be given
//! the pages themselves, without a copy ([`Core::send_pieces`](crate::Core::send_pieces)).
//!
//! Pages that were given lie in the queue of a socket, and nobody tells when they have gone. So they are written before they
//! are frozen and never after, and their memory is not used again: the mapping goes back to the kernel, which frees each page
//! when the last socket is done with it. Deliberately not here: how pages get into a socket.

use crate::mapping::Mapping;
use std::any::Any;
use std::fmt;
use std::io;
use std::sync::Arc;

/// Bytes that nobody changes any more, shared by all who have a part of them.
///
/// ```
/// use ringgate_runtime::fs::Freezing;
///
/// let mut file = Freezing::with_capacity(9)?;
/// file.put(b"a file's ");
/// let whole = file.freeze(());
/// assert_eq!(whole.part(2..6).as_ref(), b"file");
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone)]
pub struct Frozen {
    memory: Arc<Memory>,
    from: usize,
    len: usize,
}

struct Memory {
    block: Mapping,
    /// Dropped with the last part.
    _companion: Box<dyn Any + Send + Sync>,
}

/// A part of frozen bytes, for as long as somebody has them.
#[derive(Clone, Copy)]
pub(crate) struct FrozenPart<'a>(&'a [u8]);

impl<'a> FrozenPart<'a> {
    pub(crate) fn as_slice(self) -> &'a [u8] {
        self.0
    }

    /// The bytes from `from` on, `most` at most.
    pub(crate) fn part(self, from: usize, most: usize) -> FrozenPart<'a> {
        let rest = &self.0[from..];
        FrozenPart(&rest[..rest.len().min(most)])
    }
}

impl Frozen {
    /// A part of them. The memory lasts as long as any part.
    ///
    /// # Panics
    /// If the range leaves the bytes.
    #[must_use]
    pub fn part(&self, range: std::ops::Range<usize>) -> Frozen {
        assert!(range.start <= range.end && range.end <= self.len, "a part");
        Frozen {
            memory: self.memory.clone(),
            from: self.from + range.start,
            len: range.len(),
        }
    }

    /// Drops the first `count` bytes.
    pub(crate) fn advance(&mut self, count: usize) {
        assert!(count <= self.len, "there are not so many");
        self.from += count;
        self.len -= count;
    }

    pub(crate) fn lent(&self) -> FrozenPart<'_> {
        FrozenPart(self.as_ref())
    }
}

impl AsRef<[u8]> for Frozen {
    fn as_ref(&self) -> &[u8] {
        &self.memory.block.as_slice()[self.from..][..self.len]
    }
}

impl fmt::Debug for Frozen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} frozen bytes", self.len)
    }
}

/// Bytes that are gathered, to be frozen.
///
/// ```
/// use ringgate_runtime::fs::Freezing;
///
/// let mut bytes = Freezing::with_capacity(5)?;
/// bytes.put(b"he");
/// bytes.put(b"llo");
/// assert_eq!(bytes.freeze(()).as_ref(), b"hello");
/// # Ok::<(), std::io::Error>(())
/// ```
pub struct Freezing {
    block: Mapping,
    len: usize,
}

impl Freezing {
    /// Memory for so many bytes, and none yet.
    ///
    /// # Errors
    /// ENOMEM: there is no memory, or the process has as many mappings as it may have (mmap(2)).
    pub fn with_capacity(bytes: usize) -> io::Result<Freezing> {
        let block = Mapping::new(bytes.max(1))?;
        Ok(Freezing { block, len: 0 })
    }

    /// Puts bytes behind those that are there.
    ///
    /// # Panics
    /// If there is no memory for them.
    pub fn put(&mut self, bytes: &[u8]) {
        self.block.as_mut_slice()[self.len..][..bytes.len()].copy_from_slice(bytes);
        self.len += bytes.len();
    }

    /// Ends all change of the bytes. `companion` is dropped with the last part of them.
    pub fn freeze(self, companion: impl Any + Send + Sync) -> Frozen {
        let Freezing { block, len } = self;
        let memory = Arc::new(Memory {
            block,
            _companion: Box::new(companion),
        });
        Frozen {
            memory,
            from: 0,
            len,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_keep_the_memory_and_its_companion_on_any_thread() {
        let companion = Arc::new(());
        let mut bytes = Freezing::with_capacity(10).expect("memory");
        bytes.put(b"01234");
        bytes.put(b"567");
        let whole = bytes.freeze(companion.clone());
        assert_eq!(whole.as_ref(), b"01234567");
        let mut part = whole.part(2..7);
        part.advance(1);
        assert_eq!(part.part(0..4).as_ref(), b"3456");
        drop(whole);
        let other = std::thread::spawn(move || part.as_ref() == b"3456");
        assert!(other.join().expect("no panic"));
        assert_eq!(Arc::strong_count(&companion), 1, "dropped with the last");
    }

    #[test]
    #[should_panic(expected = "a part")]
    fn no_part_leaves_the_bytes() {
        let bytes = Freezing::with_capacity(10).expect("memory");
        let _ = bytes.freeze(()).part(0..1);
    }
}
