//! The counts of one core. Only the core itself writes them, and anyone reads (row H19,
//! docs/seeds.md). Two ledgers:
//!
//! - connections: `accepted + handed_in = finished + rejected + aborted + open + handed_out`
//! - requests: `begun = answered + rejected + aborted + running + pending`
//!
//! In the sum over all cores `inherited` came from an older process and `passed_on` went to a newer
//! one (an upgrade): `accepted + inherited = finished + rejected + aborted + open + in_transit +
//! passed_on`.
//!
//! Each core checks its own once a turn in debug builds. A connection is *rejected* if its last
//! exchange was a refusal by the gate, *aborted* on reset, error, timeout or force, else
//! *finished*. Connections of the control socket and of the metrics address are in neither.

use crate::client::belief::{REFUSED, Source};
use crate::client::proxy_header::HeaderFault;
use crate::http2::code::FAULT_REASONS;
use crate::observe::Counter;
use crate::observe::metrics::{Histogram, RouteCounts, Tally};
use crate::tls::handshake::failure::FailReason;
use crate::tls::record::Reason as TlsFault;
use crate::websocket::Fault;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

/// Why the gate refused a request.
///
/// ```
/// use ringgate::admission::ledger::Reason;
///
/// let names: Vec<&str> = Reason::ALL.iter().map(|reason| reason.name()).collect();
/// assert!(names.contains(&"queue-timeout"));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Reason {
    /// Every slot was taken, and no place to wait was left.
    Full,
    /// The server is about to end.
    Draining,
    /// The request waited longer than `queue_timeout`.
    QueueTimeout,
    /// The queue stands, and its turn to be shed had come (`queue_target`).
    CoDel,
    /// The client's address has as many requests in as `per_address` allows.
    PerAddress,
    /// There are as many WebSockets and tunnels as `max_websockets` allows.
    WebSockets,
    /// The client asks more often than `request_rate` allows.
    Rate,
}

impl Reason {
    /// All reasons.
    pub const ALL: [Reason; 7] = [
        Reason::Full,
        Reason::Draining,
        Reason::QueueTimeout,
        Reason::CoDel,
        Reason::PerAddress,
        Reason::WebSockets,
        Reason::Rate,
    ];

    /// The reason in log, status, metrics and the `X-Ringgate-Reason` field.
    pub const fn name(self) -> &'static str {
        match self {
            Reason::Full => "full",
            Reason::Draining => "draining",
            Reason::QueueTimeout => "queue-timeout",
            Reason::CoDel => "codel",
            Reason::PerAddress => "per-address",
            Reason::WebSockets => "websockets",
            Reason::Rate => "rate",
        }
    }
}

/// A count for each [`Reason`].
///
/// ```
/// use ringgate::Ended;
/// use ringgate::admission::ledger::Reason;
///
/// /// Requests that were refused for want of a slot.
/// fn refused(ended: &Ended) -> u64 {
///     ended.requests.rejected.get(Reason::Full)
/// }
/// # assert_eq!(refused(&Ended::default()), 0);
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ByReason([u64; Reason::ALL.len()]);

impl ByReason {
    /// The count of one reason.
    pub const fn get(&self, reason: Reason) -> u64 {
        self.0[reason as usize]
    }

    /// All of them together.
    pub fn sum(&self) -> u64 {
        self.0.iter().sum()
    }

    fn add(&mut self, other: &ByReason) {
        self.0
            .iter_mut()
            .zip(&other.0)
            .for_each(|(mine, theirs)| *mine += theirs);
    }
}

/// The ledger of connections.
///
/// ```
/// use ringgate::Ended;
///
/// fn report(ended: &Ended) {
///     assert!(ended.connections.balances(), "no connection is lost");
///     println!("{} connections, {} cut", ended.connections.accepted, ended.connections.aborted);
/// }
/// # report(&Ended::default());
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "the terms are defined at the top of the file")]
pub struct Connections {
    pub accepted: u64,
    pub handed_in: u64,
    pub finished: u64,
    pub rejected: ByReason,
    pub aborted: u64,
    pub open: u64,
    pub handed_out: u64,
    pub inherited: u64,
    pub passed_on: u64,
}

impl Connections {
    /// Whether one core's ledger balances.
    pub fn balances(&self) -> bool {
        self.accepted + self.handed_in
            == self.finished + self.rejected.sum() + self.aborted + self.open + self.handed_out
    }

