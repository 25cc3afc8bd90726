//! Log lines: from a `tracing` event on a core to stderr or a file, without the core ever waiting.
//!
//! The program calls [`init`] once and keeps the [`LogHandle`]; everything else logs through the
//! `tracing` macros, and within the server through `limited!` what a client can repeat at will.
//! stdout is never written: it carries results. Not here: what is worth a line, log rotation (an
//! outside tool renames the file, then [`LogHandle::reopen`]), remote collectors.
//!
//! Rooms in reading order: `limit` (once a second and reason), `secret`, `layer` (on the core),
//! `line`, `names` and `escape` (what a line looks like), `journal` (how severe it is there), `file` (opening it), `writer` (queue and thread),
//! `panics`.

mod escape;
mod file;
pub(crate) mod journal;
mod layer;
mod limit;
mod line;
mod names;
mod panics;
mod secret;
mod writer;

#[cfg(test)]
mod tests;

use std::fmt;
use std::fs::File;
use std::io::{self, ErrorKind, Write};
use std::os::fd::AsFd;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::config;
use crate::process::privileges::Identity;
use tracing::level_filters::LevelFilter;
use tracing::{Dispatch, Metadata, Subscriber};
use tracing_subscriber::filter::{FilterFn, filter_fn};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::reload;

pub(crate) use file::{is_torn, look as look_at_file, open as open_file};
pub(crate) use limit::{Decision, RateLimit, limited};
pub use line::Format;
pub use panics::panics_to_log;
pub use secret::Secret;

use layer::LineLayer;
use line::Form;
use writer::{Front, QUEUE_LINES_MAX, Sink};

/// The option that names the log file.
const OPTION: &str = "log_file";

/// The `tracing` target of what is told at every level but `OFF`: where the server listens.
pub const ANNOUNCEMENT: &str = "ringgate::announcement";

/// The options of the log: the level, the format, and the output.
///
/// ```
/// use ringgate::observe::log::{self, Format, LogOptions};
///
/// let log = log::init(LogOptions { format: Format::Json, ..LogOptions::default() })?;
/// tracing::info!(answer = 42, "a line");
/// assert!(log.flush(std::time::Duration::from_secs(10)));
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogOptions {
    /// The least severe level that is written. Announcements ([`ANNOUNCEMENT`]) go out at every
    /// level but `OFF`.
    pub level: LevelFilter,
    /// Text or JSON.
    pub format: Format,
    /// Where lines go.
    pub target: Target,
}

impl Default for LogOptions {
    /// Text to stderr, from `info` up.
    fn default() -> Self {
        Self {
            level: LevelFilter::INFO,
            format: Format::Text,
            target: Target::Stderr,
        }
    }
}

impl From<&config::Log> for LogOptions {
    /// Takes the options from the configuration.
    fn from(log: &config::Log) -> Self {
        LogOptions {
            level: log.level.into(),
            format: match log.format {
                config::LogFormat::Text => Format::Text,
                config::LogFormat::Json => Format::Json,
            },
            target: match &log.file {
                Some(path) => Target::File(path.clone()),
                None => Target::Stderr,
            },
        }
    }
}

/// Where lines go.
///
/// ```
/// use ringgate::observe::log::{LogOptions, Target};
///
/// let options = LogOptions { target: Target::File("notes.log".into()), ..LogOptions::default() };
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Target {
    /// Standard error, through a duplicate of its descriptor: whoever prints to stderr directly
    /// (a panic, a C library) does not wait for a stalled log. If it is the journal of systemd, each line
    /// begins with its priority.
    #[default]
    Stderr,
    /// A file, appended to; made with mode 0640 if it is missing. A symbolic link is refused.
    File(PathBuf),
}

/// The running log: its counts, and what its owner can ask of it. Clones are the same log.
///
/// ```
/// use ringgate::observe::log::{self, LogOptions};
/// use std::time::Duration;
/// use tracing::level_filters::LevelFilter;
///
/// let log = log::init(LogOptions::default())?;
/// log.set_level(LevelFilter::DEBUG);
/// tracing::debug!("seen");
/// log.flush(Duration::from_secs(10));
/// assert_eq!((log.written(), log.dropped()), (1, 0));
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone)]
pub struct LogHandle {
    front: Arc<Front>,
    set_level: Arc<dyn Fn(LevelFilter) + Send + Sync>,
}

impl LogHandle {
    /// Lines dropped so far because the queue was full or the output failed.
    pub fn dropped(&self) -> u64 {
        self.front.dropped()
    }

    /// Lines written so far, not counting the log's own reports of drops.
    pub fn written(&self) -> u64 {
        self.front.written()
    }

    /// Waits until everything logged before the call is written, at most for `within`. False
    /// means that the time was over first, so that a stalled pipe cannot hang an exit.
    ///
    /// Blocks: not for a core.
    pub fn flush(&self, within: Duration) -> bool {
        self.front.flush(within)
    }

    /// Opens the log file again under its name, for log rotation. Lines still queued go to the
    /// new file. If it cannot be opened the log stays in the old one and says so there. Without
    /// effect on stderr. Returns at once.
    pub fn reopen(&self) {
        self.front.reopen();
    }

