//! Programs as people write them with axum, served by Ringgate and used by real clients: each has a module
//! with its router, and tests that ask it.

mod chat;
mod compression;
mod cors;
mod database;
mod errors;
mod events;
mod extractors;
mod forms;
mod hello;
mod jobs;
mod key_value;
mod middleware;
mod proxy;
mod shutdown;
mod static_files;
mod todos;
mod tracing_layer;
mod websockets;

use std::future::Future;
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(20);

/// Runs what a client does, with an end.
fn client<F: Future<Output = ()>>(work: F) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        let done = tokio::time::timeout(PATIENCE, work).await;
        done.expect("the client is done in time");
    });
}

/// The text that a GET is answered with.
async fn text(url: String) -> String {
    let answer = reqwest::get(url).await.expect("an answer");
    answer.text().await.expect("a text")
}
