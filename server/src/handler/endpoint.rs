//! The end of a route, whatever the type of its handler: started as a task of its own, or inside the future
//! of what is [around](super::around) it.

use super::application::{Called, ReplyTo};
use super::request::Request;
use super::response::{IntoResponse, Response};
use http::header::ALLOW;
use http::{HeaderValue, StatusCode};
use ringgate_runtime::Core;
use ringgate_runtime::task::{Nested, Panic};
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

/// A handler: a function or closure from a [`Request`] to a future of an answer, such as an `async fn`.
///
/// Implemented for all of them, and for nothing else: the trait is there so that the compiler says what a handler is.
///
/// ```
/// use ringgate::{Handler, Request, Router};
///
/// async fn hello(request: Request) -> String {
///     format!("hello, {}\n", request.param("name").unwrap_or("you"))
/// }
///
/// fn is_handler<H: Handler<()>>(_: &H) {}
/// is_handler(&hello);
/// let router = Router::new().get("/hello/{name}", hello);
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no handler of a router with the state `{S}`",
    label = "this is no handler",
    note = "a handler is an `async fn(Request<{S}>) -> A`, where `A` implements `ringgate::IntoResponse`",
    note = "the state of its `Request` is that of the `Router`; it is `Send`, `Sync` and `'static`, its future need not be",
    note = "values are taken out of the request inside: `let Json(note): Json<Note> = request.extract().await?`"
)]
pub trait Handler<S> {}

impl<S, H, F> Handler<S> for H
where
    H: Fn(Request<S>) -> F,
    F: Future<Output: IntoResponse>,
{
}

pub(super) trait Endpoint<S>: Send + Sync {
    /// Runs up to where it first waits.
    fn start(
        &self,
        core: &Core,
        request: Request<S>,
        reply: &ReplyTo<'_>,
        answer: &mut Option<Response>,
    ) -> Called;

    /// The same as a future for another one to hold. A panic of it is the other one's.
    fn nest(&self, core: &Core, request: Request<S>) -> Nested<Response>;
}

/// Makes a future, and runs it up to where it first waits.
#[inline]
pub(super) fn start<F>(
    core: &Core,
    make: impl FnOnce() -> F,
    reply: &ReplyTo<'_>,
    answer: &mut Option<Response>,
) -> Called
where
    F: Future<Output: IntoResponse> + 'static,
{
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
}

/// A handler of the application.
pub(super) struct Plain<H>(pub(super) H);

impl<S, H, F> Endpoint<S> for Plain<H>
where
    H: Fn(Request<S>) -> F + Send + Sync,
    F: Future<Output: IntoResponse> + 'static,
{
    #[inline]
    fn start(
        &self,
        core: &Core,
        request: Request<S>,
        reply: &ReplyTo<'_>,
        answer: &mut Option<Response>,
    ) -> Called {
        start(core, || (self.0)(request), reply, answer)
    }

    fn nest(&self, core: &Core, request: Request<S>) -> Nested<Response> {
        let future = (self.0)(request);
        core.nest(|| async move { future.await.into_response() })
    }
}

/// A handler that may not take for ever.
pub(super) struct Timed<H> {
    pub(super) handler: H,
    pub(super) most: Duration,
}

impl<H> Timed<H> {
    fn future<S, F>(&self, request: Request<S>) -> impl Future<Output = Response> + use<S, F, H>
    where
        H: Fn(Request<S>) -> F,
        F: Future<Output: IntoResponse>,
    {
        let limited = ringgate_runtime::timeout(self.most, (self.handler)(request));
        async move {
            match limited.await {
                Ok(answer) => answer.into_response(),
                Err(_) => {
                    let reason = "the handler of this path took too long";
                    Response::error(StatusCode::SERVICE_UNAVAILABLE, reason)
                }
            }
        }
    }
}

impl<S: 'static, H, F> Endpoint<S> for Timed<H>
where
    H: Fn(Request<S>) -> F + Send + Sync + 'static,
    F: Future<Output: IntoResponse> + 'static,
{
    fn start(
        &self,
        core: &Core,
        request: Request<S>,
        reply: &ReplyTo<'_>,
        answer: &mut Option<Response>,
    ) -> Called {
        start(core, || self.future(request), reply, answer)
    }

    fn nest(&self, core: &Core, request: Request<S>) -> Nested<Response> {
        core.nest(|| self.future(request))
    }
}

/// An answer that is known before the request comes.
pub(super) struct Known<M>(pub(super) M);

impl<S, M: Fn() -> Response + Send + Sync> Endpoint<S> for Known<M> {
    fn start(
        &self,
        _: &Core,
        _: Request<S>,
        _: &ReplyTo<'_>,
        answer: &mut Option<Response>,
    ) -> Called {
        *answer = Some((self.0)());
        Called::Answered
    }

    fn nest(&self, core: &Core, _: Request<S>) -> Nested<Response> {
        core.nest(|| std::future::ready((self.0)()))
    }
}

/// The application's own answer to a method that a path has no route for, with the methods that it has
/// (RFC 9110 section 15.5.6).
pub(super) struct Refusing<S> {
    pub(super) inner: Arc<dyn Endpoint<S>>,
    pub(super) allow: HeaderValue,
}

impl<S: 'static> Refusing<S> {
    fn future(&self, core: &Core, request: Request<S>) -> impl Future<Output = Response> + use<S> {
        let inner = self.inner.nest(core, request);
        let allow = self.allow.clone();
        async move {
            let answer = inner.await;
            let says = |(name, _): &(_, _)| *name == ALLOW;
            match answer.status() == StatusCode::METHOD_NOT_ALLOWED
                && !answer.headers().iter().any(says)
            {
                true => answer.with_header(ALLOW, allow),
                false => answer,
            }
        }
    }
}

impl<S: 'static> Endpoint<S> for Refusing<S> {
    fn start(
        &self,
        core: &Core,
        request: Request<S>,
        reply: &ReplyTo<'_>,
        answer: &mut Option<Response>,
    ) -> Called {
        start(core, || self.future(core, request), reply, answer)
    }

    fn nest(&self, core: &Core, request: Request<S>) -> Nested<Response> {
        core.nest(|| self.future(core, request))
    }
}
