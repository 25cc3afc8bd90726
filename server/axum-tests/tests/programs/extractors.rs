//! Extractors of a program's own: a form that is validated, and a version that is part of the path.

use crate::client;
use axum::Router;
use axum::extract::{Form, FromRequest, FromRequestParts, Path, Request};
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::routing::{get, post};
use ringgate_axum_tests::over_ringgate;
use serde::Deserialize;
use serde::de::DeserializeOwned;

trait Validate {
    fn validate(&self) -> Result<(), String>;
}

struct Valid<T>(T);

impl<S, T> FromRequest<S> for Valid<T>
where
    S: Send + Sync,
    T: DeserializeOwned + Validate + Send,
{
    type Rejection = (StatusCode, String);

    async fn from_request(request: Request, state: &S) -> Result<Valid<T>, Self::Rejection> {
        let form = Form::<T>::from_request(request, state).await;
        let Form(value) = form.map_err(|error| (error.status(), error.body_text()))?;
        let valid = value
            .validate()
            .map_err(|why| (StatusCode::BAD_REQUEST, why));
        valid.map(|()| Valid(value))
    }
}

#[derive(Deserialize)]
struct Name {
    name: String,
}

impl Validate for Name {
    fn validate(&self) -> Result<(), String> {
        match self.name.len() {
            0..2 => Err(format!("{:?} is too short", self.name)),
            _ => Ok(()),
        }
    }
}

#[derive(Debug)]
enum Api {
    V1,
    V2,
}

impl<S: Send + Sync> FromRequestParts<S> for Api {
    type Rejection = StatusCode;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Api, StatusCode> {
        let path = Path::<(String, String)>::from_request_parts(parts, state).await;
        let Path((version, _)) = path.map_err(|_| StatusCode::BAD_REQUEST)?;
        match version.as_str() {
            "v1" => Ok(Api::V1),
            "v2" => Ok(Api::V2),
            _ => Err(StatusCode::NOT_FOUND),
        }
    }
}

#[test]
fn what_is_not_valid_never_reaches_the_handler() {
    let app = Router::new()
        .route("/name", post(async |Valid(name): Valid<Name>| name.name))
        .route(
            "/{version}/items/{id}",
            get(async |api: Api, Path((_, id)): Path<(String, u32)>| format!("{api:?} {id}")),
        );
    let server = over_ringgate(app);
    client(async {
        let client = reqwest::Client::new();
        let named = async |form: &'static str| {
            let sent = client.post(server.url("/name")).body(form);
            let kind = "application/x-www-form-urlencoded";
            let answer = sent.header("content-type", kind).send().await;
            let answer = answer.expect("an answer");
            (answer.status().as_u16(), answer.text().await.expect("text"))
        };
        assert_eq!(named("name=Li").await, (200, "Li".to_owned()));
        assert_eq!(
            named("name=L").await,
            (400, "\"L\" is too short".to_owned())
        );
        assert_eq!(named("other=L").await.0, 422);
        for (path, status) in [
            ("/v1/items/3", 200),
            ("/v2/items/3", 200),
            ("/v3/items/3", 404),
        ] {
            let answer = client.get(server.url(path)).send().await;
            assert_eq!(answer.expect("an answer").status(), status, "{path}");
        }
    });
}
