//! The `Date` field line, rendered once a second. One cache per core; the caller gives the time.
//! Deliberately not here: the clock.

use std::time::{Duration, SystemTime};

/// Bytes of an IMF-fixdate (RFC 9110 section 5.6.7).
pub const DATE_BYTES: usize = 29;
/// Bytes of the whole line.
pub(crate) const LINE_BYTES: usize = 6 + DATE_BYTES + 2;
/// Last second that an IMF-fixdate can say: its year has four digits.
const LAST_SECOND: u64 = 253_402_300_799;

/// The status line of a 200, which most answers begin with.
const OK_LINE: &[u8; OK_BYTES] = b"HTTP/1.1 200 OK\r\n";
const OK_BYTES: usize = 17;
/// The name that follows the date line in most answers.
const LENGTH_NAME: &[u8; LENGTH_NAME_BYTES] = b"Content-Length: ";
const LENGTH_NAME_BYTES: usize = 16;
/// All three.
pub(crate) const USUAL_BYTES: usize = OK_BYTES + LINE_BYTES + LENGTH_NAME_BYTES;

/// The line `Date: Sun, 06 Nov 1994 08:49:37 GMT` with its CRLF, ready to be copied, between what
/// stands before and behind it in most answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Date {
    usual: [u8; USUAL_BYTES],
}

impl Date {
    /// Renders `unix_seconds` (seconds since 1970 UTC). Later than the year 9999 stays there.
    pub fn new(unix_seconds: u64) -> Self {
        use std::io::Write;
        let since = Duration::from_secs(unix_seconds.min(LAST_SECOND));
        let date = httpdate::HttpDate::from(SystemTime::UNIX_EPOCH + since);
        let mut line = *b"Date: Thu, 01 Jan 1970 00:00:00 GMT\r\n";
        // Cannot fail: an IMF-fixdate of a year of four digits always has 29 bytes.
        let written = write!(&mut line[6..6 + DATE_BYTES], "{date}");
        debug_assert!(written.is_ok());
        let mut usual = [0; USUAL_BYTES];
        usual[..OK_BYTES].copy_from_slice(OK_LINE);
        usual[OK_BYTES..OK_BYTES + LINE_BYTES].copy_from_slice(&line);
        usual[OK_BYTES + LINE_BYTES..].copy_from_slice(LENGTH_NAME);
        Self { usual }
    }

    /// The 29 bytes of the date itself.
    pub fn value(&self) -> &[u8] {
        &self.line()[6..6 + DATE_BYTES]
    }

    /// The whole field line with its CRLF.
    #[inline]
    pub(crate) fn line(&self) -> &[u8] {
        &self.usual[OK_BYTES..OK_BYTES + LINE_BYTES]
    }

    /// The status line of a 200, the field line, and the name of the Content-Length.
    #[inline]
    pub(crate) fn usual(&self) -> &[u8; USUAL_BYTES] {
        &self.usual
    }
}

/// Keeps the line of the current second.
#[derive(Debug, Clone)]
pub struct DateCache {
    second: u64,
    date: Date,
}

impl DateCache {
    /// A cache that holds the line of `unix_seconds`.
    pub fn new(unix_seconds: u64) -> Self {
        Self {
            second: unix_seconds,
            date: Date::new(unix_seconds),
        }
    }

    /// The line of `unix_seconds`, rendered anew only if the second is another one.
    #[inline]
    pub fn at(&mut self, unix_seconds: u64) -> &Date {
        if self.second != unix_seconds {
            *self = Self::new(unix_seconds);
        }
        &self.date
    }

    /// The line of the second last asked for.
    #[inline]
    pub fn current(&self) -> &Date {
        &self.date
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_is_the_example_of_rfc_9110_section_5_6_7() {
        let date = Date::new(784_111_777);
        assert_eq!(date.value(), b"Sun, 06 Nov 1994 08:49:37 GMT");
        assert_eq!(date.line(), b"Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n");
    }

    #[test]
    fn a_new_second_renders_a_new_line_and_the_same_second_does_not() {
        let mut cache = DateCache::new(0);
        assert_eq!(cache.current().value(), b"Thu, 01 Jan 1970 00:00:00 GMT");
        let first = *cache.at(59);
        assert_eq!(*cache.at(59), first);
        assert_ne!(*cache.at(60), first);
        assert_eq!(*cache.current(), Date::new(60));
    }

    #[test]
    fn a_clock_beyond_the_year_9999_does_not_panic() {
        assert_eq!(
            Date::new(u64::MAX).value(),
            b"Fri, 31 Dec 9999 23:59:59 GMT"
        );
    }
}
