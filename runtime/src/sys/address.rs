//! Socket addresses between Rust's types and the kernel's `sockaddr_storage`.
//!
//! Called by `socket`, `listener` and by the ring's connect, accept and recvmsg, which keep a
//! [`SocketAddrStorage`] in the operation. Deliberately resolves no names.

use std::ffi::OsStr;
use std::fmt;
use std::io;
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

/// A `sockaddr_storage` and how many of its bytes count.
#[derive(Clone, Copy)]
pub struct SocketAddrStorage {
    storage: libc::sockaddr_storage,
    len: libc::socklen_t,
}

/// Where the path begins in a `sockaddr_un`, in bytes.
const PATH_OFFSET: usize = std::mem::offset_of!(libc::sockaddr_un, sun_path);

/// The longest path of a Unix socket, in bytes, without the terminating zero (unix(7): 108 with it).
pub const UNIX_PATH_BYTES_MAX: usize = size_of::<libc::sockaddr_un>() - PATH_OFFSET - 1;

impl SocketAddrStorage {
    /// Room for the kernel to write an address of any family into.
    pub fn empty() -> SocketAddrStorage {
        // SAFETY: sockaddr_storage is plain integers; all zero is AF_UNSPEC (socket(7)). Guarded by
        // `an_empty_storage_decodes_to_an_error`.
        let storage = unsafe { std::mem::zeroed() };
        SocketAddrStorage {
            storage,
            len: size_of::<libc::sockaddr_storage>() as libc::socklen_t,
        }
    }

    /// The kernel's form of an IP address and port (ip(7), ipv6(7)).
    pub fn from_inet(address: SocketAddr) -> SocketAddrStorage {
        match address {
            SocketAddr::V4(v4) => SocketAddrStorage::from_sockaddr(libc::sockaddr_in {
                sin_family: libc::AF_INET as libc::sa_family_t,
                sin_port: v4.port().to_be(),
                sin_addr: libc::in_addr {
                    s_addr: u32::from_ne_bytes(v4.ip().octets()),
                },
                sin_zero: [0; 8],
            }),
            SocketAddr::V6(v6) => SocketAddrStorage::from_sockaddr(libc::sockaddr_in6 {
                sin6_family: libc::AF_INET6 as libc::sa_family_t,
                sin6_port: v6.port().to_be(),
                sin6_flowinfo: v6.flowinfo(),
                sin6_addr: libc::in6_addr {
                    s6_addr: v6.ip().octets(),
                },
                sin6_scope_id: v6.scope_id(),
            }),
        }
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
        match libc::c_int::from(self.storage.ss_family) {
            libc::AF_INET if len >= size_of::<libc::sockaddr_in>() => {
                // SAFETY: ss_family says sockaddr_in, `len` says that all of it was written, and the
                // storage is larger and at least as aligned (socket(7)). Guarded by
                // `addresses_survive_the_way_through_the_kernel_form`.
                let v4: libc::sockaddr_in = unsafe { self.read() };
                let ip = IpAddr::from(v4.sin_addr.s_addr.to_ne_bytes());
                Ok(Address::Inet(SocketAddr::new(
                    ip,
                    u16::from_be(v4.sin_port),
                )))
            }
            libc::AF_INET6 if len >= size_of::<libc::sockaddr_in6>() => {
                // SAFETY: as above, with sockaddr_in6.
                let v6: libc::sockaddr_in6 = unsafe { self.read() };
                Ok(Address::Inet(SocketAddr::V6(SocketAddrV6::new(
                    v6.sin6_addr.s6_addr.into(),
                    u16::from_be(v6.sin6_port),
                    v6.sin6_flowinfo,
                    v6.sin6_scope_id,
                ))))
            }
            libc::AF_UNIX if len >= PATH_OFFSET => {
                // SAFETY: as above, with sockaddr_un; bytes past `len` are zero or stale integers and
                // are not looked at.
                let un: libc::sockaddr_un = unsafe { self.read() };
                let name = &un.sun_path[..(len - PATH_OFFSET).min(un.sun_path.len())];
                let name: Vec<u8> = name.iter().map(|byte| *byte as u8).collect();
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
        libc::c_int::from(self.storage.ss_family)
    }

    /// What connect(2) and bind(2) read.
    pub fn as_ptr(&self) -> *const libc::sockaddr {
        (&raw const self.storage).cast()
    }

    /// What accept(2) and recvmsg(2) write.
    pub fn as_mut_ptr(&mut self) -> *mut libc::sockaddr {
        (&raw mut self.storage).cast()
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
        let mut sun_path = [0 as libc::c_char; UNIX_PATH_BYTES_MAX + 1];
        let mut len = PATH_OFFSET;
        for (to, from) in sun_path.iter_mut().zip(name) {
            *to = *from as libc::c_char;
            len += 1;
        }
        let sun_family = libc::AF_UNIX as libc::sa_family_t;
        let mut new = SocketAddrStorage::from_sockaddr(libc::sockaddr_un {
            sun_family,
            sun_path,
        });
        new.len = len as libc::socklen_t;
        new
    }

    fn from_sockaddr<T: Copy>(address: T) -> SocketAddrStorage {
        const { assert!(size_of::<T>() <= size_of::<libc::sockaddr_storage>()) };
        const { assert!(align_of::<T>() <= align_of::<libc::sockaddr_storage>()) };
        let mut new = SocketAddrStorage::empty();
        // SAFETY: it fits and is aligned, as the two lines above prove; sockaddr_storage exists to
        // be written so (socket(7)). Guarded by
        // `addresses_survive_the_way_through_the_kernel_form`.
        unsafe { new.as_mut_ptr().cast::<T>().write(address) };
        new.len = size_of::<T>() as libc::socklen_t;
        new
    }

    /// # Safety
    /// `T` must be the sockaddr type that `ss_family` names.
    unsafe fn read<T: Copy>(&self) -> T {
        const { assert!(size_of::<T>() <= size_of::<libc::sockaddr_storage>()) };
        const { assert!(align_of::<T>() <= align_of::<libc::sockaddr_storage>()) };
        // SAFETY: inside the storage and aligned, as the two lines above prove; the caller vouches
        // for the type, whose fields are plain integers.
        unsafe { self.as_ptr().cast::<T>().read() }
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
