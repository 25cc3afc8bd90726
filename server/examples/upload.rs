//! Files up and down: a PUT streams into a file while it arrives, a GET streams it out again, with ranges and
//! entity tags. Nothing of a body is kept in memory, whatever its size.
//!
//! `cargo run --release --example upload -- --listen 127.0.0.1:8080 --directory /tmp/files`, then
//! `curl -T movie.mp4 http://127.0.0.1:8080/upload/` and `curl -O http://127.0.0.1:8080/files/movie.mp4`.

use ringgate::config::{CommandLine, Config, OwnOption};
use ringgate::http::{Method, StatusCode};
use ringgate::lane::Lane;
use ringgate::runtime::fs::OpenOptions;
use ringgate::{Error, Json, Request, Result, RouteOptions, Router, Server, app};
use serde_json::{Value, json};
use std::path::PathBuf;
use std::process::ExitCode;

struct State {
    directory: PathBuf,
    /// For what a ring does not do, and would block the core.
    lane: Lane,
}

async fn put(mut request: Request<State>) -> Result<(StatusCode, Json<Value>)> {
    let name: String = request.param_as("name")?;
    if name.starts_with('.') || name.contains(['/', '\0']) {
        return Err(Error::new(
            StatusCode::BAD_REQUEST,
            "this is no name for a file",
        ));
    }
    let mut body = request.take_body();
    // Under a name of its own until it is whole: nobody is served half a file.
    let directory = &request.state().directory;
    let (whole, part) = (
        directory.join(&name),
        directory.join(format!(".{name}.part")),
    );
    let options = OpenOptions::new().write(true).create(true).truncate(true);
    let file = options.open(&part).await?;
    let mut written = 0;
    while let Some(piece) = body.chunk().await {
        let mut piece = piece?.as_slice().to_vec();
        while !piece.is_empty() {
            let (result, rest) = file.write_at(piece, written).await;
            let taken = result?;
            written += taken as u64;
            piece = rest;
            piece.drain(..taken);
        }
    }
    let rename = move |(): &mut ()| std::fs::rename(&part, &whole);
    request.state().lane.run(rename).await??;
    Ok((
        StatusCode::CREATED,
        Json(json!({"name": name, "bytes": written})),
    ))
}

fn server(config: Config, directory: PathBuf) -> Server<State> {
    let any_size = RouteOptions::new().any_body_size();
    let files = app::files(directory.clone());
    let router = Router::new()
        .nest("/files", files)
        .route_with(any_size, Method::PUT, "/upload/{name}", put)
        .merge(app::health());
    Server::with_state(config, router, move |core| State {
        directory: directory.clone(),
        lane: core.lane("files").expect("the lane below"),
    })
    .lane("files", Lane::workers(1).stateless())
}

fn main() -> ExitCode {
    let directory = OwnOption::value("directory", "PATH", "Where the files are.").default(".");
    let line = CommandLine::of("upload")
        .about("Takes and gives files")
        .version(env!("CARGO_PKG_VERSION"))
        .option(directory);
    Server::run_main(line, |config, own| {
        let directory: PathBuf = own.get("directory")?;
        app::check_root(&directory)?;
        Ok(server(config, directory))
    })
}
