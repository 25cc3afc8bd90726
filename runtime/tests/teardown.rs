//! The end of a core: orderly, in the middle of everything, and after a panic of its owner.

mod common;

use common::{PATIENCE, Recorder, client, core, is_closed, options, pair, settle, turn_until};
use ringgate_runtime::buffer::PoolOptions;
use ringgate_runtime::net::{TcpListener, TcpStream};
use ringgate_runtime::op::{Between, kernel_timeout, poll_once};
use ringgate_runtime::sys::listener::accept_nonblocking;
use ringgate_runtime::task::catch_panic;
use ringgate_runtime::{Core, CoreOptions, Event, Panic, SendBuffer, SendPieces, Sink};
use std::cell::Cell;
use std::io::Read;
use std::os::fd::{AsFd, AsRawFd};
use std::panic::{AssertUnwindSafe, catch_unwind, panic_any};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

#[test]
fn a_core_gives_everything_back() {
    // Descriptors are counted in a process of its own: other tests run beside this one.
    let child = std::env::current_exe().expect("this program");
    let output = std::process::Command::new(child)
        .args(["--exact", "a_hundred_cores_leave_nothing"])
        .env(ALONE, "1")
        .output()
        .expect("run");
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}");
    assert!(text.contains("1 passed"), "{text}");
}

fn descriptors() -> usize {
    std::fs::read_dir("/proc/self/fd").expect("/proc").count()
}

/// Set for the child that runs one test alone.
const ALONE: &str = "RINGGATE_TEST_ALONE";

#[test]
fn a_hundred_cores_leave_nothing() {
    if std::env::var_os(ALONE).is_none() {
        // `a_core_gives_everything_back` runs it alone, since it counts what the process has open.
        return;
    }
    let large = PoolOptions {
        buffers: 1024,
        buffer_size: 4096,
        leases_kept: 8,
    };
    let round = |ends_in_order: bool| {
        let core = Core::new(CoreOptions {
            buffers: large,
            ..options()
        })
        .expect("a core");
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("bind");
        let (ours, theirs) = pair();
        let mut recorder = Recorder::default();
        core.accept(&listener, 1);
        core.receive(&ours, 2);
        core.poll(&theirs, libc::POLLIN as u32, 3);
        let inside = core.clone();
        if ends_in_order {
            // A task holds its core, so only teardown ends this one.
            core.spawn(async move {
                let listener = TcpListener::bind("127.0.0.1:0".parse().unwrap());
                listener.expect("bind").accept().await.map(drop)
            });
        }
        inside.turn(&mut recorder, Some(Duration::ZERO));
        if ends_in_order {
            core.teardown(&mut recorder, PATIENCE).expect("all taken");
            assert_eq!(core.counts().operations_in_flight, 0);
            assert!(recorder.has_ended(1) && recorder.has_ended(2) && recorder.has_ended(3));
        }
    };
    round(true);
    // A ring is freed by a worker of the kernel some time after its descriptor is closed, so the
    // memory is looked at as a trend and not to the byte.
    let before = descriptors();
    let memory = ringgate_runtime::sys::process::rss_bytes().expect("/proc");
    for index in 0..100 {
        round(index % 2 == 0);
    }
    assert_eq!(descriptors(), before);
    let grown = ringgate_runtime::sys::process::rss_bytes()
        .expect("/proc")
        .saturating_sub(memory);
    let one_pool = 1024 * 4096;
    assert!(grown < 5 * one_pool, "{grown} bytes more after 100 cores");
}

