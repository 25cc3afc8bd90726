//! Request bodies: RFC 9112 sections 6, 7 and 8; RFC 9110 section 6.5.

use super::decode;
use ringgate::http1::body::{BodyDecoder, CHUNK_EXTENSION_BYTES_MAX, EXTENSIONS_BYTES_FREE};
use ringgate::http1::fields::BodyFraming;
use ringgate::http1::refusal::Peer;
use ringgate::http1::trailers::{TRAILERS_COUNT_MAX, TRAILERS_SIZE_BYTES_MAX, is_permitted};

fn decoder(framing: BodyFraming) -> BodyDecoder {
    BodyDecoder::new(framing, None).expect("no limit")
}

/// Payload and rest of a chunked body that must be valid.
#[track_caller]
fn chunked(bytes: &[u8]) -> (String, String) {
    let mut decoder = decoder(BodyFraming::Chunked);
    let (payload, rest) = decode(&mut decoder, &[bytes]).expect("a valid body");
    assert!(decoder.is_finished(), "{} goes on", bytes.escape_ascii());
    (
        String::from_utf8(payload).expect("text"),
        String::from_utf8(rest).expect("text"),
    )
}

/// Status of a chunked body that must be refused.
#[track_caller]
fn refused(bytes: &[u8]) -> u16 {
    match decode(&mut decoder(BodyFraming::Chunked), &[bytes]) {
        Err(refusal) => refusal.status.as_u16(),
        Ok(decoded) => panic!("{} is {decoded:?}", bytes.escape_ascii()),
    }
}

#[test]
fn section_6_3_a_sized_body_ends_at_its_length() {
    let mut decoder = decoder(BodyFraming::Length(5));
    let (payload, rest) = decode(&mut decoder, &[b"ab", b"cdeGET /"]).expect("a valid body");
    assert_eq!((&payload[..], &rest[..]), (&b"abcde"[..], &b"GET /"[..]));
    assert_eq!(
        decoder.next(b"GET /").map(|decoded| decoded.consumed),
        Ok(0),
        "and stays ended"
    );
}

#[test]
fn section_6_3_a_request_without_framing_has_no_body() {
    let mut decoder = decoder(BodyFraming::None);
    assert!(decoder.is_finished());
    assert_eq!(
        decode(&mut decoder, &[b"GET /"]),
        Ok((vec![], b"GET /".to_vec()))
    );
}

#[test]
fn section_7_1_chunks_are_joined_and_the_rest_is_left() {
    assert_eq!(
        chunked(b"3\r\nabc\r\n0\r\n\r\nGET /"),
        ("abc".into(), "GET /".into())
    );
    assert_eq!(
        chunked(b"1\r\na\r\n002;x=\"y\"\r\nbc\r\n00\r\n\r\n"),
        ("abc".into(), String::new())
    );
    assert_eq!(
        chunked(b"A\r\n0123456789\r\na\r\n0123456789\r\n0;last\r\n\r\n")
            .0
            .len(),
        20
    );
}

#[test]
fn section_7_1_a_bad_chunk_size_or_line_end_is_refused() {
    for bytes in [
        &b"\r\n"[..],
        b"+3\r\nabc",
        b"-3\r\n",
        b" 3\r\nabc",
        b"3 \r\nabc",
        b"3 ;x\r\nabc",
        b"0x3\r\n",
        b"3\t\r\n",
        b"g\r\n",
        b";x\r\n",
        b"3\nabc",
        b"3\rabc",
        b"3;x\nabc",
        b"3;x\rabc",
        b"3;x\0\r\n",
        b"3\r\nabcd",
        b"3\r\nabc\n0\r\n\r\n",
        b"3\r\nabc\rx",
        b"3\r\nabc0\r\n\r\n",
        b"0\r\n\n",
        b"0\r\n\rX",
        b"0\n\r\n",
        b"00000000000000003\r\nabc",
        b"ffffffffffffffff0\r\n",
        b"3.\r\n",
    ] {
        assert_eq!(refused(bytes), 400, "{}", bytes.escape_ascii());
    }
    // 16 digits are as many as a length has bits for; together they must not overflow.
    assert_eq!(refused(b"1\r\na\r\nffffffffffffffff\r\n"), 413);
}

