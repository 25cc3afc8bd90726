//! The program: `puppies [--database sqlite:PATH|postgres://...] [--workers MIN..MAX]`, and all the
//! options that `ringgate serve` has.
#![forbid(unsafe_code)]

use puppies::database::Source;
use ringgate::config::{self, Invocation};
use ringgate::lane::Lane;
use ringgate::observe::log::{self, LogOptions};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

const USAGE: &str = "\
Usage: puppies [--database sqlite:PATH|postgres://USER@HOST/NAME] [--workers MIN..MAX]
               [any option of `ringgate serve`]

Without --database the puppies live in a file of SQLite that is removed at the end.
";
/// Work that may wait for the database.
const QUEUE_MAX: u32 = 1024;

fn main() -> ExitCode {
    match run() {
        Ok(code) => code,
        Err(error) => {
            eprintln!("puppies: {error}");
            ExitCode::from(2)
        }
    }
}

/// What the command line says of the puppies; the rest is the server's.
struct Own {
    database: Option<Source>,
    workers: (u32, u32),
    rest: Vec<OsString>,
}

fn own_options(mut arguments: impl Iterator<Item = OsString>) -> Result<Own, String> {
    let mut own = Own {
        database: None,
        workers: (1, 4),
        rest: Vec::new(),
    };
    while let Some(argument) = arguments.next() {
        let text = argument.to_str().unwrap_or_default();
        let (flag, value) = match text.split_once('=') {
            Some((flag, value)) => (flag, Some(value.to_owned())),
            None => (text, None),
        };
        if !matches!(flag, "--database" | "--workers") {
            own.rest.push(argument);
            continue;
        }
        let flag = flag.to_owned();
        let next = || arguments.next().and_then(|value| value.into_string().ok());
        let value = value.or_else(next).ok_or(format!("{flag} needs a value"))?;
        match flag.as_str() {
            "--database" => own.database = Some(value.parse()?),
            _ => own.workers = workers(&value)?,
        }
    }
    Ok(own)
}

/// `4`, or `1..4`.
fn workers(text: &str) -> Result<(u32, u32), String> {
    let (min, max) = text.split_once("..").unwrap_or((text, text));
    match (min.parse(), max.parse()) {
        (Ok(min), Ok(max)) => Ok((min, max)),
        _ => Err(format!("--workers is a number or MIN..MAX, not {text:?}")),
    }
}

/// A file of its own for a database that nobody asked to keep.
struct Temporary(PathBuf);

impl Temporary {
    fn new() -> std::io::Result<Temporary> {
        let path = std::env::temp_dir().join(format!("puppies-{}", std::process::id()));
        std::fs::create_dir(&path)?;
        Ok(Temporary(path))
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        // It is in the directory for such things; whoever cleans that cleans this.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn run() -> Result<ExitCode, Box<dyn std::error::Error>> {
    let own = own_options(std::env::args_os())?;
    let read_file = |path: &Path| std::fs::read_to_string(path);
    let config = match config::parse(own.rest, std::env::vars_os(), read_file)? {
        Invocation::Serve(config, _) => config,
        _ => return Err(USAGE.into()),
    };
    // Before the first thread, which is the log's.
    ringgate::block_obeyed_signals()?;
    let log = log::init(LogOptions::default())?;
    let mut temporary = None;
    let source = match own.database {
        Some(source) => source,
        None => {
            let directory = temporary.insert(Temporary::new()?);
            Source::Sqlite(directory.0.join("puppies.db"))
        }
    };
    let (min, max) = own.workers;
    let workers = Lane::workers(std::ops::RangeInclusive::new(min, max)).queue_limit(QUEUE_MAX);
    let running = puppies::server(config, source, workers)
        .with_signals()
        .with_control()
        .with_log(log.clone())
        .start()?;
    for address in running.handle().addresses() {
        tracing::info!(
            "listening on http://{address} (try: curl http://{address}/puppies/Bouncer)"
        );
    }
    let ended = running.join();
    log.flush(Duration::from_secs(2));
    drop(temporary);
    match ended.failed {
        None => Ok(ExitCode::SUCCESS),
        Some(why) => Err(why.into()),
    }
}
