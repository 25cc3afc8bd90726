//! The words of the control socket: one line of command in, one line of JSON out.
//!
//! Pure; read by both ends. docs/control.md describes them for others.

use crate::config::{CoreOrder, LimitsChange, PoolSize};
use crate::coordinator::{UpgradeError, Upgraded};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

/// Longest command in bytes, with its line feed: a path (PATH_MAX of limits.h) and a word.
pub(super) const COMMAND_BYTES_MAX: usize = 4096 + 64;

/// A command to the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Request {
    Status,
    Events,
    Resize {
        size: PoolSize,
        wait: bool,
    },
    Core {
        core: u32,
        order: CoreOrder,
    },
    Limits(LimitsChange),
    Reload,
    /// With the program to run, if it is to be another one. The path has no line feed.
    Upgrade(Option<PathBuf>),
    Drain,
    Stop,
}

impl fmt::Display for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Request::Status => f.write_str("status"),
            Request::Events => f.write_str("events"),
            Request::Resize { size, wait } => {
                let wait = if *wait { " wait" } else { "" };
                write!(f, "resize {size}{wait}")
            }
            Request::Core { core, order } => write!(f, "core {core} {}", order.word()),
            Request::Limits(change) => write!(f, "limits {change}"),
            Request::Reload => f.write_str("reload"),
            Request::Upgrade(None) => f.write_str("upgrade"),
            Request::Upgrade(Some(path)) => write!(f, "upgrade {}", path.display()),
            Request::Drain => f.write_str("drain"),
            Request::Stop => f.write_str("stop"),
        }
    }
}

impl FromStr for Request {
    /// The fault of the line, as a sentence.
    type Err = String;

    fn from_str(line: &str) -> Result<Request, String> {
        // A path may have spaces: it is the whole rest of the line.
        if let Some(path) = line.strip_prefix("upgrade ") {
            let path = PathBuf::from(path);
            return match path.is_absolute() {
                true => Ok(Request::Upgrade(Some(path))),
                false => Err(format!("{} is not an absolute path", path.display())),
            };
        }
        let words: Vec<&str> = line.split_ascii_whitespace().collect();
        let resize = |number: &str, wait| {
            let size = number
                .parse()
                .map_err(|_| format!("{number:?} is not a number of cores, nor auto"))?;
            Ok(Request::Resize { size, wait })
        };
        let core = |number: &str, order: &str| {
            let core = number
                .parse()
                .map_err(|_| format!("{number:?} is not the number of a core"))?;
            let order = order
                .parse()
                .map_err(|_| format!("{order:?} is none of stop, kill and dump"))?;
            Ok(Request::Core { core, order })
        };
        match words.as_slice() {
            ["status"] => Ok(Request::Status),
            ["events"] => Ok(Request::Events),
            ["resize", number] => resize(number, false),
            ["resize", number, "wait"] => resize(number, true),
            ["core", number, order] => core(number, order),
            ["limits", ..] => {
                let change = words[1..].join(" ").parse()?;
                Ok(Request::Limits(change))
            }
            ["reload"] => Ok(Request::Reload),
            ["upgrade"] => Ok(Request::Upgrade(None)),
            ["drain"] => Ok(Request::Drain),
            ["stop"] => Ok(Request::Stop),
            _ => Err(format!(
                "{line:?} is no command; there are status, events, resize N|auto [wait], \
                 core N stop|kill|dump, limits max_threads=N|none max_accepts=N|none|unbounded, \
                 reload, upgrade [PATH], drain and stop"
            )),
        }
    }
}

/// The answer to everything but `status`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Outcome {
    /// Whether it was done.
    #[serde(default)]
    pub(super) ok: bool,
    /// Why not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) error: Option<String>,
    /// After an upgrade: the process that serves now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) pid: Option<u32>,
    /// After an upgrade: connections that the new process has no descriptors for.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub(super) staying: u64,
    /// The answer, as a text for people.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(super) text: String,
}

