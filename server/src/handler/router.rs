//! Routes as an application writes them down, put together, nested and closed over by what is around them.
//!
//! Filled by the program, made ready once by [`Router::sealed`] when the server starts, and asked by
//! [`super::application`] from then on. Where a request goes is in `find.rs`, how a path is found in `routes.rs`.

use super::around::{Around, Arounds, Closure, Next};
use super::endpoint::{Endpoint, Handler, Known, Plain, Refusing, Timed};
use super::fallbacks::Fallbacks;
use super::find::{no_tunnel, not_allowed, not_found};
use super::options::RouteOptions;
use super::request::Request;
use super::response::{Body, IntoResponse, Response};
use super::routes::Paths;
use super::segments;
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

/// Routes with path parameters: `/bytes/{n}`, `/files/{*path}` (the syntax is matchit's; `{{` and `}}` are the braces
/// themselves). `S` is the state that `init` makes for each core.
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
    /// Routes for all that is under none of the paths.
    pub(super) fallbacks: Fallbacks,
    /// The route of every CONNECT.
    pub(super) connect: Option<u32>,
    /// The route of `OPTIONS *`, if its answer is not just known.
    pub(super) options: Option<u32>,
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
            fallbacks: Fallbacks::default(),
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
    /// If the path is malformed, can be the path of no request (`notes`, `/notes?all`, `/a/../b`) or conflicts with
    /// another, or already has this method: a mistake of the program, found at start.
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
    /// is under its prefix, with the parameters that the prefix has.
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
        self.fallbacks.add("", route);
        self
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
    /// If the prefix does not begin with a slash, ends with one or has a parameter that takes the rest of the path
    /// (`{*rest}`), and as [`Router::merge`].
    #[must_use]
    pub fn nest(self, prefix: &str, other: Router<S>) -> Router<S> {
        let is_prefix = prefix.starts_with('/') && !prefix.ends_with('/');
        assert!(is_prefix, "{prefix:?} is no prefix such as \"/notes\"");
        segments::check_prefix(prefix);
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
        for (below, route) in fallbacks.all() {
            self.fallbacks
                .add(&format!("{prefix}{below}"), base + route);
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
        if !self.fallbacks.are_for_all() {
            let route = self.add_known(&around, not_found);
            self.fallbacks.add("", route);
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
