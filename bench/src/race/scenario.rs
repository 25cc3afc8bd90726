//! The named loads that a race measures.

use std::fmt;
use std::str::FromStr;

use crate::floor::After;
use crate::load::{Mode, Options, Verify};
use crate::target::Target;

/// Requests in a pipelined batch, as in the scenarios' names.
const PIPELINE: usize = 16;

/// One load, by name: `plain-c32`, `pipeline16-c256`, `close-c32` and so on with any number of
/// connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Scenario {
    kind: Kind,
    /// Connections at a time.
    pub connections: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Plain,
    Pipeline,
    Close,
}

impl Scenario {
    /// Returns what a floor does after its answers in this scenario.
    pub fn after(self) -> After {
        if self.kind == Kind::Close {
            After::Close
        } else {
            After::Keep
        }
    }

    /// Requests sent together.
    pub fn pipeline(self) -> usize {
        if self.kind == Kind::Pipeline {
            PIPELINE
        } else {
            1
        }
    }

    /// The load, without its amount.
    pub fn options(self, target: Target) -> Options {
        let mut options = Options::to(target);
        options.requests = None;
        options.connections = self.connections;
        options.pipeline = self.pipeline();
        options.verify = Verify::Plaintext;
        options.mode = if self.kind == Kind::Close {
            Mode::Close
        } else {
            Mode::Keepalive
        };
        options
    }
}

impl fmt::Display for Scenario {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.kind {
            Kind::Plain => "plain",
            Kind::Pipeline => "pipeline16",
            Kind::Close => "close",
        };
        f.pad(&format!("{kind}-c{}", self.connections))
    }
}

impl FromStr for Scenario {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || {
            format!(
                "`{text}` is no scenario; write plain-cN, pipeline16-cN or close-cN with N connections"
            )
        };
        let (kind, connections) = text.split_once("-c").ok_or_else(wrong)?;
        let kind = match kind {
            "plain" => Kind::Plain,
            "pipeline16" => Kind::Pipeline,
            "close" => Kind::Close,
            _ => return Err(wrong()),
        };
        let connections = connections
            .parse()
            .ok()
            .filter(|n| (1..=10_000).contains(n))
            .ok_or_else(wrong)?;
        Ok(Self { kind, connections })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_back_as_written_and_others_refused() {
        for name in ["plain-c32", "pipeline16-c256", "close-c1"] {
            assert_eq!(name.parse::<Scenario>().unwrap().to_string(), name);
        }
        for wrong in [
            "plain",
            "plain-c0",
            "pipeline8-c32",
            "close-cx",
            "plain-c99999",
        ] {
            assert!(
                wrong.parse::<Scenario>().unwrap_err().contains("plain-cN"),
                "{wrong}"
            );
        }
    }
}
