//! Every number of a session that is carried, at and beyond the values that it can have.

use super::forge::{GET, Wire, data, headers, post, reset};
use bytes::Bytes;
use ringgate::http2::carry::CarryError;
use ringgate::http2::{Limits, Payload, Session, StreamId};

const MOST: u32 = 0x7fff_ffff;
/// Numbers in front, behind the byte that says the layout.
const NUMBERS: usize = 17;
/// The place of the count of resets, behind the numbers.
const RESETS: usize = 1 + 4 * NUMBERS;

const STREAM_WINDOW: usize = 0;
const CONNECTION_WINDOW: usize = 1;
const HEADER_TABLE_SIZE: usize = 2;
const EXTENDED_CONNECT: usize = 3;
const INITIAL_WINDOW: usize = 5;
const FRAME_SIZE: usize = 6;
const LEFT: usize = 9;
const TAKEN: usize = 10;
const HIGHEST: usize = 11;
const TOLD: usize = 12;
const TABLE: usize = 16;

fn set(bytes: &mut [u8], place: usize, number: u32) {
    let at = 1 + 4 * place;
    bytes[at..at + 4].copy_from_slice(&number.to_be_bytes());
}

fn fresh() -> Vec<u8> {
    Wire::open().session.encode().expect("an idle session")
}

/// Why these bytes are no session; if they are one, it is encoded as it was.
#[track_caller]
fn refused(bytes: &[u8]) -> Option<CarryError> {
    match Session::decode(bytes, 7) {
        Ok(session) => {
            assert_eq!(session.encode().expect("a session at rest"), bytes);
            None
        }
        Err(error) => Some(error),
    }
}

#[test]
fn each_number_of_a_session_is_taken_up_to_its_bound_and_named_where_it_is_beyond() {
    for (place, least, greatest, name) in [
        (STREAM_WINDOW, 0, MOST, "stream window"),
        (HEADER_TABLE_SIZE, 0, u32::MAX, ""),
        (EXTENDED_CONNECT, 0, 1, "setting"),
        (4, 0, u32::MAX, ""),
        (INITIAL_WINDOW, 0, MOST, "initial window"),
        (FRAME_SIZE, 16_384, 16_777_215, "frame size"),
        (7, 0, u32::MAX, ""),
        (8, 0, u32::MAX, ""),
        (HIGHEST, 0, MOST, "stream"),
        (TOLD, 0, u32::MAX, ""),
        (13, 0, u32::MAX, ""),
        (14, 0, u32::MAX, ""),
        (15, 0, u32::MAX, ""),
        (TABLE, 0, 65_536, "table"),
    ] {
        let with = |number| {
            let mut bytes = fresh();
            set(&mut bytes, place, number);
            refused(&bytes)
        };
        for number in [least, greatest] {
            assert_eq!(with(number), None, "{number} at {place}");
        }
        for number in [
            least.checked_sub(1),
            greatest.checked_add(1),
            greatest.checked_add(2),
        ] {
            let Some(number) = number else { continue };
            assert_eq!(
                with(number),
                Some(CarryError::Field(name)),
                "{number} at {place}"
            );
        }
    }
}

#[test]
fn the_window_of_a_connection_is_what_is_left_of_it_and_what_is_to_be_given_back() {
    let window = |window, left, taken| {
        let mut bytes = fresh();
        for (place, number) in [(CONNECTION_WINDOW, window), (LEFT, left), (TAKEN, taken)] {
            set(&mut bytes, place, number);
        }
        refused(&bytes)
    };
    for (all, left, taken) in [
        (100, 100, 0),
        (100, 60, 40),
        (100, 0, 100),
        (0, 0, 0),
        (MOST, MOST, 0),
        (MOST, 1, MOST - 1),
    ] {
        assert_eq!(
            window(all, left, taken),
            None,
            "{left} and {taken} of {all}"
        );
    }
    for (all, left, taken) in [
        (100, 100, 1),
        (100, 99, 0),
        (100, 140, 40),
        (100, 10, 10),
        (0, 1, 0),
        // The sum has more than 32 bits.
        (4, u32::MAX, 5),
        (0, u32::MAX, 1),
    ] {
        let found = window(all, left, taken);
        assert_eq!(
            found,
            Some(CarryError::Field("window")),
            "{left} and {taken} of {all}"
        );
    }
    let found = window(MOST + 1, MOST + 1, 0);
    assert_eq!(found, Some(CarryError::Field("connection window")));
}

