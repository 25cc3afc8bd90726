//! The source of the rendered metrics: plain numbers, gathered elsewhere at one moment.
//!
//! The coordinator fills it in, the renderer reads it. No behaviour, no clock. All counts are
//! since the start of the process unless a field says otherwise.

use std::collections::BTreeMap;

use super::histogram::HistogramSnapshot;
use crate::coordinator::Generation;

/// Counts by reason, status or class. A key that is put in with 0 is rendered as 0: do so for
/// those that are known beforehand, for a rate needs a first value.
pub type CountsBy = BTreeMap<&'static str, u64>;

/// Everything the metrics tell.
///
/// ```
/// use ringgate::ServerHandle;
///
/// /// Requests that run now, over all cores.
/// async fn running(server: &ServerHandle) -> u64 {
///     let cores = server.metrics().await.map_or(Vec::new(), |snapshot| snapshot.cores);
///     cores.iter().map(|core| core.requests.running).sum()
/// }
/// ```
#[derive(Clone, Debug, Default)]
pub struct Snapshot {
    /// `starting`, `running`, `draining`, `stopping` or `stopped`.
    pub phase: &'static str,
    /// Seconds since the process started to serve.
    pub uptime_seconds: f64,
    /// The limits that are set, by configuration key (`max_threads`); one that is none or
    /// unbounded is left out.
    pub limits: CountsBy,
    /// Cores of the pool by what they are: `target` are those that are wanted, the others are there.
    pub pool: CountsBy,
    /// Requests that wait for a slot, and connections in the kernel's queues.
    pub queued: u64,
    /// Connections that wait for a core.
    pub parked: u64,
    /// Slots of the gate that are taken, now.
    pub slots_taken: u64,
    /// Requests that wait at the gate, now.
    pub waiting: u64,
    /// Clients whose rate of requests was forgotten for want of room.
    pub clients_forgotten: u64,
    /// One for each core slot that has run.
    pub cores: Vec<CoreSample>,
    /// One for each route and status that it was answered with, over all cores.
    pub routes: Vec<RouteSample>,
    /// One for each listener.
    pub listeners: Vec<ListenerSample>,
    /// One for each lane.
    pub lanes: Vec<LaneSample>,
    /// One for each certificate that is shown to clients.
    pub certificates: Vec<CertificateSample>,
    /// One for each older process that finishes what it has.
    pub older: Vec<Generation>,
    /// From the log handle.
    pub log_lines_written: u64,
    /// From the log handle.
    pub log_lines_dropped: u64,
    /// Lines of the access log that were written.
    pub access_log_lines_written: u64,
    /// Lines of the access log that were dropped.
    pub access_log_lines_dropped: u64,
    /// Files that were in the memory of a core.
    pub file_cache_hits: u64,
    /// Files that were not, of sites that keep some.
    pub file_cache_misses: u64,
    /// Resident memory of the process (proc_pid_statm(5)).
    pub rss_bytes: u64,
    /// `ListenOverflows` of the network namespace (proc_net_netstat(5)): not of this process
    /// alone, and since the namespace was made.
    pub listen_overflows: u64,
}

/// One core slot, identified by `index` for as long as the process lives: when its thread is
/// replaced the counts go on.
#[derive(Clone, Debug, Default)]
pub struct CoreSample {
    /// Slot of the core, from 0.
    pub index: u32,
    /// CPU that its thread is pinned to, if it is.
    pub cpu: Option<u32>,
    /// State of the core, in lower case.
    pub state: &'static str,
    /// The ledger of connections.
    pub connections: ConnectionCounts,
    /// The ledger of requests.
    pub requests: RequestCounts,
    /// Requests that run on after their handler gave the slot back, now.
    pub detached: u64,
    /// Operations the kernel has not completed, now.
    pub operations_in_flight: u64,
    /// How much of the last second the core was at work or waited for a CPU, from 0 to 1.
    pub busy: f64,
    /// Seconds since the last turn, or 0 while the core waits in the kernel.
    pub heartbeat_age_seconds: f64,
    /// Turns of the loop.
    pub turns: u64,
    /// Receive buffers that hold bytes not yet consumed, now.
    pub buffers_in_use: u64,
    /// Buffers kept beyond the turn they were received in, now.
    pub leases_kept: u64,
    /// Bytes received from connections.
    pub bytes_received: u64,
    /// Bytes sent to connections.
    pub bytes_sent: u64,
    /// Completions that found their operation gone.
    pub stale_completions: u64,
    /// Times that accepting was paused, by reason.
    pub accept_pauses: CountsBy,
    /// Requests that broke the protocol, by the status they were answered with.
    pub protocol_errors: CountsBy,
    /// Answers by class: `1xx` to `5xx`.
    pub responses: CountsBy,
    /// The counts of TLS.
    pub tls: TlsCounts,
    /// The counts of HTTP/2.
    pub http2: Http2Counts,
    /// Headers of the PROXY protocol that were believed.
    pub proxy_headers: u64,
    /// Connections that were closed for want of one, by reason.
    pub proxy_headers_failed: CountsBy,
    /// Requests whose client somebody asked for, by where its address is from: `socket`, `proxy-header` or `field`.
    pub clients: CountsBy,
    /// Fields that name clients and were not taken: `untrusted` or `no-address`.
    pub forwarded_refused: CountsBy,
    /// The counts of WebSockets.
    pub websockets: WebSocketCounts,
    /// Handlers that panicked.
    pub handler_panics: u64,
    /// Steps of handlers that held the core for too long, by route.
    pub long_polls: BTreeMap<String, u64>,
    /// Tasks that exist, now.
    pub tasks: u64,
    /// Receives that ended because no receive buffer was free.
    pub starved_receives: u64,
    /// Times that the completion queue was full.
    pub cq_overflows: u64,
    /// From the start of a handler to the end of its answer.
    pub service_time: HistogramSnapshot,
    /// The time at the gate of those that waited and got a slot.
    pub queue_time: HistogramSnapshot,
}

