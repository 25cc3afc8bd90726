//! Futures dropped at every moment of their operation: before it reached the kernel, while it waits
//! there, and when it is done and nobody has looked. Nothing may leak (descriptor, buffer,
//! connection, memory the kernel still writes to) and no byte may be lost or doubled.

mod common;

use common::{bounded, client, core, finish, is_closed, pair, run, settle, size, turn_until};
use ringgate_runtime::Core;
use ringgate_runtime::fs::{File, OpenOptions, metadata, splice};
use ringgate_runtime::net::{Direction, TcpListener, TcpStream, UdpSocket, UnixStream};
use ringgate_runtime::op::{kernel_timeout, nop, poll_once};
use std::future::Future;
use std::io::{Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::path::PathBuf;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

/// When the future is dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Moment {
    /// The operation waits for the next enter.
    Queued,
    /// A turn submitted it.
    Submitted,
    /// The operation is done, if it can be, and the future has not looked.
    Unseen,
}

const MOMENTS: [Moment; 3] = [Moment::Queued, Moment::Submitted, Moment::Unseen];

fn poll<F: Future + ?Sized>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

fn turns(core: &Rc<Core>, count: usize) {
    for _ in 0..count {
        core.turn(&mut (), Some(Duration::from_millis(1)));
    }
}

/// Starts a future, brings its operation to `moment` and drops it. Answers whether it was ready at
/// its first poll, which would prove nothing.
fn drop_at<F: Future>(core: &Rc<Core>, moment: Moment, future: F) {
    let _entered = core.enter();
    let mut future = Box::pin(future);
    let first = poll(future.as_mut());
    assert!(first.is_pending(), "{moment:?}: done before its operation");
    match moment {
        Moment::Queued => {}
        Moment::Submitted => turns(core, 1),
        Moment::Unseen => turns(core, 5),
    }
    drop(future);
}

fn scratch(name: &str) -> PathBuf {
    std::env::temp_dir().join(format!("ringgate-drop-{}-{name}", std::process::id()))
}

/// Whether this process has the file open. By path and not by counting: other tests run beside.
fn is_open(path: &PathBuf) -> bool {
    let descriptors = std::fs::read_dir("/proc/self/fd").expect("/proc is mounted");
    descriptors
        .flatten()
        .filter_map(|entry| std::fs::read_link(entry.path()).ok())
        .any(|target| target == *path)
}

#[test]
fn a_dropped_accept_loses_no_connection() {
    let core = core();
    let entered = core.enter();
    let listener = Rc::new(TcpListener::bind("127.0.0.1:0".parse().unwrap()).expect("bind"));
    let address = listener.local_addr().expect("address");
    for round in 0..size(60) {
        let moment = MOMENTS[round % 3];
        let early = (round / 3 % 2 == 0).then(|| client(address));
        let mut accept = Box::pin(listener.accept());
        assert!(poll(accept.as_mut()).is_pending());
        match moment {
            Moment::Queued => {}
            Moment::Submitted => turns(&core, 1),
            Moment::Unseen => turns(&core, 3),
        }
        // The connection comes before the accept, or while it is in the kernel: the cancel that
        // the drop queues then races it.
        let theirs = early.unwrap_or_else(|| client(address));
        drop(accept);
        turns(&core, round % 2);
        let next = listener.clone();
        let ours = run(&core, async move { next.accept().await.expect("accept") });
        assert_eq!(
            ours.peer_addr().expect("peer"),
            theirs.local_addr().expect("own"),
            "round {round}: the connection that came"
        );
    }
    drop((listener, entered));
    finish(core);
}

struct Flag(AtomicBool);

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::SeqCst);
    }
}

