//! Files found and opened, and nothing outside of the root among them.
//!
//! A path is resolved by the kernel, and held under the root by it: openat2(2) with `RESOLVE_BENEATH`. No `..`, no
//! absolute path and no symbolic link leads out, also if the tree is changed at that very moment; to look first
//! (canonicalize, compare the prefix) and then open would leave a gap between the two. Links that stay inside are
//! followed. Nothing of it blocks the core: the ring opens, describes, reads and closes.
//!
//! Which paths are looked for is decided by the callers in `mod.rs`; which files are kept in memory, and for how long they
//! are taken as they were, in [`cache`](super::cache).

use super::cache::{Cache, Claim, Contents, Kept, Known, Seen, Verdict};
use super::tally;
use super::version::{Traits, Validators};
use crate::handler::{Body, Response, Writer};
use crate::runtime::fs::{File, Freezing, Metadata, OpenOptions, Pages};
use bytes::Bytes;
use http::StatusCode;
use rustix::fs::OFlags;
use rustix::io::Errno;
use std::error::Error;
use std::io;
use std::path::{Component, Path, PathBuf};
use std::rc::Rc;
use std::time::SystemTime;

/// Times that an open is tried while the tree is being changed (openat2(2), EAGAIN).
const OPEN_TRIES: u32 = 8;

/// The directory whose files are served.
pub(super) struct Disk {
    root: PathBuf,
    cache: Option<Cache>,
}

/// A file that was found.
pub(super) struct Found {
    content: Content,
    pub(super) traits: Traits,
    pub(super) validators: Rc<Validators>,
}

/// Where the bytes of a file are.
enum Content {
    OnDisk(File),
    InMemory(Contents),
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
    pub(super) fn new(root: PathBuf, cache: Option<Cache>) -> Disk {
        Disk { root, cache }
    }

    /// Looks for `path` under the root. The error is the answer for a lack of the server itself; what else keeps a
    /// file from being opened is the same as its absence, for clients need not know.
    pub(super) async fn look(&self, path: &Path) -> Result<Looked, Response> {
        self.recall(path, false).await
    }

    /// As [`Disk::look`], for a file that may stand beside another: that it does not is remembered as well. (Of other paths
    /// it is not, for clients make up any number of them.)
    pub(super) async fn look_beside(&self, path: &Path) -> Result<Looked, Response> {
        self.recall(path, true).await
    }

    /// Looks into the memory of the core first.
    async fn recall(&self, path: &Path, keeps_absence: bool) -> Result<Looked, Response> {
        let Some(cache) = self.cache.as_ref().filter(|_| is_plain(path)) else {
            return self.see(path).await;
        };
        let now = crate::runtime::current().now();
        let (before, was_asked) = match cache.known(path, now) {
            Known::Fresh(Seen::Large) | Known::Stale(Seen::Large) => (None, true),
            Known::Fresh(seen) => {
                if let Seen::File(_) = seen {
                    tally::hit();
                }
                return Ok(seen.into());
            }
            Known::Stale(Seen::File(kept)) => (Some(kept), true),
            Known::Stale(Seen::Nothing) | Known::Unknown => (None, false),
        };
        let found = match self.see(path).await? {
            Looked::File(found) => found,
            other => {
                // A directory is no absence, also where a file was looked for: its own name leads to it.
                match keeps_absence && matches!(other, Looked::Nothing) {
                    true => cache.keep(path, Seen::Nothing, now),
                    false => cache.forget(path),
                }
                return Ok(other);
            }
        };
        if let Some(kept) = before.filter(|kept| kept.traits == found.traits) {
            cache.renew(path, now);
            tally::hit();
            return Ok(Seen::File(kept).into());
        }
        tally::miss();
        let kept = match cache.judge(&found.traits, SystemTime::now(), was_asked) {
            Verdict::Keep => match cache.claim(found.traits.size as usize) {
                Some(claim) => found.read(claim).await,
                None => None,
            },
            Verdict::Remember => {
                cache.keep(path, Seen::Large, now);
                return Ok(Looked::File(found));
            }
            Verdict::Leave => None,
        };
        Ok(match kept {
            Some(kept) => {
                cache.keep(path, Seen::File(kept.clone()), now);
                Seen::File(kept).into()
            }
            None => {
                cache.forget(path);
                Looked::File(found)
            }
        })
    }

