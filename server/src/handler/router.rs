//! Which handler a request goes to, and the seam between connections and applications.

use super::request::{PlacedParts, Request, RequestParts};
use super::response::{IntoResponse, Response};
use crate::connection::{ExchangeKey, Finished};
use http::header::ALLOW;
use http::{HeaderValue, Method, StatusCode};
use ringgate_runtime::task::{Panic, TaskId, catch_panic};
use ringgate_runtime::{Core, Priority};
use std::any::Any;
use std::future::Future;
use std::rc::Rc;
use std::sync::Arc;

/// The options of one route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RouteOptions {
    /// Whether requests pass the gate; health checks do not.
    pub gated: bool,
    /// Whether its requests give their slot back as soon as they have to wait, as with
    /// [`Request::detach`]: for long polls and streams.
    pub detached: bool,
    /// Largest body in bytes: None for the server's `body_size`, `Some(None)` for any.
    pub body_size: Option<Option<u64>>,
    /// When the steps of its handlers, and of the bodies they stream, are run among those of others
    /// that are ready on the core. The first step runs when the request is admitted, whatever this
    /// says; what waits at the gate is ordered by the option `priority`.
    pub priority: Priority,
}

impl Default for RouteOptions {
    fn default() -> RouteOptions {
        RouteOptions {
            gated: true,
            detached: false,
            body_size: None,
            priority: Priority::Normal,
        }
    }
}

type Handler<S> =
    Box<dyn Fn(&Core, Request<S>, &ReplyTo<'_>, &mut Option<Response>) -> Called + Send + Sync>;

struct Route<S> {
    handler: Handler<S>,
    options: RouteOptions,
}

/// Paths without parameters, by their length: found by comparing bytes, which most requests need
/// no more than. The tree prefers them too, so the order of looking changes nothing.
#[derive(Default)]
struct Fixed(Vec<Vec<(Box<[u8]>, u32)>>);

impl Fixed {
    fn insert(&mut self, path: &str, index: u32) {
        if self.0.len() <= path.len() {
            self.0.resize_with(path.len() + 1, Vec::new);
        }
        self.0[path.len()].push((path.as_bytes().into(), index));
    }

    #[inline]
    fn find(&self, path: &[u8]) -> Option<u32> {
        let same_length = self.0.get(path.len())?;
        same_length
            .iter()
            .find(|(have, _)| **have == *path)
            .map(|(_, index)| *index)
    }
}

struct Path {
    /// As the application wrote it.
    text: Box<str>,
    names: Arc<[String]>,
    /// The route of GET, which is asked for most.
    get: Option<u32>,
    methods: Vec<(Method, u32)>,
    allow: HeaderValue,
}

/// Routes with path parameters: `/bytes/{n}`, `/files/{*path}` (the syntax is matchit's). `S` is
/// the state that `init` makes for each core.
pub struct Router<S = ()> {
    tree: matchit::Router<u32>,
    fixed: Fixed,
    paths: Vec<Path>,
    routes: Vec<Route<S>>,
    fallback: Option<u32>,
    /// The route of every CONNECT.
    connect: Option<u32>,
}

impl<S: 'static> Default for Router<S> {
    fn default() -> Router<S> {
        Router::new()
    }
}

