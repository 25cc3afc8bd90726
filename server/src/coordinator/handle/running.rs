//! A server that runs, for the program that started it, and how it ended. Made by
//! [`Server::start`](crate::Server::start); decides nothing.

use super::ServerHandle;
use crate::admission::ledger::{Connections, Requests};
use std::thread::JoinHandle;

/// A server that runs.
///
/// ```no_run
/// use ringgate::config::Config;
/// use ringgate::{Router, Server};
/// use std::thread;
///
/// fn main() -> Result<(), Box<dyn std::error::Error>> {
///     let running = Server::new(Config::default(), Router::new()).with_signals().start()?;
///     let server = running.handle().clone();
///     thread::spawn(move || {
///         // A deadline of one's own.
///         thread::sleep(std::time::Duration::from_secs(3600));
///         server.drain();
///     });
///     running.join();
///     Ok(())
/// }
/// ```
#[derive(Debug)]
pub struct Running {
    handle: ServerHandle,
    thread: JoinHandle<Ended>,
}

impl Running {
    pub(super) fn new(handle: ServerHandle, thread: JoinHandle<Ended>) -> Running {
        Running { handle, thread }
    }

    /// The handle.
    pub fn handle(&self) -> &ServerHandle {
        &self.handle
    }

    /// Waits for its end.
    pub fn join(self) -> Ended {
        let failed = || Ended {
            failed: Some("the coordinator panicked".to_owned()),
            ..Ended::default()
        };
        self.thread.join().unwrap_or_else(|_| failed())
    }
}

/// How a server ended.
///
/// ```
/// use ringgate::Ended;
/// use std::process::ExitCode;
///
/// fn exit_code(ended: &Ended) -> ExitCode {
///     match ended {
///         Ended { failed: Some(why), .. } => {
///             eprintln!("it ended by itself: {why}");
///             ExitCode::from(1)
///         }
///         Ended { drained: true, cut: 1.., .. } => ExitCode::from(3), // some took too long
///         _ => ExitCode::SUCCESS,
///     }
/// }
/// ```
#[derive(Debug, Clone, Default)]
pub struct Ended {
    /// Connections that were open when they were cut off by force.
    pub cut: u64,
    /// Whether a graceful end was asked for, so that nothing should have been cut.
    pub drained: bool,
    /// Why it ended by itself, if it did.
    pub failed: Option<String>,
    /// The process that serves in its place, after an upgrade.
    pub successor: Option<u32>,
    /// The ledger of connections over all cores, from start to end.
    pub connections: Connections,
    /// The ledger of requests over all cores, from start to end.
    pub requests: Requests,
}
