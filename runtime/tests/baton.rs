//! The baton: one listener passed between four cores hundreds of times under a storm of
//! connections, and not one lost (DEFER rings, multishot accepts; from Linux 6.1).
//!
//! The owner cancels its accept, takes completions until the one without more, serves what it took,
//! and passes; only then does the next arm. Arming tries an accept at once, so nothing strands.

mod common;

use common::{PATIENCE, bounded, options, size};
use ringgate_runtime::{Core, Event, OpId, SendBuffer, Sink};
use std::io::Read;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::time::{Duration, Instant};

const CORES: usize = 4;
const CLIENTS: usize = 4;
/// How long each owner keeps the baton.
const HOLD: Duration = Duration::from_micros(500);

const ACCEPT: u64 = u64::MAX;

/// Sends one byte to each connection and closes it.
#[derive(Default)]
struct Server {
    ended: bool,
    served: usize,
    sending: Vec<Option<ringgate_runtime::Descriptor>>,
}

impl Sink for Server {
    fn on_event(&mut self, core: &Rc<Core>, event: Event) {
        match event {
            Event::Accepted { result, more, .. } => {
                self.ended = !more;
                if let Ok(connection) = result {
                    let key = self.sending.len() as u64;
                    core.send(&connection, SendBuffer::Static(b"x"), 0..1, false, key);
                    self.sending.push(Some(connection));
                    self.served += 1;
                }
            }
            Event::Sent { key, .. } => {
                let connection = self.sending[key as usize].take();
                core.close(connection.expect("sent once"));
            }
            _ => {}
        }
    }
}

/// One core: waits for the baton, holds it, passes it back to the test.
fn core_of(
    listener: Arc<TcpListener>,
    baton: mpsc::Receiver<()>,
    passed: mpsc::Sender<()>,
) -> usize {
    let core = Core::new(options()).expect("a core");
    let mut server = Server::default();
    while let Ok(()) = baton.recv() {
        server.ended = false;
        let accept: OpId = core.accept(&*listener, ACCEPT);
        let end = Instant::now() + HOLD;
        while Instant::now() < end {
            core.turn(&mut server, Some(HOLD));
        }
        core.cancel(accept);
        let deadline = Instant::now() + PATIENCE;
        while !server.ended {
            assert!(Instant::now() < deadline, "the accept does not end");
            core.turn(&mut server, Some(Duration::from_millis(5)));
        }
        passed.send(()).expect("the test listens");
        // What it took is served before it waits for the baton again.
        while core.counts().operations_in_flight > 0 {
            assert!(Instant::now() < deadline, "the sends do not end");
            core.turn(&mut server, Some(Duration::from_millis(5)));
        }
        core.turn(&mut server, Some(Duration::ZERO));
    }
    core.teardown(&mut server, PATIENCE).expect("all taken");
    server.served
}

/// Connects again and again; answers how many connections there were, and how many got no byte.
fn storm(address: SocketAddr, stop: &AtomicBool) -> (usize, usize) {
    let (mut made, mut lost) = (0, 0);
    while !stop.load(Ordering::Relaxed) {
        made += 1;
        let served = TcpStream::connect(address).is_ok_and(|mut stream| {
            bounded(&stream);
            stream.read_exact(&mut [0; 1]).is_ok()
        });
        lost += usize::from(!served);
    }
    (made, lost)
}

#[test]
fn a_listener_passed_between_cores_under_a_storm_loses_no_connection() {
    let listener = Arc::new(TcpListener::bind("127.0.0.1:0").expect("bind"));
    let address = listener.local_addr().expect("address");
    let (passed, returned) = mpsc::channel();
    let (batons, cores): (Vec<_>, Vec<_>) = (0..CORES)
        .map(|_| {
            let (give, baton) = mpsc::channel();
            let (listener, passed) = (listener.clone(), passed.clone());
            let core = std::thread::spawn(move || core_of(listener, baton, passed));
            (give, core)
        })
        .unzip();
    let stop = Arc::new(AtomicBool::new(false));
    let clients: Vec<_> = (0..CLIENTS)
        .map(|_| {
            let stop = stop.clone();
            std::thread::spawn(move || storm(address, &stop))
        })
        .collect();
    let pass_to = |core: usize| {
        batons[core].send(()).expect("the core lives");
        returned
            .recv_timeout(PATIENCE)
            .expect("the baton comes back");
    };
    for pass in 0..size(400) {
        pass_to(pass % CORES);
    }
    stop.store(true, Ordering::Relaxed);
    // Each client has at most one connection left, which the next owners serve.
    let deadline = Instant::now() + PATIENCE;
    let mut pass = 0;
    while !clients.iter().all(|client| client.is_finished()) {
        assert!(Instant::now() < deadline, "a client hangs");
        pass_to(pass % CORES);
        pass += 1;
    }
    let (mut made, mut lost) = (0, 0);
    for client in clients {
        let (its_made, its_lost) = client.join().expect("a client");
        made += its_made;
        lost += its_lost;
    }
    drop(batons);
    let served: usize = cores
        .into_iter()
        .map(|core| core.join().expect("a core"))
        .sum();
    assert_eq!((lost, served), (0, made), "lost, and served of {made}");
    assert!(made > CLIENTS, "there was a storm");
}
