//! What takes too long, and how a connection is told goodbye.

use crate::forge::{data, forged, settings, window_update};
use crate::peer::{Ended, Peer, get, post, request};
use crate::{LARGE, SECOND, assert_nothing_is_left, pass, pass_quickly, simulate};
use ringgate::config::Config;
use ringgate::http2::ErrorCode;
use ringgate::http2::frame::PREFACE;
use ringgate::runtime::driver::simulated::Action;
use ringgate::simulation::Simulation;
use std::time::Duration;

/// How long it takes until the connection is closed.
fn closes_after(simulation: &mut Simulation, peer: &mut Peer) -> Duration {
    let began = simulation.world().now();
    peer.until_closed(simulation);
    let took = simulation.world().now() - began;
    simulation.run_until(|simulation| simulation.world().open_descriptors() == 0);
    assert_nothing_is_left(simulation, 1, &"closed");
    took
}

/// Limits of streams are kept in whole seconds, looked at once a second.
fn is_about(took: Duration, limit: Duration) -> bool {
    took + SECOND >= limit && took <= limit + 3 * SECOND
}

#[test]
fn a_preface_that_does_not_come_in_time_ends_the_connection() {
    let front = [&PREFACE[..], &settings(&[])].concat();
    for count in [1, 10, 18, 20, 24, 27, 32] {
        let mut simulation = simulate(|_| {});
        let peer = Peer::silent(simulation.connect());
        peer.client.send(&front[..count]);
        simulation.run_until(|simulation| simulation.ledgers(0).0.open == 1);
        let began = simulation.world().now();
        simulation.run_until(|_| peer.client.is_closed());
        let took = simulation.world().now() - began;
        assert!(is_about(took, 10 * SECOND), "{count}: {took:?}");
        // Before it is known which protocol it is, the answer is one of HTTP/1.1.
        let text = peer.client.take_received();
        let is_http1 = text.starts_with(b"HTTP/1.1 408 ");
        assert_eq!(
            is_http1,
            count < 24,
            "{count}: {}",
            String::from_utf8_lossy(&text)
        );
        // Settings come first (RFC 9113 section 3.4).
        assert_eq!(text[3] == 4, count >= 24, "{count}: {text:?}");
        peer.client.close();
        simulation.run_until(|simulation| simulation.world().open_descriptors() == 0);
    }
}

#[test]
fn a_block_that_does_not_end_in_time_ends_the_connection() {
    let mut simulation = simulate(|_| {});
    let mut peer = Peer::connect(&simulation);
    peer.send(&[get(1, "/later"), forged(1, 1, 3, &[0x82])]);
    simulation.run_until(|simulation| simulation.ledgers(0).1.begun == 1);
    let took = closes_after(&mut simulation, &mut peer);
    assert!(is_about(took, 10 * SECOND), "{took:?}");
    assert_eq!(peer.farewells, [(1, ErrorCode::PROTOCOL_ERROR)]);
    assert_eq!(peer.answers[&1].body, b"later");
}

#[test]
fn half_a_frame_ends_the_connection_when_nothing_else_happens_for_too_long() {
    for cut in [1, 8, 12, 20] {
        let mut simulation = simulate(|_| {});
        let mut peer = Peer::connect(&simulation);
        peer.client.send(&get(1, "/hello")[..cut]);
        simulation.run_until(|simulation| simulation.ledgers(0).0.open == 1);
        let took = closes_after(&mut simulation, &mut peer);
        assert!(took <= 80 * SECOND, "{took:?}");
        let told = [0x7fff_ffff, 0].map(|last| (last, ErrorCode::NO_ERROR));
        assert_eq!(peer.farewells, told);
    }
}

