//! Giving up the rights of root once everything that needs them is bound (row M13).
//!
//! Called by the start, before the cores. Deliberately keeps nothing back: what this process makes
//! later (a new control socket in an upgrade) the user must be allowed to.

use crate::config::Config;
use ringgate_runtime::sys::identity::{User, become_user, group, user};
use ringgate_runtime::sys::process::{group_id, user_id};
use std::io;
use std::os::unix::fs::chown;
use std::path::Path;

/// Whom this process is to become.
#[derive(Debug)]
pub(crate) struct Identity {
    user: User,
    gid: u32,
}

impl Identity {
    /// Looks up what the configuration names; None if it names nobody, or who this process is
    /// already.
    ///
    /// # Errors
    /// One line: who is unknown.
    pub(crate) fn wished(config: &Config) -> Result<Option<Identity>, String> {
        let current = || user(&user_id().to_string());
        let (wished, name) = match (&config.user, &config.group) {
            (None, None) => return Ok(None),
            (Some(name), _) => (user(name), name.clone()),
            (None, Some(name)) => (current(), name.clone()),
        };
        let fail = |error: io::Error| format!("user or group {name}: {error}");
        let wished = wished.map_err(fail)?;
        let gid = match &config.group {
            Some(name) => group(name).map_err(fail)?,
            None => wished.gid,
        };
        let is_already = (wished.uid, gid) == (user_id(), group_id());
        Ok((!is_already).then_some(Identity { user: wished, gid }))
    }

    /// Gives it a file that this process has made.
    ///
    /// # Errors
    /// Whatever chown(2) answers.
    pub(crate) fn give(&self, path: &Path) -> io::Result<()> {
        chown(path, Some(self.user.uid), Some(self.gid))
    }

    /// Becomes it, with every thread and for good.
    ///
    /// # Errors
    /// One line: only root may.
    pub(crate) fn assume(&self) -> Result<(), String> {
        become_user(&self.user, self.gid).map_err(|error| {
            format!(
                "cannot become user {} (group {}): {error}; start as root, or leave user and group \
                 out",
                self.user.name, self.gid
            )
        })
    }
}
