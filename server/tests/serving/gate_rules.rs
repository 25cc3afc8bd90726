//! What may be set at the gate beside its two limits: who holds a slot, who goes first, how many a
//! client may have in, how many may be refused at once.

use super::common::stage::{Stage, begin, hold, limits, number};
use super::common::{Client, PATIENCE, TestServer, block_on, config, start_with, wait_for};
use ringgate::config::{Admit, CoreSpec, DrainPending};
use ringgate::{Request, RouteOptions, Router};
use serde_json::Value;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

fn statuses(clients: &mut [Client]) -> Vec<u16> {
    let answers = clients.iter_mut().map(|client| client.answer().status);
    answers.collect()
}

#[test]
fn a_connection_holds_its_slot_from_its_accept_to_its_end() {
    let stage = Stage::default();
    let mut config = config();
    config.admission = limits(1, 0);
    config.queue.admit = Admit::Connection;
    let server = stage.start(config);
    let mut first = server.connect();
    wait_for("a slot is taken, though nothing was asked", || {
        server.status()["gate"]["slots_taken"] == 1
    });
    let mut second = server.connect();
    let unasked = second.answer();
    assert_eq!(unasked.status, 503, "though nothing runs");
    assert_eq!(unasked.header("retry-after"), Some("1"));
    assert_eq!(unasked.header("x-ringgate-reason"), Some("full"));
    assert!(unasked.closes());
    second.expect_closed();
    assert_eq!(first.get("/core").status, 200);
    assert_eq!(first.get("/core").status, 200, "it has a slot");
    for _ in 0..2 {
        assert_eq!(first.get("/where").status, 200, "which passes no gate");
    }
    assert_eq!(server.status()["gate"]["slots_taken"], 1);
    drop((first, second));
    wait_for("the slot is back", || {
        server.status()["gate"]["slots_taken"] == 0
    });
    assert_eq!(server.get("/core").status, 200);
}

#[test]
fn the_slot_of_an_answer_given_at_once_is_back_when_that_is_out_though_its_client_stays() {
    let mut config = config();
    config.admission = limits(1, 0);
    let router = Router::new().get("/", async |_: Request| "at once");
    let server = start_with(config, router, |_| ());
    let mut stays = server.connect();
    assert_eq!(stays.get("/").status, 200);
    wait_for("the slot is back", || {
        server.status()["gate"]["slots_taken"] == 0
    });
    assert_eq!(server.get("/").status, 200);
    assert_eq!(stays.get("/").status, 200);
}

fn waiting(server: &TestServer) -> Value {
    server.status()["gate"]["waiting"].clone()
}

#[test]
fn h6_a_connection_that_waits_for_its_slot_is_not_read() {
    let stage = Stage::default();
    let mut config = config();
    config.admission = limits(1, 3);
    config.queue.admit = Admit::Connection;
    let server = stage.start(config);
    let first = server.connect();
    wait_for("a slot is taken", || {
        server.status()["gate"]["slots_taken"] == 1
    });
    let mut others: Vec<Client> = Vec::new();
    for index in 1..=2 {
        let mut other = server.connect();
        other.send(b"GET /core HTTP/1.1\r\nHost: a\r\n\r\n");
        others.push(other);
        wait_for("it waits", || waiting(&server) == index);
    }
    assert_eq!(server.total("requests/begun"), 0);
    assert_eq!(server.total("connections/open"), 3);
    // The one too many: the oldest that waits is refused, whatever it has sent (rows H7, H10).
    let mut last = server.connect();
    assert_eq!(others[0].answer().status, 503);
    wait_for("two wait again", || waiting(&server) == 2);
    drop(first);
    assert_eq!(others[1].answer().status, 200);
    drop(others);
    assert_eq!(last.get("/core").status, 200);
    drop(last);
    wait_for("all are gone", || server.total("connections/open") == 0);
    assert_eq!(server.total("requests/begun"), 2);
    let status = server.status();
    let connections = &status["totals"]["connections"];
    assert_eq!(
        (&connections["rejected"]["full"], &connections["aborted"]),
        (&1.into(), &0.into())
    );
    assert_eq!(status["gate"]["slots_taken"], 0);
}

