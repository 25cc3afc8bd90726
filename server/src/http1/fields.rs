//! The few fields that steer the connection: Host, Content-Length, Transfer-Encoding, Connection,
//! Expect and Upgrade; and X-Ringgate-Core, which asks who answers. [`super::head`] shows each field line to `Steering::see` once, in order,
//! and then asks `Steering::conclude` what they mean together. Deliberately not here: every
//! other field, which is only remembered as a span.

use super::head::Span;
use super::refusal::Refusal;
use super::target::authority_is_valid;
use ::http::{StatusCode, Version};

/// How the end of a request body is found (RFC 9112 section 6.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum BodyFraming {
    /// No byte of body follows the head: neither length nor coding was given, or the length is 0.
    None,
    /// Exactly this many bytes follow; never 0.
    Length(u64),
    /// Chunks follow (section 7.1).
    Chunked,
}

/// The joint meaning of the steering fields of one request.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Conclusion {
    pub(crate) framing: BodyFraming,
    pub(crate) keep_alive: bool,
    pub(crate) expect_continue: bool,
    pub(crate) upgrade: bool,
    pub(crate) asks_core: bool,
    pub(crate) host: Span,
}

/// The steering fields seen so far.
#[derive(Default)]
pub(crate) struct Steering {
    host: Option<Span>,
    /// Whether any of the following was seen.
    rare: bool,
    length: Option<u64>,
    chunked: bool,
    unknown_coding: bool,
    transfer_encoding: bool,
    close: bool,
    keep_alive: bool,
    upgrade_option: bool,
    upgrade_field: bool,
    expect_continue: bool,
    expect_other: bool,
    asks_core: bool,
}

impl Steering {
    /// Takes note of one field line. The length of the name alone rules out nearly every field
    /// that does not steer.
    #[inline]
    pub(crate) fn see(&mut self, name: &[u8], value: &[u8], at: Span) -> Result<(), Refusal> {
        match name.len() {
            4 if is_host(name) => self.see_host(value, at),
            6 | 7 | 10 | 14 | 17 => self.see_rare(name, value),
            15 if may_ask_core(name) => self.see_rare(name, value),
            _ => Ok(()),
        }
    }

    #[inline(never)]
    fn see_rare(&mut self, name: &[u8], value: &[u8]) -> Result<(), Refusal> {
        match name.len() {
            6 if name.eq_ignore_ascii_case(b"expect") => self.see_expect(value),
            7 if name.eq_ignore_ascii_case(b"upgrade") => self.upgrade_field = true,
            10 if name.eq_ignore_ascii_case(b"connection") => self.see_connection(value),
            14 if name.eq_ignore_ascii_case(b"content-length") => self.see_length(value)?,
            15 if name.eq_ignore_ascii_case(b"x-ringgate-core") => self.asks_core = true,
            17 if name.eq_ignore_ascii_case(b"transfer-encoding") => self.see_coding(value)?,
            _ => return Ok(()),
        }
        self.rare = true;
        Ok(())
    }

    /// Takes note of the one Host field, which the caller has seen to be valid.
    pub(crate) fn host_is(&mut self, at: Span) {
        self.host = Some(at);
    }

    /// Whether there is a Content-Length.
    pub(crate) fn has_length(&self) -> bool {
        self.length.is_some()
    }

    /// RFC 9112 section 3.2: more than one Host, or an invalid one, is answered with 400.
    #[inline]
    fn see_host(&mut self, value: &[u8], at: Span) -> Result<(), Refusal> {
        if self.host.replace(at).is_some() {
            return Err(Refusal::bad_request(
                "The request has more than one Host field.",
            ));
        }
        if !authority_is_valid(value) {
            return Err(Refusal::bad_request(
                "The Host field is not a host and optional port.",
            ));
        }
        Ok(())
    }

