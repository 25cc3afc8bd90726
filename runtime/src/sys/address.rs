//! Socket addresses between Rust's types and the kernel's `sockaddr_storage`.
//!
//! Called by `socket`, `listener` and by the ring's connect, accept and recvmsg, which keep a
//! [`SocketAddrStorage`] in the operation. Deliberately resolves no names.

use std::ffi::OsStr;
use std::fmt;
use std::io;
use std::mem::offset_of;
use std::net::{IpAddr, SocketAddr, SocketAddrV6};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// Where a socket is bound or connected.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Address {
    /// TCP or UDP, over IPv4 or IPv6.
    Inet(SocketAddr),
    /// A Unix socket with a file.
    UnixPath(PathBuf),
    /// A Unix socket in Linux's abstract namespace (unix(7)); the name without its leading zero.
    UnixAbstract(Vec<u8>),
    /// A Unix socket without a name: the usual client, or one end of a pair.
    UnixUnnamed,
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Address::Inet(address) => write!(f, "{address}"),
            Address::UnixPath(path) => write!(f, "unix:{}", path.display()),
            Address::UnixAbstract(name) => write!(f, "unix:@{}", name.escape_ascii()),
            Address::UnixUnnamed => f.write_str("unix:"),
        }
    }
}

/// The bytes of a `sockaddr_storage` (socket(7)), and how many of them count.
#[derive(Clone, Copy)]
pub struct SocketAddrStorage {
    bytes: Aligned,
    len: libc::socklen_t,
}

const STORAGE_BYTES: usize = size_of::<libc::sockaddr_storage>();

/// As aligned as the kernel's structure.
#[derive(Clone, Copy)]
#[repr(C, align(8))]
struct Aligned([u8; STORAGE_BYTES]);

const _: () = assert!(align_of::<Aligned>() >= align_of::<libc::sockaddr_storage>());

const PORT: usize = offset_of!(libc::sockaddr_in, sin_port);
const V4_IP: usize = offset_of!(libc::sockaddr_in, sin_addr);
const V4_BYTES: usize = size_of::<libc::sockaddr_in>();
const V6_FLOW: usize = offset_of!(libc::sockaddr_in6, sin6_flowinfo);
const V6_IP: usize = offset_of!(libc::sockaddr_in6, sin6_addr);
const V6_SCOPE: usize = offset_of!(libc::sockaddr_in6, sin6_scope_id);
const V6_BYTES: usize = size_of::<libc::sockaddr_in6>();
const _: () = assert!(PORT == offset_of!(libc::sockaddr_in6, sin6_port));
const _: () = assert!(offset_of!(libc::sockaddr_storage, ss_family) == 0);

/// Where the path begins in a `sockaddr_un`, in bytes.
const PATH_OFFSET: usize = offset_of!(libc::sockaddr_un, sun_path);

/// The longest path of a Unix socket, in bytes, without the terminating zero (unix(7): 108 with it).
pub const UNIX_PATH_BYTES_MAX: usize = size_of::<libc::sockaddr_un>() - PATH_OFFSET - 1;

impl SocketAddrStorage {
    /// Room for the kernel to write an address of any family into.
    pub fn empty() -> SocketAddrStorage {
        SocketAddrStorage::new(libc::AF_UNSPEC, STORAGE_BYTES)
    }

    fn new(family: libc::c_int, len: usize) -> SocketAddrStorage {
        let mut new = SocketAddrStorage {
            bytes: Aligned([0; STORAGE_BYTES]),
            len: len as libc::socklen_t,
        };
        new.write(0, (family as libc::sa_family_t).to_ne_bytes());
        new
    }

    fn write<const N: usize>(&mut self, at: usize, bytes: [u8; N]) {
        self.bytes.0[at..at + N].copy_from_slice(&bytes);
    }

    fn read<const N: usize>(&self, at: usize) -> [u8; N] {
        let mut bytes = [0; N];
        bytes.copy_from_slice(&self.bytes.0[at..at + N]);
        bytes
    }

    /// The kernel's form of an IP address and port (ip(7), ipv6(7)).
    pub fn from_inet(address: SocketAddr) -> SocketAddrStorage {
        let mut new = match address {
            SocketAddr::V4(v4) => {
                let mut new = SocketAddrStorage::new(libc::AF_INET, V4_BYTES);
                new.write(V4_IP, v4.ip().octets());
                new
            }
            SocketAddr::V6(v6) => {
                let mut new = SocketAddrStorage::new(libc::AF_INET6, V6_BYTES);
                new.write(V6_FLOW, v6.flowinfo().to_ne_bytes());
                new.write(V6_IP, v6.ip().octets());
                new.write(V6_SCOPE, v6.scope_id().to_ne_bytes());
                new
            }
        };
        new.write(PORT, address.port().to_be_bytes());
        new
    }

