//! Every way in which a stream ends, and in which its connection does meanwhile: the answer, the books, and what is
//! left.

use crate::forge::{data, forged, headers, reset, window_update};
use crate::peer::{Ended, Peer, get, post, request};
use crate::{
    LARGE, SECOND, a_day_passes, assert_nothing_is_left, limits, pass, pass_quickly, simulate,
};
use ringgate::config::Config;
use ringgate::http2::ErrorCode;
use ringgate::runtime::driver::simulated::{Action, Faults};
use ringgate::simulation::Simulation;
use std::time::Duration;

/// GOAWAY of a client that opens no more streams.
fn go_away() -> Vec<u8> {
    forged(7, 0, 0, &[0; 8])
}

/// The frames of streams in every state that one can be in.
fn streams() -> Vec<(&'static str, Vec<Vec<u8>>)> {
    let long = "x".repeat(9000);
    let field = "y".repeat(15_000);
    let length = |n| [("content-length", n)];
    vec![
        ("answered at once", vec![get(1, "/hello")]),
        ("a handler that waits", vec![get(1, "/later")]),
        ("a handler that waits for ever", vec![get(1, "/never")]),
        ("a panic", vec![get(1, "/panic")]),
        ("a panic later", vec![get(1, "/panic-later")]),
        ("an answer larger than its window", vec![get(1, "/large")]),
        ("the same later", vec![get(1, "/large-later")]),
        ("a feed for ever", vec![get(1, "/feed")]),
        ("a body that fails", vec![get(1, "/failing")]),
        ("a body that is short", vec![get(1, "/short")]),
        ("a body that is long", vec![get(1, "/long")]),
        ("trailers", vec![get(1, "/trailers")]),
        ("an end of the connection", vec![get(1, "/closing")]),
        ("no route", vec![get(1, "/nowhere")]),
        ("HEAD", vec![request(1, true, "HEAD", "/large", &[])]),
        (
            "a target that is too long",
            vec![get(1, &format!("/{long}"))],
        ),
        (
            "a head that is too large",
            vec![request(
                1,
                true,
                "GET",
                "/",
                &[("a", &field), ("b", &field)],
            )],
        ),
        (
            "a body that is announced and too large",
            vec![request(1, false, "POST", "/echo", &length("2000000"))],
        ),
        (
            "a body that has not ended",
            vec![post(1, "/echo"), data(1, false, b"four")],
        ),
        (
            "a body that is shorter than its Content-Length",
            vec![
                request(1, false, "POST", "/echo", &length("9")),
                data(1, true, b"four"),
            ],
        ),
        (
            "a body that is longer",
            vec![
                request(1, false, "POST", "/echo", &length("3")),
                data(1, true, b"four"),
            ],
        ),
        ("a body", vec![post(1, "/echo"), data(1, true, b"four")]),
        (
            "a body with trailers",
            vec![
                post(1, "/echo"),
                data(1, false, b"four"),
                headers(1, true, &[("a", "b")]),
            ],
        ),
        (
            "a body that flows back for ever",
            vec![post(1, "/flow"), data(1, false, b"four")],
        ),
        (
            "a body that nobody reads",
            vec![post(1, "/unread"), data(1, false, b"four")],
        ),
        (
            "the same later",
            vec![post(1, "/unread-later"), data(1, false, b"four")],
        ),
        (
            "the same before an answer that waits",
            vec![post(1, "/unread-large"), data(1, false, b"four")],
        ),
        (
            "the same for ever",
            vec![post(1, "/unread-never"), data(1, false, b"four")],
        ),
        (
            "a body that waits for 100",
            vec![request(
                1,
                false,
                "POST",
                "/echo",
                &[("expect", "100-continue")],
            )],
        ),
        ("half a block", vec![forged(1, 1, 1, &[0x82])]),
        (
            "half a frame",
            vec![get(1, "/later"), get(3, "/hello")[..12].to_vec()],
        ),
        (
            "a stream that depends on itself",
            vec![forged(1, 0x25, 1, &[0, 0, 0, 1, 9, 0x82])],
        ),
    ]
}

