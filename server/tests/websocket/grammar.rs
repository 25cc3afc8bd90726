//! The grammar of a handshake's fields, each byte and each value of it; and what a refusal says.

use crate::handshakes::{FORGETFUL, USUAL, compressing, judge_get, judge_line, with};
use http::{Method, Version};
use ringgate::websocket::deflate::Compression;
use ringgate::websocket::handshake::list::{Malformed, offers};
use ringgate::websocket::handshake::{Accept, Asked, Declined, Policy, judge};

/// Judges the usual GET with this field beside, whatever bytes are in it.
fn judge_field<'p>(name: &str, value: &[u8], policy: &'p Policy) -> Result<Accept<'p>, Declined> {
    let asked = Asked {
        method: &Method::GET,
        version: Version::HTTP_11,
        host: "server.example",
        protocol: None,
        has_body: false,
    };
    let usual = USUAL.iter().map(|(name, value)| (*name, value.as_bytes()));
    judge(&asked, usual.chain([(name, value)]), policy)
}

/// Whether a byte may stand in a token (RFC 9110 section 5.6.2).
fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

#[test]
fn the_name_of_a_subprotocol_has_the_bytes_of_a_token() {
    let policy = Policy::default();
    for byte in 0..=u8::MAX {
        let name = [b'a', byte, b'b'];
        let is_sound = judge_field("Sec-WebSocket-Protocol", &name, &policy).is_ok();
        // A comma stands between two names.
        let expected = is_token_byte(byte) || byte == b',';
        assert_eq!(is_sound, expected, "{byte:#x}");
    }
}

#[test]
fn names_and_values_of_an_extension_have_the_bytes_of_tokens() {
    let is_sound = |text: &[u8]| offers(text).all(|offer| offer.is_ok());
    for byte in 0..=u8::MAX {
        let with = |front: &[u8], back: &[u8]| is_sound(&[front, &[byte], back].concat());
        let is_token = is_token_byte(byte);
        // What stands between tokens: a comma between offers, a semicolon before a parameter, an equals sign
        // before a value.
        let name = is_token || matches!(byte, b',' | b';');
        assert_eq!(with(b"a", b"b"), name, "{byte:#x} in a name");
        let param = name || byte == b'=';
        assert_eq!(with(b"a; b", b"c"), param, "{byte:#x} in a parameter");
        let value = name;
        assert_eq!(with(b"a; b=c", b"d"), value, "{byte:#x} in a value");
        assert_eq!(
            with(b"a; b=\"c", b"d\""),
            is_token || byte == b'\\',
            "{byte:#x} in quotes"
        );
        assert_eq!(
            with(b"a; b=\"c\\", b"d\""),
            is_token,
            "{byte:#x} behind a backslash"
        );
    }
}

#[test]
fn an_offer_has_its_parameters_in_order() {
    let list: &[u8] = b" , one,two ;a ; b = 1;c=\"2\" , three;d=\"\\3\\4\"\t,four; ee=x-y,";
    let found = offers(list).map(|offer| {
        let offer = offer.expect("a sound offer");
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("text");
        let params = offer
            .params()
            .map(|(name, value)| (text(name), value.map(|value| value.number())));
        (text(offer.name), params.collect::<Vec<_>>())
    });
    let param = |name: &str, value| (name.to_owned(), value);
    let expected = [
        ("one".to_owned(), vec![]),
        (
            "two".to_owned(),
            vec![
                param("a", None),
                param("b", Some(Some(1))),
                param("c", Some(Some(2))),
            ],
        ),
        ("three".to_owned(), vec![param("d", Some(Some(34)))]),
        ("four".to_owned(), vec![param("ee", Some(None))]),
    ];
    assert_eq!(found.collect::<Vec<_>>(), expected);
}

#[test]
fn an_offer_that_is_cut_or_has_holes_is_malformed() {
    for text in [
        ";",
        "a;",
        "a; ",
        "a;;b",
        "a;b;",
        "a; =",
        "a; b=",
        "a; b= ",
        "a; b=\"",
        "a; b=\"\"",
        "a; b=\"c\\\"",
        "a; b=\"c\\\\\"",
        "a; b=c\"",
        "a; b=\"c\"d",
        "a; b=\\c",
        "a; b=c=d",
        "a b",
        "a; b c",
        "\"a\"",
    ] {
        let found: Vec<Result<(), Malformed>> = offers(text.as_bytes())
            .map(|offer| offer.map(|_| ()))
            .collect();
        assert!(matches!(found[..], [Err(_)]), "{text}: {found:?}");
    }
}

