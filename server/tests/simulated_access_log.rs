//! Lines of the access log for requests that take their time, in virtual time over the simulated ring.

#[path = "http2/forge.rs"]
#[allow(dead_code, reason = "no test uses all of it")]
mod forge;

use ringgate::config::{AccessFormat, AccessTarget, Config, Timeouts};
use ringgate::http::StatusCode;
use ringgate::http2::frame::PREFACE;
use ringgate::runtime::driver::simulated::{Action, Client};
use ringgate::runtime::sleep;
use ringgate::simulation::Simulation;
use ringgate::{Body, Next, Request, Response, Router};
use serde_json::Value;
use std::fs;
use std::path::PathBuf;
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(2);
const HOUR: Duration = Duration::from_secs(3600);
const LARGE_LEN: usize = 4 << 20;

fn router() -> Router<()> {
    Router::new()
        .get("/large", async |_: Request| "x".repeat(LARGE_LEN))
        .get("/later", async |_: Request| {
            sleep(3 * LIMIT).await;
            "later"
        })
        .get("/breaks", async |_: Request| {
            Body::writer(async |mut out| {
                out.write("a piece").await;
                sleep(LIMIT).await;
                Err("it breaks".into())
            })
        })
        .post("/echo", async |request: Request| {
            request.into_body().bytes().await
        })
}

/// Serves one client, and reads the lines that come of it.
fn lines_of(
    name: &str,
    shorten: impl FnOnce(&mut Timeouts),
    speak: impl FnOnce(&mut Simulation, &Client),
) -> Vec<Value> {
    lines_with(router(), name, shorten, speak)
}

fn lines_with(
    router: Router<()>,
    name: &str,
    shorten: impl FnOnce(&mut Timeouts),
    speak: impl FnOnce(&mut Simulation, &Client),
) -> Vec<Value> {
    let file = format!("ringgate-simulated-access-{}-{name}", std::process::id());
    let path: PathBuf = std::env::temp_dir().join(file);
    let _ = fs::remove_file(&path);
    let mut config = Config {
        timeouts: Timeouts {
            head: HOUR,
            body: HOUR,
            write: HOUR,
            idle: HOUR,
            ..Timeouts::default()
        },
        ..Config::default()
    };
    shorten(&mut config.timeouts);
    config.access_log.target = AccessTarget::File(path.clone());
    config.access_log.format = AccessFormat::Json;
    let mut simulation = Simulation::new(&config, router, 1);
    let client = simulation.connect();
    speak(&mut simulation, &client);
    drop((client, simulation));
    let text = fs::read_to_string(&path).expect("a file");
    let _ = fs::remove_file(&path);
    let read = |line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
    text.lines().map(read).collect()
}

fn until_closed(simulation: &mut Simulation, _: &Client) {
    simulation.run_until(|simulation| {
        let (connections, _) = simulation.ledgers(0);
        connections.accepted == 1 && connections.open == 0
    });
}

#[test]
fn an_answer_is_timed_to_its_first_and_its_last_byte() {
    let lines = lines_of(
        "later",
        |_| {},
        |simulation, client| {
            client.send(b"GET /later HTTP/1.1\r\nHost: t\r\n\r\n");
            simulation.run_until(|_| client.received().ends_with(b"later"));
            client.close();
            until_closed(simulation, client);
        },
    );
    let seconds = |name: &str| lines[0][name].as_f64().expect("seconds");
    assert!((6.0..6.01).contains(&seconds("first_byte")), "{lines:?}");
    assert!(seconds("duration") >= seconds("first_byte") && seconds("duration") < 6.02);
}

#[test]
fn a_client_that_takes_nothing_is_told_of_at_the_write_timeout_with_what_it_took() {
    let lines = lines_of(
        "write",
        |timeouts| timeouts.write = LIMIT,
        |simulation, client| {
            client.window(1000);
            client.send(b"GET /large HTTP/1.1\r\nHost: t\r\n\r\n");
            until_closed(simulation, client);
        },
    );
    let line = &lines[0];
    assert_eq!(
        (&line["status"], &line["aborted"]),
        (&200.into(), &true.into())
    );
    assert_eq!(line["reason"], "write-timeout");
    let bytes = line["bytes"].as_u64().expect("a count");
    assert!(bytes < LARGE_LEN as u64 / 2, "{line}");
    let seconds = line["duration"].as_f64().expect("seconds");
    assert!((2.0..2.6).contains(&seconds), "{line}");
}

