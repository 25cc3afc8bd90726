//! Listening Unix sockets, whose file outlives a crash, and listeners inherited as numbers.
//!
//! Called at start. Decides whether a socket file is stale, by calling it: whoever answers owns
//! it. Deliberately does not remove the file at the end; the owner of the address does, if it is still
//! its own.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File, Permissions, TryLockError};
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard};
use std::time::{Duration, Instant};

use rustix::fs::{AtFlags, FileType, Mode, OFlags, chownat, fchmod, fstat, open};
use rustix::io::{Errno, FdFlags, fcntl_setfd};
use rustix::net::sockopt::socket_acceptconn;
use rustix::process::{Gid, Uid, geteuid};

use super::address::SocketAddrStorage;
use super::error::{called, errno, named};
use super::listener::listen;
use super::socket::{self, bind};

/// How long to wait for another program that makes a socket in the same directory at this moment.
const DIRECTORY_LOCK_WAIT: Duration = Duration::from_secs(2);

/// The backlog of a Unix listener, in connections; the kernel cuts it to net.core.somaxconn. Unlike
/// TCP, a full queue makes connect(2) wait or fail with EAGAIN.
const UNIX_BACKLOG: u32 = 4096;

/// A listening Unix stream socket at `path` with the permission bits `mode` (for example 0o660);
/// close-on-exec, blocking: [`bind_unix`] and [`BoundUnix::listen`].
///
/// # Errors
/// The errors of [`bind_unix`] and [`BoundUnix::listen`].
pub fn unix_listener(path: &Path, mode: u32) -> io::Result<OwnedFd> {
    bind_unix(path, mode)?.listen()
}

/// Binds a Unix stream socket to `path`, whose file has the permission bits `mode`. Nobody gets in
/// before it listens.
///
/// A socket file that nobody answers is stale: it is removed and replaced. The directory is locked
/// (flock(2)) until this is dropped or listens, so that two programs that start at once do not remove
/// each other's file. The path is looked up for bind(2), and never again to change what it made: what
/// another user puts in its place meanwhile stays as it is.
///
/// # Errors
/// `AddrInUse` if a live server answers there; `AlreadyExists` if the file is not a socket, or another
/// one took the place of ours; `InvalidInput` if the path is too long; `TimedOut` if the directory stays
/// locked for 2 s; whatever else the file system and bind(2) answer.
pub fn bind_unix(path: &Path, mode: u32) -> io::Result<BoundUnix> {
    bind_unix_within(path, mode, DIRECTORY_LOCK_WAIT)
}

/// As [`bind_unix`], with another patience for a directory that is locked: for who comes again anyway, and has more to
/// do than to wait.
///
/// ```
/// use ringgate_runtime::sys::unix_listener::bind_unix_within;
/// use std::time::Duration;
///
/// let path = std::env::temp_dir().join(format!("example-{}.sock", std::process::id()));
/// let socket = bind_unix_within(&path, 0o660, Duration::from_millis(100))?.listen()?;
/// # drop(socket);
/// # std::fs::remove_file(path)?;
/// # Ok::<(), std::io::Error>(())
/// ```
///
/// # Errors
/// As [`bind_unix`]; `TimedOut` after `patience`.
pub fn bind_unix_within(path: &Path, mode: u32, patience: Duration) -> io::Result<BoundUnix> {
    let address = SocketAddrStorage::from_unix_path(path)?;
    let lock = lock_directory_of(path, patience)?;
    match fs::symlink_metadata(path) {
        Ok(metadata) if !metadata.file_type().is_socket() => {
            return Err(io::Error::new(
                io::ErrorKind::AlreadyExists,
                format!(
                    "{} exists and is not a socket; remove it or choose another path",
                    path.display()
                ),
            ));
        }
        Ok(_) if is_answered(&address, path)? => {
            return Err(io::Error::new(
                io::ErrorKind::AddrInUse,
                format!(
                    "a live server owns {} (`ss -lxp` names it); stop it or choose another path",
                    path.display()
                ),
            ));
        }
        Ok(_) => fs::remove_file(path).map_err(|error| at("unlink", path, error))?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(at("stat", path, error)),
    }
    let socket = socket::unix_socket()?;
    // The file gets the mode of the socket, less what the umask takes away: never more than meant.
    let mode = Mode::from_raw_mode(mode);
    fchmod(&socket, mode).map_err(|error| at("fchmod", path, error.into()))?;
    bind(socket.as_fd(), &address).map_err(|error| at("bind", path, error))?;
    let bound = BoundUnix::of(socket, path, lock)?;
    bound.set_mode(mode)?;
    Ok(bound)
}

