//! Since when something is waited for, and what happens then.

use super::forge::{END_STREAM, GET, Sent, Wire, block, data, forged, get, post, settings};
use ringgate::http2::frame::PREFACE;
use ringgate::http2::life::Phase;
use ringgate::http2::session::Deadline;
use ringgate::http2::{End, ErrorCode, Limits, Payload, StreamId};

/// The limits in force, with since when.
fn waits(wire: &Wire) -> Vec<(Deadline, u32)> {
    let since = |deadline| Some((deadline, wire.session.since(deadline)?));
    Deadline::ALL.into_iter().filter_map(since).collect()
}

#[test]
fn every_wait_for_a_client_has_a_limit() {
    let mut wire = Wire::silent(Limits::default());
    assert_eq!(waits(&wire), [(Deadline::Preface, 0)]);
    wire.seconds = 5;
    wire.hears(&[&PREFACE[..], &settings(&[])].concat());
    assert_eq!(waits(&wire), [(Deadline::Idle, 5)]);
    wire.seconds = 10;
    wire.hears(&forged(1, END_STREAM, 1, &block(&GET[..2])));
    assert_eq!(waits(&wire), [(Deadline::Block, 10), (Deadline::Idle, 5)]);
    wire.hears(&forged(9, 4, 1, &block(&GET[2..])));
    assert_eq!(waits(&wire), [], "the request runs");
    wire.answers(1, Payload::None).expect("an answer");
    assert_eq!(waits(&wire), [(Deadline::Idle, 10)]);
    wire.seconds = 20;
    wire.hears(&post(3));
    assert_eq!(waits(&wire), [(Deadline::Body, 20)]);
    wire.seconds = 30;
    wire.hears(&data(3, false, b"x"));
    assert_eq!(waits(&wire), [(Deadline::Body, 30)]);
    wire.drains(40);
    assert_eq!(waits(&wire), [(Deadline::Body, 30), (Deadline::Drain, 40)]);
}

#[test]
fn a_client_that_has_no_window_left_owes_no_body() {
    let limits = Limits {
        connection_window: 0,
        ..Limits::default()
    };
    let mut wire = Wire::open_with(limits, &[]);
    wire.hears(&[post(1), post(3)].concat());
    for size in [16_384, 16_384, 16_384, 16_383] {
        wire.hears(&data(1, false, &vec![0; size]));
    }
    assert_eq!(
        waits(&wire),
        [],
        "neither of the stream that sent nor of the other"
    );
    wire.seconds = 7;
    wire.took(1, 40_000);
    assert_eq!(waits(&wire), [(Deadline::Body, 7)]);
}

#[test]
fn a_client_that_was_silent_while_its_connection_had_room_is_given_no_more_than_the_time_without() {
    // The first stream is silent; the others use up the window of the connection, again and again.
    let limits = Limits {
        connection_window: 0,
        ..Limits::default()
    };
    for begin in [0, 1000, u32::MAX - 35] {
        let mut wire = Wire::open_with(limits, &[]);
        wire.seconds = begin;
        wire.hears(&post(1));
        for (nth, stream) in [3, 5, 7].into_iter().enumerate() {
            wire.seconds = begin.wrapping_add(20 * (nth as u32 + 1));
            wire.hears(&post(stream));
            for size in [16_384, 16_384, 16_384, 16_383] {
                wire.hears(&data(stream, false, &vec![0; size]));
            }
            assert_eq!(waits(&wire), []);
            // What says nothing changes nothing.
            wire.seconds = wire.seconds.wrapping_add(5);
            wire.hears(&data(stream, false, b""));
            wire.took(stream, 65_535);
            let since = begin.wrapping_add(5 * (nth as u32 + 1));
            assert_eq!(waits(&wire), [(Deadline::Body, since)], "{begin} {stream}");
        }
    }
    // A stream that began without room has the whole time.
    let mut wire = Wire::open_with(limits, &[]);
    wire.hears(&post(1));
    for size in [16_384, 16_384, 16_384, 16_383] {
        wire.hears(&data(1, false, &vec![0; size]));
    }
    wire.seconds = 10;
    wire.hears(&[data(1, true, b""), post(3)].concat());
    wire.seconds = 30;
    wire.took(1, 65_535);
    assert_eq!(waits(&wire), [(Deadline::Body, 30)]);
}

