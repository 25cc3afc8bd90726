//! Accepts for the coordinator's own listeners: each connection is a task, their number is bounded, and
//! every wait for a peer has an end.
//!
//! Called by [`super::server`] and [`super::scrape`], which say what a connection does. Not for the
//! server's own connections, which are accepted, admitted and counted by the cores.
//!
//! A peer that drips a byte now and then gets no more time than one that says nothing: a deadline is set
//! where the wait for something whole begins, and no byte moves it. When all places are taken a newcomer
//! gets the place of the peer that has kept the server waiting longest; only peers that are being
//! answered stay, and of those whose answer takes long only who may still be there. So nobody who comes with a
//! question is kept out by those who ask none, or have gone.

use crate::connection::AcceptError;
use crate::observe::log::RateLimit;
use ringgate_runtime::net::{Listener, Stream};
use ringgate_runtime::time::{sleep, timeout};
use ringgate_runtime::{Descriptor, Errno, Lease, Moment, current};
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::future::{Future, poll_fn};
use std::io;
use std::pin::pin;
use std::rc::Rc;
use std::task::{Poll, Waker};
use std::time::Duration;

/// Connections of one listener at a time.
pub(super) const CONNECTIONS_MAX: usize = 64;
/// How long to wait when the process is out of descriptors or memory.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// How long a newcomer that is turned away may take to take the word for it: its socket is empty, so the
/// kernel takes it at once.
const REFUSAL_PATIENCE: Duration = Duration::from_millis(100);
/// How long a peer may take to say the whole of what it wants, or to take the whole of its answer.
pub(super) const PEER_PATIENCE: Duration = Duration::from_secs(10);

/// One of the open connections.
#[derive(Default)]
struct Place {
    /// Since when a newcomer may have the place: the server waits for this peer to speak, or the peer has ended its
    /// side while it is being answered, and may be gone. None while it is being answered otherwise.
    free_from: Cell<Option<Moment>>,
    /// A newcomer has got the place.
    sent_away: Cell<bool>,
    waker: RefCell<Option<Waker>>,
}

/// All open connections of a listener.
#[derive(Clone, Default)]
struct Room(Rc<RefCell<VecDeque<Rc<Place>>>>);

impl Room {
    /// A place, if need be the one that a newcomer may have for longest. None while all are being answered.
    fn take(&self) -> Option<Rc<Place>> {
        let mut places = self.0.borrow_mut();
        if places.len() >= CONNECTIONS_MAX {
            let waiting = places.iter().enumerate();
            let waiting = waiting.filter_map(|(at, place)| Some((place.free_from.get()?, at)));
            let (_, longest) = waiting.min()?;
            let place = places.remove(longest)?;
            place.sent_away.set(true);
            if let Some(waker) = place.waker.take() {
                waker.wake();
            }
        }
        let place = Rc::<Place>::default();
        places.push_back(place.clone());
        Some(place)
    }

    fn leave(&self, place: &Rc<Place>) {
        self.0
            .borrow_mut()
            .retain(|other| !Rc::ptr_eq(other, place));
    }
}

/// A connection to whoever asks something.
pub(super) struct Peer<F> {
    pub(super) stream: Stream<F>,
    place: Rc<Place>,
    room: Room,
}

impl<F> Drop for Peer<F> {
    fn drop(&mut self) {
        self.room.leave(&self.place);
    }
}

impl<F> Peer<F> {
    /// The next bytes; None when the peer has ended or failed, is not done `until` then, or has lost its
    /// place to a newcomer.
    pub(super) async fn receive(&mut self, until: Moment) -> Option<Lease> {
        let (reader, place) = (self.stream.split_mut().0, &self.place);
        let received = poll_fn(|cx| {
            if place.sent_away.get() {
                return Poll::Ready(None);
            }
            place.waker.replace(Some(cx.waker().clone()));
            let received = reader.poll_receive(cx);
            received.map(|received| received.ok().flatten())
        });
        let now = current().now();
        if place.free_from.get().is_none() {
            place.free_from.set(Some(now));
        }
        timeout(until.since(now), received).await.ok().flatten()
    }

    /// Notes that the peer's words are whole: the peer keeps its place until more is asked of it.
    pub(super) fn is_heard(&self) {
        self.place.free_from.set(None);
    }