#[test]
fn a_session_remembers_its_resets_up_to_as_many_as_it_keeps() {
    for count in [0, 1, 63, 64, 65, 255] {
        let mut bytes = fresh();
        bytes[RESETS] = count;
        let streams = (0..u32::from(count)).flat_map(|nth| (2 * nth + 1).to_be_bytes());
        bytes.splice(RESETS + 1..RESETS + 1, streams);
        let expected = (count > 64).then_some(CarryError::Field("reset"));
        assert_eq!(refused(&bytes), expected, "{count}");
    }
}

const CONNECT: [(&str, &str); 2] = [(":method", "CONNECT"), (":authority", "example.org:443")];

/// A session with these tunnels, and the place of the first one in its bytes.
fn tunnels(streams: &[u32]) -> (Vec<u8>, usize) {
    let mut wire = Wire::open();
    for stream in streams {
        wire.hears(&headers(*stream, false, &CONNECT));
        wire.answers(*stream, Payload::Later).expect("an answer");
    }
    let bytes = wire.session.encode().expect("tunnels at rest");
    let at = bytes.len() - streams.len() * TUNNEL;
    (bytes, at)
}

/// Bytes of a tunnel: its number, three numbers about its windows, and its priority.
const TUNNEL: usize = 17;

#[test]
fn the_tunnels_of_a_session_rise_and_are_its_clients_and_none_is_beyond_its_highest_stream() {
    for (numbers, is_session) in [
        ([1, 3, 5], true),
        ([1, 3, 9], true),
        ([5, 7, 9], true),
        ([1, 3, 11], false),
        ([1, 3, 10], false),
        ([2, 3, 5], false),
        ([0, 3, 5], false),
        ([1, 1, 5], false),
        ([1, 5, 5], false),
        ([3, 1, 5], false),
        ([1, 7, 5], false),
        ([1, 3, 0x8000_0005], false),
    ] {
        let (mut bytes, at) = tunnels(&[1, 3, 9]);
        for (nth, number) in numbers.into_iter().enumerate() {
            let at = at + nth * TUNNEL;
            bytes[at..at + 4].copy_from_slice(&u32::to_be_bytes(number));
        }
        let expected = (!is_session).then_some(CarryError::Field("stream"));
        assert_eq!(refused(&bytes), expected, "{numbers:?}");
    }
}

#[test]
fn the_windows_and_the_priority_of_a_tunnel_are_carried_as_they_are() {
    for (left, taken, is_window) in [
        (0, 0, true),
        (5, 7, true),
        (MOST, 0, true),
        (0, MOST, true),
        (MOST - 9, 9, true),
        (MOST, 1, false),
        (1, MOST, false),
        (MOST - 9, 10, false),
        (MOST + 1, 0, false),
        (u32::MAX, 5, false),
        (5, u32::MAX, false),
    ] {
        let (mut bytes, at) = tunnels(&[1]);
        bytes[at + 8..at + 12].copy_from_slice(&u32::to_be_bytes(left));
        bytes[at + 12..at + 16].copy_from_slice(&u32::to_be_bytes(taken));
        let expected = (!is_window).then_some(CarryError::Field("window"));
        assert_eq!(refused(&bytes), expected, "{left} and {taken}");
    }
    for priority in 0..=255 {
        let (mut bytes, at) = tunnels(&[1]);
        bytes[at + 16] = priority;
        let expected = (priority >= 16).then_some(CarryError::Field("priority"));
        assert_eq!(refused(&bytes), expected, "{priority}");
    }
    for (value, carried) in [
        ("u=0", 0),
        ("u=0, i", 1),
        ("u=1", 2),
        ("u=3", 6),
        ("u=4, i", 9),
        ("u=6", 12),
        ("u=7, i", 15),
    ] {
        let mut wire = Wire::open();
        let fields = [&CONNECT[..], &[("priority", value)]].concat();
        wire.hears(&headers(1, false, &fields));
        wire.answers(1, Payload::Later).expect("an answer");
        let bytes = wire.session.encode().expect("a tunnel at rest");
        assert_eq!(bytes.last(), Some(&carried), "{value}");
        assert_eq!(refused(&bytes), None);
    }
}

