//! The `ringgate` program: reads what is asked, sets the process up, and turns how it ended into an
//! exit code (docs/signals-and-exit-codes.md).
//!
//! The content served is the library's built-in application. Results go to standard output, everything
//! else to the log.
#![forbid(unsafe_code)]

use ringgate::app::{self, AppOptions, AppState};
use ringgate::config::{
    self, CommandLine, Config, Invocation, ListenAddr, LogLevel, Provenance, Source, WrongValue,
};
use ringgate::observe::log::{self, ANNOUNCEMENT, LogHandle};
use ringgate::process::{privileges, reaper};
use ringgate::runtime::sys::cpu::cpu_mask;
use ringgate::runtime::sys::limits::raise_nofile;
use ringgate::{Ended, PassedSocket, Server, ServerHandle, ServiceManager, StartError};
use std::fmt::Display;
use std::io::{self, Write};
use std::num::NonZeroU32;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

/// Something went wrong that is no fault of the configuration.
const FAILED: u8 = 1;
/// The command line or the configuration is wrong.
const USAGE: u8 = config::Error::EXIT_CODE;
/// A drain had to cut connections.
const CUT: u8 = 3;

/// How long an exit waits for a log whose reader stalls.
const LOG_PATIENCE: Duration = Duration::from_secs(2);

/// Reads the request of command line, environment and file, as they stand now.
fn asked() -> Result<Invocation, config::Error> {
    let read_file = |path: &Path| std::fs::read_to_string(path);
    CommandLine::ringgate().parse(std::env::args_os(), std::env::vars_os(), read_file)
}

/// The configuration as a reload finds it.
fn read_again() -> Result<Config, String> {
    match asked() {
        Ok(Invocation::Serve(config, provenance)) => {
            for warning in provenance.warnings() {
                tracing::warn!("{warning}");
            }
            Ok(with_passed_sockets(config, &provenance))
        }
        Ok(_) => Err("the command line does not ask to serve".to_owned()),
        Err(error) => Err(error.to_string()),
    }
}

/// Sockets that a service manager passes are listened on where nothing else is said; one that it
/// calls `metrics` is for them.
fn with_passed_sockets(mut config: Config, provenance: &Provenance) -> Config {
    let unsaid = |key| provenance.source(key) == Some(&Source::Default);
    let (metrics, listen): (Vec<_>, Vec<_>) = ringgate::passed_sockets()
        .into_iter()
        .partition(|socket| socket.name == "metrics");
    let address = |socket: &PassedSocket| ListenAddr::Fd(socket.number);
    if unsaid("listen") && !listen.is_empty() {
        config.listen = listen.iter().map(address).collect();
    }
    if unsaid("metrics") {
        config.metrics = metrics.first().map(address).or(config.metrics);
    }
    config
}

fn main() -> ExitCode {
    match asked() {
        Ok(Invocation::Serve(config, provenance)) => {
            let config = with_passed_sockets(config, &provenance);
            serve(config, &provenance)
        }
        Ok(Invocation::CheckConfig {
            config,
            provenance,
            print,
        }) => {
            for warning in provenance.warnings() {
                complain(warning);
            }
            match print {
                true => result(&config::effective(&config, &provenance)),
                false => ExitCode::SUCCESS,
            }
        }
        Ok(Invocation::Doctor { json }) => match ringgate::doctor::run(json, &mut io::stdout()) {
            Ok(verdict) => ExitCode::from(verdict.exit_code()),
            Err(error) => unwritten(error),
        },
        Ok(Invocation::Ctl(ctl)) => match ringgate::control::client::run(&ctl, &mut io::stdout()) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => failed(FAILED, error),
        },
        Ok(Invocation::Show(text)) => result(&text),
        Err(error) => {
            ringgate::refuse_inheritance(&error.to_string());
            failed(USAGE, error)
        }
    }
}

fn complain(about: impl Display) {
    // To whom, if standard error is closed?
    let _ = writeln!(io::stderr(), "ringgate: {about}");
}

fn failed(code: u8, error: impl Display) -> ExitCode {
    complain(error);
    ExitCode::from(code)
}

fn result(text: &str) -> ExitCode {
    let mut out = io::stdout();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => unwritten(error),
    }
}

/// Whoever closed the other end, as `| head` does, has what he wanted.
fn unwritten(error: io::Error) -> ExitCode {
    match error.kind() {
        io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        _ => failed(FAILED, error),
    }
}

