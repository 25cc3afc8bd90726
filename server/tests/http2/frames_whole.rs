//! All types of frames, each with all lengths, flags and places: RFC 9113 sections 4 and 6, RFC 9218 section 7.

use ringgate::http2::frame::{self, Flags, Frame, Header, Kind, StreamId};
use ringgate::http2::{Breach, ErrorCode};

const PROTOCOL: ErrorCode = ErrorCode::PROTOCOL_ERROR;
const SIZE: ErrorCode = ErrorCode::FRAME_SIZE_ERROR;

/// The numbers of all types.
const KINDS: [(u8, Kind); 12] = [
    (0x0, Kind::Data),
    (0x1, Kind::Headers),
    (0x2, Kind::Priority),
    (0x3, Kind::ResetStream),
    (0x4, Kind::Settings),
    (0x5, Kind::PushPromise),
    (0x6, Kind::Ping),
    (0x7, Kind::GoAway),
    (0x8, Kind::WindowUpdate),
    (0x9, Kind::Continuation),
    (0x10, Kind::PriorityUpdate),
    (0xff, Kind::Unknown),
];

fn read(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Result<Frame<'_>, Breach> {
    let mut bytes = (payload.len() as u32).to_be_bytes()[1..].to_vec();
    bytes.extend([kind, flags]);
    bytes.extend(stream.to_be_bytes());
    bytes.extend(payload);
    let header = frame::read_header(&bytes)?.expect("a whole header");
    frame::parse(&header, payload)
}

/// Whether a fault ends the connection, and its code.
fn fault(read: Result<Frame<'_>, Breach>) -> Option<(bool, ErrorCode)> {
    match read {
        Ok(_) => None,
        Err(Breach::Connection(fault)) => Some((true, fault.code)),
        Err(Breach::Stream(fault)) => Some((false, fault.code)),
    }
}

/// Where a type belongs.
#[derive(Clone, Copy, PartialEq)]
enum Place {
    Stream,
    Connection,
    Either,
}

/// The types whose payload has a form: place, least and greatest length, and the step between lengths.
const FORMS: [(u8, Place, usize, usize, usize); 10] = [
    (0x0, Place::Stream, 0, usize::MAX, 1),
    (0x1, Place::Stream, 0, usize::MAX, 1),
    (0x2, Place::Stream, 5, 5, 1),
    (0x3, Place::Stream, 4, 4, 1),
    (0x4, Place::Connection, 0, usize::MAX, 6),
    (0x6, Place::Connection, 8, 8, 1),
    (0x7, Place::Connection, 8, usize::MAX, 1),
    (0x8, Place::Either, 4, 4, 1),
    (0x9, Place::Stream, 0, usize::MAX, 1),
    (0x10, Place::Connection, 4, usize::MAX, 1),
];

#[test]
fn section_6_a_type_has_its_place_and_its_lengths_and_the_rfc_names_the_fault_of_any_other() {
    for (kind, place, least, most, step) in FORMS {
        for stream in [0, 1, 2, 0x7fff_ffff] {
            for length in 0..=20 {
                let payload = vec![7; length];
                let is_misplaced = match place {
                    Place::Stream => stream == 0,
                    Place::Connection => stream != 0,
                    Place::Either => false,
                };
                let is_long =
                    (least..=most).contains(&length) && (length - least).is_multiple_of(step);
                let expected = match (is_misplaced, is_long) {
                    (true, _) => Some((true, PROTOCOL)),
                    // Section 6.3: a stream error for PRIORITY alone.
                    (false, false) => Some((kind != 0x2, SIZE)),
                    (false, true) => None,
                };
                let found = fault(read(kind, 0, stream, &payload));
                assert_eq!(found, expected, "{kind} of {length} bytes on {stream}");
            }
        }
    }
}

#[test]
fn section_5_5_a_type_that_no_rfc_names_is_ignored_whatever_it_holds_and_a_push_is_a_fault() {
    let known = KINDS.map(|(number, _)| number);
    for stream in [0, 1, 2] {
        for length in 0..=9 {
            let payload = vec![7; length];
            for kind in (0..=0xff).filter(|kind| *kind == 0xff || !known.contains(kind)) {
                assert_eq!(read(kind, 0xff, stream, &payload), Ok(Frame::Unknown));
            }
            let pushed = fault(read(0x5, 0, stream, &payload));
            assert_eq!(pushed, Some((true, PROTOCOL)), "{length} on {stream}");
        }
    }
}

