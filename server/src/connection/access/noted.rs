//! A request as the access log will tell of it: its head is noted when it begins, since its handler takes the head away,
//! and what becomes of it is added on the way.

use super::Wants;
use crate::http1::head::Head;
use crate::observe::access::RequestLine;
use crate::observe::access::{Record, Stamp};
use http::Version;
use ringgate_runtime::Moment;
use std::net::SocketAddr;
use std::ops::Range;
use std::time::Duration;

/// Bytes of a value that are kept; the rest is left out of its line.
const VALUE_BYTES_MAX: usize = 8 << 10;
/// The status of a request that ended without any: nginx's, since no standard has one.
const CLOSED_REQUEST: u16 = 499;
/// Memory of a note that is kept to be used again.
const TEXT_KEPT_BYTES: usize = 2 << 10;

/// A note on one request.
#[derive(Debug)]
pub(in crate::connection) struct Noted {
    /// The method, the target and values of fields, or the bytes of what is no request, one behind the other.
    text: Vec<u8>,
    method: Range<u32>,
    target: Range<u32>,
    host: Option<Range<u32>>,
    referer: Option<Range<u32>>,
    agent: Option<Range<u32>>,
    id: Option<Range<u32>>,
    /// None if the bytes were no request.
    version: Option<Version>,
    pub(super) route: Option<u32>,
    /// The client, if the fields of a trusted proxy name it.
    pub(super) client: Option<SocketAddr>,
    stream: Option<u32>,
    /// Number of the request on its connection.
    request: u32,
    began: Moment,
    /// When the head of the answer was queued.
    answered: Option<Moment>,
    pub(in crate::connection) queue: Duration,
    /// 0 until it is answered.
    pub(super) status: u16,
    /// Bytes of the answer's body that were queued.
    pub(super) bytes: u64,
    /// The place of the last of them among all that the connection sends.
    pub(super) end: u64,
    /// Whether the bytes behind that place are what is counted: those of another protocol.
    pub(super) counts_on: bool,
    pub(super) reason: Option<&'static str>,
    /// When it was over without a whole answer.
    pub(super) aborted: Option<Moment>,
}

/// Where a request came from, and when its line is written.
pub(super) struct Surroundings<'r> {
    pub(super) time: &'r Stamp,
    pub(super) millis: u16,
    pub(super) now: Moment,
    pub(super) remote: &'r str,
    pub(super) port: u16,
    pub(super) core: u32,
    pub(super) connection: u64,
    pub(super) tls: Option<(&'static str, &'r str)>,
    pub(super) route: Option<&'r str>,
    /// Bytes of the connection that the kernel took.
    pub(super) sent: u64,
}

impl Noted {
    pub(super) fn blank() -> Box<Noted> {
        Box::new(Noted::none())
    }

    const fn none() -> Noted {
        Noted {
            text: Vec::new(),
            method: 0..0,
            target: 0..0,
            host: None,
            referer: None,
            agent: None,
            id: None,
            version: None,
            route: None,
            client: None,
            stream: None,
            request: 0,
            began: Moment::from_nanos(0),
            answered: None,
            queue: Duration::ZERO,
            status: 0,
            bytes: 0,
            end: 0,
            counts_on: false,
            reason: None,
            aborted: None,
        }
    }

    /// Forgets the request before.
    fn begin(&mut self, request: u32, began: Moment) {
        if self.text.capacity() > TEXT_KEPT_BYTES {
            self.text = Vec::new();
        }
        self.text.clear();
        let text = std::mem::take(&mut self.text);
        *self = Noted {
            text,
            request,
            began,
            ..Noted::none()
        };
    }

    /// Notes the head of a request.
    pub(super) fn head(&mut self, head: &Head, bytes: &[u8], wants: Wants, at: (u32, Moment)) {
        self.begin(at.0, at.1);
        self.version = Some(head.version);
        self.method = self.keep(head.method.as_str().as_bytes());
        self.target = self.keep(head.target.of(bytes));
        for field in head.fields() {
            let name = field.name.of(bytes);
            match name.len() {
                7 if self.referer.is_none() && name.eq_ignore_ascii_case(b"referer") => {
                    self.referer = Some(self.keep(field.value.of(bytes)));
                }
                10 if self.agent.is_none() && name.eq_ignore_ascii_case(b"user-agent") => {
                    self.agent = Some(self.keep(field.value.of(bytes)));
                }
                _ => {}
            }
        }
        if wants.host {
            self.host = Some(self.keep(head.host(bytes).as_bytes()));
        }
    }

