//! Events: published on one core, heard on all, missed by nobody who comes back in time.

use crate::common::{Answer, Server, start, start_with_slots, wait_for, workers};
use std::time::{Duration, Instant};

fn stream(server: &Server, fields: &str) -> Answer {
    let mut answer = server.ask("GET", "/events", fields, "");
    let (status, head) = answer.head();
    assert_eq!(status, 200);
    assert!(head.contains("content-type: text/event-stream"), "{head}");
    assert!(head.contains("cache-control: no-store"), "{head}");
    answer
}

#[test]
fn an_event_reaches_everybody_on_every_core_in_order() {
    let server = start(2, None, workers(1, 1));
    // The kernel spreads them over the cores.
    let mut streams: Vec<_> = (0..24).map(|_| stream(&server, "")).collect();
    assert_eq!(server.publish("a bone"), r#"{"id":1}"#);
    assert_eq!(server.publish("two\nbones"), r#"{"id":2}"#);
    for stream in &mut streams {
        let mut text = stream.chunk();
        while !text.contains("id: 2") {
            text += &stream.chunk();
        }
        let expected = "id: 1\ndata: a bone\n\nid: 2\ndata: two\ndata: bones\n\n";
        assert_eq!(text, expected);
    }
    let cores = server.status().cores;
    assert!(
        cores.iter().all(|core| core.requests.begun > 0),
        "both cores had some of them"
    );
}

#[test]
fn one_that_comes_back_gets_what_it_missed() {
    let server = start(1, None, workers(1, 1));
    for word in ["one", "two", "three"] {
        server.publish(word);
    }
    let mut back = stream(&server, "Last-Event-ID: 1\r\n");
    let mut text = back.chunk();
    while !text.contains("three") {
        text += &back.chunk();
    }
    assert_eq!(text, "id: 2\ndata: two\n\nid: 3\ndata: three\n\n");
}

#[test]
fn a_poll_answers_what_is_new_or_that_nothing_is() {
    let server = start(1, None, workers(1, 1));
    let began = Instant::now();
    let (status, _, body) = server.get("/poll?timeout_ms=50");
    assert_eq!((status, body.as_str()), (204, ""));
    assert!(began.elapsed() >= Duration::from_millis(50));
    let waits = server.ask("GET", "/poll?timeout_ms=20000", "", "");
    wait_for("it waits", || server.requests_running() == 1);
    server.publish("a bone");
    let news = r#"{"events":[{"data":"a bone","id":1}],"last":1}"#;
    assert_eq!(waits.whole().2, news);
    server.publish("a walk");
    let both = server.get("/poll?after=0&timeout_ms=0").2;
    assert!(
        both.contains("a bone") && both.contains(r#""last":2"#),
        "{both}"
    );
    assert_eq!(server.get("/poll?after=2&timeout_ms=0").0, 204);
    assert_eq!(server.get("/poll?after=soon").0, 400);
}

#[test]
fn t8_a_thousand_that_wait_cost_no_cpu_while_nothing_happens() {
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile);
    let raised = rustix::process::Rlimit {
        current: limit.maximum,
        ..limit
    };
    rustix::process::setrlimit(rustix::process::Resource::Nofile, raised).expect("raised");
    let server = start(1, None, workers(1, 1));
    let waiting: Vec<_> = (0..1000)
        .map(|number| match number % 2 {
            0 => server.ask("GET", "/poll?timeout_ms=600000", "", ""),
            _ => stream(&server, ""),
        })
        .collect();
    wait_for("all wait", || server.requests_running() == 1000);
    // Ticks of all threads whose names are the server's, as the kernel counts them: 10 ms each.
    let ticks = || -> u64 {
        let tasks = std::fs::read_dir("/proc/self/task").expect("/proc");
        let stats = tasks.flatten().filter_map(|task| {
            let stat = std::fs::read_to_string(task.path().join("stat")).ok()?;
            let (name, rest) = stat.rsplit_once(") ")?;
            let fields: Vec<&str> = rest.split(' ').collect();
            // proc_pid_stat(5): utime and stime, the 14th and 15th.
            let used = fields[11].parse::<u64>().ok()? + fields[12].parse::<u64>().ok()?;
            name.contains("(rg-core-").then_some(used)
        });
        stats.sum()
    };
    let before = ticks();
    // Nothing is to happen; a thousand that look now and then use CPU time.
    std::thread::sleep(Duration::from_millis(500));
    let used = ticks() - before;
    assert!(used <= 2, "{used} ticks of 50 for nothing");
    server.publish("wake up");
    for (number, mut answer) in waiting.into_iter().enumerate() {
        match number % 2 {
            0 => assert_eq!(answer.whole().0, 200),
            _ => assert_eq!(answer.chunk(), "id: 1\ndata: wake up\n\n"),
        }
    }
}

#[test]
fn those_who_wait_hold_no_slot() {
    let server = start_with_slots(1, Some(2), None, workers(1, 1));
    let waiting: Vec<_> = (0..20)
        .map(|number| {
            let answer = match number % 2 {
                0 => server.ask("GET", "/poll?timeout_ms=600000", "", ""),
                _ => stream(&server, ""),
            };
            wait_for("it waits", || server.requests_running() == number + 1);
            answer
        })
        .collect();
    assert_eq!(server.get("/puppies/Rex").2, "Rex likes naps.");
    server.publish("wake up");
    for (number, mut answer) in waiting.into_iter().enumerate() {
        match number % 2 {
            0 => assert_eq!(answer.whole().0, 200),
            _ => assert_eq!(answer.chunk(), "id: 1\ndata: wake up\n\n"),
        }
    }
}
