//! Memory for what is read from files, in pages of its own: blocks that come and go in number, one for each
//! client that reads slowly. An allocator keeps such memory as soon as anything small lies
//! behind it; a mapping goes back to the kernel when it is dropped. The thread of a core keeps some blocks, so
//! that clients that read quickly cost neither system calls nor page faults, and gives back those that no read has needed
//! for a while: after a burst nothing stays.
//!
//! A large block costs less for each byte: fewer turns, and fewer times that the client is woken. Slow clients must not hold many
//! of them, so a thread lends a bounded number and small ones beyond that.

use crate::core::try_current;
use crate::mapping::Mapping;
use std::cell::RefCell;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Wake, Waker};
use std::time::Duration;

/// Bytes of a small block: sixteen pages of 4 KiB.
const SMALL_BYTES: usize = 64 << 10;
/// Bytes of a large block. Of 256, 512 and 1024 KiB the second has most of the gain.
const LARGE_BYTES: usize = 512 << 10;
/// Large blocks that a thread has made and that are not dropped, at most: 8 MiB.
const LARGE_LENT_MAX: usize = 16;
/// Bytes of the blocks that a thread keeps, at most.
const KEPT_BYTES_MAX: usize = 8 << 20;
/// Time in which a kept block has to be needed, or it is given back: at the latest after twice this time.
const IDLE_TIME: Duration = Duration::from_secs(10);
/// Bytes that are given back at once, at most, and the time until the next ones are: the kernel takes a quarter of a
/// microsecond for each page.
const GIVEN_BACK_AT_ONCE: usize = 512 << 10;
const NEXT_PAUSE: Duration = Duration::from_millis(10);

/// Blocks of one size, to be used again.
#[derive(Default)]
struct Shelf {
    blocks: Vec<Mapping>,
    /// How many of them were there all the time since the last look, so that nobody has needed them.
    unneeded: usize,
}

impl Shelf {
    fn take(&mut self) -> Option<Mapping> {
        let block = self.blocks.pop();
        self.unneeded = self.unneeded.min(self.blocks.len());
        block
    }
}

/// Blocks of a thread, to be used again.
#[derive(Default)]
struct Kept {
    small: Shelf,
    large: Shelf,
    /// Whether a look is scheduled: as long as there are blocks.
    is_watched: bool,
}

impl Kept {
    fn bytes(&self) -> usize {
        self.small.blocks.len() * SMALL_BYTES + self.large.blocks.len() * LARGE_BYTES
    }

    fn of(&mut self, len: usize) -> &mut Shelf {
        match len > SMALL_BYTES {
            true => &mut self.large,
            false => &mut self.small,
        }
    }

    fn keep(&mut self, block: Mapping) {
        if self.bytes() + block.len() <= KEPT_BYTES_MAX && (self.is_watched || look_in(IDLE_TIME)) {
            self.is_watched = true;
            self.of(block.len()).blocks.push(block);
        }
    }

    /// Gives back what nobody has needed since the last look, or a part of it.
    fn look(&mut self) {
        let mut left = GIVEN_BACK_AT_ONCE;
        let mut is_done = true;
        for shelf in [&mut self.large, &mut self.small] {
            while left > 0 && shelf.unneeded > 0 {
                let block = shelf.blocks.pop();
                left = left.saturating_sub(block.map_or(left, |block| block.len()));
                shelf.unneeded -= 1;
            }
            is_done &= shelf.unneeded == 0;
        }
        if is_done {
            self.small.unneeded = self.small.blocks.len();
            self.large.unneeded = self.large.blocks.len();
        }
        let next = match is_done {
            true => IDLE_TIME,
            false => NEXT_PAUSE,
        };
        self.is_watched = self.bytes() > 0 && look_in(next);
    }
}

/// Has the core of this thread look at its blocks after this time. False if it is no core's.
fn look_in(time: Duration) -> bool {
    /// Woken by the timer, on the thread of the core that has set it.
    struct Look;
    impl Wake for Look {
        fn wake(self: Arc<Self>) {
            // A thread that ends keeps none.
            let _ = KEPT.try_with(|kept| kept.borrow_mut().look());
        }
    }
    let Some(core) = try_current() else {
        return false;
    };
    core.set_waker_timer(core.now() + time, Waker::from(Arc::new(Look)));
    true
}

thread_local! {
    static KEPT: RefCell<Kept> = RefCell::default();
    static LARGE_LENT: Arc<AtomicUsize> = Arc::default();
}

