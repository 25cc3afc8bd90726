//! How a server ends under its clients: at once, or after everything that was begun.

use super::common::{Client, config, start_app, start_with, wait_for};
use super::pool::cores;
use ringgate::{CoreInfo, Ended, Request, Router, Server, ServerHandle};
use std::cell::RefCell;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::mpsc::{self, Receiver, channel};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// Everything is accounted for within this time of a stop.
const STOP_MAX: Duration = Duration::from_millis(100);

#[test]
fn m1_a_stop_accounts_for_every_connection_within_100_ms() {
    // The first of a few that is in time: the machine may be busy with something else.
    let took = (0..20).map(|_| {
        let server = start_app(cores(2), true);
        let mut idle: Vec<Client> = (0..100).map(|_| server.connect()).collect();
        for client in &mut idle {
            assert_eq!(client.get("/plaintext").status, 200);
        }
        let mut busy: Vec<Client> = (0..20).map(|_| server.connect()).collect();
        for (index, client) in busy.iter_mut().enumerate() {
            match index % 3 {
                0 => client.send("GET /sleep?ms=60000 HTTP/1.1\r\nHost: a\r\n\r\n"),
                1 => client.send("GET /bytes/1000000000 HTTP/1.1\r\nHost: a\r\n\r\n"),
                _ => client
                    .send("POST /upload HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\nxyz"),
            }
        }
        wait_for("all are begun", || server.total("requests/begun") == 120);
        let began = Instant::now();
        server.running().handle().stop();
        let ended = server.join();
        let took = began.elapsed();
        let connections = ended.connections;
        assert_eq!(connections.accepted, 120);
        assert_eq!(connections.finished + connections.aborted, 120, "{ended:?}");
        assert_eq!(ended.requests.running + ended.requests.pending, 0);
        assert!(ended.requests.balances(), "{ended:?}");
        took
    });
    let mut late = Vec::new();
    for took in took {
        if took < STOP_MAX {
            return;
        }
        late.push(took);
    }
    panic!("{late:?}");
}

#[test]
fn m1_a_stop_accounts_for_a_stuck_core_within_100_ms_too() {
    const STALL: Duration = Duration::from_secs(20);
    let mut late = Vec::new();
    // The first of a few that is in time: the machine may be busy with something else. None waits for the look.
    for _ in 0..20 {
        // The slower the coordinator looks after its cores the more a stop must not wait for it.
        let mut config = cores(1);
        config.pool.stall = STALL;
        let server = start_app(config, true);
        let mut blocker = server.connect();
        blocker.send("GET /block?ms=30000 HTTP/1.1\r\nHost: a\r\n\r\n");
        for _ in 0..2 {
            wait_for("a blocked core", || {
                server.status()["cores"][0]["state"] == "blocked"
            });
        }
        let began = Instant::now();
        server.running().handle().stop();
        let ended = server.join();
        let took = began.elapsed();
        assert_eq!(ended.connections.aborted, 1, "{ended:?}");
        assert!(ended.requests.balances(), "{ended:?}");
        assert!(took < STALL / 4, "{took:?}");
        if took < STOP_MAX {
            return;
        }
        late.push(took);
    }
    panic!("{late:?}");
}

#[test]
fn m1_a_drain_with_no_connection_open_ends_at_once() {
    let server = start_app(cores(2), true);
    let began = Instant::now();
    server.running().handle().drain();
    server.join();
    assert!(
        began.elapsed() < Duration::from_secs(5),
        "{:?}",
        began.elapsed()
    );
}

/// Posts until the server says that it closes or refuses to connect; answers how many were answered.
fn post_until_it_ends(address: SocketAddr) -> u64 {
    const POST: &[u8] = b"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nping";
    let mut answered = 0;
    while let Ok(mut stream) = TcpStream::connect_timeout(&address, Duration::from_secs(20)) {
        stream.set_nodelay(true).expect("TCP_NODELAY");
        let patience = Some(Duration::from_secs(20));
        stream.set_read_timeout(patience).expect("a timeout");
        loop {
            stream.write_all(POST).expect("sent");
            let mut answer = Vec::new();
            let mut buffer = [0; 1024];
            while !answer.ends_with(b"ping") {
                let read = stream.read(&mut buffer).expect("no reset");
                assert!(read > 0, "an answer, not the end");
                answer.extend_from_slice(&buffer[..read]);
            }
            answered += 1;
            let head = String::from_utf8_lossy(&answer).to_ascii_lowercase();
            if head.contains("connection: close") {
                assert_eq!(stream.read(&mut buffer).expect("an orderly end"), 0);
                break;
            }
        }
    }
    answered
}

