//! How a file is opened: the names of the standard library's options, for openat(2) and openat2(2).

use super::{File, c_path};
use crate::core::current;
use crate::driver::Operation;
use crate::op::{Kind, Memory, PathBeneath};
use io_uring::types::OpenHow;
use std::io;
use std::path::Path;

/// Options of an open. Without any, it fails: say `read` or `write`.
///
/// ```
/// use ringgate_runtime::{Core, CoreOptions};
/// use ringgate_runtime::fs::OpenOptions;
///
/// let core = Core::new(CoreOptions::default())?;
/// let done: std::io::Result<()> = core.block_on(async {
///     let path = std::env::temp_dir().join(format!("ringgate-example-{}", std::process::id()));
///     let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path).await?;
///     let (written, _) = file.write_at(b"hello".to_vec(), 0).await;
///     assert_eq!(written?, 5);
///     std::fs::remove_file(&path)?;
///     Ok(())
/// });
/// done?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy)]
pub struct OpenOptions {
    read: bool,
    write: bool,
    flags: libc::c_int,
    mode: u32,
}

impl Default for OpenOptions {
    fn default() -> OpenOptions {
        OpenOptions::new()
    }
}

impl OpenOptions {
    /// None set; created files get the mode 0666 less the umask.
    pub const fn new() -> OpenOptions {
        OpenOptions {
            read: false,
            write: false,
            flags: 0,
            mode: 0o666,
        }
    }

    /// For reading.
    #[must_use]
    pub const fn read(mut self, on: bool) -> OpenOptions {
        self.read = on;
        self
    }

    /// For writing.
    #[must_use]
    pub const fn write(mut self, on: bool) -> OpenOptions {
        self.write = on;
        self
    }

    /// O_CREAT: made if it is not there.
    #[must_use]
    pub const fn create(self, on: bool) -> OpenOptions {
        self.flag(libc::O_CREAT, on)
    }

    /// O_CREAT and O_EXCL: made, and an error if it is there.
    #[must_use]
    pub const fn create_new(self, on: bool) -> OpenOptions {
        self.flag(libc::O_CREAT | libc::O_EXCL, on)
    }

    /// O_TRUNC: emptied.
    #[must_use]
    pub const fn truncate(self, on: bool) -> OpenOptions {
        self.flag(libc::O_TRUNC, on)
    }

    /// Further flags of open(2), such as O_NOFOLLOW or O_DIRECTORY.
    #[must_use]
    pub const fn custom_flags(self, flags: libc::c_int) -> OpenOptions {
        self.flag(flags, true)
    }

    /// The permission bits of a file that is made, before the umask.
    #[must_use]
    pub const fn mode(mut self, mode: u32) -> OpenOptions {
        self.mode = mode;
        self
    }

    const fn flag(mut self, flag: libc::c_int, on: bool) -> OpenOptions {
        self.flags = if on {
            self.flags | flag
        } else {
            self.flags & !flag
        };
        self
    }

    /// Opens; relative paths from the working directory. Dropped early it opens nothing, or closes
    /// what it opened (a file may have been made).
    ///
    /// # Errors
    /// ENOENT, EACCES, EMFILE and whatever else openat(2) answers; `InvalidInput` for a path with a
    /// zero byte, or neither `read` nor `write`.
    ///
    /// # Panics
    /// Outside a [`Core`](crate::Core).
    pub async fn open(self, path: impl AsRef<Path>) -> io::Result<File> {
        let flags = self.access()? | self.flags | libc::O_CLOEXEC;
        let core = current();
        let memory = Memory::Path(c_path(path.as_ref())?);
        let open = core.operate(Kind::Open, memory, |memory| match memory {
            Memory::Path(path) => Operation::Open {
                directory: libc::AT_FDCWD,
                path: path.as_ptr(),
                flags,
                mode: self.mode,
            },
            _ => Operation::Nop,
        });
        // SAFETY: the operation is an open (io_uring_prep_openat(3)). Guarded by
        // `a_dropped_open_leaks_no_descriptor`.
        let descriptor = unsafe { open.await.descriptor() }?;
        Ok(File::new(core, descriptor))
    }

    /// Opens what lies at `path` under `directory`, and never anything else: no absolute path, no
    /// `..` and no symbolic link leads out, also if the tree is changed meanwhile (openat2(2),
    /// RESOLVE_BENEATH; magic links of proc(5) are not followed at all). An empty path is the
    /// directory itself. Dropped early as [`OpenOptions::open`].
    ///
    /// # Errors
    /// EXDEV for a path that leads out, EAGAIN if the tree was changed while it was looked at (try
    /// again), EINVAL for flags that contradict each other, and as [`OpenOptions::open`].
    ///
    /// # Panics
    /// Outside a [`Core`](crate::Core).
    pub async fn open_beneath(self, directory: &File, path: impl AsRef<Path>) -> io::Result<File> {
        let flags = self.access()? | self.flags | libc::O_CLOEXEC;
        let path = match path.as_ref() {
            path if path.as_os_str().is_empty() => Path::new("."),
            path => path,
        };
        // A mode without a file to be made is an error here, unlike with openat(2).
        let makes = flags & (libc::O_CREAT | libc::O_TMPFILE & !libc::O_DIRECTORY) != 0;
        let how = OpenHow::new()
            .flags(u64::from(flags.cast_unsigned()))
            .mode(if makes { self.mode.into() } else { 0 })
            .resolve(libc::RESOLVE_BENEATH | libc::RESOLVE_NO_MAGICLINKS);
        let path = c_path(path)?;
        let core = current();
        let raw = directory.handle.raw();
        let memory = PathBeneath { path, how };
        let memory = Memory::PathBeneath(Box::new(memory), directory.handle.clone());
        let open = core.operate(Kind::Open, memory, |memory| match memory {
            Memory::PathBeneath(at, _) => Operation::OpenBeneath {
                directory: raw,
                path: at.path.as_ptr(),
                how: &raw const at.how,
            },
            _ => Operation::Nop,
        });
        // SAFETY: the operation is an open (io_uring_prep_openat2(3)). Guarded by
        // `a_dropped_open_leaks_no_descriptor`.
        let descriptor = unsafe { open.await.descriptor() }?;
        Ok(File::new(core, descriptor))
    }

    fn access(&self) -> io::Result<libc::c_int> {
        let access = match (self.read, self.write) {
            (true, true) => libc::O_RDWR,
            (true, false) => libc::O_RDONLY,
            (false, true) => libc::O_WRONLY,
            (false, false) => {
                let text = "opened neither for reading nor for writing";
                return Err(io::Error::new(io::ErrorKind::InvalidInput, text));
            }
        };
        Ok(access)
    }
}
