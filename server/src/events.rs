//! Events for many who wait: published on any core or thread, heard on all of them.
//!
//! A [`Hub`] keeps the newest events under growing ids, so that one who comes back with the last id it saw misses
//! nothing that is still kept. Waiting costs a place for a waker and nothing else. The application decides what an
//! event means and in which form it is sent; [`Hub::answer`] sends them as server-sent events (HTML standard,
//! section 9.2), whose form [`server_sent`] writes. A WebSocket follows a hub
//! ([`Socket::follow`](crate::handler::websocket::Socket::follow)) without a task of its own: each core hears of an
//! event once, for all that follow there, and each event is encoded once for all of them.

use crate::handler::{Body, Request, Response};
use crate::websocket::deflate::Deflater;
use crate::websocket::{Broadcast, Message};
use bytes::Bytes;
use futures_core::Stream;
use http::StatusCode;
use http::header::CACHE_CONTROL;
use ringgate_runtime::timeout;
use slab::Slab;
use std::collections::VecDeque;
use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

/// How long a stream of events says nothing.
const SILENCE_MAX: Duration = Duration::from_secs(15);

/// One event.
///
/// ```
/// use ringgate::events::Hub;
///
/// let hub = Hub::new(10);
/// hub.publish("rain");
/// let event = hub.subscribe(Some(0)).take().expect("an event that is kept");
/// assert_eq!((event.id, &event.data[..]), (1, &b"rain"[..]));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// Grows by one with each event of a hub; the first is 1.
    pub id: u64,
    /// The bytes that were published.
    pub data: Bytes,
}

/// An event that is kept, and its frames once somebody needed them.
#[derive(Debug)]
pub(crate) struct Published {
    event: Event,
    frames: OnceLock<Broadcast>,
}

impl Published {
    fn new(event: Event) -> Arc<Published> {
        let frames = OnceLock::new();
        Arc::new(Published { event, frames })
    }

    pub(crate) fn id(&self) -> u64 {
        self.event.id
    }

    /// The event as a message of a WebSocket: text if its bytes are UTF-8, else binary. Encoded once, with the
    /// compressor of whoever is first.
    pub(crate) fn frames(&self, deflater: &mut Deflater) -> &Broadcast {
        self.frames.get_or_init(|| {
            let bytes = &self.event.data[..];
            let text = std::str::from_utf8(bytes).map(Message::Text);
            Broadcast::new(text.unwrap_or(Message::Binary(bytes)), Some(deflater))
        })
    }
}

struct Inner {
    /// The newest, in order of their ids.
    kept: VecDeque<Arc<Published>>,
    /// The id of the newest event, 0 before the first.
    last: u64,
    closed: bool,
    waiting: Slab<Waker>,
    /// How often the places were emptied: a place of an earlier round is nobody's.
    round: u64,
}

struct Shared {
    keep: usize,
    inner: Mutex<Inner>,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Where events are published and heard. Clones are handles on the same hub.
#[derive(Clone)]
pub struct Hub(Arc<Shared>);

impl fmt::Debug for Hub {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let inner = self.0.lock();
        write!(
            f,
            "hub of {} events, {} wait",
            inner.last,
            inner.waiting.len()
        )
    }
}

impl Hub {
    /// A hub that keeps the newest `keep` events for those who come back.
    pub fn new(keep: usize) -> Hub {
        Hub(Arc::new(Shared {
            keep: keep.max(1),
            inner: Mutex::new(Inner {
                kept: VecDeque::new(),
                last: 0,
                closed: false,
                waiting: Slab::new(),
                round: 0,
            }),
        }))
    }

