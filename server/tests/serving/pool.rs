//! The pool of cores under clients: resized to nothing and back, grown and trimmed by load, recycled,
//! balanced. No client sees any of it.

use super::common::{Client, TestServer, config, start_app, start_with, wait_for};
use ringgate::CoreInfo;
use ringgate::app::{self, AppOptions, AppState};
use ringgate::config::{Config, CoreOrder, CoreSpec, Switch};
use serde_json::Value;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

fn number(value: u32) -> NonZeroU32 {
    NonZeroU32::new(value).expect("not zero")
}

pub(crate) fn cores(count: u32) -> Config {
    let mut config = config();
    config.cores = CoreSpec::Exactly(number(count));
    config
}

fn between(min: u32, max: u32) -> Config {
    let mut config = config();
    config.cores = CoreSpec::Between {
        min: number(min),
        max: number(max),
    };
    config
}

pub(crate) fn at(status: &Value, path: &str) -> u64 {
    let value = status.pointer(path).and_then(Value::as_u64);
    value.unwrap_or_else(|| panic!("no {path} in {status:#}"))
}

fn resize(server: &TestServer, cores: u32) {
    let handle = server.running().handle();
    super::common::block_on(handle.resize_and_wait(cores)).expect("resized");
}

#[test]
fn m2_without_cores_connections_wait_parked_and_the_next_core_takes_them() {
    let server = start_app(cores(2), true);
    let mut idle: Vec<Client> = (0..8).map(|_| server.connect()).collect();
    for client in &mut idle {
        assert_eq!(client.get("/plaintext").status, 200);
    }
    let mut half = server.connect();
    half.send("GET /plaintext HTTP/1.1\r\nHo");
    wait_for("half a head is there", || {
        server.total("connections/open") == 9
    });
    resize(&server, 0);
    wait_for("all are parked", || {
        at(&server.status(), "/pool/parked") == 9
    });
    let status = server.status();
    assert_eq!(at(&status, "/pool/running"), 0);
    assert_eq!(at(&status, "/totals/connections/in_transit"), 9);
    assert_eq!(at(&status, "/totals/connections/open"), 0);
    for listener in status["listeners"].as_array().expect("a list") {
        assert_eq!(listener["owner_core"], Value::Null, "open and unarmed");
    }
    // What clients do meanwhile waits: requests on parked connections, and a new connection.
    for client in &mut idle {
        client.send("GET /plaintext HTTP/1.1\r\nHost: a\r\n\r\n");
    }
    half.send("st: a\r\n\r\n");
    let mut late = server.connect();
    late.send("GET /plaintext HTTP/1.1\r\nHost: a\r\n\r\n");
    resize(&server, 1);
    for client in idle.iter_mut().chain([&mut half, &mut late]) {
        assert_eq!(client.answer().text(), "Hello, World!");
    }
    assert_eq!(at(&server.status(), "/pool/parked"), 0);
}

#[test]
fn m2_deadlines_of_parked_connections_stand_still() {
    let mut config = cores(1);
    config.timeouts.idle = Duration::from_secs(2);
    let server = start_app(config, true);
    let mut client = server.connect();
    assert_eq!(client.get("/plaintext").status, 200);
    resize(&server, 0);
    let parked = Instant::now();
    wait_for("the time that would have closed it", || {
        parked.elapsed() > Duration::from_millis(2200)
    });
    resize(&server, 1);
    let back = Instant::now();
    wait_for("time to close it in", || {
        back.elapsed() > Duration::from_millis(150)
    });
    assert_eq!(client.get("/plaintext").status, 200);
    // And then they go on.
    assert_eq!(client.rest(), b"");
}

#[test]
fn m16_a_move_does_not_begin_the_idle_time_anew() {
    let mut config = cores(1);
    config.timeouts.idle = Duration::from_secs(4);
    let server = start_app(config, true);
    let mut client = server.connect();
    assert_eq!(client.get("/plaintext").status, 200);
    let began = Instant::now();
    wait_for("most of it", || began.elapsed() > Duration::from_secs(3));
    resize(&server, 0);
    resize(&server, 1);
    assert_eq!(client.rest(), b"");
    assert!(
        began.elapsed() < Duration::from_secs(7),
        "{:?}",
        began.elapsed()
    );
}

#[test]
fn m2_more_cores_than_slots_is_an_error_that_names_them() {
    let mut config = cores(1);
    config.core_slots = Some(number(2));
    let server = start_app(config, true);
    let error = server
        .running()
        .handle()
        .wait_resize(3)
        .expect_err("too many");
    assert!(
        error.contains("core_slots") && error.contains('3'),
        "{error}"
    );
    assert_eq!(at(&server.status(), "/pool/target"), 1, "nothing changed");
}

