//! How often the server asks for memory per request. It runs in this process, so that its requests
//! for memory can be counted; the client beside it makes none while it is counted.
#![expect(unsafe_code, reason = "a global allocator that counts")]

use ringgate::config::{Config, ControlPath, CoreSpec, LogLevel};
use ringgate::{Request, Router, Server};
use std::alloc::{GlobalAlloc, Layout, System};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

struct Counting;

static COUNT: AtomicU64 = AtomicU64::new(0);

// SAFETY: all of it is the system's allocator (GlobalAlloc); counting asks for no memory. Guarded by
// every test here.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        COUNT.fetch_add(1, Relaxed);
        // SAFETY: the caller keeps the contract of GlobalAlloc::alloc. Guarded as above.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        // SAFETY: `at` came from `alloc` or `realloc` with this layout. Guarded as above.
        unsafe { System.dealloc(at, layout) }
    }

    unsafe fn realloc(&self, at: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        COUNT.fetch_add(1, Relaxed);
        // SAFETY: as `dealloc`, and the caller keeps the contract for the new size. Guarded as above.
        unsafe { System.realloc(at, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Sends `request` and reads its answer, which ends in `end`, without asking for memory.
fn exchange(stream: &mut TcpStream, request: &[u8], end: &[u8]) {
    let mut buffer = [0; 4096];
    let mut filled = 0;
    stream.write_all(request).expect("sent");
    while !buffer[..filled].ends_with(end) {
        let count = stream
            .read(&mut buffer[filled..])
            .expect("an answer in time");
        assert!(count > 0, "the connection ended");
        filled += count;
    }
}

/// Requests for memory of one exchange, rounded down: timers and the like may make some of their own.
fn per_exchange(stream: &mut TcpStream, request: &[u8], end: &[u8]) -> u64 {
    const EXCHANGES: u64 = 2_000;
    for _ in 0..EXCHANGES / 4 {
        exchange(stream, request, end);
    }
    let before = COUNT.load(Relaxed);
    for _ in 0..EXCHANGES {
        exchange(stream, request, end);
    }
    (COUNT.load(Relaxed) - before) / EXCHANGES
}

#[test]
fn a_request_costs_no_memory_beyond_what_its_handler_asks_for() {
    let mut config = Config {
        listen: vec!["127.0.0.1:0".parse().expect("an address")],
        cores: CoreSpec::Exactly(NonZeroU32::MIN),
        control: ControlPath::Off,
        ..Config::default()
    };
    config.log.level = LogLevel::Error;
    let router = Router::new()
        .get("/plain", async |_: Request| "Hello, World!")
        .get("/made", async |_: Request| "!".repeat(13));
    let server = Server::new(config, router).start().expect("it starts");
    let address = server.handle().addresses()[0].clone();
    let mut stream = TcpStream::connect(&address).expect("it listens");
    stream.set_nodelay(true).expect("TCP_NODELAY");
    let patience = Some(Duration::from_secs(20));
    stream.set_read_timeout(patience).expect("a timeout");
    let get = |path| format!("GET {path} HTTP/1.1\r\nHost: test\r\nAccept: */*\r\n\r\n");

    let plain = per_exchange(&mut stream, get("/plain").as_bytes(), b"Hello, World!");
    let made = per_exchange(&mut stream, get("/made").as_bytes(), b"!!!!!!!!!!!!!");
    println!("{plain} for a static answer, {made} for one that is made");
    assert_eq!(plain, 0);
    assert_eq!(made, 1, "the answer's own");

    drop(stream);
    server.handle().stop();
    assert_eq!(server.join().cut, 0);
}
