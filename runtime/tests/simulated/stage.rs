//! A stage on which a script plays twice: over the simulated driver with simulated clients, and
//! over the kernel's ring with real sockets on the loopback interface. It writes down what the
//! owner of the core's events sees, in the form in which both must agree.

use bytes::Bytes;
use ringgate_runtime::driver::Driver;
use ringgate_runtime::driver::simulated::{Action, Client, Ending, Faults, World};
use ringgate_runtime::op::Between;
use ringgate_runtime::sys::socket::set_linger0;
use ringgate_runtime::{
    Core, CoreOptions, Descriptor, Event, Lease, OpId, Received, SendBuffer, SendPieces, Sink,
};
use std::collections::{BTreeMap, VecDeque};
use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::os::fd::{AsFd, OwnedFd};
use std::rc::Rc;
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(20);
/// What settles a stage: longer than the simulation is ever late, and ten turns of the kernel's.
const SETTLE_TURNS: usize = 10;
const SETTLE: Duration = Duration::from_millis(5);

/// What was seen under a key. Bytes of several receives are one piece: where the cuts are is chance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Seen {
    Accepted,
    Bytes(Vec<u8>),
    Eof,
    Failed(i32),
    /// All bytes went.
    Sent,
    /// Some, but not all.
    SentPart,
    /// All events of a poll so far; how often it fires is chance.
    Polled(u32),
    /// The last event lacked `more`.
    Ended,
}

/// All that was seen, by key, and what the script itself observed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Account {
    pub(crate) seen: BTreeMap<u64, Vec<Seen>>,
    pub(crate) notes: Vec<String>,
}

/// The owner of events.
#[derive(Default)]
pub(crate) struct Observer {
    pub(crate) account: Account,
    pub(crate) accepted: VecDeque<Descriptor>,
    /// Whether leases are kept, and those that were.
    pub(crate) keeps: bool,
    pub(crate) kept: Vec<Lease>,
}

impl Observer {
    fn see(&mut self, key: u64, seen: Seen) {
        let all = self.account.seen.entry(key).or_default();
        assert!(
            all.last() != Some(&Seen::Ended),
            "{seen:?} under key {key} after its end"
        );
        match (all.last_mut(), seen) {
            (Some(Seen::Bytes(before)), Seen::Bytes(more)) => before.extend(more),
            (Some(Seen::Polled(before)), Seen::Polled(more)) => *before |= more,
            (_, seen) => all.push(seen),
        }
    }

    pub(crate) fn of(&self, key: u64) -> &[Seen] {
        self.account.seen.get(&key).map_or(&[], Vec::as_slice)
    }

    pub(crate) fn ended(&self, key: u64) -> bool {
        self.of(key).last() == Some(&Seen::Ended)
    }

    /// Bytes seen under `key`.
    pub(crate) fn bytes(&self, key: u64) -> usize {
        let pieces = self.of(key).iter().map(|seen| match seen {
            Seen::Bytes(bytes) => bytes.len(),
            _ => 0,
        });
        pieces.sum()
    }
}

impl Sink for Observer {
    fn on_event(&mut self, _: &Rc<Core>, event: Event) {
        let (key, seen, more) = match event {
            Event::Accepted { key, result, more } => match result {
                Ok(socket) => {
                    self.accepted.push_back(socket);
                    (key, Seen::Accepted, more)
                }
                Err(errno) => (key, Seen::Failed(errno.0), more),
            },
            Event::Received {
                key,
                received,
                more,
            } => match received {
                Received::Bytes(lease) => {
                    let bytes = lease.to_vec();
                    if self.keeps {
                        self.kept.push(lease);
                    }
                    (key, Seen::Bytes(bytes), more)
                }
                Received::Eof => (key, Seen::Eof, more),
                Received::Failed(errno) => (key, Seen::Failed(errno.0), more),
            },
            Event::Sent {
                key,
                result,
                buffer,
            } => match result {
                Ok(sent) if sent as usize == buffer.len() => (key, Seen::Sent, false),
                Ok(_) => (key, Seen::SentPart, false),
                Err(errno) => (key, Seen::Failed(errno.0), false),
            },
            Event::SentPieces {
                key,
                result,
                pieces,
            } => match result {
                Ok(sent) if sent as usize == pieces.len() => (key, Seen::Sent, false),
                Ok(_) => (key, Seen::SentPart, false),
                Err(errno) => (key, Seen::Failed(errno.0), false),
            },
            Event::Polled { key, result, more } => match result {
                Ok(events) => (key, Seen::Polled(events), more),
                Err(errno) => (key, Seen::Failed(errno.0), more),
            },
            Event::Timer { .. } => return,
        };
        self.see(key, seen);
        if !more {
            self.see(key, Seen::Ended);
        }
    }
}

