//! Answers, windows and turns: RFC 9113 sections 5.2, 6.9 and 8, RFC 9218 section 10.

use super::forge::{
    GET, Seen, Sent, Wire, data, forged, get, headers, post, settings, window_update,
};
use bytes::Bytes;
use http::header::{HeaderMap, HeaderName, HeaderValue};
use ringgate::http1::date::Date;
use ringgate::http1::response::Fields;
use ringgate::http2::{Answer, End, ErrorCode, Gone, Limits, Payload, StreamId};

/// Payload of these frames by stream, and whether the last one ends it.
fn payload(sent: &[Sent], stream: u32) -> (usize, bool) {
    let of = |frame: &Sent| match frame {
        Sent::Data(id, bytes, end) if *id == stream => Some((bytes.len(), *end)),
        _ => None,
    };
    let parts: Vec<_> = sent.iter().filter_map(of).collect();
    let size = parts.iter().map(|(size, _)| size).sum();
    (size, parts.last().is_some_and(|(_, end)| *end))
}

/// The streams of DATA frames, in order.
fn order(sent: &[Sent]) -> Vec<u32> {
    let of = |frame: &Sent| match frame {
        Sent::Data(id, ..) => Some(*id),
        _ => None,
    };
    sent.iter().filter_map(of).collect()
}

fn large(size: usize) -> Payload<'static> {
    Payload::Bytes(Bytes::from(vec![b'x'; size]))
}

#[test]
fn answers_of_a_batch_stand_in_one_output() {
    let mut wire = Wire::open();
    wire.hears(&[get(1), get(3), get(5)].concat());
    for stream in [5, 1, 3] {
        wire.answers(stream, Payload::Slice(b"hello"))
            .expect("an answer");
    }
    let said = wire.says();
    assert_eq!(said.len(), 6);
    for (at, stream) in [5, 1, 3].into_iter().enumerate() {
        let Sent::Headers {
            stream: of,
            fields,
            end: false,
        } = &said[2 * at]
        else {
            panic!("{said:?}");
        };
        let texts: Vec<_> = fields
            .iter()
            .map(|(name, value)| (&name[..], &value[..]))
            .collect();
        assert_eq!(*of, stream);
        assert_eq!(
            texts,
            [
                (":status", "200"),
                ("date", "Thu, 01 Jan 1970 00:00:00 GMT"),
                ("content-type", "text/plain"),
                ("content-length", "5"),
            ]
        );
        assert_eq!(
            said[2 * at + 1],
            Sent::Data(stream, b"hello".to_vec(), true)
        );
    }
    assert_eq!(wire.session.streams(), 0);
}

#[test]
fn section_8_2_2_fields_about_a_connection_are_not_sent() {
    let mut wire = Wire::open();
    wire.hears(&get(1));
    let field = |name: &'static str| (HeaderName::from_static(name), HeaderValue::from_static("x"));
    let list = [
        "connection",
        "keep-alive",
        "proxy-connection",
        "transfer-encoding",
        "upgrade",
        "content-length",
        "date",
        "x-kept",
    ]
    .map(field);
    let answer = Answer {
        status: http::StatusCode::IM_A_TEAPOT,
        date: &Date::new(0),
        content_type: None,
        fields: Fields::List(&list),
        length: None,
    };
    wire.session
        .answer(StreamId(1), &answer, Payload::None, 0, &mut wire.out)
        .expect("an answer");
    let said = wire.says();
    let [
        Sent::Headers {
            fields, end: true, ..
        },
    ] = &said[..]
    else {
        panic!("{said:?}");
    };
    let names: Vec<_> = fields.iter().map(|(name, _)| &name[..]).collect();
    assert_eq!(names, [":status", "date", "x-kept"]);
    assert_eq!(fields[0].1, "418");
}

#[test]
fn section_6_10_a_head_larger_than_the_clients_frames_is_continued() {
    let mut wire = Wire::open();
    wire.hears(&get(1));
    let value = HeaderValue::from_str(&"v".repeat(50_000)).expect("a value");
    let list = [(HeaderName::from_static("x-large"), value)];
    let answer = Answer {
        status: http::StatusCode::OK,
        date: &Date::new(0),
        content_type: None,
        fields: Fields::List(&list),
        length: None,
    };
    wire.session
        .answer(StreamId(1), &answer, Payload::None, 0, &mut wire.out)
        .expect("an answer");
    let said = wire.says();
    let [
        Sent::Headers {
            fields,
            end: true,
            stream: 1,
        },
    ] = &said[..]
    else {
        panic!("{said:?}");
    };
    assert_eq!(fields.last().map(|(_, value)| value.len()), Some(50_000));
}

