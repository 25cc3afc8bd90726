//! The buckets: where requests end, and the ledger that proves that none was lost.
//!
//! A worker calls [`Tally::issue`] once for each request and [`Tally::end`] once for each outcome.
//! [`Tally::reclassify`] is the only way out of a bucket: an answer was fine until bytes that nobody
//! asked for came behind it. No clock and no I/O here.

use std::collections::{BTreeMap, HashSet};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;

use crate::load::broken::Broken;
use crate::load::http2::Http2Tally;
use crate::load::tls::Agreed;

/// Highest latency the histogram tells apart; longer ones are recorded as this.
const LATENCY_MAX: Duration = Duration::from_secs(3600);
/// Values of a tracked header that are told apart; the rest is counted under [`OTHER_VALUES`].
const TRACKED_VALUES_MAX: usize = 1024;
/// The name under which further values of a tracked header are counted.
const OTHER_VALUES: &str = "(other)";

/// Where a request ended. Exactly one for each request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// A complete 2xx answer that was what it had to be.
    Ok,
    /// A complete answer with another status.
    Status(u16),
    /// The connection was refused.
    Refused,
    /// ECONNRESET or EPIPE before a complete answer.
    Reset,
    /// The stream ended before a complete answer.
    Cut,
    /// No complete answer in time.
    Timeout,
    /// The server reset the stream of HTTP/2 (RST_STREAM), and not because it had done nothing for it.
    StreamReset,
    /// The handshake failed, or a record was not what it had to be.
    TlsFailed,
    /// The framing or the body was not what it had to be.
    Wrong,
    /// The answer was followed by bytes that nobody asked for.
    Doubled,
    /// The machine of the client could not make the connection (no port, no descriptor): not the server's doing.
    Local,
}

impl Outcome {
    /// As the report calls its bucket.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Outcome::Ok => "ok",
            Outcome::Status(_) => "status",
            Outcome::Refused => "refused",
            Outcome::Reset => "reset",
            Outcome::Cut => "cut",
            Outcome::Timeout => "timeout",
            Outcome::StreamReset => "stream_reset",
            Outcome::TlsFailed => "tls_failed",
            Outcome::Wrong => "wrong",
            Outcome::Doubled => "doubled",
            Outcome::Local => "local",
        }
    }
}

/// The counts of one worker, or of all workers together.
#[derive(Debug)]
pub(crate) struct Tally {
    pub(crate) issued: u64,
    pub(crate) ok: u64,
    pub(crate) status: BTreeMap<u16, u64>,
    pub(crate) refused: u64,
    pub(crate) reset: u64,
    pub(crate) cut: u64,
    pub(crate) timeout: u64,
    pub(crate) stream_reset: u64,
    pub(crate) tls_failed: u64,
    pub(crate) wrong: u64,
    pub(crate) doubled: u64,
    pub(crate) local: u64,
    /// Latency of complete answers (ok and status), in nanoseconds.
    pub(crate) latency: Histogram<u64>,
    /// Latency of the 2xx answers alone.
    pub(crate) ok_latency: Histogram<u64>,
    /// As `ok_latency`, from when a connection took the request up.
    pub(crate) ok_taken: Histogram<u64>,
    /// Of `timeout`: requests that no connection took up in time.
    pub(crate) unsent: u64,
    pub(crate) bytes_sent: u64,
    pub(crate) bytes_received: u64,
    pub(crate) unasked_bytes: u64,
    pub(crate) connects: u64,
    pub(crate) reconnects: u64,
    pub(crate) idle_closed: u64,
    pub(crate) unclosed: u64,
    pub(crate) broken: Vec<Broken>,
    pub(crate) local_addresses: HashSet<SocketAddr>,
    pub(crate) tracked: BTreeMap<String, u64>,
    pub(crate) tls: TlsTally,
    pub(crate) http2: Http2Tally,
    /// Of `ok`: those that ended in the warm-up.
    pub(crate) ok_before: u64,
    /// When the last outcome was counted.
    pub(crate) last: Instant,
    /// Requests issued before this instant have no part in the latencies.
    pub(crate) measured_from: Instant,
}

