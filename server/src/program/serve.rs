//! The process around a server: set up in the only order that works, watched to its end, and left with the
//! exit code of that end.
//!
//! Called by [`Server::run_main`].

use super::words::{farewell, welcome};
use super::{CUT, FAILED, USAGE, complain, failed, passed, read_again, warn, with_source};
use crate::config::{self, CertificateSource, CommandLine, Config, LogLevel, Provenance};
use crate::observe::log::{self, LogHandle};
use crate::process::privileges::{self, Identity};
use crate::process::reaper;
use crate::process::starting::{Ears, Heard, TOLD};
use crate::{
    Ended, Running, Server, ServiceManager, StartError, passed_sockets, refuse_inheritance,
};
use ringgate_runtime::sys::cpu::cpu_mask;
use ringgate_runtime::sys::limits::raise_nofile;
use ringgate_runtime::sys::signals::ignore_sigxfsz;
use ringgate_runtime::task::catch_panic;
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
    passed::hold(&config);
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
    let ears = match Ears::open(end_at_once(&log)) {
        Ok(ears) => ears,
        Err(error) => {
            refuse_inheritance(&error.to_string());
            return failed(line, FAILED, &error);
        }
    };
    let code = match caught(|| make(config.clone())) {
        Ok(server) => {
            let heard = ears.heard();
            ears.is_made();
            let run = || {
                Ok(run(
                    line,
                    &config,
                    provenance,
                    &log,
                    server.heard_by(ears),
                    &heard,
                ))
            };
            caught(run).unwrap_or_else(|error| {
                complain(line, &error);
                FAILED
            })
        }
        Err(error) => {
            refuse_inheritance(&error.to_string());
            complain(line, &error);
            exit_code_of(&*error)
        }
    };
    log.flush(LOG_PATIENCE);
    ExitCode::from(code)
}

/// Ends the process of a server that is told to end before it is made: nothing is served, so nothing is cut.
fn end_at_once(log: &LogHandle) -> impl FnOnce() + Send + 'static {
    let log = log.clone();
    move || {
        refuse_inheritance(TOLD);
        tracing::info!("{TOLD}");
        log.flush(LOG_PATIENCE);
        std::process::exit(0);
    }
}

/// Runs the program's own code, whose panic is an error like any other.
fn caught<T>(run: impl FnOnce() -> Result<T, Box<dyn Error>>) -> Result<T, Box<dyn Error>> {
    catch_panic(run).unwrap_or_else(|panic| {
        let why = panic.message();
        Err(format!("the program panicked while its server was made: {why}").into())
    })
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
    heard: &Heard,
) -> u8 {
    warn(provenance);
    passed::warn_of_unused(config, &passed_sockets());
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
    let (again, own) = (line.clone(), provenance.own().clone());
    let server = server
        .with_service_manager(manager)
        .with_signals()
        .with_control()
        .with_reload_unless_it_has(move || read_again(&again, &own))
        .with_upgrade()
        .with_log(log.clone());
    match server.start() {
        Ok(running) => watch(running, config),
        Err(_) if heard.is_told() => {
            tracing::info!("{TOLD}");
            0
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_while_a_server_is_made_is_an_error_with_its_message() {
        let made: Result<(), _> = caught(|| panic!("no such table"));
        let error = made.expect_err("it panicked");
        assert!(error.to_string().ends_with("no such table"), "{error}");
        assert_eq!(exit_code_of(&*error), FAILED);
        assert_eq!(caught(|| Ok(7)).ok(), Some(7));
    }
}
