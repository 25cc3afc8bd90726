//! Frames: RFC 9113 sections 4 and 6, RFC 9218 section 7.

use proptest::prelude::*;
use ringgate::http2::frame::{
    self, Flags, Frame, HEADER_SIZE_BYTES, Kind, PAYLOAD_SIZE_BYTES_MAX, StreamId,
};
use ringgate::http2::{Breach, ErrorCode};

/// A frame as a client forges it.
fn forged(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let mut bytes = (payload.len() as u32).to_be_bytes()[1..].to_vec();
    bytes.extend([kind, flags]);
    bytes.extend(stream.to_be_bytes());
    bytes.extend(payload);
    bytes
}

/// The meaning of a whole frame, borrowed for ever.
fn read(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Result<Frame<'_>, Breach> {
    let bytes = forged(kind, flags, stream, payload);
    let header = frame::read_header(&bytes)?.expect("a whole header");
    assert_eq!(header.stream.0, stream & 0x7FFF_FFFF);
    frame::parse(&header, payload)
}

#[track_caller]
fn fails_connection(code: ErrorCode, kind: u8, flags: u8, stream: u32, payload: &[u8]) {
    match read(kind, flags, stream, payload) {
        Err(Breach::Connection(fault)) if fault.code == code => {}
        other => panic!("type {kind} on {stream} is {other:?}"),
    }
}

#[track_caller]
fn fails_stream(code: ErrorCode, kind: u8, flags: u8, stream: u32, payload: &[u8]) {
    match read(kind, flags, stream, payload) {
        Err(Breach::Stream(fault)) if fault.code == code => {}
        other => panic!("type {kind} on {stream} is {other:?}"),
    }
}

const PROTOCOL: ErrorCode = ErrorCode::PROTOCOL_ERROR;
const SIZE: ErrorCode = ErrorCode::FRAME_SIZE_ERROR;

#[test]
fn section_4_1_a_header_that_is_cut_says_nothing() {
    let bytes = forged(6, 0, 0, b"12345678");
    for cut in 0..HEADER_SIZE_BYTES {
        assert_eq!(frame::read_header(&bytes[..cut]), Ok(None));
    }
}

#[test]
fn section_4_1_types_that_nobody_knows_and_flags_without_meaning_are_ignored() {
    assert_eq!(read(0xEE, 0xFF, 7, b"anything"), Ok(Frame::Unknown));
    assert_eq!(read(6, 0xFE, 0, b"12345678"), Ok(Frame::Ping(*b"12345678")));
}

#[test]
fn section_4_1_the_reserved_bit_is_ignored() {
    assert_eq!(
        read(3, 0, 0x8000_0001, &[0, 0, 0, 8]),
        Ok(Frame::ResetStream(ErrorCode::CANCEL))
    );
}

#[test]
fn section_4_2_a_frame_larger_than_the_setting_is_a_fault_at_its_header() {
    let largest = [0, 0x40, 0, 0, 0, 0, 0, 0, 1];
    assert!(frame::read_header(&largest).is_ok());
    let larger = [0, 0x40, 1, 0, 0, 0, 0, 0, 1];
    let fault = frame::read_header(&larger).expect_err("too large");
    assert_eq!(fault.code, SIZE);
    assert_eq!(PAYLOAD_SIZE_BYTES_MAX, 0x4000);
}

#[test]
fn section_6_1_data_has_its_padding_taken_off() {
    assert_eq!(read(0, 0, 1, b"abc"), Ok(Frame::Data(b"abc")));
    assert_eq!(read(0, 8, 1, b"\x02abc\0\0"), Ok(Frame::Data(b"abc")));
    assert_eq!(read(0, 8, 1, b"\x02\0\0"), Ok(Frame::Data(b"")));
    fails_connection(PROTOCOL, 0, 8, 1, b"\x03\0\0");
    fails_connection(SIZE, 0, 8, 1, b"");
    fails_connection(PROTOCOL, 0, 0, 0, b"abc");
}

#[test]
fn section_6_2_headers_have_padding_and_priority_taken_off() {
    assert_eq!(read(1, 4, 1, b"block"), Ok(Frame::Headers(b"block")));
    assert_eq!(
        read(1, 0x2C, 1, b"\x01\0\0\0\x03\x10block\0"),
        Ok(Frame::Headers(b"block"))
    );
    fails_connection(PROTOCOL, 1, 0x2C, 1, b"\x06\0\0\0\x03\x10block");
    fails_connection(SIZE, 1, 0x20, 1, b"\0\0\0\x03");
    fails_connection(PROTOCOL, 1, 4, 0, b"block");
}

#[test]
fn section_6_3_priority_has_five_bytes_and_a_stream() {
    assert_eq!(read(2, 0, 3, &[0, 0, 0, 1, 9]), Ok(Frame::Priority));
    fails_connection(PROTOCOL, 2, 0, 0, &[0, 0, 0, 1, 9]);
    fails_stream(SIZE, 2, 0, 3, &[0, 0, 0, 1]);
    // RFC 7540 section 5.3.1.
    fails_stream(PROTOCOL, 2, 0, 3, &[0x80, 0, 0, 3, 9]);
}

