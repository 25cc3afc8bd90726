//! Sending to one WebSocket from outside of its calls: a [`Sender`], which any thread may hold, and the [`Line`] behind
//! it, which keeps what waits and knows the core that the WebSocket is on.
//!
//! Messages are taken out of the line by `connection/upgraded/lines.rs`, when that core is rung up and the client has
//! room. Nothing here sends.

use crate::connection::Speaker;
use crate::websocket::{CloseCode, Message, SendError};
use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

/// A line takes no further message while so many bytes wait in it, [`MESSAGE_COST_BYTES`] for each message among them.
const WAITING_BYTES_MAX: usize = 64 << 10;
/// The memory of a message beside its bytes.
const MESSAGE_COST_BYTES: usize = 64;

/// Sends to one WebSocket from anywhere: another task, core or thread ([`Socket::sender`](super::websocket::Socket::sender)).
/// Clones send to the same WebSocket, wherever it moves within the process.
///
/// ```
/// use ringgate::handler::websocket::{Ended, Message, OnMessage, Sender, Socket};
/// use std::collections::HashMap;
/// use std::sync::{Arc, Mutex};
///
/// /// The users that are here.
/// type Users = Arc<Mutex<HashMap<String, Sender>>>;
///
/// struct User {
///     name: String,
///     users: Users,
/// }
///
/// impl OnMessage for User {
///     fn arrived(&mut self, socket: &mut Socket<'_>) {
///         self.users.lock().unwrap().insert(self.name.clone(), socket.sender());
///     }
///
///     /// The name of a user, a blank and the words for it.
///     fn message(&mut self, _: &mut Socket<'_>, message: Message<'_>) {
///         if let Message::Text(text) = message
///             && let Some((to, words)) = text.split_once(' ')
///             && let Some(sender) = self.users.lock().unwrap().get(to)
///         {
///             let _ = sender.send(Message::Text(words));
///         }
///     }
///
///     fn closed(&mut self, _: &Ended<'_>) {
///         self.users.lock().unwrap().remove(&self.name);
///     }
/// }
/// ```
#[derive(Clone)]
pub struct Sender(Arc<Line>);

impl Sender {
    /// Sends a message behind those that were sent before. Nothing is waited for: a client that takes too little is
    /// told of by an error.
    ///
    /// # Errors
    /// [`SendError::Full`] while 64 KiB wait already, messages counting 64 bytes each beside their own; the message is
    /// not sent, and may be tried again. [`SendError::Closed`]: the WebSocket is over or about to be, or has gone to
    /// another process.
    pub fn send(&self, message: Message<'_>) -> Result<(), SendError> {
        let outgoing = match message {
            Message::Text(text) => Outgoing::Text(text.into()),
            Message::Binary(bytes) => Outgoing::Binary(bytes.into()),
        };
        self.0.push(outgoing)
    }

    /// Says Close with this code and reason (at most 123 bytes; the rest is cut) behind what was sent before. Nothing
    /// can be sent after it. A WebSocket that is over stays so.
    pub fn close(&self, code: CloseCode, reason: &str) {
        // The only error is that it is over.
        let _ = self.0.push(Outgoing::Close(code, reason.into()));
    }

    /// Whether messages may be sent.
    pub fn is_open(&self) -> bool {
        let inner = self.0.lock();
        !inner.is_over()
    }
}

impl fmt::Debug for Sender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let inner = self.0.lock();
        f.debug_struct("Sender")
            .field("is_open", &!inner.is_over())
            .field("waiting", &inner.waiting.len())
            .finish()
    }
}

/// A message, or the Close, on its way to its WebSocket.
pub(crate) enum Outgoing {
    Text(Box<str>),
    Binary(Box<[u8]>),
    Close(CloseCode, Box<str>),
}

impl Outgoing {
    fn cost(&self) -> usize {
        let bytes = match self {
            Outgoing::Text(text) => text.len(),
            Outgoing::Binary(bytes) => bytes.len(),
            Outgoing::Close(_, reason) => reason.len(),
        };
        bytes + MESSAGE_COST_BYTES
    }
}

/// Messages for one WebSocket, from anywhere.
struct Line(Mutex<Inner>);

