//! The puppies: what each of them likes is in a database behind a lane, and news of them reach
//! everybody who waits. An example to begin one's own from.
//!
//! - [`database`]: SQLite or PostgreSQL, and the query, which takes as long as it is told.
//! - `likes`: `/puppies/{name}?ms=N`, through the lane.
//! - `news`: `/events` and `/poll`, heard on all cores.
//! - `main`: the options of its own, and where the database is.
#![forbid(unsafe_code)]

pub mod database;
mod likes;
mod news;

use database::{Database, Source};
use ringgate::config::Config;
use ringgate::events::Hub;
use ringgate::lane::{Lane, WorkerOptions};
use ringgate::{CoreInfo, Request, Router, Server};

/// Events that are kept for those who come back.
const EVENTS_KEPT: usize = 1024;

/// State that each core keeps for the handlers that run on it.
pub struct State {
    database: Lane<Database>,
    hub: Hub,
}

/// A server of puppies: `workers` connections to the database at `source`.
pub fn server(config: Config, source: Source, workers: WorkerOptions) -> Server<State> {
    let hub = Hub::new(EVENTS_KEPT);
    let mut router = Router::new().get("/plaintext", plaintext);
    router = likes::routes(router);
    router = news::routes(router);
    let news = hub.clone();
    let init = move |core: &CoreInfo| State {
        database: core.lane("database").expect("the lane below"),
        hub: hub.clone(),
    };
    let database = workers
        .init(move || Database::open(&source))
        .check(Database::is_open);
    Server::with_state(config, router, init)
        .lane("database", database)
        .hub(&news)
}

/// To see what the puppies cost those who do not ask for them.
async fn plaintext(_: Request<State>) -> &'static str {
    "Hello, World!"
}
