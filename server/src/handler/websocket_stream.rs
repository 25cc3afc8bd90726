//! A WebSocket as a stream of messages and a place to send them, in a task of its own: for applications that wait,
//! for lanes, other services or events, between two messages. Such a socket stays on its core, and its task is there
//! as long as it is; an [`OnMessage`](super::websocket::OnMessage) costs neither.
//!
//! The protocol is [`crate::websocket`]'s, and the bytes come and go through [`Upgraded`].

use super::pipe::{Times, Upgraded};
use super::request::Request;
use super::response::{Body, Response, Switch};
use super::upgrade::{Speaking, Switching};
use super::websocket::{Accepted, Ended, SocketTerms, WebSocket};
use crate::websocket::deflate::{Deflater, Inflater};
use crate::websocket::life::{Deadline, Effect, Event};
use crate::websocket::{Arrival, CloseCode, Conversation, Desk, Fault, Message, SendError};
use bytes::{Buf, Bytes, BytesMut};
use ringgate_runtime::{Moment, current, sleep_until};
use std::cell::RefCell;
use std::fmt;
use std::future::{Future, poll_fn};
use std::mem::take;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

/// The code of a Close without one, to applications (RFC 6455 section 7.1.5).
const NO_CODE: u16 = 1005;

/// A message that a client sent.
///
/// ```
/// use ringgate::handler::websocket::{Message, Received};
///
/// let text = Received::Text("hello".to_owned());
/// assert_eq!(text.as_message(), Message::Text("hello"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Received {
    /// Text.
    Text(String),
    /// Any bytes.
    Binary(Bytes),
}

impl Received {
    /// The message, to be sent.
    pub fn as_message(&self) -> Message<'_> {
        match self {
            Received::Text(text) => Message::Text(text),
            Received::Binary(bytes) => Message::Binary(bytes),
        }
    }
}

/// A WebSocket in a task of its own ([`WebSocket::stream`]).
///
/// ```
/// use ringgate::handler::websocket::{CloseCode, Conversing, Message};
/// use ringgate::runtime::sleep;
/// use std::time::Duration;
///
/// /// Counts down, and says goodbye.
/// async fn count_down(mut socket: Conversing) {
///     for number in (1..=3).rev() {
///         if socket.send(Message::Text(&number.to_string())).await.is_err() {
///             return; // the client is gone
///         }
///         sleep(Duration::from_secs(1)).await;
///     }
///     socket.close(CloseCode::NORMAL, "lift-off").await;
/// }
/// # let sockets = ringgate::WebSocket::new();
/// # ringgate::Router::<()>::new().get("/", move |request| {
/// #     let answer = sockets.stream(&request, count_down);
/// #     async { answer }
/// # });
/// ```
pub struct Conversing {
    bytes: Upgraded,
    conversation: Conversation,
    terms: Arc<SocketTerms>,
    protocol: Option<u8>,
    /// The contexts that are kept from one message to the next, where that was agreed on.
    own: Option<Box<Tools>>,
    unread: BytesMut,
    /// Frames that wait for room.
    out: Vec<u8>,
    /// A message that was read and not yet given to the application.
    found: Option<Received>,
    /// The limit in force, and since when.
    waiting: Option<(Deadline, Moment)>,
    ended: Option<(u16, String, Option<Fault>)>,
}

/// A compressor and a decompressor.
#[derive(Default)]
struct Tools {
    inflater: Inflater,
    deflater: Deflater,
}

thread_local! {
    /// The tools of all WebSockets of a core that keep no context; empty before the first of them needs one.
    static TOOLS: RefCell<Tools> = RefCell::default();
}

fn with_tools<T>(own: &mut Option<Box<Tools>>, work: impl FnOnce(&mut Tools) -> T) -> T {
    match own {
        Some(own) => work(own),
        None => TOOLS.with_borrow_mut(work),
    }
}

/// The meaning of a frame.
enum Frame {
    Needs,
    Nothing,
    Message(Received),
    Close(u16, String),
}

impl Frame {
    fn of(arrival: Arrival<'_>) -> Frame {
        match arrival {
            Arrival::Needs(_) => Frame::Needs,
            Arrival::Text(text) => Frame::Message(Received::Text(text.into_owned())),
            Arrival::Binary(bytes) => {
                Frame::Message(Received::Binary(Bytes::from(bytes.into_owned())))
            }
            Arrival::Close(code, reason) => {
                let code = code.map_or(NO_CODE, |code| code.number());
                Frame::Close(code, reason.to_owned())
            }
            Arrival::Nothing | Arrival::Part(_) | Arrival::Ping(_) | Arrival::Pong(_) => {
                Frame::Nothing
            }
        }
    }
}

/// The bytes, or the want of them.
enum Heard {
    Bytes(super::response::Chunk),
    /// The client has ended its side, or the connection is gone.
    End,
    /// The server is about to end, or the core leaves.
    Drain,
    Late(Deadline),
}

