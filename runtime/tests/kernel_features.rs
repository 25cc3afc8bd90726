//! One test for each io_uring feature the runtime uses, on the kernel that runs it. Each says from
//! which version of Linux it must pass; 6.1 is the oldest the runtime takes, so "6.1" stands for
//! "from 6.1 or before". Of the operations on files (openat, openat2, statx, read, write, splice) that is
//! `fs.rs`, and of those that sockets have besides (connect, shutdown, sendmsg, recvmsg) `net.rs`: all of
//! them from 6.1. Degraded modes are in `degraded_rings.rs`, dropped futures in
//! `dropped_in_flight.rs`.

mod common;

use common::{PATIENCE, Recorder, client, core, finish, options, pair, run, size, turn_until};
use ringgate_runtime::buffer::PoolOptions;
use ringgate_runtime::driver::RingFlag;
use ringgate_runtime::op::{kernel_timeout, nop, poll_once};
use ringgate_runtime::{Core, CoreOptions, Descriptor, Errno, Event, Received, SendBuffer, Sink};
use std::io::{Read, Write};
use std::net::TcpListener;
use std::os::fd::{AsFd, AsRawFd};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

fn few_buffers(buffers: u16) -> Rc<Core> {
    let buffers = PoolOptions {
        buffers,
        buffer_size: 64,
        leases_kept: 0,
    };
    Core::new(CoreOptions {
        buffers,
        ..options()
    })
    .expect("a core")
}

/// IORING_OP_NOP, 6.1.
#[test]
fn a_nop_comes_back() {
    let core = core();
    run(&core, async { nop().await.expect("nothing can fail") });
    finish(core);
}

/// IORING_OP_ACCEPT, 6.1.
#[test]
fn a_single_accept_takes_one_connection_and_ends() {
    let core = core();
    let listener = TcpListener::bind("127.0.0.1:0").expect("bind");
    let address = listener.local_addr().expect("address");
    let _clients = [client(address), client(address)];
    let mut recorder = Recorder::default();
    core.accept_one(&listener, 1);
    turn_until(&core, &mut recorder, "an end", |r| r.has_ended(1));
    assert_eq!(recorder.accepted.len(), 1);
    finish(core);
}

/// IORING_ACCEPT_MULTISHOT and IORING_OP_ASYNC_CANCEL by user_data, 6.1.
#[test]
fn a_multishot_accept_goes_on_until_it_is_cancelled() {
    let core = core();
    let listener = TcpListener::bind("127.0.0.1:0").expect("bind");
    let address = listener.local_addr().expect("address");
    let mut recorder = Recorder::default();
    let accept = core.accept(&listener, 1);
    let count = size(50);
    let mut clients = Vec::new();
    for _ in 0..count {
        clients.push(client(address));
        core.turn(&mut recorder, Some(Duration::ZERO));
    }
    turn_until(&core, &mut recorder, "all", |r| r.accepted.len() == count);
    assert!(!recorder.has_ended(1));
    core.cancel(accept);
    turn_until(&core, &mut recorder, "its end", |r| r.has_ended(1));
    assert_eq!(recorder.accept_errors, [Errno::CANCELLED]);
    drop(clients);
    finish(core);
}

/// A cancel that loses the race, 6.1: the connection that came before it is told all the same.
#[test]
fn a_cancelled_accept_still_brings_the_connection_that_came_first() {
    let core = core();
    let listener = TcpListener::bind("127.0.0.1:0").expect("bind");
    let address = listener.local_addr().expect("address");
    for key in 0..size(30) as u64 {
        let mut recorder = Recorder::default();
        let accept = core.accept(&listener, key);
        core.turn(&mut recorder, Some(Duration::ZERO));
        let _client = client(address);
        core.cancel(accept);
        turn_until(&core, &mut recorder, "its end", |r| r.has_ended(key));
        if recorder.accepted.is_empty() {
            // The cancel won: the connection is in the queue still, and the next accept has it.
            core.accept_one(&listener, key + 1_000_000);
            turn_until(&core, &mut recorder, "the queued one", |r| {
                !r.accepted.is_empty()
            });
        }
        assert_eq!(recorder.accepted.len(), 1);
    }
    finish(core);
}