/// What becomes of the connection meanwhile.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Then {
    Nothing,
    /// The client resets the stream.
    ResetsStream,
    Resets,
    /// A reset is right behind one more request, so that the kernel may never tell of it.
    AsksAndResets,
    Closes,
    EndsItsSide,
    GoesAway,
    BreaksARule,
    GivesRoom,
    Drain,
    /// To a core that takes it.
    Leaves,
}

const THEN: [Then; 11] = [
    Then::Nothing,
    Then::ResetsStream,
    Then::Resets,
    Then::AsksAndResets,
    Then::Closes,
    Then::EndsItsSide,
    Then::GoesAway,
    Then::BreaksARule,
    Then::GivesRoom,
    Then::Drain,
    Then::Leaves,
];

fn act(then: Then, peer: &Peer, simulation: &mut Simulation) {
    match then {
        Then::Nothing => {}
        Then::ResetsStream => peer.client.send(&reset(1)),
        Then::Resets => peer.client.reset(),
        Then::AsksAndResets => {
            peer.client.send(&get(3, "/never"));
            peer.client.reset();
        }
        Then::Closes => peer.client.close(),
        Then::EndsItsSide => peer.client.shutdown_write(),
        Then::GoesAway => peer.client.send(&go_away()),
        Then::BreaksARule => peer.client.send(&data(0, false, b"?")),
        Then::GivesRoom => peer.send(&[window_update(0, 1 << 20), window_update(1, 1 << 20)]),
        Then::Drain => simulation.drain(0),
        Then::Leaves => simulation.leave(0, 1),
    }
}

/// A way to play each stream: what the client says of its windows, the slots, whether the socket takes bytes, and how
/// long it takes until the connection ends.
#[derive(Clone, Copy, Debug)]
struct Terms {
    window: u32,
    slots: u32,
    takes: bool,
    after: Duration,
    /// Turns instead of time.
    at_once: bool,
    /// One of so many pairs of streams and what becomes of them is played.
    share: usize,
}

fn plays(terms: Terms, faults: Faults) {
    for (place, (name, frames)) in streams().into_iter().enumerate() {
        let its = |(n, _): &(usize, Then)| (place + n).is_multiple_of(terms.share);
        for (_, then) in THEN.into_iter().enumerate().filter(its) {
            let mut config = Config {
                admission: limits(terms.slots),
                ..Config::default()
            };
            config.limits.body_size = Some(1 << 20);
            let router = crate::router();
            let mut simulation = Simulation::with_cores(&config, router, 2, 1, faults);
            // Somebody else has the only slot for a while.
            let other = (terms.slots == 1).then(|| {
                let other = Peer::connect(&simulation);
                other.client.send(&get(1, "/later"));
                simulation.run_until(|simulation| simulation.gate().0 == 1);
                other
            });
            let client = simulation.connect();
            if !terms.takes {
                client.window(20);
            }
            let mut peer = Peer::with(client, &[(4, terms.window)]);
            peer.send(&frames);
            match terms.at_once {
                true => (0..4).for_each(|_| simulation.turn()),
                false => pass_quickly(&mut simulation, terms.after),
            }
            act(then, &peer, &mut simulation);
            pass_quickly(&mut simulation, 2 * SECOND);
            peer.hear();
            drop(other);
            if name.ends_with("for ever") {
                peer.client.reset();
            }
            a_day_passes(&mut simulation);
            peer.hear();
            let what = (name, then, terms);
            assert_nothing_is_left(&simulation, 2, &what);
        }
    }
}

#[test]
fn nothing_is_left_of_any_stream_whatever_becomes_of_its_connection() {
    let terms = Terms {
        window: 65_535,
        slots: 9,
        takes: true,
        after: SECOND / 2,
        at_once: false,
        share: 3,
    };
    plays(terms, Faults::none());
}

#[test]
fn nothing_is_left_before_anything_was_read() {
    let terms = Terms {
        window: 65_535,
        slots: 9,
        takes: true,
        after: SECOND,
        at_once: true,
        share: 7,
    };
    plays(terms, Faults::none());
}