#[test]
fn a_stream_in_which_both_sides_talk_may_be_silent() {
    let mut wire = Wire::open();
    wire.hears(&post(1));
    wire.answers(1, Payload::Later).expect("an answer");
    assert_eq!(waits(&wire), []);
}

#[test]
fn a_request_whose_body_does_not_come_is_reset_and_the_connection_goes_on() {
    let mut wire = Wire::open();
    wire.hears(&[post(1), post(3)].concat());
    wire.seconds = 10;
    wire.hears(&data(3, false, b"x"));
    wire.answers(1, Payload::None).expect("an answer");
    wire.says();
    let ended = wire
        .overdue(Deadline::Body, 9)
        .expect("the connection goes on");
    assert_eq!(ended, []);
    let ended = wire
        .overdue(Deadline::Body, 10)
        .expect("the connection goes on");
    // Of the first one the answer is complete: nobody has to hear that it is over.
    let [(stream, End::Broken(fault))] = ended[..] else {
        panic!("{ended:?}");
    };
    assert_eq!((stream.0, fault.code), (3, ErrorCode::CANCEL));
    assert_eq!(
        wire.says(),
        [
            Sent::Reset(1, ErrorCode::NO_ERROR),
            Sent::Reset(3, ErrorCode::CANCEL)
        ]
    );
    assert_eq!(wire.session.phase(), Phase::Open);
}

#[test]
fn a_preface_or_a_block_that_does_not_end_ends_the_connection() {
    let mut wire = Wire::silent(Limits::default());
    wire.hears(&PREFACE[..10]);
    wire.overdue(Deadline::Preface, 0).expect_err("a fault");
    // This side's settings come first (section 3.4).
    assert!(matches!(
        wire.says()[..],
        [
            Sent::Settings,
            Sent::WindowUpdate(0, _),
            Sent::GoAway(0, ErrorCode::PROTOCOL_ERROR, _)
        ]
    ));
    let mut wire = Wire::open();
    wire.hears(&forged(1, END_STREAM, 1, &block(&GET[..2])));
    wire.overdue(Deadline::Block, 0).expect_err("a fault");
    assert_eq!(wire.session.phase(), Phase::Over);
}

#[test]
fn an_idle_connection_leaves_without_a_fault_once_its_client_has_heard() {
    let mut wire = Wire::open();
    wire.seconds = 75;
    assert_eq!(wire.overdue(Deadline::Idle, 0), Ok(Vec::new()));
    let said = wire.says();
    let [
        Sent::GoAway(0x7fff_ffff, ErrorCode::NO_ERROR, _),
        Sent::Ping(payload, false),
    ] = said[..]
    else {
        panic!("{said:?}");
    };
    assert_eq!(waits(&wire), [(Deadline::Drain, 75)]);
    // What was on its way is served.
    assert_eq!(wire.hears(&get(1)).len(), 1);
    wire.hears(&forged(6, 1, 0, &payload));
    let told = Sent::GoAway(1, ErrorCode::NO_ERROR, String::new());
    assert_eq!(wire.says(), [told]);
    assert_eq!(wire.session.phase(), Phase::Leaving);
    wire.answers(1, Payload::None).expect("an answer");
    assert_eq!(wire.session.phase(), Phase::Over);
    let mut busy = Wire::open();
    busy.hears(&get(1));
    assert_eq!(busy.overdue(Deadline::Idle, 1000), Ok(Vec::new()));
    assert_eq!(busy.session.phase(), Phase::Open);
}

#[test]
fn a_drain_goes_on_without_the_answer_to_its_ping() {
    let mut wire = Wire::open();
    wire.hears(&get(1));
    wire.drains(7);
    wire.says();
    assert_eq!(wire.overdue(Deadline::Drain, 6), Ok(Vec::new()));
    assert_eq!(wire.session.phase(), Phase::Announced);
    assert_eq!(wire.overdue(Deadline::Drain, 7), Ok(Vec::new()));
    assert_eq!(
        wire.says(),
        [Sent::GoAway(1, ErrorCode::NO_ERROR, String::new())]
    );
    assert_eq!(wire.hears(&get(3)), []);
}

