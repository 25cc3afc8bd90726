//! A request as its handler sees it: a view of the received bytes, nothing copied or parsed again.

use super::parts::{HeadBytes, PlacedParts};
use super::{ProxyHeader, RequestBody, Tls};
use crate::ServerHandle;
use crate::connection::ExchangeKey;
use crate::http1::fields::BodyFraming;
use bytes::{Bytes, BytesMut};
use http::{Extensions, HeaderName, HeaderValue, Method, Version};
use std::any::Any;
use std::borrow::Cow;
use std::cell::{Cell, RefCell};
use std::fmt;
use std::marker::PhantomData;
use std::net::SocketAddr;
use std::rc::Rc;

/// The state of an application on one core, and the server it belongs to.
pub(super) struct CoreState<S> {
    pub(super) state: Rc<S>,
    pub(super) server: ServerHandle,
    pub(super) names: Names,
}

/// Names for requests of one core.
#[derive(Default)]
pub(super) struct Names {
    /// When the core started, which no other life of it has.
    began: u64,
    given: Cell<u64>,
    /// A number by chance, for ids that no other machine gives, in hexadecimal digits.
    chance: [u8; 16],
    /// The field in which requests have an id, if there is one.
    id_field: Option<HeaderName>,
}

impl Names {
    pub(super) fn new(id_field: Option<HeaderName>) -> Names {
        let core = ringgate_runtime::try_current();
        Names {
            id_field,
            began: core.as_ref().map_or(0, |core| core.now().as_nanos()),
            given: Cell::new(0),
            chance: hexadecimal(core.map_or(0, |core| core.random())),
        }
    }

    /// An id that no other request has, on this machine or another: 32 hexadecimal digits, half of them by chance for
    /// each life of a core.
    pub(super) fn made_id(&self) -> HeaderValue {
        let number = self.given.get() + 1;
        self.given.set(number);
        let mut id = [0; 32];
        id[..16].copy_from_slice(&self.chance);
        id[16..].copy_from_slice(&hexadecimal(number));
        HeaderValue::from_maybe_shared(copied(&id)).expect("digits are a value")
    }
}

fn hexadecimal(number: u64) -> [u8; 16] {
    let mut digits = [0; 16];
    for (pair, byte) in digits
        .as_chunks_mut::<2>()
        .0
        .iter_mut()
        .zip(number.to_be_bytes())
    {
        *pair = [byte >> 4, byte & 0xf].map(|digit| b"0123456789abcdef"[usize::from(digit)]);
    }
    digits
}

/// A [`CoreState`] of whatever state.
pub(super) trait OfCore: Any {
    fn server(&self) -> &ServerHandle;
    fn names(&self) -> &Names;
}

impl<S: 'static> OfCore for CoreState<S> {
    fn server(&self) -> &ServerHandle {
        &self.server
    }

    fn names(&self) -> &Names {
        &self.names
    }
}

/// Something that the engine is to know of a request, and that does not come with its answer.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Note {
    /// The handler gave its slot back.
    Detached,
    /// The handler panicked, with this text, and something around it goes on.
    Panicked(String),
}

thread_local! {
    /// Notes on requests of this thread since their core last looked. Here, and not behind a pointer in each
    /// request, since few ever have any.
    static NOTES: RefCell<Vec<(u32, ExchangeKey, Note)>> = const { RefCell::new(Vec::new()) };
}

/// Puts a note on a request of core `core`.
#[cold]
pub(super) fn note(core: u32, request: ExchangeKey, note: Note) {
    NOTES.with_borrow_mut(|notes| notes.push((core, request, note)));
}

/// Whether no request of this thread has a note since its core last looked.
#[inline]
pub(crate) fn none_noted() -> bool {
    NOTES.with_borrow(Vec::is_empty)
}

/// The notes on requests of a core since it last looked.
#[cold]
pub(crate) fn take_notes(core: u32) -> Vec<(ExchangeKey, Note)> {
    NOTES.with_borrow_mut(|notes| {
        let of_core = notes.extract_if(.., |(of, ..)| *of == core);
        of_core.map(|(_, request, note)| (request, note)).collect()
    })
}

