//! Handshakes: RFC 6455 section 4.2, RFC 7692 sections 5 and 7.1, RFC 8441.

use http::{Method, Version};
use ringgate::http1::head::{HeadLimits, Parse, parse_head};
use ringgate::websocket::deflate::Compression;
use ringgate::websocket::handshake::origin::Origins;
use ringgate::websocket::handshake::{Accept, Asked, Declined, Policy, judge};

const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
pub(crate) const USUAL: &[(&str, &str)] = &[
    ("Upgrade", "websocket"),
    ("Connection", "Upgrade"),
    ("Sec-WebSocket-Key", KEY),
    ("Sec-WebSocket-Version", "13"),
];

/// Judges a GET with these fields, as the server parses it.
pub(crate) fn judge_get<'p>(
    fields: &[(&str, &str)],
    policy: &'p Policy,
) -> Result<Accept<'p>, Declined> {
    judge_line("GET /chat HTTP/1.1", fields, policy)
}

pub(crate) fn judge_line<'p>(
    line: &str,
    fields: &[(&str, &str)],
    policy: &'p Policy,
) -> Result<Accept<'p>, Declined> {
    let mut bytes = format!("{line}\r\nHost: server.example:8080\r\n");
    for (name, value) in fields {
        bytes += &format!("{name}: {value}\r\n");
    }
    bytes += "\r\n";
    let bytes = bytes.as_bytes();
    let Ok(Parse::Complete(head)) = parse_head(bytes, &HeadLimits::default()) else {
        panic!("no head: {}", bytes.escape_ascii());
    };
    let asked = Asked {
        method: &head.method,
        version: head.version,
        host: head.host(bytes),
        protocol: None,
        has_body: head.framing != ringgate::http1::fields::BodyFraming::None,
    };
    judge(&asked, head.headers(bytes), policy)
}

/// The usual fields, with others instead of those of the same name, and behind them.
pub(crate) fn with(others: &[(&'static str, &'static str)]) -> Vec<(&'static str, &'static str)> {
    let is_other = |name: &str| others.iter().any(|(other, _)| *other == name);
    let usual = USUAL.iter().filter(|(name, _)| !is_other(name));
    usual.chain(others).copied().collect()
}

#[track_caller]
fn status(found: Result<Accept<'_>, Declined>) -> u16 {
    found.expect_err("not refused").status.as_u16()
}

#[test]
fn the_accept_field_is_that_of_the_rfc() {
    let policy = Policy::default();
    let accept = judge_get(USUAL, &policy).expect("a sound handshake");
    let mut head = Vec::new();
    accept.write_head(&mut head);
    let expected = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
                    sec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";
    assert_eq!(String::from_utf8(head).expect("text"), expected);
}

#[test]
fn the_accept_field_is_base64_of_the_sha_1_of_key_and_suffix() {
    for (key, accept) in [
        ("AAAAAAAAAAAAAAAAAAAAAA==", "ICX+Yqv66kxgM0FcWaLWlFLwTAI="),
        ("/////////////////////w==", "XXpj4jYzLM2yUE0C7TIgMwTQh2g="),
        ("AAECAwQFBgcICQoLDA0ODw==", "Bz3qJYTGdOe8gUSpLosEdiLKDrk="),
        ("EB8uPUxbanmIl6a1xNPi8Q==", "0oYSEU/Ok5GrqwyRlXpuuOQIg78="),
        ("yMnKy8zNzs/Q0dLT1NXW1w==", "8rwIqNeeAghZ7do+LjI3JtXjL/E="),
    ] {
        let policy = Policy::default();
        let fields = with(&[("Sec-WebSocket-Key", key)]);
        let fields = judge_get(&fields, &policy).expect("accepted").fields();
        assert_eq!(fields[0].1, accept);
        assert_eq!(fields.len(), 1);
    }
}

#[test]
fn a_handshake_is_a_get_in_http_1_1() {
    let policy = Policy::default();
    let post = judge_line("POST /chat HTTP/1.1", USUAL, &policy);
    let declined = post.expect_err("not refused");
    assert_eq!(declined.status, 405);
    assert_eq!(
        declined.fields,
        [(http::header::ALLOW, "GET".parse().expect("a value"))]
    );
    assert_eq!(
        status(judge_line("GET /chat HTTP/1.0", USUAL, &policy)),
        400
    );
}

#[test]
fn a_request_that_asks_for_no_websocket_is_told_how_to() {
    let declined = judge_get(&[], &Policy::default()).expect_err("not refused");
    assert_eq!(declined.status, 426);
    let fields: Vec<_> = declined
        .fields
        .iter()
        .map(|(name, _)| name.as_str())
        .collect();
    assert_eq!(fields, ["upgrade", "sec-websocket-version"]);
}