#[test]
fn teardown_ends_operations_of_every_kind() {
    let core = core();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("bind");
    let (ours, mut theirs) = pair();
    let (quiet, _quiet_peer) = pair();
    let (out, _into) = std::io::pipe().expect("pipe");
    let mut recorder = Recorder::default();
    core.accept(&listener, 1);
    core.accept_one(&listener, 2);
    core.receive(&quiet, 3);
    core.send(
        &ours,
        SendBuffer::Vec(vec![1; 16 << 20]),
        0..16 << 20,
        false,
        4,
    );
    core.poll(&out, libc::POLLIN as u32, 5);
    let (slow, mut slow_peer) = pair();
    core.send_pieces(&slow, large_pieces(), usize::MAX, false, 6);
    let (in_stream, _stream_peer) = pair();
    let inside = core.clone();
    core.spawn(async move {
        let mut stream: TcpStream = TcpStream::from_descriptor(&inside, in_stream);
        stream.receive().await.map(drop)
    });
    core.spawn(kernel_timeout(Duration::from_secs(3600)));
    core.spawn(async move { poll_once(out.as_fd(), libc::POLLIN as u32).await });
    core.spawn(ringgate_runtime::sleep(Duration::from_secs(3600)));
    turn_until(&core, &mut recorder, "all are in flight", |_| {
        core.counts().operations_in_flight == 9
    });
    core.teardown(&mut recorder, PATIENCE).expect("all taken");
    let counts = core.counts();
    assert_eq!((counts.operations_in_flight, counts.tasks), (0, 0));
    assert_eq!(counts.stale_completions, 0);
    recorder.ended.sort_unstable();
    assert_eq!(
        recorder.ended,
        [1, 2, 3, 4, 5, 6],
        "each owner heard of its end"
    );
    drop((ours, slow));
    let _ = theirs.read_to_end(&mut Vec::new());
    let _ = slow_peer.read_to_end(&mut Vec::new());
}

/// More than a socket takes: a head, two bodies, and an end.
fn large_pieces() -> Box<SendPieces> {
    let body = |at| Between {
        at,
        bytes: vec![b'x'; 8 << 20].into(),
    };
    let mut pieces = SendPieces::new();
    pieces.fill(vec![b'h'; 100], [body(40), body(60)].into());
    pieces
}

#[test]
fn pieces_stay_with_their_send_until_it_has_ended() {
    let core = core();
    let (ours, mut theirs) = pair();
    let mut recorder = Recorder::default();
    let send = core.send_pieces(&ours, large_pieces(), usize::MAX, false, 1);
    theirs.set_nonblocking(true).expect("nonblocking");
    turn_until(&core, &mut recorder, "a part is there", |_| {
        let mut first = [0; 1];
        theirs.peek(&mut first).is_ok_and(|count| count == 1)
    });
    core.cancel(send);
    turn_until(&core, &mut recorder, "its end", |recorder| {
        recorder.has_ended(1)
    });
    // Their memory is given away only now; what is on its way has been copied.
    let sent = recorder.sent[0].expect("a part was sent") as usize;
    core.close(ours);
    core.teardown(&mut Recorder::default(), PATIENCE)
        .expect("all taken");
    theirs.set_nonblocking(false).expect("blocking");
    let mut received = Vec::new();
    theirs.read_to_end(&mut received).expect("read");
    assert_eq!(received.len(), sent);
    let expected = |at: usize| match at {
        0..40 => b'h',
        at if (40..40 + (8 << 20)).contains(&at) => b'x',
        at if at < 60 + (8 << 20) => b'h',
        _ => b'x',
    };
    let is_right = |(at, byte): (usize, &u8)| *byte == expected(at);
    assert!(received.iter().enumerate().all(is_right));
}

/// Panics at its first event and hands everything to `then`.
struct Panics {
    then: Recorder,
    told: usize,
}

impl Sink for Panics {
    fn on_event(&mut self, core: &Rc<Core>, event: Event) {
        self.told += 1;
        assert!(self.told != 1, "a bug of the owner, provoked");
        self.then.on_event(core, event);
    }
}

#[test]
fn a_core_whose_owner_panicked_hands_off_what_it_had_accepted() {
    // Below the backlog of a standard listener: nobody accepts while they connect.
    let clients = 40;
    let handed_off = std::thread::spawn(move || {
        let core = core();
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("bind");
        let address = listener.local_addr().expect("address");
        let (quiet, _quiet_peer) = pair();
        core.receive(&quiet, 2);
        core.accept(&listener, 1);
        // All are accepted in one turn, whose first event panics.
        let waiting: Vec<_> = (0..clients).map(|_| client(address)).collect();
        let mut owner = Panics {
            then: Recorder::default(),
            told: 0,
        };
        let panicked = catch_unwind(AssertUnwindSafe(|| {
            core.run(&mut owner, |_| false).expect("a ring");
        }));
        assert!(panicked.is_err());
        core.teardown(&mut owner, PATIENCE).expect("all taken");
        assert_eq!(core.counts().operations_in_flight, 0);
        assert!(owner.then.has_ended(1) && owner.then.has_ended(2));
        let mut queued = 0;
        while accept_nonblocking(listener.as_fd())
            .expect("accept")
            .is_some()
        {
            queued += 1;
        }
        drop(waiting);
        (owner.then.accepted.len(), queued)
    })
    .join()
    .expect("the thread ends in order");
    // The one whose event panicked died with it; every other is handed off or still in the queue.
    let (told, queued) = handed_off;
    assert!(told >= 1, "{queued} in the queue");
    assert_eq!(told + queued + 1, clients, "{told} told, {queued} queued");
}