#[test]
fn a_body_that_stops_ends_its_stream_and_no_other() {
    // One that does not wait to be asked for it is timed like any other.
    let expecting = [("expect", "100-continue")];
    for (path, fields) in [
        ("/echo", &[][..]),
        ("/unread-never", &[]),
        ("/unread-never", &expecting),
    ] {
        let mut simulation = simulate(|_| {});
        let mut peer = Peer::connect(&simulation);
        peer.send(&[
            request(1, false, "POST", path, fields),
            data(1, false, b"some"),
            get(3, "/later"),
        ]);
        let began = simulation.world().now();
        assert_eq!(peer.answer(&mut simulation, 3).status, 200);
        let answer = peer.answer(&mut simulation, 1);
        assert_eq!(answer.ended, Some(Ended::Reset(ErrorCode::CANCEL)));
        assert!(is_about(simulation.world().now() - began, 30 * SECOND));
        peer.client.send(&get(5, "/hello"));
        assert_eq!(peer.answer(&mut simulation, 5).status, 200);
        let requests = simulation.ledgers(0).1;
        assert_eq!((requests.answered, requests.aborted), (2, 1));
    }
}

#[test]
fn a_body_that_comes_slowly_and_steadily_is_taken_whole() {
    let mut simulation = simulate(|_| {});
    let mut peer = Peer::connect(&simulation);
    peer.client.send(&post(1, "/echo"));
    for n in 0..10 {
        pass(&mut simulation, 20 * SECOND);
        peer.client.send(&data(1, n == 9, b"x"));
    }
    assert_eq!(peer.answer(&mut simulation, 1).body, b"xxxxxxxxxx");
}

/// Holds that what is missing on stream `late` may come 25 seconds after the client got room for it: the first stream
/// has used up a window, and its handler reads after a minute, at any moment between two looks at the limits.
fn assert_may_come_late(late: u32, window_of: u32, change: impl Fn(&mut Config)) {
    for tenths in 0..10 {
        let mut simulation = simulate(&change);
        pass_quickly(&mut simulation, tenths * SECOND / 10);
        let mut peer = Peer::connect(&simulation);
        peer.send(&[post(1, "/echo-late"), post(3, "/echo")]);
        for _ in 0..4 {
            peer.client.send(&data(1, false, &[7; 16_384]));
        }
        peer.client.send(&data(4 - late, true, b""));
        // The first byte of a connection's window comes with the settings.
        while peer.room.get(&window_of).is_none_or(|room| *room <= 1) {
            pass_quickly(&mut simulation, SECOND / 10);
            peer.hear();
        }
        pass_quickly(&mut simulation, 25 * SECOND);
        peer.gives_room = true;
        peer.client.send(&data(late, true, b"in time"));
        let answer = peer.answer(&mut simulation, late);
        assert_eq!(answer.ended, Some(Ended::Whole), "{tenths}");
        assert!(answer.body.ends_with(b"in time"));
    }
}

#[test]
fn a_client_has_its_time_for_a_body_from_when_its_stream_has_room() {
    assert_may_come_late(1, 1, |config| config.http2.stream_window = 65_536);
}

#[test]
fn a_client_has_its_time_for_a_body_from_when_its_connection_has_room() {
    assert_may_come_late(3, 0, |config| config.http2.connection_window = 65_536);
}

#[test]
fn a_client_is_not_late_with_a_body_that_nobody_has_asked_it_for() {
    for sends in [true, false] {
        let mut simulation = simulate(|_| {});
        let mut peer = Peer::connect(&simulation);
        let expecting = [("expect", "100-continue")];
        peer.send(&[request(1, false, "POST", "/echo-late", &expecting)]);
        let mut began = simulation.world().now();
        peer.until(&mut simulation, |peer| peer.answers.contains_key(&1));
        assert_eq!(peer.answers[&1].interim, [100]);
        assert!(is_about(simulation.world().now() - began, 60 * SECOND));
        began = simulation.world().now();
        if sends {
            pass(&mut simulation, 25 * SECOND);
            peer.client.send(&data(1, true, b"in time"));
            assert_eq!(peer.answer(&mut simulation, 1).body, b"in time");
        } else {
            let ended = peer.answer(&mut simulation, 1).ended;
            assert_eq!(ended, Some(Ended::Reset(ErrorCode::CANCEL)));
            assert!(is_about(simulation.world().now() - began, 30 * SECOND));
        }
    }
}

