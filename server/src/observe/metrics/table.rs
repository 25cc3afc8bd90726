//! The one table of metrics: name, type, unit, labels, help, and how each is read.
//!
//! The renderer and docs/metrics.md are made from it, so a metric that is not here cannot be
//! rendered, and one that is here cannot be forgotten.

use super::render::Emit;
use super::snapshot::{CoreSample, CountsBy, LaneSample, ListenerSample, Snapshot};

/// The type of a metric (Prometheus text format 0.0.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Only grows, until the process ends.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Counts of values by size.
    Histogram,
}

impl Kind {
    /// As written in a `# TYPE` line.
    pub const fn as_str(self) -> &'static str {
        match self {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::Histogram => "histogram",
        }
    }
}

/// The unit of a metric. Decides how its name ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// A plain number.
    None,
    /// Seconds.
    Seconds,
    /// Bytes.
    Bytes,
}

/// One metric.
#[derive(Clone, Copy, Debug)]
pub struct Definition {
    /// Full name, with unit and `_total` where it must have them.
    pub name: &'static str,
    /// Type.
    pub kind: Kind,
    /// Unit.
    pub unit: Unit,
    /// Names of its labels, in order.
    pub labels: &'static [&'static str],
    /// One sentence without a full stop.
    pub help: &'static str,
    pub(super) read: fn(&Snapshot, &mut Emit<'_>),
}

use Kind::{Counter, Gauge, Histogram};

type Read = fn(&Snapshot, &mut Emit<'_>);

const fn define(
    name: &'static str,
    kind: Kind,
    unit: Unit,
    labels: &'static [&'static str],
    help: &'static str,
    read: Read,
) -> Definition {
    Definition {
        name,
        kind,
        unit,
        labels,
        help,
        read,
    }
}

const fn plain(name: &'static str, kind: Kind, help: &'static str, read: Read) -> Definition {
    define(name, kind, Unit::None, &[], help, read)
}

const fn per_core(name: &'static str, kind: Kind, help: &'static str, read: Read) -> Definition {
    define(name, kind, Unit::None, &["core"], help, read)
}

const fn per_core_by(
    name: &'static str,
    labels: &'static [&'static str],
    help: &'static str,
    read: Read,
) -> Definition {
    define(name, Counter, Unit::None, labels, help, read)
}

const fn per_listener(name: &'static str, help: &'static str, read: Read) -> Definition {
    define(name, Gauge, Unit::None, &["address", "slot"], help, read)
}

/// A number of each core.
fn core(s: &Snapshot, out: &mut Emit<'_>, value: impl Fn(&CoreSample) -> u64) {
    s.cores
        .iter()
        .for_each(|core| out.int(&[&core.index], value(core)));
}

/// A map of each core.
fn core_by<'s>(s: &'s Snapshot, out: &mut Emit<'_>, map: impl Fn(&'s CoreSample) -> &'s CountsBy) {
    for core in &s.cores {
        map(core)
            .iter()
            .for_each(|(key, &count)| out.int(&[&core.index, key], count));
    }
}

fn listener(s: &Snapshot, out: &mut Emit<'_>, value: impl Fn(&ListenerSample) -> Option<u64>) {
    for listener in &s.listeners {
        if let Some(value) = value(listener) {
            out.int(&[&listener.address, &listener.slot], value);
        }
    }
}

const fn per_lane(name: &'static str, kind: Kind, help: &'static str, read: Read) -> Definition {
    define(name, kind, Unit::None, &["lane"], help, read)
}

/// A number of each lane.
fn lane(s: &Snapshot, out: &mut Emit<'_>, value: impl Fn(&LaneSample) -> u64) {
    s.lanes
        .iter()
        .for_each(|lane| out.int(&[&lane.name], value(lane)));
}

/// A map of each lane.
fn lane_by<'s>(s: &'s Snapshot, out: &mut Emit<'_>, map: impl Fn(&'s LaneSample) -> &'s CountsBy) {
    for lane in &s.lanes {
        map(lane)
            .iter()
            .for_each(|(key, &count)| out.int(&[&lane.name, key], count));
    }
}

const CORE_REASON: &[&str] = &["core", "reason"];