#[test]
fn a_core_dropped_without_teardown_ends_its_operations_first() {
    let (ours, mut theirs) = pair();
    let core = core();
    core.receive(&ours, 1);
    core.send(
        &ours,
        SendBuffer::Vec(vec![1; 16 << 20]),
        0..16 << 20,
        false,
        2,
    );
    let (slow, mut slow_peer) = pair();
    core.send_pieces(&slow, large_pieces(), usize::MAX, false, 3);
    core.turn(&mut (), Some(Duration::ZERO));
    drop(core);
    drop((ours, slow));
    for end in [&mut theirs, &mut slow_peer] {
        let _ = end.read_to_end(&mut Vec::new());
        assert!(is_closed(end));
    }
}

#[test]
fn leases_may_outlive_their_core() {
    use std::io::Write;
    let core = core();
    let (ours, mut theirs) = pair();
    theirs.write_all(b"still here").expect("write");
    let mut recorder = Recorder {
        keeps: true,
        ..Recorder::default()
    };
    core.receive(&ours, 1);
    turn_until(&core, &mut recorder, "bytes", |r| !r.leases.is_empty());
    core.teardown(&mut recorder, PATIENCE).expect("all taken");
    drop(core);
    assert_eq!(&*recorder.leases[0], b"still here");
}

#[test]
fn a_panic_is_a_value_and_ends_one_task_only() {
    let core = core();
    let bad = core.spawn(async {
        ringgate_runtime::sleep(Duration::from_millis(2)).await;
        panic!("provoked {}", 7);
    });
    let good = core.spawn(async {
        ringgate_runtime::sleep(Duration::from_millis(10)).await;
        7
    });
    core.start(async { panic!("nobody waits for this one") });
    let (bad, good) = common::run(&core, async move { (bad.await, good.await) });
    let panic: ringgate_runtime::Panic = bad.unwrap_err();
    assert_eq!(panic.message(), "provoked 7");
    assert_eq!(good.expect("another task"), 7);
    assert_eq!(core.counts().tasks, 0);
    assert_eq!(core.counts().task_panics, 1, "the one without a handle");
    settle(&core);
}

#[test]
fn a_core_whose_ring_has_failed_closes_what_its_tasks_had_open() {
    // The one ring of a process is made useless.
    let child = std::env::current_exe().expect("this program");
    let output = std::process::Command::new(child)
        .args(["--exact", "a_ring_that_is_gone_keeps_no_socket_open"])
        .env(ALONE, "1")
        .output()
        .expect("run");
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}");
    assert!(text.contains("1 passed"), "{text}");
}

#[test]
fn a_ring_that_is_gone_keeps_no_socket_open() {
    if std::env::var_os(ALONE).is_none() {
        // `a_core_whose_ring_has_failed_closes_what_its_tasks_had_open` runs it alone.
        return;
    }
    let core = core();
    let (receiving, mut one) = pair();
    let (resting, mut other) = pair();
    let inside = core.clone();
    core.spawn(async move {
        let mut stream = TcpStream::from_descriptor(&inside, receiving);
        stream.receive().await.map(drop)
    });
    let inside = core.clone();
    core.spawn(async move {
        let _stream = TcpStream::from_descriptor(&inside, resting);
        std::future::pending::<()>().await
    });
    turn_until(&core, &mut (), "it receives", |()| {
        core.counts().operations_in_flight == 1
    });
    let is_ring = |fd: &std::fs::DirEntry| {
        std::fs::read_link(fd.path()).is_ok_and(|link| link.ends_with("anon_inode:[io_uring]"))
    };
    let open = std::fs::read_dir("/proc/self/fd").expect("/proc");
    let rings: Vec<_> = open.flatten().filter(is_ring).collect();
    let [ring] = &rings[..] else {
        panic!("not one ring: {rings:?}");
    };
    let ring: i32 = ring
        .file_name()
        .to_str()
        .expect("digits")
        .parse()
        .expect("a number");
    let nothing = std::fs::File::open("/dev/null").expect("open");
    // SAFETY: dup2(2) takes no pointer; the number stays the core's, which closes it.
    assert!(unsafe { libc::dup2(nothing.as_raw_fd(), ring) } == ring);
    core.run(&mut (), |()| false).expect_err("no ring");
    core.teardown(&mut (), PATIENCE)
        .expect_err("one is in flight");
    drop(core);
    assert!(is_closed(&mut one) && is_closed(&mut other));
}

