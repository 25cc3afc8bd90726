//! The seam between connections and applications: [`Application`] takes a request and says what becomes of
//! it, and a [`Reply`] brings the answer of a handler that waited. Neither knows anything of sockets.
//!
//! A router becomes an application here, once for each core: [`PerCore`], or [`super::around`]'s if anything is
//! around its answers.

use super::around::Layered;
use super::options::RouteOptions;
use super::parts::{PlacedParts, RequestParts};
use super::request::{CoreState, Names, OfCore, Request};
use super::response::{IntoResponse, Response};
use super::router::Router;
use super::websocket::{OnMessage, SocketTerms};
use crate::ServerHandle;
use crate::connection::{ExchangeKey, Finished};
use ringgate_runtime::Core;
use ringgate_runtime::task::{Panic, TaskId, catch_panic};
use std::rc::Rc;
use std::sync::Arc;

/// The end of a WebSocket that came from another process, and the terms of its kind.
pub(crate) type RestoredSocket = (Arc<SocketTerms>, Box<dyn OnMessage>);

/// Where a request goes.
pub(crate) enum Routed {
    /// To a handler.
    Found { route: u32, gated: bool },
    /// To a handler that does not get it: its client has asked too often, and may ask again in so many seconds.
    TooSoon { route: u32, seconds: u32 },
    /// Nowhere: the answer is known.
    Answer(Box<Response>),
}

impl Routed {
    /// The route, if it is to a handler.
    pub(crate) fn route(&self) -> Option<u32> {
        match self {
            Routed::Found { route, .. } | Routed::TooSoon { route, .. } => Some(*route),
            Routed::Answer(_) => None,
        }
    }
}

/// How far a handler came at its first step.
pub(crate) enum Called {
    /// To its end; its answer lies where the caller wanted it.
    Answered,
    /// The handler waits, as this task; its answer comes by way of its [`Reply`].
    Waiting(TaskId),
    Panicked(Panic),
}

/// The part of an application that a connection needs.
pub(crate) trait Application {
    /// Where a request goes; finds the path's parameters.
    fn route(&self, parts: &mut RequestParts) -> Routed;
    /// The name of a route in logs and metrics: its method and its path.
    fn route_name(&self, route: u32) -> String;
    /// The names of all routes, by number.
    fn route_names(&self) -> Vec<String>;
    /// The options of a route.
    fn options(&self, route: u32) -> &RouteOptions;
    /// Gives the request to the handler of `route`, which runs up to where it first waits.
    /// An answer given at once is put into `answer`, and nowhere else.
    fn call(
        &self,
        core: &Core,
        route: u32,
        parts: PlacedParts,
        reply: &ReplyTo<'_>,
        answer: &mut Option<Response>,
    ) -> Called;

    /// Whether answers that the server gives itself are shown to the application before they are sent.
    fn sees_refusals(&self) -> bool {
        false
    }

    /// Gives a request its id, where requests have any.
    fn name(&self, _: &mut RequestParts) {}

    /// The end of a WebSocket of this kind from the state that another process handed over, and the terms of its
    /// kind; None if nobody here knows it, or the state is none.
    fn restore(&self, name: &str, state: &[u8]) -> Option<RestoredSocket> {
        let _ = (name, state);
        None
    }

    /// Shows the application an answer that the server gives itself to these parts of a request, and returns
    /// what is to be sent in its place: `make` makes the answer.
    fn refuse(&self, _: &Core, _: PlacedParts, make: &dyn Fn() -> Response) -> Response {
        make()
    }
}

/// The application that a router is on one core. The router was made ready by [`Router::sealed`].
pub(crate) fn application<S: 'static>(
    router: &Arc<Router<S>>,
    state: S,
    server: &ServerHandle,
) -> Rc<dyn Application> {
    let state = Rc::new(state);
    let of_core = CoreState {
        state: state.clone(),
        server: server.clone(),
        names: Names::new(router.id_field.clone()),
    };
    let per_core = PerCore {
        router: router.clone(),
        of_core: Rc::new(of_core),
        state,
    };
    match router.has_around() {
        true => Rc::new(Layered(Rc::new(per_core))),
        false => Rc::new(per_core),
    }
}

/// A router with the state of one core.
pub(super) struct PerCore<S> {
    pub(super) router: Arc<Router<S>>,
    of_core: Rc<dyn OfCore>,
    state: Rc<S>,
}

impl<S: 'static> PerCore<S> {
    #[inline]
    pub(super) fn request(&self, parts: PlacedParts) -> Request<S> {
        Request::new(parts, self.of_core.clone())
    }

    pub(super) fn names(&self) -> &Names {
        self.of_core.names()
    }
}

impl<S: 'static> Application for PerCore<S> {
    fn route_name(&self, route: u32) -> String {
        self.router.route_name(route)
    }

    fn route_names(&self) -> Vec<String> {
        self.router.route_names()
    }

    #[inline]
    fn options(&self, route: u32) -> &RouteOptions {
        &self.router.routes[route as usize].options
    }

    #[inline]
    fn route(&self, parts: &mut RequestParts) -> Routed {
        self.router.find(parts)
    }

    #[inline]
    fn call(
        &self,
        core: &Core,
        route: u32,
        parts: PlacedParts,
        reply: &ReplyTo<'_>,
        answer: &mut Option<Response>,
    ) -> Called {
        let request = self.request(parts);
        let route = &self.router.routes[route as usize];
        route.endpoint.start(core, request, reply, answer)
    }

    fn restore(&self, name: &str, state: &[u8]) -> Option<RestoredSocket> {
        let mut kinds = self.router.sockets.iter();
        let kind = kinds.find(|kind| kind.terms.name.as_deref() == Some(name))?;
        let end = (kind.restore)(&self.state, state)?;
        Some((kind.terms.clone(), end))
    }
}

/// Where the answer of a handler goes that does not give it at once.
pub(crate) struct ReplyTo<'a> {
    pub(crate) finished: &'a Rc<Finished>,
    pub(crate) request: ExchangeKey,
}

impl ReplyTo<'_> {
    pub(super) fn to_owned(&self) -> Reply {
        Reply {
            finished: self.finished.clone(),
            request: self.request,
        }
    }
}

/// Where an answer goes: to the request that it answers. Dropped unused, nothing is answered; the
/// connection drops it so when it gives up on the request.
pub(crate) struct Reply {
    finished: Rc<Finished>,
    request: ExchangeKey,
}

impl Reply {
    /// Makes an answer of what the handler returned, and gives it; a panic of that is the handler's.
    pub(super) fn send<T: IntoResponse>(self, returned: Result<T, Panic>) {
        let response = returned.and_then(|value| catch_panic(|| value.into_response()));
        self.finished.push(self.request, response);
    }
}
