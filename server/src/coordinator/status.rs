//! How the server stands, in the form in which `ringgate ctl status --json` and `/status.json` show
//! it. The names of the fields are a contract (docs/status.md).

use super::listeners::Listeners;
use super::plan::{Pool, Seat};
use super::upgrade::Generation;
use crate::admission::gate::Occupancy;
use crate::admission::ledger::{ByReason, Connections, Ledgers, Reason, Requests};
use crate::certificates::{Loaded, date, seconds_left};
use crate::config::{AdmissionLimits, MaxAccepts};
use crate::lane::LaneFigures;
use crate::observe::access::AccessLog;
use crate::observe::metrics::{CountsBy, Http2Counts, TlsCounts};
use ringgate_runtime::sys::tcp_info::listen_queue;
use serde::{Serialize, Serializer};
use std::collections::BTreeMap;
use std::os::fd::AsFd;

/// The whole server.
///
/// ```
/// use ringgate::{Request, Result, Router, Status};
///
/// /// In one line what `ringgate ctl status` says in many.
/// async fn brief(request: Request) -> Option<String> {
///     let Status { phase, pool, totals, .. } = request.server().status().await?;
///     let open = totals.connections.open;
///     Some(format!("{phase}: {} of {} cores, {open} connections\n", pool.running, pool.target))
/// }
/// # let router = Router::new().get("/brief", brief);
/// ```
#[derive(Debug, Clone, Serialize)]
#[expect(missing_docs, reason = "docs/status.md defines each field")]
pub struct Status {
    pub phase: &'static str,
    pub pid: u32,
    pub uptime_seconds: f64,
    pub resident_bytes: u64,
    pub limits: Limits,
    pub pool: PoolStatus,
    pub gate: GateStatus,
    pub totals: Totals,
    pub latency: LatencyStatus,
    pub cores: Vec<CoreStatus>,
    pub generations: Vec<Generation>,
    pub listeners: Vec<ListenerStatus>,
    pub lanes: Vec<LaneFigures>,
    pub http2: Http2Status,
    pub websockets: WebSocketStatus,
    pub proxies: Option<ProxiesStatus>,
    pub tls: Option<TlsStatus>,
    pub certificates: Vec<CertificateStatus>,
    pub access_log: Option<AccessLogStatus>,
}

/// The access log.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct AccessLogStatus {
    /// Lines written.
    pub written: u64,
    /// Lines dropped because the output stalled or failed.
    pub dropped: u64,
}

impl From<&AccessLog> for AccessLogStatus {
    fn from(log: &AccessLog) -> AccessLogStatus {
        AccessLogStatus {
            written: log.written(),
            dropped: log.dropped(),
        }
    }
}

/// The limits in force.
#[derive(Debug, Clone, Serialize)]
pub struct Limits {
    pub max_threads: Option<u32>,
    pub max_accepts: Accepts,
}

/// The pool of cores (row P8).
#[derive(Debug, Clone, Serialize)]
pub struct PoolStatus {
    pub target: u32,
    pub auto: bool,
    pub min: u32,
    pub max: u32,
    pub slots: u32,
    pub spawned: u32,
    pub running: u32,
    pub waiting: u32,
    pub busy: u32,
    pub trim_requested: u32,
    pub queued: u64,
    pub parked: u64,
    pub stuck: u32,
    pub quarantined: u32,
    pub degraded: Option<String>,
}

/// The gate now, in one look: unlike the sums over the cores, these two belong to one instant.
#[derive(Debug, Clone, Serialize)]
pub struct GateStatus {
    pub slots_taken: u32,
    pub waiting: u32,
}

impl From<Occupancy> for GateStatus {
    fn from(occupancy: Occupancy) -> GateStatus {
        GateStatus {
            slots_taken: occupancy.running,
            waiting: occupancy.pending,
        }
    }
}

/// `null`, a number or `"unbounded"`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Accepts(MaxAccepts);

impl Serialize for Accepts {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            MaxAccepts::None => serializer.serialize_none(),
            MaxAccepts::AtMost(most) => serializer.serialize_u32(most.get()),
            MaxAccepts::Unbounded => serializer.serialize_str("unbounded"),
        }
    }
}

impl From<AdmissionLimits> for Limits {
    fn from(limits: AdmissionLimits) -> Limits {
        Limits {
            max_threads: limits.max_threads().map(|slots| slots.get()),
            max_accepts: Accepts(limits.max_accepts()),
        }
    }
}

