//! Which parts of a file a request asks for (RFC 9110 section 14). Pure: a header value and the file's
//! size in, a decision out.

use smallvec::SmallVec;

/// Ranges of one request that are served; who asks for more gets the whole.
const RANGES_MAX: usize = 16;

/// The bytes from `from` up to, not with, `to`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Range {
    pub(super) from: u64,
    pub(super) to: u64,
}

/// Ranges in the order in which they were asked for.
pub(super) type Ranges = SmallVec<[Range; 4]>;

/// The part of a file to send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Part {
    /// All of it: 200.
    Whole,
    /// One range: 206.
    Of(Range),
    /// Several ranges: 206 with all of them.
    Several(Ranges),
    /// Every range begins behind the end: 416.
    Beyond,
}

/// The part of a file of `len` bytes that the field `Range` asks for.
///
/// A field that is malformed or of another unit is ignored, as RFC 9110 section 14.2 allows: the whole file answers it.
/// So is one with more than [`RANGES_MAX`] ranges, or with two that overlap, for it would make the server send more
/// than the file (section 17.15). Of several ranges those behind the end are left out.
pub(super) fn wanted(range: &[u8], len: u64) -> Part {
    std::str::from_utf8(range)
        .ok()
        .and_then(|range| parts(range, len))
        .unwrap_or(Part::Whole)
}

fn parts(field: &str, len: u64) -> Option<Part> {
    // Section 14.1: range units are compared without regard to case.
    let (unit, set) = field.split_once('=')?;
    if !unit.eq_ignore_ascii_case("bytes") {
        return None;
    }
    let members = set
        .split(',')
        .map(|member| member.trim_matches([' ', '\t']));
    // Section 5.6.1.2: members of a list may be empty.
    let members = members.filter(|member| !member.is_empty());
    let mut asked = 0;
    let mut ranges = Ranges::new();
    for member in members {
        asked += 1;
        if asked > RANGES_MAX {
            return None;
        }
        ranges.extend(range(member, len)?);
    }
    match (asked, &ranges[..]) {
        (0, _) => None,
        (_, []) => Some(Part::Beyond),
        (_, [one]) => Some(Part::Of(*one)),
        (_, several) => (!any_overlap(several)).then_some(Part::Several(ranges)),
    }
}

fn any_overlap(ranges: &[Range]) -> bool {
    let mut sorted = Ranges::from_slice(ranges);
    sorted.sort_by_key(|range| range.from);
    sorted.windows(2).any(|pair| pair[1].from < pair[0].to)
}

/// One range, or none if it begins behind the end. None in all if it is malformed, or asks for the last bytes of a file
/// without any: that is no range behind the end (section 14.1.2), and no part that Content-Range could name.
fn range(member: &str, len: u64) -> Option<Option<Range>> {
    let (first, last) = member.split_once('-')?;
    if first.is_empty() {
        // The last bytes of the file.
        let count = position(last)?;
        if count > 0 && len == 0 {
            return None;
        }
        let from = len - count.min(len);
        return Some((count > 0).then_some(Range { from, to: len }));
    }
    let from = position(first)?;
    let to = match last {
        "" => len,
        _ => position(last)?.saturating_add(1).min(len),
    };
    match from < len {
        true if from < to => Some(Some(Range { from, to })),
        // The last before the first: not a range.
        true => None,
        false => Some(None),
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

    fn of(from: u64, to: u64) -> Part {
        Part::Of(Range { from, to })
    }

    fn several(ranges: &[(u64, u64)]) -> Part {
        let ranges = ranges.iter().map(|(from, to)| Range {
            from: *from,
            to: *to,
        });
        Part::Several(ranges.collect())
    }

    #[test]
    fn a_range_is_the_bytes_from_first_to_last() {
        check("bytes=0-0", 10, of(0, 1));
        check("bytes=2-4", 10, of(2, 5));
        check("bytes=7-", 10, of(7, 10));
        check("BYTES= 7-8", 10, of(7, 9));
        check("bytes=-3", 10, of(7, 10));
    }

    #[test]
    fn a_range_that_reaches_behind_the_end_is_cut_there() {
        check("bytes=7-99", 10, of(7, 10));
        check("bytes=-99", 10, of(0, 10));
        check("bytes=7-99999999999999999999999", 10, of(7, 10));
    }

    #[test]
    fn a_range_that_begins_behind_the_end_cannot_be_satisfied() {
        check("bytes=10-", 10, Part::Beyond);
        check("bytes=10-5", 10, Part::Beyond);
        check("bytes=-0", 10, Part::Beyond);
        check("bytes=0-", 0, Part::Beyond);
        check("bytes=99999999999999999999999-", 10, Part::Beyond);
        check("bytes=10-11, 20-,-0", 10, Part::Beyond);
    }

    #[test]
    fn the_last_bytes_of_a_file_without_any_are_all_of_it() {
        check("bytes=-5", 0, Part::Whole);
        check("bytes=0-,-1", 0, Part::Whole);
        check("bytes=-0", 0, Part::Beyond);
    }

    #[test]
    fn several_ranges_are_served_in_their_order_without_those_behind_the_end() {
        check("bytes=0-1,4-5", 10, several(&[(0, 2), (4, 6)]));
        check(
            "bytes= 8-9 ,, 0-0\t,-1",
            20,
            several(&[(8, 10), (0, 1), (19, 20)]),
        );
        check("bytes=0-1,2-3", 10, several(&[(0, 2), (2, 4)]));
        check("bytes=0-1,99-,4-5", 10, several(&[(0, 2), (4, 6)]));
        check("bytes=0-1,10-", 10, of(0, 2));
        check("bytes=,0-1", 10, of(0, 2));
    }

    #[test]
    fn ranges_that_overlap_or_are_too_many_are_ignored() {
        for range in [
            "bytes=0-4,4-5",
            "bytes=0-,-1",
            "bytes=1-2,1-2",
            "bytes=5-9,0-5",
        ] {
            check(range, 10, Part::Whole);
        }
        let many = |count: u64| {
            let ranges = (0..count).map(|at| format!("{0}-{0}", 2 * at));
            format!("bytes={}", ranges.collect::<Vec<_>>().join(","))
        };
        let most = RANGES_MAX as u64;
        assert!(matches!(
            wanted(many(most).as_bytes(), 1000),
            Part::Several(ranges) if ranges.len() == RANGES_MAX
        ));
        check(&many(most + 1), 1000, Part::Whole);
        // Those behind the end count as well.
        check(
            &format!("bytes=0-0{}", ",99-".repeat(RANGES_MAX)),
            10,
            Part::Whole,
        );
    }

    #[test]
    fn what_is_no_range_of_bytes_is_ignored() {
        for range in [
            "",
            "bytes",
            "bytes=",
            "bytes=,",
            "bytes=-",
            "bytes=a-",
            "bytes=1-b",
            "bytes=+1-2",
            "bytes=4-2",
            "bytes=0-1,4-2",
            "bytes=0-1,x",
            "lines=1-2",
            "bytes=1 - 2",
            "bytes=--1",
        ] {
            check(range, 10, Part::Whole);
        }
    }
}
