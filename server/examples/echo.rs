//! Answers every method and every path with the whole body of the request: what protocol test
//! suites want to speak to.
//!
//! `cargo run --release --example echo -- 127.0.0.1:8080`

use ringgate::Server;
use ringgate::config::Config;
use ringgate::{Request, Response, RouteOptions, Router};
use std::error::Error;

async fn echo(request: Request) -> Response {
    match request.into_body().bytes().await {
        Ok(body) => Response::text(body),
        Err(error) => Response::error(http::StatusCode::BAD_REQUEST, &error.to_string()),
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let address = std::env::args().nth(1).unwrap_or("127.0.0.1:8080".into());
    let config = Config {
        listen: vec![address.parse()?],
        ..Config::default()
    };
    let router = Router::new().fallback(RouteOptions::default(), echo);
    let running = Server::new(config, router).start()?;
    println!(
        "echo listens on {}",
        running.handle().addresses().join(", ")
    );
    running.join();
    Ok(())
}
