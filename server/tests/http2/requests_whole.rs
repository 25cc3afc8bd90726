//! Heads and trailers over whole kinds: every byte of a name and a value, every framing, every complaint.
//! RFC 9113 section 8, RFC 9110 sections 5 and 10.1.1.

use super::forge::{
    END_HEADERS, END_STREAM, GET, POST, Seen, Wire, block, data, forged, headers, post,
};
use http::StatusCode;
use ringgate::http1::fields::BodyFraming;
use ringgate::http1::head::Head;
use ringgate::http2::field::Token;
use ringgate::http2::head::{Beside, Builder, Trailers, Unfit};
use ringgate::http2::hpack::Decoder;
use ringgate::http2::{Budget, Fault, Limits};

/// A head, what is beside it, and its text.
type Built = (Head, Beside, Vec<u8>);

fn build_with(limits: &Limits, fields: &[(&str, &str)], end: bool) -> Result<Built, Unfit> {
    let (mut head, mut text) = (Head::blank(), Vec::new());
    let mut builder = Builder::new(&mut head, &mut text, limits, true);
    let decoded = Decoder::new(4096).decode(&block(fields), &mut Vec::new(), &mut builder);
    decoded.expect("a block");
    let beside = builder.finish(end)?;
    Ok((head, beside, text))
}

fn build(fields: &[(&str, &str)], end: bool) -> Result<Built, Unfit> {
    build_with(&Limits::default(), fields, end)
}

fn with<'f>(fields: &[(&'f str, &'f str)]) -> Vec<(&'f str, &'f str)> {
    [&GET[..], fields].concat()
}

const CONNECT: [(&str, &str); 2] = [(":method", "CONNECT"), (":authority", "example.org:443")];
const EXTENDED: [(&str, &str); 5] = [
    (":method", "CONNECT"),
    (":protocol", "websocket"),
    (":scheme", "https"),
    (":path", "/chat"),
    (":authority", "example.org"),
];

#[test]
fn each_name_has_its_kind_and_pseudo_fields_are_those_with_a_colon() {
    for (name, token) in [
        (":method", Token::Method),
        (":scheme", Token::Scheme),
        (":authority", Token::Authority),
        (":path", Token::Path),
        (":protocol", Token::Protocol),
        (":status", Token::PseudoUnknown),
        (":", Token::PseudoUnknown),
        (":Method", Token::PseudoUnknown),
        ("host", Token::Host),
        ("cookie", Token::Cookie),
        ("content-length", Token::Steering),
        ("expect", Token::Steering),
        ("x-ringgate-core", Token::Steering),
        ("connection", Token::Connection),
        ("keep-alive", Token::Connection),
        ("proxy-connection", Token::Connection),
        ("transfer-encoding", Token::Connection),
        ("upgrade", Token::Connection),
        ("te", Token::Te),
        ("priority", Token::Priority),
        ("method", Token::Other),
        ("hosts", Token::Other),
        ("accept", Token::Other),
        ("", Token::Invalid),
        ("Host", Token::Invalid),
        ("te ", Token::Invalid),
    ] {
        assert_eq!(Token::of(name.as_bytes()), token, "{name}");
        assert_eq!(token.is_pseudo(), name.starts_with(':'), "{name}");
    }
}

#[test]
fn section_8_2_1_each_byte_is_one_that_a_name_may_have_or_is_not_wherever_it_stands() {
    // RFC 9110 section 5.6.2, without capital letters.
    const MARKS: &[u8] = b"!#$%&'*+-.^_`|~";
    for byte in 0..=255u8 {
        let is_name = byte.is_ascii_lowercase() || byte.is_ascii_digit() || MARKS.contains(&byte);
        for name in [&[b'x', byte][..], &[b'x', byte, b'x'], &[byte; 3], &[byte]] {
            let expected = match (is_name, name[0]) {
                (true, _) => Token::Other,
                (false, b':') => Token::PseudoUnknown,
                (false, _) => Token::Invalid,
            };
            assert_eq!(Token::of(name), expected, "{byte}");
        }
    }
}

