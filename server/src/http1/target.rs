//! The request target (RFC 9112 section 3.2) and the Host field (RFC 9110 section 7.2): which of
//! the four forms a target has, where its path, query and authority lie, and whether an authority
//! is well formed. Called by [`super::head`] once per request. Deliberately not here: decoding of
//! percent escapes and removal of dot segments, which are the business of whoever maps a path to
//! a resource.

use super::head::Span;
use super::refusal::Refusal;
use super::scan::prefix_where;
use ::http::Method;

/// The form a request target was written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TargetForm {
    /// `/path?query` (RFC 9112 section 3.2.1): what nearly every request uses.
    Origin,
    /// `http://host/path?query` (section 3.2.2): what a client sends to a proxy.
    Absolute,
    /// `host:port` (section 3.2.3): CONNECT only.
    Authority,
    /// `*` (section 3.2.4): OPTIONS only.
    Asterisk,
}

/// Where the parts of a target lie, relative to the first byte of the target.
pub(crate) struct Target {
    pub(crate) form: TargetForm,
    pub(crate) path: Span,
    pub(crate) query: Option<Span>,
    /// Authority of an absolute or authority form; it replaces Host (RFC 9112 section 3.2.2).
    pub(crate) authority: Option<Span>,
}

/// Whether a byte may stand in a path. Paths and queries take what RFC 3986 allows plus the printable
/// ASCII that browsers send unescaped and `http::Uri` accepts; never controls, spaces, `#` or bytes
/// above 0x7E.
#[inline(always)]
const fn in_path(byte: u8) -> bool {
    is_visible(byte)
        & (byte != b'#')
        & (byte != b'<')
        & (byte != b'>')
        & (byte != b'?')
        & (byte != b'`')
}

/// Whether a byte may stand in a query.
#[inline(always)]
const fn in_query(byte: u8) -> bool {
    is_visible(byte) & (byte != b'"') & (byte != b'#') & (byte != b'<') & (byte != b'>')
}

#[inline(always)]
const fn is_visible(byte: u8) -> bool {
    byte.wrapping_sub(0x21) < 0x7F - 0x21
}

#[inline(always)]
pub(super) const fn is_alphanumeric(byte: u8) -> bool {
    ((byte | 0x20).wrapping_sub(b'a') < 26) | (byte.wrapping_sub(b'0') < 10)
}

/// Whether a byte is unreserved (RFC 3986 section 2.3).
const fn in_host_name(byte: u8) -> bool {
    is_alphanumeric(byte) || matches!(byte, b'-' | b'.' | b'_' | b'~')
}

/// Whether a byte may stand in a reg-name (RFC 3986 section 3.2.2): unreserved, the percent of an
/// escape, or one of sub-delims.
const fn in_reg_name(byte: u8) -> bool {
    in_host_name(byte)
        || matches!(
            byte,
            b'%' | b'!' | b'$' | b'&' | b'\'' | b'(' | b')' | b'*' | b'+' | b',' | b';' | b'='
        )
}

/// Bytes of a name or IPv4 address with an optional port, as nearly every Host has it, at the front
/// of `bytes`. The bytes behind them decide whether that was all of it.
#[inline(always)]
pub(super) fn usual_authority_length(bytes: &[u8]) -> usize {
    let name = usual_name_length(bytes);
    match bytes.get(name) {
        Some(b':') => name + 1 + usual_port_length(&bytes[name + 1..]),
        _ => name,
    }
}

#[inline]
fn usual_name_length(bytes: &[u8]) -> usize {
    prefix_where(bytes, |byte| {
        is_alphanumeric(byte) | (byte == b'-') | (byte == b'.')
    })
}

/// Bytes of the port at the front of `bytes`, as far as they can be one.
#[inline]
fn usual_port_length(bytes: &[u8]) -> usize {
    let digits = match bytes.first_chunk() {
        Some(eight) => digits_in_front(*eight),
        None => bytes
            .iter()
            .take_while(|byte| byte.is_ascii_digit())
            .count(),
    };
    match digits {
        5.. if bytes[..5] > b"65535"[..] => 4,
        count => count.min(5),
    }
}

