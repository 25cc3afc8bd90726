//! Small blocking servers that behave exactly as badly as a test asks.
//!
//! Each accepts connections in a thread of its own and hands them to the test's closure, one
//! thread a connection. They end with the test process.
#![allow(dead_code, reason = "each test binary uses its own part")]

pub(crate) mod http2;
pub(crate) mod websocket;

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;

use ringgate_bench::load::{Options, Report, run};

/// A correct answer with the expected plaintext body.
pub(crate) const HELLO: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 13\r\n\r\nHello, World!";

/// Serves every connection with `serve`; returns the address.
pub(crate) fn server(serve: impl Fn(Client) + Send + Sync + 'static) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("bound");
    let serve = Arc::new(serve);
    std::thread::spawn(move || {
        for (nth, stream) in listener.incoming().enumerate() {
            let (serve, stream) = (serve.clone(), stream.expect("accept"));
            std::thread::spawn(move || {
                serve(Client {
                    stream,
                    nth,
                    unread: Vec::new(),
                })
            });
        }
    });
    address
}

/// A server that answers every request of a connection with `answer`.
pub(crate) fn answering(answer: &'static [u8]) -> SocketAddr {
    server(move |mut client| {
        while client.request().is_some() {
            client.say(answer);
        }
    })
}

/// One accepted connection.
pub(crate) struct Client {
    pub(crate) stream: TcpStream,
    /// How many connections were accepted before this one.
    pub(crate) nth: usize,
    unread: Vec<u8>,
}

impl Client {
    /// Reads one request; its body if it has a Content-Length. `None` at the end of the stream.
    pub(crate) fn request(&mut self) -> Option<Vec<u8>> {
        let mut chunk = [0; 16 * 1024];
        loop {
            if let Some(head) = self.unread.windows(4).position(|w| w == b"\r\n\r\n") {
                let text = String::from_utf8_lossy(&self.unread[..head]).to_lowercase();
                let length: usize = text
                    .split("content-length: ")
                    .nth(1)
                    .and_then(|rest| rest.lines().next()?.parse().ok())
                    .unwrap_or(0);
                if self.unread.len() >= head + 4 + length {
                    let rest = self.unread.split_off(head + 4 + length);
                    let request = std::mem::replace(&mut self.unread, rest);
                    return Some(request[head + 4..].to_vec());
                }
            }
            match self.stream.read(&mut chunk) {
                Ok(0) | Err(_) => return None,
                Ok(n) => self.unread.extend_from_slice(&chunk[..n]),
            }
        }
    }

    /// Writes `bytes`; a peer that is gone is the test's business, not this one's.
    pub(crate) fn say(&mut self, bytes: &[u8]) {
        let _ = self.stream.write_all(bytes);
    }

    /// Closes with a reset instead of an orderly end.
    pub(crate) fn reset(self) {
        reset(&self.stream);
    }
}

/// Has `stream` close with a reset instead of an orderly end (SO_LINGER with zero, socket(7)).
pub(crate) fn reset(stream: &TcpStream) {
    socket2::SockRef::from(stream)
        .set_linger(Some(std::time::Duration::ZERO))
        .expect("SO_LINGER");
}

/// Runs `requests` requests against `address` after `change`, and checks the sum of the buckets.
pub(crate) fn load(
    address: SocketAddr,
    requests: u64,
    change: impl FnOnce(&mut Options),
) -> Report {
    let target = format!("http://{address}/").parse().expect("loopback");
    let mut options = Options::to(target);
    options.requests = Some(requests);
    change(&mut options);
    let report = run(&options).expect("the load generator works here");
    let sum = report.ok
        + report.status_total()
        + report.refused
        + report.reset
        + report.cut
        + report.timeout
        + report.stream_reset
        + report.tls_failed
        + report.wrong
        + report.doubled
        + report.local;
    assert_eq!(report.issued, sum, "{report}");
    if options.requests.is_some() {
        assert_eq!(Some(report.issued), options.requests, "{report}");
    }
    report
}