#[test]
fn an_answer_comes_once_and_interim_answers_before_it() {
    let mut wire = Wire::open();
    wire.hears(&get(1));
    let (session, out) = (&mut wire.session, &mut wire.out);
    let hints = http::StatusCode::EARLY_HINTS;
    session
        .interim(StreamId(1), hints, Fields::List(&[]), 0, out)
        .expect("an interim answer");
    wire.answers(1, Payload::Later).expect("an answer");
    assert_eq!(wire.answers(1, Payload::None), Err(Gone));
    let (session, out) = (&mut wire.session, &mut wire.out);
    assert_eq!(
        session.interim(StreamId(1), hints, Fields::List(&[]), 0, out),
        Err(Gone)
    );
    assert_eq!(wire.answers(3, Payload::None), Err(Gone));
    assert!(matches!(
        &wire.says()[..],
        [
            Sent::Headers { end: false, .. },
            Sent::Headers { end: false, .. }
        ]
    ));
}

#[test]
fn fields_that_may_be_no_trailers_are_left_out_of_those_of_an_answer() {
    let mut wire = Wire::open();
    wire.hears(&[get(1), get(3)].concat());
    let forbidden = [
        "content-length",
        "content-type",
        "host",
        "keep-alive",
        "proxy-connection",
        "te",
        "transfer-encoding",
    ];
    let field = |name| (HeaderName::from_static(name), HeaderValue::from_static("1"));
    let mut trailers = HeaderMap::from_iter(forbidden.map(field));
    for (stream, kept) in [(1, true), (3, false)] {
        if !kept {
            trailers.remove("x-sum");
        } else {
            trailers.extend([field("x-sum")].map(|(name, value)| (Some(name), value)));
        }
        wire.answers(stream, Payload::Later).expect("an answer");
        wire.says();
        let ended = wire
            .session
            .finish(StreamId(stream), Some(trailers.clone()), 0);
        ended.expect("an end");
        let expected = match kept {
            true => Sent::Headers {
                stream,
                fields: vec![("x-sum".to_owned(), "1".to_owned())],
                end: true,
            },
            false => Sent::Data(stream, Vec::new(), true),
        };
        assert_eq!(wire.flushes(), [expected]);
    }
}

#[test]
fn section_8_1_payload_that_comes_later_ends_with_trailers_or_without() {
    let mut wire = Wire::open();
    wire.hears(&[get(1), get(3), get(5)].concat());
    for stream in [1, 3, 5] {
        wire.answers(stream, Payload::Later).expect("an answer");
    }
    wire.says();
    let id = StreamId;
    wire.session
        .body(id(1), Bytes::from_static(b"ab"), 0)
        .expect("room");
    wire.session
        .body(id(1), Bytes::from_static(b"cd"), 0)
        .expect("room");
    assert_eq!(wire.flushes(), [Sent::Data(1, b"abcd".to_vec(), false)]);
    wire.session.finish(id(1), None, 0).expect("an end");
    assert_eq!(wire.session.body(id(1), Bytes::new(), 0), Err(Gone));
    assert_eq!(wire.flushes(), [Sent::Data(1, Vec::new(), true)]);
    let trailers = HeaderMap::from_iter([(
        HeaderName::from_static("grpc-status"),
        HeaderValue::from_static("0"),
    )]);
    wire.session
        .body(id(3), Bytes::from_static(b"ef"), 0)
        .expect("room");
    wire.session
        .finish(id(3), Some(trailers.clone()), 0)
        .expect("an end");
    wire.session
        .finish(id(5), Some(trailers), 0)
        .expect("an end");
    let status = vec![("grpc-status".to_owned(), "0".to_owned())];
    let tail = |stream| Sent::Headers {
        stream,
        fields: status.clone(),
        end: true,
    };
    assert_eq!(
        wire.flushes(),
        [Sent::Data(3, b"ef".to_vec(), false), tail(3), tail(5)]
    );
    assert_eq!(wire.session.streams(), 0);
}