    /// Adds another core's.
    pub fn add(&mut self, other: &Connections) {
        self.accepted += other.accepted;
        self.handed_in += other.handed_in;
        self.finished += other.finished;
        self.rejected.add(&other.rejected);
        self.aborted += other.aborted;
        self.open += other.open;
        self.handed_out += other.handed_out;
        self.inherited += other.inherited;
        self.passed_on += other.passed_on;
    }

    /// Connections between two cores, in a sum over all of them.
    pub const fn in_transit(&self) -> u64 {
        (self.handed_out + self.inherited).saturating_sub(self.handed_in + self.passed_on)
    }
}

/// The ledger of requests.
///
/// ```
/// use ringgate::Ended;
///
/// fn report(ended: &Ended) {
///     assert!(ended.requests.balances(), "each request has one end");
///     println!("{} of {} answered", ended.requests.answered, ended.requests.begun);
/// }
/// # report(&Ended::default());
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "the terms are defined at the top of the file")]
pub struct Requests {
    pub begun: u64,
    pub answered: u64,
    pub rejected: ByReason,
    pub aborted: u64,
    pub running: u64,
    pub pending: u64,
}

impl Requests {
    /// Whether the ledger balances.
    pub fn balances(&self) -> bool {
        self.begun
            == self.answered + self.rejected.sum() + self.aborted + self.running + self.pending
    }

    /// Adds another core's.
    pub fn add(&mut self, other: &Requests) {
        self.begun += other.begun;
        self.answered += other.answered;
        self.rejected.add(&other.rejected);
        self.aborted += other.aborted;
        self.running += other.running;
        self.pending += other.pending;
    }
}

/// Both ledgers of one core. As its core reads them between two events they balance; read by
/// another thread meanwhile, they may be caught in the middle of one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Ledgers {
    pub(crate) connections: Connections,
    pub(crate) requests: Requests,
}

impl Ledgers {
    pub(crate) fn balance(&self) -> bool {
        self.connections.balances() && self.requests.balances()
    }
}

/// A number that goes up and down, written by one thread.
#[derive(Debug, Default)]
#[doc(hidden)]
pub struct Gauge(Counter);

impl Gauge {
    /// One more.
    #[inline]
    pub fn rise(&self) {
        self.0.add(1);
    }

    /// One less.
    #[inline]
    pub fn fall(&self) {
        self.0.add(1u64.wrapping_neg());
    }

    /// So many less.
    #[inline]
    pub fn fall_by(&self, count: u64) {
        self.0.add(count.wrapping_neg());
    }

    /// Replaces the number.
    #[inline]
    pub fn set(&self, value: u64) {
        self.0.add(value.wrapping_sub(self.0.get()));
    }

    /// The number.
    #[inline]
    pub fn get(&self) -> u64 {
        self.0.get()
    }
}

/// All that one core counts. On cache lines of its own (two, since processors fetch pairs): no
/// other core's writes ever slow the counting down.
#[derive(Debug, Default)]
#[repr(align(128))]
// Fields are named as in docs/metrics.md.
#[doc(hidden)]
pub struct CoreStats {
    pub accepted: Counter,
    pub handed_in: Counter,
    pub finished: Counter,
    pub rejected: [Counter; Reason::ALL.len()],
    pub aborted: Counter,
    pub open: Gauge,
    pub handed_out: Counter,

    pub begun: Counter,
    pub answered: Counter,
    pub requests_rejected: [Counter; Reason::ALL.len()],
    pub requests_aborted: Counter,
    pub running: Gauge,
    pub pending: Gauge,
    pub detached: Gauge,

