//! The process around a server: set up in the only order that works, watched to its end, and left with the
//! exit code of that end.
//!
//! Called by [`Server::run_main`].

use super::words::{farewell, welcome};
use super::{CUT, FAILED, USAGE, complain, failed, read_again, warn, with_source};
use crate::config::{self, CertificateSource, CommandLine, Config, LogLevel, Provenance};
use crate::observe::log::{self, LogHandle};
use crate::process::privileges::{self, Identity};
use crate::process::reaper;
use crate::{Ended, Running, Server, ServiceManager, StartError, refuse_inheritance};
use ringgate_runtime::sys::cpu::cpu_mask;
use ringgate_runtime::sys::limits::raise_nofile;
use ringgate_runtime::sys::signals::ignore_sigxfsz;
use std::error::Error;
use std::num::NonZeroU32;
use std::process::ExitCode;
use std::time::Duration;

/// How long an exit waits for a log whose reader stalls.
const LOG_PATIENCE: Duration = Duration::from_secs(2);

/// Sets the process up, lets `make` make the server, and serves.
pub(super) fn serve<S: 'static>(
    line: &CommandLine,
    config: Config,
    provenance: &Provenance,
    make: impl FnOnce(Config) -> Result<Server<S>, Box<dyn Error>>,
) -> ExitCode {
    // Before the first thread, which is the log's: a signal goes to any thread that lets it.
    if let Err(error) = crate::block_obeyed_signals() {
        return failed(line, FAILED, &error);
    }
    if let Err(error) = Identity::wished(&config) {
        refuse_inheritance(&error.to_string());
        return failed(line, USAGE, &with_source(Box::new(error), provenance));
    }
    // Likewise: it is of one thread, and of those that it starts.
    if let Err(error) = privileges::gain_nothing(&config) {
        refuse_inheritance(&error);
        return failed(line, FAILED, &error);
    }
    // A log that has reached the limit of file sizes costs its lines, not the server.
    if let Err(error) = ignore_sigxfsz() {
        refuse_inheritance(&error.to_string());
        return failed(line, FAILED, &error);
    }
    let log = match log::init_for(&config) {
        Ok(log) => log,
        Err(error) => {
            refuse_inheritance(&error.to_string());
            return failed(line, FAILED, &error);
        }
    };
    log::panics_to_log(&log);
    let code = match make(config.clone()) {
        Ok(server) => run(line, &config, provenance, &log, server),
        Err(error) => {
            refuse_inheritance(&error.to_string());
            complain(line, &error);
            exit_code_of(&*error)
        }
    };
    log.flush(LOG_PATIENCE);
    ExitCode::from(code)
}

/// The code of a server that could not be made.
fn exit_code_of(error: &(dyn Error + 'static)) -> u8 {
    match error.is::<config::Error>() {
        true => USAGE,
        false => FAILED,
    }
}

fn run<S: 'static>(
    line: &CommandLine,
    config: &Config,
    provenance: &Provenance,
    log: &LogHandle,
    server: Server<S>,
) -> u8 {
    warn(provenance);
    if let Err(error) = raise_nofile() {
        tracing::warn!(%error, "the limit of open files stays as it is");
    }
    warn_of_shared_cpus(config);
    let manager = match ServiceManager::from_environment() {
        Ok(manager) => manager,
        Err(error) => {
            tracing::error!("{error}");
            return FAILED;
        }
    };
    let again = line.clone();
    let server = server
        .with_service_manager(manager)
        .with_signals()
        .with_control()
        .with_reload_unless_it_has(move || read_again(&again))
        .with_upgrade()
        .with_log(log.clone());
    match server.start() {
        Ok(running) => watch(running, config),
        Err(error) => {
            tracing::error!("{error}");
            let log_is_on_stderr = config.log.file.is_none() && config.log.level != LogLevel::Off;
            if !log_is_on_stderr {
                complain(line, &error);
            }
            match error {
                StartError::Config(_) | StartError::Tls(_) => USAGE,
                _ => FAILED,
            }
        }
    }
}

/// From the start of a server to its end.
fn watch(running: Running, config: &Config) -> u8 {
    if reaper::is_needed()
        && let Err(error) = reaper::collect_orphans()
    {
        tracing::warn!(%error, "as the first process of the container: orphans are not collected");
    }
    // A server that was told to end while it started listens no more.
    if running.handle().is_ready() {
        let default = config.tls.certificates.first();
        welcome(
            running.handle(),
            default == Some(&CertificateSource::SelfSigned),
        );
    }
    let ended = running.join();
    farewell(&ended);
    stay_if_first(&ended).unwrap_or_else(|| exit_code(&ended))
}

/// More cores than CPUs share them in turn: allowed, and worth a line.
fn warn_of_shared_cpus(config: &Config) {
    let cpus = cpu_mask().map_or(0, |cpus| cpus.len() as u32);
    let Some(count) = NonZeroU32::new(cpus) else {
        return;
    };
    let cores = config.cores.min(count).get();
    if cores > cpus {
        tracing::warn!("{cores} cores share the {cpus} CPUs that this process may use");
    }
}

/// The first process of a container stays as long as a newer one serves, and ends as that one does.
fn stay_if_first(ended: &Ended) -> Option<u8> {
    let successor = ended.successor.filter(|_| reaper::is_needed())?;
    tracing::info!(successor, "staying as the first process of the container");
    match reaper::stay(successor) {
        Ok(code) => Some(code),
        Err(error) => {
            tracing::error!(%error, "cannot stay");
            Some(FAILED)
        }
    }
}

fn exit_code(ended: &Ended) -> u8 {
    match ended {
        Ended {
            failed: Some(_), ..
        } => FAILED,
        Ended {
            drained: true,
            cut: 1..,
            ..
        } => CUT,
        _ => 0,
    }
}
