//! Proxies in front of the server: who is trusted, and what they say of their clients.
//!
//! Part of the table in `mod.rs`, which alone reads it.

use std::time::Duration;

use super::MILLISECOND;
use crate::config::definition::{Change, Group, OptionDef};
use crate::config::kind::Kind;

/// Longest time that a header can be given.
const HEADER_MAX: Duration = Duration::from_secs(600);

pub(super) const PROXIES: &[OptionDef] = &[
    OptionDef {
        key: "trusted_proxies",
        kind: Kind::TrustedProxies(|d| &mut d.config.proxies.trusted),
        default: "",
        unit: "address",
        help: "Believes what this proxy says of its clients: an address, a prefix such as 10.0.0.0/8, or \
               unix for whoever comes by a Unix socket; give it again for each further one.",
        group: Group::Proxies,
        change: Change::Live,
    },
    OptionDef {
        key: "forwarded",
        kind: Kind::Choice(|d| &mut d.config.proxies.forwarded),
        default: "x-forwarded-for",
        unit: "field",
        help: "Takes the client's address from this field of the requests of trusted_proxies, and from \
               no other one.",
        group: Group::Proxies,
        change: Change::Live,
    },
    OptionDef {
        key: "request_id",
        kind: Kind::NameOrNone(|d| &mut d.config.proxies.request_id),
        default: "none",
        unit: "field",
        help: "Gives each request an id in this field, such as X-Request-Id, and its answer the same: that of a \
               trusted proxy, or a new one.",
        group: Group::Proxies,
        change: Change::Restart,
    },
    OptionDef {
        key: "proxy_protocol",
        kind: Kind::ProxyProtocol(|d| &mut d.config.proxies.protocol),
        default: "off",
        unit: "address",
        help: "Expects a header of the PROXY protocol (version 1 or 2) before the first byte of each \
               connection, at every listener or at this one of listen, and closes those of others than \
               trusted_proxies; give it again for each further listener.",
        group: Group::Proxies,
        change: Change::Live,
    },
    OptionDef {
        key: "proxy_header_timeout",
        kind: Kind::Duration {
            at: |d| &mut d.config.proxies.header_timeout,
            min: MILLISECOND,
            max: HEADER_MAX,
        },
        default: "5s",
        unit: "duration",
        help: "The header of the PROXY protocol must be whole this long after the connection was accepted.",
        group: Group::Proxies,
        change: Change::Live,
    },
];
