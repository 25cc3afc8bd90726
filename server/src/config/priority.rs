//! Rules that put requests into classes of priority: `high:/api/`, `low:x-batch=yes`.
//!
//! A request that no rule fits is of the class between. The gate decides what a class means.

use std::fmt;
use std::str::FromStr;

use super::error::Malformed;

/// A class that a rule can give.
///
/// ```
/// use ringgate::config::{Class, PriorityRule};
///
/// assert_eq!("low:x-batch=yes".parse::<PriorityRule>().map(|rule| rule.class), Ok(Class::Low));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Class {
    /// Runs before others that wait.
    High,
    /// Runs after others that wait.
    Low,
}

/// Which requests a rule is for.
///
/// ```
/// use ringgate::config::{Class, Matcher, PriorityRule};
///
/// let matcher = Matcher::Field("x-batch".to_owned(), "yes".to_owned());
/// assert_eq!(PriorityRule { class: Class::Low, matcher }.to_string(), "low:x-batch=yes");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Matcher {
    /// Requests whose path begins with this text.
    Path(String),
    /// Requests with this field, by its name in lower case, and exactly this value.
    Field(String, String),
}

/// One rule; the first that fits decides.
///
/// ```
/// use ringgate::config::{Class, Matcher, PriorityRule};
///
/// let rule: PriorityRule = "high:/api/".parse().unwrap();
/// assert_eq!((rule.class, rule.matcher), (Class::High, Matcher::Path("/api/".to_owned())));
/// assert!("urgent:/api/".parse::<PriorityRule>().is_err());
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct PriorityRule {
    /// The class it gives.
    pub class: Class,
    /// To whom.
    pub matcher: Matcher,
}

impl fmt::Display for PriorityRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let class = match self.class {
            Class::High => "high",
            Class::Low => "low",
        };
        match &self.matcher {
            Matcher::Path(prefix) => write!(f, "{class}:{prefix}"),
            Matcher::Field(name, value) => write!(f, "{class}:{name}={value}"),
        }
    }
}

impl FromStr for PriorityRule {
    type Err = Malformed;

    fn from_str(text: &str) -> Result<PriorityRule, Malformed> {
        let (class, rest) = text.split_once(':').ok_or_else(Malformed::plain)?;
        let class = match class {
            "high" => Class::High,
            "low" => Class::Low,
            _ => return Err(Malformed::plain()),
        };
        let matcher = match rest.split_once('=') {
            _ if rest.starts_with('/') => Matcher::Path(rest.to_owned()),
            Some((name, value)) if is_token(name) && !value.is_empty() => {
                Matcher::Field(name.to_ascii_lowercase(), value.to_owned())
            }
            _ => return Err(Malformed::plain()),
        };
        Ok(PriorityRule { class, matcher })
    }
}

/// RFC 9110 section 5.6.2.
fn is_token(name: &str) -> bool {
    let is_tchar = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    !name.is_empty() && name.bytes().all(is_tchar)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_written_is_read_back_the_same_and_nonsense_is_refused() {
        for text in ["high:/", "low:/a=b", "high:x-kind=vip", "low:dnt=1"] {
            assert_eq!(text.parse::<PriorityRule>().expect(text).to_string(), text);
        }
        for text in [
            "",
            "high",
            "high:",
            "mid:/",
            "high:api",
            "low:=1",
            "low:a=",
            "low:a b=c",
        ] {
            assert!(text.parse::<PriorityRule>().is_err(), "{text:?} was taken");
        }
    }
}