    /// RFC 9112 section 6.3: a length that is repeated, a list, or not `1*DIGIT` is refused.
    /// Section 6.3 would let identical repetitions pass; two parties that disagree about which
    /// of them counts are how requests are smuggled, so they are refused as well.
    fn see_length(&mut self, value: &[u8]) -> Result<(), Refusal> {
        // RFC 9110 section 8.6: Content-Length = 1*DIGIT, any number of leading zeros.
        let mut length = 0u64;
        for &digit in value {
            if !digit.is_ascii_digit() {
                return Err(Refusal::bad_request(
                    "Content-Length is not one decimal number.",
                ));
            }
            length = length
                .checked_mul(10)
                .and_then(|n| n.checked_add(u64::from(digit - b'0')))
                .ok_or(Refusal::bad_request(
                    "Content-Length is larger than any body can be.",
                ))?;
        }
        if value.is_empty() {
            return Err(Refusal::bad_request("Content-Length is empty."));
        }
        if self.length.replace(length).is_some() {
            return Err(Refusal::bad_request(
                "The request has more than one Content-Length.",
            ));
        }
        Ok(())
    }

    /// RFC 9112 sections 6.1 and 6.3: chunked must come once and last; other codings before it are not implemented.
    fn see_coding(&mut self, value: &[u8]) -> Result<(), Refusal> {
        self.transfer_encoding = true;
        // Empty list elements are tolerated elsewhere (RFC 9110 section 5.6.1.2), but not in the
        // field that says where the next request begins.
        for coding in value.split(|&b| b == b',').map(<[u8]>::trim_ascii) {
            if coding.is_empty() {
                return Err(Refusal::bad_request(
                    "Transfer-Encoding has an empty element.",
                ));
            }
            if self.chunked {
                return Err(Refusal::bad_request(
                    "In Transfer-Encoding, chunked is not last.",
                ));
            }
            match coding.eq_ignore_ascii_case(b"chunked") {
                true => self.chunked = true,
                false => self.unknown_coding = true,
            }
        }
        Ok(())
    }

    /// RFC 9110 section 7.6.1: a list of case-insensitive options, over any number of lines.
    fn see_connection(&mut self, value: &[u8]) {
        for option in list(value) {
            match option.len() {
                5 if option.eq_ignore_ascii_case(b"close") => self.close = true,
                7 if option.eq_ignore_ascii_case(b"upgrade") => self.upgrade_option = true,
                10 if option.eq_ignore_ascii_case(b"keep-alive") => self.keep_alive = true,
                _ => {}
            }
        }
    }

    /// RFC 9110 section 10.1.1: 100-continue is the only expectation there is.
    fn see_expect(&mut self, value: &[u8]) {
        for expectation in list(value) {
            match expectation.eq_ignore_ascii_case(b"100-continue") {
                true => self.expect_continue = true,
                false => self.expect_other = true,
            }
        }
    }

    /// Whether the client said that it waits for 100.
    #[inline]
    pub(crate) const fn expects_continue(&self) -> bool {
        self.expect_continue
    }

    /// The joint meaning of all fields for a request of `version`.
    #[inline]
    pub(crate) fn conclude(&self, version: Version) -> Result<Conclusion, Refusal> {
        let modern = version == Version::HTTP_11;
        // RFC 9112 section 3.2: an HTTP/1.1 request without Host is answered with 400.
        if modern && self.host.is_none() {
            return Err(Refusal::bad_request(
                "An HTTP/1.1 request needs a Host field.",
            ));
        }
        let host = self.host.unwrap_or_default();
        match self.rare {
            true => self.conclude_rare(modern, host),
            // RFC 9112 section 9.3: without any option 1.1 persists and 1.0 does not.
            false => Ok(Conclusion {
                framing: BodyFraming::None,
                keep_alive: modern,
                expect_continue: false,
                upgrade: false,
                asks_core: false,
                host,
            }),
        }
    }

    #[inline(never)]
    fn conclude_rare(&self, modern: bool, host: Span) -> Result<Conclusion, Refusal> {
        let framing = match (self.transfer_encoding, self.length) {
            (false, None | Some(0)) => BodyFraming::None,
            (false, Some(length)) => BodyFraming::Length(length),
            (true, length) => self.coded(modern, length)?,
        };
        // RFC 9110 section 10.1.1: 417 for an expectation that cannot be met; an expectation of
        // an HTTP/1.0 client is ignored.
        if modern && self.expect_other {
            return Err(Refusal::client(
                StatusCode::EXPECTATION_FAILED,
                "The only expectation this server meets is 100-continue.",
            ));
        }
        Ok(Conclusion {
            framing,
            // RFC 9112 section 9.3: close wins, 1.1 persists, 1.0 only on request.
            keep_alive: !self.close && (modern || self.keep_alive),
            expect_continue: modern && self.expect_continue && framing != BodyFraming::None,
            // RFC 9110 section 7.8: Upgrade counts only with its connection option, and never in
            // HTTP/1.0.
            upgrade: modern && self.upgrade_option && self.upgrade_field,
            asks_core: self.asks_core,
            host,
        })
    }