/// The counts of TLS on one core; all 0 where nobody speaks it.
#[derive(Clone, Debug, Default)]
pub struct TlsCounts {
    /// Handshakes that came to an end, `full` or `resumed`.
    pub handshakes: CountsBy,
    /// Handshakes that failed, by reason.
    pub failed_handshakes: CountsBy,
    /// Handshakes in progress, now.
    pub in_progress: u64,
    /// Established connections whose TLS failed, by reason.
    pub failures: CountsBy,
}

/// The counts of HTTP/2 on one core.
#[derive(Clone, Debug, Default)]
pub struct Http2Counts {
    /// Connections that speak it, now.
    pub connections: u64,
    /// Connections that began to speak it.
    pub begun: u64,
    /// Requests that came on streams.
    pub streams: u64,
    /// Connections whose client was told to begin no more, by a drain or `requests_per_connection`.
    pub drained: u64,
    /// Connections, and stalled streams, that were ended since their client broke a rule or a budget, by reason.
    pub faults: CountsBy,
}

/// The counts of WebSockets on one core.
#[derive(Clone, Debug, Default)]
pub struct WebSocketCounts {
    /// Open, or about to be closed, now.
    pub open: u64,
    /// Messages, `received` or `sent`.
    pub messages: CountsBy,
    /// WebSockets whose client broke a rule or a limit, by reason.
    pub faults: CountsBy,
}

/// The ledger of connections of one core:
/// `accepted + handed_in = finished + rejected + aborted + open + handed_out`.
#[derive(Clone, Debug, Default)]
pub struct ConnectionCounts {
    /// Taken from a listener.
    pub accepted: u64,
    /// Ended in order.
    pub finished: u64,
    /// Ended with a refusal, by reason.
    pub rejected: CountsBy,
    /// Ended by reset, error, timeout or force.
    pub aborted: u64,
    /// Open now.
    pub open: u64,
    /// Received from another core.
    pub handed_in: u64,
    /// Given to another core.
    pub handed_out: u64,
}

/// The ledger of requests of one core:
/// `begun = answered + rejected + aborted + running + pending`.
#[derive(Clone, Debug, Default)]
pub struct RequestCounts {
    /// Heads that were received whole.
    pub begun: u64,
    /// Answered by a handler.
    pub answered: u64,
    /// Refused, by reason.
    pub rejected: CountsBy,
    /// Ended without a whole answer.
    pub aborted: u64,
    /// In a handler now.
    pub running: u64,
    /// Waiting for admission now.
    pub pending: u64,
}

/// The answers of one route with one status.
#[derive(Clone, Debug, Default)]
pub struct RouteSample {
    /// Method and pattern of the route.
    pub route: String,
    /// The status; none of those that are counted together, since the route has answered with too many others.
    pub status: Option<u16>,
    /// Answers.
    pub answers: u64,
}

/// One listening socket.
#[derive(Clone, Debug, Default)]
pub struct ListenerSample {
    /// The address as it is written in the configuration.
    pub address: String,
    /// Core slot that the listener was made for.
    pub slot: u32,
    /// Index of the core that holds its baton; none while it passes.
    pub owner_core: Option<u32>,
    /// Connections that wait to be accepted, now; none where the kernel does not tell, and where another listener
    /// of the same socket tells it.
    pub queue: Option<u64>,
    /// The most that may wait, told by the same one.
    pub queue_limit: Option<u64>,
}

/// One certificate.
#[derive(Clone, Debug, Default)]
pub struct CertificateSample {
    /// The file that it was read from; `self` for one that was made here.
    pub file: String,
    /// The first host name in it; empty without any.
    pub name: String,
    /// Serial number, in hexadecimal.
    pub serial: String,
    /// Until when it is valid, in seconds since 1970.
    pub not_after: u64,
}

/// One lane, identified by its name.
#[derive(Clone, Debug, Default)]
pub struct LaneSample {
    /// Name of the lane.
    pub name: String,
    /// `workers` or `in_core`.
    pub kind: &'static str,
    /// Whether it can work.
    pub available: bool,
    /// Workers of the lane by state, now: `spawned` are all there are.
    pub workers: CountsBy,
    /// Limits of the lane that are set: `min`, `max`, `queue`.
    pub limits: CountsBy,
    /// Work that waits, now.
    pub queued: u64,
    /// Work that was taken in.
    pub submitted: u64,
    /// Work that ended, by how.
    pub ended: CountsBy,
    /// Work that was refused at the door, by reason.
    pub refused: CountsBy,
    /// States that were made for workers.
    pub starts: u64,
    /// Attempts to make a state that failed.
    pub failed_starts: u64,
    /// Workers that lost their state and were replaced.
    pub replaced: u64,
}
