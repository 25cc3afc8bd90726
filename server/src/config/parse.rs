//! From command line, environment and file to what the program is asked to do.
//!
//! Pure: the environment is an argument and the file is read through a closure. The layers are laid
//! over each other key by key, each value judged where it stands, then all of them together.

use std::collections::HashMap;
use std::ffi::{OsStr, OsString};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::ArgMatches;
use clap::error::ErrorKind;

use super::command::CommandLine;
use super::control::ControlPath;
use super::cores::{CoreOrder, PoolSize};
use super::definition::{Draft, OptionDef};
use super::error::Error;
use super::file;
use super::limits_change::LimitsChange;
use super::options::{OPTIONS, index_of};
use super::settings::Config;
use super::source::{Provenance, Source};

/// The task that a command line gives to the program.
///
/// ```
/// use ringgate::config::{self, Invocation};
/// use std::env;
///
/// fn main() -> Result<(), Box<dyn std::error::Error>> {
///     match config::parse(env::args_os(), env::vars_os(), |path| std::fs::read_to_string(path))? {
///         Invocation::Show(text) => print!("{text}"),
///         Invocation::Serve(config, _) => println!("to serve on {}", config.listen[0]),
///         Invocation::CheckConfig { .. } => println!("the configuration is good"),
///         Invocation::Ctl(_) | Invocation::Doctor { .. } => println!("another command"),
///     }
///     Ok(())
/// }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Invocation {
    /// Serve with this configuration.
    Serve(Config, Provenance),
    /// The configuration has been checked and is good.
    CheckConfig {
        /// The configuration that `serve` would use.
        config: Config,
        /// Where each value came from.
        provenance: Provenance,
        /// Whether to print [`effective`](super::effective) values.
        print: bool,
    },
    /// Examine the machine. Asked only of `ringgate`, and of who has
    /// [`CommandLine::with_doctor`](super::CommandLine::with_doctor).
    Doctor {
        /// Answer in JSON.
        json: bool,
        /// The configuration whose certificates are examined too.
        config: Option<Box<Config>>,
    },
    /// Speak to a running server.
    Ctl(Ctl),
    /// Print this text on standard output and be done: help or version.
    Show(String),
}

/// A command for a running server, and where to find it.
///
/// ```
/// use ringgate::config::{CommandLine, Ctl, CtlCommand, Invocation};
///
/// let words = ["notes", "ctl", "resize", "3"].map(Into::into);
/// let Ok(Invocation::Ctl(Ctl { command, .. })) =
///     CommandLine::of("notes").parse(words, [], |_| unreachable!("no file"))
/// else {
///     panic!("it is for ctl");
/// };
/// assert!(matches!(command, CtlCommand::Resize { wait: false, .. }));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ctl {
    /// The server's control socket.
    pub control: ControlPath,
    /// The command to that server.
    pub command: CtlCommand,
}

/// A command to a running server.
///
/// ```
/// use ringgate::config::{ControlPath, Ctl, CtlCommand};
///
/// /// What `ringgate ctl drain` asks for.
/// let drain = Ctl { control: ControlPath::Auto, command: CtlCommand::Drain };
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CtlCommand {
    /// Show the state.
    Status {
        /// Answer in JSON.
        json: bool,
    },
    /// Show the state again and again, until the server ends.
    Watch {
        /// As lines of JSON.
        json: bool,
        /// The time between two looks.
        interval: Duration,
    },
    /// Show what the server does as it does it: rates, times and cores, until the server ends.
    Top {
        /// Show one interval and end.
        once: bool,
        /// The time between two looks.
        interval: Duration,
    },
    /// Show events until the server ends.
    Events {
        /// As lines of JSON.
        json: bool,
    },
    /// Change the number of cores.
    Resize {
        /// The new number.
        size: PoolSize,
        /// Return only when it is reached.
        wait: bool,
    },
    /// Read the configuration again.
    Reload,
    /// Let a new process take over.
    Upgrade {
        /// The program to run instead of the one this server was started by.
        binary: Option<PathBuf>,
    },
    /// Show the cores.
    Cores {
        /// Answer in JSON.
        json: bool,
    },
    /// Give an order to one core.
    Core {
        /// Number of the core.
        core: u32,
        /// The order.
        order: CoreOrder,
    },
    /// Change the limits of admission.
    Limits(LimitsChange),
    /// End once the connections have finished.
    Drain,
    /// End now.
    Stop,
}