/// Counts of TLS beside the requests.
#[derive(Debug, Default)]
pub(crate) struct TlsTally {
    /// Handshakes by what they ended in.
    pub(crate) agreed: BTreeMap<Agreed, u64>,
    pub(crate) key_updates: u64,
    /// Streams of an open session that ended without close_notify.
    pub(crate) unnotified: u64,
    /// The first thing that went wrong.
    pub(crate) first_error: Option<String>,
}

/// An empty histogram of latencies in nanoseconds.
pub(crate) fn histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1, LATENCY_MAX.as_nanos() as u64, 3)
        .expect("three digits between 1 ns and an hour are valid bounds")
}

impl TlsTally {
    pub(crate) fn add(&mut self, other: Self) {
        for (agreed, count) in other.agreed {
            *self.agreed.entry(agreed).or_default() += count;
        }
        self.key_updates += other.key_updates;
        self.unnotified += other.unnotified;
        self.first_error = self.first_error.take().or(other.first_error);
    }
}

impl Tally {
    pub(crate) fn new(start: Instant) -> Self {
        Self {
            issued: 0,
            ok: 0,
            status: BTreeMap::new(),
            refused: 0,
            reset: 0,
            cut: 0,
            timeout: 0,
            stream_reset: 0,
            tls_failed: 0,
            wrong: 0,
            doubled: 0,
            local: 0,
            latency: histogram(),
            ok_latency: histogram(),
            ok_taken: histogram(),
            unsent: 0,
            bytes_sent: 0,
            bytes_received: 0,
            unasked_bytes: 0,
            connects: 0,
            reconnects: 0,
            idle_closed: 0,
            unclosed: 0,
            broken: Vec::new(),
            local_addresses: HashSet::new(),
            tracked: BTreeMap::new(),
            tls: TlsTally::default(),
            http2: Http2Tally::default(),
            ok_before: 0,
            last: start,
            measured_from: start,
        }
    }

    pub(crate) fn issue(&mut self, requests: u64) {
        self.issued += requests;
    }

    /// Counts a request's outcome at `now`, `since` it was issued (or scheduled).
    pub(crate) fn end(&mut self, outcome: Outcome, since: Instant, now: Instant) {
        *self.bucket(outcome) += 1;
        let complete = matches!(outcome, Outcome::Ok | Outcome::Status(_));
        if complete && since >= self.measured_from {
            let nanoseconds = now.saturating_duration_since(since).as_nanos() as u64;
            self.latency.saturating_record(nanoseconds.max(1));
            if outcome == Outcome::Ok {
                self.ok_latency.saturating_record(nanoseconds.max(1));
            }
        }
        self.last = self.last.max(now);
    }

    /// The outcome of a request that a connection took up at `taken`. Within the warm-up it has no part in the times.
    pub(crate) fn end_of_taken(&mut self, outcome: Outcome, taken: Instant, now: Instant) {
        if outcome == Outcome::Ok && taken >= self.measured_from {
            let nanoseconds = now.saturating_duration_since(taken).as_nanos() as u64;
            self.ok_taken.saturating_record(nanoseconds.max(1));
        }
    }

    /// Moves one request from the bucket it was counted in to another.
    pub(crate) fn reclassify(&mut self, from: Outcome, to: Outcome) {
        *self.bucket(from) -= 1;
        *self.bucket(to) += 1;
    }

    /// Requests that have an outcome.
    pub(crate) fn ended(&self) -> u64 {
        self.ok
            + self.status.values().sum::<u64>()
            + self.refused
            + self.reset
            + self.cut
            + self.timeout
            + self.stream_reset
            + self.tls_failed
            + self.wrong
            + self.doubled
            + self.local
    }

    /// Counts one value of the tracked header (`None`: the answer had none).
    pub(crate) fn track(&mut self, value: Option<&[u8]>) {
        let value = String::from_utf8_lossy(value.unwrap_or(b"(absent)"));
        if let Some(count) = self.tracked.get_mut(value.as_ref()) {
            *count += 1;
            return;
        }
        let key = if self.tracked.len() < TRACKED_VALUES_MAX {
            value.as_ref()
        } else {
            OTHER_VALUES
        };
        *self.tracked.entry(key.to_owned()).or_default() += 1;
    }

