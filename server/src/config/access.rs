//! The access log as it is configured: where its lines go, how they look, and which requests get one.
//!
//! Plain data. Opening and writing it is [`crate::observe::access`]'s.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use super::choice::{AccessField, AccessFormat};
use super::error::Malformed;
use super::kind::path;

/// The word for no access log.
const OFF: &str = "off";
const STDERR: &str = "stderr";
const JOURNALD: &str = "journald";
/// The word before the path of a socket of syslog.
const SYSLOG: &str = "syslog:";

/// The access log: one line for each request.
///
/// ```
/// use ringgate::config::{AccessLog, AccessTarget, Config};
///
/// let config = Config {
///     access_log: AccessLog {
///         target: AccessTarget::File("/var/log/notes/access.log".into()),
///         sample: 10,
///         ..AccessLog::default()
///     },
///     ..Config::default()
/// };
/// assert!(config.check().is_ok());
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccessLog {
    /// Where its lines go.
    pub target: AccessTarget,
    /// How a line looks.
    pub format: AccessFormat,
    /// The fields of a line of JSON, in this order; all of them if none is named.
    pub fields: Vec<AccessField>,
    /// Of so many requests that ended well one gets a line; 1 is each.
    pub sample: u32,
    /// Requests that ended well within this time get no line; zero leaves none out.
    pub slow: Duration,
}

impl Default for AccessLog {
    /// None.
    fn default() -> Self {
        AccessLog {
            target: AccessTarget::Off,
            format: AccessFormat::Combined,
            fields: Vec::new(),
            sample: 1,
            slow: Duration::ZERO,
        }
    }
}

/// Where the lines of the access log go.
///
/// ```
/// use ringgate::config::{AccessLog, AccessTarget};
///
/// let log = AccessLog { target: AccessTarget::Journald, ..AccessLog::default() };
/// assert_eq!(AccessTarget::default(), AccessTarget::Off);
/// # drop(log);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum AccessTarget {
    /// Nowhere: there is none.
    #[default]
    Off,
    /// Standard error.
    Stderr,
    /// The journal of systemd.
    Journald,
    /// The socket of syslog at this path.
    Syslog(PathBuf),
    /// A file, or a pipe with a name.
    File(PathBuf),
}

impl AccessTarget {
    /// Reads what an option says.
    pub(super) fn read(item: &OsString) -> Result<AccessTarget, Malformed> {
        match item.to_str() {
            Some(OFF) => return Ok(AccessTarget::Off),
            Some(STDERR) => return Ok(AccessTarget::Stderr),
            Some(JOURNALD) => return Ok(AccessTarget::Journald),
            _ => {}
        }
        match item.to_str().and_then(|text| text.strip_prefix(SYSLOG)) {
            Some(socket) => path(&socket.into()).map(AccessTarget::Syslog),
            None => path(item).map(AccessTarget::File),
        }
    }

    /// The target as [`AccessTarget::read`] reads it.
    pub(super) fn written(&self) -> OsString {
        match self {
            AccessTarget::Off => OFF.into(),
            AccessTarget::Stderr => STDERR.into(),
            AccessTarget::Journald => JOURNALD.into(),
            AccessTarget::Syslog(socket) => {
                let mut text = OsString::from(SYSLOG);
                text.push(socket);
                text
            }
            AccessTarget::File(path) => path.into(),
        }
    }
}
