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
    BodyLength, CHUNK_END, CHUNK_HEADER_BYTES_MAX, ConnectionHeader, Fields, Framing, LAST_CHUNK,
    ResponseHead, encode_chunk_header, encode_continue, encode_refusal, encode_trailers,
    status_text,
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

/// The phrases of RFC 9110 section 15, and of those that others registered, as far as they have one.
const PHRASES: [(u16, &str); 62] = [
    (100, "Continue"),
    (101, "Switching Protocols"),
    (102, "Processing"),
    (103, "Early Hints"),
    (200, "OK"),
    (201, "Created"),
    (202, "Accepted"),
    (203, "Non-Authoritative Information"),
    (204, "No Content"),
    (205, "Reset Content"),
    (206, "Partial Content"),
    (207, "Multi-Status"),
    (208, "Already Reported"),
    (226, "IM Used"),
    (300, "Multiple Choices"),
    (301, "Moved Permanently"),
    (302, "Found"),
    (303, "See Other"),
    (304, "Not Modified"),
    (305, "Use Proxy"),
    (307, "Temporary Redirect"),
    (308, "Permanent Redirect"),
    (400, "Bad Request"),
    (401, "Unauthorized"),
    (402, "Payment Required"),
    (403, "Forbidden"),
    (404, "Not Found"),
    (405, "Method Not Allowed"),
    (406, "Not Acceptable"),
    (407, "Proxy Authentication Required"),
    (408, "Request Timeout"),
    (409, "Conflict"),
    (410, "Gone"),
    (411, "Length Required"),
    (412, "Precondition Failed"),
    (413, "Content Too Large"),
    (414, "URI Too Long"),
    (415, "Unsupported Media Type"),
    (416, "Range Not Satisfiable"),
    (417, "Expectation Failed"),
    (418, "I'm a teapot"),
    (421, "Misdirected Request"),
    (422, "Unprocessable Content"),
    (423, "Locked"),
    (424, "Failed Dependency"),
    (425, "Too Early"),
    (426, "Upgrade Required"),
    (428, "Precondition Required"),
    (429, "Too Many Requests"),
    (431, "Request Header Fields Too Large"),
    (451, "Unavailable For Legal Reasons"),
    (500, "Internal Server Error"),
    (501, "Not Implemented"),
    (502, "Bad Gateway"),
    (503, "Service Unavailable"),
    (504, "Gateway Timeout"),
    (505, "HTTP Version Not Supported"),
    (506, "Variant Also Negotiates"),
    (507, "Insufficient Storage"),
    (508, "Loop Detected"),
    (510, "Not Extended"),
    (511, "Network Authentication Required"),
];

#[test]
fn section_4_each_status_has_its_line_and_its_text() {
    for code in 100..=999 {
        let known = PHRASES.iter().find(|(known, _)| *known == code);
        let phrase = known.map_or("", |(_, phrase)| *phrase);
        let text = plain(code, BodyLength::None, ConnectionHeader::Implicit);
        assert_eq!(text, format!("HTTP/1.1 {code} {phrase}\r\n{DATE}\r\n"));
        let status = StatusCode::from_u16(code).expect("three digits");
        let expected = format!("{code} {phrase}");
        assert_eq!(status_text(status), expected.trim_end());
    }
}

#[test]
fn the_head_says_how_the_body_ends_and_what_becomes_of_the_connection() {
    for (body, length) in [
        (BodyLength::None, ""),
        (BodyLength::UntilClose, ""),
        (BodyLength::Known(0), "Content-Length: 0\r\n"),
        (BodyLength::Known(9), "Content-Length: 9\r\n"),
        (
            BodyLength::Known(u64::MAX),
            "Content-Length: 18446744073709551615\r\n",
        ),
        (BodyLength::Chunked, "Transfer-Encoding: chunked\r\n"),
    ] {
        for (connection, said) in [
            (ConnectionHeader::Implicit, ""),
            (ConnectionHeader::Close, "Connection: close\r\n"),
            (ConnectionHeader::KeepAlive, "Connection: keep-alive\r\n"),
            (ConnectionHeader::Upgrade, "Connection: upgrade\r\n"),
            (
                ConnectionHeader::CloseAndUpgrade,
                "Connection: close, upgrade\r\n",
            ),
        ] {
            for (status, phrase, has_body) in [
                (200, "OK", true),
                (404, "Not Found", true),
                (101, "Switching Protocols", false),
                (103, "Early Hints", false),
                (204, "No Content", false),
                (304, "Not Modified", false),
            ] {
                let length = if has_body { length } else { "" };
                let expected = format!("HTTP/1.1 {status} {phrase}\r\n{DATE}{length}{said}\r\n");
                assert_eq!(plain(status, body, connection), expected);
            }
        }
    }
    let text = encode(&ResponseHead {
        status: StatusCode::OK,
        content_type: Some("text/plain"),
        fields: Fields::List(&[(header::VARY, HeaderValue::from_static("*"))]),
        body: BodyLength::Known(1),
        connection: ConnectionHeader::Implicit,
    });
    let tail = "Content-Length: 1\r\nContent-Type: text/plain\r\nvary: *\r\n\r\n";
    assert_eq!(text, format!("HTTP/1.1 200 OK\r\n{DATE}{tail}"));
}

