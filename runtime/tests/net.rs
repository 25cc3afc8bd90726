//! Streams, listeners and datagrams as tasks use them, against peers of the standard library and
//! against each other. Each must pass from Linux 6.1.

mod common;

use common::{core, finish, options, run, turn_until};
use ringgate_runtime::buffer::PoolOptions;
use ringgate_runtime::core::UNIX_SEND_MAX_BYTES;
use ringgate_runtime::net::{
    Direction, TcpListener, TcpStream, UdpSocket, UnixListener, UnixStream,
};
use ringgate_runtime::{Core, CoreOptions};
use std::cell::Cell;
use std::io::{self, Read, Write};
use std::net::SocketAddr;
use std::rc::Rc;

/// A core with few and small buffers.
fn core_with_buffers(buffers: u16, leases_kept: u32) -> Rc<Core> {
    let buffers = PoolOptions {
        buffers,
        buffer_size: 64,
        leases_kept,
    };
    Core::new(CoreOptions {
        buffers,
        ..options()
    })
    .expect("a core")
}

/// Answers each connection with what it sent, until its end.
async fn echo<F>(mut stream: ringgate_runtime::net::Stream<F>) -> io::Result<u64> {
    let mut bytes = 0;
    while let Some(lease) = stream.receive().await? {
        bytes += lease.len() as u64;
        stream.write_all(lease).await?;
    }
    stream.shutdown(Direction::Write).await?;
    Ok(bytes)
}

fn tcp_echoes(address: &str) {
    let address: SocketAddr = address.parse().expect("an address");
    let core = core();
    let inside = core.clone();
    run(&core, async move {
        let listener = TcpListener::bind(address).expect("bind");
        let bound = listener.local_addr().expect("address");
        let server = inside.spawn(async move {
            let stream = listener.accept().await.expect("accept");
            echo(stream).await
        });
        let mut client = TcpStream::connect(bound).await.expect("connect");
        client.set_nodelay(true).expect("option");
        assert_eq!(client.peer_addr().expect("peer"), bound);
        assert_ne!(client.local_addr().expect("own"), bound);
        client.write_all("hello ").await.expect("write");
        client.write_all(vec![b'x'; 10_000]).await.expect("write");
        client.shutdown(Direction::Write).await.expect("shutdown");
        let mut head = [0; 6];
        client.read_exact(&mut head).await.expect("read");
        assert_eq!(&head, b"hello ");
        let (mut rest, mut piece) = (0, [0; 700]);
        loop {
            match client.read(&mut piece).await.expect("read") {
                0 => break,
                count => {
                    assert!(piece[..count].iter().all(|byte| *byte == b'x'));
                    rest += count;
                }
            }
        }
        assert_eq!(rest, 10_000);
        let echoed = server.await.expect("no panic").expect("no error");
        assert_eq!(echoed, 10_006);
    });
    finish(core);
}

#[test]
fn tcp_carries_bytes_both_ways_over_v4() {
    tcp_echoes("127.0.0.1:0");
}

#[test]
fn tcp_carries_bytes_both_ways_over_v6() {
    if std::net::TcpListener::bind("[::1]:0").is_err() {
        eprintln!("skipped: this machine has no IPv6 loopback");
        return;
    }
    tcp_echoes("[::1]:0");
}

#[test]
fn unix_sockets_carry_bytes_both_ways() {
    let path = std::env::temp_dir().join(format!("ringgate-net-{}.sock", std::process::id()));
    let core = core();
    let inside = core.clone();
    let at = path.clone();
    run(&core, async move {
        let listener = UnixListener::bind(&at, 0o600).expect("bind");
        let server = inside.spawn(async move {
            let stream = listener.accept().await.expect("accept");
            let peer = stream.peer_credentials().expect("credentials");
            assert_eq!(peer.pid, std::process::id() as i32);
            echo(stream).await
        });
        let mut client = UnixStream::connect(&at).await.expect("connect");
        client.write_all("over a file").await.expect("write");
        let mut answer = [0; 11];
        client.read_exact(&mut answer).await.expect("read");
        assert_eq!(&answer, b"over a file");
        drop(client);
        server.await.expect("no panic").expect("no error");
    });
    finish(core);
    std::fs::remove_file(path).expect("the file is ours");
}

