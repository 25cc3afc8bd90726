//! Routes as an application writes them down, put together, nested and closed over by what is around them;
//! and where a request goes among them.
//!
//! Filled by the program, made ready once by [`Router::sealed`] when the server starts, and asked by
//! [`super::application`] from then on. How a path is found is in `routes.rs`.

use super::application::Routed;
use super::around::{Around, Arounds, Closure, Next};
use super::endpoint::{Endpoint, Handler, Known, Plain, Refusing, Timed};
use super::options::RouteOptions;
use super::parts::RequestParts;
use super::request::Request;
use super::response::{Body, IntoResponse, Response};
use super::routes::{Path, Paths};
use super::websocket::SocketKind;
use http::header::ALLOW;
use http::{HeaderName, Method, StatusCode};
use std::fmt;
use std::future::Future;
use std::sync::Arc;

pub(super) struct Route<S> {
    pub(super) endpoint: Box<dyn Endpoint<S>>,
    pub(super) options: RouteOptions,
    pub(super) around: Arounds<S>,
}

/// Routes with path parameters: `/bytes/{n}`, `/files/{*path}` (the syntax is matchit's). `S` is
/// the state that `init` makes for each core.
///
/// A handler is an `async fn` from a [`Request`] to anything that becomes an answer ([`IntoResponse`]).
///
/// ```
/// use ringgate::{Request, Router, http::StatusCode};
///
/// async fn show(request: Request) -> Result<String, StatusCode> {
///     let id: u32 = request.param("id").and_then(|id| id.parse().ok()).ok_or(StatusCode::NOT_FOUND)?;
///     Ok(format!("note {id}\n"))
/// }
///
/// let notes = Router::new()
///     .get("/{id}", show)
///     .delete("/{id}", |_| async { StatusCode::NO_CONTENT });
/// let router: Router = Router::new()
///     .get("/", |_| async { "hello\n" })
///     .nest("/notes", notes)
///     .around(|request, next| async move {
///         next.run(request).await.with_header("x-served-by", "ringgate")
///     });
/// ```
pub struct Router<S = ()> {
    pub(super) paths: Paths<S>,
    pub(super) routes: Vec<Route<S>>,
    /// Routes for all that is under none of the paths, by prefix. The longest is first.
    fallbacks: Vec<(String, u32)>,
    /// The route of every CONNECT.
    connect: Option<u32>,
    /// The route of `OPTIONS *`, if its answer is not just known.
    options: Option<u32>,
    /// The handler of methods that a path has no route for.
    refused: Option<Arc<dyn Endpoint<S>>>,
    pub(super) around: Arounds<S>,
    /// The field that the id of each request goes in, if they have any.
    pub(super) id_field: Option<HeaderName>,
    /// The kinds of WebSockets that this program takes up from the one before it.
    pub(super) sockets: Vec<SocketKind<S>>,
}

impl<S: 'static> Default for Router<S> {
    fn default() -> Router<S> {
        Router::new()
    }
}

impl<S> fmt::Debug for Router<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let paths = self.paths.all.iter().map(|path| &path.text);
        f.debug_set().entries(paths).finish()
    }
}

