//! The simulated ring by itself: operations that no script of `tests/simulated` reaches, and each
//! fault at its surest.

use super::*;
use crate::buffer::{Pool, PoolOptions};
use crate::descriptor::Descriptor;
use crate::driver::{Completion, Operation, Token};
use crate::op::{Between, SendPieces};
use std::ffi::CString;
use std::os::fd::{AsRawFd, RawFd};
use std::rc::Rc;
use std::time::Duration;

struct Bench {
    // Dropped before the pool whose ring it looks at.
    driver: SimulatedDriver,
    pool: Rc<Pool>,
    world: World,
    listener: Descriptor,
    tokens: u32,
}

impl Bench {
    fn new(faults: Faults) -> Bench {
        let world = World::new(3, faults);
        let mut driver = world.driver();
        let pool = Pool::new(PoolOptions {
            buffers: 4,
            buffer_size: 16,
            leases_kept: 0,
        });
        let pool = pool.expect("a pool");
        driver.register_buffers(pool.ring());
        let listener = world.listen();
        Bench {
            driver,
            pool,
            world,
            listener,
            tokens: 0,
        }
    }

    /// Queues an operation whose memory the test keeps.
    fn push(&mut self, operation: Operation) -> Token {
        self.tokens += 1;
        let token = Token {
            slot: self.tokens,
            generation: 0,
        };
        // SAFETY: every test keeps the memory it points to beyond the driver's last enter.
        // Guarded by what the tests find in that memory.
        unsafe { self.driver.push(operation, token) }.expect("never full");
        token
    }

    fn enter(&mut self) -> Vec<Completion> {
        self.wait(false, None)
    }

    fn wait(&mut self, wait: bool, timeout: Option<Duration>) -> Vec<Completion> {
        self.driver.enter(wait, timeout).expect("enter");
        let mut taken = Vec::new();
        self.driver.completions(usize::MAX, &mut taken);
        taken
    }

    /// The results of the only operation in flight.
    fn results(&mut self, operation: Operation) -> Vec<i32> {
        self.push(operation);
        self.enter().iter().map(|c| c.result).collect()
    }

    fn accept(&mut self) -> RawFd {
        let listener = self.listener.as_raw_fd();
        let results = self.results(Operation::Accept {
            listener,
            multishot: false,
        });
        assert_eq!(results.len(), 1);
        results[0]
    }

    fn pair(&mut self) -> (Client, RawFd) {
        let client = self.world.connect(&self.listener);
        let faults = self.world.state().faults;
        self.world.set_faults(Faults::none());
        let socket = self.accept();
        self.world.set_faults(faults);
        (client, socket)
    }
}

fn receive(socket: RawFd) -> Operation {
    Operation::ReceiveLeased {
        socket,
        multishot: true,
    }
}

fn send(socket: RawFd, bytes: &[u8]) -> Operation {
    Operation::Send {
        socket,
        from: bytes.as_ptr(),
        len: bytes.len() as u32,
        more: false,
    }
}

fn without_faults() -> Bench {
    Bench::new(Faults::none())
}

#[test]
fn nothing_completes_outside_of_enter() {
    let mut bench = without_faults();
    bench.push(Operation::Nop);
    let mut taken = Vec::new();
    bench.driver.completions(10, &mut taken);
    assert!(taken.is_empty());
    let done = bench.enter();
    assert_eq!(done.len(), 1);
    assert_eq!((done[0].result, done[0].more()), (0, false));
    assert_eq!(bench.driver.enters(), 1);
}

#[test]
fn a_timeout_completes_at_its_time() {
    let mut bench = without_faults();
    let span = io_uring::types::Timespec::new().sec(3).nsec(500);
    bench.push(Operation::Timeout { after: &span });
    let start = bench.world.now();
    assert!(bench.wait(true, Some(Duration::from_secs(2))).is_empty());
    assert_eq!(
        bench.world.now() - start,
        Duration::from_secs(2) + ENTER_COST
    );
    let done = bench.wait(true, None);
    assert_eq!(done[0].result, -libc::ETIME);
    let after = Duration::from_secs(3) + Duration::from_nanos(500) + ENTER_COST;
    assert_eq!(bench.world.now() - start, after);
}

