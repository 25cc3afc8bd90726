//! The command line: `serve`, `check-config`, `doctor`, `ctl` and their flags; and whose it is.
//!
//! The program `ringgate` has all of it. A program built on the library has its own name in help and
//! errors, and no option of the built-in application.
//!
//! Made from the option table with clap's builder; clap only finds the words, their values are read
//! by the table's kinds. A new `ctl` command is one arm in [`ctl_commands`] and one in `parse.rs`.

use std::ffi::OsString;
use std::time::Duration;

use clap::{Arg, ArgAction, ArgGroup, Command, value_parser};

use super::cores::{CORES_MAX, CoreOrder, PoolSize};
use super::definition::{Group, OptionDef};
use super::duration::parse_duration;
use super::options::OPTIONS;
use super::own::OwnOption;
use super::wrap::wrap;

/// Version, commit and target, as `--version` prints them after the name.
pub const VERSION: &str = concat!(
    env!("CARGO_PKG_VERSION"),
    " (commit ",
    env!("RINGGATE_COMMIT"),
    ", ",
    env!("RINGGATE_TARGET"),
    ")"
);

/// Flags that every command line has, and no option.
const FLAGS_OF_HELP: [&str; 2] = ["help", "version"];

/// The command line of a program: its name, its purpose, its version and options of its own.
///
/// ```
/// use ringgate::config::{CommandLine, Invocation};
///
/// let line = CommandLine::of("puppies").about("Puppies by name").version("1.2");
/// let words = ["puppies", "--max-threads", "100"].map(Into::into);
/// let asked = line.parse(words, [], |_| Ok(String::new())).expect("good flags");
/// assert!(matches!(asked, Invocation::Serve(..)));
/// let words = ["puppies", "--demo", "on"].map(Into::into);
/// assert!(line.parse(words, [], |_| Ok(String::new())).is_err());
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommandLine {
    name: String,
    about: String,
    version: String,
    has_app: bool,
    has_doctor: bool,
    own: Vec<OwnOption>,
}

impl CommandLine {
    /// The command line of a program of this name which is built on the library, without the options of the built-in
    /// application.
    pub fn of(name: impl Into<String>) -> CommandLine {
        CommandLine {
            name: name.into(),
            about: "A server built on ringgate".to_owned(),
            version: format!("(ringgate {VERSION})"),
            has_app: false,
            has_doctor: false,
            own: Vec::new(),
        }
    }

    /// The command line of the program `ringgate`.
    pub fn ringgate() -> CommandLine {
        CommandLine {
            name: "ringgate".to_owned(),
            about: "An HTTP server for Linux: one pinned thread and one io_uring per core"
                .to_owned(),
            version: VERSION.to_owned(),
            has_app: true,
            has_doctor: true,
            own: Vec::new(),
        }
    }

    /// Sets the sentence by which help describes the program.
    #[must_use]
    pub fn about(mut self, about: impl Into<String>) -> CommandLine {
        self.about = about.into();
        self
    }

    /// Sets the text that `--version` prints behind the name.
    #[must_use]
    pub fn version(mut self, version: impl Into<String>) -> CommandLine {
        self.version = version.into();
        self
    }

    /// Has the command `doctor`, which leads to [`Invocation::Doctor`](super::Invocation::Doctor).
    #[must_use]
    pub fn with_doctor(mut self) -> CommandLine {
        self.has_doctor = true;
        self
    }

    /// Adds an option of the program's own; [`OwnOption`] has an example.
    ///
    /// # Panics
    /// If the server, or the program, has an option of this key already, also of the built-in application; if the key is
    /// `help` or `version`; if its environment variable is one of the server's.
    #[must_use]
    pub fn option(mut self, option: OwnOption) -> CommandLine {
        let key = option.key;
        let is_taken = OPTIONS.iter().any(|have| have.key == key)
            || FLAGS_OF_HELP.contains(&key)
            || self.own.iter().any(|have| have.key == key);
        assert!(
            !is_taken,
            "there is an option {key:?} already; give this one another key"
        );
        let name = option.environment(&self.name);
        assert!(
            OPTIONS.iter().all(|have| have.environment() != name),
            "the variable {name} of {key:?} is one of the server already; give the option another key, or \
             the program another name"
        );
        self.own.push(option);
        self
    }

