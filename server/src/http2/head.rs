//! The joint meaning of the fields of a request (RFC 9113 section 8), and the [`Head`] that a handler sees. A
//! [`Builder`] is the sink of a block that opens a stream; `session` asks it for its verdict at the end.
//! [`Trailers`] is the sink of a block that ends one. Deliberately not here: HPACK, and the life of streams.
//!
//! # The form of a head
//!
//! A request is the same to its handler whatever version brought it, so the engine hands over what HTTP/1.1
//! hands over: a `Head`, which is spans, and one piece of bytes that they lie in. In HTTP/1.1 those are the
//! bytes that were received. Here there are none to point into: names and values come out of tables that the
//! next block changes, or out of a Huffman code. So each field is copied once, when it is decoded, to where it
//! stays; fields of the dynamic table in one copy, name and value being neighbours there. Values that steer the
//! request (`:method`, `:scheme`, the names of pseudo-fields) are read and not copied at all. The pieces of
//! many requests are cut from one buffer of the core, so a request costs no allocation, and an idle connection
//! keeps nothing of it.
//!
//! The head reads as one of HTTP/1.1 would, so that no handler has to know the difference: `:authority` is a
//! field Host (section 8.3.1 lets a gateway write it so), pieces of a Cookie are one again (section 8.2.3), and
//! a path is a target in origin form. The version differs, and so does a framing of `Chunked` where the client
//! gave no length, which says no more than that the end of the body shows when it comes.

use super::budgets::{Budget, Limits};
use super::code::Fault;
use super::field::Token;
use super::hpack::{Line, Sink};
use super::priority::Priority;
use crate::http1::fields::{BodyFraming, Steering};
use crate::http1::head::{FieldSpan, HEAD_SIZE_BYTES_MAX, Head, Span};
use crate::http1::refusal::Refusal;
use crate::http1::target::{self, TargetForm};
use crate::http1::trailers;
use ::http::header::{HeaderMap, HeaderName, HeaderValue};
use ::http::{Method, StatusCode, Version};

/// Size of a field beside its name and value (RFC 9113 section 6.5.2).
const OVERHEAD_BYTES: u32 = 32;
/// The name that `:authority` has for handlers.
const HOST: &[u8] = b"host";
/// Longest method, in bytes, as in HTTP/1.1.
const METHOD_BYTES_MAX: usize = 32;

const NO_HOST: Refusal = Refusal::bad_request("A request needs an :authority or a Host field.");

/// Why a block is no request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unfit {
    /// The block breaks the protocol: the stream is reset (section 8.1.1).
    Malformed(Fault),
    /// The block is well formed, and answered with this; it exceeds the budget, if one is named.
    Refused(Refusal, Option<Budget>),
}

/// The parts of a request that its head has no place for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Beside {
    /// `:protocol` of an extended CONNECT (RFC 8441 section 4).
    pub protocol: Option<Span>,
    /// Whether it is a CONNECT, of either kind: what follows is no body, and the stream is a tunnel.
    pub is_tunnel: bool,
    /// The length of the body, if the client gave it.
    pub length: Option<u64>,
    /// The priority of the stream.
    pub priority: Priority,
}

/// The receiver of a block that opens a stream.
pub struct Builder<'b> {
    head: &'b mut Head,
    text: &'b mut Vec<u8>,
    limits: &'b Limits,
    takes_protocol: bool,
    steering: Steering,
    size: u32,
    count: u32,
    cookies: u32,
    seen: Seen,
    path: Option<Span>,
    authority: Option<Span>,
    host: Option<Span>,
    protocol: Option<Span>,
    priority: Option<Priority>,
    wrong: Option<Fault>,
    refusal: Option<Refusal>,
    /// The budget that the refusal is about.
    exceeded: Option<Budget>,
    /// Whether a limit is exceeded: nothing more is kept.
    is_over: bool,
}

/// The parts of a request that came, as far as they are not kept elsewhere.
#[derive(Clone, Copy, Default)]
struct Seen {
    method: bool,
    scheme: bool,
    regular: bool,
}

const fn malformed(why: &'static str) -> Fault {
    Fault::protocol(why)
}

