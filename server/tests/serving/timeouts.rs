//! Clients that take their answers too slowly, over real sockets: what the kernel tells of them is half of
//! the matter. The time limits themselves are held in virtual time (`tests/simulated_timeouts.rs`).

use crate::common::{TestServer, config, start_app};
use ringgate::config::{ListenAddr, Timeouts};
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

const SHORT: Duration = Duration::from_secs(1);
/// Beyond any test's patience.
const NEVER: Duration = Duration::from_secs(600);

fn serve(shorten: impl FnOnce(&mut Timeouts)) -> TestServer {
    let mut config = config();
    config.timeouts.head = NEVER;
    config.timeouts.body = NEVER;
    config.timeouts.write = NEVER;
    config.timeouts.idle = NEVER;
    config.timeouts.linger = NEVER;
    shorten(&mut config.timeouts);
    start_app(config, true)
}

#[test]
fn a_client_that_takes_nothing_is_cut_off() {
    let server = serve(|timeouts| timeouts.write = SHORT);
    let mut client = server.connect();
    client.send("GET /bytes/1000000000 HTTP/1.1\r\nHost: t\r\n\r\n");
    client.head();
    crate::common::wait_for("cut off", || server.total("requests/aborted") == 1);
    let taken = client.rest().len();
    assert!(taken < 1_000_000_000, "{taken}");
    assert_eq!(server.total("connections/aborted"), 1);
}

/// Else each of them would have up to 4 MiB of kernel memory (net.ipv4.tcp_wmem), and a thousand of them all there is for TCP.
#[test]
fn the_kernel_keeps_little_of_an_answer_for_a_client_that_takes_nothing() {
    let sent = |unsent_size| {
        let server = serve(|timeouts| {
            timeouts.write = SHORT;
            timeouts.unsent_size = unsent_size;
        });
        let mut client = server.connect_with_buffer(16 << 10);
        client.send("GET /bytes/1000000000 HTTP/1.1\r\nHost: t\r\n\r\n");
        client.head();
        crate::common::wait_for("cut off", || server.total("requests/aborted") == 1);
        server.total("bytes/sent")
    };
    let (little, much) = (sent(64 << 10), sent(1 << 30));
    assert!(little < 256 << 10, "{little} bytes");
    assert!(
        much > 2 * little,
        "{much} bytes without the bound, {little} with it"
    );
}

/// Slower than a whole send per limit, but never at rest.
#[test]
fn a_client_that_takes_a_few_bytes_at_a_time_is_not_cut_off() {
    const LIMIT: Duration = Duration::from_secs(2);
    const LEN: usize = 16 << 20;
    let server = serve(|timeouts| timeouts.write = LIMIT);
    // What a small buffer has taken is soon acknowledged.
    let mut client = server.connect_with_buffer(16 << 10);
    client.send(format!("GET /bytes/{LEN} HTTP/1.1\r\nHost: t\r\n\r\n"));
    client.head();
    let began = Instant::now();
    let mut taken = 0;
    while began.elapsed() < LIMIT * 5 / 2 {
        taken += client.take_some(2 << 10);
        std::thread::sleep(LIMIT / 50);
    }
    // A send is 512 KiB.
    assert!(
        taken < 256 << 10,
        "{taken} bytes are too many to show anything"
    );
    assert_eq!(client.take(LEN - taken).len(), LEN - taken);
    assert_eq!(server.total("requests/aborted"), 0);
}

/// Slower than one send per limit, but never at rest.
#[test]
fn a_client_of_a_unix_socket_that_takes_slowly_is_not_cut_off_and_one_that_takes_nothing_is() {
    const LIMIT: Duration = Duration::from_secs(2);
    const LEN: usize = 1 << 20;
    let path = std::env::temp_dir().join(format!("ringgate-slow-{}", std::process::id()));
    let mut config = config();
    config.timeouts.write = LIMIT;
    config.listen.push(ListenAddr::unix(path.clone()).into());
    let server = start_app(config, true);
    let ask = || {
        let mut client = UnixStream::connect(&path).unwrap();
        let head = format!("GET /bytes/{LEN} HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n");
        client.write_all(head.as_bytes()).unwrap();
        client
    };
    let (mut slow, mut stuck) = (ask(), ask());
    let began = Instant::now();
    let mut piece = [0; 2 << 10];
    let mut taken = 0;
    while began.elapsed() < LIMIT * 5 / 2 {
        taken += slow.read(&mut piece).unwrap();
        std::thread::sleep(LIMIT / 50);
    }
    assert!(
        taken < 256 << 10,
        "{taken} bytes are too many to show anything"
    );
    let mut rest = Vec::new();
    slow.read_to_end(&mut rest).unwrap();
    assert!(taken + rest.len() > LEN);
    let mut cut = Vec::new();
    let _ = stuck.read_to_end(&mut cut);
    assert!(cut.len() < LEN, "{} bytes", cut.len());
    assert_eq!(server.total("requests/aborted"), 1);
    let _ = std::fs::remove_file(path);
}

#[test]
fn a_connection_ends_after_as_many_requests_as_it_may_carry() {
    let server = serve(|timeouts| timeouts.requests_per_connection = 3);
    let mut client = server.connect();
    let closes: Vec<bool> = (0..3).map(|_| client.get("/plaintext").closes()).collect();
    assert_eq!(closes, [false, false, true]);
    client.expect_closed();
}
