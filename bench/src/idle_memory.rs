//! Memory per idle connection: the slope between two or more numbers of open connections.
//!
//! Each connection has made one request before it idles, so a server that allocates lazily is
//! charged too; over TLS a handshake before it, whose keys this client then forgets; and a WebSocket has had a
//! message back. Measures the
//! server's own memory; what the kernel keeps for a socket is not in it.

use std::fmt;
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::Duration;

use clap::Args;
use serde::{Deserialize, Serialize};

use crate::load::http2::{self, once};
use crate::load::websocket::frame::{self, Opcode};
use crate::load::websocket::handshake::Handshake;
use crate::load::{Session, Terms, TlsOptions, raise_nofile};
use crate::proc::Memory;
use crate::target::{Endpoint, Target};

/// How long one request may take.
const ANSWER_MAX: Duration = Duration::from_secs(10);
/// The message that a WebSocket has had back before it idles.
const MESSAGE: &[u8] = b"one message";
/// Descriptors for everything but the connections.
const SPARE_DESCRIPTORS: u64 = 64;

/// The wishes for a memory measurement.
#[derive(Debug, Clone, Args)]
pub struct Options {
    /// Where the server listens, and a path it answers with a Content-Length; with ws:// or wss:// one that
    /// sends messages back
    #[arg(long = "url", value_name = "URL")]
    pub target: Target,
    /// Each connection speaks HTTP/2
    #[arg(long)]
    pub http2: bool,
    /// The server's process id
    #[arg(long, value_name = "PID")]
    pub pid: u32,
    /// Numbers of open connections to measure at, rising
    #[arg(
        long,
        value_delimiter = ',',
        default_value = "5000,15000",
        value_name = "N,N"
    )]
    pub steps: Vec<usize>,
    /// Connect from this many loopback addresses, 127.0.0.2 upwards
    #[arg(long, default_value_t = 4, value_name = "N", value_parser = clap::value_parser!(u8).range(1..=250))]
    pub source_addresses: u8,
}

/// Memory at one number of connections.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct Step {
    /// Open, idle connections.
    pub connections: usize,
    /// The server's memory.
    pub memory: Memory,
}

/// The measured steps and the slope between the first and the last.
#[derive(Debug, Clone, Serialize)]
pub struct MemoryReport {
    /// In the order they were measured.
    pub steps: Vec<Step>,
    /// Private bytes per connection.
    pub private_bytes_per_connection: f64,
    /// Resident bytes per connection.
    pub rss_bytes_per_connection: f64,
}

/// Opens the connections and measures.
///
/// # Errors
/// Steps that do not rise, too few descriptors, a connection that is refused or not answered, and
/// a process whose memory cannot be read.
pub fn run(options: &Options) -> io::Result<MemoryReport> {
    let (Some(first), Some(last)) = (options.steps.first(), options.steps.last()) else {
        return Err(io::Error::other("--steps needs at least two numbers"));
    };
    if first == last || !options.steps.is_sorted() {
        return Err(io::Error::other(
            "--steps must rise: the slope lies between them",
        ));
    }
    let Endpoint::Tcp(address) = options.target.endpoint else {
        return Err(io::Error::other("idle-memory needs a TCP target"));
    };
    if options.http2 && options.target.websocket {
        return Err(io::Error::other("--http2 and WebSocket exclude each other"));
    }
    raise_nofile(*last as u64 + SPARE_DESCRIPTORS)?;
    let terms = match options.target.tls {
        true => Some(Terms::new(&TlsOptions::default()).map_err(io::Error::other)?),
        false => None,
    };
    let terms = match options.http2 {
        true => terms.map(|terms| terms.with_protocol(http2::PROTOCOL)),
        false => terms,
    };
    let mut open = Vec::with_capacity(*last);
    let mut steps = Vec::new();
    for connections in &options.steps {
        while open.len() < *connections {
            let opened = idle_connection(options, address, terms.as_ref(), open.len());
            let stream = opened.map_err(|error| {
                io::Error::new(
                    error.kind(),
                    format!("connection {}: {error}", open.len() + 1),
                )
            })?;
            open.push(stream);
        }
        steps.push(Step {
            connections: *connections,
            memory: Memory::of(options.pid)?,
        });
    }
    let (low, high) = (steps[0], steps[steps.len() - 1]);
    let slope = |value: fn(&Memory) -> u64| {
        (value(&high.memory) as f64 - value(&low.memory) as f64)
            / (high.connections - low.connections) as f64
    };
    Ok(MemoryReport {
        private_bytes_per_connection: slope(|memory| memory.private),
        rss_bytes_per_connection: slope(|memory| memory.rss),
        steps,
    })
}

/// A connection that has had one complete answer.
fn idle_connection(
    options: &Options,
    address: SocketAddr,
    terms: Option<&Terms>,
    nth: usize,
) -> io::Result<TcpStream> {
    let nth = (nth % usize::from(options.source_addresses)) as u8;
    let source = address.is_ipv4().then(|| Ipv4Addr::new(127, 0, 0, 2 + nth));
    let socket = crate::load::tcp_socket(address, source)?;
    socket.connect_timeout(&address.into(), ANSWER_MAX)?;
    let mut stream = TcpStream::from(socket);
    stream.set_read_timeout(Some(ANSWER_MAX))?;
    let turns = turns(options, nth.into());
    match terms {
        None => exchange(&mut stream, &turns)?,
        Some(terms) => exchange_over_tls(&mut stream, turns, terms)?,
    }
    Ok(stream)
}