/// IORING_RECV_MULTISHOT with IORING_REGISTER_PBUF_RING on a DEFER_TASKRUN ring, 6.1.
#[test]
fn a_multishot_receive_fills_buffers_until_eof() {
    let core = core();
    let flags = core.ring_flags().expect("a kernel's ring");
    assert!(flags.has(RingFlag::DeferTaskrun), "{flags}");
    let (ours, mut theirs) = pair();
    let mut recorder = Recorder::default();
    core.receive(&ours, 1);
    for piece in 0..50u8 {
        theirs.write_all(&[piece; 100]).expect("write");
        turn_until(&core, &mut recorder, "it came", |r| {
            r.bytes.len() == 100 * (usize::from(piece) + 1)
        });
        assert!(!recorder.has_ended(1));
    }
    drop(theirs);
    turn_until(&core, &mut recorder, "its end", |r| r.has_ended(1));
    assert!(recorder.eof && recorder.receive_errors.is_empty());
    finish(core);
}

/// A cancelled multishot receive, 6.1: what came before is told, and nothing after.
#[test]
fn a_cancelled_receive_delivers_what_had_come() {
    let core = core();
    for key in 0..size(30) as u64 {
        let (ours, mut theirs) = pair();
        let mut recorder = Recorder::default();
        let receive = core.receive(&ours, key);
        if key % 2 == 0 {
            core.turn(&mut recorder, Some(Duration::ZERO));
        }
        theirs.write_all(b"before").expect("write");
        core.cancel(receive);
        turn_until(&core, &mut recorder, "its end", |r| r.has_ended(key));
        theirs.write_all(b" after").expect("write");
        let again = core.receive(&ours, key + 1_000_000);
        turn_until(&core, &mut recorder, "all", |r| r.bytes.len() >= 12);
        assert_eq!(recorder.bytes, b"before after", "in order, once");
        core.cancel(again);
        turn_until(&core, &mut recorder, "its end", |r| {
            r.has_ended(key + 1_000_000)
        });
    }
    finish(core);
}

/// -ENOBUFS of an empty buffer ring, 6.1: the receive waits in line and costs nothing meanwhile.
#[test]
fn receives_without_a_buffer_wait_until_leases_come_back() {
    let core = few_buffers(2);
    let mut recorder = Recorder {
        keeps: true,
        ..Recorder::default()
    };
    let mut pairs: Vec<_> = (0..6).map(|_| pair()).collect();
    for (key, (ours, theirs)) in pairs.iter_mut().enumerate() {
        theirs.write_all(&[key as u8; 10]).expect("write");
        core.receive(ours, key as u64);
    }
    turn_until(&core, &mut recorder, "two are served, four wait", |r| {
        r.leases.len() == 2 && core.counts().starved_receives >= 4
    });
    let before = core.counts();
    let until = before.turns + 50;
    turn_until(&core, &mut recorder, "turns", |_| {
        core.counts().turns >= until
    });
    let after = core.counts();
    assert_eq!(
        after.starved_receives, before.starved_receives,
        "none tried"
    );
    // Each of these turns slept for its 5 ms: one enter a turn and no more.
    assert!(after.enters - before.enters <= after.turns - before.turns);
    assert_eq!(recorder.receives, 2, "their owners hear nothing of it");
    let mut served = Vec::new();
    turn_until(&core, &mut recorder, "all are served", |r| {
        served.extend(r.leases.drain(..).map(|lease| lease[0]));
        served.len() == 6
    });
    served.sort_unstable();
    assert_eq!(served, [0, 1, 2, 3, 4, 5]);
    drop(recorder);
    core.teardown(&mut (), PATIENCE).expect("all taken");
}

/// IORING_OP_SEND with MSG_WAITALL, 6.1: one completion for all of it, however slow the peer.
#[test]
fn a_send_waits_for_all_of_eight_mebibytes_to_a_slow_reader() {
    let core = core();
    let (ours, mut theirs) = pair();
    let length = 8 << 20;
    let reader = std::thread::spawn(move || {
        let (mut got, mut piece) = (0, vec![0; 100_000]);
        while got < length {
            let count = theirs.read(&mut piece).expect("read");
            assert!(count > 0 && piece[..count].iter().all(|byte| *byte == 7));
            got += count;
            std::thread::yield_now();
        }
    });
    let mut recorder = Recorder::default();
    core.send(&ours, SendBuffer::Vec(vec![7; length]), 0..length, false, 1);
    turn_until(&core, &mut recorder, "sent", |r| r.has_ended(1));
    assert_eq!(recorder.sent, [Ok(length as u32)]);
    reader.join().expect("the reader has all");
    finish(core);
}

