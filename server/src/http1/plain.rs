//! The short way through a head: one pass over a request of the most common shape, with no table of
//! slices in between. Called by [`super::head`] before httparse, and only ever an optimisation:
//! what it takes, the long way takes too and reads the same (held to that by
//! `the_short_way_reads_what_the_long_way_reads` and a fuzz target); whatever is unusual,
//! unfinished or wrong it leaves to the long way, which alone knows how to refuse.

use super::fields::{BodyFraming, Steering, is_host, may_ask_core};
use super::head::{FieldSpan, HEAD_COUNT_MAX, HEAD_SIZE_BYTES_MAX, Head, HeadLimits, Span};
use super::scan::prefix_where;
use super::target::{
    TargetForm, is_alphanumeric, path_length, query_length, usual_authority_length,
};
use ::http::{Method, Version};

/// Bytes that may stand in a field name (RFC 9110 section 5.6.2, `token`).
static TOKEN: [bool; 256] = {
    let mut token = [false; 256];
    let mut byte = 0usize;
    while byte < 256 {
        let b = byte as u8;
        token[byte] = b.is_ascii_alphanumeric()
            || matches!(
                b,
                b'!' | b'#' | b'$' | b'%' | b'&' | b'\'' | b'*' | b'+' | b'-' | b'.'
            )
            || matches!(b, b'^' | b'_' | b'`' | b'|' | b'~');
        byte += 1;
    }
    token
};

/// The end of a request line of HTTP/1.1, behind the target.
const LINE_END: &[u8] = b" HTTP/1.1\r\n";

/// Reads the head at the front of `bytes` into `head`. False: take the long way; `head` is then
/// good for nothing.
#[inline]
pub(super) fn read(bytes: &[u8], limits: &HeadLimits, head: &mut Head) -> bool {
    attempt(bytes, limits, head).is_some()
}

#[inline]
fn attempt(bytes: &[u8], limits: &HeadLimits, head: &mut Head) -> Option<()> {
    let bytes = &bytes[..bytes.len().min(HEAD_SIZE_BYTES_MAX)];
    let start = match bytes {
        [b'G', b'E', b'T', b' ', b'/', ..] => {
            head.method = Method::GET;
            4
        }
        [b'P', b'O', b'S', b'T', b' ', b'/', ..] => {
            head.method = Method::POST;
            5
        }
        [b'H', b'E', b'A', b'D', b' ', b'/', ..] => {
            head.method = Method::HEAD;
            5
        }
        _ => return None,
    };
    let path = path_length(&bytes[start..]);
    let mut at = start + path;
    let mut query = None;
    if bytes.get(at) == Some(&b'?') {
        let len = query_length(&bytes[at + 1..]);
        query = Some(Span::new(at + 1, len));
        at += 1 + len;
    }
    let target = Span::new(start, at - start);
    if at - start > limits.uri_size || !bytes[at..].starts_with(LINE_END) {
        return None;
    }
    at += LINE_END.len();
    let most = limits.head_count.min(HEAD_COUNT_MAX);
    let mut host = None;
    let mut steering = None;
    head.fields.clear();
    loop {
        let line = &bytes[at..];
        if let [b'\r', b'\n', ..] = line {
            break;
        }
        if head.fields.len() >= most {
            return None;
        }
        if let Some(value) = line.strip_prefix(b"Host: ") {
            // As nearly every client writes it.
            let len = usual_authority_length(value);
            if host.is_some() || !value[len..].starts_with(b"\r\n") {
                return None;
            }
            let span = Span::new(at + 6, len);
            host = Some(span);
            head.fields.push(FieldSpan {
                name: Span::new(at, 4),
                value: span,
            });
            at += 6 + len + 2;
            continue;
        }
        let name = name_length(line);
        if name == 0 || line.get(name) != Some(&b':') {
            return None;
        }
        // Nearly always one space; any other white space is the long way's.
        let start = name + 1 + usize::from(line.get(name + 1) == Some(&b' '));
        let value = line.get(start..)?;
        let len = match name {
            4 if is_host(&line[..4]) => authority_length(value),
            _ => value_length(value),
        };
        if !matches!(value.get(len..), Some([b'\r', b'\n', ..])) {
            return None;
        }
        let value = &value[..len];
        if let [b' ', ..] | [.., b' '] = value {
            return None;
        }
        let span = Span::new(at + start, len);
        match name {
            4 if is_host(&line[..4]) && host.replace(span).is_some() => return None,
            // The lengths of the names that steer.
            6 | 7 | 10 | 14 | 17 => {
                let steering = steering.get_or_insert_with(Steering::default);
                steering.see(&line[..name], value, span).ok()?;
            }
            15 if may_ask_core(line) => {
                let steering = steering.get_or_insert_with(Steering::default);
                steering.see(&line[..name], value, span).ok()?;
            }
            _ => {}
        }
        head.fields.push(FieldSpan {
            name: Span::new(at, name),
            value: span,
        });
        at += start + len + 2;
    }
    let len = at + 2;
    if len > limits.head_size {
        return None;
    }
    head.host = host?;
    match steering {
        None => {
            head.framing = BodyFraming::None;
            head.keep_alive = true;
            head.expect_continue = false;
            head.upgrade = false;
            head.asks_core = false;
        }
        Some(mut steering) => {
            steering.host_is(head.host);
            let meaning = steering.conclude(Version::HTTP_11).ok()?;
            head.framing = meaning.framing;
            head.keep_alive = meaning.keep_alive;
            head.expect_continue = meaning.expect_continue;
            head.upgrade = meaning.upgrade;
            head.asks_core = meaning.asks_core;
        }
    }
    head.version = Version::HTTP_11;
    head.form = TargetForm::Origin;
    head.len = len;
    head.target = target;
    head.path = Span::new(start, path);
    head.query = query;
    Some(())
}

