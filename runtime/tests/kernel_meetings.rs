//! Where two features of the kernel meet: what it answers, asked of the ring itself and written down in
//! `docs/kernels.md`. Each test says from which version of Linux it must pass. What a forked child does to a
//! ring is in `forked.rs`, what a stuck core's accept does to its listener in `helped_listener.rs`.

mod common;

use common::{PATIENCE, Recorder, client, core, finish, pair, size, turn_until};
use io_uring::types::{BufRingEntry, Fd, SubmitArgs, Timespec};
use io_uring::{IoUring, cqueue, opcode, squeue};
use ringgate_runtime::buffer::PoolOptions;
use ringgate_runtime::{Core, CoreOptions, SendBuffer};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::fd::{AsRawFd, RawFd};
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::{Duration, Instant};

const GROUP: u16 = 7;
const BUFFER_BYTES: usize = 64;

/// Submits one operation. What it points to must live until its last completion.
fn push(ring: &mut IoUring, entry: squeue::Entry, user_data: u64) {
    // SAFETY: the callers keep memory and descriptors until the operation has ended, or the ring is dropped
    // before them (io_uring(7)).
    unsafe { ring.submission().push(&entry.user_data(user_data)) }.expect("room for it");
    ring.submit().expect("submit");
}

/// The next completion: user data, result, and whether more will follow; `None` after `wait`.
fn next_within(ring: &mut IoUring, wait: Duration) -> Option<(u64, i32, u32)> {
    let deadline = Instant::now() + wait;
    loop {
        if let Some(entry) = ring.completion().next() {
            return Some((entry.user_data(), entry.result(), entry.flags()));
        }
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return None;
        }
        let left = Timespec::from(left);
        // Its time being over is an answer, too: the queue is looked at once more.
        let _ = ring
            .submitter()
            .submit_with_args(1, &SubmitArgs::new().timespec(&left));
    }
}

fn next(ring: &mut IoUring) -> (u64, i32, u32) {
    next_within(ring, PATIENCE).expect("a completion")
}

/// A page of entries, and the buffers they name, registered with a ring.
struct Buffers {
    entries: *mut BufRingEntry,
    memory: Vec<u8>,
    count: u16,
    tail: u16,
}

impl Buffers {
    fn new(ring: &IoUring, count: u16) -> Buffers {
        // SAFETY: mmap(2) of fresh anonymous memory, page aligned as the registration asks
        // (io_uring_register_buf_ring(3)); never unmapped, the test's process ends soon.
        let entries = unsafe {
            let (access, kind) = (
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_ANONYMOUS | libc::MAP_PRIVATE,
            );
            libc::mmap(std::ptr::null_mut(), 4096, access, kind, -1, 0)
        };
        assert_ne!(entries, libc::MAP_FAILED);
        let mut buffers = Buffers {
            entries: entries.cast(),
            memory: vec![0; BUFFER_BYTES * usize::from(count)],
            count,
            tail: 0,
        };
        // SAFETY: the page stays until the process ends, see above.
        let registered = unsafe {
            let submitter = ring.submitter();
            submitter.register_buf_ring_with_flags(entries as u64, count, GROUP, 0)
        };
        registered.expect("registered");
        (0..count).for_each(|id| buffers.give(id));
        buffers
    }

    fn give(&mut self, id: u16) {
        let place = usize::from(self.tail & (self.count - 1));
        let at = &raw mut self.memory[usize::from(id) * BUFFER_BYTES];
        self.tail = self.tail.wrapping_add(1);
        // SAFETY: the entry is inside the page and not the kernel's before the tail says so; the tail is
        // an aligned u16 that the kernel reads (io_uring_register_buf_ring(3)).
        unsafe {
            let entry = &mut *self.entries.add(place);
            entry.set_addr(at as u64);
            entry.set_len(BUFFER_BYTES as u32);
            entry.set_bid(id);
            let tail = BufRingEntry::tail(self.entries).cast_mut();
            AtomicU16::from_ptr(tail).store(self.tail, Ordering::Release);
        }
    }
}