/// How many of these bytes are digits before the first that is none, all of them looked at together.
#[inline]
const fn digits_in_front(bytes: [u8; 8]) -> usize {
    const HIGH: u64 = 0x8080_8080_8080_8080;
    // Digits, and nothing else, are zero to nine now.
    let values = u64::from_le_bytes(bytes) ^ 0x3030_3030_3030_3030;
    // The high bit of each byte that is ten or more; no byte carries into the next.
    let above = (((values & !HIGH) + 0x7676_7676_7676_7676) | values) & HIGH;
    (above.trailing_zeros() / 8) as usize
}

/// Bytes of the path at the front of `bytes`.
#[inline]
pub(super) fn path_length(bytes: &[u8]) -> usize {
    prefix_where(bytes, in_path)
}

/// Bytes of the query at the front of `bytes`.
#[inline]
pub(super) fn query_length(bytes: &[u8]) -> usize {
    prefix_where(bytes, in_query)
}

/// Splits `target` into its parts, by the form that its method and its first byte allow.
#[inline]
pub(crate) fn split(method: &Method, target: &[u8]) -> Result<Target, Refusal> {
    if target.first() == Some(&b'/') {
        let (path, query) = split_path(target, 0)?;
        // RFC 9112 section 3.2.3: CONNECT takes the authority form and no other.
        if *method == Method::CONNECT {
            return Err(Refusal::bad_request(
                "CONNECT needs a target of the form host:port.",
            ));
        }
        return Ok(Target {
            form: TargetForm::Origin,
            path,
            query,
            authority: None,
        });
    }
    split_other(method, target)
}

/// Path and query of the part of `target` that begins at `start`.
#[inline]
fn split_path(target: &[u8], start: usize) -> Result<(Span, Option<Span>), Refusal> {
    let rest = &target[start..];
    let mark = path_length(rest);
    let path = Span::new(start, mark);
    match rest[mark..].split_first() {
        None => Ok((path, None)),
        Some((b'?', query)) if query_length(query) == query.len() => {
            Ok((path, Some(Span::new(start + mark + 1, query.len()))))
        }
        Some(_) => Err(bad_byte()),
    }
}

#[cold]
fn bad_byte() -> Refusal {
    Refusal::bad_request("The request target holds a byte that must be percent-encoded.")
}

#[cold]
fn split_other(method: &Method, target: &[u8]) -> Result<Target, Refusal> {
    // RFC 9112 section 3.2.3.
    if *method == Method::CONNECT {
        return match authority_ends_with_port(target) {
            true => Ok(Target {
                form: TargetForm::Authority,
                path: Span::new(0, 0),
                query: None,
                authority: Some(Span::new(0, target.len())),
            }),
            false => Err(Refusal::bad_request(
                "CONNECT needs a target of the form host:port.",
            )),
        };
    }
    // RFC 9112 section 3.2.4: the asterisk form is only used for a server-wide OPTIONS.
    if target == b"*" {
        return match *method == Method::OPTIONS {
            true => Ok(Target {
                form: TargetForm::Asterisk,
                path: Span::new(0, 1),
                query: None,
                authority: None,
            }),
            false => Err(Refusal::bad_request("The target * is for OPTIONS only.")),
        };
    }
    // RFC 9112 section 3.2.2: a server must accept the absolute form.
    let Some(start) = scheme_length(target) else {
        return Err(Refusal::bad_request(
            "The request target is neither a path, an http URI, an authority nor *.",
        ));
    };
    let rest = &target[start..];
    let authority = rest
        .iter()
        .position(|b| matches!(b, b'/' | b'?'))
        .unwrap_or(rest.len());
    // RFC 9110 section 4.2.1: an http URI with an empty host is invalid; section 4.2.4: user
    // information in an authority is an error (the `@` is in no host).
    if authority == 0 || rest[0] == b':' || !is_plain_authority(&rest[..authority]) {
        return Err(Refusal::bad_request(
            "The authority of the request target is malformed.",
        ));
    }
    let (path, query) = split_path(target, start + authority)?;
    Ok(Target {
        form: TargetForm::Absolute,
        path,
        query,
        authority: Some(Span::new(start, authority)),
    })
}

