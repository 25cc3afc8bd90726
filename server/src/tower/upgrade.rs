//! The change of protocol for services that are written against hyper, such as axum's `extract::ws`: they take a
//! [`hyper::upgrade::OnUpgrade`] out of the extensions of their request, and what it resolves to when the answer
//! is 101.
//!
//! hyper makes that value for requests of its own connections alone, and has no constructor for it. So a request that
//! asks for another protocol has such a connection made beside it: hyper reads one fixed request from memory, and its
//! `OnUpgrade` is put where the service looks for it. When the service answers 101, hyper is told the same and lets
//! go of the connection; its head of an answer goes nowhere. From then on what hyper took for a socket is the far end
//! of a [`super::crossing`]. The request of the client and its answer never pass through hyper.
//!
//! On a stream of HTTP/2 the protocol is asked for by CONNECT (RFC 8441). The service is shown what asks for the same in
//! HTTP/1.1, as a proxy would show it, so that it need not know of two ways; its 101 becomes a 200.
//!
//! Called by [`super::serve`]. A request that asks for no other protocol pays nothing for this.

use super::crossing::{Crossing, Far, Near, pump};
use crate::handler::Response;
use http::header::{CONNECTION, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, UPGRADE};
use http::{HeaderValue, Method, Request, StatusCode, Version};
use hyper::body::Incoming;
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper::server::conn::http1::{Builder, UpgradeableConnection};
use hyper::upgrade::OnUpgrade;
use std::cell::{Cell, RefCell};
use std::convert::Infallible;
use std::future::{Future, poll_fn};
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

/// The request that hyper reads, whatever the client's is: the least that it makes an [`OnUpgrade`] for.
const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nconnection: upgrade\r\nupgrade: any\r\n\r\n";
/// The key of a WebSocket that was asked for without one: what is made of it is shown to nobody.
const KEY: &str = "cmluZ2dhdGUncyBrZXkhIQ==";
/// The end of a head without a body.
const HEAD_END: [u8; 4] = *b"\r\n\r\n";

/// A connection of hyper's that has read its request and waits for the answer.
pub(super) struct Offer {
    connection: Pin<Box<UpgradeableConnection<Greeting, Accepting>>>,
    accepting: Accepting,
    crossing: Arc<Crossing>,
    /// Whether it was asked for by CONNECT.
    is_connect: bool,
}

impl Offer {
    /// Puts an [`OnUpgrade`] beside the other extensions of a request. `asked`: the protocol that a CONNECT asks for.
    #[cold]
    pub(super) fn make<B>(made: &mut Request<B>, asked: Option<&str>) -> Option<Box<Offer>> {
        if let Some(protocol) = asked {
            show_as_upgrade(made, protocol);
        }
        let extensions = made.extensions_mut();
        let crossing = Arc::<Crossing>::default();
        let accepting = Accepting::default();
        let greeting = Greeting {
            far: Far::new(crossing.clone()),
            request: REQUEST,
            tail: Some([0; 4]),
        };
        let connection = Builder::new()
            .auto_date_header(false)
            .serve_connection(greeting, accepting.clone())
            .with_upgrades();
        let mut offer = Box::new(Offer {
            connection: Box::pin(connection),
            accepting,
            crossing,
            is_connect: asked.is_some(),
        });
        // All that it waits for is in memory: it comes as far as to the answer.
        let _ = offer.poll();
        extensions.insert(offer.accepting.0.on_upgrade.take()?);
        Some(offer)
    }

    /// The answer of the service: with the protocol behind it, if it changes to one. A service that answers 101 and
    /// has let go of its [`OnUpgrade`] speaks no other protocol: its answer stays as it is, and becomes a 500.
    #[cold]
    pub(super) fn answered(mut self, answer: Response) -> Response {
        if answer.status() != StatusCode::SWITCHING_PROTOCOLS {
            return answer;
        }
        self.accepting.0.is_accepted.set(true);
        let is_handed_over = matches!(self.poll(), Poll::Ready(Ok(())));
        if !is_handed_over || self.crossing.is_given_up_here() {
            tracing::error!(
                "a service answers 101 and does not wait for the upgrade; its request is answered with 500"
            );
            return answer;
        }
        let near = Near::new(self.crossing);
        let mut answer = answer.with_protocol_behind(|upgraded| pump(upgraded, near));
        if self.is_connect {
            answer.status = StatusCode::OK;
            answer
                .fields
                .retain(|(name, _)| *name != SEC_WEBSOCKET_ACCEPT);
        }
        answer
    }

    fn poll(&mut self) -> Poll<hyper::Result<()>> {
        let mut nobody = Context::from_waker(Waker::noop());
        self.connection.as_mut().poll(&mut nobody)
    }
}

/// Makes of an extended CONNECT the request that asks for the same in HTTP/1.1 (RFC 8441 section 5).
fn show_as_upgrade<B>(made: &mut Request<B>, protocol: &str) {
    *made.method_mut() = Method::GET;
    *made.version_mut() = Version::HTTP_11;
    let fields = made.headers_mut();
    if let Ok(protocol) = HeaderValue::from_str(protocol) {
        fields.insert(UPGRADE, protocol);
    }
    fields.insert(CONNECTION, HeaderValue::from_static("upgrade"));
    fields.insert(SEC_WEBSOCKET_KEY, HeaderValue::from_static(KEY));
}

/// The service that hyper calls: answers 101 once it is told to.
#[derive(Clone, Default)]
struct Accepting(Rc<Accepted>);

#[derive(Default)]
struct Accepted {
    on_upgrade: RefCell<Option<OnUpgrade>>,
    is_accepted: Cell<bool>,
}

impl hyper::service::Service<http::Request<Incoming>> for Accepting {
    type Response = http::Response<String>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>>>>;

    fn call(&self, request: http::Request<Incoming>) -> Self::Future {
        let on_upgrade = hyper::upgrade::on(request);
        self.0.on_upgrade.replace(Some(on_upgrade));
        let accepted = self.0.clone();
        Box::pin(poll_fn(move |_| match accepted.is_accepted.get() {
            // No waker: who accepts polls the connection.
            false => Poll::Pending,
            true => {
                let mut answer = http::Response::default();
                *answer.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
                Poll::Ready(Ok(answer))
            }
        }))
    }
}

/// The socket that hyper has: first its request, and a place where the head of its answer is lost; then the far end of
/// the client's connection.
struct Greeting {
    far: Far,
    /// The bytes of the request that are still to be read.
    request: &'static [u8],
    /// The last bytes of the head of the answer so far; None behind it.
    tail: Option<[u8; 4]>,
}

impl Read for Greeting {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        mut buf: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        if self.request.is_empty() {
            return Pin::new(&mut self.far).poll_read(cx, buf);
        }
        let count = self.request.len().min(buf.remaining());
        let (now, later) = self.request.split_at(count);
        buf.put_slice(now);
        self.request = later;
        Poll::Ready(Ok(()))
    }
}

impl Write for Greeting {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let Some(tail) = &mut self.tail else {
            return Pin::new(&mut self.far).poll_write(cx, bytes);
        };
        let mut lost = 0;
        for byte in bytes {
            tail.rotate_left(1);
            tail[3] = *byte;
            lost += 1;
            if *tail == HEAD_END {
                self.tail = None;
                break;
            }
        }
        Poll::Ready(Ok(lost))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.far).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.far).poll_shutdown(cx)
    }
}
