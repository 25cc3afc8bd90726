//! Whether standard error is the journal of systemd, and how severe a line is there.
//!
//! A service whose standard error is the journal finds the device and the inode of that stream in `JOURNAL_STREAM`
//! (systemd.exec(5)). It may have been given another standard error since, so they are compared. A line that begins
//! with a level in angle brackets has that priority in the journal, which leaves the brackets out (sd-daemon(3)):
//! `journalctl -p warning` shows what is to be seen to.

use rustix::fs::fstat;
use std::env;
use std::ffi::OsStr;
use std::io;
use std::os::fd::AsFd;
use tracing::Level;

/// Whether standard error of this process is the journal.
pub(crate) fn is_stderr() -> bool {
    is_stream(io::stderr(), env::var_os("JOURNAL_STREAM").as_deref())
}

/// Whether `out` is the stream that `JOURNAL_STREAM` names.
fn is_stream(out: impl AsFd, named: Option<&OsStr>) -> bool {
    let Some((device, inode)) = named.and_then(OsStr::to_str).and_then(numbers) else {
        return false;
    };
    fstat(out).is_ok_and(|about| (about.st_dev, about.st_ino) == (device, inode))
}

/// Device and inode, in decimal with a colon between them.
fn numbers(text: &str) -> Option<(u64, u64)> {
    let (device, inode) = text.split_once(':')?;
    Some((device.parse().ok()?, inode.parse().ok()?))
}

/// The level in angle brackets (syslog(3)).
pub(crate) const fn priority(level: Level) -> &'static str {
    match level {
        Level::ERROR => "<3>",
        Level::WARN => "<4>",
        Level::INFO => "<6>",
        Level::DEBUG | Level::TRACE => "<7>",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::File;
    use std::os::unix::fs::MetadataExt;

    #[test]
    fn a_stream_is_the_journal_if_device_and_inode_are_those_that_are_named() {
        let (ours, _other_end) = io::pipe().unwrap();
        let about = File::from(ours.as_fd().try_clone_to_owned().unwrap());
        let about = about.metadata().unwrap();
        let is_named = |text: String| is_stream(&ours, Some(OsStr::new(&text)));
        let (device, inode) = (about.dev(), about.ino());
        assert!(is_named(format!("{device}:{inode}")));
        for other in [
            format!("{device}:{}", inode + 1),
            format!("{}:{inode}", device + 1),
            format!("{inode}:{device}"),
            format!("{device}"),
            format!("{device}:{inode}:"),
            String::new(),
        ] {
            assert!(!is_named(other.clone()), "{other}");
        }
        assert!(!is_stream(&ours, None));
    }
}