#[test]
fn section_7_1_1_extensions_are_ignored_but_bounded() {
    let most = "x".repeat(CHUNK_EXTENSION_BYTES_MAX as usize);
    assert_eq!(
        chunked(format!("1;{most}\r\na\r\n0\r\n\r\n").as_bytes()).0,
        "a"
    );
    assert_eq!(
        refused(format!("1;{most}x\r\na\r\n0\r\n\r\n").as_bytes()),
        400
    );
    let chunks = EXTENSIONS_BYTES_FREE as usize / most.len() + 2;
    let tiny = format!("1;{most}\r\na\r\n").repeat(chunks);
    assert_eq!(
        refused(format!("{tiny}0\r\n\r\n").as_bytes()),
        400,
        "tiny chunks"
    );
    let large = format!("100;{most}\r\n{}\r\n", "a".repeat(256)).repeat(chunks);
    assert_eq!(
        chunked(format!("{large}0\r\n\r\n").as_bytes()).0.len(),
        256 * chunks
    );
}

#[test]
fn section_7_1_2_trailers_are_kept_unless_they_are_forbidden() {
    let mut body = decoder(BodyFraming::Chunked);
    let bytes = b"0\r\nX-Sum: 1\r\nContent-Length: 5\r\nHost: b\r\nx-sum: 2\r\n\r\nrest";
    assert_eq!(decode(&mut body, &[bytes]), Ok((vec![], b"rest".to_vec())));
    let trailers = body.take_trailers().expect("two of them");
    let sums: Vec<_> = trailers.get_all("x-sum").iter().collect();
    assert_eq!(trailers.len(), 2);
    assert_eq!(sums, ["1", "2"]);
    let mut none = decoder(BodyFraming::Chunked);
    assert!(decode(&mut none, &[b"0\r\n\r\n"]).is_ok() && none.trailers().is_none());
}

#[test]
fn section_7_1_2_malformed_and_oversized_trailers_are_refused() {
    for bytes in [
        &b"0\r\nX\r\n\r\n"[..],
        b"0\r\n X: a\r\n\r\n",
        b"0\r\nX: a\r\n b\r\n\r\n",
        b"0\r\nX: a\n\r\n",
        b"0\r\nX: a\rb\r\n\r\n",
        b"0\r\nX : a\r\n\r\n",
        b"0\r\nX: a\0\r\n\r\n",
        b"0\r\n: a\r\n\r\n",
    ] {
        assert_eq!(refused(bytes), 400, "{}", bytes.escape_ascii());
    }
    let long = "y".repeat(TRAILERS_SIZE_BYTES_MAX);
    assert_eq!(refused(format!("0\r\nX: {long}\r\n\r\n").as_bytes()), 431);
    let many = "X: y\r\n".repeat(TRAILERS_COUNT_MAX);
    assert_eq!(chunked(format!("0\r\n{many}\r\n").as_bytes()).0, "");
    assert_eq!(refused(format!("0\r\n{many}X: y\r\n\r\n").as_bytes()), 431);
}

#[test]
fn rfc_9110_section_15_5_14_a_limit_is_inclusive_and_refuses_before_the_payload() {
    let status = |framing, bytes: &[u8]| {
        let decoded = BodyDecoder::new(framing, Some(4)).and_then(|mut d| decode(&mut d, &[bytes]));
        decoded.err().map(|refusal| refusal.status.as_u16())
    };
    assert_eq!(status(BodyFraming::Length(4), b""), None);
    assert_eq!(status(BodyFraming::Length(5), b""), Some(413));
    assert_eq!(
        status(BodyFraming::Chunked, b"2\r\nab\r\n2\r\ncd\r\n0\r\n\r\n"),
        None
    );
    assert_eq!(status(BodyFraming::Chunked, b"2\r\nab\r\n3\r\n"), Some(413));
}

#[test]
fn section_8_a_body_cut_short_is_not_taken_for_a_whole_one() {
    for (framing, bytes) in [
        (BodyFraming::Length(5), &b"abcd"[..]),
        (BodyFraming::Chunked, b""),
        (BodyFraming::Chunked, b"3\r\nabc\r\n"),
        (BodyFraming::Chunked, b"3\r\nabc\r\n0\r\n"),
    ] {
        let mut body = decoder(framing);
        assert!(decode(&mut body, &[bytes]).is_ok());
        assert_eq!(
            body.on_eof().map_err(|refusal| refusal.status.as_u16()),
            Err(400)
        );
    }
    assert_eq!(decoder(BodyFraming::None).on_eof(), Ok(()));
}

