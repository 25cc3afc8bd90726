//! The parts of a metrics snapshot: what a core counts, what the listeners and the process show.
//!
//! Called by the coordinator for each scrape, so it may read files of /proc; a figure that cannot be
//! had is 0. The names and their meaning are in docs/metrics.md.

use super::listeners::Listeners;
use super::plan::Pool;
use super::status::{self, ByteFigures, LatencyStatus, PoolStatus, ProxiesStatus, WebSocketStatus};
use crate::admission::ledger::{ByReason, CoreStats, Ledgers, REFUSAL_STATUSES, Reason, class_of};
use crate::certificates::Loaded;
use crate::client::belief::{REFUSED, Source};
use crate::client::proxy_header::HeaderFault;
use crate::config::{AdmissionLimits, MaxAccepts};
use crate::http2::code::FAULT_REASONS;
use crate::observe::Counter;
use crate::observe::metrics::{
    CertificateSample, ConnectionCounts, CoreSample, CountsBy, Histogram, HistogramSnapshot,
    Http2Counts, ListenerSample, RequestCounts, RouteSample, Snapshot, TlsCounts, WebSocketCounts,
};
use crate::tls::handshake::failure::FailReason;
use crate::tls::record::Reason as TlsFault;
use crate::websocket::Fault;
use ringgate_runtime::sys::process::rss_bytes;
use std::collections::BTreeMap;
use std::sync::PoisonError;

/// Classes of status, by their first digit.
const CLASSES: [&str; 5] = ["1xx", "2xx", "3xx", "4xx", "5xx"];

fn reasons(counts: &ByReason) -> CountsBy {
    let all = Reason::ALL.iter();
    all.map(|reason| (reason.name(), counts.get(*reason)))
        .collect()
}

/// The counts of one core, with its ledgers as it told them; number and state are the caller's.
pub(super) fn core_sample(stats: &CoreStats, ledgers: &Ledgers) -> CoreSample {
    let Ledgers {
        connections,
        requests,
    } = ledgers;
    CoreSample {
        connections: ConnectionCounts {
            accepted: connections.accepted,
            finished: connections.finished,
            rejected: reasons(&connections.rejected),
            aborted: connections.aborted,
            open: connections.open,
            handed_in: connections.handed_in,
            handed_out: connections.handed_out,
        },
        requests: RequestCounts {
            begun: requests.begun,
            answered: requests.answered,
            rejected: reasons(&requests.rejected),
            aborted: requests.aborted,
            running: requests.running,
            pending: requests.pending,
        },
        detached: stats.detached.get(),
        operations_in_flight: stats.operations_in_flight.get(),
        turns: stats.turns.get(),
        buffers_in_use: stats.buffers_lent.get(),
        leases_kept: stats.leases_kept.get(),
        bytes_received: stats.bytes_received.get(),
        bytes_sent: stats.bytes_sent.get(),
        stale_completions: stats.stale_completions.get(),
        accept_pauses: CountsBy::from([
            ("resources", stats.accept_pauses.get()),
            ("rejections", stats.rejection_pauses.get()),
        ]),
        protocol_errors: REFUSAL_STATUSES
            .iter()
            .zip(&stats.refusals)
            .map(|((_, status), count)| (*status, count.get()))
            .collect(),
        responses: by_class(stats).into(),
        tls: tls_counts(stats),
        proxy_headers: stats.proxy_headers.get(),
        proxy_headers_failed: failed_headers(stats),
        clients: counts(&Source::NAMES, &stats.clients),
        forwarded_refused: counts(&REFUSED, &stats.forwarded_refused),
        http2: http2_counts(stats),
        websockets: websocket_counts(stats),
        handler_panics: stats.handler_panics.get(),
        long_polls: stats
            .long_polls
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone(),
        tasks: stats.tasks.get(),
        starved_receives: stats.starved_receives.get(),
        cq_overflows: stats.completion_overflows.get(),
        service_time: stats.service_time.snapshot(),
        queue_time: stats.queue_time.snapshot(),
        ..CoreSample::default()
    }
}

/// The answers of one core, those that are counted by route and status and the others.
fn by_class(stats: &CoreStats) -> [(&'static str, u64); CLASSES.len()] {
    let mut counts: [u64; CLASSES.len() + 1] = std::array::from_fn(|at| stats.responses[at].get());
    let of_routes = stats
        .routes
        .get()
        .into_iter()
        .flat_map(|routes| routes.read());
    for (_, status, count) in of_routes {
        if let Some(status) = status {
            counts[class_of(status)] += count;
        }
    }
    // Index 0 is of no class.
    std::array::from_fn(|at| (CLASSES[at], counts[at + 1]))
}

/// Answers of all of these cores together, by route and status.
pub(super) fn routes<'a>(cores: impl Iterator<Item = &'a CoreStats>) -> Vec<RouteSample> {
    let mut sum = BTreeMap::<(&str, Option<u16>), u64>::new();
    let tables = cores.filter_map(|stats| stats.routes.get());
    for (route, status, count) in tables.flat_map(|routes| routes.read()) {
        *sum.entry((route, status)).or_default() += count;
    }
    let sample = |((route, status), answers): ((&str, _), _)| RouteSample {
        route: route.to_owned(),
        status,
        answers,
    };
    sum.into_iter().map(sample).collect()
}