    /// Tells everybody who waits, on whatever core. Answers the event's id.
    ///
    /// ```
    /// use ringgate::events::Hub;
    ///
    /// let hub = Hub::new(10);
    /// let mut heard = hub.subscribe(None);
    /// assert_eq!(hub.publish("it rains"), 1);
    /// assert_eq!(heard.take().map(|event| event.data), Some("it rains".into()));
    /// assert_eq!(heard.take(), None);
    /// ```
    pub fn publish(&self, data: impl Into<Bytes>) -> u64 {
        let data = data.into();
        let mut inner = self.0.lock();
        inner.last += 1;
        let id = inner.last;
        if inner.kept.len() == self.0.keep {
            inner.kept.pop_front();
        }
        inner.kept.push_back(Published::new(Event { id, data }));
        self.wake(inner);
        id
    }

    /// Ends all subscriptions, now and from now on: for a server that is about to end.
    pub fn close(&self) {
        let mut inner = self.0.lock();
        inner.closed = true;
        self.wake(inner);
    }

    fn wake(&self, mut inner: MutexGuard<'_, Inner>) {
        inner.round += 1;
        let wakers: Vec<Waker> = inner.waiting.drain().collect();
        drop(inner);
        wakers.into_iter().for_each(Waker::wake);
    }

    /// Answers a request with the events of this hub as they come, as server-sent events (HTML standard, section
    /// 9.2): from now on, or for a client that comes back with `Last-Event-ID`, from there. A comment every 15 s
    /// keeps proxies from giving up on a stream that is silent. The request gives its slot at the gate back
    /// ([`Request::detach`]).
    ///
    /// ```
    /// use ringgate::events::Hub;
    /// use ringgate::{Request, Response, Router};
    ///
    /// async fn news(request: Request<Hub>) -> Response {
    ///     request.state().answer(&request)
    /// }
    ///
    /// let router = Router::new().get("/news", news);
    /// let hub = Hub::new(100);
    /// let client = ringgate::testing::client(router, hub.clone());
    /// let mut answer = client.get("/news").open();
    /// hub.publish("it rains");
    /// answer.wait_for("data: it rains\n\n");
    /// ```
    pub fn answer<S>(&self, request: &Request<S>) -> Response {
        request.detach();
        let last = request.header("last-event-id");
        let last = last.and_then(|id| std::str::from_utf8(id).ok()?.trim().parse().ok());
        let mut events = self.subscribe(last);
        let body = Body::writer(async move |mut out| {
            loop {
                match timeout(SILENCE_MAX, events.next()).await {
                    Ok(Some(event)) => out.write(server_sent(&event)).await,
                    Ok(None) => return Ok(()),
                    // The line alone: several clients take an empty one behind it for an event without data.
                    Err(_) => out.write(":\n").await,
                }
            }
        });
        Response::new(StatusCode::OK)
            .with_content_type("text/event-stream")
            .with_header(CACHE_CONTROL, "no-store")
            .with_body(body)
    }

    /// The id of the newest event, 0 before the first.
    pub fn last_id(&self) -> u64 {
        self.0.lock().last
    }

    /// Whether both are handles on the same hub.
    pub(crate) fn is(&self, other: &Hub) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// Appends the kept events that are newer than the newest of `recent`, and drops those that are kept no more.
    pub(crate) fn refresh(&self, recent: &mut VecDeque<Arc<Published>>) {
        let inner = self.0.lock();
        let Some(first) = inner.kept.front().map(|kept| kept.id()) else {
            return;
        };
        while recent.front().is_some_and(|known| known.id() < first) {
            recent.pop_front();
        }
        let newer = match recent.back() {
            None => 0,
            Some(newest) => (newest.id() + 1).saturating_sub(first) as usize,
        };
        recent.extend(inner.kept.iter().skip(newer).cloned());
    }

    /// The id behind which one begins to hear that has heard `after`, or nothing: as for [`Hub::subscribe`], but
    /// never before what is kept, for it has missed nothing that it was to hear.
    pub(crate) fn begin(&self, after: Option<u64>) -> u64 {
        let inner = self.0.lock();
        let first = inner.kept.front().map_or(inner.last + 1, |kept| kept.id());
        match after {
            None => inner.last,
            Some(after) if after > inner.last => first - 1,
            Some(after) => after.max(first - 1),
        }
    }