#[test]
fn h9_a_connection_that_goes_while_it_waits_gives_its_place_up() {
    let stage = Stage::default();
    let mut config = config();
    config.admission = limits(1, 9);
    config.queue.admit = Admit::Connection;
    let server = stage.start(config);
    let mut first = server.connect();
    wait_for("a slot is taken", || {
        server.status()["gate"]["slots_taken"] == 1
    });
    let gone = [server.connect(), server.connect(), server.connect()];
    let mut half = server.connect();
    half.finish_sending();
    wait_for("the half is gone", || {
        server.total("connections/aborted") == 1
    });
    wait_for("three wait", || waiting(&server) == 3);
    gone[0].reset_when_dropped();
    drop(gone);
    wait_for("nobody waits", || waiting(&server) == 0);
    wait_for("all are counted", || {
        server.total("connections/aborted") == 4
    });
    assert_eq!(first.get("/core").status, 200);
}

#[test]
fn a_connection_that_waits_too_long_for_its_slot_is_told_so() {
    let stage = Stage::default();
    let mut config = config();
    config.admission = limits(1, 9);
    config.queue.admit = Admit::Connection;
    config.queue.timeout = Duration::from_millis(2500);
    // The time of an idle connection begins when it is let in.
    config.timeouts.idle = Duration::from_secs(2);
    config.timeouts.head = Duration::from_secs(2);
    let server = stage.start(config);
    let held = hold(&server, 1);
    let mut late = server.connect();
    let answer = late.answer();
    assert_eq!(answer.status, 503);
    assert_eq!(answer.header("x-ringgate-reason"), Some("queue-timeout"));
    late.expect_closed();
    stage.release_all();
    drop(held);
}

#[test]
fn h16_a_drain_serves_or_refuses_connections_that_wait() {
    for refuse in [false, true] {
        let stage = Stage::default();
        let mut config = config();
        config.admission = limits(1, 9);
        config.queue.admit = Admit::Connection;
        if refuse {
            config.drain.pending = DrainPending::Refuse;
        }
        let server = stage.start(config);
        let mut running = hold(&server, 1);
        let mut client = server.connect();
        client.send(b"GET /core HTTP/1.1\r\nHost: a\r\n\r\n");
        wait_for("it waits", || waiting(&server) == 1);
        server.running().handle().drain();
        if refuse {
            assert_eq!(client.answer().status, 503);
        }
        stage.release_all();
        assert_eq!(running.answer().status, 200);
        drop(running);
        if !refuse {
            assert_eq!(client.answer().status, 200);
        }
        drop(client);
        let ended = server.join();
        assert!(ended.drained);
        assert_eq!(ended.cut, 0);
    }
}

#[test]
fn a_route_that_is_detached_gives_its_slot_back_when_it_waits() {
    let detached = RouteOptions {
        detached: true,
        ..RouteOptions::default()
    };
    let over = Arc::<AtomicBool>::default();
    let is_over = over.clone();
    let router = Router::new()
        .route_with(detached, http::Method::GET, "/poll", move |_: Request| {
            let is_over = is_over.clone();
            async move {
                while !is_over.load(Ordering::Relaxed) {
                    ringgate::runtime::sleep(Duration::from_millis(1)).await;
                }
                "waited"
            }
        })
        .get("/short", async |_: Request| {
            ringgate::runtime::sleep(Duration::ZERO).await;
            "short"
        });
    let mut config = config();
    config.admission = limits(1, 0);
    let server = start_with(config, router, |_| ());
    let mut polls: Vec<_> = (0..5).map(|_| server.connect()).collect();
    for (index, poll) in polls.iter_mut().enumerate() {
        poll.send(b"GET /poll HTTP/1.1\r\nHost: a\r\n\r\n");
        wait_for("it runs", || {
            server.total("requests/running") > index as u64
                && server.status()["gate"]["slots_taken"] == 0
        });
    }
    assert_eq!(
        server.get("/short").status,
        200,
        "five wait, and none holds a slot"
    );
    over.store(true, Ordering::Relaxed);
    assert!(polls.iter_mut().all(|poll| poll.answer().status == 200));
    assert_eq!(server.total("requests/running"), 0);
}

