//! A store of bytes under keys, with limits of size, time and number, and rooms that need a password.

use crate::client;
use axum::body::Bytes;
use axum::error_handling::HandleErrorLayer;
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::http::StatusCode;
use axum::routing::{delete, get};
use axum::{BoxError, Router};
use ringgate_axum_tests::over_ringgate;
use std::collections::HashMap;
use std::sync::{Arc, RwLock};
use std::time::Duration;
use tower::ServiceBuilder;
use tower::load_shed::error::Overloaded;
use tower_http::limit::RequestBodyLimitLayer;
use tower_http::validate_request::ValidateRequestHeaderLayer;

type Store = Arc<RwLock<HashMap<String, Bytes>>>;

async fn read(Path(key): Path<String>, State(store): State<Store>) -> Result<Bytes, StatusCode> {
    let store = store.read().expect("no panic");
    store.get(&key).cloned().ok_or(StatusCode::NOT_FOUND)
}

async fn write(Path(key): Path<String>, State(store): State<Store>, bytes: Bytes) {
    store.write().expect("no panic").insert(key, bytes);
}

async fn clear(State(store): State<Store>) {
    store.write().expect("no panic").clear();
}

async fn refused(error: BoxError) -> (StatusCode, String) {
    let status = match error.is::<Overloaded>() {
        true => StatusCode::SERVICE_UNAVAILABLE,
        false => StatusCode::REQUEST_TIMEOUT,
    };
    (status, error.to_string())
}

fn app(at_once: usize) -> Router {
    let store = Store::default();
    #[expect(deprecated, reason = "the simplest of its kind")]
    let guard = ValidateRequestHeaderLayer::bearer("secret");
    Router::new()
        .route("/{key}", get(read).post(write))
        .route(
            "/slow",
            get(async || tokio::time::sleep(Duration::from_secs(1)).await),
        )
        .nest(
            "/admin",
            Router::new().route("/all", delete(clear)).layer(guard),
        )
        .layer((
            DefaultBodyLimit::disable(),
            RequestBodyLimitLayer::new(4 << 20),
        ))
        .layer(
            ServiceBuilder::new()
                .layer(HandleErrorLayer::new(refused))
                .load_shed()
                .concurrency_limit(at_once)
                .timeout(Duration::from_secs(10)),
        )
        .with_state(store)
}

#[test]
fn values_are_kept_within_their_limits() {
    let server = over_ringgate(app(64));
    client(async {
        let client = reqwest::Client::new();
        let value = vec![9; 3 << 20];
        let key = server.url("/large");
        let missing = client.get(&key).send().await.expect("an answer");
        assert_eq!(missing.status(), 404);
        let written = client.post(&key).body(value.clone()).send().await;
        assert_eq!(written.expect("an answer").status(), 200);
        let read = client.get(&key).send().await.expect("an answer");
        assert!(read.bytes().await.expect("whole") == value);
        let beyond = client.post(&key).body(vec![9; 5 << 20]).send().await;
        assert_eq!(beyond.expect("an answer").status(), 413);
        let all = server.url("/admin/all");
        let stranger = client.delete(&all).send().await.expect("an answer");
        assert_eq!(stranger.status(), 401);
        let known = client.delete(&all).bearer_auth("secret").send().await;
        assert_eq!(known.expect("an answer").status(), 200);
        let gone = client.get(&key).send().await.expect("an answer");
        assert_eq!(gone.status(), 404);
    });
}

#[test]
fn what_is_too_much_at_once_is_shed_over_all_cores() {
    let server = over_ringgate(app(2));
    client(async {
        let asked = (0..8).map(|_| tokio::spawn(reqwest::get(server.url("/slow"))));
        let asked: Vec<_> = asked.collect();
        let mut statuses = Vec::new();
        for one in asked {
            let answer = one.await.expect("no panic").expect("an answer");
            statuses.push(answer.status().as_u16());
        }
        statuses.sort_unstable();
        let done = statuses.iter().filter(|status| **status == 200).count();
        let shed = statuses.iter().filter(|status| **status == 503).count();
        assert!(done >= 2 && shed >= 1 && done + shed == 8, "{statuses:?}");
    });
}