    /// The name of the program, as help and errors have it.
    pub fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn own(&self) -> &[OwnOption] {
        &self.own
    }

    /// The options there are, with their places in the table.
    pub(super) fn options(&self) -> impl Iterator<Item = (usize, &'static OptionDef)> {
        let has_app = self.has_app;
        let options = OPTIONS.iter().enumerate();
        options.filter(move |(_, option)| has_app || !option.is_of_app())
    }

    /// As clap has it, for whoever wants to make completions or a manual page of it.
    pub fn command(&self) -> Command {
        let command = Command::new(self.name.clone())
            .bin_name(self.name.clone())
            .next_line_help(true)
            .about(self.about.clone())
            .version(self.version.clone())
            .after_help(
                "Without a command, serves. Flags go over the environment, and that over the file.",
            )
            .args_conflicts_with_subcommands(true)
            .args(self.serve_args())
            .subcommand(
                Command::new("serve")
                    .about("Serves; the same as no command")
                    .next_line_help(true)
                    .args(self.serve_args()),
            )
            .subcommand(
                Command::new("check-config")
                    .about("Checks a configuration file together with the environment")
                    .arg(path_arg("FILE").help("The file").required(true))
                    .arg(switch("print").help("Prints every value and where it came from")),
            );
        let doctor = self.has_doctor.then(|| {
            Command::new("doctor")
                .about("Says what this machine offers, what is degraded, and the cure")
                .arg(path_arg("FILE").help("A configuration file, to examine its certificates too"))
                .arg(switch("json").help("Answers in JSON"))
        });
        command.subcommands(doctor).subcommand(ctl_command())
    }

    fn serve_args(&self) -> Vec<Arg> {
        let of = |group: &'static Group| {
            let options = self.options().map(|(_, option)| option);
            options.filter(move |option| option.group == *group)
        };
        let own = self.own.iter().map(|option| option.arg(&self.name));
        let of_server = Group::ALL
            .iter()
            .flat_map(of)
            .map(|option| option_arg(option).help(help(option, &self.own_help(option))));
        own.chain(of_server).collect()
    }
}

impl CommandLine {
    /// The help of an option; the default path of the control socket has the name of the program.
    fn own_help(&self, option: &OptionDef) -> String {
        match option.key {
            "control" => option.help.replace("ringgate", &self.name),
            _ => option.help.to_owned(),
        }
    }
}

fn ctl_command() -> Command {
    Command::new("ctl")
        .about("Speaks to a running server through its control socket")
        .subcommand_required(true)
        .args(
            OPTIONS
                .iter()
                .filter(|option| option.key == "control")
                .map(|option| {
                    option_arg(option).global(true).help(help(
                        option,
                        "The server's control socket; auto is the default path.",
                    ))
                }),
        )
        .subcommands(ctl_commands())
}