#[test]
fn section_4_1_a_flag_without_a_meaning_for_its_type_changes_nothing() {
    const PAYLOAD: [u8; 12] = [1; 12];
    let ack = Flags::ACK.0;
    let padded = Flags::PADDED.0;
    for (kind, length, meaning) in [
        (0x0, 12, padded),
        (0x1, 12, padded | Flags::PRIORITY.0),
        (0x2, 5, 0),
        (0x3, 4, 0),
        (0x4, 12, ack),
        (0x4, 0, ack),
        (0x6, 8, ack),
        (0x7, 12, 0),
        (0x8, 4, 0),
        (0x9, 12, 0),
        (0x10, 12, 0),
    ] {
        let payload = &PAYLOAD[..length];
        let stream = u32::from(!matches!(kind, 0x4 | 0x6 | 0x7 | 0x10));
        for flags in 0..=0xff {
            let plain = read(kind, flags & meaning, stream, payload);
            assert_eq!(read(kind, flags, stream, payload), plain, "{kind} {flags}");
        }
    }
}

#[test]
fn section_6_5_and_6_7_an_answer_is_told_from_what_it_answers_by_its_flag() {
    assert_eq!(read(4, 0, 0, &[]), Ok(Frame::Settings(&[])));
    assert_eq!(read(4, 1, 0, &[]), Ok(Frame::SettingsAck));
    for length in 1..=12 {
        let acknowledged = fault(read(4, 1, 0, &vec![0; length]));
        assert_eq!(acknowledged, Some((true, SIZE)), "{length}");
    }
    for length in 0..=16 {
        let payload: Vec<u8> = (0..length).collect();
        let eight = <[u8; 8]>::try_from(&payload[..]).ok();
        let (ping, ack) = (read(6, 0, 0, &payload), read(6, 1, 0, &payload));
        match eight {
            Some(eight) => assert_eq!(
                (ping, ack),
                (Ok(Frame::Ping(eight)), Ok(Frame::PingAck(eight)))
            ),
            None => assert_eq!(
                (fault(ping), fault(ack)),
                (Some((true, SIZE)), Some((true, SIZE)))
            ),
        }
    }
}

/// The verdict of section 6.1 and 6.2 on padding and priority, in their words.
fn unwrapped(
    payload: &[u8],
    is_padded: bool,
    has_priority: bool,
) -> Result<&[u8], (bool, ErrorCode)> {
    let length = payload.len();
    let pad = match (is_padded, payload.first()) {
        (false, _) => 0,
        (true, None) => return Err((true, SIZE)),
        (true, Some(pad)) => usize::from(*pad),
    };
    if is_padded && pad >= length {
        return Err((true, PROTOCOL));
    }
    let front = usize::from(is_padded) + if has_priority { 5 } else { 0 };
    match (front > length, front + pad > length) {
        (true, _) => Err((true, SIZE)),
        (false, true) => Err((true, PROTOCOL)),
        (false, false) => Ok(&payload[front..length - pad]),
    }
}

#[test]
fn section_6_1_and_6_2_padding_and_priority_are_taken_off_as_far_as_there_is_room_for_them() {
    for length in 0..=14 {
        for pad in 0..=16 {
            let mut payload: Vec<u8> = (0..length).map(|at| 100 + at).collect();
            if let Some(first) = payload.first_mut() {
                *first = pad;
            }
            for flags in [0, 0x8] {
                let read = read(0, flags, 1, &payload);
                let expected = unwrapped(&payload, flags != 0, false);
                match expected {
                    Ok(data) => assert_eq!(read, Ok(Frame::Data(data))),
                    Err(expected) => assert_eq!(fault(read), Some(expected), "{length} {pad}"),
                }
            }
            for flags in [0, 0x8, 0x20, 0x28] {
                let read = read(1, flags, 1, &payload);
                let expected = unwrapped(&payload, flags & 0x8 != 0, flags & 0x20 != 0);
                match expected {
                    Ok(block) => assert_eq!(read, Ok(Frame::Headers(block))),
                    Err(expected) => assert_eq!(fault(read), Some(expected), "{length} {pad}"),
                }
            }
        }
    }
}

