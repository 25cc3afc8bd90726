//! Files of a directory, with the page of an application for whatever is not there.

use crate::{client, text};
use axum::Router;
use axum::routing::get;
use ringgate_axum_tests::over_ringgate;
use tower_http::services::{ServeDir, ServeFile};

#[test]
fn files_are_served_whole_in_part_and_packed() {
    let folder = tempfile::tempdir().expect("a directory");
    let write = |name: &str, bytes: &[u8]| std::fs::write(folder.path().join(name), bytes);
    write("index.html", b"<p>app</p>").expect("written");
    write("script.js", b"let a = 1;").expect("written");
    write("script.js.gz", b"packed").expect("written");
    let large: Vec<u8> = (0..2_000_000u32).map(|at| (at % 255) as u8).collect();
    write("large.bin", &large).expect("written");
    let page = ServeFile::new(folder.path().join("index.html"));
    let files = ServeDir::new(folder.path())
        .precompressed_gzip()
        .fallback(page);
    let app = Router::new()
        .route("/api", get(async || "api"))
        .fallback_service(files);
    let server = over_ringgate(app);
    client(async {
        assert_eq!(text(server.url("/api")).await, "api");
        assert_eq!(text(server.url("/")).await, "<p>app</p>");
        assert_eq!(text(server.url("/some/view")).await, "<p>app</p>");
        assert_eq!(text(server.url("/script.js")).await, "let a = 1;");
        let client = reqwest::Client::new();
        let packed = client.get(server.url("/script.js"));
        let packed = packed
            .header("accept-encoding", "gzip")
            .send()
            .await
            .expect("sent");
        assert_eq!(packed.headers()["content-encoding"], "gzip");
        assert_eq!(packed.bytes().await.expect("bytes"), "packed");
        let whole = reqwest::get(server.url("/large.bin")).await.expect("sent");
        assert!(whole.bytes().await.expect("bytes") == large);
        let part = client.get(server.url("/large.bin"));
        let part = part
            .header("range", "bytes=1500000-1500009")
            .send()
            .await
            .expect("sent");
        assert_eq!(part.status(), 206);
        assert_eq!(
            part.bytes().await.expect("bytes"),
            large[1_500_000..1_500_010]
        );
    });
}