    #[cold]
    fn coded(&self, modern: bool, length: Option<u64>) -> Result<BodyFraming, Refusal> {
        // RFC 9112 section 6.1: a server should treat both fields together as an attack.
        if length.is_some() {
            return Err(Refusal::bad_request(
                "The request has both Content-Length and Transfer-Encoding.",
            ));
        }
        // RFC 9112 section 6.1: in an HTTP/1.0 message the framing is to be treated as faulty.
        if !modern {
            return Err(Refusal::bad_request("HTTP/1.0 has no Transfer-Encoding."));
        }
        // RFC 9112 section 6.3: without chunked as the last coding nothing says where the body ends, understood or not.
        if !self.chunked {
            return Err(Refusal::bad_request(
                "In Transfer-Encoding, chunked is not last.",
            ));
        }
        // RFC 9112 section 6.1: 501 for a coding that is not understood.
        match self.unknown_coding {
            false => Ok(BodyFraming::Chunked),
            true => Err(Refusal::server(
                StatusCode::NOT_IMPLEMENTED,
                "The only transfer coding this server understands is chunked.",
            )),
        }
    }
}

/// Whether a name of 15 bytes may be X-Ringgate-Core: Accept-Encoding and Accept-Language, which nearly
/// every browser sends, are as long.
#[inline]
pub(super) fn may_ask_core(name: &[u8]) -> bool {
    matches!(name, [b'x' | b'X', b'-', b'r' | b'R', ..])
}

/// Setting bit 5 makes a capital letter small, and no other byte of a token a letter of `host`.
#[inline]
pub(super) fn is_host(name: &[u8]) -> bool {
    let Ok(four) = <[u8; 4]>::try_from(name) else {
        return false;
    };
    u32::from_ne_bytes(four) | 0x2020_2020 == u32::from_ne_bytes(*b"host")
}

/// The elements of a comma-separated field value (RFC 9110 section 5.6.1), empty ones left out.
pub(crate) fn list(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value
        .split(|&b| b == b',')
        .map(<[u8]>::trim_ascii)
        .filter(|element| !element.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_length_is_one_that_was_given_be_it_zero() {
        for (name, value, expected) in [
            ("content-length", "0", true),
            ("Content-Length", "7", true),
            ("content-length", "00", true),
            ("content-lengti", "7", false),
            ("transfer-encoding", "chunked", false),
            ("expect", "100-continue", false),
        ] {
            let mut steering = Steering::default();
            assert!(!steering.has_length());
            let seen = steering.see(name.as_bytes(), value.as_bytes(), Span::default());
            assert_eq!((seen, steering.has_length()), (Ok(()), expected), "{name}");
            assert_eq!(steering.expects_continue(), name == "expect");
        }
    }

    #[test]
    fn a_name_of_four_bytes_is_host_in_any_case_and_no_other_token() {
        let tokens: Vec<u8> = (b'!'..=b'~')
            .filter(|byte| ::http::HeaderName::from_bytes(&[*byte]).is_ok())
            .collect();
        for at in 0..4 {
            for byte in &tokens {
                for text in [*b"host", *b"HOST", *b"hOsT"] {
                    let mut name = text;
                    name[at] = *byte;
                    assert_eq!(is_host(&name), name.eq_ignore_ascii_case(b"host"));
                }
            }
        }
        for name in [&b""[..], b"hos", b"hosts", b"hosthost"] {
            assert!(!is_host(name));
        }
    }

    #[test]
    fn what_browsers_send_does_not_ask_for_the_core() {
        for (name, expected) in [
            ("x-ringgate-core", true),
            ("X-Ringgate-Core", true),
            ("x-RINGGATE-CORE", true),
            ("accept-encoding", false),
            ("Accept-Language", false),
            ("x-forwarded-for", false),
            ("xaringgate-core", false),
            ("y-ringgate-core", false),
        ] {
            assert_eq!(may_ask_core(name.as_bytes()), expected, "{name}");
        }
    }
}
