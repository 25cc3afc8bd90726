//! An interface for pages of another origin.

use crate::client;
use axum::http::{HeaderValue, Method};
use axum::routing::get;
use axum::{Json, Router};
use reqwest::Client;
use ringgate_axum_tests::over_ringgate;
use tower_http::cors::CorsLayer;

#[test]
fn a_preflight_is_answered_and_other_answers_name_the_origin() {
    let origin = HeaderValue::from_static("http://page.example");
    let cors = CorsLayer::new()
        .allow_origin(origin)
        .allow_methods([Method::GET, Method::DELETE]);
    let app = Router::new()
        .route("/data", get(async || Json([1, 2, 3])))
        .layer(cors);
    let server = over_ringgate(app);
    client(async {
        let client = Client::new();
        let ask = |method: Method| {
            let request = client.request(method, server.url("/data"));
            request.header("origin", "http://page.example")
        };
        let preflight = ask(Method::OPTIONS).header("access-control-request-method", "DELETE");
        let preflight = preflight.send().await.expect("an answer");
        assert_eq!(preflight.status(), 200);
        assert_eq!(
            preflight.headers()["access-control-allow-methods"],
            "GET,DELETE"
        );
        let data = ask(Method::GET).send().await.expect("an answer");
        let allowed = &data.headers()["access-control-allow-origin"];
        assert_eq!(allowed, "http://page.example");
        assert_eq!(data.text().await.expect("a text"), "[1,2,3]");
    });
}
