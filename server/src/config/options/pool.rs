//! How the pool of cores grows, shrinks and heals.
//!
//! Part of the table in `mod.rs`, which alone reads it.

use std::time::Duration;

use super::{DAY, MILLISECOND, U32_MAX, count};
use crate::config::definition::{Change, Group, OptionDef};
use crate::config::kind::Kind;

pub(super) const POOL: &[OptionDef] = &[
    OptionDef {
        key: "trim_interval",
        kind: Kind::Duration {
            at: |d| &mut d.config.pool.trim_interval,
            min: MILLISECOND,
            max: DAY,
        },
        default: "30s",
        unit: "duration",
        help: "A pool from MIN to MAX gives up one idle core this often at most.",
        group: Group::Pool,
        change: Change::Live,
    },
    OptionDef {
        key: "heartbeat_interval",
        kind: Kind::Duration {
            at: |d| &mut d.config.pool.heartbeat_interval,
            min: MILLISECOND,
            max: DAY,
        },
        default: "5s",
        unit: "duration",
        help: "A core is to make a turn, or wait for work, this often.",
        group: Group::Pool,
        change: Change::Live,
    },
    OptionDef {
        key: "heartbeat_timeout",
        kind: Kind::Duration {
            at: |d| &mut d.config.pool.heartbeat_timeout,
            min: Duration::ZERO,
            max: DAY,
        },
        default: "20s",
        unit: "duration",
        help: "A core without a turn for heartbeat_interval and this long is replaced; \
               graceful_timeout later its connections are closed.",
        group: Group::Pool,
        change: Change::Live,
    },
    OptionDef {
        key: "stall",
        kind: Kind::Duration {
            at: |d| &mut d.config.pool.stall,
            min: MILLISECOND,
            max: DAY,
        },
        default: "250ms",
        unit: "duration",
        help: "Other cores accept for a core that has made no turn for this long.",
        group: Group::Pool,
        change: Change::Live,
    },
    OptionDef {
        key: "balance",
        kind: Kind::Choice(|d| &mut d.config.pool.balance),
        default: "on",
        unit: "switch",
        help: "Moves idle connections from a core that has more than twice as many as another.",
        group: Group::Pool,
        change: Change::Live,
    },
    OptionDef {
        key: "accepts",
        kind: count(|d| &mut d.config.pool.accepts, 0, U32_MAX),
        default: "0",
        unit: "connections per core",
        help: "Replaces a core that has accepted this many connections, less a random part of up \
               to a half; 0 is never.",
        group: Group::Pool,
        change: Change::Live,
    },
    OptionDef {
        key: "core_age",
        kind: Kind::Duration {
            at: |d| &mut d.config.pool.core_age,
            min: Duration::ZERO,
            max: DAY,
        },
        default: "0s",
        unit: "duration",
        help: "Replaces a core that has run for this long; 0s is never.",
        group: Group::Pool,
        change: Change::Live,
    },
];
