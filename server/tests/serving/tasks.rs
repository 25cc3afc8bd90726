//! Handlers as tasks of their core: each stays where it is, costs nothing while it waits, and is
//! gone when its answer is out.

use crate::common::stage::{Stage, hold};
use crate::common::{
    Client, TestServer, block_on, config, start, start_server, start_with, wait_for,
};
use ringgate::config::{Config, CoreSpec};
use ringgate::lane::{Lane, LaneError};
use ringgate::runtime::current;
use ringgate::{Request, Response, Router, Server};
use std::cell::Cell;
use std::collections::BTreeSet;
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex};
use std::task::{Poll, Waker};
use std::thread::ThreadId;
use std::time::Duration;

fn cores(count: u32) -> Config {
    Config {
        cores: CoreSpec::Exactly(NonZeroU32::new(count).expect("some")),
        ..config()
    }
}

fn ask(server: &TestServer, path: &str) -> Client {
    let mut client = server.connect();
    client.send(format!("GET {path} HTTP/1.1\r\nHost: t\r\n\r\n"));
    client
}

/// Which core answers, and the thread and the CPU it is on.
async fn who(request: Request) -> String {
    let allowed = std::fs::read_to_string("/proc/thread-self/status").expect("/proc");
    let allowed = allowed
        .lines()
        .find_map(|line| line.strip_prefix("Cpus_allowed_list:"));
    let name = std::thread::current().name().unwrap_or_default().to_owned();
    let cpu = allowed.unwrap_or_default().trim().to_owned();
    format!("{} {name} {cpu}", request.core())
}

#[test]
fn t1_each_core_has_its_thread_and_its_cpu_and_they_share_the_work() {
    let server = start_with(cores(2), Router::new().get("/who", who), |_| ());
    let mut seen = BTreeSet::new();
    for _ in 0..200 {
        seen.insert(server.get("/who").text().to_owned());
        if seen.len() == 2 {
            break;
        }
    }
    let seen: Vec<Vec<&str>> = seen.iter().map(|who| who.split(' ').collect()).collect();
    let [zero, one] = &seen[..] else {
        panic!("each of two cores gets a share of 200 connections: {seen:?}");
    };
    assert_eq!((zero[0], zero[1]), ("0", "rg-core-0"));
    assert_eq!((one[0], one[1]), ("1", "rg-core-1"));
    for who in [zero, one] {
        assert!(who[2].parse::<u32>().is_ok(), "pinned to one CPU: {who:?}");
    }
}

/// A place for a word from another core.
#[derive(Default)]
struct Word {
    said: bool,
    waker: Option<Waker>,
}

#[test]
fn t3_a_task_is_polled_by_its_own_core_whoever_wakes_it() {
    let place = Arc::new(Mutex::new(Word::default()));
    let (waits, says) = (place.clone(), place.clone());
    let hear = move |request: Request| {
        let place = waits.clone();
        async move {
            let begun_on = std::thread::current().id();
            let mut polled_on = BTreeSet::new();
            std::future::poll_fn(|cx| {
                polled_on.insert(format!("{:?}", std::thread::current().id()));
                let mut word = place.lock().expect("unpoisoned");
                word.waker = Some(cx.waker().clone());
                if word.said {
                    Poll::Ready(())
                } else {
                    Poll::Pending
                }
            })
            .await;
            assert_eq!(std::thread::current().id(), begun_on);
            assert_eq!(polled_on.len(), 1);
            format!("{}", request.core())
        }
    };
    let say = move |request: Request| {
        let place = says.clone();
        async move {
            let mut word = place.lock().expect("unpoisoned");
            word.said = true;
            let waker = word.waker.take();
            drop(word);
            waker.into_iter().for_each(Waker::wake);
            format!("{}", request.core())
        }
    };
    let router = Router::new()
        .get("/hear", hear)
        .get("/say", say)
        .get("/who", async |request: Request| {
            format!("{}", request.core())
        });
    let server = start_with(cores(2), router, |_| ());
    // One connection on each core.
    let mut on = [None, None];
    while on.iter().any(Option::is_none) {
        let mut client = server.connect();
        let core: usize = client.get("/who").text().parse().expect("a core");
        on[core] = Some(client);
    }
    let [Some(mut zero), Some(mut one)] = on else {
        unreachable!("both are there")
    };
    for _ in 0..50 {
        *place.lock().expect("unpoisoned") = Word::default();
        zero.send("GET /hear HTTP/1.1\r\nHost: t\r\n\r\n");
        wait_for("it waits", || {
            place.lock().expect("unpoisoned").waker.is_some()
        });
        assert_eq!(one.get("/say").text(), "1");
        assert_eq!(zero.answer().text(), "0");
    }
}