#[test]
fn waiting_goes_from_one_client_action_to_the_next_until_something_completes() {
    let mut bench = without_faults();
    let (client, socket) = bench.pair();
    bench.push(receive(socket));
    client.after(Duration::from_secs(5), Action::Window(3));
    client.after(Duration::from_secs(9), Action::Send(b"late".to_vec()));
    let start = bench.world.now();
    let done = bench.wait(true, None);
    assert_eq!(done[0].result, 4);
    assert_eq!(bench.world.now() - start, Duration::from_secs(9));
    assert_eq!(bench.world.deadlocks(), 0);
    assert!(bench.wait(true, None).is_empty());
    assert_eq!(bench.world.deadlocks(), 1);
}

#[test]
fn a_client_answers_once_it_has_received_enough() {
    let mut bench = without_faults();
    let (client, socket) = bench.pair();
    client.once_received(5, Action::Send(b"thanks".to_vec()));
    client.once_received(5, Action::ShutdownWrite);
    bench.push(receive(socket));
    let sent = [send(socket, b"two"), send(socket, b"more")].map(|send| {
        let results = bench.results(send);
        (results, client.unreceived())
    });
    assert_eq!(sent, [(vec![3], 0), (vec![4], 0)]);
    let results: Vec<i32> = bench.wait(true, None).iter().map(|c| c.result).collect();
    assert_eq!(results, [6, 0]);
}

#[test]
fn a_receive_into_memory_of_the_operation_is_filled() {
    let mut bench = without_faults();
    let (client, socket) = bench.pair();
    let mut memory = [0; 6];
    let into = memory.as_mut_ptr();
    let operation = Operation::Receive {
        socket,
        into,
        len: 6,
    };
    assert_eq!(bench.results(operation), []);
    client.send(b"some bytes");
    assert_eq!(bench.enter()[0].result, 6);
    assert_eq!(&memory, b"some b");
    assert_eq!(client.unreceived(), 4);
}

#[test]
fn each_end_of_a_socket_is_shut_by_itself() {
    let mut bench = without_faults();
    let (client, socket) = bench.pair();
    let how = libc::SHUT_WR;
    assert_eq!(bench.results(Operation::Shutdown { socket, how }), [0]);
    assert_eq!(client.ending(), Ending::Eof);
    assert_eq!(bench.results(send(socket, b"x")), [-libc::EPIPE]);
    client.send(b"still heard");
    assert_eq!(bench.results(receive(socket)), [11]);
    let how = libc::SHUT_RD;
    bench.push(Operation::Shutdown { socket, how });
    let results: Vec<i32> = bench.enter().iter().map(|c| c.result).collect();
    assert_eq!(results, [0, 0], "the shutdown, and the end of the receive");
    client.reset();
    assert_eq!(
        bench.results(Operation::Shutdown { socket, how }),
        [-libc::ENOTCONN]
    );
}

#[test]
fn a_shut_listener_refuses_and_ends_its_accept() {
    let mut bench = without_faults();
    let listener = bench.listener.as_raw_fd();
    bench.push(Operation::Accept {
        listener,
        multishot: true,
    });
    assert!(bench.enter().is_empty());
    bench.push(Operation::Shutdown {
        socket: listener,
        how: libc::SHUT_RD,
    });
    let results: Vec<i32> = bench.enter().iter().map(|c| c.result).collect();
    assert_eq!(results, [0, -libc::EINVAL]);
    assert!(bench.world.connect(&bench.listener).was_refused());
}

#[test]
fn a_closed_listener_resets_what_nobody_accepted() {
    let mut bench = without_faults();
    let client = bench.world.connect(&bench.listener);
    let fd = bench.listener.as_raw_fd();
    assert_eq!(bench.results(Operation::Close { fd }), [0]);
    assert_eq!(client.ending(), Ending::Reset);
}

#[test]
fn a_cancel_says_whether_it_found_its_operation() {
    let mut bench = without_faults();
    let (_client, socket) = bench.pair();
    let target = bench.push(receive(socket));
    bench.enter();
    bench.push(Operation::Cancel { target });
    let results: Vec<i32> = bench.enter().iter().map(|c| c.result).collect();
    assert_eq!(results, [-libc::ECANCELED, 0]);
    assert_eq!(bench.results(Operation::Cancel { target }), [-libc::ENOENT]);
}