impl<S: 'static> Router<S> {
    /// No route: everything is 404.
    pub fn new() -> Router<S> {
        Router {
            tree: matchit::Router::new(),
            fixed: Fixed::default(),
            paths: Vec::new(),
            routes: Vec::new(),
            fallback: None,
            connect: None,
        }
    }

    /// Gives requests of `method` to `path` to `handler`. GET serves HEAD too, unless HEAD has a
    /// route of its own.
    ///
    /// # Panics
    /// If the path is malformed or conflicts with another, or already has this method: a mistake
    /// of the program, found at start.
    #[must_use]
    pub fn route<H, F>(self, method: Method, path: &str, handler: H) -> Router<S>
    where
        H: Fn(Request<S>) -> F + Send + Sync + 'static,
        F: Future<Output: IntoResponse> + 'static,
    {
        self.route_with(RouteOptions::default(), method, path, handler)
    }

    /// GET; see [`Router::route`].
    #[must_use]
    pub fn get<H, F>(self, path: &str, handler: H) -> Router<S>
    where
        H: Fn(Request<S>) -> F + Send + Sync + 'static,
        F: Future<Output: IntoResponse> + 'static,
    {
        self.route(Method::GET, path, handler)
    }

    /// POST; see [`Router::route`].
    #[must_use]
    pub fn post<H, F>(self, path: &str, handler: H) -> Router<S>
    where
        H: Fn(Request<S>) -> F + Send + Sync + 'static,
        F: Future<Output: IntoResponse> + 'static,
    {
        self.route(Method::POST, path, handler)
    }

    /// As [`Router::route`], with options. Panics as [`Router::route`] does.
    #[must_use]
    pub fn route_with<H, F>(
        mut self,
        options: RouteOptions,
        method: Method,
        path: &str,
        handler: H,
    ) -> Router<S>
    where
        H: Fn(Request<S>) -> F + Send + Sync + 'static,
        F: Future<Output: IntoResponse> + 'static,
    {
        let route = self.add(options, handler);
        let index = match self.tree.at(path) {
            Ok(found) if self.paths[*found.value as usize].text_is(path, &found.params) => {
                *found.value
            }
            _ => self.insert(path),
        };
        self.paths[index as usize].add(method, route, path);
        self
    }

    /// Gives what is under no route's path to `handler`, whatever its method, in place of a 404: all but
    /// CONNECT ([`Router::connect`]) and `OPTIONS *`, which ask for no path.
    ///
    /// # Panics
    /// If there is a fallback already.
    #[must_use]
    pub fn fallback<H, F>(mut self, options: RouteOptions, handler: H) -> Router<S>
    where
        H: Fn(Request<S>) -> F + Send + Sync + 'static,
        F: Future<Output: IntoResponse> + 'static,
    {
        assert!(self.fallback.is_none(), "there is a fallback already");
        self.fallback = Some(self.add(options, handler));
        self
    }

    /// Gives every CONNECT to `handler`, in place of a 501. The server carries no tunnel, and the
    /// connection is closed after the answer: a handler can say why not, and an answer of 2xx, which
    /// would promise a tunnel (RFC 9110 section 9.3.6), becomes a 501. The target is the
    /// [host](Request::host) of the request; its path is empty.
    ///
    /// # Panics
    /// If CONNECT has a handler already.
    #[must_use]
    pub fn connect<H, F>(mut self, options: RouteOptions, handler: H) -> Router<S>
    where
        H: Fn(Request<S>) -> F + Send + Sync + 'static,
        F: Future<Output: IntoResponse> + 'static,
    {
        assert!(
            self.connect.is_none(),
            "CONNECT is given to a handler already"
        );
        let handler = move |request| {
            let answer = handler(request);
            async move {
                let answer = answer.await.into_response();
                match answer.status().is_success() {
                    true => no_tunnel(),
                    false => answer,
                }
            }
        };
        self.connect = Some(self.add(options, handler));
        self
    }

    fn add<H, F>(&mut self, options: RouteOptions, handler: H) -> u32
    where
        H: Fn(Request<S>) -> F + Send + Sync + 'static,
        F: Future<Output: IntoResponse> + 'static,
    {
        let handler: Handler<S> = Box::new(move |core, request, reply, answer| {
            let make = || handler(request);
            let at_once = |returned: F::Output| *answer = Some(returned.into_response());
            let prepare = || {
                let reply = reply.to_owned();
                move |returned: Result<F::Output, Panic>| reply.send(returned)
            };
            match core.start_with(make, at_once, prepare) {
                Ok(None) => Called::Answered,
                Ok(Some(task)) => Called::Waiting(task),
                Err(panic) => Called::Panicked(panic),
            }
        });
        let route = self.routes.len() as u32;
        self.routes.push(Route { handler, options });
        route
    }

    fn insert(&mut self, path: &str) -> u32 {
        let index = self.paths.len() as u32;
        if let Err(error) = self.tree.insert(path, index) {
            panic!("route {path:?}: {error}");
        }
        if !path.contains(['{', '}']) {
            self.fixed.insert(path, index);
        }
        let names = path
            .split('{')
            .skip(1)
            .filter_map(|rest| rest.split('}').next());
        let names = names
            .map(|name| name.trim_start_matches('*').to_owned())
            .collect();
        let allow = HeaderValue::from_static("");
        self.paths.push(Path {
            text: path.into(),
            names,
            get: None,
            methods: Vec::new(),
            allow,
        });
        index
    }
}