/// Both ledgers over all cores, and what went over the wire.
#[derive(Debug, Clone, Serialize)]
pub struct Totals {
    pub connections: TotalConnections,
    pub requests: RequestFigures,
    pub responses: CountsBy,
    pub bytes: ByteFigures,
}

/// Bytes of connections.
#[derive(Debug, Clone, Copy, Default, Serialize)]
pub struct ByteFigures {
    pub received: u64,
    pub sent: u64,
}

/// How long requests took, as counts by duration: pairs of a bound in nanoseconds and of the number of those that
/// took no longer, but longer than the bound before. The bound is at most 1/16 above any of them.
#[derive(Debug, Clone, Default, Serialize)]
pub struct LatencyStatus {
    /// From the start of a handler to the end of its answer.
    pub service: Vec<(u64, u64)>,
    /// The time at the gate of those that waited and got a slot.
    pub queue: Vec<(u64, u64)>,
}

/// WebSockets over all cores.
#[derive(Debug, Clone, Copy, Default, Serialize)]
pub struct WebSocketStatus {
    /// Open, or about to be closed.
    pub open: u64,
}

/// The ledger of connections over all cores.
#[derive(Debug, Clone, Serialize)]
pub struct TotalConnections {
    pub accepted: u64,
    pub finished: u64,
    pub rejected: BTreeMap<&'static str, u64>,
    pub aborted: u64,
    pub open: u64,
    pub in_transit: u64,
    pub inherited: u64,
    pub passed_on: u64,
}

/// The ledger of connections of one core.
#[derive(Debug, Clone, Serialize)]
pub struct ConnectionFigures {
    pub accepted: u64,
    pub handed_in: u64,
    pub finished: u64,
    pub rejected: BTreeMap<&'static str, u64>,
    pub aborted: u64,
    pub open: u64,
    pub handed_out: u64,
}

/// The ledger of requests.
#[derive(Debug, Clone, Serialize)]
pub struct RequestFigures {
    pub begun: u64,
    pub answered: u64,
    pub rejected: BTreeMap<&'static str, u64>,
    pub aborted: u64,
    pub running: u64,
    pub pending: u64,
}

/// One core.
#[derive(Debug, Clone, Serialize)]
#[expect(missing_docs, reason = "docs/status.md defines each field")]
pub struct CoreStatus {
    pub index: u32,
    pub cpu: Option<u32>,
    pub state: &'static str,
    pub operations_in_flight: u64,
    pub heartbeat_age_ms: u64,
    pub busy_permille: u32,
    pub connections: ConnectionFigures,
    pub requests: RequestFigures,
}

/// One listener.
#[derive(Debug, Clone, Serialize)]
#[expect(missing_docs, reason = "docs/status.md defines each field")]
pub struct ListenerStatus {
    pub address: String,
    pub slot: u32,
    pub owner_core: Option<u32>,
    pub helper_core: Option<u32>,
    pub queue: Option<u32>,
    pub queue_limit: Option<u32>,
}

/// HTTP/2 over all cores, those that have ended included.
#[derive(Debug, Clone, Serialize)]
#[expect(missing_docs, reason = "docs/status.md defines each field")]
pub struct Http2Status {
    pub open: u64,
    pub begun: u64,
    pub streams: u64,
    pub drained: u64,
    pub faults: CountsBy,
}

impl From<Http2Counts> for Http2Status {
    fn from(counts: Http2Counts) -> Http2Status {
        Http2Status {
            open: counts.connections,
            begun: counts.begun,
            streams: counts.streams,
            drained: counts.drained,
            faults: counts.faults,
        }
    }
}

/// Headers of the PROXY protocol over all cores, those that have ended included.
#[derive(Debug, Clone, Default, Serialize)]
pub struct ProxiesStatus {
    /// Connections that began with a header of a trusted proxy.
    pub headers: u64,
    /// Connections that were closed since they did not, by reason.
    pub failed_headers: CountsBy,
}

/// TLS over all cores, those that have ended included.
#[derive(Debug, Clone, Serialize)]
#[expect(missing_docs, reason = "docs/status.md defines each field")]
pub struct TlsStatus {
    pub handshakes: CountsBy,
    pub handshakes_in_progress: u64,
    pub failed_handshakes: CountsBy,
    pub failures: CountsBy,
}

impl From<TlsCounts> for TlsStatus {
    fn from(counts: TlsCounts) -> TlsStatus {
        TlsStatus {
            handshakes: counts.handshakes,
            handshakes_in_progress: counts.in_progress,
            failed_handshakes: counts.failed_handshakes,
            failures: counts.failures,
        }
    }
}

