//! What a session makes of a client's frames: RFC 9113 sections 3.4, 4.3, 5 and 6, by section.

use super::forge::{
    END_HEADERS, END_STREAM, GET, PADDED, Seen, Sent, Wire, block, data, forged, get, headers,
    post, reset, settings, window_update,
};
use ringgate::http2::frame::PREFACE;
use ringgate::http2::life::Phase;
use ringgate::http2::priority::Priority;
use ringgate::http2::queue::Queue;
use ringgate::http2::{End, ErrorCode, Limits, Payload, StreamId};

const PROTOCOL: ErrorCode = ErrorCode::PROTOCOL_ERROR;
const CLOSED: ErrorCode = ErrorCode::STREAM_CLOSED;

/// A session with a stream whose request is complete.
fn asked() -> Wire {
    let mut wire = Wire::open();
    wire.hears(&get(1));
    wire
}

/// A session with a stream whose body is to come.
fn posting() -> Wire {
    let mut wire = Wire::open();
    wire.hears(&post(1));
    wire
}

/// A session with a stream that both sides have ended.
fn ended() -> Wire {
    let mut wire = asked();
    wire.answers(1, Payload::None).expect("an answer");
    wire.says();
    wire
}

#[test]
fn section_3_4_a_connection_begins_with_the_preface_and_settings() {
    let mut wire = Wire::silent(Limits::default());
    let bytes = [&PREFACE[..], &settings(&[])].concat();
    for byte in &bytes {
        wire.hears(std::slice::from_ref(byte));
    }
    assert_eq!(wire.session.phase(), Phase::Open);
    let said = wire.says();
    assert!(matches!(
        said[..],
        [Sent::Settings, Sent::WindowUpdate(0, _), Sent::SettingsAck]
    ));
    for wrong in [
        b"GET / HTTP/1.1\r\nHost: a\r\n\r\n".to_vec(),
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\rX".to_vec(),
        [&PREFACE[..], &get(1)].concat(),
        [&PREFACE[..], &forged(4, 1, 0, &[])].concat(),
    ] {
        assert_eq!(Wire::silent(Limits::default()).fails(&wrong), PROTOCOL);
    }
}

#[test]
fn section_4_2_a_frame_of_the_largest_size_is_taken_and_a_larger_one_is_not() {
    let mut wire = posting();
    let seen = wire.hears(&data(1, false, &[b'x'; 16_384]));
    assert!(matches!(&seen[..], [Seen::Data(1, bytes, false)] if bytes.len() == 16_384));
    assert_eq!(
        wire.fails(&data(1, false, &[b'x'; 16_385])),
        ErrorCode::FRAME_SIZE_ERROR
    );
}

#[test]
fn section_4_3_a_block_that_cannot_be_decoded_ends_the_connection() {
    let bytes = forged(1, END_HEADERS | END_STREAM, 1, b"\xFF\xFF\xFF\xFF\xFF");
    assert_eq!(Wire::open().fails(&bytes), ErrorCode::COMPRESSION_ERROR);
}

#[test]
fn section_4_3_a_block_that_nobody_reads_is_decoded_all_the_same() {
    let begin = |what: &str| {
        let limits = Limits {
            streams: 1,
            ..Limits::default()
        };
        let mut wire = Wire::open_with(limits, &[]);
        match what {
            "one too many" | "ended" | "leaving" => wire.hears(&get(1)),
            _ => wire.hears(&post(1)),
        };
        match what {
            "given up" => {
                let given_up = wire.session.reset(StreamId(1), PROTOCOL, 0, &mut wire.out);
                given_up.expect("a stream");
            }
            "answered" => wire.answers(1, Payload::None).expect("an answer"),
            "leaving" => assert_eq!(wire.hears(&forged(7, 0, 0, &[0; 8])), []),
            _ => {}
        }
        wire
    };
    for (what, stream) in [
        ("one too many", 3),
        ("given up", 1),
        ("answered", 1),
        ("ended", 1),
        ("leaving", 3),
    ] {
        let fields = |block: &[u8]| forged(1, END_HEADERS | END_STREAM, stream, block);
        let lost = begin(what).fails(&fields(b"\xFF\xFF\xFF\xFF\xFF\xFF"));
        assert_eq!(lost, ErrorCode::COMPRESSION_ERROR, "{what}");
        let mut wire = begin(what);
        let front = if stream == 1 { Vec::new() } else { block(&GET) };
        wire.hears(&fields(&[&front[..], b"\x40\x05x-own\x011"].concat()));
        if what == "one too many" {
            wire.answers(1, Payload::None).expect("an answer");
        }
        // The field is in the table, unless no request is begun any more.
        let by_index = [&block(&GET)[..], &[0xBE]].concat();
        let seen = wire.hears(&forged(1, END_HEADERS | END_STREAM, 5, &by_index));
        if what == "leaving" {
            assert_eq!(seen, []);
            continue;
        }
        assert!(matches!(seen[..], [Seen::Head { stream: 5, .. }]), "{what}");
        assert_eq!(wire.head.header(&wire.text, "x-own"), Some(&b"1"[..]));
    }
}