/// Every metric, in the order in which they are rendered.
#[rustfmt::skip] // one idea a line: a table
pub static METRICS: &[Definition] = &[
    // The process.
    define("ringgate_build_info", Gauge, Unit::None, &["version"],
        "Always 1; its label tells the version",
        |_, out| out.int(&[&env!("CARGO_PKG_VERSION")], 1)),
    define("ringgate_phase", Gauge, Unit::None, &["phase"],
        "Always 1; its label tells the phase: starting, running, draining, stopping or stopped",
        |s, out| out.int(&[&s.phase], 1)),
    define("ringgate_uptime_seconds", Gauge, Unit::Seconds, &[],
        "Time since the process started to serve",
        |s, out| out.float(&[], s.uptime_seconds)),
    define("ringgate_limit", Gauge, Unit::None, &["limit"],
        "A limit by its configuration key; absent when there is none",
        |s, out| s.limits.iter().for_each(|(limit, &n)| out.int(&[limit], n))),
    define("ringgate_pool_cores", Gauge, Unit::None, &["is"],
        "Cores of the pool: target are wanted; spawned have a thread; running serve and stay, of these waiting are idle and busy are not; trim_requested leave; stuck make no turn; quarantined are stuck and replaced",
        |s, out| s.pool.iter().for_each(|(is, &n)| out.int(&[is], n))),
    plain("ringgate_pool_queued", Gauge,
        "Requests that wait for a slot and connections in the kernel's queues",
        |s, out| out.int(&[], s.queued)),
    define("ringgate_older_connections", Gauge, Unit::None, &["pid", "phase"],
        "Connections of each older process that finishes what it has after an upgrade; absent when there is none",
        |s, out| s.older.iter().for_each(|one| out.int(&[&one.pid, &one.phase], one.open))),
    plain("ringgate_pool_parked", Gauge,
        "Connections that wait for a core",
        |s, out| out.int(&[], s.parked)),
    plain("ringgate_gate_slots_taken", Gauge,
        "Slots of the gate that are taken; 0 while there is no limit",
        |s, out| out.int(&[], s.slots_taken)),
    plain("ringgate_gate_waiting", Gauge,
        "Requests that wait at the gate",
        |s, out| out.int(&[], s.waiting)),
    plain("ringgate_rate_clients_forgotten_total", Counter,
        "Clients that were ahead of `request_rate` and were forgotten for want of room, so that they could ask more often",
        |s, out| out.int(&[], s.clients_forgotten)),
    define("ringgate_resident_memory_bytes", Gauge, Unit::Bytes, &[],
        "Resident memory of the process",
        |s, out| out.int(&[], s.rss_bytes)),
    plain("ringgate_log_lines_written_total", Counter,
        "Log lines written",
        |s, out| out.int(&[], s.log_lines_written)),
    plain("ringgate_log_lines_dropped_total", Counter,
        "Log lines dropped because the reader of the log stalled or writing failed",
        |s, out| out.int(&[], s.log_lines_dropped)),
    plain("ringgate_access_log_lines_written_total", Counter,
        "Lines of the access log written",
        |s, out| out.int(&[], s.access_log_lines_written)),
    plain("ringgate_access_log_lines_dropped_total", Counter,
        "Lines of the access log dropped because its output stalled or failed",
        |s, out| out.int(&[], s.access_log_lines_dropped)),
    plain("ringgate_file_cache_hits_total", Counter,
        "Files that were found in the memory of a core (`files_cache`), looked at on the disk again or not",
        |s, out| out.int(&[], s.file_cache_hits)),
    plain("ringgate_file_cache_misses_total", Counter,
        "Files that were read from the disk though files are kept in memory: they were not there, changed, too large or too new",
        |s, out| out.int(&[], s.file_cache_misses)),
    plain("ringgate_listen_overflows_total", Counter,
        "Connections the kernel refused because a listen queue was full, of all programs in this network namespace",
        |s, out| out.int(&[], s.listen_overflows)),

    // The listeners.
    per_listener("ringgate_listener_queue",
        "Connections that wait to be accepted; absent where the kernel does not tell (Unix sockets), and once for a socket that cores share",
        |s, out| listener(s, out, |l| l.queue)),
    per_listener("ringgate_listener_queue_limit",
        "The most connections that may wait to be accepted, where `ringgate_listener_queue` is told",
        |s, out| listener(s, out, |l| l.queue_limit)),
    per_listener("ringgate_listener_owner_core",
        "Index of the core that accepts from the listener; absent while it passes to another",
        |s, out| listener(s, out, |l| l.owner_core.map(u64::from))),

    // The certificates.
    define("ringgate_certificate_expiry_timestamp_seconds", Gauge, Unit::Seconds, &["file", "name", "serial"],
        "End of the certificate's validity, in seconds since 1970; name is the first of its host names",
        |s, out| s.certificates.iter().for_each(|c| out.int(&[&c.file, &c.name, &c.serial], c.not_after))),

    // The cores.
    plain("ringgate_cores", Gauge,
        "Core slots that have run",
        |s, out| out.int(&[], s.cores.len() as u64)),
    define("ringgate_core_info", Gauge, Unit::None, &["core", "cpu", "state"],
        "Always 1; its labels tell the CPU, empty for a thread that is not pinned, and the state of the core",
        |s, out| s.cores.iter().for_each(|c| {
            let cpu = c.cpu.map(|cpu| cpu.to_string()).unwrap_or_default();
            out.int(&[&c.index, &cpu, &c.state], 1);
        })),
    define("ringgate_heartbeat_age_seconds", Gauge, Unit::Seconds, &["core"],
        "Time since the last turn of the core's loop, 0 while it waits in the kernel",
        |s, out| s.cores.iter().for_each(|c| out.float(&[&c.index], c.heartbeat_age_seconds))),
    define("ringgate_core_busy_ratio", Gauge, Unit::None, &["core"],
        "How much of the last second the core was at work or waited for a CPU, from 0 to 1",
        |s, out| s.cores.iter().for_each(|c| out.float(&[&c.index], c.busy))),
    per_core("ringgate_turns_total", Counter,
        "Turns of the core's loop",
        |s, out| core(s, out, |c| c.turns)),
    per_core("ringgate_tasks", Gauge,
        "Tasks that exist",
        |s, out| core(s, out, |c| c.tasks)),

    // The ledger of connections: accepted + handed_in
    //   = finished + rejected + aborted + open + handed_out, of each core.
    per_core("ringgate_connections_accepted_total", Counter,
        "Connections taken from a listener",
        |s, out| core(s, out, |c| c.connections.accepted)),
    per_core("ringgate_connections_handed_in_total", Counter,
        "Connections received from another core",
        |s, out| core(s, out, |c| c.connections.handed_in)),
    per_core("ringgate_connections_finished_total", Counter,
        "Connections that ended in order",
        |s, out| core(s, out, |c| c.connections.finished)),
    per_core_by("ringgate_connections_rejected_total", CORE_REASON,
        "Connections that ended with a refusal, by reason",
        |s, out| core_by(s, out, |c| &c.connections.rejected)),
    per_core("ringgate_connections_aborted_total", Counter,
        "Connections that ended by reset, error, timeout or force",
        |s, out| core(s, out, |c| c.connections.aborted)),
    per_core("ringgate_connections_open", Gauge,
        "Connections that are open",
        |s, out| core(s, out, |c| c.connections.open)),
    per_core("ringgate_connections_handed_out_total", Counter,
        "Connections given to another core",
        |s, out| core(s, out, |c| c.connections.handed_out)),

    // The ledger of requests: begun = answered + rejected + aborted + running + pending.
    per_core("ringgate_requests_begun_total", Counter,
        "Requests whose head was received whole",
        |s, out| core(s, out, |c| c.requests.begun)),
    per_core("ringgate_requests_answered_total", Counter,
        "Requests answered by a handler",
        |s, out| core(s, out, |c| c.requests.answered)),
    per_core_by("ringgate_requests_rejected_total", CORE_REASON,
        "Requests refused, by reason",
        |s, out| core_by(s, out, |c| &c.requests.rejected)),
    per_core("ringgate_requests_aborted_total", Counter,
        "Requests that ended without a whole answer",
        |s, out| core(s, out, |c| c.requests.aborted)),
    per_core("ringgate_requests_running", Gauge,
        "Requests in a handler",
        |s, out| core(s, out, |c| c.requests.running)),
    per_core("ringgate_requests_pending", Gauge,
        "Requests that wait for admission",
        |s, out| core(s, out, |c| c.requests.pending)),
    per_core("ringgate_requests_detached", Gauge,
        "Requests among the running ones whose handler gave its slot back",
        |s, out| core(s, out, |c| c.detached)),
    define("ringgate_request_service_seconds", Histogram, Unit::Seconds, &["core"],
        "Time from the start of a handler to the end of its answer",
        |s, out| s.cores.iter().for_each(|c| out.histogram(&[&c.index], &c.service_time))),
    define("ringgate_request_queue_seconds", Histogram, Unit::Seconds, &["core"],
        "Time at the gate of requests, or connections, that waited and got a slot",
        |s, out| s.cores.iter().for_each(|c| out.histogram(&[&c.index], &c.queue_time))),

    // What the handlers and the peers did.
    per_core_by("ringgate_responses_total", &["core", "class"],
        "Answers by class of status: 1xx to 5xx",
        |s, out| core_by(s, out, |c| &c.responses)),
    define("ringgate_route_responses_total", Counter, Unit::None, &["route", "status"],
        "Answers by route and status, over all cores; `other` is the status of those that came after seven other statuses of a route",
        |s, out| s.routes.iter().for_each(|r| match r.status {
            Some(status) => out.int(&[&r.route, &status], r.answers),
            None => out.int(&[&r.route, &"other"], r.answers),
        })),
    per_core_by("ringgate_protocol_errors_total", &["core", "status"],
        "Requests that broke the protocol, by the status they were answered with; 400 if their stream was reset",
        |s, out| core_by(s, out, |c| &c.protocol_errors)),
    per_core("ringgate_handler_panics_total", Counter,
        "Handlers that panicked",
        |s, out| core(s, out, |c| c.handler_panics)),
    per_core_by("ringgate_long_polls_total", &["core", "route"],
        "Steps of handlers that held the core for `long_poll` or longer, by route",
        |s, out| s.cores.iter().for_each(|c| c.long_polls.iter()
            .for_each(|(route, &count)| out.int(&[&c.index, route], count)))),
    per_core_by("ringgate_accept_pauses_total", CORE_REASON,
        "Times that accepting was paused, by reason",
        |s, out| core_by(s, out, |c| &c.accept_pauses)),
    define("ringgate_received_bytes_total", Counter, Unit::Bytes, &["core"],
        "Bytes received from connections",
        |s, out| core(s, out, |c| c.bytes_received)),
    define("ringgate_sent_bytes_total", Counter, Unit::Bytes, &["core"],
        "Bytes sent to connections",
        |s, out| core(s, out, |c| c.bytes_sent)),

    // TLS.
    per_core_by("ringgate_tls_handshakes_total", &["core", "kind"],
        "TLS handshakes that were finished: full, or resumed by a ticket",
        |s, out| core_by(s, out, |c| &c.tls.handshakes)),
    per_core_by("ringgate_tls_handshake_failures_total", CORE_REASON,
        "TLS handshakes that failed, by reason",
        |s, out| core_by(s, out, |c| &c.tls.failed_handshakes)),
    per_core("ringgate_tls_handshakes_in_progress", Gauge,
        "TLS handshakes that are read and not finished",
        |s, out| core(s, out, |c| c.tls.in_progress)),
    per_core_by("ringgate_tls_failures_total", CORE_REASON,
        "Established connections whose TLS failed, by reason",
        |s, out| core_by(s, out, |c| &c.tls.failures)),

    // Proxies in front.
    per_core("ringgate_proxy_headers_total", Counter,
        "Connections that began with a header of the PROXY protocol from a trusted proxy",
        |s, out| core(s, out, |c| c.proxy_headers)),
    per_core_by("ringgate_proxy_header_failures_total", CORE_REASON,
        "Connections closed since they began with no header of the PROXY protocol from a trusted proxy, by reason",
        |s, out| core_by(s, out, |c| &c.proxy_headers_failed)),
    per_core_by("ringgate_request_clients_total", &["core", "source"],
        "Requests whose client a handler, a limit or the access log asked for, by where its address is from: the peer of the connection (`socket`), a header of the PROXY protocol (`proxy-header`), X-Forwarded-For or Forwarded (`field`)",
        |s, out| core_by(s, out, |c| &c.clients)),
    per_core_by("ringgate_forwarded_fields_refused_total", CORE_REASON,
        "Such requests whose X-Forwarded-For or Forwarded was not taken: the peer is no trusted proxy (`untrusted`; not looked at without `trusted_proxies`), or a trusted one wrote no address (`no-address`)",
        |s, out| core_by(s, out, |c| &c.forwarded_refused)),

    // HTTP/2.
    per_core("ringgate_http2_connections", Gauge,
        "Connections that speak HTTP/2",
        |s, out| core(s, out, |c| c.http2.connections)),
    per_core("ringgate_http2_connections_total", Counter,
        "Connections that began to speak HTTP/2, on the core where they did",
        |s, out| core(s, out, |c| c.http2.begun)),
    per_core("ringgate_http2_streams_total", Counter,
        "Requests that came on streams of HTTP/2, served or refused",
        |s, out| core(s, out, |c| c.http2.streams)),
    per_core("ringgate_http2_drains_total", Counter,
        "Connections of HTTP/2 whose client was told to begin nothing more (GOAWAY), though it did nothing wrong",
        |s, out| core(s, out, |c| c.http2.drained)),
    per_core_by("ringgate_http2_faults_total", CORE_REASON,
        "Connections of HTTP/2 ended since their client broke a rule (`protocol`), and connections and streams ended or refused since it exceeded what an option allows (its key)",
        |s, out| core_by(s, out, |c| &c.http2.faults)),

    // WebSockets.
    per_core("ringgate_websockets", Gauge,
        "WebSockets that are open, or have said Close",
        |s, out| core(s, out, |c| c.websockets.open)),
    per_core_by("ringgate_websocket_messages_total", &["core", "direction"],
        "Messages of WebSockets, received or sent; those of broadcasts are counted for each receiver",
        |s, out| core_by(s, out, |c| &c.websockets.messages)),
    per_core_by("ringgate_websocket_faults_total", CORE_REASON,
        "WebSockets closed since their client broke a rule or a limit, by reason",
        |s, out| core_by(s, out, |c| &c.websockets.faults)),

    // The rings.
    per_core("ringgate_operations_in_flight", Gauge,
        "Operations the kernel has not completed",
        |s, out| core(s, out, |c| c.operations_in_flight)),
    per_core("ringgate_buffers_in_use", Gauge,
        "Receive buffers that hold bytes not yet consumed",
        |s, out| core(s, out, |c| c.buffers_in_use)),
    per_core("ringgate_leases_kept", Gauge,
        "Receive buffers kept beyond the turn they were received in",
        |s, out| core(s, out, |c| c.leases_kept)),
    per_core("ringgate_stale_completions_total", Counter,
        "Completions that found their operation gone",
        |s, out| core(s, out, |c| c.stale_completions)),
    per_core("ringgate_starved_receives_total", Counter,
        "Receives that ended because no receive buffer was free, and were armed again when one was",
        |s, out| core(s, out, |c| c.starved_receives)),
    per_core("ringgate_completion_queue_overflows_total", Counter,
        "Times that the completion queue was full",
        |s, out| core(s, out, |c| c.cq_overflows)),

    // The lanes: submitted = ended + queued + busy, of each.
    define("ringgate_lane_available", Gauge, Unit::None, &["lane", "kind"],
        "Whether the lane can work: 0 while no worker can make its state",
        |s, out| s.lanes.iter().for_each(|l| out.int(&[&l.name, &l.kind], l.available.into()))),
    define("ringgate_lane_limit", Gauge, Unit::None, &["lane", "limit"],
        "A limit of the lane: min and max of its workers, queue; absent when there is none",
        |s, out| lane_by(s, out, |l| &l.limits)),
    define("ringgate_lane_workers", Gauge, Unit::None, &["lane", "state"],
        "Workers of the lane: spawned (all there are), waiting, busy, trim_requested (asked to leave)",
        |s, out| lane_by(s, out, |l| &l.workers)),
    per_lane("ringgate_lane_queued", Gauge,
        "Work that waits for a worker",
        |s, out| lane(s, out, |l| l.queued)),
    per_lane("ringgate_lane_submitted_total", Counter,
        "Work that the lane took in",
        |s, out| lane(s, out, |l| l.submitted)),
    per_core_by("ringgate_lane_ended_total", &["lane", "outcome"],
        "Work that ended: finished, panicked, cancelled, timed_out, turned_away",
        |s, out| lane_by(s, out, |l| &l.ended)),
    per_core_by("ringgate_lane_refused_total", &["lane", "reason"],
        "Work refused at the door: full, unavailable, closed",
        |s, out| lane_by(s, out, |l| &l.refused)),
    per_lane("ringgate_lane_starts_total", Counter,
        "States that workers made for themselves",
        |s, out| lane(s, out, |l| l.starts)),
    per_lane("ringgate_lane_failed_starts_total", Counter,
        "Attempts of workers to make their state that failed",
        |s, out| lane(s, out, |l| l.failed_starts)),
    per_lane("ringgate_lane_replaced_total", Counter,
        "Workers that lost their state, by a panic or because it was bad, and were replaced",
        |s, out| lane(s, out, |l| l.replaced)),
];
