//! A form with fields, and one with files, which are written as they come.

use crate::client;
use axum::extract::{DefaultBodyLimit, Form, Multipart};
use axum::http::StatusCode;
use axum::routing::post;
use axum::{Json, Router};
use reqwest::multipart;
use ringgate_axum_tests::over_ringgate;
use serde::Deserialize;
use std::path::PathBuf;
use tokio::io::AsyncWriteExt;

#[derive(Deserialize)]
struct Person {
    name: String,
    email: String,
}

async fn introduce(Form(person): Form<Person>) -> String {
    format!("{} <{}>", person.name, person.email)
}

async fn store(folder: PathBuf, mut parts: Multipart) -> Result<Json<Vec<String>>, StatusCode> {
    let mut stored = Vec::new();
    let bad = |_| StatusCode::BAD_REQUEST;
    let failed = |_| StatusCode::INTERNAL_SERVER_ERROR;
    while let Some(mut part) = parts.next_field().await.map_err(bad)? {
        let name = part.file_name().ok_or(StatusCode::BAD_REQUEST)?.to_owned();
        let mut file = tokio::fs::File::create(folder.join(&name))
            .await
            .map_err(failed)?;
        while let Some(piece) = part.chunk().await.map_err(bad)? {
            file.write_all(&piece).await.map_err(failed)?;
        }
        file.flush().await.map_err(failed)?;
        stored.push(name);
    }
    Ok(Json(stored))
}

#[test]
fn fields_are_read_and_files_are_stored() {
    let folder = tempfile::tempdir().expect("a directory");
    let path = folder.path().to_owned();
    let app = Router::new()
        .route("/introduce", post(introduce))
        .route(
            "/store",
            post(async move |parts: Multipart| store(path, parts).await),
        )
        .layer(DefaultBodyLimit::max(20 << 20));
    let server = over_ringgate(app);
    client(async {
        let client = reqwest::Client::new();
        let form = "name=Ada+L.&email=ada%40example.com";
        let introduced = client
            .post(server.url("/introduce"))
            .header("content-type", "application/x-www-form-urlencoded")
            .body(form)
            .send();
        let introduced = introduced.await.expect("an answer").text().await;
        assert_eq!(introduced.expect("a text"), "Ada L. <ada@example.com>");
        let large = vec![7; 5 << 20];
        let file =
            |bytes: Vec<u8>, name: &'static str| multipart::Part::bytes(bytes).file_name(name);
        let form = multipart::Form::new()
            .part("one", file(large.clone(), "large.bin"))
            .part("two", file(b"small".to_vec(), "small.txt"));
        let stored = client.post(server.url("/store")).multipart(form).send();
        let stored: Vec<String> = stored.await.expect("stored").json().await.expect("JSON");
        assert_eq!(stored, ["large.bin", "small.txt"]);
        let read = std::fs::read(folder.path().join("large.bin"));
        assert!(read.expect("a file") == large);
    });
}