/// The client's end of a connection on either stage.
pub(crate) enum Peer {
    Simulated(Client),
    Real {
        stream: Option<TcpStream>,
        received: Vec<u8>,
        ending: Ending,
    },
}

impl Peer {
    fn real(&mut self) -> Option<&mut TcpStream> {
        match self {
            Peer::Simulated(_) => None,
            Peer::Real { stream, .. } => stream.as_mut(),
        }
    }

    pub(crate) fn send(&mut self, bytes: &[u8]) {
        match self {
            Peer::Simulated(client) => client.send(bytes),
            Peer::Real { .. } => {
                let stream = self.real().expect("open");
                stream.write_all(bytes).expect("the loopback takes it");
            }
        }
    }

    pub(crate) fn shutdown_write(&mut self) {
        match self {
            Peer::Simulated(client) => client.shutdown_write(),
            Peer::Real { .. } => {
                let stream = self.real().expect("open");
                stream.shutdown(Shutdown::Write).expect("shutdown");
            }
        }
    }

    pub(crate) fn reset(&mut self) {
        match self {
            Peer::Simulated(client) => client.reset(),
            Peer::Real { stream, .. } => {
                let stream = stream.take().expect("open");
                set_linger0(stream.as_fd()).expect("SO_LINGER");
            }
        }
    }

    pub(crate) fn close(&mut self) {
        match self {
            Peer::Simulated(client) => client.close(),
            Peer::Real { stream, .. } => drop(stream.take()),
        }
    }

    /// Takes no more than the system's buffers hold, until [`Peer::look`] is called.
    pub(crate) fn stall(&mut self) {
        if let Peer::Simulated(client) = self {
            client.window(200_000);
        }
    }

    /// Receives what is there; answers the number of all bytes so far.
    pub(crate) fn look(&mut self) -> usize {
        match self {
            Peer::Simulated(client) => {
                client.act(Action::Window(u64::MAX));
                client.received_len()
            }
            Peer::Real {
                stream,
                received,
                ending,
            } => {
                let mut part = [0; 1 << 16];
                while let (Some(stream), Ending::Open) = (&mut *stream, *ending) {
                    match stream.read(&mut part) {
                        Ok(0) => *ending = Ending::Eof,
                        Ok(count) => received.extend_from_slice(&part[..count]),
                        Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                        Err(error) if error.kind() == ErrorKind::ConnectionReset => {
                            *ending = Ending::Reset;
                        }
                        Err(error) => panic!("read of the peer: {error}"),
                    }
                }
                received.len()
            }
        }
    }

    pub(crate) fn received(&mut self) -> Vec<u8> {
        self.look();
        match self {
            Peer::Simulated(client) => client.received(),
            Peer::Real { received, .. } => received.clone(),
        }
    }

    pub(crate) fn ending(&mut self) -> Ending {
        self.look();
        match self {
            Peer::Simulated(client) => client.ending(),
            Peer::Real { ending, .. } => *ending,
        }
    }
}

enum Place {
    World(World),
    Loopback(SocketAddr),
}

/// One stage.
pub(crate) struct Stage {
    place: Place,
    pub(crate) core: Rc<Core>,
    pub(crate) listener: Descriptor,
    pub(crate) observer: Observer,
}

impl Stage {
    fn simulated(options: CoreOptions, seed: u64, faults: Faults) -> Stage {
        let world = World::new(seed, faults);
        let driver = Driver::Simulated(Box::new(world.driver()));
        Stage {
            core: Core::with_driver(driver, options).expect("a core"),
            listener: world.listen(),
            place: Place::World(world),
            observer: Observer::default(),
        }
    }

    fn real(options: CoreOptions) -> Stage {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        Stage {
            core: Core::new(options).expect("a ring"),
            place: Place::Loopback(listener.local_addr().expect("bound")),
            listener: Descriptor::from(OwnedFd::from(listener)),
            observer: Observer::default(),
        }
    }

    pub(crate) fn connect(&self) -> Peer {
        match &self.place {
            Place::World(world) => Peer::Simulated(world.connect(&self.listener)),
            Place::Loopback(address) => {
                let stream = TcpStream::connect(address).expect("connect");
                stream.set_nonblocking(true).expect("nonblocking");
                Peer::Real {
                    stream: Some(stream),
                    received: Vec::new(),
                    ending: Ending::Open,
                }
            }
        }
    }

    /// Connects one client and accepts it, under keys that no script looks at.
    pub(crate) fn pair(&mut self) -> (Peer, Descriptor) {
        let peer = self.connect();
        let key = u64::MAX - self.observer.account.seen.len() as u64;
        self.core.accept_one(&self.listener, key);
        self.until("a connection", |stage| !stage.observer.accepted.is_empty());
        let socket = self.observer.accepted.pop_front().expect("accepted");
        (peer, socket)
    }

