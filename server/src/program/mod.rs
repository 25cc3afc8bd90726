//! The `main` of a program: what is asked of it, the process around a server, and how it ended as an exit
//! code (docs/signals-and-exit-codes.md).
//!
//! [`Server::run_main`] is called by the `main` of `ringgate` and of every program built on the library.
//! Results go to standard output, everything else to the log. `config` decides what the options mean, and
//! the program what is served.

mod passed;
mod serve;
mod words;

use crate::certificates::{self, Kept};
use crate::config::{
    self, CommandLine, Config, Endpoint, Invocation, ListenAddr, OwnValues, Provenance, Source,
};
use crate::observe::log::journal;
use crate::process::service_manager::FIRST_PASSED;
use crate::{PassedSocket, Server, control, doctor, passed_sockets, refuse_inheritance};
use std::error::Error;
use std::fmt::Display;
use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;

/// Something went wrong that is no fault of the configuration.
const FAILED: u8 = 1;
/// The command line or the configuration is wrong.
const USAGE: u8 = config::Error::EXIT_CODE;
/// A drain had to cut connections.
const CUT: u8 = 3;

/// Said instead of serving: a signal would go to a thread of that runtime, and kill the process.
#[cfg(feature = "tokio-guests")]
const WITHIN_TOKIO: &str = "within a tokio runtime, whose threads would take the signals of the server: make main a \
     function that is not async; what is asynchronous runs in ringgate::tower::serve_from, or in the runtime that \
     ringgate::guests::start gives";

impl<S: 'static> Server<S> {
    /// The whole `main` of a program that serves: it reads command line, environment and configuration
    /// file, and does what they ask.
    ///
    /// - To serve, which is what is asked without a command: the log is set up, `make` makes the server,
    ///   and that obeys signals, opens its control socket, reloads, is upgraded in place, and speaks to
    ///   systemd ([`Server::with_signals`], [`with_control`](Server::with_control),
    ///   [`with_reload`](Server::with_reload), [`with_upgrade`](Server::with_upgrade),
    ///   [`with_service_manager`](Server::with_service_manager)). Sockets that a service manager passes are
    ///   listened on unless `listen` says otherwise. As the first process of a container it also collects
    ///   orphans.
    /// - `check-config FILE`, `doctor`, `ctl COMMAND`, `--help` and `--version`, under the program's name.
    ///
    /// `line` is the program's name, or a [`CommandLine`] with a description, a version and options of the program's
    /// own ([`CommandLine::option`]). `make` gets the configuration and the values of those options. The closure
    /// runs once, before any thread but those of the log and of the start and with the signals blocked that the server
    /// obeys, so it may start threads; INT, TERM and QUIT end the process meanwhile. Its changes to the configuration are
    /// not made again by a reload, which reads file and environment anew, and refuses another value of an option of the
    /// program's own. A program that can take new ones reads them in a closure for [`Server::with_reload`].
    ///
    /// The exit code is 0 if nothing was cut, 1 for a failure, 2 for a wrong command line or configuration, 3
    /// if a drain had to cut connections. An error of `make` is told on standard error: 2 if it is a
    /// [`config::Error`], such as those of [`OwnValues::get`], else 1, as for a panic.
    ///
    /// Called within a tokio runtime, as under `#[tokio::main]`, the program says so and ends with 1 (with the
    /// feature `tokio-guests`, without which nobody can tell).
    ///
    /// ```no_run
    /// use ringgate::config::{CommandLine, OwnOption};
    /// use ringgate::{Request, Router, Server};
    /// use std::process::ExitCode;
    ///
    /// async fn greet(request: Request<String>) -> String {
    ///     format!("{}\n", request.state())
    /// }
    ///
    /// fn main() -> ExitCode {
    ///     let line = CommandLine::of("greeter")
    ///         .about("Greets everybody")
    ///         .version(env!("CARGO_PKG_VERSION"))
    ///         .option(OwnOption::value("words", "TEXT", "The greeting.").default("hello"));
    ///     Server::run_main(line, |config, own| {
    ///         let words: String = own.get("words")?;
    ///         let router = Router::new().get("/", greet);
    ///         Ok(Server::with_state(config, router, move |_| words.clone()))
    ///     })
    /// }
    /// ```
    ///
    /// A program without options of its own: `Server::run_main("hello", |config, _| Ok(Server::new(config, router)))`.
    pub fn run_main(
        line: impl Into<CommandLine>,
        make: impl FnOnce(Config, &OwnValues) -> Result<Server<S>, Box<dyn Error>>,
    ) -> ExitCode {
        let line = line.into().with_doctor();
        #[cfg(feature = "tokio-guests")]
        if tokio::runtime::Handle::try_current().is_ok() {
            return failed(&line, FAILED, &WITHIN_TOKIO);
        }
        let out = &mut io::stdout();
        match asked(&line) {
            Ok(Invocation::Serve(config, provenance)) => {
                let config = with_passed_sockets(config, &provenance);
                let make = |config| {
                    let made = make(config, provenance.own());
                    made.map_err(|error| with_source(error, &provenance))
                };
                serve::serve(&line, config, &provenance, make)
            }
            Ok(Invocation::CheckConfig {
                config,
                provenance,
                print,
            }) => {
                for warning in provenance.warnings() {
                    complain(&line, warning);
                }
                let faults = faults(&config, &provenance);
                for fault in &faults {
                    complain(&line, fault);
                }
                match print {
                    _ if !faults.is_empty() => ExitCode::from(USAGE),
                    true => result(&line, &config::effective(&config, &provenance)),
                    false => ExitCode::SUCCESS,
                }
            }
            Ok(Invocation::Doctor { json, config }) => {
                match doctor::run(json, config.as_deref(), out) {
                    Ok(verdict) => ExitCode::from(verdict.exit_code()),
                    Err(error) => unwritten(&line, &error),
                }
            }
            Ok(Invocation::Ctl(ctl)) => match control::client::run_here(&ctl) {
                Ok(()) => ExitCode::SUCCESS,
                Err(error) => failed(&line, FAILED, &error),
            },
            Ok(Invocation::Show(text)) => result(&line, &text),
            Err(error) => {
                refuse_inheritance(&error.to_string());
                failed(&line, USAGE, &error)
            }
        }
    }
}

