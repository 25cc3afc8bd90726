//! Options that a program built on the library adds to those of the server, and the values they got.
//!
//! Given to [`CommandLine::option`](super::CommandLine::option); read by [`parse`](super::parse) from the
//! same places as every other option. A value stays text until the program asks for it with a type.

use std::ffi::OsStr;
use std::fmt;
use std::str::FromStr;

use clap::{Arg, ArgAction, value_parser};

use super::error::{Error, WrongValue};
use super::source::Source;

/// The value of a switch that is on.
const ON: &str = "on";
/// The value of a switch that is off.
const OFF: &str = "off";
/// Stands where a secret would.
const REDACTED: &str = "[redacted]";
/// Words in the key of an option whose value is a secret though nobody said so.
const SECRET_WORDS: [&str; 6] = [
    "password",
    "passwd",
    "passphrase",
    "secret",
    "token",
    "credentials",
];

/// An option of a program's own.
///
/// The option `max_notes` of the program `notes` is the flag `--max-notes`, the environment variable
/// `NOTES_MAX_NOTES` and the key `max_notes` of the configuration file, in this order of precedence.
///
/// ```
/// use ringgate::config::{CommandLine, Invocation, OwnOption};
///
/// let line = CommandLine::of("notes")
///     .option(OwnOption::value("max_notes", "N", "Notes that are kept.").default("100"))
///     .option(OwnOption::switch("read_only", "Takes no new notes."));
/// let words = ["notes", "--read-only"].map(Into::into);
/// let environment = [("NOTES_MAX_NOTES".into(), "7".into())];
/// let Ok(Invocation::Serve(_, provenance)) = line.parse(words, environment, |_| Ok(String::new())) else {
///     panic!("these words ask to serve");
/// };
/// assert_eq!(provenance.own().get::<u32>("max_notes"), Ok(7));
/// assert!(provenance.own().is_on("read_only"));
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct OwnOption {
    pub(super) key: &'static str,
    /// None for a switch.
    placeholder: Option<&'static str>,
    default: Option<String>,
    help: String,
    is_secret: bool,
}

impl OwnOption {
    /// An option that takes a value. `placeholder` shows in help and errors what a value looks like (`FILE`,
    /// `MIN..MAX`), `help` is a sentence.
    ///
    /// # Panics
    /// If the key is not made of small letters, digits and underscores, or does not begin with a letter.
    pub fn value(key: &'static str, placeholder: &'static str, help: &str) -> OwnOption {
        let legal = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
        assert!(
            key.starts_with(|first: char| first.is_ascii_lowercase()) && key.bytes().all(legal),
            "the key {key:?} is not made of small letters, digits and underscores"
        );
        OwnOption {
            key,
            placeholder: Some(placeholder),
            default: None,
            help: help.to_owned(),
            is_secret: key.split('_').any(|word| SECRET_WORDS.contains(&word)),
        }
    }

    /// An option that is off unless it is given: `--read-only` on the command line, `on` or `off` elsewhere.
    ///
    /// # Panics
    /// As [`OwnOption::value`].
    pub fn switch(key: &'static str, help: &str) -> OwnOption {
        OwnOption {
            placeholder: None,
            default: Some(OFF.to_owned()),
            // On or off tells nothing.
            is_secret: false,
            ..OwnOption::value(key, "", help)
        }
    }

    /// Sets the value that holds where nobody gives one.
    #[must_use]
    pub fn default(mut self, value: impl Into<String>) -> OwnOption {
        self.default = Some(value.into());
        self
    }

    /// Keeps the value out of everything that is printed: `check-config --print`, errors, help. An option whose key has
    /// the word `password`, `passwd`, `passphrase`, `secret`, `token` or `credentials` is kept out of it anyway.
    ///
    /// ```
    /// use ringgate::config::{CommandLine, Invocation, OwnOption, effective};
    ///
    /// let line = CommandLine::of("notes").option(OwnOption::value("pin", "N", "Opens the door.").secret());
    /// let Ok(Invocation::Serve(config, provenance)) =
    ///     line.parse(["notes".into()], [("NOTES_PIN".into(), "4711".into())], |_| Ok(String::new()))
    /// else {
    ///     panic!("it is to serve");
    /// };
    /// assert!(effective(&config, &provenance).ends_with("#pin = \"[redacted]\"  # environment NOTES_PIN\n"));
    /// ```
    #[must_use]
    pub fn secret(mut self) -> OwnOption {
        self.is_secret = true;
        self
    }

