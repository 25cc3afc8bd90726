//! With whose rights files and sockets are made while this process still is root and is to become
//! somebody else.
//!
//! Called by whatever makes the log file, the PID file and sockets at the start. The directory may belong
//! to that user, who can put links there: so everything is made with the user's own rights, on a thread
//! that has no others. Only where the user may not write, and nobody but root can change any step of the
//! way, it is made with root's rights and given away. Deliberately knows nothing of what is
//! written there.

use super::privileges::Identity;
use ringgate_runtime::sys::unix_listener::bind_unix_within;
use std::fs;
use std::io::{self, ErrorKind};
use std::os::fd::OwnedFd;
use std::os::unix::fs::MetadataExt;
use std::path::{Component, Path, PathBuf};
use std::time::Duration;

/// Links that are followed on the way to a directory, as many as the kernel follows (path_resolution(7)).
const LINKS_MAX: usize = 40;
/// How long to wait for another process that holds the lock of a directory.
pub(crate) const LOCK_WAIT: Duration = Duration::from_secs(2);
/// The same where it is tried again every second, by a thread that has more to do.
pub(crate) const LOCK_GLANCE: Duration = Duration::from_millis(50);
const ROOT: u32 = 0;
const WRITABLE_BY_GROUP: u32 = 0o020;
const WRITABLE_BY_OTHERS: u32 = 0o002;
const SEARCHABLE_BY_GROUP: u32 = 0o010;
const SEARCHABLE_BY_OTHERS: u32 = 0o001;
const STICKY: u32 = 0o1000;

/// The owner of files that root makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Owner {
    pub(crate) uid: u32,
    pub(crate) gid: u32,
}

/// Makes something in `directory` for `identity`, or for this process as it is. `make` is called with the
/// rights that it may use; given an owner it has those of root, must not follow a link in the last step,
/// must not open what is there already, and gives what it made to that owner.
///
/// # Errors
/// The errors of `make`; `PermissionDenied`, with the cure, if neither the user may nor root dares to.
pub(crate) fn make<T: Send>(
    identity: Option<&Identity>,
    directory: &Path,
    make: impl Fn(Option<Owner>) -> io::Result<T> + Sync,
) -> io::Result<T> {
    let Some(identity) = identity else {
        return make(None);
    };
    let refused = match identity.with_its_rights(|| make(None))? {
        Err(error) if error.kind() == ErrorKind::PermissionDenied => error,
        made => return made,
    };
    let directory = std::path::absolute(directory)?;
    if let Err(why) = only_root_changes(&directory, identity) {
        let text = format!(
            "{refused}; it is made with the rights of user {}, and not with those of root, since \
             {why}: let that user write {}, or choose a place where only root can",
            identity.name(),
            directory.display()
        );
        return Err(io::Error::new(ErrorKind::PermissionDenied, text));
    }
    make(Some(identity.owner()))
}

/// The permissions of a Unix socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Access {
    pub(crate) mode: u32,
    /// Owner of the file; None leaves it with the user who makes it.
    pub(crate) uid: Option<u32>,
    pub(crate) gid: Option<u32>,
}

/// Makes a listening Unix socket at `path` for `identity`, or for this process as it is. Nobody gets in
/// before `access` holds. `patience` is with whoever has locked the directory.
///
/// # Errors
/// The errors of [`make`] and of [`bind_unix_within`]; EPERM if the owner cannot be given.
pub(crate) fn listen_on(
    identity: Option<&Identity>,
    path: &Path,
    access: Access,
    patience: Duration,
) -> io::Result<OwnedFd> {
    let directory = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let bound = make(identity, directory, |owner| {
        let bound = bind_unix_within(path, access.mode, patience)?;
        if let Some(Owner { uid, gid }) = owner {
            bound.give(Some(uid), Some(gid))?;
        }
        Ok(bound)
    })?;
    if access.uid.is_some() || access.gid.is_some() {
        bound.give(access.uid, access.gid)?;
    }
    bound.listen()
}

/// Whether nobody but root can change where this absolute path leads; if not, who can, in words.
fn only_root_changes(directory: &Path, identity: &Identity) -> Result<(), String> {
    // The steps that are left, the next one last.
    let mut steps = steps_of(directory);
    let mut reached = PathBuf::from("/");
    let mut links = 0;
    check(&reached, identity)?;
    while let Some(step) = steps.pop() {
        if step == Path::new("..") {
            reached.pop();
            continue;
        }
        let next = reached.join(step);
        let look = |error: io::Error| format!("{}: {error}", next.display());
        let found = fs::symlink_metadata(&next).map_err(look)?;
        if !found.is_symlink() {
            reached = next;
            check(&reached, identity)?;
            if is_closed(&found, identity) {
                return Ok(());
            }
            continue;
        }
        links += 1;
        if links > LINKS_MAX || found.uid() != ROOT {
            return Err(format!("{} is a link that is not root's", next.display()));
        }
        let target = fs::read_link(&next).map_err(look)?;
        if target.is_absolute() {
            reached = PathBuf::from("/");
        }
        steps.extend(steps_of(&target));
    }
    Ok(())
}

/// Whether only root gets into this directory of root's, and so to whatever is below.
fn is_closed(found: &fs::Metadata, identity: &Identity) -> bool {
    let for_group = found.mode() & SEARCHABLE_BY_GROUP != 0 && identity.is_in_group(found.gid());
    found.mode() & SEARCHABLE_BY_OTHERS == 0 && !for_group
}

fn steps_of(path: &Path) -> Vec<PathBuf> {
    let steps = path.components().rev().filter_map(|step| match step {
        Component::Normal(name) => Some(PathBuf::from(name)),
        Component::ParentDir => Some(PathBuf::from("..")),
        Component::RootDir | Component::CurDir | Component::Prefix(_) => None,
    });
    steps.collect()
}

/// Whether only root can put something else into this directory.
fn check(directory: &Path, identity: &Identity) -> Result<(), String> {
    let found =
        fs::metadata(directory).map_err(|error| format!("{}: {error}", directory.display()))?;
    if found.uid() != ROOT {
        let text = format!("{} belongs to user {}", directory.display(), found.uid());
        return Err(text);
    }
    let is_sticky = found.mode() & STICKY != 0;
    let by_others = found.mode() & WRITABLE_BY_OTHERS != 0;
    let by_its_group = found.mode() & WRITABLE_BY_GROUP != 0 && identity.is_in_group(found.gid());
    if !is_sticky && (by_others || by_its_group) {
        return Err(format!("others can write {}", directory.display()));
    }
    Ok(())
}
