//! Tests of the pool: leases and their parts, growth, what goes back.

use super::*;
use crate::driver::Driver;
use crate::driver::simulated::{Faults, World};
use crate::{Core, CoreOptions, Event, Sink, sleep};
use proptest::collection::vec;
use proptest::prelude::*;

fn pool(buffers: u16, leases_kept: u32) -> Rc<Pool> {
    Pool::new(PoolOptions {
        buffers,
        buffer_size: 64,
        leases_kept,
    })
    .expect("a pool")
}

fn consume(pool: &Pool, head: &mut u16) -> Option<u16> {
    let ring = pool.ring();
    BufferRing::consume(ring.address(), ring.entries(), head).map(|(id, ..)| id)
}

#[test]
fn a_lease_goes_back_with_its_last_share() {
    let pool = pool(2, 0);
    let mut head = 0;
    let id = consume(&pool, &mut head).expect("provided");
    let lease = pool.lend(id, 10);
    let share = lease.slice(2..4);
    drop(lease);
    assert_eq!(pool.available(), 1);
    assert_eq!(share.len(), 2);
    drop(share);
    assert_eq!(pool.available(), 2);
    assert_eq!(consume(&pool, &mut head), Some(1));
    assert_eq!(consume(&pool, &mut head), Some(id));
    assert_eq!(consume(&pool, &mut head), None);
}

/// A lease on these bytes, which keeps its pool alive.
fn lease_of(bytes: &[u8]) -> Lease {
    let pool = pool(2, 0);
    let id = consume(&pool, &mut 0).expect("provided");
    let mut lease = pool.lend(id, bytes.len() as u32);
    let place = lease.get_mut().expect("the only share");
    // Tests call no kernel that would have written them.
    place.copy_from_slice(bytes);
    lease
}

#[test]
fn bytes_with_two_shares_are_not_changed() {
    let mut lease = lease_of(b"abcd");
    let mut share = lease.slice(0..1);
    lease.advance(2);
    assert!(lease.get_mut().is_none(), "another share may be read");
    assert!(share.get_mut().is_none(), "nor is that one alone");
    drop(share);
    lease.get_mut().expect("the last share")[0] = b'C';
    assert_eq!(&lease[..], b"Cd");
    let clone = lease.clone();
    assert!(lease.get_mut().is_none() && &clone[..] == b"Cd");
}

#[test]
fn each_part_of_a_lease_is_changed_while_the_other_is_kept() {
    let mut back = lease_of(b"onetwothree");
    let mut front = back.split_to(3);
    let mut middle = back.split_to(3);
    for part in [&mut front, &mut middle, &mut back] {
        let first = &mut part.get_mut().expect("nobody else has these bytes")[0];
        *first = first.to_ascii_uppercase();
    }
    assert_eq!(
        [&front[..], &middle, &back],
        [&b"One"[..], b"Two", b"Three"]
    );
    // What has two shares stays as it is, and its neighbours do not mind.
    let clone = middle.clone();
    assert!(middle.get_mut().is_none());
    assert!(front.get_mut().is_some() && back.get_mut().is_some());
    drop((clone, front, back));
    assert!(middle.get_mut().is_some(), "the last share of all");
}

#[test]
fn parts_of_bytes_that_have_two_shares_are_not_changed() {
    let mut lease = lease_of(b"onetwo");
    let share = lease.slice(2..4);
    let mut front = lease.split_to(3);
    assert!(front.get_mut().is_none() && lease.get_mut().is_none());
    assert_eq!(&share[..], b"et");
    drop((share, lease));
    front.get_mut().expect("the last share")[0] = b'O';
    assert_eq!(&front[..], b"One");
}

#[test]
fn a_buffer_goes_back_with_the_last_of_its_parts() {
    let pool = pool(2, 0);
    let mut lease = pool.lend(consume(&pool, &mut 0).expect("provided"), 10);
    let parts: Vec<Lease> = (0..10).map(|_| lease.split_to(1)).collect();
    assert!(lease.is_empty());
    drop(lease);
    assert_eq!((pool.available(), parts.len()), (1, 10));
    drop(parts);
    assert_eq!(pool.available(), 2);
}

