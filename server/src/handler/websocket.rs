//! WebSockets of an application: a handler makes the answer that begins one ([`WebSocket::accept`]), and from
//! then on a value of the application's is called for each message ([`OnMessage`]), without a future. So an
//! idle WebSocket is plain data, and goes from core to core and, if the application wants, from process to
//! process.
//!
//! The protocol and the connection are others' business; nothing here reads or sends.

use super::request::Request;
use super::response::{Body, Response, Switch};
use super::router::Router;
use super::upgrade::{Switching, switching};
use super::websocket_sender::Hearing;
pub use super::websocket_sender::Sender;
pub use super::websocket_stream::{Conversing, Received};
use crate::connection::Feed;
use crate::events::Hub;
pub use crate::websocket::deflate::Compression;
use crate::websocket::deflate::{Deflater, Terms};
pub use crate::websocket::handshake::origin::Origins;
use crate::websocket::handshake::{Asked, Declined, Policy, judge};
pub use crate::websocket::{CloseCode, Fault, Message, SendError};
use crate::websocket::{Conversation, Limits};
use std::fmt;
use std::rc::Rc;
use std::sync::Arc;

/// The application's end of one WebSocket: called for each message, on the core that the connection is on.
///
/// Every closure `FnMut(&mut Socket, Message)` is one. Calls are quick: the core does nothing else meanwhile,
/// and work that takes long belongs into a [lane](crate::lane). The answers to all messages that came together
/// leave together.
///
/// ```
/// use ringgate::handler::websocket::{Ended, Message, OnMessage, Socket};
///
/// /// Says how many messages came before.
/// struct Counting(u64);
///
/// impl OnMessage for Counting {
///     fn message(&mut self, socket: &mut Socket<'_>, _: Message<'_>) {
///         let _ = socket.send(Message::Text(&self.0.to_string()));
///         self.0 += 1;
///     }
///
///     fn closed(&mut self, ended: &Ended<'_>) {
///         tracing::debug!(code = ended.code, messages = self.0, "a WebSocket ended");
///     }
///
///     fn hand_over(&self) -> Option<Vec<u8>> {
///         Some(self.0.to_le_bytes().to_vec())
///     }
/// }
/// ```
pub trait OnMessage: Send + 'static {
    /// The WebSocket is on this core now: just after its handshake, and each time it has moved.
    fn arrived(&mut self, socket: &mut Socket<'_>) {
        let _ = socket;
    }

    /// A message came.
    fn message(&mut self, socket: &mut Socket<'_>, message: Message<'_>);

    /// The WebSocket is over; nothing can be sent any more.
    fn closed(&mut self, ended: &Ended<'_>) {
        let _ = ended;
    }

    /// The state that another process of the same program, the next one in an upgrade, goes on with
    /// ([`Router::restore_websocket`](crate::Router::restore_websocket)): at most 64 KiB. None if there is no such
    /// thing: the WebSocket is closed with 1012 then, and its client connects again.
    fn hand_over(&self) -> Option<Vec<u8>> {
        None
    }
}

impl<F> OnMessage for F
where
    F: FnMut(&mut Socket<'_>, Message<'_>) + Send + 'static,
{
    fn message(&mut self, socket: &mut Socket<'_>, message: Message<'_>) {
        self(socket, message);
    }
}

/// How a WebSocket ended.
///
/// ```
/// use ringgate::handler::websocket::{Ended, Message, OnMessage, Socket};
///
/// struct Player(String);
///
/// impl OnMessage for Player {
///     fn message(&mut self, _: &mut Socket<'_>, _: Message<'_>) {}
///
///     fn closed(&mut self, ended: &Ended<'_>) {
///         match (ended.code, ended.fault) {
///             (1006, None) => tracing::info!("{} is gone without a word", self.0),
///             (_, Some(fault)) => tracing::warn!("{} broke a rule: {fault:?}", self.0),
///             (code, None) => tracing::info!("{} said {code} {}", self.0, ended.reason),
///         }
///     }
/// }
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ended<'a> {
    /// The code of the client's Close; 1005 if that had none, 1006 if none came (RFC 6455 section 7.1.5).
    pub code: u16,
    /// The reason in the client's Close.
    pub reason: &'a str,
    /// The rule that the client broke, if that is why the server ended it.
    pub fault: Option<Fault>,
}

impl Ended<'_> {
    /// The end without a Close.
    pub(crate) const ABNORMAL: Ended<'static> = Ended {
        code: 1006,
        reason: "",
        fault: None,
    };
}

