//! The program: `puppies [--database sqlite:PATH|postgres://...] [--workers MIN..MAX]`, and all that every
//! server has: its options, `ctl`, `check-config`, `doctor`, signals, upgrade and exit codes.
#![forbid(unsafe_code)]

use puppies::database::Source;
use ringgate::Server;
use ringgate::config::{CommandLine, OwnOption};
use ringgate::lane::Lane;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::process::ExitCode;
use std::str::FromStr;

/// Work that may wait for the database.
const QUEUE_MAX: u32 = 1024;

fn main() -> ExitCode {
    let database = OwnOption::value(
        "database",
        "sqlite:PATH|postgres://USER@HOST/NAME",
        "Where the puppies live. Without it, in a file of SQLite that is removed at the end.",
    );
    let workers = OwnOption::value("workers", "MIN..MAX", "Connections to the database.");
    let line = CommandLine::of("puppies")
        .about("Likes of puppies, from a database")
        .version(env!("CARGO_PKG_VERSION"))
        .option(database)
        .option(workers.default("1..4"));
    // Removed when the server is gone.
    let mut temporary = None;
    Server::run_main(line, |config, own| {
        let Workers(workers) = own.get("workers")?;
        let source = match own.find("database")? {
            Some(source) => source,
            None => Source::Sqlite(temporary.insert(Temporary::new()?).0.join("puppies.db")),
        };
        let workers = Lane::workers(workers).queue_limit(QUEUE_MAX);
        Ok(puppies::server(config, source, workers))
    })
}

/// `4`, or `1..4`.
struct Workers(RangeInclusive<u32>);

impl FromStr for Workers {
    type Err = std::num::ParseIntError;

    fn from_str(text: &str) -> Result<Workers, Self::Err> {
        let (min, max) = text.split_once("..").unwrap_or((text, text));
        Ok(Workers(min.parse()?..=max.parse()?))
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
