//! A small server over the core's events: it sends back what it receives, from where it was
//! received, and closes when the client ended its side. What every owner of events has to handle is
//! here in its shortest form: operations that end early, short sends, full accepts.

use ringgate_runtime::fs::{Freezing, Frozen};
use ringgate_runtime::op::Between;
use ringgate_runtime::{
    Core, Descriptor, Errno, Event, OpId, Received, SendBuffer, SendPieces, Sink,
};
use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;

const ACCEPT: u64 = 0;
/// Bytes of pieces that are sent at a time: not all of them.
const SEND_MAX: usize = 300;

/// The server.
pub(crate) struct Echo {
    listener: Descriptor,
    accept: Option<OpId>,
    connections: BTreeMap<u64, Connection>,
    accepted: u64,
    stopping: bool,
    /// Everything that waits leaves in one send, from where it lies but for the first half of each buffer.
    in_pieces: bool,
    /// Of these pieces the sockets are given pages, not copies.
    in_place: bool,
}

struct Connection {
    socket: Descriptor,
    receive: Option<OpId>,
    unsent: VecDeque<SendBuffer>,
    /// The send in flight began at this byte of its buffer.
    sending: Option<usize>,
    broken: bool,
}

fn frozen(bytes: &[u8]) -> Frozen {
    let mut copy = Freezing::with_capacity(bytes.len()).expect("memory");
    copy.put(bytes);
    copy.freeze(())
}

impl Connection {
    fn send_pieces(&mut self, core: &Core, id: u64, in_place: bool) {
        if self.sending.is_some() || self.broken || self.unsent.is_empty() {
            return;
        }
        let mut gathered = Vec::new();
        let between = self.unsent.drain(..).map(|mut bytes| {
            let half = bytes.len() / 2;
            gathered.extend_from_slice(&bytes[..half]);
            bytes.advance(half);
            let at = gathered.len();
            if in_place {
                bytes = frozen(&bytes).into();
            }
            Between { at, bytes }
        });
        let between = between.collect();
        let mut pieces = SendPieces::new();
        pieces.fill(gathered, between);
        core.send_pieces(&self.socket, pieces, SEND_MAX, false, id * 2 + 1);
        self.sending = Some(0);
    }

    fn send_next(&mut self, core: &Core, id: u64) {
        if self.sending.is_none()
            && !self.broken
            && let Some(buffer) = self.unsent.pop_front()
        {
            let all = 0..buffer.len();
            core.send(&self.socket, buffer, all, false, id * 2 + 1);
            self.sending = Some(0);
        }
    }

    fn is_over(&self) -> bool {
        let all_sent = self.broken || self.unsent.is_empty();
        self.receive.is_none() && self.sending.is_none() && all_sent
    }
}

impl Echo {
    pub(crate) fn new(core: &Core, listener: Descriptor) -> Echo {
        let accept = Some(core.accept(&listener, ACCEPT));
        Echo {
            listener,
            accept,
            connections: BTreeMap::new(),
            accepted: 0,
            stopping: false,
            in_pieces: false,
            in_place: false,
        }
    }

    /// The same, which sends what waits in pieces.
    pub(crate) fn in_pieces(core: &Core, listener: Descriptor) -> Echo {
        let mut echo = Echo::new(core, listener);
        echo.in_pieces = true;
        echo
    }

    /// The same, which gives sockets the pages of most bytes.
    pub(crate) fn in_place(core: &Core, listener: Descriptor) -> Echo {
        let mut echo = Echo::in_pieces(core, listener);
        echo.in_place = true;
        echo
    }

    pub(crate) fn listener(&self) -> &Descriptor {
        &self.listener
    }

    /// Cancels every receive and the accept, as if their connections were to move; each is armed
    /// again when it has ended.
    pub(crate) fn interrupt(&mut self, core: &Core) {
        let receives = self.connections.values().filter_map(|c| c.receive);
        for operation in receives.chain(self.accept) {
            core.cancel(operation);
        }
    }

    /// From now on nothing is begun any more.
    pub(crate) fn stop(&mut self) {
        self.stopping = true;
    }

