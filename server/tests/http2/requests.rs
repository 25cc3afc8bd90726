//! Requests: RFC 9113 section 8, RFC 8441, and the head that handlers see.

use super::forge::{END_HEADERS, END_STREAM, GET, POST, Seen, Wire, block, data, forged, headers};
use http::{Method, Version};
use ringgate::http1::fields::BodyFraming;
use ringgate::http1::head::Head;
use ringgate::http2::head::{Builder, Unfit};
use ringgate::http2::hpack::Decoder;
use ringgate::http2::{ErrorCode, Limits};

/// A GET with more fields behind.
fn with(fields: &[(&'static str, &'static str)]) -> Vec<(&'static str, &'static str)> {
    [&GET[..], fields].concat()
}

/// A GET with one pseudo-field replaced, or left out.
fn but(name: &str, value: Option<&'static str>) -> Vec<(&'static str, &'static str)> {
    let changed = GET
        .into_iter()
        .filter_map(|(have, was)| match have == name {
            true => value.map(|value| (have, value)),
            false => Some((have, was)),
        });
    changed.collect()
}

#[track_caller]
fn is_malformed(fields: &[(&str, &str)]) {
    let mut line = Wire::open();
    let code = line.breaks(&headers(1, true, fields));
    assert_eq!(code, ErrorCode::PROTOCOL_ERROR, "{fields:?}");
    // The connection goes on.
    assert!(matches!(
        line.hears(&super::forge::get(3))[..],
        [Seen::Head { .. }]
    ));
}

#[track_caller]
fn is(line: &str, fields: &[(&str, &str)]) -> Wire {
    let limits = Limits {
        extended_connect: true,
        ..Limits::default()
    };
    let mut session = Wire::open_with(limits, &[]);
    let seen = session.hears(&headers(1, true, fields));
    let expected = Seen::Head {
        stream: 1,
        line: line.to_owned(),
        end: true,
    };
    assert_eq!(seen, [expected]);
    session
}

#[test]
fn a_handler_sees_the_head_that_http_1_1_would_have_given() {
    let fields = with(&[
        ("accept", "*/*"),
        ("x-ringgate-core", "?"),
        ("user-agent", "forge"),
    ]);
    let line = is("GET /a?b example.org", &fields);
    let (head, text) = (&line.head, &line.text[..]);
    assert_eq!(
        (&head.method, head.version),
        (&Method::GET, Version::HTTP_2)
    );
    assert_eq!((head.path(text), head.query(text)), ("/a", Some("b")));
    assert_eq!(head.header(text, "User-Agent"), Some(&b"forge"[..]));
    assert_eq!(head.header(text, "Host"), Some(&b"example.org"[..]));
    assert_eq!(head.framing, BodyFraming::None);
    assert!(head.keep_alive && head.asks_core && !head.upgrade && !head.expect_continue);
    let names: Vec<_> = head.headers(text).map(|(name, _)| name).collect();
    assert_eq!(names, ["accept", "x-ringgate-core", "user-agent", "host"]);
    let parts = head.to_http_parts_copied(text).expect("http parts");
    assert_eq!(parts.uri, "/a?b");
    assert_eq!(parts.headers["host"], "example.org");
}

#[test]
fn section_8_1_1_the_length_that_is_given_is_that_of_the_body() {
    let sized = |length| [&POST[..], &[("content-length", length)]].concat();
    let framing = |fields: &[(&str, &str)]| {
        let mut line = Wire::open();
        line.hears(&headers(1, false, fields));
        line.head.framing
    };
    assert_eq!(framing(&sized("3")), BodyFraming::Length(3));
    assert_eq!(framing(&sized("0")), BodyFraming::Chunked);
    assert_eq!(framing(&POST), BodyFraming::Chunked);
    for (length, parts) in [
        ("4", &[(3, true)][..]),
        ("2", &[(3, true)]),
        ("2", &[(3, false)]),
        ("5", &[(3, false), (1, true)]),
        ("3", &[(3, false), (1, true)]),
        ("0", &[(1, true)]),
    ] {
        let mut line = Wire::open();
        line.hears(&headers(1, false, &sized(length)));
        let (last, first) = parts.split_last().expect("parts");
        for (count, end) in first {
            line.hears(&data(1, *end, &vec![b'x'; *count]));
        }
        let code = line.breaks(&data(1, last.1, &vec![b'x'; last.0]));
        assert_eq!(code, ErrorCode::PROTOCOL_ERROR, "{length} {parts:?}");
    }
    let mut line = Wire::open();
    line.hears(&headers(1, false, &sized("4")));
    let seen = line.hears(
        &[
            data(1, false, b"ab"),
            data(1, false, b"cd"),
            data(1, true, b""),
        ]
        .concat(),
    );
    assert_eq!(seen.last(), Some(&Seen::Data(1, Vec::new(), true)));
    is_malformed(&with(&[("content-length", "1")]));
    is_malformed(&with(&[("content-length", "0"), ("content-length", "0")]));
    let mut line = Wire::open();
    line.hears(&headers(1, false, &sized("4")));
    let trailers = headers(1, true, &[("x-sum", "1")]);
    assert_eq!(line.breaks(&trailers), ErrorCode::PROTOCOL_ERROR);
}

