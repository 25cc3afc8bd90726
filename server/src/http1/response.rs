//! The bytes of an answer: status line, Date, framing, the handler's fields, chunk frames. Called
//! by the connection code with a buffer that it sends; several answers of a pipelined batch go
//! into one buffer. Deliberately not here: the choice between keeping the connection and closing
//! it ([`super::exchange`]), and the body's own bytes.

use super::date::Date;
use super::exchange::After;
use super::refusal::Refusal;
use super::trailers;
use ::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use ::http::{StatusCode, Version};

/// How the client finds the end of the answer's body (RFC 9112 section 6.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BodyLength {
    /// No body and no field about it: 1xx, 204, 304, and after a HEAD if the length is not known.
    None,
    /// `Content-Length`; after a HEAD, the length that GET would have had.
    Known(u64),
    /// `Transfer-Encoding: chunked`; HTTP/1.1 clients only.
    Chunked,
    /// The end of the connection is the end of the body; for HTTP/1.0 clients.
    UntilClose,
}

/// The Connection field of an answer (RFC 9112 section 9).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConnectionHeader {
    /// None: the default of the client's version holds.
    Implicit,
    /// `close`: no further request is read.
    Close,
    /// `keep-alive`: tells an HTTP/1.0 client that its wish is granted.
    KeepAlive,
    /// `upgrade`: the protocol changes after this head, or the client is told to which it could (RFC 9110
    /// section 7.8).
    Upgrade,
    /// `close, upgrade`: the same on a connection that ends.
    CloseAndUpgrade,
}

impl ConnectionHeader {
    /// The field of an answer that has a field Upgrade or not: that one is named here (RFC 9110 section 7.8).
    #[must_use]
    pub const fn naming_upgrade(self, has_upgrade: bool) -> ConnectionHeader {
        match (self, has_upgrade) {
            (ConnectionHeader::Implicit, true) => ConnectionHeader::Upgrade,
            (ConnectionHeader::Close, true) => ConnectionHeader::CloseAndUpgrade,
            (other, _) => other,
        }
    }
}

/// The fields a handler has set, in order.
///
/// Date, Content-Length, Transfer-Encoding and Connection among them are left out: the encoder
/// writes its own, so that none of them is ever sent twice or contradicts the body. A handler that
/// wants to close says so to the connection, not in a field.
#[derive(Debug, Clone, Copy)]
pub enum Fields<'a> {
    /// A short list, without hashing or allocation.
    List(&'a [(HeaderName, HeaderValue)]),
    /// A map.
    Map(&'a HeaderMap),
}

/// How an answer is framed, decided from the request and the answer together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Framing {
    /// The framing of the body, as the head announces it.
    pub body: BodyLength,
    /// The `Connection` field of the head.
    pub connection: ConnectionHeader,
    /// Whether the body's bytes are sent at all: not after HEAD, nor with 1xx, 204 and 304.
    pub sends_body: bool,
    /// The fate of the connection after the answer.
    pub after: After,
}

/// Whether bytes of a body are sent at all.
#[inline]
pub(crate) fn sends_body(to_head: bool, status: StatusCode) -> bool {
    !bodiless(status) && !to_head
}

impl Framing {
    /// Frames an answer of `status` to a request of `version`, `to_head` if that was a HEAD. `length` is the
    /// body's length in bytes, None if it is not known before its end; `after` is what
    /// [`super::exchange::after_answer`] decided.
    #[inline]
    pub fn new(
        to_head: bool,
        version: Version,
        status: StatusCode,
        length: Option<u64>,
        after: After,
    ) -> Self {
        // RFC 9110 sections 15.2, 15.3.5, 15.4.5: no content. RFC 9112 section 6.3: whatever the
        // fields say, such an answer ends with its head.
        let bodiless = bodiless(status);
        let modern = version == Version::HTTP_11;
        let body = match length {
            _ if bodiless => BodyLength::None,
            Some(length) => BodyLength::Known(length),
            // RFC 9110 section 9.3.2: what is known only when the content is there is left out.
            None if to_head => BodyLength::None,
            // RFC 9112 section 6.1: never chunked to a client that did not say HTTP/1.1.
            None if modern => BodyLength::Chunked,
            None => BodyLength::UntilClose,
        };
        // RFC 9110 section 9.3.2.
        let sends_body = sends_body(to_head, status);
        let after = match (body, sends_body) {
            (BodyLength::UntilClose, true) => After::Close,
            _ => after,
        };
        // RFC 9112 section 9.6: close is announced. Section 9.3: a 1.0 client that asked for
        // persistence is told that it has it.
        let connection = match (after, modern) {
            (After::Close, _) => ConnectionHeader::Close,
            (After::KeepAlive, true) => ConnectionHeader::Implicit,
            (After::KeepAlive, false) => ConnectionHeader::KeepAlive,
        };
        Self {
            body,
            connection,
            sends_body,
            after,
        }
    }
}

