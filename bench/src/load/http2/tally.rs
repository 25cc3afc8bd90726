//! Counts of HTTP/2 beside the requests, and their report.

use std::collections::BTreeMap;
use std::fmt;

use ringgate::http2::ErrorCode;
use serde::Serialize;

/// The counts of one worker, or of all workers together.
#[derive(Debug, Default)]
pub(crate) struct Http2Tally {
    /// Streams that were refused, so that their requests were sent again.
    pub(crate) refused: u64,
    /// Streams behind the last one of a GOAWAY, whose requests were sent again.
    pub(crate) unprocessed: u64,
    /// Streams that the server reset, by code.
    pub(crate) resets: BTreeMap<u32, u64>,
    /// GOAWAY frames that came before this side left, by code.
    pub(crate) goaways: BTreeMap<u32, u64>,
    /// The first thing that broke a rule.
    pub(crate) first_error: Option<String>,
}

impl Http2Tally {
    pub(crate) fn add(&mut self, other: Self) {
        self.refused += other.refused;
        self.unprocessed += other.unprocessed;
        for (code, count) in other.resets {
            *self.resets.entry(code).or_default() += count;
        }
        for (code, count) in other.goaways {
            *self.goaways.entry(code).or_default() += count;
        }
        self.first_error = self.first_error.take().or(other.first_error);
    }
}

/// The part of a report that only HTTP/2 has.
#[derive(Debug, Clone, Serialize)]
pub struct Http2Report {
    /// Requests under way at a time on each connection.
    pub streams: usize,
    /// Times that a request was sent again because its stream was refused (REFUSED_STREAM).
    pub refused_streams: u64,
    /// Times that a request was sent again because GOAWAY named an earlier stream as the last one.
    pub unprocessed: u64,
    /// Streams that the server reset, by the name of the code; each is a request in `stream_reset`.
    pub resets: BTreeMap<String, u64>,
    /// GOAWAY frames that came before this side left, by the name of the code.
    pub goaways: BTreeMap<String, u64>,
    /// The first thing that broke a rule of the protocol; `null` if nothing did.
    pub first_error: Option<String>,
}

impl Http2Report {
    pub(crate) fn of(tally: &Http2Tally, streams: usize) -> Self {
        let named = |counts: &BTreeMap<u32, u64>| {
            let mut named = BTreeMap::new();
            for (code, count) in counts {
                *named.entry(ErrorCode(*code).to_string()).or_default() += count;
            }
            named
        };
        Self {
            streams,
            refused_streams: tally.refused,
            unprocessed: tally.unprocessed,
            resets: named(&tally.resets),
            goaways: named(&tally.goaways),
            first_error: tally.first_error.clone(),
        }
    }
}

impl fmt::Display for Http2Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "HTTP/2: {} streams, sent again {} (refused) and {} (behind the last of a GOAWAY)",
            self.streams, self.refused_streams, self.unprocessed
        )?;
        for (what, counts) in [("reset", &self.resets), ("GOAWAY", &self.goaways)] {
            for (code, count) in counts {
                write!(f, ", {what} {code} {count}")?;
            }
        }
        match &self.first_error {
            None => Ok(()),
            Some(error) => write!(f, "\nfirst breach of HTTP/2: {error}"),
        }
    }
}