#[test]
fn a_refused_connect_says_so() {
    let gone = std::net::TcpListener::bind("127.0.0.1:0").expect("bind");
    let address = gone.local_addr().expect("address");
    drop(gone);
    let core = core();
    let error = run(&core, async move {
        TcpStream::connect(address).await.map(drop).unwrap_err()
    });
    assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused);
    finish(core);
}

#[test]
fn a_write_to_a_peer_that_is_gone_fails_and_goes_on_failing() {
    let (ours, theirs) = common::pair();
    let core = core();
    let inside = core.clone();
    run(&core, async move {
        let mut stream: TcpStream = TcpStream::from_descriptor(&inside, ours);
        stream.write_all("nobody reads it").await.expect("room");
        // With bytes unread that is a reset: the kernel tells of it once, then of a broken pipe.
        drop(theirs);
        let first = loop {
            if let Err(error) = stream.write_all("anybody?").await {
                break error;
            }
        };
        assert_eq!(first.kind(), io::ErrorKind::ConnectionReset);
        let second = stream.write_all("anybody?").await.unwrap_err();
        assert_eq!(second.kind(), first.kind(), "bytes are missing before it");
    });
    finish(core);
}

#[test]
fn both_halves_of_a_stream_work_in_two_tasks() {
    let (ours, mut theirs) = common::pair();
    let core = core();
    let inside = core.clone();
    let peer = std::thread::spawn(move || {
        let mut answer = [0; 5];
        theirs.read_exact(&mut answer).expect("read");
        theirs.write_all(b"pong!").expect("write");
        answer
    });
    run(&core, async move {
        let stream: TcpStream = TcpStream::from_descriptor(&inside, ours);
        let (mut reader, mut writer) = stream.split();
        let reading = inside.spawn(async move {
            let mut answer = [0; 5];
            reader.read_exact(&mut answer).await.map(|()| answer)
        });
        writer.write_more("pi").await.expect("write");
        writer.write_all("ng!").await.expect("write");
        drop(writer);
        assert_eq!(&reading.await.expect("task").expect("read"), b"pong!");
    });
    assert_eq!(&peer.join().expect("peer"), b"ping!");
    finish(core);
}

#[test]
fn datagrams_go_both_ways() {
    let core = core();
    run(&core, async {
        let loopback = "127.0.0.1:0".parse().expect("an address");
        let mut one = UdpSocket::bind(loopback).expect("bind");
        let mut other = UdpSocket::bind(loopback).expect("bind");
        let (to_one, to_other) = (
            one.local_addr().expect("address"),
            other.local_addr().expect("address"),
        );
        let (sent, memory) = one.send_to(b"question".to_vec(), to_other).await;
        assert_eq!(
            (sent.expect("sent"), memory.as_slice()),
            (8, &b"question"[..])
        );
        let mut into = [0; 16];
        let received = other.recv_from(&mut into).await.expect("received");
        assert_eq!(received, (8, to_one));
        assert_eq!(&into[..8], b"question");
        let answer = other.sender();
        answer
            .send_to(vec![b'a'; 100], to_one)
            .await
            .0
            .expect("sent");
        let received = one.recv_from(&mut into).await.expect("received");
        assert_eq!(received, (16, to_other), "the rest is cut off");
    });
    finish(core);
}

#[test]
fn a_datagram_is_not_lost_with_the_future_that_waited_for_it() {
    let core = core();
    run(&core, async {
        let loopback = "127.0.0.1:0".parse().expect("an address");
        let mut socket = UdpSocket::bind(loopback).expect("bind");
        let address = socket.local_addr().expect("address");
        let mut into = [0; 8];
        let waited = ringgate_runtime::timeout(
            std::time::Duration::from_millis(5),
            socket.recv_from(&mut into),
        );
        assert!(waited.await.is_err(), "nobody has sent");
        socket
            .send_to(b"late".to_vec(), address)
            .await
            .0
            .expect("sent");
        let (count, _) = socket.recv_from(&mut into).await.expect("received");
        assert_eq!(&into[..count], b"late");
    });
    finish(core);
}

