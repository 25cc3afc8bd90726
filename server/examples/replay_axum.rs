//! One axum application, served by whom one likes from memory, for counting instructions:
//! `scripts/instructions.sh axum` runs it under callgrind with two sizes and divides.
//!
//! Usage: `replay_axum SIDE SCENARIO REQUESTS [PIPELINE]`. SIDE is `ringgate` (the application over Ringgate),
//! `native` (the same answers by handlers of Ringgate), `hyper` (the application as `axum::serve` serves it: hyper's
//! connection, without tokio's loop around it) or `alone` (the application called with requests that are made
//! already, and its answers thrown away: what no server can save). SCENARIO is `plain`, `json`, `path` or `post`.

use axum::body::Body;
use axum::extract::Path;
use axum::routing::{get, post};
use http_body::Body as _;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use hyper_util::service::TowerToHyperService;
use ringgate::config::Config;
use ringgate::simulation::Simulation;
use ringgate::{Json, Request, Response};
use std::error::Error;
use std::future::poll_fn;
use std::io::{self, IoSlice};
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tower_service::Service;

/// What `/json` and `/echo` answer with.
#[derive(serde::Serialize, serde::Deserialize)]
struct Message {
    message: String,
}

/// What each request is answered with, in its body's end.
const LAST: &[u8] = b"World!";

async fn plaintext() -> &'static str {
    "Hello, World!"
}

async fn hello(Path(name): Path<String>) -> String {
    format!("Hello, {name}!")
}

async fn json() -> axum::Json<Message> {
    let message = "Hello, World!".to_owned();
    axum::Json(Message { message })
}

async fn echo(axum::Json(message): axum::Json<Message>) -> axum::Json<Message> {
    axum::Json(message)
}

fn app() -> axum::Router {
    axum::Router::new()
        .route("/plaintext", get(plaintext))
        .route("/json", get(json))
        .route("/hello/{name}", get(hello))
        .route("/echo", post(echo))
}

fn native() -> ringgate::Router {
    ringgate::Router::new()
        .get("/plaintext", async |_: Request| "Hello, World!")
        .get("/json", async |_: Request| {
            let message = "Hello, World!".to_owned();
            Json(Message { message })
        })
        .get("/hello/{name}", async |request: Request| {
            let name = request.param_decoded("name").unwrap_or_default();
            Response::text(format!("Hello, {name}!"))
        })
        .post("/echo", async |mut request: Request| {
            request.extract::<Json<Message>>().await
        })
}

/// What wrk sends.
fn request_of(scenario: &str) -> String {
    let (line, rest) = match scenario {
        "plain" => ("GET /plaintext", "\r\n"),
        "json" => ("GET /json", "\r\n"),
        "path" => ("GET /hello/World", "\r\n"),
        _ => (
            "POST /echo",
            "Content-Type: application/json\r\nContent-Length: 27\r\n\r\n{\"message\":\"Hello, World!\"}",
        ),
    };
    format!("{line} HTTP/1.1\r\nHost: 127.0.0.1:8080\r\n{rest}")
}

/// How many answers are there.
fn answers(bytes: &[u8]) -> usize {
    bytes
        .windows(LAST.len())
        .filter(|bytes| *bytes == LAST)
        .count()
}

fn over_ringgate(router: ringgate::Router, batch: &[u8], pipeline: usize, requests: usize) {
    let mut simulation = Simulation::new(&Config::default(), router, 1);
    let client = simulation.connect();
    let mut answered = 0;
    while answered < requests {
        client.send(batch);
        let mut got = 0;
        simulation.run_until(|_| {
            got += answers(&client.take_received());
            got == pipeline
        });
        answered += got;
    }
}

/// A connection in memory: what the client sent, and what it got.
#[derive(Default)]
struct Pipe {
    sent: Vec<u8>,
    taken: usize,
    got: Vec<u8>,
}

struct End(Arc<Mutex<Pipe>>);