#[inline]
fn bodiless(status: StatusCode) -> bool {
    status.is_informational()
        || status == StatusCode::NO_CONTENT
        || status == StatusCode::NOT_MODIFIED
}

/// The head of an answer. The version said is always HTTP/1.1, the highest this server speaks,
/// also to an HTTP/1.0 client (RFC 9110 section 2.5).
#[derive(Debug, Clone, Copy)]
pub struct ResponseHead<'a> {
    /// Status code; its usual reason phrase goes with it.
    pub status: StatusCode,
    /// The Content-Type, for a caller that has it as a constant; else it is among the fields.
    pub content_type: Option<&'static str>,
    /// The handler's fields.
    pub fields: Fields<'a>,
    /// How the body ends.
    pub body: BodyLength,
    /// The `Connection` field of the head.
    pub connection: ConnectionHeader,
}

impl ResponseHead<'_> {
    /// Appends the whole head to `out`, up to and with the empty line.
    ///
    /// A [`BodyLength::Known`] or [`BodyLength::Chunked`] with a status that has no body (1xx,
    /// 204) writes no framing field (RFC 9112 section 6.1, RFC 9110 section 8.6).
    #[inline]
    pub fn encode(&self, date: &Date, out: &mut Vec<u8>) {
        out.reserve(256);
        status_line(self.status, out);
        out.extend_from_slice(date.line());
        match self.body {
            BodyLength::Known(length) if !bodiless(self.status) => {
                out.extend_from_slice(b"Content-Length: ");
                out.extend_from_slice(itoa::Buffer::new().format(length).as_bytes());
                out.extend_from_slice(b"\r\n");
            }
            BodyLength::Chunked if !bodiless(self.status) => {
                out.extend_from_slice(b"Transfer-Encoding: chunked\r\n");
            }
            BodyLength::Known(_)
            | BodyLength::Chunked
            | BodyLength::None
            | BodyLength::UntilClose => {}
        }
        match self.connection {
            ConnectionHeader::Implicit => {}
            ConnectionHeader::Close => out.extend_from_slice(b"Connection: close\r\n"),
            ConnectionHeader::KeepAlive => out.extend_from_slice(b"Connection: keep-alive\r\n"),
            ConnectionHeader::Upgrade => out.extend_from_slice(b"Connection: upgrade\r\n"),
            ConnectionHeader::CloseAndUpgrade => {
                out.extend_from_slice(b"Connection: close, upgrade\r\n");
            }
        }
        if let Some(content_type) = self.content_type {
            out.extend_from_slice(b"Content-Type: ");
            out.extend_from_slice(content_type.as_bytes());
            out.extend_from_slice(b"\r\n");
        }
        match self.fields {
            Fields::List(list) => list
                .iter()
                .for_each(|(name, value)| field(name, value, out)),
            Fields::Map(map) => map.iter().for_each(|(name, value)| field(name, value, out)),
        }
        out.extend_from_slice(b"\r\n");
    }
}

/// Appends a whole answer of the most common kind, as [`ResponseHead::encode`] would and the body
/// behind it: a 200 that says nothing of the connection (no Upgrade either), with a body of known length. The text
/// between the parts that differ is copied in pieces of fixed size.
#[inline]
pub(crate) fn encode_usual(
    content_type: Option<&'static str>,
    fields: &[(HeaderName, HeaderValue)],
    body: &[u8],
    date: &Date,
    out: &mut Vec<u8>,
) {
    out.reserve(256 + body.len());
    out.extend_from_slice(date.usual());
    match (body.len(), content_type) {
        (length @ 10..100, Some(content_type)) => {
            let mut between = *b"00\r\nContent-Type: ";
            between[0] = digit(length / 10);
            between[1] = digit(length % 10);
            out.extend_from_slice(&between);
            out.extend_from_slice(content_type.as_bytes());
        }
        (length, content_type) => {
            out.extend_from_slice(itoa::Buffer::new().format(length).as_bytes());
            if let Some(content_type) = content_type {
                out.extend_from_slice(b"\r\nContent-Type: ");
                out.extend_from_slice(content_type.as_bytes());
            }
        }
    }
    if !fields.is_empty() {
        out.extend_from_slice(b"\r\n");
        fields
            .iter()
            .for_each(|(name, value)| field(name, value, out));
        out.truncate(out.len() - 2);
    }
    out.extend_from_slice(b"\r\n\r\n");
    out.extend_from_slice(body);
}

