//! A core that was held up: timers that came due meanwhile are late by no more than that, and behind the completions that
//! came before them; those that are set afterwards begin then.

use ringgate_runtime::driver::Driver;
use ringgate_runtime::driver::simulated::{Action, Faults, World};
use ringgate_runtime::task::yield_now;
use ringgate_runtime::{
    Core, CoreOptions, Descriptor, Event, Moment, Received, Sink, current, sleep, timeout,
};
use std::cell::Cell;
use std::future::pending;
use std::rc::Rc;
use std::time::Duration;

const SHORT: Duration = Duration::from_millis(30);
const HELD: Duration = Duration::from_millis(80);
/// What the wheel may add.
const GRANULE: Duration = Duration::from_nanos(ringgate_runtime::timer::GRANULARITY_NANOS);

fn core_in(world: &World, long_poll: Duration) -> Rc<Core> {
    let options = CoreOptions {
        long_poll,
        ..CoreOptions::default()
    };
    Core::with_driver(Driver::Simulated(Box::new(world.driver())), options).expect("a core")
}

#[track_caller]
fn assert_took(world: &World, began: Moment, time: Duration) {
    let took = world.now() - began;
    assert!(took >= time && took <= time + GRANULE, "{took:?}");
}

#[test]
fn a_sleep_and_a_time_limit_begin_when_they_are_first_polled() {
    for long_poll in [Duration::ZERO, Duration::from_millis(1)] {
        for is_busy in [false, true] {
            let world = Rc::new(World::new(1, Faults::none()));
            let core = core_in(&world, long_poll);
            core.block_on(async move {
                // With a task that is always ready the core does not sleep, and looks at its timers in each turn.
                let over = Rc::new(Cell::new(!is_busy));
                let (ends, passes) = (over.clone(), world.clone());
                let busy = current().spawn(async move {
                    while !ends.get() {
                        passes.advance(Duration::from_micros(10));
                        yield_now().await;
                    }
                });
                world.advance(HELD);
                let began = world.now();
                sleep(SHORT).await;
                assert_took(&world, began, SHORT);
                world.advance(HELD);
                let began = world.now();
                assert!(timeout(SHORT, pending::<()>()).await.is_err());
                assert_took(&world, began, SHORT);
                over.set(true);
                busy.await.expect("no panic");
            });
        }
    }
}

#[test]
fn a_timer_that_came_due_meanwhile_fires_at_once() {
    for long_poll in [Duration::ZERO, Duration::from_millis(1)] {
        let world = Rc::new(World::new(1, Faults::none()));
        let core = core_in(&world, long_poll);
        core.block_on(async move {
            let began = world.now();
            let seen = world.clone();
            let due = current().spawn(async move {
                sleep(SHORT).await;
                seen.now()
            });
            yield_now().await;
            world.advance(HELD);
            let fired = due.await.expect("no panic");
            assert!(fired - began <= HELD + GRANULE, "{:?}", fired - began);
        });
    }
}

/// The events of a core, in the order in which they were told.
#[derive(Default)]
struct Told {
    accepted: Option<Descriptor>,
    events: Vec<&'static str>,
}

impl Sink for Told {
    fn on_event(&mut self, _: &Rc<Core>, event: Event) {
        match event {
            Event::Accepted { result, .. } => self.accepted = result.ok(),
            Event::Received { received, .. } => self.events.push(match received {
                Received::Bytes(_) => "bytes",
                Received::Eof | Received::Failed(_) => "end",
            }),
            Event::Timer { .. } => self.events.push("timer"),
            _ => {}
        }
    }
}

#[test]
fn what_came_meanwhile_is_told_before_the_timers_that_came_due() {
    let world = World::new(1, Faults::none());
    let core = core_in(&world, Duration::from_millis(1));
    let mut told = Told::default();
    let listener = world.listen();
    let client = world.connect(&listener);
    core.accept_one(&listener, 1);
    while told.accepted.is_none() {
        core.turn(&mut told, Some(SHORT));
    }
    let socket = told.accepted.take().expect("accepted");
    core.receive(&socket, 2);
    core.turn(&mut told, Some(Duration::ZERO));
    let due = world.now() + SHORT;
    core.set_timer(due, 3);
    client.after(SHORT / 2, Action::Send(b"in time".to_vec()));
    // Between two turns, and then in each: a core that is always held up has its timers all the same.
    let mut last = world.now();
    for _ in 0..3 {
        world.advance(HELD);
        last = world.now();
        core.turn(&mut told, Some(Duration::ZERO));
    }
    assert_eq!(told.events, ["bytes", "timer"]);
    assert!(core.was_held_past(due) && !core.was_held_past(due + 3 * HELD));
    let held = world.now();
    assert_eq!(core.held_up_last(), last);
    core.set_timer(held + SHORT, 3);
    while told.events.len() < 3 {
        core.turn(&mut told, None);
    }
    assert!(!core.was_held_past(held + SHORT), "it came on time");
    assert_eq!(core.held_up_last(), last);
}

/// A core whose timer takes long.
struct Slow(World);

impl Sink for Slow {
    fn on_event(&mut self, _: &Rc<Core>, event: Event) {
        if matches!(event, Event::Timer { .. }) {
            self.0.advance(HELD);
        }
    }
}

/// Turns a few times, and holds that the core was held up last at the end of so much time, once.
#[track_caller]
fn assert_held_in_a_turn(world: &World, core: &Rc<Core>, sink: &mut impl Sink) {
    let began = world.now();
    for _ in 0..3 {
        core.turn(sink, Some(SHORT));
    }
    let held = core.held_up_last();
    let took = held - began;
    assert!(took >= HELD && took < 2 * HELD, "{took:?}");
    core.turn(sink, Some(HELD));
    assert_eq!(core.held_up_last(), held, "who sleeps is not held up");
}

#[test]
fn a_core_knows_that_a_task_or_a_timer_held_it_up() {
    for long_poll in [Duration::ZERO, Duration::from_millis(1)] {
        let world = World::new(1, Faults::none());
        let core = core_in(&world, long_poll);
        let mut sink = Slow(world.clone());
        core.turn(&mut sink, Some(Duration::ZERO));
        let holds = world.clone();
        core.start(async move {
            yield_now().await;
            holds.advance(HELD);
        });
        assert_held_in_a_turn(&world, &core, &mut sink);
        core.set_timer(world.now() + Duration::from_millis(1), 1);
        assert_held_in_a_turn(&world, &core, &mut sink);
    }
}
