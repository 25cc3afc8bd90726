//! Where a request head ends and what its parts are. Called by the connection code with whatever
//! has been received so far; answers with spans into those bytes, so that a [`Head`] can travel
//! with the buffer it was parsed from. Deliberately not here: copying, decoding of the path,
//! bodies ([`super::body`]).
//!
//! Most heads go the short way (`plain.rs`); what is unusual, cut or wrong goes the long way.
//! The grammar is httparse's, made stricter where httparse is lenient (bare LF, UTF-8 in the
//! target) and completed by the rules about the message as a whole.

use super::fields::{BodyFraming, Conclusion, Steering};
use super::plain;
use super::refusal::Refusal;
use super::target::{self, TargetForm};
use ::http::{Method, StatusCode, Version};
use std::mem::MaybeUninit;
use std::str::from_utf8;

/// Largest head that spans can address, in bytes; [`HeadLimits::head_size`] is cut to it.
pub const HEAD_SIZE_BYTES_MAX: usize = u16::MAX as usize;
/// Most field lines a head may have; [`HeadLimits::head_count`] is cut to it.
pub const HEAD_COUNT_MAX: usize = 256;
/// Field lines a head can have without a second attempt at parsing it.
const HEAD_COUNT_USUAL: usize = 32;
/// Longest method, in bytes. The longest registered one, UPDATEREDIRECTREF, has 17.
const METHOD_BYTES_MAX: usize = 32;
/// The beginning of the request line of a HEAD.
const HEAD_METHOD: &[u8] = b"HEAD ";
/// Bytes of empty lines skipped in front of a request line (RFC 9112 section 2.2).
const EMPTY_LINES_BYTES_MAX: usize = 8;
/// The bytes that an HTTP/2 client with prior knowledge sends first (RFC 9113 section 3.4).
pub const HTTP2_PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

const _: () = assert!(HEAD_COUNT_USUAL <= HEAD_COUNT_MAX);

/// A part of a head: offset and length in bytes, relative to the slice that was parsed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Span {
    at: u16,
    len: u16,
}

impl Span {
    /// Spans never leave a head, and a head has at most [`HEAD_SIZE_BYTES_MAX`] bytes.
    #[inline]
    pub(crate) const fn new(at: usize, len: usize) -> Self {
        debug_assert!(at + len <= HEAD_SIZE_BYTES_MAX);
        Self {
            at: at as u16,
            len: len as u16,
        }
    }

    #[inline]
    pub(crate) const fn shifted(self, by: usize) -> Self {
        Self::new(self.at as usize + by, self.len as usize)
    }

    /// First and one past the last byte.
    #[inline]
    pub const fn range(self) -> std::ops::Range<usize> {
        self.at as usize..self.at as usize + self.len as usize
    }

    /// The bytes of this span in `bytes`, the slice that was parsed.
    ///
    /// # Panics
    /// If `bytes` is shorter than the head the span belongs to.
    #[inline]
    pub fn of(self, bytes: &[u8]) -> &[u8] {
        &bytes[self.range()]
    }
}

/// One field line: its name as it was written, and its value without surrounding white space.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FieldSpan {
    /// The name, in the case the client wrote.
    pub name: Span,
    /// The value; may hold bytes above 0x7F (RFC 9110 section 5.5), never controls except HTAB.
    pub value: Span,
}

/// Bounds on a head. Each is inclusive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HeadLimits {
    /// Bytes of request line and field section, with the final CRLF and any empty lines in front;
    /// beyond it 431 (RFC 6585 section 5).
    pub head_size: usize,
    /// Field lines; beyond it 431.
    pub head_count: usize,
    /// Bytes of the request target; beyond it 414 (RFC 9110 section 15.5.15).
    pub uri_size: usize,
}

impl Default for HeadLimits {
    /// 16 KiB, 100 field lines, 8 KiB of target (RFC 9112 section 3 asks for at least 8,000
    /// bytes of request line).
    fn default() -> Self {
        Self {
            head_size: 16 << 10,
            head_count: 100,
            uri_size: 8 << 10,
        }
    }
}

