//! Fields for files by pattern: which of them go with an answer.
//!
//! How a pattern is written is said by [`FileHeader`].

use crate::config::FileHeader;
use crate::handler::Response;
use http::{HeaderName, HeaderValue};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// Rules in their order.
pub(super) struct Rules(Vec<Rule>);

struct Rule {
    pattern: Vec<u8>,
    /// Whether the pattern is for the whole path from the root, and not for the name alone.
    is_of_path: bool,
    name: HeaderName,
    value: HeaderValue,
}

impl Rules {
    pub(super) fn of(headers: &[FileHeader]) -> Rules {
        let rule = |header: &FileHeader| Rule {
            pattern: header.pattern().trim_start_matches('/').into(),
            is_of_path: header.pattern().contains('/'),
            name: header.name().clone(),
            value: header.value().clone(),
        };
        Rules(headers.iter().map(rule).collect())
    }

    /// The answer with the fields for the file at `path`. Of two for one field the later rule holds.
    pub(super) fn apply(&self, path: &Path, answer: Response) -> Response {
        let name = path.file_name().unwrap_or_default().as_bytes();
        let path = path.as_os_str().as_bytes();
        let fits = |rule: &Rule| fits(&rule.pattern, if rule.is_of_path { path } else { name });
        let fitting = |(_, rule): &(usize, &Rule)| fits(rule);
        let rules = self.0.iter().enumerate().filter(fitting);
        rules.fold(answer, |answer, (at, rule)| {
            let later = &self.0[at + 1..];
            match later
                .iter()
                .any(|other| other.name == rule.name && fits(other))
            {
                true => answer,
                false => answer.with_header(rule.name.clone(), rule.value.clone()),
            }
        })
    }
}

/// Whether a pattern fits all of a text: `*` stands for any bytes, and for none.
fn fits(pattern: &[u8], text: &[u8]) -> bool {
    let (mut at, mut in_text) = (0, 0);
    // Where to go on if what follows the last star does not fit: behind the star, one byte later in the text.
    let mut again: Option<(usize, usize)> = None;
    while in_text < text.len() {
        match pattern.get(at) {
            Some(b'*') => {
                at += 1;
                again = Some((at, in_text));
            }
            Some(byte) if *byte == text[in_text] => {
                at += 1;
                in_text += 1;
            }
            _ => match again {
                None => return false,
                Some((star, from)) => {
                    again = Some((star, from + 1));
                    (at, in_text) = (star, from + 1);
                }
            },
        }
    }
    pattern[at..].iter().all(|byte| *byte == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_any_bytes() {
        for (pattern, text, expected) in [
            ("*", "", true),
            ("*", "a/b.c", true),
            ("", "", true),
            ("", "a", false),
            ("a", "a", true),
            ("a", "ab", false),
            ("*.js", "app.js", true),
            ("*.js", ".js", true),
            ("*.js", "app.js.map", false),
            ("*.js", "app.css.js", true),
            ("a*b*c", "a1b2b3c", true),
            ("a*b*c", "a1c", false),
            ("assets/*", "assets/x/y", true),
            ("assets/*", "assets", false),
            ("*aab", "aaaab", true),
            ("**a**", "bab", true),
        ] {
            assert_eq!(
                fits(pattern.as_bytes(), text.as_bytes()),
                expected,
                "{pattern} {text}"
            );
        }
    }

    #[test]
    fn a_pattern_with_a_slash_is_for_the_path_and_another_for_the_name_and_the_later_rule_holds() {
        let header = |pattern, name, value| FileHeader::new(pattern, name, value).expect("a rule");
        let rules = Rules::of(&[
            header("*", "cache-control", "no-cache"),
            header("/assets/*", "cache-control", "immutable"),
            header("app.js", "x-name", "app"),
        ]);
        let fields = |path: &str| {
            let answer = rules.apply(Path::new(path), Response::text(""));
            let fields = answer.headers().iter();
            let fields = fields.map(|(name, value)| format!("{name}: {}", value.to_str().unwrap()));
            fields.collect::<Vec<_>>()
        };
        assert_eq!(fields("index.html"), ["cache-control: no-cache"]);
        assert_eq!(
            fields("assets/app.js"),
            ["cache-control: immutable", "x-name: app"]
        );
        assert_eq!(fields("x/assets/app.css"), ["cache-control: no-cache"]);
    }
}