/// Half of what a count of seconds can say: more than that before is behind, since the count may have begun anew.
const HALF: u32 = u32::MAX / 2;

#[test]
fn a_limit_has_passed_from_its_second_on_also_where_the_count_of_seconds_begins_anew() {
    for begin in [0, 1, 1000, HALF, u32::MAX - 1, u32::MAX] {
        for (later, is_due) in [
            (0, true),
            (1, true),
            (2, true),
            (100, true),
            (HALF - 1, true),
            (HALF, false),
            (HALF + 1, false),
            (u32::MAX - 1, false),
            (u32::MAX, false),
        ] {
            let mut wire = Wire::open();
            wire.seconds = begin;
            wire.hears(&post(1));
            let ended = wire.overdue(Deadline::Body, begin.wrapping_add(later));
            let ended = ended.expect("the connection goes on").len();
            assert_eq!(ended, usize::from(is_due), "{later} after {begin}");
            assert_eq!(wire.session.streams(), usize::from(!is_due));
        }
    }
}

#[test]
fn of_several_streams_the_one_that_waits_longest_counts_in_whatever_order_they_are() {
    for begin in [0, 1000, HALF - 5, u32::MAX - 5, u32::MAX] {
        for after in [
            [0, 10, 20],
            [20, 10, 0],
            [10, 0, 20],
            [5, 5, 5],
            [0, 0, HALF - 1],
        ] {
            let mut wire = Wire::open();
            wire.hears(&[post(1), post(3), post(5)].concat());
            for (stream, after) in [1, 3, 5].into_iter().zip(after) {
                wire.seconds = begin.wrapping_add(after);
                wire.hears(&data(stream, false, b"x"));
            }
            let first = begin.wrapping_add(after.into_iter().min().expect("three"));
            assert_eq!(
                waits(&wire),
                [(Deadline::Body, first)],
                "{after:?} from {begin}"
            );
        }
    }
}

#[test]
fn a_stream_waits_for_its_own_window_since_its_last_progress_and_for_the_connections_since_the_last_of_all()
 {
    // The connection's window is used up by the first stream; the other waits behind it.
    let stalled = |begin: u32, asked: u32, moved: u32| {
        let mut wire = Wire::open_with(Limits::default(), &[(4, 1 << 20)]);
        wire.hears(&[get(1), get(3)].concat());
        let answer = |wire: &mut Wire, stream: u32, size: usize, seconds: u32| {
            wire.seconds = begin.wrapping_add(seconds);
            wire.answers(stream, Payload::Later).expect("an answer");
            let id = StreamId(stream);
            let bytes = vec![0; size].into();
            wire.session
                .body(id, bytes, wire.seconds)
                .expect("a stream");
        };
        let send = |wire: &mut Wire| {
            wire.seconds = begin.wrapping_add(moved);
            while wire.session.has_output() {
                wire.flushes();
            }
        };
        if asked < moved {
            answer(&mut wire, 3, 100_000, asked);
            // Those that do not share go one after the other, the first one first.
            wire.hears(&forged(0x10, 0, 0, b"\0\0\0\x01u=0"));
            answer(&mut wire, 1, 65_535, asked);
            send(&mut wire);
        } else {
            answer(&mut wire, 1, 65_535, 0);
            send(&mut wire);
            answer(&mut wire, 3, 100_000, asked);
        }
        wire.session.since(Deadline::Stall)
    };
    for begin in [0, 1000, u32::MAX - 15, u32::MAX - 25] {
        for (asked, moved) in [(10, 20), (20, 10), (10, 10), (0, 30), (30, 0)] {
            let since = begin.wrapping_add(asked.max(moved));
            assert_eq!(
                stalled(begin, asked, moved),
                Some(since),
                "{asked} {moved} {begin}"
            );
        }
    }
    // Without room of its own a stream waits for that, whatever else was sent.
    let mut wire = Wire::open_with(Limits::default(), &[(4, 0)]);
    wire.hears(&[get(1), get(3)].concat());
    for (stream, seconds) in [(1, 10), (3, 20)] {
        wire.seconds = seconds;
        wire.answers(stream, Payload::Slice(b"payload"))
            .expect("an answer");
    }
    wire.seconds = 30;
    wire.hears(&super::forge::window_update(3, 1));
    wire.flushes();
    assert_eq!(waits(&wire), [(Deadline::Stall, 10)]);
    wire.hears(&super::forge::window_update(1, 7));
    assert_eq!(
        waits(&wire),
        [(Deadline::Stall, 30)],
        "the first has room now"
    );
    wire.flushes();
    assert_eq!(waits(&wire), [(Deadline::Stall, 30)]);
    wire.hears(&super::forge::window_update(3, 6));
    wire.flushes();
    assert_eq!(waits(&wire), [(Deadline::Idle, 30)]);
}