/// As [`usual_authority_length`], which is put where nearly every Host is read, and nowhere else.
#[inline(never)]
fn authority_length(value: &[u8]) -> usize {
    usual_authority_length(value)
}

/// Bytes of the field name at the front of `line`.
#[inline]
fn name_length(line: &[u8]) -> usize {
    // The bytes of every name that is registered.
    let usual = prefix_where(line, |byte| {
        is_alphanumeric(byte) | (byte == b'-') | (byte == b'_')
    });
    match line.get(usual) {
        Some(b':') => usual,
        _ => any_name_length(line),
    }
}

#[cold]
fn any_name_length(line: &[u8]) -> usize {
    let end = line.iter().position(|byte| !TOKEN[*byte as usize]);
    end.unwrap_or(line.len())
}

/// Bytes before the first control (HTAB counts as one: a value with tabs goes the long way).
#[inline]
fn value_length(bytes: &[u8]) -> usize {
    prefix_where(bytes, |byte| (byte >= 0x20) & (byte != 0x7F))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::handler::PlacedParts;
    use crate::http1::head::{Progress, read_the_long_way};
    use proptest::prelude::*;

    /// Heads that are right, nearly right, and wrong in one byte.
    fn heads() -> impl Strategy<Value = Vec<u8>> {
        let targets = prop_oneof![
            Just("/".to_owned()),
            "/[ -~]{0,12}",
            "/[a-z]{1,9}\\?[ -~]{0,9}",
            "[ -~]{1,8}",
        ];
        let fields = prop_oneof![
            Just("Host: a".to_owned()),
            Just("host:127.0.0.1:8080".to_owned()),
            "Host: [a-z.]{0,4}:?[0-9]{0,6}",
            Just("Connection: close, keep-alive".to_owned()),
            Just("Content-Length: 12".to_owned()),
            Just("Transfer-Encoding: chunked".to_owned()),
            Just("Expect: 100-continue".to_owned()),
            Just("X-Ringgate-Core: ?".to_owned()),
            Just("x-ringgate-cord: ?".to_owned()),
            "[!-~]{1,9}: ?[ -~\t]{0,20}",
            "[a-z]{1,5}:[ \t]{0,2}[a-zà-ÿ]{0,9}[ \t]{0,2}",
        ];
        let methods = prop_oneof![
            Just("GET"),
            Just("POST"),
            Just("HEAD"),
            Just("PUT"),
            Just("get")
        ];
        let versions = prop_oneof![9 => Just("HTTP/1.1"), 1 => Just("HTTP/1.0")];
        let lines = proptest::collection::vec(fields, 0..6);
        let damage = proptest::option::of((any::<proptest::sample::Index>(), any::<u8>()));
        (methods, targets, versions, lines, damage, any::<bool>()).prop_map(
            |(method, target, version, lines, damage, hosted)| {
                let host = if hosted { "Host: h\r\n" } else { "" };
                let mut text = format!("{method} {target} {version}\r\n{host}");
                lines.iter().for_each(|line| text += &format!("{line}\r\n"));
                text += "\r\nGET / HTTP/1.1\r\n";
                let mut bytes = text.into_bytes();
                if let Some((at, byte)) = damage {
                    let at = at.index(bytes.len());
                    bytes[at] = byte;
                }
                bytes
            },
        )
    }

    proptest! {
        #[test]
        fn the_short_way_reads_what_the_long_way_reads(
            bytes in heads(),
            cut in 0usize..400,
            head_size in prop_oneof![Just(16384usize), 0usize..200],
            head_count in 0usize..8,
            uri_size in prop_oneof![Just(8192usize), 0usize..16],
        ) {
            let bytes = &bytes[..cut.min(bytes.len())];
            let limits = HeadLimits { head_size, head_count, uri_size };
            let mut short = Head::blank();
            if read(bytes, &limits, &mut short) {
                let mut long = Head::blank();
                let progress = read_the_long_way(bytes, 0, &limits, &mut long);
                prop_assert_eq!(progress, Ok(Progress::Complete));
                prop_assert_eq!(short, long);
            }
        }
    }

    #[test]
    fn the_short_way_is_taken_by_what_clients_send() {
        let heads: [&[u8]; 4] = [
            b"GET /plaintext HTTP/1.1\r\nHost: 127.0.0.1:65535\r\n\r\n",
            b"GET / HTTP/1.1\r\nHost: localhost:8080\r\nUser-Agent: curl/8.5.0\r\nAccept: */*\r\n\r\n",
            b"POST /echo?x=1 HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc",
            b"HEAD /a%20b HTTP/1.1\r\nHost: a\r\nAccept-Encoding: gzip, br\r\n\r\n",
        ];
        for bytes in heads {
            assert!(read(bytes, &HeadLimits::default(), &mut Head::blank()));
        }
    }

    #[test]
    fn the_short_way_is_taken_up_to_each_limit() {
        let text = b"GET /abc?de HTTP/1.1\r\nHost: a\r\nX: y\r\n\r\nrest";
        let fits = HeadLimits {
            head_size: text.len() - b"rest".len(),
            head_count: 2,
            uri_size: b"/abc?de".len(),
        };
        let is_short = |limits| read(text, &limits, &mut Head::blank());
        assert!(is_short(fits));
        for limits in [
            HeadLimits {
                head_size: fits.head_size - 1,
                ..fits
            },
            HeadLimits {
                head_count: 1,
                ..fits
            },
            HeadLimits {
                uri_size: fits.uri_size - 1,
                ..fits
            },
        ] {
            assert!(!is_short(limits), "{limits:?}");
        }
        let most = HeadLimits {
            head_size: usize::MAX,
            head_count: usize::MAX,
            uri_size: usize::MAX,
        };
        for (count, expected) in [(1, true), (255, true), (256, true), (257, false)] {
            let lines = "X: y\r\n".repeat(count - 1);
            let text = format!("GET / HTTP/1.1\r\nHost: a\r\n{lines}\r\n");
            let is_short = read(text.as_bytes(), &most, &mut Head::blank());
            assert_eq!(is_short, expected, "{count} fields");
        }
        for (size, expected) in [(65_535, true), (65_536, false)] {
            let front = "GET / HTTP/1.1\r\nHost: a\r\nX: ";
            let value = "y".repeat(size - front.len() - 4);
            let text = format!("{front}{value}\r\n\r\n");
            let is_short = read(text.as_bytes(), &most, &mut Head::blank());
            assert_eq!(is_short, expected, "{size} bytes");
        }
    }

    #[test]
    fn the_short_way_is_taken_by_fields_of_every_usual_shape() {
        for lines in [
            "Host: a\r\n",
            "Host:\r\n",
            "Host: \r\n",
            "Host:a\r\n",
            "host: a\r\n",
            "HOST:a:80\r\n",
            "X: y\r\nHost: a\r\n",
            "Host: a\r\nX:\r\n",
            "Host: a\r\nX: \r\n",
            "Host: a\r\nX:y\r\n",
            "Host: a\r\nX: y z\r\n",
            "Host: a\r\nX: \u{e9}\r\n",
            "Host: a\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\n",
            "Date: y z\r\nhost: a\r\nLink: <y>\r\n",
            "Host: a\r\nx_y-1: z\r\n",
            "Host: a\r\n!#$%&'*+-.^_`|~09azAZ: b\r\n",
            "Host: a\r\nExpect: 100-continue\r\n",
            "Host: a\r\nUpgrade: x\r\nConnection: upgrade\r\n",
            "Host: a\r\nContent-Length: 3\r\n",
            "Host: a\r\nTransfer-Encoding: chunked\r\n",
            "Host: a\r\nX-Ringgate-Core: 1\r\n",
            "Host: a\r\nAccept-Encoding: br\r\nX-Request-Start: 1\r\n",
        ] {
            for front in ["GET /", "POST /a", "HEAD /?", "GET /a?b"] {
                let text = format!("{front} HTTP/1.1\r\n{lines}\r\n");
                let limits = HeadLimits::default();
                let mut short = Head::blank();
                assert!(read(text.as_bytes(), &limits, &mut short), "{text:?}");
                let mut long = Head::blank();
                let progress = read_the_long_way(text.as_bytes(), 0, &limits, &mut long);
                assert_eq!(progress, Ok(Progress::Complete));
                assert_eq!(short, long, "{text:?}");
            }
        }
    }

    #[test]
    fn a_place_keeps_room_for_as_many_lines_as_most_heads_have() {
        for (capacity, is_kept) in [(0, true), (31, true), (32, true), (33, false), (256, false)] {
            let mut head = Head::blank();
            head.fields = Vec::with_capacity(capacity);
            assert_eq!(head.fields.capacity(), capacity);
            head.give_up_excess();
            let expected = if is_kept { capacity } else { 0 };
            assert_eq!(head.fields.capacity(), expected);
        }
    }

    #[test]
    fn a_head_of_many_lines_leaves_no_room_for_them_to_the_next() {
        let lines = 90;
        let text = "GET / HTTP/1.1\r\nHost: a\r\n".to_owned() + &"a: b\r\n".repeat(lines) + "\r\n";
        let mut parts = PlacedParts::open();
        assert!(read(
            text.as_bytes(),
            &HeadLimits::default(),
            &mut parts.head
        ));
        assert!(parts.head.fields.capacity() > lines);
        drop(parts);
        assert!(PlacedParts::open().head.fields.capacity() < lines);
    }

    #[test]
    fn a_port_is_read_as_the_long_way_reads_it_around_the_largest_one() {
        for port in [
            "", "0", "9999", "10000", "65535", "65536", "99999", "000080", "655350",
        ] {
            let text = format!("GET / HTTP/1.1\r\nHost: a:{port}\r\n\r\n");
            let limits = HeadLimits::default();
            let short = read(text.as_bytes(), &limits, &mut Head::blank());
            let long = read_the_long_way(text.as_bytes(), 0, &limits, &mut Head::blank());
            let is_port = port.is_empty() || port.parse::<u16>().is_ok();
            assert_eq!(long == Ok(Progress::Complete), is_port, "{port}");
            assert_eq!(short, is_port && port.len() <= 5, "{port}");
        }
    }

    #[test]
    fn the_first_control_is_found_whatever_stands_before_and_behind() {
        for control in (0u8..0x20).chain([0x7F]) {
            for at in 0..20 {
                let mut bytes = [b'a'; 24];
                bytes[at] = control;
                bytes[at + 1..].fill(0x1F);
                assert_eq!(value_length(&bytes), at, "{control:#x} at {at}");
            }
        }
        for harmless in (0x20..0x7F).chain(0x80..=0xFF) {
            assert_eq!(value_length(&[harmless; 19]), 19, "{harmless:#x}");
        }
    }
}