#[test]
fn section_4_3_a_block_is_interrupted_by_nothing() {
    let begun = || {
        let mut wire = Wire::open();
        wire.hears(&forged(1, END_STREAM, 1, &block(&GET[..2])));
        wire
    };
    for frame in [
        get(3),
        forged(9, END_HEADERS, 3, &block(&GET[2..])),
        data(1, true, b"x"),
        forged(2, 0, 1, &[0, 0, 0, 0, 16]),
        forged(6, 0, 0, b"12345678"),
        forged(0xEE, 0, 0, b"anything"),
        forged(5, END_HEADERS, 1, &[0, 0, 0, 2]),
    ] {
        assert_eq!(begun().fails(&frame), PROTOCOL);
    }
    let mut wire = begun();
    assert_eq!(wire.hears(&forged(9, 0, 1, &block(&GET[2..3]))), []);
    let seen = wire.hears(&forged(9, END_HEADERS, 1, &block(&GET[3..])));
    assert!(matches!(
        seen[..],
        [Seen::Head {
            stream: 1,
            end: true,
            ..
        }]
    ));
}

#[test]
fn section_5_1_an_idle_stream_takes_headers_and_priority_alone() {
    for frame in [
        data(1, true, b"x"),
        reset(1),
        window_update(1, 1),
        forged(9, END_HEADERS, 1, &block(&GET)),
    ] {
        assert_eq!(Wire::open().fails(&frame), PROTOCOL);
    }
    assert_eq!(Wire::open().hears(&forged(2, 0, 1, &[0, 0, 0, 0, 16])), []);
}

#[test]
fn section_5_1_behind_the_end_of_a_request_nothing_more_of_it_comes() {
    assert_eq!(asked().breaks(&data(1, true, b"x")), CLOSED);
    assert_eq!(asked().breaks(&headers(1, true, &[("a", "b")])), CLOSED);
    assert_eq!(
        asked().fails(&forged(9, END_HEADERS, 1, &block(&GET))),
        PROTOCOL
    );
    let mut wire = asked();
    assert_eq!(wire.hears(&window_update(1, 1)), []);
    let why = End::Cancelled(ErrorCode::CANCEL);
    assert_eq!(wire.hears(&reset(1)), [Seen::Ended(1, why)]);
    assert_eq!(wire.answers(1, Payload::None), Err(ringgate::http2::Gone));
    assert_eq!(wire.says(), []);
}

#[test]
fn section_5_1_of_a_stream_that_is_over_only_what_was_on_its_way_is_taken() {
    assert_eq!(ended().breaks(&data(1, false, b"x")), CLOSED);
    assert_eq!(ended().fails(&headers(1, true, &GET)), CLOSED);
    assert_eq!(ended().hears(&window_update(1, 1)), []);
    assert_eq!(ended().hears(&reset(1)), []);
    assert_eq!(ended().hears(&forged(2, 0, 1, &[0, 0, 0, 0, 16])), []);
    // The client has reset it itself.
    let mut wire = posting();
    wire.hears(&reset(1));
    assert_eq!(wire.breaks(&data(1, false, b"x")), CLOSED);
}