    pub bytes_received: Counter,
    pub bytes_sent: Counter,
    pub handler_panics: Counter,
    /// Full handshakes of TLS, and resumed ones.
    pub handshakes_done: [Counter; 2],
    pub handshakes_failed: [Counter; FailReason::ALL.len()],
    pub handshakes: Gauge,
    /// Established connections whose TLS failed, by the fault; the last is an alert of the client's.
    pub tls_failed: [Counter; TlsFault::ALL.len() + 1],
    /// Headers of proxies that were believed.
    pub proxy_headers: Counter,
    /// Connections without one, as in `HeaderFault`.
    pub proxy_headers_failed: [Counter; HeaderFault::ALL.len()],
    /// Requests whose client was asked for, as in `Source`.
    pub clients: [Counter; Source::NAMES.len()],
    /// Fields that name clients and were not taken, as in `REFUSED`.
    pub forwarded_refused: [Counter; REFUSED.len()],
    pub websockets: Gauge,
    pub websocket_messages_received: Counter,
    pub websocket_messages_sent: Counter,
    pub websocket_faults: [Counter; Fault::ALL.len()],
    pub http2_connections: Gauge,
    pub http2_begun: Counter,
    pub http2_streams: Counter,
    pub http2_drained: Counter,
    /// Connections and streams of HTTP/2 that a fault of the client ended, as in `FAULT_REASONS`.
    pub http2_faults: [Counter; FAULT_REASONS.len()],
    /// Answers by class of status, but for those that are counted by `routes`; the first is of no class.
    pub responses: [Counter; 6],
    /// Answers by route and status; made by the core before its first answer.
    pub routes: OnceLock<Arc<RouteCounts>>,
    pub refusals: [Counter; REFUSAL_STATUSES.len()],
    pub accept_pauses: Counter,
    pub rejection_pauses: Counter,
    pub service_time: Histogram,
    pub queue_time: Histogram,

    pub operations_in_flight: Gauge,
    pub turns: Counter,
    pub enters: Counter,
    pub stale_completions: Counter,
    pub completion_overflows: Counter,
    pub starved_receives: Counter,
    pub tasks: Gauge,
    pub buffers_lent: Gauge,
    pub leases_kept: Gauge,

    /// Steps that held the core for too long, by route. Locked for each of them and for each look.
    pub long_polls: Mutex<BTreeMap<String, u64>>,
}

/// Every status that a refused message is answered with, in number and text.
#[doc(hidden)]
pub const REFUSAL_STATUSES: [(u16, &str); 8] = [
    (400, "400"),
    (408, "408"),
    (413, "413"),
    (414, "414"),
    (417, "417"),
    (431, "431"),
    (501, "501"),
    (505, "505"),
];

/// The class of a status by its first digit; 5 for one that has none.
#[inline]
pub(crate) fn class_of(status: u16) -> usize {
    usize::from(status / 100).min(5)
}

fn read(counters: &[Counter; Reason::ALL.len()]) -> ByReason {
    ByReason(std::array::from_fn(|index| counters[index].get()))
}

impl CoreStats {
    /// Counts a step of a handler of `route` that held the core for too long.
    pub(crate) fn long_poll(&self, route: &str) {
        let mut counts = self
            .long_polls
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        *counts.entry(route.to_owned()).or_default() += 1;
    }

    /// Counts a refused message by the status of the answer; one that is not in
    /// [`REFUSAL_STATUSES`] as a 400.
    pub(crate) fn refused(&self, status: u16) {
        let known = REFUSAL_STATUSES
            .iter()
            .position(|(code, _)| *code == status);
        self.refusals[known.unwrap_or(0)].add(1);
    }

    /// Counts an answer; `routes` is the core's own table.
    #[inline]
    pub(crate) fn answer(&self, routes: &RouteCounts, tally: Tally) {
        if !routes.count(tally.route, tally.status) {
            self.responses[class_of(tally.status)].add(1);
        }
    }

    /// Counts a connection that begins to speak HTTP/2.
    pub(crate) fn http2_began(&self) {
        self.http2_begun.add(1);
        self.http2_connections.rise();
    }

    /// The core has ended badly, and what it had is gone: both ledgers say so, and no gauge counts any of it. Returns how
    /// many connections were open.
    pub(crate) fn lose_all(&self) -> u64 {
        let open = self.open.get();
        // A panic may come in the middle of an event, between two counts of one connection.
        let Connections {
            accepted,
            handed_in,
            finished,
            rejected,
            aborted,
            handed_out,
            ..
        } = self.connections();
        let (came, ended) = (
            accepted + handed_in,
            finished + rejected.sum() + aborted + handed_out,
        );
        self.accepted.add((ended + open).saturating_sub(came));
        self.aborted.add(open.max(came.saturating_sub(ended)));
        let requests = self.requests();
        let ended = requests.answered + requests.rejected.sum() + requests.aborted;
        self.requests_aborted
            .add(requests.begun.saturating_sub(ended));
        for gauge in [
            &self.open,
            &self.running,
            &self.pending,
            &self.detached,
            &self.handshakes,
            &self.websockets,
            &self.http2_connections,
        ] {
            gauge.set(0);
        }
        open
    }

    /// Both ledgers now.
    pub(crate) fn ledgers(&self) -> Ledgers {
        Ledgers {
            connections: self.connections(),
            requests: self.requests(),
        }
    }

