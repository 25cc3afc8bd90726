//! The text of a path as an application writes it: its segments, the parameters in them, and what can be no path.
//!
//! The syntax is that of matchit, which finds the paths of requests: `{name}` is a parameter of one segment, with text
//! before or behind it or not, `{*name}` takes the rest of the path, `{{` and `}}` are the braces themselves.

use std::cmp::Reverse;
use std::sync::Arc;

/// Bytes beside the visible ones that stand in no path of a request, unless they are escaped with a percent sign.
const ESCAPED: [char; 3] = ['<', '>', '`'];

/// A part of a path between two slashes.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Segment {
    Text(String),
    /// A parameter, and the text around it.
    Param {
        before: String,
        name: String,
        behind: String,
    },
}

/// The segments of a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Segments(Vec<Segment>);

impl Segments {
    /// The segments of a path that matchit takes, or of the prefix of some.
    pub(super) fn of(path: &str) -> Segments {
        let below_root = path.strip_prefix('/').unwrap_or(path);
        let chars = unescaped(below_root);
        let segments = match path {
            "" => Vec::new(),
            // A parameter has no slash in its name, so that each is in one segment.
            _ => chars.split(|of| *of == ('/', false)).map(segment).collect(),
        };
        Segments(segments)
    }

    /// The names of the parameters.
    pub(super) fn names(&self) -> Arc<[String]> {
        let names = self.0.iter().filter_map(|segment| match segment {
            Segment::Text(_) => None,
            Segment::Param { name, .. } => Some(name.trim_start_matches('*').to_owned()),
        });
        names.collect()
    }

    /// Whether these are the paths of the same requests, whatever the names of the parameters.
    pub(super) fn is_as(&self, other: &Segments) -> bool {
        let same = |(one, other): (&Segment, &Segment)| match (one, other) {
            (Segment::Text(one), Segment::Text(other)) => one == other,
            (
                Segment::Param {
                    before,
                    name,
                    behind,
                },
                Segment::Param {
                    before: b,
                    name: n,
                    behind: e,
                },
            ) => before == b && behind == e && name.starts_with('*') == n.starts_with('*'),
            _ => false,
        };
        self.0.len() == other.0.len() && self.0.iter().zip(&other.0).all(same)
    }

    /// The values of the parameters, if a path is that of these segments or lies below.
    pub(super) fn values<'p>(&self, path: &'p str) -> Option<Vec<&'p str>> {
        if self.0.is_empty() {
            return Some(Vec::new());
        }
        let mut values = Vec::new();
        let mut parts = path.strip_prefix('/')?.split('/');
        for segment in &self.0 {
            let part = parts.next()?;
            match segment {
                Segment::Text(text) if text == part => {}
                Segment::Text(_) => return None,
                Segment::Param { before, behind, .. } => {
                    let value = part.strip_prefix(&**before)?.strip_suffix(&**behind)?;
                    if value.is_empty() {
                        return None;
                    }
                    values.push(value);
                }
            }
        }
        Some(values)
    }

    /// A rank that is lower the more these segments say: more of them, and then text before parameters, segment by
    /// segment.
    pub(super) fn rank(&self) -> (Reverse<usize>, Vec<(bool, Reverse<usize>)>) {
        let rank = |segment: &Segment| match segment {
            Segment::Text(_) => (false, Reverse(0)),
            Segment::Param { before, behind, .. } => (true, Reverse(before.len() + behind.len())),
        };
        (Reverse(self.0.len()), self.0.iter().map(rank).collect())
    }
}

/// The characters of a path, and whether each is a brace that was written twice.
fn unescaped(path: &str) -> Vec<(char, bool)> {
    let mut chars = path.chars().peekable();
    let mut all = Vec::with_capacity(path.len());
    while let Some(char) = chars.next() {
        let is_escaped = matches!(char, '{' | '}') && chars.next_if_eq(&char).is_some();
        all.push((char, is_escaped));
    }
    all
}

fn segment(chars: &[(char, bool)]) -> Segment {
    let text = |chars: &[(char, bool)]| chars.iter().map(|(char, _)| *char).collect::<String>();
    let brace = |brace: char| chars.iter().position(|of| *of == (brace, false));
    match (brace('{'), brace('}')) {
        (Some(opens), Some(closes)) if opens < closes => Segment::Param {
            before: text(&chars[..opens]),
            name: text(&chars[opens + 1..closes]),
            behind: text(&chars[closes + 1..]),
        },
        _ => Segment::Text(text(chars)),
    }
}