    /// Notes bytes that are no request, as far as their first line goes.
    pub(super) fn raw(&mut self, bytes: &[u8], at: (u32, Moment)) {
        self.begin(at.0, at.1);
        let is_end = |byte: &u8| *byte == b'\n' || *byte == b'\r';
        let end = bytes.iter().position(is_end).unwrap_or(bytes.len());
        self.target = self.keep(&bytes[..end]);
    }

    /// Notes the id of the request, if it has one.
    pub(super) fn is_named(&mut self, id: Option<&[u8]>) {
        if let Some(id) = id {
            self.id = Some(self.keep(id));
        }
    }

    /// Whether its id is noted.
    pub(super) fn has_id(&self) -> bool {
        self.id.is_some()
    }

    pub(super) fn goes_to(&mut self, route: Option<u32>, stream: Option<u32>) {
        self.route = route;
        self.stream = stream;
    }

    fn keep(&mut self, bytes: &[u8]) -> Range<u32> {
        let from = self.text.len() as u32;
        let kept = &bytes[..bytes.len().min(VALUE_BYTES_MAX)];
        self.text.extend_from_slice(kept);
        from..self.text.len() as u32
    }

    fn of(&self, range: &Range<u32>) -> &[u8] {
        &self.text[range.start as usize..range.end as usize]
    }

    /// The head of the answer is queued, with so many bytes of its body behind it.
    #[inline]
    pub(in crate::connection) fn answer(&mut self, status: u16, bytes: u64, now: Moment) {
        self.status = status;
        self.bytes = bytes;
        self.answered = Some(now);
    }

    /// So many bytes of the body more are queued.
    pub(in crate::connection) fn add(&mut self, bytes: usize) {
        self.bytes += bytes as u64;
    }

    /// The answer, as far as it is queued, ends at this place of all that the connection sends.
    pub(in crate::connection) fn ends_at(&mut self, end: u64) {
        self.end = end;
    }

    /// The gate refused the request, or the server did.
    pub(in crate::connection) fn refused(&mut self, reason: &'static str) {
        self.reason = Some(reason);
    }

    /// Whether nothing went wrong, so that the line may be left out.
    pub(super) fn is_well(&self) -> bool {
        self.aborted.is_none() && self.reason.is_none() && (1..400).contains(&self.status)
    }

    /// How long it took.
    pub(super) fn took(&self, now: Moment) -> Duration {
        self.aborted.unwrap_or(now) - self.began
    }

    pub(super) fn record<'r>(&'r self, around: &Surroundings<'r>) -> Record<'r> {
        let line = match self.version {
            Some(version) => RequestLine::Parsed {
                method: self.of(&self.method),
                target: self.of(&self.target),
                protocol: protocol(version),
            },
            None => RequestLine::Raw(self.of(&self.target)),
        };
        let unsent = self.end.saturating_sub(around.sent);
        let bytes = match (self.counts_on, self.aborted) {
            (true, _) => around.sent.saturating_sub(self.end),
            (false, Some(_)) => self.bytes.saturating_sub(unsent),
            (false, None) => self.bytes,
        };
        Record {
            time: around.time,
            millis: around.millis,
            remote: around.remote,
            port: around.port,
            line,
            host: self.host.as_ref().map(|range| self.of(range)),
            referer: self.referer.as_ref().map(|range| self.of(range)),
            user_agent: self.agent.as_ref().map(|range| self.of(range)),
            status: match self.status {
                0 => CLOSED_REQUEST,
                status => status,
            },
            bytes,
            first_byte: self.answered.map(|answered| answered - self.began),
            duration: self.took(around.now),
            queue: self.queue,
            core: around.core,
            connection: around.connection,
            request: self.request,
            stream: self.stream,
            id: self.id.as_ref().map(|range| self.of(range)),
            tls: around.tls,
            route: around.route,
            reason: self.reason,
            aborted: self.aborted.is_some(),
        }
    }
}

fn protocol(version: Version) -> &'static str {
    match version {
        Version::HTTP_10 => "HTTP/1.0",
        Version::HTTP_2 => "HTTP/2.0",
        _ => "HTTP/1.1",
    }
}
