//! Writes a configuration as a file would hold it.
//!
//! The output of `check-config --print` is itself a valid file: keys, values, and behind each a
//! comment that says where it came from.

use std::ffi::OsString;
use std::fmt::Write;

use super::definition::Draft;
use super::kind::Kind;
use super::settings::Config;
use super::source::Provenance;

/// Every value in effect, one line each: `key = value  # where it came from`.
///
/// ```
/// use ringgate::config::{CommandLine, Invocation, effective};
///
/// let words = ["notes", "--max-threads", "100"].map(Into::into);
/// let Ok(Invocation::Serve(config, provenance)) =
///     CommandLine::of("notes").parse(words, [], |path| std::fs::read_to_string(path))
/// else {
///     panic!("it is to serve");
/// };
/// assert!(effective(&config, &provenance).contains("max_threads = 100  # flag --max-threads\n"));
/// ```
pub fn effective(config: &Config, provenance: &Provenance) -> String {
    let draft = Draft::from(config.clone());
    let mut text = String::new();
    let options = provenance.line().options();
    for (index, option) in options.filter(|(_, option)| option.in_file()) {
        let value = toml_value(&option.kind, &option.kind.write(&draft));
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{} = {value}  # {}", option.key, provenance.at(index));
    }
    for (key, value, from) in provenance.own().effective() {
        let _ = writeln!(text, "{key} = {}  # {from}", quoted(&value));
    }
    text
}

/// The value of an option as TOML: a number, a string, or a list of strings. A path that is not
/// UTF-8 cannot be written in TOML and is shown with replacement characters.
pub(super) fn toml_value(kind: &Kind, items: &[OsString]) -> String {
    let items: Vec<_> = items.iter().map(|item| item.to_string_lossy()).collect();
    if kind.repeatable() {
        let quoted: Vec<_> = items.iter().map(|item| quoted(item)).collect();
        return format!("[{}]", quoted.join(", "));
    }
    let item = items.concat();
    // TOML integers are signed and have 64 bits; a larger size is quoted.
    let is_number = item.parse::<i64>().is_ok();
    if is_number && kind.takes_numbers() {
        item
    } else {
        quoted(&item)
    }
}

/// A basic string (TOML 1.0, "String").
fn quoted(text: &str) -> String {
    let mut quoted = String::from('"');
    for character in text.chars() {
        match character {
            '"' | '\\' => quoted.extend(['\\', character]),
            control if control.is_control() => {
                let _ = write!(quoted, "\\u{:04X}", u32::from(control));
            }
            plain => quoted.push(plain),
        }
    }
    quoted.push('"');
    quoted
}