#[test]
fn a_body_that_stops_is_ended_while_another_one_goes_on_and_on() {
    let mut simulation = simulate(|_| {});
    let mut peer = Peer::connect(&simulation);
    peer.gives_room = true;
    peer.send(&[post(1, "/echo"), data(1, false, b"some"), post(3, "/flow")]);
    let began = simulation.world().now();
    while !peer.has_ended(1) {
        peer.client.send(&data(3, false, &[7; 16_384]));
        pass(&mut simulation, SECOND / 2);
        peer.hear();
    }
    assert!(is_about(simulation.world().now() - began, 30 * SECOND));
}

#[test]
fn a_window_that_opens_a_little_now_and_then_is_no_stall() {
    let mut simulation = simulate(|_| {});
    let mut peer = Peer::with(simulation.connect(), &[(4, 1)]);
    peer.client.send(&get(1, "/large"));
    for n in 0..10 {
        pass(&mut simulation, 20 * SECOND);
        peer.hear();
        assert_eq!(peer.answers[&1].ended, None, "{n}");
        peer.client.send(&window_update(1, 1));
    }
    let answer = peer.answer(&mut simulation, 1);
    assert_eq!(
        answer.ended,
        Some(Ended::Reset(ErrorCode::ENHANCE_YOUR_CALM))
    );
    assert_eq!(answer.body.len(), 11);
}

#[test]
fn an_idle_connection_is_told_goodbye_and_closed() {
    for used in [false, true] {
        let mut simulation = simulate(|_| {});
        let mut peer = Peer::connect(&simulation);
        if used {
            peer.send(&[get(1, "/hello"), get(3, "/later")]);
            peer.answer(&mut simulation, 3);
        } else {
            simulation.run_until(|_| peer.client.received_len() > 0);
        }
        let took = closes_after(&mut simulation, &mut peer);
        assert!(is_about(took, 75 * SECOND), "{took:?}");
        let last = if used { 3 } else { 0 };
        let told = [0x7fff_ffff, last].map(|last| (last, ErrorCode::NO_ERROR));
        assert_eq!(peer.farewells, told);
        let connections = simulation.ledgers(0).0;
        assert_eq!((connections.finished, connections.aborted), (1, 0));
    }
}

#[test]
fn a_request_that_meets_the_goodbye_of_an_idle_connection_is_served() {
    for hears_at_once in [false, true] {
        let mut simulation = simulate(|_| {});
        let mut peer = Peer::connect(&simulation);
        peer.client.send(&get(1, "/hello"));
        peer.answer(&mut simulation, 1);
        peer.until(&mut simulation, |peer| !peer.farewells.is_empty());
        // A client that sends while the goodbye is on its way.
        peer.client.send(&post(3, "/echo"));
        if hears_at_once {
            peer.pong();
        }
        pass(&mut simulation, 2 * SECOND);
        peer.client.send(&data(3, true, b"late"));
        let answer = peer.answer(&mut simulation, 3);
        assert_eq!((answer.status, &answer.body[..]), (200, &b"late"[..]));
        peer.until_closed(&mut simulation);
        let told = [0x7fff_ffff, 3].map(|last| (last, ErrorCode::NO_ERROR));
        assert_eq!(peer.farewells, told);
        peer.client.close();
        simulation.run_until(|simulation| simulation.world().open_descriptors() == 0);
        assert_nothing_is_left(&simulation, 1, &hears_at_once);
        let (connections, requests) = simulation.ledgers(0);
        assert_eq!((connections.finished, connections.aborted), (1, 0));
        assert_eq!((requests.answered, requests.aborted), (2, 0));
    }
}

#[test]
fn a_connection_that_is_used_now_and_then_stays() {
    let mut simulation = simulate(|_| {});
    let mut peer = Peer::connect(&simulation);
    for n in 0..20u32 {
        peer.client.send(&get(
            1 + 2 * n,
            if n.is_multiple_of(2) {
                "/hello"
            } else {
                "/later"
            },
        ));
        assert_eq!(peer.answer(&mut simulation, 1 + 2 * n).status, 200);
        pass(&mut simulation, 60 * SECOND);
    }
    assert!(peer.farewells.is_empty());
}

