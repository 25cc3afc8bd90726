//! Makes the manual pages and the completions of shells, in `docs/man/` and `docs/completions/`, from the definition.
//!
//! Only tests use it, as they do [`super::document`]: packagers take the files. The pages are in roff's `man` macros
//! (groff_man(7)). A program built on the library makes its own of [`CommandLine::command`].

use std::fmt::Write;

use clap::builder::PossibleValuesParser;
use clap::{Arg, Command, ValueHint};
use clap_complete::Shell;

use super::command::CommandLine;
use super::definition::{Group, OptionDef};
use super::effective::toml_value;
use super::kind::Kind;
use super::options::OPTIONS;

/// The section DESCRIPTION of `ringgate(1)`, which the definition does not say.
const DESCRIPTION: &str = "\
.B ringgate
serves HTTP/1.1, HTTP/2, TLS and WebSockets, with one pinned thread and one io_uring per core. It stays in the
foreground. Flags go over the environment, and that over the file
.RB ( ringgate.toml (5));
a value is refused wherever it stands, with a line that says where.
";
const EXIT_STATUS: &str = "\
.TP
.B 0
It was stopped as asked, and a drain cut nothing. For the other commands: done.
.TP
.B 1
It could not start or go on.
.BR ctl :
no server is there, or it refused.
.TP
.B 2
The command line or the configuration is wrong.
.TP
.B 3
A drain had to cut connections.
";
const SIGNALS: &str = "\
.TP
.BR SIGINT , \" SIGTERM\"
Stop now; with
.BR \"\\-\\-on\\-term drain\" ,
SIGTERM drains.
.TP
.B SIGQUIT
Drain: what was begun is finished, at most for
.BR graceful_timeout .
.TP
.B SIGHUP
Read the configuration again; a bad one changes nothing.
.TP
.B SIGUSR1
Open the log file and the file of the access log again.
.TP
.B SIGUSR2
Upgrade: start the program anew and hand everything over, without losing a connection.
.TP
.BR SIGTTIN , \" SIGTTOU\"
One core more, one core less.
";
const FILE_DESCRIPTION: &str = "\
The configuration of
.BR ringgate (1)
is a file in TOML: a flat table of the keys below. It is named by
.B \\-\\-config
or
.BR RINGGATE_CONFIG ;
without either there is none.
.B ringgate check\\-config
.I FILE
checks one, and prints with
.B \\-\\-print
every value and where it came from.
.PP
Durations have a unit: 500us, 250ms, 30s, 2m, 1h. Sizes are bytes or have one: KiB, MiB, GiB, KB, MB, GB. Numbers may
stand bare, all else is a quoted string; where more than one value may be given there may be a list. A key marked
.B live
changes under a running server by a reload, every other one with the next start.
";

/// `ringgate(1)`.
pub(super) fn program_page() -> String {
    let command = CommandLine::ringgate().command();
    let mut page = head("RINGGATE", 1, "User Commands");
    page.push_str(".SH NAME\nringgate \\- HTTP server on io_uring, one pinned thread per core\n");
    page.push_str(".SH SYNOPSIS\n");
    for (word, rest) in [
        ("", "[\\fIOPTION\\fR]..."),
        ("serve ", "[\\fIOPTION\\fR]..."),
        ("check\\-config ", "\\fIFILE\\fR [\\fB\\-\\-print\\fR]"),
        ("doctor ", "[\\fIFILE\\fR] [\\fB\\-\\-json\\fR]"),
        (
            "ctl ",
            "[\\fB\\-\\-control\\fR \\fIPATH\\fR] \\fICOMMAND\\fR",
        ),
    ] {
        let _ = writeln!(page, ".br\n\\fBringgate {word}\\fR{rest}");
    }
    // The first line of a section needs no break.
    let mut page = page.replacen(".SH SYNOPSIS\n.br\n", ".SH SYNOPSIS\n", 1);
    page.push_str(".SH DESCRIPTION\n");
    page.push_str(DESCRIPTION);
    page.push_str(".SH COMMANDS\n");
    commands(&command, "", &mut page);
    page.push_str(".SH OPTIONS\n");
    for group in Group::ALL {
        let _ = writeln!(page, ".SS {}", escaped(group.heading()));
        for option in options_of(group) {
            let (flag, value) = (option.flag(), option.kind.placeholder());
            let _ = writeln!(
                page,
                ".TP\n\\fB{}\\fR \\fI{}\\fR",
                dashed(&flag),
                escaped(&value)
            );
            page.push_str(&facts(option));
        }
    }
    page.push_str(".SH EXIT STATUS\n");
    page.push_str(EXIT_STATUS);
    page.push_str(".SH SIGNALS\n");
    page.push_str(SIGNALS);
    page.push_str(".SH SEE ALSO\n.BR ringgate.toml (5),\n.BR io_uring (7)\n");
    page
}

