//! Which version of a file is at hand, in the two ways in which HTTP names one (RFC 9110 section 8.8):
//! an entity tag and a date. Pure: what the kernel tells of a file in, validators out.
//! [`conditions`](super::conditions) decides what a request wants of a version.

use http::HeaderValue;
use std::cell::OnceCell;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The attributes of a file, as the kernel tells them, that differ from one version to the next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Traits {
    pub(super) inode: u64,
    /// Bytes.
    pub(super) size: u64,
    /// When the contents last changed, or what somebody has set that to (stx_mtime).
    pub(super) modified: SystemTime,
    /// When anything about the file last changed (stx_ctime): nobody can set it back.
    pub(super) changed: SystemTime,
}

impl Traits {
    /// The second of the last modification.
    pub(super) fn modified_second(&self) -> SystemTime {
        whole_second(self.modified)
    }
}

/// The validators of a file with certain traits as values of fields. Each is made when it is first asked for; a file
/// that is kept in memory has them for as long as it is kept.
#[derive(Debug, Default)]
pub(super) struct Validators {
    tag: OnceCell<HeaderValue>,
    /// The tag of the file as the form of another one in a coding. The name of a file says which coding that is, so
    /// there is one.
    coded: OnceCell<(&'static str, HeaderValue)>,
    date: OnceCell<HeaderValue>,
}

impl Validators {
    fn tag(&self, traits: &Traits, coding: Option<&'static str>) -> HeaderValue {
        let Some(coding) = coding else {
            return self.tag.get_or_init(|| tag(traits, "", "")).clone();
        };
        let made = || (coding, tag(traits, "-", coding));
        match self.coded.get_or_init(made) {
            (made_for, tag) if *made_for == coding => tag.clone(),
            _ => made().1,
        }
    }

    /// The date `said`, which is that of the last modification unless this is still to come.
    fn date(&self, said: SystemTime, modified: SystemTime) -> HeaderValue {
        match said == modified {
            true => self.date.get_or_init(|| date(said)).clone(),
            false => date(said),
        }
    }
}

/// A version of a file.
#[derive(Debug)]
pub(super) struct Version<'f> {
    validators: &'f Validators,
    /// The entity tag with its quotes; always a strong one.
    tag: HeaderValue,
    /// The second of the last modification, as the file has it.
    modified: SystemTime,
    /// The second in which the file was looked at.
    now: SystemTime,
}

impl<'f> Version<'f> {
    /// The version with `traits`, whose validators are `validators`, as it is at the moment `now`.
    ///
    /// The tag is made of all traits. Inode and size tell most versions apart; the time of modification
    /// tells those that were written in place. But archives and reproducible builds set that time, and
    /// file systems give the number of a removed file to the next one: only the time of the last change
    /// tells such versions apart. (Before Linux 6.13 these times advance with the tick of the kernel's
    /// clock: two changes in place of equal size within one tick have one tag.)
    ///
    /// The coding of a form that is compressed is part of its tag, whatever file holds it.
    pub(super) fn new(
        traits: &Traits,
        validators: &'f Validators,
        now: SystemTime,
        coding: Option<&'static str>,
    ) -> Version<'f> {
        Version {
            validators,
            tag: validators.tag(traits, coding),
            modified: traits.modified_second(),
            now: whole_second(now),
        }
    }

    /// The value of ETag.
    pub(super) fn tag(&self) -> HeaderValue {
        self.tag.clone()
    }

    /// The value of Last-Modified: never later than the answer's Date (section 8.8.2.1).
    pub(super) fn date(&self) -> HeaderValue {
        let said = self.modified.min(self.now);
        self.validators.date(said, self.modified)
    }

    /// Strong comparison with an entity tag as a client sends it (section 8.8.3.2): true only for the
    /// very same bytes.
    pub(super) fn is(&self, tag: &[u8]) -> bool {
        tag == self.tag.as_bytes()
    }

    /// Weak comparison likewise: the prefix `W/` counts for nothing.
    pub(super) fn is_weakly(&self, tag: &[u8]) -> bool {
        self.is(tag.strip_prefix(b"W/").unwrap_or(tag))
    }

    /// The second of the last modification, also if that is still to come.
    pub(super) fn modified(&self) -> SystemTime {
        self.modified
    }

    /// Whether `date` names this version and no other: the second it names is over. Before, the file may
    /// change again and keep its date (section 8.8.2.2).
    pub(super) fn is_of_strong_date(&self, date: SystemTime) -> bool {
        self.modified == date && self.modified < self.now
    }
}

fn tag(traits: &Traits, dash: &str, coding: &str) -> HeaderValue {
    value(format!(
        "\"{:x}-{:x}-{:x}-{:x}{dash}{coding}\"",
        traits.inode,
        traits.size,
        nanoseconds(traits.modified),
        nanoseconds(traits.changed),
    ))
}