    /// How many wait now: subscriptions, and cores on which WebSockets follow.
    pub fn waiting(&self) -> usize {
        self.0.lock().waiting.len()
    }

    /// The events after the one with id `after`, as far as they are kept; None: those that are yet
    /// to come. An id that no event has yet is that of another hub, such as the one before a restart:
    /// whoever saw it has seen nothing of this one, and gets all that is kept.
    ///
    /// ```
    /// use ringgate::events::Hub;
    ///
    /// let hub = Hub::new(10);
    /// for text in ["one", "two", "three"] {
    ///     hub.publish(text);
    /// }
    /// let ids: Vec<u64> = {
    ///     let mut missed = hub.subscribe(Some(1));
    ///     std::iter::from_fn(|| missed.take()).map(|event| event.id).collect()
    /// };
    /// assert_eq!(ids, [2, 3]);
    /// ```
    pub fn subscribe(&self, after: Option<u64>) -> Subscription {
        let last = self.last_id();
        let after = match after {
            None => last,
            Some(after) if after > last => 0,
            Some(after) => after,
        };
        Subscription {
            hub: self.clone(),
            after,
            place: None,
        }
    }
}

/// Events one after the other, in order, each once: a stream that never ends by itself.
///
/// ```
/// use ringgate::events::{Event, Hub};
/// use ringgate::{Request, Router};
///
/// /// Answers with the next event, whenever it comes: a long poll.
/// async fn next(request: Request<Hub>) -> Option<Vec<u8>> {
///     let mut events = request.state().subscribe(None);
///     let Event { data, .. } = events.next().await?; // None: the hub is closed
///     Some(data.to_vec())
/// }
/// # let router = Router::new().get("/next", next);
/// ```
#[derive(Debug)]
pub struct Subscription {
    hub: Hub,
    after: u64,
    /// Where its waker is, and in which round.
    place: Option<(u64, usize)>,
}

impl Drop for Subscription {
    fn drop(&mut self) {
        if let Some((round, place)) = self.place.take() {
            let mut inner = self.hub.0.lock();
            let waker = (inner.round == round).then(|| inner.waiting.remove(place));
            drop(inner);
            drop(waker);
        }
    }
}

impl Subscription {
    /// Waits for the next event; None once the hub is closed.
    pub async fn next(&mut self) -> Option<Event> {
        std::future::poll_fn(|cx| self.poll(cx)).await
    }

