//! The tasks of a core: who is polled when, what a task may do about it, what belongs to it, and
//! which libraries work on it unchanged.

mod common;

use common::{PATIENCE, core, options, run, size, turn_until};
use futures_util::FutureExt;
use futures_util::future::{join, join_all, select};
use ringgate_runtime::class::PASSED_OVER_BOUND;
use ringgate_runtime::lane::Lane;
use ringgate_runtime::net::{TcpListener, TcpStream};
use ringgate_runtime::task::{LongPoll, NoValue, TaskOptions, set_urgency, yield_now};
use ringgate_runtime::{
    Core, CoreOptions, Event, Priority, Sink, current, sleep, task_local, timeout,
};
use std::cell::{Cell, RefCell};
use std::net::{SocketAddr, ToSocketAddrs};
use std::pin::pin;
use std::rc::Rc;
use std::time::{Duration, Instant};

fn class(priority: Priority) -> TaskOptions {
    TaskOptions {
        urgency: priority.into(),
        name: None,
    }
}

#[test]
fn t12_urgent_tasks_go_first_and_nobody_waits_for_ever() {
    let core = core();
    let order = Rc::new(RefCell::new(Vec::new()));
    for priority in [Priority::Background, Priority::Normal, Priority::High] {
        for _ in 0..60 {
            let order = order.clone();
            core.spawn_with(class(priority), async move {
                order.borrow_mut().push(priority);
            });
        }
    }
    turn_until(&core, &mut (), "all ran", |()| order.borrow().len() == 180);
    let order = order.borrow();
    assert_eq!(order[0], Priority::High);
    let bound = PASSED_OVER_BOUND as usize;
    for priority in [Priority::Normal, Priority::Background] {
        let first = order.iter().position(|p| *p == priority);
        assert!(first.is_some_and(|first| first <= bound), "{first:?}");
    }
}

#[test]
fn t12_a_background_task_goes_on_while_urgent_ones_never_rest() {
    let core = core();
    let done = Rc::new(Cell::new(0));
    for _ in 0..4 {
        let done = done.clone();
        core.spawn_with(class(Priority::High), async move {
            while done.get() < 100 {
                yield_now().await;
            }
        });
    }
    let counts = done.clone();
    core.spawn_with(class(Priority::Background), async move {
        for step in 1..=100 {
            counts.set(step);
            yield_now().await;
        }
    });
    let ended = |_: &mut ()| core.counts().tasks == 0;
    turn_until(&core, &mut (), "all come to their end", ended);
    assert_eq!(done.get(), 100);
}

#[test]
fn t12_the_earliest_deadline_of_a_class_goes_first() {
    let core = core();
    let order = Rc::new(RefCell::new(Vec::new()));
    for deadline in [None, Some(30), Some(10), Some(20)] {
        let order = order.clone();
        let mut options = TaskOptions::default();
        options.urgency.deadline = deadline.map(|ms| core.now() + Duration::from_millis(ms));
        core.spawn_with(options, async move { order.borrow_mut().push(deadline) });
    }
    turn_until(&core, &mut (), "all ran", |()| order.borrow().len() == 4);
    assert_eq!(*order.borrow(), [Some(10), Some(20), Some(30), None]);
}

#[test]
fn a_task_can_become_less_urgent_and_yields_to_all_others() {
    run(&core(), async {
        let order = Rc::new(RefCell::new(Vec::new()));
        let (a, b) = (order.clone(), order.clone());
        let humble = current().spawn(async move {
            set_urgency(Priority::Background.into()).await;
            for _ in 0..3 {
                a.borrow_mut().push("humble");
                yield_now().await;
            }
        });
        let plain = current().spawn(async move {
            for _ in 0..3 {
                b.borrow_mut().push("plain");
                yield_now().await;
            }
        });
        join(humble.map(drop), plain.map(drop)).await;
        let order = order.borrow();
        // The other was there first, and is last in each turn.
        assert_eq!(*order, ["plain", "humble"].repeat(3));
    });
}

#[test]
fn one_that_yields_lets_the_kernel_be_heard() {
    run(&core(), async {
        let began = Instant::now();
        let slept = Rc::new(Cell::new(false));
        let sets = slept.clone();
        current().spawn(async move {
            sleep(Duration::from_millis(5)).await;
            sets.set(true);
        });
        while !slept.get() {
            assert!(began.elapsed() < PATIENCE, "the timer never fires");
            yield_now().await;
        }
    });
}

