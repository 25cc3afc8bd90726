//! Whole kinds of values in a head: each byte that may stand in a part of it, each name that steers, each port, each
//! reason for a refusal. The methods of two requests take the two ways that there are through a head.

use super::head;
use ringgate::http1::fields::BodyFraming;
use ringgate::http1::head::{HeadLimits, Parse, http2_refusal, parse_head};
use ringgate::http1::refusal::{Peer, Refusal};

/// Whether this is a whole head that is served.
#[track_caller]
fn is_sound(bytes: &[u8]) -> bool {
    match parse_head(bytes, &HeadLimits::default()) {
        Ok(Parse::Complete(head)) => {
            assert_eq!(head.len, bytes.len(), "{}", bytes.escape_ascii());
            true
        }
        Ok(other) => panic!("{} is {other:?}", bytes.escape_ascii()),
        Err(refusal) => {
            assert_eq!(refusal.status, 400, "{}", bytes.escape_ascii());
            false
        }
    }
}

/// Asserts of each byte whether it may stand between `front` and `back`, for a method of either way.
#[track_caller]
fn each_byte(front: &str, back: &str, may_stand: impl Fn(u8) -> bool) {
    for method in ["POST", "PUT"] {
        for byte in 0..=u8::MAX {
            let front = front.replace("POST", method);
            let bytes = [front.as_bytes(), &[byte], back.as_bytes()].concat();
            let expected = may_stand(byte);
            assert_eq!(is_sound(&bytes), expected, "{}", bytes.escape_ascii());
        }
    }
}

const END: &str = " HTTP/1.1\r\nHost: h\r\n\r\n";

fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

#[test]
fn section_3_1_a_method_has_the_bytes_of_a_token() {
    each_byte("M", "M / HTTP/1.1\r\nHost: h\r\n\r\n", is_token_byte);
}

#[test]
fn section_3_2_a_path_and_a_query_have_the_bytes_that_need_no_escape() {
    let is_visible = |byte: u8| (0x21..=0x7e).contains(&byte);
    // A question mark begins the query.
    let in_path = |byte| is_visible(byte) && !b"#<>`".contains(&byte);
    each_byte("POST /a", &format!("c{END}"), in_path);
    each_byte("POST http://h/a", &format!("c{END}"), in_path);
    let in_query = |byte| is_visible(byte) && !b"\"#<>".contains(&byte);
    each_byte("POST /a?b", &format!("c{END}"), in_query);
    each_byte("POST http://h?b", &format!("c{END}"), in_query);
}

#[test]
fn section_5_1_the_name_of_a_field_has_the_bytes_of_a_token() {
    // At a colon the name is over, and the rest is its value.
    let in_name = |byte| is_token_byte(byte) || byte == b':';
    each_byte("POST / HTTP/1.1\r\nHost: h\r\nX", "Y: a\r\n\r\n", in_name);
    each_byte(
        "POST / HTTP/1.1\r\nHost: h\r\n",
        "Y: a\r\n\r\n",
        is_token_byte,
    );
}

#[test]
fn section_5_5_the_value_of_a_field_has_no_control_but_the_tab() {
    let in_value = |byte| matches!(byte, b'\t' | 0x20..=0x7e | 0x80..);
    each_byte("POST / HTTP/1.1\r\nHost: h\r\nX: a", "b\r\n\r\n", in_value);
    each_byte("POST / HTTP/1.1\r\nHost: h\r\nX: a", "\r\n\r\n", in_value);
    each_byte("POST / HTTP/1.1\r\nHost: h\r\nX:", "a\r\n\r\n", in_value);
}

/// Whether a byte may stand in a registered name (RFC 3986 section 3.2.2) outside of an escape.
fn in_name_of_host(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=".contains(&byte)
}