fn is_zero(number: &u64) -> bool {
    *number == 0
}

impl From<Result<(), String>> for Outcome {
    fn from(result: Result<(), String>) -> Outcome {
        Outcome {
            ok: result.is_ok(),
            error: result.err(),
            pid: None,
            staying: 0,
            text: String::new(),
        }
    }
}

impl Outcome {
    /// Returns the answer to an upgrade.
    pub(super) fn of_upgrade(result: Result<Upgraded, UpgradeError>) -> Outcome {
        let upgraded = result.as_ref().ok();
        Outcome {
            pid: upgraded.map(|upgraded| upgraded.pid),
            staying: upgraded.map_or(0, |upgraded| upgraded.staying),
            ..Outcome::from(result.map(drop).map_err(|error| error.to_string()))
        }
    }

    /// Of something that is answered with a text.
    pub(super) fn telling(result: Result<String, String>) -> Outcome {
        let text = result
            .as_ref()
            .map_or_else(|_| String::new(), String::clone);
        Outcome {
            text,
            ..Outcome::from(result.map(|_| ()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::MaxAccepts;
    use proptest::prelude::*;
    use std::num::NonZeroU32;

    fn request() -> impl Strategy<Value = Request> {
        prop_oneof![
            Just(Request::Status),
            Just(Request::Events),
            (0u32..=1024, any::<bool>()).prop_map(|(cores, wait)| Request::Resize {
                size: PoolSize::Cores(cores),
                wait
            }),
            any::<bool>().prop_map(|wait| Request::Resize {
                size: PoolSize::Auto,
                wait
            }),
            (any::<u32>(), 0..3usize).prop_map(|(core, order)| Request::Core {
                core,
                order: CoreOrder::ALL[order]
            }),
            Just(Request::Reload),
            Just(Request::Upgrade(None)),
            "/[a-z /]{0,40}[a-z]".prop_map(|path| Request::Upgrade(Some(path.into()))),
            limits().prop_map(Request::Limits),
            Just(Request::Drain),
            Just(Request::Stop),
        ]
    }

    fn limits() -> impl Strategy<Value = LimitsChange> {
        let accepts = prop_oneof![
            Just(MaxAccepts::None),
            Just(MaxAccepts::Unbounded),
            any::<NonZeroU32>().prop_map(MaxAccepts::AtMost),
        ];
        let threads = prop::option::of(any::<Option<NonZeroU32>>());
        (threads, prop::option::of(accepts))
            .prop_map(|(max_threads, max_accepts)| LimitsChange {
                max_threads,
                max_accepts,
            })
            .prop_filter("something changes", |change| {
                *change != LimitsChange::default()
            })
    }

    proptest! {
        #[test]
        fn a_command_written_is_read_back_the_same(request in request()) {
            let line = request.to_string();
            prop_assert!(line.len() < COMMAND_BYTES_MAX);
            prop_assert_eq!(line.parse(), Ok(request));
        }

        #[test]
        fn reading_a_command_never_panics(line in any::<String>()) {
            let _ = line.parse::<Request>();
        }
    }

    #[test]
    fn a_line_that_is_no_command_is_told_which_there_are() {
        let refusal = "restart".parse::<Request>().unwrap_err();
        assert!(refusal.contains("resize N|auto [wait]"), "{refusal}");
        let refusal = "resize many".parse::<Request>().unwrap_err();
        assert!(refusal.contains("\"many\""), "{refusal}");
    }

    #[test]
    fn an_outcome_is_ok_or_says_why_not() {
        let json = |outcome: Outcome| serde_json::to_string(&outcome).unwrap();
        assert_eq!(json(Outcome::from(Ok(()))), r#"{"ok":true}"#);
        let refused = Outcome::from(Err("no".to_owned()));
        assert_eq!(json(refused), r#"{"ok":false,"error":"no"}"#);
    }
}