impl Conversing {
    fn new(accepted: Accepted, bytes: Upgraded) -> Conversing {
        let keeps = accepted
            .compression
            .is_some_and(|terms| terms.keeps_context());
        Conversing {
            bytes,
            conversation: Conversation::new(accepted.compression),
            terms: accepted.terms,
            protocol: accepted.protocol,
            own: keeps.then(Box::default),
            unread: BytesMut::new(),
            out: Vec::new(),
            found: None,
            waiting: None,
            ended: None,
        }
    }

    /// The next message; None when the WebSocket is over ([`Conversing::ended`]). Pings are answered, and the client
    /// is asked whether it is still there, while this is awaited. Nothing is lost if the future is dropped.
    pub async fn next(&mut self) -> Option<Received> {
        loop {
            if self.found.is_none() {
                self.found = self.read_frame();
            }
            // A Pong for what came before the message goes out first.
            self.send_out().await.ok()?;
            if let Some(message) = self.found.take() {
                return Some(message);
            }
            if self.ended.is_some() {
                return None;
            }
            match self.hear().await {
                Heard::Bytes(bytes) => self.unread.extend_from_slice(&bytes),
                Heard::End => self.end(Ended::ABNORMAL),
                Heard::Drain => self.tell(Event::Drain(CloseCode::GOING_AWAY), ""),
                Heard::Late(deadline) => self.late(deadline),
            }
        }
    }

    /// Sends a message; waits while 64 KiB of earlier ones are not with the kernel.
    ///
    /// # Errors
    /// The WebSocket is closed, or about to be.
    pub async fn send(&mut self, message: Message<'_>) -> Result<(), SendError> {
        self.send_out().await?;
        let (conversation, out) = (&mut self.conversation, &mut self.out);
        with_tools(&mut self.own, |tools| {
            conversation.send(message, Some(&mut tools.deflater), out)
        })?;
        self.send_out().await
    }

    /// Says Close with this code and reason, and waits for the client's Close for as long as
    /// `websocket_close_timeout`; messages that come meanwhile are dropped.
    pub async fn close(&mut self, code: CloseCode, reason: &str) {
        self.tell(Event::CloseWanted(code), reason);
        while self.next().await.is_some() {}
    }

    /// Whether messages may be sent.
    pub fn is_open(&self) -> bool {
        self.conversation.may_send()
    }

    /// How it ended, once [`Conversing::next`] was None.
    pub fn ended(&self) -> Option<Ended<'_>> {
        let (code, reason, fault) = self.ended.as_ref()?;
        Some(Ended {
            code: *code,
            reason,
            fault: *fault,
        })
    }

    /// The subprotocol that was agreed on.
    pub fn protocol(&self) -> Option<&str> {
        let protocols = &self.terms.policy.protocols;
        protocols
            .get(usize::from(self.protocol?))
            .map(String::as_str)
    }

    fn read_frame(&mut self) -> Option<Received> {
        let limits = self.terms.limits(&self.bytes.times().limits);
        while !self.unread.is_empty() && self.ended.is_none() {
            let mut desk = Desk {
                limits: &limits,
                seconds: (now().as_nanos() / 1_000_000_000) as u32,
                out: &mut self.out,
            };
            let (conversation, unread) = (&mut self.conversation, &mut self.unread);
            let heard: Result<_, Fault> = with_tools(&mut self.own, |tools| {
                let received = conversation.receive(unread, &mut tools.inflater, &mut desk)?;
                Ok((received.used, Frame::of(received.arrival)))
            });
            match heard {
                Err(fault) => {
                    self.ended = Some((fault.code().number(), String::new(), Some(fault)));
                }
                Ok((_, Frame::Needs)) => return None,
                Ok((used, frame)) => {
                    self.unread.advance(used);
                    if self.conversation.may_send() && !self.conversation.is_in_message() {
                        // The next message has its own time.
                        self.waiting = None;
                    }
                    match frame {
                        Frame::Message(message) => return Some(message),
                        Frame::Close(code, reason) => self.ended = Some((code, reason, None)),
                        Frame::Needs | Frame::Nothing => {}
                    }
                }
            }
        }
        None
    }

    /// Hands what is to be sent to the connection, once there is room for it.
    async fn send_out(&mut self) -> Result<(), SendError> {
        if self.out.is_empty() {
            return Ok(());
        }
        let room = poll_fn(|cx| self.bytes.poll_room(cx)).await;
        let sent = room.and_then(|()| self.bytes.put(take(&mut self.out).into()));
        sent.map_err(|_| {
            self.end(Ended::ABNORMAL);
            SendError::Closed
        })
    }

    async fn hear(&mut self) -> Heard {
        let Some(kind) = self.conversation.deadline(false) else {
            return Heard::End;
        };
        let is_held_back = kind == Deadline::Message && self.bytes.is_full();
        // A limit that is in force goes on, also if this future was dropped and made again: but not the time in which
        // nobody was there to read, so that the client could send no more.
        let since = match self.waiting {
            Some((before, since)) if before == kind && !is_held_back => since,
            _ => now(),
        };
        self.waiting = Some((kind, since));
        let limit = self.bytes.times().of(kind);
        let mut late = pin!(sleep_until(since + limit));
        let may_be_told = self.conversation.may_send();
        let bytes = &mut self.bytes;
        let heard = poll_fn(|cx| {
            if may_be_told && bytes.is_draining() {
                return Poll::Ready(Heard::Drain);
            }
            if let Poll::Ready(heard) = bytes.poll_next(cx) {
                return Poll::Ready(match heard {
                    Ok(Some(bytes)) => Heard::Bytes(bytes),
                    Ok(None) | Err(_) => Heard::End,
                });
            }
            late.as_mut().poll(cx).map(|()| Heard::Late(kind))
        })
        .await;
        let goes_on = matches!(
            (&heard, kind),
            (Heard::Bytes(_), Deadline::Message | Deadline::Close)
        );
        if !goes_on {
            self.waiting = None;
        }
        heard
    }

    fn late(&mut self, deadline: Deadline) {
        match deadline {
            Deadline::Quiet => self.tell(Event::DeadlinePassed(Deadline::Quiet), ""),
            Deadline::Message => {
                self.tell(Event::DeadlinePassed(Deadline::Message), "");
                let fault = Fault::MessageStalled;
                self.ended = Some((fault.code().number(), String::new(), Some(fault)));
            }
            Deadline::Pong | Deadline::Close | Deadline::Write | Deadline::Linger => {
                self.end(Ended::ABNORMAL);
            }
        }
    }

    fn tell(&mut self, event: Event, reason: &str) {
        let _: Effect = self.conversation.on(event, reason, &mut self.out);
    }

    fn end(&mut self, ended: Ended<'_>) {
        let reason = ended.reason.to_owned();
        self.ended.get_or_insert((ended.code, reason, ended.fault));
    }
}