#[test]
fn a_connection_of_a_dropped_accept_goes_to_the_accept_that_waits_already() {
    let core = core();
    let entered = core.enter();
    let listener = TcpListener::bind("127.0.0.1:0".parse().unwrap()).expect("bind");
    let address = listener.local_addr().expect("address");
    let mut first = Box::pin(listener.accept());
    let mut second = Box::pin(listener.accept());
    let flags = [(); 2].map(|()| Arc::new(Flag(AtomicBool::new(false))));
    let wakers = flags.clone().map(Waker::from);
    let mut contexts = wakers.each_ref().map(Context::from_waker);
    assert!(first.as_mut().poll(&mut contexts[0]).is_pending());
    assert!(second.as_mut().poll(&mut contexts[1]).is_pending());
    turns(&core, 1);
    let theirs = client(address);
    let woken = |flag: usize| flags[flag].0.load(Ordering::SeqCst);
    turn_until(&core, &mut (), "one accept is done", |()| {
        woken(0) || woken(1)
    });
    let (done, waits, context) = if woken(0) {
        (first, second, &mut contexts[1])
    } else {
        (second, first, &mut contexts[0])
    };
    drop(done);
    turn_until(&core, &mut (), "the other is woken", |()| {
        woken(0) && woken(1)
    });
    let mut waits = waits;
    let Poll::Ready(Ok(ours)) = waits.as_mut().poll(context) else {
        panic!("it has the connection");
    };
    assert_eq!(ours.peer_addr().unwrap(), theirs.local_addr().unwrap());
    drop((waits, ours));
    drop((listener, entered));
    finish(core);
}

#[test]
fn a_listener_dropped_with_an_accept_in_flight_is_closed() {
    let core = core();
    let entered = core.enter();
    let listener = TcpListener::bind("127.0.0.1:0".parse().unwrap()).expect("bind");
    let address = listener.local_addr().expect("address");
    drop_at(&core, Moment::Submitted, listener.accept());
    let mut waiting = client(address);
    drop((listener, entered));
    settle(&core);
    turns(&core, 2);
    assert!(
        is_closed(&mut waiting),
        "whoever was accepted or queued hears it"
    );
    assert!(std::net::TcpStream::connect(address).is_err());
    finish(core);
}

#[test]
fn a_dropped_open_leaks_no_descriptor() {
    let path = scratch("open");
    std::fs::write(&path, b"here").expect("write");
    let core = core();
    for round in 0..size(30) {
        drop_at(&core, MOMENTS[round % 3], File::open(&path));
        drop_at(&core, MOMENTS[round % 3], {
            let path = path.clone();
            async move {
                let read = OpenOptions::new().read(true);
                let directory = path.parent().expect("a directory");
                let directory = read.open(directory).await.expect("open");
                let name = path.file_name().expect("a name");
                read.open_beneath(&directory, name).await
            }
        });
        settle(&core);
        assert!(!is_open(&path), "round {round}");
    }
    let opened = {
        let path = path.clone();
        run(&core, async move { File::open(path).await.expect("open") })
    };
    assert!(is_open(&path), "it would have been found");
    drop(opened);
    turn_until(&core, &mut (), "closed through the ring", |()| {
        !is_open(&path)
    });
    finish(core);
    std::fs::remove_file(path).expect("the file is ours");
}

#[test]
fn a_dropped_read_loses_no_byte() {
    let core = core();
    let (ours, mut theirs) = pair();
    let mut stream: TcpStream = TcpStream::from_descriptor(&core, ours);
    for round in 0..size(60) as u32 {
        let moment = MOMENTS[round as usize % 3];
        let early = round / 3 % 2 == 0;
        if early {
            theirs.write_all(&round.to_be_bytes()).expect("write");
        }
        drop_at(&core, moment, async { stream.receive().await.map(drop) });
        if !early {
            theirs.write_all(&round.to_be_bytes()).expect("write");
        }
        turns(&core, round as usize % 2);
        let (back, number) = run(&core, async move {
            let mut number = [0; 4];
            stream.read_exact(&mut number).await.expect("read");
            (stream, u32::from_be_bytes(number))
        });
        stream = back;
        assert_eq!(number, round, "{moment:?}");
    }
    drop(stream);
    settle(&core);
    assert!(is_closed(&mut theirs));
    finish(core);
}

#[test]
fn a_stream_dropped_with_a_read_in_flight_is_closed_after_it() {
    let core = core();
    for moment in MOMENTS {
        for speaks in [false, true] {
            let (ours, mut theirs) = pair();
            let mut stream: TcpStream = TcpStream::from_descriptor(&core, ours);
            if speaks {
                theirs.write_all(b"nobody reads this").expect("write");
            }
            drop_at(&core, moment, async { stream.receive().await.map(drop) });
            drop(stream);
            settle(&core);
            turns(&core, 2);
            assert!(is_closed(&mut theirs), "{moment:?}, peer speaks: {speaks}");
        }
    }
    finish(core);
}

