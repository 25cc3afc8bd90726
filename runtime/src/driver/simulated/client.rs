//! The other end of a simulated connection, moved by the test: at once, or at a moment of virtual
//! time. A client decides nothing by itself.

use super::socket::Ending;
use super::world::World;
use crate::time::Moment;
use std::time::Duration;

/// An act of a client.
///
/// ```
/// use ringgate_runtime::driver::simulated::{Action, Client};
/// use std::time::Duration;
///
/// /// A client that reads its first thousand bytes and then lets the server wait.
/// fn stall(client: &Client) {
///     client.act(Action::Window(1_000));
///     client.after(Duration::from_secs(60), Action::Reset);
/// }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Sends bytes. After its own shutdown, or a reset, they go nowhere.
    Send(Vec<u8>),
    /// Ends its sending side; it goes on receiving.
    ShutdownWrite,
    /// Closes: the server sees the end, and what it still sends is answered with a reset.
    Close,
    /// Resets the connection.
    Reset,
    /// Takes this many bytes from now on, then stalls.
    Window(u64),
    /// Takes this many bytes more.
    Read(u64),
}

/// A scripted client.
///
/// ```
/// use ringgate_runtime::driver::Driver;
/// use ringgate_runtime::driver::simulated::{Faults, World};
/// use ringgate_runtime::net::{Listener, Tcp};
/// use ringgate_runtime::{Core, CoreOptions};
///
/// let world = World::new(7, Faults::none());
/// let core = Core::with_driver(Driver::Simulated(Box::new(world.driver())), CoreOptions::default())?;
/// let socket = world.listen();
/// let client = world.connect(&socket);
/// client.send(b"hello");
/// core.block_on(async {
///     let mut stream = Listener::<Tcp>::from_descriptor(socket).accept().await?;
///     let mut text = [0; 5];
///     stream.read_exact(&mut text).await?;
///     stream.write_all(text.to_vec()).await
/// })?;
/// assert_eq!(client.received(), b"hello");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Client {
    pub(super) world: World,
    pub(super) stream: usize,
}

impl Client {
    /// Does `action` now.
    pub fn act(&self, action: Action) {
        self.world.state().act(self.stream, action);
    }

    /// Does `action` once virtual time comes to `moment`; at the next turn if that has passed.
    /// Actions of one moment happen in the order in which they were scheduled.
    pub fn at(&self, moment: Moment, action: Action) {
        self.world.state().schedule(self.stream, moment, action);
    }

    /// Does `action` after a time span from now.
    pub fn after(&self, span: Duration, action: Action) {
        self.at(self.world.now() + span, action);
    }

    /// Does `action` as soon as the client has received `total` bytes in its life: an answer to
    /// the server, without the test having to look. Answers to one total are given in order.
    pub fn once_received(&self, total: u64, action: Action) {
        self.world.state().answer(self.stream, total, action);
    }

    /// Sends bytes now.
    pub fn send(&self, bytes: &[u8]) {
        self.act(Action::Send(bytes.to_vec()));
    }

    /// Sends `bytes` in pieces of `piece` bytes, the first now, each further one `gap` later.
    ///
    /// # Panics
    /// If `piece` is 0.
    pub fn send_in_pieces(&self, bytes: &[u8], piece: usize, gap: Duration) {
        let mut moment = self.world.now();
        for (index, part) in bytes.chunks(piece).enumerate() {
            if index == 0 {
                self.send(part);
            } else {
                moment = moment + gap;
                self.at(moment, Action::Send(part.to_vec()));
            }
        }
    }

    /// Ends the sending side now.
    pub fn shutdown_write(&self) {
        self.act(Action::ShutdownWrite);
    }

    /// Closes now.
    pub fn close(&self) {
        self.act(Action::Close);
    }

    /// Resets the connection now.
    pub fn reset(&self) {
        self.act(Action::Reset);
    }

    /// From now on takes `bytes` bytes, then stalls. Without this a client takes everything.
    pub fn window(&self, bytes: u64) {
        self.act(Action::Window(bytes));
    }

    /// Takes `bytes` bytes more.
    pub fn read(&self, bytes: u64) {
        self.act(Action::Read(bytes));
    }

    /// From now on what the client receives is acknowledged so long after that.
    pub fn acknowledges_after(&self, lag: Duration) {
        self.world.state().streams[self.stream].lag = lag;
    }

    /// All bytes received and not yet taken.
    pub fn received(&self) -> Vec<u8> {
        self.world.state().streams[self.stream].received.clone()
    }

    /// How many bytes [`Client::received`] has.
    pub fn received_len(&self) -> usize {
        self.world.state().streams[self.stream].received.len()
    }

    /// Takes the bytes received so far.
    pub fn take_received(&self) -> Vec<u8> {
        std::mem::take(&mut self.world.state().streams[self.stream].received)
    }

    /// Bytes sent that the server has not received yet.
    pub fn unreceived(&self) -> usize {
        self.world.state().streams[self.stream].inbound.len()
    }

    /// How the server ended the connection, if it did.
    pub fn ending(&self) -> Ending {
        self.world.state().streams[self.stream].ending
    }

    /// Whether the server ended the connection, in one way or the other.
    pub fn is_closed(&self) -> bool {
        self.ending() != Ending::Open
    }

    /// Whether the connection was reset before anybody had accepted it.
    pub fn was_refused(&self) -> bool {
        self.world.state().streams[self.stream].refused
    }
}
