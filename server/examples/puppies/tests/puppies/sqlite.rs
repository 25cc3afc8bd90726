//! The puppies in a file of SQLite.

use crate::common::{start, wait_for, workers};
use std::time::{Duration, Instant};

#[test]
fn what_a_puppy_likes_comes_from_the_database() {
    let server = start(1, None, workers(1, 2));
    for (name, likes) in [("Bouncer", "bones"), ("Luna", "walks"), ("Rex", "naps")] {
        let (status, _, body) = server.get(&format!("/puppies/{name}"));
        assert_eq!((status, body), (200, format!("{name} likes {likes}.")));
    }
    assert_eq!(server.get("/puppies/Nobody?ms=60000").0, 404, "and at once");
    assert_eq!(server.get("/puppies/Bouncer?ms=60001").0, 400);
    assert_eq!(server.get("/puppies/Bouncer?ms=long").0, 400);
    assert_eq!(server.get("/puppies/%FF").0, 400);
    let quoted = server.get("/puppies/Bouncer'--").0;
    assert_eq!(quoted, 404, "a name is a value and no part of the query");
}

#[test]
fn the_query_itself_takes_as_long_as_it_is_told() {
    let server = start(1, None, workers(1, 1));
    let began = Instant::now();
    assert_eq!(server.get("/puppies/Bouncer?ms=50").0, 200);
    assert!(began.elapsed() >= Duration::from_millis(50));
}

#[test]
fn t13_slow_queries_hold_up_only_those_who_ask_for_them() {
    let server = start(1, None, workers(1, 2));
    let slow: Vec<_> = (0..8)
        .map(|_| server.ask("GET", "/puppies/Bouncer?ms=500", "", ""))
        .collect();
    wait_for("two queries run, six wait", || {
        let status = server.status();
        (status.lanes[0].busy, status.lanes[0].queued) == (2, 6)
    });
    for _ in 0..50 {
        assert_eq!(server.get("/plaintext").2, "Hello, World!");
    }
    assert!(server.requests_running() > 0, "the slow ones still run");
    for answer in slow {
        assert_eq!(answer.whole().2, "Bouncer likes bones.");
    }
    let lane = &server.status().lanes[0];
    assert_eq!((lane.busy, lane.queued, lane.spawned), (0, 0, 2));
}

#[test]
fn t9_more_than_may_wait_is_refused_with_a_reason() {
    let server = start(1, None, workers(1, 1));
    let slow = server.ask("GET", "/puppies/Bouncer?ms=1500", "", "");
    wait_for("the worker is busy", || server.status().lanes[0].busy == 1);
    let waiting: Vec<_> = (0..16)
        .map(|_| server.ask("GET", "/puppies/Rex", "", ""))
        .collect();
    wait_for("the queue is full", || {
        server.status().lanes[0].queued == 16
    });
    let (status, head, _) = server.get("/puppies/Luna");
    assert_eq!(status, 503);
    assert!(head.contains("x-ringgate-reason: lane-full"), "{head}");
    assert_eq!(server.get("/plaintext").0, 200, "others go on");
    for answer in waiting.into_iter().chain([slow]) {
        assert_eq!(answer.whole().0, 200);
    }
}