#[test]
fn a_dropped_write_is_sent_once_and_whole() {
    let core = core();
    let length = size(4 << 20);
    let body: Vec<u8> = (0..length).map(|n| (n / 7) as u8).collect();
    for moment in MOMENTS {
        let (ours, mut theirs) = pair();
        let mut stream: TcpStream = TcpStream::from_descriptor(&core, ours);
        // Nobody reads yet, so that the send stays in flight; then another write follows.
        drop_at(&core, moment, stream.write_all(body.clone()));
        let peer = std::thread::spawn(move || {
            let mut got = Vec::new();
            theirs.read_to_end(&mut got).map(|_| got)
        });
        run(&core, async move {
            stream.write_all("END").await.expect("write");
            stream.shutdown(Direction::Write).await.expect("shutdown");
        });
        let got = peer.join().expect("peer").expect("read");
        assert!(got.ends_with(b"END"), "{moment:?}: {} bytes", got.len());
        assert!(got[..got.len() - 3] == body, "{moment:?}: torn or doubled");
    }
    finish(core);
}

#[test]
fn a_stream_dropped_with_a_write_in_flight_is_closed_after_it() {
    let core = core();
    for moment in MOMENTS {
        let (ours, mut theirs) = pair();
        let mut stream: TcpStream = TcpStream::from_descriptor(&core, ours);
        drop_at(&core, moment, stream.write_all(vec![b'x'; 16 << 20]));
        drop(stream);
        settle(&core);
        turns(&core, 2);
        let mut got = Vec::new();
        // A reset instead of an end is fine: the peer must only hear of it.
        let _ = theirs.read_to_end(&mut got);
        assert!(got.iter().all(|byte| *byte == b'x'), "{moment:?}");
        assert!(is_closed(&mut theirs));
    }
    finish(core);
}

#[test]
fn a_dropped_connect_closes_its_socket() {
    let core = core();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("bind");
    listener.set_nonblocking(true).expect("option");
    let address = listener.local_addr().expect("address");
    for moment in MOMENTS {
        drop_at(&core, moment, TcpStream::connect(address));
        settle(&core);
        turns(&core, 2);
        // Whoever got through has hung up.
        while let Ok((mut accepted, _)) = listener.accept() {
            accepted.set_nonblocking(false).expect("option");
            bounded(&accepted);
            assert!(is_closed(&mut accepted), "{moment:?}");
        }
    }
    finish(core);
}

#[test]
fn a_connect_that_nobody_answers_is_dropped_in_the_kernel() {
    use ringgate_runtime::sys::listener::{ReusePort, tcp_listener};
    let any = "127.0.0.1:0".parse().unwrap();
    let full = std::net::TcpListener::from(tcp_listener(any, ReusePort::First, 1).expect("bind"));
    let address = full.local_addr().expect("address");
    // Fills the queue; the first who does not get in finds it full.
    let mut queue = Vec::new();
    while let Ok(queued) =
        std::net::TcpStream::connect_timeout(&address, Duration::from_millis(100))
    {
        queue.push(queued);
        assert!(queue.len() < 64, "the queue has an end");
    }
    let core = core();
    drop_at(&core, Moment::Unseen, TcpStream::connect(address));
    settle(&core);
    finish(core);
}

#[test]
fn dropped_operations_without_a_result_end() {
    let core = core();
    let (out, into) = std::io::pipe().expect("pipe");
    for moment in MOMENTS {
        drop_at(&core, moment, nop());
        drop_at(&core, moment, kernel_timeout(Duration::from_secs(3600)));
        drop_at(&core, moment, poll_once(out.as_fd(), libc::POLLIN as u32));
        settle(&core);
    }
    drop(into);
    finish(core);
}

#[test]
fn dropped_reads_and_writes_of_a_file_free_their_memory_when_the_kernel_is_done() {
    let path = scratch("transfer");
    let core = core();
    for moment in MOMENTS {
        let at = path.clone();
        let file = run(&core, async move {
            let options = OpenOptions::new().read(true).write(true).create(true);
            options.open(at).await.expect("open")
        });
        drop_at(&core, moment, file.write_at(vec![7; 1 << 20], 0));
        drop_at(&core, moment, file.read_at(vec![0; 1 << 20], 0));
        drop_at(&core, moment, file.metadata());
        drop_at(&core, moment, metadata(&path));
        drop(file);
        settle(&core);
        turn_until(&core, &mut (), "the file is closed", |()| !is_open(&path));
    }
    let bytes = std::fs::read(&path).expect("read");
    assert!(bytes.iter().all(|byte| *byte == 7));
    finish(core);
    std::fs::remove_file(path).expect("the file is ours");
}