/// The result of parsing the bytes received so far.
#[derive(Debug, Clone, PartialEq)]
pub enum Parse {
    /// A whole head; [`Head::len`] bytes of it.
    Complete(Head),
    /// The front of a head: more bytes are needed.
    Partial,
    /// The client speaks HTTP/2 with prior knowledge. The preface is not consumed: the HTTP/2 connection reads it
    /// again. Where HTTP/2 is not served, the caller answers [`http2_refusal`].
    Http2Preface,
}

/// The answer of an HTTP/1.1 server to the HTTP/2 preface: 505 (RFC 9110 section 15.6.6).
pub const fn http2_refusal() -> Refusal {
    Refusal::server(
        StatusCode::HTTP_VERSION_NOT_SUPPORTED,
        "This server speaks HTTP/1.1 and HTTP/1.0 on this port.",
    )
}

/// A request head, as spans into the bytes it was parsed from.
///
/// Every accessor that takes `bytes` wants the slice that was given to [`parse_head`], or a copy
/// of at least its first [`Head::len`] bytes; given anything else it panics or returns nonsense,
/// but is memory-safe.
#[derive(Debug, Clone, PartialEq)]
pub struct Head {
    /// The method; methods this server does not know are legal here.
    pub method: Method,
    /// HTTP/1.0 or HTTP/1.1; a client that says a higher minor version is served as HTTP/1.1.
    pub version: Version,
    /// How the target was written.
    pub form: TargetForm,
    /// Where the body ends.
    pub framing: BodyFraming,
    /// Whether the client lets the connection persist (RFC 9112 section 9.3); never after a CONNECT,
    /// behind which bytes for a tunnel may follow (RFC 9110 section 9.3.6).
    pub keep_alive: bool,
    /// Whether the client may be waiting for `100 Continue` (RFC 9110 section 10.1.1).
    pub expect_continue: bool,
    /// Whether the client offers to change the protocol (RFC 9110 section 7.8).
    pub upgrade: bool,
    /// Whether the client asks which core answers (the field X-Ringgate-Core, with any value).
    pub asks_core: bool,
    /// Bytes of the head, with skipped empty lines and the final CRLF.
    pub len: usize,
    pub(crate) target: Span,
    pub(crate) path: Span,
    pub(crate) query: Option<Span>,
    pub(crate) host: Span,
    pub(crate) fields: Vec<FieldSpan>,
}

impl Head {
    /// A place to read a head into.
    pub fn blank() -> Head {
        Head {
            method: Method::GET,
            version: Version::HTTP_11,
            form: TargetForm::Origin,
            framing: BodyFraming::None,
            keep_alive: false,
            expect_continue: false,
            upgrade: false,
            asks_core: false,
            len: 0,
            target: Span::default(),
            path: Span::default(),
            query: None,
            host: Span::default(),
            fields: Vec::new(),
        }
    }

    /// Keeps no more memory for field lines than most heads need.
    #[inline]
    pub(crate) fn give_up_excess(&mut self) {
        if self.fields.capacity() > HEAD_COUNT_USUAL {
            self.fields = Vec::new();
        }
    }

