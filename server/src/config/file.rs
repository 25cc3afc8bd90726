//! Reads the TOML file: a flat table of the options' keys.
//!
//! Called by [`parse`](super::parse) with the text already in hand. Values become the same text
//! that a flag would carry, so that one reader judges them all; this file only finds the key, the
//! line and the column.

use std::ffi::OsString;
use std::ops::Range;
use std::path::Path;

use toml_edit::{Document, Item, TomlError, Value};

use super::command::CommandLine;
use super::definition::{Draft, OptionDef};
use super::error::Error;
use super::kind::Refused;
use super::source::{Provenance, Source};

/// Puts the values of the file into the draft.
pub(super) fn read(
    line: &CommandLine,
    path: &Path,
    text: &str,
    draft: &mut Draft,
    provenance: &mut Provenance,
) -> Result<(), Error> {
    // A byte order mark is no character of the first line.
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let place = |span: Option<Range<usize>>| place(path, text, span.map_or(0, |span| span.start));
    let document = Document::parse(text).map_err(|error| Error::Syntax {
        message: syntax(&error, text),
        at: place(error.span()),
    })?;
    for (name, item) in document.iter() {
        let key_span = document.key(name).and_then(|key| key.span());
        let at = place(key_span.or_else(|| item.span()));
        if let Item::Value(value) = item
            && !value.is_array()
            && !value.is_inline_table()
            && provenance
                .own_mut()
                .set(name, &value_text(value), at.clone())?
        {
            continue;
        }
        let (index, option) = known(line, name, &at)?;
        let (items, spans) = match item {
            Item::Value(value) => texts(value),
            Item::Table(_) | Item::ArrayOfTables(_) | Item::None => {
                let message =
                    format!("{name} is a section; keys stand flat at the top: {name} = ...");
                return Err(Error::Syntax { at, message });
            }
        };
        let wrong = |refused: Refused| {
            let span = spans
                .get(refused.item)
                .cloned()
                .flatten()
                .or_else(|| item.span());
            let written = span
                .clone()
                .and_then(|span| text.get(span))
                .unwrap_or_default();
            refused.written(one_line(written), option, place(span))
        };
        let takes_numbers = option.kind.takes_numbers();
        match bare_value(item).filter(|bare| !takes_numbers || *bare != INTEGER) {
            Some(bare) => {
                let belongs = match takes_numbers {
                    true => "a whole number or a quoted string",
                    false => "a quoted string",
                };
                let reason = format!("{bare} where {belongs} belongs");
                return Err(wrong(option.kind.refuse(reason)));
            }
            None => option.kind.read(draft, &items).map_err(wrong)?,
        }
        provenance.set(index, at);
    }
    Ok(())
}

fn known(
    line: &CommandLine,
    name: &str,
    at: &Source,
) -> Result<(usize, &'static OptionDef), Error> {
    let own = line.own().iter().map(|option| option.key);
    let in_file = || line.options().filter(|(_, option)| option.in_file());
    in_file()
        .find(|(_, option)| option.key == name)
        .ok_or_else(|| Error::UnknownKey {
            at: at.clone(),
            key: name.to_owned(),
            nearest: nearest(name, in_file().map(|(_, option)| option.key).chain(own)),
        })
}

/// The candidate with the smallest edit distance.
fn nearest(name: &str, candidates: impl Iterator<Item = &'static str>) -> &'static str {
    let name = name.to_ascii_lowercase().replace('-', "_");
    candidates
        .min_by_key(|key| strsim::damerau_levenshtein(&name, key))
        .unwrap_or_default()
}

/// The texts of a value or of the values of a list, each with its place.
fn texts(value: &Value) -> (Vec<OsString>, Vec<Option<Range<usize>>>) {
    match value {
        Value::Array(array) => array
            .iter()
            .map(|value| (value_text(value), value.span()))
            .unzip(),
        value => (vec![value_text(value)], vec![value.span()]),
    }
}

fn value_text(value: &Value) -> OsString {
    match value {
        Value::String(string) => string.value().into(),
        Value::Integer(integer) => integer.value().to_string().into(),
        Value::Float(float) => float.value().to_string().into(),
        Value::Boolean(boolean) => boolean.value().to_string().into(),
        Value::Datetime(datetime) => datetime.value().to_string().into(),
        Value::Array(_) => "[...]".into(),
        Value::InlineTable(_) => "{...}".into(),
    }
}

/// The only bare value that an option may have: TOML's other numbers are no counts.
const INTEGER: &str = "integer";

/// Returns the type of a value that is neither a string nor a list of strings.
fn bare_value(item: &Item) -> Option<&'static str> {
    let of = |value: &Value| (!value.is_str()).then(|| value.type_name());
    match item {
        Item::Value(Value::Array(array)) => array.iter().find_map(of),
        Item::Value(value) => of(value),
        Item::None | Item::Table(_) | Item::ArrayOfTables(_) => None,
    }
}

fn place(path: &Path, text: &str, offset: usize) -> Source {
    let before = text.get(..offset).unwrap_or(text);
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    Source::File {
        path: path.to_owned(),
        line: before.matches('\n').count() + 1,
        column: before[line_start..].chars().count() + 1,
    }
}

/// Returns the parser's message, with the key that the parser does not name.
fn syntax(error: &TomlError, text: &str) -> String {
    const NAMELESS: &str = "duplicate key";
    let message = one_line(error.message());
    let key = error.span().and_then(|span| text.get(span));
    match key {
        Some(key) if message == NAMELESS => {
            format!("{NAMELESS} `{}`; keep one of them", one_line(key))
        }
        _ => message,
    }
}

fn one_line(message: &str) -> String {
    message.split_whitespace().collect::<Vec<_>>().join(" ")
}
