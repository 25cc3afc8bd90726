//! The rules of the PROXY protocol, by the sections of its specification; then headers cut and changed at random.

use super::tlv::{self, Ssl};
use super::*;
use proptest::prelude::*;

const SIGNATURE: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";

/// A header of version 2.
fn v2(command: u8, family: u8, body: &[u8]) -> Vec<u8> {
    let len = u16::try_from(body.len()).expect("a length");
    [SIGNATURE, &[command, family], &len.to_be_bytes(), body].concat()
}

/// The addresses 203.0.113.7:4711 and 198.51.100.1:443.
fn tcp4() -> Vec<u8> {
    [
        &[203, 0, 113, 7, 198, 51, 100, 1],
        &4711u16.to_be_bytes()[..],
        &443u16.to_be_bytes(),
    ]
    .concat()
}

fn value(kind: u8, value: &[u8]) -> Vec<u8> {
    let len = u16::try_from(value.len()).expect("a length");
    [&[kind], &len.to_be_bytes()[..], value].concat()
}

fn with_values(values: &[u8]) -> Vec<u8> {
    v2(0x21, 0x11, &[tcp4(), values.to_vec()].concat())
}

#[track_caller]
fn announced(bytes: &[u8]) -> Announced {
    let header = read(bytes).expect("allowed").expect("whole");
    assert_eq!(header.len, bytes.len());
    header.announced.expect("somebody is announced")
}

/// Both addresses as text.
#[track_caller]
fn ends(bytes: &[u8]) -> (String, String) {
    let announced = announced(bytes);
    let text = |end: Option<SocketAddr>| end.map_or("none".to_owned(), |end| end.to_string());
    (text(announced.source), text(announced.destination))
}

/// A header that keeps the addresses of the socket.
#[track_caller]
fn keeps(bytes: &[u8]) {
    let len = bytes.len();
    let expected = Header {
        len,
        announced: None,
    };
    assert_eq!(read(bytes), Ok(Some(expected)), "{bytes:?}");
}

#[track_caller]
fn refused(bytes: &[u8], fault: HeaderFault) {
    assert_eq!(read(bytes), Err(fault), "{}", bytes.escape_ascii());
}

#[test]
fn section_2_1_a_line_names_the_client_first() {
    let four = ends(b"PROXY TCP4 203.0.113.7 198.51.100.1 4711 443\r\n");
    assert_eq!(four, ("203.0.113.7:4711".into(), "198.51.100.1:443".into()));
    let six = ends(b"PROXY TCP6 2001:db8::7 2001:db8::1 65535 0\r\n");
    assert_eq!(
        six,
        ("[2001:db8::7]:65535".into(), "[2001:db8::1]:0".into())
    );
    let full = b"PROXY TCP6 ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe 65535 65535\r\n";
    assert_eq!(full.len(), 104);
    assert_eq!(
        ends(full).1,
        "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe]:65535"
    );
    let mapped = ends(b"PROXY TCP6 ::ffff:203.0.113.7 ::ffff:198.51.100.1 1 2\r\n");
    assert_eq!(mapped, ("203.0.113.7:1".into(), "198.51.100.1:2".into()));
}

#[test]
fn section_2_1_unknown_keeps_the_addresses_of_the_socket_whatever_follows_it() {
    keeps(b"PROXY UNKNOWN\r\n");
    keeps(b"PROXY UNKNOWN ffff::1 ffff::2 65535 65535\r\n");
    keeps(b"PROXY UNKNOWN \xff\x00 anything\r\n");
    let longest = [b"PROXY UNKNOWN ", &[b'x'; 91][..], b"\r\n"].concat();
    assert_eq!(longest.len(), 107);
    keeps(&longest);
}

#[test]
fn section_2_1_a_line_without_its_end_in_107_bytes_is_refused() {
    let longer = [b"PROXY UNKNOWN ", &[b'x'; 92][..], b"\r\n"].concat();
    refused(&longer, HeaderFault::TooLong);
    refused(&longer[..107], HeaderFault::TooLong);
    assert_eq!(read(&longer[..106]), Ok(None));
}