fn date(at: SystemTime) -> HeaderValue {
    value(httpdate::fmt_http_date(at))
}

fn value(text: String) -> HeaderValue {
    HeaderValue::try_from(text)
        .expect("hexadecimal digits, names of codings and dates are visible ASCII")
}

/// Nanoseconds since 1970, those before as they are in two's complement.
fn nanoseconds(time: SystemTime) -> i128 {
    match time.duration_since(UNIX_EPOCH) {
        Ok(since) => since.as_nanos().cast_signed(),
        Err(before) => -before.duration().as_nanos().cast_signed(),
    }
}

/// The second that `time` lies in; what was before 1970 was then.
fn whole_second(time: SystemTime) -> SystemTime {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    UNIX_EPOCH + Duration::from_secs(since.as_secs())
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in super::super) const TRAITS: Traits = Traits {
        inode: 7,
        size: 10,
        modified: UNIX_EPOCH,
        changed: UNIX_EPOCH,
    };

    /// The moment so many milliseconds after 2001-09-09 01:46:40 UTC.
    pub(in super::super) fn at(milliseconds: i64) -> SystemTime {
        let begin = UNIX_EPOCH + Duration::from_secs(1_000_000_000);
        let by = Duration::from_millis(milliseconds.unsigned_abs());
        match milliseconds {
            ..0 => begin - by,
            _ => begin + by,
        }
    }

    fn tag_of(traits: &Traits, coding: Option<&'static str>) -> String {
        let validators = Validators::default();
        let tag = Version::new(traits, &validators, at(0), coding).tag();
        tag.to_str().expect("text").to_owned()
    }

    #[test]
    fn each_trait_makes_another_tag() {
        let nanosecond = Duration::from_nanos(1);
        let all = [
            TRAITS,
            Traits { inode: 8, ..TRAITS },
            Traits { size: 11, ..TRAITS },
            Traits {
                modified: UNIX_EPOCH + nanosecond,
                ..TRAITS
            },
            Traits {
                modified: UNIX_EPOCH - nanosecond,
                ..TRAITS
            },
            Traits {
                changed: UNIX_EPOCH + nanosecond,
                ..TRAITS
            },
        ];
        let mut tags = all.map(|traits| tag_of(&traits, None));
        tags.sort();
        assert!(tags.windows(2).all(|pair| pair[0] != pair[1]), "{tags:?}");
    }

    #[test]
    fn a_tag_is_a_field_value_with_quotes() {
        assert_eq!(tag_of(&TRAITS, None), "\"7-a-0-0\"");
        assert_eq!(tag_of(&TRAITS, Some("br")), "\"7-a-0-0-br\"");
    }

    #[test]
    fn validators_are_made_once_for_a_file_and_each_form_has_its_own() {
        let validators = Validators::default();
        let version = |coding| Version::new(&TRAITS, &validators, at(0), coding);
        let (plain, coded) = (version(None), version(Some("br")));
        for (first, again) in [
            (plain.tag(), version(None).tag()),
            (coded.tag(), version(Some("br")).tag()),
            (plain.date(), version(Some("br")).date()),
        ] {
            assert_eq!(first, again);
            assert_eq!(first.as_bytes().as_ptr(), again.as_bytes().as_ptr());
        }
        assert_ne!(plain.tag(), coded.tag());
        assert_eq!(version(Some("gzip")).tag(), "\"7-a-0-0-gzip\"");
    }

    #[test]
    fn a_date_is_strong_once_its_second_is_over() {
        for (modified, now, strong) in [
            (0, 0, false),
            (0, 999, false),
            (999, 999, false),
            (999, 1000, true),
            (0, 1000, true),
            (-1, 0, true),
            (5000, 0, false),
        ] {
            let traits = Traits {
                modified: at(modified),
                ..TRAITS
            };
            let validators = Validators::default();
            let version = Version::new(&traits, &validators, at(now), None);
            let date = version.modified();
            assert_eq!(
                version.is_of_strong_date(date),
                strong,
                "{modified} at {now}"
            );
        }
    }

    #[test]
    fn a_file_of_the_future_says_that_it_was_modified_now() {
        let traits = Traits {
            modified: at(9000),
            ..TRAITS
        };
        let validators = Validators::default();
        let version = |now| Version::new(&traits, &validators, at(now), None);
        for _ in 0..2 {
            assert_eq!(version(9000).date(), "Sun, 09 Sep 2001 01:46:49 GMT");
            assert_eq!(version(1500).date(), "Sun, 09 Sep 2001 01:46:41 GMT");
        }
        let version = version(1500);
        assert_eq!(version.modified(), at(9000));
        assert!(!version.is_of_strong_date(at(1000)));
    }
}
