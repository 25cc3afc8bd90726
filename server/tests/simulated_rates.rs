//! How often clients may ask, over the simulated ring and in virtual time: bursts, the next request to the instant,
//! two cores, both versions of HTTP, and what becomes of a connection whose client asks too often. The arithmetic
//! itself is held in `admission/rates.rs`. The peers of a simulated world are those of a Unix socket, which is trusted
//! here to say who its clients are.

#[path = "http2/forge.rs"]
#[allow(dead_code, reason = "no test uses all of it")]
mod forge;

use forge::{Sent, Wire, forged, headers, settings};
use ringgate::admission::ledger::Reason;
use ringgate::config::{Config, RequestRates, TrustedProxy};
use ringgate::http2::Limits;
use ringgate::http2::frame::PREFACE;
use ringgate::runtime::driver::simulated::{Client, Faults};
use ringgate::simulation::Simulation;
use ringgate::{Next, Request, Router, app};
use std::num::NonZeroU32;
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);
const MILLISECOND: Duration = Duration::from_millis(1);

/// Ten requests a second and three at once, of each client.
fn config() -> Config {
    let mut config = Config::default();
    config.proxies.trusted = vec![TrustedProxy::Unix];
    config.rates = RequestRates {
        rate: Some("10/s".parse().expect("a rate")),
        burst: NonZeroU32::new(3),
        field: None,
    };
    config
}

fn router() -> Router<()> {
    Router::new()
        .get("/", |_: Request| async { "hello" })
        .post("/", |request: Request| async move {
            request.into_body().bytes().await
        })
        .merge(app::health())
}

fn simulate(config: &Config) -> Simulation {
    Simulation::with_cores(config, router(), 2, 7, Faults::none())
}

fn get(path: &str, fields: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nHost: t\r\n{fields}\r\n").into_bytes()
}

/// A request of this client.
fn of(client: &str) -> Vec<u8> {
    get("/", &format!("X-Forwarded-For: {client}\r\n"))
}

/// Sends a request, and what is answered.
#[track_caller]
fn ask(simulation: &mut Simulation, client: &Client, request: &[u8]) -> String {
    client.take_received();
    client.send(request);
    simulation.run_until(|_| client.received_len() > 0 || client.is_closed());
    String::from_utf8(client.take_received()).expect("ASCII")
}

#[track_caller]
fn status(answer: &str) -> &str {
    answer.get(9..12).unwrap_or_else(|| panic!("{answer:?}"))
}

fn pass(simulation: &mut Simulation, time: Duration) {
    let end = simulation.world().now() + time;
    simulation.run_until(|simulation| simulation.world().now() >= end);
}

#[test]
fn a_client_that_asks_too_often_gets_429_and_when_to_come_again_and_keeps_its_connection() {
    let mut simulation = simulate(&config());
    let client = simulation.connect_to(0);
    for _ in 0..3 {
        let answer = ask(&mut simulation, &client, &of("203.0.113.1"));
        assert_eq!(status(&answer), "200");
    }
    let answer = ask(&mut simulation, &client, &of("203.0.113.1"));
    assert_eq!(status(&answer), "429");
    let answer = answer.to_ascii_lowercase();
    for field in ["\r\nretry-after: 1\r\n", "\r\nx-ringgate-reason: rate\r\n"] {
        assert!(answer.contains(field), "{answer}");
    }
    assert!(!answer.contains("connection: close"), "{answer}");
    assert!(!client.is_closed());
    // The interval is 100 ms.
    pass(&mut simulation, 50 * MILLISECOND);
    assert_eq!(
        status(&ask(&mut simulation, &client, &of("203.0.113.1"))),
        "429"
    );
    pass(&mut simulation, 60 * MILLISECOND);
    assert_eq!(
        status(&ask(&mut simulation, &client, &of("203.0.113.1"))),
        "200"
    );
    pass(&mut simulation, SECOND);
    client.close();
    simulation.run_until(|simulation| simulation.ledgers(0).0.open == 0);
    let (connections, requests) = simulation.ledgers(0);
    assert!(connections.balances() && requests.balances());
    assert_eq!(requests.answered, 4);
    assert_eq!(requests.rejected.get(Reason::Rate), 2);
    // It was no refusal that the connection ended with.
    assert_eq!(connections.rejected.get(Reason::Rate), 0);
    assert_eq!(connections.finished, 1);
}