#[test]
fn section_2_1_what_is_not_exactly_the_line_is_refused() {
    for line in [
        "PROXY\r\n",
        "PROXY \r\n",
        "PROXY TCP4\r\n",
        "PROXY TCP4 1.2.3.4 1.2.3.4 1\r\n",
        "PROXY TCP4 1.2.3.4 1.2.3.4 1 2 3\r\n",
        "PROXY TCP4 1.2.3.4 1.2.3.4 1 2 \r\n",
        "PROXY TCP4  1.2.3.4 1.2.3.4 1 2\r\n",
        "PROXY\tTCP4 1.2.3.4 1.2.3.4 1 2\r\n",
        "PROXY tcp4 1.2.3.4 1.2.3.4 1 2\r\n",
        "PROXY TCP4 ::1 ::1 1 2\r\n",
        "PROXY TCP6 1.2.3.4 1.2.3.4 1 2\r\n",
        "PROXY TCP4 1.2.3 1.2.3.4 1 2\r\n",
        "PROXY TCP4 01.2.3.4 1.2.3.4 1 2\r\n",
        "PROXY TCP4 1.2.3.4 1.2.3.256 1 2\r\n",
        "PROXY TCP6 ::1%lo ::1 1 2\r\n",
        "PROXY TCP4 1.2.3.4 1.2.3.4 65536 2\r\n",
        "PROXY TCP4 1.2.3.4 1.2.3.4 +1 2\r\n",
        "PROXY TCP4 1.2.3.4 1.2.3.4 01 2\r\n",
        "PROXY TCP4 1.2.3.4 1.2.3.4 -1 2\r\n",
        "PROXY TCP4 1.2.3.4 1.2.3.4  2\r\n",
        "PROXY UDP4 1.2.3.4 1.2.3.4 1 2\r\n",
        "PROXY UNKNOWNX\r\n",
        "PROXY TCP4 1.2.3.4 1.2.3.4 1 2\n\r\n",
    ] {
        let fault = match line.starts_with("PROXY ") {
            true => HeaderFault::Malformed,
            false => HeaderFault::Missing,
        };
        refused(line.as_bytes(), fault);
    }
}

#[test]
fn bytes_that_are_no_header_are_known_as_soon_as_they_differ_from_one() {
    for bytes in [
        &b"GET / HTTP/1.1\r\n\r\n"[..],
        b"PRI * HTTP/2.0\r\n\r\n",
        b"\x16\x03\x01",
        b"\r\n\r\n\0\r\nQUIX",
        b"P ",
        b"proxy ",
    ] {
        refused(bytes, HeaderFault::Missing);
    }
    for front in [&b""[..], b"P", b"PROXY", b"\r", b"\r\n\r\n\0\r\nQUIT"] {
        assert_eq!(read(front), Ok(None), "{front:?}");
    }
}

#[test]
fn section_2_2_the_binary_form_names_the_client_first() {
    let four = ends(&v2(0x21, 0x11, &tcp4()));
    assert_eq!(four, ("203.0.113.7:4711".into(), "198.51.100.1:443".into()));
    let source: u128 = 0x2001_0db8 << 96 | 7;
    let six = [
        &source.to_be_bytes()[..],
        &(source + 1).to_be_bytes(),
        &[0, 1, 0, 2],
    ]
    .concat();
    let six = ends(&v2(0x21, 0x21, &six));
    assert_eq!(six, ("[2001:db8::7]:1".into(), "[2001:db8::8]:2".into()));
    let unix = ends(&v2(0x21, 0x31, &[0; 216]));
    assert_eq!(unix, ("none".into(), "none".into()));
}

#[test]
fn section_2_2_other_versions_and_commands_are_refused_at_once() {
    for command in [0x00, 0x01, 0x11, 0x22, 0x2f, 0x31] {
        refused(&v2(command, 0x11, &tcp4()), HeaderFault::Malformed);
        refused(&[SIGNATURE, &[command]].concat(), HeaderFault::Malformed);
    }
}

#[test]
fn section_2_2_local_keeps_the_addresses_of_the_socket_and_everything_else_is_passed_over() {
    keeps(&v2(0x20, 0x00, &[]));
    keeps(&v2(0x20, 0x11, &tcp4()));
    keeps(&v2(0x20, 0xff, b"anything"));
}

