//! Giving up the rights of root once everything that needs them is bound (row M13).
//!
//! Called by the program before its first thread, and by the start before the cores. Deliberately keeps
//! nothing back: what this process makes later (a new control socket in an upgrade) the user must be
//! allowed to, and no program that it executes brings rights back.

use super::making::Owner;
use crate::config::{self, Config, Source, WrongValue};
use ringgate_runtime::sys::identity::{User, become_user, group, groups, user, with_rights_of};
use ringgate_runtime::sys::process::{group_id, user_id};
use ringgate_runtime::sys::rights;
use std::io;

const ROOT: u32 = 0;
/// The options that name whom this process is to become.
const USER: &str = "user";
const GROUP: &str = "group";

/// Whom this process is to become.
#[derive(Debug)]
pub(crate) struct Identity {
    user: User,
    gid: u32,
    /// All groups of the user.
    groups: Vec<u32>,
}

impl Identity {
    /// Looks up what the configuration names; None if it names nobody, or who this process is
    /// already.
    ///
    /// # Errors
    /// The option that names who is unknown.
    pub(crate) fn wished(config: &Config) -> Result<Option<Identity>, config::Error> {
        let current = || user(&user_id().to_string());
        let (wished, key, name) = match (&config.user, &config.group) {
            (None, None) => return Ok(None),
            (Some(name), _) => (user(name), USER, name),
            (None, Some(name)) => (current(), GROUP, name),
        };
        let user = wished.map_err(|error| unknown(key, key, name, &error))?;
        let gid = match &config.group {
            Some(name) => group(name).map_err(|error| unknown(GROUP, GROUP, name, &error))?,
            None => user.gid,
        };
        if (user.uid, gid) == (user_id(), group_id()) {
            return Ok(None);
        }
        let groups = groups(&user, gid).map_err(|error| unknown(key, key, name, &error))?;
        Ok(Some(Identity { user, gid, groups }))
    }

    pub(crate) fn name(&self) -> &str {
        &self.user.name
    }

    pub(crate) fn owner(&self) -> Owner {
        let (uid, gid) = (self.user.uid, self.gid);
        Owner { uid, gid }
    }

    pub(crate) fn is_in_group(&self, gid: u32) -> bool {
        self.groups.contains(&gid)
    }

    /// Does something with the rights of this user, while the process keeps its own.
    ///
    /// # Errors
    /// One line: only root may.
    pub(crate) fn with_its_rights<T: Send>(
        &self,
        work: impl FnOnce() -> T + Send,
    ) -> io::Result<T> {
        with_rights_of(&self.user, self.gid, work)
            .map_err(|error| io::Error::new(error.kind(), self.cannot(error)))
    }

    fn cannot(&self, why: impl std::fmt::Display) -> String {
        format!(
            "cannot become user {} (group {}): {why}; start as root, or leave user and group out",
            self.user.name, self.gid
        )
    }

    /// Becomes it, with every thread and for good.
    ///
    /// # Errors
    /// One line: only root may.
    pub(crate) fn assume(&self) -> Result<(), String> {
        self.gain_nothing()?;
        become_user(&self.user, self.gid).map_err(|error| self.cannot(error))?;
        if self.user.uid == ROOT {
            return Ok(());
        }
        let threads = rights::of_threads().map_err(|error| self.cannot(error))?;
        if let Some(thread) = threads.iter().find(|thread| thread.permitted != 0) {
            let (name, kept) = (&thread.thread, thread.permitted);
            return Err(self.cannot(format!("thread {name} keeps capabilities ({kept:#x})")));
        }
        let could_gain = |thread: &&rights::Rights| thread.bounding != 0 || !thread.no_new_privs;
        if let Some(thread) = threads.iter().find(could_gain) {
            tracing::warn!(
                thread = thread.thread,
                bounding_set = format!("{:#x}", thread.bounding),
                no_new_privs = thread.no_new_privs,
                "programs that this process executes could gain rights: this thread was there before \
                 they were given up (call ringgate::process::privileges::gain_nothing first), or \
                 CAP_SETPCAP was missing"
            );
        }
        Ok(())
    }

    fn gain_nothing(&self) -> Result<(), String> {
        match self.user.uid {
            ROOT => Ok(()),
            _ => rights::gain_nothing().map_err(|error| self.cannot(error)),
        }
    }
}

/// If the configuration names a user that this process is to become: sees to it that no program which
/// the calling thread, or one that it starts later, executes brings rights back (no_new_privs, empty
/// bounding set). For a program that makes threads before it starts the server: call it first.
///
/// ```
/// use ringgate::config::Config;
/// use ringgate::process::privileges::gain_nothing;
///
/// fn main() -> Result<(), String> {
///     let config = Config::default();
///     gain_nothing(&config)?; // before the first thread
///     // ...
///     Ok(())
/// }
/// ```
///
/// # Errors
/// One line: who is unknown, or what prctl(2) answers.
pub fn gain_nothing(config: &Config) -> Result<(), String> {
    match Identity::wished(config).map_err(|error| error.to_string())? {
        Some(identity) => identity.gain_nothing(),
        None => Ok(()),
    }
}

/// The error of an option that names a user or a group whom this machine does not know.
pub(crate) fn unknown(
    key: &'static str,
    what: &str,
    name: &str,
    error: &io::Error,
) -> config::Error {
    config::Error::Value(Box::new(WrongValue {
        from: Source::Code,
        key,
        value: format!("{name:?}"),
        reason: Some(error.to_string()),
        allowed: format!("a {what} of this machine, by name or number"),
    }))
}
