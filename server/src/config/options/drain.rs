//! How a server ends, and how a new process takes over.
//!
//! Part of the table in `mod.rs`, which alone reads it.

use std::time::Duration;

use super::{DAY, MILLISECOND};
use crate::config::definition::{Change, Group, OptionDef};
use crate::config::kind::Kind;

pub(super) const DRAIN: &[OptionDef] = &[
    OptionDef {
        key: "drain_grace",
        kind: Kind::Duration {
            at: |d| &mut d.config.drain.grace,
            min: Duration::ZERO,
            max: DAY,
        },
        default: "0s",
        unit: "duration",
        help: "A drain goes on accepting for this long after /readyz says no.",
        group: Group::Drain,
        change: Change::Live,
    },
    OptionDef {
        key: "keepalive_grace",
        kind: Kind::Duration {
            at: |d| &mut d.config.drain.keepalive_grace,
            min: Duration::ZERO,
            max: DAY,
        },
        default: "2s",
        unit: "duration",
        help: "A drain keeps a connection used within this time open for one more answer, which \
               announces the close.",
        group: Group::Drain,
        change: Change::Live,
    },
    OptionDef {
        key: "drain_time",
        kind: Kind::Duration {
            at: |d| &mut d.config.drain.time,
            min: Duration::ZERO,
            max: DAY,
        },
        default: "5s",
        unit: "duration",
        help: "Tells WebSockets Close that a drain ends or an upgrade cannot take along, spread over this \
               time.",
        group: Group::Drain,
        change: Change::Live,
    },
    OptionDef {
        key: "graceful_timeout",
        kind: Kind::Duration {
            at: |d| &mut d.config.drain.graceful_timeout,
            min: Duration::ZERO,
            max: DAY,
        },
        default: "30s",
        unit: "duration",
        help: "A drain cuts what is left after this time.",
        group: Group::Drain,
        change: Change::Live,
    },
    OptionDef {
        key: "drain_pending",
        kind: Kind::Choice(|d| &mut d.config.drain.pending),
        default: "serve",
        unit: "action",
        help: "A drain serves the requests that wait for a slot, or answers them 503 at once.",
        group: Group::Drain,
        change: Change::Live,
    },
    OptionDef {
        key: "on_term",
        kind: Kind::Choice(|d| &mut d.config.drain.on_term),
        default: "stop",
        unit: "action",
        help: "SIGTERM stops the server now, or drains it first.",
        group: Group::Drain,
        change: Change::Live,
    },
    OptionDef {
        key: "upgrade_timeout",
        kind: Kind::Duration {
            at: |d| &mut d.config.drain.upgrade_timeout,
            min: MILLISECOND,
            max: DAY,
        },
        default: "30s",
        unit: "duration",
        help: "A new process has this long to take over in an upgrade; then it is ended and the \
               old one goes on.",
        group: Group::Drain,
        change: Change::Live,
    },
];
