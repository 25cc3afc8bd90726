//! A service of tonic on Ringgate, called by tonic's client over HTTP/2 without TLS.

mod calls;
mod ends;
mod service;

use ringgate::{Router, tower};
use ringgate_axum_tests::{Served, serve};
use service::{Caller, Talk};
use std::future::Future;
use std::time::Duration;
use tonic::service::Routes;
use tonic::transport::Endpoint;

const PATIENCE: Duration = Duration::from_secs(30);

/// Serves the service alone.
fn alone(talk: &Talk) -> Served {
    serve(tower::router(talk.clone()))
}

/// Serves the service as one of several, by tonic's router.
fn routed(talk: &Talk) -> Served {
    serve(router(talk))
}

fn router(talk: &Talk) -> Router<()> {
    tower::router(Routes::new(talk.clone()).into_axum_router())
}

fn endpoint(server: &Served) -> Endpoint {
    Endpoint::from_shared(server.url("")).expect("an address")
}

/// A client with a connection of its own.
async fn caller(server: &Served) -> Caller {
    Caller::new(endpoint(server).connect().await.expect("it connects"))
}

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