#[test]
fn section_4_1_the_reserved_bit_of_a_number_is_left_out_wherever_one_stands() {
    for number in [0u32, 1, 5, 0x0102_0304, 0x7fff_fffe, 0x7fff_ffff] {
        let reserved = (number | 1 << 31).to_be_bytes();
        let update = [&reserved[..], b"u=1"].concat();
        let expected = Frame::PriorityUpdate(StreamId(number), b"u=1");
        assert_eq!(read(0x10, 0, 0, &update), Ok(expected));
        if number != 0 {
            assert_eq!(read(8, 0, 1, &reserved), Ok(Frame::WindowUpdate(number)));
            let parent = [&reserved[..], &[16]].concat();
            let own = fault(read(2, 0, number, &parent));
            assert_eq!(own, Some((false, PROTOCOL)), "{number} depends on itself");
        }
        let mut header = [0, 0, 0, 6, 0, 0, 0, 0, 0];
        header[5..].copy_from_slice(&reserved);
        let header = frame::read_header(&header)
            .expect("no fault")
            .expect("whole");
        assert_eq!(header.stream, StreamId(number));
    }
    // A code of 32 bits has no such bit.
    for code in [0, 0xd, 0x8000_0008, u32::MAX] {
        let bytes = code.to_be_bytes();
        let reset = Frame::ResetStream(ErrorCode(code));
        assert_eq!(read(3, 0, 1, &bytes), Ok(reset));
        let leave = [&[0xff; 4][..], &bytes].concat();
        assert_eq!(read(7, 0, 0, &leave), Ok(Frame::GoAway(ErrorCode(code))));
    }
}

#[test]
fn rfc_7540_section_5_3_1_headers_depend_on_their_own_stream_if_its_number_stands_in_their_priority()
 {
    for (flags, stream, payload, expected) in [
        (0x20, 3, &[0, 0, 0, 3, 16][..], true),
        (0x20, 3, &[0x80, 0, 0, 3, 16], true),
        (0x20, 3, &[0, 0, 0, 1, 16], false),
        (0x20, 3, &[1, 0, 0, 3, 16], false),
        (0x20, 3, &[0, 0, 0], false),
        (0x20, 3, &[], false),
        (0x28, 3, &[0, 0, 0, 0, 3, 16], true),
        (0x28, 3, &[0, 0, 0, 3, 16, 0], false),
        (0x28, 3, &[], false),
        // Without the flag there is no priority.
        (0x0, 3, &[0, 0, 0, 3, 16], false),
        (0x8, 3, &[0, 0, 0, 0, 3, 16], false),
    ] {
        let header = Header {
            length: payload.len() as u32,
            kind: Kind::Headers,
            flags: Flags(flags),
            stream: StreamId(stream),
        };
        let found = frame::depends_on_itself(&header, payload);
        assert_eq!(found, expected, "{flags} {payload:?}");
    }
}

#[test]
fn section_5_1_1_the_streams_of_a_client_are_odd() {
    for number in 0..100 {
        assert_eq!(StreamId(number).is_clients(), number % 2 == 1, "{number}");
    }
    assert!(StreamId::MAX.is_clients() && !StreamId::CONNECTION.is_clients());
}

#[test]
fn flags_are_those_of_both_and_a_set_has_each_set_within_it() {
    for (flags, number) in [
        (Flags::NONE, 0),
        (Flags::END_STREAM, 1),
        (Flags::ACK, 1),
        (Flags::END_HEADERS, 4),
        (Flags::PADDED, 8),
        (Flags::PRIORITY, 0x20),
    ] {
        assert_eq!(flags, Flags(number));
        assert_eq!(flags.and(flags), flags);
    }
    for one in 0..=0x3f {
        for other in 0..=0x3f {
            let both = Flags(one).and(Flags(other));
            assert!(both.has(Flags(one)) && both.has(Flags(other)));
            let bits = |flags: u8| (0..8).filter(move |bit| flags >> bit & 1 == 1);
            let is_within = bits(other).all(|bit| bits(one).any(|have| have == bit));
            assert_eq!(Flags(one).has(Flags(other)), is_within, "{one} {other}");
        }
    }
}

