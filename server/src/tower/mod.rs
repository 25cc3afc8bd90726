//! Services of other crates as handlers (feature `tower`): whatever is a
//! [`tower_service::Service`] of an [`http::Request`], such as an axum `Router` with its layers.
//!
//! [`serve`](serve()) is the `main` of a program that is all one such application, and [`router`] makes a router of it
//! for a [`Server`](crate::Server). [`handler`] makes a handler of a service, for a router's
//! [fallback](crate::Router::fallback) or a single route among others. There is no other server and no second parser
//! below it: the service is called with the head that was parsed here, its future is polled once at once, and is
//! a task of the core only if it waits. When the client goes away the future is dropped. Bodies come and go as the
//! slower side can take them, with trailer fields both ways.
//!
//! Decided here is how a call is made; [`body`](BodyHandle) is the way in of bytes, and
//! [`Response::from_http`](crate::Response::from_http) the way out. A request that asks for another protocol carries
//! hyper's `OnUpgrade`, as on a connection of hyper's, for services that take it (axum's `extract::ws`). With the
//! feature `tokio-guests`, or `axum` in place of both, services and their bodies find a tokio runtime around them
//! ([`guests`](crate::guests)).
//!
//! ```
//! use ringgate::tower::{self, BodyHandle};
//! use ringgate::{RouteOptions, Router};
//! use std::convert::Infallible;
//! use std::future::{Ready, ready};
//! use std::task::{Context, Poll};
//!
//! #[derive(Clone)]
//! struct Hello;
//!
//! impl tower_service::Service<http::Request<BodyHandle>> for Hello {
//!     type Response = http::Response<String>;
//!     type Error = Infallible;
//!     type Future = Ready<Result<Self::Response, Infallible>>;
//!
//!     fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
//!         Poll::Ready(Ok(()))
//!     }
//!
//!     fn call(&mut self, request: http::Request<BodyHandle>) -> Self::Future {
//!         ready(Ok(http::Response::new(format!("hello, {}\n", request.uri().path()))))
//!     }
//! }
//!
//! let any_size = RouteOptions::new().any_body_size();
//! let router = Router::<()>::new().fallback(any_size, tower::handler(Hello));
//! ```

mod answer;
mod app;
mod body;
mod crossing;
mod lane;
mod main_of;
mod passage;
mod per_client;
mod per_core;
mod serve;
mod spare;
mod upgrade;

pub use app::{App, ForAll, ForEach, router, router_with};
pub use body::BodyHandle;
pub use lane::lane_error;
pub use main_of::serve;
#[cfg(feature = "tokio-guests")]
pub use main_of::serve_from;
pub use per_client::{MadeAndCalled, PerClient};
pub use serve::{Serve, Service, handler, handler_with};
