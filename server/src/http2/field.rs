//! The kind of field that a name makes, and which names and values there may be (RFC 9113 section 8.2). Asked by
//! HPACK once for each literal: the dynamic table remembers the answer with the field, so that a field that
//! comes by its index is judged no more. Left to [`head`](super::head): what the kinds mean together.

use crate::http1::target::authority_is_valid;

/// The kind of a field, by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Token {
    /// Any field that means nothing to the protocol.
    Other,
    /// `:method`
    Method,
    /// `:scheme`
    Scheme,
    /// `:authority`
    Authority,
    /// `:path`
    Path,
    /// `:protocol` (RFC 8441 section 4)
    Protocol,
    /// A pseudo-field that no request has (RFC 9113 section 8.3).
    PseudoUnknown,
    /// Host.
    Host,
    /// Cookie, which may come in pieces (section 8.2.3).
    Cookie,
    /// A field that steers the request: Content-Length, Expect, X-Ringgate-Core.
    Steering,
    /// A field about a connection, which no message of HTTP/2 may have (section 8.2.2).
    Connection,
    /// TE, which may say nothing but `trailers`.
    Te,
    /// Priority (RFC 9218 section 5).
    Priority,
    /// No name: empty, or with a capital letter or another byte that no token has.
    Invalid,
}

impl Token {
    /// All, by their numbers.
    pub const ALL: [Token; 14] = [
        Token::Other,
        Token::Method,
        Token::Scheme,
        Token::Authority,
        Token::Path,
        Token::Protocol,
        Token::PseudoUnknown,
        Token::Host,
        Token::Cookie,
        Token::Steering,
        Token::Connection,
        Token::Te,
        Token::Priority,
        Token::Invalid,
    ];

    /// The kind of the field called `name`.
    pub const fn of(name: &[u8]) -> Token {
        match name {
            [b':', rest @ ..] => match rest {
                b"method" => Token::Method,
                b"scheme" => Token::Scheme,
                b"authority" => Token::Authority,
                b"path" => Token::Path,
                b"protocol" => Token::Protocol,
                _ => Token::PseudoUnknown,
            },
            b"host" => Token::Host,
            b"cookie" => Token::Cookie,
            b"content-length" | b"expect" | b"x-ringgate-core" => Token::Steering,
            b"connection" | b"keep-alive" | b"proxy-connection" | b"transfer-encoding"
            | b"upgrade" => Token::Connection,
            b"te" => Token::Te,
            b"priority" => Token::Priority,
            _ if is_name(name) => Token::Other,
            _ => Token::Invalid,
        }
    }

    /// Whether a field of this kind may have `value`: what any field may have, and in `:authority` and Host a host
    /// with an optional port (RFC 9113 section 8.3.1).
    #[inline]
    pub fn accepts(self, value: &[u8]) -> bool {
        is_value(value)
            && match self {
                Token::Authority | Token::Host => authority_is_valid(value),
                _ => true,
            }
    }

    /// Whether it is a pseudo-field.
    #[inline]
    pub const fn is_pseudo(self) -> bool {
        matches!(
            self,
            Token::Method
                | Token::Scheme
                | Token::Authority
                | Token::Path
                | Token::Protocol
                | Token::PseudoUnknown
        )
    }
}

/// Whether `name` is a token without capital letters (RFC 9110 section 5.6.2, RFC 9113 section 8.2).
const fn is_name(name: &[u8]) -> bool {
    let mut at = 0;
    while at < name.len() {
        match name[at] {
            b'a'..=b'z' | b'0'..=b'9' | b'!' | b'#'..=b'\'' | b'*' | b'+' | b'-' | b'.' => {}
            b'^' | b'_' | b'`' | b'|' | b'~' => {}
            _ => return false,
        }
        at += 1;
    }
    !name.is_empty()
}

/// Whether `value` holds no control byte but HTAB, and neither begins nor ends with white space (RFC 9110
/// section 5.5, RFC 9113 section 8.2.1).
#[inline]
fn is_value(value: &[u8]) -> bool {
    let is_space = |byte: Option<&u8>| matches!(byte, Some(b' ' | b'\t'));
    let is_plain = |byte: u8| (byte >= b' ' && byte != 0x7F) || byte == b'\t';
    // Without a branch for each byte, so that several are looked at in one step.
    let plain = value.iter().fold(true, |all, &byte| all & is_plain(byte));
    plain && !is_space(value.first()) && !is_space(value.last())
}