#[test]
fn section_8_2_1_names_have_no_capital_letters_and_values_no_controls() {
    for (name, value) in [
        ("X-Capital", "1"),
        ("", "1"),
        ("with space", "1"),
        ("x:y", "1"),
        ("x\u{7f}", "1"),
        ("x", "a\nb"),
        ("x", "a\rb"),
        ("x", "a\0b"),
        ("x", " a"),
        ("x", "a\t"),
    ] {
        is_malformed(&with(&[(name, value)]));
    }
}

#[test]
fn section_8_2_2_fields_about_a_connection_are_malformed() {
    for name in [
        "connection",
        "keep-alive",
        "proxy-connection",
        "transfer-encoding",
        "upgrade",
    ] {
        is_malformed(&with(&[(name, "x")]));
    }
    is_malformed(&with(&[("te", "trailers, deflate;q=0.5")]));
    is("GET /a?b example.org", &with(&[("te", "trailers")]));
}

#[test]
fn section_8_2_3_pieces_of_a_cookie_are_joined() {
    let fields = with(&[
        ("cookie", "a=1"),
        ("accept", "*/*"),
        ("cookie", "b=2"),
        ("cookie", "c=3"),
    ]);
    let line = is("GET /a?b example.org", &fields);
    let (head, text) = (&line.head, &line.text[..]);
    assert_eq!(head.header(text, "cookie"), Some(&b"a=1; b=2; c=3"[..]));
    assert_eq!(head.headers(text).count(), 3);
}

#[test]
fn section_8_3_pseudo_fields_stand_first_once_and_are_known() {
    is_malformed(&with(&[(":status", "200")]));
    is_malformed(&with(&[(":unknown", "1")]));
    is_malformed(&[&GET[..3], &[("accept", "*/*"), GET[3]]].concat());
    for field in GET {
        is_malformed(&[&GET[..], &[field]].concat());
    }
}

#[test]
fn section_8_3_1_method_scheme_and_path_are_there_and_not_empty() {
    for name in [":method", ":scheme", ":path"] {
        is_malformed(&but(name, None));
    }
    is_malformed(&but(":path", Some("")));
    is_malformed(&but(":path", Some("a")));
    is_malformed(&but(":path", Some("*")));
    is_malformed(&but(":path", Some("http://example.org/")));
    is_malformed(&but(":path", Some("/a#b")));
    is_malformed(&but(":method", Some("GE T")));
    let mut asterisk = but(":path", Some("*"));
    asterisk[0].1 = "OPTIONS";
    is("OPTIONS * example.org", &asterisk);
}

#[test]
fn section_8_3_1_the_authority_is_the_host_and_contradicts_no_field() {
    is_malformed(&but(":authority", Some("user@example.org")));
    is_malformed(&with(&[("host", "example.com")]));
    is_malformed(&with(&[("host", "example.org"), ("host", "example.org")]));
    let line = is("GET /a?b example.org", &with(&[("host", "example.org")]));
    assert_eq!(line.head.headers(&line.text).count(), 1);
    let fields = [&but(":authority", None)[..], &[("host", "example.net")]].concat();
    is("GET /a?b example.net", &fields);
}

#[test]
fn section_8_3_1_a_request_that_names_no_host_is_answered_with_400() {
    let limits = Limits {
        extended_connect: true,
        ..Limits::default()
    };
    let protocol = [
        (":method", "CONNECT"),
        (":scheme", "https"),
        (":path", "/"),
        (":protocol", "websocket"),
    ];
    for fields in [&but(":authority", None)[..], &protocol] {
        let mut wire = Wire::open_with(limits, &[]);
        let seen = wire.hears(&headers(1, true, fields));
        assert_eq!(seen, [Seen::Refused(1, 400)], "{fields:?}");
    }
    // What is malformed besides is malformed.
    is_malformed(&[&but(":authority", None)[..], &[("connection", "close")]].concat());
}