#[test]
fn m1_a_drain_without_cores_serves_who_waits() {
    let server = start_app(cores(1), true);
    let mut parked = server.connect();
    assert_eq!(parked.get("/plaintext").status, 200);
    resize(&server, 0);
    parked.send("GET /plaintext HTTP/1.1\r\nHost: a\r\n\r\n");
    let mut queued = server.connect();
    queued.send("GET /plaintext HTTP/1.1\r\nHost: a\r\n\r\n");
    server.running().handle().drain();
    for client in [&mut parked, &mut queued] {
        assert_eq!(client.answer().text(), "Hello, World!");
    }
    let ended = server.join();
    assert_eq!(ended.cut, 0);
    assert_eq!(ended.connections.open + ended.connections.in_transit(), 0);
    assert_eq!(ended.connections.accepted, 2);
}

#[test]
fn m1_a_stop_without_cores_accounts_for_who_is_parked() {
    let server = start_app(cores(1), true);
    let mut parked = server.connect();
    assert_eq!(parked.get("/plaintext").status, 200);
    resize(&server, 0);
    server.running().handle().stop();
    let ended = server.join();
    assert_eq!(ended.connections.accepted, 1);
    assert_eq!(ended.connections.in_transit(), 0, "{ended:?}");
    assert_eq!(ended.connections.aborted, 1, "{ended:?}");
}

/// Keeps every core at work with requests that burn it, one connection each.
fn burn(server: &TestServer, ms: u32) -> Client {
    let mut client = server.connect();
    client.send(format!("GET /spin?ms={ms} HTTP/1.1\r\nHost: a\r\n\r\n"));
    client
}

#[test]
fn p2_a_pool_starts_with_the_fewest_and_asks_nobody_for_more() {
    let mut config = between(2, 4);
    config.pool.trim_interval = Duration::from_millis(50);
    let server = start_app(config, true);
    let status = server.status();
    for (field, expected) in [("target", 2), ("spawned", 2), ("min", 2), ("max", 4)] {
        assert_eq!(at(&status, &format!("/pool/{field}")), expected, "{field}");
    }
    let indices: Vec<u64> = status["cores"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|core| at(core, "/index"))
        .collect();
    assert_eq!(indices, [0, 1]);
    // It serves with these alone, at once, and every listener that is there has one of them as owner.
    for listener in status["listeners"].as_array().expect("a list") {
        assert!(at(listener, "/owner_core") < 2, "{listener}");
    }
    assert_eq!(server.get("/plaintext").status, 200);
    // Idle as it is, it neither grows nor goes below.
    let begun = Instant::now();
    wait_for("many intervals", || {
        begun.elapsed() > Duration::from_millis(500)
    });
    assert_eq!(at(&server.status(), "/pool/spawned"), 2);
}

#[test]
fn p3_a_busy_pool_grows_by_one_and_p7_an_idle_one_is_trimmed() {
    let mut config = between(1, 2);
    config.pool.trim_interval = Duration::from_millis(200);
    config.pool.stall = Duration::from_secs(60);
    config.admission = ringgate::config::AdmissionLimits::new(
        Some(number(1)),
        ringgate::config::MaxAccepts::Unbounded,
    )
    .expect("consistent");
    let server = start_app(config, true);
    let status = server.status();
    assert_eq!(at(&status, "/pool/target"), 1);
    assert_eq!((at(&status, "/pool/min"), at(&status, "/pool/max")), (1, 2));
    // The gate lets one run at a time: the others are queued while the core is busy.
    let mut clients: Vec<Client> = (0..20).map(|_| burn(&server, 150)).collect();
    wait_for("it has grown", || {
        // A machine that stalls may have spent their time before anybody looked.
        if server.total("requests/pending") < 10 {
            clients.extend((0..10).map(|_| burn(&server, 150)));
        }
        at(&server.status(), "/pool/running") == 2
    });
    for client in &mut clients {
        assert_eq!(client.answer().status, 200);
    }
    wait_for("it is trimmed", || {
        let status = server.status();
        at(&status, "/pool/target") == 1 && at(&status, "/pool/running") == 1
    });
    // The fewest stay, also when it is forced (rows P5 and P6).
    let trimmed = super::common::block_on(server.running().handle().trim());
    assert!(trimmed.is_err());
}

