//! The PID file (row M11): made at the start, looked after while the server runs, removed by the
//! process that it names and by no other.
//!
//! Called by the start and by the coordinator. Its owner is whoever holds a lock (flock(2)) on it, and no
//! number in it counts against that: the lock ends with the process, in any container, and nobody can
//! have it by chance. A file without a lock is stale, unless the process that it names is there and was
//! before the file and before this one: then it is another program's. While a file is being replaced its
//! directory is locked, so that of two starters one sees the other's.

use super::making::{self, LOCK_GLANCE, LOCK_WAIT, Owner};
use super::privileges::Identity;
use ringgate_runtime::sys::process::{started, uptime};
use rustix::fs::{AtFlags, Gid, OFlags, Uid, chownat};
use rustix::io::Errno;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// More than a PID file holds, in bytes.
const TEXT_BYTES_MAX: u64 = 32;
/// By how much clocks may differ that tell the age of a file and that of a process.
const CLOCKS_DIFFER: Duration = Duration::from_secs(2);

/// A PID file with the number of this process.
#[derive(Debug)]
pub(crate) struct PidFile {
    path: PathBuf,
    /// Holds the lock.
    file: File,
    /// The log says already that it is missing.
    complained: bool,
    /// Whether the file is to be taken back, which has failed so far.
    is_lost: bool,
}

impl PidFile {
    /// Makes the file. `successor_of` is the process that this one takes over from: its file is not
    /// foreign. `identity` is whom this process is to become.
    ///
    /// # Errors
    /// One line with the cure: a live process owns it, or it cannot be written.
    pub(crate) fn create(
        path: &Path,
        successor_of: Option<u32>,
        identity: Option<&Identity>,
    ) -> Result<PidFile, String> {
        PidFile::create_within(path, successor_of, identity, LOCK_WAIT)
    }

    fn create_within(
        path: &Path,
        successor_of: Option<u32>,
        identity: Option<&Identity>,
        patience: Duration,
    ) -> Result<PidFile, String> {
        let path = std::path::absolute(path)
            .map_err(|error| format!("cannot tell what pid_file means: {error}"))?;
        let directory = path.parent().unwrap_or(Path::new("/"));
        let made = making::make(identity, directory, |owner| {
            let _lock = lock(directory, patience)?;
            if let Some(refusal) = foreign(&path, successor_of)? {
                return Ok(Err(refusal));
            }
            write(&path, owner).map(Ok)
        });
        match made {
            Ok(Ok(file)) => Ok(PidFile {
                path,
                file,
                complained: false,
                is_lost: false,
            }),
            Ok(Err(refusal)) => Err(refusal),
            Err(error) => {
                let cure = match error.kind() {
                    io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => "make room",
                    _ => "let this user write",
                };
                Err(format!(
                    "cannot write pid_file {}: {error}; {cure} there or choose another with \
                     --pid-file",
                    path.display()
                ))
            }
        }
    }

    /// Makes it again if it is missing, and says so; once, if it cannot be made.
    pub(crate) fn look_after(&mut self) {
        if self.is_lost {
            return self.reclaim();
        }
        match fs::symlink_metadata(&self.path) {
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            _ => {
                self.complained = false;
                return;
            }
        }
        let path = self.path.display();
        match write(&self.path, None) {
            Ok(file) => {
                tracing::warn!(%path, "the PID file was missing and is made again");
                self.file = file;
                self.complained = false;
            }
            Err(error) if !self.complained => {
                tracing::warn!(%path, %error, "the PID file is missing");
                self.complained = true;
            }
            Err(_) => {}
        }
    }

    /// Takes it back from a successor that has died, and its lock with it: now, or when it is looked after.
    pub(crate) fn reclaim(&mut self) {
        match PidFile::create_within(&self.path, None, None, LOCK_GLANCE) {
            // The one before names another file by now and removes nothing.
            Ok(again) => *self = again,
            Err(error) => {
                if !std::mem::replace(&mut self.is_lost, true) {
                    tracing::warn!(error, "the PID file names another process");
                }
            }
        }
    }

    /// Takes it back if another process has made one in its place.
    pub(crate) fn restore(&mut self) {
        if !self.is_in_place() {
            self.reclaim();
        }
    }

    fn is_in_place(&self) -> bool {
        let file = |found: fs::Metadata| (found.dev(), found.ino());
        let ours = self.file.metadata().map(file);
        let found = fs::symlink_metadata(&self.path).map(file);
        matches!((ours, found), (Ok(ours), Ok(found)) if ours == found)
    }
}

