//! The trailer section of a chunked body (RFC 9112 section 7.1.2): bounded, parsed once it is
//! whole, and stripped of the fields that may not arrive there. Called by [`super::body`] and, for
//! the list of forbidden fields, by [`super::response`]. Nothing is allocated for a body without
//! trailers.

use super::refusal::Refusal;
use ::http::StatusCode;
use ::http::header::{self, HeaderMap, HeaderName, HeaderValue};

/// Largest trailer section, in bytes.
pub const TRAILERS_SIZE_BYTES_MAX: usize = 8 << 10;
/// Most trailer fields.
pub const TRAILERS_COUNT_MAX: usize = 32;

/// Fields that steer framing, routing, authentication, caching or the reading of the content, and
/// so must not be merged in after the fact (RFC 9110 section 6.5.1).
static FORBIDDEN: [HeaderName; 33] = [
    header::AUTHORIZATION,
    header::CACHE_CONTROL,
    header::CONNECTION,
    header::CONTENT_ENCODING,
    header::CONTENT_LENGTH,
    header::CONTENT_RANGE,
    header::CONTENT_TYPE,
    header::COOKIE,
    header::DATE,
    header::EXPECT,
    header::EXPIRES,
    header::HOST,
    header::IF_MATCH,
    header::IF_MODIFIED_SINCE,
    header::IF_NONE_MATCH,
    header::IF_RANGE,
    header::IF_UNMODIFIED_SINCE,
    HeaderName::from_static("keep-alive"),
    header::LOCATION,
    header::MAX_FORWARDS,
    header::PRAGMA,
    header::PROXY_AUTHENTICATE,
    header::PROXY_AUTHORIZATION,
    HeaderName::from_static("proxy-connection"),
    header::RANGE,
    header::RETRY_AFTER,
    header::SET_COOKIE,
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
    header::VARY,
    header::WWW_AUTHENTICATE,
];

/// Whether a field may stand in a trailer section.
pub fn is_permitted(name: &HeaderName) -> bool {
    !FORBIDDEN.contains(name)
}

/// The bytes of a trailer section while it arrives.
#[derive(Debug, Clone, Default)]
pub(crate) struct TrailerSection {
    bytes: Vec<u8>,
    lines: usize,
}

impl TrailerSection {
    /// Keeps one more byte.
    pub(crate) fn push(&mut self, byte: u8) -> Result<(), Refusal> {
        self.lines += usize::from(byte == b'\n');
        if self.bytes.len() >= TRAILERS_SIZE_BYTES_MAX || self.lines > TRAILERS_COUNT_MAX {
            return Err(Refusal::client(
                StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
                "The trailer section is too large or has too many fields.",
            ));
        }
        self.bytes.push(byte);
        Ok(())
    }

    /// Parses the section, whose lines are all known to end with CRLF. Forbidden fields are left
    /// out.
    pub(crate) fn parse(mut self) -> Result<HeaderMap, Refusal> {
        self.bytes.extend_from_slice(b"\r\n");
        let malformed = || Refusal::bad_request("A trailer field is malformed.");
        let mut slots = [httparse::EMPTY_HEADER; TRAILERS_COUNT_MAX];
        let fields = match httparse::parse_headers(&self.bytes, &mut slots) {
            Ok(httparse::Status::Complete((_, fields))) => fields,
            Ok(httparse::Status::Partial) | Err(_) => return Err(malformed()),
        };
        let mut map = HeaderMap::with_capacity(fields.len());
        for field in fields {
            let name = HeaderName::from_bytes(field.name.as_bytes()).map_err(|_| malformed())?;
            let value = HeaderValue::from_bytes(field.value).map_err(|_| malformed())?;
            if is_permitted(&name) {
                map.append(name, value);
            }
        }
        Ok(map)
    }
}