    /// The result of `answer`, which may take long. Bytes that the peer sends meanwhile go to the end of `unread`, `most`
    /// bytes in all. A peer that has ended its side, or says more than that, gives its place to a newcomer who
    /// needs one: the result is None then. It cannot be told here whether a peer that has ended still reads.
    pub(super) async fn answered<T>(
        &mut self,
        unread: &mut Vec<u8>,
        most: usize,
        answer: impl Future<Output = T>,
    ) -> Option<T> {
        let (reader, place) = (self.stream.split_mut().0, &self.place);
        let mut answer = pin!(answer);
        let answered = poll_fn(|cx| {
            if let Poll::Ready(answer) = answer.as_mut().poll(cx) {
                return Poll::Ready(Some(answer));
            }
            if place.sent_away.get() {
                return Poll::Ready(None);
            }
            place.waker.replace(Some(cx.waker().clone()));
            while place.free_from.get().is_none()
                && let Poll::Ready(received) = reader.poll_receive(cx)
            {
                let said = received.ok().flatten();
                unread.extend_from_slice(said.as_deref().unwrap_or_default());
                if said.is_none() || unread.len() >= most {
                    place.free_from.set(Some(current().now()));
                }
            }
            Poll::Pending
        });
        let answered = answered.await;
        place.free_from.set(None);
        answered
    }

    /// Sends; returns whether all of it went out in time.
    pub(super) async fn send(&mut self, bytes: Vec<u8>) -> bool {
        send_within(PEER_PATIENCE, &mut self.stream, bytes).await
    }
}

/// When a wait for a peer that begins now ends.
pub(super) fn deadline() -> Moment {
    current().now() + PEER_PATIENCE
}

async fn send_within<F>(most: Duration, stream: &mut Stream<F>, bytes: Vec<u8>) -> bool {
    let sent = timeout(most, stream.write_all(bytes)).await;
    matches!(sent, Ok(Ok(())))
}