#[test]
fn p6_a_forced_trim_does_not_wait_for_the_interval() {
    let server = start_app(between(1, 2), true);
    let handle = server.running().handle();
    resize(&server, 2);
    super::common::block_on(handle.trim()).expect("an idle core leaves");
    wait_for("one core", || at(&server.status(), "/pool/running") == 1);
}

#[test]
fn p1_the_bounds_bind_the_automatic_rules_only() {
    let mut config = between(1, 2);
    config.core_slots = Some(number(4));
    config.pool.trim_interval = Duration::from_millis(50);
    let server = start_app(config, true);
    resize(&server, 4);
    let status = server.status();
    assert_eq!(at(&status, "/pool/running"), 4);
    assert_eq!(status["pool"]["auto"], false);
    // The rules rest: nothing is trimmed in many intervals.
    let begun = Instant::now();
    wait_for("many intervals", || {
        begun.elapsed() > Duration::from_millis(1500)
    });
    assert_eq!(at(&server.status(), "/pool/running"), 4);
    super::common::block_on(server.running().handle().resize_auto()).expect("on again");
    wait_for("the pool is back within its bounds", || {
        at(&server.status(), "/pool/running") <= 2
    });
}

#[test]
fn p8_the_state_of_the_pool_can_be_read() {
    let server = start_app(cores(2), true);
    let status = server.status();
    for (field, expected) in [
        ("target", 2),
        ("spawned", 2),
        ("running", 2),
        ("trim_requested", 0),
        ("queued", 0),
        ("parked", 0),
        ("quarantined", 0),
    ] {
        assert_eq!(at(&status, &format!("/pool/{field}")), expected, "{field}");
    }
    let metrics = super::common::block_on(server.running().handle().metrics());
    let metrics = metrics.expect("it runs");
    assert_eq!(metrics.pool.get("spawned"), Some(&2));
    assert_eq!((metrics.queued, metrics.parked), (0, 0));
    let sum = at(&status, "/pool/waiting") + at(&status, "/pool/busy");
    assert_eq!(sum, at(&status, "/pool/running"));
}

#[test]
fn p9_a_resize_after_the_end_is_an_error() {
    let server = start_app(cores(1), true);
    let handle = server.running().handle().clone();
    handle.stop();
    server.join();
    let error = handle.wait_resize(1).expect_err("it has ended");
    assert!(error.contains("ended"), "{error}");
}

#[test]
fn m6_a_leaving_core_accepts_nothing_finishes_what_runs_and_hands_the_rest_over() {
    let server = start_app(cores(2), true);
    let mut running = Vec::new();
    // Until core 1 runs one: the kernel chooses.
    wait_for("a request on core 1", || {
        let mut client = server.connect();
        client.send("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nha");
        running.push(client);
        let status = server.status();
        at(&status, "/cores/1/requests/running") > 0
    });
    let mut idle: Vec<Client> = (0..16).map(|_| server.connect()).collect();
    for client in &mut idle {
        assert_eq!(client.get("/plaintext").status, 200);
    }
    server.running().handle().wait_resize(1).expect("resized");
    wait_for("core 1 has only what runs", || {
        let status = server.status();
        let core = &status["cores"][1];
        core["state"] == "leaving" && core["connections"]["open"] == core["requests"]["running"]
    });
    let accepted = at(&server.status(), "/cores/1/connections/accepted");
    for _ in 0..16 {
        assert_eq!(server.get("/plaintext").status, 200);
    }
    let status = server.status();
    if let Some(core) = status["cores"].get(1) {
        let now = core["connections"]["accepted"].as_u64();
        assert_eq!(now, Some(accepted), "it accepts nothing");
    }
    for client in &mut idle {
        assert_eq!(client.get("/plaintext").status, 200);
    }
    for client in &mut running {
        client.send("lf");
        assert_eq!(client.answer().text(), "half");
    }
    wait_for("one core", || at(&server.status(), "/pool/spawned") == 1);
    for client in &mut running {
        assert_eq!(
            client.get("/plaintext").status,
            200,
            "it moved when it was idle"
        );
    }
}

#[test]
fn m6_what_has_not_left_within_the_graceful_timeout_is_closed() {
    let mut config = cores(2);
    config.drain.graceful_timeout = Duration::from_millis(300);
    let server = start_app(config, true);
    let mut running = Vec::new();
    wait_for("a request on core 1", || {
        let mut client = server.connect();
        client.reset_when_dropped();
        client.send("GET /sleep?ms=60000 HTTP/1.1\r\nHost: a\r\n\r\n");
        running.push(client);
        at(&server.status(), "/cores/1/requests/running") > 0
    });
    resize(&server, 1);
    wait_for("they are aborted", || server.total("requests/aborted") > 0);
    wait_for("the others run", || {
        let status = server.status();
        at(&status, "/cores/0/requests/running") + at(&status, "/totals/requests/aborted")
            == running.len() as u64
    });
    drop(running);
}