/// Writes the methods that add a route of one method.
macro_rules! verbs {
    ($($(#[$more:meta])* $name:ident $method:ident;)+) => {$(
        #[doc = concat!("Gives ", stringify!($method), " requests to `path` to `handler`; see [`Router::route`].")]
        ///
        /// # Panics
        /// As [`Router::route`].
        $(#[$more])*
        #[must_use]
        pub fn $name<H, F>(self, path: &str, handler: H) -> Router<S>
        where
            H: Handler<S> + Fn(Request<S>) -> F + Send + Sync + 'static,
            F: Future<Output: IntoResponse> + 'static,
        {
            self.route(Method::$method, path, handler)
        }
    )+};
}

impl<S: 'static> Router<S> {
    /// No route: everything is 404.
    pub fn new() -> Router<S> {
        Router {
            paths: Paths::new(),
            routes: Vec::new(),
            fallbacks: Vec::new(),
            connect: None,
            options: None,
            refused: None,
            around: Vec::new(),
            id_field: None,
            sockets: Vec::new(),
        }
    }

    /// Gives requests of `method` to `path` to `handler`. GET serves HEAD too, unless HEAD has a
    /// route of its own.
    ///
    /// ```
    /// use ringgate::{Router, http::Method, testing};
    ///
    /// let brew = Method::from_bytes(b"BREW").unwrap();
    /// let router = Router::new().route(brew.clone(), "/pot", |_| async { "coffee" });
    /// assert_eq!(testing::client(router, ()).request(brew, "/pot").send().text(), "coffee");
    /// ```
    ///
    /// # Panics
    /// If the path is malformed or conflicts with another, or already has this method: a mistake
    /// of the program, found at start.
    #[must_use]
    pub fn route<H, F>(self, method: Method, path: &str, handler: H) -> Router<S>
    where
        H: Handler<S> + Fn(Request<S>) -> F + Send + Sync + 'static,
        F: Future<Output: IntoResponse> + 'static,
    {
        self.route_with(RouteOptions::default(), method, path, handler)
    }

    verbs! {
        get GET;
        post POST;
        put PUT;
        patch PATCH;
        delete DELETE;
        head HEAD;
        options OPTIONS;
        trace TRACE;
    }

    /// As [`Router::route`], with options.
    ///
    /// # Panics
    /// As [`Router::route`].
    #[must_use]
    pub fn route_with<H, F>(
        mut self,
        options: RouteOptions,
        method: Method,
        path: &str,
        handler: H,
    ) -> Router<S>
    where
        H: Handler<S> + Fn(Request<S>) -> F + Send + Sync + 'static,
        F: Future<Output: IntoResponse> + 'static,
    {
        let route = self.add(options, handler);
        self.paths.entry(path).add(method, route);
        self
    }

    /// Gives requests to `path` to `handler` whatever their method, but for methods that have a route of
    /// their own.
    ///
    /// ```
    /// use ringgate::{Request, Router, http::Method, testing};
    ///
    /// let told = async |request: Request| request.method().to_string();
    /// let client = testing::client(Router::new().any("/", told), ());
    /// assert_eq!(client.request(Method::OPTIONS, "/").send().text(), "OPTIONS");
    /// ```
    ///
    /// # Panics
    /// If the path is malformed or conflicts with another, or has such a handler already.
    #[must_use]
    pub fn any<H, F>(self, path: &str, handler: H) -> Router<S>
    where
        H: Handler<S> + Fn(Request<S>) -> F + Send + Sync + 'static,
        F: Future<Output: IntoResponse> + 'static,
    {
        self.any_with(RouteOptions::default(), path, handler)
    }

    /// As [`Router::any`], with options.
    ///
    /// # Panics
    /// As [`Router::any`].
    #[must_use]
    pub fn any_with<H, F>(mut self, options: RouteOptions, path: &str, handler: H) -> Router<S>
    where
        H: Handler<S> + Fn(Request<S>) -> F + Send + Sync + 'static,
        F: Future<Output: IntoResponse> + 'static,
    {
        let route = self.add(options, handler);
        let had = self.paths.entry(path).any.replace(route);
        assert!(had.is_none(), "route {path:?} has all methods already");
        self
    }

    /// Gives what is under no route's path to `handler`, whatever its method, in place of a 404: all but
    /// CONNECT ([`Router::connect`]) and `OPTIONS *`, which ask for no path. In a router that is nested, what
    /// is under its prefix.
    ///
    /// ```
    /// use ringgate::{RouteOptions, Router, http::StatusCode, testing};
    ///
    /// let lost = |_| async { (StatusCode::NOT_FOUND, "no such page\n") };
    /// let router = Router::new().fallback(RouteOptions::new(), lost);
    /// assert_eq!(testing::client(router, ()).get("/x").send().text(), "no such page\n");
    /// ```
    ///
    /// # Panics
    /// If there is a fallback already.
    #[must_use]
    pub fn fallback<H, F>(mut self, options: RouteOptions, handler: H) -> Router<S>
    where
        H: Handler<S> + Fn(Request<S>) -> F + Send + Sync + 'static,
        F: Future<Output: IntoResponse> + 'static,
    {
        let route = self.add(options, handler);
        self.add_fallback(String::new(), route);
        self
    }

    fn add_fallback(&mut self, prefix: String, route: u32) {
        let is_there = self.fallbacks.iter().any(|(have, _)| *have == prefix);
        assert!(!is_there, "there is a fallback already");
        self.fallbacks.push((prefix, route));
        self.fallbacks
            .sort_by_key(|(prefix, _)| std::cmp::Reverse(prefix.len()));
    }

    /// Gives requests whose path has routes, but none for their method, to `handler`, in place of a 405. An
    /// answer of 405 gets the field Allow, unless it has one. Holds for the routes of this router, also where
    /// it is nested.
    ///
    /// # Panics
    /// If there is such a handler already.
    #[must_use]
    pub fn method_not_allowed<H, F>(mut self, handler: H) -> Router<S>
    where
        H: Handler<S> + Fn(Request<S>) -> F + Send + Sync + 'static,
        F: Future<Output: IntoResponse> + 'static,
    {
        assert!(self.refused.is_none(), "there is such a handler already");
        self.refused = Some(Arc::new(Plain(handler)));
        self
    }

    /// Gives every CONNECT to `handler`, in place of a 501. [`Response::tunnel`] opens a tunnel; another answer of
    /// 2xx, which would promise one (RFC 9110 section 9.3.6), becomes a 501, and the connection is closed after an
    /// answer that opens none. The target is the [host](Request::host) of the request; its path is empty.
    ///
    /// # Panics
    /// If CONNECT has a handler already.
    #[must_use]
    pub fn connect<H, F>(mut self, options: RouteOptions, handler: H) -> Router<S>
    where
        H: Handler<S> + Fn(Request<S>) -> F + Send + Sync + 'static,
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
                let opens = matches!(answer.body, Body::Switch(_));
                match answer.status().is_success() && !opens {
                    true => no_tunnel(),
                    false => answer,
                }
            }
        };
        self.connect = Some(self.add(options, handler));
        self
    }

    /// Puts a closure around every answer of this router: it gets each request, and lets it go on with
    /// [`Next::run`], or answers by itself. The first closure is the outermost.
    ///
    /// Around the router of a server it sees what the server itself answers, too, so that fields for CORS,
    /// names of requests and lines of an access log are whole: 404, 405 and 501 of paths and methods, the 500
    /// of a handler that panics, the 503 of the gate, 400, 408, 413, 414, 431 and 505 of requests that break
    /// a rule or a limit. Around a router that is nested or merged it sees the answers of the routes of that
    /// router, and the 405 of its paths.
    ///
    /// A request that is refused before its head is whole is [blank](Request::is_blank). Around 503s of the
    /// gate and answers to requests that break a rule the closure is run up to where it first waits: if it has
    /// not returned by then, the answer goes out without it. The body of such an answer has to be whole: in
    /// place of one that streams the server's own answer is sent, with the fields that say nothing of the body. A request whose body breaks a limit while its
    /// handler runs is seen twice: the first future is dropped, and the closure is run again, around the 413.
    ///
    /// A closure costs no allocation. A server without any pays nothing.
    ///
    /// ```
    /// use ringgate::{Next, Request, Response, Router, http::StatusCode};
    ///
    /// async fn guarded(request: Request, next: Next) -> Response {
    ///     match request.header("authorization") {
    ///         Some(b"Bearer secret") => next.run(request).await,
    ///         _ => Response::error(StatusCode::UNAUTHORIZED, "no token, or a wrong one"),
    ///     }
    /// }
    ///
    /// let router = Router::new().get("/", |_| async { "hello\n" }).around(guarded);
    /// ```
    #[must_use]
    pub fn around<A, F>(mut self, closure: A) -> Router<S>
    where
        A: Fn(Request<S>, Next<S>) -> F + Send + Sync + 'static,
        F: Future<Output: IntoResponse> + 'static,
    {
        self.around.push(Arc::new(Closure(closure)));
        self
    }

    /// Puts a closure around everything that is there, closures included.
    pub(crate) fn around_all<A, F>(mut self, closure: A) -> Router<S>
    where
        A: Fn(Request<S>, Next<S>) -> F + Send + Sync + 'static,
        F: Future<Output: IntoResponse> + 'static,
    {
        self.around.insert(0, Arc::new(Closure(closure)));
        self
    }

    /// Adds the routes of another router, with what is around them.
    ///
    /// ```
    /// use ringgate::{Router, app};
    ///
    /// let router = Router::<()>::new().get("/", |_| async { "hello\n" }).merge(app::health());
    /// ```
    ///
    /// # Panics
    /// If a path conflicts with one that is there, or both have the same method of a path, a fallback or a
    /// handler of CONNECT.
    #[must_use]
    pub fn merge(self, other: Router<S>) -> Router<S> {
        self.take_in("", other)
    }

    /// Adds the routes of another router below `prefix`, with what is around them: `/{id}` below `/notes` is
    /// `/notes/{id}`, and `/` is `/notes` as well as `/notes/`. Requests keep their whole path.
    ///
    /// ```
    /// use ringgate::{Request, Router, testing};
    ///
    /// async fn show(request: Request) -> String {
    ///     request.param("id").unwrap_or_default().to_owned()
    /// }
    ///
    /// let notes = Router::new().get("/{id}", show);
    /// let client = testing::client(Router::new().nest("/notes", notes), ());
    /// assert_eq!(client.get("/notes/7").send().text(), "7");
    /// ```
    ///
    /// # Panics
    /// If the prefix does not begin with a slash, or ends with one, and as [`Router::merge`].
    #[must_use]
    pub fn nest(self, prefix: &str, other: Router<S>) -> Router<S> {
        let is_prefix = prefix.starts_with('/') && !prefix.ends_with('/');
        assert!(is_prefix, "{prefix:?} is no prefix such as \"/notes\"");
        self.take_in(prefix, other)
    }

    fn take_in(mut self, prefix: &str, other: Router<S>) -> Router<S> {
        let Router {
            paths,
            routes,
            fallbacks,
            connect,
            options: _,
            refused,
            around,
            sockets,
            // The server gives it, to the whole of its routes.
            id_field: _,
        } = other;
        sockets.into_iter().for_each(|kind| self.add_sockets(kind));
        let base = self.routes.len() as u32;
        self.routes.extend(routes.into_iter().map(|route| Route {
            around: [&around[..], &route.around].concat(),
            ..route
        }));
        for path in paths.all {
            let refusing = path.refusing.or_else(|| refused.clone());
            let texts = match (&*path.text, prefix) {
                (text, "") => vec![text.to_owned()],
                ("/", prefix) => vec![prefix.to_owned(), format!("{prefix}/")],
                (text, prefix) => vec![format!("{prefix}{text}")],
            };
            for text in texts {
                let entry = self.paths.entry(&text);
                for (method, route) in &path.methods {
                    entry.add(method.clone(), base + route);
                }
                if let Some(any) = path.any {
                    let had = entry.any.replace(base + any);
                    assert!(had.is_none(), "route {text:?} has all methods already");
                }
                entry.refusing = entry.refusing.take().or_else(|| refusing.clone());
                entry.around = [&around[..], &path.around].concat();
            }
        }
        for (below, route) in fallbacks {
            self.add_fallback(format!("{prefix}{below}"), base + route);
        }
        if let Some(connect) = connect {
            let had = self.connect.replace(base + connect);
            assert!(had.is_none(), "CONNECT is given to a handler already");
        }
        self
    }

    fn add<H, F>(&mut self, options: RouteOptions, handler: H) -> u32
    where
        H: Handler<S> + Fn(Request<S>) -> F + Send + Sync + 'static,
        F: Future<Output: IntoResponse> + 'static,
    {
        let endpoint: Box<dyn Endpoint<S>> = match options.timeout {
            None => Box::new(Plain(handler)),
            Some(most) => Box::new(Timed { handler, most }),
        };
        self.add_route(endpoint, options, Vec::new())
    }

    fn add_route(
        &mut self,
        endpoint: Box<dyn Endpoint<S>>,
        options: RouteOptions,
        around: Arounds<S>,
    ) -> u32 {
        let route = self.routes.len() as u32;
        self.routes.push(Route {
            endpoint,
            options,
            around,
        });
        route
    }

    /// A route for an answer of the server's own.
    fn add_known(
        &mut self,
        around: &[Arc<dyn Around<S>>],
        make: impl Fn() -> Response + Send + Sync + 'static,
    ) -> u32 {
        let options = RouteOptions::new().ungated();
        self.add_route(Box::new(Known(make)), options, around.to_vec())
    }

    /// Whether a closure is around any answer.
    pub(super) fn has_around(&self) -> bool {
        !self.around.is_empty() || self.routes.iter().any(|route| !route.around.is_empty())
    }

    /// The router as a server has it: what is around all of it is around each of its routes, and answers that
    /// are known by themselves are routes if something is around them.
    pub(crate) fn sealed(mut self) -> Router<S> {
        let around = self.around.clone();
        for route in &mut self.routes {
            route.around = [&around[..], &route.around].concat();
        }
        let mut paths = std::mem::take(&mut self.paths.all);
        for path in &mut paths {
            let around = [&around[..], &path.around].concat();
            let allow = path.allow.clone();
            path.refused = match path.refusing.take().or_else(|| self.refused.clone()) {
                Some(inner) => {
                    let endpoint = Box::new(Refusing { inner, allow });
                    Some(self.add_route(endpoint, RouteOptions::new(), around))
                }
                None if around.is_empty() => None,
                None => Some(self.add_known(&around, move || {
                    not_allowed().with_header(ALLOW, allow.clone())
                })),
            };
        }
        self.paths.all = paths;
        if around.is_empty() {
            return self;
        }
        if !self.fallbacks.iter().any(|(prefix, _)| prefix.is_empty()) {
            let route = self.add_known(&around, not_found);
            self.add_fallback(String::new(), route);
        }
        if self.connect.is_none() {
            self.connect = Some(self.add_known(&around, no_tunnel));
        }
        let methods = self.paths.all_methods();
        let all = move || Response::new(StatusCode::NO_CONTENT).with_header(ALLOW, methods.clone());
        self.options = Some(self.add_known(&around, all));
        self
    }
}

