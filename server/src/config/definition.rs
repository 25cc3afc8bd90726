//! The definition of an option: its names, its kind of value, its group; and the draft its value goes into.
//!
//! The options themselves are in `options/`, the kinds in `kind.rs`. Nothing is read or written
//! here.

use std::num::NonZeroU32;
use std::path::PathBuf;

use super::admission::{AdmissionLimits, MaxAccepts};
use super::error::Error;
use super::kind::Kind;
use super::settings::Config;

/// Values before they are checked together: what the readers write into.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Draft {
    pub(super) config: Config,
    /// Apart from `config.admission`, because the pair is only made when both are known.
    pub(super) max_threads: Option<NonZeroU32>,
    pub(super) max_accepts: MaxAccepts,
    pub(super) file: Option<PathBuf>,
}

impl From<Config> for Draft {
    fn from(config: Config) -> Self {
        let (max_threads, max_accepts) = (
            config.admission.max_threads(),
            config.admission.max_accepts(),
        );
        Draft {
            config,
            max_threads,
            max_accepts,
            file: None,
        }
    }
}

impl Draft {
    /// Checks the values together.
    pub(super) fn finish(self) -> Result<Config, Error> {
        let admission = AdmissionLimits::new(self.max_threads, self.max_accepts)
            .map_err(|error| Error::conflict(&["max_threads", "max_accepts"], error.to_string()))?;
        let config = Config {
            admission,
            ..self.config
        };
        config.check()?;
        Ok(config)
    }
}

/// One option.
#[derive(Clone, Copy)]
pub(super) struct OptionDef {
    /// The key in the file; flag and environment name follow from it.
    pub(super) key: &'static str,
    pub(super) kind: Kind,
    /// As a value is written, in its normal form.
    pub(super) default: &'static str,
    /// The unit of a number, or the sort of a word.
    pub(super) unit: &'static str,
    /// One sentence.
    pub(super) help: &'static str,
    pub(super) group: Group,
    pub(super) change: Change,
}

impl OptionDef {
    /// `--max-threads`
    pub(super) fn flag(&self) -> String {
        format!("--{}", self.flag_name())
    }

    /// `max-threads`
    pub(super) fn flag_name(&self) -> String {
        self.key.replace('_', "-")
    }

    /// `RINGGATE_MAX_THREADS`
    pub(super) fn environment(&self) -> String {
        format!("RINGGATE_{}", self.key.to_ascii_uppercase())
    }

    /// Whether it says what the built-in application does: nothing to a program with another one.
    pub(super) fn is_of_app(&self) -> bool {
        self.group == Group::App
    }

    /// Whether the file may have it: a file cannot name itself.
    pub(super) fn in_file(&self) -> bool {
        self.key != "config"
    }
}

/// The heading an option stands under.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Group {
    Server,
    AccessLog,
    Tls,
    Proxies,
    App,
    Admission,
    Limits,
    Timeouts,
    Http2,
    WebSocket,
    Drain,
    Pool,
    Rings,
}

impl Group {
    /// Every group, in the order of help and documentation.
    pub(super) const ALL: [Group; 13] = [
        Group::Server,
        Group::AccessLog,
        Group::Tls,
        Group::Proxies,
        Group::App,
        Group::Admission,
        Group::Limits,
        Group::Timeouts,
        Group::Http2,
        Group::WebSocket,
        Group::Drain,
        Group::Pool,
        Group::Rings,
    ];

    pub(super) const fn heading(self) -> &'static str {
        match self {
            Group::Server => "Server",
            Group::AccessLog => "Access log",
            Group::Tls => "TLS",
            Group::Proxies => "Proxies in front",
            Group::App => "Built-in application",
            Group::Admission => "Waiting requests",
            Group::Limits => "Limits of a request",
            Group::Timeouts => "Timeouts of a connection",
            Group::Http2 => "HTTP/2",
            Group::WebSocket => "WebSockets and tunnels",
            Group::Drain => "Drain",
            Group::Pool => "Pool of cores",
            Group::Rings => "Cores, rings and buffers",
        }
    }
}

/// Whether a value can change under a running server, or only with a new start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Change {
    Live,
    Restart,
}
