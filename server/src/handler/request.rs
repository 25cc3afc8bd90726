//! A request as its handler sees it: a view of the received bytes, nothing copied or parsed again.

use super::{RequestBody, Tls};
use crate::connection::{ConnectionKey, ExchangeKey, Sockets};
use crate::http::head::Head;
use bytes::Bytes;
use http::{Method, Version};
use ringgate_runtime::Lease;
use smallvec::SmallVec;
use std::any::Any;
use std::borrow::Cow;
use std::cell::RefCell;
use std::fmt;
use std::marker::PhantomData;
use std::net::SocketAddr;
use std::ops::{Deref, DerefMut};
use std::rc::Rc;

/// The bytes of a head: where the kernel put them, or gathered if they came in pieces.
pub(crate) enum HeadBytes {
    /// No head is there.
    None,
    Leased(Lease),
    Gathered(Bytes),
}

impl Deref for HeadBytes {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        match self {
            HeadBytes::None => &[],
            HeadBytes::Leased(lease) => lease,
            HeadBytes::Gathered(bytes) => bytes,
        }
    }
}

/// A path parameter: where it lies in the head, in the order of the route's names.
pub(crate) type Params = SmallVec<[(u16, u16); 3]>;

/// The parts of a request before the application's state joins them.
pub(crate) struct RequestParts {
    pub(crate) head: Head,
    pub(crate) bytes: HeadBytes,
    pub(crate) params: Params,
    pub(crate) names: Option<std::sync::Arc<[String]>>,
    pub(crate) body: RequestBody,
    pub(crate) core: u32,
    pub(crate) connection: ConnectionKey,
    /// Name of the request on its core.
    pub(crate) request: ExchangeKey,
    /// The sockets of the core's connections; those of the request before stay until others come.
    sockets: Option<Rc<Sockets>>,
    /// The state of the application on this core: an `Rc<S>` in there.
    state: Option<Rc<dyn Any>>,
}

impl RequestParts {
    fn blank() -> RequestParts {
        RequestParts {
            head: Head::blank(),
            bytes: HeadBytes::None,
            params: Params::new(),
            names: None,
            body: RequestBody(None),
            core: 0,
            connection: ConnectionKey::new(0, 0),
            request: ExchangeKey::new(0, 0),
            sockets: None,
            state: None,
        }
    }

    #[cold]
    fn boxed() -> Box<RequestParts> {
        Box::new(RequestParts::blank())
    }

    /// Notes whose request it is.
    #[inline]
    pub(crate) fn come_from(&mut self, core: u32, key: ConnectionKey, sockets: &Rc<Sockets>) {
        self.core = core;
        self.connection = key;
        let known = self.sockets.as_ref().map(Rc::as_ptr);
        if known != Some(Rc::as_ptr(sockets)) {
            self.sockets = Some(sockets.clone());
        }
    }

    /// Lets go of what the request held; its head stays, and is good for nothing.
    #[inline]
    fn clear(&mut self) {
        self.bytes = HeadBytes::None;
        self.state = None;
        if self.names.is_some() || self.body.0.is_some() {
            self.params.clear();
            self.names = None;
            self.body = RequestBody(None);
        }
        self.head.give_up_excess();
    }
}

/// Places kept a thread.
const PARTS_KEPT: usize = 256;

thread_local! {
    /// Places for the parts of requests, used again: heads are parsed into them, so a request costs
    /// no allocation once one before it has ended on this thread, and it moves as a pointer.
    #[expect(clippy::vec_box, reason = "the boxes are what is used again")]
    static PLACES: RefCell<Vec<Box<RequestParts>>> = const { RefCell::new(Vec::new()) };
}

/// A request whose handler gave its slot back, and the core that it is one of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Detached {
    core: u32,
    request: ExchangeKey,
}

thread_local! {
    /// Requests of this thread that gave their slots back since their core last looked. Here, and not
    /// behind a pointer in each request, since few ever do.
    static DETACHED: RefCell<Vec<Detached>> = const { RefCell::new(Vec::new()) };
}

/// Whether no request of this thread gave its slot back since its core last looked.
#[inline]
pub(crate) fn none_detached() -> bool {
    DETACHED.with_borrow(Vec::is_empty)
}

/// The requests of a core that gave their slots back since it last looked.
#[cold]
pub(crate) fn take_detached(core: u32) -> Vec<ExchangeKey> {
    DETACHED.with_borrow_mut(|detached| {
        let of_core = detached.extract_if(.., |who| who.core == core);
        of_core.map(|who| who.request).collect()
    })
}

/// The parts of a request in their place.
pub(crate) struct PlacedParts {
    /// None only while it is dropped or taken apart.
    place: Option<Box<RequestParts>>,
}

const PLACED: &str = "the parts are in their place until the request is dropped or taken apart";

impl PlacedParts {
    /// A place for the next request. Its head is to be parsed first.
    #[inline]
    pub(crate) fn open() -> PlacedParts {
        let place = PLACES.with_borrow_mut(Vec::pop);
        PlacedParts {
            place: Some(place.unwrap_or_else(RequestParts::boxed)),
        }
    }

    fn take(mut self) -> RequestParts {
        *self.place.take().expect(PLACED)
    }
}

impl Deref for PlacedParts {
    type Target = RequestParts;