/// Reads the request of command line, environment and file, as they stand now.
fn asked(line: &CommandLine) -> Result<Invocation, config::Error> {
    let read_file = |path: &Path| std::fs::read_to_string(path);
    line.parse(std::env::args_os(), std::env::vars_os(), read_file)
}

/// Each fault that a start would find in what the configuration names.
fn faults(config: &Config, provenance: &Provenance) -> Vec<Box<dyn Error>> {
    let mut read = config.clone();
    // A socket that a service manager passes may be the one that shows them.
    if provenance.source("listen") == Some(&Source::Default) && !config.tls.certificates.is_empty()
    {
        let address = ListenAddr::Fd(FIRST_PASSED);
        read.listen.push(Endpoint::https(address));
    }
    let now = certificates::unix_secs();
    let tls = certificates::load(&read, Kept::default(), now).err();
    let tls = tls.map(|error| Box::new(error) as Box<dyn Error>);
    let others = doctor::faults(config).into_iter();
    let others = others.map(|fault| with_source(Box::new(fault), provenance));
    tls.into_iter().chain(others).collect()
}

/// The configuration as a reload finds it. The program has made its server with its own values of the start, so others
/// could not come into force.
fn read_again(line: &CommandLine, started_with: &OwnValues) -> Result<Config, String> {
    match asked(line) {
        Ok(Invocation::Serve(config, provenance)) => {
            let changed = started_with.differing(provenance.own());
            if !changed.is_empty() {
                return Err(crate::coordinator::cannot_change(&changed));
            }
            warn(&provenance);
            Ok(with_passed_sockets(config, &provenance))
        }
        Ok(_) => Err("the command line does not ask to serve".to_owned()),
        Err(error) => Err(error.to_string()),
    }
}

fn warn(provenance: &Provenance) {
    for warning in provenance.warnings() {
        tracing::warn!("{warning}");
    }
}

/// Sockets that a service manager passes are listened on where nothing else is said; one that it
/// calls `metrics` is for them, and at one that it calls `https` TLS is spoken.
fn with_passed_sockets(mut config: Config, provenance: &Provenance) -> Config {
    let unsaid = |key| provenance.source(key) == Some(&Source::Default);
    let (metrics, listen): (Vec<_>, Vec<_>) = passed_sockets()
        .into_iter()
        .partition(|socket| socket.name == "metrics");
    let address = |socket: &PassedSocket| ListenAddr::Fd(socket.number);
    if unsaid("listen") && !listen.is_empty() {
        let endpoint = |socket: &PassedSocket| match socket.name.as_str() {
            "https" => Endpoint::https(address(socket)),
            _ => Endpoint::from(address(socket)),
        };
        config.listen = listen.iter().map(endpoint).collect();
    }
    if unsaid("metrics") {
        config.metrics = metrics.first().map(address).or(config.metrics);
    }
    config
}

/// An error about a value that the program looked at itself: what it did not know is where the value came from.
fn with_source(error: Box<dyn Error>, provenance: &Provenance) -> Box<dyn Error> {
    match error.downcast::<config::Error>() {
        Ok(mut error) => {
            match &mut *error {
                config::Error::Value(wrong) if wrong.from == Source::Code => {
                    if let Some(source) = provenance.source(wrong.key) {
                        wrong.from = source.clone();
                    }
                }
                config::Error::Conflict { keys, from, .. } if from.is_empty() => {
                    let source = |key: &&'static str| Some((*key, provenance.source(key)?.clone()));
                    from.extend(keys.iter().filter_map(source));
                }
                _ => {}
            }
            error
        }
        Err(error) => error,
    }
}

fn complain(line: &CommandLine, about: &dyn Display) {
    let text = format!("{}: {about}", line.name());
    let priority = match journal::is_stderr() {
        true => journal::priority(tracing::Level::ERROR),
        false => "",
    };
    for line in text.lines() {
        // To whom, if standard error is closed?
        let _ = writeln!(io::stderr(), "{priority}{line}");
    }
}

fn failed(line: &CommandLine, code: u8, error: &dyn Display) -> ExitCode {
    complain(line, error);
    ExitCode::from(code)
}

fn result(line: &CommandLine, text: &str) -> ExitCode {
    let mut out = io::stdout();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => unwritten(line, &error),
    }
}

/// The end of a command whose output could not be written: a pipe whose reader has gone, as `head` does, is a success.
fn unwritten(line: &CommandLine, error: &io::Error) -> ExitCode {
    match error.kind() {
        io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        _ => failed(line, FAILED, error),
    }
}
