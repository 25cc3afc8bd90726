//! Where the control socket is: at its default place, at a named path, or nowhere.
//!
//! `ringgate serve` and `ringgate ctl` both come here, which is how the one finds the other: the server
//! is at one place, and whoever looks for it without its environment looks at each that can be. This
//! file makes no directory and opens nothing.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

/// The wished place of the control socket.
///
/// ```
/// use ringgate::config::ControlPath;
/// use std::path::Path;
///
/// let path = ControlPath::AutoOf("notes".to_owned()).resolve(None, 0);
/// assert_eq!(path.as_deref(), Some(Path::new("/run/notes/control.sock")));
/// assert_eq!(ControlPath::Off.resolve(None, 0), None);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub enum ControlPath {
    /// `auto`: the first that applies of `$XDG_RUNTIME_DIR/ringgate/control.sock`,
    /// `/run/ringgate/control.sock` for root, `/tmp/ringgate-UID/control.sock`.
    #[default]
    Auto,
    /// `auto` for a program of this name, which has the name where that of `ringgate` is.
    AutoOf(String),
    /// `none`: no control socket.
    Off,
    /// The given path.
    At(PathBuf),
}

/// The name in the default path of `ringgate` itself.
const OURS: &str = "ringgate";
const ROOT: u32 = 0;

impl ControlPath {
    /// The same for a program of this name, so that programs built on the library do not meet at one socket.
    /// A name that cannot be that of a directory is left out.
    pub(super) fn of_program(self, name: &str) -> ControlPath {
        let is_plain = !name.is_empty() && !name.starts_with('.') && !name.contains('/');
        match self {
            ControlPath::Auto if is_plain && name != OURS => ControlPath::AutoOf(name.to_owned()),
            other => other,
        }
    }

    /// Whether nobody named a place.
    pub(crate) fn is_auto(&self) -> bool {
        matches!(self, ControlPath::Auto | ControlPath::AutoOf(_))
    }

    /// The directory's name in the default places, if nobody named another one.
    fn name(&self) -> Option<&str> {
        match self {
            ControlPath::Auto => Some(OURS),
            ControlPath::AutoOf(name) => Some(name),
            ControlPath::Off | ControlPath::At(_) => None,
        }
    }

    /// The paths where a server of this user, or one that this user may speak to, can be, the likeliest first: the
    /// one that [`ControlPath::resolve`] has, and those of servers that were started with another environment, such
    /// as that of a unit. None if there is to be no socket.
    pub(crate) fn places(&self, runtime_dir: Option<&OsStr>, uid: u32) -> Vec<PathBuf> {
        let others = [ROOT, uid].map(|uid| self.resolve(None, uid));
        let mut places = Vec::new();
        for place in [self.resolve(runtime_dir, uid)].into_iter().chain(others) {
            places.extend(place.filter(|place| !places.contains(place)));
        }
        places
    }

    /// Whether `path` is where a server is that nobody named a place for, whoever its user is.
    pub(crate) fn is_default(&self, path: &Path, runtime_dir: Option<&OsStr>) -> bool {
        let uid = || {
            let directory = path.parent()?.file_name()?.to_str()?;
            let uid = directory.strip_prefix(self.name()?)?.strip_prefix('-')?;
            uid.parse().ok()
        };
        let of = |runtime_dir, uid| self.resolve(runtime_dir, uid);
        let places = [
            of(runtime_dir, ROOT),
            of(None, ROOT),
            uid().and_then(|uid| of(None, uid)),
        ];
        self.is_auto() && places.iter().flatten().any(|place| place == path)
    }

    /// The path that is meant, or `None` if there is to be no socket.
    ///
    /// `runtime_dir` is the value of `XDG_RUNTIME_DIR`; as the XDG base directory specification
    /// asks, a value that is empty or not absolute counts as unset. `uid` is the effective one.
    pub fn resolve(&self, runtime_dir: Option<&OsStr>, uid: u32) -> Option<PathBuf> {
        let name = match self {
            ControlPath::At(path) => return Some(path.clone()),
            other => other.name()?,
        };
        let directory = match runtime_dir.map(Path::new).filter(|dir| dir.is_absolute()) {
            Some(directory) => directory.join(name),
            None if uid == ROOT => Path::new("/run").join(name),
            None => PathBuf::from(format!("/tmp/{name}-{uid}")),
        };
        Some(directory.join("control.sock"))
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
    fn a_program_of_another_name_has_a_default_path_of_its_own() {
        let of = |name| ControlPath::Auto.of_program(name).resolve(None, 0);
        assert_eq!(of("notes"), Some("/run/notes/control.sock".into()));
        for odd in ["ringgate", "", "..", "a/b"] {
            assert_eq!(of(odd), Some("/run/ringgate/control.sock".into()), "{odd}");
        }
        let notes = ControlPath::Auto.of_program("notes");
        let at = notes.resolve(None, 7);
        assert_eq!(at, Some("/tmp/notes-7/control.sock".into()));
        assert_eq!(ControlPath::Off.of_program("notes"), ControlPath::Off);
    }

    #[test]
    fn a_server_is_looked_for_where_it_can_be_that_was_started_with_another_environment() {
        let places = |wish: ControlPath, runtime_dir: Option<&str>, uid| {
            let places = wish.places(runtime_dir.map(OsStr::new), uid);
            let places: Vec<String> = places
                .into_iter()
                .map(|place| place.display().to_string())
                .collect();
            places.join(" ")
        };
        let notes = || ControlPath::AutoOf("notes".to_owned());
        let root = "/run/user/0/notes/control.sock /run/notes/control.sock";
        // Anybody can be the first to make a directory in /tmp, where no server of root is.
        assert_eq!(places(notes(), Some("/run/user/0"), 0), root);
        assert_eq!(places(notes(), None, 0), "/run/notes/control.sock");
        let user = "/run/notes/control.sock /tmp/notes-7/control.sock";
        let in_session = format!("/run/user/7/notes/control.sock {user}");
        assert_eq!(places(notes(), Some("/run/user/7"), 7), in_session);
        let own = "/tmp/notes-7/control.sock /run/notes/control.sock";
        assert_eq!(places(notes(), None, 7), own);
        let named = ControlPath::At("x.sock".into());
        assert_eq!(places(named, Some("/run/user/7"), 7), "x.sock");
        assert_eq!(places(ControlPath::Off, None, 7), "");
    }

    #[test]
    fn a_default_place_is_one_of_any_user_and_of_this_runtime_directory() {
        let is_default = |path: &str| {
            let runtime_dir = Some(OsStr::new("/run/user/7"));
            ControlPath::Auto.is_default(Path::new(path), runtime_dir)
        };
        for path in [
            "/run/user/7/ringgate/control.sock",
            "/run/ringgate/control.sock",
            "/tmp/ringgate-4242/control.sock",
        ] {
            assert!(is_default(path), "{path}");
            let named = ControlPath::At(path.into());
            assert!(!named.is_default(Path::new(path), None));
        }
        for path in [
            "/run/user/8/ringgate/control.sock",
            "/srv/ringgate/control.sock",
            "/tmp/ringgate-x/control.sock",
            "/tmp/notes-7/control.sock",
            "/tmp/ringgate-7/other.sock",
            "/tmp/control.sock",
            "control.sock",
        ] {
            assert!(!is_default(path), "{path}");
        }
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