impl<S> Router<S> {
    fn look_up(&self, parts: &mut RequestParts) -> Routed {
        let bytes: &[u8] = &parts.bytes;
        match parts.head.method {
            Method::CONNECT => {
                let refused = || Routed::Answer(Box::new(no_tunnel()));
                return self.connect.map_or_else(refused, |route| self.found(route));
            }
            Method::OPTIONS if parts.head.path(bytes) == "*" => return self.all_methods(),
            _ => {}
        }
        let Ok(found) = self.tree.at(parts.head.path(bytes)) else {
            let Some(route) = self.fallback else {
                let reason = "nothing is served under this path";
                return Routed::Answer(Box::new(Response::error(StatusCode::NOT_FOUND, reason)));
            };
            return self.found(route);
        };
        let entry = &self.paths[*found.value as usize];
        // Wraps if the path is not in the bytes at all (an authority alone stands for `/`): such a
        // path has no parameters.
        let place = |value: &str| (value.as_ptr() as usize).wrapping_sub(bytes.as_ptr() as usize);
        let params = found.params.iter();
        parts.params = params
            .map(|(_, value)| (place(value) as u16, value.len() as u16))
            .collect();
        parts.names = (!entry.names.is_empty()).then(|| entry.names.clone());
        self.routed(entry, &parts.head.method)
    }

    /// The answer to `OPTIONS *`: the methods that any route answers to (RFC 9110 section 9.3.7).
    #[cold]
    fn all_methods(&self) -> Routed {
        let methods = self.paths.iter().flat_map(|path| &path.methods);
        let mut methods: Vec<_> = methods.map(|(method, _)| method).collect();
        methods.push(&Method::OPTIONS);
        let response = Response::new(StatusCode::NO_CONTENT).with_header(ALLOW, allow(methods));
        Routed::Answer(Box::new(response))
    }

    #[inline]
    fn routed(&self, entry: &Path, method: &Method) -> Routed {
        match entry.find(method) {
            Some(route) => self.found(route),
            None => entry.refused(),
        }
    }

    #[inline]
    fn found(&self, route: u32) -> Routed {
        let gated = self.routes[route as usize].options.gated;
        Routed::Found { route, gated }
    }
}

impl Path {
    /// Whether looking `path` up by its own text found itself: each parameter stands for its own
    /// placeholder.
    fn text_is(&self, path: &str, params: &matchit::Params<'_, '_>) -> bool {
        let placeholders = path.matches('{').count();
        self.names.len() == placeholders
            && params.iter().all(|(name, value)| {
                value == format!("{{{name}}}") || value == format!("{{*{name}}}")
            })
    }

    fn add(&mut self, method: Method, route: u32, path: &str) {
        assert!(
            !self.methods.iter().any(|(have, _)| *have == method),
            "route {path:?} has {method} already"
        );
        if method == Method::GET {
            self.get = Some(route);
        }
        self.methods.push((method, route));
        self.allow = allow(self.methods.iter().map(|(method, _)| method));
    }

    #[cold]
    fn refused(&self) -> Routed {
        let reason = "this path does not answer to this method";
        let response = Response::error(StatusCode::METHOD_NOT_ALLOWED, reason)
            .with_header(ALLOW, self.allow.clone());
        Routed::Answer(Box::new(response))
    }

    #[inline]
    fn find(&self, method: &Method) -> Option<u32> {
        match *method == Method::GET {
            true => self.get,
            false => self.find_other(method),
        }
    }

    fn find_other(&self, method: &Method) -> Option<u32> {
        let own = self.methods.iter().find(|(have, _)| have == method);
        let route = own.map(|(_, route)| *route);
        route.or(self.get.filter(|_| *method == Method::HEAD))
    }
}

/// The value of an Allow field; HEAD is allowed where GET is.
fn allow<'m>(methods: impl IntoIterator<Item = &'m Method>) -> HeaderValue {
    let mut names: Vec<&str> = methods.into_iter().map(Method::as_str).collect();
    if names.contains(&"GET") {
        names.push("HEAD");
    }
    names.sort_unstable();
    names.dedup();
    HeaderValue::from_str(&names.join(", ")).expect("methods are tokens")
}

#[cold]
fn no_tunnel() -> Response {
    let reason = "this server carries no tunnel";
    Response::error(StatusCode::NOT_IMPLEMENTED, reason)
}

/// Where a request goes.
pub(crate) enum Routed {
    /// To a handler.
    Found { route: u32, gated: bool },
    /// Nowhere: the answer is known.
    Answer(Box<Response>),
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
}

/// A router with the state of one core.
pub(crate) struct PerCore<S> {
    router: Arc<Router<S>>,
    /// An `Rc<S>`, in the form in which requests carry it.
    state: Rc<dyn Any>,
}

