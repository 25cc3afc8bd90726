//! Files found and opened, and nothing outside of the root among them.
//!
//! A path is resolved by the kernel, and held under the root by it: openat2(2) with `RESOLVE_BENEATH`. No `..`, no
//! absolute path and no symbolic link leads out, also if the tree is changed at that very moment; to look first
//! (canonicalize, compare the prefix) and then open would leave a gap between the two. Links that stay inside are
//! followed. Nothing of it blocks the core: the ring opens, describes, reads and closes.
//!
//! Which paths are looked for is decided by the callers in `mod.rs`.

use super::version::Traits;
use crate::handler::{Response, Writer};
use crate::runtime::fs::{File, OpenOptions, Pages};
use bytes::Bytes;
use http::StatusCode;
use rustix::fs::OFlags;
use rustix::io::Errno;
use std::error::Error;
use std::io;
use std::path::{Component, Path, PathBuf};

/// Times that an open is tried while the tree is being changed (openat2(2), EAGAIN).
const OPEN_TRIES: u32 = 8;

/// The directory whose files are served.
pub(super) struct Disk {
    root: PathBuf,
}

/// A file that was found.
pub(super) struct Found {
    file: File,
    pub(super) traits: Traits,
}

/// The thing at a path.
pub(super) enum Looked {
    File(Found),
    Directory,
    /// Nothing, or nothing that is served: a pipe, a device, or what this process may not open.
    Nothing,
}

/// Whether a path is made of names alone, none of which leads upwards.
pub(super) fn is_inside(path: &Path) -> bool {
    path.components()
        .all(|part| matches!(part, Component::Normal(_) | Component::CurDir))
}

impl Disk {
    pub(super) fn new(root: PathBuf) -> Disk {
        Disk { root }
    }

    /// Looks for `path` under the root. The error is the answer for a lack of the server itself; what else keeps a
    /// file from being opened is the same as its absence, for clients need not know.
    pub(super) async fn look(&self, path: &Path) -> Result<Looked, Response> {
        let file = match self.open(path).await {
            Ok(file) => file,
            Err(error) => return refused(&error),
        };
        let about = file.metadata().await;
        let about = about.map_err(|error| {
            Response::error(StatusCode::INTERNAL_SERVER_ERROR, &error.to_string())
        })?;
        if about.is_dir() {
            return Ok(Looked::Directory);
        }
        if !about.is_file() {
            return Ok(Looked::Nothing);
        }
        let traits = Traits {
            inode: about.inode(),
            size: about.len(),
            modified: about.modified(),
            changed: about.changed(),
        };
        Ok(Looked::File(Found { file, traits }))
    }

    /// The root is opened anew each time: a deployment that renames a new tree into its place is seen.
    async fn open(&self, path: &Path) -> io::Result<File> {
        let directory = (OFlags::PATH | OFlags::DIRECTORY).bits().cast_signed();
        let directory = OpenOptions::new().read(true).custom_flags(directory);
        let root = directory.open(&self.root).await?;
        // NONBLOCK: to open a pipe without a writer would wait for one.
        let flags = (OFlags::NONBLOCK | OFlags::NOCTTY).bits().cast_signed();
        let options = OpenOptions::new().read(true).custom_flags(flags);
        let mut tries = 1;
        loop {
            match options.open_beneath(&root, path).await {
                Err(error) if is_passing(&error) && tries < OPEN_TRIES => tries += 1,
                opened => return opened,
            }
        }
    }
}

fn is_passing(error: &io::Error) -> bool {
    matches!(
        Errno::from_io_error(error),
        Some(Errno::AGAIN | Errno::INTR)
    )
}

fn refused(error: &io::Error) -> Result<Looked, Response> {
    match Errno::from_io_error(error) {
        Some(Errno::MFILE | Errno::NFILE | Errno::NOMEM | Errno::AGAIN) => Err(Response::error(
            StatusCode::SERVICE_UNAVAILABLE,
            "the file cannot be opened just now; try again",
        )),
        Some(Errno::IO | Errno::NOSYS | Errno::PERM) => Err(Response::error(
            StatusCode::INTERNAL_SERVER_ERROR,
            "the file cannot be read",
        )),
        _ => Ok(Looked::Nothing),
    }
}

impl Found {
    /// Whether the contents are of a second before those of `other`.
    pub(super) fn is_older_than(&self, other: &Found) -> bool {
        self.traits.modified_second() < other.traits.modified_second()
    }

    /// Writes the bytes from `from` up to `to`. A reader costs one block of pages, however slow it is, and none once
    /// it has gone: a block is read when the one before is with the kernel. A file that shrank meanwhile is an error:
    /// the promised length cannot be kept, so the connection ends short of it and the client knows.
    pub(super) async fn copy(
        &self,
        from: u64,
        to: u64,
        out: &mut Writer,
    ) -> Result<(), Box<dyn Error>> {
        let mut at = from;
        while at < to {
            out.room().await;
            let wanted = usize::try_from(to - at).unwrap_or(Pages::BYTES_MAX);
            let (count, mut pages) = self.file.read_pages_at(Pages::new(wanted)?, at).await;
            let count = count?;
            if count == 0 {
                return Err("the file became shorter while it was sent".into());
            }
            pages.truncate(count);
            at += count as u64;
            out.write(Bytes::from_owner(pages)).await;
        }
        Ok(())
    }
}
