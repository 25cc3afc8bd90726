//! A server in this process on a port of its own, which must have balanced ledgers and no open
//! connection when a test is done with it.

mod client;
mod door;
mod run;
pub(crate) mod stage;

pub(crate) use client::{Answer, Client};
pub(crate) use door::Door;
pub(crate) use run::{block_on, curl, curl_path, output, wait_for};

use ringgate::app::{self, AppOptions, AppState};
use ringgate::config::{Config, ControlPath, CoreSpec, LogLevel};
use ringgate::handler::Router;
use ringgate::{CoreInfo, Ended, Running, Server};
use serde_json::Value;
use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::time::{Duration, Instant};

/// Longest wait for anything that must happen, so that a hang is a failure and not a hang.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// A configuration that gets in nobody's way: a free port, one core, no control socket.
pub(crate) fn config() -> Config {
    let mut config = Config {
        listen: vec![SocketAddr::from(([127, 0, 0, 1], 0)).into()],
        cores: CoreSpec::Exactly(NonZeroU32::MIN),
        control: ControlPath::Off,
        ..Config::default()
    };
    config.log.level = LogLevel::Error;
    config
}

/// A server that runs until it is dropped.
pub(crate) struct TestServer {
    running: Option<Running>,
    address: SocketAddr,
}

/// The built-in application with all its routes.
pub(crate) fn start() -> TestServer {
    start_app(config(), true)
}

/// The built-in application.
pub(crate) fn start_app(config: Config, trouble: bool) -> TestServer {
    let (root, site) = (config.root.clone(), config.site.clone());
    let router = app::router(AppOptions {
        root,
        site,
        status: trouble,
        trouble,
    });
    start_with(config, router, AppState::new)
}

/// Any application.
pub(crate) fn start_with<S: 'static>(
    config: Config,
    router: Router<S>,
    init: impl Fn(&CoreInfo) -> S + Send + Sync + 'static,
) -> TestServer {
    start_server(Server::with_state(config, router, init))
}

/// Any server.
pub(crate) fn start_server<S: 'static>(server: Server<S>) -> TestServer {
    let running = match server.start() {
        Ok(running) => running,
        Err(error) => panic!("the server does not start: {error}"),
    };
    let addresses = running.handle().addresses();
    let address = addresses.first().expect("one listener");
    let address = address.strip_prefix("https://").unwrap_or(address);
    let address = address.parse().expect("an address of TCP");
    TestServer {
        running: Some(running),
        address,
    }
}

impl TestServer {
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub(crate) fn connect(&self) -> Client {
        Client::connect(self.address)
    }

    /// A client whose receive buffer has about `bytes`.
    pub(crate) fn connect_with_buffer(&self, bytes: usize) -> Client {
        Client::connect_with_buffer(self.address, bytes)
    }

    /// Sends one request on a connection of its own.
    pub(crate) fn get(&self, path: &str) -> Answer {
        self.connect().get(path)
    }

    pub(crate) fn running(&self) -> &Running {
        self.running.as_ref().expect("runs until dropped")
    }

    /// Waits for a server that ends by itself.
    pub(crate) fn join(mut self) -> Ended {
        self.running.take().expect("runs until dropped").join()
    }

    /// What `/status.json` would say.
    pub(crate) fn status(&self) -> Value {
        let status = block_on(self.running().handle().status());
        serde_json::to_value(status).expect("a status is JSON")
    }

    /// One number of the totals, such as `requests/running`.
    pub(crate) fn total(&self, path: &str) -> u64 {
        total(&self.status(), path)
    }
}

fn total(status: &Value, path: &str) -> u64 {
    let value = status.pointer(&format!("/totals/{path}"));
    match value {
        Some(Value::Number(number)) => number.as_u64().expect("not negative"),
        Some(Value::Object(reasons)) => reasons.values().filter_map(Value::as_u64).sum(),
        _ => panic!("no {path} in {status}"),
    }
}

/// Both ledgers balance, and nothing is left in them that has not ended.
fn is_settled(status: &Value) -> bool {
    let sum = |group: &str, terms: &[&str]| -> u64 {
        terms
            .iter()
            .map(|term| total(status, &format!("{group}/{term}")))
            .sum()
    };
    let connections = ["finished", "rejected", "aborted", "open", "in_transit"];
    let requests = ["answered", "rejected", "aborted", "running", "pending"];
    sum("connections", &["accepted"]) == sum("connections", &connections)
        && sum("requests", &["begun"]) == sum("requests", &requests)
        && sum("connections", &["open", "in_transit"]) == 0
        && sum("requests", &["running", "pending"]) == 0
}

impl Drop for TestServer {
    fn drop(&mut self) {
        let until = Instant::now() + PATIENCE;
        let mut status = Value::Null;
        if !std::thread::panicking() && self.running.is_some() {
            status = self.status();
            while !is_settled(&status) && Instant::now() < until {
                std::thread::sleep(Duration::from_millis(5)); // between two looks
                status = self.status();
            }
        }
        if let Some(running) = self.running.take() {
            running.handle().stop();
            let ended = running.join();
            if !std::thread::panicking() {
                assert!(is_settled(&status), "the ledgers do not settle: {status:#}");
                assert_eq!(ended.cut, 0, "nothing was left to cut");
            }
        }
    }
}
