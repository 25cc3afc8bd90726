//! The access log: a line for each request, from a core to a file, standard error, syslog or the journal, without the
//! core ever waiting.
//!
//! The server opens it once ([`AccessLog::open`]); each core has an [`Outlet`] of it, and a thread writes. When a
//! request is over, and what is known of it then, is decided by `connection/access.rs`. Not here: log rotation (an
//! outside tool renames the file, then [`AccessLog::reopen`]).
//!
//! Rooms in reading order: `record` (what a line says), `combined` and `json` (how), `outlet` (on the core), `writer`
//! (queue and thread), `output` (where lines go).

mod combined;
mod json;
mod outlet;
mod output;
mod record;
mod writer;

#[cfg(test)]
mod tests;

pub(crate) use outlet::Outlet;
pub(crate) use record::{Record, RequestLine, Stamp};

use crate::config::{self, AccessField, AccessFormat};
use crate::process::privileges::Identity;
use output::Output;
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use writer::Shared;

/// Batches that wait for the writer at most, for each core: 4 MiB of lines.
const BATCHES_PER_CORE: usize = 128;

/// How lines look, and which requests get one.
#[derive(Debug, Clone)]
pub(crate) struct Rules {
    format: AccessFormat,
    fields: Vec<json::Member>,
    /// Of so many requests that ended well one gets a line.
    pub(crate) sample: u32,
    /// Requests that ended well within this time get none.
    pub(crate) slow: Duration,
}

impl Rules {
    pub(crate) fn new(config: &config::AccessLog) -> Rules {
        let fields = match config.fields.is_empty() {
            true => AccessField::ALL,
            false => &config.fields,
        };
        Rules {
            format: config.format,
            fields: json::members(fields),
            sample: config.sample,
            slow: config.slow,
        }
    }

    /// Whether a line says this.
    pub(crate) fn says(&self, field: AccessField) -> bool {
        self.format == AccessFormat::Json && self.fields.iter().any(|member| member.field == field)
    }

    /// Appends the line of a request, without its end.
    pub(crate) fn write(&self, record: &Record<'_>, out: &mut Vec<u8>) {
        match self.format {
            AccessFormat::Combined => combined::write(record, out),
            AccessFormat::Json => json::write(record, &self.fields, out),
        }
    }
}

/// The access log of a server. Clones are the same log, which ends with the last of them.
#[derive(Clone)]
pub(crate) struct AccessLog(Arc<Front>);

struct Front(Arc<Shared>);

impl Drop for Front {
    fn drop(&mut self) {
        self.0.close();
    }
}

impl AccessLog {
    /// Opens what the configuration names, for so many cores; None if it wants no access log. `identity` is whom this
    /// process is to become.
    ///
    /// # Errors
    /// One line with the cure.
    pub(crate) fn open(
        config: &config::AccessLog,
        cores: u32,
        identity: Option<&Identity>,
    ) -> io::Result<Option<AccessLog>> {
        let Some(output) = Output::open(&config.target, identity)? else {
            return Ok(None);
        };
        let shared = writer::start(output, BATCHES_PER_CORE * cores.max(1) as usize)?;
        Ok(Some(AccessLog(Arc::new(Front(shared)))))
    }

    /// Whether it could be opened, found without making a file. `identity` is whom this process is to become.
    ///
    /// # Errors
    /// One line with the cure.
    pub(crate) fn look(config: &config::AccessLog, identity: Option<&Identity>) -> io::Result<()> {
        Output::look(&config.target, identity)
    }

    /// The end of one core.
    pub(crate) fn outlet(&self) -> Outlet {
        Outlet::new(self.0.0.clone())
    }

    /// Lines written so far.
    pub(crate) fn written(&self) -> u64 {
        self.0.0.written.load(Ordering::Relaxed)
    }

    /// Lines dropped so far, because the output stalled or failed.
    pub(crate) fn dropped(&self) -> u64 {
        self.0.0.dropped.load(Ordering::Relaxed)
    }

    /// Opens a file again under its name, for log rotation. Returns at once.
    pub(crate) fn reopen(&self) {
        self.0.0.reopen();
    }

    /// Waits until all lines handed over are written, at most for `within`; then the log ends.
    pub(crate) fn finish(&self, within: Duration) {
        if !self.0.0.flush(within) {
            tracing::warn!("the access log stalls: its last lines are not waited for");
        }
        self.0.0.close();
    }
}