#[test]
fn the_tokens_of_upgrade_and_connection_are_found_in_lists_and_any_case() {
    let policy = Policy::default();
    let sound: [&[_]; 4] = [
        &[("Upgrade", "WebSocket"), ("Connection", "upgrade")],
        &[
            ("Upgrade", "h2c, websocket"),
            ("Connection", "keep-alive, Upgrade"),
        ],
        &[
            ("Upgrade", ",,websocket ,"),
            ("Connection", "keep-alive"),
            ("Connection", "UPGRADE"),
        ],
        &[("Upgrade", "h2c"), ("Upgrade", "websocket")],
    ];
    for fields in sound {
        assert!(judge_get(&with(fields), &policy).is_ok(), "{fields:?}");
    }
    assert_eq!(
        status(judge_get(&with(&[("Upgrade", "websockets")]), &policy)),
        426
    );
    assert_eq!(
        status(judge_get(&with(&[("Connection", "keep-alive")]), &policy)),
        400
    );
}

#[test]
fn a_key_is_sixteen_bytes_in_base64_and_stands_once() {
    let policy = Policy::default();
    let wrong = [
        "",
        "==",
        "QQ==",
        "dGhlIHNhbXBsZSBub25jZWFhYQ==",
        "dGhlIHNhbXBsZSBub25jZQ",
        "dGhlIHNhbXBsZSBub25jZQ=",
        "dGhlIHNhbXBsZSBub25j",
        "dGhlIHNhbXBsZSBub25jZWFh",
        "dGhlIHNhbXBsZSBub25jZ-==",
        "dGhlIHNhbXBsZSBub25jZQ==AAAA",
        "AAAAAAAAAAAAAAAAAAAAAAA===",
    ];
    for key in wrong {
        let found = judge_get(&with(&[("Sec-WebSocket-Key", key)]), &policy);
        assert_eq!(status(found), 400, "{key}");
    }
    let twice = with(&[("Sec-WebSocket-Key", KEY), ("Sec-WebSocket-Key", KEY)]);
    assert_eq!(status(judge_get(&twice, &policy)), 400);
    let none: Vec<_> = USUAL
        .iter()
        .filter(|(name, _)| *name != "Sec-WebSocket-Key")
        .collect();
    let none: Vec<_> = none.into_iter().copied().collect();
    assert_eq!(status(judge_get(&none, &policy)), 400);
}

#[test]
fn another_version_is_told_which_one_is_spoken() {
    let policy = Policy::default();
    for version in ["8", "0", "14", "013", "13, 8"] {
        let found = judge_get(&with(&[("Sec-WebSocket-Version", version)]), &policy);
        let declined = found.expect_err("not refused");
        assert_eq!(declined.status, 426, "{version}");
        let told = declined
            .fields
            .iter()
            .find(|(name, _)| name == "sec-websocket-version");
        assert_eq!(told.expect("the version").1, "13");
    }
    let twice = with(&[
        ("Sec-WebSocket-Version", "13"),
        ("Sec-WebSocket-Version", "13"),
    ]);
    assert_eq!(status(judge_get(&twice, &policy)), 400);
    let none: Vec<_> = USUAL[..3].to_vec();
    assert_eq!(status(judge_get(&none, &policy)), 400);
}

#[test]
fn a_handshake_with_a_body_is_refused() {
    let policy = Policy::default();
    let found = judge_get(&with(&[("Content-Length", "3")]), &policy);
    assert_eq!(status(found), 400);
}

#[test]
fn the_first_subprotocol_of_the_client_that_is_spoken_is_chosen() {
    let policy = Policy {
        protocols: vec!["chat.v1".to_owned(), "chat.v2".to_owned()],
        ..Policy::default()
    };
    let chosen = |fields: &[(&'static str, &'static str)]| {
        let accept = judge_get(&with(fields), &policy).expect("accepted");
        accept.protocol.map(str::to_owned)
    };
    let name = "Sec-WebSocket-Protocol";
    assert_eq!(chosen(&[]), None);
    assert_eq!(chosen(&[(name, "soap, mqtt")]), None);
    assert_eq!(
        chosen(&[(name, "soap, chat.v2, chat.v1")]).as_deref(),
        Some("chat.v2")
    );
    assert_eq!(
        chosen(&[(name, "soap"), (name, "chat.v1")]).as_deref(),
        Some("chat.v1")
    );
    // Names of subprotocols are compared with regard to case.
    assert_eq!(chosen(&[(name, "Chat.v1")]), None);
    let fields = with(&[(name, "chat.v1")]);
    let accept = judge_get(&fields, &policy).expect("accepted");
    let mut head = Vec::new();
    accept.write_head(&mut head);
    let head = String::from_utf8(head).expect("text");
    assert!(
        head.contains("\r\nsec-websocket-protocol: chat.v1\r\n"),
        "{head}"
    );
}