#[inline]
const fn digit(number: usize) -> u8 {
    b'0' + number as u8
}

/// Appends one field line, unless the encoder writes that field itself. A `HeaderValue` holds
/// neither CR, LF nor NUL by type, so no answer can be split by a value.
#[inline]
fn field(name: &HeaderName, value: &HeaderValue, out: &mut Vec<u8>) {
    let text = name.as_str();
    let ours = match text.len() {
        4 => *name == header::DATE,
        10 => *name == header::CONNECTION,
        14 => *name == header::CONTENT_LENGTH,
        17 => *name == header::TRANSFER_ENCODING,
        _ => false,
    };
    if !ours {
        line(text, value, out);
    }
}

#[inline]
fn line(name: &str, value: &HeaderValue, out: &mut Vec<u8>) {
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b": ");
    out.extend_from_slice(value.as_bytes());
    out.extend_from_slice(b"\r\n");
}

macro_rules! status_lines {
    ($status:expr, $($code:literal $reason:literal,)*) => {
        match $status.as_u16() {
            $($code => {
                concat!("HTTP/1.1 ", stringify!($code), " ", $reason, "\r\n").as_bytes()
            })*
            _ => b"",
        }
    };
}

/// Appends a status line (RFC 9112 section 4).
fn status_line(status: StatusCode, out: &mut Vec<u8>) {
    let known: &[u8] = status_lines!(status,
        101 "Switching Protocols",
        200 "OK",
        201 "Created",
        202 "Accepted",
        204 "No Content",
        206 "Partial Content",
        301 "Moved Permanently",
        302 "Found",
        303 "See Other",
        304 "Not Modified",
        307 "Temporary Redirect",
        308 "Permanent Redirect",
        400 "Bad Request",
        401 "Unauthorized",
        403 "Forbidden",
        404 "Not Found",
        405 "Method Not Allowed",
        408 "Request Timeout",
        413 "Content Too Large",
        414 "URI Too Long",
        429 "Too Many Requests",
        431 "Request Header Fields Too Large",
        500 "Internal Server Error",
        501 "Not Implemented",
        503 "Service Unavailable",
        505 "HTTP Version Not Supported",
    );
    if !known.is_empty() {
        return out.extend_from_slice(known);
    }
    out.extend_from_slice(b"HTTP/1.1 ");
    out.extend_from_slice(status.as_str().as_bytes());
    // The space stays without a reason phrase: status-line = HTTP-version SP status-code SP [...]
    out.push(b' ');
    out.extend_from_slice(reason_phrase(status).as_bytes());
    out.extend_from_slice(b"\r\n");
}

/// The phrase of a status as RFC 9110 has it, or nothing. Two have another name in `http`, that of
/// older documents, and one lacks its hyphen there.
pub(crate) fn reason_phrase(status: StatusCode) -> &'static str {
    match status {
        StatusCode::NON_AUTHORITATIVE_INFORMATION => "Non-Authoritative Information",
        StatusCode::PAYLOAD_TOO_LARGE => "Content Too Large",
        StatusCode::UNPROCESSABLE_ENTITY => "Unprocessable Content",
        _ => status.canonical_reason().unwrap_or(""),
    }
}

/// A status for people: its number, and its phrase if it has one.
pub fn status_text(status: StatusCode) -> String {
    let text = format!("{} {}", status.as_u16(), reason_phrase(status));
    text.trim_end().to_owned()
}

/// Appends the interim answer that lets a client go on with its body (RFC 9110 section 15.2.1).
/// Only for a request with `expect_continue`, before its final answer, and once.
pub fn encode_continue(out: &mut Vec<u8>) {
    out.extend_from_slice(b"HTTP/1.1 100 Continue\r\n\r\n");
}

