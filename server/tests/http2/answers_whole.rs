//! What is written at its bounds: heads as large as the client's frames, payload as large as a window or the output,
//! and every name that a field of a handler may have. RFC 9113 sections 6 and 8.

use super::forge::{
    END_HEADERS, END_STREAM, Sent, Wire, data, forged, get, post, reset, settings, window_update,
};
use bytes::Bytes;
use http::header::{HeaderMap, HeaderName, HeaderValue};
use ringgate::http1::date::Date;
use ringgate::http1::response::Fields;
use ringgate::http1::trailers;
use ringgate::http2::hpack::fixed;
use ringgate::http2::session::Output;
use ringgate::http2::{Answer, ErrorCode, Gone, Limits, Payload, StreamId};

const LARGE: u32 = 1 << 20;

/// A client whose windows hold whatever is sent, and who has asked on these streams.
fn asked(limits: Limits, streams: &[u32]) -> Wire {
    let mut wire = Wire::open_with(limits, &[(4, LARGE)]);
    wire.hears(&window_update(0, LARGE));
    for stream in streams {
        wire.hears(&get(*stream));
    }
    wire
}

fn answer_with(wire: &mut Wire, stream: u32, fields: &[(HeaderName, HeaderValue)]) {
    let answer = Answer {
        status: http::StatusCode::OK,
        date: &Date::new(0),
        content_type: None,
        fields: Fields::List(fields),
        length: None,
    };
    let answered = wire
        .session
        .answer(StreamId(stream), &answer, Payload::None, 0, &mut wire.out);
    answered.expect("an answer");
}

/// Type, length, and flags of each frame, however large.
fn frames(mut out: &[u8]) -> Vec<(u8, u32, u8)> {
    let mut frames = Vec::new();
    while let Some((head, rest)) = out.split_first_chunk::<9>() {
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
        frames.push((head[3], length, head[4]));
        out = &rest[length as usize..];
    }
    assert!(out.is_empty());
    frames
}

#[test]
fn section_6_10_a_head_is_cut_where_the_clients_frames_end_and_only_its_last_frame_says_so() {
    const HEADERS: u8 = 1;
    const CONTINUATION: u8 = 9;
    // The frames of a head with a field of this length.
    let head = |most: u32, length: u32| {
        let mut wire = Wire::open_with(Limits::default(), &[(5, most)]);
        wire.hears(&[get(1), get(3)].concat());
        // Behind another answer in the same output.
        answer_with(&mut wire, 3, &[]);
        let before = wire.out.len();
        let value = HeaderValue::from_str(&"v".repeat(length as usize)).expect("a value");
        answer_with(&mut wire, 1, &[(HeaderName::from_static("x-large"), value)]);
        frames(&wire.out[before..])
    };
    for most in [16_384, 16_385, 20_000] {
        let without = head(most, 1000)[0].1 - 1000;
        for block in [
            most - 1,
            most,
            most + 1,
            2 * most - 1,
            2 * most,
            2 * most + 1,
            3 * most,
        ] {
            // The number that says the length of the value takes a byte more from 16,511 on.
            let length = block - without;
            let found = head(most, length - u32::from(length > 16_510));
            let count = block.div_ceil(most);
            assert_eq!(found.iter().map(|(_, size, _)| size).sum::<u32>(), block);
            let expected = (1..=count).map(|nth| {
                let kind = if nth == 1 { HEADERS } else { CONTINUATION };
                let ends_stream = if nth == 1 { END_STREAM } else { 0 };
                match nth == count {
                    true => (kind, block - most * (count - 1), ends_stream | END_HEADERS),
                    false => (kind, most, ends_stream),
                }
            });
            assert_eq!(found, expected.collect::<Vec<_>>(), "{block} in {most}");
        }
    }
}

