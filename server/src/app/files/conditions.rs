//! The conditions of a request on the version of a file (RFC 9110 section 13): whether it is served
//! at all, and whether in part. Pure: field lines and a [`Version`] in, a decision out.

use super::version::Version;
use smallvec::SmallVec;
use std::time::SystemTime;

/// The outcome of a request with conditions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Condition {
    /// The request is served.
    Met,
    /// The client has this version already: 304.
    Unchanged,
    /// The request is for another version than this: 412.
    Failed,
}

/// The lines of one field, in their order.
type Lines<'r> = SmallVec<[&'r [u8]; 1]>;

/// The fields of a request that name versions, and the range that hangs on one of them.
#[derive(Debug, Default)]
pub(super) struct Conditions<'r> {
    matching: Lines<'r>,
    none_matching: Lines<'r>,
    modified_since: Lines<'r>,
    unmodified_since: Lines<'r>,
    if_range: Lines<'r>,
    range: Lines<'r>,
}

impl<'r> Conditions<'r> {
    /// Finds the conditions among the fields of a request.
    pub(super) fn of(fields: impl Iterator<Item = (&'r str, &'r [u8])>) -> Conditions<'r> {
        let mut all = Conditions::default();
        for (name, value) in fields {
            let lines = match name.len() {
                5 if name.eq_ignore_ascii_case("range") => &mut all.range,
                8 if name.eq_ignore_ascii_case("if-match") => &mut all.matching,
                8 if name.eq_ignore_ascii_case("if-range") => &mut all.if_range,
                13 if name.eq_ignore_ascii_case("if-none-match") => &mut all.none_matching,
                17 if name.eq_ignore_ascii_case("if-modified-since") => &mut all.modified_since,
                19 if name.eq_ignore_ascii_case("if-unmodified-since") => &mut all.unmodified_since,
                _ => continue,
            };
            lines.push(value.trim_ascii());
        }
        all
    }

    /// Whether the request is served, by the order of section 13.2.2: the fields that ask for one version
    /// go before those that ask for a new one, and tags before dates.
    ///
    /// Only the very date of this version is taken for "not modified since", as in nginx: a file that was
    /// put back to an older version has an older date and is another one all the same. Section 13.1.3
    /// would let a later date pass. A value that is no date is ignored.
    pub(super) fn judge(&self, version: &Version<'_>) -> Condition {
        let failed = match (&self.matching[..], single_date(&self.unmodified_since)) {
            ([], Some(date)) => version.modified() > date,
            ([], None) => false,
            (lines, _) => !any_tag(lines, |tag| version.is(tag)),
        };
        let unchanged = match (&self.none_matching[..], single_date(&self.modified_since)) {
            ([], Some(date)) => version.modified() == date,
            ([], None) => false,
            (lines, _) => any_tag(lines, |tag| version.is_weakly(tag)),
        };
        match (failed, unchanged) {
            (true, _) => Condition::Failed,
            (false, true) => Condition::Unchanged,
            (false, false) => Condition::Met,
        }
    }

    /// The value of Range, if it holds for this version: no If-Range names another one (section 13.1.5).
    /// A weak tag and a date whose second was not over name none, for a part of one version must never be
    /// joined to a part of another.
    pub(super) fn range(&self, version: &Version<'_>) -> Option<&'r [u8]> {
        let [range] = self.range[..] else {
            return None;
        };
        let holds = match &self.if_range[..] {
            [] => true,
            [tag] if tag.starts_with(b"\"") => version.is(tag),
            [_] => single_date(&self.if_range).is_some_and(|date| version.is_of_strong_date(date)),
            _ => false,
        };
        holds.then_some(range)
    }
}

/// The date of a field that may stand once.
fn single_date(lines: &[&[u8]]) -> Option<SystemTime> {
    let [line] = lines else { return None };
    httpdate::parse_http_date(std::str::from_utf8(line).ok()?).ok()
}

/// Whether one of the entity tags in a list field fits, or the list is `*`.
fn any_tag(lines: &[&[u8]], fits: impl Fn(&[u8]) -> bool) -> bool {
    lines
        .iter()
        .any(|line| *line == b"*" || tags(line).any(&fits))
}

/// The entity tags of one line (section 8.8.3), each with its prefix and quotes, up to the first that is
/// malformed. A tag may hold commas.
fn tags(line: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = line;
    std::iter::from_fn(move || {
        let begin = rest
            .iter()
            .position(|byte| !matches!(byte, b' ' | b'\t' | b','))?;
        rest = &rest[begin..];
        let quote = if rest.starts_with(b"W/") { 2 } else { 0 };
        let opaque = rest[quote..].strip_prefix(b"\"")?;
        let len = opaque.iter().position(|byte| *byte == b'"')?;
        let (tag, after) = rest.split_at(quote + len + 2);
        rest = after;
        Some(tag)
    })
}

#[cfg(test)]
mod tests {
    use super::super::version::Traits;
    use super::super::version::tests::{TRAITS, at};
    use super::*;