/// IORING_RECVSEND_BUNDLE with IORING_RECV_MULTISHOT, from 6.10; on older kernels the receive is refused.
/// Buffers follow each other in a bundle, and when the last was taken the receive has ended: with -ENOBUFS
/// behind the bytes, or with the bytes themselves and no error at all. Who waits for an error waits for ever.
#[test]
fn a_bundle_that_takes_the_last_buffer_may_end_its_receive_without_an_error() {
    let mut ring = IoUring::new(8).expect("a ring");
    let mut buffers = Buffers::new(&ring, 4);
    let (ours, mut theirs) = pair();
    let sent: Vec<u8> = (0..=255).cycle().take(BUFFER_BYTES * 6).collect();
    theirs.write_all(&sent).expect("write");
    let fd = Fd(ours.as_raw_fd());
    let receive = || opcode::RecvMultiBundle::new(fd, GROUP).build();
    push(&mut ring, receive(), 1);
    let mut got: Vec<u8> = Vec::new();
    let mut silent_ends = 0;
    while got.len() < sent.len() {
        let (_, result, flags) = next(&mut ring);
        if result == -libc::EINVAL && got.is_empty() {
            println!("bundles: not there");
            return;
        }
        let mut taken = Vec::new();
        if result > 0 {
            let first = cqueue::buffer_select(flags).expect("a buffer");
            let count = (result as usize).div_ceil(BUFFER_BYTES) as u16;
            let mut left = result as usize;
            for id in (0..count).map(|nth| (first + nth) % 4) {
                let at = usize::from(id) * BUFFER_BYTES;
                let part = left.min(BUFFER_BYTES);
                got.extend_from_slice(&buffers.memory[at..at + part]);
                left -= part;
                taken.push(id);
            }
        } else {
            assert_eq!(result, -libc::ENOBUFS);
        }
        if !cqueue::more(flags) {
            silent_ends += u32::from(result > 0);
            taken.drain(..).for_each(|id| buffers.give(id));
            if got.len() < sent.len() {
                push(&mut ring, receive(), 1);
            }
        }
        taken.into_iter().for_each(|id| buffers.give(id));
    }
    assert_eq!(got, sent, "in order, once");
    println!("bundles: there, {silent_ends} ends without an error");
}

/// Without bundles, from 6.1: bytes always come with "more to come", and the end is a completion of its own.
/// The runtime takes its receives so, and waits for -ENOBUFS before it arms one again.
#[test]
fn without_bundles_a_receive_that_took_the_last_buffer_ends_with_an_error_of_its_own() {
    let mut ring = IoUring::new(8).expect("a ring");
    let _buffers = Buffers::new(&ring, 4);
    let (ours, mut theirs) = pair();
    theirs.write_all(&[5; BUFFER_BYTES * 6]).expect("write");
    let fd = Fd(ours.as_raw_fd());
    push(&mut ring, opcode::RecvMulti::new(fd, GROUP).build(), 1);
    for _ in 0..4 {
        let (_, result, flags) = next(&mut ring);
        assert_eq!((result, cqueue::more(flags)), (BUFFER_BYTES as i32, true));
    }
    let (_, result, flags) = next(&mut ring);
    assert_eq!((result, cqueue::more(flags)), (-libc::ENOBUFS, false));
}

/// IORING_POLL_ADD_LEVEL with IORING_POLL_ADD_MULTI, from 6.1: refused, so a multishot poll tells of edges only.
/// Whoever hears it must read until nothing is left.
#[test]
fn a_multishot_poll_of_levels_is_refused() {
    /// include/uapi/linux/io_uring.h: `IORING_POLL_ADD_LEVEL`, in the field `len`.
    const LEVEL: u32 = 1 << 3;
    const LEN_AT: usize = 24;
    let mut ring = IoUring::new(8).expect("a ring");
    let (out, mut into) = std::io::pipe().expect("pipe");
    into.write_all(b"xx").expect("write");
    let fd = Fd(out.as_raw_fd());
    let poll = || {
        opcode::PollAdd::new(fd, libc::POLLIN as u32)
            .multi(true)
            .build()
    };
    let mut level = poll();
    // SAFETY: an entry is the kernel's `struct io_uring_sqe` and nothing else (repr(transparent)); `len` are
    // four bytes inside it.
    unsafe {
        let len = (&raw mut level).cast::<u8>().add(LEN_AT).cast::<u32>();
        *len |= LEVEL;
    }
    push(&mut ring, level, 1);
    let (_, result, flags) = next(&mut ring);
    assert_eq!((result, cqueue::more(flags)), (-libc::EINVAL, false));
    // Edges: one event for what is there, none for what is left.
    push(&mut ring, poll(), 2);
    assert_eq!(next(&mut ring).0, 2);
    (&out).read_exact(&mut [0; 1]).expect("read");
    assert_eq!(next_within(&mut ring, Duration::from_millis(50)), None);
}

