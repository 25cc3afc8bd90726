//! Work that outlives its request, work that would block, and a task that every request talks to.

use crate::{client, text};
use axum::Router;
use axum::extract::State;
use axum::routing::get;
use ringgate_axum_tests::over_ringgate;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Notify, Semaphore, mpsc, oneshot};

type Questions = mpsc::Sender<(u64, oneshot::Sender<u64>)>;

async fn sum(State(questions): State<Questions>) -> String {
    let (answer, answered) = oneshot::channel();
    questions.send((1, answer)).await.expect("it listens");
    answered.await.expect("it answers").to_string()
}

/// Adds up what it is told; made by the first request that asks.
fn adder(done: Arc<Notify>) -> Questions {
    let (questions, mut asked) = mpsc::channel::<(u64, oneshot::Sender<u64>)>(4);
    std::thread::spawn(move || {
        let mut sum = 0;
        while let Some((number, answer)) = asked.blocking_recv() {
            sum += number;
            let _ = answer.send(sum);
        }
        done.notify_one();
    });
    questions
}

#[test]
fn tasks_threads_and_cores_talk_to_each_other() {
    let done = Arc::new(Notify::new());
    let finished = Arc::new(Notify::new());
    let finishes = finished.clone();
    let turns = Arc::new(Semaphore::new(1));
    let app = Router::new()
        .route("/sum", get(sum))
        .route(
            "/later",
            get(async move || {
                tokio::spawn(async move {
                    tokio::time::sleep(Duration::from_millis(20)).await;
                    finishes.notify_one();
                });
                "accepted"
            }),
        )
        .route(
            "/blocking",
            get(async || {
                let work = tokio::task::spawn_blocking(|| {
                    std::thread::sleep(Duration::from_millis(5)); // blocks, as the name says
                    "worked"
                });
                work.await.expect("no panic")
            }),
        )
        .route(
            "/in-turn",
            get(async move || {
                let _turn = turns.acquire().await.expect("open");
                tokio::time::sleep(Duration::from_millis(2)).await;
                "in turn"
            }),
        )
        .with_state(adder(done.clone()));
    let server = over_ringgate(app);
    client(async {
        let mut sums = Vec::new();
        for asked in (0..20)
            .map(|_| tokio::spawn(text(server.url("/sum"))))
            .collect::<Vec<_>>()
        {
            let sum: u64 = asked.await.expect("no panic").parse().expect("a number");
            sums.push(sum);
        }
        sums.sort_unstable();
        assert!(sums.into_iter().eq(1..=20));
        assert_eq!(text(server.url("/later")).await, "accepted");
        finished.notified().await;
        assert_eq!(text(server.url("/blocking")).await, "worked");
        for asked in (0..20)
            .map(|_| tokio::spawn(text(server.url("/in-turn"))))
            .collect::<Vec<_>>()
        {
            assert_eq!(asked.await.expect("no panic"), "in turn");
        }
    });
    drop(server);
    client(async move { done.notified().await });
}
