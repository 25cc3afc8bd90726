//! A route's class reaches the tasks of its handlers, and who holds a core for too long is named every
//! time.

use crate::common::{Client, TestServer, block_on, config, start_with, wait_for};
use http::Method;
use ringgate::events::Hub;
use ringgate::lane::Priority;
use ringgate::runtime::sys::cpu::pin_current_thread;
use ringgate::runtime::sys::thread::thread_cpu_time;
use ringgate::{Request, RouteOptions, Router};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

fn ask(server: &TestServer, path: &str) -> Client {
    let mut client = server.connect();
    client.send(format!("GET {path} HTTP/1.1\r\nHost: t\r\n\r\n"));
    client
}

#[test]
fn t12_woken_together_the_handlers_of_an_urgent_route_go_on_first() {
    let hub = Hub::new(1);
    let order = Arc::<Mutex<Vec<&str>>>::default();
    let mut router = Router::new();
    let routes = [
        ("/background", Priority::Background),
        ("/normal", Priority::Normal),
        ("/high", Priority::High),
    ];
    for (path, priority) in routes {
        let (hub, order) = (hub.clone(), order.clone());
        let options = RouteOptions {
            priority,
            ..RouteOptions::default()
        };
        router = router.route_with(options, Method::GET, path, move |_: Request| {
            let (mut events, order) = (hub.subscribe(None), order.clone());
            async move {
                events.next().await;
                order.lock().expect("unpoisoned").push(path);
                path
            }
        });
    }
    let publisher = hub.clone();
    router = router.get("/publish", move |_: Request| {
        // On the core of the others: they are all ready before any of them is polled.
        publisher.publish("go on");
        async { "published" }
    });
    let server = start_with(config(), router, |_| ());
    let mut clients = Vec::new();
    for (count, (path, _)) in (1..).zip(routes) {
        clients.push(ask(&server, path));
        wait_for("it waits", || hub.waiting() == count);
    }
    assert_eq!(server.get("/publish").text(), "published");
    for client in &mut clients {
        assert_eq!(client.answer().status, 200);
    }
    let order = order.lock().expect("unpoisoned");
    assert_eq!(*order, ["/high", "/normal", "/background"]);
}

#[test]
fn a_long_turn_of_several_requests_is_told_of_every_time() {
    let mut config = config();
    config.rings.long_poll = Duration::from_millis(100);
    let half = async |_: Request| {
        std::thread::sleep(Duration::from_millis(60)); // holds the core
        "half"
    };
    let server = start_with(config, Router::new().get("/half", half), |_| ());
    // On a busy machine one of them may be long alone, after all: then it has a name.
    let told = || {
        let metrics = block_on(server.running().handle().metrics()).expect("it runs");
        metrics.cores[0].long_polls.values().sum::<u64>()
    };
    for turn in 1..=3 {
        // Neither is long alone, so that timing each finds nobody.
        wait_for("such a turn is told of", || {
            let mut client = server.connect();
            let one = "GET /half HTTP/1.1\r\nHost: t\r\n\r\n";
            client.send(format!("{one}{one}"));
            assert_eq!(client.answer().status, 200);
            assert_eq!(client.answer().status, 200);
            told() >= turn
        });
    }
}

/// Uses so much of a CPU, however long it takes to get it.
fn burn(cpu_time: Duration) {
    let began = thread_cpu_time();
    while thread_cpu_time() - began < cpu_time {
        std::hint::spin_loop();
    }
}

/// Ends the busy threads, also when the test fails.
struct Ends<'a>(&'a AtomicBool);

impl Drop for Ends<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[test]
fn a_handler_that_a_busy_machine_holds_up_is_not_blamed() {
    let mut config = config();
    config.rings.long_poll = Duration::from_millis(40);
    let brief = async |_: Request| {
        burn(Duration::from_millis(10));
        "brief"
    };
    let waits = async |_: Request| {
        ringgate::runtime::sleep(Duration::from_millis(1)).await;
        burn(Duration::from_millis(10));
        "brief as well"
    };
    let greedy = async |_: Request| {
        burn(Duration::from_millis(120));
        "greedy"
    };
    let router = Router::new()
        .get("/brief", brief)
        .get("/waits", waits)
        .get("/greedy", greedy);
    let server = start_with(config, router, |_| ());
    let status = block_on(server.running().handle().status()).expect("it runs");
    let cpu = status.cores[0].cpu.expect("pinned") as usize;
    let named = || {
        let metrics = block_on(server.running().handle().metrics()).expect("it runs");
        metrics.cores[0]
            .long_polls
            .keys()
            .cloned()
            .collect::<Vec<_>>()
    };
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let ends = Ends(&over);
        for _ in 0..8 {
            scope.spawn(|| {
                pin_current_thread(cpu).expect("pinned");
                while !over.load(Ordering::Relaxed) {
                    std::hint::spin_loop();
                }
            });
        }
        let mut longest = Duration::ZERO;
        for path in ["/brief", "/waits"].repeat(10) {
            let began = Instant::now();
            assert_eq!(server.get(path).status, 200);
            longest = longest.max(began.elapsed());
        }
        let blamed = named();
        wait_for("who does hold the core is named here, too", || {
            assert_eq!(server.get("/greedy").status, 200);
            named().contains(&"GET /greedy".to_owned())
        });
        drop(ends);
        assert!(
            longest >= Duration::from_millis(40),
            "the machine is idle: {longest:?}"
        );
        assert_eq!(blamed, [""; 0]);
    });
}

#[test]
fn a_first_step_that_holds_the_core_is_named_among_several_whether_it_waits_then_or_not() {
    let mut config = config();
    config.rings.long_poll = Duration::from_millis(50);
    let waits = async |_: Request| {
        std::thread::sleep(Duration::from_millis(60)); // holds the core
        ringgate::runtime::sleep(Duration::from_millis(1)).await;
        "later"
    };
    let answers = async |_: Request| {
        std::thread::sleep(Duration::from_millis(60)); // holds the core
        "at once"
    };
    let router = Router::new()
        .get("/quick", async |_: Request| "at once")
        .get("/waits", waits)
        .get("/answers", answers);
    let server = start_with(config, router, |_| ());
    let mut client = server.connect();
    for path in ["/waits", "/answers"] {
        // Once one such turn was told of, steps are timed one by one for a while.
        wait_for("it is named", || {
            let get = |path: &str| format!("GET {path} HTTP/1.1\r\nHost: t\r\n\r\n");
            client.send(get("/quick") + &get(path));
            assert_eq!(client.answer().status, 200);
            assert_eq!(client.answer().status, 200);
            let metrics = block_on(server.running().handle().metrics()).expect("it runs");
            let name = format!("GET {path}");
            metrics.cores[0].long_polls.contains_key(&name)
        });
    }
}
