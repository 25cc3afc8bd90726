//! A core and the threads that reach it, in every order that loom finds (`scripts/loom.sh`): no core sleeps while something
//! is queued for it, no wake of a task is lost, and what is sent to a core that ends does not stay in its queue for ever.
//!
//! The queue of notes is a stand-in that orders nothing but itself, so that all order comes from what is examined.

use crate::bell::{Bell, End};
use crate::task::Standing;
use loom::sync::Arc;
use loom::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use loom::thread;

/// How many notes are queued.
struct Queue(AtomicUsize);

impl Queue {
    fn new() -> Queue {
        Queue(AtomicUsize::new(0))
    }

    fn push(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    fn pop(&self) -> bool {
        let less = |notes: usize| notes.checked_sub(1);
        let relaxed = Ordering::Relaxed;
        self.0.fetch_update(relaxed, relaxed, less).is_ok()
    }

    fn is_empty(&self) -> bool {
        self.0.load(Ordering::Relaxed) == 0
    }
}

/// A core that may be asleep, and the eventfd that wakes it.
struct Sleeper {
    bell: Bell,
    queue: Queue,
    written: AtomicBool,
}

impl Sleeper {
    fn new() -> Arc<Sleeper> {
        Arc::new(Sleeper {
            bell: Bell::new(),
            queue: Queue::new(),
            written: AtomicBool::new(false),
        })
    }

    fn wake(&self) {
        assert!(!self.written.swap(true, Ordering::SeqCst), "woken twice");
    }
}

#[test]
fn no_core_sleeps_while_a_note_is_queued() {
    loom::model(|| {
        let core = Sleeper::new();
        let others: Vec<_> = (0..2)
            .map(|_| {
                let core = core.clone();
                thread::spawn(move || {
                    core.queue.push();
                    if core.bell.must_wake() {
                        core.wake();
                    }
                })
            })
            .collect();
        let asleep = core.bell.may_sleep(|| core.queue.is_empty());
        for other in others {
            other.join().unwrap();
        }
        let woken = core.written.load(Ordering::SeqCst);
        assert!(!asleep || woken, "asleep with two notes");
    });
}

#[test]
fn no_core_sleeps_when_its_bell_was_rung() {
    loom::model(|| {
        let core = Sleeper::new();
        let other = {
            let core = core.clone();
            thread::spawn(move || {
                if core.bell.ring() {
                    core.wake();
                }
            })
        };
        let asleep = core.bell.may_sleep(|| core.queue.is_empty());
        other.join().unwrap();
        let woken = core.written.load(Ordering::SeqCst);
        assert!(!asleep || woken, "asleep through the bell");
        assert!(core.bell.take_rung());
    });
}

#[test]
fn a_poll_follows_each_wake_and_sees_what_was_written_before() {
    loom::model(|| {
        let standing = Arc::new(Standing::new());
        let queue = Arc::new(Queue::new());
        let written: Arc<[AtomicBool; 2]> = Arc::default();
        let others: Vec<_> = (0..2)
            .map(|number| {
                let (standing, queue, written) = (standing.clone(), queue.clone(), written.clone());
                thread::spawn(move || {
                    written[number].store(true, Ordering::Relaxed);
                    if standing.leave() {
                        queue.push();
                    }
                })
            })
            .collect();
        let poll = || {
            standing.polled();
            written
                .each_ref()
                .map(|value| value.load(Ordering::Relaxed))
        };
        // The core itself has woken the task, and polls it while the others write.
        assert!(standing.queue());
        let mut seen = poll();
        if queue.pop() && standing.arrive() {
            seen = poll();
        }
        for other in others {
            other.join().unwrap();
        }
        while queue.pop() {
            if standing.arrive() {
                seen = poll();
            }
        }
        assert_eq!(seen, [true; 2], "a wake without a poll that sees why");
        assert!(standing.leave(), "a note is underway that nobody has");
    });
}

#[test]
fn what_is_sent_to_a_core_that_ends_is_taken_out_again() {
    loom::model(|| {
        let end = Arc::new(End::new());
        let queue = Arc::new(Queue::new());
        let other = {
            let (end, queue) = (end.clone(), queue.clone());
            thread::spawn(move || {
                queue.push();
                if end.has_come() {
                    queue.pop();
                }
            })
        };
        end.come();
        queue.pop();
        other.join().unwrap();
        assert!(queue.is_empty(), "left for ever");
    });
}
