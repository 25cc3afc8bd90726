//! Opening a log file, at the start and again for log rotation.
//!
//! Called by [`super::init`], by the access log, and by the threads that write. A link in the last step is not followed, and
//! what is not a file of one name is refused: whoever may write the directory could have put it there.
//! With whose rights the file is opened, `making` decides.

use crate::process::making::{self, Owner};
use crate::process::privileges::Identity;
use rustix::fs::{Access, AtFlags, CWD, Gid, OFlags, Uid, accessat, chownat};
use rustix::io::Errno;
use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};
use std::path::Path;

const MODE: u32 = 0o640;

/// Opens the file at `path` to append to it; makes it if it is missing. `identity` is whom this process is
/// to become, and `option` the one that names the file.
///
/// # Errors
/// One line with the cure.
pub(crate) fn open(path: &Path, identity: Option<&Identity>, option: &str) -> io::Result<File> {
    let directory = directory_of(path);
    let opened = making::make(identity, directory, |owner| match owner {
        None => open_or_make(path, option),
        Some(owner) => make_for(path, owner),
    });
    opened.map_err(|error| with_cure(path, option, &error))
}

/// Whether [`open`] would open the file, found without making it.
///
/// # Errors
/// As [`open`].
pub(crate) fn look(path: &Path, identity: Option<&Identity>, option: &str) -> io::Result<()> {
    let directory = directory_of(path);
    let looked = making::make(identity, directory, |owner| match owner {
        None => match append(path, option, false) {
            Err(error) if error.kind() == ErrorKind::NotFound => {
                let access = Access::WRITE_OK | Access::EXEC_OK;
                Ok(accessat(CWD, directory, access, AtFlags::EACCESS)?)
            }
            found => found.map(drop),
        },
        Some(owner) => match path.symlink_metadata() {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
            Err(error) => Err(error),
            Ok(_) => Err(not_to_be_written(owner)),
        },
    });
    looked.map_err(|error| with_cure(path, option, &error))
}

fn directory_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

fn with_cure(path: &Path, option: &str, error: &io::Error) -> io::Error {
    let cure = match error.kind() {
        _ if error.raw_os_error() == Some(Errno::LOOP.raw_os_error()) => {
            format!(
                "; links are not followed: name the file itself, or leave `{option}` out to log to \
                 standard error"
            )
        }
        ErrorKind::NotFound => "; make its directory first".to_owned(),
        ErrorKind::NotADirectory => "; name a file in a directory".to_owned(),
        ErrorKind::PermissionDenied => {
            format!("; let this user write it, or name another `{option}`")
        }
        ErrorKind::IsADirectory => "; name a file".to_owned(),
        _ => String::new(),
    };
    let what = format!("cannot open the log file {}: {error}{cure}", path.display());
    io::Error::new(error.kind(), what)
}

/// Whether a file ends in the middle of a line, as it does after a write that found no room: the next line must not
/// continue that one, whichever process wrote it. A file that cannot be read says nothing of it.
pub(crate) fn is_torn(path: &Path) -> bool {
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
    let last = || -> io::Result<u8> {
        let mut options = OpenOptions::new();
        let file = options
            .read(true)
            .custom_flags(flags.bits().cast_signed())
            .open(path)?;
        let end = file.metadata()?.len();
        let mut last = [0];
        file.read_exact_at(&mut last, end.saturating_sub(1))?;
        Ok(last[0])
    };
    last().is_ok_and(|last| last != b'\n')
}

fn open_or_make(path: &Path, option: &str) -> io::Result<File> {
    append(path, option, true)
}

fn append(path: &Path, option: &str, makes: bool) -> io::Result<File> {
    // A FIFO without a reader would hold up the start: NONBLOCK does nothing for a regular file.
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
    let file = OpenOptions::new()
        .append(true)
        .create(makes)
        .mode(MODE)
        .custom_flags(flags.bits().cast_signed())
        .open(path)?;
    let found = file.metadata()?;
    if found.is_file() && found.nlink() <= 1 {
        return Ok(file);
    }
    let text = format!("it is no regular file, or has more than one name; name another `{option}`");
    Err(io::Error::new(ErrorKind::InvalidInput, text))
}

/// Makes the file and gives it away, with the rights of root: nothing that is there is touched.
fn make_for(path: &Path, owner: Owner) -> io::Result<File> {
    let made = OpenOptions::new()
        .append(true)
        .create_new(true)
        .mode(MODE)
        .open(path);
    let file = made.map_err(|error| match error.kind() {
        ErrorKind::AlreadyExists => not_to_be_written(owner),
        _ => error,
    })?;
    let (uid, gid) = (
        Some(Uid::from_raw(owner.uid)),
        Some(Gid::from_raw(owner.gid)),
    );
    chownat(&file, "", uid, gid, AtFlags::EMPTY_PATH)?;
    Ok(file)
}

fn not_to_be_written(Owner { uid, .. }: Owner) -> io::Error {
    let text = format!("it is there, and user {uid} may not write it (chown or remove it)");
    io::Error::new(ErrorKind::PermissionDenied, text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_ends_in_a_line_is_torn_and_one_that_is_empty_or_missing_is_not() {
        let path = std::env::temp_dir().join(format!("ringgate-torn-{}", std::process::id()));
        for (text, torn) in [("", false), ("whole\n", false), ("whole\nfront of", true)] {
            std::fs::write(&path, text).unwrap();
            assert_eq!(is_torn(&path), torn, "{text:?}");
        }
        std::fs::remove_file(&path).unwrap();
        assert!(!is_torn(&path));
    }
}
