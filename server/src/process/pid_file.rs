//! The PID file (row M11): made at the start, looked after while the server runs, removed by the
//! process that it names and by no other.
//!
//! Called by the start and by the coordinator. One whose process is gone is stale and replaced; one
//! whose process lives is a fatal error, for two servers would fight over it. While a file is being
//! replaced its directory is locked (flock(2)), so that of two starters one sees the other's.

use ringgate_runtime::sys::identity::is_alive;
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// How long to wait for another starter that holds the directory.
const LOCK_WAIT: Duration = Duration::from_secs(2);

/// A PID file with the number of this process.
#[derive(Debug)]
pub(crate) struct PidFile(PathBuf);

impl PidFile {
    /// Makes the file. `successor_of` is the process that this one takes over from: its file is not
    /// foreign.
    ///
    /// # Errors
    /// One line with the cure: a live process owns it, or it cannot be written.
    pub(crate) fn create(path: &Path, successor_of: Option<u32>) -> Result<PidFile, String> {
        let path = std::path::absolute(path)
            .map_err(|error| format!("cannot tell what pid_file means: {error}"))?;
        let fail = |error: io::Error| {
            format!(
                "cannot write pid_file {}: {error}; let this user write there or choose another \
                 with --pid-file",
                path.display()
            )
        };
        let _lock = lock_directory_of(&path).map_err(fail)?;
        if let Some(owner) = owner(&path).map_err(fail)? {
            // After a crash the number may be ours by now, as 1 in a container is.
            let foreign = owner != std::process::id() && Some(owner) != successor_of;
            if foreign && is_alive(owner).map_err(fail)? {
                return Err(format!(
                    "pid_file {} belongs to process {owner}, which is alive; stop that one, or \
                     remove the file if it is no ringgate",
                    path.display()
                ));
            }
        }
        write(&path).map_err(fail)?;
        Ok(PidFile(path))
    }

    /// Makes it again if it is missing, and says so.
    pub(crate) fn look_after(&self) {
        let path = self.0.display();
        match fs::symlink_metadata(&self.0) {
            Err(error) if error.kind() == ErrorKind::NotFound => match write(&self.0) {
                Ok(()) => tracing::warn!(%path, "the PID file was missing and is made again"),
                Err(error) => tracing::warn!(%path, %error, "the PID file is missing"),
            },
            _ => {}
        }
    }

    /// Writes this process's number over another's, which has died.
    pub(crate) fn reclaim(&self) {
        if let Err(error) = write(&self.0) {
            tracing::warn!(path = %self.0.display(), %error, "the PID file names another process");
        }
    }
}

impl Drop for PidFile {
    fn drop(&mut self) {
        if matches!(owner(&self.0), Ok(Some(owner)) if owner == std::process::id()) {
            // The directory may belong to another user by now; a stale file does no harm.
            let _ = fs::remove_file(&self.0);
        }
    }
}

/// The number in the file; None if there is no file, or none in it.
fn owner(path: &Path) -> io::Result<Option<u32>> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(text.trim().parse().ok()),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) if error.kind() == ErrorKind::InvalidData => Ok(None),
        Err(error) => Err(error),
    }
}

/// Whoever reads it sees the old number or the new one, never half of one.
fn write(path: &Path) -> io::Result<()> {
    let pid = std::process::id();
    let aside = path.with_file_name(format!(".ringgate-{pid}.pid"));
    let mut file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o644)
        .open(&aside)?;
    let written = writeln!(file, "{pid}").and_then(|()| fs::rename(&aside, path));
    written.inspect_err(|_| {
        // What failed counts, not this.
        let _ = fs::remove_file(&aside);
    })
}

fn lock_directory_of(path: &Path) -> io::Result<File> {
    let directory = File::open(path.parent().unwrap_or(Path::new("/")))?;
    let give_up = Instant::now() + LOCK_WAIT;
    while let Err(error) = directory.try_lock() {
        match error {
            fs::TryLockError::Error(error) => return Err(error),
            fs::TryLockError::WouldBlock if Instant::now() > give_up => {
                let text = "its directory is locked by another process (`lslocks` names it)";
                return Err(io::Error::new(ErrorKind::TimedOut, text));
            }
            fs::TryLockError::WouldBlock => std::thread::sleep(Duration::from_millis(5)),
        }
    }
    Ok(directory)
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Scratch(PathBuf);

    impl Scratch {
        fn new(name: &str) -> Scratch {
            let name = format!("ringgate-pid-{}-{name}", std::process::id());
            let path = std::env::temp_dir().join(name);
            let _ = fs::remove_dir_all(&path);
            fs::create_dir(&path).unwrap();
            Scratch(path)
        }
    }

    impl Drop for Scratch {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn m11_a_file_that_names_another_process_by_now_is_not_removed() {
        let scratch = Scratch::new("foreign");
        let path = scratch.0.join("pid");
        let file = PidFile::create(&path, None).unwrap();
        fs::write(&path, "1\n").unwrap();
        drop(file);
        assert_eq!(fs::read_to_string(&path).unwrap(), "1\n");
    }

    #[test]
    fn m11_what_is_no_number_is_stale() {
        let scratch = Scratch::new("nonsense");
        let path = scratch.0.join("pid");
        for nonsense in ["", "ringgate\n", "-1\n", "99999999999\n"] {
            fs::write(&path, nonsense).unwrap();
            let file = PidFile::create(&path, None).unwrap();
            let text = fs::read_to_string(&path).unwrap();
            assert_eq!(text, format!("{}\n", std::process::id()));
            drop(file);
            assert!(!path.exists());
        }
    }

    #[test]
    fn m11_a_live_process_owns_its_file_but_for_its_successor() {
        let scratch = Scratch::new("live");
        let path = scratch.0.join("pid");
        fs::write(&path, "1\n").unwrap();
        let refusal = PidFile::create(&path, None).unwrap_err();
        assert!(refusal.contains("process 1, which is alive"), "{refusal}");
        assert_eq!(fs::read_to_string(&path).unwrap(), "1\n");
        PidFile::create(&path, Some(1)).unwrap();
    }
}
