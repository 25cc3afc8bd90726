//! Options of WebSockets and tunnels: how many there are, what a client may send, and how long it may be silent.
//!
//! Part of the table in `mod.rs`, which alone reads it.

use std::time::Duration;

use super::{DAY, MILLISECOND};
use crate::config::definition::{Change, Group, OptionDef};
use crate::config::kind::Kind;

/// The largest message that a client can be let send.
const MESSAGE_SIZE_MAX: u64 = 1 << 30;
/// The longest time that a tunnel can be silent.
const TUNNEL_MAX: Duration = Duration::from_secs(7 * 24 * 60 * 60);

pub(super) const WEBSOCKET: &[OptionDef] = &[
    OptionDef {
        key: "max_websockets",
        kind: Kind::CountOr {
            word: "none",
            at: |d| &mut d.config.websocket.max,
            max: u32::MAX,
        },
        default: "none",
        unit: "WebSockets",
        help: "Opens at most this many WebSockets and tunnels; further ones are refused with 503.",
        group: Group::WebSocket,
        change: Change::Live,
    },
    OptionDef {
        key: "websocket_message_size",
        kind: Kind::Size {
            at: |d| &mut d.config.websocket.message_size,
            min: 125,
            max: MESSAGE_SIZE_MAX,
        },
        default: "1MiB",
        unit: "bytes",
        help: "Closes a WebSocket whose client sends a larger message, with 1009.",
        group: Group::WebSocket,
        change: Change::Live,
    },
    OptionDef {
        key: "websocket_ping",
        kind: Kind::Duration {
            at: |d| &mut d.config.websocket.ping,
            min: MILLISECOND,
            max: DAY,
        },
        default: "20s",
        unit: "duration",
        help: "Asks the client of a WebSocket that says nothing for this long whether it is still there.",
        group: Group::WebSocket,
        change: Change::Live,
    },
    OptionDef {
        key: "websocket_pong_timeout",
        kind: Kind::Duration {
            at: |d| &mut d.config.websocket.pong_timeout,
            min: MILLISECOND,
            max: DAY,
        },
        default: "20s",
        unit: "duration",
        help: "Ends a WebSocket whose client says nothing for this long after it was asked.",
        group: Group::WebSocket,
        change: Change::Live,
    },
    OptionDef {
        key: "websocket_message_timeout",
        kind: Kind::Duration {
            at: |d| &mut d.config.websocket.message_timeout,
            min: MILLISECOND,
            max: DAY,
        },
        default: "30s",
        unit: "duration",
        help: "A message of a WebSocket must be whole this long after its first byte, or it is closed with \
               1008.",
        group: Group::WebSocket,
        change: Change::Live,
    },
    OptionDef {
        key: "websocket_close_timeout",
        kind: Kind::Duration {
            at: |d| &mut d.config.websocket.close_timeout,
            min: MILLISECOND,
            max: DAY,
        },
        default: "5s",
        unit: "duration",
        help: "After the server's Close the client's must come within this time.",
        group: Group::WebSocket,
        change: Change::Live,
    },
    OptionDef {
        key: "tunnel_timeout",
        kind: Kind::Duration {
            at: |d| &mut d.config.websocket.tunnel_timeout,
            min: MILLISECOND,
            max: TUNNEL_MAX,
        },
        default: "1h",
        unit: "duration",
        help: "A tunnel, or another protocol that a handler speaks, may be silent in both directions this long.",
        group: Group::WebSocket,
        change: Change::Live,
    },
];