#[test]
fn section_8_2_2_fields_about_a_connection_and_those_of_the_encoder_are_left_out_and_no_others() {
    const LEFT_OUT: [&str; 7] = [
        "connection",
        "content-length",
        "date",
        "keep-alive",
        "proxy-connection",
        "transfer-encoding",
        "upgrade",
    ];
    let name = |(both, length): &(&'static str, u8)| both.split_at(usize::from(*length)).0;
    let known = fixed::FIELDS
        .iter()
        .map(name)
        .filter(|name| !name.starts_with(':'));
    // Of the same lengths as those that are left out.
    let others = [
        "x-of",
        "x-seven",
        "x-upgrade",
        "connectiom",
        "x-ten-long",
        "content-lengtx",
        "keep-alivf",
        "x-sixteen-long-a",
        "transfer-encodinx",
        "proxy-connectiox",
        "x-own",
    ];
    for name in known.chain(LEFT_OUT).chain(others) {
        let mut wire = asked(Limits::default(), &[1, 3]);
        let list = [(
            HeaderName::from_static(name),
            HeaderValue::from_static("value"),
        )];
        answer_with(&mut wire, 1, &list);
        wire.answers(3, Payload::Later).expect("an answer");
        let trailers = HeaderMap::from_iter(list);
        wire.session
            .finish(StreamId(3), Some(trailers), 0)
            .expect("an end");
        let said = wire.flushes();
        let counts = |sent: &Sent| match sent {
            Sent::Headers { fields, .. } => {
                let is_it = |(_, value): &&(String, String)| value == "value";
                Some(
                    fields
                        .iter()
                        .filter(is_it)
                        .filter(|(have, _)| have == name)
                        .count(),
                )
            }
            _ => None,
        };
        let counts: Vec<_> = said.iter().filter_map(counts).collect();
        let expected = usize::from(!LEFT_OUT.contains(&name));
        // The head of the first answer, that of the second, and its trailers, if that may be one.
        match trailers::is_permitted(&HeaderName::from_static(name)) {
            true => assert_eq!(counts, [expected, 0, expected], "{name}"),
            false => assert_eq!(counts, [expected, 0], "{name}"),
        }
    }
}

#[test]
fn an_answer_whose_payload_goes_out_with_its_head_has_its_place_made_once() {
    for size in [0, 1, 1000, 16_384] {
        let mut wire = asked(Limits::default(), &[1]);
        wire.out = Vec::new();
        wire.answers(1, Payload::Slice(&vec![b'x'; size]))
            .expect("an answer");
        assert_eq!(wire.out.capacity(), 128 + size, "a head is short");
        assert!(wire.out.len() >= size);
    }
    // A vector that payload is moved to later has its place as well.
    for size in [1, 16_384, 16_385, 60_000] {
        let mut wire = asked(Limits::default(), &[1]);
        wire.answers(1, Payload::Later).expect("an answer");
        let bytes = Bytes::from(vec![b'x'; size]);
        wire.session.body(StreamId(1), bytes, 0).expect("a stream");
        let mut out: Vec<u8> = Vec::new();
        wire.session.poll_output(&wire.limits, 0, &mut out);
        assert_eq!(out.len(), size + 9 * size.div_ceil(16_384));
        assert_eq!(out.capacity(), out.len(), "{size}");
    }
}

#[test]
fn payload_goes_out_with_its_head_if_it_fits_a_frame_and_both_windows_and_nobody_waits() {
    // Window of the stream, rest of the connection's, size of the payload, and whether another stream waits.
    for (stream, connection, size, waits, is_now) in [
        (100, LARGE, 99, false, true),
        (100, LARGE, 100, false, true),
        (100, LARGE, 101, false, false),
        (LARGE, 100, 99, false, true),
        (LARGE, 100, 100, false, true),
        (LARGE, 100, 101, false, false),
        (LARGE, LARGE, 16_383, false, true),
        (LARGE, LARGE, 16_384, false, true),
        (LARGE, LARGE, 16_385, false, false),
        (LARGE, LARGE, 1, true, false),
        (0, LARGE, 1, false, false),
    ] {
        for is_shared in [false, true] {
            let mut wire = asked(Limits::default(), &[1]);
            // The connection's window, but for what is to be left of it.
            let used = 65_535 + LARGE - connection.min(65_535 + LARGE);
            wire.answers(1, Payload::Later).expect("an answer");
            let filling = Bytes::from(vec![0; used as usize]);
            wire.hears(&window_update(1, LARGE));
            wire.session
                .body(StreamId(1), filling, 0)
                .expect("a stream");
            while wire.session.has_output() {
                wire.flushes();
            }
            if waits {
                wire.session
                    .body(StreamId(1), Bytes::from_static(b"x"), 0)
                    .expect("a stream");
            }
            wire.hears(&settings(&[(4, stream)]));
            wire.hears(&get(3));
            wire.says();
            let payload = vec![b'x'; size];
            let answered = match is_shared {
                true => wire.answers(3, Payload::Bytes(payload.clone().into())),
                false => wire.answers(3, Payload::Slice(&payload)),
            };
            answered.expect("an answer");
            let said = wire.says();
            assert!(matches!(
                said[0],
                Sent::Headers {
                    stream: 3,
                    end: false,
                    ..
                }
            ));
            let expected = if is_now {
                vec![Sent::Data(3, payload, true)]
            } else {
                Vec::new()
            };
            assert_eq!(said[1..], expected, "{stream} {connection} {size} {waits}");
            assert_eq!(wire.session.is_sending(StreamId(3)), !is_now);
        }
    }
}

#[test]
fn an_output_is_filled_up_to_its_size_and_a_frame_that_began_before_it_is_whole() {
    for (output, before, frames) in [
        (1, 0, 1),
        (1, 1, 0),
        (1, 2, 0),
        (100, 99, 1),
        (100, 100, 0),
        (100, 101, 0),
        (16_393, 0, 1),
        (16_394, 0, 2),
        (16_394, 1, 1),
        (2 * 16_393, 0, 2),
        (2 * 16_393 + 1, 0, 3),
        (0, 0, 0),
    ] {
        let limits = Limits {
            output_size: output,
            ..Limits::default()
        };
        let mut wire = asked(limits, &[1]);
        wire.answers(1, Payload::Bytes(vec![0; 100_000].into()))
            .expect("an answer");
        wire.says();
        let mut out = vec![0xaa; before];
        wire.session.poll_output(&limits, 0, &mut out);
        assert_eq!(out.len(), before + frames * 16_393, "{output} {before}");
        assert!(wire.session.has_output());
    }
}

/// An output that keeps nothing but the streams that have room again.
#[derive(Default)]
struct Heard {
    bytes: Vec<u8>,
    streams: Vec<u32>,
}

impl Output for Heard {
    fn size(&self) -> usize {
        0
    }

    fn reserve(&mut self, _: usize) {}

    fn tail(&mut self) -> &mut Vec<u8> {
        &mut self.bytes
    }

    fn shares(&self, _: usize) -> bool {
        false
    }

    fn piece(&mut self, bytes: Bytes) {
        assert!(!bytes.is_empty(), "a piece of nothing");
        self.bytes.extend_from_slice(&bytes);
    }

    fn has_room(&mut self, stream: StreamId) {
        self.streams.push(stream.0);
    }
}

#[test]
fn a_maker_of_payload_hears_of_room_when_half_of_what_may_wait_is_left_and_when_nothing_is() {
    let limits = Limits {
        pending_size: 100,
        ..Limits::default()
    };
    // Bytes that wait, those that the client gives room for, and whether the maker hears of it.
    for (waiting, room, hears) in [
        (100, 49, false),
        (100, 50, true),
        (100, 51, true),
        (100, 100, true),
        (101, 50, false),
        (101, 51, true),
        (51, 1, true),
        (52, 1, false),
        (50, 1, false),
        (50, 49, false),
        (50, 50, true),
        (1, 1, true),
    ] {
        let mut wire = Wire::open_with(limits, &[(4, 0)]);
        wire.hears(&get(1));
        wire.answers(1, Payload::Later).expect("an answer");
        for part in [waiting / 2, waiting - waiting / 2] {
            let bytes = Bytes::from(vec![0; part]);
            wire.session.body(StreamId(1), bytes, 0).expect("a stream");
        }
        assert_eq!(
            wire.session.room(StreamId(1), 100),
            100usize.saturating_sub(waiting)
        );
        wire.hears(&window_update(1, room));
        let mut out = Heard::default();
        wire.session.poll_output(&limits, 0, &mut out);
        assert_eq!(out.bytes.len(), 9 + room as usize);
        let expected: &[u32] = if hears { &[1] } else { &[] };
        assert_eq!(out.streams, expected, "{room} of {waiting}");
        let left = waiting - room as usize;
        assert_eq!(wire.session.is_sending(StreamId(1)), left > 0);
        assert_eq!(wire.session.room(StreamId(1), 100), 100 - left.min(100));
        wire.hears(&window_update(1, 1000));
        wire.session.poll_output(&limits, 0, &mut out);
        let frames = 1 + usize::from(left > 0);
        assert_eq!(out.bytes.len(), waiting + 9 * frames);
    }
    // Nobody hears of an answer that has ended.
    let mut wire = asked(limits, &[1]);
    wire.answers(1, Payload::Bytes(vec![0; 20_000].into()))
        .expect("an answer");
    let mut out = Heard::default();
    wire.session.poll_output(&limits, 0, &mut out);
    assert!(out.streams.is_empty());
    assert_eq!(wire.session.streams(), 0);
}

/// What a handler may do with a stream.
type Act = fn(&mut Wire) -> Result<(), Gone>;

#[test]
fn each_act_on_a_stream_is_taken_in_the_states_in_which_it_makes_sense() {
    const ID: StreamId = StreamId(1);
    let prepare = |what: &str| {
        let mut wire = Wire::open_with(Limits::default(), &[(4, 10)]);
        if what == "none" {
            return wire;
        }
        wire.hears(&post(1));
        for step in what.split(' ') {
            match step {
                "asked" => {}
                "ended" => assert_eq!(wire.hears(&data(1, true, b"x")).len(), 1),
                "answered" => wire.answers(1, Payload::Later).expect("an answer"),
                "waiting" => wire
                    .session
                    .body(ID, vec![0; 20].into(), 0)
                    .expect("a stream"),
                "finished" => wire.session.finish(ID, None, 0).expect("a stream"),
                "flushed" => {
                    wire.flushes();
                }
                _ => panic!("{step}"),
            }
        }
        wire
    };
    let acts: [(&str, Act); 6] = [
        ("interim", |wire| {
            let hints = http::StatusCode::EARLY_HINTS;
            wire.session
                .interim(ID, hints, Fields::List(&[]), 0, &mut wire.out)
        }),
        ("answer", |wire| wire.answers(1, Payload::Slice(b"x"))),
        ("body", |wire| {
            wire.session.body(ID, Bytes::from_static(b"x"), 0)
        }),
        ("nothing", |wire| wire.session.body(ID, Bytes::new(), 0)),
        ("finish", |wire| wire.session.finish(ID, None, 0)),
        ("reset", |wire| {
            wire.session.reset(ID, ErrorCode::CANCEL, 0, &mut wire.out)
        }),
    ];
    for (what, taken) in [
        ("none", ""),
        ("asked", "interim answer reset"),
        ("asked ended", "interim answer reset"),
        ("asked answered", "body nothing finish reset"),
        ("asked ended answered", "body nothing finish reset"),
        ("asked answered waiting", "body nothing finish reset"),
        (
            "asked answered waiting flushed",
            "body nothing finish reset",
        ),
        ("asked answered finished", "reset"),
        ("asked ended answered finished", "reset"),
        ("asked answered waiting finished flushed", "reset"),
        // The client has not ended its request: the stream is there, and nothing is sent on it.
        ("asked answered finished flushed", "reset"),
        ("asked ended answered finished flushed", ""),
    ] {
        for (act, does) in acts {
            let mut wire = prepare(what);
            wire.says();
            let done = does(&mut wire);
            let expected = match taken.split(' ').any(|name| name == act) {
                true => Ok(()),
                false => Err(Gone),
            };
            assert_eq!(done, expected, "{act} on {what}");
            assert!(done.is_ok() || wire.says().is_empty(), "{act} on {what}");
        }
        let wire = prepare(what);
        let is_sending = !taken.is_empty() && what != "asked answered finished flushed";
        // The window lets ten bytes go.
        let waiting = if what.ends_with("flushed") { 10 } else { 20 };
        let room = match (is_sending, what.contains("waiting")) {
            (false, _) => 0,
            (true, false) => 100,
            (true, true) => 100 - waiting,
        };
        assert_eq!(wire.session.room(ID, 100), room, "{what}");
    }
}

#[test]
fn section_8_1_trailers_of_no_fields_are_none_and_the_last_frame_of_payload_ends_the_stream() {
    let trailers = |count: usize| -> Option<HeaderMap> {
        let fields = ["x-a", "x-b"].into_iter().take(count);
        let field = |name| (HeaderName::from_static(name), HeaderValue::from_static("v"));
        Some(fields.map(field).collect())
    };
    for (body, trailers, expected) in [
        (&b""[..], None, "DATA of 0 ends"),
        (b"", trailers(0), "DATA of 0 ends"),
        (b"", trailers(1), "1 trailers end"),
        (b"ab", None, "DATA of 2 ends"),
        (b"ab", trailers(0), "DATA of 2 ends"),
        (b"ab", trailers(1), "DATA of 2, 1 trailers end"),
        (b"ab", trailers(2), "DATA of 2, 2 trailers end"),
    ] {
        let mut wire = asked(Limits::default(), &[1]);
        wire.answers(1, Payload::Later).expect("an answer");
        wire.says();
        let id = StreamId(1);
        wire.session
            .body(id, Bytes::from_static(body), 0)
            .expect("a stream");
        wire.session.finish(id, trailers, 0).expect("a stream");
        let said: Vec<_> = wire
            .flushes()
            .iter()
            .map(|sent| match sent {
                Sent::Data(1, bytes, true) => format!("DATA of {} ends", bytes.len()),
                Sent::Data(1, bytes, false) => format!("DATA of {}", bytes.len()),
                Sent::Headers {
                    stream: 1,
                    fields,
                    end: true,
                } => format!("{} trailers end", fields.len()),
                other => panic!("{other:?}"),
            })
            .collect();
        assert_eq!(said.join(", "), expected);
        assert_eq!(wire.session.streams(), 0);
    }
}

#[test]
fn payload_in_many_pieces_is_sent_in_order_whatever_the_windows_cut() {
    for window in [1, 2, 3, 5, 7, 64] {
        let mut wire = Wire::open_with(Limits::default(), &[(4, 0)]);
        wire.hears(&get(1));
        wire.answers(1, Payload::Later).expect("an answer");
        wire.says();
        let mut expected = Vec::new();
        for size in [3u8, 1, 4, 1, 5, 9, 2, 6] {
            let piece: Vec<u8> = (0..size).map(|at| expected.len() as u8 + at).collect();
            expected.extend_from_slice(&piece);
            wire.session
                .body(StreamId(1), piece.into(), 0)
                .expect("a stream");
        }
        wire.session.finish(StreamId(1), None, 0).expect("a stream");
        let mut got = Vec::new();
        let mut ends = 0;
        while wire.session.streams() > 0 {
            wire.hears(&window_update(1, window));
            for sent in wire.flushes() {
                let Sent::Data(1, bytes, end) = sent else {
                    panic!("{sent:?}");
                };
                assert!(bytes.len() <= window as usize);
                got.extend(bytes);
                ends += usize::from(end);
            }
        }
        assert_eq!((got, ends), (expected, 1), "{window}");
    }
}

#[test]
fn section_8_1_an_answer_that_is_complete_ends_a_request_whose_window_is_used_up() {
    for (sent, is_over) in [(0, false), (99, false), (100, true)] {
        let limits = Limits {
            stream_window: 100,
            ..Limits::default()
        };
        let mut wire = Wire::open_with(limits, &[]);
        wire.hears(&[post(1), data(1, false, &vec![0; sent])].concat());
        wire.answers(1, Payload::None).expect("an answer");
        let was_reset = wire.says().contains(&Sent::Reset(1, ErrorCode::NO_ERROR));
        assert_eq!(
            (was_reset, wire.session.streams()),
            (is_over, usize::from(!is_over))
        );
    }
}

#[test]
fn frames_of_the_client_are_made_good_by_answers_and_payload_that_were_sent() {
    let limits = Limits {
        resets: 1,
        pings: 1,
        window_updates: 2,
        ..Limits::default()
    };
    // One reset for each answer that ended, a PING and two WINDOW_UPDATE frames for each DATA frame.
    let mut wire = Wire::open_with(limits, &[]);
    for round in 0..100 {
        let stream = 4 * round + 1;
        wire.hears(&[get(stream), get(stream + 2)].concat());
        wire.answers(stream, Payload::Slice(b"x"))
            .expect("an answer");
        wire.hears(&reset(stream + 2));
        wire.hears(&forged(6, 0, 0, &[0; 8]));
        wire.hears(&[window_update(0, 1), window_update(0, 1)].concat());
        wire.says();
    }
    let mut wire = Wire::open_with(limits, &[]);
    wire.hears(&[get(1), get(3), get(5)].concat());
    wire.hears(&reset(3));
    assert_eq!(wire.fails(&reset(5)), ErrorCode::ENHANCE_YOUR_CALM);
    let mut wire = Wire::open_with(limits, &[]);
    wire.hears(&get(1));
    wire.hears(&[window_update(0, 1), window_update(1, 1)].concat());
    assert_eq!(
        wire.fails(&window_update(0, 1)),
        ErrorCode::ENHANCE_YOUR_CALM
    );
}