/// Most bytes that [`encode_chunk_header`] appends.
pub const CHUNK_HEADER_BYTES_MAX: usize = 16 + 2;

/// Appends the size line of a chunk of `size` bytes (RFC 9112 section 7.1); the chunk's bytes and
/// [`CHUNK_END`] follow. A size of 0 appends nothing, since it would end the body: the caller then
/// sends no chunk and no [`CHUNK_END`] either.
pub fn encode_chunk_header(size: u64, out: &mut Vec<u8>) {
    if size == 0 {
        return;
    }
    let mut line = *b"0000000000000000\r\n";
    let digits = (16 - size.leading_zeros() as usize / 4).max(1);
    for (at, digit) in line[..16].iter_mut().enumerate() {
        *digit = b"0123456789abcdef"[(size >> (60 - 4 * at) & 15) as usize];
    }
    out.extend_from_slice(&line[16 - digits..]);
}

/// Follows the bytes of every chunk.
pub const CHUNK_END: &[u8] = b"\r\n";

/// Ends a chunked body that has no trailers.
pub const LAST_CHUNK: &[u8] = b"0\r\n\r\n";

/// Appends the last chunk and a trailer section of `trailers`, leaving out the fields that have no
/// meaning or no business there (RFC 9110 section 6.5.1).
pub fn encode_trailers(trailers: &HeaderMap, out: &mut Vec<u8>) {
    out.extend_from_slice(b"0\r\n");
    for (name, value) in trailers {
        if trailers::is_permitted(name) {
            line(name.as_str(), value, out);
        }
    }
    out.extend_from_slice(b"\r\n");
}

/// Appends the whole answer to a message that is refused: a head that announces the close, and one
/// line of text unless the request was a HEAD.
pub fn encode_refusal(refusal: &Refusal, to_head: bool, date: &Date, out: &mut Vec<u8>) {
    let body = format!("{}: {}\n", status_text(refusal.status), refusal.reason);
    let head = ResponseHead {
        status: refusal.status,
        content_type: Some("text/plain; charset=utf-8"),
        fields: Fields::List(&[]),
        body: BodyLength::Known(body.len() as u64),
        connection: ConnectionHeader::Close,
    };
    head.encode(date, out);
    if !to_head {
        out.extend_from_slice(body.as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_usual_answer_tells_the_length_of_any_body() {
        for length in 0..1100 {
            let (body, mut out) = (vec![b'x'; length], Vec::new());
            encode_usual(None, &[], &body, &Date::new(0), &mut out);
            let end = format!("\r\nContent-Length: {length}\r\n\r\n");
            assert!(
                out[..out.len() - length].ends_with(end.as_bytes()),
                "{length}"
            );
        }
    }

    #[test]
    fn an_answer_takes_room_for_its_body_and_a_usual_head() {
        for length in [0, 1, 255, 256, 257, 10_000, 1 << 20] {
            let mut out = Vec::new();
            encode_usual(None, &[], &vec![b'x'; length], &Date::new(0), &mut out);
            assert!(
                (length..=256 + length).contains(&out.capacity()),
                "{length}"
            );
        }
    }

    proptest! {
        #[test]
        fn the_usual_answer_is_written_as_any_other(
            content_type in prop_oneof![Just(None), Just(Some("text/plain")), Just(Some(""))],
            names in proptest::collection::vec(
                prop_oneof![
                    Just(header::VARY),
                    Just(header::DATE),
                    Just(header::CONTENT_LENGTH),
                    Just(header::CONNECTION),
                ],
                0..4,
            ),
            length in prop_oneof![0usize..120, Just(1000), Just(16384)],
            seconds in any::<u32>(),
        ) {
            let value = HeaderValue::from_static("a");
            let fields: Vec<_> = names.into_iter().map(|name| (name, value.clone())).collect();
            let (body, date) = (vec![b'x'; length], Date::new(seconds.into()));
            let head = ResponseHead {
                status: StatusCode::OK,
                content_type,
                fields: Fields::List(&fields),
                body: BodyLength::Known(length as u64),
                connection: ConnectionHeader::Implicit,
            };
            let mut expected = b"before".to_vec();
            head.encode(&date, &mut expected);
            expected.extend_from_slice(&body);
            let mut usual = b"before".to_vec();
            encode_usual(content_type, &fields, &body, &date, &mut usual);
            prop_assert_eq!(usual, expected);
        }
    }
}
