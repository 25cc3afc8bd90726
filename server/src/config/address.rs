//! Where a listener listens: an address of TCP, a Unix socket, or a descriptor handed in.
//!
//! Decides how such a place is written and read back. Called by the option table and by programs
//! that build a [`Config`](super::Config) in code. This file does not resolve names, bind, or look
//! at the descriptor: `localhost:8080` is refused, because a name may mean two addresses or none.

use std::ffi::OsString;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::str::FromStr;

use super::error::Malformed;

/// Longest path of a Unix socket in bytes: `sun_path` holds 108 with its final NUL (unix(7)).
pub const UNIX_PATH_BYTES_MAX: usize = 107;

/// The first descriptor that is not one of the standard streams.
const FIRST_FREE_DESCRIPTOR: i32 = 3;

/// One place to listen on.
///
/// Written `IP:PORT`, `[v6]:PORT`, `unix:PATH`, `unix:PATH?mode=0660&user=NAME&group=NAME` or `fd:N`;
/// [`fmt::Display`] writes what [`FromStr`] reads.
///
/// ```
/// use ringgate::config::ListenAddr;
///
/// let address: ListenAddr = "[::1]:8080".parse().unwrap();
/// assert!(address.is_local());
/// assert_eq!(address.to_string(), "[::1]:8080");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum ListenAddr {
    /// TCP over IPv4 or IPv6. Port 0 asks the kernel for a free port (ip(7)).
    Tcp(SocketAddr),
    /// A Unix stream socket (unix(7)).
    Unix(UnixAddr),
    /// A listening socket that the parent process left open under this number.
    Fd(i32),
}

/// A Unix socket's file, and who may connect to it.
///
/// ```
/// use ringgate::config::ListenAddr;
///
/// let ListenAddr::Unix(socket) = "unix:/run/notes.sock?mode=666".parse()? else {
///     panic!("no Unix socket");
/// };
/// assert_eq!((socket.path.to_str(), socket.mode), (Some("/run/notes.sock"), 0o666));
/// # Ok::<(), ringgate::config::Malformed>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct UnixAddr {
    /// Path of the socket; without a `?`.
    pub path: PathBuf,
    /// Permission bits of the socket's file, whatever the umask: whoever may write the file may connect.
    pub mode: u32,
    /// Owner of the file, by name or number; None leaves it with the user who makes it. Only root can name another.
    pub user: Option<String>,
    /// Group of the file, likewise. Only root, and members of the group, can name it.
    pub group: Option<String>,
}

/// Permission bits by default: owner and group may connect.
const UNIX_MODE: u32 = 0o660;
/// All permission bits.
const UNIX_MODE_MAX: u32 = 0o777;

impl From<PathBuf> for UnixAddr {
    fn from(path: PathBuf) -> UnixAddr {
        UnixAddr {
            path,
            mode: UNIX_MODE,
            user: None,
            group: None,
        }
    }
}

impl UnixAddr {
    /// Returns the settings that are written behind the path: those that differ from the default.
    pub(super) fn settings(&self) -> String {
        let mode = (self.mode != UNIX_MODE).then(|| format!("mode={:04o}", self.mode));
        let name =
            |key: &str, name: &Option<String>| name.as_ref().map(|name| format!("{key}={name}"));
        let settings = [mode, name("user", &self.user), name("group", &self.group)];
        let settings: Vec<String> = settings.into_iter().flatten().collect();
        match settings.is_empty() {
            true => String::new(),
            false => format!("?{}", settings.join("&")),
        }
    }
}

impl ListenAddr {
    /// The Unix socket at this path, to which its owner and its group may connect.
    pub fn unix(path: impl Into<PathBuf>) -> ListenAddr {
        ListenAddr::Unix(path.into().into())
    }

    /// The address alone, without who may connect: two listeners of one place cannot be.
    pub(crate) fn place(&self) -> ListenAddr {
        match self {
            ListenAddr::Unix(unix) => ListenAddr::unix(&unix.path),
            ListenAddr::Tcp(_) | ListenAddr::Fd(_) => self.clone(),
        }
    }

    /// The address as text, without the loss that [`fmt::Display`] has for a path that is not UTF-8.
    pub(super) fn written(&self) -> OsString {
        match self {
            ListenAddr::Unix(unix) => {
                let mut text = OsString::from("unix:");
                text.push(&unix.path);
                text.push(unix.settings());
                text
            }
            ListenAddr::Tcp(_) | ListenAddr::Fd(_) => self.to_string().into(),
        }
    }

    /// Whether only processes of this machine can reach the address.
    ///
    /// A descriptor answers `false`: what it is bound to is not known before it is asked
    /// (getsockname(2)), and the careful answer is the public one.
    pub fn is_local(&self) -> bool {
        match self {
            ListenAddr::Tcp(address) => is_loopback(address.ip()),
            ListenAddr::Unix(_) => true,
            ListenAddr::Fd(_) => false,
        }
    }

