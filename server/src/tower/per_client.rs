//! A service that is made for the client of each request, called once it is made and ready. Called as any
//! other service is.

use super::answer::BoxError;
use super::body::BodyHandle;
use pin_project_lite::pin_project;
use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

/// The address of a request's client, on its way to [`PerClient`].
#[derive(Clone, Copy)]
pub(super) struct Client(pub(super) SocketAddr);

/// A service of a service that is called with the address of a client and makes one for it, such as what
/// axum's `into_make_service_with_connect_info` returns.
///
/// ```
/// use ringgate::tower::{App, PerClient, Service};
/// use std::net::SocketAddr;
///
/// /// The service that an application with addresses becomes.
/// fn service<M>(make: M) -> PerClient<M>
/// where
///     M: tower_service::Service<SocketAddr> + Clone + Send + 'static,
///     PerClient<M>: Service,
/// {
///     make.into_service()
/// }
///
/// let service = service(axum::Router::new().into_make_service_with_connect_info::<SocketAddr>());
/// # drop(service);
/// ```
#[derive(Clone)]
pub struct PerClient<M> {
    make: M,
}

impl<M> PerClient<M> {
    pub(super) fn new(make: M) -> PerClient<M> {
        PerClient { make }
    }
}

impl<M, V> tower_service::Service<http::Request<BodyHandle>> for PerClient<M>
where
    M: tower_service::Service<SocketAddr, Response = V>,
    M::Error: Into<BoxError>,
    V: tower_service::Service<http::Request<BodyHandle>>,
    V::Error: Into<BoxError>,
{
    type Response = V::Response;
    type Error = BoxError;
    type Future = MadeAndCalled<M::Future, V>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.make.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, mut request: http::Request<BodyHandle>) -> Self::Future {
        let client = request.extensions_mut().remove();
        let Client(client) = client.expect("whoever calls this service says for whom");
        let step = Step::Made {
            making: self.make.call(client),
            request: Some(request),
        };
        MadeAndCalled { step }
    }
}

pin_project! {
    /// The answer of a service that is made first.
    #[must_use = "futures do nothing unless polled"]
    pub struct MadeAndCalled<F, V: tower_service::Service<http::Request<BodyHandle>>> {
        #[pin]
        step: Step<F, V>,
    }
}

pin_project! {
    #[project = StepProjection]
    enum Step<F, V: tower_service::Service<http::Request<BodyHandle>>> {
        Made {
            #[pin]
            making: F,
            request: Option<http::Request<BodyHandle>>,
        },
        // The service may have to wait until it is ready.
        Readied {
            service: V,
            request: Option<http::Request<BodyHandle>>,
        },
        Called {
            #[pin]
            future: V::Future,
        },
    }
}

const POLLED_ON: &str = "a future is not polled after it was ready";

impl<F, V, E> Future for MadeAndCalled<F, V>
where
    F: Future<Output = Result<V, E>>,
    E: Into<BoxError>,
    V: tower_service::Service<http::Request<BodyHandle>>,
    V::Error: Into<BoxError>,
{
    type Output = Result<V::Response, BoxError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut step = self.project().step;
        loop {
            let next = match step.as_mut().project() {
                StepProjection::Made { making, request } => {
                    let service = ready!(making.poll(cx)).map_err(Into::into)?;
                    Step::Readied {
                        service,
                        request: request.take(),
                    }
                }
                StepProjection::Readied { service, request } => {
                    ready!(service.poll_ready(cx)).map_err(Into::into)?;
                    let future = service.call(request.take().expect(POLLED_ON));
                    Step::Called { future }
                }
                StepProjection::Called { future } => return future.poll(cx).map_err(Into::into),
            };
            step.set(next);
        }
    }
}
