//! Values of options about the fields of every answer: who serves, and pages of which origins may read.
//!
//! Plain data with its notation. `around/` and `app/` act on it.

use std::fmt;
use std::str::FromStr;

use http::HeaderValue;

use super::error::Malformed;

/// The value of the field Server, which names the program that answers.
///
/// ```
/// use ringgate::config::ServerHeader;
///
/// let header: ServerHeader = "shop/2.1 (blue)".parse().unwrap();
/// assert_eq!(header.value(), "shop/2.1 (blue)");
/// assert!("two\nlines".parse::<ServerHeader>().is_err());
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerHeader(HeaderValue);

impl ServerHeader {
    /// The value as it is sent.
    pub fn value(&self) -> &HeaderValue {
        &self.0
    }
}

impl fmt::Display for ServerHeader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&String::from_utf8_lossy(self.0.as_bytes()))
    }
}

impl FromStr for ServerHeader {
    type Err = Malformed;

    fn from_str(text: &str) -> Result<ServerHeader, Malformed> {
        let is_trimmed = text.trim_ascii() == text && !text.is_empty();
        let value = HeaderValue::from_str(text).ok().filter(|_| is_trimmed);
        let value = value.ok_or_else(|| Malformed::new("not the value of a field"))?;
        Ok(ServerHeader(value))
    }
}

/// An origin whose pages may read the answers: a scheme, a host in lower case, and a port if it is not the usual one.
///
/// ```
/// use ringgate::config::CorsOrigin;
///
/// let origin: CorsOrigin = "https://app.example".parse().unwrap();
/// assert_eq!(origin, CorsOrigin::Of("https://app.example".to_owned()));
/// assert_eq!("*".parse(), Ok(CorsOrigin::Any));
/// assert!("https://app.example/".parse::<CorsOrigin>().is_err());
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CorsOrigin {
    /// Every origin. Written `*`.
    Any,
    /// The one origin, as a browser sends it.
    Of(String),
}

impl fmt::Display for CorsOrigin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CorsOrigin::Any => f.write_str("*"),
            CorsOrigin::Of(origin) => f.write_str(origin),
        }
    }
}

impl FromStr for CorsOrigin {
    type Err = Malformed;

    fn from_str(text: &str) -> Result<CorsOrigin, Malformed> {
        match text {
            "*" => Ok(CorsOrigin::Any),
            _ if crate::around::is_origin(text) => Ok(CorsOrigin::Of(text.to_owned())),
            _ => Err(Malformed::new(
                "an origin is a scheme and a host in lower case, without a path",
            )),
        }
    }
}