#[test]
fn section_6_9_1_no_more_is_sent_than_both_windows_allow() {
    let mut wire = Wire::open_with(Limits::default(), &[(4, 1)]);
    wire.hears(&get(1));
    wire.answers(1, large(70_000)).expect("an answer");
    assert_eq!(payload(&wire.flushes(), 1), (1, false));
    wire.hears(&window_update(1, 70_000));
    let mut total = 1;
    loop {
        let (more, end) = payload(&wire.flushes(), 1);
        total += more;
        assert!(!end);
        if more == 0 {
            break;
        }
    }
    assert_eq!(total, 65_535, "the connection's window");
    wire.hears(&window_update(0, 10_000));
    assert_eq!(payload(&wire.flushes(), 1), (70_000 - 65_535, true));
}

#[test]
fn section_6_9_1_windows_beyond_the_greatest_number_end_stream_or_connection() {
    let mut wire = Wire::open();
    wire.hears(&get(1));
    let most = 0x7FFF_FFFF;
    assert_eq!(
        wire.breaks(&window_update(1, most)),
        ErrorCode::FLOW_CONTROL_ERROR
    );
    assert_eq!(
        wire.fails(&window_update(0, most)),
        ErrorCode::FLOW_CONTROL_ERROR
    );
    let mut wire = Wire::open();
    wire.hears(&[get(1), window_update(1, 100)].concat());
    assert_eq!(
        wire.fails(&settings(&[(4, most)])),
        ErrorCode::FLOW_CONTROL_ERROR
    );
}

#[test]
fn section_6_9_2_a_setting_changes_the_windows_of_open_streams_below_zero_too() {
    let mut wire = Wire::open_with(Limits::default(), &[(4, 3)]);
    wire.hears(&get(1));
    wire.answers(1, large(10)).expect("an answer");
    assert_eq!(payload(&wire.flushes(), 1), (3, false));
    wire.hears(&settings(&[(4, 2)]));
    assert_eq!(payload(&wire.flushes(), 1), (0, false));
    wire.hears(&window_update(1, 1));
    assert_eq!(
        payload(&wire.flushes(), 1),
        (0, false),
        "the window is 0 now"
    );
    wire.hears(&settings(&[(4, 5)]));
    assert_eq!(payload(&wire.flushes(), 1), (3, false));
    wire.hears(&settings(&[(4, 100)]));
    assert_eq!(payload(&wire.flushes(), 1), (4, true));
}

#[test]
fn section_6_9_what_is_received_is_bounded_and_given_back_at_half() {
    let limits = Limits {
        stream_window: 100,
        ..Limits::default()
    };
    let mut wire = Wire::open_with(limits, &[]);
    wire.hears(&post(1));
    wire.hears(&data(1, false, &[0; 60]));
    wire.took(1, 49);
    assert_eq!(wire.says(), []);
    wire.took(1, 11);
    assert_eq!(wire.says(), [Sent::WindowUpdate(1, 60)]);
    wire.hears(&data(1, false, &[0; 100]));
    assert_eq!(
        wire.breaks(&data(1, false, &[0; 1])),
        ErrorCode::FLOW_CONTROL_ERROR
    );
    wire.took(1, 100);
}

#[test]
fn section_6_9_the_connections_window_is_bounded_and_gets_back_what_nobody_reads() {
    let limits = Limits {
        stream_window: 60_000,
        connection_window: 0,
        ..Limits::default()
    };
    let mut wire = Wire::open_with(limits, &[]);
    wire.hears(&[post(1), post(3)].concat());
    let frame = |stream| data(stream, false, &[0; 15_000]);
    for stream in [1, 3, 1, 3] {
        wire.hears(&frame(stream));
    }
    // Nothing was taken: what is left is 65,535 less four frames.
    assert_eq!(wire.says(), []);
    let mut greedy = data(1, false, &[0; 5_536]);
    assert_eq!(wire.fails(&greedy), ErrorCode::FLOW_CONTROL_ERROR);
    // Bytes of a stream that is over, and padding, come back by themselves.
    let mut wire = Wire::open_with(limits, &[]);
    wire.hears(&post(1));
    wire.session
        .reset(StreamId(1), ErrorCode::CANCEL, 0, &mut wire.out)
        .expect("a stream");
    greedy = data(1, false, &[0; 16_000]);
    for _ in 0..20 {
        wire.hears(&greedy);
    }
    let updates = wire.says();
    let given = |sent: &Sent| match sent {
        Sent::WindowUpdate(0, more) => *more,
        _ => 0,
    };
    assert!(updates.iter().map(given).sum::<u32>() > 20 * 16_000 - 40_000);
}

