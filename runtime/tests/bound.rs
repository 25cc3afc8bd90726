//! Values that stay on their core in handles that go anywhere.

mod common;

use common::{core, run, turn_until};
use ringgate_runtime::Core;
use ringgate_runtime::task::{Bound, Elsewhere, values_lost};
use std::cell::RefCell;
use std::rc::Rc;
use std::sync::{Arc, Mutex, mpsc};
use std::thread::{self, ThreadId};
use std::time::Instant;

/// Who dropped the values of one test, in order.
#[derive(Clone, Default)]
struct Drops(Arc<Mutex<Vec<ThreadId>>>);

impl Drops {
    fn take(&self) -> Vec<ThreadId> {
        std::mem::take(&mut self.0.lock().expect("no panic"))
    }

    fn are_there(&self, count: usize) -> bool {
        self.0.lock().expect("no panic").len() == count
    }
}

/// A value that cannot be sent, and notes who dropped it.
struct Homebody {
    text: Rc<RefCell<String>>,
    drops: Drops,
}

impl Drop for Homebody {
    fn drop(&mut self) {
        self.text.borrow_mut().push('.');
        let here = thread::current().id();
        self.drops.0.lock().expect("no panic").push(here);
    }
}

fn bound(core: &Rc<Core>, drops: &Drops) -> Bound<Homebody> {
    let _entered = core.enter();
    Bound::new(Homebody {
        text: Rc::new(RefCell::new("at home".to_owned())),
        drops: drops.clone(),
    })
}

fn on_another_thread<T: Send>(run: impl FnOnce() -> T + Send) -> T {
    let named = thread::Builder::new().name("abroad".to_owned());
    thread::scope(|scope| {
        let thread = named.spawn_scoped(scope, run).expect("a thread");
        thread.join().expect("no panic")
    })
}

#[test]
fn a_value_is_refused_elsewhere_and_dropped_at_home() {
    let core = core();
    let drops = Drops::default();
    let mut value = bound(&core, &drops);
    assert_eq!(
        value.get().map(|v| v.text.borrow().clone()),
        Ok("at home".to_owned())
    );
    value
        .get_mut()
        .expect("at home")
        .text
        .replace("changed".to_owned());
    let refused: Elsewhere = on_another_thread(|| {
        let shared = value.get().map(|_| ()).expect_err("elsewhere");
        assert_eq!(value.get_mut().map(|_| ()), Err(shared.clone()));
        let value = value.into_inner().err().expect("elsewhere");
        assert!(!value.is_home());
        drop(value);
        shared
    });
    let here = thread::current();
    let name = here.name().expect("a test's thread has a name");
    assert_eq!((refused.home(), refused.here()), (name, "abroad"));
    let text = refused.to_string();
    assert!(text.contains(name) && text.contains("abroad"), "{text}");
    assert_eq!(drops.take(), [], "it is on its way");
    turn_until(&core, &mut (), "it comes home", |()| drops.are_there(1));
    assert_eq!(drops.take(), [here.id()]);
}

#[test]
fn a_core_that_sleeps_wakes_up_for_a_value_that_comes_home() {
    let core = core();
    let drops = Drops::default();
    let value = bound(&core, &drops);
    let seen = drops.clone();
    let remote = core.remote();
    let abroad = thread::spawn(move || {
        while !remote.heartbeat().parked {
            thread::yield_now();
        }
        drop(value);
    });
    let _entered = core.enter();
    let began = Instant::now();
    while !seen.are_there(1) {
        core.turn(&mut (), Some(common::PATIENCE));
        assert!(began.elapsed() < common::PATIENCE, "nothing woke it");
    }
    abroad.join().expect("no panic");
}

#[test]
fn a_value_taken_out_of_its_handle_is_dropped_once() {
    let core = core();
    let drops = Drops::default();
    let value = bound(&core, &drops).into_inner().expect("at home");
    assert_eq!(*value.text.borrow(), "at home");
    assert!(drops.are_there(0));
    drop(value);
    drop(bound(&core, &drops));
    assert_eq!(drops.take(), [thread::current().id(); 2]);
}

