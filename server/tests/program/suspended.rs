//! Handlers that wait cost their core nothing but memory. The server is a process of its own: each
//! side needs as many descriptors as there are connections.

use crate::common::{Program, assert_balanced, eventually, read_greetings};
use ringgate::runtime::sys::limits::raise_nofile;
use std::io::{Read, Write};
use std::net::TcpStream;

/// Handlers suspended at once, on one core.
const SUSPENDED: u64 = 10_000;
/// Connections made before the core is asked whether it has them: fewer than its listen queue.
const BATCH: u64 = 2_000;
/// Descriptors that everything else in this process may need meanwhile.
const SPARE: u64 = 2_000;

fn running(program: &Program) -> u64 {
    let status = program.status();
    assert_balanced(&status);
    let of_core = &status["cores"][0]["requests"];
    assert_eq!(&status["totals"]["requests"], of_core, "of one instant");
    status["totals"]["requests"]["running"].as_u64().unwrap()
}

#[test]
fn ten_thousand_suspended_handlers_do_not_keep_a_core_from_receiving() {
    let limit = raise_nofile().expect("the soft limit may be raised to the hard one");
    let wanted = SUSPENDED + SPARE;
    assert!(
        limit.soft.is_none_or(|soft| soft >= wanted),
        "the limit of open files is {limit}; raise the hard one to {wanted}"
    );
    let program = Program::start(&[]);
    let mut suspended: Vec<TcpStream> = Vec::new();
    for _ in 0..SUSPENDED / BATCH {
        for _ in 0..BATCH {
            let mut stream = program.connect();
            stream
                .write_all(b"GET /sleep?ms=600000 HTTP/1.1\r\nHost: test\r\n\r\n")
                .unwrap();
            suspended.push(stream);
        }
        let count = suspended.len() as u64;
        eventually("all handlers run", || {
            (running(&program) == count).then_some(())
        });
    }

    let mut stream = program.connect();
    for _ in 0..100 {
        stream
            .write_all(b"GET /plaintext HTTP/1.1\r\nHost: test\r\n\r\n")
            .unwrap();
        read_greetings(&mut stream, 1);
    }
    let body = vec![b'x'; 1 << 20];
    let head =
        "POST /echo HTTP/1.1\r\nHost: test\r\nConnection: close\r\nContent-Length: 1048576\r\n\r\n";
    stream.write_all(head.as_bytes()).unwrap();
    let mut writer = stream.try_clone().unwrap();
    let echoed = std::thread::scope(|scope| {
        scope.spawn(|| writer.write_all(&body).unwrap());
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        answer
    });
    assert!(echoed.ends_with(&body), "{} bytes came back", echoed.len());
    assert_eq!(running(&program), SUSPENDED);

    for stream in &suspended {
        rustix::net::sockopt::set_socket_linger(stream, Some(std::time::Duration::ZERO)).unwrap();
    }
    // Each look balances while they break.
    std::thread::scope(|scope| {
        scope.spawn(|| drop(suspended));
        eventually("all handlers are dropped", || {
            (running(&program) == 0).then_some(())
        });
    });
    assert_eq!(program.status()["totals"]["requests"]["aborted"], SUSPENDED);
}
