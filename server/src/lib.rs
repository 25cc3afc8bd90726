//! An HTTP server runtime for Linux: one pinned thread and one io_uring per core.
//!
//! A program makes a [`Router`] of handlers, gives it to a [`Server`] with a state for each core, and runs that:
//!
//! ```no_run
//! use ringgate::{CoreInfo, Json, Next, Request, Response, Result, Router, Server, app};
//! use serde::Serialize;
//! use std::cell::Cell;
//! use std::process::ExitCode;
//!
//! /// What each core keeps for itself, without a lock.
//! struct Counter {
//!     greeted: Cell<u64>,
//! }
//!
//! #[derive(Serialize)]
//! struct Greeting {
//!     name: String,
//!     times: u64,
//! }
//!
//! async fn greet(request: Request<Counter>) -> Result<Json<Greeting>> {
//!     let name: String = request.param_as("name")?;
//!     let greeted = &request.state().greeted;
//!     greeted.set(greeted.get() + 1);
//!     Ok(Json(Greeting { name, times: greeted.get() }))
//! }
//!
//! async fn logged(request: Request<Counter>, next: Next<Counter>) -> Response {
//!     let (id, path) = (request.new_id(), request.path().to_owned());
//!     let answer = next.run(request).await;
//!     tracing::info!(id, path, status = answer.status().as_u16(), "answered");
//!     answer.with_header("x-request-id", id)
//! }
//!
//! fn main() -> ExitCode {
//!     Server::run_main("greeter", |config, _| {
//!         let router = Router::new()
//!             .get("/hello/{name}", greet)
//!             .merge(app::health())
//!             .around(logged);
//!         let init = |_: &CoreInfo| Counter { greeted: Cell::new(0) };
//!         Ok(Server::with_state(config, router, init))
//!     })
//! }
//! ```
//!
//! The program has the flags, the signals, the control socket, the log and the exit codes of `ringgate serve`
//! ([`Server::run_main`]), and its handlers are tested in their own process ([`testing`]). The guide is
//! [docs/library.md](https://github.com/ringgate/ringgate/blob/main/docs/library.md).
//!
//! | module | for |
//! |---|---|
//! | [`handler`] | requests, answers, bodies and routes; most of them stand here as well |
//! | [`config`] | what a server is told, and reading it from command line, environment and file |
//! | [`around`] | what is ready to be put around answers: compression, CORS, fields for security, error pages |
//! | [`events`] | events that are published on any core and heard on all |
//! | [`lane`] | work that would block a core |
//! | `tower` | services of other crates as handlers, such as an axum router (feature `tower`) |
//! | `guests` | libraries that need tokio (feature `tokio-guests`) |
//! | [`testing`] | requests to an application in the process of its test |
//! | [`simulation`] | the same server in a test, byte by byte, with virtual time and no kernel |
//! | [`runtime`] | sockets, files, tasks and time for handlers |
//! | [`app`] | the built-in application |
//! | [`observe`] | log lines and metrics |
//! | [`admission`] | the counts of both ledgers |
//! | [`control`] | `ringgate ctl` |
//! | [`doctor`] | what this machine offers |
//! | [`process`] | service managers, and staying as the first process of a container |
//!
//! Whatever else can be named is for the tests and fuzzers of this repository: it is hidden here and may
//! change in any version.
#![forbid(unsafe_code)]

// What tests of this crate share with those beside it names the crate.
#[cfg(test)]
extern crate self as ringgate;

pub mod admission;
pub mod app;
pub mod around;
mod certificates;
mod client;
pub mod config;
mod connection;
pub mod control;
mod coordinator;
pub mod doctor;
pub mod events;
#[cfg(feature = "tokio-guests")]
pub mod guests;
pub mod handler;
// Not for use: the protocol as pure functions, for this repository's own tests and fuzzers.
#[doc(hidden)]
pub mod http1;
// Not for use: HTTP/2 as pure rooms, for this repository's own tests and fuzzers.
#[doc(hidden)]
pub mod http2;
pub mod lane;
pub mod observe;
pub mod process;
mod program;
pub mod simulation;
pub mod testing;
// Not for use: TLS as pure rooms, for this repository's own tests and fuzzers.
#[doc(hidden)]
pub mod tls;
#[cfg(feature = "tower")]
pub mod tower;
mod visited;
// Not for use: WebSocket as pure rooms, for this repository's own tests and fuzzers.
#[doc(hidden)]
pub mod websocket;

pub use self::http1::refusal::Refusal;
pub use certificates::TlsError;
pub use coordinator::{
    AccessLogStatus, CertificateStatus, CoreInfo, CoreStatus, Degraded, Ended, Generation,
    Http2Status, LatencyStatus, ListenerStatus, Running, Server, ServerEvent, ServerHandle,
    StartError, Status, TlsStatus, UpgradeError, UpgradeStep, Upgraded, WebSocketStatus,
    block_obeyed_signals, refuse_inheritance,
};
pub use handler::{
    Body, BodyError, BodyFrame, Chunk, Error, Form, FromRequest, Handler, Html, IntoResponse, Json,
    Next, ProxiedTls, ProxyHeader, Query, Redirect, Request, RequestBody, Response, Result,
    RouteOptions, Router, Tls, WebSocket, Writer,
};
pub use process::service_manager::{PassedSocket, ServiceManager, passed_sockets};
pub use ringgate_runtime as runtime;
pub use {::cookie, ::http};

/// The examples of the documents, which must compile; `server/tests/documents.rs` looks after the rest.
#[cfg(doctest)]
mod documents {
    #[doc = include_str!("../../README.md")]
    struct Readme;
    #[doc = include_str!("../../docs/library.md")]
    struct Library;
    #[doc = include_str!("../../docs/files.md")]
    struct Files;
    #[doc = include_str!("../../docs/lanes.md")]
    struct Lanes;
    #[doc = include_str!("../../docs/websocket.md")]
    struct WebSockets;
    #[cfg(feature = "axum")]
    #[doc = include_str!("../../docs/axum.md")]
    struct Axum;
    #[cfg(feature = "tokio-guests")]
    #[doc = include_str!("../../docs/guests.md")]
    struct Guests;
}
