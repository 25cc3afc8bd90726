//! Lanes behind handlers of a running server: slow work stalls nobody, a lane that is full or down
//! says so for its own routes only, and the status tells how each stands.

use crate::common::{Client, TestServer, block_on, config, start_server, wait_for};
use ringgate::lane::{InCoreLane, Lane, LaneError, NoLane, Priority};
use ringgate::{Request, Router, Server, StartError};
use serde_json::Value;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

/// A door that work waits at until the test opens it; it says how many have come to it.
#[derive(Clone, Default)]
struct Door(Arc<(Mutex<bool>, Condvar, AtomicU32)>);

impl Door {
    fn open(&self) {
        *self.0.0.lock().expect("unpoisoned") = true;
        self.0.1.notify_all();
    }

    fn pass(&self) {
        self.0.2.fetch_add(1, Ordering::AcqRel);
        let open = self.0.0.lock().expect("unpoisoned");
        let waited = self
            .0
            .1
            .wait_timeout_while(open, crate::common::PATIENCE, |open| !*open);
        assert!(*waited.expect("unpoisoned").0, "nobody opened the door");
    }

    fn came(&self) -> u32 {
        self.0.2.load(Ordering::Acquire)
    }
}

struct State {
    door: Door,
    database: Lane<u32>,
    mail: Lane,
    inside: InCoreLane,
}

type Answer = Result<String, LaneError>;

async fn slow(request: Request<State>) -> Answer {
    let door = request.state().door.clone();
    let work = move |made: &mut u32| {
        door.pass();
        *made
    };
    let made = request.state().database.run(work).await?;
    Ok(format!("state {made}\n"))
}

async fn quick(request: Request<State>) -> Answer {
    let priority = match request.query() {
        Some("urgent") => Priority::High,
        _ => Priority::Normal,
    };
    let made = request.state().database.run_as(priority, |made| *made);
    Ok(format!("state {}\n", made.await?))
}

async fn post(request: Request<State>) -> Answer {
    request.state().mail.run(|()| "posted\n".to_owned()).await
}

async fn panics(request: Request<State>) -> Answer {
    let work = |_: &mut u32| -> String { panic!("out of bones") };
    request.state().database.run(work).await
}

async fn inside(request: Request<State>) -> Answer {
    let operation = async {
        ringgate::runtime::sleep(Duration::from_millis(1)).await;
        "inside\n".to_owned()
    };
    request.state().inside.run(operation).await
}

fn routes() -> Router<State> {
    Router::new()
        .get("/slow", slow)
        .get("/quick", quick)
        .get("/post", post)
        .get("/panic", panics)
        .get("/inside", inside)
        .get("/plaintext", async |_: Request<State>| "Hello, World!")
}

/// A server on one core with a lane `database` of one worker, whose state is a number and is made
/// while `up` holds.
fn start(door: &Door, up: &Arc<AtomicBool>, queue: u32) -> TestServer {
    let (door, up) = (door.clone(), up.clone());
    let made = AtomicU32::new(0);
    let database = Lane::workers(1)
        .queue_limit(queue)
        .queue_timeout(Duration::from_secs(60))
        .retry(Duration::from_millis(5), Duration::from_millis(20))
        .init(move || match up.load(Ordering::Acquire) {
            true => Ok(made.fetch_add(1, Ordering::Relaxed)),
            false => Err("the database is down"),
        });
    let server = Server::with_state(config(), routes(), move |core| State {
        door: door.clone(),
        database: core.lane("database").expect("there is one"),
        mail: core.lane("mail").expect("there is one"),
        inside: core.in_core_lane("inside").expect("there is one"),
    });
    let server = server
        .lane("database", database)
        .lane("mail", Lane::workers(1..=2).stateless())
        .lane("inside", Lane::in_core(2));
    start_server(server)
}

fn up() -> Arc<AtomicBool> {
    Arc::new(AtomicBool::new(true))
}

fn lane(server: &TestServer, name: &str) -> Value {
    let status = server.status();
    let lanes = status["lanes"].as_array().expect("lanes").clone();
    let mut found = lanes.into_iter().filter(|lane| lane["name"] == name);
    found.next().unwrap_or_else(|| panic!("no lane {name}"))
}

fn ask(server: &TestServer, path: &str) -> Client {
    let mut client = server.connect();
    client.send(format!("GET {path} HTTP/1.1\r\nHost: t\r\n\r\n"));
    client
}

