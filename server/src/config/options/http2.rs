//! Options of HTTP/2: whether it is served, and a bound for everything that a client may ask for.
//!
//! Part of the table in `mod.rs`, which alone reads it.

use std::time::Duration;

use super::{DAY, count};
use crate::config::definition::{Change, Group, OptionDef};
use crate::config::kind::Kind;

const SECOND: Duration = Duration::from_secs(1);
/// The most that can be counted in a window: a counter stops one above.
const COUNT_MAX: u64 = u16::MAX as u64 - 1;
/// A window smaller than the one that each stream begins with is exceeded before its client hears of it.
const WINDOW_MIN: u64 = 64 << 10;
/// A window has less than 2^31 bytes (RFC 9113 section 6.9.1).
const WINDOW_MAX: u64 = 1 << 30;
const TABLE_MAX: u64 = 64 << 10;

pub(super) const HTTP2: &[OptionDef] = &[
    OptionDef {
        key: "http2",
        kind: Kind::Choice(|d| &mut d.config.http2.serve),
        default: "on",
        unit: "choice",
        help: "Serves HTTP/2 beside HTTP/1.1 on every address, and prefers it where TLS is spoken (ALPN); off \
               does neither.",
        group: Group::Http2,
        change: Change::Live,
    },
    OptionDef {
        key: "http2_extended_connect",
        kind: Kind::Choice(|d| &mut d.config.http2.extended_connect),
        default: "on",
        unit: "choice",
        help: "Tells clients of HTTP/2 that a CONNECT may ask for a protocol (RFC 8441), so that browsers open \
               WebSockets on streams; off, and they open a connection of HTTP/1.1 for each. A client that was told \
               so goes on until its connection ends.",
        group: Group::Http2,
        change: Change::Live,
    },
    OptionDef {
        key: "http2_streams",
        kind: count(|d| &mut d.config.http2.streams, 1, 10000),
        default: "100",
        unit: "streams",
        help: "Serves at most this many streams of a connection at a time; further ones are refused with \
               REFUSED_STREAM, which a client may try again.",
        group: Group::Http2,
        change: Change::Live,
    },
    OptionDef {
        key: "http2_header_list_size",
        kind: Kind::Size {
            at: |d| &mut d.config.http2.header_list_size,
            min: 256,
            max: 64 << 10,
        },
        default: "16KiB",
        unit: "bytes",
        help: "Answers a field section with 431 that is larger, decoded and with 32 bytes for each field.",
        group: Group::Http2,
        change: Change::Live,
    },
    OptionDef {
        key: "http2_header_count",
        kind: count(|d| &mut d.config.http2.header_count, 8, 1024),
        default: "100",
        unit: "fields",
        help: "Answers a field section with 431 that has more fields, those with a colon counted.",
        group: Group::Http2,
        change: Change::Live,
    },
    OptionDef {
        key: "http2_continuations",
        kind: count(|d| &mut d.config.http2.continuations, 0, 1000),
        default: "4",
        unit: "frames",
        help: "Ends a connection whose client sends a field section in more CONTINUATION frames.",
        group: Group::Http2,
        change: Change::Live,
    },
    OptionDef {
        key: "http2_resets",
        kind: count(|d| &mut d.config.http2.resets, 1, COUNT_MAX),
        default: "200",
        unit: "streams in 10s",
        help: "Ends a connection whose client resets more streams, beside those whose answer had ended.",
        group: Group::Http2,
        change: Change::Live,
    },
    OptionDef {
        key: "http2_resets_made",
        kind: count(|d| &mut d.config.http2.resets_made, 1, COUNT_MAX),
        default: "100",
        unit: "streams in 10s",
        help: "Ends a connection whose client makes the server reset more streams.",
        group: Group::Http2,
        change: Change::Live,
    },
    OptionDef {
        key: "http2_pings",
        kind: count(|d| &mut d.config.http2.pings, 1, COUNT_MAX),
        default: "1000",
        unit: "frames in 10s",
        help: "Ends a connection whose client sends more PING frames, beside one for each DATA frame of the server.",
        group: Group::Http2,
        change: Change::Live,
    },
    OptionDef {
        key: "http2_settings",
        kind: count(|d| &mut d.config.http2.settings, 2, COUNT_MAX),
        default: "100",
        unit: "frames in 10s",
        help: "Ends a connection whose client sends more SETTINGS and GOAWAY frames.",
        group: Group::Http2,
        change: Change::Live,
    },
    OptionDef {
        key: "http2_priorities",
        kind: count(|d| &mut d.config.http2.priorities, 1, COUNT_MAX),
        default: "1000",
        unit: "frames in 10s",
        help: "Ends a connection whose client sends more frames about priorities or of unknown types, \
               beside two for each request.",
        group: Group::Http2,
        change: Change::Live,
    },
    OptionDef {
        key: "http2_empty_data",
        kind: count(|d| &mut d.config.http2.empty_data, 1, COUNT_MAX),
        default: "100",
        unit: "frames in 10s",
        help: "Ends a connection whose client sends more empty DATA frames that end nothing.",
        group: Group::Http2,
        change: Change::Live,
    },
    OptionDef {
        key: "http2_small_data",
        kind: count(|d| &mut d.config.http2.small_data, 1, COUNT_MAX),
        default: "20000",
        unit: "frames in 10s",
        help: "Ends a connection whose client sends more DATA frames of less than 64 bytes, beside those \
               that larger ones make good.",
        group: Group::Http2,
        change: Change::Live,
    },
    OptionDef {
        key: "http2_window_updates",
        kind: count(|d| &mut d.config.http2.window_updates, 1, COUNT_MAX),
        default: "10000",
        unit: "frames in 10s",
        help: "Ends a connection whose client sends more WINDOW_UPDATE frames, beside two for each request \
               and each DATA frame of the server.",
        group: Group::Http2,
        change: Change::Live,
    },
    OptionDef {
        key: "http2_queued_controls",
        kind: count(|d| &mut d.config.http2.queued_controls, 1, COUNT_MAX),
        default: "1000",
        unit: "frames",
        help: "Ends a connection whose client lets more answers to its frames wait.",
        group: Group::Http2,
        change: Change::Live,
    },
    OptionDef {
        key: "http2_stall_timeout",
        kind: Kind::Duration {
            at: |d| &mut d.config.http2.stall_timeout,
            min: SECOND,
            max: DAY,
        },
        default: "30s",
        unit: "duration",
        help: "Resets a stream whose answer gets no room from its client for this long, rounded up to \
               whole seconds.",
        group: Group::Http2,
        change: Change::Live,
    },
    OptionDef {
        key: "http2_stream_window",
        kind: Kind::Size {
            at: |d| &mut d.config.http2.stream_window,
            min: WINDOW_MIN,
            max: WINDOW_MAX,
        },
        default: "256KiB",
        unit: "bytes",
        help: "Lets the client of a new connection send this much on a stream before the handler has taken \
               it.",
        group: Group::Http2,
        change: Change::Live,
    },
    OptionDef {
        key: "http2_connection_window",
        kind: Kind::Size {
            at: |d| &mut d.config.http2.connection_window,
            min: WINDOW_MIN,
            max: WINDOW_MAX,
        },
        default: "1MiB",
        unit: "bytes",
        help: "Lets the client of a new connection send this much on all streams before handlers have \
               taken it.",
        group: Group::Http2,
        change: Change::Live,
    },
    OptionDef {
        key: "http2_header_table_size",
        kind: Kind::Size {
            at: |d| &mut d.config.http2.header_table_size,
            min: 0,
            max: TABLE_MAX,
        },
        default: "4KiB",
        unit: "bytes",
        help: "Keeps this much of the client's earlier fields for each new connection, for its later ones \
               to refer to.",
        group: Group::Http2,
        change: Change::Live,
    },
];

#[cfg(test)]
mod tests {
    use super::super::index_of;
    use crate::http2::Budget;

    #[test]
    fn each_budget_has_the_option_that_it_names() {
        for budget in Budget::ALL {
            let option = budget.option();
            assert!(index_of(option).is_some(), "{budget:?} names {option}");
        }
    }
}