/// close(2) beside an armed receive, from 6.1: the receive goes on, and the peer hears nothing until it is
/// cancelled. So the runtime cancels first, or shuts down.
#[test]
fn a_close_ends_no_receive_and_a_cancel_does() {
    let mut ring = IoUring::new(8).expect("a ring");
    let _buffers = Buffers::new(&ring, 4);
    let (ours, mut theirs) = pair();
    let fd = Fd(ours.as_raw_fd());
    push(&mut ring, opcode::RecvMulti::new(fd, GROUP).build(), 1);
    drop(ours);
    assert_eq!(next_within(&mut ring, Duration::from_millis(50)), None);
    theirs.write_all(b"still heard").expect("write");
    let (_, result, flags) = next(&mut ring);
    assert_eq!((result, cqueue::more(flags)), (11, true));
    push(&mut ring, opcode::AsyncCancel::new(1).build(), 2);
    let mut ended = [next(&mut ring), next(&mut ring)].map(|(who, result, _)| (who, result));
    ended.sort_unstable();
    assert_eq!(ended, [(1, -libc::ECANCELED), (2, 0)]);
    assert!(common::is_closed(&mut theirs));
}

/// A multishot accept that stays armed while what it accepted moves to another ring, and its receive is
/// cancelled here and armed there, from 6.1: no byte is lost, doubled or out of order, and the next is accepted.
#[test]
fn sockets_move_to_another_ring_while_the_accept_stays_armed() {
    let (here, there) = (core(), core());
    let (mut seen_here, mut seen_there) = (Recorder::default(), Recorder::default());
    let listener = TcpListener::bind("127.0.0.1:0").expect("bind");
    let address = listener.local_addr().expect("address");
    let accept = here.accept(&listener, 0);
    for key in 1..=size(40) as u64 {
        let mut theirs = client(address);
        turn_until(&here, &mut seen_here, "accepted", |r| {
            !r.accepted.is_empty()
        });
        let socket = seen_here.accepted.pop().expect("accepted");
        let receive = here.receive(&socket, key);
        theirs.write_all(b"one ").expect("write");
        if key % 2 == 0 {
            here.turn(&mut seen_here, Some(Duration::ZERO));
        }
        here.cancel(receive);
        theirs.write_all(b"two ").expect("write");
        turn_until(&here, &mut seen_here, "its end", |r| r.has_ended(key));
        let before = std::mem::take(&mut seen_here.bytes);
        let receive = there.receive(&socket, key);
        theirs.write_all(b"three").expect("write");
        let left = b"one two three".len() - before.len();
        turn_until(&there, &mut seen_there, "the rest", |r| {
            r.bytes.len() >= left
        });
        let all = [before, std::mem::take(&mut seen_there.bytes)].concat();
        assert_eq!(all, b"one two three");
        there.send(
            &socket,
            SendBuffer::Static(b"ok"),
            0..2,
            false,
            key + 1_000_000,
        );
        turn_until(&there, &mut seen_there, "sent", |r| {
            r.has_ended(key + 1_000_000)
        });
        theirs.read_exact(&mut [0; 2]).expect("read");
        there.cancel(receive);
        turn_until(&there, &mut seen_there, "its end", |r| r.has_ended(key));
        assert!(!seen_here.has_ended(0), "the accept is armed still");
    }
    here.cancel(accept);
    turn_until(&here, &mut seen_here, "its end", |r| r.has_ended(0));
    finish(here);
    finish(there);
}

fn reset(stream: TcpStream) {
    socket_reset(&stream);
    drop(stream);
}

/// SO_LINGER of no time: closing resets.
fn socket_reset(stream: &TcpStream) {
    let linger = libc::linger {
        l_onoff: 1,
        l_linger: 0,
    };
    // SAFETY: setsockopt(2) reads one `linger` that lives until it returns.
    let done = unsafe {
        let size = size_of::<libc::linger>() as u32;
        let (level, name) = (libc::SOL_SOCKET, libc::SO_LINGER);
        libc::setsockopt(
            stream.as_raw_fd(),
            level,
            name,
            (&raw const linger).cast(),
            size,
        )
    };
    assert_eq!(done, 0);
}

