//! Load with exact bookkeeping, over HTTP/1.1 or HTTP/2: every request that was issued ends in one bucket.
//!
//! [`run`] is the one door: the command line, the races and other tests call it; [`websocket::run`] is the other
//! one, for messages instead of requests. Threads share nothing while they run; each has its own event loop and
//! its own tally, added up at the end. The generator deliberately retries nothing silently and does not speak to
//! other machines.
//!
//! Reading order: `options` (what is asked), `request` (bytes out), `response` (bytes in),
//! `tally` (the buckets), `tls`, `place` (what the worker asks of a connection), `slot` (one of HTTP/1.1),
//! `http2` (the other kind), `worker` (the event loop), `report` (what is said).

mod broken;
pub(crate) mod http2;
mod options;
mod place;
mod report;
pub(crate) mod request;
mod response;
pub(crate) mod schedule;
mod sessions;
mod shared;
mod slot;
mod stream;
mod tally;
mod tls;
pub mod websocket;
mod wire;
mod worker;

pub use broken::Broken;
pub(crate) use broken::now_ms;
pub use http2::{Http2Options, Http2Report};
pub(crate) use options::Window;
pub use options::{
    Amount, Arrivals, Expected, Method, Mode, Options, UsageError, Verify, parse_duration,
};

pub use report::{IdleReport, LatencyReport, Report, TlsReport, TrackedHeader};
pub use tls::{Group, Suite, TlsOptions};
pub use websocket::WebSocketOptions;

use std::fmt;
use std::io;
use std::time::Instant;

use rustix::process::{Resource, getrlimit, setrlimit};
use stream::IdleSet;
pub(crate) use stream::tcp_socket;
use tally::Tally;
pub(crate) use tls::{Session, Terms};
use worker::Worker;

/// Why a load run could not be made. A server that misbehaves is never an error: that is what
/// the report counts.
#[derive(Debug)]
pub enum LoadError {
    /// The options contradict each other.
    Usage(UsageError),
    /// The server does not become a WebSocket; the text says why.
    Handshake(String),
    /// The machine did not let the load generator work; the text says what was tried.
    Local {
        /// The action that failed.
        doing: &'static str,
        /// The system's error.
        source: io::Error,
    },
}

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Usage(error) => error.fmt(f),
            Self::Handshake(text) => f.write_str(text),
            Self::Local { doing, source } => write!(f, "{doing}: {source}"),
        }
    }
}

impl std::error::Error for LoadError {}

impl From<UsageError> for LoadError {
    fn from(error: UsageError) -> Self {
        Self::Usage(error)
    }
}

/// Loads the target as asked and reports where every request ended.
///
/// Blocks until the last request has an outcome (at most `timeout` after the last was issued).
///
/// # Errors
/// [`LoadError`] for options that contradict each other and for what this machine forbids.
///
/// # Panics
/// If the buckets do not add up to the number of issued requests: a bug in this crate, and a
/// report that must not be believed.
pub fn run(options: &Options) -> Result<Report, LoadError> {
    if options.websocket_pattern().is_some() {
        let text = "--websocket and ws:// URLs are for `ringgate-bench load`".to_owned();
        return Err(UsageError::new(text).into());
    }
    options.check()?;
    let needed = options.connections as u64 + options.idle as u64 + 64;
    if let Err(source) = raise_nofile(needed) {
        return Err(LoadError::Local {
            doing: "raising the limit of open files",
            source,
        });
    }
    let terms = match options.target.tls {
        true => Some(Terms::new(&options.tls).map_err(UsageError::new)?),
        false => None,
    };
    let terms = match options.http2.wanted {
        true => terms.map(|terms| terms.with_protocol(http2::PROTOCOL)),
        false => terms,
    };
    let terms = terms.as_ref();
    let idle = IdleSet::open(options);
    // Workers are built before the clock starts, so that none begins behind its timetable.
    let workers = (0..options.threads)
        .map(|index| Worker::new(options, terms, index))
        .collect::<io::Result<Vec<_>>>()
        .map_err(|source| LoadError::Local {
            doing: "setting up the event loop",
            source,
        })?;
    let start = Instant::now();
    let tallies: Vec<io::Result<Tally>> = std::thread::scope(|scope| {
        let handles: Vec<_> = workers
            .into_iter()
            .map(|worker| scope.spawn(move || worker.run(start)))
            .collect();
        handles
            .into_iter()
            .map(|handle| {
                handle
                    .join()
                    .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
            })
            .collect()
    });
    let mut total = Tally::new(start);
    for tally in tallies {
        total.add(tally.map_err(|source| LoadError::Local {
            doing: "waiting for events",
            source,
        })?);
    }
    Ok(Report::new(
        options,
        start,
        &total,
        idle.map(IdleSet::close),
    ))
}

/// Raises the soft limit of open files to the hard one and says so if that is still too little.
///
/// # Errors
/// Errors of setrlimit(2), or `Other` naming both numbers and the cure when `needed` descriptors cannot be had.
pub fn raise_nofile(needed: u64) -> io::Result<()> {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    setrlimit(Resource::Nofile, limit)?;
    // No maximum means no limit.
    let limit = limit.maximum.unwrap_or(u64::MAX);
    if limit < needed {
        return Err(io::Error::other(format!(
            "{needed} descriptors are needed but RLIMIT_NOFILE is {limit}; raise it \
             (ulimit -Hn, LimitNOFILE= in the unit) or ask for fewer connections"
        )));
    }
    Ok(())
}
