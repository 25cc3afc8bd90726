//! Closures that an application puts around answers: they see each request on its way in and its answer on
//! its way out, those that the server gives itself among them.
//!
//! Given to [`Router::around`](super::Router::around), run for [`Application`]s whose router has any. A
//! closure is started as a handler is, in the task of the request; what it goes on to with [`Next::run`] lies
//! in a place of the core's arena, so that neither costs an allocation. Routers without any are not concerned.

use super::application::{Application, Called, PerCore, ReplyTo, RestoredSocket, Routed};
use super::endpoint;
use super::options::RouteOptions;
use super::parts::{PlacedParts, RequestParts};
use super::request::{Note, Request, note};
use super::response::{IntoResponse, Response};
use crate::connection::ExchangeKey;
use http::StatusCode;
use ringgate_runtime::Core;
use ringgate_runtime::task::{CatchUnwind, Nested, Panic, catch_panic, catch_unwind};
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};

/// Closures, the outermost first.
pub(super) type Arounds<S> = Vec<Arc<dyn Around<S>>>;

/// One closure, whatever the type of its future.
pub(super) trait Around<S>: Send + Sync {
    fn start(
        &self,
        core: &Core,
        request: Request<S>,
        next: Next<S>,
        reply: &ReplyTo<'_>,
        answer: &mut Option<Response>,
    ) -> Called;

    fn nest(&self, core: &Core, request: Request<S>, next: Next<S>) -> Nested<Response>;
}

/// A closure of the application.
pub(super) struct Closure<A>(pub(super) A);

impl<S, A, F> Around<S> for Closure<A>
where
    A: Fn(Request<S>, Next<S>) -> F + Send + Sync,
    F: Future<Output: IntoResponse> + 'static,
{
    fn start(
        &self,
        core: &Core,
        request: Request<S>,
        next: Next<S>,
        reply: &ReplyTo<'_>,
        answer: &mut Option<Response>,
    ) -> Called {
        endpoint::start(core, || (self.0)(request, next), reply, answer)
    }

    fn nest(&self, core: &Core, request: Request<S>, next: Next<S>) -> Nested<Response> {
        let future = (self.0)(request, next);
        core.nest(|| async move { future.await.into_response() })
    }
}

/// The rest of the way of a request: the closures further in, and then its handler, or the answer that the
/// server gives itself. Given to the closure of [`Router::around`](super::Router::around).
///
/// ```
/// use ringgate::{Next, Request, Response, Router, http::Method, http::StatusCode, testing};
///
/// /// Answers preflights itself, and lets everything else go on.
/// async fn shared(request: Request, next: Next) -> Response {
///     let answer = match *request.method() {
///         Method::OPTIONS => Response::new(StatusCode::NO_CONTENT),
///         _ => next.run(request).await,
///     };
///     answer.with_header("access-control-allow-origin", "*")
/// }
///
/// let router = Router::new().get("/", |_| async { "hello\n" }).around(shared);
/// let client = testing::client(router, ());
/// assert_eq!(client.request(Method::OPTIONS, "/").send().status(), 204);
/// assert_eq!(client.get("/").send().header("access-control-allow-origin"), Some("*"));
/// ```
pub struct Next<S = ()> {
    per_core: Rc<PerCore<S>>,
    /// Closures that have had their turn.
    depth: usize,
    end: End,
}

/// Where a request goes when every closure has had its turn.
enum End {
    Route(u32),
    /// The server has answered.
    Given(Box<Response>),
}

impl<S: 'static> Next<S> {
    /// Whether the server has answered by itself. A body that streams cannot take the place of its own.
    pub(crate) fn is_given(&self) -> bool {
        matches!(self.end, End::Given(_))
    }

    /// Lets the request go on, and returns the answer. A panic of the handler is the 500 that the client gets.
    ///
    /// The future may be dropped, or never be made: the handler then never ends, or never begins.
    pub fn run(mut self, request: Request<S>) -> Run {
        let who = request.who();
        let per_core = self.per_core.clone();
        let around = match &self.end {
            End::Route(route) => &per_core.router.routes[*route as usize].around,
            End::Given(_) => &per_core.router.around,
        };
        let core = ringgate_runtime::current();
        if let Some(around) = around.get(self.depth) {
            self.depth += 1;
            return Run(Step::Nested(around.nest(&core, request, self)));
        }
        match self.end {
            End::Given(response) => Run(Step::Given(Some(response))),
            End::Route(route) => {
                let endpoint = &per_core.router.routes[route as usize].endpoint;
                Run(match catch_panic(|| endpoint.nest(&core, request)) {
                    Ok(handler) => Step::Handler(catch_unwind(handler), who),
                    Err(panic) => Step::Given(Some(Box::new(failed(who, &panic)))),
                })
            }
        }
    }
}

