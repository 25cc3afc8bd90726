//! The `ringgate` program.
#![forbid(unsafe_code)]

use ringgate::config::{Config, Invocation};
use ringgate::{Request, Response, Router, Server};

async fn plaintext(_: Request) -> Response {
    Response::new(http::StatusCode::OK)
        .with_content_type("text/plain")
        .with_body("Hello, World!")
}

fn main() {
    let parsed = ringgate::config::parse(std::env::args_os(), std::env::vars_os(), |p| {
        std::fs::read_to_string(p)
    });
    let config: Config = match parsed {
        Ok(Invocation::Serve(config, _)) => config,
        Ok(_) => return,
        Err(error) => {
            eprintln!("{error}");
            std::process::exit(2)
        }
    };
    let router = Router::new().get("/plaintext", plaintext);
    match Server::new(config, router).with_signals().start() {
        Ok(running) => {
            eprintln!("listening on {:?}", running.handle());
            let ended = running.join();
            eprintln!("{ended:?}");
        }
        Err(error) => {
            eprintln!("{error}");
            std::process::exit(1)
        }
    }
}
