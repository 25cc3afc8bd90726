//! Notes in SQLite, as JSON, and news of them as server-sent events. A token guards them, pages of other origins may
//! use them, each request has a name and a line in the log: `cargo run --example notes -- --token secret`

use ringgate::config::{CommandLine, Config, OwnOption};
use ringgate::http::{Method, StatusCode};
use ringgate::{CoreInfo, Error, Json, Next, Request, Response, Result, Router, Server};
use ringgate::{app, around::Cors, events::Hub, lane::Lane};
use rusqlite::{Connection, OptionalExtension, Row};
use serde::{Deserialize, Serialize};
use std::{process::ExitCode, time::Instant};

const TABLE: &str = "CREATE TABLE IF NOT EXISTS notes (id INTEGER PRIMARY KEY, text TEXT NOT NULL)";
const ALL: &str = "SELECT id, text FROM notes ORDER BY id";
const ONE: &str = "SELECT id, text FROM notes WHERE id = ?1";
const ADD: &str = "INSERT INTO notes (text) VALUES (?1) RETURNING id, text";
const DELETE: &str = "DELETE FROM notes WHERE id = ?1";

#[derive(Deserialize, Serialize)]
struct Note {
    #[serde(default)]
    id: i64,
    text: String,
}

struct State {
    database: Lane<Connection>,
    news: Hub,
    token: String,
}

fn note(row: &Row) -> rusqlite::Result<Note> {
    let (id, text) = row.try_into()?;
    Ok(Note { id, text })
}

async fn create(mut request: Request<State>) -> Result<(StatusCode, Json<Note>)> {
    let Note { text, .. } = request.json().await?;
    let State { database, news, .. } = &**request.state();
    let add = move |db: &mut Connection| db.query_row(ADD, [text], note);
    let note = database.run(add).await??;
    news.publish(serde_json::to_vec(&note)?);
    Ok((StatusCode::CREATED, Json(note)))
}

async fn list(request: Request<State>) -> Result<Json<Vec<Note>>> {
    let all = |db: &mut Connection| db.prepare(ALL)?.query_map([], note)?.collect();
    let notes: rusqlite::Result<_> = request.state().database.run(all).await?;
    Ok(Json(notes?))
}

async fn get(request: Request<State>) -> Result<Option<Json<Note>>> {
    let id: i64 = request.param_as("id")?;
    let one = move |db: &mut Connection| db.query_row(ONE, [id], note).optional();
    Ok(request.state().database.run(one).await??.map(Json))
}

async fn delete(request: Request<State>) -> Result<StatusCode> {
    let id: i64 = request.param_as("id")?;
    let delete = move |db: &mut Connection| db.execute(DELETE, [id]);
    match request.state().database.run(delete).await?? {
        0 => Err(Error::new(StatusCode::NOT_FOUND, "there is no such note")),
        _ => Ok(StatusCode::NO_CONTENT),
    }
}

async fn feed(request: Request<State>) -> Response {
    request.state().news.answer(&request)
}

async fn guarded(request: Request<State>, next: Next<State>) -> Response {
    let wanted = format!("Bearer {}", request.state().token);
    match request.header("authorization") == Some(wanted.as_bytes()) {
        true => next.run(request).await,
        false => Response::error(StatusCode::UNAUTHORIZED, "no token, or a wrong one"),
    }
}

async fn seen(request: Request<State>, next: Next<State>) -> Response {
    let (began, id) = (Instant::now(), request.new_id());
    let asked = format!("{} {}", request.method(), request.path());
    let answer = next.run(request).await;
    let (status, took) = (answer.status().as_u16(), began.elapsed());
    tracing::info!(id, status, ?took, "{asked}");
    answer.with_header("x-request-id", id)
}

fn server(config: Config, file: String, token: String) -> Server<State> {
    let open = move || Connection::open(&file).and_then(|db| db.execute_batch(TABLE).map(|()| db));
    let notes = Router::new()
        .get("/", list)
        .post("/", create)
        .get("/{id}", get)
        .delete("/{id}", delete)
        .get("/feed", feed)
        .around(guarded);
    let router = Router::new().nest("/notes", notes).merge(app::health());
    let hub = Hub::new(1000);
    let news = hub.clone();
    let init = move |core: &CoreInfo| State {
        database: core.lane("database").expect("the lane below"),
        news: news.clone(),
        token: token.clone(),
    };
    let cors = Cors::any().methods([Method::GET, Method::POST, Method::DELETE]);
    Server::with_state(config, router.around(seen).with(cors), init)
        .lane("database", Lane::workers(1..=4).init(open))
        .hub(&hub)
}

fn main() -> ExitCode {
    let line = CommandLine::of("notes")
        .option(OwnOption::value("database", "FILE", "The file of SQLite.").default("notes.db"))
        .option(OwnOption::value("token", "TEXT", "Guards the notes."));
    Server::run_main(line, |config, own| {
        Ok(server(config, own.get("database")?, own.get("token")?))
    })
}

#[cfg(test)]
#[test]
fn notes_are_kept_told_of_and_guarded() {
    let server = server(Config::default(), ":memory:".into(), "secret".into());
    let client = ringgate::testing::Client::of(server);
    let key = "Bearer secret";
    let ask = |method, path| client.request(method, path).header("authorization", key);
    let get = |path| ask(Method::GET, path).send();
    let mut feed = ask(Method::GET, "/notes/feed").open();
    let milk = serde_json::json!({"id": 1, "text": "milk"});
    let made = ask(Method::POST, "/notes").json(&milk).send();
    assert_eq!((made.status(), made.json()), (StatusCode::CREATED, milk));
    feed.wait_for("data: {\"id\":1,\"text\":\"milk\"}\n\n");
    assert_eq!(get("/notes").json::<Vec<Note>>().len(), 1);
    assert_eq!(get("/notes/1").json::<Note>().text, "milk");
    assert_eq!(ask(Method::DELETE, "/notes/1").send().status(), 204);
    assert_eq!(get("/notes/1").status(), 404);
    let refused = client.get("/notes").send();
    assert_eq!(refused.status(), 401);
    assert_eq!(refused.header("access-control-allow-origin"), Some("*"));
    assert!(refused.header("x-request-id").is_some());
    client.simulation().drain(0);
    feed.wait_for_end();
}
