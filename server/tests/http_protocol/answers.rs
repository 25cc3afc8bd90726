//! Answers: RFC 9112 sections 4, 6, 7 and 9; RFC 9110 sections 6.6.1, 8.6, 9.3.2 and 15.

use super::decode;
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::{StatusCode, Version};
use ringgate::http1::body::BodyDecoder;
use ringgate::http1::date::Date;
use ringgate::http1::exchange::After;
use ringgate::http1::fields::BodyFraming;
use ringgate::http1::refusal::Refusal;
use ringgate::http1::response::{
    BodyLength, CHUNK_END, ConnectionHeader, Fields, Framing, ResponseHead, encode_chunk_header,
    encode_continue, encode_refusal, encode_trailers,
};

const DATE: &str = "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n";

fn encode(head: &ResponseHead<'_>) -> String {
    let mut out = Vec::new();
    head.encode(&Date::new(784_111_777), &mut out);
    String::from_utf8(out).expect("ASCII")
}

fn plain(status: u16, body: BodyLength, connection: ConnectionHeader) -> String {
    let status = StatusCode::from_u16(status).expect("three digits");
    encode(&ResponseHead {
        status,
        content_type: None,
        fields: Fields::List(&[]),
        body,
        connection,
    })
}

#[test]
fn a_plain_answer_is_status_date_length_and_the_fields_in_order() {
    let fields = [
        (header::CONTENT_TYPE, HeaderValue::from_static("text/plain")),
        (
            HeaderName::from_static("x-a"),
            HeaderValue::from_static("b"),
        ),
    ];
    let text = encode(&ResponseHead {
        status: StatusCode::OK,
        content_type: None,
        fields: Fields::List(&fields),
        body: BodyLength::Known(13),
        connection: ConnectionHeader::Implicit,
    });
    let tail = "Content-Length: 13\r\ncontent-type: text/plain\r\nx-a: b\r\n\r\n";
    assert_eq!(text, format!("HTTP/1.1 200 OK\r\n{DATE}{tail}"));
}

#[test]
fn section_4_a_status_without_a_known_phrase_keeps_its_space() {
    let line = |status| {
        let text = plain(status, BodyLength::None, ConnectionHeader::Implicit);
        text.lines().next().expect("a line").to_owned()
    };
    assert_eq!(line(200), "HTTP/1.1 200 OK");
    assert_eq!(line(431), "HTTP/1.1 431 Request Header Fields Too Large");
    assert_eq!(line(418), "HTTP/1.1 418 I'm a teapot");
    assert_eq!(line(799), "HTTP/1.1 799 ");
    for status in 100..=999 {
        assert!(
            line(status).starts_with(&format!("HTTP/1.1 {status} ")),
            "{status}"
        );
    }
}

#[test]
fn section_6_1_fields_the_encoder_owns_are_never_sent_twice() {
    let mut map = HeaderMap::new();
    for name in [
        "date",
        "content-length",
        "connection",
        "transfer-encoding",
        "x-a",
    ] {
        map.append(HeaderName::from_static(name), HeaderValue::from_static("1"));
    }
    map.append("x-a", HeaderValue::from_static("2"));
    let text = encode(&ResponseHead {
        status: StatusCode::OK,
        content_type: None,
        fields: Fields::Map(&map),
        body: BodyLength::Chunked,
        connection: ConnectionHeader::Close,
    });
    let tail = "Transfer-Encoding: chunked\r\nConnection: close\r\nx-a: 1\r\nx-a: 2\r\n\r\n";
    assert_eq!(text, format!("HTTP/1.1 200 OK\r\n{DATE}{tail}"));
}

#[test]
fn rfc_9110_section_8_6_answers_without_content_have_no_framing_fields() {
    for status in [101, 204, 304] {
        for body in [
            BodyLength::Known(0),
            BodyLength::Known(9),
            BodyLength::Chunked,
        ] {
            let text = plain(status, body, ConnectionHeader::Implicit).to_ascii_lowercase();
            assert!(!text.contains("content-length") && !text.contains("transfer-encoding"));
        }
        let status = StatusCode::from_u16(status).expect("three digits");
        let framing = Framing::new(false, Version::HTTP_11, status, Some(9), After::KeepAlive);
        assert!(framing.body == BodyLength::None && !framing.sends_body);
    }
    let ok = Framing::new(
        true,
        Version::HTTP_11,
        StatusCode::OK,
        Some(9),
        After::KeepAlive,
    );
    assert_eq!(
        (ok.body, ok.sends_body),
        (BodyLength::Known(9), false),
        "HEAD says GET's length"
    );
}