impl Times {
    fn of(&self, deadline: Deadline) -> Duration {
        match deadline {
            Deadline::Quiet => self.ping,
            Deadline::Pong => self.pong,
            Deadline::Message => self.message,
            // The connection has its own limits on these.
            Deadline::Close | Deadline::Write | Deadline::Linger => self.close,
        }
    }
}

fn now() -> Moment {
    current().now()
}

impl fmt::Debug for Conversing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Conversing")
            .field("state", &self.conversation.state())
            .field("protocol", &self.protocol())
            .finish_non_exhaustive()
    }
}

/// A WebSocket that is dropped while it is open is told Close: 1000, or 1011 in a panic.
impl Drop for Conversing {
    fn drop(&mut self) {
        if self.ended.is_none() {
            let code = match std::thread::panicking() {
                true => CloseCode::INTERNAL,
                false => CloseCode::NORMAL,
            };
            self.tell(Event::CloseWanted(code), "");
        }
        // A connection that is gone hears no Close.
        let _ = self.bytes.put(take(&mut self.out).into());
    }
}

impl WebSocket {
    /// As [`WebSocket::accept`], for an application that waits between two messages: `converse` is run as a task of
    /// its own behind the 101. The WebSocket ends with that future, and the future is dropped when the client is
    /// gone. The WebSocket stays on its core: if that leaves, or at an upgrade or a drain, the client is told
    /// Close.
    ///
    /// ```
    /// use ringgate::handler::websocket::{Message, Received};
    /// use ringgate::runtime::sleep;
    /// use ringgate::{Request, Router, WebSocket};
    /// use std::time::Duration;
    ///
    /// let sockets = WebSocket::new();
    /// let router = Router::<()>::new().get("/slow", move |request: Request| {
    ///     let answer = sockets.stream(&request, |mut socket| async move {
    ///         while let Some(Received::Text(text)) = socket.next().await {
    ///             sleep(Duration::from_millis(100)).await;
    ///             if socket.send(Message::Text(&text)).await.is_err() {
    ///                 break;
    ///             }
    ///         }
    ///     });
    ///     async { answer }
    /// });
    /// ```
    pub fn stream<S, T>(
        &self,
        request: &Request<S>,
        converse: impl FnOnce(Conversing) -> T,
    ) -> Response
    where
        T: Future<Output = ()> + 'static,
    {
        let (mut response, accepted) = match self.judged(request) {
            Ok(judged) => judged,
            Err(refusal) => return refusal,
        };
        let speak = |bytes| converse(Conversing::new(accepted, bytes));
        let speaking = Speaking::new(false, speak);
        response.body = Body::Switch(Switch::new(Switching::Tunnel(speaking)));
        response
    }
}
