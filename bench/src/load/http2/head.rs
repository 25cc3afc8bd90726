//! The head of an answer, from its field lines (RFC 9113 section 8.3.2): status, length, and the field that
//! is tracked. As strict as the strictest client: what is malformed is wrong, whatever else the answer says.

use ringgate::http2::field::Token;
use ringgate::http2::hpack::{Line, Sink};

/// The fields of one block.
#[derive(Debug)]
pub(super) struct Head<'a> {
    /// 0 until `:status` was seen.
    pub(super) status: u16,
    /// The value of Content-Length.
    pub(super) length: Option<u64>,
    /// The first fault in the fields.
    pub(super) fault: Option<&'static str>,
    /// The name of the field that is tracked, in lower case.
    track: Option<&'a [u8]>,
    /// The value of that field.
    pub(super) tracked: Option<Vec<u8>>,
    has_regular: bool,
}

impl<'a> Head<'a> {
    pub(super) fn new(track: Option<&'a [u8]>) -> Self {
        Self {
            status: 0,
            length: None,
            fault: None,
            track,
            tracked: None,
            has_regular: false,
        }
    }

    fn complain(&mut self, why: &'static str) {
        self.fault.get_or_insert(why);
    }

    fn pseudo(&mut self, name: &[u8], value: &[u8]) {
        match (name, decimal(value)) {
            (b":status", Some(status @ 100..=999)) if value.len() == 3 => {
                if self.status != 0 || self.has_regular {
                    self.complain(":status comes twice, or behind other fields.");
                }
                self.status = status as u16;
            }
            (b":status", _) => self.complain(":status is no status."),
            _ => self.complain("An answer has another pseudo-field than :status."),
        }
    }
}

impl Sink for Head<'_> {
    fn line(&mut self, line: Line<'_>) {
        let (name, value) = (line.name(), line.value());
        if line.token.is_pseudo() {
            return self.pseudo(name, value);
        }
        self.has_regular = true;
        match line.token {
            Token::Connection => self.complain("An answer has a field about the connection."),
            Token::Invalid => self.complain("The name of a field is none."),
            Token::Steering if name == b"content-length" => match decimal(value) {
                Some(length) if self.length.is_none() => self.length = Some(length),
                _ => self.complain("Content-Length comes twice, or is no number."),
            },
            _ => {}
        }
        if !line.valid {
            self.complain("The value of a field is none.");
        }
        if self.track == Some(name) {
            self.tracked = Some(value.to_vec());
        }
    }
}

/// A non-empty run of decimal digits (RFC 9110 section 8.6), nothing else.
fn decimal(value: &[u8]) -> Option<u64> {
    let is_number = !value.is_empty() && value.iter().all(u8::is_ascii_digit);
    let text = std::str::from_utf8(value).ok().filter(|_| is_number)?;
    text.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(fields: &[(&str, &str)]) -> Head<'static> {
        let mut head = Head::new(Some(b"server"));
        for (name, value) in fields {
            let both = format!("{name}{value}");
            let token = Token::of(name.as_bytes());
            head.line(Line {
                both: both.as_bytes(),
                name: name.len(),
                token,
                valid: token.accepts(value.as_bytes()),
            });
        }
        head
    }

    #[test]
    fn a_good_head_is_read_with_the_field_that_is_tracked() {
        let good = head(&[
            (":status", "200"),
            ("content-length", "13"),
            ("server", "x"),
        ]);
        assert_eq!(
            (good.status, good.length, good.fault),
            (200, Some(13), None)
        );
        assert_eq!(good.tracked.as_deref(), Some(&b"x"[..]));
    }

    #[test]
    fn a_malformed_head_is_found() {
        for fields in [
            &[(":status", "200"), (":status", "200")][..],
            &[("server", "x"), (":status", "200")],
            &[(":status", "2000")],
            &[(":status", "abc")],
            &[(":status", "200"), (":path", "/")],
            &[(":status", "200"), ("connection", "close")],
            &[(":status", "200"), ("Server", "x")],
            &[
                (":status", "200"),
                ("content-length", "1"),
                ("content-length", "1"),
            ],
            &[(":status", "200"), ("content-length", "")],
            &[(":status", "200"), ("server", "a\nb")],
        ] {
            assert!(head(fields).fault.is_some(), "{fields:?}");
        }
    }
}