#[test]
fn nothing_is_left_where_the_client_gives_no_room() {
    let terms = Terms {
        window: 0,
        slots: 9,
        takes: true,
        after: SECOND * 3 / 2,
        at_once: false,
        share: 3,
    };
    plays(terms, Faults::none());
}

#[test]
fn nothing_is_left_where_the_client_takes_nothing() {
    let terms = Terms {
        window: 65_535,
        slots: 9,
        takes: false,
        after: SECOND / 2,
        at_once: false,
        share: 7,
    };
    plays(terms, Faults::none());
}

#[test]
fn nothing_is_left_where_streams_wait_at_the_gate() {
    let terms = Terms {
        window: 65_535,
        slots: 1,
        takes: true,
        after: SECOND / 2,
        at_once: false,
        share: 7,
    };
    plays(terms, Faults::none());
}

#[test]
fn nothing_is_left_though_resets_are_never_told() {
    let terms = Terms {
        window: 0,
        slots: 9,
        takes: true,
        after: SECOND / 2,
        at_once: false,
        share: 3,
    };
    let faults = Faults {
        untold_resets: 1.0,
        ..Faults::none()
    };
    plays(terms, faults);
}

#[test]
fn a_reset_that_is_never_told_ends_all_streams_of_its_client_soon() {
    let faults = Faults {
        untold_resets: 1.0,
        ..Faults::none()
    };
    let config = Config {
        admission: limits(1),
        ..Config::default()
    };
    let body = || vec![post(1, "/flow"), data(1, false, b"four")];
    for (frames, others) in [
        (vec![get(1, "/never")], 0),
        (vec![get(1, "/never"), get(3, "/hello")], 0),
        (body(), 0),
        (vec![post(1, "/unread-never"), data(1, false, b"four")], 0),
        // Behind somebody else who has the only slot.
        (vec![get(1, "/hello")], 1),
        (body(), 1),
    ] {
        for is_begun in [false, true] {
            let mut simulation = Simulation::with_cores(&config, crate::router(), 1, 1, faults);
            let other = Peer::connect(&simulation);
            if others == 1 {
                other.client.send(&get(1, "/never"));
                simulation.run_until(|simulation| simulation.gate() == (1, 0));
            }
            let mut peer = Peer::connect(&simulation);
            let ping = forged(6, 0, 0, &[7; 8]);
            peer.client.send(&ping);
            peer.until(&mut simulation, |peer| peer.pongs == 1);
            peer.send(&frames);
            if is_begun {
                // Its streams are looked at once, and the reset is behind other bytes.
                pass_quickly(&mut simulation, SECOND);
                peer.client.send(&ping);
            }
            peer.client.reset();
            let began = simulation.world().now();
            simulation.run_until(|simulation| simulation.ledgers(0).0.open == 1);
            let took = simulation.world().now() - began;
            assert!(took < SECOND, "{took:?}");
            assert_eq!(simulation.gate(), (others, 0));
            other.client.reset();
            a_day_passes(&mut simulation);
            assert_nothing_is_left(&simulation, 1, &others);
        }
    }
}

