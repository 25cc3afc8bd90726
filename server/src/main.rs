//! The `ringgate` program: the library's `main` around its built-in application.
#![forbid(unsafe_code)]

use ringgate::config::CommandLine;
use ringgate::{Server, app};
use std::process::ExitCode;

fn main() -> ExitCode {
    Server::run_main(CommandLine::ringgate(), |config, _| {
        Ok(app::server(config)?)
    })
}