#[test]
fn t13_one_slow_operation_never_stalls_the_server() {
    let door = Door::default();
    let server = start(&door, &up(), 10);
    let mut slow = ask(&server, "/slow");
    wait_for("the operation has begun", || door.came() == 1);
    let mut client = server.connect();
    for _ in 0..100 {
        assert_eq!(client.get("/plaintext").text(), "Hello, World!");
        assert_eq!(client.get("/post").text(), "posted\n");
    }
    assert_eq!(server.total("requests/running"), 1, "it still runs");
    door.open();
    assert_eq!(slow.answer().text(), "state 0\n");
}

#[test]
fn t9_a_lane_at_its_limit_refuses_with_a_reason_while_others_go_on() {
    let door = Door::default();
    let server = start(&door, &up(), 2);
    let mut inside: Vec<_> = Vec::new();
    inside.push(ask(&server, "/slow"));
    wait_for("the worker is busy", || door.came() == 1);
    for _ in 0..2 {
        inside.push(ask(&server, "/slow"));
    }
    wait_for("two wait", || lane(&server, "database")["queued"] == 2);
    let mut client = server.connect();
    let refused = client.get("/quick");
    assert_eq!(refused.status, 503);
    assert_eq!(refused.header("x-ringgate-reason"), Some("lane-full"));
    assert_eq!(refused.header("retry-after"), Some("1"));
    assert!(
        !refused.closes(),
        "the server is well: the connection stays"
    );
    assert_eq!(client.get("/post").text(), "posted\n");
    assert_eq!(client.get("/inside").text(), "inside\n");
    let status = lane(&server, "database");
    assert_eq!((&status["busy"], &status["queued"]), (&1.into(), &2.into()));
    assert_eq!(status["refused"]["full"], 1);
    assert_eq!(door.came(), 1, "one worker, one operation at a time");
    door.open();
    inside
        .iter_mut()
        .for_each(|client| assert_eq!(client.answer().status, 200));
}

#[test]
fn t7_a_handler_resumes_with_the_value_and_a_panic_is_an_answer() {
    let server = start(&Door::default(), &up(), 10);
    let mut client = server.connect();
    assert_eq!(client.get("/quick").text(), "state 0\n");
    let panicked = client.get("/panic");
    assert_eq!(panicked.status, 500);
    assert!(!panicked.text().contains("bones"), "not for clients");
    assert_eq!(client.get("/quick?urgent").text(), "state 1\n", "made anew");
    let status = lane(&server, "database");
    assert_eq!(status["ended"]["panicked"], 1);
    assert_eq!(status["replaced"], 1);
}

#[test]
fn p9_a_lane_that_is_down_answers_503_for_its_own_routes_and_recovers_by_itself() {
    let up = Arc::new(AtomicBool::new(false));
    let server = start(&Door::default(), &up, 10);
    let mut client = server.connect();
    let down = client.get("/quick");
    assert_eq!(down.status, 503);
    assert_eq!(down.header("x-ringgate-reason"), Some("lane-unavailable"));
    assert!(!down.text().contains("database"), "not for clients");
    assert_eq!(client.get("/plaintext").status, 200);
    assert_eq!(client.get("/post").status, 200);
    let status = lane(&server, "database");
    assert_eq!(status["unavailable"], "the database is down");
    up.store(true, Ordering::Release);
    wait_for("it works again", || {
        lane(&server, "database")["unavailable"].is_null()
    });
    assert_eq!(client.get("/quick").text(), "state 0\n");
}

#[test]
fn p8_a_lane_shows_in_the_status_and_in_the_metrics() {
    let server = start(&Door::default(), &up(), 10);
    let mut client = server.connect();
    assert_eq!(client.get("/quick").status, 200);
    assert_eq!(client.get("/inside").status, 200);
    let database = lane(&server, "database");
    for (field, value) in [
        ("spawned", 1),
        ("busy", 0),
        ("queued", 0),
        ("queue_limit", 10),
    ] {
        assert_eq!(database[field], value, "{field} of {database}");
    }
    assert_eq!(database["ended"]["finished"], 1);
    let inside = lane(&server, "inside");
    assert_eq!(
        (&inside["kind"], &inside["max"]),
        (&"in_core".into(), &2.into())
    );
    assert_eq!(inside["ended"]["finished"], 1);
    let metrics = block_on(server.running().handle().metrics()).expect("it runs");
    let page = ringgate::observe::metrics::render(&metrics);
    for line in [
        "ringgate_lane_workers{lane=\"database\",state=\"spawned\"} 1\n",
        "ringgate_lane_ended_total{lane=\"inside\",outcome=\"finished\"} 1\n",
        "ringgate_lane_available{lane=\"mail\",kind=\"workers\"} 1\n",
        "ringgate_lane_limit{lane=\"database\",limit=\"queue\"} 10\n",
    ] {
        assert!(page.contains(line), "{line} not in {page}");
    }
}