#[test]
fn section_2_2_unspecified_families_and_datagrams_keep_the_addresses_of_the_socket() {
    for family in [0x00, 0x01, 0x02, 0x10, 0x12, 0x20, 0x22, 0x30, 0x32] {
        keeps(&v2(0x21, family, &[0; 216]));
    }
    keeps(&v2(0x21, 0x00, &[]));
}

#[test]
fn section_2_2_families_and_protocols_without_a_meaning_are_refused() {
    for family in [0x13, 0x1f, 0x40, 0x41, 0xf0] {
        refused(&v2(0x21, family, &[0; 216]), HeaderFault::Malformed);
    }
}

#[test]
fn section_2_2_addresses_that_do_not_fit_their_length_are_refused() {
    for (family, needed) in [(0x11, 12), (0x21, 36), (0x31, 216)] {
        refused(
            &v2(0x21, family, &vec![0; needed - 1]),
            HeaderFault::Malformed,
        );
        assert!(read(&v2(0x21, family, &vec![0; needed])).is_ok());
    }
}

#[test]
fn a_header_that_is_longer_than_is_read_is_refused_before_it_is_there() {
    let whole = v2(0x20, 0, &vec![0; HEADER_BYTES_MAX - 16]);
    keeps(&whole);
    let head = &v2(0x20, 0, &vec![0; HEADER_BYTES_MAX - 15])[..16];
    refused(head, HeaderFault::TooLong);
}

#[test]
fn section_2_2_values_are_found_by_their_kind_and_unknown_ones_are_passed_over() {
    let ssl = [
        &[1 | 2, 0, 0, 0, 0][..],
        &value(0x21, b"TLSv1.3"),
        &value(0x99, b"?"),
        &value(0x22, b"Ada"),
    ]
    .concat();
    let values = [
        value(0x04, &[0; 9]),
        value(0xe7, b"of ours"),
        value(0x01, b"h2"),
        value(0x02, b"a.example"),
        value(0x20, &ssl),
        value(0x05, &[]),
    ]
    .concat();
    let announced = announced(&with_values(&values));
    let find = |wanted: u8| {
        let mut values = announced.values();
        values.find_map(|(kind, value)| (kind == wanted).then(|| value.to_vec()))
    };
    assert_eq!(find(tlv::ALPN), Some(b"h2".to_vec()));
    assert_eq!(find(tlv::AUTHORITY), Some(b"a.example".to_vec()));
    assert_eq!(find(tlv::UNIQUE_ID), Some(Vec::new()));
    assert_eq!(find(0x77), None);
    let ssl = find(tlv::SSL).expect("it is there");
    let ssl = Ssl::read(&ssl).expect("it is long enough");
    assert_eq!((ssl.flags, ssl.verify), (3, 0));
    assert_eq!(ssl.value(tlv::SSL_VERSION), Some(&b"TLSv1.3"[..]));
    assert_eq!(ssl.value(tlv::SSL_COMMON_NAME), Some(&b"Ada"[..]));
    assert_eq!(ssl.value(tlv::SSL_CIPHER), None);
    assert_eq!(Ssl::read(&[1, 0, 0, 0]), None);
}

#[test]
fn section_2_2_values_that_do_not_fill_their_room_are_refused() {
    for values in [
        &[0x04][..],
        &[0x04, 0],
        &[0x04, 0, 1],
        &[0xee, 0xff, 0xff, 1],
    ] {
        refused(&with_values(values), HeaderFault::Malformed);
    }
}

