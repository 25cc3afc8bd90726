//! The named loads that a race measures.

use std::fmt;
use std::str::FromStr;

use crate::floor::After;
use crate::load::{Method, Mode, Options, Verify};
use crate::server::{Answer, Job, Peer};
use crate::target::{Endpoint, Target};

/// Requests in a pipelined batch, as in the scenarios' names.
const PIPELINE: usize = 16;
/// Most connections of a scenario.
const CONNECTIONS_MAX: usize = 16_000;
/// Most streams on each: the fewest that a server of these races allows.
const STREAMS_MAX: usize = 100;
/// Most cores of a server: as many CPUs as a mask of sched_setaffinity(2) has here.
const CORES_MAX: usize = 1_024;

/// One load, by name: `plain-c32`, `tls-64k-c8`, `close-c256` and so on with any number of
/// connections; over HTTP/2 `h2-c32s32` and so on, with any number of streams; with `@2` behind it, and so on,
/// for servers of so many cores.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Scenario {
    kind: Kind,
    protocol: Protocol,
    /// Connections at a time.
    pub connections: usize,
    /// Requests under way at a time on each connection of HTTP/2; 1 elsewhere.
    pub streams: usize,
    /// Cores of each server, where the name says how many; 1 elsewhere.
    pub cores: Option<usize>,
}

/// The protocol below the requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Protocol {
    Plain,
    Tls,
    /// HTTP/2 with prior knowledge.
    Http2,
    /// HTTP/2 over TLS.
    Http2OverTls,
}

impl Protocol {
    fn is_tls(self) -> bool {
        matches!(self, Self::Tls | Self::Http2OverTls)
    }

    fn is_http2(self) -> bool {
        matches!(self, Self::Http2 | Self::Http2OverTls)
    }