/// A WebSocket as its [`OnMessage`] sees it during a call.
pub struct Socket<'c> {
    pub(crate) conversation: &'c mut Conversation,
    pub(crate) deflater: &'c mut Deflater,
    pub(crate) out: &'c mut Vec<u8>,
    pub(crate) terms: &'c Arc<SocketTerms>,
    pub(crate) protocol: Option<u8>,
    /// Bytes that waited to be sent before.
    pub(crate) queued: usize,
    /// Messages that were sent in this call.
    pub(crate) sent: u64,
    pub(crate) core: u32,
    /// The hub that is followed.
    pub(crate) feed: &'c mut Option<Box<Feed>>,
    /// The line by which messages come from outside.
    pub(crate) line: &'c mut Option<Hearing>,
}

impl Socket<'_> {
    /// Sends a message: with the others of the turn, when the call is over.
    ///
    /// # Errors
    /// The WebSocket is closed, or about to be.
    #[inline]
    pub fn send(&mut self, message: Message<'_>) -> Result<(), SendError> {
        self.conversation
            .send(message, Some(self.deflater), self.out)?;
        self.sent += 1;
        Ok(())
    }

    /// Says Close with this code and reason (at most 123 bytes; the rest is cut). Messages that are on their
    /// way from the client still come, and can no longer be answered.
    pub fn close(&mut self, code: CloseCode, reason: &str) {
        use crate::websocket::life::{Effect, Event};
        let _: Effect = self
            .conversation
            .on(Event::CloseWanted(code), reason, self.out);
    }

    /// Whether messages may be sent.
    pub fn is_open(&self) -> bool {
        self.conversation.may_send()
    }

    /// The subprotocol that was agreed on.
    pub fn protocol(&self) -> Option<&str> {
        let protocols = &self.terms.policy.protocols;
        let place = usize::from(self.protocol?);
        protocols.get(place).map(String::as_str)
    }

    /// Bytes that wait for the client to take them. While these are many, no further message of its is read;
    /// who sends without being asked looks here first.
    pub fn backlog(&self) -> usize {
        self.queued + self.out.len()
    }

    /// Sends what is published on `hub` to this client, in order, each event once: text if it is UTF-8, else binary.
    /// `after`: the id behind which it begins, as far as events are kept; None is what comes from now on. The sending
    /// goes on when the WebSocket moves to another core, and a second call for the same hub changes nothing; so
    /// [`OnMessage::arrived`] is the place to call it from. To another process the place in the hub does not go: that
    /// has a hub of its own. One hub at a time: another takes the place of the first.
    ///
    /// A client that takes too little has at most 64 KiB queued. Events that it has not had stay in the hub as long
    /// as they are kept there; once the next event for the client is kept no more, the client is told Close with 1013
    /// (try again later).
    ///
    /// ```
    /// use ringgate::events::Hub;
    /// use ringgate::handler::websocket::{Message, OnMessage, Socket};
    ///
    /// /// Hears what everybody says, and says it to everybody.
    /// struct Guest(Hub);
    ///
    /// impl OnMessage for Guest {
    ///     fn arrived(&mut self, socket: &mut Socket<'_>) {
    ///         socket.follow(&self.0, None);
    ///     }
    ///
    ///     fn message(&mut self, _: &mut Socket<'_>, message: Message<'_>) {
    ///         self.0.publish(message.bytes().to_vec());
    ///     }
    /// }
    /// ```
    pub fn follow(&mut self, hub: &Hub, after: Option<u64>) {
        let follows = self.feed.as_ref().is_some_and(|feed| feed.is_of(hub));
        if !follows {
            *self.feed = Some(Box::new(Feed::new(hub, after)));
        }
    }

    /// Follows no hub any more.
    pub fn unfollow(&mut self) {
        *self.feed = None;
    }

    /// A handle that sends to this client from anywhere, until the WebSocket is over or goes to another process. The
    /// first one costs the WebSocket about 120 bytes, further ones nothing. In another process, or back from there,
    /// there are other handles, so [`OnMessage::arrived`] is the place to make one.
    pub fn sender(&mut self) -> Sender {
        let line = self.line.take().filter(|line| !line.is_gone());
        self.line.insert(line.unwrap_or_else(Hearing::new)).sender()
    }

    /// The core that the WebSocket is on now.
    pub fn core(&self) -> u32 {
        self.core
    }
}

