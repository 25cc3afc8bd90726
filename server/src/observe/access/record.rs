//! The facts of one line of the access log, and the time in the two forms in which lines say it.
//!
//! Plain data, filled in by the connection of the request and written by [`super::combined`] and [`super::json`].

use crate::http1::date::Date;
use std::time::{Duration, SystemTime};

/// The last second whose year has four digits.
const LAST_SECOND: u64 = 253_402_300_799;

/// A request that is over.
#[derive(Debug, Clone)]
pub(crate) struct Record<'r> {
    /// When it was over.
    pub(crate) time: &'r Stamp,
    /// Thousandths of that second.
    pub(crate) millis: u16,
    /// The address of the client, and its port; 0 where there is none.
    pub(crate) remote: &'r str,
    pub(crate) port: u16,
    pub(crate) line: RequestLine<'r>,
    pub(crate) host: Option<&'r [u8]>,
    pub(crate) referer: Option<&'r [u8]>,
    pub(crate) user_agent: Option<&'r [u8]>,
    pub(crate) status: u16,
    /// Bytes of the answer's body.
    pub(crate) bytes: u64,
    /// From the end of the request's head to the head of the answer.
    pub(crate) first_byte: Option<Duration>,
    /// From the end of the request's head to the end.
    pub(crate) duration: Duration,
    /// The part of that at the gate.
    pub(crate) queue: Duration,
    pub(crate) core: u32,
    pub(crate) connection: u64,
    pub(crate) request: u32,
    pub(crate) stream: Option<u32>,
    pub(crate) id: Option<&'r [u8]>,
    /// Version and cipher suite of TLS.
    pub(crate) tls: Option<(&'static str, &'r str)>,
    pub(crate) route: Option<&'r str>,
    pub(crate) reason: Option<&'r str>,
    pub(crate) aborted: bool,
}

/// The first line of a request.
#[derive(Debug, Clone, Copy)]
pub(crate) enum RequestLine<'r> {
    Parsed {
        method: &'r [u8],
        target: &'r [u8],
        protocol: &'static str,
    },
    /// As it came, where it is none; empty if nothing came.
    Raw(&'r [u8]),
}

/// A second, as the lines say it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Stamp {
    /// `06/Nov/1994:08:49:37 +0000`
    pub(super) common: String,
    /// `1994-11-06T08:49:37`
    pub(super) iso: String,
}

impl Stamp {
    /// The second that is so many since 1970.
    pub(crate) fn new(unix_seconds: u64) -> Stamp {
        let unix_seconds = unix_seconds.min(LAST_SECOND);
        let date = Date::new(unix_seconds);
        // Sun, 06 Nov 1994 08:49:37 GMT
        let date = std::str::from_utf8(date.value()).unwrap_or_default();
        let part = |range: std::ops::Range<usize>| date.get(range).unwrap_or_default();
        let (day, month, year, time) = (part(5..7), part(8..11), part(12..16), part(17..25));
        let at = SystemTime::UNIX_EPOCH + Duration::from_secs(unix_seconds);
        let mut iso = humantime::format_rfc3339_seconds(at).to_string();
        iso.truncate(19);
        Stamp {
            common: format!("{day}/{month}/{year}:{time} +0000"),
            iso,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_is_said_as_both_forms_have_it() {
        let stamp = Stamp::new(784_111_777);
        assert_eq!(stamp.common, "06/Nov/1994:08:49:37 +0000");
        assert_eq!(stamp.iso, "1994-11-06T08:49:37");
    }
}