/// Length of `http://` or `https://` at the front of `target`, in any case.
fn scheme_length(target: &[u8]) -> Option<usize> {
    ["http://", "https://"]
        .into_iter()
        .map(str::as_bytes)
        .find_map(|scheme| {
            let front = target.get(..scheme.len())?;
            front.eq_ignore_ascii_case(scheme).then_some(scheme.len())
        })
}

fn authority_ends_with_port(authority: &[u8]) -> bool {
    let Some(colon) = authority.iter().rposition(|&b| b == b':') else {
        return false;
    };
    let (host, port) = (&authority[..colon], &authority[colon + 1..]);
    // The last colon of an IPv6 address without a port stands before its bracket.
    let has_port = !port.is_empty() && !port.ends_with(b"]");
    !host.is_empty() && has_port && is_plain_authority(authority)
}

/// Whether the authority of a target is valid and without escapes. RFC 3986 section 3.2.2 allows escapes in a name;
/// no name of the DNS has any, and `http::Uri`, as which a handler sees the target, takes none.
fn is_plain_authority(value: &[u8]) -> bool {
    authority_is_valid(value) && !value.contains(&b'%')
}

/// Whether `value` is `uri-host [ ":" port ]` (RFC 9110 section 7.2). An empty value is valid: it
/// is what a client sends for a target without an authority (RFC 9112 section 3.2).
#[inline]
pub(crate) fn authority_is_valid(value: &[u8]) -> bool {
    match value[usual_name_length(value)..].split_first() {
        None => true,
        Some((b':', port)) => port_is_valid(port),
        Some(_) => unusual_authority_is_valid(value),
    }
}

/// `port = *DIGIT` (RFC 3986 section 3.2.3), no larger than a port number can be.
#[inline]
fn port_is_valid(port: &[u8]) -> bool {
    if !port.iter().all(u8::is_ascii_digit) {
        return false;
    }
    // Four digits cannot say too large a number.
    port.len() < 5
        || port
            .iter()
            .fold(0, |n, &b| u32::min(n * 10 + u32::from(b - b'0'), 1 << 16))
            < 1 << 16
}

#[cold]
fn unusual_authority_is_valid(value: &[u8]) -> bool {
    // RFC 3986 section 3.2.2: an IPv6 or later literal stands in brackets.
    if let Some(rest) = value.strip_prefix(b"[") {
        let Some(end) = rest.iter().position(|&b| b == b']') else {
            return false;
        };
        let (literal, port) = (&rest[..end], &rest[end + 1..]);
        let literal = std::str::from_utf8(literal).ok();
        let is_v6 = literal.is_some_and(|text| text.parse::<std::net::Ipv6Addr>().is_ok());
        return is_v6
            && port
                .strip_prefix(b":")
                .map_or(port.is_empty(), port_is_valid);
    }
    let host = value.iter().position(|&b| b == b':').unwrap_or(value.len());
    let (host, port) = value.split_at(host);
    host.iter().all(|&byte| in_reg_name(byte))
        && escapes_are_whole(host)
        && port.strip_prefix(b":").is_none_or(port_is_valid)
}

