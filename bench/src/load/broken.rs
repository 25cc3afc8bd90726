//! Connections that ended otherwise than they should, one by one: what a storm has to explain.
//!
//! The counts are the tally's; this says which connection took which requests along, and when.

use std::net::SocketAddr;
use std::time::{SystemTime, UNIX_EPOCH};

use serde::Serialize;

/// Entries that one run keeps. Further ones are in the counts alone.
const KEPT_MAX: usize = 10_000;

/// A connection that broke, or a request that was lost on one that lives.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Broken {
    /// Local address of the connection; `null` for a Unix socket, and where there was no connection.
    pub local: Option<SocketAddr>,
    /// The bucket of its requests; `idle_closed` for a kept connection without any.
    pub how: String,
    /// Requests, or messages that were due, that have no answer.
    pub requests: u64,
    /// When it was noticed, in milliseconds since 1970.
    pub at_ms: u64,
}

/// The time now, in milliseconds since 1970: one that several processes share.
pub(crate) fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| since.as_millis() as u64)
}

/// Keeps an entry, while there is room.
pub(crate) fn note(
    list: &mut Vec<Broken>,
    local: Option<SocketAddr>,
    how: impl Into<String>,
    requests: u64,
) {
    if list.len() < KEPT_MAX {
        list.push(Broken {
            local,
            how: how.into(),
            requests,
            at_ms: now_ms(),
        });
    }
}