/// Looks whether a request can have this path.
///
/// # Panics
/// If none can.
pub(super) fn check(path: &str) {
    if let Some(why) = wrong(path) {
        panic!("route {path:?}: {why}");
    }
}

/// Looks whether paths can lie below this prefix.
///
/// # Panics
/// If none can.
pub(super) fn check_prefix(prefix: &str) {
    check(prefix);
    let takes_rest =
        |segment: &Segment| matches!(segment, Segment::Param { name, .. } if name.starts_with('*'));
    assert!(
        !Segments::of(prefix).0.iter().any(takes_rest),
        "the prefix {prefix:?} takes the rest of the path, so that nothing is below it; name one segment, as in \"/{{name}}\""
    );
}

/// Why a request can have no such path, and what to write in its place.
fn wrong(path: &str) -> Option<String> {
    if !path.starts_with('/') {
        return Some(format!(
            "a path begins with a slash; write {:?}",
            format!("/{path}")
        ));
    }
    for segment in Segments::of(path).0 {
        let (text, behind) = match segment {
            Segment::Text(text) if matches!(&*text, "." | "..") => {
                return Some(format!(
                    "clients resolve {text:?} before they ask; write the path that it leads to"
                ));
            }
            Segment::Text(text) => (text, String::new()),
            Segment::Param { before, behind, .. } => (before, behind),
        };
        for char in text.chars().chain(behind.chars()) {
            match char {
                '?' => {
                    return Some(
                        "a query is no part of a path; leave it out and ask Request::query_value"
                            .to_owned(),
                    );
                }
                '#' => {
                    return Some(
                        "clients keep what is behind # to themselves; leave it out".to_owned(),
                    );
                }
                _ if !char.is_ascii_graphic() || ESCAPED.contains(&char) => {
                    let mut bytes = [0; 4];
                    let bytes = char.encode_utf8(&mut bytes).bytes();
                    let escaped: String = bytes.map(|byte| format!("%{byte:02X}")).collect();
                    return Some(format!(
                        "no request has {char:?} in its path; write {escaped:?}"
                    ));
                }
                _ => {}
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(path: &str) -> Vec<String> {
        Segments::of(path).names().to_vec()
    }

    #[test]
    fn parameters_are_told_from_braces_that_are_written_twice() {
        assert_eq!(names("/a/{x}/{*rest}"), ["x", "rest"]);
        assert_eq!(names("/v{major}.json/{y}"), ["major", "y"]);
        assert!(names("/{{x}}/y}}/{{").is_empty());
        assert_eq!(names("/{{{x}/b"), ["x"]);
        let values = |prefix, path| Segments::of(prefix).values(path);
        assert_eq!(values("/{{x}}", "/{x}/y"), Some(vec![]));
        assert_eq!(values("/v{n}-{{", "/v7-{/y"), Some(vec!["7"]));
    }

    #[test]
    fn a_path_lies_below_a_prefix_by_whole_segments() {
        let values = |prefix, path| Segments::of(prefix).values(path);
        assert_eq!(values("/a/{x}", "/a/1/b"), Some(vec!["1"]));
        assert_eq!(values("/a/{x}", "/a/1"), Some(vec!["1"]));
        for other in ["/a", "/a/", "/a//b", "/ab/1", "/b/1", "*", ""] {
            assert_eq!(values("/a/{x}", other), None, "{other}");
            assert_eq!(values("", other), Some(vec![]), "{other}");
        }
    }

    #[test]
    fn paths_are_the_same_whatever_their_parameters_are_called() {
        let same = |one, other| Segments::of(one).is_as(&Segments::of(other));
        assert!(same("/a/{x}", "/a/{y}") && same("/{*x}", "/{*y}"));
        for other in [
            "/a/x", "/a/{*x}", "/a/v{x}", "/a/{x}/b", "/b/{x}", "/a/{{x}}",
        ] {
            assert!(!same("/a/{x}", other), "{other}");
        }
    }
}
