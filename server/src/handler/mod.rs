//! The parts that a program built on Ringgate writes: `async fn(Request) -> Response`, a [`Router`], and
//! state made once per core.
//!
//! Called by `crate::connection` with a parsed head. The future of a handler runs on the core that owns the
//! connection and may hold whatever is not `Send`. Connections meet applications at `Application`, which takes a
//! request and a `Reply` and knows nothing of sockets; it is this crate's own. A protocol that begins behind a
//! request, WebSocket or one of the handler's own, goes the other way, in the body of the answer ([`Switch`]).
//! Services of other crates join above, as handlers (`crate::tower`).

mod accept;
mod answers;
mod application;
mod around;
mod body;
mod endpoint;
mod error;
mod extract;
mod fallbacks;
mod find;
mod options;
mod parts;
mod pipe;
mod proxy_header;
mod request;
mod request_id;
mod response;
mod router;
mod routes;
mod segments;
mod tls;
mod upgrade;
pub mod websocket;
mod websocket_sender;
mod websocket_stream;
mod writer;

pub use answers::{Html, Redirect};
pub(crate) use application::{Application, Called, ReplyTo, Routed, application};
pub use around::{Next, Run};
pub(crate) use body::{BodyCell, BodyState};
pub use body::{BodyError, RequestBody};
pub use endpoint::Handler;
pub use error::{Error, Result};
pub use extract::{Form, FromRequest, Json, Query};
pub use options::RouteOptions;
pub(crate) use parts::{HeadBytes, PlacedParts, RequestParts};
pub use pipe::Upgraded;
pub(crate) use pipe::{Pipe, Times};
pub use proxy_header::{ProxiedTls, ProxyHeader};
pub use request::Request;
pub(crate) use request::{Note, none_noted, take_notes};
pub(crate) use request_id::with_ids;
pub use response::{Body, BodyFrame, BodyStream, Chunk, IntoResponse, Response, Switch};
pub use router::Router;
pub use tls::Tls;
pub(crate) use upgrade::{Speaking, Switching};
pub use websocket::WebSocket;
pub(crate) use websocket::{Begun, Ended, OnMessage, Socket, SocketTerms};
pub(crate) use websocket_sender::{Bell, Hearing, Outgoing};
pub use writer::Writer;
