//! Why a server does not start: one line that names the cure. Made by
//! [`Server::start`](crate::Server::start), shown by the program, which makes an exit code of it.

use crate::certificates::TlsError;
use crate::config;
use crate::coordinator::listeners::ListenError;
use ringgate_runtime::lane::LaneSetupError;
use std::fmt;

/// Why a server did not start.
///
/// ```
/// use ringgate::config::Config;
/// use ringgate::{Router, Server, StartError};
///
/// let config = Config {
///     listen: vec!["127.0.0.1:0".parse()?, "192.0.2.1:80".parse()?], // not an address of this machine
///     ..Config::default()
/// };
/// match Server::new(config, Router::new()).start() {
///     Err(StartError::Listen(error)) => assert!(error.to_string().contains("192.0.2.1:80")),
///     other => panic!("it cannot listen there: {other:?}"),
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub enum StartError {
    /// The configuration contradicts itself.
    Config(config::Error),
    /// Certificates cannot be had as they are named.
    Tls(TlsError),
    /// An address cannot be listened on.
    Listen(ListenError),
    /// A lane cannot be as it is described.
    Lane(LaneSetupError),
    /// A ring, a thread or a pin could not be had.
    Setup(String),
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StartError::Config(error) => error.fmt(f),
            StartError::Tls(error) => error.fmt(f),
            StartError::Listen(error) => error.fmt(f),
            StartError::Lane(error) => error.fmt(f),
            StartError::Setup(error) => f.write_str(error),
        }
    }
}

impl std::error::Error for StartError {}