    /// Whether two listeners may not both have this address. Port 0 names a new port each time.
    pub fn is_exclusive(&self) -> bool {
        !matches!(self, ListenAddr::Tcp(address) if address.port() == 0)
    }
}

impl From<SocketAddr> for ListenAddr {
    fn from(address: SocketAddr) -> ListenAddr {
        ListenAddr::Tcp(address)
    }
}

/// Loopback, also where IPv6 carries an IPv4 address (`::ffff:127.0.0.1`).
fn is_loopback(ip: IpAddr) -> bool {
    ip.to_canonical().is_loopback()
}

impl fmt::Display for ListenAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ListenAddr::Tcp(address) => write!(f, "{address}"),
            ListenAddr::Unix(unix) => {
                write!(f, "unix:{}{}", unix.path.display(), unix.settings())
            }
            ListenAddr::Fd(number) => write!(f, "fd:{number}"),
        }
    }
}

impl FromStr for ListenAddr {
    type Err = Malformed;

    fn from_str(text: &str) -> Result<Self, Malformed> {
        if let Some(unix) = text.strip_prefix("unix:") {
            self::unix(unix).map(ListenAddr::Unix)
        } else if let Some(number) = text.strip_prefix("fd:") {
            descriptor(number).map(ListenAddr::Fd)
        } else {
            tcp(text).map(ListenAddr::Tcp)
        }
    }
}

fn unix(text: &str) -> Result<UnixAddr, Malformed> {
    let (path, settings) = text.split_once('?').unwrap_or((text, ""));
    let mut unix = UnixAddr::from(unix_path(path)?.to_owned());
    let mut seen = Vec::new();
    for setting in settings.split('&').filter(|_| text.contains('?')) {
        let (key, value) = setting.split_once('=').unwrap_or((setting, ""));
        if seen.contains(&key) {
            return Err(Malformed::new(format!("{key} stands there twice")));
        }
        seen.push(key);
        let name = match value {
            "" => Err(Malformed::new(format!("{key}= needs a value after it"))),
            value => Ok(Some(value.to_owned())),
        };
        match key {
            "mode" => unix.mode = mode(value)?,
            "user" => unix.user = name?,
            "group" => unix.group = name?,
            _ => {
                return Err(Malformed::new(
                    "behind the ? of a Unix socket stand mode=, user= and group=, with & between them; \
                     a path cannot hold a ?",
                ));
            }
        }
    }
    Ok(unix)
}

fn mode(text: &str) -> Result<u32, Malformed> {
    let digits = text.bytes().all(|byte| matches!(byte, b'0'..=b'7'));
    let mode = u32::from_str_radix(text, 8).ok();
    mode.filter(|mode| digits && *mode <= UNIX_MODE_MAX)
        .ok_or_else(|| Malformed::new("mode is an octal number from 0 to 0777, such as 0660"))
}

fn unix_path(path: &str) -> Result<&Path, Malformed> {
    if path.is_empty() {
        Err(Malformed::new("unix: needs a path after it"))
    } else if path.contains('\0') {
        Err(Malformed::new(
            "the path of a Unix socket cannot hold a NUL byte",
        ))
    } else if path.len() > UNIX_PATH_BYTES_MAX {
        Err(Malformed::new(format!(
            "the path has {} bytes, a Unix socket takes at most {UNIX_PATH_BYTES_MAX}",
            path.len()
        )))
    } else {
        Ok(Path::new(path))
    }
}

fn descriptor(number: &str) -> Result<i32, Malformed> {
    match super::size::whole_number(number).and_then(|number| i32::try_from(number).ok()) {
        Some(number) if number >= FIRST_FREE_DESCRIPTOR => Ok(number),
        Some(_) => Err(Malformed::new(format!(
            "descriptors 0 to 2 are the standard streams, listeners begin at \
             {FIRST_FREE_DESCRIPTOR}"
        ))),
        None => Err(Malformed::new(
            "fd: needs the number of a descriptor after it",
        )),
    }
}