/// A field of a table: mark, name, value.
fn field(mark: u8, name: &[u8], value: &[u8]) -> Vec<u8> {
    let mut bytes = vec![mark];
    bytes.extend((name.len() as u16).to_be_bytes());
    bytes.extend((value.len() as u16).to_be_bytes());
    [&bytes, name, value].concat()
}

/// A session with these fields in the table of one side.
fn with_table(of_decoder: bool, fields: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = fresh();
    let at = RESETS + 1 + if of_decoder { 0 } else { 2 };
    bytes[at..at + 2].copy_from_slice(&(fields.len() as u16).to_be_bytes());
    bytes.splice(at + 2..at + 2, fields.concat());
    bytes
}

#[test]
fn a_field_of_a_table_has_a_mark_that_its_table_can_have() {
    // The client's fields have none, and those of this side the index of their name, or 0.
    for (of_decoder, mark, name, fault) in [
        (true, 0, "x-own", None),
        (true, 0, "", None),
        (true, 1, "x-own", Some("mark")),
        (true, 33, "date", Some("mark")),
        (true, 255, "x-own", Some("mark")),
        (false, 0, "x-own", None),
        (false, 33, "date", None),
        (false, 1, ":authority", None),
        (false, 61, "www-authenticate", None),
        (false, 33, "x-own", Some("name")),
        (false, 33, "dat", Some("name")),
        (false, 34, "date", Some("name")),
        (false, 61, "via", Some("name")),
        (false, 62, "www-authenticate", Some("name")),
        (false, 62, "x-own", Some("name")),
        (false, 255, "x-own", Some("name")),
    ] {
        let bytes = with_table(of_decoder, &[field(mark, name.as_bytes(), b"value")]);
        let expected = fault.map(CarryError::Field);
        assert_eq!(refused(&bytes), expected, "{of_decoder} {mark} {name}");
    }
}

#[test]
fn a_table_has_no_more_fields_than_there_is_room_for() {
    // Fields of 64 bytes: the client's table has 4,096 of these, and that of this side 512.
    let one = field(0, b"name", &[b'v'; 28]);
    for (of_decoder, most) in [(true, 64), (false, 8)] {
        for count in [1, 2, most - 1, most, most + 1] {
            let bytes = with_table(of_decoder, &vec![one.clone(); count]);
            let expected = (count > most).then_some(CarryError::Field("table"));
            assert_eq!(refused(&bytes), expected, "{count} of {most}");
        }
    }
    // A client that has said less has less, and this side has no more than it was told.
    for (place, of_decoder) in [(TABLE, true), (TOLD, false)] {
        for (room, is_table) in [(128, true), (127, false), (64, false), (0, false)] {
            let mut bytes = with_table(of_decoder, &[one.clone(), one.clone()]);
            set(&mut bytes, place, room);
            let expected = (!is_table).then_some(CarryError::Field("table"));
            assert_eq!(refused(&bytes), expected, "{room} at {place}");
        }
    }
}

#[test]
fn whatever_one_byte_is_made_to_be_a_session_that_is_taken_is_that_of_its_bytes() {
    let mut wire = Wire::open();
    for stream in [1, 3, 5] {
        wire.hears(&headers(stream, false, &CONNECT));
        wire.answers(stream, Payload::Later).expect("an answer");
    }
    let bytes = wire.session.encode().expect("tunnels at rest");
    let (mut taken, mut refusals) = (0, 0);
    for at in 0..bytes.len() {
        for change in [1, 2, 0x10, 0x7f, 0x80, 0xff] {
            let mut changed = bytes.clone();
            changed[at] ^= change;
            match refused(&changed) {
                None => taken += 1,
                Some(_) => refusals += 1,
            }
        }
    }
    assert!(taken > 100 && refusals > 100, "{taken} and {refusals}");
}

