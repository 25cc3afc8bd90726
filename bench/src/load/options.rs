//! The options of a load run, and which of them contradict each other.
//!
//! The command line fills [`Options`]; tests build it with [`Options::to`]. No I/O here.

use std::fmt;
use std::num::NonZeroU64;
use std::sync::Arc;
use std::time::Duration;

use clap::{Args, ValueEnum};

use crate::load::http2::{self, Http2Options};
use crate::load::tls::TlsOptions;
use crate::load::websocket::{Pattern, WebSocketOptions};
use crate::target::{Endpoint, Target};

/// Most connections one run may ask for; a typing mistake should not eat the machine.
const CONNECTIONS_MAX: usize = 1_000_000;
/// Largest request body: 1 GiB, because echo tests send one gibibyte.
const BODY_BYTES_MAX: usize = 1 << 30;

/// The wishes for one load run.
#[derive(Debug, Clone, Args)]
pub struct Options {
    /// Target: `http://IP:PORT/path`, `https`, `ws` or `wss` likewise, with a loopback IP, or
    /// `unix:SOCKET:/path`
    #[arg(long = "url", value_name = "URL")]
    pub target: Target,
    /// Connections that carry requests, shared out over the threads
    #[arg(long, short = 'c', default_value_t = 32, value_name = "N")]
    pub connections: usize,
    /// Threads, each with its own event loop
    #[arg(long, short = 't', default_value_t = 1, value_name = "N")]
    pub threads: usize,
    /// Issue requests for this long [default: 10s unless --requests is given]
    #[arg(long, short = 'd', value_parser = parse_duration, conflicts_with = "requests", value_name = "TIME")]
    pub duration: Option<Duration>,
    /// Issue exactly this many requests
    #[arg(long, short = 'n', value_name = "N")]
    pub requests: Option<u64>,
    /// Whether connections are kept or made anew for each request
    #[arg(long, value_enum, default_value_t = Mode::Keepalive)]
    pub mode: Mode,
    /// Request method
    #[arg(long, value_enum, ignore_case = true, default_value_t = Method::Get)]
    pub method: Method,
    /// Bytes of request body (POST); every request has its own, reproducible bytes
    #[arg(long, default_value_t = 0, value_name = "BYTES")]
    pub body: usize,
    /// Demand on each 2xx body
    #[arg(long, value_enum, default_value_t = Verify::None)]
    pub verify: Verify,
    /// The body of each 2xx answer where `verify` demands nothing: for loads whose answer is known.
    #[arg(skip)]
    pub expected: Expected,
    /// Requests sent together on one connection
    #[arg(long, default_value_t = 1, value_name = "N")]
    pub pipeline: usize,
    /// Open loop: requests a second on a fixed timetable; latency counts from the timetable
    #[arg(long, value_name = "R")]
    pub rate: Option<NonZeroU64>,
    /// How the requests of an open loop follow each other
    #[arg(long, value_enum, default_value_t = Arrivals::Even, requires = "rate")]
    pub arrivals: Arrivals,
    /// A further request header, `Name: value`; may be repeated
    #[arg(long = "header", short = 'H', value_parser = parse_header, value_name = "K: V")]
    pub headers: Vec<(String, String)>,
    /// Connect from this many addresses, 127.0.0.2 upwards; 0 leaves the choice to the kernel
    #[arg(long, default_value_t = 0, value_name = "N")]
    pub source_addresses: u16,
    /// Pin thread k to CPU N + k
    #[arg(long, value_name = "N")]
    pub cpu: Option<usize>,
    /// Connections that are opened before the run and never used
    #[arg(long, default_value_t = 0, value_name = "N")]
    pub idle: usize,
    /// A request without a complete answer after this long has timed out
    #[arg(long, value_parser = parse_duration, default_value = "10s", value_name = "TIME")]
    pub timeout: Duration,
    /// Leave out of the latencies what is issued in this first part of the run
    #[arg(long, value_parser = parse_duration, default_value = "0s", value_name = "TIME")]
    pub warm_up: Duration,
    /// Count the values of this response header
    #[arg(long, value_name = "NAME")]
    pub track_header: Option<String>,
    /// How TLS is spoken
    #[command(flatten)]
    pub tls: TlsOptions,
    /// How HTTP/2 is spoken
    #[command(flatten)]
    pub http2: Http2Options,
    /// How WebSocket is spoken
    #[command(flatten)]
    pub websocket: WebSocketOptions,
    /// Called when the warm-up is over, and when the last request has its outcome
    #[arg(skip)]
    pub(crate) window: Option<Window>,
}

/// The function that the first thread calls at the beginning and at the end of the measured time.
#[derive(Clone)]
pub(crate) struct Window(pub(crate) Arc<dyn Fn() + Send + Sync>);