    /// The request target as it was written; ASCII.
    pub fn target<'a>(&self, bytes: &'a [u8]) -> &'a str {
        text(self.target.of(bytes))
    }

    /// The path as bytes: what [`Head::path`] gives, without a look at each byte to prove to the
    /// compiler that they are ASCII. For comparisons with fixed paths.
    #[inline]
    pub fn path_bytes<'a>(&self, bytes: &'a [u8]) -> &'a [u8] {
        match self.path.len {
            0 => self.path_of_bare_authority().as_bytes(),
            _ => self.path.of(bytes),
        }
    }

    /// The path, still percent-encoded: `*` for a server-wide OPTIONS, empty for CONNECT, and
    /// never empty otherwise.
    pub fn path<'a>(&self, bytes: &'a [u8]) -> &'a str {
        if self.path.len == 0 {
            return self.path_of_bare_authority();
        }
        text(self.path.of(bytes))
    }

    #[cold]
    fn path_of_bare_authority(&self) -> &'static str {
        match self.form {
            // RFC 9110 section 4.2.3: an empty path of an http URI equals `/`, except with
            // OPTIONS, where it means the server as a whole (RFC 9112 section 3.2.4).
            TargetForm::Absolute if self.method == Method::OPTIONS => "*",
            TargetForm::Absolute | TargetForm::Origin | TargetForm::Asterisk => "/",
            TargetForm::Authority => "",
        }
    }

    /// The query: the target after the first `?`, still percent-encoded.
    pub fn query<'a>(&self, bytes: &'a [u8]) -> Option<&'a str> {
        self.query.map(|query| text(query.of(bytes)))
    }

    /// Host and optional port the request is for: the authority of the target, else the Host
    /// field (RFC 9112 section 3.2.2 makes the target win). Empty if the client gave none.
    pub fn host<'a>(&self, bytes: &'a [u8]) -> &'a str {
        text(self.host.of(bytes))
    }

    /// The value of the first field line called `name`, in any case.
    pub fn header<'a>(&self, bytes: &'a [u8], name: &str) -> Option<&'a [u8]> {
        let wanted = |field: &&FieldSpan| {
            usize::from(field.name.len) == name.len()
                && field.name.of(bytes).eq_ignore_ascii_case(name.as_bytes())
        };
        self.fields
            .iter()
            .find(wanted)
            .map(|field| field.value.of(bytes))
    }

    /// All field lines in order, each name as it was written.
    pub fn headers<'a>(&self, bytes: &'a [u8]) -> impl Iterator<Item = (&'a str, &'a [u8])> {
        self.fields
            .iter()
            .map(|field| (text(field.name.of(bytes)), field.value.of(bytes)))
    }

    /// The same with names as bytes, without a look at each byte to prove to the compiler that they are ASCII. For
    /// comparisons with fixed names.
    pub(crate) fn named_values<'a>(
        &self,
        bytes: &'a [u8],
    ) -> impl Iterator<Item = (&'a [u8], &'a [u8])> {
        let of = |field: &FieldSpan| (field.name.of(bytes), field.value.of(bytes));
        self.fields.iter().map(of)
    }

    /// The same as spans.
    pub fn fields(&self) -> &[FieldSpan] {
        &self.fields
    }
}

/// Targets, hosts and names were seen to be ASCII when the head was parsed.
#[inline]
fn text(bytes: &[u8]) -> &str {
    from_utf8(bytes).unwrap_or_default()
}

/// Parses the head at the front of `bytes`, which may be cut anywhere.
///
/// The outcome does not depend on where earlier calls saw the bytes cut: a refusal of a prefix is
/// the refusal of the whole.
///
/// # Errors
/// A [`Refusal`] as soon as no continuation of `bytes` could be a head that is within `limits`.
pub fn parse_head(bytes: &[u8], limits: &HeadLimits) -> Result<Parse, Refusal> {
    parse_head_after(bytes, 0, limits)
}

/// Like [`parse_head`], for bytes of which the first `seen` were Partial before: looks at nothing
/// but the new ones if no line ends among them, so that a head that arrives byte by byte costs
/// its length and not the square of it.
///
/// # Errors
/// As [`parse_head`]; a refusal of an unfinished line may come only with its end, or with the end
/// of the limit on the whole head.
pub fn parse_head_after(bytes: &[u8], seen: usize, limits: &HeadLimits) -> Result<Parse, Refusal> {
    let mut head = Head::blank();
    Ok(match read_head_after(bytes, seen, limits, &mut head)? {
        Progress::Complete => Parse::Complete(head),
        Progress::Partial => Parse::Partial,
        Progress::Http2Preface => Parse::Http2Preface,
    })
}

/// [`Parse`] without the head, which is where the caller wanted it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Progress {
    Complete,
    Partial,
    Http2Preface,
}

