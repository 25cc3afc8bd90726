//! TLS: certificates, what is asked of clients, handshakes and tickets.
//!
//! Part of the table in `mod.rs`, which alone reads it.

use std::time::Duration;

use super::{MILLISECOND, count};
use crate::config::definition::{Change, Group, OptionDef};
use crate::config::kind::Kind;

/// Longest time that a handshake can be given.
const HANDSHAKE_MAX: Duration = Duration::from_secs(600);

pub(super) const TLS: &[OptionDef] = &[
    OptionDef {
        key: "certificate",
        kind: Kind::Certificates(|d| &mut d.config.tls.certificates),
        default: "",
        unit: "file",
        help: "Shows this certificate at https:// listeners: a PEM file with its chain, a directory \
               of them, or self for one that is made at start; give it again for each further one, \
               the default first.",
        group: Group::Tls,
        change: Change::Live,
    },
    OptionDef {
        key: "certificate_key",
        kind: Kind::Paths(|d| &mut d.config.tls.keys),
        default: "",
        unit: "file",
        help: "Takes the private key of the certificate at the same place from this PEM file; without \
               it the key is in the certificate's own file, or beside it.",
        group: Group::Tls,
        change: Change::Live,
    },
    OptionDef {
        key: "client_ca",
        kind: Kind::PathOrNone {
            at: |d| &mut d.config.tls.client_ca,
            placeholder: "FILE",
        },
        default: "none",
        unit: "file",
        help: "Checks certificates of clients against the roots in this PEM file.",
        group: Group::Tls,
        change: Change::Live,
    },
    OptionDef {
        key: "client_certificates",
        kind: Kind::Choice(|d| &mut d.config.tls.client_certificates),
        default: "auto",
        unit: "choice",
        help: "Requires a certificate of each client, asks for one, or does neither; auto requires \
               one if there is a client_ca.",
        group: Group::Tls,
        change: Change::Live,
    },
    OptionDef {
        key: "tls_version_min",
        kind: Kind::Choice(|d| &mut d.config.tls.version_min),
        default: "1.2",
        unit: "version",
        help: "Speaks no older version of TLS.",
        group: Group::Tls,
        change: Change::Live,
    },
    OptionDef {
        key: "tls_ticket_secret",
        kind: Kind::PathOrNone {
            at: |d| &mut d.config.tls.ticket_secret,
            placeholder: "FILE",
        },
        default: "none",
        unit: "file",
        help: "Makes session tickets with the secret in this file, so that hosts which share it take \
               each other's; none makes one at start.",
        group: Group::Tls,
        change: Change::Live,
    },
    OptionDef {
        key: "tls_handover",
        kind: Kind::Choice(|d| &mut d.config.tls.handover),
        default: "on",
        unit: "choice",
        help: "Gives TLS connections with their keys to the new process in an upgrade; off lets them \
               end in the old one.",
        group: Group::Tls,
        change: Change::Live,
    },
    OptionDef {
        key: "handshake_timeout",
        kind: Kind::Duration {
            at: |d| &mut d.config.tls.handshake_timeout,
            min: MILLISECOND,
            max: HANDSHAKE_MAX,
        },
        default: "10s",
        unit: "duration",
        help: "A handshake must be over this long after the connection was accepted.",
        group: Group::Tls,
        change: Change::Live,
    },
    OptionDef {
        key: "max_handshakes",
        kind: Kind::CountOr {
            word: "none",
            at: |d| &mut d.config.tls.max_handshakes,
            max: u32::MAX,
        },
        default: "1024",
        unit: "handshakes",
        help: "Has at most this many handshakes in progress on a core; further clients wait for one \
               of them to end.",
        group: Group::Tls,
        change: Change::Live,
    },
    OptionDef {
        key: "handshakes_per_turn",
        kind: count(|d| &mut d.config.tls.handshakes_per_turn, 1, 1024),
        default: "4",
        unit: "handshakes",
        help: "Begins at most this many handshakes in one turn of a core's loop, so that \
               established connections do not wait for a crowd of new ones.",
        group: Group::Tls,
        change: Change::Live,
    },
];