#[test]
fn a_number_has_up_to_three_digits_and_no_zero_in_front() {
    let number = |value: &str| {
        let offer = format!("a; b={value}");
        let offer = offers(offer.as_bytes()).next().expect("an offer");
        let (_, value) = offer.expect("sound").params().next().expect("a parameter");
        value.expect("a value").number()
    };
    for written in 1..=1000u32 {
        let expected = u8::try_from(written).ok();
        assert_eq!(number(&written.to_string()), expected);
        assert_eq!(number(&format!("\"{written}\"")), expected);
        assert_eq!(number(&format!("0{written}")), None);
        let escaped: String = written
            .to_string()
            .chars()
            .map(|digit| format!("\\{digit}"))
            .collect();
        assert_eq!(number(&format!("\"{escaped}\"")), expected);
    }
    for text in [
        "0", "00", "\"0\"", "x", "1x", "x1", "-1", "+1", "1.0", "\"\\x\"",
    ] {
        assert_eq!(number(text), None, "{text}");
    }
}

/// What is answered to an offer with these parameters.
fn answer(params: &str, policy: &Policy) -> Option<String> {
    let value = format!("permessage-deflate{params}");
    let accept = judge_field("Sec-WebSocket-Extensions", value.as_bytes(), policy);
    let terms = accept.expect("accepted").compression;
    terms.map(|terms| terms.to_string())
}

#[test]
fn the_window_is_the_smaller_one_of_what_is_asked_for_and_what_is_offered() {
    assert_eq!(
        Compression::default(),
        Compression {
            keeps_context: false,
            window_bits: 15
        }
    );
    for own in 0..=20u8 {
        let policy = compressing(false, own);
        // The compressor has windows of 2^9 to 2^15 bytes.
        let offered = own.clamp(9, 15);
        let said = match offered {
            15 => FORGETFUL.to_owned(),
            smaller => format!("{FORGETFUL}; server_max_window_bits={smaller}"),
        };
        assert_eq!(answer("", &policy), Some(said.clone()), "{own}");
        for bits in 0..=20u8 {
            let asked = format!("; server_max_window_bits={bits}");
            let smaller = offered.min(bits);
            let expected = format!("{FORGETFUL}; server_max_window_bits={smaller}");
            // RFC 7692 section 7.1.2.1 has windows from 2^8, of which the smallest is not to be had here.
            let expected = (9..=15).contains(&bits).then_some(expected);
            assert_eq!(answer(&asked, &policy), expected, "{bits} of {own}");
            let could = format!("; client_max_window_bits={bits}");
            let expected = (8..=15).contains(&bits).then_some(said.clone());
            assert_eq!(answer(&could, &policy), expected, "{bits} of {own}");
        }
    }
}

#[test]
fn a_context_is_kept_where_the_server_is_told_to_and_the_client_does_not_forbid_it() {
    for keeps_context in [false, true] {
        for server in [false, true] {
            for client in [false, true] {
                let mut params = String::new();
                let mut said = "permessage-deflate".to_owned();
                if server {
                    params += "; server_no_context_takeover";
                }
                if client {
                    params += "; client_no_context_takeover";
                }
                if server || !keeps_context {
                    said += "; server_no_context_takeover";
                }
                if client || !keeps_context {
                    said += "; client_no_context_takeover";
                }
                let policy = compressing(keeps_context, 15);
                assert_eq!(answer(&params, &policy), Some(said), "{params}");
                let value = format!("Permessage-Deflate{params}");
                let accept = judge_field("sec-websocket-extensions", value.as_bytes(), &policy);
                let terms = accept.expect("accepted").compression.expect("agreed");
                let keeps = (terms.server_keeps, terms.client_keeps);
                let expected = (keeps_context && !server, keeps_context && !client);
                assert_eq!(keeps, expected);
                assert_eq!(terms.keeps_context(), expected.0 || expected.1);
            }
        }
    }
}

/// A refusal as it is written, and its fields.
fn told(found: Result<Accept<'_>, Declined>) -> String {
    let declined = found.expect_err("not refused");
    let mut told = declined.to_string();
    for (name, value) in declined.fields {
        told += &format!(" [{name}: {}]", value.to_str().expect("text"));
    }
    told
}