impl fmt::Debug for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Window")
    }
}

/// The use of a connection after its answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// The connection is used again until the server ends it.
    Keepalive,
    /// One request with `Connection: close`, then the next connection.
    Close,
}

/// How the requests of an open loop follow each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Arrivals {
    /// The same time apart.
    Even,
    /// As those of many clients that know nothing of each other (a Poisson process); every run has
    /// the same ones.
    Random,
}

/// The request method.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, serde::Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Method {
    /// GET, without a body.
    Get,
    /// POST with `body` bytes.
    Post,
}

/// The body that a 2xx answer must have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verify {
    /// Anything that is framed correctly.
    None,
    /// The bytes that were sent.
    Echo,
    /// `Hello, World!`.
    Plaintext,
}

/// The body that a 2xx answer must have, where the load knows it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Expected {
    /// Anything that is framed correctly.
    #[default]
    Any,
    /// So many bytes, whatever they are.
    Length(u64),
    /// Exactly such bytes.
    Whole(Arc<[u8]>),
}

/// When a run stops issuing requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Amount {
    /// After this time.
    For(Duration),
    /// After this many requests.
    Requests(u64),
}

/// Options that contradict each other; the text names the flag and the cure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UsageError(String);

impl UsageError {
    pub(super) fn new(text: String) -> Self {
        Self(text)
    }
}

impl fmt::Display for UsageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for UsageError {}

impl Options {
    /// One closed-loop keep-alive connection with one GET request to `target`; the starting point
    /// for callers that set what they need.
    pub fn to(target: Target) -> Self {
        Self {
            target,
            connections: 1,
            threads: 1,
            duration: None,
            requests: Some(1),
            mode: Mode::Keepalive,
            method: Method::Get,
            body: 0,
            verify: Verify::None,
            expected: Expected::Any,
            pipeline: 1,
            rate: None,
            arrivals: Arrivals::Even,
            headers: Vec::new(),
            source_addresses: 0,
            cpu: None,
            idle: 0,
            timeout: Duration::from_secs(10),
            warm_up: Duration::ZERO,
            track_header: None,
            tls: TlsOptions::default(),
            http2: Http2Options::default(),
            websocket: WebSocketOptions::default(),
            window: None,
        }
    }

    /// How long or how much: `requests` if given, else `duration`, else ten seconds. A run is
    /// never unbounded.
    pub fn amount(&self) -> Amount {
        match (self.requests, self.duration) {
            (Some(requests), _) => Amount::Requests(requests),
            (None, Some(duration)) => Amount::For(duration),
            (None, None) => Amount::For(Duration::from_secs(10)),
        }
    }

    /// The use of connections after all: a run of handshakes has one for each request.
    pub fn effective_mode(&self) -> Mode {
        match self.tls.full_handshakes || self.tls.resume {
            true => Mode::Close,
            false => self.mode,
        }
    }

    /// The receivers of a message, if WebSocket is spoken.
    pub fn websocket_pattern(&self) -> Option<Pattern> {
        let usual = self.target.websocket.then_some(Pattern::Echo);
        self.websocket.pattern.or(usual)
    }

    /// Refuses wishes that contradict each other.
    ///
    /// # Errors
    /// [`UsageError`] with the flag at fault.
    pub fn check(&self) -> Result<(), UsageError> {
        let tcp_v4 = matches!(&self.target.endpoint, Endpoint::Tcp(address) if address.is_ipv4());
        let refuse = |text: &str| Err(UsageError(text.to_owned()));
        if self.connections == 0 || self.connections > CONNECTIONS_MAX {
            return refuse("--connections must be between 1 and 1000000");
        }
        if self.threads == 0 || self.threads > self.connections {
            return refuse("--threads must be between 1 and --connections");
        }
        if self.duration == Some(Duration::ZERO) || self.requests == Some(0) {
            return refuse("--duration and --requests must be above zero");
        }
        if self.timeout < Duration::from_millis(1) {
            return refuse("--timeout must be at least 1ms");
        }
        if self.pipeline == 0 || self.pipeline > 1024 {
            return refuse("--pipeline must be between 1 and 1024");
        }
        if (self.tls.full_handshakes || self.tls.resume) && !self.target.tls {
            return refuse("--tls-full-handshakes and --tls-resume need an https:// target");
        }
        if self.tls.suites.is_empty() {
            return refuse("--tls-suites needs at least one suite");
        }
        if self.tls.key_updates.is_some()
            && !(self.target.tls && self.tls.suites.iter().all(|suite| suite.is_13()))
        {
            return refuse("--tls-key-updates needs an https:// target and suites of TLS 1.3");
        }
        if self.effective_mode() == Mode::Close && self.pipeline > 1 {
            return refuse("--pipeline needs --mode keepalive: one connection carries one request");
        }
        if self.body > BODY_BYTES_MAX {
            return refuse("--body is at most 1073741824 bytes");
        }
        if self.body > 0 && self.method == Method::Get {
            return refuse("--body needs --method post");
        }
        if self.verify == Verify::Echo && self.method == Method::Get {
            return refuse("--verify echo needs --method post: a GET sends no body to echo");
        }
        if self.source_addresses > 0 && !tcp_v4 {
            return refuse("--source-addresses needs an IPv4 target");
        }
        if self.source_addresses > 250 {
            return refuse("--source-addresses is at most 250 (127.0.0.2 to 127.0.0.251)");
        }
        if self.http2.wanted {
            http2::check(self)?;
        }
        if let (Some(cpu), Some(cpus)) = (self.cpu, core_affinity::get_core_ids())
            && let Some(missing) =
                (cpu..cpu + self.threads).find(|n| cpus.iter().all(|c| c.id != *n))
        {
            return Err(UsageError(format!(
                "--cpu: CPU {missing} is not in this process's CPU mask; threads need CPUs {cpu} to {}",
                cpu + self.threads - 1
            )));
        }
        Ok(())
    }
}

