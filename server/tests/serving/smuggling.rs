//! Bytes that two servers might read differently. Each is refused with the right status, and
//! nothing behind it is taken for a request.

use crate::common::start;

/// What a smuggler wants to have served.
const HIDDEN: &str = "GET /json HTTP/1.1\r\nHost: t\r\n\r\n";

#[track_caller]
fn check(status: u16, attack: &[u8]) {
    let server = start();
    let mut client = server.connect();
    client.send([attack, HIDDEN.as_bytes()].concat());
    let shown = String::from_utf8_lossy(attack);
    let answer = client.answer();
    assert_eq!(answer.status, status, "{shown:?}: {}", answer.text());
    assert!(answer.closes(), "{shown:?}");
    client.expect_closed();
    assert_eq!(server.get("/plaintext").status, 200, "{shown:?}");
}

fn post(status: u16, fields: &str, body: &str) {
    let head = format!("POST /echo HTTP/1.1\r\nHost: t\r\n{fields}\r\n\r\n{body}");
    check(status, head.as_bytes());
}

#[test]
fn a_length_together_with_a_coding_is_refused() {
    post(
        400,
        "Content-Length: 5\r\nTransfer-Encoding: chunked",
        "0\r\n\r\n",
    );
    post(
        400,
        "Transfer-Encoding: chunked\r\nContent-Length: 5",
        "0\r\n\r\n",
    );
    post(
        400,
        "transfer-encoding:chunked\r\ncontent-length:0",
        "0\r\n\r\n",
    );
}

#[test]
fn lengths_that_differ_or_are_no_number_are_refused() {
    post(400, "Content-Length: 3\r\nContent-Length: 4", "abcd");
    post(400, "Content-Length: 3, 4", "abcd");
    for length in [
        "+3",
        "-3",
        "0x3",
        "3 3",
        "3.0",
        "",
        "three",
        "18446744073709551616",
    ] {
        post(400, &format!("Content-Length: {length}"), "abc");
    }
}

#[test]
fn codings_other_than_chunked_alone_are_refused() {
    post(501, "Transfer-Encoding: gzip, chunked", "0\r\n\r\n");
    post(400, "Transfer-Encoding: chunked, chunked", "0\r\n\r\n");
    for coding in [
        "chunked, gzip",
        "xchunked",
        "identity",
        "\x0bchunked",
        "chunked;a=b",
    ] {
        let fields = format!("Transfer-Encoding: {coding}");
        let head = format!("POST /echo HTTP/1.1\r\nHost: t\r\n{fields}\r\n\r\n0\r\n\r\n");
        let server = start();
        let mut client = server.connect();
        client.send([&head, HIDDEN].concat());
        let answer = client.answer();
        assert!(
            [400, 501].contains(&answer.status),
            "{coding}: {}",
            answer.status
        );
        client.expect_closed();
    }
}

#[test]
fn a_coding_in_http_1_0_is_refused() {
    check(
        400,
        b"POST /echo HTTP/1.0\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    );
}

#[test]
fn bare_line_ends_folded_lines_and_spaces_before_colons_are_refused() {
    check(400, b"GET /plaintext HTTP/1.1\nHost: t\n\n");
    check(400, b"GET /plaintext HTTP/1.1\r\nHost: t\nX: y\r\n\r\n");
    check(
        400,
        b"GET /plaintext HTTP/1.1\r\nHost: t\r\nX: y\rZ: w\r\n\r\n",
    );
    check(
        400,
        b"GET /plaintext HTTP/1.1\r\nHost: t\r\nX: y\r\n folded\r\n\r\n",
    );
    check(400, b"GET /plaintext HTTP/1.1\r\n Host: t\r\n\r\n");
    check(400, b"GET /plaintext HTTP/1.1\r\nHost : t\r\n\r\n");
    check(
        400,
        b"GET /plaintext HTTP/1.1\r\nHost: t\r\nX: a\0b\r\n\r\n",
    );
}

#[test]
fn a_request_without_exactly_one_host_is_refused() {
    check(400, b"GET /plaintext HTTP/1.1\r\n\r\n");
    check(
        400,
        b"GET /plaintext HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
    );
    check(400, b"GET /plaintext HTTP/1.1\r\nHost: a b\r\n\r\n");
}

#[test]
fn chunks_that_are_none_are_refused() {
    for body in [
        "g\r\n\r\n",
        "-1\r\na\r\n",
        "0x1\r\na\r\n",
        "\r\n",
        "1\na\n0\n\n",
        "1 \r\nab\r\n",
        "1\r\nab\r\n0\r\n\r\n",
        "ffffffffffffffffff\r\n",
        "10000000000000000\r\n",
    ] {
        // The handler runs already: whether its answer or the refusal comes first, the connection
        // ends and the hidden request is not served.
        let server = start();
        let mut client = server.connect();
        let head = "POST /upload HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n";
        client.send([head, body, HIDDEN].concat());
        let answer = client.answer();
        assert_eq!(answer.status, 400, "{body:?}: {}", answer.text());
        assert!(answer.closes(), "{body:?}");
        client.expect_closed();
    }
}

#[test]
fn limits_have_statuses_of_their_own() {
    let uri = format!("GET /{} HTTP/1.1\r\nHost: t\r\n\r\n", "a".repeat(9 << 10));
    check(414, uri.as_bytes());
    let fields = "X: y\r\n".repeat(101);
    check(
        431,
        format!("GET / HTTP/1.1\r\nHost: t\r\n{fields}\r\n").as_bytes(),
    );
    let field = "y".repeat(17 << 10);
    check(
        431,
        format!("GET / HTTP/1.1\r\nHost: t\r\nX: {field}\r\n\r\n").as_bytes(),
    );
    check(505, b"GET / HTTP/2.5\r\nHost: t\r\n\r\n");
    check(
        417,
        b"POST /echo HTTP/1.1\r\nHost: t\r\nContent-Length: 1\r\nExpect: more\r\n\r\na",
    );
}

#[test]
fn bytes_that_are_no_http_are_refused() {
    check(400, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n");
    check(400, b"GET\r\n\r\n");
    check(400, b"GET /plaintext\r\n\r\n");
    check(400, b"G@T /plaintext HTTP/1.1\r\nHost: t\r\n\r\n");
}