#[test]
fn m7_a_worn_core_is_replaced_before_it_leaves() {
    let mut config = cores(2);
    config.pool.accepts = 20;
    // Each core tells what it is by the number of its birth.
    let births = Arc::new(AtomicU64::new(0));
    let made = births.clone();
    let router = app::router(AppOptions {
        status: true,
        trouble: true,
        ..AppOptions::default()
    });
    let server = start_with(config, router, move |core: &CoreInfo| {
        made.fetch_add(1, Ordering::Relaxed);
        AppState::new(core)
    });
    let mut kept = server.connect();
    let fewest = Arc::new(AtomicU64::new(u64::MAX));
    let mut round = 0;
    wait_for("several generations", || {
        round += 1;
        for _ in 0..5 {
            assert_eq!(server.get("/plaintext").status, 200);
        }
        assert_eq!(kept.get("/plaintext").status, 200);
        let running = server.status()["cores"].as_array().map_or(0, |cores| {
            let rest = ["starting", "retiring", "leaving"];
            let serves = |core: &&Value| !rest.contains(&core["state"].as_str().unwrap_or(""));
            cores.iter().filter(serves).count() as u64
        });
        fewest.fetch_min(running, Ordering::Relaxed);
        births.load(Ordering::Relaxed) >= 8
    });
    assert!(
        fewest.load(Ordering::Relaxed) >= 2,
        "the replacement came first"
    );
    wait_for("the old ones are gone", || {
        at(&server.status(), "/pool/spawned") == 2
    });
}

#[test]
fn m7_an_old_core_is_replaced() {
    let mut config = cores(1);
    config.pool.core_age = Duration::from_millis(100);
    let server = start_app(config, true);
    let mut kept = server.connect();
    let accepted_by = |server: &TestServer| server.status()["cores"][0]["index"].clone();
    let first = accepted_by(&server);
    wait_for("another core", || {
        assert_eq!(kept.get("/plaintext").status, 200);
        accepted_by(&server) != first
    });
}

#[test]
fn m15_one_core_is_stopped_gracefully_or_at_once() {
    let server = start_app(cores(2), true);
    let handle = server.running().handle().clone();
    let mut idle: Vec<Client> = (0..32).map(|_| server.connect()).collect();
    for client in &mut idle {
        assert_eq!(client.get("/plaintext").status, 200);
    }
    let order = |core, order| super::common::block_on(handle.order_core(core, order));
    order(1, CoreOrder::Stop).expect("stopped");
    wait_for("core 1 is replaced", || {
        let status = server.status();
        let cores = status["cores"].as_array().expect("a list");
        cores.len() == 2 && cores.iter().all(|core| core["index"] != 1)
    });
    for client in &mut idle {
        assert_eq!(client.get("/plaintext").status, 200, "nobody was lost");
    }
    let mine = at(&server.status(), "/cores/0/connections/open");
    order(0, CoreOrder::Kill).expect("killed");
    wait_for("its connections are closed", || {
        server.total("connections/open") == 32 - mine
    });
    wait_for("another runs", || {
        at(&server.status(), "/pool/running") == 2
    });
    assert_eq!(server.get("/plaintext").status, 200);
    let error = order(99, CoreOrder::Stop).expect_err("no such core");
    assert!(error.contains("no core 99"), "{error}");
}

#[test]
fn m10_accepting_pauses_at_the_bound_of_connections_and_resumes_below() {
    let mut config = cores(1);
    config.rings.max_connections = Some(number(4));
    config.core_slots = Some(number(1));
    let server = start_app(config, true);
    let mut open: Vec<Client> = (0..4).map(|_| server.connect()).collect();
    for client in &mut open {
        assert_eq!(client.get("/plaintext").status, 200);
    }
    let mut waiting = server.connect();
    waiting.send("GET /plaintext HTTP/1.1\r\nHost: a\r\n\r\n");
    wait_for("it is queued in the kernel", || {
        at(&server.status(), "/listeners/0/queue") == 1 || server.total("connections/open") == 5
    });
    // The one that was under way when the bound was reached may be in, no more.
    let mut second = server.connect();
    second.send("GET /plaintext HTTP/1.1\r\nHost: a\r\n\r\n");
    wait_for("the queue grows", || {
        at(&server.status(), "/listeners/0/queue") >= 1
    });
    assert!(server.total("connections/open") <= 5);
    open.truncate(1);
    assert_eq!(waiting.answer().status, 200);
    assert_eq!(second.answer().status, 200);
}

