//! What ends by itself when the server is about to end: streams of events, and handlers that ask to be
//! told. A drain waits for none of them; and it lets what a lane has begun come to its end.

use crate::common::{
    Client, Door, PATIENCE, TestServer, config, start_server, start_with, wait_for,
};
use ringgate::events::{Hub, server_sent};
use ringgate::lane::Lane;
use ringgate::{Body, Request, Response, Router, Server, ServerEvent, ServerHandle};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

async fn news(request: Request<Hub>) -> Response {
    let mut events = request.state().subscribe(None);
    Response::text("").with_body(Body::writer(move |mut out| async move {
        while let Some(event) = events.next().await {
            out.write(server_sent(&event)).await;
        }
        Ok(())
    }))
}

#[test]
fn a_stream_of_events_ends_by_itself_at_a_drain() {
    let hub = Hub::new(8);
    let kept = hub.clone();
    let server = Server::with_state(config(), Router::new().get("/news", news), move |_| {
        kept.clone()
    });
    let server = start_server(server.hub(&hub));
    let mut client = server.connect();
    client.send("GET /news HTTP/1.1\r\nHost: t\r\n\r\n");
    client.head();
    wait_for("it waits for events", || hub.waiting() == 1);
    hub.publish("bones");
    let first = client.chunk();
    assert_eq!(first, b"id: 1\ndata: bones\n\n");
    server.running().handle().drain();
    assert_eq!(client.chunk(), b"", "the body has an end");
    client.expect_closed();
    let ended = server.join();
    assert!(ended.drained && ended.cut == 0, "{ended:?}");
}

async fn wait(request: Request<ServerHandle>) -> &'static str {
    let told = request.state().draining();
    let waited = ringgate::runtime::timeout(Duration::from_secs(3600), told).await;
    match waited {
        Ok(()) => "the server ends",
        Err(_) => "in vain",
    }
}

#[test]
fn a_handler_that_asks_is_told_of_a_drain() {
    let router = Router::new().get("/wait", wait);
    let server = start_with(config(), router, |core| core.server().clone());
    let mut clients: Vec<Client> = (0..3).map(|_| server.connect()).collect();
    for client in &mut clients {
        client.send("GET /wait HTTP/1.1\r\nHost: t\r\n\r\n");
    }
    wait_for("they wait", || server.total("requests/running") == 3);
    server.running().handle().drain();
    for client in &mut clients {
        let answer = client.answer();
        assert_eq!(answer.text(), "the server ends");
        assert!(answer.closes());
    }
    let ended = server.join();
    assert!(ended.drained && ended.cut == 0, "{ended:?}");
}

#[test]
fn what_a_lane_has_begun_comes_to_its_end_before_a_drained_server_is_over() {
    let (begun, done) = (Arc::<AtomicBool>::default(), Arc::<AtomicBool>::default());
    let (begins, does) = (begun.clone(), done.clone());
    let router = Router::new().get("/begin", move |request: Request<Lane>| {
        let (begins, does) = (begins.clone(), does.clone());
        async move {
            let lane = request.state().clone();
            // Nobody waits for it: the handler answers at once.
            ringgate::runtime::current().spawn(async move {
                let work = move |_: &mut ()| {
                    begins.store(true, Ordering::Release);
                    // The drain begins meanwhile; a server that does not wait for the lane is over first.
                    std::thread::sleep(Duration::from_millis(300));
                    does.store(true, Ordering::Release);
                };
                let _ = lane.run(work).await;
            });
            "begun"
        }
    });
    let server = Server::with_state(config(), router, |core| {
        core.lane("work").expect("there is one")
    });
    let server = start_server(server.lane("work", Lane::workers(1).stateless()));
    assert_eq!(server.get("/begin").text(), "begun");
    wait_for("the work has begun", || begun.load(Ordering::Acquire));
    server.running().handle().drain();
    let ended = server.join();
    assert!(ended.drained && ended.cut == 0, "{ended:?}");
    assert!(done.load(Ordering::Acquire), "the lane was let end");
}

/// A server with a lane whose work waits at a door for a client that has gone, and whether its last core is gone.
fn with_work_of_nobody(graceful_timeout: Duration, door: &Door) -> (TestServer, Arc<AtomicBool>) {
    let door = door.clone();
    let work = move |request: Request<Lane>| {
        let door = door.clone();
        async move {
            let worked = request.state().run(move |_: &mut ()| door.pass()).await;
            worked.map(|()| "worked")
        }
    };
    let sleep = |_: Request<Lane>| async {
        ringgate::runtime::sleep(Duration::from_millis(3500)).await;
        "slept"
    };
    let router = Router::new().get("/work", work).get("/sleep", sleep);
    let mut config = config();
    config.drain.graceful_timeout = graceful_timeout;
    let server = Server::with_state(config, router, |core| {
        core.lane("work").expect("there is one")
    });
    let reaped = Arc::<AtomicBool>::default();
    let reaps = reaped.clone();
    let server = server.on_event(move |event| {
        if matches!(event, ServerEvent::Reap { .. }) {
            reaps.store(true, Ordering::Release);
        }
    });
    let server = start_server(server.lane("work", Lane::workers(1).stateless()));
    (server, reaped)
}

#[test]
fn a_stop_ends_a_drain_that_waits_for_work_of_a_lane_alone() {
    let door = Door::default();
    let (server, reaped) = with_work_of_nobody(PATIENCE, &door);
    let mut client = server.connect();
    client.send("GET /work HTTP/1.1\r\nHost: t\r\n\r\n");
    wait_for("the work has begun", || {
        server.status()["lanes"][0]["busy"] == 1
    });
    drop(client);
    let handle = server.running().handle();
    handle.drain();
    wait_for("the core is gone", || reaped.load(Ordering::Acquire));
    assert!(
        handle.wait_status().is_some(),
        "it is told how things stand"
    );
    let stopped = Instant::now();
    handle.stop();
    server.join();
    assert!(stopped.elapsed() < PATIENCE / 2, "{:?}", stopped.elapsed());
    door.open();
}

#[test]
fn a_drain_has_its_time_once_for_requests_and_the_work_of_lanes() {
    let most = Duration::from_secs(4);
    let door = Door::default();
    let (server, _) = with_work_of_nobody(most, &door);
    let mut client = server.connect();
    client.send("GET /work HTTP/1.1\r\nHost: t\r\n\r\n");
    wait_for("the work has begun", || {
        server.status()["lanes"][0]["busy"] == 1
    });
    drop(client);
    let mut sleeps = server.connect();
    sleeps.send("GET /sleep HTTP/1.1\r\nHost: t\r\n\r\n");
    wait_for("it sleeps", || server.total("requests/running") == 1);
    let drained = Instant::now();
    server.running().handle().drain();
    assert_eq!(sleeps.answer().text(), "slept");
    server.join();
    let took = drained.elapsed();
    assert!(took < most + Duration::from_secs(2), "{took:?}");
    door.open();
}
