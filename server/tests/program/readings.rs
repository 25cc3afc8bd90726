//! `check-config` and `doctor` read what a start reads, and let nothing pass that would end the start.

use crate::certificates::write_pair;
use crate::common::{Directory, ringgate};
use std::fs;
use std::path::Path;
use std::process::Output;

fn run(words: &[&str], file: &Path) -> Output {
    let mut command = ringgate();
    command.args(words).arg(file);
    command.output().expect("the binary runs")
}

#[track_caller]
fn said(output: &Output) -> String {
    let out = String::from_utf8_lossy(&output.stdout);
    format!("{out}{}", String::from_utf8_lossy(&output.stderr))
}

/// Holds a configuration with these lines to it that check-config, doctor and a start all refuse it for `reason`.
#[track_caller]
fn refused_by_all(lines: &str, code_of_start: i32, reason: &str, cure: &str) {
    let directory = Directory::new();
    let file = directory.path("ringgate.toml");
    let listens = match lines.contains("listen =") {
        true => "",
        false => "listen = \"127.0.0.1:0\"\n",
    };
    fs::write(&file, format!("control = \"none\"\n{listens}{lines}\n")).expect("a file");
    for (words, code) in [
        (["check-config"].as_slice(), 2),
        (&["doctor"], 1),
        (&["serve", "--config"], code_of_start),
    ] {
        let output = run(words, &file);
        let said = said(&output);
        assert_eq!(output.status.code(), Some(code), "{words:?}: {said}");
        for text in [reason, cure] {
            assert!(said.contains(text), "{words:?}: {text:?} in {said}");
        }
    }
    let checked = run(&["check-config"], &file);
    assert!(checked.stdout.is_empty(), "{checked:?}");
    assert_eq!(said(&checked).lines().count(), 1, "{checked:?}");
}

#[test]
fn certificates_that_no_start_can_use_are_refused_before() {
    let directory = Directory::new();
    let (chain, key) = (directory.path("a.pem"), directory.path("a.key"));
    let other = directory.path("other.key");
    write_pair(&directory.path("b.pem"), &other, "b.example", 90);
    write_pair(&chain, &key, "a.example", 90);
    let missing = directory.path("missing.pem");
    let tls = |rest: &str| format!("listen = \"https://127.0.0.1:0\"\n{rest}");
    let lines = tls(&format!("certificate = {missing:?}"));
    refused_by_all(&lines, 2, "cannot be read", "name another with certificate");
    let lines = tls(&format!(
        "certificate = {chain:?}\ncertificate_key = {other:?}"
    ));
    refused_by_all(&lines, 2, "does not belong", "other.key");
    let lines = tls(&format!("certificate = {chain:?}\nclient_ca = {missing:?}"));
    refused_by_all(&lines, 2, "cannot be read", "name another with client_ca");
}

#[test]
fn a_user_and_a_group_whom_nobody_knows_are_refused_before_and_by_a_start() {
    let who = "nobody-has-this-name";
    for (key, what) in [("user", "user"), ("group", "group")] {
        let reason = format!("there is no {what} \"{who}\" on this machine");
        let cure = format!("a {what} of this machine, by name or number");
        refused_by_all(&format!("{key} = \"{who}\""), 2, &reason, &cure);
    }
    let directory = Directory::new();
    let socket = directory.path("s");
    let lines = format!("listen = \"unix:{}?user={who}\"", socket.display());
    refused_by_all(&lines, 1, &format!("there is no user \"{who}\""), who);
}

#[test]
fn directories_that_cannot_be_served_are_refused_before() {
    let directory = Directory::new();
    let missing = directory.path("missing");
    for key in ["root", "error_pages"] {
        let lines = format!("{key} = {missing:?}");
        refused_by_all(
            &lines,
            2,
            "No such file",
            "a directory that this user can read",
        );
    }
}

#[test]
fn logs_that_cannot_be_written_are_refused_before_and_nothing_is_made() {
    let directory = Directory::new();
    let missing = directory.path("missing/log");
    for key in ["log_file", "access_log"] {
        let cure = "make its directory first";
        refused_by_all(&format!("{key} = {missing:?}"), 1, "cannot open", cure);
        let is_directory = directory.path(".");
        let lines = format!("{key} = {is_directory:?}");
        refused_by_all(&lines, 1, "cannot open", "name a file");
    }
    let good = directory.path("log");
    let file = directory.path("ringgate.toml");
    let text = format!("log_file = {good:?}\n");
    fs::write(&file, text).expect("a file");
    let checked = run(&["check-config"], &file);
    assert_eq!(checked.status.code(), Some(0), "{}", said(&checked));
    assert!(!good.exists());
}