impl<S> Router<S> {
    /// Where a request goes; finds the path's parameters.
    #[inline(always)] // For nearly every request the first arm is all of it.
    pub(super) fn find(&self, parts: &mut RequestParts) -> Routed {
        match self.paths.find_fixed(parts.head.path_bytes(&parts.bytes)) {
            Some(path) => self.routed(path, &parts.head.method),
            None => self.look_up(parts),
        }
    }

    #[inline(never)]
    fn look_up(&self, parts: &mut RequestParts) -> Routed {
        match parts.head.method {
            Method::CONNECT if parts.protocol.is_none() => {
                return self.found_or(self.connect, no_tunnel);
            }
            Method::OPTIONS if parts.head.path(&parts.bytes) == "*" => {
                return self.found_or(self.options, || {
                    let methods = self.paths.all_methods();
                    Response::new(StatusCode::NO_CONTENT).with_header(ALLOW, methods)
                });
            }
            _ => {}
        }
        match self.paths.find(parts) {
            Some(path) => self.routed(path, &parts.head.method),
            None => self.found_or(self.fallback_of(parts), not_found),
        }
    }

    /// The route of the longest prefix that the path of a request lies below.
    fn fallback_of(&self, parts: &RequestParts) -> Option<u32> {
        let (longest, route) = self.fallbacks.first()?;
        if longest.is_empty() {
            return Some(*route);
        }
        let path = parts.head.path(&parts.bytes);
        let below = |prefix: &str| {
            let rest = path.strip_prefix(prefix);
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        let mut fallbacks = self.fallbacks.iter();
        let found = fallbacks.find(|(prefix, _)| prefix.is_empty() || below(prefix));
        found.map(|(_, route)| *route)
    }

    #[inline(always)]
    fn routed(&self, path: &Path<S>, method: &Method) -> Routed {
        match path.find(method) {
            Some(route) => self.found(route),
            None => self.refuse(path),
        }
    }

    #[cold]
    fn refuse(&self, path: &Path<S>) -> Routed {
        let answer = || not_allowed().with_header(ALLOW, path.allow.clone());
        self.found_or(path.refused, answer)
    }

    fn found_or(&self, route: Option<u32>, answer: impl FnOnce() -> Response) -> Routed {
        match route {
            Some(route) => self.found(route),
            None => Routed::Answer(Box::new(answer())),
        }
    }

    #[inline]
    fn found(&self, route: u32) -> Routed {
        let gated = self.routes[route as usize].options.gated;
        Routed::Found { route, gated }
    }

    /// The name of a route in logs and metrics.
    pub(super) fn route_name(&self, route: u32) -> String {
        let name = self.route_names().into_iter().nth(route as usize);
        name.unwrap_or(FALLBACK.to_owned())
    }

    /// The names of all routes, by number.
    pub(super) fn route_names(&self) -> Vec<String> {
        let mut names = vec![FALLBACK.to_owned(); self.routes.len()];
        if let Some(route) = self.connect {
            names[route as usize] = Method::CONNECT.to_string();
        }
        // A route with several paths has the name of the first.
        for path in self.paths.all.iter().rev() {
            let any = path.any.map(|route| ("*", route));
            let methods = path.methods.iter();
            let methods = methods.map(|(method, route)| (method.as_str(), *route));
            for (method, route) in any.into_iter().chain(methods) {
                names[route as usize] = format!("{method} {}", path.text);
            }
        }
        names
    }
}

/// The name of the routes for what has no other one.
const FALLBACK: &str = "(fallback)";

#[cold]
fn not_found() -> Response {
    Response::error(StatusCode::NOT_FOUND, "nothing is served under this path")
}

#[cold]
fn not_allowed() -> Response {
    let reason = "this path does not answer to this method";
    Response::error(StatusCode::METHOD_NOT_ALLOWED, reason)
}

#[cold]
fn no_tunnel() -> Response {
    let reason = "this server carries no tunnel";
    Response::error(StatusCode::NOT_IMPLEMENTED, reason)
}

#[cfg(test)]
mod tests {
    use super::super::application::application;
    use super::super::parts::{HeadBytes, PlacedParts};
    use super::*;
    use crate::ServerHandle;
    use crate::http1::head::{HeadLimits, Progress, read_head_after};

    fn find(router: Router<()>, method: Method, path: &str) -> Routed {
        let app = application(&Arc::new(router.sealed()), (), &ServerHandle::alone());
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
            Routed::Found { .. } | Routed::TooSoon { .. } => None,
        }
    }

    async fn handler(_: Request) -> StatusCode {
        StatusCode::OK
    }

    const UNGATED: RouteOptions = RouteOptions::new().ungated();

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
                    Routed::Answer(_) | Routed::TooSoon { .. } => panic!("{path} has no route"),
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