/// A request, with the state of the core it runs on.
///
/// The head borrows the buffer it was received in; the body is read with [`Request::body`].
///
/// No larger than a pointer: it is moved into its handler's future and out of it again, and a larger
/// one would stall the processor there, being read in one piece just after it was written in two.
pub struct Request<S = ()> {
    parts: PlacedParts,
    state: PhantomData<Rc<S>>,
}

const _: () = assert!(size_of::<Request<String>>() == size_of::<usize>());

impl<S: 'static> Request<S> {
    /// `of_core` is a `CoreState<S>`.
    #[inline]
    pub(super) fn new(mut parts: PlacedParts, of_core: Rc<dyn OfCore>) -> Request<S> {
        parts.of_core = Some(of_core);
        Request {
            parts,
            state: PhantomData,
        }
    }

    /// The state that `init` made for this core.
    ///
    /// ```
    /// use ringgate::{Request, Router, testing};
    /// use std::cell::Cell;
    ///
    /// async fn count(request: Request<Cell<u32>>) -> String {
    ///     let count = request.state();
    ///     count.set(count.get() + 1);
    ///     count.get().to_string()
    /// }
    ///
    /// let client = testing::client(Router::new().get("/", count), Cell::new(0));
    /// client.get("/").send();
    /// assert_eq!(client.get("/").send().text(), "2");
    /// ```
    #[inline]
    pub fn state(&self) -> &Rc<S> {
        let of_core = self.parts.of_core.as_deref();
        let of_core = of_core.and_then(|of_core| {
            let of_core: &dyn Any = of_core;
            of_core.downcast_ref::<CoreState<S>>()
        });
        let of_core = of_core.expect("a router's requests have the state of that router");
        &of_core.state
    }
}

impl<S> Request<S> {
    /// The method.
    #[inline]
    pub fn method(&self) -> &Method {
        &self.parts.head.method
    }

    /// The protocol that an extended CONNECT of HTTP/2 asks for, `websocket` for one (RFC 8441 section 4). Such a
    /// request goes to the route that a GET of its path would go to.
    pub fn protocol(&self) -> Option<&str> {
        let protocol = self.parts.protocol?;
        std::str::from_utf8(protocol.of(&self.parts.bytes)).ok()
    }

    /// Whether nothing is known of the request but that there was one: its head was refused, and what is
    /// [around](crate::Router::around) the answer sees a GET of `/` without fields.
    pub fn is_blank(&self) -> bool {
        self.parts.head.len == 0
    }

    /// The path as the client wrote it, not decoded.
    ///
    /// ```
    /// use ringgate::{Request, Router, testing};
    ///
    /// async fn target(request: Request) -> String {
    ///     format!("{} {:?} at {}", request.path(), request.query(), request.host())
    /// }
    ///
    /// let client = testing::client(Router::new().get("/{name}", target), ());
    /// assert_eq!(client.get("/a%20b?c=d").send().text(), "/a%20b Some(\"c=d\") at test");
    /// ```
    #[inline]
    pub fn path(&self) -> &str {
        self.parts.head.path(&self.parts.bytes)
    }

    /// Host and optional port that the request is for, as the client wrote them: those of the target if
    /// it has any, else the Host field (RFC 9112 section 3.2.2). Empty if an HTTP/1.0 client gave none.
    pub fn host(&self) -> &str {
        self.parts.head.host(&self.parts.bytes)
    }

    /// The query: the target after the first `?`, not decoded.
    #[inline]
    pub fn query(&self) -> Option<&str> {
        self.parts.head.query(&self.parts.bytes)
    }

