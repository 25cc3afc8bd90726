//! Since when something is waited for, and what happens then.

use super::forge::{END_STREAM, GET, Sent, Wire, block, data, forged, get, post, settings};
use ringgate::http2::frame::PREFACE;
use ringgate::http2::life::Phase;
use ringgate::http2::session::Deadline;
use ringgate::http2::{End, ErrorCode, Limits, Payload};

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
    wire.session.drain(40, &mut wire.out);
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
    wire.took(1, 40_000);
    assert_eq!(waits(&wire), [(Deadline::Body, 0)]);
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
    assert!(matches!(
        wire.says()[..],
        [Sent::GoAway(0, ErrorCode::PROTOCOL_ERROR, _)]
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
    wire.session.drain(7, &mut wire.out);
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