#[test]
fn pages_of_the_same_host_and_port_may_connect() {
    let policy = Policy::default();
    let admit = |origin, host| policy.origins.admit(str::as_bytes(origin), host);
    for (origin, host) in [
        ("http://server.example:8080", "server.example:8080"),
        ("https://SERVER.example", "server.example"),
        ("https://server.example", "server.example:443"),
        ("https://server.example:443", "server.example"),
        ("http://server.example", "server.example:80"),
        ("http://[::1]:8080", "[::1]:8080"),
        ("http://[::1]", "[::1]"),
        ("http://[::1]:80", "[::1]"),
        ("http://[2001:db8::]", "[2001:db8::]:80"),
        ("https://[2001:db8::]:", "[2001:db8::]:443"),
        ("https://server.example:", "server.example"),
        ("http://server.example:80", "server.example:"),
    ] {
        assert!(admit(origin, host), "{origin} at {host}");
    }
    for (origin, host) in [
        ("https://evil.example", "server.example"),
        ("https://server.example", "server.example:8443"),
        ("http://server.example:443", "server.example"),
        ("https://server.example.evil.example", "server.example"),
        ("https://evil.example/server.example", "server.example"),
        ("https://server.example@evil.example", "server.example"),
        ("file://", ""),
        ("http://", ""),
        ("null", "server.example"),
        ("null", "null"),
        ("", ""),
        ("server.example", "server.example"),
        ("chrome-extension://server.example", "server.example"),
        ("http://server.example:x", "server.example:x"),
        ("http://server.example:65616", "server.example:80"),
        ("http://server.example:", "server.example:443"),
        ("http://server:", "server.example"),
        ("http://[::1]:", "[::1]:8080"),
        ("http://[::2]", "[::1]"),
        ("http://:80", ":80"),
    ] {
        assert!(!admit(origin, host), "{origin} at {host}");
    }
    let same = with(&[("Origin", "http://server.example:8080")]);
    assert!(judge_get(&same, &policy).is_ok());
    let other = with(&[("Origin", "http://evil.example")]);
    assert_eq!(status(judge_get(&other, &policy)), 403);
    let twice = with(&[
        ("Origin", "http://server.example:8080"),
        ("Origin", "http://evil.example"),
    ]);
    assert_eq!(status(judge_get(&twice, &policy)), 400);
}

#[test]
fn listed_origins_may_connect_and_no_others() {
    let listed = Origins::Listed(vec!["https://app.example".to_owned()]);
    assert!(listed.admit(b"https://APP.example", "server.example"));
    assert!(listed.admit(b"https://server.example", "server.example"));
    assert!(!listed.admit(b"http://app.example", "server.example"));
    assert!(!listed.admit(b"null", "server.example"));
    assert!(Origins::Any.admit(b"null", "server.example"));
}

pub(crate) fn compressing(keeps_context: bool, window_bits: u8) -> Policy {
    Policy {
        compression: Some(Compression {
            keeps_context,
            window_bits,
        }),
        ..Policy::default()
    }
}

/// What is answered to offers of extensions.
fn extensions(offers: &'static str, policy: &Policy) -> Option<String> {
    let fields = with(&[("Sec-WebSocket-Extensions", offers)]);
    let accept = judge_get(&fields, policy).expect("accepted");
    let fields = accept.fields();
    let field = fields
        .iter()
        .find(|(name, _)| name == "sec-websocket-extensions");
    field.map(|(_, value)| value.to_str().expect("text").to_owned())
}

pub(crate) const FORGETFUL: &str =
    "permessage-deflate; server_no_context_takeover; client_no_context_takeover";

#[test]
fn no_context_is_kept_unless_the_server_is_told_to() {
    let offers = "permessage-deflate; client_max_window_bits";
    let forgetful = extensions(offers, &compressing(false, 15));
    assert_eq!(forgetful.as_deref(), Some(FORGETFUL));
    let keeping = compressing(true, 15);
    assert_eq!(
        extensions(offers, &keeping).as_deref(),
        Some("permessage-deflate")
    );
    let wish = "permessage-deflate; server_no_context_takeover";
    assert_eq!(extensions(wish, &keeping).as_deref(), Some(wish));
    let wish = "permessage-deflate; client_no_context_takeover";
    assert_eq!(extensions(wish, &keeping).as_deref(), Some(wish));
    assert_eq!(extensions(offers, &Policy::default()), None);
}

