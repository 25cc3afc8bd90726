//! The server as a whole: where it listens, who it is, what it says.
//!
//! Part of the table in `mod.rs`, which alone reads it.

use crate::config::definition::{Change, Group, OptionDef};
use crate::config::kind::Kind;

pub(super) const SERVER: &[OptionDef] = &[
    OptionDef {
        key: "listen",
        kind: Kind::Endpoints(|d| &mut d.config.listen),
        default: "127.0.0.1:8080",
        unit: "address",
        help: "Listens here, with TLS behind https://; give it again for each further address. [::] \
               takes IPv6 alone: give 0.0.0.0 as well for both.",
        group: Group::Server,
        change: Change::Restart,
    },
    OptionDef {
        key: "cores",
        kind: Kind::Cores(|d| &mut d.config.cores),
        default: "auto",
        unit: "cores",
        help: "Serves with as many cores as the CPU mask of the process has, but no more than the \
               CPU quota of its control group is worth, with N, or with a pool from MIN to MAX.",
        group: Group::Server,
        change: Change::Live,
    },
    OptionDef {
        key: "max_threads",
        kind: Kind::CountOr {
            word: "none",
            at: |d| &mut d.max_threads,
            max: u32::MAX,
        },
        default: "none",
        unit: "requests",
        help: "Runs at most this many requests at once over all cores.",
        group: Group::Server,
        change: Change::Live,
    },
    OptionDef {
        key: "max_accepts",
        kind: Kind::MaxAccepts(|d| &mut d.max_accepts),
        default: "none",
        unit: "requests",
        help: "Has at most this many requests in, running and waiting together, and answers 503 \
               beyond; with none nobody waits.",
        group: Group::Server,
        change: Change::Live,
    },
    OptionDef {
        key: "control",
        kind: Kind::Control(|d| &mut d.config.control),
        default: "auto",
        unit: "path",
        help: "Makes the control socket here; auto is $XDG_RUNTIME_DIR/ringgate/control.sock, \
               else /run/ringgate/control.sock for root, else /tmp/ringgate-UID/control.sock; \
               none makes no socket.",
        group: Group::Server,
        change: Change::Restart,
    },
    OptionDef {
        key: "metrics",
        kind: Kind::AddressOrNone(|d| &mut d.config.metrics),
        default: "none",
        unit: "address",
        help: "Serves metrics in Prometheus text here, at the path /metrics.",
        group: Group::Server,
        change: Change::Restart,
    },
    OptionDef {
        key: "config",
        kind: Kind::PathOrNone {
            at: |d| &mut d.file,
            placeholder: "FILE",
        },
        default: "none",
        unit: "file",
        help: "Reads this TOML file; environment and flags go over it.",
        group: Group::Server,
        change: Change::Restart,
    },
    OptionDef {
        key: "log_file",
        kind: Kind::PathOrNone {
            at: |d| &mut d.config.log.file,
            placeholder: "FILE",
        },
        default: "none",
        unit: "file",
        help: "Logs to this file, no link to one, instead of standard error.",
        group: Group::Server,
        change: Change::Restart,
    },
    OptionDef {
        key: "log_level",
        kind: Kind::Choice(|d| &mut d.config.log.level),
        default: "info",
        unit: "level",
        help: "Logs events from this level up; where it listens is told at every level but off.",
        group: Group::Server,
        change: Change::Live,
    },
    OptionDef {
        key: "log_format",
        kind: Kind::Choice(|d| &mut d.config.log.format),
        default: "text",
        unit: "format",
        help: "Writes log lines for people or as JSON.",
        group: Group::Server,
        change: Change::Restart,
    },
    OptionDef {
        key: "pid_file",
        kind: Kind::PathOrNone {
            at: |d| &mut d.config.pid_file,
            placeholder: "FILE",
        },
        default: "none",
        unit: "file",
        help: "Writes the process id here and locks the file; refuses to start if a live process has \
               done so.",
        group: Group::Server,
        change: Change::Restart,
    },
    OptionDef {
        key: "user",
        kind: Kind::NameOrNone(|d| &mut d.config.user),
        default: "none",
        unit: "name",
        help: "Becomes this user once everything is bound; only root can.",
        group: Group::Server,
        change: Change::Restart,
    },
    OptionDef {
        key: "group",
        kind: Kind::NameOrNone(|d| &mut d.config.group),
        default: "none",
        unit: "name",
        help: "Becomes this group once everything is bound; none is the user's own.",
        group: Group::Server,
        change: Change::Restart,
    },
    OptionDef {
        key: "without",
        kind: Kind::RingFlags(|d| &mut d.config.without),
        default: "",
        unit: "feature",
        help: "Does without this feature of the rings, to test the degraded mode; give it again \
               for each further feature.",
        group: Group::Server,
        change: Change::Restart,
    },
];
