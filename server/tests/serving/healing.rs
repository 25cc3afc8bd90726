//! Cores that stall, are stuck, or panic: others take over, and clients see little of it.

use super::common::{Client, Door, TestServer, block_on, start_app, start_with, wait_for};
use super::pool::{at, cores};
use ringgate::Request;
use ringgate::app::{self, AppOptions, AppState};
use ringgate::config::{Config, CoreOrder};
use std::io::{Read, Write};
use std::num::NonZeroU32;
use std::time::{Duration, Instant};

fn quick(count: u32) -> Config {
    let mut config = cores(count);
    config.pool.stall = Duration::from_millis(100);
    config.pool.heartbeat_interval = Duration::from_secs(60);
    config.pool.heartbeat_timeout = Duration::from_secs(60);
    config.drain.graceful_timeout = Duration::from_millis(300);
    config
}

/// The built-in application, and a route that holds its core until the door opens.
fn start_with_door(config: Config) -> (TestServer, Door) {
    let options = AppOptions {
        trouble: true,
        ..AppOptions::default()
    };
    let door = Door::default();
    let waits = door.clone();
    let router = app::router(options).get("/door", move |_: Request<AppState>| {
        waits.pass();
        async { "passed\n" }
    });
    (start_with(config, router, AppState::new), door)
}

/// A client whose request holds its core at the door, and the core.
fn block(server: &TestServer) -> (Client, u32) {
    let mut client = server.connect();
    client.send("GET /door HTTP/1.1\r\nHost: a\r\n\r\n");
    let mut blocked = None;
    wait_for("a blocked core", || {
        let status = server.status();
        let cores = status["cores"].as_array().expect("a list");
        let found = cores.iter().find(|core| core["state"] == "blocked");
        blocked = found.map(|core| at(core, "/index") as u32);
        blocked.is_some()
    });
    (client, blocked.expect("a core"))
}

/// Whether a connection still answers.
fn is_served(client: &Client) -> bool {
    let mut stream = client.stream();
    let sent = stream.write_all(b"GET /plaintext HTTP/1.1\r\nHost: a\r\n\r\n");
    sent.is_ok() && matches!(stream.read(&mut [0; 1024]), Ok(1..))
}

/// Connects and asks so many times.
fn ask(server: &TestServer, times: u32) {
    for _ in 0..times {
        assert_eq!(server.get("/plaintext").text(), "Hello, World!");
    }
}

#[test]
fn t13_while_a_core_is_blocked_its_listener_is_helped() {
    let (server, door) = start_with_door(quick(2));
    let (mut client, blocked) = block(&server);
    wait_for("help", || {
        let status = server.status();
        let listener = &status["listeners"][blocked as usize];
        listener["helper_core"].as_u64() == Some(u64::from(1 - blocked))
    });
    ask(&server, 40);
    door.open();
    // It wakes up: its answer goes out, and it is as before.
    assert_eq!(client.answer().text(), "passed\n");
    wait_for("no help any more", || {
        let status = server.status();
        status["listeners"][blocked as usize]["helper_core"].is_null()
            && at(&status, "/pool/stuck") == 0
    });
    ask(&server, 40);
    assert_eq!(at(&server.status(), "/pool/quarantined"), 0);
    assert_eq!(client.get("/plaintext").status, 200);
}

#[test]
fn t13_when_the_only_core_is_blocked_another_takes_over() {
    let (server, door) = start_with_door(quick(1));
    let mut idle = server.connect();
    assert_eq!(idle.get("/plaintext").status, 200);
    let (mut client, _) = block(&server);
    wait_for("another core", || {
        let status = server.status();
        at(&status, "/pool/running") == 1 && at(&status, "/pool/spawned") == 2
    });
    ask(&server, 20);
    door.open();
    // When it wakes up it answers, hands over what it has, and leaves.
    assert_eq!(client.answer().text(), "passed\n");
    wait_for("one core", || at(&server.status(), "/pool/spawned") == 1);
    assert_eq!(idle.get("/plaintext").status, 200);
    assert_eq!(client.get("/plaintext").status, 200);
}

