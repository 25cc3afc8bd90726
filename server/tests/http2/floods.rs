//! Clients that misuse what the protocol gives them: each is ended by the budget that its act is counted on,
//! with ENHANCE_YOUR_CALM, and holds little memory until then.

use super::forge::{
    END_HEADERS, END_STREAM, GET, PADDED, Sent, Wire, block, data, forged, get, headers, post,
    reset, settings, window_update,
};
use bytes::Bytes;
use ringgate::http2::session::Deadline;
use ringgate::http2::{Budget, End, ErrorCode, Fault, Limits, Payload, StreamId};

/// Does the same again and again; gives the budget that ends it, and after how many times.
#[track_caller]
fn ends(mut wire: Wire, mut act: impl FnMut(&mut Wire, u32) -> Vec<u8>) -> (Budget, u32) {
    for round in 0..100_000 {
        let bytes = act(&mut wire, round);
        if let Err(fault) = wire.tries(&bytes) {
            let said = String::from_utf8_lossy(&wire.out[wire.out.len().saturating_sub(80)..])
                .into_owned();
            assert_eq!(fault.code, ErrorCode::ENHANCE_YOUR_CALM, "{fault}");
            assert!(said.contains(fault.why), "{said}");
            return (fault.budget.expect("a budget"), round);
        }
        assert!(wire.session.memory() < 40_000, "{}", wire.session.memory());
        assert!(wire.out.len() < 100_000);
    }
    panic!("nothing ends it");
}

fn id(round: u32) -> u32 {
    2 * round + 1
}

#[test]
fn rapid_reset_is_ended_by_the_clients_resets() {
    let (budget, rounds) = ends(Wire::open(), |wire, round| {
        wire.says();
        [get(id(round)), reset(id(round))].concat()
    });
    assert_eq!((budget, rounds), (Budget::Resets, 200));
}

#[test]
fn a_client_that_takes_answers_may_cancel_as_many_requests() {
    let mut wire = Wire::open();
    for round in 0..2000 {
        let stream = id(2 * round);
        wire.hears(&[get(stream), get(stream + 2), reset(stream + 2)].concat());
        wire.answers(stream, Payload::None).expect("an answer");
        wire.says();
    }
}

#[test]
fn madeyoureset_is_ended_by_the_resets_that_this_side_is_made_to_send() {
    for make in [
        |stream| window_update(stream, 0),
        |stream| window_update(stream, 0x7FFF_FFFF),
        |stream| data(stream, false, b"behind the end"),
        |stream| headers(stream, true, &[("behind", "the end")]),
        |stream| forged(2, 0, stream, &[0; 4]),
    ] as [fn(u32) -> Vec<u8>; 5]
    {
        let (budget, rounds) = ends(Wire::open(), |wire, round| {
            wire.says();
            [get(id(round)), make(id(round))].concat()
        });
        assert_eq!((budget, rounds), (Budget::ResetsMade, 100));
    }
}

#[test]
fn field_sections_of_a_stream_that_is_over_are_counted_too() {
    let mut wire = Wire::open();
    wire.hears(&post(1));
    let (session, out) = (&mut wire.session, &mut wire.out);
    let code = ErrorCode::CANCEL;
    session.reset(StreamId(1), code, 0, out).expect("a stream");
    let (budget, rounds) = ends(wire, |_, _| headers(1, true, &[("a", "b")]));
    assert_eq!((budget, rounds), (Budget::ResetsMade, 100));
}

#[test]
fn malformed_and_refused_requests_are_counted_as_resets_too() {
    let (budget, rounds) = ends(Wire::open(), |wire, round| {
        wire.says();
        headers(id(round), true, &GET[..2])
    });
    assert_eq!((budget, rounds), (Budget::ResetsMade, 100));
    let (budget, rounds) = ends(Wire::open(), |wire, round| {
        wire.says();
        get(id(round))
    });
    assert_eq!(
        (budget, rounds),
        (Budget::ResetsMade, 200),
        "100 streams, and 100 refusals"
    );
    let many: Vec<_> = GET.into_iter().chain([("a", "b"); 200]).collect();
    let (budget, rounds) = ends(Wire::open(), |wire, round| {
        let seen = headers(id(round), true, &many);
        wire.says();
        if round > 0 {
            wire.answers(id(round - 1), Payload::None)
                .expect("the answer that refuses");
        }
        seen
    });
    assert_eq!((budget, rounds), (Budget::ResetsMade, 100));
}

#[test]
fn continuations_without_an_end_are_ended_by_their_number_and_by_their_size() {
    let limits = Limits {
        continuations: 1000,
        ..Limits::default()
    };
    let flood = |limits, size: usize| {
        ends(Wire::open_with(limits, &[]), move |_, round| match round {
            0 => forged(1, END_STREAM, 1, &block(&GET)),
            _ => forged(9, 0, 1, &vec![0x82; size]),
        })
    };
    assert_eq!(flood(Limits::default(), 0), (Budget::Continuations, 5));
    assert_eq!(flood(limits, 10_000), (Budget::HeaderListSize, 4));
    assert_eq!(flood(limits, 0), (Budget::Continuations, 1001));
}

