//! The parts of a request in a place that is used again: what the connection parsed and noted, until the
//! request is dropped. Opened by the connection for each head; a [`Request`](super::Request) is a view of them.

use super::RequestBody;
use super::request::OfCore;
use crate::connection::{ConnectionKey, ExchangeKey, Sockets};
use crate::http1::head::{Head, Span};
use bytes::Bytes;
use http::{Extensions, HeaderValue};
use ringgate_runtime::Lease;
use smallvec::SmallVec;
use std::cell::{Cell, RefCell};
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
    /// The protocol that an extended CONNECT asks for (RFC 8441 section 4), in the head.
    pub(crate) protocol: Option<Span>,
    pub(crate) core: u32,
    pub(crate) connection: ConnectionKey,
    /// Name of the request on its core.
    pub(crate) request: ExchangeKey,
    /// The sockets of the core's connections; those of the request before stay until others come.
    pub(super) sockets: Option<Rc<Sockets>>,
    /// The things that the application keeps on this core: a `CoreState<S>`.
    pub(super) of_core: Option<Rc<dyn OfCore>>,
    /// The id of the request, once somebody has asked for it.
    pub(super) id: Option<HeaderValue>,
    /// Values that the application gave the request on its way.
    pub(super) extensions: Option<Box<Extensions>>,
    /// Whether the request was counted by where its client has its address from.
    pub(crate) is_client_counted: Cell<bool>,
    /// Whether there are parameters, a body, a protocol, an id or extensions, or were.
    pub(crate) has_more: bool,
}

impl RequestParts {
    fn blank() -> RequestParts {
        RequestParts {
            head: Head::blank(),
            bytes: HeadBytes::None,
            params: Params::new(),
            names: None,
            body: RequestBody::NONE,
            protocol: None,
            core: 0,
            connection: ConnectionKey::new(0, 0),
            request: ExchangeKey::new(0, 0),
            sockets: None,
            of_core: None,
            id: None,
            extensions: None,
            is_client_counted: Cell::new(false),
            has_more: false,
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

    /// The address of the client, as far as it is known: the one place that is asked for it. A look at the fields each
    /// time.
    pub(crate) fn client(&self) -> Option<SocketAddr> {
        let sockets = self.sockets.as_ref()?;
        let fields = self.head.named_values(&self.bytes);
        sockets.client(self.connection, fields, &self.is_client_counted)
    }

    /// Puts the bytes of the head into a place that was opened for it.
    #[inline]
    pub(crate) fn put(&mut self, bytes: HeadBytes) {
        let none = std::mem::replace(&mut self.bytes, bytes);
        debug_assert!(matches!(none, HeadBytes::None));
        // Spares the look at what it might hold.
        std::mem::forget(none);
    }

    /// Lets go of what the request held; its head stays, and is good for nothing.
    #[inline]
    fn clear(&mut self) {
        self.bytes = HeadBytes::None;
        self.of_core = None;
        self.is_client_counted.set(false);
        if std::mem::take(&mut self.has_more) {
            self.params.clear();
            self.names = None;
            self.body = RequestBody::NONE;
            self.protocol = None;
            self.id = None;
            self.extensions = None;
        }
        self.head.give_up_excess();
    }
}

/// Places kept a thread, beside the last one.
const PARTS_KEPT: usize = 256;

thread_local! {
    /// Places for the parts of requests, used again: heads are parsed into them, so a request costs
    /// no allocation once one before it has ended on this thread, and it moves as a pointer.
    static PLACES: Places = const {
        Places { last: Cell::new(None), others: RefCell::new(Vec::new()) }
    };
}

struct Places {
    /// The place that was left last, for the request behind, which most often comes when this one is answered.
    last: Cell<Option<Box<RequestParts>>>,
    #[expect(clippy::vec_box, reason = "the boxes are what is used again")]
    others: RefCell<Vec<Box<RequestParts>>>,
}

impl Places {
    #[inline]
    fn take(&self) -> Box<RequestParts> {
        self.last.take().unwrap_or_else(|| self.take_other())
    }

    #[inline(never)]
    fn take_other(&self) -> Box<RequestParts> {
        let other = self.others.borrow_mut().pop();
        other.unwrap_or_else(RequestParts::boxed)
    }

    #[inline]
    fn leave(&self, place: Box<RequestParts>) {
        if let Some(before) = self.last.replace(Some(place)) {
            self.leave_other(before);
        }
    }

    #[inline(never)]
    fn leave_other(&self, place: Box<RequestParts>) {
        let mut others = self.others.borrow_mut();
        if others.len() < PARTS_KEPT {
            others.push(place);
        }
    }
}

/// The parts of a request in their place.
pub(crate) struct PlacedParts {
    /// None only while it is dropped.
    place: Option<Box<RequestParts>>,
}

const PLACED: &str = "the parts are in their place until the request is dropped";

impl PlacedParts {
    /// A place for the next request, whose head is to be parsed first.
    #[inline]
    pub(crate) fn open() -> PlacedParts {
        PlacedParts {
            place: Some(PLACES.with(Places::take)),
        }
    }

    /// The parts of a request whose head nobody could read.
    #[cold]
    pub(crate) fn blank() -> PlacedParts {
        PlacedParts {
            place: Some(RequestParts::boxed()),
        }
    }

    /// The same request once more, by the same id, without its body.
    #[cold]
    pub(crate) fn copied(&self) -> PlacedParts {
        let mut copy = RequestParts::boxed();
        copy.head = self.head.clone();
        copy.bytes = HeadBytes::Gathered(Bytes::copy_from_slice(&self.bytes));
        copy.has_more = true;
        copy.params = self.params.clone();
        copy.names = self.names.clone();
        copy.protocol = self.protocol;
        copy.core = self.core;
        copy.connection = self.connection;
        copy.request = self.request;
        copy.sockets = self.sockets.clone();
        copy.id = self.id.clone();
        PlacedParts { place: Some(copy) }
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
            let _ = PLACES.try_with(|places| places.leave(place));
        }
    }
}