fn tcp(text: &str) -> Result<SocketAddr, Malformed> {
    let is_ip = |host: &str| {
        let bare = host
            .strip_prefix('[')
            .and_then(|host| host.strip_suffix(']'));
        bare.unwrap_or(host).parse::<IpAddr>().is_ok()
    };
    let refusal = match text.parse() {
        Ok(address) => return Ok(address),
        Err(_) if is_ip(text) => "the port is missing",
        Err(_) if text.rsplit_once(':').is_some_and(|(host, _)| is_ip(host)) => {
            "a port is a number from 0 to 65535"
        }
        Err(_) if super::size::whole_number(text).is_some() => {
            "a port alone does not say which address: write 127.0.0.1:PORT or 0.0.0.0:PORT"
        }
        Err(_) if text.contains("://") => "a scheme stands only before an address of listen",
        Err(_) if text.starts_with(':') => "the address before the port is missing",
        Err(_) => "names are not looked up: write the IP address and the port",
    };
    Err(Malformed::new(refusal))
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use proptest::prelude::*;

    pub(in crate::config) fn address() -> impl Strategy<Value = ListenAddr> {
        prop_oneof![
            any::<(std::net::Ipv4Addr, u16)>()
                .prop_map(|pair| ListenAddr::Tcp(SocketAddr::from(pair))),
            any::<(std::net::Ipv6Addr, u16)>()
                .prop_map(|pair| ListenAddr::Tcp(SocketAddr::from(pair))),
            (
                "[a-zA-Z0-9/._:, -]{1,107}",
                0..=UNIX_MODE_MAX,
                proptest::option::of("[a-z0-9_-]{1,32}"),
                proptest::option::of("[a-z0-9_-]{1,32}")
            )
                .prop_map(|(path, mode, user, group)| ListenAddr::Unix(UnixAddr {
                    path: path.into(),
                    mode,
                    user,
                    group
                })),
            (3..=i32::MAX).prop_map(ListenAddr::Fd),
        ]
    }

    proptest! {
        #[test]
        fn an_address_written_is_read_back_the_same(address in address()) {
            prop_assert_eq!(address.to_string().parse::<ListenAddr>(), Ok(address));
        }

        #[test]
        fn reading_an_address_never_panics(text in any::<String>()) {
            let _ = text.parse::<ListenAddr>();
        }
    }

    #[track_caller]
    fn refused(text: &str, because: &str) {
        let refusal = text.parse::<ListenAddr>().expect_err(text).to_string();
        assert!(refusal.contains(because), "{text}: {refusal}");
    }

    #[test]
    fn a_refused_address_says_what_is_missing() {
        refused("8080", "a port alone");
        refused(":8080", "address before the port");
        refused("127.0.0.1", "port is missing");
        refused("::1", "port is missing");
        refused("localhost:80", "names are not looked up");
        refused("[::1]", "port is missing");
        refused("127.0.0.1:65536", "number from 0 to 65535");
        refused("[::1]:http", "number from 0 to 65535");
        refused("127.0.0.1:", "number from 0 to 65535");
        refused("https://127.0.0.1:80", "only before an address of listen");
        refused("unix:", "needs a path");
        refused("unix:/a\0b", "NUL");
        refused(&format!("unix:{}", "x".repeat(108)), "at most 107");
        refused("unix:/a?mode=", "octal number");
        refused("unix:/a?mode=0680", "octal number");
        refused("unix:/a?mode=1777", "octal number");
        refused("unix:/a?mode=+660", "octal number");
        refused("unix:/a?", "mode=, user= and group=");
        refused("unix:/a?owner=x", "mode=, user= and group=");
        refused("unix:/a?group=", "group= needs a value");
        refused("unix:/a?mode=600&mode=660", "twice");
        refused("unix:?mode=600", "needs a path");
        refused("fd:", "number of a descriptor");
        refused("fd:-1", "number of a descriptor");
        refused("fd:2", "standard streams");
    }

    #[test]
    fn a_unix_socket_is_for_its_owner_and_its_group_unless_told_otherwise() {
        let read = |text: &str| match text.parse() {
            Ok(ListenAddr::Unix(unix)) => unix,
            other => panic!("{text}: {other:?}"),
        };
        assert_eq!(read("unix:/run/x").mode, 0o660);
        let told = read("unix:/run/x?mode=666&group=www-data&user=7");
        assert_eq!(
            (told.path.as_path(), told.mode),
            (Path::new("/run/x"), 0o666)
        );
        assert_eq!(told.user.as_deref(), Some("7"));
        assert_eq!(told.group.as_deref(), Some("www-data"));
        let place = ListenAddr::Unix(told).place();
        assert_eq!(place, ListenAddr::unix("/run/x"));
    }

    #[test]
    fn only_loopback_and_unix_sockets_are_local() {
        let local = |text: &str| text.parse::<ListenAddr>().expect(text).is_local();
        assert!(local("127.0.0.1:80"));
        assert!(local("127.9.9.9:80"));
        assert!(local("[::1]:80"));
        assert!(local("[::ffff:127.0.0.1]:80"));
        assert!(local("unix:/run/x"));
        assert!(!local("0.0.0.0:80"));
        assert!(!local("[::]:80"));
        assert!(!local("10.0.0.1:80"));
        assert!(!local("fd:3"));
    }
}