#[test]
fn section_6_1_the_padding_of_data_that_came_too_late_is_no_frame() {
    let mut wire = asked();
    assert_eq!(wire.breaks(&forged(0, PADDED, 1, b"\x02\0\0")), CLOSED);
    wire.hears(&forged(6, 0, 0, b"12345678"));
    assert_eq!(wire.says(), [Sent::Ping(*b"12345678", true)]);
}

#[test]
fn section_5_1_what_was_on_its_way_to_a_stream_that_this_side_has_reset_is_ignored() {
    let mut wire = posting();
    let (seconds, out) = (wire.seconds, &mut wire.out);
    wire.session
        .reset(StreamId(1), ErrorCode::REFUSED_STREAM, seconds, out)
        .expect("a stream");
    assert_eq!(wire.says(), [Sent::Reset(1, ErrorCode::REFUSED_STREAM)]);
    assert_eq!(wire.hears(&data(1, false, &[b'x'; 1000])), []);
    assert_eq!(wire.hears(&window_update(1, 1)), []);
    assert_eq!(wire.hears(&headers(1, true, &[("x-sum", "1")])), []);
    assert_eq!(wire.hears(&reset(1)), []);
    assert_eq!(wire.says(), []);
    assert!(matches!(
        wire.hears(&get(3))[..],
        [Seen::Head { stream: 3, .. }]
    ));
}

#[test]
fn section_5_1_behind_resets_of_all_streams_at_once_no_frame_is_a_fault_of_the_connection() {
    let mut wire = Wire::open();
    let streams = || (0..100).map(|nth| 2 * nth + 1);
    for stream in streams() {
        wire.hears(&post(stream));
    }
    for stream in streams() {
        let code = ErrorCode::CANCEL;
        let given_up = wire.session.reset(StreamId(stream), code, 0, &mut wire.out);
        given_up.expect("a stream");
    }
    wire.says();
    let mut room = 0;
    for stream in streams() {
        assert_eq!(wire.hears(&data(stream, false, &[b'x'; 16_000])), []);
        assert_eq!(wire.hears(&window_update(stream, 1)), []);
        assert_eq!(wire.hears(&headers(stream, true, &[("x-sum", "1")])), []);
        for sent in wire.says() {
            match sent {
                Sent::WindowUpdate(0, more) => room += more,
                other => panic!("{other:?} for what was on its way"),
            }
        }
    }
    // It counted against the connection's window, which the client got back, but for less than half of it.
    assert!(
        (1_600_000 - (512 << 10)..=1_600_000).contains(&room),
        "{room}"
    );
}

#[test]
fn section_5_1_fields_behind_a_reset_of_the_client_cost_their_stream_alone() {
    let mut wire = Wire::open();
    wire.hears(&[post(1), get(3)].concat());
    wire.hears(&reset(1));
    assert_eq!(wire.breaks(&headers(1, true, &[("a", "b")])), CLOSED);
    assert_eq!(wire.hears(&headers(1, true, &[("a", "b")])), []);
    // Behind the end of a request they end the connection, as ever.
    wire.hears(&reset(3));
    assert_eq!(wire.fails(&headers(3, true, &[("a", "b")])), CLOSED);
}

#[test]
fn section_5_1_1_streams_are_odd_and_rise() {
    assert_eq!(Wire::open().fails(&get(2)), PROTOCOL);
    let mut wire = Wire::open();
    wire.hears(&get(5));
    assert_eq!(wire.fails(&get(3)), CLOSED);
}

#[test]
fn section_5_1_2_a_stream_too_many_is_refused_and_may_be_sent_again() {
    let limits = Limits {
        streams: 2,
        ..Limits::default()
    };
    let mut wire = Wire::open_with(limits, &[]);
    wire.hears(&[get(1), get(3)].concat());
    assert_eq!(wire.breaks(&get(5)), ErrorCode::REFUSED_STREAM);
    wire.answers(1, Payload::None).expect("an answer");
    assert!(matches!(
        wire.hears(&get(7))[..],
        [Seen::Head { stream: 7, .. }]
    ));
}

/// RFC 7540 section 5.3.1.
#[test]
fn a_stream_that_depends_on_itself_is_reset() {
    let payload = [&[0, 0, 0, 1, 16][..], &block(&GET)].concat();
    let bytes = forged(1, 0x20 | END_HEADERS | END_STREAM, 1, &payload);
    assert_eq!(Wire::open().breaks(&bytes), PROTOCOL);
    assert_eq!(
        asked().breaks(&forged(2, 0, 1, &[0, 0, 0, 1, 16])),
        PROTOCOL
    );
}