    /// The ledger of connections now.
    pub fn connections(&self) -> Connections {
        Connections {
            accepted: self.accepted.get(),
            handed_in: self.handed_in.get(),
            finished: self.finished.get(),
            rejected: read(&self.rejected),
            aborted: self.aborted.get(),
            open: self.open.get(),
            handed_out: self.handed_out.get(),
            inherited: 0,
            passed_on: 0,
        }
    }

    /// The ledger of requests now.
    pub fn requests(&self) -> Requests {
        Requests {
            begun: self.begun.get(),
            answered: self.answered.get(),
            rejected: read(&self.requests_rejected),
            aborted: self.requests_aborted.get(),
            running: self.running.get(),
            pending: self.pending.get(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_core_that_ends_in_the_middle_of_an_event_loses_no_connection_from_its_ledger() {
        // Connections that have a seat and are not counted as accepted, have left and are not counted as handed out, or
        // came from another core and have no seat yet.
        for (accepted, handed_in, open) in [(3, 0, 3), (2, 0, 3), (3, 0, 2), (2, 1, 2)] {
            let stats = CoreStats::default();
            stats.accepted.add(accepted + 5);
            stats.handed_in.add(handed_in);
            stats.finished.add(1);
            stats.rejected[0].add(2);
            stats.aborted.add(1);
            stats.handed_out.add(1);
            stats.open.set(open);
            // Two are running, of fourteen requests.
            stats.begun.add(14);
            stats.answered.add(3);
            stats.requests_rejected[1].add(4);
            stats.requests_aborted.add(5);
            let gauges = [
                &stats.running,
                &stats.pending,
                &stats.detached,
                &stats.handshakes,
                &stats.websockets,
                &stats.http2_connections,
            ];
            gauges.iter().for_each(|gauge| gauge.set(2));
            assert_eq!(stats.lose_all(), open);
            let ledgers = stats.ledgers();
            assert!(ledgers.balance(), "{ledgers:?}");
            assert_eq!(ledgers.connections.aborted, 4);
            assert_eq!(ledgers.requests.aborted, 5 + 2);
            assert!(gauges.iter().all(|gauge| gauge.get() == 0));
            assert_eq!(stats.open.get(), 0);
        }
    }

    #[test]
    fn a_gauge_goes_up_and_down() {
        let gauge = Gauge::default();
        gauge.set(7);
        gauge.rise();
        assert_eq!(gauge.get(), 8);
        gauge.fall();
        gauge.fall_by(5);
        assert_eq!(gauge.get(), 2);
    }

    #[test]
    fn a_status_is_counted_in_the_class_of_its_first_digit() {
        for status in 0..=u16::MAX {
            let class = match status {
                0..=99 => 0,
                100..=199 => 1,
                200..=299 => 2,
                300..=399 => 3,
                400..=499 => 4,
                500.. => 5,
            };
            assert_eq!(class_of(status), class, "{status}");
        }
    }

    #[test]
    fn a_session_of_http_2_is_counted_for_good_and_while_it_is_there() {
        let stats = CoreStats::default();
        stats.http2_began();
        stats.http2_began();
        stats.http2_connections.fall();
        let counts = [stats.http2_begun.get(), stats.http2_connections.get()];
        assert_eq!(counts, [2, 1]);
        stats.lose_all();
        let counts = [stats.http2_begun.get(), stats.http2_connections.get()];
        assert_eq!(counts, [2, 0]);
    }

    #[test]
    fn a_refusal_is_counted_by_its_status_and_one_without_a_row_as_a_400() {
        let stats = CoreStats::default();
        for (status, text) in REFUSAL_STATUSES {
            assert_eq!(status.to_string(), text);
            stats.refused(status);
        }
        stats.refused(418);
        let counts = stats.refusals.each_ref().map(|count| count.get());
        assert_eq!(counts, [2, 1, 1, 1, 1, 1, 1, 1]);
    }

    #[test]
    fn each_reason_has_the_name_that_the_documents_give_and_a_count_of_its_own() {
        let documented = include_str!("../../../docs/admission.md");
        let names = [
            "full",
            "draining",
            "queue-timeout",
            "codel",
            "per-address",
            "websockets",
            "rate",
        ];
        assert_eq!(Reason::ALL.map(Reason::name), names);
        for name in names {
            assert!(documented.contains(&format!("| `{name}` |")), "{name}");
        }
        assert_eq!(Reason::ALL.map(|reason| REJECTED.get(reason)), REJECTED.0);
        assert_eq!(REJECTED.sum(), 58);
    }

    #[test]
    fn steps_that_took_too_long_are_counted_by_route() {
        let stats = CoreStats::default();
        for route in ["GET /", "GET /a", "GET /", "GET /"] {
            stats.long_poll(route);
        }
        let counts = stats.long_polls.lock().expect("unpoisoned").clone();
        let expected = [("GET /".to_owned(), 3), ("GET /a".to_owned(), 1)];
        assert_eq!(counts, BTreeMap::from(expected));
    }

    #[test]
    fn an_answer_is_counted_by_its_route_and_one_of_none_by_the_class_of_its_status() {
        let stats = CoreStats::default();
        let routes = RouteCounts::new(vec!["GET /".to_owned()]);
        for (route, status) in [(0, 200), (0, 200), (7, 204), (7, 404), (7, 404), (7, 99)] {
            stats.answer(&routes, Tally { route, status });
        }
        let by_route: Vec<_> = routes.read().collect();
        assert_eq!(by_route, [("GET /", Some(200), 2)]);
        let by_class = stats.responses.each_ref().map(Counter::get);
        assert_eq!(by_class, [1, 0, 1, 0, 2, 0]);
    }

    const REJECTED: ByReason = ByReason([2, 3, 5, 7, 11, 13, 17]);
    /// Ledgers that balance.
    const BALANCED: Ledgers = Ledgers {
        connections: Connections {
            accepted: 211,
            handed_in: 97,
            finished: 101,
            rejected: REJECTED,
            aborted: 31,
            open: 71,
            handed_out: 47,
            inherited: 83,
            passed_on: 13,
        },
        requests: Requests {
            begun: 280,
            answered: 113,
            rejected: REJECTED,
            aborted: 29,
            running: 37,
            pending: 43,
        },
    };

    #[test]
    fn a_ledger_balances_if_whatever_came_has_one_end_and_not_if_any_term_is_one_more_or_less() {
        let terms: [fn(&mut Ledgers) -> &mut u64; 13] = [
            |ledgers| &mut ledgers.connections.accepted,
            |ledgers| &mut ledgers.connections.handed_in,
            |ledgers| &mut ledgers.connections.finished,
            |ledgers| &mut ledgers.connections.rejected.0[6],
            |ledgers| &mut ledgers.connections.aborted,
            |ledgers| &mut ledgers.connections.open,
            |ledgers| &mut ledgers.connections.handed_out,
            |ledgers| &mut ledgers.requests.begun,
            |ledgers| &mut ledgers.requests.answered,
            |ledgers| &mut ledgers.requests.rejected.0[0],
            |ledgers| &mut ledgers.requests.aborted,
            |ledgers| &mut ledgers.requests.running,
            |ledgers| &mut ledgers.requests.pending,
        ];
        assert!(BALANCED.balance() && Ledgers::default().balance());
        for (at, term) in terms.into_iter().enumerate() {
            for value in [-1, 1] {
                let mut ledgers = BALANCED;
                let term = term(&mut ledgers);
                *term = term.wrapping_add_signed(value);
                assert!(!ledgers.balance(), "{at} {value}");
                assert_eq!(ledgers.connections.balances(), at >= 7, "{at} {value}");
                assert_eq!(ledgers.requests.balances(), at < 7, "{at} {value}");
            }
        }
    }

    #[test]
    fn ledgers_of_two_cores_add_up_term_by_term() {
        let Ledgers {
            mut connections,
            mut requests,
        } = BALANCED;
        assert_eq!(connections.in_transit(), 20);
        connections.add(&BALANCED.connections);
        requests.add(&BALANCED.requests);
        let rejected = ByReason([4, 6, 10, 14, 22, 26, 34]);
        let twice = Ledgers {
            connections: Connections {
                accepted: 422,
                handed_in: 194,
                finished: 202,
                rejected,
                aborted: 62,
                open: 142,
                handed_out: 94,
                inherited: 166,
                passed_on: 26,
            },
            requests: Requests {
                begun: 560,
                answered: 226,
                rejected,
                aborted: 58,
                running: 74,
                pending: 86,
            },
        };
        let sum = Ledgers {
            connections,
            requests,
        };
        assert_eq!(sum, twice);
        assert_eq!(sum.connections.in_transit(), 40);
        // Caught in the middle of a hand-over, they never say that less than none is on its way.
        connections.handed_in += 41;
        assert_eq!(connections.in_transit(), 0);
    }
}
