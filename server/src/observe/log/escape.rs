//! Makes text that came from anywhere safe to stand in one log line.
//!
//! The formatter (`line.rs`) writes every message, name and value through [`Escape`]. `Escape`
//! decides which characters are spelled out and where a long value is cut: a value can neither end
//! the line, nor steer a terminal, nor (in JSON) end its string. [`super::Secret`] decides what is
//! secret.

use std::fmt::{self, Write};

/// The longest message or value in a line, in bytes of the original text; the rest is cut and
/// counted. Keeps one event from filling the queue.
pub(super) const VALUE_BYTES_MAX: usize = 4096;

/// How text is spelled out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Style {
    /// The message of a text line: quotes stay, the rest is spelled as in Rust.
    Message,
    /// A name or value of a text line: as [`Style::Message`], and quotes are escaped.
    Value,
    /// Inside a JSON string (RFC 8259, section 7).
    Json,
}

/// Appends what is written to it to `out`, escaped.
pub(super) struct Escape<'a> {
    out: &'a mut String,
    style: Style,
    room: usize,
    cut: usize,
    plain: bool,
}

impl<'a> Escape<'a> {
    pub(super) fn new(out: &'a mut String, style: Style) -> Self {
        Self {
            out,
            style,
            room: VALUE_BYTES_MAX,
            cut: 0,
            plain: true,
        }
    }

    /// Ends the value: tells how much was cut. Returns whether the value is so plain that a
    /// text line needs no quotes around it.
    pub(super) fn finish(self) -> bool {
        if self.cut > 0 {
            let _ = write!(self.out, "...({} bytes cut)", self.cut);
        }
        self.plain && self.cut == 0
    }

    fn spell(&mut self, c: char) {
        self.plain = false;
        // Writing to a String cannot fail.
        let _ = match (self.style, c) {
            (_, '\n') => self.out.write_str("\\n"),
            (_, '\r') => self.out.write_str("\\r"),
            (_, '\t') => self.out.write_str("\\t"),
            (_, '\\') => self.out.write_str("\\\\"),
            (_, '"') => self.out.write_str("\\\""),
            // Everything that `must_escape` names lies in the basic plane, so four digits do.
            (Style::Json, c) => write!(self.out, "\\u{:04x}", u32::from(c)),
            (_, c) => write!(self.out, "\\u{{{:x}}}", u32::from(c)),
        };
    }
}

impl Write for Escape<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let fits = text.floor_char_boundary(self.room);
        self.cut += text.len() - fits;
        // Once something is cut nothing more fits: a value is never cut in its middle.
        self.room = if fits < text.len() {
            0
        } else {
            self.room - fits
        };
        let text = &text[..fits];

        let mut copied = 0;
        for (at, c) in text.char_indices() {
            if must_escape(c, self.style) {
                self.out.push_str(&text[copied..at]);
                self.spell(c);
                copied = at + c.len_utf8();
            } else if c == ' ' || c == '=' {
                self.plain = false;
            }
        }
        self.out.push_str(&text[copied..]);
        Ok(())
    }
}

/// Control characters (C0, DEL, C1), the two Unicode line ends, and the controls that reorder
/// what a reader sees (Unicode Standard Annex 9).
fn must_escape(c: char, style: Style) -> bool {
    match c {
        '"' => style != Style::Message,
        '\\' => true,
        '\u{2028}' | '\u{2029}' | '\u{200e}' | '\u{200f}' | '\u{061c}' => true,
        '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => true,
        c => c.is_control(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn escaped(style: Style, text: &str) -> (String, bool) {
        let mut out = String::new();
        let mut escape = Escape::new(&mut out, style);
        escape.write_str(text).unwrap();
        let plain = escape.finish();
        (out, plain)
    }

    #[test]
    fn no_control_character_survives_in_any_style() {
        let nasty: String = ('\0'..='\u{9f}')
            .chain("\u{2028}\u{202e}\u{2066}".chars())
            .collect();
        for style in [Style::Message, Style::Value, Style::Json] {
            let (out, plain) = escaped(style, &nasty);
            assert!(!out.chars().any(char::is_control), "{style:?}: {out:?}");
            assert!(out.is_ascii(), "{style:?}: {out:?}");
            assert!(!plain);
        }
    }

    #[test]
    fn json_reads_back_what_was_written() {
        let nasty: String = ('\0'..='\u{2100}').chain("\u{1f980}".chars()).collect();
        for piece in nasty.chars().collect::<Vec<_>>().chunks(500) {
            let piece: String = piece.iter().collect();
            let (out, _) = escaped(Style::Json, &piece);
            let back: String = serde_json::from_str(&format!("\"{out}\"")).unwrap();
            assert_eq!(back, piece);
        }
    }

    #[test]
    fn plain_values_stay_as_they_are() {
        assert_eq!(
            escaped(Style::Value, "127.0.0.1:8080"),
            ("127.0.0.1:8080".into(), true)
        );
        assert_eq!(escaped(Style::Value, "größe"), ("größe".into(), true));
        assert_eq!(escaped(Style::Value, "a b"), ("a b".into(), false));
        assert_eq!(escaped(Style::Value, "a=b"), ("a=b".into(), false));
        assert_eq!(
            escaped(Style::Message, "say \"x\""),
            ("say \"x\"".into(), false)
        );
    }

    #[test]
    fn a_long_value_is_cut_at_a_character_and_says_how_much_is_missing() {
        let text = "é".repeat(VALUE_BYTES_MAX);
        let (out, _) = escaped(Style::Value, &text);
        let (kept, note) = out.split_once("...(").unwrap();
        assert_eq!(kept.len(), VALUE_BYTES_MAX);
        assert_eq!(note, format!("{} bytes cut)", text.len() - kept.len()));
    }

    #[test]
    fn nothing_follows_a_cut_even_if_it_would_fit() {
        let mut out = String::new();
        let mut escape = Escape::new(&mut out, Style::Value);
        escape.write_str(&"x".repeat(VALUE_BYTES_MAX - 1)).unwrap();
        escape.write_str("é").unwrap();
        escape.write_str("z").unwrap();
        escape.finish();
        assert!(
            out.ends_with("x...(3 bytes cut)"),
            "{}",
            &out[out.len() - 40..]
        );
    }
}