#[test]
fn a_number_that_is_not_open_is_a_counted_misuse() {
    let mut bench = without_faults();
    let (_client, socket) = bench.pair();
    assert_eq!(bench.results(Operation::Close { fd: socket }), [0]);
    for operation in [
        Operation::Close { fd: socket },
        receive(socket),
        send(socket, b"x"),
        Operation::Shutdown {
            socket,
            how: libc::SHUT_WR,
        },
    ] {
        assert_eq!(bench.results(operation), [-libc::EBADF]);
    }
    assert_eq!(bench.world.misuses(), 4);
}

#[test]
fn a_second_receive_on_a_connection_is_a_counted_misuse() {
    let mut bench = without_faults();
    let (_client, socket) = bench.pair();
    let first = bench.push(receive(socket));
    bench.enter();
    assert_eq!(bench.world.misuses(), 0);
    bench.push(Operation::Cancel { target: first });
    bench.push(receive(socket));
    bench.enter();
    assert_eq!(bench.world.misuses(), 0, "the first was cancelled before");
    bench.push(receive(socket));
    bench.enter();
    assert_eq!(bench.world.misuses(), 1);
}

#[test]
fn an_accept_beside_a_multishot_one_is_a_counted_misuse_whichever_ring_has_it() {
    let mut bench = without_faults();
    let listener = bench.listener.as_raw_fd();
    let accept = |multishot| Operation::Accept {
        listener,
        multishot,
    };
    let (one, other) = (bench.push(accept(false)), bench.push(accept(false)));
    bench.enter();
    assert_eq!(bench.world.misuses(), 0, "one by one they may be many");
    for target in [one, other] {
        bench.push(Operation::Cancel { target });
    }
    bench.push(accept(true));
    bench.enter();
    assert_eq!(bench.world.misuses(), 0);
    let mut second = bench.world.driver();
    let token = Token {
        slot: 0,
        generation: 0,
    };
    // SAFETY: an accept without an address points to no memory. Guarded by what is asserted below.
    unsafe { second.push(accept(true), token) }.expect("never full");
    second.enter(false, None).expect("enter");
    assert_eq!(bench.world.misuses(), 1);
    drop(second);
    bench.push(accept(false));
    bench.enter();
    assert_eq!(bench.world.misuses(), 2);
}

#[test]
fn what_is_not_simulated_says_so() {
    let mut bench = without_faults();
    let (_client, socket) = bench.pair();
    let real = std::io::stdin().as_raw_fd();
    let mut byte = 0;
    for operation in [
        receive(real),
        Operation::Connect {
            socket,
            address: std::ptr::null(),
            len: 0,
        },
        Operation::Splice {
            from: real,
            from_offset: 0,
            to: socket,
            to_offset: -1,
            len: 1,
        },
        Operation::Read {
            fd: real,
            into: &mut byte,
            len: 1,
            offset: u64::MAX,
        },
    ] {
        assert_eq!(bench.results(operation), [-libc::EOPNOTSUPP]);
    }
    assert_eq!(bench.world.misuses(), 0);
}

#[cfg_attr(miri, ignore = "asks the kernel what Miri does not play")]
#[test]
fn files_are_the_kernels() {
    let mut bench = without_faults();
    let name = format!("ringgate-simulated-{}", std::process::id());
    let path = std::env::temp_dir().join(name);
    let c_path = CString::new(path.to_str().expect("text")).expect("no zero");
    let opened = bench.results(Operation::Open {
        directory: libc::AT_FDCWD,
        path: c_path.as_ptr(),
        flags: libc::O_RDWR | libc::O_CREAT | libc::O_CLOEXEC,
        mode: 0o600,
    });
    let fd = opened[0];
    assert!(fd >= 0, "open answers {fd}");
    let how = io_uring::types::OpenHow::new().resolve(libc::RESOLVE_BENEATH);
    let outside = bench.results(Operation::OpenBeneath {
        directory: libc::AT_FDCWD,
        path: c"/".as_ptr(),
        how: &raw const how,
    });
    assert_eq!(outside, [-libc::EXDEV]);
    let text = b"kept by the kernel";
    let written = bench.results(Operation::Write {
        fd,
        from: text.as_ptr(),
        len: text.len() as u32,
        offset: 0,
    });
    assert_eq!(written, [text.len() as i32]);
    let mut back = [0; 6];
    let read = bench.results(Operation::Read {
        fd,
        into: back.as_mut_ptr(),
        len: 6,
        offset: 12,
    });
    assert_eq!((read, &back), (vec![6], b"kernel"));
    // SAFETY: statx(2)'s result is plain numbers, for which zeros are a value. Guarded by the
    // assertion below.
    let mut stat: libc::statx = unsafe { std::mem::zeroed() };
    let looked = bench.results(Operation::Statx {
        directory: libc::AT_FDCWD,
        path: c_path.as_ptr(),
        flags: 0,
        mask: libc::STATX_SIZE,
        into: &mut stat,
    });
    assert_eq!((looked, stat.stx_size), (vec![0], text.len() as u64));
    assert_eq!(bench.results(Operation::Close { fd }), [0]);
    std::fs::remove_file(path).expect("remove");
}

