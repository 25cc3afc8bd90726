//! Requests that wait at the gate.
//!
//! Part of the table in `mod.rs`, which alone reads it.

use std::time::Duration;

use super::{DAY, MILLISECOND};
use crate::config::definition::{Change, Group, OptionDef};
use crate::config::kind::Kind;
use crate::config::rates::RequestRate;

pub(super) const ADMISSION: &[OptionDef] = &[
    OptionDef {
        key: "admit",
        kind: Kind::Choice(|d| &mut d.config.queue.admit),
        default: "request",
        unit: "holder",
        help: "Counts requests from their whole head to their answer, or connections from their \
               first request to their end.",
        group: Group::Admission,
        change: Change::Restart,
    },
    OptionDef {
        key: "per_address",
        kind: Kind::CountOr {
            word: "none",
            at: |d| &mut d.config.queue.per_address,
            max: u32::MAX,
        },
        default: "none",
        unit: "requests",
        help: "Has at most this many requests of one client address in, running and waiting \
               together, and answers 503 beyond.",
        group: Group::Admission,
        change: Change::Restart,
    },
    OptionDef {
        key: "request_rate",
        kind: Kind::RateOrNone(|d| &mut d.config.rates.rate),
        default: "none",
        unit: "requests",
        help: "Answers 429 to a client that asks more often than this, over all cores; what passes no gate, \
               such as /healthz, is not counted.",
        group: Group::Admission,
        change: Change::Restart,
    },
    OptionDef {
        key: "request_burst",
        kind: Kind::CountOr {
            word: "auto",
            at: |d| &mut d.config.rates.burst,
            max: RequestRate::REQUESTS_MAX,
        },
        default: "auto",
        unit: "requests",
        help: "Lets a client that has rested make this many requests at once before request_rate holds; auto \
               is the number in request_rate.",
        group: Group::Admission,
        change: Change::Restart,
    },
    OptionDef {
        key: "request_rate_field",
        kind: Kind::NameOrNone(|d| &mut d.config.rates.field),
        default: "none",
        unit: "field",
        help: "Counts requests with this field, such as X-Api-Key, by its value instead of by their address: \
               for keys that something in front has checked, since a client that may choose them is not limited.",
        group: Group::Admission,
        change: Change::Restart,
    },
    OptionDef {
        key: "rejections",
        kind: Kind::CountOr {
            word: "none",
            at: |d| &mut d.config.queue.rejections,
            max: u32::MAX,
        },
        default: "1024",
        unit: "connections per core",
        help: "Pauses accepting on a core while this many of its connections are being refused.",
        group: Group::Admission,
        change: Change::Restart,
    },
    OptionDef {
        key: "priority",
        kind: Kind::Priorities(|d| &mut d.config.queue.priority),
        default: "",
        unit: "rule",
        help: "Runs requests of this path or with this field before (high) or after (low) others \
               that wait; give it again for each further rule.",
        group: Group::Admission,
        change: Change::Restart,
    },
    OptionDef {
        key: "shed",
        kind: Kind::Choice(|d| &mut d.config.queue.shed),
        default: "oldest",
        unit: "request",
        help: "Gives the 503 to the request that has waited longest or to the one that came last.",
        group: Group::Admission,
        change: Change::Live,
    },
    OptionDef {
        key: "queue_timeout",
        kind: Kind::Duration {
            at: |d| &mut d.config.queue.timeout,
            min: Duration::ZERO,
            max: DAY,
        },
        default: "0s",
        unit: "duration",
        help: "Answers 503 to a request that has waited this long for a slot; 0 is no limit.",
        group: Group::Admission,
        change: Change::Live,
    },
    OptionDef {
        key: "queue_target",
        kind: Kind::Duration {
            at: |d| &mut d.config.queue.target,
            min: Duration::ZERO,
            max: DAY,
        },
        default: "0s",
        unit: "duration",
        help: "Sheds requests, more and more often, while even the shortest wait for a slot is \
               longer than this (CoDel, RFC 8289); 0 sheds nobody for having waited.",
        group: Group::Admission,
        change: Change::Live,
    },
    OptionDef {
        key: "queue_interval",
        kind: Kind::Duration {
            at: |d| &mut d.config.queue.interval,
            min: MILLISECOND,
            max: DAY,
        },
        default: "100ms",
        unit: "duration",
        help: "Lets waits be longer than queue_target for this long before the first is shed.",
        group: Group::Admission,
        change: Change::Live,
    },
    OptionDef {
        key: "half_close",
        kind: Kind::Choice(|d| &mut d.config.queue.half_close),
        default: "gone",
        unit: "meaning",
        help: "Takes a client that ends its side while its request waits or runs to be gone, \
               or serves it all the same.",
        group: Group::Admission,
        change: Change::Live,
    },
    OptionDef {
        key: "reason_header",
        kind: Kind::Choice(|d| &mut d.config.queue.reason_header),
        default: "on",
        unit: "switch",
        help: "Says in the field X-Ringgate-Reason of a 503 why the request was refused.",
        group: Group::Admission,
        change: Change::Live,
    },
];