impl End {
    fn pipe(&self) -> MutexGuard<'_, Pipe> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl AsyncRead for End {
    fn poll_read(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let mut pipe = self.pipe();
        let rest = &pipe.sent[pipe.taken..];
        if rest.is_empty() {
            return Poll::Pending;
        }
        let len = rest.len().min(buffer.remaining());
        buffer.put_slice(&rest[..len]);
        pipe.taken += len;
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for End {
    fn poll_write(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.pipe().got.extend_from_slice(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        pieces: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let mut pipe = self.pipe();
        let before = pipe.got.len();
        pieces
            .iter()
            .for_each(|piece| pipe.got.extend_from_slice(piece));
        Poll::Ready(Ok(pipe.got.len() - before))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// What is counted of the sides that have no engine.
#[inline(never)]
fn counted_poll(connection: Pin<&mut dyn Future<Output = Ended>>) -> Poll<Ended> {
    connection.poll(&mut Context::from_waker(Waker::noop()))
}

type Ended = Result<(), Box<dyn Error + Send + Sync>>;

fn over_hyper(batch: &[u8], pipeline: usize, requests: usize) -> Ended {
    let pipe = Arc::<Mutex<Pipe>>::default();
    let builder = Builder::new(TokioExecutor::new());
    let service = TowerToHyperService::new(app());
    let io = TokioIo::new(End(pipe.clone()));
    let mut connection = pin!(builder.serve_connection_with_upgrades(io, service));
    let client = End(pipe);
    let mut answered = 0;
    while answered < requests {
        {
            let pipe = &mut *client.pipe();
            pipe.sent.clear();
            pipe.got.clear();
            pipe.taken = 0;
            pipe.sent.extend_from_slice(batch);
        }
        let mut got = 0;
        while got < pipeline {
            if let Poll::Ready(ended) = counted_poll(connection.as_mut()) {
                return ended;
            }
            got = answers(&client.pipe().got);
        }
        answered += got;
    }
    Ok(())
}

/// The application alone, with the body of its answer.
async fn answer(app: &mut axum::Router, request: axum::extract::Request) -> Ended {
    let Ok(answer) = app.call(request).await;
    let mut body = pin!(answer.into_body());
    let frame = poll_fn(|cx| body.as_mut().poll_frame(cx)).await;
    frame.transpose()?;
    Ok(())
}

fn alone(text: &str, requests: usize) -> Ended {
    let mut app = app();
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or((text, ""));
    for _ in 0..requests {
        let mut lines = head.split("\r\n");
        let mut line = lines.next().into_iter().flat_map(|line| line.split(' '));
        let (method, uri) = (line.next(), line.next());
        let request = axum::extract::Request::builder()
            .method(method.unwrap_or_default())
            .uri(uri.unwrap_or_default());
        let fields = lines.filter_map(|line| line.split_once(": "));
        let request = fields.fold(request, |request, (name, value)| {
            request.header(name, value)
        });
        let request = request.body(Body::from(body.to_owned()))?;
        let mut answering = pin!(answer(&mut app, request));
        match counted_poll(answering.as_mut()) {
            Poll::Ready(ended) => ended?,
            Poll::Pending => return Err("the application waits".into()),
        }
    }
    Ok(())
}

fn main() -> Ended {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let argument = |index: usize| arguments.get(index).map_or("", String::as_str);
    let requests = argument(2).parse().unwrap_or(1000);
    let pipeline = argument(3).parse().unwrap_or(1);
    let request = request_of(argument(1));
    let batch = request.as_bytes().repeat(pipeline);
    match argument(0) {
        "ringgate" => over_ringgate(ringgate::tower::router(app()), &batch, pipeline, requests),
        "native" => over_ringgate(native(), &batch, pipeline, requests),
        "hyper" => over_hyper(&batch, pipeline, requests)?,
        "alone" => alone(&request, requests)?,
        other => return Err(format!("no side is called `{other}`").into()),
    }
    println!("{requests} requests");
    Ok(())
}