#[test]
fn section_6_9_payload_that_is_passed_over_comes_back_to_the_connection_and_not_to_its_stream() {
    let limits = Limits {
        stream_window: 1000,
        connection_window: 0,
        ..Limits::default()
    };
    let mut wire = Wire::open_with(limits, &[]);
    let (mut given, mut passed) = (0, 0);
    for stream in (1..400).step_by(2) {
        wire.hears(&post(stream));
        wire.hears(&data(stream, false, &[0; 1000]));
        for part in [0, 300, 700] {
            wire.session.passed_over(part, wire.seconds, &mut wire.out);
            passed += part;
        }
        wire.answers(stream, Payload::None).expect("an answer");
        wire.hears(&data(stream, true, b""));
        for sent in wire.says() {
            match sent {
                Sent::WindowUpdate(0, more) => given += more,
                Sent::WindowUpdate(..) => panic!("the stream got {sent:?}"),
                _ => {}
            }
        }
    }
    assert!(passed - given < 40_000, "{given} of {passed}");
}

#[test]
fn section_6_1_padding_counts_against_both_windows_and_comes_back_at_once() {
    let limits = Limits {
        stream_window: 1000,
        connection_window: 0,
        ..Limits::default()
    };
    let mut wire = Wire::open_with(limits, &[]);
    wire.hears(&post(1));
    let padded = [&[200][..], b"payload", &[0; 200]].concat();
    let (mut stream, mut connection) = (0, 0);
    for _ in 0..1000 {
        wire.hears(&forged(0, 8, 1, &padded));
        wire.took(1, 7);
        for sent in wire.says() {
            match sent {
                Sent::WindowUpdate(0, more) => connection += more,
                Sent::WindowUpdate(1, more) => stream += more,
                other => panic!("{other:?}"),
            }
        }
    }
    let all = 1000 * padded.len() as u32;
    assert!(
        all - stream < 500 && all - connection < 40_000,
        "{stream} and {connection} of {all}"
    );
}

#[test]
fn white_space_around_a_value_of_a_handler_is_not_sent() {
    let mut wire = Wire::open();
    wire.hears(&get(1));
    let list = [(
        HeaderName::from_static("x-padded"),
        HeaderValue::from_static("  a b\t"),
    )];
    let answer = Answer {
        status: http::StatusCode::OK,
        date: &Date::new(0),
        content_type: None,
        fields: Fields::List(&list),
        length: None,
    };
    wire.session
        .answer(StreamId(1), &answer, Payload::None, 0, &mut wire.out)
        .expect("an answer");
    let said = wire.says();
    let [Sent::Headers { fields, .. }] = &said[..] else {
        panic!("{said:?}");
    };
    assert_eq!(fields.last().map(|(_, value)| &value[..]), Some("a b"));
}

#[test]
fn streams_that_ask_for_nothing_share_frame_by_frame() {
    let mut wire = Wire::open_with(Limits::default(), &[(4, 1 << 20)]);
    wire.hears(&window_update(0, 1 << 20));
    wire.hears(&[get(1), get(3), get(5)].concat());
    for stream in [1, 3, 5] {
        wire.answers(stream, large(40_000)).expect("an answer");
    }
    let mut turns = order(&wire.flushes());
    turns.extend(order(&wire.flushes()));
    assert_eq!(turns, [1, 3, 5, 1, 3, 5, 1, 3, 5]);
}

#[test]
fn rfc_9218_the_urgent_are_first_and_those_that_do_not_share_go_one_after_the_other() {
    let asked = |stream, priority: &'static str| {
        let fields = [&GET[..], &[("priority", priority)]].concat();
        headers(stream, true, &fields)
    };
    let mut wire = Wire::open_with(Limits::default(), &[(4, 1 << 20)]);
    wire.hears(&window_update(0, 1 << 20));
    let requests = [
        asked(1, "u=5"),
        asked(3, "u=2"),
        asked(5, "u=2"),
        asked(7, "u=0, i"),
        asked(9, "u=0, i"),
    ];
    wire.hears(&requests.concat());
    for stream in [5, 1, 9, 3, 7] {
        wire.answers(stream, large(20_000)).expect("an answer");
    }
    let mut turns = Vec::new();
    for _ in 0..3 {
        turns.extend(order(&wire.flushes()));
    }
    assert_eq!(turns, [9, 7, 9, 7, 3, 3, 5, 5, 1, 1]);
}

