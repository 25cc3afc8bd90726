//! The start before there is a coordinator: tries what the machine can do, reads the certificates, and
//! makes the control socket and the listener for metrics.
//!
//! Called by [`Server::start`](crate::Server::start)(super::Server::start), once, in this order.

use super::{Server, StartError};
use crate::certificates::{self, Kept, Loaded};
use crate::config::{Config, ControlPath, Cpus, ListenAddr, RingFlag};
use crate::control::socket::{self, ControlSocket};
use crate::coordinator::listeners::{ListenError, bind_one};
use crate::coordinator::run::Operators;
use crate::coordinator::upgrade::Legacy;
use crate::observe::access::AccessLog;
use crate::observe::log::LogHandle;
use crate::process::privileges::Identity;
use crate::process::service_manager::passed_sockets;
use crate::process::starting::{Ears, TOLD};
use ringgate_runtime::probe::{Feature, Finding, probe_for_start};
use ringgate_runtime::sys::cgroup::cpu_quota;
use ringgate_runtime::sys::unix_listener::hold_inherited;
use std::io;
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::sync::Arc;

impl<S> Server<S> {
    /// Has these ears while it starts, until the coordinator hears the signals itself.
    pub(crate) fn heard_by(mut self, ears: Ears) -> Server<S> {
        self.ears = Some(ears);
        self
    }
}

/// Tries what a start depends on, with the list of trials that `ringgate doctor` has. Returns whether
/// threads can be pinned; if not, that is a warning, and the server serves without.
pub(super) fn examine(config: &Config) -> Result<bool, StartError> {
    let without: Vec<Feature> = config.without.iter().filter_map(feature).collect();
    let report = probe_for_start(&without);
    if let Some(refusal) = report.unavailable {
        return Err(StartError::Setup(refusal.to_string()));
    }
    let pin = report
        .findings
        .iter()
        .find(|finding| finding.feature == Feature::Pin);
    let Some(Finding {
        failure: Some(failure),
        ..
    }) = pin
    else {
        return Ok(true);
    };
    let facts = Feature::Pin.facts();
    tracing::warn!(
        answer = %failure,
        cure = facts.cure,
        "cores are not pinned: {}",
        facts.without_it
    );
    Ok(false)
}

/// Takes the sockets over that the configuration names by their numbers and that no older process leaves to this one:
/// before a socket of this process gets such a number.
pub(super) fn hold_passed(config: &Config, older: Option<&Legacy>) -> Result<(), StartError> {
    let listen = config.listen.iter().map(|one| ("--listen", &one.address));
    let metrics = config.metrics.iter().map(|address| ("--metrics", address));
    let is_left = |place: &str| {
        older.is_some_and(|left| {
            let metrics = left.metrics.iter().map(|(configured, ..)| configured);
            let listen = left.listeners.iter().map(|listener| &listener.configured);
            metrics.chain(listen).any(|configured| configured == place)
        })
    };
    for (flag, address) in listen.chain(metrics) {
        if let ListenAddr::Fd(number) = address
            && !is_left(&address.to_string())
        {
            hold_inherited(*number).map_err(|error| {
                let error = io::Error::new(error.kind(), format!("{error}{}", passed_in_words()));
                StartError::Listen(ListenError::new(address, error).named_by(flag))
            })?;
        }
    }
    Ok(())
}

/// The sockets that a service manager passes, for an error about one that it does not.
fn passed_in_words() -> String {
    let passed = passed_sockets();
    let each = passed
        .iter()
        .map(|socket| format!("fd:{} ({})", socket.number, socket.name));
    match passed.is_empty() {
        true => String::new(),
        false => format!(
            "; the service manager passes {}",
            each.collect::<Vec<_>>().join(", ")
        ),
    }
}

/// Leaves the signals to the coordinator.
///
/// # Errors
/// One has come, and the server is not to start.
pub(super) fn hand_over_signals(ears: Option<Ears>) -> Result<(), StartError> {
    let heard = ears.as_ref().map(Ears::heard);
    drop(ears);
    match heard.is_some_and(|heard| heard.is_told()) {
        true => Err(StartError::Setup(TOLD.to_owned())),
        false => Ok(()),
    }
}