/// A Unix socket that has its file and does not listen yet. Dropped, it removes the file.
#[derive(Debug)]
pub struct BoundUnix {
    socket: Option<OwnedFd>,
    path: PathBuf,
    /// The file itself, whatever its name leads to by now.
    file: OwnedFd,
    _lock: File,
}

impl BoundUnix {
    fn of(socket: OwnedFd, path: &Path, lock: File) -> io::Result<BoundUnix> {
        let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let file =
            open(path, flags, Mode::empty()).map_err(|error| at("open", path, error.into()))?;
        let found = fstat(&file).map_err(|error| at("stat", path, error.into()))?;
        let ours = FileType::from_raw_mode(found.st_mode) == FileType::Socket
            && found.st_uid == geteuid().as_raw()
            && found.st_nlink == 1;
        if !ours {
            let text = format!(
                "another file took the place of {} while it was made; see who else writes there",
                path.display()
            );
            return Err(io::Error::new(io::ErrorKind::AlreadyExists, text));
        }
        Ok(BoundUnix {
            socket: Some(socket),
            path: path.to_owned(),
            file,
            _lock: lock,
        })
    }

    fn set_mode(&self, mode: Mode) -> io::Result<()> {
        let found = fstat(&self.file).map_err(|error| at("stat", &self.path, error.into()))?;
        if Mode::from_raw_mode(found.st_mode) == mode {
            return Ok(());
        }
        // fchmod(2) refuses a descriptor of O_PATH; its name under /proc leads to the same file.
        let same = format!("/proc/self/fd/{}", self.file.as_raw_fd());
        let set = fs::set_permissions(same, Permissions::from_mode(mode.as_raw_mode()));
        set.map_err(|error| at("chmod", &self.path, error))
    }

    /// Gives the file to this user and this group; `None` leaves one as it is.
    ///
    /// # Errors
    /// EPERM unless this process is root, or is in that group; whatever else fchownat(2) answers.
    pub fn give(&self, user: Option<u32>, group: Option<u32>) -> io::Result<()> {
        let (user, group) = (user.map(Uid::from_raw), group.map(Gid::from_raw));
        let given = chownat(&self.file, "", user, group, AtFlags::EMPTY_PATH);
        given.map_err(|error| at("chown", &self.path, error.into()))
    }

    /// Lets clients in.
    ///
    /// # Errors
    /// Whatever listen(2) answers.
    pub fn listen(mut self) -> io::Result<OwnedFd> {
        if let Some(socket) = &self.socket {
            listen(socket.as_fd(), UNIX_BACKLOG)?;
        }
        self.socket
            .take()
            .ok_or_else(|| io::ErrorKind::NotConnected.into())
    }
}

impl Drop for BoundUnix {
    fn drop(&mut self) {
        let ours = |found: fs::Metadata| {
            let file = fstat(&self.file);
            file.is_ok_and(|file| (file.st_dev, file.st_ino) == (found.dev(), found.ino()))
        };
        if self.socket.is_some() && fs::symlink_metadata(&self.path).is_ok_and(ours) {
            // Nobody listens; the error that led here counts, not this one.
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Whether somebody listens at `address`. Never waits: a full queue answers EAGAIN, and is a server.
fn is_answered(address: &SocketAddrStorage, path: &Path) -> io::Result<bool> {
    let caller = socket::unix_socket()?;
    let set = rustix::io::ioctl_fionbio(&caller, true);
    called(set, "ioctl", "FIONBIO")?;
    match socket::connect(caller.as_fd(), address) {
        Ok(()) => Ok(true),
        Err(error) => match errno(&error) {
            Some(libc::EAGAIN) => Ok(true),
            // A socket of another type (datagram) is somebody's too.
            Some(libc::EPROTOTYPE) => Ok(true),
            Some(libc::ECONNREFUSED) => Ok(false),
            _ => Err(at("connect", path, error)),
        },
    }
}

fn lock_directory_of(path: &Path, patience: Duration) -> io::Result<File> {
    let directory = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let file = File::open(directory).map_err(|error| at("open", directory, error))?;
    let deadline = Instant::now() + patience;
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::Error(error)) => return Err(at("flock", directory, error)),
            Err(TryLockError::WouldBlock) if Instant::now() < deadline => {
                std::thread::sleep(Duration::from_millis(5));
            }
            Err(TryLockError::WouldBlock) => {
                return Err(io::Error::new(
                    io::ErrorKind::TimedOut,
                    format!(
                        "{} has been locked by another process for {patience:?} \
                         (`lslocks` names it)",
                        directory.display()
                    ),
                ));
            }
        }
    }
}

