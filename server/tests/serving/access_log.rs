//! The access log: a line for each request at its real end, whatever became of it.

use crate::common::{Client, PATIENCE, TestServer, block_on, config, start_server, start_with};
use ringgate::config::{AccessFormat, AccessTarget, Config, ListenAddr};
use ringgate::http::{Method, StatusCode};
use ringgate::{Body, Request, Response, RouteOptions, Router, Server};
use serde_json::Value;
use std::fs;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

const AGENT: &str = "User-Agent: test/1\r\nReferer: http://from.example/\r\n";

/// A file for the access log of a test.
pub(crate) struct Log(pub(crate) PathBuf);

impl Log {
    pub(crate) fn new() -> Log {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("ringgate-access-log-{}-{number}", std::process::id());
        let path = std::env::temp_dir().join(name);
        let _ = fs::remove_file(&path);
        Log(path)
    }

    pub(crate) fn config(&self, format: AccessFormat) -> Config {
        let mut config = config();
        config.access_log.target = AccessTarget::File(self.0.clone());
        config.access_log.format = format;
        config
    }

    pub(crate) fn start(&self, format: AccessFormat) -> TestServer {
        start_with(self.config(format), router(), |_| ())
    }

    /// The lines, once there are so many; more are a failure.
    #[track_caller]
    pub(crate) fn lines(&self, count: usize) -> Vec<String> {
        let until = Instant::now() + PATIENCE;
        loop {
            let text = fs::read_to_string(&self.0).unwrap_or_default();
            if text.lines().count() >= count && text.ends_with('\n') {
                assert_eq!(text.lines().count(), count, "{text}");
                return text.lines().map(str::to_owned).collect();
            }
            assert!(Instant::now() < until, "not {count} lines: {text}");
            std::thread::sleep(Duration::from_millis(2)); // between two looks
        }
    }