#[test]
fn t4_a_request_is_over_when_its_answer_is_out_and_not_before() {
    const SIZE: usize = 24 << 20;
    let large = async |_: Request| Response::text(vec![b'x'; SIZE]);
    let server = start_with(config(), Router::new().get("/large", large), |_| ());
    let mut client = ask(&server, "/large");
    // The handler has ended, and the socket takes no more: the client does not read.
    client.head();
    wait_for("the handler has ended", || {
        let metrics = block_on(server.running().handle().metrics()).expect("it runs");
        metrics.cores[0].tasks == 0
    });
    assert_eq!(server.total("requests/running"), 1);
    assert_eq!(server.total("requests/answered"), 0);
    assert_eq!(client.take(SIZE).len(), SIZE);
    wait_for("it is over", || server.total("requests/answered") == 1);
    assert_eq!(server.total("requests/running"), 0);
}

#[test]
fn t5_the_acceptor_never_finishes() {
    let mut one_by_one = config();
    one_by_one.without = vec![ringgate::config::RingFlag::MultishotAccept];
    for config in [config(), one_by_one] {
        let server = start_with(config, Router::new().get("/who", who), |_| ());
        for round in 0..100 {
            let mut client = server.connect();
            match round % 3 {
                0 => client.reset_when_dropped(),
                1 => client.send("nonsense\r\n\r\n"),
                _ => assert_eq!(client.get("/who").status, 200),
            }
        }
        assert_eq!(server.get("/who").status, 200);
        wait_for("all were accepted", || {
            server.total("connections/accepted") == 101
        });
    }
}

#[test]
fn t6_a_trivial_handler_finishes_at_once_without_suspension() {
    let turn = async |_: Request| {
        let counts = current().counts();
        format!("{} {}", counts.turns, counts.tasks)
    };
    let server = start_with(config(), Router::new().get("/turn", turn), |_| ());
    let mut client = server.connect();
    client.send("GET /turn HTTP/1.1\r\nHost: t\r\n\r\n".repeat(16));
    let answers: BTreeSet<String> = (0..16).map(|_| client.answer().text().to_owned()).collect();
    assert_eq!(
        answers.len(),
        1,
        "all in one turn, one after the other: {answers:?}"
    );
    let metrics = block_on(server.running().handle().metrics()).expect("it runs");
    assert_eq!(metrics.cores[0].tasks, 0);
}

#[test]
fn t8_a_request_that_waits_is_not_ready_and_costs_nothing() {
    let waits = async |_: Request| std::future::pending::<&'static str>().await;
    let server = start_with(config(), Router::new().get("/waits", waits), |_| ());
    let waiting: Vec<Client> = (0..500).map(|_| ask(&server, "/waits")).collect();
    wait_for("all wait", || server.total("requests/running") == 500);
    let turns = || {
        let metrics = block_on(server.running().handle().metrics()).expect("it runs");
        metrics.cores[0].turns
    };
    let before = turns();
    // Nothing is to happen; a core that looks at tasks that wait takes turns.
    std::thread::sleep(Duration::from_millis(300));
    let turned = turns() - before;
    // Asking for the figures is a turn or two by itself.
    assert!(turned <= 6, "{turned} turns for nothing");
    waiting.iter().for_each(Client::reset_when_dropped);
    drop(waiting);
    wait_for("they are gone", || server.total("requests/running") == 0);
}

