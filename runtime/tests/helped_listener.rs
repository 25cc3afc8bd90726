//! A stuck core keeps its multishot accept, which nobody else can cancel, and goes on swallowing
//! wake-ups; a sibling helps its listener (from Linux 6.1).
//!
//! The sibling polls the listener (not exclusively, so that every event reaches it) and accepts
//! without blocking until nobody is left, on each event and on a tick. A second accept on the
//! listener would not do: a connection whose wake-up went to the stuck one would hang.

mod common;

use common::{PATIENCE, client, options, size, turn_until};
use ringgate_runtime::sys::listener::accept_nonblocking;
use ringgate_runtime::{Core, Descriptor, Event, Sink};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::fd::{AsFd, OwnedFd};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::time::Duration;

const TICK: Duration = Duration::from_millis(100);
const POLL: u64 = 1;
const TICKS: u64 = 2;

fn serve(connection: OwnedFd) {
    // A client that is gone is its own loss.
    let _ = TcpStream::from(connection).write_all(b"x");
}

/// Accepts whatever waits, whenever there is a sign or a tick.
struct Helper {
    listener: Arc<TcpListener>,
    served: usize,
    poll_ended: bool,
}

impl Helper {
    fn drain(&mut self) {
        while let Some(connection) = accept_nonblocking(self.listener.as_fd()).expect("accept") {
            serve(connection);
            self.served += 1;
        }
    }
}

impl Sink for Helper {
    fn on_event(&mut self, core: &Rc<Core>, event: Event) {
        match event {
            Event::Polled { more, .. } => self.poll_ended = !more,
            Event::Timer { .. } => {
                core.set_timer(core.now() + TICK, TICKS);
            }
            _ => {}
        }
        self.drain();
    }
}

fn help(listener: Arc<TcpListener>, stop: &AtomicBool, ready: &mpsc::Sender<()>) -> usize {
    let core = Core::new(options()).expect("a core");
    let mut helper = Helper {
        listener,
        served: 0,
        poll_ended: true,
    };
    core.set_timer(core.now() + TICK, TICKS);
    let mut ready = Some(ready);
    while !stop.load(Ordering::Relaxed) {
        if helper.poll_ended {
            helper.poll_ended = false;
            core.poll(&*helper.listener.clone(), libc::POLLIN as u32, POLL);
        }
        core.turn(&mut helper, Some(Duration::from_millis(10)));
        if let Some(ready) = ready.take() {
            ready.send(()).expect("the test listens");
        }
    }
    core.teardown(&mut helper, PATIENCE).expect("all taken");
    helper.served
}

/// The core that gets stuck with its accept armed; answers how many it had taken.
fn get_stuck(
    listener: Arc<TcpListener>,
    armed: &mpsc::Sender<()>,
    freed: mpsc::Receiver<()>,
) -> usize {
    #[derive(Default)]
    struct Taken(Vec<Descriptor>, bool);
    impl Sink for Taken {
        fn on_event(&mut self, _: &Rc<Core>, event: Event) {
            if let Event::Accepted { result, more, .. } = event {
                self.0.extend(result);
                self.1 |= !more;
            }
        }
    }
    let core = Core::new(options()).expect("a core");
    let mut taken = Taken::default();
    let accept = core.accept(&*listener, 1);
    core.turn(&mut taken, Some(Duration::ZERO));
    armed.send(()).expect("the test listens");
    // Stuck in user space: no turn, no enter.
    freed.recv().expect("the test frees it");
    // It wakes up quarantined: cancels, reaps, and hands off what it took.
    core.cancel(accept);
    turn_until(&core, &mut taken, "the end of its accept", |t| t.1);
    let count = taken.0.len();
    for connection in taken.0.drain(..) {
        serve(connection.try_into().expect("a real one"));
    }
    core.teardown(&mut taken, PATIENCE).expect("all taken");
    count
}

#[test]
fn a_helped_listener_of_a_stuck_core_fails_no_connection() {
    let listener = Arc::new(TcpListener::bind("127.0.0.1:0").expect("bind"));
    let address = listener.local_addr().expect("address");
    let (armed, is_armed) = mpsc::channel();
    let (free, freed) = mpsc::channel();
    let stuck = {
        let (listener, armed) = (listener.clone(), armed.clone());
        std::thread::spawn(move || get_stuck(listener, &armed, freed))
    };
    is_armed.recv_timeout(PATIENCE).expect("armed");
    let stop = Arc::new(AtomicBool::new(false));
    let helper = {
        let (listener, stop) = (listener.clone(), stop.clone());
        std::thread::spawn(move || help(listener, &stop, &armed))
    };
    is_armed.recv_timeout(PATIENCE).expect("it helps");
    let mut made = 0;
    let mut connect = |count: usize| {
        let mut waiting: Vec<_> = (0..count).map(|_| client(address)).collect();
        made += count;
        for stream in &mut waiting {
            // The limit on the read is what makes a connection that hangs a failure.
            let read = stream.read(&mut [0; 1]);
            assert_eq!(read.expect("served in time"), 1, "connection {made}");
        }
    };
    for round in 0..size(300) {
        connect(1 + round % 4);
    }
    // While it wakes up and gives its listener back, connections go on.
    free.send(()).expect("it waits");
    for _ in 0..size(100) {
        connect(1);
    }
    let by_stuck = stuck.join().expect("the stuck core");
    connect(4);
    stop.store(true, Ordering::Relaxed);
    let by_helper = helper.join().expect("the helper");
    assert_eq!(by_stuck + by_helper, made);
    assert!(by_helper > 0, "it helped");
}