#[test]
fn each_stream_ends_as_its_application_says() {
    let mut simulation = simulate(|config| config.limits.body_size = Some(1000));
    let mut peer = Peer::connect(&simulation);
    peer.gives_room = true;
    let paths = [
        "/hello",
        "/large",
        "/later",
        "/panic",
        "/panic-later",
        "/failing",
        "/short",
        "/long",
        "/fits",
        "/trailers",
        "/interim",
        "/nowhere",
    ];
    for (n, path) in paths.iter().enumerate() {
        peer.client.send(&get(1 + 2 * n as u32, path));
    }
    let mut ends = |n: u32| {
        let answer = peer.answer(&mut simulation, 1 + 2 * n);
        (
            answer.status,
            answer.body.len(),
            answer.ended.expect("it has"),
        )
    };
    use Ended::{Reset, Whole};
    assert_eq!(ends(0), (200, 5, Whole));
    assert_eq!(ends(1), (200, LARGE, Whole));
    assert_eq!(ends(2), (200, 5, Whole));
    let failed = ends(3);
    assert_eq!((failed.0, failed.2), (500, Whole));
    assert_eq!(ends(4), failed);
    assert_eq!(ends(5), (200, 4, Reset(ErrorCode::INTERNAL_ERROR)));
    assert_eq!(ends(6).2, Reset(ErrorCode::INTERNAL_ERROR));
    assert_eq!(ends(7).2, Reset(ErrorCode::INTERNAL_ERROR));
    assert_eq!(ends(8), (200, 5, Whole));
    assert_eq!(ends(9), (200, 4, Whole));
    assert_eq!(ends(10).0, 500);
    assert_eq!(ends(11).0, 404);
    let trailers = &peer.answers[&19].trailers;
    assert_eq!(trailers[..], [("grpc-status".to_owned(), "0".to_owned())]);
    let requests = simulation.ledgers(0).1;
    assert_eq!(
        (
            requests.begun,
            requests.answered,
            requests.aborted,
            requests.running
        ),
        (12, 9, 3, 0)
    );
}

#[test]
fn a_refusal_whose_body_has_no_room_yet_is_sent_when_there_is_some() {
    let long = "x".repeat(9000);
    for refused in [
        get(1, &format!("/{long}")),
        request(1, false, "POST", "/echo", &[("content-length", "2000000")]),
    ] {
        let mut simulation = simulate(|_| {});
        let mut peer = Peer::with(simulation.connect(), &[(4, 0)]);
        peer.client.send(&refused);
        peer.until(&mut simulation, |peer| peer.answers.contains_key(&1));
        assert_eq!(peer.answers[&1].ended, None);
        peer.client.send(&window_update(1, 1000));
        let answer = peer.answer(&mut simulation, 1);
        let length = answer.field("content-length").expect("it is known");
        assert_eq!(length, answer.body.len().to_string());
        assert!(matches!(answer.status, 413 | 414), "{answer:?}");
    }
}

#[test]
fn a_body_that_is_too_large_is_refused_once_though_more_of_it_comes_before_there_is_room() {
    let mut simulation = simulate(|config| config.limits.body_size = Some(10));
    let mut peer = Peer::with(simulation.connect(), &[(4, 0)]);
    let piece = || data(1, false, &[7; 100]);
    peer.send(&[post(1, "/echo"), piece()]);
    peer.until(&mut simulation, |peer| peer.answers.contains_key(&1));
    peer.send(&[piece(), piece(), data(1, true, b"")]);
    pass(&mut simulation, SECOND / 10);
    peer.send(&[window_update(1, 1000)]);
    let answer = peer.answer(&mut simulation, 1);
    assert_eq!((answer.status, answer.ended), (413, Some(Ended::Whole)));
    let requests = simulation.ledgers(0).1;
    assert_eq!(
        (requests.begun, requests.answered, requests.aborted),
        (1, 1, 0)
    );
}

#[test]
fn an_answer_that_has_begun_is_cut_when_the_body_it_is_made_of_turns_out_too_large() {
    for room in [0, 3, 1000] {
        let mut simulation = simulate(|config| config.limits.body_size = Some(10));
        let mut peer = Peer::with(simulation.connect(), &[(4, room)]);
        peer.send(&[post(1, "/flow"), data(1, false, b"first")]);
        peer.until(&mut simulation, |peer| peer.answers.contains_key(&1));
        pass(&mut simulation, SECOND / 10);
        peer.send(&[data(1, false, &[7; 100]), data(1, true, &[7; 100])]);
        let answer = peer.answer(&mut simulation, 1);
        let part = &b"first"[..(room as usize).min(5)];
        assert_eq!((answer.status, &answer.body[..]), (200, part));
        assert_eq!(answer.ended, Some(Ended::Reset(ErrorCode::CANCEL)));
        // Nobody else is told of it, and all the room is there again.
        peer.send(&[get(3, "/hello"), window_update(3, 100)]);
        assert_eq!(peer.answer(&mut simulation, 3).body, b"hello");
        assert!(peer.farewells.is_empty());
        simulation.run_until(|simulation| simulation.ledgers(0).1.running == 0);
        let requests = simulation.ledgers(0).1;
        assert_eq!((requests.answered, requests.aborted), (1, 1));
        peer.client.close();
        a_day_passes(&mut simulation);
        assert_nothing_is_left(&simulation, 1, &room);
    }
}

