//! Tasks that are polled before they are seated ([`Core::start_with`]): most of them never need a
//! seat.

mod common;

use common::{core, settle};
use ringgate_runtime::task::yield_now;
use ringgate_runtime::{Core, Panic};
use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Poll, Waker};
use std::time::Duration;

type Told = Rc<RefCell<Vec<Result<u32, String>>>>;

/// Starts `future`; what it ends with, at once or later, is told.
fn start(
    core: &Rc<Core>,
    told: &Told,
    make: impl FnOnce() -> std::pin::Pin<Box<dyn Future<Output = u32>>>,
) -> Result<bool, Panic> {
    let (now, later) = (told.clone(), told.clone());
    let started = core.start_with(
        make,
        move |value| now.borrow_mut().push(Ok(value)),
        move || {
            move |result: Result<u32, Panic>| {
                let result = result.map_err(|panic| panic.message().to_owned());
                later.borrow_mut().push(result);
            }
        },
    );
    started.map(|task| task.is_some())
}

/// Tasks beside the test's own.
fn tasks(core: &Core) -> u64 {
    core.counts().tasks - 1
}

/// Waits until every other task has ended.
async fn ended(core: &Core) {
    while tasks(core) > 0 {
        yield_now().await;
    }
}

#[test]
fn a_task_that_ends_at_once_takes_no_seat() {
    let core = core();
    let inside = core.clone();
    common::run(&core, async move {
        let core = inside;
        let told = Told::default();
        for value in 0..3 {
            let waits = start(&core, &told, || Box::pin(async move { value }));
            assert!(!waits.expect("no panic"));
            assert_eq!(tasks(&core), 0);
        }
        assert_eq!(*told.borrow(), [Ok(0), Ok(1), Ok(2)]);
    });
    settle(&core);
}

#[test]
fn a_task_that_waits_tells_of_its_end_once() {
    let core = core();
    let inside = core.clone();
    common::run(&core, async move {
        let core = inside;
        let told = Told::default();
        let waits = start(&core, &told, || {
            Box::pin(async {
                ringgate_runtime::sleep(Duration::from_millis(1)).await;
                7
            })
        });
        assert!(waits.expect("no panic"));
        assert_eq!((tasks(&core), told.borrow().len()), (1, 0));
        ended(&core).await;
        assert_eq!(*told.borrow(), [Ok(7)]);
    });
    settle(&core);
}

#[test]
fn a_panic_in_the_making_in_the_first_step_or_later_is_a_value() {
    let core = core();
    let inside = core.clone();
    common::run(&core, async move {
        let core = inside;
        let told = Told::default();
        let panic = start(&core, &told, || panic!("in the making")).expect_err("a panic");
        assert_eq!(panic.message(), "in the making");
        let panic = start(&core, &told, || Box::pin(async { panic!("at first") }));
        assert_eq!(panic.expect_err("a panic").message(), "at first");
        let waits = start(&core, &told, || {
            Box::pin(async {
                ringgate_runtime::sleep(Duration::from_millis(1)).await;
                panic!("later")
            })
        });
        assert!(waits.expect("not yet"));
        ended(&core).await;
        assert_eq!(*told.borrow(), [Err("later".to_owned())]);
    });
    settle(&core);
}

#[test]
fn a_task_may_start_another_in_its_first_step_and_both_may_wait() {
    let core = core();
    let inside = core.clone();
    common::run(&core, async move {
        let core = inside;
        let told = Told::default();
        let (outer, inner) = (told.clone(), core.clone());
        let waits = start(&core, &told, || {
            Box::pin(async move {
                let waits = start(&inner, &outer, || {
                    Box::pin(async {
                        ringgate_runtime::sleep(Duration::from_millis(1)).await;
                        1
                    })
                });
                assert!(waits.expect("no panic"));
                ringgate_runtime::sleep(Duration::from_millis(2)).await;
                2
            })
        });
        assert!(waits.expect("no panic"));
        assert_eq!(tasks(&core), 2);
        ended(&core).await;
        // Of two timers of the same tick either may be first.
        let mut told = told.take();
        told.sort();
        assert_eq!(told, [Ok(1), Ok(2)]);
    });
    settle(&core);
}

#[test]
fn a_waker_kept_by_a_task_that_ended_at_once_wakes_nobody_wrongly() {
    let core = core();
    let inside = core.clone();
    common::run(&core, async move {
        let core = inside;
        let told = Told::default();
        let kept: Rc<RefCell<Option<Waker>>> = Rc::default();
        let keep = kept.clone();
        let waits = start(&core, &told, || {
            Box::pin(poll_fn(move |cx| {
                *keep.borrow_mut() = Some(cx.waker().clone());
                Poll::Ready(1)
            }))
        });
        assert!(!waits.expect("no panic"));
        // The next one gets the same seat: a late wake costs it a poll and nothing more.
        let polls = Rc::new(Cell::new(0));
        let count = polls.clone();
        let (open, gate) = flume::bounded::<()>(1);
        let waits = start(&core, &told, || {
            Box::pin(async move {
                let mut gate = Box::pin(gate.into_recv_async());
                poll_fn(|cx| {
                    count.set(count.get() + 1);
                    gate.as_mut().poll(cx).map(drop)
                })
                .await;
                2
            })
        });
        assert!(waits.expect("no panic"));
        kept.take().expect("kept").wake();
        while polls.get() < 2 {
            yield_now().await;
        }
        open.send(()).expect("it waits");
        ended(&core).await;
        assert_eq!(*told.borrow(), [Ok(1), Ok(2)]);
        assert_eq!(polls.get(), 3, "the first step, the late wake, the gate");
    });
    settle(&core);
}
