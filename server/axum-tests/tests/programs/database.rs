//! SQLite by sqlx: a pool that handlers share over cores, and rows that are streamed while they are read.

use crate::{client, text};
use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::post;
use futures_util::StreamExt;
use ringgate_axum_tests::over_ringgate;
use sqlx::sqlite::{SqliteConnectOptions, SqlitePool, SqlitePoolOptions};
use tokio::sync::OnceCell;

/// The pool, opened by the first request: within the runtime of the server's guests.
#[derive(Clone)]
struct Database {
    options: SqliteConnectOptions,
    pool: std::sync::Arc<OnceCell<SqlitePool>>,
}

fn failed(error: sqlx::Error) -> (StatusCode, String) {
    (StatusCode::INTERNAL_SERVER_ERROR, error.to_string())
}

type Failed = (StatusCode, String);

impl Database {
    async fn pool(&self) -> Result<&SqlitePool, Failed> {
        let open = async || {
            let pool = SqlitePoolOptions::new().max_connections(3);
            let pool = pool.connect_with(self.options.clone()).await?;
            sqlx::query("CREATE TABLE notes (id INTEGER PRIMARY KEY, text TEXT NOT NULL)")
                .execute(&pool)
                .await?;
            Ok(pool)
        };
        self.pool.get_or_try_init(open).await.map_err(failed)
    }
}

async fn add(State(database): State<Database>, note: String) -> Result<String, Failed> {
    let pool = database.pool().await?;
    let mut transaction = pool.begin().await.map_err(failed)?;
    let inserted = sqlx::query("INSERT INTO notes (text) VALUES (?)").bind(note);
    let inserted = inserted.execute(&mut *transaction).await.map_err(failed)?;
    transaction.commit().await.map_err(failed)?;
    Ok(inserted.last_insert_rowid().to_string())
}

async fn all(State(database): State<Database>) -> Result<Body, Failed> {
    let pool = database.pool().await?.clone();
    let (sender, receiver) = tokio::sync::mpsc::channel(1);
    let rows = async move {
        let query = sqlx::query_scalar::<_, String>("SELECT text FROM notes ORDER BY id");
        let mut rows = query.fetch(&pool);
        while let Some(row) = rows.next().await {
            if sender.send(row.map(|text| text + "\n")).await.is_err() {
                return;
            }
        }
    };
    // The rows are read by the body itself, as its client takes them.
    let rows = futures_util::stream::once(rows).filter_map(async |()| None);
    let pieces = tokio_stream::wrappers::ReceiverStream::new(receiver);
    Ok(Body::from_stream(futures_util::stream::select(
        rows, pieces,
    )))
}

#[test]
fn notes_are_written_on_all_cores_and_read_in_a_body() {
    let folder = tempfile::tempdir().expect("a directory");
    let options = SqliteConnectOptions::new()
        .filename(folder.path().join("notes"))
        .create_if_missing(true);
    let database = Database {
        options,
        pool: std::sync::Arc::default(),
    };
    let app = Router::new()
        .route("/notes", post(add).get(all))
        .with_state(database);
    let server = over_ringgate(app);
    client(async {
        let client = reqwest::Client::new();
        let notes: Vec<String> = (0..40).map(|at| format!("note {at}")).collect();
        for note in &notes {
            let added = client.post(server.url("/notes")).body(note.clone()).send();
            let added = added.await.expect("an answer");
            assert_eq!(added.status(), 200, "{:?}", added.text().await);
        }
        let read = text(server.url("/notes")).await;
        assert_eq!(read.lines().collect::<Vec<_>>(), notes);
    });
}
