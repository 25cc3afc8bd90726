//! Why an upgrade does not come about: each error names who is guilty and what helps.
//!
//! Made by both sides of an upgrade; shown in the log, in events and by `ctl upgrade`.

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::process::ExitStatus;
use std::time::Duration;

/// Why the new process does not serve. The old one goes on as before.
///
/// ```
/// use ringgate::{ServerHandle, UpgradeError};
///
/// async fn upgrade(server: &ServerHandle) -> String {
///     match server.upgrade(None).await {
///         Ok(upgraded) => format!("process {} serves", upgraded.pid),
///         Err(UpgradeError::UnderWay) => "somebody else does it already".to_owned(),
///         Err(error) => format!("this process goes on: {error}"),
///     }
/// }
/// ```
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum UpgradeError {
    /// This server is not running: the name of its phase.
    NotRunning(&'static str),
    /// Another upgrade has not come to its end.
    UnderWay,
    /// This process has not taken over itself yet.
    NotYetOurs,
    /// The program has not asked for upgrades ([`Server::with_upgrade`](crate::Server::with_upgrade)).
    NotPrepared,
    /// This process has no socket for the new one: why.
    NoSocket(String),
    /// The program cannot be started: which, and why.
    NoProgram(PathBuf, String),
    /// The new process says why it cannot serve.
    Refused(String),
    /// The new process ended: whether it served, and how it ended.
    Ended {
        /// Whether it served by then.
        served: bool,
        /// How it ended, as far as it is known.
        status: Option<ExitStatus>,
    },
    /// The new process has not taken over in this time.
    Late(Duration),
    /// The new process said something out of turn.
    Misspoke(String),
    /// This server ends, and the new process with it.
    ServerEnds,
}

impl fmt::Display for UpgradeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            UpgradeError::NotRunning(phase) => write!(f, "the server is {phase}"),
            UpgradeError::UnderWay => f.write_str("an upgrade is under way; wait for its end"),
            UpgradeError::NotYetOurs => {
                f.write_str("this process has not taken over itself yet; try again")
            }
            UpgradeError::NotPrepared => {
                f.write_str("this program cannot be upgraded in place; restart it")
            }
            UpgradeError::NoSocket(error) => write!(
                f,
                "cannot make a socket for the new process: {error}; raise the limit of open files \
                 (LimitNOFILE= in the unit)"
            ),
            UpgradeError::NoProgram(path, error) => {
                write!(f, "cannot start {}: {error}", path.display())
            }
            UpgradeError::Refused(error) => write!(f, "the new process refuses: {error}"),
            UpgradeError::Ended { served, status } => {
                let when = if *served {
                    "when it served"
                } else {
                    "before it served"
                };
                write!(f, "the new process ended {when}")?;
                match status {
                    Some(status) => write!(f, ": {status}"),
                    None => Ok(()),
                }
            }
            UpgradeError::Late(most) => write!(
                f,
                "the new process has not taken over within upgrade_timeout ({most:?})"
            ),
            UpgradeError::Misspoke(said) => write!(f, "the new process failed: {said}"),
            UpgradeError::ServerEnds => f.write_str("the new process was ended: the server ends"),
        }
    }
}

impl std::error::Error for UpgradeError {}

/// Why what an older process left cannot be taken over. The older process goes on.
#[derive(Debug)]
pub(crate) enum LegacyError {
    /// The number that the older process left leads to no socket of ours.
    Socket(io::Error),
    /// The older process is gone.
    Gone,
    /// The older process speaks another version, or makes no sense: what it said.
    OtherVersion(String),
    /// The older process says nothing for so long.
    Silent(Duration),
    /// This process has no descriptor number left for the listener of this address.
    NoDescriptor(String),
    /// The control socket cannot be moved over that of the older process.
    Control(io::Error),
    /// The PID file cannot be replaced.
    PidFile(String),
}

impl fmt::Display for LegacyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            LegacyError::Socket(error) => write!(f, "the socket to the running server: {error}"),
            LegacyError::Gone => f.write_str("the running server is gone; start this one instead"),
            LegacyError::OtherVersion(said) => write!(
                f,
                "the running server is of another version ({said}); restart it instead"
            ),
            LegacyError::Silent(time) => {
                write!(
                    f,
                    "the running server says nothing for {time:?}; restart it instead"
                )
            }
            LegacyError::NoDescriptor(address) => write!(
                f,
                "no descriptor is left for the listener on {address}: raise the limit of open files \
                 of the new process (LimitNOFILE= in the unit)"
            ),
            LegacyError::Control(error) => {
                write!(f, "cannot take over the control socket: {error}")
            }
            LegacyError::PidFile(error) => f.write_str(error),
        }
    }
}

impl std::error::Error for LegacyError {}