/// One of the large blocks that a thread lends; dropped anywhere it counts no more there.
struct Lent(Arc<AtomicUsize>);

impl Lent {
    /// None if this thread has lent them all.
    fn one() -> Option<Lent> {
        LARGE_LENT.with(|lent| {
            // Others only take away from it: it is not more than was seen.
            let is_left = lent.load(Ordering::Relaxed) < LARGE_LENT_MAX;
            is_left.then(|| {
                lent.fetch_add(1, Ordering::Relaxed);
                Lent(lent.clone())
            })
        })
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Up to [`Pages::BYTES_MAX`] bytes, in pages of their own.
///
/// ```
/// use ringgate_runtime::{Core, CoreOptions};
/// use ringgate_runtime::fs::{File, Pages};
///
/// let core = Core::new(CoreOptions::default())?;
/// let done: std::io::Result<()> = core.block_on(async {
///     let file = File::open("/proc/self/exe").await?;
///     let (read, mut pages) = file.read_pages_at(Pages::new(4)?, 0).await;
///     assert_eq!((read?, &pages.as_mut_slice()[..4]), (4, &b"\x7fELF"[..]));
///     Ok(())
/// });
/// done?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Pages {
    /// None only while it is dropped, and where an operation lost it.
    block: Option<Mapping>,
    len: usize,
    /// Of a large block.
    _lent: Option<Lent>,
}

impl Pages {
    /// The most bytes that fit in.
    pub const BYTES_MAX: usize = LARGE_BYTES;

    /// `len` bytes of any value, or the 64 KiB of a small block if no larger one is lent now. [`Pages::BYTES_MAX`] at
    /// most.
    ///
    /// # Errors
    /// ENOMEM: there is no memory, or the process has as many mappings as it may have (mmap(2)).
    pub fn new(len: usize) -> io::Result<Pages> {
        let lent = match len > SMALL_BYTES {
            true => Lent::one(),
            false => None,
        };
        let size = match lent {
            Some(_) => LARGE_BYTES,
            None => SMALL_BYTES,
        };
        let kept = KEPT.with_borrow_mut(|kept| kept.of(size).take());
        Ok(Pages {
            block: Some(kept.map_or_else(|| Mapping::new(size), Ok)?),
            len: len.min(size),
            _lent: lent,
        })
    }

    /// No bytes at all, and no memory.
    pub(super) fn none() -> Pages {
        Pages {
            block: None,
            len: 0,
            _lent: None,
        }
    }

    /// Keeps the first `len` bytes, if there are more.
    pub fn truncate(&mut self, len: usize) {
        self.len = self.len.min(len);
    }