#[test]
fn m5_a_stuck_core_is_replaced_its_sockets_are_shut_and_it_leaves_when_it_wakes_up() {
    let mut config = quick(2);
    config.pool.heartbeat_interval = Duration::from_millis(200);
    config.pool.heartbeat_timeout = Duration::from_millis(200);
    let (server, door) = start_with_door(config);
    let mut idle: Vec<Client> = (0..32).map(|_| server.connect()).collect();
    for client in &mut idle {
        assert_eq!(client.get("/plaintext").status, 200);
    }
    let (mut client, blocked) = block(&server);
    wait_for("a replacement", || {
        let status = server.status();
        at(&status, "/pool/quarantined") == 1 && at(&status, "/pool/running") == 2
    });
    ask(&server, 40);
    // The graceful timeout is over: its clients learn that nothing comes.
    assert_eq!(client.rest(), b"", "the end and no answer");
    let mut lost = 0;
    for client in &idle {
        lost += usize::from(!is_served(client));
    }
    assert!(
        lost > 0 && lost < 32,
        "those of the stuck core alone: {lost}"
    );
    door.open();
    wait_for("it comes to its senses and ends", || {
        let status = server.status();
        let cores = status["cores"].as_array().expect("a list");
        at(&status, "/pool/quarantined") == 0 && cores.iter().all(|core| core["index"] != blocked)
    });
    ask(&server, 20);
}

#[test]
fn m4_a_core_that_waits_for_work_is_well() {
    let mut config = quick(2);
    config.pool.stall = Duration::from_millis(20);
    config.pool.heartbeat_interval = Duration::from_millis(50);
    config.pool.heartbeat_timeout = Duration::ZERO;
    let server = start_app(config, true);
    let began = Instant::now();
    wait_for("many heartbeats", || {
        began.elapsed() > Duration::from_secs(1)
    });
    let status = server.status();
    assert_eq!(at(&status, "/pool/quarantined"), 0);
    assert_eq!(at(&status, "/pool/running"), 2);
}

#[test]
fn m3_a_core_that_panics_is_replaced_and_the_ledgers_balance() {
    let server = start_app(quick(2), true);
    for round in 0..4 {
        let mut client = server.connect();
        client.send("GET /panic?core=1 HTTP/1.1\r\nHost: a\r\n\r\n");
        wait_for("its connection is aborted", || {
            server.total("connections/aborted") > round
        });
        ask(&server, 20);
    }
    wait_for("both cores run", || {
        at(&server.status(), "/pool/running") == 2
    });
}

#[test]
fn m3_the_websockets_of_a_core_that_panics_leave_their_places_to_others() {
    const HANDSHAKE: &str = "GET /ws HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
        Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";
    let mut config = quick(1);
    config.websocket.max = NonZeroU32::new(2);
    let server = start_app(config, true);
    let begun = |client: &mut Client| {
        client.send(HANDSHAKE);
        client.answer().status
    };
    for round in 0..2 {
        let mut clients = [server.connect(), server.connect(), server.connect()];
        assert_eq!(clients.each_mut().map(begun), [101, 101, 503], "{round}");
        let mut last = server.connect();
        last.send("GET /panic?core=1 HTTP/1.1\r\nHost: a\r\n\r\n");
        wait_for("no WebSocket is open", || {
            at(&server.status(), "/websockets/open") == 0
        });
    }
}

#[test]
fn m15_a_dump_shows_where_a_blocked_core_is() {
    let (server, door) = start_with_door(quick(2));
    let (mut client, blocked) = block(&server);
    let handle = server.running().handle();
    let dump = block_on(handle.order_core(blocked, CoreOrder::Dump)).expect("a dump");
    assert!(dump.contains("requests running 1"), "{dump}");
    assert!(dump.contains("Door::pass"), "{dump}");
    door.open();
    assert_eq!(client.answer().status, 200, "it did no harm");
}

#[test]
fn m15_a_stuck_core_that_is_killed_is_replaced_at_once() {
    let (server, door) = start_with_door(quick(2));
    let (mut client, blocked) = block(&server);
    let handle = server.running().handle();
    block_on(handle.order_core(blocked, CoreOrder::Kill)).expect("killed");
    assert_eq!(client.rest(), b"");
    wait_for("two cores", || at(&server.status(), "/pool/running") == 2);
    door.open();
    wait_for("it ends when it wakes up", || {
        at(&server.status(), "/pool/quarantined") == 0
    });
}

#[test]
fn m1_a_stop_does_not_wait_for_a_stuck_core() {
    let (server, door) = start_with_door(quick(2));
    let (client, _) = block(&server);
    server.running().handle().stop();
    let ended = server.join();
    door.open();
    assert_eq!(ended.connections.open, 0);
    assert!(ended.connections.balances(), "{ended:?}");
    assert!(ended.requests.balances(), "{ended:?}");
    assert!(ended.cut >= 1);
    drop(client);
}