#[test]
fn the_rest_of_a_body_is_worth_discarding_only_if_it_is_known_to_be_small() {
    let mut body = decoder(BodyFraming::Length(10));
    assert!(!body.rest_is_within(9) && body.rest_is_within(10));
    assert!(decode(&mut body, &[b"abc"]).is_ok());
    assert!(body.remaining() == 7 && body.rest_is_within(7));
    assert!(!decoder(BodyFraming::Chunked).rest_is_within(u64::MAX));
    assert!(decoder(BodyFraming::None).rest_is_within(0));
}

/// A decoder that has read this front of a chunked body.
#[track_caller]
fn after(front: &[u8]) -> BodyDecoder {
    let mut decoder = decoder(BodyFraming::Chunked);
    let (_, rest) = decode(&mut decoder, &[front]).expect("a front of a body");
    assert!(rest.is_empty());
    decoder
}

#[test]
fn section_7_1_a_chunk_size_has_hexadecimal_digits() {
    for byte in 0..=u8::MAX {
        let value = char::from(byte).to_digit(16);
        for (front, before) in [
            ("", 0),
            ("0", 0),
            ("1", 1),
            ("fF", 255),
            ("00000000000000A", 10),
        ] {
            let front = front.as_bytes();
            let found = after(front).next(&[byte]);
            match (value, byte) {
                (Some(digit), _) => {
                    let bytes = [front, &[byte], b"\r\n"].concat();
                    let decoder = after(&bytes);
                    let size = before * 16 + u64::from(digit);
                    assert_eq!(decoder.remaining(), size, "{}", bytes.escape_ascii());
                }
                (None, b'\r' | b';') if !front.is_empty() => assert!(found.is_ok()),
                (None, _) => assert_eq!(found.expect_err("refused").status, 400, "{byte:#x}"),
            }
        }
    }
    for (digits, expected) in [
        (1, None),
        (2, None),
        (15, None),
        (16, None),
        (17, Some(400)),
    ] {
        let size = "3".repeat(digits);
        let found = decode(&mut decoder(BodyFraming::Chunked), &[size.as_bytes()]);
        let status = found.err().map(|refusal| refusal.status.as_u16());
        assert_eq!(status, expected, "{digits}");
        let zeros = format!("{}\r\n", "0".repeat(digits));
        let found = decode(&mut decoder(BodyFraming::Chunked), &[zeros.as_bytes()]);
        let status = found.err().map(|refusal| refusal.status.as_u16());
        assert_eq!(status, expected, "{digits}");
    }
    assert_eq!(
        after(b"fedcba9876543210\r\n").remaining(),
        0xfedc_ba98_7654_3210
    );
}

#[test]
fn section_7_1_each_byte_of_framing_is_the_one_that_the_grammar_has() {
    for byte in 0..=u8::MAX {
        let is_taken = |front: &[u8]| after(front).next(&[byte]).is_ok();
        // In an extension there is no control but the tab; a CR ends it.
        let in_extension = matches!(byte, b'\t' | b'\r' | 0x20..=0x7e | 0x80..);
        assert_eq!(is_taken(b"1;"), in_extension, "{byte:#x}");
        assert_eq!(is_taken(b"1;x"), in_extension, "{byte:#x}");
        for front in [
            &b"1\r"[..],
            b"1;\r",
            b"1\r\na\r",
            b"0\r\nX: y\r",
            b"0\r\n\r",
        ] {
            let expected = byte == b'\n';
            assert_eq!(
                is_taken(front),
                expected,
                "{byte:#x} after {}",
                front.escape_ascii()
            );
        }
        assert_eq!(is_taken(b"1\r\na"), byte == b'\r', "{byte:#x}");
        // What stands in a line of trailers is judged when all of them are there.
        for front in [&b"0\r\n"[..], b"0\r\nX", b"0\r\nX: y\r\n"] {
            assert_eq!(is_taken(front), byte != b'\n', "{byte:#x}");
        }
    }
}