#[test]
fn m1_a_drain_under_load_fails_no_request() {
    let server = start_app(cores(2), true);
    let address = server.address();
    let answered = Arc::new(AtomicU64::new(0));
    let clients: Vec<_> = (0..8)
        .map(|_| {
            let answered = answered.clone();
            std::thread::spawn(move || {
                answered.fetch_add(post_until_it_ends(address), Ordering::Relaxed);
            })
        })
        .collect();
    wait_for("load", || server.total("requests/answered") > 500);
    server.running().handle().drain();
    for client in clients {
        client.join().expect("no client saw an error");
    }
    let ended = server.join();
    assert_eq!(ended.cut, 0);
    assert_eq!(ended.requests.answered, answered.load(Ordering::Relaxed));
    assert_eq!(ended.requests.begun, ended.requests.answered);
    assert_eq!(
        ended.connections.finished, ended.connections.accepted,
        "{ended:?}"
    );
}

#[test]
fn m1_what_is_left_at_the_graceful_timeout_is_cut_and_reported() {
    let mut config = cores(1);
    config.drain.graceful_timeout = Duration::from_millis(200);
    let server = start_app(config, true);
    let mut client = server.connect();
    client.send("GET /sleep?ms=60000 HTTP/1.1\r\nHost: a\r\n\r\n");
    wait_for("it runs", || server.total("requests/running") == 1);
    server.running().handle().drain();
    let ended = server.join();
    assert_eq!((ended.cut, ended.drained), (1, true));
    assert_eq!(ended.requests.aborted, 1);
    drop(client);
}

/// Starts a server that hears a word while its first core is being set up, and waits for its end.
fn ended_at_its_start(say: fn(&ServerHandle)) -> Ended {
    let init = move |core: &CoreInfo| say(core.server());
    let server = Server::with_state(cores(1), Router::new(), init);
    let running = server.start().expect("to end as asked is no failure");
    assert!(!running.handle().is_ready());
    running.join()
}

#[test]
fn a_server_that_is_told_to_end_while_its_cores_start_ends_as_asked() {
    let stopped = ended_at_its_start(ServerHandle::stop);
    assert_eq!((stopped.failed, stopped.drained), (None, false));
    let drained = ended_at_its_start(ServerHandle::drain);
    assert_eq!(
        (drained.failed, drained.drained, drained.cut),
        (None, true, 0)
    );
}

/// Waits as it is dropped, until the other end is dropped.
struct Lingers(Receiver<()>);

impl Drop for Lingers {
    fn drop(&mut self) {
        assert!(self.0.recv().is_err(), "nothing is sent");
    }
}

#[test]
fn a_server_ends_though_what_a_handler_kept_by_thread_takes_for_ever_to_drop() {
    thread_local!(static KEPT: RefCell<Option<Lingers>> = const { RefCell::new(None) });
    let (keep, until) = channel();
    let until = Mutex::new(Some(Lingers(until)));
    let router = Router::new().get("/keep", move |_: Request| {
        KEPT.set(until.lock().expect("unpoisoned").take());
        async { "kept" }
    });
    let server = start_with(cores(1), router, |_| ());
    assert_eq!(server.connect().get("/keep").status, 200);
    server.running().handle().stop();
    let (say, ended) = channel();
    let waits = std::thread::spawn(move || say.send(server.join()).expect("heard"));
    let ended = ended.recv_timeout(Duration::from_secs(20));
    drop(keep);
    assert_eq!(ended.expect("it ends").failed, None);
    waits.join().expect("no panic");
}

/// Takes longer to drop than the end of a core is waited for.
struct Flushes(Arc<AtomicBool>);

impl Drop for Flushes {
    fn drop(&mut self) {
        // The work of a drop takes time, and nothing tells that the core's end was not waited for any more.
        std::thread::sleep(Duration::from_millis(500));
        self.0.store(true, Ordering::Release);
    }
}

#[test]
fn a_drain_lets_what_a_handler_kept_by_thread_be_dropped() {
    thread_local!(static KEPT: RefCell<Option<Flushes>> = const { RefCell::new(None) });
    let flushed = Arc::new(AtomicBool::new(false));
    let router = Router::new().get("/keep", {
        let flushed = flushed.clone();
        move |_: Request| {
            KEPT.set(Some(Flushes(flushed.clone())));
            async { "kept" }
        }
    });
    let server = start_with(cores(1), router, |_| ());
    assert_eq!(server.connect().get("/keep").status, 200);
    server.running().handle().drain();
    let ended = server.join();
    assert!(flushed.load(Ordering::Acquire), "{ended:?}");
}