/// Answers of all of these cores together, by class of status.
pub(super) fn responses<'a>(cores: impl Iterator<Item = &'a CoreStats>) -> CountsBy {
    let mut sum = CountsBy::new();
    for (class, count) in cores.flat_map(by_class) {
        *sum.entry(class).or_default() += count;
    }
    sum
}

/// Bytes that all of these cores received and sent.
pub(super) fn bytes<'a>(cores: impl Iterator<Item = &'a CoreStats>) -> ByteFigures {
    cores.fold(ByteFigures::default(), |sum, stats| ByteFigures {
        received: sum.received + stats.bytes_received.get(),
        sent: sum.sent + stats.bytes_sent.get(),
    })
}

/// Times of all of these cores together.
pub(super) fn latency<'a>(cores: impl Iterator<Item = &'a CoreStats> + Clone) -> LatencyStatus {
    let merged = |of: fn(&CoreStats) -> &Histogram| {
        let mut sum = HistogramSnapshot::default();
        for stats in cores.clone() {
            sum.merge(&of(stats).snapshot());
        }
        sum.filled()
    };
    LatencyStatus {
        service: merged(|stats| &stats.service_time),
        queue: merged(|stats| &stats.queue_time),
    }
}

/// WebSockets of all of these cores.
pub(super) fn websockets<'a>(cores: impl Iterator<Item = &'a CoreStats>) -> WebSocketStatus {
    let open = cores.map(|stats| stats.websockets.get()).sum();
    WebSocketStatus { open }
}

/// Counts under their names.
fn counts(names: &[&'static str], counts: &[Counter]) -> CountsBy {
    let counts = counts.iter().map(Counter::get);
    names.iter().copied().zip(counts).collect()
}

fn failed_headers(stats: &CoreStats) -> CountsBy {
    let names = HeaderFault::ALL.iter().map(|fault| fault.name());
    let counts = stats.proxy_headers_failed.iter().map(Counter::get);
    names.zip(counts).collect()
}

/// Headers of the PROXY protocol on all of these cores together.
pub(super) fn proxies<'a>(cores: impl Iterator<Item = &'a CoreStats>) -> ProxiesStatus {
    let mut sum = ProxiesStatus::default();
    for stats in cores {
        sum.headers += stats.proxy_headers.get();
        for (name, count) in failed_headers(stats) {
            *sum.failed_headers.entry(name).or_default() += count;
        }
    }
    sum
}

fn http2_counts(stats: &CoreStats) -> Http2Counts {
    let faults = stats.http2_faults.iter().map(Counter::get);
    Http2Counts {
        connections: stats.http2_connections.get(),
        begun: stats.http2_begun.get(),
        streams: stats.http2_streams.get(),
        drained: stats.http2_drained.get(),
        faults: FAULT_REASONS.into_iter().zip(faults).collect(),
    }
}

/// HTTP/2 on all of these cores together.
pub(super) fn http2<'a>(cores: impl Iterator<Item = &'a CoreStats>) -> Http2Counts {
    let mut sum = Http2Counts::default();
    for counts in cores.map(http2_counts) {
        sum.connections += counts.connections;
        sum.begun += counts.begun;
        sum.streams += counts.streams;
        sum.drained += counts.drained;
        for (name, count) in counts.faults {
            *sum.faults.entry(name).or_default() += count;
        }
    }
    sum
}

fn websocket_counts(stats: &CoreStats) -> WebSocketCounts {
    let received = stats.websocket_messages_received.get();
    let sent = stats.websocket_messages_sent.get();
    let faults = Fault::ALL.iter().map(|fault| fault.name());
    let count = |counter: &Counter| counter.get();
    WebSocketCounts {
        open: stats.websockets.get(),
        messages: [("received", received), ("sent", sent)].into(),
        faults: faults
            .zip(stats.websocket_faults.iter().map(count))
            .collect(),
    }
}

fn tls_counts(stats: &CoreStats) -> TlsCounts {
    let failed = FailReason::ALL.iter().map(|reason| reason.name());
    let faults = TlsFault::ALL.iter().map(|fault| fault.name());
    let count = |counter: &Counter| counter.get();
    TlsCounts {
        handshakes: ["full", "resumed"]
            .into_iter()
            .zip(stats.handshakes_done.iter().map(count))
            .collect(),
        failed_handshakes: failed
            .zip(stats.handshakes_failed.iter().map(count))
            .collect(),
        in_progress: stats.handshakes.get(),
        failures: faults
            .chain(["client-alert"])
            .zip(stats.tls_failed.iter().map(count))
            .collect(),
    }
}

