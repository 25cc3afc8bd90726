//! The options of a route: which requests pass the gate, how much they may bring, and how long they may take.

use ringgate_runtime::Priority;
use std::time::Duration;

/// The options of one route.
///
/// ```
/// use ringgate::{Request, RouteOptions, Router};
/// use std::time::Duration;
///
/// async fn import(mut request: Request) -> Result<String, ringgate::BodyError> {
///     let bytes = request.take_body().bytes().await?;
///     Ok(format!("{} bytes\n", bytes.len()))
/// }
///
/// let large = RouteOptions::new().any_body_size().timeout(Duration::from_secs(600));
/// let router = Router::<()>::new().route_with(large, http::Method::POST, "/import", import);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RouteOptions {
    /// Whether requests pass the gate; health checks do not.
    pub gated: bool,
    /// Whether its requests give their slot back as soon as they have to wait, as with
    /// [`Request::detach`](crate::Request::detach): for long polls and streams.
    pub detached: bool,
    /// Largest body in bytes: None for the server's `body_size`, `Some(None)` for any.
    pub body_size: Option<Option<u64>>,
    /// When the steps of its handlers, and of the bodies they stream, are run among those of others
    /// that are ready on the core. The first step runs when the request is admitted, whatever this
    /// says; what waits at the gate is ordered by the option `priority`.
    pub priority: Priority,
    /// How long the handler may take to return its answer: then it is dropped, and a 503 is the answer. None
    /// for as long as it likes. The body of an answer that streams is not timed.
    pub timeout: Option<Duration>,
    /// Whether the access log tells nothing of its requests.
    pub unlogged: bool,
}

impl Default for RouteOptions {
    fn default() -> RouteOptions {
        RouteOptions::new()
    }
}

impl RouteOptions {
    /// Options as a route has them that names none: gated, with the server's limit of bodies, of normal
    /// priority, without a time limit.
    pub const fn new() -> RouteOptions {
        RouteOptions {
            gated: true,
            detached: false,
            body_size: None,
            priority: Priority::Normal,
            timeout: None,
            unlogged: false,
        }
    }

    /// Lets requests pass by the gate.
    #[must_use]
    pub const fn ungated(mut self) -> RouteOptions {
        self.gated = false;
        self
    }

    /// Gives the slot of a request back as soon as its handler waits.
    ///
    /// ```
    /// use ringgate::{Request, RouteOptions, Router, http::Method};
    ///
    /// async fn wait(_: Request) -> &'static str {
    ///     ringgate::runtime::sleep(std::time::Duration::from_secs(60)).await;
    ///     "nothing new\n"
    /// }
    ///
    /// let long_poll = RouteOptions::new().detached();
    /// let router = Router::new().route_with(long_poll, Method::GET, "/poll", wait);
    /// ```
    #[must_use]
    pub const fn detached(mut self) -> RouteOptions {
        self.detached = true;
        self
    }

    /// Bounds the body of a request, in bytes.
    ///
    /// ```
    /// use ringgate::{Request, RouteOptions, Router, http::Method, testing};
    ///
    /// let small = RouteOptions::new().body_size(4);
    /// let read = async |request: Request| request.into_body().bytes().await;
    /// let router = Router::new().route_with(small, Method::POST, "/", read);
    /// let client = testing::client(router, ());
    /// assert_eq!(client.post("/").body("1234").send().status(), 200);
    /// assert_eq!(client.post("/").body("12345").send().status(), 413);
    /// ```
    #[must_use]
    pub const fn body_size(mut self, most: u64) -> RouteOptions {
        self.body_size = Some(Some(most));
        self
    }

    /// Takes bodies of any size.
    #[must_use]
    pub const fn any_body_size(mut self) -> RouteOptions {
        self.body_size = Some(None);
        self
    }

    /// Sets the class of the route's tasks.
    #[must_use]
    pub const fn priority(mut self, priority: Priority) -> RouteOptions {
        self.priority = priority;
        self
    }

    /// Bounds how long the handler may take to return its answer.
    ///
    /// ```
    /// use ringgate::{RouteOptions, Router, http::Method, runtime, testing};
    /// use std::time::Duration;
    ///
    /// let soon = RouteOptions::new().timeout(Duration::from_secs(2));
    /// let slow = async |_| runtime::sleep(Duration::from_secs(3600)).await;
    /// let router = Router::new().route_with(soon, Method::GET, "/", slow);
    /// assert_eq!(testing::client(router, ()).get("/").send().status(), 503);
    /// ```
    #[must_use]
    pub const fn timeout(mut self, most: Duration) -> RouteOptions {
        self.timeout = Some(most);
        self
    }

    /// Leaves the requests of the route out of the access log: for checks of health, which would fill it.
    ///
    /// ```
    /// use ringgate::{RouteOptions, Router, http::Method};
    ///
    /// let quiet = RouteOptions::new().ungated().unlogged();
    /// let router = Router::<()>::new().route_with(quiet, Method::GET, "/healthz", async |_| "ok\n");
    /// ```
    #[must_use]
    pub const fn unlogged(mut self) -> RouteOptions {
        self.unlogged = true;
        self
    }
}