fn at(call: &'static str, path: &Path, error: io::Error) -> io::Error {
    let cure = match error.kind() {
        io::ErrorKind::NotFound => "make the directory first",
        io::ErrorKind::PermissionDenied => "let this user write there",
        _ => "",
    };
    named(error, call, path.display().to_string(), cure)
}

/// The descriptors that [`inherited_listener`] has given away, so that none has two owners.
static CLAIMED: Mutex<BTreeSet<RawFd>> = Mutex::new(BTreeSet::new());

/// Marks a number as taken over; false if it is already.
pub(super) fn claim(number: RawFd) -> bool {
    let mut claimed = CLAIMED
        .lock()
        .unwrap_or_else(|poisoned| poisoned.into_inner());
    claimed.insert(number)
}

/// Sockets that [`hold_inherited`] has taken over, for who asks for their numbers.
static HELD: Mutex<BTreeMap<RawFd, OwnedFd>> = Mutex::new(BTreeMap::new());

fn held() -> MutexGuard<'static, BTreeMap<RawFd, OwnedFd>> {
    HELD.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

/// Takes over a socket as [`inherited_listener`] does, and keeps it for that call. For a start that opens sockets of its own
/// before it asks for the number: one of them could have got a number at which the parent left nothing.
///
/// # Errors
/// As [`inherited_listener`]. A socket that is held already is none.
pub fn hold_inherited(number: RawFd) -> io::Result<()> {
    if let Entry::Vacant(place) = held().entry(number) {
        place.insert(take_over(number)?);
    }
    Ok(())
}

/// Takes over a listening socket that the parent opened and left to this process as number `number`
/// (`fd:N`, systemd's LISTEN_FDS), and sets close-on-exec so that it goes no further.
///
/// Call it, or [`hold_inherited`], at start, before this program opens sockets of its own: a number says nothing about
/// who opened it.
///
/// # Errors
/// `InvalidInput` for standard input, output and error, for a number that was taken over before, one
/// that is not open, or is not a listening socket.
pub fn inherited_listener(number: RawFd) -> io::Result<OwnedFd> {
    let kept = held().remove(&number);
    kept.map_or_else(|| take_over(number), Ok)
}

fn take_over(number: RawFd) -> io::Result<OwnedFd> {
    let refuse = |why: &str| {
        let text = format!("fd:{number} {why}; name a listening socket that the parent passes on");
        Err(io::Error::new(io::ErrorKind::InvalidInput, text))
    };
    if number <= libc::STDERR_FILENO {
        return refuse("is standard input, output or error, or negative");
    }
    let mut claimed = CLAIMED
        .lock()
        .unwrap_or_else(|poisoned| poisoned.into_inner());
    if claimed.contains(&number) {
        return refuse("has been taken over already");
    }
    // SAFETY: borrowed only for the checks below. If nothing is open at the number, the kernel says
    // EBADF; the number is not -1. Guarded by `only_a_listening_socket_is_inherited`.
    let fd = unsafe { BorrowedFd::borrow_raw(number) };
    match socket_acceptconn(fd) {
        Ok(true) => {}
        Ok(false) => return refuse("is a socket that does not listen"),
        Err(Errno::BADF) => return refuse("is not open"),
        Err(Errno::NOTSOCK) => return refuse("is not a socket"),
        Err(errno) => return called(Err(errno), "getsockopt", "SO_ACCEPTCONN"),
    }
    let closes = fcntl_setfd(fd, FdFlags::CLOEXEC);
    called(closes, "fcntl", format!("fd:{number} F_SETFD"))?;
    claimed.insert(number);
    // SAFETY: open, as the checks found, and left to this process by its parent; the claim above
    // makes sure that it is taken over once. Guarded by `only_a_listening_socket_is_inherited`.
    Ok(unsafe { OwnedFd::from_raw_fd(number) })
}
