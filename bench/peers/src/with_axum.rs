//! One axum application, on `axum::serve` over tokio's current-thread runtime and on Ringgate.

use std::io;
use std::net::SocketAddr;
use std::num::NonZeroU32;

use axum::body::Bytes;
use axum::extract::Path;
use axum::routing::{get, post};
use axum::serve::ListenerExt;
use axum::{Json, Router};
use ringgate::Server;
use ringgate::config::{Config, ControlPath, CoreSpec};

#[derive(serde::Serialize)]
struct Message {
    message: &'static str,
}

async fn plaintext() -> &'static str {
    "Hello, World!"
}

async fn json() -> Json<Message> {
    Json(Message {
        message: "Hello, World!",
    })
}

async fn hello(Path(name): Path<String>) -> String {
    format!("Hello, {name}!\n")
}

async fn echo(body: Bytes) -> Bytes {
    body
}

fn app() -> Router {
    Router::new()
        .route("/plaintext", get(plaintext))
        .route("/json", get(json))
        .route("/hello/{name}", get(hello))
        .route("/echo", post(echo))
}

pub fn serve(address: SocketAddr) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let listener = crate::listen(address)?;
        listener.set_nonblocking(true)?;
        let listener = tokio::net::TcpListener::from_std(listener)?;
        let listener = listener.tap_io(|stream| {
            // A connection that ended at once is not this server's error.
            let _ = stream.set_nodelay(true);
        });
        axum::serve(listener, app()).await
    })
}

pub fn serve_on_ringgate(address: SocketAddr) -> io::Result<()> {
    let config = Config {
        listen: vec![address.into()],
        cores: CoreSpec::Exactly(NonZeroU32::MIN),
        control: ControlPath::Off,
        ..Config::default()
    };
    let server = Server::new(config, ringgate::tower::router(app()));
    let running = server.start().map_err(io::Error::other)?;
    running.join();
    Ok(())
}