#[test]
fn a_head_is_known_as_one_wherever_its_method_stands_behind_what_is_too_large() {
    let limits = Limits {
        uri_size: 3,
        ..Limits::default()
    };
    let fields = |method| {
        [
            (":path", "/too-long"),
            (":scheme", "http"),
            (":authority", "example.org"),
            (":method", method),
        ]
    };
    for (method, to_head) in [("HEAD", true), ("GET", false), ("HEADS", false)] {
        let (mut head, mut text) = (Head::blank(), Vec::new());
        let mut builder = Builder::new(&mut head, &mut text, &limits, false);
        let decoded =
            Decoder::new(0).decode(&block(&fields(method)), &mut Vec::new(), &mut builder);
        decoded.expect("a block");
        match builder.finish(true) {
            Err(Unfit::Refused(refusal, _)) => {
                assert_eq!((refusal.status.as_u16(), refusal.to_head), (414, to_head));
            }
            other => panic!("{other:?} for {method}"),
        }
    }
}

#[test]
fn section_8_5_connect_has_an_authority_with_a_port_and_nothing_else() {
    let connect = [(":method", "CONNECT"), (":authority", "example.org:443")];
    is("CONNECT example.org:443 example.org:443", &connect);
    is_malformed(&[&connect[..], &[(":path", "/")]].concat());
    is_malformed(&[&connect[..], &[(":scheme", "https")]].concat());
    is_malformed(&[connect[0], (":authority", "example.org")]);
    is_malformed(&connect[..1]);
}

#[test]
fn rfc_8441_section_4_an_extended_connect_has_a_path_and_a_protocol() {
    let extended = [
        (":method", "CONNECT"),
        (":protocol", "websocket"),
        (":scheme", "https"),
        (":path", "/chat"),
        (":authority", "example.org"),
    ];
    is("CONNECT /chat example.org websocket", &extended);
    // Without the setting there is no such field.
    is_malformed(&extended);
    is_malformed(
        &with(&[])
            .into_iter()
            .chain([(":protocol", "websocket")])
            .collect::<Vec<_>>(),
    );
    is_malformed(&extended[..3]);
}

#[test]
fn section_8_1_trailers_end_their_stream_and_have_no_pseudo_fields() {
    let begun = || {
        let mut line = Wire::open();
        line.hears(&super::forge::post(1));
        line.hears(&data(1, false, b"abc"));
        line
    };
    let seen = begun().hears(&headers(
        1,
        true,
        &[("x-sum", "1"), ("content-length", "3")],
    ));
    assert_eq!(
        seen,
        [Seen::Trailers(1, 1)],
        "what may not stand there is left out"
    );
    for (end, fields) in [
        (false, &[("x-sum", "1")][..]),
        (true, &[(":method", "GET")]),
        (true, &[("X-Sum", "1")]),
        (true, &[("connection", "close")]),
    ] {
        let code = begun().breaks(&headers(1, end, fields));
        assert_eq!(code, ErrorCode::PROTOCOL_ERROR, "{fields:?}");
    }
}

#[test]
fn what_is_well_formed_and_not_served_is_refused_with_its_status() {
    let refused = |limits: Limits, fields: &[(&str, &str)]| {
        let mut line = Wire::open_with(limits, &[]);
        let seen = line.hears(&headers(1, true, fields));
        assert_eq!(line.hears(&super::forge::get(3)).len(), 1);
        match seen[..] {
            [Seen::Refused(1, status)] => status,
            _ => panic!("{seen:?}"),
        }
    };
    let limits = Limits::default();
    let short = Limits {
        uri_size: 3,
        ..limits
    };
    let few = Limits {
        header_count: 4,
        ..limits
    };
    let small = Limits {
        header_list_size: 200,
        ..limits
    };
    assert_eq!(refused(short, &GET), 414);
    assert_eq!(refused(few, &with(&[("a", "b")])), 431);
    assert_eq!(
        refused(small, &with(&[("a", "0123456789012345678901234567890123")])),
        431
    );
    assert_eq!(refused(limits, &with(&[("expect", "the-unexpected")])), 417);
    assert_eq!(
        refused(
            limits,
            &but(":method", Some("A-METHOD-LONGER-THAN-ANY-THAT-THERE-IS"))
        ),
        501
    );
}

