//! Upgrades whose new process may open fewer descriptors than the old one has connections: what does
//! not fit stays, and no client sees it.

use crate::common::{BINARY, assert_balanced, eventually};
use crate::upgrade::{Lineage, ask, fails, script};
use serde_json::Value;
use std::io::Read;
use std::net::TcpStream;

/// A program that may have so many descriptors.
fn with_descriptors(server: &Lineage, count: u32) -> String {
    let text = format!("exec prlimit --nofile={count}:{count} {BINARY} \"$@\"");
    script(server, &text).to_str().expect("UTF-8").to_owned()
}

fn asked(server: &Lineage, count: usize) -> Vec<TcpStream> {
    let mut clients: Vec<TcpStream> = (0..count).map(|_| server.connect()).collect();
    clients.iter_mut().for_each(ask);
    clients
}

/// Upgrades to a program that has room for a part of the connections, and returns what it says.
#[track_caller]
fn upgrade_scarcely(server: &Lineage, descriptors: u32) -> String {
    let binary = with_descriptors(server, descriptors);
    let output = server.ctl(&["upgrade", "--binary", &binary]);
    assert!(output.status.success(), "{output:?} {:#?}", server.seen);
    String::from_utf8(output.stdout).expect("UTF-8")
}

fn generations(server: &Lineage) -> Vec<Value> {
    let status = server.status();
    assert_balanced(&status);
    status["generations"].as_array().expect("a list").clone()
}

fn number(value: &Value) -> u64 {
    value.as_u64().expect("a number")
}

#[test]
fn what_the_new_process_has_no_descriptors_for_is_served_by_the_old_one_until_there_is_room() {
    const CLIENTS: u64 = 150;
    let mut server = Lineage::start(&["--cores", "2", "--graceful-timeout", "60s"]);
    let mut clients = asked(&server, CLIENTS as usize);
    let said = upgrade_scarcely(&server, 80);
    assert!(said.contains("stay with the older process"), "{said}");
    assert!(said.contains("LimitNOFILE="), "{said}");
    server.wait_line("no descriptors left for connections");
    // All of them have found their place.
    let list = eventually("two generations that hold everybody", || {
        let list = generations(&server);
        let open: u64 = list.iter().map(|one| number(&one["open"])).sum();
        (list.len() == 2 && open == CLIENTS && number(&list[1]["staying"]) > 0).then_some(list)
    });
    assert!(number(&list[0]["open"]) > 0, "{list:?}");
    for _ in 0..3 {
        clients.iter_mut().for_each(ask);
    }
    // There is room for those who come, and for operators.
    let mut fresh = server.connect();
    ask(&mut fresh);
    // Most of them leave: the others follow, and the old process has nothing left.
    let mut left = clients.split_off(CLIENTS as usize - 12);
    drop(clients);
    assert_eq!(server.exit_code(), Some(0), "the old one has nothing left");
    left.iter_mut().for_each(ask);
    let list = generations(&server);
    assert_eq!((list.len(), number(&list[0]["open"])), (1, 13), "{list:?}");
}

#[test]
fn what_does_not_fit_is_told_to_leave_before_the_graceful_time_is_over() {
    let times = ["--graceful-timeout", "4s", "--keepalive-grace", "1s"];
    let mut server = Lineage::start(&times);
    let mut clients = asked(&server, 150);
    upgrade_scarcely(&server, 80);
    assert_eq!(server.exit_code(), Some(0), "nobody was cut off");
    let mut answer = Vec::new();
    let mut ended = 0;
    for client in &mut clients {
        client.set_nonblocking(true).expect("a socket");
        ended += u64::from(client.read_to_end(&mut answer).is_ok());
    }
    assert_eq!(answer, b"");
    let list = generations(&server);
    assert_eq!(number(&list[0]["open"]), 150 - ended, "{list:?}");
}

#[test]
fn a_process_without_descriptors_for_the_listeners_says_what_it_lacks_and_the_old_one_goes_on() {
    let server = Lineage::start(&["--core-slots", "16"]);
    let mut kept = asked(&server, 1);
    let binary = with_descriptors(&server, 12);
    fails(
        &server,
        &binary,
        &["refuses", "no descriptor is left", "LimitNOFILE="],
    );
    ask(&mut kept[0]);
}
