//! Options that a program built on the library adds to those of the server, and the values they got.
//!
//! Given to [`CommandLine::option`](super::CommandLine::option); read by [`parse`](super::parse) from the
//! same places as every other option. A value stays text until the program asks for it with a type.

use std::borrow::Cow;
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
/// `NOTES_MAX_NOTES` and the key `max_notes` of the configuration file, in this order of precedence. A reload that finds
/// another value than the start is refused: it needs an upgrade or a restart.
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
    /// If the key is not made of small letters, digits and single underscores, each between two others, or does not begin
    /// with a letter.
    pub fn value(key: &'static str, placeholder: &'static str, help: &str) -> OwnOption {
        let legal = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
        assert!(
            key.starts_with(|first: char| first.is_ascii_lowercase())
                && key.bytes().all(legal)
                && key.split('_').all(|word| !word.is_empty()),
            "the key {key:?} is not made of small letters, digits and underscores; name it as max_notes is \
             named: --{} is its flag",
            key.replace('_', "-")
        );
        OwnOption {
            key,
            placeholder: Some(placeholder),
            default: None,
            help: help.to_owned(),
            is_secret: key.split('_').any(|word| SECRET_WORDS.contains(&word))
                || key.rsplit('_').next() == Some("key"),
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
    /// the word `password`, `passwd`, `passphrase`, `secret`, `token` or `credentials`, or that ends in `key`, is kept out
    /// of it anyway, and so is the password in the URL of any other ([`OwnOption::shown`]).
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

    /// Shows the value although its key has a word of secrets: the name of a file with a key, say. A password in a URL
    /// stays out of what is printed all the same.
    ///
    /// ```
    /// use ringgate::config::{CommandLine, Invocation, OwnOption, effective};
    ///
    /// let line = CommandLine::of("notes")
    ///     .option(OwnOption::value("sort_key", "NAME", "Sorts by this.").shown())
    ///     .option(OwnOption::value("database", "URL", "Keeps notes there."));
    /// let flags = ["notes", "--sort-key=date", "--database=postgres://me:pw@db/notes"].map(Into::into);
    /// let Ok(Invocation::Serve(config, provenance)) = line.parse(flags, [], |_| Ok(String::new())) else {
    ///     panic!("it is to serve");
    /// };
    /// let printed = effective(&config, &provenance);
    /// assert!(printed.contains("\nsort_key = \"date\"  # flag --sort-key\n"));
    /// assert!(printed.contains("\n#database = \"postgres://me:[redacted]@db/notes\"  # flag --database\n"));
    /// ```
    #[must_use]
    pub fn shown(mut self) -> OwnOption {
        self.is_secret = false;
        self
    }

    /// A value as it may be printed.
    fn printed<'a>(&self, text: &'a str) -> Cow<'a, str> {
        match self.is_secret {
            true => Cow::Borrowed(REDACTED),
            false => without_passwords(text),
        }
    }

    fn shown_default(&self) -> Option<Cow<'_, str>> {
        self.default.as_deref().map(|default| self.printed(default))
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
        let default = self.shown_default().unwrap_or("nothing".into());
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

/// A text without the passwords of the URLs in it, and of what is written as `password=`. Rather too much is left out
/// than too little: a password may hold any byte that a URL should not have.
fn without_passwords(text: &str) -> Cow<'_, str> {
    let text = match user_of(text) {
        Some((user, host)) => Cow::Owned(format!("{}:{REDACTED}{}", &text[..user], &text[host..])),
        None => Cow::Borrowed(text),
    };
    match parameters_of(&text) {
        Some(shown) => Cow::Owned(shown),
        None => text,
    }
}

/// Where the user of a URL ends whom a password follows, and where the host begins, with its `@`.
fn user_of(text: &str) -> Option<(usize, usize)> {
    let begin = text.find("://")? + 3;
    let host = begin + text[begin..].rfind('@')?;
    let user = begin + text[begin..host].find(':')?;
    Some((user, host))
}

/// The text without the values behind `password=`, if there is one.
fn parameters_of(text: &str) -> Option<String> {
    const PARAMETER: &str = "password";
    let lower = text.to_ascii_lowercase();
    let mut shown = String::new();
    let (mut looked, mut done) = (0, 0);
    while let Some(at) = lower[looked..].find(PARAMETER) {
        let name = looked + at;
        looked = name + PARAMETER.len();
        let rest = text[looked..].trim_start_matches(is_blank);
        let Some(rest) = rest.strip_prefix('=') else {
            continue;
        };
        let rest = rest.trim_start_matches(is_blank);
        let value = text.len() - rest.len();
        shown.push_str(&text[done..value]);
        shown.push_str(REDACTED);
        done = value + length_of_value(rest, Ends::behind(&text[..name]));
        looked = done;
    }
    (done > 0).then(|| shown + &text[done..])
}

/// The sign that ends the value of a parameter.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Ends {
    /// A blank, as in the connection strings of PostgreSQL.
    Blank,
    /// The one that parts parameters: `&` in a URL, `;` in connection strings of other databases.
    At(char),
}

impl Ends {
    /// As the sign before a parameter has it, whose name ends in what follows `text`. A password may hold every other
    /// one.
    fn behind(text: &str) -> Ends {
        let is_named = |c: char| c.is_ascii_alphanumeric() || "_-.".contains(c);
        let before = text.trim_end_matches(is_named).trim_end_matches(is_blank);
        match before.chars().next_back() {
            Some('?' | '&') => Ends::At('&'),
            Some(';') => Ends::At(';'),
            _ => Ends::Blank,
        }
    }

