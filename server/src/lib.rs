//! An HTTP server runtime for Linux: one pinned thread and one io_uring per core.
#![forbid(unsafe_code)]

pub mod admission;
pub mod app;
pub mod config;
mod connection;
pub mod control;
mod coordinator;
pub mod doctor;
pub mod events;
#[cfg(feature = "tokio-guests")]
pub mod guests;
pub mod handler;
pub mod http;
pub mod lane;
pub mod observe;
pub mod process;
pub mod simulation;

pub use coordinator::{
    CoreInfo, CoreStatus, Ended, Generation, ListenerStatus, Running, Server, ServerEvent,
    ServerHandle, StartError, Status, UpgradeError, UpgradeStep, Upgraded, block_obeyed_signals,
    refuse_inheritance,
};
pub use handler::{
    Body, BodyError, Chunk, IntoResponse, Request, RequestBody, Response, RouteOptions, Router,
    Writer,
};
pub use process::service_manager::{PassedSocket, ServiceManager, passed_sockets};
pub use ringgate_runtime as runtime;

/// The examples of the README, which must compile.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;