impl<'b> Builder<'b> {
    /// A builder that puts what a request says into `head`, with spans into `text`, which it empties.
    /// `takes_protocol`: whether the client was told that a CONNECT may ask for one.
    #[inline]
    pub fn new(
        head: &'b mut Head,
        text: &'b mut Vec<u8>,
        limits: &'b Limits,
        takes_protocol: bool,
    ) -> Builder<'b> {
        head.fields.clear();
        head.method = Method::GET;
        text.clear();
        Builder {
            head,
            text,
            limits,
            takes_protocol,
            steering: Steering::default(),
            size: 0,
            count: 0,
            cookies: 0,
            seen: Seen::default(),
            path: None,
            authority: None,
            host: None,
            protocol: None,
            priority: None,
            wrong: None,
            refusal: None,
            exceeded: None,
            is_over: false,
        }
    }

    #[cold]
    fn fails(&mut self, why: &'static str) {
        self.wrong.get_or_insert(malformed(why));
    }

    #[cold]
    fn refuse(&mut self, refusal: Refusal) {
        match refusal.status {
            StatusCode::BAD_REQUEST => self.fails(refusal.reason),
            _ => {
                self.refusal.get_or_insert(refusal);
            }
        }
    }

    #[cold]
    fn exceeds(&mut self, budget: Budget) {
        self.is_over = true;
        if self.refusal.is_none() {
            self.exceeded = Some(budget);
        }
        self.refuse(Refusal::client(
            StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            budget.complaint(),
        ));
    }

    /// Keeps `bytes`; gives where.
    #[inline]
    fn keep(&mut self, bytes: &[u8]) -> Span {
        let at = self.text.len();
        if at + bytes.len() > HEAD_SIZE_BYTES_MAX {
            self.exceeds(Budget::HeaderListSize);
            return Span::default();
        }
        self.text.extend_from_slice(bytes);
        Span::new(at, bytes.len())
    }

    #[inline]
    fn keep_line(&mut self, line: &Line<'_>) -> FieldSpan {
        let both = self.keep(line.both).range();
        if both.is_empty() {
            return FieldSpan {
                name: Span::default(),
                value: Span::default(),
            };
        }
        let field = FieldSpan {
            name: Span::new(both.start, line.name),
            value: Span::new(both.start + line.name, both.len() - line.name),
        };
        self.head.fields.push(field);
        field
    }

    #[inline]
    fn pseudo(&mut self, line: &Line<'_>) {
        if self.seen.regular {
            return self.fails("A pseudo-field stands behind other fields.");
        }
        let value = line.value();
        let is_second = match line.token {
            Token::Method => {
                self.method(value);
                std::mem::replace(&mut self.seen.method, true)
            }
            Token::Scheme => std::mem::replace(&mut self.seen.scheme, true),
            Token::Path => {
                if value.len() > self.limits.uri_size as usize {
                    self.is_over = true;
                    return self.refuse(Refusal::client(
                        StatusCode::URI_TOO_LONG,
                        "The request target is too long.",
                    ));
                }
                let path = self.keep(value);
                self.path.replace(path).is_some()
            }
            Token::Authority => {
                let authority = self.keep(value);
                self.authority.replace(authority).is_some()
            }
            Token::Protocol if self.takes_protocol => {
                let protocol = self.keep(value);
                self.protocol.replace(protocol).is_some()
            }
            _ => return self.fails("A request has a pseudo-field that no request has."),
        };
        if is_second {
            self.fails("A pseudo-field stands twice.");
        }
    }

    #[inline]
    fn method(&mut self, name: &[u8]) {
        if name == b"GET" {
            self.head.method = Method::GET;
            return;
        }
        if name.len() > METHOD_BYTES_MAX {
            return self.refuse(Refusal::server(
                StatusCode::NOT_IMPLEMENTED,
                "The method is longer than any this server implements.",
            ));
        }
        match Method::from_bytes(name) {
            Ok(method) => self.head.method = method,
            Err(_) => self.fails("The method is not a token."),
        }
    }

    #[inline(never)]
    fn special(&mut self, line: &Line<'_>) {
        match line.token {
            Token::Connection => {
                return self.fails("A field about a connection stands in a request.");
            }
            Token::Invalid => return self.fails("A field name holds a forbidden byte."),
            Token::Te if !line.value().eq_ignore_ascii_case(b"trailers") => {
                return self.fails("TE says something else than trailers.");
            }
            Token::Priority => self.priority = Some(Priority::parse(line.value())),
            Token::Cookie => self.cookies += 1,
            _ => {}
        }
        let field = self.keep_line(line);
        if matches!(line.token, Token::Host | Token::Steering) {
            if line.token == Token::Host {
                self.host = Some(field.value);
            }
            if let Err(refusal) = self.steering.see(line.name(), line.value(), field.value) {
                self.refuse(refusal);
            }
        }
    }

    /// The verdict on the block. `end`: whether the request ends with it. On success the head is whole, and its
    /// spans lie in the text.
    #[inline]
    pub fn finish(mut self, end: bool) -> Result<Beside, Unfit> {
        if self.wrong.is_none() && self.refusal.is_none() {
            self.complete(end);
        }
        if let Some(fault) = self.wrong {
            return Err(Unfit::Malformed(fault));
        }
        if let Some(refusal) = self.refusal {
            let to_head = self.head.method == Method::HEAD;
            return Err(Unfit::Refused(refusal.of_head(to_head), self.exceeded));
        }
        let is_tunnel = self.head.method == Method::CONNECT;
        let length = match self.head.framing {
            BodyFraming::Length(length) => Some(length),
            BodyFraming::None if !end && !is_tunnel => Some(0),
            BodyFraming::None | BodyFraming::Chunked => None,
        };
        if length == Some(0) {
            // The end of the body is still to come, though nothing is in it.
            self.head.framing = BodyFraming::Chunked;
        }
        Ok(Beside {
            protocol: self.protocol,
            is_tunnel,
            length,
            priority: self.priority.unwrap_or_default(),
        })
    }

    #[inline]
    fn complete(&mut self, end: bool) {
        if !self.seen.method {
            return self.fails("A request has no :method.");
        }
        let is_tunnel = self.head.method == Method::CONNECT && self.protocol.is_none();
        match (is_tunnel, self.seen.scheme, self.path.is_some()) {
            (true, false, false) | (false, true, true) => {}
            (true, _, _) => return self.fails("A CONNECT has a :scheme or a :path."),
            (false, _, _) => return self.fails("A request has no :scheme or no :path."),
        }
        // RFC 8441 section 4: :protocol belongs to CONNECT.
        if self.protocol.is_some() && self.head.method != Method::CONNECT {
            return self.fails("A :protocol stands in a request that is no CONNECT.");
        }
        if !is_tunnel || self.authority.is_some() {
            self.complete_host();
        }
        if self.cookies > 1 {
            self.join_cookies();
        }
        if self.wrong.is_none() && self.refusal.is_none() {
            self.complete_target(is_tunnel);
        }
        if self.wrong.is_none() && self.refusal.is_none() {
            self.conclude(end);
        }
    }

    /// Section 8.3.1: the authority is the host, and a Host beside it says the same. A request without either is answered as
    /// one of HTTP/1.1 without Host is.
    #[inline]
    fn complete_host(&mut self) {
        let Some(authority) = self.authority else {
            if self.host.is_none() {
                self.refusal.get_or_insert(NO_HOST);
            }
            return;
        };
        match self.host {
            Some(host) if host.of(self.text) != authority.of(self.text) => {
                self.fails("Host and :authority differ.");
            }
            Some(_) => {}
            None => {
                self.steering.host_is(authority);
                let name = self.keep(HOST);
                let field = FieldSpan {
                    name,
                    value: authority,
                };
                self.head.fields.push(field);
            }
        }
        self.host = Some(authority);
    }

    #[cold]
    fn join_cookies(&mut self) {
        let is_cookie = |field: &FieldSpan, text: &[u8]| field.name.of(text) == b"cookie";
        let text = &mut *self.text;
        let mut joined = Vec::new();
        for field in self
            .head
            .fields
            .iter()
            .filter(|field| is_cookie(field, text))
        {
            if !joined.is_empty() {
                joined.extend_from_slice(b"; ");
            }
            joined.extend_from_slice(field.value.of(text));
        }
        let mut is_first = true;
        self.head
            .fields
            .retain(|field| !is_cookie(field, text) || std::mem::take(&mut is_first));
        let value = self.keep(&joined);
        let text = &*self.text;
        let fields = &mut self.head.fields;
        if let Some(field) = fields.iter_mut().find(|field| is_cookie(field, text)) {
            field.value = value;
        }
    }

    #[inline]
    fn complete_target(&mut self, is_tunnel: bool) {
        let text = &self.text[..];
        let (target, split) = match (is_tunnel, self.path) {
            (true, _) | (false, None) => {
                let authority = self.authority.unwrap_or_default();
                (
                    authority,
                    target::split(&Method::CONNECT, authority.of(text)),
                )
            }
            (false, Some(path)) => {
                // An extended CONNECT has a path as any other request has; the form of its method would be
                // an authority.
                let method = match self.protocol {
                    Some(_) => &Method::GET,
                    None => &self.head.method,
                };
                (path, target::split(method, path.of(text)))
            }
        };
        let parts = match split {
            Ok(parts) => parts,
            Err(refusal) => return self.refuse(refusal),
        };
        if !is_tunnel && !matches!(parts.form, TargetForm::Origin | TargetForm::Asterisk) {
            return self.fails("The :path does not begin with a slash.");
        }
        let at = target.range().start;
        self.head.form = parts.form;
        self.head.target = target;
        self.head.path = parts.path.shifted(at);
        self.head.query = parts.query.map(|query| query.shifted(at));
    }

    #[inline]
    fn conclude(&mut self, end: bool) {
        let concluded = match self.steering.conclude(Version::HTTP_11) {
            Ok(concluded) => concluded,
            Err(refusal) => return self.refuse(refusal),
        };
        let has_length = concluded.framing != BodyFraming::None;
        if has_length && (end || self.head.method == Method::CONNECT) {
            return self.fails("A request without a body has a Content-Length.");
        }
        let head = &mut *self.head;
        head.version = Version::HTTP_2;
        // Section 8.5: what follows a CONNECT belongs to the tunnel.
        let is_tunnel = head.method == Method::CONNECT;
        head.framing = match (end || is_tunnel, concluded.framing) {
            (true, _) => BodyFraming::None,
            (false, BodyFraming::None) if !self.steering.has_length() => BodyFraming::Chunked,
            (false, framing) => framing,
        };
        head.keep_alive = true;
        // The end of the body is told by its frames, so that none has to be announced.
        let has_body = head.framing != BodyFraming::None;
        head.expect_continue = has_body && self.steering.expects_continue();
        head.upgrade = false;
        head.asks_core = concluded.asks_core;
        head.host = concluded.host;
        head.len = self.text.len();
    }
}

