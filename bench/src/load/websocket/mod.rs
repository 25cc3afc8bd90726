//! Load over WebSocket (RFC 6455), with the same bookkeeping as for requests: every message is numbered, and
//! each delivery that was due came, once or more often, in order or not, or was lost.
//!
//! [`run`] is the one door; the command line, the races and the storms call it. All connections are opened
//! before the clock starts, and a server that refuses one of them ends the run. A connection that ends later
//! is not made anew: it is counted, and its messages are lost.
//!
//! Reading order: `options`, `handshake`, `frame`, `message` (numbers and bytes), `ledger` (what a receiver
//! has had), `connection`, `worker` (the event loop), `tally`.

mod connection;
pub(crate) mod frame;
pub(crate) mod handshake;
mod ledger;
mod message;
mod options;
mod tally;
mod worker;

use std::io;
use std::time::Instant;

pub use options::{Pattern, WebSocketOptions};
pub use tally::Report;

use crate::load::options::UsageError;
use crate::load::tls::Terms;
use crate::load::{LoadError, Options, raise_nofile};
use tally::Tally;
use worker::Worker;

/// Sends the messages that were asked for and reports where each went.
///
/// Blocks until the last delivery, at most `timeout` after the last that came.
///
/// # Errors
/// [`LoadError`] for options that contradict each other, for what this machine forbids, and for a server
/// that does not become a WebSocket.
pub fn run(options: &Options) -> Result<Report, LoadError> {
    let Some(pattern) = options.websocket_pattern() else {
        let text = "WebSocket is spoken with --websocket or a ws:// URL".to_owned();
        return Err(UsageError::new(text).into());
    };
    options.check()?;
    options::check(options, pattern)?;
    let local = |doing| move |source: io::Error| LoadError::Local { doing, source };
    raise_nofile(options.connections as u64 + 64)
        .map_err(local("raising the limit of open files"))?;
    let terms = match options.target.tls {
        true => Some(Terms::new(&options.tls).map_err(UsageError::new)?),
        false => None,
    };
    let workers = (0..options.threads)
        .map(|thread| Worker::open(options, pattern, terms.as_ref(), thread))
        .collect::<Result<Vec<_>, _>>()
        .map_err(LoadError::Handshake)?;
    let start = Instant::now();
    let tallies: Vec<io::Result<Tally>> = std::thread::scope(|scope| {
        let handles: Vec<_> = workers
            .into_iter()
            .map(|worker| scope.spawn(move || worker.run(start)))
            .collect();
        let join = |handle: std::thread::ScopedJoinHandle<'_, _>| {
            let joined = handle.join();
            joined.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        };
        handles.into_iter().map(join).collect()
    });
    let mut total = Tally::new(start);
    for tally in tallies {
        total.add(tally.map_err(local("waiting for events"))?);
    }
    Ok(Report::new(options, pattern, start, &total))
}
