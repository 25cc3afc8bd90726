//! The file of a Unix socket: made where only its owner gets at it, removed only by its owner.
//!
//! Called at start and at the end. A stale file is replaced and a live one is left alone by
//! [`making::listen_on`]; what a live one means for the start is decided here: a warning, and a server
//! without a control socket.

use crate::config::ControlPath;
use crate::coordinator::taken::when_left;
use crate::process::making::{self, Access};
use crate::process::privileges::Identity;
use ringgate_runtime::sys::process::user_id;
use std::fs::{self, DirBuilder};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, lchown};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Permission bits of the socket: its owner and root may speak to the server.
const SOCKET_MODE: u32 = 0o600;
/// The default directory; the socket in it is as safe as it is.
const DIRECTORY_MODE: u32 = 0o700;
/// Write permission for group and others.
const WRITABLE_BY_OTHERS: u32 = 0o022;

/// The file of a socket that this process listens on; removed when this is dropped, if it is still
/// the same file. Drop it while the socket still listens: nobody takes a live socket for stale, so
/// the file cannot change between the look and the removal.
#[derive(Debug)]
pub(crate) struct SocketFile {
    path: PathBuf,
    /// Device and inode: two files of one name are not the same file.
    identity: (u64, u64),
}

impl SocketFile {
    /// The file at `path`, which was made a moment ago.
    ///
    /// # Errors
    /// The file is gone already.
    pub(crate) fn at(path: &Path) -> io::Result<SocketFile> {
        Ok(SocketFile {
            path: path.to_owned(),
            identity: identity(path)?,
        })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Whether nobody has taken its place.
    pub(crate) fn is_in_place(&self) -> bool {
        identity(&self.path).is_ok_and(|found| found == self.identity)
    }

    /// Whether nothing is there any more.
    pub(crate) fn is_missing(&self) -> bool {
        let found = fs::symlink_metadata(&self.path);
        found.is_err_and(|error| error.kind() == io::ErrorKind::NotFound)
    }

    /// Somebody else removes it.
    pub(crate) fn disown(mut self) {
        self.identity = (0, 0);
    }

    /// Moves it over `path`, whatever is there.
    ///
    /// # Errors
    /// Whatever rename(2) answers; it stays where it is then.
    pub(crate) fn move_to(&mut self, path: &Path) -> io::Result<()> {
        fs::rename(&self.path, path)?;
        self.path = path.to_owned();
        Ok(())
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        if self.is_in_place() {
            // It may be gone this instant; nothing depends on it.
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Makes `files` those that are at these paths now.
pub(crate) fn own_files(files: &mut Vec<SocketFile>, paths: &[PathBuf]) {
    let found = paths.iter().filter_map(|path| SocketFile::at(path).ok());
    let former = std::mem::replace(files, found.collect());
    // They may be the same ones, which would be removed here.
    former.into_iter().for_each(SocketFile::disown);
}

fn identity(path: &Path) -> io::Result<(u64, u64)> {
    let metadata = fs::symlink_metadata(path)?;
    Ok((metadata.dev(), metadata.ino()))
}

/// The control socket, or why there is none.
#[derive(Debug)]
pub(crate) enum ControlSocket {
    /// The socket listens.
    Listening(OwnedFd, SocketFile),
    /// The configuration wants none.
    Off,
    /// There is none, and why; the server goes on without.
    Missing(String),
}

/// Makes the control socket, for `identity` if this process is to become somebody else.
///
/// # Errors
/// A socket at a path that was named cannot be made for another reason than that a live server
/// owns it. At the default path that is [`ControlSocket::Missing`]: nobody asked for it by name.
pub(crate) fn make(wish: &ControlPath, identity: Option<&Identity>) -> io::Result<ControlSocket> {
    let runtime_dir = std::env::var_os("XDG_RUNTIME_DIR");
    let Some(path) = wish.resolve(runtime_dir.as_deref(), user_id()) else {
        return Ok(ControlSocket::Off);
    };
    let is_default = wish.is_auto();
    // If a live server keeps it, this one goes on without, at once.
    let listen = || make_at(&path, identity, making::LOCK_WAIT);
    let made =
        prepare(wish, &path, identity).and_then(|()| when_left(&path.display(), &path, listen));
    match made {
        Ok((socket, file)) => Ok(ControlSocket::Listening(socket, file)),
        Err(error) if is_default || error.kind() == io::ErrorKind::AddrInUse => {
            Ok(ControlSocket::Missing(format!("{error}")))
        }
        Err(error) => Err(error),
    }
}

/// Whether `path`, which the process before this one had, is where this one wants its socket. The
/// default place depends on the user, who may be another one since the start.
pub(crate) fn is_meant(wish: &ControlPath, path: &Path) -> bool {
    match wish {
        ControlPath::Auto | ControlPath::AutoOf(_) => {
            let runtime_dir = std::env::var_os("XDG_RUNTIME_DIR");
            wish.is_default(path, runtime_dir.as_deref())
        }
        ControlPath::At(wished) => wished == path,
        ControlPath::Off => false,
    }
}

/// Makes a control socket beside `path`, which a live server owns: it is moved there later.
///
/// # Errors
/// The socket cannot be made.
pub(crate) fn make_aside(
    path: &Path,
    identity: Option<&Identity>,
) -> io::Result<(OwnedFd, SocketFile)> {
    make_at(
        &aside(path, std::process::id()),
        identity,
        making::LOCK_WAIT,
    )
}

/// Where process `pid` makes its socket before it moves it to `path`.
pub(crate) fn aside(path: &Path, pid: u32) -> PathBuf {
    path.with_file_name(format!(".{pid}.sock"))
}

/// Makes a control socket at `path`, in place of that of a process that has just died: for a moment
/// the kernel may still hold it open, so that it seems to be answered. The caller tries again if that fails.
///
/// # Errors
/// The socket cannot be made.
pub(crate) fn make_again(path: &Path) -> io::Result<(OwnedFd, SocketFile)> {
    let aside = aside(path, std::process::id());
    let (socket, mut file) = make_at(&aside, None, making::LOCK_GLANCE)?;
    file.move_to(path)?;
    Ok((socket, file))
}

fn make_at(
    path: &Path,
    identity: Option<&Identity>,
    patience: Duration,
) -> io::Result<(OwnedFd, SocketFile)> {
    let access = Access {
        mode: SOCKET_MODE,
        uid: None,
        gid: None,
    };
    let socket = making::listen_on(identity, path, access, patience)?;
    let file = SocketFile::at(path)?;
    Ok((socket, file))
}

/// Makes the directory of the default path, where an upgrade makes a new socket: it is given to the user
/// that this process is to become, if that one gets there at all.
///
/// # Errors
/// The directory cannot be made, or somebody else can write there.
pub(crate) fn prepare(
    wish: &ControlPath,
    path: &Path,
    identity: Option<&Identity>,
) -> io::Result<()> {
    let Some(directory) = path.parent().filter(|_| wish.is_auto()) else {
        return Ok(());
    };
    let above = directory.parent().unwrap_or(Path::new("/"));
    let reaches = match identity {
        Some(identity) => identity.with_its_rights(|| fs::metadata(above.join(".")).is_ok())?,
        None => true,
    };
    making::make(identity, above, |owner| {
        let uid = match (owner, identity) {
            (None, Some(identity)) => identity.owner().uid,
            _ => user_id(),
        };
        make_directory(directory, uid)?;
        match owner.filter(|_| reaches) {
            // Only root can change what is above it.
            Some(owner) => lchown(directory, Some(owner.uid), Some(owner.gid)),
            None => Ok(()),
        }
    })
}

/// Makes the default directory, or makes sure that nobody else can put a socket into it: the last
/// choice is in /tmp, where anybody can be first.
fn make_directory(directory: &Path, uid: u32) -> io::Result<()> {
    match DirBuilder::new().mode(DIRECTORY_MODE).create(directory) {
        Ok(()) => return Ok(()),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        Err(error) => {
            let text = format!("cannot make {}: {error}", directory.display());
            return Err(io::Error::new(error.kind(), text));
        }
    }
    let metadata = fs::symlink_metadata(directory)?;
    let ours =
        metadata.is_dir() && metadata.uid() == uid && metadata.mode() & WRITABLE_BY_OTHERS == 0;
    if ours {
        return Ok(());
    }
    let text = format!(
        "{} is not a directory that belongs to this user alone; remove it or name a path with \
         --control",
        directory.display()
    );
    Err(io::Error::new(io::ErrorKind::PermissionDenied, text))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;
    use std::os::unix::net::UnixListener;

    fn directory(name: &str) -> PathBuf {
        let name = format!("ringgate-socket-{}-{name}", std::process::id());
        let path = std::env::temp_dir().join(name);
        let _ = fs::remove_dir_all(&path);
        fs::create_dir(&path).unwrap();
        path
    }

    #[test]
    fn a_file_that_took_the_place_of_ours_is_not_removed() {
        let directory = directory("replaced");
        let path = directory.join("s");
        let _first = UnixListener::bind(&path).unwrap();
        let file = SocketFile::at(&path).unwrap();
        // Kept under another name, so that its inode cannot be given to the second.
        fs::rename(&path, directory.join("kept")).unwrap();
        let _second = UnixListener::bind(&path).unwrap();
        drop(file);
        assert!(path.exists());
        drop(SocketFile::at(&path).unwrap());
        assert!(!path.exists());
        fs::remove_dir_all(directory).unwrap();
    }

    #[test]
    fn a_directory_that_others_can_write_is_refused_with_a_cure() {
        let directory = directory("open");
        fs::set_permissions(&directory, fs::Permissions::from_mode(0o777)).unwrap();
        let refusal = make_directory(&directory, user_id())
            .unwrap_err()
            .to_string();
        assert!(refusal.contains("--control"), "{refusal}");
        fs::remove_dir_all(directory).unwrap();
    }

    #[test]
    fn the_default_directory_is_for_its_owner_only() {
        let parent = directory("made");
        let made = parent.join("ringgate");
        make_directory(&made, user_id()).unwrap();
        assert_eq!(fs::metadata(&made).unwrap().mode() & 0o777, DIRECTORY_MODE);
        make_directory(&made, user_id()).unwrap();
        fs::remove_dir_all(parent).unwrap();
    }

    #[test]
    fn a_live_socket_means_going_on_without_and_a_stale_one_is_replaced() {
        let directory = directory("live");
        let path = directory.join("s");
        let live = UnixListener::bind(&path).unwrap();
        let wish = ControlPath::At(path.clone());
        assert!(matches!(make(&wish, None), Ok(ControlSocket::Missing(_))));
        drop(live);
        let ControlSocket::Listening(_socket, file) = make(&wish, None).unwrap() else {
            panic!("a stale file is replaced");
        };
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, SOCKET_MODE);
        drop(file);
        fs::remove_dir_all(directory).unwrap();
    }

    #[test]
    fn a_named_path_that_cannot_be_is_an_error() {
        let wish = ControlPath::At("/nonexistent/ringgate/s".into());
        assert!(make(&wish, None).is_err());
    }
}
