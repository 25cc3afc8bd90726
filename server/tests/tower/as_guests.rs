//! Services that use tokio: in their calls, in their futures, and in the bodies that they answer with.

use crate::common::{config, start_with};
use crate::support::{BoxError, answer, boxed, service};
use bytes::Bytes;
use http_body::{Body, Frame};
use ringgate::tower::{self, BodyHandle};
use ringgate::{RouteOptions, Router};
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::time::{Sleep, sleep};

const PAUSE: Duration = Duration::from_millis(5);

/// Pieces with a pause of tokio's clock before each; the first pause is made when it is first polled.
struct Paced {
    left: u32,
    pause: Option<Pin<Box<Sleep>>>,
}

impl Body for Paced {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        if self.left == 0 {
            return Poll::Ready(None);
        }
        let pause = self.pause.get_or_insert_with(|| Box::pin(sleep(PAUSE)));
        ready!(pause.as_mut().poll(cx));
        self.left -= 1;
        self.pause = None;
        Poll::Ready(Some(Ok(Frame::data(Bytes::from("tick\n")))))
    }
}

#[test]
fn a_service_its_future_and_its_body_find_tokio_around_them() {
    let guest = service(|request: http::Request<BodyHandle>| {
        // Within the call, before there is a future.
        let spawned = tokio::spawn(sleep(PAUSE));
        async move {
            spawned.await.map_err(BoxError::from)?;
            let in_time = tokio::time::timeout(PAUSE, std::future::pending::<()>());
            assert!(in_time.await.is_err());
            let left = request.uri().path()[1..].parse().map_err(BoxError::from)?;
            let paced = Paced { left, pause: None };
            answer(boxed(paced))
        }
    });
    let router = Router::new().fallback(RouteOptions::default(), tower::handler(guest));
    let server = start_with(config(), router, |_| ());
    let mut client = server.connect();
    for ticks in [3, 0, 1] {
        let answered = client.get(&format!("/{ticks}"));
        assert_eq!(answered.text(), "tick\n".repeat(ticks));
    }
}
