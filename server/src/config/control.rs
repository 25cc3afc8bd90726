//! Where the control socket is: at its default place, at a named path, or nowhere.
//!
//! `ringgate serve` and `ringgate ctl` both come here, which is how the one finds the other. It
//! makes no directory and opens nothing.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

/// The wished place of the control socket.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub enum ControlPath {
    /// `auto`: the first that applies of `$XDG_RUNTIME_DIR/ringgate/control.sock`,
    /// `/run/ringgate/control.sock` for root, `/tmp/ringgate-UID/control.sock`.
    #[default]
    Auto,
    /// `none`: no control socket.
    Off,
    /// This path.
    At(PathBuf),
}

impl ControlPath {
    /// The path that is meant, or `None` if there is to be no socket.
    ///
    /// `runtime_dir` is the value of `XDG_RUNTIME_DIR`; as the XDG base directory specification
    /// asks, a value that is empty or not absolute counts as unset. `uid` is the effective one.
    pub fn resolve(&self, runtime_dir: Option<&OsStr>, uid: u32) -> Option<PathBuf> {
        match self {
            ControlPath::Off => None,
            ControlPath::At(path) => Some(path.clone()),
            ControlPath::Auto => {
                let directory = match runtime_dir.map(Path::new).filter(|dir| dir.is_absolute()) {
                    Some(directory) => directory.join("ringgate"),
                    None if uid == 0 => PathBuf::from("/run/ringgate"),
                    None => PathBuf::from(format!("/tmp/ringgate-{uid}")),
                };
                Some(directory.join("control.sock"))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(runtime_dir: Option<&str>, uid: u32, expected: &str) {
        let path = ControlPath::Auto.resolve(runtime_dir.map(OsStr::new), uid);
        assert_eq!(path.as_deref(), Some(Path::new(expected)));
    }

    #[test]
    fn the_default_path_follows_the_runtime_directory_then_the_user() {
        check(Some("/run/user/7"), 7, "/run/user/7/ringgate/control.sock");
        check(Some("/run/user/0"), 0, "/run/user/0/ringgate/control.sock");
        check(None, 0, "/run/ringgate/control.sock");
        check(None, 7, "/tmp/ringgate-7/control.sock");
    }

    #[test]
    fn a_runtime_directory_that_is_empty_or_relative_counts_as_unset() {
        check(Some(""), 7, "/tmp/ringgate-7/control.sock");
        check(Some("run"), 7, "/tmp/ringgate-7/control.sock");
    }

    #[test]
    fn a_named_path_is_taken_as_it_is_and_none_means_no_socket() {
        let named = ControlPath::At("x.sock".into());
        assert_eq!(
            named.resolve(Some(OsStr::new("/run")), 0),
            Some("x.sock".into())
        );
        assert_eq!(ControlPath::Off.resolve(Some(OsStr::new("/run")), 0), None);
    }
}
