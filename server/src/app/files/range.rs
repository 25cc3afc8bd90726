//! Which part of a file a request asks for (RFC 9110 section 14), and whether it asks for any
//! (section 13). Pure: header values and the file's size and time in, a decision out.

use std::time::{Duration, SystemTime};

/// What to send of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    /// All of it: 200.
    Whole,
    /// The bytes from `from` up to, not with, `to`: 206.
    Of { from: u64, to: u64 },
    /// The range begins behind the end: 416.
    Beyond,
}

/// The part that the fields `Range` and `If-Range` ask for of a file of `len` bytes.
///
/// What is malformed, of another unit, or more than one range is ignored, as RFC 9110 section 14.2
/// allows: the whole file answers it. So does a range on the condition of another version than
/// `modified` (section 13.1.5: the very same date; there are no entity tags here).
pub(super) fn wanted(
    range: Option<&[u8]>,
    if_range: Option<&[u8]>,
    modified: &str,
    len: u64,
) -> Part {
    if if_range.is_some_and(|date| date != modified.as_bytes()) {
        return Part::Whole;
    }
    range
        .and_then(|range| std::str::from_utf8(range).ok())
        .and_then(|range| part(range, len))
        .unwrap_or(Part::Whole)
}

fn part(range: &str, len: u64) -> Option<Part> {
    // Section 14.1: range units are compared without regard to case.
    let (unit, range) = range.split_once('=')?;
    let (first, last) = range.trim_matches([' ', '\t']).split_once('-')?;
    if !unit.eq_ignore_ascii_case("bytes") {
        return None;
    }
    if first.is_empty() {
        // The last bytes of the file.
        let count = position(last)?.min(len);
        return Some(match count {
            0 => Part::Beyond,
            _ => Part::Of {
                from: len - count,
                to: len,
            },
        });
    }
    let from = position(first)?;
    let to = match last {
        "" => len,
        _ => position(last)?.saturating_add(1).min(len),
    };
    match from < len {
        true if from < to => Some(Part::Of { from, to }),
        // The last before the first: not a range.
        true => None,
        false => Some(Part::Beyond),
    }
}

/// A number of any length: beyond 64 bits it is beyond every file.
fn position(digits: &str) -> Option<u64> {
    let all_digits = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    all_digits.then(|| digits.parse().unwrap_or(u64::MAX))
}

/// What becomes of a request with conditions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Condition {
    /// It is served.
    Met,
    /// The client has this version already: 304.
    Unchanged,
    /// It is for another version than this: 412.
    Failed,
}