#[test]
fn an_answer_waits_for_room_no_longer_because_its_client_sends_on() {
    let mut wire = Wire::open_with(Limits::default(), &[(4, 0)]);
    wire.hears(&post(1));
    wire.seconds = 10;
    wire.answers(1, Payload::Slice(b"payload"))
        .expect("an answer");
    for (seconds, size, end) in [
        (20, 0, false),
        (30, 1, false),
        (40, 16_384, false),
        (50, 0, true),
    ] {
        wire.seconds = seconds;
        wire.hears(&data(1, end, &vec![0; size]));
        wire.took(1, size as u32);
        assert_eq!(waits(&wire), [(Deadline::Stall, 10)], "{seconds}");
    }
    // Nor has a client that took the last of its answer been late with its body meanwhile.
    wire.hears(&post(3));
    wire.answers(3, Payload::Slice(b"payload"))
        .expect("an answer");
    wire.seconds = 60;
    wire.hears(&super::forge::window_update(3, 7));
    wire.flushes();
    assert_eq!(waits(&wire), [(Deadline::Body, 60), (Deadline::Stall, 10)]);
}

#[test]
fn a_stream_owes_a_body_until_its_end_unless_its_answer_has_begun_or_it_is_a_tunnel() {
    let connect = [(":method", "CONNECT"), (":authority", "example.org:443")];
    let begin = |what: &str| {
        let mut wire = Wire::open();
        match what.contains("tunnel") {
            true => wire.hears(&super::forge::headers(1, false, &connect)),
            false => wire.hears(&post(1)),
        };
        let id = StreamId(1);
        for step in what.split(' ') {
            match step {
                "tunnel" | "request" => {}
                "ended" => assert_eq!(wire.hears(&data(1, true, b"x")).len(), 1),
                "answered" => wire.answers(1, Payload::Later).expect("an answer"),
                "complete" => wire.answers(1, Payload::None).expect("an answer"),
                "finished" => {
                    wire.session.finish(id, None, 0).expect("a stream");
                    wire.flushes();
                }
                _ => panic!("{step}"),
            }
        }
        wire
    };
    for (what, owes) in [
        ("request", true),
        ("request answered", false),
        ("request ended", false),
        ("request ended answered", false),
        // An answer that is complete: the rest of the request is awaited, and thrown away.
        ("request complete", true),
        ("request answered finished", true),
        ("tunnel", false),
        ("tunnel answered", false),
        ("tunnel ended", false),
        ("tunnel answered finished", true),
    ] {
        let waits = begin(what).session.since(Deadline::Body);
        assert_eq!(waits, owes.then_some(0), "{what}");
    }
}

#[test]
fn a_client_owes_a_body_as_long_as_both_windows_have_room_for_a_byte_of_it() {
    // Bytes of the stream's window, and what the client has sent of them.
    for (window, sent, owes) in [
        (100, 0, true),
        (100, 99, true),
        (100, 100, false),
        (1, 0, true),
        (1, 1, false),
    ] {
        let limits = Limits {
            stream_window: window,
            ..Limits::default()
        };
        let mut wire = Wire::open_with(limits, &[]);
        wire.hears(&post(1));
        wire.hears(&data(1, false, &vec![0; sent]));
        let waits = wire.session.since(Deadline::Body);
        assert_eq!(waits, owes.then_some(0), "{sent} of {window}");
        assert_eq!(wire.session.may_be_sent(StreamId(1)), owes);
        assert!(!wire.session.may_be_sent(StreamId(3)), "it is not open");
        wire.took(1, sent as u32);
        assert_eq!(wire.session.since(Deadline::Body), Some(0));
    }
    // The same of the connection's window, which is never less than 65,535 bytes.
    for (last, owes) in [(16_382, true), (16_383, false)] {
        let limits = Limits {
            connection_window: 0,
            ..Limits::default()
        };
        let mut wire = Wire::open_with(limits, &[]);
        wire.hears(&post(1));
        for size in [16_384, 16_384, 16_384, last] {
            wire.hears(&data(1, false, &vec![0; size]));
        }
        assert_eq!(
            wire.session.since(Deadline::Body),
            owes.then_some(0),
            "{last}"
        );
        assert_eq!(wire.session.may_be_sent(StreamId(1)), owes);
    }
}