    /// Takes the next event if there is one, without waiting.
    pub fn take(&mut self) -> Option<Event> {
        let event = next_after(&self.hub.0.lock(), self.after)?;
        self.after = event.id;
        Some(event)
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Event>> {
        let mut inner = self.hub.0.lock();
        let event = next_after(&inner, self.after);
        let place = self.place.take();
        let mine = place.filter(|(round, _)| *round == inner.round);
        if event.is_some() || inner.closed {
            if let Some((_, place)) = mine {
                inner.waiting.remove(place);
            }
            drop(inner);
            if let Some(event) = &event {
                self.after = event.id;
            }
            return Poll::Ready(event);
        }
        let place = match mine {
            Some((_, place)) => {
                inner.waiting[place].clone_from(cx.waker());
                place
            }
            None => inner.waiting.insert(cx.waker().clone()),
        };
        self.place = Some((inner.round, place));
        Poll::Pending
    }
}

fn next_after(inner: &Inner, after: u64) -> Option<Event> {
    let first = inner.kept.front()?.id();
    // One that asks for what is not kept any more gets what is.
    let index = (after + 1).saturating_sub(first);
    let published = inner.kept.get(usize::try_from(index).ok()?)?;
    Some(published.event.clone())
}

impl Stream for Subscription {
    type Item = Event;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Event>> {
        self.get_mut().poll(cx)
    }
}

/// An event as server-sent events have it: an id, the lines of its data, an empty line. Line ends
/// of any kind in the data begin a new line of it, so that no data can pose as another field.
///
/// ```
/// use ringgate::events::{Event, server_sent};
///
/// let event = Event { id: 7, data: "two\nlines".into() };
/// assert_eq!(server_sent(&event), b"id: 7\ndata: two\ndata: lines\n\n");
/// ```
pub fn server_sent(event: &Event) -> Vec<u8> {
    let mut text = format!("id: {}\n", event.id).into_bytes();
    let data = String::from_utf8_lossy(&event.data);
    let data = data.replace("\r\n", "\n").replace('\r', "\n");
    for line in data.split('\n') {
        text.extend_from_slice(b"data: ");
        text.extend_from_slice(line.as_bytes());
        text.push(b'\n');
    }
    text.push(b'\n');
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(subscription: &mut Subscription) -> Vec<u64> {
        std::iter::from_fn(|| subscription.take())
            .map(|event| event.id)
            .collect()
    }

    #[test]
    fn one_that_comes_back_gets_what_it_missed_in_order() {
        let hub = Hub::new(8);
        for word in ["a", "b", "c"] {
            hub.publish(word);
        }
        assert_eq!(ids(&mut hub.subscribe(Some(1))), [2, 3]);
        assert_eq!(ids(&mut hub.subscribe(Some(0))), [1, 2, 3]);
        assert_eq!(ids(&mut hub.subscribe(None)), [] as [u64; 0]);
        assert_eq!(ids(&mut hub.subscribe(Some(3))), [] as [u64; 0]);
    }

    #[test]
    fn one_that_comes_from_before_a_restart_misses_nothing_since() {
        let hub = Hub::new(8);
        let mut early = hub.subscribe(Some(500));
        hub.publish("a");
        assert_eq!(ids(&mut early), [1]);
        for of_another in [2, 500, u64::MAX] {
            assert_eq!(ids(&mut hub.subscribe(Some(of_another))), [1]);
        }
    }

    #[test]
    fn only_the_newest_are_kept() {
        let hub = Hub::new(2);
        for word in ["a", "b", "c", "d"] {
            hub.publish(word);
        }
        assert_eq!(ids(&mut hub.subscribe(Some(0))), [3, 4]);
    }

    #[test]
    fn a_waiter_has_one_place_however_often_it_is_polled_and_none_when_it_is_gone() {
        let hub = Hub::new(2);
        let mut cx = Context::from_waker(Waker::noop());
        let mut subscription = hub.subscribe(None);
        for _ in 0..3 {
            assert!(subscription.poll(&mut cx).is_pending());
        }
        assert_eq!(hub.waiting(), 1);
        hub.publish("x");
        assert_eq!(hub.waiting(), 0);
        assert!(
            matches!(subscription.poll(&mut cx), Poll::Ready(Some(event)) if event.data == "x")
        );
        assert!(subscription.poll(&mut cx).is_pending());
        drop(subscription);
        assert_eq!(hub.waiting(), 0);
        let mut last = hub.subscribe(None);
        hub.close();
        assert_eq!(last.poll(&mut cx), Poll::Ready(None));
    }

    #[test]
    fn what_keeps_a_silent_stream_ends_no_event() {
        let router = crate::Router::new().get("/news", async |request: Request<Hub>| {
            request.state().answer(&request)
        });
        let hub = Hub::new(2);
        let client = crate::testing::client(router, hub.clone());
        let mut answer = client.get("/news").open();
        hub.publish("one");
        answer.wait_for("data: one\n\n");
        client.advance(2 * SILENCE_MAX + Duration::from_secs(1));
        hub.publish("two");
        answer.wait_for("data: two\n\n");
        assert_eq!(
            answer.text(),
            "id: 1\ndata: one\n\n:\n:\nid: 2\ndata: two\n\n"
        );
    }

    #[test]
    fn no_data_can_pose_as_another_field() {
        let event = Event {
            id: 7,
            data: Bytes::from_static(b"one\r\nid: 9\rtwo\n"),
        };
        let text = String::from_utf8(server_sent(&event)).expect("text");
        assert_eq!(text, "id: 7\ndata: one\ndata: id: 9\ndata: two\ndata: \n\n");
    }
}
