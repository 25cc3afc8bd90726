//! Todos in memory, in JSON, with paging and a timeout around all of it.

use crate::client;
use axum::error_handling::HandleErrorLayer;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::IntoResponse;
use axum::routing::{get, patch};
use axum::{BoxError, Json, Router};
use reqwest::Client;
use ringgate_axum_tests::over_ringgate;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tower::ServiceBuilder;

#[derive(Clone, Serialize, Deserialize, PartialEq, Debug)]
struct Todo {
    id: u32,
    text: String,
    done: bool,
}

#[derive(Default)]
struct Todos {
    next: u32,
    all: BTreeMap<u32, Todo>,
}

type Shared = Arc<Mutex<Todos>>;

#[derive(Deserialize, Default)]
struct Page {
    offset: Option<usize>,
    limit: Option<usize>,
}

#[derive(Deserialize)]
struct New {
    text: String,
}

#[derive(Deserialize)]
struct Change {
    text: Option<String>,
    done: Option<bool>,
}

async fn list(Query(page): Query<Page>, State(todos): State<Shared>) -> Json<Vec<Todo>> {
    let todos = todos.lock().expect("no panic");
    let all = todos.all.values().skip(page.offset.unwrap_or(0));
    Json(
        all.take(page.limit.unwrap_or(usize::MAX))
            .cloned()
            .collect(),
    )
}

async fn create(State(todos): State<Shared>, Json(new): Json<New>) -> impl IntoResponse {
    let mut todos = todos.lock().expect("no panic");
    todos.next += 1;
    let todo = Todo {
        id: todos.next,
        text: new.text,
        done: false,
    };
    todos.all.insert(todo.id, todo.clone());
    (StatusCode::CREATED, Json(todo))
}

async fn change(
    Path(id): Path<u32>,
    State(todos): State<Shared>,
    Json(change): Json<Change>,
) -> Result<Json<Todo>, StatusCode> {
    let mut todos = todos.lock().expect("no panic");
    let todo = todos.all.get_mut(&id).ok_or(StatusCode::NOT_FOUND)?;
    if let Some(text) = change.text {
        todo.text = text;
    }
    todo.done = change.done.unwrap_or(todo.done);
    Ok(Json(todo.clone()))
}

async fn remove(Path(id): Path<u32>, State(todos): State<Shared>) -> StatusCode {
    match todos.lock().expect("no panic").all.remove(&id) {
        Some(_) => StatusCode::NO_CONTENT,
        None => StatusCode::NOT_FOUND,
    }
}

fn app() -> Router {
    let too_late = HandleErrorLayer::new(async |error: BoxError| {
        (StatusCode::REQUEST_TIMEOUT, error.to_string())
    });
    Router::new()
        .route("/todos", get(list).post(create))
        .route("/todos/{id}", patch(change).delete(remove))
        .layer(
            ServiceBuilder::new()
                .layer(too_late)
                .timeout(Duration::from_secs(10)),
        )
        .with_state(Shared::default())
}

#[test]
fn todos_are_made_listed_changed_and_removed() {
    let server = over_ringgate(app());
    client(async {
        let client = Client::new();
        let todos = server.url("/todos");
        for text in ["milk", "bread", "tea"] {
            let new = serde_json::json!({ "text": text });
            let made = client.post(&todos).json(&new).send().await.expect("made");
            assert_eq!(made.status(), 201);
        }
        let bad = client.post(&todos).json(&1).send().await.expect("refused");
        assert_eq!(bad.status(), 422);
        let page: Vec<Todo> = reqwest::get(format!("{todos}?offset=1&limit=1"))
            .await
            .expect("listed")
            .json()
            .await
            .expect("JSON");
        let ids: Vec<u32> = page.iter().map(|todo| todo.id).collect();
        assert_eq!(ids, [2]);
        let change = serde_json::json!({ "done": true });
        let one = format!("{todos}/2");
        let changed = client.patch(&one).json(&change).send().await;
        let changed: Todo = changed.expect("changed").json().await.expect("JSON");
        assert!(changed.done && changed.text == "bread");
        for status in [204, 404] {
            let removed = client.delete(&one).send().await.expect("an answer");
            assert_eq!(removed.status(), status);
        }
    });
}