    /// The first value of a name in the query, decoded (`application/x-www-form-urlencoded`);
    /// [`Request::query_as`] reads all of it.
    ///
    /// ```
    /// use ringgate::{Request, Router, testing};
    ///
    /// async fn word(request: Request) -> String {
    ///     request.query_value("word").unwrap_or_default().into_owned()
    /// }
    ///
    /// let client = testing::client(Router::new().get("/", word), ());
    /// assert_eq!(client.get("/?word=a+b").send().text(), "a b");
    /// ```
    pub fn query_value(&self, name: &str) -> Option<Cow<'_, str>> {
        let mut pairs = self.query();
        while let Some(all) = pairs {
            let (pair, next) = divide(all, b'&');
            let (key, value) = divide(pair, b'=');
            if decode(key, true).as_deref() == Some(name)
                && let Some(value) = decode(value.unwrap_or_default(), true)
            {
                return Some(value);
            }
            pairs = next;
        }
        None
    }

    /// HTTP/1.0, HTTP/1.1 or HTTP/2.
    #[inline]
    pub fn version(&self) -> Version {
        self.parts.head.version
    }

    /// The first field of a name, without regard to case. The value may hold bytes above 0x7F.
    ///
    /// ```
    /// use ringgate::{Request, Router, testing};
    ///
    /// async fn agent(request: Request) -> String {
    ///     let agent = request.header("user-agent").unwrap_or(b"nobody");
    ///     String::from_utf8_lossy(agent).into_owned()
    /// }
    ///
    /// let client = testing::client(Router::new().get("/", agent), ());
    /// assert_eq!(client.get("/").header("User-Agent", "test/1").send().text(), "test/1");
    /// ```
    #[inline]
    pub fn header(&self, name: &str) -> Option<&[u8]> {
        self.parts.head.header(&self.parts.bytes, name)
    }

    /// All fields, in the order in which they came.
    ///
    /// ```
    /// use ringgate::{Request, Router, testing};
    ///
    /// async fn names(request: Request) -> String {
    ///     let names: Vec<&str> = request.headers().map(|(name, _)| name).collect();
    ///     names.join(" ").to_ascii_lowercase()
    /// }
    ///
    /// let client = testing::client(Router::new().get("/", names), ());
    /// assert_eq!(client.get("/").header("X-Key", "k").send().text(), "host x-key");
    /// ```
    pub fn headers(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.parts.head.headers(&self.parts.bytes)
    }

    /// The path parameter of a name, as the client wrote it; [`Request::param_as`] makes a value of it.
    ///
    /// ```
    /// use ringgate::{Request, Router, testing};
    ///
    /// async fn both(request: Request) -> String {
    ///     format!("{:?} {:?}", request.param("name"), request.param_decoded("name"))
    /// }
    ///
    /// let client = testing::client(Router::new().get("/{name}", both), ());
    /// assert_eq!(client.get("/a%20b").send().text(), r#"Some("a%20b") Some("a b")"#);
    /// ```
    pub fn param(&self, name: &str) -> Option<&str> {
        let names = self.parts.names.as_ref()?;
        let index = names.iter().position(|have| have == name)?;
        let (at, len) = *self.parts.params.get(index)?;
        std::str::from_utf8(
            self.parts
                .bytes
                .get(at as usize..at as usize + len as usize)?,
        )
        .ok()
    }

    /// The path parameter of a name, decoded; None also if what it decodes to is not UTF-8.
    pub fn param_decoded(&self, name: &str) -> Option<Cow<'_, str>> {
        decode(self.param(name)?, false)
    }

    /// The server that this request came to: for handlers that ask how it stands, or wait for its end
    /// ([`ServerHandle::draining`]).
    ///
    /// ```
    /// use ringgate::{Request, Router};
    ///
    /// /// Waits for the end of the server, whose clients then come to another.
    /// async fn lasts(request: Request) -> &'static str {
    ///     request.server().draining().await;
    ///     "it ends\n"
    /// }
    /// # let router = Router::new().get("/lasts", lasts);
    /// ```
    pub fn server(&self) -> &ServerHandle {
        let of_core = self.parts.of_core.as_deref();
        let of_core = of_core.expect("requests are of a server");
        of_core.server()
    }

    /// A name that no other request of this machine has since it was started: for a field `X-Request-Id` and for
    /// lines of a log. Each call makes another.
    ///
    /// ```
    /// use ringgate::{Router, testing};
    ///
    /// let router = Router::new().get("/", |_| async { "hello" }).around(|request, next| async move {
    ///     let id = request.new_id();
    ///     next.run(request).await.with_header("x-request-id", id)
    /// });
    /// let client = testing::client(router, ());
    /// let (first, second) = (client.get("/").send(), client.get("/").send());
    /// assert_ne!(first.header("x-request-id"), second.header("x-request-id"));
    /// ```
    pub fn new_id(&self) -> String {
        let of_core = self.parts.of_core.as_deref();
        let names = of_core.expect("requests are of a server").names();
        let number = names.given.get() + 1;
        names.given.set(number);
        format!("{:x}-{}-{number:x}", names.began, self.parts.core)
    }

    /// The id of the request: the one that a trusted proxy gave it, or a new one, as
    /// [`request_id`](crate::config::Proxies::request_id) says. The same goes back with the answer. None where that names
    /// no field.
    pub fn id(&self) -> Option<&str> {
        self.parts.id.as_ref()?.to_str().ok()
    }

    /// The id of the request, which it is given now unless it has one.
    pub(super) fn named(&mut self, field: &HeaderName) -> &HeaderValue {
        let of_core = self.parts.of_core.clone();
        let of_core = of_core.expect("requests are of a server");
        self.parts.named(field, of_core.names())
    }

    /// Values by their types that go with the request: what is put in
    /// [around](super::Router::around) an answer, such as who the client is, its handler finds here.
    ///
    /// ```
    /// use ringgate::{Request, Router};
    ///
    /// #[derive(Clone)]
    /// struct Client(String);
    ///
    /// async fn who(request: Request) -> String {
    ///     request.extension::<Client>().map_or("nobody".to_owned(), |client| client.0.clone())
    /// }
    ///
    /// let router = Router::new().get("/", who).around(|mut request, next| {
    ///     request.extensions_mut().insert(Client("Ada".to_owned()));
    ///     next.run(request)
    /// });
    /// ```
    pub fn extensions_mut(&mut self) -> &mut Extensions {
        self.parts.has_more = true;
        self.parts.extensions.get_or_insert_default()
    }

    /// The value of a type that goes with the request.
    pub fn extension<T: Clone + Send + Sync + 'static>(&self) -> Option<&T> {
        self.parts.extensions.as_ref()?.get()
    }

    /// Whether a body follows the head, as far as the head tells.
    pub(super) fn has_body(&self) -> bool {
        self.parts.head.framing != BodyFraming::None
    }

    /// Whether the client offers to change the protocol, on a connection that can: there is no body to read first.
    #[cfg(feature = "tower")]
    #[inline]
    pub(crate) fn offers_upgrade(&self) -> bool {
        (self.parts.head.upgrade || self.parts.protocol.is_some()) && !self.has_body()
    }

    /// The core of the request, and its name there.
    pub(super) fn who(&self) -> (u32, ExchangeKey) {
        (self.parts.core, self.parts.request)
    }

    /// Number of the core that serves this request.
    #[inline]
    pub fn core(&self) -> u32 {
        self.parts.core
    }

    /// Address and port of the client: of the peer of the connection, or, if that is one of
    /// [`trusted_proxies`](crate::config::Proxies::trusted), as the proxy says in the field that
    /// [`forwarded`](crate::config::Proxies::forwarded) names. The port is 0 where a proxy does not tell it.
    ///
    /// The peer is the other end of the socket (getpeername(2), one system call each time it is asked, and none for a
    /// request that is not), or the client that a [header of the PROXY protocol](Request::proxy_header) names. Only
    /// trusted proxies are believed. An IPv4 address is one, also where IPv6 carries it.
    ///
    /// None on a Unix socket, in a simulation, and once the connection is reset or gone, unless a proxy says it.
    ///
    /// ```
    /// use ringgate::{Request, Router};
    ///
    /// async fn who(request: Request) -> String {
    ///     request.peer().map_or("somebody".to_owned(), |peer| peer.ip().to_string())
    /// }
    /// # let router = Router::new().get("/who", who);
    /// ```
    pub fn peer(&self) -> Option<SocketAddr> {
        self.parts.client()
    }

    /// Address and port that the client connected to: of this end of the connection, as the kernel knows it
    /// (getsockname(2), one system call each time it is asked), or as a
    /// [header of the PROXY protocol](Request::proxy_header) says.
    ///
    /// None on a Unix socket, in a simulation, and once the connection is gone.
    pub fn local(&self) -> Option<SocketAddr> {
        self.parts.sockets.as_ref()?.local(self.parts.connection)
    }

    /// The other end of the connection: the proxy's address, where [`Request::peer`] is the client's. None as there,
    /// whatever a proxy says.
    pub fn socket_peer(&self) -> Option<SocketAddr> {
        let sockets = self.parts.sockets.as_ref()?;
        sockets.socket_peer(self.parts.connection).address()
    }

    /// The header of the PROXY protocol that the connection began with; None without one, and where the proxy
    /// connected for itself (as for a health check).
    pub fn proxy_header(&self) -> Option<ProxyHeader> {
        let sockets = self.parts.sockets.as_ref()?;
        sockets
            .announced(self.parts.connection)
            .map(ProxyHeader::new)
    }

    /// The agreement of client and server about TLS: version, cipher suite, server name, protocol, and the
    /// client's certificate. None if the request came without TLS.
    ///
    /// ```
    /// use ringgate::{Request, Router};
    ///
    /// async fn how(request: Request) -> String {
    ///     match request.tls() {
    ///         None => "in the clear".to_owned(),
    ///         Some(tls) => format!("{} {} for {:?}", tls.version(), tls.cipher(), tls.server_name()),
    ///     }
    /// }
    /// # let router = Router::new().get("/how", how);
    /// ```
    pub fn tls(&self) -> Option<Tls> {
        let facts = self.parts.sockets.as_ref()?.facts(self.parts.connection)?;
        Some(Tls::new(facts))
    }

    /// Gives the slot back that the request holds at the gate, and goes on without one: for handlers
    /// that wait long or stream for long and use little meanwhile (a long poll, server-sent events).
    /// Such requests are counted apart, and bounded by `max_connections` alone. Takes effect when the
    /// handler next waits; there is no way back. Nothing happens if the request holds no slot: there
    /// is no limit, its route is not gated, or its connection holds the slot.
    ///
    /// ```
    /// use ringgate::{Request, Router};
    /// use std::time::Duration;
    ///
    /// /// Waits for long, and is in nobody's way meanwhile.
    /// async fn poll(request: Request) -> &'static str {
    ///     request.detach();
    ///     ringgate::runtime::sleep(Duration::from_secs(60)).await;
    ///     "nothing new\n"
    /// }
    /// # let router = Router::new().get("/poll", poll);
    /// ```
    pub fn detach(&self) {
        note(self.parts.core, self.parts.request, Note::Detached);
    }

    /// The body.
    #[inline]
    pub fn body(&mut self) -> &mut RequestBody {
        &mut self.parts.body
    }

    /// Takes the body, and leaves none: for handlers that need the rest of the request as well.
    ///
    /// ```
    /// use ringgate::{BodyError, Request, Router, testing};
    ///
    /// async fn save(mut request: Request) -> Result<String, BodyError> {
    ///     let bytes = request.take_body().bytes().await?;
    ///     Ok(format!("{} bytes for {}", bytes.len(), request.path()))
    /// }
    ///
    /// let client = testing::client(Router::new().put("/{name}", save), ());
    /// assert_eq!(client.put("/a").body("hello").send().text(), "5 bytes for /a");
    /// ```
    pub fn take_body(&mut self) -> RequestBody {
        std::mem::replace(&mut self.parts.body, RequestBody::NONE)
    }

    /// The body, without the rest.
    pub fn into_body(mut self) -> RequestBody {
        self.take_body()
    }

    /// The `http` crate's request, made from the parsed parts without parsing again, with the
    /// [extensions](Request::extensions_mut).
    ///
    /// ```
    /// use ringgate::{Refusal, Request, Router, testing};
    ///
    /// async fn shown(request: Request) -> String {
    ///     match request.into_http() {
    ///         Ok(request) => request.uri().to_string(),
    ///         Err(Refusal { reason, .. }) => reason.to_owned(),
    ///     }
    /// }
    ///
    /// let client = testing::client(Router::new().get("/{name}", shown), ());
    /// assert_eq!(client.get("/a?b").send().text(), "/a?b");
    /// ```
    ///
    /// # Errors
    /// If the target is not one that the `http` crate can express.
    pub fn into_http(
        mut self,
    ) -> Result<http::Request<RequestBody>, crate::http1::refusal::Refusal> {
        let mut request = http::Request::new(self.take_body());
        self.write_to(&mut request)?;
        Ok(request)
    }

    /// Writes the head and the extensions into a request of the `http` crate.
    pub(crate) fn write_to<B>(
        &mut self,
        request: &mut http::Request<B>,
    ) -> Result<(), crate::http1::refusal::Refusal> {
        let parts = &mut *self.parts;
        match &parts.bytes {
            HeadBytes::Leased(lease) => {
                let head = copy_of_head(&lease[..parts.head.len]);
                parts.head.write_to(request, &head)?;
            }
            HeadBytes::Gathered(bytes) => parts.head.write_to(request, bytes)?,
            HeadBytes::None => parts.head.write_to(request, &Bytes::new())?,
        }
        let of_core = parts.of_core.as_deref();
        let field = of_core.and_then(|of_core| of_core.names().id_field.as_ref());
        if let (Some(field), Some(id)) = (field, &parts.id) {
            request.headers_mut().insert(field.clone(), id.clone());
        }
        if let Some(extensions) = parts.extensions.take() {
            *request.extensions_mut() = *extensions;
        }
        Ok(())
    }
}

