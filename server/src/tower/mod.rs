//! Services of other crates as handlers (feature `tower`): whatever is a
//! [`tower_service::Service`] of an [`http::Request`], such as an axum `Router` with its layers.
//!
//! [`handler`] makes a handler of a service, for [`Router::fallback`](crate::Router::fallback) or a single
//! route. There is no other server and no second parser below it: the service is called with the head that
//! was parsed here, its future is polled once at once, and is a task of the core only if it waits. When the
//! client goes away the future is dropped. Bodies come and go as the slower side can take them, with
//! trailer fields both ways.
//!
//! Decided here is how a call is made; [`body`](BodyHandle) is the way in of bytes, and
//! [`Response::from_http`](crate::Response::from_http) the way out. Services that need a tokio runtime around
//! them are wrapped as other handlers are: `guests::handler(tower::handler(service))`.
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
//! let router = Router::<()>::new().fallback(RouteOptions::default(), tower::handler(Hello));
//! ```

mod answer;
mod body;
mod per_core;
mod serve;

pub use body::{BodyHandle, BodyHandleError};
pub use serve::{Serve, Service, handler, handler_with};
