//! The access log as JSON: one object a line, with the fields that were chosen, in their order.
//!
//! Pure. Every line is valid JSON in UTF-8 (RFC 8259), whatever bytes a client sent: those that are no UTF-8 become
//! U+FFFD. A field that does not apply is `null`, so that all lines have the same keys.

use super::combined::{number, plain_length};
use super::record::{Record, RequestLine};
use crate::config::AccessField;
use std::time::Duration;

/// A field, and what stands before its value.
#[derive(Debug, Clone)]
pub(super) struct Member {
    pub(super) field: AccessField,
    before: Box<str>,
}

/// The members of an object that are these fields.
pub(super) fn members(fields: &[AccessField]) -> Vec<Member> {
    let member = |(at, field): (usize, &AccessField)| Member {
        field: *field,
        before: format!("{}\"{}\":", if at == 0 { '{' } else { ',' }, field.word()).into(),
    };
    fields.iter().enumerate().map(member).collect()
}

/// Appends the line of a request, without its end.
pub(super) fn write(record: &Record<'_>, members: &[Member], out: &mut Vec<u8>) {
    for Member { field, before } in members {
        out.extend_from_slice(before.as_bytes());
        write_field(record, *field, out);
    }
    out.push(b'}');
}

fn write_field(record: &Record<'_>, field: AccessField, out: &mut Vec<u8>) {
    match field {
        AccessField::Time => time(record, out),
        AccessField::RemoteAddr => string(record.remote.as_bytes(), out),
        AccessField::RemotePort => match record.port {
            0 => null(out),
            port => number(port.into(), out),
        },
        AccessField::Request => request_line(record.line, out),
        AccessField::Method | AccessField::Target | AccessField::Protocol => {
            optional(part_of(record.line, field), out);
        }
        AccessField::Host => optional(record.host, out),
        AccessField::Status => number(record.status.into(), out),
        AccessField::Bytes => number(record.bytes, out),
        AccessField::Referer => optional(record.referer, out),
        AccessField::UserAgent => optional(record.user_agent, out),
        AccessField::FirstByte => match record.first_byte {
            Some(time) => seconds(time, out),
            None => null(out),
        },
        AccessField::Duration => seconds(record.duration, out),
        AccessField::Queue => seconds(record.queue, out),
        AccessField::Core => number(record.core.into(), out),
        AccessField::Connection => number(record.connection, out),
        AccessField::ConnectionRequests => number(record.request.into(), out),
        AccessField::Stream => match record.stream {
            Some(stream) => number(stream.into(), out),
            None => null(out),
        },
        AccessField::RequestId => optional(record.id, out),
        AccessField::Tls => optional(record.tls.map(|(version, _)| version.as_bytes()), out),
        AccessField::Cipher => optional(record.tls.map(|(_, cipher)| cipher.as_bytes()), out),
        AccessField::Route => optional(record.route.map(str::as_bytes), out),
        AccessField::Reason => optional(record.reason.map(str::as_bytes), out),
        AccessField::Aborted => {
            let word: &[u8] = if record.aborted { b"true" } else { b"false" };
            out.extend_from_slice(word);
        }
    }
}

/// A part of a first line; None if it is none.
fn part_of<'r>(line: RequestLine<'r>, field: AccessField) -> Option<&'r [u8]> {
    match (line, field) {
        (RequestLine::Parsed { method, .. }, AccessField::Method) => Some(method),
        (RequestLine::Parsed { target, .. }, AccessField::Target) => Some(target),
        (RequestLine::Parsed { protocol, .. }, _) => Some(protocol.as_bytes()),
        (RequestLine::Raw(_), _) => None,
    }
}

fn request_line(line: RequestLine<'_>, out: &mut Vec<u8>) {
    out.push(b'"');
    match line {
        RequestLine::Parsed {
            method,
            target,
            protocol,
        } => {
            text(method, out);
            out.push(b' ');
            text(target, out);
            out.push(b' ');
            text(protocol.as_bytes(), out);
        }
        RequestLine::Raw(b"") => out.push(b'-'),
        RequestLine::Raw(line) => text(line, out),
    }
    out.push(b'"');
}

fn time(record: &Record<'_>, out: &mut Vec<u8>) {
    out.push(b'"');
    out.extend_from_slice(record.time.iso.as_bytes());
    out.push(b'.');
    digits::<3>(record.millis.into(), out);
    out.extend_from_slice(b"Z\"");
}

/// Seconds, with their millionths.
fn seconds(time: Duration, out: &mut Vec<u8>) {
    number(time.as_secs(), out);
    out.push(b'.');
    digits::<6>(time.subsec_micros(), out);
}

/// A number in so many digits.
fn digits<const COUNT: usize>(number: u32, out: &mut Vec<u8>) {
    let mut text = [b'0'; COUNT];
    let mut rest = number;
    for digit in text.iter_mut().rev() {
        *digit = b'0' + (rest % 10) as u8;
        rest /= 10;
    }
    out.extend_from_slice(&text);
}

