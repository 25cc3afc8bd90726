//! Request heads: RFC 9112 sections 2, 3, 5, 6 and 9; RFC 9110 sections 7 and 10.

use super::{head, refused};
use bytes::Bytes;
use http::{Method, Version};
use ringgate::http1::fields::BodyFraming;
use ringgate::http1::head::{HTTP2_PREFACE, HeadLimits, Parse, parse_head, parse_head_after};
use ringgate::http1::target::TargetForm;

fn with(fields: &str) -> Vec<u8> {
    format!("POST / HTTP/1.1\r\nHost: a\r\n{fields}\r\n").into_bytes()
}

fn status(bytes: &[u8], limits: &HeadLimits) -> Option<u16> {
    parse_head(bytes, limits)
        .err()
        .map(|refusal| refusal.status.as_u16())
}

#[test]
fn a_request_is_parsed_into_its_parts() {
    let bytes = b"GET /plaintext?a=b HTTP/1.1\r\nHost: 127.0.0.1:8080\r\nX:\t y \r\n\r\nrest";
    let head = head(bytes);
    assert_eq!(head.method, Method::GET);
    assert_eq!(head.version, Version::HTTP_11);
    assert_eq!(head.form, TargetForm::Origin);
    assert_eq!(
        (head.path(bytes), head.path_bytes(bytes)),
        ("/plaintext", &b"/plaintext"[..])
    );
    assert_eq!(head.query(bytes), Some("a=b"));
    assert_eq!(head.target(bytes), "/plaintext?a=b");
    assert_eq!(head.host(bytes), "127.0.0.1:8080");
    assert_eq!(head.header(bytes, "host"), Some(&b"127.0.0.1:8080"[..]));
    assert_eq!(head.header(bytes, "x"), Some(&b"y"[..]));
    assert_eq!(head.header(bytes, "y"), None);
    let fields: Vec<_> = head.headers(bytes).collect();
    assert_eq!(fields, [("Host", &b"127.0.0.1:8080"[..]), ("X", b"y")]);
    assert_eq!(head.framing, BodyFraming::None);
    assert!(head.keep_alive && !head.expect_continue && !head.upgrade);
    assert_eq!(head.len, bytes.len() - "rest".len());
}

#[test]
fn a_head_converts_to_http_parts_with_the_same_meaning() {
    let bytes = b"PUT http://a:1/p?q HTTP/1.0\r\nSet: 1\r\nset: \xff2\r\nEmpty:\r\n\r\n";
    let head = head(bytes);
    for parts in [
        head.to_http_parts(&Bytes::from_static(bytes)),
        head.to_http_parts_copied(bytes),
    ] {
        let parts = parts.expect("the http crate takes what the parser takes");
        assert_eq!(parts.method, Method::PUT);
        assert_eq!(parts.version, Version::HTTP_10);
        assert_eq!(parts.uri, "http://a:1/p?q");
        let values: Vec<_> = parts
            .headers
            .get_all("set")
            .iter()
            .map(|v| v.as_bytes())
            .collect();
        assert_eq!(values, [&b"1"[..], b"\xff2"]);
        assert_eq!(parts.headers["empty"], "");
        assert_eq!(parts.headers.len(), 3);
    }
}

#[test]
fn a_name_is_the_same_whatever_its_case_and_whoever_knows_it() {
    for name in [
        "host",
        "priority",
        "sec-ch-ua",
        "sec-fetch-mode",
        "sec-fetch-mod",
        "traceparent",
        "x-forwarded-for",
        "x-forwarded-fox",
        "x-frame-options",
        "pragma",
        "te",
        "x",
    ] {
        for written in [name.to_owned(), name.to_uppercase()] {
            let bytes = format!("GET / HTTP/1.0\r\n{written}: a\r\n\r\n");
            let head = head(bytes.as_bytes());
            let parts = head
                .to_http_parts_copied(bytes.as_bytes())
                .expect("fit for the crate");
            assert_eq!(
                parts.headers.keys().next(),
                Some(&name.parse().expect("a name"))
            );
            assert_eq!(parts.headers[name], "a");
        }
    }
}

