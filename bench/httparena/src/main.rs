//! The application that Ringgate enters HttpArena with: sums, JSON made for each request, delays, echoes, files.
//!
//! The program uses the public interface alone. Listeners, certificate and every limit are the options of `ringgate serve`;
//! the Dockerfile beside it names those of the contest. Nothing is answered from a cache that this program keeps.

mod grpc;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use ringgate::app::Files;
use ringgate::around::Compression;
use ringgate::config::{CommandLine, OwnOption};
use ringgate::handler::websocket::{Message, OnMessage, Socket};
use ringgate::http::{Method, StatusCode};
use ringgate::{CoreInfo, Error, Request, Response, Result, Router, Server, WebSocket};
use serde::{Deserialize, Serialize};

/// The longest delay that may be asked for.
const DELAY_MAX_MS: u64 = 60_000;

/// One item of the data set, as the file has it.
#[derive(Debug, Clone, Deserialize, Serialize)]
struct Item {
    id: u64,
    name: String,
    category: String,
    price: i64,
    quantity: i64,
    active: bool,
    tags: Vec<String>,
    rating: Rating,
}

#[derive(Debug, Clone, Deserialize, Serialize)]
struct Rating {
    score: i64,
    count: i64,
}

/// An item with its total.
#[derive(Serialize)]
struct Priced<'a> {
    #[serde(flatten)]
    item: &'a Item,
    total: i64,
}

#[derive(Serialize)]
struct Items<'a> {
    items: Vec<Priced<'a>>,
    count: usize,
}

/// The data set, which all cores share.
#[derive(Debug, Clone)]
struct State {
    items: Arc<[Item]>,
}

/// An operand of the query.
fn operand(request: &Request<State>, name: &str) -> Result<i64> {
    let value = request.query_value(name);
    value
        .and_then(|value| value.parse().ok())
        .ok_or_else(|| Error::new(StatusCode::BAD_REQUEST, &format!("`{name}` is no number")))
}

/// `a + b`, and the number in the body of a POST with it.
async fn sum(mut request: Request<State>) -> Result<String> {
    let sum = operand(&request, "a")?.wrapping_add(operand(&request, "b")?);
    if request.method() != Method::POST {
        return Ok(sum.to_string());
    }
    let body = request.take_body().bytes().await?;
    let number = std::str::from_utf8(&body)
        .ok()
        .and_then(|text| text.trim().parse::<i64>().ok())
        .ok_or_else(|| Error::new(StatusCode::BAD_REQUEST, "the body is no number"))?;
    Ok(sum.wrapping_add(number).to_string())
}

/// The first items, each with `price * quantity * m`, serialised for this request.
async fn json(request: Request<State>) -> Result<Response> {
    let count: usize = request.param_as("count")?;
    let factor = match request.query_value("m") {
        Some(_) => operand(&request, "m")?,
        None => 1,
    };
    let State { items } = &**request.state();
    let items: Vec<_> = (items.iter().take(count))
        .map(|item| Priced {
            item,
            total: item.price.wrapping_mul(item.quantity).wrapping_mul(factor),
        })
        .collect();
    let count = items.len();
    Ok(Response::json(serde_json::to_vec(&Items { items, count })?))
}

/// Waits by a timer of the core, which goes on with other requests, and answers for how long.
async fn delay(request: Request<State>) -> Result<String> {
    let ms: u64 = request.param_as("ms")?;
    if ms > DELAY_MAX_MS {
        return Err(Error::new(
            StatusCode::BAD_REQUEST,
            &format!("at most {DELAY_MAX_MS} ms"),
        ));
    }
    ringgate::runtime::sleep(Duration::from_millis(ms)).await;
    Ok(ms.to_string())
}

/// The body back.
async fn echo(mut request: Request<State>) -> Result<Response> {
    let body = request.take_body().bytes().await?;
    Ok(Response::new(StatusCode::OK)
        .with_content_type("application/octet-stream")
        .with_body(body))
}

/// Each message back.
struct Echo;

impl OnMessage for Echo {
    fn message(&mut self, socket: &mut Socket<'_>, message: Message<'_>) {
        // A client that has been told Close gets no answer.
        let _ = socket.send(message);
    }
}

fn router(files: &Path) -> Router<State> {
    let sockets = WebSocket::new();
    let compressed = Router::new().get("/{count}", json).with(Compression::new());
    Router::new()
        .get("/baseline11", sum)
        .post("/baseline11", sum)
        .get("/baseline2", sum)
        .get("/pipeline", |_| async { "ok" })
        .get("/delay/{ms}", delay)
        .post("/echo", echo)
        .post("/benchmark.BenchmarkService/GetSum", grpc::get_sum)
        .nest("/json", compressed)
        .nest("/static", Files::of(files).precompressed().into_router())
        .get("/ws", move |request| {
            let answer = sockets.accept(&request, Echo);
            async { answer }
        })
}

fn data_set(path: &Path) -> std::result::Result<Arc<[Item]>, String> {
    let named = |error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
    let text = fs::read(path).map_err(|error| named(&error))?;
    let items: Vec<Item> = serde_json::from_slice(&text).map_err(|error| named(&error))?;
    Ok(items.into())
}

fn main() -> ExitCode {
    let line = CommandLine::of("ringgate-httparena")
        .about("Serves the profiles of HttpArena")
        .version(env!("CARGO_PKG_VERSION"))
        .option(OwnOption::value("data", "FILE", "The data set.").default("/data/dataset.json"))
        .option(OwnOption::value("static", "FOLDER", "The files.").default("/data/static"));
    Server::run_main(line, |config, own| {
        let items = data_set(&own.get::<PathBuf>("data")?)?;
        let router = router(&own.get::<PathBuf>("static")?);
        let init = move |_: &CoreInfo| State {
            items: items.clone(),
        };
        Ok(Server::with_state(config, router, init))
    })
}