/// One certificate that is shown to clients.
#[derive(Debug, Clone, Serialize)]
#[expect(missing_docs, reason = "docs/status.md defines each field")]
pub struct CertificateStatus {
    pub file: String,
    pub names: Vec<String>,
    pub key: &'static str,
    pub serial: String,
    pub not_before: String,
    pub not_after: String,
    pub expires_in_seconds: i64,
}

/// The certificates in force, the default first.
pub(crate) fn certificates(tls: Option<&Loaded>, unix_secs: u64) -> Vec<CertificateStatus> {
    let all = tls.into_iter().flat_map(|tls| tls.identities.all());
    all.map(|identity| {
        let described = identity.described();
        CertificateStatus {
            file: identity.file().display().to_string(),
            names: identity
                .names()
                .iter()
                .map(|name| name.to_string())
                .collect(),
            key: identity.kind().name(),
            serial: described.serial.clone(),
            not_before: date(described.not_before),
            not_after: date(described.not_after),
            expires_in_seconds: seconds_left(identity, unix_secs),
        }
    })
    .collect()
}

fn reasons(counts: &ByReason) -> BTreeMap<&'static str, u64> {
    Reason::ALL
        .iter()
        .map(|reason| (reason.name(), counts.get(*reason)))
        .collect()
}

impl From<&Connections> for ConnectionFigures {
    fn from(ledger: &Connections) -> ConnectionFigures {
        ConnectionFigures {
            accepted: ledger.accepted,
            handed_in: ledger.handed_in,
            finished: ledger.finished,
            rejected: reasons(&ledger.rejected),
            aborted: ledger.aborted,
            open: ledger.open,
            handed_out: ledger.handed_out,
        }
    }
}

impl From<&Requests> for RequestFigures {
    fn from(ledger: &Requests) -> RequestFigures {
        RequestFigures {
            begun: ledger.begun,
            answered: ledger.answered,
            rejected: reasons(&ledger.rejected),
            aborted: ledger.aborted,
            running: ledger.running,
            pending: ledger.pending,
        }
    }
}

/// Both ledgers in sum.
pub(crate) fn totals(ledgers: impl Iterator<Item = Ledgers>) -> (Connections, Requests) {
    let mut connections = Connections::default();
    let mut requests = Requests::default();
    for each in ledgers {
        connections.add(&each.connections);
        requests.add(&each.requests);
    }
    (connections, requests)
}

impl Totals {
    pub(crate) fn new(
        connections: &Connections,
        requests: &Requests,
        responses: CountsBy,
        bytes: ByteFigures,
    ) -> Totals {
        Totals {
            responses,
            bytes,
            connections: TotalConnections {
                accepted: connections.accepted,
                finished: connections.finished,
                rejected: reasons(&connections.rejected),
                aborted: connections.aborted,
                open: connections.open,
                in_transit: connections.in_transit(),
                inherited: connections.inherited,
                passed_on: connections.passed_on,
            },
            requests: requests.into(),
        }
    }
}

/// The listeners as `ss -ltn` shows them: the kernel's queue is outside of all counts (row H12). A socket that
/// cores share has one queue, which the first of its listeners tells.
pub(crate) fn listeners(listeners: &Listeners, pool: &Pool, slots: u32) -> Vec<ListenerStatus> {
    let all: Vec<_> = listeners.all.iter().zip(&pool.seats).collect();
    let sockets = all.chunk_by(|(one, _), (next, _)| one.unit == next.unit);
    let mut shown = Vec::new();
    for socket in sockets {
        let used = |seat: &Seat| seat.baton.holder().is_some() || seat.helper.is_some();
        // A shared one has a seat for each place; those that nobody uses say nothing.
        let is_shown = |seat: &Seat| used(seat) || !seat.shared && seat.slot < slots;
        let mut rows: Vec<_> = socket.iter().filter(|(_, seat)| is_shown(seat)).collect();
        if rows.is_empty() {
            rows.extend(socket.iter().find(|(_, seat)| seat.shared));
        }
        for (index, (listener, seat)) in rows.into_iter().enumerate() {
            let queue = || listen_queue(listener.socket.as_fd()).ok();
            let queue = (index == 0).then(queue).flatten();
            shown.push(ListenerStatus {
                address: listener.address(),
                slot: seat.slot,
                owner_core: seat.baton.holder(),
                helper_core: seat.helper,
                queue: queue.map(|queue| queue.queue),
                queue_limit: queue.map(|queue| queue.limit),
            });
        }
    }
    shown
}
