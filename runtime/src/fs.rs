//! Files as ordinary asynchronous types, for tasks on a [`Core`].
//!
//! Reads and writes name their offset and own their memory while they last. A dropped future
//! cancels its operation; the descriptor is closed when the last operation on it ended. Directories
//! are deliberately not listed and nothing is renamed or removed: the standard library does that at
//! start, where blocking is no harm.

mod frozen;
mod metadata;
mod options;
mod pages;
mod splice;

pub(crate) use frozen::FrozenPart;
pub use frozen::{Freezing, Frozen};
pub use metadata::{Metadata, metadata};
pub use options::OpenOptions;
pub use pages::Pages;
pub use splice::{Spliceable, splice};

use crate::core::{Core, current};
use crate::descriptor::Descriptor;
use crate::driver::Operation;
use crate::op::{Handle, Kind, Memory};
use std::ffi::CString;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::rc::Rc;

/// The most bytes of one read or write (read(2)).
const TRANSFER_BYTES_MAX: usize = 0x7fff_f000;

/// An open file. Several operations may be in flight on it at once.
///
/// ```
/// use ringgate_runtime::{Core, CoreOptions};
/// use ringgate_runtime::fs::File;
///
/// let core = Core::new(CoreOptions::default())?;
/// let done: std::io::Result<()> = core.block_on(async {
///     let file = File::open("/proc/self/stat").await?;
///     let (read, bytes) = file.read_at(vec![0; 64], 0).await;
///     assert!(read? > 0 && bytes[0].is_ascii_digit());
///     Ok(())
/// });
/// done?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct File {
    core: Rc<Core>,
    handle: Rc<Handle>,
}

impl File {
    /// Opens a file for reading. Dropped early it opens nothing, or closes what it opened.
    ///
    /// # Errors
    /// As [`OpenOptions::open`].
    ///
    /// # Panics
    /// Outside a [`Core`].
    pub async fn open(path: impl AsRef<Path>) -> io::Result<File> {
        OpenOptions::new().read(true).open(path).await
    }

    /// Takes an open descriptor: a file, or an end of a pipe to splice with.
    ///
    /// # Panics
    /// Outside a [`Core`].
    pub fn from_fd(fd: OwnedFd) -> File {
        File::new(current(), fd.into())
    }

    fn new(core: Rc<Core>, descriptor: Descriptor) -> File {
        let handle = Handle::new(&core, descriptor);
        File { core, handle }
    }

    /// Reads from `offset` (in bytes) into `buffer`, at most its length, and answers how many bytes
    /// it was: 0 at the end of the file. Dropped early, `buffer` is freed when the kernel is done
    /// with it.
    ///
    /// # Errors
    /// EIO, EISDIR and whatever else pread(2) answers.
    pub async fn read_at(&self, buffer: Vec<u8>, offset: u64) -> (io::Result<usize>, Vec<u8>) {
        let fd = self.handle.raw();
        self.transfer(buffer, |bytes| Operation::Read {
            fd,
            into: bytes.as_mut_ptr(),
            len: bytes.len().min(TRANSFER_BYTES_MAX) as u32,
            offset,
        })
        .await
    }

    /// As [`File::read_at`], into memory that goes back to the kernel when it is dropped.
    ///
    /// # Errors
    /// As of [`File::read_at`].
    pub async fn read_pages_at(&self, pages: Pages, offset: u64) -> (io::Result<usize>, Pages) {
        let fd = self.handle.raw();
        let memory = Memory::FilePages(pages, self.handle.clone());
        let read = self
            .core
            .operate(Kind::Other, memory, |memory| match memory {
                Memory::FilePages(pages, _) => {
                    let bytes = pages.as_mut_slice();
                    Operation::Read {
                        fd,
                        into: bytes.as_mut_ptr(),
                        len: bytes.len() as u32,
                        offset,
                    }
                }
                _ => Operation::Nop,
            });
        let outcome = read.await;
        let count = outcome.result().map(|count| count as usize);
        let pages = match outcome.memory {
            Memory::FilePages(pages, _) => pages,
            _ => Pages::none(),
        };
        (count.map_err(io::Error::from), pages)
    }

    /// Writes `buffer` to `offset` (in bytes) and answers how many bytes it was; fewer than asked
    /// if the disk is full. Dropped early, all, some or none of it is written.
    ///
    /// # Errors
    /// ENOSPC, EBADF (not opened for writing) and whatever else pwrite(2) answers.
    pub async fn write_at(&self, buffer: Vec<u8>, offset: u64) -> (io::Result<usize>, Vec<u8>) {
        let fd = self.handle.raw();
        self.transfer(buffer, |bytes| Operation::Write {
            fd,
            from: bytes.as_ptr(),
            len: bytes.len().min(TRANSFER_BYTES_MAX) as u32,
            offset,
        })
        .await
    }

    async fn transfer(
        &self,
        buffer: Vec<u8>,
        operation: impl FnOnce(&mut Vec<u8>) -> Operation,
    ) -> (io::Result<usize>, Vec<u8>) {
        let memory = Memory::FileBytes(buffer, self.handle.clone());
        let transfer = self
            .core
            .operate(Kind::Other, memory, |memory| match memory {
                Memory::FileBytes(bytes, _) => operation(bytes),
                _ => Operation::Nop,
            });
        let outcome = transfer.await;
        let count = outcome.result().map(|count| count as usize);
        let buffer = match outcome.memory {
            Memory::FileBytes(buffer, _) => buffer,
            _ => Vec::new(),
        };
        (count.map_err(io::Error::from), buffer)
    }

    /// Returns size, time of modification and kind of the file.
    ///
    /// # Errors
    /// Whatever statx(2) answers.
    pub async fn metadata(&self) -> io::Result<Metadata> {
        metadata::of(&self.core, Some(&self.handle), CString::default()).await
    }
}

impl From<std::fs::File> for File {
    /// Panics outside a [`Core`].
    fn from(file: std::fs::File) -> File {
        File::from_fd(file.into())
    }
}

fn c_path(path: &Path) -> io::Result<CString> {
    CString::new(path.as_os_str().as_bytes()).map_err(|_| {
        let text = format!("{}: a path has no zero byte", path.display());
        io::Error::new(io::ErrorKind::InvalidInput, text)
    })
}