fn null(out: &mut Vec<u8>) {
    out.extend_from_slice(b"null");
}

fn optional(bytes: Option<&[u8]>, out: &mut Vec<u8>) {
    match bytes {
        Some(bytes) => string(bytes, out),
        None => null(out),
    }
}

fn string(bytes: &[u8], out: &mut Vec<u8>) {
    out.push(b'"');
    text(bytes, out);
    out.push(b'"');
}

/// Appends what stands within a string.
fn text(bytes: &[u8], out: &mut Vec<u8>) {
    match plain_length(bytes) == bytes.len() {
        true => out.extend_from_slice(bytes),
        false => escaped(bytes, out),
    }
}

#[cold]
fn escaped(bytes: &[u8], out: &mut Vec<u8>) {
    for chunk in bytes.utf8_chunks() {
        for character in chunk.valid().chars() {
            match character {
                '"' => out.extend_from_slice(b"\\\""),
                '\\' => out.extend_from_slice(b"\\\\"),
                // Everything that is spelled out lies in the basic plane, so four digits do.
                _ if steers(character) => {
                    out.extend_from_slice(format!("\\u{:04x}", u32::from(character)).as_bytes());
                }
                _ => {
                    let mut room = [0; 4];
                    out.extend_from_slice(character.encode_utf8(&mut room).as_bytes());
                }
            }
        }
        if !chunk.invalid().is_empty() {
            out.extend_from_slice("\u{fffd}".as_bytes());
        }
    }
}

/// Control characters, the two line ends of Unicode, and what reorders the text around it.
fn steers(character: char) -> bool {
    match character {
        '\u{2028}' | '\u{2029}' | '\u{200e}' | '\u{200f}' | '\u{061c}' => true,
        '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => true,
        character => character.is_control(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::record;
    use super::*;
    use proptest::prelude::*;
    use serde_json::{Value, json};

    fn value(record: &Record<'_>, fields: &[AccessField]) -> Value {
        let mut out = Vec::new();
        write(record, &members(fields), &mut out);
        let text = std::str::from_utf8(&out).expect("a line is UTF-8");
        assert!(!text.contains(['\n', '\r']), "{text}");
        serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
    }

    #[test]
    fn a_line_has_every_field() {
        assert_eq!(
            value(&record(), AccessField::ALL),
            json!({
                "time": "1994-11-06T08:49:37.042Z",
                "remote_addr": "192.0.2.7",
                "remote_port": 4711,
                "request": "GET /a?b=c HTTP/1.1",
                "method": "GET",
                "target": "/a?b=c",
                "protocol": "HTTP/1.1",
                "host": "example.com",
                "status": 200,
                "bytes": 2326,
                "referer": "http://example.com/",
                "user_agent": "Mozilla/5.0 (X11)",
                "first_byte": 0.000_25,
                "duration": 1.5,
                "queue": 0.25,
                "core": 3,
                "connection": 99,
                "connection_requests": 2,
                "stream": null,
                "request_id": "Root=1-67891233-abc",
                "tls": "TLSv1.3",
                "cipher": "TLS13_AES_128_GCM_SHA256",
                "route": "GET /a",
                "reason": null,
                "aborted": false,
            })
        );
    }

    #[test]
    fn the_chosen_fields_stand_in_their_order() {
        let mut out = Vec::new();
        let chosen = [AccessField::Status, AccessField::Method];
        write(&record(), &members(&chosen), &mut out);
        assert_eq!(out, br#"{"status":200,"method":"GET"}"#);
    }

    #[test]
    fn a_first_line_that_is_none_has_no_parts() {
        let fields = [
            AccessField::Request,
            AccessField::Method,
            AccessField::Target,
            AccessField::Protocol,
        ];
        for (line, request) in [(&b"\x16\x03\x01\""[..], "\u{16}\u{3}\u{1}\""), (b"", "-")] {
            let record = Record {
                line: RequestLine::Raw(line),
                ..record()
            };
            let expected = json!({
                "request": request, "method": null, "target": null, "protocol": null,
            });
            assert_eq!(value(&record, &fields), expected);
        }
    }

    proptest! {
        #[test]
        fn a_line_is_json_whatever_bytes_a_client_sent(
            agent in proptest::collection::vec(any::<u8>(), 0..64),
        ) {
            let record = Record { user_agent: Some(&agent), ..record() };
            let raw = Record { line: RequestLine::Raw(&agent), ..record.clone() };
            value(&raw, AccessField::ALL);
            let read = value(&record, AccessField::ALL);
            let lossy = String::from_utf8_lossy(&agent);
            prop_assert_eq!(read["user_agent"].as_str(), Some(&*lossy));
        }
    }
}