#[test]
fn a_feed_outlives_every_limit_as_long_as_its_client_takes_it() {
    let mut simulation = simulate(|_| {});
    let mut peer = Peer::connect(&simulation);
    peer.gives_room = true;
    peer.client.send(&get(1, "/feed"));
    peer.until(&mut simulation, |peer| {
        peer.answers
            .get(&1)
            .is_some_and(|answer| answer.body.len() > 6 * 300)
    });
    assert_eq!(peer.answers[&1].ended, None);
}

#[test]
fn a_client_that_takes_nothing_of_what_is_sent_is_closed_at_the_write_timeout() {
    let mut simulation = simulate(|_| {});
    let mut peer = Peer::connect(&simulation);
    peer.send(&[window_update(0, 1 << 20), get(1, "/hello")]);
    peer.answer(&mut simulation, 1);
    peer.client.window(100);
    peer.send(&[get(3, "/large"), get(5, "/later")]);
    simulation.run_until(|simulation| simulation.ledgers(0).1.begun == 3);
    let took = closes_after(&mut simulation, &mut peer);
    assert!(took >= 30 * SECOND && took <= 38 * SECOND, "{took:?}");
    let (connections, requests) = simulation.ledgers(0);
    assert_eq!((requests.answered, requests.aborted), (1, 2));
    assert_eq!(connections.aborted, 1);
}

#[test]
fn a_drain_lets_everything_end_that_began_before_the_client_knew() {
    let mut simulation = simulate(|_| {});
    let mut peer = Peer::connect(&simulation);
    peer.client.send(&get(1, "/later"));
    simulation.run_until(|simulation| simulation.ledgers(0).1.begun == 1);
    simulation.drain(0);
    peer.until(&mut simulation, |peer| !peer.pings.is_empty());
    assert_eq!(peer.farewells, [(0x7fff_ffff, ErrorCode::NO_ERROR)]);
    // On its way when the client heard.
    peer.client.send(&get(3, "/hello"));
    assert_eq!(peer.answer(&mut simulation, 3).body, b"hello");
    peer.pong();
    peer.until(&mut simulation, |peer| peer.farewells.len() == 2);
    assert_eq!(peer.farewells[1], (3, ErrorCode::NO_ERROR));
    assert!(!peer.has_ended(1));
    peer.client.send(&get(5, "/hello"));
    peer.until_closed(&mut simulation);
    assert_eq!(peer.answers[&1].body, b"later");
    assert!(!peer.answers.contains_key(&5));
    simulation.run_until(|simulation| simulation.world().open_descriptors() == 0);
    assert_nothing_is_left(&simulation, 1, &"drained");
    let connections = simulation.ledgers(0).0;
    assert_eq!((connections.finished, connections.aborted), (1, 0));
}

#[test]
fn a_drain_waits_a_second_for_a_client_that_does_not_answer() {
    for path in ["/hello", "/later"] {
        let mut simulation = simulate(|_| {});
        let mut peer = Peer::connect(&simulation);
        peer.client.send(&get(1, path));
        simulation.run_until(|simulation| simulation.ledgers(0).1.begun == 1);
        simulation.drain(0);
        peer.until(&mut simulation, |peer| !peer.pings.is_empty());
        let took = closes_after(&mut simulation, &mut peer);
        assert!(took >= SECOND / 2 && took <= 4 * SECOND, "{took:?}");
        assert_eq!(peer.farewells[1], (1, ErrorCode::NO_ERROR));
        assert_eq!(peer.answers[&1].ended, Some(Ended::Whole));
    }
}

#[test]
fn a_drain_before_the_preface_ends_the_connection() {
    let mut simulation = simulate(|_| {});
    let mut peer = Peer::silent(simulation.connect());
    peer.client.send(PREFACE);
    simulation.run_until(|simulation| simulation.ledgers(0).0.open == 1);
    pass(&mut simulation, SECOND / 10);
    simulation.drain(0);
    let took = closes_after(&mut simulation, &mut peer);
    assert!(took <= 6 * SECOND, "{took:?}");
    assert_eq!(peer.farewells, [(0, ErrorCode::NO_ERROR)]);
}