#[test]
fn section_8_2_1_each_byte_is_one_that_a_value_may_have_or_is_not_at_an_end_or_within() {
    for token in [Token::Other, Token::Path, Token::Cookie, Token::Invalid] {
        for byte in 0..=255u8 {
            let is_control = byte < b' ' && byte != b'\t' || byte == 0x7f;
            let is_space = byte == b' ' || byte == b'\t';
            let within = token.accepts(&[b'a', byte, b'a']);
            assert_eq!(within, !is_control, "{byte}");
            for value in [&[byte, b'a'][..], &[b'a', byte], &[byte], &[byte, byte]] {
                assert_eq!(
                    token.accepts(value),
                    !is_control && !is_space,
                    "{byte} in {value:?}"
                );
            }
        }
        assert!(token.accepts(b""), "a value of nothing");
    }
}

#[test]
fn section_8_3_1_the_authority_and_host_have_a_host_and_a_port_and_no_other_field_has_to() {
    for (value, is_authority) in [
        ("example.org", true),
        ("example.org:0", true),
        ("example.org:65535", true),
        ("example.org:65536", false),
        ("[::1]:80", true),
        ("user@example.org", false),
        ("a b", false),
        ("a/b", false),
        ("", true),
    ] {
        for token in Token::ALL {
            let is_held = matches!(token, Token::Authority | Token::Host);
            let accepted = token.accepts(value.as_bytes());
            assert_eq!(accepted, is_authority || !is_held, "{token:?} {value}");
        }
        assert!(!Token::Host.accepts(b"a\0b"));
    }
}

/// The sentence about a malformed head.
fn complaint(fields: &[(&str, &str)]) -> &'static str {
    match build(fields, true) {
        Err(Unfit::Malformed(fault)) => fault.why,
        Err(Unfit::Refused(refusal, _)) => panic!("{fields:?}: {refusal:?}"),
        Ok(_) => panic!("{fields:?} are a head"),
    }
}

#[test]
fn a_malformed_head_is_told_what_is_wrong_with_it_first() {
    let but = |place: usize, value: &'static str| {
        let mut fields = GET.to_vec();
        fields[place].1 = value;
        fields
    };
    for (fields, why) in [
        (
            with(&[("host", "a b")]),
            "The host is not a host and optional port.",
        ),
        (
            but(3, "user@example.org"),
            "The host is not a host and optional port.",
        ),
        (
            with(&[("x", "a\nb")]),
            "A field value holds a forbidden byte, or space at an end.",
        ),
        (
            but(2, "/a\0"),
            "A field value holds a forbidden byte, or space at an end.",
        ),
        (
            with(&[("x", " a")]),
            "A field value holds a forbidden byte, or space at an end.",
        ),
        (with(&[("X", "a")]), "A field name holds a forbidden byte."),
        (
            with(&[("upgrade", "a")]),
            "A field about a connection stands in a request.",
        ),
        (
            with(&[("te", "gzip")]),
            "TE says something else than trailers.",
        ),
        (
            with(&[("a", "b"), (":path", "/")]),
            "A pseudo-field stands behind other fields.",
        ),
        (with(&[(":path", "/")]), "A pseudo-field stands twice."),
        (with(&[(":method", "GET")]), "A pseudo-field stands twice."),
        (with(&[(":scheme", "http")]), "A pseudo-field stands twice."),
        (
            with(&[(":authority", "example.org")]),
            "A pseudo-field stands twice.",
        ),
        (
            with(&[(":status", "200")]),
            "A request has a pseudo-field that no request has.",
        ),
        (but(0, "GE T"), "The method is not a token."),
        (GET[1..].to_vec(), "A request has no :method."),
        (
            [GET[0], GET[2], GET[3]].to_vec(),
            "A request has no :scheme or no :path.",
        ),
        (
            [GET[0], GET[1], GET[3]].to_vec(),
            "A request has no :scheme or no :path.",
        ),
        (
            [GET[0], GET[3]].to_vec(),
            "A request has no :scheme or no :path.",
        ),
        (
            [&CONNECT[..], &[(":path", "/")]].concat(),
            "A CONNECT has a :scheme or a :path.",
        ),
        (
            [&CONNECT[..], &[(":scheme", "https")]].concat(),
            "A CONNECT has a :scheme or a :path.",
        ),
        (
            with(&[(":protocol", "websocket")]),
            "A :protocol stands in a request that is no CONNECT.",
        ),
        (
            with(&[("host", "example.com")]),
            "Host and :authority differ.",
        ),
        (
            but(2, "http://example.org/"),
            "The :path does not begin with a slash.",
        ),
        (
            with(&[("content-length", "1")]),
            "A request without a body has a Content-Length.",
        ),
        // The first fault, whatever comes behind.
        (
            with(&[("X", "a"), ("upgrade", "a")]),
            "A field name holds a forbidden byte.",
        ),
        (
            with(&[("upgrade", "a"), ("X", "a")]),
            "A field about a connection stands in a request.",
        ),
        (
            with(&[("X", "a"), (":path", "/")]),
            "A field name holds a forbidden byte.",
        ),
    ] {
        assert_eq!(complaint(&fields), why, "{fields:?}");
    }
}