#[test]
fn rfc_9110_section_7_8_a_field_upgrade_is_named_where_the_connection_has_no_other_word() {
    use ConnectionHeader::{Close, CloseAndUpgrade, Implicit, KeepAlive, Upgrade};
    for (connection, named) in [
        (Implicit, Upgrade),
        (Close, CloseAndUpgrade),
        (KeepAlive, KeepAlive),
        (Upgrade, Upgrade),
        (CloseAndUpgrade, CloseAndUpgrade),
    ] {
        assert_eq!(connection.naming_upgrade(true), named);
        assert_eq!(connection.naming_upgrade(false), connection);
    }
}

#[test]
fn section_6_1_the_encoder_owns_four_fields_and_sends_those_of_the_same_length() {
    for (name, is_sent) in [
        ("date", false),
        ("connection", false),
        ("content-length", false),
        ("transfer-encoding", false),
        ("etag", true),
        ("from", true),
        ("keep-alive", true),
        ("set-cookie", true),
        ("accept-charset", true),
        ("x-content-type", true),
        ("if-modified-since", true),
        ("x-transfer-codings", true),
        ("vary", true),
        ("x", true),
        ("content-type", true),
    ] {
        let list = [(HeaderName::from_static(name), HeaderValue::from_static("1"))];
        let map: HeaderMap = list.iter().cloned().collect();
        for fields in [Fields::List(&list), Fields::Map(&map)] {
            let text = encode(&ResponseHead {
                status: StatusCode::OK,
                content_type: None,
                fields,
                body: BodyLength::None,
                connection: ConnectionHeader::Implicit,
            });
            let line = if is_sent {
                format!("{name}: 1\r\n")
            } else {
                String::new()
            };
            assert_eq!(text, format!("HTTP/1.1 200 OK\r\n{DATE}{line}\r\n"));
        }
    }
}

#[test]
fn section_6_3_an_answer_is_framed_by_status_method_version_and_length() {
    for code in [100, 101, 103, 200, 204, 205, 206, 304, 305, 404, 500] {
        let status = StatusCode::from_u16(code).expect("three digits");
        let has_body = !matches!(code, 100..=199 | 204 | 304);
        for to_head in [false, true] {
            for version in [Version::HTTP_10, Version::HTTP_11] {
                for length in [None, Some(0), Some(9)] {
                    for after in [After::KeepAlive, After::Close] {
                        let framing = Framing::new(to_head, version, status, length, after);
                        let modern = version == Version::HTTP_11;
                        assert_eq!(framing.sends_body, has_body && !to_head);
                        let body = match (has_body, length, to_head, modern) {
                            (false, ..) | (true, None, true, _) => BodyLength::None,
                            (true, Some(length), ..) => BodyLength::Known(length),
                            (true, None, false, true) => BodyLength::Chunked,
                            (true, None, false, false) => BodyLength::UntilClose,
                        };
                        assert_eq!(framing.body, body);
                        let after = match body {
                            BodyLength::UntilClose => After::Close,
                            _ => after,
                        };
                        assert_eq!(framing.after, after);
                        let connection = match (after, modern) {
                            (After::Close, _) => ConnectionHeader::Close,
                            (After::KeepAlive, true) => ConnectionHeader::Implicit,
                            (After::KeepAlive, false) => ConnectionHeader::KeepAlive,
                        };
                        assert_eq!(framing.connection, connection);
                    }
                }
            }
        }
    }
}

#[test]
fn section_7_1_a_chunk_size_is_written_in_the_fewest_digits() {
    let of = |size: u64| {
        let mut out = b"before".to_vec();
        encode_chunk_header(size, &mut out);
        String::from_utf8(out).expect("text")
    };
    assert_eq!(of(0), "before", "a size of 0 would end the body");
    for bits in 0..64 {
        let size = 1u64 << bits;
        for size in [size - 1, size, size + 1, size | 0xa5, u64::MAX >> bits] {
            if size > 0 {
                assert_eq!(of(size), format!("before{size:x}\r\n"));
                assert!(of(size).len() - "before".len() <= CHUNK_HEADER_BYTES_MAX);
            }
        }
    }
    assert_eq!(CHUNK_HEADER_BYTES_MAX, 18);
    assert_eq!((CHUNK_END, LAST_CHUNK), (&b"\r\n"[..], &b"0\r\n\r\n"[..]));
}

#[test]
fn section_7_1_2_trailers_end_a_body_and_leave_out_what_may_not_stand_there() {
    let mut trailers = HeaderMap::new();
    let of = |trailers: &HeaderMap| {
        let mut out = Vec::new();
        encode_trailers(trailers, &mut out);
        String::from_utf8(out).expect("text")
    };
    assert_eq!(of(&trailers), "0\r\n\r\n");
    for (name, value) in [("x-sum", "1"), ("host", "a"), ("x-sum", "2"), ("etag", "3")] {
        trailers.append(
            HeaderName::from_static(name),
            HeaderValue::from_static(value),
        );
    }
    assert_eq!(
        of(&trailers),
        "0\r\nx-sum: 1\r\nx-sum: 2\r\netag: 3\r\n\r\n"
    );
}