#[test]
fn an_answer_stands_though_the_body_that_nobody_reads_turns_out_too_large() {
    let mut simulation = simulate(|config| config.limits.body_size = Some(10));
    let mut peer = Peer::connect(&simulation);
    peer.send(&[post(1, "/unread-large")]);
    peer.until(&mut simulation, |peer| peer.answers.contains_key(&1));
    peer.send(&[data(1, true, &[7; 100])]);
    pass(&mut simulation, SECOND / 10);
    peer.gives_room = true;
    let answer = peer.answer(&mut simulation, 1);
    assert_eq!((answer.status, answer.body.len()), (200, LARGE));
    assert_eq!(answer.ended, Some(Ended::Whole));
}

#[test]
fn an_answer_that_its_client_never_takes_counts_as_aborted_whichever_way_it_went() {
    for path in ["/hello", "/later", "/fits"] {
        let mut simulation = simulate(|_| {});
        let mut peer = Peer::connect(&simulation);
        peer.client.send(&get(1, "/hello"));
        peer.answer(&mut simulation, 1);
        peer.client.window(1);
        peer.client.send(&get(3, path));
        pass(&mut simulation, 2 * SECOND);
        peer.client.reset();
        simulation.run_until(|simulation| simulation.ledgers(0).0.open == 0);
        let requests = simulation.ledgers(0).1;
        assert_eq!(
            (requests.begun, requests.answered, requests.aborted),
            (2, 1, 1),
            "{path}"
        );
    }
}

#[test]
fn the_body_that_an_answer_is_made_of_is_asked_for_by_100_before_the_answer() {
    let mut simulation = simulate(|_| {});
    let mut peer = Peer::connect(&simulation);
    let expecting = [("expect", "100-continue")];
    peer.send(&[
        request(1, false, "POST", "/echo", &expecting),
        request(3, false, "POST", "/flow", &expecting),
        request(5, false, "POST", "/unread", &expecting),
    ]);
    pass(&mut simulation, SECOND);
    peer.hear();
    assert_eq!(peer.answers[&1].interim, [100], "{:?}", peer.answers);
    assert_eq!(peer.answers[&3].interim, [100]);
    assert_eq!(peer.answers[&5].interim, [] as [u16; 0]);
    assert_eq!(peer.answers[&5].status, 200);
    peer.send(&[data(1, true, b"one"), data(3, true, b"three")]);
    assert_eq!(peer.answer(&mut simulation, 1).body, b"one");
    assert_eq!(peer.answer(&mut simulation, 3).body, b"three");
}

#[test]
fn payload_of_every_stream_that_ended_is_given_back_to_its_connection() {
    let mut simulation = simulate(|config| config.limits.body_size = Some(100_000));
    let mut peer = Peer::connect(&simulation);
    let piece = vec![7; 16_000];
    let mut sent = 0;
    let paths = [
        "/echo",
        "/unread",
        "/unread-later",
        "/unread-never",
        "/flow",
        "/nowhere",
    ];
    for round in 0..20u32 {
        for (n, path) in paths.iter().enumerate() {
            let id = 1 + 2 * (round * paths.len() as u32 + n as u32);
            peer.send(&[post(id, path), data(id, false, &piece), reset(id)]);
            sent += piece.len() as u64;
            pass(&mut simulation, SECOND / 10);
        }
    }
    pass(&mut simulation, 2 * SECOND);
    peer.hear();
    let window = 1u64 << 20;
    let given = peer.room[&0] + 65_535;
    // What is left of the window is given in steps of a half.
    assert!(given - sent >= window / 2, "{given} given, {sent} sent");
    assert_eq!(simulation.ledgers(0).1.running, 0);
}

