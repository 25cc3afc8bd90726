//! The report of a load run: one object with stable field names, and a text of it for people.
//!
//! Built once by [`crate::load::run`]. The field names are an interface (docs/benchmarking.md).

use std::collections::BTreeMap;
use std::fmt;
use std::time::Instant;

use hdrhistogram::Histogram;
use serde::Serialize;

use crate::load::broken::Broken;
use crate::load::http2::Http2Report;
use crate::load::options::{Method, Mode, Options};
use crate::load::tally::{Tally, TlsTally};

/// The outcome of a load run. `issued` equals the sum of all buckets, `ok` to `local`.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// The target as given.
    pub target: String,
    /// Keep-alive or one connection per request.
    pub mode: Mode,
    /// The request method.
    pub method: Method,
    /// Connections that carried requests.
    pub connections: usize,
    /// Client threads.
    pub threads: usize,
    /// Requests sent together on one connection.
    pub pipeline: usize,
    /// Requests a second of the timetable; `null` in closed loop.
    pub rate: Option<u64>,
    /// Requests issued.
    pub issued: u64,
    /// Complete 2xx answers that were what they had to be.
    pub ok: u64,
    /// Of `ok`: those that ended after the warm-up.
    pub ok_measured: u64,
    /// Complete answers with another status, by code.
    pub status: BTreeMap<u16, u64>,
    /// Connection refused.
    pub refused: u64,
    /// ECONNRESET or EPIPE before a complete answer.
    pub reset: u64,
    /// End of stream before a complete answer.
    pub cut: u64,
    /// No complete answer within the timeout.
    pub timeout: u64,
    /// The server reset the stream of HTTP/2 (RST_STREAM) before a complete answer.
    pub stream_reset: u64,
    /// A handshake that failed, or a record that was not what it had to be.
    pub tls_failed: u64,
    /// Framing or body not what it had to be.
    pub wrong: u64,
    /// Answers followed by bytes nobody asked for.
    pub doubled: u64,
    /// Requests for which this machine could not make a connection.
    pub local: u64,
    /// Seconds from the start to the last outcome.
    pub elapsed_seconds: f64,
    /// `ok / elapsed_seconds`.
    pub requests_per_second: f64,
    /// Latency of complete answers (`ok` and `status`).
    pub latency_us: LatencyReport,
    /// Latency of `ok` alone.
    pub ok_latency_us: LatencyReport,
    /// As `ok_latency_us`, from when a connection took the request up: without the time for which it
    /// waited in this program for one to be free.
    pub ok_taken_us: LatencyReport,
    /// Of the timeouts: requests that no connection took up in time.
    pub unsent: u64,
    /// Bytes written to sockets.
    pub bytes_sent: u64,
    /// Bytes read from sockets.
    pub bytes_received: u64,
    /// Bytes that belonged to no request.
    pub unasked_bytes: u64,
    /// Connections that were begun, refused ones included.
    pub connects: u64,
    /// Connections among `connects` that took the place of an earlier one (keep-alive mode only).
    pub reconnects: u64,
    /// Connections the server ended unannounced while no request was outstanding.
    pub idle_closed: u64,
    /// Connections the server announced to close and then kept open for the timeout.
    pub unclosed: u64,
    /// Connections that ended otherwise than they should, the first 10,000 of a thread.
    pub broken: Vec<Broken>,
    /// Different local addresses and ports used (TCP).
    pub distinct_local_ports: usize,
    /// Values of the header of `--track-header`, with how many answers had each.
    pub tracked_header: Option<TrackedHeader>,
    /// The fate of the `--idle` connections.
    pub idle: Option<IdleReport>,
    /// The part of TLS; `null` for a target without.
    pub tls: Option<TlsReport>,
    /// The part of HTTP/2; `null` over HTTP/1.1.
    pub http2: Option<Http2Report>,
}

/// Latency in microseconds. All zero if there was no complete answer.
#[derive(Debug, Clone, Serialize)]
pub struct LatencyReport {
    /// Median.
    pub p50: f64,
    /// 90th percentile.
    pub p90: f64,
    /// 99th percentile.
    pub p99: f64,
    /// 99.9th percentile.
    pub p99_9: f64,
    /// Longest.
    pub max: f64,
    /// Arithmetic mean.
    pub mean: f64,
}