    fn on_accepted(&mut self, core: &Core, result: Result<Descriptor, Errno>, more: bool) {
        if let Ok(socket) = result {
            self.accepted += 1;
            let id = self.accepted;
            if self.stopping {
                core.close(socket);
            } else {
                let receive = Some(core.receive(&socket, id * 2));
                let connection = Connection {
                    socket,
                    receive,
                    unsent: VecDeque::new(),
                    sending: None,
                    broken: false,
                };
                self.connections.insert(id, connection);
            }
        }
        if !more {
            let again = !self.stopping;
            self.accept = again.then(|| core.accept(&self.listener, ACCEPT));
        }
    }

    fn on_received(&mut self, core: &Core, id: u64, received: Received, more: bool) {
        let stopping = self.stopping;
        let connection = self.connections.get_mut(&id).expect("it owes an event");
        if !more {
            connection.receive = None;
        }
        match received {
            Received::Bytes(lease) => {
                connection.unsent.push_back(SendBuffer::Lease(lease));
                if !more && !stopping && !connection.broken {
                    connection.receive = Some(core.receive(&connection.socket, id * 2));
                }
            }
            Received::Eof => assert!(!more),
            Received::Failed(errno) => {
                assert!(!more);
                // A cancelled receive may also end for want of a buffer.
                let interrupted = errno.is_cancelled() || errno.is_exhaustion();
                if interrupted && !stopping && !connection.broken {
                    connection.receive = Some(core.receive(&connection.socket, id * 2));
                } else {
                    connection.broken = true;
                }
            }
        }
    }

    fn on_sent(&mut self, core: &Core, id: u64, result: Result<u32, Errno>, buffer: SendBuffer) {
        let connection = self.connections.get_mut(&id).expect("it owes an event");
        let from = connection.sending.take().expect("one send at a time");
        match result {
            Ok(sent) if from + (sent as usize) < buffer.len() && !self.stopping => {
                let from = from + sent as usize;
                let rest = from..buffer.len();
                core.send(&connection.socket, buffer, rest, false, id * 2 + 1);
                connection.sending = Some(from);
            }
            Ok(_) => {}
            Err(_) => {
                connection.broken = true;
                if let Some(receive) = connection.receive {
                    core.cancel(receive);
                }
            }
        }
    }

    fn on_pieces_sent(
        &mut self,
        core: &Core,
        id: u64,
        result: Result<u32, Errno>,
        mut pieces: Box<SendPieces>,
    ) {
        let connection = self.connections.get_mut(&id).expect("it owes an event");
        connection.sending.take().expect("one send at a time");
        match result {
            Ok(sent) => {
                pieces.advance(sent as usize);
                if !pieces.is_empty() && !self.stopping {
                    core.send_pieces(&connection.socket, pieces, SEND_MAX, false, id * 2 + 1);
                    connection.sending = Some(0);
                }
            }
            Err(_) => {
                connection.broken = true;
                if let Some(receive) = connection.receive {
                    core.cancel(receive);
                }
            }
        }
    }

    fn go_on(&mut self, core: &Core, id: u64) {
        let connection = self.connections.get_mut(&id).expect("it had an event");
        connection.broken |= self.stopping;
        match self.in_pieces {
            true => connection.send_pieces(core, id, self.in_place),
            false => connection.send_next(core, id),
        }
        if connection.is_over()
            && let Some(connection) = self.connections.remove(&id)
        {
            core.close(connection.socket);
        }
    }
}

impl Sink for Echo {
    fn on_event(&mut self, core: &Rc<Core>, event: Event) {
        let id = match event {
            Event::Accepted { result, more, .. } => return self.on_accepted(core, result, more),
            Event::Received {
                key,
                received,
                more,
            } => {
                self.on_received(core, key / 2, received, more);
                key / 2
            }
            Event::Sent {
                key,
                result,
                buffer,
            } => {
                self.on_sent(core, key / 2, result, buffer);
                key / 2
            }
            Event::SentPieces {
                key,
                result,
                pieces,
            } => {
                self.on_pieces_sent(core, key / 2, result, pieces);
                key / 2
            }
            other => panic!("not asked for: {other:?}"),
        };
        self.go_on(core, id);
    }
}
