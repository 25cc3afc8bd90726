//! What the tests of the runtime share: a small core, deadlines, and turns until something holds.
//! Nothing here sleeps and hopes: every wait is for a condition, bounded by [`PATIENCE`], which is
//! generous because the same tests run under emulation.

#![allow(
    dead_code,
    unreachable_pub,
    unused_imports,
    reason = "each test program uses a part of it"
)]

use ringgate_runtime::buffer::PoolOptions;
use ringgate_runtime::{Core, CoreOptions, Descriptor, Errno, Event, OpId, Received, Sink};
use std::future::Future;
use std::io::{self, Read};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::rc::Rc;
use std::time::{Duration, Instant};

/// How long anything may take.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// `base`, times what the environment asks for.
pub fn size(base: usize) -> usize {
    let factor = std::env::var("RINGGATE_TEST_SIZE").map_or(1, |text| {
        text.parse().expect("RINGGATE_TEST_SIZE: a number")
    });
    base * factor
}

/// Options of a small core.
pub fn options() -> CoreOptions {
    CoreOptions {
        entries: 64,
        buffers: PoolOptions {
            buffers: 64,
            buffer_size: 4096,
            leases_kept: 64,
        },
        ..CoreOptions::default()
    }
}

/// A small core.
pub fn core() -> Rc<Core> {
    Core::new(options()).unwrap_or_else(|why| panic!("{why}"))
}

/// Runs `future` to its end, but not for ever.
pub fn run<F: Future + 'static>(core: &Rc<Core>, future: F) -> F::Output
where
    F::Output: 'static,
{
    core.block_on(async move { ringgate_runtime::timeout(PATIENCE, future).await })
        .expect("done in time")
}

/// Turns until `holds`, but not for ever.
pub fn turn_until<S: Sink>(
    core: &Rc<Core>,
    sink: &mut S,
    what: &str,
    mut holds: impl FnMut(&mut S) -> bool,
) {
    let _entered = core.enter();
    let deadline = Instant::now() + PATIENCE;
    while !holds(sink) {
        assert!(Instant::now() < deadline, "{what}: not within {PATIENCE:?}");
        core.turn(sink, Some(Duration::from_millis(5)));
    }
}

/// Turns until no operation is in flight and all buffers are back.
pub fn settle(core: &Rc<Core>) {
    let buffers = u32::from(core.options().buffers.buffers);
    turn_until(core, &mut (), "operations and buffers come back", |()| {
        core.counts().operations_in_flight == 0 && core.buffers().available() == buffers
    });
    // Closes that were queued last are submitted by one more turn.
    let until = core.counts().turns + 2;
    turn_until(core, &mut (), "closes", |()| core.counts().turns >= until);
}

/// Ends a core whose tasks and operations the test has ended already.
pub fn finish(core: Rc<Core>) {
    settle(&core);
    assert_eq!(core.counts().stale_completions, 0);
    assert_eq!(core.counts().failed_closes, 0);
    core.teardown(&mut (), PATIENCE).expect("all taken");
}

/// A client whose blocking calls end.
pub fn client(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).expect("connect");
    bounded(&stream);
    stream
}

/// Puts a limit on the blocking calls of a socket.
pub fn bounded(stream: &TcpStream) {
    stream.set_read_timeout(Some(PATIENCE)).expect("option");
    stream.set_write_timeout(Some(PATIENCE)).expect("option");
}

/// A connected pair: the core's end, and the test's.
pub fn pair() -> (Descriptor, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("bind");
    let theirs = client(listener.local_addr().expect("address"));
    let ours = listener.accept().expect("accept").0;
    (Descriptor::from(OwnedFd::from(ours)), theirs)
}

/// Whether the peer has closed: EOF or a reset, within [`PATIENCE`].
pub fn is_closed(stream: &mut TcpStream) -> bool {
    loop {
        match stream.read(&mut [0; 1]) {
            Ok(count) => return count == 0,
            // The kernel ends what a ring that is gone has in flight, and interrupts this thread for that.
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return error.kind() == io::ErrorKind::ConnectionReset,
        }
    }
}

/// An owner of events that writes them down.
#[derive(Default)]
pub struct Recorder {
    pub accepted: Vec<Descriptor>,
    pub accept_errors: Vec<Errno>,
    pub bytes: Vec<u8>,
    pub leases: Vec<ringgate_runtime::Lease>,
    /// Whether leases are kept instead of copied.
    pub keeps: bool,
    pub receives: usize,
    pub eof: bool,
    pub receive_errors: Vec<Errno>,
    pub sent: Vec<Result<u32, Errno>>,
    pub polled: Vec<Result<u32, Errno>>,
    pub timers: Vec<u64>,
    pub notified: usize,
    /// Keys whose last event came.
    pub ended: Vec<u64>,
}

impl Recorder {
    pub fn has_ended(&self, key: u64) -> bool {
        self.ended.contains(&key)
    }
}

impl Sink for Recorder {
    fn on_event(&mut self, _: &Rc<Core>, event: Event) {
        let (key, more) = match event {
            Event::Accepted { key, result, more } => {
                match result {
                    Ok(connection) => self.accepted.push(connection),
                    Err(errno) => self.accept_errors.push(errno),
                }
                (key, more)
            }
            Event::Received {
                key,
                received,
                more,
            } => {
                self.receives += 1;
                match received {
                    Received::Bytes(lease) if self.keeps => self.leases.push(lease),
                    Received::Bytes(lease) => self.bytes.extend_from_slice(&lease),
                    Received::Eof => self.eof = true,
                    Received::Failed(errno) => self.receive_errors.push(errno),
                }
                (key, more)
            }
            Event::Sent { key, result, .. } | Event::SentPieces { key, result, .. } => {
                self.sent.push(result);
                (key, false)
            }
            Event::Polled { key, result, more } => {
                self.polled.push(result);
                (key, more)
            }
            Event::Timer { key } => {
                self.timers.push(key);
                (key, true)
            }
        };
        if !more {
            self.ended.push(key);
        }
    }

    fn on_notified(&mut self, _: &Rc<Core>) {
        self.notified += 1;
    }
}
