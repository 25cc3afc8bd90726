//! The counts of a run over WebSocket, and the report that is made of them.
//!
//! The field names of the report are an interface (docs/benchmarking.md).

use std::collections::BTreeMap;
use std::fmt;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use serde::Serialize;

use crate::load::broken::Broken;
use crate::load::options::Options;
use crate::load::report::{LatencyReport, TlsReport};
use crate::load::tally::{TlsTally, histogram};
use crate::load::websocket::connection::End;
use crate::load::websocket::options::Pattern;

/// The counts of one worker, or of all workers together.
#[derive(Debug)]
pub(super) struct Tally {
    pub(super) sent: u64,
    /// Deliveries that were due: one for each message and receiver.
    pub(super) expected: u64,
    /// Of `expected`: those that came, each counted once.
    pub(super) received: u64,
    /// Of `received`: those that came in the warm-up.
    pub(super) received_before: u64,
    pub(super) out_of_order: u64,
    pub(super) doubled: u64,
    pub(super) wrong: u64,
    pub(super) latency: Histogram<u64>,
    pub(super) pings: u64,
    pub(super) bytes_sent: u64,
    pub(super) bytes_received: u64,
    pub(super) ended: BTreeMap<String, u64>,
    pub(super) first_error: Option<String>,
    pub(super) unclosed: u64,
    pub(super) broken: Vec<Broken>,
    pub(super) tls: TlsTally,
    /// When the last message came or the last connection ended.
    pub(super) last: Instant,
}

impl Tally {
    pub(super) fn new(start: Instant) -> Self {
        Self {
            sent: 0,
            expected: 0,
            received: 0,
            received_before: 0,
            out_of_order: 0,
            doubled: 0,
            wrong: 0,
            latency: histogram(),
            pings: 0,
            bytes_sent: 0,
            bytes_received: 0,
            ended: BTreeMap::new(),
            first_error: None,
            unclosed: 0,
            broken: Vec::new(),
            tls: TlsTally::default(),
            last: start,
        }
    }

    /// Counts a connection that ended before the run did.
    pub(super) fn end(&mut self, end: &End) {
        *self.ended.entry(end.reason.clone()).or_default() += 1;
        if !end.detail.is_empty() {
            self.first_error.get_or_insert_with(|| end.detail.clone());
        }
    }

    /// Adds another worker's counts.
    pub(super) fn add(&mut self, other: Self) {
        self.sent += other.sent;
        self.expected += other.expected;
        self.received += other.received;
        self.received_before += other.received_before;
        self.out_of_order += other.out_of_order;
        self.doubled += other.doubled;
        self.wrong += other.wrong;
        self.latency
            .add(&other.latency)
            .expect("both histograms have the same bounds");
        self.pings += other.pings;
        self.bytes_sent += other.bytes_sent;
        self.bytes_received += other.bytes_received;
        for (reason, count) in other.ended {
            *self.ended.entry(reason).or_default() += count;
        }
        self.first_error = self.first_error.take().or(other.first_error);
        self.unclosed += other.unclosed;
        self.broken.extend(other.broken);
        self.tls.add(other.tls);
        self.last = self.last.max(other.last);
    }
}

/// The outcome of a run over WebSocket. `expected` equals `received` and `lost` together.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// The target as given.
    pub target: String,
    /// The receivers of a message.
    pub pattern: Pattern,
    /// Connections.
    pub connections: usize,
    /// Client threads.
    pub threads: usize,
    /// Messages sent together.
    pub pipeline: usize,
    /// Bytes of each message.
    pub payload: usize,
    /// Messages a second of the timetable; `null` in closed loop.
    pub rate: Option<u64>,
    /// Messages sent.
    pub sent: u64,
    /// Deliveries that were due: one for each message and receiver.
    pub expected: u64,
    /// Of these: those that came, each counted once.
    pub received: u64,
    /// Of these: those that came after the warm-up.
    pub received_measured: u64,
    /// Deliveries that never came.
    pub lost: u64,
    /// Messages that came once more.
    pub doubled: u64,
    /// Of `received`: those that came behind one that was sent after them.
    pub out_of_order: u64,
    /// Messages that were not what was sent.
    pub wrong: u64,
    /// Seconds from the start to the last message.
    pub elapsed_seconds: f64,
    /// `received / elapsed_seconds`.
    pub messages_per_second: f64,
    /// From sending, or from the timetable, to each delivery.
    pub latency_us: LatencyReport,
    /// Pings that were answered.
    pub pings: u64,
    /// Bytes written to sockets.
    pub bytes_sent: u64,
    /// Bytes read from sockets.
    pub bytes_received: u64,
    /// Connections that ended before the run did, by reason. None is made anew.
    pub ended: BTreeMap<String, u64>,
    /// The fault of the first of them that ended by one; `null` if there was none.
    pub first_error: Option<String>,
    /// Connections whose Close the server did not answer with its own and the end of the stream.
    pub unclosed: u64,
    /// The connections of `ended` one by one, with the messages that were due on each, the first 10,000 of a thread.
    pub broken: Vec<Broken>,
    /// The part of TLS; `null` for a target without.
    pub tls: Option<TlsReport>,
}

