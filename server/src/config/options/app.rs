//! Options of the built-in application: what it serves, and to whom.
//!
//! Part of the table in `mod.rs`, which alone reads it. The options are those of the program `ringgate`:
//! a program built on the library has an application of its own, and its command line has none of them.

use std::time::Duration;

use super::DAY;
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
        help: "Serves the files of this directory. Their entity tags hold for this machine: another \
               has other inode numbers.",
        group: Group::App,
        change: Change::Restart,
    },
    OptionDef {
        key: "files_at",
        kind: Kind::Choice(|d| &mut d.config.site.at),
        default: "/files/",
        unit: "path",
        help: "Serves the files below this path; at / there is nothing beside them but /healthz, \
               /readyz and, with status_page, /status.json.",
        group: Group::App,
        change: Change::Restart,
    },
    OptionDef {
        key: "files_precompressed",
        kind: Kind::Choice(|d| &mut d.config.site.precompressed),
        default: "off",
        unit: "switch",
        help: "Sends NAME.br, NAME.zst or NAME.gz, if it is there and not older, in place of NAME to a \
               client that accepts it.",
        group: Group::App,
        change: Change::Restart,
    },
    OptionDef {
        key: "files_index",
        kind: Kind::FileName(|d| &mut d.config.site.index),
        default: "index.html",
        unit: "name",
        help: "Answers for a directory with the file of this name in it.",
        group: Group::App,
        change: Change::Restart,
    },
    OptionDef {
        key: "files_listing",
        kind: Kind::Choice(|d| &mut d.config.site.listing),
        default: "off",
        unit: "switch",
        help: "Answers for a directory without a file named files_index with the names in it.",
        group: Group::App,
        change: Change::Restart,
    },
    OptionDef {
        key: "files_fallback",
        kind: Kind::PathOrNone {
            at: |d| &mut d.config.site.fallback,
            placeholder: "FILE",
        },
        default: "none",
        unit: "file",
        help: "Answers with this file of the directory, and 200, where nothing is found, but for a name \
               with a dot in it.",
        group: Group::App,
        change: Change::Restart,
    },
    OptionDef {
        key: "files_dotfiles",
        kind: Kind::Choice(|d| &mut d.config.site.dotfiles),
        default: "off",
        unit: "switch",
        help: "Serves files and directories whose names begin with a dot; without it only \
               /.well-known/.",
        group: Group::App,
        change: Change::Restart,
    },
    OptionDef {
        key: "files_headers",
        kind: Kind::FileHeaders(|d| &mut d.config.site.headers),
        default: "",
        unit: "rule",
        help: "Sends this field with files whose name, or whose path if there is a slash in it, the \
               pattern fits (* stands for anything); give it again for each further one, the later \
               holds.",
        group: Group::App,
        change: Change::Restart,
    },
    OptionDef {
        key: "files_cache",
        kind: Kind::SizeOrNone(|d| &mut d.config.site.cache),
        default: "8MiB",
        unit: "bytes per core",
        help: "Keeps files of up to 1 MiB in the memory of each core, at most so many bytes of them.",
        group: Group::App,
        change: Change::Restart,
    },
    OptionDef {
        key: "files_cache_valid",
        kind: Kind::Duration {
            at: |d| &mut d.config.site.cache_valid,
            min: Duration::ZERO,
            max: DAY,
        },
        default: "1s",
        unit: "duration",
        help: "Takes a file that is kept as it was seen for this long, then looks at the disk again; with \
               0 looks for each request.",
        group: Group::App,
        change: Change::Restart,
    },
    OptionDef {
        key: "compression",
        kind: Kind::Choice(|d| &mut d.config.site.compression),
        default: "off",
        unit: "switch",
        help: "Compresses text with gzip on its way to a client that accepts it, from 1 KiB on.",
        group: Group::App,
        change: Change::Restart,
    },
    OptionDef {
        key: "security_headers",
        kind: Kind::Choice(|d| &mut d.config.site.security_headers),
        default: "off",
        unit: "switch",
        help: "Sends X-Content-Type-Options, X-Frame-Options, Referrer-Policy and \
               Cross-Origin-Opener-Policy with every answer.",
        group: Group::App,
        change: Change::Restart,
    },
    OptionDef {
        key: "cors_origins",
        kind: Kind::CorsOrigins(|d| &mut d.config.site.cors_origins),
        default: "",
        unit: "origin",
        help: "Lets pages of this origin read the answers (CORS), without the cookies of their user; * is every \
               origin; give it again for each further one.",
        group: Group::App,
        change: Change::Restart,
    },
    OptionDef {
        key: "error_pages",
        kind: Kind::PathOrNone {
            at: |d| &mut d.config.site.error_pages,
            placeholder: "DIR",
        },
        default: "none",
        unit: "directory",
        help: "Answers errors with the pages in this directory, to clients that take text/html: 404.html, or \
               4xx.html, 5xx.html and 50x.html for many statuses. They are read at the start.",
        group: Group::App,
        change: Change::Restart,
    },
    OptionDef {
        key: "server_header",
        kind: Kind::ServerHeaderOrNone(|d| &mut d.config.site.server_header),
        default: "none",
        unit: "text",
        help: "Sends this as the field Server with every answer of the application.",
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
