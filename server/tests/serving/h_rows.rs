//! Rows of the first founding text on a running server that need handlers a test controls.

use super::common::stage::{Stage, hold, limits, number};
use super::common::{Client, TestServer, config, start_with, wait_for};
use ringgate::config::{AdmissionLimits, CoreSpec, DrainPending, LimitsChange, MaxAccepts, Shed};
use ringgate::handler::{Request, Response, Router};
use ringgate::{Server, StartError};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::{Duration, Instant};

fn change(words: &str) -> LimitsChange {
    words.parse().expect("limits")
}

fn set_limits(server: &TestServer, words: &str) -> Result<(), String> {
    server.running().handle().wait_set_limits(change(words))
}

fn statuses(clients: &mut [Client]) -> Vec<u16> {
    let answers = clients.iter_mut().map(|client| client.answer().status);
    answers.collect()
}

#[test]
fn h2_a_bad_live_change_is_refused_with_both_numbers_and_leaves_the_old_limits() {
    let stage = Stage::default();
    let mut config = config();
    config.admission = limits(2, 4);
    let server = stage.start(config);
    for (words, named) in [
        ("max_threads=4", ["max_threads = 4", "max_accepts = 4 "]),
        ("max_accepts=2", ["max_threads = 2", "max_accepts = 2 "]),
        (
            "max_threads=none",
            ["max_threads = none", "max_accepts = 4 "],
        ),
    ] {
        let refusal = set_limits(&server, words).expect_err(words);
        for text in named {
            assert!(
                refusal.contains(text) || refusal.contains(text.trim()),
                "{refusal}"
            );
        }
        let status = server.status();
        assert_eq!(status["limits"]["max_threads"], 2);
        assert_eq!(status["limits"]["max_accepts"], 4);
    }
    let mut clients: Vec<_> = (0..5).map(|id| hold(&server, id)).collect();
    stage.release_all();
    assert_eq!(statuses(&mut clients), [200, 200, 503, 200, 200]);
}

#[test]
fn h3_without_a_limit_everything_runs_at_once() {
    let stage = Stage::default();
    let mut config = config();
    config.cores = CoreSpec::Exactly(number(2));
    let server = stage.start(config);
    let mut clients: Vec<_> = (0..100)
        .map(|id| {
            let mut client = server.connect();
            client.send(format!("GET /hold/{id} HTTP/1.1\r\nHost: a\r\n\r\n"));
            client
        })
        .collect();
    wait_for("all run", || server.total("requests/running") == 100);
    assert_eq!(server.total("requests/pending"), 0);
    stage.release_all();
    assert_eq!(statuses(&mut clients), [200; 100]);
}

#[test]
fn h7_with_shed_newest_the_fifth_is_the_one_denied() {
    let stage = Stage::default();
    let mut config = config();
    config.cores = CoreSpec::Exactly(number(4));
    config.admission = limits(2, 4);
    config.queue.shed = Shed::Newest;
    let server = stage.start(config);
    let mut clients: Vec<_> = (0..5).map(|id| hold(&server, id)).collect();
    stage.release_all();
    assert_eq!(statuses(&mut clients), [200, 200, 200, 200, 503]);
}

#[test]
fn h8_an_unbounded_queue_never_answers_503() {
    let stage = Stage::default();
    let mut config = config();
    config.admission = AdmissionLimits::new(Some(number(1)), MaxAccepts::Unbounded).unwrap();
    let server = stage.start(config);
    let mut clients: Vec<_> = (0..200).map(|id| hold(&server, id)).collect();
    assert_eq!(server.total("requests/pending"), 199);
    stage.release_all();
    assert_eq!(statuses(&mut clients), [200; 200]);
    let order: Vec<u64> = (0..200).collect();
    assert_eq!(stage.began(), order, "first come, first served");
}

