//! Help, documentation, example file and printed values agree with the definition.

use std::collections::HashSet;
use std::path::PathBuf;

use proptest::prelude::*;

use super::super::definition::{Change, Group};
use super::super::kind::Kind;
use super::super::options::OPTIONS;
use super::super::{document, effective, format_duration, format_size};
use super::*;

fn help(args: &[&str]) -> String {
    match parse(args.iter().map(OsString::from), [], |_: &Path| {
        panic!("no file is read")
    }) {
        Ok(Invocation::Show(text)) => text.split_whitespace().collect::<Vec<_>>().join(" "),
        other => panic!("no help: {other:?}"),
    }
}

#[test]
fn help_gives_default_unit_and_environment_name_of_every_option() {
    for args in [
        &["ringgate", "--help"][..],
        &["ringgate", "serve", "--help"],
    ] {
        let help = help(args);
        for option in OPTIONS {
            let default = if option.default.is_empty() {
                "nothing"
            } else {
                option.default
            };
            assert_has(
                &help,
                &[&format!(
                    "{} <{}> {} [default: {default}] [unit: {}] [env: {}]",
                    option.flag(),
                    option.kind.placeholder(),
                    option.help,
                    option.unit,
                    option.environment()
                )],
            );
        }
    }
}

#[test]
fn help_shows_the_server_options_first_and_every_command() {
    let help = help(&["ringgate", "--help"]);
    let places: Vec<_> = Group::ALL
        .iter()
        .map(|group| {
            help.find(&format!("{}:", group.heading()))
                .expect("a heading")
        })
        .collect();
    assert!(places.is_sorted(), "{places:?}");
    assert_has(&help, &["serve", "check-config", "doctor", "ctl"]);
}

#[test]
fn names_of_options_are_unique_and_spelled_alike() {
    let keys: HashSet<_> = OPTIONS.iter().map(|option| option.key).collect();
    assert_eq!(keys.len(), OPTIONS.len());
    for option in OPTIONS {
        let spelled = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
        assert!(option.key.chars().all(spelled), "{}", option.key);
        assert!(
            option.help.ends_with('.') && !option.unit.is_empty(),
            "{}",
            option.key
        );
        assert!(
            !option.help.contains('|'),
            "{} would break its table",
            option.key
        );
    }
    let order: Vec<_> = OPTIONS.iter().map(|option| option.group as u8).collect();
    assert!(
        order.is_sorted(),
        "the table is not in the order of its groups"
    );
}

#[test]
fn both_ends_of_every_range_fit_their_field() {
    for option in OPTIONS {
        let ends = match &option.kind {
            Kind::Count { min, max, .. } => [min.to_string(), max.to_string()],
            Kind::Size { min, max, .. } => [format_size(*min), format_size(*max)],
            Kind::Duration { min, max, .. } => [format_duration(*min), format_duration(*max)],
            _ => continue,
        };
        for end in ends {
            let mut draft = Draft::default();
            let items = [OsString::from(&end)];
            assert!(
                option.kind.read(&mut draft, &items).is_ok(),
                "{} = {end}",
                option.key
            );
            assert_eq!(option.kind.write(&draft), items, "{}", option.key);
        }
    }
}

/// Compares a file of `docs/` with what the definition makes of it. With `RINGGATE_BLESS=1` it
/// rewrites the file instead.
#[track_caller]
pub(super) fn check_document(name: &str, made: &str) {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../docs")
        .join(name);
    if std::env::var_os("RINGGATE_BLESS").is_some_and(|bless| bless == "1") {
        std::fs::write(&path, made).expect("docs/ can be written");
    }
    let stands = std::fs::read_to_string(&path).unwrap_or_default();
    let differs = made
        .lines()
        .zip(stands.lines())
        .position(|(made, stands)| made != stands);
    assert!(
        made == stands,
        "docs/{name} is not what the definition makes (first at line {}); run the tests with \
         RINGGATE_BLESS=1 and commit it",
        differs.unwrap_or_else(|| made.lines().count().min(stands.lines().count())) + 1
    );
}

