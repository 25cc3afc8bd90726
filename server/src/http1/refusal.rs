//! The answer to a message that cannot be served as it stands: a status, one sentence, and who
//! is at fault. Made by the parsers of this module, rendered by [`super::response`]; deliberately
//! without any detail of the offending bytes, which belong neither in an answer nor in a log line.

use ::http::StatusCode;
use std::fmt;

/// The side that broke the rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Peer {
    /// The message violates the protocol or a limit of this server: the client must change it.
    Client,
    /// The message is well formed, but this server does not implement what it asks for.
    Server,
}

/// A message that is not served. The connection closes after the answer, because after a framing
/// error nothing says where the next request begins (RFC 9112 section 6.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Refusal {
    /// Status of the answer.
    pub status: StatusCode,
    /// One sentence for the client and for the log: what is wrong.
    pub reason: &'static str,
    /// The side at fault.
    pub guilty: Peer,
    /// Whether the message is known to be a HEAD: the answer has no body then (RFC 9110 section 9.3.2).
    pub to_head: bool,
}

impl Refusal {
    /// The refusal of a message that is a HEAD, or is none.
    #[must_use]
    pub const fn of_head(mut self, to_head: bool) -> Self {
        self.to_head = to_head;
        self
    }

    /// 400: the bytes are not a valid message (RFC 9110 section 15.5.1).
    #[cold]
    pub const fn bad_request(reason: &'static str) -> Self {
        Self {
            status: StatusCode::BAD_REQUEST,
            reason,
            guilty: Peer::Client,
            to_head: false,
        }
    }

    /// Any other 4xx: the client asked for something that a limit or a rule forbids.
    #[cold]
    pub const fn client(status: StatusCode, reason: &'static str) -> Self {
        Self {
            status,
            reason,
            guilty: Peer::Client,
            to_head: false,
        }
    }

    /// 501 or 505: valid, but not implemented here.
    #[cold]
    pub const fn server(status: StatusCode, reason: &'static str) -> Self {
        Self {
            status,
            reason,
            guilty: Peer::Server,
            to_head: false,
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.status.as_u16(), self.reason)
    }
}

impl std::error::Error for Refusal {}