    /// The kernel's form of a Unix socket's path (unix(7)).
    ///
    /// # Errors
    /// `InvalidInput` if the path is empty, contains a zero byte or is longer than
    /// [`UNIX_PATH_BYTES_MAX`] bytes.
    pub fn from_unix_path(path: &Path) -> io::Result<SocketAddrStorage> {
        let bytes = path.as_os_str().as_bytes();
        let refuse = |why: String| {
            let text = format!("unix socket path {}: {why}", path.display());
            Err(io::Error::new(io::ErrorKind::InvalidInput, text))
        };
        if bytes.is_empty() || bytes.contains(&0) {
            return refuse("it is empty or contains a zero byte".to_string());
        }
        if bytes.len() > UNIX_PATH_BYTES_MAX {
            return refuse(format!(
                "{} bytes, but the kernel takes {UNIX_PATH_BYTES_MAX}; choose a shorter directory",
                bytes.len()
            ));
        }
        Ok(SocketAddrStorage::from_sun_path(bytes.iter().chain(&[0])))
    }

    /// The kernel's form of `address`.
    ///
    /// # Errors
    /// As [`SocketAddrStorage::from_unix_path`]; `Unsupported` for a socket without a name.
    pub fn encode(address: &Address) -> io::Result<SocketAddrStorage> {
        match address {
            Address::Inet(address) => Ok(SocketAddrStorage::from_inet(*address)),
            Address::UnixPath(path) => SocketAddrStorage::from_unix_path(path),
            Address::UnixAbstract(name) if name.len() <= UNIX_PATH_BYTES_MAX => {
                Ok(SocketAddrStorage::from_sun_path([0].iter().chain(name)))
            }
            Address::UnixAbstract(_) | Address::UnixUnnamed => Err(io::Error::new(
                io::ErrorKind::Unsupported,
                format!("{address} is not an address to bind or to connect to"),
            )),
        }
    }

    /// The address that the kernel wrote.
    ///
    /// # Errors
    /// `InvalidData` for a family other than AF_INET, AF_INET6 and AF_UNIX, or too few bytes.
    pub fn decode(&self) -> io::Result<Address> {
        let len = self.len as usize;
        let port = u16::from_be_bytes(self.read(PORT));
        match self.family() {
            libc::AF_INET if len >= V4_BYTES => {
                let ip = IpAddr::from(self.read::<4>(V4_IP));
                Ok(Address::Inet(SocketAddr::new(ip, port)))
            }
            libc::AF_INET6 if len >= V6_BYTES => {
                let flow = u32::from_ne_bytes(self.read(V6_FLOW));
                let scope = u32::from_ne_bytes(self.read(V6_SCOPE));
                let ip = self.read::<16>(V6_IP).into();
                let v6 = SocketAddrV6::new(ip, port, flow, scope);
                Ok(Address::Inet(SocketAddr::V6(v6)))
            }
            libc::AF_UNIX if len >= PATH_OFFSET => {
                let end = len.min(size_of::<libc::sockaddr_un>());
                let name = &self.bytes.0[PATH_OFFSET..end];
                Ok(match name.split_first() {
                    None => Address::UnixUnnamed,
                    Some((0, abstract_name)) => Address::UnixAbstract(abstract_name.to_vec()),
                    Some(_) => {
                        let end = name.iter().position(|b| *b == 0).unwrap_or(name.len());
                        Address::UnixPath(PathBuf::from(OsStr::from_bytes(&name[..end])))
                    }
                })
            }
            family => Err(io::Error::new(
                io::ErrorKind::InvalidData,
                format!("the kernel gave an address of family {family} with {len} bytes"),
            )),
        }
    }

    /// The address, if it is an IPv4 or IPv6 one.
    pub fn inet(&self) -> Option<SocketAddr> {
        match self.decode() {
            Ok(Address::Inet(address)) => Some(address),
            _ => None,
        }
    }

    /// The family: AF_INET, AF_INET6, AF_UNIX, or AF_UNSPEC while empty.
    pub fn family(&self) -> libc::c_int {
        libc::sa_family_t::from_ne_bytes(self.read(0)).into()
    }

    /// Returns the address as connect(2) and bind(2) read it.
    pub fn as_ptr(&self) -> *const libc::sockaddr {
        (&raw const self.bytes).cast()
    }

    /// Returns the place where accept(2) and recvmsg(2) write an address.
    pub fn as_mut_ptr(&mut self) -> *mut libc::sockaddr {
        (&raw mut self.bytes).cast()
    }

    /// The bytes that count.
    pub fn byte_len(&self) -> libc::socklen_t {
        self.len
    }

    /// The length as a place for the kernel to correct; before the call it must say the room.
    pub fn len_mut(&mut self) -> &mut libc::socklen_t {
        &mut self.len
    }

    /// `name` must fit, with its zero byte at the beginning (abstract) or at the end (path).
    fn from_sun_path<'a>(name: impl Iterator<Item = &'a u8>) -> SocketAddrStorage {
        let mut new = SocketAddrStorage::new(libc::AF_UNIX, PATH_OFFSET);
        for (to, from) in new.bytes.0[PATH_OFFSET..].iter_mut().zip(name) {
            *to = *from;
            new.len += 1;
        }
        new
    }
}

impl fmt::Debug for SocketAddrStorage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.decode() {
            Ok(address) => write!(f, "SocketAddrStorage({address})"),
            Err(_) => write!(f, "SocketAddrStorage(family {})", self.family()),
        }
    }
}

impl From<SocketAddr> for SocketAddrStorage {
    fn from(address: SocketAddr) -> SocketAddrStorage {
        SocketAddrStorage::from_inet(address)
    }
}