#[test]
fn rfc_9110_section_7_2_a_host_has_the_bytes_of_a_registered_name() {
    each_byte("POST / HTTP/1.1\r\nHost: a", "b\r\n\r\n", in_name_of_host);
    each_byte(
        "POST / HTTP/1.1\r\nHost: a",
        "b:80\r\n\r\n",
        in_name_of_host,
    );
    each_byte("POST / HTTP/1.1\r\nhost: a", "b\r\n\r\n", in_name_of_host);
    each_byte("POST / HTTP/1.1\r\nHOST:a", "b\r\n\r\n", in_name_of_host);
    each_byte("POST / HTTP/1.1\r\nHost:  a", "b\r\n\r\n", in_name_of_host);
    // A slash or a question mark ends the authority of a target.
    let in_authority = |byte| in_name_of_host(byte) || matches!(byte, b'/' | b'?');
    each_byte("POST http://a", &format!("b{END}"), in_authority);
    for (host, expected) in [
        ("%41", true),
        ("a%41b%5a%7Fc", true),
        ("%", false),
        ("%4", false),
        ("%zz", false),
        ("%4g", false),
        ("%g4", false),
        ("%%41", false),
        ("%41%", false),
        ("%4:80", false),
    ] {
        let bytes = format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n");
        assert_eq!(is_sound(bytes.as_bytes()), expected, "{host}");
    }
}

#[test]
fn rfc_9110_section_7_2_a_port_is_a_decimal_number_of_16_bits() {
    let digit_or_space = |byte: u8| byte.is_ascii_digit() || matches!(byte, b' ' | b'\t');
    each_byte("POST / HTTP/1.1\r\nHost: a:", "\r\n\r\n", digit_or_space);
    each_byte("POST / HTTP/1.1\r\nHost: a:8", "0\r\n\r\n", |byte| {
        byte.is_ascii_digit()
    });
    each_byte("POST / HTTP/1.1\r\nHost: [::1]:8", "0\r\n\r\n", |byte| {
        byte.is_ascii_digit()
    });
    each_byte("POST / HTTP/1.1\r\nHost: a~:8", "0\r\n\r\n", |byte| {
        byte.is_ascii_digit()
    });
    let numbers = (0..20).chain(95..105).chain(995..1005).chain(9995..10_005);
    let numbers = numbers.chain(65_500..65_600).chain(99_990..100_010);
    let numbers = numbers.chain([655_349, 655_350, 655_359, 4_294_967_296, u64::MAX]);
    for number in numbers {
        for zeros in ["", "0", "00", "0000000000"] {
            for host in ["a", "[::1]", "a~b"] {
                for method in ["GET", "PUT"] {
                    let line = format!("Host: {host}:{zeros}{number}\r\n\r\n");
                    let bytes = format!("{method} / HTTP/1.1\r\n{line}");
                    let expected = number <= 65_535;
                    assert_eq!(is_sound(bytes.as_bytes()), expected, "{bytes}");
                }
            }
        }
    }
}