/// Bytes of the room that copies of heads and ids are made in. A handler that keeps a value of a field keeps as many.
const HEADS_ROOM_BYTES: usize = 4096;

thread_local! {
    /// Where bytes are copied that values shall share: one allocation for many of them, and none as long as
    /// those before are gone when the room is full.
    static HEADS: RefCell<BytesMut> = RefCell::default();
}

fn copy_of_head(head: &[u8]) -> Bytes {
    if head.len() > HEADS_ROOM_BYTES / 4 {
        return Bytes::copy_from_slice(head);
    }
    copied(head)
}

/// A copy of few bytes.
fn copied(bytes: &[u8]) -> Bytes {
    HEADS.with_borrow_mut(|room| {
        if room.capacity() < bytes.len() {
            room.reserve(HEADS_ROOM_BYTES);
        }
        room.extend_from_slice(bytes);
        room.split().freeze()
    })
}

/// Text before the first of a sign of ASCII, and text behind it. A look at each byte: names and values are shorter than
/// what the search of the standard library prepares for.
#[inline]
fn divide(text: &str, sign: u8) -> (&str, Option<&str>) {
    match text.bytes().position(|byte| byte == sign) {
        Some(at) => (&text[..at], Some(&text[at + 1..])),
        None => (text, None),
    }
}

/// Decodes percent escapes; `plus`: a plus sign stands for a space. None if it is not UTF-8 then.
fn decode(text: &str, plus: bool) -> Option<Cow<'_, str>> {
    let is_code = |byte| byte == b'%' || plus && byte == b'+';
    // Nearly all of them stand there as they are meant.
    if !text.bytes().any(is_code) {
        return Some(Cow::Borrowed(text));
    }
    if plus && text.contains('+') {
        let spaced = text.replace('+', " ");
        let decoded = percent_encoding::percent_decode_str(&spaced)
            .decode_utf8()
            .ok()?;
        return Some(Cow::Owned(decoded.into_owned()));
    }
    percent_encoding::percent_decode_str(text)
        .decode_utf8()
        .ok()
}

impl<S> fmt::Debug for Request<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {:?}", self.method(), self.path(), self.version())
    }
}