    /// The bytes, to be written to.
    pub fn as_mut_slice(&mut self) -> &mut [u8] {
        match &mut self.block {
            Some(block) => &mut block.as_mut_slice()[..self.len],
            None => &mut [],
        }
    }
}

impl AsRef<[u8]> for Pages {
    fn as_ref(&self) -> &[u8] {
        match &self.block {
            Some(block) => &block.as_slice()[..self.len],
            None => &[],
        }
    }
}

impl Drop for Pages {
    fn drop(&mut self) {
        if let Some(block) = self.block.take() {
            // A thread that ends keeps none, nor does one that is no core's: nobody would look there.
            let _ = KEPT.try_with(|kept| kept.borrow_mut().keep(block));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::driver::Driver;
    use crate::driver::simulated::{Faults, World};
    use crate::{Core, CoreOptions, sleep};
    use std::rc::Rc;

    /// A core whose time passes at once.
    fn core() -> Rc<Core> {
        let driver = Driver::Simulated(Box::new(World::new(1, Faults::none()).driver()));
        Core::with_driver(driver, CoreOptions::default()).expect("a core")
    }

    fn kept() -> usize {
        KEPT.with_borrow(Kept::bytes)
    }

    /// Mappings of this process at an address (proc_pid_maps(5)).
    fn is_mapped(at: usize) -> bool {
        let maps = std::fs::read_to_string("/proc/self/maps").expect("this process");
        maps.lines().any(|line| {
            let (range, _) = line.split_once(' ').expect("a range");
            let (from, to) = range.split_once('-').expect("two ends");
            let number = |text| usize::from_str_radix(text, 16).expect("a number");
            (number(from)..number(to)).contains(&at)
        })
    }

    #[cfg_attr(miri, ignore = "asks the kernel what Miri does not play")]
    #[test]
    fn blocks_are_zeroed_apart_and_go_back() {
        let core = core();
        let _entered = core.enter();
        let keeps = KEPT_BYTES_MAX / SMALL_BYTES;
        let mut all: Vec<_> = (0..keeps + 3)
            .map(|_| Pages::new(SMALL_BYTES).expect("memory"))
            .collect();
        for (number, pages) in all.iter_mut().enumerate() {
            assert!(pages.as_ref().iter().all(|byte| *byte == 0));
            pages.as_mut_slice().fill(number as u8 + 1);
        }
        for (number, pages) in all.iter().enumerate() {
            let is_own = |byte: &u8| *byte == number as u8 + 1;
            assert!(pages.as_ref().len() == SMALL_BYTES && pages.as_ref().iter().all(is_own));
        }
        let place = |pages: &Pages| pages.as_ref().as_ptr().addr();
        let places: Vec<_> = all.iter().map(place).collect();
        drop(all);
        // The first to be dropped are kept; others may have got the places of the rest since.
        assert!(places[..keeps].iter().all(|at| is_mapped(*at)));
        assert_eq!(kept(), KEPT_BYTES_MAX);
        let again = Pages::new(10).expect("memory");
        assert!(places.contains(&place(&again)));
        assert_eq!(again.as_ref().len(), 10);
    }

    #[test]
    fn a_bounded_number_of_large_blocks_is_lent_and_small_ones_beyond() {
        let core = core();
        let _entered = core.enter();
        let size = |pages: &Pages| pages.as_ref().len();
        let many =
            || Vec::from_iter((0..LARGE_LENT_MAX).map(|_| Pages::new(usize::MAX).expect("memory")));
        for _ in 0..2 {
            let mut all = many();
            assert!(all.iter().all(|pages| size(pages) == LARGE_BYTES));
            assert_eq!(size(&Pages::new(usize::MAX).expect("memory")), SMALL_BYTES);
            let last = all.pop();
            let elsewhere = std::thread::spawn(move || drop(last));
            elsewhere.join().expect("no panic");
            let again = Pages::new(SMALL_BYTES + 1).expect("memory");
            assert_eq!(size(&again), SMALL_BYTES + 1);
            assert_eq!(
                LARGE_LENT.with(|lent| lent.load(Ordering::Relaxed)),
                LARGE_LENT_MAX
            );
        }
        assert!(kept() <= KEPT_BYTES_MAX);
    }

    #[test]
    fn blocks_that_no_read_needs_go_back_in_twice_the_idle_time_and_the_others_stay() {
        let burst = || {
            let pages = |len| (0..20).map(move |_| Pages::new(len).expect("memory"));
            let all: Vec<_> = pages(SMALL_BYTES).chain(pages(LARGE_BYTES)).collect();
            drop(all);
            kept()
        };
        core().block_on(async move {
            let most = burst();
            assert!(most > KEPT_BYTES_MAX - LARGE_BYTES, "{most}");
            sleep(IDLE_TIME - Duration::from_secs(1)).await;
            assert_eq!(kept(), most, "not yet");
            sleep(IDLE_TIME + Duration::from_secs(2)).await;
            assert_eq!(kept(), 0);
            assert!(
                !KEPT.with_borrow(|kept| kept.is_watched),
                "nothing wakes an idle core"
            );
            // The next burst is given back as well, but for what is used again and again.
            assert_eq!(burst(), most);
            for _ in 0..40 {
                let used = [0; 3].map(|_| Pages::new(SMALL_BYTES).expect("memory"));
                sleep(Duration::from_millis(1)).await;
                drop(used);
                sleep(Duration::from_secs(1)).await;
            }
            assert_eq!(kept(), 3 * SMALL_BYTES);
            sleep(2 * IDLE_TIME + Duration::from_secs(1)).await;
            assert_eq!(kept(), 0);
        });
    }

    #[test]
    fn a_thread_that_is_no_cores_keeps_no_blocks() {
        drop(Pages::new(SMALL_BYTES).expect("memory"));
        assert_eq!(kept(), 0);
    }

    #[test]
    fn blocks_may_be_dropped_on_another_thread() {
        let mut pages = Pages::new(3).expect("memory");
        pages.as_mut_slice().copy_from_slice(b"abc");
        let other = std::thread::spawn(move || pages.as_ref() == b"abc");
        assert!(other.join().expect("no panic"));
    }
}