#[test]
fn retry_after_says_whole_seconds_and_who_waits_for_them_is_served() {
    let mut config = config();
    config.rates.rate = Some("1/m".parse().expect("a rate"));
    config.rates.burst = NonZeroU32::new(1);
    let mut simulation = simulate(&config);
    let client = simulation.connect_to(0);
    let request = of("203.0.113.1");
    assert_eq!(status(&ask(&mut simulation, &client, &request)), "200");
    pass(&mut simulation, SECOND / 2);
    let answer = ask(&mut simulation, &client, &request).to_ascii_lowercase();
    assert!(answer.contains("\r\nretry-after: 60\r\n"), "{answer}");
    pass(&mut simulation, 60 * SECOND);
    assert_eq!(status(&ask(&mut simulation, &client, &request)), "200");
}

#[test]
fn the_rate_is_one_over_all_cores_and_each_client_has_its_own() {
    let mut simulation = simulate(&config());
    let on = [simulation.connect_to(0), simulation.connect_to(1)];
    let one = of("203.0.113.1");
    let answered = |simulation: &mut Simulation, request: &[u8]| {
        let mut statuses = Vec::new();
        for core in [0, 1, 0, 1, 0] {
            statuses.push(status(&ask(simulation, &on[core], request)).to_owned());
        }
        statuses.iter().filter(|status| *status == "200").count()
    };
    assert_eq!(answered(&mut simulation, &one), 3);
    assert_eq!(answered(&mut simulation, &of("203.0.113.2")), 3);
    assert_eq!(answered(&mut simulation, &of("[2001:db8::1]")), 3);
    // The same network.
    assert_eq!(answered(&mut simulation, &of("[2001:db8::2]")), 0);
    assert_eq!(answered(&mut simulation, &of("[2001:db8:0:1::2]")), 3);
}

#[test]
fn a_field_counts_by_its_value_and_requests_without_it_by_their_address() {
    let mut config = config();
    config.rates.field = Some("X-Api-Key".to_owned());
    let mut simulation = simulate(&config);
    let client = simulation.connect_to(0);
    let keyed = |key: &str, address: &str| {
        get(
            "/",
            &format!("x-api-key: {key}\r\nX-Forwarded-For: {address}\r\n"),
        )
    };
    for address in ["203.0.113.1", "203.0.113.2", "203.0.113.3"] {
        let answer = ask(&mut simulation, &client, &keyed("a", address));
        assert_eq!(status(&answer), "200");
    }
    let answer = ask(&mut simulation, &client, &keyed("a", "203.0.113.4"));
    assert_eq!(status(&answer), "429");
    for request in [keyed("b", "203.0.113.4"), of("203.0.113.1")] {
        assert_eq!(status(&ask(&mut simulation, &client, &request)), "200");
    }
}

#[test]
fn health_routes_and_clients_whom_nobody_knows_are_not_counted() {
    let mut simulation = simulate(&config());
    let client = simulation.connect_to(0);
    let health = get("/healthz", "X-Forwarded-For: 203.0.113.1\r\n");
    for request in [&health, &get("/", "")] {
        for _ in 0..10 {
            assert_eq!(status(&ask(&mut simulation, &client, request)), "200");
        }
    }
}

#[test]
fn a_batch_is_answered_in_its_order_with_what_is_refused_in_it() {
    let mut simulation = simulate(&config());
    let client = simulation.connect_to(0);
    let batch = [of("203.0.113.1").repeat(5), of("203.0.113.2")].concat();
    client.send(&batch);
    let statuses = |client: &Client| {
        let text = String::from_utf8(client.received()).expect("ASCII");
        let answers = text.split("HTTP/1.1 ").skip(1);
        answers
            .map(|answer| answer[..3].to_owned())
            .collect::<Vec<_>>()
    };
    simulation.run_until(|_| statuses(&client).len() == 6);
    assert_eq!(
        statuses(&client),
        ["200", "200", "200", "429", "429", "200"]
    );
    pass(&mut simulation, SECOND);
    let (_, requests) = simulation.ledgers(0);
    assert!(requests.balances());
    assert_eq!((requests.answered, requests.running), (4, 0));
    assert_eq!(requests.rejected.get(Reason::Rate), 2);
}