#[test]
fn section_5_4_1_a_fault_says_the_last_stream_and_nothing_is_read_behind_it() {
    let mut wire = asked();
    let fault = wire.tries(&forged(6, 0, 0, b"short")).expect_err("a fault");
    let said = wire.says();
    assert_eq!(
        said,
        [Sent::GoAway(
            1,
            ErrorCode::FRAME_SIZE_ERROR,
            fault.why.to_owned()
        )]
    );
    assert_eq!(wire.session.phase(), Phase::Over);
    assert_eq!(wire.hears(&get(3)), []);
    assert_eq!(wire.says(), []);
}

#[test]
fn section_5_5_unknown_frames_are_ignored() {
    let mut wire = Wire::open();
    assert_eq!(wire.hears(&forged(0xEE, 0xFF, 1, b"anything")), []);
    assert_eq!(wire.says(), []);
}

#[test]
fn section_6_1_data_is_delivered_in_parts_as_it_comes_without_its_padding() {
    let mut wire = posting();
    let frame = forged(0, 8 | END_STREAM, 1, b"\x03payload\0\0\0");
    let mut payload = Vec::new();
    let mut ends = 0;
    for byte in &frame {
        for seen in wire.hears(std::slice::from_ref(byte)) {
            let Seen::Data(1, bytes, end) = seen else {
                panic!("{seen:?}");
            };
            payload.extend(bytes);
            ends += usize::from(end);
        }
    }
    assert_eq!((&payload[..], ends), (&b"payload"[..], 1));
    let whole = posting().hears(&frame);
    assert_eq!(whole, [Seen::Data(1, b"payload".to_vec(), true)]);
}

#[test]
fn section_6_4_to_6_8_faults_of_single_frames_end_the_connection() {
    let size = ErrorCode::FRAME_SIZE_ERROR;
    for (frame, code) in [
        (forged(3, 0, 0, &[0; 4]), PROTOCOL),
        (forged(3, 0, 1, &[0; 3]), size),
        (forged(4, 1, 0, &[0; 6]), size),
        (forged(4, 0, 1, &[0; 6]), PROTOCOL),
        (forged(4, 0, 0, &[0; 3]), size),
        (settings(&[(2, 2)]), PROTOCOL),
        (settings(&[(4, 1 << 31)]), ErrorCode::FLOW_CONTROL_ERROR),
        (settings(&[(5, 1)]), PROTOCOL),
        (forged(5, END_HEADERS, 1, &[0, 0, 0, 2]), PROTOCOL),
        (forged(6, 0, 1, &[0; 8]), PROTOCOL),
        (forged(6, 0, 0, &[0; 6]), size),
        (forged(7, 0, 1, &[0; 8]), PROTOCOL),
        (window_update(0, 0), PROTOCOL),
        (forged(8, 0, 0, &[0; 3]), size),
        (forged(0x10, 0, 0, &[0, 0, 0, 0, b'i']), PROTOCOL),
    ] {
        assert_eq!(asked().fails(&frame), code, "{frame:?}");
    }
}

#[test]
fn section_6_5_3_and_6_7_settings_and_pings_are_answered_in_order() {
    let mut wire = Wire::open();
    let ping = forged(6, 0, 0, b"12345678");
    wire.hears(&[settings(&[(0xAB, 1)]), ping, settings(&[])].concat());
    assert_eq!(
        wire.says(),
        [
            Sent::SettingsAck,
            Sent::Ping(*b"12345678", true),
            Sent::SettingsAck
        ]
    );
    wire.hears(&forged(6, 1, 0, b"12345678"));
    assert_eq!(wire.says(), [], "an answer is not answered");
}

#[test]
fn section_6_8_after_the_clients_goaway_what_was_begun_is_served() {
    let mut wire = asked();
    wire.hears(&forged(7, 0, 0, &[0; 8]));
    assert_eq!(
        wire.says(),
        [Sent::GoAway(1, ErrorCode::NO_ERROR, String::new())]
    );
    assert_eq!(wire.hears(&get(3)), [], "and nothing else");
    assert_eq!(wire.session.phase(), Phase::Leaving);
    wire.answers(1, Payload::None).expect("an answer");
    assert_eq!(wire.session.phase(), Phase::Over);
}