/// The environment as it was handed in.
pub(super) type Environment = HashMap<OsString, OsString>;

/// Reads what a program built on the library is asked to do: [`CommandLine::parse`] for one that is named
/// as the file it is run from.
///
/// ```
/// use ringgate::config::{self, Invocation};
///
/// let words = ["/usr/bin/notes", "--cores", "2"].map(Into::into);
/// let environment = [("RINGGATE_MAX_THREADS".into(), "100".into())];
/// let Ok(Invocation::Serve(config, provenance)) =
///     config::parse(words, environment, |path| std::fs::read_to_string(path))
/// else {
///     panic!("it is to serve");
/// };
/// assert_eq!(config.admission.max_threads().map(|most| most.get()), Some(100));
/// assert_eq!(provenance.source("cores").unwrap().to_string(), "flag --cores");
/// ```
///
/// # Errors
///
/// The errors of [`CommandLine::parse`].
pub fn parse<A, E>(
    args: A,
    env: E,
    read_file: impl FnOnce(&Path) -> io::Result<String>,
) -> Result<Invocation, Error>
where
    A: IntoIterator<Item = OsString>,
    E: IntoIterator<Item = (OsString, OsString)>,
{
    let mut args = args.into_iter().peekable();
    let path = args.peek().map(PathBuf::from);
    let name = path.as_deref().and_then(Path::file_name);
    let name = name.unwrap_or(OsStr::new("server")).to_string_lossy();
    CommandLine::of(name).parse(args, env, read_file)
}

impl CommandLine {
    /// Reads what the program is asked to do. `args` begins with the program's name, as
    /// [`std::env::args_os`] does; `read_file` is called once for the configuration file, if there is
    /// one. Relative paths are left relative to the working directory.
    ///
    /// # Errors
    ///
    /// [`Error`] with one line for the first fault found: in the file, then in environment and flags
    /// option by option, then in what does not go together.
    pub fn parse<A, E>(
        &self,
        args: A,
        env: E,
        read_file: impl FnOnce(&Path) -> io::Result<String>,
    ) -> Result<Invocation, Error>
    where
        A: IntoIterator<Item = OsString>,
        E: IntoIterator<Item = (OsString, OsString)>,
    {
        let env: Environment = env.into_iter().collect();
        let matches = match self.command().try_get_matches_from(args) {
            Ok(matches) => matches,
            Err(error) => match error.kind() {
                ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => {
                    return Ok(Invocation::Show(error.render().to_string()));
                }
                _ => return Err(Error::Usage(one_line(&error.render().to_string()))),
            },
        };
        match matches.subcommand() {
            None => serve(self, &matches, &env, read_file),
            Some(("serve", matches)) => serve(self, matches, &env, read_file),
            Some(("check-config", matches)) => {
                let path = matches.get_one::<OsString>("FILE").map(PathBuf::from);
                let named = path.map(|path| (path, None));
                let (config, provenance) = layers(self, named, &env, None, read_file)?;
                Ok(Invocation::CheckConfig {
                    config,
                    provenance,
                    print: matches.get_flag("print"),
                })
            }
            Some(("doctor", matches)) => {
                let path = matches.get_one::<OsString>("FILE").map(PathBuf::from);
                let config = match path {
                    Some(path) => Some(Box::new(
                        layers(self, Some((path, None)), &env, None, read_file)?.0,
                    )),
                    None => None,
                };
                let json = matches.get_flag("json");
                Ok(Invocation::Doctor { json, config })
            }
            Some((_, matches)) => ctl(self, matches, &env).map(Invocation::Ctl),
        }
    }
}

fn serve(
    line: &CommandLine,
    flags: &ArgMatches,
    env: &Environment,
    read_file: impl FnOnce(&Path) -> io::Result<String>,
) -> Result<Invocation, Error> {
    let mut draft = Draft::default();
    let mut source = None;
    for (_, option) in line.options().filter(|(_, option)| !option.in_file()) {
        from_environment(option, env, &mut draft, |from| source = Some(from))?;
        from_flags(option, flags, &mut draft, |from| source = Some(from))?;
    }
    let named = draft.file.map(|path| (path, source));
    let (config, provenance) = layers(line, named, env, Some(flags), read_file)?;
    Ok(Invocation::Serve(config, provenance))
}

