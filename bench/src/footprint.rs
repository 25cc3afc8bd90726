//! The footprint of servers: how long a cold start takes to the first answer, how large the program is, and how much
//! memory connections take that have made a request and idle.

use std::fmt;
use std::fs;
use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use clap::Args;
use serde::{Deserialize, Serialize};

use crate::idle_memory::{self, Step};
use crate::kept::{self, Invalid, Keeper, Placed, Report};
use crate::load;
use crate::proc::Memory;
use crate::race::order;
use crate::server::{Answer, Binaries, Cpus, Job, Peer, Programs, Server, pin_this_thread};
use crate::target::{Endpoint, Target};

/// The name of the only load.
const SCENARIO: &str = "footprint";
/// Longest time to the first answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// The wishes for footprints.
#[derive(Debug, Clone, Args)]
pub struct Options {
    /// Servers to measure, by name
    #[arg(long, value_delimiter = ',', default_values_t = Peer::USUAL, value_name = "NAMES")]
    pub peers: Vec<Peer>,
    /// Rounds; each starts every peer anew
    #[arg(long, default_value_t = 3, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub rounds: u32,
    /// Numbers of idle connections to measure at, rising
    #[arg(
        long,
        value_delimiter = ',',
        default_value = "1000,4000,8000",
        value_name = "N,N"
    )]
    pub steps: Vec<usize>,
    /// Where cells are kept
    #[command(flatten)]
    pub pieces: kept::Options,
    /// Programs of the servers
    #[command(flatten)]
    pub programs: Programs,
    /// Where it runs
    #[command(flatten)]
    pub cpus: Cpus,
}

/// One peer in one round.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Cell {
    /// Counted from 0.
    pub round: u32,
    /// Always the same.
    pub scenario: String,
    /// Name of the server.
    pub peer: String,
    /// Milliseconds from the start of the process to the end of its first answer, which is asked for as soon as it
    /// accepts.
    pub first_answer_ms: f64,
    /// Size of the program without its symbols and debugging information, in bytes; null without strip(1).
    pub program_bytes: Option<u64>,
    /// Private memory before any connection but one, in bytes.
    pub private_bytes: u64,
    /// With idle connections.
    pub steps: Vec<Step>,
    /// Private bytes per connection, between the first and the last step.
    pub bytes_per_connection: f64,
}

impl Placed for Cell {
    fn place(&self) -> (u32, &str, &str) {
        (self.round, &self.scenario, &self.peer)
    }
}

/// Starts everybody, in every round.
///
/// # Errors
/// A missing binary, a CPU that is not allowed, or a server that does not start.
pub fn run(options: &Options, mut progress: impl FnMut(&str)) -> io::Result<Report<Cell>> {
    let most = options.steps.last().copied().unwrap_or(0) as u64;
    load::raise_nofile(most + 1024)?;
    let binaries = options.programs.prepare(&options.peers, &[Job::PLAIN])?;
    let mut keeper = Keeper::begin(&options.pieces, 0)?;
    for round in 0..options.rounds {
        for peer in order(&options.peers, round) {
            let is_done = keeper.has(round, SCENARIO, peer.name()) || !peer.can(Job::PLAIN);
            if is_done || !keeper.has_time(1) {
                continue;
            }
            let began = Instant::now();
            match cell(options, &binaries, peer, round) {
                Ok(cell) => {
                    progress(&format!("round {} {cell}", round + 1));
                    keeper.kept.cells.push(cell);
                }
                Err(error) => keeper.kept.invalid.push(Invalid {
                    round,
                    scenario: SCENARIO.to_owned(),
                    peer: peer.name().to_owned(),
                    failures: error.to_string(),
                }),
            }
            keeper.keep(began)?;
        }
    }
    keeper.tell_left(&mut progress);
    Ok(keeper.report())
}

fn cell(options: &Options, binaries: &Binaries, peer: Peer, round: u32) -> io::Result<Cell> {
    let began = Instant::now();
    let server = Server::start(binaries, peer, options.cpus.server, Job::PLAIN)?;
    let path = peer.path(Answer::Plaintext);
    answer_once(&server, path)?;
    let first_answer = began.elapsed();
    pin_this_thread(options.cpus.load)?;
    let private_bytes = Memory::of(server.pid())?.private;
    let report = idle_memory::run(&idle_memory::Options {
        target: Target {
            endpoint: Endpoint::Tcp(server.address),
            tls: false,
            websocket: false,
            path: path.to_owned(),
        },
        http2: false,
        pid: server.pid(),
        steps: options.steps.clone(),
        source_addresses: 4,
    })?;
    Ok(Cell {
        round,
        scenario: SCENARIO.to_owned(),
        peer: peer.name().to_owned(),
        first_answer_ms: first_answer.as_secs_f64() * 1000.0,
        program_bytes: program_bytes(server.pid()),
        private_bytes,
        steps: report.steps,
        bytes_per_connection: report.private_bytes_per_connection,
    })
}

fn answer_once(server: &Server, path: &str) -> io::Result<()> {
    let mut stream = TcpStream::connect(server.address)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    write!(stream, "GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n")?;
    let mut answer = Vec::new();
    let mut piece = [0; 1024];
    while !answer.ends_with(b"Hello, World!") {
        match stream.read(&mut piece)? {
            0 => {
                return Err(io::Error::other(
                    "it closed before its first answer was whole",
                ));
            }
            n => answer.extend_from_slice(&piece[..n]),
        }
    }
    Ok(())
}

/// Size in bytes of the program of a process after strip(1).
fn program_bytes(pid: u32) -> Option<u64> {
    let name = format!("ringgate-bench-stripped-{}", std::process::id());
    let copy = std::env::temp_dir().join(name);
    let program = fs::read_link(format!("/proc/{pid}/exe")).ok()?;
    let stripped = std::process::Command::new("strip")
        .arg("-o")
        .arg(&copy)
        .arg(program)
        .stderr(std::process::Stdio::null())
        .status();
    let size = stripped.ok().filter(|status| status.success());
    let size = size
        .and_then(|_| fs::metadata(&copy).ok())
        .map(|file| file.len());
    let _ = fs::remove_file(&copy);
    size
}

impl fmt::Display for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:<12} first answer after {:.1} ms, {} KiB of program, {} KiB at rest, {:.0} B a connection",
            self.peer,
            self.first_answer_ms,
            self.program_bytes.unwrap_or(0) / 1024,
            self.private_bytes / 1024,
            self.bytes_per_connection
        )
    }
}