impl Sink for Builder<'_> {
    #[inline]
    fn line(&mut self, line: Line<'_>) {
        self.count += 1;
        self.size = self
            .size
            .saturating_add(line.both.len() as u32 + OVERHEAD_BYTES);
        if self.is_over {
            // The answer to a HEAD has no body, whatever is wrong with it.
            if line.token == Token::Method && line.value() == b"HEAD" {
                self.head.method = Method::HEAD;
            }
            return;
        }
        if self.size > self.limits.header_list_size {
            return self.exceeds(Budget::HeaderListSize);
        }
        if self.count > self.limits.header_count {
            return self.exceeds(Budget::HeaderCount);
        }
        if !line.valid {
            return self.fails(match line.token {
                Token::Authority | Token::Host => "The host is not a host and optional port.",
                _ => "A field value holds a forbidden byte, or space at an end.",
            });
        }
        if line.token.is_pseudo() {
            return self.pseudo(&line);
        }
        self.seen.regular = true;
        match line.token {
            Token::Other => {
                // Nobody asks for the place of any other field.
                let _ = self.keep_line(&line);
            }
            _ => self.special(&line),
        }
    }
}

/// The receiver of a block that ends a request. Fields that may not stand there are left out, as in HTTP/1.1.
pub struct Trailers<'l> {
    limits: &'l Limits,
    map: HeaderMap,
    size: u32,
    count: u32,
    wrong: Option<Fault>,
}

