//! When somebody is told that a certificate expires: two weeks before its end, then each day, and after its
//! end too. Asked by the coordinator now and then; pure, time is an argument.

use crate::tls::identity::Identity;
use rustls::pki_types::CertificateDer;
use std::collections::HashMap;
use std::time::{Duration, UNIX_EPOCH};

const DAY_SECS: u64 = 24 * 60 * 60;
/// How long before its end a certificate is first told of.
pub(crate) const WARNED_BEFORE_SECS: u64 = 14 * DAY_SECS;

/// The warnings that were given, by certificate.
#[derive(Debug, Default)]
pub(crate) struct Expiry {
    /// Days left when it was last told. By the whole certificate: serial numbers differ among those of one issuer
    /// alone (RFC 5280 section 4.1.2.2).
    told: HashMap<CertificateDer<'static>, i64>,
}

impl Expiry {
    /// Lines for the log, one for each certificate of which there is something new to tell.
    pub(crate) fn look(&mut self, identities: &[Identity], unix_secs: u64) -> Vec<String> {
        let due = identities.iter().filter_map(|identity| {
            let described = identity.described();
            let left = seconds_left(identity, unix_secs);
            let is_early = unix_secs < described.not_before;
            if left > WARNED_BEFORE_SECS as i64 && !is_early {
                return None;
            }
            let days = left.div_euclid(DAY_SECS as i64);
            let certificate = identity.credential().chain().first()?;
            if self.told.get(certificate) == Some(&days) {
                return None;
            }
            self.told.insert(certificate.clone(), days);
            Some(line(identity, days, is_early))
        });
        due.collect()
    }
}

/// Seconds until the end of a certificate; negative behind it.
pub(crate) fn seconds_left(identity: &Identity, unix_secs: u64) -> i64 {
    let seconds = |at: u64| i64::try_from(at).unwrap_or(i64::MAX);
    seconds(identity.described().not_after).saturating_sub(seconds(unix_secs))
}

fn line(identity: &Identity, days: i64, is_early: bool) -> String {
    let what = title(identity);
    let described = identity.described();
    if is_early {
        let from = date(described.not_before);
        return format!("{what} is valid only from {from}; look at the clock of this machine");
    }
    let end = date(described.not_after);
    let when = match days {
        ..0 => "has expired",
        0 => "expires today",
        1 => "expires tomorrow",
        _ => return format!("{what} expires in {days} days ({end}); {}", cure(identity)),
    };
    format!("{what} {when} ({end}); {}", cure(identity))
}

fn cure(identity: &Identity) -> &'static str {
    match identity.is_self_signed() {
        true => "a reload makes another one",
        false => "renew it, then reload",
    }
}

/// A certificate in a log line: its file and its names.
pub(crate) fn title(identity: &Identity) -> String {
    let (names, file) = (identity.names(), identity.file().display());
    match names {
        [] => format!("certificate {file}"),
        [name] => format!("certificate {file} for {name}"),
        [name, rest @ ..] => format!("certificate {file} for {name} and {} more", rest.len()),
    }
}

/// A point in time as RFC 3339 writes it, in UTC.
pub(crate) fn date(unix_secs: u64) -> String {
    // The last second of the year 9999, behind which the format has no years.
    const LAST: u64 = 253_402_300_799;
    let time = UNIX_EPOCH + Duration::from_secs(unix_secs.min(LAST));
    humantime::format_rfc3339_seconds(time).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: u64 = 1_800_000_000;

    /// A certificate with so many seconds left.
    fn identity() -> Identity {
        Identity::self_signed(NOW).expect("made")
    }

    #[test]
    fn a_certificate_is_told_of_two_weeks_before_its_end_and_then_each_day() {
        let all = [identity()];
        let end = all[0].described().not_after;
        let mut expiry = Expiry::default();
        assert!(expiry.look(&all, NOW).is_empty());
        assert!(expiry.look(&all, end - WARNED_BEFORE_SECS - 1).is_empty());
        let mut days = Vec::new();
        // Each hour, from before to behind the end.
        for hour in 0..16 * 24 {
            let now = end - WARNED_BEFORE_SECS + hour * 3600;
            days.extend(expiry.look(&all, now));
        }
        assert_eq!(days.len(), 17, "{days:#?}");
        assert!(
            days[0].contains("certificate self for localhost expires in 14 days"),
            "{}",
            days[0]
        );
        assert!(days[13].contains("expires tomorrow"), "{}", days[13]);
        assert!(days[14].contains("expires today"), "{}", days[14]);
        assert!(days[15].contains("has expired"), "{}", days[15]);
        assert!(days[15].contains("a reload makes another"), "{}", days[15]);
    }

    #[test]
    fn a_certificate_that_is_not_valid_yet_is_told_of_once_a_day() {
        let all = [identity()];
        let begin = all[0].described().not_before;
        let mut expiry = Expiry::default();
        let told = expiry.look(&all, begin - 1);
        assert!(
            told[0].contains("valid only from") && told[0].contains("clock"),
            "{told:?}"
        );
        assert!(expiry.look(&all, begin - 1).is_empty());
        assert!(expiry.look(&all, begin).is_empty());
    }

    #[test]
    fn certificates_of_different_issuers_are_each_told_of_once_a_day_though_they_have_the_same_serial_number()
     {
        let all = [NOW, NOW - 2 * DAY_SECS].map(|at| Identity::simulated(at).expect("made"));
        assert_eq!(all[0].described().serial, all[1].described().serial);
        let late = all[1].described().not_after - DAY_SECS;
        let mut expiry = Expiry::default();
        assert_eq!(expiry.look(&all, late).len(), 2);
        assert_eq!(expiry.look(&all, late), Vec::<String>::new());
    }

    #[test]
    fn a_date_behind_all_years_is_written_all_the_same() {
        assert_eq!(date(0), "1970-01-01T00:00:00Z");
        assert_eq!(date(u64::MAX), "9999-12-31T23:59:59Z");
    }
}
