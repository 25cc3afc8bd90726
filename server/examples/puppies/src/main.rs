//! The program: `puppies [--database sqlite:PATH|postgres://...] [--workers MIN..MAX]`, and all the
//! options that `ringgate serve` has. Its exit codes are those of `ringgate`, too.
#![forbid(unsafe_code)]

use puppies::database::Source;
use ringgate::config::{self, CommandLine, Config, Ctl, Invocation};
use ringgate::lane::Lane;
use ringgate::observe::log;
use std::ffi::OsString;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

const USAGE: &str = "\
Usage: puppies [--database sqlite:PATH|postgres://USER@HOST/NAME] [--workers MIN..MAX]
               [any option below]

Without --database the puppies live in a file of SQLite that is removed at the end.
";
/// Work that may wait for the database.
const QUEUE_MAX: u32 = 1024;

/// The server could not start or go on.
const FAILED: u8 = 1;
/// The command line is wrong.
const USAGE_WRONG: u8 = 2;
/// A drain had to cut connections.
const CUT: u8 = 3;

fn main() -> ExitCode {
    let (code, result) = match asked() {
        Ok(Asked::Serve(own)) => (FAILED, serve(*own)),
        Ok(Asked::Ctl(ctl)) => (FAILED, control(&ctl)),
        Ok(Asked::Show(text)) => (FAILED, show(&text)),
        Err(error) => (USAGE_WRONG, Err(error)),
    };
    result.unwrap_or_else(|error| {
        eprintln!("puppies: {error}");
        ExitCode::from(code)
    })
}

type Error = Box<dyn std::error::Error>;

enum Asked {
    Serve(Box<Wishes>),
    Ctl(Ctl),
    Show(String),
}

/// All that the command line asks for.
struct Wishes {
    config: Config,
    database: Option<Source>,
    workers: (u32, u32),
}

fn asked() -> Result<Asked, Error> {
    let own = own_options(std::env::args_os())?;
    let read_file = |path: &Path| std::fs::read_to_string(path);
    let line = CommandLine::of("puppies")
        .about("Likes of puppies, from a database")
        .version(env!("CARGO_PKG_VERSION"));
    match line.parse(own.rest, std::env::vars_os(), read_file)? {
        Invocation::Serve(config, _) => Ok(Asked::Serve(Box::new(Wishes {
            config,
            database: own.database,
            workers: own.workers,
        }))),
        Invocation::Show(text) => Ok(Asked::Show(format!("{USAGE}\n{text}"))),
        Invocation::Ctl(ctl) => Ok(Asked::Ctl(ctl)),
        Invocation::CheckConfig {
            config, provenance, ..
        } => Ok(Asked::Show(config::effective(&config, &provenance))),
        Invocation::Doctor { .. } => Err("doctor is a command of ringgate".into()),
    }
}

fn control(ctl: &Ctl) -> Result<ExitCode, Error> {
    ringgate::control::client::run(ctl, &mut std::io::stdout())?;
    Ok(ExitCode::SUCCESS)
}

fn show(text: &str) -> Result<ExitCode, Error> {
    std::io::stdout().write_all(text.as_bytes())?;
    Ok(ExitCode::SUCCESS)
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

fn serve(wishes: Wishes) -> Result<ExitCode, Error> {
    let Wishes {
        config,
        database,
        workers,
    } = wishes;
    // Before the first thread, which is the log's.
    ringgate::block_obeyed_signals()?;
    ringgate::process::privileges::gain_nothing(&config)?;
    let log = log::init_for(&config)?;
    let mut temporary = None;
    let source = match database {
        Some(source) => source,
        None => {
            let directory = temporary.insert(Temporary::new()?);
            Source::Sqlite(directory.0.join("puppies.db"))
        }
    };
    let (min, max) = workers;
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
        Some(why) => Err(why.into()),
        None if ended.drained && ended.cut > 0 => Ok(ExitCode::from(CUT)),
        None => Ok(ExitCode::SUCCESS),
    }
}