#[test]
fn a_head_that_is_refused_names_its_budget_and_is_known_to_be_a_head_request() {
    let limits = Limits::default();
    let long = "A-METHOD-LONGER-THAN-ANY-THAT-THERE-IS";
    let tight = |change: fn(&mut Limits)| {
        let mut limits = limits;
        change(&mut limits);
        limits
    };
    for (limits, method, field, status, exceeded) in [
        (limits, "GET", ("expect", "the-unexpected"), 417, None),
        (limits, long, ("a", "b"), 501, None),
        (
            tight(|limits| limits.uri_size = 3),
            "GET",
            ("a", "b"),
            414,
            None,
        ),
        (
            tight(|limits| limits.header_count = 4),
            "GET",
            ("a", "b"),
            431,
            Some(Budget::HeaderCount),
        ),
        (
            tight(|limits| limits.header_list_size = 200),
            "GET",
            ("a", "b"),
            431,
            Some(Budget::HeaderListSize),
        ),
    ] {
        for method in [method, "HEAD", "POST", "OPTIONS"] {
            let mut fields = with(&[field]);
            fields[0].1 = method;
            match build_with(&limits, &fields, true) {
                Err(Unfit::Refused(refusal, budget)) => {
                    assert_eq!(
                        refusal.status,
                        StatusCode::from_u16(status).expect("a status")
                    );
                    assert_eq!(
                        (refusal.to_head, budget),
                        (method == "HEAD", exceeded),
                        "{method}"
                    );
                }
                Err(Unfit::Malformed(fault)) => panic!("{status}: {fault}"),
                Ok(_) => assert_eq!(status, 501, "a method that is short enough"),
            }
        }
    }
}

#[test]
fn section_8_1_1_and_8_5_the_framing_of_a_request_follows_from_its_method_its_length_and_its_end() {
    use BodyFraming::{Chunked, Length, None as Nothing};
    for method in ["GET", "POST", "HEAD"] {
        for (length, end, framing, checked) in [
            (None, true, Some(Nothing), None),
            (None, false, Some(Chunked), None),
            // A body of nothing whose end is still to come.
            (Some("0"), false, Some(Chunked), Some(0)),
            (Some("1"), false, Some(Length(1)), Some(1)),
            (Some("0"), true, Some(Nothing), None),
            (Some("1"), true, None, None),
            (Some("12"), true, None, None),
            (Some("x"), false, None, None),
        ] {
            let mut fields = GET.to_vec();
            fields[0].1 = method;
            fields.extend(length.map(|length| ("content-length", length)));
            let built = build(&fields, end);
            match (built, framing) {
                (Ok((head, beside, _)), Some(framing)) => {
                    assert_eq!(head.framing, framing, "{method} {length:?} {end}");
                    assert_eq!(beside.length, checked, "{method} {length:?} {end}");
                    assert!(!beside.is_tunnel && beside.protocol.is_none());
                }
                (Err(Unfit::Malformed(_)), None) => {}
                (built, _) => panic!(
                    "{method} {length:?} {end}: {:?}",
                    built.map(|built| built.1)
                ),
            }
        }
    }
    for connect in [&CONNECT[..], &EXTENDED] {
        for end in [false, true] {
            let (head, beside, text) = build(connect, end).expect("a head");
            assert_eq!(
                (head.framing, beside.length, beside.is_tunnel),
                (Nothing, None, true)
            );
            let protocol = beside.protocol.map(|span| span.of(&text).to_vec());
            let expected = (connect.len() == 5).then(|| b"websocket".to_vec());
            assert_eq!(protocol, expected);
            let sized = [connect, &[("content-length", "1")]].concat();
            assert!(matches!(build(&sized, end), Err(Unfit::Malformed(_))));
        }
    }
}