    pub(crate) fn send(&self, socket: &Descriptor, bytes: impl Into<Bytes>, key: u64) -> OpId {
        let buffer = SendBuffer::Bytes(bytes.into());
        let all = 0..buffer.len();
        self.core.send(socket, buffer, all, false, key)
    }

    /// Sends gathered bytes with large ones between them.
    pub(crate) fn send_pieces(
        &self,
        socket: &Descriptor,
        gathered: &[u8],
        between: &[(usize, impl Clone + Into<SendBuffer>)],
        key: u64,
    ) -> OpId {
        let between = between.iter().map(|(at, bytes)| Between {
            at: *at,
            bytes: bytes.clone().into(),
        });
        let mut pieces = SendPieces::new();
        pieces.fill(gathered.to_vec(), between.collect());
        self.core
            .send_pieces(socket, pieces, usize::MAX, false, key)
    }

    fn turn(&mut self, most: Duration) {
        self.core.turn(&mut self.observer, Some(most));
    }

    /// Runs turns until `there`.
    pub(crate) fn until(&mut self, what: &str, mut there: impl FnMut(&mut Stage) -> bool) {
        let deadline = self.core.now() + PATIENCE;
        while !there(self) {
            assert!(
                self.core.now() < deadline,
                "{}: no {what} within {PATIENCE:?}; seen: {:?}",
                self.name(),
                self.observer.account.notes
            );
            self.turn(SETTLE);
        }
    }

    pub(crate) fn until_ended(&mut self, key: u64) {
        self.until("end of a key", |stage| stage.observer.ended(key));
    }

    pub(crate) fn until_bytes(&mut self, key: u64, count: usize) {
        self.until("bytes", |stage| stage.observer.bytes(key) >= count);
    }

    /// Runs some turns in which nothing is expected.
    pub(crate) fn settle(&mut self) {
        for _ in 0..SETTLE_TURNS {
            self.turn(SETTLE);
        }
    }

    pub(crate) fn note(&mut self, text: impl Into<String>) {
        self.observer.account.notes.push(text.into());
    }

    /// Waits for the peer's view of the end and writes it down.
    pub(crate) fn note_ending(&mut self, peer: &mut Peer) {
        self.until("end of the peer", |_| peer.ending() != Ending::Open);
        let (ending, received) = (peer.ending(), peer.received().len());
        self.note(format!("peer: {ending:?} after {received} bytes"));
    }

    fn name(&self) -> String {
        match &self.place {
            Place::World(world) => format!("{world:?}"),
            Place::Loopback(_) => "the kernel".to_owned(),
        }
    }

    /// Ends the play: nothing may be left.
    fn finish(mut self) -> Account {
        let account = self.observer.account.clone();
        self.observer.kept.clear();
        assert_eq!(self.core.teardown(&mut self.observer, PATIENCE), Ok(()));
        let counts = self.core.counts();
        assert_eq!(counts.operations_in_flight, 0, "{}", self.name());
        assert_eq!(counts.failed_closes, 0, "{}", self.name());
        self.observer.kept.clear();
        let lent = self.core.buffers().lent();
        assert_eq!(lent, 0, "{}", self.name());
        if let Place::World(world) = &self.place {
            assert_eq!((world.misuses(), world.deadlocks()), (0, 0));
        }
        account
    }
}

/// Faults that change when and in what pieces things are seen, and nothing else.
const TIMING_ONLY: Faults = Faults {
    late_completion: 0.3,
    split_receive: 0.3,
    reorder: 0.3,
    ..Faults::none()
};

/// Worlds with [`TIMING_ONLY`] in which each script is played.
const SHAKEN_SEEDS: u64 = if cfg!(miri) { 2 } else { 10 };

/// Plays `script` on the kernel and in several worlds, and holds them to the same account. Miri has no
/// kernel: there the worlds are held to the one without faults, and the memory is what is looked at.
pub(crate) fn on_both(options: CoreOptions, script: impl Fn(&mut Stage)) {
    let play = |mut stage: Stage| {
        script(&mut stage);
        stage.finish()
    };
    let kernel = play(match cfg!(miri) {
        true => Stage::simulated(options, 0, Faults::none()),
        false => Stage::real(options),
    });
    let simulated = play(Stage::simulated(options, 1, Faults::none()));
    assert_eq!(simulated, kernel, "left: the simulation, right: the kernel");
    for seed in 0..SHAKEN_SEEDS {
        let shaken = play(Stage::simulated(options, seed, TIMING_ONLY));
        assert_eq!(
            shaken, kernel,
            "left: the simulation of seed {seed}, right: the kernel"
        );
    }
}