#[test]
fn section_2_2_a_bare_lf_or_cr_ends_no_line() {
    for bytes in [
        &b"GET / HTTP/1.1\nHost: a\r\n\r\n"[..],
        b"GET / HTTP/1.1\r\nHost: a\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\n\n",
        b"GET / HTTP/1.1\r\nHost: a\n\n",
        b"GET / HTTP/1.1\r\nHost:\nX: b\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a \nX: b\r\n\r\n",
        b"GET / HTTP/1.1\r\nX: b\nContent-Length: 3\r\nHost: a\r\n\r\n",
        b"GET / HTTP/1.1\rHost: a\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\rX: b\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\n\rX",
        b"GET /\r HTTP/1.1\r\nHost: a\r\n\r\n",
        b"\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
        b"\rGET / HTTP/1.1\r\nHost: a\r\n\r\n",
    ] {
        assert_eq!(refused(bytes), 400, "{}", bytes.escape_ascii());
    }
}

#[test]
fn section_2_2_a_few_empty_lines_before_a_request_are_skipped() {
    let bytes = b"\r\n\r\nGET /x HTTP/1.1\r\nHost: a\r\n\r\n";
    let head = head(bytes);
    assert_eq!((head.len, head.path(bytes)), (bytes.len(), "/x"));
    assert_eq!(refused(&b"\r\n".repeat(5)), 400);
}

#[test]
fn section_2_2_controls_are_refused_everywhere() {
    for byte in (0..0x20).chain([0x7F]).filter(|b| !b"\t\r\n".contains(b)) {
        for at in [
            "M@M / HTTP/1.1\r\nHost: a\r\n\r\n",
            "M /@ HTTP/1.1\r\nHost: a\r\n\r\n",
        ] {
            assert_eq!(
                refused(&at.replace('@', &char::from(byte).to_string()).into_bytes()),
                400
            );
        }
        for fields in ["X: a@b\r\n", "X@: a\r\n", "X: @\r\n", "X: a@\r\n"] {
            let bytes = with(&fields.replace('@', &char::from(byte).to_string()));
            assert_eq!(refused(&bytes), 400, "{byte:#x} in {fields:?}");
        }
    }
}

#[test]
fn section_2_3_other_versions_are_named_and_nonsense_is_not() {
    for (bytes, status) in [
        (&b"GET / HTTP/2.0\r\n\r\n"[..], 505),
        (b"GET / HTTP/1.x\r\n\r\n", 400),
        (b"GET / HTTP/0.9\r\n\r\n", 505),
        (b"GET / HTTP/3.0", 505),
        (b"GET / HTTP/1\r\n\r\n", 400),
        (b"GET / HTTP/11\r\n\r\n", 400),
        (b"GET / HTTPS/1.1\r\n\r\n", 400),
        (b"GET / http/1.1\r\n\r\n", 400),
        (b"GET / HTTP/1.1 \r\n\r\n", 400),
        (b"GET / HTTP/1.10\r\n\r\n", 400),
        (b"GET / HTTP/1.20\r\n\r\n", 400),
        (b"GET /\r\n\r\n", 400),
        (b"GET  / HTTP/1.1\r\n\r\n", 400),
        (b" GET / HTTP/1.1\r\n\r\n", 400),
        (b"GET\t/\tHTTP/1.1\r\n\r\n", 400),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400),
    ] {
        assert_eq!(refused(bytes), status, "{}", bytes.escape_ascii());
    }
}