#[test]
fn rfc_9218_section_7_a_priority_update_changes_whose_turn_it_is() {
    let mut wire = Wire::open_with(Limits::default(), &[(4, 1 << 20)]);
    wire.hears(&window_update(0, 1 << 20));
    wire.hears(&[get(1), get(3)].concat());
    for stream in [1, 3] {
        wire.answers(stream, large(30_000)).expect("an answer");
    }
    wire.hears(&forged(0x10, 0, 0, b"\0\0\0\x03u=1"));
    assert_eq!(order(&wire.flushes()), [3, 3, 1, 1]);
}

#[test]
fn a_stream_without_room_does_not_hold_up_the_others() {
    let mut wire = Wire::open_with(Limits::default(), &[(4, 0)]);
    wire.hears(&[get(1), get(3)].concat());
    for stream in [1, 3] {
        wire.answers(stream, large(5)).expect("an answer");
    }
    wire.hears(&window_update(3, 5));
    assert_eq!(payload(&wire.flushes(), 3), (5, true));
    assert_eq!(wire.session.streams(), 1);
}

#[test]
fn section_8_1_an_answer_before_the_end_of_its_request_lets_the_client_send_on_for_a_window() {
    let limits = Limits {
        stream_window: 1000,
        ..Limits::default()
    };
    let mut wire = Wire::open_with(limits, &[]);
    wire.hears(&[post(1), post(3)].concat());
    wire.answers(1, Payload::None).expect("an answer");
    wire.answers(3, Payload::None).expect("an answer");
    wire.says();
    assert_eq!(wire.hears(&data(1, false, &[0; 900])), []);
    assert_eq!(wire.hears(&data(1, true, &[0; 100])), []);
    assert_eq!(wire.says(), [], "the client has ended it");
    assert_eq!(wire.hears(&data(3, false, &[0; 1000])), []);
    assert_eq!(wire.says(), [Sent::Reset(3, ErrorCode::NO_ERROR)]);
    assert_eq!(wire.session.streams(), 0);
    assert_eq!(
        wire.hears(&data(3, true, &[0; 1000])),
        [],
        "that was on its way"
    );
}

#[test]
fn section_8_1_a_stream_that_was_answered_is_over_when_its_client_ends_it_in_whatever_way() {
    let ends = [
        data(1, true, b"x"),
        data(1, true, b""),
        headers(1, true, &[("x-sum", "1")]),
        super::forge::reset(1),
    ];
    for end in ends {
        let mut wire = Wire::open();
        wire.hears(&[post(1), data(1, false, b"ab")].concat());
        wire.answers(1, Payload::None).expect("an answer");
        wire.says();
        assert_eq!(wire.session.streams(), 1);
        assert_eq!(wire.hears(&end), [], "nobody reads it: {end:?}");
        assert_eq!(wire.says(), [], "and it is no fault: {end:?}");
        assert_eq!(wire.session.streams(), 0, "{end:?}");
        // The fields of the trailers count for the table of the connection all the same.
        assert!(matches!(wire.hears(&get(3))[..], [Seen::Head { .. }]));
    }
}

#[test]
fn the_room_of_a_stream_is_what_may_wait_for_it() {
    let mut wire = Wire::open_with(Limits::default(), &[(4, 0)]);
    wire.hears(&get(1));
    wire.answers(1, Payload::Later).expect("an answer");
    assert_eq!(wire.session.room(StreamId(1), 100), 100);
    wire.session
        .body(StreamId(1), Bytes::from_static(&[0; 30]), 0)
        .expect("a stream");
    assert_eq!(wire.session.room(StreamId(1), 100), 70);
    assert_eq!(wire.session.room(StreamId(3), 100), 0);
    assert!(!wire.session.has_output());
    wire.hears(&window_update(1, 30));
    assert!(wire.session.has_output());
    wire.hears(&super::forge::reset(1));
    assert!(!wire.session.has_output());
    assert_eq!(wire.flushes().len(), 1, "the head alone");
}

#[test]
fn a_reset_of_the_client_takes_back_what_waits() {
    let mut wire = Wire::open_with(Limits::default(), &[(4, 0)]);
    wire.hears(&get(1));
    wire.answers(1, large(100)).expect("an answer");
    wire.says();
    let why = End::Cancelled(ErrorCode::CANCEL);
    assert_eq!(wire.hears(&super::forge::reset(1)), [Seen::Ended(1, why)]);
    wire.hears(&settings(&[(4, 1000)]));
    assert_eq!(wire.flushes(), [Sent::SettingsAck]);
}
