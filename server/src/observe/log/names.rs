//! Under which key a field of an event stands in its line, so that no key stands twice.
//!
//! Pure; asked by the formatter (`line.rs`) for each field. A `tracing` event may have two fields of
//! one name, and fields named like the parts that every JSON line has. A reader of JSON keeps one of
//! two equal keys and loses the other (RFC 8259, section 4), so the later field gets another key. The
//! code that logs a field chooses its name.

use std::borrow::Cow;

use tracing::field::{Field, FieldSet};

use super::line::Format;

/// The field that `tracing` puts the text of an event in.
const MESSAGE: &str = "message";
/// The keys of the parts that every JSON line has.
const OWN_KEYS: [&str; 5] = ["ts", "level", "target", MESSAGE, "thread"];

/// Whether the text of the event stands in this field: the first one of that name. Further ones are
/// fields like any other.
pub(super) fn is_message(fields: &FieldSet, field: &Field) -> bool {
    field.name() == MESSAGE && message_at(fields) == Some(field.index())
}

fn message_at(fields: &FieldSet) -> Option<usize> {
    fields.iter().position(|field| field.name() == MESSAGE)
}

/// The key of a field that is not the text of its event ([`is_message`]): its name, `field.NAME` if a JSON line has a
/// part of that name, and `NAME.2`, `NAME.3` and so on if fields before it have that key.
pub(super) fn key(fields: &FieldSet, field: &Field, format: Format) -> Cow<'static, str> {
    let wanted = plain_key(field, format);
    let others = || {
        let message = message_at(fields);
        let others = fields.iter().enumerate();
        others.filter(move |(at, _)| Some(*at) != message && *at != field.index())
    };
    let same = |other: &Field| plain_key(other, format) == wanted;
    let before = others()
        .filter(|(at, other)| *at < field.index() && same(other))
        .count();
    if before == 0 {
        return wanted;
    }
    // The n-th further number that no field has for itself.
    let numbered = (2..).map(|number: u32| format!("{wanted}.{number}"));
    let free = numbered.filter(|key| others().all(|(_, other)| plain_key(&other, format) != *key));
    let mut free = free.skip(before - 1);
    free.next().map_or(wanted, Cow::Owned)
}

/// The key of a field that shares it with none.
fn plain_key(field: &Field, format: Format) -> Cow<'static, str> {
    let name = field.name();
    match format {
        Format::Json if OWN_KEYS.contains(&name) => Cow::Owned(format!("field.{name}")),
        Format::Json | Format::Text => Cow::Borrowed(name),
    }
}