#[test]
fn a_head_and_a_body_that_are_not_whole_in_time_are_told_of_as_answered_408() {
    for (sent, reason, request) in [
        ("GET /lar", "head-timeout", "GET /lar"),
        (
            "POST /echo HTTP/1.1\r\nHost: t\r\nContent-Length: 9\r\n\r\nhalf",
            "body-timeout",
            "POST /echo HTTP/1.1",
        ),
    ] {
        let shorten = |timeouts: &mut Timeouts| {
            timeouts.head = LIMIT;
            timeouts.body = LIMIT;
        };
        let lines = lines_of(reason, shorten, |simulation, client| {
            client.send(sent.as_bytes());
            simulation.run_until(|_| client.received_len() > 0);
            client.close();
            until_closed(simulation, client);
        });
        let line = &lines[0];
        assert_eq!(
            (&line["status"], &line["reason"]),
            (&408.into(), &reason.into()),
            "{line}"
        );
        assert_eq!(
            (&line["request"], &line["aborted"]),
            (&request.into(), &false.into())
        );
    }
}

#[test]
fn a_body_that_comes_too_slowly_is_told_of_as_one_that_stalls() {
    let demand = |timeouts: &mut Timeouts| timeouts.body_rate_min = Some(100);
    let lines = lines_of("slow-body", demand, |simulation, client| {
        client.send(b"POST /echo HTTP/1.1\r\nHost: t\r\nContent-Length: 99\r\n\r\n");
        for second in 1..20 {
            client.after(Duration::from_secs(second), Action::Send(b"x".to_vec()));
        }
        simulation.run_until(|_| client.received_len() > 0);
        client.close();
        until_closed(simulation, client);
    });
    assert_eq!(
        (&lines[0]["status"], &lines[0]["reason"]),
        (&408.into(), &"body-timeout".into())
    );
}

#[test]
fn a_body_on_a_stream_that_stalls_or_comes_too_slowly_is_told_of_by_the_same_reason() {
    let stalls = |timeouts: &mut Timeouts| timeouts.body = LIMIT;
    let demand = |timeouts: &mut Timeouts| timeouts.body_rate_min = Some(1000);
    let cases: [(_, fn(&mut Timeouts)); 2] = [("stalled-stream", stalls), ("slow-stream", demand)];
    for (name, shorten) in cases {
        let lines = lines_of(name, shorten, |simulation, client| {
            let fields = [
                (":method", "POST"),
                (":scheme", "http"),
                (":path", "/echo"),
                (":authority", "t"),
            ];
            let begins = [
                forge::settings(&[]),
                forge::headers(1, false, &fields),
                forge::data(1, false, &[7; 500]),
            ];
            client.send(&[PREFACE, &begins.concat()[..]].concat());
            if name == "slow-stream" {
                for second in 1..20 {
                    let piece = forge::data(1, false, &[7; 500]);
                    client.after(Duration::from_secs(second), Action::Send(piece));
                }
            }
            simulation.run_until(|simulation| simulation.ledgers(0).1.aborted == 1);
            client.close();
            until_closed(simulation, client);
        });
        assert_eq!(
            (&lines[0]["reason"], &lines[0]["aborted"]),
            (&"body-timeout".into(), &true.into()),
            "{name}: {}",
            lines[0]
        );
    }
}

#[test]
fn an_error_that_the_application_dresses_is_told_of_as_it_is_sent() {
    let dresses = async |request: Request, next: Next| {
        let answer = next.run(request).await;
        let status = answer.status();
        Response::text(format!("a page for {status}")).with_status(StatusCode::GONE)
    };
    for (sent, page) in [
        ("GET /lar", "a page for 408 Request Timeout"),
        ("GET nonsense\r\n\r\n", "a page for 400 Bad Request"),
        (
            "POST /echo HTTP/1.1\r\nHost: t\r\nContent-Length: 9\r\n\r\nhalf",
            "a page for 408 Request Timeout",
        ),
    ] {
        let shorten = |timeouts: &mut Timeouts| {
            timeouts.head = LIMIT;
            timeouts.body = LIMIT;
        };
        let router = router().around(dresses);
        let lines = lines_with(router, "dressed", shorten, |simulation, client| {
            client.send(sent.as_bytes());
            simulation.run_until(|_| client.received_len() > 0);
            let received = String::from_utf8(client.received()).expect("text");
            assert!(received.ends_with(page), "{received}");
            client.close();
            until_closed(simulation, client);
        });
        let line = &lines[0];
        assert_eq!(
            (&line["status"], &line["bytes"]),
            (&410.into(), &page.len().into()),
            "{line}"
        );
    }
}

#[test]
fn an_answer_whose_body_fails_is_told_of_as_aborted_by_the_server() {
    let lines = lines_of(
        "breaks",
        |_| {},
        |simulation, client| {
            client.send(b"GET /breaks HTTP/1.1\r\nHost: t\r\n\r\n");
            until_closed(simulation, client);
        },
    );
    let line = &lines[0];
    assert_eq!(
        (&line["status"], &line["aborted"]),
        (&200.into(), &true.into())
    );
    assert_eq!(
        (&line["reason"], &line["bytes"]),
        (&"failed-answer".into(), &7.into())
    );
}
