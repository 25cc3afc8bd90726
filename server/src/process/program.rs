//! The program that an upgrade starts: the path this process was started by, with the same arguments.
//!
//! The path is resolved at the start and not again: a relative one by the working directory of then,
//! a bare name by the PATH of then. Links on the way stay links, so that one that points to another
//! version by the time of the upgrade leads there.

use std::env;
use std::ffi::OsString;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// A program and its arguments.
#[derive(Debug, Clone)]
pub(crate) struct Program {
    pub(crate) path: PathBuf,
    pub(crate) args: Vec<OsString>,
}

impl Program {
    /// This process's own.
    ///
    /// # Errors
    /// The error of std::env::current_exe, if the name it was called by leads nowhere.
    pub(crate) fn current() -> io::Result<Program> {
        let mut args = env::args_os();
        let name = args.next().map(PathBuf::from);
        let path = name.and_then(|name| resolve(&name, env::var_os("PATH").as_deref()));
        Ok(Program {
            path: match path {
                Some(path) => path,
                None => env::current_exe()?,
            },
            args: args.collect(),
        })
    }
}

fn resolve(name: &Path, search: Option<&std::ffi::OsStr>) -> Option<PathBuf> {
    if name.components().count() > 1 || name.is_absolute() {
        return std::path::absolute(name)
            .ok()
            .filter(|path| is_program(path));
    }
    let search = search.unwrap_or_default();
    let places = env::split_paths(search).filter(|place| place.is_absolute());
    places
        .map(|place| place.join(name))
        .find(|path| is_program(path))
}

fn is_program(path: &Path) -> bool {
    let metadata = path.metadata();
    metadata.is_ok_and(|file| file.is_file() && file.permissions().mode() & 0o111 != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bare_name_is_looked_for_and_a_path_is_made_absolute() {
        let search = Some("relative:/nonexistent:/bin".as_ref());
        assert_eq!(resolve(Path::new("sh"), search), Some("/bin/sh".into()));
        assert_eq!(resolve(Path::new("sh"), None), None);
        assert_eq!(resolve(Path::new("/bin/sh"), None), Some("/bin/sh".into()));
        assert_eq!(resolve(Path::new("/bin"), None), None, "no program");
        let here = Path::new("./Cargo.toml");
        assert_eq!(resolve(here, None), None, "cannot be executed");
    }
}