/// Each ending in turn, and after each both counts are where they were.
#[test]
fn h9_both_counts_fall_exactly_once_at_every_ending() {
    let stage = Stage::default();
    let mut config = config();
    config.admission = limits(1, 2);
    let server = stage.start(config);
    let empty = || {
        wait_for("both counts are zero", || {
            let gate = server.status()["gate"].clone();
            server.total("requests/running") + server.total("requests/pending") == 0
                && gate["slots_taken"] == 0
                && gate["waiting"] == 0
        });
    };
    // Ends, at once and later.
    assert_eq!(server.get("/core").status, 200);
    stage.release(1);
    assert_eq!(server.get("/hold/1").status, 200);
    empty();
    // Panics.
    assert_eq!(server.get("/panic").status, 500);
    empty();
    // Disconnects while running, and while waiting.
    let runs = hold(&server, 2);
    let waits = hold(&server, 3);
    waits.reset_when_dropped();
    drop(waits);
    wait_for("who waited is gone", || {
        server.total("requests/pending") == 0
    });
    runs.reset_when_dropped();
    drop(runs);
    empty();
    // A waiting one whose connection breaks in the moment of its grant.
    for id in 10..40 {
        let runs = hold(&server, id);
        let waits = hold(&server, id + 100);
        runs.reset_when_dropped();
        waits.reset_when_dropped();
        drop((runs, waits));
        empty();
    }
    // Rejects.
    let mut clients: Vec<_> = (50..53).map(|id| hold(&server, id)).collect();
    assert_eq!(clients[1].answer().status, 503, "the oldest that waited");
    stage.release(50);
    stage.release(52);
    assert_eq!(clients[0].answer().status, 200);
    assert_eq!(clients[2].answer().status, 200);
    drop(clients);
    empty();
    // Had a count fallen twice, two would run now; had one not fallen, none.
    let mut clients: Vec<_> = (60..62).map(|id| hold(&server, id)).collect();
    assert_eq!(server.total("requests/running"), 1);
    assert_eq!(server.total("requests/pending"), 1);
    stage.release_all();
    assert_eq!(statuses(&mut clients), [200, 200]);
}

#[test]
fn h11_accepting_goes_on_while_every_slot_is_taken() {
    let stage = Stage::default();
    let mut config = config();
    config.admission = limits(1, 3);
    let server = stage.start(config);
    let mut clients: Vec<_> = (0..3).map(|id| hold(&server, id)).collect();
    let before = server.total("connections/accepted");
    let more: Vec<_> = (0..50).map(|_| server.connect()).collect();
    wait_for("all are accepted", || {
        server.total("connections/accepted") == before + 50
    });
    assert_eq!(server.total("requests/pending"), 2);
    drop(more);
    stage.release_all();
    assert_eq!(statuses(&mut clients), [200; 3]);
}

#[test]
fn h13_state_is_made_on_each_core_before_it_takes_work_and_dropped_when_it_goes() {
    static MADE: AtomicU32 = AtomicU32::new(0);
    static DROPPED: AtomicU32 = AtomicU32::new(0);
    struct Expensive(u32);
    impl Drop for Expensive {
        fn drop(&mut self) {
            DROPPED.fetch_add(1, Ordering::SeqCst);
        }
    }
    let router = Router::new().get("/", |request: Request<Expensive>| async move {
        Response::text(format!("{} {}", request.core(), request.state().0))
    });
    let mut config = config();
    config.cores = CoreSpec::Exactly(number(2));
    config.core_slots = Some(number(3));
    let server = start_with(config, router, |core| {
        // A server that serves before its cores have their state is seen without it.
        std::thread::sleep(Duration::from_millis(50));
        MADE.fetch_add(1, Ordering::SeqCst);
        Expensive(core.index())
    });
    // The server is up: its cores have their state, and no request has come yet.
    assert_eq!(MADE.load(Ordering::SeqCst), 2);
    for _ in 0..50 {
        let answer = server.get("/");
        let (core, state) = answer.text().split_once(' ').expect("two numbers");
        assert_eq!(core, state, "each core has its own");
    }
    assert_eq!(MADE.load(Ordering::SeqCst), 2, "no request paid for it");
    let handle = server.running().handle().clone();
    super::common::block_on(handle.resize_and_wait(3)).expect("three cores");
    assert_eq!(MADE.load(Ordering::SeqCst), 3);
    super::common::block_on(handle.resize_and_wait(1)).expect("one core");
    wait_for("two are torn down", || DROPPED.load(Ordering::SeqCst) == 2);
    drop(server);
    assert_eq!(DROPPED.load(Ordering::SeqCst), 3);
}

