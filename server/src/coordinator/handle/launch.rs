//! What a start makes before there is a coordinator: the control socket, the listener for metrics, and
//! whom the process becomes.
//!
//! Called by [`Server::start`](crate::Server::start)(super::Server::start), once, in this order.

use super::StartError;
use crate::config::{Config, ControlPath};
use crate::control::socket::{self, ControlSocket};
use crate::coordinator::listeners::{ListenError, bind_one};
use crate::coordinator::run::Operators;
use crate::coordinator::upgrade::Inheritance;
use crate::observe::log::LogHandle;
use crate::process::privileges::Identity;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Becomes somebody else, who gets what this process has made and will need again.
pub(super) fn change_identity(
    identity: &Identity,
    config: &Config,
    control: Option<&Path>,
) -> Result<(), StartError> {
    let directory = control.and_then(Path::parent);
    let default_directory = directory.filter(|_| config.control == ControlPath::Auto);
    let files = [
        control,
        default_directory,
        config.pid_file.as_deref(),
        config.log.file.as_deref(),
    ];
    for path in files.into_iter().flatten() {
        identity.give(path).map_err(|error| {
            StartError::Setup(format!("cannot give {} away: {error}", path.display()))
        })?;
    }
    identity.assume().map_err(StartError::Setup)
}

/// Makes the control socket and the listener for metrics, or takes them over, and says where they
/// are.
pub(super) fn operators(
    config: &Config,
    control: bool,
    log: Option<LogHandle>,
    inheritance: &mut Option<Inheritance>,
) -> Result<(Operators, Option<PathBuf>, Option<String>), StartError> {
    let wish = match control {
        true => &config.control,
        false => &ControlPath::Off,
    };
    let mut operators = Operators::new(log);
    let fail = |error| {
        let error = ListenError::new("the control socket", error);
        StartError::Listen(error.named_by("--control"))
    };
    let mut control_path = None;
    let taken = inheritance.as_ref().and_then(|left| left.control.clone());
    match taken.filter(|path| socket::is_meant(wish, path)) {
        Some(path) => {
            let (socket, file) = socket::make_aside(&path).map_err(fail)?;
            operators.control = Some(socket);
            operators.control_file = Some(file);
            operators.control_goal = Some(path.clone());
            control_path = Some(path);
        }
        None => match socket::make(wish).map_err(fail)? {
            ControlSocket::Listening(socket, file) => {
                control_path = Some(file.path().to_owned());
                operators.control = Some(socket);
                operators.control_file = Some(file);
            }
            ControlSocket::Off => {}
            ControlSocket::Missing(why) => {
                tracing::warn!(why, "no control socket; ctl cannot reach this server");
            }
        },
    }
    let mut metrics_address = None;
    if let Some(address) = &config.metrics {
        let configured = address.to_string();
        let left = inheritance.as_mut().and_then(|left| left.metrics.take());
        let (socket, bound) = match left.filter(|(as_configured, ..)| *as_configured == configured)
        {
            Some((_, bound, socket)) => (socket, bound),
            None => {
                let (socket, bound, file) = bind_one(address)
                    .map_err(|error| StartError::Listen(error.named_by("--metrics")))?;
                operators.files.extend(file);
                (socket, bound)
            }
        };
        metrics_address = Some(bound.clone());
        operators.metrics_listener = Some((configured, bound, Arc::new(socket)));
    }
    Ok((operators, control_path, metrics_address))
}

/// Tells the server that started this process to take over from it, if one did, that it cannot:
/// for what goes wrong before [`Server::start`](crate::Server::start). That one goes on then, and says why.
pub fn refuse_inheritance(why: &str) {
    if let Ok(Some(inheritance)) = Inheritance::from_environment() {
        inheritance.refuse(why);
    }
}