#[test]
fn a_connection_takes_its_slot_along_to_another_core() {
    let stage = Stage::default();
    let mut config = config();
    config.cores = CoreSpec::Exactly(number(2));
    config.admission = limits(8, 0);
    config.queue.admit = Admit::Connection;
    let server = stage.start(config);
    let mut clients: Vec<_> = (0..8).map(|_| server.connect()).collect();
    for client in &mut clients {
        assert_eq!(client.get("/core").status, 200);
    }
    block_on(server.running().handle().resize_and_wait(1)).expect("one core");
    assert_eq!(server.status()["gate"]["slots_taken"], 8);
    for client in &mut clients {
        assert_eq!(client.get("/core").text(), "0");
    }
    assert_eq!(server.get("/core").status, 503);
    drop(clients);
    wait_for("all slots are back", || {
        server.status()["gate"]["slots_taken"] == 0
    });
}

#[test]
fn high_runs_before_low_whoever_came_first_and_low_is_refused_first() {
    let stage = Stage::default();
    let mut config = config();
    config.admission = limits(1, 5);
    config.queue.priority = vec![
        "high:x-kind=vip".parse().expect("a rule"),
        "low:/hold/2".parse().expect("a rule"),
    ];
    let server = stage.start(config);
    let mut clients = vec![
        hold(&server, 10),
        hold(&server, 20),
        hold(&server, 21),
        hold(&server, 11),
        begin(&server, "/hold/12", "X-Kind: vip\r\n"),
        begin(&server, "/hold/13", "X-Kind: vip\r\n"),
    ];
    stage.release_all();
    assert_eq!(statuses(&mut clients), [200, 503, 200, 200, 200, 200]);
    assert_eq!(stage.began(), [10, 12, 13, 11, 21]);
}

fn connect_from(address: [u8; 4], server: SocketAddr) -> Client {
    let socket = rustix::net::socket(
        rustix::net::AddressFamily::INET,
        rustix::net::SocketType::STREAM,
        None,
    )
    .expect("a socket");
    let from = SocketAddr::new(IpAddr::V4(Ipv4Addr::from(address)), 0);
    rustix::net::bind(&socket, &from).expect("loopback has many addresses");
    rustix::net::connect(&socket, &server).expect("the server listens");
    Client::from_stream(socket.into())
}

#[test]
fn one_address_has_only_so_many_requests_in_and_others_are_not_touched() {
    let stage = Stage::default();
    let mut config = config();
    config.cores = CoreSpec::Exactly(number(2));
    config.admission = limits(2, 9);
    config.queue.per_address = Some(number(3));
    let server = stage.start(config);
    let mut clients: Vec<_> = (0..3).map(|id| hold(&server, id)).collect();
    let answer = server.get("/hold/3");
    assert_eq!(answer.status, 503);
    assert_eq!(answer.header("x-ringgate-reason"), Some("per-address"));
    let mut other = connect_from([127, 0, 0, 2], server.address());
    other.send("GET /hold/4 HTTP/1.1\r\nHost: a\r\n\r\n");
    wait_for("it waits for a slot", || {
        server.total("requests/pending") == 2
    });
    stage.release_all();
    assert_eq!(statuses(&mut clients), [200; 3]);
    assert_eq!(other.answer().status, 200);
    assert_eq!(server.get("/hold/5").status, 200, "the places are back");
    assert_eq!(server.total("requests/rejected/per-address"), 1);
}

