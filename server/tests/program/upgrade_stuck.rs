//! Upgrades while a core of the old process is stuck and cannot give its listener up.

use crate::common::{Program, eventually, get};
use crate::upgrade::Lineage;
#[cfg(debug_assertions)]
use crate::{upgrade::fails, upgrade_deaths::dies_at};
use serde_json::Value;
use std::io::{Read, Write};
use std::net::TcpStream;

const ARGUMENTS: [&str; 10] = [
    "--cores",
    "2",
    "--stall",
    "50ms",
    "--upgrade-timeout",
    "10s",
    "--graceful-timeout",
    "60s",
    "--log-level",
    "info",
];

/// Blocks a core, and waits until another one helps at its listener.
fn block(program: &Program, ms: u32) -> TcpStream {
    let mut stream = program.connect();
    write!(stream, "GET /block?ms={ms} HTTP/1.1\r\nHost: test\r\n\r\n").expect("sent");
    eventually("help", || (helped(program) == 1).then_some(()));
    stream
}

fn listeners(program: &Program) -> Vec<Value> {
    let status = program.status();
    status["listeners"].as_array().expect("a list").clone()
}

fn helped(program: &Program) -> usize {
    let listeners = listeners(program);
    let helped = listeners.iter().filter(|l| l["helper_core"].is_u64());
    helped.count()
}

fn owned(program: &Program) -> usize {
    let listeners = listeners(program);
    let owned = listeners.iter().filter(|l| l["owner_core"].is_u64());
    owned.count()
}

/// Fresh connections, so that the kernel gives each listener some. None is held up for as long as the core is stuck.
fn all_are_served(program: &Program) {
    for _ in 0..40 {
        assert!(get(&program.address, "/plaintext").ends_with("Hello, World!"));
    }
}

fn rest(mut stream: TcpStream) -> String {
    let mut answer = String::new();
    let _ = stream.read_to_string(&mut answer);
    answer
}

#[test]
fn an_upgrade_helps_at_the_listener_of_a_stuck_core_until_it_gives_it_back() {
    let mut server = Lineage::start(&ARGUMENTS);
    let mut blocked = block(&server, 8_000);
    server.upgrade(&[]);
    // It did not wait for the stuck core.
    assert_eq!((owned(&server), helped(&server)), (1, 1));
    all_are_served(&server);
    // It comes to its senses: its request is answered, and the new process owns all listeners.
    let mut answer = vec![0; 4096];
    let count = blocked.read(&mut answer).expect("an answer");
    let answer = String::from_utf8_lossy(&answer[..count]);
    assert!(answer.ends_with("blocked 8000 ms\n"), "{answer}");
    eventually("both listeners", || {
        (owned(&server) == 2 && helped(&server) == 0).then_some(())
    });
    assert_eq!(server.exit_code(), Some(0), "the old one has nothing left");
    all_are_served(&server);
}

#[test]
fn when_the_old_process_dies_with_its_stuck_core_the_new_one_owns_its_listener() {
    let mut server = Lineage::start(&ARGUMENTS);
    let blocked = block(&server, 600_000);
    server.upgrade(&[]);
    assert_eq!((owned(&server), helped(&server)), (1, 1));
    // Another generation, while the first is still stuck: it is helped there too.
    server.upgrade(&[]);
    assert_eq!((owned(&server), helped(&server)), (1, 1));
    all_are_served(&server);
    let old = server.pid().to_string();
    let killed = std::process::Command::new("kill")
        .args(["-KILL", &old])
        .status();
    assert!(killed.expect("kill(1)").success());
    assert_eq!(server.exit_code(), None, "killed");
    eventually("both listeners", || {
        (owned(&server) == 2 && helped(&server) == 0).then_some(())
    });
    all_are_served(&server);
    assert_eq!(rest(blocked), "", "its request died with it");
}

#[test]
fn when_the_process_between_dies_the_stuck_core_of_the_first_has_its_listener_until_it_ends() {
    let mut server = Lineage::start(&ARGUMENTS);
    let blocked = block(&server, 600_000);
    let between = server.upgrade(&[]);
    server.upgrade(&[]);
    assert_eq!((owned(&server), helped(&server)), (1, 1));
    let kill = |pid: u64| {
        let killed = std::process::Command::new("kill")
            .args(["-KILL", &pid.to_string()])
            .status();
        assert!(killed.expect("kill(1)").success());
    };
    kill(between);
    let pids = || {
        let status = server.status();
        let list = status["generations"].as_array().expect("a list").clone();
        let pids = list.iter().filter_map(|of| of["pid"].as_u64());
        pids.collect::<Vec<_>>()
    };
    eventually("the end of the one between", || {
        (!pids().contains(&between)).then_some(())
    });
    let first = u64::from(server.pid());
    assert!(pids().contains(&first), "{:?}", pids());
    assert_eq!((owned(&server), helped(&server)), (1, 1), "one owner");
    all_are_served(&server);
    kill(first);
    assert_eq!(server.exit_code(), None, "killed");
    eventually("both listeners", || (owned(&server) == 2).then_some(()));
    all_are_served(&server);
    assert_eq!(rest(blocked), "", "its request died with it");
}

#[cfg(debug_assertions)]
#[test]
fn a_failed_upgrade_leaves_a_stuck_core_helped_as_before() {
    let server = Lineage::start(&ARGUMENTS);
    let blocked = block(&server, 3_000);
    // It has everything, and dies before it serves.
    let doomed = dies_at(&server, "all-batons");
    fails(&server, &doomed, &["ended before it served", "137"]);
    all_are_served(&server);
    eventually("both listeners", || {
        (owned(&server) == 2 && helped(&server) == 0).then_some(())
    });
    drop(blocked);
}
