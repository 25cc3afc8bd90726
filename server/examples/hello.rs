//! A greeting that counts: state made once per core, without locks.

use ringgate::Server;
use ringgate::config::Config;
use ringgate::{Request, Router};
use std::cell::Cell;

/// What each core keeps for itself.
struct Greeter {
    core: u32,
    greeted: Cell<u64>,
}

async fn hello(request: Request<Greeter>) -> String {
    let greeter = request.state();
    greeter.greeted.set(greeter.greeted.get() + 1);
    let name = request.param_decoded("name").unwrap_or_default();
    format!(
        "Hello, {name}! Core {} has greeted {} times.\n",
        greeter.core,
        greeter.greeted.get()
    )
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let router = Router::new().get("/hello/{name}", hello);
    let init = |core: &ringgate::CoreInfo| Greeter {
        core: core.index(),
        greeted: Cell::new(0),
    };
    let running = Server::with_state(Config::default(), router, init).start()?;
    println!("try: curl http://127.0.0.1:8080/hello/you");
    running.join();
    Ok(())
}
