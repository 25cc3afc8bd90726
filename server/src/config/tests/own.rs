//! The options of a program's own: their layers, their spellings, their errors.

use super::super::{OwnOption, OwnValues, effective};
use super::*;

/// The program `notes` with two options of its own.
fn notes() -> CommandLine {
    CommandLine::of("my-notes")
        .option(OwnOption::value("max_notes", "N", "Notes that are kept.").default("100"))
        .option(OwnOption::value("database", "FILE", "The file."))
        .option(OwnOption::switch("read_only", "Takes no notes."))
}

/// The own values that these layers come to.
fn own(args: &[&str], env: &[(&str, &str)], file: &str) -> Result<OwnValues, Error> {
    let args = [&["x"], args].concat().into_iter().map(OsString::from);
    let env = env
        .iter()
        .map(|(name, value)| (OsString::from(name), OsString::from(value)));
    match notes().parse(args, env, |_: &Path| Ok(file.to_owned()))? {
        Invocation::Serve(_, provenance) => Ok(provenance.own().clone()),
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_option_of_a_program_comes_from_flag_environment_file_or_default_in_this_order() {
    let number = |args: &[&str], env: &[(&str, &str)], file: &str| {
        let values = own(args, env, file).expect("good values");
        values.get::<u32>("max_notes")
    };
    let (file, env) = (["--config", "f"], [("MY_NOTES_MAX_NOTES", "3")]);
    assert_eq!(number(&[], &[], ""), Ok(100));
    assert_eq!(number(&file, &[], "max_notes = 2"), Ok(2));
    assert_eq!(number(&file, &env, "max_notes = \"2\""), Ok(3));
    let flags = ["--config", "f", "--max-notes", "4"];
    assert_eq!(number(&flags, &env, "max_notes = 2"), Ok(4));
}

#[test]
fn a_switch_of_a_program_is_on_or_off() {
    let is_on = |args: &[&str], env: &[(&str, &str)], file: &str| {
        own(args, env, file).map(|values| values.is_on("read_only"))
    };
    assert_eq!(is_on(&[], &[], ""), Ok(false));
    assert_eq!(is_on(&["--read-only"], &[], ""), Ok(true));
    assert_eq!(is_on(&[], &[("MY_NOTES_READ_ONLY", "on")], ""), Ok(true));
    assert_eq!(
        is_on(&["--config", "f"], &[], "read_only = \"off\""),
        Ok(false)
    );
    let refused = is_on(&[], &[("MY_NOTES_READ_ONLY", "1")], "").expect_err("neither");
    assert_has(
        &refused.to_string(),
        &["MY_NOTES_READ_ONLY=\"1\"", "on or off"],
    );
}

#[test]
fn a_wrong_value_of_a_program_says_where_it_came_from_and_what_belongs_there() {
    let values = own(&["--max-notes", "many"], &[], "").expect("text is text");
    let refused = values.get::<u32>("max_notes").expect_err("no number");
    assert_has(
        &refused.to_string(),
        &["--max-notes \"many\"", "invalid digit", "must be N"],
    );
    let missing = values.get::<String>("database").expect_err("nothing");
    assert_has(
        &missing.to_string(),
        &["--database FILE", "MY_NOTES_DATABASE"],
    );
    assert_eq!(values.find::<String>("database"), Ok(None));
    let unknown = own(&["--config", "f"], &[], "max_note = 2").expect_err("no such key");
    assert_has(&unknown.to_string(), &["max_note", "`max_notes`"]);
}

#[test]
fn help_shows_the_options_of_a_program_first() {
    let asked = notes().parse(["x".into(), "--help".into()], [], |_: &Path| {
        Ok(String::new())
    });
    let Ok(Invocation::Show(help)) = asked else {
        panic!("no help")
    };
    let own = help.find("Options of my-notes").expect("a heading");
    assert!(own < help.find("--listen").expect("an option of the server"));
    assert_has(
        &help,
        &[
            "--max-notes <N>",
            "[default: 100] [env: MY_NOTES_MAX_NOTES]",
        ],
    );
    notes().command().debug_assert();
}

#[test]
#[should_panic(expected = "there is an option \"listen\" already; give this one another key")]
fn an_option_of_the_server_is_not_a_programs_own() {
    let _ = CommandLine::of("x").option(OwnOption::value("listen", "X", ""));
}

#[test]
fn the_secrets_of_a_program_are_printed_nowhere() {
    let line = CommandLine::of("my-notes")
        .option(
            OwnOption::value("database_password", "TEXT", "Opens the database.").default("hunter1"),
        )
        .option(OwnOption::value("pin", "N", "Opens the door.").secret())
        .option(OwnOption::value("tokens", "N", "No secret."));
    let parse = |args: &[&str], env: &[(&str, &str)], file: &str| {
        let args = [&["x"], args].concat().into_iter().map(OsString::from);
        let env = env
            .iter()
            .map(|(name, value)| (OsString::from(name), OsString::from(value)));
        line.parse(args, env, |_: &Path| Ok(file.to_owned()))
            .expect("good words")
    };
    let file = "database_password = \"hunter2\"\n";
    let args = ["--config", "f", "--pin", "hunter3", "--tokens", "7"];
    let Invocation::Serve(config, provenance) = parse(&args, &[], file) else {
        panic!("it is to serve");
    };
    let printed = effective(&config, &provenance);
    assert_has(
        &printed,
        &[
            "\n#database_password = \"[redacted]\"  # f:1:1",
            "\n#pin = \"[redacted]\"  # flag --pin\n",
            "\ntokens = \"7\"",
        ],
    );
    let refused = provenance.own().get::<u32>("pin").expect_err("no number");
    let Invocation::Show(help) = parse(&["--help"], &[], "") else {
        panic!("it is to show help");
    };
    let debug = format!("{provenance:?}");
    assert_has(&refused.to_string(), &["--pin [redacted]", "must be N"]);
    for text in [printed, refused.to_string(), help, debug] {
        assert!(!text.contains("hunter"), "{text}");
    }
    // What is printed is a file, in which the secret is not set.
    let again = effective(&config, &provenance);
    let Invocation::Serve(_, read) = parse(&["--config", "f"], &[], &again) else {
        panic!("it is to serve");
    };
    assert_eq!(read.own().find::<String>("pin"), Ok(None));
}

#[test]
fn a_key_that_a_program_cannot_have_is_refused_where_it_is_declared() {
    let panic_of = |declare: &dyn Fn()| {
        let declared = ringgate_runtime::task::catch_panic(declare);
        let panic = declared.expect_err("it is refused");
        panic.message().to_owned()
    };
    for key in ["", "Max", "max-notes", "2nd", "_x", "x_", "a__b", "ä"] {
        let panic = panic_of(&|| drop(OwnOption::value(key, "X", "")));
        assert_has(&panic, &[&format!("{key:?}"), "name it as max_notes"]);
    }
    for key in ["help", "version", "listen", "root", "config"] {
        let panic = panic_of(&|| drop(CommandLine::of("x").option(OwnOption::switch(key, ""))));
        assert_has(
            &panic,
            &[&format!("{key:?} already"), "give this one another key"],
        );
    }
    let of = |name: &'static str, key: &'static str| {
        panic_of(&move || drop(CommandLine::of(name).option(OwnOption::switch(key, ""))))
    };
    assert_has(
        &of("ringgate-max", "threads"),
        &["RINGGATE_MAX_THREADS", "another key"],
    );
}

#[test]
fn values_of_a_program_that_differ_are_named_and_where_they_stand_makes_no_difference() {
    let of = |args: &[&str], env: &[(&str, &str)]| own(args, env, "").expect("good values");
    let started = of(&["--max-notes", "4", "--read-only"], &[]);
    let elsewhere = [("MY_NOTES_MAX_NOTES", "4"), ("MY_NOTES_READ_ONLY", "on")];
    assert!(started.differing(&of(&[], &elsewhere)).is_empty());
    let others = of(&["--max-notes", "5", "--database", "d"], &[]);
    assert_eq!(
        started.differing(&others),
        ["max_notes", "database", "read_only"]
    );
}