impl fmt::Debug for Socket<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Socket")
            .field("state", &self.conversation.state())
            .field("protocol", &self.protocol())
            .finish()
    }
}

/// The terms of the WebSockets of one kind, shared by all of them.
#[derive(Debug, Clone, Default)]
pub(crate) struct SocketTerms {
    pub(crate) policy: Policy,
    /// The name under which another process takes them up.
    pub(crate) name: Option<Box<str>>,
    message_size: Option<usize>,
}

impl SocketTerms {
    /// The bounds on what a client sends; `limits` are the server's.
    pub(crate) fn limits(&self, limits: &Limits) -> Limits {
        match self.message_size {
            None => *limits,
            Some(size) => limits.with_messages_of(size),
        }
    }
}

/// WebSockets of one kind: which subprotocols they speak, whose pages may open them, what they compress. Made
/// once, and shared by all that are accepted with it.
///
/// ```
/// use ringgate::handler::websocket::{Message, Socket};
/// use ringgate::{Request, Router, WebSocket};
///
/// let sockets = WebSocket::new().protocol("echo.v1").compressed();
/// let router = Router::<()>::new().get("/ws", move |request: Request| {
///     let answer = sockets.accept(&request, |socket: &mut Socket<'_>, message: Message<'_>| {
///         let _ = socket.send(message);
///     });
///     async { answer }
/// });
/// ```
#[derive(Clone, Debug, Default)]
pub struct WebSocket {
    terms: Arc<SocketTerms>,
}

impl WebSocket {
    /// WebSockets without a subprotocol and without compression, opened by pages of the same host or by
    /// programs, with messages up to the server's `websocket_message_size`.
    pub fn new() -> WebSocket {
        WebSocket::default()
    }

    /// Speaks this subprotocol as well. Of the client's list the first that is spoken is agreed on.
    ///
    /// # Panics
    /// With more than 255 of them.
    #[must_use]
    pub fn protocol(mut self, name: impl Into<String>) -> WebSocket {
        let terms = Arc::make_mut(&mut self.terms);
        terms.policy.protocols.push(name.into());
        assert!(terms.policy.protocols.len() < 256, "too many subprotocols");
        self
    }

    /// Lets pages of these origins open them, besides those of the same host.
    #[must_use]
    pub fn origins(mut self, origins: Origins) -> WebSocket {
        Arc::make_mut(&mut self.terms).policy.origins = origins;
        self
    }

    /// Compresses messages (permessage-deflate, RFC 7692) with clients that offer it, and keeps no context
    /// from one message to the next.
    #[must_use]
    pub fn compressed(self) -> WebSocket {
        self.compression(Compression::default())
    }

    /// As [`WebSocket::compressed`], with these terms. A WebSocket that keeps its context cannot move.
    #[must_use]
    pub fn compression(mut self, compression: Compression) -> WebSocket {
        Arc::make_mut(&mut self.terms).policy.compression = Some(compression);
        self
    }

    /// Takes messages of up to so many bytes, whatever the server's `websocket_message_size` is.
    #[must_use]
    pub fn message_size(mut self, most: usize) -> WebSocket {
        Arc::make_mut(&mut self.terms).message_size = Some(most);
        self
    }

    /// Names them, so that the next process of an upgrade can take them up
    /// ([`Router::restore_websocket`](crate::Router::restore_websocket)).
    #[must_use]
    pub fn named(mut self, name: impl Into<Box<str>>) -> WebSocket {
        Arc::make_mut(&mut self.terms).name = Some(name.into());
        self
    }

    /// The answer that begins a WebSocket with this client: 101, or 200 on a stream of HTTP/2, after which `end` is
    /// called for its messages. If the request is no sound handshake (RFC 6455 section 4.2.1, RFC 8441 section 5),
    /// the answer that says what is wrong: 400, 403 (a page of another origin), 405, 426 or 501.
    pub fn accept<S>(&self, request: &Request<S>, end: impl OnMessage) -> Response {
        let (mut response, accepted) = match self.judged(request) {
            Ok(judged) => judged,
            Err(refusal) => return refusal,
        };
        response.body = Body::Switch(Switch::new(Switching::WebSocket(Begun {
            terms: accepted.terms,
            compression: accepted.compression,
            protocol: accepted.protocol,
            end: Box::new(end),
        })));
        response
    }

