//! A change of the two limits of admission while the server runs (row H14): each is set or left as
//! it is. Written in words for the control socket; whether the result makes sense is judged by
//! [`AdmissionLimits::new`], as at start.

use std::fmt;
use std::num::NonZeroU32;
use std::str::FromStr;

use super::admission::{AdmissionError, AdmissionLimits, MaxAccepts};

/// A change of the limits; the default changes nothing.
///
/// ```
/// use ringgate::config::{AdmissionLimits, LimitsChange, MaxAccepts};
/// use std::num::NonZeroU32;
///
/// let limits = AdmissionLimits::new(NonZeroU32::new(4), MaxAccepts::None).unwrap();
/// let change: LimitsChange = "max_accepts=8".parse().unwrap();
/// assert_eq!(change.apply(limits).unwrap().max_threads(), limits.max_threads());
///
/// let refused = "max_accepts=4".parse::<LimitsChange>().unwrap().apply(limits);
/// assert!(refused.unwrap_err().to_string().contains("max_threads = 4"));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct LimitsChange {
    /// The new `max_threads`, if it changes.
    pub max_threads: Option<Option<NonZeroU32>>,
    /// The new `max_accepts`, if it changes.
    pub max_accepts: Option<MaxAccepts>,
}

impl LimitsChange {
    /// The limits after the change.
    ///
    /// # Errors
    /// [`AdmissionError`] if they do not go together.
    pub fn apply(self, limits: AdmissionLimits) -> Result<AdmissionLimits, AdmissionError> {
        AdmissionLimits::new(
            self.max_threads.unwrap_or(limits.max_threads()),
            self.max_accepts.unwrap_or(limits.max_accepts()),
        )
    }
}

impl fmt::Display for LimitsChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let threads = self.max_threads.map(|threads| match threads {
            Some(number) => format!("max_threads={number}"),
            None => "max_threads=none".to_owned(),
        });
        let accepts = self
            .max_accepts
            .map(|accepts| format!("max_accepts={accepts}"));
        let words: Vec<String> = threads.into_iter().chain(accepts).collect();
        f.write_str(&words.join(" "))
    }
}

impl FromStr for LimitsChange {
    /// The fault of the words, as a sentence.
    type Err = String;

    fn from_str(text: &str) -> Result<LimitsChange, String> {
        let mut change = LimitsChange::default();
        for word in text.split_ascii_whitespace() {
            match word.split_once('=') {
                Some(("max_threads", "none")) => change.max_threads = Some(None),
                Some(("max_threads", number)) => {
                    let number = number.parse().map_err(|_| {
                        format!("max_threads={number:?} is neither a whole number above 0 nor none")
                    })?;
                    change.max_threads = Some(Some(number));
                }
                Some(("max_accepts", value)) => {
                    let value = value.parse().map_err(|_| {
                        format!(
                            "max_accepts={value:?} is neither a whole number above 0, none nor \
                             unbounded"
                        )
                    })?;
                    change.max_accepts = Some(value);
                }
                _ => {
                    return Err(format!(
                        "{word:?} is no limit; there are max_threads=N|none and \
                         max_accepts=N|none|unbounded"
                    ));
                }
            }
        }
        if change == LimitsChange::default() {
            return Err(
                "limits needs max_threads=N|none, max_accepts=N|none|unbounded or both".to_owned(),
            );
        }
        Ok(change)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_named_stays_and_what_does_not_go_together_is_refused() {
        let number = NonZeroU32::new;
        let most = |count| MaxAccepts::AtMost(NonZeroU32::new(count).expect("above zero"));
        let limits = AdmissionLimits::new(number(4), most(8)).expect("consistent");
        let apply = |words: &str| {
            words
                .parse::<LimitsChange>()?
                .apply(limits)
                .map_err(|e| e.to_string())
        };
        assert_eq!(
            apply("max_threads=7"),
            Ok(AdmissionLimits::new(number(7), most(8)).unwrap())
        );
        assert_eq!(
            apply("max_threads=none max_accepts=none"),
            Ok(AdmissionLimits::default())
        );
        for wrong in [
            "max_threads=8",
            "max_threads=none",
            "max_accepts=4",
            "max_threads=0",
            "",
            "x=1",
        ] {
            assert!(apply(wrong).is_err(), "{wrong:?} was taken");
        }
    }
}
