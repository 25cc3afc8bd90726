//! Where load may go: loopback addresses and Unix sockets, nothing else.
//!
//! Called by the command line for `--url` and by the floors for `--listen`. Names are not resolved:
//! a name could point anywhere, and a load generator must not.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::str::FromStr;

/// The place that is loaded: an address of this machine and the path asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// The socket to connect to.
    pub endpoint: Endpoint,
    /// Whether TLS is spoken there.
    pub tls: bool,
    /// Whether the scheme is that of WebSocket (RFC 6455 section 3).
    pub websocket: bool,
    /// The request target in origin form (RFC 9112 section 3.2.1), for example `/plaintext`.
    pub path: String,
}

/// A socket address of this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Endpoint {
    /// 127.0.0.0/8 or `[::1]`.
    Tcp(SocketAddr),
    /// A Unix stream socket.
    Unix(PathBuf),
}

/// Why a target was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TargetError {
    /// Neither `http://IP:PORT/path`, the same with `https`, `ws` or `wss`, nor `unix:PATH`.
    Malformed(String),
    /// An address of another machine, or one that other machines can reach.
    NotLoopback(IpAddr),
}

impl std::error::Error for TargetError {}

impl fmt::Display for TargetError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed(text) => write!(
                f,
                "`{text}` is not a target; write http://127.0.0.1:PORT/path, \
                 http://[::1]:PORT/path, the same with https, ws or wss, or unix:SOCKET[:/path]"
            ),
            Self::NotLoopback(ip) => write!(
                f,
                "{ip} is not a loopback address; load goes only to 127.0.0.0/8, [::1] or unix:PATH"
            ),
        }
    }
}

/// Refuses every address that is not loopback.
///
/// # Errors
/// [`TargetError::NotLoopback`] with the address.
pub fn require_loopback(address: SocketAddr) -> Result<SocketAddr, TargetError> {
    if address.ip().is_loopback() {
        Ok(address)
    } else {
        Err(TargetError::NotLoopback(address.ip()))
    }
}

impl FromStr for Target {
    type Err = TargetError;

    /// Reads `http://IP:PORT[/path]`, `http://localhost:PORT[/path]` (taken as 127.0.0.1), the same
    /// with `https`, `ws` or `wss`, or `unix:SOCKET[:/path]`.
    fn from_str(text: &str) -> Result<Self, TargetError> {
        let malformed = || TargetError::Malformed(text.to_owned());
        if let Some(rest) = text.strip_prefix("unix:") {
            let (socket, path) = rest
                .split_once(":/")
                .map_or((rest, "/".to_owned()), |(s, p)| (s, format!("/{p}")));
            if socket.is_empty() || !is_request_path(&path) {
                return Err(malformed());
            }
            return Ok(Self {
                endpoint: Endpoint::Unix(PathBuf::from(socket)),
                tls: false,
                websocket: false,
                path,
            });
        }
        let (scheme, rest) = text.split_once("://").ok_or_else(malformed)?;
        let (tls, websocket) = match scheme {
            "http" => (false, false),
            "https" => (true, false),
            "ws" => (false, true),
            "wss" => (true, true),
            _ => return Err(malformed()),
        };
        let (authority, path) = match rest.find('/') {
            Some(at) => (&rest[..at], &rest[at..]),
            None => (rest, "/"),
        };
        if !is_request_path(path) {
            return Err(malformed());
        }
        let authority = match authority.strip_prefix("localhost:") {
            Some(port) => format!("127.0.0.1:{port}"),
            None => authority.to_owned(),
        };
        let address: SocketAddr = authority.parse().map_err(|_| malformed())?;
        Ok(Self {
            endpoint: Endpoint::Tcp(require_loopback(address)?),
            tls,
            websocket,
            path: path.to_owned(),
        })
    }
}

/// Whether `path` can stand in a request line as it is: no blanks, no control bytes.
fn is_request_path(path: &str) -> bool {
    path.starts_with('/') && path.bytes().all(|b| b.is_ascii_graphic())
}

impl Target {
    /// The value of the `Host` field (RFC 9110 section 7.2); `localhost` for a Unix socket.
    pub fn host(&self) -> String {
        match &self.endpoint {
            Endpoint::Tcp(address) => address.to_string(),
            Endpoint::Unix(_) => "localhost".to_owned(),
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.endpoint {
            Endpoint::Tcp(address) => {
                let scheme = match (self.tls, self.websocket) {
                    (false, false) => "http",
                    (true, false) => "https",
                    (false, true) => "ws",
                    (true, true) => "wss",
                };
                write!(f, "{scheme}://{address}{}", self.path)
            }
            Endpoint::Unix(socket) => write!(f, "unix:{}:{}", socket.display(), self.path),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loopback_and_unix_targets_are_read_with_their_path() {
        let tcp: Target = "http://127.0.0.2:8080/a?b=c".parse().unwrap();
        assert_eq!(
            tcp.endpoint,
            Endpoint::Tcp("127.0.0.2:8080".parse().unwrap())
        );
        assert_eq!(tcp.path, "/a?b=c");
        let tls: Target = "https://127.0.0.1:8443/a".parse().unwrap();
        assert!(tls.tls && !tcp.tls);
        assert_eq!(tls.to_string(), "https://127.0.0.1:8443/a");
        for text in ["ws://127.0.0.1:80/ws", "wss://[::1]:443/ws"] {
            let websocket: Target = text.parse().unwrap();
            assert!(websocket.websocket && websocket.tls == text.starts_with("wss"));
            assert_eq!(websocket.to_string(), text);
        }
        let v6: Target = "http://[::1]:80".parse().unwrap();
        assert_eq!((v6.host().as_str(), v6.path.as_str()), ("[::1]:80", "/"));
        let unix: Target = "unix:/run/x.sock:/plaintext".parse().unwrap();
        assert_eq!(unix.endpoint, Endpoint::Unix("/run/x.sock".into()));
        assert_eq!(unix.path, "/plaintext");
    }

    #[test]
    fn an_address_of_another_machine_is_refused_with_the_reason() {
        for text in [
            "http://192.0.2.1:80/",
            "http://0.0.0.0:80/",
            "https://192.0.2.1:443/",
            "http://[2001:db8::1]:80/",
        ] {
            let error = text.parse::<Target>().unwrap_err();
            assert!(
                matches!(error, TargetError::NotLoopback(_)),
                "{text}: {error}"
            );
            assert!(
                error
                    .to_string()
                    .contains("only to 127.0.0.0/8, [::1] or unix:PATH")
            );
        }
    }

    #[test]
    fn names_schemes_and_blanks_are_malformed() {
        for text in [
            "http://example.com:80/",
            "ftp://127.0.0.1:1/",
            "https://example.com:443/",
            "http://127.0.0.1/",
            "http://127.0.0.1:1/a b",
            "unix:",
        ] {
            assert!(
                matches!(text.parse::<Target>(), Err(TargetError::Malformed(_))),
                "{text}"
            );
        }
    }
}
