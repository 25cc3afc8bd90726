//! Makes `docs/configuration.md` and `docs/ringgate.example.toml` from the definition.
//!
//! Only tests use it: they compare both files with what is made here, or rewrite them when
//! `RINGGATE_BLESS=1` is set. The prose of the page stands in `configuration.md.in`; its error
//! messages are made by provoking the errors.

use std::ffi::OsString;
use std::fmt::Write;
use std::path::Path;

use super::command::CommandLine;
use super::definition::{Change, Group, OptionDef};
use super::effective::toml_value;
use super::options::OPTIONS;
use super::wrap::wrap;

const TEMPLATE: &str = include_str!("configuration.md.in");

/// A mistake whose message the page shows.
struct Mistake {
    file: &'static str,
    env: &'static [(&'static str, &'static str)],
    flags: &'static [&'static str],
}

const MISTAKES: [Mistake; 6] = [
    Mistake {
        file: "listen = \"127.0.0.1:80\"\nmax_treads = 100\n",
        env: &[],
        flags: &[],
    },
    Mistake {
        file: "idle_timeout = 75\n",
        env: &[],
        flags: &[],
    },
    Mistake {
        file: "ring_entries = 1000\n",
        env: &[],
        flags: &[],
    },
    Mistake {
        file: "",
        env: &[("RINGGATE_LOG_LEVEL", "loud")],
        flags: &[],
    },
    Mistake {
        file: "",
        env: &[],
        flags: &["--listen", "localhost:8080"],
    },
    Mistake {
        file: "max_threads = 100\n",
        env: &[("RINGGATE_MAX_ACCEPTS", "100")],
        flags: &[],
    },
];

/// Above the options that a program built on the library has not.
const OF_RINGGATE_ALONE: &str = "Options of the program `ringgate` alone: a program built on the \
library has an application of its own.\n\n";

/// The page.
pub(super) fn page() -> String {
    TEMPLATE
        .replace("{{errors}}", &mistakes())
        .replace("{{options}}", &tables())
}

fn mistakes() -> String {
    let mut text = String::new();
    for Mistake { file, env, flags } in MISTAKES {
        let args = ["ringgate", "--config", "ringgate.toml"]
            .iter()
            .chain(flags);
        let env = env
            .iter()
            .map(|(name, value)| (OsString::from(name), OsString::from(value)));
        let error = CommandLine::ringgate()
            .parse(
                args.map(OsString::from),
                env,
                |_: &Path| Ok(file.to_owned()),
            )
            .expect_err("an example of a mistake is a mistake");
        let _ = writeln!(text, "ringgate: {error}");
    }
    text.trim_end().to_owned()
}

fn tables() -> String {
    let mut text = String::new();
    for group in Group::ALL {
        let _ = writeln!(text, "## {}\n", group.heading());
        if group == Group::App {
            text.push_str(OF_RINGGATE_ALONE);
        }
        text.push_str("| Key | Flag | Environment | Value | Default | Unit | Live | Meaning |\n");
        text.push_str("|---|---|---|---|---|---|---|---|\n");
        for option in options_of(group) {
            text.push_str(&row(option));
        }
        text.push('\n');
    }
    text.trim_end().to_owned()
}

fn options_of(group: Group) -> impl Iterator<Item = &'static OptionDef> {
    OPTIONS.iter().filter(move |option| option.group == group)
}

fn row(option: &OptionDef) -> String {
    let code = |text: &str, otherwise: &str| match text {
        "" => otherwise.to_owned(),
        text => format!("`{text}`"),
    };
    let key = if option.in_file() { option.key } else { "" };
    // GitHub's tables take a bar for the end of the cell, also between backticks.
    let flag = format!("{} {}", option.flag(), option.kind.placeholder()).replace('|', "\\|");
    let live = match option.change {
        Change::Live => "yes",
        Change::Restart => "no",
    };
    let cells = [
        code(key, "not in a file"),
        code(&flag, ""),
        code(&option.environment(), ""),
        option.kind.allowed(),
        code(option.default, "nothing"),
        option.unit.to_owned(),
        live.to_owned(),
        option.help.to_owned(),
    ];
    format!("| {} |\n", cells.join(" | "))
}

/// The example file: every option with its default, commented out.
pub(super) fn example() -> String {
    let mut text = comment(
        "Configuration of Ringgate. Every option is here with its default; take the # away before \
         a key to change it. Environment and flags go over this file. See configuration.md.",
    );
    for group in Group::ALL {
        let _ = writeln!(text, "\n# ---- {} ----", group.heading());
        for option in options_of(group).filter(|option| option.in_file()) {
            let default = toml_value(&option.kind, &default_items(option));
            text.push('\n');
            text.push_str(&comment(option.help));
            let (allowed, unit) = (option.kind.allowed(), option.unit);
            text.push_str(&comment(&format!("Value: {allowed}. Unit: {unit}.")));
            let (flag, name) = (option.flag(), option.environment());
            text.push_str(&comment(&format!("Flag {flag}, environment {name}.")));
            let _ = writeln!(text, "#{} = {default}", option.key);
        }
    }
    text
}

/// Comment lines of at most 100 columns with their sign.
fn comment(prose: &str) -> String {
    wrap(prose, 98)
        .iter()
        .map(|line| format!("# {line}\n"))
        .collect()
}

/// The default as the readers would get it.
pub(super) fn default_items(option: &OptionDef) -> Vec<OsString> {
    if option.default.is_empty() {
        Vec::new()
    } else {
        vec![option.default.into()]
    }
}