    /// Asks the kernel.
    async fn see(&self, path: &Path) -> Result<Looked, Response> {
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
        Ok(Looked::File(Found {
            content: Content::OnDisk(file),
            traits: traits(&about),
            validators: Rc::default(),
        }))
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

fn traits(about: &Metadata) -> Traits {
    Traits {
        inode: about.inode(),
        size: about.len(),
        modified: about.modified(),
        changed: about.changed(),
    }
}

/// Whether a path is written in the one plain way: clients can write it in any number of others, which are not remembered.
fn is_plain(path: &Path) -> bool {
    let parts = path.components();
    let bytes: usize = parts.map(|part| part.as_os_str().len() + 1).sum();
    let first = path.components().next();
    bytes == path.as_os_str().len() + 1 && first != Some(Component::CurDir)
}

impl From<Seen> for Looked {
    fn from(seen: Seen) -> Looked {
        match seen {
            Seen::File(kept) => Looked::File(Found {
                content: Content::InMemory(kept.contents),
                traits: kept.traits,
                validators: kept.validators,
            }),
            // (Of a large one nothing is known but that it was asked for.)
            Seen::Nothing | Seen::Large => Looked::Nothing,
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

    /// All of the file in memory, if it did not change while it was read.
    async fn read(&self, claim: Option<Claim>) -> Option<Kept> {
        let Content::OnDisk(file) = &self.content else {
            return None;
        };
        let size = usize::try_from(self.traits.size).ok()?;
        let mut bytes = Freezing::with_capacity(size).ok()?;
        let mut at = 0;
        while at < size {
            let pages = Pages::new(size - at).ok()?;
            let (count, mut pages) = file.read_pages_at(pages, at as u64).await;
            pages.truncate(count.ok().filter(|count| *count > 0)?);
            bytes.put(pages.as_ref());
            at += pages.as_ref().len();
        }
        let after = file.metadata().await.ok()?;
        let traits = traits(&after);
        (traits == self.traits).then_some(Kept {
            traits,
            validators: self.validators.clone(),
            contents: Contents::new(bytes, claim),
        })
    }

    /// The bytes from `from` up to `to` as a body.
    pub(super) fn into_body(self, from: u64, to: u64) -> Body {
        match &self.content {
            Content::InMemory(contents) => Body::Chunk(contents.part(from, to)),
            Content::OnDisk(_) => Body::sized_writer(to - from, move |mut out| async move {
                self.copy(from, to, &mut out).await
            }),
        }
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
        let file = match &self.content {
            Content::InMemory(contents) => {
                out.write(contents.part(from, to)).await;
                return Ok(());
            }
            Content::OnDisk(file) => file,
        };
        let mut at = from;
        while at < to {
            out.room().await;
            let wanted = usize::try_from(to - at).unwrap_or(Pages::BYTES_MAX);
            let (count, mut pages) = file.read_pages_at(Pages::new(wanted)?, at).await;
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_plain_way_to_write_a_path_is_remembered() {
        for plain in ["a", "a/b.c", "a/..b"] {
            assert!(is_plain(Path::new(plain)), "{plain}");
        }
        for other in ["", ".", "./a", "a/", "a//b", "a/./b", "/a", "a/."] {
            assert!(!is_plain(Path::new(other)), "{other}");
        }
    }

    #[test]
    fn a_file_that_is_kept_has_the_same_validators_for_each_request() {
        use crate::runtime::{Core, CoreOptions};
        let core = Core::new(CoreOptions::default()).expect("a core");
        let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
        for valid in [std::time::Duration::ZERO, std::time::Duration::MAX] {
            let disk = Disk::new(root.clone(), Some(Cache::new(1 << 20, valid)));
            let all = core.block_on(async move {
                let mut all = Vec::new();
                for _ in 0..3 {
                    match disk.look(Path::new("Cargo.toml")).await {
                        Ok(Looked::File(found)) => all.push(found.validators),
                        _ => panic!("there is such a file"),
                    }
                }
                all
            });
            assert!(Rc::ptr_eq(&all[0], &all[1]) && Rc::ptr_eq(&all[1], &all[2]));
        }
    }

    #[test]
    fn a_directory_that_stands_where_a_form_beside_a_file_would_is_found_by_its_name() {
        use crate::runtime::{Core, CoreOptions};
        let core = Core::new(CoreOptions::default()).expect("a core");
        let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
        let valid = std::time::Duration::from_secs(3600);
        let disk = Disk::new(root, Some(Cache::new(1 << 20, valid)));
        core.block_on(async move {
            let path = Path::new("src");
            let beside = disk.look_beside(path).await;
            assert!(matches!(beside, Ok(Looked::Directory)));
            assert!(matches!(disk.look(path).await, Ok(Looked::Directory)));
            assert!(matches!(
                disk.look_beside(path).await,
                Ok(Looked::Directory)
            ));
        });
    }

    #[test]
    fn files_that_are_found_count_as_hits_or_misses_and_nothing_else_does() {
        use crate::runtime::{Core, CoreOptions};
        use std::time::Duration;
        let core = Core::new(CoreOptions::default()).expect("a core");
        // This package's own files are not new.
        let root = || PathBuf::from(env!("CARGO_MANIFEST_DIR"));
        let counts = |valid: Duration, bytes: usize| {
            let before = tally::own();
            let disk = Disk::new(root(), Some(Cache::new(bytes, valid)));
            core.block_on(async move {
                for path in ["Cargo.toml", "Cargo.toml", "src", "nothing", "Cargo.toml"] {
                    let looked = disk.look_beside(Path::new(path)).await.expect("an answer");
                    let is_file = matches!(looked, Looked::File(_));
                    assert_eq!(is_file, path == "Cargo.toml", "{path}");
                }
            });
            let after = tally::own();
            (after.hits - before.hits, after.misses - before.misses)
        };
        let hour = Duration::from_secs(3600);
        assert_eq!(counts(hour, 1 << 20), (2, 1));
        assert_eq!(counts(Duration::ZERO, 1 << 20), (2, 1), "looked at again");
        assert_eq!(counts(hour, 8), (0, 3), "no room for it");
        let none = Disk::new(root(), None);
        let before = tally::own();
        let looked = core.block_on(async move { none.look(Path::new("Cargo.toml")).await });
        assert!(matches!(looked, Ok(Looked::File(_))));
        assert_eq!(tally::own(), before, "where nothing is kept");
    }
}
