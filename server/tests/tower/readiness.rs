//! Services that are not always ready: who has asked for a turn gets it.

use crate::common::{config, start_with, wait_for};
use crate::support::{Answer, text};
use bytes::Bytes;
use http_body_util::combinators::UnsyncBoxBody;
use ringgate::tower::{self, BodyHandle};
use ringgate::{RouteOptions, Router};
use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll, Waker};
use tokio::sync::Semaphore;

type BoxError = crate::support::BoxError;

/// The one turn there is, and who waits for it, in order.
#[derive(Default)]
struct Turns {
    taken_by: Option<u64>,
    waiting: VecDeque<(u64, Waker)>,
    asked: u64,
}

/// One call at a time. The turn is given to the clone that asked first, and to no other: as a semaphore
/// that is fair does.
struct OneAtATime {
    turns: Arc<Mutex<Turns>>,
    /// Slow calls that may end.
    go: Arc<Semaphore>,
    /// The name under which this clone has asked.
    me: Option<u64>,
}

/// Ends the turn of a call.
struct Turn(Arc<Mutex<Turns>>);

fn of(turns: &Mutex<Turns>) -> MutexGuard<'_, Turns> {
    turns.lock().expect("no panic")
}

fn pass_on(turns: &Mutex<Turns>) {
    let mut turns = of(turns);
    let next = turns.waiting.pop_front();
    turns.taken_by = next.as_ref().map(|(who, _)| *who);
    drop(turns);
    if let Some((_, waker)) = next {
        waker.wake();
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        pass_on(&self.0);
    }
}

impl Clone for OneAtATime {
    fn clone(&self) -> OneAtATime {
        OneAtATime {
            turns: self.turns.clone(),
            go: self.go.clone(),
            me: None,
        }
    }
}

impl Drop for OneAtATime {
    fn drop(&mut self) {
        let Some(me) = self.me else { return };
        let mut turns = of(&self.turns);
        turns.waiting.retain(|(who, _)| *who != me);
        let had = turns.taken_by == Some(me);
        drop(turns);
        if had {
            pass_on(&self.turns);
        }
    }
}

impl tower_service::Service<http::Request<BodyHandle>> for OneAtATime {
    type Response = http::Response<UnsyncBoxBody<Bytes, BoxError>>;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Answer> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        let mut turns = of(&self.turns);
        let Some(me) = self.me else {
            turns.asked += 1;
            let me = turns.asked;
            self.me = Some(me);
            if turns.taken_by.is_none() {
                turns.taken_by = Some(me);
                return Poll::Ready(Ok(()));
            }
            turns.waiting.push_back((me, cx.waker().clone()));
            return Poll::Pending;
        };
        if turns.taken_by == Some(me) {
            return Poll::Ready(Ok(()));
        }
        // The waker of the last call is the one that counts.
        let place = turns.waiting.iter_mut().find(|(who, _)| *who == me);
        let (_, waker) = place.expect("it is there until it is its turn");
        waker.clone_from(cx.waker());
        Poll::Pending
    }

    fn call(&mut self, request: http::Request<BodyHandle>) -> Self::Future {
        let me = self.me.take().expect("called when it is ready");
        assert_eq!(of(&self.turns).taken_by, Some(me));
        let (turn, go) = (Turn(self.turns.clone()), self.go.clone());
        Box::pin(async move {
            let _turn = turn;
            if request.uri().path() == "/slow" {
                go.acquire().await.expect("open").forget();
            }
            text("done")
        })
    }
}

#[test]
fn a_service_that_has_asked_for_its_turn_takes_it_with_its_own_request() {
    let turns = Arc::<Mutex<Turns>>::default();
    let go = Arc::new(Semaphore::new(0));
    let service = OneAtATime {
        turns: turns.clone(),
        go: go.clone(),
        me: None,
    };
    let router = Router::new().fallback(RouteOptions::default(), tower::handler(service));
    let server = start_with(config(), router, |_| ());
    let mut clients: Vec<_> = (0..6).map(|_| server.connect()).collect();
    for client in &mut clients {
        client.send("GET /slow HTTP/1.1\r\nHost: t\r\n\r\n");
    }
    // One that gives up while it waits holds nobody up.
    let last = clients.pop().expect("six");
    wait_for("it waits", || of(&turns).waiting.len() == 5);
    last.reset_when_dropped();
    drop(last);
    wait_for("it is gone", || of(&turns).waiting.len() == 4);
    go.add_permits(5);
    for client in &mut clients {
        assert_eq!(client.answer().text(), "done");
    }
    assert_eq!(server.get("/").text(), "done");
    let turns = of(&turns);
    assert!(turns.taken_by.is_none() && turns.waiting.is_empty());
}