#[test]
fn a_pool_grows_when_it_is_found_empty_up_to_its_size() {
    let pool = pool(BUFFERS_AT_FIRST * 4, 0);
    let mut head = 0;
    assert_eq!(pool.available(), u32::from(BUFFERS_AT_FIRST));
    let mut leases = Vec::new();
    while let Some(id) = consume(&pool, &mut head) {
        leases.push(pool.lend(id, 1));
    }
    assert_eq!((pool.available(), pool.lent()), (0, 64));
    leases.pop();
    pool.grow_for(16);
    assert_eq!((pool.available(), pool.lent()), (1, 63), "a few wait");
    let id = consume(&pool, &mut head).expect("it came back");
    leases.push(pool.lend(id, 1));
    pool.grow_for(1);
    let (available, lent) = (pool.available(), pool.lent());
    assert_eq!((available, lent), (64, 64), "nothing comes back: for one");
    pool.grow_for(32);
    assert_eq!(pool.available(), 64, "half as many are a few now");
    pool.grow_for(1000);
    pool.grow_for(1000);
    assert_eq!((pool.available(), pool.lent()), (192, 64));
    leases.clear();
    assert_eq!((pool.available(), pool.lent()), (256, 0));
}

/// A core whose time passes at once.
fn core() -> Rc<Core> {
    core_with(PoolOptions::default().buffers)
}

/// The same with so many buffers at most.
fn core_with(buffers: u16) -> Rc<Core> {
    let driver = Driver::Simulated(Box::new(World::new(1, Faults::none()).driver()));
    let options = CoreOptions {
        buffers: PoolOptions {
            buffers,
            ..PoolOptions::default()
        },
        ..CoreOptions::default()
    };
    Core::with_driver(driver, options).expect("a core")
}

/// Bytes of the memory of these blocks that are not zero.
fn written(pool: &Pool, blocks: &[NonNull<Block>]) -> usize {
    let size = pool.options.buffer_size as usize;
    let count = |block: &NonNull<Block>| {
        // SAFETY: the block lives as long as its pool, all its bytes are initialised, and nobody writes any.
        let bytes = unsafe { std::slice::from_raw_parts(block.as_ref().memory.as_ptr(), size) };
        bytes.iter().filter(|byte| **byte != 0).count()
    };
    blocks.iter().map(count).sum()
}

#[cfg_attr(miri, ignore = "asks the kernel what Miri does not play")]
#[test]
fn what_a_burst_has_used_goes_back_and_what_is_needed_stays() {
    core().block_on(async {
        let core = crate::current();
        let pool = core.pool.clone();
        let mut head = 0;
        let mut take = |count: usize| {
            let ids = std::iter::from_fn(|| consume(&pool, &mut head)).take(count);
            let leases = ids.map(|id| pool.lend(id, 32 << 10));
            Vec::from_iter(leases.map(|mut lease| {
                lease.get_mut().expect("the only share").fill(7);
                lease
            }))
        };
        let kept = take(64);
        pool.end_of_turn(&core);
        assert_eq!((pool.kept(), pool.available()), (64, 64));
        drop(kept);
        let used = pool.blocks.borrow()[..64].to_vec();
        assert_eq!(written(&pool, &used), 2 << 20, "spare and warm");
        // Two of them are needed all the time.
        for _ in 0..30 {
            let kept = take(2);
            pool.end_of_turn(&core);
            sleep(Duration::from_secs(1)).await;
            drop(kept);
        }
        // What was in the ring at first is spare now, or the ring's again.
        let spare = Vec::from_iter(
            pool.spare
                .borrow()
                .blocks()
                .map(|at| pool.blocks.borrow()[at]),
        );
        assert!(written(&pool, &spare) <= 4 * (32 << 10));
        sleep(2 * IDLE_TIME + Duration::from_secs(1)).await;
        assert_eq!(written(&pool, &spare), 0);
        assert_eq!(pool.watch.get(), Watch::Off, "nothing wakes an idle core");
    });
}

#[cfg_attr(miri, ignore = "asks the kernel what Miri does not play")]
#[test]
fn spare_memory_goes_back_whichever_core_is_the_threads() {
    struct Nobody;
    impl Sink for Nobody {
        fn on_event(&mut self, _: &Rc<Core>, _: Event) {}
    }
    let (this, other) = (core(), core());
    let _entered = other.enter();
    let pool = this.pool.clone();
    let mut head = 0;
    let ids = std::iter::from_fn(|| consume(&pool, &mut head)).take(64);
    let kept = Vec::from_iter(ids.map(|id| {
        let mut lease = pool.lend(id, 32 << 10);
        lease.get_mut().expect("the only share").fill(7);
        lease
    }));
    let turn = || this.turn(&mut Nobody, Some(Duration::from_secs(1)));
    turn();
    assert_eq!(pool.kept(), 64);
    let used = pool.blocks.borrow()[..64].to_vec();
    drop(kept);
    for _ in 0..60 {
        turn();
    }
    assert_eq!((written(&pool, &used), pool.watch.get()), (0, Watch::Off));
}