/// Accepts on `listener` for as long as the core lives. `refusal` is what a newcomer is told when every
/// place is taken by a peer that is being answered.
pub(super) async fn serve<F, T>(
    listener: impl Into<Descriptor>,
    what: &'static str,
    refusal: impl Fn() -> Vec<u8>,
    connection: impl Fn(Peer<F>) -> T,
) where
    F: 'static,
    T: Future<Output = ()> + 'static,
{
    let core = current();
    let listener = Listener::<F>::from_descriptor(listener.into());
    let room = Room::default();
    let log = RateLimit::new();
    loop {
        match listener.accept().await {
            Ok(mut stream) => match room.take() {
                Some(place) => {
                    let room = room.clone();
                    core.spawn(connection(Peer {
                        stream,
                        place,
                        room,
                    }));
                }
                None => {
                    let now = core.now().as_nanos();
                    crate::observe::log::limited!(
                        log,
                        now,
                        warn,
                        "places",
                        what,
                        "a peer was turned away: as many as there may be are being answered"
                    );
                    send_within(REFUSAL_PATIENCE, &mut stream, refusal()).await;
                }
            },
            Err(error) if is_of_one_connection(&error) => {}
            Err(error) => {
                crate::observe::log::limited!(
                    log,
                    core.now().as_nanos(),
                    warn,
                    "accept",
                    what,
                    %error,
                    "cannot accept; raise the limit of open files (LimitNOFILE= in the unit)"
                );
                sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// Whether a failed accept says nothing about the next.
fn is_of_one_connection(error: &io::Error) -> bool {
    let errno = error.raw_os_error().map(Errno);
    errno.is_some_and(|errno| AcceptError::of(errno) == AcceptError::Connection)
}

#[cfg(test)]
mod tests {
    use super::super::stage::Stage;
    use super::*;
    use ringgate_runtime::driver::simulated::{Action, Client};
    use ringgate_runtime::net::Tcp;

    /// Answers each line with `ok`, the line `long` with more than a client has room for, the line
    /// `wait` after a minute.
    async fn talk(mut peer: Peer<Tcp>) {
        let mut said = Vec::new();
        let mut until = deadline();
        while let Some(bytes) = peer.receive(until).await {
            said.extend_from_slice(&bytes);
            drop(bytes);
            if said.last() != Some(&b'\n') {
                continue;
            }
            peer.is_heard();
            let answer = match &std::mem::take(&mut said)[..] {
                b"wait\n" => {
                    let minute = sleep(Duration::from_secs(60));
                    if peer.answered(&mut said, 100, minute).await.is_none() {
                        return;
                    }
                    b"waited\n".to_vec()
                }
                b"long\n" => vec![b'x'; 1 << 16],
                _ => b"ok\n".to_vec(),
            };
            if !peer.send(answer).await {
                return;
            }
            until = deadline();
        }
    }

    fn stage() -> Stage {
        Stage::new(|listener| serve::<Tcp, _>(listener, "test", || b"no place\n".to_vec(), talk))
    }

    #[test]
    fn a_peer_that_drips_is_closed_when_one_that_says_nothing_is() {
        let mut stage = stage();
        let (silent, dripping) = (stage.connect(), stage.connect());
        dripping.send_in_pieces(&[b'x'; 100], 1, Duration::from_secs(1));
        for client in [silent, dripping] {
            let took = stage.time_until(|| client.is_closed());
            assert!(took <= PEER_PATIENCE + Duration::from_secs(1), "{took:?}");
        }
        assert!(stage.since_start() >= PEER_PATIENCE);
    }

    #[test]
    fn an_answer_begins_the_time_for_the_next_question_anew() {
        let mut stage = stage();
        let client = stage.connect();
        for _ in 0..3 {
            client.after(PEER_PATIENCE - Duration::from_secs(1), send(b"?\n"));
            stage.time_until(|| client.received_len() == 3);
            assert_eq!(client.take_received(), b"ok\n");
        }
        let took = stage.time_until(|| client.is_closed());
        assert!(took >= PEER_PATIENCE - Duration::from_secs(1), "{took:?}");
    }

    #[test]
    fn a_peer_that_takes_nothing_or_a_byte_a_second_of_its_answer_is_closed() {
        let mut stage = stage();
        for drips in [false, true] {
            let client = stage.connect();
            client.window(1);
            client.send(b"long\n");
            stage.time_until(|| client.received_len() == 1);
            for second in 1..60 {
                if drips {
                    client.after(Duration::from_secs(second), Action::Read(1));
                }
            }
            let took = stage.time_until(|| client.is_closed());
            assert!(took <= PEER_PATIENCE + Duration::from_secs(1), "{took:?}");
        }
    }

    #[test]
    fn a_newcomer_gets_the_place_of_the_peer_that_has_said_nothing_for_longest() {
        let mut stage = stage();
        let fill: Vec<Client> = (0..CONNECTIONS_MAX)
            .map(|_| {
                let client = stage.connect();
                stage.pause(Duration::from_millis(10));
                client
            })
            .collect();
        // The first one asks, so the second has kept the server waiting for longest.
        fill[0].send(b"?\n");
        stage.time_until(|| fill[0].received_len() == 3);
        let newcomer = stage.connect();
        newcomer.send(b"?\n");
        let took = stage.time_until(|| newcomer.received_len() == 3);
        assert!(took < Duration::from_secs(1), "{took:?}");
        assert_eq!(newcomer.received(), b"ok\n");
        stage.time_until(|| fill[1].is_closed());
        let closed = fill.iter().filter(|client| client.is_closed()).count();
        assert_eq!(closed, 1);
    }

    #[test]
    fn a_newcomer_is_told_why_when_all_are_being_answered() {
        let mut stage = stage();
        let fill: Vec<Client> = (0..CONNECTIONS_MAX).map(|_| stage.connect()).collect();
        fill.iter().for_each(|client| client.send(b"wait\n"));
        stage.pause(Duration::from_secs(1));
        let newcomer = stage.connect();
        newcomer.send(b"?\n");
        stage.time_until(|| newcomer.is_closed());
        assert_eq!(newcomer.received(), b"no place\n");
        // Nobody lost an answer by it, and there is room again.
        stage.time_until(|| fill.iter().all(|client| client.received() == b"waited\n"));
        let next = stage.connect();
        next.send(b"?\n");
        stage.time_until(|| next.received() == b"ok\n");
    }

    #[test]
    fn a_newcomer_gets_the_place_of_a_peer_that_has_ended_its_side_while_it_is_answered() {
        let mut stage = stage();
        let fill: Vec<Client> = (0..CONNECTIONS_MAX).map(|_| stage.connect()).collect();
        fill.iter().for_each(|client| client.send(b"wait\n"));
        stage.pause(Duration::from_secs(1));
        // One says more than is kept, and may be gone as well.
        fill[0].send(&[b'x'; 200]);
        fill[1].send(b"?");
        fill[2..8].iter().for_each(Client::close);
        stage.pause(Duration::from_secs(1));
        fill[8].shutdown_write();
        let newcomers: Vec<Client> = (0..7)
            .map(|_| {
                let newcomer = stage.connect();
                newcomer.send(b"wait\n");
                stage.pause(Duration::from_secs(1));
                newcomer
            })
            .collect();
        // Who has ended its side last has its place still, and its answer.
        stage.time_until(|| {
            fill[8..]
                .iter()
                .all(|client| client.received() == b"waited\n")
        });
        fill[1].send(b"\n");
        stage.time_until(|| fill[1].received() == b"waited\nok\n");
        assert!(fill[0].is_closed() && fill[8].is_closed());
        stage.time_until(|| {
            newcomers
                .iter()
                .all(|client| client.received() == b"waited\n")
        });
    }

    fn send(bytes: &[u8]) -> Action {
        Action::Send(bytes.to_vec())
    }
}