    #[inline]
    fn deref(&self) -> &RequestParts {
        self.place.as_deref().expect(PLACED)
    }
}

impl DerefMut for PlacedParts {
    #[inline]
    fn deref_mut(&mut self) -> &mut RequestParts {
        self.place.as_deref_mut().expect(PLACED)
    }
}

impl Drop for PlacedParts {
    #[inline]
    fn drop(&mut self) {
        if let Some(mut place) = self.place.take() {
            // First the parts: dropping them may touch buffers and connections.
            place.clear();
            // A thread that ends has no use for it.
            let _ = PLACES.try_with(|places| {
                let mut places = places.borrow_mut();
                if places.len() < PARTS_KEPT {
                    places.push(place);
                }
            });
        }
    }
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
    /// `state` is an `Rc<S>`.
    #[inline]
    pub(crate) fn new(mut parts: PlacedParts, state: Rc<dyn Any>) -> Request<S> {
        parts.state = Some(state);
        Request {
            parts,
            state: PhantomData,
        }
    }

    /// The state that `init` made for this core.
    #[inline]
    pub fn state(&self) -> &Rc<S> {
        let state = self.parts.state.as_deref();
        let state = state.and_then(<dyn Any>::downcast_ref);
        state.expect("a router's requests have the state of that router")
    }
}

impl<S> Request<S> {
    /// The method.
    #[inline]
    pub fn method(&self) -> &Method {
        &self.parts.head.method
    }

    /// The path as the client wrote it, not decoded.
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

    /// The first value of a name in the query, decoded (`application/x-www-form-urlencoded`).
    pub fn query_value(&self, name: &str) -> Option<Cow<'_, str>> {
        let pairs = self.query()?.split('&');
        pairs
            .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
            .find_map(|(key, value)| {
                (decode(key, true).as_deref() == Some(name))
                    .then(|| decode(value, true))
                    .flatten()
            })
    }

    /// HTTP/1.0 or HTTP/1.1.
    #[inline]
    pub fn version(&self) -> Version {
        self.parts.head.version
    }

    /// The first field of a name, without regard to case. Its bytes may be above 0x7F.
    #[inline]
    pub fn header(&self, name: &str) -> Option<&[u8]> {
        self.parts.head.header(&self.parts.bytes, name)
    }

    /// All fields, in the order in which they came.
    pub fn headers(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.parts.head.headers(&self.parts.bytes)
    }

    /// The path parameter of a name, as the client wrote it.
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

    /// Number of the core that serves this request.
    #[inline]
    pub fn core(&self) -> u32 {
        self.parts.core
    }

    /// Address and port of the client, or of the proxy in between, as the kernel knows it
    /// (getpeername(2)): one system call each time it is asked, and none for a request that is not.
    ///
    /// None on a Unix socket, in a simulation, and once the connection is reset or gone.
    pub fn peer(&self) -> Option<SocketAddr> {
        self.parts.sockets.as_ref()?.peer(self.parts.connection)
    }

    /// Address and port of this end of the connection, as the kernel knows it (getsockname(2)): the address
    /// that the client connected to. One system call each time it is asked.
    ///
    /// None on a Unix socket, in a simulation, and once the connection is gone.
    pub fn local(&self) -> Option<SocketAddr> {
        self.parts.sockets.as_ref()?.local(self.parts.connection)
    }

    /// The agreement of client and server about TLS: version, cipher suite, server name, protocol, and the
    /// client's certificate. None if the request came without TLS.
    pub fn tls(&self) -> Option<Tls> {
        let facts = self.parts.sockets.as_ref()?.facts(self.parts.connection)?;
        Some(Tls::new(facts))
    }

    /// Gives the slot back that the request holds at the gate, and goes on without one: for handlers
    /// that wait long or stream for long and use little meanwhile (a long poll, server-sent events).
    /// Such requests are counted apart, and bounded by `max_connections` alone. Takes effect when the
    /// handler next waits; there is no way back. Nothing happens if the request holds no slot: there
    /// is no limit, its route is not gated, or its connection holds the slot.
    pub fn detach(&self) {
        let who = Detached {
            core: self.parts.core,
            request: self.parts.request,
        };
        DETACHED.with_borrow_mut(|detached| detached.push(who));
    }

    /// The body.
    #[inline]
    pub fn body(&mut self) -> &mut RequestBody {
        &mut self.parts.body
    }

    /// The body, without the rest.
    pub fn into_body(self) -> RequestBody {
        self.parts.take().body
    }

    /// The `http` crate's request, made from the parsed parts without parsing again.
    ///
    /// # Errors
    /// If the target is not one that the `http` crate can express.
    pub fn into_http(self) -> Result<http::Request<RequestBody>, crate::http::refusal::Refusal> {
        let RequestParts {
            head, bytes, body, ..
        } = self.parts.take();
        let parts = match &bytes {
            HeadBytes::Leased(lease) => head.to_http_parts_copied(lease)?,
            HeadBytes::Gathered(bytes) => head.to_http_parts(bytes)?,
            HeadBytes::None => head.to_http_parts(&Bytes::new())?,
        };
        Ok(http::Request::from_parts(parts, body))
    }
}

/// Decodes percent escapes; `plus`: a plus sign stands for a space. None if it is not UTF-8 then.
fn decode(text: &str, plus: bool) -> Option<Cow<'_, str>> {
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
