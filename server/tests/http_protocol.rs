//! The protocol rooms seen from outside, filed by section of RFC 9112 and RFC 9110.

use http::{Method, StatusCode, Version};
use ringgate::http::fields::BodyFraming;
use ringgate::http::head::{Head, HeadLimits, Parse, parse_head};
use ringgate::http::target::TargetForm;

/// Parses `bytes`, which must begin with a whole head.
#[track_caller]
fn head(bytes: &[u8]) -> Head {
    match parse_head(bytes, &HeadLimits::default()) {
        Ok(Parse::Complete(head)) => head,
        other => panic!("{:?} is {other:?}", bytes.escape_ascii().to_string()),
    }
}

/// Parses `bytes`, which must be refused, and gives the status.
#[track_caller]
fn refused(bytes: &[u8]) -> u16 {
    match parse_head(bytes, &HeadLimits::default()) {
        Err(refusal) => refusal.status.as_u16(),
        other => panic!("{:?} is {other:?}", bytes.escape_ascii().to_string()),
    }
}

#[test]
fn a_wrk_request_is_parsed_into_its_parts() {
    let bytes = b"GET /plaintext?a=b HTTP/1.1\r\nHost: 127.0.0.1:8080\r\n\r\nrest";
    let head = head(bytes);
    assert_eq!(head.method, Method::GET);
    assert_eq!(head.version, Version::HTTP_11);
    assert_eq!(head.form, TargetForm::Origin);
    assert_eq!(head.path(bytes), "/plaintext");
    assert_eq!(head.query(bytes), Some("a=b"));
    assert_eq!(head.target(bytes), "/plaintext?a=b");
    assert_eq!(head.host(bytes), "127.0.0.1:8080");
    assert_eq!(head.header(bytes, "host"), Some(&b"127.0.0.1:8080"[..]));
    assert_eq!(head.framing, BodyFraming::None);
    assert!(head.keep_alive && !head.expect_continue && !head.upgrade);
    assert_eq!(head.len, bytes.len() - "rest".len());
}

#[test]
fn an_http_11_request_without_host_is_refused() {
    assert_eq!(refused(b"GET / HTTP/1.1\r\n\r\n"), StatusCode::BAD_REQUEST);
    head(b"GET / HTTP/1.0\r\n\r\n");
}