#[test]
fn section_4_1_a_header_is_written_byte_for_byte_and_read_as_it_was_written() {
    for (number, kind) in KINDS {
        for length in [0, 1, 0x3fff, 0x4000] {
            let mut out = vec![0xaa];
            let flags = Flags(0x25);
            frame::write_header(length, kind, flags, StreamId(0x0102_0304), &mut out);
            let [high, low] = (length as u16).to_be_bytes();
            assert_eq!(out, [0xaa, 0, high, low, number, 0x25, 1, 2, 3, 4]);
            let header = frame::read_header(&out[1..])
                .expect("no fault")
                .expect("whole");
            let expected = Header {
                length: length as u32,
                kind,
                flags,
                stream: StreamId(0x0102_0304),
            };
            assert_eq!(header, expected);
        }
    }
    let mut out = Vec::new();
    frame::write_header(0x01_2345, Kind::Data, Flags::NONE, StreamId(1), &mut out);
    assert_eq!(
        out[..3],
        [1, 0x23, 0x45],
        "a client may ask for larger frames"
    );
}

#[test]
fn section_4_2_a_payload_is_taken_up_to_the_setting_and_no_byte_beyond() {
    for (length, is_taken) in [
        (0, true),
        (1, true),
        (0x3fff, true),
        (0x4000, true),
        (0x4001, false),
        (0x1_0000, false),
        (0xff_ffff, false),
    ] {
        let [_, a, b, c] = u32::to_be_bytes(length);
        let read = frame::read_header(&[a, b, c, 0, 0, 0, 0, 0, 1]);
        match is_taken {
            true => assert_eq!(read.expect("no fault").expect("whole").length, length),
            false => assert_eq!(read.expect_err("too large").code, SIZE, "{length}"),
        }
    }
}

#[test]
fn section_6_what_this_side_sends_stands_byte_for_byte() {
    let mut out = Vec::new();
    frame::write_reset(StreamId(5), ErrorCode(0x0102_0304), &mut out);
    assert_eq!(out, [0, 0, 4, 3, 0, 0, 0, 0, 5, 1, 2, 3, 4]);
    out.clear();
    frame::write_window_update(StreamId(5), 0x0102_0304, &mut out);
    assert_eq!(out, [0, 0, 4, 8, 0, 0, 0, 0, 5, 1, 2, 3, 4]);
    for flags in [Flags::NONE, Flags::ACK] {
        out.clear();
        frame::write_ping(*b"12345678", flags, &mut out);
        let head = [0, 0, 8, 6, flags.0, 0, 0, 0, 0];
        assert_eq!(out, [&head[..], b"12345678"].concat());
    }
    for text in ["", "a", "bye", &"long ".repeat(60)] {
        out.clear();
        frame::write_go_away(StreamId(7), ErrorCode::CANCEL, text, &mut out);
        let [high, low] = (8 + text.len() as u16).to_be_bytes();
        let front = [0, high, low, 7, 0, 0, 0, 0, 0, 0, 0, 0, 7, 0, 0, 0, 8];
        assert_eq!(out, [&front[..], text.as_bytes()].concat());
        assert_eq!(frame::go_away_size(text), out.len());
    }
}

#[test]
fn a_frame_is_closed_with_the_length_of_what_stands_behind_its_header() {
    for before in [0, 1, 9, 100] {
        for size in [0, 1, 255, 256, 16_384, 0x01_2345] {
            let mut out = vec![0xaa; before];
            frame::write_header(0, Kind::Headers, Flags::NONE, StreamId(1), &mut out);
            out.resize(before + 9 + size, 0xbb);
            frame::close(before, &mut out);
            let [_, a, b, c] = (size as u32).to_be_bytes();
            assert_eq!(out[before..before + 9], [a, b, c, 1, 0, 0, 0, 0, 1]);
            assert!(out[..before].iter().all(|byte| *byte == 0xaa));
            assert!(out[before + 9..].iter().all(|byte| *byte == 0xbb));
        }
    }
}
