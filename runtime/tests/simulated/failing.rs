//! Rings whose io_uring_enter fails after the start: a shortage passes, and any other failure ends the
//! core in words, without a loop that turns for nothing.

use ringgate_runtime::core::COMPLETIONS_PER_TURN_MAX;
use ringgate_runtime::driver::Driver;
use ringgate_runtime::driver::simulated::{Faults, World};
use ringgate_runtime::{Core, CoreOptions, Errno, Event, RingFailed, Sink};
use std::rc::Rc;
use std::time::Duration;

const FOR_EVER: std::ops::Range<u64> = 0..u64::MAX;

fn core(world: &World) -> Rc<Core> {
    let driver = Driver::Simulated(Box::new(world.driver()));
    Core::with_driver(driver, CoreOptions::default()).expect("a simulated ring")
}

/// Counts the connections that it is told of.
struct Counter(u32);

impl Sink for Counter {
    fn on_event(&mut self, _: &Rc<Core>, event: Event) {
        self.0 += u32::from(matches!(event, Event::Accepted { result: Ok(_), .. }));
    }
}

#[test]
fn a_ring_that_fails_ends_the_run_and_says_why() {
    // io_uring_enter(2): dropped completions, no ring, a ring of another thread, a filter.
    let fatal = [
        libc::EBADR,
        libc::EBADF,
        libc::ENXIO,
        libc::EEXIST,
        libc::EPERM,
    ];
    for errno in fatal.map(Errno) {
        let world = World::new(1, Faults::none());
        let core = core(&world);
        let listener = world.listen();
        core.accept(&listener, 1);
        world.fail_enters(errno, FOR_EVER);
        let mut counter = Counter(0);
        let failed = RingFailed { errno };
        assert_eq!(core.run(&mut counter, |_| false), Err(failed));
        assert_eq!(core.turn_number(), 1, "one turn is enough to know");
        assert!(failed.to_string().contains("io_uring_enter"), "{failed}");
        // Nobody waits for what cannot end.
        let before = world.now();
        assert_eq!(core.teardown(&mut counter, Duration::from_secs(5)), Err(1));
        assert!(world.now() - before < Duration::from_millis(1));
    }
}

#[test]
fn a_shortage_in_the_kernel_is_waited_out_without_spinning() {
    const SPAN: Duration = Duration::from_millis(50);
    for errno in [libc::ENOMEM, libc::ENOBUFS].map(Errno) {
        let world = World::new(1, Faults::none());
        let core = core(&world);
        let listener = world.listen();
        core.accept(&listener, 1);
        world.fail_enters(errno, 0..50);
        let _client = world.connect(&listener);
        let (before, mut counter) = (world.now(), Counter(0));
        let served = core.run(&mut counter, |counter| counter.0 > 0);
        assert_eq!(served, Ok(()));
        assert!(world.now() - before >= SPAN, "it rests in between");
        assert_eq!(core.teardown(&mut counter, Duration::from_secs(1)), Ok(()));
    }
}

#[test]
#[should_panic(expected = "what is awaited never comes: the ring failed")]
fn a_future_that_is_awaited_on_a_broken_ring_panics_instead_of_hanging() {
    let world = World::new(1, Faults::none());
    let core = core(&world);
    world.fail_enters(Errno(libc::EBADF), FOR_EVER);
    core.block_on(std::future::pending::<()>());
}

#[test]
fn a_ring_that_fails_leaves_no_connection_open_that_nobody_was_told_of() {
    let world = World::new(1, Faults::none());
    let core = core(&world);
    let listener = world.listen();
    core.accept(&listener, 1);
    // More than are told of in two turns: that of the failure is the last.
    let accepted = 2 * COMPLETIONS_PER_TURN_MAX + 100;
    let clients: Vec<_> = (0..accepted).map(|_| world.connect(&listener)).collect();
    let mut counter = Counter(0);
    core.turn(&mut counter, Some(Duration::ZERO));
    assert_eq!(world.open_descriptors(), accepted);
    // Told once: completions were dropped, and from then on the ring goes on as ever.
    world.fail_enters(Errno(libc::EBADR), 0..1);
    assert!(core.run(&mut counter, |_| core.failed().is_some()).is_ok());
    core.teardown(&mut counter, Duration::from_secs(5))
        .expect_err("an accept is in flight");
    drop(core);
    assert_eq!(world.open_descriptors(), counter.0 as usize);
    assert_eq!(world.misuses(), 0);
    drop(clients);
}