    /// Adds another worker's counts.
    pub(crate) fn add(&mut self, other: Self) {
        self.issued += other.issued;
        self.ok += other.ok;
        for (code, count) in other.status {
            *self.status.entry(code).or_default() += count;
        }
        self.refused += other.refused;
        self.reset += other.reset;
        self.cut += other.cut;
        self.timeout += other.timeout;
        self.stream_reset += other.stream_reset;
        self.tls_failed += other.tls_failed;
        self.wrong += other.wrong;
        self.doubled += other.doubled;
        self.local += other.local;
        self.latency
            .add(&other.latency)
            .expect("both histograms have the same bounds");
        self.ok_latency
            .add(&other.ok_latency)
            .expect("both histograms have the same bounds");
        self.ok_taken
            .add(&other.ok_taken)
            .expect("both histograms have the same bounds");
        self.unsent += other.unsent;
        self.bytes_sent += other.bytes_sent;
        self.bytes_received += other.bytes_received;
        self.unasked_bytes += other.unasked_bytes;
        self.connects += other.connects;
        self.reconnects += other.reconnects;
        self.idle_closed += other.idle_closed;
        self.broken.extend(other.broken);
        self.unclosed += other.unclosed;
        self.local_addresses.extend(other.local_addresses);
        for (value, count) in other.tracked {
            *self.tracked.entry(value).or_default() += count;
        }
        self.tls.add(other.tls);
        self.http2.add(other.http2);
        self.ok_before += other.ok_before;
        self.last = self.last.max(other.last);
    }

    fn bucket(&mut self, outcome: Outcome) -> &mut u64 {
        match outcome {
            Outcome::Ok => &mut self.ok,
            Outcome::Status(code) => self.status.entry(code).or_default(),
            Outcome::Refused => &mut self.refused,
            Outcome::Reset => &mut self.reset,
            Outcome::Cut => &mut self.cut,
            Outcome::Timeout => &mut self.timeout,
            Outcome::StreamReset => &mut self.stream_reset,
            Outcome::TlsFailed => &mut self.tls_failed,
            Outcome::Wrong => &mut self.wrong,
            Outcome::Doubled => &mut self.doubled,
            Outcome::Local => &mut self.local,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_outcome_has_one_bucket_and_only_complete_answers_a_latency() {
        let start = Instant::now();
        let mut tally = Tally::new(start);
        let all = [
            Outcome::Ok,
            Outcome::Status(503),
            Outcome::Refused,
            Outcome::Reset,
            Outcome::Cut,
            Outcome::Timeout,
            Outcome::TlsFailed,
            Outcome::Wrong,
            Outcome::Doubled,
            Outcome::Local,
        ];
        for (n, outcome) in all.into_iter().enumerate() {
            tally.end(outcome, start, start + Duration::from_millis(1));
            assert_eq!(tally.ended(), n as u64 + 1, "{outcome:?}");
        }
        assert_eq!(tally.latency.len(), 2);
        tally.reclassify(Outcome::Ok, Outcome::Doubled);
        assert_eq!((tally.ok, tally.doubled, tally.ended()), (0, 2, 10));
    }

    #[test]
    fn what_is_issued_in_the_warm_up_counts_but_has_no_latency() {
        let start = Instant::now();
        let mut tally = Tally::new(start);
        tally.measured_from = start + Duration::from_secs(1);
        let answered = start + Duration::from_secs(3);
        tally.end(Outcome::Ok, start + Duration::from_millis(999), answered);
        assert_eq!((tally.ok, tally.latency.len()), (1, 0));
        tally.end(Outcome::Ok, start + Duration::from_secs(1), answered);
        assert_eq!((tally.ok, tally.latency.len()), (2, 1));
        assert_eq!(tally.ok_latency.len(), 1);
        tally.end_of_taken(Outcome::Ok, start + Duration::from_millis(999), answered);
        assert_eq!(tally.ok_taken.len(), 0);
        tally.end_of_taken(Outcome::Ok, start + Duration::from_secs(1), answered);
        assert_eq!(tally.ok_taken.len(), 1);
    }

    #[test]
    fn tracked_values_are_bounded() {
        let mut tally = Tally::new(Instant::now());
        for value in 0..2 * TRACKED_VALUES_MAX {
            tally.track(Some(value.to_string().as_bytes()));
        }
        tally.track(Some(b"0"));
        assert_eq!(tally.tracked.len(), TRACKED_VALUES_MAX + 1);
        assert_eq!(tally.tracked["0"], 2);
        assert_eq!(tally.tracked[OTHER_VALUES], TRACKED_VALUES_MAX as u64);
    }
}
