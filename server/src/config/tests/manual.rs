//! The manual pages and the completions stand in `docs/` as the definition makes them.

use super::super::manual;
use super::texts::check_document;
use clap_complete::Shell;

#[test]
fn the_manual_pages_are_what_the_definition_makes() {
    check_document("man/ringgate.1", &manual::program_page());
    check_document("man/ringgate.toml.5", &manual::file_page());
}

#[test]
fn the_completions_are_what_the_definition_makes() {
    for (shell, file) in [
        (Shell::Bash, "ringgate.bash"),
        (Shell::Zsh, "_ringgate"),
        (Shell::Fish, "ringgate.fish"),
    ] {
        let made = manual::completions(shell);
        check_document(&format!("completions/{file}"), &made);
    }
}