#[test]
fn rfc_9110_section_10_1_1_a_client_waits_for_100_if_it_says_so_and_has_a_body() {
    for (fields, end, expects) in [
        (&[][..], true, false),
        (&[], false, false),
        (&[("expect", "100-continue")], true, false),
        (&[("expect", "100-continue")], false, true),
        (
            &[("expect", "100-Continue"), ("content-length", "5")],
            false,
            true,
        ),
        (&[("content-length", "5")], false, false),
        // Nothing is in such a body, though its end is to come.
        (
            &[("expect", "100-continue"), ("content-length", "0")],
            false,
            false,
        ),
    ] {
        let all = [&POST[..], fields].concat();
        let (head, ..) = build(&all, end).expect("a head");
        assert_eq!(head.expect_continue, expects, "{fields:?} {end}");
        assert!(head.keep_alive && !head.upgrade);
    }
    for connect in [&CONNECT[..], &EXTENDED] {
        let all = [connect, &[("expect", "100-continue")]].concat();
        let (head, ..) = build(&all, false).expect("a head");
        assert!(!head.expect_continue, "a tunnel has no body");
    }
}

#[test]
fn section_8_2_3_a_cookie_of_one_piece_stays_where_it_is_and_of_several_it_is_joined_at_the_first()
{
    for count in 0..5usize {
        let pieces: Vec<String> = (0..count).map(|nth| format!("a{nth}=1")).collect();
        let mut fields = with(&[("accept", "*/*")]);
        for piece in &pieces {
            fields.extend([("cookie", &piece[..]), ("x-other", "1")]);
        }
        let (head, _, text) = build(&fields, true).expect("a head");
        let joined = pieces.join("; ");
        let cookie = head.header(&text, "cookie");
        assert_eq!(cookie, (count > 0).then_some(joined.as_bytes()));
        let names: Vec<_> = head
            .headers(&text)
            .map(|(name, _)| name.to_owned())
            .collect();
        let mut expected = vec!["accept"];
        for nth in 0..count {
            expected.extend(["cookie", "x-other"].into_iter().skip(usize::from(nth > 0)));
        }
        expected.push("host");
        assert_eq!(names, expected, "{count}");
        // What is in one piece is kept once.
        let kept: usize = fields
            .iter()
            .skip(4)
            .map(|(name, value)| name.len() + value.len())
            .sum();
        let own = "/a?b".len() + "example.org".len() + "host".len();
        let again = if count > 1 { joined.len() } else { 0 };
        assert_eq!(text.len(), kept + own + again, "{count}");
        assert_eq!(head.len, text.len());
    }
}

#[test]
fn rfc_9218_section_5_the_priority_of_a_head_is_that_of_its_field() {
    for (value, urgency, incremental) in [("u=1", 1, false), ("u=5, i", 5, true), ("x", 3, false)] {
        let (head, beside, text) = build(&with(&[("priority", value)]), true).expect("a head");
        let priority = beside.priority;
        assert_eq!(
            (priority.urgency, priority.incremental),
            (urgency, incremental)
        );
        assert_eq!(
            head.header(&text, "priority"),
            Some(value.as_bytes()),
            "a handler sees it too"
        );
    }
    let (_, beside, _) = build(&GET, true).expect("a head");
    assert_eq!(
        (beside.priority.urgency, beside.priority.incremental),
        (3, true)
    );
    for value in ["trailers", "Trailers", "TRAILERS"] {
        let (head, _, text) = build(&with(&[("te", value)]), true).expect("a head");
        assert_eq!(head.header(&text, "te"), Some(value.as_bytes()));
    }
}

/// What is too large for its room is refused before anything else is said of it.
#[test]
fn a_head_that_its_host_makes_too_large_is_refused_whatever_is_wrong_with_its_path_or_its_length() {
    const ROOM: usize = u16::MAX as usize;
    let limits = Limits {
        header_list_size: 1 << 20,
        header_count: 10_000,
        ..Limits::default()
    };
    let long = "x".repeat(99);
    for (path, more) in [
        ("/a", &[][..]),
        ("a", &[]),
        ("http://example.org/", &[]),
        ("/a", &[("content-length", "1")]),
    ] {
        let begin = [&[GET[0], GET[1], (":path", path), GET[3]][..], more].concat();
        let own: usize = begin
            .iter()
            .skip(2)
            .map(|(name, value)| {
                if name.starts_with(':') {
                    value.len()
                } else {
                    name.len() + value.len()
                }
            })
            .sum();
        // Filled so that the name of the host does not fit.
        let filling = ROOM - own - 1;
        let mut fields = begin;
        fields.extend(vec![("a", &long[..]); filling / 100 - 1]);
        let rest = 100 + filling % 100;
        fields.extend([
            ("a", &long[..rest / 2 - 1]),
            ("a", &long[..rest.div_ceil(2) - 1]),
        ]);
        match build_with(&limits, &fields, true) {
            Err(Unfit::Refused(refusal, Some(Budget::HeaderListSize))) => {
                assert_eq!(refusal.status, StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE);
            }
            other => panic!("{path} {more:?}: {:?}", other.map(|built| built.2.len())),
        }
    }
}