struct Inner {
    waiting: VecDeque<Outgoing>,
    /// The cost of all that waits.
    bytes: usize,
    place: Place,
    /// Whether the core was rung up and has not looked since.
    is_rung: bool,
    /// Whether the last that waits is a Close.
    ends: bool,
}

/// Where the WebSocket is.
enum Place {
    /// Between two cores, or just begun.
    Nowhere,
    Core(Arc<Bell>, Speaker),
    /// Nobody takes anything out any more.
    Gone,
}

const _: () = assert!(
    size_of::<Line>() <= 96,
    "each WebSocket that is sent to from outside keeps one"
);

impl Inner {
    fn is_over(&self) -> bool {
        self.ends || matches!(self.place, Place::Gone)
    }

    /// Nothing is sent any more.
    fn close(&mut self) {
        *self = Inner {
            place: Place::Gone,
            ..Inner::new()
        };
    }

    const fn new() -> Inner {
        Inner {
            waiting: VecDeque::new(),
            bytes: 0,
            place: Place::Nowhere,
            is_rung: false,
            ends: false,
        }
    }
}

impl Line {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn push(&self, outgoing: Outgoing) -> Result<(), SendError> {
        let mut inner = self.lock();
        if inner.is_over() {
            return Err(SendError::Closed);
        }
        let is_close = matches!(outgoing, Outgoing::Close(..));
        let bytes = inner.bytes + outgoing.cost();
        if bytes > WAITING_BYTES_MAX && !inner.waiting.is_empty() && !is_close {
            return Err(SendError::Full);
        }
        inner.bytes = bytes;
        inner.ends = is_close;
        inner.waiting.push_back(outgoing);
        if !inner.is_rung
            && let Place::Core(bell, of) = &inner.place
        {
            let (bell, of) = (bell.clone(), *of);
            inner.is_rung = true;
            drop(inner);
            bell.ring(of);
        }
        Ok(())
    }
}

/// The end of a line at which its WebSocket is. Without it, or once it is dropped, nothing can be sent.
pub(crate) struct Hearing(Arc<Line>);

impl Hearing {
    pub(crate) fn new() -> Hearing {
        Hearing(Arc::new(Line(Mutex::new(Inner::new()))))
    }

    /// A handle that sends to this end.
    pub(crate) fn sender(&self) -> Sender {
        Sender(self.0.clone())
    }

    /// Whether nothing comes by this line any more.
    pub(crate) fn is_gone(&self) -> bool {
        matches!(self.0.lock().place, Place::Gone)
    }

    /// Whether no core has taken the WebSocket in.
    pub(crate) fn is_nowhere(&self) -> bool {
        matches!(self.0.lock().place, Place::Nowhere)
    }

    /// The WebSocket is here now: what is sent rings this bell.
    pub(crate) fn arrive(&self, bell: &Arc<Bell>, of: Speaker) {
        let mut inner = self.0.lock();
        inner.place = Place::Core(bell.clone(), of);
        inner.is_rung = false;
    }

    /// The WebSocket leaves its core. Messages that are sent meanwhile wait in the line.
    pub(crate) fn leave(&self) {
        let mut inner = self.0.lock();
        if let Place::Core(..) = inner.place {
            inner.place = Place::Nowhere;
        }
    }

    /// Whether something waits.
    pub(crate) fn owes(&self) -> bool {
        !self.0.lock().waiting.is_empty()
    }

    /// Takes the next out.
    pub(crate) fn take(&self) -> Option<Outgoing> {
        let mut inner = self.0.lock();
        inner.is_rung = false;
        let outgoing = inner.waiting.pop_front()?;
        inner.bytes -= outgoing.cost();
        Some(outgoing)
    }

    /// Closes the line if nothing waits: the WebSocket goes where nothing can be sent to it. Whether it is closed.
    pub(crate) fn close_if_empty(&self) -> bool {
        let mut inner = self.0.lock();
        let is_empty = inner.waiting.is_empty();
        if is_empty {
            inner.close();
        }
        is_empty
    }
}

impl Drop for Hearing {
    fn drop(&mut self) {
        self.0.lock().close();
    }
}

/// Rung by senders on any thread: the WebSockets of one core for which something waits.
#[derive(Default)]
pub(crate) struct Bell(Mutex<Rung>);