#[test]
fn section_6_8_a_drain_says_goaway_twice_and_serves_what_was_on_its_way() {
    let mut wire = asked();
    wire.drains(7);
    let said = wire.says();
    let [
        Sent::GoAway(0x7FFF_FFFF, ErrorCode::NO_ERROR, _),
        Sent::Ping(payload, false),
    ] = said[..]
    else {
        panic!("{said:?}");
    };
    assert!(matches!(
        wire.hears(&get(3))[..],
        [Seen::Head { stream: 3, .. }]
    ));
    wire.hears(&forged(6, 1, 0, &payload));
    assert_eq!(
        wire.says(),
        [Sent::GoAway(3, ErrorCode::NO_ERROR, String::new())]
    );
    // Sent before the client heard of it; not begun here, and sent again elsewhere.
    assert_eq!(wire.hears(&post(5)), []);
    assert_eq!(wire.hears(&data(5, true, b"x")), []);
    wire.answers(1, Payload::None).expect("an answer");
    assert_eq!(wire.session.phase(), Phase::Leaving);
    wire.answers(3, Payload::None).expect("an answer");
    assert_eq!(wire.session.phase(), Phase::Over);
}

#[test]
fn a_drain_of_a_connection_without_streams_ends_it_once_the_client_has_heard() {
    let mut wire = Wire::open();
    wire.drains(7);
    let said = wire.says();
    let Some(Sent::Ping(payload, false)) = said.last() else {
        panic!("{said:?}");
    };
    wire.hears(&forged(6, 1, 0, payload));
    assert_eq!(wire.session.phase(), Phase::Over);
    // Before a preface nobody has to hear, and the settings come first all the same (section 3.4).
    let mut silent = Wire::silent(Limits::default());
    silent.drains(7);
    assert_eq!(silent.session.phase(), Phase::Over);
    let said = silent.says();
    assert_eq!(said.first(), Some(&Sent::Settings));
    assert_eq!(
        said.last(),
        Some(&Sent::GoAway(0, ErrorCode::NO_ERROR, String::new()))
    );
}

#[test]
fn windows_and_table_are_those_that_the_client_was_told_whatever_the_limits_were_before() {
    let sizes = [16_384, 65_536, 1 << 20, 1 << 24];
    for before in sizes {
        for told in sizes {
            let limits = |size: u32| Limits {
                stream_window: size,
                connection_window: size,
                header_table_size: size.min(65_536),
                ..Limits::default()
            };
            let mut wire = Wire::silent(limits(before));
            wire.limits = limits(told);
            wire.hears(&[&PREFACE[..], &settings(&[])].concat());
            wire.says();
            wire.hears(&forged(4, 1, 0, &[]));
            wire.hears(&post(1));
            let mut left = told;
            while left > 0 {
                let size = left.min(16_384);
                wire.hears(&data(1, false, &vec![0; size as usize]));
                left -= size;
            }
            wire.took(1, told);
            let room = wire.says();
            assert!(
                room.contains(&Sent::WindowUpdate(1, told)),
                "{before} {told}: {room:?}"
            );
        }
    }
}

#[test]
fn section_6_10_continuation_continues_headers() {
    assert_eq!(
        asked().fails(&forged(9, END_HEADERS, 1, &block(&GET))),
        PROTOCOL
    );
    assert_eq!(
        posting().fails(&forged(9, END_HEADERS, 1, &block(&GET))),
        PROTOCOL
    );
}

#[test]
fn a_queue_keeps_its_memory_while_somebody_waits_and_lets_go_of_it_behind_the_last() {
    let mut queue = Queue::default();
    for number in 1..100 {
        queue.push(StreamId(number), Priority::default());
    }
    for number in 2..100 {
        queue.remove(StreamId(number));
    }
    queue.give_up_excess();
    assert!(queue.memory() > 0 && queue.next(|_| true) == Some(StreamId(1)));
    queue.remove(StreamId(1));
    queue.give_up_excess();
    assert_eq!(queue.memory(), 0);
}
