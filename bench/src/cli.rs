//! The command line of `ringgate-bench`: parses, calls one room, prints what it returned.
//!
//! Results go to stdout, everything else to stderr. Exit codes: 0 done, 1 it could not be done,
//! 2 usage.

use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

use crate::load::{self, LoadError};

/// Load generator, raw kernel floors and races against peers.
#[derive(Debug, Parser)]
#[command(name = "ringgate-bench", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Send HTTP/1.1 requests and account for every one of them
    Load(LoadArgs),
}

#[derive(Debug, Args)]
struct LoadArgs {
    #[command(flatten)]
    options: load::Options,
    /// Print the report as one JSON object
    #[arg(long)]
    json: bool,
}

/// Runs the program with the process's arguments.
pub fn main() -> ExitCode {
    let outcome = match Cli::parse().command {
        Command::Load(args) => run_load(&args),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("ringgate-bench: {}", failure.text);
            ExitCode::from(failure.code)
        }
    }
}

/// What is said and returned when a command could not be done.
struct Failure {
    code: u8,
    text: String,
}

impl<E: std::error::Error> From<E> for Failure {
    fn from(error: E) -> Self {
        Self {
            code: 1,
            text: error.to_string(),
        }
    }
}

fn run_load(args: &LoadArgs) -> Result<(), Failure> {
    let report = match load::run(&args.options) {
        Ok(report) => report,
        Err(LoadError::Usage(error)) => {
            return Err(Failure {
                code: 2,
                text: error.to_string(),
            });
        }
        Err(error) => return Err(error.into()),
    };
    if args.json {
        println!("{}", serde_json::to_string(&report)?);
    } else {
        println!("{report}");
    }
    Ok(())
}