#[test]
fn a_refused_upload_is_answered_before_its_body_is_there() {
    let mut simulation = simulate(&config());
    let client = simulation.connect_to(0);
    for _ in 0..3 {
        ask(&mut simulation, &client, &of("203.0.113.1"));
    }
    let head =
        "POST / HTTP/1.1\r\nHost: t\r\nX-Forwarded-For: 203.0.113.1\r\nContent-Length: 5\r\n\r\n";
    let answer = ask(&mut simulation, &client, head.as_bytes());
    assert_eq!(status(&answer), "429");
    client.send(b"hello");
    client.shutdown_write();
    simulation.run_until(|simulation| simulation.ledgers(0).0.open == 0);
    let (connections, requests) = simulation.ledgers(0);
    assert!(connections.balances() && requests.balances());
}

#[test]
fn what_is_around_the_answers_sees_that_one_was_refused() {
    let router = router().around(|request: Request, next: Next<()>| async move {
        let response = next.run(request).await;
        let seen = response.status().as_u16().to_string();
        response.with_header(
            ringgate::http::HeaderName::from_static("x-seen"),
            ringgate::http::HeaderValue::from_str(&seen).expect("digits"),
        )
    });
    let mut simulation = Simulation::with_cores(&config(), router, 1, 7, Faults::none());
    let client = simulation.connect_to(0);
    for expected in ["200", "200", "200", "429"] {
        let answer = ask(&mut simulation, &client, &of("203.0.113.1"));
        assert_eq!(status(&answer), expected);
        let answer = answer.to_ascii_lowercase();
        assert!(
            answer.contains(&format!("\r\nx-seen: {expected}\r\n")),
            "{answer}"
        );
    }
}

#[test]
fn streams_of_http2_count_like_requests_and_the_refused_ones_end_alone() {
    let mut simulation = simulate(&config());
    let client = simulation.connect_to(0);
    client.send(&[PREFACE, &settings(&[])[..], &forged(4, 1, 0, &[])].concat());
    let mut fields = forge::GET.to_vec();
    if let Some(path) = fields.iter_mut().find(|(name, _)| *name == ":path") {
        path.1 = "/";
    }
    fields.push(("x-forwarded-for", "203.0.113.1"));
    let mut wire = Wire::silent(Limits::default());
    let mut statuses = Vec::new();
    let mut listen = |simulation: &mut Simulation, count: usize| {
        simulation.run_until(|_| {
            wire.out.extend(client.take_received());
            for sent in wire.says() {
                if let Sent::Headers { stream, fields, .. } = sent {
                    let status = fields.iter().find(|(name, _)| name == ":status");
                    let retry = fields.iter().find(|(name, _)| name == "retry-after");
                    let retry = retry.map(|(_, value)| value.clone());
                    statuses.push((stream, status.expect("a status").1.clone(), retry));
                }
            }
            statuses.len() >= count
        });
        statuses.clone()
    };
    let batch: Vec<u8> = (0..5)
        .flat_map(|n| headers(1 + 2 * n, true, &fields))
        .collect();
    client.send(&batch);
    let mut heard = listen(&mut simulation, 5);
    heard.sort();
    let short: Vec<_> = heard
        .iter()
        .map(|(_, status, retry)| (&status[..], retry.as_deref()))
        .collect();
    let (fine, refused) = (("200", None), ("429", Some("1")));
    assert_eq!(short, [fine, fine, fine, refused, refused]);
    pass(&mut simulation, SECOND);
    client.send(&headers(11, true, &fields));
    let heard = listen(&mut simulation, 6);
    assert_eq!(heard[5].1, "200");
    let (_, requests) = simulation.ledgers(0);
    assert_eq!(requests.rejected.get(Reason::Rate), 2);
}