/// TLS on all of these cores together.
pub(super) fn tls<'a>(cores: impl Iterator<Item = &'a CoreStats>) -> TlsCounts {
    let mut sum = TlsCounts::default();
    for counts in cores.map(tls_counts) {
        sum.in_progress += counts.in_progress;
        for (all, these) in [
            (&mut sum.handshakes, counts.handshakes),
            (&mut sum.failed_handshakes, counts.failed_handshakes),
            (&mut sum.failures, counts.failures),
        ] {
            for (name, count) in these {
                *all.entry(name).or_default() += count;
            }
        }
    }
    sum
}

/// The limits that are numbers, by their keys.
pub(super) fn limits(limits: AdmissionLimits) -> CountsBy {
    let accepts = match limits.max_accepts() {
        MaxAccepts::AtMost(most) => Some(most.get()),
        MaxAccepts::None | MaxAccepts::Unbounded => None,
    };
    let threads = limits.max_threads().map(|slots| slots.get());
    [("max_threads", threads), ("max_accepts", accepts)]
        .into_iter()
        .filter_map(|(key, limit)| Some((key, u64::from(limit?))))
        .collect()
}

/// The pool's cores by what they are.
pub(super) fn pool(pool: &PoolStatus) -> CountsBy {
    [
        ("target", pool.target),
        ("spawned", pool.spawned),
        ("running", pool.running),
        ("waiting", pool.waiting),
        ("busy", pool.busy),
        ("trim_requested", pool.trim_requested),
        ("stuck", pool.stuck),
        ("quarantined", pool.quarantined),
    ]
    .into_iter()
    .map(|(is, cores)| (is, u64::from(cores)))
    .collect()
}

/// Every listener with its queue.
pub(super) fn listeners(listeners: &Listeners, pool: &Pool, slots: u32) -> Vec<ListenerSample> {
    let samples = status::listeners(listeners, pool, slots);
    samples
        .into_iter()
        .map(|listener| ListenerSample {
            address: listener.address,
            slot: listener.slot,
            owner_core: listener.owner_core,
            queue: listener.queue.map(u64::from),
            queue_limit: listener.queue_limit.map(u64::from),
        })
        .collect()
}

/// Every certificate with its end.
pub(super) fn certificates(tls: Option<&Loaded>) -> Vec<CertificateSample> {
    let all = tls.into_iter().flat_map(|tls| tls.identities.all());
    all.map(|identity| CertificateSample {
        file: identity.file().display().to_string(),
        name: identity
            .names()
            .first()
            .map(|name| name.to_string())
            .unwrap_or_default(),
        serial: identity.described().serial.clone(),
        not_after: identity.described().not_after,
    })
    .collect()
}

/// Figures of the process, from the kernel.
pub(super) fn of_process() -> Snapshot {
    let netstat = std::fs::read_to_string("/proc/self/net/netstat").unwrap_or_default();
    let files = crate::app::file_cache();
    Snapshot {
        file_cache_hits: files.hits,
        file_cache_misses: files.misses,
        rss_bytes: rss_bytes().unwrap_or_default(),
        listen_overflows: extended(&netstat, "ListenOverflows").unwrap_or_default(),
        ..Snapshot::default()
    }
}

/// A figure of proc_pid_net(5) `netstat`: a line of names, then a line of numbers.
fn extended(netstat: &str, name: &str) -> Option<u64> {
    let mut lines = netstat.lines().filter(|line| line.starts_with("TcpExt:"));
    let names = lines.next()?.split_ascii_whitespace();
    let mut figures = names.zip(lines.next()?.split_ascii_whitespace());
    figures.find(|(found, _)| *found == name)?.1.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_figure_of_netstat_is_found_by_its_name() {
        let text = "TcpExt: SyncookiesSent ListenOverflows ListenDrops\nTcpExt: 1 22 3\n\
                    IpExt: InNoRoutes\nIpExt: 4\n";
        assert_eq!(extended(text, "ListenOverflows"), Some(22));
        assert_eq!(extended(text, "Missing"), None);
        assert_eq!(extended("", "ListenOverflows"), None);
    }

    #[test]
    fn the_kernel_of_this_machine_tells_its_overflows() {
        let text = std::fs::read_to_string("/proc/self/net/netstat").unwrap();
        assert!(extended(&text, "ListenOverflows").is_some());
        assert!(of_process().rss_bytes > 0);
    }

    #[test]
    fn each_refusal_is_counted_under_its_status() {
        let stats = CoreStats::default();
        for (status, _) in REFUSAL_STATUSES {
            stats.refused(status);
        }
        let sample = core_sample(&stats, &Ledgers::default());
        assert!(sample.protocol_errors.values().all(|count| *count == 1));
        assert_eq!(sample.protocol_errors.len(), REFUSAL_STATUSES.len());
    }
}