#[test]
fn t14_operations_inside_the_cores_are_counted_and_need_no_thread() {
    let server = start(&Door::default(), &up(), 10);
    let mut clients: Vec<_> = (0..20).map(|_| ask(&server, "/inside")).collect();
    for client in &mut clients {
        assert_eq!(client.answer().text(), "inside\n");
    }
    let inside = lane(&server, "inside");
    assert_eq!(
        (&inside["spawned"], &inside["busy"]),
        (&0.into(), &0.into())
    );
    assert_eq!(
        (&inside["submitted"], &inside["ended"]["finished"]),
        (&20.into(), &20.into())
    );
}

#[test]
fn t2_a_lane_is_found_by_its_name_and_its_type() {
    let server = start(&Door::default(), &up(), 10);
    let handle = server.running().handle();
    let unknown = handle.lane::<()>("databse").expect_err("misspelt");
    assert!(matches!(unknown, NoLane::Unknown { .. }));
    assert!(
        unknown.to_string().contains("database, inside, mail"),
        "{unknown}"
    );
    let other = handle.lane::<String>("database").expect_err("another type");
    assert!(matches!(other, NoLane::OtherKind { .. }), "{other}");
    assert!(handle.in_core_lane("mail").is_err());
    let twice = Server::new(config(), Router::new())
        .lane("mail", Lane::workers(1).stateless())
        .lane("mail", Lane::in_core(1));
    match twice.start() {
        Err(StartError::Lane(error)) => assert!(error.to_string().contains("mail")),
        other => panic!("{other:?}"),
    }
}

#[test]
fn h13_no_core_serves_before_the_workers_have_their_state() {
    let made = Arc::new(AtomicBool::new(false));
    let makes = made.clone();
    let slow = Lane::workers(1).init(move || {
        // A core that does not wait for the workers makes its state first.
        std::thread::sleep(Duration::from_millis(100));
        makes.store(true, Ordering::Release);
        Ok::<_, String>(())
    });
    let seen = made.clone();
    let server = Server::with_state(config(), Router::new(), move |_| {
        assert!(seen.load(Ordering::Acquire), "the core is first");
    });
    let server = start_server(server.lane("slow", slow));
    assert!(made.load(Ordering::Acquire));
    drop(server);
}

#[test]
fn a_client_that_goes_away_takes_its_work_out_of_the_queue() {
    let door = Door::default();
    let server = start(&door, &up(), 50);
    let running = ask(&server, "/slow");
    wait_for("the worker is busy", || door.came() == 1);
    let waiting: Vec<_> = (0..20).map(|_| ask(&server, "/slow")).collect();
    wait_for("they wait", || lane(&server, "database")["queued"] == 20);
    for client in waiting.iter().chain([&running]) {
        client.reset_when_dropped();
    }
    drop((running, waiting));
    wait_for("they are gone", || lane(&server, "database")["queued"] == 0);
    door.open();
    wait_for("all is idle", || lane(&server, "database")["busy"] == 0);
    let status = lane(&server, "database");
    assert_eq!(door.came(), 1, "none of them began");
    assert_eq!(status["ended"]["cancelled"], 20);
    assert_eq!(status["ended"]["finished"], 1, "what had begun was let end");
    assert_eq!(server.get("/quick").text(), "state 0\n");
}

#[test]
fn t10_a_stop_lets_the_step_of_a_worker_end_and_a_new_start_begins_anew() {
    for round in 0..2 {
        let door = Door::default();
        let ended = Arc::new(AtomicBool::new(false));
        let (wait, ends) = (door.clone(), ended.clone());
        let router = Router::new().get("/work", move |request: Request<Lane>| {
            let (wait, ends) = (wait.clone(), ends.clone());
            async move {
                let work = move |_: &mut ()| {
                    wait.pass();
                    ends.store(true, Ordering::Release);
                    "worked\n".to_owned()
                };
                request.state().run(work).await
            }
        });
        let server = Server::with_state(config(), router, |core| {
            core.lane("steps").expect("there is one")
        });
        let server = start_server(server.lane("steps", Lane::workers(1).stateless()));
        assert_eq!(lane(&server, "steps")["submitted"], 0, "round {round}");
        let mut client = ask(&server, "/work");
        wait_for("it has begun", || door.came() == 1);
        server.running().handle().drain();
        wait_for("the server drains", || {
            !server.running().handle().is_ready()
        });
        assert!(!ended.load(Ordering::Acquire));
        door.open();
        assert_eq!(client.answer().text(), "worked\n");
        drop(client);
        let ended_with = server.join();
        assert_eq!(ended_with.cut, 0);
        assert!(ended.load(Ordering::Acquire), "the step was let end");
    }
}
