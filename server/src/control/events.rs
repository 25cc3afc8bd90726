//! The stream of events on the control socket: lines of JSON from the request on, until the peer or
//! the server ends.
//!
//! Called by [`super::server`]. A reader that takes nothing is not cut off and holds nobody up: its
//! inbox fills, and what does not fit is counted ([`crate::coordinator`]).

use crate::coordinator::Subscription;
use ringgate_runtime::net::UnixStream;
use std::future::poll_fn;
use std::task::Poll;

enum Next {
    Lines(Vec<u8>),
    PeerGone,
}

/// Sends events until the peer is gone. What it still says means nothing.
pub(super) async fn stream(stream: &mut UnixStream, mut subscription: Subscription) {
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
        if writer.write_all(lines).await.is_err() {
            return;
        }
    }
}