/// How often each value of one response header was seen.
#[derive(Debug, Clone, Serialize)]
pub struct TrackedHeader {
    /// The header's name as asked.
    pub name: String,
    /// Value to count; answers without the header count as `(absent)`.
    pub values: BTreeMap<String, u64>,
}

/// The fate of the connections that were only kept.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct IdleReport {
    /// Asked for.
    pub asked: usize,
    /// Opened before the run.
    pub opened: usize,
    /// Still open, and without a byte from the server, when the run ended.
    pub open_at_end: usize,
}

/// Handshakes and what followed them.
#[derive(Debug, Clone, Serialize)]
pub struct TlsReport {
    /// Handshakes that were completed with a key exchange and a certificate.
    pub handshakes_full: u64,
    /// Handshakes that resumed a session.
    pub handshakes_resumed: u64,
    /// How many handshakes ended in each version, suite and key exchange.
    pub agreed: BTreeMap<String, u64>,
    /// Times that the client replaced its keys.
    pub key_updates: u64,
    /// Connections that the server ended without close_notify (RFC 8446 section 6.1).
    pub without_close_notify: u64,
    /// The first thing that went wrong; `null` if nothing did.
    pub first_error: Option<String>,
}

impl TlsReport {
    pub(crate) fn of(tally: &TlsTally) -> Self {
        let mut report = Self {
            handshakes_full: 0,
            handshakes_resumed: 0,
            agreed: BTreeMap::new(),
            key_updates: tally.key_updates,
            without_close_notify: tally.unnotified,
            first_error: tally.first_error.clone(),
        };
        for (agreed, count) in &tally.agreed {
            match agreed.resumed {
                true => report.handshakes_resumed += count,
                false => report.handshakes_full += count,
            }
            *report.agreed.entry(agreed.names.join(" ")).or_default() += count;
        }
        report
    }
}

impl LatencyReport {
    pub(crate) fn of(latency: &Histogram<u64>) -> Self {
        let microseconds = |nanoseconds: u64| nanoseconds as f64 / 1000.0;
        let quantile = |q| microseconds(latency.value_at_quantile(q));
        Self {
            p50: quantile(0.5),
            p90: quantile(0.9),
            p99: quantile(0.99),
            p99_9: quantile(0.999),
            max: microseconds(latency.max()),
            mean: latency.mean() / 1000.0,
        }
    }
}

impl Report {
    pub(crate) fn new(
        options: &Options,
        start: Instant,
        tally: &Tally,
        idle: Option<IdleReport>,
    ) -> Self {
        assert_eq!(
            tally.issued,
            tally.ended(),
            "load generator bug: requests issued and requests accounted for differ"
        );
        let elapsed_seconds = tally.last.duration_since(start).as_secs_f64();
        Self {
            target: options.target.to_string(),
            mode: options.effective_mode(),
            method: options.method,
            connections: options.connections,
            threads: options.threads,
            pipeline: options.pipeline,
            rate: options.rate.map(|rate| rate.get()),
            issued: tally.issued,
            ok: tally.ok,
            // An answer of the warm-up may turn out to be doubled later on.
            ok_measured: tally.ok.saturating_sub(tally.ok_before),
            // A code whose last request was reclassified is not worth a row.
            status: tally
                .status
                .iter()
                .filter(|(_, n)| **n > 0)
                .map(|(c, n)| (*c, *n))
                .collect(),
            refused: tally.refused,
            reset: tally.reset,
            cut: tally.cut,
            timeout: tally.timeout,
            stream_reset: tally.stream_reset,
            tls_failed: tally.tls_failed,
            wrong: tally.wrong,
            doubled: tally.doubled,
            local: tally.local,
            elapsed_seconds,
            requests_per_second: if elapsed_seconds > 0.0 {
                tally.ok as f64 / elapsed_seconds
            } else {
                0.0
            },
            latency_us: LatencyReport::of(&tally.latency),
            ok_latency_us: LatencyReport::of(&tally.ok_latency),
            ok_taken_us: LatencyReport::of(&tally.ok_taken),
            unsent: tally.unsent,
            bytes_sent: tally.bytes_sent,
            bytes_received: tally.bytes_received,
            unasked_bytes: tally.unasked_bytes,
            connects: tally.connects,
            reconnects: tally.reconnects,
            idle_closed: tally.idle_closed,
            unclosed: tally.unclosed,
            broken: tally.broken.clone(),
            distinct_local_ports: tally.local_addresses.len(),
            tracked_header: options.track_header.clone().map(|name| TrackedHeader {
                name,
                values: tally.tracked.clone(),
            }),
            idle,
            tls: options.target.tls.then(|| TlsReport::of(&tally.tls)),
            http2: (options.http2.wanted)
                .then(|| Http2Report::of(&tally.http2, options.http2.streams)),
        }
    }