/// RFC 3986 section 2.1: every `%` is followed by two hexadecimal digits.
fn escapes_are_whole(host: &[u8]) -> bool {
    host.iter()
        .enumerate()
        .filter(|&(_, &b)| b == b'%')
        .all(|(at, _)| {
            let digits = host.get(at + 1..at + 3);
            digits.is_some_and(|pair| pair.iter().all(u8::is_ascii_hexdigit))
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_authority_that_a_target_may_have_is_one_that_http_uri_takes_too() {
        let taken = |method: &Method, target: &[u8]| {
            let ours = split(method, target).is_ok();
            let theirs = ::http::Uri::try_from(target).is_ok();
            assert!(!ours || theirs, "{}", target.escape_ascii());
            ours
        };
        for byte in 0..=255u8 {
            for around in ["a", "a.b", "1"] {
                let name = [around.as_bytes(), &[byte], around.as_bytes()].concat();
                taken(&Method::GET, &[b"http://", &name[..]].concat());
                taken(&Method::GET, &[b"http://", &name[..], b":80/a"].concat());
                taken(&Method::CONNECT, &[&name[..], b":80"].concat());
            }
        }
        for name in ["a%41b", "%f1", "a%2e"] {
            assert!(!taken(&Method::GET, format!("http://{name}/").as_bytes()));
            assert!(!taken(&Method::CONNECT, format!("{name}:80").as_bytes()));
        }
        for name in ["a!$&'()*+,;=-._~", "[::1]", "127.0.0.1", "a:"] {
            assert!(taken(&Method::GET, format!("http://{name}/").as_bytes()));
        }
    }

    #[test]
    fn every_byte_a_target_may_hold_is_one_that_http_uri_takes_too() {
        for byte in 0..=255u8 {
            for shape in [&b"/a"[..], b"/a?q="] {
                let mut target = shape.to_vec();
                target.push(byte);
                let ours = split(&Method::GET, &target).is_ok();
                if ours {
                    assert!(
                        ::http::Uri::try_from(&target[..]).is_ok(),
                        "{byte:#x} in {shape:?}"
                    );
                    assert!(byte.is_ascii() && byte > b' ' && byte != b'#' && byte != 0x7F);
                }
            }
        }
    }

    #[test]
    fn digits_are_counted_up_to_the_first_byte_that_is_none() {
        for byte in 0..=255u8 {
            for at in 0..8 {
                let mut bytes = *b"90817263";
                bytes[at] = byte;
                let expected = if byte.is_ascii_digit() { 8 } else { at };
                assert_eq!(digits_in_front(bytes), expected, "{byte:#x} at {at}");
                // Whatever stands behind it.
                bytes[at..].fill(byte);
                assert_eq!(digits_in_front(bytes), expected, "from {byte:#x} at {at}");
            }
        }
    }

    #[test]
    fn a_usual_port_ends_where_it_would_be_too_large() {
        for number in (0..100_000u32).step_by(7).chain(65_530..65_540) {
            let digits = number.to_string();
            let expected = match number {
                0..=65_535 => digits.len(),
                _ => 4,
            };
            for behind in ["", "\r\n", "\r\n\r\n", "/", "\r\nX: yyyyyyyy", "x", "0x"] {
                let text = format!("{digits}{behind}");
                let length = usual_port_length(text.as_bytes());
                // With a digit more the first five are looked at, as far as the port can go.
                let expected = match behind {
                    "0x" if digits.len() < 5 => {
                        let longer = number * 10;
                        if longer > 65_535 { 4 } else { digits.len() + 1 }
                    }
                    "0x" if number <= 65_535 => 5,
                    _ => expected,
                };
                assert_eq!(length, expected, "{text:?}");
            }
        }
    }

    #[test]
    fn a_usual_authority_is_a_name_and_a_port() {
        for (text, length) in [
            ("", 0),
            ("\r\n", 0),
            ("a", 1),
            ("a.b-c\r\n", 5),
            ("127.0.0.1:8080\r\nX", 14),
            ("a:\r\n", 2),
            ("a:80:90", 4),
            ("a_b", 1),
            (":80", 3),
            ("[::1]:80", 0),
        ] {
            assert_eq!(usual_authority_length(text.as_bytes()), length, "{text:?}");
            assert_eq!(usual_name_length(text.as_bytes()), {
                let end = text.find(|c: char| !c.is_ascii_alphanumeric() && c != '.' && c != '-');
                end.unwrap_or(text.len())
            });
        }
        for byte in 0..=255u8 {
            let expected = byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.');
            assert_eq!(usual_name_length(&[byte]) == 1, expected, "{byte:#x}");
            assert_eq!(is_alphanumeric(byte), byte.is_ascii_alphanumeric());
        }
    }

    #[test]
    fn authorities_are_hosts_with_an_optional_port() {
        for good in [
            "",
            "a",
            "a.b-c_d~1",
            "127.0.0.1:8080",
            "a:",
            "[::1]",
            "[::1]:80",
            "%41:65535",
            "a:000080",
        ] {
            assert!(authority_is_valid(good.as_bytes()), "{good}");
        }
        for bad in [
            "a b",
            "a:b",
            "a:80:80",
            "u@h",
            "[::1",
            "[zz]",
            "[::1]80",
            "a/b",
            "a:65536",
            "a:99999999999",
            "%4",
        ] {
            assert!(!authority_is_valid(bad.as_bytes()), "{bad}");
        }
    }
}
