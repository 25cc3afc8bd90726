//! A place to listen, and the protocol that is spoken there: plain HTTP, or HTTP over TLS.
//!
//! Decides how the two are written and read back. Called by the option table and by whoever builds a
//! [`Config`](super::Config) in code. How a place is written is decided in `address.rs`; which certificate is
//! shown, by the options of TLS.

use std::ffi::OsString;
use std::fmt;
use std::net::SocketAddr;
use std::str::FromStr;

use super::address::ListenAddr;
use super::error::Malformed;

/// The protocol that is spoken with clients of a listener.
///
/// ```
/// use ringgate::config::{Endpoint, Scheme};
///
/// let endpoint: Endpoint = "https://127.0.0.1:8443".parse()?;
/// assert_eq!((endpoint.scheme, endpoint.scheme.prefix()), (Scheme::Https, "https://"));
/// # Ok::<(), ringgate::config::Malformed>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Scheme {
    /// HTTP without TLS. Written without a scheme, or as `http://`.
    #[default]
    Http,
    /// HTTP over TLS. Written `https://`.
    Https,
}

impl Scheme {
    /// The text in front of an address; nothing for plain HTTP.
    pub const fn prefix(self) -> &'static str {
        match self {
            Scheme::Http => "",
            Scheme::Https => HTTPS,
        }
    }
}

/// The beginning of the connections of a listener.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Opening {
    pub(crate) scheme: Scheme,
    /// A header of the PROXY protocol comes before everything else.
    pub(crate) proxied: bool,
}

/// Without a header.
impl From<Scheme> for Opening {
    fn from(scheme: Scheme) -> Opening {
        Opening {
            scheme,
            proxied: false,
        }
    }
}

const HTTP: &str = "http://";
const HTTPS: &str = "https://";

/// One place to listen on, with its scheme.
///
/// Written as a [`ListenAddr`], with `https://` before it for TLS; `http://` may stand there too.
/// [`fmt::Display`] writes what [`FromStr`] reads, and no scheme for plain HTTP.
///
/// ```
/// use ringgate::config::{Endpoint, ListenAddr, Scheme};
///
/// let endpoint: Endpoint = "https://127.0.0.1:8443".parse().unwrap();
/// assert_eq!(endpoint.scheme, Scheme::Https);
/// assert_eq!(endpoint.to_string(), "https://127.0.0.1:8443");
///
/// let plain = Endpoint::from(ListenAddr::unix("/run/x.sock"));
/// assert_eq!(plain.to_string(), "unix:/run/x.sock");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Endpoint {
    /// The protocol that is spoken there.
    pub scheme: Scheme,
    /// The place.
    pub address: ListenAddr,
}

impl Endpoint {
    /// The same place with TLS.
    pub fn https(address: impl Into<ListenAddr>) -> Endpoint {
        Endpoint {
            scheme: Scheme::Https,
            address: address.into(),
        }
    }

    /// The endpoint as text, without the loss that [`fmt::Display`] has for a path that is not UTF-8.
    pub(super) fn written(&self) -> OsString {
        let mut text = OsString::from(self.scheme.prefix());
        text.push(self.address.written());
        text
    }
}

/// Plain HTTP.
impl From<ListenAddr> for Endpoint {
    fn from(address: ListenAddr) -> Endpoint {
        Endpoint {
            scheme: Scheme::Http,
            address,
        }
    }
}

/// Plain HTTP.
impl From<SocketAddr> for Endpoint {
    fn from(address: SocketAddr) -> Endpoint {
        ListenAddr::Tcp(address).into()
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.scheme.prefix(), self.address)
    }
}

impl FromStr for Endpoint {
    type Err = Malformed;

    fn from_str(text: &str) -> Result<Self, Malformed> {
        let (scheme, rest) = if let Some(rest) = text.strip_prefix(HTTPS) {
            (Scheme::Https, rest)
        } else if let Some(rest) = text.strip_prefix(HTTP) {
            (Scheme::Http, rest)
        } else {
            (Scheme::Http, text)
        };
        // The path of a Unix socket may hold anything.
        let is_unix = rest.starts_with("unix:");
        if rest.contains("://") && !is_unix {
            return Err(Malformed::new(
                "before an address stands https://, http:// or nothing",
            ));
        }
        if rest.ends_with('/') && !is_unix {
            return Err(Malformed::new(
                "a place to listen on has no path: leave the / at its end out",
            ));
        }
        let address = rest.parse()?;
        Ok(Endpoint { scheme, address })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::address::tests::address;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn an_endpoint_written_is_read_back_the_same(address in address(), secure in any::<bool>()) {
            let scheme = if secure { Scheme::Https } else { Scheme::Http };
            let endpoint = Endpoint { scheme, address };
            prop_assert_eq!(endpoint.to_string().parse::<Endpoint>(), Ok(endpoint));
        }

        #[test]
        fn reading_an_endpoint_never_panics(text in any::<String>()) {
            let _ = text.parse::<Endpoint>();
        }
    }

    #[test]
    fn without_a_scheme_http_is_spoken() {
        let read = |text: &str| text.parse::<Endpoint>().expect(text);
        for place in [
            "127.0.0.1:80",
            "[::1]:80",
            "unix:/run/x?mode=0600",
            "unix:a://b/",
            "fd:3",
        ] {
            let plain = read(place);
            assert_eq!(plain.scheme, Scheme::Http);
            assert_eq!(read(&format!("http://{place}")), plain);
            assert_eq!(plain.to_string(), place);
            let secure = read(&format!("https://{place}"));
            assert_eq!(secure, Endpoint::https(plain.address));
        }
    }

    #[test]
    fn a_refused_endpoint_says_what_is_wrong() {
        for (text, because) in [
            ("https://localhost:8443", "names are not looked up"),
            ("https://127.0.0.1", "port is missing"),
            ("https://127.0.0.1:8443/", "no path"),
            ("https://", "names are not looked up"),
            ("ftp://127.0.0.1:21", "https://, http:// or nothing"),
            ("https://http://127.0.0.1:1", "https://, http:// or nothing"),
            ("HTTPS://127.0.0.1:1", "https://, http:// or nothing"),
            ("https://unix:", "needs a path"),
        ] {
            let refusal = text.parse::<Endpoint>().expect_err(text).to_string();
            assert!(refusal.contains(because), "{text}: {refusal}");
        }
    }
}