#[test]
fn section_2_2_3_a_checksum_covers_the_whole_header_with_zeros_in_its_place() {
    let mut bytes =
        with_values(&[value(0x02, b"a"), value(0x03, &[0; 4]), value(0x04, b"x")].concat());
    let at = bytes
        .windows(7)
        .position(|seven| seven == [3, 0, 4, 0, 0, 0, 0]);
    let at = at.expect("it is there") + 3;
    let sum = crc32c::of(&bytes);
    bytes[at..at + 4].copy_from_slice(&sum.to_be_bytes());
    assert_eq!(ends(&bytes).0, "203.0.113.7:4711");
    for index in 16..bytes.len() {
        let mut changed = bytes.clone();
        changed[index] ^= 1;
        assert!(
            read(&changed).is_err() || !(16..28).contains(&index),
            "byte {index}"
        );
    }
    bytes[at] ^= 1;
    refused(&bytes, HeaderFault::Checksum);
    let short = with_values(&value(0x03, &[0; 3]));
    refused(&short, HeaderFault::Malformed);
    let twice = with_values(&[value(0x03, &[0; 4]), value(0x03, &[0; 4])].concat());
    refused(&twice, HeaderFault::Malformed);
}

#[test]
fn every_fault_has_a_place_of_its_own_a_name_and_a_cure() {
    for (place, fault) in HeaderFault::ALL.into_iter().enumerate() {
        assert_eq!(fault as usize, place);
        assert!(!fault.name().is_empty() && !fault.cure().is_empty());
    }
}

/// Headers that are allowed.
fn header() -> impl Strategy<Value = Vec<u8>> {
    let values = proptest::collection::vec((0x04u8.., any::<Vec<u8>>()), 0..4);
    let values = values.prop_map(|values| -> Vec<u8> {
        let all = values.iter().flat_map(|(kind, bytes)| value(*kind, bytes));
        all.collect()
    });
    prop_oneof![
        any::<(std::net::Ipv4Addr, std::net::Ipv4Addr, u16, u16)>()
            .prop_map(|(a, b, c, d)| format!("PROXY TCP4 {a} {b} {c} {d}\r\n").into_bytes()),
        any::<(std::net::Ipv6Addr, std::net::Ipv6Addr, u16, u16)>()
            .prop_map(|(a, b, c, d)| format!("PROXY TCP6 {a} {b} {c} {d}\r\n").into_bytes()),
        values.prop_map(|values| with_values(&values)),
        any::<(u8, Vec<u8>)>().prop_map(|(family, body)| v2(0x20, family, &body)),
    ]
}

proptest! {
    #[test]
    fn reading_never_panics(bytes in any::<Vec<u8>>()) {
        let _ = read(&bytes);
        let _ = read(&[SIGNATURE, &bytes].concat());
        let _ = read(&[&b"PROXY "[..], &bytes].concat());
        let _ = read(&with_values(&bytes));
        let _ = Ssl::read(&bytes).map(|ssl| ssl.value(0x21).is_some());
    }

    #[test]
    fn a_header_is_read_once_it_is_whole_and_nothing_behind_it_is_taken(
        bytes in header(),
        behind in any::<Vec<u8>>(),
    ) {
        for len in 0..bytes.len() {
            prop_assert_eq!(read(&bytes[..len]), Ok(None));
        }
        let alone = read(&bytes).expect("allowed").expect("whole");
        prop_assert_eq!(alone.len, bytes.len());
        let more = read(&[&bytes[..], &behind].concat()).expect("allowed");
        prop_assert_eq!(more, Some(alone));
    }

    #[test]
    fn a_changed_header_is_refused_or_names_somebody_and_never_panics(
        bytes in header(),
        changes in proptest::collection::vec(any::<(usize, u8)>(), 1..4),
    ) {
        let mut bytes = bytes;
        for (at, byte) in changes {
            let len = bytes.len();
            bytes[at % len] = byte;
        }
        if let Ok(Some(header)) = read(&bytes) {
            prop_assert!(header.len <= bytes.len());
        }
    }

    #[test]
    fn what_is_announced_is_the_same_in_another_process(bytes in header()) {
        if let Some(announced) = read(&bytes).expect("allowed").expect("whole").announced {
            prop_assert_eq!(Announced::from_text(&announced.to_text()), Some(announced));
        }
    }

    #[test]
    fn reading_the_text_of_another_process_never_panics(text in any::<String>(), bytes in header()) {
        let _ = Announced::from_text(&text);
        let mut text = read(&bytes).ok().flatten().and_then(|header| header.announced).map_or(String::new(), |announced| announced.to_text());
        text.pop();
        prop_assert_eq!(Announced::from_text(&text), None);
    }
}