#[test]
fn a_value_that_came_home_unheard_is_dropped_with_its_core() {
    let core = core();
    let drops = Drops::default();
    let (first, second) = (bound(&core, &drops), bound(&core, &drops));
    on_another_thread(|| drop(first));
    assert_eq!(core.teardown(&mut (), common::PATIENCE), Ok(()));
    assert_eq!(drops.take(), [thread::current().id()]);
    on_another_thread(|| drop(second));
    // Somebody knows the mailbox beyond the end of the core.
    let remote = core.remote();
    drop(core);
    assert_eq!(drops.take(), [thread::current().id()]);
    drop(remote);
}

#[test]
fn a_value_whose_core_has_ended_is_lost_and_counted() {
    let core = core();
    let drops = Drops::default();
    let (lost, dropped) = (bound(&core, &drops), bound(&core, &drops));
    let (lost_too, remote) = (bound(&core, &drops), core.remote());
    drop(core);
    // Its thread is still there, and needs no core for that.
    drop(dropped);
    assert_eq!(drops.take(), [thread::current().id()]);
    // No other test of this program loses any.
    let before = values_lost();
    on_another_thread(|| drop(lost));
    assert_eq!(values_lost() - before, 1);
    assert!(drops.are_there(0), "and dropped by nobody");
    // At once, also if somebody knows the mailbox beyond the end of the core, and what goes with it is not.
    let (sender, told) = mpsc::channel();
    let beside = Tells(sender, drops.clone());
    on_another_thread(|| lost_too.send_home_with(beside));
    assert_eq!((values_lost() - before, told.try_recv()), (2, Ok(0)));
    drop(remote);
}

/// Says how many values were dropped before itself.
struct Tells(mpsc::Sender<usize>, Drops);

impl Drop for Tells {
    fn drop(&mut self) {
        let dropped = self.1.0.lock().expect("no panic").len();
        let _ = self.0.send(dropped);
    }
}

#[test]
fn what_goes_home_with_a_value_is_dropped_after_it() {
    let core = core();
    let drops = Drops::default();
    let (sender, told) = mpsc::channel();
    let (value, beside) = (bound(&core, &drops), Tells(sender, drops.clone()));
    on_another_thread(|| value.send_home_with(beside));
    turn_until(&core, &mut (), "it comes home", |()| drops.are_there(1));
    assert_eq!(told.try_recv(), Ok(1));
}

#[test]
fn a_value_whose_drop_panics_ends_no_core() {
    struct Bomb;
    impl Drop for Bomb {
        fn drop(&mut self) {
            panic!("as it is dropped");
        }
    }
    let core = core();
    let drops = Drops::default();
    let (bomb, value) = {
        let _entered = core.enter();
        (Bound::new(Bomb), bound(&core, &drops))
    };
    on_another_thread(|| drop((bomb, value)));
    turn_until(&core, &mut (), "the other comes home", |()| {
        drops.are_there(1)
    });
    assert_eq!(run(&core, async { 7 }), 7);
}

#[test]
fn many_threads_hand_values_back_and_each_is_dropped_once_at_home() {
    const THREADS: usize = 4;
    let each = common::size(2_000);
    let core = core();
    let drops = Drops::default();
    let threads: Vec<_> = (0..THREADS)
        .map(|_| {
            let values: Vec<_> = (0..each).map(|_| bound(&core, &drops)).collect();
            thread::spawn(move || values.into_iter().for_each(drop))
        })
        .collect();
    turn_until(&core, &mut (), "all come home", |()| {
        drops.are_there(THREADS * each)
    });
    for thread in threads {
        thread.join().expect("no panic");
    }
    let here = thread::current().id();
    assert!(drops.take().iter().all(|dropped| *dropped == here));
}
