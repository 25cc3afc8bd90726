//! Request bodies: RFC 9112 sections 6, 7 and 8; RFC 9110 section 6.5.

use super::decode;
use ringgate::http1::body::{BodyDecoder, CHUNK_EXTENSION_BYTES_MAX, EXTENSIONS_BYTES_FREE};
use ringgate::http1::fields::BodyFraming;
use ringgate::http1::trailers::{TRAILERS_COUNT_MAX, TRAILERS_SIZE_BYTES_MAX};

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