    #[track_caller]
    pub(crate) fn objects(&self, count: usize) -> Vec<Value> {
        let lines = self.lines(count);
        let read = |line: &String| serde_json::from_str(line);
        let read = |line| read(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        lines.iter().map(read).collect()
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

pub(crate) fn router() -> Router<()> {
    let quiet = RouteOptions::new().unlogged();
    Router::new()
        .get("/", async |_: Request| "hello\n")
        .get("/later", async |_: Request| {
            ringgate::runtime::sleep(Duration::from_millis(20)).await;
            "later\n"
        })
        .get("/much-later", async |_: Request| {
            ringgate::runtime::sleep(Duration::from_millis(2600)).await;
            "much later\n"
        })
        .get("/never", async |_: Request| {
            std::future::pending::<&str>().await
        })
        .get("/large", async |_: Request| vec![b'x'; 40 << 20])
        .get("/pieces", async |_: Request| {
            Body::writer(async |mut out| {
                for _ in 0..3 {
                    out.write("piece\n").await;
                }
                Ok(())
            })
        })
        .get("/panic", async |_: Request| -> Response {
            panic!("as asked")
        })
        .get("/none", async |_: Request| StatusCode::NO_CONTENT)
        .post("/echo", async |request: Request| {
            request.into_body().bytes().await
        })
        .route_with(quiet, Method::GET, "/quiet", async |_: Request| "quiet\n")
        .route_with(
            quiet.body_size(4),
            Method::POST,
            "/quiet",
            async |request: Request| request.into_body().bytes().await,
        )
}

/// The line without its time, which has one of a known form.
#[track_caller]
pub(crate) fn untimed(line: &str) -> String {
    let (before, rest) = line.split_once(" [").expect("a time");
    let (time, after) = rest.split_once("] ").expect("its end");
    assert!(time.len() == 26 && time.ends_with(" +0000"), "{line}");
    format!("{before} {after}")
}

#[test]
fn each_request_of_a_batch_and_each_that_waits_has_a_line_in_combined_form() {
    let log = Log::new();
    let server = log.start(AccessFormat::Combined);
    let mut client = server.connect();
    let head = |path: &str| format!("GET {path} HTTP/1.1\r\nHost: test\r\n{AGENT}\r\n");
    client.send(
        [
            head("/?a=1"),
            head("/none"),
            head("/later"),
            head("/pieces"),
        ]
        .concat(),
    );
    for _ in 0..4 {
        client.answer();
    }
    client.request("HEAD", "/", "", b"");
    client.request("POST", "/echo", "", b"four");
    client.get("/missing");
    let lines = log.lines(7);
    let from = r#""http://from.example/" "test/1""#;
    let expected = [
        format!(r#"127.0.0.1 - - "GET /?a=1 HTTP/1.1" 200 6 {from}"#),
        format!(r#"127.0.0.1 - - "GET /none HTTP/1.1" 204 0 {from}"#),
        format!(r#"127.0.0.1 - - "GET /later HTTP/1.1" 200 6 {from}"#),
        format!(r#"127.0.0.1 - - "GET /pieces HTTP/1.1" 200 18 {from}"#),
        r#"127.0.0.1 - - "HEAD / HTTP/1.1" 200 0 "-" "-""#.to_owned(),
        r#"127.0.0.1 - - "POST /echo HTTP/1.1" 200 4 "-" "-""#.to_owned(),
    ];
    let untimed: Vec<_> = lines.iter().map(|line| untimed(line)).collect();
    assert_eq!(untimed[..6], expected);
    assert!(
        untimed[6].contains(r#""GET /missing HTTP/1.1" 404 "#),
        "{}",
        untimed[6]
    );
}

#[test]
fn a_line_of_json_says_how_long_it_took_and_where_it_was_served() {
    let log = Log::new();
    let server = log.start(AccessFormat::Json);
    let mut client = server.connect();
    client.get("/");
    client.get("/later");
    let port = client.stream().local_addr().unwrap().port();
    let lines = log.objects(2);
    for (number, line) in (1..).zip(&lines) {
        assert_eq!(line["remote_addr"], "127.0.0.1");
        assert_eq!(line["remote_port"], port);
        assert_eq!(
            (&line["core"], &line["connection_requests"]),
            (&0.into(), &Value::from(number))
        );
        assert_eq!(line["host"], "test");
        assert_eq!(line["connection"], lines[0]["connection"]);
        assert!(line["tls"].is_null() && line["stream"].is_null() && line["reason"].is_null());
        assert_eq!(line["aborted"], false);
    }
    assert_eq!(lines[0]["route"], "GET /");
    assert_eq!(lines[1]["route"], "GET /later");
    let seconds = |name: &str| lines[1][name].as_f64().expect("seconds");
    assert!(seconds("first_byte") >= 0.02 && seconds("duration") >= seconds("first_byte"));
    assert_eq!(seconds("queue"), 0.0);
}

#[test]
fn a_request_whose_client_goes_away_is_told_of_as_aborted_with_what_was_sent() {
    let log = Log::new();
    let server = log.start(AccessFormat::Json);
    let mut client = server.connect();
    client.send("GET /never HTTP/1.1\r\nHost: test\r\n\r\n");
    while server.total("requests/running") == 0 {}
    client.reset_when_dropped();
    drop(client);
    let line = &log.objects(1)[0];
    assert_eq!((&line["status"], &line["bytes"]), (&499.into(), &0.into()));
    assert_eq!(
        (&line["aborted"], &line["reason"]),
        (&true.into(), &"client-gone".into())
    );
    assert!(line["first_byte"].is_null());

    let mut client = server.connect_with_buffer(64 << 10);
    client.send("GET /large HTTP/1.1\r\nHost: test\r\n\r\n");
    // Some of it is there.
    let mut some = [0; 100];
    client.stream().read_exact(&mut some).unwrap();
    client.reset_when_dropped();
    drop(client);
    let line = &log.objects(2)[1];
    assert_eq!(
        (&line["status"], &line["aborted"]),
        (&200.into(), &true.into())
    );
    let sent = line["bytes"].as_u64().expect("a count");
    assert!(sent < 40 << 20, "{line}");
}

#[test]
fn what_is_no_request_is_told_of_with_its_first_line_and_the_reason() {
    let log = Log::new();
    let server = log.start(AccessFormat::Combined);
    for sent in [
        "\x16\x03\x01 \"quoted\"\r\n\r\n",
        "GET /a b HTTP/1.1\r\n\r\n",
    ] {
        let mut client = server.connect();
        client.send(sent);
        assert_eq!(client.answer().status, 400);
    }
    let mut lines = log.lines(2);
    lines.sort();
    assert!(
        lines[0].contains(r#" "GET /a b HTTP/1.1" 400 "#),
        "{}",
        lines[0]
    );
    assert!(
        lines[1].contains(r#" "\x16\x03\x01 \x22quoted\x22" 400 "#),
        "{}",
        lines[1]
    );
}

#[test]
fn no_client_can_put_a_line_or_a_secret_into_the_log() {
    let log = Log::new();
    let server = log.start(AccessFormat::Combined);
    let fields = "User-Agent: a\" 200 1 \"\\ \u{e9}\r\nAuthorization: Basic c2VjcmV0\r\nCookie: secret=1\r\n";
    server.connect().request("GET", "/%0a%22", fields, b"");
    let line = &log.lines(1)[0];
    assert!(
        line.ends_with(r#" "-" "a\x22 200 1 \x22\x5C \xC3\xA9""#),
        "{line}"
    );
    assert!(!line.contains("ecret") && !line.contains("c2Vj"), "{line}");
}

#[test]
fn a_refusal_of_the_gate_has_its_reason_and_a_wait_its_time() {
    let log = Log::new();
    let mut config = log.config(AccessFormat::Json);
    config.admission =
        ringgate::config::AdmissionLimits::new(std::num::NonZeroU32::new(1), "2".parse().unwrap())
            .unwrap();
    config.queue.timeout = Duration::from_millis(50);
    let server = start_with(config, router(), |_| ());
    let mut holder = server.connect();
    holder.send("GET /never HTTP/1.1\r\nHost: test\r\n\r\n");
    while server.total("requests/running") == 0 {}
    assert_eq!(server.get("/").status, 503);
    holder.reset_when_dropped();
    drop(holder);
    let lines = log.objects(2);
    let refused = lines
        .iter()
        .find(|line| line["status"] == 503)
        .expect("a refusal");
    assert_eq!(refused["reason"], "queue-timeout");
    assert!(
        refused["queue"].as_f64().expect("seconds") >= 0.05,
        "{refused}"
    );
    assert_eq!(refused["aborted"], false);
}

#[test]
fn a_handler_that_panics_and_a_body_that_is_too_large_have_their_reasons() {
    let log = Log::new();
    let mut config = log.config(AccessFormat::Json);
    config.limits.body_size = Some(4);
    let server = start_with(config, router(), |_| ());
    assert_eq!(server.get("/panic").status, 500);
    assert_eq!(
        server
            .connect()
            .request("POST", "/echo", "", b"12345")
            .status,
        413
    );
    let chunked = "Transfer-Encoding: chunked\r\n";
    let mut client = server.connect();
    client.send(format!(
        "POST /echo HTTP/1.1\r\nHost: t\r\n{chunked}\r\n5\r\n12345\r\n0\r\n\r\n"
    ));
    assert_eq!(client.answer().status, 413);
    let lines = log.objects(3);
    let of = |status: u16| {
        let found = lines.iter().filter(move |line| line["status"] == status);
        found.collect::<Vec<_>>()
    };
    assert_eq!(of(500)[0]["reason"], "panic");
    for line in of(413) {
        assert_eq!(line["target"], "/echo");
        assert!(
            line["reason"]
                .as_str()
                .is_some_and(|reason| !reason.is_empty()),
            "{line}"
        );
    }
    assert_eq!(of(413).len(), 2);
}

#[test]
fn a_route_that_wants_no_line_has_none_and_samples_leave_out_what_ends_well() {
    let log = Log::new();
    let mut config = log.config(AccessFormat::Json);
    config.access_log.sample = 3;
    let server = start_with(config, router(), |_| ());
    let mut client = server.connect();
    for _ in 0..9 {
        client.get("/quiet");
        client.get("/");
        client.get("/missing");
    }
    let lines = log.objects(3 + 9);
    let of = |status: u16| {
        lines
            .iter()
            .filter(move |line| line["status"] == status)
            .count()
    };
    assert_eq!((of(200), of(404)), (3, 9));
}

#[test]
fn requests_that_are_soon_over_are_left_out_where_only_slow_ones_are_wanted() {
    let log = Log::new();
    let mut config = log.config(AccessFormat::Json);
    config.access_log.slow = Duration::from_millis(2500);
    let server = start_with(config, router(), |_| ());
    let mut client = server.connect();
    client.get("/");
    client.get("/much-later");
    client.get("/missing");
    let targets: Vec<_> = log
        .objects(2)
        .iter()
        .map(|line| line["target"].clone())
        .collect();
    assert_eq!(targets, ["/much-later", "/missing"]);
}

#[test]
fn the_client_of_a_unix_socket_has_an_address_that_programs_understand() {
    let log = Log::new();
    let path = log.0.with_extension("sock");
    let _ = fs::remove_file(&path);
    let mut config = log.config(AccessFormat::Combined);
    config.listen.push(ListenAddr::unix(&path).into());
    let _server = start_with(config, router(), |_| ());
    let mut stream = UnixStream::connect(&path).unwrap();
    stream.write_all(b"GET / HTTP/1.0\r\n\r\n").unwrap();
    stream.read_to_end(&mut Vec::new()).unwrap();
    let line = untimed(&log.lines(1)[0]);
    assert_eq!(line, r#"127.0.0.1 - - "GET / HTTP/1.0" 200 6 "-" "-""#);
}

#[test]
fn a_connection_that_has_moved_keeps_its_number_and_the_address_of_its_client() {
    let log = Log::new();
    let mut config = log.config(AccessFormat::Json);
    config.cores = "2".parse().unwrap();
    let server = start_with(config, router(), |_| ());
    let mut clients: Vec<Client> = (0..4).map(|_| server.connect()).collect();
    for client in &mut clients {
        client.get("/");
    }
    block_on(server.running().handle().resize(1)).expect("resized");
    for client in &mut clients {
        client.get("/");
    }
    let lines = log.objects(8);
    for client in &clients {
        let port = client.stream().local_addr().unwrap().port();
        let of = lines.iter().filter(|line| line["remote_port"] == port);
        let numbers: Vec<_> = of.map(|line| &line["connection"]).collect();
        assert_eq!(numbers.len(), 2);
        assert_eq!(numbers[0], numbers[1]);
    }
}

#[test]
fn the_status_and_the_metrics_count_the_lines() {
    let log = Log::new();
    let server = start_server(Server::new(log.config(AccessFormat::Combined), router()));
    server.get("/");
    log.lines(1);
    let until = Instant::now() + PATIENCE;
    while server.status()["access_log"]["written"] != 1 {
        assert!(Instant::now() < until);
    }
    assert_eq!(server.status()["access_log"]["dropped"], 0);
}

#[test]
fn each_line_has_the_client_that_a_trusted_proxy_names() {
    let log = Log::new();
    let mut config = log.config(AccessFormat::Json);
    config.proxies.trusted = vec!["127.0.0.1".parse().expect("an address")];
    let server = start_with(config, router(), |_| ());
    let mut client = server.connect();
    let own = client.stream().local_addr().expect("an address");
    let expected = [
        ("/", "203.0.113.7", "203.0.113.7".to_owned(), 0),
        ("/later", "[2001:db8::7]:80", "2001:db8::7".to_owned(), 80),
        ("/", "unknown", own.ip().to_string(), own.port()),
    ];
    for (path, named, _, _) in &expected {
        client.request("GET", path, &format!("X-Forwarded-For: {named}\r\n"), b"");
    }
    for (line, (_, named, address, port)) in log.objects(3).iter().zip(&expected) {
        assert_eq!(line["remote_addr"], address.as_str(), "{named}");
        assert_eq!(
            line["remote_port"].as_u64().unwrap_or(0),
            u64::from(*port),
            "{named}"
        );
    }
}

#[test]
fn a_line_has_the_client_that_a_header_of_the_proxy_protocol_announced() {
    let log = Log::new();
    let mut config = log.config(AccessFormat::Json);
    config.proxies.trusted = vec!["127.0.0.1".parse().expect("an address")];
    config.proxies.protocol = ringgate::config::ProxyProtocol::On;
    let server = start_with(config, router(), |_| ());
    let mut client = server.connect();
    client.send("PROXY TCP4 203.0.113.7 198.51.100.1 4711 443\r\n");
    client.get("/");
    let line = &log.objects(1)[0];
    assert_eq!(
        (&line["remote_addr"], &line["remote_port"]),
        (&"203.0.113.7".into(), &4711.into())
    );
}

#[test]
fn a_refusal_on_a_route_that_wants_no_line_puts_nothing_of_its_body_into_the_log() {
    let log = Log::new();
    let server = log.start(AccessFormat::Combined);
    let mut client = server.connect();
    client.send("POST /quiet HTTP/1.1\r\nHost: t\r\nContent-Length: 12\r\n\r\npassword=abc");
    assert_eq!(client.answer().status, 413);
    drop(client);
    let mut client = server.connect();
    let chunked = "POST /quiet HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n";
    client.send(format!("{chunked}c\r\npassword=abc\r\n0\r\n\r\n"));
    assert_eq!(client.answer().status, 413);
    drop(client);
    server.get("/");
    let lines = log.lines(1);
    assert!(lines[0].contains("GET / HTTP/1.1"), "{lines:?}");
}

/// The id that an answer has.
#[track_caller]
fn id_of(answer: &crate::common::Answer) -> String {
    answer.header("x-request-id").expect("an id").to_owned()
}

#[test]
fn a_line_has_the_id_that_the_answer_to_its_request_has() {
    let log = Log::new();
    let mut config = log.config(AccessFormat::Json);
    config.proxies.request_id = Some("X-Request-Id".into());
    config.proxies.trusted = vec!["127.0.0.1".parse().expect("an address")];
    config.limits.body_size = Some(4);
    let server = start_with(config, router(), |_| ());
    let mut client = server.connect();
    let mut ids = Vec::new();
    for (method, path, fields, body) in [
        ("GET", "/", "X-Request-Id: given-1\r\n", &b""[..]),
        ("GET", "/", "", b""),
        ("GET", "/later", "", b""),
        ("POST", "/echo", "", b"1234"),
        ("GET", "/quiet", "", b""),
        ("GET", "/nowhere", "", b""),
        ("POST", "/echo", "", b"12345"),
    ] {
        let answer = client.request(method, path, fields, body);
        if path != "/quiet" {
            ids.push((path.to_owned(), id_of(&answer)));
        }
    }
    let mut client = server.connect();
    client.send("GET /no HTTP/1.1\r\nno field\r\n\r\n");
    ids.push(("GET /no HTTP/1.1".to_owned(), id_of(&client.answer())));
    assert_eq!(ids[0].1, "given-1");
    let lines = log.objects(ids.len());
    let mut told: Vec<_> = lines
        .iter()
        .map(|line| {
            let of = line["target"].as_str().or(line["request"].as_str());
            (
                of.expect("a name").to_owned(),
                line["request_id"].as_str().expect("an id").to_owned(),
            )
        })
        .collect();
    told.sort();
    ids.sort();
    assert_eq!(told, ids);
}

#[test]
fn a_request_has_one_id_though_its_body_is_refused_while_its_handler_runs() {
    let log = Log::new();
    let mut config = log.config(AccessFormat::Json);
    config.proxies.request_id = Some("X-Request-Id".into());
    config.limits.body_size = Some(4);
    let (tell, told) = std::sync::mpsc::channel();
    let router = Router::new().post(
        "/",
        async |request: Request<std::sync::mpsc::Sender<String>>| {
            let id = request.id().expect("an id").to_owned();
            request.state().send(id).expect("somebody listens");
            request.into_body().bytes().await
        },
    );
    let server = start_with(config, router, move |_| tell.clone());
    let begun = "POST / HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n";
    let mut client = server.connect();
    client.send(begun);
    let of_handler = told.recv_timeout(PATIENCE).expect("the handler runs");
    client.send("5\r\n12345\r\n");
    let answer = client.answer();
    assert_eq!((answer.status, id_of(&answer)), (413, of_handler.clone()));
    assert_eq!(log.objects(1)[0]["request_id"], of_handler.as_str());
}
