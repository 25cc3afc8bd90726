//! Wakes of a task from other threads: while its core is about to poll it, and at the end of the thread.

mod common;

use common::{PATIENCE, core, finish, run, size};
use ringgate_runtime::current;
use ringgate_runtime::task::yield_now;
use std::cell::RefCell;
use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::sync_channel;
use std::task::{Poll, Waker};
use std::thread;
use std::time::{Duration, Instant};

/// Stands for the round after the last.
const OVER: u64 = u64::MAX;

/// What the two threads tell each other: numbers of rounds, and nothing that would order more than itself.
#[derive(Default)]
struct Rounds {
    begun: AtomicU64,
    written: AtomicU64,
    seen: AtomicU64,
}

/// A task that is woken by its core and by another thread at once may be polled once for both, but then sees what the
/// other had written before.
#[test]
fn a_wake_beside_a_poll_is_not_lost() {
    let until = Instant::now() + size(1) as u32 * Duration::from_millis(500);
    let rounds = Arc::new(Rounds::default());
    let (sender, receiver) = sync_channel::<Waker>(1);
    let other = {
        let rounds = rounds.clone();
        thread::spawn(move || {
            let waker = receiver.recv().expect("the task is polled");
            for round in 1..OVER {
                if Instant::now() > until {
                    rounds.begun.store(OVER, Ordering::Relaxed);
                    rounds.written.store(OVER, Ordering::Relaxed);
                    waker.wake();
                    return round;
                }
                rounds.begun.store(round, Ordering::Relaxed);
                // So that the two meet now here, now there.
                for _ in 0..round % 64 {
                    std::hint::spin_loop();
                }
                rounds.written.store(round, Ordering::Relaxed);
                waker.wake_by_ref();
                let began = Instant::now();
                while rounds.seen.load(Ordering::Relaxed) < round {
                    assert!(
                        began.elapsed() < PATIENCE,
                        "round {round}: the wake was lost"
                    );
                    std::hint::spin_loop();
                }
            }
            OVER
        })
    };
    let core = core();
    run(&core, async move {
        let mut sender = Some(sender);
        let seen = rounds.clone();
        let mine: Arc<std::sync::OnceLock<Waker>> = Arc::default();
        let waker = mine.clone();
        let task = current().spawn(poll_fn(move |context| {
            if let Some(sender) = sender.take() {
                let _ = waker.set(context.waker().clone());
                sender
                    .send(context.waker().clone())
                    .expect("somebody waits");
            }
            let round = seen.written.load(Ordering::Relaxed);
            seen.seen.store(round, Ordering::Relaxed);
            match round == OVER {
                true => Poll::Ready(()),
                false => Poll::Pending,
            }
        }));
        // Wakes the task once a round, and keeps the core awake.
        let mut woken = 0;
        while rounds.seen.load(Ordering::Relaxed) < OVER && !other.is_finished() {
            let begun = rounds.begun.load(Ordering::Relaxed);
            if begun != woken {
                woken = begun;
                if let Some(waker) = mine.get() {
                    waker.wake_by_ref();
                }
            }
            yield_now().await;
        }
        let played = other.join().expect("no wake is lost");
        println!("{played} rounds");
        // The last wake came from a thread that has ended since, and the task may not have heard of it yet.
        task.await.expect("no panic");
    });
}

#[test]
fn a_value_that_a_thread_keeps_wakes_a_core_as_it_is_dropped_at_the_end_of_the_thread() {
    thread_local!(static KEPT: RefCell<Option<flume::Sender<()>>> = const { RefCell::new(None) });
    let core = core();
    let (keep, dropped) = flume::bounded(0);
    // One waits for what the thread keeps, one for what it sends. The thread touches what it keeps first, so
    // that this is dropped last, behind all that waking the other has made for the thread.
    let waits = core.spawn(async move { dropped.recv_async().await });
    let (send, sent) = flume::bounded(1);
    let hears = core.spawn(async move { sent.recv_async().await });
    core.turn(&mut (), Some(Duration::ZERO));
    let other = thread::spawn(move || {
        KEPT.set(Some(keep));
        send.send(()).expect("heard");
    });
    assert_eq!(run(&core, hears).expect("no panic"), Ok(()));
    let disconnected = Err(flume::RecvError::Disconnected);
    assert_eq!(run(&core, waits).expect("no panic"), disconnected);
    other.join().expect("no panic");
    finish(core);
}
