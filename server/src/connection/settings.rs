//! The part of the configuration that a core's connections need, in the form in which they need it.

use super::rate::Rate;
use super::stall::LOOKS;
use crate::client::belief::Belief;
use crate::config::{AccessTarget, Admit, Config, HalfClose, PriorityRule, Switch};
use crate::http1::exchange::Deadline;
use crate::http1::head::HeadLimits;
use crate::observe::access::Rules;
use crate::websocket::Limits;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

/// How long a request runs on whose client has ended its side, while nothing is sent to it: a handler that
/// reads a file or the last bytes of a body, or asks a lane, answers within that, and a slot is free soon.
const GONE_AFTER: Duration = Duration::from_millis(250);

/// The time in all of a client that is ended, for what was sent to it before: one byte now and then is no reason to wait
/// for it any longer.
const DISMISSED_WITHIN: Duration = Duration::from_secs(5);

/// The limits of streams are kept in whole seconds.
const STREAMS_LOOKED_AT_EVERY: Duration = Duration::from_secs(1);

/// Limits and time spans of connections.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    pub(crate) head: HeadLimits,
    pub(crate) body_size: Option<u64>,
    /// Bytes that are thrown away at most before a close.
    pub(crate) linger_size: u64,
    /// The longest time that is lingered in all.
    pub(crate) linger_time: Duration,
    /// The least rate at which an answer has to be taken, and a body to be sent.
    pub(crate) write_rate_min: Option<Rate>,
    pub(crate) body_rate_min: Option<Rate>,
    pub(crate) served_max: Option<NonZeroU32>,
    pub(crate) max_connections: Option<NonZeroU32>,
    pub(crate) accepts_per_turn: Option<NonZeroU32>,
    /// Connections that the core accepts before it says that it is worn; None: it never does.
    pub(crate) accepts: Option<u32>,
    pub(crate) keepalive_grace: Duration,
    /// Over how long WebSockets are told Close that cannot go along.
    pub(crate) drain_time: Duration,
    pub(crate) queue_timeout: Duration,
    /// Whether requests have more to pass at the gate than its slots.
    pub(crate) admits_specially: bool,
    /// Whether the short ways are taken ([`super::straight`], and at the end of a send): not where the
    /// gate has more to look at, nor in a simulation that is to hold them to the long ones.
    pub(crate) goes_straight: bool,
    /// Whether a send that ends takes the short way too. An access log is told of it on the long one.
    pub(crate) ends_straight: bool,
    /// Whether there is an access log.
    pub(crate) logs: bool,
    /// How its lines look, and which requests get one.
    pub(crate) access_log: Rules,
    pub(crate) admit: Admit,
    pub(crate) per_address: bool,
    /// Whether clients may ask only so often.
    pub(crate) keeps_rates: bool,
    pub(crate) rejections: Option<NonZeroU32>,
    pub(crate) priority: Vec<PriorityRule>,
    pub(crate) half_close: HalfClose,
    pub(crate) reason_header: bool,
    /// Whether connections of TLS go to another process with their keys.
    pub(crate) tls_handover: bool,
    /// Handshakes that a core begins in a turn, and has in progress.
    pub(crate) handshakes_per_turn: Option<NonZeroU32>,
    pub(crate) handshakes_max: Option<NonZeroU32>,
    /// Most connections of the process with another protocol.
    pub(crate) websockets_max: Option<NonZeroU32>,
    /// Bounds on what clients of WebSockets send.
    pub(crate) websocket: Limits,
    /// Whether HTTP/2 is served.
    pub(crate) serves_http2: bool,
    /// Without room for an answer of HTTP/2 that is ready.
    pub(crate) http2_stall_timeout: Duration,
    /// Bounds on what clients of HTTP/2 send.
    pub(crate) http2: crate::http2::Limits,
    /// Which proxies are believed, and what.
    pub(crate) belief: Arc<Belief>,
    timeouts: [Duration; 15],
    first_looks: [Duration; 15],
}

impl Settings {
    pub(crate) fn new(config: &Config) -> Settings {
        let timeouts = &config.timeouts;
        let spans = [
            timeouts.head,
            timeouts.body,
            timeouts.write,
            timeouts.idle,
            timeouts.linger,
            GONE_AFTER,
            config.tls.handshake_timeout,
            config.websocket.ping,
            config.websocket.pong_timeout,
            config.websocket.message_timeout,
            config.websocket.close_timeout,
            config.websocket.tunnel_timeout,
            STREAMS_LOOKED_AT_EVERY,
            config.proxies.header_timeout,
            timeouts.write.min(DISMISSED_WITHIN),
        ];
        let mut first_looks = spans;
        first_looks[Deadline::Write as usize] /= LOOKS;
        let admits_specially =
            config.queue.admit == Admit::Connection || config.queue.per_address.is_some();
        Settings {
            head: HeadLimits {
                head_size: config.limits.head_size,
                head_count: config.limits.head_count,
                uri_size: config.limits.uri_size,
            },
            body_size: config.limits.body_size,
            linger_size: timeouts.linger_size.unwrap_or(u64::MAX),
            linger_time: timeouts.linger_time,
            write_rate_min: timeouts.write_rate_min.and_then(Rate::new),
            body_rate_min: timeouts.body_rate_min.and_then(Rate::new),
            served_max: NonZeroU32::new(timeouts.requests_per_connection),
            max_connections: config.rings.max_connections,
            accepts_per_turn: config.rings.accepts_per_turn,
            accepts: None,
            keepalive_grace: config.drain.keepalive_grace,
            drain_time: config.drain.time,
            queue_timeout: config.queue.timeout,
            admits_specially,
            goes_straight: !admits_specially,
            ends_straight: !admits_specially && config.access_log.target == AccessTarget::Off,
            logs: config.access_log.target != AccessTarget::Off,
            access_log: Rules::new(&config.access_log),
            admit: config.queue.admit,
            per_address: config.queue.per_address.is_some(),
            keeps_rates: config.rates.rate.is_some(),
            rejections: config.queue.rejections,
            priority: config.queue.priority.clone(),
            half_close: config.queue.half_close,
            tls_handover: config.tls.handover == Switch::On,
            handshakes_per_turn: NonZeroU32::new(config.tls.handshakes_per_turn),
            handshakes_max: config.tls.max_handshakes,
            websockets_max: config.websocket.max,
            websocket: Limits::default().with_messages_of(config.websocket.message_size as usize),
            serves_http2: config.http2.serve == Switch::On,
            http2_stall_timeout: config.http2.stall_timeout,
            http2: config.http2.limits(config.limits.uri_size),
            reason_header: config.queue.reason_header == Switch::On,
            belief: Arc::new(Belief::new(&config.proxies)),
            timeouts: spans,
            first_looks,
        }
    }

    /// The same for a core that is worn after so many accepted connections: the draw of each core is another.
    pub(crate) fn worn_after(self, accepts: Option<u32>) -> Settings {
        Settings { accepts, ..self }
    }

    /// How long a connection may take for what.
    #[inline]
    pub(crate) fn timeout(&self, deadline: Deadline) -> Duration {
        self.timeouts[deadline as usize]
    }

    /// When it is looked for the first time whether a connection takes too long: a send is looked at
    /// several times.
    #[inline]
    pub(crate) fn first_look(&self, deadline: Deadline) -> Duration {
        self.first_looks[deadline as usize]
    }
}