#[test]
fn a_stop_cuts_a_drain_short_that_waits_for_what_a_handler_kept_by_thread() {
    thread_local!(static KEPT: RefCell<Option<Lingers>> = const { RefCell::new(None) });
    let (keep, until) = channel();
    let until = Mutex::new(Some(Lingers(until)));
    let router = Router::new().get("/keep", move |_: Request| {
        KEPT.set(until.lock().expect("unpoisoned").take());
        async { "kept" }
    });
    let mut config = cores(1);
    config.drain.graceful_timeout = Duration::from_secs(600);
    let server = start_with(config, router, |_| ());
    assert_eq!(server.connect().get("/keep").status, 200);
    let handle = server.running().handle().clone();
    handle.drain();
    let (say, ended) = channel();
    let waits = std::thread::spawn(move || say.send(server.join()).expect("heard"));
    // Whenever it comes: before the core has ended, or while its thread is waited for.
    assert!(ended.recv_timeout(Duration::from_millis(500)).is_err());
    handle.stop();
    let ended = ended.recv_timeout(Duration::from_secs(20));
    drop(keep);
    assert!(ended.expect("it ends").drained);
    waits.join().expect("no panic");
}

/// Sets up nothing, for ever, as one does that waits for a database.
fn hang() {
    loop {
        std::thread::park();
    }
}

#[test]
fn a_stop_waits_for_no_core_that_hangs_while_it_starts() {
    let (tell, told) = mpsc::channel();
    std::thread::spawn(move || {
        let init = |core: &CoreInfo| {
            core.server().stop();
            hang();
        };
        let running = Server::with_state(cores(1), Router::new(), init).start();
        let ended = running.expect("to end as asked is no failure").join();
        tell.send(ended).expect("somebody waits for it");
    });
    let ended = told.recv_timeout(Duration::from_secs(20));
    let ended = ended.expect("it waits for nobody");
    assert_eq!((ended.failed, ended.drained, ended.cut), (None, false, 0));
}

#[test]
fn a_drain_begins_although_a_core_hangs_while_it_starts() {
    let started = Arc::new(AtomicU32::new(0));
    let mut config = cores(1);
    config.core_slots = std::num::NonZeroU32::new(2);
    config.drain.graceful_timeout = Duration::from_secs(600);
    config.drain.keepalive_grace = Duration::ZERO;
    let router = Router::new().get("/plaintext", |_: Request| async { "Hello, World!" });
    let server = start_with(config, router, {
        let started = started.clone();
        move |_| {
            if started.fetch_add(1, Ordering::Relaxed) > 0 {
                hang();
            }
        }
    });
    let mut idle = server.connect();
    assert_eq!(idle.get("/plaintext").status, 200);
    let handle = server.running().handle();
    super::common::block_on(handle.resize(2)).expect("it is begun");
    wait_for("the other core starts", || {
        started.load(Ordering::Relaxed) == 2
    });
    handle.drain();
    idle.expect_closed();
    handle.stop();
    assert_eq!(server.join().cut, 0);
}

#[test]
fn a_client_that_sends_on_behind_its_last_request_reads_all_of_a_large_answer() {
    const BODY: usize = 24 << 20;
    let router = Router::new()
        .get("/large", |_: Request| async { vec![b'x'; BODY] })
        .get("/small", |_: Request| async { "small" });
    let server = start_with(config(), router, |_| ());
    for (path, body) in [("/large", BODY), ("/small", 5)] {
        let mut client = server.connect_with_buffer(4 << 10);
        client.send(format!(
            "GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
        ));
        let mut read = 0;
        if body == BODY {
            // The server cannot get rid of the rest before it is read, and these bytes are there by then.
            read = client.take_some(1000);
            client.send("GET /small HTTP/1.1\r\nHost: a\r\n\r\n");
        }
        let mut all = Vec::new();
        let mut stream = client.stream();
        let ended = stream.read_to_end(&mut all);
        ended.unwrap_or_else(|error| panic!("{path}: {error} after {} bytes", all.len()));
        read += all.len();
        assert!(read > body, "{path}: {read} bytes");
    }
    let counts = || {
        (
            server.total("connections/finished"),
            server.total("connections/aborted"),
        )
    };
    wait_for("both are over", || counts() == (2, 0));
}
