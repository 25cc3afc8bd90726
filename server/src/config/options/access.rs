//! The access log: where its lines go, how they look, and which requests get one.
//!
//! Part of the table in `mod.rs`, which alone reads it.

use super::{DAY, U32_MAX, count};
use crate::config::definition::{Change, Group, OptionDef};
use crate::config::kind::Kind;
use std::time::Duration;

pub(super) const ACCESS: &[OptionDef] = &[
    OptionDef {
        key: "access_log",
        kind: Kind::AccessTarget(|d| &mut d.config.access_log.target),
        default: "off",
        unit: "target",
        help: "Writes a line for each request to this file, to standard error, to the socket of \
               syslog, or to the journal of systemd.",
        group: Group::AccessLog,
        change: Change::Restart,
    },
    OptionDef {
        key: "access_log_format",
        kind: Kind::Choice(|d| &mut d.config.access_log.format),
        default: "combined",
        unit: "format",
        help: "Writes these lines in the Combined Log Format, or as JSON.",
        group: Group::AccessLog,
        change: Change::Live,
    },
    OptionDef {
        key: "access_log_fields",
        kind: Kind::AccessFields(|d| &mut d.config.access_log.fields),
        default: "",
        unit: "field",
        help: "Writes this field of the JSON; give it again for each further one. None named is all.",
        group: Group::AccessLog,
        change: Change::Live,
    },
    OptionDef {
        key: "access_log_sample",
        kind: count(|d| &mut d.config.access_log.sample, 1, U32_MAX),
        default: "1",
        unit: "requests",
        help: "Of this many requests that end well writes one; those that do not are all written.",
        group: Group::AccessLog,
        change: Change::Live,
    },
    OptionDef {
        key: "access_log_slow",
        kind: Kind::Duration {
            at: |d| &mut d.config.access_log.slow,
            min: Duration::ZERO,
            max: DAY,
        },
        default: "0s",
        unit: "duration",
        help: "Leaves out the requests that end well in less than this time; 0 leaves none out.",
        group: Group::AccessLog,
        change: Change::Live,
    },
];