#[test]
fn what_is_still_to_come_is_known_of_a_sized_body_and_of_a_chunk() {
    for (front, remaining, is_finished) in [
        (&b""[..], 0, false),
        (b"5", 5, false),
        (b"5;x", 5, false),
        (b"5\r", 5, false),
        (b"5\r\n", 5, false),
        (b"5\r\nab", 3, false),
        (b"5\r\nabcde", 0, false),
        (b"5\r\nabcde\r", 0, false),
        (b"5\r\nabcde\r\n", 0, false),
        (b"0\r\n", 0, false),
        (b"0\r\nX", 0, false),
        (b"0\r\nX: y\r", 0, false),
        (b"0\r\n\r", 0, false),
        (b"0\r\n\r\n", 0, true),
    ] {
        let decoder = after(front);
        let found = (decoder.remaining(), decoder.is_finished());
        assert_eq!(found, (remaining, is_finished), "{}", front.escape_ascii());
        // Nobody knows the length of a chunked body before its end.
        assert_eq!(decoder.rest_is_within(u64::MAX), is_finished);
        assert_eq!(decoder.rest_is_within(0), is_finished);
        assert_eq!(decoder.on_eof().is_ok(), is_finished);
        assert!(decoder.trailers().is_none());
    }
    let mut sized = decoder(BodyFraming::Length(7));
    for (piece, remaining) in [(&b"ab"[..], 5), (b"c", 4), (b"defg", 0)] {
        assert!(!sized.is_finished() && sized.on_eof().is_err());
        assert!(decode(&mut sized, &[piece]).is_ok());
        assert_eq!(sized.remaining(), remaining);
        for cap in 0..9 {
            assert_eq!(
                sized.rest_is_within(cap),
                remaining <= cap,
                "{remaining} {cap}"
            );
        }
    }
    assert!(sized.is_finished() && sized.on_eof().is_ok());
    let empty = decoder(BodyFraming::Length(0));
    assert!(empty.is_finished() && empty.on_eof().is_ok());
}

#[test]
fn payload_is_told_where_it_lies() {
    let mut decoder = decoder(BodyFraming::Chunked);
    let stream = b"3;x\r\nabc\r\n2\r\nde\r\n0\r\n\r\nrest";
    let mut at = 0;
    for (consumed, payload, finished) in [
        (8, 5..8, false),
        (7, 5..7, false),
        (7, 7..7, true),
        (0, 0..0, true),
    ] {
        let decoded = decoder.next(&stream[at..]).expect("a sound body");
        let found = (decoded.consumed, decoded.payload, decoded.finished);
        assert_eq!(found, (consumed, payload, finished), "at {at}");
        at += consumed;
    }
    assert_eq!(&stream[at..], b"rest");
}

#[test]
fn section_7_1_1_extensions_may_be_as_long_as_the_payload_before_and_4096_bytes() {
    assert_eq!(
        (CHUNK_EXTENSION_BYTES_MAX, EXTENSIONS_BYTES_FREE),
        (256, 4096)
    );
    let extension = "x".repeat(256);
    for (payload, chunks) in [(1, 16), (10, 16)] {
        // The payload of the chunk at hand is still to come.
        let data = "a".repeat(payload);
        let front = format!("{payload:x};{extension}\r\n{data}\r\n").repeat(chunks);
        let left = payload * chunks;
        for (length, expected) in [
            (0, None),
            (left - 1, None),
            (left, None),
            (left + 1, Some(400)),
        ] {
            let bytes = format!("{front}1;{}\r\n", "y".repeat(length));
            let found = decode(&mut decoder(BodyFraming::Chunked), &[bytes.as_bytes()]);
            let status = found.err().map(|refusal| refusal.status.as_u16());
            assert_eq!(status, expected, "{length} after {left}");
        }
    }
    for (length, expected) in [(0, None), (255, None), (256, None), (257, Some(400))] {
        // Each chunk has as many.
        let bytes = format!("1;{extension}\r\na\r\n1;{}\r\n", "y".repeat(length));
        let found = decode(&mut decoder(BodyFraming::Chunked), &[bytes.as_bytes()]);
        let status = found.err().map(|refusal| refusal.status.as_u16());
        assert_eq!(status, expected, "{length}");
    }
}