#[test]
fn dropping_a_ring_lets_go_of_its_sockets() {
    let mut bench = without_faults();
    let (client, socket) = bench.pair();
    bench.push(receive(socket));
    bench.enter();
    bench.push(Operation::Close { fd: socket });
    bench.enter();
    assert_eq!(client.ending(), Ending::Open, "the receive holds it");
    bench.driver = bench.world.driver();
    assert_eq!(client.ending(), Ending::Eof);
}

// ---- Faults, each at its surest ------------------------------------------------------------------

#[test]
fn a_short_send_sends_something_and_not_all() {
    let mut bench = Bench::new(Faults {
        short_send: 1.0,
        ..Faults::none()
    });
    let (client, socket) = bench.pair();
    let results = bench.results(send(socket, b"all of this"));
    assert!(matches!(results[..], [1..=10]), "{results:?}");
    assert_eq!(client.received_len(), results[0] as usize);
}

#[test]
fn a_short_send_of_pieces_ends_inside_each_of_them() {
    let mut bench = Bench::new(Faults {
        short_send: 1.0,
        ..Faults::none()
    });
    let (client, socket) = bench.pair();
    let mut pieces = SendPieces::new();
    let body = vec![b'x'; 1000].into();
    let between = Between { at: 2, bytes: body };
    pieces.fill(b"headtail".to_vec(), [between].into());
    let all = pieces.slices().collect::<Vec<_>>().concat();
    let mut seen = [false; 4];
    for _ in 0..100 {
        let (message, len) = pieces.point(usize::MAX);
        let more = false;
        let results = bench.results(Operation::SendPieces {
            socket,
            message,
            more,
        });
        let sent = results[0] as usize;
        assert!((1..len).contains(&sent), "{results:?}");
        assert_eq!(client.take_received(), all[..sent]);
        let ends = [1..=2, 3..=1001, 1002..=1002, 1003..=len];
        for (seen, end) in seen.iter_mut().zip(ends) {
            *seen |= end.contains(&sent);
        }
    }
    assert_eq!(seen, [true; 4], "head, body, the end of the body, tail");
}

#[test]
fn buffers_are_denied_though_there_are_some() {
    let mut bench = Bench::new(Faults {
        no_buffers: 1.0,
        ..Faults::none()
    });
    let (client, socket) = bench.pair();
    client.send(b"x");
    assert_eq!(bench.results(receive(socket)), [-libc::ENOBUFS]);
    assert_eq!(client.unreceived(), 1);
    assert_eq!(bench.pool.available(), 4);
}

#[test]
fn a_multishot_ends_early_with_what_it_brought() {
    let mut bench = Bench::new(Faults {
        ended_multishot: 1.0,
        ..Faults::none()
    });
    let (client, socket) = bench.pair();
    client.send(b"abc");
    bench.push(receive(socket));
    let done = bench.enter();
    assert_eq!((done[0].result, done[0].more()), (3, false));
    assert!(done[0].buffer().is_some());
}

#[test]
fn bytes_beat_the_cancel() {
    let mut bench = Bench::new(Faults {
        cancel_loses: 1.0,
        ..Faults::none()
    });
    let (client, socket) = bench.pair();
    let target = bench.push(receive(socket));
    bench.enter();
    client.send(b"abc");
    bench.push(Operation::Cancel { target });
    let results: Vec<i32> = bench.enter().iter().map(|c| c.result).collect();
    assert_eq!(results, [3, -libc::ECANCELED, 0]);
}