#[test]
fn rfc_3986_section_3_2_2_brackets_are_around_an_address_and_nothing_else() {
    for (host, expected) in [
        ("[::1]", true),
        ("[::1]:", true),
        ("[::1]:80", true),
        ("[1:2:3:4:5:6:7:8]", true),
        ("[::ffff:127.0.0.1]:80", true),
        ("[]", false),
        ("[::1", false),
        ("::1", false),
        ("::1]", false),
        ("[::1]a", false),
        ("[::1]80", false),
        ("[::1]:a", false),
        ("[::1]:65536", false),
        ("[::g]", false),
        ("[127.0.0.1]", false),
        ("[::1%25eth0]", false),
        ("a[::1]", false),
        ("[[::1]]", false),
    ] {
        let of = |text: String| is_sound(text.as_bytes());
        assert_eq!(
            of(format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n")),
            expected,
            "{host}"
        );
        assert_eq!(of(format!("GET http://{host}/{END}")), expected, "{host}");
    }
}

#[test]
fn section_3_2_3_connect_names_a_host_and_a_port() {
    for (target, expected) in [
        ("h:443", true),
        ("h:0", true),
        ("h:65535", true),
        ("127.0.0.1:80", true),
        ("a~b:80", true),
        ("[::1]:443", true),
        ("[1:2:3:4:5:6:7:8]:1", true),
        ("h", false),
        ("h:", false),
        (":443", false),
        (":", false),
        ("h:65536", false),
        ("h:x", false),
        ("h:4:3", false),
        ("[::1]", false),
        ("[::1]:", false),
        ("[1:2:3:4:5:6:7:8]", false),
        ("[::1", false),
        ("u@h:80", false),
        ("h:80/", false),
        ("/", false),
        ("/h:80", false),
        ("*", false),
        ("http://h:80", false),
    ] {
        let bytes = format!("CONNECT {target}{END}");
        assert_eq!(is_sound(bytes.as_bytes()), expected, "{target}");
        if expected {
            let head = head(bytes.as_bytes());
            assert_eq!(head.host(bytes.as_bytes()), target);
            assert_eq!(head.path(bytes.as_bytes()), "");
            assert_eq!(head.query(bytes.as_bytes()), None);
        }
    }
}

/// What a head with these fields is taken for, of all that fields decide.
fn meaning(method: &str, fields: &str) -> String {
    let bytes = format!("{method} / HTTP/1.1\r\nHost: h\r\n{fields}\r\n");
    match parse_head(bytes.as_bytes(), &HeadLimits::default()) {
        Ok(Parse::Complete(head)) => format!(
            "{:?}, keep {}, expects {}, upgrade {}, asks {}, host {}",
            head.framing,
            head.keep_alive,
            head.expect_continue,
            head.upgrade,
            head.asks_core,
            head.host(bytes.as_bytes()),
        ),
        other => format!("{other:?}"),
    }
}

#[test]
fn a_field_steers_by_its_whole_name_in_any_case_and_by_no_other() {
    for method in ["POST", "PUT"] {
        for (name, value, others) in [
            ("host", "a", ""),
            ("expect", "x", ""),
            ("expect", "100-continue", "Content-Length: 1\r\n"),
            ("upgrade", "x", "Connection: upgrade\r\n"),
            ("connection", "close", ""),
            ("connection", "upgrade", "Upgrade: x\r\n"),
            ("content-length", "3", ""),
            ("transfer-encoding", "chunked", ""),
            ("x-ringgate-core", "", ""),
        ] {
            let of = |name: &str| {
                let field = format!("{name}: {value}\r\n");
                let before = meaning(method, &format!("{field}{others}"));
                let behind = meaning(method, &format!("{others}{field}"));
                assert_eq!(before, behind, "{name}");
                before
            };
            let (without, with) = (meaning(method, others), of(name));
            assert_ne!(with, without, "{name} steers nothing");
            let mixed = |at: usize| -> String {
                let letters = name.chars().enumerate();
                let letters = letters.map(|(place, letter)| match place % 2 == at {
                    true => letter.to_ascii_uppercase(),
                    false => letter,
                });
                letters.collect()
            };
            for written in [name.to_uppercase(), mixed(0), mixed(1)] {
                assert_eq!(of(&written), with, "{written}");
            }
            for at in 0..name.len() {
                for other in ['q', 'z', '-', '0', '~'] {
                    let mut written = name.to_owned();
                    written.replace_range(at..=at, &other.to_string());
                    if written != name {
                        assert_eq!(of(&written), without, "{written}");
                    }
                }
                let mut shorter = name.to_owned();
                shorter.remove(at);
                assert_eq!(of(&shorter), without, "{shorter}");
                let mut longer = name.to_owned();
                longer.insert(at, 'q');
                assert_eq!(of(&longer), without, "{longer}");
            }
        }
    }
}

#[test]
fn what_steers_is_read_beside_whatever_else_steers() {
    // Each of the fields, or none of it, with each of the others.
    for (length, framing) in [
        ("", BodyFraming::None),
        ("Content-Length: 7\r\n", BodyFraming::Length(7)),
        ("Transfer-Encoding: chunked\r\n", BodyFraming::Chunked),
    ] {
        for (connection, is_kept, is_option) in [
            ("", true, false),
            ("Connection: close\r\n", false, false),
            ("Connection: upgrade\r\n", true, true),
            ("Connection: updates\r\n", true, false),
            ("Connection: keep-alive, Upgrade\r\n", true, true),
            ("Connection: upgrade\r\nConnection: close\r\n", false, true),
        ] {
            for upgrade in ["", "Upgrade: x\r\n"] {
                for expect in ["", "Expect: 100-continue\r\n"] {
                    for core in ["", "X-Ringgate-Core: 1\r\n"] {
                        let fields = format!("{length}{connection}{upgrade}{expect}{core}");
                        for method in ["POST", "PUT"] {
                            let bytes = format!("{method} / HTTP/1.1\r\nHost: h\r\n{fields}\r\n");
                            let head = head(bytes.as_bytes());
                            let has_body = framing != BodyFraming::None;
                            let found = (head.framing, head.keep_alive, head.expect_continue);
                            let expects = has_body && !expect.is_empty();
                            assert_eq!(found, (framing, is_kept, expects), "{fields}");
                            let found = (head.upgrade, head.asks_core);
                            let upgrades = is_option && !upgrade.is_empty();
                            assert_eq!(found, (upgrades, !core.is_empty()), "{fields}");
                        }
                    }
                }
            }
        }
    }
}

#[test]
fn a_list_has_its_elements_between_commas_and_may_have_empty_ones() {
    for method in ["POST", "PUT"] {
        for (value, is_kept) in [
            ("close", false),
            ("CLOSE", false),
            (",close", false),
            ("close,", false),
            (" , ,close,\t, ", false),
            ("a,close,b", false),
            ("a\t,\tclose\t", false),
            ("", true),
            (",", true),
            ("a close", true),
            ("close b", true),
            ("clos", true),
            ("closed", true),
            ("xclose", true),
            ("clove", true),
            ("\"close\"", true),
        ] {
            let bytes = format!("{method} / HTTP/1.1\r\nHost: h\r\nConnection: {value}\r\n\r\n");
            assert_eq!(head(bytes.as_bytes()).keep_alive, is_kept, "{value}");
        }
    }
}

#[test]
fn the_usual_limits_are_those_that_are_documented() {
    let usual = HeadLimits {
        head_size: 16_384,
        head_count: 100,
        uri_size: 8192,
    };
    assert_eq!(HeadLimits::default(), usual);
    let most = HeadLimits {
        head_size: usize::MAX,
        head_count: usize::MAX,
        uri_size: usize::MAX,
    };
    // A head of 64 KiB less one byte has no room for another.
    for (size, expected) in [(65_535, None), (65_536, Some(431)), (65_537, Some(431))] {
        for method in ["GET", "PUT"] {
            let front = format!("{method} / HTTP/1.1\r\nHost: h\r\nX: ");
            let value = "y".repeat(size - front.len() - 4);
            let parsed = parse_head(format!("{front}{value}\r\n\r\n").as_bytes(), &most);
            let status = parsed.err().map(|refusal| refusal.status.as_u16());
            assert_eq!(status, expected, "{method} of {size}");
        }
    }
    for (length, expected) in [(1, None), (32, None), (33, Some(501)), (500, Some(501))] {
        let bytes = format!("{}{}", "M".repeat(length), " / HTTP/1.1\r\nHost: h\r\n\r\n");
        let parsed = parse_head(bytes.as_bytes(), &most);
        let status = parsed.err().map(|refusal| refusal.status.as_u16());
        assert_eq!(status, expected, "{length}");
    }
    for (lines, expected) in [
        (0, None),
        (1, None),
        (4, None),
        (5, Some(400)),
        (9, Some(400)),
    ] {
        let bytes = format!("{}HEAD / HTTP/1.1\r\nHost: h\r\n\r\n", "\r\n".repeat(lines));
        let parsed = parse_head(bytes.as_bytes(), &most);
        let status = parsed.err().map(|refusal| refusal.status.as_u16());
        assert_eq!(status, expected, "{lines}");
        for cut in 0..bytes.len().min(8) {
            let front = parse_head(&bytes.as_bytes()[..cut], &most);
            assert_eq!(front, Ok(Parse::Partial), "{lines} cut at {cut}");
        }
    }
}

#[test]
fn each_refusal_of_a_head_says_what_is_wrong_and_who_is_at_fault() {
    let of = |text: &str| {
        let limits = HeadLimits {
            head_size: 200,
            head_count: 3,
            uri_size: 20,
        };
        let refusal = parse_head(text.as_bytes(), &limits).expect_err(text);
        assert!(!refusal.to_head, "{text}");
        // The same for a HEAD, whose answer has no body then.
        let text = text.strip_prefix("GET ").map(|rest| format!("HEAD {rest}"));
        if let Some(text) = text {
            let again = parse_head(text.as_bytes(), &limits).expect_err(&text);
            assert_eq!(again, refusal.of_head(true), "{text}");
        }
        refusal
    };
    let field =
        |line: &str| of(&format!("GET / HTTP/1.1\r\nHost: h\r\n{line}\r\n\r\n")).to_string();
    let target = |target: &str| of(&format!("{target}{END}")).to_string();
    let bare = "400: A line ends with a bare LF.";
    let lone = "400: A CR stands without its LF.";
    let percent = "400: The request target holds a byte that must be percent-encoded.";
    let too_long = "414: The request target is too long.";
    let too_large = "431: The request head is too large or has too many fields.";
    let version = "400: The request line does not end with HTTP/1.1.";
    let folded =
        "400: A field line is malformed: its name holds a forbidden byte, or the line is folded.";
    let control = "400: A field value holds a control byte.";
    let connect = "400: CONNECT needs a target of the form host:port.";
    let authority = "400: The authority of the request target is malformed.";
    let none = "400: The request target is neither a path, an http URI, an authority nor *.";
    let number = "400: Content-Length is not one decimal number.";
    let host = "400: The Host field is not a host and optional port.";
    let not_last = "400: In Transfer-Encoding, chunked is not last.";
    let both = "400: The request has both Content-Length and Transfer-Encoding.";
    let y = |times: usize| "y".repeat(times);
    for (found, expected) in [
        (
            of(&"\r\n".repeat(5)).to_string(),
            "400: There are too many empty lines before the request line.",
        ),
        (of("\nGET").to_string(), bare),
        (of("\r\n\nGET").to_string(), bare),
        (of("GET / HTTP/1.1\nHost: h\r\n\r\n").to_string(), bare),
        (of("\rGET").to_string(), lone),
        (of("\r\n\rGET").to_string(), lone),
        (of("M\u{1}").to_string(), "400: The method is not a token."),
        (
            of("GET /\u{1}").to_string(),
            "400: The request line is malformed.",
        ),
        (of(&format!("{} /", y(200))).to_string(), too_large),
        (
            of(&format!("{} /{END}", y(33))).to_string(),
            "501: The method is longer than any this server implements.",
        ),
        (of(&format!("GET /{}", y(20))).to_string(), too_long),
        (of(&format!("PUT /{}{END}", y(20))).to_string(), too_long),
        (
            of(&format!("GET /{} HTTP/1.2\r\n", y(20))).to_string(),
            too_long,
        ),
        (of(&format!("GET /{}\u{1}", y(20))).to_string(), too_long),
        (
            of(&format!("GET / HTTP/1.1\r\nX: {}", y(200))).to_string(),
            too_large,
        ),
        (field("a: b\r\nc: d\r\ne: f"), too_large),
        (
            of("GET / HTTP/1.1X").to_string(),
            "400: A line does not end with CRLF.",
        ),
        (
            of("GET / HTTP/2.0\r\n").to_string(),
            &*http2_refusal().to_string(),
        ),
        (of("GET / HTTP/1.x\r\n").to_string(), version),
        (of("GET / http/1.1\r\n").to_string(), version),
        (field("X y"), folded),
        (field("X\u{e9}: y"), folded),
        (field("X: y\r\n z"), folded),
        (field("X: y\u{1}z"), control),
        (field("X: y\u{7f}z"), control),
        (
            field("Host: h"),
            "400: The request has more than one Host field.",
        ),
        (of("GET / HTTP/1.1\r\nHost: h h\r\n\r\n").to_string(), host),
        (
            of("GET / HTTP/1.1\r\n\r\n").to_string(),
            "400: An HTTP/1.1 request needs a Host field.",
        ),
        (field("Content-Length: x"), number),
        (field("Content-Length: 5, 5"), number),
        (
            field("Content-Length: 18446744073709551616"),
            "400: Content-Length is larger than any body can be.",
        ),
        (field("Content-Length:"), "400: Content-Length is empty."),
        (
            field("Content-Length: 5\r\nContent-Length: 5"),
            "400: The request has more than one Content-Length.",
        ),
        (
            field("Transfer-Encoding: chunked,"),
            "400: Transfer-Encoding has an empty element.",
        ),
        (field("Transfer-Encoding: chunked, gzip"), not_last),
        (field("Transfer-Encoding: gzip"), not_last),
        (
            field("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked"),
            not_last,
        ),
        (
            field("Transfer-Encoding: chunked\r\nContent-Length: 5"),
            both,
        ),
        (
            of("GET / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n").to_string(),
            "400: HTTP/1.0 has no Transfer-Encoding.",
        ),
        (
            field("Transfer-Encoding: gzip, chunked"),
            "501: The only transfer coding this server understands is chunked.",
        ),
        (
            field("Expect: x"),
            "417: The only expectation this server meets is 100-continue.",
        ),
        (target("CONNECT /"), connect),
        (target("CONNECT h"), connect),
        (target("GET /a#b"), percent),
        (target("GET /a?b#c"), percent),
        (target("GET http://h/a#b"), percent),
        (target("GET *"), "400: The target * is for OPTIONS only."),
        (target("GET a"), none),
        (target("GET ftp://h/"), none),
        (target("GET http://"), authority),
        (target("GET http://:80/"), authority),
        (target("GET http://u@h/"), authority),
    ] {
        assert_eq!(found, expected);
    }
    let guilty = |text: &str| of(text).guilty;
    for server in [
        "GET / HTTP/2.0\r\n",
        "GET / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: x, chunked\r\n\r\n",
    ] {
        assert_eq!(guilty(server), Peer::Server, "{server}");
    }
    for client in ["GET / HTTP/1.1\r\n\r\n", "GET / http/1.1\r\n", "GET *\u{1}"] {
        assert_eq!(guilty(client), Peer::Client, "{client}");
    }
}

#[test]
fn a_target_is_as_long_as_the_bytes_that_it_may_hold() {
    let limits = HeadLimits {
        uri_size: 3,
        ..HeadLimits::default()
    };
    let status = |text: &str| {
        let parsed = parse_head(text.as_bytes(), &limits);
        parsed.err().map(|refusal| refusal.status.as_u16())
    };
    for method in ["GET", "PUT"] {
        for (target, expected) in [
            ("/", None),
            ("/aa", None),
            ("/?a", None),
            ("/aaa", Some(414)),
            ("/?aa", Some(414)),
            ("/a?aaaaaa", Some(414)),
        ] {
            assert_eq!(status(&format!("{method} {target}")), expected, "{target}");
            assert_eq!(
                status(&format!("{method} {target}{END}")),
                expected,
                "{target}"
            );
        }
        // What no target may hold ends it, and is what is wrong.
        for byte in ["\u{1}", "\u{7f}", "\t"] {
            assert_eq!(
                status(&format!("{method} /a{byte}aaaaaaaa")),
                Some(400),
                "{byte:?}"
            );
        }
        assert_eq!(status(&format!("{method} /a aaaaaaaa")), Some(400));
    }
}

#[test]
fn a_version_is_refused_as_soon_as_it_is_whole() {
    let limits = HeadLimits::default();
    for (version, expected) in [("HTTP/2.0", 505), ("HTTP/3.1", 505), ("HTTP/0.9", 505)] {
        let text = format!("GET / {version}\r\n\r\n");
        for end in 0..text.len() {
            let found = parse_head(&text.as_bytes()[..end], &limits);
            match end < "GET / HTTP/0.0".len() {
                true => assert_eq!(found, Ok(Parse::Partial), "{end} of {text:?}"),
                false => assert_eq!(found.expect_err("refused").status, expected),
            }
        }
    }
    let refusal = http2_refusal();
    assert_eq!(
        (refusal.status.as_u16(), refusal.guilty),
        (505, Peer::Server)
    );
    assert_eq!(
        refusal.to_string(),
        "505: This server speaks HTTP/1.1 and HTTP/1.0 on this port."
    );
}

#[test]
fn a_refusal_is_of_the_side_that_broke_the_rule() {
    let status = http::StatusCode::IM_A_TEAPOT;
    for (refusal, status, guilty) in [
        (Refusal::bad_request("Why."), 400, Peer::Client),
        (Refusal::client(status, "Why."), 418, Peer::Client),
        (Refusal::server(status, "Why."), 418, Peer::Server),
    ] {
        assert_eq!((refusal.status.as_u16(), refusal.guilty), (status, guilty));
        assert_eq!(refusal.to_string(), format!("{status}: Why."));
        assert!(!refusal.to_head && refusal.of_head(true).to_head);
        assert!(!refusal.of_head(true).of_head(false).to_head);
    }
}

#[test]
fn the_front_of_a_line_is_looked_at_again_once_a_limit_is_reached() {
    use ringgate::http1::head::parse_head_after;
    let limits = HeadLimits {
        head_size: 40,
        head_count: 3,
        uri_size: 30,
    };
    // Of bytes without the end of a line, those that were seen are not looked at again below the limits.
    let text = format!("GET /{}", "a".repeat(60));
    for end in 2..60 {
        let found = parse_head_after(&text.as_bytes()[..end], end - 1, &limits);
        let found = found.map_err(|refusal| refusal.status.as_u16());
        let expected = match end - "GET ".len().min(end) > 30 {
            true => Err(414),
            false => Ok(Parse::Partial),
        };
        assert_eq!(found, expected, "{end}");
    }
    // The limit on the head, whether the one on the target is lower or higher.
    let text = format!("GET / HTTP/1.1\r\nHost: h\r\nX: {}", "a".repeat(60));
    for uri_size in [30, 39, 40, 41, 8192] {
        let limits = HeadLimits { uri_size, ..limits };
        for end in 30..60 {
            let found = parse_head_after(&text.as_bytes()[..end], end - 1, &limits);
            let found = found.map_err(|refusal| refusal.status.as_u16());
            let expected = match end >= 40 {
                true => Err(431),
                false => Ok(Parse::Partial),
            };
            assert_eq!(found, expected, "{end} with {uri_size}");
        }
    }
    // A fault that was seen before is found with the end of its line, and one that was not at once.
    let wrong = b"G@T / HTTP/1.1\r\n";
    assert!(parse_head(&wrong[..3], &limits).is_err());
    for end in 4..wrong.len() {
        let found = parse_head_after(&wrong[..end], end - 1, &limits);
        assert_eq!(found, Ok(Parse::Partial), "{end}");
    }
    assert!(parse_head_after(wrong, wrong.len() - 1, &limits).is_err());
}
