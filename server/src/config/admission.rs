//! The two limits of admission, and which pairs of them are refused.
//!
//! [`AdmissionLimits::new`] is the only door: at start, at a reload and at a live change alike, so
//! a pair that exists is a pair that makes sense and nobody checks it twice. The gate decides what
//! the limits do to a request.

use std::fmt;
use std::num::NonZeroU32;
use std::str::FromStr;

use super::error::Malformed;

/// How many requests may be in at all: those that run and those that wait for a slot.
///
/// ```
/// use ringgate::config::MaxAccepts;
///
/// assert_eq!("unbounded".parse(), Ok(MaxAccepts::Unbounded));
/// assert_eq!("120".parse::<MaxAccepts>().map(|most| most.to_string()), Ok("120".to_owned()));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum MaxAccepts {
    /// Nobody waits: a request that finds every slot taken is refused at once.
    #[default]
    None,
    /// At most this many requests are in, running and waiting together.
    AtMost(NonZeroU32),
    /// Any number waits, nobody is refused.
    Unbounded,
}

impl fmt::Display for MaxAccepts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            MaxAccepts::None => f.write_str("none"),
            MaxAccepts::AtMost(limit) => write!(f, "{limit}"),
            MaxAccepts::Unbounded => f.write_str("unbounded"),
        }
    }
}

impl FromStr for MaxAccepts {
    type Err = Malformed;

    fn from_str(text: &str) -> Result<Self, Malformed> {
        match text {
            "none" => Ok(MaxAccepts::None),
            "unbounded" => Ok(MaxAccepts::Unbounded),
            number => super::size::whole_number(number)
                .and_then(|number| u32::try_from(number).ok())
                .and_then(NonZeroU32::new)
                .map(MaxAccepts::AtMost)
                .ok_or_else(Malformed::plain),
        }
    }
}

/// A pair of limits that makes sense together. The default limits nothing.
///
/// ```
/// use ringgate::config::{AdmissionLimits, MaxAccepts};
/// use std::num::NonZeroU32;
///
/// let (slots, most) = (NonZeroU32::new(100), NonZeroU32::new(120).unwrap());
/// let limits = AdmissionLimits::new(slots, MaxAccepts::AtMost(most)).unwrap();
/// assert_eq!(limits.max_threads(), slots);
///
/// let refused = AdmissionLimits::new(slots, MaxAccepts::AtMost(slots.unwrap())).unwrap_err();
/// assert!(refused.to_string().contains("100"));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct AdmissionLimits {
    max_threads: Option<NonZeroU32>,
    max_accepts: MaxAccepts,
}

impl AdmissionLimits {
    /// Puts two limits together, both counted over all cores.
    ///
    /// # Errors
    ///
    /// [`AdmissionError`] if `max_accepts` is set while `max_threads` is `None`, or if it is an
    /// integer that is not greater than `max_threads`.
    pub const fn new(
        max_threads: Option<NonZeroU32>,
        max_accepts: MaxAccepts,
    ) -> Result<Self, AdmissionError> {
        match (max_threads, max_accepts) {
            (_, MaxAccepts::None) | (Some(_), MaxAccepts::Unbounded) => {}
            (None, MaxAccepts::AtMost(_) | MaxAccepts::Unbounded) => {
                return Err(AdmissionError::AcceptsWithoutThreads { max_accepts });
            }
            (Some(max_threads), MaxAccepts::AtMost(max_accepts)) => {
                if max_accepts.get() <= max_threads.get() {
                    return Err(AdmissionError::AcceptsNotAboveThreads {
                        max_threads,
                        max_accepts,
                    });
                }
            }
        }
        Ok(AdmissionLimits {
            max_threads,
            max_accepts,
        })
    }

    /// Requests that may run at once over all cores; `None` is no limit.
    pub const fn max_threads(self) -> Option<NonZeroU32> {
        self.max_threads
    }

    /// Requests that may be in at once over all cores, running or waiting.
    pub const fn max_accepts(self) -> MaxAccepts {
        self.max_accepts
    }
}