#[test]
fn the_next_request_of_a_batch_counts_for_its_address_too() {
    let stage = Stage::default();
    let mut config = config();
    config.admission = limits(2, 0);
    config.queue.per_address = Some(number(1));
    let server = stage.start(config);
    // The first is answered at once, and its slot goes on to the second.
    stage.release(1);
    let mut client = server.connect();
    client.send("GET /hold/1 HTTP/1.1\r\nHost: a\r\n\r\nGET /hold/2 HTTP/1.1\r\nHost: a\r\n\r\n");
    wait_for("the second runs", || stage.began() == [1, 2]);
    let answer = server.get("/hold/3");
    assert_eq!(answer.header("x-ringgate-reason"), Some("per-address"));
    stage.release_all();
    assert_eq!([client.answer().status, client.answer().status], [200; 2]);
    assert_eq!(server.get("/hold/4").status, 200, "the places are back");
}

#[test]
fn a_detached_request_gives_its_slot_to_the_next_and_goes_on() {
    let stage = Stage::default();
    let mut config = config();
    config.admission = limits(1, 0);
    let server = stage.start(config);
    let mut clients: Vec<_> = (0..5)
        .map(|id| {
            let client = begin(&server, &format!("/detached/{id}"), "");
            wait_for("its slot is back", || {
                server.status()["gate"]["slots_taken"] == 0
            });
            client
        })
        .collect();
    assert_eq!(server.total("requests/running"), 5);
    let metrics = block_on(server.running().handle().metrics()).expect("runs");
    assert_eq!(metrics.cores[0].detached, 5);
    assert_eq!(server.get("/core").status, 200);
    stage.release_all();
    assert_eq!(statuses(&mut clients), [200; 5]);
    let metrics = block_on(server.running().handle().metrics()).expect("runs");
    assert_eq!(metrics.cores[0].detached, 0);
}

fn queued(server: &TestServer) -> u64 {
    let status = server.status();
    let listeners = status["listeners"].as_array().expect("a list").iter();
    listeners
        .filter_map(|listener| listener["queue"].as_u64())
        .sum()
}

/// Refused clients that go on sending linger; while there are many, others wait to be accepted.
#[test]
fn while_too_many_are_being_refused_accepting_pauses_and_nobody_is_reset() {
    let stage = Stage::default();
    let mut config = config();
    config.core_slots = Some(number(1));
    config.admission = limits(1, 0);
    config.queue.rejections = Some(number(4));
    // Their clients end it, when they have seen enough.
    config.timeouts.linger = PATIENCE;
    let server = stage.start(config);
    let mut first = hold(&server, 1);
    let refused = || {
        let mut client = server.connect();
        client.send("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n");
        client
    };
    let mut clients: Vec<_> = (0..4).map(|_| refused()).collect();
    assert_eq!(statuses(&mut clients), [503; 4]);
    assert_eq!(server.total("connections/accepted"), 5);
    let mut later: Vec<_> = (0..8).map(|_| refused()).collect();
    wait_for("those wait in the kernel's queue", || queued(&server) >= 7);
    assert!(
        server.total("connections/accepted") <= 6,
        "but one on its way"
    );
    for client in &mut clients {
        client.finish_sending();
        client.expect_closed();
    }
    for client in &mut later {
        assert_eq!(client.answer().status, 503);
        client.finish_sending();
        client.expect_closed();
    }
    let metrics = block_on(server.running().handle().metrics()).expect("runs");
    assert!(metrics.cores[0].accept_pauses["rejections"] > 0);
    stage.release_all();
    assert_eq!(first.answer().status, 200);
}

#[test]
fn m10_at_max_connections_accepting_pauses_and_resumes_below_it() {
    let stage = Stage::default();
    let mut config = config();
    config.core_slots = Some(number(1));
    config.rings.max_connections = Some(number(4));
    let server = stage.start(config);
    let mut clients: Vec<_> = (0..10).map(|_| server.connect()).collect();
    for client in &mut clients {
        client.send("GET /core HTTP/1.1\r\nHost: a\r\n\r\n");
    }
    wait_for("the rest waits in the kernel's queue", || {
        queued(&server) == 6
    });
    assert_eq!(server.total("connections/open"), 4);
    for mut client in clients {
        assert_eq!(client.answer().status, 200);
        assert!(server.total("connections/open") <= 4);
    }
    wait_for("all are gone", || server.total("connections/open") == 0);
    assert_eq!(server.total("connections/accepted"), 10);
}