/// MSG_MORE on IORING_OP_SEND, 6.1: parts arrive as one.
#[test]
fn a_part_with_more_to_follow_is_sent_with_the_rest() {
    let core = core();
    let (ours, mut theirs) = pair();
    let mut recorder = Recorder::default();
    core.send(
        &ours,
        SendBuffer::Static(b"not this: head "),
        10..15,
        true,
        1,
    );
    turn_until(&core, &mut recorder, "sent", |r| r.has_ended(1));
    core.send(&ours, SendBuffer::Static(b"body"), 0..4, false, 2);
    turn_until(&core, &mut recorder, "sent", |r| r.has_ended(2));
    assert_eq!(recorder.sent, [Ok(5), Ok(4)]);
    let mut got = [0; 9];
    theirs.read_exact(&mut got).expect("read");
    assert_eq!(&got, b"head body");
    finish(core);
}

/// IORING_OP_CLOSE, 6.1.
#[test]
fn a_close_through_the_ring_ends_the_connection() {
    let core = core();
    let (ours, mut theirs) = pair();
    core.close(ours);
    core.turn(&mut (), Some(Duration::ZERO));
    assert!(common::is_closed(&mut theirs));
    finish(core);
}

/// IORING_POLL_ADD_MULTI, 6.1: an event each time there is something new.
#[test]
fn a_multishot_poll_tells_again_and_again() {
    let core = core();
    let (out, mut into) = std::io::pipe().expect("pipe");
    let mut recorder = Recorder::default();
    let poll = core.poll(&out, libc::POLLIN as u32, 1);
    for round in 1..=10 {
        into.write_all(b"x").expect("write");
        turn_until(&core, &mut recorder, "an event", |r| {
            r.polled.len() >= round
        });
        (&out).read_exact(&mut [0; 1]).expect("read");
        core.turn(&mut recorder, Some(Duration::ZERO));
    }
    assert!(recorder.polled.iter().all(Result::is_ok) && !recorder.has_ended(1));
    core.cancel(poll);
    turn_until(&core, &mut recorder, "its end", |r| r.has_ended(1));
    finish(core);
}

/// IORING_OP_POLL_ADD, 6.1.
#[test]
fn a_poll_says_what_is_ready() {
    let core = core();
    let (out, into) = std::io::pipe().expect("pipe");
    run(&core, async move {
        let ready = poll_once(into.as_fd(), libc::POLLOUT as u32).await;
        assert_eq!(ready.expect("poll"), libc::POLLOUT as u32);
        drop(into);
        let ready = poll_once(out.as_fd(), libc::POLLIN as u32).await;
        assert_eq!(
            ready.expect("poll") & libc::POLLHUP as u32,
            libc::POLLHUP as u32
        );
    });
    finish(core);
}

/// IORING_OP_TIMEOUT, 6.1.
#[test]
fn a_timeout_of_the_kernel_is_never_early() {
    let core = core();
    run(&core, async {
        let before = Instant::now();
        kernel_timeout(Duration::from_millis(20))
            .await
            .expect("it expires");
        assert!(before.elapsed() >= Duration::from_millis(20));
    });
    finish(core);
}

/// IORING_ENTER_EXT_ARG, 6.1: the core's own timers end its sleep.
#[test]
fn a_timer_of_the_core_wakes_it() {
    let core = core();
    let mut recorder = Recorder::default();
    let before = Instant::now();
    core.set_timer(core.clock() + Duration::from_millis(20), 9);
    let taken_back = core.set_timer(core.now() + Duration::from_millis(1), 8);
    assert!(core.cancel_timer(taken_back));
    turn_until(&core, &mut recorder, "it fires", |r| !r.timers.is_empty());
    assert_eq!(recorder.timers, [9]);
    assert!(before.elapsed() >= Duration::from_millis(19));
    finish(core);
}