#[test]
fn rfc_9110_section_2_5_a_higher_minor_version_is_read_as_the_highest_understood() {
    let fields = "Host: a\r\nTransfer-Encoding: chunked\r\nX: HTTP/1.7\r\n\r\n";
    let of = |version: &str| format!("\r\nPOST /a?HTTP/1.3 {version}\r\n{fields}");
    let known = of("HTTP/1.1");
    for minor in 2..=9 {
        let text = of(&format!("HTTP/1.{minor}"));
        assert_eq!(head(text.as_bytes()), head(known.as_bytes()), "{text}");
        for cut in 0..text.len() {
            let parsed = parse_head(&text.as_bytes()[..cut], &HeadLimits::default());
            assert_eq!(parsed, Ok(Parse::Partial), "{text} cut at {cut}");
        }
    }
    // What is wrong with a head of 1.1 is wrong with these, too.
    assert_eq!(refused(b"GET / HTTP/1.2\r\n\r\n"), 400, "no Host");
    let many = "X: y\r\n".repeat(101);
    let many = format!("GET / HTTP/1.2\r\nHost: a\r\n{many}\r\n");
    assert_eq!(refused(many.as_bytes()), 431);
    let long = format!("GET /{} HTTP/1.2\r\nHost: a\r\n\r\n", "a".repeat(9000));
    assert_eq!(refused(long.as_bytes()), 414);
}

#[test]
fn rfc_9110_section_9_3_2_a_refusal_knows_a_head_by_its_method_whatever_follows() {
    let refused = |bytes: &str| {
        let refusal = parse_head(bytes.as_bytes(), &HeadLimits::default()).expect_err(bytes);
        refusal.to_head
    };
    for of_head in [
        "HEAD \u{1}",
        "HEAD / HTTP/9.9",
        "\r\n\r\nHEAD / HTTP/1.1\r\n\r\n",
        "\r\n\r\n\r\n\r\nHEAD / HTTP/1.1\r\n\r\n",
        "HEAD / HTTP/1.1\r\nHost: a\r\nX y\r\n\r\n",
        "HEAD / HTTP/1.3\r\nHost: a\r\nHost: b\r\n\r\n",
    ] {
        assert!(refused(of_head), "{of_head:?}");
    }
    for other in [
        "HEADS / HTTP/1.1\r\n\r\n",
        "head / HTTP/1.1\r\n\r\n",
        "GET /HEAD HTTP/1.1\r\n\r\n",
        "HEAD\u{1}",
        // Refused for its empty lines, before its method is seen.
        "\r\n\r\n\r\n\r\n\r\nHEAD / HTTP/1.1\r\n\r\n",
    ] {
        assert!(!refused(other), "{other:?}");
    }
}

#[test]
fn rfc_9110_section_9_3_6_nothing_is_read_after_a_connect() {
    let text = b"CONNECT h:443 HTTP/1.1\r\nHost: h:443\r\nConnection: keep-alive\r\n\r\n";
    assert!(!head(text).keep_alive);
}

#[test]
fn rfc_9113_section_3_4_the_http_2_preface_is_its_own_outcome() {
    let limits = HeadLimits::default();
    for cut in 0..HTTP2_PREFACE.len() {
        assert_eq!(
            parse_head(&HTTP2_PREFACE[..cut], &limits),
            Ok(Parse::Partial),
            "cut at {cut}"
        );
    }
    assert_eq!(parse_head(HTTP2_PREFACE, &limits), Ok(Parse::Http2Preface));
    assert_eq!(refused(b"PRI * HTTP/2.0\r\n\r\nXX"), 505);
    assert_eq!(refused(b"PRI * HTTP/1.1\r\nHost: a\r\n\r\n"), 400);
}

#[test]
fn section_3_1_a_method_is_a_token_of_bounded_length() {
    let bytes = b"brew-coffee! / HTTP/1.1\r\nHost: a\r\n\r\n";
    assert_eq!(head(bytes).method, "brew-coffee!");
    let long = [&b"M".repeat(33)[..], b" / HTTP/1.1\r\nHost: a\r\n\r\n"].concat();
    assert_eq!(refused(&long), 501);
    assert_eq!(refused(b"G@T / HTTP/1.1\r\nHost: a\r\n\r\n"), 400);
}

