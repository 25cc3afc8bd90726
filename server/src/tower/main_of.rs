//! The `main` of a program whose content is an application: [`Server::run_main`] with a router of it.
//!
//! Called by `main` functions only.

use super::app::{App, router};
use crate::Server;
use std::error::Error;
use std::path::Path;
use std::process::ExitCode;

/// Serves an application, as the last line of `main`: in the place of `axum::serve(listener, app).await`.
///
/// The program reads command line, environment and configuration file, listens, obeys signals, drains, reloads
/// and is upgraded in place as `ringgate` does ([`Server::run_main`]), under the name of its own. So where it
/// listens is an option (`--listen`), and not in its code.
///
/// Within a tokio runtime, as under `#[tokio::main]`, it refuses ([`Server::run_main`]). [`serve_from`] is for
/// asynchronous code.
///
/// ```no_run
/// use axum::{Router, routing::get};
/// use std::process::ExitCode;
///
/// fn main() -> ExitCode {
///     let app = Router::new().route("/", get(async || "hello\n"));
///     ringgate::tower::serve(app)
/// }
/// ```
pub fn serve<Kind: 'static>(app: impl App<Kind>) -> ExitCode {
    run(|| Ok(app))
}

/// As [`serve`], for an application that is made by asynchronous code: one that opens a pool of database
/// connections, say. The future runs within the runtime of [`guests`](crate::guests), as handlers do
/// afterwards, once the command line is read and the log is there. An error of the future is told on standard
/// error, and the exit code is 1 then.
///
/// ```no_run
/// use axum::{Router, routing::get};
/// use std::process::ExitCode;
///
/// # async fn ask_for_greeting() -> std::io::Result<String> { Ok("hello\n".to_owned()) }
/// fn main() -> ExitCode {
///     ringgate::tower::serve_from(async {
///         let greeting = ask_for_greeting().await?;
///         Ok(Router::new().route("/", get(async move || greeting)))
///     })
/// }
/// ```
#[cfg(feature = "tokio-guests")]
pub fn serve_from<Kind: 'static, A: App<Kind>>(
    app: impl Future<Output = Result<A, Box<dyn Error>>>,
) -> ExitCode {
    run(|| crate::guests::start()?.block_on(app))
}

fn run<Kind: 'static, A: App<Kind>>(make: impl FnOnce() -> Result<A, Box<dyn Error>>) -> ExitCode {
    let line = program_name();
    Server::run_main(line.as_str(), |config, _| {
        Ok(Server::<()>::new(config, router(make()?)))
    })
}

/// The name under which the program was started, without the path to it.
fn program_name() -> String {
    let started_as = std::env::args_os().next().unwrap_or_default();
    let name = Path::new(&started_as).file_name().unwrap_or_default();
    match name.to_str() {
        Some(name) if !name.is_empty() => name.to_owned(),
        _ => "server".to_owned(),
    }
}
