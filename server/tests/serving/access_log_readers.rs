//! Programs that people read access logs with take every line of ours, also those that clients try to spoil.

use crate::access_log::{Log, router};
use crate::common::{curl, output, start_with};
use ringgate::config::{AccessFormat, ListenAddr};
use serde_json::Value;
use std::fs;
use std::path::Path;
use std::process::Command;

/// Requests of every kind that a log has to tell of; how many.
fn fill(log: &Log, format: AccessFormat) -> usize {
    let socket = log.0.with_extension("sock");
    let _ = fs::remove_file(&socket);
    let mut config = log.config(format);
    config.listen.push(ListenAddr::unix(&socket).into());
    let server = start_with(config, router(), |_| ());
    let url = server.url("/");
    curl(&[&url]);
    curl(&[
        "-A",
        "a \"b\" \\ c [d]",
        "-e",
        "http://from.example/?q=\"",
        &url,
    ]);
    curl(&["-A", "", &url]);
    curl(&["--http2-prior-knowledge", &url]);
    curl(&[
        "--unix-socket",
        socket.to_str().expect("UTF-8"),
        "http://test/?a=%22&b=%0a",
    ]);
    let raw = [
        &b"\x16\x03\x01\x02 \"\r\n\r\n"[..],
        b"GET /a b HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
        b"\r\n\r\n\r\n\r\n\r\n\r\n",
    ];
    for bytes in raw {
        let mut client = server.connect();
        client.send(bytes);
        assert_eq!(client.answer().status, 400);
    }
    let mut client = server.connect();
    client.send("GET /never HTTP/1.1\r\nHost: test\r\n\r\n");
    while server.total("requests/running") == 0 {}
    client.reset_when_dropped();
    drop(client);
    let count = 5 + raw.len() + 1;
    log.lines(count);
    count
}

/// What goaccess makes of a log.
fn goaccess(log: &Path, options: &[&str]) -> Value {
    let report = log.with_extension("json");
    let mut goaccess = Command::new("goaccess");
    goaccess.arg(log).args(options).arg("-o").arg(&report);
    output(goaccess.args(["--no-progress", "--no-global-config"]));
    let text = fs::read_to_string(&report).expect("a report");
    let _ = fs::remove_file(&report);
    serde_json::from_str(&text).expect("JSON")
}

#[test]
#[ignore = "needs goaccess: apt-get install goaccess"]
fn goaccess_takes_every_line_of_both_formats() {
    let log = Log::new();
    let count = fill(&log, AccessFormat::Combined);
    let general = &goaccess(&log.0, &["--log-format=COMBINED"])["general"];
    assert_eq!(
        (&general["valid_requests"], &general["failed_requests"]),
        (&count.into(), &0.into())
    );

    let page = include_str!("../../../docs/access-log.md");
    let option = |name: &str| {
        let line = page.lines().find_map(|line| line.strip_prefix(name));
        let value = line.unwrap_or_else(|| panic!("{name} is not in docs/access-log.md"));
        format!("--{}={value}", name.trim())
    };
    let options = ["date-format ", "time-format ", "log-format "].map(option);
    let log = Log::new();
    let count = fill(&log, AccessFormat::Json);
    let general = &goaccess(&log.0, &options.each_ref().map(String::as_str))["general"];
    assert_eq!(
        (&general["valid_requests"], &general["failed_requests"]),
        (&count.into(), &0.into())
    );
}

#[test]
#[ignore = "needs lnav: apt-get install lnav"]
fn lnav_knows_the_combined_form_by_itself() {
    let log = Log::new();
    let count = fill(&log, AccessFormat::Combined);
    let mut lnav = Command::new("lnav");
    let query = ";SELECT count(*) AS n FROM access_log";
    let said = output(
        lnav.args(["-n", "-c", query, "-c", ":write-json-to -"])
            .arg(&log.0),
    );
    let said: Value = serde_json::from_str(&said).unwrap_or_else(|error| panic!("{error}: {said}"));
    assert_eq!(said[0]["n"], count);
}
