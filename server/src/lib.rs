//! An HTTP server runtime for Linux: one pinned thread and one io_uring per core.
//!
//! A program makes a [`Router`], gives it to a [`Server`] and starts that. The rest:
//!
//! | module | for |
//! |---|---|
//! | [`handler`] | requests, answers, bodies and routes; most of them stand here as well |
//! | [`config`] | what a server is told, and reading it from command line, environment and file |
//! | [`events`] | events that are published on any core and heard on all |
//! | [`lane`] | work that would block a core |
//! | `tower` | services of other crates as handlers, such as an axum router (feature `tower`) |
//! | `guests` | libraries that need tokio (feature `tokio-guests`) |
//! | [`simulation`] | the same server in a test, with virtual time and no kernel |
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

pub mod admission;
pub mod app;
mod certificates;
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
pub mod http;
pub mod lane;
pub mod observe;
pub mod process;
mod program;
pub mod simulation;
// Not for use: TLS as pure rooms, for this repository's own tests and fuzzers.
#[doc(hidden)]
pub mod tls;
#[cfg(feature = "tower")]
pub mod tower;
// Not for use: WebSocket as pure rooms, for this repository's own tests and fuzzers.
#[doc(hidden)]
pub mod websocket;

pub use self::http::refusal::Refusal;
pub use certificates::TlsError;
pub use coordinator::{
    CertificateStatus, CoreInfo, CoreStatus, Degraded, Ended, Generation, ListenerStatus, Running,
    Server, ServerEvent, ServerHandle, StartError, Status, UpgradeError, UpgradeStep, Upgraded,
    block_obeyed_signals, refuse_inheritance,
};
pub use handler::{
    Body, BodyError, BodyFrame, Chunk, IntoResponse, Next, Request, RequestBody, Response,
    RouteOptions, Router, Tls, Writer,
};
pub use process::service_manager::{PassedSocket, ServiceManager, passed_sockets};
pub use ringgate_runtime as runtime;

/// The examples of the documents, which must compile; `server/tests/documents.rs` looks after the rest.
#[cfg(doctest)]
mod documents {
    #[doc = include_str!("../../README.md")]
    struct Readme;
    #[doc = include_str!("../../docs/lanes.md")]
    struct Lanes;
    #[cfg(feature = "axum")]
    #[doc = include_str!("../../docs/axum.md")]
    struct Axum;
    #[cfg(feature = "tokio-guests")]
    #[doc = include_str!("../../docs/guests.md")]
    struct Guests;
}