#[test]
fn a_dropped_splice_out_of_an_empty_pipe_ends() {
    let core = core();
    for moment in MOMENTS {
        let (out, mut into) = std::io::pipe().expect("pipe");
        let (ours, mut theirs) = pair();
        let stream: TcpStream = TcpStream::from_descriptor(&core, ours);
        let entered = core.enter();
        let out = File::from_fd(OwnedFd::from(out));
        drop(entered);
        drop_at(&core, moment, splice(&out, None, &stream, None, 100));
        drop((out, stream));
        settle(&core);
        turns(&core, 2);
        assert!(is_closed(&mut theirs), "{moment:?}: the socket is closed");
        let broken = into.write_all(b"x").map_err(|error| error.kind());
        assert_eq!(
            broken,
            Err(std::io::ErrorKind::BrokenPipe),
            "{moment:?}: the pipe is closed"
        );
    }
    finish(core);
}

#[test]
fn a_udp_socket_dropped_with_a_receive_in_flight_frees_its_port() {
    let core = core();
    for moment in MOMENTS {
        let entered = core.enter();
        let any = "127.0.0.1:0".parse().unwrap();
        let mut socket = UdpSocket::bind(any).expect("bind");
        let address = socket.local_addr().expect("address");
        let mut into = [0; 8];
        drop_at(&core, moment, socket.recv_from(&mut into));
        drop_at(&core, moment, socket.send_to(vec![1; 8], address));
        drop(socket);
        drop(entered);
        settle(&core);
        turn_until(&core, &mut (), "the port is free", |()| {
            std::net::UdpSocket::bind(address).is_ok()
        });
    }
    finish(core);
}

#[test]
fn a_dropped_unix_connect_to_a_full_queue_ends() {
    let path = scratch("full.sock");
    let listener = std::os::unix::net::UnixListener::bind(&path).expect("bind");
    // Its queue ends somewhere at or below net.core.somaxconn; connect(2) waits then.
    use std::os::fd::AsRawFd;
    // SAFETY: listen(2) takes no pointer; it shortens the queue of a socket that lives.
    let result = unsafe { libc::listen(listener.as_raw_fd(), 0) };
    assert_eq!(result, 0);
    let _queued = std::os::unix::net::UnixStream::connect(&path).expect("the first gets in");
    let core = core();
    drop_at(&core, Moment::Unseen, UnixStream::connect(&path));
    settle(&core);
    finish(core);
    std::fs::remove_file(path).expect("the file is ours");
}

#[test]
fn a_task_dropped_in_the_middle_of_everything_leaves_nothing() {
    let core = core();
    let mut peers = Vec::new();
    let mut tasks = Vec::new();
    for _ in 0..size(20) {
        let (ours, theirs) = pair();
        peers.push(theirs);
        let inside = core.clone();
        tasks.push(core.spawn(async move {
            let mut stream: TcpStream = TcpStream::from_descriptor(&inside, ours);
            let (reader, writer) = stream.split_mut();
            let mut into = [0; 8];
            let mut read = Box::pin(reader.read(&mut into));
            let mut write = Box::pin(writer.write_all(vec![1; 16 << 20]));
            let mut sleep = Box::pin(ringgate_runtime::sleep(Duration::from_secs(3600)));
            std::future::poll_fn(|cx| {
                let _ = read.as_mut().poll(cx);
                let _ = write.as_mut().poll(cx);
                sleep.as_mut().poll(cx)
            })
            .await;
        }));
    }
    turn_until(&core, &mut (), "all wait in the kernel", |()| {
        core.counts().operations_in_flight == 2 * size(20) as u64
    });
    for task in &tasks {
        task.abort();
    }
    assert_eq!(core.counts().tasks, 0);
    settle(&core);
    turns(&core, 2);
    for mut peer in peers {
        let mut got = Vec::new();
        let _ = peer.read_to_end(&mut got);
        assert!(is_closed(&mut peer));
    }
    finish(core);
}