impl<S> fmt::Debug for Next<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "what is behind {} closures", self.depth)
    }
}

/// The future of [`Next::run`]: the answer.
///
/// ```
/// use ringgate::handler::Run;
/// use ringgate::{Next, Request, Response, Router};
/// use std::time::Duration;
///
/// async fn patient(request: Request, next: Next) -> Response {
///     let run: Run = next.run(request);
///     let answer = ringgate::runtime::timeout(Duration::from_secs(5), run).await;
///     answer.unwrap_or_else(|_| Response::text("too slow\n"))
/// }
/// # let router = Router::<()>::new().around(patient);
/// ```
#[must_use = "futures do nothing unless polled"]
pub struct Run(Step);

enum Step {
    Nested(Nested<Response>),
    Handler(CatchUnwind<Nested<Response>>, (u32, ExchangeKey)),
    Given(Option<Box<Response>>),
}

impl Future for Run {
    type Output = Response;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Response> {
        match &mut self.0 {
            Step::Nested(around) => Pin::new(around).poll(cx),
            Step::Handler(handler, who) => {
                let answered = Pin::new(handler).poll(cx);
                answered.map(|answered| answered.unwrap_or_else(|panic| failed(*who, &panic)))
            }
            Step::Given(response) => {
                let response = response.take();
                Poll::Ready(*response.expect("a future is not polled after it was ready"))
            }
        }
    }
}

impl fmt::Debug for Run {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an answer to come")
    }
}

/// The answer in place of a handler that panicked; the engine counts the panic and logs it.
#[cold]
fn failed((core, request): (u32, ExchangeKey), panic: &Panic) -> Response {
    note(core, request, Note::Panicked(panic.message().to_owned()));
    Response::failed()
}

/// A router with closures around its answers, on one core.
pub(super) struct Layered<S>(pub(super) Rc<PerCore<S>>);

impl<S: 'static> Application for Layered<S> {
    fn route(&self, parts: &mut RequestParts) -> Routed {
        self.0.route(parts)
    }

    fn route_name(&self, route: u32) -> String {
        self.0.route_name(route)
    }

    fn route_names(&self) -> Vec<String> {
        self.0.route_names()
    }

    fn options(&self, route: u32) -> &RouteOptions {
        self.0.options(route)
    }

    fn name(&self, parts: &mut RequestParts) {
        if let Some(field) = &self.0.router.id_field {
            parts.named(field, self.0.names());
        }
    }

    fn restore(&self, name: &str, state: &[u8]) -> Option<RestoredSocket> {
        self.0.restore(name, state)
    }

    fn call(
        &self,
        core: &Core,
        route: u32,
        parts: PlacedParts,
        reply: &ReplyTo<'_>,
        answer: &mut Option<Response>,
    ) -> Called {
        let Some(first) = self.0.router.routes[route as usize].around.first() else {
            return self.0.call(core, route, parts, reply, answer);
        };
        let next = Next {
            per_core: self.0.clone(),
            depth: 1,
            end: End::Route(route),
        };
        first.start(core, self.0.request(parts), next, reply, answer)
    }

    fn sees_refusals(&self) -> bool {
        !self.0.router.around.is_empty()
    }

    /// Runs the closures up to where they first wait: an answer of the server's own is for a client that
    /// broke a rule, or for a server that is full, and waits for nobody. One that has not come through by
    /// then is sent as it is.
    fn refuse(&self, core: &Core, parts: PlacedParts, make: &dyn Fn() -> Response) -> Response {
        let next = Next {
            per_core: self.0.clone(),
            depth: 0,
            end: End::Given(Box::new(make())),
        };
        let request = self.0.request(parts);
        let mut seen = None;
        let begun = core.start_with(
            || next.run(request),
            |response| seen = Some(response),
            || |_: Result<Response, Panic>| (),
        );
        match begun {
            Ok(None) => {}
            Ok(Some(task)) => core.cancel_task(task),
            Err(panic) => tracing::error!(
                panic = panic.message(),
                "what is around the answers panicked; an answer of the server goes out as it is"
            ),
        }
        seen.unwrap_or_else(make)
    }
}

impl Response {
    /// The answer in place of a handler that panicked.
    #[cold]
    pub(crate) fn failed() -> Response {
        Response::error(
            StatusCode::INTERNAL_SERVER_ERROR,
            "the handler of this path failed",
        )
    }
}
