//! Options of connections: what a client may send, and how long it may take.
//!
//! Part of the table in `mod.rs`, which alone reads it.

use std::time::Duration;

use super::{DAY, MIB, MILLISECOND, U32_MAX, count};
use crate::config::definition::{Change, Group, OptionDef};
use crate::config::kind::Kind;

pub(super) const CONNECTIONS: &[OptionDef] = &[
    OptionDef {
        key: "head_size",
        kind: Kind::Size {
            at: |d| &mut d.config.limits.head_size,
            min: 256,
            max: MIB,
        },
        default: "16KiB",
        unit: "bytes",
        help: "Refuses a request head that is larger.",
        group: Group::Limits,
        change: Change::Live,
    },
    OptionDef {
        key: "head_count",
        kind: count(|d| &mut d.config.limits.head_count, 1, 1024),
        default: "100",
        unit: "header fields",
        help: "Refuses a request head with more header fields.",
        group: Group::Limits,
        change: Change::Live,
    },
    OptionDef {
        key: "uri_size",
        kind: Kind::Size {
            at: |d| &mut d.config.limits.uri_size,
            min: 16,
            max: MIB,
        },
        default: "8KiB",
        unit: "bytes",
        help: "Refuses a request target that is longer.",
        group: Group::Limits,
        change: Change::Live,
    },
    OptionDef {
        key: "body_size",
        kind: Kind::SizeOrNone(|d| &mut d.config.limits.body_size),
        default: "1MiB",
        unit: "bytes",
        help: "Refuses a request body that is larger.",
        group: Group::Limits,
        change: Change::Live,
    },
    OptionDef {
        key: "head_timeout",
        kind: Kind::Duration {
            at: |d| &mut d.config.timeouts.head,
            min: MILLISECOND,
            max: DAY,
        },
        default: "10s",
        unit: "duration",
        help: "A request head must be whole this long after its first byte.",
        group: Group::Timeouts,
        change: Change::Live,
    },
    OptionDef {
        key: "body_timeout",
        kind: Kind::Duration {
            at: |d| &mut d.config.timeouts.body,
            min: MILLISECOND,
            max: DAY,
        },
        default: "30s",
        unit: "duration",
        help: "A request body may pause this long.",
        group: Group::Timeouts,
        change: Change::Live,
    },
    OptionDef {
        key: "write_timeout",
        kind: Kind::Duration {
            at: |d| &mut d.config.timeouts.write,
            min: MILLISECOND,
            max: DAY,
        },
        default: "30s",
        unit: "duration",
        help: "A client may take nothing of its answer for this long.",
        group: Group::Timeouts,
        change: Change::Live,
    },
    OptionDef {
        key: "write_rate_min",
        kind: Kind::SizeOrNone(|d| &mut d.config.timeouts.write_rate_min),
        default: "none",
        unit: "bytes per second",
        help: "Gives a client up that takes its answer more slowly, over 10 s and more.",
        group: Group::Timeouts,
        change: Change::Live,
    },
    OptionDef {
        key: "body_rate_min",
        kind: Kind::SizeOrNone(|d| &mut d.config.timeouts.body_rate_min),
        default: "none",
        unit: "bytes per second",
        help: "Refuses a body that comes more slowly, over 10 s and more.",
        group: Group::Timeouts,
        change: Change::Live,
    },
    OptionDef {
        key: "idle_timeout",
        kind: Kind::Duration {
            at: |d| &mut d.config.timeouts.idle,
            min: MILLISECOND,
            max: DAY,
        },
        default: "75s",
        unit: "duration",
        help: "A connection may wait this long for its next request.",
        group: Group::Timeouts,
        change: Change::Live,
    },
    OptionDef {
        key: "linger_timeout",
        kind: Kind::Duration {
            at: |d| &mut d.config.timeouts.linger,
            min: Duration::ZERO,
            max: DAY,
        },
        default: "5s",
        unit: "duration",
        help: "Before a close, what the client still sends is discarded until it pauses this long.",
        group: Group::Timeouts,
        change: Change::Live,
    },
    OptionDef {
        key: "linger_time",
        kind: Kind::Duration {
            at: |d| &mut d.config.timeouts.linger_time,
            min: Duration::ZERO,
            max: DAY,
        },
        default: "30s",
        unit: "duration",
        help: "Before a close, what the client still sends is discarded for this long at most.",
        group: Group::Timeouts,
        change: Change::Live,
    },
    OptionDef {
        key: "linger_size",
        kind: Kind::SizeOrNone(|d| &mut d.config.timeouts.linger_size),
        default: "none",
        unit: "bytes",
        help: "Before a close, at most this much of what the client still sends is discarded.",
        group: Group::Timeouts,
        change: Change::Live,
    },
    OptionDef {
        key: "unsent_size",
        kind: Kind::Size {
            at: |d| &mut d.config.timeouts.unsent_size,
            min: 4 << 10,
            max: 1 << 30,
        },
        default: "256KiB",
        unit: "bytes",
        help: "Lets the kernel keep this much of an answer beyond what is under way to the client: a client that takes \
               nothing has no more memory than that. For TCP connections that are accepted from then on.",
        group: Group::Timeouts,
        change: Change::Live,
    },
    OptionDef {
        key: "requests_per_connection",
        kind: count(
            |d| &mut d.config.timeouts.requests_per_connection,
            0,
            U32_MAX,
        ),
        default: "0",
        unit: "requests",
        help: "Closes a connection after this many requests; 0 is no limit.",
        group: Group::Timeouts,
        change: Change::Live,
    },
];