#[test]
fn the_window_that_a_client_asks_for_is_kept() {
    let said = |offers, own| extensions(offers, &compressing(false, own));
    let bits = |bits| Some(format!("{FORGETFUL}; server_max_window_bits={bits}"));
    assert_eq!(
        said("permessage-deflate; server_max_window_bits=10", 15),
        bits(10)
    );
    assert_eq!(
        said("permessage-deflate; server_max_window_bits=15", 12),
        bits(12)
    );
    assert_eq!(
        said("permessage-deflate; server_max_window_bits=\"1\\0\"", 15),
        bits(10)
    );
    assert_eq!(said("permessage-deflate", 12), bits(12));
    assert_eq!(
        said("permessage-deflate; client_max_window_bits=9", 15),
        Some(FORGETFUL.into())
    );
    // A window that the compressor does not have.
    assert_eq!(
        said("permessage-deflate; server_max_window_bits=8", 15),
        None
    );
}

#[test]
fn the_first_offer_of_compression_that_can_be_kept_is_accepted() {
    let policy = compressing(false, 15);
    let offers = "foo; bar=\"baz\", permessage-deflate; server_max_window_bits=8, \
                  permessage-deflate; server_max_window_bits=11, permessage-deflate";
    let expected = format!("{FORGETFUL}; server_max_window_bits=11");
    assert_eq!(extensions(offers, &policy), Some(expected));
    let fields = with(&[
        ("Sec-WebSocket-Extensions", "foo"),
        ("Sec-WebSocket-Extensions", "permessage-deflate"),
    ]);
    let accept = judge_get(&fields, &policy).expect("accepted");
    assert!(accept.compression.is_some());
}

#[test]
fn an_offer_that_makes_no_sense_is_declined() {
    let policy = compressing(false, 15);
    for params in [
        "unknown",
        "server_no_context_takeover; server_no_context_takeover",
        "server_no_context_takeover=1",
        "client_no_context_takeover=true",
        "server_max_window_bits",
        "server_max_window_bits=7",
        "server_max_window_bits=16",
        "server_max_window_bits=010",
        "server_max_window_bits=ten",
        "server_max_window_bits=266",
        "server_max_window_bits=10; server_max_window_bits=10",
        "client_max_window_bits=7",
        "client_max_window_bits=16",
        "client_max_window_bits; client_max_window_bits",
    ] {
        let offers = format!("permessage-deflate; {params}").leak();
        assert_eq!(extensions(offers, &policy), None, "{params}");
    }
}

#[test]
fn a_field_that_breaks_its_grammar_is_refused() {
    let policy = compressing(false, 15);
    for (name, value) in [
        ("Sec-WebSocket-Extensions", "permessage-deflate;"),
        ("Sec-WebSocket-Extensions", "; x"),
        ("Sec-WebSocket-Extensions", "permessage deflate"),
        ("Sec-WebSocket-Extensions", "a; b="),
        ("Sec-WebSocket-Extensions", "a; b=\"c"),
        ("Sec-WebSocket-Extensions", "a; b=\"c,d\""),
        ("Sec-WebSocket-Extensions", "a; b=\"\""),
        ("Sec-WebSocket-Extensions", "a; b=c d"),
        ("Sec-WebSocket-Extensions", "a; b=\\c"),
        ("Sec-WebSocket-Extensions", "a; =c"),
        ("Sec-WebSocket-Protocol", "a b"),
        ("Sec-WebSocket-Protocol", "a/b"),
        ("Sec-WebSocket-Protocol", "\"a\""),
    ] {
        let found = judge_get(&with(&[(name, value)]), &policy);
        assert_eq!(status(found), 400, "{name}: {value}");
    }
}

fn connect(protocol: Option<&str>, version: &'static str) -> Result<Accept<'static>, Declined> {
    static POLICY: Policy = Policy {
        protocols: Vec::new(),
        origins: Origins::Same,
        compression: None,
    };
    let asked = Asked {
        method: &Method::CONNECT,
        version: Version::HTTP_2,
        host: "server.example",
        protocol,
        has_body: false,
    };
    let fields = [
        ("sec-websocket-version", version.as_bytes()),
        ("origin", b"https://server.example"),
    ];
    judge(&asked, fields.into_iter(), &POLICY)
}

#[test]
fn an_extended_connect_needs_no_key() {
    let accept = connect(Some("websocket"), "13").expect("accepted");
    assert!(accept.fields().is_empty());
    // HTTP/2 has no Upgrade to go with 426.
    let declined = connect(Some("websocket"), "8").expect_err("not refused");
    assert_eq!(declined.status, 400);
    let fields: Vec<_> = declined
        .fields
        .iter()
        .map(|(name, _)| name.as_str())
        .collect();
    assert_eq!(fields, ["sec-websocket-version"]);
    assert_eq!(status(connect(Some("connect-udp"), "13")), 501);
    assert_eq!(status(connect(None, "13")), 400);
}