#[test]
fn leases_come_from_the_ring_and_go_back() {
    // Ten times as many receives as there are buffers, some leases kept past their turn and over
    // the cap: each buffer is used again and again, holds what was sent, and all come back.
    let core = core_with_buffers(4, 2);
    let (ours, mut theirs) = common::pair();
    let rounds = common::size(40) as u8 as u32;
    let mut kept = std::collections::VecDeque::new();
    let inside = core.clone();
    run(&core, async move {
        let mut stream: TcpStream = TcpStream::from_descriptor(&inside, ours);
        for round in 0..rounds {
            theirs.write_all(&[round as u8; 64]).expect("write");
            let lease = stream.receive().await.expect("receive").expect("bytes");
            assert!(lease.iter().all(|byte| u32::from(*byte) == round));
            kept.push_back((round, lease));
            if kept.len() > 3 {
                let (of, oldest) = kept.pop_front().expect("kept");
                assert!(oldest.iter().all(|byte| u32::from(*byte) == of));
            }
        }
    });
    finish(core);
}

#[test]
fn streams_without_a_buffer_wait_for_one_without_spinning() {
    let core = core_with_buffers(2, 0);
    let got = Rc::new(Cell::new(0));
    let gate = Rc::new(Cell::new(false));
    let mut peers = Vec::new();
    for _ in 0..6 {
        let (ours, mut theirs) = common::pair();
        theirs.write_all(b"here").expect("write");
        peers.push(theirs);
        let (got, gate, inside) = (got.clone(), gate.clone(), core.clone());
        core.spawn(async move {
            let mut stream: TcpStream = TcpStream::from_descriptor(&inside, ours);
            let lease = stream.receive().await.expect("receive").expect("bytes");
            got.set(got.get() + 1);
            while !gate.get() {
                ringgate_runtime::sleep(std::time::Duration::from_millis(5)).await;
            }
            drop(lease);
        });
    }
    turn_until(&core, &mut (), "both buffers are lent", |()| {
        got.get() == 2 && core.counts().starved_receives >= 4
    });
    let before = core.counts().starved_receives;
    turn_until(&core, &mut (), "some turns", {
        let until = core.counts().turns + 20;
        let core = core.clone();
        move |()| core.counts().turns > until
    });
    assert_eq!(
        core.counts().starved_receives,
        before,
        "nothing is armed again before a buffer is back"
    );
    gate.set(true);
    turn_until(&core, &mut (), "all are served", |()| got.get() == 6);
    turn_until(&core, &mut (), "all tasks end", |()| {
        core.counts().tasks == 0
    });
    finish(core);
}

#[test]
fn a_read_that_nobody_waits_for_holds_its_buffer_and_makes_nobody_spin() {
    let core = core_with_buffers(1, 0);
    let ((first, mut to_first), (second, mut to_second)) = (common::pair(), common::pair());
    let mut first: TcpStream = TcpStream::from_descriptor(&core, first);
    let mut second: TcpStream = TcpStream::from_descriptor(&core, second);
    let poll = |stream: &mut TcpStream| {
        let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
        stream.split_mut().0.poll_receive(&mut cx).is_ready()
    };
    assert!(!poll(&mut first), "started, and waited for by nobody");
    to_first.write_all(b"one").expect("write");
    turn_until(&core, &mut (), "the first has the buffer", |()| {
        core.buffers().available() == 0
    });
    assert!(!poll(&mut second));
    to_second.write_all(b"two").expect("write");
    turn_until(&core, &mut (), "the second finds none", |()| {
        core.counts().starved_receives == 1
    });
    let until = core.counts().turns + 20;
    turn_until(&core, &mut (), "some turns", |()| {
        core.counts().turns > until
    });
    assert_eq!(core.counts().starved_receives, 1, "it waits in line");
    let inside = core.clone();
    run(&core, async move {
        let lease = first.receive().await.expect("receive").expect("bytes");
        assert_eq!(&*lease, b"one");
        drop(lease);
        let lease = second.receive().await.expect("receive").expect("bytes");
        assert_eq!(&*lease, b"two");
        drop(inside);
    });
    finish(core);
}

/// The ring's shutdown would look the descriptor up later, on a worker thread of the kernel.
#[test]
fn a_shutdown_happens_at_once_and_not_in_a_turn_to_come() {
    let core = core();
    let (ours, mut theirs) = std::os::unix::net::UnixStream::pair().expect("a pair");
    let ours = std::os::fd::OwnedFd::from(ours);
    let mut stream: UnixStream = UnixStream::from_descriptor(&core, ours);
    let mut shutdown = Box::pin(stream.shutdown(Direction::Write));
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    let shut = std::future::Future::poll(shutdown.as_mut(), &mut context);
    assert!(matches!(shut, std::task::Poll::Ready(Ok(()))), "{shut:?}");
    theirs.set_nonblocking(true).expect("option");
    assert_eq!(theirs.read(&mut [0; 1]).expect("the end is there"), 0);
    drop(shutdown);
    drop(stream);
    finish(core);
}

