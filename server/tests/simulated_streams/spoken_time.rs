//! Time limits of WebSockets on streams: each message has its own, and what the server sends changes none of the client's.

use crate::forge::{settings, window_update};
use crate::frames::{close_frame, frame, text};
use crate::peer::Ended as Over;
use crate::spoken::{Here, here, is_about};
use crate::{SECOND, pass};
use ringgate::http2::ErrorCode;
use std::time::Duration;

#[test]
fn messages_of_which_each_begins_in_the_bytes_that_end_the_last_have_each_its_own_time() {
    let mut here = here(|config| config.websocket.message_timeout = 2 * SECOND);
    here.open(1);
    // It is not answered: while answers wait to be sent no limit is looked at.
    let message = text("line");
    let (front, rest) = message.split_at(8);
    here.says(1, front);
    for nth in 1..=12 {
        pass(&mut here.simulation, SECOND / 2);
        here.says(1, &[rest, front].concat());
        let senders = here.senders.clone();
        here.peer.until(&mut here.simulation, |peer| {
            peer.has_ended(1) || senders.lock().unwrap().len() == nth
        });
        assert!(!here.peer.has_ended(1), "message {nth}");
    }
    assert_eq!(here.closes(1), (1008, Over::Whole));
    here.goes();
}

#[test]
fn a_client_that_says_nothing_is_asked_and_given_up_however_much_is_published_to_it() {
    let mut here = here(|config| {
        config.websocket.ping = 10 * SECOND;
        config.websocket.pong_timeout = 10 * SECOND;
    });
    here.open(1);
    here.says(1, &text("follow"));
    let began = here.simulation.world().now();
    let mut asked = None;
    while !here.peer.has_ended(1) {
        here.hub.publish("news");
        pass(&mut here.simulation, 2 * SECOND);
        here.peer.hear();
        let passed = here.simulation.world().now() - began;
        assert!(passed < 40 * SECOND, "it stays; asked at {asked:?}");
        let heard = &here.peer.answers[&1].body;
        if asked.is_none() && heard.windows(2).any(|bytes| bytes == b"\x89\x00") {
            asked = Some(passed);
        }
    }
    let took = here.simulation.world().now() - began;
    assert!(is_about(asked.expect("it is asked"), 10 * SECOND));
    assert!(is_about(took, 20 * SECOND), "{took:?}");
    let over = here.peer.answers[&1].ended;
    assert_eq!(over, Some(Over::Reset(ErrorCode::CANCEL)));
    here.goes();
}

/// How long it takes until a stream has ended whose client takes a byte now and then.
fn trickled(here: &mut Here, stream: u32) -> Duration {
    let began = here.simulation.world().now();
    while !here.peer.has_ended(stream) {
        here.peer.send(&[window_update(stream, 1)]);
        pass(&mut here.simulation, SECOND / 5);
        here.peer.hear();
        let passed = here.simulation.world().now() - began;
        assert!(passed < 20 * SECOND, "it stays");
    }
    here.simulation.world().now() - began
}

#[test]
fn a_client_that_is_told_close_has_one_time_for_it_however_much_it_takes_now_and_then() {
    let unmasked = b"\x81\x05hello";
    let told = [
        (text("close"), 2 * SECOND),
        (unmasked.to_vec(), 5 * SECOND),
        (close_frame(1000), 5 * SECOND),
    ];
    for (last, limit) in told {
        let mut here = here(|config| config.websocket.close_timeout = 2 * SECOND);
        here.open(1);
        here.peer.gives_room = false;
        here.peer
            .send(&[settings(&[(4, 0)]), window_update(1, 100)]);
        // What the session has no room for waits before it.
        let large = frame(0x82, &[7; 16_000]).repeat(4);
        for piece in [&large[..], &last].concat().chunks(16_000) {
            here.says(1, piece);
        }
        let took = trickled(&mut here, 1);
        assert!(is_about(took, limit), "{took:?} and not {limit:?}");
        let over = here.peer.answers[&1].ended;
        assert_eq!(over, Some(Over::Reset(ErrorCode::CANCEL)));
        here.goes();
    }
}