    /// Requests that did not end as `ok`.
    pub fn not_ok(&self) -> u64 {
        self.issued - self.ok
    }

    /// Complete answers with a status other than 2xx.
    pub fn status_total(&self) -> u64 {
        self.status.values().sum()
    }

    /// The buckets other than `ok` that are not empty, for example `cut 3, status 503 x 2`.
    pub fn failures(&self) -> String {
        let named = [
            ("refused", self.refused),
            ("reset", self.reset),
            ("cut", self.cut),
            ("timeout", self.timeout),
            ("stream_reset", self.stream_reset),
            ("tls_failed", self.tls_failed),
            ("wrong", self.wrong),
            ("doubled", self.doubled),
            ("local", self.local),
        ];
        let mut texts: Vec<_> = named
            .iter()
            .filter(|(_, n)| *n > 0)
            .map(|(name, n)| format!("{name} {n}"))
            .collect();
        texts.extend(
            self.status
                .iter()
                .map(|(code, n)| format!("status {code} x {n}")),
        );
        texts.join(", ")
    }
}

impl fmt::Display for LatencyReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "p50 {:.0}  p90 {:.0}  p99 {:.0}  p99.9 {:.0}  max {:.0}",
            self.p50, self.p90, self.p99, self.p99_9, self.max
        )
    }
}

impl fmt::Display for TlsReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "TLS: handshakes {} full, {} resumed, key updates {}, ended without close_notify {}",
            self.handshakes_full,
            self.handshakes_resumed,
            self.key_updates,
            self.without_close_notify
        )?;
        for (names, count) in &self.agreed {
            write!(f, "\n{names}  {count}")?;
        }
        match &self.first_error {
            None => Ok(()),
            Some(error) => write!(f, "\nfirst failure of TLS: {error}"),
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{}  {} connections, {} threads",
            self.target, self.connections, self.threads
        )?;
        let failures = self.failures();
        let failures = if failures.is_empty() {
            "nothing else"
        } else {
            &failures
        };
        writeln!(f, "issued {} = ok {} + {failures}", self.issued, self.ok)?;
        writeln!(
            f,
            "{:.0} requests/s over {:.3} s, {} bytes in, {} bytes out",
            self.requests_per_second, self.elapsed_seconds, self.bytes_received, self.bytes_sent
        )?;
        writeln!(f, "latency us: {}", self.latency_us)?;
        write!(
            f,
            "connects {} (again {}), local ports {}, closed while idle {}, announced but not closed {}, unasked bytes {}",
            self.connects,
            self.reconnects,
            self.distinct_local_ports,
            self.idle_closed,
            self.unclosed,
            self.unasked_bytes
        )?;
        if let Some(tls) = &self.tls {
            write!(f, "\n{tls}")?;
        }
        if let Some(http2) = &self.http2 {
            write!(f, "\n{http2}")?;
        }
        if let Some(tracked) = &self.tracked_header {
            for (value, count) in &tracked.values {
                write!(f, "\n{}: {value}  {count}", tracked.name)?;
            }
        }
        if let Some(idle) = &self.idle {
            write!(
                f,
                "\nidle connections: asked {}, opened {}, open at the end {}",
                idle.asked, idle.opened, idle.open_at_end
            )?;
        }
        Ok(())
    }
}
