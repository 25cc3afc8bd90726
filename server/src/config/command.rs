//! The command line: `serve`, `check-config`, `doctor`, `ctl` and their flags.
//!
//! Made from the option table with clap's builder; clap only finds the words, their values are read
//! by the table's kinds. A new `ctl` command is one arm in [`ctl_commands`] and one in `parse.rs`.

use std::ffi::OsString;

use clap::{Arg, ArgAction, ArgGroup, Command, value_parser};

use super::cores::{CORES_MAX, CoreOrder, PoolSize};
use super::definition::{Group, OptionDef};
use super::options::OPTIONS;
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

/// The command line of `ringgate`, for whoever wants to make completions or a manual page of it.
pub fn command() -> Command {
    Command::new("ringgate")
        .bin_name("ringgate")
        .next_line_help(true)
        .about("An HTTP server for Linux: one pinned thread and one io_uring per core")
        .version(VERSION)
        .after_help(
            "Without a command, serves. Flags go over the environment, and that over the file.",
        )
        .args_conflicts_with_subcommands(true)
        .args(serve_args())
        .subcommand(
            Command::new("serve")
                .about("Serves; the same as no command")
                .next_line_help(true)
                .args(serve_args()),
        )
        .subcommand(
            Command::new("check-config")
                .about("Checks a configuration file together with the environment")
                .arg(path_arg("FILE").help("The file").required(true))
                .arg(switch("print").help("Prints every value and where it came from")),
        )
        .subcommand(
            Command::new("doctor")
                .about("Says what this machine offers, what is degraded, and the cure")
                .arg(switch("json").help("Answers in JSON")),
        )
        .subcommand(
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
                .subcommands(ctl_commands()),
        )
}

/// The commands a running server understands.
fn ctl_commands() -> Vec<Command> {
    vec![
        Command::new("status")
            .about("Shows phase, limits, ledgers, cores and listeners")
            .arg(switch("json").help("Answers in JSON")),
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

fn serve_args() -> Vec<Arg> {
    Group::ALL
        .iter()
        .flat_map(|group| OPTIONS.iter().filter(move |option| option.group == *group))
        .map(|option| option_arg(option).help(help(option, option.help)))
        .collect()
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

fn switch(name: &'static str) -> Arg {
    Arg::new(name).long(name).action(ArgAction::SetTrue)
}

fn path_arg(name: &'static str) -> Arg {
    Arg::new(name)
        .value_name(name)
        .value_parser(value_parser!(OsString))
}
