//! The manual pages and the completions as their readers take them: `man`, mandoc, and the shells.

use crate::common::Directory;
use std::path::PathBuf;
use std::process::{Command, Output};

fn document(name: &str) -> PathBuf {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../docs");
    path.join(name)
}

#[track_caller]
fn run(command: &mut Command) -> String {
    let Output {
        status,
        stdout,
        stderr,
    } = command.output().expect("it runs");
    let (out, err) = (
        String::from_utf8_lossy(&stdout),
        String::from_utf8_lossy(&stderr),
    );
    assert!(
        status.success() && err.is_empty(),
        "{command:?}: {out}{err}"
    );
    out.into_owned()
}

const PAGES: [&str; 2] = ["man/ringgate.1", "man/ringgate.toml.5"];

#[test]
#[ignore = "needs man and mandoc: apt-get install man-db groff-base mandoc"]
fn man_and_mandoc_have_nothing_to_say_of_the_manual_pages() {
    for page in PAGES {
        let shown = run(Command::new("man")
            .args(["--warnings", "-E", "UTF-8", "-l"])
            .arg(document(page))
            .env("MANWIDTH", "80"));
        assert!(
            shown.contains("max_threads") || shown.contains("--max-threads"),
            "{page}"
        );
        // Without a date a page is the same on each day.
        run(Command::new("mandoc")
            .args(["-T", "lint", "-W", "error"])
            .arg(document(page)));
    }
}

#[test]
#[ignore = "needs bash"]
fn bash_completes_commands_flags_and_words_of_a_choice() {
    let complete = |words: &str| {
        let script = format!(
            "source '{}'; COMP_WORDS=({words}); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1)); \
             _ringgate ringgate \"${{COMP_WORDS[COMP_CWORD]}}\" \"${{COMP_WORDS[COMP_CWORD - 1]}}\"; \
             echo \"${{COMPREPLY[*]}}\"",
            document("completions/ringgate.bash").display()
        );
        run(Command::new("bash").args(["--norc", "-c", &script]))
    };
    assert_eq!(complete("ringgate ctl rel").trim(), "reload");
    assert_eq!(complete("ringgate --max-acc").trim(), "--max-accepts");
    assert_eq!(
        complete("ringgate serve --log-format ''").trim(),
        "text json"
    );
}

#[test]
#[ignore = "needs zsh: apt-get install zsh"]
fn zsh_takes_its_completions() {
    let file = document("completions/_ringgate");
    run(Command::new("zsh").args(["-f", "-n"]).arg(&file));
    let directory = Directory::new();
    let script = format!(
        "fpath=({} $fpath); autoload -Uz compinit; compinit -u -d {}; print $_comps[ringgate]",
        file.parent().expect("a folder").display(),
        directory.path("dump").display()
    );
    assert_eq!(
        run(Command::new("zsh").args(["-f", "-c", &script])).trim(),
        "_ringgate"
    );
}

#[test]
#[ignore = "needs fish: apt-get install fish"]
fn fish_completes_commands_flags_and_words_of_a_choice() {
    let home = Directory::new();
    let complete = |line: &str| {
        let script = format!(
            "source '{}'; complete -C '{line}'",
            document("completions/ringgate.fish").display()
        );
        let shown = run(Command::new("fish")
            .args(["--no-config", "-c", &script])
            .env("HOME", home.path("")));
        let words = shown.lines().filter_map(|line| line.split('\t').next());
        words.map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(complete("ringgate ctl rel"), ["reload"]);
    assert_eq!(complete("ringgate serve --max-acc"), ["--max-accepts"]);
    let mut formats = complete("ringgate serve --log-format ");
    formats.sort();
    assert_eq!(formats, ["json", "text"]);
}
