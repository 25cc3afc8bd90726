//! The floors answer exactly what they owe, however the bytes come, and end when told to.

mod common;

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};

use common::load;
use ringgate_bench::floor::{self, ANSWER, After, LAST_ANSWER};
use ringgate_bench::load::{Mode, Verify};

/// A listener for each floor, and what starts the floor on it.
fn listeners(after: After) -> [(&'static str, SocketAddr, impl FnOnce() + Send); 2] {
    type Serve = fn(&std::net::TcpListener, After) -> std::io::Error;
    let both: [(&str, Serve); 2] = [
        ("uring", floor::uring::serve),
        ("epoll", floor::epoll::serve),
    ];
    both.map(|(name, serve)| {
        let listener = floor::listen(([127, 0, 0, 1], 0).into()).unwrap();
        let address = listener.local_addr().unwrap();
        let start = move || {
            std::thread::spawn(move || {
                panic!("the {name} floor ended: {}", serve(&listener, after))
            });
        };
        (name, address, start)
    })
}

/// Starts both floors on ports of their own.
fn floors(after: After) -> [(&'static str, SocketAddr); 2] {
    listeners(after).map(|(name, address, start)| {
        start();
        (name, address)
    })
}

/// Sends `requests` at once, reads to the end of the stream.
fn exchange(address: SocketAddr, requests: &[u8]) -> Vec<u8> {
    let stream = TcpStream::connect(address).unwrap();
    let mut answers = Vec::new();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            (&stream).write_all(requests).unwrap();
            stream.shutdown(Shutdown::Write).unwrap();
        });
        (&stream).read_to_end(&mut answers).unwrap();
    });
    answers
}

#[test]
fn floors_answer_a_pipelined_batch_with_one_answer_each() {
    for (name, address) in floors(After::Keep) {
        let batch = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n".repeat(16);
        assert!(exchange(address, &batch) == ANSWER.repeat(16), "{name}");
        let report = load(address, 1600, |o| {
            (o.pipeline, o.connections, o.verify) = (16, 10, Verify::Plaintext);
        });
        assert_eq!((report.ok, report.connects), (1600, 10), "{name}: {report}");
    }
}

#[test]
fn floors_answer_a_batch_larger_than_all_their_buffers() {
    // 64 clients have 64 KiB each in the floor's sockets before it starts: four times what 512
    // buffers of 2 KiB hold. The receives starve, end, and must be armed again; and the sends stop
    // short, because nobody reads the answers before all was written.
    const CLIENTS: usize = 64;
    let request = b"GET / HTTP/1.1\r\n\r\n";
    let first = 64 * 1024 / request.len();
    let all = 8 * first;
    for (name, address, start) in listeners(After::Keep) {
        let clients: Vec<_> = (0..CLIENTS)
            .map(|_| TcpStream::connect(address).unwrap())
            .collect();
        for mut client in &clients {
            client.write_all(&request.repeat(first)).unwrap();
        }
        start();
        std::thread::scope(|scope| {
            for mut client in &clients {
                scope.spawn(move || {
                    client.write_all(&request.repeat(all - first)).unwrap();
                    client.shutdown(Shutdown::Write).unwrap();
                });
                scope.spawn(move || {
                    let mut answers = Vec::new();
                    client.read_to_end(&mut answers).unwrap();
                    assert_eq!(answers.len(), all * ANSWER.len(), "{name}");
                    assert!(
                        answers.chunks(ANSWER.len()).all(|answer| answer == ANSWER),
                        "{name}"
                    );
                });
            }
        });
    }
}

#[test]
fn floors_wait_for_the_rest_of_a_split_empty_line() {
    for (name, address) in floors(After::Keep) {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.set_nodelay(true).unwrap();
        for byte in b"GET / HTTP/1.1\r\n\r\n" {
            stream.write_all(&[*byte]).unwrap();
        }
        let mut answer = [0; ANSWER.len()];
        stream.read_exact(&mut answer).unwrap();
        assert!(answer == ANSWER, "{name}");
    }
}

#[test]
fn floors_that_were_told_to_close_do_so_after_the_answer() {
    for (name, address) in floors(After::Close) {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.write_all(b"GET / HTTP/1.1\r\n\r\n").unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        assert!(answer == LAST_ANSWER, "{name}");
        let report = load(address, 500, |o| {
            (o.mode, o.connections, o.verify) = (Mode::Close, 8, Verify::Plaintext);
        });
        assert_eq!((report.ok, report.connects), (500, 500), "{name}: {report}");
    }
}

#[test]
fn floors_survive_clients_that_reset() {
    for (name, address) in floors(After::Keep) {
        for _ in 0..50 {
            let mut stream = TcpStream::connect(address).unwrap();
            stream.write_all(b"GET / HTTP/1.1\r\n\r\n").unwrap();
            socket2::SockRef::from(&stream)
                .set_linger(Some(std::time::Duration::ZERO))
                .unwrap();
        }
        assert_eq!(load(address, 100, |o| o.connections = 4).ok, 100, "{name}");
    }
}