    const TAG: &str = "\"7-a-de0b6b3a7640000-0\"";
    const WEAK: &str = "W/\"7-a-de0b6b3a7640000-0\"";
    const OTHER: &str = "\"7-a-0-0\"";
    const EARLIER: &str = "Sun, 09 Sep 2001 01:46:39 GMT";
    const DATE: &str = "Sun, 09 Sep 2001 01:46:40 GMT";
    const LATER: &str = "Sun, 09 Sep 2001 01:46:41 GMT";

    /// The version of [`TAG`] and [`DATE`], looked at so many milliseconds after that second began.
    fn version(age: i64) -> Version<'static> {
        let traits = Traits {
            modified: at(0),
            ..TRAITS
        };
        let validators = Box::leak(Box::default());
        Version::new(&traits, validators, at(age), None)
    }

    fn conditions<'r>(fields: &[(&'r str, &'r str)]) -> Conditions<'r> {
        let fields = fields.iter();
        Conditions::of(fields.map(|(name, value)| (*name, value.as_bytes())))
    }

    #[track_caller]
    fn judged(fields: &[(&str, &str)], expected: Condition) {
        let condition = conditions(fields).judge(&version(5000));
        assert_eq!(condition, expected, "{fields:?}");
    }

    #[test]
    fn without_conditions_a_request_is_served() {
        judged(&[], Condition::Met);
        judged(&[("Range", "bytes=0-1"), ("If", TAG)], Condition::Met);
    }

    #[test]
    fn a_client_with_this_version_is_told_so_by_tag() {
        let long = format!("\"a,b\" , {OTHER},, {WEAK}");
        for tags in [TAG, WEAK, "*", &long] {
            judged(&[("If-None-Match", tags)], Condition::Unchanged);
        }
        let lines = [("if-none-match", OTHER), ("IF-NONE-MATCH", TAG)];
        judged(&lines, Condition::Unchanged);
        let malformed = format!("x, {TAG}");
        let inside = format!("\"a, {TAG}");
        for tags in [OTHER, "", "\"\"", &TAG[1..], &malformed, &inside] {
            judged(&[("If-None-Match", tags)], Condition::Met);
        }
    }

    #[test]
    fn a_request_for_another_version_fails_by_tag_and_a_weak_tag_is_none() {
        let list = format!("{OTHER}, {TAG}");
        for tags in [TAG, "*", &list] {
            judged(&[("If-Match", tags)], Condition::Met);
        }
        for tags in [OTHER, WEAK, "", "tag"] {
            judged(&[("If-Match", tags)], Condition::Failed);
        }
    }

    #[test]
    fn a_file_is_unchanged_at_its_very_date_alone() {
        judged(&[("If-Modified-Since", DATE)], Condition::Unchanged);
        for date in [EARLIER, LATER, "yesterday", ""] {
            judged(&[("If-Modified-Since", date)], Condition::Met);
        }
        let twice = [("If-Modified-Since", DATE), ("If-Modified-Since", DATE)];
        judged(&twice, Condition::Met);
    }

    #[test]
    fn a_request_for_a_version_that_is_gone_fails_by_date() {
        judged(&[("If-Unmodified-Since", EARLIER)], Condition::Failed);
        for date in [DATE, LATER, "yesterday"] {
            judged(&[("If-Unmodified-Since", date)], Condition::Met);
        }
    }

    #[test]
    fn tags_go_before_dates_and_one_version_before_a_new_one() {
        let since = ("If-Modified-Since", DATE);
        judged(&[("If-None-Match", OTHER), since], Condition::Met);
        let unmodified = ("If-Unmodified-Since", EARLIER);
        judged(&[("If-Match", TAG), unmodified], Condition::Met);
        judged(&[("If-None-Match", TAG), unmodified], Condition::Failed);
        let both = [("If-Match", OTHER), ("If-None-Match", TAG)];
        judged(&both, Condition::Failed);
        let both = [("If-Match", TAG), ("If-None-Match", TAG)];
        judged(&both, Condition::Unchanged);
    }

    #[test]
    fn a_part_is_for_the_very_same_version() {
        let range = ("Range", "bytes=1-2");
        let holds = |if_range, age| {
            let fields = [range, ("If-Range", if_range)];
            conditions(&fields).range(&version(age)).is_some()
        };
        assert!(conditions(&[range]).range(&version(0)).is_some());
        assert!(holds(TAG, 0) && holds(DATE, 1000));
        assert!(!holds(DATE, 999), "its second is not over");
        for other in [OTHER, WEAK, EARLIER, LATER, "", "tag", "*"] {
            assert!(!holds(other, 5000), "{other}");
        }
        assert!(conditions(&[range, range]).range(&version(0)).is_none());
        let twice = [range, ("If-Range", TAG), ("If-Range", TAG)];
        assert!(conditions(&twice).range(&version(0)).is_none());
    }
}