/// As [`parse_head_after`], into a head that the caller has: a head is large, and moving it costs
/// as much as reading a short one. Unless the outcome is Complete, `head` is good for nothing.
#[inline]
pub(crate) fn read_head_after(
    bytes: &[u8],
    seen: usize,
    limits: &HeadLimits,
    head: &mut Head,
) -> Result<Progress, Refusal> {
    if seen == 0 && plain::read(bytes, limits, head) {
        return Ok(Progress::Complete);
    }
    read_the_long_way(bytes, seen, limits, head)
}

/// The way of every head that [`plain`] leaves alone.
#[inline(never)]
pub(super) fn read_the_long_way(
    bytes: &[u8],
    seen: usize,
    limits: &HeadLimits,
    head: &mut Head,
) -> Result<Progress, Refusal> {
    let grown = bytes.get(seen..).unwrap_or_default();
    let small = bytes.len() < limits.head_size.min(limits.uri_size);
    if seen > 0 && small && !grown.contains(&b'\n') {
        return Ok(Progress::Partial);
    }
    parse_with::<HEAD_COUNT_USUAL>(bytes, limits, head)
        .map_err(|refusal| refusal.of_head(is_of_head(bytes)))
}

fn parse_with<const SLOTS: usize>(
    bytes: &[u8],
    limits: &HeadLimits,
    head: &mut Head,
) -> Result<Progress, Refusal> {
    let window = &bytes[..bytes.len().min(limits.head_size).min(HEAD_SIZE_BYTES_MAX)];
    let skipped = match window.first() {
        Some(b'\r' | b'\n') => match skip_empty_lines(window)? {
            Some(skipped) => skipped,
            None => return unfinished(window, window, limits),
        },
        _ => 0,
    };
    let message = &window[skipped..];
    let mut slots = [const { MaybeUninit::uninit() }; SLOTS];
    let count = limits.head_count.min(HEAD_COUNT_MAX);
    let mut request = httparse::Request::new(&mut []);
    match request.parse_with_uninit_headers(message, &mut slots[..count.min(SLOTS)]) {
        Ok(httparse::Status::Complete(len)) => {
            let mut fields = std::mem::take(&mut head.fields);
            fields.clear();
            *head = complete(&window[..skipped + len], skipped, &request, limits, fields)?;
            Ok(Progress::Complete)
        }
        Ok(httparse::Status::Partial) => unfinished(window, message, limits),
        Err(httparse::Error::TooManyHeaders) if SLOTS < count => parse_large(bytes, limits, head),
        Err(httparse::Error::Version) => parse_as_understood(window, skipped, limits, head),
        Err(error) => malformed(error, message, request.method.is_some(), limits),
    }
}

#[cold]
#[inline(never)]
fn parse_large(bytes: &[u8], limits: &HeadLimits, head: &mut Head) -> Result<Progress, Refusal> {
    parse_with::<HEAD_COUNT_MAX>(bytes, limits, head)
}

/// Reads a head of HTTP/1.2 to HTTP/1.9 as one of HTTP/1.1, the highest minor version that is understood
/// here (RFC 9110 section 2.5); any other version is refused. Spans are offsets, so those into the copy
/// hold for what was received.
#[cold]
#[inline(never)]
fn parse_as_understood(
    window: &[u8],
    skipped: usize,
    limits: &HeadLimits,
    head: &mut Head,
) -> Result<Progress, Refusal> {
    let message = &window[skipped..];
    let mut spaces = message
        .iter()
        .enumerate()
        .filter(|(_, byte)| **byte == b' ');
    let version = spaces.nth(1).map_or(message.len(), |(at, _)| at + 1);
    let minor = version + b"HTTP/1.".len();
    let is_higher = message[version..].starts_with(b"HTTP/1.")
        && matches!(message.get(minor), Some(b'2'..=b'9'));
    if !is_higher {
        return malformed(httparse::Error::Version, message, true, limits);
    }
    let mut understood = window.to_vec();
    understood[skipped + minor] = b'1';
    parse_with::<HEAD_COUNT_MAX>(&understood, limits, head)
}