#[test]
fn h14_raised_limits_start_what_waits_in_order_and_lowered_ones_shed_what_waits() {
    let stage = Stage::default();
    let mut config = config();
    config.admission = limits(1, 6);
    let server = stage.start(config);
    let mut clients: Vec<_> = (0..6).map(|id| hold(&server, id)).collect();
    assert_eq!(stage.began(), [0]);
    set_limits(&server, "max_threads=3").expect("a good pair");
    wait_for("two more run", || stage.began().len() == 3);
    assert_eq!(stage.began(), [0, 1, 2]);
    assert_eq!(server.total("requests/running"), 3);
    set_limits(&server, "max_threads=1 max_accepts=4").expect("a good pair");
    // Six are in, four may be: the two oldest that wait go, and nothing that runs.
    assert_eq!(clients[3].answer().status, 503);
    assert_eq!(clients[4].answer().status, 503);
    assert_eq!(server.total("requests/running"), 3);
    assert_eq!(server.total("requests/pending"), 1);
    set_limits(&server, "max_threads=none max_accepts=none").expect("a good pair");
    wait_for("the last runs too", || stage.began().len() == 4);
    stage.release_all();
    for id in [0, 1, 2, 5] {
        assert_eq!(clients[id].answer().status, 200, "{id}");
    }
    assert_eq!(stage.began(), [0, 1, 2, 5]);
}

#[test]
fn h15_starting_twice_is_an_error_stopping_twice_is_nothing_and_use_afterwards_says_so() {
    let stage = Stage::default();
    let server = stage.start(config());
    let mut again = config();
    again.listen = vec![server.address().into()];
    let router = Router::new().get("/", |_: Request| async { "" });
    let error = Server::new(again, router).start().expect_err("it is taken");
    assert!(matches!(error, StartError::Listen(_)), "{error}");
    assert!(
        error.to_string().contains(&server.address().to_string()),
        "{error}"
    );
    let handle = server.running().handle().clone();
    handle.stop();
    handle.stop();
    let ended = server.join();
    assert_eq!((ended.cut, ended.failed), (0, None));
    handle.stop();
    handle.drain();
    let asked = Instant::now();
    for refusal in [
        handle.wait_resize(2),
        handle.wait_set_limits(change("max_threads=1")),
    ] {
        let text = refusal.expect_err("it has ended");
        assert!(text.contains("ended"), "{text}");
    }
    assert!(handle.wait_status().is_none());
    assert!(asked.elapsed() < Duration::from_secs(5), "told at once");
}

#[test]
fn h16_with_refuse_each_pending_one_gets_its_503_and_running_ones_finish() {
    let stage = Stage::default();
    let mut config = config();
    config.admission = limits(1, 9);
    config.drain.pending = DrainPending::Refuse;
    let server = stage.start(config);
    let mut clients: Vec<_> = (0..4).map(|id| hold(&server, id)).collect();
    let handle = server.running().handle().clone();
    handle.drain();
    for client in &mut clients[1..] {
        let answer = client.answer();
        assert_eq!(answer.status, 503);
        assert_eq!(answer.header("x-ringgate-reason"), Some("draining"));
    }
    stage.release_all();
    assert_eq!(clients[0].answer().status, 200);
    drop(clients);
    let ended = server.join();
    assert_eq!(
        (ended.requests.answered, ended.requests.rejected.sum()),
        (1, 3)
    );
    assert_eq!((ended.requests.running, ended.requests.pending), (0, 0));
    // A new start begins at zero.
    let server = stage.start(super::common::config());
    assert_eq!(server.total("requests/begun"), 0);
}

#[test]
fn h16_with_serve_pending_ones_are_served_in_order() {
    let stage = Stage::default();
    let mut config = config();
    config.admission = limits(1, 9);
    let server = stage.start(config);
    let mut clients: Vec<_> = (0..4).map(|id| hold(&server, id)).collect();
    server.running().handle().drain();
    wait_for("it drains", || server.status()["phase"] == "draining");
    // They still wait, each in its place.
    assert_eq!(server.total("requests/pending"), 3);
    stage.release_all();
    assert_eq!(statuses(&mut clients), [200; 4]);
    drop(clients);
    assert_eq!(stage.began(), [0, 1, 2, 3]);
    let ended = server.join();
    assert!(ended.drained);
    assert_eq!((ended.cut, ended.requests.answered), (0, 4));
}