    fn shown_default(&self) -> Option<&str> {
        match &self.default {
            Some(_) if self.is_secret => Some(REDACTED),
            default => default.as_deref(),
        }
    }

    pub(super) fn flag(&self) -> String {
        format!("--{}", self.key.replace('_', "-"))
    }

    /// `NOTES_MAX_NOTES` of the program `notes`.
    pub(super) fn environment(&self, program: &str) -> String {
        let name = program.to_ascii_uppercase();
        let legal = |letter: char| letter.is_ascii_alphanumeric();
        let name: String = name
            .chars()
            .map(|letter| if legal(letter) { letter } else { '_' })
            .collect();
        format!("{name}_{}", self.key.to_ascii_uppercase())
    }

    pub(super) fn arg(&self, program: &str) -> Arg {
        let default = self.shown_default().unwrap_or("nothing");
        let name = self.environment(program);
        let help = format!("{}\n[default: {default}] [env: {name}]", self.help);
        let arg = Arg::new(self.key)
            .long(self.key.replace('_', "-"))
            .help_heading(format!("Options of {program}"))
            .help(help);
        match self.placeholder {
            None => arg.action(ArgAction::SetTrue),
            Some(placeholder) => arg
                .value_name(placeholder)
                .value_parser(value_parser!(std::ffi::OsString))
                .allow_hyphen_values(true),
        }
    }
}

impl fmt::Debug for OwnOption {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OwnOption")
            .field("key", &self.key)
            .field("placeholder", &self.placeholder)
            .field("default", &self.shown_default())
            .field("help", &self.help)
            .finish()
    }
}

#[derive(Clone, PartialEq, Eq)]
struct OwnValue {
    option: OwnOption,
    text: Option<String>,
    from: Source,
}

/// The values of a program's own options.
///
/// Given to the closure of [`Server::run_main`](crate::Server::run_main); a program that parses by itself
/// finds them with [`Provenance::own`](super::Provenance::own). [`OwnOption`] has an example.
///
/// ```
/// use ringgate::config::{CommandLine, Invocation, OwnOption};
///
/// let line = CommandLine::of("notes")
///     .option(OwnOption::value("pages", "N", "Pages of a book.").default("10"))
///     .option(OwnOption::value("title", "TEXT", "Its title."))
///     .option(OwnOption::switch("ruled", "Rules its pages."));
/// let words = ["notes", "--ruled"].map(Into::into);
/// let Ok(Invocation::Serve(_, provenance)) = line.parse(words, [], |_| unreachable!("no file")) else {
///     panic!("it is to serve");
/// };
/// let own = provenance.own();
/// assert_eq!((own.get("pages"), own.is_on("ruled")), (Ok(10), true));
/// assert_eq!(own.find::<String>("title"), Ok(None));
/// assert!(own.get::<String>("title").unwrap_err().to_string().contains("--title TEXT is missing"));
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct OwnValues {
    program: String,
    values: Vec<OwnValue>,
}

impl OwnValues {
    pub(super) fn new(program: &str, options: &[OwnOption]) -> OwnValues {
        let value = |option: &OwnOption| OwnValue {
            text: option.default.clone(),
            option: option.clone(),
            from: Source::Default,
        };
        OwnValues {
            program: program.to_owned(),
            values: options.iter().map(value).collect(),
        }
    }

    /// The value of an option, in the type that is asked for.
    ///
    /// # Errors
    /// [`Error::Value`] if the text is no such value; it names the flag, the variable or the line it came from.
    /// [`Error::Usage`] if there is neither a value nor a default.
    ///
    /// # Panics
    /// If the program has no such option.
    pub fn get<T: FromStr<Err: fmt::Display>>(&self, key: &str) -> Result<T, Error> {
        self.find(key)?.ok_or_else(|| {
            let option = &self.of(key).option;
            let placeholder = option.placeholder.unwrap_or_default();
            let name = option.environment(&self.program);
            let flag = option.flag();
            Error::Usage(format!("{flag} {placeholder} is missing, or {name}"))
        })
    }

