//! Every option of Ringgate, each written once.
//!
//! Flags, keys of the file, environment names, help, `docs/configuration.md` and the example file
//! are made from this table. Its order is the order of the help. What a value does when it is set
//! is not decided here.

use std::time::Duration;

use super::cores::CORES_MAX;
use super::definition::{Change, Group, OptionDef};
use super::kind::{At, Kind, Whole};

const MIB: u64 = 1 << 20;
const U32_MAX: u64 = u32::MAX as u64;
const MILLISECOND: Duration = Duration::from_millis(1);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

const fn count(at: At<dyn Whole>, min: u64, max: u64) -> Kind {
    Kind::Count {
        at,
        min,
        max,
        power_of_two: false,
    }
}

const fn power_of_two(at: At<dyn Whole>, min: u64, max: u64) -> Kind {
    Kind::Count {
        at,
        min,
        max,
        power_of_two: true,
    }
}

/// Place in [`OPTIONS`] of the option with this key.
pub(super) fn index_of(key: &str) -> Option<usize> {
    OPTIONS.iter().position(|option| option.key == key)
}

/// The table.
pub(super) static OPTIONS: &[OptionDef] = &[
    OptionDef {
        key: "listen",
        kind: Kind::Addresses(|d| &mut d.config.listen),
        default: "127.0.0.1:8080",
        unit: "address",
        help: "Listens here; give it again for each further address.",
        group: Group::Server,
        change: Change::Restart,
    },
    OptionDef {
        key: "cores",
        kind: Kind::Cores(|d| &mut d.config.cores),
        default: "auto",
        unit: "cores",
        help: "Serves with as many cores as the CPU mask of the process has, with N, or with a \
               pool from MIN to MAX.",
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
        key: "root",
        kind: Kind::PathOrNone {
            at: |d| &mut d.config.root,
            placeholder: "DIR",
        },
        default: "none",
        unit: "directory",
        help: "Serves the files of this directory under /files/.",
        group: Group::Server,
        change: Change::Restart,
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
        help: "Serves metrics in Prometheus text here.",
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
        help: "Logs to this file instead of standard error.",
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
        help: "Writes the process id here, and refuses to start if a live process has done so.",
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
        key: "demo",
        kind: Kind::Choice(|d| &mut d.config.demo),
        default: "auto",
        unit: "switch",
        help: "Has the routes that make trouble on purpose; auto only if every listener is \
               loopback or a Unix socket.",
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
    OptionDef {
        key: "admit",
        kind: Kind::Choice(|d| &mut d.config.queue.admit),
        default: "request",
        unit: "holder",
        help: "Counts requests from their whole head to their answer, or connections from their \
               accept to their end.",
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
        help: "Takes a client that ends its side while its request waits for a slot to be gone, \
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
        default: "2s",
        unit: "duration",
        help: "Before a close, what the client still sends is discarded for this long.",
        group: Group::Timeouts,
        change: Change::Live,
    },
    OptionDef {
        key: "linger_size",
        kind: Kind::Size {
            at: |d| &mut d.config.timeouts.linger_size,
            min: 0,
            max: 1024 * MIB,
        },
        default: "1MiB",
        unit: "bytes",
        help: "Before a close, at most this much of what the client still sends is discarded.",
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
        default: "4KiB",
        unit: "bytes",
        help: "Makes each of these buffers this large.",
        group: Group::Rings,
        change: Change::Restart,
    },
    OptionDef {
        key: "leases_kept",
        kind: count(|d| &mut d.config.rings.leases_kept, 0, 1 << 20),
        default: "1024",
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
        help: "Pauses accepting on a core with this many open connections.",
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
        key: "long_poll",
        kind: Kind::Duration {
            at: |d| &mut d.config.rings.long_poll,
            min: Duration::ZERO,
            max: Duration::from_secs(3600),
        },
        default: "100ms",
        unit: "duration",
        help: "Names routes whose handlers hold their core for this long; 0s names none.",
        group: Group::Rings,
        change: Change::Restart,
    },
];