impl<'l> Trailers<'l> {
    /// A receiver of nothing yet.
    pub fn new(limits: &'l Limits) -> Trailers<'l> {
        Trailers {
            limits,
            map: HeaderMap::new(),
            size: 0,
            count: 0,
            wrong: None,
        }
    }

    /// The fields.
    ///
    /// # Errors
    /// The fields are malformed, or too many.
    pub fn finish(self) -> Result<Box<HeaderMap>, Fault> {
        match self.wrong {
            Some(fault) => Err(fault),
            None => Ok(Box::new(self.map)),
        }
    }

    fn fails(&mut self, fault: Fault) {
        self.wrong.get_or_insert(fault);
    }
}

impl Sink for Trailers<'_> {
    fn line(&mut self, line: Line<'_>) {
        self.count += 1;
        self.size = self
            .size
            .saturating_add(line.both.len() as u32 + OVERHEAD_BYTES);
        if self.size > self.limits.header_list_size {
            return self.fails(Fault::calm(Budget::HeaderListSize));
        }
        if self.count > self.limits.header_count {
            return self.fails(Fault::calm(Budget::HeaderCount));
        }
        match line.token {
            // Section 8.1: trailers have no pseudo-fields.
            token if token.is_pseudo() => {
                return self.fails(malformed("Trailers have a pseudo-field."));
            }
            Token::Connection => {
                return self.fails(malformed("A field about a connection stands in trailers."));
            }
            _ => {}
        }
        let name = HeaderName::from_bytes(line.name());
        let value = HeaderValue::from_bytes(line.value());
        match (line.token, line.valid, name, value) {
            (token, true, Ok(name), Ok(value)) if token != Token::Invalid => {
                if trailers::is_permitted(&name) {
                    self.map.append(name, value);
                }
            }
            _ => self.fails(malformed("A trailer field is malformed.")),
        }
    }
}