#[test]
fn section_6_5_2_trailers_are_taken_up_to_both_bounds_and_end_their_stream_with_the_budget_beyond()
{
    // Fields of 40 bytes each, as the section counts.
    let fields = [("name", "valu"); 12];
    for count in 1..=12 {
        for (limits, most, budget) in [
            (
                Limits {
                    header_count: 5,
                    ..Limits::default()
                },
                5,
                Budget::HeaderCount,
            ),
            (
                Limits {
                    header_list_size: 240,
                    ..Limits::default()
                },
                6,
                Budget::HeaderListSize,
            ),
            (
                Limits {
                    header_list_size: 239,
                    ..Limits::default()
                },
                5,
                Budget::HeaderListSize,
            ),
            (
                Limits {
                    header_list_size: 279,
                    ..Limits::default()
                },
                6,
                Budget::HeaderListSize,
            ),
        ] {
            let mut trailers = Trailers::new(&limits);
            let block = block(&fields[..count]);
            let decoded = Decoder::new(4096).decode(&block, &mut Vec::new(), &mut trailers);
            decoded.expect("a block");
            let finished = trailers.finish().map(|fields| fields.len());
            let expected = match count <= most {
                true => Ok(count),
                false => Err(Fault::calm(budget)),
            };
            assert_eq!(finished, expected, "{count} of {most}");
        }
    }
}

#[test]
fn section_8_1_each_field_of_trailers_is_kept_left_out_or_a_fault() {
    for (name, value, expected) in [
        ("x-sum", "1", Some(1)),
        ("grpc-status", "0", Some(1)),
        ("accept", "", Some(1)),
        // What steers a message may not stand there, and is left out.
        ("content-length", "3", Some(0)),
        ("host", "example.org", Some(0)),
        ("cookie", "a=1", Some(0)),
        (":path", "/", None),
        (":status", "200", None),
        (":unknown", "", None),
        ("connection", "close", None),
        ("transfer-encoding", "chunked", None),
        ("upgrade", "x", None),
        ("X-Sum", "1", None),
        ("", "1", None),
        ("x sum", "1", None),
        ("x-sum", " 1", None),
        ("x-sum", "1\n", None),
        ("host", "a b", None),
    ] {
        let mut wire = Wire::open();
        wire.hears(&post(1));
        wire.hears(&data(1, false, b"abc"));
        let seen = wire.hears(&headers(1, true, &[(name, value)]));
        match expected {
            Some(count) => assert_eq!(seen, [Seen::Trailers(1, count)], "{name}: {value}"),
            None => assert!(matches!(seen[..], [Seen::Ended(1, _)]), "{name}: {value}"),
        }
    }
    let complaint = |name, value| {
        let limits = Limits::default();
        let mut trailers = Trailers::new(&limits);
        let block = block(&[(name, value), ("X", "behind the first fault")]);
        let decoded = Decoder::new(4096).decode(&block, &mut Vec::new(), &mut trailers);
        decoded.expect("a block");
        trailers.finish().expect_err("they are malformed").why
    };
    assert_eq!(complaint(":path", "/"), "Trailers have a pseudo-field.");
    let about_connection = "A field about a connection stands in trailers.";
    assert_eq!(complaint("connection", "close"), about_connection);
    assert_eq!(complaint("x", " y"), "A trailer field is malformed.");
}

#[test]
fn a_head_in_pieces_is_the_one_that_it_is_in_one_frame() {
    let all = block(&with(&[
        ("accept", "*/*"),
        ("cookie", "a=1"),
        ("cookie", "b=2"),
    ]));
    let mut whole = Wire::open();
    let expected = whole.hears(&forged(1, END_HEADERS | END_STREAM, 1, &all));
    for cut in 0..=all.len() {
        let mut wire = Wire::open();
        wire.hears(&forged(1, END_STREAM, 1, &all[..cut]));
        let seen = wire.hears(&forged(9, END_HEADERS, 1, &all[cut..]));
        assert_eq!((seen, &wire.text), (expected.clone(), &whole.text), "{cut}");
    }
}