#[test]
fn buffers_that_no_turn_needs_leave_the_ring_as_they_come_back() {
    // Miri takes its time for each buffer of each turn.
    let (most, many, some, turns) = match cfg!(miri) {
        true => (256, 130, 40, 1),
        false => (1024, 600, 150, 20),
    };
    core_with(most).block_on(async move {
        let core = crate::current();
        let pool = core.pool.clone();
        let mut head = 0;
        let mut turn = |count: usize| {
            let ids = std::iter::from_fn(|| consume(&pool, &mut head)).take(count);
            let leases = Vec::from_iter(ids.map(|id| pool.lend(id, 100)));
            drop(leases);
        };
        for _ in 0..4 {
            turn(usize::from(most));
            pool.grow_for(1000);
            pool.end_of_turn(&core);
        }
        let most = u32::from(most);
        assert_eq!((pool.available(), pool.lent()), (most, 0));
        let mut seconds = async |count: usize, seconds: u64| {
            for _ in 0..seconds {
                for _ in 0..turns {
                    turn(count);
                    pool.end_of_turn(&core);
                }
                sleep(Duration::from_secs(1)).await;
            }
        };
        seconds(many, 22).await;
        assert_eq!(pool.available(), most, "a turn needs more than half");
        seconds(some, 30).await;
        assert_eq!(
            pool.available(),
            most / 2,
            "twice what a turn needs is enough"
        );
        // One that is lent out meanwhile comes back as any other.
        seconds(5, 60).await;
        assert_eq!((pool.available(), pool.lent()), (64, 0));
        assert!(pool.spare.borrow().blocks().count() as u32 >= most - 64);
        // They come again when they are needed.
        turn(64);
        pool.grow_for(64);
        assert_eq!((pool.available(), pool.lent()), (128, 0));
    });
}

#[test]
fn a_lease_kept_past_the_turn_is_replaced_up_to_the_cap() {
    let pool = pool(2, 1);
    let mut head = 0;
    let first = pool.lend(consume(&pool, &mut head).expect("provided"), 1);
    assert!(!pool.is_at_cap(), "this one may be kept");
    let second = pool.lend(consume(&pool, &mut head).expect("provided"), 1);
    assert!(pool.is_at_cap(), "not both, whichever is");
    pool.end_of_turn(&core());
    assert!(pool.is_at_cap());
    assert_eq!((pool.available(), pool.kept(), pool.lent()), (1, 1, 2));
    drop(first);
    assert_eq!(
        (pool.available(), pool.kept()),
        (1, 0),
        "its memory is spare now"
    );
    drop(second);
    assert_eq!((pool.available(), pool.lent()), (2, 0));
}

proptest! {
    /// Nobody's bytes change while he has them, whatever is shared, parted and dropped, and whoever may
    /// change his own does.
    #[test]
    fn no_share_sees_what_another_changes(script in vec((0..6u8, any::<usize>(), any::<usize>()), 0..60)) {
        let mut shares = Vec::from([lease_of(&[1; 24])]);
        for (step, which, count) in script {
            if shares.is_empty() {
                break;
            }
            let at = which % shares.len();
            let length = shares[at].len();
            let count = count % (length + 1);
            match step {
                0 => {
                    let front = shares[at].split_to(count);
                    shares.push(front);
                }
                1 => {
                    let part = shares[at].slice(count..length);
                    shares.push(part);
                }
                2 => drop(shares.swap_remove(at)),
                3 => shares[at].advance(count),
                4 => shares[at].truncate(count),
                _ => {
                    let mut one = shares.swap_remove(at);
                    let before: Vec<Vec<u8>> = shares.iter().map(|share| share.to_vec()).collect();
                    if let Some(bytes) = one.get_mut() {
                        bytes.iter_mut().for_each(|byte| *byte = byte.wrapping_add(1));
                    }
                    let after: Vec<&[u8]> = shares.iter().map(|share| &share[..]).collect();
                    prop_assert_eq!(after, before);
                    shares.push(one);
                }
            }
        }
    }
}