/// `ringgate.toml(5)`.
pub(super) fn file_page() -> String {
    let mut page = head("RINGGATE.TOML", 5, "File Formats");
    page.push_str(".SH NAME\nringgate.toml \\- configuration of ringgate\n.SH DESCRIPTION\n");
    page.push_str(FILE_DESCRIPTION);
    for group in Group::ALL {
        let _ = writeln!(page, ".SH {}", escaped(&group.heading().to_uppercase()));
        for option in options_of(group).filter(|option| option.in_file()) {
            let default = toml_value(&option.kind, &super::document::default_items(option));
            let _ = writeln!(page, ".TP\n\\fB{}\\fR = {}", option.key, escaped(&default));
            let live = match option.change {
                super::definition::Change::Live => " Changes \\fBlive\\fR.",
                super::definition::Change::Restart => "",
            };
            let help = sentence(option.help);
            let _ = writeln!(
                page,
                "{help}\nValue: {}.{live}",
                escaped(&option.kind.allowed())
            );
        }
    }
    page.push_str(".SH SEE ALSO\n.BR ringgate (1)\n");
    page
}

/// The completions of a shell, and the name of their file.
pub(super) fn completions(shell: Shell) -> String {
    let mut command = completable(CommandLine::ringgate().command());
    let mut out = Vec::new();
    clap_complete::generate(shell, &mut command, "ringgate", &mut out);
    String::from_utf8(out).expect("completions are UTF-8")
}

fn options_of(group: Group) -> impl Iterator<Item = &'static OptionDef> {
    OPTIONS.iter().filter(move |option| option.group == group)
}

fn head(title: &str, section: u8, manual: &str) -> String {
    let version = env!("CARGO_PKG_VERSION");
    format!(
        ".\\\" Made from the definition in server/src/config/; do not edit. RINGGATE_BLESS=1 cargo test -p ringgate config rewrites it.\n\
         .TH {title} {section} \"\" \"ringgate {version}\" \"{manual}\"\n"
    )
}

/// The commands below this one, with their arguments.
fn commands(command: &Command, before: &str, page: &mut String) {
    for command in command.get_subcommands() {
        let name = format!("{before}{}", command.get_name());
        let own = |arg: &&Arg| command.get_name() != "serve" && !arg.is_global_set();
        let args: Vec<String> = command.get_arguments().filter(own).map(written).collect();
        let _ = writeln!(page, ".TP\n\\fB{}\\fR {}", dashed(&name), args.join(" "));
        let about = command.get_about().map(ToString::to_string);
        let _ = writeln!(page, "{}.", sentence(&about.unwrap_or_default()));
        for arg in command.get_arguments().filter(own) {
            let help = arg.get_help().map(ToString::to_string).unwrap_or_default();
            if !help.is_empty() && command.get_name() != "limits" {
                let _ = writeln!(page, ".br\n{}: {}.", written(arg), sentence(&help));
            }
        }
        commands(command, &format!("{name} "), page);
    }
}

/// An argument as it is written.
fn written(arg: &Arg) -> String {
    let value = arg.get_value_names().and_then(<[_]>::first);
    let value = value.filter(|_| arg.get_action().takes_values());
    let value = value.map(|value| format!("\\fI{}\\fR", escaped(value)));
    match (arg.get_long(), value) {
        (Some(long), Some(value)) => format!("[\\fB{}\\fR {value}]", dashed(&format!("--{long}"))),
        (Some(long), None) => format!("[\\fB{}\\fR]", dashed(&format!("--{long}"))),
        (None, Some(value)) if arg.is_required_set() => value,
        (None, value) => format!("[{}]", value.unwrap_or_default()),
    }
}

/// The meaning of an option, its default and its name in the environment.
fn facts(option: &OptionDef) -> String {
    let default = match option.default {
        "" => "nothing",
        default => default,
    };
    format!(
        "{}\nDefault: {}. Unit: {}. Environment: \\fB{}\\fR.\n",
        sentence(option.help),
        escaped(default),
        escaped(option.unit),
        option.environment()
    )
}

/// Prose as roff has it: no line begins with a control character.
fn sentence(text: &str) -> String {
    let text = escaped(text);
    match text.starts_with(['.', '\'']) {
        true => format!("\\&{text}"),
        false => text,
    }
}

fn escaped(text: &str) -> String {
    text.replace('\\', "\\e").replace('\n', " ")
}

/// A word whose dashes are to be copied as they are.
fn dashed(word: &str) -> String {
    escaped(word).replace('-', "\\-")
}

/// The command line with the values that a shell can complete: words of a choice, and paths.
fn completable(command: Command) -> Command {
    let kind_of = |arg: &Arg| {
        let key = arg.get_id().as_str();
        let found = OPTIONS.iter().find(|option| option.key == key);
        found.map(|option| option.kind)
    };
    command
        .mut_args(|arg| match kind_of(&arg) {
            Some(Kind::Choice(at)) => {
                let words = at(&mut super::definition::Draft::default()).words();
                arg.value_parser(PossibleValuesParser::new(words))
            }
            Some(
                Kind::PathOrNone { .. }
                | Kind::Certificates(_)
                | Kind::Paths(_)
                | Kind::Control(_)
                | Kind::AccessTarget(_),
            ) => arg.value_hint(ValueHint::AnyPath),
            None if matches!(arg.get_id().as_str(), "FILE" | "binary") => {
                arg.value_hint(ValueHint::FilePath)
            }
            Some(_) | None => arg,
        })
        .mut_subcommands(completable)
}