/// Whether the request whose front is `bytes` is a HEAD, whatever follows its method: the answer to one
/// carries no body (RFC 9110 section 9.3.2), and that holds for the answer that refuses it as well.
pub(crate) fn is_of_head(bytes: &[u8]) -> bool {
    let mut front = bytes;
    for _ in 0..EMPTY_LINES_BYTES_MAX / 2 {
        front = front.strip_prefix(b"\r\n").unwrap_or(front);
    }
    front.starts_with(HEAD_METHOD)
}

/// Turns what httparse found into spans and judges it as a whole. `head` ends with the head;
/// `fields` is empty, and memory to be used again.
fn complete(
    head: &[u8],
    skipped: usize,
    request: &httparse::Request<'_, '_>,
    limits: &HeadLimits,
    mut fields: Vec<FieldSpan>,
) -> Result<Head, Refusal> {
    let (Some(method), Some(target), Some(minor)) = (request.method, request.path, request.version)
    else {
        return Err(Refusal::bad_request("The request line is incomplete."));
    };
    if target.len() > limits.uri_size {
        return Err(uri_too_long());
    }
    // httparse takes a bare LF for the end of a line. RFC 9112 section 2.2 allows that; two
    // parties that disagree about it are how requests are smuggled, so every line must end with
    // CRLF: the last two here, and each one before a field below.
    if !head.ends_with(b"\r\n\r\n") {
        return Err(bare_line_feed());
    }
    let version = if minor == 1 {
        Version::HTTP_11
    } else {
        Version::HTTP_10
    };
    let offset = |part: *const u8| part.addr() - head.as_ptr().addr();
    let mut steering = Steering::default();
    for header in request.headers.iter() {
        let name = Span::new(offset(header.name.as_ptr()), header.name.len());
        let value = Span::new(offset(header.value.as_ptr()), header.value.len());
        if head[usize::from(name.at) - 2] != b'\r' {
            return Err(bare_line_feed());
        }
        fields.push(FieldSpan { name, value });
        steering.see(header.name.as_bytes(), header.value, value)?;
    }
    let method = method_of(method)?;
    let Conclusion {
        framing,
        keep_alive,
        expect_continue,
        upgrade,
        asks_core,
        host,
    } = steering.conclude(version)?;
    let parts = target::split(&method, target.as_bytes())?;
    // RFC 9110 section 9.3.6: what follows a CONNECT may be meant for the tunnel, which there is not
    // here; it is never read as a request.
    let keep_alive = keep_alive && method != Method::CONNECT;
    let at = skipped + request.method.map_or(0, str::len) + 1;
    Ok(Head {
        method,
        version,
        form: parts.form,
        framing,
        keep_alive,
        expect_continue,
        upgrade,
        asks_core,
        len: head.len(),
        target: Span::new(at, target.len()),
        path: parts.path.shifted(at),
        query: parts.query.map(|query| query.shifted(at)),
        host: parts
            .authority
            .map_or(host, |authority| authority.shifted(at)),
        fields,
    })
}

#[inline]
fn method_of(name: &str) -> Result<Method, Refusal> {
    if name == "GET" {
        return Ok(Method::GET);
    }
    // RFC 9112 section 3: 501 for a method longer than any that is implemented.
    if name.len() > METHOD_BYTES_MAX {
        return Err(Refusal::server(
            StatusCode::NOT_IMPLEMENTED,
            "The method is longer than any this server implements.",
        ));
    }
    Method::from_bytes(name.as_bytes())
        .map_err(|_| Refusal::bad_request("The method is not a token."))
}