#[test]
fn section_3_2_each_target_form_has_its_methods() {
    let check = |line: &str| {
        let bytes = format!("{line} HTTP/1.1\r\nHost: field\r\n\r\n").into_bytes();
        let head = parse_head(&bytes, &HeadLimits::default());
        match head {
            Ok(Parse::Complete(head)) => {
                let query = head.query(&bytes).unwrap_or("-");
                assert_eq!(head.path_bytes(&bytes), head.path(&bytes).as_bytes());
                format!(
                    "{:?} {} {query} {}",
                    head.form,
                    head.path(&bytes),
                    head.host(&bytes)
                )
            }
            Err(refusal) => refusal.status.as_u16().to_string(),
            Ok(Parse::Partial | Parse::Http2Preface) => "?".into(),
        }
    };
    assert_eq!(check("GET /"), "Origin / - field");
    assert_eq!(check("GET /a/b?"), "Origin /a/b  field");
    assert_eq!(check("GET /a??b/?"), "Origin /a ?b/? field");
    assert_eq!(check("GET //a"), "Origin //a - field");
    assert_eq!(check("GET http://h:80/p?q"), "Absolute /p q h:80");
    assert_eq!(check("GET HTTPS://h"), "Absolute / - h");
    assert_eq!(check("GET http://h?q"), "Absolute / q h");
    assert_eq!(check("OPTIONS http://h"), "Absolute * - h");
    assert_eq!(check("GET http://[::1]:80/"), "Absolute / - [::1]:80");
    assert_eq!(check("CONNECT h:443"), "Authority  - h:443");
    assert_eq!(check("OPTIONS *"), "Asterisk * - field");
    for line in [
        "GET *",
        "GET a/b",
        "GET h:443",
        "CONNECT h",
        "CONNECT /",
        "CONNECT h:",
        "CONNECT :1",
        "CONNECT http://h/",
        "CONNECT *",
        "GET http://",
        "GET http:///p",
        "GET http://u@h/",
        "GET http://:80/",
        "GET ftp://h/",
        "GET http:/p",
        "GET /a#b",
        "GET /\u{e9}",
        "GET /a`",
        "GET /<",
        "GET /a?\u{e9}",
        "OPTIONS **",
    ] {
        assert_eq!(check(line), "400", "{line}");
    }
}

#[test]
fn section_3_2_host_is_there_once_and_is_a_host() {
    assert_eq!(refused(b"GET / HTTP/1.1\r\n\r\n"), 400);
    assert_eq!(refused(b"GET http://h/ HTTP/1.1\r\n\r\n"), 400);
    assert_eq!(
        refused(b"GET / HTTP/1.1\r\nHost: a\r\nhost: a\r\n\r\n"),
        400
    );
    assert_eq!(
        refused(b"GET / HTTP/1.0\r\nHost: a\r\nhost: b\r\n\r\n"),
        400
    );
    for value in [
        "a b", "a,b", "a/b", "u@a", "a:b", "[::1", "a:80:80", "a\\b", "\u{e9}",
    ] {
        let bytes = format!("GET / HTTP/1.1\r\nHost: {value}\r\n\r\n").into_bytes();
        // A comma is a sub-delimiter, and so a name may hold it (RFC 3986 section 3.2.2).
        match value == "a,b" {
            true => assert_eq!(head(&bytes).host(&bytes), "a,b"),
            false => assert_eq!(refused(&bytes), 400, "{value}"),
        }
    }
    let bytes = b"GET / HTTP/1.1\r\nHost:\r\n\r\n";
    assert_eq!(head(bytes).host(bytes), "");
    head(b"GET / HTTP/1.0\r\n\r\n");
}

#[test]
fn section_5_field_lines_have_no_space_before_the_colon_and_are_not_folded() {
    for fields in [
        "X : a\r\n",
        "X\t: a\r\n",
        " X: a\r\n",
        "X: a\r\n b\r\n",
        "X: a\r\n\tb\r\n",
        "X\r\n",
    ] {
        assert_eq!(refused(&with(fields)), 400, "{fields:?}");
    }
    for fields in [": a\r\n", "X Y: a\r\n", "X\u{e9}: a\r\n", "(X): a\r\n"] {
        assert_eq!(refused(&with(fields)), 400, "{fields:?}");
    }
    assert_eq!(refused(b"GET / HTTP/1.1\r\n Host: a\r\n\r\n"), 400);
}