#[test]
fn a_refusal_says_what_is_wrong_and_what_would_be_right() {
    let policy = compressing(false, 15);
    let get = "GET /chat HTTP/1.1";
    let without = |left_out: &str| -> Vec<_> {
        let usual = USUAL.iter().filter(|(name, _)| *name != left_out);
        usual.copied().collect()
    };
    let version = "[upgrade: websocket] [sec-websocket-version: 13]";
    let twice = "400: Origin, Sec-WebSocket-Key or Sec-WebSocket-Version stands more than once.";
    let origin = [("Origin", "http://server.example:8080")];
    for (line, fields, expected) in [
        (
            get,
            without("Upgrade"),
            &*format!(
                "426: A WebSocket is served here; ask for it with Upgrade: websocket. {version}"
            ),
        ),
        (
            "PUT /chat HTTP/1.1",
            USUAL.to_vec(),
            "405: A WebSocket handshake is a GET. [allow: GET]",
        ),
        (
            "GET /chat HTTP/1.0",
            USUAL.to_vec(),
            "400: A WebSocket handshake needs HTTP/1.1 or HTTP/2.",
        ),
        (
            get,
            without("Connection"),
            "400: Connection does not name upgrade; a proxy on the way may have taken it out.",
        ),
        (
            get,
            without("Sec-WebSocket-Version"),
            "400: Sec-WebSocket-Version is missing; 13 is spoken here.",
        ),
        (
            get,
            with(&[("Sec-WebSocket-Version", "8")]),
            &format!("426: Version 13 of the WebSocket protocol is spoken here. {version}"),
        ),
        (
            get,
            without("Sec-WebSocket-Key"),
            "400: Sec-WebSocket-Key is missing.",
        ),
        (
            get,
            with(&[("Sec-WebSocket-Key", "QQ==")]),
            "400: Sec-WebSocket-Key is not 16 bytes in base64.",
        ),
        (get, [USUAL, &USUAL[2..3]].concat(), twice),
        (get, [USUAL, &USUAL[3..4]].concat(), twice),
        (get, [USUAL, &origin, &origin].concat(), twice),
        (
            get,
            with(&[("Content-Length", "3")]),
            "400: A WebSocket handshake has no body.",
        ),
        (
            get,
            with(&[("Origin", "http://other.example")]),
            "403: Pages of this origin may not connect; the server's list of origins decides.",
        ),
        (
            get,
            with(&[("Sec-WebSocket-Protocol", "a b")]),
            "400: Sec-WebSocket-Protocol is no list of tokens.",
        ),
        (
            get,
            with(&[("Sec-WebSocket-Extensions", "a b")]),
            "400: Sec-WebSocket-Extensions is no list of offers.",
        ),
    ] {
        assert_eq!(told(judge_line(line, &fields, &policy)), expected);
    }
    assert!(judge_get(&with(&origin), &policy).is_ok());
}

#[test]
fn a_refusal_of_an_extended_connect_names_no_field_of_http_1_1() {
    let policy = Policy::default();
    let version = ("sec-websocket-version", &b"13"[..]);
    let other = ("sec-websocket-version", &b"8"[..]);
    let ask = "400: A WebSocket is served here; ask for it with CONNECT and :protocol = websocket.";
    for (method, protocol, has_body, fields, expected) in [
        (
            Method::CONNECT,
            Some("WebSocket"),
            false,
            &[version][..],
            None,
        ),
        (Method::CONNECT, None, false, &[version], Some(ask)),
        (Method::GET, None, false, &[version], Some(ask)),
        (Method::GET, Some("websocket"), false, &[version], Some(ask)),
        (
            Method::CONNECT,
            Some("connect-udp"),
            false,
            &[version],
            Some("501: Of the protocols that CONNECT can ask for, websocket is served here."),
        ),
        (
            Method::CONNECT,
            Some("websocket"),
            false,
            &[other],
            Some(
                "400: Version 13 of the WebSocket protocol is spoken here. [sec-websocket-version: 13]",
            ),
        ),
        (
            Method::CONNECT,
            Some("websocket"),
            false,
            &[],
            Some("400: Sec-WebSocket-Version is missing; 13 is spoken here."),
        ),
        (
            Method::CONNECT,
            Some("websocket"),
            true,
            &[version],
            Some("400: A WebSocket handshake has no body."),
        ),
    ] {
        let asked = Asked {
            method: &method,
            version: Version::HTTP_2,
            host: "server.example",
            protocol,
            has_body,
        };
        let found = judge(&asked, fields.iter().copied(), &policy);
        match expected {
            Some(expected) => assert_eq!(told(found), expected),
            None => assert!(found.expect("accepted").fields().is_empty()),
        }
    }
}

