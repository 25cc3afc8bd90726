//! The Combined Log Format, as Apache httpd defined it and nginx writes it: the form that tools which read access
//! logs know.
//!
//! Pure. Bytes that are not visible ASCII, quotes and backslashes are written as `\xHH`, as nginx does, so that no
//! client can end a field or a line.

use super::record::{Record, RequestLine};
use crate::http1::scan::prefix_where;

const HEX: &[u8; 16] = b"0123456789ABCDEF";

/// Appends the line of a request, without its end.
pub(super) fn write(record: &Record<'_>, out: &mut Vec<u8>) {
    out.extend_from_slice(record.remote.as_bytes());
    out.extend_from_slice(b" - - [");
    out.extend_from_slice(record.time.common.as_bytes());
    out.extend_from_slice(b"] \"");
    match record.line {
        RequestLine::Parsed {
            method,
            target,
            protocol,
        } => {
            escape(method, out);
            out.push(b' ');
            escape(target, out);
            out.push(b' ');
            out.extend_from_slice(protocol.as_bytes());
        }
        RequestLine::Raw(line) => value(Some(line), out),
    }
    out.extend_from_slice(b"\" ");
    number(record.status.into(), out);
    out.push(b' ');
    number(record.bytes, out);
    out.extend_from_slice(b" \"");
    value(record.referer, out);
    out.extend_from_slice(b"\" \"");
    value(record.user_agent, out);
    out.push(b'"');
}

/// Appends a value, or the sign for one that is not there.
fn value(bytes: Option<&[u8]>, out: &mut Vec<u8>) {
    match bytes {
        Some(bytes) if !bytes.is_empty() => escape(bytes, out),
        _ => out.push(b'-'),
    }
}

pub(super) fn number(number: u64, out: &mut Vec<u8>) {
    out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
}

/// Bytes in front of the first that is not written as it is.
pub(super) fn plain_length(bytes: &[u8]) -> usize {
    let is_plain =
        |byte: u8| (byte.wrapping_sub(0x20) < 0x7f - 0x20) & (byte != b'"') & (byte != b'\\');
    match bytes.len() {
        // Methods, protocols, dashes.
        ..10 => bytes.iter().take_while(|byte| is_plain(**byte)).count(),
        _ => prefix_where(bytes, is_plain),
    }
}

fn escape(bytes: &[u8], out: &mut Vec<u8>) {
    let mut rest = bytes;
    loop {
        let at = plain_length(rest);
        if at == rest.len() {
            return out.extend_from_slice(rest);
        }
        out.extend_from_slice(&rest[..at]);
        let byte = rest[at];
        let digits = [HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]];
        out.extend_from_slice(b"\\x");
        out.extend_from_slice(&digits);
        rest = &rest[at + 1..];
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::record;
    use super::*;
    use proptest::prelude::*;

    fn line(record: &Record<'_>) -> String {
        let mut out = Vec::new();
        write(record, &mut out);
        String::from_utf8(out).expect("a line is ASCII")
    }

    #[test]
    fn a_line_has_the_nine_fields_of_the_combined_log_format() {
        assert_eq!(
            line(&record()),
            "192.0.2.7 - - [06/Nov/1994:08:49:37 +0000] \"GET /a?b=c HTTP/1.1\" 200 2326 \
             \"http://example.com/\" \"Mozilla/5.0 (X11)\""
        );
    }

    #[test]
    fn what_a_request_does_not_say_is_a_dash() {
        let record = Record {
            line: RequestLine::Raw(b""),
            referer: None,
            user_agent: Some(b""),
            status: 408,
            bytes: 0,
            ..record()
        };
        assert_eq!(
            line(&record),
            "192.0.2.7 - - [06/Nov/1994:08:49:37 +0000] \"-\" 408 0 \"-\" \"-\""
        );
    }

    #[test]
    fn quotes_backslashes_and_bytes_that_are_no_visible_ascii_are_spelled_in_hexadecimal() {
        let record = Record {
            user_agent: Some(b"a\"b\\c\n\x1b[31m\xc3\xa9\x7f"),
            ..record()
        };
        let line = line(&record);
        let end = r#""a\x22b\x5Cc\x0A\x1B[31m\xC3\xA9\x7F""#;
        assert!(line.ends_with(end), "{line}");
    }

    proptest! {
        #[test]
        fn no_client_can_end_a_field_or_a_line(
            target in proptest::collection::vec(any::<u8>(), 0..64),
            agent in proptest::collection::vec(any::<u8>(), 0..64),
        ) {
            let record = Record {
                line: RequestLine::Parsed { method: b"GET", target: &target, protocol: "HTTP/1.1" },
                user_agent: Some(&agent),
                ..record()
            };
            let line = line(&record);
            prop_assert!(line.bytes().all(|byte| (0x20..0x7f).contains(&byte)));
            prop_assert_eq!(line.matches('"').count(), 6);
        }
    }
}
