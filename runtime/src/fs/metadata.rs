//! Size, times and kind of a file, by statx(2).

use super::c_path;
use crate::core::{Core, current};
use crate::driver::Operation;
use crate::op::{Handle, Kind, Memory, Stat};
use std::ffi::CString;
use std::io;
use std::path::Path;
use std::rc::Rc;
use std::time::{Duration, SystemTime};

/// Size, times, kind and number of a file.
///
/// ```
/// use ringgate_runtime::{Core, CoreOptions};
/// use ringgate_runtime::fs::metadata;
///
/// let core = Core::new(CoreOptions::default())?;
/// let done: std::io::Result<()> = core.block_on(async {
///     let root = metadata("/").await?;
///     assert!(root.is_dir() && !root.is_file());
///     Ok(())
/// });
/// done?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Metadata {
    size: u64,
    mode: u16,
    inode: u64,
    modified: SystemTime,
    changed: SystemTime,
}

impl Metadata {
    /// Bytes.
    pub fn len(&self) -> u64 {
        self.size
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.size == 0
    }

    /// When the contents last changed (stx_mtime).
    pub fn modified(&self) -> SystemTime {
        self.modified
    }

    /// When the contents or what is said of them last changed (stx_ctime, inode(7)). Unlike
    /// [`Metadata::modified`] nobody can set it back.
    pub fn changed(&self) -> SystemTime {
        self.changed
    }

    /// The number of the file on its file system (stx_ino).
    pub fn inode(&self) -> u64 {
        self.inode
    }

    /// Kind and permission bits (stx_mode, inode(7)).
    pub fn mode(&self) -> u16 {
        self.mode
    }

    /// Whether it is a regular file.
    pub fn is_file(&self) -> bool {
        u32::from(self.mode) & libc::S_IFMT == libc::S_IFREG
    }

    /// Whether it is a directory.
    pub fn is_dir(&self) -> bool {
        u32::from(self.mode) & libc::S_IFMT == libc::S_IFDIR
    }
}

/// Returns the metadata of the file at `path`; symbolic links are followed.
///
/// ```
/// use ringgate_runtime::{Core, CoreOptions};
/// use ringgate_runtime::fs::metadata;
///
/// let core = Core::new(CoreOptions::default())?;
/// let done: std::io::Result<()> = core.block_on(async {
///     assert!(metadata("/").await?.is_dir());
///     assert!(metadata("/no/such/file").await.is_err());
///     Ok(())
/// });
/// done?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// ENOENT, EACCES and whatever else statx(2) answers; `InvalidInput` for a path with a zero byte.
///
/// # Panics
/// Outside a [`Core`].
pub async fn metadata(path: impl AsRef<Path>) -> io::Result<Metadata> {
    of(&current(), None, c_path(path.as_ref())?).await
}

/// Of `path`, or, if it is empty, of `handle` itself.
pub(super) async fn of(
    core: &Rc<Core>,
    handle: Option<&Rc<Handle>>,
    path: CString,
) -> io::Result<Metadata> {
    let directory = handle.map_or(libc::AT_FDCWD, |handle| handle.raw());
    let flags = if handle.is_some() {
        libc::AT_EMPTY_PATH
    } else {
        0
    };
    // SAFETY: statx is plain integers, for which zero is a value (statx(2)). Guarded by
    // `a_file_is_written_read_and_described`.
    let result = unsafe { std::mem::zeroed() };
    let memory = Memory::Stat(Box::new(Stat { path, result }), handle.cloned());
    let statx = core.operate(Kind::Other, memory, |memory| match memory {
        Memory::Stat(stat, _) => Operation::Statx {
            directory,
            path: stat.path.as_ptr(),
            flags,
            mask: libc::STATX_BASIC_STATS,
            into: &raw mut stat.result,
        },
        _ => Operation::Nop,
    });
    let outcome = statx.await;
    outcome.result()?;
    let Memory::Stat(stat, _) = outcome.memory else {
        return Err(io::ErrorKind::Other.into());
    };
    Ok(Metadata {
        size: stat.result.stx_size,
        mode: stat.result.stx_mode,
        inode: stat.result.stx_ino,
        modified: moment(stat.result.stx_mtime),
        changed: moment(stat.result.stx_ctime),
    })
}

fn moment(time: libc::statx_timestamp) -> SystemTime {
    let nanos = Duration::from_nanos(time.tv_nsec.into());
    let seconds = Duration::from_secs(time.tv_sec.unsigned_abs());
    if time.tv_sec < 0 {
        SystemTime::UNIX_EPOCH - seconds + nanos
    } else {
        SystemTime::UNIX_EPOCH + seconds + nanos
    }
}