#[test]
fn a_refusal_of_bytes_says_what_is_wrong_with_them() {
    for (error, said) in [
        (
            CarryError::Format(9),
            "an HTTP/2 connection in layout 9, of which this program knows 1; \
             hand over between versions that share a layout, or drain",
        ),
        (
            CarryError::Length,
            "an HTTP/2 connection that is cut, or too long",
        ),
        (
            CarryError::Field("window"),
            "an HTTP/2 connection with a senseless window",
        ),
    ] {
        assert_eq!(error.to_string(), said);
    }
}

/// What may be under way, and whether a session with it rests, and whether it is idle as well.
#[test]
fn a_session_rests_with_answered_tunnels_and_nothing_else_and_is_idle_without_these() {
    let connect = |stream, end| headers(stream, end, &CONNECT);
    let check = |wire: &Wire, rests: bool, is_idle: bool, what: &str| {
        assert_eq!(
            (wire.session.rests(), wire.session.is_idle()),
            (rests, is_idle),
            "{what}"
        );
        assert_eq!(wire.session.encode().is_some(), rests, "{what}");
    };
    check(&Wire::silent(Limits::default()), false, false, "no preface");
    let mut wire = Wire::open();
    check(&wire, true, true, "nothing");
    wire.hears(&connect(1, false));
    check(&wire, false, false, "a tunnel that is not answered");
    wire.answers(1, Payload::Later).expect("an answer");
    check(&wire, true, false, "a tunnel");
    wire.hears(&data(1, false, b"abc")[..10]);
    check(&wire, false, false, "half a frame");
    wire.hears(&data(1, false, b"abc")[10..]);
    check(&wire, false, false, "bytes that nobody has given back");
    wire.took(1, 3);
    check(&wire, true, false, "a tunnel");
    let id = StreamId(1);
    wire.session
        .body(id, Bytes::from_static(b"def"), 0)
        .expect("it is open");
    check(&wire, false, false, "payload that waits");
    wire.flushes();
    check(&wire, true, false, "a tunnel");
    // Another that is no tunnel, though it is answered.
    wire.hears(&post(3));
    check(&wire, false, false, "a request");
    wire.answers(3, Payload::Later).expect("an answer");
    check(&wire, false, false, "a request whose answer goes on");
    wire.hears(&reset(3));
    check(&wire, true, false, "a tunnel");
    wire.hears(&data(1, true, b""));
    check(&wire, false, false, "a tunnel whose client has ended it");
    wire.session.finish(id, None, 0).expect("it is open");
    wire.flushes();
    check(&wire, true, true, "nothing again");
    wire.drains(0);
    check(&wire, false, false, "a drain");
    let mut wire = Wire::open();
    wire.hears(&connect(1, false));
    wire.answers(1, Payload::Later).expect("an answer");
    wire.session.finish(id, None, 0).expect("it is open");
    wire.flushes();
    check(&wire, false, false, "a tunnel that this side has ended");
}

#[test]
fn a_session_that_goes_on_elsewhere_has_the_numbers_that_its_client_was_told() {
    let limits = Limits {
        stream_window: 100_001,
        connection_window: 200_002,
        header_table_size: 5005,
        extended_connect: true,
        ..Limits::default()
    };
    let mut wire = Wire::open_with(limits, &[(1, 4004), (4, 50_005), (5, 60_006), (6, 70_007)]);
    let stream = headers(5, true, &GET);
    wire.hears(&stream);
    wire.hears(&reset(5));
    let bytes = wire.session.encode().expect("an idle session");
    let number = |place: usize| {
        let at = 1 + 4 * place;
        u32::from_be_bytes(bytes[at..at + 4].try_into().expect("four"))
    };
    let numbers: Vec<_> = (0..NUMBERS).map(number).collect();
    let expected = [
        100_001, 200_002, 5005, 1, 4004, 50_005, 60_006, 70_007, 65_535, 200_002, 0, 5, 4096, 4004,
        4004, 5005, 4096,
    ];
    assert_eq!(numbers, expected);
    assert_eq!(refused(&bytes), None);
}