impl Report {
    pub(super) fn new(options: &Options, pattern: Pattern, start: Instant, tally: &Tally) -> Self {
        let elapsed = tally.last.saturating_duration_since(start);
        Self {
            target: options.target.to_string(),
            pattern,
            connections: options.connections,
            threads: options.threads,
            pipeline: options.pipeline,
            payload: options.websocket.payload,
            rate: options.rate.map(|rate| rate.get()),
            sent: tally.sent,
            expected: tally.expected,
            received: tally.received,
            received_measured: tally.received - tally.received_before,
            lost: tally.expected - tally.received,
            doubled: tally.doubled,
            out_of_order: tally.out_of_order,
            wrong: tally.wrong,
            elapsed_seconds: elapsed.as_secs_f64(),
            messages_per_second: match elapsed {
                Duration::ZERO => 0.0,
                elapsed => tally.received as f64 / elapsed.as_secs_f64(),
            },
            latency_us: LatencyReport::of(&tally.latency),
            pings: tally.pings,
            bytes_sent: tally.bytes_sent,
            bytes_received: tally.bytes_received,
            ended: tally.ended.clone(),
            first_error: tally.first_error.clone(),
            unclosed: tally.unclosed,
            broken: tally.broken.clone(),
            tls: options.target.tls.then(|| TlsReport::of(&tally.tls)),
        }
    }

    /// All that should not have happened, for example `lost 3, doubled 1, ended by cut 1`; empty if nothing.
    pub fn failures(&self) -> String {
        let named = [
            ("lost", self.lost),
            ("doubled", self.doubled),
            ("out of order", self.out_of_order),
            ("wrong", self.wrong),
            ("unclosed", self.unclosed),
        ];
        let mut texts: Vec<_> = (named.iter())
            .filter(|(_, count)| *count > 0)
            .map(|(name, count)| format!("{name} {count}"))
            .collect();
        let ended = self.ended.iter();
        texts.extend(ended.map(|(reason, count)| format!("ended by {reason} {count}")));
        texts.extend(self.first_error.clone());
        texts.join(", ")
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let pattern = match self.pattern {
            Pattern::Echo => "echo",
            Pattern::FanOut => "fan-out",
        };
        writeln!(
            f,
            "{}  WebSocket {pattern}, {} connections, {} threads, messages of {} bytes, {} together",
            self.target, self.connections, self.threads, self.payload, self.pipeline
        )?;
        writeln!(
            f,
            "sent {}, expected {} = received {} + lost {}",
            self.sent, self.expected, self.received, self.lost
        )?;
        let failures = self.failures();
        let failures = match failures.as_str() {
            "" => "nothing was lost, doubled or out of order, and no connection ended",
            failures => failures,
        };
        writeln!(f, "{failures}")?;
        writeln!(
            f,
            "{:.0} messages/s over {:.2} s",
            self.messages_per_second, self.elapsed_seconds
        )?;
        writeln!(f, "latency us: {}", self.latency_us)?;
        write!(
            f,
            "bytes sent {} received {}, pings {}",
            self.bytes_sent, self.bytes_received, self.pings
        )?;
        match &self.tls {
            None => Ok(()),
            Some(tls) => write!(f, "\n{tls}"),
        }
    }
}
