//! Options of the built-in application: what it serves, and to whom.
//!
//! Part of the table in `mod.rs`, which alone reads it. The options are those of the program `ringgate`:
//! a program built on the library has an application of its own, and its command line has none of them.

use crate::config::definition::{Change, Group, OptionDef};
use crate::config::kind::Kind;

pub(super) const APP: &[OptionDef] = &[
    OptionDef {
        key: "root",
        kind: Kind::PathOrNone {
            at: |d| &mut d.config.root,
            placeholder: "DIR",
        },
        default: "none",
        unit: "directory",
        help: "Serves the files of this directory under /files/. Their entity tags hold for this \
               machine: another has other inode numbers.",
        group: Group::App,
        change: Change::Restart,
    },
    OptionDef {
        key: "status_page",
        kind: Kind::Choice(|d| &mut d.config.status_page),
        default: "auto",
        unit: "switch",
        help: "Shows the figures of the server at / and /status.json to whoever can connect; auto \
               only if every listener is loopback or a Unix socket.",
        group: Group::App,
        change: Change::Restart,
    },
    OptionDef {
        key: "demo",
        kind: Kind::Choice(|d| &mut d.config.demo),
        default: "auto",
        unit: "switch",
        help: "Has the routes that make trouble on purpose, with which whoever can connect blocks \
               the server; auto only if every listener is loopback or a Unix socket.",
        group: Group::App,
        change: Change::Restart,
    },
];
