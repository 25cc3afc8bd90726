//! Libraries that need tokio, in handlers of a server (feature `tokio-guests`).

use http_body_util::{BodyExt, Empty};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use ringgate::config::{Config, ControlPath, CoreSpec, LogLevel};
use ringgate::runtime::sys::signals::Signal;
use ringgate::{Body, Request, Response, Router, Running, Server, Writer, guests};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

const PATIENCE: Duration = Duration::from_secs(20);

fn start(cores: u32, router: Router<()>) -> (Running, SocketAddr) {
    let mut config = Config {
        listen: vec![SocketAddr::from(([127, 0, 0, 1], 0)).into()],
        cores: CoreSpec::Exactly(NonZeroU32::new(cores).expect("some")),
        control: ControlPath::Off,
        ..Config::default()
    };
    config.log.level = LogLevel::Error;
    let running = Server::new(config, router).start().expect("it starts");
    let address = running.handle().addresses()[0].parse().expect("TCP");
    (running, address)
}

fn ask(address: SocketAddr, path: &str) -> TcpStream {
    let mut stream = TcpStream::connect(address).expect("it listens");
    stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    let request = format!("GET {path} HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).expect("it reads");
    stream
}

fn answer(mut stream: TcpStream) -> String {
    let mut text = String::new();
    stream.read_to_string(&mut text).expect("an answer");
    text
}

fn get(address: SocketAddr, path: &str) -> String {
    answer(ask(address, path))
}

fn end(running: Running) {
    running.handle().drain();
    let ended = running.join();
    assert!(ended.requests.balances(), "{:?}", ended.requests);
}

fn thread() -> String {
    let thread = std::thread::current();
    thread.name().unwrap_or_default().to_owned()
}

/// The CPUs that a thread of this process may run on.
fn cpus_of(name: &str) -> String {
    line_of(&status_of(name), "Cpus_allowed_list")
}

/// Whether a thread blocks all signals that a server obeys, by what /proc says of it.
fn blocks_signals(status: &str) -> bool {
    let line = line_of(status, "SigBlk");
    let bits = line.rsplit('\t').next().expect("bits");
    let blocked = u64::from_str_radix(bits.trim(), 16).expect("a number");
    let blocks = |signal: Signal| blocked & 1 << (signal.number() - 1) != 0;
    Signal::ALL.into_iter().all(blocks)
}

fn line_of(status: &str, name: &str) -> String {
    let line = status.lines().find(|line| line.starts_with(name));
    line.expect("the line").to_owned()
}

fn status_of(name: &str) -> String {
    let threads = std::fs::read_dir("/proc/self/task").expect("/proc");
    let paths = threads.map(|entry| entry.expect("an entry").path());
    // A thread of another test with the same name may end between two reads.
    let of = |path: std::path::PathBuf| {
        let comm = std::fs::read_to_string(path.join("comm")).ok()?;
        (comm.trim() == name).then(|| std::fs::read_to_string(path.join("status")).ok())?
    };
    paths.into_iter().find_map(of).expect("the thread is there")
}

#[test]
fn threads_of_guests_block_signals_also_where_they_are_started_before_the_server() {
    let handle = guests::start().expect("threads");
    assert!(!blocks_signals(&status_here()), "this one does not");
    assert!(blocks_signals(&status_of("rg-tokio")));
    let blocking = handle.block_on(handle.spawn_blocking(status_here));
    assert!(blocks_signals(&blocking.expect("it ends")));
}

fn status_here() -> String {
    std::fs::read_to_string("/proc/thread-self/status").expect("/proc")
}

#[test]
fn a_handler_sleeps_by_tokio_and_stays_on_its_core_which_serves_others() {
    let router = Router::new()
        .get(
            "/sleep/{ms}",
            guests::handler(|request: Request| async move {
                let ms = request.param("ms").expect("a number").parse().expect("one");
                let before = thread();
                tokio::time::sleep(Duration::from_millis(ms)).await;
                assert_eq!(thread(), before, "a guest stays on its core");
                Response::text(before)
            }),
        )
        .get("/who", |_: Request| async { Response::text(thread()) });
    let (running, address) = start(1, router);
    let began = Instant::now();
    let sleeper = ask(address, "/sleep/300");
    let text = get(address, "/who");
    assert!(text.ends_with("rg-core-0"), "{text}");
    let text = answer(sleeper);
    assert!(text.ends_with("rg-core-0"), "{text}");
    assert!(began.elapsed() >= Duration::from_millis(300));
    assert_eq!(cpus_of("rg-tokio"), cpus_of_process());
    end(running);
}

#[test]
fn blocking_work_of_a_guest_has_all_the_cpus_of_the_process() {
    let router = Router::new().get(
        "/blocking",
        guests::handler(|_: Request| async {
            let blocking = tokio::task::spawn_blocking(|| cpus_at("/proc/thread-self/status"));
            Response::text(blocking.await.expect("it ends"))
        }),
    );
    let (running, address) = start(1, router);
    let text = get(address, "/blocking");
    assert!(text.ends_with(&cpus_of_process()), "{text}");
    end(running);
}

fn cpus_of_process() -> String {
    cpus_at("/proc/self/status")
}

fn cpus_at(path: &str) -> String {
    let status = std::fs::read_to_string(path).expect("/proc");
    let line = status
        .lines()
        .find(|line| line.starts_with("Cpus_allowed_list"));
    line.expect("the line").to_owned()
}

#[test]
fn a_timeout_of_tokio_ends_what_waits_for_a_channel_of_the_core() {
    let router = Router::new().get("/wait", |_: Request| {
        guests::run(async {
            let never = std::future::pending::<()>();
            let waited = tokio::time::timeout(Duration::from_millis(20), never).await;
            Response::text(if waited.is_err() { "in time" } else { "never" })
        })
    });
    let (running, address) = start(1, router);
    assert!(get(address, "/wait").ends_with("in time"));
    end(running);
}

#[test]
fn a_tokio_client_with_a_pool_asks_a_core_of_the_same_server_from_each_core() {
    let client: Client<HttpConnector, Empty<&[u8]>> =
        Client::builder(TokioExecutor::new()).build_http();
    let asked = Arc::new(AtomicU32::new(0));
    let counted = asked.clone();
    let router = Router::new()
        .get("/inner", move |_: Request| {
            counted.fetch_add(1, Ordering::Relaxed);
            async { Response::text("from within") }
        })
        .get(
            "/outer",
            guests::handler(move |request: Request| {
                let client = client.clone();
                async move {
                    let host = request.query_value("at").expect("where").into_owned();
                    let target = format!("http://{host}/inner").parse().expect("a URI");
                    let answer = client.get(target).await.expect("an answer");
                    let body = answer.into_body().collect().await.expect("a body");
                    Response::text(body.to_bytes())
                }
            }),
        );
    let (running, address) = start(2, router);
    for _ in 0..40 {
        let text = get(address, &format!("/outer?at={address}"));
        assert!(text.ends_with("from within"), "{text}");
    }
    assert_eq!(asked.load(Ordering::Relaxed), 40);
    end(running);
}

#[test]
fn a_guest_that_is_cut_off_is_dropped_with_its_runtime_around_it() {
    let dropped = Arc::new(AtomicU32::new(0));
    let begun = Arc::new(AtomicU32::new(0));
    let (seen, begins) = (dropped.clone(), begun.clone());
    let router = Router::new().get(
        "/for-ever",
        guests::handler(move |_: Request| {
            let (guard, begins) = (Guard(seen.clone()), begins.clone());
            async move {
                let _guard = guard;
                begins.store(1, Ordering::Release);
                tokio::time::sleep(Duration::from_secs(3600)).await;
                Response::text("")
            }
        }),
    );
    let (running, address) = start(1, router);
    let stream = ask(address, "/for-ever");
    let until = Instant::now() + PATIENCE;
    while begun.load(Ordering::Acquire) == 0 {
        assert!(Instant::now() < until, "the handler begins");
        std::thread::yield_now();
    }
    running.handle().stop();
    running.join();
    drop(stream);
    assert_eq!(dropped.load(Ordering::Acquire), DROPPED_WITHIN);
}

/// Notes whether tokio's runtime was around when it was dropped.
struct Guard(Arc<AtomicU32>);

const DROPPED_WITHIN: u32 = 2;

impl Drop for Guard {
    fn drop(&mut self) {
        let seen = u32::from(tokio::runtime::Handle::try_current().is_ok());
        self.0.store(1 + seen, Ordering::Release);
    }
}

#[test]
fn the_body_of_a_guests_answer_sleeps_and_spawns_by_tokio_after_its_handler_is_gone() {
    let dropped = Arc::new(AtomicU32::new(0));
    let seen = dropped.clone();
    let router = Router::new().get(
        "/paced",
        guests::handler(move |_: Request| {
            let guard = Guard(seen.clone());
            let body = Body::writer(async move |mut out: Writer| {
                let _guard = guard;
                for piece in ["one ", "two ", "three"] {
                    tokio::time::sleep(Duration::from_millis(5)).await;
                    let spoken = tokio::spawn(async move { piece });
                    out.write(spoken.await?).await;
                }
                Ok(())
            });
            async { Response::text("").with_body(body) }
        }),
    );
    let (running, address) = start(1, router);
    let text = get(address, "/paced");
    assert!(text.contains("one ") && text.contains("three"), "{text}");
    end(running);
    assert_eq!(dropped.load(Ordering::Acquire), DROPPED_WITHIN);
}

#[test]
fn a_body_that_is_cut_off_is_dropped_with_its_runtime_around_it() {
    let dropped = Arc::new(AtomicU32::new(0));
    let seen = dropped.clone();
    let router = Router::new().get(
        "/for-ever",
        guests::handler(move |_: Request| {
            let guard = Guard(seen.clone());
            let body = Body::writer(async move |mut out: Writer| {
                let _guard = guard;
                out.write("begun").await;
                std::future::pending().await
            });
            async { Response::text("").with_body(body) }
        }),
    );
    let (running, address) = start(1, router);
    let mut stream = ask(address, "/for-ever");
    let mut begun = Vec::new();
    while !begun.ends_with(b"begun\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).expect("a piece");
        begun.push(byte[0]);
    }
    running.handle().stop();
    running.join();
    assert_eq!(dropped.load(Ordering::Acquire), DROPPED_WITHIN);
}

#[test]
fn within_another_runtime_a_guest_finds_its_own_and_leaves_the_other_as_it_was() {
    let other = tokio::runtime::Builder::new_current_thread()
        .build()
        .expect("a runtime without a clock");
    other.block_on(async {
        let own = tokio::runtime::Handle::current().id();
        let slept = guests::run(async {
            assert_ne!(tokio::runtime::Handle::current().id(), own);
            tokio::time::sleep(Duration::from_millis(1)).await;
        });
        slept.await;
        assert_eq!(tokio::runtime::Handle::current().id(), own);
    });
}
