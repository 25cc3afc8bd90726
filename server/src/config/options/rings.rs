//! Options of each core: rings, buffers, turns.
//!
//! Part of the table in `mod.rs`, which alone reads it.

use std::time::Duration;

use super::{count, power_of_two};
use crate::config::cores::CORES_MAX;
use crate::config::definition::{Change, Group, OptionDef};
use crate::config::kind::Kind;

pub(super) const RINGS: &[OptionDef] = &[
    OptionDef {
        key: "core_slots",
        kind: Kind::CountOr {
            word: "auto",
            at: |d| &mut d.config.core_slots,
            max: CORES_MAX,
        },
        default: "auto",
        unit: "cores",
        help: "Makes listeners for this many cores, the most a resize can reach; auto is the \
               larger of the most cores and the CPUs.",
        group: Group::Rings,
        change: Change::Restart,
    },
    OptionDef {
        key: "ring_entries",
        kind: power_of_two(|d| &mut d.config.rings.entries, 64, 32_768),
        default: "1024",
        unit: "entries per core",
        help: "Has this many submission queue entries.",
        group: Group::Rings,
        change: Change::Restart,
    },
    OptionDef {
        key: "buffers",
        kind: power_of_two(|d| &mut d.config.rings.buffers, 16, 32_768),
        default: "1024",
        unit: "buffers per core",
        help: "Provides at most this many buffers to receive into; fewer as long as fewer do.",
        group: Group::Rings,
        change: Change::Restart,
    },
    OptionDef {
        key: "buffer_size",
        kind: Kind::Size {
            at: |d| &mut d.config.rings.buffer_size,
            min: 512,
            max: 65_536,
        },
        default: "32KiB",
        unit: "bytes",
        help: "Makes each of these buffers this large: a request that fits into one arrives in one piece. \
               What was never filled takes no memory.",
        group: Group::Rings,
        change: Change::Restart,
    },
    OptionDef {
        key: "leases_kept",
        kind: count(|d| &mut d.config.rings.leases_kept, 0, 1 << 20),
        default: "256",
        unit: "buffers per core",
        help: "Lets handlers keep this many buffers past a turn; beyond it heads are copied.",
        group: Group::Rings,
        change: Change::Restart,
    },
    OptionDef {
        key: "max_connections",
        kind: Kind::CountOr {
            word: "none",
            at: |d| &mut d.config.rings.max_connections,
            max: u32::MAX,
        },
        default: "none",
        unit: "connections per core",
        help: "Pauses accepting on a core with this many open connections. With any value the process accepts only as many as its limit of open files has room for.",
        group: Group::Rings,
        change: Change::Restart,
    },
    OptionDef {
        key: "accepts_per_turn",
        kind: Kind::CountOr {
            word: "none",
            at: |d| &mut d.config.rings.accepts_per_turn,
            max: u32::MAX,
        },
        default: "64",
        unit: "connections per core",
        help: "Takes in at most this many new connections between two looks at all others.",
        group: Group::Rings,
        change: Change::Restart,
    },
    OptionDef {
        key: "spin",
        kind: Kind::Duration {
            at: |d| &mut d.config.rings.spin,
            min: Duration::ZERO,
            max: Duration::from_millis(100),
        },
        default: "0s",
        unit: "duration",
        help: "Looks for work for this long before it blocks in the kernel.",
        group: Group::Rings,
        change: Change::Restart,
    },
    OptionDef {
        key: "tasks_per_turn",
        kind: count(|d| &mut d.config.rings.tasks_per_turn, 1, 1 << 20),
        default: "1024",
        unit: "tasks per core",
        help: "Runs at most this many ready tasks before the kernel is heard again.",
        group: Group::Rings,
        change: Change::Restart,
    },
    OptionDef {
        key: "long_poll",
        kind: Kind::Duration {
            at: |d| &mut d.config.rings.long_poll,
            min: Duration::ZERO,
            max: Duration::from_secs(3600),
        },
        default: "100ms",
        unit: "duration",
        help: "Names routes whose handlers hold their core for this long, waiting for a CPU not counted; 0s names none.",
        group: Group::Rings,
        change: Change::Restart,
    },
];