#[test]
fn section_9_3_and_9_6_the_connection_field_says_what_the_version_does_not() {
    let frame = |version, length, after| {
        let framing = Framing::new(false, version, StatusCode::OK, length, after);
        (framing.body, framing.connection, framing.after)
    };
    use After::{Close, KeepAlive};
    let (v10, v11) = (Version::HTTP_10, Version::HTTP_11);
    let known = BodyLength::Known(3);
    assert_eq!(
        frame(v11, Some(3), KeepAlive),
        (known, ConnectionHeader::Implicit, KeepAlive)
    );
    assert_eq!(
        frame(v11, Some(3), Close),
        (known, ConnectionHeader::Close, Close)
    );
    assert_eq!(
        frame(v10, Some(3), KeepAlive),
        (known, ConnectionHeader::KeepAlive, KeepAlive)
    );
    assert_eq!(
        frame(v10, Some(3), Close),
        (known, ConnectionHeader::Close, Close)
    );
    assert_eq!(
        frame(v11, None, KeepAlive),
        (BodyLength::Chunked, ConnectionHeader::Implicit, KeepAlive)
    );
    let until_close = (BodyLength::UntilClose, ConnectionHeader::Close, Close);
    assert_eq!(
        frame(v10, None, KeepAlive),
        until_close,
        "the close is the end of the body"
    );
}

#[test]
fn section_7_1_what_the_encoder_frames_the_decoder_reads() {
    let mut out = Vec::new();
    let sizes = [1, 9, 10, 15, 16, 17, 255, 256, 4096, 65_537];
    for size in sizes {
        encode_chunk_header(size, &mut out);
        out.resize(out.len() + size as usize, b'x');
        out.extend_from_slice(CHUNK_END);
    }
    encode_chunk_header(0, &mut out);
    let mut trailers = HeaderMap::new();
    trailers.append("x-sum", HeaderValue::from_static("1"));
    trailers.append("content-length", HeaderValue::from_static("1"));
    encode_trailers(&trailers, &mut out);
    let mut decoder = BodyDecoder::new(BodyFraming::Chunked, None).expect("no limit");
    let (payload, rest) = decode(&mut decoder, &[&out]).expect("a valid body");
    assert_eq!((payload.len() as u64, rest.len()), (sizes.iter().sum(), 0));
    assert_eq!(
        decoder.trailers().map(HeaderMap::len),
        Some(1),
        "a forbidden one is not sent"
    );
    let mut largest = Vec::new();
    encode_chunk_header(u64::MAX, &mut largest);
    assert_eq!(largest, b"ffffffffffffffff\r\n");
}

#[test]
fn rfc_9110_section_15_2_1_continue_is_a_head_of_its_own() {
    let mut out = Vec::new();
    encode_continue(&mut out);
    assert_eq!(out, b"HTTP/1.1 100 Continue\r\n\r\n");
}

#[test]
fn a_status_has_one_phrase_in_its_line_and_in_its_text() {
    for code in 400..600 {
        let status = StatusCode::from_u16(code).expect("a status");
        let mut out = Vec::new();
        let refusal = Refusal::client(status, "why.");
        encode_refusal(&refusal, false, &Date::new(784_111_777), &mut out);
        let text = String::from_utf8(out).expect("text");
        let (line, _) = text.split_once("\r\n").expect("a line");
        let line = line
            .strip_prefix("HTTP/1.1 ")
            .expect("a version")
            .trim_end();
        assert!(text.ends_with(&format!("\r\n{line}: why.\n")), "{text}");
    }
}

#[test]
fn a_refusal_says_why_and_closes() {
    let refusal = Refusal::bad_request("The Host field is missing.");
    for (to_head, body) in [
        (false, "400 Bad Request: The Host field is missing.\n"),
        (true, ""),
    ] {
        let mut out = Vec::new();
        encode_refusal(&refusal, to_head, &Date::new(784_111_777), &mut out);
        let fields = "Content-Length: 44\r\nConnection: close\r\n\
                      Content-Type: text/plain; charset=utf-8\r\n";
        let head = format!("HTTP/1.1 400 Bad Request\r\n{DATE}{fields}\r\n");
        assert_eq!(String::from_utf8_lossy(&out), format!("{head}{body}"));
    }
}