#[test]
fn late_completions_of_one_operation_keep_their_order() {
    let mut bench = Bench::new(Faults {
        late_completion: 1.0,
        ..Faults::none()
    });
    let (client, socket) = bench.pair();
    bench.push(receive(socket));
    let mut seen = Vec::new();
    for length in 1..=4 {
        client.send(&b"abcd"[..length]);
        seen.extend(bench.enter());
    }
    assert!(seen.is_empty(), "all are late");
    while seen.len() < 4 {
        seen.extend(bench.wait(true, None));
    }
    let results: Vec<i32> = seen.iter().map(|c| c.result).collect();
    assert_eq!(results, [1, 2, 3, 4]);
    assert_eq!(bench.world.deadlocks(), 0);
}

#[test]
fn an_armed_receive_never_tells_of_a_reset_right_behind_its_bytes() {
    let mut bench = Bench::new(Faults {
        untold_resets: 1.0,
        ..Faults::none()
    });
    let (client, socket) = bench.pair();
    let target = bench.push(receive(socket));
    bench.enter();
    client.send(b"abc");
    client.reset();
    let done = bench.enter();
    assert_eq!((done.len(), done[0].result, done[0].more()), (1, 3, true));
    assert!(bench.wait(true, Some(Duration::from_secs(60))).is_empty());
    let gone = (libc::POLLHUP | libc::POLLERR) as u32;
    assert_eq!(bench.driver.events(socket) & gone, gone);
    bench.push(Operation::Cancel { target });
    let results: Vec<i32> = bench.enter().iter().map(|c| c.result).collect();
    assert_eq!(results, [-libc::ECANCELED, 0]);
    assert_eq!(bench.results(receive(socket)), [-libc::ECONNRESET]);
}

#[test]
fn a_reset_long_after_the_bytes_and_a_fin_right_behind_them_are_told() {
    let mut bench = Bench::new(Faults {
        untold_resets: 1.0,
        ..Faults::none()
    });
    let (client, socket) = bench.pair();
    client.send(b"abc");
    assert_eq!(bench.results(receive(socket)), [3]);
    client.reset();
    assert_eq!(bench.enter()[0].result, -libc::ECONNRESET);
    let (client, socket) = bench.pair();
    client.send(b"abc");
    client.shutdown_write();
    assert_eq!(bench.results(receive(socket)), [3, 0]);
}

#[test]
fn an_accept_fails_and_only_an_aborted_connection_is_lost() {
    let mut bench = Bench::new(Faults {
        accept_error: 1.0,
        ..Faults::none()
    });
    let mut errors = std::collections::BTreeSet::new();
    for _ in 0..40 {
        let client = bench.world.connect(&bench.listener);
        loop {
            let error = bench.accept();
            errors.insert(error);
            assert_eq!(client.was_refused(), error == -libc::ECONNABORTED);
            if client.was_refused() {
                break;
            }
        }
    }
    let all = [
        libc::EMFILE,
        libc::ENFILE,
        libc::ENOBUFS,
        libc::ENOMEM,
        libc::ECONNABORTED,
    ];
    assert_eq!(errors, all.map(|errno| -errno).into());
}

#[test]
fn only_completions_of_different_operations_change_places() {
    let mut bench = Bench::new(Faults {
        reorder: 1.0,
        ..Faults::none()
    });
    let (client, socket) = bench.pair();
    client.send(&[1; 40]);
    let first = bench.push(receive(socket));
    let nop = bench.push(Operation::Nop);
    let done = bench.enter();
    let tokens: Vec<Token> = done.iter().map(|c| c.token).collect();
    assert_eq!(tokens, [first, first, nop, first]);
    let results: Vec<i32> = done.iter().map(|c| c.result).collect();
    assert_eq!(results, [16, 16, 0, 8]);
}

#[test]
fn a_fault_that_is_off_draws_no_number() {
    let mut random = faults::Random::new(1);
    let mut same = faults::Random::new(1);
    assert!(!random.chance(0.0));
    assert_eq!(random.next(), same.next());
    assert!(random.chance(1.0));
}
