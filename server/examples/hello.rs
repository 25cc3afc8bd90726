//! A greeting that counts: state made once per core, without locks, in a program that is whole.
//!
//! `cargo run --release --example hello -- --listen 127.0.0.1:8080`, then `curl http://127.0.0.1:8080/hello/you`.

use ringgate::config::{CommandLine, OwnOption};
use ringgate::{Request, Router, Server, app};
use std::cell::Cell;
use std::process::ExitCode;

/// The things that each core keeps for itself.
struct Greeter {
    core: u32,
    words: String,
    greeted: Cell<u64>,
}

async fn hello(request: Request<Greeter>) -> String {
    let greeter = request.state();
    greeter.greeted.set(greeter.greeted.get() + 1);
    let name = request.param_decoded("name").unwrap_or_default();
    let (words, core, times) = (&greeter.words, greeter.core, greeter.greeted.get());
    format!("{words}, {name}! Core {core} has greeted {times} times.\n")
}

fn main() -> ExitCode {
    let line = CommandLine::of("hello")
        .about("Greets everybody by name")
        .version(env!("CARGO_PKG_VERSION"))
        .option(OwnOption::value("words", "TEXT", "The greeting.").default("Hello"));
    Server::run_main(line, |config, own| {
        let words: String = own.get("words")?;
        let router = Router::new()
            .get("/hello/{name}", hello)
            .merge(app::health());
        Ok(Server::with_state(config, router, move |core| Greeter {
            core: core.index(),
            words: words.clone(),
            greeted: Cell::new(0),
        }))
    })
}