/// IORING_FEAT_NODROP, 6.1: many more completions than the queue holds, and none is lost.
#[test]
fn an_overflowed_completion_queue_keeps_every_completion() {
    let core = Core::new(CoreOptions {
        entries: 8,
        ..options()
    })
    .expect("a core");
    let count = 4 * 8 * size(20);
    let done = Rc::new(std::cell::Cell::new(0));
    for _ in 0..count {
        let done = done.clone();
        core.spawn(async move {
            nop().await.expect("nothing can fail");
            done.set(done.get() + 1);
        });
    }
    turn_until(&core, &mut (), "all come back", |()| done.get() == count);
    let overflows = core.counts().completion_overflows;
    assert!(
        overflows > 0,
        "the queue never overflowed: this proves nothing"
    );
    turn_until(&core, &mut (), "tasks end", |()| core.counts().tasks == 0);
    finish(core);
}

/// A full submission queue is submitted at once, 6.1; operations pushed in one turn, in order.
#[test]
fn more_operations_than_the_submission_queue_holds_are_all_submitted() {
    let core = Core::new(CoreOptions {
        entries: 8,
        ..options()
    })
    .expect("a core");
    let mut recorder = Recorder::default();
    let (out, _into) = std::io::pipe().expect("pipe");
    let polls: Vec<_> = (0..100)
        .map(|key| core.poll(&out, libc::POLLIN as u32, key))
        .collect();
    for poll in polls {
        core.cancel(poll);
    }
    turn_until(&core, &mut recorder, "all end", |r| r.ended.len() == 100);
    finish(core);
}

/// IORING_SETUP_SUBMIT_ALL, 6.1 (from 5.18): a bad entry does not keep the others back.
#[test]
fn a_refused_operation_does_not_hold_up_those_behind_it() {
    let core = core();
    let nobody = {
        let (out, _) = std::io::pipe().expect("pipe");
        out
    };
    let mut recorder = Recorder::default();
    let entered = core.enter();
    // A file is no listener: the kernel refuses this one when it is issued.
    core.accept(&nobody, 1);
    core.poll(&nobody, libc::POLLHUP as u32, 2);
    drop(entered);
    core.turn(&mut recorder, Some(Duration::from_millis(100)));
    assert_eq!(recorder.accept_errors, [Errno(libc::ENOTSOCK)]);
    assert_eq!(recorder.polled.len(), 1, "submitted by the same enter");
    core.teardown(&mut (), PATIENCE).expect("all taken");
}

/// An eventfd read by the ring, 6.1: 10,000 wake-ups from three threads, and none is lost.
#[test]
fn a_sleeping_core_hears_every_wake_from_other_threads() {
    let wakes = size(10_000) / 3;
    let core = core();
    let asked = Arc::new(AtomicUsize::new(0));
    let answered = Arc::new(AtomicUsize::new(0));
    let threads: Vec<_> = (0..3)
        .map(|_| {
            let (remote, asked, answered) = (core.remote(), asked.clone(), answered.clone());
            std::thread::spawn(move || {
                for _ in 0..wakes {
                    let mine = asked.fetch_add(1, Ordering::SeqCst) + 1;
                    remote.notify();
                    let deadline = Instant::now() + PATIENCE;
                    while answered.load(Ordering::SeqCst) < mine {
                        assert!(Instant::now() < deadline, "wake {mine} was lost");
                        std::thread::yield_now();
                    }
                }
            })
        })
        .collect();
    struct Answers(Arc<AtomicUsize>, Arc<AtomicUsize>);
    impl ringgate_runtime::Sink for Answers {
        fn on_event(&mut self, _: &Rc<Core>, _: ringgate_runtime::Event) {}
        fn on_notified(&mut self, _: &Rc<Core>) {
            self.1
                .store(self.0.load(Ordering::SeqCst), Ordering::SeqCst);
        }
    }
    // Sleeps without a limit of its own: only the wake-ups get it through.
    core.run(&mut Answers(asked, answered.clone()), |_| {
        answered.load(Ordering::SeqCst) == 3 * wakes || threads.iter().all(|t| t.is_finished())
    })
    .expect("a ring");
    for thread in threads {
        thread.join().expect("every wake was heard");
    }
    finish(core);
}