/// The CPUs that a process with so many in its mask may use.
pub(in crate::coordinator) fn cpus_of(mask: usize) -> Cpus {
    let mask = u32::try_from(mask).ok().and_then(NonZeroU32::new);
    Cpus {
        mask: mask.unwrap_or(NonZeroU32::MIN),
        quota: cpu_quota(),
    }
}

/// The name that the probe has for a feature that the configuration does without, if a start depends on it.
fn feature(flag: &RingFlag) -> Option<Feature> {
    match flag {
        RingFlag::MultishotAccept => Some(Feature::MultishotAccept),
        RingFlag::MultishotRecv => Some(Feature::MultishotRecv),
        RingFlag::SingleIssuer
        | RingFlag::DeferTaskrun
        | RingFlag::CoopTaskrun
        | RingFlag::TaskrunFlag
        | RingFlag::SubmitAll
        | RingFlag::NoSqarray
        | RingFlag::NoIowait => None,
    }
}

/// Reads the certificates. The tickets of the process before this one are taken on.
pub(super) fn certificates_of(
    config: &Config,
    inheritance: Option<&mut Legacy>,
) -> Result<Option<Loaded>, StartError> {
    let inherited = inheritance.and_then(|left| left.ticket_secret.take());
    let kept = Kept::of_before(inherited);
    certificates::load(config, kept, certificates::unix_secs()).map_err(StartError::Tls)
}

/// Tells of keys that the user of before could read, and the one of now cannot.
pub(super) fn warn_of_lost_keys(config: &Config) {
    let again = certificates::load(config, Kept::default(), certificates::unix_secs());
    if let Err(error) = again {
        tracing::warn!(
            "as the user of now this server cannot read again what it has read: {error}; until then \
             it refuses to reload, and to be upgraded"
        );
    }
}

/// Makes the control socket and the listener for metrics, or takes them over, and says where they
/// are. Opens the access log of so many cores.
pub(super) fn operators(
    config: &Config,
    control: bool,
    log: Option<LogHandle>,
    inheritance: &mut Option<Legacy>,
    identity: Option<&Identity>,
    cores: u32,
) -> Result<(Operators, Option<PathBuf>, Option<String>), StartError> {
    let wish = match control {
        true => &config.control,
        false => &ControlPath::Off,
    };
    let mut operators = Operators::new(log);
    operators.access_log = AccessLog::open(&config.access_log, cores, identity)
        .map_err(|error| StartError::Setup(error.to_string()))?;
    let fail = |error| {
        let error = ListenError::new("the control socket", error);
        StartError::Listen(error.named_by("--control"))
    };
    let mut control_path = None;
    let taken = inheritance.as_ref().and_then(|left| left.control.clone());
    match taken.filter(|path| socket::is_meant(wish, path)) {
        Some(path) => {
            socket::prepare(wish, &path, identity).map_err(fail)?;
            let (socket, file) = socket::make_aside(&path, identity).map_err(fail)?;
            operators.control = Some(socket);
            operators.control_file = Some(file);
            operators.control_goal = Some(path.clone());
            control_path = Some(path);
        }
        None => match socket::make(wish, identity).map_err(fail)? {
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
        let configured = address.place().to_string();
        if let ListenAddr::Unix(unix) = address {
            operators.paths.push(unix.path.clone());
        }
        let left = inheritance.as_mut().and_then(|left| left.metrics.take());
        let (socket, bound) = match left.filter(|(as_configured, ..)| *as_configured == configured)
        {
            Some((_, bound, socket)) => {
                operators.has_inherited_metrics = true;
                (socket, bound)
            }
            None => {
                let (socket, bound, file) = bind_one(address, identity)
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

/// Tells the server that started this process to take over from it, if one did, that it cannot: for what
/// goes wrong before [`Server::start`](crate::Server::start). The older server goes on then, and says why.
///
/// ```
/// fn read_secrets() -> Result<String, String> {
/// #   Ok("secret".to_owned())
///     // ...
/// }
///
/// let secrets = read_secrets().inspect_err(|error| ringgate::refuse_inheritance(error))?;
/// # Ok::<(), String>(())
/// ```
pub fn refuse_inheritance(why: &str) {
    if let Ok(Some(inheritance)) = Legacy::from_environment() {
        inheritance.refuse(why);
    }
}