impl<S: 'static> PerCore<S> {
    pub(crate) fn new(router: Arc<Router<S>>, state: Rc<S>) -> PerCore<S> {
        PerCore {
            router,
            state: Rc::new(state),
        }
    }
}

impl<S: 'static> Application for PerCore<S> {
    fn route_name(&self, route: u32) -> String {
        let methods = self.router.paths.iter().flat_map(|path| {
            let methods = path.methods.iter();
            methods.map(move |(method, index)| (path, method, *index))
        });
        methods
            .filter(|(_, _, index)| *index == route)
            .map(|(path, method, _)| format!("{method} {}", path.text))
            .next()
            .unwrap_or_else(|| match self.router.connect == Some(route) {
                true => Method::CONNECT.to_string(),
                false => "(fallback)".to_owned(),
            })
    }

    fn options(&self, route: u32) -> &RouteOptions {
        &self.router.routes[route as usize].options
    }

    #[inline]
    fn route(&self, parts: &mut RequestParts) -> Routed {
        match self.router.fixed.find(parts.head.path_bytes(&parts.bytes)) {
            Some(index) => {
                let entry = &self.router.paths[index as usize];
                self.router.routed(entry, &parts.head.method)
            }
            None => self.router.look_up(parts),
        }
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
        let request = Request::new(parts, self.state.clone());
        (self.router.routes[route as usize].handler)(core, request, reply, answer)
    }
}

/// Where the answer of a handler goes that does not give it at once.
pub(crate) struct ReplyTo<'a> {
    pub(crate) finished: &'a Rc<Finished>,
    pub(crate) request: ExchangeKey,
}

impl ReplyTo<'_> {
    fn to_owned(&self) -> Reply {
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
    fn send<T: IntoResponse>(self, returned: Result<T, Panic>) {
        let response = returned.and_then(|value| catch_panic(|| value.into_response()));
        self.finished.push(self.request, response);
    }
}

#[cfg(test)]
mod tests {
    use super::super::request::HeadBytes;
    use super::*;
    use crate::http::head::{HeadLimits, Progress, read_head_after};

    fn find(router: Router<()>, method: Method, path: &str) -> Routed {
        let app = PerCore::new(Arc::new(router), Rc::new(()));
        let text = format!("{method} {path} HTTP/1.1\r\nHost: test\r\n\r\n");
        let mut parts = PlacedParts::open();
        let limits = HeadLimits::default();
        let progress = read_head_after(text.as_bytes(), 0, &limits, &mut parts.head);
        assert_eq!(progress, Ok(Progress::Complete));
        parts.bytes = HeadBytes::Gathered(text.into());
        app.route(&mut parts)
    }

    fn status(routed: Routed) -> Option<StatusCode> {
        match routed {
            Routed::Answer(response) => Some(response.status()),
            Routed::Found { .. } => None,
        }
    }

    async fn handler(_: Request) -> StatusCode {
        StatusCode::OK
    }

    const UNGATED: RouteOptions = RouteOptions {
        gated: false,
        detached: false,
        priority: Priority::Normal,
        body_size: None,
    };

    #[test]
    fn a_fallback_takes_every_method_of_every_path_without_a_route() {
        for path in ["/", "/a", "/a/b/c"] {
            for method in [
                Method::GET,
                Method::DELETE,
                Method::from_bytes(b"BREW").unwrap(),
            ] {
                let router = Router::new()
                    .get("/other", handler)
                    .fallback(UNGATED, handler);
                match find(router, method, path) {
                    Routed::Found { route, gated } => {
                        assert_eq!((route, gated), (1, UNGATED.gated), "{path}");
                    }
                    Routed::Answer(_) => panic!("{path} has no route"),
                }
            }
        }
    }

    #[test]
    fn a_path_with_a_route_is_not_the_fallbacks() {
        let router = || Router::new().get("/a", handler).fallback(UNGATED, handler);
        assert!(matches!(
            find(router(), Method::GET, "/a"),
            Routed::Found { route: 0, .. }
        ));
        let other = status(find(router(), Method::POST, "/a"));
        assert_eq!(other, Some(StatusCode::METHOD_NOT_ALLOWED));
    }

    #[test]
    fn without_a_fallback_an_unknown_path_is_not_found() {
        let routed = find(Router::new().get("/a", handler), Method::GET, "/b");
        assert_eq!(status(routed), Some(StatusCode::NOT_FOUND));
    }
}