#[test]
fn h16_at_the_deadline_who_still_waits_gets_a_503() {
    let stage = Stage::default();
    let mut config = config();
    config.admission = limits(1, 9);
    config.drain.graceful_timeout = Duration::from_millis(200);
    let server = stage.start(config);
    let mut clients: Vec<_> = (0..3).map(|id| hold(&server, id)).collect();
    server.running().handle().drain();
    for client in &mut clients[1..] {
        let answer = client.answer();
        assert_eq!(answer.status, 503);
        assert_eq!(answer.header("x-ringgate-reason"), Some("draining"));
    }
    let ended = server.join();
    assert_eq!(ended.cut, 1, "the one that ran");
    assert_eq!(ended.requests.rejected.sum(), 2);
}

/// Counts of four cores, each written by one thread, lose nothing: the clients know the truth.
#[test]
fn h19_what_the_cores_count_each_for_itself_adds_up_to_what_clients_saw() {
    let stage = Stage::default();
    let mut config = config();
    config.cores = CoreSpec::Exactly(number(4));
    config.admission = limits(2, 0);
    let server = stage.start(config);
    let answered = Arc::new(AtomicU32::new(0));
    let refused = Arc::new(AtomicU32::new(0));
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for _ in 0..100 {
                    match server.get("/core").status {
                        200 => answered.fetch_add(1, Ordering::Relaxed),
                        503 => refused.fetch_add(1, Ordering::Relaxed),
                        other => panic!("{other}"),
                    };
                }
            });
        }
    });
    let status = server.status();
    let per_core = |figure: &str| -> u64 {
        let cores = status["cores"].as_array().expect("a list").iter();
        cores
            .map(|core| match &core["requests"][figure] {
                serde_json::Value::Object(reasons) => {
                    reasons.values().filter_map(|n| n.as_u64()).sum()
                }
                number => number.as_u64().expect("a count"),
            })
            .sum()
    };
    assert_eq!(per_core("begun"), 800);
    assert_eq!(
        per_core("answered"),
        u64::from(answered.load(Ordering::Relaxed))
    );
    assert_eq!(
        per_core("rejected"),
        u64::from(refused.load(Ordering::Relaxed))
    );
}

/// One ledger of a status, as far as it balances: what came in, and what became of it.
fn sides(ledger: &serde_json::Value, came: &[&str], became: &[&str]) -> (u64, u64) {
    let number = |name: &&str| match &ledger[*name] {
        serde_json::Value::Object(reasons) => reasons.values().filter_map(|n| n.as_u64()).sum(),
        number => number.as_u64().expect("a count"),
    };
    let sum = |names: &[&str]| names.iter().map(number).sum();
    (sum(came), sum(became))
}

#[test]
fn h19_every_look_balances_while_all_cores_count_and_connections_move() {
    let stage = Stage::default();
    let mut config = config();
    config.cores = CoreSpec::Exactly(number(4));
    config.admission = limits(2, 0);
    let server = stage.start(config);
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                while !over.load(Ordering::Relaxed) {
                    let mut kept = server.connect();
                    kept.send("GET /core HTTP/1.1\r\nHost: a\r\n\r\n".repeat(2));
                    kept.answer();
                }
            });
        }
        let idle: Vec<_> = (0..40).map(|_| server.connect()).collect();
        for look in 0..300 {
            if look % 50 == 49 {
                let size = 1 + look / 50 % 2 * 3;
                let handle = server.running().handle().clone();
                super::common::block_on(handle.resize_and_wait(size)).expect("resized");
            }
            let status = server.status();
            let totals = &status["totals"];
            let connections = sides(
                &totals["connections"],
                &["accepted"],
                &["finished", "rejected", "aborted", "open", "in_transit"],
            );
            let became = ["answered", "rejected", "aborted", "running", "pending"];
            let requests = sides(&totals["requests"], &["begun"], &became);
            if connections.0 != connections.1 || requests.0 != requests.1 {
                over.store(true, Ordering::Relaxed);
                panic!("look {look}: {totals:#}");
            }
        }
        over.store(true, Ordering::Relaxed);
        drop(idle);
    });
}