#[test]
fn section_6_4_rst_stream_has_four_bytes_and_a_stream() {
    fails_connection(PROTOCOL, 3, 0, 0, &[0, 0, 0, 8]);
    fails_connection(SIZE, 3, 0, 1, &[0, 0, 8]);
}

#[test]
fn section_6_5_settings_have_six_bytes_each_and_no_stream() {
    assert_eq!(read(4, 0, 0, &[0; 12]), Ok(Frame::Settings(&[0; 12])));
    assert_eq!(read(4, 1, 0, &[]), Ok(Frame::SettingsAck));
    fails_connection(SIZE, 4, 1, 0, &[0; 6]);
    fails_connection(SIZE, 4, 0, 0, &[0; 7]);
    fails_connection(PROTOCOL, 4, 0, 1, &[0; 6]);
}

#[test]
fn section_6_6_a_client_does_not_push() {
    fails_connection(PROTOCOL, 5, 4, 1, &[0, 0, 0, 2]);
}

#[test]
fn section_6_7_ping_has_eight_bytes_and_no_stream() {
    assert_eq!(read(6, 1, 0, b"12345678"), Ok(Frame::PingAck(*b"12345678")));
    fails_connection(SIZE, 6, 0, 0, b"1234567");
    fails_connection(PROTOCOL, 6, 0, 1, b"12345678");
}

#[test]
fn section_6_8_goaway_has_eight_bytes_and_no_stream() {
    let bytes = [0, 0, 0, 0, 0, 0, 0, 11, b'w', b'h', b'y'];
    assert_eq!(
        read(7, 0, 0, &bytes),
        Ok(Frame::GoAway(ErrorCode::ENHANCE_YOUR_CALM))
    );
    fails_connection(SIZE, 7, 0, 0, &bytes[..7]);
    fails_connection(PROTOCOL, 7, 0, 1, &bytes);
}

#[test]
fn section_6_9_window_update_adds_something() {
    assert_eq!(read(8, 0, 1, &[0x80, 0, 0, 5]), Ok(Frame::WindowUpdate(5)));
    fails_connection(PROTOCOL, 8, 0, 0, &[0, 0, 0, 0]);
    fails_stream(PROTOCOL, 8, 0, 1, &[0x80, 0, 0, 0]);
    fails_connection(SIZE, 8, 0, 1, &[0, 0, 1]);
}

#[test]
fn section_6_10_continuation_has_a_stream() {
    assert_eq!(read(9, 4, 1, b"more"), Ok(Frame::Continuation(b"more")));
    fails_connection(PROTOCOL, 9, 4, 0, b"more");
}

#[test]
fn rfc_9218_section_7_1_a_priority_update_names_its_stream() {
    assert_eq!(
        read(0x10, 0, 0, b"\0\0\0\x05u=1"),
        Ok(Frame::PriorityUpdate(StreamId(5), b"u=1"))
    );
    fails_connection(SIZE, 0x10, 0, 0, b"\0\0\0");
    fails_connection(PROTOCOL, 0x10, 0, 1, b"\0\0\0\x05u=1");
}

#[test]
fn what_is_written_is_read_again() {
    let mut out = Vec::new();
    frame::write_reset(StreamId(5), ErrorCode::CANCEL, &mut out);
    frame::write_window_update(StreamId(0), 9, &mut out);
    frame::write_ping(*b"abcdefgh", Flags::ACK, &mut out);
    frame::write_go_away(StreamId::MAX, ErrorCode::NO_ERROR, "bye", &mut out);
    let at = out.len();
    frame::write_header(0, Kind::Headers, Flags::END_HEADERS, StreamId(7), &mut out);
    out.extend(b"block");
    frame::close(at, &mut out);
    let mut rest = &out[..];
    let mut seen = Vec::new();
    while !rest.is_empty() {
        let header = frame::read_header(rest).expect("no fault").expect("whole");
        let end = HEADER_SIZE_BYTES + header.length as usize;
        seen.push(frame::parse(&header, &rest[HEADER_SIZE_BYTES..end]).expect("a frame"));
        rest = &rest[end..];
    }
    let expected = [
        Frame::ResetStream(ErrorCode::CANCEL),
        Frame::WindowUpdate(9),
        Frame::PingAck(*b"abcdefgh"),
        Frame::GoAway(ErrorCode::NO_ERROR),
        Frame::Headers(b"block"),
    ];
    assert_eq!(seen, expected);
}

proptest! {
    #[test]
    fn no_bytes_make_the_reader_panic(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
        if let Ok(Some(header)) = frame::read_header(&bytes) {
            let payload = &bytes[HEADER_SIZE_BYTES..];
            let length = payload.len().min(header.length as usize);
            let header = frame::Header { length: length as u32, ..header };
            let _ = frame::parse(&header, &payload[..length]);
        }
    }

    #[test]
    fn every_payload_of_every_type_is_a_frame_or_a_fault(
        kind in 0u8..0x12,
        flags in any::<u8>(),
        stream in 0u32..3,
        payload in prop::collection::vec(any::<u8>(), 0..24),
    ) {
        if let Ok(Frame::Data(data) | Frame::Headers(data)) = read(kind, flags, stream, &payload) {
            prop_assert!(data.len() <= payload.len());
            prop_assert!(stream != 0);
        }
    }
}
