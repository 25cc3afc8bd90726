//! A handler that is a service: one call for each request, on the core's own clone, and an answer of what
//! comes of it.
//!
//! A service is called once it is ready. If it is ready at once, as most always are, the core's clone stays
//! and is called again; one that has to wait goes along with its request, since whoever has asked for its
//! turn has to take it (a limit of concurrency would give it to nobody else), and the core makes another.

use super::answer::{BoxError, Kept};
use super::body::BodyHandle;
use super::per_core::{OfCore, Original};
use super::spare;
use super::upgrade::Offer;
use crate::handler::{Request, Response};
use crate::http1::refusal::Refusal;
use http::{Extensions, Method, StatusCode};
use pin_project_lite::pin_project;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker, ready};

/// A service that can be served: any [`tower_service::Service`] of an [`http::Request`] with a [`BodyHandle`] that
/// answers with an [`http::Response`], can be cloned, and may be cloned on each core. Nobody implements this
/// trait: it is short for those bounds.
///
/// ```
/// use ringgate::{Router, tower};
///
/// /// A router for any service that can be served, such as one of axum or of tonic.
/// fn router(service: impl tower::Service) -> Router {
///     tower::router(service)
/// }
///
/// let router = router(axum::Router::new());
/// ```
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
///
/// ```
/// use axum::routing::get;
/// use ringgate::{RouteOptions, Router, testing, tower};
///
/// let old = axum::Router::new().route("/old", get(async || "from axum"));
/// let router = Router::new()
///     .get("/new", |_| async { "from here" })
///     .fallback(RouteOptions::new(), tower::handler(old));
/// let client = testing::client(router, ());
/// assert_eq!(client.get("/old").send().text(), "from axum");
/// assert_eq!(client.get("/new").send().text(), "from here");
/// ```
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
        begin(original.of_core(), request, &extend)
    }
}

/// Makes the service's own request of what came.
#[inline]
fn fill<S, E>(
    made: &mut http::Request<BodyHandle>,
    mut request: Request<S>,
    extend: &E,
) -> Result<(), Refusal>
where
    E: Fn(&Request<S>, &mut Extensions),
{
    spare::swap(made.headers_mut());
    request.write_to(made)?;
    match made.extensions().is_empty() {
        true => extend(&request, made.extensions_mut()),
        // Beside those that were given to the request on its way.
        false => {
            let mut extensions = Extensions::new();
            extend(&request, &mut extensions);
            made.extensions_mut().extend(extensions);
        }
    }
    Ok(())
}

/// Calls the core's service at once, if it is ready.
#[inline]
fn begin<S, V, E>(
    of_core: Rc<OfCore<V, Kept<V::Body>>>,
    mut request: Request<S>,
    extend: &E,
) -> Serve<V>
where
    V: Service,
    E: Fn(&Request<S>, &mut Extensions),
{
    let Some(mut service) = of_core.take() else {
        return Serve::failed(of_core, &"the router of this service is gone".into());
    };
    // A service that is not ready is asked again, by its future, before anything can make it so.
    let ready = service.poll_ready(&mut Context::from_waker(Waker::noop()));
    if let Poll::Ready(Err(error)) = ready {
        // Not good for another call: it is dropped.
        return Serve::failed(of_core, &error.into());
    }
    let to_head = request.method() == Method::HEAD;
    let offers_upgrade = request.offers_upgrade();
    let protocol = request.protocol().map(str::to_owned);
    let mut made = http::Request::new(BodyHandle::from(request.take_body()));
    if let Err(refusal) = fill(&mut made, request, extend) {
        return Serve::refused(of_core, Response::error(refusal.status, refusal.reason));
    }
    let offer = match offers_upgrade {
        true => Offer::make(&mut made, protocol.as_deref()),
        false => None,
    };
    if ready.is_pending() {
        let asked = Some(Box::new((service, made)));
        return Serve {
            to_head,
            of_core,
            offer,
            step: Step::Waiting { asked },
        };
    }
    let future = service.call(made);
    of_core.put_back(service);
    Serve {
        to_head,
        of_core,
        offer,
        step: Step::Called { future },
    }
}

pin_project! {
    /// The answer of a service to one request. See [`handler`].
    ///
    /// ```
    /// use ringgate::{Request, Router, tower};
    ///
    /// let handler = tower::handler(axum::Router::new());
    /// let handler = move |request: Request| -> tower::Serve<_> { handler(request) };
    /// let router = Router::new().any("/app", handler);
    /// ```
    #[must_use = "futures do nothing unless polled"]
    pub struct Serve<V: Service> {
        to_head: bool,
        of_core: Rc<OfCore<V, Kept<V::Body>>>,
        // None unless the client asks for another protocol.
        offer: Option<Box<Offer>>,
        #[pin]
        step: Step<V>,
    }
}

/// A service that was not ready, and the request that goes with it.
type Asked<V> = Option<Box<(V, http::Request<BodyHandle>)>>;

pin_project! {
    #[project = StepProjection]
    enum Step<V: Service> {
        // None once the service is ready.
        Waiting { asked: Asked<V> },
        Called {
            #[pin]
            future: V::Future,
        },
        Refused { answer: Option<Response> },
    }
}

impl<V: Service> Serve<V> {
    #[cold]
    fn failed(of_core: Rc<OfCore<V, Kept<V::Body>>>, error: &BoxError) -> Serve<V> {
        Serve::refused(of_core, failed(error))
    }

    /// An answer without a call.
    #[cold]
    fn refused(of_core: Rc<OfCore<V, Kept<V::Body>>>, answer: Response) -> Serve<V> {
        let answer = Some(answer);
        Serve {
            to_head: false,
            of_core,
            offer: None,
            step: Step::Refused { answer },
        }
    }
}

const POLLED_ON: &str = "a future is not polled after it was ready";

impl<V: Service> Future for Serve<V> {
    type Output = Response;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Response> {
        let this = self.project();
        let mut step = this.step;
        let answered = loop {
            match step.as_mut().project() {
                StepProjection::Refused { answer } => {
                    return Poll::Ready(answer.take().expect(POLLED_ON));
                }
                StepProjection::Waiting { asked } => match ready!(poll_called(asked, cx)) {
                    Ok(future) => step.set(Step::Called { future }),
                    Err(error) => break Err(error),
                },
                StepProjection::Called { future } => {
                    break ready!(future.poll(cx)).map_err(Into::into);
                }
            }
        };
        Poll::Ready(match answered {
            Ok(response) => {
                let answer = this.of_core.kept.answer(*this.to_head, response);
                match this.offer.take() {
                    None => answer,
                    Some(offer) => (*offer).answered(answer),
                }
            }
            Err(error) => failed(&error),
        })
    }
}

/// Calls a service that waits as soon as it is ready.
fn poll_called<V: Service>(
    asked: &mut Asked<V>,
    cx: &mut Context<'_>,
) -> Poll<Result<V::Future, BoxError>> {
    let (service, _) = &mut **asked.as_mut().expect(POLLED_ON);
    if let Err(error) = ready!(service.poll_ready(cx)) {
        return Poll::Ready(Err(error.into()));
    }
    let (mut service, request) = *asked.take().expect(POLLED_ON);
    Poll::Ready(Ok(service.call(request)))
}

#[cold]
fn failed(error: &BoxError) -> Response {
    tracing::error!(%error, "a service failed; its request is answered with 500");
    Response::error(
        StatusCode::INTERNAL_SERVER_ERROR,
        "the service of this path failed",
    )
}