    fn without_tls(self) -> Option<Self> {
        match self {
            Self::Plain | Self::Http2 => None,
            Self::Tls => Some(Self::Plain),
            Self::Http2OverTls => Some(Self::Http2),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    /// One request at a time on connections that are kept.
    Kept,
    Pipeline,
    Close,
    Large,
    File,
    SmallFile,
    /// JSON made for each request.
    Json,
    /// A parameter in the path.
    Path,
    /// A POST, whose body comes back.
    Echo,
    /// A POST of 16 KiB, which come back.
    LargeEcho,
    /// One message at a time on a WebSocket, which comes back.
    Message,
    /// Several together.
    Messages,
    /// A full handshake for each request.
    Handshake,
    /// A resumed handshake for each request.
    Resume,
    /// A sum of two numbers in the query.
    Sum,
    /// JSON of 25 items made for each request.
    Items,
    /// The same, compressed.
    GzipItems,
    /// An answer that is held back by a timer.
    Delay,
}

/// Names of scenarios without their connections, their meaning, and the usual number of connections.
const NAMES: [(&str, Kind, Protocol, Option<usize>); 31] = [
    ("plain", Kind::Kept, Protocol::Plain, None),
    ("pipeline16", Kind::Pipeline, Protocol::Plain, None),
    ("close", Kind::Close, Protocol::Plain, None),
    ("64k", Kind::Large, Protocol::Plain, Some(32)),
    ("file-1m", Kind::File, Protocol::Plain, Some(8)),
    ("file-64k", Kind::SmallFile, Protocol::Plain, Some(8)),
    ("json", Kind::Json, Protocol::Plain, None),
    ("path", Kind::Path, Protocol::Plain, None),
    ("echo", Kind::Echo, Protocol::Plain, None),
    ("echo-16k", Kind::LargeEcho, Protocol::Plain, Some(32)),
    ("tls", Kind::Kept, Protocol::Tls, None),
    ("tls-64k", Kind::Large, Protocol::Tls, Some(32)),
    ("tls-file-1m", Kind::File, Protocol::Tls, Some(8)),
    ("tls-handshake", Kind::Handshake, Protocol::Tls, Some(32)),
    ("tls-resume", Kind::Resume, Protocol::Tls, Some(32)),
    ("h2", Kind::Kept, Protocol::Http2, None),
    ("h2-64k", Kind::Large, Protocol::Http2, Some(32)),
    ("h2s", Kind::Kept, Protocol::Http2OverTls, None),
    ("h2s-64k", Kind::Large, Protocol::Http2OverTls, Some(32)),
    ("ws", Kind::Message, Protocol::Plain, None),
    ("ws-p16", Kind::Messages, Protocol::Plain, Some(32)),
    ("wss", Kind::Message, Protocol::Tls, None),
    ("wss-p16", Kind::Messages, Protocol::Tls, Some(32)),
    ("sum", Kind::Sum, Protocol::Plain, None),
    ("items", Kind::Items, Protocol::Plain, None),
    ("items-gzip", Kind::GzipItems, Protocol::Plain, None),
    ("delay", Kind::Delay, Protocol::Plain, Some(2_000)),
    ("tls-items", Kind::Items, Protocol::Tls, None),
    ("h2-sum", Kind::Sum, Protocol::Http2, None),
    ("h2s-sum", Kind::Sum, Protocol::Http2OverTls, None),
    ("h2-items", Kind::Items, Protocol::Http2, None),
];

impl Scenario {
    /// Returns what a server is started for.
    pub fn job(self) -> Job {
        Job {
            after: match self.kind {
                Kind::Close => After::Close,
                _ => After::Keep,
            },
            tls: self.protocol.is_tls(),
            http2: self.protocol.is_http2(),
            cores: self.cores.unwrap_or(1),
            answer: match self.kind {
                Kind::Large => Answer::Large,
                Kind::File => Answer::File,
                Kind::SmallFile => Answer::SmallFile,
                Kind::Json => Answer::Json,
                Kind::Path => Answer::Path,
                Kind::Echo => Answer::Echo,
                Kind::LargeEcho => Answer::LargeEcho,
                Kind::Message | Kind::Messages => Answer::Message,
                Kind::Sum => Answer::Sum,
                Kind::Items => Answer::Items,
                Kind::GzipItems => Answer::GzipItems,
                Kind::Delay => Answer::Delay,
                _ => Answer::Plaintext,
            },
        }
    }

    /// Requests sent together.
    pub fn pipeline(self) -> usize {
        match self.kind {
            Kind::Pipeline | Kind::Messages => PIPELINE,
            _ => 1,
        }
    }

    /// The load on `peer` at `endpoint`, without its amount.
    pub fn options(self, peer: Peer, endpoint: Endpoint) -> Options {
        let answer = self.job().answer;
        let mut options = Options::to(Target {
            endpoint,
            tls: self.protocol.is_tls(),
            websocket: answer == Answer::Message,
            path: peer.path(answer).to_owned(),
        });
        options.requests = None;
        options.connections = self.connections;
        options.pipeline = self.pipeline();
        options.verify = match answer {
            Answer::Plaintext => Verify::Plaintext,
            Answer::Echo | Answer::LargeEcho => Verify::Echo,
            _ => Verify::None,
        };
        options.expected = answer.expected();
        if matches!(answer, Answer::Echo | Answer::LargeEcho) {
            options.method = Method::Post;
            options.body = answer.bytes();
        }
        if answer == Answer::GzipItems {
            (options.headers).push(("Accept-Encoding".to_owned(), "gzip".to_owned()));
        }
        options.mode = match self.kind {
            Kind::Close => Mode::Close,
            _ => Mode::Keepalive,
        };
        options.http2.wanted = self.protocol.is_http2();
        options.http2.streams = self.streams;
        options.tls.full_handshakes = self.kind == Kind::Handshake;
        options.tls.resume = self.kind == Kind::Resume;
        options
    }

    /// The same load without TLS, where there is one.
    pub fn without_tls(self) -> Option<Self> {
        let is_kept = matches!(
            self.kind,
            Kind::Kept
                | Kind::Large
                | Kind::File
                | Kind::Message
                | Kind::Messages
                | Kind::Sum
                | Kind::Items
        );
        let protocol = self.protocol.without_tls().filter(|_| is_kept)?;
        Some(Self { protocol, ..self })
    }

    /// The same load on servers of whatever cores.
    pub(crate) fn without_cores(self) -> Self {
        Self {
            cores: None,
            ..self
        }
    }

    /// The load in a sentence.
    pub fn told(self) -> String {
        let does = match self.kind {
            Kind::Kept => "asks for `Hello, World!`, one request after the other",
            Kind::Pipeline => "sends 16 requests together, and the next ones when all are answered",
            Kind::Close => "is a new one for each request",
            Kind::Large => {
                "asks for a body of 64 KiB: from memory, but for nginx and h2o from a file"
            }
            Kind::File => "asks for a file of 1 MiB",
            Kind::SmallFile => "asks for a file of 64 KiB",
            Kind::Json => "asks for JSON that is made for each request",
            Kind::Path => "asks for a greeting of the name in the path",
            Kind::Echo => "sends a POST of 27 bytes, which come back",
            Kind::LargeEcho => "sends a POST of 16 KiB, which come back",
            Kind::Message => {
                "is a WebSocket on which texts of 64 bytes come back, one after the other"
            }
            Kind::Messages => "is a WebSocket on which texts of 64 bytes come back, 16 together",
            Kind::Handshake => "is a new one for each request, with a full handshake",
            Kind::Resume => "is a new one for each request that resumes a session",
            Kind::Sum => "asks for the sum of two numbers in the query",
            Kind::Items => {
                "asks for 25 items of a data set with their totals, JSON that is made for each request"
            }
            Kind::GzipItems => {
                "asks for 25 items of a data set with their totals, JSON that is made and compressed for each request"
            }
            Kind::Delay => "asks for an answer that a timer holds back for 10 ms",
        };
        let protocol = match self.protocol {
            Protocol::Plain => "",
            Protocol::Tls => "Over TLS: ",
            Protocol::Http2 => "Over HTTP/2: ",
            Protocol::Http2OverTls => "Over HTTP/2 and TLS: ",
        };
        let each = if protocol.is_empty() { "Each" } else { "each" };
        let streams = match self.streams {
            1 => String::new(),
            streams => format!(" ({streams} at a time)"),
        };
        let connections = self.connections;
        let cores = match self.cores {
            None => String::new(),
            Some(1) => " Servers have one core.".to_owned(),
            Some(cores) => format!(" Servers have {cores} cores."),
        };
        format!("{protocol}{each} of {connections} connections {does}{streams}.{cores}")
    }

    /// Whether each request resumes a session.
    pub(crate) fn resumes(self) -> bool {
        self.kind == Kind::Resume
    }
}

impl fmt::Display for Scenario {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = (NAMES.into_iter())
            .find(|(_, kind, protocol, _)| (*kind, *protocol) == (self.kind, self.protocol));
        let name = name.map_or("?", |(name, ..)| name);
        let streams = match self.protocol.is_http2() {
            true => format!("s{}", self.streams),
            false => String::new(),
        };
        let cores = self
            .cores
            .map_or(String::new(), |cores| format!("@{cores}"));
        f.pad(&format!("{name}-c{}{streams}{cores}", self.connections))
    }
}

impl FromStr for Scenario {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || {
            let names: Vec<_> = (NAMES.iter())
                .map(|(name, _, protocol, _)| match protocol.is_http2() {
                    true => format!("{name}-cNsM"),
                    false => format!("{name}-cN"),
                })
                .collect();
            let names = names.join(", ");
            format!(
                "`{text}` is no scenario; write one of {names} with N connections and M streams on each, and @K behind it for \
                 servers of K cores"
            )
        };
        let number = |text: &str, most: usize| {
            let number = text.parse().ok().filter(|n| (1..=most).contains(n));
            number.ok_or_else(wrong)
        };
        let (text, cores) = match text.rsplit_once('@') {
            None => (text, None),
            Some((text, cores)) => (text, Some(number(cores, CORES_MAX)?)),
        };
        let with_default = NAMES
            .into_iter()
            .find(|(name, _, _, usual)| *name == text && usual.is_some());
        let ((_, kind, protocol, usual), numbers) = match (with_default, text.rsplit_once("-c")) {
            (Some(found), _) => (found, None),
            (None, Some((name, numbers))) => {
                let found = NAMES.into_iter().find(|(known, ..)| *known == name);
                (found.ok_or_else(wrong)?, Some(numbers))
            }
            (None, None) => return Err(wrong()),
        };
        let (connections, streams) = match numbers {
            None => (usual.ok_or_else(wrong)?, 1),
            Some(numbers) => match numbers.split_once('s') {
                None => (number(numbers, CONNECTIONS_MAX)?, 1),
                Some((connections, streams)) if protocol.is_http2() => (
                    number(connections, CONNECTIONS_MAX)?,
                    number(streams, STREAMS_MAX)?,
                ),
                Some(_) => return Err(wrong()),
            },
        };
        Ok(Self {
            kind,
            protocol,
            connections,
            streams,
            cores,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::Expected;

    #[test]
    fn names_are_read_back_as_written_and_others_refused() {
        for (name, _, protocol, _) in NAMES {
            let streams = if protocol.is_http2() { "s3" } else { "" };
            for cores in ["", "@1", "@24"] {
                let name = format!("{name}-c7{streams}{cores}");
                assert_eq!(name.parse::<Scenario>().unwrap().to_string(), name);
            }
        }
        let usual: Scenario = "tls-file-1m".parse().unwrap();
        assert_eq!(usual.to_string(), "tls-file-1m-c8");
        for wrong in [
            "plain",
            "plain-c0",
            "pipeline8-c32",
            "close-cx",
            "plain-c99999",
            "tls",
            "tls-c",
            "plain-c1s1",
            "h2-c32s0",
            "h2-c32s101",
            "plain-c1@0",
            "plain-c1@1025",
            "plain-c1@",
            "plain@2",
        ] {
            assert!(
                wrong.parse::<Scenario>().unwrap_err().contains("plain-cN"),
                "{wrong}"
            );
        }
    }

    #[test]
    fn every_body_is_looked_at_but_a_compressed_one() {
        for (name, ..) in NAMES {
            let scenario: Scenario = format!("{name}-c1").parse().unwrap();
            let endpoint = Endpoint::Tcp("127.0.0.1:1".parse().unwrap());
            let options = scenario.options(Peer::Ringgate, endpoint);
            let is_seen = options.verify != Verify::None || options.expected != Expected::Any;
            let is_free = name == "items-gzip" || options.target.websocket;
            assert_eq!(is_seen, !is_free, "{name}");
        }
    }

    #[test]
    fn loads_that_are_kept_have_one_without_tls_to_be_compared_with() {
        let without = |name: &str| {
            let scenario: Scenario = name.parse().unwrap();
            scenario.without_tls().map(|twin| twin.to_string())
        };
        assert_eq!(without("tls-c256").as_deref(), Some("plain-c256"));
        assert_eq!(without("tls-64k").as_deref(), Some("64k-c32"));
        assert_eq!(without("h2s-c32s32").as_deref(), Some("h2-c32s32"));
        assert_eq!(without("h2s-64k").as_deref(), Some("h2-64k-c32s1"));
        assert_eq!(
            (without("tls-handshake"), without("plain-c1")),
            (None, None)
        );
    }
}