/// Lays defaults, file, environment and flags over each other and checks the result.
fn layers(
    line: &CommandLine,
    file: Option<(PathBuf, Option<Source>)>,
    env: &Environment,
    flags: Option<&ArgMatches>,
    read_file: impl FnOnce(&Path) -> io::Result<String>,
) -> Result<(Config, Provenance), Error> {
    let mut draft = Draft::default();
    let path = file.as_ref().map(|(path, _)| path.clone());
    let mut provenance = Provenance::new(line.clone(), path);
    if let Some((path, named_by)) = file {
        let text = read_file(&path).map_err(|error| Error::Unreadable {
            path: path.clone(),
            named_by: named_by.clone(),
            reason: error.to_string(),
        })?;
        file::read(line, &path, &text, &mut draft, &mut provenance)?;
        if let (Some(option), Some(source)) = (index_of("config"), named_by) {
            provenance.set(option, source);
        }
    }
    for (index, option) in line.options().filter(|(_, option)| option.in_file()) {
        from_environment(option, env, &mut draft, |from| provenance.set(index, from))?;
        if let Some(flags) = flags {
            from_flags(option, flags, &mut draft, |from| {
                provenance.set(index, from)
            })?;
        }
    }
    provenance.own_mut().read(env, flags)?;
    warn_of_misspelt_variables(line, env, &mut provenance);
    let config = draft
        .finish()
        .map_err(|error| with_sources(error, &provenance))?;
    let control = config.control.of_program(line.name());
    Ok((Config { control, ..config }, provenance))
}

fn from_environment(
    option: &OptionDef,
    env: &Environment,
    draft: &mut Draft,
    came_from: impl FnOnce(Source),
) -> Result<(), Error> {
    let name = option.environment();
    let Some(value) = env.get(OsStr::new(&name)) else {
        return Ok(());
    };
    let from = Source::Environment(name);
    let items = match value.to_str() {
        Some("") if option.kind.repeatable() => Vec::new(),
        Some(list) if option.kind.repeatable() => {
            list.split(',').map(|item| item.trim().into()).collect()
        }
        _ => vec![value.clone()],
    };
    option
        .kind
        .read(draft, &items)
        .map_err(|refused| refused.at(option, from.clone()))?;
    came_from(from);
    Ok(())
}

fn from_flags(
    option: &OptionDef,
    flags: &ArgMatches,
    draft: &mut Draft,
    came_from: impl FnOnce(Source),
) -> Result<(), Error> {
    let Some(items) = flags.get_many::<OsString>(option.key) else {
        return Ok(());
    };
    let items: Vec<OsString> = items.cloned().collect();
    let from = Source::Flag(option.flag());
    option
        .kind
        .read(draft, &items)
        .map_err(|refused| refused.at(option, from.clone()))?;
    came_from(from);
    Ok(())
}

/// A variable that no option has may belong to somebody else (Kubernetes sets `RINGGATE_PORT` for a
/// service of that name), so it is no error; one that is spelled almost like ours is worth a line.
fn warn_of_misspelt_variables(line: &CommandLine, env: &Environment, provenance: &mut Provenance) {
    const PREFIX: &str = "RINGGATE_";
    const LETTERS_PER_SLIP: usize = 5;
    let mut unknown: Vec<&str> = env
        .keys()
        .filter_map(|name| name.to_str().filter(|name| name.starts_with(PREFIX)))
        .collect();
    unknown.sort_unstable();
    for name in unknown {
        let distance = |option: &OptionDef| {
            let known = option.environment();
            (strsim::damerau_levenshtein(name, &known), known)
        };
        let slips = (name.len() - PREFIX.len()).div_ceil(LETTERS_PER_SLIP);
        if let Some((distance, known)) = line.options().map(|(_, option)| distance(option)).min()
            && (1..=slips).contains(&distance)
        {
            provenance.warn(format!(
                "{name} is no option of this program; is {known} meant?"
            ));
        }
    }
}

