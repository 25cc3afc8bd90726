//! The command line of `ringgate-bench`: parses, calls one room, prints what it returned.
//!
//! Results go to stdout, everything else to stderr. Exit codes: 0 done, 1 it could not be done,
//! 2 usage.

use std::fmt::Display;
use std::net::SocketAddr;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand, ValueEnum};
use serde::Serialize;

use crate::floor::{self, After};
use crate::load::{self, LoadError};
use crate::target::require_loopback;
use crate::{
    floods, footprint, handshake_storm, idle_memory, kernel, lanes, overload, race, replay,
    results, server, storm, syscalls, tails, upheaval,
};

/// Load generator, raw kernel floors and races against peers.
#[derive(Debug, Parser)]
#[command(name = "ringgate-bench", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Send requests over HTTP/1.1 or HTTP/2, or WebSocket messages, and account for every one of them
    Load(With<load::Options>),
    /// Serve one constant answer for every empty line: the least a server can cost
    Floor(FloorArgs),
    /// Compare CPU time per request of servers, interleaved, against the raw io_uring floor
    Race(With<race::Options>),
    /// Find how long the slowest requests wait at parts of what each server can do
    Tails(With<tails::Options>),
    /// Measure the start, the size and the memory of servers
    Footprint(With<footprint::Options>),
    /// Make the page of results and its charts from the records of measurements
    Results(With<results::Options>),
    /// Play requests through a server in memory, whose instructions scripts/instructions.sh counts
    Replay(replay::Options),
    /// Count system calls per request with strace
    Syscalls(With<syscalls::Options>),
    /// Compare the round trip of a lane with that of tokio's spawn_blocking, in one run
    Lanes(With<lanes::trips::Options>),
    /// Measure what clients of a slow route take from those of a quick one, in pairs of windows
    Neighbour(With<lanes::neighbour::Options>),
    /// Offer a server with a limit multiples of what it can do
    Overload(With<overload::Options>),
    /// Measure what clients that misuse HTTP/2 take from those that behave, and whether each is ended
    Floods(With<floods::Options>),
    /// Measure what clients that only make handshakes take from connections that stand
    HandshakeStorm(With<handshake_storm::Options>),
    /// Measure a server's memory per idle connection
    IdleMemory(With<idle_memory::Options>),
    /// Check what the kernel that runs makes of a server: features, load, resize, upgrade, drain
    Kernel(With<kernel::Options>),
    /// Resize, recycle or torment a ringgate server under load, and account for every request
    Storm(With<storm::Options>),
    /// Load a ringgate server in every way at once, upgrade it, kill its generations, torment its cores, and
    /// explain every loss
    Upheaval(With<upheaval::Options>),
    /// The same for a time, and then see that a server at rest has what it had
    Soak(With<upheaval::soak::Options>),
    /// Stand between the two processes of an upgrade and kill one of them at a step
    #[command(hide = true)]
    GoBetween(upheaval::between::Options),
}

