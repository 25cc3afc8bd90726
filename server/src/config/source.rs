//! The source of a value: a flag, the environment, a line of the file, or the default.
//!
//! Kept beside the values so that an error can point and `check-config --print` can tell.

use std::fmt;
use std::path::{Path, PathBuf};

use super::command::CommandLine;
use super::options::{OPTIONS, index_of};
use super::own::OwnValues;

/// The source of a value.
///
/// ```
/// use ringgate::config::Source;
///
/// let source = Source::File { path: "notes.toml".into(), line: 3, column: 1 };
/// assert_eq!(source.to_string(), "notes.toml:3:1");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// The default: nobody gave a value.
    Default,
    /// The configuration file.
    File {
        /// The file as it was named.
        path: PathBuf,
        /// Line, counted from 1.
        line: usize,
        /// Column in characters, counted from 1.
        column: usize,
    },
    /// An environment variable.
    Environment(String),
    /// A command-line flag, with its dashes.
    Flag(String),
    /// A program that made its [`Config`](super::Config) itself.
    Code,
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Source::Default => f.write_str("default"),
            Source::File { path, line, column } => {
                write!(f, "{}:{line}:{column}", path.display())
            }
            Source::Environment(name) => write!(f, "environment {name}"),
            Source::Flag(flag) => write!(f, "flag {flag}"),
            Source::Code => f.write_str("set by the program"),
        }
    }
}

/// Where every value of a [`Config`](super::Config) came from.
///
/// ```
/// use ringgate::config::{CommandLine, Invocation, Source};
///
/// let words = ["notes", "--config", "notes.toml"].map(Into::into);
/// let Ok(Invocation::Serve(_, provenance)) =
///     CommandLine::of("notes").parse(words, [], |_| Ok("max_threads = 100".to_owned()))
/// else {
///     panic!("it is to serve");
/// };
/// assert_eq!(provenance.source("max_threads").unwrap().to_string(), "notes.toml:1:1");
/// assert_eq!(provenance.source("cores"), Some(&Source::Default));
/// assert_eq!(provenance.file(), Some("notes.toml".as_ref()));
/// assert!(provenance.warnings().is_empty());
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Provenance {
    line: CommandLine,
    sources: Vec<Source>,
    own: OwnValues,
    file: Option<PathBuf>,
    warnings: Vec<String>,
}

impl Provenance {
    pub(super) fn new(line: CommandLine, file: Option<PathBuf>) -> Self {
        Provenance {
            own: OwnValues::new(line.name(), line.own()),
            line,
            sources: vec![Source::Default; OPTIONS.len()],
            file,
            warnings: Vec::new(),
        }
    }

    pub(super) fn set(&mut self, option: usize, source: Source) {
        self.sources[option] = source;
    }

    pub(super) fn at(&self, option: usize) -> &Source {
        &self.sources[option]
    }

    /// The command line whose values these are.
    pub(super) fn line(&self) -> &CommandLine {
        &self.line
    }

    /// The values of the program's own options.
    pub fn own(&self) -> &OwnValues {
        &self.own
    }

    pub(super) fn own_mut(&mut self) -> &mut OwnValues {
        &mut self.own
    }

    pub(super) fn warn(&mut self, warning: String) {
        self.warnings.push(warning);
    }

    /// Returns the source of the option with this key; `None` if no option has it.
    pub fn source(&self, key: &str) -> Option<&Source> {
        index_of(key).map(|option| &self.sources[option])
    }

    /// The configuration file, if there is one.
    pub fn file(&self) -> Option<&Path> {
        self.file.as_deref()
    }

    /// Returns warnings about values that are allowed and look like a mistake, one line each for the log.
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }
}
