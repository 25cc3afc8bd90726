//! Services made of functions, and bodies made of frames. Their futures and bodies are `Send`, as those of
//! the libraries are for whose sake the handle on a request's body is.

use bytes::Bytes;
use http_body::{Body, Frame};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full};
use ringgate::tower::BodyHandle;
use std::error::Error;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

pub(crate) type BoxError = Box<dyn Error + Send + Sync>;
pub(crate) type Answer = Result<http::Response<UnsyncBoxBody<Bytes, BoxError>>, BoxError>;

/// A service that is always ready.
#[derive(Clone)]
pub(crate) struct ByFunction<F>(F);

pub(crate) fn service<F, A>(function: F) -> ByFunction<F>
where
    F: Fn(http::Request<BodyHandle>) -> A + Clone + Send + 'static,
    A: Future<Output = Answer> + Send + 'static,
{
    ByFunction(function)
}

impl<F, A> tower_service::Service<http::Request<BodyHandle>> for ByFunction<F>
where
    F: Fn(http::Request<BodyHandle>) -> A,
    A: Future<Output = Answer> + Send + 'static,
{
    type Response = http::Response<UnsyncBoxBody<Bytes, BoxError>>;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Answer> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<BodyHandle>) -> Self::Future {
        Box::pin((self.0)(request))
    }
}

/// Any body, its type forgotten.
pub(crate) fn boxed<B>(body: B) -> UnsyncBoxBody<Bytes, BoxError>
where
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    body.map_err(Into::into).boxed_unsync()
}

/// 200 with this text.
pub(crate) fn text(text: impl Into<Bytes>) -> Answer {
    answer(boxed(Full::new(text.into())))
}

/// 200 with this body.
pub(crate) fn answer(body: UnsyncBoxBody<Bytes, BoxError>) -> Answer {
    Ok(http::Response::new(body))
}

/// A body that says nothing of its length and never that it has ended.
pub(crate) struct Frames<I>(pub(crate) I);

impl<I> Body for Frames<I>
where
    I: Iterator<Item = Result<Frame<Bytes>, BoxError>> + Unpin,
{
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        Poll::Ready(self.0.next())
    }
}
