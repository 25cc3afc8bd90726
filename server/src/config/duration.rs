//! Durations as people write them: a whole number and its unit, `250ms`.
//!
//! A bare number is refused, because seconds and milliseconds look alike; only `0` needs no unit.

use std::time::Duration;

use super::error::Malformed;

/// Units from the largest to the smallest, in nanoseconds. `ns` is read so that every
/// [`Duration`] can be written, but not advertised: no option needs it.
const UNITS: [(&str, u128); 6] = [
    ("h", 3_600_000_000_000),
    ("m", 60_000_000_000),
    ("s", 1_000_000_000),
    ("ms", 1_000_000),
    ("us", 1_000),
    ("ns", 1),
];

/// Reads `30s`, `250ms`, `500us`, `2m`, `1h` or `0`.
///
/// ```
/// use ringgate::config::parse_duration;
/// use std::time::Duration;
///
/// assert_eq!(parse_duration("250ms"), Ok(Duration::from_millis(250)));
/// assert!(parse_duration("a while").is_err());
/// ```
///
/// # Errors
///
/// [`Malformed`] names the forms a duration can have.
pub fn parse_duration(text: &str) -> Result<Duration, Malformed> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let number: u128 = number.parse().map_err(|_| Malformed::plain())?;
    if unit.is_empty() {
        return match number {
            0 => Ok(Duration::ZERO),
            _ => Err(Malformed::new(format!(
                "a duration needs its unit: {number}us, {number}ms, {number}s, {number}m or \
                 {number}h"
            ))),
        };
    }
    let (_, nanoseconds) = UNITS
        .iter()
        .find(|(name, _)| *name == unit)
        .ok_or_else(|| Malformed::new(format!("{unit:?} is no unit of time: us, ms, s, m, h")))?;
    number
        .checked_mul(*nanoseconds)
        .and_then(from_nanoseconds)
        .ok_or_else(Malformed::plain)
}

fn from_nanoseconds(nanoseconds: u128) -> Option<Duration> {
    const SECOND: u128 = 1_000_000_000;
    let seconds = u64::try_from(nanoseconds / SECOND).ok()?;
    Some(Duration::new(seconds, (nanoseconds % SECOND) as u32))
}

/// Writes a duration in the largest unit that divides it, so that [`parse_duration`] reads the
/// same duration back.
///
/// ```
/// use ringgate::config::format_duration;
/// use std::time::Duration;
///
/// assert_eq!(format_duration(Duration::from_secs(120)), "2m");
/// ```
pub fn format_duration(duration: Duration) -> String {
    let nanoseconds = duration.as_nanos();
    if nanoseconds == 0 {
        return "0s".to_owned();
    }
    UNITS
        .iter()
        .find(|(_, unit)| nanoseconds.is_multiple_of(*unit))
        .map(|(name, unit)| format!("{}{name}", nanoseconds / unit))
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_duration_written_is_read_back_the_same(duration in any::<Duration>()) {
            prop_assert_eq!(parse_duration(&format_duration(duration)), Ok(duration));
        }

        #[test]
        fn reading_a_duration_never_panics(text in "\\PC*|[0-9]{1,60}(ns|us|ms|s|m|h)?") {
            let _ = parse_duration(&text);
        }
    }

    #[test]
    fn each_unit_means_what_it_says() {
        let read = |text: &str| parse_duration(text).expect(text);
        assert_eq!(read("500us"), Duration::from_micros(500));
        assert_eq!(read("250ms"), Duration::from_millis(250));
        assert_eq!(read("30s"), Duration::from_secs(30));
        assert_eq!(read("2m"), Duration::from_secs(120));
        assert_eq!(read("1h"), Duration::from_secs(3600));
        assert_eq!(read("0"), Duration::ZERO);
    }

    #[test]
    fn a_number_without_unit_is_refused_and_shown_with_each_unit() {
        let refusal = parse_duration("30").expect_err("no unit").to_string();
        for form in ["30us", "30ms", "30s", "30m", "30h"] {
            assert!(refusal.contains(form), "{refusal}");
        }
    }

    #[test]
    fn nonsense_is_refused() {
        for text in [
            "", "s", "-1s", "1.5s", "1 s", "1S", "1d", "1m30s", "+1s", "9e9s",
        ] {
            assert!(parse_duration(text).is_err(), "{text:?} was taken");
        }
    }
}