#[derive(Default)]
struct Rung {
    of: Vec<Speaker>,
    /// Of the core's task that listens.
    waker: Option<Waker>,
}

impl Bell {
    fn lock(&self) -> MutexGuard<'_, Rung> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn ring(&self, of: Speaker) {
        let mut rung = self.lock();
        rung.of.push(of);
        let waker = rung.waker.take();
        drop(rung);
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Waits until it is rung, and takes who is meant.
    pub(crate) fn poll(&self, cx: &mut Context<'_>) -> Poll<Vec<Speaker>> {
        let mut rung = self.lock();
        if rung.of.is_empty() {
            rung.waker = Some(cx.waker().clone());
            return Poll::Pending;
        }
        Poll::Ready(std::mem::take(&mut rung.of))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connection::ConnectionKey;

    /// The costs of a text of one byte.
    const ONE: usize = 1 + MESSAGE_COST_BYTES;

    fn line() -> (Hearing, Sender) {
        let hearing = Hearing::new();
        let sender = hearing.sender();
        (hearing, sender)
    }

    #[test]
    fn a_line_takes_so_much_and_then_only_a_close_until_some_of_it_is_taken_out() {
        let (hearing, sender) = line();
        let most = WAITING_BYTES_MAX / ONE;
        for _ in 0..most {
            assert_eq!(sender.send(Message::Text("x")), Ok(()));
        }
        assert_eq!(sender.send(Message::Text("x")), Err(SendError::Full));
        assert!(hearing.take().is_some());
        assert_eq!(sender.send(Message::Text("x")), Ok(()));
        sender.close(CloseCode::NORMAL, "");
        assert_eq!(sender.send(Message::Text("x")), Err(SendError::Closed));
        assert!(!sender.is_open());
        let taken: Vec<_> = std::iter::from_fn(|| hearing.take()).collect();
        assert_eq!(taken.len(), most + 1);
        assert!(matches!(taken.last(), Some(Outgoing::Close(..))));
    }

    #[test]
    fn one_message_of_any_size_finds_room_in_an_empty_line() {
        let (hearing, sender) = line();
        let large = vec![0; 1 << 20];
        assert_eq!(sender.send(Message::Binary(&large)), Ok(()));
        assert_eq!(sender.send(Message::Binary(&[])), Err(SendError::Full));
        assert!(hearing.take().is_some());
        assert_eq!(sender.send(Message::Binary(&large)), Ok(()));
    }

    #[test]
    fn a_core_is_rung_up_once_for_all_that_wait_and_again_when_it_has_looked() {
        let (hearing, sender) = line();
        let bell = Arc::new(Bell::default());
        let of = Speaker::Connection(ConnectionKey::new(7, 1));
        let mut cx = Context::from_waker(Waker::noop());
        assert_eq!(sender.send(Message::Text("before")), Ok(()));
        hearing.arrive(&bell, of);
        assert!(hearing.owes());
        for round in 0..2 {
            assert!(bell.poll(&mut cx).is_pending(), "{round}");
            for _ in 0..3 {
                assert_eq!(sender.send(Message::Text("x")), Ok(()));
            }
            assert_eq!(bell.poll(&mut cx), Poll::Ready(vec![of]));
            while hearing.take().is_some() {}
        }
        hearing.leave();
        assert_eq!(sender.send(Message::Text("on its way")), Ok(()));
        assert!(bell.poll(&mut cx).is_pending());
        assert!(hearing.is_nowhere() && hearing.owes());
    }

    #[test]
    fn nothing_is_sent_into_a_line_that_is_closed_and_what_waits_keeps_it_open() {
        let (hearing, sender) = line();
        assert_eq!(sender.send(Message::Text("x")), Ok(()));
        assert!(!hearing.close_if_empty());
        assert!(hearing.take().is_some() && hearing.close_if_empty());
        assert_eq!(sender.send(Message::Text("x")), Err(SendError::Closed));
        assert!(hearing.is_gone());
        let (hearing, sender) = line();
        drop(hearing);
        assert_eq!(sender.send(Message::Text("x")), Err(SendError::Closed));
        assert!(!sender.is_open());
    }
}