    fn at(self, c: char) -> bool {
        match self {
            Ends::Blank => is_blank(c),
            Ends::At(sign) => c == sign,
        }
    }
}

/// The length (bytes) of the value that `text` begins with. In quotes it may hold what would end it, and behind a
/// backslash its quotes as well.
fn length_of_value(text: &str, ends: Ends) -> usize {
    let quote = text.chars().next().filter(|c| matches!(c, '\'' | '"'));
    let mut is_quoted = false;
    let mut is_escaped = false;
    for (at, c) in text.char_indices() {
        if is_escaped {
            is_escaped = false;
        } else if c == '\\' {
            is_escaped = true;
        } else if Some(c) == quote {
            is_quoted = !is_quoted;
        } else if !is_quoted && ends.at(c) {
            return at;
        }
    }
    text.len()
}

/// Whether libpq takes it for a blank between parameters (isspace(3)).
fn is_blank(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\n' | '\r' | '\x0b' | '\x0c')
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

    /// Keys of the options that have another value in `other`, which is of the same program.
    pub(crate) fn differing(&self, other: &OwnValues) -> Vec<&'static str> {
        let pairs = self.values.iter().zip(&other.values);
        pairs
            .filter(|(one, other)| one.text != other.text)
            .map(|(one, _)| one.option.key)
            .collect()
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
    pub(super) fn effective(&self) -> impl Iterator<Item = (String, Cow<'_, str>, &Source)> {
        self.values.iter().filter_map(|value| {
            let (key, text) = (value.option.key, value.text.as_deref()?);
            let printed = value.option.printed(text);
            let mark = if printed == text { "" } else { "#" };
            Some((format!("{mark}{key}"), printed, &value.from))
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
    let printed = option.printed(text);
    let is_whole = printed == text;
    Error::Value(Box::new(WrongValue {
        from: from.clone(),
        key: option.key,
        value: match option.is_secret {
            true => printed.into_owned(),
            false => format!("{printed:?}"),
        },
        // A reader may say in its reason what it read.
        reason: reason.filter(|_| is_whole),
        allowed: option.placeholder.unwrap_or("on or off").to_owned(),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_password_of_a_url_is_never_printed_whatever_bytes_it_has() {
        for (text, printed) in [
            (
                "postgres://me:pw@db:5432/x",
                "postgres://me:[redacted]@db:5432/x",
            ),
            ("redis://:pw@cache/0", "redis://:[redacted]@cache/0"),
            (
                "postgres://me:p@w/o?r#d@db/x",
                "postgres://me:[redacted]@db/x",
            ),
            ("amqp://a:b@one,amqp://c:d@two", "amqp://a:[redacted]@two"),
            (
                "postgres://db/x?user=me&PASSWORD=pw&a=b",
                "postgres://db/x?user=me&PASSWORD=[redacted]&a=b",
            ),
            (
                "host=db password=pw user=me",
                "host=db password=[redacted] user=me",
            ),
            (
                "password='p w' sslpassword=x",
                "password=[redacted] sslpassword=[redacted]",
            ),
            (
                "host=db password = pw user=me",
                "host=db password = [redacted] user=me",
            ),
            (
                "password =\t'p w' user=me",
                "password =\t[redacted] user=me",
            ),
            (
                r"password='it\'s \\' user=me",
                "password=[redacted] user=me",
            ),
            (r"password=a\ b\'c user=me", "password=[redacted] user=me"),
            ("password='never ends", "password=[redacted]"),
            (r"password='never \", "password=[redacted]"),
            ("password=pw\nuser=me", "password=[redacted]\nuser=me"),
            (
                "password= é password=ö",
                "password= [redacted] password=[redacted]",
            ),
            ("password=", "password=[redacted]"),
            ("my password is", "my password is"),
            (
                "host=db password=a&b;c user=me",
                "host=db password=[redacted] user=me",
            ),
            (
                "Server=db; Password=p w; Database=x",
                "Server=db; Password=[redacted]; Database=x",
            ),
            (
                "Server=db;Password='a'';b';Database=x",
                "Server=db;Password=[redacted];Database=x",
            ),
        ] {
            assert_eq!(without_passwords(text), printed);
        }
        for plain in [
            "",
            "postgres://db:5432/x",
            "postgres://me@db/x",
            "me@example.org",
            "12:30@noon",
        ] {
            assert_eq!(without_passwords(plain), plain);
        }
    }

    #[test]
    fn a_key_that_ends_in_a_word_of_secrets_is_one_unless_it_is_shown() {
        let option = |key| OwnOption::value(key, "X", "Help.").default("v");
        for secret in [
            "api_key",
            "key",
            "db_password",
            "token",
            "token_of_a",
            "client_secret",
        ] {
            assert_eq!(
                option(secret).shown_default().unwrap(),
                REDACTED,
                "{secret}"
            );
            assert_eq!(
                option(secret).shown().shown_default().unwrap(),
                "v",
                "{secret}"
            );
        }
        for plain in ["keyboard", "key_file", "monkey", "max_notes"] {
            assert_eq!(option(plain).shown_default().unwrap(), "v", "{plain}");
        }
    }
}