#[test]
fn the_page_says_of_every_option_whether_a_reload_changes_it() {
    let page = document::page();
    for option in OPTIONS {
        let environment = format!("| `{}` |", option.environment());
        let row = page.lines().find(|line| line.contains(&environment));
        let row = row.expect("every option has a row");
        let live = match option.change {
            Change::Live => "| yes |",
            Change::Restart => "| no |",
        };
        assert!(row.contains(live), "{row}");
    }
}

#[test]
fn the_documentation_is_what_the_definition_makes() {
    check_document("configuration.md", &document::page());
}

#[test]
fn the_example_file_is_what_the_definition_makes() {
    check_document("ringgate.example.toml", &document::example());
}

/// The example with the comment sign taken away before every key.
fn uncommented_example() -> String {
    let is_key = |line: &str| line.as_bytes().get(1).is_some_and(u8::is_ascii_lowercase);
    let example = document::example();
    let lines = example.lines().map(|line| match line.strip_prefix('#') {
        Some(rest) if is_key(line) => rest,
        _ => line,
    });
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn the_example_file_holds_every_option_and_says_the_defaults() {
    assert_eq!(
        Given::default().file(document::example()).config(),
        Config::default()
    );
    let (config, provenance) = Given::default().file(uncommented_example()).serve();
    assert_eq!(config, Config::default());
    for option in OPTIONS.iter().filter(|option| option.in_file()) {
        let source = provenance.source(option.key).expect(option.key).to_string();
        assert_has(&source, &["ringgate.toml:"]);
    }
}

#[test]
fn printed_values_name_their_source() {
    let (config, provenance) = Given::default()
        .file("listen = [\"127.0.0.1:1\", \"fd:3\"]\nmax_threads = 7")
        .env("RINGGATE_ROOT", "/a\"b\\c\n")
        .flags(["--idle-timeout", "90s"])
        .serve();
    let printed = effective(&config, &provenance);
    assert_has(
        &printed,
        &[
            "listen = [\"127.0.0.1:1\", \"fd:3\"]  # ringgate.toml:1:1\n",
            "max_threads = 7  # ringgate.toml:2:1\n",
            "idle_timeout = \"90s\"  # flag --idle-timeout\n",
            "root = \"/a\\\"b\\\\c\\u000A\"  # environment RINGGATE_ROOT\n",
            "cores = \"auto\"  # default\n",
        ],
    );
    assert_eq!(Given::default().file(printed).config(), config);
}

proptest! {
    #[test]
    fn printed_values_are_a_file_that_says_the_same(
        root in "\\PC{1,20}|[\\x00-\\x7f]{1,20}",
        body in proptest::option::of(any::<u64>()),
        idle in 1..86_400_000_u64,
        threads in proptest::option::of(1..u32::MAX),
    ) {
        let root = format!("/{root}");
        let mut config = Config { root: Some(root.into()), ..Config::default() };
        config.limits.body_size = body;
        config.timeouts.idle = std::time::Duration::from_millis(idle);
        config.admission = crate::config::AdmissionLimits::new(
            threads.and_then(std::num::NonZeroU32::new),
            crate::config::MaxAccepts::None,
        ).expect("no max_accepts");
        let printed = effective(&config, &Given::default().serve().1);
        prop_assert_eq!(Given::default().file(printed).config(), config);
    }

    #[test]
    fn any_file_is_read_or_refused_and_never_panics(text in any::<String>()) {
        let _ = Given::default().file(text).parse();
    }

    #[test]
    fn any_value_of_any_option_is_read_or_refused_and_never_panics(
        option in 0..OPTIONS.len(),
        value in "\\PC*|[0-9]{1,30}[a-zA-Z]{0,3}|[0-9.:\\[\\]]{1,20}",
    ) {
        let mut draft = Draft::default();
        let kind = &OPTIONS[option].kind;
        if kind.read(&mut draft, &[value.into()]).is_ok() {
            prop_assert!(kind.check(&draft).is_ok());
        }
    }
}
