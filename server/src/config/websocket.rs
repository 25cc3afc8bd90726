//! The options of WebSockets and of tunnels.
//!
//! Plain data, part of [`Config`](super::Config). Called by the option table and by whoever builds a
//! configuration in code. Not here: the terms of one route ([`crate::WebSocket`]).

use std::num::NonZeroU32;
use std::time::Duration;

/// Bounds of connections on which another protocol than HTTP is spoken.
///
/// ```
/// use ringgate::config::{Config, WebSockets};
///
/// let config = Config {
///     websocket: WebSockets { message_size: 64 << 10, ..WebSockets::default() },
///     ..Config::default()
/// };
/// assert!(config.check().is_ok());
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebSockets {
    /// Most of them over all cores; None for any number.
    pub max: Option<NonZeroU32>,
    /// Largest message of a client, in bytes.
    pub message_size: u64,
    /// Silence of a client before it is asked with a Ping.
    pub ping: Duration,
    /// Silence of a client after that before it is given up.
    pub pong_timeout: Duration,
    /// From the first byte of a message to its last.
    pub message_timeout: Duration,
    /// From the server's Close to the client's.
    pub close_timeout: Duration,
    /// Silence of a tunnel in both directions.
    pub tunnel_timeout: Duration,
}

impl Default for WebSockets {
    fn default() -> Self {
        WebSockets {
            max: None,
            message_size: 1 << 20,
            ping: Duration::from_secs(20),
            pong_timeout: Duration::from_secs(20),
            message_timeout: Duration::from_secs(30),
            close_timeout: Duration::from_secs(5),
            tunnel_timeout: Duration::from_secs(60 * 60),
        }
    }
}