/// The fields of RFC 9110 section 13.1 in the order of section 13.2.2: those that ask for one
/// version go before those that ask for a new one, tags before dates. There are no entity tags here,
/// so only `*` matches. Dates have whole seconds, and what is no date is ignored.
pub(super) fn condition<'r>(
    field: impl Fn(&'static str) -> Option<&'r [u8]>,
    modified: SystemTime,
) -> Condition {
    let matches = |tags: &[u8]| tags.trim_ascii() == b"*";
    let is_after = |date: &[u8]| {
        let date = httpdate::parse_http_date(std::str::from_utf8(date).ok()?).ok()?;
        Some(modified >= date + Duration::from_secs(1))
    };
    let failed = match (field("if-match"), field("if-unmodified-since")) {
        (Some(tags), _) => !matches(tags),
        (None, Some(date)) => is_after(date).unwrap_or(false),
        (None, None) => false,
    };
    let unchanged = match (field("if-none-match"), field("if-modified-since")) {
        (Some(tags), _) => matches(tags),
        (None, Some(date)) => is_after(date) == Some(false),
        (None, None) => false,
    };
    match (failed, unchanged) {
        (true, _) => Condition::Failed,
        (false, true) => Condition::Unchanged,
        (false, false) => Condition::Met,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DATE: &str = "Sun, 06 Nov 1994 08:49:37 GMT";

    #[track_caller]
    fn check(range: &str, len: u64, expected: Part) {
        assert_eq!(
            wanted(Some(range.as_bytes()), None, DATE, len),
            expected,
            "{range}"
        );
    }

    #[test]
    fn a_range_is_the_bytes_from_first_to_last() {
        check("bytes=0-0", 10, Part::Of { from: 0, to: 1 });
        check("bytes=2-4", 10, Part::Of { from: 2, to: 5 });
        check("bytes=7-", 10, Part::Of { from: 7, to: 10 });
        check("BYTES= 7-8", 10, Part::Of { from: 7, to: 9 });
        check("bytes=-3", 10, Part::Of { from: 7, to: 10 });
    }

    #[test]
    fn a_range_that_reaches_behind_the_end_is_cut_there() {
        check("bytes=7-99", 10, Part::Of { from: 7, to: 10 });
        check("bytes=-99", 10, Part::Of { from: 0, to: 10 });
        check(
            "bytes=7-99999999999999999999999",
            10,
            Part::Of { from: 7, to: 10 },
        );
    }

    #[test]
    fn a_range_that_begins_behind_the_end_cannot_be_satisfied() {
        check("bytes=10-", 10, Part::Beyond);
        check("bytes=10-5", 10, Part::Beyond);
        check("bytes=-0", 10, Part::Beyond);
        check("bytes=0-", 0, Part::Beyond);
        check("bytes=99999999999999999999999-", 10, Part::Beyond);
    }

    #[test]
    fn what_is_no_single_range_of_bytes_is_ignored() {
        for range in [
            "",
            "bytes",
            "bytes=",
            "bytes=-",
            "bytes=a-",
            "bytes=1-b",
            "bytes=+1-2",
            "bytes=4-2",
            "bytes=1-2,4-5",
            "lines=1-2",
            "bytes=1 - 2",
            "bytes=--1",
        ] {
            check(range, 10, Part::Whole);
        }
    }

    #[test]
    fn a_range_on_condition_is_for_the_very_same_version() {
        let part = |if_range: &str| wanted(Some(b"bytes=1-2"), Some(if_range.as_bytes()), DATE, 9);
        assert_eq!(part(DATE), Part::Of { from: 1, to: 3 });
        assert_eq!(part("Sun, 06 Nov 1994 08:49:38 GMT"), Part::Whole);
        assert_eq!(part("\"tag\""), Part::Whole);
    }

    #[track_caller]
    fn judged(fields: &[(&str, &str)], since: i64, expected: Condition) {
        let date = httpdate::parse_http_date(DATE).expect("a date");
        let modified = match since {
            ..0 => date - Duration::from_millis(since.unsigned_abs()),
            _ => date + Duration::from_millis(since.unsigned_abs()),
        };
        let field = |name: &str| {
            let found = fields.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| value.as_bytes())
        };
        assert_eq!(condition(field, modified), expected, "{fields:?} {since}");
    }

    #[test]
    fn a_file_is_unchanged_up_to_the_second_of_the_date() {
        let since = [("if-modified-since", DATE)];
        judged(&since, 999, Condition::Unchanged);
        judged(&since, -9000, Condition::Unchanged);
        judged(&since, 1000, Condition::Met);
        judged(&[("if-modified-since", "yesterday")], 0, Condition::Met);
        judged(&[], 0, Condition::Met);
    }

    #[test]
    fn a_request_for_a_version_that_is_gone_fails() {
        let since = [("if-unmodified-since", DATE)];
        judged(&since, 999, Condition::Met);
        judged(&since, 1000, Condition::Failed);
        judged(
            &[("if-unmodified-since", "yesterday")],
            9000,
            Condition::Met,
        );
        judged(&[("if-match", "\"tag\"")], 0, Condition::Failed);
        judged(&[("if-match", "*")], 0, Condition::Met);
    }

    #[test]
    fn entity_tags_go_before_dates_and_one_version_before_a_new_one() {
        let date = ("if-modified-since", DATE);
        judged(&[("if-none-match", "\"tag\""), date], 0, Condition::Met);
        judged(&[("if-none-match", "*"), date], 9000, Condition::Unchanged);
        let date = ("if-unmodified-since", DATE);
        judged(&[("if-match", "*"), date], 9000, Condition::Met);
        judged(&[("if-none-match", "*"), date], 9000, Condition::Failed);
    }
}