#[test]
fn who_ends_its_side_gets_what_was_answered_at_once() {
    let mut simulation = simulate(|_| {});
    let mut peer = Peer::connect(&simulation);
    peer.send(&[get(1, "/hello"), get(3, "/hello")]);
    peer.client.shutdown_write();
    peer.until_closed(&mut simulation);
    simulation.run_until(|simulation| simulation.world().open_descriptors() == 0);
    assert!(peer.has_ended(1) && peer.has_ended(3));
    assert_nothing_is_left(&simulation, 1, &"EOF");
}

#[test]
fn a_client_that_says_goodbye_gets_what_it_asked_for_and_then_the_end() {
    let mut simulation = simulate(|_| {});
    let mut peer = Peer::connect(&simulation);
    peer.send(&[get(1, "/later"), go_away(), get(3, "/hello")]);
    peer.until_closed(&mut simulation);
    simulation.run_until(|simulation| simulation.world().open_descriptors() == 0);
    assert_eq!(peer.answers[&1].body, b"later");
    assert!(!peer.answers.contains_key(&3));
    assert_eq!(peer.farewells, [(1, ErrorCode::NO_ERROR)]);
    assert_nothing_is_left(&simulation, 1, &"GOAWAY");
}

#[test]
fn an_answer_that_closes_lets_others_end_first() {
    let mut simulation = simulate(|_| {});
    let mut peer = Peer::connect(&simulation);
    peer.send(&[get(1, "/later"), get(3, "/closing")]);
    peer.until_closed(&mut simulation);
    assert_eq!(peer.answers[&1].body, b"later");
    assert_eq!(peer.answers[&3].body, b"bye");
    assert_eq!(peer.farewells.last(), Some(&(3, ErrorCode::NO_ERROR)));
}

#[test]
fn a_connection_ends_after_as_many_requests_as_it_may_carry() {
    let mut simulation = simulate(|config| config.timeouts.requests_per_connection = 3);
    let mut peer = Peer::connect(&simulation);
    peer.send(&[get(1, "/hello"), get(3, "/later"), get(5, "/hello")]);
    peer.until(&mut simulation, |peer| !peer.pings.is_empty());
    peer.pong();
    peer.until_closed(&mut simulation);
    assert!(
        [1, 3, 5]
            .iter()
            .all(|id| peer.answers[id].ended == Some(Ended::Whole))
    );
    assert_eq!(peer.farewells.len(), 2, "{:?}", peer.farewells);
}

#[test]
fn a_reset_stops_a_handler_that_its_stream_waits_for() {
    let mut simulation = simulate(|_| {});
    let mut peer = Peer::with(simulation.connect(), &[(4, 1000)]);
    for (n, path) in ["/never", "/feed", "/large"].iter().enumerate() {
        let id = 1 + 2 * n as u32;
        peer.client.send(&get(id, path));
        pass(&mut simulation, SECOND / 10);
        peer.client.send(&reset(id));
        simulation.run_until(|simulation| simulation.ledgers(0).1.running == 0);
    }
    let requests = simulation.ledgers(0).1;
    assert_eq!((requests.begun, requests.aborted), (3, 3));
    peer.client.send(&get(9, "/hello"));
    assert_eq!(peer.answer(&mut simulation, 9).body, b"hello");
}

#[test]
fn a_client_that_resets_in_the_middle_of_everything_leaves_nothing() {
    for after in (0..40).map(|n| Duration::from_micros(50) * n) {
        let mut simulation = simulate(|config| config.admission = limits(2));
        let peer = Peer::connect(&simulation);
        let mut id = 1;
        let mut all = Vec::new();
        for (_, frames) in streams().iter().take(14) {
            for frame in frames {
                let mut frame = frame.clone();
                frame[5..9].copy_from_slice(&u32::to_be_bytes(id));
                all.extend(frame);
            }
            id += 2;
        }
        peer.client
            .send_in_pieces(&all, 60, Duration::from_micros(50));
        peer.client.after(after, Action::Reset);
        pass(&mut simulation, SECOND);
        a_day_passes(&mut simulation);
        assert_nothing_is_left(&simulation, 1, &after);
    }
}