impl Drop for PidFile {
    fn drop(&mut self) {
        if self.is_in_place() && number(&self.file).ok().flatten() == Some(std::process::id()) {
            // The directory may belong to another user; a stale file does no harm.
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Why the file at `path` is another process's; None if it is stale, or not there.
fn foreign(path: &Path, successor_of: Option<u32>) -> io::Result<Option<String>> {
    let file = match open_as_it_is(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let named = number(&file)?;
    let shown = path.display();
    match file.try_lock() {
        Err(TryLockError::Error(error)) => return Err(error),
        Err(TryLockError::WouldBlock) if successor_of.is_some() && named == successor_of => {
            return Ok(None);
        }
        Err(TryLockError::WouldBlock) => {
            let owner = named.map_or("another process".to_owned(), |pid| format!("process {pid}"));
            return Ok(Some(format!(
                "pid_file {shown} belongs to {owner}, which is alive and holds its lock (`lslocks` \
                 names it); stop that one, or choose another with --pid-file"
            )));
        }
        Ok(()) => {}
    }
    let own = [Some(std::process::id()), successor_of];
    let Some(pid) = named.filter(|pid| !own.contains(&Some(*pid))) else {
        return Ok(None);
    };
    let age = file.metadata()?.modified()?.elapsed().unwrap_or_default();
    let written = uptime()?.saturating_sub(age) + CLOCKS_DIFFER;
    // In one hundredth of a second the numbers tell who was first.
    let own = (started(std::process::id()), std::process::id());
    let writer = started(pid).filter(|began| *began <= written && (Some(*began), pid) < own);
    Ok(writer.map(|_| {
        format!(
            "pid_file {shown} names process {pid}, which is alive and may have written it; stop that \
             one, or remove the file if it is no ringgate"
        )
    }))
}

/// Opens what is there, if it is a file and no link to one.
fn open_as_it_is(path: &Path) -> io::Result<File> {
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
    let flags = flags.bits().cast_signed();
    let refuse = |what| {
        let text = format!("it is {what}; remove it, or name the file itself");
        io::Error::new(ErrorKind::InvalidInput, text)
    };
    let opened = OpenOptions::new().read(true).custom_flags(flags).open(path);
    let is_link = |error: &io::Error| error.raw_os_error() == Some(Errno::LOOP.raw_os_error());
    let file = opened.map_err(|error| match is_link(&error) {
        true => refuse("a symbolic link"),
        false => error,
    })?;
    match file.metadata()?.is_file() {
        true => Ok(file),
        false => Err(refuse("no regular file")),
    }
}

/// The number in a PID file; None if there is none in it.
fn number(file: &File) -> io::Result<Option<u32>> {
    let mut text = Vec::new();
    io::Seek::rewind(&mut &*file)?;
    file.take(TEXT_BYTES_MAX).read_to_end(&mut text)?;
    let text = std::str::from_utf8(&text).unwrap_or_default();
    Ok(text.trim().parse().ok())
}

/// Makes the file, locked and given to `owner`, in place of whatever is at `path`. A reader sees the old
/// number or the new one, never half of one.
fn write(path: &Path, owner: Option<Owner>) -> io::Result<File> {
    let pid = std::process::id();
    let aside = path.with_file_name(format!(".ringgate-{pid}.pid"));
    // Of a process of our number that was killed before it had moved it. A link goes, not what it leads to.
    match fs::remove_file(&aside) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = OpenOptions::new()
        .read(true)
        .write(true)
        .create_new(true)
        .mode(0o644)
        .open(&aside)?;
    let mut finish = || {
        file.try_lock()?;
        if let Some(Owner { uid, gid }) = owner {
            let (uid, gid) = (Some(Uid::from_raw(uid)), Some(Gid::from_raw(gid)));
            chownat(&file, "", uid, gid, AtFlags::EMPTY_PATH)?;
        }
        writeln!(file, "{pid}")?;
        fs::rename(&aside, path)
    };
    let finished = finish();
    finished.inspect_err(|_| {
        // What failed counts, not this.
        let _ = fs::remove_file(&aside);
    })?;
    Ok(file)
}

fn lock(directory: &Path, patience: Duration) -> io::Result<File> {
    let directory = File::open(directory)?;
    let give_up = Instant::now() + patience;
    while let Err(error) = directory.try_lock() {
        match error {
            TryLockError::Error(error) => return Err(error),
            TryLockError::WouldBlock if Instant::now() > give_up => {
                let text = "its directory is locked by another process (`lslocks` names it)";
                return Err(io::Error::new(ErrorKind::TimedOut, text));
            }
            TryLockError::WouldBlock => std::thread::sleep(Duration::from_millis(5)),
        }
    }
    Ok(directory)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;
    use std::time::SystemTime;

    struct Scratch(PathBuf);

    impl Scratch {
        fn new(name: &str) -> Scratch {
            let name = format!("ringgate-pid-{}-{name}", std::process::id());
            let path = std::env::temp_dir().join(name);
            let _ = fs::remove_dir_all(&path);
            fs::create_dir(&path).unwrap();
            Scratch(path)
        }

        fn file(&self) -> PathBuf {
            self.0.join("pid")
        }
    }

    impl Drop for Scratch {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    fn create(path: &Path, successor_of: Option<u32>) -> Result<PidFile, String> {
        PidFile::create(path, successor_of, None)
    }

    fn own() -> String {
        format!("{}\n", std::process::id())
    }

    #[test]
    fn a_file_that_cannot_be_taken_back_at_once_is_taken_back_later() {
        let scratch = Scratch::new("later");
        let path = scratch.file();
        let mut file = create(&path, None).expect("ours");
        fs::remove_file(&path).expect("it is there");
        fs::write(&path, "4194305\n").expect("of one that is dead");
        let held = lock(&scratch.0, Duration::ZERO).expect("nobody has it");
        file.restore();
        file.look_after();
        assert!(!file.is_in_place(), "the directory is locked");
        drop(held);
        file.look_after();
        assert!(file.is_in_place());
        assert_eq!(fs::read_to_string(&path).expect("a file"), own());
    }

    #[test]
    fn m11_a_file_that_names_another_process_by_now_is_not_removed() {
        let scratch = Scratch::new("foreign");
        let path = scratch.file();
        let file = create(&path, None).unwrap();
        fs::write(&path, "1\n").unwrap();
        drop(file);
        assert_eq!(fs::read_to_string(&path).unwrap(), "1\n");
    }

    #[test]
    fn m11_what_is_no_number_is_stale() {
        let scratch = Scratch::new("nonsense");
        let path = scratch.file();
        for nonsense in ["", "ringgate\n", "-1\n", "99999999999\n"] {
            fs::write(&path, nonsense).unwrap();
            let file = create(&path, None).unwrap();
            assert_eq!(fs::read_to_string(&path).unwrap(), own());
            drop(file);
            assert!(!path.exists());
        }
    }

    #[test]
    fn m11_whoever_holds_the_lock_owns_the_file_whatever_number_it_holds() {
        let scratch = Scratch::new("lock");
        let path = scratch.file();
        let file = create(&path, None).unwrap();
        // Its own number would be taken for its own; one of nobody, for stale.
        for number in [own(), "4194304\n".to_owned()] {
            fs::write(&path, &number).unwrap();
            let refusal = create(&path, None).unwrap_err();
            assert!(refusal.contains("holds its lock"), "{refusal}");
            assert_eq!(fs::read_to_string(&path).unwrap(), number);
        }
        let successor = create(&path, Some(4_194_304)).unwrap();
        drop(file);
        assert_eq!(fs::read_to_string(&path).unwrap(), own());
        drop(successor);
        assert!(!path.exists());
    }

    #[test]
    fn m11_another_program_that_may_have_written_it_owns_its_file_but_for_its_successor() {
        let scratch = Scratch::new("live");
        let path = scratch.file();
        fs::write(&path, "1\n").unwrap();
        let refusal = create(&path, None).unwrap_err();
        assert!(refusal.contains("process 1, which is alive"), "{refusal}");
        assert_eq!(fs::read_to_string(&path).unwrap(), "1\n");
        create(&path, Some(1)).unwrap();
    }

    #[test]
    fn m11_a_number_that_was_given_to_another_process_since_is_stale() {
        let scratch = Scratch::new("reused");
        let path = scratch.file();
        let mut child = std::process::Command::new("sleep")
            .arg("60")
            .spawn()
            .unwrap();
        fs::write(&path, format!("{}\n", child.id())).unwrap();
        let written = File::options().write(true).open(&path).unwrap();
        let before = SystemTime::now() - Duration::from_secs(3600);
        written.set_modified(before).unwrap();
        let taken = create(&path, None);
        child.kill().unwrap();
        child.wait().unwrap();
        taken.unwrap();
    }

    #[test]
    fn m11_numbers_of_threads_and_of_the_dead_are_stale() {
        let scratch = Scratch::new("thread");
        let path = scratch.file();
        let mut dead = std::process::Command::new("true").spawn().unwrap();
        let (number, end) = (std::sync::mpsc::channel(), std::sync::mpsc::channel::<()>());
        let thread = std::thread::spawn(move || {
            let own = ringgate_runtime::sys::thread::thread_id();
            number.0.send(own).unwrap();
            // Ends when the other side is dropped.
            end.1.recv()
        });
        for pid in [number.1.recv().unwrap(), dead.id()] {
            let until = Instant::now() + Duration::from_secs(20);
            while started(pid).is_some() {
                assert!(Instant::now() < until, "process {pid} is there");
                std::thread::yield_now();
            }
            fs::write(&path, format!("{pid}\n")).unwrap();
            drop(create(&path, None).unwrap());
        }
        dead.wait().unwrap();
        drop(end.0);
        assert!(thread.join().unwrap().is_err());
    }

    #[test]
    fn m11_links_are_not_followed() {
        let scratch = Scratch::new("links");
        let path = scratch.file();
        let target = scratch.0.join("target");
        fs::write(&target, "precious\n").unwrap();
        symlink(&target, &path).unwrap();
        let refusal = create(&path, None).unwrap_err();
        assert!(refusal.contains("a symbolic link"), "{refusal}");
        fs::remove_file(&path).unwrap();
        let aside = format!(".ringgate-{}.pid", std::process::id());
        symlink(&target, scratch.0.join(aside)).unwrap();
        let file = create(&path, None).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), own());
        assert!(!path.is_symlink());
        assert_eq!(fs::read_to_string(&target).unwrap(), "precious\n");
        drop(file);
    }
}
