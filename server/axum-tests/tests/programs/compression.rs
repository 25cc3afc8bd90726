//! Bodies that are packed on their way, in both directions.

use crate::client;
use axum::Router;
use axum::routing::{get, post};
use ringgate_axum_tests::over_ringgate;
use tower_http::compression::CompressionLayer;
use tower_http::decompression::RequestDecompressionLayer;

#[test]
fn what_is_packed_for_the_client_is_unpacked_for_the_handler() {
    let long = "a line that is said again and again\n".repeat(5_000);
    let answer = long.clone();
    let app = Router::new()
        .route("/long", get(async move || answer))
        .layer(CompressionLayer::new())
        .merge(
            Router::new()
                .route("/length", post(async |text: String| text.len().to_string()))
                .layer(RequestDecompressionLayer::new()),
        );
    let server = over_ringgate(app);
    client(async {
        let client = reqwest::Client::new();
        for kind in ["gzip", "br", "zstd", "deflate"] {
            let asked = client.get(server.url("/long"));
            let packed = asked
                .header("accept-encoding", kind)
                .send()
                .await
                .expect("sent");
            assert_eq!(packed.headers()["content-encoding"], kind);
            let packed = packed.bytes().await.expect("whole");
            assert!(packed.len() < long.len() / 10, "{kind}: {}", packed.len());
            let sent = client.post(server.url("/length"));
            let told = sent.header("content-encoding", kind).body(packed).send();
            let told = told.await.expect("an answer").text().await.expect("a text");
            assert_eq!(told, long.len().to_string(), "{kind}");
        }
    });
}