/// What a limit does that has passed, in each phase of a connection.
#[test]
fn a_limit_that_is_not_in_force_does_nothing_and_one_that_is_ends_what_it_is_about() {
    for (phase, in_force) in [
        ("silent", &[Deadline::Preface][..]),
        ("idle", &[Deadline::Idle]),
        ("half a block", &[Deadline::Block, Deadline::Idle]),
        ("posting", &[Deadline::Body]),
        ("stalled", &[Deadline::Stall]),
        ("served", &[]),
        ("announced", &[Deadline::Drain]),
        ("leaving", &[]),
        ("over", &[]),
        ("over in half a block", &[]),
    ] {
        let prepare = || {
            if phase == "silent" {
                return Wire::silent(Limits::default());
            }
            let mut wire = Wire::open_with(Limits::default(), &[(4, 0)]);
            match phase {
                "half a block" => drop(wire.hears(&forged(1, END_STREAM, 1, &block(&GET[..2])))),
                "posting" => drop(wire.hears(&post(1))),
                "stalled" => {
                    wire.hears(&get(1));
                    wire.answers(1, Payload::Slice(b"x")).expect("an answer");
                }
                "served" | "leaving" | "over in half a block" => drop(wire.hears(&get(1))),
                "announced" => wire.drains(0),
                "over" => {
                    wire.fails(&forged(6, 0, 0, b"short"));
                }
                _ => {}
            }
            if phase == "leaving" {
                wire.hears(&forged(7, 0, 0, &[0; 8]));
            }
            if phase == "over in half a block" {
                wire.hears(&forged(7, 0, 0, &[0; 8]));
                wire.hears(&forged(1, END_STREAM, 3, &block(&GET[..2])));
                wire.answers(1, Payload::None).expect("an answer");
            }
            wire.says();
            wire
        };
        for deadline in Deadline::ALL {
            let mut wire = prepare();
            let is_in_force = in_force.contains(&deadline);
            assert_eq!(
                wire.session.since(deadline).is_some(),
                is_in_force,
                "{phase} {deadline:?}"
            );
            let before = (wire.session.phase(), wire.session.streams());
            let ended = wire.overdue(deadline, 1000);
            let said = wire.says();
            if !is_in_force {
                assert_eq!(
                    (ended, said),
                    (Ok(Vec::new()), Vec::new()),
                    "{phase} {deadline:?}"
                );
                assert_eq!((wire.session.phase(), wire.session.streams()), before);
                continue;
            }
            assert!(!said.is_empty());
            assert_eq!(wire.session.since(deadline), None, "{phase} {deadline:?}");
            match deadline {
                Deadline::Preface | Deadline::Block => {
                    let fault = ended.expect_err("a fault");
                    assert_eq!(fault.code, ErrorCode::PROTOCOL_ERROR);
                    assert_eq!(wire.session.phase(), Phase::Over);
                }
                Deadline::Body | Deadline::Stall => {
                    let code = match deadline {
                        Deadline::Body => ErrorCode::CANCEL,
                        _ => ErrorCode::ENHANCE_YOUR_CALM,
                    };
                    let ended = ended.expect("the connection goes on");
                    assert!(matches!(ended[..], [(_, End::Broken(fault))] if fault.code == code));
                    assert_eq!(said, [Sent::Reset(1, code)]);
                    assert_eq!(wire.session.phase(), Phase::Open);
                }
                Deadline::Idle => assert_eq!(wire.session.phase(), Phase::Announced),
                Deadline::Drain => assert_eq!(wire.session.phase(), Phase::Over),
            }
        }
    }
}