/// Whoever was asked to stop does not sleep.
struct Asked(Rc<Cell<bool>>);

impl Sink for Asked {
    fn on_event(&mut self, _: &Rc<Core>, _: Event) {}
    fn is_busy(&self) -> bool {
        self.0.get()
    }
}

#[test]
fn t10_a_stop_takes_effect_after_the_current_step_and_a_start_resets_it() {
    let core = core();
    let stop = Rc::new(Cell::new(false));
    let steps = Rc::new(RefCell::new(Vec::new()));
    let (stops, says) = (stop.clone(), steps.clone());
    core.spawn(async move {
        stops.set(true);
        says.borrow_mut().push("the rest of the step");
        yield_now().await;
        says.borrow_mut().push("the next step");
        stops.set(true);
    });
    let mut asked = Asked(stop.clone());
    core.run(&mut asked, |asked| asked.0.get()).expect("a ring");
    assert_eq!(*steps.borrow(), ["the rest of the step"]);
    stop.set(false);
    core.run(&mut asked, |asked| asked.0.get()).expect("a ring");
    assert_eq!(steps.borrow().last(), Some(&"the next step"));
}

#[derive(Default)]
struct Told(Vec<LongPoll>, u32);

impl Sink for Told {
    fn on_event(&mut self, _: &Rc<Core>, _: Event) {}
    fn on_long_poll(&mut self, _: &Rc<Core>, poll: LongPoll) {
        self.0.push(poll);
    }
    fn on_long_turn(&mut self, _: &Rc<Core>, _: ringgate_runtime::Moment, _: Duration) {
        self.1 += 1;
    }
}

#[test]
fn a_step_that_holds_the_core_for_too_long_is_told_of_by_name() {
    let core = Core::new(CoreOptions {
        long_poll: Duration::from_millis(20),
        ..options()
    })
    .unwrap_or_else(|why| panic!("{why}"));
    let options = TaskOptions {
        name: Some("greedy"),
        ..TaskOptions::default()
    };
    let quick = core.spawn(async { yield_now().await });
    let greedy = core.spawn_with(options, async {
        std::thread::sleep(Duration::from_millis(25)); // holds the core beyond its limit
    });
    let mut told = Told::default();
    turn_until(&core, &mut told, "both end", |_| {
        quick.is_finished() && greedy.is_finished()
    });
    // Of the other one a busy machine may have told as well.
    let of_greedy = |poll: &&LongPoll| poll.name == Some("greedy");
    let told: Vec<_> = told.0.iter().filter(of_greedy).collect();
    let [poll] = told[..] else { panic!("{told:?}") };
    assert!(poll.took >= Duration::from_millis(25), "{poll:?}");
}

task_local! {
    static USER: String;
}

#[test]
fn a_value_of_a_task_is_seen_by_it_alone() {
    assert_eq!(USER.with(String::clone), Err(NoValue));
    run(&core(), async {
        let greet = |name: &str| {
            USER.scope(name.to_owned(), async {
                let mut seen = Vec::new();
                for _ in 0..3 {
                    seen.push(USER.with(String::clone).expect("a value"));
                    yield_now().await;
                }
                seen
            })
        };
        let core = current();
        let (bouncer, luna) = (core.spawn(greet("Bouncer")), core.spawn(greet("Luna")));
        let nobody = core.spawn(async { USER.with(String::clone) });
        assert_eq!(bouncer.await.expect("no panic"), ["Bouncer"; 3]);
        assert_eq!(luna.await.expect("no panic"), ["Luna"; 3]);
        assert_eq!(nobody.await.expect("no panic"), Err(NoValue));
        let inner = USER.scope("outer".into(), async {
            let inner = USER
                .scope("inner".into(), async { USER.with(String::clone) })
                .await;
            (inner, USER.with(String::clone))
        });
        assert_eq!(inner.await, (Ok("inner".into()), Ok("outer".into())));
        let panics = USER.scope("lost".into(), async { panic!("within a scope") });
        let _: Result<(), _> = core.spawn(panics).await;
        assert_eq!(USER.with(String::clone), Err(NoValue));
    });
}

