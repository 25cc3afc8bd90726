//! Row M14 (docs/seeds.md): a long poll waits for what it asks for, holds no slot of the gate meanwhile, and misses
//! nothing between two of them.

use crate::common::{config, start_server, wait_for};
use ringgate::config::{AdmissionLimits, MaxAccepts};
use ringgate::events::Hub;
use ringgate::{Request, RouteOptions, Router, Server};
use std::num::NonZeroU32;

/// The event behind the one that was seen last, once it is there.
async fn next(request: Request<Hub>) -> String {
    let seen = request
        .query_value("seen")
        .and_then(|seen| seen.parse().ok());
    let mut events = request.state().subscribe(seen);
    match events.next().await {
        Some(event) => format!("{} {}", event.id, String::from_utf8_lossy(&event.data)),
        None => "the server ends".to_owned(),
    }
}

#[test]
fn m14_a_long_poll_waits_without_a_slot_and_misses_nothing_between_two() {
    let hub = Hub::new(8);
    let mut config = config();
    config.admission =
        AdmissionLimits::new(NonZeroU32::new(1), MaxAccepts::None).expect("a good pair");
    let detached = RouteOptions::new().detached();
    let router = Router::new().route_with(detached, http::Method::GET, "/next", next);
    let kept = hub.clone();
    let server = start_server(Server::with_state(config, router, move |_| kept.clone()));
    let mut clients = [server.connect(), server.connect(), server.connect()];
    for client in &mut clients {
        client.send("GET /next?seen=0 HTTP/1.1\r\nHost: t\r\n\r\n");
    }
    wait_for("all of them wait at one slot", || hub.waiting() == 3);
    hub.publish("one");
    hub.publish("two");
    for client in &mut clients {
        assert_eq!(client.answer().text(), "1 one");
        client.send("GET /next?seen=1 HTTP/1.1\r\nHost: t\r\n\r\n");
        assert_eq!(client.answer().text(), "2 two");
    }
}
