//! The stream of events on the control socket: lines of JSON from the request on, until the peer or
//! the server ends.
//!
//! Called by [`super::server`]. A reader that takes nothing holds nobody up: its inbox fills, and what
//! does not fit is counted ([`crate::coordinator`]). One that has not taken what was sent to it within
//! [`READER_PATIENCE`] is closed. How many readers there may be the coordinator says.

use crate::coordinator::Subscription;
use ringgate_runtime::net::Stream;
use ringgate_runtime::time::timeout;
use std::future::poll_fn;
use std::task::Poll;
use std::time::Duration;

/// How long a reader may take for the events that are sent to it at a time, 256 lines at most: one who
/// stops a terminal for a moment is not cut off.
const READER_PATIENCE: Duration = Duration::from_secs(60);

enum Next {
    Lines(Vec<u8>),
    PeerGone,
}

/// Sends events until the peer is gone. Bytes that the peer still sends are ignored.
pub(super) async fn stream<F>(stream: &mut Stream<F>, mut subscription: Subscription) {
    let (reader, writer) = stream.split_mut();
    loop {
        let next = poll_fn(|cx| {
            while let Poll::Ready(received) = reader.poll_receive(cx) {
                if !matches!(received, Ok(Some(_))) {
                    return Poll::Ready(Next::PeerGone);
                }
            }
            subscription.poll_lines(cx).map(Next::Lines)
        });
        let Next::Lines(lines) = next.await else {
            return;
        };
        let taken = timeout(READER_PATIENCE, writer.write_all(lines)).await;
        if !matches!(taken, Ok(Ok(()))) {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::serving::{Peer, serve};
    use super::super::stage::Stage;
    use super::*;
    use crate::coordinator::{Events, ServerEvent};
    use ringgate_runtime::driver::simulated::Action;
    use ringgate_runtime::net::Tcp;
    use std::cell::RefCell;
    use std::rc::Rc;

    #[test]
    fn a_reader_of_events_stays_for_days_and_goes_when_it_takes_none_for_a_minute() {
        let events = Rc::new(RefCell::new(Events::default()));
        let heard = events.clone();
        let mut stage = Stage::new(|listener| {
            let talk = move |mut peer: Peer<Tcp>| {
                let subscription = heard.borrow_mut().subscribe();
                async move {
                    let subscription = subscription.expect("few readers");
                    super::stream(&mut peer.stream, subscription).await;
                }
            };
            serve::<Tcp, _>(listener, "test", Vec::new, talk)
        });
        let emit = |core| events.borrow_mut().emit(&ServerEvent::Spawn { core });
        // One reads, one takes nothing, one takes a byte a second.
        let (reads, stops, drips) = (stage.connect(), stage.connect(), stage.connect());
        for client in [&stops, &drips] {
            client.window(1);
        }
        stage.pause(Duration::from_secs(600));
        assert!(
            ![&reads, &stops, &drips]
                .map(|client| client.is_closed())
                .contains(&true)
        );
        emit(1);
        stage.time_until(|| stops.received_len() == 1);
        for second in 1..40 {
            drips.after(Duration::from_secs(second), Action::Read(1));
        }
        let took = stage.time_until(|| stops.is_closed() && drips.is_closed());
        let limit = READER_PATIENCE;
        let expected = limit - Duration::from_secs(1)..limit + Duration::from_secs(1);
        assert!(expected.contains(&took), "{took:?}");
        stage.pause(Duration::from_secs(600));
        emit(2);
        stage.time_until(|| reads.received().ends_with(b"\"core\":2}\n"));
    }
}