/// A reset right behind bytes, from 6.1: an armed multishot receive may tell of the bytes and then of nothing
/// (6.12 to 7.3, some of 100,000), but poll(2) always tells. The server looks so (`connection/look.rs`).
#[test]
fn a_reset_behind_bytes_is_told_by_the_receive_or_by_poll() {
    let core = Core::new(CoreOptions {
        buffers: PoolOptions {
            buffers: 64,
            buffer_size: 256,
            leases_kept: 64,
        },
        ..common::options()
    })
    .expect("a core");
    let mut recorder = Recorder::default();
    let mut untold = 0;
    for key in 0..size(300) as u64 {
        let (ours, mut theirs) = pair();
        recorder.bytes.clear();
        let receive = core.receive(&ours, key);
        core.turn(&mut recorder, Some(Duration::ZERO));
        theirs.write_all(b"GET / HTTP/1.1\r\n").expect("write");
        reset(theirs);
        // The socket is gone for the kernel, whatever the receive says.
        let gone = || {
            let mut poll = libc::pollfd {
                fd: ours.as_raw_fd(),
                events: libc::POLLIN,
                revents: 0,
            };
            // SAFETY: poll(2) reads and writes the one entry given, which lives until it returns.
            let ready = unsafe { libc::poll(&raw mut poll, 1, 0) };
            ready == 1 && poll.revents & (libc::POLLHUP | libc::POLLERR) != 0
        };
        turn_until(&core, &mut recorder, "told", |r| r.has_ended(key) || gone());
        if !recorder.has_ended(key) {
            core.turn(&mut recorder, Some(Duration::from_millis(5)));
            untold += u32::from(!recorder.has_ended(key));
            core.cancel(receive);
            turn_until(&core, &mut recorder, "its end", |r| r.has_ended(key));
        }
        drop(ours);
    }
    println!("resets: {untold} were told by poll alone");
    finish(core);
}

/// TLS 1.3, AES-128-GCM (include/uapi/linux/tls.h): version, cipher, iv, key, salt, record number.
const TLS_KEY: [u8; 40] = {
    let mut info = [7; 40];
    let version = 0x0304_u16.to_ne_bytes();
    let cipher = 51_u16.to_ne_bytes();
    (info[0], info[1], info[2], info[3]) = (version[0], version[1], cipher[0], cipher[1]);
    let mut at = 32;
    while at < 40 {
        info[at] = 0;
        at += 1;
    }
    info
};

fn tls_option(socket: RawFd, level: i32, name: i32, value: &[u8]) -> Result<(), i32> {
    // SAFETY: setsockopt(2) reads so many bytes of a slice that lives until it returns.
    let done = unsafe {
        let (at, size) = (value.as_ptr().cast(), value.len() as u32);
        libc::setsockopt(socket, level, name, at, size)
    };
    match done {
        0 => Ok(()),
        _ => Err(std::io::Error::last_os_error().raw_os_error().unwrap_or(0)),
    }
}

/// Kernel TLS, which Ringgate does without: whether the kernel has it, and its cipher, is an answer either way.
/// A kernel without the module says ENOENT, a socket keeps what it was.
#[test]
fn a_kernel_has_tls_or_says_that_it_does_not() {
    const SOL_TLS: i32 = 282;
    let (ours, mut theirs) = pair();
    let (fd, level, name) = (ours.as_raw_fd(), libc::IPPROTO_TCP, libc::TCP_ULP);
    let answer = match tls_option(fd, level, name, b"tls") {
        Err(errno) => {
            assert_eq!(errno, libc::ENOENT);
            theirs.write_all(b"plain").expect("a plain socket still");
            "not there".to_owned()
        }
        Ok(()) => match tls_option(fd, SOL_TLS, 1, &TLS_KEY) {
            Ok(()) => "there, with AES-128-GCM".to_owned(),
            Err(errno) => format!("there, without AES-128-GCM (errno {errno})"),
        },
    };
    println!("kTLS: {answer}");
}

/// shutdown(2) under an armed multishot receive, from 6.1: it ends as at the peer's own end.
#[test]
fn a_shutdown_ends_an_armed_receive() {
    let core = core();
    let (ours, theirs) = pair();
    let mut recorder = Recorder::default();
    core.receive(&ours, 1);
    core.turn(&mut recorder, Some(Duration::ZERO));
    // SAFETY: shutdown(2) takes numbers; the descriptor is this test's.
    let done = unsafe { libc::shutdown(ours.as_raw_fd(), libc::SHUT_RD) };
    assert_eq!(done, 0);
    turn_until(&core, &mut recorder, "its end", |r| r.has_ended(1));
    assert!(recorder.eof);
    drop(theirs);
    finish(core);
}