fn with_sources(error: Error, provenance: &Provenance) -> Error {
    match error {
        Error::Conflict { message, keys, .. } => {
            let from = keys
                .iter()
                .filter_map(|key| Some((*key, provenance.source(key)?.clone())));
            Error::Conflict {
                message,
                from: from.collect(),
                keys,
            }
        }
        other => other,
    }
}

fn ctl(line: &CommandLine, matches: &ArgMatches, env: &Environment) -> Result<Ctl, Error> {
    let mut draft = Draft::default();
    for option in OPTIONS.iter().filter(|option| option.key == "control") {
        from_environment(option, env, &mut draft, |_| ())?;
        from_flags(option, matches, &mut draft, |_| ())?;
    }
    let control = draft.config.control.of_program(line.name());
    if control == ControlPath::Off {
        let message = "ctl needs a control socket, but control is none; name it with --control";
        return Err(Error::Usage(message.to_owned()));
    }
    let command = match matches.subcommand() {
        Some(("status", matches)) if matches.get_flag("watch") => CtlCommand::Watch {
            json: matches.get_flag("json"),
            interval: interval(matches),
        },
        Some(("status", matches)) => CtlCommand::Status {
            json: matches.get_flag("json"),
        },
        Some(("top", matches)) => CtlCommand::Top {
            once: matches.get_flag("once"),
            interval: interval(matches),
        },
        Some(("events", matches)) => CtlCommand::Events {
            json: matches.get_flag("json"),
        },
        Some(("resize", matches)) => CtlCommand::Resize {
            size: matches
                .get_one::<PoolSize>("cores")
                .copied()
                .ok_or_else(|| Error::Usage("resize needs a number of cores".to_owned()))?,
            wait: matches.get_flag("wait"),
        },
        Some(("reload", _)) => CtlCommand::Reload,
        Some(("upgrade", matches)) => CtlCommand::Upgrade {
            binary: matches.get_one::<OsString>("binary").map(PathBuf::from),
        },
        Some(("cores", matches)) => CtlCommand::Cores {
            json: matches.get_flag("json"),
        },
        Some(("core", matches)) => CtlCommand::Core {
            core: matches.get_one("core").copied().unwrap_or_default(),
            order: matches
                .get_one::<CoreOrder>("order")
                .copied()
                .ok_or_else(|| Error::Usage("core needs an order".to_owned()))?,
        },
        Some(("limits", matches)) => CtlCommand::Limits(limits(matches)?),
        Some(("drain", _)) => CtlCommand::Drain,
        Some(("stop", _)) => CtlCommand::Stop,
        Some((name, _)) => return Err(Error::Usage(format!("ctl has no command {name}"))),
        None => return Err(Error::Usage("ctl needs a command".to_owned())),
    };
    Ok(Ctl { control, command })
}

/// The time between two looks of a view that goes on.
fn interval(matches: &ArgMatches) -> Duration {
    const INTERVAL: Duration = Duration::from_secs(1);
    let named = matches.get_one::<Duration>("interval");
    named.copied().unwrap_or(INTERVAL)
}

/// The limits that are named, read as at start; whether they go together is the server's to say.
fn limits(matches: &ArgMatches) -> Result<LimitsChange, Error> {
    let mut change = LimitsChange::default();
    for option in OPTIONS {
        let mut draft = Draft::default();
        let mut named = false;
        match option.key {
            "max_threads" => {
                from_flags(option, matches, &mut draft, |_| named = true)?;
                change.max_threads = named.then_some(draft.max_threads);
            }
            "max_accepts" => {
                from_flags(option, matches, &mut draft, |_| named = true)?;
                change.max_accepts = named.then_some(draft.max_accepts);
            }
            _ => {}
        }
    }
    Ok(change)
}

/// Folds clap's message and its tips into one line and leaves its usage text out.
fn one_line(message: &str) -> String {
    let mut line = String::new();
    let parts = message
        .lines()
        .map(str::trim)
        .filter(|part| !part.is_empty());
    for part in parts.take_while(|part| !part.starts_with("Usage:")) {
        let part = part.strip_prefix("error: ").unwrap_or(part);
        if part.starts_with("For more information") {
            continue;
        }
        if !line.is_empty() {
            line.push_str(if line.ends_with(':') { " " } else { "; " });
        }
        line.push_str(part);
    }
    line
}
