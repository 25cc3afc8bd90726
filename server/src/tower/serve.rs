//! A handler that is a service: one call for each request, on the core's own clone, and an answer of what
//! comes of it.
//!
//! A service is called once it is ready. If it is ready at once, as most always are, the core's clone stays
//! and is called again; one that has to wait goes along with its request, since whoever has asked for its
//! turn has to take it (a limit of concurrency would give it to nobody else), and the core makes another.

use super::answer::{BoxError, from_http_to};
use super::body::BodyHandle;
use super::per_core::{OfCore, Original};
use crate::handler::{Request, Response};
use http::{Extensions, Method, StatusCode};
use pin_project_lite::pin_project;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

/// A service that can be served: any [`tower_service::Service`] of an [`http::Request`] with a [`BodyHandle`] that
/// answers with an [`http::Response`], can be cloned, and may be cloned on each core. Nobody implements this
/// trait: it is short for those bounds.
pub trait Service:
    tower_service::Service<
        http::Request<BodyHandle>,
        Response = http::Response<<Self as Service>::Body>,
        Error: Into<BoxError>,
        Future: 'static,
    > + Clone
    + Send
    + 'static
{
    /// The body of its answers.
    type Body: http_body::Body<Error: Into<BoxError>> + 'static;
}

impl<V, B> Service for V
where
    V: tower_service::Service<http::Request<BodyHandle>, Response = http::Response<B>>,
    V: Clone + Send + 'static,
    V::Error: Into<BoxError>,
    V::Future: 'static,
    B: http_body::Body + 'static,
    B::Error: Into<BoxError>,
{
    type Body = B;
}

/// Makes a handler of a service, for [`Router::fallback`](crate::Router::fallback) and the like.
///
/// Each core has a clone of its own. An error of the service is a 500, and a line in the log; so is a panic.
pub fn handler<S, V>(service: V) -> impl Fn(Request<S>) -> Serve<V> + Send + Sync + 'static
where
    S: 'static,
    V: Service,
{
    handler_with(service, |_, _| {})
}

/// As [`handler`], with extensions of the request, which are read from the request as it came: its
/// [peer](Request::peer) (a system call), the [number of its core](Request::core), what the router's
/// state knows.
///
/// ```
/// # fn of<V: ringgate::tower::Service>(service: V) {
/// use ringgate::{Request, tower};
///
/// #[derive(Clone)]
/// struct Peer(std::net::SocketAddr);
///
/// let handler = tower::handler_with(service, |request: &Request, extensions| {
///     if let Some(peer) = request.peer() {
///         extensions.insert(Peer(peer));
///     }
/// });
/// # ringgate::Router::new().fallback(Default::default(), handler);
/// # }
/// ```
pub fn handler_with<S, V, E>(
    service: V,
    extend: E,
) -> impl Fn(Request<S>) -> Serve<V> + Send + Sync + 'static
where
    S: 'static,
    V: Service,
    E: Fn(&Request<S>, &mut Extensions) + Send + Sync + 'static,
{
    let original = Original::new(service);
    move |request| {
        // What polls and drops the answer's body is not the service's future.
        #[cfg(feature = "tokio-guests")]
        let _entered = crate::guests::enter();
        let mut extensions = Extensions::new();
        extend(&request, &mut extensions);
        let to_head = request.method() == Method::HEAD;
        let step = match request.into_http() {
            Ok(request) => {
                let (mut parts, body) = request.into_parts();
                // Beside those that were given to the request on its way.
                parts.extensions.extend(extensions);
                Step::Asked {
                    of_core: original.of_core(),
                    request: Some(http::Request::from_parts(parts, body.into())),
                    waiting: None,
                }
            }
            Err(refusal) => Step::Refused {
                answer: Some(Response::error(refusal.status, refusal.reason)),
            },
        };
        Serve { to_head, step }
    }
}

pin_project! {
    /// The answer of a service to one request. See [`handler`].
    #[must_use = "futures do nothing unless polled"]
    pub struct Serve<V: Service> {
        to_head: bool,
        #[pin]
        step: Step<V>,
    }
}

pin_project! {
    #[project = StepProjection]
    enum Step<V: Service> {
        Asked {
            of_core: Rc<OfCore<V>>,
            // None once the service has it.
            request: Option<http::Request<BodyHandle>>,
            // A service that was not ready.
            waiting: Option<V>,
        },
        Called {
            #[pin]
            future: V::Future,
        },
        Refused { answer: Option<Response> },
    }
}

const POLLED_ON: &str = "a future is not polled after it was ready";

impl<V: Service> Future for Serve<V> {
    type Output = Response;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Response> {
        let to_head = self.to_head;
        let mut step = self.project().step;
        let answered = loop {
            match step.as_mut().project() {
                StepProjection::Refused { answer } => {
                    return Poll::Ready(answer.take().expect(POLLED_ON));
                }
                StepProjection::Asked {
                    of_core,
                    request,
                    waiting,
                } => {
                    let called = ready!(poll_called(of_core, request, waiting, cx));
                    match called {
                        Ok(future) => step.set(Step::Called { future }),
                        Err(error) => break Err(error),
                    }
                }
                StepProjection::Called { future } => {
                    break ready!(future.poll(cx)).map_err(Into::into);
                }
            }
        };
        Poll::Ready(match answered {
            Ok(response) => from_http_to(to_head, response),
            Err(error) => failed(&error),
        })
    }
}

/// Calls a service as soon as it is ready.
fn poll_called<V: Service>(
    of_core: &OfCore<V>,
    request: &mut Option<http::Request<BodyHandle>>,
    waiting: &mut Option<V>,
    cx: &mut Context<'_>,
) -> Poll<Result<V::Future, BoxError>> {
    let waited = waiting.is_some();
    let Some(mut service) = waiting.take().or_else(|| of_core.take()) else {
        return Poll::Ready(Err("the router of this service is gone".into()));
    };
    match service.poll_ready(cx) {
        Poll::Pending => {
            *waiting = Some(service);
            Poll::Pending
        }
        // Not good for another call: it is dropped.
        Poll::Ready(Err(error)) => Poll::Ready(Err(error.into())),
        Poll::Ready(Ok(())) => {
            let future = service.call(request.take().expect(POLLED_ON));
            if !waited {
                of_core.put_back(service);
            }
            Poll::Ready(Ok(future))
        }
    }
}

#[cold]
fn failed(error: &BoxError) -> Response {
    tracing::error!(%error, "a service failed; its request is answered with 500");
    Response::error(
        StatusCode::INTERNAL_SERVER_ERROR,
        "the service of this path failed",
    )
}