/// Wakers from other threads (the same eventfd), 6.1.
#[test]
fn a_task_is_woken_from_another_thread() {
    let core = core();
    run(&core, async {
        let (sender, receiver) = std::sync::mpsc::channel::<std::task::Waker>();
        let done = Arc::new(AtomicUsize::new(0));
        let count = done.clone();
        let thread = std::thread::spawn(move || {
            while let Ok(waker) = receiver.recv() {
                count.fetch_add(1, Ordering::SeqCst);
                waker.wake();
            }
        });
        for round in 1..=size(500) {
            let mut asked = false;
            std::future::poll_fn(|cx| {
                if !asked {
                    asked = true;
                    sender.send(cx.waker().clone()).expect("it listens");
                }
                if done.load(Ordering::SeqCst) == round {
                    std::task::Poll::Ready(())
                } else {
                    std::task::Poll::Pending
                }
            })
            .await;
        }
        drop(sender);
        thread.join().expect("it ends");
    });
    finish(core);
}

/// No feature of the kernel: ten thousand tasks wait, and the core receives all the same.
#[test]
fn ten_thousand_suspended_tasks_do_not_keep_a_core_from_receiving() {
    let core = core();
    let open = Rc::new(std::cell::Cell::new(false));
    for _ in 0..10_000 {
        let open = open.clone();
        core.spawn(async move {
            while !open.get() {
                ringgate_runtime::sleep(Duration::from_millis(200)).await;
            }
        });
    }
    let (ours, mut theirs) = pair();
    let mut recorder = Recorder::default();
    core.receive(&ours, 1);
    for round in 1..=20 {
        theirs.write_all(b"ping").expect("write");
        turn_until(&core, &mut recorder, "it came", |r| {
            r.bytes.len() == 4 * round
        });
    }
    assert_eq!(core.counts().tasks, 10_000);
    open.set(true);
    turn_until(&core, &mut recorder, "all end", |_| {
        core.counts().tasks == 0
    });
    core.teardown(&mut recorder, PATIENCE).expect("all taken");
}

/// Waits until a byte can be received. A busy kernel delivers later than the write of the peer ends, even on loopback.
fn has_come(ours: &Descriptor) {
    let mut asked = libc::pollfd {
        fd: ours.as_raw_fd(),
        events: libc::POLLIN,
        revents: 0,
    };
    // SAFETY: poll(2) reads and writes this one entry.
    let ready = unsafe { libc::poll(&raw mut asked, 1, PATIENCE.as_millis() as i32) };
    assert_eq!(ready, 1, "it came");
}

/// A few clients that always have more to give take all buffers in every turn; those with little get theirs all the same.
#[test]
fn small_receives_beside_greedy_ones_are_served_within_a_few_turns() {
    const GREEDY: u64 = 4;
    const SMALL: u64 = 20;
    const MOST_TURNS: u64 = 16;
    /// Drops what it gets, and notes which of the small ones were served, and when.
    struct Mixed {
        served: Vec<(u64, u64)>,
    }
    impl Sink for Mixed {
        fn on_event(&mut self, core: &Rc<Core>, event: Event) {
            if let Event::Received {
                key,
                received: Received::Bytes(_),
                ..
            } = event
                && key >= GREEDY
            {
                self.served.push((key, core.counts().turns));
            }
        }
    }
    let core = Core::new(CoreOptions {
        buffers: PoolOptions {
            buffers: 1024,
            buffer_size: 64,
            leases_kept: 0,
        },
        ..options()
    })
    .expect("a core");
    let mut mixed = Mixed { served: Vec::new() };
    let mut pairs: Vec<_> = (0..GREEDY + SMALL).map(|_| pair()).collect();
    for (key, (ours, _)) in (0..).zip(&pairs) {
        core.receive(ours, key);
    }
    for (_, greedy) in &mut pairs[..GREEDY as usize] {
        greedy.set_nonblocking(true).expect("non-blocking");
    }
    let _entered = core.enter();
    for _ in 0..size(50) {
        mixed.served.clear();
        for (ours, small) in &mut pairs[GREEDY as usize..] {
            small.write_all(b"x").expect("write");
            has_come(ours);
        }
        let began = core.counts().turns;
        while mixed.served.len() < SMALL as usize {
            for (_, greedy) in &mut pairs[..GREEDY as usize] {
                // More than there are buffers for; what does not fit is not needed.
                let _ = greedy.write(&[7; 64 << 10]);
            }
            core.turn(&mut mixed, Some(Duration::from_millis(5)));
            let turns = core.counts().turns - began;
            assert!(turns <= MOST_TURNS, "{:?} of {SMALL}", mixed.served.len());
        }
    }
    assert!(core.counts().starved_receives > 0, "the ring was empty");
    core.teardown(&mut (), PATIENCE).expect("all taken");
}
