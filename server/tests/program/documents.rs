//! The documents say what the program says.

use crate::common::{BINARY, Directory, Program, ringgate};
use serde_json::Value;
use std::collections::HashSet;
use std::fs;
use std::process::Command;

fn every_key(value: &Value, keys: &mut Vec<String>) {
    match value {
        Value::Object(map) => {
            for (key, value) in map {
                keys.push(key.clone());
                every_key(value, keys);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| every_key(item, keys)),
        _ => {}
    }
}

#[test]
fn every_key_of_a_status_is_in_its_document() {
    let document = include_str!("../../../docs/status.md");
    let listeners = ["--listen", "127.0.0.1:0", "--listen", "https://127.0.0.1:0"];
    let program = Program::start(&[&listeners[..], &["--certificate", "self"]].concat());
    let answer = program.get("/status.json");
    let (_, json) = answer.split_once("\r\n\r\n").unwrap();
    for status in [program.status(), serde_json::from_str(json).unwrap()] {
        let mut keys = Vec::new();
        every_key(&status, &mut keys);
        assert!(keys.len() > 50);
        for key in keys {
            let named = [format!("`{key}`"), format!(".{key}`")];
            assert!(
                named.iter().any(|name| document.contains(name.as_str())),
                "{key} is not in docs/status.md"
            );
        }
    }
}

const UNIT: &str = include_str!("../../../scripts/ringgate.service");

/// What the unit starts.
const INSTALLED: &str = "/usr/local/bin/ringgate";

/// The values of a setting of the unit.
fn settings(name: &str) -> Vec<&'static str> {
    let lines = UNIT.lines();
    let found = lines.filter_map(|line| line.strip_prefix(name)?.strip_prefix('='));
    found.collect()
}

/// systemd-analyze takes any program that is there, and a test would start its own whatever the unit says.
#[test]
fn the_unit_starts_and_reloads_the_installed_program() {
    let of_unit = |name| {
        let [command] = settings(name)[..] else {
            panic!("{name} is there once")
        };
        command.split_whitespace().next()
    };
    assert_eq!(of_unit("ExecStart"), Some(INSTALLED));
    assert_eq!(of_unit("ExecReload"), Some(INSTALLED));
}

#[test]
#[ignore = "needs systemd-analyze: apt-get install systemd"]
fn systemd_finds_nothing_to_say_of_the_units_and_little_exposed() {
    let directory = Directory::new();
    let (unit, socket) = (
        directory.path("ringgate.service"),
        directory.path("ringgate.socket"),
    );
    fs::write(&unit, UNIT.replace(INSTALLED, BINARY)).unwrap();
    fs::write(&socket, include_str!("../../../scripts/ringgate.socket")).unwrap();
    let analyze = |args: &[&str]| {
        let analyze = Command::new("systemd-analyze").args(args).output().unwrap();
        assert!(analyze.status.success(), "{analyze:?}");
        // An unknown value is a line and no failure.
        let said = String::from_utf8_lossy(&analyze.stderr);
        assert!(said.is_empty(), "{said}");
        analyze.stdout
    };
    let [unit, socket] = [&unit, &socket].map(|path| path.to_str().unwrap());
    assert!(analyze(&["verify", unit, socket]).is_empty());
    // Tenths: 1.5 of 10 with systemd 252.
    analyze(&["security", "--offline=true", "--threshold=20", unit]);
}

/// RestartPreventExitStatus= is about the main process alone (systemd.service(5)).
#[test]
fn a_wrong_configuration_ends_the_service_with_the_code_that_prevents_a_restart() {
    let directory = Directory::new();
    let wrong = directory.path("ringgate.toml");
    fs::write(&wrong, "max_treads = 1\n").unwrap();
    assert!(settings("ExecStartPre").is_empty());
    let [start] = settings("ExecStart")[..] else {
        panic!("one program is the service")
    };
    let words = start.replace("/etc/ringgate/ringgate.toml", wrong.to_str().unwrap());
    let ended = ringgate()
        .args(words.split_whitespace().skip(1))
        .output()
        .unwrap();
    let code = ended.status.code().unwrap().to_string();
    assert_eq!(settings("RestartPreventExitStatus"), [code], "{ended:?}");
}

#[test]
fn no_document_defines_a_field_twice() {
    for (name, document) in [
        ("status.md", include_str!("../../../docs/status.md")),
        ("control.md", include_str!("../../../docs/control.md")),
        ("metrics.md", include_str!("../../../docs/metrics.md")),
        (
            "configuration.md",
            include_str!("../../../docs/configuration.md"),
        ),
    ] {
        let mut seen = HashSet::new();
        for line in document.lines() {
            match line
                .strip_prefix("| ")
                .and_then(|row| row.split_once(" | "))
            {
                // A field may be of each of two ledgers, which have a table each.
                _ if line.starts_with('#') => seen.clear(),
                Some((first, _)) if first.starts_with('`') => {
                    assert!(seen.insert(first), "docs/{name} has {first} twice");
                }
                _ => {}
            }
        }
    }
}

#[test]
fn the_document_of_metrics_says_at_which_path_they_are() {
    let document = include_str!("../../../docs/metrics.md");
    assert!(document.contains("`GET /metrics`"));
}

#[test]
fn every_exit_code_and_signal_is_in_its_document() {
    let document = include_str!("../../../docs/signals-and-exit-codes.md");
    for code in 0..=3 {
        assert!(document.contains(&format!("\n| {code} | ")), "{code}");
    }
    for signal in ["INT", "TERM", "QUIT", "TTIN", "TTOU", "HUP", "USR1", "USR2"] {
        assert!(document.contains(&format!("\n| `{signal}` | ")), "{signal}");
    }
}