/// The commands a running server understands.
fn ctl_commands() -> Vec<Command> {
    vec![
        Command::new("status")
            .about("Shows phase, limits, ledgers, cores and listeners")
            .arg(switch("json").help("Answers in JSON"))
            .arg(switch("watch").help("Shows them again and again, until the server ends"))
            .arg(interval_arg().requires("watch")),
        Command::new("top")
            .about("Shows rates, times and cores as they change; in a terminal with keys, else one frame below the other")
            .arg(switch("once").help("Shows one interval and ends"))
            .arg(interval_arg()),
        Command::new("events")
            .about("Shows what happens from now on, until the server ends")
            .arg(switch("json").help("Shows lines of JSON")),
        Command::new("resize")
            .about("Changes the number of cores")
            .arg(
                Arg::new("cores")
                    .value_name("N")
                    .help("The new number of cores; 0 stops all of them and keeps the connections, auto lets the load decide")
                    .required(true)
                    .value_parser(|text: &str| {
                        let wrong = format!("a number from 0 to {CORES_MAX}, or auto");
                        text.parse::<PoolSize>().map_err(|_| wrong)
                    }),
            )
            .arg(switch("wait").help("Returns when the last core is there or gone")),
        Command::new("reload").about("Reads the configuration again; a bad one changes nothing"),
        Command::new("upgrade")
            .about("Starts the program anew and hands everything over, without losing a connection")
            .arg(
                path_arg("PATH")
                    .id("binary")
                    .long("binary")
                    .help("Runs this program instead of the one that the server was started by"),
            ),
        Command::new("cores")
            .about("Shows the cores")
            .arg(switch("json").help("Answers in JSON")),
        Command::new("core")
            .about("Gives an order to one core")
            .arg(
                Arg::new("core")
                    .value_name("N")
                    .help("The core, as status numbers it")
                    .required(true)
                    .value_parser(value_parser!(u32)),
            )
            .arg(
                Arg::new("order")
                    .value_name("ORDER")
                    .help("stop replaces it gracefully, kill at once, dump shows where it is")
                    .required(true)
                    .value_parser(|text: &str| {
                        text.parse::<CoreOrder>()
                            .map_err(|_| "stop, kill or dump".to_owned())
                    }),
            ),
        Command::new("limits")
            .about("Changes the limits of admission; what is not named stays")
            .next_line_help(true)
            .group(ArgGroup::new("change").args(["max_threads", "max_accepts"]).multiple(true).required(true))
            .args(
                OPTIONS
                    .iter()
                    .filter(|option| matches!(option.key, "max_threads" | "max_accepts"))
                    .map(|option| option_arg(option).help(option.help)),
            ),
        Command::new("drain").about("Ends the server once its connections have finished"),
        Command::new("stop").about("Ends the server now"),
    ]
}

fn option_arg(option: &OptionDef) -> Arg {
    let action = if option.kind.repeatable() {
        ArgAction::Append
    } else {
        ArgAction::Set
    };
    Arg::new(option.key)
        .long(option.flag_name())
        .value_name(option.kind.placeholder())
        .help_heading(option.group.heading())
        .value_parser(value_parser!(OsString))
        .allow_negative_numbers(true)
        .action(action)
}

impl From<&str> for CommandLine {
    /// [`CommandLine::of`] that name.
    fn from(name: &str) -> CommandLine {
        CommandLine::of(name)
    }
}

/// The sentence, and below it default, unit and environment name.
fn help(option: &OptionDef, sentence: &str) -> String {
    const COLUMNS_MAX: usize = 80;
    let default = if option.default.is_empty() {
        "nothing"
    } else {
        option.default
    };
    let (unit, name) = (option.unit, option.environment());
    let facts = format!("[default: {default}] [unit: {unit}] [env: {name}]");
    let mut lines = wrap(sentence, COLUMNS_MAX);
    lines.push(facts);
    lines.join("\n")
}

/// The time between two looks of a view that goes on.
fn interval_arg() -> Arg {
    const SHORTEST: Duration = Duration::from_millis(100);
    Arg::new("interval")
        .long("interval")
        .value_name("TIME")
        .help("The time between two looks [default: 1s]")
        .value_parser(|text: &str| {
            let interval = parse_duration(text).ok();
            let interval = interval.filter(|interval| *interval >= SHORTEST);
            interval.ok_or("a duration of 100ms or more")
        })
}

fn switch(name: &'static str) -> Arg {
    Arg::new(name).long(name).action(ArgAction::SetTrue)
}

fn path_arg(name: &'static str) -> Arg {
    Arg::new(name)
        .value_name(name)
        .value_parser(value_parser!(OsString))
}