/// Why two limits do not go together.
///
/// ```
/// use ringgate::config::{AdmissionError, AdmissionLimits, MaxAccepts};
///
/// let error = AdmissionLimits::new(None, MaxAccepts::Unbounded).unwrap_err();
/// assert!(matches!(error, AdmissionError::AcceptsWithoutThreads { .. }));
/// assert!(error.to_string().contains("set max_threads"));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AdmissionError {
    /// There is a bound on waiting, but nothing to wait for.
    AcceptsWithoutThreads {
        /// The limit that was set.
        max_accepts: MaxAccepts,
    },
    /// The bound on all requests leaves no room to wait.
    AcceptsNotAboveThreads {
        /// Requests that may run.
        max_threads: NonZeroU32,
        /// Requests that may be in, which is not more.
        max_accepts: NonZeroU32,
    },
}

impl fmt::Display for AdmissionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            AdmissionError::AcceptsWithoutThreads { max_accepts } => write!(
                f,
                "max_accepts = {max_accepts} while max_threads = none: without a limit on running \
                 requests none ever waits; set max_threads or leave max_accepts at none"
            ),
            AdmissionError::AcceptsNotAboveThreads {
                max_threads,
                max_accepts,
            } => write!(
                f,
                "max_accepts = {max_accepts} is not greater than max_threads = {max_threads}: it \
                 counts running and waiting requests together; raise it, or set it to none so \
                 that nobody waits"
            ),
        }
    }
}

impl std::error::Error for AdmissionError {}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(number: u32) -> NonZeroU32 {
        NonZeroU32::new(number).expect("not zero")
    }

    fn pair(threads: u32, accepts: u32) -> Result<AdmissionLimits, AdmissionError> {
        AdmissionLimits::new(
            NonZeroU32::new(threads),
            MaxAccepts::AtMost(number(accepts)),
        )
    }

    #[test]
    fn h1_both_limits_are_none_by_default() {
        let limits = AdmissionLimits::default();
        assert_eq!(limits.max_threads(), None);
        assert_eq!(limits.max_accepts(), MaxAccepts::None);
        assert_eq!(AdmissionLimits::new(None, MaxAccepts::None), Ok(limits));
    }

    #[test]
    fn h1_max_accepts_is_none_a_positive_integer_or_unbounded() {
        for text in ["none", "1", "4294967295", "unbounded"] {
            assert_eq!(text.parse::<MaxAccepts>().expect(text).to_string(), text);
        }
        for text in [
            "0",
            "-1",
            "+1",
            "1.5",
            "4294967296",
            "",
            "None",
            "infinite",
            " 1",
        ] {
            assert!(text.parse::<MaxAccepts>().is_err(), "{text:?} was taken");
        }
    }

    #[test]
    fn h2_a_bound_on_waiting_without_a_bound_on_running_is_refused() {
        for max_accepts in [MaxAccepts::AtMost(number(120)), MaxAccepts::Unbounded] {
            let refused = AdmissionLimits::new(None, max_accepts).expect_err("no max_threads");
            assert_eq!(
                refused,
                AdmissionError::AcceptsWithoutThreads { max_accepts }
            );
            let message = refused.to_string();
            assert!(
                message.contains(&format!("max_accepts = {max_accepts}")),
                "{message}"
            );
            assert!(message.contains("max_threads = none"), "{message}");
        }
    }

    #[test]
    fn h2_max_accepts_must_be_greater_than_max_threads_and_equal_is_refused() {
        for (threads, accepts) in [(100, 99), (100, 100), (1, 1), (u32::MAX, 1)] {
            let message = pair(threads, accepts).expect_err("not greater").to_string();
            assert!(
                message.contains(&format!("max_threads = {threads}")),
                "{message}"
            );
            assert!(
                message.contains(&format!("max_accepts = {accepts} ")),
                "{message}"
            );
        }
        for (threads, accepts) in [(100, 101), (1, 2), (100, 120), (1, u32::MAX)] {
            assert!(
                pair(threads, accepts).is_ok(),
                "{threads} and {accepts} were refused"
            );
        }
    }

    #[test]
    fn h2_every_other_pair_is_taken() {
        for max_threads in [None, Some(number(1)), Some(NonZeroU32::MAX)] {
            assert!(AdmissionLimits::new(max_threads, MaxAccepts::None).is_ok());
        }
        assert!(AdmissionLimits::new(Some(number(1)), MaxAccepts::Unbounded).is_ok());
    }
}
