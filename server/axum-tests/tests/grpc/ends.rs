//! Calls that end before they are over, connections that are kept alive, and calls that go on while the server changes
//! its size or ends.

use crate::service::{Call, Caller, Talk, Words};
use crate::{caller, client, endpoint, routed};
use ringgate_axum_tests::Served;
use std::time::Duration;
use tonic::{Code, Request};

/// Short, and long enough to hear of.
const MOMENT: Duration = Duration::from_millis(20);

/// Requests that the server has and has not ended.
async fn running(server: &Served) -> u64 {
    let status = server.running().handle().status().await.expect("it runs");
    status.totals.requests.running
}

async fn until_none_runs(server: &Served) {
    while running(server).await > 0 {
        tokio::time::sleep(MOMENT).await;
    }
}

#[test]
fn a_call_that_its_client_gives_up_is_dropped_at_the_service() {
    let talk = Talk::default();
    let server = routed(&talk);
    client(async {
        let mut caller = caller(&server).await;
        let mut heard = caller
            .hear("WaitLate", Words::default())
            .await
            .expect("begun");
        let first = heard.message().await.expect("no failure");
        assert_eq!(first, Some(Words::of("first")));
        drop(heard);
        talk.dropped.notified().await;

        let mut other = caller.clone();
        let waiting = tokio::spawn(async move {
            let asked = Request::new(Words::default());
            other.call("Wait", asked).await.map(|_| ())
        });
        talk.waits.notified().await;
        waiting.abort();
        talk.dropped.notified().await;
        until_none_runs(&server).await;

        let answer = caller.call("Echo", Request::new(Words::of("still?"))).await;
        assert_eq!(answer.expect("an answer").into_inner().text, "still?");
        let status = server.running().handle().status().await.expect("it runs");
        assert_eq!(status.http2.begun, 1, "on the same connection");
    });
}

#[test]
fn a_call_beyond_its_deadline_ends_on_both_sides() {
    let talk = Talk::default();
    let server = routed(&talk);
    client(async {
        let mut caller = caller(&server).await;
        let mut asked = Request::new(Words::default());
        // Long enough for a busy machine to bring the call to its service.
        asked.set_timeout(Duration::from_secs(1));
        let late = caller.call("Wait", asked).await.expect_err("too late");
        let is_told = matches!(late.code(), Code::Cancelled | Code::DeadlineExceeded);
        assert!(is_told, "{late}");
        talk.dropped.notified().await;
        until_none_runs(&server).await;

        let mut asked = Request::new(Words::of("in time"));
        asked.set_timeout(crate::PATIENCE);
        let answer = caller.call("Echo", asked).await.expect("an answer");
        assert_eq!(answer.into_inner().text, "in time");
    });
}

async fn bytes_sent(server: &Served) -> u64 {
    let metrics = server.running().handle().metrics().await;
    let cores = metrics.expect("it runs").cores;
    cores.iter().map(|core| core.bytes_sent).sum()
}

#[test]
fn pings_keep_a_silent_call_and_an_idle_connection_alive() {
    /// An answer to a PING, with its header.
    const PONG_SIZE_BYTES: u64 = 9 + 8;
    let server = routed(&Talk::default());
    let endpoint = endpoint(&server)
        .http2_keep_alive_interval(MOMENT)
        .keep_alive_timeout(Duration::from_secs(10))
        .keep_alive_while_idle(true);
    client(async {
        let channel = endpoint.connect().await.expect("it connects");
        let mut caller = Caller::new(channel);
        let mut call = caller.talk("Talk").await.expect("a call");
        call.ask().await;
        let before = bytes_sent(&server).await;
        while bytes_sent(&server).await < before + 10 * PONG_SIZE_BYTES {
            tokio::time::sleep(MOMENT).await;
        }
        call.ask().await;
        call.end().await;
        let before = bytes_sent(&server).await;
        while bytes_sent(&server).await < before + 10 * PONG_SIZE_BYTES {
            tokio::time::sleep(MOMENT).await;
        }
        let answer = caller.call("Echo", Request::new(Words::of("awake"))).await;
        assert_eq!(answer.expect("an answer").into_inner().text, "awake");
        let status = server.running().handle().status().await.expect("it runs");
        assert_eq!(status.http2.begun, 1, "on the same connection");
        assert_eq!(status.http2.faults.values().sum::<u64>(), 0);
    });
}

/// Opens connections with a call each until every core has one.
async fn calls_on_each_core(server: &Served) -> Vec<(Caller, Call)> {
    let mut calls = Vec::new();
    loop {
        let mut caller = caller(server).await;
        let method = ["Talk", "TalkAside"][calls.len() % 2];
        let mut call = caller.talk(method).await.expect("a call");
        call.ask().await;
        calls.push((caller, call));
        let status = server.running().handle().status().await.expect("it runs");
        let has_some = |core: &ringgate::CoreStatus| core.connections.open > 0;
        if status.cores.iter().all(has_some) {
            return calls;
        }
    }
}

#[test]
fn calls_go_on_while_their_core_leaves_and_the_next_ones_connect_elsewhere() {
    let server = routed(&Talk::default());
    client(async {
        let mut calls = calls_on_each_core(&server).await;
        let handle = server.running().handle();
        handle.resize(1).await.expect("resized");
        // Said goodbye to those that stay for too long.
        loop {
            for (_, call) in &mut calls {
                call.ask().await;
            }
            let status = handle.status().await.expect("it runs");
            if status.http2.drained > 0 {
                break;
            }
            tokio::time::sleep(MOMENT).await;
        }
        for (mut caller, mut call) in calls {
            call.ask().await;
            call.end().await;
            let answer = caller.call("Echo", Request::new(Words::of("again"))).await;
            assert_eq!(answer.expect("an answer").into_inner().text, "again");
        }
        while handle.status().await.expect("it runs").pool.running > 1 {
            tokio::time::sleep(MOMENT).await;
        }
    });
}

#[test]
fn calls_end_well_in_a_drain_and_new_ones_are_refused() {
    let server = routed(&Talk::default());
    client(async {
        let mut calls = calls_on_each_core(&server).await;
        let handle = server.running().handle();
        handle.drain();
        while tokio::net::TcpStream::connect(server.address())
            .await
            .is_ok()
        {
            tokio::time::sleep(MOMENT).await;
        }
        for _ in 0..10 {
            for (_, call) in &mut calls {
                call.ask().await;
            }
        }
        for (mut caller, mut call) in calls {
            call.ask().await;
            call.end().await;
            let late = caller.call("Echo", Request::new(Words::default())).await;
            let status = late.expect_err("nobody listens");
            assert_eq!(status.code(), Code::Unavailable, "{status}");
        }
        while handle.status().await.is_some() {
            tokio::time::sleep(MOMENT).await;
        }
    });
}