#[test]
fn what_is_exactly_as_large_as_a_limit_is_taken_and_one_more_is_refused() {
    // RFC 9113 section 6.5.2: a field counts with its name, its value and 32 bytes.
    let size: usize = GET
        .map(|(name, value)| name.len() + value.len() + 32)
        .iter()
        .sum();
    let path = GET[2].1.len() as u32;
    let as_usual = Limits::default();
    let limits = |change: &dyn Fn(&mut Limits, u32)| {
        [0, 1].map(|less| {
            let mut limits = as_usual;
            change(&mut limits, less);
            limits
        })
    };
    for ([exact, tight], status) in [
        (limits(&|limits, less| limits.uri_size = path - less), 414),
        (limits(&|limits, less| limits.header_count = 4 - less), 431),
        (
            limits(&|limits, less| limits.header_list_size = size as u32 - less),
            431,
        ),
    ] {
        let head = Wire::open_with(exact, &[]).hears(&super::forge::get(1));
        assert!(
            matches!(head[..], [Seen::Head { .. }]),
            "{status}: {head:?}"
        );
        let refused = Wire::open_with(tight, &[]).hears(&super::forge::get(1));
        assert_eq!(refused, [Seen::Refused(1, status)]);
    }
}

#[test]
fn a_method_is_as_long_as_in_http_1_1() {
    let longest = "ABCDEFGHIJKLMNOPQRSTUVWXYZABCDEF";
    is(
        &format!("{longest} /a?b example.org"),
        &but(":method", Some(longest)),
    );
    let mut line = Wire::open();
    let longer = but(":method", Some("ABCDEFGHIJKLMNOPQRSTUVWXYZABCDEFG"));
    let seen = line.hears(&headers(1, true, &longer));
    assert_eq!(seen, [Seen::Refused(1, 501)]);
}

/// What is kept of a head is counted in 16 bits.
#[test]
fn a_head_may_fill_its_room_to_the_last_byte_whatever_the_limits_are() {
    const ROOM: usize = u16::MAX as usize;
    const EACH: usize = 100;
    let limits = Limits {
        header_list_size: 1 << 20,
        header_count: 10_000,
        ..Limits::default()
    };
    let hears = |bytes: usize| {
        let long = "x".repeat(EACH - 1);
        let mut fields = vec![("a", &long[..]); bytes / EACH];
        if !bytes.is_multiple_of(EACH) {
            fields.push(("a", &long[..bytes % EACH - 1]));
        }
        let all = [block(&GET), block(&fields)].concat();
        let pieces: Vec<_> = all.chunks(16 << 10).collect();
        let mut line = Wire::open_with(limits, &[]);
        let mut seen = Vec::new();
        for (nth, piece) in pieces.iter().enumerate() {
            let (kind, begin) = if nth == 0 { (1, END_STREAM) } else { (9, 0) };
            let is_last = nth + 1 == pieces.len();
            let end = if is_last { END_HEADERS } else { 0 };
            seen = line.hears(&forged(kind, begin | end, 1, piece));
        }
        (seen, line.text.len())
    };
    let (_, without) = hears(0);
    let (seen, all) = hears(ROOM - without);
    assert!(matches!(seen[..], [Seen::Head { .. }]), "{seen:?}");
    assert_eq!(all, ROOM);
    assert_eq!(hears(ROOM - without + 1).0, [Seen::Refused(1, 431)]);
}

#[test]
fn a_section_that_is_too_large_in_several_frames_costs_its_stream_and_no_other() {
    let mut line = Wire::open();
    let long = "x".repeat(100);
    let fields: Vec<_> = (0..170).map(|_| ("a", &long[..])).collect();
    let large = [block(&GET), block(&fields)].concat();
    assert!(large.len() > 16 << 10);
    let (front, rest) = large.split_at(10_000);
    line.hears(&forged(1, END_STREAM, 1, front));
    assert_eq!(
        line.hears(&forged(9, END_HEADERS, 1, rest)),
        [Seen::Refused(1, 431)]
    );
    assert_eq!(line.hears(&super::forge::get(3)).len(), 1);
}

#[test]
fn rfc_9110_section_10_1_1_a_client_that_waits_for_100_is_seen_to() {
    let mut line = Wire::open();
    line.hears(&headers(
        1,
        false,
        &[
            &POST[..],
            &[("expect", "100-continue"), ("content-length", "1")],
        ]
        .concat(),
    ));
    assert!(line.head.expect_continue);
}

/// Each field counts 32 bytes more than it has, so one that costs a byte to say is not free to hear.
#[test]
fn an_index_that_costs_a_byte_counts_as_a_whole_field() {
    let limits = Limits {
        header_count: 10_000,
        ..Limits::default()
    };
    let mut line = Wire::open_with(limits, &[]);
    let mut block = super::forge::block(&GET);
    block.extend([0x40, 1, b'x', 0]);
    block.extend([0xBE; 1000]);
    let seen = line.hears(&forged(1, 5, 1, &block));
    assert_eq!(seen, [Seen::Refused(1, 431)]);
    assert!(line.text.len() < 17_000);
}
