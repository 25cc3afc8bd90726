//! How often files were there in memory, of all sites of the process: each thread counts for itself, and the reader
//! adds up. Counts of threads that have ended stay in the sum.

use crate::observe::counter::Counter;
use std::sync::{Arc, Mutex, PoisonError};

/// The counts of one thread.
#[derive(Default)]
struct Counts {
    hits: Counter,
    misses: Counter,
}

/// The counts of all threads.
struct All {
    /// Of those that have ended.
    past: Tally,
    threads: Vec<Arc<Counts>>,
}

/// Files that were looked for where a site keeps some.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    /// Files in memory, which the disk may have been asked about.
    pub(crate) hits: u64,
    /// Files that were not.
    pub(crate) misses: u64,
}

static ALL: Mutex<All> = Mutex::new(All {
    past: Tally { hits: 0, misses: 0 },
    threads: Vec::new(),
});

thread_local! {
    static OWN: Arc<Counts> = begin();
}

fn begin() -> Arc<Counts> {
    let counts = Arc::<Counts>::default();
    with_all(|all| all.threads.push(counts.clone()));
    counts
}

/// Counts of threads that have ended are added up first, so that they do not pile up.
fn with_all<T>(act: impl FnOnce(&mut All) -> T) -> T {
    let mut all = ALL.lock().unwrap_or_else(PoisonError::into_inner);
    let All { past, threads } = &mut *all;
    threads.retain(|counts| {
        let has_ended = Arc::strong_count(counts) == 1;
        if has_ended {
            past.hits += counts.hits.get();
            past.misses += counts.misses.get();
        }
        !has_ended
    });
    act(&mut all)
}

/// A file was in memory.
pub(super) fn hit() {
    OWN.with(|own| own.hits.add(1));
}

/// A file was not in memory.
pub(super) fn miss() {
    OWN.with(|own| own.misses.add(1));
}

/// The counts of this thread.
#[cfg(test)]
pub(super) fn own() -> Tally {
    OWN.with(|own| Tally {
        hits: own.hits.get(),
        misses: own.misses.get(),
    })
}

/// The sum of all threads so far.
pub(crate) fn tally() -> Tally {
    with_all(|all| {
        let add = |sum: Tally, counts: &Arc<Counts>| Tally {
            hits: sum.hits + counts.hits.get(),
            misses: sum.misses + counts.misses.get(),
        };
        all.threads.iter().fold(all.past, add)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_threads_have_counted_stays_when_they_have_ended() {
        let before = tally();
        for _ in 0..3 {
            let thread = std::thread::spawn(|| {
                hit();
                hit();
                miss();
            });
            thread.join().expect("no panic");
        }
        hit();
        let after = tally();
        // Other tests may have counted meanwhile.
        assert!(after.hits >= before.hits + 7, "{before:?} {after:?}");
        assert!(after.misses >= before.misses + 3, "{before:?} {after:?}");
        let threads = with_all(|all| all.threads.len());
        let alive = std::fs::read_dir("/proc/self/task").expect("/proc").count();
        assert!(threads <= alive, "{threads} of {alive}");
    }
}