    /// The value of an option that may have none.
    ///
    /// # Errors
    /// [`Error::Value`], as [`OwnValues::get`].
    ///
    /// # Panics
    /// If the program has no such option.
    pub fn find<T: FromStr<Err: fmt::Display>>(&self, key: &str) -> Result<Option<T>, Error> {
        let OwnValue { option, text, from } = self.of(key);
        let Some(text) = text else {
            return Ok(None);
        };
        let value = text.parse();
        value
            .map(Some)
            .map_err(|error: T::Err| wrong(option, text, from, Some(error.to_string())))
    }

    /// Whether a switch is on.
    ///
    /// # Panics
    /// If the program has no such option.
    pub fn is_on(&self, key: &str) -> bool {
        self.of(key).text.as_deref() == Some(ON)
    }

    fn of(&self, key: &str) -> &OwnValue {
        let found = self.values.iter().find(|value| value.option.key == key);
        found.unwrap_or_else(|| panic!("{} has no option {key:?} of its own", self.program))
    }

    pub(super) fn keys(&self) -> impl Iterator<Item = &'static str> {
        self.values.iter().map(|value| value.option.key)
    }

    /// Puts down a value that stands somewhere. False if there is no such option.
    ///
    /// # Errors
    /// The text is not UTF-8, or a switch is neither on nor off.
    pub(super) fn set(&mut self, key: &str, text: &OsStr, from: Source) -> Result<bool, Error> {
        let mut values = self.values.iter_mut();
        let Some(value) = values.find(|value| value.option.key == key) else {
            return Ok(false);
        };
        let option = &value.option;
        let Some(good) = text.to_str() else {
            let reason = Some("not UTF-8".to_owned());
            return Err(wrong(option, &text.to_string_lossy(), &from, reason));
        };
        if option.placeholder.is_none() && !matches!(good, ON | OFF) {
            return Err(wrong(option, good, &from, None));
        }
        value.text = Some(good.to_owned());
        value.from = from;
        Ok(true)
    }

    /// Takes what the environment and the command line say.
    pub(super) fn read(
        &mut self,
        env: &super::parse::Environment,
        flags: Option<&clap::ArgMatches>,
    ) -> Result<(), Error> {
        for at in 0..self.values.len() {
            let option = self.values[at].option.clone();
            let name = option.environment(&self.program);
            if let Some(text) = env.get(OsStr::new(&name)) {
                self.set(option.key, text, Source::Environment(name))?;
            }
            let Some(flags) = flags else { continue };
            let from = Source::Flag(option.flag());
            match option.placeholder {
                None if flags.get_flag(option.key) => {
                    self.set(option.key, OsStr::new(ON), from)?;
                }
                None => {}
                Some(_) => {
                    if let Some(text) = flags.get_one::<std::ffi::OsString>(option.key) {
                        self.set(option.key, text, from)?;
                    }
                }
            }
        }
        Ok(())
    }

    /// Key, value and source of each option that has a value. The key of a secret begins a comment, so that its stand-in
    /// is taken for no value.
    pub(super) fn effective(&self) -> impl Iterator<Item = (String, &str, &Source)> {
        self.values.iter().filter_map(|value| {
            let (key, text) = (value.option.key, value.text.as_deref()?);
            Some(match value.option.is_secret {
                true => (format!("#{key}"), REDACTED, &value.from),
                false => (key.to_owned(), text, &value.from),
            })
        })
    }
}

impl fmt::Debug for OwnValues {
    /// The keys alone: a value may be a secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.keys()).finish()
    }
}

fn wrong(option: &OwnOption, text: &str, from: &Source, reason: Option<String>) -> Error {
    Error::Value(Box::new(WrongValue {
        from: from.clone(),
        key: option.key,
        value: match option.is_secret {
            true => REDACTED.to_owned(),
            false => format!("{text:?}"),
        },
        // A reader may say in its reason what it read.
        reason: reason.filter(|_| !option.is_secret),
        allowed: option.placeholder.unwrap_or("on or off").to_owned(),
    }))
}
