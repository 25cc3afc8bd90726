//! `--metrics`: what a scraper gets.

use crate::common::{Directory, Program, connect, get, ringgate};
use std::io::{Read, Write};

fn address(program: &mut Program) -> String {
    let line = program.wait_line("metrics on http://");
    line.split_once("http://").unwrap().1.trim().to_owned()
}

#[test]
fn every_line_parses_and_every_name_is_documented() {
    let listeners = ["--listen", "127.0.0.1:0", "--listen", "https://127.0.0.1:0"];
    let mut args = vec![
        "--metrics",
        "127.0.0.1:0",
        "--max-threads",
        "7",
        "--certificate",
        "self",
    ];
    args.extend(listeners);
    let mut program = Program::start(&args);
    let address = address(&mut program);
    for _ in 0..5 {
        program.get("/plaintext");
    }
    let answer = get(&address, "/metrics");
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 200 OK"), "{head}");
    assert!(head.contains("text/plain; version=0.0.4"), "{head}");
    let documented = include_str!("../../../docs/metrics.md");
    for line in body.lines().filter(|line| !line.starts_with('#')) {
        let (series, value) = line.rsplit_once(' ').expect(line);
        value.parse::<f64>().expect(line);
        let name = series.split('{').next().unwrap();
        let family = ["_bucket", "_sum", "_count"]
            .iter()
            .find_map(|suffix| name.strip_suffix(suffix))
            .unwrap_or(name);
        assert!(documented.contains(&format!("`{family}`")), "{name}");
    }
    for line in [
        "ringgate_requests_answered_total{core=\"0\"} 5",
        "ringgate_responses_total{core=\"0\",class=\"2xx\"} 5",
        "ringgate_route_responses_total{route=\"GET /plaintext\",status=\"200\"} 5",
        "ringgate_limit{limit=\"max_threads\"} 7",
        "ringgate_phase{phase=\"running\"} 1",
        "ringgate_request_service_seconds_count{core=\"0\"} 5",
    ] {
        assert!(body.contains(&format!("{line}\n")), "{line} in {body}");
    }
}

/// Each way to an answer counts it once, for its route where it has one.
#[test]
fn every_answer_is_counted_for_its_route_and_in_its_class() {
    let mut program = Program::start(&["--metrics", "127.0.0.1:0", "--demo", "on"]);
    let address = address(&mut program);
    for path in [
        "/plaintext",
        "/stream?n=2&ms=0",
        "/panic",
        "/sleep?ms=1",
        "/no/such",
    ] {
        program.get(path);
    }
    let mut sent = connect(&program.address);
    sent.write_all(b"no HTTP\r\n\r\n").unwrap();
    sent.read_to_string(&mut String::new()).unwrap();
    let page = get(&address, "/metrics");
    let numbers = |family: &str, label: &str| {
        let of = |line: &&str| line.starts_with(family) && line.contains(label);
        let lines = page.lines().filter(of);
        lines
            .map(|line| line.rsplit_once(' ').unwrap().1.parse::<u64>().unwrap())
            .sum::<u64>()
    };
    let routes = "ringgate_route_responses_total";
    for (route, status) in [
        ("GET /plaintext", 200),
        ("GET /stream", 200),
        ("GET /panic", 500),
        ("GET /sleep", 200),
    ] {
        let line = format!("{routes}{{route=\"{route}\",status=\"{status}\"}} 1\n");
        assert!(page.contains(&line), "{line} in {page}");
    }
    let classes = "ringgate_responses_total";
    assert_eq!(numbers(classes, "2xx"), 3, "{page}");
    assert_eq!(numbers(classes, "4xx"), 2, "{page}");
    assert_eq!(numbers(classes, "5xx"), 1, "{page}");
}

#[test]
fn a_scrape_is_in_no_ledger() {
    let mut program = Program::start(&["--metrics", "127.0.0.1:0"]);
    let address = address(&mut program);
    get(&address, "/metrics");
    assert_eq!(program.status()["totals"]["connections"]["accepted"], 0);
}

#[test]
fn anything_but_a_get_of_metrics_is_told_so() {
    let mut program = Program::start(&["--metrics", "127.0.0.1:0"]);
    let address = address(&mut program);
    assert!(get(&address, "/").starts_with("HTTP/1.1 404 "));
    let ask = |bytes: &[u8]| {
        let mut stream = connect(&address);
        stream.write_all(bytes).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    };
    let answer = ask(b"DELETE /metrics HTTP/1.1\r\nHost: test\r\n\r\n");
    assert!(answer.starts_with("HTTP/1.1 405 "), "{answer}");
    assert!(
        answer.to_lowercase().contains("allow: get, head"),
        "{answer}"
    );
    let answer = ask(b"garbage\r\n\r\n");
    assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
}

#[test]
fn a_taken_metrics_address_is_exit_code_1() {
    let first = Program::start(&[]);
    let output = crate::common::ringgate()
        .args(["--listen", "127.0.0.1:0", "--control", "none", "--metrics"])
        .arg(&first.address)
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(
        text.contains(&first.address) && text.contains("taken"),
        "{text}"
    );
    assert!(
        text.contains("--metrics") && !text.contains("--listen"),
        "{text}"
    );
}

#[test]
fn what_the_kernel_does_not_tell_of_a_unix_socket_has_no_metric() {
    let directory = Directory::new();
    let listen = format!("unix:{}", directory.path("web.sock").display());
    let args = [
        "--listen",
        &listen,
        "--listen",
        "127.0.0.1:0",
        "--metrics",
        "127.0.0.1:0",
    ];
    let mut program = Program::spawn(ringgate(), directory, &args, true);
    let address = address(&mut program);
    let body = get(&address, "/metrics");
    for (family, unix_has) in [
        ("ringgate_listener_owner_core", true),
        ("ringgate_listener_queue", false),
        ("ringgate_listener_queue_limit", false),
    ] {
        let of_unix = format!("{family}{{address=\"unix:");
        let of_tcp = format!("{family}{{address=\"127.0.0.1:");
        assert!(body.contains(&of_tcp), "{body}");
        assert_eq!(body.contains(&of_unix), unix_has, "{family} in {body}");
    }
}
