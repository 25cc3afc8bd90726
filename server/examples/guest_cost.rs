//! The price of a tokio guest (docs/guests.md): what a request costs whose handler is ready, yields to its own
//! core, sleeps by the ring, sleeps by tokio, or waits for a task of tokio's. One client, one request at a time, so
//! that every wake-up is paid for.
//!
//! Usage: `guest_cost [REQUESTS]`. Prints the processor time of the whole process a request, its client in it, and
//! the time until the answer.

use axum::routing::get;
use ringgate::config::{Config, ControlPath, CoreSpec};
use ringgate::{Server, tower};
use std::error::Error;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::num::NonZeroU32;
use std::time::{Duration, Instant};

/// The shortest sleep of both: tokio's timers are as fine as a millisecond.
const SLEEP: Duration = Duration::from_millis(1);

fn app() -> axum::Router {
    axum::Router::new()
        .route("/ready", get(async || "done"))
        .route(
            "/yield",
            get(async || {
                tokio::task::yield_now().await;
                "done"
            }),
        )
        .route(
            "/tokio-spawn",
            get(async || tokio::spawn(async {}).await.map_or("failed", |()| "done")),
        )
        .route(
            "/tokio-sleep",
            get(async || {
                tokio::time::sleep(SLEEP).await;
                "done"
            }),
        )
}

/// Nanoseconds on a CPU, of all threads.
fn processor_time() -> Result<u64, Box<dyn Error>> {
    let mut sum = 0;
    for thread in std::fs::read_dir("/proc/self/task")? {
        let stat = std::fs::read_to_string(thread?.path().join("schedstat"))?;
        sum += stat.split(' ').next().unwrap_or_default().parse::<u64>()?;
    }
    Ok(sum)
}

fn ask(stream: &mut TcpStream, path: &str) -> Result<(), Box<dyn Error>> {
    write!(stream, "GET {path} HTTP/1.1\r\nHost: t\r\n\r\n")?;
    let mut got = [0; 1024];
    let count = stream.read(&mut got)?;
    match got[..count].ends_with(b"done") {
        true => Ok(()),
        false => Err(String::from_utf8_lossy(&got[..count]).into()),
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let requests = std::env::args()
        .nth(1)
        .map_or(Ok(2000), |text| text.parse())?;
    let config = Config {
        listen: vec![SocketAddr::from(([127, 0, 0, 1], 0)).into()],
        cores: CoreSpec::Exactly(NonZeroU32::MIN),
        control: ControlPath::Off,
        ..Config::default()
    };
    let sleeps = async |_: ringgate::Request| {
        ringgate::runtime::sleep(SLEEP).await;
        "done"
    };
    let router = tower::router(app()).get("/ring-sleep", sleeps);
    let running = Server::new(config, router).start()?;
    let addresses = running.handle().addresses();
    let address: SocketAddr = addresses.first().ok_or("no listener")?.parse()?;
    let mut stream = TcpStream::connect(address)?;
    stream.set_nodelay(true)?;
    for path in [
        "/ready",
        "/yield",
        "/tokio-spawn",
        "/ring-sleep",
        "/tokio-sleep",
    ] {
        for _ in 0..requests / 10 {
            ask(&mut stream, path)?;
        }
        let (processor, began) = (processor_time()?, Instant::now());
        for _ in 0..requests {
            ask(&mut stream, path)?;
        }
        let each = |nanoseconds: u128| nanoseconds as f64 / f64::from(requests) / 1000.0;
        println!(
            "{path:13} {:6.1} us of processor time, answered after {:7.1} us",
            each((processor_time()? - processor).into()),
            each(began.elapsed().as_nanos()),
        );
    }
    running.handle().stop();
    running.join();
    Ok(())
}
