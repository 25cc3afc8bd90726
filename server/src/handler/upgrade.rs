//! Answers that end HTTP on their connection, or on their stream: what begins behind them, and how a handler makes one
//! for a protocol of its own. [`super::websocket`] makes the answers of WebSockets.

use super::pipe::{Pipe, Upgraded};
use super::request::Request;
use super::response::{Body, Response, Switch};
use super::websocket::Begun;
use http::header::UPGRADE;
use http::{HeaderValue, Method, StatusCode, Version};
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;

/// The protocol that a connection changes to, from the handler's answer to the connection.
pub(crate) enum Switching {
    /// To a WebSocket.
    WebSocket(Begun),
    /// To one that a handler speaks.
    Tunnel(Speaking),
}

/// A handler that speaks a protocol of its own.
pub(crate) struct Speaking {
    pub(crate) pipe: Rc<Pipe>,
    pub(crate) future: Pin<Box<dyn Future<Output = ()>>>,
    /// Whether it was asked for by CONNECT.
    pub(crate) is_connect: bool,
}

impl Speaking {
    pub(super) fn new<T>(is_connect: bool, speak: impl FnOnce(Upgraded) -> T) -> Speaking
    where
        T: Future<Output = ()> + 'static,
    {
        let pipe = Rc::<Pipe>::default();
        let upgraded = Upgraded::new(pipe.clone());
        Speaking {
            pipe,
            future: Box::pin(speak(upgraded)),
            is_connect,
        }
    }
}

impl Response {
    /// The answer that changes the protocol of the connection to `protocol` (RFC 9110 section 7.8): 101, and
    /// behind it whatever `speak` reads and writes, in a task on the core of the connection. In HTTP/2 that is
    /// one stream, whose answer is 200 (RFC 8441 section 4). The connection, or the stream, ends when that future does; it is dropped if the connection ends first, or says nothing in either direction for
    /// `tunnel_timeout`. It counts among those that `max_websockets` bounds, and stays on its core: see
    /// [`Upgraded::is_draining`].
    ///
    /// If the client did not ask for the protocol, the answer that tells it to: 426, or 400 if the request has a
    /// body.
    ///
    /// ```
    /// use ringgate::{Request, Response, Router};
    ///
    /// async fn echo(request: Request) -> Response {
    ///     Response::upgrade(&request, "echo", |mut bytes| async move {
    ///         while let Ok(Some(chunk)) = bytes.read().await {
    ///             if bytes.write(chunk).await.is_err() {
    ///                 break;
    ///             }
    ///         }
    ///     })
    /// }
    /// let router = Router::new().get("/echo", echo);
    /// ```
    ///
    /// # Panics
    /// If the name of the protocol is no token.
    pub fn upgrade<S, T>(
        request: &Request<S>,
        protocol: &'static str,
        speak: impl FnOnce(Upgraded) -> T,
    ) -> Response
    where
        T: Future<Output = ()> + 'static,
    {
        if request.has_body() {
            let reason = "a request that changes the protocol has no body here";
            return Response::error(StatusCode::BAD_REQUEST, reason);
        }
        if !asks_for(request, protocol) {
            let reason = match request.version() {
                Version::HTTP_2 => format!("ask for it with CONNECT and :protocol = {protocol}"),
                _ => format!("ask for it with Upgrade: {protocol} and Connection: upgrade"),
            };
            return Response::error(StatusCode::UPGRADE_REQUIRED, &reason)
                .with_header(UPGRADE, HeaderValue::from_static(protocol));
        }
        switching(request, protocol).with_protocol_behind(speak)
    }

    /// With `speak` behind this answer, which is a 101 to a client that asked for the protocol.
    pub(crate) fn with_protocol_behind<T>(mut self, speak: impl FnOnce(Upgraded) -> T) -> Response
    where
        T: Future<Output = ()> + 'static,
    {
        let speaking = Speaking::new(false, speak);
        self.body = Body::Switch(Switch::new(Switching::Tunnel(speaking)));
        self
    }

    /// The answer to a CONNECT ([`Router::connect`](crate::Router::connect)) that opens a tunnel (RFC 9110
    /// section 9.3.6): 200, and behind it whatever `speak` reads and writes; as [`Response::upgrade`] otherwise. To
    /// any other request it is a 405.
    ///
    /// ```
    /// use ringgate::runtime::net::TcpStream;
    /// use ringgate::{Request, Response, RouteOptions, Router, http::StatusCode};
    ///
    /// /// Lets clients reach one host, and no other.
    /// async fn reach(request: Request) -> Response {
    ///     if request.host() != "db.internal:5432" {
    ///         return Response::error(StatusCode::FORBIDDEN, "no tunnel leads there");
    ///     }
    ///     Response::tunnel(&request, |mut client| async move {
    ///         while let Ok(Some(bytes)) = client.read().await {
    ///             // To the host, and its answers back with client.write(...).
    ///             let _ = bytes;
    ///         }
    ///     })
    /// }
    /// let router = Router::new().connect(RouteOptions::new(), reach);
    /// ```
    pub fn tunnel<S, T>(request: &Request<S>, speak: impl FnOnce(Upgraded) -> T) -> Response
    where
        T: Future<Output = ()> + 'static,
    {
        if request.method() != Method::CONNECT {
            let reason = "a tunnel is asked for with CONNECT";
            return Response::error(StatusCode::METHOD_NOT_ALLOWED, reason)
                .with_header("allow", "CONNECT");
        }
        let mut response = Response::new(StatusCode::OK);
        let speaking = Speaking::new(true, speak);
        response.body = Body::Switch(Switch::new(Switching::Tunnel(speaking)));
        response
    }
}

/// The head of the answer that changes to a protocol that was asked for.
pub(super) fn switching<S>(request: &Request<S>, protocol: &'static str) -> Response {
    match request.version() {
        Version::HTTP_2 => Response::new(StatusCode::OK),
        _ => Response::new(StatusCode::SWITCHING_PROTOCOLS)
            .with_header(UPGRADE, HeaderValue::from_static(protocol)),
    }
}

/// Whether a request asks for this protocol.
fn asks_for<S>(request: &Request<S>, protocol: &str) -> bool {
    match request.version() {
        Version::HTTP_2 => {
            let asked = request.protocol();
            asked.is_some_and(|asked| asked.eq_ignore_ascii_case(protocol))
        }
        version => {
            version == Version::HTTP_11
                && names(request, "upgrade", protocol)
                && names(request, "connection", "upgrade")
        }
    }
}

/// Whether one of the request's fields of this name lists `wanted`, in any case.
fn names<S>(request: &Request<S>, field: &str, wanted: &str) -> bool {
    let mut fields = request.headers();
    fields.any(|(name, value)| {
        let mut listed = value.split(|byte| *byte == b',');
        name.eq_ignore_ascii_case(field)
            && listed.any(|item| item.trim_ascii().eq_ignore_ascii_case(wanted.as_bytes()))
    })
}