fn serve(config: Config, provenance: &Provenance) -> ExitCode {
    if let Err(error) = check_root(&config, provenance) {
        ringgate::refuse_inheritance(&error.to_string());
        return failed(USAGE, error);
    }
    // Before the first thread, which is the log's: a signal goes to any thread that lets it.
    if let Err(error) = ringgate::block_obeyed_signals() {
        return failed(FAILED, error);
    }
    // Likewise: it is of one thread, and of those that it starts.
    if let Err(error) = privileges::gain_nothing(&config) {
        ringgate::refuse_inheritance(&error);
        return failed(FAILED, error);
    }
    let log = match log::init_for(&config) {
        Ok(log) => log,
        Err(error) => {
            ringgate::refuse_inheritance(&error.to_string());
            return failed(FAILED, error);
        }
    };
    log::panics_to_log(&log);
    let code = run(config, provenance, &log);
    log.flush(LOG_PATIENCE);
    ExitCode::from(code)
}

fn check_root(config: &Config, provenance: &Provenance) -> Result<(), config::Error> {
    let Some(root) = &config.root else {
        return Ok(());
    };
    app::check_root(root).map_err(|error| {
        config::Error::Value(Box::new(WrongValue {
            from: provenance.source("root").cloned().unwrap_or(Source::Code),
            key: "root",
            value: format!("{root:?}"),
            reason: Some(error.to_string()),
            allowed: "a directory that this user can read, or none".to_owned(),
        }))
    })
}

fn run(config: Config, provenance: &Provenance, log: &LogHandle) -> u8 {
    for warning in provenance.warnings() {
        tracing::warn!("{warning}");
    }
    if let Err(error) = raise_nofile() {
        tracing::warn!(%error, "the limit of open files stays as it is");
    }
    warn_of_shared_cpus(&config);
    let log_is_on_stderr = config.log.file.is_none() && config.log.level != LogLevel::Off;
    let (demo, status_page) = (config.demo, config.status_page);
    let root = config.root.clone();
    let router = move |is_local| {
        app::router(AppOptions {
            root,
            status: status_page.is_there(is_local),
            trouble: demo.is_there(is_local),
        })
    };
    let manager = match ServiceManager::from_environment() {
        Ok(manager) => manager,
        Err(error) => {
            tracing::error!("{error}");
            return FAILED;
        }
    };
    let server = Server::with_router(config, router, AppState::new)
        .with_service_manager(manager)
        .with_signals()
        .with_control()
        .with_reload(read_again)
        .with_upgrade()
        .with_log(log.clone());
    match server.start() {
        Ok(running) => {
            if reaper::is_needed()
                && let Err(error) = reaper::collect_orphans()
            {
                tracing::warn!(%error, "as the first process of the container: orphans are not collected");
            }
            // A server that was told to end while it started listens no more.
            if running.handle().is_ready() {
                welcome(running.handle());
            }
            let ended = running.join();
            farewell(&ended);
            stay_if_first(&ended).unwrap_or_else(|| exit_code(&ended))
        }
        Err(error) => {
            tracing::error!("{error}");
            if !log_is_on_stderr {
                complain(&error);
            }
            match error {
                StartError::Config(_) => USAGE,
                _ => FAILED,
            }
        }
    }
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

/// Says where the server is, and what to try: at every level but `off`, since nobody can use a
/// server without knowing its address.
fn welcome(server: &ServerHandle) {
    for (index, address) in server.addresses().iter().enumerate() {
        let place = match address.strip_prefix("unix:") {
            Some(path) => format!("--unix-socket {path} http://localhost/"),
            None => format!("http://{address}/"),
        };
        match index {
            0 => {
                tracing::info!(target: ANNOUNCEMENT, "listening on {} (try: curl {place})", shown(address))
            }
            _ => tracing::info!(target: ANNOUNCEMENT, "listening on {}", shown(address)),
        }
    }
    if let Some(address) = server.metrics_address() {
        tracing::info!(target: ANNOUNCEMENT, "metrics on {}", shown(address));
    }
    if let Some(path) = server.control_path() {
        tracing::info!(target: ANNOUNCEMENT, "control socket {}", path.display());
    }
    for bound in server.bounds() {
        tracing::info!("{bound}");
    }
}

fn shown(address: &str) -> String {
    match address.split_once(':') {
        Some(("unix" | "fd", _)) => address.to_owned(),
        _ => format!("http://{address}"),
    }
}

/// Both ledgers, the last word on every connection and every request.
fn farewell(ended: &Ended) {
    let c = &ended.connections;
    tracing::info!(
        accepted = c.accepted,
        inherited = c.inherited,
        finished = c.finished,
        rejected = c.rejected.sum(),
        aborted = c.aborted,
        open = c.open,
        in_transit = c.in_transit(),
        passed_on = c.passed_on,
        "connections"
    );
    let r = &ended.requests;
    tracing::info!(
        begun = r.begun,
        answered = r.answered,
        rejected = r.rejected.sum(),
        aborted = r.aborted,
        running = r.running,
        pending = r.pending,
        "requests"
    );
    if let Some(why) = &ended.failed {
        tracing::error!("{why}");
    } else if ended.drained && ended.cut > 0 {
        tracing::warn!(cut = ended.cut, "the drain had to cut connections");
    } else {
        tracing::info!("stopped");
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