#[test]
fn a_field_of_a_handshake_is_known_by_its_whole_name_in_any_case() {
    let policy = Policy {
        protocols: ["chat", "other"].map(str::to_owned).to_vec(),
        ..compressing(false, 15)
    };
    let asked = Asked {
        method: &Method::GET,
        version: Version::HTTP_11,
        host: "server.example",
        protocol: None,
        has_body: false,
    };
    let of = |fields: &[(&str, &str)]| {
        let fields = fields.iter();
        let fields = fields.map(|(name, value)| (*name, value.as_bytes()));
        format!("{:?}", judge(&asked, fields, &policy))
    };
    let mut all = USUAL.to_vec();
    all.extend([
        ("Origin", "http://server.example"),
        ("Sec-WebSocket-Protocol", "chat"),
        ("Sec-WebSocket-Extensions", "permessage-deflate"),
    ]);
    let sound = of(&all);
    assert!(sound.starts_with("Ok"), "{sound}");
    for (place, (name, value)) in all.iter().enumerate() {
        let mut rest = all.clone();
        rest.remove(place);
        let without = of(&rest);
        let beside = |name: &str, value: &str, fields: &[(&str, &str)]| {
            let front = of(&[&[(name, value)], fields].concat());
            let back = of(&[fields, &[(name, value)]].concat());
            assert_eq!(front, back, "{name}: {value}");
            front
        };
        for written in [name.to_lowercase(), name.to_uppercase()] {
            assert_eq!(beside(&written, value, &rest), sound, "{written}");
        }
        for at in 0..name.len() {
            let mut changed = (*name).to_owned();
            changed.replace_range(at..=at, "q");
            // It neither stands for the field nor counts beside it, with whatever value.
            assert_eq!(beside(&changed, value, &rest), without, "{changed}");
            for value in [*value, "other", "a b", "http://other.example"] {
                assert_eq!(beside(&changed, value, &all), sound, "{changed}: {value}");
            }
        }
    }
}

#[test]
fn a_list_of_tokens_is_looked_through_in_whole_elements() {
    let policy = Policy::default();
    for (name, token, status) in [
        ("Upgrade", "websocket", 426),
        ("Connection", "Upgrade", 400),
    ] {
        for (value, is_found) in [
            ("@", true),
            (",@", true),
            ("@,", true),
            (" , ,@,\t, ", true),
            ("a,@,b", true),
            ("a\t,\t@\t", true),
            ("a @", false),
            ("@ b", false),
            ("x@", false),
            ("@x", false),
            ("\"@\"", false),
            ("@/13", false),
            (",", false),
        ] {
            let value = value.replace('@', token);
            let mut fields = USUAL.to_vec();
            for field in &mut fields {
                if field.0 == name {
                    field.1 = &value;
                }
            }
            let found = judge_line("GET /chat HTTP/1.1", &fields, &policy);
            let found = found.err().map(|declined| declined.status.as_u16());
            assert_eq!(found, (!is_found).then_some(status), "{name}: {value}");
        }
    }
}

#[test]
fn the_first_subprotocol_and_the_first_offer_that_are_known_are_taken_from_all_lines() {
    let policy = Policy {
        protocols: ["one", "two", "three"].map(str::to_owned).to_vec(),
        ..compressing(false, 15)
    };
    let protocol = "Sec-WebSocket-Protocol";
    let extensions = "Sec-WebSocket-Extensions";
    for (fields, chosen, window) in [
        (&[][..], None, None),
        (&[(protocol, "four")], None, None),
        (&[(protocol, "three, one")], Some("three"), None),
        (&[(protocol, "two"), (protocol, "one")], Some("two"), None),
        (&[(protocol, "four"), (protocol, "one")], Some("one"), None),
        (&[(extensions, "x")], None, None),
        (
            &[
                (
                    extensions,
                    "x, permessage-deflate; server_max_window_bits=8",
                ),
                (extensions, "permessage-deflate; server_max_window_bits=11"),
                (extensions, "permessage-deflate"),
            ],
            None,
            Some(11),
        ),
        (
            &[
                (
                    extensions,
                    "permessage-deflate, permessage-deflate; server_max_window_bits=9",
                ),
                (protocol, "two, three"),
            ],
            Some("two"),
            Some(15),
        ),
    ] {
        let accept = judge_get(&[USUAL, fields].concat(), &policy).expect("accepted");
        assert_eq!(accept.protocol, chosen, "{fields:?}");
        let bits = accept.compression.map(|terms| terms.server_bits);
        assert_eq!(bits, window, "{fields:?}");
        let names: Vec<_> = accept.fields().into_iter().map(|(name, _)| name).collect();
        let mut expected = vec![http::header::SEC_WEBSOCKET_ACCEPT];
        expected.extend(chosen.map(|_| http::header::SEC_WEBSOCKET_PROTOCOL));
        expected.extend(window.map(|_| http::header::SEC_WEBSOCKET_EXTENSIONS));
        assert_eq!(names, expected);
    }
}