#[test]
fn a_drain_sends_a_large_answer_to_its_end() {
    let mut simulation = simulate(|_| {});
    let mut peer = Peer::connect(&simulation);
    peer.client.send(&get(1, "/large"));
    peer.until(&mut simulation, |peer| peer.answers.contains_key(&1));
    simulation.drain(0);
    peer.gives_room = true;
    peer.client.send(&window_update(0, 65_535));
    peer.client.send(&window_update(1, 65_535));
    peer.until_closed(&mut simulation);
    assert_eq!(peer.answers[&1].body.len(), LARGE);
    assert_eq!(peer.answers[&1].ended, Some(Ended::Whole));
}

#[test]
fn limits_of_streams_hold_whatever_else_is_sent_on_their_connection() {
    let mut simulation = simulate(|_| {});
    let mut peer = Peer::with(simulation.connect(), &[(4, 10)]);
    peer.send(&[get(1, "/large"), post(3, "/echo"), data(3, false, b"some")]);
    let began = simulation.world().now();
    for n in 0..180 {
        pass(&mut simulation, SECOND / 4);
        peer.client.send(&match n % 2 {
            0 => forged(6, 0, 0, &[0; 8]),
            _ => get(5 + 2 * n, "/hello"),
        });
        peer.hear();
        if peer.has_ended(1) && peer.has_ended(3) {
            break;
        }
    }
    let took = simulation.world().now() - began;
    assert!(is_about(took, 30 * SECOND), "{took:?}");
    let calm = Ended::Reset(ErrorCode::ENHANCE_YOUR_CALM);
    assert_eq!(peer.answers[&1].ended, Some(calm));
    assert_eq!(
        peer.answers[&3].ended,
        Some(Ended::Reset(ErrorCode::CANCEL))
    );
    assert!(peer.farewells.is_empty());
}

#[test]
fn limits_of_streams_hold_beside_sends_that_take_seconds_each() {
    // On a core that is held up never, and in every second.
    for held in [Duration::ZERO, Duration::from_millis(60)] {
        let mut simulation = simulate(|_| {});
        let mut peer = Peer::with(simulation.connect(), &[(4, 1 << 30)]);
        peer.send(&[
            window_update(0, 1 << 30),
            post(1, "/echo"),
            data(1, false, b"some"),
        ]);
        simulation.run_until(|simulation| simulation.ledgers(0).1.begun == 1);
        peer.client.window(0);
        for nth in 1..20 {
            peer.client.after(3 * nth * SECOND, Action::Read(64 << 10));
            peer.client.send(&get(1 + 2 * nth, "/large"));
        }
        let began = simulation.world().now();
        let mut next = began;
        simulation.run_until(|simulation| {
            if simulation.world().now() >= next {
                simulation.world().advance(held);
                next = next + SECOND;
            }
            peer.hear();
            peer.has_ended(1)
        });
        let took = simulation.world().now() - began;
        let cancelled = Some(Ended::Reset(ErrorCode::CANCEL));
        assert_eq!(peer.answers[&1].ended, cancelled);
        // The reset waits behind what was queued before it.
        assert!(took >= 29 * SECOND && took <= 45 * SECOND, "{took:?}");
    }
}

/// GETs of all these on the streams from 5 on.
fn gets(paths: &[&str]) -> Vec<Vec<u8>> {
    let stream = |(place, path): (usize, &&str)| get(5 + 2 * place as u32, path);
    paths.iter().enumerate().map(stream).collect()
}

/// A client that has begun an upload on stream 1, and then sends these and takes nothing of what is sent; its server has
/// a `body_timeout` of 5 seconds.
fn upload_beside(rate: Option<u64>, frames: &[Vec<u8>]) -> (Simulation, Peer) {
    let mut simulation = simulate(|config| {
        config.timeouts.body = 5 * SECOND;
        config.timeouts.body_rate_min = rate;
    });
    let peer = Peer::with(simulation.connect(), &[(4, 1 << 30)]);
    peer.send(&[
        window_update(0, 1 << 30),
        post(1, "/echo"),
        data(1, false, b"some"),
    ]);
    // All that is said before is taken.
    pass(&mut simulation, SECOND / 10);
    peer.client.window(0);
    peer.send(frames);
    pass(&mut simulation, SECOND / 10);
    (simulation, peer)
}

