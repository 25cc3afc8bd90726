//! A whole application as a router: every request goes to one service, or to what a service makes for each
//! client, as axum's `into_make_service_with_connect_info` does.
//!
//! Called by `main` functions, by way of [`serve`](super::serve()) or with a server of their own.

use super::per_client::{Client, PerClient};
use super::serve::{Service, handler_with};
use crate::handler::{Request, RouteOptions, Router};
use http::Extensions;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

/// An application, as [`router`] and [`serve`](super::serve()) take it: a [`Service`], or a service that is called with the
/// address of a client and makes such a service for it. `Kind` tells which, and is inferred.
///
/// Nobody implements this trait: it is short for these two.
///
/// ```
/// use ringgate::{Router, tower};
///
/// /// Takes whatever [`tower::router`] takes.
/// fn beside_health<Kind: 'static>(app: impl tower::App<Kind>) -> Router {
///     ringgate::app::health().merge(tower::router(app))
/// }
///
/// let router = beside_health(axum::Router::new());
/// ```
pub trait App<Kind>: 'static {
    /// The service that answers requests.
    type Service: Service;

    /// Takes the service out.
    fn into_service(self) -> Self::Service;

    /// Adds what the service needs to know of a request besides the request itself.
    fn extend<S>(request: &Request<S>, extensions: &mut Extensions);
}

/// Says that an [`App`] is one service for all clients.
///
/// ```
/// use ringgate::tower::{App, ForAll};
///
/// fn is<A: App<ForAll>>(_: A) {}
/// is(axum::Router::new());
/// ```
pub enum ForAll {}

/// Says that an [`App`] makes a service for each client.
///
/// ```
/// use ringgate::tower::{App, ForEach};
///
/// fn is<A: App<ForEach>>(_: A) {}
/// is(axum::Router::new().into_make_service_with_connect_info::<std::net::SocketAddr>());
/// ```
pub enum ForEach {}

impl<V: Service> App<ForAll> for V {
    type Service = V;

    fn into_service(self) -> V {
        self
    }

    fn extend<S>(_: &Request<S>, _: &mut Extensions) {}
}

impl<M> App<ForEach> for M
where
    M: tower_service::Service<SocketAddr> + Clone + Send + 'static,
    PerClient<M>: Service,
{
    type Service = PerClient<M>;

    fn into_service(self) -> PerClient<M> {
        PerClient::new(self)
    }

    fn extend<S>(request: &Request<S>, extensions: &mut Extensions) {
        let nowhere = || SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0));
        extensions.insert(Client(request.peer().unwrap_or_else(nowhere)));
    }
}

/// Makes a router of an application: all of its paths and methods are the application's, CONNECT and the
/// answers 404 and 405 with them. `OPTIONS *` alone, which asks for no path, is answered by the server.
///
/// Limits of bodies are the application's: the option `body_size` is for routes of this library.
///
/// A service for each client is made for each request, with the address of the [`Request::peer`],
/// which costs a system call. On a Unix socket, whose clients have no address, the address is `0.0.0.0:0`.
///
/// ```
/// use axum::extract::ConnectInfo;
/// use axum::routing::get;
/// use ringgate::{Server, config::Config, tower};
/// use std::net::SocketAddr;
///
/// async fn who(ConnectInfo(client): ConnectInfo<SocketAddr>) -> String {
///     format!("you are {client}\n")
/// }
///
/// let app = axum::Router::new().route("/who", get(who));
/// let router = tower::router(app.into_make_service_with_connect_info::<SocketAddr>());
/// let server = Server::new(Config::default(), router);
/// ```
pub fn router<S: 'static, Kind: 'static>(app: impl App<Kind>) -> Router<S> {
    let any_size = RouteOptions {
        body_size: Some(None),
        ..RouteOptions::default()
    };
    router_with(any_size, app)
}

/// As [`router`], with options for all of its requests.
///
/// ```
/// use ringgate::{RouteOptions, Router, tower};
/// use std::time::Duration;
///
/// let app = axum::Router::new();
/// let options = RouteOptions::new().any_body_size().timeout(Duration::from_secs(30));
/// let router: Router = tower::router_with(options, app);
/// ```
pub fn router_with<S: 'static, Kind: 'static, A: App<Kind>>(
    options: RouteOptions,
    app: A,
) -> Router<S> {
    let handler = handler_with(app.into_service(), A::extend::<S>);
    let handler = Arc::new(handler);
    let tunnel = handler.clone();
    Router::new()
        .fallback(options, move |request| handler(request))
        .connect(options, move |request| tunnel(request))
}
