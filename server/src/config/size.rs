//! Sizes as people write them: bytes, or a number with `KiB`, `MiB`, `GB` and their like.
//!
//! Binary and decimal units are kept apart (IEC 80000-13); a bare `64K` is refused, because both
//! readings are in use.

use super::error::Malformed;

/// Units from the largest to the smallest, in bytes. Only the binary ones are written back.
const UNITS: [(&str, u64); 9] = [
    ("TiB", 1 << 40),
    ("GiB", 1 << 30),
    ("MiB", 1 << 20),
    ("KiB", 1 << 10),
    ("TB", 1_000_000_000_000),
    ("GB", 1_000_000_000),
    ("MB", 1_000_000),
    ("KB", 1_000),
    ("B", 1),
];

/// Reads `1MiB`, `64KiB`, `1GB`, `512B` or `512`; upper or lower case.
///
/// ```
/// use ringgate::config::parse_size;
///
/// assert_eq!(parse_size("64KiB"), Ok(65536));
/// assert!(parse_size("much").is_err());
/// ```
///
/// # Errors
///
/// [`Malformed`] names the units.
pub fn parse_size(text: &str) -> Result<u64, Malformed> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let number = whole_number(number).ok_or_else(Malformed::plain)?;
    if unit.is_empty() {
        return Ok(number);
    }
    let (_, bytes) = UNITS
        .iter()
        .find(|(name, _)| name.eq_ignore_ascii_case(unit))
        .ok_or_else(|| {
            Malformed::new(format!(
                "{unit:?} is no unit of size: B, KiB, MiB, GiB, KB, MB, GB"
            ))
        })?;
    number.checked_mul(*bytes).ok_or_else(Malformed::plain)
}

/// Writes a size in the largest binary unit that divides it, else in plain bytes.
///
/// ```
/// assert_eq!(ringgate::config::format_size(65536), "64KiB");
/// ```
pub fn format_size(bytes: u64) -> String {
    UNITS[..4]
        .iter()
        .find(|(_, unit)| bytes != 0 && bytes.is_multiple_of(*unit))
        .map(|(name, unit)| format!("{}{name}", bytes / unit))
        .unwrap_or_else(|| bytes.to_string())
}

/// A number of digits only: no sign, no blank, no separator.
pub(super) fn whole_number(text: &str) -> Option<u64> {
    text.bytes()
        .all(|byte| byte.is_ascii_digit())
        .then(|| text.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_size_written_is_read_back_the_same(bytes in any::<u64>(), shift in 0..50u32) {
            let bytes = bytes << shift;
            prop_assert_eq!(parse_size(&format_size(bytes)), Ok(bytes));
        }

        #[test]
        fn reading_a_size_never_panics(text in "\\PC*|[0-9]{1,30}(TiB|GiB|MB|K)?") {
            let _ = parse_size(&text);
        }
    }

    #[test]
    fn binary_and_decimal_units_differ() {
        let read = |text: &str| parse_size(text).expect(text);
        assert_eq!(read("64KiB"), 65_536);
        assert_eq!(read("64KB"), 64_000);
        assert_eq!(read("1MiB"), 1_048_576);
        assert_eq!(read("1gb"), 1_000_000_000);
        assert_eq!(read("512B"), 512);
        assert_eq!(read("512"), 512);
    }

    #[test]
    fn nonsense_is_refused() {
        for text in [
            "",
            "KiB",
            "-1",
            "1.5MiB",
            "1 MiB",
            "64K",
            "1M",
            "99999999999999TiB",
        ] {
            assert!(parse_size(text).is_err(), "{text:?} was taken");
        }
    }
}
