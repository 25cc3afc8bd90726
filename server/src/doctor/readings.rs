//! Everything that a start looks at besides the configuration itself and its certificates: users, groups, directories
//! that are served, places of logs.
//!
//! Called by `check-config` and `ringgate doctor`, so that what they let pass does not fail a start. Nothing is made
//! here. Certificates are examined in `certificates`.

use crate::app;
use crate::config::{self, Config, ListenAddr};
use crate::observe::access::AccessLog;
use crate::observe::log;
use crate::process::privileges::{self, Identity};
use ringgate_runtime::sys::identity;
use ringgate_runtime::sys::process::user_id;
use std::io;

const ROOT: u32 = 0;

/// Each fault that would end a start of this process's user, as the error of the option that leads to it.
pub(crate) fn faults(config: &Config) -> Vec<config::Error> {
    let mut faults: Vec<_> = app::faults(config).collect();
    faults.extend(unknown_owners(config));
    match Identity::wished(config) {
        Err(error) => faults.push(error),
        // Nobody but root starts such a server, and only root can tell what the other user may write.
        Ok(Some(_)) if user_id() != ROOT => {}
        Ok(identity) => faults.extend(unwritable_logs(config, identity.as_ref())),
    }
    faults
}

/// The owners of Unix sockets whom this machine does not know.
fn unknown_owners(config: &Config) -> impl Iterator<Item = config::Error> {
    let places = config.listen.iter().map(|endpoint| &endpoint.address);
    let sockets = places.filter_map(|address| match address {
        ListenAddr::Unix(unix) => Some(unix),
        ListenAddr::Tcp(_) | ListenAddr::Fd(_) => None,
    });
    sockets.flat_map(|unix| {
        let unknown = |what, name: &str, error: Option<io::Error>| {
            Some(privileges::unknown("listen", what, name, &error?))
        };
        let user = unix.user.as_ref();
        let group = unix.group.as_ref();
        [
            user.and_then(|name| unknown("user", name, identity::user(name).err())),
            group.and_then(|name| unknown("group", name, identity::group(name).err())),
        ]
        .into_iter()
        .flatten()
    })
}

fn unwritable_logs(
    config: &Config,
    identity: Option<&Identity>,
) -> impl Iterator<Item = config::Error> {
    let looked = [
        ("log_file", log::look(&config.log, identity)),
        ("access_log", AccessLog::look(&config.access_log, identity)),
    ];
    let fault = |(key, looked): (&'static str, io::Result<()>)| {
        Some(config::Error::Conflict {
            message: looked.err()?.to_string(),
            keys: vec![key],
            from: Vec::new(),
        })
    };
    looked.into_iter().filter_map(fault)
}