/// Counts what was sent.
#[derive(Default)]
struct Sends {
    sent: Vec<u32>,
}

impl ringgate_runtime::Sink for Sends {
    fn on_event(&mut self, _: &Rc<Core>, event: ringgate_runtime::Event) {
        if let ringgate_runtime::Event::Sent { result, .. } = event {
            self.sent.push(result.expect("sent"));
        }
    }
}

#[test]
fn a_peer_is_seen_to_have_taken_all_when_it_has_acknowledged_all_and_what_the_kernel_holds_is_not_taken()
 {
    let core = core();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("bind");
    let address = listener.local_addr().expect("bound");
    let mut theirs = std::net::TcpStream::connect(address).expect("connect");
    let (mut ours, _) = listener.accept().expect("accept");
    ours.set_nonblocking(true).expect("fcntl");
    let mut sent = 0;
    while let Ok(count) = std::io::Write::write(&mut ours, &[b'x'; 64 << 10]) {
        sent += count;
    }
    let ours = ringgate_runtime::Descriptor::from(std::os::fd::OwnedFd::from(ours));
    assert!(!core.has_taken_all(&ours), "its buffer is full");
    assert!(core.is_taking(&ours));
    theirs.read_exact(&mut vec![0; sent]).expect("read");
    // The last acknowledgement is on its way.
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(10);
    while !core.has_taken_all(&ours) {
        assert!(std::time::Instant::now() < deadline, "never acknowledged");
        std::thread::yield_now();
    }
    assert!(!core.is_taking(&ours));
    core.shutdown(&ours, ringgate_runtime::sys::socket::Direction::Write);
    assert!(core.has_taken_all(&ours), "the end of this side is no byte");
}

#[test]
fn a_peer_that_has_reset_the_connection_takes_nothing_more_although_it_has_not_acknowledged_all() {
    let core = core();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("bind");
    let address = listener.local_addr().expect("bound");
    let theirs = std::net::TcpStream::connect(address).expect("connect");
    let (mut ours, _) = listener.accept().expect("accept");
    ours.set_nonblocking(true).expect("fcntl");
    while std::io::Write::write(&mut ours, &[b'x'; 64 << 10]).is_ok() {}
    let ours = ringgate_runtime::Descriptor::from(std::os::fd::OwnedFd::from(ours));
    assert!(core.is_taking(&ours));
    // It has bytes that it has not read.
    drop(theirs);
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(10);
    while core.is_taking(&ours) {
        assert!(std::time::Instant::now() < deadline, "never reset");
        std::thread::yield_now();
    }
}

#[test]
fn a_send_on_a_unix_socket_is_seen_to_be_taken() {
    let core = core();
    let (ours, mut theirs) = std::os::unix::net::UnixStream::pair().expect("a pair");
    let ours = ringgate_runtime::Descriptor::from(std::os::fd::OwnedFd::from(ours));
    static BYTES: [u8; 256 << 10] = [b'x'; 256 << 10];
    let mut sends = Sends::default();
    // As many as find room, each short, and one that waits.
    let mut begun = 0;
    while sends.sent.len() == begun {
        let bytes = ringgate_runtime::SendBuffer::Static(&BYTES);
        core.send(&ours, bytes, 0..BYTES.len(), false, 0);
        begun += 1;
        for _ in 0..10 {
            core.turn(&mut sends, Some(std::time::Duration::from_millis(1)));
        }
    }
    let part = UNIX_SEND_MAX_BYTES;
    assert!(sends.sent.iter().all(|sent| *sent as usize == part));
    let before = core.taken(&ours).expect("counted");
    theirs.read_exact(&mut vec![0; part - 1]).expect("read");
    assert_eq!(core.taken(&ours), Some(before), "not all of a send");
    theirs.read_exact(&mut [0; 1]).expect("read");
    assert!(core.taken(&ours).expect("counted") > before);
    drop(theirs);
    while core.counts().operations_in_flight > 0 {
        core.turn(&mut Ignored, Some(std::time::Duration::from_millis(1)));
    }
    core.close(ours);
    finish(core);
}

struct Ignored;

impl ringgate_runtime::Sink for Ignored {
    fn on_event(&mut self, _: &Rc<Core>, _: ringgate_runtime::Event) {}
}