#[test]
fn join_and_select_of_futures_util_work_on_a_core() {
    run(&core(), async {
        let naps = (0..20).map(|n| async move {
            sleep(Duration::from_millis(n % 5)).await;
            n
        });
        assert_eq!(join_all(naps).await, (0..20).collect::<Vec<_>>());
        let short = pin!(sleep(Duration::from_millis(1)));
        let long = pin!(sleep(Duration::from_secs(600)));
        assert!(matches!(
            select(short, long).await,
            futures_util::future::Either::Left(_)
        ));
    });
}

#[test]
fn channels_of_flume_work_within_a_core_and_between_cores() {
    let count = size(2000) as u64;
    let (to_other, from_this) = flume::bounded::<u64>(8);
    let (to_this, from_other) = flume::bounded::<u64>(8);
    let other = std::thread::spawn(move || {
        run(&core(), async move {
            while let Ok(number) = from_this.recv_async().await {
                to_this.send_async(number * 2).await.expect("it listens");
            }
        });
    });
    run(&core(), async move {
        // One task sends what another has made, by a channel within the core.
        let (make, made) = flume::bounded::<u64>(4);
        current().spawn(async move {
            for number in 0..count {
                make.send_async(number).await.expect("it listens");
            }
        });
        current().spawn(async move {
            while let Ok(number) = made.recv_async().await {
                to_other.send_async(number).await.expect("it listens");
            }
        });
        for number in 0..count {
            assert_eq!(from_other.recv_async().await, Ok(number * 2));
        }
    });
    other.join().expect("the other core ends");
}

#[test]
fn a_name_is_resolved_in_a_lane_and_the_core_connects_to_it() {
    run(&core(), async {
        let listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).expect("a port");
        let port = listener.local_addr().expect("bound").port();
        let names = Lane::workers(1).stateless().open("dns").expect("a lane");
        let resolve = move |_: &mut ()| ("localhost", port).to_socket_addrs();
        let addresses = names.run(resolve).await.expect("the lane works");
        let mut addresses = addresses.expect("localhost has an address");
        let address = addresses.find(SocketAddr::is_ipv4).expect("127.0.0.1");
        let (mine, theirs) = join(TcpStream::connect(address), listener.accept()).await;
        assert!(mine.is_ok() && theirs.is_ok());
    });
}

#[test]
fn a_future_may_be_dropped_at_every_point_where_it_waits() {
    for stop_after in 0..40 {
        let core = core();
        let held = Rc::new(());
        let holds = held.clone();
        run(&core, async move {
            let listener =
                TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).expect("a port");
            let address = listener.local_addr().expect("bound");
            let lane = Lane::workers(1).stateless().open("points").expect("a lane");
            let inside = Lane::in_core(1).open("inside").expect("a lane");
            let all = async move {
                let _holds = holds;
                for _ in 0..20 {
                    yield_now().await;
                    lane.run(|()| ()).await.expect("it works");
                    inside.run(yield_now()).await.expect("it works");
                    let connected = join(TcpStream::connect(address), listener.accept()).await;
                    drop(connected);
                    sleep(Duration::from_micros(300)).await;
                }
            };
            let mut all = Box::pin(all);
            let mut polls = 0;
            let dropped = std::future::poll_fn(|cx| {
                polls += 1;
                match polls > stop_after {
                    true => std::task::Poll::Ready(()),
                    false => all.as_mut().poll_unpin(cx),
                }
            });
            assert!(timeout(PATIENCE, dropped).await.is_ok());
            drop(all);
        });
        common::settle(&core);
        assert_eq!(Rc::strong_count(&held), 1, "dropped at step {stop_after}");
        assert_eq!(core.counts().operations_in_flight, 0);
    }
}

#[test]
fn the_kernel_is_heard_after_as_many_tasks_as_the_option_says() {
    let core = Core::new(CoreOptions {
        tasks_per_turn: 3,
        ..options()
    })
    .unwrap_or_else(|why| panic!("{why}"));
    let turns = Rc::new(RefCell::new(Vec::new()));
    let tasks: Vec<_> = (0..10)
        .map(|_| {
            let turns = turns.clone();
            core.spawn(async move { turns.borrow_mut().push(current().counts().turns) })
        })
        .collect();
    turn_until(&core, &mut (), "all end", |()| {
        tasks.iter().all(|task| task.is_finished())
    });
    let turns = turns.borrow();
    let first = turns[0];
    let passed: Vec<_> = turns.iter().map(|turn| turn - first).collect();
    assert_eq!(passed, [0, 0, 0, 1, 1, 1, 2, 2, 2, 3]);
}