/// Says on which thread it was made and dropped.
struct Kept {
    said: Arc<Mutex<Vec<(&'static str, ThreadId)>>>,
    used: Cell<u32>,
}

impl Kept {
    fn new(said: Arc<Mutex<Vec<(&'static str, ThreadId)>>>) -> Kept {
        say(&said, "made");
        let used = Cell::new(0);
        Kept { said, used }
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        say(&self.said, "dropped");
    }
}

fn say(said: &Mutex<Vec<(&'static str, ThreadId)>>, what: &'static str) {
    let here = std::thread::current().id();
    said.lock().expect("unpoisoned").push((what, here));
}

#[test]
fn h13_a_core_makes_its_state_once_before_it_takes_work_and_drops_it_when_it_goes() {
    let said = Arc::new(Mutex::new(Vec::new()));
    let says = said.clone();
    let router = Router::new().get("/use", async |request: Request<Kept>| {
        let used = &request.state().used;
        used.set(used.get() + 1);
        format!("{}", used.get())
    });
    let server = start_with(config(), router, move |_| Kept::new(says.clone()));
    assert_eq!(said.lock().expect("unpoisoned").len(), 1, "before any work");
    for expected in 1..=20 {
        assert_eq!(server.get("/use").text(), expected.to_string());
    }
    assert_eq!(said.lock().expect("unpoisoned").len(), 1, "once");
    drop(server);
    let said = said.lock().expect("unpoisoned");
    let [("made", made_on), ("dropped", dropped_on)] = said[..] else {
        panic!("{said:?}")
    };
    assert_eq!(made_on, dropped_on);
}

#[test]
fn t11_an_idle_server_does_not_turn() {
    let server = start();
    let turns = || {
        let metrics = block_on(server.running().handle().metrics()).expect("it runs");
        metrics.cores[0].turns
    };
    let before = turns();
    // Nothing is to happen; a core that looks for work takes turns.
    std::thread::sleep(Duration::from_millis(200));
    assert!(turns() - before <= 6, "it looks for work all the time");
}

#[test]
fn a_handler_may_wait_for_many_lanes_one_after_the_other() {
    async fn many(request: Request<Lane>) -> Result<String, LaneError> {
        let mut sum = 0;
        for number in 0..100 {
            sum += request.state().run(move |()| number).await?;
        }
        Ok(sum.to_string())
    }
    let server = Server::with_state(config(), Router::new().get("/many", many), |core| {
        core.lane("numbers").expect("there is one")
    });
    let server = start_server(server.lane("numbers", Lane::workers(1..=2).stateless()));
    assert_eq!(server.get("/many").text(), "4950");
}

#[test]
fn a_route_that_holds_its_core_is_named_in_the_metrics() {
    let mut config = config();
    config.rings.long_poll = Duration::from_millis(20);
    let greedy = async |_: Request| {
        std::thread::sleep(Duration::from_millis(30)); // holds the core
        "at once"
    };
    let later = async |_: Request| {
        ringgate::runtime::sleep(Duration::from_millis(1)).await;
        std::thread::sleep(Duration::from_millis(30)); // holds the core
        "later"
    };
    let router = Router::new()
        .get("/greedy/{name}", greedy)
        .get("/later", later)
        .get("/quick", async |_: Request| "quick");
    let server = start_with(config, router, |_| ());
    let named = || {
        let metrics = block_on(server.running().handle().metrics()).expect("it runs");
        metrics.cores[0]
            .long_polls
            .keys()
            .cloned()
            .collect::<Vec<_>>()
    };
    // What a turn took is known at the next; on a busy machine one that just exceeds the limit may
    // get the benefit of the doubt.
    wait_for("both are named", || {
        for path in ["/quick", "/greedy/bones", "/later", "/quick"] {
            assert_eq!(server.get(path).status, 200);
        }
        let named = named();
        ["GET /greedy/{name}", "GET /later"]
            .iter()
            .all(|route| named.iter().any(|name| name == route))
    });
}

#[test]
fn handlers_that_wait_keep_no_more_buffers_than_they_may() {
    let stage = Stage::default();
    let mut config = config();
    config.rings.leases_kept = 4;
    let server = stage.start(config);
    let mut clients: Vec<Client> = (0..10).map(|id| hold(&server, id)).collect();
    wait_for("all wait", || stage.began().len() == clients.len());
    let metrics = block_on(server.running().handle().metrics()).expect("it runs");
    assert_eq!(metrics.cores[0].buffers_in_use, 4);
    stage.release_all();
    for (id, client) in clients.iter_mut().enumerate() {
        assert_eq!(client.answer().text(), format!("held {id}"));
    }
}
