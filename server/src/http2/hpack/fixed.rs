//! The static table of HPACK (RFC 7541 appendix A): fields that both sides know. Asked by the decoder for what
//! an index says, and by the encoder for the index of a name.

use super::super::field::Token;
use ::http::header::{self, HeaderName};

/// Fields of the table. The index of the first one is 1; the dynamic table goes on behind the last.
pub const COUNT: u32 = 61;

/// A field of the table: name and value in one piece, and the bytes of the name.
macro_rules! fields {
    ($($name:literal $value:literal,)*) => {
        [$((concat!($name, $value), $name.len() as u8),)*]
    };
}

/// Names and values, in the order of the RFC: each pair in one piece, with the bytes of its name.
pub static FIELDS: [(&str, u8); COUNT as usize] = fields![
    ":authority" "",
    ":method" "GET",
    ":method" "POST",
    ":path" "/",
    ":path" "/index.html",
    ":scheme" "http",
    ":scheme" "https",
    ":status" "200",
    ":status" "204",
    ":status" "206",
    ":status" "304",
    ":status" "400",
    ":status" "404",
    ":status" "500",
    "accept-charset" "",
    "accept-encoding" "gzip, deflate",
    "accept-language" "",
    "accept-ranges" "",
    "accept" "",
    "access-control-allow-origin" "",
    "age" "",
    "allow" "",
    "authorization" "",
    "cache-control" "",
    "content-disposition" "",
    "content-encoding" "",
    "content-language" "",
    "content-length" "",
    "content-location" "",
    "content-range" "",
    "content-type" "",
    "cookie" "",
    "date" "",
    "etag" "",
    "expect" "",
    "expires" "",
    "from" "",
    "host" "",
    "if-match" "",
    "if-modified-since" "",
    "if-none-match" "",
    "if-range" "",
    "if-unmodified-since" "",
    "last-modified" "",
    "link" "",
    "location" "",
    "max-forwards" "",
    "proxy-authenticate" "",
    "proxy-authorization" "",
    "range" "",
    "referer" "",
    "refresh" "",
    "retry-after" "",
    "server" "",
    "set-cookie" "",
    "strict-transport-security" "",
    "transfer-encoding" "",
    "user-agent" "",
    "vary" "",
    "via" "",
    "www-authenticate" "",
];

/// The kinds of the same fields.
pub static TOKENS: [Token; COUNT as usize] = tokens();

const fn tokens() -> [Token; COUNT as usize] {
    let mut tokens = [Token::Other; COUNT as usize];
    let mut at = 0;
    while at < tokens.len() {
        let (both, name) = FIELDS[at];
        tokens[at] = Token::of(both.as_bytes().split_at(name as usize).0);
        at += 1;
    }
    tokens
}

/// Index of `:status`, whatever its value.
pub const STATUS: u8 = 8;
/// Index of Content-Length.
pub const CONTENT_LENGTH: u8 = 28;
/// Index of Content-Type.
pub const CONTENT_TYPE: u8 = 31;
/// Index of Date.
pub const DATE: u8 = 33;

/// The index of a status with its code, for those that have one.
#[inline]
pub const fn status(code: u16) -> Option<u8> {
    match code {
        200 => Some(8),
        204 => Some(9),
        206 => Some(10),
        304 => Some(11),
        400 => Some(12),
        404 => Some(13),
        500 => Some(14),
        _ => None,
    }
}

/// The names that answers have, and their indices.
static NAMES: [(HeaderName, u8); 27] = [
    (header::ACCEPT_RANGES, 18),
    (header::ACCESS_CONTROL_ALLOW_ORIGIN, 20),
    (header::AGE, 21),
    (header::ALLOW, 22),
    (header::CACHE_CONTROL, 24),
    (header::CONTENT_DISPOSITION, 25),
    (header::CONTENT_ENCODING, 26),
    (header::CONTENT_LANGUAGE, 27),
    (header::CONTENT_LENGTH, CONTENT_LENGTH),
    (header::CONTENT_LOCATION, 29),
    (header::CONTENT_RANGE, 30),
    (header::CONTENT_TYPE, CONTENT_TYPE),
    (header::DATE, DATE),
    (header::ETAG, 34),
    (header::EXPIRES, 36),
    (header::LAST_MODIFIED, 44),
    (header::LINK, 45),
    (header::LOCATION, 46),
    (header::PROXY_AUTHENTICATE, 48),
    (header::REFRESH, 52),
    (header::RETRY_AFTER, 53),
    (header::SERVER, 54),
    (header::SET_COOKIE, 55),
    (header::STRICT_TRANSPORT_SECURITY, 56),
    (header::VARY, 59),
    (header::VIA, 60),
    (header::WWW_AUTHENTICATE, 61),
];

/// The index of a name of an answer's field.
#[inline]
pub fn index_of(name: &HeaderName) -> Option<u8> {
    let found = NAMES.iter().find(|(known, _)| known == name);
    found.map(|(_, index)| *index)
}
