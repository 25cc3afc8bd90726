//! The documents say what the program says.

use crate::common::Program;
use serde_json::Value;

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
    let program = Program::start(&[]);
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
