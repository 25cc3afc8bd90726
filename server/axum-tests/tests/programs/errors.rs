//! Errors of an application as answers in JSON, with their kinds kept from the client where they are its own.

use crate::client;
use axum::extract::rejection::JsonRejection;
use axum::extract::{FromRequest, Path};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use ringgate_axum_tests::over_ringgate;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

#[derive(FromRequest)]
#[from_request(via(axum::Json), rejection(AppError))]
struct AppJson<T>(T);

enum AppError {
    Rejected(JsonRejection),
    Parse(std::num::ParseIntError),
    Broken,
}

impl From<JsonRejection> for AppError {
    fn from(rejection: JsonRejection) -> AppError {
        AppError::Rejected(rejection)
    }
}

impl From<std::num::ParseIntError> for AppError {
    fn from(error: std::num::ParseIntError) -> AppError {
        AppError::Parse(error)
    }
}

impl From<std::io::Error> for AppError {
    fn from(_: std::io::Error) -> AppError {
        AppError::Broken
    }
}

impl IntoResponse for AppError {
    fn into_response(self) -> Response {
        let (status, message) = match self {
            AppError::Rejected(rejection) => (rejection.status(), rejection.body_text()),
            AppError::Parse(error) => (StatusCode::BAD_REQUEST, error.to_string()),
            AppError::Broken => (StatusCode::INTERNAL_SERVER_ERROR, "broken".to_owned()),
        };
        (status, Json(json!({ "message": message }))).into_response()
    }
}

#[derive(Serialize, Deserialize)]
struct User {
    name: String,
}

async fn double(Path(number): Path<String>) -> Result<String, AppError> {
    Ok((number.parse::<i32>()? * 2).to_string())
}

async fn read() -> Result<String, AppError> {
    Ok(tokio::fs::read_to_string("/nowhere/to/be/found").await?)
}

#[test]
fn each_error_has_its_status_and_its_text() {
    let app = Router::new()
        .route(
            "/users",
            post(async |AppJson(user): AppJson<User>| user.name),
        )
        .route("/double/{number}", get(double))
        .route("/read", get(read));
    let server = over_ringgate(app);
    client(async {
        let client = reqwest::Client::new();
        let told = async |request: reqwest::RequestBuilder| {
            let answer = request.send().await.expect("an answer");
            let status = answer.status().as_u16();
            let body: Value = answer.json().await.expect("JSON");
            (status, body["message"].as_str().expect("text").to_owned())
        };
        let users = || client.post(server.url("/users"));
        let (status, text) = told(users().body("{}")).await;
        assert_eq!(status, 415, "{text}");
        let (status, text) = told(users().json(&json!({}))).await;
        assert!(status == 422 && text.contains("name"), "{text}");
        let (status, text) = told(client.get(server.url("/double/two"))).await;
        assert_eq!(
            (status, text.as_str()),
            (400, "invalid digit found in string")
        );
        let broken = told(client.get(server.url("/read"))).await;
        assert_eq!(broken, (500, "broken".to_owned()));
    });
}