/// Reads `10s`, `500ms`, `2m` or `250us`.
///
/// # Errors
/// A text that names the accepted units.
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let wrong = || format!("`{text}` is not a time; write a whole number and us, ms, s or m");
    let number: u64 = number.parse().map_err(|_| wrong())?;
    match unit {
        "us" => Ok(Duration::from_micros(number)),
        "ms" => Ok(Duration::from_millis(number)),
        "s" => Ok(Duration::from_secs(number)),
        "m" => number
            .checked_mul(60)
            .map(Duration::from_secs)
            .ok_or_else(wrong),
        _ => Err(wrong()),
    }
}

/// Reads `Name: value` and refuses what would break the framing of the request.
fn parse_header(text: &str) -> Result<(String, String), String> {
    let (name, value) = text
        .split_once(':')
        .ok_or_else(|| format!("`{text}` is not `Name: value`"))?;
    let value = value.trim();
    let token = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
    if name.is_empty() || !name.bytes().all(token) {
        return Err(format!(
            "`{name}` is not a header name (RFC 9110 section 5.6.2)"
        ));
    }
    if value.bytes().any(|b| b.is_ascii_control()) {
        return Err("a header value holds no control bytes (RFC 9110 section 5.5)".to_owned());
    }
    for framing in ["host", "content-length", "transfer-encoding", "connection"] {
        if name.eq_ignore_ascii_case(framing) {
            return Err(format!("`{name}` is set by the load generator itself"));
        }
    }
    Ok((name.to_owned(), value.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_with_their_unit_and_refused_without() {
        assert_eq!(parse_duration("250us"), Ok(Duration::from_micros(250)));
        assert_eq!(parse_duration("2m"), Ok(Duration::from_secs(120)));
        for wrong in ["", "10", "s", "1.5s", "-1s", "1h"] {
            assert!(
                parse_duration(wrong)
                    .unwrap_err()
                    .contains("us, ms, s or m"),
                "{wrong}"
            );
        }
    }

    #[test]
    fn headers_that_would_break_the_framing_are_refused() {
        assert_eq!(parse_header("X-A: b c"), Ok(("X-A".into(), "b c".into())));
        for wrong in [
            "no colon",
            ": v",
            "a b: c",
            "a: b\r\nc: d",
            "Content-Length: 3",
        ] {
            assert!(parse_header(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn contradictions_name_their_flag() {
        let good = Options::to("http://127.0.0.1:1/".parse().unwrap());
        assert_eq!(good.check(), Ok(()));
        let wrong = |change: fn(&mut Options), flag: &str| {
            let mut options = good.clone();
            change(&mut options);
            let error = options.check().unwrap_err().to_string();
            assert!(error.contains(flag), "{error}");
        };
        wrong(|o| o.connections = 0, "--connections");
        wrong(|o| o.threads = 2, "--threads");
        wrong(|o| o.body = 1, "--method post");
        wrong(|o| o.verify = Verify::Echo, "--method post");
        wrong(
            |o| (o.mode, o.pipeline) = (Mode::Close, 2),
            "--mode keepalive",
        );
        wrong(|o| o.cpu = Some(100_000), "--cpu");
        wrong(|o| o.requests = Some(0), "--requests");
        wrong(|o| o.tls.resume = true, "https://");
        wrong(|o| o.tls.key_updates = Some(1), "--tls-key-updates");
    }
}