#[test]
fn section_6_1_transfer_encoding_is_chunked_or_refused() {
    for fields in [
        "Transfer-Encoding: chunked\r\n",
        "TRANSFER-ENCODING:CHUNKED \r\n",
    ] {
        assert_eq!(head(&with(fields)).framing, BodyFraming::Chunked);
    }
    for (value, status) in [
        ("gzip", 400),
        ("identity", 400),
        ("gzip, chunked", 501),
        ("gzip, deflate, CHUNKED", 501),
        ("xchunked", 400),
        ("chunked;a=b", 400),
        ("\"chunked\"", 400),
        ("gzip\r\nTransfer-Encoding: deflate", 400),
        ("chunked, gzip", 400),
        ("chunked, identity", 400),
        ("chunked, chunked", 400),
        ("chunked,", 400),
        (",chunked", 400),
        ("", 400),
        ("chunked\r\nTransfer-Encoding: chunked", 400),
        ("chunked\r\nTransfer-Encoding: identity", 400),
        ("identity\r\nTransfer-Encoding: chunked", 501),
    ] {
        assert_eq!(
            refused(&with(&format!("Transfer-Encoding: {value}\r\n"))),
            status,
            "{value}"
        );
    }
    assert_eq!(
        refused(b"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n"),
        400
    );
}

#[test]
fn section_6_2_content_length_is_one_decimal_number() {
    for (value, framing) in [
        ("0", BodyFraming::None),
        ("5", BodyFraming::Length(5)),
        ("0005", BodyFraming::Length(5)),
        ("18446744073709551615", BodyFraming::Length(u64::MAX)),
    ] {
        let bytes = with(&format!("Content-Length: {value}\r\n"));
        assert_eq!(head(&bytes).framing, framing, "{value}");
    }
    for value in [
        "",
        "+5",
        "-5",
        "5 5",
        "5, 5",
        "5,5",
        "0x5",
        "5.0",
        "5;",
        "a",
        "\u{0665}",
        "18446744073709551616",
        "99999999999999999999999",
        "5\r\nContent-Length: 5",
        "5\r\nContent-Length: 6",
        "0\r\nContent-Length: 0",
    ] {
        assert_eq!(
            refused(&with(&format!("Content-Length: {value}\r\n"))),
            400,
            "{value}"
        );
    }
}

#[test]
fn section_6_3_a_length_together_with_a_coding_is_an_attack() {
    for fields in [
        "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n",
        "Content-Length: 0\r\nTransfer-Encoding: chunked\r\n",
        "Content-Length: 5\r\nTransfer-Encoding: gzip\r\n",
    ] {
        assert_eq!(refused(&with(fields)), 400, "{fields:?}");
    }
    let bytes = b"POST / HTTP/1.0\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n";
    assert_eq!(refused(bytes), 400);
}

#[test]
fn section_9_3_persistence_follows_version_and_connection_options() {
    for (version, fields, keep_alive) in [
        ("1.1", "", true),
        ("1.1", "Connection: close\r\n", false),
        ("1.1", "Connection: foo , CLOSE\r\n", false),
        (
            "1.1",
            "Connection: keep-alive\r\nConnection: close\r\n",
            false,
        ),
        ("1.1", "Connection: closed\r\n", true),
        ("1.0", "", false),
        ("1.0", "Connection: Keep-Alive\r\n", true),
        ("1.0", "Connection: keep-alone\r\n", false),
        ("1.0", "Connection: keep-alive, close\r\n", false),
    ] {
        let bytes = format!("GET / HTTP/{version}\r\nHost: a\r\n{fields}\r\n");
        assert_eq!(
            head(bytes.as_bytes()).keep_alive,
            keep_alive,
            "{version} {fields:?}"
        );
    }
}