#[test]
fn m16_idle_connections_and_worn_ones_are_closed() {
    let mut config = cores(1);
    config.timeouts.idle = Duration::from_secs(2);
    config.timeouts.requests_per_connection = 3;
    let server = start_app(config, true);
    let mut worn = server.connect();
    for served in 1..=3 {
        let answer = worn.get("/plaintext");
        assert_eq!(answer.closes(), served == 3, "request {served}");
    }
    assert_eq!(worn.rest(), b"");
    let mut idle = server.connect();
    assert_eq!(idle.get("/plaintext").status, 200);
    assert_eq!(idle.get("/plaintext").status, 200, "not yet");
    assert_eq!(idle.rest(), b"", "closed without a word");
}

/// Open connections of each core.
fn open(server: &TestServer) -> Vec<u64> {
    let status = server.status();
    let cores = status["cores"].as_array().expect("a list");
    let open = cores.iter().map(|core| at(core, "/connections/open"));
    open.collect()
}

/// So many that each core gets more than a turn of the loop moves.
const LOPSIDED: u64 = 400;

fn lopsided(balance: Switch) -> (TestServer, Vec<Client>) {
    let mut config = cores(1);
    config.core_slots = Some(number(4));
    config.pool.balance = balance;
    let server = start_app(config, true);
    let mut clients: Vec<Client> = (0..LOPSIDED).map(|_| server.connect()).collect();
    for client in &mut clients {
        assert_eq!(client.get("/plaintext").status, 200);
    }
    resize(&server, 4);
    (server, clients)
}

#[test]
fn t1_idle_connections_spread_over_the_cores() {
    let (server, mut clients) = lopsided(Switch::On);
    wait_for("balance", || {
        let open = open(&server);
        let (most, fewest) = (open.iter().max(), open.iter().min());
        open.iter().sum::<u64>() == LOPSIDED
            && most.expect("cores") * 4 <= fewest.expect("cores") * 5
    });
    for client in &mut clients {
        assert_eq!(client.get("/plaintext").status, 200);
    }
}

#[test]
fn without_balance_connections_stay_where_they_are() {
    let (server, clients) = lopsided(Switch::Off);
    let began = Instant::now();
    wait_for("two looks", || {
        began.elapsed() > Duration::from_millis(2300)
    });
    assert_eq!(open(&server), [LOPSIDED, 0, 0, 0]);
    drop(clients);
}

#[test]
fn m8_a_new_connection_wakes_one_core() {
    const CONNECTIONS: u64 = 64;
    let server = start_app(cores(4), true);
    let turns = || {
        let metrics = super::common::block_on(server.running().handle().metrics());
        let cores = metrics.expect("it runs").cores;
        cores.iter().map(|core| core.turns).sum::<u64>()
    };
    let before = turns();
    let mut polls = 1;
    let clients: Vec<Client> = (0..CONNECTIONS)
        .map(|_| {
            let client = server.connect();
            // Apart from each other, so that a turn does not serve two. If it does all the same, the
            // test sees less and is not wrong.
            std::thread::sleep(Duration::from_millis(3));
            client
        })
        .collect();
    wait_for("all are accepted", || {
        polls += 1;
        server.total("connections/open") == CONNECTIONS
    });
    let woken = turns() - before;
    // Each question wakes every core as well, for its figures.
    let allowed = CONNECTIONS + CONNECTIONS / 4 + (polls + 1) * 4 * 2;
    assert!(
        woken <= allowed,
        "{woken} turns for {CONNECTIONS} connections, {polls} questions"
    );
    drop(clients);
}

#[test]
fn m6_the_field_that_tells_the_core_changes_on_the_same_socket() {
    let server = start_app(cores(2), true);
    let core_of = |client: &mut Client| {
        let answer = client.get("/core");
        answer
            .header("x-ringgate-core")
            .expect("the field")
            .to_owned()
    };
    let mut clients: Vec<Client> = (0..16).map(|_| server.connect()).collect();
    let before: Vec<String> = clients.iter_mut().map(core_of).collect();
    assert!(
        before.iter().any(|core| core == "1"),
        "the kernel spreads them"
    );
    resize(&server, 1);
    for client in &mut clients {
        let address = client.stream().local_addr().expect("bound");
        assert_eq!(core_of(client), "0");
        assert_eq!(client.stream().local_addr().expect("bound"), address);
    }
}