#[test]
fn section_7_1_2_a_trailer_section_has_up_to_8192_bytes_and_32_lines() {
    assert_eq!((TRAILERS_SIZE_BYTES_MAX, TRAILERS_COUNT_MAX), (8192, 32));
    for (size, expected) in [
        (8191, None),
        (8192, None),
        (8193, Some(431)),
        (20_000, Some(431)),
    ] {
        let value = "y".repeat(size - "X: \r\n".len());
        let bytes = format!("0\r\nX: {value}\r\n\r\n");
        let mut body = decoder(BodyFraming::Chunked);
        let found = decode(&mut body, &[bytes.as_bytes()]);
        let status = found.err().map(|refusal| refusal.status.as_u16());
        assert_eq!(status, expected, "{size}");
        let length = body.trailers().map(|trailers| trailers["x"].len());
        assert_eq!(length, expected.is_none().then_some(value.len()));
    }
    for (count, expected) in [(1, None), (31, None), (32, None), (33, Some(431))] {
        let bytes = format!("0\r\n{}\r\n", "X: y\r\n".repeat(count));
        let mut body = decoder(BodyFraming::Chunked);
        let found = decode(&mut body, &[bytes.as_bytes()]);
        let status = found.err().map(|refusal| refusal.status.as_u16());
        assert_eq!(status, expected, "{count}");
        let length = body.trailers().map(|trailers| trailers.len());
        assert_eq!(length, expected.is_none().then_some(count));
    }
}

#[test]
fn rfc_9110_section_6_5_1_fields_that_steer_are_no_trailers() {
    let forbidden = [
        "authorization",
        "cache-control",
        "connection",
        "content-encoding",
        "content-length",
        "content-range",
        "content-type",
        "cookie",
        "date",
        "expect",
        "expires",
        "host",
        "if-match",
        "if-modified-since",
        "if-none-match",
        "if-range",
        "if-unmodified-since",
        "location",
        "max-forwards",
        "pragma",
        "proxy-authenticate",
        "proxy-authorization",
        "range",
        "retry-after",
        "set-cookie",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "vary",
        "www-authenticate",
    ];
    let permitted = [
        "accept-ranges",
        "age",
        "content-digest",
        "content-language",
        "etag",
        "grpc-message",
        "grpc-status",
        "last-modified",
        "link",
        "repr-digest",
        "server",
        "server-timing",
        "signature",
        "x",
        "x-sum",
    ];
    for (names, expected) in [(&forbidden[..], false), (&permitted[..], true)] {
        for name in names {
            let parsed = name.parse().expect("a name");
            assert_eq!(is_permitted(&parsed), expected, "{name}");
            let mut body = decoder(BodyFraming::Chunked);
            let bytes = format!("0\r\n{}: 1\r\nx-other: 2\r\n\r\n", name.to_uppercase());
            assert!(decode(&mut body, &[bytes.as_bytes()]).is_ok());
            let mut trailers = body.take_trailers().expect("another one");
            assert_eq!(trailers.remove("x-other").expect("the other"), "2");
            assert_eq!(trailers.contains_key(*name), expected, "{name}");
            assert!(body.take_trailers().is_none(), "they were taken");
        }
    }
}

#[test]
fn each_refusal_of_a_body_says_what_is_wrong() {
    let size = "400: A chunk size is not a hexadecimal number.";
    let line = "400: A line or a chunk of the body does not end with CRLF.";
    let extensions = "400: The chunk extensions are too large.";
    let trailers = "431: The trailer section is too large or has too many fields.";
    let malformed = "400: A trailer field is malformed.";
    let long = "x".repeat(10_000);
    for (bytes, expected) in [
        ("x", size),
        ("\r", size),
        ("1x", size),
        (
            "33333333333333333",
            "400: A chunk size has more than 16 digits.",
        ),
        ("1;\0", "400: A chunk extension holds a control byte."),
        (&format!("1;{long}"), extensions),
        ("1\rx", line),
        ("1\r\nax", line),
        ("1\r\na\rx", line),
        ("0\r\n\n", line),
        ("0\r\n\rx", line),
        ("0\r\nX: y\n", line),
        ("0\r\nX: y\rz", line),
        (&format!("0\r\nX: {long}"), trailers),
        ("0\r\nX\r\n\r\n", malformed),
        ("0\r\nX: \0\r\n\r\n", malformed),
        ("5\r\n", "413: The request body is too large."),
    ] {
        let mut body =
            BodyDecoder::new(BodyFraming::Chunked, Some(4)).expect("nothing is said yet");
        let refusal = decode(&mut body, &[bytes.as_bytes()]).expect_err(bytes);
        assert_eq!(refusal.to_string(), expected, "{bytes:?}");
        assert_eq!(refusal.guilty, Peer::Client);
    }
    let sized = BodyDecoder::new(BodyFraming::Length(5), Some(4)).expect_err("too large");
    assert_eq!(sized.to_string(), "413: The request body is too large.");
    let cut = decoder(BodyFraming::Length(5)).on_eof().expect_err("cut");
    assert_eq!(
        cut.to_string(),
        "400: The request body ends before its announced end."
    );
}