/// Panics as it is dropped, as a value of an application may.
struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        panic!("provoked by a drop");
    }
}

/// A future with a `Bomb` that is ready when it is polled the second time, and keeps the bomb beyond that.
struct Armed(Bomb, bool);

impl Future for Armed {
    type Output = u32;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<u32> {
        if std::mem::replace(&mut self.1, true) {
            return Poll::Ready(7);
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

async fn holds_a_bomb() {
    let _bomb = Bomb;
    std::future::pending().await
}

#[test]
fn a_drop_that_panics_is_of_the_cancelled_task_alone() {
    let core = core();
    let held = core.spawn(holds_a_bomb());
    core.turn(&mut (), Some(Duration::ZERO));
    // By another task, whose own poll this must not end.
    let innocent = core.spawn(async move {
        held.abort();
        ringgate_runtime::sleep(Duration::from_millis(1)).await;
        7
    });
    assert_eq!(common::run(&core, innocent).expect("a value"), 7);
    let started = core.start(holds_a_bomb());
    core.cancel_task(started);
    let counts = core.counts();
    assert_eq!((counts.tasks, counts.task_panics), (0, 2));
    settle(&core);
}

#[test]
fn a_drop_that_panics_behind_a_value_is_of_its_task_alone() {
    let core = core();
    let armed = || Armed(Bomb, false);
    let joined = common::run(&core, core.spawn(armed()));
    assert_eq!(joined.unwrap_err().message(), "provoked by a drop");
    let told = Rc::new(Cell::new(None));
    let then = told.clone();
    let started = core.start_with(
        armed,
        |_| unreachable!("it waits"),
        || move |value: Result<u32, Panic>| then.set(value.ok()),
    );
    assert!(started.expect("no panic").is_some());
    turn_until(&core, &mut (), "it ends", |()| core.counts().tasks == 0);
    assert_eq!(told.get(), Some(7), "its value was there before");
    assert_eq!(core.counts().task_panics, 1, "the one without a handle");
    settle(&core);
}

/// Panics as it is dropped with a value that does so as well.
struct Chain;

impl Drop for Chain {
    fn drop(&mut self) {
        panic_any(Bomb);
    }
}

#[test]
fn a_panic_whose_value_panics_as_it_is_dropped_is_of_its_task_alone() {
    let core = core();
    let waits = || ringgate_runtime::sleep(Duration::from_millis(1));
    core.start(async { panic_any(Chain) });
    let heard = core.spawn(async move {
        waits().await;
        panic_any(Bomb)
    });
    let unheard = core.spawn(async move {
        waits().await;
        panic_any(Bomb)
    });
    drop(unheard);
    let held = common::run(&core, heard).map(|()| 0);
    let panic = held.expect_err("a panic");
    assert_eq!(panic.message(), "no message");
    drop(panic);
    turn_until(&core, &mut (), "all end", |()| core.counts().tasks == 0);
    let kept = catch_panic(|| panic_any(Chain)).map(|()| 0);
    let payload = kept.expect_err("a panic").into_inner();
    assert!(payload.downcast_ref::<Chain>().is_some());
    std::mem::forget(payload);
    settle(&core);
}

#[test]
fn a_core_with_drops_that_panic_gives_everything_back() {
    let core = core();
    for _ in 0..3 {
        core.spawn(holds_a_bomb());
    }
    core.turn(&mut (), Some(Duration::ZERO));
    core.teardown(&mut (), PATIENCE).expect("all taken");
    let counts = core.counts();
    assert_eq!((counts.tasks, counts.task_panics), (0, 3));
}