#[test]
fn a_body_is_not_late_that_waits_unread_until_the_client_takes_what_is_sent() {
    for rate in [None, Some(1)] {
        let (mut simulation, mut peer) = upload_beside(rate, &gets(&["/page"; 20]));
        for nth in 1..8 {
            peer.client
                .after(3 * nth * SECOND, Action::Send(data(1, nth == 7, b"some")));
        }
        // Some of it in the midst of a send.
        peer.client.after(8 * SECOND, Action::Read(10 << 10));
        peer.client.after(16 * SECOND, Action::Read(1 << 20));
        let answer = peer.answer(&mut simulation, 1);
        assert_eq!(answer.ended, Some(Ended::Whole), "{rate:?}");
        assert_eq!(answer.body.len(), 8 * 4);
        assert_eq!(peer.answer(&mut simulation, 43).body.len(), 8192);
    }
}

#[test]
fn a_body_is_not_late_that_was_not_even_received_until_the_client_took_what_was_sent() {
    let (mut simulation, mut peer) = upload_beside(None, &gets(&["/page"; 20]));
    peer.client.send(&post(101, "/echo"));
    for _ in 0..6 {
        peer.client.send(&data(101, false, &[7; 16_384]));
        pass(&mut simulation, SECOND / 2);
    }
    peer.client.send(&data(1, true, b" more"));
    pass(&mut simulation, 9 * SECOND);
    assert!(peer.client.unreceived() > 0);
    let began = simulation.world().now();
    peer.client.after(Duration::ZERO, Action::Read(1 << 20));
    let answer = peer.answer(&mut simulation, 1);
    assert_eq!(&answer.body[..], b"some more");
    // The other one is silent from here on.
    let answer = peer.answer(&mut simulation, 101);
    assert_eq!(answer.ended, Some(Ended::Reset(ErrorCode::CANCEL)));
    assert!(is_about(simulation.world().now() - began, 5 * SECOND));
}

#[test]
fn a_body_is_read_beside_large_answers_that_fill_each_send() {
    let paths = [&["/large-later"; 4][..], &["/page"; 20]].concat();
    let (mut simulation, mut peer) = upload_beside(None, &gets(&paths));
    peer.client.send(&data(1, true, b" more"));
    for nth in 1..30 {
        peer.client.after(nth * SECOND, Action::Read(32 << 10));
    }
    let began = simulation.world().now();
    let answer = peer.answer(&mut simulation, 1);
    assert_eq!(&answer.body[..], b"some more");
    // Behind what was sent before, and long before all of the large answers is.
    let took = simulation.world().now() - began;
    assert!(took <= 12 * SECOND, "{took:?}");
    assert!(!peer.has_ended(11));
}

#[test]
fn a_drain_ends_a_busy_connection_whose_client_does_not_answer() {
    let mut simulation = simulate(|_| {});
    let mut peer = Peer::connect(&simulation);
    peer.client.send(&get(1, "/hello"));
    simulation.run_until(|simulation| simulation.ledgers(0).1.answered == 1);
    simulation.drain(0);
    let began = simulation.world().now();
    for n in 1..100 {
        peer.client.send(&get(1 + 2 * n, "/later"));
        pass(&mut simulation, SECOND / 4);
        if peer.client.is_closed() {
            break;
        }
    }
    peer.hear();
    assert!(simulation.world().now() - began <= 5 * SECOND);
    assert_eq!(peer.farewells.len(), 2);
    let last = peer.farewells[1].0;
    let served = (1..=last)
        .step_by(2)
        .all(|id| peer.answers[&id].ended == Some(Ended::Whole));
    assert!(served, "what was begun is answered");
}
