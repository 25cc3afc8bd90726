//! The end of a server: what runs is answered, and no more is taken.

use crate::client;
use axum::Router;
use axum::routing::get;
use ringgate_axum_tests::over_ringgate;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Notify;

#[test]
fn a_drain_lets_what_runs_finish_and_refuses_the_rest() {
    let begun = Arc::new(Notify::new());
    let begins = begun.clone();
    let slow = async move || {
        begins.notify_one();
        tokio::time::sleep(Duration::from_millis(300)).await;
        "finished"
    };
    let server = over_ringgate(Router::new().route("/slow", get(slow)));
    client(async {
        let asked = tokio::spawn(reqwest::get(server.url("/slow")));
        begun.notified().await;
        server.running().handle().drain();
        let answer = asked.await.expect("no panic").expect("an answer");
        assert_eq!(answer.text().await.expect("a text"), "finished");
        while reqwest::get(server.url("/slow")).await.is_ok() {}
    });
}
