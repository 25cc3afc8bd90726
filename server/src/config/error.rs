//! The errors of a configuration, each as one line that names the guilty thing.
//!
//! Made by the readers of this folder and by [`Config::check`](super::Config::check). The program
//! prints it and exits with [`Error::EXIT_CODE`]; this file decides wording, not what is wrong.

use std::borrow::Cow;
use std::fmt;
use std::path::PathBuf;

use super::source::Source;

/// A value that its type cannot hold, with the reason where there is more to say than a list of
/// what is allowed.
///
/// ```
/// use ringgate::config::{LogLevel, Malformed};
///
/// let error: Malformed = "loud".parse::<LogLevel>().unwrap_err();
/// assert_eq!(error.to_string(), "not an allowed value");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Malformed(Option<Cow<'static, str>>);

impl Malformed {
    pub(super) fn new(reason: impl Into<Cow<'static, str>>) -> Self {
        Malformed(Some(reason.into()))
    }

    /// Nothing to say beyond what is allowed.
    pub(super) const fn plain() -> Self {
        Malformed(None)
    }

    pub(super) fn reason(&self) -> Option<&str> {
        self.0.as_deref()
    }
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.reason().unwrap_or("not an allowed value"))
    }
}

impl std::error::Error for Malformed {}

/// A value that its option does not take.
///
/// ```
/// use ringgate::config::{Error, Source, WrongValue};
///
/// /// An error of a program's own, in the form of all others.
/// let error = Error::Value(Box::new(WrongValue {
///     from: Source::Code,
///     key: "theme",
///     value: "\"pink\"".to_owned(),
///     reason: None,
///     allowed: "light or dark".to_owned(),
/// }));
/// assert_eq!(error.to_string(), "set by the program: theme = \"pink\": must be light or dark");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WrongValue {
    /// Source of the value.
    pub from: Source,
    /// The key of the option.
    pub key: &'static str,
    /// The value as it stands in the file, else in quotation marks.
    pub value: String,
    /// The fault of the value, where that is not plain from what is allowed.
    pub reason: Option<String>,
    /// The values that are allowed.
    pub allowed: String,
}

impl fmt::Display for WrongValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let WrongValue {
            from,
            key,
            value,
            reason,
            allowed,
        } = self;
        match from {
            Source::Environment(name) => write!(f, "{name}={value}")?,
            Source::Flag(flag) => write!(f, "{flag} {value}")?,
            Source::File { .. } | Source::Default | Source::Code => {
                write!(f, "{from}: {key} = {value}")?;
            }
        }
        match reason {
            Some(reason) => write!(f, ": {reason}; must be {allowed}"),
            None => write!(f, ": must be {allowed}"),
        }
    }
}

/// Why a configuration is refused. The [`fmt::Display`] of the error is one line.
///
/// ```
/// use ringgate::config::{CommandLine, Error};
///
/// let words = ["notes", "--max-threads", "few"].map(Into::into);
/// let error = CommandLine::of("notes").parse(words, [], |_| unreachable!("no file")).unwrap_err();
/// assert!(matches!(error, Error::Value(_)));
/// assert!(error.to_string().starts_with("--max-threads \"few\": must be"), "{error}");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error {
    /// The command line has a word that means nothing, or lacks one.
    Usage(String),
    /// The file cannot be read.
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Source of the file's name, where it was not the command itself.
        named_by: Option<Source>,
        /// The error of the system.
        reason: String,
    },
    /// The file is not TOML, or is not the flat table of keys it should be.
    Syntax {
        /// Where in which file.
        at: Source,
        /// The error of the parser.
        message: String,
    },
    /// A key that no option has.
    UnknownKey {
        /// Where in which file.
        at: Source,
        /// The key as written.
        key: String,
        /// The known key that is spelled most alike.
        nearest: &'static str,
    },
    /// A value that its option does not take.
    Value(Box<WrongValue>),
    /// Values that are each allowed, but not together.
    Conflict {
        /// The values and the cure.
        message: String,
        /// The options concerned.
        keys: Vec<&'static str>,
        /// Source of each value; empty for a configuration made in code.
        from: Vec<(&'static str, Source)>,
    },
}

impl Error {
    /// The program's exit code for a usage or configuration error.
    pub const EXIT_CODE: u8 = 2;

    pub(super) fn conflict(keys: &[&'static str], message: impl Into<String>) -> Self {
        Error::Conflict {
            message: message.into(),
            keys: keys.to_vec(),
            from: Vec::new(),
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Usage(message) => write!(f, "{message}; try --help"),
            Error::Unreadable {
                path,
                named_by,
                reason,
            } => {
                write!(f, "cannot read {}", path.display())?;
                if let Some(source) = named_by {
                    write!(f, " (named by {source})")?;
                }
                write!(f, ": {reason}")
            }
            Error::Syntax { at, message } => write!(f, "{at}: {message}"),
            Error::UnknownKey { at, key, nearest } => {
                write!(
                    f,
                    "{at}: unknown key `{key}`; the nearest known key is `{nearest}`"
                )
            }
            Error::Value(wrong) => write!(f, "{wrong}"),
            Error::Conflict { message, from, .. } => {
                f.write_str(message)?;
                for (at, (key, source)) in from.iter().enumerate() {
                    let open = if at == 0 { " (" } else { "; " };
                    write!(f, "{open}{key} from {source}")?;
                }
                if from.is_empty() {
                    Ok(())
                } else {
                    f.write_str(")")
                }
            }
        }
    }
}

impl std::error::Error for Error {}