/// RFC 9112 section 2.2: a server should ignore at least one empty line before a request line.
/// Returns the bytes to skip, or None if the bytes end before the request line begins.
#[cold]
fn skip_empty_lines(window: &[u8]) -> Result<Option<usize>, Refusal> {
    let mut skipped = 0;
    while skipped < EMPTY_LINES_BYTES_MAX {
        match &window[skipped..] {
            [b'\r', b'\n', ..] => skipped += 2,
            [] | [b'\r'] => return Ok(None),
            [b'\r', ..] => return Err(bare_carriage_return()),
            [b'\n', ..] => return Err(bare_line_feed()),
            _ => return Ok(Some(skipped)),
        }
    }
    match window.get(skipped) {
        Some(b'\r' | b'\n') => Err(Refusal::bad_request(
            "There are too many empty lines before the request line.",
        )),
        Some(_) => Ok(Some(skipped)),
        None => Ok(None),
    }
}

/// More bytes are needed: unless they could not help.
#[cold]
fn unfinished(window: &[u8], message: &[u8], limits: &HeadLimits) -> Result<Progress, Refusal> {
    if target_is_too_long(message, limits) {
        return Err(uri_too_long());
    }
    if window.len() >= limits.head_size.min(HEAD_SIZE_BYTES_MAX) {
        return Err(fields_too_large());
    }
    Ok(Progress::Partial)
}

/// Names the exact fault in bytes that httparse refused.
#[cold]
fn malformed(
    error: httparse::Error,
    message: &[u8],
    method_is_valid: bool,
    limits: &HeadLimits,
) -> Result<Progress, Refusal> {
    if method_is_valid && target_is_too_long(message, limits) {
        return Err(uri_too_long());
    }
    Err(Refusal::bad_request(match error {
        httparse::Error::TooManyHeaders => return Err(fields_too_large()),
        httparse::Error::Version => return unsupported_version(message),
        httparse::Error::Token if method_is_valid => "The request line is malformed.",
        httparse::Error::Token => "The method is not a token.",
        httparse::Error::HeaderName => {
            "A field line is malformed: its name holds a forbidden byte, or the line is folded."
        }
        httparse::Error::HeaderValue => "A field value holds a control byte.",
        httparse::Error::NewLine | httparse::Error::Status => "A line does not end with CRLF.",
    }))
}

/// 505 for a line that names another major version of HTTP, 400 for one that names none (RFC 9110
/// sections 2.5 and 15.6.6); and the place where the HTTP/2 preface comes to light.
#[cold]
fn unsupported_version(message: &[u8]) -> Result<Progress, Refusal> {
    if message.starts_with(HTTP2_PREFACE) {
        return Ok(Progress::Http2Preface);
    }
    if HTTP2_PREFACE.starts_with(message) {
        return Ok(Progress::Partial);
    }
    let version = message.splitn(3, |&b| b == b' ').nth(2).unwrap_or_default();
    let shape = b"HTTP/0.0";
    let fits = version.iter().zip(shape).all(|(&is, &want)| match want {
        b'0' => is.is_ascii_digit(),
        _ => is == want,
    });
    match (fits, version.len() >= shape.len()) {
        (true, true) => Err(http2_refusal()),
        (true, false) => Ok(Progress::Partial),
        (false, _) => Err(Refusal::bad_request(
            "The request line does not end with HTTP/1.1.",
        )),
    }
}

/// Whether the target at hand, finished or not, is over the limit. A byte that ends it or that no
/// target may hold stops the count.
fn target_is_too_long(message: &[u8], limits: &HeadLimits) -> bool {
    let Some(method) = message.iter().position(|&b| b == b' ') else {
        return false;
    };
    let target = &message[method + 1..];
    let len = target
        .iter()
        .position(|&b| b <= b' ' || b == 0x7F)
        .unwrap_or(target.len());
    len > limits.uri_size
}

#[cold]
const fn bare_line_feed() -> Refusal {
    Refusal::bad_request("A line ends with a bare LF.")
}

#[cold]
const fn bare_carriage_return() -> Refusal {
    Refusal::bad_request("A CR stands without its LF.")
}

#[cold]
const fn uri_too_long() -> Refusal {
    Refusal::client(StatusCode::URI_TOO_LONG, "The request target is too long.")
}

#[cold]
const fn fields_too_large() -> Refusal {
    Refusal::client(
        StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
        "The request head is too large or has too many fields.",
    )
}
