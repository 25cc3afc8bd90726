//! The named loads that a race measures.

use std::fmt;
use std::str::FromStr;

use crate::floor::After;
use crate::load::{Method, Mode, Options, Verify};
use crate::server::{Answer, Job, Peer};
use crate::target::{Endpoint, Target};

/// Requests in a pipelined batch, as in the scenarios' names.
const PIPELINE: usize = 16;

/// One load, by name: `plain-c32`, `tls-64k-c8`, `close-c256` and so on with any number of
/// connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Scenario {
    kind: Kind,
    tls: bool,
    /// Connections at a time.
    pub connections: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    /// One request at a time on connections that are kept.
    Kept,
    Pipeline,
    Close,
    Large,
    File,
    /// JSON made for each request.
    Json,
    /// A parameter in the path.
    Path,
    /// A POST, whose body comes back.
    Echo,
    /// One message at a time on a WebSocket, which comes back.
    Message,
    /// Several together.
    Messages,
    /// A full handshake for each request.
    Handshake,
    /// A resumed handshake for each request.
    Resume,
}

/// What a name without its connections means, and how many there are if they are not named.
const NAMES: [(&str, Kind, bool, Option<usize>); 17] = [
    ("plain", Kind::Kept, false, None),
    ("pipeline16", Kind::Pipeline, false, None),
    ("close", Kind::Close, false, None),
    ("64k", Kind::Large, false, Some(32)),
    ("file-1m", Kind::File, false, Some(8)),
    ("json", Kind::Json, false, None),
    ("path", Kind::Path, false, None),
    ("echo", Kind::Echo, false, None),
    ("tls", Kind::Kept, true, None),
    ("tls-64k", Kind::Large, true, Some(32)),
    ("tls-file-1m", Kind::File, true, Some(8)),
    ("tls-handshake", Kind::Handshake, true, Some(32)),
    ("tls-resume", Kind::Resume, true, Some(32)),
    ("ws", Kind::Message, false, None),
    ("ws-p16", Kind::Messages, false, Some(32)),
    ("wss", Kind::Message, true, None),
    ("wss-p16", Kind::Messages, true, Some(32)),
];

impl Scenario {
    /// Returns what a server is started for.
    pub fn job(self) -> Job {
        Job {
            after: match self.kind {
                Kind::Close => After::Close,
                _ => After::Keep,
            },
            tls: self.tls,
            answer: match self.kind {
                Kind::Large => Answer::Large,
                Kind::File => Answer::File,
                Kind::Json => Answer::Json,
                Kind::Path => Answer::Path,
                Kind::Echo => Answer::Echo,
                Kind::Message | Kind::Messages => Answer::Message,
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
            tls: self.tls,
            websocket: answer == Answer::Message,
            path: peer.path(answer).to_owned(),
        });
        options.requests = None;
        options.connections = self.connections;
        options.pipeline = self.pipeline();
        options.verify = match answer {
            Answer::Plaintext => Verify::Plaintext,
            Answer::Echo => Verify::Echo,
            Answer::Large | Answer::File | Answer::Json | Answer::Path | Answer::Message => {
                Verify::None
            }
        };
        if answer == Answer::Echo {
            options.method = Method::Post;
            options.body = answer.bytes();
        }
        options.mode = match self.kind {
            Kind::Close => Mode::Close,
            _ => Mode::Keepalive,
        };
        options.tls.full_handshakes = self.kind == Kind::Handshake;
        options.tls.resume = self.kind == Kind::Resume;
        options
    }

    /// The same load without TLS, where there is one.
    pub fn without_tls(self) -> Option<Self> {
        let is_kept = matches!(
            self.kind,
            Kind::Kept | Kind::Large | Kind::File | Kind::Message | Kind::Messages
        );
        (self.tls && is_kept).then_some(Self { tls: false, ..self })
    }

    /// Whether each request resumes a session.
    pub(crate) fn resumes(self) -> bool {
        self.kind == Kind::Resume
    }
}

impl fmt::Display for Scenario {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = NAMES
            .into_iter()
            .find(|(_, kind, tls, _)| (*kind, *tls) == (self.kind, self.tls));
        let name = name.map_or("?", |(name, ..)| name);
        f.pad(&format!("{name}-c{}", self.connections))
    }
}

impl FromStr for Scenario {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || {
            let names: Vec<_> = NAMES
                .iter()
                .map(|(name, ..)| format!("{name}-cN"))
                .collect();
            let names = names.join(", ");
            format!("`{text}` is no scenario; write one of {names} with N connections")
        };
        let with_default = NAMES
            .into_iter()
            .find(|(name, _, _, usual)| *name == text && usual.is_some());
        let ((_, kind, tls, usual), connections) = match (with_default, text.rsplit_once("-c")) {
            (Some(found), _) => (found, None),
            (None, Some((name, connections))) => {
                let found = NAMES.into_iter().find(|(known, ..)| *known == name);
                (found.ok_or_else(wrong)?, Some(connections))
            }
            (None, None) => return Err(wrong()),
        };
        let connections = match connections {
            None => usual,
            Some(text) => text.parse().ok().filter(|n| (1..=10_000).contains(n)),
        }
        .ok_or_else(wrong)?;
        Ok(Self {
            kind,
            tls,
            connections,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_back_as_written_and_others_refused() {
        for (name, ..) in NAMES {
            let name = format!("{name}-c7");
            assert_eq!(name.parse::<Scenario>().unwrap().to_string(), name);
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
        ] {
            assert!(
                wrong.parse::<Scenario>().unwrap_err().contains("plain-cN"),
                "{wrong}"
            );
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
        assert_eq!(
            (without("tls-handshake"), without("plain-c1")),
            (None, None)
        );
    }
}
