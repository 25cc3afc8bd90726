//! Memory for the tables that have an entry for each connection of a core.

/// An empty table. With 256 KiB of room the C library maps it by itself (mallopt(3), M_MMAP_THRESHOLD), so that it grows by
/// its pages and without a copy, and leaves no holes behind. Pages that nobody has written to cost no memory.
pub fn large_table<T>() -> Vec<T> {
    Vec::with_capacity((256 << 10) / size_of::<T>())
}