#[test]
fn rfc_9110_section_7_8_an_upgrade_needs_field_and_option_and_http_11() {
    let upgrade = "Upgrade: websocket\r\nConnection: Upgrade\r\n";
    assert!(head(&with(upgrade)).upgrade);
    assert!(!head(&with("Upgrade: websocket\r\n")).upgrade);
    assert!(!head(&with("Connection: upgrade\r\n")).upgrade);
    assert!(!head(format!("GET / HTTP/1.0\r\n{upgrade}\r\n").as_bytes()).upgrade);
}

#[test]
fn rfc_9110_section_10_1_1_only_100_continue_can_be_expected() {
    let body = "Content-Length: 1\r\nExpect: 100-Continue\r\n";
    assert!(head(&with(body)).expect_continue);
    assert!(
        !head(&with("Expect: 100-continue\r\n")).expect_continue,
        "there is no body"
    );
    assert!(!head(format!("POST / HTTP/1.0\r\n{body}\r\n").as_bytes()).expect_continue);
    assert_eq!(refused(&with("Expect: 200-ok\r\n")), 417);
    assert_eq!(refused(&with("Expect: 100-continue, x\r\n")), 417);
    head(b"GET / HTTP/1.0\r\nExpect: 200-ok\r\n\r\n");
}

#[test]
fn limits_are_inclusive_and_refuse_before_the_head_is_whole() {
    let bytes = with("X: y\r\n");
    let fits = HeadLimits {
        head_size: bytes.len(),
        head_count: 2,
        uri_size: 1,
    };
    assert_eq!(status(&bytes, &fits), None);
    let size = HeadLimits {
        head_size: bytes.len() - 1,
        ..fits
    };
    assert_eq!(status(&bytes, &size), Some(431));
    assert_eq!(
        status(&bytes[..size.head_size], &size),
        Some(431),
        "a partial head at the limit"
    );
    assert_eq!(status(&bytes[..size.head_size - 1], &size), None);
    assert_eq!(
        status(
            &bytes,
            &HeadLimits {
                head_count: 1,
                ..fits
            }
        ),
        Some(431)
    );
    assert_eq!(
        status(
            &bytes,
            &HeadLimits {
                uri_size: 0,
                ..fits
            }
        ),
        Some(414)
    );
    assert_eq!(
        status(
            b"GET /aaa",
            &HeadLimits {
                uri_size: 3,
                ..fits
            }
        ),
        Some(414),
        "a partial URI"
    );
    assert_eq!(
        status(
            b"GET /aa",
            &HeadLimits {
                uri_size: 3,
                ..fits
            }
        ),
        None
    );
}

#[test]
fn heads_with_more_fields_than_usual_are_parsed_up_to_the_limit() {
    let many = |n: usize| with(&"X: y\r\n".repeat(n - 1));
    let limits = HeadLimits::default();
    for n in [31, 32, 33, 100] {
        let bytes = many(n);
        assert_eq!(head(&bytes).fields().len(), n);
    }
    assert_eq!(refused(&many(limits.head_count + 1)), 431);
    let unlimited = HeadLimits {
        head_count: usize::MAX,
        head_size: usize::MAX,
        ..limits
    };
    assert_eq!(status(&many(256), &unlimited), None);
    assert_eq!(status(&many(257), &unlimited), Some(431));
    let huge = with(&format!("X: {}\r\n", "y".repeat(70_000)));
    assert_eq!(status(&huge, &unlimited), Some(431), "spans address 64 KiB");
}

#[test]
fn a_head_that_arrives_byte_by_byte_is_found_at_its_last_byte() {
    let bytes = with("Content-Length: 3\r\nX: y\r\n");
    let limits = HeadLimits::default();
    for end in 1..bytes.len() {
        assert_eq!(
            parse_head_after(&bytes[..end], end - 1, &limits),
            Ok(Parse::Partial)
        );
    }
    let whole = parse_head_after(&bytes, bytes.len() - 1, &limits);
    assert_eq!(whole, Ok(Parse::Complete(head(&bytes))));
    let short = HeadLimits {
        uri_size: 4,
        ..limits
    };
    let long = parse_head_after(b"GET /aaaa", 8, &short).map_err(|refusal| refusal.status.as_u16());
    assert_eq!(long, Err(414), "a limit is seen without the end of a line");
}