    /// Writes events from `level` up from now on.
    pub fn set_level(&self, level: LevelFilter) {
        (self.set_level)(level);
    }
}

impl fmt::Debug for LogHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LogHandle")
            .field("written", &self.written())
            .field("dropped", &self.dropped())
            .finish()
    }
}

/// Opens the target, starts the thread `rg-log` and makes this log the process's `tracing`
/// subscriber.
///
/// The thread inherits the caller's signal mask and CPU set: call it after blocking the signals
/// that are read elsewhere, and before pinning.
///
/// ```
/// use ringgate::observe::log::{self, LogOptions};
///
/// let log = log::init(LogOptions::default())?;
/// tracing::info!("the first line");
/// # Ok::<(), std::io::Error>(())
/// ```
///
/// # Errors
/// The target cannot be opened, no thread can be started, or (`AlreadyExists`) the process has
/// a subscriber already.
pub fn init(options: LogOptions) -> io::Result<LogHandle> {
    start(&options, None)
}

/// As [`init`], with what the configuration says. A log file is opened with the rights of the user that
/// the configuration names, who has to be able to open it again.
///
/// ```no_run
/// use ringgate::config::Config;
/// use ringgate::observe::log;
/// use ringgate::{Router, Server};
///
/// fn main() -> Result<(), Box<dyn std::error::Error>> {
///     let config = Config::default();
///     let log = log::init_for(&config)?;
///     let server = Server::new(config, Router::new()).with_log(log.clone()).with_signals();
///     server.start()?.join();
///     log.flush(std::time::Duration::from_secs(5));
///     Ok(())
/// }
/// ```
///
/// # Errors
/// Likewise; `NotFound` if the user or group is unknown.
pub fn init_for(config: &config::Config) -> io::Result<LogHandle> {
    let unknown = |error: config::Error| io::Error::new(ErrorKind::NotFound, error.to_string());
    let identity = Identity::wished(config).map_err(unknown)?;
    start(&LogOptions::from(&config.log), identity.as_ref())
}

/// Whether [`init_for`] would open the file of the log, found without making it.
///
/// # Errors
/// Likewise.
pub(crate) fn look(config: &config::Log, identity: Option<&Identity>) -> io::Result<()> {
    match &LogOptions::from(config).target {
        Target::Stderr => Ok(()),
        Target::File(path) => file::look(path, identity, OPTION),
    }
}

fn start(options: &LogOptions, identity: Option<&Identity>) -> io::Result<LogHandle> {
    let (out, file): (Box<dyn Write + Send>, _) = match &options.target {
        Target::Stderr => {
            let stderr = io::stderr().as_fd().try_clone_to_owned()?;
            (Box::new(File::from(stderr)), None)
        }
        Target::File(path) => (
            Box::new(file::open(path, identity, OPTION)?),
            Some(path.clone()),
        ),
    };
    let mut sink = Sink::new(out, file);
    sink.is_journal = options.target == Target::Stderr && journal::is_stderr();
    let (subscriber, handle) = assemble(options, QUEUE_LINES_MAX, sink)?;
    tracing::dispatcher::set_global_default(Dispatch::new(subscriber)).map_err(|_| {
        let cure = "a tracing subscriber is set already: call log::init once, and set no other";
        io::Error::new(ErrorKind::AlreadyExists, cure)
    })?;
    Ok(handle)
}

/// As [`init`] with an output of the caller's, and without making it global: for tests and for
/// programs that add layers of their own. `options.target` is not used.
///
/// # Errors
/// No thread can be started.
pub fn build(
    options: &LogOptions,
    writer: Box<dyn Write + Send>,
) -> io::Result<(impl Subscriber + Send + Sync + use<>, LogHandle)> {
    assemble(options, QUEUE_LINES_MAX, Sink::new(writer, None))
}

fn assemble(
    options: &LogOptions,
    lines_max: usize,
    sink: Sink,
) -> io::Result<(impl Subscriber + Send + Sync + use<>, LogHandle)> {
    let form = Form {
        format: options.format,
        has_priority: sink.is_journal,
    };
    let front = Arc::new(Front::start(form, lines_max, sink)?);
    let layer = LineLayer {
        front: Arc::clone(&front),
        form,
    };
    let (level, level_handle) = reload::Layer::new(passing(options.level));
    let subscriber = tracing_subscriber::registry().with(layer).with(level);
    let set_level = Arc::new(move |level| {
        // It fails only when the subscriber is gone, and the log with it.
        let _ = level_handle.reload(passing(level));
    });
    Ok((subscriber, LogHandle { front, set_level }))
}

/// The filter for this level: lines of the level, and announcements at every level but `off`.
fn passing(level: LevelFilter) -> FilterFn<impl Fn(&Metadata<'_>) -> bool> {
    let is_on = level != LevelFilter::OFF;
    let most = match is_on {
        true => level.max(LevelFilter::INFO),
        false => level,
    };
    let passes = move |event: &Metadata<'_>| {
        *event.level() <= level || (is_on && event.target() == ANNOUNCEMENT)
    };
    filter_fn(passes).with_max_level_hint(most)
}