    /// The head of the answer that begins a WebSocket and the terms that were agreed on, or the refusal.
    pub(super) fn judged<S>(&self, request: &Request<S>) -> Result<(Response, Accepted), Response> {
        let asked = Asked {
            method: request.method(),
            version: request.version(),
            host: request.host(),
            protocol: request.protocol(),
            has_body: request.has_body(),
        };
        let policy = &self.terms.policy;
        let accept =
            judge(&asked, request.headers(), policy).map_err(|declined| refusal(&declined))?;
        let place = accept.protocol.and_then(|chosen| {
            let mut protocols = policy.protocols.iter();
            protocols.position(|name| name == chosen)
        });
        let mut response = switching(request, "websocket");
        response.fields.extend(accept.fields());
        let accepted = Accepted {
            terms: self.terms.clone(),
            compression: accept.compression,
            protocol: place.and_then(|place| u8::try_from(place).ok()),
        };
        Ok((response, accepted))
    }
}

impl WebSocket {
    pub(crate) fn terms(&self) -> &Arc<SocketTerms> {
        &self.terms
    }
}

/// A kind of WebSockets that is taken up from another process.
pub(super) struct SocketKind<S> {
    pub(super) terms: Arc<SocketTerms>,
    pub(super) restore: Arc<Restore<S>>,
}

/// Makes the application's end of the state that was handed over.
type Restore<S> = dyn Fn(&Rc<S>, &[u8]) -> Option<Box<dyn OnMessage>> + Send + Sync;

impl<S: 'static> Router<S> {
    /// Takes up WebSockets of a kind that the program before this one, in an upgrade, hands over: `restore` makes
    /// the application's end again of what [`OnMessage::hand_over`] gave there, with the state of the core; None
    /// closes the WebSocket with 1012. The kind has a [name](crate::WebSocket::named), by which the new program
    /// knows it.
    ///
    /// ```
    /// use ringgate::handler::websocket::{Message, OnMessage, Socket};
    /// use ringgate::{Request, Router, WebSocket};
    ///
    /// struct Counting(u64);
    ///
    /// impl OnMessage for Counting {
    ///     fn message(&mut self, socket: &mut Socket<'_>, _: Message<'_>) {
    ///         self.0 += 1;
    ///         let _ = socket.send(Message::Text(&self.0.to_string()));
    ///     }
    ///
    ///     fn hand_over(&self) -> Option<Vec<u8>> {
    ///         Some(self.0.to_le_bytes().to_vec())
    ///     }
    /// }
    ///
    /// let counting = WebSocket::new().named("counting");
    /// let router = Router::<()>::new()
    ///     .restore_websocket(&counting, |_, state| {
    ///         Some(Counting(u64::from_le_bytes(state.try_into().ok()?)))
    ///     })
    ///     .get("/count", move |request: Request| {
    ///         let answer = counting.accept(&request, Counting(0));
    ///         async { answer }
    ///     });
    /// ```
    ///
    /// # Panics
    /// If the kind has no name, or one that another kind of the router has.
    #[must_use]
    pub fn restore_websocket<T: OnMessage>(
        mut self,
        sockets: &WebSocket,
        restore: impl Fn(&Rc<S>, &[u8]) -> Option<T> + Send + Sync + 'static,
    ) -> Router<S> {
        self.add_sockets(SocketKind {
            terms: sockets.terms().clone(),
            restore: Arc::new(move |state, bytes| {
                restore(state, bytes).map(|end| Box::new(end) as Box<dyn OnMessage>)
            }),
        });
        self
    }

    pub(super) fn add_sockets(&mut self, kind: SocketKind<S>) {
        let name = kind.terms.name.as_deref();
        assert!(name.is_some(), "WebSockets are taken up by their name");
        let mut names = self.sockets.iter().map(|kind| kind.terms.name.as_deref());
        assert!(
            names.all(|have| have != name),
            "{name:?} is taken up already"
        );
        self.sockets.push(kind);
    }
}

fn refusal(declined: &Declined) -> Response {
    let mut response = Response::error(declined.status, declined.reason);
    response.fields.extend_from_slice(declined.fields);
    response
}

/// The terms that were agreed on in a handshake.
pub(super) struct Accepted {
    pub(super) terms: Arc<SocketTerms>,
    pub(super) compression: Option<Terms>,
    pub(super) protocol: Option<u8>,
}

/// A WebSocket whose handshake is accepted.
pub(crate) struct Begun {
    pub(crate) terms: Arc<SocketTerms>,
    pub(crate) compression: Option<Terms>,
    pub(crate) protocol: Option<u8>,
    pub(crate) end: Box<dyn OnMessage>,
}