/// Bytes to send, and whether those that came since are all of the answer.
type Turn = (Vec<u8>, Box<dyn Fn(&[u8]) -> io::Result<bool>>);

/// One request, over HTTP/2 with a sign of life behind it, or the handshake of a WebSocket and a message that comes
/// back.
fn turns(options: &Options, nth: usize) -> Vec<Turn> {
    let target = &options.target;
    if options.http2 {
        let owned = target.clone();
        let is_answered =
            move |answer: &[u8]| once::is_answered(&owned, answer).map_err(io::Error::other);
        return vec![
            (once::request(target), Box::new(is_answered)),
            (
                once::farewell(),
                Box::new(|answer| Ok(once::is_read(answer))),
            ),
        ];
    }
    if !target.websocket {
        let (path, host) = (&target.path, target.host());
        let request = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n");
        return vec![(request.into_bytes(), Box::new(is_complete))];
    }
    let handshake = Handshake::new(nth as u128);
    let (mut request, mut message) = (Vec::new(), Vec::new());
    handshake.append(target, &[], &mut request);
    frame::append(Opcode::Text, MESSAGE, [1, 2, 3, 4], &mut message);
    let is_websocket = move |answer: &[u8]| {
        let judged = handshake.judge(answer).map_err(io::Error::other)?;
        Ok(judged.is_some())
    };
    let is_echo = |answer: &[u8]| match frame::read(answer).map_err(io::Error::other)? {
        None => Ok(false),
        Some(frame) if frame.payload == MESSAGE => Ok(true),
        Some(_) => Err(io::Error::other("another message than was sent came back")),
    };
    vec![
        (request, Box::new(is_websocket)),
        (message, Box::new(is_echo)),
    ]
}

fn exchange(stream: &mut TcpStream, turns: &[Turn]) -> io::Result<()> {
    let mut piece = [0; 4096];
    for (request, is_answered) in turns {
        stream.write_all(request)?;
        let mut answer = Vec::new();
        while !is_answered(&answer)? {
            match stream.read(&mut piece)? {
                0 => return Err(io::Error::other("closed before its answer was complete")),
                n => answer.extend_from_slice(&piece[..n]),
            }
        }
    }
    Ok(())
}

/// As [`exchange`], after a handshake.
fn exchange_over_tls(stream: &mut TcpStream, turns: Vec<Turn>, terms: &Terms) -> io::Result<()> {
    let mut out = Vec::new();
    let mut session = Session::begin(terms, &mut out).map_err(io::Error::other)?;
    let mut scratch = vec![0; 32 * 1024];
    for (mut request, is_answered) in turns {
        let mut answer = Vec::new();
        while !is_answered(&answer)? {
            if session.is_open() && !request.is_empty() {
                let sealed = session.seal(&mut request, false, &mut out);
                sealed.map_err(io::Error::other)?;
            }
            stream.write_all(&out)?;
            out.clear();
            let kept = session.restore(&mut scratch);
            let n = stream.read(&mut scratch[kept..])?;
            if n == 0 {
                return Err(io::Error::other("closed before its answer was complete"));
            }
            session
                .take(&mut scratch[..kept + n], &mut out, |plain| {
                    answer.extend_from_slice(plain);
                    true
                })
                .map_err(|error| io::Error::other(format!("TLS: {error}")))?;
        }
    }
    stream.write_all(&out)
}

fn is_complete(answer: &[u8]) -> io::Result<bool> {
    let mut fields = [httparse::EMPTY_HEADER; 64];
    let mut head = httparse::Response::new(&mut fields);
    let parsed = head
        .parse(answer)
        .map_err(|error| io::Error::other(format!("bad answer: {error}")))?;
    let httparse::Status::Complete(used) = parsed else {
        return Ok(false);
    };
    let length = head
        .headers
        .iter()
        .find(|field| field.name.eq_ignore_ascii_case("content-length"))
        .and_then(|field| std::str::from_utf8(field.value).ok()?.parse::<usize>().ok())
        .ok_or_else(|| io::Error::other("the answer has no Content-Length"))?;
    if head.code != Some(200) {
        return Err(io::Error::other(format!(
            "answered {} instead of 200",
            head.code.unwrap_or(0)
        )));
    }
    Ok(answer.len() >= used + length)
}

impl fmt::Display for MemoryReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for Step {
            connections,
            memory,
        } in &self.steps
        {
            writeln!(
                f,
                "{connections:>8} idle connections: private {} B, pss {} B, rss {} B",
                memory.private, memory.pss, memory.rss
            )?;
        }
        write!(
            f,
            "{:.0} private bytes per idle connection ({:.0} resident)",
            self.private_bytes_per_connection, self.rss_bytes_per_connection
        )
    }
}
