//! Which part of a file a request asks for (RFC 9110 section 14). Pure: a header value and the file's
//! size in, a decision out.

/// The part of a file to send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    /// All of it: 200.
    Whole,
    /// The bytes from `from` up to, not with, `to`: 206.
    Of { from: u64, to: u64 },
    /// The range begins behind the end: 416.
    Beyond,
}

/// The part of a file of `len` bytes that the field `Range` asks for.
///
/// A field that is malformed, of another unit, or of more than one range is ignored, as RFC 9110 section 14.2
/// allows: the whole file answers it.
pub(super) fn wanted(range: &[u8], len: u64) -> Part {
    std::str::from_utf8(range)
        .ok()
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

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(range: &str, len: u64, expected: Part) {
        assert_eq!(wanted(range.as_bytes(), len), expected, "{range}");
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
}