/// A room's options, and how its report is printed.
#[derive(Debug, Args)]
struct With<O: Args> {
    #[command(flatten)]
    options: O,
    /// Print the report as JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct FloorArgs {
    /// Which kernel interface
    kind: FloorKind,
    /// Where to listen; loopback only
    #[arg(long, value_name = "IP:PORT", value_parser = parse_listen)]
    listen: SocketAddr,
    /// Pin to this CPU
    #[arg(long, value_name = "N")]
    cpu: Option<usize>,
    /// End each connection after its first answers
    #[arg(long)]
    close: bool,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum FloorKind {
    Uring,
    Epoll,
}

fn parse_listen(text: &str) -> Result<SocketAddr, String> {
    let address = text
        .parse()
        .map_err(|_| format!("`{text}` is not IP:PORT"))?;
    require_loopback(address).map_err(|error| error.to_string())
}

/// Runs the program with the process's arguments.
pub fn main() -> ExitCode {
    let outcome = match Cli::parse().command {
        Command::Load(args) if args.options.websocket_pattern().is_some() => {
            load::websocket::run(&args.options)
                .map_err(Failure::from)
                .and_then(|report| args.print(&report))
        }
        Command::Load(args) => load::run(&args.options)
            .map_err(Failure::from)
            .and_then(|report| args.print(&report)),
        Command::Floor(args) => run_floor(&args),
        Command::Race(args) => race::run(&args.options, |line| eprintln!("{line}"))
            .map_err(Failure::from)
            .and_then(|report| args.print(&report)),
        Command::Tails(args) => tails::run(&args.options, |line| eprintln!("{line}"))
            .map_err(Failure::from)
            .and_then(|report| args.print(&report)),
        Command::Footprint(args) => footprint::run(&args.options, |line| eprintln!("{line}"))
            .map_err(Failure::from)
            .and_then(|report| args.print(&report)),
        Command::Results(args) => results::run(&args.options)
            .map_err(Failure::from)
            .and_then(|written| args.print(&written)),
        Command::Replay(options) => run_replay(&options),
        Command::Syscalls(args) => syscalls::run(&args.options)
            .map_err(Failure::from)
            .and_then(|counts| counts.iter().try_for_each(|count| args.print(count))),
        Command::Lanes(args) => lanes::trips::run(&args.options)
            .map_err(Failure::from)
            .and_then(|report| args.print(&report)),
        Command::Neighbour(args) => lanes::neighbour::run(&args.options)
            .map_err(Failure::from)
            .and_then(|report| args.print(&report)),
        Command::Storm(args) => storm::run(&args.options)
            .map_err(Failure::from)
            .and_then(|report| args.print(&report).and_then(|()| verdict(&report.faults))),
        Command::Upheaval(args) => upheaval::run(&args.options, |line| eprintln!("{line}"))
            .map_err(Failure::from)
            .and_then(|report| args.print(&report).and_then(|()| verdict(&report.faults))),
        Command::Soak(args) => upheaval::soak::run(&args.options, |line| eprintln!("{line}"))
            .map_err(Failure::from)
            .and_then(|report| args.print(&report).and_then(|()| verdict(&report.faults))),
        Command::GoBetween(options) => match upheaval::between::run(&options) {
            Ok(code) => return ExitCode::from(code.clamp(0, 255) as u8),
            Err(error) => Err(Failure::from(error)),
        },
        Command::Overload(args) => overload::run(&args.options)
            .map_err(Failure::from)
            .and_then(|report| args.print(&report)),
        Command::Floods(args) => floods::run(&args.options)
            .map_err(Failure::from)
            .and_then(|report| args.print(&report).and_then(|()| verdict(&report.faults))),
        Command::HandshakeStorm(args) => handshake_storm::run(&args.options)
            .map_err(Failure::from)
            .and_then(|report| args.print(&report)),
        Command::Kernel(args) => kernel::run(&args.options)
            .map_err(Failure::from)
            .and_then(|report| args.print(&report).and_then(|()| verdict(&report.faults))),
        Command::IdleMemory(args) => idle_memory::run(&args.options)
            .map_err(Failure::from)
            .and_then(|report| args.print(&report)),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("ringgate-bench: {}", failure.text);
            ExitCode::from(failure.code)
        }
    }
}

/// The message and the exit code of a command that could not be done.
struct Failure {
    code: u8,
    text: String,
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Self {
            code: 1,
            text: error.to_string(),
        }
    }
}

impl From<LoadError> for Failure {
    fn from(error: LoadError) -> Self {
        let code = if matches!(error, LoadError::Usage(_)) {
            2
        } else {
            1
        };
        Self {
            code,
            text: error.to_string(),
        }
    }
}

/// Fails the program if the server failed.
fn verdict(faults: &[String]) -> Result<(), Failure> {
    match faults.is_empty() {
        true => Ok(()),
        false => Err(Failure {
            code: 1,
            text: faults.join("; "),
        }),
    }
}

impl<O: Args> With<O> {
    fn print<R: Serialize + Display>(&self, report: &R) -> Result<(), Failure> {
        if self.json {
            println!(
                "{}",
                serde_json::to_string(report).map_err(std::io::Error::from)?
            );
        } else {
            println!("{report}");
        }
        Ok(())
    }
}

fn run_replay(options: &replay::Options) -> Result<(), Failure> {
    let answered = replay::run(options).map_err(|text| Failure { code: 2, text })?;
    println!("{answered} requests");
    Ok(())
}

fn run_floor(args: &FloorArgs) -> Result<(), Failure> {
    if let Some(cpu) = args.cpu {
        server::pin_this_thread(cpu)?;
    }
    load::raise_nofile(0)?;
    let listener = floor::listen(args.listen)?;
    let after = if args.close {
        After::Close
    } else {
        After::Keep
    };
    Err(match args.kind {
        FloorKind::Uring => floor::uring::serve(&listener, after),
        FloorKind::Epoll => floor::epoll::serve(&listener, after),
    }
    .into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::path::Path;

    #[test]
    fn every_command_line_of_the_documents_is_one_that_the_program_takes() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let (mut broken, mut seen) = (Vec::new(), 0);
        for file in ["README.md", "docs/benchmarking.md"] {
            let text = fs::read_to_string(root.join(file)).expect(file);
            for line in text.lines() {
                let line = line.strip_prefix("$ ").unwrap_or(line);
                let line = line.strip_prefix("target/release/").unwrap_or(line);
                if !line.starts_with("ringgate-bench ") {
                    continue;
                }
                seen += 1;
                let line = line.split(" # ").next().unwrap_or_default();
                // A process, whichever it is.
                let line = line.replace("$(pidof ringgate)", "1").replace("$!", "1");
                let words = line.split_whitespace().map(|word| word.trim_matches('\''));
                if let Err(error) = Cli::try_parse_from(words) {
                    broken.push(format!("{file}: {line}: {error}"));
                }
            }
        }
        assert!(seen > 10, "only {seen} command lines found");
        assert!(broken.is_empty(), "{broken:#?}");
    }
}
