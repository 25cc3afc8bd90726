//! One event becomes one line: text for people, JSON for machines.
//!
//! Pure: time and thread name are arguments. Called by the layer for each event and by the log
//! thread for its own reports. The formatter visits an event twice (message first, then the fields)
//! instead of collecting the fields, so that a line costs one buffer. Spans are not printed: a
//! request is described by the fields of its event.

use std::error::Error;
use std::fmt::{self, Write};
use std::time::SystemTime;

use tracing::field::{Field, FieldSet, Visit};
use tracing::{Event, Level};

use super::escape::{Escape, Style};
use super::journal::priority;
use super::names::{is_message, key};

/// How a line is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// `2026-11-21T18:30:00.123Z WARN  message key=value`
    #[default]
    Text,
    /// One object a line: `ts`, `level`, `target`, `message`, the fields, `thread`. A field with
    /// one of these names is written as `field.NAME`, the second of two fields with one name as
    /// `NAME.2`: no key stands twice.
    Json,
}

/// The form of all lines of a log.
#[derive(Clone, Copy, Debug)]
pub(super) struct Form {
    pub(super) format: Format,
    /// Whether lines begin with their priority, as the journal takes it.
    pub(super) has_priority: bool,
}

/// Appends the line of `event`, with its `\n`, to `line`.
pub(super) fn event(
    line: &mut String,
    form: Form,
    now: SystemTime,
    thread: &str,
    event: &Event<'_>,
) {
    let metadata = event.metadata();
    let format = form.format;
    head(line, form, now, *metadata.level(), metadata.target());
    let message_at = line.len();
    let fields = metadata.fields();
    event.record(&mut MessageVisitor {
        line,
        format,
        fields,
    });
    if line.len() == message_at && format == Format::Text {
        // An event of fields alone: its target stands for the message.
        text(line, Style::Message, format_args!("{}", metadata.target()));
    }
    message_end(line, format);
    event.record(&mut FieldVisitor {
        line,
        format,
        fields,
    });
    tail(line, format, thread);
}

/// A line of the log thread itself, which has no `tracing` event.
pub(super) struct Report<'a> {
    pub(super) form: Form,
    pub(super) now: SystemTime,
    pub(super) level: Level,
    /// The thread that it is about.
    pub(super) thread: &'a str,
}

impl Report<'_> {
    /// Appends the line. `fields` have names of their own, none of which is a part of every line.
    pub(super) fn write(
        &self,
        line: &mut String,
        message: fmt::Arguments<'_>,
        fields: &[(&str, &str)],
    ) {
        let format = self.form.format;
        head(line, self.form, self.now, self.level, module_path!());
        message_text(line, format, message);
        message_end(line, format);
        for (name, value) in fields {
            key_start(line, format, name);
            string_value(line, format, format_args!("{value}"));
        }
        tail(line, format, self.thread);
    }
}

// Writing to a String cannot fail; a `Display` that returns an error leaves what it wrote.

fn head(line: &mut String, form: Form, now: SystemTime, level: Level, target: &str) {
    let format = form.format;
    if form.has_priority {
        line.push_str(priority(level));
    }
    let ts = humantime::format_rfc3339_millis(now);
    let _ = match format {
        Format::Text => write!(line, "{ts} {:<5} ", level.as_str()),
        Format::Json => write!(
            line,
            "{{\"ts\":\"{ts}\",\"level\":\"{level}\",\"target\":\""
        ),
    };
    if format == Format::Json {
        text(line, Style::Json, format_args!("{target}"));
        line.push_str("\",\"message\":\"");
    }
}

fn message_text(line: &mut String, format: Format, message: fmt::Arguments<'_>) {
    let style = if format == Format::Text {
        Style::Message
    } else {
        Style::Json
    };
    text(line, style, message);
}

fn message_end(line: &mut String, format: Format) {
    if format == Format::Json {
        line.push('"');
    }
}

fn tail(line: &mut String, format: Format, thread: &str) {
    if format == Format::Json {
        line.push_str(",\"thread\":\"");
        text(line, Style::Json, format_args!("{thread}"));
        line.push_str("\"}");
    }
    line.push('\n');
}

fn text(line: &mut String, style: Style, content: fmt::Arguments<'_>) -> bool {
    let mut escape = Escape::new(line, style);
    // A String takes everything.
    let _ = escape.write_fmt(content);
    escape.finish()
}

/// A name or value of a text line: quoted when it is empty or not plain.
fn quoted_if_needed(line: &mut String, content: fmt::Arguments<'_>) {
    let start = line.len();
    let plain = text(line, Style::Value, content);
    if !plain || line.len() == start {
        line.insert(start, '"');
        line.push('"');
    }
}

/// A field up to where its value starts.
fn key_start(line: &mut String, format: Format, key: &str) {
    match format {
        Format::Text => {
            line.push(' ');
            quoted_if_needed(line, format_args!("{key}"));
            line.push('=');
        }
        Format::Json => {
            line.push_str(",\"");
            text(line, Style::Json, format_args!("{key}"));
            line.push_str("\":");
        }
    }
}

fn string_value(line: &mut String, format: Format, value: fmt::Arguments<'_>) {
    match format {
        Format::Text => quoted_if_needed(line, value),
        Format::Json => {
            line.push('"');
            text(line, Style::Json, value);
            line.push('"');
        }
    }
}

struct MessageVisitor<'a> {
    line: &'a mut String,
    format: Format,
    fields: &'a FieldSet,
}

impl Visit for MessageVisitor<'_> {
    fn record_str(&mut self, field: &Field, value: &str) {
        if is_message(self.fields, field) {
            message_text(self.line, self.format, format_args!("{value}"));
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if is_message(self.fields, field) {
            message_text(self.line, self.format, format_args!("{value:?}"));
        }
    }
}

struct FieldVisitor<'a> {
    line: &'a mut String,
    format: Format,
    fields: &'a FieldSet,
}

impl FieldVisitor<'_> {
    /// Writes the name up to where the value starts; false for the message, already written.
    fn name(&mut self, field: &Field) -> bool {
        if is_message(self.fields, field) {
            return false;
        }
        let key = key(self.fields, field, self.format);
        key_start(self.line, self.format, &key);
        true
    }

    fn string(&mut self, field: &Field, value: fmt::Arguments<'_>) {
        if !self.name(field) {
            return;
        }
        string_value(self.line, self.format, value);
    }

    fn bare(&mut self, field: &Field, value: impl fmt::Display) {
        if self.name(field) {
            let _ = write!(self.line, "{value}");
        }
    }
}

impl Visit for FieldVisitor<'_> {
    fn record_u64(&mut self, field: &Field, value: u64) {
        self.bare(field, value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.bare(field, value);
    }

    fn record_u128(&mut self, field: &Field, value: u128) {
        self.bare(field, value);
    }

    fn record_i128(&mut self, field: &Field, value: i128) {
        self.bare(field, value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.bare(field, value);
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        // JSON has no infinity and no NaN (RFC 8259, section 6).
        if value.is_finite() {
            self.bare(field, value);
        } else {
            self.string(field, format_args!("{value}"));
        }
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.string(field, format_args!("{value}"));
    }

    fn record_error(&mut self, field: &Field, value: &(dyn Error + 'static)) {
        self.string(field, format_args!("{}", Chain(value)));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.string(field, format_args!("{value:?}"));
    }
}

/// An error and what caused it: `outer: inner: innermost`.
struct Chain<'a>(&'a (dyn Error + 'static));

impl fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)?;
        std::iter::successors(self.0.source(), |&cause| cause.source())
            .try_for_each(|cause| write!(f, ": {cause}"))
    }
}