#[test]
fn pings_settings_priorities_and_unknown_frames_are_ended_each_by_its_own_budget() {
    let limits = Limits::default();
    for (frame, expected) in [
        (
            forged(6, 0, 0, &[0; 8]),
            (Budget::Pings, u32::from(limits.pings)),
        ),
        (
            forged(6, 1, 0, &[0; 8]),
            (Budget::Pings, u32::from(limits.pings)),
        ),
        // One came with the preface, and an acknowledgement.
        (
            forged(4, 1, 0, &[]),
            (Budget::Settings, u32::from(limits.settings) - 2),
        ),
        (
            settings(&[]),
            (Budget::Settings, u32::from(limits.settings) - 2),
        ),
        (
            forged(2, 0, 1, &[0; 5]),
            (Budget::Priorities, u32::from(limits.priorities)),
        ),
        (
            forged(0x10, 0, 0, b"\0\0\0\x01u=1"),
            (Budget::Priorities, u32::from(limits.priorities)),
        ),
        (
            forged(0xEE, 0, 0, &[]),
            (Budget::Priorities, u32::from(limits.priorities)),
        ),
        (
            window_update(0, 1),
            (Budget::WindowUpdates, u32::from(limits.window_updates)),
        ),
    ] {
        let found = ends(Wire::open(), |wire, _| {
            wire.says();
            frame.clone()
        });
        assert_eq!(found, expected);
    }
}

#[test]
fn goaway_again_and_again_is_ended_while_a_stream_is_open() {
    let mut wire = Wire::open();
    wire.hears(&get(1));
    let flood = ends(wire, |_, _| forged(7, 0, 0, &[0; 8]));
    assert_eq!(flood, (Budget::Settings, 98));
}

#[test]
fn empty_and_small_data_that_ends_nothing_is_ended() {
    let limits = Limits::default();
    let posting = || {
        let mut wire = Wire::open();
        wire.hears(&post(1));
        wire
    };
    let empty = ends(posting(), |_, _| data(1, false, b""));
    assert_eq!(empty, (Budget::EmptyData, u32::from(limits.empty_data)));
    let padded = ends(posting(), |wire, _| {
        wire.says();
        forged(0, PADDED, 1, &[5, 0, 0, 0, 0, 0])
    });
    assert_eq!(padded, (Budget::EmptyData, u32::from(limits.empty_data)));
    let small = ends(posting(), |wire, _| {
        wire.took(1, 1);
        wire.says();
        data(1, false, b"x")
    });
    assert_eq!(small, (Budget::SmallData, u32::from(limits.small_data)));
    let mut wire = posting();
    for _ in 0..50_000 {
        wire.hears(&[data(1, false, b"x"), data(1, false, &[b'x'; 64])].concat());
        wire.took(1, 65);
        wire.says();
    }
}

#[test]
fn a_client_that_takes_no_answers_to_its_control_frames_is_ended_when_too_many_wait() {
    let limits = Limits {
        pings: u16::MAX,
        queued_controls: 50,
        ..Limits::default()
    };
    let flood = ends(Wire::open_with(limits, &[]), |_, _| {
        forged(6, 0, 0, &[0; 8])
    });
    assert_eq!(flood, (Budget::QueuedControls, 50));
}

#[test]
fn each_window_of_time_begins_with_whole_budgets() {
    let mut wire = Wire::open();
    for round in 0..1000 {
        // 200 in ten seconds, again and again.
        wire.seconds = round / 200 * 10;
        wire.hears(&[get(id(round)), reset(id(round))].concat());
        wire.says();
    }
}

/// A client asks for much, gives no room, and waits.
#[test]
fn answers_before_a_closed_window_are_given_up_after_a_time() {
    let mut wire = Wire::open_with(Limits::default(), &[(4, 0)]);
    for round in 0..100 {
        wire.hears(&get(id(round)));
        wire.seconds = round;
        wire.answers(id(round), Payload::Bytes(Bytes::from_static(&[0; 1000])))
            .expect("an answer");
    }
    wire.says();
    assert_eq!(wire.session.since(Deadline::Stall), Some(0));
    let ended = wire
        .overdue(Deadline::Stall, 49)
        .expect("the connection goes on");
    assert_eq!(ended.len(), 50);
    let why = End::Broken(Fault::calm(Budget::StallTimeout));
    assert!(ended.iter().all(|(_, end)| *end == why));
    let said = wire.says();
    assert_eq!(said[0], Sent::Reset(1, ErrorCode::ENHANCE_YOUR_CALM));
    assert_eq!((said.len(), wire.session.streams()), (50, 50));
    assert_eq!(wire.session.since(Deadline::Stall), Some(50));
    // The connection's window is closed as well as those of the streams.
    let mut wire = Wire::open_with(Limits::default(), &[(4, 1 << 20)]);
    // One after the other: the second has sent nothing when the window is used up.
    let fields = [&GET[..], &[("priority", "u=3")]].concat();
    wire.hears(&[headers(1, true, &fields), headers(3, true, &fields)].concat());
    wire.answers(1, Payload::Bytes(Bytes::from(vec![0; 100_000])))
        .expect("an answer");
    wire.answers(3, Payload::Bytes(Bytes::from(vec![0; 60_000])))
        .expect("an answer");
    wire.seconds = 100;
    wire.flushes();
    assert_eq!(
        wire.session.since(Deadline::Stall),
        Some(100),
        "payload went out just now"
    );
}

#[test]
fn a_block_of_many_references_ends_with_a_refusal_and_little_memory() {
    let mut wire = Wire::open();
    let mut bomb = block(&GET);
    bomb.extend([0x40, 1, b'x', 0]);
    bomb.extend([0xBE; 15_000]);
    wire.hears(&forged(1, END_HEADERS | END_STREAM, 1, &bomb));
    assert!(wire.head.fields().len() <= 101);
    assert!(wire.session.memory() < 1000);
}
